/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Shapley values of any model, by asking it in random orders of its inputs (Castro, Gomez
 * and Tejada 2009): from the baseline on, input after input is put to the row's value, and
 * what the answer changes by is one draw of that input's contribution. The draws of one
 * order add up to the whole distance, so their means do.
 *
 * A draw lies in -r..r with r = hi - lo. Of n draws with sample variance v the mean is off
 * by more than 2r sqrt(ln(2/d) / 2n) with probability at most d (Hoeffding), and by more
 * than sqrt(2v ln(4/d) / n) + 14r ln(4/d) / 3(n-1) (Maurer and Pontil 2009, theorem 4, both
 * sides). Each of the inputs x outputs values may miss either with the same share of `miss`.
 */
#include <dura/host/shap.h>

#include <math.h>
#include <stdlib.h>

#include "../base/dura_base_priv.h"

enum { ORDERS_MAX = 1000000 };

typedef struct sampler {
    const dura_backend *b;
    void *inst;
    const float *in, *baseline;
    size_t n_in, n_out;
    double lo, hi;
    uint64_t state;
    uint32_t *order;
    float *x;
    double *mean, *spread;       /* n_out rows of n_in: Welford's */
} sampler;

/* splitmix64 (Steele, Lea, Flood 2014), of which the upper bits choose among n. */
static uint32_t draw(sampler *s, uint32_t n)
{
    uint64_t z = s->state += UINT64_C(0x9E3779B97F4A7C15);
    z = (z ^ z >> 30) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ z >> 27) * UINT64_C(0x94D049BB133111EB);
    return (uint32_t)(((z ^ z >> 31) >> 32) * n >> 32);
}

static int ask(const sampler *s, float *out)
{
    int rc = s->b->run(s->inst, s->x, s->n_in, out, s->n_out, 0);
    for (size_t k = 0; rc == DURA_OK && k < s->n_out; k++)
        if (!((double)out[k] >= s->lo && (double)out[k] <= s->hi))
            rc = DURA_EINVAL;
    return rc;
}

/* One order; n counts them from 1. */
static int walk(sampler *s, uint32_t n)
{
    float out[2][DURA_OUTPUTS_MAX];
    int rc;
    for (size_t i = s->n_in; i > 1; i--) {
        uint32_t j = draw(s, (uint32_t)i), swap = s->order[i - 1];
        s->order[i - 1] = s->order[j];
        s->order[j] = swap;
    }
    memcpy(s->x, s->baseline, s->n_in * sizeof *s->x);
    rc = ask(s, out[0]);
    for (size_t step = 0; rc == DURA_OK && step < s->n_in; step++) {
        uint32_t i = s->order[step], now = (uint32_t)(step + 1) & 1;
        s->x[i] = s->in[i];
        rc = ask(s, out[now]);
        for (size_t k = 0; rc == DURA_OK && k < s->n_out; k++) {
            double d = (double)out[now][k] - (double)out[!now][k], *mean = &s->mean[k * s->n_in + i];
            double off = d - *mean;
            *mean += off / n;
            s->spread[k * s->n_in + i] += off * (d - *mean);
        }
    }
    return rc;
}

static double bound_of(const sampler *s, double spread, uint32_t n, double miss)
{
    double each = miss / (2.0 * (double)s->n_in * (double)s->n_out), range = 2 * (s->hi - s->lo);
    double hoeffding = range * sqrt(log(2 / each) / (2.0 * n)), l = log(4 / each);
    double bernstein = sqrt(2 * spread / (n - 1.0) * l / n) + 7 * range * l / (3 * (n - 1.0));
    double least = hoeffding < bernstein ? hoeffding : bernstein;
    return least < range / 2 ? least : range / 2;
}

static int is_budget(const dura_shap_budget *g)
{
    return g && g->struct_size >= sizeof *g && g->orders >= 2 && g->orders <= ORDERS_MAX && isfinite(g->lo) &&
           isfinite(g->hi) && g->lo < g->hi && g->miss > 0 && g->miss < 1;
}

static int all_finite(const float *x, size_t n)
{
    while (n > 0 && durai_finite(x[n - 1]))
        n--;
    return n == 0;
}

static int sample(sampler *s, const dura_shap_budget *g, double *bound)
{
    int rc = DURA_OK;
    memset(s->mean, 0, s->n_in * s->n_out * sizeof *s->mean);
    memset(bound, 0, s->n_in * s->n_out * sizeof *bound);
    s->spread = bound;
    for (uint32_t i = 0; i < s->n_in; i++)
        s->order[i] = i;
    for (uint32_t n = 1; rc == DURA_OK && n <= g->orders; n++)
        rc = walk(s, n);
    for (size_t i = 0; i < s->n_in * s->n_out; i++)
        bound[i] = bound_of(s, s->spread[i], g->orders, g->miss);
    return rc;
}

int dura_shap_sample(const dura_backend *b, void *inst, const float *in, const float *baseline, size_t n_in,
                     const dura_shap_budget *budget, double *contribution, double *bound, size_t n_out)
{
    if (!b || !inst || !in || !baseline || !contribution || !bound || n_in < 1 || n_in > DURA_MODEL_INPUTS_MAX ||
        n_out < 1 || n_out > DURA_OUTPUTS_MAX || !is_budget(budget) || !all_finite(in, n_in) || !all_finite(baseline, n_in))
        return DURA_EINVAL;
    sampler s = {b, inst, in, baseline, n_in, n_out, budget->lo, budget->hi, budget->seed, NULL, NULL, contribution, NULL};
    s.order = malloc(n_in * sizeof *s.order);
    s.x = malloc(n_in * sizeof *s.x);
    int rc = s.order && s.x ? sample(&s, budget, bound) : DURA_ENOSPC;
    free(s.order);
    free(s.x);
    return rc;
}
