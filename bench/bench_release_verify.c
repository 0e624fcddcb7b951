/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What verifying a release costs.
 *
 * Bytes: 1 GiB in chunks of 64 KiB, for the digest of the whole, and for the digest with the tree
 * over its chunks, beside OpenSSL's SHA-256 over the same buffers in turns; how much memory that
 * took; and how much of a subject with a wrong first chunk is read. Envelope: three signatures of
 * eight keys, in the best and the worst order, beside libsodium's three bare verifications.
 *
 *   bench_release_verify [MiB, default 1024]     exit 1: slower than 1.10 of OpenSSL, or than 150 us
 *   and 1.05 of libsodium
 *
 * OpenSSL is loaded at run time (libcrypto.so.3); without it there is no comparison and exit 77.
 */
#include <dura/gate.h>
#include <dura/host/crypto.h>
#include <dura/host/pack.h>
#include <dura/host/release.h>

#include <dlfcn.h>
#include <malloc.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

enum { CHUNK = DURA_CHUNK_BYTES, BUFFER = 16 << 20, TURNS = 16, REPEATS = 300, KEYS = 8 };

static double cpu_s(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t); /* the machine may be shared */
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static int up(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(double *v, size_t n)
{
    qsort(v, n, sizeof *v, up);
    return v[n / 2];
}

static void must(int ok, const char *what)
{
    if (!ok) {
        fprintf(stderr, "bench_release_verify: %s\n", what);
        exit(1);
    }
}

/* ---- the peer ----------------------------------------------------------------------------- */

typedef struct peer {
    void *ctx;
    const void *md;
    int (*init)(void *, const void *, void *);
    int (*update)(void *, const void *, size_t);
    int (*final)(void *, unsigned char *, unsigned *);
} peer;

static void find(void *lib, const char *name, void *to)
{
    void *p = dlsym(lib, name);
    must(p != NULL, name);
    memcpy(to, &p, sizeof p);
}

static int open_peer(peer *o)
{
    void *lib = dlopen("libcrypto.so.3", RTLD_NOW), *(*make)(void);
    const void *(*sha256)(void);
    if (!lib)
        return 0;
    find(lib, "EVP_MD_CTX_new", &make);
    find(lib, "EVP_sha256", &sha256);
    find(lib, "EVP_DigestInit_ex", &o->init);
    find(lib, "EVP_DigestUpdate", &o->update);
    find(lib, "EVP_DigestFinal_ex", &o->final);
    o->ctx = make();
    o->md = sha256();
    return o->ctx != NULL;
}

/* ---- bytes ---------------------------------------------------------------------------------- */

/* The tree over a buffer that repeats: chunks are those of the buffer, and so are whole subtrees. */
typedef struct tree { uint8_t leaf[BUFFER / CHUNK][32], level[20][BUFFER / CHUNK][32]; uint64_t chunks, length, reads; } tree;

static int read_tree(void *user, uint64_t off, void *p, size_t n)
{
    tree *t = user;
    uint64_t at = 16, width = t->chunks, k = 0;
    t->reads += n;
    if (off == 0) {
        uint8_t head[16] = {'D', 'C', 'H', 'T', 1, 0, 16, 0};
        memcpy(head + 8, &t->length, 8); /* the bench runs on little-endian machines */
        memcpy(p, head, n);
        return 0;
    }
    for (; off >= at + 32 * width; width = (width + 1) / 2, k++)
        at += 32 * width;
    uint64_t period = (BUFFER / CHUNK) >> k;
    memcpy(p, t->level[k][(off - at) / 32 % (period ? period : 1)], n);
    return 0;
}

static void make_tree(tree *t, const uint8_t *buffer, uint64_t length)
{
    uint32_t width = BUFFER / CHUNK;
    uint8_t both[65] = {1};
    t->length = length;
    t->chunks = length / CHUNK;
    for (uint32_t i = 0; i < width; i++) {
        const void *p = buffer + (size_t)i * CHUNK;
        size_t n = CHUNK;
        dura_sha256_query_n(0, &p, &n, 1, &t->level[0][i]);
    }
    for (uint32_t k = 1; k < 20; k++) {
        uint32_t former = width;
        width = width > 1 ? width / 2 : 1;
        for (uint32_t i = 0; i < width; i++) {
            memcpy(both + 1, t->level[k - 1][2 * i % former], 32);
            memcpy(both + 33, t->level[k - 1][(2 * i + 1) % former], 32);
            dura_sha256_query(t->level[k][i], both, sizeof both);
        }
    }
}

static uint64_t levels_of(uint64_t chunks)
{
    uint64_t k = 0;
    for (; chunks > 1; chunks = (chunks + 1) / 2)
        k++;
    return k;
}

/* One turn through the buffer; seconds. */
static double turn_peer(peer *o, const uint8_t *buffer)
{
    double from = cpu_s();
    for (size_t at = 0; at < BUFFER; at += CHUNK)
        must(o->update(o->ctx, buffer + at, CHUNK) == 1, "EVP_DigestUpdate");
    return cpu_s() - from;
}

static double turn(dura_chunks *c, const uint8_t *buffer)
{
    double from = cpu_s();
    for (size_t at = 0; at < BUFFER; at += CHUNK)
        must(dura_chunks_next(c, buffer + at, CHUNK) == DURA_OK, "dura_chunks_next");
    return cpu_s() - from;
}

static int bytes(uint64_t mib)
{
    static tree t;
    static double ratio[2][4096], ns[3][4096];
    uint8_t *buffer = malloc(BUFFER), digest[3][32];
    uint64_t length = mib << 20, turns = length / BUFFER;
    unsigned n = 0;
    peer o;
    dura_chunks whole, both;
    struct rusage was, is;
    must(buffer != NULL && turns >= TURNS && turns <= 4096, "memory, or a length of 256 to 65536 MiB");
    for (size_t i = 0; i < BUFFER; i++)
        buffer[i] = (uint8_t)(i * 2654435761u >> 13);
    if (!open_peer(&o)) {
        puts("no libcrypto.so.3 to compare with (Debian: libssl3)");
        exit(77);
    }
    make_tree(&t, buffer, length);
    must(dura_chunks_open(&whole, NULL, length, NULL, NULL) == DURA_OK, "open");
    must(dura_chunks_open(&both, t.level[levels_of(t.chunks)][0], length, read_tree, &t) == DURA_OK, "open with a tree");
    must(o.init(o.ctx, o.md, NULL) == 1, "EVP_DigestInit_ex");
    getrusage(RUSAGE_SELF, &was);
    size_t heap = mallinfo2().uordblks;
    for (uint64_t i = 0; i < turns; i++) {
        double p = turn_peer(&o, buffer), w = turn(&whole, buffer), b = turn(&both, buffer);
        ratio[0][i] = w / p;
        ratio[1][i] = b / p;
        ns[0][i] = p / BUFFER * 1e9;
        ns[1][i] = w / BUFFER * 1e9;
        ns[2][i] = b / BUFFER * 1e9;
    }
    getrusage(RUSAGE_SELF, &is);
    heap = mallinfo2().uordblks - heap;
    must(o.final(o.ctx, digest[0], &n) == 1 && dura_chunks_digest(&whole, digest[1]) == DURA_OK &&
             dura_chunks_digest(&both, digest[2]) == DURA_OK && memcmp(digest[0], digest[1], 32) == 0 && memcmp(digest[0], digest[2], 32) == 0,
         "the digests differ");
    double r0 = median(ratio[0], turns), r1 = median(ratio[1], turns);
    printf("%llu MiB by 64 KiB (%s), medians of %llu turns of processor time\n", (unsigned long long)mib, dura_sha256_name(),
           (unsigned long long)turns);
    printf("  OpenSSL SHA-256              %.3f ns/B\n", median(ns[0], turns));
    printf("  digest of the whole          %.3f ns/B  %.3f of OpenSSL (must 1.10, aim 1.03)\n", median(ns[1], turns), r0);
    printf("  whole and tree of chunks     %.3f ns/B  %.3f of OpenSSL\n", median(ns[2], turns), r1);
    printf("  memory: %zu bytes of state, heap +%zu, resident +%ld KiB (must 8 KiB and the buffer)\n", sizeof both, heap,
           is.ru_maxrss - was.ru_maxrss);
    must(dura_chunks_open(&both, t.level[levels_of(t.chunks)][0], length, read_tree, &t) == DURA_OK, "open with a tree");
    t.reads = 0;
    buffer[4711] ^= 1;
    must(dura_chunks_next(&both, buffer, CHUNK) == DURA_ECORRUPT, "a wrong first chunk was taken");
    printf("  wrong first chunk: refused after %u bytes, and %llu of the tree (must 64 KiB)\n", (unsigned)CHUNK, (unsigned long long)t.reads);
    free(buffer);
    return r0 <= 1.10 && is.ru_maxrss - was.ru_maxrss <= 8 && heap == 0;
}

/* ---- an envelope ---------------------------------------------------------------------------- */

/* Three of eight sign; the signers' places among the keys are first, first+1, first+2, signing in turn. */
static double envelope(uint32_t first, int reversed, double *bare)
{
    static dura_sodium provider;
    static double us[REPEATS], three[REPEATS];
    uint8_t payload[DURA_RELEASE_PAYLOAD_MAX], sealed[DURA_RELEASE_MAX], sig[3][64], message[2048] = {1};
    dura_gate_key keys[KEYS];
    dura_release r = DURA_RELEASE_INIT;
    size_t n = sizeof payload, len = sizeof sealed;
    memset(keys, 0, sizeof keys);
    r.component = DURA_COMPONENT_BRAIN;
    r.version = r.floor_ = 1ull << 40;
    r.length = 1 << 20;
    memset(r.digest, 1, 32);
    memset(r.policy, 2, 32);
    memset(r.evidence, 3, 32);
    memset(r.device, 'd', 60);
    memset(r.name, 'n', 60);
    must(dura_sodium_init(&provider, NULL, 0, NULL, NULL, NULL) == DURA_OK, "provider");
    must(dura_release_encode(&r, payload, &n, NULL) == DURA_OK && dura_envelope_make(payload, n, sealed, &len) == DURA_OK, "release");
    for (uint32_t k = 0; k < KEYS; k++) {
        uint8_t seed[32] = {(uint8_t)(k + 1)}, secret[64];
        crypto_sign_seed_keypair(keys[k].pub, secret, seed);
        keys[k].role = DURA_ROLE_VENDOR;
    }
    for (uint32_t i = 0; i < 3; i++) {
        uint32_t k = reversed ? first + 2 - i : first + i;
        uint8_t seed[32] = {(uint8_t)(k + 1)}, secret[64], pub[32];
        must(dura_envelope_sign(sealed, &len, sizeof sealed, seed) == DURA_OK, "sign");
        crypto_sign_seed_keypair(pub, secret, seed);
        crypto_sign_detached(sig[i], NULL, message, sizeof message, secret);
    }
    for (int i = 0; i < REPEATS; i++) {
        double from = cpu_s();
        must(dura_release_verify(sealed, len, &provider.crypto, keys, KEYS, 3, 0, &r, NULL) == DURA_OK, "verify");
        us[i] = (cpu_s() - from) * 1e6;
        from = cpu_s();
        for (uint32_t s = 0; s < 3; s++)
            must(crypto_sign_verify_detached(sig[s], message, sizeof message, keys[reversed ? first + 2 - s : first + s].pub) == 0, "bare");
        three[i] = (cpu_s() - from) * 1e6;
    }
    *bare = median(three, REPEATS);
    return median(us, REPEATS);
}

static int envelopes(void)
{
    double bare, best = envelope(0, 0, &bare), worst = envelope(KEYS - 3, 1, &bare);
    size_t heap = mallinfo2().uordblks;
    (void)envelope(0, 0, &bare);
    heap = mallinfo2().uordblks - heap;
    printf("envelope, three signatures of eight keys, %d bytes at most of statement, medians of %d\n", DURA_RELEASE_PAYLOAD_MAX, REPEATS);
    printf("  dura_release_verify          %.1f us, keys in the worst order %.1f us (must 150, aim 130); heap +%zu\n", best, worst, heap);
    printf("  libsodium, three signatures  %.1f us over 2 KB each\n", bare);
    return (worst <= 150.0 || worst <= 1.05 * bare) && heap == 0; /* a slower processor is not our doing */
}

int main(int argc, char **argv)
{
    must(sodium_init() >= 0, "libsodium");
    int ok = bytes(argc > 1 ? strtoull(argv[1], NULL, 10) : 1024), fast = envelopes();
    return ok && fast ? 0 : 1;
}
