/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Merkle proofs, signed notes, proofs of one record, words with a witness.
 *
 * Roots and the shapes of proofs come from RFC 6962's recursive definitions, written down
 * here as they stand there; the roots of the long workload from an independent program. What
 * other implementations say of them is asked in tests/interop.
 */
#include "dt.h"

#include <dura/host/crypto.h>
#include <dura/host/proof.h>
#include <sodium.h>

enum { MOST = 70 };
static uint8_t leaf[MOST][32];

/* RFC 6962 section 2.1. */
static void mth(uint8_t out[32], uint32_t from, uint32_t n)
{
    uint8_t b[65] = {1};
    uint32_t k = 1;
    if (n == 1) {
        memcpy(out, leaf[from], 32);
        return;
    }
    while (2 * k < n)
        k *= 2;
    mth(b + 1, from, k);
    mth(b + 33, from + k, n - k);
    crypto_hash_sha256(out, b, 65);
}

/* Sections 2.1.1 and 2.1.2, and their common form for subtrees. */
static size_t subproof(uint32_t start, uint32_t end, uint32_t from, uint32_t n, int known, uint8_t (*out)[32])
{
    uint32_t k = 1;
    size_t got;
    if (start == 0 && end == n) {
        if (!known)
            mth(out[0], from, n);
        return known ? 0 : 1;
    }
    while (2 * k < n)
        k *= 2;
    if (end <= k) {
        got = subproof(start, end, from, k, known, out);
        mth(out[got], from + k, n - k);
    } else if (start >= k) {
        got = subproof(start - k, end - k, from + k, n - k, known, out);
        mth(out[got], from, k);
    } else {
        got = subproof(0, end - k, from + k, n - k, 0, out);
        mth(out[got], from, k);
    }
    return got + 1;
}

static dura_leaves *grow(uint32_t n)
{
    dura_leaves *t;
    dt_eq(dura_leaves_open(&t), DURA_OK);
    for (uint32_t i = 0; i < n; i++) {
        uint8_t b[2] = {0, (uint8_t)i};
        crypto_hash_sha256(leaf[i], b, 2);
        dt_eq(dura_leaves_append(t, leaf[i]), DURA_OK);
    }
    dt_eq(dura_leaves_size(t), n);
    return t;
}

static int valid(uint32_t start, uint32_t end)
{
    uint32_t hold = 1;
    while (hold < end - start)
        hold *= 2;
    return start % hold == 0;
}

DT_TEST(host_proof, every_subtree_of_every_tree_is_proved_as_the_rfc_says)
{
    uint8_t path[DURA_PROOF_MAX][32], want[DURA_PROOF_MAX][32], root[32], sub[32];
    size_t n, m;
    dura_leaves *t = grow(MOST);
    for (uint32_t size = 1; size <= MOST; size += size < 20 ? 1 : 7) {
        mth(root, 0, size);
        for (uint32_t start = 0; start < size; start++)
            for (uint32_t end = start + 1; end <= size; end++) {
                if (!valid(start, end)) {
                    dt_eq(dura_leaves_prove(t, start, end, size, path, &n), DURA_EINVAL);
                    dt_eq(dura_proof_subtree(start, end, root, size, root, (const uint8_t (*)[32])path, 0), DURA_EAUTH);
                    continue;
                }
                mth(sub, start, end - start);
                dt_eq(dura_leaves_prove(t, start, end, size, path, &n), DURA_OK);
                m = subproof(start, end, 0, size, 1, want);
                dt_eq(n, m, "[%u, %u) of %u", start, end, size);
                dt_mem(path, want, 32 * n, "[%u, %u) of %u", start, end, size);
                dt_eq(dura_proof_subtree(start, end, sub, size, root, (const uint8_t (*)[32])path, n), DURA_OK);
                uint8_t have[32];
                dt_eq(dura_leaves_root(t, start, end, have), DURA_OK);
                dt_mem(have, sub, 32);
            }
    }
    dura_leaves_close(t);
}

DT_TEST(host_proof, refuses_everything_that_is_not_the_proof)
{
    uint8_t path[DURA_PROOF_MAX + 1][32], root[32], other[32];
    size_t n;
    dura_leaves *t = grow(40);
    mth(root, 0, 40);
    mth(other, 0, 39);
    for (uint32_t i = 0; i < 40; i++) {
        const uint8_t (*p)[32] = (const uint8_t (*)[32])path;
        dt_eq(dura_leaves_prove(t, i, i + 1, 40, path, &n), DURA_OK);
        dt_eq(dura_proof_inclusion(leaf[i], i, 40, root, p, n), DURA_OK);
        dt_eq(dura_proof_inclusion(leaf[i], i, 40, other, p, n), DURA_EAUTH);
        dt_eq(dura_proof_inclusion(leaf[(i + 1) % 40], i, 40, root, p, n), DURA_EAUTH);
        dt_eq(dura_proof_inclusion(leaf[i], i ^ 1u, 40, root, p, n), DURA_EAUTH);
        dt_eq(dura_proof_inclusion(leaf[i], i + 40, 40, root, p, n), DURA_EAUTH);
        dt_eq(dura_proof_inclusion(leaf[i], i, 40, root, p, n - 1), DURA_EAUTH);
        memset(path[n], 0, 32);
        dt_eq(dura_proof_inclusion(leaf[i], i, 40, root, p, n + 1), DURA_EAUTH);
        for (size_t k = 0; k < n; k++) {
            path[k][k % 32] ^= 4;
            dt_eq(dura_proof_inclusion(leaf[i], i, 40, root, p, n), DURA_EAUTH, "leaf %u, hash %zu", i, k);
            path[k][k % 32] ^= 4;
        }
    }
    dura_leaves_close(t);
}

DT_TEST(host_proof, nothing_follows_from_an_empty_tree)
{
    uint8_t root[32], empty[32], path[DURA_PROOF_MAX][32];
    size_t n;
    dura_leaves *t = grow(5);
    mth(root, 0, 5);
    dt_eq(dura_leaves_root(t, 0, 0, empty), DURA_OK);
    dt_eq(dura_proof_consistency(0, empty, 5, root, NULL, 0), DURA_EAUTH);
    dt_eq(dura_proof_consistency(5, root, 5, root, NULL, 0), DURA_OK);
    dt_eq(dura_proof_consistency(5, root, 5, empty, NULL, 0), DURA_EAUTH);
    dt_eq(dura_proof_consistency(5, root, 4, root, NULL, 0), DURA_EAUTH);
    dt_eq(dura_leaves_prove(t, 0, 3, 5, path, &n), DURA_OK);
    mth(empty, 0, 3);
    dt_eq(dura_proof_consistency(3, empty, 5, root, (const uint8_t (*)[32])path, n), DURA_OK);
    dt_eq(dura_leaves_prove(t, 0, 0, 5, path, &n), DURA_EINVAL);
    dt_eq(dura_leaves_prove(t, 0, 5, 6, path, &n), DURA_EINVAL);
    dt_eq(dura_leaves_root(t, 0, 6, empty), DURA_EINVAL);
    dura_leaves_close(t);
}

/* Sizes at the end of what 64 bits hold: made of nothing but hashes of the proof. */
DT_TEST(host_proof, trees_of_any_size_are_judged)
{
    uint8_t path[DURA_PROOF_MAX][32], root[32], b[65] = {1}, one[32] = {7};
    memset(path, 9, sizeof path);
    memcpy(root, one, 32);
    for (int k = 0; k < 64; k++) { /* the last leaf of 2^64 - 1: alone at the right of 63 */
        memcpy(b + 1, path[k], 32);
        memcpy(b + 33, root, 32);
        crypto_hash_sha256(root, b, 65);
        if (k == 62)
            dt_eq(dura_proof_inclusion(one, UINT64_MAX - 1, UINT64_MAX, root, (const uint8_t (*)[32])path, 63), DURA_OK);
    }
    dt_eq(dura_proof_inclusion(one, UINT64_MAX - 1, UINT64_MAX, root, (const uint8_t (*)[32])path, 64), DURA_EAUTH);
    dt_eq(dura_proof_inclusion(one, UINT64_MAX, UINT64_MAX, root, (const uint8_t (*)[32])path, 64), DURA_EAUTH);
}

/* libsodium's randombytes_buf_deterministic with the seed 0123456789abcdef0123456789abcdef, cut
 * into records of 200 bytes; roots by an independent program on Python's hashlib. */
DT_TEST(host_proof, roots_of_the_long_workload)
{
    static const struct {
        uint32_t size;
        const char *root;
    } rows[] = {{1, "4c5c09bfd969286d111815c7a02c7127c2e2662784a6eaa659ae359e8b170313"},
                {64, "a2c762de2442719c6ba0f86e923536001ccc0b2713dd5279ed0dec6db45f951a"},
                {1000, "541ac754023fdaabee8558bd7aa9852a480ab0d1b103be83a03c80e8e72d5ad4"},
                {1000000, "a20ace71c14679f2676704996b884e26e01f11792912009b7a01153fa5eb6d66"}};
    size_t most = getenv("DURA_THOROUGH") ? 1000000 : 1000;
    uint8_t *bytes = malloc(200 * most), digest[1][32];
    dura_leaves *t;
    dt_ok(bytes != NULL);
    dt_eq(dura_leaves_open(&t), DURA_OK);
    randombytes_buf_deterministic(bytes, 200 * most, (const uint8_t *)"0123456789abcdef0123456789abcdef");
    for (size_t i = 0, row = 0; i < most; i++) {
        const void *p = bytes + 200 * i;
        size_t len = 200;
        char hex[65];
        dura_sha256_query_n(0x00, &p, &len, 1, digest);
        dt_eq(dura_leaves_append(t, digest[0]), DURA_OK);
        if (i + 1 != rows[row].size)
            continue;
        dt_eq(dura_leaves_root(t, 0, i + 1, digest[0]), DURA_OK);
        sodium_bin2hex(hex, sizeof hex, digest[0], 32);
        dt_str(hex, rows[row].root, "size %u", rows[row].size);
        row++;
    }
    free(bytes);
    dura_leaves_close(t);
}

/* ======== notes ========================================================================= */

static const uint8_t seed[32] = {1, 2, 3}, seed2[32] = {4, 5};
static uint8_t pub[32], pub2[32];
static char note[4096];
static size_t note_len;

static void keys(void)
{
    uint8_t secret[64];
    crypto_sign_seed_keypair(pub, secret, seed);
    crypto_sign_seed_keypair(pub2, secret, seed2);
}

/* A log's checkpoint with `witnesses` cosignatures. */
static void make_note(int witnesses)
{
    uint8_t root[32] = {0xAB};
    char name[32];
    size_t n = sizeof note, body;
    keys();
    dt_eq(dura_note_body(note, &n, "example.com/log", 12345, root), DURA_OK);
    body = n;
    note[n++] = '\n';
    for (int i = 0; i <= witnesses; i++) {
        size_t room = sizeof note - n;
        snprintf(name, sizeof name, "witness.example/w%d", i);
        dt_eq(dura_note_sign(note + n, &room, note, body, i ? name : "example.com/log", i ? seed2 : seed,
                             i ? DURA_NOTE_COSIGNATURE : DURA_NOTE_ED25519, 1700000000u + (unsigned)i), DURA_OK);
        n += room;
    }
    note_len = n;
}

DT_TEST(host_note, log_and_witnesses_sign_one_checkpoint)
{
    dura_note c;
    uint64_t t = 9;
    make_note(3);
    dt_eq(dura_note_parse(&c, note, note_len), DURA_OK);
    dt_eq(c.size, 12345);
    dt_eq(c.root[0], 0xAB);
    dt_eq(c.n_lines, 4);
    dt_eq(c.extension.len, 0);
    dt_mem(c.origin.p, "example.com/log", c.origin.len);
    dt_eq(dura_note_check(&c, "example.com/log", pub, DURA_NOTE_ED25519, &t), DURA_OK);
    dt_eq(t, 0);
    dt_eq(dura_note_check(&c, "witness.example/w2", pub2, DURA_NOTE_COSIGNATURE, &t), DURA_OK);
    dt_eq(t, 1700000002u);
    dt_eq(dura_note_check(&c, "witness.example/w2", pub2, DURA_NOTE_ED25519, &t), DURA_ENOENT, "another kind of key");
    dt_eq(dura_note_check(&c, "witness.example/w9", pub2, DURA_NOTE_COSIGNATURE, &t), DURA_ENOENT);
    dt_eq(dura_note_check(&c, "witness.example/w2", pub, DURA_NOTE_COSIGNATURE, &t), DURA_ENOENT);
    dt_eq(dura_note_check(&c, "a name", pub, DURA_NOTE_ED25519, &t), DURA_EINVAL);
}

DT_TEST(host_note, every_altered_character_is_refused)
{
    dura_note c;
    make_note(1);
    for (size_t i = 0; i < note_len; i++) {
        char was = note[i];
        uint64_t t;
        note[i] = (char)(was == 'A' ? 'B' : 'A');
        int rc = dura_note_parse(&c, note, note_len);
        int log = rc == DURA_OK ? dura_note_check(&c, "example.com/log", pub, DURA_NOTE_ED25519, &t) : rc;
        int wit = rc == DURA_OK ? dura_note_check(&c, "witness.example/w1", pub2, DURA_NOTE_COSIGNATURE, &t) : rc;
        dt_ok(log != DURA_OK || wit != DURA_OK, "byte %zu", i);
        note[i] = was;
    }
    for (size_t i = 0; i < note_len; i++) {
        const char *nl = memchr(note + i, '\n', note_len - i);
        int rc = dura_note_parse(&c, note, i);
        dt_ok(nl && (rc == DURA_ESYNTAX || (i && note[i - 1] == '\n' && i > note_len - 150)), "cut at %zu: %d", i, rc);
    }
}

DT_TEST(host_note, takes_sixteen_lines_and_only_one_form)
{
    static const char h[] = "CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=";
    static const struct {
        const char *row, *fmt;
        int rc;
    } rows[] = {{"plain", "o\n7\n%s\n\n\xE2\x80\x94 k AAAAAAA=\n", DURA_OK},
                {"extension", "o\n7\n%s\nmore\n\n\xE2\x80\x94 k AAAAAAA=\n", DURA_OK},
                {"an empty extension", "o\n7\n%s\n\nmore\n\n\xE2\x80\x94 k AAAAAAA=\n", DURA_ESYNTAX},
                {"leading zero", "o\n07\n%s\n\n\xE2\x80\x94 k AAAAAAA=\n", DURA_ESYNTAX},
                {"above 64 bits", "o\n18446744073709551616\n%s\n\n\xE2\x80\x94 k AAAAAAA=\n", DURA_ESYNTAX},
                {"the largest", "o\n18446744073709551615\n%s\n\n\xE2\x80\x94 k AAAAAAA=\n", DURA_OK},
                {"no origin", "\n7\n%s\n\n\xE2\x80\x94 k AAAAAAA=\n", DURA_ESYNTAX},
                {"no signature", "o\n7\n%s\n\n", DURA_ESYNTAX},
                {"key id alone", "o\n7\n%s\n\n\xE2\x80\x94 k AAAAAA==\n", DURA_ESYNTAX},
                {"stray bits", "o\n7\n%s\n\n\xE2\x80\x94 k AAAAAAB=\n", DURA_ESYNTAX},
                {"a plus in the name", "o\n7\n%s\n\n\xE2\x80\x94 k+ AAAAAAA=\n", DURA_ESYNTAX},
                {"a Unicode space in the name", "o\n7\n%s\n\n\xE2\x80\x94 k\xE2\x80\x89 AAAAAAA=\n", DURA_ESYNTAX},
                {"a hyphen for the dash", "o\n7\n%s\n\n- k AAAAAAA=\n", DURA_ESYNTAX},
                {"no last newline", "o\n7\n%s\n\n\xE2\x80\x94 k AAAAAAA=", DURA_ESYNTAX},
                {"a tab", "o\t\n7\n%s\n\n\xE2\x80\x94 k AAAAAAA=\n", DURA_ESYNTAX},
                {"carriage returns", "o\r\n7\n%s\n\n\xE2\x80\x94 k AAAAAAA=\n", DURA_ESYNTAX},
                {"an overlong character", "o\xC0\xAF\n7\n%s\n\n\xE2\x80\x94 k AAAAAAA=\n", DURA_ESYNTAX},
                {"half a pair", "o\xED\xA0\x80\n7\n%s\n\n\xE2\x80\x94 k AAAAAAA=\n", DURA_ESYNTAX}};
    dura_note c;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char text[512];
        int n = snprintf(text, sizeof text, rows[i].fmt, h);
        dt_eq(dura_note_parse(&c, text, (size_t)n), rows[i].rc, "%s", rows[i].row);
    }
    make_note(15);
    dt_eq(dura_note_parse(&c, note, note_len), DURA_OK);
    dt_eq(c.n_lines, 16);
    make_note(16);
    dt_eq(dura_note_parse(&c, note, note_len), DURA_ELIMIT);
    dt_eq(dura_note_parse(&c, note, DURA_NOTE_MAX + 1), DURA_ELIMIT);
    dt_eq(dura_note_parse(NULL, note, note_len), DURA_EINVAL);
}

DT_TEST(host_note, writing_says_what_room_it_wants)
{
    uint8_t root[32] = {0};
    char out[256];
    size_t n = 0, m;
    dt_eq(dura_note_body(out, &n, "o", 0, root), DURA_ENOSPC);
    m = n;
    dt_eq(dura_note_body(out, &m, "o", 0, root), DURA_OK);
    dt_eq(m, n);
    dt_eq(dura_note_body(out, &n, "", 0, root), DURA_EINVAL);
    dt_eq(dura_note_body(out, &n, "a\nb", 0, root), DURA_EINVAL);
    n = 1;
    dt_eq(dura_note_sign(out, &n, "text\n", 5, "k", seed, DURA_NOTE_ED25519, 0), DURA_ENOSPC);
    dt_eq(dura_note_sign(out, &n, "text\n", 5, "k+", seed, DURA_NOTE_ED25519, 0), DURA_EINVAL);
    dt_eq(dura_note_sign(out, &n, "text\n", 5, "k", seed, 2, 0), DURA_EINVAL);
}

/* ======== the proof of one record, the witness ============================================= */

DT_TEST(host_tlog_proof, says_again_what_it_read_and_nothing_else)
{
    static dura_tlog_proof p, q;
    char text[8192];
    size_t n = sizeof text;
    make_note(1);
    p.index = 12344;
    p.n = 5;
    memset(p.path, 0x5A, sizeof p.path);
    p.checkpoint.p = note;
    p.checkpoint.len = note_len;
    dt_eq(dura_tlog_proof_save(text, &n, &p), DURA_OK);
    dt_eq(dura_tlog_proof_parse(&q, text, n), DURA_OK);
    dt_eq(q.index, 12344);
    dt_eq(q.n, 5);
    dt_mem(q.path, p.path, 5 * 32);
    dt_eq(q.note.size, 12345);
    dt_eq(q.checkpoint.len, note_len);
    p.extra.p = "AAEC";
    p.extra.len = 4;
    n = sizeof text;
    dt_eq(dura_tlog_proof_save(text, &n, &p), DURA_OK);
    dt_eq(dura_tlog_proof_parse(&q, text, n), DURA_OK);
    dt_mem(q.extra.p, "AAEC", 4);
    text[0] = 'C';
    dt_eq(dura_tlog_proof_parse(&q, text, n), DURA_ESYNTAX);
    text[0] = 'c';
    text[32] = '*';
    dt_eq(dura_tlog_proof_parse(&q, text, n), DURA_ESYNTAX, "extra that is no base64");
    p.n = DURA_PROOF_MAX + 1;
    dt_eq(dura_tlog_proof_save(text, &n, &p), DURA_EINVAL);
}

DT_TEST(host_witness, is_asked_and_its_answer_judged)
{
    uint8_t path[63][32];
    char text[8192], line[256];
    size_t n = sizeof text, m = sizeof line;
    uint64_t t = 0, known = 0;
    dura_note c;
    make_note(0);
    memset(path, 1, sizeof path);
    dt_eq(dura_witness_request(text, &n, 77, (const uint8_t (*)[32])path, 2, note, note_len), DURA_OK);
    dt_ok(strncmp(text, "old 77\nAQEBAQ", 13) == 0 && n == 7 + 2 * 45 + 1 + note_len, "%s", text);
    dt_eq(dura_witness_request(text, &n, 77, (const uint8_t (*)[32])path, 64, note, note_len), DURA_EINVAL);
    dt_eq(dura_note_parse(&c, note, note_len), DURA_OK);
    dt_eq(dura_note_sign(line, &m, note, c.text.len, "w", seed2, DURA_NOTE_COSIGNATURE, 42), DURA_OK);
    dt_eq(dura_witness_answer(200, line, m, note, note_len, "w", pub2, &t, &known), DURA_OK);
    dt_eq(t, 42);
    dt_eq(dura_witness_answer(200, line, m, note, note_len, "w", pub, &t, &known), DURA_ENOENT);
    line[m - 5] = (char)(line[m - 5] == 'A' ? 'B' : 'A');
    dt_ok(dura_witness_answer(200, line, m, note, note_len, "w", pub2, &t, &known) != DURA_OK);
    dt_eq(dura_witness_answer(409, "20852014\n", 9, note, note_len, "w", pub2, &t, &known), DURA_ESTATE);
    dt_eq(known, 20852014);
    dt_eq(dura_witness_answer(409, "20852014", 8, note, note_len, "w", pub2, &t, &known), DURA_ESYNTAX);
    dt_eq(dura_witness_answer(404, "", 0, note, note_len, "w", pub2, &t, &known), DURA_ENOENT);
    dt_eq(dura_witness_answer(403, "", 0, note, note_len, "w", pub2, &t, &known), DURA_EDENIED);
    dt_eq(dura_witness_answer(422, "", 0, note, note_len, "w", pub2, &t, &known), DURA_EDENIED);
}

/* ======== keys as text ======================================================================= */

DT_TEST(host_note_key, is_the_text_that_others_write)
{
    /* the example key of the note package of golang.org/x/mod */
    static const char known[] = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
    static const struct {
        const char *row, *text;
        int rc;
    } rows[] = {{"another id", "PeterNeumann+c74f20a4+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW", DURA_ESYNTAX},
                {"another name", "PeterNeuman+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW", DURA_ESYNTAX},
                {"another type", "PeterNeumann+c74f20a3+AhpC2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW", DURA_ENOTSUP},
                {"no name", "+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW", DURA_ESYNTAX},
                {"upper-case id", "PeterNeumann+C74F20A3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW", DURA_ESYNTAX},
                {"cut", "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10T", DURA_ESYNTAX},
                {"nothing", "", DURA_ESYNTAX}};
    char name[256], out[DURA_NOTE_KEY_MAX];
    uint8_t key[32];
    int type;
    size_t n = sizeof out;
    dt_eq(dura_note_key_parse(known, name, key, &type), DURA_OK);
    dt_str(name, "PeterNeumann");
    dt_eq(type, DURA_NOTE_ED25519);
    dt_eq(key[0], 0x1a);
    dt_eq(dura_note_key_text(out, &n, name, key, type), DURA_OK);
    dt_str(out, known);
    dt_eq(n, strlen(known));
    dt_eq(dura_note_key_text(out, &n, name, key, type), DURA_ENOSPC, "no room for the terminator");
    dt_eq(dura_note_key_text(out, &n, "a+b", key, type), DURA_EINVAL);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        dt_eq(dura_note_key_parse(rows[i].text, name, key, &type), rows[i].rc, "%s", rows[i].row);
}

DT_TEST(host_proof_check, says_what_is_wrong)
{
    static dura_tlog_proof p;
    static char text[8192], key[DURA_NOTE_KEY_MAX];
    uint8_t record[16], root[32], leaf0[33] = {0, 'r', 'e', 'c'};
    size_t n = sizeof note, body, k = sizeof key, len = sizeof text, got = sizeof record, room;
    keys();
    crypto_hash_sha256(root, leaf0, 4); /* a tree of one leaf: its root */
    dt_eq(dura_note_body(note, &n, "example.com/log", 1, root), DURA_OK);
    body = n;
    note[n++] = '\n';
    room = sizeof note - n;
    dt_eq(dura_note_sign(note + n, &room, note, body, "example.com/log", seed, DURA_NOTE_ED25519, 0), DURA_OK);
    p.checkpoint.p = note;
    p.checkpoint.len = n + room;
    p.n = 0;
    p.index = 0;
    p.extra.p = "cmVj";
    p.extra.len = 4;
    dt_eq(dura_note_key_text(key, &k, "example.com/log", pub, DURA_NOTE_ED25519), DURA_OK);
    dt_eq(dura_tlog_proof_save(text, &len, &p), DURA_OK);
    dt_eq(dura_proof_check(text, len, key, record, &got), DURA_OK);
    dt_eq(got, 3);
    dt_mem(record, "rec", 3);
    got = 2;
    dt_eq(dura_proof_check(text, len, key, record, &got), DURA_ENOSPC);
    dt_eq(got, 3);
    dt_eq(dura_proof_check(text, len - 1, key, record, &got), DURA_ESYNTAX);
    p.extra.p = "cmVk";
    len = sizeof text;
    dt_eq(dura_tlog_proof_save(text, &len, &p), DURA_OK);
    dt_eq(dura_proof_check(text, len, key, record, &got), DURA_EAUTH, "another record");
    p.extra.len = 0;
    len = sizeof text;
    dt_eq(dura_tlog_proof_save(text, &len, &p), DURA_OK);
    dt_eq(dura_proof_check(text, len, key, record, &got), DURA_ESYNTAX, "no record in it");
    k = sizeof key;
    dt_eq(dura_note_key_text(key, &k, "example.com/log", pub2, DURA_NOTE_ED25519), DURA_OK);
    dt_eq(dura_proof_check(text, len, key, record, &got), DURA_ENOENT, "another key");
    dt_eq(dura_proof_check(text, len, "nonsense", record, &got), DURA_ESYNTAX);
    dt_eq(dura_proof_check(text, len, key, NULL, &got), DURA_EINVAL);
    dt_eq(dura_proof_export("/nonexistent", 0, text, &len, key, NULL), DURA_ENOENT);
    dt_eq(dura_proof_export(NULL, 0, text, &len, key, NULL), DURA_EINVAL);
}
