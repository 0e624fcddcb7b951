/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A small box around a gate: three regions on dt_flash that tear, lose and scribble, a
 * provider whose hash is fast and fake, hooks over two arenas, and releases made by hand.
 *
 * What survives a reboot is in `rig` (storage); what does not is in `rig.ram`. The model is
 * eight bytes: "MODL" and a bias; its answer is the mean of the inputs plus the bias.
 */
#ifndef GATE_RIG_H
#define GATE_RIG_H

#include <dura/gate.h>

#include "base/dura_base_priv.h"
#include "sim/dt_sim.h"

#include <stdio.h>

enum {
    RIG_JOURNAL = 4096, RIG_SLOT = 8192, RIG_CACHE = 4096, RIG_ARENA = 8192, RIG_ENVELOPE = 2048,
    RIG_IMAGE = 2048, RIG_KEYS = 4, RIG_ELSEWHERE = 9
};

/* What becomes of the operation the power was cut in. */
enum { RIG_LOST = 0, RIG_HALF = 1, RIG_DONE = 2, RIG_GARBAGE = 3, RIG_CUTS = 4 };

typedef struct rig_region {
    dt_flash flash;
    dura_region inner, outer;
    struct rig *rig;
} rig_region;

#define RIG_ALIGNED __attribute__((aligned(8))) /* a uint64_t in a struct is not, on i386 */

/* Memory of one boot. */
typedef struct rig_ram {
    RIG_ALIGNED uint64_t arena[2][RIG_ARENA / 8];
    RIG_ALIGNED uint64_t object[4096 / 8];
    dura_gate *gate;
    float bias[3];               /* of factory, arena 0, arena 1 */
    uint32_t champion, candidate, drives;   /* 0 factory, 1.. arenas, 9 none */
    uint32_t frames, opens, runs, activates, keeps, drops, shadowed;
    int started;                 /* what start() said */
} rig_ram;

typedef struct rig {
    dt_power power;
    rig_region region[3];        /* journal, A, B */
    RIG_ALIGNED uint8_t memory[3][2 * RIG_SLOT + RIG_CACHE];
    uint8_t cut;                 /* RIG_* */
    uint8_t no_mac, frames_stop, arena_busy;
    uint8_t prog_lies;           /* the next prog: 1 says no and did it, 2 says yes and did not */
    uint64_t noise;
    dura_crypto crypto;
    dura_port port;
    dura_gate_config cfg;
    dura_gate_key key[RIG_KEYS];
    dura_gate_key next[RIG_KEYS];/* of the policy a release brings */
    uint32_t n_next;
    int next_code;
    dura_time now;
    uint8_t device_key;
    /* what hooks answer */
    uint32_t blocked, alarm, not_yet;
    uint32_t unsafe, shadow_step, shadow_why;    /* machine; answers per look; what is wrong */
    uint8_t part, next_part;     /* what all parts of a policy are */
    uint32_t changes;            /* parts that a policy release changes */
    uint32_t asked_for;          /* component the machine was asked about last */
    int open_code, activate_code, run_code;
    float run_off;
    size_t arena_cap;
    /* what was said */
    dura_fact fact[64];
    uint32_t facts;
    /* a release */
    uint8_t image[RIG_IMAGE];
    size_t image_len;
    uint8_t envelope[RIG_ENVELOPE];
    size_t envelope_len;
    rig_ram ram;
} rig;

/* Set a field of 1, 2, 4 or 8 bytes, whatever the byte order. */
static inline void rig_poke(void *at, uint64_t value, size_t width)
{
    uint8_t one = (uint8_t)value;
    uint16_t two = (uint16_t)value;
    uint32_t four = (uint32_t)value;
    memcpy(at, width == 1 ? (void *)&one : width == 2 ? (void *)&two : width == 4 ? (void *)&four : (void *)&value, width);
}

/* ---- a provider ------------------------------------------------------------------- */

/* Whole words where it can: a power cut is tried a hundred thousand times. */
typedef struct rig_hash { uint64_t lane[4]; uint64_t n; uint8_t part[8]; } rig_hash;

static inline void rig_hash_begin(rig_hash *h, uint8_t salt)
{
    for (uint64_t i = 0; i < 4; i++)
        h->lane[i] = 0xCBF29CE484222325u + i * 0x9E3779B97F4A7C15u + salt;
    h->n = 0;
}

static inline void rig_hash_word(rig_hash *h, const uint8_t *p)
{
    uint64_t *l = &h->lane[h->n / 8 % 4], w;
    memcpy(&w, p, 8);
    *l = (*l ^ w) * 0x9E3779B97F4A7C15u;
    *l ^= *l >> 29;
}

static inline void rig_hash_add(rig_hash *h, const void *p, size_t n)
{
    const uint8_t *b = p;
    while (n > 0) {
        if (h->n % 8 == 0 && n >= 8) {
            rig_hash_word(h, b);
            h->n += 8;
            b += 8;
            n -= 8;
            continue;
        }
        h->part[h->n % 8] = *b++;
        n--;
        if (h->n % 8 == 7)
            rig_hash_word(h, h->part);
        h->n++;
    }
}

static inline void rig_hash_end(rig_hash *h, uint8_t out[32])
{
    if (h->n % 8) {
        memset(h->part + h->n % 8, 0x5A, 8 - h->n % 8);
        rig_hash_word(h, h->part);
    }
    for (unsigned round = 0; round < 2; round++)
        for (unsigned i = 0; i < 4; i++)
            h->lane[i] = (h->lane[i] ^ (h->lane[(i + 1) % 4] >> 7) ^ h->n) * 0xD6E8FEB86659FD93u;
    for (unsigned i = 0; i < 4; i++)
        durai_put64(out + 8 * i, h->lane[i] ^ (h->lane[i] >> 31));
}

static inline void rig_digest(uint8_t out[32], const void *p, size_t n)
{
    rig_hash h;
    rig_hash_begin(&h, 0);
    rig_hash_add(&h, p, n);
    rig_hash_end(&h, out);
}

/* Anybody who knows the public key can sign: enough where signatures are the input. */
static inline void rig_sign(const uint8_t pub[32], const void *msg, size_t n, uint8_t sig[64])
{
    for (uint8_t half = 0; half < 2; half++) {
        rig_hash h;
        rig_hash_begin(&h, (uint8_t)(77 + half));
        rig_hash_add(&h, pub, 32);
        rig_hash_add(&h, msg, n);
        rig_hash_end(&h, sig + 32 * half);
    }
}

static inline int rig_hash_init(void *user, dura_hash_state *s)
{
    rig *b = user;
    rig_hash_begin((rig_hash *)(void *)s, 0);
    return dt_power_call(&b->power, DT_HASH);
}
static inline int rig_hash_update(void *user, dura_hash_state *s, const void *p, size_t n)
{
    (void)user;
    rig_hash_add((rig_hash *)(void *)s, p, n);
    return 0;
}
static inline int rig_hash_final(void *user, dura_hash_state *s, uint8_t out[32])
{
    (void)user;
    rig_hash_end((rig_hash *)(void *)s, out);
    return 0;
}
static inline int rig_verify(void *user, const uint8_t pub[32], const void *msg, size_t n, const uint8_t sig[64])
{
    rig *b = user;
    uint8_t want[64];
    int rc = dt_power_call(&b->power, DT_VERIFY);
    rig_sign(pub, msg, n, want);
    return rc < 0 ? rc : memcmp(want, sig, 64) == 0 ? 0 : DURA_EAUTH;
}
static inline int rig_mac(void *user, uint32_t slot, const void *msg, size_t n, uint8_t tag[DURA_TAG_BYTES])
{
    rig *b = user;
    uint8_t full[32];
    rig_hash h;
    int rc = dt_power_call(&b->power, DT_MAC);
    (void)slot;
    rig_hash_begin(&h, (uint8_t)(100 + b->device_key));
    rig_hash_add(&h, msg, n);
    rig_hash_end(&h, full);
    memcpy(tag, full, DURA_TAG_BYTES);
    return rc;
}

/* ---- storage ---------------------------------------------------------------------- */

/* The operation in which the power went leaves noise. */
static inline int rig_scribble(rig_region *r, int rc, uint64_t off, size_t n)
{
    if (rc == DT_EPOWER && r->rig->cut == RIG_GARBAGE)
        for (size_t i = 0; i < n; i++)
            r->flash.live[off + i] = r->flash.durable[off + i] = (uint8_t)dt_random(&r->rig->noise);
    return rc;
}
static inline int rig_read(void *user, uint64_t off, void *buf, size_t n)
{
    rig_region *r = user;
    return r->inner.read(r->inner.user, off, buf, n);
}
static inline int rig_prog(void *user, uint64_t off, const void *buf, size_t n)
{
    rig_region *r = user;
    int was_off = r->rig->power.off, lie = r->rig->prog_lies;
    r->rig->prog_lies = 0;
    int rc = lie == 2 ? 0 : r->inner.prog(r->inner.user, off, buf, n);
    if (lie == 1)
        return DT_EFAULT;
    return was_off ? rc : rig_scribble(r, rc, off, n);
}
static inline int rig_erase(void *user, uint64_t off, size_t n)
{
    rig_region *r = user;
    int was_off = r->rig->power.off, rc = r->inner.erase(r->inner.user, off, n);
    return was_off ? rc : rig_scribble(r, rc, off, n);
}
static inline int rig_sync(void *user)
{
    rig_region *r = user;
    return r->inner.sync ? r->inner.sync(r->inner.user) : 0;
}

/* ---- hooks ------------------------------------------------------------------------ */

static inline void *rig_arena(void *user, size_t *cap)
{
    rig *b = user;
    *cap = b->arena_cap;
    return b->arena_busy || b->ram.candidate != RIG_ELSEWHERE ? NULL : b->ram.arena[b->ram.champion == 1];
}
static inline int rig_open(void *user, const void *model, size_t len)
{
    rig *b = user;
    uint32_t at = b->ram.champion == 1 ? 2 : 1;
    if (b->open_code)
        return b->open_code;
    if (len != 8 || memcmp(model, "MODL", 4) != 0 || (uintptr_t)model % 8 != 0)
        return -321;
    b->ram.bias[at] = durai_f32(durai_le32((const uint8_t *)model + 4));
    b->ram.candidate = at;
    b->ram.opens++;
    return 0;
}
static inline int rig_run(void *user, const float *in, size_t n_in, float *out, size_t n_out)
{
    rig *b = user;
    float sum = 0.0f;
    b->ram.runs++;
    for (size_t i = 0; i < n_in; i++)
        sum += in[i];
    for (size_t o = 0; o < n_out; o++)
        out[o] = sum / (float)n_in + b->ram.bias[b->ram.candidate] + b->run_off;
    return b->run_code;
}
static inline int rig_activate(void *user, uint32_t probation)
{
    rig *b = user;
    (void)probation;
    b->ram.activates++;
    if (b->activate_code)
        return b->activate_code;
    b->ram.drives = b->ram.candidate;
    b->ram.frames = 0;
    return 0;
}
static inline uint32_t rig_watch(void *user, uint32_t *frames)
{
    rig *b = user;
    b->ram.frames += b->frames_stop ? 0u : 10u;
    *frames = b->ram.frames;
    return b->alarm;
}
static inline int rig_keep(void *user)
{
    rig *b = user;
    if (b->not_yet) {
        b->not_yet--;
        return DURA_ESTATE;
    }
    b->ram.keeps++;
    b->ram.champion = b->ram.candidate;
    b->ram.candidate = RIG_ELSEWHERE;
    return 0;
}
static inline int rig_drop(void *user)
{
    rig *b = user;
    b->ram.drives = b->ram.champion;
    if (b->not_yet) {
        b->not_yet--;
        return DURA_ESTATE;
    }
    b->ram.drops++;
    b->ram.candidate = RIG_ELSEWHERE;
    return 0;
}
static inline int rig_next_key(void *user, const uint8_t policy[DURA_HASH_BYTES], uint32_t i, dura_gate_key *out)
{
    rig *b = user;
    (void)policy;
    if (b->next_code || i >= b->n_next)
        return b->next_code ? b->next_code : DURA_ENOENT;
    *out = b->next[i];
    return DURA_OK;
}
static inline int rig_safe_state(void *user, uint32_t component)
{
    rig *b = user;
    b->asked_for = component;
    return !b->unsafe;
}
static inline uint32_t rig_shadow(void *user, uint32_t *frames)
{
    rig *b = user;
    if (b->ram.candidate == RIG_ELSEWHERE || b->ram.drives != b->ram.champion)
        __builtin_trap(); /* nothing is open, or it drives */
    b->ram.shadowed += b->shadow_step;
    *frames = b->ram.shadowed;
    return b->shadow_why;
}
static inline uint32_t rig_changes(void *user, const uint8_t policy[DURA_HASH_BYTES])
{
    (void)policy;
    return ((rig *)user)->changes;
}
/* A digest is right whose first byte is that of the part, in this policy or the next. */
static inline int rig_part(void *user, const uint8_t *policy, uint32_t part, const uint8_t digest[DURA_HASH_BYTES])
{
    rig *b = user;
    return digest[0] == (policy ? b->next_part : b->part) && part < 1u << DURA_PARTS;
}
static inline uint32_t rig_blocked(void *user) { return ((rig *)user)->blocked; }
static inline void rig_say(void *user, const dura_fact *f)
{
    rig *b = user;
    b->fact[b->facts++ % 64] = *f;
}

/* ---- building --------------------------------------------------------------------- */

static const dura_gate_hooks rig_hooks = {(uint32_t)sizeof(dura_gate_hooks), 0, NULL, rig_arena, rig_open, rig_run,
                                          rig_activate, rig_watch, rig_keep, rig_drop, rig_blocked, rig_say,
                                          rig_next_key, rig_safe_state, rig_shadow, rig_changes, rig_part};

static inline void rig_region_init(rig *b, uint32_t i, uint32_t size, uint32_t erase, uint32_t prog, uint8_t erased, int sync)
{
    rig_region *r = &b->region[i];
    r->rig = b;
    if (dt_flash_init(&r->flash, b->memory[i], sizeof b->memory[i], size, erase, prog, erased, &b->power) != 0)
        __builtin_trap();
    r->flash.no_sync = (uint8_t)!sync;
    r->inner = dt_flash_region(&r->flash);
    r->outer = r->inner;
    r->outer.user = r;
    r->outer.read = rig_read;
    r->outer.prog = rig_prog;
    r->outer.erase = rig_erase;
    r->outer.sync = rig_sync;
}

static inline void rig_init_as(rig *b, uint32_t erase, uint32_t prog, uint8_t erased, int sync)
{
    memset(b, 0, sizeof *b);
    for (uint32_t i = 0; i < 3; i++)
        rig_region_init(b, i, i ? (uint32_t)RIG_SLOT : (uint32_t)RIG_JOURNAL, erase, prog, erased, sync);
    b->crypto.struct_size = (uint32_t)sizeof b->crypto;
    b->crypto.user = b;
    b->crypto.hash_init = rig_hash_init;
    b->crypto.hash_update = rig_hash_update;
    b->crypto.hash_final = rig_hash_final;
    b->crypto.verify = rig_verify;
    b->crypto.mac = rig_mac;
    b->port.struct_size = (uint32_t)sizeof b->port;
    b->port.crypto = &b->crypto;
    b->port.region[DURA_REGION_JOURNAL] = &b->region[0].outer;
    b->port.region[DURA_REGION_SLOT_A] = &b->region[1].outer;
    b->port.region[DURA_REGION_SLOT_B] = &b->region[2].outer;
    for (uint8_t k = 0; k < RIG_KEYS; k++) {
        memset(b->key[k].pub, 0x10 + k, sizeof b->key[k].pub);
        b->key[k].role = (uint8_t)(DURA_ROLE_VENDOR + k);
    }
    b->cfg = (dura_gate_config)DURA_GATE_CONFIG_INIT;
    b->cfg.n_keys = RIG_KEYS;
    b->cfg.threshold = 2;
    b->cfg.roles = 1u << DURA_ROLE_VENDOR;
    b->cfg.keys = b->key;
    b->cfg.device = "press-7";
    memset(b->cfg.policy, 0x33, sizeof b->cfg.policy);
    b->cfg.probation_frames = 30;
    b->cfg.fresh = 1;
    b->cfg.components = 1u << DURA_COMPONENT_BOX | 1u << DURA_COMPONENT_BRAIN | 1u << DURA_COMPONENT_POLICY;
    b->now.boot = 1;
    b->now.quality = DURA_CLOCK_SYNCED;
    b->now.wall_ns = (int64_t)1700000000 * 1000000000;
    b->arena_cap = RIG_ARENA;
}

static inline void rig_init(rig *b) { rig_init_as(b, 1024, 128, 0xFF, 0); }

/* Start on what storage holds. What init or start said. */
static inline int rig_boot(rig *b)
{
    dura_gate_hooks h = rig_hooks;
    h.user = b;
    memset(&b->ram, 0xA5, sizeof b->ram.arena + sizeof b->ram.object);
    memset(&b->ram.gate, 0, sizeof b->ram - offsetof(rig_ram, gate));
    b->ram.candidate = RIG_ELSEWHERE;
    b->now.mono_ns = 0;
    b->crypto.mac = b->no_mac ? NULL : rig_mac;
    int rc = dura_gate_init(&b->ram.gate, b->ram.object, sizeof b->ram.object, &b->cfg, &h, &b->port);
    b->ram.started = rc == DURA_OK ? dura_gate_start(b->ram.gate) : rc;
    return b->ram.started;
}

/* Power went and came back. */
static inline void rig_reboot(rig *b, int mode, uint64_t seed)
{
    for (uint32_t i = 0; i < 3; i++)
        dt_flash_reboot(&b->region[i].flash, mode, seed + i);
    dt_power_on(&b->power);
    b->power.fail_at = 0;
}

/* ---- releases --------------------------------------------------------------------- */

/* A brain of `vectors` golden vectors, two inputs, one output. */
static inline void rig_brain(rig *b, float bias, uint32_t vectors)
{
    uint8_t *p = b->image;
    uint32_t golden = 16 + vectors * 12, len = (56 + golden + 7) & ~7u;
    memset(p, 0, sizeof b->image);
    memcpy(p, "DBRN", 4);
    durai_put16(p + 4, 1);
    durai_put16(p + 6, 2);
    durai_put32(p + 8, len);
    durai_put32(p + 16, DURA_BRAIN_MODEL);
    durai_put32(p + 20, 48);
    durai_put32(p + 24, 8);
    durai_put32(p + 32, DURA_BRAIN_GOLDEN);
    durai_put32(p + 36, 56);
    durai_put32(p + 40, golden);
    memcpy(p + 48, "MODL", 4);
    durai_put32(p + 52, durai_f32_bits(bias));
    durai_put32(p + 56, vectors);
    durai_put16(p + 60, 2);
    durai_put16(p + 62, 1);
    durai_put32(p + 64, durai_f32_bits(0.001f));
    for (uint32_t v = 0; v < vectors; v++) {
        float x[3] = {(float)v, (float)v + 1.0f, (float)v + 0.5f + bias};
        for (uint32_t i = 0; i < 3; i++)
            durai_put32(p + 72 + 12 * v + 4 * i, durai_f32_bits(x[i]));
    }
    b->image_len = len;
    durai_put32(p + 12, durai_crc32c(durai_crc32c(0, p, 12), p + 16, len - 16));
}

/* The image with a section of parts, whose rows are given: part, first byte of the digest. */
static inline void rig_bind(rig *b, const uint32_t (*rows)[2], uint32_t n)
{
    uint8_t *p = b->image;
    uint32_t golden = durai_le32(p + 40), at = (72 + golden + 7) & ~7u, len = (at + 36 * n + 7) & ~7u;
    memmove(p + 64, p + 48, 8 + golden); /* room for one more row of the table */
    memset(p + 72 + golden, 0, len - 72 - golden);
    durai_put16(p + 6, 3);
    durai_put32(p + 8, len);
    durai_put32(p + 20, 64);
    durai_put32(p + 36, 72);
    durai_put32(p + 48, DURA_BRAIN_PARTS);
    durai_put32(p + 52, at);
    durai_put32(p + 56, 36 * n);
    durai_put32(p + 60, 0);
    for (uint32_t i = 0; i < n; i++) {
        durai_put32(p + at + 36 * i, rows[i][0]);
        p[at + 36 * i + 4] = (uint8_t)rows[i][1];
    }
    b->image_len = len;
    durai_put32(p + 12, durai_crc32c(durai_crc32c(0, p, 12), p + 16, len - 16));
}

static inline dura_release rig_release(const rig *b, uint8_t component, uint64_t version)
{
    dura_release r = DURA_RELEASE_INIT;
    r.component = component;
    r.version = version;
    r.floor_ = version;
    r.length = component == DURA_COMPONENT_BRAIN ? b->image_len : 1234;
    if (component == DURA_COMPONENT_BRAIN)
        rig_digest(r.digest, b->image, b->image_len);
    else
        memset(r.digest, (int)(0x50 + version), 32);
    memcpy(r.device, "press-7", 8);
    memcpy(r.name, "test", 5);
    return r;
}

static inline void rig_text(durai_cbor *c, uint64_t key, const char *s)
{
    if (s[0])
        durai_cbor_ktext(c, key, s, strlen(s));
}

/* Written apart from the host's encoder. Absent: zeros. */
static inline size_t rig_payload(const dura_release *r, uint8_t *out, size_t cap)
{
    static const uint8_t none[32];
    int policy = memcmp(r->policy, none, 32) != 0;
    durai_cbor c;
    int evidence = memcmp(r->evidence, none, 32) != 0, data = memcmp(r->data, none, 32) != 0;
    uint32_t needs = (r->need_max[1] ? 1u : 0u) + (r->need_max[2] ? 1u : 0u) + (r->need_max[3] ? 1u : 0u);
    durai_cbor_init(&c, out, cap);
    durai_cbor_map(&c, 7u + (r->name[0] != 0) + (size_t)policy + (r->not_before_s != 0) + (r->not_after_s != 0) +
                           (size_t)(r->probation_frames != 0) + (needs != 0) + (size_t)evidence + (r->practices != 0) +
                           (r->flags != 0) + (r->metric != 0) + (size_t)data);
    durai_cbor_kuint(&c, 1, 1);
    durai_cbor_kuint(&c, 2, r->component);
    durai_cbor_kuint(&c, 3, r->version);
    durai_cbor_kuint(&c, 4, r->floor_);
    durai_cbor_kbytes(&c, 5, r->digest, 32);
    durai_cbor_kuint(&c, 6, r->length);
    durai_cbor_ktext(&c, 7, r->device, strlen(r->device));
    rig_text(&c, 8, r->name);
    if (policy)
        durai_cbor_kbytes(&c, 9, r->policy, 32);
    if (r->not_before_s)
        durai_cbor_kint(&c, 10, r->not_before_s);
    if (r->not_after_s)
        durai_cbor_kint(&c, 11, r->not_after_s);
    if (r->probation_frames)
        durai_cbor_kuint(&c, 12, r->probation_frames);
    if (needs) {
        durai_cbor_uint(&c, 13);
        durai_cbor_array(&c, 3u * needs);
    }
    for (uint32_t k = 1; k < DURA_COMPONENTS; k++)
        if (r->need_max[k]) {
            durai_cbor_uint(&c, k);
            durai_cbor_uint(&c, r->need_min[k]);
            durai_cbor_uint(&c, r->need_max[k]);
        }
    if (evidence)
        durai_cbor_kbytes(&c, 14, r->evidence, 32);
    if (r->practices)
        durai_cbor_kuint(&c, 15, r->practices);
    if (r->flags)
        durai_cbor_kuint(&c, 16, r->flags);
    if (r->metric)
        durai_cbor_kuint(&c, 17, r->metric);
    if (data)
        durai_cbor_kbytes(&c, 18, r->data, 32);
    return c.len;
}

/* The envelope of any payload and type, signed by the keys whose numbers are given; a
 * number above 99 is a wrong signature under key number - 100. */
static inline void rig_envelope_of(rig *b, const char *type, const uint8_t *payload, size_t n, const int *signers, int n_signers)
{
    uint8_t pae[1024], sig[64], id[8] = {1, 2, 3, 4, 5, 6, 7, 8};
    durai_cbor c;
    int head = snprintf((char *)pae, sizeof pae, "DSSEv1 %u %s %u ", (unsigned)strlen(type), type, (unsigned)n);
    memcpy(pae + head, payload, n);
    durai_cbor_init(&c, b->envelope, sizeof b->envelope);
    durai_cbor_map(&c, 3);
    durai_cbor_ktext(&c, 1, type, strlen(type));
    durai_cbor_kbytes(&c, 2, payload, n);
    durai_cbor_uint(&c, 3);
    durai_cbor_array(&c, (size_t)n_signers);
    for (int i = 0; i < n_signers; i++) {
        uint8_t stranger[32];
        memset(stranger, 0xEE, sizeof stranger);
        int k = signers[i] % 100;
        rig_sign(k < RIG_KEYS ? b->key[k].pub : stranger, pae, (size_t)head + n, sig);
        sig[5] ^= signers[i] > 99;
        durai_cbor_map(&c, 2);
        durai_cbor_kbytes(&c, 1, id, 8);
        durai_cbor_kbytes(&c, 2, sig, 64);
    }
    b->envelope_len = c.len;
}

static inline void rig_envelope(rig *b, const dura_release *r)
{
    static const int two[] = {0, 1};
    uint8_t payload[512];
    size_t n = rig_payload(r, payload, sizeof payload);
    rig_envelope_of(b, DURA_RELEASE_TYPE, payload, n, two, 2);
}

/* ---- approvals -------------------------------------------------------------------- */

typedef struct rig_approval {
    uint8_t release[32], policy[32];
    char device[64];
    uint64_t nonce, not_after_s;
} rig_approval;

/* What the device in hand would have to be given. */
static inline rig_approval rig_approval_of(const rig *b)
{
    rig_approval a;
    dura_gate_status s = DURA_GATE_STATUS_INIT;
    if (dura_gate_query(b->ram.gate, &s) != DURA_OK)
        __builtin_trap();
    memset(&a, 0, sizeof a);
    memcpy(a.release, s.release, 32);
    memcpy(a.policy, b->cfg.policy, 32);
    memcpy(a.device, b->cfg.device, strlen(b->cfg.device));
    a.nonce = s.nonce;
    return a;
}

/* Written from docs/formats/release.md. */
static inline size_t rig_approval_payload(const rig_approval *a, uint8_t *out, size_t cap)
{
    durai_cbor c;
    durai_cbor_init(&c, out, cap);
    durai_cbor_map(&c, 5u + (a->not_after_s != 0));
    durai_cbor_kuint(&c, 1, 1);
    durai_cbor_kbytes(&c, 2, a->release, 32);
    durai_cbor_ktext(&c, 3, a->device, strlen(a->device));
    durai_cbor_kuint(&c, 4, a->nonce);
    if (a->not_after_s)
        durai_cbor_kuint(&c, 5, a->not_after_s);
    durai_cbor_kbytes(&c, 6, a->policy, 32);
    return c.len;
}

/* In place of the envelope that is there. What the gate says. */
static inline int rig_approve(rig *b, const rig_approval *a, const int *signers, int n, uint32_t *why)
{
    uint8_t payload[512];
    uint8_t kept[RIG_ENVELOPE];
    size_t len = rig_approval_payload(a, payload, sizeof payload), kept_len = b->envelope_len;
    memcpy(kept, b->envelope, sizeof kept);
    rig_envelope_of(b, DURA_APPROVAL_TYPE, payload, len, signers, n);
    int rc = dura_gate_approve(b->ram.gate, b->envelope, b->envelope_len, &b->now, why);
    memcpy(b->envelope, kept, sizeof kept);
    b->envelope_len = kept_len;
    return rc;
}

static inline int rig_offer(rig *b) { return dura_gate_offer(b->ram.gate, b->envelope, b->envelope_len, &b->now); }

static inline dura_gate_status rig_status(const rig *b)
{
    dura_gate_status s = DURA_GATE_STATUS_INIT;
    if (dura_gate_query(b->ram.gate, &s) != DURA_OK)
        __builtin_trap();
    return s;
}

/* All bytes that are missing, in pieces of `piece`. */
static inline int rig_send(rig *b, size_t piece)
{
    int rc = 0;
    for (uint64_t at = rig_status(b).offset; rc == 0 && at < b->image_len; at = rig_status(b).offset) {
        size_t n = b->image_len - (size_t)at < piece ? b->image_len - (size_t)at : piece;
        rc = dura_gate_write(b->ram.gate, at, b->image + at, n, &b->now);
    }
    return rc;
}

/* Step until the state is reached, it waits, or something fails. The state. */
static inline int rig_until(rig *b, int state)
{
    for (int i = 0; i < 2000; i++) {
        int now = rig_status(b).state;
        if (now == state || b->power.off)
            return now;
        if (dura_gate_step(b->ram.gate, &b->now, 1) < 0 && b->power.off)
            break;
    }
    return rig_status(b).state;
}

static inline int rig_idle_state(int s) { return s == DURA_GATE_IDLE || s >= DURA_GATE_COMMITTED; }

/* A whole update with what is in image and envelope. The state it ended in. */
static inline int rig_update(rig *b)
{
    if (rig_idle_state(rig_status(b).state) && rig_offer(b) != DURA_OK)
        return rig_status(b).state;
    if (rig_status(b).state <= DURA_GATE_STAGING && rig_send(b, 700) != DURA_OK && b->power.off)
        return rig_status(b).state;
    return rig_until(b, DURA_GATE_COMMITTED);
}

static inline void rig_prepare(rig *b, uint64_t version)
{
    rig_brain(b, (float)version, 40);
    dura_release r = rig_release(b, DURA_COMPONENT_BRAIN, version);
    rig_envelope(b, &r);
}

/* Bias of what drives; -1: nothing. */
static inline float rig_drives(const rig *b)
{
    return b->ram.started == DURA_EDENIED && b->ram.drives == 0 ? -1.0f : b->ram.bias[b->ram.drives];
}

#endif
