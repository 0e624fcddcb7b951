/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Coefficients that tie channels together, from any choice of blocks of time.
 *
 * All parity rows come from one ridge inverse P = (A'A + ridge n I)^-1 over every channel
 * now and every one a frame before: the column of a channel, over minus its diagonal, is
 * the channel's regression on all the rest. Sums are kept block by block, around the
 * recording's means, so that leaving one out costs an inverse and not another pass.
 */
#include "dura_host_learn_priv.h"

#include <float.h>
#include <stdlib.h>
#include <string.h>

#define RIDGE 0.001             /* of rows and joint, on standardised channels */
#define ROWS_PER_TERM 3u        /* rows a regression must have for each of its terms */
#define SUPPORT 48u             /* rows that make a rule worth having: of the state, and beyond its
                                   limit in the other */
#define VOTERS 0.02             /* of a deviation: channels that differ by less are one quantity */

/* ---- matrices --------------------------------------------------------------------------- */

int durai_inverse_factor(double *a, size_t n)
{
    for (size_t j = 0; j < n; j++) {        /* a becomes L, a = L L' */
        double d = a[j * n + j];
        for (size_t k = 0; k < j; k++)
            d -= a[j * n + k] * a[j * n + k];
        if (!(d > 0.0))
            return 0;
        a[j * n + j] = durai_learn_root(d);
        for (size_t i = j + 1; i < n; i++) {
            double x = a[i * n + j];
            for (size_t k = 0; k < j; k++)
                x -= a[i * n + k] * a[j * n + k];
            a[i * n + j] = x / a[j * n + j];
        }
    }
    for (size_t j = 0; j < n; j++) {        /* and L its inverse, column after column */
        a[j * n + j] = 1.0 / a[j * n + j];
        for (size_t i = j + 1; i < n; i++) {
            double x = 0.0;
            for (size_t k = j; k < i; k++)
                x -= a[i * n + k] * a[k * n + j];
            a[i * n + j] = x / a[i * n + i];
        }
        for (size_t i = 0; i < j; i++)
            a[i * n + j] = 0.0;
    }
    return 1;
}

/* (L^-1)' L^-1 at i, j. */
static double inverse_at(const double *f, size_t n, size_t i, size_t j)
{
    double x = 0.0;
    for (size_t k = i > j ? i : j; k < n; k++)
        x += f[k * n + i] * f[k * n + j];
    return x;
}

/* ---- sums ----------------------------------------------------------------------------------- */

static double *zeroed(size_t n) { return calloc(n ? n : 1u, sizeof(double)); }

static void centre_channels(durai_moments *m, const durai_sheet *s)
{
    for (uint32_t i = 0; i < s->n; i++) {
        double sum = 0.0, square = 0.0;
        for (size_t r = 0; r < s->rows; r++)
            sum += (double)s->x[r * s->n + i];
        m->centre[i] = sum / (double)s->rows;
        for (size_t r = 0; r < s->rows; r++) {
            double d = (double)s->x[r * s->n + i] - m->centre[i];
            square += d * d;
        }
        m->scale[i] = square > 0.0 ? durai_learn_root(square / (double)s->rows) : 1.0;
    }
}

static void add_row(durai_moments *m, const durai_sheet *s, size_t row, double *u)
{
    uint32_t n = s->n, b = durai_sheet_block(s, row);
    double *first = m->first + (size_t)b * 2u * n, *second = m->second + (size_t)b * 4u * n * n;
    const float *x = s->x + row * n, *before = x - n;
    for (uint32_t i = 0; i < n; i++) {
        double step = (double)x[i] - (double)before[i];
        u[i] = ((double)x[i] - m->centre[i]) / m->scale[i];
        u[n + i] = ((double)before[i] - m->centre[i]) / m->scale[i];
        m->step[b * n + i] += step * step;
    }
    for (uint32_t i = 0; i < 2u * n; i++) {
        first[i] += u[i];
        for (uint32_t j = i; j < 2u * n; j++)
            second[(size_t)i * 2u * n + j] += u[i] * u[j];
    }
    m->count[b]++;
}

int durai_moments_make(durai_moments *m, const durai_sheet *s)
{
    size_t n = s->n;
    double *u = zeroed(2u * n);
    m->centre = zeroed(n);
    m->scale = zeroed(n);
    m->first = zeroed(DURAI_CHECK_BLOCKS * 2u * n);
    m->second = zeroed(DURAI_CHECK_BLOCKS * 4u * n * n);
    m->step = zeroed(DURAI_CHECK_BLOCKS * n);
    int rc = u && m->centre && m->scale && m->first && m->second && m->step ? DURA_OK : DURA_ENOSPC;
    if (rc == DURA_OK) {
        centre_channels(m, s);
        for (size_t row = 1; row < s->rows; row++)
            if (s->follows[row])
                add_row(m, s, row, u);
    }
    free(u);
    return rc;
}

void durai_moments_free(durai_moments *m)
{
    free(m->centre);
    free(m->scale);
    free(m->first);
    free(m->second);
    free(m->step);
}

/* ---- from sums to coefficients ------------------------------------------------------------------ */

/* Sums over the blocks but one. */
typedef struct sums {
    size_t count;
    double *first, *second;    /* 2n, 2n x 2n */
} sums;

static size_t add_blocks(sums *t, durai_relations *k, const durai_sheet *s, const durai_moments *m, uint32_t without)
{
    size_t n = s->n;
    for (uint32_t b = 0; b < DURAI_CHECK_BLOCKS; b++) {
        if (b == without)
            continue;
        t->count += m->count[b];
        for (size_t i = 0; i < 2u * n; i++)
            t->first[i] += m->first[b * 2u * n + i];
        for (size_t i = 0; i < 4u * n * n; i++)
            t->second[i] += m->second[b * 4u * n * n + i];
        for (size_t i = 0; i < n; i++)
            k->step[i] += m->step[b * n + i];
    }
    return t->count;
}

/* Means and deviations, both of this frame's columns, in units; t->second becomes the products
 * of standardised columns. */
static void standardise(sums *t, durai_relations *k, const durai_sheet *s, const durai_moments *m)
{
    size_t n = s->n;
    double rows = (double)t->count;
    for (size_t i = 0; i < n; i++) {
        double mean = t->first[i] / rows, v = t->second[i * 2u * n + i] / rows - mean * mean;
        k->mean[i] = mean;
        k->sd[i] = v > 1e-12 ? durai_learn_root(v) : 1.0;
        k->step[i] = k->step[i] > 0.0 ? durai_learn_root(k->step[i] / rows) : 1.0;
    }
    for (size_t i = 0; i < 2u * n; i++)
        for (size_t j = i; j < 2u * n; j++) {
            double a = k->mean[i % n], b = k->mean[j % n];
            double product = t->second[i * 2u * n + j] - a * t->first[j] - b * t->first[i] + rows * a * b;
            t->second[i * 2u * n + j] = t->second[j * 2u * n + i] = product / (k->sd[i % n] * k->sd[j % n]);
        }
    for (size_t i = 0; i < n; i++) {
        k->mean[i] = m->centre[i] + m->scale[i] * k->mean[i];
        k->sd[i] *= m->scale[i];
    }
}

static int learn_joint(durai_relations *k, const durai_sheet *s, const sums *t)
{
    size_t n = k->n_joint;
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < n; j++)
            k->whiten[i * n + j] = t->second[(size_t)s->level[i] * 2u * s->n + s->level[j]] / (double)t->count +
                                   (i == j ? RIDGE : 0.0);
    if (!durai_inverse_factor(k->whiten, n))
        return 0;
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j <= i; j++)
            k->whiten[i * n + j] /= k->sd[s->level[j]];
    return 1;
}

/* One row: the column of the inverse over minus its diagonal, in units. */
static void learn_row(durai_relations *k, const durai_sheet *s, const double *f, size_t row)
{
    size_t n = s->n, of = s->level[row];
    double *w = k->weight + row * 2u * n, diagonal = inverse_at(f, 2u * n, of, of);
    k->constant[row] = k->mean[of];
    for (size_t j = 0; j < 2u * n; j++) {
        w[j] = j == of ? 0.0 : -inverse_at(f, 2u * n, j, of) / diagonal * k->sd[of] / k->sd[j % n];
        k->constant[row] -= w[j] * k->mean[j % n];
    }
}

static int learn_parity(durai_relations *k, const durai_sheet *s, sums *t)
{
    size_t n = s->n;
    for (size_t i = 0; i < 2u * n; i++)
        t->second[i * 2u * n + i] += RIDGE * (double)t->count;
    if (!durai_inverse_factor(t->second, 2u * n))
        return 0;
    for (size_t row = 0; row < s->n_level; row++)
        learn_row(k, s, t->second, row);
    return 1;
}

/* ---- rules ---------------------------------------------------------------------------------------------- */

static int is_learned_from(const durai_sheet *s, size_t row, uint32_t without)
{
    return durai_sheet_block(s, row) != without;
}

static void find_spans(durai_relations *k, const durai_sheet *s, uint32_t without)
{
    for (uint32_t i = 0; i < s->n; i++) {
        double lo = DBL_MAX, hi = -DBL_MAX;
        for (size_t r = 0; r < s->rows; r++) {
            double x = (double)s->x[r * s->n + i];
            if (!is_learned_from(s, r, without))
                continue;
            lo = x < lo ? x : lo;
            hi = x > hi ? x : hi;
        }
        k->span[i] = hi - lo > 1e-9 ? hi - lo : 1e-9;
    }
}

/* Range of `of` while other is v, and how many rows of the other state lie beyond each side. */
static void look_at_pair(durai_rule *u, size_t beyond[2], const durai_sheet *s, uint32_t without)
{
    u->lo = DBL_MAX;
    u->hi = -DBL_MAX;
    u->rows = beyond[0] = beyond[1] = 0;
    for (int pass = 0; pass < 2; pass++)
        for (size_t r = 0; r < s->rows; r++) {
            const float *row = s->x + r * s->n;
            double x = (double)row[u->of];
            int on = !(row[u->other] < u->v || row[u->other] > u->v);
            if (on == pass || !is_learned_from(s, r, without))
                continue;       /* first the rows of the state, then the others */
            u->rows += on ? 1u : 0u;
            u->lo = on && x < u->lo ? x : u->lo;
            u->hi = on && x > u->hi ? x : u->hi;
            beyond[0] += !on && x < u->lo ? 1u : 0u;
            beyond[1] += !on && x > u->hi ? 1u : 0u;
        }
}

static int keep_rule(durai_relations *k, const durai_rule *u)
{
    if (k->n_rules == k->rules_room) {
        uint32_t room = 2u * k->rules_room + 64u;
        durai_rule *more = realloc(k->rule, room * sizeof *more);
        if (!more)
            return DURA_ENOSPC;
        k->rule = more;
        k->rules_room = room;
    }
    k->rule[k->n_rules++] = *u;
    return DURA_OK;
}

static int learn_state(durai_relations *k, const durai_sheet *s, uint16_t other, float v, uint32_t without)
{
    int rc = DURA_OK;
    for (uint16_t of = 0; rc == DURA_OK && of < s->n; of++) {
        durai_rule u = {other, of, v, 0.0, 0.0, 0};
        size_t beyond[2];
        if (of == other)
            continue;
        look_at_pair(&u, beyond, s, without);
        if (u.rows < SUPPORT || (beyond[0] < SUPPORT && beyond[1] < SUPPORT))
            continue;
        u.lo = beyond[0] >= SUPPORT ? u.lo : -DBL_MAX;
        u.hi = beyond[1] >= SUPPORT ? u.hi : DBL_MAX;
        rc = keep_rule(k, &u);
    }
    return rc;
}

/* Both values of every status. */
static int learn_rules(durai_relations *k, const durai_sheet *s, uint32_t without)
{
    int rc = DURA_OK;
    find_spans(k, s, without);
    for (uint16_t j = 0; rc == DURA_OK && j < s->n; j++) {
        float a = s->x[j], b = a;
        if (s->kind[j] != DURAI_STATUS)
            continue;
        for (size_t r = 1; r < s->rows && !(b < a || b > a); r++)
            b = s->x[r * s->n + j];
        rc = learn_state(k, s, j, a < b ? a : b, without);
        if (rc == DURA_OK)
            rc = learn_state(k, s, j, a < b ? b : a, without);
    }
    return rc;
}

/* ---- the whole ----------------------------------------------------------------------------------------------- */

static int allocate(durai_relations *k, sums *t, const durai_sheet *s)
{
    size_t n = s->n;
    k->n_joint = s->n_level < DURA_CK_JOINT_MAX ? s->n_level : DURA_CK_JOINT_MAX;
    k->mean = zeroed(n);
    k->sd = zeroed(n);
    k->step = zeroed(n);
    k->span = zeroed(n);
    k->weight = zeroed(s->n_level * 2u * n);
    k->constant = zeroed(s->n_level);
    k->whiten = zeroed((size_t)k->n_joint * k->n_joint);
    t->first = zeroed(2u * n);
    t->second = zeroed(4u * n * n);
    return k->mean && k->sd && k->step && k->span && k->weight && k->constant && k->whiten && t->first && t->second
               ? DURA_OK : DURA_ENOSPC;
}

int durai_relations_learn(durai_relations *k, const durai_sheet *s, const durai_moments *m, uint32_t without)
{
    sums t = {0, NULL, NULL};
    int rc = allocate(k, &t, s);
    if (rc == DURA_OK && add_blocks(&t, k, s, m, without) > 1) {
        k->rows = t.count;
        standardise(&t, k, s, m);
        if (s->n_level >= 2 && t.count >= ROWS_PER_TERM * k->n_joint)
            k->has_joint = learn_joint(k, s, &t);
        if (s->n >= 2 && s->n_level && t.count >= ROWS_PER_TERM * 2u * s->n)
            k->has_parity = learn_parity(k, s, &t);
        rc = learn_rules(k, s, without);
    }
    free(t.first);
    free(t.second);
    return rc;
}

void durai_relations_free(durai_relations *k)
{
    free(k->mean);
    free(k->sd);
    free(k->step);
    free(k->span);
    free(k->weight);
    free(k->constant);
    free(k->whiten);
    free(k->rule);
    memset(k, 0, sizeof *k);
}

/* ---- votes ------------------------------------------------------------------------------------------------------ */

static double apart(const durai_sheet *s, uint32_t i, uint32_t j)
{
    double sum = 0.0;
    for (size_t r = 0; r < s->rows; r++) {
        double d = (double)s->x[r * s->n + i] - (double)s->x[r * s->n + j];
        sum += d * d;
    }
    return durai_learn_root(sum / (double)s->rows);
}

int durai_groups_learn(durai_group **out, uint32_t *n, const durai_sheet *s, const durai_moments *m)
{
    uint8_t *taken = calloc(s->n_level + 1u, 1);
    *n = 0;
    *out = calloc(s->n_level + 1u, sizeof **out);
    if (!taken || !*out) {
        free(taken);
        return DURA_ENOSPC;
    }
    for (uint32_t a = 0; a < s->n_level; a++) {
        durai_group g = {{s->level[a]}, 1, m->scale[s->level[a]]};
        for (uint32_t b = a + 1; !taken[a] && b < s->n_level && g.n < DURA_CK_VOTE_MAX; b++)
            if (!taken[b] && apart(s, s->level[a], s->level[b]) < VOTERS * g.unit) {
                g.member[g.n++] = s->level[b];
                taken[b] = 1;
            }
        if (g.n > 1)
            (*out)[(*n)++] = g;
    }
    free(taken);
    return DURA_OK;
}
