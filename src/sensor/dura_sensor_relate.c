/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dura_sensor_relate.c - votes, rules, parity rows and the joint distance.
 *
 * Each relation looks at what is usable of a frame by its turn and says of which channel
 * it has doubts. A relation whose channels are not all usable says nothing: what is absent
 * or failed has been told already, and must not be told again as somebody else's fault.
 *
 * Analytical redundancy: Gertler, "Fault Detection and Diagnosis in Engineering Systems",
 * 1998. T2 with the whitening of the reference, EWMA form: Lowry et al., "A Multivariate
 * EWMA Control Chart", Technometrics 34(1), 1992.
 */
#include "dura_sensor_checks_priv.h"

#define CELL DURA_CK_TERM_BYTES

/* ---- terms ------------------------------------------------------------------------- */

static const uint8_t *term_at(const dura_sensor_check *c, size_t i)
{
    return (const uint8_t *)c->terms + CELL * i;
}
static uint16_t term_channel(const dura_sensor_check *c, size_t i)
{
    DURA_ASSERT(i < c->n_terms);
    return durai_le16(term_at(c, i));
}
static uint16_t term_back(const dura_sensor_check *c, size_t i)
{
    return durai_le16(term_at(c, i) + 2);
}
static float term_weight(const dura_sensor_check *c, size_t i)
{
    return durai_f32(durai_le32(term_at(c, i) + 4));
}
/* Row i, column j >= i of the upper triangle behind JOINT's terms; rows follow each other. */
static const uint8_t *triangle(const dura_sensor_check *c)
{
    return term_at(c, c->n_terms);
}

/* ---- what a check may be ------------------------------------------------------------- */

/* 0, or a magnitude that products can carry. */
static int is_weight(float w)
{
    uint32_t u = durai_f32_bits(w) & 0x7FFFFFFFu;
    return u == 0 || (u >= durai_f32_bits(SMALL) && u <= durai_f32_bits(LARGE));
}
static int is_limit(float x)     /* > 0 */
{
    return durai_finite(x) && x >= SMALL && x <= LARGE;
}
static int is_limit_or_none(float x)
{
    return durai_f32_bits(x) << 1 == 0 || is_limit(x);
}
static int is_range(float lo, float hi)
{
    return durai_finite(lo) && durai_finite(hi) && lo <= hi;
}
static int is_channel(const dura_sensor *s, uint16_t channel)
{
    return channel < s->n && s->block[channel / LANES].what[channel % LANES] != 0;
}

static int triangle_is_sound(const dura_sensor_check *c)
{
    size_t cells = (size_t)c->n_terms * (c->n_terms + 1u) / 2u;
    for (size_t i = 0; i < cells; i++)
        if (!is_weight(durai_f32(durai_le32(triangle(c) + 4u * i))))
            return 0;
    return 1;
}

static int terms_are_sound(const dura_sensor *s, const dura_sensor_check *c, uint32_t least, uint32_t most)
{
    if (!c->terms || ((uintptr_t)c->terms & 3u) != 0 || c->n_terms < least || c->n_terms > most)
        return 0;
    for (uint32_t i = 0; i < c->n_terms; i++) {
        int parity = c->kind == DURA_CK_PARITY;
        if (!is_channel(s, term_channel(c, i)) || term_back(c, i) > (parity ? 1u : 0u))
            return 0;
        if (parity ? !is_weight(term_weight(c, i)) : !durai_finite(term_weight(c, i)))
            return 0;
        if (parity && term_channel(c, i) == c->channel && term_back(c, i) == 0)
            return 0;
        for (uint32_t j = 0; !parity && j < i; j++)
            if (term_channel(c, i) == term_channel(c, j))
                return 0;
    }
    return c->kind != DURA_CK_JOINT || triangle_is_sound(c);
}

static int rule_is_sound(const dura_sensor *s, const dura_sensor_check *c)
{
    return is_channel(s, c->channel) && is_channel(s, c->other) && c->n_terms == 0 && c->flags == 0 &&
           (c->level == DURA_SUSPECT || c->level == DURA_FAIL) && is_range(c->lo, c->hi) &&
           is_range(c->if_lo, c->if_hi) &&
           (c->kind != DURA_CK_TRANSITION || (is_range(c->from_lo, c->from_hi) && c->window <= 1));
}

static int levels_are_sound(const dura_sensor_check *c)
{
    return is_limit_or_none(c->suspect) && is_limit_or_none(c->fail) && (c->suspect > 0.0f || c->fail > 0.0f) &&
           (!(c->suspect > 0.0f) || !(c->fail > 0.0f) || c->suspect <= c->fail);
}

static int shape_is_sound(const dura_sensor *s, const dura_sensor_check *c)
{
    if (!is_channel(s, c->channel) || c->n_terms != 0 || c->flags != 0)
        return 0;
    if (c->kind == DURA_CK_SPIKE)
        return levels_are_sound(c) || (is_limit(c->suspect) && is_limit(c->fail));
    if (c->kind == DURA_CK_NOISE)
        return is_limit_or_none(c->lo) && is_limit_or_none(c->hi) && (c->lo > 0.0f || c->hi > 0.0f) &&
               (!(c->hi > 0.0f) || c->lo < c->hi);
    return durai_finite(c->mean) && is_limit(c->scale) && is_limit(c->suspect);
}

int durai_relation_sound(const dura_sensor *s, const dura_sensor_check *c)
{
    switch (c->kind) {
    case DURA_CK_VOTE:
        return levels_are_sound(c) && c->fail > 0.0f && terms_are_sound(s, c, 2, DURA_CK_VOTE_MAX);
    case DURA_CK_RULE:
    case DURA_CK_FORBID:
    case DURA_CK_TRANSITION:
        return rule_is_sound(s, c);
    case DURA_CK_PARITY:
        return levels_are_sound(c) && is_channel(s, c->channel) && durai_finite(c->mean) && is_limit(c->scale) &&
               terms_are_sound(s, c, 1, DURA_CK_TERMS_MAX);
    case DURA_CK_JOINT:
        return is_limit(c->suspect) && c->flags == 0 && terms_are_sound(s, c, 1, DURA_CK_JOINT_MAX);
    default:
        return shape_is_sound(s, c);
    }
}

/* ---- one relation -------------------------------------------------------------------- */

void durai_relations_forget(checks *k)
{
    for (size_t i = 0; i < k->n_relations; i++) {
        k->relation[i].mean = 0.0f;
        k->relation[i].run = k->relation[i].set = 0;
    }
    for (size_t i = 0; i < k->n_joint; i++)
        k->joint[i] = 0.0f;
}

/* A value a relation may count on: the channel's own, or one a vote put there. */
static int counts(const sensor_frame *f, size_t channel)
{
    return durai_checks_usable(f, channel) || (durai_sensor_reasons(f->s)[channel] & DURA_R_ESTIMATED);
}

static int within(float x, float lo, float hi)
{
    return x >= lo && x <= hi;
}

/* Say it of the channel at once, so that later relations see it. */
static int blame(checks *k, sensor_frame *f, size_t channel, uint32_t reason)
{
    DURA_ASSERT(channel < k->n && f->good);
    durai_sensor_convict(f, channel, reason, k->kept[channel].cell, k->kept[channel].ns);
    return 1;
}

/* A failed or missing channel that may be held gets a better value than a held one. */
static int estimate(checks *k, sensor_frame *f, size_t channel, float value)
{
    const sensor_block *b = &f->s->block[channel / LANES];
    if (durai_checks_usable(f, channel) || !durai_finite(value) || !durai_sensor_may_hold(b, channel % LANES, f))
        return 0;
    durai_sensor_reasons(f->s)[channel] |= (uint32_t)DURA_R_SUBSTITUTED | (uint32_t)DURA_R_ESTIMATED;
    k->base.now[channel] = value;
    return 1;
}

/* What the channel shows now, or showed in the frame before. */
static float value_of(const checks *k, size_t channel)
{
    return durai_checks_settle(k->base.now[channel]);
}
static float former_of(const checks *k, size_t channel)
{
    return durai_checks_settle(k->former[channel]);
}

/* Another frame in which it holds, up to where it counts. */
static int goes_on(relation *r, int holds)
{
    if (!holds) {
        r->run = 0;
        return 0;
    }
    DURA_ASSERT(r->c.kind > DURA_CK_DRIFT);
    if (r->run < UINT16_MAX)
        r->run++;
    return r->run >= r->c.window;
}

/* ---- votes --------------------------------------------------------------------------- */

/* Values of the members that count, in order; their number. */
static size_t sort_members(const checks *k, const sensor_frame *f, const dura_sensor_check *c, float *sorted)
{
    size_t n = 0;
    for (size_t i = 0; i < c->n_terms; i++) {
        uint16_t channel = term_channel(c, i);
        float x = value_of(k, channel);
        size_t at = n;
        if (!durai_checks_usable(f, channel))
            continue;
        for (; at > 0 && sorted[at - 1u] > x; at--)
            sorted[at] = sorted[at - 1u];
        sorted[at] = x;
        n++;
    }
    DURA_ASSERT(n <= DURA_CK_VOTE_MAX);
    return n;
}

/* Members farther than the least limit from the middle. Two members stand out together. */
static uint32_t outstanding(const checks *k, const sensor_frame *f, const dura_sensor_check *c, float middle,
                            float limit)
{
    uint32_t set = 0;
    for (size_t i = 0; i < c->n_terms; i++) {
        uint16_t channel = term_channel(c, i);
        if (durai_checks_usable(f, channel) && durai_checks_magnitude(value_of(k, channel) - middle) > limit)
            set |= (uint32_t)1 << i;
    }
    return set;
}

static int blame_members(checks *k, sensor_frame *f, const relation *r, uint32_t fail, uint32_t suspect)
{
    for (size_t i = 0; i < r->c.n_terms; i++) {
        if (fail >> i & 1u)
            (void)blame(k, f, term_channel(&r->c, i), DURA_R_VOTE_FAIL);
        else if (suspect >> i & 1u)
            (void)blame(k, f, term_channel(&r->c, i), DURA_R_VOTE_SUSPECT);
    }
    return (fail | suspect) != 0;
}

static int judge_vote(checks *k, sensor_frame *f, relation *r)
{
    float sorted[DURA_CK_VOTE_MAX], middle, scale;
    const dura_sensor_check *c = &r->c;
    uint32_t fail, set;
    int said = 0;
    size_t n = sort_members(k, f, c, sorted);
    if (n < 2) {
        r->run = 0;
        return 0;
    }
    middle = durai_checks_settle(0.5f * sorted[(n - 1u) / 2u] + 0.5f * sorted[n / 2u]);
    scale = n == 2 ? 0.5f : 1.0f; /* of two each is half their distance from the middle */
    fail = outstanding(k, f, c, middle, scale * c->fail);
    set = outstanding(k, f, c, middle, scale * (c->suspect > 0.0f ? c->suspect : c->fail));
    if (set != r->set)
        r->run = 0;
    r->set = (uint16_t)set;
    if (goes_on(r, set != 0))
        said = blame_members(k, f, r, fail, set & ~fail);
    for (size_t i = 0; (c->flags & DURA_CK_ESTIMATES) && n > 2 && i < c->n_terms; i++)
        said |= estimate(k, f, term_channel(c, i), middle);
    return said;
}

/* ---- rules --------------------------------------------------------------------------- */

static int judge_rule(checks *k, sensor_frame *f, relation *r)
{
    const dura_sensor_check *c = &r->c;
    float x = value_of(k, c->channel), state = value_of(k, c->other);
    int holds, bad = c->level == DURA_FAIL;
    if (!durai_checks_usable(f, c->channel) || !counts(f, c->other)) {
        r->run = 0;
        return 0;
    }
    holds = within(x, c->lo, c->hi);
    if (c->kind == DURA_CK_TRANSITION)
        holds = holds && k->has_former && within(former_of(k, c->channel), c->from_lo, c->from_hi) &&
                !within(x, c->from_lo, c->from_hi) && !within(state, c->if_lo, c->if_hi);
    else
        holds = within(state, c->if_lo, c->if_hi) && (c->kind == DURA_CK_FORBID ? holds : !holds);
    if (!goes_on(r, holds))
        return 0;
    return blame(k, f, c->channel, bad ? (uint32_t)DURA_R_CONTEXT_FAIL : (uint32_t)DURA_R_CONTEXT_SUSPECT);
}

/* ---- parity rows ----------------------------------------------------------------------- */

/* The weighted sum; 0 when a term is not there to be counted on. */
static int sum_terms(const checks *k, const sensor_frame *f, const dura_sensor_check *c, float *sum)
{
    float total = c->mean;
    for (size_t i = 0; i < c->n_terms; i++) {
        uint16_t channel = term_channel(c, i);
        uint16_t back = term_back(c, i);
        if (back ? !k->has_former : !counts(f, channel))
            return 0;
        total += term_weight(c, i) * (back ? former_of(k, channel) : value_of(k, channel));
    }
    *sum = durai_checks_settle(total);
    return durai_finite(total);
}

static float largest_limit(const dura_sensor_check *c)
{
    return c->fail > 0.0f ? c->fail : c->suspect;
}

/* Move the row's mean, and say which limit it is beyond. */
static uint32_t doubt(relation *r, float residual)
{
    const dura_sensor_check *c = &r->c;
    float z = durai_checks_settle(durai_checks_settle(residual) * r->per_scale), away;
    z = durai_checks_clamp(z, CLAMP * largest_limit(c));
    r->mean = durai_checks_settle(r->mean + r->weight * (z - r->mean));
    DURA_ASSERT(durai_finite(r->mean));
    away = durai_checks_magnitude(r->mean);
    if (c->fail > 0.0f && away > c->fail)
        return DURA_R_PARITY_FAIL;
    return c->suspect > 0.0f && away > c->suspect ? (uint32_t)DURA_R_PARITY_SUSPECT : 0u;
}

static int judge_parity(checks *k, sensor_frame *f, relation *r)
{
    const dura_sensor_check *c = &r->c;
    uint32_t found;
    float sum;
    int said = 0;
    if (!sum_terms(k, f, c, &sum))
        return 0;
    if (durai_checks_usable(f, c->channel)) {
        found = doubt(r, k->base.now[c->channel] - sum);
        said = found != 0 && blame(k, f, c->channel, found);
    }
    if (c->flags & DURA_CK_ESTIMATES)
        said |= estimate(k, f, c->channel, sum);
    return said;
}

/* ---- the joint distance ------------------------------------------------------------------ */

static int take_deviations(const checks *k, const sensor_frame *f, const relation *r)
{
    const dura_sensor_check *c = &r->c;
    for (size_t i = 0; i < c->n_terms; i++) {
        if (!counts(f, term_channel(c, i)))
            return 0;
        k->scratch[i] = durai_checks_settle(k->base.now[term_channel(c, i)] - term_weight(c, i));
    }
    return 1;
}

/* scratch = W z; its square is T2. */
static float whiten(const checks *k, const relation *r)
{
    const uint8_t *cell = triangle(&r->c);
    const float *z = k->joint + r->first;
    float sum = 0.0f;
    for (size_t i = 0; i < r->c.n_terms; i++) {
        float y = 0.0f;
        for (size_t j = i; j < r->c.n_terms; j++, cell += 4)
            y += durai_f32(durai_le32(cell)) * z[j];
        y = durai_checks_clamp(durai_checks_settle(y), LARGE);
        k->scratch[i] = y;
        sum += y * y;
    }
    return durai_finite(sum) ? sum : LARGE;
}

/* The channel whose share z_j (W'y)_j of T2 is largest. */
static uint16_t largest_share(const checks *k, const relation *r)
{
    const dura_sensor_check *c = &r->c;
    const float *z = k->joint + r->first;
    float most = 0.0f;
    uint16_t channel = term_channel(c, 0);
    for (size_t j = 0; j < c->n_terms; j++) {
        const uint8_t *cell = triangle(c) + 4u * j;
        float share = 0.0f;
        for (size_t i = 0; i <= j; i++) {
            share += durai_f32(durai_le32(cell)) * k->scratch[i];
            cell += 4u * (c->n_terms - i - 1u);
        }
        share = durai_checks_settle(share) * z[j];
        if (share > most) {
            most = share;
            channel = term_channel(c, j);
        }
    }
    return channel;
}

static int judge_joint(checks *k, sensor_frame *f, relation *r)
{
    const dura_sensor_check *c = &r->c;
    float *z = k->joint + r->first, t2;
    DURA_ASSERT(r->first + c->n_terms <= k->n_joint);
    if (!take_deviations(k, f, r))
        return 0;
    for (size_t i = 0; i < c->n_terms; i++)
        z[i] = durai_checks_settle(z[i] + r->weight * (durai_checks_clamp(k->scratch[i], LARGE) - z[i]));
    t2 = durai_checks_clamp(whiten(k, r), CLAMP * c->suspect);
    r->mean = durai_checks_settle(r->mean + r->weight2 * (t2 - r->mean));
    DURA_ASSERT(durai_finite(r->mean) && r->mean >= 0.0f);
    if (!(r->mean > c->suspect))
        return 0;
    return blame(k, f, largest_share(k, r), DURA_R_JOINT);
}

/* ---- all ----------------------------------------------------------------------------- */

int durai_relations_judge(checks *k, sensor_frame *f)
{
    int said = 0;
    for (size_t i = 0; i < k->n_relations; i++) {
        relation *r = &k->relation[i];
        switch (r->c.kind) {
        case DURA_CK_VOTE:
            said |= judge_vote(k, f, r);
            break;
        case DURA_CK_PARITY:
            said |= judge_parity(k, f, r);
            break;
        case DURA_CK_JOINT:
            said |= judge_joint(k, f, r);
            break;
        default:
            said |= judge_rule(k, f, r);
            break;
        }
    }
    return said;
}
