/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The contract of dura/mspc.h. What T2, SPE, parts and replaced channels should be comes
 * from tests/vectors/mspc/make_frames.py, which inverts covariances and regresses.
 */
#include "dt.h"
#include "vectors/mspc/frames.h"

#include "base/dura_base_priv.h"

#include <dura/mspc.h>

#include <math.h>

enum { COUNT = sizeof v_values / sizeof *v_values };

static uint64_t memory[2][512];
static float values[COUNT];

static dura_mspc_basis basis(float newest)
{
    dura_mspc_basis b = DURA_MSPC_BASIS_INIT;
    memcpy(values, v_values, sizeof values);
    b.n_channels = V_N;
    b.n_components = V_K;
    b.newest = newest;
    b.n_values = COUNT;
    b.values = values;
    return b;
}
static dura_mspc *fresh(float newest)
{
    dura_mspc_basis b = basis(newest);
    dura_mspc *m = NULL;
    memset(memory[0], 0xA5, sizeof memory[0]);
    dt_eq(dura_mspc_part()->init(&m, memory[0], dura_mspc_part()->bytes(&b), &b), DURA_OK);
    return m;
}
static dura_mspc_state state(dura_mspc *m)
{
    dura_mspc_state s = DURA_MSPC_STATE_INIT;
    dt_eq(dura_mspc_part()->query(m, &s), DURA_OK);
    return s;
}
static int near(double got, double want)
{
    return fabs(got - want) <= 2e-5 * (1.0 + fabs(want));
}

DT_TEST(mspc_update, says_what_the_textbook_says)
{
    dura_mspc *m = fresh(0.0f);
    int f;
    for (f = 0; f < V_FRAMES; f++) {
        float out[2];
        dura_mspc_state s;
        dt_eq(dura_mspc_part()->update(m, v_frames[f].x, NULL, V_N, out), 0);
        s = state(m);
        dt_ok(near(s.t2, v_frames[f].t2), "frame %d: T2 %g, want %g", f, (double)s.t2, v_frames[f].t2);
        dt_ok(near(s.spe, v_frames[f].spe), "frame %d: SPE %g, want %g", f, (double)s.spe, v_frames[f].spe);
        dt_ok(near(out[0], (cbrt(v_frames[f].t2 / V_K) - 1.0) / 0.25), "frame %d", f);
        dt_ok(near(out[1], (cbrt(v_frames[f].spe / (0.25 * (V_N - V_K))) - 1.0) / 0.5), "frame %d", f);
        dt_eq(s.n, f + 1);
        dt_ok(near(s.average_t2, s.t2) && near(s.average_spe, s.spe), "frame %d", f);
    }
}

DT_TEST(mspc_blame, gives_parts_that_are_the_textbooks_and_add_up)
{
    dura_mspc *m = fresh(0.0f);
    int f, i;
    for (f = 0; f < V_FRAMES; f++) {
        dura_mspc_share s[V_N];
        float out[2], t2 = 0.0f, spe = 0.0f;
        uint32_t seen = 0;
        dt_eq(dura_mspc_part()->update(m, v_frames[f].x, NULL, V_N, out), 0);
        dt_eq(dura_mspc_part()->blame(m, s, V_N), V_N);
        for (i = 0; i < V_N; i++) {
            uint16_t c = s[i].channel;
            dt_ok(c < V_N && !(seen & 1u << c), "frame %d: channel %u twice", f, c);
            seen |= 1u << c;
            t2 += s[i].t2;
            spe += s[i].spe;
            dt_ok(near(s[i].t2, v_frames[f].part_t2[c]), "frame %d channel %u", f, c);
            dt_ok(near(s[i].spe, v_frames[f].part_spe[c]), "frame %d channel %u", f, c);
            dt_ok(near(s[i].unexplained, v_frames[f].unexplained[c]), "frame %d channel %u: %g, want %g", f, c,
                  (double)s[i].unexplained, v_frames[f].unexplained[c]);
            dt_ok(i == 0 || fabsf(s[i].unexplained) <= fabsf(s[i - 1].unexplained), "frame %d", f);
        }
        dt_ok(near(t2, state(m).t2) && near(spe, state(m).spe), "frame %d: %g %g", f, (double)t2, (double)spe);
    }
}

DT_TEST(mspc_blame, ranks_the_one_channel_that_is_off_first)
{
    dura_mspc *m = fresh(0.0f);
    uint16_t c;
    for (c = 0; c < V_N; c++) {
        float x[V_N], out[2], far = 6.0f / values[V_N + c];
        dura_mspc_share s[2];
        memcpy(x, values, sizeof x);
        x[c] += c % 2 ? far : -far;
        dt_eq(dura_mspc_part()->update(m, x, NULL, V_N, out), 0);
        dt_eq(dura_mspc_part()->blame(m, s, 2), 2);
        dt_eq(s[0].channel, c);
        dt_ok((s[0].unexplained > 0.0f) == (c % 2 == 1), "channel %u", c);
    }
}

DT_TEST(mspc_blame, keeps_the_order_of_channels_that_are_equal)
{
    dura_mspc *m = fresh(0.0f);
    dura_mspc_share s[V_N];
    float out[2];
    uint16_t i;
    dt_eq(dura_mspc_part()->update(m, values, NULL, V_N, out), 0);
    dt_eq(dura_mspc_part()->blame(m, s, 5), 5);
    for (i = 0; i < 5; i++)
        dt_eq(s[i].channel, i);
    dt_eq(dura_mspc_part()->blame(m, NULL, 0), 0);
}

DT_TEST(mspc_residuals, are_those_of_the_last_frame)
{
    dura_mspc *m = fresh(0.1f);
    float out[2], r[V_N];
    int f, i;
    dt_eq(dura_mspc_part()->residuals(m, r, V_N), DURA_ENOENT);
    for (f = 0; f < V_FRAMES; f++) {
        dt_eq(dura_mspc_part()->update(m, v_frames[f].x, NULL, V_N, out), 0);
        dt_eq(dura_mspc_part()->residuals(m, r, V_N), DURA_OK);
        for (i = 0; i < V_N; i++)
            dt_ok(near(r[i], v_frames[f].unexplained[i]), "frame %d channel %d", f, i);
    }
}

DT_TEST(mspc_update, replaces_a_missing_channel_by_what_the_others_make_of_it)
{
    int f;
    for (f = 0; f < V_FRAMES; f++) {
        dura_mspc *m = fresh(0.0f);
        uint8_t missing[V_N] = {0};
        float out[2], x[V_N];
        dura_mspc_share s[V_N];
        int i;
        memcpy(x, v_frames[f].x, sizeof x);
        missing[v_gone[0]] = 1;
        x[v_gone[0]] = 1e9f;
        dt_eq(dura_mspc_part()->update(m, x, missing, V_N, out), 1);
        dt_eq(state(m).replaced, 1);
        dt_ok(near(state(m).t2, v_frames[f].lone_t2) && near(state(m).spe, v_frames[f].lone_spe), "frame %d", f);
        dt_eq(dura_mspc_part()->blame(m, s, V_N), V_N);
        for (i = 0; i < V_N; i++)
            if (s[i].channel == v_gone[0])
                dt_ok(near(s[i].z, v_frames[f].lone) && near(s[i].unexplained, 0.0), "frame %d: %g", f, (double)s[i].z);
    }
}

DT_TEST(mspc_update, replaces_up_to_a_quarter_and_then_has_no_sample)
{
    int f, i, k;
    for (f = 0; f < V_FRAMES; f++) {
        dura_mspc *m = fresh(0.0f);
        float out[2] = {7.0f, 7.0f}, x[V_N];
        dura_mspc_share s[V_N];
        dura_mspc_state before;
        memcpy(x, v_frames[f].x, sizeof x);
        x[v_gone[0]] = (float)NAN;
        x[v_gone[1]] = -(float)INFINITY;
        x[v_gone[2]] = (float)INFINITY;
        dt_eq(dura_mspc_part()->update(m, x, NULL, V_N, out), V_GONE);
        dt_ok(near(state(m).t2, v_frames[f].filled_t2) && near(state(m).spe, v_frames[f].filled_spe), "frame %d: %g %g", f,
              (double)state(m).t2, v_frames[f].filled_t2);
        dt_eq(dura_mspc_part()->blame(m, s, V_N), V_N);
        for (i = 0; i < V_N; i++)
            for (k = 0; k < V_GONE; k++)
                if (s[i].channel == v_gone[k])
                    dt_ok(near(s[i].z, v_frames[f].filled[k]), "frame %d channel %d", f, v_gone[k]);
        before = state(m);
        x[0] = (float)NAN;
        out[0] = out[1] = 7.0f;
        dt_eq(dura_mspc_part()->update(m, x, NULL, V_N, out), DURA_ENOENT);
        dt_ok(out[0] == 7.0f && out[1] == 7.0f, "out was touched");
        dt_ok(state(m).n == before.n && state(m).t2 == before.t2, "changed");
    }
}

DT_TEST(mspc_update, never_finds_a_frame_further_off_for_a_missing_channel)
{
    int f, i;
    for (f = 0; f < V_FRAMES; f++)
        for (i = 0; i < V_N; i++) {
            dura_mspc *m = fresh(0.0f);
            uint8_t missing[V_N] = {0};
            float out[2];
            double with, without;
            dt_eq(dura_mspc_part()->update(m, v_frames[f].x, NULL, V_N, out), 0);
            with = (double)state(m).t2 + (double)state(m).spe / 0.25;
            missing[i] = 1;
            dt_eq(dura_mspc_part()->update(m, v_frames[f].x, missing, V_N, out), 1);
            without = (double)state(m).t2 + (double)state(m).spe / 0.25;
            dt_ok(without <= with * 1.00001, "frame %d channel %d: %g > %g", f, i, without, with);
            dt_ok(near(with - without, v_frames[f].unexplained[i] * v_frames[f].unexplained[i]), "frame %d channel %d", f, i);
        }
}

DT_TEST(mspc_update, stays_finite_whatever_comes)
{
    static const float far[6] = {3.4e38f, -3.4e38f, 1e-45f, 1e30f, -0.0f, 1e20f};
    dura_mspc *m = fresh(0.001f);
    int t, i;
    for (t = 0; t < 50; t++) {
        float x[V_N], out[2], r[V_N];
        dura_mspc_share s[V_N];
        for (i = 0; i < V_N; i++)
            x[i] = far[(t * 7 + i * 5) % 6];
        dt_eq(dura_mspc_part()->update(m, x, NULL, V_N, out), 0);
        dt_ok(durai_finite(out[0]) && durai_finite(out[1]), "frame %d", t);
        dt_eq(dura_mspc_part()->residuals(m, r, V_N), DURA_OK);
        dt_eq(dura_mspc_part()->blame(m, s, V_N), V_N);
        for (i = 0; i < V_N; i++)
            dt_ok(durai_finite(r[i]) && durai_finite(s[i].t2) && durai_finite(s[i].spe), "frame %d", t);
    }
}

DT_TEST(mspc_query, shows_the_average_of_the_frames)
{
    dura_mspc *m = fresh(0.25f);
    double average[V_N] = {0}, t2 = 0.0;
    float out[2];
    int f, i, a;
    for (f = 0; f < V_FRAMES; f++) {
        dt_eq(dura_mspc_part()->update(m, v_frames[f].x, NULL, V_N, out), 0);
        for (i = 0; i < V_N; i++)
            average[i] += 0.25 * (((double)v_frames[f].x[i] - (double)v_values[i]) * (double)v_values[V_N + i] - average[i]);
    }
    for (a = 0; a < V_K; a++) {
        double t = 0.0;
        for (i = 0; i < V_N; i++)
            t += average[i] * (double)v_values[2 * V_N + V_K + a * V_N + i];
        t2 += t * t / (double)v_values[2 * V_N + a];
    }
    dt_ok(near(state(m).average_t2, t2), "%g, want %g", (double)state(m).average_t2, t2);
    dt_eq(dura_mspc_part()->reset(m), DURA_OK);
    dt_eq(state(m).n, 0);
    dt_ok(state(m).average_t2 == 0.0f && state(m).t2 == 0.0f, "not forgotten");
    dt_eq(dura_mspc_part()->blame(m, NULL, 0), DURA_ENOENT);
}

DT_TEST(mspc_init, refuses_what_the_contract_says)
{
    static const struct { const char *row; int at; float v; } rows[] = {
        {"mean is not finite", 0, NAN}, {"mean beyond all sense", 0, 2e30f}, {"scale 0", V_N, 0.0f},
        {"scale below 0", V_N + 3, -1.0f}, {"variance rises", 2 * V_N + 2, 3.0f}, {"variance 0", 2 * V_N + 2, 0.0f},
        {"variance infinite", 2 * V_N, INFINITY}, {"loading is not finite", 2 * V_N + V_K + 5, NAN},
        {"loading too long", 2 * V_N + V_K + 5, 1.0f}, {"loading too large to multiply", 2 * V_N + V_K, 1e30f},
        {"mean of SPE 0", COUNT - 5, 0.0f}, {"deviation of T2 0", COUNT - 3, 0.0f}, {"deviation of SPE below 0", COUNT - 1, -1.0f},
        {"mean of the root is not finite", COUNT - 4, NAN},
    };
    size_t i;
    for (i = 0; i < sizeof rows / sizeof *rows; i++) {
        dura_mspc_basis b = basis(0.0f);
        dura_mspc *m = (dura_mspc *)memory;
        values[rows[i].at] = rows[i].v;
        dt_eq(dura_mspc_part()->init(&m, memory[0], sizeof memory[0], &b), DURA_ECORRUPT, "%s", rows[i].row);
        dt_ok(m == NULL, "%s", rows[i].row);
    }
}

DT_TEST(mspc_init, refuses_two_loadings_that_are_not_at_right_angles)
{
    dura_mspc_basis b = basis(0.0f);
    dura_mspc *m;
    memcpy(values + 2 * V_N + V_K, values + 2 * V_N + V_K + V_N, V_N * sizeof(float));
    dt_eq(dura_mspc_part()->init(&m, memory[0], sizeof memory[0], &b), DURA_ECORRUPT);
}

DT_TEST(mspc_init, refuses_numbers_and_memory_that_do_not_fit)
{
    dura_mspc_basis b = basis(0.0f), good = b;
    dura_mspc *m;
    size_t need = dura_mspc_part()->bytes(&b);
    dt_ok(need > 0 && need < sizeof memory[0], "%zu", need);
    dt_eq(dura_mspc_part()->init(NULL, memory[0], need, &b), DURA_EINVAL);
    dt_eq(dura_mspc_part()->init(&m, NULL, need, &b), DURA_EINVAL);
    dt_eq(dura_mspc_part()->init(&m, memory[0], need - 1, &b), DURA_ENOSPC);
    dt_eq(dura_mspc_part()->init(&m, (uint8_t *)memory[0] + 4, need, &b), DURA_EALIGN);
    dt_eq(dura_mspc_part()->init(&m, memory[0], need, NULL), DURA_EINVAL);
#define BAD(field, value, code)                                                        \
    b = good;                                                                          \
    b.field = value;                                                                   \
    dt_eq(dura_mspc_part()->bytes(&b), 0, #field);                                     \
    dt_eq(dura_mspc_part()->init(&m, memory[0], need, &b), code, #field);
    BAD(struct_size, 3, DURA_EINVAL)
    BAD(n_channels, 1, DURA_EINVAL)
    BAD(n_channels, DURA_MSPC_CHANNELS_MAX + 1, DURA_EINVAL)
    BAD(n_channels, V_N + 1, DURA_EINVAL)
    BAD(n_components, 0, DURA_EINVAL)
    BAD(n_components, V_N, DURA_EINVAL)
    BAD(newest, 1.5f, DURA_EINVAL)
    BAD(newest, 1e-4f, DURA_EINVAL)
    BAD(newest, (float)NAN, DURA_EINVAL)
    BAD(n_values, COUNT - 1, DURA_EINVAL)
    BAD(values, NULL, DURA_EINVAL)
}

DT_TEST(mspc_part, refuses_arguments_that_are_not_there)
{
    dura_mspc *m = fresh(0.0f);
    float x[V_N] = {0}, out[2];
    dura_mspc_state s = DURA_MSPC_STATE_INIT;
    dt_eq(dura_mspc_part()->struct_size, sizeof(dura_mspc_calls));
    dt_eq(dura_mspc_part()->update(NULL, x, NULL, V_N, out), DURA_EINVAL);
    dt_eq(dura_mspc_part()->update(m, NULL, NULL, V_N, out), DURA_EINVAL);
    dt_eq(dura_mspc_part()->update(m, x, NULL, V_N - 1, out), DURA_EINVAL);
    dt_eq(dura_mspc_part()->update(m, x, NULL, V_N, NULL), DURA_EINVAL);
    dt_eq(dura_mspc_part()->blame(NULL, NULL, 0), DURA_EINVAL);
    dt_eq(dura_mspc_part()->blame(m, NULL, 1), DURA_EINVAL);
    dt_eq(dura_mspc_part()->residuals(m, NULL, V_N), DURA_EINVAL);
    dt_eq(dura_mspc_part()->residuals(m, x, V_N + 1), DURA_EINVAL);
    dt_eq(dura_mspc_part()->query(m, NULL), DURA_EINVAL);
    s.struct_size = 4;
    dt_eq(dura_mspc_part()->query(m, &s), DURA_EINVAL);
    dt_eq(dura_mspc_part()->reset(NULL), DURA_EINVAL);
}

DT_TEST(mspc_update, writes_the_same_bits_on_every_target)
{
    dura_mspc *m = fresh(0.25f);
    uint32_t crc = 0, t, i;
    for (t = 0; t < 200; t++) {
        float x[V_N], out[2];
        dura_mspc_share s[V_N];
        uint8_t b[16], missing[V_N] = {0};
        for (i = 0; i < V_N; i++) {
            uint32_t u = (t * V_N + i + 1u) * 2654435761u;
            x[i] = values[i] + (float)((int32_t)(u >> 12) - 524288) * (1.0f / 262144.0f) / values[V_N + i];
        }
        missing[t % V_N] = t % 3 == 0;
        missing[t % 5] = t % 4 == 0;
        dt_ok(dura_mspc_part()->update(m, x, missing, V_N, out) >= 0, "frame %u", t);
        dt_eq(dura_mspc_part()->blame(m, s, 1), 1);
        durai_put32(b, durai_f32_bits(out[0]));
        durai_put32(b + 4, durai_f32_bits(out[1]));
        durai_put32(b + 8, durai_f32_bits(s[0].unexplained));
        durai_put32(b + 12, durai_f32_bits(s[0].t2) ^ s[0].channel);
        crc = durai_crc32c(crc, b, sizeof b);
    }
    dt_eq(crc, 0xAE1D88A1u, "the digest");
}
