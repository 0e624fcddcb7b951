/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dura/host/proof.h - one record, one tree, one signed line: proofs others can check.
 *
 * The trees of the two logs are those of RFC 6962, their checkpoints are C2SP signed notes
 * (c2sp.org/signed-note, tlog-checkpoint, tlog-cosignature), so a proof made here needs
 * neither this library nor the folder to be checked, and theirs are checked here.
 *
 *   dura_leaves_load -> dura_leaves_inclusion -> dura_tlog_proof_save    one record's proof
 *   dura_tlog_proof_parse -> dura_note_check -> dura_proof_inclusion     ... checked
 *   dura_witness_request -> (your POST) -> dura_witness_answer           a cosignature
 *
 * Text comes in as bytes and a length, goes out into your buffer; nothing here opens a
 * socket. Readers are strict: one way to write a thing. Unstable until 1.0.
 */
#ifndef DURA_HOST_PROOF_H
#define DURA_HOST_PROOF_H

#include <dura/host/error.h>
#include <dura/log.h>

#ifdef __cplusplus
extern "C" {
#endif

#define DURA_PROOF_MAX 64u           /* hashes of the longest proof */
#define DURA_NOTE_SIGNATURES 16u     /* signature lines a note may have here */
#define DURA_NOTE_MAX 65536u         /* bytes of a note or a proof with its note */

/* ---- is it so? ----------------------------------------------------------------------- */

/** Is `leaf` the leaf at `index` of the tree of `size` leaves with this root (RFC 9162
 *  section 2.1.3.2)? Hash a record with dura_sha256_query_n(0x00, ...) to get its leaf.
 *  returns  DURA_OK; DURA_EAUTH (it is not, or the proof is not one).   [any] O(n) */
DURA_API DURA_CHECK int dura_proof_inclusion(const uint8_t leaf[32], uint64_t index, uint64_t size,
                                             const uint8_t root[32], const uint8_t (*path)[32], size_t n);

/** Is the tree (size2, root2) the tree (size1, root1) with leaves added (RFC 9162 section
 *  2.1.4.2)? Nothing follows from an empty tree: size1 0 is refused.
 *  returns  DURA_OK; DURA_EAUTH.                                         [any] O(n) */
DURA_API DURA_CHECK int dura_proof_consistency(uint64_t size1, const uint8_t root1[32], uint64_t size2,
                                               const uint8_t root2[32], const uint8_t (*path)[32], size_t n);

/** Is `sub` the hash over leaves start..end-1 of the tree (size, root)? start must be a
 *  multiple of the smallest power of two that holds end - start. A leaf's own hash is
 *  that of the subtree [index, index + 1).
 *  returns  DURA_OK; DURA_EAUTH.                                         [any] O(n) */
DURA_API DURA_CHECK int dura_proof_subtree(uint64_t start, uint64_t end, const uint8_t sub[32], uint64_t size,
                                           const uint8_t root[32], const uint8_t (*path)[32], size_t n);

/* ---- a tree in memory: where proofs come from ------------------------------------------ */

typedef struct dura_leaves dura_leaves;      /* 64 bytes a leaf, on the heap */

/** An empty tree. returns DURA_OK, DURA_EINVAL, DURA_ENOSPC.         [serial] heap */
DURA_API DURA_CHECK int dura_leaves_open(dura_leaves **out);

/** Every whole record of one log of a run folder. They are read, not verified: prove
 *  against a checkpoint, which says what the tree must be.
 *  returns  DURA_OK; DURA_EINVAL; as dura_records_open() and dura_records_next().
 *                                                        [serial] O(bytes), heap, I/O */
DURA_API DURA_CHECK int dura_leaves_load(dura_leaves **out, const char *folder, int log, dura_error *err);

/** One leaf more, by its hash. returns DURA_OK, DURA_EINVAL, DURA_ENOSPC.
 *                                                                [serial] heap */
DURA_API DURA_CHECK int dura_leaves_append(dura_leaves *t, const uint8_t leaf[32]);

/** Leaves so far; 0 for NULL.                                          [serial] O(1) */
DURA_API DURA_CHECK uint64_t dura_leaves_size(const dura_leaves *t);

/** Hash over leaves start..end-1, [0, size) is the root; an empty range hashes nothing.
 *  returns  DURA_OK; DURA_EINVAL (range).                      [serial] O(log size) */
DURA_API DURA_CHECK int dura_leaves_root(const dura_leaves *t, uint64_t start, uint64_t end, uint8_t out[32]);

/** Proof for dura_proof_subtree(): that [start, end) lies in the tree of the first `size`
 *  leaves. [index, index + 1) gives an inclusion proof, [0, size1) a consistency proof,
 *  both as RFC 6962 has them.
 *  returns  DURA_OK; DURA_EINVAL (range).                      [serial] O(log^2 size) */
DURA_API DURA_CHECK int dura_leaves_prove(const dura_leaves *t, uint64_t start, uint64_t end, uint64_t size,
                                          uint8_t path[DURA_PROOF_MAX][32], size_t *n);

/** Free it. t may be NULL.                                                  [serial] */
DURA_API void dura_leaves_close(dura_leaves *t);

/* ---- signed notes ------------------------------------------------------------------------ */

enum {
    DURA_NOTE_ED25519 = 1,       /* a log's own signature over the text */
    DURA_NOTE_COSIGNATURE = 4    /* a witness': with the time it saw the checkpoint */
};

/* A piece of the caller's text. */
typedef struct dura_note_text {
    const char *p;
    size_t len;
} dura_note_text;

typedef struct dura_note_line {
    dura_note_text name;
    dura_note_text signature;    /* base64 as it stands, key id included */
    uint32_t id;                 /* of the key, by the line */
    uint32_t bytes;              /* of the signature without the key id */
} dura_note_line;

/* A checkpoint as C2SP has it. Points into the text it was read from. */
typedef struct dura_note {
    uint32_t struct_size;        /* out */
    uint32_t n_lines;            /* signature lines, 1..DURA_NOTE_SIGNATURES */
    uint64_t size;               /* of the tree */
    uint8_t  root[32];
    dura_note_text origin;       /* first line */
    dura_note_text extension;    /* lines behind the root, newlines included; may be empty */
    dura_note_text text;         /* what is signed */
    dura_note_line line[DURA_NOTE_SIGNATURES];
} dura_note;

/** Read a signed checkpoint of any log. Nothing is checked but the form.
 *  returns  DURA_OK; DURA_EINVAL; DURA_ESYNTAX; DURA_ELIMIT (more lines or bytes than
 *           above).                                                    [any] O(len) */
DURA_API DURA_CHECK int dura_note_parse(dura_note *out, const char *p, size_t len);

/** Has the key with this name and public key signed it? `type` DURA_NOTE_*. *time_s: when a
 *  witness says it saw it, seconds since 1970; 0 for a log's own signature; may be NULL.
 *  returns  DURA_OK; DURA_EINVAL; DURA_ENOENT (no line of that key); DURA_EAUTH (there is
 *           one and it is wrong: reject the whole note).               [any] O(len) */
DURA_API DURA_CHECK int dura_note_check(const dura_note *note, const char *name, const uint8_t pub[32], int type,
                                        uint64_t *time_s);

/** Write the text of a checkpoint: what is signed. *len: in, room at out; out, bytes.
 *  returns  DURA_OK; DURA_EINVAL (origin); DURA_ENOSPC.                [any] O(len) */
DURA_API DURA_CHECK int dura_note_body(char *out, size_t *len, const char *origin, uint64_t size,
                                       const uint8_t root[32]);

/** Write one signature line for a text, by the Ed25519 key of this seed. A whole note is
 *  the text, an empty line, and its lines. time_s counts for cosignatures only.
 *  returns  DURA_OK; DURA_EINVAL (name, type); DURA_ENOSPC.            [any] O(len) */
DURA_API DURA_CHECK int dura_note_sign(char *out, size_t *len, const char *text, size_t text_len, const char *name,
                                       const uint8_t seed[32], int type, uint64_t time_s);

#define DURA_NOTE_KEY_MAX 400u       /* bytes of a key as text, terminator included */

/** A public key as witnesses and Go's sumdb/note write it: name+id+base64(type || key).
 *  name gets the name, terminated. A wrong id is refused.
 *  returns  DURA_OK; DURA_EINVAL; DURA_ESYNTAX; DURA_ENOTSUP (another type of key).
 *                                                                      [any] O(len) */
DURA_API DURA_CHECK int dura_note_key_parse(const char *text, char name[256], uint8_t pub[32], int *type);

/** The other way round; *len: in, room; out, bytes without the terminator that is there.
 *  returns  DURA_OK; DURA_EINVAL (name, type); DURA_ENOSPC.            [any] O(len) */
DURA_API DURA_CHECK int dura_note_key_text(char *out, size_t *len, const char *name, const uint8_t pub[32], int type);

/* ---- the proof of one record ---------------------------------------------------------------- */

/* c2sp.org/tlog-proof@v1 */
typedef struct dura_tlog_proof {
    uint64_t index;
    size_t n;
    uint8_t path[DURA_PROOF_MAX][32];
    dura_note_text extra;        /* base64, not vouched for by anything; may be empty */
    dura_note_text checkpoint;   /* the note, verbatim */
    dura_note note;              /* ... read; save() does not look at it */
} dura_tlog_proof;

/** Read one. Then: dura_note_check(&p.note, ...) and dura_proof_inclusion(leaf, p.index,
 *  p.note.size, p.note.root, p.path, p.n).
 *  returns  DURA_OK; DURA_EINVAL; DURA_ESYNTAX; DURA_ELIMIT.           [any] O(len) */
DURA_API DURA_CHECK int dura_tlog_proof_parse(dura_tlog_proof *out, const char *p, size_t len);

/** Write index, path, extra and checkpoint. *len: in, room; out, bytes.
 *  returns  DURA_OK; DURA_EINVAL (n, empty checkpoint); DURA_ENOSPC.   [any] O(len) */
DURA_API DURA_CHECK int dura_tlog_proof_save(char *out, size_t *len, const dura_tlog_proof *p);

/** The proof of record gseq of a run folder, against the last seal of its log that covers it.
 *  `extra` is the record itself, so the text stands alone: its leaf is SHA-256(0x00 || extra).
 *  key: the public key of that seal as text; may be NULL. The run is read, not verified.
 *  returns  DURA_OK; DURA_EINVAL; DURA_ENOENT (no such record, or no seal covers it yet);
 *           DURA_ENOTSUP (logs that cannot sign); DURA_ENOSPC (*len says what is wanted);
 *           as dura_records_next().                      [serial] O(bytes), heap, I/O */
DURA_API DURA_CHECK int dura_proof_export(const char *folder, uint64_t gseq, char *out, size_t *len,
                                          char key[DURA_NOTE_KEY_MAX], dura_error *err);

/** Is the proof good: its record (extra) in the tree, the checkpoint signed by this key? The
 *  record's bytes go to record, *record_len: in, room; out, bytes.
 *  returns  DURA_OK; DURA_EINVAL; DURA_ESYNTAX, DURA_ELIMIT (the text, or no record in it);
 *           DURA_ENOENT (no line of this key); DURA_EAUTH (a wrong signature, or the record is
 *           not in the tree); DURA_ENOSPC.                             [any] O(len) */
DURA_API DURA_CHECK int dura_proof_check(const char *text, size_t len, const char *key, void *record,
                                         size_t *record_len);

/* ---- asking a witness ------------------------------------------------------------------------- */

/** The body of add-checkpoint (c2sp.org/tlog-witness): the size the witness knows, the
 *  consistency proof from there (n at most 63), the checkpoint.
 *  returns  DURA_OK; DURA_EINVAL; DURA_ENOSPC.                         [any] O(len) */
DURA_API DURA_CHECK int dura_witness_request(char *out, size_t *len, uint64_t old_size, const uint8_t (*path)[32],
                                             size_t n, const char *checkpoint, size_t checkpoint_len);

/** What came back, by HTTP status. 200: *len bytes of signature lines at body can go behind
 *  the checkpoint, and the line of this witness is right (*time_s). 409 with a size: the
 *  witness knows the log up to *known; ask again from there.
 *  returns  DURA_OK; DURA_EINVAL; DURA_ESTATE (409, *known is set); DURA_ENOENT (404: it does
 *           not know the log, or no line of its key); DURA_EDENIED (403, 422 or another
 *           status: it will not sign); DURA_EAUTH (its line is wrong); DURA_ESYNTAX,
 *           DURA_ELIMIT (the body).                                    [any] O(len) */
DURA_API DURA_CHECK int dura_witness_answer(int status, const char *body, size_t len, const char *checkpoint,
                                            size_t checkpoint_len, const char *name, const uint8_t pub[32],
                                            uint64_t *time_s, uint64_t *known);

#ifdef __cplusplus
}
#endif
#endif
