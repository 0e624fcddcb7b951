/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sixteen faults, frame by frame.
 *
 * Deviations are robust (1.4826 x the median of the absolute distances from the median,
 * Hampel 1974), so that what is wrong with the clean stretch itself hardly changes them.
 * Noise is measured on steps between neighbours: a slow movement is no noise. Chance is
 * SplitMix64 (Steele, Lea, Flood 2014); normal numbers are sums of twelve uniform ones,
 * which need no library and come out the same everywhere.
 */
#include <dura/host/inject.h>

#include "../base/dura_base_priv.h"

#include <math.h> /* fabs and isfinite, which need no library */
#include <stdlib.h>
#include <string.h>

enum { BEFORE = 17 };           /* values a mean before the fault is taken over */
#define SQRT2 1.4142135623730951
#define LONGEST 1e18            /* ns a clock is set ahead at most: 31 years */
#define ROBUST 1.4826           /* makes a median distance a normal's standard deviation */

static const struct row { const char *name; double size; } kinds[DURA_INJECT_KINDS] = {
    {NULL, 0.0},        {"spike", 8.0}, {"noise", 5.0}, {"attenuated", 0.2}, {"nan", 0.0},
    {"inf", 0.0},       {"swap", 0.0},  {"unit", 0.0},  {"stuck", 0.0},      {"bias", 3.0},
    {"drift", 5.0},     {"sign", 0.0},  {"saturated", 0.0},
    {"time_reversed", 0.0}, {"time_duplicate", 0.0}, {"time_gap", 0.0}, {"replay", 0.0},
};

struct dura_inject {
    dura_inject_fault fault;
    dura_inject_channel own;    /* of the channel that is injected into */
    uint16_t n;
    uint64_t frame;             /* number of the next one */
    uint64_t chance;
    double sign;
    float recent[BEFORE];       /* the channel's last numbers, a ring */
    uint32_t n_recent, at_recent;
    float last;                 /* of these, the last one */
    double centre;
    int64_t before_ns, step_ns; /* last stamp, and the step to it */
    int64_t gap_ns;
    float *past;                /* REPLAY: length x n values, then as many flags */
    uint8_t *past_missing;
};

const char *dura_inject_name(uint32_t kind) { return kind < DURA_INJECT_KINDS ? kinds[kind].name : NULL; }

/* ---- measuring -------------------------------------------------------------------------- */

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double middle(double *x, size_t n)
{
    qsort(x, n, sizeof *x, by_size);
    return n % 2 ? x[n / 2] : (x[n / 2 - 1] + x[n / 2]) / 2.0;
}

static double standard(const double *x, size_t n)
{
    double mean = 0.0, sum = 0.0;
    for (size_t i = 0; i < n; i++)
        mean += x[i] / (double)n;
    for (size_t i = 0; i < n; i++)
        sum += (x[i] - mean) * (x[i] - mean);
    return n > 1 ? (double)durai_sqrt((float)(sum / (double)(n - 1))) : 0.0;
}

/* x comes out in another order, as distances. */
static double deviation(double *x, size_t n, double *median)
{
    double spread = standard(x, n);
    *median = middle(x, n);
    for (size_t i = 0; i < n; i++)
        x[i] = fabs(x[i] - *median);
    double robust = ROBUST * middle(x, n);
    return robust > 0.0 ? robust : spread;
}

static int is_there(float x, const uint8_t *missing, uint64_t at)
{
    return durai_finite(x) && !(missing && missing[at]);
}

/* Numbers of channel c, or the steps between those that are neighbours. */
static size_t gather(double *x, const float *values, const uint8_t *missing, uint64_t rows, uint16_t n, uint16_t c,
                     int steps)
{
    size_t k = 0;
    for (uint64_t row = steps ? 1 : 0; row < rows; row++) {
        uint64_t at = row * n + c;
        if (!is_there(values[at], missing, at) || (steps && !is_there(values[at - n], missing, at - n)))
            continue;
        x[k++] = steps ? (double)values[at] - (double)values[at - n] : (double)values[at];
    }
    return k;
}

int dura_inject_measure(dura_inject_channel *out, const float *values, const uint8_t *missing, uint64_t rows,
                        uint16_t n)
{
    if (!out || !values || rows == 0 || n == 0)
        return DURA_EINVAL;
    double *x = malloc((size_t)rows * sizeof *x), ignored;
    if (!x)
        return DURA_ENOSPC;
    for (uint16_t c = 0; c < n; c++) {
        out[c] = (dura_inject_channel){0.0, 0.0, 0.0};
        size_t k = gather(x, values, missing, rows, n, c, 0);
        if (k > 0)
            out[c].deviation = deviation(x, k, &out[c].median);
        k = gather(x, values, missing, rows, n, c, 1);
        if (k > 0)
            out[c].noise = deviation(x, k, &ignored) / SQRT2;
    }
    free(x);
    return DURA_OK;
}

/* ---- chance ------------------------------------------------------------------------------- */

static uint64_t draw(dura_inject *x)
{
    uint64_t z = x->chance += UINT64_C(0x9E3779B97F4A7C15);
    z = (z ^ (z >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94D049BB133111EB);
    return z ^ (z >> 31);
}

static double normal(dura_inject *x)
{
    double sum = -6.0;
    for (int i = 0; i < 12; i++)
        sum += (double)(draw(x) >> 11) * (1.0 / 9007199254740992.0); /* 2^-53 */
    return sum;
}

/* ---- opening -------------------------------------------------------------------------------- */

static int is_of_time(uint8_t kind) { return kind >= DURA_INJECT_TIME_REVERSED && kind <= DURA_INJECT_TIME_GAP; }

static int fault_is_sound(const dura_inject_fault *f, uint16_t n)
{
    if (f->kind == 0 || f->kind >= DURA_INJECT_KINDS || f->length == 0 || !(f->size >= 0.0) || !isfinite(f->size))
        return 0;
    if (f->kind == DURA_INJECT_TIME_GAP && f->size > 1e9)
        return 0;
    if (f->kind == DURA_INJECT_SWAP && (f->other >= n || f->other == f->channel))
        return 0;
    if (f->kind == DURA_INJECT_REPLAY && f->channel == DURA_NONE)
        return f->first >= f->length;
    return is_of_time(f->kind) || (f->channel < n && (f->kind != DURA_INJECT_REPLAY || f->first >= f->length));
}

/* Room for the window that is played again. */
static int keep_past(dura_inject *x)
{
    uint64_t length = x->fault.length, frame = x->n * (sizeof *x->past + 1);
    if (x->fault.kind != DURA_INJECT_REPLAY)
        return DURA_OK;
    if (length > SIZE_MAX / frame)
        return DURA_ENOSPC;
    x->past = malloc((size_t)(length * frame));
    x->past_missing = (uint8_t *)(x->past + length * x->n);
    return x->past ? DURA_OK : DURA_ENOSPC;
}

int dura_inject_open(dura_inject **out, const dura_inject_channel *channel, uint16_t n, const dura_inject_fault *f,
                     uint64_t seed)
{
    if (!out)
        return DURA_EINVAL;
    *out = NULL;
    if (!channel || n == 0 || !f || f->struct_size < sizeof *f || !fault_is_sound(f, n))
        return DURA_EINVAL;
    dura_inject *x = calloc(1, sizeof *x);
    if (!x)
        return DURA_ENOSPC;
    x->fault = *f;
    x->n = n;
    x->chance = seed;
    x->sign = draw(x) & 1u ? 1.0 : -1.0;
    if (f->kind == DURA_INJECT_SPIKE)
        x->fault.length = 1;
    if (!(f->size > 0.0))
        x->fault.size = kinds[f->kind].size;
    if (f->channel < n)
        x->own = channel[f->channel];
    if (keep_past(x) != DURA_OK) {
        dura_inject_close(x);
        return DURA_ENOSPC;
    }
    *out = x;
    return DURA_OK;
}

void dura_inject_close(dura_inject *x)
{
    if (!x)
        return;
    free(x->past);
    free(x);
}

/* ---- frames before the fault ------------------------------------------------------------------ */

static void remember(dura_inject *x, const float *values, const uint8_t *missing)
{
    uint16_t c = x->fault.channel;
    if (x->past) {
        uint64_t at = x->frame % x->fault.length * x->n;
        memcpy(x->past + at, values, x->n * sizeof *values);
        memset(x->past_missing + at, 0, x->n);
        if (missing)
            memcpy(x->past_missing + at, missing, x->n);
    }
    if (c >= x->n || !is_there(values[c], missing, c))
        return;
    x->last = x->recent[x->at_recent] = values[c];
    x->at_recent = (x->at_recent + 1u) % BEFORE;
    x->n_recent += x->n_recent < BEFORE;
}

/* The fault begins with this frame. */
static void begin(dura_inject *x, int64_t now, const float *values)
{
    uint16_t c = x->fault.channel;
    double sum = 0.0;
    for (uint32_t i = 0; i < x->n_recent; i++)
        sum += (double)x->recent[i];
    x->centre = x->n_recent ? sum / x->n_recent : x->own.median;
    if (x->n_recent == 0 && c < x->n)
        x->last = durai_finite(values[c]) ? values[c] : (float)x->own.median;
    if (x->frame == 0)
        x->before_ns = now;
    if (x->fault.kind != DURA_INJECT_TIME_GAP)
        return;
    double gap = x->fault.size > 0.0 ? x->fault.size * 1e9 : (double)x->step_ns * (double)x->fault.length;
    x->gap_ns = (int64_t)(gap < LONGEST ? gap : LONGEST);
}

/* ---- the fault ---------------------------------------------------------------------------------- */

static float faulty(dura_inject *x, uint64_t k, float value)
{
    static const uint32_t nan_bits = 0x7FC00000u, inf_bits = 0x7F800000u;
    double v = (double)value, step = x->sign * x->fault.size * x->own.deviation;
    switch (x->fault.kind) {
    case DURA_INJECT_SPIKE:
    case DURA_INJECT_BIAS: return (float)(v + step);
    case DURA_INJECT_DRIFT: return (float)(v + step * (double)(k + 1) / (double)x->fault.length);
    case DURA_INJECT_NOISE: {
        double more = x->fault.size * x->fault.size - 1.0;
        return (float)(v + normal(x) * x->own.noise * (double)durai_sqrt((float)(more > 0.0 ? more : 0.0)));
    }
    case DURA_INJECT_ATTENUATED: return (float)(x->centre + x->fault.size * (v - x->centre));
    case DURA_INJECT_NAN: return durai_f32(nan_bits);
    case DURA_INJECT_INF: return durai_f32(x->sign > 0.0 ? inf_bits : inf_bits | 0x80000000u);
    case DURA_INJECT_UNIT: return (float)(1.8 * v + 32.0);
    case DURA_INJECT_STUCK: return x->last;
    case DURA_INJECT_SIGN: return 0.0f - value; /* 0 stays +0: no change is no fault */
    case DURA_INJECT_SATURATED: return v > x->own.median ? (float)x->own.median : value;
    default: return value;
    }
}

static int64_t stamp(const dura_inject *x, int64_t now)
{
    int64_t back = x->before_ns - (now - x->before_ns);
    switch (x->fault.kind) {
    case DURA_INJECT_TIME_REVERSED: return back > 0 ? back : 0;
    case DURA_INJECT_TIME_DUPLICATE: return x->before_ns;
    default: return now;
    }
}

static void replay(const dura_inject *x, uint64_t k, float *values, uint8_t *missing)
{
    uint64_t at = (x->fault.first + k) % x->fault.length * x->n;
    uint16_t from = x->fault.channel == DURA_NONE ? 0 : x->fault.channel;
    uint16_t width = x->fault.channel == DURA_NONE ? x->n : 1;
    memcpy(values + from, x->past + at + from, width * sizeof *values);
    if (missing)
        memcpy(missing + from, x->past_missing + at + from, width);
}

static void swap(const dura_inject *x, float *values, uint8_t *missing)
{
    uint16_t a = x->fault.channel, b = x->fault.other;
    float v = values[a];
    values[a] = values[b];
    values[b] = v;
    if (missing) {
        uint8_t m = missing[a];
        missing[a] = missing[b];
        missing[b] = m;
    }
}

static void inject(dura_inject *x, uint64_t k, int64_t *now, float *values, uint8_t *missing)
{
    uint16_t c = x->fault.channel;
    if (is_of_time(x->fault.kind))
        *now = stamp(x, *now);
    else if (x->fault.kind == DURA_INJECT_REPLAY)
        replay(x, k, values, missing);
    else if (x->fault.kind == DURA_INJECT_SWAP)
        swap(x, values, missing);
    else if (is_there(values[c], missing, c))
        values[c] = faulty(x, k, values[c]);
}

int dura_inject_next(dura_inject *x, int64_t *mono_ns, float *values, uint8_t *missing)
{
    if (!x || !mono_ns || !values || *mono_ns < 0)
        return DURA_EINVAL;
    const dura_inject_fault *f = &x->fault;
    int64_t now = *mono_ns;
    int in = x->frame >= f->first && x->frame - f->first < f->length;
    if (x->frame == f->first)
        begin(x, now, values);
    if (x->frame < f->first) {
        remember(x, values, missing);
        x->step_ns = x->frame > 0 ? now - x->before_ns : 0;
        x->before_ns = now;
    }
    if (in)
        inject(x, x->frame - f->first, mono_ns, values, missing);
    *mono_ns = *mono_ns <= INT64_MAX - x->gap_ns ? *mono_ns + x->gap_ns : INT64_MAX;
    x->frame++;
    return in;
}
