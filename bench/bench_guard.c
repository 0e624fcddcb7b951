/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the guard adds to a model's own call: 8 channels, 5 checks, 1 output with range and
 * rate, decision recorded into the ring. The worker's share is timed apart. Batches of 32
 * steps, medians of 9 runs; a ratio of two medians from one run is what to quote.
 */
#include "sim/dt_box.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { SEGMENTS = 64, RUNS = 9, BATCHES = 2000, BATCH = 32 };

static uint64_t flash_mem[DT_BOX_FLASH(SEGMENTS) / 8];
static uint64_t guard_mem[1 << 16];
static dt_box box;
static volatile float sink;

static int32_t linear(void *user, const float *in, size_t n_in, float *out, size_t n_out)
{
    static const float w[8] = {0.1f, 0.2f, -0.1f, 0.3f, 0.05f, -0.2f, 0.15f, 0.1f};
    float y = 0.0f;
    (void)user;
    (void)n_out;
    for (size_t i = 0; i < n_in; i++)
        y += w[i] * in[i];
    out[0] = y;
    return 0;
}

static double now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(double *v)
{
    qsort(v, RUNS, sizeof *v, by_value);
    return v[RUNS / 2];
}

static void frame_of(uint64_t n, float v[8])
{
    for (int i = 0; i < 8; i++)
        v[i] = 20.0f + (float)((n * 7 + (uint64_t)i * 13) % 17) * 0.25f;
}

static double raw_run(const dura_backend *b, void *inst)
{
    float v[8], out[1];
    double t = 0;
    for (uint64_t k = 0; k < BATCHES; k++) {
        double start = now_ns();
        for (uint64_t i = 0; i < BATCH; i++) {
            frame_of(k * BATCH + i, v);
            if (b->run(inst, v, 8, out, 1, 0))
                exit(1);
            sink = out[0];
        }
        t += now_ns() - start;
    }
    return t / (BATCHES * BATCH);
}

static void guarded_run(uint64_t *n, double *step_ns, double *idle_ns)
{
    float v[8];
    double step = 0, idle = 0;
    for (int k = 0; k < BATCHES; k++) {
        double start = now_ns();
        for (int i = 0; i < BATCH; i++) {
            dura_frame f = DURA_FRAME_INIT;
            dura_decision d = DURA_DECISION_INIT;
            frame_of(*n, v);
            f.n = 8;
            f.frame = ++*n;
            f.time.mono_ns = (int64_t)*n * 10000000;
            f.values = v;
            if (dura_guard_step(box.guard, &f, &d) != DURA_OK || d.action != DURA_ACT)
                exit(1);
            sink = d.output[0];
        }
        double middle = now_ns();
        dura_time t = {0};
        t.mono_ns = (int64_t)*n * 10000000;
        if (dura_guard_idle(box.guard, &t, 1000000) < 0)
            exit(1);
        step += middle - start;
        idle += now_ns() - middle;
    }
    *step_ns = step / (BATCHES * BATCH);
    *idle_ns = idle / (BATCHES * BATCH);
}

/* A region that forgets: the bench is about the processor, not about a disk. */
static int forget_read(void *user, uint64_t off, void *p, size_t n) { (void)user; (void)off; memset(p, 0, n); return 0; }
static int forget_prog(void *user, uint64_t off, const void *p, size_t n) { (void)user; (void)off; (void)p; (void)n; return 0; }
static int forget_erase(void *user, uint64_t off, size_t n) { (void)user; (void)off; (void)n; return 0; }

int main(void)
{
    static const dura_region blank = {sizeof blank, 4096, 1, 0, (uint64_t)1 << 50, NULL,
                                      forget_read, forget_prog, forget_erase, NULL};
    double raw[RUNS], step[RUNS], idle[RUNS];
    uint64_t inst[16], n = 0;
    dura_fn fn = DURA_FN_INIT;
    dt_spec s;
    dt_spec_init(&s);
    s.channels = 8;
    s.checks |= DURA_CHECK_RATE | DURA_CHECK_FLAT;
    s.rate_fail = 1e4f;
    s.flat_fail_ms = 60000;
    s.out_rate = 1e4f;
    s.ring_bytes = 65536;
    s.commit_records = 64;
    s.seal_records = 1024;
    fn.n_inputs = 8;
    fn.n_outputs = 1;
    fn.call = linear;
    dt_box_init(&box, &s, flash_mem, SEGMENTS, guard_mem);
    box.mem_len = sizeof guard_mem;
    box.model.backend = dura_backend_fn();
    box.model.config = &fn;
    box.port.region[DURA_REGION_SECURITY] = box.port.region[DURA_REGION_DECISION] = &blank;
    if (dt_box_boot(&box) != DURA_OK || box.model.backend->open(inst, &fn, box.model.image, 32) != 0)
        return 1;
    for (int r = 0; r < RUNS; r++) {
        raw[r] = raw_run(box.model.backend, inst);
        guarded_run(&n, &step[r], &idle[r]);
    }
    double m_raw = median(raw), m_step = median(step), m_idle = median(idle);
    printf("guard: raw call %.1f ns, guarded step %.1f ns, added %.1f ns, ratio %.1f (8 channels, 5 checks, log on)\n",
           m_raw, m_step, m_step - m_raw, m_step / m_raw);
    printf("guard: worker %.1f ns per decision (encode, SHA-256 portable fake provider, frame; no disk)\n", m_idle);
    return 0;
}
