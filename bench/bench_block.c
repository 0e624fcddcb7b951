/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bench_block.c - what a pixel and a sample cost, ours and a plain one from the same run.
 *
 * An image of 640 x 480 with all checks; a window of 4096 samples with all checks and a
 * spectrum of 1024 points. The plain peers are what one would write first: for the image one
 * pass over the pixels for level, rails, slopes, dead and hot ones, row and column sums, row
 * steps and a 64-bit FNV-1a; for the window two passes in double and a transform in double
 * with the C library's sine. They find fewer figures than we do: no noise, no odd rows or
 * columns, no sideways shift. Both get the same blocks in turn, nine rounds by the processor's
 * clock; the median and the least are printed, and the figures both find are compared.
 */
#include <dura/block.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "sim/dt_sim.h"

#define W 640u
#define H 480u
#define N 4096u
#define POINTS 1024u
#define BLOCKS 8u
#define REPEAT_IMAGE 4
#define REPEAT_WINDOW 64
#define ROUNDS 9
#define PERIOD_NS 100000000LL
#define CHECKS_IMAGE                                                                   \
    (DURA_B_TIME | DURA_B_LATE | DURA_B_REPEAT | DURA_B_CHANGE | DURA_B_EXPOSURE |     \
     DURA_B_BALANCE | DURA_B_CONTRAST | DURA_B_BLUR | DURA_B_NOISE | DURA_B_LINES |    \
     DURA_B_ELEMENTS)
#define CHECKS_WINDOW                                                                  \
    (DURA_B_TIME | DURA_B_LATE | DURA_B_REPEAT | DURA_B_CLIPPED | DURA_B_OFFSET |      \
     DURA_B_LEVEL | DURA_B_SHAPE | DURA_B_STUCK | DURA_B_BAND | DURA_B_SPECTRUM |      \
     DURA_B_LINE)

/* What both sides find, for comparison. */
typedef struct found {
    double mean, deviation, dark, bright, dead, hot, kurtosis, line;
} found;

static uint64_t memory[DURA_BLOCK_BYTES(W, POINTS, 64) / 8 + 1];
static uint8_t image[BLOCKS][W * H];
static float window[BLOCKS][N];
static uint32_t columns[W];
static uint64_t sink;

static double seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);     /* others may be at work here */
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static uint64_t fnv(const uint8_t *p, size_t n)
{
    uint64_t h = 0xcbf29ce484222325u;
    for (size_t i = 0; i < n; i++)
        h = (h ^ p[i]) * 0x100000001b3u;
    return h;
}

/* ---- the plain peers ----------------------------------------------------------------- */

static int least(int a, int b) { return a < b ? a : b; }
static int most(int a, int b) { return a > b ? a : b; }

static __attribute__((noinline)) void plain_image(const uint8_t *p, found *f)
{
    uint64_t sum = 0, square = 0, slope = 0, steps = 0, rows = 0;
    uint32_t dark = 0, bright = 0, dead = 0, hot = 0;
    memset(columns, 0, sizeof columns);
    for (uint32_t y = 0; y < H; y++) {
        uint32_t row = 0;
        for (uint32_t x = 0; x < W; x++) {
            const uint8_t *q = p + (size_t)y * W + x;
            int v = *q;
            row += (uint32_t)v;
            square += (uint32_t)(v * v);
            columns[x] += (uint32_t)v;
            dark += v <= 4;
            bright += v >= 251;
            if (y > 0) {
                int up = v - q[-(int)W];
                steps += (uint32_t)(up < 0 ? -up : up);
                slope += (uint32_t)(up * up);
            }
            if (x > 0 && y > 0 && x < W - 1 && y < H - 1) {
                int across = q[1] - v;
                int lo = least(least(q[-1], q[1]), least(q[-(int)W], q[W]));
                int hi = most(most(q[-1], q[1]), most(q[-(int)W], q[W]));
                slope += (uint32_t)(across * across);
                dead += lo - v >= 32;
                hot += v - hi >= 32;
            }
        }
        sum += row;
        rows ^= row;
    }
    f->mean = (double)sum / (W * H);
    f->deviation = sqrt((double)square / (W * H) - f->mean * f->mean);
    f->dark = (double)dark / (W * H), f->bright = (double)bright / (W * H);
    f->dead = dead, f->hot = hot;
    sink += fnv(p, (size_t)W * H) + slope + steps + rows + columns[W / 2];
}

/* In place, radix 2, n complex points. */
static void plain_transform(double *re, double *im, uint32_t n)
{
    for (uint32_t i = 1, k = 0; i < n; i++) {
        uint32_t bit = n >> 1;
        for (; k & bit; bit >>= 1)
            k ^= bit;
        k ^= bit;
        if (i < k) {
            double t = re[i];
            re[i] = re[k], re[k] = t;
            t = im[i], im[i] = im[k], im[k] = t;
        }
    }
    for (uint32_t half = 1; half < n; half *= 2)
        for (uint32_t k = 0; k < half; k++) {
            double c = cos(3.14159265358979324 * k / half), s = -sin(3.14159265358979324 * k / half);
            for (uint32_t i = k; i < n; i += 2 * half) {
                double x = re[i + half] * c - im[i + half] * s, y = re[i + half] * s + im[i + half] * c;
                re[i + half] = re[i] - x, im[i + half] = im[i] - y;
                re[i] += x, im[i] += y;
            }
        }
}

static double plain_line(const float *x, double mean)
{
    static double re[POINTS], im[POINTS], power[POINTS / 2 + 1], hann[POINTS];
    double best = 0.0;
    if (hann[POINTS / 2] <= 0.0)
        for (uint32_t i = 0; i < POINTS; i++)
            hann[i] = 0.5 - 0.5 * cos(2 * 3.14159265358979324 * i / POINTS);
    memset(power, 0, sizeof power);
    for (uint32_t from = 0; from < N; from += POINTS) {
        for (uint32_t i = 0; i < POINTS; i++)
            re[i] = ((double)x[from + i] - mean) * hann[i], im[i] = 0.0;
        plain_transform(re, im, POINTS);
        for (uint32_t i = 0; i <= POINTS / 2; i++)
            power[i] += re[i] * re[i] + im[i] * im[i];
    }
    for (uint32_t i = 1; i < POINTS / 2; i++) {
        double three = power[i - 1] * (i == 1 ? 0.5 : 1.0) + power[i] + power[i + 1] * (i == POINTS / 2 - 1 ? 0.5 : 1.0);
        best = three > best ? three : best;
    }
    return sqrt(best * 2.0 / (POINTS * 0.375 * POINTS) / (N / POINTS));
}

static __attribute__((noinline)) void plain_window(const float *x, found *f)
{
    double sum = 0.0, two = 0.0, four = 0.0;
    uint32_t clipped = 0, run = 1, longest = 1;
    for (uint32_t i = 0; i < N; i++) {
        sum += (double)x[i];
        clipped += x[i] <= -4.0f || x[i] >= 4.0f;
        run = i > 0 && x[i] <= x[i - 1] && x[i] >= x[i - 1] ? run + 1 : 1;
        longest = run > longest ? run : longest;
    }
    f->mean = sum / N;
    for (uint32_t i = 0; i < N; i++) {
        double d = (double)x[i] - f->mean;
        two += d * d;
        four += d * d * d * d;
    }
    f->deviation = sqrt(two / N);
    f->kurtosis = four * N / (two * two);
    f->line = plain_line(x, f->mean);
    sink += fnv((const uint8_t *)x, N * sizeof *x) + clipped + longest;
}

/* ---- ours ------------------------------------------------------------------------------ */

static dura_block *built(int is_image)
{
    dura_block_config c = DURA_BLOCK_CONFIG_INIT;
    dura_block *b;
    c.kind = is_image ? DURA_BLOCK_U8 : DURA_BLOCK_F32;
    c.checks = is_image ? CHECKS_IMAGE : CHECKS_WINDOW;
    c.width = is_image ? W : N;
    c.height = is_image ? H : 0;
    c.late_ns = PERIOD_NS;
    c.repeat_fail = 65535;       /* the blocks come round again */
    c.clip_lo = is_image ? 4.0f : -4.0f;
    c.clip_hi = is_image ? 251.0f : 4.0f;
    if (!is_image) {
        c.spectrum = POINTS, c.rate_hz = 1.0f, c.n_bands = 2, c.n_lines = 1;
        c.band_hz[1] = 0.25f, c.band_hz[2] = 0.5f, c.share[0] = 1.0f;
        c.line_hi_hz[0] = 0.5f;
    }
    for (int i = 0; i < DURA_BLOCK_FEATURES; i++)
        c.fail_lo[i] = -DURA_BLOCK_ANY, c.fail_hi[i] = DURA_BLOCK_ANY;
    if (dura_block_init(&b, memory, sizeof memory, &c) < 0)
        exit(1);
    return b;
}

static void ours(dura_block *b, int is_image, uint32_t k, found *f)
{
    static int64_t now;
    dura_block_report r = DURA_BLOCK_REPORT_INIT;
    float x[DURA_BLOCK_FEATURES];
    now += PERIOD_NS;
    if (dura_block_update(b, now, now, is_image ? (const void *)image[k] : (const void *)window[k],
                          is_image ? sizeof image[k] : sizeof window[k], 0, &r) < 0 ||
        dura_block_features(b, x, DURA_BLOCK_FEATURES) < 0)
        exit(1);
    memset(f, 0, sizeof *f);
    f->mean = (double)x[0];
    f->deviation = (double)x[is_image ? DURA_IMAGE_CONTRAST : DURA_WINDOW_RMS];
    if (is_image) {
        f->dark = (double)x[DURA_IMAGE_DARK], f->bright = (double)x[DURA_IMAGE_BRIGHT];
        f->dead = (double)x[DURA_IMAGE_DEAD], f->hot = (double)x[DURA_IMAGE_HOT];
    } else {
        f->kurtosis = (double)x[DURA_WINDOW_KURTOSIS], f->line = (double)x[DURA_WINDOW_LINE];
    }
}

/* ---- one against the other ----------------------------------------------------------------- */

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static int same(const found *a, const found *b)
{
    const double *x = &a->mean, *y = &b->mean;
    for (size_t i = 0; i < sizeof *a / sizeof *x; i++)
        if (fabs(x[i] - y[i]) > 1e-4 * fabs(y[i]) + 1e-6)
            return 0;
    return 1;
}

static void compare(int is_image, int repeat, double units, const char *what)
{
    dura_block *b = built(is_image);
    double time[2][ROUNDS];
    found f[2];
    int agree = 1;
    for (int k = 0; k < ROUNDS; k++)
        for (int side = 0; side < 2; side++) {
            double t0 = seconds();
            for (int i = 0; i < repeat; i++)
                for (uint32_t n = 0; n < BLOCKS; n++) {
                    if (side == 0)
                        ours(b, is_image, n, &f[0]);
                    else if (is_image)
                        plain_image(image[n], &f[1]);
                    else
                        plain_window(window[n], &f[1]);
                }
            time[side][k] = (seconds() - t0) * 1e9 / (repeat * (double)BLOCKS * units);
            if (side == 1) {
                memset((char *)&f[1] + (is_image ? offsetof(found, kurtosis) : offsetof(found, dark)), 0,
                       is_image ? 2 * sizeof(double) : 4 * sizeof(double));
                agree = agree && same(&f[0], &f[1]);
            }
        }
    qsort(time[0], ROUNDS, sizeof(double), ascending);
    qsort(time[1], ROUNDS, sizeof(double), ascending);
    printf("block: %6.2f (least %6.2f) ns per %s, all checks\n", time[0][ROUNDS / 2], time[0][0], what);
    printf("plain: %6.2f (least %6.2f) ns per %s, fewer figures; those of both are %s\n", time[1][ROUNDS / 2],
           time[1][0], what, agree ? "the same" : "DIFFERENT");
}

int main(void)
{
    dt_scene scene;
    dt_machine machine;
    dt_scene_init(&scene, W, H, 1);
    dt_machine_init(&machine, 1);
    for (uint32_t k = 0; k < BLOCKS; k++) {
        dt_scene_draw(&scene, k, image[k]);
        dt_image_fault(image[k], W, H, DT_HOT, 5, k);
        dt_machine_draw(&machine, k, window[k], N);
    }
    compare(1, REPEAT_IMAGE, (double)W * H, "pixel");
    compare(0, REPEAT_WINDOW, N, "sample");
    return sink == 1;
}
