/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Frames from a seed: two families of clean signals and the ways sensors fail.
 *
 * Sines come from a coupled oscillator (x -= e*y, y += e*x), whose map has determinant 1,
 * so the amplitude neither grows nor dies and no libm is needed. The autoregression is
 * x = 0.9x + u. A fault is laid over the clean value, in the order it was added, so the
 * clean stream behind it is the same with and without faults: differences are exact.
 */
#include "dt_sim.h"

#include <string.h>

#define TURN 6.2831853f

/* Uniform in -1..1, 24 bits, the same on every target. */
static float uniform(uint64_t *rng)
{
    return (float)(int32_t)(dt_random(rng) >> 40) * (1.0f / 8388608.0f) - 1.0f;
}

static float bits(uint32_t u)
{
    float f;
    memcpy(&f, &u, sizeof f);
    return f;
}

void dt_sensor_init(dt_sensor *s, uint16_t n, uint64_t seed)
{
    memset(s, 0, sizeof *s);
    s->rng = seed;
    s->period_ns = 10000000;
    s->last_ns = -1;
    s->n = n < DT_CHANNELS ? n : DT_CHANNELS;
    s->offset = 20.0f;
    s->amplitude = 5.0f;
    s->noise = 0.05f;
    for (unsigned c = 0; c < DT_CHANNELS; c += 2)
        s->cosine[c] = 1.0f;
}

int dt_sensor_fault(dt_sensor *s, const dt_fault *fault)
{
    if (s->n_faults == DT_FAULTS)
        return DURA_EFULL;
    s->fault[s->n_faults++] = *fault;
    return 0;
}

/* The next clean value of channel c; always draws the same randomness. */
static float clean(dt_sensor *s, unsigned c)
{
    float u = uniform(&s->rng);
    float unit;
    if (c % 2 == 0) {
        float e = TURN / (float)(64u + 8u * c);
        s->cosine[c] -= e * s->sine[c];
        s->sine[c] += e * s->cosine[c];
        unit = s->sine[c];
    } else {
        s->sine[c] = 0.9f * s->sine[c] + 0.1f * u;
        unit = s->sine[c];
    }
    return s->offset + s->amplitude * unit + s->noise * uniform(&s->rng);
}

static int active(const dt_sensor *s, const dt_fault *f)
{
    return f->kind && s->frame >= f->from && s->frame < f->until;
}

static float faulty(dt_sensor *s, const dt_fault *f, float x)
{
    uint32_t since = s->frame - f->from;
    switch (f->kind) {
    case DT_STUCK:
        if (since == 0)
            s->held[f->channel % DT_CHANNELS] = x;
        return s->held[f->channel % DT_CHANNELS];
    case DT_SPIKE:
        return f->period && since % f->period ? x : x + f->size;
    case DT_DRIFT:
        return x + f->size * (float)since;
    case DT_OFFSET:
        return x + f->size;
    case DT_NAN:
        return bits(0x7FC00000u);
    case DT_INF:
        return bits(f->size < 0.0f ? 0xFF800000u : 0x7F800000u);
    default:
        return x;
    }
}

/* The stamp this frame carries, which a time fault makes a lie. */
static int64_t stamp(dt_sensor *s)
{
    int64_t t = s->mono_ns;
    for (unsigned i = 0; i < s->n_faults; i++) {
        const dt_fault *f = &s->fault[i];
        if (!active(s, f))
            continue;
        if (f->kind == DT_TIME_REVERSED)
            t = t > (int64_t)f->size ? t - (int64_t)f->size : 0;
        else if (f->kind == DT_TIME_REPEATED && s->last_ns >= 0)
            t = s->last_ns;
    }
    return t;
}

int64_t dt_sensor_next(dt_sensor *s, float *values, uint8_t *missing)
{
    for (unsigned c = 0; c < s->n; c++) {
        values[c] = clean(s, c);
        missing[c] = 0;
    }
    for (unsigned i = 0; i < s->n_faults; i++) {
        const dt_fault *f = &s->fault[i];
        if (!active(s, f) || f->channel >= s->n)
            continue;
        values[f->channel] = f->kind == DT_DROPOUT ? 0.0f : faulty(s, f, values[f->channel]);
        missing[f->channel] |= f->kind == DT_DROPOUT;
    }
    s->last_ns = stamp(s);
    s->mono_ns += s->period_ns;
    s->frame++;
    return s->last_ns;
}
