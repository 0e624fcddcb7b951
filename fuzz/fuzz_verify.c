/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as the two logs of a run folder.
 *
 * Input: 4 bytes n (little-endian), n bytes of the security log (its two lowest bits are
 * flags), the rest is the decision log; both are cut into segment files of 4096 bytes.
 * Flag 1: a checkpoint file, made of the last 512 bytes. Flag 2: checksums of frames and
 * headers are put right first, so that what lies behind them is reached.
 *
 * Without a fact from outside the answer is UNANCHORED or TAMPERED. Naming the key that
 * was found never turns TAMPERED into anything else, nor the other way round; a wrong key
 * is always TAMPERED once there is a genesis. What was counted fits the bytes.
 */
#include "host_verify_memory.h"

#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(int ok)
{
    if (!ok)
        abort();
}

/* Cut n bytes into segment files; names stay below MEM_FILES. */
static void add_log(mem_folder *m, const char *folder, uint8_t *p, size_t n)
{
    for (unsigned k = 0; k < 8 && n; k++) {
        mem_file *f = &m->file[m->n++];
        size_t len = n < 4096 ? n : 4096;
        snprintf(f->name, sizeof f->name, "%s/%08u.seg", folder, k);
        f->p = p;
        f->n = len;
        p += len;
        n -= len;
    }
}

/* Right checksums for everything in a segment that has a magic. */
static void repair(uint8_t *p, size_t n)
{
    uint8_t gen[4] = {1, 0, 0, 0};
    if (n >= 72 && durai_le32(p) == 0x31475344u && p[7] <= 40 && n >= 72u + 32u * p[7]) {
        memcpy(gen, p + 12, 4);
        durai_put32(p + 68 + 32u * p[7], durai_rec_crc(0, p, 68 + 32u * p[7]));
    }
    for (size_t at = 0; at + 16 <= n; at += 8) {
        uint8_t *f = p + at;
        uint32_t len = durai_le16(f + 4);
        if (durai_le32(f) == 0x31524C44u && at + 16 + len <= n)
            durai_put32(f + 12, durai_rec_crc(durai_rec_crc(durai_rec_crc(0, gen, 4), f, 12), f + 16, len));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static durai_verify v;
    static mem_folder m;
    dura_verify_report first, second;
    dura_verify_options o = DURA_VERIFY_OPTIONS_INIT;
    uint8_t key[32];
    if (size < 4)
        return 0;
    uint8_t *copy = malloc(size);
    require(copy != NULL);
    memcpy(copy, data, size);
    uint32_t n = durai_le32(copy);
    size_t body = size - 4, sec = (n & ~3u) < body ? (n & ~3u) : body;
    m.n = 0;
    add_log(&m, "security.log", copy + 4, sec);
    add_log(&m, "decision.log", copy + 4 + sec, body - sec);
    for (size_t i = 0; i < m.n && (n & 2u); i++)
        repair(m.file[i].p, m.file[i].n);
    if (n & 1u) {
        mem_file *f = &m.file[m.n++];
        snprintf(f->name, sizeof f->name, "decision.log/checkpoint");
        f->n = size < 512 ? size : 512;
        f->p = copy + size - f->n;
    }
    require(mem_verify(&m, &o, NULL, &v, &first) == DURA_OK);
    require(first.word == DURA_VERIFY_UNANCHORED || first.word == DURA_VERIFY_TAMPERED);
    require(dura_verify_rule(first.rule) != NULL && first.text[0] != '\0');
    require((first.records[0] + first.records[1]) * 24 <= body);
    memcpy(key, first.key, 32);
    o.key = key;
    require(mem_verify(&m, &o, NULL, &v, &second) == DURA_OK);
    if (first.records[0] + first.records[1] > 0) {
        require((first.word == DURA_VERIFY_TAMPERED) == (second.word == DURA_VERIFY_TAMPERED));
        require(first.records[0] == second.records[0] && first.records[1] == second.records[1]);
        key[7] ^= 1;
        require(mem_verify(&m, &o, NULL, &v, &second) == DURA_OK && second.word == DURA_VERIFY_TAMPERED);
    }
    free(copy);
    return 0;
}
