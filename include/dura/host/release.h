/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dura/host/release.h - the other end of the gate: making, signing and reading releases.
 *
 *   brain:   dura_golden_from | _random -> dura_brain_make -> image
 *   release: dura_release -> dura_release_encode -> dura_envelope_make -> dura_envelope_sign...
 *            <-> dura_envelope_json (DSSE as other tools read it)
 *   before it is shipped: dura_release_policy + dura_release_verify + dura_release_check say
 *            what the device will say
 *   approval: dura_approval -> dura_approval_encode -> dura_approval_make -> dura_envelope_sign...
 *   afterwards: dura_journal_query reads what a device's journal says
 *
 * docs/formats/release.md, brain.md and journal.md have the bytes. Images and texts come from
 * the heap; give them to dura_pack_deinit. Unstable until 1.0.
 */
#ifndef DURA_HOST_RELEASE_H
#define DURA_HOST_RELEASE_H

#include <dura/gate.h>
#include <dura/host/crypto.h>
#include <dura/host/error.h>
#include <dura/host/keys.h>

#ifdef __cplusplus
extern "C" {
#endif

#define DURA_GOLDEN_MAX 65536u     /* vectors in a brain */

/* ---- golden vectors and brain images ----------------------------------------------------- */

/* What the model must answer. Start from DURA_GOLDEN_INIT; values come from the heap. */
typedef struct dura_golden {
    uint32_t struct_size;
    uint32_t n;                    /* vectors, 1..DURA_GOLDEN_MAX */
    uint16_t n_inputs, n_outputs;
    float    abs_tol, rel_tol;     /* |y - want| <= abs_tol + rel_tol x |want| */
    uint32_t reserved;             /* 0 */
    float   *values;               /* n x (n_inputs + n_outputs) */
} dura_golden;
#define DURA_GOLDEN_INIT { (uint32_t)sizeof(dura_golden), 0, 0, 0, 0.0f, 0.0f, 0, NULL }

/** Run the model (packed image, linear or trees) over n inputs, n_inputs floats each, and
 *  keep what it answers.
 *  returns  DURA_OK: give *out to dura_golden_deinit. DURA_EINVAL (n, tolerance, an input
 *           or answer that is not finite: err says which), DURA_ENOSPC; as
 *           dura_pack_check().                                          [any] n runs */
DURA_API DURA_CHECK int dura_golden_from(dura_golden *out, const void *model, size_t model_len,
                                         const float *inputs, uint32_t n, float abs_tol,
                                         float rel_tol, dura_error *err);

/** The same over n inputs made from seed: both signs, magnitudes 0.001 to 10000.
 *                                                                       [any] n runs */
DURA_API DURA_CHECK int dura_golden_random(dura_golden *out, const void *model, size_t model_len,
                                           uint64_t seed, uint32_t n, float abs_tol,
                                           float rel_tol, dura_error *err);

/** Release the values.                                                     [any] O(1) */
DURA_API void dura_golden_deinit(dura_golden *golden);

/** Model and golden vectors as one image for a slot.
 *  returns  DURA_OK; DURA_EINVAL, DURA_ELIMIT (4 GiB), DURA_ENOSPC.      [any] O(len) */
DURA_API DURA_CHECK int dura_brain_make(const void *model, size_t model_len,
                                        const dura_golden *golden, void **image, size_t *len,
                                        dura_error *err);

/** The same image, bound to parts of a checked policy: it runs only beside those very parts
 *  (docs/formats/brain.md). parts: DURA_PART_*, none of BOX and MODEL, which no policy has; of
 *  label map and labels the digests that the policy names. other: NULL, or a policy whose parts,
 *  where they differ, will do as well.
 *  returns  DURA_OK: *out, *out_len (release with dura_pack_deinit()); DURA_EINVAL (also an
 *           image that is bound already, or a digest that is not named), DURA_ENOSPC.
 *                                                                         [any] O(len) */
DURA_API DURA_CHECK int dura_brain_bind(const void *image, size_t len, const void *policy,
                                        size_t policy_len, const void *other, size_t other_len,
                                        uint32_t parts, void **out, size_t *out_len,
                                        dura_error *err);

/** "thresholds" of DURA_PART_*, and back (0: none is called that).          [any] O(1) */
DURA_API const char *dura_part_name(uint32_t part);
DURA_API uint32_t dura_part_bit(const char *name);

/* ---- releases and envelopes ---------------------------------------------------------------- */

/** The payload of a release: what dura_release_decode() reads, and nothing it refuses.
 *  *len: in, room at payload; out, bytes written or needed.
 *  returns  DURA_OK; DURA_ENOSPC; DURA_EINVAL (a field: err says which).  [any] O(1) */
DURA_API DURA_CHECK int dura_release_encode(const dura_release *r, void *payload, size_t *len,
                                            dura_error *err);

/** An envelope without signatures around a payload. *len as above; DURA_RELEASE_MAX is
 *  enough. returns DURA_OK; DURA_ENOSPC; DURA_EINVAL.                       [any] O(n) */
DURA_API DURA_CHECK int dura_envelope_make(const void *payload, size_t n, void *envelope,
                                           size_t *len);

/** Append a signature by the key of this seed. envelope has room for cap bytes, *len are
 *  used. returns DURA_OK; DURA_ENOSPC; DURA_ESTATE (this key signed it already);
 *  DURA_ELIMIT (16 signatures); DURA_ECORRUPT.                   [any] one signature */
DURA_API DURA_CHECK int dura_envelope_sign(void *envelope, size_t *len, size_t cap,
                                           const uint8_t seed[DURA_SEED_BYTES]);

/** The same by a signer: a key in hardware, or one in a file (dura_keyfile_signer). What it
 *  gives is verified before it is appended. returns as above; DURA_EAUTH (the signature is
 *  not right under the key it names); what the signer returned.     [any] one signature */
DURA_API DURA_CHECK int dura_envelope_sign_by(void *envelope, size_t *len, size_t cap, dura_signer sign,
                                              void *user);

/** The payload within an envelope, and how many signatures it carries (n_signatures may
 *  be NULL). Nothing is verified. returns DURA_OK; DURA_ECORRUPT; DURA_EINVAL.
 *                                                                           [any] O(n) */
DURA_API DURA_CHECK int dura_envelope_open(const void *envelope, size_t len, const void **payload,
                                           size_t *n, uint32_t *n_signatures);

/** Key id and signature number i. returns DURA_OK; DURA_ENOENT; as open().   [any] O(n) */
DURA_API DURA_CHECK int dura_envelope_signature(const void *envelope, size_t len, uint32_t i,
                                                uint8_t key_id[8], uint8_t sig[DURA_SIG_BYTES]);

/** The key id of a public key: first 8 bytes of its SHA-256.                  [any] O(1) */
DURA_API void dura_envelope_key_id(uint8_t key_id[8], const uint8_t pub[DURA_PUBKEY_BYTES]);

/** The envelope as DSSE JSON: {"payload", "payloadType", "signatures": [{"keyid", "sig"}]}.
 *  *text is zero-terminated. returns DURA_OK; DURA_ECORRUPT; DURA_ENOSPC (heap). [any] */
DURA_API DURA_CHECK int dura_envelope_json(const void *envelope, size_t len, char **text,
                                           size_t *text_len);

/** And back: DSSE JSON, either base64; members DSSE does not know are passed over. A keyid
 *  that is not at least 16 hex digits is a hint nobody here can use: zeros.
 *  returns  DURA_OK; DURA_ESYNTAX, DURA_ELIMIT (JSON); DURA_EINVAL (a member);
 *           DURA_ENOSPC (cap).                                            [any] O(len) */
DURA_API DURA_CHECK int dura_envelope_from_json(const char *text, size_t text_len,
                                                const char *filename, void *envelope, size_t cap,
                                                size_t *len, dura_error *err);

/** What a release says: lines for people, or one JSON object (json not 0). *text is
 *  zero-terminated. returns DURA_OK; DURA_EINVAL; DURA_ENOSPC (heap).        [any] O(1) */
DURA_API DURA_CHECK int dura_release_describe(const dura_release *r, int json, char **text,
                                              size_t *text_len);

/* ---- approvals ------------------------------------------------------------------------------- */

/* One role's yes to one attempt of one release on one device. Start from DURA_APPROVAL_INIT;
 * release and nonce are what the device's journal says (dura_journal_query). */
typedef struct dura_approval {
    uint32_t struct_size;
    uint32_t reserved;             /* 0 */
    uint64_t nonce;                /* >= 1 */
    int64_t  not_after_s;          /* seconds since 1970; 0: no limit */
    uint8_t  release[DURA_HASH_BYTES]; /* SHA-256 of the release's payload */
    uint8_t  policy[DURA_HASH_BYTES];  /* of the policy the device runs */
    char     device[64];           /* its name; never "*" */
} dura_approval;
#define DURA_APPROVAL_INIT { (uint32_t)sizeof(dura_approval), 0, 0, 0, {0}, {0}, {0} }

/** The payload of an approval: what dura_approval_decode() reads, and nothing it refuses.
 *  *len: in, room at payload (DURA_RELEASE_PAYLOAD_MAX is enough); out, bytes written or
 *  needed. returns DURA_OK; DURA_ENOSPC; DURA_EINVAL (a field: err says which). [any] O(1) */
DURA_API DURA_CHECK int dura_approval_encode(const dura_approval *a, void *payload, size_t *len,
                                             dura_error *err);

/** And back. returns DURA_OK; DURA_ECORRUPT; DURA_EVERSION; DURA_EINVAL.     [any] O(len) */
DURA_API DURA_CHECK int dura_approval_decode(const void *payload, size_t len, dura_approval *out);

/** An envelope without signatures around an approval's payload, for dura_envelope_sign().
 *  As dura_envelope_make().                                                 [any] O(n) */
DURA_API DURA_CHECK int dura_approval_make(const void *payload, size_t n, void *envelope,
                                           size_t *len);

/** Is this an envelope of an approval (1), of a release (0), or neither (DURA_ECORRUPT)?
 *                                                                           [any] O(n) */
DURA_API DURA_CHECK int dura_approval_check(const void *envelope, size_t len);

/** What an approval says, as dura_release_describe().                        [any] O(1) */
DURA_API DURA_CHECK int dura_approval_describe(const dura_approval *a, int json, char **text,
                                               size_t *text_len);

/* ---- what the device will say ---------------------------------------------------------------- */

/** What a packed policy says of updates: keys (room for DURA_GATE_KEYS_MAX, the factory
 *  key as vendor's when it names none), threshold, roles, clock, window, probation,
 *  components, device, digest, evidence and extra roles. cfg borrows keys and the image.
 *  returns  DURA_OK; DURA_ENOENT (the policy takes no updates); as dura_pack_check().
 *                                                                         [any] O(len) */
DURA_API DURA_CHECK int dura_release_policy(const void *policy, size_t len, dura_gate_config *cfg,
                                            dura_gate_key *keys, uint32_t *slot_bytes);

/** Everything a device judges by its policy, the present time and the subject: device,
 *  component, policy, dates, size, digest, model, golden vectors; not by its journal. n 0:
 *  the subject is not at hand. now_s: seconds since 1970; 0: unknown. The window is
 *  judged, too. returns DURA_WHY_* bits, DURA_WHY2_* above them; err (may be NULL) says more of
 *  OPEN and GOLDEN.                                              [any] O(subject) + runs */
DURA_API DURA_CHECK uint64_t dura_release_check(const dura_release *r, const dura_gate_config *cfg,
                                                const void *policy, size_t policy_len,
                                                const void *subject, size_t n, uint32_t slot_bytes,
                                                int64_t now_s, dura_error *err);

/** When the window is entered next: the first minute from now on at which a device whose clock
 *  is right would go on, and the first one behind it at which it would not any more. Without
 *  a window both are now_s. now_s: seconds since 1970; 0..9223372036.
 *  returns  DURA_OK; DURA_ENOENT: not within 15 days, so never; DURA_EINVAL. [any] O(days) */
DURA_API DURA_CHECK int dura_release_window(const dura_gate_config *cfg, int64_t now_s,
                                            int64_t *opens_s, int64_t *closes_s);

/* ---- words ------------------------------------------------------------------------------------- */

/** The lowest bit of why as a word ("digest") and a sentence; NULL: no bit that is known.
 *  DURA_WHY2_* are bits 32 and up here.                                     [any] O(1) */
DURA_API DURA_CHECK const char *dura_why_name(uint64_t why);
DURA_API DURA_CHECK const char *dura_why_text(uint64_t why);

/** The lowest practice of a set by its number in the standard ("SVV-3", "A.6.2.4"); NULL: none
 *  that is known. And the bit of such a name; 0: there is none.                [any] O(1) */
DURA_API DURA_CHECK const char *dura_practice_name(uint64_t practices);
DURA_API DURA_CHECK uint64_t dura_practice_bit(const char *name);

/** "armed", "brain", "vendor"; "?" when there is no such. Static storage.     [any] O(1) */
DURA_API DURA_CHECK const char *dura_gate_state_name(uint32_t state);
/** What the state is called in the life of a patch after IEC TR 62443-2-3 ("available",
 *  "in_internal_test", "authorized", "effective", "installed", "not_applicable", "not_approved",
 *  "not_authorized"): a fixed view, docs/gate.md has it as a table. NULL: no release is in hand
 *  and none was decided on. Static storage.                                    [any] O(1) */
DURA_API DURA_CHECK const char *dura_gate_patch_state(const dura_gate_status *s);
DURA_API DURA_CHECK const char *dura_component_name(uint32_t component);
DURA_API DURA_CHECK const char *dura_role_name(uint32_t role);

/** The number of such a word; 0: there is none.                               [any] O(1) */
DURA_API DURA_CHECK uint8_t dura_component_number(const char *name);
DURA_API DURA_CHECK uint8_t dura_role_number(const char *name);

/* ---- chunks ------------------------------------------------------------------------------------ */

/* A release may sign the root of an RFC 6962 tree over chunks of DURA_CHUNK_BYTES of its subject; the
 * tree lies in a file beside it (docs/formats/release.md). So a wrong byte is found when its chunk is
 * there, and not when the whole is. */
#define DURA_CHUNKS_PATH 48        /* nodes at most from a leaf to the root */

/* n bytes of a tree's file from off on, all of them. DURA_OK; < 0: a code of yours. */
typedef int (*dura_chunks_read)(void *user, uint64_t off, void *p, size_t n);

/* A subject that is coming in. The fields are the library's. */
typedef struct dura_chunks {
    uint64_t length, at;
    dura_chunks_read read;
    void *user;
    uint8_t root[DURA_HASH_BYTES];
    uint32_t has_root;
    uint32_t reserved;
    dura_sha256 whole;
} dura_chunks;

/** The tree over a subject, as its file has it, and its root. Give *tree to dura_pack_deinit.
 *  returns  DURA_OK; DURA_EINVAL; DURA_ENOSPC.                        [any] O(len) */
DURA_API DURA_CHECK int dura_chunks_make(const void *subject, size_t len, void **tree, size_t *tree_len,
                                         uint8_t root[DURA_HASH_BYTES], dura_error *err);

/** Append the root to the payload of a release, *n bytes with room for cap.
 *  returns  DURA_OK; DURA_ENOSPC (also above DURA_RELEASE_PAYLOAD_MAX); DURA_ESTATE (it has one);
 *           DURA_EINVAL (no release, or one with extensions above).          [any] O(n) */
DURA_API DURA_CHECK int dura_chunks_sign(void *payload, size_t *n, size_t cap,
                                         const uint8_t root[DURA_HASH_BYTES]);

/** The root in the payload of a release. returns DURA_OK; DURA_ENOENT; DURA_EINVAL.  [any] O(n) */
DURA_API DURA_CHECK int dura_chunks_root(const void *payload, size_t n, uint8_t root[DURA_HASH_BYTES]);

/** Begin with a subject of so many bytes. root NULL: no tree, only the digest of the whole.
 *  returns  DURA_OK; DURA_EINVAL; DURA_ECORRUPT, DURA_EVERSION (the file); what read returned.
 *                                                                       [any] O(1) */
DURA_API DURA_CHECK int dura_chunks_open(dura_chunks *c, const uint8_t root[DURA_HASH_BYTES], uint64_t length,
                                         dura_chunks_read read, void *user);

/** What dura_guard_prove() wants of a chunk. Nothing is compared with the root here.
 *  returns  DURA_OK; DURA_EINVAL; what read returned.            [any] O(log chunks) */
DURA_API DURA_CHECK int dura_chunks_path(dura_chunks *c, uint64_t index, uint8_t leaf[DURA_HASH_BYTES],
                                         uint8_t path[DURA_CHUNKS_PATH][DURA_HASH_BYTES], uint32_t *n);

/** The next chunk: DURA_CHUNK_BYTES, or what remains.
 *  returns  DURA_OK; DURA_ECORRUPT: it is not what was signed; DURA_EAUTH: the tree's file is not;
 *           DURA_EINVAL; what read returned.                        [any] O(n), 3 KiB */
DURA_API DURA_CHECK int dura_chunks_next(dura_chunks *c, const void *p, size_t n);

/** Behind the last one: the digest of the whole. returns DURA_OK; DURA_ESTATE.     [any] O(1) */
DURA_API DURA_CHECK int dura_chunks_digest(dura_chunks *c, uint8_t digest[DURA_HASH_BYTES]);

/* ---- journals ------------------------------------------------------------------------------------ */

typedef struct dura_journal_info {
    uint32_t struct_size;          /* in: sizeof in your build; out: bytes filled */
    uint32_t records;              /* whole ones found */
    dura_gate_status status;       /* as the newest says; its offset is the noted one */
    uint64_t slot_version[2];      /* A, B; 0: nothing */
    int64_t  wall_s;               /* no trusted clock may be below */
    uint8_t  slot_digest[2][DURA_HASH_BYTES];
    uint8_t  candidate_digest[DURA_HASH_BYTES];
    uint8_t  box[DURA_HASH_BYTES]; /* firmware authorised last; zeros: none */
} dura_journal_info;

/** The newest whole record in the bytes of a journal region. Its tag is not checked: that
 *  takes the device's key. returns DURA_OK; DURA_ENOENT (none); DURA_EINVAL.
 *                                                                         [any] O(len) */
DURA_API DURA_CHECK int dura_journal_query(const void *bytes, size_t len, dura_journal_info *out);

#ifdef __cplusplus
}
#endif
#endif
