/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as an attestation, as a DSSE JSON envelope, and as an evidence index.
 *
 * What is taken into an index is found there again: checking it gives the same digest, with
 * the file changed in its last byte it is refused. What can be signed is right under that
 * key and no other, and its payload is what was signed. An index out of nowhere never holds.
 */
#include <dura/host/evidence.h>
#include <dura/host/pack.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char folder[] = "/tmp/dura_evidence_XXXXXX", path[64];

static void require(int ok)
{
    if (!ok)
        abort();
}

static void sweep(void)
{
    (void)unlink(path);
    (void)rmdir(folder);
}

static void put(const uint8_t *p, size_t n)
{
    FILE *f = fopen(path, "wb");
    require(f != NULL && fwrite(p, 1, n, f) == n && fclose(f) == 0);
}

static dura_evidence_options options(int keys)
{
    static const char *const files[] = {path};
    static char subject[] = "firmware";
    dura_evidence_options o = DURA_EVIDENCE_OPTIONS_INIT;
    o.component = DURA_COMPONENT_BOX;
    o.subject = subject;
    o.subject_len = 8;
    o.files = files;
    o.n_files = 1;
    o.folder = folder;
    o.keys = dura_dev_public_key();
    o.n_keys = (uint32_t)keys;
    return o;
}

static void check_index(const uint8_t *p, size_t n, int keys)
{
    dura_evidence_options o = options(keys);
    dura_evidence_report r = DURA_EVIDENCE_REPORT_INIT, again = DURA_EVIDENCE_REPORT_INIT;
    char *index;
    size_t len;
    put(p, n);
    require(dura_evidence_check((const char *)p, n, NULL, &o, NULL, NULL) != DURA_OK);
    if (dura_evidence_make(&o, &index, &len, &r, NULL) != DURA_OK)
        return;
    require(r.n_files == 1 && strlen(index) == len);
    require(dura_evidence_check(index, len, NULL, &o, &again, NULL) == DURA_OK);
    require(memcmp(&r, &again, sizeof r) == 0);
    uint8_t *other = malloc(n);
    require(other != NULL);
    memcpy(other, p, n);
    other[n - 1] ^= 1;
    put(other, n);
    require(dura_evidence_check(index, len, NULL, &o, NULL, NULL) != DURA_OK);
    free(other);
    dura_pack_deinit(index);
}

static void check_statement(const char *p, size_t n)
{
    char *payload, *signed_, *inner;
    const uint8_t *pub = dura_dev_public_key();
    uint8_t two[2 * DURA_PUBKEY_BYTES] = {9};
    size_t len, inner_len;
    uint32_t right;
    void *seed = (void *)(uintptr_t)dura_dev_seed();
    int was = dura_statement_verify(p, n, NULL, pub, 1, &right, &payload, &len, NULL);
    memcpy(two + DURA_PUBKEY_BYTES, pub, DURA_PUBKEY_BYTES);
    require(was != DURA_OK || (right <= 1 && payload[len] == 0));
    if (dura_statement_sign(p, n, NULL, dura_keyfile_signer, seed, &signed_, &inner_len, NULL) == DURA_OK) {
        require(dura_statement_verify(signed_, inner_len, NULL, two, 2, &right, &inner, &inner_len, NULL) == DURA_OK && right == 1);
        require(was == DURA_OK ? inner_len == len && memcmp(inner, payload, len) == 0 : inner_len == n && memcmp(inner, p, n) == 0);
        dura_pack_deinit(inner);
        dura_pack_deinit(signed_);
    }
    if (was == DURA_OK)
        dura_pack_deinit(payload);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (!path[0]) {
        require(mkdtemp(folder) != NULL && snprintf(path, sizeof path, "%s/f.json", folder) > 0);
        (void)atexit(sweep);
    }
    if (size < 2)
        return 0;
    check_statement((const char *)data + 1, size - 1);
    check_index(data + 1, size - 1, data[0] & 1);
    return 0;
}
