/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The power goes at every single mutation of a run, and everything a cache may do with
 * what was not synced is tried. Whatever happens: init() succeeds, nothing below the
 * durable() reported last is missing or changed, both logs are right to an independent
 * reader, no cut is called damage, and the log goes on - also when the power goes again
 * while it recovers.
 */
#include "log_rig.h"

enum { RECORDS = 150 };

typedef struct image {
    uint8_t live[2][RIG_SIZE], durable[2][RIG_SIZE], journal[2][RIG_JOURNAL];
    dt_flash flash[2];
    dt_keystore keys;
} image;

static rig_read seen, reference;
static uint8_t reference_mem[2][RIG_SIZE];

static void save_image(const rig *r, image *m)
{
    for (int i = 0; i < 2; i++) {
        m->flash[i] = r->flash[i];
        memcpy(m->live[i], r->flash[i].live, RIG_SIZE);
        memcpy(m->durable[i], r->flash[i].durable, RIG_SIZE);
        memcpy(m->journal[i], r->flash[i].journal, r->flash[i].journal_used);
    }
    m->keys = r->keys;
}

static void load_image(rig *r, const image *m)
{
    for (int i = 0; i < 2; i++) {
        memcpy(r->flash[i].live, m->live[i], RIG_SIZE);
        memcpy(r->flash[i].durable, m->durable[i], RIG_SIZE);
        memcpy(r->flash[i].journal, m->journal[i], m->flash[i].journal_used);
        r->flash[i].n_ops = m->flash[i].n_ops;
        r->flash[i].journal_used = m->flash[i].journal_used;
        memcpy(r->flash[i].op, m->flash[i].op, sizeof m->flash[i].op);
    }
    r->keys = m->keys;
}

/* The run: records of many lengths into both logs, group commits, seals by count, a close
 * at the end. Returns what durable() said last; *rc is how it ended. */
static uint64_t run(rig *r, int *rc)
{
    uint64_t durable = 0;

    r->now.boot = 1;
    r->now.mono_ns = 1000;
    *rc = rig_open(r);
    for (uint32_t i = 0; i < RECORDS && *rc == DURA_OK; i++) {
        r->now.mono_ns += 1000;
        dt_eq(rig_append(r, i & 1u, i % 4u == 0 ? DURA_LOG_SECURITY : DURA_LOG_DECISION, i, 5 + i % 90), 0,
              "append %u", i);
        durable = dura_log_durable(r->log);
        *rc = dura_log_step(r->log, &r->now, 7);
        *rc = *rc > 0 ? 0 : *rc;
        durable = dura_log_durable(r->log);
    }
    if (*rc == DURA_OK)
        *rc = dura_log_deinit(r->log, &r->now, NULL, 0, 0);
    return r->log != NULL ? dura_log_durable(r->log) : durable;
}

static void config(rig *r)
{
    r->cfg.commit_records = 5;
    r->cfg.seal_records = 40;
    r->cfg.buffer_bytes = 700 + 2 * r->flash[0].prog_size;
}

/* Everything below `durable` is there and is what the clean run wrote. */
static void nothing_lost(const rig_read *got, uint64_t durable, const char *row)
{
    for (int log = 0; log < 2; log++) {
        uint32_t must = 0;
        while (must < reference.n[log] && reference.rec[log][must].gseq < durable)
            must++;
        dt_ok(got->n[log] >= must, "%s: log %d has %u records, %u were durable", row, log,
              got->n[log], must);
        for (uint32_t i = 0; i < must; i++) {
            const rig_record *a = &got->rec[log][i], *b = &reference.rec[log][i];
            dt_ok(a->len == b->len && memcmp(a->p, b->p, a->len) == 0, "%s: log %d record %u changed",
                  row, log, i);
        }
    }
}

/* After a cut and reboot: open, judge, go on, close, judge. */
static void survives(rig *r, uint64_t durable, int go_on, const char *row)
{
    dura_log_status st;
    int rc = rig_open(r);

    dt_eq(rc, DURA_OK, "%s: init", row);
    st = rig_status(r);
    dt_ok(st.found != DURA_LOG_DAMAGED, "%s: a cut is called damage", row);
    dt_ok(st.found != DURA_LOG_FRESH || durable == 0, "%s: all forgotten", row);
    dt_ok(st.gseq >= durable && st.durable == st.gseq, "%s: gseq", row);
    dt_ok(rig_check(r, &seen), "%s: after init: %s", row, seen.error);
    dt_eq(seen.n[0] + seen.n[1], st.gseq, "%s: records", row);
    nothing_lost(&seen, durable, row);
    dt_eq(r->flash[0].violations + r->flash[1].violations, 0, "%s: storage contract", row);
    if (!go_on)
        return;
    for (uint32_t i = 0; i < 2; i++)
        dt_eq(rig_append(r, 0, (uint8_t)(i + 1), 1000 + i, 30), 0, "%s: append", row);
    dt_eq(dura_log_deinit(r->log, &r->now, NULL, 0, 0), DURA_OK, "%s: close", row);
    dt_ok(rig_check(r, &seen), "%s: after close: %s", row, seen.error);
    dt_eq(seen.torn[0] + seen.torn[1], 0, "%s: tail", row);
    dt_eq(r->flash[0].violations + r->flash[1].violations, 0, "%s: storage contract", row);
}

/* The run without a cut: what every other one is compared with. Returns its mutations. */
static uint32_t make_reference(uint32_t prog_size, uint8_t erased)
{
    uint32_t total;
    rig r;
    int rc;

    rig_init(&r, prog_size, erased);
    config(&r);
    (void)run(&r, &rc);
    dt_eq(rc, DURA_OK, "clean run");
    total = r.power.mutations;
    dt_ok(rig_check(&r, &seen), "clean run: %s", seen.error);
    dt_ok(seen.seals >= 6 && seen.segments[0] >= 2 && seen.segments[1] >= 2,
          "the run is too short: %u seals, %u and %u segments", seen.seals, seen.segments[0],
          seen.segments[1]);
    reference = seen;                /* its records point into memory that goes away */
    for (int log = 0; log < 2; log++) {
        memcpy(reference_mem[log], r.flash[log].live, RIG_SIZE);
        for (uint32_t i = 0; i < seen.n[log]; i++)
            reference.rec[log][i].p = reference_mem[log] + (seen.rec[log][i].p - r.flash[log].live);
    }
    rig_free(&r);
    return total;
}

/* All cuts of the run on one geometry. `step` > 1 tries every step-th cut only. */
static void all_cuts(uint32_t prog_size, uint8_t erased, uint32_t step, uint32_t seeds)
{
    static image cut;
    uint32_t total = make_reference(prog_size, erased);
    uint64_t durable;
    rig r;
    int rc;

    for (uint32_t k = 1; k <= total; k += step) {
        rig_init(&r, prog_size, erased);
        config(&r);
        r.power.cut_at = k;
        r.power.cut_how = (uint8_t)(k % 3u);
        durable = run(&r, &rc);
        dt_eq(rc, k == total && r.power.cut_how == DT_CUT_AFTER ? rc : DT_EPOWER, "cut %u", k);
        save_image(&r, &cut);
        for (int mode = 0; mode < DT_MODES; mode++) {
            for (uint32_t seed = 0; seed < (mode == DT_NOOP || mode == DT_KEPT ? 1u : seeds); seed++) {
                char row[80];
                snprintf(row, sizeof row, "A %u erased %02x cut %u/%u how %u mode %d seed %u", prog_size,
                         erased, k, total, r.power.cut_how, mode, seed);
                load_image(&r, &cut);
                rig_reboot(&r, mode, seed * 77u + k);
                survives(&r, durable, (k + (uint32_t)mode) % 3u == 0, row);
            }
        }
        rig_free(&r);
    }
}

/* DURA_THOROUGH=n in the environment: every cut everywhere, n seeds. */
static void cuts(uint32_t prog_size, uint8_t erased, uint32_t step)
{
    const char *n = getenv("DURA_THOROUGH");
    all_cuts(prog_size, erased, n != NULL ? 1 : step, n != NULL ? (uint32_t)atoi(n) : 1);
}

DT_TEST(log_power, survives_every_cut_on_flash) { cuts(8, 0xFF, DT_SHARE); }
DT_TEST(log_power, survives_every_cut_on_files) { cuts(1, 0x00, 5 * DT_SHARE); }
DT_TEST(log_power, survives_cuts_with_wide_pages) { cuts(256, 0xFF, 7 * DT_SHARE); }

DT_TEST(log_power, survives_a_second_cut_while_it_recovers)
{
    static image cut;
    rig r;
    uint32_t pairs = 0;
    int rc;

    (void)make_reference(8, 0xFF);
    for (uint32_t k = 3; k < 330; k += getenv("DURA_THOROUGH") != NULL ? 1 : 17) {
        rig_init(&r, 8, k & 1u ? 0xFF : 0x00);
        config(&r);
        r.power.cut_at = k;
        r.power.cut_how = DT_CUT_HALF;
        uint64_t durable = run(&r, &rc);
        if (rc == DURA_OK) {
            rig_free(&r);
            break;
        }
        save_image(&r, &cut);
        for (int mode = DT_TORN; mode < DT_MODES; mode++) {
            for (uint32_t again = 1 + k % 2u; again < 30; again += 2) {
                char row[64];
                snprintf(row, sizeof row, "cut %u mode %d, then %u", k, mode, again);
                load_image(&r, &cut);
                rig_reboot(&r, mode, k * 3u + again);
                r.power.cut_at = again;
                r.power.cut_how = (uint8_t)(again % 3u);
                rc = rig_open(&r);
                if (rc == DURA_OK && !r.power.off)
                    break;
                rig_reboot(&r, (int)(DT_TORN + (again + k) % 4u), again);
                survives(&r, durable, again % 3u == 0, row);
                pairs++;
            }
        }
        rig_free(&r);
    }
    dt_ok(pairs > 100, "only %u pairs", pairs);
}

/* Open, append, save until the power goes or a dozen records are in. */
static uint64_t go_on(rig *r, uint32_t mark)
{
    uint64_t durable = 0;
    int rc = rig_open(r);

    for (uint32_t i = 0; i < 12 && rc == DURA_OK; i++) {
        dt_eq(rig_append(r, 0, (uint8_t)(1 + (i + mark) % 2u), mark + i, 20 + i), 0, "append");
        rc = i % 4u == 3 ? dura_log_save(r->log, &r->now) : dura_log_step(r->log, &r->now, 100);
        rc = rc > 0 ? 0 : rc;
    }
    dt_ok(rc == DURA_OK || rc == DT_EPOWER || rc == DURA_EFULL, "rc %d", rc);
    if (r->log != NULL)
        durable = dura_log_durable(r->log);
    return durable;
}

DT_TEST(log_power, survives_cut_after_cut)
{
    const char *n = getenv("DURA_THOROUGH");
    uint32_t chains = n != NULL ? (uint32_t)atoi(n) * 1000u : 120u;
    uint64_t rng = 500;      /* its chains also meet frames given up in an earlier boot */

    (void)make_reference(8, 0xFF);
    for (uint32_t c = 0; c < chains; c++) {
        char row[64];
        uint64_t durable, later = 0;
        uint32_t cuts = 1 + dt_below(&rng, 5);
        rig r;
        int rc;
        rig_init(&r, 8, 0xFF);
        config(&r);
        r.power.cut_at = 1 + dt_below(&rng, 300);
        r.power.cut_how = (uint8_t)dt_below(&rng, 3);
        durable = run(&r, &rc);
        for (uint32_t i = 0; i < cuts; i++) {
            uint64_t got;
            rig_reboot(&r, (int)dt_below(&rng, DT_MODES), dt_random(&rng));
            r.now.boot = c % 4u == 0 ? 1 : r.now.boot;   /* a box that does not count boots */
            r.power.cut_at = 1 + dt_below(&rng, 30);
            r.power.cut_how = (uint8_t)dt_below(&rng, 3);
            got = go_on(&r, 500 + 20 * i);
            later = got > later ? got : later;
        }
        rig_reboot(&r, (int)dt_below(&rng, DT_MODES), dt_random(&rng));
        snprintf(row, sizeof row, "chain %u of %u cuts", c, cuts);
        survives(&r, durable, 0, row);
        dt_ok(rig_status(&r).gseq >= later, "%s: %u durable later", row, (unsigned)later);
        rig_free(&r);
    }
}
