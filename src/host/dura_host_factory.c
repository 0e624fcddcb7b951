/* SPDX-License-Identifier: Apache-2.0 */
/* Provisioning's side of docs/formats/nv.md: build and sign a factory record. */
#include <dura/host/crypto.h>
#include <dura/host/session.h>

#include <sodium.h>

#include "../guard/dura_guard_priv.h"

int dura_factory_make(void *out, size_t *len, const void *policy, size_t policy_len, const void *model,
                      size_t model_len, uint64_t floor_, const uint8_t seed[32])
{
    uint8_t p[32], m[32], body[96], pae[192], sig[DURA_SIG_BYTES];
    uint8_t pub[crypto_sign_PUBLICKEYBYTES], secret[crypto_sign_SECRETKEYBYTES];
    if (!out || !len || !policy || !policy_len || !model || !model_len || !seed)
        return DURA_EINVAL;
    dura_sha256_query(p, policy, policy_len);
    dura_sha256_query(m, model, model_len);
    size_t n = durai_factory_body(body, sizeof body, p, m, floor_);
    size_t np = durai_factory_pae(pae, sizeof pae, body, n);
    int rc = crypto_sign_seed_keypair(pub, secret, seed);
    if (rc == 0)
        rc = crypto_sign_detached(sig, NULL, pae, np, secret);
    sodium_memzero(secret, sizeof secret);
    if (rc != 0)
        return DURA_EINVAL;
    n = durai_factory_wrap(out, *len, body, n, sig);
    if (n == 0)
        return DURA_ENOSPC;
    *len = n;
    return DURA_OK;
}
