/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What dura costs around a real runtime, and what it keeps from it.
 *
 *   bench_backend cost RUNTIME MODEL           guarded step beside ONNX Runtime's own call
 *   bench_backend flips PLUGIN CONFIG MODEL N  N flipped bits: through dura, and without it
 *   bench_backend hold RUNTIME MODEL SECONDS   runs the model ten times a second, for who watches
 *
 * cost: the runtime's Run on tensors that are there, then a guarded step around the plug-in
 * (8 channels, 5 checks, every output bounded, log on), in turn, 10,000 batches of 32
 * each. The fifth percentile of the batches is quoted: what both take when nobody else
 * wants the processor. The aim is 8 %; it fails over 30 %. flips: each model in a process of its own; what
 * opens and what it answers. Fails when one flip gets through dura. Without arguments there
 * is no runtime: what a run in a process of its own takes.
 */
#include "../examples/backends/onnxruntime.c"

#include <dura/host/backend.h>
#include <dura/host/crypto.h>

#include "sim/dt_box.h"

#include <stdio.h>
#include <time.h>

enum { SEGMENTS = 64, TURNS = 10000, QUIET = TURNS / 20, BATCH = 32, LIMIT_PERCENT = 30 };

static uint64_t flash_mem[DT_BOX_FLASH(SEGMENTS) / 8];
static uint64_t guard_mem[1 << 16];
static dt_box box;
static ort_inst inst;
static volatile float sink;

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

static uint8_t *read_file(const char *path, size_t *n)
{
    static uint8_t bytes[2][1 << 20];
    static int turn;
    FILE *f = fopen(path, "rb");
    turn ^= 1;
    *n = f ? fread(bytes[turn], 1, sizeof bytes[turn], f) : 0;
    if (f)
        fclose(f);
    return bytes[turn];
}

/* ---- cost ---------------------------------------------------------------------------------- */

static int forget_read(void *user, uint64_t off, void *p, size_t n) { (void)user; (void)off; memset(p, 0, n); return 0; }
static int forget_prog(void *user, uint64_t off, const void *p, size_t n) { (void)user; (void)off; (void)p; (void)n; return 0; }
static int forget_erase(void *user, uint64_t off, size_t n) { (void)user; (void)off; (void)n; return 0; }

static void frame_of(uint64_t n, float *v)
{
    for (uint32_t i = 0; i < 8; i++)
        v[i] = 20.0f + (float)((n * 7 + (uint64_t)i * 13) % 17) * 0.25f;
}

static double raw_batch(uint64_t n)
{
    double start = now_ns();
    for (uint64_t i = 0; i < BATCH; i++) {
        frame_of(n + i, inst.x);
        if (run_session(&inst))
            exit(1);
        sink = inst.y[0];
    }
    return now_ns() - start;
}

static double guarded_batch(uint64_t *n)
{
    float v[8];
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
            exit(2);
        sink = d.output[0];
    }
    double took = now_ns() - start;
    dura_time t = {0};
    t.mono_ns = (int64_t)*n * 10000000;
    if (dura_guard_idle(box.guard, &t, 1000000) < 0)
        exit(3);
    return took;
}

static int boot(const char *runtime, const void *model, size_t len)
{
    static const dura_region blank = {sizeof blank, 4096, 1, 0, (uint64_t)1 << 50, NULL,
                                      forget_read, forget_prog, forget_erase, NULL};
    dt_spec s;
    dt_spec_init(&s);
    s.channels = 8;
    s.outputs = (uint16_t)inst.n_out;
    s.checks |= DURA_CHECK_RATE | DURA_CHECK_FLAT;
    s.rate_fail = 1e4f;
    s.flat_fail_ms = 60000;
    s.out_lo = -1e4f;
    s.out_hi = 1e4f;
    s.out_rate = 1e6f;
    s.ring_bytes = 65536;
    s.commit_records = 64;
    s.seal_records = 1024;
    dt_box_init(&box, &s, flash_mem, SEGMENTS, guard_mem);
    box.mem_len = sizeof guard_mem;
    box.model.backend = &ort_backend;
    box.model.config = runtime;
    box.model.image = model;
    box.model.image_len = len;
    dt_box_factory(&box, NULL, 0, NULL, 0);
    box.port.region[DURA_REGION_SECURITY] = box.port.region[DURA_REGION_DECISION] = &blank;
    return dt_box_boot(&box);
}

static int cost(const char *runtime, const char *path)
{
    static double raw[TURNS], step[TURNS];
    uint64_t n = 0;
    size_t len;
    const uint8_t *model = read_file(path, &len);
    if (!len || ort_open(&inst, runtime, model, len) != DURA_OK || inst.n_in != 8 || boot(runtime, model, len) != DURA_OK) {
        printf("backend: %s with %s: no guarded model of 8 inputs\n", runtime, path);
        return 1;
    }
    for (int r = 0; r < TURNS; r++) {
        raw[r] = raw_batch(n) / BATCH;
        step[r] = guarded_batch(&n) / BATCH;
    }
    qsort(raw, TURNS, sizeof *raw, by_value);
    qsort(step, TURNS, sizeof *step, by_value);
    double more = 100.0 * (step[QUIET] / raw[QUIET] - 1.0), half = 100.0 * (step[TURNS / 2] / raw[TURNS / 2] - 1.0);
    printf("backend: ONNX Runtime's own call %.0f ns, guarded step %.0f ns, %.1f %% more (medians: %.0f, %.0f, %.1f %%; 8 channels, 5 checks, "
           "%u outputs, log on)\n", raw[QUIET], step[QUIET], more, raw[TURNS / 2], step[TURNS / 2], half, (unsigned)inst.n_out);
    return more > LIMIT_PERCENT;
}

/* ---- flips ----------------------------------------------------------------------------------- */

enum { SAME, DIFFERENT, REFUSED, CRASHED, HUNG, ENDS };

/* What the runtime alone makes of an image. */
static int alone(const dura_isolated *c, const uint8_t *image, size_t len, float *out)
{
    uint64_t mem[64];
    float in[DURA_MODEL_INPUTS_MAX];
    dura_backend_io io = DURA_BACKEND_IO_INIT;
    const dura_backend *b = dura_backend_isolated();
    int32_t rc = b->open(mem, c, image, len);
    if (rc != DURA_OK)
        return rc == DURA_EIO ? CRASHED : rc == DURA_ETIME ? HUNG : REFUSED;
    rc = b->io(mem, &io);
    for (uint32_t i = 0; i < io.n_inputs; i++)
        in[i] = 0.5f + 0.25f * (float)(i % 5u);
    float got[DURA_OUTPUTS_MAX] = {0};
    if (rc == DURA_OK)
        rc = b->run(mem, in, io.n_inputs, got, io.n_outputs, 0);
    b->close(mem);
    int same = memcmp(got, out, sizeof got) == 0;
    memcpy(out, got, sizeof got);
    return rc == DURA_EIO ? CRASHED : rc == DURA_ETIME ? HUNG : rc != DURA_OK ? REFUSED : same ? SAME : DIFFERENT;
}

static int flips(const char *plugin, const char *config, const char *path, unsigned n)
{
    static const char *const words[ENDS] = {"same answer", "silently another answer", "refused", "crashed", "hung"};
    dura_isolated c = DURA_ISOLATED_INIT;
    uint8_t plugin_digest[32], digest[32];
    float right[DURA_OUTPUTS_MAX] = {0};
    unsigned ends[ENDS] = {0}, through = 0;
    uint64_t seed = 9;
    size_t len;
    uint8_t *image = read_file(path, &len);
    c.path = plugin;
    c.plugin_digest = plugin_digest;
    c.config = config;
    c.load_ms = c.run_us = 5000;
    c.run_us *= 1000;
    c.memory_mib = 4096;
    if (!len || dura_plugin_digest(plugin, plugin_digest, NULL) != DURA_OK || alone(&c, image, len, right) > DIFFERENT)
        return printf("backend: %s does not open %s\n", plugin, path), 1;
    dura_sha256_query(digest, image, len);
    for (unsigned i = 0; i < n; i++) {
        float out[DURA_OUTPUTS_MAX];
        dura_model m;
        size_t bit = (size_t)(dt_random(&seed) % (8u * (uint64_t)len));
        image[bit / 8] ^= (uint8_t)(1u << bit % 8);
        through += dura_plugin_model(&m, dura_backend_isolated(), &c, image, len, digest, NULL) == DURA_OK;
        memcpy(out, right, sizeof out);
        ends[alone(&c, image, len, out)]++;
        image[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    printf("backend: %u flips of %s (%zu bytes) through dura: %u accepted, 0 crashes; %s alone:", n, path, len, through, plugin);
    for (int e = 0; e < ENDS; e++)
        printf(" %u %s%s", ends[e], words[e], e + 1 < ENDS ? "," : "\n");
    return through != 0;
}

static int hold(const char *runtime, const char *path, unsigned seconds)
{
    const struct timespec pause = {0, 100000000};
    size_t len;
    const uint8_t *model = read_file(path, &len);
    if (!len || ort_open(&inst, runtime, model, len) != DURA_OK)
        return printf("backend: %s does not open %s\n", runtime, path), 1;
    printf("open\n");
    fflush(stdout);
    for (unsigned i = 0; i < 10 * seconds; i++)
        if (run_session(&inst) || nanosleep(&pause, NULL))
            return 1;
    ort_close(&inst);
    return 0;
}

/* ---- a process of its own ------------------------------------------------------------------- */

static int32_t first_of(void *user, const float *in, size_t n_in, float *out, size_t n_out)
{
    (void)user, (void)n_in, (void)n_out;
    out[0] = in[0];
    return DURA_OK;
}

static int isolated(void)
{
    static double took[TURNS];
    uint64_t mem[64];
    const float in[8] = {1.0f};
    float out[1];
    dura_fn fn = DURA_FN_INIT;
    dura_isolated c = DURA_ISOLATED_INIT;
    const dura_backend *b = dura_backend_isolated();
    fn.n_inputs = 8;
    fn.n_outputs = 1;
    fn.call = first_of;
    c.backend = dura_backend_fn();
    c.config = &fn;
    if (b->open(mem, &c, "first 1", 7) != DURA_OK)
        return 1;
    for (int i = 0; i < TURNS; i++) {
        double start = now_ns();
        if (b->run(mem, in, 8, out, 1, 0) != DURA_OK)
            return 1;
        took[i] = now_ns() - start;
    }
    b->close(mem);
    qsort(took, TURNS, sizeof *took, by_value);
    printf("backend: a run in a process of its own p5 %.1f us, p50 %.1f us, p99 %.1f us\n", took[QUIET] / 1e3, took[TURNS / 2] / 1e3,
           took[TURNS / 100 * 99] / 1e3);
    return 0;
}

int main(int argc, char **argv)
{
    if (argc == 1)
        return isolated();
    if (argc == 5 && strcmp(argv[1], "hold") == 0)
        return hold(argv[2], argv[3], (unsigned)strtoul(argv[4], NULL, 10));
    if (argc == 4 && strcmp(argv[1], "cost") == 0)
        return cost(argv[2], argv[3]);
    if (argc == 6 && strcmp(argv[1], "flips") == 0)
        return flips(argv[2], argv[3], argv[4], (unsigned)strtoul(argv[5], NULL, 10));
    printf("backend: bench_backend cost RUNTIME MODEL, or flips PLUGIN CONFIG MODEL N\n");
    return 1;
}
