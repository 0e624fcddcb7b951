/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The correlator on any configuration and any sequence of facts, events and polls, made of
 * five bytes each. Whatever comes:
 *   totals are the sums of the weights, score and margin follow from them, and the verdict
 *     from score, margin and the rule that unauthenticated evidence makes no attack;
 *   `trusted` follows from the rows that are not unauthenticated, and UNTRUSTED is set
 *     wherever the two differ;
 *   rows are distinct, within their number, and unauthenticated ones speak of attack only;
 *   a twin that is polled more often says the same; a third one that hears no
 *     unauthenticated event opens and closes with it and has the same `trusted`, as long
 *     as no row was lost.
 */
#include <dura/correlate.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MUST(c) ((c) ? (void)0 : (fprintf(stderr, "broken: %s\n", #c), abort()))

enum { RECORDS = 3000, FAULT = 0, ATTACK = 2 };

typedef struct input {
    const uint8_t *p;
    size_t left;
} input;

static uint8_t take(input *in)
{
    if (!in->left)
        return 0;
    in->left--;
    return *in->p++;
}

static dura_correlate_config config_of(input *in)
{
    dura_correlate_config k = DURA_CORRELATE_CONFIG_INIT;
    uint8_t a = take(in);
    k.n_channels = (uint16_t)(1 + a % 70);
    k.drift_watched = a & 1;
    a = take(in);
    k.margin = a & 15;
    k.score = a >> 4;
    a = take(in);
    k.asset = a & 1 ? 1 : DURA_NONE;
    k.zone = a & 2 ? 1 : DURA_NONE;
    k.window_ns = (int64_t)(a >> 2) * 1000;
    k.quiet_ns = (int64_t)take(in) * 100;
    k.heartbeat_ns = (int64_t)take(in) * 1000;
    return k;
}

static uint8_t decide(const dura_correlate_config *k, const int total[DURA_CAUSES], int *lead, int *score, int *margin)
{
    int second = -100000;
    *lead = 0;
    for (int c = 1; c < DURA_CAUSES; c++)
        if (total[c] > total[*lead])
            *lead = c;
    for (int c = 0; c < DURA_CAUSES; c++)
        if (c != *lead && total[c] > second)
            second = total[c];
    *score = total[*lead];
    *margin = *score - second;
    return *score >= (k->score ? k->score : 10) && *margin >= (k->margin ? k->margin : 10)
               ? (uint8_t)(*lead + 1) : (uint8_t)DURA_CAUSE_UNKNOWN;
}

static void rows_hold(const dura_incident *in, int total[DURA_CAUSES], int firm[DURA_CAUSES])
{
    MUST(in->n_evidence <= DURA_EVIDENCE_MAX && in->n_channels <= DURA_INCIDENT_CHANNELS);
    for (int i = 0; i < in->n_evidence; i++) {
        const dura_evidence *e = &in->evidence[i];
        MUST(e->kind > 0 && e->kind < DURA_EV_END && e->count > 0 && e->trust <= DURA_TRUST_LOCAL);
        MUST(e->event < DURA_EVENT_CLASSES && e->reserved == 0);
        for (int k = 0; k < i; k++) {
            const dura_evidence *o = &in->evidence[k];
            MUST(o->kind != e->kind || o->event != e->event || o->channel != e->channel ||
                 (o->trust == DURA_TRUST_NONE) != (e->trust == DURA_TRUST_NONE));
        }
        for (int c = 0; c < DURA_CAUSES; c++) {
            total[c] += e->weight[c];
            if (e->trust != DURA_TRUST_NONE)
                firm[c] += e->weight[c];
            else
                MUST(c == ATTACK ? e->weight[c] >= 0 : e->weight[c] == 0);
        }
    }
}

static void incident_holds(const dura_correlate_config *k, const dura_incident *in)
{
    int total[DURA_CAUSES] = {0, 0, 0, 0}, firm[DURA_CAUSES] = {0, 0, 0, 0}, score, margin, lead, sure_lead;
    rows_hold(in, total, firm);
    uint8_t sure = decide(k, firm, &sure_lead, &score, &margin), all = decide(k, total, &lead, &score, &margin);
    for (int c = 0; c < DURA_CAUSES; c++)
        MUST(in->total[c] == total[c]);
    MUST(in->score == score && in->margin == margin && in->trusted == sure);
    MUST(in->cause == (all == DURA_CAUSE_ATTACK && sure != DURA_CAUSE_ATTACK ? DURA_CAUSE_UNKNOWN : all));
    MUST(in->flags == (all != sure || lead != sure_lead ? DURA_INCIDENT_UNTRUSTED : 0));
    MUST(in->state >= DURA_INCIDENT_OPENED && in->state <= DURA_INCIDENT_CLOSED && in->id > 0);
    MUST(in->begin.mono_ns >= 0 && in->end.mono_ns >= 0 && in->begin.boot <= in->end.boot);
    MUST(in->begin.boot < in->end.boot || in->begin.mono_ns <= in->end.mono_ns);
    MUST(in->reserved == 0 && in->missing < 256);
}

/* One record: which call, its numbers, how much time passed, or a restart. */
static int apply(dura_correlate *c, const uint8_t r[5], const dura_ref *at, int deaf)
{
    if (r[0] < 8)
        return dura_correlate_poll(c, &at->time);
    if (r[0] < 128) {
        dura_fact f;
        memset(&f, 0, sizeof f);
        f.kind = r[0] % 18;
        f.channel = r[1] == 255 ? DURA_NONE : r[1] % 80;
        f.reasons = (uint32_t)1 << (r[2] & 15);
        f.value[0] = r[3] & 7;
        f.value[1] = f.kind == DURA_FACT_DRIFT ? r[3] * 16 : r[3] >> 3 & 15;
        f.value[2] = r[2];
        return dura_correlate_update(c, &f, at);
    }
    dura_event e = DURA_EVENT_INIT;
    e.type = r[1] % DURA_EVENT_CLASSES;
    e.severity = r[2] % 11;
    e.trust = r[3] % 3;
    e.failed = r[3] >> 7;
    e.asset = r[0] & 1 ? 1 : r[0] & 2 ? 2 : DURA_NONE;
    e.zone = r[0] & 4 ? 1 : r[0] & 8 ? 2 : DURA_NONE;
    if (deaf && e.trust == DURA_TRUST_NONE)
        return dura_correlate_poll(c, &at->time);
    return dura_correlate_event(c, &e, at);
}

static void compare(const dura_correlate_config *k, dura_correlate *const c[3], int *lost)
{
    dura_incident in[3] = {DURA_INCIDENT_INIT, DURA_INCIDENT_INIT, DURA_INCIDENT_INIT};
    int rc = dura_correlate_query(c[0], &in[0]);
    MUST(rc == dura_correlate_query(c[1], &in[1]) && rc == dura_correlate_query(c[2], &in[2]));
    if (rc != DURA_OK)
        return;
    incident_holds(k, &in[0]);
    incident_holds(k, &in[2]);
    MUST(memcmp(&in[0], &in[1], sizeof in[0]) == 0);
    MUST(in[0].id == in[2].id && (in[0].state == DURA_INCIDENT_CLOSED) == (in[2].state == DURA_INCIDENT_CLOSED));
    *lost |= ((in[0].missing | in[2].missing) & DURA_MISSING_WINDOW) != 0;
    if (!*lost)
        MUST(in[0].trusted == in[2].trusted);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint64_t mem[3][1024];
    input in = {data, size};
    dura_correlate_config k = config_of(&in);
    dura_correlate *c[3];
    dura_ref at;
    int lost = 0;
    memset(&at, 0, sizeof at);
    at.time.boot = 1;
    for (int i = 0; i < 3; i++) {
        memset(mem[i], 0x5A, sizeof mem[i]);
        MUST(dura_correlate_init(&c[i], mem[i], dura_correlate_bytes(&k), &k) == DURA_OK);
    }
    for (int n = 0; n < RECORDS && in.left >= 5; n++) {
        uint8_t r[5];
        for (int i = 0; i < 5; i++)
            r[i] = take(&in);
        if (r[4] == 255) {
            at.time.boot++;
            at.time.mono_ns = 0;
        }
        for (int half = 0; half < 2; half++) { /* the twin is polled in between */
            at.time.mono_ns += (int64_t)(r[4] & 63) << (r[4] >> 5);
            if (half == 0 && r[4] < 255)
                MUST(dura_correlate_poll(c[1], &at.time) >= 0);
        }
        at.time.quality = r[2] >> 5 > DURA_CLOCK_AUTHENTICATED ? 0 : r[2] >> 5;
        at.time.wall_err_us = r[2] & 16 ? UINT32_MAX : r[2];
        at.time.wall_ns = at.time.mono_ns + (int64_t)at.time.boot * 5000;
        at.gseq++;
        at.log = r[0] & 1 ? DURA_LOG_SECURITY : DURA_LOG_DECISION;
        for (int i = 0; i < 3; i++) {
            int rc = apply(c[i], r, &at, i == 2);
            MUST(rc >= 0 && rc <= 3);
        }
        compare(&k, c, &lost);
    }
    return 0;
}
