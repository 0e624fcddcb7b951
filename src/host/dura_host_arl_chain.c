/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dura_host_arl_chain.c - the integral equation of a run length, solved.
 *
 * The range of the statistic is cut into panels no wider than two steps, and where the cut
 * samples leave an edge; eight Gauss-Legendre nodes each. The density of the next state times
 * the weight of a node is a probability of going there, up to 1e-11 for a normal density; a
 * row is then scaled to the probability it must have, which is known from erfc. So nothing
 * leaks: what a leak of 1e-11 a sample would do to a run of 1e12 samples needs no words. Point
 * masses (of the floor, of what is cut) go to their place, shared by the two nodes around it.
 *
 * The run length of such a chain is found by eliminating states one after the other, each
 * divided by the probability of leaving it, which is a sum and not 1 - something: no figure
 * is lost however long the run (Grassmann, Taksar, Heyman, Oper. Res. 33, 1985). The same
 * elimination gives the share of time the chain spends in each state when it is restarted
 * after every alarm: the steady state.
 */
#include "dura_host_arl_priv.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define SQRT_HALF 0.70710678118654752440
enum { PANEL = 8 };
static const double nodes[PANEL] = {-0.9602898564975363, -0.7966664774136267, -0.5255324099163290, -0.1834346424956498,
                                    0.1834346424956498,  0.5255324099163290,  0.7966664774136267,  0.9602898564975363};
static const double weights[PANEL] = {0.1012285362903763, 0.2223810344533745, 0.3137066458778873, 0.3626837833783620,
                                      0.3626837833783620, 0.3137066458778873, 0.2223810344533745, 0.1012285362903763};

/* State 0 is the start, the others are nodes in ascending order. */
typedef struct grid {
    size_t n;
    double *at, *weight;
    double *go;                 /* n x n: probability of going from i to j */
    double *out, *cost;         /* of an alarm; samples spent per visit */
    double *leave;              /* probability of leaving for a lower state, while reduced */
    double *length, *share;
} grid;

/* P(z < x), and P(z > x): either without loss where it is small. */
static double below(double x, double mean, double spread) { return 0.5 * erfc((mean - x) / spread * SQRT_HALF); }

/* P(a < z < b). */
static double inside(double a, double b, double mean, double spread)
{
    if (!(a < b))
        return 0.0;
    return a > mean ? below(2.0 * mean - a, mean, spread) - below(2.0 * mean - b, mean, spread)
                    : below(b, mean, spread) - below(a, mean, spread);
}

static double above(double x, double mean, double spread) { return below(2.0 * mean - x, mean, spread); }

/* ---- nodes ------------------------------------------------------------------------------ */

/* Where the run length has a step or a bend: the ends, and the states from which a sample
 * that was cut just reaches an end. Ascending; their number. */
static size_t bends_of(const durai_arl_chain *c, double cut[4])
{
    double lo = c->both ? -c->limit : 0.0, reach = c->step * c->clip;
    double up = c->stay > 0.0 ? (c->limit - c->drift - reach) / c->stay : lo;
    double down = c->stay > 0.0 ? (lo - c->drift + reach) / c->stay : c->limit;
    double first = up < down ? up : down, second = up < down ? down : up;
    size_t n = 0;
    cut[n++] = lo;
    if (first > lo && first < c->limit)
        cut[n++] = first;
    if (second > lo && second < c->limit)
        cut[n++] = second;
    cut[n++] = c->limit;
    return n;
}

/* Edges of the panels, ascending; their number, `room` when there are too many. */
static size_t edges_of(const durai_arl_chain *c, double *edge, size_t room)
{
    double cut[4], step = c->step * (c->spread < 1.0 ? c->spread : 1.0);
    size_t cuts = bends_of(c, cut), n = 0, i, k;
    double widest = (cut[cuts - 1] - cut[0]) / step > 60.0 ? 3.0 * step : 2.0 * step;
    edge[n++] = cut[0];
    for (i = 1; i < cuts; i++) {
        double from = edge[n - 1], length = cut[i] - from;
        size_t parts = (size_t)ceil(length / widest < 1e6 ? length / widest : 1e6);
        if (length < 1e-9 * c->limit)
            continue;
        for (k = 1; k <= parts; k++) {
            if (n == room)
                return room;
            edge[n++] = from + length * (double)k / (double)parts;
        }
    }
    return n;
}

static int make_grid(grid *g, const durai_arl_chain *c)
{
    double edge[ARL_NODES_MOST / PANEL + 8];
    size_t room = sizeof edge / sizeof *edge, n, i, k;
    n = edges_of(c, edge, room);
    if (n == room)
        return DURA_ELIMIT;
    g->n = 1 + (n - 1) * PANEL;
    g->at = calloc(g->n * (g->n + 7), sizeof *g->at);
    if (!g->at)
        return DURA_ENOSPC;
    g->weight = g->at + g->n;
    g->out = g->weight + g->n;
    g->cost = g->out + g->n;
    g->leave = g->cost + g->n;
    g->length = g->leave + g->n;
    g->share = g->length + g->n;
    g->go = g->share + g->n;
    for (i = 0; i + 1 < n; i++)
        for (k = 0; k < PANEL; k++) {
            g->at[1 + i * PANEL + k] = 0.5 * (edge[i] + edge[i + 1]) + 0.5 * (edge[i + 1] - edge[i]) * nodes[k];
            g->weight[1 + i * PANEL + k] = 0.5 * (edge[i + 1] - edge[i]) * weights[k];
        }
    return DURA_OK;
}

/* ---- where a sample leads ---------------------------------------------------------------- */

/* A point mass at y, shared by the nodes around it. */
static void put(grid *g, double *row, double y, double mass)
{
    size_t lo = 1, hi = g->n - 1;
    double part;
    if (y <= g->at[lo] || y >= g->at[hi]) {
        row[y <= g->at[lo] ? lo : hi] += mass;
        return;
    }
    while (hi - lo > 1) {
        size_t mid = (lo + hi) / 2;
        *(g->at[mid] <= y ? &lo : &hi) = mid;
    }
    part = (y - g->at[lo]) / (g->at[hi] - g->at[lo]);
    row[lo] += mass * (1.0 - part);
    row[hi] += mass * part;
}

static void fill_row(grid *g, const durai_arl_chain *c, size_t i, double mean, double spread)
{
    double *row = g->go + i * g->n, from = c->stay * g->at[i] + c->drift, sum = 0.0, mass;
    double z_lo = ((c->both ? -c->limit : 0.0) - from) / c->step, z_hi = (c->limit - from) / c->step;
    size_t j;
    memset(row, 0, g->n * sizeof *row);
    for (j = 1; j < g->n; j++) {
        double z = (g->at[j] - from) / c->step, d = (z - mean) / spread;
        row[j] = z > -c->clip && z < c->clip ? g->weight[j] * exp(-0.5 * d * d) : 0.0;
        sum += row[j];
    }
    mass = inside(z_lo > -c->clip ? z_lo : -c->clip, z_hi < c->clip ? z_hi : c->clip, mean, spread);
    for (j = 1; j < g->n && sum > 0.0; j++)
        row[j] *= mass / sum;
    g->out[i] = 0.0;
    if (z_hi <= c->clip)
        g->out[i] += above(z_hi, mean, spread);
    else
        put(g, row, from + c->step * c->clip, above(c->clip, mean, spread));
    mass = below(z_lo > -c->clip ? z_lo : -c->clip, mean, spread);
    if (z_lo < -c->clip)
        put(g, row, from - c->step * c->clip, mass);
    else if (c->both)
        g->out[i] += mass;
    else
        row[0] += mass;
    g->cost[i] = 1.0;
}

/* ---- elimination -------------------------------------------------------------------------- */

/* States above 0 are taken out, the highest first; what is left says how long from 0. */
static void reduce(grid *g)
{
    size_t n = g->n, s, i, j;
    for (s = n - 1; s > 0; s--) {
        const double *row = g->go + s * n;
        double leave = g->out[s];
        for (j = 0; j < s; j++)
            leave += row[j];
        g->leave[s] = leave;
        for (i = 0; i < s; i++) {
            double *other = g->go + i * n, f = other[s] / leave;
            if (!(f > 0.0))
                continue;
            for (j = 0; j < s; j++)
                other[j] += f * row[j];
            g->out[i] += f * g->out[s];
            g->cost[i] += f * g->cost[s];
        }
    }
    g->length[0] = g->cost[0] / g->out[0];
}

/* Run lengths from the other states. */
static void lengths(grid *g)
{
    size_t s, j;
    for (s = 1; s < g->n; s++) {
        double sum = g->cost[s];
        for (j = 0; j < s; j++)
            sum += g->go[s * g->n + j] * g->length[j];
        g->length[s] = sum / g->leave[s];
    }
}

/* Shares of time when an alarm leads back to 0. */
static void shares(grid *g)
{
    double sum = 1.0;
    size_t s, i;
    g->share[0] = 1.0;
    for (s = 1; s < g->n; s++) {
        double x = 0.0;
        for (i = 0; i < s; i++)
            x += g->share[i] * g->go[i * g->n + s];
        g->share[s] = x / g->leave[s];
        sum += g->share[s];
    }
    for (s = 0; s < g->n; s++)
        g->share[s] /= sum;
}

static void fill(grid *g, const durai_arl_chain *c, double mean, double spread)
{
    size_t i;
    for (i = 0; i < g->n; i++)
        fill_row(g, c, i, mean, spread);
    reduce(g);
}

int durai_arl_solve(const durai_arl_chain *c, double *zero, double *steady)
{
    grid g = {0};
    int rc = make_grid(&g, c);
    size_t i;
    if (rc < 0)
        return rc;
    if (steady) {
        fill(&g, c, 0.0, 1.0);
        shares(&g);
    }
    fill(&g, c, c->mean, c->spread);
    *zero = g.length[0];
    if (steady) {
        lengths(&g);
        *steady = 0.0;
        for (i = 0; i < g.n; i++)
            *steady += g.share[i] * g.length[i];
    }
    free(g.at);
    return DURA_OK;
}
