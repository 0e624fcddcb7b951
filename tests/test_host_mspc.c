/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The learner of dura/host/mspc.h: a correlation matrix whose components are known on
 * paper, every refusal by name, and numbers of rows left out.
 */
#include "dt.h"

#include "base/dura_base_priv.h"

#include <dura/host/mspc.h>

#include <math.h>

enum { ROWS = 400, N = 6 };

static float x[ROWS][N];
static uint32_t seed;

static float noise(void)
{
    uint32_t sum = 0;
    int i;
    for (i = 0; i < 12; i++) {
        seed = seed * 1664525u + 1013904223u;
        sum += seed >> 16;
    }
    return ((float)sum - 6.0f * 65535.0f) / 65536.0f;
}

/* Six channels moved by two hidden causes, each with noise of its own. */
static void plant(void)
{
    int i, j;
    seed = 1;
    for (i = 0; i < ROWS; i++) {
        float a = noise(), b = noise();
        for (j = 0; j < N; j++)
            x[i][j] = 10.0f * (float)j + (j % 2 ? a : b) * (float)(j + 1) + 0.3f * noise();
    }
}

DT_TEST(mspc_learn, finds_the_components_that_are_known_on_paper)
{
    /* Correlation of two channels r: variances 1 + r and 1 - r, loadings (1, 1) and (1, -1)
     * over the root of 2. Orthogonal columns of +-1 and r = 0.6 = cos of the angle. */
    static float two[64][2];
    dura_mspc_learned l = DURA_MSPC_LEARNED_INIT;
    dura_mspc_options o = DURA_MSPC_OPTIONS_INIT;
    const float *v;
    int i;
    for (i = 0; i < 64; i++) {
        float a = i & 1 ? 1.0f : -1.0f, b = i & 2 ? 1.0f : -1.0f;
        two[i][0] = 100.0f + 5.0f * a;
        two[i][1] = -3.0f + 2.0f * (0.6f * a + 0.8f * b);
    }
    o.components = 1;
    dt_eq(dura_mspc_learn(&l, &two[0][0], 64, 2, &o, NULL), DURA_OK);
    dt_eq(l.basis.n_channels, 2);
    dt_eq(l.basis.n_components, 1);
    dt_eq(l.basis.n_values, DURA_MSPC_VALUES(2, 1));
    dt_eq(l.rows, 64);
    v = l.basis.values;
    dt_ok(fabs((double)v[0] - 100.0) < 1e-5 && fabs((double)v[1] + 3.0) < 1e-6, "means");
    dt_ok(fabs((double)v[2] - 1.0 / (5.0 * sqrt(64.0 / 63.0))) < 1e-6, "1 / deviation %g", (double)v[2]);
    dt_ok(fabs((double)v[4] - 1.6) < 1e-5, "variance %g", (double)v[4]);
    dt_ok(fabs((double)v[5] - sqrt(0.5)) < 1e-6 && fabs((double)v[6] - sqrt(0.5)) < 1e-6, "loadings %g %g", (double)v[5], (double)v[6]);
    dt_ok(fabs((double)v[7] - 0.4) < 1e-5, "SPE %g", (double)v[7]);
    dt_ok(fabs(l.share - 0.8) < 1e-5, "share %g", l.share);
    dura_mspc_learned_deinit(&l);
}

DT_TEST(mspc_learn, gives_a_basis_that_the_device_takes)
{
    static uint64_t memory[256];
    dura_mspc_learned l = DURA_MSPC_LEARNED_INIT;
    dura_mspc *m;
    double sum[2] = {0, 0};
    int i;
    plant();
    dt_eq(dura_mspc_learn(&l, &x[0][0], ROWS, N, NULL, NULL), DURA_OK);
    dt_eq(l.basis.n_components, 2);
    dt_ok(l.share >= 0.9, "%g", l.share);
    dt_eq(dura_mspc_part()->init(&m, memory, sizeof memory, &l.basis), DURA_OK);
    for (i = 0; i < ROWS; i++) {
        dura_mspc_state s = DURA_MSPC_STATE_INIT;
        float out[2];
        dt_eq(dura_mspc_part()->update(m, x[i], NULL, N, out), 0);
        dt_eq(dura_mspc_part()->query(m, &s), DURA_OK);
        sum[0] += (double)s.t2;
        sum[1] += (double)s.spe;
    }
    /* The mean of T2 over the rows learned from is k (n - 1) / n, that of SPE what is left. */
    dt_ok(fabs(sum[0] / ROWS - 2.0 * (ROWS - 1.0) / ROWS) < 1e-3, "%g", sum[0] / ROWS);
    dt_ok(fabs(sum[1] / ROWS - (double)l.basis.values[l.basis.n_values - 5] * (ROWS - 1.0) / ROWS) < 1e-4, "%g", sum[1] / ROWS);
    dura_mspc_learned_deinit(&l);
}

DT_TEST(mspc_learn, standardises_what_it_left_out)
{
    dura_mspc_learned l = DURA_MSPC_LEARNED_INIT;
    double sum = 0.0, square = 0.0;
    int i;
    plant();
    dt_eq(dura_mspc_learn(&l, &x[0][0], ROWS, N, NULL, NULL), DURA_OK);
    for (i = 0; i < ROWS; i++) {
        sum += (double)l.spe[i];
        square += (double)l.spe[i] * (double)l.spe[i];
    }
    dt_ok(fabs(sum / ROWS) < 1e-4 && fabs(square / (ROWS - 1) - 1.0) < 1e-4, "mean %g, square %g", sum / ROWS, square / ROWS);
    dura_mspc_learned_deinit(&l);
}

DT_TEST(mspc_learn, expects_more_of_rows_it_has_not_seen)
{
    /* 40 channels of noise from 160 rows: on its own rows SPE is far too small. */
    static float many[160][40];
    dura_mspc_learned l = DURA_MSPC_LEARNED_INIT;
    const float *figure;
    int i, j;
    seed = 3;
    for (i = 0; i < 160; i++)
        for (j = 0; j < 40; j++)
            many[i][j] = noise();
    dt_eq(dura_mspc_learn(&l, &many[0][0], 160, 40, NULL, NULL), DURA_OK);
    figure = l.basis.values + l.basis.n_values - 5;
    dt_ok(figure[3] > 1.2f, "mean root of SPE on unseen rows: %g", (double)figure[3]);
    dura_mspc_learned_deinit(&l);
}

static void refused(int code, const char *field, size_t rows, uint32_t n, const dura_mspc_options *o)
{
    dura_mspc_learned l = DURA_MSPC_LEARNED_INIT, was = l;
    dura_error err = {0};
    dt_eq(dura_mspc_learn(&l, &x[0][0], rows, n, o, &err), code, "%s: %s", field, err.text);
    dt_str(err.field, field);
    dt_ok(err.text[0] != 0, "%s", field);
    dt_mem(&l, &was, sizeof l, "%s", field);
}

DT_TEST(mspc_learn, refuses_by_name)
{
    dura_mspc_options o = DURA_MSPC_OPTIONS_INIT;
    dura_mspc_learned l = DURA_MSPC_LEARNED_INIT;
    int i;
    plant();
    refused(DURA_ENOENT, "rows", 63, N, NULL);
    refused(DURA_EINVAL, "channels", ROWS, 1, NULL);
    refused(DURA_EINVAL, "channels", ROWS, DURA_MSPC_CHANNELS_MAX + 1, NULL);
    o.components = N;
    refused(DURA_EINVAL, "components", ROWS, N, &o);
    o.components = 0;
    o.share = 1.0;
    refused(DURA_EINVAL, "share", ROWS, N, &o);
    o.share = NAN;
    refused(DURA_EINVAL, "share", ROWS, N, &o);
    x[ROWS - 1][3] = INFINITY;
    refused(DURA_EINVAL, "channels[3]", ROWS, N, NULL);
    plant();
    for (i = 0; i < ROWS; i++)
        x[i][4] = 7.5f;
    refused(DURA_EINVAL, "channels[4]", ROWS, N, NULL);
    x[ROWS - 1][4] = 8.0f;                      /* moves in the last fifth only */
    refused(DURA_EINVAL, "channels[4]", ROWS, N, NULL);
    plant();
    for (i = 0; i < ROWS; i++)
        x[i][1] = x[i][3] = x[i][5] = x[i][0];
    for (i = 0; i < ROWS; i++)
        x[i][2] = x[i][4] = -x[i][0];
    refused(DURA_ELIMIT, "components", ROWS, N, NULL);
    l.struct_size = 0;
    dt_eq(dura_mspc_learn(&l, &x[0][0], ROWS, N, NULL, NULL), DURA_EINVAL);
    dt_eq(dura_mspc_learn(NULL, &x[0][0], ROWS, N, NULL, NULL), DURA_EINVAL);
    dura_mspc_learned_deinit(NULL);
}

DT_TEST(mspc_learn, learns_the_same_bits_on_every_target)
{
    dura_mspc_learned l = DURA_MSPC_LEARNED_INIT;
    uint32_t crc = 0, i;
    plant();
    dt_eq(dura_mspc_learn(&l, &x[0][0], ROWS, N, NULL, NULL), DURA_OK);
    for (i = 0; i < l.basis.n_values + 2u * ROWS; i++) {
        uint8_t b[4];
        durai_put32(b, durai_f32_bits(i < l.basis.n_values ? l.basis.values[i] : l.t2[i - l.basis.n_values]));
        crc = durai_crc32c(crc, b, sizeof b);
    }
    dt_eq(crc, 0x705713A4u, "the digest");
    dura_mspc_learned_deinit(&l);
}
