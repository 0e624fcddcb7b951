/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dura/correlate.h - fault, drift or attack?
 *
 * Fed with what both logs say, in the order of the timeline: facts (a channel's verdict
 * changed, a drift alarm, an answer out of its envelope, an update) and security events.
 * Whatever speaks for or against a cause becomes evidence with a weight in decibans from
 * one integer table; the sums decide, with a margin, or the verdict is unknown. An
 * incident opens with the first anomaly, is revised when later records change the
 * verdict, and closes when all is quiet; every step is a record of its own.
 *
 *   dura_correlate_bytes -> init -> update | event | poll ... -> query
 *
 * Coincidence is not causation: a scan during a real bearing failure leaves a fault. A
 * silent network does not clear anybody: what could not be seen is named in `missing`.
 * Evidence that nobody authenticated counts half, can cast doubt but explain nothing away,
 * never makes an attack on its own, and is left out of `trusted`, on which locks hang.
 * Counts per class and trust, not events, are kept: a flood cannot push anything out. The
 * same records give the same verdicts, live or later.
 *
 * Memory: yours, fixed. No allocation, no globals, no clock, no floats.
 * Threads: one caller at a time per object [serial].
 */
#ifndef DURA_CORRELATE_H
#define DURA_CORRELATE_H

#include <dura/base.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The verdicts. Written into records: values never move. */
enum {
    DURA_CAUSE_NORMAL = 0,     /* no incident */
    DURA_CAUSE_FAULT = 1,      /* sensor, wiring, actuator, backend */
    DURA_CAUSE_DRIFT = 2,      /* the plant or its surroundings moved away from the training */
    DURA_CAUSE_ATTACK = 3,     /* somebody did it */
    DURA_CAUSE_CHANGE = 4,     /* authorised: maintenance, calibration, update, operator */
    DURA_CAUSE_UNKNOWN = 5,    /* the evidence does not suffice */
    DURA_CAUSES = 4            /* columns of the table: FAULT..CHANGE */
};

/* Who vouches for a piece of evidence. */
enum {
    DURA_TRUST_NONE = 0,       /* unauthenticated: anybody on the network could have sent it */
    DURA_TRUST_SOURCE = 1,     /* an authenticated source */
    DURA_TRUST_LOCAL = 2       /* this device saw it itself */
};

/* What a security event is, as far as causes care. Values never move. */
enum {
    DURA_EVENT_OTHER = 0,
    DURA_EVENT_ACCESS = 1,         /* a login or session that succeeded */
    DURA_EVENT_ACCESS_FAILED = 2,
    DURA_EVENT_RECON = 3,          /* scan, enumeration */
    DURA_EVENT_EXPLOIT = 4,        /* an attack signature, protocol violation, spoofing */
    DURA_EVENT_MALWARE = 5,
    DURA_EVENT_DOS = 6,
    DURA_EVENT_CONFIG = 7,         /* program download, parameter or set point written */
    DURA_EVENT_PHYSICAL = 8,       /* cabinet opened, cable removed */
    DURA_EVENT_MAINTENANCE = 9,    /* announced work */
    DURA_EVENT_CALIBRATION = 10,   /* announced recalibration or replacement of a sensor */
    DURA_EVENT_UPDATE = 11,
    DURA_EVENT_AUDIT = 12,         /* a log was stopped, lost, cleared */
    DURA_EVENT_HEARTBEAT = 13,     /* a security source is alive and saw nothing */
    DURA_EVENT_CLASSES = 14
};

/* Kinds of evidence; docs/correlate.md has the table of weights and the reason for each.
 * Written into records: values never move. */
enum {
    DURA_EV_NONE = 0,
    DURA_EV_FLAT = 1,              /* a channel froze */
    DURA_EV_RANGE = 2,             /* a channel left its physical range */
    DURA_EV_RATE = 3,              /* a channel jumped */
    DURA_EV_MISSING = 4,           /* a channel went silent or not finite */
    DURA_EV_TIME = 5,              /* stamps out of order, gaps */
    DURA_EV_DRIFT_SLOW = 6,        /* small shift, long onset */
    DURA_EV_DRIFT_SUDDEN = 7,      /* a step within few samples */
    DURA_EV_DRIFT_SPREAD = 8,      /* noise grew */
    DURA_EV_QUIET = 9,             /* noise vanished: replay or a dead sensor */
    DURA_EV_MANY = 10,             /* three or more channels are involved: it propagates */
    DURA_EV_ISOLATED = 11,         /* one of many channels alone */
    DURA_EV_OUTPUT = 12,           /* the model's answer broke its envelope, or its outputs drifted */
    DURA_EV_BACKEND = 13,          /* the model failed or was late */
    DURA_EV_EVENT_ASSET = 14,      /* hostile event on the same asset, see DURA_EVENT_* */
    DURA_EV_EVENT_ZONE = 15,       /* ... in the same zone */
    DURA_EV_EVENT_ELSEWHERE = 16,  /* ... elsewhere, or not mapped to an asset */
    DURA_EV_RECON = 17,            /* scans only */
    DURA_EV_CONFIG = 18,           /* program or parameters written before it began */
    DURA_EV_ACCESS = 19,           /* failed logins, then a success */
    DURA_EV_PHYSICAL = 20,
    DURA_EV_MAINTENANCE = 21,      /* announced, authenticated work */
    DURA_EV_CALIBRATION = 22,
    DURA_EV_UPDATE = 23,           /* a release became active, or was rolled back */
    DURA_EV_OPERATOR = 24,         /* stop or release by a person */
    DURA_EV_LOG = 25,              /* records lost, logs gone */
    DURA_EV_CLOCK = 26,            /* wall clock stepped */
    DURA_EV_NETWORK_QUIET = 27,    /* a live security source saw nothing: a little less attack */
    DURA_EV_RECOVERED = 28,        /* went back to normal by itself */
    DURA_EV_KINDS = 29,            /* rows of a table of weights; the kinds behind it have
                                      weights of their own */
    DURA_EV_DISAGREES = 29,        /* redundant channels say otherwise */
    DURA_EV_IMPLAUSIBLE = 30,      /* the rest of the process says otherwise */
    DURA_EV_MONITOR = 31,          /* the drift monitor did not prove that it works */
    DURA_EV_END = 32
};

/* What could not be looked at. Bits. */
enum {
    DURA_MISSING_SECURITY = 1 << 0,   /* no security source ever spoke */
    DURA_MISSING_HEARTBEAT = 1 << 1,  /* none spoke within `heartbeat_ns` */
    DURA_MISSING_ASSETS = 1 << 2,     /* hostile events could not be mapped to assets */
    DURA_MISSING_TRUST = 1 << 3,      /* all network evidence is unauthenticated */
    DURA_MISSING_DRIFT = 1 << 4,      /* no drift monitor, or one that promises nothing */
    DURA_MISSING_LOG = 1 << 5,        /* records were lost in the span */
    DURA_MISSING_CLOCK = 1 << 6,      /* clocks too uncertain to join the two logs */
    DURA_MISSING_WINDOW = 1 << 7      /* more evidence than an incident can hold */
};

/* Where a fact or event stands in the logs. */
typedef struct dura_ref {
    dura_time time;
    uint64_t gseq;
    uint8_t  leaf[8];          /* first bytes of the record's RFC 6962 leaf hash */
    uint8_t  log;              /* DURA_LOG_* */
    uint8_t  reserved[7];      /* 0 */
} dura_ref;

/* A security event as numbers. Start from DURA_EVENT_INIT. */
typedef struct dura_event {
    uint32_t struct_size;
    uint8_t  type;             /* DURA_EVENT_* */
    uint8_t  severity;         /* 0..10 */
    uint8_t  trust;            /* DURA_TRUST_* */
    uint8_t  failed;           /* 1: what was tried did not succeed */
    uint16_t asset;            /* DURA_NONE: not mapped */
    uint16_t zone;
    uint32_t actor;            /* CRC-32C of the actor's text; 0: unknown */
} dura_event;
#define DURA_EVENT_INIT { (uint32_t)sizeof(dura_event), 0, 0, 0, 0, DURA_NONE, DURA_NONE, 0 }

#define DURA_EVIDENCE_MAX 16
#define DURA_INCIDENT_CHANNELS 16

typedef struct dura_evidence {
    uint64_t gseq;             /* first record that says so */
    uint8_t  leaf[8];
    uint8_t  kind;             /* DURA_EV_* */
    uint8_t  log;              /* DURA_LOG_* */
    uint8_t  trust;            /* DURA_TRUST_* */
    uint8_t  event;            /* DURA_EVENT_* of a security event, else 0 */
    uint16_t channel;          /* DURA_NONE: none in particular */
    int16_t  weight[DURA_CAUSES]; /* decibans for FAULT, DRIFT, ATTACK, CHANGE */
    uint16_t reserved;         /* 0 */
    uint32_t count;            /* records that said so */
    uint32_t reserved2;        /* 0 */
} dura_evidence;

enum { DURA_INCIDENT_OPENED = 1, DURA_INCIDENT_REVISED = 2, DURA_INCIDENT_CLOSED = 3 };
enum {
    DURA_INCIDENT_UNTRUSTED = 1    /* without unauthenticated evidence `cause` or the leading
                                      total would be another: act on `trusted` */
};

/* An incident as it stands. */
typedef struct dura_incident {
    uint32_t struct_size;      /* in: sizeof in your build; out: bytes filled */
    uint32_t id;               /* from 1, per boot of the correlator */
    uint8_t  state;            /* DURA_INCIDENT_OPENED.. */
    uint8_t  cause;            /* DURA_CAUSE_* */
    uint8_t  flags;            /* DURA_INCIDENT_UNTRUSTED */
    uint8_t  n_evidence;
    uint16_t n_channels;       /* in channel[] */
    int16_t  score;            /* decibans of the leading cause */
    int16_t  margin;           /* ... above the next one */
    int16_t  total[DURA_CAUSES];   /* FAULT, DRIFT, ATTACK, CHANGE: sums of the weights */
    uint8_t  trusted;          /* DURA_CAUSE_* without the unauthenticated evidence: what a
                                  lock hangs on, since nobody outside can change it */
    uint8_t  reserved;         /* 0 */
    uint32_t missing;          /* DURA_MISSING_* */
    dura_time begin, end;      /* first and last evidence that is not unauthenticated */
    uint16_t channel[DURA_INCIDENT_CHANNELS];
    dura_evidence evidence[DURA_EVIDENCE_MAX];
} dura_incident;
#define DURA_INCIDENT_INIT                                                             \
    { (uint32_t)sizeof(dura_incident), 0, 0, 0, 0, 0, 0, 0, 0, {0}, 0, 0, 0, {0, 0,    \
      0, 0, 0, {0, 0, 0, 0, 0, 0, 0}}, {0, 0, 0, 0, 0, {0, 0, 0, 0, 0, 0, 0}}, {0},    \
      {{0, {0}, 0, 0, 0, 0, 0, {0}, 0, 0, 0}} }

typedef int8_t dura_weights[DURA_CAUSES];  /* of one kind: FAULT, DRIFT, ATTACK, CHANGE */

typedef struct dura_correlate_config {
    uint32_t struct_size;
    uint16_t n_channels;       /* of the policy; 1..1024 */
    uint16_t margin;           /* decibans a cause must lead by, up to 1000; 0: 10 */
    uint16_t score;            /* decibans a cause must have, up to 1000; 0: 10 */
    uint16_t asset;            /* this device's; DURA_NONE: none */
    uint16_t zone;             /* DURA_NONE: none */
    uint8_t  drift_watched;    /* 1: a drift monitor speaks */
    uint8_t  reserved;         /* 0 */
    int64_t  window_ns;        /* how far events before an anomaly reach; 0: 300 s. All
                                  three at most 2^56 ns */
    int64_t  quiet_ns;         /* an incident closes after this long without evidence, once
                                  its channels are back; after ten times that in any case;
                                  0: 60 s */
    int64_t  heartbeat_ns;     /* a security source silent for longer is missing; 0: 1 h */
    const dura_weights *weights; /* DURA_EV_KINDS rows, borrowed; NULL: the table of
                                    docs/correlate.md */
} dura_correlate_config;
#define DURA_CORRELATE_CONFIG_INIT                                                     \
    { (uint32_t)sizeof(dura_correlate_config), 0, 0, 0, DURA_NONE, DURA_NONE, 0, 0, 0, 0, 0, NULL }

typedef struct dura_correlate dura_correlate;  /* lives in memory you give to init */

/** The class of an event's category and type (docs/correlate.md has the words; case, and
 *  which of '_', '-', '.' and blank stands between words, do not matter); lengths in bytes,
 *  NULL: none; unknown words: DURA_EVENT_OTHER.                          [any] O(words) */
DURA_API DURA_CHECK uint8_t dura_event_class(const char *category, size_t category_len,
                                             const char *type, size_t type_len);

/** The table in use when a configuration names none: DURA_EV_END rows, of which a
 *  configuration can replace the first DURA_EV_KINDS. Static.           [any] */
DURA_API DURA_CHECK const dura_weights *dura_correlate_weights(void);

/** Exact bytes init() needs; 0 when cfg is invalid.                     [any] O(1) */
DURA_API DURA_CHECK size_t dura_correlate_bytes(const dura_correlate_config *cfg);

/** Build in mem (8-byte aligned). cfg is copied. returns DURA_OK; DURA_EINVAL,
 *  DURA_ENOSPC, DURA_EALIGN, DURA_EVERSION.                            [init] O(1) */
DURA_API DURA_CHECK int dura_correlate_init(dura_correlate **out, void *mem, size_t len,
                                            const dura_correlate_config *cfg);

/** One fact, in the order of the timeline. Kinds that say nothing about causes are taken
 *  and ignored.
 *  returns  bits: 1 it is evidence now, 2 the incident changed (opened, revised): query()
 *           tells how; DURA_EINVAL.                            [serial] O(evidence) */
DURA_API DURA_CHECK int dura_correlate_update(dura_correlate *c, const dura_fact *f,
                                              const dura_ref *at);

/** One security event. returns as update().                     [serial] O(evidence) */
DURA_API DURA_CHECK int dura_correlate_event(dura_correlate *c, const dura_event *e,
                                             const dura_ref *at);

/** Time passes: closes an incident that has been quiet, forgets what is out of the window.
 *  Call it with the time of every record; live and later give the same then.
 *  returns  2 when the incident closed, else 0; DURA_EINVAL.     [serial] O(classes) */
DURA_API DURA_CHECK int dura_correlate_poll(dura_correlate *c, const dura_time *now);

/** The incident of now, or the last closed one (set out->struct_size first).
 *  returns  DURA_OK; DURA_ENOENT (there was none); DURA_EINVAL.       [serial] O(1) */
DURA_API DURA_CHECK int dura_correlate_query(const dura_correlate *c, dura_incident *out);

/** Forget everything. returns DURA_OK, DURA_EINVAL.                   [serial] O(1) */
DURA_API DURA_CHECK int dura_correlate_reset(dura_correlate *c);

/* What the guard calls; see dura/feature.h. */
typedef struct dura_correlate_calls {
    uint32_t struct_size;
    uint32_t reserved;         /* 0 */
    size_t (*bytes)(const dura_correlate_config *cfg);
    int (*init)(dura_correlate **out, void *mem, size_t len, const dura_correlate_config *cfg);
    uint8_t (*classify)(const char *category, size_t category_len, const char *type, size_t type_len);
    int (*update)(dura_correlate *c, const dura_fact *f, const dura_ref *at);
    int (*event)(dura_correlate *c, const dura_event *e, const dura_ref *at);
    int (*poll)(dura_correlate *c, const dura_time *now);
    int (*query)(const dura_correlate *c, dura_incident *out);
} dura_correlate_calls;

/** The table of the functions above. Static storage.                    [any] O(1) */
DURA_API DURA_CHECK const dura_correlate_calls *dura_correlate_part(void);

#ifdef __cplusplus
}
#endif
#endif
