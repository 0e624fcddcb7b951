/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dura/link.h - did this frame come from our sensor, and is it new?
 *
 * A sensor unit seals a frame: header, one 64-bit number that never repeats, the time of
 * measurement, the values, a keyed tag. The guard's side opens it: length, version and
 * source first (cheap), then the tag, then freshness, then the content. What is not
 * authentic moves nothing but a count of refusals, so a forger can neither lock the sender
 * out nor make the receiver forget.
 *
 *   sender:    dura_link_bytes -> init -> attach (key) -> start -> seal...
 *   receiver:  dura_link_bytes -> init -> attach (key, and the next one) -> load -> open...
 *
 * The number is epoch << 32 | count. The sender raises and persists the epoch at every
 * start, before its first frame; a count that runs out takes the next epoch; the last
 * number of all is the end, never a wrap. The number is the frame of the decision log and
 * of every security event: the join key.
 *
 * Tags: HMAC-SHA-256, first 128 bits (default; the key stays in the provider); SipHash-2-4,
 * 64 bits (constrained units; the key is in this object); CRC-32, NOT SECURE: it finds
 * faults, anybody can make one. docs/formats/link.md has the bytes, docs/link.md the rules.
 *
 * Memory: yours. No allocation, no globals, no clock, no I/O but the hooks.
 * Threads: one caller at a time per object [serial].
 */
#ifndef DURA_LINK_H
#define DURA_LINK_H

#include <dura/port.h>

#ifdef __cplusplus
extern "C" {
#endif

#define DURA_LINK_CHANNELS_MAX 1024
#define DURA_LINK_BYTES 256        /* what an object may ever need in this ABI */
#define DURA_LINK_SAVE_BYTES 40    /* what dura_link_save() writes */
#define DURA_LINK_EVENT_MAX 192    /* what dura_link_event() writes at most */
#define DURA_LINK_SIP_BYTES 16     /* a SipHash key */

/* Bytes of a frame of n channels with the longest tag: room that always suffices. */
#define DURA_LINK_FRAME_MAX(n) ((size_t)44 + (size_t)4 * (n) + (size_t)2 * (((size_t)(n) + 7u) / 8u))

/* The tag. Weaker has the higher number. */
enum {
    DURA_LINK_HMAC = 1,        /* HMAC-SHA-256, 16 bytes */
    DURA_LINK_SIPHASH = 2,     /* SipHash-2-4, 8 bytes */
    DURA_LINK_CRC = 3          /* CRC-32, 4 bytes: NOT SECURE, faults only */
};

/* What a value of a frame is. */
enum { DURA_LINK_F32 = 0, DURA_LINK_I32 = 1 };

/* Why a frame was refused, and (from bit 16) what is to be said of an accepted one. Bits
 * are never renumbered. */
enum {
    DURA_L_LENGTH = 1 << 0,    /* not as long as its header, or as this link's frames are */
    DURA_L_VERSION = 1 << 1,   /* no frame, or one this build does not know */
    DURA_L_SOURCE = 1 << 2,    /* names another source */
    DURA_L_PROFILE = 1 << 3,   /* weaker tag than `least`; AUTH is set, too */
    DURA_L_KEY = 1 << 4,       /* key unknown or retired, or not of that profile; AUTH, too */
    DURA_L_AUTH = 1 << 5,      /* not authentic */
    DURA_L_REPLAY = 1 << 6,    /* authentic, but its number was accepted or passed before */
    DURA_L_EPOCH = 1 << 7,     /* with REPLAY: of an earlier epoch; else: the sender started
                                  anew */
    DURA_L_WRONG_SEQUENCE = 1 << 8, /* authentic, but more than max_delta ahead */
    DURA_L_CONTENT = 1 << 9,   /* authentic, but not in the one allowed encoding, or a float
                                  where `kinds` wants a count */
    DURA_L_UNCHECKED = 1 << 10,/* the provider failed: nobody knows */
    DURA_L_LOST = 1 << 16,     /* numbers before this one never came */
    DURA_L_LATE = 1 << 17,     /* older than the newest, but never seen: do not step on it */
    DURA_L_RESYNC = 1 << 18,   /* taken after `resync_after` consecutive ones beyond max_delta */
    DURA_L_ROTATED = 1 << 19,  /* the first under the next key, which is the key from here on */
    DURA_L_SAVE = 1 << 20,     /* less than half of `ahead` is left of what save() wrote: save
                                  now, else a reset may accept again what was accepted */
    DURA_L_ROUNDED = 1 << 21,  /* an i32 has no float of its own: the nearest one was given;
                                  never where `kinds` says I32 */
    DURA_L_FIRST = 1 << 22     /* nothing was held or loaded: its freshness is taken on trust */
};

/* Zero any field for its default. Start from DURA_LINK_CONFIG_INIT. */
typedef struct dura_link_config {
    uint32_t struct_size;
    uint16_t source;           /* who measures; 0..65534 */
    uint16_t n_channels;       /* 1..DURA_LINK_CHANNELS_MAX; no default */
    uint8_t  least;            /* weakest profile that is accepted; default HMAC */
    uint8_t  window;           /* late frames are taken this far back, 1 (none)..64; default
                                  64 */
    uint8_t  resync_after;     /* consecutive numbers beyond max_delta that are a new place;
                                  default 3 */
    uint8_t  reserved;         /* 0 */
    uint32_t max_delta;        /* largest step within an epoch; 0: any */
    uint32_t overlap;          /* accepted frames for which the former key still serves after
                                  a rotation; 0: none */
    uint32_t ahead;            /* save() writes a number this far ahead: one save per half of
                                  it, and up to so many frames refused after a reset */
    uint64_t least_frame;      /* numbers below are REPLAY, e.g. from provisioning */
    const dura_crypto *crypto; /* borrowed; needed by HMAC only */
    const uint8_t *kinds;      /* NULL, or n_channels bytes, borrowed: DURA_LINK_F32 or I32, as
                                  the sensor's channels are (DURA_KIND_*). Where it says I32,
                                  open() gives the bits of the count as a cell, exactly, and
                                  refuses a float; elsewhere a count becomes the nearest float.
                                  NULL: all float */
} dura_link_config;
#define DURA_LINK_CONFIG_INIT                                                          \
    { (uint32_t)sizeof(dura_link_config), 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, NULL, NULL }

/* A key. Start from DURA_LINK_KEY_INIT. */
typedef struct dura_link_key {
    uint32_t struct_size;
    uint8_t  id;               /* on the wire */
    uint8_t  profile;          /* DURA_LINK_* */
    uint16_t reserved;         /* 0 */
    uint32_t slot;             /* HMAC: the provider's number, DURA_KEY_LINK and up */
    uint8_t  sip[DURA_LINK_SIP_BYTES]; /* SIPHASH: the key, copied; else 0 */
} dura_link_key;
#define DURA_LINK_KEY_INIT { (uint32_t)sizeof(dura_link_key), 0, 0, 0, 0, {0} }

/* Makes the epoch durable, and only then returns 0. A negative value (below -100): no
 * frame is sealed. */
typedef int (*dura_link_persist)(void *user, uint32_t epoch);

/* What open() says of the bytes. */
typedef struct dura_link_report {
    uint32_t struct_size;      /* in: sizeof in your build; out: bytes filled */
    uint32_t reasons;          /* DURA_L_* */
    uint64_t frame;            /* its number: proven when authentic, else claimed; 0 when the
                                  bytes are too few */
    uint64_t lost;             /* numbers missing just before it */
    uint8_t  authentic;        /* 1: the tag is right under an accepted key (CRC: only no
                                  fault) */
    uint8_t  profile;          /* as claimed */
    uint8_t  key_id;
    uint8_t  reserved[5];      /* 0 */
    dura_fact fact;            /* DURA_FACT_LINK, or NONE: nothing to record. Of a run of
                                  refusals the 1st, 2nd, 4th, 8th ... has one */
} dura_link_report;
#define DURA_LINK_REPORT_INIT                                                          \
    { (uint32_t)sizeof(dura_link_report), 0, 0, 0, 0, 0, 0, {0, 0, 0, 0, 0},           \
      {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, {0, 0, 0, 0}} }

/* Figures of a link. */
typedef struct dura_link_status {
    uint32_t struct_size;      /* in: sizeof in your build; out: bytes filled */
    uint16_t key_id;           /* in use; DURA_NONE: none */
    uint16_t other_key_id;     /* next, or former and still accepted; DURA_NONE: none */
    uint64_t frame;            /* newest accepted, or last sealed */
    uint64_t saved;            /* what a reset would go on from */
    uint64_t accepted;         /* frames opened, or sealed */
    uint64_t lost;             /* numbers that never came */
    uint64_t auth;             /* refused: AUTH */
    uint64_t replay;           /* refused: REPLAY */
    uint64_t other;            /* refused for any other reason */
} dura_link_status;
#define DURA_LINK_STATUS_INIT { (uint32_t)sizeof(dura_link_status), 0, 0, 0, 0, 0, 0, 0, 0, 0 }

typedef struct dura_link dura_link;        /* lives in memory you give to init */

/** Exact bytes init() needs, at most DURA_LINK_BYTES; 0 when cfg is invalid. [any] O(1) */
DURA_API DURA_CHECK size_t dura_link_bytes(const dura_link_config *cfg);

/** Build in mem (8-byte aligned). cfg is copied, cfg->crypto and cfg->kinds borrowed.
 *  returns  DURA_OK; DURA_EINVAL, DURA_ENOSPC, DURA_EALIGN, DURA_EVERSION.  [init] O(1) */
DURA_API DURA_CHECK int dura_link_init(dura_link **out, void *mem, size_t len,
                                       const dura_link_config *cfg);

/** Give a key. The first is in use at once. On a receiver a further one is the next key: it
 *  is in use from its first accepted frame on, and the former one ends after `overlap` more.
 *  On a sender, once started, it is in use at once. key is copied.
 *  returns  DURA_OK; DURA_EINVAL (profile unknown, weaker than `least`, or without its key;
 *           the id in use); DURA_ENOTSUP (no mac in the provider); DURA_EVERSION.
 *                                                                      [serial] O(1) */
DURA_API DURA_CHECK int dura_link_attach(dura_link *l, const dura_link_key *key);

/** Make it a sender: epoch `last` + 1 is made durable through persist and begins. last: the
 *  epoch persisted before, 0 the first time. persist is kept: it is called again should 2^32
 *  frames be sealed.
 *  returns  DURA_OK; DURA_EINVAL; DURA_ESTATE (started, has opened or loaded, or has no
 *           key); DURA_ELIMIT (last was the last one: never a wrap); persist's own code.
 *                                                                  [init, port] O(1) */
DURA_API DURA_CHECK int dura_link_start(dura_link *l, uint32_t last, dura_link_persist persist,
                                        void *user);

/** Make one frame. values: n == n_channels values of 4 bytes, float or int32_t as kinds says
 *  (n bytes DURA_LINK_F32 or I32; NULL: the config's); missing: NULL, or n bytes, non-zero where
 *  there is none; time_ns >= 0. *len: in, room at out; out, bytes (of the least: wanted).
 *  returns  DURA_OK; DURA_EINVAL; DURA_ESTATE (not started); DURA_ENOSPC; DURA_ELIMIT (the
 *           numbers are used up); a hook's code. On error no number is used.
 *                                                                  [serial, port] O(n) */
DURA_API DURA_CHECK int dura_link_seal(dura_link *l, int64_t time_ns, const void *values,
                                       const uint8_t *kinds, const uint8_t *missing, size_t n,
                                       void *out, size_t *len);

/** Judge the bytes of one frame; fill frame, values (n_channels floats, or cells of a count
 *  where the config's kinds say so) and missing (n_channels bytes) only when it is accepted.
 *  frame gets source, n, frame, values, missing and time.mono_ns (the sender's); its
 *  struct_size and baseline are yours.
 *  returns  DURA_OK: accepted (look for DURA_L_LATE and DURA_L_SAVE). DURA_EAUTH: refused, out
 *           says why; nothing else is written. DURA_EINVAL; DURA_ESTATE (no key, or a
 *           sender); the provider's code (refused, UNCHECKED).    [serial, port] O(len) */
DURA_API DURA_CHECK int dura_link_open(dura_link *l, const void *bytes, size_t len,
                                       dura_frame *frame, float *values, uint8_t *missing,
                                       dura_link_report *out);

/** The fact of a report as the CBOR pairs of an EVENT record, for dura_guard_event(): a
 *  frame that was not authentic has an id "claimed source/number", others "frame ...".
 *  fact->asset and zone may be set before.
 *  returns  bytes written; DURA_EINVAL (not a fact of a link); DURA_ENOSPC.   [any] O(1) */
DURA_API DURA_CHECK int dura_link_event(const dura_fact *fact, void *out, size_t cap,
                                        uint16_t *n_pairs);

/** A receiver's freshness as portable bytes with a CRC: DURA_LINK_SAVE_BYTES, the same on
 *  every target. *len: in, room at out; out, bytes.
 *  returns  DURA_OK; DURA_EINVAL; DURA_ESTATE (a sender); DURA_ENOSPC.     [serial] O(1) */
DURA_API DURA_CHECK int dura_link_save(dura_link *l, void *out, size_t *len);

/** Go on from saved bytes: no number up to theirs is accepted any more, a key that was
 *  rotated out stays out. Attach the keys before. Never lowers what is held.
 *  returns  DURA_OK; DURA_ECORRUPT; DURA_EVERSION; DURA_EAUTH (another source); DURA_EINVAL;
 *           DURA_ESTATE (a sender, or no key). On error nothing changed.    [serial] O(1) */
DURA_API DURA_CHECK int dura_link_load(dura_link *l, const void *bytes, size_t len);

/** Fill *out (set out->struct_size first). returns DURA_OK, DURA_EINVAL.   [serial] O(1) */
DURA_API DURA_CHECK int dura_link_query(const dura_link *l, dura_link_status *out);

#ifdef __cplusplus
}
#endif
#endif
