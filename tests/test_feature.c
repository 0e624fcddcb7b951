/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Features: each op on numbers worked out by hand, against a second implementation that
 * keeps every frame and sums in double, and as a digest that every target must give.
 */
#include <dura/feature.h>

#include "dt.h"

enum { ROOM = 16384, CH = 4, FE = 24, LONG = 400 };

static uint64_t mem[2][ROOM / 8];

#define QUIET_NAN (0.0f / zero)
static volatile float zero = 0.0f;

static uint32_t bits(float f)
{
    uint32_t u;
    memcpy(&u, &f, sizeof u);
    return u;
}

/* SplitMix64 (Steele, Lea, Flood 2014). */
static uint64_t next(uint64_t *state)
{
    uint64_t z = (*state += UINT64_C(0x9E3779B97F4A7C15));
    z = (z ^ (z >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94D049BB133111EB);
    return z ^ (z >> 31);
}

static dura_feature_spec spec(uint8_t op, uint16_t channel, uint16_t n)
{
    dura_feature_spec s = DURA_FEATURE_SPEC_INIT;
    s.op = op;
    s.channel = channel;
    s.n = n;
    return s;
}

static dura_feature_spec ratio(uint16_t channel, uint16_t channel2)
{
    dura_feature_spec s = spec(DURA_FEATURE_RATIO, channel, 0);
    s.channel2 = channel2;
    return s;
}

static dura_feature_spec onehot(uint16_t channel, float match)
{
    dura_feature_spec s = spec(DURA_FEATURE_ONEHOT, channel, 0);
    s.match = match;
    return s;
}

static dura_feature_spec scaled(dura_feature_spec s, float offset, float scale)
{
    s.offset = offset;
    s.scale = scale;
    return s;
}

/* The deepest look back per channel, summed: what a configuration's history must be. */
static uint32_t history_of(const dura_feature_spec *s, uint16_t n)
{
    uint32_t deepest[1024] = {0}, sum = 0;
    for (uint16_t i = 0; i < n; i++)
        if (dura_feature_depth(&s[i]) > deepest[s[i].channel])
            deepest[s[i].channel] = dura_feature_depth(&s[i]);
    for (size_t i = 0; i < 1024; i++)
        sum += deepest[i];
    return sum;
}

static dura_feature *build(int which, uint16_t channels, const dura_feature_spec *s, uint16_t n)
{
    dura_feature_config c = DURA_FEATURE_CONFIG_INIT;
    dura_feature *f = NULL;
    c.n_channels = channels;
    c.n_features = n;
    c.history = history_of(s, n);
    memset(mem[which], 0xA5, ROOM);
    dt_eq(dura_feature_init(&f, mem[which], dura_feature_bytes(&c), &c), DURA_OK, "");
    for (uint16_t i = 0; i < n; i++)
        dt_eq(dura_feature_attach(f, i, &s[i]), DURA_OK, "feature %u", i);
    return f;
}

/* ---- sizes ------------------------------------------------------------------------- */

DT_TEST(feature_depth, counts_what_a_look_back_needs)
{
    static const struct { uint8_t op; uint16_t n; uint32_t want; } rows[] = {
        {DURA_FEATURE_VALUE, 0, 0}, {DURA_FEATURE_LAG, 1, 2}, {DURA_FEATURE_LAG, 1024, 1025},
        {DURA_FEATURE_DIFF, 3, 4}, {DURA_FEATURE_MEAN, 1, 1}, {DURA_FEATURE_STD, 2, 2},
        {DURA_FEATURE_MIN, 7, 7}, {DURA_FEATURE_MAX, 1024, 1024}, {DURA_FEATURE_RATIO, 0, 0},
        {DURA_FEATURE_ONEHOT, 0, 0}, {0, 5, 0}, {10, 5, 0}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        dura_feature_spec s = spec(rows[i].op, 0, rows[i].n);
        dt_eq(dura_feature_depth(&s), rows[i].want, "op %d n %d", rows[i].op, rows[i].n);
    }
    dt_eq(dura_feature_depth(NULL), 0, "NULL");
    dura_feature_spec shorter = spec(DURA_FEATURE_LAG, 0, 1);
    shorter.struct_size = 20;
    dt_eq(dura_feature_depth(&shorter), 0, "a spec that cannot be read");
}

DT_TEST(feature_bytes, is_0_for_what_init_refuses)
{
    static const struct { const char *row; uint16_t channels, features; uint32_t history; int fits; } rows[] = {
        {"smallest", 1, 1, 0, 1}, {"largest", 1024, 1024, 1024 * 1025, 1}, {"no channel", 0, 1, 0, 0},
        {"no feature", 1, 0, 0, 0}, {"too many channels", 1025, 1, 0, 0}, {"too many features", 1, 1025, 0, 0},
        {"deepest on one channel", 1, 1, 1025, 1}, {"more than can be looked back on", 1, 1, 1026, 0},
        {"more than can be looked back on", 1024, 1, 1024 * 1025 + 1, 0}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        dura_feature_config c = DURA_FEATURE_CONFIG_INIT;
        size_t bytes;
        c.n_channels = rows[i].channels;
        c.n_features = rows[i].features;
        c.history = rows[i].history;
        bytes = dura_feature_bytes(&c);
        dt_eq(bytes != 0, rows[i].fits, "row %s", rows[i].row);
        dt_eq(bytes % 8, 0, "row %s", rows[i].row);
    }
    dt_eq(dura_feature_bytes(NULL), 0, "NULL");
}

DT_TEST(feature_bytes, is_16_and_16_a_feature_8_a_channel_4_a_value)
{
    dura_feature_config c = {sizeof c, 10, 20, 31};
    dt_eq(dura_feature_bytes(&c), 16 + 20 * 16 + 10 * 8 + 32 * 4, "rounded up to 8");
}

/* ---- init -------------------------------------------------------------------------- */

DT_TEST(feature_init, refuses_and_leaves_the_memory_alone)
{
    dura_feature_config good = {sizeof good, 2, 3, 4}, bad = good, newer[2];
    size_t need = dura_feature_bytes(&good);
    dura_feature *f;
    memset(mem, 0x5A, sizeof mem);
    memcpy(mem[1], mem[0], ROOM);
    bad.n_channels = 0;
    memset(newer, 0, sizeof newer);
    newer[0] = good;
    newer[0].struct_size = sizeof newer;
    newer[1].struct_size = 1; /* a field of a later release that is set */
    const struct { const char *row; void *at; size_t len; const dura_feature_config *cfg; int want; } rows[] = {
        {"no config", mem[0], need, NULL, DURA_EINVAL}, {"bad config", mem[0], need, &bad, DURA_EINVAL},
        {"no memory", NULL, need, &good, DURA_EINVAL}, {"crooked", (uint8_t *)mem[0] + 4, need, &good, DURA_EALIGN},
        {"a byte short", mem[0], need - 1, &good, DURA_ENOSPC}, {"newer", mem[0], need, &newer[0], DURA_EVERSION}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        f = (dura_feature *)(void *)mem;
        dt_eq(dura_feature_init(&f, rows[i].at, rows[i].len, rows[i].cfg), rows[i].want, "row %s", rows[i].row);
        dt_ok(f == NULL, "row %s", rows[i].row);
        dt_mem(mem[0], mem[1], ROOM, "row %s", rows[i].row);
    }
    dt_eq(dura_feature_init(NULL, mem[0], need, &good), DURA_EINVAL, "no place");
    dt_eq(dura_feature_init(&f, mem[0], need, &good), DURA_OK, "exactly enough");
    dt_ok((void *)f == (void *)mem[0], "");
    dt_mem((uint8_t *)mem[0] + need, mem[1], 64, "nothing behind it is written");
}

/* ---- attach ------------------------------------------------------------------------ */

DT_TEST(feature_attach, takes_every_op_at_its_bounds_and_nothing_outside)
{
    static const struct { uint8_t op; uint16_t least, most; } rows[] = {
        {DURA_FEATURE_VALUE, 0, 0}, {DURA_FEATURE_LAG, 1, 1024}, {DURA_FEATURE_DIFF, 1, 1024},
        {DURA_FEATURE_MEAN, 1, 1024}, {DURA_FEATURE_STD, 2, 1024}, {DURA_FEATURE_MIN, 1, 1024},
        {DURA_FEATURE_MAX, 1, 1024}, {DURA_FEATURE_RATIO, 0, 0}, {DURA_FEATURE_ONEHOT, 0, 0}};
    dura_feature_config c = {sizeof c, 1, 4, 1025};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        dura_feature_spec s = spec(rows[i].op, 0, rows[i].least);
        dura_feature *f;
        if (s.op == DURA_FEATURE_RATIO)
            s.channel2 = 0;
        dt_eq(dura_feature_init(&f, mem[0], ROOM, &c), DURA_OK, "");
        dt_eq(dura_feature_attach(f, 0, &s), DURA_OK, "op %d least", s.op);
        s.n = rows[i].most;
        dt_eq(dura_feature_attach(f, 1, &s), DURA_OK, "op %d most", s.op);
        s.n = (uint16_t)(rows[i].most + 1);
        dt_eq(dura_feature_attach(f, 2, &s), DURA_EINVAL, "op %d above", s.op);
        s.n = (uint16_t)(rows[i].least - 1);
        dt_eq(dura_feature_attach(f, 2, &s), DURA_EINVAL, "op %d below", s.op);
    }
}

typedef struct refused {
    const char *row;
    dura_feature_spec s;
    int want;
} refused;

DT_TEST(feature_attach, refuses_fields_outside_their_range)
{
    dura_feature_config c = {sizeof c, 2, 8, 6};
    dura_feature *f;
    refused rows[16];
    size_t n = 0;
    const float infinity = 1.0f / zero;
    rows[n++] = (refused){"no op", spec(0, 0, 0), DURA_EINVAL};
    rows[n++] = (refused){"an op of a later release", spec(10, 0, 0), DURA_EVERSION};
    rows[n++] = (refused){"channel", spec(DURA_FEATURE_VALUE, 2, 0), DURA_EINVAL};
    rows[n++] = (refused){"channel2", ratio(0, 2), DURA_EINVAL};
    rows[n++] = (refused){"no channel2", spec(DURA_FEATURE_RATIO, 0, 0), DURA_EINVAL};
    rows[n] = (refused){"channel2 where there is none", ratio(0, 1), DURA_EINVAL};
    rows[n++].s.op = DURA_FEATURE_VALUE;
    rows[n] = (refused){"match where there is none", onehot(0, 1), DURA_EINVAL};
    rows[n++].s.op = DURA_FEATURE_VALUE;
    rows[n++] = (refused){"match", onehot(0, QUIET_NAN), DURA_EINVAL};
    rows[n++] = (refused){"offset", scaled(spec(1, 0, 0), infinity, 1), DURA_EINVAL};
    rows[n++] = (refused){"scale", scaled(spec(1, 0, 0), 0, QUIET_NAN), DURA_EINVAL};
    rows[n++] = (refused){"scale 0", scaled(spec(1, 0, 0), 0, 0), DURA_EINVAL};
    rows[n++] = (refused){"scale -0", scaled(spec(1, 0, 0), 0, -0.0f), DURA_EINVAL};
    rows[n] = (refused){"reserved", spec(DURA_FEATURE_VALUE, 0, 0), DURA_EINVAL};
    rows[n++].s.reserved = 1;
    rows[n] = (refused){"too short", spec(DURA_FEATURE_VALUE, 0, 0), DURA_EINVAL};
    rows[n++].s.struct_size = sizeof(dura_feature_spec) - 1;
    rows[n++] = (refused){"deeper than the history", spec(DURA_FEATURE_LAG, 0, 6), DURA_ENOSPC};
    dt_eq(dura_feature_init(&f, mem[0], ROOM, &c), DURA_OK, "");
    memcpy(mem[1], mem[0], ROOM);
    for (size_t i = 0; i < n; i++) {
        dt_eq(dura_feature_attach(f, 0, &rows[i].s), rows[i].want, "row %s", rows[i].row);
        dt_mem(mem[0], mem[1], dura_feature_bytes(&c), "row %s changed something", rows[i].row);
    }
    dt_eq(dura_feature_attach(f, 8, &rows[0].s), DURA_EINVAL, "index");
    dt_eq(dura_feature_attach(f, 0, NULL), DURA_EINVAL, "no spec");
    dt_eq(dura_feature_attach(NULL, 0, &rows[0].s), DURA_EINVAL, "no object");
}

DT_TEST(feature_attach, wants_history_only_for_the_deepest_look_back_of_a_channel)
{
    dura_feature_config c = {sizeof c, 2, 5, 9};
    dura_feature_spec four = spec(DURA_FEATURE_MEAN, 0, 4), six = spec(DURA_FEATURE_LAG, 0, 5),
                      three = spec(DURA_FEATURE_MAX, 1, 3), more = spec(DURA_FEATURE_MIN, 1, 4);
    dura_feature *f;
    dt_eq(dura_feature_init(&f, mem[0], ROOM, &c), DURA_OK, "");
    dt_eq(dura_feature_attach(f, 0, &four), DURA_OK, "4");
    dt_eq(dura_feature_attach(f, 1, &six), DURA_OK, "4 become 6");
    dt_eq(dura_feature_attach(f, 2, &four), DURA_OK, "still 6");
    dt_eq(dura_feature_attach(f, 3, &more), DURA_ENOSPC, "6 + 4");
    dt_eq(dura_feature_attach(f, 3, &three), DURA_OK, "6 + 3");
    dt_eq(dura_feature_attach(f, 4, &more), DURA_ENOSPC, "6 + 4");
    dt_eq(dura_feature_attach(f, 4, &three), DURA_OK, "");
}

DT_TEST(feature_attach, takes_each_feature_once)
{
    dura_feature_spec one = spec(DURA_FEATURE_VALUE, 0, 0);
    dura_feature *f = build(0, 1, &one, 1);
    float x = 1, y;
    dt_eq(dura_feature_attach(f, 0, &one), DURA_ESTATE, "twice");
    dt_eq(dura_feature_update(f, &x, NULL, 1, &y, NULL), 0, "");
    dt_eq(dura_feature_attach(f, 0, &one), DURA_ESTATE, "after an update");
}

/* ---- by hand ----------------------------------------------------------------------- */

enum { FRAMES = 7 };

typedef struct by_hand {
    const char *row;
    dura_feature_spec s;
    float want[FRAMES];
    const char *ok; /* one character a frame */
} by_hand;

/* Channel 0: 1 2 4 8 16 _ 32, channel 1: 2 0 -4 -0 1 5 _; _ is not usable. */
static const float hand_values[FRAMES][2] = {{1, 2}, {2, 0}, {4, -4}, {8, -0.0f}, {16, 1}, {99, 5}, {32, 77}};
static const uint8_t hand_usable[FRAMES][2] = {{1, 1}, {1, 1}, {1, 1}, {1, 1}, {1, 1}, {0, 1}, {1, 0}};

static void check_by_hand(const by_hand *r)
{
    dura_feature *f = build(0, 2, &r->s, 1);
    for (int k = 0; k < FRAMES; k++) {
        float y = -1;
        uint8_t ok = 9;
        int rc = dura_feature_update(f, hand_values[k], hand_usable[k], 2, &y, &ok);
        dt_eq(ok, r->ok[k] - '0', "%s, frame %d", r->row, k);
        dt_eq(rc, !ok, "%s, frame %d", r->row, k);
        dt_ok(bits(y) - bits(r->want[k]) + 1u <= 2u, "%s, frame %d: %.9g, want %.9g", r->row, k, (double)y,
              (double)r->want[k]); /* one unit in the last place for what a hand cannot write */
    }
}

DT_TEST(feature_update, gives_what_a_hand_gives)
{
    const float root2 = 1.41421354f; /* of 2, rounded to binary32 */
    const by_hand rows[] = {
        {"value", spec(DURA_FEATURE_VALUE, 0, 0), {1, 2, 4, 8, 16, 0, 32}, "1111101"},
        {"value - 1 by 2", scaled(spec(DURA_FEATURE_VALUE, 0, 0), 1, 2), {0, 2, 6, 14, 30, 0, 62}, "1111101"},
        {"value, other channel", spec(DURA_FEATURE_VALUE, 1, 0), {2, 0, -4, -0.0f, 1, 5, 0}, "1111110"},
        {"lag 1", spec(DURA_FEATURE_LAG, 0, 1), {0, 1, 2, 4, 8, 16, 0}, "0111110"},
        {"lag 3", spec(DURA_FEATURE_LAG, 0, 3), {0, 0, 0, 1, 2, 4, 8}, "0001111"},
        {"diff 1", spec(DURA_FEATURE_DIFF, 0, 1), {0, 1, 2, 4, 8, 0, 0}, "0111100"},
        {"diff 2, halved", scaled(spec(DURA_FEATURE_DIFF, 0, 2), 0, 0.5f), {0, 0, 1.5f, 3, 6, 0, 8}, "0011101"},
        {"mean 1", spec(DURA_FEATURE_MEAN, 0, 1), {1, 2, 4, 8, 16, 0, 32}, "1111101"},
        {"mean 2", spec(DURA_FEATURE_MEAN, 0, 2), {1, 1.5f, 3, 6, 12, 16, 32}, "1111111"},
        {"mean 4", spec(DURA_FEATURE_MEAN, 0, 4), {0, 1.5f, 7.0f / 3, 3.75f, 7.5f, 28.0f / 3, 56.0f / 3},
         "0111111"},
        {"std 2", spec(DURA_FEATURE_STD, 0, 2), {0, root2 / 2, root2, root2 * 2, root2 * 4, 0, 0}, "0111100"},
        {"std 3", spec(DURA_FEATURE_STD, 1, 3), {0, root2, 3.05505037f, 2.30940104f, 2.64575124f, 2.64575124f, 2.82842708f},
         "0111111"},
        {"min 3", spec(DURA_FEATURE_MIN, 0, 3), {0, 1, 1, 2, 4, 8, 16}, "0111111"},
        {"max 3", spec(DURA_FEATURE_MAX, 1, 3), {0, 2, 2, 0, 1, 5, 5}, "0111111"},
        {"ratio", ratio(0, 1), {0.5f, 0, -1, 0, 16, 0, 0}, "1010100"},
        {"ratio of itself", ratio(0, 0), {1, 1, 1, 1, 1, 0, 1}, "1111101"},
        {"is 4", onehot(0, 4), {0, 0, 1, 0, 0, 0, 0}, "1111101"},
        {"is 0", onehot(1, 0), {0, 1, 0, 1, 0, 0, 0}, "1111110"},
        {"is -0", onehot(1, -0.0f), {0, 1, 0, 1, 0, 0, 0}, "1111110"},
        {"is 4, as -1 and 1", scaled(onehot(0, 4), 0.5f, 2), {-1, -1, 1, -1, -1, 0, -1}, "1111101"}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        check_by_hand(&rows[i]);
}

DT_TEST(feature_update, warms_up_with_half_a_window)
{
    static const uint8_t ops[] = {DURA_FEATURE_MEAN, DURA_FEATURE_STD, DURA_FEATURE_MIN, DURA_FEATURE_MAX};
    for (size_t o = 0; o < sizeof ops; o++)
        for (uint16_t n = 2; n <= 9; n++) {
            dura_feature_spec s = spec(ops[o], 0, n);
            dura_feature *f = build(0, 1, &s, 1);
            int need = (n + 1) / 2;
            if (ops[o] == DURA_FEATURE_STD && need < 2)
                need = 2;
            for (int k = 1; k <= 12; k++) {
                float x = (float)k, y;
                dt_eq(dura_feature_update(f, &x, NULL, 1, &y, NULL), k < need, "op %d n %d frame %d", ops[o], n, k);
            }
        }
}

DT_TEST(feature_update, loses_a_window_when_more_than_half_of_it_is_not_usable)
{
    dura_feature_spec s = spec(DURA_FEATURE_MEAN, 0, 5);
    dura_feature *f = build(0, 1, &s, 1);
    static const struct { uint8_t usable; int missing; float want; } rows[] = {
        {1, 1, 0}, {1, 1, 0}, {1, 0, 2}, {1, 0, 2.5f}, {1, 0, 3}, {0, 0, 3.5f}, {0, 0, 4}, {0, 1, 0}, {0, 1, 0},
        {0, 1, 0}, {1, 1, 0}, {1, 1, 0}, {1, 0, 12}};
    for (size_t k = 0; k < sizeof rows / sizeof rows[0]; k++) {
        float x = (float)(k + 1), y = 9;
        dt_eq(dura_feature_update(f, &x, &rows[k].usable, 1, &y, NULL), rows[k].missing, "frame %zu", k);
        dt_eq(bits(y), bits(rows[k].want), "frame %zu: %g", k, (double)y);
    }
}

DT_TEST(feature_update, takes_what_is_not_finite_for_not_usable)
{
    const float bad[] = {QUIET_NAN, 1.0f / zero, -1.0f / zero};
    dura_feature_spec s[] = {spec(DURA_FEATURE_VALUE, 0, 0), spec(DURA_FEATURE_LAG, 0, 1), spec(DURA_FEATURE_MAX, 0, 2),
                             onehot(0, 1)};
    for (size_t i = 0; i < 3; i++) {
        dura_feature *f = build(0, 1, s, 4);
        float x = 3, y[4];
        uint8_t ok[4];
        dt_eq(dura_feature_update(f, &x, NULL, 1, y, ok), 1, "the lag");
        dt_eq(dura_feature_update(f, &bad[i], NULL, 1, y, ok), 2, "row %zu", i);
        dt_mem(ok, ((uint8_t[]){0, 1, 1, 0}), 4, "row %zu", i);
        dt_eq(bits(y[2]), bits(3), "row %zu: it never enters a statistic", i);
    }
}

DT_TEST(feature_update, takes_a_result_that_overflows_for_not_usable)
{
    const float most = 3.40282347e38f;
    dura_feature_spec s[] = {scaled(spec(DURA_FEATURE_VALUE, 0, 0), 0, 2), scaled(spec(DURA_FEATURE_VALUE, 0, 0), -most, 1),
                             ratio(0, 1), spec(DURA_FEATURE_DIFF, 0, 1), spec(DURA_FEATURE_STD, 0, 2),
                             spec(DURA_FEATURE_MEAN, 0, 2), spec(DURA_FEATURE_MIN, 0, 2)};
    dura_feature *f = build(0, 2, s, 7);
    float x[2] = {-most, 0.5f}, y[7];
    uint8_t ok[7];
    dt_eq(dura_feature_update(f, x, NULL, 2, y, ok), 4, "");
    dt_mem(ok, ((uint8_t[]){0, 1, 0, 0, 0, 1, 1}), 7, "-FLT_MAX");
    x[0] = most;
    dt_eq(dura_feature_update(f, x, NULL, 2, y, ok), 6, "");
    dt_mem(ok, ((uint8_t[]){0, 0, 0, 0, 0, 0, 1}), 7, "FLT_MAX behind it");
    for (int i = 0; i < 6; i++)
        dt_eq(bits(y[i]), 0, "feature %d", i);
    dt_eq(bits(y[6]), bits(-most), "");
}

DT_TEST(feature_update, is_exact_on_a_constant)
{
    static const float levels[] = {0.1f, -12345.678f, 3e38f, 1e-40f, 16777213.0f};
    static const uint16_t windows[] = {2, 3, 7, 10, 33};
    for (size_t l = 0; l < 5; l++)
        for (size_t w = 0; w < 5; w++) {
            dura_feature_spec s[] = {spec(DURA_FEATURE_MEAN, 0, windows[w]), spec(DURA_FEATURE_STD, 0, windows[w])};
            dura_feature *f = build(0, 1, s, 2);
            float y[2];
            for (int k = 0; k < 40; k++)
                (void)!dura_feature_update(f, &levels[l], NULL, 1, y, NULL);
            dt_eq(bits(y[0]), bits(levels[l]), "mean of %g", (double)levels[l]);
            dt_eq(bits(y[1]), 0, "deviation of %g", (double)levels[l]);
        }
}

DT_TEST(feature_update, counts_and_marks_every_feature_that_is_not_usable)
{
    dura_feature_spec s[] = {spec(DURA_FEATURE_VALUE, 0, 0), spec(DURA_FEATURE_LAG, 0, 1), spec(DURA_FEATURE_VALUE, 1, 0)};
    dura_feature *f = build(0, 2, s, 3);
    float x[2] = {5, 6}, y[3] = {9, 9, 9};
    uint8_t ok[3], usable[2] = {1, 0};
    dt_eq(dura_feature_update(f, x, usable, 2, y, ok), 2, "");
    dt_mem(ok, ((uint8_t[]){1, 0, 0}), 3, "");
    dt_eq(bits(y[1]) | bits(y[2]), 0, "0 where there is none");
    usable[1] = 200;
    dt_eq(dura_feature_update(f, x, usable, 2, y, NULL), 0, "ok is optional, usable is 0 or not 0");
}

DT_TEST(feature_update, refuses_and_changes_nothing)
{
    dura_feature_spec s[] = {spec(DURA_FEATURE_MEAN, 0, 4), spec(DURA_FEATURE_VALUE, 1, 0)};
    dura_feature *f = build(0, 2, s, 2);
    float x[2] = {1, 2}, y[2] = {3, 4};
    dt_eq(dura_feature_update(f, x, NULL, 2, y, NULL), 1, "");
    memcpy(mem[1], mem[0], ROOM);
    dt_eq(dura_feature_update(NULL, x, NULL, 2, y, NULL), DURA_EINVAL, "no object");
    dt_eq(dura_feature_update(f, NULL, NULL, 2, y, NULL), DURA_EINVAL, "no values");
    dt_eq(dura_feature_update(f, x, NULL, 2, NULL, NULL), DURA_EINVAL, "no room");
    dt_eq(dura_feature_update(f, x, NULL, 1, y, NULL), DURA_EINVAL, "too few");
    dt_eq(dura_feature_update(f, x, NULL, 3, y, NULL), DURA_EINVAL, "too many");
    dt_eq(dura_feature_update_n(NULL, x, NULL, 1, 2, y, NULL), DURA_EINVAL, "n: no object");
    dt_eq(dura_feature_update_n(f, NULL, NULL, 1, 2, y, NULL), DURA_EINVAL, "n: no values");
    dt_eq(dura_feature_update_n(f, x, NULL, 1, 2, NULL, NULL), DURA_EINVAL, "n: no room");
    dt_eq(dura_feature_update_n(f, x, NULL, 1, 3, y, NULL), DURA_EINVAL, "n: too many");
    dt_eq(dura_feature_update_n(f, x, NULL, 0, 2, y, NULL), 0, "n: no frame");
    dt_mem(mem[0], mem[1], ROOM, "");
}

DT_TEST(feature_update, waits_for_every_feature)
{
    dura_feature_config c = {sizeof c, 1, 2, 4};
    dura_feature_spec s = spec(DURA_FEATURE_MEAN, 0, 4);
    dura_feature *f;
    float x = 1, y[2];
    dt_eq(dura_feature_init(&f, mem[0], ROOM, &c), DURA_OK, "");
    dt_eq(dura_feature_attach(f, 1, &s), DURA_OK, "");
    dt_eq(dura_feature_update(f, &x, NULL, 1, y, NULL), DURA_ESTATE, "");
    dt_eq(dura_feature_update_n(f, &x, NULL, 1, 1, y, NULL), DURA_ESTATE, "");
    dt_eq(dura_feature_reset(f), DURA_OK, "a reset does not help");
    dt_eq(dura_feature_update(f, &x, NULL, 1, y, NULL), DURA_ESTATE, "");
    dt_eq(dura_feature_attach(f, 0, &s), DURA_OK, "");
    dt_eq(dura_feature_update(f, &x, NULL, 1, y, NULL), 2, "");
}

/* ---- against a second implementation ------------------------------------------------- */

static float values[LONG][CH];
static uint8_t usable[LONG][CH];

/* Values on a grid, some of them not usable, some of them not finite. */
static void make_frames(uint64_t seed)
{
    for (int k = 0; k < LONG; k++)
        for (int c = 0; c < CH; c++) {
            uint64_t r = next(&seed);
            values[k][c] = (float)((int32_t)(r >> 44) - 524288) * (1.0f / 1024.0f);
            usable[k][c] = (r & 7u) != 0;
            if ((r & 0x1F8u) == 0)
                values[k][c] = QUIET_NAN;
            if (c == 3)
                values[k][c] = (float)(r >> 62);
        }
}

static uint16_t any_specs(dura_feature_spec *s, uint64_t *seed)
{
    uint16_t n = (uint16_t)(1 + next(seed) % FE);
    for (uint16_t i = 0; i < n; i++) {
        uint64_t r = next(seed);
        uint8_t op = (uint8_t)(1 + r % 9);
        uint16_t channel = (uint16_t)((r >> 8) % CH), window = (uint16_t)(2 + (r >> 16) % 40);
        s[i] = op == DURA_FEATURE_RATIO    ? ratio(channel, (uint16_t)((r >> 32) % CH))
               : op == DURA_FEATURE_ONEHOT ? onehot(channel, (float)((r >> 32) % 4))
                                           : spec(op, channel, op == DURA_FEATURE_VALUE ? 0 : window);
        s[i] = scaled(s[i], (float)((r >> 40) % 8), (r >> 48) & 1 ? 0.25f : 1.0f);
    }
    return n;
}

static int seen(int k, uint16_t c)
{
    return k >= 0 && usable[k][c] && values[k][c] == values[k][c];
}

/* Mean, deviation, minimum, maximum of the window that ends with frame k. */
static int slow_window(const dura_feature_spec *s, int k, double *y)
{
    double sum = 0, squares = 0, low = 0, high = 0, root = 0;
    int count = 0, i;
    for (i = k - s->n + 1; i <= k; i++)
        if (seen(i, s->channel)) {
            double x = (double)values[i][s->channel];
            sum += x;
            low = count == 0 || x < low ? x : low;
            high = count == 0 || x > high ? x : high;
            count++;
        }
    for (i = k - s->n + 1; i <= k; i++)
        if (seen(i, s->channel)) {
            double d = (double)values[i][s->channel] - sum / count;
            squares += d * d;
        }
    if (count < (s->n + 1) / 2 || (s->op == DURA_FEATURE_STD && count < 2))
        return 0;
    if (s->op == DURA_FEATURE_STD && squares > 0) /* Newton's root */
        for (root = 1e3, i = 0; i < 60; i++)
            root = 0.5 * (root + squares / (count - 1) / root);
    *y = s->op == DURA_FEATURE_MEAN ? sum / count : s->op == DURA_FEATURE_STD ? root : s->op == DURA_FEATURE_MIN ? low : high;
    return 1;
}

static int slow(const dura_feature_spec *s, int k, double *y)
{
    int then = k - s->n;
    if (s->op >= DURA_FEATURE_MEAN && s->op <= DURA_FEATURE_MAX)
        return slow_window(s, k, y);
    if (s->op == DURA_FEATURE_LAG) {
        *y = seen(then, s->channel) ? (double)values[then][s->channel] : 0;
        return seen(then, s->channel);
    }
    if (!seen(k, s->channel))
        return 0;
    *y = (double)values[k][s->channel];
    if (s->op == DURA_FEATURE_ONEHOT)
        *y = *y == (double)s->match;
    if (s->op == DURA_FEATURE_DIFF) {
        if (!seen(then, s->channel))
            return 0;
        *y -= (double)values[then][s->channel];
    }
    if (s->op == DURA_FEATURE_RATIO) {
        if (!seen(k, s->channel2) || values[k][s->channel2] == 0)
            return 0;
        *y /= (double)values[k][s->channel2];
    }
    return 1;
}

DT_TEST(feature_update, agrees_with_a_slow_one_that_forgets_nothing)
{
    static float y[FE];
    static uint8_t ok[FE];
    dura_feature_spec s[FE];
    for (uint64_t seed = 1; seed <= 12; seed++) {
        uint64_t r = seed;
        uint16_t n = any_specs(s, &r);
        dura_feature *f = build(0, CH, s, n);
        make_frames(r);
        for (int k = 0; k < LONG; k++) {
            int missing = 0;
            dt_ok(dura_feature_update(f, values[k], usable[k], CH, y, ok) >= 0, "");
            for (uint16_t i = 0; i < n; i++) {
                double want = 0, off;
                int good = slow(&s[i], k, &want);
                missing += !good;
                want = good ? (want - (double)s[i].offset) * (double)s[i].scale : 0;
                off = (double)y[i] - want;
                dt_eq(ok[i], good, "seed %d frame %d feature %d op %d", (int)seed, k, i, s[i].op);
                dt_ok(off * off <= 1e-7 * (1 + want * want), "seed %d frame %d op %d: %.9g, want %.9g", (int)seed, k,
                      s[i].op, (double)y[i], want);
            }
            dt_ok(missing >= 0, "");
        }
    }
}

DT_TEST(feature_update_n, equals_update_in_turn)
{
    static float y[2][LONG][FE];
    static uint8_t ok[2][LONG][FE];
    dura_feature_spec s[FE];
    for (uint64_t seed = 20; seed < 26; seed++) {
        uint64_t r = seed;
        uint16_t n = any_specs(s, &r);
        float *a = &y[0][0][0], *b = &y[1][0][0];
        uint8_t *p = &ok[0][0][0], *q = &ok[1][0][0];
        dura_feature *one = build(0, CH, s, n), *many = build(1, CH, s, n);
        int sum = 0, cut = (int)(seed * 37 % LONG);
        make_frames(r);
        for (int k = 0; k < LONG; k++)
            sum += dura_feature_update(one, values[k], usable[k], CH, a + k * n, p + k * n);
        sum -= dura_feature_update_n(many, values[0], usable[0], (size_t)cut, CH, b, q);
        sum -= dura_feature_update_n(many, values[cut], usable[cut], (size_t)(LONG - cut), CH, b + cut * n, q + cut * n);
        dt_eq(sum, 0, "seed %d", (int)seed);
        dt_mem(a, b, sizeof(float) * LONG * n, "seed %d", (int)seed);
        dt_mem(p, q, (size_t)LONG * n, "seed %d", (int)seed);
        dt_mem(mem[0], mem[1], ROOM, "seed %d: the same state", (int)seed);
        dt_ok(dura_feature_update_n(one, values[0], NULL, LONG, CH, a, NULL) >= 0, "both optional");
    }
}

DT_TEST(feature_reset, makes_it_as_new)
{
    dura_feature_spec s[FE];
    static float y[FE];
    uint64_t r = 77;
    uint16_t n = any_specs(s, &r);
    dura_feature *used = build(0, CH, s, n);
    (void)build(1, CH, s, n);
    make_frames(r);
    for (int k = 0; k < 60; k++)
        dt_ok(dura_feature_update(used, values[k], usable[k], CH, y, NULL) >= 0, "");
    dt_ok(memcmp(mem[0], mem[1], ROOM) != 0, "it had a history");
    dt_eq(dura_feature_reset(used), DURA_OK, "");
    dt_mem(mem[0], mem[1], ROOM, "");
    dt_eq(dura_feature_reset(NULL), DURA_EINVAL, "");
}

/* ---- every target the same ----------------------------------------------------------- */

static uint64_t fold(uint64_t h, uint32_t u) /* FNV-1a of four bytes, lowest first */
{
    for (int i = 0; i < 4; i++)
        h = (h ^ (u >> (8 * i) & 0xFFu)) * UINT64_C(0x100000001B3);
    return h;
}

DT_TEST(feature_update, gives_these_bits_on_every_target)
{
    dura_feature_spec s[] = {
        spec(DURA_FEATURE_VALUE, 0, 0), spec(DURA_FEATURE_LAG, 1, 5), scaled(spec(DURA_FEATURE_DIFF, 2, 7), 0.1f, 3.7f),
        spec(DURA_FEATURE_MEAN, 0, 17), spec(DURA_FEATURE_STD, 1, 9), spec(DURA_FEATURE_STD, 2, 100),
        scaled(spec(DURA_FEATURE_MIN, 1, 30), 0.3f, 0.7f), spec(DURA_FEATURE_MAX, 2, 4), ratio(0, 1), onehot(3, 2)};
    uint64_t h = UINT64_C(0xCBF29CE484222325);
    dura_feature *f = build(0, CH, s, 10);
    float y[10];
    uint8_t ok[10];
    for (uint64_t seed = 0; seed < 5; seed++) {
        make_frames(seed);
        for (int k = 0; k < LONG; k++) {
            dt_ok(dura_feature_update(f, values[k], usable[k], CH, y, ok) >= 0, "");
            for (int i = 0; i < 10; i++)
                h = fold(fold(h, bits(y[i])), ok[i]);
        }
    }
    dt_ok(h == UINT64_C(0xBE8271465CF695FF), "0x%08lX%08lX", (unsigned long)(h >> 32), (unsigned long)(h & 0xFFFFFFFFu));
}

DT_TEST(feature_part, names_the_functions)
{
    const dura_feature_calls *p = dura_feature_part();
    dt_ok(p != NULL && p == dura_feature_part(), "");
    dt_eq(p->struct_size, sizeof *p, "");
    dt_eq(p->reserved, 0, "");
    dt_ok(p->depth == dura_feature_depth && p->bytes == dura_feature_bytes && p->init == dura_feature_init, "");
    dt_ok(p->attach == dura_feature_attach && p->update == dura_feature_update && p->reset == dura_feature_reset, "");
}
