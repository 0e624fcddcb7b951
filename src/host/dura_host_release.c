/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Makes what the gate reads: brain images with golden vectors, releases, envelopes,
 * signatures. Whatever is made is checked with the core's own reader before it is handed
 * out, so that what leaves a desk is what a device takes.
 */
#include <dura/host/keys.h>
#include <dura/host/pack.h>
#include <dura/host/release.h>

#include <sodium.h>
#include <stdlib.h>

#include "../gate/dura_gate_priv.h"
#include "dura_host_release_priv.h"

#define RELEASE_V1 ((uint32_t)offsetof(dura_release, need_min))

enum { BRAIN_HEAD = 48, GOLDEN_HEAD = 16, RANDOM_DECADES = 7 };

/* ---- golden vectors ------------------------------------------------------------------ */

int durai_bench_open(durai_bench *b, const void *image, size_t len)
{
    dura_fn fn = DURA_FN_INIT;
    dura_model m = DURA_MODEL_INIT;
    dura_backend_io io = DURA_BACKEND_IO_INIT;
    size_t bytes, align;
    memset(b, 0, sizeof *b);
    b->fn = fn;
    b->model = m;
    int rc = dura_model_open(&b->model, &b->fn, image, len);
    if (rc == DURA_OK)
        rc = b->model.backend->mem_req(b->model.config, image, len, &bytes, &align);
    if (rc != DURA_OK)
        return rc;
    b->inst = malloc(bytes ? bytes : 1);
    if (!b->inst)
        return DURA_ENOSPC;
    rc = b->model.backend->open(b->inst, b->model.config, image, len);
    if (rc == DURA_OK)
        rc = b->model.backend->io(b->inst, &io);
    b->n_in = io.n_inputs;
    b->n_out = io.n_outputs;
    if (rc != DURA_OK)
        durai_bench_close(b);
    return rc;
}

void durai_bench_close(durai_bench *b)
{
    if (b->inst && b->model.backend->close)
        b->model.backend->close(b->inst);
    free(b->inst);
    b->inst = NULL;
}

static int tolerable(float tol) { return durai_finite(tol) && tol >= 0.0f; }

/* One vector: inputs are there, answers come behind them. */
static int answer(durai_bench *b, float *v, uint32_t row, dura_error *err)
{
    for (uint32_t i = 0; i < b->n_in; i++)
        if (!durai_finite(v[i]))
            return dura_error_set(err, DURA_EINVAL, NULL, 0, NULL, "input %u of golden vector %u is not finite", i, row);
    int rc = b->model.backend->run(b->inst, v, b->n_in, v + b->n_in, b->n_out, 0);
    if (rc != DURA_OK)
        return dura_error_set(err, rc, NULL, 0, NULL, "the model fails on golden vector %u", row);
    for (uint32_t o = 0; o < b->n_out; o++)
        if (!durai_finite(v[b->n_in + o]))
            return dura_error_set(err, DURA_EINVAL, NULL, 0, NULL,
                                  "the model's output %u is not finite on golden vector %u", o, row);
    return DURA_OK;
}

typedef float (*input_of)(void *user, uint64_t i);

static int golden_of(dura_golden *out, durai_bench *b, input_of input, void *user, uint32_t n, dura_error *err)
{
    size_t width = (size_t)b->n_in + b->n_out;
    int rc = DURA_OK;
    out->values = calloc((size_t)n * width, sizeof *out->values);
    if (!out->values)
        return dura_error_set(err, DURA_ENOSPC, NULL, 0, NULL, "no memory for %u golden vectors", n);
    out->n = n;
    out->n_inputs = b->n_in;
    out->n_outputs = b->n_out;
    for (uint32_t row = 0; row < n && rc == DURA_OK; row++) {
        float *v = out->values + row * width;
        for (uint32_t i = 0; i < b->n_in; i++)
            v[i] = input(user, (uint64_t)row * b->n_in + i);
        rc = answer(b, v, row, err);
    }
    return rc;
}

static int golden_make(dura_golden *out, const void *model, size_t len, input_of input, void *user, uint32_t n,
                       float abs_tol, float rel_tol, dura_error *err)
{
    durai_bench b;
    if (!out || !model || n < 1 || n > DURA_GOLDEN_MAX || !tolerable(abs_tol) || !tolerable(rel_tol))
        return dura_error_set(err, DURA_EINVAL, NULL, 0, NULL,
                              "want 1 to %u golden vectors and tolerances of at least 0", DURA_GOLDEN_MAX);
    memset(out, 0, sizeof *out);
    out->struct_size = (uint32_t)sizeof *out;
    out->abs_tol = abs_tol;
    out->rel_tol = rel_tol;
    int rc = durai_bench_open(&b, model, len);
    if (rc != DURA_OK)
        return dura_error_set(err, rc, NULL, 0, NULL, "the model does not open: %s", dura_strerror(rc));
    rc = golden_of(out, &b, input, user, n, err);
    durai_bench_close(&b);
    if (rc != DURA_OK)
        dura_golden_deinit(out);
    return rc;
}

static float given_input(void *user, uint64_t i) { return ((const float *)user)[i]; }

/* splitmix64: sign, decade and mantissa of one input. */
static float random_input(void *user, uint64_t i)
{
    uint64_t z = *(const uint64_t *)user + (i + 1) * 0x9E3779B97F4A7C15u;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    z ^= z >> 31;
    float f = 0.001f * (1.0f + 9.0f * (float)(z & 0xFFFF) / 65536.0f);
    for (uint64_t decade = (z >> 16) % RANDOM_DECADES; decade > 0; decade--)
        f *= 10.0f;
    return z >> 63 ? -f : f;
}

int dura_golden_from(dura_golden *out, const void *model, size_t model_len, const float *inputs, uint32_t n,
                     float abs_tol, float rel_tol, dura_error *err)
{
    if (!inputs)
        return dura_error_set(err, DURA_EINVAL, NULL, 0, NULL, "there are no inputs");
    return golden_make(out, model, model_len, given_input, (void *)(uintptr_t)inputs, n, abs_tol, rel_tol, err);
}

int dura_golden_random(dura_golden *out, const void *model, size_t model_len, uint64_t seed, uint32_t n, float abs_tol,
                       float rel_tol, dura_error *err)
{
    return golden_make(out, model, model_len, random_input, &seed, n, abs_tol, rel_tol, err);
}

void dura_golden_deinit(dura_golden *golden)
{
    if (!golden)
        return;
    free(golden->values);
    golden->values = NULL;
    golden->n = 0;
}

/* ---- brain images ---------------------------------------------------------------------- */

static void put_row(uint8_t *p, uint32_t type, size_t off, size_t n)
{
    durai_put32(p, type);
    durai_put32(p + 4, (uint32_t)off);
    durai_put32(p + 8, (uint32_t)n);
}

static void put_golden(uint8_t *p, const dura_golden *g)
{
    size_t n = (size_t)g->n * ((size_t)g->n_inputs + g->n_outputs);
    durai_put32(p, g->n);
    durai_put16(p + 4, g->n_inputs);
    durai_put16(p + 6, g->n_outputs);
    durai_put32(p + 8, durai_f32_bits(g->abs_tol));
    durai_put32(p + 12, durai_f32_bits(g->rel_tol));
    for (size_t i = 0; i < n; i++)
        durai_put32(p + GOLDEN_HEAD + 4 * i, durai_f32_bits(g->values[i]));
}

int dura_brain_make(const void *model, size_t model_len, const dura_golden *golden, void **image, size_t *len,
                    dura_error *err)
{
    if (image)
        *image = NULL;
    if (!model || !model_len || !golden || !golden->values || !golden->n || !image || !len)
        return dura_error_set(err, DURA_EINVAL, NULL, 0, NULL, "want a model and at least one golden vector");
    uint64_t width = (uint64_t)golden->n_inputs + golden->n_outputs;
    uint64_t at = (BRAIN_HEAD + (uint64_t)model_len + 7) & ~(uint64_t)7;
    uint64_t n = GOLDEN_HEAD + 4 * width * golden->n, total = (at + n + 7) & ~(uint64_t)7;
    if (model_len > UINT32_MAX || total > UINT32_MAX)
        return dura_error_set(err, DURA_ELIMIT, NULL, 0, NULL, "the brain would be larger than 4 GiB");
    uint8_t *p = calloc(1, (size_t)total);
    if (!p)
        return dura_error_set(err, DURA_ENOSPC, NULL, 0, NULL, "no memory for the brain");
    memcpy(p, "DBRN", 4);
    durai_put16(p + 4, 1);
    durai_put16(p + 6, 2);
    durai_put32(p + 8, (uint32_t)total);
    put_row(p + 16, DURA_BRAIN_MODEL, BRAIN_HEAD, model_len);
    put_row(p + 32, DURA_BRAIN_GOLDEN, (size_t)at, (size_t)n);
    memcpy(p + BRAIN_HEAD, model, model_len);
    put_golden(p + at, golden);
    durai_put32(p + 12, durai_crc32c(durai_crc32c(0, p, 12), p + 16, (size_t)total - 16));
    durai_golden check;
    int rc = dura_brain_check(p, (size_t)total);
    if (rc == DURA_OK)
        rc = durai_golden_open(&check, p, (size_t)total);
    if (rc != DURA_OK) {
        free(p);
        return dura_error_set(err, DURA_EINVAL, NULL, 0, NULL, "the golden vectors are outside their limits");
    }
    *image = p;
    *len = (size_t)total;
    return DURA_OK;
}

/* ---- payload ------------------------------------------------------------------------------ */

static int set(const uint8_t d[DURA_HASH_BYTES]) { return !sodium_is_zero(d, DURA_HASH_BYTES); }

static uint32_t count_needs(const dura_release *r)
{
    uint32_t n = 0;
    for (uint32_t c = 1; c < DURA_COMPONENTS; c++)
        n += r->need_max[c] != 0;
    return n;
}

static void write_needs(const dura_release *r, durai_cbor *c, uint32_t n)
{
    durai_cbor_uint(c, 13);
    durai_cbor_array(c, 3u * n);
    for (uint32_t other = 1; other < DURA_COMPONENTS; other++)
        if (r->need_max[other]) {
            durai_cbor_uint(c, other);
            durai_cbor_uint(c, r->need_min[other]);
            durai_cbor_uint(c, r->need_max[other]);
        }
}

static size_t write_payload(const dura_release *r, uint8_t *out, size_t cap)
{
    durai_cbor c;
    uint32_t needs = count_needs(r);
    durai_cbor_init(&c, out, cap);
    durai_cbor_map(&c, 7u + (r->name[0] != 0) + (size_t)set(r->policy) + (r->not_before_s != 0) +
                           (r->not_after_s != 0) + (r->probation_frames != 0) + (needs != 0) +
                           (size_t)set(r->evidence) + (r->practices != 0) + (r->flags != 0) + (r->metric != 0) +
                           (size_t)set(r->data));
    durai_cbor_kuint(&c, 1, 1);
    durai_cbor_kuint(&c, 2, r->component);
    durai_cbor_kuint(&c, 3, r->version);
    durai_cbor_kuint(&c, 4, r->floor_);
    durai_cbor_kbytes(&c, 5, r->digest, sizeof r->digest);
    durai_cbor_kuint(&c, 6, r->length);
    durai_cbor_ktext(&c, 7, r->device, strnlen(r->device, sizeof r->device));
    if (r->name[0])
        durai_cbor_ktext(&c, 8, r->name, strnlen(r->name, sizeof r->name));
    if (set(r->policy))
        durai_cbor_kbytes(&c, 9, r->policy, sizeof r->policy);
    if (r->not_before_s)
        durai_cbor_kint(&c, 10, r->not_before_s);
    if (r->not_after_s)
        durai_cbor_kint(&c, 11, r->not_after_s);
    if (r->probation_frames)
        durai_cbor_kuint(&c, 12, r->probation_frames);
    if (needs)
        write_needs(r, &c, needs);
    if (set(r->evidence))
        durai_cbor_kbytes(&c, 14, r->evidence, sizeof r->evidence);
    if (r->practices)
        durai_cbor_kuint(&c, 15, r->practices);
    if (r->flags)
        durai_cbor_kuint(&c, 16, r->flags);
    if (r->metric)
        durai_cbor_kuint(&c, 17, r->metric);
    if (set(r->data))
        durai_cbor_kbytes(&c, 18, r->data, sizeof r->data);
    return c.len;
}

/* A range of another component's versions that a device would refuse. */
static int bad_need(const dura_release *r)
{
    for (uint32_t c = 0; c < DURA_COMPONENTS; c++) {
        uint32_t least = r->need_min[c], most = r->need_max[c];
        if ((most == 0 && least != 0) || least > most || (least == 0 && most == UINT32_MAX) ||
            (most && (c == 0 || c == r->component)))
            return 1;
    }
    return 0;
}

/* The first field the device would refuse. */
static const char *bad_field(const dura_release *r)
{
    if (r->component < 1 || r->component >= DURA_COMPONENTS)
        return "component";
    if (r->version < 1)
        return "version";
    if (r->floor_ > r->version)
        return "floor";
    if (r->length < 1)
        return "length";
    if (!r->device[0] || strnlen(r->device, sizeof r->device) > 63)
        return "device";
    if (strnlen(r->name, sizeof r->name) > 63)
        return "name";
    if (bad_need(r))
        return "requires";
    if (r->practices && !set(r->evidence))
        return "evidence";
    if ((r->flags & ~(uint32_t)DURAI_F_SIGNED) ||
        ((r->flags & DURA_RELEASE_BACK) && (r->component != DURA_COMPONENT_BRAIN || (r->flags & DURA_RELEASE_EMERGENCY))))
        return "flags";
    if (r->metric > DURA_METRIC_ONE || (r->component != DURA_COMPONENT_BRAIN && (r->metric || set(r->data))))
        return "metric";
    return r->not_before_s < 0 || r->not_after_s < 0 || (r->not_after_s && r->not_after_s < r->not_before_s)
               ? "not_after"
           : r->probation_frames > 0x80000000u ? "probation"
                                               : NULL;
}

int dura_release_encode(const dura_release *r, void *payload, size_t *len, dura_error *err)
{
    uint8_t bytes[DURA_RELEASE_PAYLOAD_MAX];
    dura_release again = DURA_RELEASE_INIT, full = DURA_RELEASE_INIT;
    if (!r || !len || durai_struct_in(&full, (uint32_t)sizeof full, r, r->struct_size, RELEASE_V1) != DURA_OK)
        return dura_error_set(err, DURA_EINVAL, NULL, 0, NULL, "there is no release");
    const char *field = bad_field(&full);
    size_t n = field ? 0 : write_payload(&full, bytes, sizeof bytes);
    if (!field && n <= sizeof bytes && dura_release_decode(bytes, n, &again) != DURA_OK)
        field = "device or name";
    if (!field && n > sizeof bytes)
        return dura_error_set(err, DURA_ELIMIT, NULL, 0, "name", "the statement would have %zu bytes, at most %zu fit; shorten it",
                              n, sizeof bytes);
    if (field)
        return dura_error_set(err, DURA_EINVAL, NULL, 0, field, "is outside its range (docs/formats/release.md)");
    size_t room = *len;
    *len = n;
    if (!payload || n > room)
        return DURA_ENOSPC;
    memcpy(payload, bytes, n);
    return DURA_OK;
}

/* ---- envelopes ------------------------------------------------------------------------------ */

int durai_envelope_make(uint32_t kind, const void *payload, size_t n, void *envelope, size_t *len)
{
    static const char *const types[DURAI_KINDS] = {DURA_RELEASE_TYPE, DURA_APPROVAL_TYPE};
    durai_cbor c;
    if (!payload || n < 1 || n > DURA_RELEASE_PAYLOAD_MAX || !len)
        return DURA_EINVAL;
    durai_cbor_init(&c, envelope, envelope ? *len : 0);
    durai_cbor_map(&c, 3);
    durai_cbor_ktext(&c, 1, types[kind], strlen(types[kind]));
    durai_cbor_kbytes(&c, 2, payload, n);
    durai_cbor_uint(&c, 3);
    durai_cbor_array(&c, 0);
    *len = c.len;
    return c.err;
}

int dura_envelope_make(const void *payload, size_t n, void *envelope, size_t *len)
{
    return durai_envelope_make(DURAI_KIND_RELEASE, payload, n, envelope, len);
}

int durai_envelope_append(void *envelope, size_t *len, size_t cap, const uint8_t id[8], const uint8_t sig[DURA_SIG_BYTES])
{
    durai_envelope e;
    durai_cbor c;
    uint8_t *p = envelope;
    if (durai_envelope_open(&e, envelope, *len) != DURA_OK)
        return DURA_ECORRUPT;
    if (e.n == DURAI_SIGNATURES_MAX || *len + DURAI_SIGNATURE > DURA_RELEASE_MAX)
        return DURA_ELIMIT;
    if (cap < *len || cap - *len < DURAI_SIGNATURE)
        return DURA_ENOSPC;
    durai_cbor_init(&c, p + *len, cap - *len);
    durai_cbor_map(&c, 2);
    durai_cbor_kbytes(&c, 1, id, 8);
    durai_cbor_kbytes(&c, 2, sig, DURA_SIG_BYTES);
    DURA_ASSERT(c.err == DURA_OK && c.len == DURAI_SIGNATURE);
    p[e.signatures - 1 - p] = (uint8_t)(0x80 + e.n + 1); /* the array's head */
    *len += c.len;
    return DURA_OK;
}

void dura_envelope_key_id(uint8_t key_id[8], const uint8_t pub[DURA_PUBKEY_BYTES])
{
    uint8_t digest[DURA_HASH_BYTES];
    dura_sha256_query(digest, pub, DURA_PUBKEY_BYTES);
    memcpy(key_id, digest, 8);
}

int dura_envelope_sign_by(void *envelope, size_t *len, size_t cap, dura_signer sign, void *user)
{
    uint8_t pae[DURAI_PAE_MAX], sig[DURA_SIG_BYTES], pub[DURA_PUBKEY_BYTES], id[8];
    durai_envelope e;
    if (!envelope || !len || !sign || durai_envelope_open(&e, envelope, *len) != DURA_OK)
        return DURA_ECORRUPT;
    size_t n = durai_release_pae(pae, sizeof pae, e.kind, e.payload, e.len);
    int rc = sign(user, pae, n, sig, pub);
    if (rc != DURA_OK)
        return rc;
    if (dura_ed25519_verify(pub, pae, n, sig) != DURA_OK)
        return DURA_EAUTH;
    dura_envelope_key_id(id, pub);
    for (uint32_t i = 0; i < e.n; i++)
        if (dura_ed25519_verify(pub, pae, n, e.signatures + (size_t)i * DURAI_SIGNATURE + DURAI_SIGNATURE_SIG) == DURA_OK)
            return DURA_ESTATE;
    return durai_envelope_append(envelope, len, cap, id, sig);
}

int dura_envelope_sign(void *envelope, size_t *len, size_t cap, const uint8_t seed[DURA_SEED_BYTES])
{
    return seed ? dura_envelope_sign_by(envelope, len, cap, dura_keyfile_signer, (void *)(uintptr_t)seed) : DURA_ECORRUPT;
}

int dura_envelope_open(const void *envelope, size_t len, const void **payload, size_t *n, uint32_t *n_signatures)
{
    durai_envelope e;
    if (!envelope || !payload || !n)
        return DURA_EINVAL;
    if (durai_envelope_open(&e, envelope, len) != DURA_OK)
        return DURA_ECORRUPT;
    *payload = e.payload;
    *n = e.len;
    if (n_signatures)
        *n_signatures = e.n;
    return DURA_OK;
}

int dura_envelope_signature(const void *envelope, size_t len, uint32_t i, uint8_t key_id[8], uint8_t sig[DURA_SIG_BYTES])
{
    durai_envelope e;
    if (!envelope || !key_id || !sig)
        return DURA_EINVAL;
    if (durai_envelope_open(&e, envelope, len) != DURA_OK)
        return DURA_ECORRUPT;
    if (i >= e.n)
        return DURA_ENOENT;
    const uint8_t *s = e.signatures + (size_t)i * DURAI_SIGNATURE;
    memcpy(key_id, s + DURAI_SIGNATURE_ID, 8);
    memcpy(sig, s + DURAI_SIGNATURE_SIG, DURA_SIG_BYTES);
    return DURA_OK;
}
