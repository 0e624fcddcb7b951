/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Instructions of one guarded step on a Cortex-M4, counted exactly by QEMU, against the
 * figures of tests/budget.h (+2 %) and the limits of the design: at most 3,000 for eight
 * channels, and worst over median at most 1.5 over normal, alarm and fallback frames.
 */
#include "dt.h"
#include "sim/dt_box.h"

#include "budget.h"

#ifdef DT_TARGET_ARM
#include "target/dt_icount.h"

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
#else
DT_TEST(guard_budget, a_step_stays_within_its_instructions)
{
    dt_ok(DT_BUDGET_NORMAL <= 3000 && DT_BUDGET_FALLBACK <= 3000, "committed figures above the limit");
    dt_skip("counted on the Cortex-M4 target");
}
#endif
