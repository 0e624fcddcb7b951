/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A synthetic shift through the monitor: found as soon as theory has it, in whatever
 * portions; what the process had is put back bit for bit; a monitor whose limit, reference
 * or state is not what it was does not pass.
 */
#include "dt.h"

#include "drift/dura_drift_priv.h"

enum { N = 6, IMAGE = 16 + 5 * 128 + 4 };

static uint64_t memory[2][300];
static uint8_t image[2][IMAGE];
static dura_drift_reference reference[N];
static uint32_t seed;

/* Plain, autoregressive, held, constant, short, and (not watched) nothing. */
static dura_drift *build(int which, float arl0)
{
    dura_drift_config c = DURA_DRIFT_CONFIG_INIT;
    dura_drift *d;
    c.n_channels = N;
    c.arl0 = arl0;
    dt_eq(dura_drift_init(&d, memory[which], sizeof memory[which], &c), DURA_OK);
    for (uint16_t i = 0; i + 1 < N; i++) {
        dura_drift_reference *r = &reference[i];
        *r = (dura_drift_reference)DURA_DRIFT_REFERENCE_INIT;
        r->mean = 1000.0f;
        r->deviation = i == 3 ? 0.0f : 0.5f;
        r->n = i == 4 ? 100 : 5000;
        r->phi[0] = i == 1 ? 0.75f : 0.0f;
        r->phi[1] = i == 1 ? -0.25f : 0.0f;
        r->why = i == 2 ? DURA_DRIFT_HELD : i == 3 ? DURA_DRIFT_CONSTANT : i == 4 ? DURA_DRIFT_SHORT : 0;
        r->hold = i == 2 ? 4.0f : 0.0f;
        dt_eq(dura_drift_attach(d, i, r), DURA_OK);
    }
    return d;
}

/* One channel, exactly known. */
static dura_drift *build_one(const dura_drift_reference *r, float arl0)
{
    dura_drift_config c = DURA_DRIFT_CONFIG_INIT;
    dura_drift *d;
    c.n_channels = 1;
    c.arl0 = arl0;
    dt_eq(dura_drift_init(&d, memory[0], sizeof memory[0], &c), DURA_OK);
    dt_eq(dura_drift_attach(d, 0, r), DURA_OK);
    return d;
}

static dura_drift_probe probe_of(uint16_t channel, float shift)
{
    dura_drift_probe p;
    memset(&p, 0, sizeof p);
    p.struct_size = sizeof p;
    p.channel = channel;
    p.shift = shift;
    return p;
}

static int probe(dura_drift *d, dura_drift_probe *p, uint32_t most)
{
    return dura_drift_part()->probe(d, p->channel < N ? &reference[p->channel] : NULL, p, most);
}

static float noise(void)
{
    float sum = 0.0f;
    for (int i = 0; i < 12; i++) {
        seed = seed * 1664525u + 1013904223u;
        sum += (float)(seed >> 8) * (1.0f / 16777216.0f);
    }
    return sum - 6.0f;
}

/* A frame of the process: gaps, a shift that comes and goes. */
static int feed(dura_drift *d, int t, dura_fact *facts)
{
    float x[N];
    uint8_t missing[N];
    seed = (uint32_t)t * 2654435761u + 1u;
    for (int i = 0; i < N; i++) {
        missing[i] = t % 97 < 3 * (i == 1);
        x[i] = 1000.0f + 0.5f * noise() + (t % 900 > 600 ? 0.7f : 0.0f);
    }
    return dura_drift_update(d, x, missing, N, facts, N);
}

static void same_state(const dura_drift *a, const dura_drift *b, const char *when)
{
    size_t n[2] = {IMAGE, IMAGE};
    dt_eq(dura_drift_save(a, image[0], &n[0]), DURA_OK);
    dt_eq(dura_drift_save(b, image[1], &n[1]), DURA_OK);
    dt_eq(n[0], IMAGE);
    dt_ok(memcmp(image[0], image[1], IMAGE) == 0, "%s", when);
}

DT_TEST(drift_probe, finds_a_shift_on_every_kind_of_channel_within_what_theory_says)
{
    static const float shifts[] = {0.75f, 1.0f, -1.0f, 2.0f, -4.0f, 6.0f};
    dura_drift *d = build(0, 1e4f);
    for (uint16_t i = 0; i + 1 < N; i++)
        for (size_t k = 0; k < sizeof shifts / sizeof *shifts; k++) {
            dura_drift_probe p = probe_of(i, shifts[k]);
            dt_ok(probe(d, &p, UINT32_MAX) == 1, "channel %u shift %g", (unsigned)i, (double)shifts[k]);
            dt_ok(p.direction != DURA_DRIFT_BACK && p.samples <= p.bound && p.samples > 0, "channel %u shift %g: %u of %u",
                  (unsigned)i, (double)shifts[k], (unsigned)p.samples, (unsigned)p.bound);
            dt_eq(p.fact.kind, DURA_FACT_DRIFT);
            dt_eq(p.fact.channel, i);
            if (i == 0 && shifts[k] > 0.9f && shifts[k] < 2.1f)
                dt_eq(p.direction, DURA_DRIFT_UP);
            if (i == 0 && shifts[k] > -1.1f && shifts[k] < -0.9f)
                dt_eq(p.direction, DURA_DRIFT_DOWN);
        }
}

/* Delays from the weights and ratios of docs/drift.md in double precision, by
 * tests/vectors/drift/probe_delays.py: sum over the hypotheses of w LR (LR^t - 1) / (LR - 1) >= arl0 / 1.455, first t. */
DT_TEST(drift_probe, is_as_late_as_the_closed_form_of_the_statistics)
{
    static const struct { float arl0, shift; uint32_t delay; } rows[] = {
        {1000.0f, 0.75f, 30}, {1000.0f, 1.0f, 17}, {1000.0f, -1.0f, 17}, {1000.0f, 2.0f, 5}, {1000.0f, -3.5f, 2}, {1000.0f, 6.0f, 1},
        {10000.0f, 0.75f, 40}, {10000.0f, 1.0f, 22}, {10000.0f, -1.0f, 22}, {10000.0f, 2.0f, 6}, {10000.0f, -3.5f, 3}, {10000.0f, 6.0f, 1},
        {100000.0f, 0.75f, 50}, {100000.0f, 1.0f, 27}, {100000.0f, -1.0f, 27}, {100000.0f, 2.0f, 8}, {100000.0f, -3.5f, 3}, {100000.0f, 6.0f, 2},
        {1e6f, 0.75f, 59}, {1e6f, 1.0f, 31}, {1e6f, -1.0f, 31}, {1e6f, 2.0f, 9}, {1e6f, -3.5f, 3}, {1e6f, 6.0f, 2},
        {1e9f, 0.75f, 88}, {1e9f, 1.0f, 46}, {1e9f, -1.0f, 46}, {1e9f, 2.0f, 12}, {1e9f, -3.5f, 5}, {1e9f, 6.0f, 2},
    };
    dura_drift_reference r = DURA_DRIFT_REFERENCE_INIT;
    r.mean = -3.0f;
    r.deviation = 2.0f;
    for (size_t k = 0; k < sizeof rows / sizeof *rows; k++) {
        dura_drift *d = build_one(&r, rows[k].arl0);
        dura_drift_probe p = probe_of(0, rows[k].shift);
        dt_eq(dura_drift_part()->probe(d, &r, &p, UINT32_MAX), 1);
        dt_ok(p.samples == rows[k].delay, "row %zu: %u, theory %u", k, (unsigned)p.samples, (unsigned)rows[k].delay);
        dt_ok(p.samples <= p.bound && p.bound <= 2u * p.samples + 4u, "row %zu: bound %u", k, (unsigned)p.bound);
    }
}

DT_TEST(drift_probe, finds_a_wider_spread_as_late_as_its_statistics_have_it)
{
    static const struct { float arl0, far; uint32_t delay; } rows[] = {
        {1000.0f, 1.5f, 33}, {1000.0f, 2.0f, 11}, {1000.0f, 3.0f, 4}, {1000.0f, 6.0f, 1},
        {10000.0f, 1.5f, 44}, {10000.0f, 2.0f, 14}, {10000.0f, 3.0f, 5}, {10000.0f, 6.0f, 1},
        {100000.0f, 1.5f, 55}, {100000.0f, 2.0f, 16}, {100000.0f, 3.0f, 6}, {100000.0f, 6.0f, 2},
        {1e6f, 1.5f, 66}, {1e6f, 2.0f, 19}, {1e6f, 3.0f, 6}, {1e6f, 6.0f, 2},
        {1e9f, 1.5f, 98}, {1e9f, 2.0f, 28}, {1e9f, 3.0f, 9}, {1e9f, 6.0f, 2},
    };
    dura_drift_reference r = DURA_DRIFT_REFERENCE_INIT;
    r.mean = -3.0f;
    r.deviation = 2.0f;
    for (size_t k = 0; k < sizeof rows / sizeof *rows; k++) {
        dura_drift *d = build_one(&r, rows[k].arl0);
        dura_drift_probe p = probe_of(0, rows[k].far);
        p.spread = 1;
        dt_eq(dura_drift_part()->probe(d, &r, &p, UINT32_MAX), 1);
        dt_ok(p.samples == rows[k].delay, "row %zu: %u, theory %u", k, (unsigned)p.samples, (unsigned)rows[k].delay);
        dt_ok(p.samples <= p.bound && p.bound <= 2u * p.samples + 4u, "row %zu: bound %u", k, (unsigned)p.bound);
        if (rows[k].far < 3.5f && rows[k].arl0 > 5e3f)
            dt_eq(p.direction, DURA_DRIFT_WIDER, "row %zu: %u", k, (unsigned)p.direction);
    }
}

DT_TEST(drift_probe, finds_a_wider_spread_on_every_kind_of_channel_in_whatever_portions)
{
    static const float far[] = {1.5f, 2.0f, 4.0f, 6.0f};
    dura_drift *d = build(0, 1e4f), *plain = build(1, 1e4f);
    for (uint16_t i = 0; i + 1 < N; i++)
        for (size_t k = 0; k < sizeof far / sizeof *far; k++) {
            dura_drift_probe p = probe_of(i, far[k]), parts = probe_of(i, far[k]);
            int rc, calls = 0;
            p.spread = parts.spread = 1;
            dt_eq(probe(d, &p, UINT32_MAX), 1);
            dt_ok(p.direction != DURA_DRIFT_BACK && p.samples <= p.bound, "channel %u, %g: %u of %u", (unsigned)i, (double)far[k],
                  (unsigned)p.samples, (unsigned)p.bound);
            while ((rc = probe(d, &parts, 1u + (uint32_t)calls % 3u)) == 0)
                calls++;
            dt_eq(rc, 1);
            dt_ok(parts.samples == p.samples && parts.direction == p.direction, "channel %u", (unsigned)i);
        }
    same_state(plain, d, "after all of them");
}

DT_TEST(drift_probe, makes_no_wider_spread_where_there_is_none)
{
    static const float bad[] = {1.0f, -2.0f, 6.5f, 0.0f};
    dura_drift_reference r = DURA_DRIFT_REFERENCE_INIT;
    dura_drift *d = build(0, 1e4f);
    dura_drift_probe p;
    for (size_t k = 0; k < sizeof bad / sizeof *bad; k++) {
        p = probe_of(0, bad[k]);
        p.spread = 1;
        dt_eq(probe(d, &p, 1), DURA_EINVAL);
    }
    p = probe_of(0, 2.0f);
    p.spread = 2;
    dt_eq(probe(d, &p, 1), DURA_EINVAL);
    r.mean = 0.3f;
    r.deviation = 0.45f;
    r.high = 1.0f;
    r.n = 4000;
    d = build_one(&r, 1e5f);
    p = probe_of(0, 2.0f);
    p.spread = 1;
    dt_eq(dura_drift_part()->probe(d, &r, &p, 1), DURA_ENOTSUP, "bets know no spread");
}

DT_TEST(drift_probe, bets_on_a_bounded_channel_where_there_is_room)
{
    static const float means[] = {0.02f, 0.3f, 0.5f, 0.98f};
    for (size_t k = 0; k < sizeof means / sizeof *means; k++) {
        dura_drift_reference r = DURA_DRIFT_REFERENCE_INIT;
        r.mean = means[k];
        r.deviation = durai_sqrt(means[k] * (1.0f - means[k]));
        r.high = 1.0f;
        r.n = 4000;
        dura_drift *d = build_one(&r, 1e5f);
        dura_drift_probe p = probe_of(0, -1.0f);
        dt_eq(dura_drift_part()->probe(d, &r, &p, UINT32_MAX), 1);
        dt_ok(p.samples <= p.bound, "mean %g: %u of %u", (double)means[k], (unsigned)p.samples, (unsigned)p.bound);
        dt_eq(p.direction, means[k] > 0.5f ? DURA_DRIFT_DOWN : DURA_DRIFT_UP);
    }
}

DT_TEST(drift_probe, is_the_same_in_whatever_portions)
{
    dura_drift *d = build(0, 1e6f);
    for (uint16_t i = 0; i + 1 < N; i++) {
        dura_drift_probe whole = probe_of(i, 1.0f), parts = probe_of(i, 1.0f);
        int calls = 0, rc;
        dt_eq(probe(d, &whole, UINT32_MAX), 1);
        dt_eq(probe(d, &parts, 0), 0);
        while ((rc = probe(d, &parts, 1u + (uint32_t)calls % 3u)) == 0)
            calls++;
        dt_eq(rc, 1);
        dt_ok(calls > 2, "%d", calls);
        dt_mem(&whole, &parts, sizeof whole);
    }
}

DT_TEST(drift_probe, leaves_the_monitor_as_it_was_bit_for_bit_and_costs_it_no_alarm)
{
    dura_drift *plain = build(0, 1000.0f), *probed = build(1, 1000.0f);
    dura_drift_probe p = probe_of(0, 1.0f);
    uint32_t alarms = 0, probes = 0;
    for (int t = 0; t < 4000; t++) {
        dura_fact said[2][N];
        int n = feed(plain, t, said[0]);
        dt_eq(feed(probed, t, said[1]), n);
        dt_mem(said[0], said[1], (size_t)n * sizeof said[0][0]);
        alarms += (uint32_t)n;
        int rc = probe(probed, &p, 1u + (uint32_t)t % 5u);
        dt_ok(rc >= 0, "%d", rc);
        same_state(plain, probed, "after a probe's share");
        if (rc == 1) {
            dt_ok(p.direction != 0 && p.samples <= p.bound, "%u of %u", (unsigned)p.samples, (unsigned)p.bound);
            p = probe_of((uint16_t)((p.channel + 1u) % (N - 1)), p.channel % 2 ? 1.0f : -1.5f);
            probes++;
        }
    }
    dt_ok(alarms > 4 && probes > 20, "%u alarms, %u probes", (unsigned)alarms, (unsigned)probes);
}

DT_TEST(drift_probe, says_how_many_samples_of_the_process_were_judged)
{
    dura_drift *d = build(0, 1e4f);
    dura_fact said[N];
    for (int t = 0; t < 120; t++)
        (void)feed(d, t + 100, said);
    dura_drift_probe p = probe_of(0, 1.0f);
    dt_eq(probe(d, &p, UINT32_MAX), 1);
    dt_eq(p.n, 120);
}

DT_TEST(drift_probe, does_not_pass_a_monitor_that_is_not_what_it_was)
{
    enum { LIMIT, MEAN, SCALE, SHARE, CLIP, SLACK, FLAGS, STATE, KEEP, WAYS };
    for (int way = 0; way < WAYS; way++) {
        dura_drift *d = build(0, 1e4f);
        drift_reference *r = &d->reference[0];
        dura_drift_probe p = probe_of(0, 1.0f);
        switch (way) {
        case LIMIT: d->limit *= 1.5f; break;
        case MEAN: r->mean[0] = 1001.0f; break;
        case SCALE: r->scale[0] *= 0.5f; break;
        case SHARE: r->share[0] *= 2.0f; break;
        case CLIP: r->clip[0] = 3.0f; break;
        case SLACK: r->shift_slack[0] *= 0.5f; break;
        case FLAGS: r->flags[0] |= REF_HELD; break;
        case STATE: d->block[0].r[3][0] = durai_f32(0x7FC00000u); break;
        default: d->block[0].keep[0] = 0.0f; break;
        }
        int rc = probe(d, &p, UINT32_MAX);
        dt_ok(rc == DURA_ECORRUPT, "way %d: %d", way, rc);
    }
}

DT_TEST(drift_probe, says_late_and_missed)
{
    static const struct { const char *row; float times; int found; } rows[] = {{"late", 30.0f, 1}, {"missed", 1e15f, 0}};
    for (size_t k = 0; k < 2; k++) {
        dura_drift *d = build(0, 1e4f);
        dura_drift_probe p = probe_of(0, 1.0f);
        dt_eq(probe(d, &p, 1), 0);
        d->reference[0].share[0] *= rows[k].times;   /* breaks while the probe is under way */
        dt_ok(probe(d, &p, UINT32_MAX) == 1, "%s", rows[k].row);
        dt_ok(p.samples > p.bound, "%s: %u of %u", rows[k].row, (unsigned)p.samples, (unsigned)p.bound);
        dt_eq(p.direction != 0, rows[k].found);
        dt_ok(p.samples <= 2u * p.bound, "%s: %u", rows[k].row, (unsigned)p.samples);
    }
}

DT_TEST(drift_probe, refuses_what_it_cannot_do)
{
    const dura_drift_calls *c = dura_drift_part();
    dura_drift *d = build(0, 1e4f);
    dura_drift_probe p = probe_of(0, 1.0f);
    dt_eq(c->probe(NULL, NULL, &p, 1), DURA_EINVAL);
    dt_eq(c->probe(d, NULL, NULL, 1), DURA_EINVAL);
    p.struct_size = 8;
    dt_eq(c->probe(d, NULL, &p, 1), DURA_EVERSION);
    static const float bad[] = {0.0f, 0.7f, -0.7f, 6.5f};
    for (size_t k = 0; k < 4; k++) {
        p = probe_of(0, bad[k]);
        dt_eq(c->probe(d, NULL, &p, 1), DURA_EINVAL);
    }
    p = probe_of(0, durai_f32(0x7FC00000u));
    dt_eq(c->probe(d, NULL, &p, 1), DURA_EINVAL);
    p = probe_of(N, 1.0f);
    dt_eq(c->probe(d, NULL, &p, 1), DURA_EINVAL);
    p = probe_of(N - 1, 1.0f);
    dt_eq(c->probe(d, NULL, &p, 1), DURA_ENOENT);
    p = probe_of(0, 1.0f);
    p.over = 1;
    dt_eq(c->probe(d, NULL, &p, 1), DURA_EINVAL);
    dura_drift_reference r = DURA_DRIFT_REFERENCE_INIT;
    r.deviation = 1.0f;
    r.n = 1;                                    /* of one sample nothing is known */
    r.clip = 3.0f;
    r.why = DURA_DRIFT_SHORT | DURA_DRIFT_CORRELATED;
    d = build_one(&r, 1e9f);
    p = probe_of(0, 1.0f);
    dt_eq(c->probe(d, &r, &p, 1), DURA_ENOTSUP);
}
