/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dura/host/record.h - read the records of a run folder.
 *
 * A cursor over one log, or over both merged by gseq, one segment per log in memory;
 * each record comes with its common header decoded and its own CBOR bytes. Reading is
 * not verifying: a cursor shows what is there, dura/host/verify.h says whether to
 * believe it.
 *
 *   dura_records_open -> next ... -> close
 *
 * docs/formats/log.md has the bytes. Unstable until 1.0.
 */
#ifndef DURA_HOST_RECORD_H
#define DURA_HOST_RECORD_H

#include <dura/host/error.h>
#include <dura/log.h>

#ifdef __cplusplus
extern "C" {
#endif

/* One record. Pointers are borrowed until the next call on the cursor, or for as long
 * as the bytes given to dura_record_decode() live. */
typedef struct dura_record {
    uint32_t struct_size;     /* in: sizeof in your build */
    uint16_t kind;            /* DURA_REC_* */
    uint16_t source;          /* DURA_NONE: nobody in particular */
    uint8_t  log;             /* DURA_LOG_SECURITY, DURA_LOG_DECISION */
    uint8_t  reserved[3];     /* 0 */
    uint32_t segment;         /* where its frame is: segment number ... */
    uint64_t offset;          /* ... and byte in it */
    uint64_t seq;
    uint64_t gseq;
    dura_time time;
    const uint8_t *cbor;      /* the whole record: the bytes that were hashed */
    const uint8_t *payload;   /* inside it: n_pairs CBOR pairs with keys 16.. */
    uint32_t len;             /* bytes at cbor */
    uint32_t payload_len;     /* bytes at payload */
    uint32_t n_pairs;
    uint32_t reserved2;       /* 0 */
} dura_record;

/** Check and take apart the bytes of one record: the deterministic encoding, the common
 *  keys, and the keys of kinds 1..5. out->segment and offset become 0.
 *  returns  DURA_OK; DURA_EINVAL (NULL); DURA_ECORRUPT (not the one allowed encoding, or
 *           a common key is missing or wrong); DURA_EVERSION (schema).   [any] O(len) */
DURA_API DURA_CHECK int dura_record_decode(const void *cbor, size_t len, dura_record *out);

/** Find `key` (16..) in a decoded record.
 *  returns  DURA_OK; DURA_ENOENT; DURA_ECORRUPT (another type).     [any] O(payload) */
DURA_API DURA_CHECK int dura_record_uint(const dura_record *r, uint32_t key, uint64_t *v);
DURA_API DURA_CHECK int dura_record_int(const dura_record *r, uint32_t key, int64_t *v);
DURA_API DURA_CHECK int dura_record_bytes(const dura_record *r, uint32_t key, const uint8_t **p, size_t *n);
DURA_API DURA_CHECK int dura_record_text(const dura_record *r, uint32_t key, const char **p, size_t *n);

typedef struct dura_records dura_records;

/** Open folder/security.log and folder/decision.log for reading. log: one of DURA_LOG_*,
 *  or 0 for both merged by gseq. Close with dura_records_close().
 *  returns  DURA_OK; DURA_EINVAL; DURA_ENOENT (not a run folder); DURA_EIO; DURA_ENOSPC
 *           (out of memory). On error *out is NULL and *err says why.     [init] I/O */
DURA_API DURA_CHECK int dura_records_open(dura_records **out, const char *folder, int log, dura_error *err);

/** The next record.
 *  returns  1: *rec is filled. 0: the end, or bytes that are no frame in a log's last
 *           segment, where reading alone cannot tell a torn tail from damage: verify can.
 *           DURA_ECORRUPT: damage with a segment behind it, or a frame whose record is
 *           not allowed; *err has file and offset. DURA_EIO, DURA_ENOSPC.
 *                                                        [serial] O(record), I/O */
DURA_API DURA_CHECK int dura_records_next(dura_records *r, dura_record *rec, dura_error *err);

/** Release; NULL is allowed.                                              [serial] */
DURA_API void dura_records_close(dura_records *r);

/* ---- for people and machines ----------------------------------------------------- */

/* Which list a number's name comes from. Reasons are bit numbers. */
enum {
    DURA_NAME_KIND = 0,         /* DURA_REC_*: "decision" */
    DURA_NAME_LOG = 1,          /* "security", "decision" */
    DURA_NAME_FACT = 2,         /* DURA_FACT_*: "input_rejected" */
    DURA_NAME_ACTION = 3,       /* "ACT", "HOLD", "FALLBACK", "STOP" */
    DURA_NAME_MODE = 4,         /* "observe", "enforce" */
    DURA_NAME_VERDICT = 5,      /* "GOOD", "UNKNOWN", "SUSPECT", "FAIL", "MISSING" */
    DURA_NAME_SENSOR_REASON = 6,/* bit of DURA_R_*: "range_fail" */
    DURA_NAME_GUARD_REASON = 7, /* bit of DURA_G_*: "rate" */
    DURA_NAME_CLOCK = 8,        /* "synced" */
    DURA_NAME_OVERRIDE = 9,     /* "stop", "release" */
    DURA_NAME_CAUSE = 10,       /* DURA_CAUSE_*: "normal", "fault", .. "unknown" */
    DURA_NAME_EVIDENCE = 11,    /* DURA_EV_*: "flat" */
    DURA_NAME_MISSING = 12,     /* bit of DURA_MISSING_*: "security" */
    DURA_NAME_EVENT = 13,       /* DURA_EVENT_*: "recon" */
    DURA_NAME_GATE = 14,        /* DURA_GATE_*: "probation" */
    DURA_NAME_WHY = 15,         /* bit of DURA_WHY_*: "signature" */
    DURA_NAME_DRIFT = 16,       /* DURA_DRIFT_BACK..: "up" */
    DURA_NAME_COMPONENT = 17,   /* DURA_COMPONENT_*: "brain" */
    DURA_NAME_INCIDENT = 18,    /* DURA_INCIDENT_OPENED..: "opened" */
    DURA_NAME_TRUST = 19,       /* DURA_TRUST_*: "none", "source", "local" */
    DURA_NAME_DRIFT_WHY = 20,   /* bit of DURA_DRIFT_SHORT..: "short" */
    DURA_NAME_DETECTOR = 21     /* DURA_DRIFT_MIXTURE..: "cusum" */
};

/** The name, or NULL when the value has none. Static storage.          [any] O(names) */
DURA_API DURA_CHECK const char *dura_record_name(int list, uint32_t value);

/* Names of channels and outputs in policy order; any may be NULL or too few: "channel3". */
typedef struct dura_record_names {
    uint32_t struct_size;
    uint16_t n_channels;
    uint16_t n_outputs;
    const char *const *channels;
    const char *const *outputs;
} dura_record_names;
#define DURA_RECORD_NAMES_INIT { (uint32_t)sizeof(dura_record_names), 0, 0, NULL, NULL }

/** One record as one line of JSON, no newline, terminated. Keys are those of docs/verify.md;
 *  integers above 2^53 and all nanoseconds are decimal strings. names may be NULL.
 *  *len: in, room at buf (NULL with 0 asks); out, bytes without the terminator.
 *  returns  DURA_OK; DURA_ENOSPC (*len = bytes wanted, terminator included);
 *           DURA_EINVAL.                                           [any] O(record) */
DURA_API DURA_CHECK int dura_record_json(const dura_record *r, const dura_record_names *names,
                                         char *buf, size_t *len);

#ifdef __cplusplus
}
#endif
#endif
