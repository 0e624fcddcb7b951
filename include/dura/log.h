/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dura/log.h - two logs, one timeline.
 *
 * A security log (did someone attack?) and a decision log (why did it decide so?).
 * Each is an RFC 6962 Merkle tree of deterministic CBOR records; one dense number,
 * gseq, runs over both; at every epoch each log signs its own tree head together with
 * the other's, with a key that is wiped afterwards. docs/formats/log.md has the bytes.
 *
 *   dura_log_bytes -> init (recovers) -> append | step ... -> deinit
 *
 * Two contexts. append() copies into a ring and returns: it never hashes, waits or
 * touches storage. One worker calls step(), which numbers, encodes, hashes, stores,
 * commits and seals within a budget. Each ring has one producer; there is no lock.
 *
 * Accepted is not durable: append() says accepted, dura_log_durable() says what
 * survives a power cut. What does not fit is counted and becomes a drop record;
 * dropped records take no number. docs/log.md says what a full storage does.
 *
 * Memory: yours. No allocation, no globals, no clock. Storage and keys through port.
 */
#ifndef DURA_LOG_H
#define DURA_LOG_H

#include <dura/port.h>

#ifdef __cplusplus
extern "C" {
#endif

#define DURA_LOG_RINGS_MAX 4
#define DURA_RECORD_MAX 65535      /* bytes of one encoded record; C2SP tlog-tiles limit */

/* Kinds of records. Values never move. 1..15 are written by the log itself. */
enum {
    DURA_REC_GENESIS = 1,    /* first record of a log: origin, epoch-0 public key */
    DURA_REC_SEAL = 2,       /* signed tree head of this log and of the other */
    DURA_REC_DROP = 3,       /* records lost: ring, count, first and last time */
    DURA_REC_RECOVER = 4,    /* bytes given up after an unclean stop, and their digest */
    DURA_REC_CLOSE = 5,      /* clean end; may carry the caller's manifest */
    DURA_REC_SPACE = 6,      /* a log's storage is filled to config.warn_permille */
    DURA_REC_FACT = 16,      /* a dura_fact */
    DURA_REC_DECISION = 17,  /* one guarded decision */
    DURA_REC_BOOT = 18,      /* the guard started: policy, model, state it starts from */
    DURA_REC_EVENT = 19,     /* a security-relevant event from outside (CR 2.8 fields) */
    DURA_REC_INCIDENT = 20,  /* the correlator opened, revised or closed an incident */
    DURA_REC_RETRAIN = 21    /* a confirmed drift: the model should be trained anew */
};

/* dura_log_entry.flags */
enum {
    DURA_LOG_URGENT = 1      /* may use the storage that config.reserve_segments keeps back */
};

/* Key 20 of a DROP record: why records were lost, or'ed. */
enum {
    DURA_LOST_RING = 1,      /* append() found the ring full */
    DURA_LOST_PAYLOAD = 2,   /* no canonical CBOR, or too long, or the encoder refused it */
    DURA_LOST_STORAGE = 4    /* the log's storage is full */
};

/* What the worker does with a record that storage has no place for. */
enum {
    DURA_LOG_FULL_STOP = 0,  /* step() says DURA_EFULL, the record waits: decisions should stop */
    DURA_LOG_FULL_DROP = 1   /* it is lost, counted and told; step() goes on */
};

/* What append() takes beside the payload. 64 bytes. */
typedef struct dura_log_entry {
    uint32_t struct_size;
    uint8_t  log;            /* DURA_LOG_SECURITY or DURA_LOG_DECISION */
    uint8_t  raw;            /* 0: the payload is CBOR pairs, keys 16.. ascending;
                                1: it is bytes for config.encode */
    uint16_t kind;           /* DURA_REC_*, >= 16 */
    uint16_t source;         /* who speaks; DURA_NONE: nobody in particular */
    uint16_t n_pairs;        /* CBOR pairs in the payload; ignored when raw */
    uint32_t flags;          /* DURA_LOG_URGENT; was `reserved` */
    dura_time time;          /* when it happened */
    uint64_t reserved2[2];   /* 0 */
} dura_log_entry;

/* Turns a raw payload into CBOR pairs with keys 16.. ascending, in the worker's context.
 * Called again for the same entry when a segment ends in between.
 * returns bytes written (*n_pairs set), or negative: the record is then a drop. */
typedef int (*dura_log_encode)(void *user, const dura_log_entry *e, const void *payload,
                               size_t len, uint8_t *out, size_t cap, uint16_t *n_pairs);

/* A record of a ring that got its number. Pointers are borrowed for the call. */
typedef struct dura_log_note {
    const dura_log_entry *entry;
    const void *payload;     /* what append() was given; pairs lie in the record */
    const void *record;      /* the bytes that will be hashed */
    size_t payload_len, record_len;
    uint64_t gseq;
} dura_log_note;

/* Hears of every record of a ring, once, in the worker's context. May append, not step. */
typedef void (*dura_log_noted)(void *user, const dura_log_note *note);

/* Zero any field for its default. Start from DURA_LOG_CONFIG_INIT. */
typedef struct dura_log_config {
    uint32_t struct_size;
    uint16_t n_rings;        /* 1..DURA_LOG_RINGS_MAX; default 2 */
    uint16_t max_record;     /* bytes of one encoded record, 256..65535; default 512 */
    uint32_t ring_bytes;     /* per ring, power of two, 256..2^24; default 4096. How to
                                choose: (records per second) x (worst gap between two
                                step() calls) x (payload + 72) */
    uint32_t buffer_bytes;   /* per log, frames wait here for one prog call, >= max_record
                                + 32 + prog_size; default twice that. Bigger: fewer,
                                longer prog calls */
    uint32_t segment_bytes;  /* power of two, multiple of erase_size, >= 4096; default
                                65536. Recovery reads one segment per log */
    uint32_t commit_records; /* sync after this many records; default 1 */
    uint32_t commit_ms;      /* ... or after this long by the caller's time; 0: no limit */
    uint32_t seal_records;   /* new epoch after this many records; default 1024 */
    uint32_t seal_ms;        /* ... or after this long, empty epochs too; 0: no limit */
    uint32_t tree_height;    /* 8..40: at most 2^h - 1 records per log; default 32. Each
                                level costs 32 bytes per log */
    uint32_t key_slot;       /* DURA_KEY_LOG unless the box has several */
    dura_log_encode encode;  /* optional: without it raw entries are DURA_ENOTSUP */
    void *encode_user;
    dura_log_noted noted;    /* optional */
    void *noted_user;
    uint16_t warn_permille;  /* 1..1000: a SPACE record in the security log when so much of a
                                log's segments is in use, and at each init() while it is;
                                0: none */
    uint16_t reserve_segments; /* the last segments of each region, kept for urgent entries;
                                the very last for the log's own records: drops, seals, the
                                close. 0: none, then a full log cannot tell what it lost */
    uint32_t when_full;      /* DURA_LOG_FULL_* */
} dura_log_config;
#define DURA_LOG_CONFIG_INIT                                                           \
    { (uint32_t)sizeof(dura_log_config), 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, NULL, NULL, NULL, NULL, 0, 0, 0 }

typedef struct dura_log dura_log;      /* lives in memory you give to init */

/* What init() found. */
enum {
    DURA_LOG_FRESH = 0,        /* both regions were blank: genesis written */
    DURA_LOG_CLOSED = 1,       /* the last stop was clean */
    DURA_LOG_CUT = 2,          /* unclean stop; what was durable is there */
    DURA_LOG_DAMAGED = 3       /* something durable is missing or altered: the recover
                                  record says where, the log goes on behind it */
};

/* Figures. 112 bytes. */
typedef struct dura_log_status {
    uint32_t struct_size;    /* in: sizeof in your build; out: bytes filled */
    uint8_t  found;          /* DURA_LOG_FRESH.. */
    uint8_t  sealed;         /* 1: nothing was appended since the last seal */
    uint8_t  reserved[2];    /* 0 */
    uint64_t gseq;           /* the next number over both logs */
    uint64_t durable;        /* every number below this one survives a power cut */
    uint64_t seq[2];         /* next number in the security, decision log = tree sizes */
    uint64_t end[2];         /* bytes used in each region, staged frames included */
    uint64_t dropped;        /* records lost since init */
    uint64_t lost_bytes;     /* bytes given up by recovery at init */
    uint32_t epoch;          /* current key epoch */
    uint32_t pending;        /* ring bytes waiting now, all rings */
    uint32_t high_water;     /* most ring bytes that ever waited in one ring */
    int32_t  last_error;     /* last failing hook's code, 0 when all is well */
    uint8_t  origin[16];     /* first half of SHA-256(epoch-0 public key) */
    uint64_t reserved2;      /* 0 */
} dura_log_status;
#define DURA_LOG_STATUS_INIT                                                           \
    { (uint32_t)sizeof(dura_log_status), 0, 0, {0, 0}, 0, 0, {0, 0}, {0, 0}, 0, 0, 0,  \
      0, 0, 0, {0}, 0 }

/** Exact bytes init() needs; 0 when cfg is invalid. port may be NULL (prog_size 1).
 *                                                                       [any] O(1) */
DURA_API DURA_CHECK size_t dura_log_bytes(const dura_log_config *cfg, const dura_port *port);

/** Open both logs: blank regions get their genesis, others are recovered - the end of
 *  the last segment is found, what a power cut tore is given up and a recover record
 *  says what and how much. cfg is copied, port borrowed until deinit.
 *  returns  DURA_OK; DURA_EINVAL, DURA_ENOSPC, DURA_EALIGN, DURA_EVERSION (cfg);
 *           DURA_ENOTSUP (port lacks a log region or the hash); DURA_EINVAL, DURA_ELIMIT
 *           (storage holds a log of other segment_bytes, alignment, or a larger tree);
 *           DURA_ECORRUPT (no segment can be read though the regions are not blank); a
 *           hook's code. On error *out is NULL, and trying again is safe. A full log
 *           opens; step() then says DURA_EFULL.    [init, port] O(segment), one sync */
DURA_API DURA_CHECK int dura_log_init(dura_log **out, void *mem, size_t len,
                                      const dura_log_config *cfg, const dura_port *port,
                                      const dura_time *now);

/** Hand over one record. e and payload are copied; e->time orders it.
 *  returns  DURA_OK: accepted (not yet durable). DURA_EFULL: no room, counted, a drop
 *           record will say so. DURA_EINVAL (ring, kind, len 0 < n_pairs, too long).
 *                   [isr, one producer per ring] O(len), no lock, no hash, no port call */
DURA_API DURA_CHECK int dura_log_append(dura_log *log, uint32_t ring, const dura_log_entry *e,
                                        const void *payload, size_t len);

/** Work: take records from the rings in turn, number, encode, hash and store them;
 *  commit and seal when due at `now`. Spends at most `budget` work units (dura_cost);
 *  a hook call that alone costs more runs only as the first of a call.
 *  returns  >= 0: units spent, 0 when there was nothing to do. < 0: a hook's code or
 *           DURA_EFULL (storage, tree): all that was numbered is durable, the record stays
 *           in its ring, the other rings and the other log went on, and the next call tries
 *           again; DURA_EINVAL; DURA_ESTATE (after deinit).
 *           UINT32_MAX is a budget without end.            [serial worker, port] */
DURA_API DURA_CHECK int dura_log_step(dura_log *log, const dura_time *now, uint32_t budget);

/** Every gseq below this survives a power cut.                   [serial worker] O(1) */
DURA_API DURA_CHECK uint64_t dura_log_durable(const dura_log *log);

/** Empty the rings, commit, seal the epoch.
 *  returns  DURA_OK or as step().                     [serial worker, port] unbounded */
DURA_API DURA_CHECK int dura_log_save(dura_log *log, const dura_time *now);

/** Clean end: as save(), with a close record before the final seals. pairs: NULL, or the
 *  caller's manifest as n_pairs CBOR pairs with keys 16.. ascending, len bytes, at most
 *  max_record - 72. From here on the object takes nothing more; after an error only this
 *  call again, which goes on where it was.
 *  returns  DURA_OK or as step().                     [serial worker, port] unbounded */
DURA_API DURA_CHECK int dura_log_deinit(dura_log *log, const dura_time *now, const void *pairs,
                                        size_t len, uint16_t n_pairs);

/** Fill *out (set out->struct_size first). returns DURA_OK, DURA_EINVAL.
 *                                                              [serial worker] O(1) */
DURA_API DURA_CHECK int dura_log_query(const dura_log *log, dura_log_status *out);

#ifdef __cplusplus
}
#endif
#endif
