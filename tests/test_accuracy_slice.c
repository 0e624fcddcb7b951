/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Accuracy by operating condition: the statistic against its definition summed out in double
 * precision; the false-alarm rate that was asked for, over all slices, by simulation; a slice
 * that fails behind a good average; what is saved goes on; every wrong word is refused.
 */
#include "dt.h"

#include "base/dura_base_priv.h"

#include <dura/accuracy.h>

enum { K = 8, IMAGE = 232 + K * 240 };

static uint64_t memory[2][384 / 8 + DURA_ACCURACY_SLICES_MAX * 31];
static uint64_t state;

/* SplitMix64; 0..1. */
static double draw(void)
{
    uint64_t z = state += 0x9E3779B97F4A7C15u;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return ((double)((z ^ (z >> 31)) >> 11) + 0.5) / 9007199254740992.0;
}

/* Two opinions; accuracy .95. */
static dura_accuracy_reference reference(void)
{
    dura_accuracy_reference r = DURA_ACCURACY_REFERENCE_INIT;
    r.n = 1000;
    r.groups = 2;
    r.opinions = 2;
    r.value[1] = 0.5f;
    r.value[2] = 1.0f;
    r.accuracy = r.base = 0.95f;
    r.all = 0.9f;
    r.any = 1.0f;
    r.margin = 0.05f;
    r.drop = 0.1f;
    r.level = 0.9f;
    return r;
}

static dura_accuracy *build(int which, uint32_t slices, float limit, uint32_t every)
{
    dura_accuracy_config c = DURA_ACCURACY_CONFIG_INIT;
    dura_accuracy_reference r = reference();
    float limits[DURA_ACCURACY_SLICES_MAX];
    dura_accuracy *a = NULL;
    uint32_t i;
    for (i = 0; i < DURA_ACCURACY_SLICES_MAX; i++)
        limits[i] = limit;
    c.slices = slices;
    c.every = every;
    c.limit = slices ? limits : NULL;
    memset(memory[which], 0xA5, sizeof memory[which]);
    dt_eq(dura_accuracy_part()->init(&a, memory[which], sizeof memory[which], &c, &r), DURA_OK, "");
    memset(limits, 0, sizeof limits);       /* copied */
    return a;
}

static int tell(dura_accuracy *a, uint32_t slice, uint32_t correct)
{
    return dura_accuracy_part()->label_slice(a, slice, 0.0f, 2, correct);
}

static void make(dura_accuracy *a, uint32_t slice, uint32_t agree, int n)
{
    while (n-- > 0)
        dt_eq(dura_accuracy_part()->update_slice(a, slice, 0.0f, agree, 0), DURA_OK, "");
}

static dura_accuracy_slice ask(const dura_accuracy *a, uint32_t slice, dura_accuracy_state *s)
{
    static const dura_accuracy_state none = DURA_ACCURACY_STATE_INIT;
    dura_accuracy_slice o = DURA_ACCURACY_SLICE_INIT;
    *s = none;
    dt_eq(dura_accuracy_part()->slice(a, slice, &o, s), DURA_OK, "");
    dt_ok(s->low <= s->estimate && s->estimate <= s->high, "");
    return o;
}

/* ---- the statistic --------------------------------------------------------------- */

/* By definition: over every label k the change may have come with, the likelihood ratio of the
 * labels since, for wrong decisions with odds times those at the limit. */
static double by_definition(const uint8_t *right, int n, double limit)
{
    static const double odds[4] = {1.5, 2, 4, 8};
    double sum = 0.0;
    int j, k, i;
    for (j = 0; j < 4; j++) {
        double o = odds[j] * (1.0 - limit) / limit, wrong = o / (1.0 + o);
        for (k = 0; k < n; k++) {
            double ratio = 1.0;
            for (i = k; i < n; i++)
                ratio *= right[i] ? (1.0 - wrong) / limit : wrong / (1.0 - limit);
            sum += ratio / 4.0;
        }
    }
    return sum;
}

DT_TEST(accuracy_slice, weighs_every_time_the_change_may_have_come)
{
    static const double limit[] = {0.05, 0.5, 0.9, 0.99};
    uint8_t right[60];
    size_t l;
    int i;
    state = 7;
    for (l = 0; l < sizeof limit / sizeof *limit; l++) {
        dura_accuracy *a = build(0, 3, (float)limit[l], 1000000000);
        make(a, 1, 2, 1);
        for (i = 0; i < 60; i++) {
            dura_accuracy_state s;
            double want, got;
            right[i] = draw() < limit[l];
            dt_eq(tell(a, 1, right[i]), 0, "");
            got = (double)ask(a, 1, &s).statistic;
            want = by_definition(right, i + 1, limit[l]);
            dt_ok(got > want * 0.9999 && got < want * 1.0001, "label %d: %g, want %g", i, got, want);
        }
    }
}

/* ---- the promise ----------------------------------------------------------------- */

/* Labels until the first alarm, in slices taken at random; right with chance p(t). */
static int run_length(uint32_t slices, float limit, uint32_t every, double p0, double p1, int most)
{
    dura_accuracy *a = build(0, slices, limit, every);
    int t;
    for (t = 1; t < most; t++)
        if (tell(a, (uint32_t)(draw() * slices), draw() < (t / 50 % 2 ? p1 : p0)) == 1)
            break;
    return t;
}

/* 95 % interval of the mean run length over asked, by the spread of the runs. */
DT_TEST(accuracy_slice, alarms_no_more_often_than_asked_however_many_slices)
{
    static const struct { uint32_t slices; float limit; double p0, p1, most; } world[] = {
        {1, 0.9f, 0.9, 0.9, 2.6}, {8, 0.9f, 0.9, 0.9, 2.6}, {32, 0.7f, 0.7, 0.7, 4}, {8, 0.9f, 0.9, 0.99, 100}};
    enum { RUNS = 300, EVERY = 300 };
    size_t w;
    for (w = 0; w < sizeof world / sizeof *world; w++) {
        double sum = 0.0, square = 0.0, mean, half;
        int run;
        state = 1000 * w;
        for (run = 0; run < RUNS; run++) {
            double n = (double)run_length(world[w].slices, world[w].limit, EVERY, world[w].p0, world[w].p1, 100000) / EVERY;
            sum += n;
            square += n * n;
        }
        mean = sum / RUNS;
        half = 1.96 * (double)durai_sqrt((float)((square / RUNS - mean * mean) / RUNS));
        dt_ok(mean - half >= 0.97 && mean <= world[w].most, "world %zu: %.2f +- %.2f times asked", w, mean, half);
    }
}

/* One condition in eight falls from .97 to .7 right: the average stays at .936, above its limit. */
DT_TEST(accuracy_slice, finds_one_failing_slice_that_the_average_hides)
{
    enum { RUNS = 100, CHANGE = 800, END = 8000 };
    int run, t, found = 0, named = 0, average = 0, early = 0;
    for (run = 0; run < RUNS; run++) {
        dura_accuracy *a = build(0, K, 0.9f, 10000), *b = build(1, 1, 0.9f, 10000);
        int at = 0, bad = run % K;
        state = 99u + (uint64_t)run;
        for (t = 0; t < END; t++) {
            int slice = (int)(draw() * K);
            uint32_t right = draw() < (t >= CHANGE && slice == bad ? 0.7 : 0.97);
            make(a, (uint32_t)slice, 2, 1);
            at = tell(a, (uint32_t)slice, right) == 1 && at == 0 ? t + 1 : at;
            average += tell(b, 0, right) == 1 && t == END - 1;
            if (at && t >= CHANGE + 1000)
                break;
        }
        early += at > 0 && at <= CHANGE;
        found += at > CHANGE;
        if (at) {
            dura_accuracy_state s;
            dura_accuracy_slice o = ask(a, DURA_ACCURACY_WORST, &s);
            named += (int)o.slice == bad && o.alarm && (s.why & DURA_ACCURACY_CONTRADICTED) && s.estimate < 0.9f && (int)o.alarm_at == at;
        }
    }
    dt_eq(early, 0, "");
    dt_eq(found, RUNS, "");
    dt_eq(named, RUNS, "");
    dt_eq(average, 0, "");
}

DT_TEST(accuracy_slice, holds_all_intervals_at_once_as_often_as_promised)
{
    enum { RUNS = 60, LABELS = 400 };
    int run, i, held = 0;
    for (run = 0; run < RUNS; run++) {
        dura_accuracy *a = build(0, K, 0.01f, 1000000000);
        int good = 1;
        state = 5u * (uint64_t)run;
        for (i = 0; i < K; i++)
            make(a, (uint32_t)i, 2, 100);
        for (i = 0; i < LABELS; i++) {
            uint32_t slice = (uint32_t)(draw() * K);
            dt_eq(tell(a, slice, draw() < 0.5 + 0.06 * slice), 0, "");
        }
        for (i = 0; i < K; i++) {
            dura_accuracy_state s;
            dt_eq(ask(a, (uint32_t)i, &s).slice, i, "");
            dt_ok(s.level > 0.987f && s.level < 0.988f, "1 - .1 / 8");
            if (!(s.why & DURA_ACCURACY_FEW_LABELS))
                good &= (double)s.low <= 0.5 + 0.06 * i && 0.5 + 0.06 * i <= (double)s.high;
        }
        held += good;
    }
    dt_ok(held >= RUNS * 90 / 100, "%d of %d", held, RUNS);
}

/* ---- which is the worst ---------------------------------------------------------- */

DT_TEST(accuracy_slice, names_the_slice_furthest_below_its_limit_also_without_labels)
{
    dura_accuracy *a = build(0, K, 0.9f, 1000);
    const dura_accuracy_calls *c = dura_accuracy_part();
    dura_accuracy_slice o = DURA_ACCURACY_SLICE_INIT;
    dura_accuracy_state s, whole = DURA_ACCURACY_STATE_INIT;
    uint32_t i;
    dt_eq(c->slice(a, DURA_ACCURACY_WORST, &o, NULL), DURA_ENOENT, "no decision yet");
    for (i = 0; i < K; i++) {
        make(a, i, 2, 190);
        make(a, i, i == 5 ? 0 : 1, i == 5 ? 40 : 20);
    }
    o = ask(a, DURA_ACCURACY_WORST, &s);
    dt_eq(o.slice, 5, "");
    dt_eq(o.alarm, 0, "without labels nothing is proved");
    dt_eq(s.why, DURA_ACCURACY_NO_LABELS, "%x", s.why);
    dt_eq((int)s.n, 230, "");
    dt_eq(c->query(a, &whole), DURA_OK, "");
    dt_eq((int)whole.n, K * 210 + 20, "the whole counts them too");
    dt_ok(whole.estimate > s.estimate, "");
    for (i = 0; i < 40; i++)
        (void)tell(a, 2, i % 2);
    o = ask(a, DURA_ACCURACY_WORST, &s);
    dt_eq(o.slice, 2, "an alarm counts more");
    dt_ok(o.alarm == 1 && o.statistic >= o.threshold && o.alarm_at > 0 && o.alarm_at <= 40, "");
    for (i = 0; i < 400; i++)
        dt_eq(tell(a, 2, 1), 1, "an alarm stays");
    dt_ok(ask(a, 2, &s).statistic < 1000.0f, "the evidence may go");
    dt_eq(c->reset(a), DURA_OK, "");
    dt_eq(c->slice(a, 2, &o, NULL), DURA_ENOENT, "");
    dt_eq(tell(a, 2, 1), 0, "");
    make(a, 2, 2, 1);
    dt_ok(ask(a, 2, &s).limit > 0.89f, "limits stay");
}

DT_TEST(accuracy_slice, weighs_certainty_without_running_over)
{
    dura_accuracy *a = build(0, 1, 0.999f, 1000000000);
    dura_accuracy_state s;
    int i;
    make(a, 0, 2, 1);
    for (i = 0; i < 200; i++)
        (void)tell(a, 0, 0);
    dt_ok(durai_finite(ask(a, 0, &s).statistic) && ask(a, 0, &s).alarm, "");
    for (i = 0; i < 20000; i++)
        dt_eq(tell(a, 0, 1), 1, "");
    dt_ok(durai_finite(ask(a, 0, &s).statistic), "");
}

/* ---- bad input ------------------------------------------------------------------- */

DT_TEST(accuracy_slice, refuses_what_is_wrong_and_changes_nothing)
{
    const dura_accuracy_calls *c = dura_accuracy_part();
    dura_accuracy *a = build(0, K, 0.9f, 1000), *none = build(1, 0, 0.0f, 0);
    dura_accuracy_slice o = DURA_ACCURACY_SLICE_INIT;
    dura_accuracy_state s = DURA_ACCURACY_STATE_INIT;
    static uint64_t was[sizeof memory[0] / 8];
    memcpy(was, memory[0], sizeof was);
    dt_eq(c->update_slice(a, K, 0.0f, 2, 0), DURA_EINVAL, "");
    dt_eq(c->update_slice(a, 0, 0.0f, 3, 0), DURA_EINVAL, "");
    dt_eq(c->update_slice(NULL, 0, 0.0f, 2, 0), DURA_EINVAL, "");
    dt_eq(c->label_slice(a, K, 0.0f, 2, 0), DURA_EINVAL, "");
    dt_eq(c->label_slice(a, 0, 0.0f, 2, 2), DURA_EINVAL, "");
    dt_eq(c->label_slice(a, 0, 2.0f, 2, 1), DURA_EINVAL, "");
    dt_eq(c->label_slice(NULL, 0, 0.0f, 2, 1), DURA_EINVAL, "");
    dt_eq(memcmp(was, memory[0], sizeof was), 0, "");
    make(a, 0, 2, 1);
    dt_eq(c->slice(NULL, 0, &o, &s), DURA_EINVAL, "");
    dt_eq(c->slice(a, 0, NULL, &s), DURA_EINVAL, "");
    dt_eq(c->slice(a, K, &o, &s), DURA_EINVAL, "");
    s.struct_size = 55;
    dt_eq(c->slice(a, 0, &o, &s), DURA_EINVAL, "");
    s.struct_size = sizeof s;
    o.struct_size = 31;
    dt_eq(c->slice(a, 0, &o, &s), DURA_EINVAL, "");
    o.struct_size = sizeof o;
    dt_eq(c->update_slice(none, 0, 0.0f, 2, 0), DURA_EINVAL, "no slices");
    dt_eq(c->slice(none, DURA_ACCURACY_WORST, &o, &s), DURA_EINVAL, "");
    dt_eq(c->slice(none, 0, &o, &s), DURA_EINVAL, "");
}

DT_TEST(accuracy_slice, refuses_configurations_that_are_wrong)
{
    static const float limits[DURA_ACCURACY_SLICES_MAX] = {0.9f, 0.5f};
    static const uint32_t bad_bits[] = {0, 0x3F800000u, 0xBF000000u, 0x7FC00000u, 0x7F800000u, 1};
    dura_accuracy_config cfg = DURA_ACCURACY_CONFIG_INIT, old = DURA_ACCURACY_CONFIG_INIT;
    const dura_accuracy_calls *c = dura_accuracy_part();
    float one;
    size_t i;
    cfg.slices = 2;
    cfg.limit = limits;
    dt_eq((int)(c->bytes(&cfg) - c->bytes(&old)), 2 * 248, "");
    cfg.every = 99;
    dt_eq((int)c->bytes(&cfg), 0, "");
    cfg.every = 1000000001u;
    dt_eq((int)c->bytes(&cfg), 0, "");
    cfg.every = 0;
    cfg.slices = 3;
    dt_eq((int)c->bytes(&cfg), 0, "a limit of 0");
    cfg.slices = DURA_ACCURACY_SLICES_MAX + 1;
    dt_eq((int)c->bytes(&cfg), 0, "");
    cfg.slices = 0;
    dt_eq((int)c->bytes(&cfg), 0, "limits without slices");
    cfg.slices = 1;
    cfg.limit = NULL;
    dt_eq((int)c->bytes(&cfg), 0, "");
    cfg.limit = &one;
    for (i = 0; i < sizeof bad_bits / sizeof *bad_bits; i++) {
        one = durai_f32(bad_bits[i]);
        dt_eq((int)c->bytes(&cfg), 0, "%zu", i);
    }
    old.struct_size = 16;
    dt_ok(c->bytes(&old) > 0, "a configuration from before there were slices");
}

/* ---- saved state ----------------------------------------------------------------- */

static void story(dura_accuracy *a, int from, int to)
{
    int t;
    for (t = from; t < to; t++) {
        uint32_t slice;
        state = (uint64_t)t;
        slice = (uint32_t)(draw() * K);
        make(a, slice, (uint32_t)(draw() * 3.0), 1);
        if (t % 2)
            dt_ok(tell(a, slice, draw() < (slice == 3 ? 0.2 : 0.95)) >= 0, "");
    }
}

DT_TEST(accuracy_slice, goes_on_from_any_cut_as_if_nothing_had_happened)
{
    const dura_accuracy_calls *c = dura_accuracy_part();
    static uint8_t end[IMAGE], image[IMAGE], again[IMAGE];
    size_t len = 0;
    dura_accuracy *a = build(0, K, 0.9f, 200);
    int cut;
    story(a, 0, 150);
    dt_eq(c->save(a, NULL, &len), DURA_ENOSPC, "");
    dt_eq((int)len, IMAGE, "");
    dt_eq(c->save(a, end, &len), DURA_OK, "");
    dt_eq(durai_le16(end + 4), 2, "format");
    dt_ok(durai_le64(end + 228 + 3 * 240 + 216) > 0, "slice 3 is in alarm");
    for (cut = 0; cut < 150; cut += 3) {
        dura_accuracy *b;
        a = build(0, K, 0.9f, 200);
        story(a, 0, cut);
        dt_eq(c->save(a, image, &len), DURA_OK, "");
        b = build(1, K, 0.9f, 200);
        dt_eq(c->load(b, image, IMAGE), DURA_OK, "cut %d", cut);
        story(b, cut, 150);
        dt_eq(c->save(b, again, &len), DURA_OK, "");
        dt_eq(memcmp(again, end, IMAGE), 0, "cut %d", cut);
    }
}

DT_TEST(accuracy_slice, loads_no_damage_and_nothing_of_other_slices)
{
    const dura_accuracy_calls *c = dura_accuracy_part();
    static uint8_t image[IMAGE], bad[IMAGE];
    static uint64_t was[sizeof memory[0] / 8];
    enum { S0 = 228, S1 = S0 + 240 };
    static const struct { size_t at; uint32_t value; } forged[] = {
        {S0 + 216, 76}, {S0 + 220, 1},                          /* alarm later than there are labels */
        {S0 + 224, 0x7FC00000u}, {S0 + 228, 0x80000000u}, {S0 + 232, 0x7149F2CBu}, {S0 + 236, 0xFFFFFFFFu},
        {S1 + 200, 151}, {S1 + 208, 76}, {S1 + 208, 0}, {S1 + 8, 1000}};
    dura_accuracy *a = build(0, K, 0.9f, 200);
    size_t len = IMAGE, i;
    story(a, 0, 150);
    dt_eq(c->save(a, image, &len), DURA_OK, "");
    memcpy(was, memory[0], sizeof was);
    for (i = 0; i < IMAGE; i++)
        dt_eq(c->load(a, image, i), DURA_ECORRUPT, "length %zu", i);
    for (i = 0; i < sizeof forged / sizeof *forged; i++) {
        memcpy(bad, image, IMAGE);
        durai_put32(bad + forged[i].at, forged[i].value);
        durai_put32(bad + IMAGE - 4, durai_crc32c(0, bad, IMAGE - 4));
        dt_eq(c->load(a, bad, IMAGE), DURA_ECORRUPT, "forged %zu", i);
    }
    dt_eq(memcmp(was, memory[0], sizeof was), 0, "");
    dt_eq(c->load(build(1, K, 0.91f, 200), image, IMAGE), DURA_EAUTH, "other limits");
    dt_eq(c->load(build(1, K, 0.9f, 201), image, IMAGE), DURA_EAUTH, "other rate");
    dt_eq(c->load(build(1, K - 1, 0.9f, 200), image, IMAGE), DURA_EAUTH, "other slices");
    dt_eq(c->load(build(1, 0, 0.0f, 0), image, IMAGE), DURA_EAUTH, "no slices");
}
