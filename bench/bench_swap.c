/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Decision cycles missed by a swap: a guard decides at 1 kHz while a worker offers brain after
 * brain, good ones that are kept and bad ones that are refused in the shadow run or rolled back,
 * and another thread takes what processor time there is. The same without any update first:
 * what is late there is the machine's doing.
 *
 *   bench_swap [seconds of each run, 10; the logs have room for 20]
 *
 * A cycle is missed when no model answered in it or its step took more than 1 ms of processor
 * time. It is late when it began more than 1 ms behind its time. Then: how long a gate needs at a
 * start to know from its journal where it stands (dura_gate_init, record tags by HMAC-SHA-256).
 */
#include "gate_rig.h"
#include "update_loop.h"

#include <dura/host/crypto.h>

enum { SEGMENTS = 1200, STARTS = 2001 };
enum { ALONE, SHADOWED, PROBATION, KINDS };    /* kinds of cycles */
static const char *const kinds[KINDS] = {"one model", "shadow run", "probation"};

static uint64_t flash_mem[DT_BOX_FLASH(SEGMENTS) / 8], guard_mem[DT_BOX_GUARD / 8];
static dt_box box;
static uint32_t kind;                          /* atomically */
static uint64_t cycles[KINDS], missed, bad, late, first;
static int64_t worst[KINDS], total[KINDS];

static void one_cycle(uint64_t n)
{
    dura_frame f = DURA_FRAME_INIT;
    dura_decision d = DURA_DECISION_INIT;
    float v[4] = {(float)(n % 50), 20, 30, 40};
    uint32_t k = __atomic_load_n(&kind, __ATOMIC_RELAXED);
    f.n = 4;
    f.frame = n;
    f.time.mono_ns = (int64_t)n * PERIOD_NS;
    f.values = v;
    int64_t before = clock_ns(CLOCK_THREAD_CPUTIME_ID);
    require(dura_guard_step(box.guard, &f, &d) == DURA_OK, "step");
    int64_t took = clock_ns(CLOCK_THREAD_CPUTIME_ID) - before;
    missed += d.action != DURA_ACT || took > PERIOD_NS;
    bad += !(d.output[0] >= -20.0f && d.output[0] <= 60.0f);
    cycles[k]++;
    total[k] += took;
    worst[k] = took > worst[k] ? took : worst[k];
}

static void *produce(void *arg)
{
    int64_t at = clock_ns(CLOCK_MONOTONIC);
    for (uint64_t n = *(const uint64_t *)arg; n > 0; n--) {
        at += PERIOD_NS;
        sleep_until(at);
        late += clock_ns(CLOCK_MONOTONIC) - at > PERIOD_NS;
        one_cycle(++first);
    }
    __atomic_store_n(&done, 1, __ATOMIC_RELEASE);
    return NULL;
}

typedef struct ends { uint32_t kept, rolled_back, refused; } ends;

static int over(const dura_gate_status *s, ends *e)
{
    e->kept += s->state == DURA_GATE_COMMITTED;
    e->rolled_back += s->state == DURA_GATE_ROLLED_BACK;
    e->refused += s->state == DURA_GATE_REJECTED;
    return s->state >= DURA_GATE_COMMITTED;
}

/* The worker's share: idle, and updates when they are wanted. */
static void work(int updates, ends *e)
{
    static uint64_t version;
    int in_hand = 0;
    while (!__atomic_load_n(&done, __ATOMIC_ACQUIRE)) {
        dura_gate_status s = DURA_GATE_STATUS_INIT;
        dura_time now = box.now;
        box.now.mono_ns += 100000;
        require(dura_guard_idle(box.guard, &now, 50) >= 0, "idle");
        require(dura_guard_release(box.guard, &s) == DURA_OK, "release");
        __atomic_store_n(&kind, s.state == DURA_GATE_ACCEPTED ? SHADOWED : s.state == DURA_GATE_PROBATION ? PROBATION : ALONE,
                         __ATOMIC_RELAXED);
        in_hand = in_hand && !over(&s, e);
        if (updates && !in_hand) {
            next_release(box.guard, ++version, &now);
            in_hand = 1;
        }
    }
}

/* A box of its own for each run: its logs do not go round. */
static void boot(void)
{
    dt_spec s;
    dt_spec_init(&s);
    s.slot_bytes = DT_BOX_SLOT;
    s.probation_frames = 60;
    s.shadow_frames = 10; /* short enough that many bad ones get through to probation */
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
}

static void run(uint64_t n, int updates)
{
    pthread_t producer, load;
    ends e = {0, 0, 0};
    boot();
    missed = bad = late = first = 0;
    done = 0;
    memset(cycles, 0, sizeof cycles);
    memset(worst, 0, sizeof worst);
    memset(total, 0, sizeof total);
    require(pthread_create(&producer, NULL, produce, &n) == 0 && pthread_create(&load, NULL, burn, NULL) == 0, "threads");
    work(updates, &e);
    require(pthread_join(producer, NULL) == 0 && pthread_join(load, NULL) == 0, "join");
    printf("%s: %llu cycles of 1 ms, %llu missed, %llu bad outputs, %llu late; %u swaps kept, %u rolled back, %u refused by "
           "the shadow run\n", updates ? "updates" : "none", (unsigned long long)n, (unsigned long long)missed,
           (unsigned long long)bad, (unsigned long long)late, (unsigned)e.kept, (unsigned)e.rolled_back, (unsigned)e.refused);
    for (int k = 0; k < KINDS; k++)
        if (cycles[k])
            printf("  %-10s %8llu cycles, mean %6.2f us, longest %6.1f us of processor time\n", kinds[k],
                   (unsigned long long)cycles[k], (double)total[k] / (double)cycles[k] / 1000, (double)worst[k] / 1000);
    require(missed == 0 && bad == 0, "a cycle was missed or a bad output driven");
}

static int by_value(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

static dura_sodium provider;

static int real_mac(void *user, uint32_t slot, const void *msg, size_t n, uint8_t tag[DURA_TAG_BYTES])
{
    (void)user;
    return provider.crypto.mac(provider.crypto.user, slot, msg, n, tag);
}

/* Where a gate stands, from a journal that has been written around, as a restart finds it. */
static void restarts(void)
{
    static rig b;
    static int64_t took[STARTS];
    static const uint8_t device_key[32] = {7};
    dura_gate_hooks h = rig_hooks;
    rig_init_as(&b, 2048, 128, 0xFF, 0);
    require(dura_sodium_init(&provider, NULL, 0, device_key, NULL, NULL) == DURA_OK, "provider");
    h.user = &b;
    b.crypto.mac = real_mac;
    b.ram.candidate = RIG_ELSEWHERE;
    for (int i = 0; i < STARTS; i++) {
        int64_t before = clock_ns(CLOCK_THREAD_CPUTIME_ID);
        require(dura_gate_init(&b.ram.gate, b.ram.object, sizeof b.ram.object, &b.cfg, &h, &b.port) == DURA_OK, "init");
        took[i] = clock_ns(CLOCK_THREAD_CPUTIME_ID) - before;
        if (i == 0) { /* fill it */
            require(dura_gate_start(b.ram.gate) == 0, "start");
            for (uint64_t v = 1; v < 6; v++) {
                rig_prepare(&b, v);
                require(rig_update(&b) == DURA_GATE_COMMITTED, "update");
            }
            b.ram.started = 0;
        }
    }
    dura_sodium_deinit(&provider);
    qsort(took, STARTS, sizeof *took, by_value);
    printf("a start from the journal: median %.1f us, 99 %% %.1f us, longest %.1f us of %d, processor time\n",
           (double)took[STARTS / 2] / 1000,
           (double)took[STARTS * 99 / 100] / 1000, (double)took[STARTS - 1] / 1000, STARTS);
    require(took[STARTS * 99 / 100] < 1000000, "1 ms");
}

int main(int argc, char **argv)
{
    uint64_t n = (argc > 1 ? strtoull(argv[1], NULL, 10) : 10) * 1000;
    run(n, 0);
    run(n, 1);
    restarts();
    return 0;
}
