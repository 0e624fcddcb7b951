/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The same frames under the same demo seed give the same bytes everywhere: both logs with
 * their Ed25519 seals, and every field of every decision. The digests below were printed
 * by x86-64 gcc -O0; this test runs on x86-64 (gcc and clang, -O0 to -O3), i386, s390x
 * (big-endian) and a Cortex-M4 under QEMU, and compares.
 *
 * A digest changes only with the log format, the sensor's or the guard's rules: then all
 * targets are run again and CHANGELOG says so under ABI.
 */
#include "dt.h"
#include "sim/dt_box.h"

#include <dura/host/crypto.h>
#include <sodium.h>

#include "../src/guard/dura_guard_priv.h"

#define FRAMES 400
#define SEGMENTS 40u

/* The plain guard, and one that asks for features, drift, correlation and updates. */
static const struct wanted {
    const char *row;
    const char *answers, *decision, *security;
    int all;
} wanted[] = {
    {"plain", "8663b9543b248c9726b12125a05b90801844c365c274ae8ede48b8ff4bb8bd8c",
     "fbdda3e18d63242cf452dc86120fe2b0146aadb855bc96bf331b48ac32b0669b", "a33bea618319d40177f3568bd68b8c2d03fe1bf6e82be5eac2aaa4eeb11df19c", 0},
    {"everything", "0ebf8d0d1eade2c601ad39c0055db5fe2b92e7663073732189f1220bb3e4d1ac", "cc0e2182e0fcdede052f6ffbaa61617863e95b66e0526c11a82cddc3913a041e", "d8ddf657634c89d4efeb608bf4defc841794ff5b1d44fc1c80ca47ce2f88d064", 1},
};

static uint64_t flash_mem[DT_BOX_FLASH(SEGMENTS) / 8];
static uint64_t guard_mem[DT_BOX_GUARD / 8];
static dt_box box;
static dura_sodium keys;

/* A small linear model as a vendor would write it. */
static int32_t linear(void *user, const float *in, size_t n_in, float *out, size_t n_out)
{
    static const float w[8] = {0.31f, -0.17f, 0.9f, 0.05f, -0.41f, 0.27f, 0.13f, 0.6f};
    (void)user;
    for (size_t o = 0; o < n_out; o++) {
        float y = 1.5f * (float)o;
        for (size_t i = 0; i < n_in; i++)
            y += w[(i + o) % 8] * in[i];
        out[o] = y;
    }
    return 0;
}

static dura_fn model = DURA_FN_INIT;

static void build(int all)
{
    static const uint8_t seed[32] = "identity test, provisioning key";
    uint8_t pub[32], secret[64], body[96], pae[160], sig[64], rec[256] = {0}, p[32], m[32], log_seed[32];
    dt_spec s;
    dt_spec_init(&s);
    s.channels = 8;
    s.outputs = 2;
    s.checks = DURA_CHECK_TIME | DURA_CHECK_FINITE | DURA_CHECK_RANGE | DURA_CHECK_RATE | DURA_CHECK_FLAT;
    s.lo = -20.0f;
    s.hi = 60.0f;
    s.rate_fail = 3000.0f;
    s.flat_fail_ms = 150;
    s.max_age_ms = 30;
    s.hold_channel_ms = 40;
    s.hold_ms = 50;
    s.recover_frames = 3;
    s.out_rate = 120.0f;
    s.out_hi = 45.0f;
    s.seal_records = 64;
    s.commit_records = 7;
    if (all) {
        s.features = 1;
        s.correlate = 1;
        s.quiet_ms = 300;
        s.relations = 1;
        s.arl0 = 2000;
        s.ref = 12.0f;
        s.slot_bytes = DT_BOX_SLOT;
    }
    dt_box_init(&box, &s, flash_mem, SEGMENTS, guard_mem);
    dt_eq(crypto_sign_seed_keypair(pub, secret, seed), 0, "keypair");
    box.image_len = dt_policy_image(&s, pub, box.image);
    model.n_inputs = (uint16_t)(all ? 16 : 8);
    model.n_outputs = 2;
    model.call = linear;
    box.model.backend = dura_backend_fn();
    box.model.config = &model;
    box.model.image = "org.dura.identity-test 1";
    box.model.image_len = 24;
    dura_sha256_query(p, box.image, box.image_len);
    dura_sha256_query(m, box.model.image, (size_t)box.model.image_len);
    size_t n = durai_factory_body(body, sizeof body, p, m, 1);
    size_t np = durai_factory_pae(pae, sizeof pae, body, n);
    dt_eq(crypto_sign_detached(sig, NULL, pae, np, secret), 0, "sign");
    size_t nr = (durai_factory_wrap(rec, sizeof rec, body, n, sig) + 7u) & ~(size_t)7u;
    dt_eq(box.region[2].erase(box.region[2].user, 0, 1024), 0, "erase");
    dt_eq(box.region[2].prog(box.region[2].user, 0, rec, nr), 0, "prog");
    dura_sha256_query(log_seed, "dura demo key: public, never for production", 43);
    dt_eq(dura_sodium_init(&keys, log_seed, 0, log_seed, NULL, NULL), DURA_OK, "provider");
    box.port.crypto = &keys.crypto;
}

static void hash_u64(dura_sha256 *h, uint64_t v)
{
    uint8_t b[8];
    durai_put64(b, v);
    dura_sha256_update(h, b, sizeof b);
}

static void hash_decision(dura_sha256 *h, const dura_decision *d)
{
    hash_u64(h, d->frame);
    hash_u64(h, (uint64_t)d->action << 24 | (uint64_t)d->mode << 16 | (uint64_t)d->verdict << 8 | d->n_outputs);
    hash_u64(h, (uint64_t)d->reasons << 32 | d->sensor_reasons);
    hash_u64(h, d->worst_channel);
    for (uint16_t i = 0; i < d->n_outputs; i++)
        hash_u64(h, (uint64_t)durai_f32_bits(d->proposed[i]) << 32 | durai_f32_bits(d->output[i]));
}

/* Somebody logs in and writes a parameter, now and then. */
static void say_event(uint64_t n, const dura_time *t)
{
    uint8_t pairs[96];
    durai_cbor c;
    dura_log_entry e;
    durai_cbor_init(&c, pairs, sizeof pairs);
    durai_cbor_ktext(&c, 16, n % 180 == 30 ? "access" : "config", 6);
    durai_cbor_ktext(&c, 17, n % 180 == 30 ? "login_failed" : "param_write", n % 180 == 30 ? 12 : 11);
    durai_cbor_kuint(&c, 20, 7);
    durai_cbor_ktext(&c, 21, "kim", 3);
    durai_cbor_kuint(&c, 26, n % 2);
    memset(&e, 0, sizeof e);
    e.struct_size = sizeof e;
    e.log = DURA_LOG_SECURITY;
    e.kind = DURA_REC_EVENT;
    e.source = DURA_NONE;
    e.n_pairs = 5;
    e.time = *t;
    dt_eq(dura_guard_event(box.guard, &e, pairs, c.len), DURA_OK, "event %u", (unsigned)n);
}

static void run(dura_sha256 *answers)
{
    dt_sensor sensor;
    static const dt_fault faults[] = {
        {DT_STUCK, 0, 0, 40, 70, 0},      {DT_SPIKE, 1, 9, 80, 120, 70.0f}, {DT_NAN, 2, 0, 130, 134, 0},
        {DT_DROPOUT, 3, 0, 140, 147, 0},  {DT_DRIFT, 4, 0, 160, 200, 1.5f}, {DT_TIME_REVERSED, 0, 0, 220, 222, 35e6f},
        {DT_TIME_REPEATED, 0, 0, 240, 241, 0}, {DT_INF, 5, 0, 260, 262, -1.0f},
    };
    dt_sensor_init(&sensor, 8, 2026);
    for (size_t i = 0; i < sizeof faults / sizeof faults[0]; i++)
        dt_eq(dt_sensor_fault(&sensor, &faults[i]), 0, "fault %zu", i);
    for (uint64_t n = 0; n < FRAMES; n++) {
        float v[8];
        uint8_t missing[8];
        dura_frame f = DURA_FRAME_INIT;
        dura_decision d = DURA_DECISION_INIT;
        f.time.mono_ns = dt_sensor_next(&sensor, v, missing);
        f.time.wall_ns = 1767225600000000000 + f.time.mono_ns;
        f.time.wall_err_us = 500;
        f.time.quality = DURA_CLOCK_SYNCED;
        f.frame = n;
        f.n = 8;
        f.source = 2;
        f.values = v;
        f.missing = missing;
        dt_eq(dura_guard_step(box.guard, &f, &d), DURA_OK, "frame %u", (unsigned)n);
        hash_decision(answers, &d);
        if (n % 90 == 30)
            say_event(n, &f.time);
        if (n == 300)
            dt_eq(dura_guard_override(box.guard, DURA_OVERRIDE_STOP, "operator", "test of the stop", &f.time), 0, "stop");
        if (n == 310)
            dt_eq(dura_guard_override(box.guard, DURA_OVERRIDE_RELEASE, "operator", "done", &f.time), 0, "release");
        dt_ok(dura_guard_idle(box.guard, &f.time, 25) >= 0, "idle");
    }
}

static void expect(const uint8_t digest[32], const char *want, const char *what)
{
    char hex[65];
    hex[durai_hex(hex, digest, 32)] = 0;
    dt_ok(strcmp(hex, want) == 0, "%s: %s wanted %s", what, hex, want);
}

DT_TEST(identity, the_same_bytes_and_answers_on_every_target)
{
    for (size_t r = 0; r < sizeof wanted / sizeof wanted[0]; r++) {
        const struct wanted *w = &wanted[r];
        uint8_t digest[32];
        dura_sha256 answers;
        dura_log_status st = DURA_LOG_STATUS_INIT;
        dura_time end = {0};
        build(w->all);
        int rc = dt_box_boot(&box);
        dt_eq(rc, DURA_OK, "%s: boot: %s", w->row, dura_strerror(rc));
        dura_sha256_init(&answers);
        run(&answers);
        if (w->all) {
            dura_incident i = DURA_INCIDENT_INIT;
            dt_eq(dura_guard_incident(box.guard, &i), DURA_OK, "there was an incident");
            dt_ok(i.n_evidence > 1, "");
        }
        end.mono_ns = 1000000000000;
        dt_eq(dura_guard_deinit(box.guard, &end, NULL, 0, 0), DURA_OK, "%s: deinit", w->row);
        dt_eq(dura_guard_log(box.guard, &st), DURA_OK, "status");
        dt_eq(st.dropped, 0, "%s: nothing dropped", w->row);
        dt_ok(st.epoch > 4, "epochs %u", (unsigned)st.epoch);
        dura_sha256_final(&answers, digest);
        expect(digest, w->answers, "answers");
        dura_sha256_query(digest, box.flash[1].live, (size_t)st.end[1]);
        expect(digest, w->decision, "decision log");
        dura_sha256_query(digest, box.flash[0].live, (size_t)st.end[0]);
        expect(digest, w->security, "security log");
    }
}
