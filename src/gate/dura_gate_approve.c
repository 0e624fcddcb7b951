/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an approval says (docs/formats/release.md): this release, this device, this attempt,
 * this policy, until when. Deterministic CBOR, read in place; what is not of a known kind or
 * of another length than it must have is refused.
 */
#include "dura_gate_priv.h"

/* Keys of the payload's map. */
enum {
    K_SCHEMA = 1, K_RELEASE = 2, K_DEVICE = 3, K_NONCE = 4, K_AFTER = 5, K_POLICY = 6, K_LAST = 6,
    K_REQUIRED = 0x5E, /* all but 5 */
    K_EXTENSIONS = 64
};

static int take_number(durai_approval *a, uint32_t key, uint64_t v)
{
    if (key == K_SCHEMA)
        return v == 1 ? DURA_OK : DURA_EVERSION;
    if (key == K_NONCE) {
        a->nonce = v;
        return v ? DURA_OK : DURA_EINVAL;
    }
    DURA_ASSERT(key == K_AFTER);
    a->not_after_s = (int64_t)v;
    return v >= 1 && v <= (uint64_t)INT64_MAX / 1000000000u ? DURA_OK : DURA_EINVAL; /* absence has one encoding */
}

static int take(durai_approval *a, uint32_t key, const durai_item *v)
{
    if (key == K_DEVICE) {
        a->device = (const char *)v->p;
        a->n_device = (uint32_t)v->v;
        return durai_release_text_ok(v) ? DURA_OK : DURA_ECORRUPT;
    }
    if (key == K_RELEASE || key == K_POLICY) {
        *(key == K_RELEASE ? &a->release : &a->policy) = v->p;
        return v->type == DURAI_CBOR_BYTES && v->v == DURA_HASH_BYTES ? DURA_OK : DURA_ECORRUPT;
    }
    return v->type == DURAI_CBOR_UINT ? take_number(a, key, v->v) : DURA_ECORRUPT;
}

int durai_approval_decode(durai_approval *out, const uint8_t *payload, size_t len)
{
    durai_cbor_in in;
    durai_item it;
    uint32_t seen = 0;
    memset(out, 0, sizeof *out);
    durai_cbor_open(&in, payload, len);
    if (durai_cbor_next(&in, &it) != DURA_OK || it.type != DURAI_CBOR_MAP)
        return DURA_ECORRUPT;
    for (uint32_t left = (uint32_t)it.v; left > 0; left--) {
        if (durai_cbor_next(&in, &it) != DURA_OK || it.type != DURAI_CBOR_UINT)
            return DURA_ECORRUPT;
        uint32_t key = it.v < K_EXTENSIONS ? (uint32_t)it.v : K_EXTENSIONS;
        if (key < 1 || (key > K_LAST && key < K_EXTENSIONS))
            return DURA_EVERSION;
        int rc = durai_cbor_next(&in, &it);
        if (rc == DURA_OK && key == K_EXTENSIONS) /* they hold no containers: passing over one is one item */
            rc = it.type == DURAI_CBOR_ARRAY || it.type == DURAI_CBOR_MAP ? DURA_ECORRUPT : DURA_OK;
        else if (rc == DURA_OK)
            rc = take(out, key, &it);
        if (rc != DURA_OK)
            return rc;
        if (key <= K_LAST)
            seen |= 1u << key;
    }
    return (seen & K_REQUIRED) == K_REQUIRED ? DURA_OK : DURA_ECORRUPT;
}
