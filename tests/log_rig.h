/* SPDX-License-Identifier: Apache-2.0 */
/*
 * log_rig.h - a log on simulated storage, and a reader written from docs/formats/log.md.
 *
 * The reader shares no code with the log: own CBOR, base64, CRC and tree. It recomputes
 * everything a verifier would (segments, density, roots, signatures, recover digests)
 * and says in words what is wrong, so that one call judges a region after any mishap.
 */
#ifndef LOG_RIG_H
#define LOG_RIG_H

#include "dt.h"
#include "sim/dt_sim.h"

#include <dura/log.h>

#define RIG_SIZE 40960u       /* bytes per region */
#define RIG_JOURNAL 8192u
#define RIG_RECORDS 1200u     /* per log, most the reader takes */
#define RIG_TAG 7u

typedef struct rig {
    dt_power power;
    dt_flash flash[2];
    dura_region region[2];
    dt_keystore keys;
    dt_crypto crypto;
    dura_port port;
    dura_log_config cfg;
    dura_time now;
    dura_log *log;
    void *mem;
    size_t mem_len;
    uint8_t *flash_mem[2];
    int no_many, no_sign;      /* the provider lacks hash_many, sign */
} rig;

/* ---- the box -------------------------------------------------------------------- */

static inline void rig_storage(rig *r, uint32_t erase_size, uint32_t prog_size, uint8_t erased)
{
    for (int i = 0; i < 2; i++) {
        r->flash_mem[i] = malloc(DT_FLASH_BYTES(RIG_SIZE, RIG_JOURNAL));
        dt_eq(dt_flash_init(&r->flash[i], r->flash_mem[i], DT_FLASH_BYTES(RIG_SIZE, RIG_JOURNAL),
                            RIG_SIZE, erase_size, prog_size, erased, &r->power), 0, "flash");
        r->region[i] = dt_flash_region(&r->flash[i]);
        r->port.region[i] = &r->region[i];
    }
}

/* Small segments so that a short run has several; every record committed. */
static inline void rig_init(rig *r, uint32_t prog_size, uint8_t erased)
{
    memset(r, 0, sizeof *r);
    r->port.struct_size = (uint32_t)sizeof r->port;
    rig_storage(r, 1024, prog_size, erased);
    dt_keystore_init(&r->keys, RIG_TAG);
    dt_crypto_init(&r->crypto, &r->keys, &r->power);
    r->port.crypto = &r->crypto.crypto;
    r->cfg = (dura_log_config)DURA_LOG_CONFIG_INIT;
    r->cfg.segment_bytes = 4096;
    r->cfg.max_record = 300;
    r->cfg.tree_height = 12;
    r->cfg.seal_records = 1000000;
    r->now.boot = 1;
    r->now.mono_ns = 1000;
    r->now.wall_err_us = UINT32_MAX;
}

/* (Re)start: init in junk memory of the exact size. */
static inline int rig_open(rig *r)
{
    dt_crypto_init(&r->crypto, &r->keys, &r->power);
    if (r->no_many)
        r->crypto.crypto.hash_many = NULL;
    if (r->no_sign)
        r->crypto.crypto.sign = NULL;
    free(r->mem);
    r->mem_len = dura_log_bytes(&r->cfg, &r->port);
    r->mem = malloc(r->mem_len ? r->mem_len : 1);
    memset(r->mem, 0xA5, r->mem_len);
    return dura_log_init(&r->log, r->mem, r->mem_len, &r->cfg, &r->port, &r->now);
}

static inline void rig_free(rig *r)
{
    free(r->mem);
    free(r->flash_mem[0]);
    free(r->flash_mem[1]);
}

static inline void rig_reboot(rig *r, int mode, uint64_t seed)
{
    dt_flash_reboot(&r->flash[0], mode, seed);
    dt_flash_reboot(&r->flash[1], mode, seed ^ 0x5555u);
    dt_power_on(&r->power);
    r->now.boot++;
    r->now.mono_ns = 500;
}

/* One record with a byte string of n bytes that depend on `mark`. */
static inline int rig_append(rig *r, uint32_t ring, uint8_t log, uint32_t mark, uint32_t n)
{
    uint8_t p[4096] = {0x10, 0x59, (uint8_t)(n >> 8), (uint8_t)n};
    uint32_t head = 4;
    dura_log_entry e;

    if (n < 256) {
        p[1] = 0x58;
        p[2] = (uint8_t)n;
        head = 3;
    }
    if (n < 24) {
        p[1] = (uint8_t)(0x40u + n);
        head = 2;
    }
    for (uint32_t i = 0; i < n; i++)
        p[head + i] = (uint8_t)(mark * 31u + i * 7u + (mark >> 8));
    memset(&e, 0, sizeof e);
    e.struct_size = (uint32_t)sizeof e;
    e.log = log;
    e.kind = 20;
    e.source = (uint16_t)(mark % 3u == 0 ? DURA_NONE : mark % 300u);
    e.n_pairs = 1;
    e.time = r->now;
    e.time.mono_ns += (int64_t)mark * 1000;
    return dura_log_append(r->log, ring, &e, p, head + n);
}

static inline dura_log_status rig_status(const rig *r)
{
    dura_log_status st = DURA_LOG_STATUS_INIT;
    dt_eq(dura_log_query(r->log, &st), DURA_OK, "query");
    return st;
}

/* ---- the reader ------------------------------------------------------------------ */

typedef struct rig_record {
    const uint8_t *p;
    uint32_t len, kind, segment;
    uint64_t seq, gseq, mono;
    uint32_t boot;
    uint8_t leaf[32];
} rig_record;

typedef struct rig_tree { uint64_t n; uint8_t peak[40][32]; } rig_tree;

typedef struct rig_read {
    rig_record rec[2][RIG_RECORDS];
    uint32_t n[2];
    uint32_t segments[2];
    uint64_t tail[2];          /* region offset behind the last frame */
    uint32_t torn[2];          /* bytes behind it are not blank */
    uint32_t seals, recovers, epochs, finals;
    int twin;                  /* the security seal was final */
    uint32_t damage;           /* RECOVER records with cause 2 */
    char error[200];           /* "" when all is right */
} rig_read;

static inline uint32_t rig_le(const uint8_t *p, int n)
{
    uint32_t v = 0;
    while (n-- > 0)
        v = v << 8 | p[n];
    return v;
}

static inline uint32_t rig_crc(uint32_t crc, const uint8_t *p, size_t n)
{
    static uint32_t table[256];
    if (table[1] == 0) {
        for (uint32_t i = 0; i < 256; i++) {
            uint32_t v = i;
            for (int b = 0; b < 8; b++)
                v = v & 1 ? v >> 1 ^ 0x82F63B78u : v >> 1;
            table[i] = v;
        }
    }
    crc = ~crc;
    while (n-- > 0)
        crc = crc >> 8 ^ table[(crc ^ *p++) & 255u];
    return ~crc;
}

static inline void rig_hash(uint8_t out[32], int prefix, const uint8_t *a, size_t na,
                            const uint8_t *b, size_t nb)
{
    dt_sha256 h;
    uint8_t x = (uint8_t)prefix;
    dt_sha256_init(&h);
    if (prefix >= 0)
        dt_sha256_update(&h, &x, 1);
    dt_sha256_update(&h, a, na);
    dt_sha256_update(&h, b, nb);
    dt_sha256_final(&h, out);
}

static inline void rig_tree_add(rig_tree *t, const uint8_t leaf[32])
{
    uint8_t v[32];
    int i = 0;
    memcpy(v, leaf, 32);
    for (uint64_t n = t->n++; n & 1u; n >>= 1, i++)
        rig_hash(v, 1, t->peak[i], 32, v, 32);
    memcpy(t->peak[i], v, 32);
}

static inline void rig_tree_root(const rig_tree *t, uint8_t out[32])
{
    int first = 1;
    for (int i = 0; i < 40; i++) {
        if (!(t->n >> i & 1u))
            continue;
        if (first)
            memcpy(out, t->peak[i], 32);
        else
            rig_hash(out, 1, t->peak[i], 32, out, 32);
        first = 0;
    }
}

/* One CBOR head: type and value; returns behind it. */
static inline const uint8_t *rig_head(const uint8_t *p, int *type, uint64_t *v)
{
    uint32_t info = *p & 31u, n = info < 24 ? 0 : 1u << (info - 24);
    *type = *p++ >> 5;
    *v = info < 24 ? info : 0;
    while (n-- > 0)
        *v = *v << 8 | *p++;
    return p;
}

/* A key's value in a record: its bytes (NULL: not there); *v the integer or length. */
static inline const uint8_t *rig_key(const rig_record *r, uint64_t key, uint64_t *v)
{
    const uint8_t *p = r->p;
    uint64_t pairs, k;
    int type;

    p = rig_head(p, &type, &pairs);
    while (pairs-- > 0 && p < r->p + r->len) {
        p = rig_head(p, &type, &k);
        p = rig_head(p, &type, v);
        if (k == key)
            return p;
        if (type == 2 || type == 3)
            p += *v;
    }
    return NULL;
}

static inline size_t rig_base64(char *out, const uint8_t *p, size_t n)
{
    static const char a[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    char *o = out;
    for (size_t i = 0; i < n; i += 3) {
        uint32_t v = (uint32_t)p[i] << 16 | (i + 1 < n ? (uint32_t)p[i + 1] << 8 : 0) |
                     (i + 2 < n ? p[i + 2] : 0u);
        *o++ = a[v >> 18];
        *o++ = a[v >> 12 & 63];
        *o++ = i + 1 < n ? a[v >> 6 & 63] : '=';
        *o++ = i + 2 < n ? a[v & 63] : '=';
    }
    *o = '\0';
    return (size_t)(o - out);
}

#define RIG_BAD(...) (snprintf(out->error, sizeof out->error, __VA_ARGS__), 0)

static inline int rig_blank(const uint8_t *p, size_t n, uint8_t erased)
{
    for (size_t i = 0; i < n; i++)
        if (p[i] != erased)
            return 0;
    return 1;
}

static inline uint32_t rig_up(uint32_t n, uint32_t a) { return (n + a - 1) / a * a; }

/* A valid segment header? Its padded size, or 0. */
static inline uint32_t rig_header(const rig *r, int log, uint32_t k)
{
    const uint8_t *h = r->flash[log].live + (size_t)k * r->cfg.segment_bytes;
    uint32_t a = r->flash[log].prog_size > 8 ? r->flash[log].prog_size : 8, n;
    if (rig_le(h, 4) != 0x31475344u || h[7] > 40)
        return 0;
    n = 68u + 32u * h[7];
    return rig_le(h + n, 4) == rig_crc(0, h, n) ? rig_up(n + 4, a) : 0;
}

/* A valid frame at p? Its padded size, or 0. */
static inline uint32_t rig_frame(const rig *r, int log, const uint8_t *p, uint32_t room,
                                 const uint8_t *generation)
{
    uint32_t a = r->flash[log].prog_size > 8 ? r->flash[log].prog_size : 8, len, size, crc;
    if (room < 24 || rig_le(p, 4) != 0x31524C44u)
        return 0;
    len = rig_le(p + 4, 2);
    size = rig_up(16 + len, a);
    if (len == 0 || size > room || p[6] != log + 1 || p[7] != 0)
        return 0;
    crc = rig_crc(rig_crc(rig_crc(0, generation, 4), p, 12), p + 16, len);
    return crc == rig_le(p + 12, 4) && rig_blank(p + 16 + len, size - 16 - len, 0) ? size : 0;
}

static inline int rig_take(rig_read *out, int log, uint32_t k, const uint8_t *p)
{
    rig_record *rec = &out->rec[log][out->n[log]];
    uint64_t v[12] = {0};

    if (out->n[log] == RIG_RECORDS)
        return RIG_BAD("too many records for the reader");
    rec->p = p + 16;
    rec->len = rig_le(p + 4, 2);
    rec->segment = k;
    for (uint64_t key = 1; key <= 11; key++)
        if (rig_key(rec, key, &v[key]) == NULL && (key < 7 || key == 11))
            return RIG_BAD("log %d record %u: no key %u", log, out->n[log], (unsigned)key);
    rec->seq = v[3];
    rec->gseq = v[4];
    rec->boot = (uint32_t)v[5];
    rec->mono = v[6];
    rec->kind = (uint32_t)v[11];
    if (v[1] != 1 || v[2] != (uint64_t)log + 1 || rec->seq != out->n[log] ||
        (uint32_t)rec->gseq != rig_le(p + 8, 4))
        return RIG_BAD("log %d segment %u: record %u says seq %u gseq %u", log, k, out->n[log],
                       (unsigned)rec->seq, (unsigned)rec->gseq);
    rig_hash(rec->leaf, 0, rec->p, rec->len, NULL, 0);
    out->n[log]++;
    return 1;
}

/* RECOVER: about segment k-1 from `at`, with the digest of what is there. */
static inline int rig_recover(const rig *r, rig_read *out, int log, uint32_t k, uint32_t at)
{
    uint32_t seg = r->cfg.segment_bytes;
    const uint8_t *p = r->flash[log].live + (size_t)(k - 1) * seg + at, *d;
    const rig_record *rec = &out->rec[log][out->n[log] - 1];
    uint64_t v;
    uint8_t h[32];

    out->recovers++;
    rig_hash(h, -1, p, seg - at, NULL, 0);
    if (rig_key(rec, 16, &v) == NULL || v < 1 || v > 2)
        return RIG_BAD("recover cause");
    out->damage += v == 2;
    if (rig_key(rec, 17, &v) == NULL || v != k - 1)
        return RIG_BAD("log %d: recover names segment %u, not %u", log, (unsigned)v, k - 1);
    if (rig_key(rec, 18, &v) == NULL || v != at || rig_key(rec, 19, &v) == NULL || v != seg - at)
        return RIG_BAD("log %d: recover names another place", log);
    d = rig_key(rec, 20, &v);
    if (d == NULL || v != 32 || memcmp(d, h, 32) != 0)
        return RIG_BAD("log %d: recover digest", log);
    return 1;
}

static inline int rig_segment(const rig *r, rig_read *out, int log, uint32_t k, const rig_tree *t)
{
    const dt_flash *f = &r->flash[log];
    uint32_t seg = r->cfg.segment_bytes, at = rig_header(r, log, k), size, n0 = out->n[log];
    const uint8_t *h = f->live + (size_t)k * seg, *next = h + seg;
    int more = (k + 1) * seg < f->size && rig_header(r, log, k + 1) != 0;
    uint32_t end = more ? rig_le(next + 40, 4) : seg, peak = 0;

    if (rig_le(h + 4, 2) != 1 || h[6] != log + 1 || rig_le(h + 8, 4) != k ||
        rig_le(h + 36, 4) != seg || rig_le(h + 16, 4) != n0)
        return RIG_BAD("log %d segment %u: header", log, k);
    for (int i = 39; i >= 0; i--)
        if (t->n >> i & 1u)
            if (memcmp(h + 68 + 32 * peak++, t->peak[i], 32) != 0)
                return RIG_BAD("log %d segment %u: peak", log, k);
    if (peak != h[7])
        return RIG_BAD("log %d segment %u: peaks", log, k);
    while (at < end && (size = rig_frame(r, log, h + at, end - at, h + 12)) != 0) {
        if (!rig_take(out, log, k, h + at))
            return 0;
        at += size;
        if (out->n[log] == n0 + 1 && out->rec[log][n0].kind == DURA_REC_RECOVER &&
            (k == 0 || !rig_recover(r, out, log, k, rig_le(h + 40, 4))))
            return out->error[0] == 0 ? RIG_BAD("recover in segment 0") : 0;
    }
    if (more && at != end)
        return RIG_BAD("log %d segment %u: frames end at %u, prev_end is %u", log, k, at, end);
    out->tail[log] = (uint64_t)k * seg + at;
    out->torn[log] = !rig_blank(h + at, seg - at, f->erased);
    if (more && out->torn[log] &&
        !(rig_header(r, log, k + 1) &&
          rig_frame(r, log, next + rig_header(r, log, k + 1), seg - rig_header(r, log, k + 1),
                    next + 12)))
        return RIG_BAD("log %d segment %u: bytes nobody accounts for", log, k);
    return 1;
}

static inline int rig_seal(rig_read *out, const rig_record *s, int log, const rig_tree t[2],
                           const char *origin)
{
    uint8_t root[32], other[32], pub[32], sig[64], next[32];
    char b[3][64], text[512];
    const uint8_t *p;
    uint64_t epoch, n, v;
    int final = rig_key(s, 22, &v) != NULL;

    out->finals += (uint32_t)final;
    rig_tree_root(&t[log], root);
    rig_tree_root(&t[1 - log], other);
    if (rig_key(s, 16, &epoch) == NULL || epoch != out->epochs)
        return RIG_BAD("seal of epoch %u, want %u", (unsigned)epoch, out->epochs);
    p = rig_key(s, 17, &v);
    if (p == NULL || memcmp(p, root, 32) != 0)
        return RIG_BAD("gseq %u: root", (unsigned)s->gseq);
    if (rig_key(s, 18, &n) == NULL || n != t[1 - log].n)
        return RIG_BAD("gseq %u: other size", (unsigned)s->gseq);
    p = rig_key(s, 19, &v);
    if (p == NULL || memcmp(p, other, 32) != 0)
        return RIG_BAD("gseq %u: other root", (unsigned)s->gseq);
    dt_crypto_public(RIG_TAG, (uint32_t)epoch, pub);
    dt_crypto_public(RIG_TAG, (uint32_t)epoch + 1, next);
    p = rig_key(s, 20, &v);
    if (p == NULL || v != 32 || memcmp(p, next, 32) != 0)
        return RIG_BAD("gseq %u: next key", (unsigned)s->gseq);
    rig_base64(b[0], root, 32);
    rig_base64(b[1], other, 32);
    rig_base64(b[2], next, 32);
    n = (uint64_t)snprintf(text, sizeof text, "dura:%s/%s\n%u\n%s\nepoch %u\nother %u %s\nnext %s\ngseq %u\n%s",
                           origin, log ? "decision" : "security", (unsigned)s->seq, b[0],
                           (unsigned)epoch, (unsigned)t[1 - log].n, b[1], b[2],
                           (unsigned)s->gseq, final ? "final\n" : "");
    dt_crypto_fake_sign(pub, text, n, sig);
    p = rig_key(s, 21, &v);
    if (p == NULL || v != 64 || memcmp(p, sig, 64) != 0)
        return RIG_BAD("gseq %u: signature over\n%.150s", (unsigned)s->gseq, text);
    if (log && final != out->twin)
        return RIG_BAD("gseq %u: the seals of epoch %u differ in final", (unsigned)s->gseq, (unsigned)epoch);
    out->twin = final;
    out->seals++;
    out->epochs += (uint32_t)log;
    return 1;
}

/* Both logs in the order of gseq: dense, boots, seals. */
static inline int rig_merge(rig_read *out)
{
    rig_tree t[2];
    uint32_t at[2] = {0, 0}, boot = 0;
    uint64_t v;
    char origin[33] = "";
    const uint8_t *o = out->n[0] ? rig_key(&out->rec[0][0], 16, &v) : NULL;

    for (int i = 0; o != NULL && i < 16; i++)
        snprintf(origin + 2 * i, 3, "%02x", o[i]);
    memset(t, 0, sizeof t);
    for (uint64_t g = 0; at[0] < out->n[0] || at[1] < out->n[1]; g++) {
        int log = at[0] < out->n[0] && out->rec[0][at[0]].gseq == g ? 0 : 1;
        const rig_record *s = &out->rec[log][at[log]];
        if (at[log] == out->n[log] || s->gseq != g)
            return RIG_BAD("no record has gseq %u", (unsigned)g);
        if (s->boot < boot)
            return RIG_BAD("gseq %u: boot goes back", (unsigned)g);
        boot = s->boot;
        if ((s->seq == 0) != (s->kind == DURA_REC_GENESIS))
            return RIG_BAD("genesis is not the first record");
        if (s->kind == DURA_REC_SEAL && !rig_seal(out, s, log, t, origin))
            return 0;
        rig_tree_add(&t[log], s->leaf);
        at[log]++;
    }
    return 1;
}

/* Read both regions as they lie. 1: everything is right; 0: out->error says what is not. */
static inline int rig_check(const rig *r, rig_read *out)
{
    static const rig_tree empty;

    memset(out->n, 0, sizeof out->n);
    out->seals = out->recovers = out->epochs = out->finals = out->damage = 0;
    out->error[0] = '\0';
    for (int log = 0; log < 2; log++) {
        rig_tree t = empty;
        uint32_t k = 0, fed = 0;
        for (; (k + 1) * r->cfg.segment_bytes <= r->flash[log].size && rig_header(r, log, k); k++) {
            while (fed < out->n[log])
                rig_tree_add(&t, out->rec[log][fed++].leaf);
            if (!rig_segment(r, out, log, k, &t))
                return 0;
        }
        out->segments[log] = k;
    }
    return rig_merge(out);
}

#endif
