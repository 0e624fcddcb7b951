/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bench_sensor.c - what one sample costs, ours and a plain one from the same run.
 *
 * 16 channels, all five checks, one frame per call, every value moving and GOOD; then
 * the same with one channel in eight frames out of range. The plain peer is what one
 * would write first: a struct per channel, the same checks and the same results, an
 * `if` per limit. Both get the same frames in turn; the median of nine rounds counts. Then
 * the sensor extended by spike, noise and drift on every channel: eight checks, nothing found,
 * a frame a call and all frames in one. At last a sensor of one channel.
 */
#define _POSIX_C_SOURCE 199309L
#include <dura/sensor_checks.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define N 16
#define FRAMES 512      /* 32 KiB of values: stays in the first caches, as live frames do */
#define REPEAT 200
#define ROUNDS 9
#define STEP_NS 1000000

typedef struct plain {
    float fail_lo, suspect_lo, suspect_hi, fail_hi, rate_suspect, rate_fail, tolerance;
    int64_t flat_suspect, flat_fail, hold;
    int seen, seen_good, window;
    float last, good, begin, usable, ratio;
    int64_t last_ns, good_ns, begin_ns;
    uint64_t history;
    uint32_t reasons;
    uint8_t verdict;
} plain;

static float values[2][FRAMES][N];
static plain peer[N];
static uint64_t memory[DURA_SENSOR_BYTES(N) / 8];
static uint32_t sink;

static float absolute(float x)
{
    return x < 0.0f ? -x : x;
}

static uint32_t plain_value(plain *p, int64_t now, float x)
{
    uint32_t r = 0;
    float dt = (float)(now - p->last_ns) * 1e-9f;
    if (x < p->fail_lo || x > p->fail_hi)
        r |= DURA_R_RANGE_FAIL;
    else if (x < p->suspect_lo || x > p->suspect_hi)
        r |= DURA_R_RANGE_SUSPECT;
    if (!p->seen) {
        r |= DURA_R_WARMUP;
    } else {
        float dx = absolute(x - p->last);
        p->ratio = dx / (p->rate_fail * dt);
        if (dx > p->rate_fail * dt)
            r |= DURA_R_RATE_FAIL;
        else if (dx > p->rate_suspect * dt)
            r |= DURA_R_RATE_SUSPECT;
    }
    if (!p->window || absolute(x - p->begin) > p->tolerance) {
        if (!(r & (DURA_R_RANGE_FAIL | DURA_R_RATE_FAIL))) {
            p->window = 1;
            p->begin = x;
            p->begin_ns = now;
        }
    } else if (now - p->begin_ns >= p->flat_fail) {
        r |= DURA_R_FLAT_FAIL;
    } else if (now - p->begin_ns >= p->flat_suspect) {
        r |= DURA_R_FLAT_SUSPECT;
    }
    return r;
}

static uint8_t plain_verdict(uint32_t r)
{
    if (r & (DURA_R_NONFINITE | DURA_R_RANGE_FAIL | DURA_R_RATE_FAIL | DURA_R_FLAT_FAIL))
        return DURA_FAIL;
    if (r & (DURA_R_RANGE_SUSPECT | DURA_R_RATE_SUSPECT | DURA_R_FLAT_SUSPECT))
        return DURA_SUSPECT;
    return r & DURA_R_WARMUP ? DURA_UNKNOWN : DURA_GOOD;
}

static uint8_t plain_channel(plain *p, int64_t now, float x)
{
    uint32_t bits, r;
    memcpy(&bits, &x, sizeof bits);
    r = (bits & 0x7F800000u) == 0x7F800000u ? DURA_R_NONFINITE : plain_value(p, now, x);
    p->verdict = plain_verdict(r);
    if (p->verdict != DURA_FAIL) {
        p->last = p->usable = x;
        p->last_ns = now;
        p->seen = 1;
        if (p->verdict != DURA_SUSPECT) {
            p->good = x;
            p->good_ns = now;
            p->seen_good = 1;
        }
    } else if (p->seen_good && now - p->good_ns <= p->hold) {
        p->usable = p->good;
        r |= DURA_R_SUBSTITUTED;
    } else {
        p->usable = 0.0f;
    }
    p->reasons = r;
    p->history = (p->history << 1) | (p->verdict == DURA_GOOD);
    return p->verdict;
}

/* Not inlined, so that it is a call per frame as ours is. */
static __attribute__((noinline)) uint32_t plain_frame(int64_t now, int64_t *last, const float *x,
                                                      float *usable)
{
    uint32_t worst = DURA_GOOD, all = 0;
    int i;
    if (now <= *last)
        return DURA_REJECT;
    *last = now;
    for (i = 0; i < N; i++) {
        uint8_t v = plain_channel(&peer[i], now, x[i]);
        usable[i] = peer[i].usable;
        all |= peer[i].reasons;
        if (v > worst && !(peer[i].reasons & DURA_R_SUBSTITUTED))
            worst = v;
    }
    return worst >= DURA_SUSPECT ? DURA_REJECT
           : all & DURA_R_SUBSTITUTED ? DURA_SUBSTITUTE : DURA_PASS;
}

static void limits(dura_sensor *s, uint16_t n)
{
    dura_sensor_channel c = DURA_SENSOR_CHANNEL_INIT;
    uint16_t i;
    c.checks = DURA_CHECK_TIME | DURA_CHECK_FINITE | DURA_CHECK_RANGE | DURA_CHECK_RATE |
               DURA_CHECK_FLAT;
    c.fail_lo = -10.0f, c.suspect_lo = -8.0f, c.suspect_hi = 8.0f, c.fail_hi = 10.0f;
    c.rate_suspect = 5000.0f, c.rate_fail = 10000.0f, c.flat_tolerance = 1e-4f;
    c.flat_suspect_ns = 50000000, c.flat_fail_ns = 100000000, c.hold_ns = 1000000000;
    for (i = 0; i < n; i++) {
        plain p = {-10.0f, -8.0f, 8.0f, 10.0f, 5000.0f, 10000.0f, 1e-4f, 50000000, 100000000,
                   1000000000, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0};
        peer[i] = p;
        if (dura_sensor_attach(s, i, &c) < 0)
            exit(1);
    }
}

static void fill(void)
{
    uint32_t x = 1;
    int f, i;
    for (f = 0; f < FRAMES; f++)
        for (i = 0; i < N; i++) {
            x = x * 1664525u + 1013904223u;
            values[0][f][i] = values[1][f][i] = (float)(x >> 8) * (1.0f / 16777216.0f) * 4.0f - 2.0f;
        }
    for (f = 0; f < FRAMES; f += 8)
        values[1][f][f / 8 % N] = 50.0f;
}

static double seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static double ours_of(dura_sensor *s, uint16_t n, int set, int64_t *now)
{
    dura_sensor_report rep = DURA_SENSOR_REPORT_INIT;
    float usable[N];
    double t0 = seconds();
    int k, f;
    for (k = 0; k < REPEAT; k++)
        for (f = 0; f < FRAMES; f++) {
            *now += STEP_NS;
            if (dura_sensor_update(s, *now, values[set][f], NULL, n, usable, &rep) < 0)
                exit(1);
            sink += rep.action;
        }
    return (seconds() - t0) * 1e9 / ((double)REPEAT * FRAMES * n);
}

static double ours(dura_sensor *s, int set, int64_t *now)
{
    return ours_of(s, N, set, now);
}

/* All frames in one call, verdicts wanted. */
static double batch(dura_sensor *s, int64_t *now)
{
    static int64_t stamps[FRAMES];
    static uint8_t actions[FRAMES], verdicts[FRAMES * N];
    double t0 = seconds();
    int k, f;
    for (k = 0; k < REPEAT; k++) {
        for (f = 0; f < FRAMES; f++)
            stamps[f] = *now += STEP_NS;
        if (dura_sensor_update_n(s, stamps, values[0][0], FRAMES, N, actions, verdicts) < 0)
            exit(1);
        sink += actions[FRAMES - 1];
    }
    return (seconds() - t0) * 1e9 / ((double)REPEAT * FRAMES * N);
}

static double theirs(int set, int64_t *now, int64_t *last)
{
    float usable[N];
    double t0 = seconds();
    int k, f;
    for (k = 0; k < REPEAT; k++)
        for (f = 0; f < FRAMES; f++) {
            *now += STEP_NS;
            sink -= plain_frame(*now, last, values[set][f], usable);
        }
    return (seconds() - t0) * 1e9 / ((double)REPEAT * FRAMES * N);
}

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void compare(dura_sensor *s, int set, const char *what)
{
    static int64_t now[2], last = -1;
    double a[ROUNDS], b[ROUNDS];
    int k;
    sink = 0;
    for (k = 0; k < ROUNDS; k++) {
        a[k] = ours(s, set, &now[0]);
        b[k] = theirs(set, &now[1], &last);
    }
    qsort(a, ROUNDS, sizeof a[0], ascending);
    qsort(b, ROUNDS, sizeof b[0], ascending);
    printf("sensor: %.2f ns/sample (16 channels, 5 checks)%s\n", a[ROUNDS / 2], what);
    printf("plain:  %.2f ns/sample, same checks, a branch per limit; %s actions\n", b[ROUNDS / 2],
           sink == 0 ? "same" : "DIFFERENT");
}

static dura_sensor *sensor_of(uint16_t n, size_t *bytes)
{
    static uint64_t mem[DURA_SENSOR_BYTES(N) / 8];
    dura_sensor_config cfg = DURA_SENSOR_CONFIG_INIT;
    dura_sensor *s;
    cfg.n_channels = n;
    cfg.gap_ns = 10 * STEP_NS;
    if (dura_sensor_init(&s, mem, sizeof mem, &cfg) < 0)
        exit(1);
    limits(s, n);
    *bytes = dura_sensor_bytes(&cfg);
    return s;
}

/* Wide enough for values thrown between -2 and 2; what costs is the arithmetic. */
static dura_sensor *extended(uint16_t n, size_t *bytes)
{
    static uint64_t more[DURA_SENSOR_EXTRA_BYTES(N, 0, 0) / 8];
    dura_sensor_extra x = DURA_SENSOR_EXTRA_INIT;
    dura_sensor *s = sensor_of(n, bytes);
    x.n_channels = n;
    *bytes += dura_sensor_extra_bytes(&x);
    if (dura_sensor_extend(s, more, sizeof more, &x) < 0)
        exit(1);
    for (uint16_t i = 0; i < 3 * n; i++) {
        dura_sensor_check c = {.struct_size = sizeof c, .channel = i / 3};
        c.kind = (uint8_t)(DURA_CK_SPIKE + i % 3);
        c.suspect = c.fail = c.scale = 9.0f;
        c.hi = i % 3 == 1 ? 9.0f : 0.0f;
        c.lo = i % 3 == 1 ? 0.1f : 0.0f;
        c.window = 30;
        if (dura_sensor_add(s, &c) < 0)
            exit(1);
    }
    return s;
}

static double median(double *a)
{
    qsort(a, ROUNDS, sizeof a[0], ascending);
    return a[ROUNDS / 2];
}

static void eight_checks(void)
{
    int64_t now = 0;
    size_t bytes;
    double a[ROUNDS], b[ROUNDS];
    dura_sensor *s = extended(N, &bytes);
    for (int k = 0; k < ROUNDS; k++) {
        a[k] = ours(s, 0, &now);
        b[k] = batch(s, &now);
    }
    printf("sensor: %.2f ns/sample (16 channels, 8 checks: spike, noise, drift as well)\n", median(a));
    printf("batch:  %.2f ns/sample, the same, 512 frames a call\n", median(b));
    printf("memory: %u bytes for 16 channels, extended\n", (unsigned)bytes);
}

static void one_channel(void)
{
    int64_t now = 0;
    size_t bytes;
    double a[ROUNDS], b[ROUNDS];
    dura_sensor *s = sensor_of(1, &bytes);
    for (int k = 0; k < ROUNDS; k++)
        a[k] = ours_of(s, 1, 0, &now);
    s = extended(1, &bytes);
    now = 0;
    for (int k = 0; k < ROUNDS; k++)
        b[k] = ours_of(s, 1, 0, &now);
    printf("single: %.2f ns/sample (1 channel, 5 checks), %.2f (8 checks)\n", median(a), median(b));
}

int main(void)
{
    dura_sensor_config cfg = DURA_SENSOR_CONFIG_INIT;
    dura_sensor *s;
    cfg.n_channels = N;
    cfg.gap_ns = 10 * STEP_NS;
    if (dura_sensor_init(&s, memory, sizeof memory, &cfg) < 0)
        return 1;
    limits(s, N);
    fill();
    compare(s, 0, "");
    compare(s, 1, ", one value in 128 out of range");
    printf("memory: %u bytes for 16 channels, limits included\n", (unsigned)dura_sensor_bytes(&cfg));
    eight_checks();
    one_channel();
    return 0;
}
