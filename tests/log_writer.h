/* SPDX-License-Identifier: Apache-2.0 */
/*
 * log_writer.h - a writer of docs/formats/log.md for the verifier's tests, and ways to
 * hurt what it wrote.
 *
 * Made from the page with nothing of the library but its constants: recursive Merkle
 * trees, Ed25519 straight from libsodium. So a mistake shared by the core and the
 * verifier still shows. The includer says how big a world is: SEG (bytes of a segment),
 * SEGS (of one log), RECS (most records of both).
 */
#ifndef LOG_WRITER_H
#define LOG_WRITER_H

#include "dt.h"
#define MEM_FILES (2 * SEGS + 10)
#include "host_verify_memory.h"

#include <dura/dura.h>
#include <dura/host/keys.h>
#include <sodium.h>
#include <stdarg.h>

/* ======== a writer of the format page ============================================== */


typedef struct wrec {
    uint8_t log, kind;
    uint32_t seg, off, size, len;
    uint64_t seq, gseq;
} wrec;

typedef struct wnode {
    uint8_t known, hash[32];
} wnode;

typedef struct wlog {
    uint8_t seg[SEGS][SEG];
    uint32_t end[SEGS];
    uint32_t n_seg;
    uint8_t leaf[RECS][32];
    wnode node[RECS];         /* of complete subtrees, at their middle */
    uint32_t n;
    char note[1024];
    size_t note_len;
    uint32_t epoch;
} wlog;

typedef struct world {
    wlog log[2];
    wrec rec[RECS];
    uint32_t n;
    uint64_t gseq, floor;     /* highest gseq a header or seal vouches for */
    uint32_t boot;
    uint8_t origin[16], pub[32];
    uint8_t policy[64];
    size_t trim[2];           /* bytes of the last file kept; 0 all */
} world;

/* What a build is to be like. */
typedef struct plan {
    const char *who;          /* names the device: its keys */
    int users;                /* records of users */
    int per_epoch;            /* of them per epoch */
    int close;                /* end with CLOSE and final seals */
    int alter;                /* user record whose wall clock is another; -1 none */
    int drop;                 /* user record left out; -1 none */
    int stolen_epoch;         /* seals are signed with this epoch's key; -1: their own */
    int last_stolen;          /* ... up to this epoch */
    int unsigned_;            /* a provider that cannot sign */
    const struct world *seals_of; /* take seal records from there as they are */
    dura_keys *keys;          /* sign with these */
    int demo;                 /* sign with the demo keys */
} plan;

static inline plan plain_plan(void)
{
    plan p;
    memset(&p, 0, sizeof p);
    p.who = "device";
    p.users = 120;
    p.per_epoch = 40;
    p.close = 1;
    p.alter = p.drop = p.stolen_epoch = -1;
    return p;
}

/* CRC-32C by its definition, eight bits of a byte at a time from a table made of it. */
static inline uint32_t slow_crc(uint32_t crc, const uint8_t *p, size_t n)
{
    static uint32_t table[256];
    for (uint32_t b = 0; table[1] == 0 && b < 256; b++) {
        uint32_t v = (b + 2) % 256; /* entry 1 comes last */
        for (int k = 0; k < 8; k++)
            v = (v >> 1) ^ (0x82F63B78u & (0u - (v & 1u)));
        table[(b + 2) % 256] = v;
    }
    crc = ~crc;
    for (size_t i = 0; i < n; i++)
        crc = (crc >> 8) ^ table[(crc ^ p[i]) & 0xFFu];
    return ~crc;
}

static inline void le(uint8_t *p, uint64_t v, int n)
{
    for (int i = 0; i < n; i++)
        p[i] = (uint8_t)(v >> (8 * i));
}

/* RFC 6962 section 2.1, as it is written there; complete subtrees are remembered. */
static inline void mth(uint8_t out[32], wlog *l, uint32_t from, uint32_t n)
{
    uint8_t b[65] = {1};
    uint32_t k = 1;
    if (n == 0) {
        crypto_hash_sha256(out, (const uint8_t *)"", 0);
        return;
    }
    if (n == 1) {
        memcpy(out, l->leaf[from], 32);
        return;
    }
    while (2 * k < n)
        k *= 2;
    wnode *seen = n == 2 * k && from % n == 0 ? &l->node[from + k] : NULL;
    if (!seen || !seen->known) {
        mth(b + 1, l, from, k);
        mth(b + 33, l, from + k, n - k);
        crypto_hash_sha256(out, b, 65);
    }
    if (seen && !seen->known) {
        memcpy(seen->hash, out, 32);
        seen->known = 1;
    } else if (seen) {
        memcpy(out, seen->hash, 32);
    }
}

typedef struct enc {
    uint8_t p[2048];
    size_t n;
    int pairs;
} enc;

static inline void eh(enc *e, int major, uint64_t v)
{
    int n = v < 24 ? 0 : v < 256 ? 1 : v < 65536 ? 2 : v <= 0xFFFFFFFFu ? 4 : 8;
    e->p[e->n++] = (uint8_t)(major << 5 | (n == 0 ? (int)v : n == 1 ? 24 : n == 2 ? 25 : n == 4 ? 26 : 27));
    for (int i = n - 1; i >= 0; i--)
        e->p[e->n++] = (uint8_t)(v >> (8 * i));
}
static inline void eu(enc *e, uint64_t key, uint64_t v) { eh(e, 0, key); eh(e, 0, v); e->pairs++; }
static inline void eb(enc *e, uint64_t key, const void *p, size_t n)
{
    eh(e, 0, key);
    eh(e, 2, n);
    memcpy(e->p + e->n, p, n);
    e->n += n;
    e->pairs++;
}
static inline void et(enc *e, uint64_t key, const char *s)
{
    eh(e, 0, key);
    eh(e, 3, strlen(s));
    memcpy(e->p + e->n, s, strlen(s));
    e->n += strlen(s);
    e->pairs++;
}

/* The key of an epoch. */
static inline void epoch_key(const plan *p, uint32_t epoch, uint8_t pub[32], uint8_t sec[64])
{
    uint8_t seed[32];
    char text[64];
    if (p->unsigned_) {
        memset(pub, 0, 32);
        return;
    }
    if (p->demo) {
        crypto_hash_sha256(seed, (const uint8_t *)"dura demo key: public, never for production", 43);
        for (uint32_t e = 0; e < epoch; e++)
            crypto_auth_hmacsha256(seed, (const uint8_t *)"dura-log-epoch-v1", 17, seed);
        crypto_auth_hmacsha256(seed, (const uint8_t *)"dura-log-sign-v1", 16, seed);
    } else {
        snprintf(text, sizeof text, "%s %u", p->who, epoch);
        crypto_hash_sha256(seed, (const uint8_t *)text, strlen(text));
    }
    crypto_sign_seed_keypair(pub, sec, seed);
}

static inline void sign_with(const plan *p, uint32_t epoch, const char *text, size_t n, uint8_t sig[64], uint8_t next[32])
{
    uint8_t pub[32], sec[64];
    if (p->keys) {
        const dura_crypto *c = dura_keys_crypto(p->keys);
        dt_eq(c->sign(c->user, DURA_KEY_LOG, epoch, text, n, sig), DURA_OK);
        return;
    }
    uint32_t by = p->stolen_epoch >= 0 && (int)epoch <= p->last_stolen ? (uint32_t)p->stolen_epoch : epoch;
    epoch_key(p, by, pub, sec);
    crypto_sign_detached(sig, NULL, (const uint8_t *)text, n, sec);
    (void)next;
}

static inline void public_of(const plan *p, uint32_t epoch, uint8_t pub[32])
{
    uint8_t sec[64];
    if (p->keys) {
        const dura_crypto *c = dura_keys_crypto(p->keys);
        dt_eq(c->key_public(c->user, DURA_KEY_LOG, epoch, pub), DURA_OK);
        return;
    }
    epoch_key(p, epoch, pub, sec);
}

static inline void w_segment(world *w, int i, uint64_t prev_end)
{
    wlog *l = &w->log[i];
    uint32_t k = l->n_seg++, done = 0;
    uint8_t *h = l->seg[k], peaks = 0;
    dt_ok(k < SEGS);
    memset(h, 0, SEG);
    memcpy(h, "DSG1", 4);
    le(h + 4, 1, 2);
    h[6] = (uint8_t)(i + 1);
    le(h + 8, k, 4);
    le(h + 12, 1, 4);
    le(h + 16, l->n, 8);
    le(h + 24, w->gseq, 8);
    le(h + 32, l->epoch, 4);
    le(h + 36, SEG, 4);
    le(h + 40, prev_end, 8);
    memcpy(h + 48, w->origin, 16);
    le(h + 64, 8, 4);
    for (int bit = 31; bit >= 0; bit--) {
        if (!(l->n >> bit & 1u))
            continue;
        mth(h + 68 + 32 * peaks++, l, done, 1u << bit);
        done += 1u << bit;
    }
    h[7] = peaks;
    le(h + 68 + 32 * peaks, slow_crc(0, h, 68u + 32u * peaks), 4);
    l->end[k] = (72u + 32u * peaks + 7u) & ~7u;
    if (w->gseq > w->floor)
        w->floor = w->gseq;
}

static inline void frame_crc(uint8_t *f, uint32_t len)
{
    uint8_t gen[4] = {1, 0, 0, 0};
    le(f + 12, slow_crc(slow_crc(slow_crc(0, gen, 4), f, 12), f + 16, len), 4);
}

static inline void put_leaf(uint8_t out[32], const uint8_t *rec, size_t n)
{
    uint8_t b[2049] = {0};
    memcpy(b + 1, rec, n);
    crypto_hash_sha256(out, b, n + 1);
}

/* A whole record into its log. */
static inline void w_bytes(world *w, int i, uint8_t kind, const uint8_t *rec, uint32_t len)
{
    wlog *l = &w->log[i];
    uint32_t size = (16 + len + 7u) & ~7u;
    if (l->end[l->n_seg - 1] + size > SEG)
        w_segment(w, i, l->end[l->n_seg - 1]);
    uint32_t k = l->n_seg - 1;
    uint8_t *f = l->seg[k] + l->end[k];
    memcpy(f, "DLR1", 4);
    le(f + 4, len, 2);
    f[6] = (uint8_t)(i + 1);
    le(f + 8, w->gseq, 4);
    memcpy(f + 16, rec, len);
    frame_crc(f, len);
    wrec *r = &w->rec[w->n++];
    r->log = (uint8_t)i;
    r->kind = kind;
    r->seg = k;
    r->off = l->end[k];
    r->size = size;
    r->len = len;
    r->seq = l->n;
    r->gseq = w->gseq;
    for (uint32_t half = 1; half < RECS; half *= 2) /* what holds this leaf is another from now on */
        if ((l->n & ~(2 * half - 1u)) + half < RECS)
            l->node[(l->n & ~(2 * half - 1u)) + half].known = 0;
    put_leaf(l->leaf[l->n++], rec, len);
    l->end[k] += size;
    if (kind == DURA_REC_SEAL && w->gseq > w->floor)
        w->floor = w->gseq;
    w->gseq++;
}

/* Common keys and the pairs given. wall 0: no clock. */
static inline void w_record(world *w, int i, uint8_t kind, const enc *pairs, int64_t wall)
{
    enc e = {{0}, 0, 0};
    eh(&e, 5, (uint64_t)(7 + (wall ? 3 : 0) + pairs->pairs));
    eu(&e, 1, 1);
    eu(&e, 2, (uint64_t)i + 1);
    eu(&e, 3, w->log[i].n);
    eu(&e, 4, w->gseq);
    eu(&e, 5, w->boot);
    eu(&e, 6, 1000000u * w->gseq);
    if (wall) {
        eu(&e, 7, (uint64_t)wall);
        eu(&e, 8, 1500);
        eu(&e, 9, 3);
    }
    eu(&e, 11, kind);
    memcpy(e.p + e.n, pairs->p, pairs->n);
    w_bytes(w, i, kind, e.p, (uint32_t)(e.n + pairs->n));
}

static inline void b64(char *out, const uint8_t *p, size_t n)
{
    sodium_bin2base64(out, 4 * ((n + 2) / 3) + 1, p, n, sodium_base64_VARIANT_ORIGINAL);
}

/* One seal of log i. */
static inline void w_seal(world *w, const plan *p, int i, int final)
{
    wlog *l = &w->log[i], *o = &w->log[1 - i];
    uint8_t root[32], other[32], next[32], sig[64] = {0}, pub[32], blob[68], id[32];
    char text[700], r64[64], o64[64], n64[64], hex[33], name[64], s64[128];
    enc e = {{0}, 0, 0};
    mth(root, l, 0, l->n);
    mth(other, o, 0, o->n);
    public_of(p, l->epoch + 1, next);
    public_of(p, l->epoch, pub);
    sodium_bin2hex(hex, sizeof hex, w->origin, 16);
    snprintf(name, sizeof name, "dura:%s/%s", hex, i ? "decision" : "security");
    b64(r64, root, 32);
    b64(o64, other, 32);
    b64(n64, next, 32);
    int n = snprintf(text, sizeof text, "%s\n%u\n%s\nepoch %u\nother %u %s\nnext %s\ngseq %llu\n%s", name, l->n,
                     r64, l->epoch, o->n, o64, n64, (unsigned long long)w->gseq, final ? "final\n" : "");
    if (!p->unsigned_)
        sign_with(p, l->epoch, text, (size_t)n, sig, next);
    eu(&e, 16, l->epoch);
    eb(&e, 17, root, 32);
    eu(&e, 18, o->n);
    eb(&e, 19, other, 32);
    eb(&e, 20, next, 32);
    eb(&e, 21, sig, p->unsigned_ ? 0 : 64);
    if (final) {
        eh(&e, 0, 22);
        eh(&e, 7, 21);
        e.pairs++;
    }
    const wrec *s = p->seals_of ? &p->seals_of->rec[w->n] : NULL;
    if (s)
        w_bytes(w, i, DURA_REC_SEAL, p->seals_of->log[s->log].seg[s->seg] + s->off + 16, s->len);
    else
        w_record(w, i, DURA_REC_SEAL, &e, 0);
    l->epoch++;
    crypto_hash_sha256_state h;
    crypto_hash_sha256_init(&h);
    crypto_hash_sha256_update(&h, (const uint8_t *)name, strlen(name));
    crypto_hash_sha256_update(&h, (const uint8_t *)"\n\x01", 2);
    crypto_hash_sha256_update(&h, pub, 32);
    crypto_hash_sha256_final(&h, id);
    memcpy(blob, id, 4);
    memcpy(blob + 4, sig, 64);
    b64(s64, blob, 68);
    l->note_len = (size_t)snprintf(l->note, sizeof l->note, "%s\n\xE2\x80\x94 %s %s\n", text, name, s64);
}

static inline void w_seal_both(world *w, const plan *p, int final)
{
    w_seal(w, p, 0, final);
    w_seal(w, p, 1, final);
    if (p->keys) {
        const dura_crypto *c = dura_keys_crypto(p->keys);
        dt_eq(c->key_advance(c->user, DURA_KEY_LOG, w->log[0].epoch), DURA_OK);
    }
}

static inline void w_begin(world *w, const plan *p)
{
    uint8_t digest[32];
    enc e = {{0}, 0, 0};
    memset(w, 0, sizeof *w);
    w->boot = 1;
    memcpy(w->policy, "packed policy", 13);
    public_of(p, 0, w->pub);
    crypto_hash_sha256(digest, w->pub, 32);
    memcpy(w->origin, digest, 16);
    eb(&e, 16, w->origin, 16);
    eb(&e, 17, w->pub, 32);
    w_segment(w, 0, 0);
    w_segment(w, 1, 0);
    w_record(w, 0, DURA_REC_GENESIS, &e, 0);
    w_record(w, 1, DURA_REC_GENESIS, &e, 0);
}

static inline void w_user(world *w, const plan *p, int u)
{
    enc e = {{0}, 0, 0};
    uint8_t floats[80] = {0};
    int64_t wall = 1700000000000000000 + 1000000 * (int64_t)u + (p->alter == u);
    if (u % 2 == 0) {
        eu(&e, 16, 1);
        eu(&e, 17, (uint64_t)(u % 10 + 1));
        eu(&e, 25, (uint64_t)u + 1);
        et(&e, 27, "an operator with a rather long name, as they are");
        et(&e, 28, "reason");
        w_record(w, 0, DURA_REC_FACT, &e, wall);
        return;
    }
    eu(&e, 16, (uint64_t)u);
    eu(&e, 17, DURA_ENFORCE);
    eu(&e, 18, DURA_ACT);
    eu(&e, 21, 1);
    eb(&e, 22, floats, 80);
    eb(&e, 25, floats, 4);
    eb(&e, 29, "digest__", 8);
    w_record(w, 1, DURA_REC_DECISION, &e, wall);
}

static inline void w_close(world *w, const plan *p)
{
    uint8_t digest[32];
    enc e = {{0}, 0, 0};
    crypto_hash_sha256(digest, w->policy, sizeof w->policy);
    eh(&e, 0, 16);
    eh(&e, 5, 1);
    eh(&e, 3, 10);
    memcpy(e.p + e.n, "policy.bin", 10);
    e.n += 10;
    eh(&e, 2, 32);
    memcpy(e.p + e.n, digest, 32);
    e.n += 32;
    e.pairs = 1;
    w_record(w, 0, DURA_REC_CLOSE, &e, 0);
    w_seal_both(w, p, 1);
    for (int i = 0; i < 2; i++)
        w->trim[i] = w->log[i].end[w->log[i].n_seg - 1];
}

static inline void build(world *w, const plan *p)
{
    w_begin(w, p);
    for (int u = 0; u < p->users; u++) {
        if (p->per_epoch && u && u % p->per_epoch == 0)
            w_seal_both(w, p, 0);
        if (u != p->drop)
            w_user(w, p, u);
    }
    if (p->close)
        w_close(w, p);
}

/* What RECOVER does: bytes from `off` of the last segment on are given up. */
static inline void w_recover(world *w, int i, uint32_t off)
{
    wlog *l = &w->log[i];
    uint32_t k = l->n_seg - 1;
    uint8_t digest[32];
    enc e = {{0}, 0, 0};
    crypto_hash_sha256(digest, l->seg[k] + off, SEG - off);
    l->end[k] = off;
    w_segment(w, i, off);
    eu(&e, 16, 1);
    eu(&e, 17, k);
    eu(&e, 18, off);
    eu(&e, 19, SEG - off);
    eb(&e, 20, digest, 32);
    w_record(w, i, DURA_REC_RECOVER, &e, 0);
}

/* ======== the folder, and verdicts ================================================== */

static mem_folder mem;
static durai_verify scratch;
static dura_verify_report rep;

static inline void mem_add(const char *name, void *p, size_t n)
{
    mem_file *f = &mem.file[mem.n++];
    dt_ok(mem.n <= MEM_FILES);
    snprintf(f->name, sizeof f->name, "%s", name);
    f->p = p;
    f->n = n;
}

/* As files in memory. checkpoints: with their notes. */
static inline void as_folder(world *w, int checkpoints)
{
    char name[48];
    mem.n = 0;
    for (int i = 0; i < 2; i++) {
        wlog *l = &w->log[i];
        for (uint32_t k = 0; k < l->n_seg; k++) {
            snprintf(name, sizeof name, "%s/%08u.seg", i ? "decision.log" : "security.log", k);
            mem_add(name, l->seg[k], k + 1 == l->n_seg && w->trim[i] ? w->trim[i] : SEG);
        }
        snprintf(name, sizeof name, "%s/checkpoint", i ? "decision.log" : "security.log");
        if (checkpoints)
            mem_add(name, l->note, l->note_len);
    }
    mem_add("policy.bin", w->policy, sizeof w->policy);
}

static inline int judge(const uint8_t *key)
{
    dura_verify_options o = DURA_VERIFY_OPTIONS_INIT;
    o.key = key;
    dt_eq(mem_verify(&mem, &o, NULL, &scratch, &rep), DURA_OK);
    return rep.word;
}

static inline int judge_world(world *w, int checkpoints, const uint8_t *key)
{
    as_folder(w, checkpoints);
    return judge(key);
}

/* The word, with the row and what the verifier said when it is another one. */
static inline void word_is(int word, int want, const char *fmt, ...)
{
    char row[128];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(row, sizeof row, fmt, ap);
    va_end(ap);
    if (word != want)
        dt_fail("%s: %s, want %s [%s] %s", row, word < 0 ? dura_errname(word) : dura_verify_word(word),
                dura_verify_word(want), dura_verify_rule(rep.rule), rep.text);
}

static inline void rule_is(const char *want, const char *fmt, ...)
{
    char row[128];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(row, sizeof row, fmt, ap);
    va_end(ap);
    if (strcmp(dura_verify_rule(rep.rule), want) != 0)
        dt_fail("%s: rule %s, want %s: %s", row, dura_verify_rule(rep.rule), want, rep.text);
}
#define WORD_IS(expr, want, ...) word_is((expr), (want), "" __VA_ARGS__)
#define RULE_IS(want, ...) rule_is((want), "" __VA_ARGS__)

/* ======== ways to hurt it ============================================================ */

static inline uint8_t *frame_of(world *w, const wrec *r)
{
    return w->log[r->log].seg[r->seg] + r->off;
}

/* As storage looks when everything from gseq g on was lost. keep_bytes of the frame g
 * itself stay: torn. */
static inline void cut_at(world *w, uint64_t g, uint32_t keep_bytes)
{
    for (uint32_t r = 0; r < w->n; r++) {
        wrec *x = &w->rec[r];
        uint32_t keep = x->gseq == g ? keep_bytes : 0;
        if (x->gseq >= g)
            memset(w->log[x->log].seg[x->seg] + x->off + keep, 0, x->size - keep);
    }
    for (int i = 0; i < 2; i++) {
        wlog *l = &w->log[i];
        w->trim[i] = 0;
        while (l->n_seg > 1) {
            uint64_t floor = 0;
            for (int b = 7; b >= 0; b--)
                floor = floor << 8 | l->seg[l->n_seg - 1][24 + b];
            if (floor <= g)
                break;
            l->n_seg--;
        }
    }
}

static inline void hit_flip(world *w, uint32_t r)
{
    frame_of(w, &w->rec[r])[16 + w->rec[r].len / 2] ^= 0x10;
}

static inline void hit_flip_fixed(world *w, uint32_t r)
{
    uint8_t *f = frame_of(w, &w->rec[r]);
    f[16 + w->rec[r].len - 1] ^= 1;
    frame_crc(f, w->rec[r].len);
}

/* Bytes behind r in its segment move by `by`. */
static inline void shift(world *w, const wrec *r, uint32_t from, int32_t by)
{
    uint8_t *seg = w->log[r->log].seg[r->seg], copy[SEG] = {0};
    uint32_t to = (uint32_t)((int32_t)from + by), n = SEG - (from > to ? from : to);
    w->trim[r->log] = 0;
    memcpy(copy, seg + from, n);
    memset(seg + (from < to ? from : to), 0, SEG - (from < to ? from : to));
    memcpy(seg + to, copy, n);
}

static inline void hit_delete(world *w, uint32_t r)
{
    const wrec *x = &w->rec[r];
    shift(w, x, x->off + x->size, -(int32_t)x->size);
}

static inline void hit_duplicate(world *w, uint32_t r)
{
    const wrec *x = &w->rec[r];
    uint8_t copy[SEG];
    memcpy(copy, frame_of(w, x), x->size);
    shift(w, x, x->off, (int32_t)x->size);
    memcpy(frame_of(w, x), copy, x->size < SEG - x->off ? x->size : SEG - x->off);
}

/* A forged record in front of r, with r's own numbers. */
static inline void hit_insert(world *w, uint32_t r)
{
    const wrec *x = &w->rec[r];
    hit_duplicate(w, r);
    uint8_t *f = frame_of(w, x);
    f[16 + x->len - 1] ^= 1;
    frame_crc(f, x->len);
}

static inline void hit_swap(world *w, uint32_t r)
{
    const wrec *x = &w->rec[r];
    for (uint32_t k = r + 1; k < w->n; k++) {
        const wrec *y = &w->rec[k];
        uint8_t a[SEG];
        if (y->log != x->log || y->seg != x->seg)
            continue;
        memcpy(a, frame_of(w, x), x->size);
        uint8_t b[SEG];
        memcpy(b, frame_of(w, y), y->size);
        uint8_t *at = frame_of(w, x);
        memcpy(at, b, y->size);
        memcpy(at + y->size, a, x->size);
        return;
    }
    hit_flip(w, r); /* the last of its segment has no neighbour */
}

static inline void hit_truncate(world *w, uint32_t r)
{
    const wrec *x = &w->rec[r];
    wlog *l = &w->log[x->log];
    memset(l->seg[x->seg] + x->off, 0, SEG - x->off);
    l->n_seg = x->seg + 1;
    w->trim[x->log] = x->off;
}

static inline void hit_truncate_inside(world *w, uint32_t r)
{
    const wrec *x = &w->rec[r];
    wlog *l = &w->log[x->log];
    memset(l->seg[x->seg] + x->off + x->size / 2, 0, SEG - x->off - x->size / 2);
    l->n_seg = x->seg + 1;
    w->trim[x->log] = x->off + x->size / 2;
}

static inline void hit_zero(world *w, uint32_t r)
{
    memset(frame_of(w, &w->rec[r]), 0, w->rec[r].size);
}

#endif
