/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A control loop of 1 kHz beside a worker that swaps brains, and a thread that burns what
 * processor time there is: what thread_update.c and bench/bench_swap.c have in common.
 */
#ifndef DURA_TESTS_UPDATE_LOOP_H
#define DURA_TESTS_UPDATE_LOOP_H

#include "guard_update.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { PERIOD_NS = 1000000 };

static uint32_t done;                    /* set by the producer; atomically */

static inline void require(int ok, const char *what)
{
    if (!ok) {
        printf("FAIL: %s\n", what);
        exit(1);
    }
}

static inline int64_t clock_ns(clockid_t id)
{
    struct timespec t;
    require(clock_gettime(id, &t) == 0, "clock");
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static inline void sleep_until(int64_t mono_ns)
{
    struct timespec t;
    t.tv_sec = (time_t)(mono_ns / 1000000000);
    t.tv_nsec = (long)(mono_ns % 1000000000);
    (void)clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL);
}

static inline void *burn(void *arg)
{
    volatile uint64_t x = 1;
    (void)arg;
    while (!__atomic_load_n(&done, __ATOMIC_ACQUIRE))
        x = x * 6364136223846793005u + 1u;
    return NULL;
}

/* Good and bad ones in turn: the bad answer comes with the first input above 40. */
static inline void next_release(dura_guard *g, uint64_t version, const dura_time *now)
{
    const scale good = {0.5f, (float)(version % 4), 0.0f, 0}, wrong = {0.5f, 0.0f, 40.0f, 1};
    release_brain(version % 2 ? &good : &wrong, version, 0);
    require(dura_guard_offer(g, envelope, envelope_len, now) == DURA_OK, "offer");
    require(dura_guard_write(g, 0, brain, brain_len, now) == DURA_OK, "write");
}

#endif
