/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a check hears of each row before it averages and compares: residuals, distances,
 * breaks, in units that make the channels of a plant comparable.
 */
#include "dura_host_learn_priv.h"

#include <float.h>

static double larger(double a, double b) { return a > b ? a : b; }
static double magnitude(double x) { return x < 0.0 ? -x : x; }

uint32_t durai_signal_columns(int signal, const durai_sheet *s, uint32_t n_groups)
{
    switch (signal) {
    case DURAI_SIGNAL_RULE:
    case DURAI_SIGNAL_JOINT:
        return 1;
    case DURAI_SIGNAL_VOTE:
        return n_groups;
    default:
        return s->n_level;
    }
}

/* By how many spans the worst rule is broken. */
static double hear_rules(const durai_sheet *s, const durai_relations *k, size_t row)
{
    const float *x = s->x + row * s->n;
    double worst = 0.0;
    for (uint32_t i = 0; i < k->n_rules; i++) {
        const durai_rule *u = &k->rule[i];
        double v = (double)x[u->of];
        if (x[u->other] < u->v || x[u->other] > u->v)
            continue;
        worst = larger(worst, larger(u->lo - v, v - u->hi) / k->span[u->of]);
    }
    return worst;
}

/* Of three or more the worst member's distance from the middle; of two their distance. */
static double hear_vote(const durai_sheet *s, const durai_group *g, size_t row)
{
    double sorted[DURA_CK_VOTE_MAX], middle, worst = 0.0;
    const float *x = s->x + row * s->n;
    for (uint16_t i = 0; i < g->n; i++) {
        uint16_t at = i;
        for (; at > 0 && sorted[at - 1u] > (double)x[g->member[i]]; at--)
            sorted[at] = sorted[at - 1u];
        sorted[at] = (double)x[g->member[i]];
    }
    if (g->n == 2)
        return (sorted[1] - sorted[0]) / g->unit;
    middle = 0.5 * (sorted[(g->n - 1) / 2] + sorted[g->n / 2]);
    for (uint16_t i = 0; i < g->n; i++)
        worst = larger(worst, magnitude((double)x[g->member[i]] - middle));
    return worst / g->unit;
}

static double hear_parity(const durai_sheet *s, const durai_relations *k, size_t row, uint32_t level)
{
    const float *x = s->x + row * s->n, *before = x - s->n;
    const double *w = k->weight + (size_t)level * 2u * s->n;
    double sum = k->constant[level];
    for (uint32_t j = 0; j < s->n; j++)
        sum += w[j] * (double)x[j] + w[s->n + j] * (double)before[j];
    return ((double)x[s->level[level]] - sum) / k->sd[s->level[level]];
}

static double hear_joint(const durai_sheet *s, const durai_relations *k, size_t row)
{
    const float *x = s->x + row * s->n;
    double t2 = 0.0;
    for (uint32_t i = 0; i < k->n_joint; i++) {
        double y = 0.0;
        for (uint32_t j = 0; j <= i; j++)
            y += k->whiten[(size_t)i * k->n_joint + j] * ((double)x[s->level[j]] - k->mean[s->level[j]]);
        t2 += y * y;
    }
    return t2;
}

/* Farther from both the last value and the line through the last two, in steps. */
static double hear_jump(const durai_sheet *s, const durai_relations *k, size_t row, uint32_t of)
{
    double x = (double)s->x[row * s->n + of], last = (double)s->x[(row - 1) * s->n + of];
    double line = 2.0 * last - (double)s->x[(row - 2) * s->n + of];
    double a = magnitude(x - last), b = magnitude(x - line);
    return (a < b ? a : b) / k->step[of];
}

/* A level's share of a row; the row before is there. */
static double hear_level(int signal, const durai_sheet *s, const durai_relations *k, size_t row, uint32_t level)
{
    uint32_t of = s->level[level];
    const float *x = s->x + row * s->n + of;
    double step;
    switch (signal) {
    case DURAI_SIGNAL_PARITY:
        return hear_parity(s, k, row, level);
    case DURAI_SIGNAL_LEAN:
        return ((double)x[0] - k->mean[of]) / k->sd[of];
    case DURAI_SIGNAL_STEP:
        step = ((double)x[0] - (double)x[-(ptrdiff_t)s->n]) / k->step[of];
        return step * step;
    default:
        return s->follows[row - 1] ? hear_jump(s, k, row, of) : (double)DURAI_HOLE;
    }
}

static float hear(int signal, const durai_sheet *s, const durai_relations *k, const durai_group *group, size_t row,
                  uint32_t column)
{
    double y;
    if (signal == DURAI_SIGNAL_RULE)
        y = hear_rules(s, k, row);
    else if (signal == DURAI_SIGNAL_VOTE)
        y = hear_vote(s, &group[column], row);
    else if (signal == DURAI_SIGNAL_JOINT)
        y = hear_joint(s, k, row);
    else if (!s->follows[row] && signal != DURAI_SIGNAL_LEAN)
        y = (double)DURAI_HOLE;
    else
        y = hear_level(signal, s, k, row, column);
    return y > -1e30 && y < 1e30 ? (float)y : y > 0.0 ? 1e30f : DURAI_HOLE;
}

void durai_signal_hear(float *y, int signal, const durai_sheet *s, const durai_relations *k, const durai_group *group,
                       uint32_t n_groups, size_t from, size_t to)
{
    uint32_t columns = durai_signal_columns(signal, s, n_groups);
    for (uint32_t c = 0; c < columns; c++)
        for (size_t row = from; row < to; row++)
            y[(size_t)c * s->rows + row] = hear(signal, s, k, group, row, c);
}
