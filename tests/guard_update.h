/* SPDX-License-Identifier: Apache-2.0 */
/*
 * For the tests of updates: a model whose bytes are its behaviour, good or vicious, and
 * signed releases of it. Written from docs/formats/brain.md and release.md, not with the
 * packer's code.
 */
#ifndef GUARD_UPDATE_H
#define GUARD_UPDATE_H

#include "sim/dt_box.h"

#include "../src/base/dura_base_priv.h"

/* ---- a model whose bytes are its behaviour -------------------------------------------- */

/* y = gain * first input + bias; above `limit` it goes wrong the way `vice` says. */
typedef struct scale {
    float gain, bias, limit;
    uint32_t vice;               /* 0 none, 1 far out, 2 NaN, 3 an error, 4 off by half */
} scale;

typedef struct instance {
    scale s;
    uint32_t alive;              /* 0xA11FE while open */
} instance;

static uint32_t ran_dead;        /* runs of an instance that is not open; atomically, where threads run */

static inline int32_t scale_mem(const void *config, const void *image, size_t len, size_t *bytes, size_t *align)
{
    (void)config;
    (void)image;
    *bytes = sizeof(instance);
    *align = 8;
    return len == sizeof(scale) ? DURA_OK : DURA_ECORRUPT;
}

static inline int32_t scale_open(void *inst, const void *config, const void *image, size_t len)
{
    instance *i = inst;
    (void)config;
    (void)len;
    memcpy(&i->s, image, sizeof i->s);
    i->alive = 0xA11FE;
    return DURA_OK;
}

static inline int32_t scale_io(const void *inst, dura_backend_io *out)
{
    (void)inst;
    out->n_inputs = 4;
    out->n_outputs = 1;
    return DURA_OK;
}

static inline int32_t scale_run(void *inst, const float *in, size_t n_in, float *out, size_t n_out, int64_t deadline_ns)
{
    const instance *i = inst;
    (void)n_in;
    (void)n_out;
    (void)deadline_ns;
    if (i->alive != 0xA11FE)
        (void)__atomic_fetch_add(&ran_dead, 1, __ATOMIC_RELAXED);
    out[0] = i->s.gain * in[0] + i->s.bias;
    if (i->s.vice == 0 || in[0] <= i->s.limit)
        return DURA_OK;
    if (i->s.vice == 3)
        return DURA_EIO;
    out[0] = i->s.vice == 1 ? 1e6f : i->s.vice == 2 ? durai_f32(0x7FC00000u) : out[0] + 25.0f;
    return DURA_OK;
}

static inline void scale_close(void *inst) { ((instance *)inst)->alive = 0xDEAD; }

static const dura_backend scale_backend = {sizeof scale_backend, 1, 0, "org.dura.test.scale", "1", scale_mem,
                                           scale_open, scale_io, scale_run, NULL, scale_close, NULL, NULL};

/* ---- releases ------------------------------------------------------------------------- */

static const scale factory = {0.5f, 0.0f, 0.0f, 0};
static uint64_t brain[64], envelope[128];
static size_t brain_len, envelope_len;

/* A brain image around a model, with two golden vectors made by it (docs/formats/brain.md). */
static inline void make_brain(const scale *s)
{
    uint8_t *p = (uint8_t *)brain;
    memset(brain, 0, sizeof brain);
    durai_put32(p, 0x4E524244u);
    durai_put16(p + 4, 1);
    durai_put16(p + 6, 2);
    durai_put32(p + 16, DURA_BRAIN_MODEL);
    durai_put32(p + 20, 48);
    durai_put32(p + 24, sizeof *s);
    durai_put32(p + 32, DURA_BRAIN_GOLDEN);
    durai_put32(p + 36, 64);
    durai_put32(p + 40, 16 + 2 * 5 * 4);
    memcpy(p + 48, s, sizeof *s);
    durai_put32(p + 64, 2);
    durai_put16(p + 68, 4);
    durai_put16(p + 70, 1);
    for (int v = 0; v < 2; v++) {
        uint8_t *at = p + 80 + v * 20;
        float x = (float)v;
        durai_put32(at, durai_f32_bits(x));
        durai_put32(at + 16, durai_f32_bits(s->gain * x + s->bias));
    }
    brain_len = 120;
    durai_put32(p + 8, (uint32_t)brain_len);
    durai_put32(p + 12, durai_crc32c(durai_crc32c(0, p, 12), p + 16, brain_len - 16));
}

static inline void sign(uint8_t component, uint64_t version, uint64_t floor_, const uint8_t digest[32], size_t len)
{
    uint8_t payload[256];
    durai_cbor c;
    durai_cbor_init(&c, payload, sizeof payload);
    durai_cbor_map(&c, 8);
    durai_cbor_kuint(&c, 1, 1);
    durai_cbor_kuint(&c, 2, component);
    durai_cbor_kuint(&c, 3, version);
    durai_cbor_kuint(&c, 4, floor_);
    durai_cbor_kbytes(&c, 5, digest, 32);
    durai_cbor_kuint(&c, 6, len);
    durai_cbor_ktext(&c, 7, "box", 3);
    durai_cbor_ktext(&c, 8, "test", 4);
    envelope_len = dt_box_envelope(payload, c.len, envelope, sizeof envelope);
}

static inline void release_brain(const scale *s, uint64_t version, uint64_t floor_)
{
    dt_sha256 h;
    uint8_t digest[32];
    make_brain(s);
    dt_sha256_init(&h);
    dt_sha256_update(&h, brain, brain_len);
    dt_sha256_final(&h, digest);
    sign(DURA_COMPONENT_BRAIN, version, floor_, digest, brain_len);
}

#endif
