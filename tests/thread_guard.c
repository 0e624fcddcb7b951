/* SPDX-License-Identifier: Apache-2.0 */
/*
 * step() in one thread, idle(), query() and override() in another, for TSan: two contexts
 * and no lock. Afterwards every decision is either in the log or counted as unrecorded.
 */
#include "sim/dt_box.h"

#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>

#define SEGMENTS 256u
#define STEPS 4000u

static uint64_t flash_mem[DT_BOX_FLASH(SEGMENTS) / 8];
static uint64_t guard_mem[DT_BOX_GUARD / 8];
static dt_box box;
static uint32_t done;   /* set by the producer, read by the worker; atomically */

static void require(int ok, const char *what)
{
    if (!ok) {
        printf("FAIL: %s\n", what);
        exit(1);
    }
}

static void *produce(void *arg)
{
    float v[4] = {10, 20, 30, 40};
    (void)arg;
    for (uint64_t n = 1; n <= STEPS; n++) {
        dura_frame f = DURA_FRAME_INIT;
        dura_decision d = DURA_DECISION_INIT;
        v[0] = n % 50 == 0 ? 900.0f : (float)(n % 40);
        f.n = 4;
        f.frame = n;
        f.time.mono_ns = (int64_t)n * 1000000;
        f.values = v;
        require(dura_guard_step(box.guard, &f, &d) == DURA_OK, "step");
        require(d.output[0] >= 0.0f && d.output[0] <= 50.0f, "output within the envelope");
        if (n % 16 == 0)
            sched_yield();
    }
    __atomic_store_n(&done, 1, __ATOMIC_RELEASE);
    return NULL;
}

int main(void)
{
    dt_spec s;
    pthread_t producer;
    dura_guard_status st = DURA_GUARD_STATUS_INIT;
    dura_log_status log = DURA_LOG_STATUS_INIT;
    dt_spec_init(&s);
    s.commit_records = 32;
    s.seal_records = 256;
    s.ring_bytes = 32768;
    dt_box_init(&box, &s, flash_mem, SEGMENTS, guard_mem);
    require(dt_box_boot(&box) == DURA_OK, "boot");
    require(pthread_create(&producer, NULL, produce, NULL) == 0, "thread");
    uint64_t last = 0;
    for (uint32_t turn = 0; !__atomic_load_n(&done, __ATOMIC_ACQUIRE); turn++) {
        dura_time now = box.now;
        now.mono_ns += (int64_t)turn * 10000;
        require(dura_guard_idle(box.guard, &now, 50) >= 0, "idle");
        require(dura_guard_query(box.guard, &st) == DURA_OK, "query");
        require(st.steps >= last, "counters rise");
        require(st.actions[0] + st.actions[1] + st.actions[2] + st.actions[3] - st.steps <= 1, "one moment");
        last = st.steps;
        if (turn % 64 == 63 && turn < 64 * 100) /* each one seals: storage is finite */
            require(dura_guard_override(box.guard, turn % 128 == 63 ? DURA_OVERRIDE_STOP : DURA_OVERRIDE_RELEASE,
                                        "operator", "thread test", &now) == DURA_OK, "override");
    }
    require(pthread_join(producer, NULL) == 0, "join");
    require(dura_guard_save(box.guard, &box.now) == DURA_OK, "save");
    require(dura_guard_query(box.guard, &st) == DURA_OK && st.steps == STEPS, "all steps counted");
    require(dura_guard_log(box.guard, &log) == DURA_OK, "log");
    require(log.seq[1] + st.unrecorded >= STEPS, "every decision is recorded or counted");
    require(log.durable == log.gseq, "all durable");
    printf("thread_guard: %u steps, %u in the decision log, %u unrecorded\n", (unsigned)st.steps,
           (unsigned)log.seq[1], (unsigned)st.unrecorded);
    return 0;
}
