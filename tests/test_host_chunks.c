/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Trees over chunks of a subject, with the roots and paths of tests/vectors/gate/chunks.json (made
 * by scripts/make_vectors_gate.py after RFC 9162), and a subject of 1 GiB that is not in memory.
 */
#include "dt.h"

#include <dura/host/json.h>
#include <dura/host/pack.h>
#include <dura/host/release.h>

#include <stdlib.h>

static dura_json *doc;

typedef struct held { const uint8_t *p; size_t n; uint64_t reads; } held;

static int from_memory(void *user, uint64_t off, void *p, size_t n)
{
    held *h = user;
    if (off > h->n || n > h->n - off)
        return -321;
    memcpy(p, h->p + off, n);
    h->reads += n;
    return 0;
}

static uint32_t member(uint32_t object, const char *name) { return dura_json_member(doc, object, name); }

static void hex(uint32_t value, uint8_t *out, size_t n) { dt_eq(dura_json_get_hex(doc, value, out, n, NULL), DURA_OK); }

static uint8_t *subject(size_t n)
{
    uint8_t *p = malloc(n);
    dt_ok(p != NULL);
    for (size_t i = 0; i < n; i++)
        p[i] = (uint8_t)(7 * i + (i >> 16));
    return p;
}

/* All chunks through `c`; the code of the first that is refused, *bytes up to it. */
static int through(dura_chunks *c, const uint8_t *p, size_t n, size_t *bytes)
{
    int rc = DURA_OK;
    *bytes = 0;
    while (rc == DURA_OK && *bytes < n) {
        size_t take = n - *bytes < DURA_CHUNK_BYTES ? n - *bytes : DURA_CHUNK_BYTES;
        rc = dura_chunks_next(c, p + *bytes, take);
        *bytes += take;
    }
    return rc;
}

static void one(uint32_t v)
{
    int64_t length = 0;
    uint8_t root[32], want[32], leaf[32], path[DURA_CHUNKS_PATH][32], digest[32], envelope[DURA_RELEASE_MAX];
    void *tree;
    const char *text;
    const void *payload;
    size_t n, bytes;
    uint32_t i = 0, k;
    dura_chunks c;
    dt_eq(dura_json_get_int(doc, member(v, "length"), 1, 1 << 24, &length, NULL), DURA_OK);
    uint8_t *p = subject((size_t)length);
    dt_eq(dura_chunks_make(p, (size_t)length, &tree, &n, root, NULL), DURA_OK);
    hex(member(v, "root"), want, 32);
    dt_mem(root, want, 32, "%lld", (long long)length);
    hex(member(v, "file_sha256"), want, 32);
    dura_sha256_query(digest, tree, n);
    dt_mem(digest, want, 32, "%lld", (long long)length);
    held h = {tree, n, 0};
    dt_eq(dura_chunks_open(&c, root, (uint64_t)length, from_memory, &h), DURA_OK);
    uint32_t list = member(v, "chunks");
    for (uint32_t e = dura_json_first(doc, list); e != DURA_JSON_NONE; e = dura_json_next(doc, e), i++) {
        uint32_t nodes = 0;
        dt_eq(dura_chunks_path(&c, i, leaf, path, &k), DURA_OK);
        hex(member(e, "leaf"), want, 32);
        dt_mem(leaf, want, 32, "%lld chunk %u", (long long)length, i);
        for (uint32_t w = dura_json_first(doc, member(e, "path")); w != DURA_JSON_NONE; w = dura_json_next(doc, w), nodes++) {
            hex(w, want, 32);
            dt_mem(path[nodes], want, 32, "%lld chunk %u node %u", (long long)length, i, nodes);
        }
        dt_eq(k, nodes);
    }
    dt_eq(dura_chunks_path(&c, i, leaf, path, &k), DURA_EINVAL, "behind the last one");
    dt_eq(through(&c, p, (size_t)length, &bytes), DURA_OK, "%lld", (long long)length);
    dt_eq(dura_chunks_digest(&c, digest), DURA_OK);
    dura_sha256_query(want, p, (size_t)length);
    dt_mem(digest, want, 32, "the digest of the whole comes out of the same pass");
    dt_eq(dura_json_get_text(doc, member(v, "offer"), 0, 1 << 16, &text, NULL), DURA_OK);
    hex(member(v, "offer"), envelope, strlen(text) / 2);
    dt_eq(dura_envelope_open(envelope, strlen(text) / 2, &payload, &n, NULL), DURA_OK);
    dt_eq(dura_chunks_root(payload, n, want), DURA_OK);
    dt_mem(want, root, 32, "");
    dura_pack_deinit(tree);
    free(p);
}

DT_TEST(host_chunks, roots_paths_and_files_are_those_of_the_vectors)
{
    dura_error err = {0};
    uint32_t n = 0;
    dt_eq(dura_json_load(DURA_SOURCE_DIR "/tests/vectors/gate/chunks.json", &doc, &err), DURA_OK, "%s", err.text);
    uint32_t list = member(DURA_JSON_ROOT, "trees");
    for (uint32_t v = dura_json_first(doc, list); v != DURA_JSON_NONE; v = dura_json_next(doc, v), n++)
        one(v);
    dt_ok(n >= 7, "%u", n);
    dura_json_deinit(doc);
}

DT_TEST(host_chunks, a_wrong_byte_anywhere_is_found_with_its_chunk)
{
    enum { LENGTH = 4 * DURA_CHUNK_BYTES + 130 };
    static const size_t at[] = {0, 62, 63, 64, 65535, 65536, 131071, 200000, 4 * 65536, LENGTH - 1};
    uint8_t root[32], *p = subject(LENGTH);
    void *tree;
    size_t n, bytes;
    dura_chunks c;
    dt_eq(dura_chunks_make(p, LENGTH, &tree, &n, root, NULL), DURA_OK);
    held h = {tree, n, 0};
    for (size_t i = 0; i < sizeof at / sizeof *at; i++) {
        p[at[i]] ^= 0x20;
        dt_eq(dura_chunks_open(&c, root, LENGTH, from_memory, &h), DURA_OK);
        dt_eq(through(&c, p, LENGTH, &bytes), DURA_ECORRUPT, "byte %zu", at[i]);
        dt_eq((bytes - 1) / DURA_CHUNK_BYTES, at[i] / DURA_CHUNK_BYTES, "byte %zu", at[i]);
        p[at[i]] ^= 0x20;
    }
    for (size_t i = 16; i < n - 32; i += 7) {
        if (i >= 240 && i < 272)
            continue; /* the fifth leaf's copy beside nothing, which no path needs */
        ((uint8_t *)tree)[i] ^= 1;
        dt_eq(dura_chunks_open(&c, root, LENGTH, from_memory, &h), DURA_OK);
        dt_eq(through(&c, p, LENGTH, &bytes), DURA_EAUTH, "byte %zu of the file", i);
        ((uint8_t *)tree)[i] ^= 1;
    }
    dura_pack_deinit(tree);
    free(p);
}

DT_TEST(host_chunks, a_root_is_signed_once_and_where_there_is_room)
{
    uint8_t root[32] = {1, 2, 3}, got[32], payload[DURA_RELEASE_PAYLOAD_MAX];
    dura_release r = DURA_RELEASE_INIT;
    r.component = DURA_COMPONENT_BOX;
    r.version = r.length = 9;
    memset(r.digest, 7, 32);
    memcpy(r.device, "*", 2);
    size_t n = sizeof payload, before;
    dt_eq(dura_release_encode(&r, payload, &n, NULL), DURA_OK);
    before = n;
    dt_eq(dura_chunks_root(payload, n, got), DURA_ENOENT);
    dt_eq(dura_chunks_sign(payload, &n, n + 35, root), DURA_ENOSPC);
    dt_eq(n, before, "and nothing changed");
    dt_eq(dura_chunks_sign(payload, &n, sizeof payload, root), DURA_OK);
    dt_eq(n, before + 36);
    dt_eq(dura_chunks_root(payload, n, got), DURA_OK);
    dt_mem(got, root, 32, "");
    dt_eq(dura_chunks_sign(payload, &n, sizeof payload, root), DURA_ESTATE);
    dt_eq(dura_chunks_sign(payload, &n, sizeof payload, NULL), DURA_EINVAL);
    memset(r.evidence, 5, 32);
    memset(r.policy, 5, 32);
    memset(r.name, 'n', 63);
    memset(r.device, 'd', 63);
    n = sizeof payload;
    dt_eq(dura_release_encode(&r, payload, &n, NULL), DURA_OK);
    dt_eq(dura_chunks_sign(payload, &n, sizeof payload, root), DURA_OK, "%zu bytes", n);
    payload[5] = 0xFF;
    dt_eq(dura_chunks_root(payload, n, got), DURA_EINVAL);
}

/* ---- 1 GiB ---------------------------------------------------------------------------------- */

/* The tree over a subject of zeros: one node per level. */
typedef struct zeros { uint8_t level[20][32]; uint64_t chunks, length, reads; } zeros;

static int of_zeros(void *user, uint64_t off, void *p, size_t n)
{
    zeros *z = user;
    uint64_t at = 16, width = z->chunks;
    uint32_t level = 0;
    z->reads += n;
    if (off == 0) {
        uint8_t head[16] = {'D', 'C', 'H', 'T', 1, 0, 16, 0};
        for (int i = 0; i < 8; i++)
            head[8 + i] = (uint8_t)(z->length >> 8 * i);
        memcpy(p, head, n);
        return 0;
    }
    for (; off >= at + 32 * width; width = (width + 1) / 2, level++)
        at += 32 * width;
    memcpy(p, z->level[level], n);
    return 0;
}

DT_TEST(host_chunks, the_first_chunk_of_a_gibibyte_is_refused_after_64_kib_and_in_little_memory)
{
    static uint8_t chunk[DURA_CHUNK_BYTES];
    static zeros z;
    uint8_t both[65] = {1};
    const void *in = chunk;
    size_t len = sizeof chunk;
    dura_chunks c;
    z.length = 1ull << 30;
    z.chunks = z.length / DURA_CHUNK_BYTES;
    dura_sha256_query_n(0, &in, &len, 1, z.level);
    for (uint32_t i = 1; i < 15; i++) {
        memcpy(both + 1, z.level[i - 1], 32);
        memcpy(both + 33, z.level[i - 1], 32);
        dura_sha256_query(z.level[i], both, sizeof both);
    }
    dt_ok(sizeof c <= 512, "%zu", sizeof c);
    dt_eq(dura_chunks_open(&c, z.level[14], z.length, of_zeros, &z), DURA_OK);
    dt_eq(dura_chunks_next(&c, chunk, sizeof chunk), DURA_OK);
    dt_ok(z.reads <= 16 + 15 * 32, "%llu bytes of the tree", (unsigned long long)z.reads);
    dt_eq(dura_chunks_open(&c, z.level[14], z.length, of_zeros, &z), DURA_OK);
    chunk[12345] = 1;
    dt_eq(dura_chunks_next(&c, chunk, sizeof chunk), DURA_ECORRUPT, "one chunk was read");
    dt_eq(dura_chunks_next(&c, chunk, sizeof chunk - 1), DURA_EINVAL, "chunks are whole");
    dt_eq(dura_chunks_digest(&c, both), DURA_ESTATE);
}

DT_TEST(host_chunks, files_that_are_no_tree_are_refused)
{
    uint8_t root[32], one_[4] = {1}, file[64];
    void *tree;
    size_t n;
    dura_chunks c;
    dt_eq(dura_chunks_make(one_, 4, &tree, &n, root, NULL), DURA_OK);
    dt_eq(n, 48);
    memcpy(file, tree, n);
    dura_pack_deinit(tree);
    held h = {file, n, 0};
    dt_eq(dura_chunks_open(&c, root, 4, from_memory, &h), DURA_OK);
    dt_eq(dura_chunks_open(&c, root, 5, from_memory, &h), DURA_ECORRUPT, "of another length");
    dt_eq(dura_chunks_open(&c, root, 0, from_memory, &h), DURA_EINVAL);
    dt_eq(dura_chunks_open(&c, root, 4, NULL, NULL), DURA_EINVAL);
    file[4] = 2;
    dt_eq(dura_chunks_open(&c, root, 4, from_memory, &h), DURA_EVERSION);
    file[4] = 1;
    file[6] = 12;
    dt_eq(dura_chunks_open(&c, root, 4, from_memory, &h), DURA_ECORRUPT);
    h.n = 3;
    dt_eq(dura_chunks_open(&c, root, 4, from_memory, &h), -321);
    dt_eq(dura_chunks_make(NULL, 4, &tree, &n, root, NULL), DURA_EINVAL);
    dt_eq(dura_chunks_make(one_, 0, &tree, &n, root, NULL), DURA_EINVAL);
}
