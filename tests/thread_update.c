/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A control loop of 1 kHz while brains are swapped and rolled back beside it and another
 * thread burns the processor: no cycle may be missed. A cycle is missed when no model
 * answered it, or when the step took more than its millisecond of processor time (the
 * machine's own scheduling is not dura's to answer for; lateness is printed; the time of
 * an emulated processor, or of one that TSan watches, says nothing and is printed only).
 * Runs for DURA_SECONDS (2). Under TSan it proves the handshake of dura_guard_swap.c.
 */
#include "update_loop.h"

#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define UNDER_TSAN
#endif
#endif
#if (defined(__x86_64__) || defined(__aarch64__)) && !defined(UNDER_TSAN) && !defined(__SANITIZE_THREAD__)
enum { NATIVE = 1 };
#else
enum { NATIVE = 0 };
#endif
enum { SEGMENTS = 2048 };
static uint64_t flash_mem[DT_BOX_FLASH(SEGMENTS) / 8];
static uint64_t guard_mem[DT_BOX_GUARD / 8];
static dt_box box;
static uint64_t cycles, missed, bad, late;
static int64_t worst_cpu, worst_late;

static void one_cycle(uint64_t n)
{
    dura_frame f = DURA_FRAME_INIT;
    dura_decision d = DURA_DECISION_INIT;
    float v[4] = {(float)(n % 50), 20, 30, 40};
    f.n = 4;
    f.frame = n;
    f.time.mono_ns = (int64_t)n * PERIOD_NS;
    f.values = v;
    int64_t before = clock_ns(CLOCK_THREAD_CPUTIME_ID);
    require(dura_guard_step(box.guard, &f, &d) == DURA_OK, "step");
    int64_t took = clock_ns(CLOCK_THREAD_CPUTIME_ID) - before;
    worst_cpu = took > worst_cpu ? took : worst_cpu;
    missed += d.action != DURA_ACT || (NATIVE && took > PERIOD_NS);
    bad += !(d.output[0] >= -20.0f && d.output[0] <= 60.0f);
    cycles++;
}

static void *produce(void *arg)
{
    uint64_t n = 1, end = *(const uint64_t *)arg;
    int64_t at = clock_ns(CLOCK_MONOTONIC);
    for (; n <= end; n++) {
        at += PERIOD_NS;
        sleep_until(at);
        one_cycle(n);
        int64_t behind = clock_ns(CLOCK_MONOTONIC) - at;
        late += behind > PERIOD_NS;
        worst_late = behind > worst_late ? behind : worst_late;
    }
    __atomic_store_n(&done, 1, __ATOMIC_RELEASE);
    return NULL;
}

static void work(uint32_t *kept, uint32_t *rolled_back, uint32_t *refused)
{
    uint64_t version = 1;
    int in_hand = 0;
    while (!__atomic_load_n(&done, __ATOMIC_ACQUIRE)) {
        dura_gate_status st = DURA_GATE_STATUS_INIT;
        dura_time now = box.now;
        box.now.mono_ns += 100000;
        require(dura_guard_idle(box.guard, &now, 50) >= 0, "idle");
        require(dura_guard_release(box.guard, &st) == DURA_OK, "release");
        int shadowed = st.state == DURA_GATE_REJECTED && st.why2 == DURA_WHY2_SHADOW;
        if (in_hand && (st.state == DURA_GATE_COMMITTED || st.state == DURA_GATE_ROLLED_BACK || shadowed)) {
            *kept += st.state == DURA_GATE_COMMITTED;
            *rolled_back += st.state == DURA_GATE_ROLLED_BACK;
            *refused += (uint32_t)shadowed;
            in_hand = 0;
            version++;
        }
        require((st.state != DURA_GATE_REJECTED || shadowed) && st.state != DURA_GATE_SAFE, "the gate goes on");
        if (!in_hand) {
            next_release(box.guard, version, &now);
            in_hand = 1;
        }
    }
}

int main(void)
{
    dt_spec s;
    pthread_t producer, load;
    const char *seconds = getenv("DURA_SECONDS");
    uint64_t n = (seconds ? strtoull(seconds, NULL, 10) : 2) * 1000;
    uint32_t kept = 0, rolled_back = 0, refused = 0;
    dt_spec_init(&s);
    s.slot_bytes = DT_BOX_SLOT;
    s.probation_frames = 60;
    s.shadow_frames = 10; /* short enough that most bad ones get through to probation */
    s.out_lo = -20;
    s.out_hi = 60;
    s.commit_records = 64;
    s.seal_records = 1024;
    s.ring_bytes = 16384;
    dt_box_init(&box, &s, flash_mem, SEGMENTS, guard_mem);
    box.model.backend = &scale_backend;
    box.model.image = &factory;
    box.model.image_len = sizeof factory;
    dt_box_factory(&box, NULL, 0, NULL, 0);
    require(dt_box_boot(&box) == DURA_OK, "boot");
    require(pthread_create(&producer, NULL, produce, &n) == 0 && pthread_create(&load, NULL, burn, NULL) == 0, "threads");
    work(&kept, &rolled_back, &refused);
    require(pthread_join(producer, NULL) == 0 && pthread_join(load, NULL) == 0, "join");
    printf("thread_update: %llu cycles of 1 ms, %llu missed, %llu bad outputs, %u swaps kept, %u rolled back, %u "
           "refused by the shadow run; worst step "
           "%lld us of processor time; %llu cycles late by the machine, worst %lld us\n",
           (unsigned long long)cycles, (unsigned long long)missed, (unsigned long long)bad, (unsigned)kept,
           (unsigned)rolled_back, (unsigned)refused, (long long)(worst_cpu / 1000), (unsigned long long)late, (long long)(worst_late / 1000));
    require(missed == 0, "a cycle was missed");
    require(bad == 0, "a bad output was driven");
    require(kept > 0 && rolled_back > 0, "swaps and rollbacks happened");
    require(ran_dead == 0, "a closed instance was run");
    return 0;
}
