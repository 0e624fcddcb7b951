/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is put into a recording, sample by sample.
 *
 * Sizes are in robust deviations of the channel's first half (dura_host_inject.c), so that
 * what the second half holds does not change them. What needs no policy is made by the
 * public injector. Bias, drift and the bounded attack are kept inside the SUSPECT limits of
 * the policy: the range check is not what they drill. A sample that is missing stays
 * missing, but for a replay, which brings the holes of the window it plays.
 *
 * Chance is SplitMix64 (Steele, Lea, Flood 2014) over seed, channel, kind and start, so an
 * entry comes out the same whichever others are drilled beside it.
 */
#include "dura_host_drill_priv.h"
#include "../base/dura_base_priv.h"

#include <math.h> /* fabs and INFINITY, which need no library */
#include <string.h>

enum { HISTORY = 64 };          /* frames an injector is shown before its fault: it wants 17 */
#define UNLIMITED 20.0          /* deviations a bounded attack goes where no range limits it */
#define CLOSE 0.999             /* an attacker stays this close to a limit */

/* The task in hand, over the frames first..first+n-1. */
typedef struct place {
    dura_drill *d;
    const drill_task *t;
    uint64_t first, n;
    uint64_t chance;
    double sign, by;            /* of the step, in the channel's unit */
    double lo, hi;              /* what the policy calls GOOD; infinite without a range check */
    double rate;                /* per second; infinite without a rate check */
} place;

uint64_t durai_drill_random(uint64_t seed, uint64_t a, uint64_t b, uint64_t c)
{
    uint64_t z = seed;
    const uint64_t in[3] = {a, b, c};
    for (int i = 0; i < 3; i++) {
        z += UINT64_C(0x9E3779B97F4A7C15) * (in[i] + 1u);
        z = (z ^ (z >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
        z = (z ^ (z >> 27)) * UINT64_C(0x94D049BB133111EB);
        z ^= z >> 31;
    }
    return z;
}

/* ---- the recording ---------------------------------------------------------------------- */

static double smaller(double a, double b) { return a < b ? a : b; }

static float value_at(const drill_data *r, uint64_t row, uint16_t c) { return r->value[row * r->n + c]; }

/* A number is there. */
static int there(const drill_data *r, uint64_t row, uint16_t c)
{
    return !r->missing[row * r->n + c] && durai_finite(value_at(r, row, c));
}

/* ---- kinds -------------------------------------------------------------------------------- */

/* Share of a ramp that has been climbed after frame k. */
static double climbed(const place *p, uint64_t k)
{
    uint64_t half = p->n / 2 ? p->n / 2 : 1;
    return k + 1 < half ? (double)(k + 1) / (double)half : 1.0;
}

/* The sample at k with the fault in it. */
static double changed(const place *p, uint64_t k, double x)
{
    double by = p->sign * p->by;
    switch (p->t->kind) {
    case DURA_DRILL_BIAS: return x + by;
    case DURA_DRILL_DRIFT: return x + by * climbed(p, k);
    case DURA_DRILL_SCALE: return x * p->t->size;
    default: return x;
    }
}

static void drop_out(const place *p)
{
    memset(p->d->missing, 1, (size_t)p->n);
    memset(p->d->value, 0, (size_t)p->n * sizeof *p->d->value);
}

static void change(const place *p)
{
    for (uint64_t k = 0; k < p->n; k++)
        if (!p->d->missing[k] && durai_finite(p->d->value[k]))
            p->d->value[k] = (float)changed(p, k, (double)p->d->value[k]);
}

/* ---- what the public injector makes -------------------------------------------------------- */

static uint8_t injected_kind(uint8_t kind)
{
    static const uint8_t same[DURA_DRILL_KINDS] = {
        [DURA_DRILL_STUCK] = DURA_INJECT_STUCK, [DURA_DRILL_SPIKE] = DURA_INJECT_SPIKE,
        [DURA_DRILL_NOISE] = DURA_INJECT_NOISE, [DURA_DRILL_ATTENUATED] = DURA_INJECT_ATTENUATED,
        [DURA_DRILL_NAN] = DURA_INJECT_NAN, [DURA_DRILL_INF] = DURA_INJECT_INF,
        [DURA_DRILL_SWAP] = DURA_INJECT_SWAP, [DURA_DRILL_UNIT] = DURA_INJECT_UNIT,
        [DURA_DRILL_SIGN] = DURA_INJECT_SIGN, [DURA_DRILL_SATURATED] = DURA_INJECT_SATURATED,
        [DURA_DRILL_TIME_REVERSED] = DURA_INJECT_TIME_REVERSED,
        [DURA_DRILL_TIME_DUPLICATE] = DURA_INJECT_TIME_DUPLICATE, [DURA_DRILL_TIME_GAP] = DURA_INJECT_TIME_GAP,
    };
    return same[kind];
}

/* The next channel behind this one that moves; DURA_NONE: there is none. */
static uint16_t neighbour(const dura_drill *d, uint16_t channel)
{
    for (uint16_t i = 1; i < d->data.n; i++) {
        uint16_t c = (uint16_t)((channel + i) % d->data.n);
        if (d->measure[c].deviation > 0.0)
            return c;
    }
    return DURA_NONE;
}

/* Frame by frame through the injector, from a little before the place on. DURA_OK, or why not. */
static int inject_frames(const place *p, dura_inject *x, uint64_t begin)
{
    dura_drill *d = p->d;
    const drill_data *r = &d->data;
    int rc = 0;
    for (uint64_t row = begin; rc >= 0 && row < p->first + p->n; row++) {
        uint64_t k = row < p->first ? 0 : row - p->first; /* what is before is written over */
        d->stamp[k] = r->time[row].mono_ns;
        memcpy(d->value + k * r->n, r->value + row * r->n, r->n * sizeof *d->value);
        memcpy(d->missing + k * r->n, r->missing + row * r->n, r->n);
        rc = dura_inject_next(x, &d->stamp[k], d->value + k * r->n, d->missing + k * r->n);
    }
    return rc < 0 ? rc : DURA_OK;
}

static int inject_by(const place *p, uint8_t kind)
{
    dura_drill *d = p->d;
    dura_inject_fault f = DURA_INJECT_FAULT_INIT;
    dura_inject *x;
    uint64_t begin = p->first > HISTORY ? p->first - HISTORY : 0;
    f.kind = kind;
    f.channel = p->t->channel;
    f.other = d->other;
    f.first = p->first - begin;
    f.length = p->n;
    f.size = p->t->size;
    int rc = dura_inject_open(&x, d->measure, d->data.n, &f, p->chance);
    if (rc == DURA_OK)
        rc = inject_frames(p, x, begin);
    dura_inject_close(x);
    return rc;
}

/* ---- replay -------------------------------------------------------------------------------- */

/* How well the values before row `row` fit those before the injection, in deviations. */
static double misfit(const place *p, uint64_t row, uint16_t from, uint16_t to)
{
    const drill_data *r = &p->d->data;
    double sum = 0.0;
    for (uint16_t c = from; c < to; c++) {
        double s = p->d->measure[c].deviation > 0.0 ? p->d->measure[c].deviation : 1.0;
        if (!there(r, row, c) || !there(r, p->first - 1, c))
            sum += there(r, row, c) == there(r, p->first - 1, c) ? 0.0 : 100.0;
        else
            sum += fabs((double)value_at(r, row, c) - (double)value_at(r, p->first - 1, c)) / s;
    }
    return sum;
}

/* The guard found fault with the row when it was new. */
static int was_bad(const place *p, uint64_t row, uint16_t from, uint16_t to)
{
    const uint8_t *verdict = p->d->control.verdict + row * p->d->data.n;
    for (uint16_t c = from; c < to; c++)
        if (verdict[c] > DURA_UNKNOWN)
            return 1;
    return 0;
}

/* The attacker takes the window that goes on best from what was there last, among those
 * with the fewest faults of their own: a careless one would be caught by the jump or by an
 * old fault, and teach nothing about replays. It lies wholly before the injection. */
static uint64_t best_window(const place *p, uint16_t from, uint16_t to)
{
    uint64_t best = 1, bad = 0, fewest = UINT64_MAX;
    double least = 0.0;
    for (uint64_t row = 1; row < p->n; row++)
        bad += (uint64_t)was_bad(p, row, from, to);
    for (uint64_t w = 1; w + p->n <= p->first; w++) {
        bad += (uint64_t)was_bad(p, w + p->n - 1, from, to);
        double m = misfit(p, w - 1, from, to);
        if (bad < fewest || (bad == fewest && m < least)) {
            fewest = bad;
            least = m;
            best = w;
        }
        bad -= (uint64_t)was_bad(p, w, from, to);
    }
    return best;
}

static void replay(const place *p)
{
    const drill_data *r = &p->d->data;
    int all = p->t->kind == DURA_DRILL_REPLAY_ALL;
    uint16_t from = all ? 0 : p->t->channel, to = all ? r->n : (uint16_t)(from + 1u), width = (uint16_t)(to - from);
    uint64_t w = best_window(p, from, to);
    for (uint64_t k = 0; k < p->n; k++) {
        memcpy(p->d->value + k * width, r->value + (w + k) * r->n + from, width * sizeof *r->value);
        memcpy(p->d->missing + k * width, r->missing + (w + k) * r->n + from, width);
    }
}

/* ---- the bounded attack ---------------------------------------------------------------------- */

/* How far a ramp in direction `sign` may go in the end without any sample breaking range or
 * rate. Samples that break them by themselves bind nobody. */
static double room(const place *p, double sign)
{
    const drill_data *r = &p->d->data;
    uint16_t c = p->t->channel;
    double edge = sign > 0.0 ? p->hi : -p->lo, least = UNLIMITED * p->d->measure[c].deviation;
    double gap = isinf(p->hi) || isinf(p->lo) ? 0.0 : (p->hi - p->lo) * (1.0 - CLOSE);
    if (!isinf(edge))
        least = INFINITY;
    for (uint64_t k = 0; k < p->n; k++) {
        uint64_t row = p->first + k;
        if (!there(r, row, c))
            continue;
        double x = sign * (double)value_at(r, row, c), left = edge - gap - x;
        if (left > 0.0)
            least = smaller(least, left * (double)p->n / (double)(k + 1));
        if (isinf(p->rate) || !there(r, row - 1, c))
            continue;
        double dt = (double)(r->time[row].mono_ns - r->time[row - 1].mono_ns) * 1e-9;
        double step = x - sign * (double)value_at(r, row - 1, c), spare = CLOSE * p->rate * dt - step;
        if (dt > 0.0 && spare > 0.0)
            least = smaller(least, spare * (double)p->n);
    }
    return isinf(least) ? 0.0 : least;
}

static void attack(const place *p)
{
    double up = room(p, 1.0), down = room(p, -1.0), sign = up >= down ? 1.0 : -1.0, far = sign > 0.0 ? up : down;
    double s = p->d->measure[p->t->channel].deviation;
    for (uint64_t k = 0; k < p->n; k++)
        if (!p->d->missing[k] && durai_finite(p->d->value[k])) {
            double by = sign * far * (double)(k + 1) / (double)p->n;
            p->d->value[k] = (float)((double)p->d->value[k] + by);
        }
    p->d->reached = s > 0.0 ? far / s : 0.0;
}

/* ---- the call ---------------------------------------------------------------------------------- */

static void read_limits(place *p)
{
    durai_policy_channel c;
    p->lo = -INFINITY;
    p->hi = p->rate = INFINITY;
    if (p->t->channel == DURA_NONE || durai_policy_get_channel(p->d->world.policy, p->t->channel, &c) != DURA_OK)
        return;
    if (c.checks & DURA_CHECK_RANGE) {
        p->lo = (double)c.suspect_lo;
        p->hi = (double)c.suspect_hi;
    }
    if (c.checks & DURA_CHECK_RATE)
        p->rate = (double)(c.rate_suspect > 0.0f ? c.rate_suspect : c.rate_fail);
}

/* How far all samples can be moved in direction `sign` inside the limits; those beyond them
 * by themselves bind nobody. */
static double headroom(const place *p, double sign)
{
    const drill_data *r = &p->d->data;
    uint16_t c = p->t->channel;
    double edge = sign > 0.0 ? p->hi : -p->lo, least = INFINITY;
    for (uint64_t k = 0; k < p->n; k++) {
        double left = there(r, p->first + k, c) ? edge - sign * (double)value_at(r, p->first + k, c) : INFINITY;
        if (left >= 0.0)
            least = smaller(least, left);
    }
    return least * CLOSE;
}

/* Up or down by chance; a step that must stay inside the limits goes where there is room,
 * and is made smaller rather than bent at the limit, which would look like a stuck value. */
static void choose_step(place *p)
{
    p->by = p->t->size * p->d->measure[p->t->channel].deviation;
    p->sign = p->chance & 1u ? 1.0 : -1.0;
    if (p->t->kind != DURA_DRILL_BIAS && p->t->kind != DURA_DRILL_DRIFT)
        return;
    double room_here = headroom(p, p->sign), room_there = headroom(p, -p->sign);
    if (room_here < p->by && room_there > room_here) {
        p->sign = -p->sign;
        room_here = room_there;
    }
    p->by = smaller(p->by, room_here);
}

/* At least half of the asked step is left. */
static int large_enough(const place *p)
{
    return (p->t->kind != DURA_DRILL_BIAS && p->t->kind != DURA_DRILL_DRIFT) ||
           p->by * 2.0 >= p->t->size * p->d->measure[p->t->channel].deviation;
}

/* The injection changes at least one sample. */
static int differs(const place *p)
{
    const drill_data *r = &p->d->data;
    uint16_t from = p->d->wide ? 0 : p->t->channel, width = p->d->wide ? r->n : 1;
    for (uint64_t k = 0; k < p->n; k++) {
        const float *x = r->value + (p->first + k) * r->n + from;
        const uint8_t *m = r->missing + (p->first + k) * r->n + from;
        if (memcmp(x, p->d->value + k * width, width * sizeof *x) != 0 ||
            memcmp(m, p->d->missing + k * width, width) != 0)
            return 1;
    }
    return p->d->timed;
}

/* Room and shape for the task in hand. */
static void prepare(place *p)
{
    dura_drill *d = p->d;
    const drill_data *r = &d->data;
    uint8_t kind = p->t->kind;
    d->reached = p->t->size;
    d->timed = kind == DURA_DRILL_TIME_REVERSED || kind == DURA_DRILL_TIME_DUPLICATE || kind == DURA_DRILL_TIME_GAP;
    d->wide = kind == DURA_DRILL_REPLAY_ALL || injected_kind(kind) != 0;
    d->other = kind == DURA_DRILL_SWAP ? neighbour(d, p->t->channel) : DURA_NONE;
    if (kind == DURA_DRILL_SPIKE)
        p->n = 1;
    for (uint64_t k = 0; k < p->n && !d->wide; k++) {
        d->value[k] = value_at(r, p->first + k, p->t->channel);
        d->missing[k] = r->missing[(p->first + k) * r->n + p->t->channel];
    }
}

uint64_t durai_drill_inject(dura_drill *d, const drill_task *t, uint32_t start)
{
    uint64_t chance = durai_drill_random(d->report.seed, t->channel, t->kind, start);
    place p = {d, t, d->report.start_row[start], d->report.length, chance, 1.0, 0.0, 0.0, 0.0, 0.0};
    uint8_t kind = injected_kind(t->kind);
    prepare(&p);
    read_limits(&p);
    if (t->channel != DURA_NONE)
        choose_step(&p);
    if (kind != 0)
        return inject_by(&p, kind) == DURA_OK && differs(&p) ? p.n : 0;
    switch (t->kind) {
    case DURA_DRILL_DROPOUT: drop_out(&p); break;
    case DURA_DRILL_REPLAY:
    case DURA_DRILL_REPLAY_ALL: replay(&p); break;
    case DURA_DRILL_BOUNDED: attack(&p); break;
    default: change(&p); break;
    }
    return differs(&p) && large_enough(&p) ? p.n : 0;
}
