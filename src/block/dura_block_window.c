/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dura_block_window.c - figures of a window of samples: level, shape, rails, runs, bands.
 *
 * Two passes. The first finds what is not finite, the ends, the rails, runs and the sum;
 * the second takes moments about the mean, of deviations divided by the largest one, so
 * that no power of them overflows. Sums are kept per piece and then added up, which
 * loses less than one long sum. Samples below 1e-12 count as zero: what is left is so far
 * from subnormal numbers that flushing these changes nothing.
 *
 * The line figure is for acoustic injection: sound at the resonance of a MEMS sensor
 * (Trippel, Weisse, Xu, Honeyman, Fu, WALNUT, EuroS&P 2017) or of a gyroscope (Son et al.,
 * Rocking Drones, USENIX Security 2015) appears as one narrow line, at the resonance or
 * where sampling folds it to; folded to zero it is an OFFSET.
 */
#include "dura_block_priv.h"

#define PIECE 32u                /* samples, so that they fit a small stack */
#define LEAST 0x2B8CBCCCu        /* bits of 1e-12f */
#define MOST 0x5368D4A5u         /* bits of 1e12f, DURA_BLOCK_SAMPLE_MAX */
#define QUIET 1e-20f             /* mean square below which a band is as good as silent */
#define DB_PER_NEPER 4.3429448f  /* 10 / ln 10 */

/* ---- samples ------------------------------------------------------------------------- */

static uint32_t without_dust(uint32_t u)
{
    return (u & 0x7FFFFFFFu) < LEAST ? 0 : u;
}

static int load_floats(const uint8_t *p, size_t stride, uint32_t n, float *out)
{
    uint32_t i, bad = 0;
    for (i = 0; i < n; i++) {
        uint32_t u;
        memcpy(&u, p + i * stride, sizeof u);
        bad |= (u & 0x7FFFFFFFu) > MOST;
        out[i] = durai_f32(without_dust(u));
    }
    return bad == 0;
}

static void load_words(const uint8_t *p, size_t stride, uint32_t n, float *out)
{
    uint32_t i;
    for (i = 0; i < n; i++) {
        int16_t v;
        memcpy(&v, p + i * stride, sizeof v);
        out[i] = (float)v;
    }
}

int durai_block_load(const dura_block *b, const uint8_t *data, size_t stride, uint32_t first,
                     uint32_t n, float *out)
{
    DURA_ASSERT(first + n <= b->c.width);
    data += first * stride;
    if (b->c.kind == DURA_BLOCK_F32)
        return load_floats(data, stride, n, out);
    load_words(data, stride, n, out);
    return 1;
}

/* ---- the first pass ------------------------------------------------------------------- */

typedef struct ends {
    float low, high, sum;
    float last;                  /* the sample before */
    uint32_t clipped;
    uint32_t run, longest;       /* equal samples up to here, most ever */
} ends;

static void note_piece(ends *e, const dura_block_config *c, const float *x, uint32_t n)
{
    float sum = 0.0f;
    uint32_t i;
    for (i = 0; i < n; i++) {
        sum += x[i];
        e->low = x[i] < e->low ? x[i] : e->low;
        e->high = x[i] > e->high ? x[i] : e->high;
        e->clipped += x[i] <= c->clip_lo || x[i] >= c->clip_hi;
        e->run = x[i] == e->last ? e->run + 1u : 1u;
        e->longest = e->run > e->longest ? e->run : e->longest;
        e->last = x[i];
    }
    e->sum += sum;
}

static int find_ends(const dura_block *b, const uint8_t *data, size_t stride, ends *e)
{
    float x[PIECE];
    uint32_t i, n = b->c.width;
    int finite = durai_block_load(b, data, stride, 0, 1, x);
    e->low = e->high = e->last = x[0];
    e->sum = 0.0f;
    e->clipped = e->run = e->longest = 0;
    for (i = 0; i < n && finite; i += PIECE) {
        uint32_t k = n - i < PIECE ? n - i : PIECE;
        finite = durai_block_load(b, data, stride, i, k, x);
        note_piece(e, &b->c, x, k);
    }
    return finite;
}

/* ---- the second ------------------------------------------------------------------------ */

/* Sums of the second and fourth power of (x - mean) / peak. */
static void find_moments(const dura_block *b, const uint8_t *data, size_t stride, float mean, float peak,
                         float moment[2])
{
    float x[PIECE], scale = 1.0f / peak;
    uint32_t i, k, n = b->c.width;
    moment[0] = moment[1] = 0.0f;
    for (i = 0; i < n; i += PIECE) {
        float two = 0.0f, four = 0.0f;
        uint32_t m = n - i < PIECE ? n - i : PIECE;
        (void)durai_block_load(b, data, stride, i, m, x);
        for (k = 0; k < m; k++) {
            float u = (x[k] - mean) * scale, q = u * u;
            two += q;
            four += q * q;
        }
        moment[0] += two;
        moment[1] += four;
    }
}

static void level_and_shape(dura_block *b, const uint8_t *data, size_t stride, const ends *e)
{
    float *f = b->feature, n = (float)b->c.width, mean = e->sum / n, peak, moment[2], rms;
    DURA_ASSERT(e->low <= e->high && e->longest >= 1);
    peak = e->high - mean > mean - e->low ? e->high - mean : mean - e->low;
    f[DURA_WINDOW_MEAN] = mean;
    f[DURA_WINDOW_RMS] = f[DURA_WINDOW_CREST] = f[DURA_WINDOW_KURTOSIS] = 0.0f;
    if (e->high == e->low || !(peak > 0.0f))
        return;
    find_moments(b, data, stride, mean, peak, moment);
    rms = durai_sqrt(moment[0] / n);
    f[DURA_WINDOW_RMS] = rms * peak;
    f[DURA_WINDOW_CREST] = 1.0f / rms;
    f[DURA_WINDOW_KURTOSIS] = n * moment[1] / (moment[0] * moment[0]);
}

/* ---- the spectrum ---------------------------------------------------------------------- */

static float sum_of(const float *p, uint32_t from, uint32_t to)
{
    float sum = 0.0f;
    for (; from < to; from++)
        sum += p[from];
    return sum;
}

static void bands(dura_block *b)
{
    const float *power = durai_block_floats(b, b->power_at);
    float level[DURA_BLOCK_BANDS], all = 0.0f, away = 0.0f;
    uint32_t k;
    for (k = 0; k < b->c.n_bands; k++) {
        level[k] = sum_of(power, b->bin[k][0], b->bin[k][1]);
        all += level[k];
        b->feature[DURA_WINDOW_BAND + k] =
            DB_PER_NEPER * durai_log(level[k] > QUIET ? level[k] : QUIET);
    }
    for (k = 0; k < b->c.n_bands; k++) {
        float d = (all > QUIET ? level[k] / all : 0.0f) - b->c.share[k];
        away += d < 0.0f ? -d : d;
    }
    b->feature[DURA_WINDOW_DISTANCE] = 0.5f * away;
}

/* Three points hold a line through the Hann window, but for at most 4 % of its energy
 * where it lies between two. */
static float strongest_line(dura_block *b)
{
    const float *power = durai_block_floats(b, b->power_at);
    float most = 0.0f;
    uint32_t k, i;
    DURA_ASSERT(b->power_at && b->c.n_lines <= DURA_BLOCK_LINES);
    for (k = 0; k < b->c.n_lines; k++)
        for (i = b->line[k][0]; i < b->line[k][1]; i++) {
            float sum = power[i - 1u] + power[i] + power[i + 1u];
            most = sum > most ? sum : most;
        }
    return durai_sqrt(most);
}

int durai_block_window(dura_block *b, const uint8_t *data, size_t stride)
{
    float *f = b->feature;
    ends e;
    if (!find_ends(b, data, stride, &e))
        return 0;
    memset(f, 0, sizeof b->feature);
    level_and_shape(b, data, stride, &e);
    f[DURA_WINDOW_CLIPPED] = (float)e.clipped / (float)b->c.width;
    f[DURA_WINDOW_RUN] = (float)e.longest;
    if (b->c.spectrum) {
        durai_block_spectrum(b, data, stride, f[DURA_WINDOW_MEAN]);
        bands(b);
        f[DURA_WINDOW_LINE] = strongest_line(b);
    }
    return 1;
}
