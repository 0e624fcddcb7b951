/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What watches behind the decisions: the drift monitor and the correlator, as a policy
 * asks for them. The guard's worker feeds it record by record; src/host/dura_host_watch.c
 * feeds the same code from a run folder, so that live and later cannot differ.
 */
#ifndef DURA_GUARD_WATCH_H
#define DURA_GUARD_WATCH_H

#include <dura/correlate.h>
#include <dura/drift.h>

#include "../base/dura_base_priv.h"

enum { DURAI_WATCH_FACTS = 4 };   /* drift facts one decision can raise; the rest follow */

/* What a watch says of a record. Bits. */
enum { DURAI_WATCH_DRIFT = 1, DURAI_WATCH_INCIDENT = 2 };

typedef struct durai_watch {
    const dura_drift_calls *drift_calls;          /* NULL: no drift monitor */
    const dura_correlate_calls *correlate_calls;  /* NULL: no correlator */
    dura_drift *drift;
    dura_correlate *correlate;
    const void *policy;
    float *x;                     /* a sample of everything: channels, outputs, features */
    uint8_t *missing;
    uint8_t *verdict;             /* per channel, of the decision before; UNKNOWN as GOOD */
    uint16_t n_channels, n_outputs, n_features, n_things;
    uint32_t reasons;             /* DURA_G_* of the decision before */
    uint16_t n_facts;
    uint16_t spare;
    dura_fact fact[DURAI_WATCH_FACTS];
    union {                       /* one at a time, and so not on the stack */
        dura_fact fact;           /* what the correlator is being told */
        dura_event event;
        dura_drift_reference reference;
    } hand;
} durai_watch;

/* One decision as it was recorded. Pointers need no alignment. */
typedef struct durai_seen {
    dura_ref at;
    uint32_t reasons;             /* DURA_G_* */
    int32_t backend_rc;
    uint16_t n_values, n_inputs, n_raw, n_verdicts;
    const uint8_t *values, *inputs, *raw;         /* f32, native order */
    const uint8_t *verdicts;      /* n_verdicts bytes: all channels, or 0 when all are GOOD */
    const uint8_t *not_good;      /* native u32 of reasons per channel that is not GOOD */
    const uint8_t *missing;       /* bitmap; NULL: none */
} durai_seen;

/* Bytes a watch needs behind the struct for this policy and these parts; 0: nothing to
 * watch. parts may be NULL. A checked policy. */
size_t durai_watch_bytes(const void *policy, const dura_drift_calls *d, const dura_correlate_calls *c);
/* Build in mem of durai_watch_bytes() bytes, 8-byte aligned. */
int durai_watch_init(durai_watch *w, void *mem, const void *policy, const dura_drift_calls *d,
                     const dura_correlate_calls *c);
/* The next decision, fact, event (its CBOR pairs). Bits DURAI_WATCH_*. */
int durai_watch_decision(durai_watch *w, const durai_seen *s);
int durai_watch_fact(durai_watch *w, const dura_fact *f, const dura_ref *at);
int durai_watch_event(durai_watch *w, const uint8_t *pairs, size_t len, uint32_t n_pairs, const dura_ref *at);

/* An incident as CBOR pairs with keys 16.. (docs/formats/log.md, INCIDENT). Bytes, or
 * DURA_ENOSPC. */
enum { DURAI_INCIDENT_MAX = 900 };
int durai_incident_encode(const dura_incident *i, uint8_t *out, size_t cap, uint16_t *n_pairs);

#endif
