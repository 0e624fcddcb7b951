/* SPDX-License-Identifier: Apache-2.0 */
/* Who signs: a key in a file, or a command that has the key (a token, an HSM, a service). */
#ifndef DURA_SIGNER_H
#define DURA_SIGNER_H

#include "dura_args.h"

#include <dura/host/keys.h>

typedef struct signer_key {
    const char *path;            /* secret key file, or NULL */
    const char *command;         /* gets the bytes on standard input, says the signature */
    const char *pub_path;        /* its public key */
    uint8_t seed[DURA_SEED_BYTES], pub[DURA_PUBKEY_BYTES];
} signer_key;

/* A secret key file, plain or sealed. The passphrase of a sealed one is $DURA_PASSPHRASE, else asked
 * for on the terminal. Wipe seed after use. A DURA_E* code. */
int signer_load(const char *path, uint8_t seed[DURA_SEED_BYTES], dura_error *err);
/* A new key pair sealed by a passphrase, asked for twice on a terminal. */
int signer_seal(const char *path, const char *public_path, dura_error *err);

/* Read the key, or the command's public key. A DURA_E* code. */
int signer_open(signer_key *k, dura_error *err);
void signer_close(signer_key *k);
/* A dura_signer; user is a signer_key. DURA_EIO: the command failed or said no signature. */
int signer_sign(void *user, const void *msg, size_t n, uint8_t sig[DURA_SIG_BYTES], uint8_t pub[DURA_PUBKEY_BYTES]);

#endif
