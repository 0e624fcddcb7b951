/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dura/host/keys.h - where secrets live on a computer: the state folder, and key files.
 *
 *   dura_keys_create | open | demo -> dura_keys_crypto into a dura_port -> dura_keys_close
 *
 * Secrets never go into a run folder. Each device (each chain of log keys) has a folder
 * <state>/<origin, 32 hex digits>/, mode 0700, with
 *
 *   pub         epoch-0 public key, 64 hex digits: give a copy to whoever verifies
 *   seed        current epoch and its seed, mode 0600; replaced at each epoch
 *   device.key  key of the tags on NV records, mode 0600
 *   head        what was sealed last, for the verifier on this computer
 *
 * The seed file is replaced whole and durably before the old one is overwritten and
 * removed. Overwriting is best effort: file systems that copy on write, and flash disks,
 * keep old blocks. Where that matters the seed belongs into a secure element.
 *
 * Memory: yours, no allocation; a dura_keys may not be moved. Unstable until 1.0.
 */
#ifndef DURA_HOST_KEYS_H
#define DURA_HOST_KEYS_H

#include <dura/host/crypto.h>
#include <dura/host/error.h>

#ifdef __cplusplus
extern "C" {
#endif

#define DURA_ORIGIN_BYTES 16
#define DURA_KEYS_PATH_MAX 1024

enum { DURA_KEYS_DEMO = 1 };   /* the public seed, in memory only; verify says DEMO KEY */

/* What was sealed last. */
typedef struct dura_keys_head {
    uint32_t known;            /* 1: the rest is set */
    uint32_t epoch;            /* epoch of that seal */
    uint64_t size[2];          /* records sealed in the security, the decision log */
    uint8_t  root[2][DURA_HASH_BYTES];
} dura_keys_head;

typedef struct dura_keys {
    dura_sodium sodium;
    int32_t folder;            /* descriptor, locked; -1: none (demo, closed) */
    int32_t code;              /* of the last replacement that failed */
    uint32_t flags;            /* DURA_KEYS_* */
    uint32_t reserved;         /* 0 */
    uint8_t origin[DURA_ORIGIN_BYTES];
    uint8_t pub0[DURA_PUBKEY_BYTES];      /* epoch-0 public key */
    char path[DURA_KEYS_PATH_MAX];        /* the folder, for messages */
    void (*on_step)(void *user, int step);/* for tests: between the steps of a replacement */
    void *on_step_user;
} dura_keys;

/* ---- the state folder ----------------------------------------------------------------- */

/** The user's default: $DURA_STATE, else $XDG_STATE_HOME/dura (when absolute), else
 *  $HOME/.local/state/dura. The folder need not exist.
 *  returns  DURA_OK; DURA_ENOENT (none of the three is set); DURA_ENOSPC (n).  [any] */
DURA_API DURA_CHECK int dura_keys_state_dir(char *buf, size_t n);

/** Keys of a new device: random seed and device key, a new folder under state_dir (NULL:
 *  the default), which is made when it is not there. With DURA_KEYS_DEMO as demo(k, 0).
 *  returns  DURA_OK; DURA_EINVAL; DURA_ENOENT (no default); DURA_ELIMIT (path too
 *           long); DURA_EIO.                                        [init] 10 syncs */
DURA_API DURA_CHECK int dura_keys_create(dura_keys *k, const char *state_dir, uint32_t flags,
                                         dura_error *err);

/** Keys of a device that exists. A replacement that was cut short is finished first.
 *  returns  DURA_OK; DURA_ENOENT (nothing known of this origin, or no default);
 *           DURA_ECORRUPT (a file is damaged: err says which); DURA_ESTATE (in use);
 *           DURA_EINVAL, DURA_ELIMIT, DURA_EIO.                               [init] */
DURA_API DURA_CHECK int dura_keys_open(dura_keys *k, const char *state_dir,
                                       const uint8_t origin[DURA_ORIGIN_BYTES], dura_error *err);

/** The demo keys at `epoch`: everybody has them. Nothing is stored; a run that resumes
 *  steps forward to the epoch its log is in.
 *  returns  DURA_OK; DURA_EINVAL.                                    [init] O(epoch) */
DURA_API DURA_CHECK int dura_keys_demo(dura_keys *k, uint32_t epoch);

/** The provider, for a dura_port. Valid until close.                   [serial] O(1) */
DURA_API DURA_CHECK const dura_crypto *dura_keys_crypto(const dura_keys *k);

/** Remember what was sealed, durably. Demo keys remember nothing.
 *  returns  DURA_OK; DURA_EINVAL; a storage code.                   [serial] 2 syncs */
DURA_API DURA_CHECK int dura_keys_note_head(dura_keys *k, const dura_keys_head *head);

/** Wipe and release. k may be zero or closed.                               [serial] */
DURA_API void dura_keys_close(dura_keys *k);

/** Say in *err why the last key_advance or note_head failed. Returns its code, 0 when
 *  none did.                                                          [serial] O(1) */
DURA_API int dura_keys_error(const dura_keys *k, dura_error *err);

/** What this computer knows of an origin, for the verifier: no lock, no secrets. pub is
 *  checked against the origin; *epoch is the one whose seed is held: every epoch below
 *  it was ended here. epoch and head may be NULL.
 *  returns  DURA_OK; DURA_ENOENT; DURA_ECORRUPT; DURA_EIO.                      [any] */
DURA_API DURA_CHECK int dura_keys_lookup(const char *state_dir, const uint8_t origin[DURA_ORIGIN_BYTES],
                                         uint8_t pub[DURA_PUBKEY_BYTES], uint32_t *epoch,
                                         dura_keys_head *head, dura_error *err);

/* ---- keys everybody knows --------------------------------------------------------------- */

/** Epoch-0 public key of the demo seed: logs under it prove nothing. 32 bytes. [any] */
DURA_API DURA_CHECK const uint8_t *dura_keys_demo_public(void);

/** The visible development key that signs factory records until a vendor has his own:
 *  its Ed25519 seed is SHA-256("dura development key: public, never for production").
 *  32 bytes.                                                                    [any] */
DURA_API DURA_CHECK const uint8_t *dura_dev_public_key(void);

/** The seed of that key. 32 bytes.                                              [any] */
DURA_API DURA_CHECK const uint8_t *dura_dev_seed(void);

/* ---- key files of people ------------------------------------------------------------------ */

/* Secret: "dura-ed25519-secret " and the seed as 64 hex digits. Public: 64 hex digits.
 * One line each. */

/** A fresh key pair in two new files, secret with mode 0600. No file is overwritten.
 *  returns  DURA_OK; DURA_EINVAL; DURA_ESTATE (a file is there); DURA_EIO.      [any] */
DURA_API DURA_CHECK int dura_keyfile_make(const char *secret_path, const char *public_path,
                                          dura_error *err);

/** Read a secret key file; wipe seed after use.
 *  returns  DURA_OK; DURA_ENOENT; DURA_ESYNTAX; DURA_EIO.                       [any] */
DURA_API DURA_CHECK int dura_keyfile_load(const char *path, uint8_t seed[DURA_SEED_BYTES],
                                          dura_error *err);

/** The same, the secret sealed by a passphrase of n >= 1 bytes (Argon2id, XSalsa20-Poly1305;
 *  docs/cmd/key.md): whoever finds the file has to guess. Needs 64 MiB for a moment.
 *  returns  as dura_keyfile_make(); DURA_ENOSPC.                                [any] */
DURA_API DURA_CHECK int dura_keyfile_seal(const char *secret_path, const char *public_path,
                                          const char *passphrase, size_t n, dura_error *err);

/** Read a secret key file, plain or sealed; wipe seed after use. A plain one does not look at
 *  the passphrase (NULL: none is known).
 *  returns  as dura_keyfile_load(); DURA_EDENIED: it is sealed and passphrase is NULL;
 *           DURA_EAUTH: another passphrase, or an altered file; DURA_ENOSPC.    [any] */
DURA_API DURA_CHECK int dura_keyfile_open(const char *path, const char *passphrase, size_t n,
                                          uint8_t seed[DURA_SEED_BYTES], dura_error *err);

/** Read a public key file. As load.                                             [any] */
DURA_API DURA_CHECK int dura_keyfile_public(const char *path, uint8_t pub[DURA_PUBKEY_BYTES],
                                            dura_error *err);

/** Sign n bytes with the key of this seed; pub (may be NULL) gets its public key. [any] */
DURA_API void dura_keyfile_sign(const uint8_t seed[DURA_SEED_BYTES], const void *msg, size_t n,
                                uint8_t sig[DURA_SIG_BYTES], uint8_t pub[DURA_PUBKEY_BYTES]);

/* Signs n bytes: the signature, and the public key it is right under. DURA_OK, or an error that
 * is handed on. A key in a file is one (below), a key in hardware is yours to write. */
typedef int (*dura_signer)(void *user, const void *msg, size_t n, uint8_t sig[DURA_SIG_BYTES],
                           uint8_t pub[DURA_PUBKEY_BYTES]);

/** dura_keyfile_sign() as such a signer: user is the seed.                [any] one signature */
DURA_API DURA_CHECK int dura_keyfile_signer(void *seed, const void *msg, size_t n,
                                            uint8_t sig[DURA_SIG_BYTES],
                                            uint8_t pub[DURA_PUBKEY_BYTES]);

#ifdef __cplusplus
}
#endif
#endif
