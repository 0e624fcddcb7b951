/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the gate's sources share: the object, the journal's record, the parts of an
 * envelope. One record is everything the gate must remember (docs/formats/journal.md); it
 * is kept twice in memory, as it stands in storage and as it is to be, so that a write
 * that fails changes nothing.
 */
#ifndef DURA_GATE_PRIV_H
#define DURA_GATE_PRIV_H

#include <dura/gate.h>

#include "../base/dura_base_priv.h"

enum {
    DURAI_GATE_CHUNK = 512,          /* bytes read, hashed or programmed at a time */
    DURAI_GATE_RECORD = 512,         /* bytes of a journal record */
    DURAI_GATE_RECORD_V2 = 464,      /* of one without what approvals need */
    DURAI_GATE_SEAL = 24,            /* of them tag, zeros and checksum, behind what is tagged */
    DURAI_PAE_MAX = DURA_RELEASE_PAYLOAD_MAX + 48,  /* has to fit a small stack */
    DURAI_GATE_JOURNAL_STEP = DURA_CHUNK_BYTES, /* bytes staged between two records: what is noted was judged */
    DURAI_K_CHUNKS = 64,             /* key of a release's payload */
    DURAI_BRAIN_NOTHING = 0xFF       /* active: nothing may run */
};

/* Numbers of a record, in the order of its bytes. */
enum {
    DURAI_N_VERSION = 0,             /* + component - 1 */
    DURAI_N_FLOOR = 3,
    DURAI_N_CANDIDATE = 6,           /* version, floor, length, not before, not after */
    DURAI_N_OFFSET = 11,
    DURAI_N_WALL = 12,               /* seconds: no trusted clock may be below */
    DURAI_N_SLOT = 13,               /* version, length of A; of B */
    DURAI_NUMBERS = 17
};
enum { DURAI_C_VERSION = 6, DURAI_C_FLOOR = 7, DURAI_C_LENGTH = 8, DURAI_C_BEFORE = 9, DURAI_C_AFTER = 10 };

/* Digests of a record, in the order of its bytes. */
enum {
    DURAI_D_CANDIDATE = 0,
    DURAI_D_BOUND = 1,               /* policy the candidate was made for */
    DURAI_D_SLOT = 2,                /* A; B */
    DURAI_D_POLICY = 4,              /* in force by a release */
    DURAI_D_BOX = 5,                 /* authorised */
    DURAI_DIGESTS = 6
};

/* Whose needs: the candidate's, and of what was committed. Two other components each, in
 * ascending order, least and most version. */
enum { DURAI_NEED_CANDIDATE = 0, DURAI_NEED_BOX = 1, DURAI_NEED_POLICY = 2, DURAI_NEED_SLOT = 3, DURAI_NEEDS = 5 };
typedef struct durai_gate_need {
    uint32_t least[2], most[2];      /* most 0: any */
} durai_gate_need;

/* Flags of a record. */
enum {
    DURAI_F_URGENT = DURA_RELEASE_EMERGENCY,
    DURAI_F_PAST = 1 << 1,           /* past an open incident */
    DURAI_F_BACK = DURA_RELEASE_BACK,
    DURAI_F_SUBSTANTIAL = DURA_RELEASE_SUBSTANTIAL,
    DURAI_F_SIGNED = DURAI_F_URGENT | DURAI_F_BACK | DURAI_F_SUBSTANTIAL, /* as the release has them */
    DURAI_F_WRITTEN = DURAI_F_SIGNED | DURAI_F_PAST,
    DURAI_F_OLD = 1 << 7             /* read from a record of version 2; not written */
};
/* DURA_WHY2_* where both words are one number. */
#define DURAI_WHY2(bits) ((uint64_t)(bits) << 32)
/* What flags say beside why not. */
uint64_t durai_gate_how(uint32_t flags);

typedef struct durai_gate_record {
    uint64_t seq;
    uint8_t state, component, active, slot, attempt;
    uint8_t approved;                /* bits of keys, by their index */
    uint8_t signed_by;               /* and of those that signed the candidate */
    uint8_t flags;                   /* DURAI_F_* */
    uint64_t why;                    /* DURA_WHY_*, and DURA_WHY2_* above */
    uint32_t probation;
    uint32_t practices;              /* the candidate's evidence shows these */
    uint64_t n[DURAI_NUMBERS];
    uint8_t d[DURAI_DIGESTS][DURA_HASH_BYTES];
    durai_gate_need need[DURAI_NEEDS];
    uint64_t nonce;                  /* number of the record that took the candidate */
    uint8_t release[DURA_HASH_BYTES];/* SHA-256 of its payload */
} durai_gate_record;

/* Where the journal's next record goes. */
typedef struct durai_gate_place {
    uint64_t next;                   /* offset */
    uint32_t slot;                   /* bytes of a record, programming unit included */
    uint32_t bank;                   /* bytes that are erased together */
    uint32_t good;                   /* bank of the newest valid record */
    uint32_t found;                  /* 1: there is one */
} durai_gate_place;

/* The wall clock beside the boot's own. */
typedef struct durai_gate_clock {
    int64_t wall_s, mono_ns;         /* since when it has shown this second */
    uint32_t stuck;                  /* 1: for more than a minute */
    uint32_t reserved;
} durai_gate_clock;

struct dura_gate {
    dura_gate_config cfg;
    dura_gate_hooks hooks;
    const dura_region *journal, *slot[2];
    const dura_crypto *crypto;
    durai_gate_place place;
    uint64_t seq;                    /* given to the last record, written or not */
    int64_t wall_s;                  /* the highest trusted time seen */
    durai_gate_clock clock;
    uint64_t at;                     /* bytes of the slot read and hashed */
    uint64_t pos;                    /* bytes of the subject taken */
    uint32_t fill;                   /* of them in work */
    uint64_t unmet;                  /* DURA_WHY_*: conditions as of the last step */
    uint64_t fail;                   /* DURA_WHY_*: the release in hand is being ended */
    uint32_t vector;                 /* golden vectors tried */
    uint32_t frames;                 /* answered in the shadow run, then served in probation */
    uint8_t opened, driving, kept, dirty, started;
    uint8_t checked;                 /* a slot was compared; while bytes come: their chunk is proven */
    uint8_t said;                    /* state that was said last */
    uint8_t offered_by;              /* keys that signed what is being offered */
    const uint8_t *arena;            /* where the brain in hand lies */
    const uint8_t *image;            /* and the one that was kept; NULL: the factory's */
    durai_gate_record rec, draft;
    uint64_t work[DURAI_GATE_CHUNK / 8];
    union {                          /* an offer is judged when nothing is being hashed */
        dura_hash_state hash;
        dura_release release;
    } u;
    dura_fact fact;                  /* being said; these two are not on the stack */
    float out[16], want[16];         /* of the golden vector tried */
    uint8_t sum[DURA_HASH_BYTES];
};

/* ---- journal ---------------------------------------------------------------------- */

/* A region the gate can work with. */
int durai_gate_region_ok(const dura_region *r);
/* Read it: g->rec is the newest valid record, g->place knows where the next one goes.
 * 1: found; 0: nothing valid; DURA_EINVAL (geometry); a hook's code. */
int durai_gate_load(dura_gate *g);
/* Make g->draft durable, then it is g->rec. DURA_OK; a hook's code; DURA_EIO (reads
 * otherwise). */
int durai_gate_store(dura_gate *g);
/* A record's bytes, `room` at most, into r. 1: valid; 0: not, or of no use; a hook's code. crypto may be
 * NULL: the tag is not looked at. */
int durai_gate_decode(const uint8_t *bytes, size_t room, const dura_crypto *crypto, durai_gate_record *r);

/* ---- windows ---------------------------------------------------------------------- */

/* Fields of the window and of local time are in their ranges. */
int durai_gate_window_ok(const dura_gate_config *c);
/* Is the window open from one minute (since 1970, UTC) to another and for `must_finish`
 * longer? c->window_minutes >= 1. */
int durai_gate_window_open(const dura_gate_config *c, int64_t from_minute, int64_t to_minute);
void durai_gate_watch_clock(durai_gate_clock *k, const dura_time *now);
/* Of a clock whose quality is enough and which is not behind: DURA_WHY_CLOCK, DURA_WHY_WINDOW,
 * or 0. c->window_minutes >= 1. */
uint32_t durai_gate_window(const dura_gate_config *c, const dura_time *now);

/* ---- releases --------------------------------------------------------------------- */

/* dura_release_verify on checked arguments; room: DURAI_PAE_MAX bytes. > 0: bits of the keys
 * that signed it. */
int durai_release_verify(uint64_t *room, const void *envelope, size_t len, const dura_crypto *crypto,
                         const dura_gate_config *cfg, dura_release *out, uint32_t *why);
/* Types of statements. Their names are of one length, and so are their envelopes. */
enum { DURAI_KIND_RELEASE = 0, DURAI_KIND_APPROVAL = 1, DURAI_KINDS = 2 };
/* The pre-authentication encoding of a payload; bytes, 0: longer than cap. */
size_t durai_release_pae(uint8_t *out, size_t cap, uint32_t kind, const uint8_t *payload, size_t len);
/* Every key a role, none twice. */
int durai_gate_keys_ok(const dura_gate_key *keys, uint32_t n, uint32_t threshold, uint32_t roles);
/* What an envelope holds. Its encoding is one only, so parts lie where they must. */
typedef struct durai_envelope {
    const uint8_t *payload;
    const uint8_t *signatures;       /* n of DURAI_SIGNATURE bytes each */
    const uint8_t *pae;              /* what was signed, once durai_envelope_ready() was called */
    const dura_crypto *crypto;       /* who judges it, set before that, and by which keys */
    const dura_gate_key *keys;
    uint16_t len, pae_len;
    uint8_t n, kind;                 /* DURAI_KIND_* */
    uint16_t n_keys;
    uint32_t hint;                   /* four bits for each of the first eight signatures: whose id it
                                        carries; 8: nobody's */
} durai_envelope;
enum {
    DURAI_SIGNATURES_MAX = 16,
    DURAI_SIGNATURE = 78,            /* a2 01 48 key id, 02 58 40 signature */
    DURAI_SIGNATURE_ID = 3,          /* where its parts begin */
    DURAI_SIGNATURE_SIG = 14
};
/* Any kind. DURA_OK; DURA_ECORRUPT. */
int durai_envelope_open(durai_envelope *e, const void *envelope, size_t len);
/* By whom it is judged. */
static inline void durai_envelope_by(durai_envelope *e, const dura_crypto *c, const dura_gate_key *keys, uint32_t n_keys)
{
    e->crypto = c;
    e->keys = keys;
    e->n_keys = (uint16_t)n_keys;
}
void durai_envelope_hints(durai_envelope *e, uint64_t *room);
void durai_envelope_pae(durai_envelope *e, uint64_t *room);
/* Hints, and what was signed, into room of DURAI_PAE_MAX bytes, 8-byte aligned. Before signers(),
 * whose stack it does not lie on. */
static inline void durai_envelope_ready(durai_envelope *e, uint64_t *room)
{
    durai_envelope_hints(e, room);
    durai_envelope_pae(e, room);
}
/* Which keys signed, as bits; < 0: a hook's code. */
int durai_envelope_signers(const durai_envelope *e);

/* ---- chunks ----------------------------------------------------------------------- */

/* The digest of n bytes into g->sum; a hook's code. */
int durai_gate_hash(dura_gate *g, const void *p, size_t n);
/* The root in a checked payload, DURA_HASH_BYTES; NULL: it has none. */
const uint8_t *durai_release_chunks(const uint8_t *payload, size_t len);
/* A brain's bytes are coming. */
int durai_gate_takes(const dura_gate *g);
/* dura_gate_calls.prove */
int durai_gate_prove(dura_gate *g, const void *envelope, size_t len, const uint8_t *leaf, const uint8_t *path, uint32_t n);
/* The next bytes, before they are taken. DURA_OK; DURA_EDENIED: they end a proven chunk and are not
 * it, g->fail says so; a hook's code. */
int durai_gate_chunk(dura_gate *g, const uint8_t *p, size_t n);

/* A text of 1..63 bytes without control characters. */
int durai_release_text_ok(const durai_item *v);

/* Has this key signed it? room as above. 1; 0; a hook's code. */
int durai_envelope_signed_by(uint64_t *room, const void *envelope, size_t len, const dura_crypto *c,
                             const dura_gate_key *key);

/* What an approval says; the pointers lie in its payload. */
typedef struct durai_approval {
    const uint8_t *release, *policy; /* DURA_HASH_BYTES each */
    const char *device;              /* n_device bytes */
    uint64_t nonce;
    int64_t not_after_s;             /* 0: no limit */
    uint32_t n_device;
} durai_approval;
/* Of bytes that durai_cbor_check() took. DURA_OK; DURA_ECORRUPT; DURA_EVERSION; DURA_EINVAL. */
int durai_approval_decode(durai_approval *out, const uint8_t *payload, size_t len);

/* ---- brains ----------------------------------------------------------------------- */

typedef struct durai_golden {
    const uint8_t *at;               /* first vector */
    uint32_t n;
    uint16_t n_in, n_out;
    float abs_tol, rel_tol;
} durai_golden;

/* Is every part that a checked image is bound to there? policy as in the hook `part`. */
int durai_brain_fits(const dura_gate_hooks *hooks, const uint8_t *policy, const void *image, size_t len);
/* The golden vectors of a checked image. DURA_OK; DURA_ENOENT; DURA_ECORRUPT. */
int durai_golden_open(durai_golden *out, const void *image, size_t len);
/* |got - want| <= abs_tol + rel_tol x |want|, all of it finite. */
int durai_golden_right(const durai_golden *g, float got, float want);

#endif
