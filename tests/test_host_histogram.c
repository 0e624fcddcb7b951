/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The learner of dura/host/histogram.h: bins that hold what they should, cut between values,
 * reasons by name, refusals.
 */
#include "drift_streams.h"
#include "dt.h"

#include "base/dura_base_priv.h"

#include <dura/host/histogram.h>

enum { ROWS = 4000 };

static float x[ROWS];

static dura_histogram_reference learn(size_t n, uint32_t bins)
{
    dura_histogram_reference r = DURA_HISTOGRAM_REFERENCE_INIT;
    dura_error err = {0};
    dt_eq(dura_histogram_learn(&r, x, NULL, n, bins, &err), DURA_OK, "%s", err.text);
    return r;
}

/* Probabilities are the shares of the samples, and the device takes the reference. */
static void sound(const dura_histogram_reference *r, size_t n)
{
    static uint64_t memory[64];
    dura_histogram_config c = DURA_HISTOGRAM_CONFIG_INIT;
    dura_histogram *h;
    uint32_t count[16] = {0}, b, i;
    for (i = 0; i < n; i++) {
        for (b = 0; b + 1u < r->n_bins && x[i] >= r->edge[b]; b++)
            ;
        count[b]++;
    }
    for (b = 0; b < r->n_bins; b++)
        dt_ok(fabs((double)r->p[b] - (double)count[b] / (double)n) < 1e-6 && count[b] >= 10, "bin %u: %g, has %u", b,
              (double)r->p[b], count[b]);
    c.n_channels = 1;
    c.arl0 = 1e5f;
    dt_eq(dura_histogram_part()->init(&h, memory, sizeof memory, &c), DURA_OK);
    dt_eq(dura_histogram_part()->attach(h, 0, r), DURA_OK);
}

DT_TEST(histogram_learn, cuts_into_bins_of_equal_probability)
{
    static const uint32_t bins[4] = {2, 5, 12, 16};
    drift_stream s = stream_open(180, 1);
    int i, k;
    for (i = 0; i < ROWS; i++)
        x[i] = (float)stream_quantile(stream_uniform(&s));
    for (k = 0; k < 4; k++) {
        dura_histogram_reference r = learn(ROWS, bins[k]);
        uint32_t b;
        dt_eq(r.n_bins, bins[k]);
        dt_eq(r.n, ROWS);
        dt_eq(r.why, 0);
        for (b = 0; b + 1u < bins[k]; b++)      /* four deviations of a sample quantile */
            dt_ok(fabs((double)r.edge[b] - stream_quantile((b + 1.0) / bins[k])) < 0.13, "edge %u of %u: %g", b, bins[k],
                  (double)r.edge[b]);
        sound(&r, ROWS);
    }
    dt_eq(learn(ROWS, 0).n_bins, 16);
}

DT_TEST(histogram_learn, cuts_between_values_and_never_at_one)
{
    int i, b;
    dura_histogram_reference r;
    for (i = 0; i < ROWS; i++)
        x[i] = (float)(i * 7919 % 5) * 0.1f;
    r = learn(ROWS, 16);
    dt_eq(r.n_bins, 5);
    for (b = 0; b < 4; b++)
        dt_ok(r.edge[b] > (float)b * 0.1f + 0.02f && r.edge[b] < (float)(b + 1) * 0.1f - 0.02f, "edge %d: %g", b, (double)r.edge[b]);
    sound(&r, ROWS);
    for (i = 0; i < ROWS; i++)                  /* two floats side by side */
        x[i] = durai_f32(0x3F800000u + (i % 3 == 0));
    r = learn(ROWS, 16);
    dt_eq(r.n_bins, 2);
    dt_eq(durai_f32_bits(r.edge[0]), 0x3F800001u);
    sound(&r, ROWS);
}

DT_TEST(histogram_learn, leaves_rare_values_in_a_bin_with_others)
{
    int i;
    dura_histogram_reference r;
    for (i = 0; i < ROWS; i++)
        x[i] = i % 1000 == 1 ? 50.0f : i % 2 ? 1.0f : 2.0f;
    r = learn(ROWS, 16);
    dt_eq(r.n_bins, 2);
    sound(&r, ROWS);
}

DT_TEST(histogram_learn, says_why_no_rate_is_promised)
{
    drift_stream s = stream_open(181, 1);
    double y = 0.0;
    int i;
    for (i = 0; i < ROWS; i++)
        x[i] = (float)(y = 0.5 * y + stream_quantile(stream_uniform(&s)));
    dt_eq(learn(ROWS, 0).why, DURA_HISTOGRAM_CORRELATED);
    for (i = 0; i < ROWS; i++)                  /* spread in clusters: no autocorrelation */
        x[i] = (float)stream_quantile(stream_uniform(&s)) * (i / 50 % 2 ? 0.4f : 1.4f);
    dt_eq(learn(ROWS, 0).why, DURA_HISTOGRAM_CORRELATED);
    for (i = 0; i < ROWS; i++)
        x[i] = (float)(stream_quantile(stream_uniform(&s)) + (i >= ROWS / 2 ? 0.4 : 0.0));
    dt_ok(learn(ROWS, 0).why & DURA_HISTOGRAM_TREND, "halves that differ");
    for (i = 0; i < ROWS; i++)
        x[i] = (float)stream_quantile(stream_uniform(&s));
    dt_eq(learn(999, 0).why, DURA_HISTOGRAM_SHORT);
    dt_eq(learn(1000, 0).why, 0);
}

DT_TEST(histogram_learn, seldom_refuses_what_is_sound)
{
    int refused = 0, k, i;
    for (k = 0; k < 200; k++) {
        drift_stream s = stream_open(182, (uint32_t)k);
        for (i = 0; i < 1000; i++)
            x[i] = (float)-log(stream_uniform(&s));
        refused += learn(1000, 0).why != 0;
    }
    dt_ok(refused <= 2, "%d of 200", refused);
}

DT_TEST(histogram_learn, leaves_missing_samples_out)
{
    static uint8_t missing[ROWS];
    static float all[ROWS];
    dura_histogram_reference a, b = DURA_HISTOGRAM_REFERENCE_INIT;
    drift_stream s = stream_open(183, 1);
    int i, n = 0;
    for (i = 0; i < ROWS; i++) {
        missing[i] = i % 5 == 2;
        all[i] = missing[i] ? (float)NAN : (float)stream_quantile(stream_uniform(&s));
        if (!missing[i])
            x[n++] = all[i];
    }
    a = learn((size_t)n, 0);
    dt_eq(dura_histogram_learn(&b, all, missing, ROWS, 0, NULL), DURA_OK);
    dt_mem(&a, &b, sizeof a);
}

static void refused(int code, const char *field, size_t n, uint32_t bins)
{
    dura_histogram_reference r = DURA_HISTOGRAM_REFERENCE_INIT, was = r;
    dura_error err = {0};
    dt_eq(dura_histogram_learn(&r, x, NULL, n, bins, &err), code, "%s: %s", field, err.text);
    dt_str(err.field, field);
    dt_mem(&r, &was, sizeof r, "%s", field);
}

DT_TEST(histogram_learn, refuses_by_name)
{
    dura_histogram_reference r = DURA_HISTOGRAM_REFERENCE_INIT;
    int i;
    for (i = 0; i < ROWS; i++)
        x[i] = (float)(i % 100);
    refused(DURA_ENOENT, "rows", 63, 0);
    refused(DURA_EINVAL, "bins", ROWS, 1);
    refused(DURA_EINVAL, "bins", ROWS, 17);
    x[77] = (float)NAN;
    refused(DURA_EINVAL, "rows", ROWS, 0);
    for (i = 0; i < ROWS; i++)
        x[i] = i < 5 ? 1.0f : 3.25f;
    refused(DURA_ENOENT, "rows", ROWS, 0);
    dt_eq(dura_histogram_learn(NULL, x, NULL, ROWS, 0, NULL), DURA_EINVAL);
    dt_eq(dura_histogram_learn(&r, NULL, NULL, ROWS, 0, NULL), DURA_EINVAL);
    r.struct_size = 4;
    dt_eq(dura_histogram_learn(&r, x, NULL, ROWS, 0, NULL), DURA_EINVAL);
}
