/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the parts of the correlator share: the object, its tallies of events, and the calls
 * that turn evidence into rows and rows into a verdict (dura_correlate_weigh.c).
 *
 * Time inside is one line of nanoseconds that goes on over restarts, so that a tally needs
 * one number and not a boot and a clock.
 */
#ifndef DURA_CORRELATE_PRIV_H
#define DURA_CORRELATE_PRIV_H

#include <dura/correlate.h>

#include "../base/dura_base_priv.h"

/* What of an event or of a local fact is kept: one tally per line, twice, once for what
 * nobody authenticated. The order is that of durai_slots. */
enum {
    DURAI_SLOT_ASSET = 0,          /* hostile, on this asset: five classes */
    DURAI_SLOT_ZONE = 5,           /* ... in this zone */
    DURAI_SLOT_ELSEWHERE = 10,     /* ... elsewhere: three classes */
    DURAI_SLOT_RECON = 13,
    DURAI_SLOT_ACCESS_FAILED = 14,
    DURAI_SLOT_CONFIG = 15,
    DURAI_SLOT_PHYSICAL = 16,
    DURAI_SLOT_ACCESS = 17,        /* a success behind failures */
    DURAI_SLOT_MAINTENANCE = 18,
    DURAI_SLOT_CALIBRATION = 19,
    DURAI_SLOT_UPDATE = 20,
    DURAI_SLOT_LOG = 21,
    DURAI_SLOT_OPERATOR = 22,
    DURAI_SLOT_CLOCK = 23,
    DURAI_SLOTS = 24,
    DURAI_SLOT_NONE = 255
};

/* Events of one kind, class and trust: never the events themselves, so that a million of
 * them take as much room as one. */
typedef struct durai_tally {
    int64_t  first, last;          /* on the line of time */
    uint64_t gseq;                 /* of the first */
    uint8_t  leaf[8];
    uint32_t count;                /* 0: none */
    uint8_t  trust, log;
    uint8_t  missing;              /* DURA_MISSING_* this evidence brings with it */
    uint8_t  reserved;
} durai_tally;

struct dura_correlate {
    int64_t  window, quiet, heartbeat;
    int64_t  now;                  /* on the line of time */
    int64_t  opened, touched;      /* when the incident opened; its last evidence */
    int64_t  heard, heard_trusted; /* last event; last one that is not unauthenticated */
    const dura_weights *weight;
    dura_time last;                /* the latest time given */
    uint32_t words;                /* of each bitmap */
    uint32_t outputs;              /* outputs that drifted and are not back; 31: the rest */
    uint32_t ids;                  /* incidents so far */
    uint16_t n_channels, asset, zone;
    uint16_t margin, score;
    uint16_t waiting;              /* bits set in bad, drifted and outputs */
    uint16_t involved;             /* bits set in ever */
    uint8_t  drift_watched;
    uint8_t  started;              /* `last` is valid */
    uint8_t  spoken;               /* 1: a source was heard; 2: an authenticated one */
    uint8_t  missing;              /* bits that stay for this incident */
    uint8_t  reserved[4];
    dura_evidence spare;           /* the row in hand */
    durai_tally tally[2][DURAI_SLOTS];  /* [1]: not unauthenticated */
    dura_incident incident;        /* state 0: there was none yet */
    uint32_t bits[];               /* bad, drifted, ever: `words` each */
};

enum { DURAI_BAD = 0, DURAI_DRIFTED = 1, DURAI_EVER = 2, DURAI_BITMAPS = 3 };

/* Kind and class of each slot. */
extern const uint8_t durai_slots[DURAI_SLOTS][2];

static inline int durai_incident_open(const dura_correlate *c)
{
    return c->incident.state == DURA_INCIDENT_OPENED || c->incident.state == DURA_INCIDENT_REVISED;
}

/* Put c->spare among the rows: add its count to the row that says the same, or make one.
 * 1 when the weights may be others now. */
int durai_correlate_row(dura_correlate *c);
/* What follows from all rows: weights, totals, verdict, what is missing. at: the record
 * that brought it. 2 when the verdict is another one. */
int durai_correlate_settle(dura_correlate *c, const dura_ref *at);

#endif
