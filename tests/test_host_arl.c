/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Run lengths of charts. Expected values: tables in print (Lucas and Crosier, Technometrics
 * 24, 1982 and 32, 1990; Hawkins and Olwell 1998), the optimum of a one-sided CUSUM solved by
 * an independent program with a 120-node rule, and simulations here, on draws of tests/
 * drift_streams.h, with the interval that so many runs leave.
 */
#include "dt.h"

#include "drift_streams.h"

#include <dura/host/arl.h>

static dura_arl chart(uint32_t detector, uint32_t flags, double shift, double limit, double mean)
{
    dura_arl c = DURA_ARL_INIT;
    c.detector = detector;
    c.flags = flags;
    c.shift = shift;
    c.limit = limit;
    c.mean = mean;
    return c;
}

static void about(double found, double wanted, double within, const char *what)
{
    dt_ok(fabs(found - wanted) <= within, "%s: %.6g, wanted %.6g", what, found, wanted);
}

DT_TEST(arl_run, gives_the_run_lengths_in_print)
{
    static const struct { const char *row; uint32_t detector, flags; double shift, limit, mean, wanted, within; } rows[] = {
        {"CUSUM k .5 h 4", DURA_DRIFT_CUSUM, 0, 1.0, 4.0, 0.0, 168.0, 0.5},
        {"CUSUM k .5 h 4, shift .5", DURA_DRIFT_CUSUM, 0, 1.0, 4.0, 0.5, 26.6, 0.05},
        {"CUSUM k .5 h 4, shift 1", DURA_DRIFT_CUSUM, 0, 1.0, 4.0, 1.0, 8.38, 0.005},
        {"CUSUM k .5 h 4, shift 2", DURA_DRIFT_CUSUM, 0, 1.0, 4.0, 2.0, 3.34, 0.005},
        {"CUSUM k .5 h 4, shift -2", DURA_DRIFT_CUSUM, 0, 1.0, 4.0, -2.0, 3.34, 0.005},
        {"CUSUM k .5 h 5", DURA_DRIFT_CUSUM, 0, 1.0, 5.0, 0.0, 465.0, 0.5},
        {"CUSUM k .5 h 5, shift .25", DURA_DRIFT_CUSUM, 0, 1.0, 5.0, 0.25, 139.0, 0.6},
        {"CUSUM k .5 h 5, shift .5", DURA_DRIFT_CUSUM, 0, 1.0, 5.0, 0.5, 38.0, 0.05},
        {"CUSUM k .5 h 5, shift 1", DURA_DRIFT_CUSUM, 0, 1.0, 5.0, 1.0, 10.4, 0.05},
        {"CUSUM k .5 h 5, shift 2", DURA_DRIFT_CUSUM, 0, 1.0, 5.0, 2.0, 4.01, 0.005},
        {"one side is half as often", DURA_DRIFT_CUSUM, DURA_ARL_ONE_SIDED, 1.0, 5.0, 0.0, 930.887, 0.01},
        {"EWMA .1, L 2.814", DURA_DRIFT_EWMA, 0, 0.1, 2.814 * 0.2294157, 0.0, 500.0, 1.5},
        {"EWMA .1, L 2.814, shift .5", DURA_DRIFT_EWMA, 0, 0.1, 2.814 * 0.2294157, 0.5, 31.3, 0.05},
        {"EWMA .1, L 2.814, shift 1", DURA_DRIFT_EWMA, 0, 0.1, 2.814 * 0.2294157, 1.0, 10.3, 0.05},
        {"EWMA .05, L 2.615", DURA_DRIFT_EWMA, 0, 0.05, 2.615 * 0.1601282, 0.0, 500.0, 1.5},
        {"EWMA .25, L 2.998", DURA_DRIFT_EWMA, 0, 0.25, 2.998 * 0.3779645, 0.0, 500.0, 1.5},
        {"EWMA .4, L 3.054", DURA_DRIFT_EWMA, 0, 0.4, 3.054 * 0.5, 0.0, 500.0, 1.5},
        {"EWMA 1 is Shewhart's chart", DURA_DRIFT_EWMA, 0, 1.0, 3.0, 0.0, 370.3983, 1e-4},
    };
    size_t i;
    for (i = 0; i < sizeof rows / sizeof *rows; i++) {
        dura_arl c = chart(rows[i].detector, rows[i].flags, rows[i].shift, rows[i].limit, rows[i].mean);
        double zero = 0.0;
        dt_eq(dura_arl_run(&c, &zero, NULL, NULL), DURA_OK, "row %s", rows[i].row);
        about(zero, rows[i].wanted, rows[i].within, rows[i].row);
    }
}

/* Limits in nats and worst delays of the chart that knows the change. */
DT_TEST(arl_limit, gives_the_exact_optimum_for_a_known_shift)
{
    static const struct { double shift, nats[3], delay[3]; } rows[] = {
        {0.25, {5.475, 7.759, 10.059}, {152.6, 225.6, 299.2}},
        {0.5, {6.556, 8.853, 11.154}, {49.1, 67.5, 85.9}},
        {1.0, {7.361, 9.662, 11.964}, {15.1, 19.7, 24.3}},
        {2.0, {7.627, 9.930, 12.232}, {4.56, 5.71, 6.86}}};
    size_t i, k;
    for (i = 0; i < sizeof rows / sizeof *rows; i++)
        for (k = 0; k < 3; k++) {
            dura_arl c = chart(DURA_DRIFT_CUSUM, DURA_ARL_ONE_SIDED, rows[i].shift, 0.0, 0.0);
            double zero = 0.0;
            dt_eq(dura_arl_limit(&c, k == 0 ? 1e4 : k == 1 ? 1e5 : 1e6, &c.limit, NULL), DURA_OK, "");
            about(c.limit * rows[i].shift, rows[i].nats[k], 0.0006, "limit");
            c.mean = rows[i].shift;
            dt_eq(dura_arl_run(&c, &zero, NULL, NULL), DURA_OK, "");
            about(zero, rows[i].delay[k], rows[i].shift > 1.0 ? 0.0051 : 0.051, "delay");
        }
}

static double state[2];

static int alarms(const dura_arl *c, double z)
{
    double clip = c->clip > 0.0 ? c->clip : 99.0;
    z = z > clip ? clip : z < -clip ? -clip : z;
    if (c->detector == DURA_DRIFT_EWMA) {
        state[0] += c->shift * (z - state[0]);
        return fabs(state[0]) >= c->limit;
    }
    state[0] = fmax(0.0, state[0] + z - 0.5 * c->shift);
    state[1] = fmax(0.0, state[1] - z - 0.5 * c->shift);
    return state[0] >= c->limit || state[1] >= c->limit;
}

/* Mean of so many runs, and its standard error. */
static double simulate(const dura_arl *c, int runs, double *error)
{
    drift_stream s = stream_open(31, 7);
    double sum = 0.0, square = 0.0, t = 0.0;
    int k = 0;
    for (state[0] = state[1] = 0.0; k < runs;) {
        t += 1.0;
        if (!alarms(c, c->mean + c->spread * stream_quantile(stream_uniform(&s))))
            continue;
        sum += t;
        square += t * t;
        t = state[0] = state[1] = 0.0;
        k++;
    }
    *error = sqrt((square / runs - sum / runs * (sum / runs)) / runs);
    return sum / runs;
}

DT_TEST(arl_run, agrees_with_simulation_where_samples_are_cut_and_spread)
{
    static const struct { const char *row; uint32_t detector; double shift, limit, clip, mean, spread; } rows[] = {
        {"cut at 3", DURA_DRIFT_CUSUM, 2.0, 3.2, 3.0, 0.0, 1.0},
        {"cut at 3, a jump matters", DURA_DRIFT_CUSUM, 3.0, 2.2, 3.0, 0.0, 1.0},
        {"cut and shifted", DURA_DRIFT_CUSUM, 1.0, 5.0, 3.0, 0.2, 1.1},
        {"narrower", DURA_DRIFT_CUSUM, 1.0, 3.0, 6.0, 0.0, 0.8},
        {"EWMA cut at 3", DURA_DRIFT_EWMA, 0.5, 1.7, 3.0, 0.0, 1.0},
        {"EWMA that a sample cannot carry over", DURA_DRIFT_EWMA, 0.2, 0.9, 3.0, 0.1, 1.0},
        {"EWMA wider", DURA_DRIFT_EWMA, 0.1, 0.7, 6.0, -0.1, 1.2},
    };
    size_t i;
    for (i = 0; i < sizeof rows / sizeof *rows; i++) {
        dura_arl c = chart(rows[i].detector, 0, rows[i].shift, rows[i].limit, rows[i].mean);
        double zero = 0.0, mean, error = 0.0;
        c.clip = rows[i].clip;
        c.spread = rows[i].spread;
        dt_eq(dura_arl_run(&c, &zero, NULL, NULL), DURA_OK, "row %s", rows[i].row);
        mean = simulate(&c, dt_share(1500), &error);
        about(zero, mean, 3.5 * error, rows[i].row);
    }
}

/* What is said of the steady state is what a chart does that has been watching. */
DT_TEST(arl_run, knows_what_a_chart_does_that_has_been_watching)
{
    static const struct { uint32_t detector; double shift, limit; } rows[2] = {
        {DURA_DRIFT_CUSUM, 1.0, 5.0}, {DURA_DRIFT_EWMA, 0.1, 0.65}};
    size_t i;
    for (i = 0; i < 2; i++) {
        dura_arl c = chart(rows[i].detector, 0, rows[i].shift, rows[i].limit, 1.0);
        drift_stream s = stream_open(32, 1);
        double zero = 0.0, steady = 0.0, sum = 0.0;
        int k, t;
        dt_eq(dura_arl_run(&c, &zero, &steady, NULL), DURA_OK, "");
        dt_ok(steady < zero, "it has a start of its own");
        for (k = 0; k < 4000; k++) {
            state[0] = state[1] = 0.0;
            for (t = 0; t < 100; t++)
                if (alarms(&c, stream_quantile(stream_uniform(&s))))
                    state[0] = state[1] = 0.0;
            for (t = 1; !alarms(&c, 1.0 + stream_quantile(stream_uniform(&s))); t++)
                continue;
            sum += t;
        }
        about(sum / 4000.0, steady, 0.02 * steady, "steady state");
    }
}

DT_TEST(arl_limit, runs_as_long_as_was_asked_up_to_1e12)
{
    static const double asked[4] = {50.0, 1e4, 1e8, 1e12};
    uint32_t detector;
    size_t k;
    for (detector = DURA_DRIFT_CUSUM; detector <= DURA_DRIFT_EWMA; detector++)
        for (k = 0; k < 4; k++) {
            dura_arl c = chart(detector, 0, detector == DURA_DRIFT_CUSUM ? 1.5 : 0.2, 0.0, 0.0);
            double zero = 0.0;
            c.clip = 6.0;
            dt_eq(dura_arl_limit(&c, asked[k], &c.limit, NULL), DURA_OK, "asked %g", asked[k]);
            dt_eq(dura_arl_run(&c, &zero, NULL, NULL), DURA_OK, "");
            about(zero / asked[k], 1.0, 1e-6, "asked");
        }
}

DT_TEST(arl_limit, widens_for_a_reference_that_was_learned)
{
    static const uint32_t n[4] = {1000, 2000, 10000, 0};
    double last = 1e9;
    size_t k;
    for (k = 0; k < 4; k++) {
        dura_arl c = chart(DURA_DRIFT_CUSUM, 0, 0.5, 0.0, 0.0);
        c.clip = 4.0;
        c.n = n[k];
        dt_eq(dura_arl_limit(&c, 1e4, &c.limit, NULL), DURA_OK, "n %u", n[k]);
        dt_ok(c.limit < last, "n %u", n[k]);
        last = c.limit;
    }
}

DT_TEST(arl_limit, demands_a_longer_reference_for_a_small_shift)
{
    dura_arl c = chart(DURA_DRIFT_CUSUM, 0, 0.5, 0.0, 0.0);
    dura_error err;
    c.n = 30;
    dt_eq(dura_arl_limit(&c, 1e5, &c.limit, &err), DURA_ELIMIT, "");
    dt_ok(strstr(err.text, "longer reference") != NULL, "%s", err.text);
}

DT_TEST(arl_lambda, takes_a_smaller_weight_for_a_smaller_shift)
{
    double small = 0.0, large = 0.0;
    dt_eq(dura_arl_lambda(0.5, 1e4, &small, NULL), DURA_OK, "");
    dt_eq(dura_arl_lambda(2.0, 1e4, &large, NULL), DURA_OK, "");
    dt_ok(small > 0.01 && small < 0.06 && large > 0.12 && large < 0.4, "%g %g", small, large);
}

DT_TEST(arl_reference, sets_the_limit_for_channels_clip_and_hold)
{
    dura_drift_reference r = DURA_DRIFT_REFERENCE_INIT;
    dura_arl c = chart(DURA_DRIFT_CUSUM, 0, 1.0, 0.0, 0.0);
    r.detector = DURA_DRIFT_CUSUM;
    r.shift = 1.0f;
    r.hold = 4.0f;
    c.clip = 6.0;
    dt_eq(dura_arl_reference(&r, 1e5, 8, NULL), DURA_OK, "");
    dt_eq(dura_arl_limit(&c, 2e5, &c.limit, NULL), DURA_OK, "");
    about((double)r.limit, c.limit, 1e-5, "8 channels, one value every 4 frames");
    r.high = 1.0f;
    dt_eq(dura_arl_reference(&r, 1e5, 8, NULL), DURA_ENOTSUP, "bounded");
    r.high = 0.0f;
    r.detector = DURA_DRIFT_MIXTURE;
    dt_eq(dura_arl_reference(&r, 1e5, 8, NULL), DURA_EINVAL, "the mixture has no chart");
    r.detector = DURA_DRIFT_RAMP;
    r.shift = 2e-4f;
    dt_eq(dura_arl_reference(&r, 1e5, 1, NULL), DURA_OK, "");
    dt_ok(r.limit > 2e4f && r.limit < 2.5e4f, "%g: hold is seen", (double)r.limit);
    dt_eq(dura_arl_reference(&r, 1e5, 0, NULL), DURA_EINVAL, "channels");
    dt_eq(dura_arl_reference(NULL, 1e5, 1, NULL), DURA_EINVAL, "NULL");
}

DT_TEST(arl_run, refuses_by_name)
{
    static const struct { const char *row; uint32_t detector, flags; double shift, limit, clip, mean, spread; int want; } rows[] = {
        {"mixture", DURA_DRIFT_MIXTURE, 0, 1, 5, 0, 0, 0, DURA_EINVAL},
        {"unknown", 4, 0, 1, 5, 0, 0, 0, DURA_EINVAL},
        {"ramp", DURA_DRIFT_RAMP, 0, 1e-4, 5, 0, 0, 0, DURA_ENOTSUP},
        {"flag", DURA_DRIFT_CUSUM, 2, 1, 5, 0, 0, 0, DURA_EINVAL},
        {"shift", DURA_DRIFT_CUSUM, 0, 0.01, 5, 0, 0, 0, DURA_EINVAL},
        {"shift that no cut sample can show", DURA_DRIFT_CUSUM, 0, 6, 5, 3, 0, 0, DURA_EINVAL},
        {"lambda", DURA_DRIFT_EWMA, 0, 1.1, 5, 0, 0, 0, DURA_EINVAL},
        {"limit", DURA_DRIFT_CUSUM, 0, 1, 0, 0, 0, 0, DURA_EINVAL},
        {"NaN limit", DURA_DRIFT_CUSUM, 0, 1, NAN, 0, 0, 0, DURA_EINVAL},
        {"NaN shift", DURA_DRIFT_CUSUM, 0, NAN, 5, 0, 0, 0, DURA_EINVAL},
        {"clip", DURA_DRIFT_CUSUM, 0, 1, 5, 2, 0, 0, DURA_EINVAL},
        {"mean", DURA_DRIFT_CUSUM, 0, 1, 5, 0, 21, 0, DURA_EINVAL},
        {"spread", DURA_DRIFT_CUSUM, 0, 1, 5, 0, 0, 5, DURA_EINVAL},
        {"too many nodes", DURA_DRIFT_CUSUM, 0, 1, 1e5, 0, 0, 0, DURA_ELIMIT},
    };
    double zero = 0.0;
    size_t i;
    for (i = 0; i < sizeof rows / sizeof *rows; i++) {
        dura_arl c = chart(rows[i].detector, rows[i].flags, rows[i].shift, rows[i].limit, rows[i].mean);
        c.clip = rows[i].clip;
        c.spread = rows[i].spread;
        dt_eq(dura_arl_run(&c, &zero, NULL, NULL), rows[i].want, "row %s", rows[i].row);
    }
    dt_eq(dura_arl_run(NULL, &zero, NULL, NULL), DURA_EINVAL, "NULL");
    dt_eq(dura_arl_limit(NULL, 1e4, &zero, NULL), DURA_EINVAL, "NULL");
    dt_eq(dura_arl_lambda(0.01, 1e4, &zero, NULL), DURA_EINVAL, "shift");
}
