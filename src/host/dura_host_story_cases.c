/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Incidents of the story: the last state of each with its revisions, what would change the
 * verdict, and from all of them the one thing to do next.
 */
#include "dura_host_story_priv.h"

#include <stdio.h>
#include <stdlib.h>

#define MARGIN_DEFAULT 10          /* dura/correlate.h */
#define SCORE_DEFAULT 10

/* Worse first: an attack may go on, an unknown may be one, a change was meant. */
static int rank_of(const durai_case *c)
{
    static const uint8_t rank[] = {0, 3, 2, 5, 1, 4};
    return c->i.cause < sizeof rank ? rank[c->i.cause] : 4;
}

int durai_story_worse(const durai_case *a, const durai_case *b)
{
    int open_a = a->i.state != DURA_INCIDENT_CLOSED, open_b = b->i.state != DURA_INCIDENT_CLOSED;
    if (open_a != open_b)
        return open_a;
    if (rank_of(a) != rank_of(b))
        return rank_of(a) > rank_of(b);
    return a->i.score > b->i.score;
}

/* ---- collecting ---------------------------------------------------------------------------- */

/* The case of this incident; when there is no room the mildest one gives way, NULL when
 * that is this one. */
static durai_case *case_for(durai_story *s, const dura_incident *i)
{
    durai_case *mildest = NULL, fresh;
    for (uint32_t k = s->n_cases; k-- > 0;) {
        durai_case *c = &s->cases[k];
        if (c->i.id == i->id && c->i.begin.boot == i->begin.boot)
            return c;
        mildest = !mildest || durai_story_worse(mildest, c) ? c : mildest;
    }
    memset(&fresh, 0, sizeof fresh);
    fresh.i = *i;
    if (s->n_cases < DURAI_STORY_INCIDENTS) {
        s->cases[s->n_cases] = fresh;
        return &s->cases[s->n_cases++];
    }
    s->cases_left_out++;
    if (!durai_story_worse(&fresh, mildest))
        return NULL;
    memmove(mildest, mildest + 1, (size_t)(s->cases + s->n_cases - mildest - 1) * sizeof *mildest);
    s->cases[s->n_cases - 1] = fresh;
    return &s->cases[s->n_cases - 1];
}

int durai_story_see_incident(durai_story *s, const dura_incident *i, const dura_record *r, double at)
{
    if (!s->cases)
        s->cases = calloc(DURAI_STORY_INCIDENTS, sizeof *s->cases);
    if (!s->cases)
        return DURA_ENOSPC;
    durai_case *c = case_for(s, i);
    if (!c)
        return DURA_OK;
    c->i = *i;
    c->from = durai_story_place_of(s, &i->begin, at);
    c->to = durai_story_place_of(s, &i->end, at);
    if (c->n_revisions++ < DURAI_STORY_REVISIONS) {
        durai_revision *v = &c->revision[c->n_revisions - 1];
        *v = (durai_revision){at, r->gseq, i->state, i->cause, i->score, i->margin};
    }
    return DURA_OK;
}

/* An operator's word on an incident counts for the last one with that number. */
void durai_story_dealt(durai_story *s, const dura_record *r)
{
    char type[16], id[24];
    (void)durai_story_text(r, 17, type, sizeof type);
    (void)durai_story_text(r, 18, id, sizeof id);
    for (uint32_t k = s->n_cases; k-- > 0;) {
        durai_case *c = &s->cases[k];
        char own[24];
        own[durai_dec(own, c->i.id)] = '\0';
        if (strcmp(own, id) != 0)
            continue;
        c->dealt |= strcmp(type, "close") == 0 ? 2 : strcmp(type, "ack") == 0 ? 1 : 0;
        (void)durai_story_text(r, 21, c->actor, sizeof c->actor);
        return;
    }
}

static int by_number(const void *a, const void *b)
{
    uint64_t x, y;
    memcpy(&x, a, sizeof x);
    memcpy(&y, b, sizeof y);
    return x < y ? -1 : x > y;
}

/* The worst incidents first, so that theirs is there when there is too much. */
void durai_story_collect_evidence(durai_story *s)
{
    uint32_t order[DURAI_STORY_INCIDENTS];
    for (uint32_t k = 0; k < s->n_cases; k++) {
        uint32_t at = k;
        for (; at > 0 && durai_story_worse(&s->cases[k], &s->cases[order[at - 1]]); at--)
            order[at] = order[at - 1];
        order[at] = k;
    }
    for (uint32_t k = 0; k < s->n_cases; k++) {
        const dura_incident *i = &s->cases[order[k]].i;
        for (uint32_t e = 0; e < i->n_evidence && s->n_evidence < DURAI_STORY_EVIDENCE; e++)
            s->evidence[s->n_evidence++] = i->evidence[e].gseq;
    }
    if (s->n_evidence)
        qsort(s->evidence, s->n_evidence, sizeof s->evidence[0], by_number);
}

/* ---- what would change the verdict ----------------------------------------------------------- */

/* Places of the two largest totals. */
static void two_largest(const dura_incident *i, uint32_t *first, uint32_t *second)
{
    *first = 0;
    for (uint32_t k = 1; k < DURA_CAUSES; k++)
        *first = i->total[k] > i->total[*first] ? k : *first;
    *second = *first == 0;
    for (uint32_t k = 0; k < DURA_CAUSES; k++)
        if (k != *first)
            *second = i->total[k] > i->total[*second] ? k : *second;
}

static void demands(const durai_story *s, int *margin, int *score)
{
    durai_policy_correlate p;
    int known = s->image && durai_policy_get_correlate(s->image, &p) == DURA_OK;
    *margin = known && p.margin ? p.margin : MARGIN_DEFAULT;
    *score = known && p.score ? p.score : SCORE_DEFAULT;
}

static void write_change(const durai_story *s, durai_out *o, const dura_incident *i)
{
    uint32_t first, second;
    int margin, score;
    char text[240];
    two_largest(i, &first, &second);
    demands(s, &margin, &score);
    int lead = i->total[first] - i->total[second], short_of = score - i->total[first];
    const char *a = dura_record_name(DURA_NAME_CAUSE, first + 1u), *b = dura_record_name(DURA_NAME_CAUSE, second + 1u);
    int need = margin - lead > short_of ? margin - lead : short_of;
    need = need < 1 ? 1 : need;
    int doubt = lead - margin + 1 < 1 ? 1 : lead - margin + 1, other = lead + margin;
    if (i->cause == DURA_CAUSE_UNKNOWN || i->cause == DURA_CAUSE_NORMAL)
        (void)snprintf(text, sizeof text, "%d decibans more for %s would make it the verdict; %s is next, %d behind.", need, a, b,
                       lead);
    else
        (void)snprintf(text, sizeof text,
                       "%d decibans more for %s would make the verdict unknown, %d would make it %s.", doubt, b, other, b);
    durai_out_open(o, "change", '{');
    durai_out_text(o, "leader", a);
    durai_out_text(o, "next", b);
    durai_out_int(o, "lead", lead);
    durai_out_int(o, "to_unknown", i->cause == DURA_CAUSE_UNKNOWN ? 0 : doubt);
    durai_out_int(o, "to_other", i->cause == DURA_CAUSE_UNKNOWN ? need : other);
    durai_out_text(o, "text", text);
    durai_out_close(o, '}');
}

/* ---- writing ------------------------------------------------------------------------------------ */

static void write_revisions(durai_out *o, const durai_case *c)
{
    durai_out_open(o, "revisions", '[');
    for (uint32_t k = 0; k < c->n_revisions && k < DURAI_STORY_REVISIONS; k++) {
        const durai_revision *v = &c->revision[k];
        durai_out_open(o, NULL, '{');
        durai_out_num(o, "t", v->t, 12);
        durai_out_uint(o, "gseq", v->gseq);
        durai_out_name(o, "state", DURA_NAME_INCIDENT, v->state);
        durai_out_name(o, "verdict", DURA_NAME_CAUSE, v->cause);
        durai_out_int(o, "score", v->score);
        durai_out_int(o, "margin_dban", v->margin);
        durai_out_close(o, '}');
    }
    durai_out_close(o, ']');
    durai_out_uint(o, "revisions_left_out",
                   c->n_revisions > DURAI_STORY_REVISIONS ? c->n_revisions - DURAI_STORY_REVISIONS : 0);
}

/* The channels' own names: features have some too, which a record's names do not. */
static void write_things(const durai_story *s, durai_out *o, const dura_incident *i)
{
    char own[64];
    durai_out_open(o, "things", '[');
    for (uint16_t k = 0; k < i->n_channels && k < DURA_INCIDENT_CHANNELS; k++)
        durai_out_text(o, NULL, durai_story_thing(s, i->channel[k], own, sizeof own));
    durai_out_close(o, ']');
}

static void write_case(const durai_story *s, durai_out *o, const durai_case *c)
{
    size_t n = 0;
    char *text = dura_incident_json(&c->i, &s->names, NULL, &n) == DURA_ENOSPC ? malloc(n) : NULL;
    if (!text || dura_incident_json(&c->i, &s->names, text, &n) != DURA_OK) {
        o->failed |= !text;
        free(text);
        return;
    }
    durai_out_open(o, NULL, '{');
    durai_out_json(o, "incident", text, n);
    durai_out_num(o, "from", c->from, 12);
    durai_out_num(o, "to", c->to, 12);
    durai_out_bool(o, "open", c->i.state != DURA_INCIDENT_CLOSED);
    durai_out_bool(o, "acknowledged", c->dealt != 0);
    durai_out_bool(o, "closed_by_person", c->dealt & 2);
    durai_out_text(o, "actor", c->dealt ? c->actor : NULL);
    write_things(s, o, &c->i);
    write_change(s, o, &c->i);
    write_revisions(o, c);
    durai_out_close(o, '}');
    free(text);
}

void durai_story_write_cases(const durai_story *s, durai_out *o)
{
    durai_out_open(o, "incidents", '[');
    for (uint32_t k = 0; k < s->n_cases; k++)
        write_case(s, o, &s->cases[k]);
    durai_out_close(o, ']');
    durai_out_uint(o, "incidents_left_out", s->cases_left_out);
    durai_out_bool(o, "incidents_recorded", s->incidents_recorded);
}

/* ---- what to do next ------------------------------------------------------------------------------ */

typedef struct advice {
    const char *word;
    char text[320], why[320];
} advice;

static uint64_t weight_of(const dura_incident *i, uint32_t column, uint64_t kinds, int least_trust)
{
    uint64_t sum = 0;
    for (uint32_t k = 0; k < i->n_evidence && k < DURA_EVIDENCE_MAX; k++) {
        const dura_evidence *e = &i->evidence[k];
        if (e->kind < 64 && ((kinds >> e->kind) & 1u) && e->trust >= least_trust && e->weight[column] > 0)
            sum += (uint64_t)e->weight[column];
    }
    return sum;
}

#define KIND(k) ((uint64_t)1 << (k))

/* Who is at the device itself and can be believed is kept out; anything less is looked
 * into by people who see the whole network. */
static void advise_attack(advice *a, const dura_incident *i)
{
    const uint64_t at_hand = KIND(DURA_EV_EVENT_ASSET) | KIND(DURA_EV_EVENT_ZONE) | KIND(DURA_EV_CONFIG) |
                             KIND(DURA_EV_ACCESS) | KIND(DURA_EV_PHYSICAL);
    int isolate = !(i->flags & DURA_INCIDENT_UNTRUSTED) && weight_of(i, DURA_CAUSE_ATTACK - 1, at_hand, DURA_TRUST_SOURCE) > 0;
    a->word = isolate ? "isolate" : "call_soc";
    (void)snprintf(a->text, sizeof a->text, "%s",
                   isolate ? "Isolate the device from the network, keep it on its safe values, and call the SOC."
                           : "Call the SOC: the evidence is not yet enough to isolate the device.");
}

/* The model or its release, not a sensor, is what failed. */
static int blames_model(const durai_story *s, const dura_incident *i, uint32_t column)
{
    const uint64_t model = KIND(DURA_EV_OUTPUT) | KIND(DURA_EV_BACKEND) | KIND(DURA_EV_UPDATE);
    int outputs_only = i->n_channels > 0;
    for (uint16_t k = 0; k < i->n_channels && k < DURA_INCIDENT_CHANNELS; k++)
        outputs_only = outputs_only && i->channel[k] >= s->n_channels && i->channel[k] < s->n_channels + s->n_outputs;
    return outputs_only || weight_of(i, column, model, DURA_TRUST_NONE) > weight_of(i, column, ~model, DURA_TRUST_NONE);
}

static void advise_thing(const durai_story *s, advice *a, const dura_incident *i, uint32_t cause)
{
    char own[64];
    const char *what = i->n_channels ? durai_story_thing(s, i->channel[0], own, sizeof own) : "the sensor the evidence names";
    if (blames_model(s, i, cause - 1)) {
        a->word = "freeze_update";
        (void)snprintf(a->text, sizeof a->text, "Freeze model updates and go back to the last model that was kept.");
    } else if (cause == DURA_CAUSE_FAULT) {
        a->word = "replace_sensor";
        (void)snprintf(a->text, sizeof a->text, "Check the wiring of %s, and repair or replace the sensor.", what);
    } else {
        a->word = "recalibrate";
        (void)snprintf(a->text, sizeof a->text, "Recalibrate %s; if the plant itself has changed, learn a new reference.", what);
    }
}

static void advise_case(const durai_story *s, advice *a, const durai_case *c)
{
    static const char *const causes[] = {"normal", "a fault", "drift", "an attack", "an announced change", "unknown"};
    const dura_incident *i = &c->i;
    (void)snprintf(a->why, sizeof a->why, "Incident %u is %s (%s), score %d, margin %d decibans%s.", (unsigned)i->id,
                   causes[i->cause <= DURA_CAUSE_UNKNOWN ? i->cause : 5],
                   i->state == DURA_INCIDENT_CLOSED ? "over" : "open", i->score, i->margin,
                   i->flags & DURA_INCIDENT_UNTRUSTED ? "; it stands on evidence nobody authenticated" : "");
    switch (i->cause) {
    case DURA_CAUSE_ATTACK: advise_attack(a, i); break;
    case DURA_CAUSE_FAULT:
    case DURA_CAUSE_DRIFT: advise_thing(s, a, i, i->cause); break;
    case DURA_CAUSE_CHANGE:
        a->word = "nothing";
        (void)snprintf(a->text, sizeof a->text, "Nothing: an announced change explains what was seen.");
        break;
    default:
        a->word = "call_soc";
        (void)snprintf(a->text, sizeof a->text,
                       "Call the SOC with this page: the evidence does not say whether it is a fault, drift or an attack.");
        break;
    }
}

/* Without an incident that asks for something, the end of the run may. */
static void advise_end(const durai_story *s, advice *a)
{
    char own[64];
    uint32_t worst = DURA_NONE;
    for (uint32_t k = 0; k < s->n_channels; k++)
        if (s->channel[k].bad_at_end && (worst == DURA_NONE || s->channel[k].bad_at_end > s->channel[worst].bad_at_end))
            worst = k;
    if (worst != DURA_NONE) {
        const char *name = durai_story_thing(s, worst, own, sizeof own);
        a->word = "replace_sensor";
        (void)snprintf(a->text, sizeof a->text, "Check the wiring of %s, and repair or replace the sensor.", name);
        (void)snprintf(a->why, sizeof a->why, "%s was FAIL or MISSING in the last %u decisions.", name,
                       (unsigned)s->channel[worst].bad_at_end);
    } else if (s->gate_state == DURA_GATE_ROLLED_BACK || s->gate_state == DURA_GATE_SAFE) {
        a->word = "freeze_update";
        (void)snprintf(a->text, sizeof a->text, "Freeze model updates until it is known why the last one was not kept.");
        (void)snprintf(a->why, sizeof a->why, "The last release ended %s.",
                       s->gate_state == DURA_GATE_SAFE ? "in SAFE: nothing may run" : "rolled back");
    } else {
        a->word = "nothing";
        (void)snprintf(a->text, sizeof a->text, "Nothing.");
        (void)snprintf(a->why, sizeof a->why, "%s", s->n_cases ? "Every incident is over and asks for nothing."
                                                     : "There is no incident, and every channel was usable at the end.");
    }
}

/* Over, and there never was enough evidence for any cause: nobody can act on that. */
static int faded(const durai_story *s, const durai_case *c)
{
    int margin, score;
    demands(s, &margin, &score);
    return c->i.state == DURA_INCIDENT_CLOSED && c->i.cause == DURA_CAUSE_UNKNOWN && c->i.score < score;
}

/* The worst incident that no person closed and somebody can act on. */
static const durai_case *worst_case(const durai_story *s)
{
    const durai_case *worst = NULL;
    for (uint32_t k = 0; k < s->n_cases; k++) {
        const durai_case *c = &s->cases[k];
        if (!(c->dealt & 2) && !faded(s, c) && (!worst || durai_story_worse(c, worst)))
            worst = c;
    }
    return worst;
}

void durai_story_write_advice(const durai_story *s, durai_out *o)
{
    advice a;
    const durai_case *c = worst_case(s);
    memset(&a, 0, sizeof a);
    if (s->verify_rc == DURA_OK && s->verify.word == DURA_VERIFY_TAMPERED) {
        c = NULL;
        a.word = "call_soc";
        (void)snprintf(a.text, sizeof a.text, "Call the SOC: the logs were altered, so nothing below is proven.");
        (void)snprintf(a.why, sizeof a.why, "%.300s", s->verify.text);
    } else if (c) {
        advise_case(s, &a, c);
    }
    if (!a.word || (c && strcmp(a.word, "nothing") == 0)) {
        advice end;
        memset(&end, 0, sizeof end);
        advise_end(s, &end);
        if (!a.word || strcmp(end.word, "nothing") != 0) {
            a = end;
            c = NULL;
        }
    }
    durai_out_open(o, "next", '{');
    durai_out_text(o, "do", a.word);
    durai_out_text(o, "text", a.text);
    durai_out_text(o, "why", a.why);
    if (c)
        durai_out_uint(o, "incident", (uint64_t)(c - s->cases));
    else
        durai_out_null(o, "incident");
    durai_out_close(o, '}');
}
