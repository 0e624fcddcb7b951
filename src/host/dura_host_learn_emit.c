/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The checks that keep what the families promise, in the words of dura/sensor_checks.h.
 * All of them say SUSPECT, but votes, which must say FAIL: a value that stands out of its
 * relations is not proven wrong, and the relations of others may still count on it.
 */
#include "dura_host_learn_priv.h"

#include <float.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DEVIATIONS_MOST 8.0     /* an averaging check with a limit beyond this finds nothing */
#define NOISE_MOST 100.0        /* times the usual step, up or down: the same */
#define NOISE_LEAST 1.01        /* a machine's regular steps are no noise to be that exact about */
#define CHECKS_MOST 1024u       /* of a policy */
#define WEIGHT_LEAST 1e-15      /* of a term in deviations: smaller ones are 0 */
#define NUMBER_LEAST 1e-18      /* that a sensor multiplies with */
#define ROUNDING 1e-6           /* some ulps of the terms of a sum: no limit is inside that */
#define VOTE_LEAST 1e-4         /* of a deviation, where twins never differed at all */

/* ---- the list --------------------------------------------------------------------------- */

static durai_learned_check *add(durai_checks *c, int family, uint8_t kind, uint32_t n_terms, size_t bytes)
{
    if (c->n == c->room) {
        uint32_t room = 2u * c->room + 64u;
        durai_learned_check *more = realloc(c->check, room * sizeof *more);
        if (!more)
            return NULL;
        c->check = more;
        c->room = room;
    }
    durai_learned_check *k = &c->check[c->n];
    memset(k, 0, sizeof *k);
    k->family = family;
    k->c.struct_size = (uint32_t)sizeof k->c;
    k->c.kind = kind;
    k->c.n_terms = n_terms;
    k->terms = bytes ? calloc(1, bytes) : NULL;
    k->c.terms = k->terms;
    if (bytes && !k->terms)
        return NULL;
    c->n++;
    c->family[family].checks++;
    return k;
}

static double larger(double a, double b) { return a > b ? a : b; }
static double magnitude(double x) { return x < 0.0 ? -x : x; }

static void put_float(uint8_t *p, double v)
{
    uint32_t u = durai_f32_bits(magnitude(v) > NUMBER_LEAST ? (float)v : 0.0f);
    for (int i = 0; i < 4; i++)
        p[i] = (uint8_t)(u >> 8 * i);
}

static void put_term(uint8_t *terms, size_t i, uint16_t channel, uint16_t back, double v)
{
    uint8_t *p = terms + DURA_CK_TERM_BYTES * i;
    p[0] = (uint8_t)channel;
    p[1] = (uint8_t)(channel >> 8);
    p[2] = (uint8_t)back;
    put_float(p + 4, v);
}

/* "learned from 8761 rows in 365 days; 4.2 deviations; promised 0.08, held-out blocks 0 (0 to
 * 0.3) in 30 days" */
static void explain(durai_learned_check *k, const durai_checks *c, double days, const char *margin)
{
    const durai_family *f = &c->family[k->family];
    double per = days > 0.0 ? 30.0 / days : 0.0;
    snprintf(k->why, sizeof k->why,
             "%s: learned from %zu rows in %.3g days; limit %s; all of them promised %.3g trips in 30 days, held-out "
             "blocks had %.3g (95 %%: %.3g to %.3g)", durai_family_name(k->family), c->sheet.rows, days, margin, f->share,
             (double)f->trips * per, f->least * per, f->most * per);
}

static int is_kept(const durai_checks *c, int family) { return c->family[family].refused == DURA_LEARN_FAMILY_KEPT; }

/* ---- families ------------------------------------------------------------------------------- */

static int emit_rules(durai_checks *c, double days)
{
    const durai_family *f = &c->family[DURAI_RULE];
    char margin[64];
    for (uint32_t i = 0; i < c->k.n_rules; i++) {
        const durai_rule *u = &c->k.rule[i];
        double room = f->limit * c->k.span[u->of];
        if (c->n == CHECKS_MOST) {
            c->rules_dropped = c->k.n_rules - i;
            return DURA_OK;
        }
        durai_learned_check *k = add(c, DURAI_RULE, DURA_CK_RULE, 0, 0);
        if (!k)
            return DURA_ENOSPC;
        k->c.level = DURA_SUSPECT;
        k->c.channel = c->sheet.channel[u->of];
        k->c.other = c->sheet.channel[u->other];
        k->c.if_lo = k->c.if_hi = u->v;
        k->c.lo = u->lo > -DBL_MAX ? (float)(u->lo - room) : -FLT_MAX;
        k->c.hi = u->hi < DBL_MAX ? (float)(u->hi + room) : FLT_MAX;
        snprintf(margin, sizeof margin, "%.3g of its span beyond %zu rows of the state", f->limit, u->rows);
        explain(k, c, days, margin);
    }
    return DURA_OK;
}

static int emit_votes(durai_checks *c, double days)
{
    const durai_family *f = &c->family[DURAI_VOTE];
    char margin[64];
    for (uint32_t i = 0; i < c->n_groups; i++) {
        const durai_group *g = &c->group[i];
        if (f->window[i] == 0)
            continue;
        durai_learned_check *k = add(c, DURAI_VOTE, DURA_CK_VOTE, g->n, DURA_CK_TERM_BYTES * (size_t)g->n);
        if (!k)
            return DURA_ENOSPC;
        for (uint16_t m = 0; m < g->n; m++)
            put_term(k->terms, m, c->sheet.channel[g->member[m]], 0, 0.0);
        k->c.fail = (float)(larger(f->limit * f->scale[i] * f->first[i], VOTE_LEAST) * g->unit);
        snprintf(margin, sizeof margin, "%.3g of its deviations", f->limit);
        explain(k, c, days, margin);
    }
    return DURA_OK;
}

/* Terms of one row; those that weigh nothing are left out. *size: what is summed up. */
static uint32_t write_row(const durai_checks *c, uint32_t level, uint8_t *terms, double *size)
{
    const durai_sheet *s = &c->sheet;
    const double *w = c->k.weight + (size_t)level * 2u * s->n;
    double sd = c->k.sd[s->level[level]];
    uint32_t n = 0;
    *size = magnitude(c->k.constant[level]) + magnitude(c->k.mean[s->level[level]]);
    for (uint32_t j = 0; j < 2u * s->n; j++) {
        double z = w[j] * c->k.sd[j % s->n] / sd;
        if (magnitude(z) > WEIGHT_LEAST)
            put_term(terms, n++, s->channel[j % s->n], j >= s->n, w[j]);
        *size += magnitude(w[j] * c->k.mean[j % s->n]);
    }
    return n;
}

static int emit_row(durai_checks *c, int family, uint32_t i, double days)
{
    const durai_family *f = &c->family[family];
    double limit = f->limit * f->scale[i], size;
    char margin[64];
    if (f->window[i] == 0 || (f->window[i] > 1 && limit > DEVIATIONS_MOST) || c->n >= CHECKS_MOST)
        return DURA_OK;
    durai_learned_check *k = add(c, family, DURA_CK_PARITY, 0, DURA_CK_TERM_BYTES * 2u * (size_t)c->sheet.n);
    if (!k)
        return DURA_ENOSPC;
    k->c.n_terms = write_row(c, i, k->terms, &size);
    k->c.channel = c->sheet.channel[c->sheet.level[i]];
    k->c.window = f->window[i] > 1 ? f->window[i] : 0;
    k->c.mean = (float)c->k.constant[i];
    k->c.scale = (float)(f->first[i] * c->k.sd[c->sheet.level[i]]);
    k->c.suspect = (float)larger(limit, ROUNDING * size / (double)k->c.scale);
    snprintf(margin, sizeof margin, "%.3g deviations of its residual", limit);
    explain(k, c, days, margin);
    return DURA_OK;
}

/* Both rows of a channel side by side: in the packed policy they then share their terms. */
static int emit_rows(durai_checks *c, double days)
{
    int rc = DURA_OK;
    for (uint32_t i = 0; rc == DURA_OK && i < c->sheet.n_level; i++) {
        if (is_kept(c, DURAI_PARITY))
            rc = emit_row(c, DURAI_PARITY, i, days);
        if (rc == DURA_OK && is_kept(c, DURAI_PARITY_SLOW))
            rc = emit_row(c, DURAI_PARITY_SLOW, i, days);
    }
    return rc;
}

/* Backwards, so that the lower factor is the upper one that the sensor wants. */
static int emit_joint(durai_checks *c, int family, double days)
{
    const durai_family *f = &c->family[family];
    uint32_t n = c->k.n_joint;
    size_t cells = (size_t)n * (n + 1u) / 2u;
    char margin[64];
    durai_learned_check *k = add(c, family, DURA_CK_JOINT, n, DURA_CK_TERM_BYTES * (size_t)n + 4u * cells);
    if (!k)
        return DURA_ENOSPC;
    uint8_t *p = k->terms + DURA_CK_TERM_BYTES * (size_t)n;
    for (uint32_t i = 0; i < n; i++) {
        uint32_t of = c->sheet.level[n - 1u - i];
        put_term(k->terms, i, c->sheet.channel[of], 0, c->k.mean[of]);
        for (uint32_t j = i; j < n; j++, p += 4)
            put_float(p, c->k.whiten[(size_t)(n - 1u - i) * n + (n - 1u - j)]);
    }
    k->c.window2 = f->window[0] > 1 ? f->window[0] : 0;
    k->c.suspect = (float)f->limit;
    snprintf(margin, sizeof margin, "T2 %.4g of %u channels", f->limit, n);
    explain(k, c, days, margin);
    return DURA_OK;
}

/* ---- checks of one channel ---------------------------------------------------------------------- */

static int emit_drift(durai_checks *c, double days)
{
    const durai_family *f = &c->family[DURAI_DRIFT];
    char margin[64];
    for (uint32_t i = 0; i < c->sheet.n_level; i++) {
        uint32_t of = c->sheet.level[i];
        double limit = f->limit * f->scale[i];
        if (f->window[i] == 0 || limit > DEVIATIONS_MOST)
            continue;
        durai_learned_check *k = add(c, DURAI_DRIFT, DURA_CK_DRIFT, 0, 0);
        if (!k)
            return DURA_ENOSPC;
        k->c.channel = c->sheet.channel[of];
        k->c.window = f->window[i];
        k->c.mean = (float)c->k.mean[of];
        k->c.scale = (float)(f->first[i] * c->k.sd[of]);
        k->c.suspect = (float)larger(limit, ROUNDING * magnitude(c->k.mean[of]) / (double)k->c.scale);
        snprintf(margin, sizeof margin, "%.3g deviations of its mean", limit);
        explain(k, c, days, margin);
    }
    return DURA_OK;
}

static int emit_noise(durai_checks *c, double days)
{
    const durai_family *f = &c->family[DURAI_NOISE];
    char margin[64];
    for (uint32_t i = 0; i < c->sheet.n_level; i++) {
        uint32_t of = c->sheet.level[i];
        double times = larger(durai_learn_exp(0.5 * f->limit * f->scale[i]), NOISE_LEAST);   /* of the square's logarithm */
        if (f->window[i] == 0 || times > NOISE_MOST)
            continue;
        durai_learned_check *k = add(c, DURAI_NOISE, DURA_CK_NOISE, 0, 0);
        if (!k)
            return DURA_ENOSPC;
        k->c.channel = c->sheet.channel[of];
        k->c.window = f->window[i];
        k->c.lo = (float)(c->k.step[of] / times);
        k->c.hi = (float)(c->k.step[of] * times);
        snprintf(margin, sizeof margin, "%.3g times its usual step, up or down", times);
        explain(k, c, days, margin);
    }
    return DURA_OK;
}

static int emit_spikes(durai_checks *c, double days)
{
    const durai_family *f = &c->family[DURAI_SPIKE];
    char margin[64];
    for (uint32_t i = 0; i < c->sheet.n_level; i++) {
        double limit = f->limit * f->scale[i] * f->first[i];
        if (f->window[i] == 0)
            continue;
        durai_learned_check *k = add(c, DURAI_SPIKE, DURA_CK_SPIKE, 0, 0);
        if (!k)
            return DURA_ENOSPC;
        k->c.channel = c->sheet.channel[c->sheet.level[i]];
        k->c.fail = (float)(limit * c->k.step[c->sheet.level[i]]);
        snprintf(margin, sizeof margin, "%.3g times its usual step", limit);
        explain(k, c, days, margin);
    }
    return DURA_OK;
}

/* No check of its own: the SUSPECT limits of the channel. */
static void emit_ranges(durai_checks *c)
{
    durai_family *f = &c->family[DURAI_RANGE];
    for (uint32_t i = 0; i < c->sheet.n_level; i++) {
        uint32_t of = c->sheet.level[i], channel = c->sheet.channel[of];
        double away = f->limit * f->scale[i] * f->first[i] * c->k.sd[of];
        if (f->window[i] == 0)
            continue;
        away = larger(away, ROUNDING * magnitude(c->k.mean[of]));
        c->suspect_lo[channel] = c->k.mean[of] - away;
        c->suspect_hi[channel] = c->k.mean[of] + away;
        f->checks++;
    }
}

/* ---- all ------------------------------------------------------------------------------------------- */

/* Rules last: there may be more of them than a policy has room for. */
static int emit_all(durai_checks *c, double days)
{
    int rc = is_kept(c, DURAI_VOTE) ? emit_votes(c, days) : DURA_OK;
    if (rc == DURA_OK)
        rc = emit_rows(c, days);
    if (rc == DURA_OK && is_kept(c, DURAI_JOINT))
        rc = emit_joint(c, DURAI_JOINT, days);
    if (rc == DURA_OK && is_kept(c, DURAI_JOINT_SLOW))
        rc = emit_joint(c, DURAI_JOINT_SLOW, days);
    if (rc == DURA_OK && is_kept(c, DURAI_DRIFT))
        rc = emit_drift(c, days);
    if (rc == DURA_OK && is_kept(c, DURAI_NOISE))
        rc = emit_noise(c, days);
    if (rc == DURA_OK && is_kept(c, DURAI_SPIKE))
        rc = emit_spikes(c, days);
    if (is_kept(c, DURAI_RANGE))
        emit_ranges(c);
    return rc == DURA_OK && is_kept(c, DURAI_RULE) ? emit_rules(c, days) : rc;
}

int durai_checks_emit(durai_checks *c, const durai_recording *r, double days)
{
    c->suspect_lo = malloc(r->n * sizeof *c->suspect_lo);
    c->suspect_hi = malloc(r->n * sizeof *c->suspect_hi);
    if (!c->suspect_lo || !c->suspect_hi)
        return DURA_ENOSPC;
    for (uint32_t i = 0; i < r->n; i++) {
        c->suspect_lo[i] = 1.0;
        c->suspect_hi[i] = 0.0;
    }
    int rc = emit_all(c, days);
    return rc == DURA_OK ? durai_checks_admit(c, r) : rc;
}
