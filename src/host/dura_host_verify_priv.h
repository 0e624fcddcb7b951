/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the parts of the verifier share.
 *
 *   dura_host_verify.c        the call, facts from outside, the word and the sentence
 *   dura_host_verify_walk.c   one pass over both logs by gseq
 *   dura_host_verify_seal.c   seals, keys, recover records: what single records state
 *   dura_host_verify_tail.c   where the pass stops: cut or tampered?
 *   dura_host_verify_files.c  checkpoints, manifest, files nobody vouches for
 *   dura_host_checkpoint.c    the text that is signed, and its file
 */
#ifndef DURA_HOST_VERIFY_PRIV_H
#define DURA_HOST_VERIFY_PRIV_H

#include <dura/host/keys.h>
#include <dura/host/verify.h>
#include "dura_host_record_priv.h"

/* ---- checkpoints ------------------------------------------------------------------ */

#define DURAI_CP_TEXT 512u       /* signed text; 330 at its longest */
#define DURAI_CP_NOTE 1024u      /* with its signature line */

/* What a seal states. */
typedef struct durai_checkpoint {
    uint64_t size, other_size, gseq;
    uint32_t epoch;
    uint8_t log, final, has_sig;
    uint8_t origin[16];
    uint8_t root[32], other_root[32], next[32], sig[64];
} durai_checkpoint;

/* From a SEAL record that dura_record_decode() accepted. */
void durai_checkpoint_of(durai_checkpoint *c, const dura_record *seal, const uint8_t origin[16]);
/* The signed text, no terminator; its length. */
size_t durai_checkpoint_text(const durai_checkpoint *c, char out[DURAI_CP_TEXT]);
/* The whole file: text, empty line, signature line by the key `pub`. */
size_t durai_checkpoint_note(const durai_checkpoint *c, const uint8_t pub[32], char out[DURAI_CP_NOTE]);
/* Read such a file; further signature lines (witnesses) are passed over. 0, DURA_ESYNTAX. */
int durai_checkpoint_parse(durai_checkpoint *c, const char *p, size_t n);

#define DURAI_BATCH 64u          /* leaves hashed together */

/* ---- the pass ---------------------------------------------------------------------- */

/* Bytes behind the last frame of the segment a log has just left. */
typedef struct durai_gap {
    uint64_t offset, bytes;
    uint32_t segment;
    uint8_t there;           /* the next record is the first one behind it */
    uint8_t used;            /* some of the bytes were programmed */
    uint8_t fill;            /* what unprogrammed bytes look like */
    uint8_t digest[32];      /* of the bytes, when used */
} durai_gap;

typedef struct durai_side {
    durai_cursor cur;
    uint64_t n;              /* records accepted */
    durai_tree tree;         /* over them; the last ones may still wait */
    const void *wait[DURAI_BATCH]; /* leaves' records, hashed together */
    size_t wait_len[DURAI_BATCH];
    size_t n_wait;
    uint8_t batch[DURAI_BATCH + 2][32];
    uint8_t peak[40][32];
    durai_gap gap;
    uint64_t next_gseq;      /* the last record's gseq + 1 */
    uint64_t walked;         /* bytes of segments left behind */
    uint64_t floor;          /* highest gseq something behind the stop vouches for */
    uint64_t stop_offset;    /* where the pass stopped, in segment stop_segment */
    uint32_t stop_segment;
    uint32_t epoch;          /* of this log's next seal */
    uint32_t segment_bytes, align;
    int32_t at;              /* DURAI_AT_* where the pass stands */
    uint8_t open;
    uint8_t final;           /* the last record is a final seal */
    uint8_t first;           /* the next frame is the first of its segment */
    uint8_t hole;            /* a segment behind a missing one, or frames without header */
    durai_checkpoint seal;   /* the last one */
    uint8_t seal_key[32];    /* that signed it */
} durai_side;

typedef struct durai_verify {
    const dura_verify_options *opt;
    const durai_files *files;
    dura_verify_report *rep;
    durai_side side[2];
    uint8_t *close;          /* copy of the CLOSE record that ends the log; NULL */
    size_t close_len;
    uint64_t expect;         /* the next gseq */
    uint64_t total;          /* bytes of all segments, for progress */
    durai_checkpoint kept;   /* from outside */
    dura_keys_head head;     /* what the state folder says was sealed last */
    uint32_t state_epoch;    /* epochs below it were ended, the state folder says */
    uint32_t boot;
    uint8_t have_kept, kept_met;
    uint8_t have_origin, have_key;
    uint8_t pair;            /* a security seal waits for the decision log's */
    uint8_t signs;           /* the genesis key is not zero */
    uint8_t next_state;      /* key[1] is known: by the security seal of this epoch */
    uint8_t anchored;        /* something outside vouches */
    uint8_t origin[16];
    uint8_t key[2][32];      /* of the decision log's epoch, and of the one after it */
} durai_verify;

enum { DURAI_GO = 0, DURAI_BROKEN = 1 };       /* else an error code */

/* A rule is broken at this place: the first one counts. Returns DURAI_BROKEN. */
int durai_broken(durai_verify *v, int rule, int i, uint32_t segment, uint64_t offset);
/* ... at the record the cursor of log i looks at. */
int durai_broken_here(durai_verify *v, int rule, int i);
/* ... in a file that is no segment. */
int durai_broken_file(durai_verify *v, int rule, const char *file);

/* The pass over everything that is dense. DURAI_GO: it stopped where nothing goes on. */
int durai_verify_walk(durai_verify *v);
/* Root of a side's tree now; no leaf waits afterwards. */
void durai_side_root(durai_side *s, uint8_t out[32]);
/* GENESIS, SEAL, DROP, RECOVER, CLOSE: what the record states is so? */
int durai_verify_record(durai_verify *v, int i, const dura_record *r);
/* Behind the stop: damage, a cut, or the end. */
int durai_verify_tail(durai_verify *v);
/* The tree of log i has grown: does a fact from outside name this size? */
int durai_verify_size(durai_verify *v, int i);
/* Files of the folder, once the logs are right. */
int durai_verify_files(durai_verify *v);
/* The epoch-0 key is known now: what do the facts from outside say? */
int durai_verify_key(durai_verify *v, int i);
/* Everything, over any files. v->files, opt, rep and kept are set. */
int durai_verify_run(durai_verify *v, dura_error *err);

#endif
