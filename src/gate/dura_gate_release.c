/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Releases and the envelopes around them (docs/formats/release.md): deterministic CBOR in
 * a DSSE envelope (DSSE 1.0.2), Ed25519 signatures over its pre-authentication encoding,
 * so that a signature for another type of statement is never one for a release.
 *
 * The bytes that are parsed are the bytes that were verified, and they are parsed after
 * that. Key ids are hints that nobody signed (DSSE, protocol.md): they say which key is tried
 * first, and then every other one is.
 */
#include "dura_gate_priv.h"

enum { EXTENSIONS = 64 };

/* Keys of the payload's map. */
enum {
    K_SCHEMA = 1, K_COMPONENT = 2, K_VERSION = 3, K_FLOOR = 4, K_DIGEST = 5, K_LENGTH = 6,
    K_DEVICE = 7, K_NAME = 8, K_POLICY = 9, K_BEFORE = 10, K_AFTER = 11, K_PROBATION = 12,
    K_NEEDS = 13, K_EVIDENCE = 14, K_PRACTICES = 15, K_FLAGS = 16, K_METRIC = 17, K_DATA = 18,
    K_REQUIRED = 0xFE,         /* bits of 1..7 */
    K_LAST = 18
};

#define RELEASE_V1 ((uint32_t)offsetof(dura_release, need_min))
#define RELEASE_V2 ((uint32_t)offsetof(dura_release, evidence))
#define RELEASE_V3 ((uint32_t)offsetof(dura_release, metric))
#define PROBATION_MAX 0x80000000u
#define KNOWN_FLAGS (DURA_RELEASE_EMERGENCY | DURA_RELEASE_BACK | DURA_RELEASE_SUBSTANTIAL)

/* ---- payload ---------------------------------------------------------------------- */

int durai_release_text_ok(const durai_item *v)
{
    if (v->type != DURAI_CBOR_TEXT || v->v < 1 || v->v > 63)
        return 0;
    for (size_t i = 0; i < v->v; i++)
        if (v->p[i] < 0x20 || v->p[i] == 0x7F)
            return 0;
    return 1;
}

static int take_text(char out[64], const durai_item *v)
{
    if (!durai_release_text_ok(v))
        return DURA_ECORRUPT;
    memcpy(out, v->p, (size_t)v->v);
    return DURA_OK;
}

static int take_digest(uint8_t out[DURA_HASH_BYTES], const durai_item *v)
{
    if (v->type != DURAI_CBOR_BYTES || v->v != DURA_HASH_BYTES)
        return DURA_ECORRUPT;
    memcpy(out, v->p, DURA_HASH_BYTES);
    return DURA_OK;
}

/* Seconds since 1970 that fit 64-bit nanoseconds; 0 is absence and is not written. */
static int take_date(int64_t *out, const durai_item *v)
{
    if (v->v < 1 || v->v > (uint64_t)INT64_MAX / 1000000000u)
        return DURA_EINVAL;
    *out = (int64_t)v->v;
    return DURA_OK;
}

static int take_number(dura_release *r, uint32_t key, const durai_item *v)
{
    if (v->type != DURAI_CBOR_UINT)
        return DURA_ECORRUPT;
    switch (key) {
    case K_SCHEMA:
        return v->v == 1 ? DURA_OK : DURA_EVERSION;
    case K_COMPONENT:
        r->component = (uint8_t)(v->v < DURA_COMPONENTS ? v->v : 0);
        return r->component ? DURA_OK : DURA_EINVAL;
    case K_VERSION:
        r->version = v->v;
        return v->v ? DURA_OK : DURA_EINVAL;
    case K_FLOOR:
        r->floor_ = v->v;
        return v->v <= r->version ? DURA_OK : DURA_EINVAL; /* the version came before */
    case K_LENGTH:
        r->length = v->v;
        return v->v ? DURA_OK : DURA_EINVAL;
    case K_BEFORE:
        return take_date(&r->not_before_s, v);
    case K_AFTER:
        return take_date(&r->not_after_s, v);
    case K_PRACTICES:
        r->practices = v->v;
        return v->v ? DURA_OK : DURA_EINVAL;
    case K_FLAGS:
        r->flags = (uint32_t)v->v;
        return v->v & ~(uint64_t)KNOWN_FLAGS ? DURA_EVERSION : v->v ? DURA_OK : DURA_EINVAL;
    case K_METRIC:
        r->metric = (uint32_t)v->v;
        return v->v >= 1 && v->v <= DURA_METRIC_ONE ? DURA_OK : DURA_EINVAL;
    default:
        DURA_ASSERT(key == K_PROBATION);
        r->probation_frames = (uint32_t)v->v;
        return v->v >= 1 && v->v <= PROBATION_MAX ? DURA_OK : DURA_EINVAL;
    }
}

/* An array of component, least and most version, for one or two other components. */
static int take_needs(dura_release *r, const durai_item *v, durai_cbor_in *in)
{
    uint32_t former = 0;
    if (v->type != DURAI_CBOR_ARRAY || (v->v != 3 && v->v != 6))
        return DURA_ECORRUPT;
    if (r->struct_size < RELEASE_V2)
        return DURA_EVERSION; /* a caller that could not know of them must not pass over them */
    for (uint64_t left = v->v; left > 0; left -= 3) {
        durai_item it[3];
        for (uint32_t k = 0; k < 3; k++)
            if (durai_cbor_next(in, &it[k]) != DURA_OK || it[k].type != DURAI_CBOR_UINT || it[k].v > UINT32_MAX)
                return DURA_ECORRUPT;
        uint32_t c = it[0].v < DURA_COMPONENTS ? (uint32_t)it[0].v : 0;
        if (c <= former || c == r->component || it[2].v < 1 || it[1].v > it[2].v)
            return DURA_EINVAL;
        if (it[1].v == 0 && it[2].v == UINT32_MAX)
            return DURA_ECORRUPT; /* absence has one encoding */
        r->need_min[c] = (uint32_t)it[1].v;
        r->need_max[c] = (uint32_t)it[2].v;
        former = c;
    }
    return DURA_OK;
}

static int take(dura_release *r, uint32_t key, const durai_item *v)
{
    if (key == K_DEVICE || key == K_NAME)
        return take_text(key == K_DEVICE ? r->device : r->name, v);
    if ((key >= K_EVIDENCE && r->struct_size < RELEASE_V3) || (key >= K_METRIC && r->struct_size < sizeof *r))
        return DURA_EVERSION; /* as above */
    if (key == K_DIGEST || key == K_POLICY || key == K_EVIDENCE || key == K_DATA)
        return take_digest(key == K_DIGEST ? r->digest : key == K_POLICY ? r->policy : key == K_DATA ? r->data : r->evidence, v);
    return take_number(r, key, v);
}

static int all_zero(const uint8_t *p, size_t n)
{
    uint8_t any = 0;
    while (n--)
        any |= *p++;
    return any == 0;
}

/* The map's pairs, in order. Extensions hold no containers: passing over one is one item. */
static DURAI_NOINLINE int take_map(const void *payload, size_t len, dura_release *r)
{
    durai_cbor_in in;
    durai_item it;
    uint32_t seen = 0;
    durai_cbor_open(&in, payload, len);
    if (durai_cbor_next(&in, &it) != DURA_OK || it.type != DURAI_CBOR_MAP)
        return DURA_ECORRUPT;
    for (uint32_t left = (uint32_t)it.v; left > 0; left--) {
        if (durai_cbor_next(&in, &it) != DURA_OK || it.type != DURAI_CBOR_UINT)
            return DURA_ECORRUPT;
        uint32_t key = it.v < EXTENSIONS ? (uint32_t)it.v : EXTENSIONS;
        if (key < 1 || (key > K_LAST && key < EXTENSIONS))
            return DURA_EVERSION;
        int rc = durai_cbor_next(&in, &it);
        if (rc == DURA_OK && key == EXTENSIONS)
            rc = it.type == DURAI_CBOR_ARRAY || it.type == DURAI_CBOR_MAP ? DURA_ECORRUPT : DURA_OK;
        else if (rc == DURA_OK)
            rc = key == K_NEEDS ? take_needs(r, &it, &in) : take(r, key, &it);
        if (rc != DURA_OK)
            return rc;
        if (key <= K_LAST)
            seen |= 1u << key;
    }
    if ((seen & K_REQUIRED) != K_REQUIRED)
        return DURA_ECORRUPT;
    if (((seen & 1u << K_POLICY) && all_zero(r->policy, sizeof r->policy)) ||
        ((seen & 1u << K_EVIDENCE) && all_zero(r->evidence, sizeof r->evidence)) ||
        ((seen & 1u << K_DATA) && all_zero(r->data, sizeof r->data)))
        return DURA_ECORRUPT; /* absence has one encoding */
    if ((seen & 3u << K_METRIC) && r->component != DURA_COMPONENT_BRAIN)
        return DURA_EINVAL;
    if ((r->flags & DURA_RELEASE_BACK) && (r->component != DURA_COMPONENT_BRAIN || (r->flags & DURA_RELEASE_EMERGENCY)))
        return DURA_EINVAL; /* a way back is never in a hurry past those who answer for it */
    if ((seen & 1u << K_PRACTICES) && !(seen & 1u << K_EVIDENCE))
        return DURA_EINVAL; /* a claim that nothing stands behind */
    return r->not_after_s && r->not_after_s < r->not_before_s ? DURA_EINVAL : DURA_OK;
}

static void blank(dura_release *r)
{
    uint32_t size = r->struct_size < sizeof *r ? r->struct_size : (uint32_t)sizeof *r;
    DURA_ASSERT(size >= RELEASE_V1);
    memset(r, 0, size);
    r->struct_size = size;
}

int dura_release_decode(const void *payload, size_t len, dura_release *out)
{
    if (!payload || !out || out->struct_size < RELEASE_V1)
        return DURA_EINVAL;
    blank(out);
    if (len > DURA_RELEASE_PAYLOAD_MAX || durai_cbor_check(payload, len) != DURA_OK)
        return DURA_ECORRUPT;
    int rc = take_map(payload, len, out);
    if (rc != DURA_OK)
        blank(out); /* half a release is none */
    return rc;
}

/* ---- envelope --------------------------------------------------------------------- */

/* Deterministic CBOR leaves one encoding of every part, so the bytes are compared with it
 * instead of being parsed: {1: type, 2: payload, 3: [{1: key id, 2: signature}, ...]}. */
static const uint8_t before_payload[] = "\xA3\x01\x78\x21" DURA_RELEASE_TYPE "\x02";
enum { BEFORE = sizeof before_payload - 1, KIND_AT = 21, KIND = 7 /* the word in the type that tells them apart */ };
static const char kinds[DURAI_KINDS][KIND + 1] = {"release", "approve"};

/* What stands before a payload: of which kind; DURAI_KINDS: none. */
static uint32_t kind_of(const uint8_t *p)
{
    const uint32_t word = 4 + KIND_AT, behind = word + KIND;
    if (memcmp(p, before_payload, word) != 0 || memcmp(p + behind, before_payload + behind, BEFORE - behind) != 0)
        return DURAI_KINDS;
    uint32_t kind = 0;
    while (kind < DURAI_KINDS && memcmp(p + word, kinds[kind], KIND) != 0)
        kind++;
    return kind;
}

static int signature_ok(const uint8_t *s)
{
    return s[0] == 0xA2 && s[1] == 1 && s[2] == 0x48 && s[11] == 2 && s[12] == 0x58 && s[13] == 0x40;
}

int durai_envelope_open(durai_envelope *e, const void *envelope, size_t len)
{
    const uint8_t *p = envelope, *end = p + len;
    DURA_ASSERT(BEFORE == 4 + 33 + 1);
    if (len > DURA_RELEASE_MAX || len < BEFORE + 3)
        return DURA_ECORRUPT;
    e->kind = (uint8_t)kind_of(p);
    if (e->kind == DURAI_KINDS)
        return DURA_ECORRUPT;
    p += BEFORE;
    uint32_t head = *p >= 0x40 && *p < 0x58 ? 1 : *p == 0x58 ? 2 : *p == 0x59 ? 3 : 0;
    uint32_t size = head == 1 ? *p - 0x40u : head == 2 ? p[1] : (uint32_t)p[1] << 8 | p[2];
    if (head == 0 || size < (head == 3 ? 256u : head == 2 ? 24u : 1u) || size > DURA_RELEASE_PAYLOAD_MAX)
        return DURA_ECORRUPT;
    e->len = (uint16_t)size;
    e->payload = p + head;
    if ((size_t)(end - p) < head + e->len + 2u)
        return DURA_ECORRUPT;
    p = e->payload + e->len;
    e->n = (uint8_t)(p[1] - 0x80u);
    e->signatures = p + 2;
    if (p[0] != 3 || e->n > DURAI_SIGNATURES_MAX || (size_t)(end - e->signatures) != e->n * (size_t)DURAI_SIGNATURE)
        return DURA_ECORRUPT;
    for (uint32_t i = 0; i < e->n; i++)
        if (!signature_ok(e->signatures + i * (size_t)DURAI_SIGNATURE))
            return DURA_ECORRUPT;
    return DURA_OK;
}

size_t durai_release_pae(uint8_t *out, size_t cap, uint32_t kind, const uint8_t *payload, size_t len)
{
    static const char head[] = "DSSEv1 33 " DURA_RELEASE_TYPE " ";
    uint32_t n = sizeof head - 1, left = (uint32_t)len, scale = len >= 100 ? 100 : len >= 10 ? 10 : 1;
    DURA_ASSERT(sizeof DURA_RELEASE_TYPE - 1 == 33 && sizeof DURA_APPROVAL_TYPE - 1 == 33 && kind < DURAI_KINDS);
    if (len > DURA_RELEASE_PAYLOAD_MAX || cap < DURAI_PAE_MAX)
        return 0;
    memcpy(out, head, n);
    memcpy(out + 10 + KIND_AT, kinds[kind], KIND);
    for (; scale > 0; scale /= 10) { /* at most three digits: no 64-bit division's stack */
        out[n++] = (uint8_t)('0' + left / scale);
        left %= scale;
    }
    out[n++] = ' ';
    memcpy(out + n, payload, len);
    return n + len;
}

int durai_gate_keys_ok(const dura_gate_key *keys, uint32_t n, uint32_t threshold, uint32_t roles)
{
    uint32_t have = 0;
    if (!keys || n < 1 || n > DURA_GATE_KEYS_MAX || threshold < 1 || threshold > n)
        return 0;
    for (uint32_t i = 0; i < n; i++) {
        if (keys[i].role < DURA_ROLE_VENDOR || keys[i].role > DURA_ROLE_SAFETY || !all_zero(keys[i].reserved, sizeof keys[i].reserved))
            return 0;
        have |= 1u << keys[i].role;
        for (uint32_t k = 0; k < i; k++) /* one key, one role, one voice */
            if (memcmp(keys[i].pub, keys[k].pub, DURA_PUBKEY_BYTES) == 0)
                return 0;
    }
    return (roles & ~have) == 0; /* else no release could ever be right */
}

/* Its algorithm is the key's: what an envelope says cannot choose a weaker one. */
static int by_key(const durai_envelope *e, const dura_gate_key *key, const uint8_t *sig)
{
    const dura_crypto *c = e->crypto;
    if (!key->alg)
        return c->verify(c->user, key->pub, e->pae, e->pae_len, sig);
    if (c->struct_size <= offsetof(dura_crypto, verify_other) || !c->verify_other)
        return DURA_EAUTH;
    return c->verify_other(c->user, key->alg, key->pub, e->pae, e->pae_len, sig);
}

/* The key of `left` that made this signature, its hint (bits 16 and up) before the others; < 0: a
 * hook's code. */
static int signer(const durai_envelope *e, const uint8_t *sig, uint32_t left)
{
    uint32_t k = left >> 16;
    for (uint32_t next = 0; next <= DURA_GATE_KEYS_MAX; k = next++) {
        if (!(left >> k & 1u) || k >= DURA_GATE_KEYS_MAX)
            continue;
        left &= ~(1u << k);
        int rc = by_key(e, &e->keys[k], sig);
        if (rc == DURA_OK || (rc < 0 && rc != DURA_EAUTH)) /* a positive answer is none */
            return rc == DURA_OK ? (int)k : rc;
    }
    return DURA_GATE_KEYS_MAX;
}

/* Whose ids the signatures carry, by hashes made where the encoding will lie. An id that cannot be
 * made is no hint. */
void durai_envelope_hints(durai_envelope *e, uint64_t *room)
{
    const dura_crypto *c = e->crypto;
    uint32_t k = e->n_keys;
    uint8_t *id = (uint8_t *)room + sizeof(dura_hash_state);
    DURA_ASSERT(sizeof(dura_hash_state) + DURA_HASH_BYTES <= DURAI_PAE_MAX && k <= DURA_GATE_KEYS_MAX);
    e->hint = 0x88888888u;
    while (k-- > 0 && c->hash_init) {
        if (c->hash_init(c->user, (dura_hash_state *)(void *)room) < 0 ||
            c->hash_update(c->user, (dura_hash_state *)(void *)room, e->keys[k].pub, DURA_PUBKEY_BYTES) < 0 ||
            c->hash_final(c->user, (dura_hash_state *)(void *)room, id) < 0)
            return;
        for (uint32_t i = 0; i < e->n && i < 8; i++)
            if (memcmp(e->signatures + i * (size_t)DURAI_SIGNATURE + DURAI_SIGNATURE_ID, id, 8) == 0)
                e->hint ^= (8u ^ k) << 4 * i;
    }
}

void durai_envelope_pae(durai_envelope *e, uint64_t *room)
{
    e->pae = (const uint8_t *)room;
    e->pae_len = (uint16_t)durai_release_pae((uint8_t *)room, DURAI_PAE_MAX, e->kind, e->payload, e->len);
    DURA_ASSERT(e->pae_len > 0);
}

int durai_envelope_signers(const durai_envelope *e)
{
    uint32_t left = (1u << e->n_keys) - 1u, all = left, hint = e->hint;
    for (uint32_t i = 0; i < e->n; i++, hint = hint >> 4 | 8u << 28) {
        int k = signer(e, e->signatures + i * (size_t)DURAI_SIGNATURE + DURAI_SIGNATURE_SIG, left | (hint & 15u) << 16);
        if (k < 0)
            return k;
        if (k < DURA_GATE_KEYS_MAX)
            left &= ~(1u << k);
    }
    return (int)(all & ~left);
}

int durai_envelope_signed_by(uint64_t *room, const void *envelope, size_t len, const dura_crypto *c,
                             const dura_gate_key *key)
{
    durai_envelope e;
    if (durai_envelope_open(&e, envelope, len) != DURA_OK)
        return 0;
    durai_envelope_by(&e, c, key, 1);
    durai_envelope_ready(&e, room);
    return durai_envelope_signers(&e);
}

static uint32_t judge(const dura_gate_key *keys, uint32_t signed_, uint32_t threshold, uint32_t roles)
{
    uint32_t n = 0, have = 0;
    for (uint32_t k = 0; k < DURA_GATE_KEYS_MAX; k++)
        if (signed_ & 1u << k) {
            n++;
            have |= 1u << keys[k].role;
        }
    return (n ? 0u : (uint32_t)DURA_WHY_SIGNATURE) | (n < threshold ? (uint32_t)DURA_WHY_THRESHOLD : 0u) |
           (roles & ~have ? (uint32_t)DURA_WHY_ROLE : 0u);
}

/* With room on the stack, which is free again before the payload is parsed. */
static DURAI_NOINLINE int count_here(durai_envelope *e)
{
    uint64_t room[DURAI_PAE_MAX / 8];
    durai_envelope_ready(e, room);
    return durai_envelope_signers(e);
}

int durai_release_verify(uint64_t *room, const void *envelope, size_t len, const dura_crypto *crypto,
                         const dura_gate_config *cfg, dura_release *out, uint32_t *why)
{
    durai_envelope e;
    *why = DURA_WHY_FORMAT;
    int rc = durai_envelope_open(&e, envelope, len);
    if (rc != DURA_OK || e.kind != DURAI_KIND_RELEASE)
        return DURA_ECORRUPT;
    *why = 0;
    durai_envelope_by(&e, crypto, cfg->keys, cfg->n_keys);
    durai_envelope_ready(&e, room);
    rc = durai_envelope_signers(&e);
    if (rc < 0)
        return rc;
    int by = rc;
    *why = judge(cfg->keys, (uint32_t)by, cfg->threshold, cfg->roles);
    if (*why)
        return DURA_EAUTH;
    rc = dura_release_decode(e.payload, e.len, out);
    *why = rc == DURA_OK ? 0 : DURA_WHY_FORMAT;
    return rc == DURA_OK ? by : rc;
}

int dura_release_verify(const void *envelope, size_t len, const dura_crypto *crypto, const dura_gate_key *keys,
                        uint32_t n_keys, uint32_t threshold, uint32_t roles, dura_release *out, uint32_t *why)
{
    durai_envelope e;
    uint32_t unused = 0;
    why = why ? why : &unused;
    if (!envelope || !crypto || !out || out->struct_size < RELEASE_V1 ||
        !durai_gate_keys_ok(keys, n_keys, threshold, roles))
        return DURA_EINVAL;
    if (!crypto->verify)
        return DURA_ENOTSUP;
    *why = DURA_WHY_FORMAT;
    int rc = durai_envelope_open(&e, envelope, len);
    if (rc != DURA_OK || e.kind != DURAI_KIND_RELEASE)
        return DURA_ECORRUPT;
    *why = 0;
    durai_envelope_by(&e, crypto, keys, n_keys);
    rc = count_here(&e);
    if (rc < 0)
        return rc;
    *why = judge(keys, (uint32_t)rc, threshold, roles);
    if (*why)
        return DURA_EAUTH;
    rc = dura_release_decode(e.payload, e.len, out);
    *why = rc == DURA_OK ? 0 : DURA_WHY_FORMAT;
    return rc;
}
