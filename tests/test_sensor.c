/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The sensor: five checks, the stamp, holding and substitution, the frame's action.
 *
 * Read aloud, the names are the specification. Expected values are worked out by hand,
 * or by a second implementation written plainly below (ref_*), which is run beside the
 * real one over random frames. The edge tests are the rules of docs/sensor.md; probes that
 * other validators answer wrongly are in test_sensor_torture.c.
 *
 * Compiled with SENSOR_PROBE the file is only a small program: it prints a digest of
 * what the sensor says of a fixed run. One test builds it with -ffast-math and wants
 * the same digest.
 */
#include <dura/sensor.h>

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#if defined(__SSE2__)
#include <xmmintrin.h>
#endif

#define S 1000000000LL      /* one second in ns */
#define MS 1000000LL
#define MAX_N 48

#define ALL_CHECKS                                                                     \
    (DURA_CHECK_TIME | DURA_CHECK_FINITE | DURA_CHECK_RANGE | DURA_CHECK_RATE | DURA_CHECK_FLAT)

static uint32_t bits_of(float f)
{
    uint32_t u;
    memcpy(&u, &f, sizeof u);
    return u;
}
static float of_bits(uint32_t u)
{
    float f;
    memcpy(&f, &u, sizeof f);
    return f;
}

/* 0..100, suspect outside 10..90; 5 and 10 per second; flat 2 and 4 s within 0.01 */
static dura_sensor_channel channel(uint16_t checks)
{
    dura_sensor_channel c = DURA_SENSOR_CHANNEL_INIT;
    c.checks = checks;
    c.fail_lo = 0.0f, c.suspect_lo = 10.0f, c.suspect_hi = 90.0f, c.fail_hi = 100.0f;
    c.rate_suspect = 5.0f, c.rate_fail = 10.0f;
    c.flat_tolerance = 0.01f, c.flat_suspect_ns = 2 * S, c.flat_fail_ns = 4 * S;
    return c;
}

/* xorshift64*: the same everywhere. */
static uint64_t dice_state = 88172645463325252u;
static uint32_t dice(uint32_t below)
{
    dice_state ^= dice_state >> 12;
    dice_state ^= dice_state << 25;
    dice_state ^= dice_state >> 27;
    return (uint32_t)((dice_state * 2685821657736338717u) >> 33) % below;
}

/* Values that make trouble, and some that do not. */
static float trouble(float level)
{
    static const uint32_t odd[] = {0x7FC00000u, 0xFFC00001u, 0x7F800001u, 0x7F800000u, 0xFF800000u,
                                   0x00000001u, 0x80000001u, 0x007FFFFFu, 0x00800000u, 0x00800001u,
                                   0x80000000u, 0x00000000u, 0x7F7FFFFFu, 0xFF7FFFFFu};
    uint32_t k = dice(100);
    if (k < 14)
        return of_bits(odd[k]);
    if (k < 30)
        return level;
    if (k < 34)
        return level * 1000.0f;
    return level + ((float)dice(2001) - 1000.0f) * 0.002f;
}

/* ---- a sensor to try things on ----------------------------------------------------- */

static uint64_t memory[DURA_SENSOR_BYTES(MAX_N) / 8];
static dura_sensor_report rep;
static float usable[MAX_N];

static dura_sensor *built(uint16_t n, int64_t gap_ns, uint16_t rebase_after,
                          const dura_sensor_channel *c, int same)
{
    dura_sensor_config cfg = DURA_SENSOR_CONFIG_INIT;
    dura_sensor *s = NULL;
    uint16_t i;
    cfg.n_channels = n;
    cfg.gap_ns = gap_ns;
    cfg.rebase_after = rebase_after;
    memset(memory, 0xA5, sizeof memory); /* init must not rely on clean memory */
    if (dura_sensor_init(&s, memory, sizeof memory, &cfg) != DURA_OK)
        return NULL;
    for (i = 0; i < n; i++)
        if (dura_sensor_attach(s, i, same ? c : &c[i]) != DURA_OK)
            return NULL;
    return s;
}
static dura_sensor *one(const dura_sensor_channel *c)
{
    return built(1, 10 * S, 0, c, 1);
}

static uint8_t feed(dura_sensor *s, int64_t t, float x)
{
    dura_sensor_report r = DURA_SENSOR_REPORT_INIT;
    rep = r;
    if (dura_sensor_update(s, t, &x, NULL, 1, usable, &rep) != DURA_OK)
        return 0;
    return dura_sensor_verdicts(s)[0];
}
static uint8_t feed_nothing(dura_sensor *s, int64_t t)
{
    dura_sensor_report r = DURA_SENSOR_REPORT_INIT;
    const float x = NAN; /* what stands where nothing is must not matter */
    const uint8_t gone = 1;
    rep = r;
    if (dura_sensor_update(s, t, &x, &gone, 1, usable, &rep) != DURA_OK)
        return 0;
    return dura_sensor_verdicts(s)[0];
}

/* A fixed run over all that is odd, off every rounding boundary; says one number. */
__attribute__((unused)) static uint32_t digest_of_a_run(void)
{
    static const uint32_t x[] = {
        0x42480000u /* 50 */, 0x42486666u, 0x7FC00000u, 0x7F800000u, 0xFF800000u, 0x42480000u,
        0x00000001u, 0x80000001u, 0x00000000u, 0x007FFFFFu, 0x42C90000u /* 100.5 */, 0xBF800000u,
        0xFFFFFFFFu, 0x42480000u, 0x42480000u, 0x42480000u, 0x42480000u, 0x42480000u, 0x42490000u};
    dura_sensor_channel c[3];
    uint32_t h = 2166136261u;
    dura_sensor *s;
    size_t k, i;
    c[0] = channel(ALL_CHECKS);
    c[1] = channel(DURA_CHECK_RANGE | DURA_CHECK_FLAT);
    c[1].fail_lo = c[1].suspect_lo = 0.0f;
    c[1].fail_hi = c[1].suspect_hi = of_bits(2u); /* limits that are subnormal themselves */
    c[2] = channel(DURA_CHECK_FINITE | DURA_CHECK_RATE);
    c[2].hold_ns = 3 * S;
    s = built(3, 10 * S, 0, c, 0);
    for (k = 0; s && k < 4 * sizeof x / sizeof x[0]; k++) {
        dura_sensor_report r = DURA_SENSOR_REPORT_INIT;
        float v[3];
        for (i = 0; i < 3; i++)
            v[i] = of_bits(x[(k + i * 7) % (sizeof x / sizeof x[0])]);
        if (dura_sensor_update(s, (int64_t)k * S + (int64_t)k, v, NULL, 3, usable, &r) != DURA_OK)
            return 0;
        for (i = 0; i < 3; i++) {
            h = (h ^ dura_sensor_verdicts(s)[i]) * 16777619u;
            h = (h ^ dura_sensor_reasons(s)[i]) * 16777619u;
            h = (h ^ bits_of(usable[i])) * 16777619u;
        }
        h = (h ^ r.action) * 16777619u;
    }
    return h;
}

#ifdef SENSOR_PROBE

int main(void)
{
    (void)trouble;
    (void)one;
    (void)feed;
    (void)feed_nothing;
    printf("%08x\n", (unsigned)digest_of_a_run());
    return 0;
}

#else

#include "dt.h"

#define dt_reasons(want, ...) dt_eq(dura_sensor_reasons(s)[0], (want), __VA_ARGS__)

/* ---- bytes and init ---------------------------------------------------------------- */

DT_TEST(sensor_bytes, stay_within_the_bound_for_every_size)
{
    dura_sensor_config cfg = DURA_SENSOR_CONFIG_INIT;
    size_t n, before = 0;
    for (n = 1; n <= DURA_CHANNELS_MAX; n++) {
        size_t b;
        cfg.n_channels = (uint16_t)n;
        b = dura_sensor_bytes(&cfg);
        dt_ok(b > 0 && b <= DURA_SENSOR_BYTES(n), "n %zu", n);
        dt_ok(b >= before, "n %zu", n);
        dt_ok(b <= 72 + 126 * ((n + 15) / 16 * 16), "n %zu: %zu bytes", n, b);
        before = b;
    }
}

DT_TEST(sensor_bytes, are_zero_for_an_invalid_config)
{
    static const struct {
        const char *row;
        uint32_t size;
        uint16_t n;
        int64_t gap;
        int fits;
    } rows[] = {
        {"one channel", 16, 1, 0, 1},          {"no channel", 16, 0, 0, 0},
        {"most channels", 16, 1024, 0, 1},     {"one too many", 16, 1025, 0, 0},
        {"negative gap", 16, 1, -1, 0},        {"longest gap", 16, 1, INT64_MAX, 1},
        {"size of nothing", 0, 1, 0, 0},       {"a byte short of v1", 15, 1, 0, 0},
    };
    dura_sensor *s;
    size_t i;
    for (i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        dura_sensor_config cfg = DURA_SENSOR_CONFIG_INIT;
        static uint64_t big[DURA_SENSOR_BYTES(1024) / 8];
        cfg.struct_size = rows[i].size;
        cfg.n_channels = rows[i].n;
        cfg.gap_ns = rows[i].gap;
        dt_eq(dura_sensor_bytes(&cfg) != 0, rows[i].fits, "%s", rows[i].row);
        dt_eq(dura_sensor_init(&s, big, sizeof big, &cfg), rows[i].fits ? DURA_OK : DURA_EINVAL, "%s",
              rows[i].row);
        dt_eq(s != NULL, rows[i].fits, "%s", rows[i].row);
    }
    dt_eq(dura_sensor_bytes(NULL), 0, "NULL");
}

DT_TEST(sensor_init, changes_nothing_when_it_refuses)
{
    dura_sensor_config cfg = DURA_SENSOR_CONFIG_INIT;
    static uint64_t mem[DURA_SENSOR_BYTES(3) / 8], clean[DURA_SENSOR_BYTES(3) / 8];
    dura_sensor *s = (dura_sensor *)(void *)mem;
    size_t need;
    cfg.n_channels = 3;
    need = dura_sensor_bytes(&cfg);
    memset(mem, 0x5A, sizeof mem);
    memcpy(clean, mem, sizeof mem);
    dt_eq(dura_sensor_init(&s, mem, need - 1, &cfg), DURA_ENOSPC, "");
    dt_ok(s == NULL, "out is NULL");
    dt_eq(dura_sensor_init(&s, (char *)mem + 4, sizeof mem - 4, &cfg), DURA_EALIGN, "");
    dt_eq(dura_sensor_init(&s, NULL, need, &cfg), DURA_EINVAL, "no memory");
    dt_eq(dura_sensor_init(&s, mem, need, NULL), DURA_EINVAL, "no config");
    dt_eq(dura_sensor_init(NULL, mem, need, &cfg), DURA_EINVAL, "nowhere to put it");
    dt_mem(mem, clean, sizeof mem, "");
    dt_eq(dura_sensor_init(&s, mem, need, &cfg), DURA_OK, "the exact size is enough");
    dt_mem((char *)mem + need, (char *)clean + need, sizeof mem - need, "nothing behind it is written");
}

DT_TEST(sensor_init, reads_older_and_newer_configs)
{
    struct {
        dura_sensor_config cfg;
        uint8_t tail[8];
    } newer = {DURA_SENSOR_CONFIG_INIT, {0}};
    dura_sensor *s = NULL;
    newer.cfg.struct_size = sizeof newer;
    newer.cfg.n_channels = 2;
    dt_eq(dura_sensor_init(&s, memory, sizeof memory, &newer.cfg), DURA_OK, "newer, tail unset");
    newer.tail[7] = 1;
    dt_eq(dura_sensor_init(&s, memory, sizeof memory, &newer.cfg), DURA_EVERSION, "newer, tail set");
    dt_ok(s == NULL, "out is NULL");
    dt_eq(dura_sensor_bytes(&newer.cfg), 0, "newer, tail set");
}

/* ---- attach ------------------------------------------------------------------------ */

typedef struct bad_channel {
    const char *row;
    void (*spoil)(dura_sensor_channel *);
    int want;
} bad_channel;

#define SPOIL(name, statement)                                                         \
    static void name(dura_sensor_channel *c)                                           \
    {                                                                                  \
        statement;                                                                     \
    }
SPOIL(sp_nothing, (void)c)
SPOIL(sp_no_checks, c->checks = 0)
SPOIL(sp_nan_lo, c->fail_lo = NAN)
SPOIL(sp_inf_hi, c->fail_hi = INFINITY)
SPOIL(sp_nan_sus_lo, c->suspect_lo = NAN)
SPOIL(sp_nan_sus_hi, c->suspect_hi = -NAN)
SPOIL(sp_lo_above, c->fail_lo = 10.5f)
SPOIL(sp_hi_below, c->fail_hi = 89.5f)
SPOIL(sp_bands_cross, (c->suspect_lo = 60.0f, c->suspect_hi = 50.0f))
SPOIL(sp_no_band, (c->suspect_lo = 0.0f, c->suspect_hi = 100.0f))
SPOIL(sp_no_range, c->fail_lo = c->suspect_lo = c->suspect_hi = c->fail_hi = 0.0f)
SPOIL(sp_zero_width, c->fail_lo = c->suspect_lo = c->suspect_hi = c->fail_hi = 7.0f)
SPOIL(sp_swapped, (c->fail_lo = 100.0f, c->suspect_lo = 90.0f, c->suspect_hi = 10.0f, c->fail_hi = 0.0f))
SPOIL(sp_no_rate, c->rate_fail = 0.0f)
SPOIL(sp_neg_rate, c->rate_fail = -1.0f)
SPOIL(sp_nan_rate, c->rate_fail = NAN)
SPOIL(sp_inf_rate, c->rate_suspect = INFINITY)
SPOIL(sp_tiny_rate, (c->rate_suspect = 0.0f, c->rate_fail = 1e-40f))
SPOIL(sp_rate_order, c->rate_suspect = 10.5f)
SPOIL(sp_neg_rate_suspect, c->rate_suspect = -1.0f)
SPOIL(sp_rate_equal, c->rate_suspect = 10.0f)
SPOIL(sp_no_flat, c->flat_fail_ns = 0)
SPOIL(sp_neg_flat, (c->flat_suspect_ns = 0, c->flat_fail_ns = -1))
SPOIL(sp_flat_order, c->flat_suspect_ns = 4 * S + 1)
SPOIL(sp_neg_flat_suspect, c->flat_suspect_ns = -1)
SPOIL(sp_neg_tolerance, c->flat_tolerance = -0.5f)
SPOIL(sp_nan_tolerance, c->flat_tolerance = NAN)
SPOIL(sp_minus_zero_tolerance, c->flat_tolerance = -0.0f)
SPOIL(sp_neg_age, c->max_age_ns = -1)
SPOIL(sp_neg_hold, c->hold_ns = -1)
SPOIL(sp_longest, c->max_age_ns = c->hold_ns = c->flat_fail_ns = INT64_MAX)
SPOIL(sp_kind, c->kind = 2)
SPOIL(sp_flag, c->flags |= 4)
SPOIL(sp_check, c->checks |= 32)
SPOIL(sp_origin, c->origin = 1)
SPOIL(sp_short, c->struct_size = 71)
SPOIL(sp_unused_nan, (c->checks = DURA_CHECK_TIME, c->rate_fail = NAN))
SPOIL(sp_unused_order, (c->checks = DURA_CHECK_TIME, c->fail_lo = 500.0f))

static const bad_channel bad_channels[] = {
    {"sound", sp_nothing, DURA_OK},
    {"no check at all", sp_no_checks, DURA_EINVAL},
    {"fail_lo NaN", sp_nan_lo, DURA_EINVAL},
    {"fail_hi infinite", sp_inf_hi, DURA_EINVAL},
    {"suspect_lo NaN", sp_nan_sus_lo, DURA_EINVAL},
    {"suspect_hi NaN", sp_nan_sus_hi, DURA_EINVAL},
    {"fail_lo above suspect_lo", sp_lo_above, DURA_EINVAL},
    {"fail_hi below suspect_hi", sp_hi_below, DURA_EINVAL},
    {"suspect band turned round", sp_bands_cross, DURA_EINVAL},
    {"no suspect band", sp_no_band, DURA_OK},
    {"RANGE without its limits", sp_no_range, DURA_EINVAL},
    {"range of one value", sp_zero_width, DURA_EINVAL},
    {"all limits swapped: never sorted for you", sp_swapped, DURA_EINVAL},
    {"RATE without its limit", sp_no_rate, DURA_EINVAL},
    {"rate_fail negative", sp_neg_rate, DURA_EINVAL},
    {"rate_fail NaN", sp_nan_rate, DURA_EINVAL},
    {"rate_suspect infinite", sp_inf_rate, DURA_EINVAL},
    {"rate_fail subnormal counts as none", sp_tiny_rate, DURA_EINVAL},
    {"rate_suspect above rate_fail", sp_rate_order, DURA_EINVAL},
    {"rate_suspect negative", sp_neg_rate_suspect, DURA_EINVAL},
    {"rate_suspect equal to rate_fail", sp_rate_equal, DURA_OK},
    {"FLAT without its limit", sp_no_flat, DURA_EINVAL},
    {"flat_fail_ns negative", sp_neg_flat, DURA_EINVAL},
    {"flat_suspect_ns above flat_fail_ns", sp_flat_order, DURA_EINVAL},
    {"flat_suspect_ns negative", sp_neg_flat_suspect, DURA_EINVAL},
    {"flat_tolerance negative", sp_neg_tolerance, DURA_EINVAL},
    {"flat_tolerance NaN", sp_nan_tolerance, DURA_EINVAL},
    {"flat_tolerance -0.0 is 0", sp_minus_zero_tolerance, DURA_OK},
    {"max_age_ns negative", sp_neg_age, DURA_EINVAL},
    {"hold_ns negative", sp_neg_hold, DURA_EINVAL},
    {"longest times", sp_longest, DURA_OK},
    {"a kind of a later release", sp_kind, DURA_EVERSION},
    {"a flag of a later release", sp_flag, DURA_EVERSION},
    {"a check of a later release", sp_check, DURA_EVERSION},
    {"origin of a channel that is no count", sp_origin, DURA_EINVAL},
    {"a byte short of v1", sp_short, DURA_EINVAL},
    {"NaN in a limit nobody uses", sp_unused_nan, DURA_EINVAL},
    {"disorder in limits nobody uses", sp_unused_order, DURA_OK},
};

DT_TEST(sensor_attach, refuses_what_cannot_be_checked)
{
    size_t i;
    for (i = 0; i < sizeof bad_channels / sizeof bad_channels[0]; i++) {
        dura_sensor_config cfg = DURA_SENSOR_CONFIG_INIT;
        dura_sensor_channel c = channel(ALL_CHECKS);
        dura_sensor *s;
        const float x = 50.0f;
        cfg.n_channels = 1;
        dt_eq(dura_sensor_init(&s, memory, sizeof memory, &cfg), DURA_OK, "");
        bad_channels[i].spoil(&c);
        dt_eq(dura_sensor_attach(s, 0, &c), bad_channels[i].want, "%s", bad_channels[i].row);
        rep.struct_size = sizeof rep;
        dt_eq(dura_sensor_update(s, 0, &x, NULL, 1, NULL, &rep),
              bad_channels[i].want ? DURA_ESTATE : DURA_OK, "%s", bad_channels[i].row);
    }
}

DT_TEST(sensor_attach, happens_once_per_channel)
{
    dura_sensor_config cfg = DURA_SENSOR_CONFIG_INIT;
    dura_sensor_channel c = channel(DURA_CHECK_FINITE);
    dura_sensor *s;
    const float x[2] = {1.0f, 2.0f};
    cfg.n_channels = 2;
    dt_eq(dura_sensor_init(&s, memory, sizeof memory, &cfg), DURA_OK, "");
    dt_eq(dura_sensor_attach(s, 2, &c), DURA_EINVAL, "no such channel");
    dt_eq(dura_sensor_attach(NULL, 0, &c), DURA_EINVAL, "");
    dt_eq(dura_sensor_attach(s, 0, NULL), DURA_EINVAL, "");
    dt_eq(dura_sensor_attach(s, 1, &c), DURA_OK, "any order");
    dt_eq(dura_sensor_attach(s, 1, &c), DURA_ESTATE, "twice");
    rep.struct_size = sizeof rep;
    dt_eq(dura_sensor_update(s, 0, x, NULL, 2, NULL, &rep), DURA_ESTATE, "channel 0 is not there yet");
    dt_eq(dura_sensor_attach(s, 0, &c), DURA_OK, "");
    dt_eq(dura_sensor_update(s, 0, x, NULL, 2, NULL, &rep), DURA_OK, "");
    dt_eq(dura_sensor_attach(s, 0, &c), DURA_ESTATE, "after the first update");
    dt_eq(dura_sensor_reset(s), DURA_OK, "");
    dt_eq(dura_sensor_attach(s, 0, &c), DURA_ESTATE, "reset keeps the configuration");
}

DT_TEST(sensor_attach, reads_older_and_newer_channels)
{
    struct {
        dura_sensor_channel c;
        uint32_t tail[2];
    } newer = {DURA_SENSOR_CHANNEL_INIT, {0, 0}};
    dura_sensor_config cfg = DURA_SENSOR_CONFIG_INIT;
    dura_sensor *s;
    cfg.n_channels = 1;
    dt_eq(dura_sensor_init(&s, memory, sizeof memory, &cfg), DURA_OK, "");
    newer.c = channel(ALL_CHECKS);
    newer.c.struct_size = sizeof newer;
    newer.tail[0] = 1;
    dt_eq(dura_sensor_attach(s, 0, &newer.c), DURA_EVERSION, "newer, tail set");
    newer.tail[0] = 0;
    dt_eq(dura_sensor_attach(s, 0, &newer.c), DURA_OK, "newer, tail unset");
}

/* ---- arguments of update ------------------------------------------------------------- */

DT_TEST(sensor_update, changes_nothing_when_it_refuses)
{
    dura_sensor_channel c = channel(ALL_CHECKS);
    dura_sensor *s = one(&c);
    dura_sensor_report r = DURA_SENSOR_REPORT_INIT;
    static uint64_t before[DURA_SENSOR_BYTES(MAX_N) / 8];
    float x = 50.0f;
    dt_eq(feed(s, 0, x), DURA_UNKNOWN, "");
    memcpy(before, memory, sizeof memory);
    r.action = 77;
    dt_eq(dura_sensor_update(NULL, S, &x, NULL, 1, NULL, &r), DURA_EINVAL, "no sensor");
    dt_eq(dura_sensor_update(s, S, NULL, NULL, 1, NULL, &r), DURA_EINVAL, "no values");
    dt_eq(dura_sensor_update(s, S, &x, NULL, 0, NULL, &r), DURA_EINVAL, "n too small");
    dt_eq(dura_sensor_update(s, S, &x, NULL, 2, NULL, &r), DURA_EINVAL, "n too large");
    dt_eq(dura_sensor_update(s, -1, &x, NULL, 1, NULL, &r), DURA_EINVAL, "negative stamp");
    dt_eq(dura_sensor_update(s, S, &x, NULL, 1, NULL, NULL), DURA_EINVAL, "no report");
    r.struct_size = 15;
    dt_eq(dura_sensor_update(s, S, &x, NULL, 1, NULL, &r), DURA_EINVAL, "report below v1");
    dt_eq(r.action, 77, "the report is as it was");
    dt_mem(memory, before, sizeof memory, "the sensor is as it was");
}

DT_TEST(sensor_update, fills_reports_of_other_builds)
{
    struct {
        dura_sensor_report r;
        uint8_t tail[8];
    } newer;
    dura_sensor_channel c = channel(DURA_CHECK_FINITE);
    dura_sensor *s = one(&c);
    float x = 1.0f;
    memset(&newer, 0xEE, sizeof newer);
    newer.r.struct_size = sizeof newer;
    dt_eq(dura_sensor_update(s, 0, &x, NULL, 1, NULL, &newer.r), DURA_OK, "");
    dt_eq(newer.r.struct_size, 16, "bytes filled");
    dt_eq(newer.r.worst_channel, DURA_NONE, "");
    dt_eq(newer.r.reserved, 0, "");
    dt_eq(newer.tail[0], 0xEE, "no byte beyond ours");
}

/* ---- one check at a time ------------------------------------------------------------- */

DT_TEST(sensor_range, judges_both_levels_with_limits_inclusive)
{
    static const struct {
        const char *row;
        float x;
        uint8_t verdict;
        uint32_t reasons;
    } rows[] = {
        {"inside", 50.0f, DURA_GOOD, 0},
        {"at suspect_lo", 10.0f, DURA_GOOD, 0},
        {"just below suspect_lo", 9.999999f, DURA_SUSPECT, DURA_R_RANGE_SUSPECT},
        {"at fail_lo", 0.0f, DURA_SUSPECT, DURA_R_RANGE_SUSPECT},
        {"-0.0 is 0.0", -0.0f, DURA_SUSPECT, DURA_R_RANGE_SUSPECT},
        {"smallest subnormal below fail_lo", -1.4e-45f, DURA_FAIL, DURA_R_RANGE_FAIL},
        {"smallest subnormal above fail_lo", 1.4e-45f, DURA_SUSPECT, DURA_R_RANGE_SUSPECT},
        {"at suspect_hi", 90.0f, DURA_GOOD, 0},
        {"just above suspect_hi", 90.00001f, DURA_SUSPECT, DURA_R_RANGE_SUSPECT},
        {"at fail_hi", 100.0f, DURA_SUSPECT, DURA_R_RANGE_SUSPECT},
        {"just above fail_hi", 100.00001f, DURA_FAIL, DURA_R_RANGE_FAIL},
        {"largest float", FLT_MAX, DURA_FAIL, DURA_R_RANGE_FAIL},
        {"most negative float", -FLT_MAX, DURA_FAIL, DURA_R_RANGE_FAIL},
    };
    dura_sensor_channel c = channel(DURA_CHECK_RANGE);
    dura_sensor *s = one(&c);
    size_t i;
    for (i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        dt_eq(feed(s, (int64_t)i, rows[i].x), rows[i].verdict, "%s", rows[i].row);
        dt_reasons(rows[i].reasons, "%s", rows[i].row);
        dt_eq(bits_of(usable[0]), rows[i].verdict == DURA_FAIL ? 0 : bits_of(rows[i].x), "%s",
              rows[i].row);
        dt_eq(rep.action, rows[i].verdict == DURA_GOOD ? DURA_PASS : DURA_REJECT, "%s", rows[i].row);
    }
}

DT_TEST(sensor_range, takes_negative_and_subnormal_limits)
{
    dura_sensor_channel c = channel(DURA_CHECK_RANGE);
    dura_sensor *s;
    c.fail_lo = -30.0f, c.suspect_lo = -20.0f, c.suspect_hi = -10.0f, c.fail_hi = -1e-40f;
    s = one(&c);
    dt_eq(feed(s, 0, -15.0f), DURA_GOOD, "");
    dt_eq(feed(s, 1, -25.0f), DURA_SUSPECT, "");
    dt_eq(feed(s, 2, -30.5f), DURA_FAIL, "");
    dt_eq(feed(s, 3, -2e-40f), DURA_SUSPECT, "below a subnormal limit");
    dt_eq(feed(s, 4, -0.5e-40f), DURA_FAIL, "above a subnormal limit");
    dt_eq(feed(s, 5, 0.0f), DURA_FAIL, "");
}

DT_TEST(sensor_finite, sees_every_kind_of_not_a_number_and_infinity)
{
    static const uint32_t odd[] = {0x7FC00000u, 0xFFC00000u, 0x7F800001u, 0xFFFFFFFFu, 0x7F800000u,
                                   0xFF800000u, 0x7FFFFFFFu};
    static const uint16_t checks[] = {DURA_CHECK_FINITE, DURA_CHECK_RANGE, DURA_CHECK_RATE,
                                      DURA_CHECK_FLAT, DURA_CHECK_TIME, ALL_CHECKS};
    size_t i, k;
    for (k = 0; k < sizeof checks / sizeof checks[0]; k++) {
        dura_sensor_channel c = channel(checks[k]);
        dura_sensor *s = one(&c);
        feed(s, 0, 50.0f);
        for (i = 0; i < sizeof odd / sizeof odd[0]; i++) {
            dt_eq(feed(s, (int64_t)(i + 1) * S, of_bits(odd[i])), DURA_FAIL, "%08x, checks %x",
                  (unsigned)odd[i], checks[k]);
            dt_reasons(DURA_R_NONFINITE, "%08x, checks %x", (unsigned)odd[i], checks[k]);
            dt_eq(bits_of(usable[0]), 0, "%08x, checks %x", (unsigned)odd[i], checks[k]);
            dt_eq(rep.action, DURA_REJECT, "");
        }
        dt_eq(feed(s, 9 * S, 51.0f), DURA_GOOD, "history is untouched, checks %x", checks[k]);
    }
}

DT_TEST(sensor_rate, is_unknown_for_exactly_one_frame)
{
    dura_sensor_channel c = channel(DURA_CHECK_RATE);
    dura_sensor *s = one(&c);
    dt_eq(feed(s, 7 * S, 50.0f), DURA_UNKNOWN, "");
    dt_reasons(DURA_R_WARMUP, "");
    dt_eq(rep.action, DURA_PASS, "UNKNOWN does not reject");
    dt_eq(rep.verdict, DURA_UNKNOWN, "");
    dt_eq(bits_of(usable[0]), bits_of(50.0f), "and is usable");
    dt_eq(feed(s, 8 * S, 50.0f), DURA_GOOD, "");
}

DT_TEST(sensor_rate, is_per_second_whatever_the_step)
{
    static const struct {
        const char *row;
        int64_t dt;
        float dx;
        uint8_t verdict;
    } rows[] = {
        {"1 s, at suspect", S, 5.0f, DURA_GOOD},
        {"1 s, above suspect", S, 5.001f, DURA_SUSPECT},
        {"1 s, at fail", S, 10.0f, DURA_SUSPECT},
        {"1 s, above fail", S, 10.001f, DURA_FAIL},
        {"1 s, falling above fail", S, -10.001f, DURA_FAIL},
        {"100 ms, 9/s", 100 * MS, 0.9f, DURA_SUSPECT},
        {"100 ms, 11/s: whole seconds would say nothing", 100 * MS, 1.1f, DURA_FAIL},
        {"1.999 s, 9.5/s: whole seconds would fail it", 1999 * MS, 18.99f, DURA_SUSPECT},
        {"1 ms, 4/s", MS, 0.004f, DURA_GOOD},
        {"1 ns, anything visible", 1, 0.001f, DURA_FAIL},
        {"1 ns, no change", 1, 0.0f, DURA_GOOD},
        {"10 s, 4.9/s", 10 * S, 49.0f, DURA_GOOD},
    };
    size_t i;
    for (i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        dura_sensor_channel c = channel(DURA_CHECK_RATE);
        dura_sensor *s = one(&c);
        feed(s, S, 16.0f);
        dt_eq(feed(s, S + rows[i].dt, 16.0f + rows[i].dx), rows[i].verdict, "%s", rows[i].row);
    }
}

DT_TEST(sensor_rate, without_a_suspect_level_only_fails)
{
    dura_sensor_channel c = channel(DURA_CHECK_RATE);
    dura_sensor *s;
    c.rate_suspect = 0.0f;
    s = one(&c);
    feed(s, 0, 0.0f);
    dt_eq(feed(s, S, 9.9f), DURA_GOOD, "");
    dt_eq(feed(s, 2 * S, 20.0f), DURA_FAIL, "");
}

DT_TEST(sensor_rate, compares_with_the_last_accepted_value_and_its_own_time)
{
    dura_sensor_channel c = channel(DURA_CHECK_RATE);
    dura_sensor *s = one(&c);
    feed(s, 0, 0.0f);
    dt_eq(feed(s, 1 * S, 25.0f), DURA_FAIL, "25 in 1 s");
    dt_eq(feed(s, 2 * S, 25.0f), DURA_FAIL, "25 in 2 s: the failed value is no reference");
    dt_eq(feed(s, 3 * S, 25.0f), DURA_SUSPECT, "25 in 3 s: a real step comes back by itself");
    dt_eq(feed(s, 4 * S, 25.0f), DURA_GOOD, "");
}

DT_TEST(sensor_rate, survives_the_largest_steps)
{
    dura_sensor_channel c = channel(DURA_CHECK_TIME | DURA_CHECK_RATE);
    dura_sensor *s;
    dura_sensor_state st = DURA_SENSOR_STATE_INIT;
    c.rate_suspect = 0.0f, c.rate_fail = 1e38f;
    s = one(&c);
    feed(s, 0, -FLT_MAX);
    dt_eq(feed(s, S, FLT_MAX), DURA_FAIL, "a difference that overflows");
    dt_eq(dura_sensor_query(s, 0, &st), DURA_OK, "");
    dt_ok(st.ratio > 1.0f && st.ratio <= FLT_MAX, "ratio stays finite");
    c.rate_fail = FLT_MAX;
    s = one(&c);
    feed(s, 0, -FLT_MAX);
    dt_eq(feed(s, INT64_MAX, FLT_MAX), DURA_SUSPECT, "only the gap's");
    s = built(1, 0, 0, &c, 1);
    feed(s, 0, -FLT_MAX);
    dt_eq(feed(s, INT64_MAX, FLT_MAX), DURA_GOOD, "longest step");
    dt_eq(dura_sensor_query(s, 0, &st), DURA_OK, "");
    dt_ok(st.ratio <= 1.0f, "infinite over infinite is no reason to fail");
}

DT_TEST(sensor_flat, counts_time_not_samples)
{
    static const struct {
        const char *row;
        int64_t step;
        int64_t suspect_at, fail_at;
    } rows[] = {{"10 Hz", 100 * MS, 2 * S, 4 * S},
                {"1 Hz", S, 2 * S, 4 * S},
                {"0.3 s: first frame at or after the limit", 300 * MS, 2100 * MS, 4200 * MS},
                {"one step over both", 5 * S, 5 * S, 5 * S}};
    size_t i;
    for (i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        dura_sensor_channel c = channel(DURA_CHECK_FLAT);
        dura_sensor *s = one(&c);
        int64_t t;
        dt_eq(feed(s, 0, 50.0f), DURA_GOOD, "a window that began is not UNKNOWN");
        for (t = rows[i].step; t <= 6 * S; t += rows[i].step) {
            uint8_t want = t >= rows[i].fail_at      ? DURA_FAIL
                           : t >= rows[i].suspect_at ? DURA_SUSPECT : DURA_GOOD;
            dt_eq(feed(s, t, 50.0f), want, "%s at %lld ms", rows[i].row, (long long)(t / MS));
            dt_reasons(want == DURA_FAIL      ? DURA_R_FLAT_FAIL
                       : want == DURA_SUSPECT ? DURA_R_FLAT_SUSPECT : 0, "%s", rows[i].row);
        }
    }
}

DT_TEST(sensor_flat, measures_from_where_the_window_began)
{
    dura_sensor_channel c = channel(DURA_CHECK_FLAT);
    dura_sensor *s;
    c.flat_tolerance = 1.0f;
    s = one(&c);
    feed(s, 0, 50.0f);
    dt_eq(feed(s, 1 * S, 51.0f), DURA_GOOD, "at the tolerance: the window goes on");
    dt_eq(feed(s, 2 * S, 49.0f), DURA_SUSPECT, "2 away from the last, 1 from the first");
    dt_eq(feed(s, 3 * S, 51.001f), DURA_GOOD, "beyond: a new window");
    dt_eq(feed(s, 4 * S, 51.5f), DURA_GOOD, "");
    dt_eq(feed(s, 5 * S, 52.0f), DURA_SUSPECT, "2 s within the new one");
}

DT_TEST(sensor_flat, keeps_its_window_while_it_fails_and_ends_it_on_a_move)
{
    dura_sensor_channel c = channel(DURA_CHECK_FLAT);
    dura_sensor *s = one(&c);
    feed(s, 0, 50.0f);
    dt_eq(feed(s, 4 * S, 50.0f), DURA_FAIL, "");
    dt_eq(feed(s, 5 * S, 50.0f), DURA_FAIL, "still");
    dt_eq(feed(s, 6 * S, 50.5f), DURA_GOOD, "moves");
    dt_eq(feed(s, 7 * S, 50.5f), DURA_GOOD, "a fresh window");
    dt_eq(feed(s, 8 * S, 50.5f), DURA_SUSPECT, "");
}

DT_TEST(sensor_flat, with_tolerance_zero_sees_identical_values)
{
    dura_sensor_channel c = channel(DURA_CHECK_FLAT);
    dura_sensor *s;
    c.flat_tolerance = 0.0f;
    s = one(&c);
    feed(s, 0, 0.0f);
    dt_eq(feed(s, 2 * S, -0.0f), DURA_SUSPECT, "-0.0 did not move from 0.0");
    dt_eq(feed(s, 4 * S, 0.0f), DURA_FAIL, "");
    dt_eq(feed(s, 5 * S, 1e-30f), DURA_GOOD, "any normal change ends it");
}

DT_TEST(sensor_flat, without_a_suspect_level_only_fails)
{
    dura_sensor_channel c = channel(DURA_CHECK_FLAT);
    dura_sensor *s;
    c.flat_suspect_ns = 0;
    s = one(&c);
    feed(s, 0, 50.0f);
    dt_eq(feed(s, 4 * S - 1, 50.0f), DURA_GOOD, "");
    dt_eq(feed(s, 4 * S, 50.0f), DURA_FAIL, "");
}

DT_TEST(sensor_flat, failed_values_neither_feed_nor_restart_the_window)
{
    dura_sensor_channel c = channel(DURA_CHECK_FLAT | DURA_CHECK_RANGE);
    dura_sensor *s = one(&c);
    feed(s, 0, 50.0f);
    dt_eq(feed(s, 1 * S, 500.0f), DURA_FAIL, "a spike in between");
    dt_reasons(DURA_R_RANGE_FAIL, "");
    dt_eq(feed(s, 2 * S, 50.0f), DURA_SUSPECT, "does not hide that it is stuck");
    dt_eq(feed(s, 3 * S, NAN), DURA_FAIL, "");
    dt_eq(feed(s, 4 * S, 50.0f), DURA_FAIL, "");
    dt_reasons(DURA_R_FLAT_FAIL, "");
}

/* ---- the stamp ----------------------------------------------------------------------- */

DT_TEST(sensor_stamp, reversed_fails_and_leaves_all_history)
{
    dura_sensor_channel c = channel(DURA_CHECK_TIME | DURA_CHECK_RATE);
    dura_sensor *s = one(&c);
    feed(s, 10 * S, 50.0f);
    feed(s, 11 * S, 51.0f);
    dt_eq(feed(s, 5 * S, 80.0f), DURA_FAIL, "");
    dt_reasons(DURA_R_TIME_REVERSED, "");
    dt_eq(rep.action, DURA_REJECT, "");
    dt_eq(bits_of(usable[0]), 0, "the value is not used");
    dt_eq(feed(s, 12 * S, 52.0f), DURA_GOOD, "rate is against 51 at 11 s");
}

DT_TEST(sensor_stamp, duplicate_fails_whatever_the_value)
{
    dura_sensor_channel c = channel(DURA_CHECK_TIME);
    dura_sensor *s = one(&c);
    feed(s, S, 50.0f);
    dt_eq(feed(s, S, 50.0f), DURA_FAIL, "same value");
    dt_reasons(DURA_R_TIME_DUPLICATE, "");
    dt_eq(feed(s, S, 51.0f), DURA_FAIL, "other value");
    dt_reasons(DURA_R_TIME_DUPLICATE, "");
    dt_eq(feed(s, S + 1, 51.0f), DURA_GOOD, "");
}

DT_TEST(sensor_stamp, gap_is_suspect_once_and_restarts_windows)
{
    dura_sensor_channel c = channel(ALL_CHECKS);
    dura_sensor *s = one(&c);
    feed(s, 0, 50.0f);
    dt_eq(feed(s, S, 50.0f), DURA_GOOD, "");
    dt_eq(feed(s, 11 * S, 50.0f), DURA_FAIL, "10 s is not yet a gap: stuck");
    dt_eq(feed(s, 21 * S + 1, 50.0f), DURA_SUSPECT, "just above it is one");
    dt_reasons(DURA_R_TIME_GAP, "rate is suspended and says nothing beside it");
    dt_eq(rep.action, DURA_REJECT, "SUSPECT without SUSPECT_OK");
    dt_eq(feed(s, 22 * S, 51.0f), DURA_GOOD, "once");
    dt_eq(feed(s, 23 * S, 51.0f), DURA_GOOD, "the flat window began at the gap or later");
}

DT_TEST(sensor_stamp, gap_suspends_rate_for_its_frame_only)
{
    dura_sensor_channel c = channel(DURA_CHECK_TIME | DURA_CHECK_RATE);
    dura_sensor *s;
    c.flags |= DURA_CHANNEL_SUSPECT_OK;
    s = one(&c);
    feed(s, 0, 0.0f);
    dt_eq(feed(s, 11 * S, 5000.0f), DURA_SUSPECT, "454/s over a gap");
    dt_reasons(DURA_R_TIME_GAP, "");
    dt_eq(rep.action, DURA_PASS, "SUSPECT_OK");
    dt_eq(feed(s, 12 * S, 5011.0f), DURA_FAIL, "11/s after it");
}

DT_TEST(sensor_stamp, no_gap_limit_means_no_gap)
{
    dura_sensor_channel c = channel(DURA_CHECK_TIME);
    dura_sensor *s = built(1, 0, 0, &c, 1);
    feed(s, 0, 1.0f);
    dt_eq(feed(s, INT64_MAX, 1.0f), DURA_GOOD, "");
}

DT_TEST(sensor_stamp, new_time_base_is_taken_after_consistent_reversed_stamps)
{
    static const struct {
        const char *row;
        uint16_t after;
        int64_t t[6];
        uint32_t reasons[6];
    } rows[] = {
#define REV DURA_R_TIME_REVERSED
#define DUP DURA_R_TIME_DUPLICATE
#define GAP DURA_R_TIME_GAP
        {"default: the third", 0, {1, 2, 3, 4, 5, 6}, {REV, REV, GAP, 0, 0, 0}},
        {"one", 1, {1, 2, 3, 4, 5, 6}, {GAP, 0, 0, 0, 0, 0}},
        {"five", 5, {1, 2, 3, 4, 5, 6}, {REV, REV, REV, REV, GAP, 0}},
        {"falling among themselves never", 0, {9, 8, 7, 6, 5, 4}, {REV, REV, REV, REV, REV, REV}},
        {"equal among themselves never", 0, {7, 7, 7, 7, 7, 7}, {REV, REV, REV, REV, REV, REV}},
        {"counting starts again at a fall", 0, {8, 9, 3, 4, 5, 6}, {REV, REV, REV, REV, GAP, 0}},
        {"a good stamp between", 0, {1, 2, 101, 3, 4, 5}, {REV, REV, 0, REV, REV, GAP}},
        {"a duplicate between", 0, {1, 2, 100, 3, 4, 5}, {REV, REV, DUP, REV, REV, GAP}},
    };
    size_t i, k;
    for (i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        dura_sensor_channel c = channel(DURA_CHECK_TIME);
        dura_sensor *s = built(1, 0, rows[i].after, &c, 1);
        feed(s, 100, 50.0f);
        for (k = 0; k < 6; k++) {
            feed(s, rows[i].t[k], 50.0f);
            dt_reasons(rows[i].reasons[k], "%s, stamp %zu", rows[i].row, k);
        }
    }
}

DT_TEST(sensor_stamp, new_time_base_forgets_what_has_no_age_any_more)
{
    dura_sensor_channel c = channel(DURA_CHECK_TIME | DURA_CHECK_FLAT | DURA_CHECK_RATE);
    dura_sensor *s;
    c.max_age_ns = INT64_MAX;
    s = one(&c);
    feed(s, 100 * S, 50.0f);
    feed(s, 101 * S, 50.0f);
    feed_nothing(s, 1 * S);
    feed_nothing(s, 2 * S);
    dt_eq(feed_nothing(s, 3 * S), DURA_MISSING, "a value of the old base is not held");
    dt_reasons(DURA_R_MISSING | DURA_R_STALE | DURA_R_TIME_GAP, "");
    dt_eq(feed(s, 4 * S, 5000.0f), DURA_UNKNOWN, "nor is it a reference for the rate");
    dt_eq(feed(s, 5 * S, 5000.0f), DURA_GOOD, "the flat window is new");
}

DT_TEST(sensor_stamp, does_not_fail_channels_that_do_not_check_time)
{
    dura_sensor_channel c = channel(DURA_CHECK_RANGE | DURA_CHECK_RATE | DURA_CHECK_FLAT);
    dura_sensor *s = built(1, 0, 100, &c, 1);
    feed(s, 10 * S, 50.0f);
    feed(s, 11 * S, 50.0f);
    dt_eq(feed(s, 11 * S, 95.0f), DURA_SUSPECT, "duplicate: judged by range");
    dt_reasons(DURA_R_RANGE_SUSPECT | DURA_R_WARMUP, "and no rate");
    dt_eq(bits_of(usable[0]), bits_of(95.0f), "");
    dt_eq(feed(s, 5 * S, 50.0f), DURA_UNKNOWN, "reversed: no rate");
    dt_eq(feed(s, 5 * S, NAN), DURA_FAIL, "");
    dt_eq(feed(s, 12 * S, 50.0f), DURA_SUSPECT, "95 was no statistic: rate from 50, flat since 10 s");
    dt_reasons(DURA_R_FLAT_SUSPECT, "");
}

DT_TEST(sensor_stamp, lets_no_value_of_a_bad_frame_become_history)
{
    dura_sensor_channel c = channel(DURA_CHECK_RANGE);
    dura_sensor *s;
    c.max_age_ns = 10 * S;
    s = one(&c);
    feed(s, 2 * S, 50.0f);
    dt_eq(feed(s, 2 * S, 60.0f), DURA_GOOD, "duplicate: good for this frame");
    dt_eq(bits_of(usable[0]), bits_of(60.0f), "");
    feed_nothing(s, 3 * S);
    dt_eq(bits_of(usable[0]), bits_of(50.0f), "but not what is held");
    dt_eq(feed(s, 1 * S, 70.0f), DURA_GOOD, "reversed: likewise");
    feed_nothing(s, 4 * S);
    dt_eq(bits_of(usable[0]), bits_of(50.0f), "");
}

DT_TEST(sensor_stamp, standing_still_does_not_make_a_stuck_channel_good)
{
    dura_sensor_channel c = channel(DURA_CHECK_FLAT);
    dura_sensor *s = built(1, 0, 100, &c, 1);
    feed(s, 0, 50.0f);
    dt_eq(feed(s, 4 * S, 50.0f), DURA_FAIL, "");
    dt_eq(feed(s, 4 * S, 50.0f), DURA_FAIL, "duplicate");
    dt_eq(feed(s, 1 * S, 50.0f), DURA_FAIL, "reversed");
}

DT_TEST(sensor_stamp, zero_and_the_largest_are_legal)
{
    dura_sensor_channel c = channel(DURA_CHECK_TIME);
    dura_sensor *s = built(1, 0, 0, &c, 1);
    dt_eq(feed(s, 0, 1.0f), DURA_GOOD, "first frame at 0");
    dt_eq(feed(s, 0, 1.0f), DURA_FAIL, "0 was seen");
    dt_eq(feed(s, INT64_MAX, 1.0f), DURA_GOOD, "");
    dt_eq(feed(s, INT64_MAX, 1.0f), DURA_FAIL, "");
    c = channel(ALL_CHECKS);
    s = built(1, 0, 0, &c, 1);
    feed_nothing(s, INT64_MAX);
    dt_eq(feed(s, INT64_MAX, 50.0f), DURA_FAIL, "no value was accepted, and the next stamp is the same");
    s = built(1, 0, 0, &c, 1);
    dt_eq(feed(s, INT64_MAX, 50.0f), DURA_UNKNOWN, "first frame at the end of time");
}

/* ---- missing, held, substituted -------------------------------------------------------- */

DT_TEST(sensor_missing, holds_a_value_until_max_age)
{
    dura_sensor_channel c = channel(DURA_CHECK_TIME | DURA_CHECK_RANGE);
    dura_sensor *s;
    c.max_age_ns = 3 * S;
    s = one(&c);
    dt_eq(feed_nothing(s, 0), DURA_MISSING, "never seen");
    dt_reasons(DURA_R_MISSING, "");
    feed(s, 1 * S, 50.0f);
    dt_eq(feed_nothing(s, 2 * S), DURA_GOOD, "");
    dt_reasons(0, "mixed rates are normal");
    dt_eq(rep.action, DURA_PASS, "");
    dt_eq(bits_of(usable[0]), bits_of(50.0f), "");
    dt_eq(feed_nothing(s, 4 * S), DURA_GOOD, "at max_age");
    dt_eq(feed_nothing(s, 4 * S + 1), DURA_MISSING, "beyond");
    dt_reasons(DURA_R_MISSING | DURA_R_STALE, "");
    dt_eq(rep.action, DURA_REJECT, "");
    dt_eq(bits_of(usable[0]), 0, "");
    dt_eq(feed(s, 5 * S, 50.0f), DURA_GOOD, "back");
}

DT_TEST(sensor_missing, without_max_age_is_missing_at_once)
{
    dura_sensor_channel c = channel(DURA_CHECK_RANGE);
    dura_sensor *s = built(1, 0, 100, &c, 1);
    feed(s, S, 50.0f);
    dt_eq(feed_nothing(s, 2 * S), DURA_MISSING, "");
    dt_reasons(DURA_R_MISSING | DURA_R_STALE, "");
    dt_eq(feed_nothing(s, 2 * S), DURA_MISSING, "even where the age is 0");
}

DT_TEST(sensor_missing, keeps_the_verdict_of_the_last_acceptance)
{
    dura_sensor_channel c = channel(DURA_CHECK_TIME | DURA_CHECK_RANGE | DURA_CHECK_RATE);
    dura_sensor *s;
    c.max_age_ns = 5 * S;
    s = one(&c);
    feed(s, 0, 90.0f);
    dt_eq(feed_nothing(s, 1 * S), DURA_UNKNOWN, "");
    dt_reasons(DURA_R_WARMUP, "");
    dt_eq(feed(s, 2 * S, 95.0f), DURA_SUSPECT, "");
    dt_eq(feed_nothing(s, 3 * S), DURA_SUSPECT, "");
    dt_reasons(DURA_R_RANGE_SUSPECT, "");
    dt_eq(feed(s, 4 * S, 200.0f), DURA_FAIL, "");
    dt_eq(feed_nothing(s, 5 * S), DURA_SUSPECT, "the failed value was not accepted");
    dt_eq(bits_of(usable[0]), bits_of(95.0f), "");
}

DT_TEST(sensor_missing, held_value_shows_what_the_stamp_says)
{
    dura_sensor_channel c = channel(DURA_CHECK_TIME | DURA_CHECK_RANGE);
    dura_sensor *s;
    c.max_age_ns = 60 * S;
    s = one(&c);
    feed(s, S, 50.0f);
    dt_eq(feed_nothing(s, S), DURA_FAIL, "");
    dt_reasons(DURA_R_TIME_DUPLICATE, "");
    dt_eq(feed_nothing(s, 12 * S), DURA_SUSPECT, "");
    dt_reasons(DURA_R_TIME_GAP, "");
    dt_eq(feed_nothing(s, 13 * S), DURA_GOOD, "once");
}

DT_TEST(sensor_hold, substitutes_a_failed_value_for_a_while)
{
    dura_sensor_channel c = channel(DURA_CHECK_TIME | DURA_CHECK_RANGE);
    dura_sensor *s;
    c.hold_ns = 2 * S;
    s = one(&c);
    dt_eq(feed(s, 0, 500.0f), DURA_FAIL, "nothing to hold yet");
    dt_eq(rep.action, DURA_REJECT, "");
    feed(s, 1 * S, 50.0f);
    dt_eq(feed(s, 2 * S, 500.0f), DURA_FAIL, "the verdict does not change");
    dt_reasons(DURA_R_RANGE_FAIL | DURA_R_SUBSTITUTED, "");
    dt_eq(rep.action, DURA_SUBSTITUTE, "");
    dt_eq(rep.verdict, DURA_FAIL, "");
    dt_eq(bits_of(usable[0]), bits_of(50.0f), "");
    dt_eq(feed(s, 3 * S, NAN), DURA_FAIL, "at hold_ns");
    dt_eq(rep.action, DURA_SUBSTITUTE, "");
    dt_eq(feed(s, 3 * S + 1, NAN), DURA_FAIL, "beyond");
    dt_reasons(DURA_R_NONFINITE, "");
    dt_eq(rep.action, DURA_REJECT, "");
    dt_eq(bits_of(usable[0]), 0, "");
}

DT_TEST(sensor_hold, never_launders_a_suspect_value)
{
    dura_sensor_channel c = channel(DURA_CHECK_RANGE);
    dura_sensor *s;
    c.hold_ns = 100 * S;
    s = one(&c);
    feed(s, 0, 50.0f);
    dt_eq(feed(s, 1 * S, 95.0f), DURA_SUSPECT, "");
    dt_eq(rep.action, DURA_REJECT, "");
    feed(s, 2 * S, 500.0f);
    dt_eq(bits_of(usable[0]), bits_of(50.0f), "95 was refused, so it is not what is held");
    c.flags |= DURA_CHANNEL_SUSPECT_OK;
    s = one(&c);
    feed(s, 0, 50.0f);
    feed(s, 1 * S, 95.0f);
    feed(s, 2 * S, 500.0f);
    dt_eq(bits_of(usable[0]), bits_of(95.0f), "unless SUSPECT is allowed");
}

DT_TEST(sensor_hold, never_works_on_a_bad_stamp)
{
    dura_sensor_channel c = channel(DURA_CHECK_TIME | DURA_CHECK_RANGE);
    dura_sensor *s;
    int i;
    c.hold_ns = 2 * S;
    s = one(&c);
    feed(s, S, 50.0f);
    for (i = 0; i < 5; i++) {
        dt_eq(feed(s, S, 50.0f), DURA_FAIL, "a stopped clock would hold for ever");
        dt_eq(rep.action, DURA_REJECT, "");
    }
}

DT_TEST(sensor_hold, does_not_serve_for_a_missing_value)
{
    dura_sensor_channel c = channel(DURA_CHECK_RANGE);
    dura_sensor *s;
    c.hold_ns = 100 * S;
    s = one(&c);
    feed(s, 0, 50.0f);
    dt_eq(feed_nothing(s, S), DURA_MISSING, "max_age_ns is for that");
    dt_eq(rep.action, DURA_REJECT, "");
}

/* ---- the frame ------------------------------------------------------------------------- */

DT_TEST(sensor_frame, worst_of_the_required_wins)
{
    static const struct {
        const char *row;
        float x[4];
        uint8_t gone[4];
        uint8_t verdict, action;
        uint16_t worst, not_good;
    } rows[] = {
        /* channel 0, 1: required; 2: required, SUSPECT_OK; 3: not required */
        {"all good", {50, 50, 50, 50}, {0}, DURA_GOOD, DURA_PASS, DURA_NONE, 0},
        {"suspect", {50, 95, 50, 50}, {0}, DURA_SUSPECT, DURA_REJECT, 1, 1},
        {"suspect where it is allowed", {50, 50, 95, 50}, {0}, DURA_SUSPECT, DURA_PASS, 2, 1},
        {"suspect twice: the first", {95, 95, 95, 50}, {0}, DURA_SUSPECT, DURA_REJECT, 0, 3},
        {"suspect where nobody needs it", {50, 50, 50, 95}, {0}, DURA_GOOD, DURA_PASS, DURA_NONE, 1},
        {"fail beats suspect", {95, 500, 50, 50}, {0}, DURA_FAIL, DURA_REJECT, 1, 2},
        {"missing beats fail", {500, 50, 50, 50}, {0, 1, 0, 0}, DURA_MISSING, DURA_REJECT, 1, 2},
        {"fail where nobody needs it", {50, 50, 50, 500}, {0}, DURA_GOOD, DURA_PASS, DURA_NONE, 1},
        {"missing where nobody needs it", {50, 50, 50, 50}, {0, 0, 0, 9}, DURA_GOOD, DURA_PASS,
         DURA_NONE, 1},
        {"fail where SUSPECT is allowed", {50, 50, 500, 50}, {0}, DURA_FAIL, DURA_REJECT, 2, 1},
    };
    size_t i;
    for (i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        dura_sensor_channel c[4];
        dura_sensor_report r = DURA_SENSOR_REPORT_INIT;
        dura_sensor *s;
        size_t k;
        for (k = 0; k < 4; k++)
            c[k] = channel(DURA_CHECK_RANGE);
        c[2].flags |= DURA_CHANNEL_SUSPECT_OK;
        c[3].flags = 0;
        s = built(4, 0, 0, c, 0);
        dt_eq(dura_sensor_update(s, 0, rows[i].x, rows[i].gone, 4, usable, &r), DURA_OK, "");
        dt_eq(r.verdict, rows[i].verdict, "%s", rows[i].row);
        dt_eq(r.action, rows[i].action, "%s", rows[i].row);
        dt_eq(r.worst_channel, rows[i].worst, "%s", rows[i].row);
        dt_eq(r.n_not_good, rows[i].not_good, "%s", rows[i].row);
        dt_eq(usable[3] != 0.0f, rows[i].x[3] < 100.0f && !rows[i].gone[3],
              "%s: 0 where nothing usable exists", rows[i].row);
    }
}

DT_TEST(sensor_frame, substitutes_only_if_everything_else_may_pass)
{
    dura_sensor_channel c[3];
    dura_sensor *s;
    const float good[3] = {50, 50, 50}, a[3] = {500, 50, 50}, b[3] = {500, 500, 50}, d[3] = {50, 50, 500};
    c[0] = channel(DURA_CHECK_RANGE);
    c[1] = channel(DURA_CHECK_RANGE);
    c[2] = channel(DURA_CHECK_RANGE);
    c[0].hold_ns = c[2].hold_ns = 100 * S;
    c[2].flags = 0;
    s = built(3, 0, 0, c, 0);
    rep.struct_size = sizeof rep;
    dt_eq(dura_sensor_update(s, 0, good, NULL, 3, usable, &rep), DURA_OK, "");
    dt_eq(dura_sensor_update(s, 1, a, NULL, 3, usable, &rep), DURA_OK, "");
    dt_eq(rep.action, DURA_SUBSTITUTE, "the only bad one is held");
    dt_eq(dura_sensor_update(s, 2, b, NULL, 3, usable, &rep), DURA_OK, "");
    dt_eq(rep.action, DURA_REJECT, "the other one has no substitute");
    dt_eq(rep.reasons, DURA_R_RANGE_FAIL | DURA_R_SUBSTITUTED, "bits of all, or-ed");
    dt_eq(dura_sensor_update(s, 3, d, NULL, 3, usable, &rep), DURA_OK, "");
    dt_eq(rep.action, DURA_SUBSTITUTE, "a held value is a held value, required or not");
    dt_eq(rep.verdict, DURA_GOOD, "");
}

DT_TEST(sensor_frame, finds_the_one_bad_channel_at_every_place_and_size)
{
    uint16_t n, k;
    for (n = 1; n <= MAX_N; n++) {
        dura_sensor_channel c = channel(DURA_CHECK_RANGE);
        dura_sensor *s = built(n, 0, 0, &c, 1);
        /* on the heap and exactly as long, so that a read or write past it is seen */
        float *x = malloc(n * sizeof *x), *u = malloc(n * sizeof *u);
        uint8_t *gone = calloc(n, 1);
        for (k = 0; k < n; k++)
            x[k] = 50.0f;
        rep.struct_size = sizeof rep;
        for (k = 0; k < n; k++) {
            x[k] = 500.0f;
            dt_eq(dura_sensor_update(s, k, x, gone, n, u, &rep), DURA_OK, "");
            dt_eq(rep.worst_channel, k, "n %u", n);
            dt_eq(rep.n_not_good, 1, "n %u", n);
            dt_ok(u[k] == 0.0f && (k == 0 || u[k - 1] == 50.0f), "n %u", n);
            x[k] = 50.0f;
        }
        free(x);
        free(u);
        free(gone);
    }
}

/* ---- query, verdicts, reset -------------------------------------------------------------- */

DT_TEST(sensor_query, before_the_first_frame_is_unknown)
{
    dura_sensor_channel c = channel(ALL_CHECKS);
    dura_sensor *s = built(17, 0, 0, &c, 1);
    dura_sensor_state st = DURA_SENSOR_STATE_INIT;
    uint16_t i;
    for (i = 0; i < 17; i++) {
        dt_eq(dura_sensor_verdicts(s)[i], DURA_UNKNOWN, "");
        dt_eq(dura_sensor_reasons(s)[i], DURA_R_WARMUP, "");
    }
    dt_eq(dura_sensor_query(s, 16, &st), DURA_OK, "");
    dt_ok(st.value == 0.0f && st.quality == 0.0f && st.ratio == 0.0f, "");
    dt_eq(dura_sensor_query(s, 17, &st), DURA_EINVAL, "no such channel");
    dt_eq(dura_sensor_query(NULL, 0, &st), DURA_EINVAL, "");
    dt_eq(dura_sensor_query(s, 0, NULL), DURA_EINVAL, "");
    st.struct_size = 23;
    dt_eq(dura_sensor_query(s, 0, &st), DURA_EINVAL, "below v1");
    dt_ok(dura_sensor_verdicts(NULL) == NULL && dura_sensor_reasons(NULL) == NULL, "");
}

static dura_sensor_state state_of(const dura_sensor *s)
{
    dura_sensor_state st = DURA_SENSOR_STATE_INIT;
    dt_eq(dura_sensor_query(s, 0, &st), DURA_OK, "");
    return st;
}

DT_TEST(sensor_query, ratio_is_the_largest_deviation_over_its_limit)
{
    static const struct {
        const char *row;
        uint16_t checks;
        float x;
        int64_t t;
        float ratio;
    } rows[] = {
        /* after 50 at 0 s */
        {"range, centre", DURA_CHECK_RANGE, 50.0f, S, 0.0f},
        {"range, half way", DURA_CHECK_RANGE, 75.0f, S, 0.5f},
        {"range, at the limit", DURA_CHECK_RANGE, 0.0f, S, 1.0f},
        {"range, twice as far", DURA_CHECK_RANGE, 150.0f, S, 2.0f},
        {"rate, half", DURA_CHECK_RATE, 55.0f, S, 0.5f},
        {"rate, three times", DURA_CHECK_RATE, 20.0f, S, 3.0f},
        {"flat, half", DURA_CHECK_FLAT, 50.0f, 2 * S, 0.5f},
        {"flat, twice", DURA_CHECK_FLAT, 50.0f, 8 * S, 2.0f},
        {"flat, moved", DURA_CHECK_FLAT, 51.0f, 8 * S, 0.0f},
        {"largest of all", ALL_CHECKS, 75.0f, 10 * S, 0.5f},
        {"largest of all: rate", ALL_CHECKS, 75.0f, S, 2.5f},
        {"no check with a limit", DURA_CHECK_TIME, 9e9f, S, 0.0f},
        {"no number", ALL_CHECKS, NAN, S, 0.0f},
    };
    size_t i;
    for (i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        dura_sensor_channel c = channel(rows[i].checks);
        dura_sensor *s = one(&c);
        float r;
        feed(s, 0, 50.0f);
        feed(s, rows[i].t, rows[i].x);
        r = state_of(s).ratio;
        dt_ok(fabsf(r - rows[i].ratio) <= 1e-5f * (1.0f + rows[i].ratio), "%s: %g", rows[i].row, (double)r);
    }
}

DT_TEST(sensor_query, ratio_never_contradicts_the_verdict)
{
    dura_sensor_channel c = channel(ALL_CHECKS);
    dura_sensor *s;
    int64_t t = 0;
    int i;
    const uint32_t limited = DURA_R_RANGE_FAIL | DURA_R_RATE_FAIL | DURA_R_FLAT_FAIL;
    c.fail_lo = -0.1f, c.suspect_lo = -0.1f, c.suspect_hi = 0.7f, c.fail_hi = 0.7f;
    c.flat_fail_ns = 3 * S / 10, c.flat_suspect_ns = 0;
    s = one(&c);
    for (i = 0; i < 3000; i++) {
        float x = dice(2) ? 0.7f : of_bits(bits_of(0.7f) + dice(3) - 1);
        dura_sensor_state st;
        t += dice(3) * 100 * MS + 1;
        feed(s, t, dice(5) ? x : 0.01f * (float)dice(100));
        st = state_of(s);
        dt_eq(st.ratio > 1.0f, (st.reasons & limited) != 0, "frame %d", i);
    }
}

DT_TEST(sensor_query, ratio_is_at_most_1_at_the_limits_whatever_they_are)
{
    int i, k;
    for (i = 0; i < 400; i++) {
        dura_sensor_channel c = channel(DURA_CHECK_RANGE);
        dura_sensor *s;
        c.fail_lo = c.suspect_lo = 0.001f * (float)dice(100000) - 50.0f;
        c.fail_hi = c.suspect_hi = c.fail_lo + 0.001f * (float)(1 + dice(3000));
        s = one(&c);
        for (k = 0; k < 2; k++) {
            dt_eq(feed(s, k, k ? c.fail_lo : c.fail_hi), DURA_GOOD, "range %d", i);
            dt_ok(state_of(s).ratio <= 1.0f && state_of(s).ratio > 0.999f, "range %d", i);
        }
    }
}

DT_TEST(sensor_query, quality_is_the_share_of_good_frames)
{
    dura_sensor_channel c = channel(DURA_CHECK_RANGE);
    dura_sensor *s = one(&c);
    int64_t t = 0;
    int i;
    feed(s, t++, 50.0f);
    dt_ok(state_of(s).quality == 1.0f, "first frame");
    feed(s, t++, 95.0f);
    dt_ok(state_of(s).quality == 0.5f, "one of two");
    feed(s, t++, 500.0f);
    dt_ok(state_of(s).quality == 0.0f, "0 while FAIL");
    feed(s, t++, 50.0f);
    dt_ok(state_of(s).quality == 0.5f, "two of four");
    feed_nothing(s, t++);
    dt_ok(state_of(s).quality == 0.0f, "0 while MISSING");
    for (i = 0; i < 63; i++)
        feed(s, t++, 50.0f);
    dt_ok(state_of(s).quality == 63.0f / 64.0f, "the missing one is 64 frames back");
    feed(s, t++, 50.0f);
    dt_ok(state_of(s).quality == 1.0f, "and now forgotten");
}

DT_TEST(sensor_query, value_is_what_the_model_was_given)
{
    dura_sensor_channel c = channel(DURA_CHECK_RANGE);
    dura_sensor *s;
    c.hold_ns = S;
    c.max_age_ns = S;
    s = one(&c);
    feed(s, 0, 50.0f);
    dt_ok(state_of(s).value == 50.0f, "");
    feed(s, 1, 500.0f);
    dt_ok(state_of(s).value == 50.0f, "substituted");
    feed_nothing(s, 2);
    dt_ok(state_of(s).value == 50.0f, "held");
    feed(s, 3 * S, 500.0f);
    dt_ok(state_of(s).value == 0.0f, "none");
    feed_nothing(s, 4 * S);
    dt_ok(state_of(s).value == 0.0f, "none");
}

DT_TEST(sensor_query, fills_states_of_other_builds)
{
    struct {
        dura_sensor_state st;
        uint8_t tail[8];
    } newer;
    dura_sensor_channel c = channel(DURA_CHECK_FINITE);
    dura_sensor *s = one(&c);
    memset(&newer, 0xEE, sizeof newer);
    newer.st.struct_size = sizeof newer;
    dt_eq(dura_sensor_query(s, 0, &newer.st), DURA_OK, "");
    dt_eq(newer.st.struct_size, 24, "");
    dt_eq(newer.tail[0], 0xEE, "");
}

DT_TEST(sensor_reset, makes_the_next_frame_a_first_frame)
{
    dura_sensor_channel c = channel(ALL_CHECKS);
    dura_sensor *s = one(&c);
    static uint64_t fresh[DURA_SENSOR_BYTES(MAX_N) / 8];
    memcpy(fresh, memory, sizeof memory);
    c.max_age_ns = 1;
    feed(s, 100 * S, 50.0f);
    feed(s, 101 * S, 500.0f);
    feed(s, 3 * S, 50.0f);
    feed(s, 3 * S, NAN);
    dt_ok(memcmp(fresh, memory, sizeof memory) != 0, "");
    dt_eq(dura_sensor_reset(s), DURA_OK, "");
    dt_mem(memory, fresh, sizeof memory, "as after the last attach");
    dt_eq(feed(s, 1 * S, 50.0f), DURA_UNKNOWN, "no stamp to be earlier than");
    dt_eq(dura_sensor_reset(NULL), DURA_EINVAL, "");
}

DT_TEST(sensor_state, may_be_moved_in_memory)
{
    dura_sensor_channel c = channel(ALL_CHECKS);
    dura_sensor *s = one(&c), *moved;
    static uint64_t other[DURA_SENSOR_BYTES(MAX_N) / 8];
    feed(s, 0, 50.0f);
    memcpy(other, memory, sizeof memory);
    memset(memory, 0xFF, sizeof memory);
    moved = (dura_sensor *)(void *)other;
    dt_eq(feed(moved, S, 50.0f), DURA_GOOD, "the object has no pointer into itself");
}

/* ---- update_n ---------------------------------------------------------------------------- */

DT_TEST(sensor_update_n, equals_update_in_turn)
{
    enum { N = 19, FRAMES = 200 };
    static uint64_t other[DURA_SENSOR_BYTES(N) / 8];
    static float x[FRAMES][N];
    static int64_t t[FRAMES];
    static uint8_t actions[FRAMES], verdicts[FRAMES][N];
    dura_sensor_channel c = channel(ALL_CHECKS);
    dura_sensor *s, *twin = (dura_sensor *)(void *)other;
    size_t f, cut, k;
    c.hold_ns = 2 * S;
    for (f = 0; f < FRAMES; f++) {
        t[f] = (int64_t)f * S + (dice(10) ? 0 : (int64_t)dice(20) * S - 10 * S);
        t[f] = t[f] < 0 ? 0 : t[f];
        for (k = 0; k < N; k++)
            x[f][k] = dice(8) ? 50.0f + (float)dice(40) : trouble(50.0f);
    }
    for (cut = 0; cut <= FRAMES; cut += 25) {
        s = built(N, 5 * S, 0, &c, 1);
        memcpy(other, memory, sizeof other);
        dt_eq(dura_sensor_update_n(twin, t, x[0], cut, N, actions, verdicts[0]), DURA_OK, "");
        dt_eq(dura_sensor_update_n(twin, t + cut, x[cut % FRAMES], FRAMES - cut, N, actions + cut,
                                   verdicts[cut % FRAMES]), DURA_OK, "");
        rep.struct_size = sizeof rep;
        for (f = 0; f < FRAMES; f++) {
            dt_eq(dura_sensor_update(s, t[f], x[f], NULL, N, NULL, &rep), DURA_OK, "");
            dt_eq(actions[f], rep.action, "frame %zu, cut %zu", f, cut);
            dt_mem(verdicts[f], dura_sensor_verdicts(s), N, "frame %zu, cut %zu", f, cut);
        }
        dt_mem(other, memory, sizeof other - 128, "the same state, cut %zu", cut);
    }
}

DT_TEST(sensor_update_n, changes_nothing_when_it_refuses)
{
    dura_sensor_channel c = channel(ALL_CHECKS);
    dura_sensor_config cfg = DURA_SENSOR_CONFIG_INIT;
    dura_sensor *s = one(&c);
    static uint64_t before[DURA_SENSOR_BYTES(MAX_N) / 8];
    const float x[3] = {50, 50, 50};
    const int64_t t[3] = {1, 2, -1};
    uint8_t a[3] = {77, 77, 77};
    memcpy(before, memory, sizeof memory);
    dt_eq(dura_sensor_update_n(s, t, x, 3, 1, a, NULL), DURA_EINVAL, "the third stamp is negative");
    dt_eq(dura_sensor_update_n(NULL, t, x, 2, 1, a, NULL), DURA_EINVAL, "");
    dt_eq(dura_sensor_update_n(s, NULL, x, 2, 1, a, NULL), DURA_EINVAL, "");
    dt_eq(dura_sensor_update_n(s, t, NULL, 2, 1, a, NULL), DURA_EINVAL, "");
    dt_eq(dura_sensor_update_n(s, t, x, 2, 2, a, NULL), DURA_EINVAL, "");
    dt_eq(dura_sensor_update_n(s, t, x, 2, 1, NULL, NULL), DURA_EINVAL, "");
    dt_eq(dura_sensor_update_n(s, t, x, 0, 1, a, NULL), DURA_OK, "no frame is no work");
    dt_eq(a[0], 77, "");
    dt_mem(memory, before, sizeof memory, "");
    dt_eq(dura_sensor_update_n(s, t, x, 2, 1, a, NULL), DURA_OK, "verdicts may be NULL");
    dt_eq(a[1], DURA_PASS, "");
    cfg.n_channels = 1;
    dt_eq(dura_sensor_init(&s, memory, sizeof memory, &cfg), DURA_OK, "");
    dt_eq(dura_sensor_update_n(s, t, x, 2, 1, a, NULL), DURA_ESTATE, "nothing attached");
}

/* ---- the second implementation --------------------------------------------------------------- */

typedef struct ref_channel {
    dura_sensor_channel c;
    int has_acc, ever, has_good, has_win;
    int64_t acc_ns, good_ns, win_ns;
    float acc, good, win;
    uint32_t acc_reasons;
    uint8_t verdict;
    uint32_t reasons;
    float usable, ratio;
    uint8_t was_good[64];
} ref_channel;

typedef struct ref_sensor {
    ref_channel ch[MAX_N];
    uint16_t n, rebase_after, reversed;
    int64_t gap_ns, last_ns, reversed_ns;
    int seen;
    unsigned frames;
    uint8_t verdict, action;
    uint16_t worst, not_good;
    uint32_t reasons;
} ref_sensor;

static float ref_settle(float x)
{
    return fabsf(x) <= FLT_MIN ? 0.0f : x;
}
static float ref_distance(float a, float b)
{
    return ref_settle(fabsf(ref_settle(a) - ref_settle(b)));
}

static uint32_t ref_stamp(ref_sensor *r, int64_t t)
{
    uint32_t bit = 0;
    uint16_t i;
    if (!r->seen) {
        r->reversed = 0;
    } else if (t == r->last_ns) {
        r->reversed = 0;
        return DURA_R_TIME_DUPLICATE;
    } else if (t < r->last_ns) {
        if (r->reversed && t > r->reversed_ns)
            r->reversed++;
        else
            r->reversed = 1;
        r->reversed_ns = t;
        if (r->reversed < r->rebase_after)
            return DURA_R_TIME_REVERSED;
        for (i = 0; i < r->n; i++)
            r->ch[i].has_acc = r->ch[i].has_good = 0;
        bit = DURA_R_TIME_GAP;
    } else if (r->gap_ns && t - r->last_ns > r->gap_ns) {
        bit = DURA_R_TIME_GAP;
    }
    if (bit)
        for (i = 0; i < r->n; i++)
            r->ch[i].has_win = 0;
    r->reversed = 0;
    r->seen = 1;
    r->last_ns = t;
    return bit;
}

static uint8_t ref_verdict(uint32_t r)
{
    if (r & DURA_R_MISSING)
        return DURA_MISSING;
    if (r & (DURA_R_TIME_REVERSED | DURA_R_TIME_DUPLICATE | DURA_R_NONFINITE | DURA_R_RANGE_FAIL |
             DURA_R_RATE_FAIL | DURA_R_FLAT_FAIL))
        return DURA_FAIL;
    if (r & (DURA_R_TIME_GAP | DURA_R_RANGE_SUSPECT | DURA_R_RATE_SUSPECT | DURA_R_FLAT_SUSPECT))
        return DURA_SUSPECT;
    return r & DURA_R_WARMUP ? DURA_UNKNOWN : DURA_GOOD;
}

/* What the five checks say of a value that is there. */
static uint32_t ref_checks(const ref_channel *p, uint32_t stamp, int64_t now, float x)
{
    const dura_sensor_channel *c = &p->c;
    uint32_t r = 0;
    if (!isfinite(x))
        return DURA_R_NONFINITE;
    if (c->checks & DURA_CHECK_RANGE) {
        if (x < c->fail_lo || x > c->fail_hi)
            r |= DURA_R_RANGE_FAIL;
        else if (x < c->suspect_lo || x > c->suspect_hi)
            r |= DURA_R_RANGE_SUSPECT;
    }
    if (c->checks & DURA_CHECK_RATE) {
        if (stamp == 0 && p->has_acc && now > p->acc_ns) {
            float dt = (float)(now - p->acc_ns) * 1e-9f, dx = ref_distance(x, p->acc);
            if (dx > ref_settle(c->rate_fail * dt))
                r |= DURA_R_RATE_FAIL;
            else if (ref_settle(c->rate_suspect) > 0.0f && dx > ref_settle(c->rate_suspect * dt))
                r |= DURA_R_RATE_SUSPECT;
        } else {
            r |= DURA_R_WARMUP;
        }
    }
    if ((c->checks & DURA_CHECK_FLAT) && p->has_win && ref_distance(x, p->win) <= c->flat_tolerance) {
        if (now - p->win_ns >= c->flat_fail_ns)
            r |= DURA_R_FLAT_FAIL;
        else if (c->flat_suspect_ns > 0 && now - p->win_ns >= c->flat_suspect_ns)
            r |= DURA_R_FLAT_SUSPECT;
    }
    return r;
}

/* One part of the ratio, on the side of 1 that the verdict says. */
static float ref_part(float part, int failed)
{
    if (failed)
        return part > FLT_MAX ? FLT_MAX : part <= 1.0f ? 1.0f + FLT_EPSILON : part;
    return part > 1.0f ? 1.0f : part;
}

/* Worked out in every frame, before the value becomes history. */
static float ref_ratio(const ref_channel *p, uint32_t stamp, int64_t now, float x, uint32_t found)
{
    const dura_sensor_channel *c = &p->c;
    float most = 0.0f, part;
    if (found & DURA_R_NONFINITE)
        return 0.0f;
    if (c->checks & DURA_CHECK_RANGE) {
        float half = fmaxf(0.5f * c->fail_hi - 0.5f * c->fail_lo, FLT_MIN);
        part = ref_distance(x, 0.5f * c->fail_lo + 0.5f * c->fail_hi) / half;
        most = fmaxf(most, ref_part(part, (found & DURA_R_RANGE_FAIL) != 0));
    }
    if ((c->checks & DURA_CHECK_RATE) && stamp == 0 && p->has_acc && now > p->acc_ns) {
        float reach = c->rate_fail * ((float)(now - p->acc_ns) * 1e-9f);
        part = ref_distance(x, p->acc) / fmaxf(reach, FLT_MIN);
        most = fmaxf(most, ref_part(part, (found & DURA_R_RATE_FAIL) != 0));
    }
    if ((c->checks & DURA_CHECK_FLAT) && p->has_win && ref_distance(x, p->win) <= c->flat_tolerance) {
        part = (float)(now - p->win_ns) / (float)c->flat_fail_ns;
        most = fmaxf(most, ref_part(part, (found & DURA_R_FLAT_FAIL) != 0));
    }
    return most;
}

static void ref_value(ref_channel *p, uint32_t stamp, int64_t now, float x)
{
    int stamp_ok = !(stamp & (DURA_R_TIME_REVERSED | DURA_R_TIME_DUPLICATE));
    uint32_t time = p->c.checks & DURA_CHECK_TIME ? stamp : 0;
    uint32_t found = ref_checks(p, stamp, now, x);
    p->reasons = found | time;
    p->ratio = ref_ratio(p, stamp, now, x, found);
    if (time)
        p->reasons &= ~(uint32_t)DURA_R_WARMUP;
    p->verdict = ref_verdict(p->reasons);
    p->usable = p->verdict == DURA_FAIL ? 0.0f : x;
    if (p->verdict == DURA_FAIL) {
        if (stamp_ok && p->c.hold_ns && p->has_good && now - p->good_ns <= p->c.hold_ns) {
            p->reasons |= DURA_R_SUBSTITUTED;
            p->usable = p->good;
        }
        return;
    }
    if (!stamp_ok)
        return;
    p->has_acc = p->ever = 1;
    p->acc = x;
    p->acc_ns = now;
    p->acc_reasons = found;
    if (p->verdict != DURA_SUSPECT || (p->c.flags & DURA_CHANNEL_SUSPECT_OK)) {
        p->has_good = 1;
        p->good = x;
        p->good_ns = now;
    }
    if (!p->has_win || ref_distance(x, p->win) > p->c.flat_tolerance) {
        p->has_win = 1;
        p->win = x;
        p->win_ns = now;
    }
}

static void ref_absent(ref_channel *p, uint32_t stamp, int64_t now)
{
    uint32_t time = p->c.checks & DURA_CHECK_TIME ? stamp : 0;
    p->ratio = 0.0f;
    if (p->has_acc && p->c.max_age_ns && now - p->acc_ns <= p->c.max_age_ns) {
        p->reasons = time | p->acc_reasons;
        if (time)
            p->reasons &= ~(uint32_t)DURA_R_WARMUP;
        p->verdict = ref_verdict(p->reasons);
        p->usable = p->verdict == DURA_FAIL ? 0.0f : p->acc;
        return;
    }
    p->reasons = time | DURA_R_MISSING | (p->ever ? DURA_R_STALE : 0);
    p->verdict = DURA_MISSING;
    p->usable = 0.0f;
}

static void ref_frame(ref_sensor *r, int64_t t, const float *x, const uint8_t *missing)
{
    uint32_t stamp = ref_stamp(r, t);
    int reject = 0, substitute = 0;
    uint16_t i;
    r->verdict = DURA_GOOD;
    r->worst = DURA_NONE;
    r->not_good = 0;
    r->reasons = 0;
    for (i = 0; i < r->n; i++) {
        ref_channel *p = &r->ch[i];
        if (missing && missing[i])
            ref_absent(p, stamp, r->last_ns);
        else
            ref_value(p, stamp, r->last_ns, x[i]);
        p->was_good[r->frames % 64] = p->verdict == DURA_GOOD;
        r->reasons |= p->reasons;
        r->not_good = (uint16_t)(r->not_good + (p->verdict != DURA_GOOD));
        substitute |= (p->reasons & DURA_R_SUBSTITUTED) != 0;
        if (!(p->c.flags & DURA_CHANNEL_REQUIRED))
            continue;
        if (p->verdict > r->verdict) {
            r->verdict = p->verdict;
            r->worst = i;
        }
        if (p->verdict == DURA_SUSPECT && !(p->c.flags & DURA_CHANNEL_SUSPECT_OK))
            reject = 1;
        if (p->verdict >= DURA_FAIL && !(p->reasons & DURA_R_SUBSTITUTED))
            reject = 1;
    }
    r->frames++;
    r->action = reject ? DURA_REJECT : substitute ? DURA_SUBSTITUTE : DURA_PASS;
}

static float ref_quality(const ref_sensor *r, const ref_channel *p)
{
    unsigned i, n = r->frames < 64 ? r->frames : 64, good = 0;
    if (p->verdict >= DURA_FAIL)
        return 0.0f;
    for (i = 0; i < n; i++)
        good += p->was_good[i];
    return (float)good / (float)n;
}

static dura_sensor_channel any_channel(float *level)
{
    static const float levels[] = {0.0f, 1e-38f, 3e-38f, 1e-30f, 1.0f, 50.0f, -7.0f, 3e38f};
    dura_sensor_channel c = DURA_SENSOR_CHANNEL_INIT;
    float w;
    *level = levels[dice(8)];
    w = fabsf(*level) < 1e-20f ? 1e-37f : fabsf(*level) * 0.05f;
    c.checks = (uint16_t)(1 + dice(31));
    c.flags = (uint8_t)dice(4);
    c.suspect_lo = *level - w;
    c.fail_lo = dice(3) ? c.suspect_lo - w : c.suspect_lo;
    c.suspect_hi = *level + w;
    c.fail_hi = dice(3) ? c.suspect_hi + w : c.suspect_hi;
    c.rate_fail = (0.5f + (float)dice(8)) * (w < 1e-36f ? 4e-38f : 1.0f);
    c.rate_suspect = dice(2) ? 0.0f : c.rate_fail * 0.5f;
    c.flat_tolerance = dice(2) ? 0.0f : w * 0.1f;
    c.flat_tolerance = c.flat_tolerance <= FLT_MIN ? 0.0f : c.flat_tolerance;
    c.flat_fail_ns = (1 + (int64_t)dice(8)) * S / 2;
    c.flat_suspect_ns = dice(2) ? 0 : c.flat_fail_ns / 2;
    c.max_age_ns = (int64_t)dice(4) * S;
    c.hold_ns = (int64_t)dice(4) * S;
    return c;
}

static int64_t next_stamp(int64_t t)
{
    uint32_t k = dice(100);
    int64_t step = k < 70 ? S / 10 : k < 80 ? (int64_t)dice(1000000000) : k < 84 ? 0
                 : k < 90 ? -(int64_t)dice(2000000000) : k < 94 ? 20 * S : k < 96 ? -100 * S : 1;
    return t + step < 0 ? 0 : t + step;
}

static ref_sensor ref;

static dura_sensor *random_pair(float level[MAX_N])
{
    dura_sensor_channel c[MAX_N];
    uint16_t i, n = (uint16_t)(1 + dice(MAX_N)), rebase = (uint16_t)dice(5);
    int64_t gap = dice(2) ? 0 : 5 * S;
    memset(&ref, 0, sizeof ref);
    for (i = 0; i < n; i++)
        ref.ch[i].c = c[i] = any_channel(&level[i]);
    ref.n = n;
    ref.rebase_after = rebase ? rebase : 3;
    ref.gap_ns = gap;
    return built(n, gap, rebase, c, 0);
}

static void compare_frame(const dura_sensor *s, unsigned run, unsigned f)
{
    uint16_t i;
    for (i = 0; i < ref.n; i++) {
        dura_sensor_state st = DURA_SENSOR_STATE_INIT;
        const ref_channel *p = &ref.ch[i];
        dt_eq(dura_sensor_reasons(s)[i], p->reasons, "run %u frame %u channel %u", run, f, i);
        dt_eq(dura_sensor_verdicts(s)[i], p->verdict, "run %u frame %u channel %u", run, f, i);
        dt_eq(bits_of(usable[i]), bits_of(p->usable), "run %u frame %u channel %u", run, f, i);
        dt_eq(dura_sensor_query(s, i, &st), DURA_OK, "");
        dt_eq(bits_of(st.value), bits_of(p->usable), "run %u frame %u channel %u", run, f, i);
        dt_eq(bits_of(st.quality), bits_of(ref_quality(&ref, p)), "run %u frame %u channel %u", run, f, i);
        dt_eq(bits_of(st.ratio), bits_of(p->ratio), "run %u frame %u channel %u: %g, want %g", run, f, i,
              (double)st.ratio, (double)p->ratio);
    }
    dt_eq(rep.verdict, ref.verdict, "run %u frame %u", run, f);
    dt_eq(rep.action, ref.action, "run %u frame %u", run, f);
    dt_eq(rep.worst_channel, ref.worst, "run %u frame %u", run, f);
    dt_eq(rep.n_not_good, ref.not_good, "run %u frame %u", run, f);
    dt_eq(rep.reasons, ref.reasons, "run %u frame %u", run, f);
}

DT_TEST(sensor_model, agrees_with_the_plain_one_on_20000_random_frames)
{
    unsigned run, f;
    for (run = 0; run < 100; run++) {
        float level[MAX_N], x[MAX_N];
        uint8_t gone[MAX_N];
        dura_sensor *s = random_pair(level);
        int64_t t = (int64_t)dice(1000) * S;
        unsigned mood = dice(3); /* calm, mixed, wild: quiet blocks must be met too */
        dt_ok(s != NULL, "run %u", run);
        for (f = 0; f < 200; f++) {
            uint16_t i;
            for (i = 0; i < ref.n; i++) {
                x[i] = dice(20) < mood * 6 ? trouble(level[i]) : level[i] * (0.999f + 0.0001f * (float)dice(20));
                gone[i] = (uint8_t)(mood && dice(10) == 0);
            }
            t = mood ? next_stamp(t) : t + S / 10 + (int64_t)dice(2) * MS;
            rep.struct_size = sizeof rep;
            dt_eq(dura_sensor_update(s, t, x, dice(2) || mood ? gone : NULL, ref.n, usable, &rep), DURA_OK, "");
            ref_frame(&ref, t, x, gone);
            compare_frame(s, run, f);
        }
    }
}

/* ---- floats that the machine or the compiler would bend ----------------------------------------- */

DT_TEST(sensor_floats, verdicts_are_the_same_when_subnormals_are_flushed)
{
#if defined(__SSE2__)
    uint32_t plain = digest_of_a_run(), flushed;
    unsigned csr = _mm_getcsr();
    _mm_setcsr(csr | 0x8040u); /* FTZ and DAZ */
    flushed = digest_of_a_run();
    _mm_setcsr(csr);
    dt_ok(plain != 0, "");
    dt_eq(flushed, plain, "");
#else
    dt_skip("no way to flush subnormals here");
#endif
}

DT_TEST(sensor_floats, subnormal_steps_are_no_steps_flushed_or_not)
{
    dura_sensor_channel c = channel(DURA_CHECK_RATE | DURA_CHECK_FLAT);
    int daz;
    c.flat_tolerance = 0.0f;
    c.rate_suspect = 0.0f, c.rate_fail = 2e-38f;
    for (daz = 0; daz < 2; daz++) {
        dura_sensor *s = one(&c);
        uint8_t v[4];
#if defined(__SSE2__)
        unsigned csr = _mm_getcsr();
        _mm_setcsr(daz ? csr | 0x8040u : csr);
#endif
        v[0] = feed(s, 0, 0.0f);
        v[1] = feed(s, 2 * S, of_bits(0x007FFFFFu));
        v[2] = feed(s, 3 * S, of_bits(0x00800000u));
        v[3] = feed(s, 4 * S, 1.0f);
#if defined(__SSE2__)
        _mm_setcsr(csr);
#endif
        dt_eq(v[0], DURA_UNKNOWN, "daz %d", daz);
        dt_eq(v[1], DURA_SUSPECT, "daz %d: flat", daz);
        dt_eq(v[2], DURA_SUSPECT, "daz %d: the smallest normal counts as zero", daz);
        dt_eq(v[3], DURA_FAIL, "daz %d: rate", daz);
    }
}

/* A window that began at what counts as zero is judged from zero, in quiet frames too. */
DT_TEST(sensor_floats, windows_that_began_below_the_smallest_normal_began_at_zero)
{
    dura_sensor_channel c = channel(DURA_CHECK_FLAT);
    dura_sensor *s;
    c.flat_tolerance = 3e-38f;
    s = one(&c);
    dt_eq(feed(s, 0, 1.1e-38f), DURA_GOOD, "");
    dt_eq(feed(s, 1 * S, 2e-38f), DURA_GOOD, "within");
    dt_eq(feed(s, 1500 * MS, 4e-38f), DURA_GOOD, "4e-38 from zero: a new window");
    dt_eq(feed(s, 3500 * MS, 5e-38f), DURA_SUSPECT, "2 s within that one");
}

/* Builds this file and the sensor as a careless integrator would, runs it, wants the
 * same digest: -ffast-math lets a compiler assume that there is no NaN, and on some
 * targets makes the program flush subnormals from its first instruction. */
DT_TEST(sensor_floats, fast_math_builds_see_nan_all_the_same)
{
#if defined(DURA_SOURCE_DIR) && defined(DURA_BINARY_DIR) && !defined(DT_TARGET_ARM)
    char command[1600], line[64] = "", want[16];
    FILE *p;
    if (system("cc --version >/dev/null 2>&1") != 0)
        dt_skip("no compiler here");
    snprintf(want, sizeof want, "%08x\n", (unsigned)digest_of_a_run());
    snprintf(command, sizeof command,
             "cd '%s' && cc -std=c99 -O2 -ffast-math -DSENSOR_PROBE -Iinclude tests/test_sensor.c "
             "src/sensor/dura_sensor.c src/sensor/dura_sensor_judge.c src/base/dura_base.c "
             "-o '%s/sensor_fast_math' -lm && '%s/sensor_fast_math'",
             DURA_SOURCE_DIR, DURA_BINARY_DIR, DURA_BINARY_DIR);
    p = popen(command, "r");
    dt_ok(p != NULL, "");
    dt_ok(fgets(line, sizeof line, p) != NULL, "no answer");
    dt_eq(pclose(p), 0, "");
    dt_str(line, want, "");
#else
    dt_skip("nothing to build here: no compiler or no popen on this target");
#endif
}

#endif /* SENSOR_PROBE */
