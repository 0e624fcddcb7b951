/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the drift monitor knows outlives a start: bit for bit, to the reader as well, at every
 * power cut one whole state, never that of another policy.
 */
#include "dt.h"

#include "sim/dt_box.h"

#include <dura/drift.h>
#include <dura/host/record.h>
#include <dura/host/watch.h>

#include "guard/dura_guard_priv.h"

enum { SEGMENTS = 80, KEPT_BYTES = 16384, BODY = 4096, POINTS = 64 };

static uint64_t flash_mem[DT_BOX_FLASH(SEGMENTS) / 8];
static uint64_t kept_mem[DT_FLASH_BYTES(KEPT_BYTES, 8192u) / 8];
static uint64_t guard_mem[DT_BOX_GUARD / 8];
static dt_box box;
static dt_flash kept;
static dura_region place;
static uint64_t frame;
static uint32_t seed;

static dt_spec spec(void)
{
    dt_spec s;
    dt_spec_init(&s);
    s.arl0 = 1e5f;
    s.ref = 50.0f;
    s.selftest = 64;
    s.confirm = 5000;
    s.correlate = 1;
    return s;
}

/* A box with a place to keep things; what that holds stays from one box to the next. */
static void fresh(const dt_spec *s)
{
    dt_box_init(&box, s, flash_mem, SEGMENTS, guard_mem);
    place = dt_flash_region(&kept);
    box.port.kept = &place;
    frame = 0;
    seed = 7;
}

static void blank(void)
{
    dt_eq(dt_flash_init(&kept, kept_mem, sizeof kept_mem, KEPT_BYTES, 1024, 8, 0xFF, &box.power), 0, "");
    place = dt_flash_region(&kept);
}

static void boot(void)
{
    int rc = dt_box_boot(&box);
    dt_eq(rc, DURA_OK, "%s", dura_strerror(rc));
}

/* The supply goes; boxes' ports are plugged anew. */
static void reboot(int mode)
{
    dt_box_reboot(&box, mode, frame + 1);
    dt_flash_reboot(&kept, mode, frame);
    box.port.kept = &place;
}

static float noise(void)
{
    float sum = 0.0f;
    for (int i = 0; i < 12; i++) {
        seed = seed * 1664525u + 1013904223u;
        sum += (float)(seed >> 8) * (1.0f / 16777216.0f);
    }
    return sum - 6.0f;
}

/* 1000 ms a step: a heartbeat in 64 s, and each of them is a point. */
static int step(float shift)
{
    dura_decision d;
    return dt_box_step(&box, ++frame, 1000, 50.0f + shift + noise(), &d);
}

static void run(int n, float shift)
{
    for (int i = 0; i < n; i++)
        dt_eq(step(shift), DURA_OK, "");
}

static size_t state(uint8_t *out)
{
    size_t n = BODY;
    dt_eq(dura_drift_save(box.guard->watcher->watch.drift, out, &n), DURA_OK, "");
    return n;
}

static void stop(void) { dt_eq(dura_guard_deinit(box.guard, &box.now, NULL, 0, 0), DURA_OK, "stop"); }

/* ---- the records of both logs, in order ----------------------------------------------------- */

typedef struct found_record {
    dura_record r;
    uint64_t gseq;
} found_record;

static found_record all[20000];
static size_t n_all;

static void read_logs(void)
{
    n_all = 0;
    for (int log = 0; log < 2; log++)
        for (uint32_t s = 0; s < SEGMENTS; s++) {
            const uint8_t *seg = box.flash[log].live + s * DT_BOX_SEGMENT;
            if (durai_le32(seg) != 0x31475344u)
                continue;
            uint32_t at = (72u + 32u * seg[7] + 7u) & ~7u;
            while (at + 16 < DT_BOX_SEGMENT && durai_le32(seg + at) == 0x31524C44u) {
                uint16_t len = durai_le16(seg + at + 4);
                dura_record *r = &all[n_all].r;
                memset(r, 0, sizeof *r);
                r->struct_size = sizeof *r;
                if (dura_record_decode(seg + at + 16, len, r) != DURA_OK)
                    break; /* torn by a cut */
                all[n_all].gseq = r->gseq;
                n_all++;
                at += (16u + len + 7u) & ~7u;
            }
        }
    for (size_t i = 1; i < n_all; i++)
        for (size_t k = i; k > 0 && all[k].gseq < all[k - 1].gseq; k--) {
            found_record t = all[k];
            all[k] = all[k - 1];
            all[k - 1] = t;
        }
}

typedef struct said {
    uint64_t kind, gseq;
    int64_t v[4];
} said;

static int fact_in(const dura_record *r, said *f)
{
    durai_item it, one;
    durai_cbor_in at;
    memset(f, 0, sizeof *f);
    if (r->kind != DURA_REC_FACT || dura_record_uint(r, 16, &f->kind) != DURA_OK)
        return 0;
    f->gseq = r->gseq;
    if (durai_cbor_find(r->cbor, r->len, 26, &it, &at) == DURA_OK)
        for (uint64_t i = 0; i < it.v && i < 4; i++)
            if (durai_cbor_next(&at, &one) == DURA_OK)
                f->v[i] = one.type == DURAI_CBOR_UINT ? (int64_t)one.v : -1 - (int64_t)one.v;
    return f->kind == DURA_FACT_ALIVE || f->kind == DURA_FACT_MONITOR || f->kind == DURA_FACT_DRIFT;
}

/* The last MONITOR fact about a start; its value[0], 0: none. */
static int64_t start_says(said *f)
{
    int64_t what = 0;
    said one;
    read_logs();
    for (size_t i = 0; i < n_all; i++)
        if (fact_in(&all[i].r, &one) && one.kind == DURA_FACT_MONITOR && one.v[0] >= DURA_MONITOR_ANEW) {
            what = one.v[0];
            *f = one;
        }
    return what;
}

/* ---- tests ---------------------------------------------------------------------------------- */

DT_TEST(guard_keep, goes_on_bit_for_bit_after_a_clean_stop)
{
    static uint8_t one[BODY], two[BODY];
    dt_spec s = spec();
    said f;
    fresh(&s);
    blank();
    boot();
    run(400, 0.1f);
    size_t n = state(one);
    run(400, 0.1f);
    n = state(one);
    fresh(&s);
    blank();
    boot();
    run(400, 0.1f);
    stop();
    reboot(0);
    boot();
    run(400, 0.1f);
    dt_eq(state(two), n, "");
    dt_mem(one, two, n);
    dt_eq(start_says(&f), DURA_MONITOR_RESUMED, "");
    dt_eq(f.v[2], 1, "from the first boot");
}

DT_TEST(guard_keep, finds_a_drift_that_is_slower_than_the_time_between_two_starts)
{
    dt_spec s = spec();
    dura_drift_state st = DURA_DRIFT_STATE_INIT;
    for (int with = 0; with < 2; with++) {
        fresh(&s);
        blank();
        if (!with)
            box.port.kept = NULL;
        int alarm = 0;
        for (int k = 0; k < 40 && !alarm; k++) {
            boot();
            run(25, 0.5f);
            dt_eq(dura_guard_drift(box.guard, 0, &st), DURA_OK, "");
            alarm = st.alarm;
            stop();
            reboot(0);
            if (!with)
                box.port.kept = NULL;
        }
        dt_eq(alarm, with, "with a place: found; without: forgotten at every start");
    }
}

/* Two starts, one of them cut: what the records say is what the guard found. */
static void read_over_starts(const dt_spec *policy, const char *row)
{
    static said live[512], again[512];
    dura_watch *w;
    dura_error err = {0};
    dt_spec s = *policy;
    size_t n_live = 0, n_again = 0;
    fresh(&s);
    blank();
    boot();
    run(300, 0.0f);
    run(200, 1.5f);
    stop();
    reboot(0);
    boot();
    run(300, 0.0f);
    run(150, 0.7f);
    reboot(0);                      /* a cut: on from the last point */
    boot();
    run(500, 0.0f);
    stop();
    read_logs();
    dt_eq(dura_watch_open(&w, box.image, box.image_len, &err), DURA_OK, "%s", err.text);
    for (size_t i = 0; i < n_all; i++) {
        dura_fact f;
        if (fact_in(&all[i].r, &live[n_live]) &&
            (live[n_live].kind != DURA_FACT_MONITOR || live[n_live].v[0] < DURA_MONITOR_ANEW)) {
            live[n_live].gseq = 0;
            n_live++;
        }
        dt_ok(dura_watch_record(w, &all[i].r) >= 0, "record %zu", i);
        while (dura_watch_fact(w, &f) == 1) {
            memset(&again[n_again], 0, sizeof again[0]);
            again[n_again].kind = f.kind;
            memcpy(again[n_again].v, f.value, sizeof f.value);
            n_again++;
        }
    }
    dt_ok(n_live > (policy->selftest ? 20u : 3u), "%s: %zu", row, n_live);
    dt_eq(n_live, n_again, "%s", row);
    dt_mem(live, again, n_live * sizeof live[0], "%s", row);
    for (uint32_t i = 0; i < 5; i++) {
        dura_drift_state a = DURA_DRIFT_STATE_INIT, b = DURA_DRIFT_STATE_INIT;
        dt_eq(dura_watch_drift(w, i, NULL, NULL, &a), DURA_OK, "");
        dt_eq(dura_guard_drift(box.guard, (uint16_t)i, &b), DURA_OK, "");
        dt_mem(&a, &b, sizeof a);
    }
    dura_watch_close(w);
}

/* With T2, SPE and a histogram, by the mixture and by charts, which have no heartbeats. */
static dt_spec variant(int i)
{
    dt_spec s = spec();
    s.shapes = i > 0;
    if (i == 2) {
        s.detector = DURA_DRIFT_CUSUM;
        s.shift = 1.0f;
        s.limit = 9.0f;
        s.selftest = 0;
    }
    return s;
}
static const char *const variants[] = {"mixture", "with shapes", "charts with shapes"};

DT_TEST(guard_keep, is_found_again_by_a_reader_over_a_start)
{
    for (int i = 0; i < 3; i++) {
        dt_spec s = variant(i);
        read_over_starts(&s, variants[i]);
    }
}

DT_TEST(guard_keep, goes_on_with_everything_that_watches)
{
    static uint8_t one[BODY], two[BODY];
    for (int i = 0; i < 3; i++) {
        dt_spec s = variant(i);
        said f;
        fresh(&s);
        blank();
        boot();
        run(700, 0.1f);
        int n = durai_watch_keep(&box.guard->watcher->watch, one, sizeof one);
        fresh(&s);
        blank();
        boot();
        run(400, 0.1f);
        stop();
        reboot(0);
        boot();
        run(300, 0.1f);
        int m = durai_watch_keep(&box.guard->watcher->watch, two, sizeof two);
        dt_eq(start_says(&f), DURA_MONITOR_RESUMED, "%s", variants[i]);
        dt_ok(n == m && n > 24, "%s: %d, %d", variants[i], n, m);
        size_t at = 24 + 36u * durai_le16(one + 2); /* which test is next differs, and the records of alarms */
        dt_eq(durai_le16(one + 2), durai_le16(two + 2), "%s", variants[i]);
        dt_mem(one + at, two + at, (size_t)n - at, "%s", variants[i]);
    }
}

DT_TEST(guard_keep, keeps_points_without_heartbeats_too)
{
    dt_spec s = variant(2);
    said f;
    fresh(&s);
    blank();
    boot();
    run(400, 0.0f);
    reboot(0);                      /* a cut */
    boot();
    run(1, 0.0f);
    dt_eq(start_says(&f), DURA_MONITOR_RESUMED, "");
}

DT_TEST(guard_keep, keeps_what_stands_and_asks_once_for_retraining)
{
    dt_spec s = spec();
    s.confirm = 150;
    size_t requests = 0;
    fresh(&s);
    blank();
    boot();
    run(150, 0.0f);
    run(100, 2.0f);                 /* stands for less than 150 decisions */
    stop();
    reboot(0);
    boot();
    dt_ok(box.guard->watcher->watch.alive->n_standing == 0, "nothing before the fact has its number");
    run(200, 2.0f);
    dt_ok(box.guard->watcher->watch.alive->n_standing > 0, "");
    stop();
    reboot(0);
    boot();
    run(400, 2.0f);
    read_logs();
    for (size_t i = 0; i < n_all; i++)
        requests += all[i].r.kind == DURA_REC_RETRAIN;
    dt_eq(requests, 1, "over three starts");
}

DT_TEST(guard_keep, begins_anew_and_says_so_under_another_policy)
{
    dt_spec s = spec();
    said f;
    fresh(&s);
    blank();
    boot();
    run(200, 0.0f);
    stop();
    s.quiet_ms = 70000;             /* nothing the monitor would mind: another policy all the same */
    fresh(&s);
    boot();
    run(3, 0.0f);
    dt_eq(start_says(&f), DURA_MONITOR_ANEW, "");
    dt_eq(f.v[1], DURA_EAUTH, "");
    dura_drift_state st = DURA_DRIFT_STATE_INIT;
    dt_eq(dura_guard_drift(box.guard, 0, &st), DURA_OK, "");
    dt_eq(st.n, 3, "from nothing");
}

DT_TEST(guard_keep, takes_the_older_image_when_the_newer_one_is_damaged)
{
    static const struct { const char *row; int slots; int64_t says; } rows[] = {
        {"one", 1, DURA_MONITOR_RESUMED}, {"both", 2, DURA_MONITOR_ANEW}};
    for (size_t k = 0; k < 2; k++) {
        dt_spec s = spec();
        said f;
        fresh(&s);
        blank();
        boot();
        run(300, 0.0f);
        stop();
        uint32_t newest = durai_le64(kept.live + 16) > durai_le64(kept.live + KEPT_BYTES / 2 + 16) ? 0u : KEPT_BYTES / 2;
        dt_flash_flip(&kept, newest + 200, 4);
        if (rows[k].slots == 2)
            dt_flash_flip(&kept, KEPT_BYTES / 2 - newest + 200, 4);
        reboot(0);
        boot();
        run(3, 0.0f);
        dt_ok(start_says(&f) == rows[k].says, "%s: %lld", rows[k].row, (long long)f.v[0]);
    }
}

DT_TEST(guard_keep, refuses_an_image_that_was_forged)
{
    dt_spec s = spec();
    said f;
    fresh(&s);
    blank();
    boot();
    run(300, 0.0f);
    stop();
    for (uint32_t at = 0; at < KEPT_BYTES; at += KEPT_BYTES / 2) {     /* right by its CRC, not by its tag */
        uint8_t *p = kept.live + at;
        uint32_t body = durai_le32(p + 8), crc;
        uint8_t was[4];
        dt_flash_flip(&kept, at + 64, 1);
        crc = durai_crc32c(0, p, 64 + body + DURA_TAG_BYTES);
        memcpy(was, p + 64 + body + DURA_TAG_BYTES, 4);
        for (uint32_t i = 0; i < 4; i++)
            dt_flash_flip(&kept, at + 64 + body + DURA_TAG_BYTES + i, (uint8_t)(was[i] ^ (uint8_t)(crc >> (8 * i))));
    }
    reboot(0);
    boot();
    run(3, 0.0f);
    dt_eq(start_says(&f), DURA_MONITOR_ANEW, "");
    dt_eq(f.v[1], DURA_EAUTH, "");
}

/* What a point knew, by the record it names. */
static struct { uint64_t gseq; int len; uint8_t body[BODY]; } points[POINTS];
static size_t n_points;

static void look(void)
{
    const durai_keep *k = box.guard->watcher->keep;
    if (k->gseq == 0 || (n_points && points[n_points - 1].gseq == k->gseq) || durai_le32(k->bytes) != 0x314B5744u)
        return;
    points[n_points].gseq = k->gseq;
    points[n_points].len = (int)durai_le32(k->bytes + 8);
    memcpy(points[n_points].body, k->bytes + 64, (size_t)points[n_points].len);
    n_points++;
}

/* Every storage operation of the place, cut before, in the middle and behind: the next start
 * goes on from a point whole and known, or, before there was one, from nothing. */
DT_TEST(guard_keep, has_one_whole_state_at_a_cut_in_every_storage_operation)
{
    uint32_t cuts = 0, resumed = 0;
    for (uint32_t k = 1; k < 2000; k += 1 + k / 40) {
        dt_spec s = spec();
        said f;
        fresh(&s);
        blank();
        boot();
        n_points = 0;
        memset(&f, 0, sizeof f);
        run(70, 0.2f);
        look();
        box.power.mutations = 0;
        box.power.cut_at = k;
        box.power.cut_how = (uint8_t)(k % 3);
        int rc = DURA_OK;
        for (int i = 0; i < 200 && rc == DURA_OK && !box.power.off; i++) {
            rc = step(0.2f);
            look();
        }
        int cut = box.power.off;
        cuts += (uint32_t)cut;
        reboot((int)(k % 4));
        dt_power_on(&box.power);
        boot();
        run(1, 0.0f);
        int64_t says = start_says(&f);
        dt_ok(says == DURA_MONITOR_RESUMED || (says == 0 && n_points == 0), "cut %u: %lld, code %lld", (unsigned)k,
              (long long)says, (long long)f.v[1]);
        dt_eq(kept.violations, 0, "cut %u", (unsigned)k);
        resumed += says == DURA_MONITOR_RESUMED;
        size_t p = 0;
        while (p < n_points && points[p].gseq != (uint64_t)f.v[1])
            p++;
        dt_ok(says == 0 || p < n_points, "cut %u: record %lld is no point", (unsigned)k, (long long)f.v[1]);
        if (!cut)
            break;
    }
    dt_ok(cuts > 40 && resumed > 40, "%u cuts, %u resumed", (unsigned)cuts, (unsigned)resumed);
}

DT_TEST(guard_keep, takes_up_exactly_the_bytes_of_the_point_it_names)
{
    dt_spec s = spec();
    said f;
    static uint8_t now[BODY];
    for (int cut = 100; cut < 400; cut += 37) {
        fresh(&s);
        blank();
        boot();
        n_points = 0;
        for (int i = 0; i < cut; i++) {
            dt_eq(step(0.2f), DURA_OK, "");
            look();
        }
        reboot(0);
        boot();
        dt_ok(dura_guard_idle(box.guard, &box.now, 100000) >= 0, "");
        int n = durai_watch_keep(&box.guard->watcher->watch, now, sizeof now);
        dt_eq(start_says(&f), DURA_MONITOR_RESUMED, "");
        size_t p = 0;
        while (p < n_points && points[p].gseq != (uint64_t)f.v[1])
            p++;
        dt_ok(p < n_points, "");
        dt_eq(n, points[p].len, "");
        dt_mem(now, points[p].body, (size_t)n);
    }
}

static int no_prog(void *user, uint64_t off, const void *p, size_t n)
{
    (void)user;
    (void)off;
    (void)p;
    (void)n;
    return -321;
}

static int no_read(void *user, uint64_t off, void *p, size_t n) { return no_prog(user, off, p, n); }

DT_TEST(guard_keep, works_on_when_the_place_fails_and_says_so)
{
    dt_spec s = spec();
    said f;
    size_t storage = 0;
    fresh(&s);
    blank();
    place.prog = no_prog;
    boot();
    run(400, 0.0f);
    dura_guard_status st = DURA_GUARD_STATUS_INIT;
    dt_eq(dura_guard_query(box.guard, &st), DURA_OK, "");
    dt_ok(st.unheard <= 70, "heartbeats come: %u", (unsigned)st.unheard);
    read_logs();
    for (size_t i = 0; i < n_all; i++)
        storage += (fact_in(&all[i].r, &f), f.kind == DURA_FACT_STORAGE && f.v[0] == -321 && f.v[1] == 6);
    dt_ok(storage >= 5, "%zu", storage);
    stop();
    reboot(0);
    place.read = no_read;
    boot();
    run(3, 0.0f);
    dt_eq(start_says(&f), DURA_MONITOR_ANEW, "");
    dt_eq(f.v[1], -321, "");
}

DT_TEST(guard_keep, is_not_there_when_the_place_is_too_small_or_nothing_is_asked_for)
{
    dt_spec s = spec();
    fresh(&s);
    blank();
    place.size = 1024;
    boot();
    dt_ok(box.guard->watcher->keep == NULL, "too small");
    s.selftest = s.confirm = 0;
    fresh(&s);
    boot();
    dt_ok(box.guard->watcher->keep == NULL, "nothing asked for");
    dt_ok(kept.progs == 0 && kept.erases == 0, "untouched");
}
