/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Checks that need a past or neighbours: spike, noise, drift, vote, rules, parity, joint.
 *
 * Expected values are worked out by hand in the comments beside them.
 */
#include <dura/sensor_checks.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

#if defined(__SSE2__)
#include <xmmintrin.h>
#endif

#include "dt.h"

#define S 1000000000LL
#define MAX_N 12
#define MAX_CHECKS 16

static uint64_t memory[DURA_SENSOR_BYTES(MAX_N) / 8];
static uint64_t more[DURA_SENSOR_EXTRA_BYTES(MAX_N, MAX_CHECKS, 64) / 8 + 1];
static dura_sensor_report rep;
static float usable[MAX_N];
static int64_t clock_ns;

/* ---- a sensor to try things on ----------------------------------------------------- */

/* n channels that fail outside -1000..1000, hold for 5 s, and do not mind SUSPECT. */
static dura_sensor *extended(uint16_t n, uint16_t n_joint)
{
    dura_sensor_config cfg = DURA_SENSOR_CONFIG_INIT;
    dura_sensor_channel ch = DURA_SENSOR_CHANNEL_INIT;
    dura_sensor_extra x = DURA_SENSOR_EXTRA_INIT;
    dura_sensor *s = NULL;
    cfg.n_channels = n;
    cfg.gap_ns = 10 * S;
    ch.checks = DURA_CHECK_TIME | DURA_CHECK_FINITE | DURA_CHECK_RANGE;
    ch.fail_lo = ch.suspect_lo = -1000.0f;
    ch.fail_hi = ch.suspect_hi = 1000.0f;
    ch.hold_ns = 5 * S;
    ch.flags = DURA_CHANNEL_REQUIRED | DURA_CHANNEL_SUSPECT_OK;
    x.n_channels = n;
    x.n_checks = MAX_CHECKS;
    x.n_joint = n_joint;
    clock_ns = 1000 * S;
    memset(memory, 0xA5, sizeof memory);
    memset(more, 0x5A, sizeof more);
    if (dura_sensor_init(&s, memory, sizeof memory, &cfg) != DURA_OK)
        return NULL;
    for (uint16_t i = 0; i < n; i++)
        if (dura_sensor_attach(s, i, &ch) != DURA_OK)
            return NULL;
    return dura_sensor_extend(s, more, sizeof more, &x) == DURA_OK ? s : NULL;
}

static dura_sensor_check check_of(uint8_t kind, uint16_t channel)
{
    dura_sensor_check c;
    memset(&c, 0, sizeof c);
    c.struct_size = sizeof c;
    c.kind = kind;
    c.channel = channel;
    return c;
}

/* One frame a second; returns the reasons of channel 0. */
static uint32_t frame_of(dura_sensor *s, const float *v, uint16_t n, const uint8_t *missing)
{
    dura_sensor_report r = DURA_SENSOR_REPORT_INIT;
    rep = r;
    clock_ns += S;
    if (dura_sensor_update(s, clock_ns, v, missing, n, usable, &rep) != DURA_OK)
        return 0xFFFFFFFFu;
    return dura_sensor_reasons(s)[0];
}
static uint32_t feed(dura_sensor *s, float x)
{
    return frame_of(s, &x, 1, NULL);
}
static uint32_t feed3(dura_sensor *s, float a, float b, float c)
{
    float v[3];
    v[0] = a, v[1] = b, v[2] = c;
    return frame_of(s, v, 3, NULL);
}
static uint32_t why(const dura_sensor *s, size_t channel)
{
    return dura_sensor_reasons(s)[channel];
}

static uint32_t bits_of(float f)
{
    uint32_t u;
    memcpy(&u, &f, sizeof u);
    return u;
}
static void put16(uint8_t *at, uint32_t v)
{
    at[0] = (uint8_t)v, at[1] = (uint8_t)(v >> 8);
}
static void put_f32(uint8_t *at, float f)
{
    uint32_t u = bits_of(f);
    put16(at, u & 0xFFFFu);
    put16(at + 2, u >> 16);
}
static void put_term(uint32_t *terms, size_t i, uint16_t channel, uint16_t back, float weight)
{
    uint8_t *at = (uint8_t *)terms + 8 * i;
    put16(at, channel);
    put16(at + 2, back);
    put_f32(at + 4, weight);
}

static int add(dura_sensor *s, dura_sensor_check c)
{
    return dura_sensor_add(s, &c);
}

/* ---- building ---------------------------------------------------------------------- */

DT_TEST(sensor_extend, needs_what_it_says_and_no_byte_more)
{
    dura_sensor_extra x = DURA_SENSOR_EXTRA_INIT;
    for (x.n_channels = 1; x.n_channels <= 1024; x.n_channels = (uint16_t)(x.n_channels * 2u)) {
        for (x.n_checks = 1; x.n_checks <= 1024; x.n_checks = (uint16_t)(x.n_checks * 4u)) {
            for (x.n_joint = 0; x.n_joint < 300; x.n_joint = (uint16_t)(x.n_joint + 64u)) {
                size_t n = dura_sensor_extra_bytes(&x);
                dt_ok(n > 0 && n <= DURA_SENSOR_EXTRA_BYTES(x.n_channels, x.n_checks, x.n_joint),
                        "%u channels, %u checks, %u joint: %zu bytes", x.n_channels, x.n_checks, x.n_joint, n);
            }
        }
    }
}

DT_TEST(sensor_extend, refuses_what_it_cannot_use)
{
    dura_sensor_extra x = DURA_SENSOR_EXTRA_INIT;
    dura_sensor *s = extended(3, 0);
    dt_eq(dura_sensor_extend(s, more, sizeof more, &x), DURA_EINVAL, "no channels");
    x.n_channels = 3, x.n_checks = 2;
    dt_eq(dura_sensor_extend(s, more, sizeof more, &x), DURA_ESTATE, "extended already");
    dt_eq(dura_sensor_extend(s, (uint8_t *)more + 4, sizeof more - 8, &x), DURA_EALIGN, "crooked");
    dt_eq(dura_sensor_extend(s, more, 16, &x), DURA_ENOSPC, "no room");
    dt_eq(dura_sensor_extend(s, NULL, 16, &x), DURA_EINVAL, "no memory");
    dt_eq(dura_sensor_extend(NULL, more, sizeof more, &x), DURA_EINVAL, "no sensor");
    x.n_channels = 2;
    dt_eq(dura_sensor_extend(s, more, sizeof more, &x), DURA_EINVAL, "another sensor's channels");
    x.n_channels = 3, x.reserved[1] = 1;
    dt_eq(dura_sensor_extend(s, more, sizeof more, &x), DURA_EVERSION, "a field of the future");
    x.reserved[1] = 0, x.n_checks = 1025;
    dt_eq(dura_sensor_extra_bytes(&x), 0, "too many checks");
}

typedef struct bad_check {
    const char *what;
    void (*spoil)(dura_sensor_check *c);
    uint8_t kind;
    int rc;
} bad_check;

static uint32_t spare_terms[64];

#define SPOIL(name, ...)                                                               \
    static void name(dura_sensor_check *c)                                             \
    {                                                                                  \
        (void)c;                                                                       \
        __VA_ARGS__;                                                                   \
    }
SPOIL(sp_nothing, (void)c)
SPOIL(sp_short, c->struct_size = 8)
SPOIL(sp_kind, c->kind = 10)
SPOIL(sp_no_kind, c->kind = 0)
SPOIL(sp_flag, c->flags = 2)
SPOIL(sp_reserved, c->reserved2 = 1)
SPOIL(sp_channel, c->channel = 3)
SPOIL(sp_other, c->other = 3)
SPOIL(sp_no_limit, (c->suspect = 0.0f, c->fail = 0.0f, c->lo = 0.0f, c->hi = 0.0f))
SPOIL(sp_nan, (c->suspect = NAN, c->hi = NAN, c->fail = NAN))
SPOIL(sp_negative, (c->suspect = -1.0f, c->fail = -1.0f, c->lo = -1.0f))
SPOIL(sp_tiny, (c->suspect = 1e-19f, c->fail = 1e-19f, c->hi = 1e-19f))
SPOIL(sp_huge, (c->suspect = 1e19f, c->fail = 1e19f, c->hi = 1e19f))
SPOIL(sp_no_scale, c->scale = 0.0f)
SPOIL(sp_inf_mean, c->mean = INFINITY)
SPOIL(sp_level, c->level = DURA_GOOD)
SPOIL(sp_order, (c->lo = 5.0f, c->hi = 4.0f))
SPOIL(sp_if_order, (c->if_lo = 5.0f, c->if_hi = 4.0f))
SPOIL(sp_window, c->window = 2)
SPOIL(sp_no_terms, c->n_terms = 0)
SPOIL(sp_null_terms, c->terms = NULL)
SPOIL(sp_crooked, c->terms = (const uint8_t *)spare_terms + 2)
SPOIL(sp_term_channel, put_term(spare_terms, 1, 3, 0, 1.0f))
SPOIL(sp_term_back, put_term(spare_terms, 1, 2, 2, 1.0f))
SPOIL(sp_term_weight, put_term(spare_terms, 1, 2, 0, INFINITY))
SPOIL(sp_term_tiny, put_term(spare_terms, 1, 2, 0, 1e-20f))
SPOIL(sp_term_self, put_term(spare_terms, 1, 0, 0, 1.0f))
SPOIL(sp_term_twice, put_term(spare_terms, 1, 1, 0, 1.0f))
SPOIL(sp_levels, (c->suspect = 2.0f, c->fail = 1.0f))

static const bad_check bad_checks[] = {
    {"sound spike", sp_nothing, DURA_CK_SPIKE, DURA_OK},
    {"sound noise", sp_nothing, DURA_CK_NOISE, DURA_OK},
    {"sound drift", sp_nothing, DURA_CK_DRIFT, DURA_OK},
    {"sound vote", sp_nothing, DURA_CK_VOTE, DURA_OK},
    {"sound rule", sp_nothing, DURA_CK_RULE, DURA_OK},
    {"sound forbid", sp_nothing, DURA_CK_FORBID, DURA_OK},
    {"sound transition", sp_nothing, DURA_CK_TRANSITION, DURA_OK},
    {"sound parity", sp_nothing, DURA_CK_PARITY, DURA_OK},
    {"sound joint", sp_nothing, DURA_CK_JOINT, DURA_OK},
    {"short struct", sp_short, DURA_CK_SPIKE, DURA_EINVAL},
    {"kind of the future", sp_kind, DURA_CK_SPIKE, DURA_EVERSION},
    {"no kind", sp_no_kind, DURA_CK_SPIKE, DURA_EVERSION},
    {"flag of the future", sp_flag, DURA_CK_VOTE, DURA_EVERSION},
    {"field of the future", sp_reserved, DURA_CK_VOTE, DURA_EVERSION},
    {"spike of no channel", sp_channel, DURA_CK_SPIKE, DURA_EINVAL},
    {"rule of no channel", sp_channel, DURA_CK_RULE, DURA_EINVAL},
    {"rule beside no channel", sp_other, DURA_CK_RULE, DURA_EINVAL},
    {"parity of no channel", sp_channel, DURA_CK_PARITY, DURA_EINVAL},
    {"spike without limit", sp_no_limit, DURA_CK_SPIKE, DURA_EINVAL},
    {"noise without limit", sp_no_limit, DURA_CK_NOISE, DURA_EINVAL},
    {"drift without limit", sp_no_limit, DURA_CK_DRIFT, DURA_EINVAL},
    {"vote without limit", sp_no_limit, DURA_CK_VOTE, DURA_EINVAL},
    {"parity without limit", sp_no_limit, DURA_CK_PARITY, DURA_EINVAL},
    {"joint without limit", sp_no_limit, DURA_CK_JOINT, DURA_EINVAL},
    {"spike NaN", sp_nan, DURA_CK_SPIKE, DURA_EINVAL},
    {"noise NaN", sp_nan, DURA_CK_NOISE, DURA_EINVAL},
    {"rule NaN", sp_nan, DURA_CK_RULE, DURA_EINVAL},
    {"joint NaN", sp_nan, DURA_CK_JOINT, DURA_EINVAL},
    {"spike negative", sp_negative, DURA_CK_SPIKE, DURA_EINVAL},
    {"noise negative", sp_negative, DURA_CK_NOISE, DURA_EINVAL},
    {"drift tiny", sp_tiny, DURA_CK_DRIFT, DURA_EINVAL},
    {"vote huge", sp_huge, DURA_CK_VOTE, DURA_EINVAL},
    {"drift without scale", sp_no_scale, DURA_CK_DRIFT, DURA_EINVAL},
    {"parity without scale", sp_no_scale, DURA_CK_PARITY, DURA_EINVAL},
    {"drift about infinity", sp_inf_mean, DURA_CK_DRIFT, DURA_EINVAL},
    {"level of no verdict", sp_level, DURA_CK_RULE, DURA_EINVAL},
    {"noise turned round", sp_order, DURA_CK_NOISE, DURA_EINVAL},
    {"range turned round", sp_order, DURA_CK_FORBID, DURA_EINVAL},
    {"condition turned round", sp_if_order, DURA_CK_RULE, DURA_EINVAL},
    {"transition with a window", sp_window, DURA_CK_TRANSITION, DURA_EINVAL},
    {"vote of one", sp_no_terms, DURA_CK_VOTE, DURA_EINVAL},
    {"terms nowhere", sp_null_terms, DURA_CK_PARITY, DURA_EINVAL},
    {"terms crooked", sp_crooked, DURA_CK_PARITY, DURA_EINVAL},
    {"term of no channel", sp_term_channel, DURA_CK_PARITY, DURA_EINVAL},
    {"two frames back", sp_term_back, DURA_CK_PARITY, DURA_EINVAL},
    {"joint a frame back", sp_term_back, DURA_CK_JOINT, DURA_EINVAL},
    {"infinite weight", sp_term_weight, DURA_CK_PARITY, DURA_EINVAL},
    {"weight too small to count", sp_term_tiny, DURA_CK_PARITY, DURA_EINVAL},
    {"channel explains itself", sp_term_self, DURA_CK_PARITY, DURA_EINVAL},
    {"member twice", sp_term_twice, DURA_CK_VOTE, DURA_EINVAL},
    {"levels turned round", sp_levels, DURA_CK_VOTE, DURA_EINVAL},
};

static dura_sensor_check sound(uint8_t kind)
{
    dura_sensor_check c = check_of(kind, 0);
    int ranged = kind >= DURA_CK_RULE && kind <= DURA_CK_TRANSITION;
    c.other = ranged ? 1 : 0;
    c.level = ranged ? DURA_FAIL : 0;
    c.suspect = 1.0f, c.fail = kind == DURA_CK_DRIFT || kind == DURA_CK_JOINT ? 0.0f : 2.0f;
    c.scale = 1.0f;
    c.lo = 1.0f, c.hi = 2.0f;
    if (kind == DURA_CK_VOTE || kind >= DURA_CK_PARITY) {
        put_term(spare_terms, 0, 1, 0, 1.0f);
        put_term(spare_terms, 1, 2, 0, 1.0f);
        for (size_t i = 0; i < 3; i++)
            put_f32((uint8_t *)spare_terms + 16 + 4 * i, 1.0f);
        c.terms = spare_terms;
        c.n_terms = 2;
    }
    return c;
}

DT_TEST(sensor_add, takes_what_is_sound_and_nothing_else)
{
    for (size_t i = 0; i < sizeof bad_checks / sizeof bad_checks[0]; i++) {
        dura_sensor *s = extended(3, 4);
        dura_sensor_check c = sound(bad_checks[i].kind);
        bad_checks[i].spoil(&c);
        dt_eq(dura_sensor_add(s, &c), bad_checks[i].rc, "%s", bad_checks[i].what);
    }
}

DT_TEST(sensor_add, keeps_to_its_room_and_its_time)
{
    dura_sensor *s = extended(3, 3);
    dt_eq(add(s, sound(DURA_CK_SPIKE)), DURA_OK, "once");
    dt_eq(add(s, sound(DURA_CK_SPIKE)), DURA_ESTATE, "one spike check a channel");
    dt_eq(add(s, sound(DURA_CK_JOINT)), DURA_OK, "two joint channels");
    dt_eq(add(s, sound(DURA_CK_JOINT)), DURA_ENOSPC, "of three");
    for (int i = 0; i < MAX_CHECKS - 1; i++)
        dt_eq(add(s, sound(DURA_CK_VOTE)), DURA_OK, "check %d", i + 2);
    dt_eq(add(s, sound(DURA_CK_VOTE)), DURA_ENOSPC, "one too many");
    dt_eq(add(s, sound(DURA_CK_NOISE)), DURA_OK, "which a check of one channel's past is not");
    s = extended(3, 0);
    (void)feed3(s, 1.0f, 2.0f, 3.0f);
    dt_eq(add(s, sound(DURA_CK_SPIKE)), DURA_ESTATE, "after the first frame");
    dt_eq(dura_sensor_add(NULL, NULL), DURA_EINVAL, "nothing");
}

DT_TEST(sensor_add, wants_an_extended_sensor)
{
    dura_sensor_config cfg = DURA_SENSOR_CONFIG_INIT;
    dura_sensor_check c = sound(DURA_CK_SPIKE);
    dura_sensor *s;
    cfg.n_channels = 1;
    dt_eq(dura_sensor_init(&s, memory, sizeof memory, &cfg), DURA_OK, "init");
    dt_eq(dura_sensor_add(s, &c), DURA_ESTATE, "not extended");
}

DT_TEST(sensor_extend, changes_nothing_by_itself)
{
    dura_sensor *s = extended(1, 0);
    dt_eq(feed(s, 5.0f), 0, "good");
    dt_eq(usable[0], 5.0f, "the value");
    dt_eq(feed(s, 2000.0f), DURA_R_RANGE_FAIL | DURA_R_SUBSTITUTED, "failed and held");
    dt_eq(usable[0], 5.0f, "the held value");
    dt_eq(rep.action, DURA_SUBSTITUTE, "substituted");
}

/* ---- spike ------------------------------------------------------------------------- */

static dura_sensor *with_spike(float suspect, float fail)
{
    dura_sensor *s = extended(1, 0);
    dura_sensor_check c = check_of(DURA_CK_SPIKE, 0);
    c.suspect = suspect, c.fail = fail;
    return add(s, c) == DURA_OK ? s : NULL;
}

DT_TEST(spike, fails_at_once_and_is_replaced)
{
    dura_sensor *s = with_spike(0.0f, 2.0f);
    dt_eq(feed(s, 10.0f), 0, "first");
    dt_eq(feed(s, 10.5f), 0, "second");
    dt_eq(feed(s, 30.0f), DURA_R_SPIKE_FAIL | DURA_R_SUBSTITUTED, "spike");
    dt_eq(usable[0], 10.5f, "the value before");
    dt_eq(feed(s, 11.0f), 0, "and back");
}

DT_TEST(spike, needs_two_values_to_follow_from)
{
    dura_sensor *s = with_spike(0.0f, 2.0f);
    dt_eq(feed(s, 10.0f), 0, "first");
    dt_eq(feed(s, 100.0f), 0, "nothing to say yet");
}

DT_TEST(spike, takes_a_ramp_for_a_ramp)
{
    dura_sensor *s = with_spike(0.0f, 2.0f);
    (void)feed(s, 0.0f);
    (void)feed(s, 5.0f);
    dt_eq(feed(s, 10.0f), 0, "on the line through the last two");
    dt_eq(feed(s, 11.0f), 0, "and a ramp may stop: near the last value");
}

DT_TEST(spike, takes_a_step_after_one_frame)
{
    dura_sensor *s = with_spike(0.0f, 2.0f);
    (void)feed(s, 10.0f);
    (void)feed(s, 10.0f);
    dt_eq(feed(s, 50.0f), DURA_R_SPIKE_FAIL | DURA_R_SUBSTITUTED, "may be a spike");
    dt_eq(feed(s, 50.5f), 0, "was a step");
    dt_eq(feed(s, 50.0f), 0, "the new level");
}

DT_TEST(spike, takes_a_step_to_zero_as_well)
{
    dura_sensor *s = with_spike(0.0f, 2.0f);
    (void)feed(s, 10.0f);
    (void)feed(s, 10.0f);
    dt_eq(feed(s, 0.0f), DURA_R_SPIKE_FAIL | DURA_R_SUBSTITUTED, "may be a spike");
    dt_eq(feed(s, 0.0f), 0, "was a step");
}

DT_TEST(spike, does_not_take_two_different_ones_for_a_step)
{
    dura_sensor *s = with_spike(0.0f, 2.0f);
    (void)feed(s, 10.0f);
    (void)feed(s, 10.0f);
    (void)feed(s, 50.0f);
    dt_eq(feed(s, -40.0f), DURA_R_SPIKE_FAIL | DURA_R_SUBSTITUTED, "another spike");
    dt_eq(feed(s, 10.0f), 0, "back");
}

DT_TEST(spike, is_seen_one_frame_late_by_its_neighbours)
{
    dura_sensor *s = with_spike(2.0f, 0.0f);
    (void)feed(s, 10.0f);
    (void)feed(s, 10.5f);
    dt_eq(feed(s, 15.0f), 0, "nobody knows yet");
    dt_eq(feed(s, 10.0f), DURA_R_SPIKE_BEFORE, "it was a spike: 4.5 up, 5 down");
    dt_eq(rep.verdict, DURA_SUSPECT, "the frame after says so");
    dt_eq(feed(s, 10.0f), 0, "once");
}

DT_TEST(spike, is_no_step_in_level_seen_late)
{
    dura_sensor *s = with_spike(2.0f, 0.0f);
    for (int i = 0; i < 4; i++)
        dt_eq(feed(s, 10.0f), 0, "low");
    for (int i = 0; i < 4; i++)
        dt_eq(feed(s, 110.0f), 0, "a step of 100, frame %d", i);
}

DT_TEST(spike, starts_over_after_a_gap)
{
    dura_sensor *s = with_spike(1.0f, 2.0f);
    (void)feed(s, 10.0f);
    (void)feed(s, 10.0f);
    clock_ns += 20 * S;
    dt_eq(feed(s, 90.0f), DURA_R_TIME_GAP, "no history");
    dt_eq(feed(s, 10.0f), 0, "one value");
    dt_eq(feed(s, 10.5f), 0, "and 80 down was nothing to follow from");
}

/* ---- noise ------------------------------------------------------------------------- */

static dura_sensor *with_noise(float lo, float hi, uint16_t window)
{
    dura_sensor *s = extended(1, 0);
    dura_sensor_check c = check_of(DURA_CK_NOISE, 0);
    c.lo = lo, c.hi = hi, c.window = window;
    return add(s, c) == DURA_OK ? s : NULL;
}

DT_TEST(noise, is_unknown_until_its_window_is_full)
{
    dura_sensor *s = with_noise(0.5f, 4.0f, 3);
    dt_eq(feed(s, 0.0f), DURA_R_WARMUP, "no step yet");
    dt_eq(rep.verdict, DURA_UNKNOWN, "unknown");
    dt_eq(feed(s, 1.0f), DURA_R_WARMUP, "one");
    dt_eq(feed(s, 0.0f), DURA_R_WARMUP, "two");
    dt_eq(feed(s, 1.0f), 0, "three steps of 1");
}

DT_TEST(noise, tells_a_signal_that_went_quiet_from_one_that_went_wild)
{
    dura_sensor *s = with_noise(0.5f, 4.0f, 3);
    for (int i = 0; i < 10; i++)
        (void)feed(s, (float)(i % 2));
    /* mean square is 1; with weight 1/2 a step of 0 halves it: .5, .25, then .125 < .25 */
    dt_eq(feed(s, 1.0f), 0, "one half");
    dt_eq(feed(s, 1.0f), 0, "one quarter is the limit itself");
    dt_eq(feed(s, 1.0f), DURA_R_ATTENUATED, "one eighth");
    dt_eq(rep.verdict, DURA_SUSPECT, "is suspect");
    /* .125 / 2 + 36 / 2 = 18.06 > 16 */
    dt_eq(feed(s, 7.0f), DURA_R_NOISY, "a step of six");
}

DT_TEST(noise, counts_again_after_a_gap)
{
    dura_sensor *s = with_noise(0.5f, 4.0f, 2);
    for (int i = 0; i < 5; i++)
        (void)feed(s, (float)(i % 2));
    dt_eq(why(s, 0), 0, "full");
    clock_ns += 20 * S;
    dt_eq(feed(s, 1.0f), DURA_R_TIME_GAP, "the gap says why");
    dt_eq(feed(s, 0.0f), DURA_R_WARMUP, "one");
    dt_eq(feed(s, 1.0f), 0, "two");
}

DT_TEST(noise, is_not_moved_by_a_value_that_failed)
{
    dura_sensor *s = with_noise(0.5f, 4.0f, 3);
    for (int i = 0; i < 10; i++)
        (void)feed(s, (float)(i % 2));
    for (int i = 0; i < 50; i++)
        dt_ok(feed(s, i % 2 ? NAN : 5000.0f) != 0, "refused");
    dt_eq(feed(s, 0.0f), 0, "as if nothing had been");
}

/* ---- drift ------------------------------------------------------------------------- */

static dura_sensor *with_drift(float limit, uint16_t window)
{
    dura_sensor *s = extended(1, 0);
    dura_sensor_check c = check_of(DURA_CK_DRIFT, 0);
    c.mean = 100.0f, c.scale = 2.0f, c.suspect = limit, c.window = window;
    return add(s, c) == DURA_OK ? s : NULL;
}

DT_TEST(drift_check, follows_the_mean_and_not_the_value)
{
    dura_sensor *s = with_drift(1.0f, 3); /* weight 1/2 */
    dt_eq(feed(s, 103.0f), 0, "z 1.5, mean .75");
    dt_eq(feed(s, 97.0f), 0, "z -1.5, mean -.375");
    dt_eq(feed(s, 104.0f), 0, "z 2, mean .8125");
    dt_eq(feed(s, 104.0f), DURA_R_DRIFT, "z 2, mean 1.41");
    dt_eq(rep.verdict, DURA_SUSPECT, "suspect");
    dt_eq(rep.action, DURA_PASS, "the channel does not mind");
}

DT_TEST(drift_check, lets_no_single_value_in_whole)
{
    dura_sensor *s = with_drift(1.0f, 19); /* weight 1/10 */
    dt_eq(feed(s, 900.0f), 0, "z 400 is clamped to 4: mean .4");
    dt_eq(feed(s, 900.0f), 0, ".76");
    dt_eq(feed(s, 900.0f), DURA_R_DRIFT, "1.08");
}

DT_TEST(drift_check, knows_both_directions)
{
    dura_sensor *s = with_drift(1.0f, 0);
    dt_eq(feed(s, 97.0f), DURA_R_DRIFT, "z -1.5");
    dt_eq(feed(s, 103.0f), DURA_R_DRIFT, "z 1.5");
    dt_eq(feed(s, 102.0f), 0, "z 1 is the limit itself");
}

/* ---- votes ------------------------------------------------------------------------- */

static uint32_t vote_terms[2 * 8];

static dura_sensor *with_vote(uint16_t n, uint16_t window, uint8_t flags)
{
    dura_sensor *s = extended(n, 0);
    dura_sensor_check c = check_of(DURA_CK_VOTE, 0);
    for (uint16_t i = 0; i < n; i++)
        put_term(vote_terms, i, i, 0, 0.0f);
    c.suspect = 1.0f, c.fail = 3.0f;
    c.window = window, c.flags = flags;
    c.terms = vote_terms, c.n_terms = n;
    return add(s, c) == DURA_OK ? s : NULL;
}

DT_TEST(vote, names_the_one_that_stands_out_and_takes_the_middle)
{
    dura_sensor *s = with_vote(3, 0, DURA_CK_ESTIMATES);
    (void)feed3(s, 10.0f, 10.2f, 10.4f);
    dt_eq(rep.verdict, DURA_GOOD, "agree");
    (void)feed3(s, 10.0f, 20.0f, 10.4f);
    dt_eq(why(s, 0) | why(s, 2), 0, "the others are good");
    dt_eq(why(s, 1), DURA_R_VOTE_FAIL | DURA_R_SUBSTITUTED | DURA_R_ESTIMATED, "9.6 from the middle");
    dt_eq(usable[1], 10.4f, "the mid-value of all three");
    dt_eq(rep.action, DURA_SUBSTITUTE, "goes on");
    dt_eq(rep.worst_channel, 1, "named");
    (void)feed3(s, 10.0f, 10.2f, 11.6f);
    dt_eq(why(s, 2), DURA_R_VOTE_SUSPECT, "1.4 from the middle");
    (void)feed3(s, 10.0f, 10.2f, 10.4f);
    dt_eq(rep.verdict, DURA_GOOD, "over at once");
}

DT_TEST(vote, holds_the_value_nothing_was_said_against)
{
    dura_sensor *s = with_vote(3, 0, 0);
    (void)feed3(s, 10.0f, 10.2f, 10.4f);
    (void)feed3(s, 10.0f, 20.0f, 10.4f);
    dt_eq(why(s, 1), DURA_R_VOTE_FAIL | DURA_R_SUBSTITUTED, "held");
    dt_eq(usable[1], 10.2f, "not the one the vote refused");
    for (int i = 0; i < 5; i++)
        (void)feed3(s, 10.0f, 20.0f, 10.4f);
    dt_eq(why(s, 1), DURA_R_VOTE_FAIL, "not longer than hold_ns");
    dt_eq(rep.action, DURA_REJECT, "then the frame is refused");
}

DT_TEST(vote, goes_on_with_two_and_blames_both)
{
    dura_sensor *s = with_vote(3, 0, DURA_CK_ESTIMATES);
    const uint8_t gone[3] = {0, 1, 0};
    const float v[3] = {10.0f, 0.0f, 13.5f}, w[3] = {10.0f, 0.0f, 11.5f}, u[3] = {10.0f, 0.0f, 10.5f};
    (void)feed3(s, 10.0f, 10.0f, 10.0f);
    (void)frame_of(s, v, 3, gone);
    dt_ok((why(s, 0) & DURA_R_VOTE_FAIL) && (why(s, 2) & DURA_R_VOTE_FAIL), "3.5 apart: nobody knows which");
    (void)frame_of(s, w, 3, gone);
    dt_ok(why(s, 0) == DURA_R_VOTE_SUSPECT && why(s, 2) == DURA_R_VOTE_SUSPECT, "1.5 apart");
    (void)frame_of(s, u, 3, gone);
    dt_eq(why(s, 0) | why(s, 2), 0, "0.5 apart");
}

DT_TEST(vote, says_nothing_alone)
{
    dura_sensor *s = with_vote(2, 0, 0);
    const uint8_t gone[2] = {0, 1};
    const float v[2] = {500.0f, 0.0f};
    (void)frame_of(s, v, 2, gone);
    dt_eq(why(s, 0), 0, "one voter");
}

DT_TEST(vote, fills_in_for_a_member_that_failed_by_itself)
{
    dura_sensor *s = with_vote(4, 0, DURA_CK_ESTIMATES);
    const float v[4] = {10.0f, 10.2f, 10.4f, 10.6f}, w[4] = {10.0f, 10.2f, 10.4f, NAN};
    (void)frame_of(s, v, 4, NULL);
    (void)frame_of(s, w, 4, NULL);
    dt_eq(why(s, 3), DURA_R_NONFINITE | DURA_R_SUBSTITUTED | DURA_R_ESTIMATED, "estimated");
    dt_eq(usable[3], 10.2f, "the middle of the other three");
}

DT_TEST(vote, waits_for_the_same_member_as_long_as_asked)
{
    dura_sensor *s = with_vote(3, 3, 0);
    (void)feed3(s, 10.0f, 20.0f, 10.0f);
    (void)feed3(s, 10.0f, 20.0f, 10.0f);
    dt_eq(rep.verdict, DURA_GOOD, "two frames");
    (void)feed3(s, 20.0f, 10.0f, 10.0f);
    dt_eq(rep.verdict, DURA_GOOD, "another one");
    (void)feed3(s, 20.0f, 10.0f, 10.0f);
    (void)feed3(s, 20.0f, 10.0f, 10.0f);
    dt_eq(why(s, 0), DURA_R_VOTE_FAIL | DURA_R_SUBSTITUTED, "three frames in a row");
}

/* ---- rules ------------------------------------------------------------------------- */

/* While channel 1 is 1 (a pump that runs), channel 0 (its flow) is 50..100. */
static dura_sensor *with_rule(uint8_t kind, uint8_t level, uint16_t window)
{
    dura_sensor *s = extended(3, 0);
    dura_sensor_check c = check_of(kind, 0);
    c.other = 1, c.level = level, c.window = window;
    c.if_lo = 0.5f, c.if_hi = 1.5f;
    c.lo = 50.0f, c.hi = 100.0f;
    return add(s, c) == DURA_OK ? s : NULL;
}

DT_TEST(rule, holds_while_its_condition_does)
{
    dura_sensor *s = with_rule(DURA_CK_RULE, DURA_FAIL, 0);
    dt_eq(feed3(s, 70.0f, 1.0f, 0.0f), 0, "runs and flows");
    dt_eq(feed3(s, 0.0f, 0.0f, 0.0f), 0, "stands and does not");
    dt_eq(feed3(s, 50.0f, 1.0f, 0.0f), 0, "the limit is inside");
    dt_eq(feed3(s, 49.0f, 1.0f, 0.0f), DURA_R_CONTEXT_FAIL | DURA_R_SUBSTITUTED, "runs and hardly flows");
    dt_eq(usable[0], 50.0f, "the last that fitted");
}

DT_TEST(rule, may_be_suspect_and_may_wait)
{
    dura_sensor *s = with_rule(DURA_CK_RULE, DURA_SUSPECT, 2);
    dt_eq(feed3(s, 10.0f, 1.0f, 0.0f), 0, "one frame");
    dt_eq(feed3(s, 10.0f, 1.0f, 0.0f), DURA_R_CONTEXT_SUSPECT, "two");
    dt_eq(feed3(s, 70.0f, 1.0f, 0.0f), 0, "over");
    dt_eq(feed3(s, 10.0f, 1.0f, 0.0f), 0, "one again");
}

DT_TEST(rule, says_nothing_of_what_it_cannot_see)
{
    dura_sensor *s = with_rule(DURA_CK_RULE, DURA_FAIL, 0);
    const float v[3] = {10.0f, 1.0f, 0.0f};
    const uint8_t gone[3] = {0, 1, 0};
    dt_eq(frame_of(s, v, 3, gone), 0, "nobody knows whether it runs");
    dt_eq(feed3(s, 10.0f, NAN, 0.0f), 0, "nor here");
}

DT_TEST(forbid, refuses_the_combination)
{
    dura_sensor *s = with_rule(DURA_CK_FORBID, DURA_FAIL, 0);
    dt_eq(feed3(s, 70.0f, 1.0f, 0.0f), DURA_R_CONTEXT_FAIL, "both at once");
    dt_eq(rep.action, DURA_REJECT, "and nothing to hold");
    dt_eq(feed3(s, 70.0f, 0.0f, 0.0f), 0, "one of them");
    dt_eq(feed3(s, 49.0f, 1.0f, 0.0f), 0, "the other");
}

DT_TEST(transition, is_allowed_only_in_its_state)
{
    dura_sensor *s = extended(3, 0);
    dura_sensor_check c = check_of(DURA_CK_TRANSITION, 0);
    c.other = 1, c.level = DURA_FAIL;
    c.from_lo = 0.0f, c.from_hi = 0.4f;  /* the valve was closed */
    c.lo = 0.6f, c.hi = 1.0f;            /* and is open */
    c.if_lo = 0.5f, c.if_hi = 1.5f;      /* only while the pump runs */
    dt_eq(add(s, c), DURA_OK, "added");
    dt_eq(feed3(s, 1.0f, 0.0f, 0.0f), 0, "no frame before");
    dt_eq(feed3(s, 0.0f, 0.0f, 0.0f), 0, "closing is not looked at");
    dt_eq(feed3(s, 1.0f, 1.0f, 0.0f), 0, "opens while the pump runs");
    dt_eq(feed3(s, 0.0f, 0.0f, 0.0f), 0, "closed again");
    dt_eq(feed3(s, 1.0f, 0.0f, 0.0f), DURA_R_CONTEXT_FAIL | DURA_R_SUBSTITUTED, "opens by itself");
}

/* ---- parity rows --------------------------------------------------------------------- */

static uint32_t parity_terms[2 * 3];

/* channel 0 = 1 + 2 x channel 1 - channel 2 of the frame before; scale 0.5 */
static dura_sensor *with_parity(float suspect, float fail, uint16_t window, uint8_t flags)
{
    dura_sensor *s = extended(3, 0);
    dura_sensor_check c = check_of(DURA_CK_PARITY, 0);
    put_term(parity_terms, 0, 1, 0, 2.0f);
    put_term(parity_terms, 1, 2, 1, -1.0f);
    c.terms = parity_terms, c.n_terms = 2;
    c.mean = 1.0f, c.scale = 0.5f;
    c.suspect = suspect, c.fail = fail, c.window = window, c.flags = flags;
    return add(s, c) == DURA_OK ? s : NULL;
}

DT_TEST(parity, compares_with_the_weighted_sum)
{
    dura_sensor *s = with_parity(2.0f, 6.0f, 0, 0);
    dt_eq(feed3(s, 900.0f, 10.0f, 4.0f), 0, "no frame before to look back at");
    dt_eq(feed3(s, 17.0f, 10.0f, 5.0f), 0, "1 + 20 - 4");
    dt_eq(feed3(s, 17.0f, 10.0f, 5.0f), 0, "one off, two scales: the limit itself");
    dt_eq(feed3(s, 14.5f, 10.0f, 5.0f), DURA_R_PARITY_SUSPECT, "1.5 off, three scales");
    dt_eq(feed3(s, 20.0f, 10.0f, 5.0f), DURA_R_PARITY_FAIL | DURA_R_SUBSTITUTED, "4 off, eight scales");
}

DT_TEST(parity, gives_the_sum_for_a_value_that_failed)
{
    dura_sensor *s = with_parity(2.0f, 6.0f, 0, DURA_CK_ESTIMATES);
    (void)feed3(s, 17.0f, 10.0f, 4.0f);
    dt_eq(feed3(s, 17.0f, 10.0f, 4.0f), 0, "fits");
    dt_eq(feed3(s, NAN, 12.0f, 4.0f), DURA_R_NONFINITE | DURA_R_SUBSTITUTED | DURA_R_ESTIMATED, "gone");
    dt_eq(usable[0], 21.0f, "1 + 24 - 4");
    dt_eq(feed3(s, 500.0f, 13.0f, 4.0f), DURA_R_PARITY_FAIL | DURA_R_SUBSTITUTED | DURA_R_ESTIMATED, "wrong");
    dt_eq(usable[0], 23.0f, "1 + 26 - 4");
}

DT_TEST(parity, averages_and_forgets)
{
    dura_sensor *s = with_parity(1.0f, 0.0f, 3, 0); /* weight 1/2 */
    (void)feed3(s, 16.0f, 10.0f, 5.0f);
    dt_eq(feed3(s, 17.0f, 10.0f, 5.0f), 0, "z 2: mean 1");
    dt_eq(feed3(s, 17.0f, 10.0f, 5.0f), DURA_R_PARITY_SUSPECT, "1.5");
    dt_eq(feed3(s, 16.0f, 10.0f, 5.0f), 0, ".75");
}

DT_TEST(parity, passes_over_a_frame_in_which_a_term_is_gone)
{
    dura_sensor *s = with_parity(1.0f, 0.0f, 0, 0);
    const float v[3] = {900.0f, 10.0f, 5.0f};
    const uint8_t gone[3] = {0, 1, 0};
    (void)feed3(s, 16.0f, 10.0f, 5.0f);
    dt_eq(frame_of(s, v, 3, gone), 0, "cannot be told");
    dt_eq(feed3(s, 16.0f, NAN, 5.0f), 0, "nor here");
}

DT_TEST(parity, starts_over_after_a_gap)
{
    dura_sensor *s = with_parity(1.0f, 0.0f, 0, 0);
    (void)feed3(s, 16.0f, 10.0f, 5.0f);
    clock_ns += 20 * S;
    dt_eq(feed3(s, 900.0f, 10.0f, 5.0f), DURA_R_TIME_GAP, "the frame before is long ago");
}

/* ---- the joint distance ---------------------------------------------------------------- */

static uint32_t joint_terms[2 * 2 + 3];

/* Two channels of mean 10 and 20 with W = ((1, -1), (0, 2)): T2 = (a - b)^2 + (2b)^2 */
static dura_sensor *with_joint(float limit, uint16_t window, uint16_t window2)
{
    dura_sensor *s = extended(3, 2);
    dura_sensor_check c = check_of(DURA_CK_JOINT, 0);
    put_term(joint_terms, 0, 0, 0, 10.0f);
    put_term(joint_terms, 1, 1, 0, 20.0f);
    put_f32((uint8_t *)joint_terms + 16, 1.0f);
    put_f32((uint8_t *)joint_terms + 20, -1.0f);
    put_f32((uint8_t *)joint_terms + 24, 2.0f);
    c.terms = joint_terms, c.n_terms = 2;
    c.suspect = limit, c.window = window, c.window2 = window2;
    return add(s, c) == DURA_OK ? s : NULL;
}

DT_TEST(joint, sees_two_values_that_do_not_go_together)
{
    dura_sensor *s = with_joint(9.5f, 0, 0);
    (void)feed3(s, 11.0f, 21.0f, 0.0f);
    dt_eq(rep.verdict, DURA_GOOD, "a = b = 1: 0 + 4");
    (void)feed3(s, 11.0f, 19.0f, 0.0f);
    dt_eq(rep.verdict, DURA_GOOD, "a = 1, b = -1: 4 + 4");
    (void)feed3(s, 13.0f, 19.5f, 0.0f);
    dt_eq(why(s, 0), DURA_R_JOINT, "a = 3, b = -.5: 12.25 + 1; a's share 3 x 3.5 of 13.25");
    dt_eq(why(s, 1), 0, "b's is less");
    dt_eq(rep.verdict, DURA_SUSPECT, "suspect");
}

DT_TEST(joint, averages_deviations_and_distance)
{
    dura_sensor *s = with_joint(5.0f, 3, 0); /* deviations with weight 1/2 */
    (void)feed3(s, 14.0f, 20.0f, 0.0f);
    dt_eq(rep.verdict, DURA_GOOD, "a = 2: 4");
    (void)feed3(s, 14.0f, 20.0f, 0.0f);
    dt_eq(why(s, 0), DURA_R_JOINT, "a = 3: 9");
    s = with_joint(5.0f, 0, 3); /* the distance with weight 1/2 */
    (void)feed3(s, 13.0f, 20.0f, 0.0f);
    dt_eq(rep.verdict, DURA_GOOD, "9 / 2");
    (void)feed3(s, 13.0f, 20.0f, 0.0f);
    dt_eq(why(s, 0), DURA_R_JOINT, "4.5 / 2 + 9 / 2");
}

DT_TEST(joint, passes_over_a_frame_with_a_hole)
{
    dura_sensor *s = with_joint(1.0f, 0, 0);
    const float v[3] = {900.0f, 20.0f, 0.0f};
    const uint8_t gone[3] = {0, 1, 0};
    dt_eq(frame_of(s, v, 3, gone), 0, "cannot be told");
}

/* ---- what must always hold --------------------------------------------------------------- */

static uint64_t dice_state = 88172645463325252u;
static uint32_t dice(uint32_t below)
{
    dice_state ^= dice_state >> 12;
    dice_state ^= dice_state << 25;
    dice_state ^= dice_state >> 27;
    return (uint32_t)((dice_state * 2685821657736338717u) >> 33) % below;
}

static float odd_value(void)
{
    static const uint32_t odd[] = {0x7FC00000u, 0x7F800000u, 0xFF800000u, 0x00000001u, 0x807FFFFFu,
                                   0x00800000u, 0x80000000u, 0x7F7FFFFFu, 0xFF7FFFFFu, 0x219392EFu};
    uint32_t k = dice(60), u;
    float f;
    if (k >= 10)
        return (float)dice(2001) * 0.01f;
    u = odd[k];
    memcpy(&f, &u, sizeof f);
    return f;
}

static uint32_t all_terms[2 * 2 + 3 + 2 * 3];

/* Nine checks of every kind over five channels. */
static dura_sensor *with_everything(void)
{
    static const uint8_t kinds[] = {DURA_CK_JOINT, DURA_CK_SPIKE, DURA_CK_PARITY, DURA_CK_NOISE, DURA_CK_RULE,
                                    DURA_CK_DRIFT, DURA_CK_VOTE, DURA_CK_FORBID, DURA_CK_TRANSITION};
    dura_sensor *s = extended(5, 2);
    for (uint16_t i = 0; i < 3; i++)
        put_term(vote_terms, i, (uint16_t)(i + 2u), 0, 0.0f);
    put_term(all_terms, 0, 1, 0, 10.0f);
    put_term(all_terms, 1, 2, 0, 10.0f);
    for (size_t i = 0; i < 3; i++)
        put_f32((uint8_t *)all_terms + 16 + 4 * i, 0.3f);
    put_term(all_terms + 7, 0, 2, 0, 0.5f);
    put_term(all_terms + 7, 1, 3, 1, 0.5f);
    put_term(all_terms + 7, 2, 4, 0, 0.0f);
    for (size_t k = 0; s && k < sizeof kinds; k++) {
        dura_sensor_check c = sound(kinds[k]);
        c.channel = kinds[k] == DURA_CK_PARITY ? 0 : (uint16_t)(k % 5u);
        c.other = kinds[k] >= DURA_CK_RULE && kinds[k] <= DURA_CK_TRANSITION ? (uint16_t)((k + 1u) % 5u) : 0;
        c.flags = kinds[k] == DURA_CK_VOTE || kinds[k] == DURA_CK_PARITY ? DURA_CK_ESTIMATES : 0;
        c.if_hi = 10.0f, c.from_hi = 10.0f;
        c.window = kinds[k] == DURA_CK_TRANSITION ? 0 : 3;
        c.suspect *= 4.0f, c.fail *= 4.0f;
        c.hi = kinds[k] == DURA_CK_NOISE ? 9.0f : c.hi + 8.0f;
        c.terms = kinds[k] == DURA_CK_JOINT ? all_terms : kinds[k] == DURA_CK_VOTE ? vote_terms : all_terms + 7;
        c.n_terms = c.n_terms && kinds[k] != DURA_CK_JOINT ? 3 : c.n_terms;
        if (dura_sensor_add(s, &c) != DURA_OK)
            return NULL;
    }
    return s;
}

static uint32_t digest_of(dura_sensor *s, const float *v, const uint8_t *missing, uint32_t h)
{
    (void)frame_of(s, v, 5, missing);
    for (size_t i = 0; i < 5; i++) {
        h = (h ^ why(s, i)) * 16777619u;
        h = (h ^ bits_of(usable[i])) * 16777619u;
        h = (h ^ dura_sensor_verdicts(s)[i]) * 16777619u;
    }
    return (h ^ rep.action) * 16777619u;
}

static uint32_t digest_of_a_run(uint32_t seed, int flush)
{
    dura_sensor *s = with_everything();
    uint32_t h = 2166136261u;
    dice_state = 88172645463325252u + seed;
#if defined(__SSE2__)
    unsigned csr = _mm_getcsr();
    if (flush)
        _mm_setcsr(csr | 0x8040u);
#endif
    for (int k = 0; s && k < 400; k++) {
        float v[5];
        uint8_t gone[5];
        for (size_t i = 0; i < 5; i++) {
            v[i] = odd_value();
            gone[i] = dice(30) == 0;
        }
        clock_ns += dice(40) == 0 ? 12 * S : dice(40) == 0 ? -2 * S : 0;
        h = digest_of(s, v, gone, h);
    }
#if defined(__SSE2__)
    _mm_setcsr(csr);
#endif
    (void)flush;
    return h;
}

DT_TEST(sensor_checks, give_one_answer_with_and_without_flush_to_zero)
{
    for (uint32_t seed = 0; seed < 50; seed++)
        dt_eq(digest_of_a_run(seed, 1), digest_of_a_run(seed, 0), "seed %u", seed);
}

/* The same on every target: identity of this number is looked at by every build's test. */
DT_TEST(sensor_checks, give_the_same_answer_everywhere)
{
    dt_eq(digest_of_a_run(7, 0), 1430246284u, "a run of 400 frames");
}

DT_TEST(sensor_checks, never_call_good_what_is_not_finite)
{
    dura_sensor *s = with_everything();
    dice_state = 4711;
    for (int k = 0; k < 5000; k++) {
        float v[5];
        for (size_t i = 0; i < 5; i++)
            v[i] = odd_value();
        (void)frame_of(s, v, 5, NULL);
        for (size_t i = 0; i < 5; i++) {
            dt_ok(isfinite(v[i]) || dura_sensor_verdicts(s)[i] == DURA_FAIL, "frame %d channel %zu", k, i);
            dt_ok(isfinite(usable[i]), "frame %d channel %zu", k, i);
        }
    }
}

DT_TEST(sensor_checks, are_as_new_after_reset)
{
    dura_sensor *s = with_everything();
    uint32_t first = 1, again = 1;
    for (int round = 0; round < 2; round++) {
        uint32_t *h = round ? &again : &first;
        clock_ns = 1000 * S;
        dice_state = 99;
        for (int k = 0; k < 60; k++) {
            float v[5];
            for (size_t i = 0; i < 5; i++)
                v[i] = odd_value();
            *h = digest_of(s, v, NULL, *h);
        }
        dt_eq(dura_sensor_reset(s), DURA_OK, "reset");
    }
    dt_eq(again, first, "the same run twice");
}

DT_TEST(sensor_checks, say_the_same_of_a_batch)
{
    enum { FRAMES = 200 };
    static float v[FRAMES * 5];
    static int64_t t[FRAMES];
    static uint8_t actions[FRAMES], verdicts[FRAMES * 5];
    dura_sensor *s = with_everything();
    dice_state = 12;
    for (int k = 0; k < FRAMES; k++) {
        t[k] = (k + 1) * S;
        for (int i = 0; i < 5; i++)
            v[k * 5 + i] = odd_value();
    }
    dt_eq(dura_sensor_update_n(s, t, v, FRAMES, 5, actions, verdicts), DURA_OK, "batch");
    s = with_everything();
    for (int k = 0; k < FRAMES; k++) {
        (void)frame_of(s, v + k * 5, 5, NULL);
        dt_eq(rep.action, actions[k], "frame %d", k);
        dt_eq(memcmp(dura_sensor_verdicts(s), verdicts + k * 5, 5), 0, "frame %d", k);
    }
}
