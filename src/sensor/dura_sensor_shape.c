/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dura_sensor_shape.c - spike, noise and drift: a channel against its own past.
 *
 * A block of channels at a time, in a loop without a branch; only when one of them may have
 * something to say are they looked at one by one. What the frame would make of the statistics
 * is worked out beside the verdict and taken over only for values that were accepted.
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

void durai_shape_restart(shape_block *b)
{
    memset(b->steps, 0, sizeof b->steps);
    b->filling = (uint16_t)ALL_LANES;
}

void durai_shape_forget(shape_block *b)
{
    for (size_t i = 0; i < LANES; i++) {
        b->square[0][i] = b->square[1][i] = 0.0f;
        b->lean[0][i] = b->lean[1][i] = 0.0f;
    }
    durai_shape_restart(b);
}

void durai_shape_clear(shape_block *b)
{
    memset(b, 0, sizeof *b);
    for (size_t i = 0; i < LANES; i++) {
        b->spike_suspect[i] = b->spike_fail[i] = b->spike_least[i] = durai_f32(ENDLESS);
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

static inline float smaller(float a, float b)
{
    return a < b ? a : b;
}

static int add_spike(shape_block *b, size_t i, const dura_sensor_check *c)
{
    if (b->spike_suspect[i] <= NO_LIMIT || b->spike_fail[i] <= NO_LIMIT)
        return DURA_ESTATE;
    if (c->suspect > 0.0f)
        b->spike_suspect[i] = c->suspect;
    if (c->fail > 0.0f)
        b->spike_fail[i] = c->fail;
    b->spike_least[i] = smaller(b->spike_suspect[i], b->spike_fail[i]);
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
    DURA_ASSERT(i < LANES && c->kind <= DURA_CK_DRIFT);
    if (c->kind == DURA_CK_SPIKE)
        rc = add_spike(b, i, c);
    else
        rc = c->kind == DURA_CK_NOISE ? add_noise(b, i, c) : add_drift(b, i, c);
    if (rc == DURA_OK)
        b->on = 1;
    return rc;
}

/* ---- looking ----------------------------------------------------------------------- */

/* As durai_checks_settle, for what is not negative. */
static inline float settle_size(float x)
{
    uint32_t u = durai_f32_bits(x);
    return durai_f32(u & (0u - (uint32_t)((int32_t)u > SMALL_BITS)));
}

static inline uint32_t all_if(int holds)
{
    return 0u - (uint32_t)holds;
}

/* What the next mean square and mean deviation are. Returns the lanes that have to be looked
 * at one by one: a limit may be exceeded, or an innovation has to be clamped. A step no longer
 * than the least limit is no spike of either kind. */
static inline uint32_t look_lanes(const shape_block *b, const float *x, const uint32_t *last, const float *restrict square,
                                  const float *restrict lean, float *restrict new_square, float *restrict new_lean,
                                  size_t lanes)
{
    static const uint32_t lane[8] = {1, 2, 4, 8, 16, 32, 64, 128};
    uint32_t odd = 0;
    LANE_LOOP
    for (size_t i = 0; i < lanes; i++) {
        float d = x[i] - durai_f32(last[i]), step = durai_checks_settle(d), fresh = step * step, size, z, to;
        size = settle_size(square[i] + b->noise_weight[i] * (fresh - square[i]));
        z = durai_checks_settle(x[i] - b->mean[i]) * b->per_scale[i];
        to = lean[i] + b->drift_weight[i] * (durai_checks_settle(z) - lean[i]);
        new_square[i] = size;
        new_lean[i] = durai_checks_settle(to);
        odd |= lane[i] & (all_if(durai_checks_magnitude(d) > b->spike_least[i]) | all_if(fresh > b->most_square[i]) |
                          all_if(size > b->noise_high[i]) | all_if(size < b->noise_low[i]) |
                          all_if(durai_checks_magnitude(z) > b->most_lean[i]) |
                          all_if(durai_checks_magnitude(to) > b->drift_limit[i]));
    }
    return odd;
}

/* One channel as it is looked at by itself. */
typedef struct lane_view {
    float x, last, former;
    float refused;       /* what was refused as a spike the frame before, */
    int spiked;          /* if anything was */
} lane_view;

static inline float lane_value(const shape_block *b, const sensor_block *s, size_t i, uint32_t u)
{
    return (uint32_t)b->counts >> i & 1u ? durai_sensor_count(s, i, u) : durai_f32(u);
}

/* Farther from the last value, and from the line through the last two, than this. */
static float jump_of(const lane_view *v)
{
    float line = (v->last - v->former) + v->last;
    return smaller(durai_checks_magnitude(v->x - v->last), durai_checks_magnitude(v->x - line));
}

/* How far the last value stands out of its neighbours; 0 where it lies between them. */
static float stands_out(const lane_view *v)
{
    float up = v->last - v->former, down = v->last - v->x;
    float least = smaller(durai_checks_magnitude(up), durai_checks_magnitude(down));
    return (durai_f32_bits(up) ^ durai_f32_bits(down)) >> 31 ? 0.0f : least;
}

static float square_of_step(const shape_block *b, size_t i, const lane_view *v)
{
    float step = durai_checks_settle(v->x - v->last);
    return smaller(step * step, b->most_square[i]);
}

/* Until NOISE has its window, the plain mean of what there is. */
static float next_square(const shape_block *b, size_t i, const lane_view *v, float square)
{
    float fresh = square_of_step(b, i, v);
    if (b->full[i] == 0 || b->steps[i] > b->full[i])
        return durai_checks_settle(square + b->noise_weight[i] * (fresh - square));
    if (b->steps[i] == 0)
        return 0.0f;
    return durai_checks_settle(square + (fresh - square) / (float)b->steps[i]);
}

/* x >= 0 with the sign of s. */
static inline float signed_as(float x, float s)
{
    return durai_f32(durai_f32_bits(x) | (durai_f32_bits(s) & 0x80000000u));
}

/* The mean deviation with this one, clamped. */
static float next_lean(const shape_block *b, size_t i, const lane_view *v, float lean)
{
    float z = durai_checks_settle(durai_checks_settle(v->x - b->mean[i]) * b->per_scale[i]);
    z = signed_as(smaller(durai_checks_magnitude(z), b->most_lean[i]), z);
    return durai_checks_settle(lean + b->drift_weight[i] * (z - lean));
}

/* The value before was refused as a spike, and this one is near it: a step in level. */
static int is_step(const shape_block *b, size_t i, const lane_view *v)
{
    return v->spiked && durai_checks_magnitude(v->x - v->refused) <= b->spike_fail[i];
}

/* One channel, with all its conditions. */
static uint32_t look_at(shape_block *b, size_t i, const lane_view *v, uint32_t side)
{
    uint32_t found = 0;
    int warm = b->steps[i] >= SPIKE_AFTER;
    float square = next_square(b, i, v, b->square[side][i]), lean = next_lean(b, i, v, b->lean[side][i]);
    b->square[side ^ 1u][i] = square;
    b->lean[side ^ 1u][i] = lean;
    if (warm && jump_of(v) > b->spike_fail[i] && !is_step(b, i, v))
        found |= (uint32_t)DURA_R_SPIKE_FAIL;
    if (warm && stands_out(v) > b->spike_suspect[i])
        found |= (uint32_t)DURA_R_SPIKE_BEFORE;
    if (b->full[i] > 0 && b->steps[i] < b->full[i])
        found |= (uint32_t)DURA_R_WARMUP;
    else if (square > b->noise_high[i])
        found |= (uint32_t)DURA_R_NOISY;
    else if (square < b->noise_low[i])
        found |= (uint32_t)DURA_R_ATTENUATED;
    if (durai_checks_magnitude(lean) > b->drift_limit[i])
        found |= (uint32_t)DURA_R_DRIFT;
    return found;
}

/* Before the first frame all channels are attached, also those without a check here. */
static void note_counts(checks *k, const dura_sensor *s)
{
    for (size_t c = 0; c < k->n; c++) {
        uint32_t bit = s->block[c / LANES].what[c % LANES] & KIND_COUNT ? (uint32_t)1 << (c % LANES) : 0u;
        k->shape[c / LANES].counts = (uint16_t)(k->shape[c / LANES].counts | bit);
    }
}

/* Values and last values of a block that has counts. */
static inline void read_lanes(const shape_block *b, const sensor_block *s, const float *values, size_t lanes,
                                   float *x, uint32_t *last)
{
    for (size_t i = 0; i < lanes; i++) {
        x[i] = lane_value(b, s, i, durai_f32_bits(values[i]));
        last[i] = durai_f32_bits(lane_value(b, s, i, s->acc[i]));
    }
}

/* The odd channels of a block by themselves. */
static SENSOR_SLOW void look_closer(checks *k, const sensor_frame *f, size_t at, const float *x, const uint32_t *last,
                                    uint32_t odd)
{
    shape_block *b = &k->shape[at];
    const sensor_block *s = &f->s->block[at];
    for (size_t i = 0, c = at * LANES; i < LANES && c < k->n; i++, c++) {
        uint32_t other = s->other[i], former = s->past[i] & PAST_REFUSED ? k->base.second[c] : other;
        lane_view v = {x[i], durai_f32(last[i]), lane_value(b, s, i, former), lane_value(b, s, i, other),
                       s->past[i] & PAST_SPIKED};
        if ((odd >> i & 1u) == 0)
            continue;
        k->found[c] = look_at(b, i, &v, k->side);
        k->has_found = (uint8_t)(k->has_found | (k->found[c] != 0));
    }
}

/* A block that is not whole, or has counts. */
static SENSOR_SLOW void look_few(checks *k, const sensor_frame *f, size_t at, size_t lanes)
{
    shape_block *b = &k->shape[at];
    size_t old = k->side, new = old ^ 1u;
    float x[LANES];
    uint32_t last[LANES], odd;
    DURA_ASSERT(lanes >= 1 && lanes <= LANES);
    read_lanes(b, &f->s->block[at], f->values + at * LANES, lanes, x, last);
    odd = look_lanes(b, x, last, b->square[old], b->lean[old], b->square[new], b->lean[new], lanes) | b->filling;
    if (odd)
        look_closer(k, f, at, x, last, odd);
}

void durai_shape_look(checks *k, const sensor_frame *f)
{
    size_t old = k->side, new = old ^ 1u, n = k->n;
    if (f->s->frames == 1)
        note_counts(k, f->s);
    if (k->has_found)
        memset(k->found, 0, k->blocks * LANES * sizeof k->found[0]);
    k->has_found = 0;
    for (size_t at = 0, first = 0; first < n; at++, first += LANES) {
        shape_block *b = &k->shape[at];
        const float *x = f->values + first;
        const uint32_t *last = f->s->block[at].acc;
        uint32_t odd;
        if (!b->on)
            continue;
        if (b->counts || first + LANES > n) {
            look_few(k, f, at, n - first < LANES ? n - first : LANES);
            continue;
        }
        odd = look_lanes(b, x, last, b->square[old], b->lean[old], b->square[new], b->lean[new], LANES) | b->filling;
        if (odd)
            look_closer(k, f, at, x, last, odd);
    }
}

/* ---- moving on --------------------------------------------------------------------- */

/* NOISE wants `full` steps, SPIKE two: what is beyond both does not matter. */
static void count_steps(shape_block *b, uint32_t accepted)
{
    uint32_t filling = 0;
    for (size_t i = 0; i < LANES; i++) {
        uint32_t full = b->full[i], enough = full < SPIKE_AFTER ? SPIKE_AFTER : full < STEPS_MAX ? full + 1u : full;
        uint32_t steps = b->steps[i] + (accepted >> i & 1u);
        steps = steps < enough ? steps : enough;
        DURA_ASSERT(steps <= UINT16_MAX && enough >= SPIKE_AFTER);
        b->steps[i] = (uint16_t)steps;
        if (steps < SPIKE_AFTER || steps <= full)
            filling |= (uint32_t)1 << i;
    }
    b->filling = (uint16_t)filling;
}

/* By lane: its value was accepted. */
static uint32_t accepted_lanes(const sensor_frame *f, size_t first, size_t lanes)
{
    uint32_t accepted = ALL_LANES;
    for (size_t i = 0; i < lanes; i++)
        if ((f->missing && f->missing[first + i]) || !durai_checks_usable(f, first + i))
            accepted &= ~((uint32_t)1 << i);
    return accepted;
}

/* `side` is the new one. */
static void move_block(shape_block *b, uint32_t side, uint32_t accepted)
{
    if (b->filling)
        count_steps(b, accepted);
    for (size_t i = 0; accepted != ALL_LANES && i < LANES; i++) {
        if ((accepted >> i & 1u) == 0) {
            b->square[side][i] = b->square[side ^ 1u][i];
            b->lean[side][i] = b->lean[side ^ 1u][i];
        }
        DURA_ASSERT(durai_finite(b->square[side][i]) && durai_finite(b->lean[side][i]));
    }
}

void durai_shape_move(checks *k, const sensor_frame *f)
{
    int quiet = f->report->n_not_good == 0 && !f->missing;
    DURA_ASSERT(k->side <= 1 && f->good);
    k->side ^= 1u;
    if (quiet && !k->filling)
        return;
    k->filling = 0;
    for (size_t at = 0, left = k->n; at < k->blocks; at++, left -= LANES) {
        uint32_t accepted = quiet ? ALL_LANES : accepted_lanes(f, at * LANES, left < LANES ? left : LANES);
        if (!k->shape[at].on)
            continue;
        move_block(&k->shape[at], k->side, accepted);
        k->filling |= k->shape[at].filling;
    }
}
