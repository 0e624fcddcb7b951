/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An interrupt steps the guard while the code it interrupts does the worker's share: the
 * two contexts of the design on one core, at odds that move over every instruction.
 * Runs on the Cortex-M4 under QEMU, where the interrupt is a timer; elsewhere
 * tests/thread_guard.c is the same with two threads.
 */
#include "dt.h"
#include "sim/dt_box.h"

#ifdef DT_TARGET_ARM
#include "target/dt_icount.h"

#define SEGMENTS 96u
#define STEPS 600u

static uint64_t flash_mem[DT_BOX_FLASH(SEGMENTS) / 8];
static uint64_t guard_mem[DT_BOX_GUARD / 8];
static dt_box box;
static volatile uint32_t steps, wrong;

static void on_tick(void)
{
    float v[4] = {10, 20, 30, 40};
    dura_frame f = DURA_FRAME_INIT;
    dura_decision d = DURA_DECISION_INIT;
    if (steps >= STEPS)
        return;
    steps++;
    v[1] = steps % 40 == 0 ? 900.0f : (float)(steps % 64);
    f.n = 4;
    f.frame = steps;
    f.time.mono_ns = (int64_t)steps * 1000000;
    f.values = v;
    if (dura_guard_step(box.guard, &f, &d) != DURA_OK || !(d.output[0] >= 0.0f && d.output[0] <= 50.0f))
        wrong++;
}

DT_TEST(guard_preempt, step_in_an_interrupt_of_idle_loses_nothing)
{
    dt_spec s;
    dura_guard_status st = DURA_GUARD_STATUS_INIT;
    dura_log_status log = DURA_LOG_STATUS_INIT;
    /* periods that are no multiple of one another, so the interrupt falls everywhere */
    static const uint32_t periods[] = {150000, 233320, 347080};
    dt_spec_init(&s);
    s.commit_records = 16;
    s.seal_records = 128;
    for (size_t p = 0; p < sizeof periods / sizeof periods[0]; p++) {
        dt_box_init(&box, &s, flash_mem, SEGMENTS, guard_mem);
        dt_eq(dt_box_boot(&box), DURA_OK, "boot");
        steps = wrong = 0;
        dt_tick_start(periods[p], on_tick);
        for (uint32_t turn = 0; steps < STEPS; turn++) {
            dura_time now = box.now;
            now.mono_ns += (int64_t)turn * 1000;
            dt_ok(dura_guard_idle(box.guard, &now, 30) >= 0, "idle");
            dt_eq(dura_guard_query(box.guard, &st), DURA_OK, "query");
            dt_ok(st.steps <= steps, "steps counted ahead");
        }
        dt_tick_stop();
        dt_eq(wrong, 0, "unsafe answers");
        dt_eq(dura_guard_save(box.guard, &box.now), DURA_OK, "save");
        dt_eq(dura_guard_query(box.guard, &st), DURA_OK, "query");
        dt_eq(dura_guard_log(box.guard, &log), DURA_OK, "log");
        dt_eq(st.steps, STEPS, "all counted");
        dt_ok(log.seq[1] + st.unrecorded >= STEPS, "recorded %u, unrecorded %u", (unsigned)log.seq[1],
              (unsigned)st.unrecorded);
        dt_ok(st.unrecorded < STEPS / 2, "the worker kept up: %u", (unsigned)st.unrecorded);
        dt_eq(log.durable, log.gseq, "all durable");
        dt_eq(box.flash[0].violations + box.flash[1].violations, 0, "storage contract");
    }
}
#else
DT_TEST(guard_preempt, step_in_an_interrupt_of_idle_loses_nothing)
{
    dt_skip("needs the Cortex-M target; thread_guard is its twin here");
}
#endif
