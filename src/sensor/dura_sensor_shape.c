/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dura_sensor_shape.c - spike, noise and drift: a channel against its own past.
 *
 * Eight channels at a time, in loops without a branch; only when one of them has something
 * to say are they looked at one by one. What the frame would make of the statistics is
 * worked out beside the verdict and taken over only for values that were accepted.
 *
 * Spike: QARTOD's three-point test in its form with the smaller of the two steps, which a
 * step in level does not meet; and, without its delay, the distance from both the last
 * value and the straight line through the last two.
 */
#include "dura_sensor_checks_priv.h"

#define NO_LIMIT 3.402823466e38f
#define ENDLESS 0x7F800000u /* infinity: exceeded by nothing, not even an overflow */
#define STEPS_MAX 0xFFFEu
#define SPIKE_AFTER 2u      /* accepted values in a row that a spike is measured against */

/* ---- building ---------------------------------------------------------------------- */

void durai_shape_forget(shape_block *b)
{
    for (size_t i = 0; i < WIDTH; i++) {
        b->last[i] = b->former[i] = 0.0f;
        b->square[i] = b->lean[i] = 0.0f;
        b->refused[i] = 0.0f;
        b->steps[i] = 0;
    }
    b->spiked = 0;
}

void durai_shape_clear(shape_block *b)
{
    memset(b, 0, sizeof *b);
    for (size_t i = 0; i < WIDTH; i++) {
        b->spike_suspect[i] = b->spike_fail[i] = durai_f32(ENDLESS);
        b->noise_low[i] = -1.0f;
        b->noise_high[i] = NO_LIMIT;
        b->drift_limit[i] = NO_LIMIT;
        b->most_square[i] = b->most_lean[i] = LARGE;
    }
}

/* The square of a limit, 0 being none. */
static float squared(float limit, float none)
{
    float s = limit * limit;
    if (!(limit > 0.0f))
        return none;
    return durai_finite(s) ? s : NO_LIMIT;
}

static int add_spike(shape_block *b, size_t i, const dura_sensor_check *c)
{
    if (b->spike_suspect[i] <= NO_LIMIT || b->spike_fail[i] <= NO_LIMIT)
        return DURA_ESTATE;
    if (c->suspect > 0.0f)
        b->spike_suspect[i] = c->suspect;
    if (c->fail > 0.0f)
        b->spike_fail[i] = c->fail;
    return DURA_OK;
}

static int add_noise(shape_block *b, size_t i, const dura_sensor_check *c)
{
    if (b->full[i] != 0)
        return DURA_ESTATE;
    b->noise_low[i] = squared(c->lo, -1.0f);
    b->noise_high[i] = squared(c->hi, NO_LIMIT);
    b->most_square[i] = c->hi > 0.0f ? CLAMP * CLAMP * b->noise_high[i] : LARGE * LARGE;
    b->noise_weight[i] = durai_checks_weight(c->window);
    b->full[i] = c->window < 1 ? 1 : c->window > STEPS_MAX ? (uint16_t)STEPS_MAX : c->window;
    return DURA_OK;
}

static int add_drift(shape_block *b, size_t i, const dura_sensor_check *c)
{
    if (b->per_scale[i] > 0.0f)
        return DURA_ESTATE;
    b->mean[i] = c->mean;
    b->per_scale[i] = 1.0f / c->scale;
    b->drift_limit[i] = c->suspect;
    b->most_lean[i] = CLAMP * c->suspect;
    b->drift_weight[i] = durai_checks_weight(c->window);
    return DURA_OK;
}

int durai_shape_add(shape_block *b, size_t i, const dura_sensor_check *c)
{
    int rc;
    DURA_ASSERT(i < WIDTH && c->kind <= DURA_CK_DRIFT);
    if (c->kind == DURA_CK_SPIKE)
        rc = add_spike(b, i, c);
    else
        rc = c->kind == DURA_CK_NOISE ? add_noise(b, i, c) : add_drift(b, i, c);
    if (rc == DURA_OK)
        b->on = 1;
    return rc;
}

/* ---- looking ----------------------------------------------------------------------- */

static inline float smaller(float a, float b)
{
    return a < b ? a : b;
}

/* x >= 0 with the sign of s. */
static inline float signed_as(float x, float s)
{
    return durai_f32(durai_f32_bits(x) | (durai_f32_bits(s) & 0x80000000u));
}

/* Farther from the last value, and from the line through the last two, than this. */
static inline float jump_of(const shape_block *b, size_t i)
{
    float line = (b->last[i] - b->former[i]) + b->last[i];
    return smaller(durai_checks_magnitude(b->x[i] - b->last[i]), durai_checks_magnitude(b->x[i] - line));
}

/* How far the last value stands out of its neighbours; 0 where it lies between them. */
static inline float stands_out(const shape_block *b, size_t i)
{
    float up = b->last[i] - b->former[i], down = b->last[i] - b->x[i];
    float least = smaller(durai_checks_magnitude(up), durai_checks_magnitude(down));
    return (durai_f32_bits(up) ^ durai_f32_bits(down)) >> 31 ? 0.0f : least;
}

/* What the statistics would become; returns not 0 when a limit is exceeded anywhere. */
static uint32_t look_block(shape_block *b)
{
    uint32_t any = 0;
    for (size_t i = 0; i < WIDTH; i++) {
        float step = durai_checks_settle(b->x[i] - b->last[i]);
        float square = smaller(step * step, b->most_square[i]);
        b->new_square[i] = durai_checks_settle(b->square[i] + b->noise_weight[i] * (square - b->square[i]));
        any |= (uint32_t)(b->new_square[i] > b->noise_high[i]) | (uint32_t)(b->new_square[i] < b->noise_low[i]);
    }
    for (size_t i = 0; i < WIDTH; i++) {
        float z = durai_checks_settle(durai_checks_settle(b->x[i] - b->mean[i]) * b->per_scale[i]);
        z = signed_as(smaller(durai_checks_magnitude(z), b->most_lean[i]), z);
        b->new_lean[i] = durai_checks_settle(b->lean[i] + b->drift_weight[i] * (z - b->lean[i]));
        any |= (uint32_t)(durai_checks_magnitude(b->new_lean[i]) > b->drift_limit[i]);
    }
    for (size_t i = 0; i < WIDTH; i++)
        any |= (uint32_t)(jump_of(b, i) > b->spike_fail[i]) | (uint32_t)(stands_out(b, i) > b->spike_suspect[i]);
    return any;
}

/* Until NOISE has its window, the plain mean of what there is. */
static void warm_noise(shape_block *b, size_t i)
{
    float n = (float)b->steps[i], step = durai_checks_settle(b->x[i] - b->last[i]);
    float square = smaller(step * step, b->most_square[i]);
    DURA_ASSERT(b->full[i] > 0 && b->steps[i] <= b->full[i]);
    b->new_square[i] = 0.0f;
    if (b->steps[i] > 0)
        b->new_square[i] = durai_checks_settle(b->square[i] + (square - b->square[i]) / n);
}

/* The value before was refused as a spike, and this one is near it: a step in level. */
static int is_step(const shape_block *b, size_t i)
{
    return ((uint32_t)b->spiked >> i & 1u) != 0 && durai_checks_magnitude(b->x[i] - b->refused[i]) <= b->spike_fail[i];
}

/* One channel, with all its conditions. */
static uint32_t look_at(shape_block *b, size_t i)
{
    uint32_t found = 0;
    int warm = b->steps[i] >= SPIKE_AFTER;
    if (warm && jump_of(b, i) > b->spike_fail[i] && !is_step(b, i))
        found |= (uint32_t)DURA_R_SPIKE_FAIL;
    if (warm && stands_out(b, i) > b->spike_suspect[i])
        found |= (uint32_t)DURA_R_SPIKE_BEFORE;
    if (b->full[i] > 0 && b->steps[i] <= b->full[i])
        warm_noise(b, i);
    if (b->full[i] > 0 && b->steps[i] < b->full[i])
        found |= (uint32_t)DURA_R_WARMUP;
    else if (b->new_square[i] > b->noise_high[i])
        found |= (uint32_t)DURA_R_NOISY;
    else if (b->new_square[i] < b->noise_low[i])
        found |= (uint32_t)DURA_R_ATTENUATED;
    if (durai_checks_magnitude(b->new_lean[i]) > b->drift_limit[i])
        found |= (uint32_t)DURA_R_DRIFT;
    return found;
}

static void take_values(shape_block *b, const sensor_frame *f, size_t first)
{
    size_t n = f->s->n - first < WIDTH ? f->s->n - first : WIDTH;
    DURA_ASSERT(first < f->s->n && first % WIDTH == 0);
    if (n == WIDTH)
        memcpy(b->x, f->values + first, sizeof b->x);
    else
        memcpy(b->x, f->values + first, n * sizeof b->x[0]);
    for (size_t i = 0; b->counts != 0 && i < n; i++) {
        const sensor_block *s = &f->s->block[(first + i) / LANES];
        if (((uint32_t)b->counts >> i & 1u) != 0)
            b->x[i] = durai_sensor_count(s, (first + i) % LANES, durai_f32_bits(b->x[i]));
    }
}

/* A channel has to be looked at by itself while its window fills. */
static int is_filling(const shape_block *b)
{
    uint32_t any = 0;
    for (size_t i = 0; i < WIDTH; i++)
        any |= (uint32_t)(b->steps[i] <= b->full[i]) & (uint32_t)(b->full[i] > 0);
    return any != 0;
}

/* Before the first frame all channels are attached, also those without a check here. */
static void note_counts(checks *k, const dura_sensor *s)
{
    for (size_t c = 0; c < k->n; c++) {
        uint32_t bit = s->block[c / LANES].what[c % LANES] & KIND_COUNT ? (uint32_t)1 << (c % WIDTH) : 0u;
        k->shape[c / WIDTH].counts = (uint16_t)(k->shape[c / WIDTH].counts | bit);
    }
}

int durai_shape_look(checks *k, const sensor_frame *f)
{
    uint32_t any = 0;
    if (f->s->frames == 1)
        note_counts(k, f->s);
    for (size_t at = 0; at < k->blocks; at++) {
        shape_block *b = &k->shape[at];
        size_t first = at * WIDTH;
        memset(k->found + first, 0, WIDTH * sizeof k->found[0]);
        if (!b->on)
            continue;
        take_values(b, f, first);
        if (!look_block(b) && !is_filling(b))
            continue;
        for (size_t i = 0; i < WIDTH && first + i < k->n; i++)
            any |= k->found[first + i] = look_at(b, i);
    }
    return any != 0;
}

/* ---- moving on --------------------------------------------------------------------- */

static void accept(shape_block *b, size_t i)
{
    DURA_ASSERT(durai_finite(b->x[i]) && durai_finite(b->new_square[i]) && durai_finite(b->new_lean[i]));
    b->former[i] = b->last[i];
    b->last[i] = b->x[i];
    b->square[i] = b->new_square[i];
    b->lean[i] = b->new_lean[i];
    b->steps[i] = (uint16_t)(b->steps[i] + (b->steps[i] < STEPS_MAX));
    b->spiked = (uint16_t)(b->spiked & ~((uint32_t)1 << i));
}

/* All eight at once. */
static void accept_all(shape_block *b)
{
    memcpy(b->former, b->last, sizeof b->former);
    memcpy(b->last, b->x, sizeof b->last);
    memcpy(b->square, b->new_square, sizeof b->square);
    memcpy(b->lean, b->new_lean, sizeof b->lean);
    for (size_t i = 0; i < WIDTH; i++)
        b->steps[i] = (uint16_t)(b->steps[i] + (b->steps[i] < STEPS_MAX));
    b->spiked = 0;
}

static void refuse(shape_block *b, size_t i, uint32_t reasons)
{
    uint32_t bit = (uint32_t)1 << i;
    int spike = (reasons & (uint32_t)DURA_R_SPIKE_FAIL) != 0;
    b->refused[i] = spike ? b->x[i] : 0.0f;
    b->spiked = (uint16_t)(spike ? b->spiked | bit : b->spiked & ~bit);
}

static int all_accepted(const uint8_t *verdict)
{
    uint32_t bad = 0;
    for (size_t i = 0; i < WIDTH; i++)
        bad |= (uint32_t)(verdict[i] > DURA_SUSPECT);
    return bad == 0;
}

static void move_block(shape_block *b, const sensor_frame *f, size_t first, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (f->missing && f->missing[first + i])
            continue;
        if (durai_checks_usable(f, first + i))
            accept(b, i);
        else
            refuse(b, i, durai_sensor_reasons(f->s)[first + i]);
    }
}

void durai_shape_move(checks *k, const sensor_frame *f)
{
    const uint8_t *verdict = durai_sensor_verdicts(f->s);
    for (size_t at = 0; at < k->blocks; at++) {
        size_t first = at * WIDTH, n = k->n - first < WIDTH ? k->n - first : WIDTH;
        if (!k->shape[at].on)
            continue;
        if (n == WIDTH && !f->missing && all_accepted(verdict + first))
            accept_all(&k->shape[at]);
        else
            move_block(&k->shape[at], f, first, n);
    }
}
