/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Evidence into weights, weights into a verdict.
 *
 * A row's weight is ten times the decimal logarithm of a likelihood ratio (decibans, as
 * Turing and Good counted evidence), an integer from one table. Rows of one kind are not
 * independent, so the sum does not treat them so: the row with the most records counts
 * whole, the second and third a quarter, more nothing; repetition adds one deciban per
 * doubling up to a quarter of the weight. All weights are computed anew from the rows when
 * one changes, so the order in which evidence came cannot matter.
 *
 * Unauthenticated rows count half and for ATTACK alone: whoever can send packets may cast
 * doubt, never explain anything away. The verdict without them is computed beside.
 */
#include "dura_correlate_priv.h"

/* Reasons and sources: docs/correlate.md, one line per row. FAULT, DRIFT, ATTACK, CHANGE. */
static const dura_weights weights[DURA_EV_END] = {
    {0, 0, 0, 0},       /* NONE */
    {16, -6, 2, 0},     /* FLAT */
    {14, 2, 2, 0},      /* RANGE */
    {14, -6, 4, 2},     /* RATE */
    {18, -8, 2, 2},     /* MISSING */
    {10, -4, 4, 0},     /* TIME */
    {4, 12, 1, 2},      /* DRIFT_SLOW */
    {6, -4, 6, 6},      /* DRIFT_SUDDEN */
    {10, 2, 2, 0},      /* DRIFT_SPREAD */
    {10, -4, 10, 0},    /* QUIET */
    {-4, 6, -2, 0},     /* MANY */
    {4, -4, 2, 0},      /* ISOLATED */
    {2, 4, 2, 2},       /* OUTPUT */
    {14, -4, 2, 4},     /* BACKEND */
    {-4, -4, 16, 0},    /* EVENT_ASSET */
    {0, 0, 6, 0},       /* EVENT_ZONE */
    {0, 0, 2, 0},       /* EVENT_ELSEWHERE */
    {0, 0, 3, 0},       /* RECON */
    {-2, -2, 8, 4},     /* CONFIG */
    {-2, -2, 10, 0},    /* ACCESS */
    {2, 0, 6, 4},       /* PHYSICAL */
    {-2, -2, -6, 14},   /* MAINTENANCE */
    {-4, -2, -4, 16},   /* CALIBRATION */
    {-4, -12, -4, 24},  /* UPDATE */
    {0, 0, 0, 2},       /* OPERATOR */
    {6, 0, 8, 0},       /* LOG */
    {2, 0, 3, 1},       /* CLOCK */
    {0, 0, -2, 0},      /* NETWORK_QUIET */
    {3, -4, 0, 0},      /* RECOVERED */
    {14, 0, 4, 2},      /* DISAGREES */
    {8, 2, 8, 2},       /* IMPLAUSIBLE */
    {6, 0, 6, 0},       /* MONITOR */
};

const dura_weights *dura_correlate_weights(void) { return weights; }

enum { ATTACK = DURA_CAUSE_ATTACK - DURA_CAUSE_FAULT };
enum {
    MANY_AT = 3,             /* channels from which it is said to propagate, or one is alone */
    RANKS = 3,               /* rows of one kind that count at all */
    QUARTER = 4              /* what the later ones count, and the most repetition adds */
};

static int trusted(const dura_evidence *e) { return e->trust != DURA_TRUST_NONE; }

/* ---- rows ---------------------------------------------------------------------------- */

static int same(const dura_evidence *a, const dura_evidence *b)
{
    return a->kind == b->kind && a->event == b->event && a->channel == b->channel && trusted(a) == trusted(b);
}

/* Row i; the one behind the last is the row in hand. */
static dura_evidence *row(dura_correlate *c, uint32_t i)
{
    DURA_ASSERT(i <= DURA_EVIDENCE_MAX);
    return i < DURA_EVIDENCE_MAX && i < c->incident.n_evidence ? &c->incident.evidence[i] : &c->spare;
}

/* How many rows of its kind and trust come before row i. */
static uint32_t rank(dura_correlate *c, uint32_t i, uint32_t n)
{
    const dura_evidence *e = row(c, i);
    uint32_t before = 0;
    for (uint32_t k = 0; k < n; k++) {
        const dura_evidence *o = row(c, k);
        if (k != i && o->kind == e->kind && trusted(o) == trusted(e))
            before += o->count > e->count || (o->count == e->count && k < i);
    }
    return before;
}

static int log2_of(uint32_t n)
{
    int bits = 0;
    for (; n > 1; n >>= 1)
        bits++;
    return bits;
}

static int size_of(int w) { return w < 0 ? -w : w; }

/* One deciban more per doubling, away from 0, up to a quarter of the weight. */
static int grown(int w, uint32_t count)
{
    int most = size_of(w) / QUARTER, more = log2_of(count);
    more = more < most ? more : most;
    return w < 0 ? w - more : w + more;
}

static void weigh_row(dura_correlate *c, uint32_t i, uint32_t n)
{
    dura_evidence *e = row(c, i);
    uint32_t r = rank(c, i, n);
    DURA_ASSERT(e->kind < DURA_EV_END && e->count > 0);
    const dura_weights *table = e->kind < DURA_EV_KINDS ? c->weight : weights;
    for (int k = 0; k < DURA_CAUSES; k++) {
        int w = table[e->kind][k];
        w = r == 0 ? grown(w, e->count) : r < RANKS ? w / QUARTER : 0;
        if (!trusted(e))
            w = k == ATTACK && w > 0 ? w / 2 : 0;
        e->weight[k] = (int16_t)w;
    }
}

static void weigh(dura_correlate *c, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++)
        weigh_row(c, i, n);
}

/* What a row is worth when there is no room: unauthenticated ones go first. */
enum { TRUSTED = 0x10000 };
static uint32_t strength(const dura_evidence *e)
{
    int sum = trusted(e) ? TRUSTED : 0;
    for (int k = 0; k < DURA_CAUSES; k++)
        sum += size_of(e->weight[k]);
    return (uint32_t)sum;
}

/* All rows are taken: the weakest makes room for a stronger one. The loss is said when it
 * was worth something. */
static void replace(dura_correlate *c)
{
    uint32_t weakest = 0;
    DURA_ASSERT(c->incident.n_evidence == DURA_EVIDENCE_MAX);
    weigh(c, DURA_EVIDENCE_MAX + 1);
    for (uint32_t i = 1; i <= DURA_EVIDENCE_MAX; i++)
        if (strength(row(c, i)) <= strength(row(c, weakest)))
            weakest = i;
    if (strength(row(c, weakest)) % TRUSTED)
        c->missing |= DURA_MISSING_WINDOW;
    if (weakest == DURA_EVIDENCE_MAX)
        return;
    memmove(row(c, weakest), row(c, weakest) + 1, (DURA_EVIDENCE_MAX - 1 - weakest) * sizeof c->spare);
    *row(c, DURA_EVIDENCE_MAX - 1) = c->spare;
}

/* The row in hand once more. 1 when that moves a weight: another doubling, or as many
 * records as another row of its kind. */
static int repeat(dura_correlate *c, dura_evidence *e)
{
    uint32_t before = e->count, more = c->spare.count;
    DURA_ASSERT(before > 0 && more > 0);
    e->count = before > UINT32_MAX - more ? UINT32_MAX : before + more;
    for (uint32_t i = 0; i < c->incident.n_evidence; i++) {
        const dura_evidence *o = row(c, i);
        if (o != e && o->kind == e->kind && o->count >= before && o->count <= e->count)
            return 1;
    }
    return log2_of(before) != log2_of(e->count);
}

int durai_correlate_row(dura_correlate *c)
{
    uint32_t n = c->incident.n_evidence;
    DURA_ASSERT(durai_incident_open(c) && n <= DURA_EVIDENCE_MAX);
    for (uint32_t i = 0; i < n; i++)
        if (same(row(c, i), &c->spare))
            return repeat(c, row(c, i));
    if (n == DURA_EVIDENCE_MAX) {
        replace(c);
        return 1;
    }
    c->incident.evidence[c->incident.n_evidence++] = c->spare;
    return 1;
}

/* ---- what follows from the rows -------------------------------------------------------- */

/* A row that follows from others is there exactly while its condition holds. */
static void derive(dura_correlate *c, uint8_t kind, int holds, const dura_ref *at)
{
    dura_incident *in = &c->incident;
    for (uint32_t i = 0; i < in->n_evidence; i++) {
        if (in->evidence[i].kind != kind)
            continue;
        if (!holds) {
            in->n_evidence--;
            memmove(&in->evidence[i], &in->evidence[i + 1], (in->n_evidence - i) * sizeof in->evidence[0]);
        }
        return;
    }
    if (!holds)
        return;
    memset(&c->spare, 0, sizeof c->spare);
    c->spare.gseq = at->gseq;
    memcpy(c->spare.leaf, at->leaf, sizeof at->leaf);
    c->spare.kind = kind;
    c->spare.log = at->log;
    c->spare.trust = kind == DURA_EV_NETWORK_QUIET ? DURA_TRUST_SOURCE : DURA_TRUST_LOCAL;
    c->spare.channel = DURA_NONE;
    c->spare.count = 1;
    (void)durai_correlate_row(c);
}

/* Does an authenticated event speak for an attack? */
static int network_speaks(const dura_correlate *c)
{
    for (uint32_t i = 0; i < c->incident.n_evidence; i++) {
        const dura_evidence *e = &c->incident.evidence[i];
        if (e->event != DURA_EVENT_OTHER && trusted(e) && c->weight[e->kind][ATTACK] > 0)
            return 1;
    }
    return 0;
}

static void derive_all(dura_correlate *c, const dura_ref *at)
{
    /* As of the last evidence that counts, not of now: an unauthenticated record must not
     * decide when the quiet is looked at again. */
    int live = (c->spoken & 2) && c->touched - c->heard_trusted <= c->heartbeat;
    derive(c, DURA_EV_MANY, c->involved >= MANY_AT, at);
    derive(c, DURA_EV_ISOLATED, c->involved == 1 && c->n_channels >= MANY_AT, at);
    derive(c, DURA_EV_NETWORK_QUIET, live && !network_speaks(c), at);
}

static void find_missing(dura_correlate *c)
{
    uint32_t m = c->missing, none = 0, sourced = 0;
    for (uint32_t i = 0; i < c->incident.n_evidence; i++) {
        const dura_evidence *e = &c->incident.evidence[i];
        none += e->event != DURA_EVENT_OTHER && e->trust == DURA_TRUST_NONE;
        sourced += e->event != DURA_EVENT_OTHER && e->trust == DURA_TRUST_SOURCE;
    }
    if (!c->spoken)
        m |= DURA_MISSING_SECURITY;
    else if (c->touched - c->heard > c->heartbeat)
        m |= DURA_MISSING_HEARTBEAT;
    if (none && !sourced)
        m |= DURA_MISSING_TRUST;
    if (!c->drift_watched)
        m |= DURA_MISSING_DRIFT;
    c->incident.missing = m;
}

/* ---- the verdict ------------------------------------------------------------------------ */

typedef struct verdict {
    uint8_t cause, lead;
    int16_t score, margin;
} verdict;

static verdict decide(const dura_correlate *c, const int16_t total[DURA_CAUSES])
{
    verdict v = {DURA_CAUSE_UNKNOWN, 0, 0, 0};
    int second = INT16_MIN;
    for (uint8_t k = 1; k < DURA_CAUSES; k++)
        if (total[k] > total[v.lead])
            v.lead = k;
    for (uint8_t k = 0; k < DURA_CAUSES; k++)
        if (k != v.lead && total[k] > second)
            second = total[k];
    v.score = total[v.lead];
    v.margin = (int16_t)(v.score - second);
    DURA_ASSERT(v.margin >= 0);
    if (v.score >= (int)c->score && v.margin >= (int)c->margin)
        v.cause = (uint8_t)(DURA_CAUSE_FAULT + v.lead);
    return v;
}

/* Sums over all rows, and over those that are not unauthenticated. */
static void sum_up(dura_correlate *c, int16_t firm[DURA_CAUSES])
{
    dura_incident *in = &c->incident;
    memset(in->total, 0, sizeof in->total);
    memset(firm, 0, DURA_CAUSES * sizeof firm[0]);
    for (uint32_t i = 0; i < in->n_evidence; i++) {
        const dura_evidence *e = &in->evidence[i];
        for (int k = 0; k < DURA_CAUSES; k++) {
            in->total[k] = (int16_t)(in->total[k] + e->weight[k]);
            if (trusted(e))
                firm[k] = (int16_t)(firm[k] + e->weight[k]);
        }
    }
}

int durai_correlate_settle(dura_correlate *c, const dura_ref *at)
{
    dura_incident *in = &c->incident;
    int16_t firm[DURA_CAUSES];
    uint8_t cause, flags;
    DURA_ASSERT(durai_incident_open(c));
    derive_all(c, at);
    weigh(c, in->n_evidence);
    sum_up(c, firm);
    verdict all = decide(c, in->total), sure = decide(c, firm);
    cause = all.cause;
    if (cause == DURA_CAUSE_ATTACK && sure.cause != DURA_CAUSE_ATTACK)
        cause = DURA_CAUSE_UNKNOWN; /* unauthenticated evidence never makes an attack */
    flags = all.cause != sure.cause || all.lead != sure.lead ? DURA_INCIDENT_UNTRUSTED : 0;
    in->score = all.score;
    in->margin = all.margin;
    find_missing(c);
    int changed = cause != in->cause || flags != in->flags || sure.cause != in->trusted;
    in->cause = cause;
    in->flags = flags;
    in->trusted = sure.cause;
    return changed ? 2 : 0;
}
