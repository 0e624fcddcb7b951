/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the sources of the log share: the object, and the steps it is made of.
 *
 *   dura_log.c          public calls, rings, drops, encoding, the order of work
 *   dura_log_store.c    frames, leaves and trees, prog and sync, new segments
 *   dura_log_seal.c     genesis, epochs, seals and their signed text
 *   dura_log_recover.c  what init() does with regions that hold something
 *
 * All work is written as steps: a step brings its goal nearer by one indivisible hook
 * call and says MORE, says DONE when the goal is reached, WAIT when the budget does not
 * allow the next call, or an error. A step changes the object only after its hook
 * succeeded, so that calling it again is both "continue" and "try again".
 */
#ifndef DURA_LOG_PRIV_H
#define DURA_LOG_PRIV_H

#include <dura/log.h>
#include "../base/dura_base_priv.h"

enum { DURAI_DONE = 0, DURAI_MORE = 1, DURAI_WAIT = 2 };
enum { DURAI_NONE = 3 };               /* what was looked for is not there */

#define DURAI_SEG_MAGIC 0x31475344u    /* DSG1 */
#define DURAI_FRAME_MAGIC 0x31524C44u  /* DLR1 */
#define DURAI_SEG_FIXED 68u            /* header bytes before the peaks */
#define DURAI_FRAME_HEAD 16u
#define DURAI_COMMON_MAX 72u           /* map head and keys 1..11 at their longest: 69 */
#define DURAI_OWN_MAX 128u             /* GENESIS, DROP, RECOVER at their longest: 120 */
#define DURAI_SEAL_MAX 256u            /* SEAL at its longest: 251 */
#define DURAI_TEXT_MAX 320u            /* signed text at its longest: 288 */
#define DURAI_LANES 8u                 /* leaves given to hash_many at once */
#define DURAI_LOG_HOLE 64u             /* blank segments in a row that end the search */

/* What one ring lost, written by its producer under a sequence lock of 32-bit words:
 * 64-bit atomics do not exist on the small targets. Counts only grow; `ack` is the
 * worker's and says how much a drop record has told already. */
typedef struct durai_log_drops {
    uint32_t lock;           /* odd while the producer writes */
    uint32_t count[2];       /* of the security log, of the decision log */
    uint32_t first[2][2];    /* monotonic ns, low and high word, since `ack` */
    uint32_t last[2][2];
    uint32_t ack[2];
} durai_log_drops;

/* A consistent copy of one log's drops, or what the worker itself had to drop. */
typedef struct durai_log_loss {
    int64_t first, last;     /* monotonic ns */
    uint32_t count;
    uint32_t why;            /* DURA_LOST_* */
} durai_log_loss;

/* A segment header as read. */
typedef struct durai_log_header {
    uint64_t seq, gseq, prev_end;
    uint32_t epoch, generation;
    uint32_t bytes;          /* with padding: where the first frame lies */
    uint8_t origin[16];
} durai_log_header;

/* The frame recovery looks at. */
typedef struct durai_log_cursor {
    uint64_t seq, gseq;
    int64_t mono;
    uint32_t boot;
    uint32_t size;           /* bytes with padding; 0: no whole frame here */
    uint32_t epoch;          /* of a SEAL */
    uint16_t kind;
    uint8_t final;           /* of a SEAL */
    uint8_t cause;           /* of a RECOVER */
    uint8_t leaf[32];
} durai_log_cursor;

/* One of the two logs. */
typedef struct durai_log_side {
    const dura_region *region;
    uint8_t *buf;            /* frames waiting for one prog call */
    durai_tree tree;         /* leaves hashed so far; behind `seq` by what is staged */
    uint64_t seq;
    uint32_t cap;            /* usable bytes of buf, a multiple of align */
    uint32_t staged;         /* bytes in buf */
    uint32_t hashed;         /* of which in the tree */
    uint32_t align;          /* A of docs/formats/log.md */
    uint32_t index;          /* segment being written */
    uint32_t next;           /* segment that comes after it */
    uint32_t generation;
    uint32_t end;            /* bytes of the segment programmed */
    uint32_t limit;          /* recovery: frames behind it were given up before */
    uint32_t epoch;          /* of this log's next seal */
    uint8_t dirty;           /* programmed since the last sync */
    uint8_t recover;         /* DURAI_REC_*: recovery owes a segment, then a record */
    uint8_t final;           /* recovery: the last kept record is a final seal */
    uint8_t stray;           /* recovery: a header is programmed but not whole */
    uint8_t failed;          /* the last prog of the buffer failed */
    uint8_t full;            /* no place for what is not urgent */
    uint8_t warn;            /* DURAI_WARN_* */
    uint8_t reserved;
    uint32_t lost_index;     /* RECOVER: segment and offset where bytes are given up */
    uint32_t lost_at;
} durai_log_side;

enum { DURAI_REC_NONE = 0, DURAI_REC_SEGMENT, DURAI_REC_RECORD };

enum { DURAI_WARN_NONE = 0, DURAI_WARN_DUE, DURAI_WARN_TOLD };
enum { DURAI_SEG_NONE = 0, DURAI_SEG_COMMIT, DURAI_SEG_ERASE, DURAI_SEG_BLANK,
       DURAI_SEG_HEADER, DURAI_SEG_SYNC };
enum { DURAI_SEAL_NONE = 0, DURAI_SEAL_SECURITY, DURAI_SEAL_DECISION, DURAI_SEAL_ADVANCE };
enum { DURAI_ROOT_OWN = 0, DURAI_ROOT_OTHER, DURAI_ROOT_READY };
enum { DURAI_OPEN = 0, DURAI_DRAINING, DURAI_CLOSING, DURAI_CLOSED };

/* Scratch of one step, here so that no deep call stands on it. Two of these are never
 * needed at a time: whoever calls durai_log_flush() or durai_log_node() returns, or reads
 * nothing of its own scratch afterwards. */
typedef union durai_log_scratch {
    uint8_t text[DURAI_TEXT_MAX];      /* the text a seal signs */
    struct {
        uint8_t fixed[DURAI_SEG_FIXED];
        uint8_t part[32];              /* what is read behind it, piece by piece */
    } header;
    uint8_t frame[DURAI_FRAME_HEAD];   /* recovery: the one looked at */
    struct {
        uint8_t pair[64];
        uint8_t out[1][32];
    } node;
    struct {                           /* what hash_many is asked */
        const void *in[DURAI_LANES];
        size_t len[DURAI_LANES];
    } lanes;
    struct {                           /* the record being made, or being looked at */
        dura_log_entry entry;
        durai_cbor cbor;
        durai_cbor_in in;
        durai_item key, value;
        dura_log_note note;
    } record;
    durai_log_loss loss;               /* of the drop record being made */
} durai_log_scratch;

/* The same for what a phase keeps: hashing, sealing, recovery. */
typedef union durai_log_phase {
    uint8_t leaf[DURAI_LANES][32];     /* hashed, not all in the tree yet */
    struct {
        uint8_t next[DURA_PUBKEY_BYTES], sig[DURA_SIG_BYTES];
    } seal;                            /* nothing staged waits for its hash then */
    struct {
        durai_log_cursor cursor[2];
        durai_log_header head[2], other;
    } walk;                            /* `other` also when a segment is begun */
} durai_log_phase;

struct dura_log {
    dura_log_config cfg;     /* with defaults filled in */
    const dura_port *port;
    const dura_crypto *crypto;
    durai_log_side side[2];  /* security, decision */
    dura_cost cost;          /* 0 replaced by 1 */
    durai_ring ring[DURA_LOG_RINGS_MAX];
    durai_log_drops drops[DURA_LOG_RINGS_MAX];
    durai_log_loss refused[DURA_LOG_RINGS_MAX][2];  /* dropped by the worker itself */
    uint8_t *raw;            /* max_record bytes for a raw payload; NULL without encode */
    dura_time now;           /* never goes back */
    uint64_t gseq, durable;
    uint64_t lost_bytes;
    uint64_t dropped;        /* told in drop records */
    int64_t commit_since;    /* monotonic ns of the oldest record not committed */
    int64_t seal_since;      /* monotonic ns of the last seal */
    uint32_t boot;           /* highest boot recorded */
    uint32_t uncommitted;    /* records */
    uint32_t unsealed;       /* records since the last seal, saturating */
    uint32_t epoch;          /* key epoch the provider holds */
    uint32_t turn;           /* ring that is asked next */
    uint32_t closed;         /* DURAI_OPEN..; read by producers */
    uint32_t budget, spent;
    int32_t last_error;
    uint8_t found;
    uint8_t signs;           /* the provider has the four key calls */
    uint8_t damage;          /* recovery: something durable is missing */
    uint8_t seal;            /* DURAI_SEAL_* */
    uint8_t root_stage;      /* DURAI_ROOT_* */
    uint8_t root_level;
    uint8_t seg;             /* DURAI_SEG_* */
    uint8_t seg_side;
    uint32_t seg_pos;        /* bytes of the segment erased, of the header programmed */
    uint32_t seg_generation;
    uint8_t n_leaf;          /* leaves in `phase`, not all in the tree yet */
    uint8_t leaf_at;
    uint8_t leaf_level;
    uint8_t leaf_side;
    uint8_t waits;           /* a record or a drop finds no place in storage */
    uint32_t hash_pos;       /* bytes of the record in `hash`, + 1; 0: none */
    uint8_t origin[16];
    uint8_t root[2][32];
    durai_log_phase phase;
    durai_log_scratch scratch;
    dura_hash_state hash;
};

static inline uint32_t durai_log_up(uint32_t n, uint32_t align)
{
    return (n + align - 1u) & ~(align - 1u);
}

/* A leaf is begun and not in its tree yet; log->leaf_side says whose. */
static inline int durai_log_hashing(const dura_log *log)
{
    return log->hash_pos > 0 || log->n_leaf > 0;
}

/* ---- dura_log_store.c ------------------------------------------------------------ */

/* True, and charged, when `cost` fits into what is left of the budget. UINT32_MAX is a
 * budget without end. */
int durai_log_afford(dura_log *log, uint32_t cost);
/* A hook's result: remembered when it failed; positive nonsense becomes DURA_EIO. */
int durai_log_hook(dura_log *log, int rc);
/* Start a record of side i in its buffer: map head and common keys. */
void durai_log_begin(dura_log *log, uint32_t i, durai_cbor *c, const dura_log_entry *e,
                     uint16_t kind, uint32_t n_pairs);
/* The record begun is complete with len bytes: number it. There must be room. */
void durai_log_put(dura_log *log, uint32_t i, uint32_t len);
/* Step: room in buffer, segment and tree for a record of len bytes. */
int durai_log_room(dura_log *log, uint32_t i, uint32_t len);
/* Step: all staged frames of side i hashed and programmed. */
int durai_log_flush(dura_log *log, uint32_t i);
/* How full is side i, now that it stands in another segment? */
void durai_log_space(dura_log *log, uint32_t i);
/* Would a record of `size` bytes begin or use one of the last `kept` segments of its region? */
int durai_log_beyond(const dura_log *log, const durai_log_side *s, uint32_t size, uint32_t kept);
/* Step: everything numbered is durable. */
int durai_log_commit(dura_log *log);
/* Step: the hashing begun is finished. */
int durai_log_hash(dura_log *log, uint32_t i);
/* Begin a new segment of side i; durai_log_segment() is the step that finishes it. */
int durai_log_open(dura_log *log, uint32_t i);
int durai_log_segment(dura_log *log);
/* H(0x01 || left || right); `ctx` is the log. Fits durai_tree_add. */
int durai_log_node(void *ctx, const uint8_t left[32], const uint8_t right[32], uint8_t out[32]);

/* ---- dura_log_seal.c ------------------------------------------------------------- */

/* Step: the seal begun (log->seal) is finished in both logs and the key has moved on. */
int durai_log_seal(dura_log *log);
/* Step: genesis of side i is staged. */
int durai_log_genesis(dura_log *log, uint32_t i, const uint8_t pub[DURA_PUBKEY_BYTES]);
/* The public key of the held epoch and what follows from it: origin. */
int durai_log_origin(dura_log *log, uint8_t pub[DURA_PUBKEY_BYTES]);

/* ---- dura_log_recover.c ---------------------------------------------------------- */

/* Read both regions; the object then stands behind what is kept. Nothing is written.
 * log->found says what there was. DURAI_NONE: genesis has to be written; or an error. */
int durai_log_recover(dura_log *log);
/* Step: what recovery owes is written. */
int durai_log_recovered(dura_log *log);
/* Read the header of segment k. 0; DURAI_NONE: there is none; DURA_EINVAL: it contradicts
 * the configuration; DURA_EVERSION; a hook's code. peaks: load the side's tree from it. */
int durai_log_read_header(dura_log *log, uint32_t i, uint32_t k, durai_log_header *h, int peaks);

#endif
