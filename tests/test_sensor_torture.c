/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What other validators get wrong, and what this one does instead: one named test for
 * each edge rule of docs/sensor.md, for each of twelve probes that a flight stack's data
 * validator answers wrongly (px4_...), and for each of eight defects measured in a
 * well-known quality control package (ioos_...).
 *
 * scripts/check_torture.sh builds this file and the sensor with gcc and clang at -O0, -O2
 * and -O3, with subnormals flushed (TORTURE_FLUSH) and with -ffast-math. Suite
 * sensor_torture_bits holds whatever the options: nothing in it rests on an arithmetic
 * that -ffast-math is allowed to bend. Every build must print the same digest.
 */
#include "dt.h"

#include <dura/sensor_checks.h>

#if defined(TORTURE_FLUSH) && defined(__SSE2__)
#include <xmmintrin.h>
__attribute__((constructor)) static void flush_subnormals(void)
{
    _mm_setcsr(_mm_getcsr() | 0x8040u); /* FTZ and DAZ */
}
#endif

#define S 1000000000LL
#define MS 1000000LL
#define NAN_BITS 0x7FC00000u
#define INF_BITS 0x7F800000u
#define MINUS 0x80000000u
#define FULL_SCALE 3e38f        /* a limit that is none */

enum { MAX_N = 3 };

static uint64_t memory[DURA_SENSOR_BYTES(MAX_N) / 8];
static uint64_t further[DURA_SENSOR_EXTRA_BYTES(MAX_N, 0, 0) / 8];
static dura_sensor *s;
static dura_sensor_report rep;
static float usable[MAX_N];

static float of_bits(uint32_t u)
{
    float f;
    memcpy(&f, &u, sizeof f);
    return f;
}
static uint32_t bits_of(float f)
{
    uint32_t u;
    memcpy(&u, &f, sizeof u);
    return u;
}

/* Wide limits; 1 per second is the fastest; still for 1 s is stuck, resolution 0.01. */
static dura_sensor_channel channel(uint16_t checks)
{
    dura_sensor_channel c = DURA_SENSOR_CHANNEL_INIT;
    c.checks = checks;
    c.fail_lo = c.suspect_lo = -FULL_SCALE, c.suspect_hi = c.fail_hi = FULL_SCALE;
    c.rate_fail = 1.0f;
    c.flat_tolerance = 0.01f, c.flat_fail_ns = S;
    return c;
}

/* n equal channels; a step of more than 10 s is a gap. */
static void begin(uint16_t n, const dura_sensor_channel *c)
{
    dura_sensor_config cfg = DURA_SENSOR_CONFIG_INIT;
    cfg.n_channels = n;
    cfg.gap_ns = 10 * S;
    memset(memory, 0xA5, sizeof memory);
    dt_eq(dura_sensor_init(&s, memory, sizeof memory, &cfg), DURA_OK, "init");
    for (uint16_t i = 0; i < n; i++)
        dt_eq(dura_sensor_attach(s, i, c), DURA_OK, "attach");
}
static void begin_with(uint16_t checks)
{
    dura_sensor_channel c = channel(checks);
    begin(1, &c);
}

static uint8_t feed_frame(int64_t t, const float *x, const uint8_t *missing, uint16_t n)
{
    rep = (dura_sensor_report)DURA_SENSOR_REPORT_INIT;
    dt_eq(dura_sensor_update(s, t, x, missing, n, usable, &rep), DURA_OK, "update");
    return dura_sensor_verdicts(s)[0];
}
static uint8_t feed(int64_t t, float x) { return feed_frame(t, &x, NULL, 1); }
static uint8_t feed_bits(int64_t t, uint32_t u) { return feed(t, of_bits(u)); }
static uint8_t feed_nothing(int64_t t)
{
    const uint8_t missing = 1;
    const float x = of_bits(NAN_BITS); /* what stands where nothing is must not matter */
    return feed_frame(t, &x, &missing, 1);
}
static uint32_t why(void) { return dura_sensor_reasons(s)[0]; }

#define is(verdict, got, ...) dt_eq((got), DURA_##verdict, __VA_ARGS__)
#define because(reasons, ...) dt_eq(why(), (uint32_t)(reasons), __VA_ARGS__)

/* ---- not a number, infinity --------------------------------------------------------------- */

DT_TEST(sensor_torture_bits, every_nan_and_both_infinities_fail)
{
    static const uint32_t odd[] = {NAN_BITS, NAN_BITS | MINUS, 0x7F800001u, 0xFF800001u, 0x7FFFFFFFu,
                                   0xFFFFFFFFu, INF_BITS, INF_BITS | MINUS};
    for (size_t i = 0; i < sizeof odd / sizeof *odd; i++) {
        begin_with(DURA_CHECK_RANGE); /* not even asked for by name */
        is(FAIL, feed_bits(0, odd[i]), "%08x", odd[i]);
        because(DURA_R_NONFINITE, "%08x", odd[i]);
        dt_eq(rep.action, DURA_REJECT, "%08x", odd[i]);
        dt_eq(bits_of(usable[0]), 0, "%08x: the model sees 0.0", odd[i]);
    }
}

DT_TEST(sensor_torture, what_is_not_finite_leaves_the_state_untouched)
{
    begin_with(DURA_CHECK_RATE | DURA_CHECK_FLAT);
    feed(0, 5.0f);
    is(GOOD, feed(500 * MS, 5.0f), "half the time it takes to be stuck");
    is(FAIL, feed_bits(600 * MS, INF_BITS), "");
    is(FAIL, feed_bits(700 * MS, NAN_BITS), "");
    is(GOOD, feed(800 * MS, 5.0f), "the rate's reference is still 5");
    is(FAIL, feed(1000 * MS, 5.0f), "and the window goes on");
    because(DURA_R_FLAT_FAIL, "");
}

DT_TEST(sensor_torture_bits, a_nan_where_no_value_is_does_not_count)
{
    begin_with(DURA_CHECK_RANGE);
    is(MISSING, feed_nothing(0), "");
    because(DURA_R_MISSING, "neither STALE nor NONFINITE");
}

/* ---- subnormals, zeros ---------------------------------------------------------------------- */

DT_TEST(sensor_torture_bits, subnormal_values_and_limits_count_as_they_are)
{
    dura_sensor_channel c = channel(DURA_CHECK_RANGE);
    c.fail_lo = c.suspect_lo = of_bits(MINUS | 2u);
    c.suspect_hi = c.fail_hi = of_bits(3u);
    begin(1, &c);
    is(GOOD, feed_bits(0, 3u), "the limit itself");
    is(FAIL, feed_bits(1, 4u), "one beyond");
    is(GOOD, feed_bits(2, MINUS | 2u), "the lower limit");
    is(FAIL, feed_bits(3, MINUS | 3u), "one below");
    is(FAIL, feed_bits(4, 0x00800000u), "the smallest normal");
}

DT_TEST(sensor_torture, subnormal_steps_are_none_with_and_without_flushing)
{
    dura_sensor_channel c = channel(DURA_CHECK_RATE | DURA_CHECK_FLAT);
    c.flat_tolerance = 0.0f;
    c.rate_fail = 2e-38f;
    begin(1, &c);
    is(UNKNOWN, feed_bits(0, 0), "");
    is(GOOD, feed_bits(500 * MS, 0x007FFFFFu), "the largest subnormal");
    is(FAIL, feed_bits(1000 * MS, 1u), "");
    because(DURA_R_FLAT_FAIL, "a second without a step");
}

DT_TEST(sensor_torture_bits, minus_zero_is_inside_limits_at_zero)
{
    dura_sensor_channel c = channel(DURA_CHECK_RANGE);
    c.fail_lo = c.suspect_lo = 0.0f;
    begin(1, &c);
    is(GOOD, feed_bits(0, MINUS), "lower limit 0.0");
    c.fail_lo = c.suspect_lo = -1.0f;
    c.suspect_hi = c.fail_hi = of_bits(MINUS);
    begin(1, &c);
    is(GOOD, feed_bits(0, 0), "upper limit -0.0");
    is(FAIL, feed_bits(1, 1u), "and nothing above");
}

DT_TEST(sensor_torture, minus_zero_and_zero_in_turn_are_a_flat_line)
{
    dura_sensor_channel c = channel(DURA_CHECK_FLAT);
    c.flat_tolerance = 0.0f;
    begin(1, &c);
    for (int i = 0; i < 20; i++)
        dt_eq(feed_bits(i * 100 * MS, i & 1 ? MINUS : 0), i < 10 ? DURA_GOOD : DURA_FAIL, "sample %d", i);
}

/* ---- stamps --------------------------------------------------------------------------------- */

DT_TEST(sensor_torture, a_reversed_stamp_fails_and_keeps_state_and_time)
{
    begin_with(DURA_CHECK_TIME | DURA_CHECK_RATE);
    feed(0, 5.0f);
    feed(10 * S, 5.5f);
    is(FAIL, feed(9 * S, 500.0f), "");
    dt_ok((why() & DURA_R_TIME_REVERSED) != 0, "%08x", why());
    is(GOOD, feed(11 * S, 6.4f), "0.9 in the second since 10 s, from 5.5: nothing of 500 was kept");
}

DT_TEST(sensor_torture_bits, reversed_stamps_that_agree_make_a_new_time_base_and_say_so)
{
    begin_with(DURA_CHECK_TIME);
    feed(100 * S, 1.0f);
    is(FAIL, feed(1 * S, 1.0f), "first");
    is(FAIL, feed(2 * S, 1.0f), "second");
    is(SUSPECT, feed(3 * S, 1.0f), "third: taken, and marked");
    because(DURA_R_TIME_GAP, "never silently");
    is(GOOD, feed(4 * S, 1.0f), "");
}

DT_TEST(sensor_torture_bits, reversed_stamps_that_disagree_make_none)
{
    begin_with(DURA_CHECK_TIME);
    feed(100 * S, 1.0f);
    for (int i = 0; i < 50; i++)
        is(FAIL, feed((60 - i) * S, 1.0f), "stamp %d", i);
    is(FAIL, feed(100 * S, 1.0f), "");
    because(DURA_R_TIME_DUPLICATE, "100 s is still the last good one");
}

/* The same value on an equal stamp is no excuse: a source that repeats frames is broken. */
DT_TEST(sensor_torture_bits, an_equal_stamp_fails_with_the_same_value_too)
{
    begin_with(DURA_CHECK_TIME);
    feed(S, 1.0f);
    is(FAIL, feed(S, 1.0f), "same value");
    because(DURA_R_TIME_DUPLICATE, "");
    is(FAIL, feed(S, 2.0f), "other value");
    is(GOOD, feed(S + 1, 1.0f), "a nanosecond is enough");
}

DT_TEST(sensor_torture_bits, stamp_zero_is_a_stamp_and_not_never)
{
    begin_with(DURA_CHECK_TIME);
    is(GOOD, feed(0, 1.0f), "");
    is(FAIL, feed(0, 1.0f), "");
    because(DURA_R_TIME_DUPLICATE, "0 was seen");
}

/* The sensor's stamps have 64 bits; a 32-bit source that wraps is told from a working one. */
DT_TEST(sensor_torture_bits, a_wrapped_source_counter_is_refused_then_taken_with_a_mark)
{
    static const uint8_t want[] = {DURA_GOOD, DURA_FAIL, DURA_FAIL, DURA_SUSPECT, DURA_GOOD};
    uint32_t us = 0xFFFFFFFFu - 1000u;
    begin_with(DURA_CHECK_TIME);
    feed((int64_t)us * 1000 - 10 * MS, 1.0f);
    for (size_t i = 0; i < sizeof want; i++, us += 10000u)
        dt_eq(feed((int64_t)us * 1000, 1.0f), want[i], "frame %zu", i);
}

DT_TEST(sensor_torture, a_gap_is_suspect_once_without_rate_and_restarts_windows)
{
    begin_with(DURA_CHECK_TIME | DURA_CHECK_RATE | DURA_CHECK_FLAT);
    feed(0, 5.0f);
    is(GOOD, feed(900 * MS, 5.0f), "");
    is(SUSPECT, feed(12 * S, 900.0f), "");
    because(DURA_R_TIME_GAP, "no rate across it");
    is(GOOD, feed(12900 * MS, 900.0f), "once; and 0.9 s into a new window");
    is(FAIL, feed(13 * S, 900.0f), "stuck a second after the gap");
    because(DURA_R_FLAT_FAIL, "");
}

DT_TEST(sensor_torture_bits, the_largest_stamp_overflows_nothing)
{
    begin_with(DURA_CHECK_TIME | DURA_CHECK_RANGE);
    feed(0, 1.0f);
    is(SUSPECT, feed(INT64_MAX, 1.0f), "292 years are a gap");
    is(FAIL, feed(0, 1.0f), "");
}

/* ---- warm-up, configuration ------------------------------------------------------------------- */

DT_TEST(sensor_torture_bits, warm_up_is_unknown_for_one_frame_and_does_not_reject)
{
    begin_with(DURA_CHECK_TIME | DURA_CHECK_RATE);
    is(UNKNOWN, feed(0, 1.0f), "");
    because(DURA_R_WARMUP, "");
    dt_eq(rep.action, DURA_PASS, "");
    is(GOOD, feed(S, 1.0f), "");
}

static int attach_with(float *field, float value, dura_sensor_channel *c)
{
    dura_sensor_config cfg = DURA_SENSOR_CONFIG_INIT;
    float before = *field;
    cfg.n_channels = 1;
    *field = value;
    dt_eq(dura_sensor_init(&s, memory, sizeof memory, &cfg), DURA_OK, "");
    int rc = dura_sensor_attach(s, 0, c);
    *field = before;
    return rc;
}

DT_TEST(sensor_torture_bits, limits_that_are_no_numbers_are_refused_never_clipped)
{
    static const uint32_t odd[] = {NAN_BITS, NAN_BITS | MINUS, INF_BITS, INF_BITS | MINUS};
    dura_sensor_channel c = channel(DURA_CHECK_RANGE | DURA_CHECK_RATE | DURA_CHECK_FLAT);
    float *const fields[] = {&c.fail_lo, &c.suspect_lo, &c.suspect_hi, &c.fail_hi, &c.rate_suspect, &c.rate_fail,
                             &c.flat_tolerance};
    for (size_t f = 0; f < sizeof fields / sizeof *fields; f++) {
        for (size_t i = 0; i < sizeof odd / sizeof *odd; i++)
            dt_eq(attach_with(fields[f], of_bits(odd[i]), &c), DURA_EINVAL, "field %zu, %08x", f, odd[i]);
        dt_eq(attach_with(fields[f], *fields[f], &c), DURA_OK, "field %zu as it was", f);
    }
}

DT_TEST(sensor_torture_bits, limits_out_of_order_and_empty_windows_are_refused)
{
    dura_sensor_channel c = channel(DURA_CHECK_RANGE | DURA_CHECK_RATE | DURA_CHECK_FLAT);
    dt_eq(attach_with(&c.fail_lo, 2.0f, (c.suspect_lo = 1.0f, &c)), DURA_EINVAL, "fail_lo above suspect_lo");
    dt_eq(attach_with(&c.fail_hi, 0.5f, &c), DURA_EINVAL, "fail_hi below the rest");
    dt_eq(attach_with(&c.rate_fail, 0.0f, &c), DURA_EINVAL, "no rate");
    dt_eq(attach_with(&c.rate_suspect, 2.0f, &c), DURA_EINVAL, "rate_suspect above rate_fail");
    dt_eq(attach_with(&c.flat_tolerance, -1.0f, &c), DURA_EINVAL, "a negative tolerance");
    c.flat_fail_ns = 0;
    dt_eq(attach_with(&c.fail_hi, c.fail_hi, &c), DURA_EINVAL, "an empty window");
    c = channel(0);
    dt_eq(attach_with(&c.fail_hi, c.fail_hi, &c), DURA_EINVAL, "a channel without any check is no pass");
}

DT_TEST(sensor_torture_bits, sizes_that_are_none_are_refused)
{
    dura_sensor_config cfg = DURA_SENSOR_CONFIG_INIT;
    dt_eq(dura_sensor_bytes(&cfg), 0, "no channel");
    cfg.n_channels = DURA_CHANNELS_MAX + 1;
    dt_eq(dura_sensor_bytes(&cfg), 0, "too many");
    cfg.n_channels = 0xFFFF;
    dt_eq(dura_sensor_init(&s, memory, sizeof memory, &cfg), DURA_EINVAL, "");
    dt_ok(s == NULL, "");
}

/* ---- silence ----------------------------------------------------------------------------------- */

static uint32_t poll_at(int64_t t)
{
    rep = (dura_sensor_report)DURA_SENSOR_REPORT_INIT;
    dt_eq(dura_sensor_poll(s, t, &rep), DURA_OK, "poll");
    return why();
}
static void begin_aging(void)
{
    dura_sensor_channel c = channel(DURA_CHECK_TIME | DURA_CHECK_RANGE);
    c.max_age_ns = 3 * S;
    begin(1, &c);
}

DT_TEST(sensor_torture_bits, silence_is_stale_a_nanosecond_after_its_age_and_no_sooner)
{
    begin_aging();
    is(GOOD, feed(S, 1.0f), "");
    dt_eq(poll_at(4 * S), 0, "three seconds are allowed");
    dt_eq(poll_at(4 * S + 1), DURA_R_MISSING | DURA_R_STALE, "and no nanosecond more");
    dt_eq(rep.action, DURA_REJECT, "");
    dt_eq(poll_at(INT64_MAX), DURA_R_MISSING | DURA_R_STALE, "nothing overflows");
}
DT_TEST(sensor_torture_bits, silence_before_any_value_is_not_stale)
{
    begin_aging();
    dt_eq(poll_at(INT64_MAX) & DURA_R_STALE, 0, "what never was cannot be old");
    is(GOOD, feed(0, 1.0f), "and stamp 0 comes after it");
}
DT_TEST(sensor_torture_bits, asking_during_silence_moves_no_statistic_and_a_frame_ends_it)
{
    dura_sensor_state before = DURA_SENSOR_STATE_INIT, after = DURA_SENSOR_STATE_INIT;
    begin_aging();
    for (int i = 0; i < 70; i++)
        is(GOOD, feed(i * S, 1.0f), "frame %d", i);
    dt_eq(dura_sensor_query(s, 0, &before), DURA_OK, "");
    for (int i = 0; i < 500; i++)
        (void)poll_at((80 + i) * S);
    is(GOOD, feed(75 * S, 1.0f), "older than the questions, newer than the last frame");
    dt_eq(dura_sensor_query(s, 0, &after), DURA_OK, "");
    dt_mem(&after, &before, sizeof after, "as if nobody had asked");
}
DT_TEST(sensor_torture_bits, a_question_before_the_last_frame_changes_nothing)
{
    begin_aging();
    is(GOOD, feed(10 * S, 1.0f), "");
    dt_eq(poll_at(0), 0, "a clock that runs backwards");
    is(FAIL, feed(10 * S, 1.0f), "");
    because(DURA_R_TIME_DUPLICATE, "10 s is still the last stamp");
}

/* ---- spike, noise ------------------------------------------------------------------------------ */

static dura_sensor_check check_of(uint8_t kind)
{
    dura_sensor_check k;
    memset(&k, 0, sizeof k);
    k.struct_size = sizeof k;
    k.kind = kind;
    return k;
}
static void extend(uint16_t n, const dura_sensor_check *checks, size_t n_checks)
{
    dura_sensor_extra x = DURA_SENSOR_EXTRA_INIT;
    x.n_channels = n;
    memset(further, 0xA5, sizeof further);
    dt_eq(dura_sensor_extend(s, further, sizeof further, &x), DURA_OK, "extend");
    for (size_t i = 0; i < n_checks; i++)
        dt_eq(dura_sensor_add(s, &checks[i]), DURA_OK, "check %zu", i);
}
/* A jump of more than 4 is a spike; an excursion of more than 2 stood out. */
static void begin_spiky(void)
{
    dura_sensor_check k = check_of(DURA_CK_SPIKE);
    k.suspect = 2.0f, k.fail = 4.0f;
    begin_with(DURA_CHECK_TIME | DURA_CHECK_RANGE);
    extend(1, &k, 1);
}
/* Steps of less than 0.5 are too quiet, of more than 2 too wild, over four of them. */
static void begin_noisy(float lo, float hi)
{
    dura_sensor_check k = check_of(DURA_CK_NOISE);
    k.window = 4, k.lo = lo, k.hi = hi;
    begin_with(DURA_CHECK_TIME | DURA_CHECK_RANGE);
    extend(1, &k, 1);
}

DT_TEST(sensor_torture, a_spike_fails_alone_whatever_its_size)
{
    static const float size[] = {7.0f, -5.0f, 1e9f, -1e30f, 3e38f};
    for (size_t i = 0; i < sizeof size / sizeof *size; i++) {
        begin_spiky();
        (void)feed(0, 1.0f), (void)feed(S, 1.5f);
        is(FAIL, feed(2 * S, size[i]), "%g", (double)size[i]);
        because(DURA_R_SPIKE_FAIL, "%g", (double)size[i]);
        is(GOOD, feed(3 * S, 1.5f), "%g: nothing of it was kept", (double)size[i]);
        is(GOOD, feed(4 * S, 2.0f), "%g", (double)size[i]);
    }
}
DT_TEST(sensor_torture, a_step_in_level_is_refused_once)
{
    begin_spiky();
    (void)feed(0, 1.0f), (void)feed(S, 1.0f);
    is(FAIL, feed(2 * S, 100.0f), "");
    is(GOOD, feed(3 * S, 100.5f), "it stays: a step");
    is(GOOD, feed(4 * S, 100.5f), "");
}
DT_TEST(sensor_torture, two_wild_values_in_a_row_are_no_step)
{
    begin_spiky();
    (void)feed(0, 1.0f), (void)feed(S, 1.0f);
    is(FAIL, feed(2 * S, 100.0f), "");
    is(FAIL, feed(3 * S, -100.0f), "");
    is(FAIL, feed(4 * S, 300.0f), "");
    is(GOOD, feed(5 * S, 1.0f), "");
}
DT_TEST(sensor_torture, a_nan_beside_a_spike_check_is_neither_spike_nor_history)
{
    begin_spiky();
    (void)feed(0, 1.0f), (void)feed(S, 1.0f);
    is(FAIL, feed_bits(2 * S, NAN_BITS), "");
    because(DURA_R_NONFINITE, "");
    is(FAIL, feed_bits(3 * S, INF_BITS), "");
    because(DURA_R_NONFINITE, "");
    is(GOOD, feed(4 * S, 1.0f), "");
}
DT_TEST(sensor_torture, after_a_gap_a_jump_is_no_spike)
{
    begin_spiky();
    (void)feed(0, 1.0f), (void)feed(S, 1.0f);
    is(SUSPECT, feed(60 * S, 100.0f), "");
    because(DURA_R_TIME_GAP, "nothing to follow from");
    dt_ok((feed(61 * S, 200.0f), why() & DURA_R_SPIKE_FAIL) == 0, "one value is no line: %08x", why());
}
DT_TEST(sensor_torture, noise_is_unknown_until_its_window_is_full_and_again_after_a_gap)
{
    begin_noisy(0.5f, 2.0f);
    for (int round = 0; round < 2; round++)
        for (int i = 0; i < 8; i++) {
            uint8_t v = feed(round * 100 * S + i * S, (float)(i & 1));
            int first = round && i == 0;
            dt_eq(v, first ? DURA_SUSPECT : i < 4 ? DURA_UNKNOWN : DURA_GOOD, "round %d, frame %d: %08x", round, i, why());
        }
}
DT_TEST(sensor_torture, a_value_that_failed_makes_no_noise)
{
    begin_noisy(0.5f, 2.0f);
    for (int i = 0; i < 40; i++) {
        int wild = i > 8 && i % 5 == 0;
        uint8_t v = wild ? feed_bits(i * S, NAN_BITS) : feed(i * S, (float)(i & 1));
        dt_ok(wild ? v == DURA_FAIL : (why() & (DURA_R_NOISY | DURA_R_ATTENUATED)) == 0, "frame %d: %08x", i, why());
    }
}
DT_TEST(sensor_torture, subnormal_steps_are_no_noise_with_and_without_flushing)
{
    begin_noisy(1e-18f, 2.0f);
    for (int i = 0; i < 12; i++) {
        (void)feed_bits(i * S, i & 1 ? 0x007FFFFFu : 0);
        dt_eq((why() & DURA_R_ATTENUATED) != 0, i >= 4, "frame %d: %08x", i, why());
    }
}

/* ---- counts ------------------------------------------------------------------------------------ */

static dura_sensor_channel counter(uint16_t checks, int32_t lo, int32_t hi)
{
    dura_sensor_channel c = channel(checks);
    c.kind = DURA_KIND_I32;
    c.fail_lo = c.suspect_lo = dura_i32_cell(lo);
    c.suspect_hi = c.fail_hi = dura_i32_cell(hi);
    c.flat_tolerance = dura_i32_cell(0);
    return c;
}
static uint8_t feed_count(int64_t t, int32_t v)
{
    float cell = dura_i32_cell(v);
    return feed_frame(t, &cell, NULL, 1);
}

DT_TEST(sensor_torture_bits, counts_above_2_to_24_are_compared_exactly)
{
    dura_sensor_channel c = counter(DURA_CHECK_RANGE, 16777215, 16777217);
    begin(1, &c);
    is(GOOD, feed_count(0, 16777217), "the limit itself");
    is(FAIL, feed_count(1, 16777218), "one beyond, the same float");
    is(GOOD, feed_count(2, 16777215), "");
    is(FAIL, feed_count(3, 16777214), "");
}
DT_TEST(sensor_torture_bits, a_count_with_the_bits_of_a_nan_is_a_count)
{
    static const int32_t odd[] = {0x7FC00000, 0x7F800000, INT32_MIN + 0x7F800000, INT32_MIN + 0x7FC00001, -1, INT32_MIN, INT32_MAX};
    dura_sensor_channel c = counter(DURA_CHECK_RANGE | DURA_CHECK_FINITE, INT32_MIN, INT32_MAX);
    for (size_t i = 0; i < sizeof odd / sizeof *odd; i++) {
        begin(1, &c);
        is(GOOD, feed_count(0, odd[i]), "%08x", (uint32_t)odd[i]);
        because(0, "%08x", (uint32_t)odd[i]);
    }
}
DT_TEST(sensor_torture_bits, a_count_that_wraps_is_a_step_and_not_an_overflow)
{
    dura_sensor_channel c = counter(DURA_CHECK_RATE, INT32_MIN, INT32_MAX);
    c.rate_fail = 1e9f;
    begin(1, &c);
    (void)feed_count(0, INT32_MAX);
    is(FAIL, feed_count(S, INT32_MIN), "4294967295 counts in a second, not 1");
    because(DURA_R_RATE_FAIL, "");
    begin(1, &c);
    (void)feed_count(0, INT32_MIN);
    is(FAIL, feed_count(S, INT32_MAX), "the other way");
}
DT_TEST(sensor_torture_bits, a_count_that_stands_still_is_flat_and_one_that_moves_by_1_is_not)
{
    dura_sensor_channel c = counter(DURA_CHECK_FLAT, 0, INT32_MAX);
    begin(1, &c);
    for (int i = 0; i < 20; i++)
        dt_eq(feed_count(i * 100 * MS, 2000000001), i < 10 ? DURA_GOOD : DURA_FAIL, "frame %d", i);
    begin(1, &c);
    for (int i = 0; i < 40; i++)
        is(GOOD, feed_count(i * 500 * MS, 2000000001 + i), "frame %d: a float sees steps of 128", i);
}

/* ---- twelve probes ---------------------------------------------------------------------------- */

static void five_hundred(uint32_t a, uint32_t b)
{
    dura_sensor_state q = DURA_SENSOR_STATE_INIT;
    begin_with(DURA_CHECK_TIME | DURA_CHECK_FINITE);
    for (int i = 0; i < 500; i++) {
        is(FAIL, feed_bits(i * 10 * MS, i & 1 ? a : b), "sample %d", i);
        dt_eq(rep.action, DURA_REJECT, "sample %d", i);
    }
    dt_eq(dura_sensor_query(s, 0, &q), DURA_OK, "");
    dt_eq(bits_of(q.quality), 0, "no confidence at all");
}
DT_TEST(sensor_torture_bits, px4_01_five_hundred_nans_fail) { five_hundred(NAN_BITS, NAN_BITS | MINUS); }
DT_TEST(sensor_torture_bits, px4_02_five_hundred_infinities_fail) { five_hundred(INF_BITS, INF_BITS | MINUS); }

/* Three axes at 100 Hz, some of them frozen: the first frame that failed, and verdicts then. */
static int first_fail(unsigned frozen, uint8_t verdict[3])
{
    dura_sensor_channel c = channel(DURA_CHECK_TIME | DURA_CHECK_FINITE | DURA_CHECK_FLAT);
    begin(3, &c);
    for (int f = 0; f < 5000; f++) {
        float x[3];
        for (int k = 0; k < 3; k++)
            x[k] = frozen >> k & 1 ? 50.0f : 50.0f + 0.5f * (float)((f * 7 + k) % 5);
        (void)feed_frame((int64_t)f * 10 * MS, x, NULL, 3);
        memcpy(verdict, dura_sensor_verdicts(s), 3);
        if (rep.verdict == DURA_FAIL)
            return f;
    }
    return -1;
}
DT_TEST(sensor_torture, px4_03_axis_0_frozen_beside_live_ones_is_found)
{
    uint8_t v[3];
    dt_eq(first_fail(1, v), 100, "after the stated second");
    dt_ok(v[0] == DURA_FAIL && v[1] == DURA_GOOD && v[2] == DURA_GOOD, "");
}
DT_TEST(sensor_torture, px4_04_axis_2_frozen_beside_live_ones_is_found)
{
    uint8_t v[3];
    dt_eq(first_fail(4, v), 100, "");
    dt_ok(v[0] == DURA_GOOD && v[1] == DURA_GOOD && v[2] == DURA_FAIL, "");
}
DT_TEST(sensor_torture, px4_05_all_axes_frozen_trip_at_the_stated_time_not_at_a_third)
{
    uint8_t v[3];
    dt_eq(first_fail(7, v), 100, "");
    dt_ok(v[0] == DURA_FAIL && v[1] == DURA_FAIL && v[2] == DURA_FAIL, "");
}
DT_TEST(sensor_torture, px4_06_a_frozen_scalar_trips_at_the_stated_time)
{
    begin_with(DURA_CHECK_FLAT);
    for (int i = 0; i < 200; i++)
        dt_eq(feed(i * 10 * MS, 1.0f), i < 100 ? DURA_GOOD : DURA_FAIL, "sample %d", i);
}
DT_TEST(sensor_torture_bits, px4_07_time_running_backwards_fails_500_times)
{
    begin_with(DURA_CHECK_TIME | DURA_CHECK_FINITE);
    feed(600 * S, 1.0f);
    for (int i = 1; i <= 500; i++) {
        is(FAIL, feed((600 - i) * S, (float)(i & 1)), "sample %d", i);
        because(DURA_R_TIME_REVERSED, "sample %d", i);
    }
}
DT_TEST(sensor_torture_bits, px4_08_the_same_stamp_fails_500_times)
{
    begin_with(DURA_CHECK_TIME | DURA_CHECK_FINITE);
    feed(S, 1.0f);
    for (int i = 1; i <= 500; i++) {
        is(FAIL, feed(S, (float)(i & 1)), "sample %d", i);
        because(DURA_R_TIME_DUPLICATE, "sample %d", i);
    }
}
DT_TEST(sensor_torture_bits, px4_09_a_question_older_than_the_last_value_is_refused)
{
    begin_with(DURA_CHECK_TIME | DURA_CHECK_FINITE);
    feed(10 * S, 1.0f);
    is(MISSING, feed_nothing(9 * S), "");
    because(DURA_R_MISSING | DURA_R_STALE | DURA_R_TIME_REVERSED, "");
    dt_eq(rep.action, DURA_REJECT, "");
}
DT_TEST(sensor_torture, px4_10_spikes_of_1e9_every_50_samples_fail_alone)
{
    begin_with(DURA_CHECK_TIME | DURA_CHECK_RATE);
    for (int i = 0; i < 500; i++) {
        int spike = i % 50 == 49;
        uint8_t v = feed(i * 10 * MS, spike ? 1e9f : 50.0f + 0.001f * (float)(i % 3));
        dt_eq(v, spike ? DURA_FAIL : i ? DURA_GOOD : DURA_UNKNOWN, "sample %d", i);
    }
}
DT_TEST(sensor_torture, px4_11_live_data_of_1e_minus_8_is_not_stuck)
{
    dura_sensor_channel c = channel(DURA_CHECK_TIME | DURA_CHECK_FINITE | DURA_CHECK_FLAT);
    c.flat_tolerance = 1e-10f; /* the resolution in that unit */
    begin(1, &c);
    for (int i = 0; i < 1000; i++)
        is(GOOD, feed(i * 10 * MS, 1e-8f + 1e-9f * (float)(i % 7)), "sample %d", i);
}
DT_TEST(sensor_torture_bits, px4_12_good_data_stamped_0_is_good)
{
    begin_with(DURA_CHECK_TIME | DURA_CHECK_FINITE | DURA_CHECK_RANGE);
    is(GOOD, feed(0, 50.0f), "");
    dt_eq(rep.action, DURA_PASS, "");
}

/* ---- eight defects ---------------------------------------------------------------------------- */

DT_TEST(sensor_torture, ioos_1_a_tolerance_of_0_finds_identical_values)
{
    dura_sensor_channel c = channel(DURA_CHECK_FLAT);
    c.flat_tolerance = 0.0f;
    begin(1, &c);
    for (int i = 0; i < 600; i++)
        dt_eq(feed(i * S, 7.0f), i < 1 ? DURA_GOOD : DURA_FAIL, "sample %d", i);
}
DT_TEST(sensor_torture, ioos_2_a_rate_is_per_second_at_10_hz_and_between_seconds)
{
    dura_sensor_channel c = channel(DURA_CHECK_RATE);
    c.rate_fail = 5.0f;
    begin(1, &c);
    feed(0, 0.0f);
    is(FAIL, feed(100 * MS, 1.0f), "10 per second against 5");
    because(DURA_R_RATE_FAIL, "");
    begin_with(DURA_CHECK_RATE);
    feed(0, 0.0f);
    is(GOOD, feed(1999 * MS, 1.9f), "0.95 per second against 1");
    is(FAIL, feed(1999 * MS + 1001 * MS, 2.92f), "1.019 per second");
}
DT_TEST(sensor_torture, ioos_3_a_flat_line_at_10_hz_and_at_10_khz_takes_its_second)
{
    static const int64_t step[] = {100 * MS, MS / 10};
    for (size_t k = 0; k < 2; k++) {
        begin_with(DURA_CHECK_FLAT);
        for (int64_t t = 0; t <= 2 * S; t += step[k])
            dt_eq(feed(t, 1.0f), t < S ? DURA_GOOD : DURA_FAIL, "step %d us, at %d us", (int)(step[k] / 1000),
                  (int)(t / 1000));
    }
}
DT_TEST(sensor_torture_bits, ioos_4_no_order_of_stamps_stops_the_checks)
{
    uint32_t u = 1;
    begin_with(DURA_CHECK_TIME | DURA_CHECK_FINITE | DURA_CHECK_RANGE | DURA_CHECK_RATE | DURA_CHECK_FLAT);
    for (int i = 0; i < 2000; i++) {
        u = u * 1664525u + 1013904223u;
        uint8_t v = feed_bits((int64_t)(u >> 8) * 1000, i % 5 ? 0x3F800000u : NAN_BITS); /* feed wants DURA_OK */
        dt_ok(i % 5 || v == DURA_FAIL, "a NaN is one at every stamp: %d", i);
    }
}
DT_TEST(sensor_torture_bits, ioos_5_reversed_and_repeated_stamps_are_never_good)
{
    begin_with(DURA_CHECK_TIME);
    feed(10 * S, 1.0f);
    is(FAIL, feed(9 * S, 2.0f), "");
    is(FAIL, feed(10 * S, 3.0f), "");
    is(GOOD, feed(11 * S, 4.0f), "");
    is(FAIL, feed(11 * S, 5.0f), "");
}
DT_TEST(sensor_torture, ioos_6_a_gap_restarts_the_flat_line)
{
    begin_with(DURA_CHECK_TIME | DURA_CHECK_FLAT);
    for (int i = 0; i < 9; i++)
        feed(i * 100 * MS, 1.0f);
    is(SUSPECT, feed(3600 * S, 1.0f), "an hour in which nobody looked is no flat line");
    is(GOOD, feed(3600 * S + 900 * MS, 1.0f), "");
    is(FAIL, feed(3601 * S, 1.0f), "");
}
/* A level that shifts fails until the fastest rate could have brought it there; both samples
 * of a spike that is two wide fail. */
DT_TEST(sensor_torture, ioos_7_a_shift_comes_back_and_a_wide_spike_fails_whole)
{
    dura_sensor_channel c = channel(DURA_CHECK_RATE);
    c.rate_fail = 20.0f;
    begin(1, &c);
    feed(0, 0.0f);
    for (int i = 1; i <= 8; i++)
        dt_eq(feed(i * S, 100.0f), i < 5 ? DURA_FAIL : DURA_GOOD, "100 at 20 per second: frame %d", i);
    begin(1, &c);
    feed(0, 0.0f);
    is(FAIL, feed(1 * S, 100.0f), "first of the spike");
    is(FAIL, feed(2 * S, 100.0f), "second");
    is(GOOD, feed(3 * S, 0.0f), "and what comes after it is good");
}
DT_TEST(sensor_torture, ioos_8_the_verdict_on_a_value_comes_with_it)
{
    begin_with(DURA_CHECK_RATE | DURA_CHECK_RANGE);
    feed(0, 0.0f);
    is(FAIL, feed(S, 50.0f), "before anyone has seen the next one");
    is(GOOD, feed(2 * S, 0.5f), "");
}

/* ---- one answer of every build ------------------------------------------------------------------- */

/* Two floats with spike, noise and drift, and a count above 2^24. */
static void begin_mixed(const dura_sensor_channel *c)
{
    dura_sensor_config cfg = DURA_SENSOR_CONFIG_INIT;
    dura_sensor_check checks[6];
    dura_sensor_channel count = *c;
    cfg.n_channels = MAX_N;
    cfg.gap_ns = 10 * S;
    memset(memory, 0xA5, sizeof memory);
    count.kind = DURA_KIND_I32;
    count.fail_lo = dura_i32_cell(16777217), count.suspect_lo = dura_i32_cell(16777230);
    count.suspect_hi = dura_i32_cell(16777310), count.fail_hi = dura_i32_cell(16777331);
    count.flat_tolerance = dura_i32_cell(2);
    count.rate_suspect = 900.0f, count.rate_fail = 2000.0f;
    count.origin = 16777216;
    dt_eq(dura_sensor_init(&s, memory, sizeof memory, &cfg), DURA_OK, "init");
    for (uint16_t i = 0; i < MAX_N; i++)
        dt_eq(dura_sensor_attach(s, i, i == MAX_N - 1 ? &count : c), DURA_OK, "attach");
    for (uint16_t i = 0; i < 6; i++) {
        checks[i] = check_of((uint8_t)(DURA_CK_SPIKE + i % 3));
        checks[i].channel = i / 3;
        checks[i].window = i % 3 == 0 ? 0 : 16;
        checks[i].suspect = i % 3 == 0 ? 3.0f : i % 3 == 2 ? 0.7f : 0.0f;
        checks[i].fail = i % 3 == 0 ? 6.5f : 0.0f;
        checks[i].lo = i % 3 == 1 ? 3.1f : 0.0f, checks[i].hi = i % 3 == 1 ? 4.6f : 0.0f;
        checks[i].mean = i % 3 == 2 ? 0.3f : 0.0f, checks[i].scale = i % 3 == 2 ? 3.3f : 0.0f;
    }
    extend(MAX_N, checks, 6);
}

/* Random frames, all checks of one channel, the last one a count. The number is what gcc -O2 on x86-64 said when this was written:
 * no rule gives it, but every other build and target must say the same. */
DT_TEST(sensor_torture, random_frames_have_one_digest)
{
    static const uint32_t odd[] = {NAN_BITS, INF_BITS, INF_BITS | MINUS, 0, MINUS, 1u, 0x007FFFFFu, 0x00800000u,
                                   0x7F7FFFFFu, 0xFF7FFFFFu};
    dura_sensor_channel c = channel(DURA_CHECK_TIME | DURA_CHECK_FINITE | DURA_CHECK_RANGE | DURA_CHECK_RATE |
                                    DURA_CHECK_FLAT);
    uint64_t z = 88172645463325252u;
    uint32_t h = 2166136261u, seen = 0;
    int64_t t = 0;
    c.fail_lo = -8.0f, c.suspect_lo = -6.0f, c.suspect_hi = 6.0f, c.fail_hi = 8.0f;
    c.rate_suspect = 3.1f, c.rate_fail = 6.1f, c.flat_suspect_ns = 400 * MS, c.hold_ns = S, c.max_age_ns = S;
    begin_mixed(&c);
    for (int f = 0; f < 20000; f++) {
        float x[MAX_N];
        uint8_t missing[MAX_N];
        for (int k = 0; k < MAX_N; k++) {
            z ^= z >> 12, z ^= z << 25, z ^= z >> 27;
            uint32_t u = (uint32_t)((z * 2685821657736338717u) >> 33);
            missing[k] = u % 19 == 0;
            if (k == MAX_N - 1) {
                x[k] = dura_i32_cell(u % 5 == 0 ? 16777300 : 16777216 + (int32_t)(u / 64 % 120));
                continue;
            }
            x[k] = u % 7 == 0 ? of_bits(odd[u / 7 % 10]) : u % 3 == 0 ? 1.25f : (float)(int)(u / 64 % 1000) * 0.017f - 8.5f;
        }
        t += z % 41 == 0 ? -(int64_t)(z >> 40 & 0xFFFFFF) : z % 97 == 0 ? 20 * S : (int64_t)(z >> 38 & 0x1FFFFFF) * 9 + 1;
        t = t < 0 ? 0 : t;
        (void)feed_frame(t, x, missing, MAX_N);
        for (int k = 0; k < MAX_N; k++) {
            h = (h ^ dura_sensor_reasons(s)[k]) * 16777619u;
            seen |= dura_sensor_reasons(s)[k];
            h = (h ^ dura_sensor_verdicts(s)[k]) * 16777619u;
            h = (h ^ bits_of(usable[k])) * 16777619u;
        }
    }
    printf("digest %08x\n", (unsigned)h);
    dt_eq(seen | DURA_R_TIME_DUPLICATE, 2u * DURA_R_DRIFT - 1u, "every reason up to DRIFT but that");
    dt_eq(h, 0x4793B363u, "");
}
