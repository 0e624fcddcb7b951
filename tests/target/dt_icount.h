/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dt_icount.h - counting instructions, and an interrupt that comes on time.
 *
 * Under `qemu-system-arm -icount shift=0` one instruction is one nanosecond of virtual
 * time, and the board's 25 MHz clock ticks every 40 instructions. A count is therefore
 * the same in every run and on every machine: a budget in instructions can be a test.
 * QEMU counts instructions, not the cycles of a real core.
 *
 *     uint32_t n = 0;
 *     DT_ICOUNT(n, dura_guard_step(g, &f, &d));
 *
 * DT_ICOUNT is right to within DT_ICOUNT_SLACK instructions: it waits for a tick before
 * the work and finds how far into a tick the work ended.
 *
 * dt_tick_start() calls `f` from the SysTick interrupt every `period` instructions
 * (rounded up to 40), until dt_tick_stop(). The counter has a timer of its own, so both
 * may run at once. Only on Cortex-M (DT_TARGET_ARM is defined there).
 */
#ifndef DT_ICOUNT_H
#define DT_ICOUNT_H

#include <stdint.h>

#define DT_ICOUNT_PER_TICK 40u
#define DT_ICOUNT_SLACK 4u

/* Waits for a tick; returns what dt_icount_end() wants. */
uint32_t dt_icount_begin(void);
/* Instructions since dt_icount_begin() returned; range 2^32. */
uint32_t dt_icount_end(uint32_t begin);

#define DT_ICOUNT(n, work)                          \
    do {                                            \
        uint32_t dt_begin_ = dt_icount_begin();     \
        work;                                       \
        (n) = dt_icount_end(dt_begin_);             \
    } while (0)

/* period: 40..2^24 * 40 instructions. f runs in handler mode with interrupts enabled for
 * nothing else; it must end before the next tick or the tick is lost. */
void dt_tick_start(uint32_t period, void (*f)(void));
void dt_tick_stop(void);
/* Ticks delivered since dt_tick_start(). */
uint32_t dt_tick_count(void);

#endif
