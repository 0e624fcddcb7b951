/* SPDX-License-Identifier: Apache-2.0 */
/* Limits and a linear model out of a clean recording; see plant.h. */
#include "plant.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

int plant_add(plant *p, int64_t t_ns, const float *values)
{
    if (p->rows == p->room) {
        size_t room = p->room ? 2 * p->room : 1024;
        float *v = realloc(p->v, room * p->cols * sizeof *v);
        int64_t *t = v ? realloc(p->t_ns, room * sizeof *t) : NULL;
        if (v)
            p->v = v;
        if (!t)
            return -1;
        p->t_ns = t;
        p->room = room;
    }
    memcpy(p->v + p->rows * p->cols, values, p->cols * sizeof *values);
    p->t_ns[p->rows++] = t_ns;
    return 0;
}

void plant_free(plant *p)
{
    free(p->v);
    free(p->t_ns);
}

size_t plant_column(const plant *p, const char *name)
{
    for (size_t c = 0; c < p->cols; c++)
        if (strcmp(p->name[c], name) == 0)
            return c;
    fprintf(stderr, "the recording has no column %s\n", name);
    exit(2);
}

static float at(const plant *p, size_t row, size_t col) { return p->v[row * p->cols + col]; }

/* Solve a x = b in place, n <= PLANT_INPUTS + 1, by elimination with row exchange. */
static void solve(double a[PLANT_INPUTS + 1][PLANT_INPUTS + 2], size_t n)
{
    for (size_t i = 0; i < n; i++) {
        size_t best = i;
        for (size_t r = i + 1; r < n; r++)
            if (fabs(a[r][i]) > fabs(a[best][i]))
                best = r;
        for (size_t c = i; c <= n; c++) {
            double t = a[i][c];
            a[i][c] = a[best][c];
            a[best][c] = t;
        }
        for (size_t r = 0; r < n; r++) {
            double f = r == i ? 0.0 : a[r][i] / a[i][i];
            for (size_t c = i; c <= n && f != 0.0; c++)
                a[r][c] -= f * a[i][c];
        }
    }
    for (size_t i = 0; i < n; i++)
        a[i][n] /= a[i][i];
}

static float predict(const plant_model *m, const float *row)
{
    float y = m->bias;
    for (size_t i = 0; i < m->n; i++)
        y += m->weight[i] * row[m->column[i]];
    return y;
}

static int up(const void *a, const void *b)
{
    float x = *(const float *)a, y = *(const float *)b;
    return (x > y) - (x < y);
}

void plant_fit(const plant *p, plant_model *m)
{
    double a[PLANT_INPUTS + 1][PLANT_INPUTS + 2] = {{0}};
    size_t k = m->n + 1, cut = p->rows - p->rows / 4;
    for (size_t r = 0; r + 1 < cut; r++) {
        double x[PLANT_INPUTS + 1], y = at(p, r + 1, m->target);
        for (size_t i = 0; i < m->n; i++)
            x[i] = at(p, r, m->column[i]);
        x[m->n] = 1.0;
        for (size_t i = 0; i < k; i++) {
            for (size_t j = 0; j < k; j++)
                a[i][j] += x[i] * x[j];
            a[i][k] += x[i] * y;
        }
    }
    for (size_t i = 0; i < m->n; i++)
        a[i][i] += 1e-6 * (double)cut; /* a column that never moves must not divide by zero */
    solve(a, k);
    for (size_t i = 0; i < m->n; i++)
        m->weight[i] = (float)a[i][k];
    m->bias = (float)a[m->n][k];
    size_t n = p->rows - 1 - cut;
    float *err = malloc(n * sizeof *err);
    if (!err)
        exit(3);
    for (size_t r = cut; r + 1 < p->rows; r++)
        err[r - cut] = fabsf(at(p, r + 1, m->target) - predict(m, p->v + r * p->cols));
    qsort(err, n, sizeof *err, up);
    m->limit = err[n - 1 - n / 1000];
    free(err);
    m->lo = m->hi = at(p, 0, m->target);
    for (size_t r = 1; r < p->rows; r++) {
        m->lo = fminf(m->lo, at(p, r, m->target));
        m->hi = fmaxf(m->hi, at(p, r, m->target));
    }
}

int32_t plant_call(void *user, const float *in, size_t n_in, float *out, size_t n_out)
{
    const plant_model *m = user;
    if (n_in > PLANT_COLUMNS || n_out != 1)
        return -200;
    out[0] = predict(m, in);
    return 0;
}

/* What a clean column does at its extremes. */
typedef struct extremes {
    double lo, hi, step_per_s, still_s, resolution;
} extremes;

/* Smaller than this share of the span a change may be the sensor's resolution. */
#define RESOLUTION 0.005

static extremes look(const plant *p, size_t c)
{
    extremes e = {at(p, 0, c), at(p, 0, c), 0.0, 0.0, 0.0};
    size_t still = 0;
    for (size_t r = 1; r < p->rows; r++) {
        e.lo = fmin(e.lo, at(p, r, c));
        e.hi = fmax(e.hi, at(p, r, c));
    }
    e.resolution = RESOLUTION * (e.hi - e.lo);
    for (size_t r = 1; r < p->rows; r++) {
        double x = at(p, r, c), dt = (double)(p->t_ns[r] - p->t_ns[r - 1]) * 1e-9;
        if (dt > 0)
            e.step_per_s = fmax(e.step_per_s, fabs(x - at(p, r - 1, c)) / dt);
        if (fabs(x - at(p, still, c)) > e.resolution)
            still = r;
        e.still_s = fmax(e.still_s, (double)(p->t_ns[r] - p->t_ns[still]) * 1e-9);
    }
    return e;
}

static void channel(FILE *f, const plant *p, size_t c, double margin, double rate)
{
    extremes e = look(p, c);
    double span = e.hi - e.lo, room = margin * (span > 0 ? span : 1.0);
    double hours = (double)(p->t_ns[p->rows - 1] - p->t_ns[0]) * 1e-9 / 3600.0;
    fprintf(f, "    {\"name\": \"%s\", \"fail_lo\": %.7g, \"fail_hi\": %.7g", p->name[c], e.lo - room, e.hi + room);
    if (e.step_per_s > 0)
        fprintf(f, ", \"rate_fail\": %.7g", e.step_per_s * rate);
    if (span > 0 && e.still_s * 2 < hours * 3600.0 / 100.0)
        fprintf(f, ", \"flat_tolerance\": %.7g, \"flat_fail_ms\": %.0f", e.resolution,
                fmax(2.0 * e.still_s, 5.0 * (double)(p->t_ns[1] - p->t_ns[0]) * 1e-9) * 1e3);
    fprintf(f, "}%s\n", c + 1 < p->cols ? "," : "");
}

int plant_policy(const plant *p, const plant_model *m, double margin, double rate, const char *output,
                 const char *path)
{
    FILE *f = fopen(path, "w");
    if (!f)
        return -1;
    double span = m->hi - m->lo, dt_ms = (double)(p->t_ns[1] - p->t_ns[0]) * 1e-6;
    fprintf(f, "{\n  \"device\": {\"name\": \"plant example\", \"mode\": \"observe\"},\n");
    fprintf(f, "  \"sensor\": {\"gap_ms\": %.0f},\n  \"channels\": [\n", 3.0 * dt_ms);
    for (size_t c = 0; c < p->cols; c++)
        channel(f, p, c, margin, rate);
    fprintf(f, "  ],\n  \"outputs\": [{\"name\": \"%s\", \"lo\": %.7g, \"hi\": %.7g, \"safe\": %.7g}],\n", output,
            m->lo - margin * span, m->hi + margin * span, 0.5 * ((double)m->lo + (double)m->hi));
    fprintf(f, "  \"guard\": {\"hold_ms\": %.0f},\n", 2.0 * dt_ms);
    fprintf(f, "  \"logs\": {\"segment_bytes\": 1048576, \"commit_records\": 256}\n}\n");
    return fclose(f);
}
