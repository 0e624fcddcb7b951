/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a sensor's channel has been like, silence, counts, and the words of other systems.
 */
#include <dura/sensor.h>

#include <limits.h>
#include <math.h>
#include <string.h>

#include "dt.h"

#define S 1000000000LL

static uint64_t memory[DURA_SENSOR_BYTES(4) / 8];
static dura_sensor_report rep;
static float usable[4];
static int64_t clock_ns;

static dura_sensor *built(const dura_sensor_channel *ch, uint16_t n, const dura_sensor_config *given)
{
    dura_sensor_config cfg = *given;
    dura_sensor *s = NULL;
    cfg.n_channels = n;
    clock_ns = 0;
    memset(memory, 0xA5, sizeof memory);
    if (dura_sensor_init(&s, memory, sizeof memory, &cfg) != DURA_OK)
        return NULL;
    for (uint16_t i = 0; i < n; i++)
        if (dura_sensor_attach(s, i, &ch[i]) != DURA_OK)
            return NULL;
    return s;
}

static dura_sensor_channel ranged(void)
{
    dura_sensor_channel c = DURA_SENSOR_CHANNEL_INIT;
    c.checks = DURA_CHECK_RANGE;
    c.fail_hi = c.suspect_hi = 100.0f;
    return c;
}

static dura_sensor *one(const dura_sensor_channel *c)
{
    dura_sensor_config cfg = DURA_SENSOR_CONFIG_INIT;
    return built(c, 1, &cfg);
}

static uint32_t feed(dura_sensor *s, float x)
{
    dura_sensor_report r = DURA_SENSOR_REPORT_INIT;
    rep = r;
    clock_ns += S;
    if (dura_sensor_update(s, clock_ns, &x, NULL, 1, usable, &rep) != DURA_OK)
        return 0xFFFFFFFFu;
    return dura_sensor_reasons(s)[0];
}
static uint32_t feed_count(dura_sensor *s, int32_t n)
{
    return feed(s, dura_i32_cell(n));
}

static dura_sensor_state ask(const dura_sensor *s)
{
    dura_sensor_state st = DURA_SENSOR_STATE_INIT;
    dt_eq(dura_sensor_query(s, 0, &st), DURA_OK, "query");
    return st;
}

/* ---- what a channel has been like ---------------------------------------------------- */

static void feed_good(dura_sensor *s, int n)
{
    while (n-- > 0)
        (void)feed(s, 50.0f + (float)(n % 3));
}
static void feed_bad(dura_sensor *s, int n)
{
    while (n-- > 0)
        (void)feed(s, 500.0f);
}

DT_TEST(sensor_state, begins_in_init_and_becomes_valid_after_its_dwell)
{
    dura_sensor_channel c = ranged();
    dura_sensor *s = one(&c);
    dt_eq(ask(s).state, DURA_STATE_INIT, "no frame");
    feed_good(s, 15);
    dt_eq(ask(s).state, DURA_STATE_INIT, "15 of 16");
    feed_good(s, 1);
    dt_eq(ask(s).state, DURA_STATE_VALID, "16 GOOD ones");
}

DT_TEST(sensor_state, is_never_valid_for_a_channel_that_never_was)
{
    dura_sensor_channel c = ranged();
    dura_sensor *s = one(&c);
    feed_bad(s, 200);
    dt_eq(ask(s).state, DURA_STATE_INIT, "nothing but failures");
}

DT_TEST(sensor_state, becomes_worse_at_once)
{
    dura_sensor_channel c = ranged();
    dura_sensor *s = one(&c);
    feed_good(s, 70);
    feed_bad(s, 7);
    dt_eq(ask(s).state, DURA_STATE_VALID, "7 of 64");
    feed_bad(s, 1);
    dt_eq(ask(s).state, DURA_STATE_DEGRADED, "8 of 64");
    feed_bad(s, 23);
    dt_eq(ask(s).state, DURA_STATE_DEGRADED, "31");
    feed_bad(s, 1);
    dt_eq(ask(s).state, DURA_STATE_INVALID, "32");
}

DT_TEST(sensor_state, recovers_when_few_were_bad_and_none_lately)
{
    dura_sensor_channel c = ranged();
    dura_sensor *s = one(&c);
    feed_good(s, 70);
    feed_bad(s, 32);
    feed_good(s, 61);
    dt_eq(ask(s).state, DURA_STATE_INVALID, "3 of the last 64 are still bad");
    feed_good(s, 1);
    dt_eq(ask(s).state, DURA_STATE_VALID, "2 are allowed");
    feed_bad(s, 1);
    dt_eq(ask(s).state, DURA_STATE_VALID, "and one more does not undo it");
}

DT_TEST(sensor_state, does_not_flap)
{
    dura_sensor_channel c = ranged();
    dura_sensor *s = one(&c);
    feed_good(s, 70);
    feed_bad(s, 8);
    for (int i = 0; i < 20; i++) {
        feed_good(s, 7);
        feed_bad(s, 1);
        dt_eq(ask(s).state, DURA_STATE_DEGRADED, "round %d", i);
    }
}

DT_TEST(sensor_state, is_the_same_whoever_asks_and_how_often)
{
    dura_sensor_channel c = ranged();
    static uint64_t other[DURA_SENSOR_BYTES(1) / 8];
    dura_sensor_config cfg = DURA_SENSOR_CONFIG_INIT;
    dura_sensor *s = one(&c), *t = NULL;
    uint64_t dice = 88172645463325252u;
    cfg.n_channels = 1;
    dt_eq(dura_sensor_init(&t, other, sizeof other, &cfg), DURA_OK, "init");
    dt_eq(dura_sensor_attach(t, 0, &c), DURA_OK, "attach");
    for (int k = 0; k < 3000; k++) {
        dura_sensor_report r = DURA_SENSOR_REPORT_INIT;
        float x;
        dice ^= dice >> 12, dice ^= dice << 25, dice ^= dice >> 27;
        x = k / 300 % 2 && dice % 3 == 0 ? 500.0f : 50.0f;
        (void)feed(s, x);
        (void)ask(s);
        dt_eq(dura_sensor_update(t, clock_ns, &x, NULL, 1, NULL, &r), DURA_OK, "update");
        if (k % 97 == 0)
            dt_eq(ask(t).state, ask(s).state, "frame %d", k);
    }
}

DT_TEST(sensor_state, takes_its_thresholds_from_the_configuration)
{
    dura_sensor_channel c = ranged();
    dura_sensor_config cfg = DURA_SENSOR_CONFIG_INIT;
    dura_sensor *s;
    cfg.degraded_at = 2, cfg.invalid_at = 3, cfg.valid_at = 1, cfg.dwell_frames = 4;
    s = built(&c, 1, &cfg);
    feed_good(s, 4);
    dt_eq(ask(s).state, DURA_STATE_VALID, "four");
    feed_bad(s, 2);
    dt_eq(ask(s).state, DURA_STATE_DEGRADED, "two");
    feed_bad(s, 1);
    dt_eq(ask(s).state, DURA_STATE_INVALID, "three");
    cfg.valid_at = 2;
    dt_ok(built(&c, 1, &cfg) == NULL, "valid_at must be below degraded_at");
    cfg.valid_at = 1, cfg.invalid_at = 65;
    dt_ok(built(&c, 1, &cfg) == NULL, "64 frames are all there is");
    cfg.invalid_at = 1;
    dt_ok(built(&c, 1, &cfg) == NULL, "invalid before degraded");
    cfg.invalid_at = 3, cfg.dwell_frames = 65;
    dt_ok(built(&c, 1, &cfg) == NULL, "dwell past what is remembered");
}

/* ---- silence --------------------------------------------------------------------------- */

static uint32_t poll(dura_sensor *s, int64_t now)
{
    dura_sensor_report r = DURA_SENSOR_REPORT_INIT;
    rep = r;
    if (dura_sensor_poll(s, now, &rep) != DURA_OK)
        return 0xFFFFFFFFu;
    return dura_sensor_reasons(s)[0];
}

DT_TEST(sensor_poll, says_when_nothing_came_for_too_long)
{
    dura_sensor_channel c = ranged();
    dura_sensor *s;
    c.max_age_ns = 3 * S;
    s = one(&c);
    dt_eq(poll(s, 100 * S), DURA_R_WARMUP, "nothing ever came: still unknown");
    (void)feed(s, 50.0f);
    dt_eq(poll(s, clock_ns + 3 * S), 0, "three seconds are allowed");
    dt_eq(rep.action, DURA_PASS, "pass");
    dt_eq(poll(s, clock_ns + 3 * S + 1), DURA_R_MISSING | DURA_R_STALE, "and no longer");
    dt_eq(rep.verdict, DURA_MISSING, "missing");
    dt_eq(rep.action, DURA_REJECT, "rejected");
    dt_eq(rep.worst_channel, 0, "named");
    dt_eq(ask(s).value, 0.0f, "nothing to use");
    dt_eq(feed(s, 51.0f), 0, "the next frame is judged as if nobody had asked");
    dt_eq(usable[0], 51.0f, "its value");
}

DT_TEST(sensor_poll, goes_by_the_gap_where_values_have_no_age)
{
    dura_sensor_channel c = ranged();
    dura_sensor_config cfg = DURA_SENSOR_CONFIG_INIT;
    dura_sensor *s;
    cfg.gap_ns = 5 * S;
    s = built(&c, 1, &cfg);
    (void)feed(s, 50.0f);
    dt_eq(poll(s, clock_ns + 5 * S), 0, "a gap of its own length");
    dt_eq(poll(s, clock_ns + 6 * S), DURA_R_MISSING | DURA_R_STALE, "longer");
    s = one(&c);
    (void)feed(s, 50.0f);
    dt_eq(poll(s, INT64_MAX), 0, "without either, silence is legal");
}

DT_TEST(sensor_poll, changes_nothing_that_lasts)
{
    dura_sensor_channel c = ranged();
    dura_sensor *s;
    c.max_age_ns = S;
    s = one(&c);
    feed_good(s, 70);
    for (int i = 0; i < 100; i++)
        (void)poll(s, clock_ns + 50 * S);
    dt_eq(ask(s).state, DURA_STATE_VALID, "no frame was counted");
    dt_eq(poll(s, 0), DURA_R_MISSING | DURA_R_STALE, "a clock that runs backwards mends nothing");
    dt_eq(feed(s, 50.0f), 0, "good");
    dt_eq(ask(s).quality, 1.0f, "all frames were");
}

DT_TEST(sensor_poll, refuses_what_it_cannot_use)
{
    dura_sensor_channel c = ranged();
    dura_sensor *s = one(&c);
    dura_sensor_report r = DURA_SENSOR_REPORT_INIT;
    dt_eq(dura_sensor_poll(NULL, 0, &r), DURA_EINVAL, "no sensor");
    dt_eq(dura_sensor_poll(s, 0, NULL), DURA_EINVAL, "no report");
    dt_eq(dura_sensor_poll(s, -1, &r), DURA_EINVAL, "before time");
    r.struct_size = 4;
    dt_eq(dura_sensor_poll(s, 0, &r), DURA_EINVAL, "short report");
}

/* ---- counts ------------------------------------------------------------------------------ */

static dura_sensor_channel counted(void)
{
    dura_sensor_channel c = DURA_SENSOR_CHANNEL_INIT;
    c.kind = DURA_KIND_I32;
    c.checks = DURA_CHECK_TIME | DURA_CHECK_RANGE | DURA_CHECK_RATE | DURA_CHECK_FLAT;
    c.fail_lo = c.suspect_lo = dura_i32_cell(16777216);
    c.suspect_hi = dura_i32_cell(2147483000);
    c.fail_hi = dura_i32_cell(INT32_MAX);
    c.rate_fail = 1000.0f;
    c.flat_tolerance = dura_i32_cell(1);
    c.flat_fail_ns = 3 * S;
    c.origin = 16777000;
    return c;
}

DT_TEST(sensor_count, is_exact_where_a_float_is_not)
{
    dura_sensor_channel c = counted();
    dura_sensor *s = one(&c);
    dt_eq(feed_count(s, 16777215), DURA_R_RANGE_FAIL | DURA_R_WARMUP, "one below the limit");
    dt_eq(feed_count(s, 16777216), DURA_R_WARMUP, "the limit");
    dt_eq(usable[0], 216.0f, "less the origin");
    dt_eq(feed_count(s, 16777217), 0, "one above");
    dt_eq(usable[0], 217.0f, "not rounded");
}

DT_TEST(sensor_count, knows_the_ends_of_its_kind)
{
    dura_sensor_channel c = counted();
    dura_sensor *s;
    c.checks = DURA_CHECK_RANGE;
    s = one(&c);
    dt_eq(feed_count(s, INT32_MAX), DURA_R_RANGE_SUSPECT, "2^31 - 1");
    dt_eq(feed_count(s, INT32_MIN), DURA_R_RANGE_FAIL, "-2^31");
    c.checks = DURA_CHECK_RATE;
    c.rate_fail = 3e9f;
    s = one(&c);
    (void)feed_count(s, INT32_MIN);
    dt_eq(feed_count(s, INT32_MAX), DURA_R_RATE_FAIL, "2^32 - 1 in a second");
}

DT_TEST(sensor_count, reads_no_bits_as_nan)
{
    dura_sensor_channel c = counted();
    dura_sensor *s;
    c.checks = DURA_CHECK_FINITE;
    s = one(&c);
    dt_eq(feed_count(s, 0x7FC00000), 0, "a NaN's bits are a number");
    dt_eq(usable[0], 2126512384.0f, "2143289344 - 16777000 = 2126512344, as near as a float comes");
}

DT_TEST(sensor_count, has_rate_and_flat_line)
{
    dura_sensor_channel c = counted();
    dura_sensor *s = one(&c);
    (void)feed_count(s, 20000000);
    dt_eq(feed_count(s, 20001000), 0, "a thousand a second");
    dt_eq(feed_count(s, 20002001), DURA_R_RATE_FAIL, "and one");
    dt_eq(feed_count(s, 20001000), 0, "two seconds where the window began");
    dt_eq(feed_count(s, 20001001), DURA_R_FLAT_FAIL, "and three, within one of it");
    dt_eq(feed_count(s, 20001002), 0, "two away");
    dt_eq(ask(s).ratio, 0.0f, "a count has no ratio");
    dt_eq(ask(s).value, 3224002.0f, "20001002 - 16777000");
}

DT_TEST(sensor_count, may_be_held)
{
    dura_sensor_channel c = counted();
    dura_sensor *s;
    c.hold_ns = 5 * S;
    s = one(&c);
    (void)feed_count(s, 20000000);
    dt_eq(feed_count(s, 5), DURA_R_RANGE_FAIL | DURA_R_RATE_FAIL | DURA_R_SUBSTITUTED, "out of range");
    dt_eq(usable[0], 3223000.0f, "20000000 - 16777000");
    dt_eq(dura_sensor_reset(s), DURA_OK, "reset");
    (void)feed_count(s, 16777216);
    dt_eq(usable[0], 216.0f, "the origin is no history");
}

DT_TEST(sensor_count, refuses_limits_that_are_none)
{
    dura_sensor_channel c = counted();
    c.fail_lo = dura_i32_cell(16777217);
    dt_ok(one(&c) == NULL, "fail_lo above suspect_lo");
    c = counted();
    c.flat_tolerance = dura_i32_cell(-1);
    dt_ok(one(&c) == NULL, "negative tolerance");
    c = counted();
    c.rate_fail = 0.0f;
    dt_ok(one(&c) == NULL, "no rate");
    c = counted();
    c.rate_fail = NAN;
    dt_ok(one(&c) == NULL, "NaN rate");
}

/* ---- the words of other systems ------------------------------------------------------------ */

typedef struct said {
    uint32_t reasons, opcua;
    uint16_t iec61850;
    uint8_t ne107;
} said;

DT_TEST(sensor_translate, speaks_ne107_opcua_and_iec61850)
{
    /* OPC UA Part 4 status codes; IEC 61850-7-3 quality bits; NE 107 as docs/sensor.md */
    static const said table[] = {
        {0, 0x00000000u, 0, DURA_NE107_NORMAL},
        {DURA_R_MISSING, 0x80310000u, 2, DURA_NE107_FAILURE},
        {DURA_R_MISSING | DURA_R_STALE, 0x80310000u, 2 | 1 << 7, DURA_NE107_FAILURE},
        {DURA_R_NONFINITE, 0x808C0000u, 2 | 1 << 2, DURA_NE107_FAILURE},
        {DURA_R_RANGE_FAIL, 0x803C0000u, 2 | 1 << 3, DURA_NE107_FAILURE},
        {DURA_R_RANGE_SUSPECT, 0x40940000u, 3 | 1 << 3, DURA_NE107_OFF_SPEC},
        {DURA_R_TIME_GAP | DURA_R_NOISY, 0x40900000u, 3 | 1 << 7 | 1 << 9, DURA_NE107_OFF_SPEC},
        {DURA_R_DRIFT, 0x40930000u, 3 | 1 << 4, DURA_NE107_MAINTENANCE},
        {DURA_R_WARMUP, 0x40920000u, 3, DURA_NE107_NORMAL},
        {DURA_R_RANGE_FAIL | DURA_R_SUBSTITUTED, 0x40910000u, 3 | 1 << 3 | 1 << 10, DURA_NE107_FAILURE},
        {DURA_R_PARITY_FAIL, 0x808C0000u, 2 | 1 << 8, DURA_NE107_OFF_SPEC},
    };
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        dura_sensor_status st = DURA_SENSOR_STATUS_INIT;
        dt_eq(dura_sensor_translate(table[i].reasons, NULL, &st), DURA_OK, "row %zu", i);
        dt_eq(st.opcua, table[i].opcua, "row %zu", i);
        dt_eq(st.iec61850, table[i].iec61850, "row %zu", i);
        dt_eq(st.ne107, table[i].ne107, "row %zu", i);
    }
}

DT_TEST(sensor_translate, lets_the_plant_assign_ne107)
{
    uint8_t mine[32] = {0};
    dura_sensor_status st = DURA_SENSOR_STATUS_INIT;
    mine[6] = DURA_NE107_MAINTENANCE; /* RANGE_SUSPECT */
    dt_eq(dura_sensor_translate(DURA_R_RANGE_SUSPECT, mine, &st), DURA_OK, "own table");
    dt_eq(st.ne107, DURA_NE107_MAINTENANCE, "as assigned");
    mine[31] = 5;
    dt_eq(dura_sensor_translate(0, mine, &st), DURA_EINVAL, "no such status");
    dt_eq(dura_sensor_translate(0, NULL, NULL), DURA_EINVAL, "nowhere to put it");
}

/* A verdict that is not GOOD is Good in no vocabulary. */
DT_TEST(sensor_translate, never_makes_a_failure_good)
{
    for (uint32_t bit = 0; bit <= 26; bit++) {
        dura_sensor_status st = DURA_SENSOR_STATUS_INIT;
        dt_eq(dura_sensor_translate((uint32_t)1 << bit, NULL, &st), DURA_OK, "bit %u", bit);
        dt_ok(st.opcua >> 30 != 0, "bit %u: OPC UA %08x", bit, st.opcua);
        dt_ok(st.iec61850 != 0, "bit %u: IEC 61850", bit);
    }
}
