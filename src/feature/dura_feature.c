/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dura_feature.c - turns the usable values of a frame into the model's inputs.
 *
 * A channel that some feature looks back on has a ring of its last values, as deep as the
 * deepest look back; a value that was not usable is not finite there, so that value and
 * validity are one word. Every window statistic is computed anew from the ring, oldest
 * value first, in binary32: no running sum, so no error that grows for months, no
 * difference between a device that started today and one that started last year, and the
 * same bits on every target. The price is O(window), and it is stated.
 *
 * Mean and deviation are taken of the distances to the oldest usable value of the window
 * (the shifted two-pass algorithm: Chan, Golub, LeVeque, The American Statistician 37(3),
 * 1983). A window of equal values then has exactly that mean and a deviation of exactly
 * 0, and a large common offset costs no digits.
 */
#include <dura/feature.h>

#include "../base/dura_base_priv.h"

/* Bytes of each struct as first released; the frozen-v1 rule reads against these. */
#define SPEC_V1 24u
#define CONFIG_V1 12u

#define CHANNELS_MAX 1024u
#define ABSENT 0x7FC00000u      /* NaN: in a ring, a value that was not usable or not there yet */

/* One feature. arg: n, channel2 or the bits of match, whichever the op has. */
typedef struct feature_item {
    uint8_t op;                 /* 0: not attached */
    uint8_t reserved;
    uint16_t channel;
    uint32_t arg;
    float offset;
    float scale;
} feature_item;

/* A channel's ring: `depth` values from history[at] on, the newest at `head`. */
typedef struct feature_ring {
    uint32_t at;
    uint16_t depth;             /* 0: nobody looks back on this channel */
    uint16_t head;
} feature_ring;

struct dura_feature {
    uint16_t n_channels;
    uint16_t n_features;
    uint16_t attached;          /* features attached so far */
    uint16_t reserved;
    uint32_t history;           /* values there is room for */
    uint32_t used;              /* values the features attached so far need */
    feature_item item[];        /* then feature_ring[n_channels], then float[history] */
};

static feature_ring *rings(dura_feature *f)
{
    return (feature_ring *)(void *)(f->item + f->n_features);
}

static float *history(dura_feature *f)
{
    return (float *)(void *)(rings(f) + f->n_channels);
}

/* ---- building -------------------------------------------------------------------- */

static int read_config(dura_feature_config *c, const dura_feature_config *theirs)
{
    int rc;
    if (!theirs)
        return DURA_EINVAL;
    rc = durai_struct_in(c, (uint32_t)sizeof *c, theirs, theirs->struct_size, CONFIG_V1);
    if (rc < 0)
        return rc;
    if (c->n_channels < 1 || c->n_channels > CHANNELS_MAX)
        return DURA_EINVAL;
    if (c->n_features < 1 || c->n_features > DURA_FEATURES_MAX)
        return DURA_EINVAL;
    return c->history > c->n_channels * (DURA_FEATURE_WINDOW_MAX + 1u) ? DURA_EINVAL : DURA_OK;
}

static size_t object_bytes(const dura_feature_config *c)
{
    size_t bytes = sizeof(dura_feature) + c->n_features * sizeof(feature_item) +
                   c->n_channels * sizeof(feature_ring) + c->history * sizeof(float);
    return (bytes + 7u) & ~(size_t)7u;
}

size_t dura_feature_bytes(const dura_feature_config *cfg)
{
    dura_feature_config c;
    return read_config(&c, cfg) < 0 ? 0 : object_bytes(&c);
}

static void forget(dura_feature *f)
{
    float *h = history(f);
    uint32_t i;
    for (i = 0; i < f->history; i++)
        h[i] = durai_f32(ABSENT);
    for (i = 0; i < f->n_channels; i++)
        rings(f)[i].head = 0;
}

int dura_feature_init(dura_feature **out, void *mem, size_t len, const dura_feature_config *cfg)
{
    dura_feature_config c;
    dura_feature *f = mem;
    int rc;
    if (!out)
        return DURA_EINVAL;
    *out = NULL;
    rc = read_config(&c, cfg);
    if (rc < 0)
        return rc;
    if (!mem)
        return DURA_EINVAL;
    if (((uintptr_t)mem & 7u) != 0)
        return DURA_EALIGN;
    if (len < object_bytes(&c))
        return DURA_ENOSPC;
    memset(f, 0, object_bytes(&c));
    f->n_channels = c.n_channels;
    f->n_features = c.n_features;
    f->history = c.history;
    forget(f);
    *out = f;
    return DURA_OK;
}

/* ---- features -------------------------------------------------------------------- */

static int has_window(uint32_t op)
{
    return op >= DURA_FEATURE_MEAN && op <= DURA_FEATURE_MAX;
}

static int has_n(uint32_t op)
{
    return op >= DURA_FEATURE_LAG && op <= DURA_FEATURE_MAX;
}

static uint32_t depth_of(uint32_t op, uint32_t n)
{
    return has_window(op) ? n : has_n(op) ? n + 1u : 0;
}

uint32_t dura_feature_depth(const dura_feature_spec *spec)
{
    dura_feature_spec s;
    if (!spec || durai_struct_in(&s, (uint32_t)sizeof s, spec, spec->struct_size, SPEC_V1) < 0)
        return 0;
    return depth_of(s.op, s.n);
}

/* A field that the op has must be in its range, one that it has not must be empty. */
static int spec_is_sound(const dura_feature_spec *s, uint16_t n_channels)
{
    uint32_t least = s->op == DURA_FEATURE_STD ? 2u : 1u;
    if (s->reserved != 0 || s->channel >= n_channels)
        return 0;
    if (has_n(s->op) ? s->n < least || s->n > DURA_FEATURE_WINDOW_MAX : s->n != 0)
        return 0;
    if (s->op == DURA_FEATURE_RATIO ? s->channel2 >= n_channels : s->channel2 != DURA_NONE)
        return 0;
    if (s->op == DURA_FEATURE_ONEHOT ? !durai_finite(s->match) : (durai_f32_bits(s->match) << 1) != 0)
        return 0;
    return durai_finite(s->offset) && durai_finite(s->scale) && (durai_f32_bits(s->scale) << 1) != 0;
}

/* Where each ring begins is known when every look back is. */
static void lay_out(dura_feature *f)
{
    uint32_t i, at = 0;
    for (i = 0; i < f->n_channels; i++) {
        rings(f)[i].at = at;
        at += rings(f)[i].depth;
    }
    DURA_ASSERT(at == f->used && at <= f->history);
}

int dura_feature_attach(dura_feature *f, uint16_t index, const dura_feature_spec *spec)
{
    dura_feature_spec s;
    feature_item *it;
    feature_ring *r;
    uint32_t depth, more;
    int rc;
    if (!f || !spec || index >= f->n_features)
        return DURA_EINVAL;
    rc = durai_struct_in(&s, (uint32_t)sizeof s, spec, spec->struct_size, SPEC_V1);
    if (rc < 0)
        return rc;
    if (s.op > DURA_FEATURE_ONEHOT)
        return DURA_EVERSION;
    if (s.op == 0 || !spec_is_sound(&s, f->n_channels))
        return DURA_EINVAL;
    it = &f->item[index];
    if (it->op != 0)
        return DURA_ESTATE;
    r = &rings(f)[s.channel];
    depth = depth_of(s.op, s.n);
    more = depth > r->depth ? depth - r->depth : 0;
    if (more > f->history - f->used)
        return DURA_ENOSPC;
    f->used += more;
    r->depth = (uint16_t)(r->depth + more);
    it->op = s.op;
    it->channel = s.channel;
    it->arg = s.op == DURA_FEATURE_RATIO ? s.channel2 : s.op == DURA_FEATURE_ONEHOT ? durai_f32_bits(s.match) : s.n;
    it->offset = s.offset;
    it->scale = s.scale;
    if (++f->attached == f->n_features)
        lay_out(f);
    DURA_ASSERT(f->attached <= f->n_features && f->used <= f->history);
    return DURA_OK;
}

/* ---- a frame --------------------------------------------------------------------- */

/* The value of a channel, not finite when it is not usable. */
static float now(const float *values, const uint8_t *usable, uint32_t channel)
{
    return !usable || usable[channel] ? values[channel] : durai_f32(ABSENT);
}

static void remember(dura_feature *f, const float *values, const uint8_t *usable)
{
    float *h = history(f);
    uint32_t i;
    for (i = 0; i < f->n_channels; i++) {
        feature_ring *r = &rings(f)[i];
        if (r->depth == 0)
            continue;
        r->head = (uint16_t)(r->head + 1u < r->depth ? r->head + 1u : 0);
        DURA_ASSERT(r->at + r->head < f->used);
        h[r->at + r->head] = now(values, usable, i);
    }
}

/* Place in the ring of the value k frames ago. */
static uint32_t place(const feature_ring *r, uint32_t k)
{
    DURA_ASSERT(k < r->depth);
    return r->head >= k ? r->head - k : r->head + r->depth - k;
}

/* Mean, deviation, minimum or maximum of the last n values of a ring, or NaN. Two walks
 * from the oldest to the newest; the second is for the deviation alone. */
static float rolling(uint32_t op, const float *ring, const feature_ring *r, uint32_t n)
{
    float pivot = 0.0f, sum = 0.0f, mean, best = 0.0f;
    uint32_t walk, i, at, count = 0;
    mean = 0.0f;
    for (walk = 0; walk < (op == DURA_FEATURE_STD ? 2u : 1u); walk++) {
        if (walk == 1u)
            mean = sum / (float)count;
        sum = 0.0f;
        count = 0;
        at = place(r, n - 1u);
        for (i = 0; i < n; i++, at = at + 1u < r->depth ? at + 1u : 0) {
            float x = ring[at], d;
            if (!durai_finite(x))
                continue;
            if (count++ == 0)
                pivot = best = x;
            if (op == DURA_FEATURE_MAX ? x > best : x < best)
                best = x;
            d = (x - pivot) - mean;
            sum += walk == 1u ? d * d : d;
        }
        if (count < (n + 1u) / 2u || (op == DURA_FEATURE_STD && count < 2u))
            return durai_f32(ABSENT);
    }
    DURA_ASSERT(count > 0 && count <= n);
    if (op == DURA_FEATURE_STD)
        return durai_sqrt(sum / (float)(count - 1u));
    return op == DURA_FEATURE_MEAN ? pivot + sum / (float)count : best;
}

/* The value n frames ago, or NaN. */
static float back(dura_feature *f, const feature_item *it)
{
    const feature_ring *r = &rings(f)[it->channel];
    return history(f)[r->at + place(r, it->arg)];
}

/* f of one feature; not finite when it is not usable. */
static float value_of(dura_feature *f, const feature_item *it, const float *values,
                      const uint8_t *usable)
{
    const feature_ring *r = &rings(f)[it->channel];
    float x = now(values, usable, it->channel), y;
    if (it->op == DURA_FEATURE_LAG)
        return back(f, it);
    if (has_window(it->op))
        return rolling(it->op, history(f) + r->at, r, it->arg);
    if (!durai_finite(x) || it->op == DURA_FEATURE_VALUE)
        return x;
    if (it->op == DURA_FEATURE_ONEHOT)
        return x == durai_f32(it->arg) ? 1.0f : 0.0f;
    DURA_ASSERT(it->op == DURA_FEATURE_DIFF || it->op == DURA_FEATURE_RATIO);
    y = it->op == DURA_FEATURE_DIFF ? back(f, it) : now(values, usable, it->arg);
    if (!durai_finite(y))
        return y;
    if (it->op == DURA_FEATURE_DIFF)
        return x - y;
    return (durai_f32_bits(y) << 1) != 0 ? x / y : durai_f32(ABSENT);
}

/* Features of one frame that are not usable. */
static int frame(dura_feature *f, const float *values, const uint8_t *usable, float *out, uint8_t *ok)
{
    uint32_t i;
    int missing = 0;
    remember(f, values, usable);
    for (i = 0; i < f->n_features; i++) {
        const feature_item *it = &f->item[i];
        float y = value_of(f, it, values, usable);
        int good = durai_finite(y);
        if (good) {
            y = (y - it->offset) * it->scale;
            good = durai_finite(y);
        }
        out[i] = good ? y : 0.0f;
        if (ok)
            ok[i] = (uint8_t)good;
        missing += !good;
    }
    return missing;
}

int dura_feature_update(dura_feature *f, const float *values, const uint8_t *usable, size_t n,
                        float *out, uint8_t *ok)
{
    if (!f || !values || !out || n != f->n_channels)
        return DURA_EINVAL;
    if (f->attached != f->n_features)
        return DURA_ESTATE;
    return frame(f, values, usable, out, ok);
}

int dura_feature_update_n(dura_feature *f, const float *values, const uint8_t *usable, size_t frames,
                          size_t n, float *out, uint8_t *ok)
{
    uint32_t missing = 0;
    size_t k;
    if (!f || !values || !out || n != f->n_channels)
        return DURA_EINVAL;
    if (f->attached != f->n_features)
        return DURA_ESTATE;
    for (k = 0; k < frames; k++) {
        missing += (uint32_t)frame(f, values, usable, out, ok);
        if (missing > (uint32_t)INT32_MAX)
            missing = (uint32_t)INT32_MAX;
        values += n;
        out += f->n_features;
        usable = usable ? usable + n : NULL;
        ok = ok ? ok + f->n_features : NULL;
    }
    return (int)missing;
}

int dura_feature_reset(dura_feature *f)
{
    if (!f)
        return DURA_EINVAL;
    forget(f);
    return DURA_OK;
}

const dura_feature_calls *dura_feature_part(void)
{
    static const dura_feature_calls calls = {(uint32_t)sizeof(dura_feature_calls),
                                             0,
                                             dura_feature_depth,
                                             dura_feature_bytes,
                                             dura_feature_init,
                                             dura_feature_attach,
                                             dura_feature_update,
                                             dura_feature_reset};
    return &calls;
}
