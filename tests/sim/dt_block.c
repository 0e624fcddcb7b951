/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Images and windows from a seed, and the ways they go wrong.
 *
 * Images are drawn in integers: value noise on four lattices (a hash of the lattice point,
 * smooth in between), which has the falling spectrum of outdoor scenes but no two rows
 * alike; boxes give it the straight edges that line checks must not take for faults.
 * A row is walked lattice cell by cell, so a pixel costs a few multiplications.
 * Windows are binary32; sines are a Taylor sum, so that no libm is needed.
 */
#include "dt_sim.h"

#include <string.h>

#define OCTAVES 4
#define FINEST 2                 /* smallest lattice: cells of 4 pixels, as optics allow */
#define SOFT 2                   /* pixels over which a box fades in */
#define HARMONICS 6

/* One number from a few, for a place rather than for a turn. */
static uint64_t hash(uint64_t seed, uint32_t a, uint32_t b)
{
    uint64_t state = seed ^ ((uint64_t)a << 32) ^ b;
    return dt_random(&state);
}

/* lo..hi from the next random number. */
static int32_t between(uint64_t *rng, int32_t lo, int32_t hi)
{
    return lo + (int32_t)dt_below(rng, (uint32_t)(hi - lo) + 1u);
}
/* One of the two signs; a statement of its own, since operands have no order. */
static int32_t either(uint64_t *rng, int32_t v)
{
    return dt_below(rng, 2) ? v : -v;
}
static float between_f(uint64_t *rng, float lo, float hi)
{
    return lo + (hi - lo) * ((float)(uint32_t)(dt_random(rng) >> 40) * (1.0f / 16777216.0f));
}

static int32_t level(int32_t v)
{
    return v < 0 ? 0 : v > 255 ? 255 : v;
}

/* ---- a scene ------------------------------------------------------------------------- */

void dt_scene_init(dt_scene *s, uint32_t width, uint32_t height, uint64_t seed)
{
    uint64_t rng = seed;
    memset(s, 0, sizeof *s);
    s->seed = dt_random(&rng);
    s->width = width;
    s->height = height;
    s->mean = between(&rng, 90, 150);
    s->contrast = between(&rng, 60, 110);
    s->noise = between(&rng, 24, 48);
    s->pan_x = between(&rng, 64, 640);
    s->pan_x = either(&rng, s->pan_x);
    s->pan_y = between(&rng, 32, 320);
    s->pan_y = either(&rng, s->pan_y);
}

/* 3t^2 - 2t^3 for t of 0..256. */
static int32_t smooth(int32_t t)
{
    return (t * t * (3 * 256 - 2 * t)) >> 16;
}

/* The height of lattice column x between its rows y and y + 1. */
static int32_t lattice(uint64_t seed, int32_t x, int32_t y, int32_t down)
{
    int32_t top = (int32_t)(hash(seed, (uint32_t)x, (uint32_t)y) & 255u);
    int32_t bottom = (int32_t)(hash(seed, (uint32_t)x, (uint32_t)y + 1u) & 255u);
    return top * 256 + (bottom - top) * down;
}

/* Adds one lattice with cells of 2^bits pixels to a row; at, y in pixels / 256. */
static void add_octave(uint64_t seed, int32_t bits, int32_t at, int32_t y, int32_t gain, int32_t *row,
                       uint32_t width)
{
    int32_t size = 256 << bits, gy = y >> (bits + 8), down = smooth((y & (size - 1)) >> bits);
    int32_t cell = at >> (bits + 8), left = lattice(seed, cell, gy, down);
    int32_t right = lattice(seed, cell + 1, gy, down);
    for (uint32_t i = 0; i < width; i++, at += 256) {
        if (at >> (bits + 8) != cell) {
            cell = at >> (bits + 8);
            left = right;
            right = lattice(seed, cell + 1, gy, down);
        }
        int32_t v = left + (right - left) / 256 * smooth((at & (size - 1)) >> bits);
        row[i] += (v / 256 - 128) * gain;
    }
}

/* How far inside 0..length, 0..256, with soft ends. */
static int32_t inside(int32_t x, int32_t length)
{
    int32_t near = x < length - x ? x : length - x;
    return near <= 0 ? 0 : near >= SOFT ? 256 : near * 256 / SOFT;
}

static int32_t wrapped(int32_t x, int32_t n)
{
    return x % n < 0 ? x % n + n : x % n;
}

/* A box comes in on one side as it goes out on the other. */
static void add_box(const dt_scene *s, uint32_t k, uint32_t frame, int32_t y, int32_t *row)
{
    uint64_t rng = hash(s->seed, k, 77);
    int32_t w = (int32_t)s->width, h = (int32_t)s->height;
    int32_t wide = between(&rng, w / 12, w / 4), high = between(&rng, h / 12, h / 4);
    int32_t x0 = between(&rng, 0, 2 * w), y0 = between(&rng, 0, 2 * h);
    int32_t tone = between(&rng, 15, 60), sign = either(&rng, 256);
    int32_t vx = between(&rng, -768, 768), vy = between(&rng, -128, 128);
    x0 = wrapped(x0 + (int32_t)((int64_t)vx * frame / 256), 2 * w) - wide;
    y0 = wrapped(y0 + (int32_t)((int64_t)vy * frame / 256), 2 * h) - high;
    int32_t row_part = inside(y - y0, high);
    for (int32_t x = x0 < 0 ? 0 : x0; row_part && x < w && x <= x0 + wide; x++)
        row[x] += tone * sign / 256 * row_part / 256 * inside(x - x0, wide);
}

/* Sum of four bytes: near enough to a Gaussian, deviation 147.8. */
static int32_t bell(uint32_t bits)
{
    return (int32_t)((bits & 255u) + ((bits >> 8) & 255u) + ((bits >> 16) & 255u) + (bits >> 24)) - 510;
}

void dt_scene_draw(const dt_scene *s, uint32_t frame, uint8_t *out)
{
    static const int32_t gain[OCTAVES] = {16, 24, 32, 40};   /* 4, 8, 16, 32 pixels; of 112 */
    int32_t row[4096], phase = (int32_t)((frame + (uint32_t)(s->seed & 255u)) % 200u);
    int32_t light = 243 + (phase < 100 ? phase : 200 - phase) * 26 / 100;
    uint64_t rng = hash(s->seed, frame, 99);
    uint32_t width = s->width < 4096 ? s->width : 4096;
    for (uint32_t y = 0; y < s->height; y++) {
        int32_t at = (int32_t)((int64_t)s->pan_x * frame), down = (int32_t)((int64_t)s->pan_y * frame);
        memset(row, 0, sizeof row[0] * width);
        for (int32_t k = 0; k < OCTAVES; k++)
            add_octave(s->seed + (uint64_t)k, FINEST + k, at, down + (int32_t)y * 256, gain[k] * s->contrast / 56,
                       row, width);
        for (uint32_t k = 0; k < DT_BOXES; k++)
            add_box(s, k, frame, (int32_t)y, row);
        for (uint32_t x = 0; x < width; x++) {
            uint64_t dice = dt_random(&rng);
            int32_t v = ((s->mean + row[x] / 256) * light * 16 / 256) + bell((uint32_t)dice) * s->noise / 148;
            out[(size_t)y * s->width + x] = (uint8_t)level((v + 8) / 16);
        }
    }
}

/* ---- faults of an image ----------------------------------------------------------------- */

typedef struct picture {
    uint8_t *at;
    uint32_t width, height;
} picture;

static uint8_t *row_of(const picture *p, uint32_t y)
{
    return p->at + (size_t)y * p->width;
}

/* Rows first..first + n go wrong; neither the first row nor the last one is among them. */
static void spoil_rows(const picture *p, uint32_t kind, uint32_t n, uint64_t *rng)
{
    n = n < 1 ? 1 : n > p->height / 2u ? p->height / 2u : n;
    uint32_t first = 2u + dt_below(rng, p->height - n - 4u), y;
    if (kind == DT_ROWS_LOST) {
        memmove(row_of(p, first), row_of(p, first + n), (size_t)(p->height - first - n) * p->width);
        return;
    }
    for (y = first; y < first + n; y++)
        if (kind == DT_ROWS_BLACK)
            memset(row_of(p, y), 0, p->width);
        else
            memcpy(row_of(p, y), row_of(p, first - 1u), p->width);
}

/* Sideways by n pixels; what leaves on the right comes back on the left. */
static void shift_rows(const picture *p, uint32_t n, uint64_t *rng)
{
    uint8_t kept[4096];
    uint32_t rows = p->height / 8u, first = 2u + dt_below(rng, p->height - rows - 4u);
    uint32_t width = p->width < 4096 ? p->width : 4096;
    n %= width;
    for (uint32_t y = first; y < first + rows; y++) {
        memcpy(kept, row_of(p, y), width);
        memcpy(row_of(p, y) + n, kept, width - n);
        memcpy(row_of(p, y), kept + (width - n), n);
    }
}

/* middle + (v - middle) * size, on every pixel. */
static void stretch(const picture *p, int32_t middle, float size)
{
    size_t n = (size_t)p->width * p->height;
    for (size_t i = 0; i < n; i++)
        p->at[i] = (uint8_t)level(middle + (int32_t)((float)(p->at[i] - middle) * size));
}

/* Running mean of n values `step` bytes apart. */
static void smear(uint8_t *p, size_t step, uint32_t count, uint32_t n)
{
    uint8_t kept[4096];
    uint32_t half = n / 2u;
    count = count < 4096 ? count : 4096;
    for (uint32_t i = 0; i < count; i++)
        kept[i] = p[i * step];
    for (uint32_t i = 0; i < count; i++) {
        uint32_t from = i > half ? i - half : 0, to = i + half < count - 1u ? i + half : count - 1u, sum = 0;
        for (uint32_t k = from; k <= to; k++)
            sum += kept[k];
        p[i * step] = (uint8_t)((sum + (to - from + 1u) / 2u) / (to - from + 1u));
    }
}

static void blur(const picture *p, uint32_t n)
{
    for (uint32_t y = 0; y < p->height; y++)
        smear(row_of(p, y), 1, p->width, n);
    for (uint32_t x = 0; x < p->width; x++)
        smear(p->at + x, p->width, p->height, n);
}

static void add_noise(const picture *p, float size, uint64_t *rng)
{
    size_t n = (size_t)p->width * p->height;
    for (size_t i = 0; i < n; i++)
        p->at[i] = (uint8_t)level(p->at[i] + (int32_t)((float)bell((uint32_t)dt_random(rng)) * size / 148.0f));
}

static void spoil_pixels(const picture *p, uint32_t n, uint8_t to, uint64_t *rng)
{
    for (uint32_t i = 0; i < n; i++) {
        uint32_t y = 1u + dt_below(rng, p->height - 2u);
        row_of(p, y)[1u + dt_below(rng, p->width - 2u)] = to;
    }
}

static void spoil_columns(const picture *p, uint32_t kind, float size, uint64_t *rng)
{
    uint32_t x = 1u + dt_below(rng, p->width - 2u);
    for (uint32_t y = 0; y < p->height; y++) {
        uint8_t *row = row_of(p, y);
        if (kind == DT_COLUMN)
            row[x] = (uint8_t)level(row[x] + (int32_t)size);
        else
            memset(row, 8, (size_t)(size * (float)p->width));
    }
}

void dt_image_fault(uint8_t *image, uint32_t width, uint32_t height, uint32_t kind, float size, uint64_t seed)
{
    picture p = {image, width, height};
    uint64_t rng = seed;
    switch (kind) {
    case DT_ROWS_BLACK:
    case DT_ROWS_REPEATED:
    case DT_ROWS_LOST: spoil_rows(&p, kind, (uint32_t)size, &rng); break;
    case DT_ROWS_SHIFTED: shift_rows(&p, (uint32_t)size, &rng); break;
    case DT_UNDEREXPOSED:
    case DT_OVEREXPOSED: stretch(&p, 0, size); break;
    case DT_HAZE: stretch(&p, 128, size); break;
    case DT_BLUR: blur(&p, (uint32_t)size); break;
    case DT_NOISE: add_noise(&p, size, &rng); break;
    case DT_DEAD: spoil_pixels(&p, (uint32_t)size, 0, &rng); break;
    case DT_HOT: spoil_pixels(&p, (uint32_t)size, 255, &rng); break;
    case DT_COLUMN:
    case DT_COVERED: spoil_columns(&p, kind, size, &rng); break;
    default: break;
    }
}

/* ---- a machine ----------------------------------------------------------------------------- */

/* sin(2 pi x), off by at most 4e-6. */
static float sine(float x)
{
    x -= (float)(int32_t)x;
    x += x < 0.0f ? 1.0f : 0.0f;
    x = x > 0.75f ? x - 1.0f : x > 0.25f ? 0.5f - x : x;
    x *= 6.2831853f;
    float q = x * x;
    return x * (1.0f + q * (-1.0f / 6.0f + q * (1.0f / 120.0f + q * (-1.0f / 5040.0f + q / 362880.0f))));
}

void dt_machine_init(dt_machine *m, uint64_t seed)
{
    uint64_t rng = seed;
    memset(m, 0, sizeof *m);
    m->seed = dt_random(&rng);
    m->shaft = between_f(&rng, 0.018f, 0.022f);
    m->level = between_f(&rng, 0.8f, 1.2f);
    m->noise = between_f(&rng, 0.3f, 0.5f);
    m->offset = between_f(&rng, -0.05f, 0.05f);
}

/* Adds a sine whose phase goes round once in 1 / turns samples. */
static void add_sine(float *x, uint32_t n, float size, float turns, float phase)
{
    for (uint32_t i = 0; i < n; i++) {
        x[i] += size * sine(phase);
        phase += turns;
        phase -= phase >= 1.0f ? 1.0f : 0.0f;
    }
}

void dt_machine_draw(const dt_machine *m, uint32_t window, float *out, uint32_t n)
{
    static const float part[HARMONICS] = {1.0f, 0.5f, 0.3f, 0.15f, 0.1f, 0.05f};
    uint64_t rng = hash(m->seed, window, 55);
    float speed = m->shaft * between_f(&rng, 0.995f, 1.005f), load = m->level * between_f(&rng, 0.95f, 1.05f);
    float state = 0.0f;
    for (uint32_t i = 0; i < n; i++) {
        float u = between_f(&rng, -1.0f, 1.0f) + between_f(&rng, -1.0f, 1.0f);
        state = 0.5f * state + 0.5f * m->noise * u;
        out[i] = m->offset + state;
    }
    for (uint32_t k = 0; k < HARMONICS; k++) {
        float phase = between_f(&rng, 0.0f, 1.0f), share = part[k] * between_f(&rng, 0.9f, 1.1f);
        add_sine(out, n, load * share, speed * (float)(k + 1u), phase);
    }
}

void dt_counts(const float *x, uint32_t n, float scale, int16_t *out)
{
    for (uint32_t i = 0; i < n; i++) {
        float v = x[i] * scale;
        v = v > 32767.0f ? 32767.0f : v < -32768.0f ? -32768.0f : v;
        out[i] = (int16_t)(v < 0.0f ? v - 0.5f : v + 0.5f);
    }
}

/* ---- faults of a window ----------------------------------------------------------------------- */

/* Samples of the share `size`, together, become `to`, or the one before them. */
static void hold(float *x, uint32_t n, float size, int zero, uint64_t *rng)
{
    uint32_t length = (uint32_t)(size * (float)n), first;
    length = length < 1 ? 1 : length > n - 1u ? n - 1u : length;
    first = 1u + dt_below(rng, n - length);
    for (uint32_t i = first; i < first + length; i++)
        x[i] = zero ? 0.0f : x[first - 1u];
}

void dt_window_fault(float *x, uint32_t n, uint32_t kind, float size, uint64_t seed)
{
    uint64_t rng = seed;
    float where = between_f(&rng, 0.0f, 0.02f), phase = between_f(&rng, 0.0f, 1.0f), before = x[0];
    if (kind == DT_TONE || kind == DT_FOLDED)
        add_sine(x, n, size, (kind == DT_TONE ? 0.31f : 0.40f) + where, phase);
    if (kind == DT_SILENCE || kind == DT_HELD)
        hold(x, n, size, kind == DT_SILENCE, &rng);
    for (uint32_t i = 0; i < n; i++) {
        if (kind == DT_CLIP)
            x[i] = x[i] > size ? size : x[i] < -size ? -size : x[i];
        else if (kind == DT_SHIFT)
            x[i] += size;
        else if (kind == DT_GAIN)
            x[i] *= size;
        else if (kind == DT_HISS)
            x[i] += size * between_f(&rng, -1.0f, 1.0f);
        else if (kind == DT_DULL)
            x[i] = before = size * before + (1.0f - size) * x[i];
    }
}
