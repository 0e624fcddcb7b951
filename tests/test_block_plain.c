/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every figure of an image against a plain program: one pixel at a time, in double, written
 * from docs/block.md. The library takes pixels in pieces of 64, so widths lie around those.
 */
#include "dt.h"

#include <dura/block.h>

#define MOST_WIDTH 4200u
#define MOST (MOST_WIDTH * 40u)

static uint64_t memory[DURA_BLOCK_BYTES(MOST_WIDTH, 0, 1) / 8 + 1];
static uint8_t image[MOST];
static uint32_t width, height;

static uint32_t state;
static uint32_t dice(uint32_t below)
{
    state = state * 1664525u + 1013904223u;
    return (state >> 8) % below;
}

static int at(uint32_t y, uint32_t x) { return image[y * width + x]; }
static int size(int v) { return v < 0 ? -v : v; }
static double root(double x)
{
    double r = x > 1.0 ? x : 1.0;
    for (int i = 0; i < 60; i++)
        r = 0.5 * (r + x / r);
    return x > 0.0 ? r : 0.0;
}

/* ---- the plain program --------------------------------------------------------------------- */

static void levels(double *f)
{
    double n = (double)width * height, sum = 0.0, square = 0.0;
    f[DURA_IMAGE_DARK] = f[DURA_IMAGE_BRIGHT] = 0.0;
    for (uint32_t y = 0; y < height; y++)
        for (uint32_t x = 0; x < width; x++) {
            sum += at(y, x);
            square += at(y, x) * at(y, x);
            f[DURA_IMAGE_DARK] += at(y, x) <= 4;
            f[DURA_IMAGE_BRIGHT] += at(y, x) >= 251;
        }
    f[DURA_IMAGE_MEAN] = sum / n;
    f[DURA_IMAGE_CONTRAST] = root(square / n - sum / n * (sum / n));
    f[DURA_IMAGE_DARK] /= n;
    f[DURA_IMAGE_BRIGHT] /= n;
}

static void texture(double *f)
{
    double n = 0.0, slope = 0.0, noise = 0.0;
    for (uint32_t y = 1; y + 1 < height; y += 4)
        for (uint32_t x = 1; x + 1 < width; x++) {
            int across = at(y, x + 1) - at(y, x), down = at(y, x) - at(y - 1, x), mask = 0;
            for (uint32_t k = 0; k < 3; k++)
                mask += (k == 1 ? -2 : 1) * (at(y - 1, x - 1 + k) - 2 * at(y, x - 1 + k) + at(y + 1, x - 1 + k));
            slope += across * across + down * down;
            noise += size(mask);
            n += 1.0;
        }
    f[DURA_IMAGE_SHARPNESS] = f[DURA_IMAGE_CONTRAST] > 0.0 ? root(slope / 2.0 / n) / f[DURA_IMAGE_CONTRAST] : 0.0;
    f[DURA_IMAGE_NOISE] = noise / n * root(3.14159265358979324 / 2.0) / 6.0;
}

static void elements(double *f)
{
    f[DURA_IMAGE_DEAD] = f[DURA_IMAGE_HOT] = 0.0;
    for (uint32_t y = 1; y + 1 < height; y++)
        for (uint32_t x = 1; x + 1 < width; x++) {
            int near[4] = {at(y - 1, x), at(y + 1, x), at(y, x - 1), at(y, x + 1)}, low = 255, high = 0;
            for (int k = 0; k < 4; k++) {
                low = near[k] < low ? near[k] : low;
                high = near[k] > high ? near[k] : high;
            }
            f[DURA_IMAGE_DEAD] += low - at(y, x) >= 32;
            f[DURA_IMAGE_HOT] += at(y, x) - high >= 32;
        }
}

static double row_step(uint32_t y, uint32_t other)
{
    double sum = 0.0;
    for (uint32_t x = 0; x < width; x++)
        sum += size(at(y, x) - at(other, x));
    return sum;
}

static void lines(double *f)
{
    f[DURA_IMAGE_LINE_ODD] = f[DURA_IMAGE_LINE_BREAK] = f[DURA_IMAGE_LINE_VOID] = 0.0;
    for (uint32_t y = 0; y < height; y++) {
        int flat = 1;
        for (uint32_t x = 0; x < width; x++)
            flat = flat && at(y, x) == at(y, 0);
        f[DURA_IMAGE_LINE_VOID] += flat || (y > 0 && row_step(y, y - 1) <= 0.0);
        if (y > 0 && y + 1 < height) {
            double way = row_step(y, y - 1) + row_step(y, y + 1) - row_step(y - 1, y + 1);
            double odd = (double)(int64_t)(way / 2.0) / width;
            f[DURA_IMAGE_LINE_ODD] = odd > f[DURA_IMAGE_LINE_ODD] ? odd : f[DURA_IMAGE_LINE_ODD];
        }
        if (y > 0) {
            double before = y > 1 ? row_step(y - 1, y - 2) : 0.0, after = y + 1 < height ? row_step(y + 1, y) : 0.0;
            double gap = (row_step(y, y - 1) - (before > after ? before : after)) / width;
            f[DURA_IMAGE_LINE_BREAK] = gap > f[DURA_IMAGE_LINE_BREAK] ? gap : f[DURA_IMAGE_LINE_BREAK];
        }
    }
}

static double column(uint32_t x)
{
    double sum = 0.0;
    for (uint32_t y = 0; y < height; y++)
        sum += at(y, x);
    return sum / height;
}

static void columns(double *f)
{
    f[DURA_IMAGE_COLUMN_ODD] = 0.0;
    for (uint32_t x = 1; x + 1 < width; x++) {
        double a = column(x - 1), b = column(x), c = column(x + 1), low = a < c ? a : c, high = a < c ? c : a;
        double out = b > high ? b - high : b < low ? low - b : 0.0;
        f[DURA_IMAGE_COLUMN_ODD] = out > f[DURA_IMAGE_COLUMN_ODD] ? out : f[DURA_IMAGE_COLUMN_ODD];
    }
}

/* ---- one against the other ------------------------------------------------------------------- */

static void fill(uint32_t kind)
{
    uint32_t x, y;
    for (y = 0; y < height; y++)
        for (x = 0; x < width; x++) {
            uint32_t v = kind == 0 ? dice(256) : kind == 1 ? 255u * dice(2) : kind == 2 ? 40u + (x + 3u * y) % 150u + dice(9)
                                                                                        : 250u + dice(6);
            image[y * width + x] = (uint8_t)v;
        }
    if (kind >= 2 && height > 20u) {    /* a hot pixel at either end, a row twice, an empty one */
        image[5 * width + 1] = image[7 * width + width - 2u] = kind == 2 ? 255 : 0;
        memmove(image + 11 * width, image + 10 * width, width);
        memset(image + 15 * width, 7, width);
    }
}

static const uint32_t compared[] = {DURA_IMAGE_MEAN, DURA_IMAGE_DARK, DURA_IMAGE_BRIGHT, DURA_IMAGE_CONTRAST,
                                    DURA_IMAGE_SHARPNESS, DURA_IMAGE_NOISE, DURA_IMAGE_LINE_ODD,
                                    DURA_IMAGE_LINE_BREAK, DURA_IMAGE_LINE_VOID, DURA_IMAGE_COLUMN_ODD,
                                    DURA_IMAGE_DEAD, DURA_IMAGE_HOT};

static void compare(void)
{
    dura_block_config c = DURA_BLOCK_CONFIG_INIT;
    dura_block_report r = DURA_BLOCK_REPORT_INIT;
    dura_block *b;
    float got[DURA_BLOCK_FEATURES];
    double want[DURA_BLOCK_FEATURES];
    c.kind = DURA_BLOCK_U8, c.width = width, c.height = height, c.checks = DURA_B_TIME;
    c.clip_lo = 4.0f, c.clip_hi = 251.0f;
    dt_eq(dura_block_init(&b, memory, sizeof memory, &c), DURA_OK, "%u x %u", width, height);
    dt_eq(dura_block_update(b, 1, 1, image, (size_t)width * height, 0, &r), DURA_OK, "");
    dt_eq(dura_block_features(b, got, DURA_BLOCK_FEATURES), DURA_OK, "");
    levels(want), texture(want), elements(want), lines(want), columns(want);
    for (size_t i = 0; i < sizeof compared / sizeof *compared; i++) {
        double w = want[compared[i]], away = (double)got[compared[i]] - w;
        dt_ok((away < 0 ? -away : away) <= 1e-5 * (w < 0 ? -w : w) + 1e-6, "%u x %u, feature %u: %g for %g", width,
              height, compared[i], (double)got[compared[i]], w);
    }
}

DT_TEST(block_plain, every_figure_of_an_image_is_what_a_plain_program_finds)
{
    static const struct { uint32_t w, h; } rows[] = {
        {16, 16}, {17, 40}, {31, 17}, {32, 24}, {63, 18}, {64, 33}, {65, 21}, {66, 22}, {67, 23}, {127, 25}, {129, 34},
        {160, 40}, {194, 36}, {2047, 19}, {2048, 17}, {2050, 18}, {2115, 26}, {4098, 16}, {4200, 40}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        for (uint32_t kind = 0; kind < 4; kind++) {
            width = rows[i].w, height = rows[i].h;
            state = (uint32_t)i * 4u + kind + 1u;
            fill(kind);
            compare();
        }
}
