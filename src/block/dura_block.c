/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dura_block.c - builds a block checker, says what it knows, forgets.
 *
 * The configuration is checked where it lies (it is too long for a small stack) and
 * copied when all of it is sound. A check without its limit is refused: a limit that
 * was never written has fail_lo == fail_hi.
 */
#include "dura_block_priv.h"

#define CHECKS_ANY                                                                     \
    ((uint32_t)(DURA_B_TIME | DURA_B_LATE | DURA_B_REPEAT | DURA_B_UNLIKE))
#define CHECKS_IMAGE                                                                   \
    ((uint32_t)(DURA_B_CHANGE | DURA_B_EXPOSURE | DURA_B_BALANCE | DURA_B_CONTRAST |   \
                DURA_B_BLUR | DURA_B_NOISE | DURA_B_LINES | DURA_B_ELEMENTS))
#define CHECKS_SPECTRUM ((uint32_t)(DURA_B_BAND | DURA_B_SPECTRUM | DURA_B_LINE))
#define CHECKS_WINDOW                                                                  \
    ((uint32_t)(DURA_B_CLIPPED | DURA_B_OFFSET | DURA_B_LEVEL | DURA_B_SHAPE |         \
                DURA_B_STUCK) | CHECKS_SPECTRUM)
#define BITS_KNOWN (((uint32_t)DURA_B_UNLIKE << 1) - 1u)

#define REBASE_DEFAULT 3u
#define HISTORY_DEFAULT 16u
#define HISTORY_MOST 64u
#define STEP_DEFAULT 32.0f       /* ten deviations of a noisy camera */
#define PIN_SCALE_MOST 1e12f
#define PIN_ENTRY_MOST 1e6f      /* keeps the distance finite */
#define SHARES_OFF 0.01f

/* ---- is a configuration sound? -------------------------------------------------------- */

/* A subnormal number of a configuration is zero, so that it is taken and means the same
 * where the machine flushes it. */
static float settled(float x)
{
    return (durai_f32_bits(x) & 0x7F800000u) == 0 ? 0.0f : x;
}

/* Not NaN, and inside; the comparison alone would do but for -ffast-math. */
static int lies_within(float x, float lo, float hi)
{
    float at = settled(x);
    return durai_finite(at) && at >= settled(lo) && at <= settled(hi);
}

static int limit_is_sound(const dura_block_config *c, uint32_t i)
{
    float lo = settled(c->fail_lo[i]), hi = settled(c->fail_hi[i]);
    float a = settled(c->suspect_lo[i]), z = settled(c->suspect_hi[i]);
    if (!durai_finite(lo) || !durai_finite(hi) || !durai_finite(a) || !durai_finite(z) || !(lo < hi))
        return 0;
    return durai_f32_bits(a) == durai_f32_bits(z) || (lo <= a && a < z && z <= hi);
}

static int limits_are_sound(const dura_block_config *c)
{
    uint32_t i;
    for (i = 0; i < F; i++)
        if ((c->checks & durai_block_check_of(c, i)) && !limit_is_sound(c, i))
            return 0;
    return 1;
}

static int image_is_sound(const dura_block_config *c)
{
    if (c->width < 16u || c->width > DURA_BLOCK_SIDE_MAX || c->height < 16u || c->height > DURA_BLOCK_SIDE_MAX)
        return 0;
    if (c->kind == DURA_BLOCK_U16 ? c->bits < 8u || c->bits > 16u : c->bits != 0u)
        return 0;
    if ((c->checks & DURA_B_EXPOSURE) && !(settled(c->clip_lo) < settled(c->clip_hi)))
        return 0;
    return lies_within(c->clip_lo, 0.0f, 255.0f) && lies_within(c->clip_hi, 0.0f, 255.0f) &&
           (lies_within(c->step, 1.0f, 254.0f) || durai_f32_bits(c->step) == 0) && c->spectrum == 0u &&
           c->n_bands == 0u && c->n_lines == 0u;
}

/* The point nearest to a frequency. */
static uint32_t point_of(const dura_block_config *c, float hz)
{
    return (uint32_t)(hz / c->rate_hz * (float)c->spectrum + 0.5f);
}

static int bands_are_sound(const dura_block_config *c)
{
    float sum = 0.0f, top = 0.5f * c->rate_hz;
    uint32_t k;
    for (k = 0; k < c->n_bands; k++) {
        if (!lies_within(c->band_hz[k], 0.0f, top) || !lies_within(c->band_hz[k + 1u], c->band_hz[k], top) ||
            point_of(c, c->band_hz[k]) >= point_of(c, c->band_hz[k + 1u]))
            return 0;
        if (!lies_within(c->share[k], 0.0f, 1.0f))
            return 0;
        sum += c->share[k];
    }
    return !(c->checks & DURA_B_SPECTRUM) || lies_within(sum, 1.0f - SHARES_OFF, 1.0f + SHARES_OFF);
}

static int lines_are_sound(const dura_block_config *c)
{
    uint32_t k;
    for (k = 0; k < c->n_lines; k++)
        if (!lies_within(c->line_lo_hz[k], 0.0f, 0.5f * c->rate_hz) ||
            !lies_within(c->line_hi_hz[k], c->line_lo_hz[k], 0.5f * c->rate_hz))
            return 0;
    return 1;
}

static int spectrum_is_sound(const dura_block_config *c)
{
    if (c->spectrum == 0u)
        return (c->checks & CHECKS_SPECTRUM) == 0 && c->n_bands == 0u && c->n_lines == 0u;
    if (c->spectrum < 64u || c->spectrum > 4096u || (c->spectrum & (c->spectrum - 1u)) || c->spectrum > c->width)
        return 0;
    if (!lies_within(c->rate_hz, 1e-6f, 1e9f) || c->n_bands > DURA_BLOCK_BANDS || c->n_lines > DURA_BLOCK_LINES)
        return 0;
    if ((c->checks & (DURA_B_BAND | DURA_B_SPECTRUM)) && c->n_bands == 0u)
        return 0;
    if ((c->checks & DURA_B_LINE) && c->n_lines == 0u)
        return 0;
    return bands_are_sound(c) && lines_are_sound(c);
}

static int window_is_sound(const dura_block_config *c)
{
    if (c->width < 64u || c->width > DURA_BLOCK_SAMPLES_MAX || c->height != 0u || c->bits != 0u)
        return 0;
    if (!durai_finite(c->clip_lo) || !durai_finite(c->clip_hi))
        return 0;
    if ((c->checks & DURA_B_CLIPPED) && !(settled(c->clip_lo) < settled(c->clip_hi)))
        return 0;
    return spectrum_is_sound(c);
}

static int pin_is_sound(const dura_block_config *c)
{
    uint32_t i, used = 0;
    if (!(c->checks & DURA_B_UNLIKE))
        return 1;
    for (i = 0; i < F; i++) {
        if (!durai_finite(c->pin_mean[i]) || !lies_within(c->pin_scale[i], 0.0f, PIN_SCALE_MOST))
            return 0;
        used += settled(c->pin_scale[i]) > 0.0f;
    }
    for (i = 0; c->pin_matrix && i < F * F; i++)
        if (!lies_within(c->pin_matrix[i], -PIN_ENTRY_MOST, PIN_ENTRY_MOST))
            return 0;
    return used > 0 && durai_finite(c->unlike_fail) && settled(c->unlike_fail) > 0.0f &&
           lies_within(c->unlike_suspect, 0.0f, c->unlike_fail);
}

static int rules_are_sound(const dura_block_config *c)
{
    uint32_t mine = CHECKS_ANY | (durai_block_is_image(c) ? CHECKS_IMAGE : CHECKS_WINDOW);
    if (c->checks == 0u || (c->checks & ~mine) || c->history > HISTORY_MOST)
        return 0;
    if ((c->checks & DURA_B_TIME) && (c->checks & DURA_B_TIME) != DURA_B_TIME)
        return 0;
    if (c->gap_ns < 0 || c->late_ns < 0 || c->max_age_ns < 0)
        return 0;
    return !(c->checks & DURA_B_LATE) || c->late_ns > 0;
}

/* The frozen-v1 rule, read where it lies: bytes this build does not know are zero. */
static int check_config(const dura_block_config *c)
{
    const uint8_t *beyond;
    uint32_t i;
    if (!c || c->struct_size < BLOCK_CONFIG_V1)
        return DURA_EINVAL;
    beyond = (const uint8_t *)c;
    for (i = (uint32_t)sizeof *c; i < c->struct_size; i++)
        if (beyond[i])
            return DURA_EVERSION;
    if (c->kind < DURA_BLOCK_U8 || c->kind > DURA_BLOCK_F32 || (c->checks & ~BITS_KNOWN) ||
        (c->flags & ~(uint32_t)DURA_BLOCK_SUSPECT_OK))
        return c->kind == 0 ? DURA_EINVAL : DURA_EVERSION;
    if (!rules_are_sound(c) || !(durai_block_is_image(c) ? image_is_sound(c) : window_is_sound(c)))
        return DURA_EINVAL;
    return limits_are_sound(c) && pin_is_sound(c) ? DURA_OK : DURA_EINVAL;
}

/* ---- building --------------------------------------------------------------------------- */

/* Where `bytes` more go; 0 when there are none. */
static uint32_t reserve(uint32_t *end, uint32_t bytes)
{
    uint32_t at = *end;
    *end += (bytes + 7u) & ~7u;
    return bytes ? at : 0;
}

typedef struct block_plan {
    uint32_t ring, matrix, sine, point, power, column, row, bytes;
} block_plan;

static block_plan plan_of(const dura_block_config *c)
{
    uint32_t end = (uint32_t)sizeof(dura_block), points = c->spectrum;
    uint32_t history = c->history ? c->history : HISTORY_DEFAULT, f32 = (uint32_t)sizeof(float);
    int image = durai_block_is_image(c);
    block_plan p;
    p.ring = reserve(&end, c->checks & DURA_B_REPEAT ? history * (uint32_t)sizeof(uint64_t) : 0);
    p.matrix = reserve(&end, (c->checks & DURA_B_UNLIKE) && c->pin_matrix ? F * F * f32 : 0);
    p.sine = reserve(&end, points ? (points / 4u + 1u) * f32 : 0);
    p.point = reserve(&end, points * f32);
    p.power = reserve(&end, points ? (points / 2u + 1u) * f32 : 0);
    p.column = reserve(&end, image ? c->width * (uint32_t)sizeof(uint16_t) : 0);
    p.row = reserve(&end, c->kind == DURA_BLOCK_U16 ? 3u * c->width : 0);
    p.bytes = end;
    DURA_ASSERT(p.bytes <= DURA_BLOCK_BYTES(image ? c->width : 0u, points, history));
    return p;
}

size_t dura_block_bytes(const dura_block_config *cfg)
{
    return check_config(cfg) < 0 ? 0 : plan_of(cfg).bytes;
}

static void settle_all(float x[F])
{
    uint32_t i;
    for (i = 0; i < F; i++)
        x[i] = settled(x[i]);
}

static void settle_limits(dura_block_config *c)
{
    uint32_t i;
    settle_all(c->fail_lo);
    settle_all(c->fail_hi);
    settle_all(c->suspect_lo);
    settle_all(c->suspect_hi);
    settle_all(c->pin_mean);
    settle_all(c->pin_scale);
    for (i = 0; i < F; i++)
        if (durai_f32_bits(c->suspect_lo[i]) == durai_f32_bits(c->suspect_hi[i])) {
            c->suspect_lo[i] = c->fail_lo[i];
            c->suspect_hi[i] = c->fail_hi[i];
        }
    c->clip_lo = settled(c->clip_lo);
    c->clip_hi = settled(c->clip_hi);
    c->unlike_suspect = settled(c->unlike_suspect);
    if (c->unlike_suspect <= 0.0f)
        c->unlike_suspect = c->unlike_fail;
}

static void fill_defaults(dura_block_config *c)
{
    c->history = (uint16_t)(c->history ? c->history : HISTORY_DEFAULT);
    c->repeat_fail = (uint16_t)(c->repeat_fail ? c->repeat_fail : 1u);
    c->rebase_after = (uint8_t)(c->rebase_after ? c->rebase_after : REBASE_DEFAULT);
    if (durai_f32_bits(c->step) == 0)
        c->step = STEP_DEFAULT;
    c->pin_matrix = NULL;
}

static uint32_t clamped(uint32_t x, uint32_t lo, uint32_t hi)
{
    return x < lo ? lo : x > hi ? hi : x;
}

/* A line is looked for around points that have a neighbour on each side. */
static void find_points(dura_block *b)
{
    const dura_block_config *c = &b->c;
    uint32_t k, end = c->spectrum / 2u;
    for (k = 0; k < c->n_bands; k++) {
        b->bin[k][0] = point_of(c, c->band_hz[k]);
        b->bin[k][1] = point_of(c, c->band_hz[k + 1u]);
        DURA_ASSERT(b->bin[k][0] < b->bin[k][1] && b->bin[k][1] <= end);
    }
    for (k = 0; k < c->n_lines; k++) {
        b->line[k][0] = clamped(point_of(c, c->line_lo_hz[k]), 1u, end - 1u);
        b->line[k][1] = clamped(point_of(c, c->line_hi_hz[k]) + 1u, b->line[k][0] + 1u, end);
    }
}

static void put_plan(dura_block *b, const block_plan *p)
{
    b->ring_at = p->ring;
    b->matrix_at = p->matrix;
    b->sine_at = p->sine;
    b->point_at = p->point;
    b->power_at = p->power;
    b->column_at = p->column;
    b->row_at = p->row;
    b->bytes = p->bytes;
}

static void forget_blocks(dura_block *b)
{
    static const dura_block_report nothing = {
        BLOCK_REPORT_V1, DURA_UNKNOWN, DURA_REJECT, DURA_NONE, DURA_B_WARMUP, 0, 0.0f, 0.0f};
    memset(&b->past, 0, sizeof b->past);
    b->last_ns = b->reversed_ns = b->poll_ns = NS_NEVER;
    b->blocks = b->accepted = b->repeated = b->bad = 0;
    b->reversed = b->measured = b->has_profile = b->moved = 0;
    b->last = nothing;
}

int dura_block_init(dura_block **out, void *mem, size_t len, const dura_block_config *cfg)
{
    dura_block *b = mem;
    block_plan p;
    int rc;
    if (!out)
        return DURA_EINVAL;
    *out = NULL;
    rc = check_config(cfg);
    if (rc < 0)
        return rc;
    if (!mem)
        return DURA_EINVAL;
    if (((uintptr_t)mem & 7u) != 0)
        return DURA_EALIGN;
    p = plan_of(cfg);
    if (len < p.bytes)
        return DURA_ENOSPC;
    memset(mem, 0, p.bytes);
    memcpy(&b->c, cfg, sizeof b->c);
    put_plan(b, &p);
    if (p.matrix)
        memcpy(durai_block_floats(b, p.matrix), cfg->pin_matrix, F * F * sizeof(float));
    fill_defaults(&b->c);
    settle_limits(&b->c);
    if (p.sine)
        durai_block_waves(b);
    find_points(b);
    forget_blocks(b);
    *out = b;
    return DURA_OK;
}

/* ---- what is known ------------------------------------------------------------------------ */

static uint32_t count_bits(uint64_t x)
{
    uint32_t n = 0;
    for (; x; x &= x - 1u)
        n++;
    return n;
}

static float quality_now(const dura_block *b)
{
    uint32_t seen = b->blocks < 64u ? (uint32_t)b->blocks : 64u;
    if (seen == 0 || b->last.verdict == DURA_FAIL || b->last.verdict == DURA_MISSING)
        return 0.0f;
    return (float)(seen - count_bits(seen < 64u ? b->bad & (((uint64_t)1 << seen) - 1u) : b->bad)) / (float)seen;
}

int dura_block_query(const dura_block *b, dura_block_state *out)
{
    dura_block_state s = DURA_BLOCK_STATE_INIT;
    if (!b || !out)
        return DURA_EINVAL;
    s.quality = quality_now(b);
    s.blocks = b->blocks;
    s.accepted = b->accepted;
    s.repeats = b->repeated;
    s.last_ns = b->last_ns;
    s.last = b->last;
    return durai_struct_out(out, &s, (uint32_t)sizeof s, BLOCK_STATE_V1);
}

int dura_block_features(const dura_block *b, float *out, size_t n)
{
    if (!b || !out || n < 1 || n > F)
        return DURA_EINVAL;
    if (!b->measured)
        return DURA_ENOENT;
    memcpy(out, b->feature, n * sizeof *out);
    return DURA_OK;
}

int dura_block_reset(dura_block *b)
{
    if (!b)
        return DURA_EINVAL;
    forget_blocks(b);
    return DURA_OK;
}
