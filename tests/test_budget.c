/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Instructions of one guarded step on a Cortex-M4, counted exactly by QEMU, against the
 * figures of tests/budget.h (+2 %) and the limits of the design: at most 3,000 for eight
 * channels, and worst over median at most 1.5 over normal, alarm and fallback frames.
 */
#include <string.h>

#include <dura/sensor_checks.h>

#include "dt.h"
#include "sim/dt_box.h"

#include "budget.h"

#ifdef DT_TARGET_ARM
#include "target/dt_icount.h"
#include "log_rig.h"

#define SEGMENTS 24u
static uint64_t flash_mem[DT_BOX_FLASH(SEGMENTS) / 8];
static uint64_t guard_mem[DT_BOX_GUARD / 8];
static dt_box box;

static int32_t constant(void *user, const float *in, size_t n_in, float *out, size_t n_out)
{
    (void)user;
    (void)in;
    (void)n_in;
    (void)n_out;
    out[0] = 20.0f;
    return 0;
}

static uint32_t step_cost(uint64_t n, float v0, float v1, uint8_t action)
{
    float v[8] = {20, 21, 22, 23, 24, 25, 26, 27};
    dura_frame f = DURA_FRAME_INIT;
    dura_decision d = DURA_DECISION_INIT;
    uint32_t cost = 0;
    int rc = 0;
    v[0] = v0;
    v[1] = v1;
    for (int i = 2; i < 8; i++)
        v[i] += (float)(n % 7) * 0.125f;
    f.n = 8;
    f.frame = n;
    f.time.mono_ns = (int64_t)n * 10000000;
    f.values = v;
    DT_ICOUNT(cost, rc = dura_guard_step(box.guard, &f, &d));
    dt_eq(rc, DURA_OK, "frame %u", (unsigned)n);
    dt_eq(d.action, action, "frame %u", (unsigned)n);
    box.now.mono_ns = f.time.mono_ns;
    dt_ok(dura_guard_idle(box.guard, &box.now, 100000) >= 0, "idle");
    return cost;
}

static void within(const char *what, uint32_t cost, uint32_t budget)
{
    printf("budget: %-34s %u instructions (committed %u)\n", what, (unsigned)cost, (unsigned)budget);
    dt_ok(cost <= budget + budget / 50, "%s: %u instructions, committed %u", what, (unsigned)cost, (unsigned)budget);
    dt_ok(cost <= 3000, "%s: above the design's limit of 3000", what);
}

DT_TEST(guard_budget, a_step_stays_within_its_instructions)
{
    static dura_fn fn = DURA_FN_INIT;
    dt_spec s;
    dt_spec_init(&s);
    s.channels = 8;
    s.checks |= DURA_CHECK_RATE | DURA_CHECK_FLAT;
    s.rate_fail = 1e4f;
    s.flat_fail_ms = 60000;
    s.hold_ms = 25;
    fn.n_inputs = 8;
    fn.n_outputs = 1;
    fn.call = constant;
    dt_box_init(&box, &s, flash_mem, SEGMENTS, guard_mem);
    box.model.backend = dura_backend_fn();
    box.model.config = &fn;
    dt_eq(dt_box_boot(&box), DURA_OK, "boot");
    for (uint64_t n = 1; n < 8; n++)
        (void)step_cost(n, 20.0f + (float)n, 21.0f, DURA_ACT);
    uint32_t normal = step_cost(8, 29.0f, 21.0f, DURA_ACT);
    uint32_t alarm = step_cost(9, 900.0f, 21.0f, DURA_HOLD);
    uint32_t fallback = step_cost(10, 900.0f, -900.0f, DURA_HOLD);
    uint32_t expired = step_cost(11, 900.0f, -900.0f, DURA_FALLBACK);
    within("step, normal frame", normal, DT_BUDGET_NORMAL);
    within("step, alarm frame, HOLD begins", alarm, DT_BUDGET_ALARM);
    within("step, two channels bad", fallback, DT_BUDGET_HOLD);
    within("step, FALLBACK begins", expired, DT_BUDGET_FALLBACK);
    uint32_t worst = normal;
    worst = alarm > worst ? alarm : worst;
    worst = fallback > worst ? fallback : worst;
    worst = expired > worst ? expired : worst;
    printf("budget: worst over normal %u.%02u\n", (unsigned)(worst / normal), (unsigned)(worst * 100u / normal % 100u));
    dt_ok(worst * 2u <= normal * 3u, "worst %u is more than 1.5 of normal %u", (unsigned)worst, (unsigned)normal);
}

/* ---- append, the log's hot path ------------------------------------------------------ */

static uint32_t append_cost(rig *r, const dura_log_entry *e, int want)
{
    static const uint8_t payload[96] = {0x10, 0x58, 93};    /* one pair: 93 bytes */
    uint32_t cost = 0;
    int rc = 0;
    DT_ICOUNT(cost, rc = dura_log_append(r->log, 0, e, payload, sizeof payload));
    dt_eq(rc, want, "append");
    return cost;
}

DT_TEST(log_budget, an_append_stays_within_its_instructions)
{
    static rig r;
    dura_log_entry e;
    uint32_t first, wrap = 0, full;
    rig_init(&r, 8, 0xFF);
    r.cfg.ring_bytes = 1024;
    dt_eq(rig_open(&r), DURA_OK, "open");
    memset(&e, 0, sizeof e);
    e.struct_size = (uint32_t)sizeof e;
    e.log = 2;
    e.kind = DURA_REC_EVENT;
    e.source = DURA_NONE;
    e.n_pairs = 1;
    e.time = r.now;
    first = append_cost(&r, &e, DURA_OK);
    for (int i = 0; i < 12; i++) {              /* also across the ring's end */
        uint32_t cost;
        dt_ok(dura_log_step(r.log, &r.now, UINT32_MAX) >= 0, "step");
        cost = append_cost(&r, &e, DURA_OK);
        wrap = cost > wrap ? cost : wrap;
    }
    while (dura_log_append(r.log, 0, &e, NULL, 0) == DURA_EINVAL && rig_append(&r, 0, 2, 1, 90) == DURA_OK)
        continue;
    full = append_cost(&r, &e, DURA_EFULL);
    printf("budget: append of 96 bytes %u instructions, worst %u, ring full %u (committed %u)\n", (unsigned)first,
           (unsigned)wrap, (unsigned)full, DT_BUDGET_APPEND);
    wrap = full > wrap ? full : wrap;
    dt_ok(wrap <= DT_BUDGET_APPEND + DT_BUDGET_APPEND / 50, "append: %u, committed %u", (unsigned)wrap, DT_BUDGET_APPEND);
    dt_ok(wrap <= 500, "append: above the design's limit of 500");
    rig_free(&r);
}

/* ---- the sensor by itself ---------------------------------------------------------- */

#define CHANNELS 8u
static uint64_t sensor_mem[DURA_SENSOR_BYTES(CHANNELS) / 8];
static uint64_t extra_mem[DURA_SENSOR_EXTRA_BYTES(CHANNELS, 0, 0) / 8];
static int64_t stamp;
static float level[CHANNELS];

static dura_sensor *eight_channels(void)
{
    dura_sensor_config cfg = DURA_SENSOR_CONFIG_INIT;
    dura_sensor_channel c = DURA_SENSOR_CHANNEL_INIT;
    dura_sensor *s = NULL;
    cfg.n_channels = CHANNELS;
    cfg.gap_ns = 1000000000;
    c.checks = DURA_CHECK_TIME | DURA_CHECK_FINITE | DURA_CHECK_RANGE | DURA_CHECK_RATE | DURA_CHECK_FLAT;
    c.fail_hi = c.suspect_hi = 100.0f;
    c.rate_fail = 1e6f;
    c.flat_fail_ns = 200000000;
    c.hold_ns = 50000000;
    dt_eq(dura_sensor_init(&s, sensor_mem, sizeof sensor_mem, &cfg), DURA_OK, "init");
    for (uint16_t i = 0; i < CHANNELS; i++)
        dt_eq(dura_sensor_attach(s, i, &c), DURA_OK, "attach");
    stamp = 0;
    return s;
}

/* Instructions of one update, `step` after the last; the first `bad` values are out of range. */
static uint32_t sensor_cost(dura_sensor *s, int64_t step, int moving, size_t bad)
{
    dura_sensor_report r = DURA_SENSOR_REPORT_INIT;
    float v[CHANNELS], usable[CHANNELS];
    uint32_t cost = 0;
    int rc = 0;
    stamp += step;
    for (size_t i = 0; i < CHANNELS; i++) {
        level[i] = moving ? 20.0f + (float)((stamp / 1000000 + (int64_t)i) % 7) : level[i];
        v[i] = i < bad ? 900.0f : level[i];
    }
    DT_ICOUNT(cost, rc = dura_sensor_update(s, stamp, v, NULL, CHANNELS, usable, &r));
    dt_eq(rc, DURA_OK, "update");
    return cost;
}

static void show(const char *what, uint32_t cost)
{
    printf("sensor: %-34s %u instructions\n", what, (unsigned)cost);
}

static void extend(dura_sensor *s)
{
    dura_sensor_extra x = DURA_SENSOR_EXTRA_INIT;
    x.n_channels = CHANNELS;
    dt_eq(dura_sensor_extend(s, extra_mem, sizeof extra_mem, &x), DURA_OK, "extend");
    for (uint16_t i = 0; i < 3 * CHANNELS; i++) {
        dura_sensor_check c;
        memset(&c, 0, sizeof c);
        c.struct_size = sizeof c;
        c.kind = (uint8_t)(DURA_CK_SPIKE + i % 3);
        c.channel = i / 3;
        c.suspect = c.fail = c.scale = 90.0f;
        c.hi = i % 3 == 1 ? 90.0f : 0.0f;
        c.window = 4;
        dt_eq(dura_sensor_add(s, &c), DURA_OK, "check %u", i);
    }
}

DT_TEST(sensor_budget, a_quiet_frame_stays_within_its_instructions)
{
    const int64_t ms = 1000000;
    dura_sensor *s = eight_channels();
    uint32_t quiet, extended = 0;
    show("first frame", sensor_cost(s, ms, 1, 0));
    show("second", sensor_cost(s, ms, 1, 0));
    (void)sensor_cost(s, ms, 1, 0);
    quiet = sensor_cost(s, ms, 1, 0);
    within("sensor, all GOOD and moving", quiet, DT_BUDGET_SENSOR);
    show("all GOOD and still", sensor_cost(s, ms, 0, 0));
    show("one out of range", sensor_cost(s, ms, 1, 1));
    show("two out of range", sensor_cost(s, ms, 1, 2));
    for (int i = 0; i < 3; i++)
        (void)sensor_cost(s, ms, 1, 0);
    show("duplicate stamp", sensor_cost(s, 0, 1, 0));
    (void)sensor_cost(s, ms, 1, 0);
    show("gap", sensor_cost(s, 2000 * ms, 1, 0));
    (void)sensor_cost(s, ms, 1, 0);
    (void)sensor_cost(s, 210 * ms, 0, 0);
    show("all flat", sensor_cost(s, ms, 0, 0));
    s = eight_channels();
    extend(s);
    for (int i = 0; i < 12; i++)
        extended = sensor_cost(s, ms, 1, 0);
    within("sensor, spike, noise and drift too", extended, DT_BUDGET_SENSOR_EXTENDED);
}
#else
DT_TEST(guard_budget, a_step_stays_within_its_instructions)
{
    dt_ok(DT_BUDGET_NORMAL <= 3000 && DT_BUDGET_FALLBACK <= 3000, "committed figures above the limit");
    dt_skip("counted on the Cortex-M4 target");
}

DT_TEST(sensor_budget, a_quiet_frame_stays_within_its_instructions)
{
    dt_ok(DT_BUDGET_SENSOR <= 3000 && DT_BUDGET_SENSOR_EXTENDED <= 3000, "committed figures above the limit");
    dt_skip("counted on the Cortex-M4 target");
}
#endif
