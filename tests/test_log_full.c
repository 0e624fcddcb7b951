/* SPDX-License-Identifier: Apache-2.0 */
/*
 * More records than the log can take: ten times too many, a disk that stalls, a disk that is
 * full. Whatever is lost is counted once, in a drop record, and the logs stay right to the
 * independent reader.
 */
#include "log_rig.h"

static rig_read seen;

static uint64_t number(const rig_record *rec, uint64_t key)
{
    uint64_t v = 0;
    dt_ok(rig_key(rec, key, &v) != NULL, "no key %u", (unsigned)key);
    return v;
}

typedef struct told { uint64_t count, why, high; uint32_t records, stored; } told;

/* What log `log` tells of its losses, and how many of our records it holds. */
static told losses(int log)
{
    told t = {0, 0, 0, 0, 0};
    for (uint32_t i = 0; i < seen.n[log]; i++) {
        const rig_record *r = &seen.rec[log][i];
        t.stored += r->kind == 20;
        if (r->kind != DURA_REC_DROP)
            continue;
        t.records++;
        t.count += number(r, 17);
        t.why |= number(r, 20);
        t.high = number(r, 21);
        dt_ok(number(r, 18) <= number(r, 19), "first and last");
    }
    return t;
}

static int step(rig *r, uint32_t budget)
{
    r->now.mono_ns += 1000000;
    int rc = dura_log_step(r->log, &r->now, budget);
    return rc > 0 ? 0 : rc;
}

static void check(rig *r, const char *what)
{
    dt_ok(rig_check(r, &seen), "%s: %s", what, seen.error);
    dt_eq(r->flash[0].violations + r->flash[1].violations, 0, "%s: storage contract", what);
}

/* Both logs, both rings: all that was offered is stored or told as lost. */
static void all_accounted(const uint32_t offered[2], uint64_t why, const char *what)
{
    for (int log = 0; log < 2; log++) {
        told t = losses(log);
        dt_eq(t.stored + t.count, offered[log], "%s: log %d: %u stored, %u lost", what, log, t.stored,
              (unsigned)t.count);
        dt_ok(t.count == 0 || (t.why & why) == t.why, "%s: log %d: why %u", what, log, (unsigned)t.why);
    }
}

DT_TEST(log_full, ten_times_too_many_are_all_stored_or_told)
{
    uint32_t offered[2] = {0, 0}, refused = 0;
    rig r;
    rig_init(&r, 8, 0xFF);
    r.cfg.ring_bytes = 512;
    r.cfg.seal_records = 100;
    dt_eq(rig_open(&r), 0, "open");
    for (uint32_t i = 0; i < 1500; i++) {
        int log = i % 5u == 0 ? 0 : 1;
        refused += rig_append(&r, i & 1u, (uint8_t)(log + 1), i, i % 40) == DURA_EFULL;
        offered[log]++;
        if (i % 20u == 0)                       /* the worker keeps up with two of twenty */
            dt_eq(step(&r, 12), 0, "step");
    }
    dt_ok(refused > 1200, "only %u of 1500 were refused", refused);
    dt_eq(rig_status(&r).dropped, refused, "status before");
    dt_eq(dura_log_save(r.log, &r.now), 0, "save");
    check(&r, "overload");
    all_accounted(offered, DURA_LOST_RING, "overload");
    dt_eq(losses(0).count + losses(1).count, refused, "told");
    dt_eq(rig_status(&r).dropped, refused, "status after");
    dt_eq(losses(1).high, rig_status(&r).high_water, "high-water mark");
    dt_ok(losses(1).high > 256 && losses(1).high <= 512, "%u", (unsigned)losses(1).high);
    rig_free(&r);
}

DT_TEST(log_full, a_disk_that_stalls_loses_nothing_untold)
{
    uint32_t offered[2] = {0, 0};
    rig r;
    rig_init(&r, 8, 0xFF);
    r.cfg.ring_bytes = 1024;
    dt_eq(rig_open(&r), 0, "open");
    for (uint32_t i = 0; i < 400; i++) {
        int log = (int)(i & 1u);
        (void)rig_append(&r, 0, (uint8_t)(log + 1), i, 30);
        offered[log]++;
        if (i % 80u == 10) {                    /* sync does not answer for forty records */
            r.power.calls = 0;
            r.power.fail_mask = DT_SYNC;
            r.power.fail_at = 1;
        }
        if (i % 80u == 50)
            r.power.fail_at = 0;
        int rc = step(&r, UINT32_MAX);
        dt_eq(rc, r.power.fail_at ? DT_EFAULT : 0, "step %u", i);
    }
    dt_eq(dura_log_save(r.log, &r.now), 0, "save");
    check(&r, "slow disk");
    all_accounted(offered, DURA_LOST_RING, "slow disk");
    dt_ok(losses(0).records >= 4 && losses(0).count > 20, "%u in %u records", (unsigned)losses(0).count,
          losses(0).records);
    rig_free(&r);
}

/* A decision log of `segments` segments, a security log with room. */
static void small(rig *r, uint32_t segments, uint16_t reserve, uint32_t when_full)
{
    rig_init(r, 8, 0xFF);
    r->region[1].size = segments * 4096u;
    r->cfg.reserve_segments = reserve;
    r->cfg.when_full = when_full;
    dt_eq(rig_open(r), 0, "open");
}

DT_TEST(log_full, a_full_disk_drops_and_tells_and_closes)
{
    uint32_t offered[2] = {0, 0};
    rig r;
    small(&r, 4, 1, DURA_LOG_FULL_DROP);
    for (uint32_t i = 0; i < 400; i++) {
        int log = i % 10u != 0;
        dt_eq(rig_append(&r, i & 1u, (uint8_t)(log + 1), i, 60), 0, "append %u", i);
        offered[log]++;
        dt_eq(step(&r, UINT32_MAX), 0, "step %u", i);
    }
    dt_ok(rig_status(&r).dropped > 200, "%u", (unsigned)rig_status(&r).dropped);
    for (int i = 0; i < 3; i++)
        dt_eq(dura_log_save(r.log, &r.now), 0, "save");
    dt_eq(dura_log_deinit(r.log, &r.now, NULL, 0, 0), 0, "close");
    check(&r, "full disk");
    all_accounted(offered, DURA_LOST_STORAGE, "full disk");
    dt_eq(losses(1).records, 2, "one drop record for each ring, not one for each loss");
    dt_eq(losses(0).stored, 40, "the other log took all of its own");
    dt_eq(seen.finals, 2, "closed");
    rig_free(&r);
}

DT_TEST(log_full, stop_waits_and_lets_the_other_log_go_on)
{
    int rc = 0;
    uint32_t i, offered[2] = {0, 0}, waiting;
    rig r;
    small(&r, 4, 1, DURA_LOG_FULL_STOP);
    for (i = 0; i < 400 && rc == 0; i++) {
        dt_eq(rig_append(&r, 0, 2, i, 60), 0, "append %u", i);
        offered[1]++;
        rc = step(&r, UINT32_MAX);
    }
    dt_eq(rc, DURA_EFULL, "full");
    waiting = rig_status(&r).pending;
    dt_ok(waiting > 0 && rig_status(&r).dropped == 0, "the record waits");
    dt_eq(rig_status(&r).durable, rig_status(&r).gseq, "all that was numbered is durable");
    for (i = 0; i < 20; i++) {
        dt_eq(rig_append(&r, 1, 1, i, 60), 0, "security");
        offered[0]++;
        dt_eq(step(&r, UINT32_MAX), DURA_EFULL, "still full");
    }
    dt_eq(rig_status(&r).pending, waiting, "security went on");
    dt_eq(dura_log_deinit(r.log, &r.now, NULL, 0, 0), 0, "close: what waits is dropped and told");
    check(&r, "stop");
    all_accounted(offered, DURA_LOST_STORAGE, "stop");
    dt_eq(losses(1).count, 1, "the one that waited");
    dt_eq(seen.finals, 2, "closed");
    rig_free(&r);
}

static int urgent(rig *r, uint32_t mark)
{
    uint8_t p[62] = {0x10, 0x58, 59};
    dura_log_entry e;
    memset(&e, 0, sizeof e);
    e.struct_size = (uint32_t)sizeof e;
    e.log = 2;
    e.kind = 20;
    e.source = DURA_NONE;
    e.n_pairs = 1;
    e.flags = DURA_LOG_URGENT;
    e.time = r->now;
    e.time.mono_ns += mark;
    return dura_log_append(r->log, 1, &e, p, sizeof p);
}

DT_TEST(log_full, urgent_records_use_the_reserve_but_not_its_last_segment)
{
    uint32_t i, stored;
    rig r;
    small(&r, 5, 2, DURA_LOG_FULL_DROP);
    for (i = 0; rig_status(&r).dropped == 0 && i < 400; i++) {
        dt_eq(rig_append(&r, 0, 2, i, 60), 0, "append");
        dt_eq(step(&r, UINT32_MAX), 0, "step");
    }
    dt_ok(rig_status(&r).end[1] <= 3u * 4096u, "ordinary records end before the reserve");
    stored = (uint32_t)rig_status(&r).seq[1];
    for (i = 0; rig_status(&r).dropped == 1 && i < 400; i++) {
        dt_eq(urgent(&r, i), 0, "urgent");
        dt_eq(step(&r, UINT32_MAX), 0, "step");
    }
    dt_ok(rig_status(&r).seq[1] > stored + 20, "the reserve holds urgent records");
    dt_ok(rig_status(&r).end[1] <= 4u * 4096u, "but the last segment is the log's own");
    dt_eq(rig_append(&r, 0, 2, 7, 60), 0, "append");
    dt_eq(dura_log_deinit(r.log, &r.now, NULL, 0, 0), 0, "close");
    check(&r, "urgent");
    dt_eq(losses(1).count, 3, "two ordinary ones and one urgent");
    dt_eq(seen.finals, 2, "closed");
    rig_free(&r);
}

DT_TEST(log_full, warns_once_per_start_in_the_security_log)
{
    uint32_t n = 0;
    const rig_record *space = NULL;
    rig r;
    rig_init(&r, 8, 0xFF);
    r.cfg.warn_permille = 500;                 /* the fifth of ten segments */
    dt_eq(rig_open(&r), 0, "open");
    for (uint32_t i = 0; i < 300; i++) {
        dt_eq(rig_append(&r, 0, 2, i, 60), 0, "append");
        dt_eq(step(&r, UINT32_MAX), 0, "step");
        if (rig_status(&r).end[1] < 4u * 4096u)
            dt_eq(rig_status(&r).seq[0], 1, "no warning yet");
    }
    dt_eq(dura_log_save(r.log, &r.now), 0, "save");
    check(&r, "warned");
    for (uint32_t i = 0; i < seen.n[0]; i++) {
        space = seen.rec[0][i].kind == DURA_REC_SPACE ? &seen.rec[0][i] : space;
        n += seen.rec[0][i].kind == DURA_REC_SPACE;
    }
    dt_eq(n, 1, "warnings");
    dt_eq(number(space, 16), 2, "of the decision log");
    dt_ok(number(space, 17) > 4u * 4096u && number(space, 17) < 5u * 4096u, "%u", (unsigned)number(space, 17));
    dt_eq(number(space, 18), RIG_SIZE, "of so many");
    dt_eq(number(space, 19), 500, "threshold");
    rig_reboot(&r, DT_NOOP, 1);
    dt_eq(rig_open(&r), 0, "open again");
    dt_eq(dura_log_save(r.log, &r.now), 0, "save");
    check(&r, "again");
    n = 0;
    for (uint32_t i = 0; i < seen.n[0]; i++)
        n += seen.rec[0][i].kind == DURA_REC_SPACE;
    dt_eq(n, 2, "and once more at the next start");
    rig_free(&r);
}

DT_TEST(log_full, survives_a_power_cut_in_its_reserve)
{
    for (uint32_t k = 1; k < 40; k += 3) {
        uint32_t dropped;
        rig r;
        small(&r, 3, 1, DURA_LOG_FULL_DROP);
        for (uint32_t i = 0; i < 150; i++) {
            dt_eq(rig_append(&r, 0, 2, i, 60), 0, "append");
            dt_eq(step(&r, UINT32_MAX), 0, "step");
        }
        r.power.mutations = 0;
        r.power.cut_at = k;
        r.power.cut_how = (uint8_t)(k % 3u);
        int rc = dura_log_deinit(r.log, &r.now, NULL, 0, 0);
        dt_ok(rc == 0 || rc == DT_EPOWER, "close %d", rc);
        rig_reboot(&r, (int)(k % DT_MODES), k);
        dt_eq(rig_open(&r), 0, "cut %u: open", k);
        dt_ok(rig_status(&r).found != DURA_LOG_DAMAGED, "cut %u is called damage", k);
        dropped = (uint32_t)rig_status(&r).dropped;
        dt_eq(rig_append(&r, 0, 2, 1, 60), 0, "append");
        dt_eq(dura_log_deinit(r.log, &r.now, NULL, 0, 0), 0, "cut %u: close", k);
        check(&r, "reserve");
        dt_eq(dropped, 0, "a new object has lost nothing yet");
        dt_eq(seen.finals >= 2, 1, "closed");
        rig_free(&r);
    }
}

DT_TEST(log_full, refuses_a_reserve_that_is_all_there_is)
{
    rig r;
    rig_init(&r, 8, 0xFF);
    r.cfg.reserve_segments = 10;
    dt_eq(dura_log_bytes(&r.cfg, &r.port), 0, "all of ten segments");
    r.cfg.reserve_segments = 9;
    dt_ok(dura_log_bytes(&r.cfg, &r.port) > 0, "nine of ten");
    r.cfg.warn_permille = 1001;
    dt_eq(dura_log_bytes(&r.cfg, &r.port), 0, "more than all");
    r.cfg.warn_permille = 1000;
    r.cfg.when_full = 2;
    dt_eq(dura_log_bytes(&r.cfg, &r.port), 0, "no such policy");
    rig_free(&r);
}
