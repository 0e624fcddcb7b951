/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The contract of dura/drift_chart.h: statistics against the definitions of their authors in
 * double, alarms, latch and way back, samples that are missing or held (as the mixture takes
 * them), every refusal, saved state bit for bit. Limits and rates: test_host_arl.c.
 */
#include "dt.h"

#include "base/dura_base_priv.h"
#include "drift_streams.h"

#include <dura/drift_chart.h>

enum { N = 5, SAMPLES = 3000, IMAGE = 16 + 4 * 64 + 4 };

static uint64_t memory[2][128];
static uint8_t image[2][IMAGE];

static const dura_drift_calls *part(void) { return dura_drift_chart_part(); }

static dura_drift_reference reference(uint32_t detector, float shift, float limit)
{
    dura_drift_reference r = DURA_DRIFT_REFERENCE_INIT;
    r.deviation = 1.0f;
    r.detector = detector;
    r.shift = shift;
    r.limit = limit;
    return r;
}

static dura_drift_config config(uint16_t n, uint16_t flags)
{
    dura_drift_config c = DURA_DRIFT_CONFIG_INIT;
    c.n_channels = n;
    c.flags = flags;
    c.arl0 = 1e4f;
    return c;
}

static dura_drift *one_channel(uint16_t flags, const dura_drift_reference *r)
{
    dura_drift_config c = config(1, flags);
    dura_drift *d;
    memset(memory[0], 0xA5, sizeof memory[0]);
    dt_eq(part()->init(&d, memory[0], sizeof memory[0], &c), DURA_OK, "");
    dt_eq(part()->attach(d, 0, r), DURA_OK, "");
    return d;
}

static dura_drift_state state(const dura_drift *d, uint16_t channel)
{
    dura_drift_state s = DURA_DRIFT_STATE_INIT;
    dt_eq(part()->query(d, channel, &s), DURA_OK, "");
    return s;
}

/* One sample; what it said, -1 when it was silent. */
static int one(dura_drift *d, double x, dura_fact *f)
{
    float v = (float)x;
    dura_fact own;
    int n = part()->update(d, &v, NULL, 1, f ? f : &own, 1);
    dt_ok(n == 0 || n == 1, "%d", n);
    return n ? (int)(f ? f : &own)->value[0] : -1;
}

static double draw(drift_stream *s) { return stream_quantile(stream_uniform(s)); }

/* ---- building ---------------------------------------------------------------------- */

DT_TEST(drift_chart_part, fills_every_call)
{
    const dura_drift_calls *p = part();
    dt_eq(p->struct_size, sizeof *p, "");
    dt_eq(p->reserved, 0, "");
    dt_ok(p->bytes && p->init && p->attach && p->update && p->query && p->reset && p->save && p->load, "");
    dt_ok(p != dura_drift_part(), "two parts");
}

DT_TEST(drift_chart_bytes, counts_112_bytes_a_channel)
{
    dura_drift_config a = config(1, 0), b = config(1001, 0);
    dt_eq(part()->bytes(&b) - part()->bytes(&a), (64 + 48) * 1000, "");
    dt_eq(part()->bytes(NULL), 0, "");
    a.reserved = 1;
    dt_eq(part()->bytes(&a), 0, "");
}

DT_TEST(drift_chart_init, refuses_as_the_mixture_does)
{
    dura_drift_config c = config(1, 0);
    dura_drift *d = (dura_drift *)(void *)memory;
    dt_eq(part()->init(NULL, memory[0], sizeof memory[0], &c), DURA_EINVAL, "");
    dt_eq(part()->init(&d, NULL, sizeof memory[0], &c), DURA_EINVAL, "");
    dt_ok(d == NULL, "");
    dt_eq(part()->init(&d, (uint8_t *)memory[0] + 4, sizeof memory[0] - 8, &c), DURA_EALIGN, "");
    dt_eq(part()->init(&d, memory[0], part()->bytes(&c) - 1, &c), DURA_ENOSPC, "");
    dt_eq(part()->init(&d, memory[0], part()->bytes(&c), &c), DURA_OK, "");
    c.arl0 = 1.0f;
    dt_eq(part()->init(&d, memory[0], sizeof memory[0], &c), DURA_EINVAL, "");
}

DT_TEST(drift_chart_attach, refuses_what_is_no_chart)
{
    const float nan = durai_f32(0x7FC00000u);
    static const struct { const char *row; uint32_t detector; float shift, limit, clip; int want; } rows[] = {
        {"CUSUM", DURA_DRIFT_CUSUM, 1.0f, 5.0f, 0.0f, DURA_OK},
        {"EWMA", DURA_DRIFT_EWMA, 1.0f, 3.0f, 3.0f, DURA_OK},
        {"RAMP", DURA_DRIFT_RAMP, 1e-7f, 1e13f, 0.0f, DURA_OK},
        {"mixture", DURA_DRIFT_MIXTURE, 1.0f, 5.0f, 0.0f, DURA_EINVAL},
        {"unknown", 4, 1.0f, 5.0f, 0.0f, DURA_EINVAL},
        {"no limit", DURA_DRIFT_CUSUM, 1.0f, 0.0f, 0.0f, DURA_EINVAL},
        {"limit too high", DURA_DRIFT_CUSUM, 1.0f, 1.1e4f, 0.0f, DURA_EINVAL},
        {"negative limit", DURA_DRIFT_CUSUM, 1.0f, -1.0f, 0.0f, DURA_EINVAL},
        {"shift too small", DURA_DRIFT_CUSUM, 0.019f, 5.0f, 0.0f, DURA_EINVAL},
        {"shift beyond what is cut", DURA_DRIFT_CUSUM, 8.0f, 5.0f, 4.0f, DURA_EINVAL},
        {"lambda 0", DURA_DRIFT_EWMA, 0.0f, 1.0f, 0.0f, DURA_EINVAL},
        {"lambda above 1", DURA_DRIFT_EWMA, 1.01f, 1.0f, 0.0f, DURA_EINVAL},
        {"limit beyond what is cut", DURA_DRIFT_EWMA, 0.5f, 3.1f, 3.0f, DURA_EINVAL},
        {"no EWMA limit", DURA_DRIFT_EWMA, 0.5f, 0.0f, 3.0f, DURA_EINVAL},
        {"slope too small", DURA_DRIFT_RAMP, 0.9e-7f, 1e5f, 0.0f, DURA_EINVAL},
        {"slope too steep", DURA_DRIFT_RAMP, 0.26f, 1e5f, 0.0f, DURA_EINVAL},
        {"ramp limit too low", DURA_DRIFT_RAMP, 1e-3f, 9.0f, 0.0f, DURA_EINVAL},
        {"ramp limit too high", DURA_DRIFT_RAMP, 1e-3f, 1.1e13f, 0.0f, DURA_EINVAL},
        {"no ramp limit", DURA_DRIFT_RAMP, 1e-3f, 0.0f, 0.0f, DURA_EINVAL},
    };
    dura_drift_config c = config(4, 0);
    dura_drift_reference r;
    dura_drift *d;
    uint32_t k;
    size_t i;
    for (i = 0; i < sizeof rows / sizeof *rows; i++) {
        r = reference(rows[i].detector, rows[i].shift, rows[i].limit);
        r.clip = rows[i].clip;
        dt_eq(part()->init(&d, memory[0], sizeof memory[0], &c), DURA_OK, "");
        dt_eq(part()->attach(d, 1, &r), rows[i].want, "row %s", rows[i].row);
    }
    for (k = DURA_DRIFT_CUSUM; k <= DURA_DRIFT_RAMP; k++) {
        r = reference(k, nan, 1.0f);
        dt_eq(part()->attach(d, 2, &r), DURA_EINVAL, "NaN shift of %u", k);
        r = reference(k, 0.02f, nan);
        dt_eq(part()->attach(d, 2, &r), DURA_EINVAL, "NaN limit of %u", k);
    }
    r = reference(DURA_DRIFT_CUSUM, 1.0f, 5.0f);
    dt_eq(part()->attach(d, 4, &r), DURA_EINVAL, "no such channel");
    dt_eq(part()->attach(NULL, 0, &r), DURA_EINVAL, "");
    dt_eq(part()->attach(d, 0, NULL), DURA_EINVAL, "");
    dt_eq(part()->attach(d, 0, &r), DURA_OK, "");
    dt_eq(part()->attach(d, 0, &r), DURA_ESTATE, "twice");
    r.high = 1.0f;
    r.mean = 0.2f;
    r.deviation = 0.4f;
    dt_eq(part()->attach(d, 1, &r), DURA_ENOTSUP, "bounded");
    r = reference(DURA_DRIFT_CUSUM, 1.0f, 5.0f);
    r.reserved2 = 1;
    dt_eq(part()->attach(d, 1, &r), DURA_EINVAL, "reserved");
    r.reserved2 = 0;
    r.phi[0] = 1.0f;
    dt_eq(part()->attach(d, 1, &r), DURA_EINVAL, "not stationary");
    r.phi[0] = 0.0f;
    r.struct_size = 56;
    dt_eq(part()->attach(d, 1, &r), DURA_EINVAL, "a struct of before names no chart");
    r.struct_size = 52;
    dt_eq(part()->attach(d, 1, &r), DURA_EINVAL, "");
}

DT_TEST(drift_attach, refuses_charts_and_takes_references_of_before)
{
    dura_drift_config c = config(3, 0);
    dura_drift_reference r = reference(DURA_DRIFT_CUSUM, 1.0f, 5.0f);
    dura_drift *d;
    dt_eq(dura_drift_init(&d, memory[0], sizeof memory[0], &c), DURA_OK, "");
    dt_eq(dura_drift_attach(d, 0, &r), DURA_EINVAL, "a chart");
    r = reference(DURA_DRIFT_MIXTURE, 1.0f, 0.0f);
    dt_eq(dura_drift_attach(d, 0, &r), DURA_EINVAL, "a shift");
    r = reference(DURA_DRIFT_MIXTURE, 0.0f, 5.0f);
    dt_eq(dura_drift_attach(d, 0, &r), DURA_EINVAL, "a limit");
    r = reference(DURA_DRIFT_CUSUM, 1.0f, 5.0f);
    r.struct_size = 56;
    dt_eq(dura_drift_attach(d, 0, &r), DURA_OK, "what is behind is not read");
}

DT_TEST(drift_learn, fills_a_reference_of_before_and_no_byte_more)
{
    static float x[1200];
    drift_stream s = stream_open(33, 1);
    dura_drift_reference r = reference(DURA_DRIFT_RAMP, 7.0f, 9.0f);
    int i;
    for (i = 0; i < 1200; i++)
        x[i] = (float)draw(&s);
    r.struct_size = 56;
    dt_eq(dura_drift_learn(&r, x, NULL, 1200, 4), DURA_OK, "");
    dt_eq(r.struct_size, 56, "");
    dt_eq(r.detector, DURA_DRIFT_RAMP, "not touched");
    r.struct_size = sizeof r;
    dt_eq(dura_drift_learn(&r, x, NULL, 1200, 4), DURA_OK, "");
    dt_eq(r.detector, DURA_DRIFT_MIXTURE, "");
}

/* ---- statistics ---------------------------------------------------------------------- */

DT_TEST(drift_chart_update, is_pages_cusum)
{
    dura_drift_reference r = reference(DURA_DRIFT_CUSUM, 0.8f, 6.0f);
    dura_drift *d = one_channel(DURA_DRIFT_RESTART, &r);
    drift_stream s = stream_open(33, 2);
    double up = 0.0, down = 0.0;
    int t, since[2] = {0, 0};
    for (t = 0; t < 5000; t++) {
        double z = draw(&s) + (t % 1000 > 900 ? 1.0 : t % 1000 > 700 ? -0.7 : 0.0);
        dura_fact f;
        int said = one(d, z, &f);
        up = fmax(0.0, up + z - 0.4);
        down = fmax(0.0, down - z - 0.4);
        since[0] = up > 0.0 ? since[0] + 1 : 0;
        since[1] = down > 0.0 ? since[1] + 1 : 0;
        if (up >= 6.0 || down >= 6.0) {
            int way = down > up;
            double size = 0.4 + (way ? down : up) / since[way];
            dt_eq(said, way ? DURA_DRIFT_DOWN : DURA_DRIFT_UP, "t %d", t);
            dt_eq((int)f.value[2], since[way] - 1, "t %d: onset", t);
            dt_ok(fabs(f.value[1] / 1000.0 - size) < 0.002, "t %d: size", t);
            up = down = since[0] = since[1] = 0;
        } else {
            dt_eq(said, -1, "t %d", t);
            dt_ok(fabs(state(d, 0).statistic - fmax(up, down)) < 1e-4, "t %d", t);
        }
    }
}

DT_TEST(drift_chart_update, is_roberts_ewma)
{
    dura_drift_reference r = reference(DURA_DRIFT_EWMA, 0.1f, 0.7f);
    dura_drift *d = one_channel(DURA_DRIFT_RESTART, &r);
    drift_stream s = stream_open(33, 3);
    double e = 0.0;
    int t, hits = 0;
    for (t = 0; t < 5000; t++) {
        double z = draw(&s) + (t % 1000 > 950 ? -1.5 : 0.0);
        int said = one(d, z, NULL);
        e += 0.1 * (z - e);
        if (fabs(e) >= 0.7) {
            dt_eq(said, e < 0.0 ? DURA_DRIFT_DOWN : DURA_DRIFT_UP, "t %d", t);
            e = 0.0;
            hits++;
        } else {
            dt_eq(said, -1, "t %d", t);
            dt_ok(fabs(state(d, 0).statistic - fabs(e)) < 1e-5, "t %d", t);
            dt_eq(state(d, 0).direction, e < 0.0 ? DURA_DRIFT_DOWN : DURA_DRIFT_UP, "t %d", t);
        }
    }
    dt_ok(hits >= 5, "%d", hits);
}

DT_TEST(drift_chart_update, keeps_a_sum_of_likelihoods_of_ramps)
{
    dura_drift_reference r = reference(DURA_DRIFT_RAMP, 1e-3f, 1e4f);
    dura_drift *d = one_channel(0, &r);
    drift_stream s = stream_open(33, 4);
    double sum[2] = {0.0, 0.0}, age[2] = {0.0, 0.0};
    int t, said = -1, k;
    dura_fact f;
    for (t = 0; said < 0; t++) {
        double z = draw(&s) - (t < 500 ? 0.0 : 1e-3 * (t - 499));
        said = one(d, z, &f);
        z = z > 6.0 ? 6.0 : z < -6.0 ? -6.0 : z;
        for (k = 0; k < 2; k++) {
            double was = sum[k] + 0.5, m;
            age[k] = (sum[k] * age[k]) / was + 1.0;
            m = 1e-3 * age[k];
            sum[k] = was * exp(m * (k ? -z : z) - 0.5 * m * m);
        }
        dt_ok(fabs(state(d, 0).statistic / (sum[0] + sum[1]) - 1.0) < 2e-3, "t %d", t);
        dt_eq(sum[0] + sum[1] >= 1e4, said >= 0, "t %d", t);
    }
    dt_eq(said, DURA_DRIFT_DOWN, "");
    dt_ok(t > 600 && t < 1000, "%d", t);
    dt_ok(abs(t - 500 - (int)f.value[2]) < 200, "onset %d of %d", (int)f.value[2], t - 500);
    dt_ok(abs((int)f.value[1] - (t - 500)) < 200, "size %d", (int)f.value[1]);
}

/* ---- alarms -------------------------------------------------------------------------- */

static const struct chart_row { const char *row; uint32_t detector; float shift, limit; } charts[3] = {
    {"CUSUM", DURA_DRIFT_CUSUM, 1.0f, 8.0f}, {"EWMA", DURA_DRIFT_EWMA, 0.1f, 0.9f}, {"RAMP", DURA_DRIFT_RAMP, 0.01f, 1e5f}};

/* Also a level that has come to rest stays found, ramp or not. */
DT_TEST(drift_chart_update, alarms_once_and_says_when_it_is_back)
{
    size_t i;
    for (i = 0; i < 3; i++) {
        dura_drift_reference r = reference(charts[i].detector, charts[i].shift, charts[i].limit);
        dura_drift *d = one_channel(0, &r);
        drift_stream s = stream_open(33, 5);
        int t, said[5] = {0}, n = 0, where[5] = {0};
        for (t = 0; t < 4000; t++) {
            double level = t < 500 ? 0.0 : t < 700 ? 0.01 * (t - 500) : t < 2500 ? 2.0 : 0.0;
            int k = one(d, draw(&s) + level, NULL);
            if (k >= 0 && n < 5) {
                said[n] = k;
                where[n++] = t;
            }
        }
        dt_eq(n, 2, "row %s: %d %d %d", charts[i].row, where[0], where[1], where[2]);
        dt_eq(said[0], DURA_DRIFT_UP, "row %s", charts[i].row);
        dt_eq(said[1], DURA_DRIFT_BACK, "row %s", charts[i].row);
        dt_ok(where[0] > 505 && where[0] < 660, "row %s: %d", charts[i].row, where[0]);
        dt_ok(where[1] > 2500 && where[1] < 2900, "row %s: back at %d", charts[i].row, where[1]);
        dt_eq(state(d, 0).alarm, 0, "row %s", charts[i].row);
    }
}

DT_TEST(drift_chart_update, tells_later_what_found_no_room)
{
    size_t i;
    for (i = 0; i < 3; i++) {
        dura_drift_config c = config(2, 0);
        dura_drift_reference r = reference(charts[i].detector, charts[i].shift, charts[i].limit);
        float x[2] = {4.0f, -4.0f};
        dura_fact f[2];
        dura_drift *d;
        int t;
        dt_eq(part()->init(&d, memory[0], sizeof memory[0], &c), DURA_OK, "");
        dt_eq(part()->attach(d, 0, &r), DURA_OK, "");
        dt_eq(part()->attach(d, 1, &r), DURA_OK, "");
        for (t = 0; t < 100; t++)
            dt_eq(part()->update(d, x, NULL, 2, NULL, 0), 0, "row %s", charts[i].row);
        dt_eq(part()->update(d, x, NULL, 2, f, 1), 1, "row %s", charts[i].row);
        dt_eq(f[0].channel, 0, "");
        dt_eq((int)f[0].value[0], DURA_DRIFT_UP, "");
        dt_eq(f[0].kind, DURA_FACT_DRIFT, "");
        dt_eq(part()->update(d, x, NULL, 2, f, 2), 1, "row %s", charts[i].row);
        dt_eq(f[0].channel, 1, "");
        dt_eq((int)f[0].value[0], DURA_DRIFT_DOWN, "");
        dt_eq(part()->update(d, x, NULL, 2, f, 2), 0, "row %s", charts[i].row);
    }
}

DT_TEST(drift_chart_update, refuses_wrong_widths_and_changes_nothing)
{
    dura_drift_reference r = reference(DURA_DRIFT_CUSUM, 1.0f, 5.0f);
    dura_drift *d = one_channel(0, &r);
    float x[2] = {3.0f, 3.0f};
    dura_fact f;
    dt_eq(part()->update(NULL, x, NULL, 1, &f, 1), DURA_EINVAL, "");
    dt_eq(part()->update(d, NULL, NULL, 1, &f, 1), DURA_EINVAL, "");
    dt_eq(part()->update(d, x, NULL, 2, &f, 1), DURA_EINVAL, "");
    dt_eq(part()->update(d, x, NULL, 1, NULL, 1), DURA_EINVAL, "");
    dt_eq((int)state(d, 0).n, 0, "");
}

/* The same references, the same samples, and z must be the mixture's, gaps and all. */
DT_TEST(drift_chart_update, whitens_and_waits_as_the_mixture_does)
{
    dura_drift_config c = config(3, 0);
    drift_stream s = stream_open(33, 6);
    dura_drift *d, *e;
    uint16_t i;
    int t;
    dt_eq(part()->init(&d, memory[0], sizeof memory[0], &c), DURA_OK, "");
    dt_eq(dura_drift_init(&e, memory[1], sizeof memory[1], &c), DURA_OK, "");
    for (i = 0; i < 3; i++) {
        dura_drift_reference r = reference(DURA_DRIFT_MIXTURE, 0.0f, 0.0f);
        r.mean = 3.0f;
        r.deviation = 0.5f;
        r.phi[0] = i == 1 ? 0.9f : i == 2 ? 0.5f : 0.0f;
        r.phi[1] = i == 1 ? -0.2f : 0.0f;
        r.clip = 3.0f;
        r.why = i == 2 ? DURA_DRIFT_HELD : 0;
        dt_eq(dura_drift_attach(e, i, &r), DURA_OK, "");
        r.detector = DURA_DRIFT_CUSUM + i;
        r.shift = i == 2 ? 0.01f : 0.5f;
        r.limit = i == 2 ? 1e9f : i == 1 ? 3.0f : 1e3f;
        dt_eq(part()->attach(d, i, &r), DURA_OK, "");
    }
    for (t = 0; t < 2000; t++) {
        float x[3];
        uint8_t missing[3];
        for (i = 0; i < 3; i++) {
            x[i] = (float)(3.0 + draw(&s));
            missing[i] = stream_uniform(&s) < (t % 200 < 40 ? 0.6 : 0.05);
        }
        x[2] = (float)(t / 3 % 7);
        if (t % 50 == 0)
            x[0] = durai_f32(t % 100 ? 0x7FC00000u : 0x7F800000u);
        dt_ok(part()->update(d, x, missing, 3, NULL, 0) == 0, "");
        dt_ok(dura_drift_update(e, x, missing, 3, NULL, 0) == 0, "");
        for (i = 0; i < 3; i++) {
            dura_drift_state q = DURA_DRIFT_STATE_INIT, p = state(d, i);
            dt_eq(dura_drift_query(e, i, &q), DURA_OK, "");
            dt_ok(durai_f32_bits(q.z) == durai_f32_bits(p.z) && q.n == p.n, "channel %u at %d: %g %g", i, t,
                  (double)p.z, (double)q.z);
        }
    }
}

DT_TEST(drift_chart_query, says_what_the_header_says)
{
    dura_drift_reference r = reference(DURA_DRIFT_CUSUM, 1.0f, 5.0f);
    dura_drift_config c = config(2, 0);
    dura_drift_state s = DURA_DRIFT_STATE_INIT;
    dura_drift *d;
    float x[2] = {2.0f, 0.0f};
    dt_eq(part()->init(&d, memory[0], sizeof memory[0], &c), DURA_OK, "");
    r.why = DURA_DRIFT_SHORT;
    dt_eq(part()->attach(d, 0, &r), DURA_OK, "");
    dt_eq(part()->query(d, 1, &s), DURA_ENOENT, "not watched");
    dt_eq(part()->query(d, 2, &s), DURA_EINVAL, "");
    dt_eq(part()->query(NULL, 0, &s), DURA_EINVAL, "");
    dt_eq(part()->query(d, 0, NULL), DURA_EINVAL, "");
    dt_eq(part()->update(d, x, NULL, 2, NULL, 0), 0, "");
    s = state(d, 0);
    dt_ok(fabsf(s.statistic - 1.5f) < 1e-6f && fabsf(s.limit - 5.0f) < 1e-6f && fabsf(s.z - 2.0f) < 1e-6f, "");
    dt_eq(s.why, DURA_DRIFT_SHORT, "");
    dt_eq((int)s.n, 1, "");
    s.struct_size = 36;
    dt_eq(part()->query(d, 0, &s), DURA_EINVAL, "");
    dt_eq(part()->reset(NULL), DURA_EINVAL, "");
    dt_eq(part()->reset(d), DURA_OK, "");
    dt_ok(state(d, 0).n == 0 && state(d, 0).statistic <= 0.0f, "");
}

/* ---- saved state ----------------------------------------------------------------------- */

/* Four of five channels: CUSUM, EWMA of an autoregression, RAMP held, RAMP. */
static dura_drift *build(int which, uint16_t flags, float limit)
{
    dura_drift_config c = config(N, flags);
    dura_drift *d;
    uint16_t i;
    memset(memory[which], 0xC3, sizeof memory[which]);
    dt_eq(part()->init(&d, memory[which], sizeof memory[which], &c), DURA_OK, "");
    for (i = 0; i < N; i++) {
        dura_drift_reference r = reference(i == 0 ? DURA_DRIFT_CUSUM : i == 1 ? DURA_DRIFT_EWMA : DURA_DRIFT_RAMP,
                                           i == 0 ? 1.0f : i == 1 ? 0.125f : 0.01f, i == 0 ? limit : i == 1 ? 0.75f : 500.0f);
        if (i == 3)
            continue;
        r.n = 1000u * i;
        r.phi[0] = i == 1 ? 0.75f : 0.0f;
        r.phi[1] = i == 1 ? -0.25f : 0.0f;
        r.why = i == 2 ? DURA_DRIFT_HELD : 0;
        r.clip = i == 1 ? 4.0f : 0.0f;
        dt_eq(part()->attach(d, i, &r), DURA_OK, "");
    }
    return d;
}

/* Sample t of the story: noise, a shift that comes and goes, gaps. */
static int feed(dura_drift *d, int t, dura_fact *facts)
{
    float x[N];
    uint8_t missing[N];
    uint32_t seed = (uint32_t)t * 2654435761u;
    int i;
    for (i = 0; i < N; i++) {
        int a, b;
        seed = seed * 1664525u + 1013904223u;
        a = (int)(seed >> 8 & 4095u);
        b = (int)(seed >> 20);
        x[i] = (float)(a + b - 4096) * (1.0f / 1672.0f) + (t / 500 % 3 == 2 ? 1.5f : 0.0f);
        seed = seed * 1664525u + 1013904223u;
        missing[i] = (seed >> 8) % 11u == 0;
    }
    x[2] = (float)(t / 7 % 5) - 2.0f;
    return part()->update(d, x, missing, N, facts, (size_t)(1 + t % 3));
}

static uint32_t future(dura_drift *d, int from, int to)
{
    uint32_t crc = 0;
    dura_fact f[3];
    for (; from < to; from++) {
        int n = feed(d, from, f), k;
        for (k = 0; k < n; k++) {
            uint8_t b[12];
            durai_put32(b, (uint32_t)f[k].value[0] + 16u * f[k].channel + 4096u * (uint32_t)from);
            durai_put32(b + 4, (uint32_t)f[k].value[2]);
            durai_put32(b + 8, (uint32_t)f[k].value[1]);
            crc = durai_crc32c(crc, b, sizeof b);
        }
    }
    return crc;
}

static void save(const dura_drift *d, uint8_t *out)
{
    size_t len = IMAGE;
    dt_eq(part()->save(d, out, &len), DURA_OK, "");
    dt_eq(len, IMAGE, "");
}

DT_TEST(drift_chart_load, goes_on_bit_for_bit_after_any_sample)
{
    uint16_t flags;
    int cut;
    for (flags = 0; flags <= DURA_DRIFT_RESTART; flags++)
        for (cut = 0; cut < SAMPLES; cut += 37 + cut % 13) {
            dura_drift *d = build(0, flags, 5.0f), *e = build(1, flags, 5.0f);
            (void)future(d, cut > 400 ? cut - 400 : 0, cut);
            save(d, image[0]);
            (void)future(e, 0, 20);
            dt_eq(part()->load(e, image[0], IMAGE), DURA_OK, "cut %d", cut);
            save(e, image[1]);
            dt_mem(image[0], image[1], IMAGE, "cut %d", cut);
            dt_eq(future(d, cut, cut + 300), future(e, cut, cut + 300), "cut %d", cut);
            save(d, image[0]);
            save(e, image[1]);
            dt_mem(image[0], image[1], IMAGE, "cut %d", cut);
        }
}

DT_TEST(drift_chart_save, writes_the_same_bytes_on_every_target)
{
    dura_drift *d = build(0, DURA_DRIFT_RESTART, 5.0f);
    uint32_t facts = future(d, 0, SAMPLES);
    save(d, image[0]);
    dt_eq(facts, 0x0D9B750Au, "the digest of the facts");
    dt_eq(durai_crc32c(0, image[0], IMAGE - 4), 0x18F224BEu, "the digest of the state");
}

DT_TEST(drift_chart_save, says_how_much_room_it_wants)
{
    dura_drift *d = build(0, 0, 5.0f);
    size_t len = IMAGE - 1;
    dt_eq(part()->save(d, image[0], &len), DURA_ENOSPC, "");
    dt_eq(len, IMAGE, "");
    dt_eq(part()->save(d, NULL, &len), DURA_EINVAL, "");
    dt_eq(part()->save(NULL, image[0], &len), DURA_EINVAL, "");
    dt_eq(part()->save(d, image[0], NULL), DURA_EINVAL, "");
}

static void seal(uint8_t *p) { durai_put32(p + IMAGE - 4, durai_crc32c(0, p, IMAGE - 4)); }

DT_TEST(drift_chart_load, refuses_damage_strangers_and_forgeries_and_changes_nothing)
{
    static const struct { const char *row; uint32_t at; uint32_t value; int want; } rows[] = {
        {"magic", 0, 0x31544644u, DURA_ECORRUPT},
        {"version", 4, 2 | 5u << 16, DURA_EVERSION},
        {"channels", 4, 1 | 6u << 16, DURA_EAUTH},
        {"watched", 8, 3, DURA_ECORRUPT},
        {"reserved", 8, 4 | 1u << 16, DURA_ECORRUPT},
        {"digest", 12, 0, DURA_EAUTH},
        {"past of no order", 16, 0x3F800000u, DURA_ECORRUPT},
        {"z", 16 + 16, 0x40C00001u, DURA_ECORRUPT},
        {"last of what is not held", 16 + 20, 0x3F800000u, DURA_ECORRUPT},
        {"sum below 0", 16 + 24, 0x80000000u, DURA_ECORRUPT},
        {"sum too high", 16 + 24, 0x41200001u, DURA_ECORRUPT},
        {"sum NaN", 16 + 24, 0x7FC00000u, DURA_ECORRUPT},
        {"a sum without an age", 16 + 24, 0x3F800000u, DURA_ECORRUPT},
        {"an age without a sum", 16 + 32, 0x3F800000u, DURA_ECORRUPT},
        {"no whole age", 16 + 36, 0x3FC00000u, DURA_ECORRUPT},
        {"keep of a CUSUM", 16 + 40, 0x3F000000u, DURA_ECORRUPT},
        {"since of a CUSUM", 16 + 44, 1, DURA_ECORRUPT},
        {"fill", 16 + 48, 1, DURA_ECORRUPT},
        {"flags", 16 + 48, 4u << 8, DURA_ECORRUPT},
        {"spare", 16 + 52, 1, DURA_ECORRUPT},
        {"EWMA too high", 80 + 24, 0x40800001u, DURA_ECORRUPT},
        {"EWMA has no second", 80 + 28, 1, DURA_ECORRUPT},
        {"EWMA age, half", 80 + 32, 0x3F000000u, DURA_ECORRUPT},
        {"EWMA age", 80 + 32, 0x4B800001u, DURA_ECORRUPT},
        {"far past", 80, 0x7F000000u, DURA_ECORRUPT},
        {"ramp infinite", 144 + 24, 0x7F800000u, DURA_ECORRUPT},
        {"ramp below 0", 144 + 24, 0xBF800000u, DURA_ECORRUPT},
        {"ramp too old", 144 + 32, 0x7F000000u, DURA_ECORRUPT},
        {"keep nothing", 144 + 40, 0, DURA_ECORRUPT},
        {"keep more than all", 144 + 40, 0x3F800001u, DURA_ECORRUPT},
        {"since for ever", 144 + 44, 16777217u, DURA_ECORRUPT},
        {"as it was", 144 + 44, 0, DURA_OK},
    };
    dura_drift *d = build(0, 0, 5.0f), *e = build(1, 0, 5.5f);
    uint64_t was[128];
    size_t i;
    save(d, image[0]);
    memcpy(was, memory[0], sizeof was);
    for (i = 0; i < sizeof rows / sizeof *rows; i++) {
        memcpy(image[1], image[0], IMAGE);
        durai_put32(image[1] + rows[i].at, rows[i].value);
        seal(image[1]);
        dt_eq(part()->load(d, image[1], IMAGE), rows[i].want, "row %s", rows[i].row);
        dt_mem(was, memory[0], sizeof was, "row %s", rows[i].row);
    }
    for (i = 0; i < IMAGE; i++)
        dt_eq(part()->load(d, image[0], i), DURA_ECORRUPT, "%zu bytes", i);
    for (i = 0; i < 8u * IMAGE; i++) {
        image[0][i / 8u] ^= (uint8_t)(1u << i % 8u);
        dt_eq(part()->load(d, image[0], IMAGE), DURA_ECORRUPT, "bit %zu", i);
        image[0][i / 8u] ^= (uint8_t)(1u << i % 8u);
    }
    dt_eq(part()->load(e, image[0], IMAGE), DURA_EAUTH, "another limit");
    dt_eq(part()->load(NULL, image[0], IMAGE), DURA_EINVAL, "");
    dt_eq(part()->load(d, NULL, IMAGE), DURA_EINVAL, "");
}

/* One channel is 84 bytes. */
DT_TEST(drift_chart_save, takes_84_bytes_for_a_channel)
{
    dura_drift_reference r = reference(DURA_DRIFT_RAMP, 1e-3f, 1e5f);
    dura_drift *d = one_channel(0, &r);
    size_t len = 0;
    dt_eq(part()->save(d, NULL, &len), DURA_ENOSPC, "");
    dt_eq(len, 84, "");
}

/* Beside the theorem and the solver: what is promised is about what comes. */
DT_TEST(drift_chart_update, cries_wolf_about_as_often_as_its_limit_says)
{
    /* k = .5, h = 5: 465.4 (Hawkins and Olwell); lambda .1, L 2.814: 500 (Lucas and Saccucci). */
    static const struct { uint32_t detector; float shift, limit; double wanted; } rows[2] = {
        {DURA_DRIFT_CUSUM, 1.0f, 5.0f, 465.4}, {DURA_DRIFT_EWMA, 0.1f, 2.814f * 0.2294157f, 500.0}};
    size_t i;
    for (i = 0; i < 2; i++) {
        dura_drift_reference r = reference(rows[i].detector, rows[i].shift, rows[i].limit);
        dura_drift *d = one_channel(DURA_DRIFT_RESTART, &r);
        drift_stream s = stream_open(33, 8);
        double t = 0.0, mean;
        int k;
        for (k = 0; k < 1000; t += 1.0)
            k += one(d, draw(&s), NULL) >= 0;
        mean = t / 1000.0;
        dt_ok(fabs(mean / rows[i].wanted - 1.0) < 0.1, "%g, wanted %g", mean, rows[i].wanted);
    }
}
