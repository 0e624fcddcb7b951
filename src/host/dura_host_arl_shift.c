/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From a size that matters, in units of the samples, to a chart: it is whitened, lambda is picked
 * for an EWMA, the limit solved and the delay foretold.
 */
#include <dura/host/arl.h>

/* A shift of the mean that stays leaves 1 - sum of phi of it in a whitened sample. */
static double whitened(const dura_drift_reference *r, double size)
{
    double left = 1.0, deviation = (double)(r->deviation > r->resolution ? r->deviation : r->resolution);
    int i;
    for (i = 0; i < DURA_DRIFT_ORDER_MAX; i++)
        left -= (double)r->phi[i];
    return deviation > 0.0 ? size * left / deviation : 0.0;
}

static int expected_delay(const dura_drift_reference *r, double shift, double *delay, dura_error *err)
{
    dura_arl c = DURA_ARL_INIT;
    double zero = 0.0;
    int rc;
    c.detector = r->detector;
    c.shift = (double)r->shift;
    c.limit = (double)r->limit;
    c.clip = r->clip > 0.0f ? (double)r->clip : 6.0;
    c.mean = shift < 20.0 ? shift : 20.0;
    rc = dura_arl_run(&c, &zero, delay, err);
    *delay *= r->hold > 1.0f ? (double)r->hold : 1.0;
    return rc;
}

static int too_small(const dura_drift_reference *r, double size, double least, const char *what, dura_error *err)
{
    double one = whitened(r, 1.0);
    if (!(one > 0.0))
        return dura_error_set(err, DURA_EINVAL, NULL, 0, NULL, "it never moved in the reference: no chart can be made for it");
    return dura_error_set(err, DURA_EINVAL, NULL, 0, NULL, "a shift of %g is %g deviations of the whitened samples: %s from %g to %g can be charted",
                          size, whitened(r, size), what, least / one, 5.9 / one);
}

int dura_arl_chart(dura_drift_reference *r, uint32_t detector, double size, double arl0, uint32_t channels,
                   double *deviations, double *delay, dura_error *err)
{
    double shift = whitened(r, size), lambda = 0.0, most = r->clip > 0.0f && r->clip < 6.0f ? 1.9 * (double)r->clip : 5.9;
    int rc = DURA_OK;
    *deviations = shift;
    *delay = -1.0;
    r->detector = detector;
    if (detector == DURA_DRIFT_RAMP) {
        if (!(shift >= 1e-7 && shift <= 0.25))
            return dura_error_set(err, DURA_EINVAL, NULL, 0, NULL,
                                  "a ramp of %g a sample is %g deviations of the whitened samples: 1e-7 to 0.25 can be charted", size, shift);
        r->shift = (float)shift;
        return dura_arl_reference(r, arl0, channels, err);
    }
    most = most < 5.9 ? most : 5.9;
    if (!(shift >= 0.1 && shift <= most))
        return too_small(r, size, 0.1, "shifts", err);
    if (detector == DURA_DRIFT_EWMA)
        rc = dura_arl_lambda(shift, arl0 * (double)channels, &lambda, err);
    r->shift = detector == DURA_DRIFT_EWMA ? (float)lambda : (float)shift;
    if (rc == DURA_OK)
        rc = dura_arl_reference(r, arl0, channels, err);
    return rc == DURA_OK ? expected_delay(r, shift, delay, err) : rc;
}
