/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dura_host_arl.c - limits and delays of charts from their run lengths.
 *
 * The run length itself is computed in dura_host_arl_chain.c. Here charts are put together
 * from their sides, averaged over what a learned reference leaves open (Gauss-Hermite over
 * its mean and its deviation), and limits are found by regula falsi on the logarithm, which
 * is nearly straight in the limit of a CUSUM.
 */
#include "dura_host_arl_priv.h"

#include <math.h>
#include <string.h>

#define ARL_LEAST 10.0
#define ARL_MOST 1e13
#define OVERSHOOT 0.583         /* -zeta(1/2) / sqrt(2 pi): mean excess of a Gaussian walk */

/* Nodes and weights of exp(-x^2/2) / sqrt(2 pi). */
typedef struct rule { double x, w; } rule;
static const rule of_mean[9] = {
    {-4.51274586339978, 2.2345844007746583e-05}, {-3.20542900285647, 2.7891413212317661e-03},
    {-2.07684797867783, 4.9916406765217889e-02}, {-1.02325566378913, 2.4409750289493895e-01},
    {0.0, 4.0634920634920635e-01},
    {1.02325566378913, 2.4409750289493895e-01},  {2.07684797867783, 4.9916406765217889e-02},
    {3.20542900285647, 2.7891413212317661e-03},  {4.51274586339978, 2.2345844007746583e-05}};
static const rule of_spread[5] = {
    {-2.856970013872806, 0.01125741132772071}, {-1.355626179974266, 0.2220759220056126}, {0.0, 0.5333333333333333},
    {1.355626179974266, 0.2220759220056126}, {2.856970013872806, 0.01125741132772071}};

/* ---- what was asked ------------------------------------------------------------------ */

static int within(double x, double least, double most)
{
    return x >= least && x <= most;     /* false for what is no number */
}

static int is_chart(uint32_t detector)
{
    return detector == DURA_DRIFT_CUSUM || detector == DURA_DRIFT_EWMA || detector == DURA_DRIFT_RAMP;
}

static int read_chart(dura_arl *c, const dura_arl *theirs, dura_error *err)
{
    int rc = theirs ? durai_struct_in(c, (uint32_t)sizeof *c, theirs, theirs->struct_size, ARL_V1) : DURA_EINVAL;
    double least = 0.0, most = 0.0;
    if (rc < 0)
        return dura_error_set(err, rc, NULL, 0, NULL, "no chart");
    c->spread = c->spread > 0.0 || c->spread < 0.0 ? c->spread : 1.0;
    if (!is_chart(c->detector))
        return dura_error_set(err, DURA_EINVAL, NULL, 0, "detector", "%u is none of the charts", c->detector);
    if (c->clip != 0.0 && !within(c->clip, 3.0, 6.0))
        return dura_error_set(err, DURA_EINVAL, NULL, 0, "clip", "%g is not 0 or 3 to 6", c->clip);
    if (c->detector == DURA_DRIFT_CUSUM) {
        least = 0.02;
        most = c->clip > 0.0 ? 1.999 * c->clip : 12.0;
    } else if (c->detector == DURA_DRIFT_EWMA) {
        least = 0.001;
        most = 1.0;
    } else {
        least = 1e-7;
        most = 0.25;
    }
    if (!within(c->shift, least, most))
        return dura_error_set(err, DURA_EINVAL, NULL, 0, "shift", "%g is not %g to %g", c->shift, least, most);
    if (!within(c->mean, -20.0, 20.0) || !within(c->spread, 0.25, 4.0) ||
        (c->flags & ~(uint32_t)DURA_ARL_ONE_SIDED) != 0 || c->order > DURA_DRIFT_ORDER_MAX || c->reserved != 0)
        return dura_error_set(err, DURA_EINVAL, NULL, 0, NULL, "mean, spread, order or flags outside their range");
    return DURA_OK;
}

/* ---- one chart ------------------------------------------------------------------------ */

/* One side of a CUSUM, or an EWMA. way: 1 up, -1 down. */
static int run_side(const dura_arl *c, double way, double *zero, double *steady)
{
    durai_arl_chain chain;
    int ewma = c->detector == DURA_DRIFT_EWMA;
    memset(&chain, 0, sizeof chain);
    chain.stay = ewma ? 1.0 - c->shift : 1.0;
    chain.step = ewma ? c->shift : 1.0;
    chain.drift = ewma ? 0.0 : -0.5 * c->shift;
    chain.limit = c->limit;
    chain.both = ewma;
    chain.clip = c->clip > 0.0 ? c->clip : 40.0;
    chain.mean = way * c->mean;
    chain.spread = c->spread;
    return durai_arl_solve(&chain, zero, steady);
}

static int run_known(const dura_arl *c, double *zero, double *steady)
{
    double down = 0.0, down_steady = 0.0;
    int rc = run_side(c, 1.0, zero, steady);
    if (rc < 0 || c->detector == DURA_DRIFT_EWMA || (c->flags & (uint32_t)DURA_ARL_ONE_SIDED))
        return rc;
    rc = run_side(c, -1.0, &down, steady ? &down_steady : NULL);
    *zero = 1.0 / (1.0 / *zero + 1.0 / down);
    if (steady)
        *steady = 1.0 / (1.0 / *steady + 1.0 / down_steady);
    return rc;
}

/* The mean rate of alarms over what n samples leave open. Errors of either sign are alike, so
 * the lower sum of a CUSUM that sees mean 0 adds as much as the upper one. */
static int run_learned(const dura_arl *c, double *zero)
{
    double error = 1.0 / sqrt((double)c->n), rate = 0.0, one = 0.0, sides = 1.0;
    double wider = error * sqrt(1.5 + (double)c->order);
    dura_arl k = *c;
    size_t i, j;
    if (c->detector == DURA_DRIFT_CUSUM && !(c->flags & (uint32_t)DURA_ARL_ONE_SIDED) && fabs(c->mean) <= 0.0) {
        k.flags |= DURA_ARL_ONE_SIDED;
        sides = 2.0;
    }
    for (i = 0; i < sizeof of_mean / sizeof *of_mean; i++)
        for (j = 0; j < sizeof of_spread / sizeof *of_spread; j++) {
            int rc;
            k.spread = c->spread * exp(of_spread[j].x * wider);
            k.mean = c->mean + of_mean[i].x * error;
            rc = run_known(&k, &one, NULL);
            if (rc < 0)
                return rc;
            rate += sides * of_mean[i].w * of_spread[j].w / one;
        }
    *zero = 1.0 / rate;
    return DURA_OK;
}

static int complain(int rc, const dura_arl *c, dura_error *err)
{
    if (rc == DURA_ELIMIT)
        return dura_error_set(err, rc, NULL, 0, "shift", c->n > 0 ?
            "%g is too small for a reference of %u samples: take a longer reference or a larger shift" :
            "%g is too small for this rate: a chart of %u nodes and more", c->shift, c->n > 0 ? c->n : ARL_NODES_MOST);
    return rc < 0 ? dura_error_set(err, rc, NULL, 0, NULL, "out of memory") : rc;
}

int dura_arl_run(const dura_arl *chart, double *zero, double *steady, dura_error *err)
{
    dura_arl c;
    int rc = zero ? read_chart(&c, chart, err) : DURA_EINVAL;
    if (rc < 0)
        return rc;
    if (c.detector == DURA_DRIFT_RAMP)
        return dura_error_set(err, DURA_ENOTSUP, NULL, 0, "detector", "a ramp detector's run length has no equation: simulate it");
    if (!(c.limit > 0.0 && c.limit <= 1e6))
        return dura_error_set(err, DURA_EINVAL, NULL, 0, "limit", "%g is not above 0", c.limit);
    if (c.n > 0 && steady)
        return dura_error_set(err, DURA_EINVAL, NULL, 0, "n", "the steady state is that of a known reference");
    return complain(c.n > 0 ? run_learned(&c, zero) : run_known(&c, zero, steady), &c, err);
}

/* ---- limits --------------------------------------------------------------------------- */

/* Siegmund's approximation of a one-sided CUSUM, turned round: where the search begins. */
static double guess(const dura_arl *c, double arl0)
{
    double k = 0.5 * c->shift, b = 1.0, sides = c->flags & (uint32_t)DURA_ARL_ONE_SIDED ? 1.0 : 2.0;
    int i;
    if (c->detector == DURA_DRIFT_EWMA)
        return sqrt(c->shift / (2.0 - c->shift)) * sqrt(2.0 * log(1.0 + arl0 * c->shift));
    for (i = 0; i < 60; i++)
        b = log(1.0 + 2.0 * k * b + 2.0 * k * k * arl0 * sides) / (2.0 * k);
    return b > 1.4 ? b - 1.166 : 0.2;
}

/* ln(run length / asked) at a limit. */
static int miss(dura_arl *c, double limit, double arl0, double *by)
{
    double one = 0.0;
    int rc;
    c->limit = limit;
    rc = c->n > 0 ? run_learned(c, &one) : run_known(c, &one, NULL);
    *by = rc < 0 ? 0.0 : log(one / arl0);
    return rc;
}

/* The sum of likelihoods needs arl0 by theorem; it lands beyond its limit by exp(0.583 m) on
 * average, m the level at which false alarms come, that of ln(arl0 / time scale) nats. Less
 * where these are few and alarms come at all levels below: the 1.6 is fitted to simulated
 * rates of four slopes (docs/drift.md, Charts). */
static double ramp_limit(const dura_arl *c, double arl0)
{
    double nats = log(1.0 + arl0 * pow(c->shift, 2.0 / 3.0)), m = pow(6.0 * c->shift * nats, 1.0 / 3.0);
    return arl0 / exp(OVERSHOOT * nats / (nats + 1.6) * (m < 3.0 ? m : 3.0));
}

/* Two limits, one below and one above what is asked. A learned reference whose limit would
 * be far above that of a known one does not bear the shift: its own error is as large. */
static int bracket(dura_arl *c, double arl0, double lo[2], double hi[2])
{
    double h = guess(c, arl0), most = h * (c->n > 0 ? 2.0 : 4.0), by = 0.0;
    int i, rc = miss(c, h, arl0, &by);
    lo[0] = hi[0] = h;
    lo[1] = hi[1] = by;
    for (i = 0; rc == DURA_OK && i < 100 && (lo[1] > 0.0 || hi[1] < 0.0); i++) {
        int up = hi[1] < 0.0;
        h *= up ? 1.08 : 0.92;
        if (h > most)
            return DURA_ELIMIT;
        rc = miss(c, h, arl0, &by);
        memcpy(up ? lo : hi, up ? hi : lo, 2 * sizeof *lo);
        (up ? hi : lo)[0] = h;
        (up ? hi : lo)[1] = by;
    }
    return rc < 0 ? rc : lo[1] <= 0.0 && hi[1] >= 0.0 ? DURA_OK : DURA_ELIMIT;
}

int dura_arl_limit(const dura_arl *chart, double arl0, double *limit, dura_error *err)
{
    double lo[2], hi[2], by = 1.0, h = 0.0;
    dura_arl c;
    int i, rc = limit ? read_chart(&c, chart, err) : DURA_EINVAL;
    if (rc < 0)
        return rc;
    if (!within(arl0, ARL_LEAST, ARL_MOST))
        return dura_error_set(err, DURA_EINVAL, NULL, 0, "arl0", "%g is not %g to %g samples", arl0, ARL_LEAST, ARL_MOST);
    if (c.detector == DURA_DRIFT_RAMP) {
        *limit = ramp_limit(&c, arl0);
        return DURA_OK;
    }
    rc = bracket(&c, arl0, lo, hi);
    for (i = 0; rc == DURA_OK && i < 50 && fabs(by) > 1e-7 && hi[0] - lo[0] > 1e-10 * hi[0]; i++) {
        h = hi[1] - lo[1] > 0.0 ? lo[0] - lo[1] * (hi[0] - lo[0]) / (hi[1] - lo[1]) : lo[0];
        if (i % 4 == 3)                 /* an end that never moves would slow it down */
            h = 0.5 * (lo[0] + hi[0]);
        rc = miss(&c, h, arl0, &by);
        (by < 0.0 ? lo : hi)[0] = h;
        (by < 0.0 ? lo : hi)[1] = by;
    }
    if (rc < 0)
        return complain(rc, &c, err);
    *limit = i > 0 ? h : hi[0];
    return DURA_OK;
}

int dura_arl_lambda(double shift, double arl0, double *lambda, dura_error *err)
{
    double best = INFINITY, zero = 0.0, steady = 0.0;
    int i, near, rc = DURA_OK;
    if (!lambda || !within(shift, 0.1, 6.0))
        return dura_error_set(err, DURA_EINVAL, NULL, 0, "shift", "%g is not 0.1 to 6 deviations", shift);
    near = (int)floor(2.0 * log(0.065 * pow(shift, 1.5)) / log(2.0) + 0.5);     /* half octaves from 1 */
    for (i = near - 3; i <= near + 3 && rc == DURA_OK; i++) {
        dura_arl c = DURA_ARL_INIT;
        c.detector = DURA_DRIFT_EWMA;
        c.shift = pow(2.0, 0.5 * (double)i);
        if (!within(c.shift, 0.001, 1.0))
            continue;
        rc = dura_arl_limit(&c, arl0, &c.limit, err);
        c.mean = shift;
        if (rc == DURA_OK)
            rc = dura_arl_run(&c, &zero, &steady, err);
        if (rc == DURA_OK && steady < best) {
            best = steady;
            *lambda = c.shift;
        }
    }
    return rc;
}

int dura_arl_reference(dura_drift_reference *r, double arl0, uint32_t channels, dura_error *err)
{
    dura_arl c = DURA_ARL_INIT;
    double limit = 0.0;
    uint32_t k;
    int rc;
    if (!r || r->struct_size < sizeof *r || channels < 1)
        return dura_error_set(err, DURA_EINVAL, NULL, 0, NULL, "no reference, or one that is too short for a chart");
    if (r->low < 0.0f || r->low > 0.0f || r->high < 0.0f || r->high > 0.0f)
        return dura_error_set(err, DURA_ENOTSUP, NULL, 0, "low", "a bounded channel has no chart: the mixture bets on it");
    c.detector = r->detector;
    c.shift = (double)r->shift;
    c.clip = r->clip > 0.0f ? (double)r->clip : 6.0;
    c.n = r->n;
    for (k = 0; k < DURA_DRIFT_ORDER_MAX; k++)
        if (r->phi[k] < 0.0f || r->phi[k] > 0.0f)
            c.order = k + 1u;
    rc = dura_arl_limit(&c, arl0 * (double)channels / (r->hold > 1.0f ? (double)r->hold : 1.0), &limit, err);
    if (rc == DURA_OK)
        r->limit = (float)limit;
    return rc;
}
