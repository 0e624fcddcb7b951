/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as an envelope, as a payload, and as DSSE JSON.
 *
 * What the core accepts is in the one allowed encoding: making it again from what was read
 * gives the same bytes (extensions, which are passed over, apart). Every signature is right
 * here, so that what lies behind them is reached; a second provider says none is, and then
 * nothing may be accepted. JSON that is accepted says the same thing again as CBOR.
 */
#include <dura/host/pack.h>
#include <dura/host/release.h>

#include "base/dura_base_priv.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(int ok)
{
    if (!ok)
        abort();
}

static int says(void *user, const uint8_t pub[32], const void *msg, size_t n, const uint8_t sig[64])
{
    (void)pub;
    (void)msg;
    (void)n;
    (void)sig;
    return user ? DURA_OK : DURA_EAUTH;
}

/* The root of a tree over chunks is there, or can be appended once, or nothing changes. */
static void check_root(const uint8_t *p, size_t n)
{
    uint8_t with[DURA_RELEASE_PAYLOAD_MAX], root[32] = {7}, got[32];
    size_t m = n;
    int rc = dura_chunks_root(p, n, got);
    require(rc == DURA_OK || rc == DURA_ENOENT);
    memcpy(with, p, n);
    if (dura_chunks_sign(with, &m, sizeof with, root) == DURA_OK)
        require(rc == DURA_ENOENT && m == n + 36 && dura_chunks_root(with, m, got) == DURA_OK && memcmp(got, root, 32) == 0);
    else
        require(m == n && memcmp(with, p, n) == 0);
}

/* A payload that decodes becomes the same bytes again, unless it holds extensions. */
static void check_payload(const uint8_t *p, size_t n)
{
    dura_release r = DURA_RELEASE_INIT;
    uint8_t again[DURA_RELEASE_PAYLOAD_MAX];
    size_t len = sizeof again;
    char *text;
    if (dura_release_decode(p, n, &r) != DURA_OK) {
        require(r.version == 0);
        return;
    }
    check_root(p, n);
    require(r.version >= 1 && r.floor_ <= r.version && r.length >= 1 && r.device[0] && !r.device[63] && !r.name[63]);
    require(dura_release_encode(&r, again, &len, NULL) == DURA_OK && len <= n);
    require(len == n ? memcmp(again, p, n) == 0 : again[0] < p[0]);
    for (int json = 0; json < 2; json++) {
        require(dura_release_describe(&r, json, &text, &len) == DURA_OK && strlen(text) == len);
        dura_pack_deinit(text);
    }
}

/* Its parts put together again. */
static void check_envelope(const uint8_t *p, size_t n)
{
    const void *payload;
    size_t len, size = DURA_RELEASE_MAX;
    uint32_t count;
    uint8_t again[DURA_RELEASE_MAX], id[8], sig[64];
    char *text;
    if (dura_envelope_open(p, n, &payload, &len, &count) != DURA_OK)
        return;
    require(durai_cbor_check(p, n) == DURA_OK);
    require(dura_envelope_make(payload, len, again, &size) == DURA_OK && size == n - 78u * count);
    for (uint32_t i = 0; i < count; i++)
        require(dura_envelope_signature(p, n, i, id, sig) == DURA_OK);
    require(dura_envelope_json(p, n, &text, &size) == DURA_OK);
    require(dura_envelope_from_json(text, size, NULL, again, sizeof again, &size, NULL) == DURA_OK);
    require(size == n && memcmp(again, p, n) == 0);
    dura_pack_deinit(text);
    check_payload(payload, len);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const dura_crypto yes = {.struct_size = sizeof yes, .user = (void *)(uintptr_t)&yes, .verify = says};
    static const dura_crypto no = {.struct_size = sizeof no, .verify = says};
    dura_gate_key keys[2] = {{.pub = {1}, .role = DURA_ROLE_VENDOR}, {.pub = {2}, .role = DURA_ROLE_OPERATOR}};
    dura_release r = DURA_RELEASE_INIT, second = DURA_RELEASE_INIT;
    uint8_t envelope[DURA_RELEASE_MAX];
    uint32_t why;
    size_t n;
    check_payload(data, size);
    check_envelope(data, size);
    int rc = dura_release_verify(data, size, &yes, keys, 2, 1, 0, &r, &why);
    require((rc == DURA_OK) == (why == 0) && (rc == DURA_OK) == (r.version != 0));
    require(dura_release_verify(data, size, &no, keys, 2, 1, 0, &second, &why) < 0 && why != 0 && second.version == 0);
    if (dura_envelope_from_json((const char *)data, size, NULL, envelope, sizeof envelope, &n, NULL) == DURA_OK)
        check_envelope(envelope, n);
    return 0;
}
