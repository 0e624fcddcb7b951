/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The libsodium provider: digests against two other implementations, keys against values
 * from a third (Python's hmac and cryptography), and that old secrets are really gone.
 */
#include "dt.h"
#include "host/dura_host_sha256.h"
#include "sim/dt_sim.h"

#include <dura/host/crypto.h>
#include <sodium.h>

/* ---- helpers ------------------------------------------------------------------------ */

static void unhex(uint8_t *out, const char *hex)
{
    size_t n = strlen(hex) / 2;
    for (size_t i = 0; i < n; i++) {
        unsigned v = 0;
        sscanf(hex + 2 * i, "%2x", &v);
        out[i] = (uint8_t)v;
    }
}

static void fill(uint8_t *p, size_t n, uint64_t seed)
{
    for (size_t i = 0; i < n; i++)
        p[i] = (uint8_t)dt_random(&seed);
}

/* Every engine this machine can run. */
static size_t engines(const durai_sha256_engine *e[3])
{
    size_t n = 0;
    e[n++] = durai_sha256_sodium();
    if (durai_sha256_x86())
        e[n++] = durai_sha256_x86();
    if (durai_sha256_arm())
        e[n++] = durai_sha256_arm();
    return n;
}

static int contains(const void *hay, size_t n, const uint8_t needle[32])
{
    const uint8_t *p = hay;
    for (size_t i = 0; i + 32 <= n; i++)
        if (memcmp(p + i, needle, 32) == 0)
            return 1;
    return 0;
}

/* ---- SHA-256 ------------------------------------------------------------------------- */

/* FIPS 180-4 examples (NIST CSRC, SHA256.pdf) and the empty message. */
static const struct {
    const char *text, *digest;
} fips[] = {
    {"", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
    {"abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
    {"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
     "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"},
};

DT_TEST(sha256_query, gives_the_published_digests)
{
    uint8_t want[32], got[32];
    for (size_t i = 0; i < sizeof fips / sizeof fips[0]; i++) {
        unhex(want, fips[i].digest);
        dura_sha256_query(got, fips[i].text, strlen(fips[i].text));
        dt_mem(got, want, 32, "row %s", fips[i].text);
    }
}

DT_TEST(sha256_query, gives_the_published_digest_of_a_million_letters)
{
    static uint8_t letters[1000000];
    uint8_t want[32], got[32];
    memset(letters, 'a', sizeof letters);
    unhex(want, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
    dura_sha256_query(got, letters, sizeof letters);
    dt_mem(got, want, 32);
}

DT_TEST(sha256_update, every_engine_agrees_with_libsodium_for_every_length)
{
    const durai_sha256_engine *e[3];
    uint8_t msg[301], want[32], got[32];
    size_t n = engines(e);
    fill(msg, sizeof msg, 1);
    for (size_t len = 0; len <= 300; len++) {
        crypto_hash_sha256(want, msg, len);
        for (size_t i = 0; i < n; i++) {
            dura_sha256 s;
            dura_sha256_init(&s);
            durai_sha256_update(e[i], &s, msg, len);
            durai_sha256_final(e[i], &s, got);
            dt_mem(got, want, 32, "%s, %zu bytes", e[i]->name, len);
        }
    }
}

DT_TEST(sha256_update, may_be_split_anywhere)
{
    const durai_sha256_engine *e[3];
    uint8_t msg[200], want[32], got[32];
    size_t n = engines(e);
    fill(msg, sizeof msg, 2);
    crypto_hash_sha256(want, msg, sizeof msg);
    for (size_t i = 0; i < n; i++)
        for (size_t a = 0; a <= sizeof msg; a++)
            for (size_t b = a; b <= sizeof msg; b += 7) {
                dura_sha256 s;
                dura_sha256_init(&s);
                durai_sha256_update(e[i], &s, msg, a);
                durai_sha256_update(e[i], &s, msg + a, b - a);
                durai_sha256_update(e[i], &s, msg + b, sizeof msg - b);
                durai_sha256_final(e[i], &s, got);
                dt_mem(got, want, 32, "%s split at %zu and %zu", e[i]->name, a, b);
            }
}

DT_TEST(sha256_update, takes_nothing_from_null)
{
    uint8_t want[32], got[32];
    dura_sha256 s;
    dura_sha256_init(&s);
    dura_sha256_update(&s, NULL, 0);
    dura_sha256_update(&s, "ab", 2);
    dura_sha256_update(&s, NULL, 0);
    dura_sha256_update(&s, "c", 1);
    dura_sha256_final(&s, got);
    unhex(want, fips[1].digest);
    dt_mem(got, want, 32);
}

DT_TEST(sha256_final, counts_bits_beyond_32)
{
    /* 512 MiB + 3 bytes: the bit count needs its upper word. libsodium is the oracle for
     * the tail; the head is skipped by giving both the same chaining value and count. */
    const durai_sha256_engine *e[3];
    size_t n = engines(e);
    crypto_hash_sha256_state st;
    uint8_t want[32], got[32];
    dura_sha256 s0;
    dura_sha256_init(&s0);
    s0.n = (uint64_t)1 << 29;
    crypto_hash_sha256_init(&st);
    st.count = s0.n * 8;
    crypto_hash_sha256_update(&st, (const uint8_t *)"xyz", 3);
    crypto_hash_sha256_final(&st, want);
    for (size_t i = 0; i < n; i++) {
        dura_sha256 s = s0;
        durai_sha256_update(e[i], &s, "xyz", 3);
        durai_sha256_final(e[i], &s, got);
        dt_mem(got, want, 32, "%s", e[i]->name);
    }
}

DT_TEST(sha256_final, wipes_its_state)
{
    static const dura_sha256 zero;
    uint8_t got[32];
    dura_sha256 s;
    dura_sha256_init(&s);
    dura_sha256_update(&s, "secret", 6);
    dura_sha256_final(&s, got);
    dt_mem(&s, &zero, sizeof s);
}

/* Digest of prefix and message, by libsodium. */
static void oracle(uint8_t prefix, const uint8_t *msg, size_t len, uint8_t out[32])
{
    crypto_hash_sha256_state st;
    crypto_hash_sha256_init(&st);
    crypto_hash_sha256_update(&st, &prefix, 1);
    crypto_hash_sha256_update(&st, msg, len);
    crypto_hash_sha256_final(&st, out);
}

DT_TEST(sha256_query_n, pairs_of_every_two_lengths_agree_with_libsodium)
{
    const durai_sha256_engine *e[3];
    uint8_t msg[400], want[32], got[2][32];
    size_t n = engines(e);
    fill(msg, sizeof msg, 3);
    for (size_t i = 0; i < n; i++)
        for (size_t a = 0; a <= 200; a++)
            for (size_t b = 0; b <= 200; b += 1 + a % 5) {
                const void *in[2] = {msg, msg + 200};
                size_t len[2] = {a, b};
                durai_sha256_query_n(e[i], 0x01, in, len, 2, got);
                oracle(0x01, msg, a, want);
                dt_mem(got[0], want, 32, "%s %zu beside %zu", e[i]->name, a, b);
                oracle(0x01, msg + 200, b, want);
                dt_mem(got[1], want, 32, "%s %zu after %zu", e[i]->name, b, a);
            }
}

DT_TEST(sha256_query_n, takes_any_number_of_messages)
{
    uint8_t msg[9][300], want[32], got[10][32], guard[32];
    const void *in[9];
    size_t len[9];
    memset(guard, 0xEE, sizeof guard);
    for (size_t i = 0; i < 9; i++) {
        fill(msg[i], sizeof msg[i], 10 + i);
        in[i] = msg[i];
        len[i] = 37 * i;
    }
    for (size_t n = 0; n <= 9; n++) {
        memset(got, 0xEE, sizeof got);
        dura_sha256_query_n(0x00, in, len, n, got);
        for (size_t i = 0; i < n; i++) {
            oracle(0x00, msg[i], len[i], want);
            dt_mem(got[i], want, 32, "message %zu of %zu", i, n);
        }
        dt_mem(got[n], guard, 32, "nothing behind the last of %zu", n);
    }
}

/* RFC 4231 test cases 1, 2 and 6 (a key longer than a block). */
DT_TEST(sha256_hmac, gives_the_published_tags)
{
    static const struct {
        const char *key, *msg, *tag;
    } row[] = {
        {"0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b", "4869205468657265",
         "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"},
        {"4a656665", "7768617420646f2079612077616e7420666f72206e6f7468696e673f",
         "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"},
        {"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
         "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
         "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
         "54657374205573696e67204c6172676572205468616e20426c6f636b2d53697a65204b6579202d20486173"
         "68204b6579204669727374",
         "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"},
    };
    for (size_t i = 0; i < 3; i++) {
        uint8_t key[131], msg[64], want[32], got[32];
        unhex(key, row[i].key);
        unhex(msg, row[i].msg);
        unhex(want, row[i].tag);
        dura_sha256_hmac(got, key, strlen(row[i].key) / 2, msg, strlen(row[i].msg) / 2);
        dt_mem(got, want, 32, "case %zu", i);
    }
}

DT_TEST(sha256_name, is_one_of_the_engines)
{
    const durai_sha256_engine *e[3];
    size_t n = engines(e);
    dt_str(dura_sha256_name(), e[n - 1]->name);
}

/* ---- evolving keys ------------------------------------------------------------------- */

/* Seed 00..1f. Made with Python: hmac.new(seed, label, sha256) and, for the keys,
 * cryptography's Ed25519PrivateKey.from_private_bytes; signature over "epoch <e>". */
static const struct {
    const char *seed, *pub, *sig;
} epochs[3] = {
    {"000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f",
     "b058db1dc269a938cd3723ea3ead026e32e4243b90a5cab1d89a790c1a831e39",
     "2591a55c90379e0c2e4cf52ef4cc59a517091585ede26b2b6acf6abeee5c090f"
     "4d0753bc5cfe1ce47d8a0d128bf851a9d31e7f65bfc1d9cb58c2550555773303"},
    {"61db036471e90815a417de465b8e04e6ae628fec7e50582ca172ae976ae1001f",
     "c0e450cf0c65664fc5816965cd419969c4bc64860792f294095e9c606b4f18b2",
     "2aa1135693e162ecb7c7e618184c8c910c1f9550d222f6fd5a6367f38c4155d6"
     "10a709bd298919341830f2e3cf4bbd94dcbceb952e0005b3c999e83f243e3b00"},
    {"d39a4c1055392f5dcba016d99e055b1b26e027db28289b4c9487d20256595f60",
     "44c4d42bf3fea7881c3a668b9c0d215e6a7c10bcce74e370892560ff0caac12e",
     "d619f001909388898dc31eddd013198e44f70875704d3a62be156bb9ca147dcc"
     "0c2ac9a593049f886ba257532cc560c33c346bfae686783c3843cd216e9fca00"},
};

DT_TEST(epoch_next, follows_the_documented_derivation)
{
    uint8_t seed[32], pub[32], want[32];
    unhex(seed, epochs[0].seed);
    for (size_t e = 0; e < 3; e++) {
        unhex(want, epochs[e].seed);
        dt_mem(seed, want, 32, "seed of epoch %zu", e);
        unhex(want, epochs[e].pub);
        dura_epoch_public(pub, seed);
        dt_mem(pub, want, 32, "public key of epoch %zu", e);
        dura_epoch_next(seed, seed);
    }
}

DT_TEST(epoch_origin, is_half_the_digest_of_the_first_key)
{
    uint8_t pub[32], h[32], origin[16];
    unhex(pub, epochs[0].pub);
    crypto_hash_sha256(h, pub, 32);
    dura_epoch_origin(origin, pub);
    dt_mem(origin, h, 16);
}

/* ---- the provider -------------------------------------------------------------------- */

/* What persist was told, and whether the old seed was still held when it was. */
typedef struct saved {
    int calls, code;
    uint32_t epoch;
    uint8_t seed[32];
    const dura_sodium *provider;
    uint32_t epoch_held;
} saved;

static int save(void *user, uint32_t epoch, const uint8_t seed[32])
{
    saved *s = user;
    s->calls++;
    s->epoch = epoch;
    memcpy(s->seed, seed, 32);
    s->epoch_held = s->provider->epoch;
    return s->code;
}

static void start(dura_sodium *p, saved *s, uint32_t epoch)
{
    uint8_t seed[32], device[32];
    unhex(seed, epochs[epoch].seed);
    memset(device, 0xD0, sizeof device);
    memset(s, 0, sizeof *s);
    s->provider = p;
    dt_eq(dura_sodium_init(p, seed, epoch, device, save, s), DURA_OK);
}

DT_TEST(sodium_init, refuses_what_makes_no_sense)
{
    dura_sodium p;
    saved s;
    uint8_t seed[32] = {0};
    dt_eq(dura_sodium_init(NULL, seed, 0, NULL, NULL, NULL), DURA_EINVAL, "no provider");
    dt_eq(dura_sodium_init(&p, NULL, 0, NULL, save, &s), DURA_EINVAL, "nothing to persist");
}

DT_TEST(sodium_init, offers_only_what_it_has_keys_for)
{
    static const uint8_t key[32] = {7};
    static const struct {
        const char *name;
        const uint8_t *seed, *device;
    } row[] = {{"neither", NULL, NULL}, {"seed", key, NULL}, {"device", NULL, key}, {"both", key, key}};
    for (size_t i = 0; i < 4; i++) {
        dura_sodium p;
        dt_eq(dura_sodium_init(&p, row[i].seed, 0, row[i].device, NULL, NULL), DURA_OK);
        const dura_crypto *c = &p.crypto;
        dt_eq(c->struct_size, sizeof *c);
        dt_ok(c->hash_init && c->hash_update && c->hash_final && c->hash_many && c->verify, "%s", row[i].name);
        dt_eq(c->mac != NULL, row[i].device != NULL, "%s: mac", row[i].name);
        dt_eq(c->sign != NULL, row[i].seed != NULL, "%s: sign", row[i].name);
        dt_eq(c->key_epoch != NULL, row[i].seed != NULL, "%s: key_epoch", row[i].name);
        dt_eq(c->key_public != NULL, row[i].seed != NULL, "%s: key_public", row[i].name);
        dt_eq(c->key_advance != NULL, row[i].seed != NULL, "%s: key_advance", row[i].name);
        dura_sodium_deinit(&p);
    }
}

DT_TEST(sodium_hash, streams_and_batches_agree)
{
    dura_sodium p;
    uint8_t msg[100], want[32], got[32], many[1][32];
    const void *in[1] = {msg + 1};
    size_t len[1] = {99};
    dura_hash_state st;
    fill(msg, sizeof msg, 4);
    msg[0] = 0;
    memset(&st, 0xA5, sizeof st);
    dt_eq(dura_sodium_init(&p, NULL, 0, NULL, NULL, NULL), DURA_OK);
    crypto_hash_sha256(want, msg, sizeof msg);
    dt_eq(p.crypto.hash_init(p.crypto.user, &st), 0);
    dt_eq(p.crypto.hash_update(p.crypto.user, &st, msg, 30), 0);
    dt_eq(p.crypto.hash_update(p.crypto.user, &st, msg + 30, 70), 0);
    dt_eq(p.crypto.hash_final(p.crypto.user, &st, got), 0);
    dt_mem(got, want, 32);
    dt_eq(p.crypto.hash_many(p.crypto.user, 0, in, len, 1, many), 0);
    dt_mem(many[0], want, 32);
}

DT_TEST(sodium_sign, gives_the_published_signature_in_each_epoch)
{
    dura_sodium p;
    saved s;
    start(&p, &s, 0);
    const dura_crypto *c = &p.crypto;
    for (uint32_t e = 0; e < 3; e++) {
        uint8_t want[64], pub[32], next[32], sig[64];
        char msg[16];
        int n = snprintf(msg, sizeof msg, "epoch %u", (unsigned)e);
        unhex(want, epochs[e].pub);
        dt_eq(c->key_public(c->user, DURA_KEY_LOG, e, pub), 0);
        dt_mem(pub, want, 32, "public key %u", (unsigned)e);
        dt_eq(c->sign(c->user, DURA_KEY_LOG, e, msg, (size_t)n, sig), 0);
        unhex(want, epochs[e].sig);
        dt_mem(sig, want, 64, "signature %u", (unsigned)e);
        dt_eq(c->verify(c->user, pub, msg, (size_t)n, sig), 0);
        dt_eq(c->key_public(c->user, DURA_KEY_LOG, e + 1, next), 0, "the next one is known already");
        if (e < 2) {
            unhex(want, epochs[e + 1].pub);
            dt_mem(next, want, 32, "next of %u", (unsigned)e);
        }
        dt_eq(c->key_advance(c->user, DURA_KEY_LOG, e + 1), 0);
        dt_eq(s.epoch_held, e, "the old key is held until the new one is durable");
    }
    dt_eq(s.calls, 3);
    dura_sodium_deinit(&p);
}

DT_TEST(sodium_sign, refuses_any_other_epoch_or_slot)
{
    dura_sodium p;
    saved s;
    uint8_t pub[32], sig[64], tag[16];
    uint32_t epoch = 99;
    start(&p, &s, 1);
    const dura_crypto *c = &p.crypto;
    dt_eq(c->key_epoch(c->user, DURA_KEY_LOG, &epoch), 0);
    dt_eq(epoch, 1);
    dt_eq(c->sign(c->user, DURA_KEY_LOG, 0, "", 0, sig), DURA_ESTATE, "the past");
    dt_eq(c->sign(c->user, DURA_KEY_LOG, 2, "", 0, sig), DURA_ESTATE, "the future");
    dt_eq(c->key_public(c->user, DURA_KEY_LOG, 0, pub), DURA_ESTATE, "the past");
    dt_eq(c->key_public(c->user, DURA_KEY_LOG, 3, pub), DURA_ESTATE, "too far");
    dt_eq(c->key_advance(c->user, DURA_KEY_LOG, 0), DURA_ESTATE, "back");
    dt_eq(c->key_advance(c->user, DURA_KEY_LOG, 3), DURA_ESTATE, "two at once");
    dt_eq(c->key_epoch(c->user, DURA_KEY_DEVICE, &epoch), DURA_EINVAL);
    dt_eq(c->key_public(c->user, 7, 1, pub), DURA_EINVAL);
    dt_eq(c->sign(c->user, DURA_KEY_DEVICE, 1, "", 0, sig), DURA_EINVAL);
    dt_eq(c->key_advance(c->user, 7, 2), DURA_EINVAL);
    dt_eq(c->mac(c->user, DURA_KEY_LOG, "", 0, tag), DURA_EINVAL);
    dt_eq(s.calls, 0, "nothing was persisted");
    dura_sodium_deinit(&p);
}

DT_TEST(sodium_advance, to_the_held_epoch_changes_nothing)
{
    dura_sodium p, before;
    saved s;
    start(&p, &s, 1);
    before = p;
    dt_eq(p.crypto.key_advance(p.crypto.user, DURA_KEY_LOG, 1), 0);
    dt_mem(&p, &before, sizeof p);
    dt_eq(s.calls, 0);
}

DT_TEST(sodium_advance, keeps_the_old_key_when_the_new_one_cannot_be_saved)
{
    dura_sodium p, before;
    saved s;
    start(&p, &s, 0);
    s.code = -555;
    before = p;
    dt_eq(p.crypto.key_advance(p.crypto.user, DURA_KEY_LOG, 1), -555, "the callback's code");
    dt_mem(&p, &before, sizeof p);
    s.code = 0;
    dt_eq(p.crypto.key_advance(p.crypto.user, DURA_KEY_LOG, 1), 0, "and can be tried again");
    dt_eq(p.epoch, 1);
}

DT_TEST(sodium_advance, leaves_no_old_secret_behind)
{
    dura_sodium p;
    saved s;
    uint8_t seed[32], secret[32];
    start(&p, &s, 0);
    unhex(seed, epochs[0].seed);
    memcpy(secret, p.secret, 32);
    dt_ok(contains(&p, sizeof p, seed) && contains(&p, sizeof p, secret), "the search finds what is there");
    dt_eq(p.crypto.key_advance(p.crypto.user, DURA_KEY_LOG, 1), 0);
    dt_ok(!contains(&p, sizeof p, seed), "old seed");
    dt_ok(!contains(&p, sizeof p, secret), "old signing key");
    unhex(seed, epochs[1].seed);
    dt_mem(s.seed, seed, 32, "what was made durable is the next seed");
}

DT_TEST(sodium_deinit, leaves_nothing_behind)
{
    static const dura_sodium zero;
    dura_sodium p;
    saved s;
    start(&p, &s, 0);
    dura_sodium_deinit(&p);
    dt_mem(&p, &zero, sizeof p);
    dura_sodium_deinit(NULL);
}

DT_TEST(sodium_mac, is_the_first_half_of_hmac_sha256)
{
    dura_sodium p;
    saved s;
    uint8_t device[32], full[32], tag[16];
    start(&p, &s, 0);
    memset(device, 0xD0, sizeof device);
    crypto_auth_hmacsha256(full, (const uint8_t *)"record", 6, device);
    dt_eq(p.crypto.mac(p.crypto.user, DURA_KEY_DEVICE, "record", 6, tag), 0);
    dt_mem(tag, full, 16);
    dura_sodium_deinit(&p);
}

/* ---- verification ---------------------------------------------------------------------- */

/* RFC 8032 section 7.1, test 3. */
static const char rfc_pub[] = "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025";
static const char rfc_sig[] = "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac"
                              "18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a";

DT_TEST(ed25519_verify, accepts_the_published_signature_and_nothing_beside_it)
{
    static const uint8_t msg[2] = {0xaf, 0x82};
    uint8_t pub[32], sig[64], bad[2] = {0xaf, 0x83};
    unhex(pub, rfc_pub);
    unhex(sig, rfc_sig);
    dt_eq(dura_ed25519_verify(pub, msg, 2, sig), DURA_OK);
    dt_eq(dura_ed25519_verify(pub, bad, 2, sig), DURA_EAUTH, "other message");
    dt_eq(dura_ed25519_verify(pub, msg, 1, sig), DURA_EAUTH, "shorter message");
    for (unsigned bit = 0; bit < 512; bit += 3) {
        sig[bit / 8] ^= (uint8_t)(1u << bit % 8);
        dt_eq(dura_ed25519_verify(pub, msg, 2, sig), DURA_EAUTH, "signature bit %u", bit);
        sig[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    for (unsigned bit = 0; bit < 256; bit += 5) {
        pub[bit / 8] ^= (uint8_t)(1u << bit % 8);
        dt_eq(dura_ed25519_verify(pub, msg, 2, sig), DURA_EAUTH, "key bit %u", bit);
        pub[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
}

DT_TEST(ed25519_verify, refuses_a_malleable_signature)
{
    /* The group order L, little-endian (RFC 8032 section 5.1). S + L verifies where S < L
     * is not checked. */
    static const uint8_t msg[2] = {0xaf, 0x82};
    uint8_t order[32], pub[32], sig[64];
    unsigned carry = 0;
    unhex(order, "edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010");
    unhex(pub, rfc_pub);
    unhex(sig, rfc_sig);
    for (unsigned i = 0; i < 32; i++) {
        carry += (unsigned)sig[32 + i] + order[i];
        sig[32 + i] = (uint8_t)carry;
        carry >>= 8;
    }
    dt_eq(dura_ed25519_verify(pub, msg, 2, sig), DURA_EAUTH);
}

DT_TEST(ed25519_verify, refuses_a_public_key_of_small_order)
{
    /* The neutral element as key and R, S = 0, "verifies" every message by the equation. */
    uint8_t pub[32] = {1}, sig[64] = {1};
    dt_eq(dura_ed25519_verify(pub, "anything", 8, sig), DURA_EAUTH);
}

DT_TEST(ed25519_verify, takes_what_libsodium_signs)
{
    uint8_t pub[32], sec[64], sig[64], msg[300];
    uint8_t seed[32];
    fill(msg, sizeof msg, 5);
    for (unsigned i = 0; i < 20; i++) {
        size_t n = 15u * i;
        fill(seed, sizeof seed, 100 + i);
        crypto_sign_seed_keypair(pub, sec, seed);
        crypto_sign_detached(sig, NULL, msg, n, sec);
        dt_eq(dura_ed25519_verify(pub, msg, n, sig), DURA_OK, "key %u", i);
    }
}
