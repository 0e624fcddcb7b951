/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Checkpoints, proofs of a record and witness' answers on any bytes. What is accepted has one
 * form: written again from what was read it is the same text. First byte: which of them.
 */
#include <dura/host/proof.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void want(int ok)
{
    if (!ok)
        abort();
}

static char again[DURA_NOTE_MAX + 64];

static size_t add(size_t at, const char *p, size_t n)
{
    want(at + n <= sizeof again);
    memcpy(again + at, p, n);
    return at + n;
}

/* The note from its parts. */
static size_t note_again(const dura_note *c, size_t at)
{
    char origin[DURA_NOTE_MAX];
    size_t n = sizeof again - at, begin = at;
    want(c->origin.len < sizeof origin);
    memcpy(origin, c->origin.p, c->origin.len);
    origin[c->origin.len] = '\0';
    want(dura_note_body(again + at, &n, origin, c->size, c->root) == DURA_OK);
    at = add(at + n, c->extension.p, c->extension.len);
    want(at - begin == c->text.len && memcmp(again + begin, c->text.p, c->text.len) == 0);
    at = add(at, "\n", 1);
    for (uint32_t i = 0; i < c->n_lines; i++) {
        at = add(at, "\xE2\x80\x94 ", 4);
        at = add(at, c->line[i].name.p, c->line[i].name.len);
        at = add(at, " ", 1);
        at = add(at, c->line[i].signature.p, c->line[i].signature.len);
        at = add(at, "\n", 1);
    }
    return at;
}

static void try_note(const char *p, size_t n)
{
    static const uint8_t key[32] = {1};
    dura_note c;
    uint64_t t;
    if (dura_note_parse(&c, p, n) != DURA_OK || memchr(p, '\0', n))
        return;
    want(c.n_lines >= 1 && c.n_lines <= DURA_NOTE_SIGNATURES);
    want(note_again(&c, 0) == n && memcmp(again, p, n) == 0);
    want(dura_note_check(&c, "k", key, DURA_NOTE_COSIGNATURE, &t) != DURA_OK);
    want(dura_note_check(&c, "example.com/log", key, DURA_NOTE_ED25519, &t) != DURA_OK);
}

static void try_proof(const char *p, size_t n)
{
    static dura_tlog_proof c;
    static char text[DURA_NOTE_MAX];
    uint8_t leaf[32] = {0};
    size_t len = sizeof text;
    if (dura_tlog_proof_parse(&c, p, n) != DURA_OK)
        return;
    want(dura_tlog_proof_save(text, &len, &c) == DURA_OK && len == n && memcmp(text, p, n) == 0);
    (void)!dura_proof_inclusion(leaf, c.index, c.note.size, c.note.root, (const uint8_t (*)[32])c.path, c.n);
}

static void try_answer(const char *p, size_t n)
{
    static const char checkpoint[] = "example.com/log\n7\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n\n\xE2\x80\x94 k AAAAAAA=\n";
    static const uint8_t key[32] = {1};
    uint64_t t = 0, known = 0;
    int status = n ? (p[0] & 1 ? 200 : 409) : 200;
    int rc = dura_witness_answer(status, p + (n > 0), n - (n > 0), checkpoint, sizeof checkpoint - 1, "k", key, &t, &known);
    want(rc < 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *copy = malloc(size ? size : 1); /* exactly as long: reading behind it is seen */
    if (size == 0 || !copy) {
        free(copy);
        return 0;
    }
    memcpy(copy, data + 1, size - 1);
    if (data[0] % 3 == 0)
        try_note(copy, size - 1);
    else if (data[0] % 3 == 1)
        try_proof(copy, size - 1);
    else
        try_answer(copy, size - 1);
    free(copy);
    return 0;
}
