/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Making, signing and reading releases on a computer: what is made is what the core takes,
 * DSSE JSON goes both ways, and the check says what the device would.
 */
#include "dt.h"

#include <dura/host/keys.h>
#include <dura/host/pack.h>
#include <dura/host/release.h>

#include "gate_rig.h"

static const char model_json[] = "{\"dura_model\":1,\"kind\":\"linear\",\"inputs\":[\"a\",\"b\"],\"outputs\":"
                                 "[{\"name\":\"y\",\"bias\":1,\"weights\":[0.5,0.25]}]}";
static const char policy_head[] = "{\"dura_policy\":1,\"device\":{\"name\":\"press-7\",\"mode\":\"enforce\"},\"channels\":"
                                  "[{\"name\":\"a\",\"fail_lo\":-9,\"fail_hi\":9},{\"name\":\"b\",\"fail_lo\":-9,"
                                  "\"fail_hi\":9}],\"outputs\":[{\"name\":\"y\",\"lo\":-50,\"hi\":50,\"safe\":0}]";

/* A model, a brain of it, a release of that, two keys. */
typedef struct desk {
    void *model, *policy, *brain;
    size_t model_len, policy_len, brain_len;
    dura_golden golden;
    dura_release release;
    uint8_t seed[2][32], pub[2][32];
    uint8_t envelope[DURA_RELEASE_MAX];
    size_t len;
    dura_error err;
} desk;

static void pack_policy(desk *d, const char *more)
{
    char text[2048];
    snprintf(text, sizeof text, "%s%s}", policy_head, more);
    dura_pack_deinit(d->policy);
    dt_eq(dura_pack_policy(text, strlen(text), "p", &d->policy, &d->policy_len, &d->err), DURA_OK, "%s", d->err.text);
}

static void open_desk(desk *d)
{
    static const float in[] = {1, 2, -3, 4, 0, 0};
    memset(d, 0, sizeof *d);
    dt_eq(dura_pack_model(model_json, sizeof model_json - 1, "m", &d->model, &d->model_len, &d->err), DURA_OK);
    pack_policy(d, "");
    dt_eq(dura_golden_from(&d->golden, d->model, d->model_len, in, 3, 1e-6f, 0.0f, &d->err), DURA_OK);
    dt_eq(dura_brain_make(d->model, d->model_len, &d->golden, &d->brain, &d->brain_len, &d->err), DURA_OK);
    d->release = (dura_release)DURA_RELEASE_INIT;
    d->release.component = DURA_COMPONENT_BRAIN;
    d->release.version = 7;
    d->release.floor_ = 3;
    d->release.length = d->brain_len;
    dura_sha256_query(d->release.digest, d->brain, d->brain_len);
    dura_sha256_query(d->release.policy, d->policy, d->policy_len);
    memcpy(d->release.device, "press-7", 8);
    for (uint8_t k = 0; k < 2; k++) {
        uint8_t sig[64];
        memset(d->seed[k], 0x40 + k, 32);
        dura_keyfile_sign(d->seed[k], "", 0, sig, d->pub[k]);
    }
}

static void close_desk(desk *d)
{
    dura_golden_deinit(&d->golden);
    dura_pack_deinit(d->model);
    dura_pack_deinit(d->policy);
    dura_pack_deinit(d->brain);
}

static void wrap(desk *d, int signers)
{
    uint8_t payload[DURA_RELEASE_PAYLOAD_MAX];
    size_t n = sizeof payload;
    dt_eq(dura_release_encode(&d->release, payload, &n, &d->err), DURA_OK, "%s", d->err.text);
    d->len = sizeof d->envelope;
    dt_eq(dura_envelope_make(payload, n, d->envelope, &d->len), DURA_OK);
    for (int k = 0; k < signers; k++)
        dt_eq(dura_envelope_sign(d->envelope, &d->len, sizeof d->envelope, d->seed[k]), DURA_OK);
}

static void two_keys(const desk *d, dura_gate_key keys[2])
{
    memset(keys, 0, 2 * sizeof *keys);
    for (uint8_t k = 0; k < 2; k++) {
        memcpy(keys[k].pub, d->pub[k], 32);
        keys[k].role = (uint8_t)(DURA_ROLE_VENDOR + k);
    }
}

static int verified(const desk *d, uint32_t threshold, dura_release *out, uint32_t *why)
{
    dura_sodium s;
    dura_gate_key keys[2];
    two_keys(d, keys);
    *out = (dura_release)DURA_RELEASE_INIT;
    dt_eq(dura_sodium_init(&s, NULL, 0, NULL, NULL, NULL), DURA_OK);
    int rc = dura_release_verify(d->envelope, d->len, &s.crypto, keys, 2, threshold, 0, out, why);
    dura_sodium_deinit(&s);
    return rc;
}

/* ---- golden vectors and brains ----------------------------------------------------------- */

DT_TEST(host_golden, records_what_the_model_answers)
{
    desk d;
    open_desk(&d);
    static const float want[] = {1, 2, 2, -3, 4, 0.5f, 0, 0, 1};
    dt_eq(d.golden.n, 3);
    dt_eq(d.golden.n_inputs, 2);
    dt_eq(d.golden.n_outputs, 1);
    dt_mem(d.golden.values, want, sizeof want);
    close_desk(&d);
}

DT_TEST(host_golden, random_ones_repeat_and_cover_signs_and_sizes)
{
    desk d;
    dura_golden a = DURA_GOLDEN_INIT, b = DURA_GOLDEN_INIT;
    uint32_t negative = 0, small = 0, large = 0;
    open_desk(&d);
    dt_eq(dura_golden_random(&a, d.model, d.model_len, 1, 500, 0, 0, &d.err), DURA_OK);
    dt_eq(dura_golden_random(&b, d.model, d.model_len, 1, 500, 0, 0, &d.err), DURA_OK);
    dt_mem(a.values, b.values, 500 * 3 * sizeof(float));
    dura_golden_deinit(&b);
    dt_eq(dura_golden_random(&b, d.model, d.model_len, 2, 500, 0, 0, &d.err), DURA_OK);
    dt_ok(memcmp(a.values, b.values, 500 * 3 * sizeof(float)) != 0);
    for (uint32_t i = 0; i < 1000; i++) {
        float x = a.values[i / 2 * 3 + i % 2], size = x < 0 ? -x : x;
        dt_ok(size >= 0.0009f && size <= 10001.0f);
        negative += x < 0;
        small += size < 0.1f;
        large += size > 100.0f;
    }
    dt_ok(negative > 300 && negative < 700 && small > 100 && large > 100);
    dura_golden_deinit(&a);
    dura_golden_deinit(&b);
    close_desk(&d);
}

DT_TEST(host_golden, refuses_what_proves_nothing)
{
    desk d;
    dura_golden g = DURA_GOLDEN_INIT;
    float in[2] = {1, 2};
    open_desk(&d);
    dt_eq(dura_golden_from(&g, d.model, d.model_len, in, 0, 0, 0, &d.err), DURA_EINVAL, "none");
    dt_eq(dura_golden_from(&g, d.model, d.model_len, in, DURA_GOLDEN_MAX + 1, 0, 0, &d.err), DURA_EINVAL, "too many");
    dt_eq(dura_golden_from(&g, d.model, d.model_len, in, 1, -1, 0, &d.err), DURA_EINVAL, "negative tolerance");
    dt_eq(dura_golden_from(&g, d.model, d.model_len, in, 1, 0, durai_f32(0x7F800000u), &d.err), DURA_EINVAL, "endless");
    dt_eq(dura_golden_from(&g, d.model, d.model_len, NULL, 1, 0, 0, &d.err), DURA_EINVAL, "no inputs");
    dt_eq(dura_golden_from(&g, d.model, 8, in, 1, 0, 0, &d.err), DURA_ECORRUPT, "no model");
    in[1] = durai_f32(0x7FC00000u);
    dt_eq(dura_golden_from(&g, d.model, d.model_len, in, 1, 0, 0, &d.err), DURA_EINVAL, "input NaN");
    dt_str(d.err.text, "input 1 of golden vector 0 is not finite");
    in[0] = in[1] = 3.4e38f;
    dt_eq(dura_golden_from(&g, d.model, d.model_len, in, 1, 0, 0, &d.err), DURA_OK, "large, and finite");
    dura_golden_deinit(&g);
    dura_golden_deinit(NULL);
    close_desk(&d);
}

DT_TEST(host_brain, holds_the_model_as_it_is_and_every_vector)
{
    desk d;
    const void *p;
    size_t n;
    open_desk(&d);
    dt_eq(dura_brain_check(d.brain, d.brain_len), DURA_OK);
    dt_eq(dura_brain_section(d.brain, d.brain_len, DURA_BRAIN_MODEL, &p, &n), DURA_OK);
    dt_eq(n, d.model_len);
    dt_mem(p, d.model, n);
    dt_eq(dura_brain_section(d.brain, d.brain_len, DURA_BRAIN_GOLDEN, &p, &n), DURA_OK);
    dt_eq(n, 16 + 3 * 3 * 4);
    dt_eq(durai_le32((const uint8_t *)p + 16 + 4 * 5), durai_f32_bits(0.5f));
    void *image = &d;
    d.golden.n = 0;
    dt_eq(dura_brain_make(d.model, d.model_len, &d.golden, &image, &n, NULL), DURA_EINVAL);
    dt_ok(image == NULL);
    d.golden.n = 3;
    d.golden.abs_tol = -1.0f;
    dt_eq(dura_brain_make(d.model, d.model_len, &d.golden, &image, &n, NULL), DURA_EINVAL);
    close_desk(&d);
}

/* ---- payloads and envelopes -------------------------------------------------------------- */

DT_TEST(host_release, writes_what_the_core_reads_byte_for_byte_as_the_rig_does)
{
    desk d;
    uint8_t a[512], b[512];
    dura_release out = DURA_RELEASE_INIT;
    open_desk(&d);
    for (uint32_t bits = 0; bits < 32; bits++) {
        dura_release r = d.release;
        if (bits & 1)
            memcpy(r.name, "a \"name\"", 9);
        if (bits & 2)
            memset(r.policy, 0, 32);
        r.not_before_s = bits & 4 ? 1000 : 0;
        r.not_after_s = bits & 8 ? 70000 : 0;
        r.probation_frames = bits & 16 ? 5 : 0;
        size_t n = sizeof a, want = rig_payload(&r, b, sizeof b);
        dt_eq(dura_release_encode(&r, a, &n, &d.err), DURA_OK, "%u", bits);
        dt_eq(n, want, "%u", bits);
        dt_mem(a, b, n, "%u", bits);
        dt_eq(dura_release_decode(a, n, &out), DURA_OK, "%u", bits);
        dt_mem(&out, &r, sizeof r, "%u", bits);
        size_t less = n - 1;
        dt_eq(dura_release_encode(&r, a, &less, &d.err), DURA_ENOSPC);
        dt_eq(less, n);
    }
    close_desk(&d);
}

DT_TEST(host_release, names_the_field_no_device_would_take)
{
    static const struct { const char *field; size_t off, width; uint64_t value; } rows[] = {
        {"component", offsetof(dura_release, component), 1, 9},
        {"version", offsetof(dura_release, version), 8, 0},
        {"floor", offsetof(dura_release, floor_), 8, 8},
        {"length", offsetof(dura_release, length), 8, 0},
        {"device", offsetof(dura_release, device), 1, 0},
        {"not_after", offsetof(dura_release, not_before_s), 8, 1u << 31},
        {"not_after", offsetof(dura_release, not_after_s), 8, UINT64_MAX},
        {"probation", offsetof(dura_release, probation_frames), 4, UINT32_MAX},
        {"device or name", offsetof(dura_release, device), 1, 9},
    };
    desk d;
    uint8_t a[512];
    open_desk(&d);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        dura_release r = d.release;
        size_t n = sizeof a;
        r.not_after_s = 5000;
        rig_poke((uint8_t *)&r + rows[i].off, rows[i].value, rows[i].width);
        dt_eq(dura_release_encode(&r, a, &n, &d.err), DURA_EINVAL, "%s", rows[i].field);
        dt_str(d.err.field, rows[i].field);
    }
    close_desk(&d);
}

DT_TEST(host_envelope, is_signed_once_by_each_key_and_verified_by_the_core)
{
    desk d;
    dura_release out;
    uint32_t why, n;
    const void *p;
    size_t len;
    uint8_t id[8], want[8], sig[64];
    open_desk(&d);
    wrap(&d, 2);
    dt_eq(verified(&d, 2, &out, &why), DURA_OK);
    dt_mem(&out, &d.release, sizeof out);
    dt_eq(dura_envelope_sign(d.envelope, &d.len, sizeof d.envelope, d.seed[1]), DURA_ESTATE);
    dt_eq(dura_envelope_open(d.envelope, d.len, &p, &len, &n), DURA_OK);
    dt_eq(n, 2);
    for (uint32_t i = 0; i < 2; i++) {
        dt_eq(dura_envelope_signature(d.envelope, d.len, i, id, sig), DURA_OK);
        dura_envelope_key_id(want, d.pub[i]);
        dt_mem(id, want, 8);
    }
    dt_eq(dura_envelope_signature(d.envelope, d.len, 2, id, sig), DURA_ENOENT);
    d.envelope[60] ^= 1;
    dt_eq(verified(&d, 2, &out, &why), DURA_EAUTH);
    dt_eq(why, DURA_WHY_SIGNATURE | DURA_WHY_THRESHOLD);
    wrap(&d, 1);
    dt_eq(verified(&d, 2, &out, &why), DURA_EAUTH);
    dt_eq(why, DURA_WHY_THRESHOLD);
    close_desk(&d);
}

/* RFC 8032 5.1.7: S is below the order L of the group. S + L solves the same equation. */
DT_TEST(host_envelope, a2_a_signature_has_one_encoding)
{
    static const uint8_t order[32] = {0xED, 0xD3, 0xF5, 0x5C, 0x1A, 0x63, 0x12, 0x58, 0xD6, 0x9C, 0xF7, 0xA2, 0xDE, 0xF9,
                                      0xDE, 0x14, [31] = 0x10};
    desk d;
    dura_release out;
    uint32_t why, carry = 0;
    open_desk(&d);
    wrap(&d, 1);
    dt_eq(verified(&d, 1, &out, &why), DURA_OK);
    uint8_t *s = d.envelope + d.len - 32;
    for (int i = 0; i < 32; i++) {
        carry += (uint32_t)s[i] + order[i];
        s[i] = (uint8_t)carry;
        carry >>= 8;
    }
    dt_eq(carry, 0);
    dt_eq(verified(&d, 1, &out, &why), DURA_EAUTH);
    dt_eq(why, DURA_WHY_SIGNATURE | DURA_WHY_THRESHOLD);
    memset(s - 32, 0, 64); /* R of small order, S zero */
    s[-32] = 1;
    dt_eq(verified(&d, 1, &out, &why), DURA_EAUTH);
    close_desk(&d);
}

DT_TEST(host_envelope, a9_takes_as_many_signatures_as_a_device_reads)
{
    desk d;
    int rc = DURA_OK, n = 0;
    open_desk(&d);
    wrap(&d, 0);
    size_t empty = d.len;
    for (; rc == DURA_OK; n++) {
        memset(d.seed[0], n, 32);
        rc = dura_envelope_sign(d.envelope, &d.len, sizeof d.envelope, d.seed[0]);
    }
    dt_eq(rc, DURA_ELIMIT);
    dt_eq(n - 1, (DURA_RELEASE_MAX - (int)empty) / 78);
    dt_ok(d.len <= DURA_RELEASE_MAX);
    dt_eq(dura_envelope_sign(d.envelope, &empty, empty + 77, d.seed[0]), DURA_ECORRUPT, "bytes behind");
    wrap(&d, 0);
    dt_eq(dura_envelope_sign(d.envelope, &d.len, d.len + 77, d.seed[0]), DURA_ENOSPC);
    close_desk(&d);
}

DT_TEST(host_envelope, goes_through_dsse_json_and_back)
{
    desk d;
    char *text;
    size_t n, len;
    uint8_t again[DURA_RELEASE_MAX];
    open_desk(&d);
    for (int signers = 0; signers <= 2; signers++) {
        wrap(&d, signers);
        dt_eq(dura_envelope_json(d.envelope, d.len, &text, &n), DURA_OK);
        dt_eq(strlen(text), n);
        dt_eq(dura_envelope_from_json(text, n, "j", again, sizeof again, &len, &d.err), DURA_OK, "%s", d.err.text);
        dt_eq(len, d.len);
        dt_mem(again, d.envelope, len);
        dt_eq(dura_envelope_from_json(text, n, "j", again, len - 1, &len, &d.err), DURA_ENOSPC);
        dura_pack_deinit(text);
    }
    close_desk(&d);
}

DT_TEST(host_envelope, a14_reads_json_as_dsse_says_and_no_other)
{
    static const char sig[] = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
#define TYPE "\"payloadType\":\"application/vnd.dura.release+cbor\""
    static const struct { const char *row, *text; int rc; } rows[] = {
        {"URL-safe, no padding", "{\"payload\":\"_-8\"," TYPE ",\"signatures\":[]}", DURA_OK},
        {"standard, padded", "{\"payload\":\"/+8=\"," TYPE ",\"signatures\":[]}", DURA_OK},
        {"unknown members", "{\"x\":{},\"payload\":\"_-8\"," TYPE ",\"signatures\":[],\"y\":1}", DURA_OK},
        {"no payload", "{" TYPE ",\"signatures\":[]}", DURA_EINVAL},
        {"payload is a number", "{\"payload\":5," TYPE ",\"signatures\":[]}", DURA_EINVAL},
        {"both alphabets", "{\"payload\":\"_+8=\"," TYPE ",\"signatures\":[]}", DURA_EINVAL},
        {"another type", "{\"payload\":\"_-8\",\"payloadType\":\"application/vnd.in-toto+json\",\"signatures\":[]}", DURA_EINVAL},
        {"no signatures", "{\"payload\":\"_-8\"," TYPE "}", DURA_EINVAL},
        {"payload twice", "{\"payload\":\"_-8\",\"payload\":\"_-9\"," TYPE ",\"signatures\":[]}", DURA_ESYNTAX},
        {"bytes behind", "{\"payload\":\"_-8\"," TYPE ",\"signatures\":[]} x", DURA_ESYNTAX},
        {"a short signature", "{\"payload\":\"_-8\"," TYPE ",\"signatures\":[{\"sig\":\"AAAA\"}]}", DURA_EINVAL},
        {"a signature that is a text", "{\"payload\":\"_-8\"," TYPE ",\"signatures\":[\"AAAA\"]}", DURA_EINVAL},
        {"no object", "[]", DURA_EINVAL},
    };
    uint8_t out[DURA_RELEASE_MAX], id[8], s[64];
    size_t n;
    char text[512];
    dura_error err;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        dt_eq(dura_envelope_from_json(rows[i].text, strlen(rows[i].text), "j", out, sizeof out, &n, &err), rows[i].rc,
              "%s", rows[i].row);
    static const char *const ids[] = {"", "\"keyid\":\"zz\",", "\"keyid\":\"00112233445566778899\",", "\"keyid\":null,"};
    for (size_t i = 0; i < 4; i++) {
        snprintf(text, sizeof text, "{\"payload\":\"_-8\"," TYPE ",\"signatures\":[{%s\"sig\":\"%s\"}]}", ids[i], sig);
        dt_eq(dura_envelope_from_json(text, strlen(text), "j", out, sizeof out, &n, &err), DURA_OK, "%s", err.text);
        dt_eq(dura_envelope_signature(out, n, 0, id, s), DURA_OK);
        dt_eq(id[1], i == 2 ? 0x11 : 0, "a key id is a hint");
    }
#undef TYPE
}

DT_TEST(host_release, is_described_for_people_and_machines)
{
    desk d;
    char *text;
    size_t n;
    open_desk(&d);
    memcpy(d.release.name, "a \"name\"", 9);
    d.release.not_after_s = 86400;
    dt_eq(dura_release_describe(&d.release, 0, &text, &n), DURA_OK);
    dt_ok(strstr(text, "brain 7 (a \"name\")\n") == text);
    dt_ok(strstr(text, "until     1970-01-02T00:00:00Z") != NULL);
    dura_pack_deinit(text);
    dt_eq(dura_release_describe(&d.release, 1, &text, &n), DURA_OK);
    dt_ok(strstr(text, "\"name\":\"a \\\"name\\\"\"") != NULL, "%s", text);
    dt_ok(strstr(text, "\"not_before\":null,\"not_after\":\"1970-01-02T00:00:00Z\"") != NULL);
    dt_ok(strstr(text, "\"version\":\"7\"") != NULL);
    dura_pack_deinit(text);
    dt_eq(dura_release_describe(NULL, 0, &text, &n), DURA_EINVAL);
    close_desk(&d);
}

/* ---- approvals ----------------------------------------------------------------------------- */

DT_TEST(host_approval, is_made_signed_and_read_again)
{
    uint8_t payload[DURA_RELEASE_PAYLOAD_MAX], envelope[DURA_RELEASE_MAX], again[DURA_RELEASE_MAX], seed[32] = {7};
    size_t n = sizeof payload, len = sizeof envelope, size = 0, room;
    const void *p;
    char *text;
    dura_error err = {0};
    uint32_t signers;
    dura_approval a = DURA_APPROVAL_INIT, out = DURA_APPROVAL_INIT;
    a.nonce = 1234567890123u;
    a.not_after_s = 86400;
    memset(a.release, 0xAB, 32);
    memset(a.policy, 0xCD, 32);
    memcpy(a.device, "press \"7\"", 10);
    dt_eq(dura_approval_encode(&a, payload, &n, &err), DURA_OK, "%s", err.text);
    dt_eq(dura_approval_decode(payload, n, &out), DURA_OK);
    dt_mem(&a, &out, sizeof a);
    dt_eq(dura_approval_make(payload, n, envelope, &len), DURA_OK);
    dt_mem(envelope + 4, DURA_APPROVAL_TYPE, 33);
    dt_eq(dura_approval_check(envelope, len), 1);
    dt_eq(dura_envelope_sign(envelope, &len, sizeof envelope, seed), DURA_OK);
    dt_eq(dura_envelope_sign(envelope, &len, sizeof envelope, seed), DURA_ESTATE, "signed already");
    dt_eq(dura_envelope_open(envelope, len, &p, &room, &signers), DURA_OK);
    dt_ok(room == n && signers == 1 && memcmp(p, payload, n) == 0);
    dt_eq(dura_envelope_json(envelope, len, &text, &room), DURA_OK);
    dt_ok(strstr(text, "\"payloadType\":\"" DURA_APPROVAL_TYPE "\"") != NULL, "%s", text);
    dt_eq(dura_envelope_from_json(text, room, "x", again, sizeof again, &size, &err), DURA_OK, "%s", err.text);
    dt_ok(size == len && memcmp(again, envelope, len) == 0, "and back");
    dura_pack_deinit(text);
    dt_eq(dura_approval_describe(&a, 0, &text, &room), DURA_OK);
    dt_ok(strstr(text, "attempt   1234567890123\n") && strstr(text, "until     1970-01-02T00:00:00Z\n"), "%s", text);
    dt_eq(strlen(text), room);
    dura_pack_deinit(text);
    dt_eq(dura_approval_describe(&a, 1, &text, &room), DURA_OK);
    dt_ok(strstr(text, "\"device\":\"press \\\"7\\\"\"") && strstr(text, "\"not_after\":\"1970-01-02T00:00:00Z\"}"), "%s", text);
    dura_pack_deinit(text);
}

DT_TEST(host_approval, refuses_what_no_device_takes)
{
    uint8_t payload[DURA_RELEASE_PAYLOAD_MAX];
    size_t n = sizeof payload;
    dura_error err = {0};
    dura_approval good = DURA_APPROVAL_INIT, a, out = DURA_APPROVAL_INIT;
    good.nonce = 1;
    memcpy(good.device, "press-7", 8);
    dt_eq(dura_approval_encode(&good, payload, &n, &err), DURA_OK);
    size_t room = n - 1;
    dt_eq(dura_approval_encode(&good, payload, &room, &err), DURA_ENOSPC);
    dt_eq(room, n);
    for (size_t cut = 0; cut < n; cut++)
        dt_ok(dura_approval_decode(payload, cut, &out) < 0 && out.nonce == 0, "cut at %zu", cut);
    dt_eq(dura_approval_decode(NULL, n, &out), DURA_EINVAL);
    dt_eq(dura_approval_check(payload, n), DURA_ECORRUPT);
    for (int i = 0; i < 5; i++) {
        static const char *const field[] = {"nonce", "not_after", "not_after", "device", "device"};
        a = good;
        room = sizeof payload;
        if (i == 0)
            a.nonce = 0;
        if (i == 1 || i == 2)
            a.not_after_s = i == 1 ? -1 : 9223372037;
        if (i >= 3)
            memcpy(a.device, i == 3 ? "*\0" : "a\n", 3);
        dt_eq(dura_approval_encode(&a, payload, &room, &err), DURA_EINVAL, "%d", i);
        dt_str(err.field, field[i], "%d", i);
    }
    dt_eq(dura_approval_encode(NULL, payload, &room, &err), DURA_EINVAL);
}

DT_TEST(host_words, every_bit_state_component_and_role_has_one)
{
    for (uint32_t bit = 0; bit < 31; bit++)
        for (uint32_t other = 0; other < bit; other++)
            dt_ok(dura_why_name(1u << bit) && strcmp(dura_why_name(1u << bit), dura_why_name(1u << other)) != 0);
    dt_ok(dura_why_name(1u << 31) == NULL && dura_why_text(0) == NULL);
    for (uint32_t bit = 32; bit < 44; bit++)
        dt_ok(dura_why_name(UINT64_C(1) << bit) && dura_why_text(UINT64_C(1) << bit), "%u", (unsigned)bit);
    dt_str(dura_why_name((uint64_t)DURA_WHY2_MACHINE << 32), "machine");
    dt_ok(dura_why_name(UINT64_C(1) << 44) == NULL);
    for (uint32_t bit = 0; bit < 28; bit++) {
        const char *name = dura_practice_name(UINT64_C(1) << bit);
        dt_ok(name && dura_practice_bit(name) == UINT64_C(1) << bit, "practice %u", bit);
    }
    dt_str(dura_practice_name(DURA_PRACTICE_SVV_4 | DURA_PRACTICE_A_9_4), "SVV-4", "the lowest");
    dt_str(dura_practice_name(DURA_PRACTICE_A_7_5), "A.7.5");
    dt_ok(dura_practice_name(1u << 28) == NULL && dura_practice_bit("SVV-6") == 0 && dura_practice_bit(NULL) == 0);
    dt_str(dura_gate_state_name(DURA_GATE_PROBATION), "probation");
    dt_str(dura_gate_state_name(DURA_GATE_SAFE), "safe");
    dt_str(dura_gate_state_name(8), "?");
    dt_str(dura_gate_state_name(99), "?");
    for (uint8_t i = 1; i < 4; i++)
        dt_eq(dura_component_number(dura_component_name(i)), i);
    for (uint8_t i = 1; i < 5; i++)
        dt_eq(dura_role_number(dura_role_name(i)), i);
    dt_eq(dura_role_number("?"), 0);
    dt_eq(dura_component_number(NULL), 0);
}

/* ---- what the device will say ---------------------------------------------------------------- */

DT_TEST(host_check, reads_the_policy_as_the_guard_does)
{
    desk d;
    dura_gate_config c;
    dura_gate_key keys[DURA_GATE_KEYS_MAX];
    uint32_t slot;
    open_desk(&d);
    dt_eq(dura_release_policy(d.policy, d.policy_len, &c, keys, &slot), DURA_ENOENT);
    pack_policy(&d, ",\"updates\":{\"slot_bytes\":4096,\"window_begin\":60,\"window_minutes\":5,\"min_clock\":\"synced\"}");
    dt_eq(dura_release_policy(d.policy, d.policy_len, &c, keys, &slot), DURA_OK);
    dt_eq(c.n_keys, 1);
    dt_mem(keys[0].pub, dura_dev_public_key(), 32);
    dt_eq(keys[0].role, DURA_ROLE_VENDOR);
    dt_eq(slot, 4096);
    dt_eq(c.window_begin, 60);
    dt_eq(c.min_clock, DURA_CLOCK_SYNCED);
    dt_str(c.device, "press-7");
    dt_ok(dura_gate_bytes(&c) > 0, "the gate takes it as it is");
    pack_policy(&d, ",\"updates\":{\"slot_bytes\":4096,\"window_begin\":60,\"window_minutes\":5,\"must_finish_min\":3,"
                    "\"window_days\":[\"tue\"],\"window_zone\":\"AEST-10AEDT,M10.1.0,M4.1.0/3\"}");
    dt_eq(dura_release_policy(d.policy, d.policy_len, &c, keys, &slot), DURA_OK);
    dt_ok(c.calendar.utc_minutes == 600 && c.calendar.dst_minutes == 60 && c.calendar.days == 4 && c.calendar.must_finish == 3);
    dt_ok(c.calendar.begin.minute == 120 && c.calendar.begin.month == 10 && c.calendar.begin.week == 1 && c.calendar.begin.day == 0);
    dt_ok(c.calendar.end.minute == 180 && c.calendar.end.month == 4 && c.calendar.end.week == 1 && c.calendar.end.day == 0);
    dt_ok(dura_gate_bytes(&c) > 0, "the gate takes it as it is");
    pack_policy(&d, ",\"updates\":{\"slot_bytes\":0}");
    dt_eq(dura_release_policy(d.policy, d.policy_len, &c, keys, &slot), DURA_OK);
    dt_eq(c.components, 1u << DURA_COMPONENT_BOX | 1u << DURA_COMPONENT_POLICY);
    dt_eq(dura_release_policy("x", 1, &c, keys, &slot), DURA_ECORRUPT);
    dt_eq(dura_release_policy(NULL, 1, &c, keys, &slot), DURA_EINVAL);
    close_desk(&d);
}

/* Spoil the brain after it was made, and sign what came out. */
static void spoil(desk *d, size_t at, uint32_t value)
{
    uint8_t *p = d->brain;
    durai_put32(p + at, value);
    durai_put32(p + 12, durai_crc32c(durai_crc32c(0, p, 12), p + 16, d->brain_len - 16));
    dura_sha256_query(d->release.digest, d->brain, d->brain_len);
}

/* zdump -v says of Sydney in 2026: summer time to 2026-04-04T16:00Z and from 2026-10-03T16:00Z. */
DT_TEST(host_check, says_when_the_window_opens_next)
{
    static const struct { const char *row; int64_t now, opens, closes; } rows[] = {
        {"before Tuesday 2026-03-31 01:00 AEDT", 1774879199, 1774879200, 1774882800 - 3600 + 120},
        {"in it", 1774879201, 1774879201, 1774879320},
        {"too little of it is left: 2026-04-07 01:00 AEST", 1774879320, 1775487600, 1775487720}};
    desk d;
    dura_gate_config c;
    dura_gate_key keys[DURA_GATE_KEYS_MAX];
    uint32_t slot;
    int64_t opens, closes;
    open_desk(&d);
    pack_policy(&d, ",\"updates\":{\"slot_bytes\":4096,\"window_begin\":60,\"window_minutes\":5,\"must_finish_min\":3,"
                    "\"window_days\":[\"tue\"],\"window_zone\":\"AEST-10AEDT,M10.1.0,M4.1.0/3\"}");
    dt_eq(dura_release_policy(d.policy, d.policy_len, &c, keys, &slot), DURA_OK);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        dt_eq(dura_release_window(&c, rows[i].now, &opens, &closes), DURA_OK, "%s", rows[i].row);
        dt_eq(opens, rows[i].opens, "%s", rows[i].row);
        dt_eq(closes, rows[i].closes, "%s", rows[i].row);
    }
    c.calendar.must_finish = 5;
    dt_eq(dura_release_window(&c, 1774879199, &opens, &closes), DURA_ENOENT, "never for long enough");
    c.window_minutes = 0;
    dt_eq(dura_release_window(&c, 77, &opens, &closes), DURA_OK);
    dt_ok(opens == 77 && closes == 77, "no window");
    dt_eq(dura_release_window(&c, -1, &opens, &closes), DURA_EINVAL);
    dt_eq(dura_release_window(&c, INT64_MAX, &opens, &closes), DURA_EINVAL);
    dt_eq(dura_release_window(&c, 1, NULL, &closes), DURA_EINVAL);
    dt_eq(dura_release_window(&c, 1, &opens, NULL), DURA_EINVAL);
    dt_eq(dura_release_window(NULL, 1, &opens, &closes), DURA_EINVAL);
    c.window_begin = 1440;
    dt_eq(dura_release_window(&c, 1, &opens, &closes), DURA_EINVAL);
    close_desk(&d);
}

DT_TEST(host_check, says_every_condition_that_is_not_met)
{
    desk d;
    dura_gate_config c;
    dura_gate_key keys[DURA_GATE_KEYS_MAX];
    uint32_t slot;
    open_desk(&d);
    pack_policy(&d, ",\"updates\":{\"slot_bytes\":4096,\"window_begin\":60,\"window_minutes\":5}");
    dt_eq(dura_release_policy(d.policy, d.policy_len, &c, keys, &slot), DURA_OK);
    memcpy(d.release.policy, c.policy, 32);
    d.release.not_before_s = 86400;
    d.release.not_after_s = 3 * 86400;
    dura_release r = d.release;
#define CHECK(now) dura_release_check(&r, &c, d.policy, d.policy_len, d.brain, d.brain_len, slot, now, &d.err)
    dt_eq(CHECK(86400 + 3600), 0, "%s", d.err.text);
    dt_eq(CHECK(86400 + 3599), DURA_WHY_WINDOW);
    dt_eq(CHECK(86400 + 3900), DURA_WHY_WINDOW);
    dt_eq(CHECK(3600), DURA_WHY_NOT_YET);
    dt_eq(CHECK(3 * 86400 + 3600), DURA_WHY_EXPIRED);
    dt_eq(CHECK(0), DURA_WHY_CLOCK);
    c.require = DURA_PRACTICE_SVV_3 | DURA_PRACTICE_A_7_5;
    r.practices = DURA_PRACTICE_SVV_3;
    dt_eq(CHECK(86400 + 3900), DURA_WHY_WINDOW | (uint64_t)DURA_WHY2_EVIDENCE << 32);
    r.practices |= DURA_PRACTICE_A_7_5 | DURA_PRACTICE_A_9_4;
    dt_eq(CHECK(86400 + 3900), DURA_WHY_WINDOW);
    r.flags = DURA_RELEASE_EMERGENCY;
    dt_eq(CHECK(86400 + 3900), 0, "an emergency waits for no window");
    r.flags = 0;
    r.struct_size = (uint32_t)offsetof(dura_release, evidence);
    dt_eq(CHECK(90000), (uint64_t)DURA_WHY2_EVIDENCE << 32, "an older struct shows nothing");
    c.require = 0;
    r = d.release;
    memcpy(r.device, "*", 2);
    dt_eq(CHECK(90000), 0);
    memcpy(r.device, "other", 6);
    r.policy[0] ^= 1;
    r.length = 4097;
    dt_eq(CHECK(90000), DURA_WHY_DEVICE | DURA_WHY_POLICY | DURA_WHY_SIZE | DURA_WHY_INCOMPLETE | DURA_WHY_DIGEST);
    r = d.release;
    r.component = DURA_COMPONENT_BOX;
    dt_eq(CHECK(90000), 0, "firmware is not opened");
    c.components = 1u << DURA_COMPONENT_BRAIN;
    dt_eq(CHECK(90000), DURA_WHY_COMPONENT);
    size_t vectors = ((48 + d.model_len + 7) & ~(size_t)7) + 16;
    spoil(&d, vectors + 8, durai_f32_bits(2.1f));
    r = d.release;
    dt_eq(CHECK(90000), DURA_WHY_GOLDEN);
    dt_ok(strstr(d.err.text, "golden vector 0") != NULL, "%s", d.err.text);
    spoil(&d, 32, 64);
    r = d.release;
    dt_eq(CHECK(90000), DURA_WHY_GOLDEN, "without golden vectors");
    spoil(&d, 48, 0);
    r = d.release;
    dt_ok(CHECK(90000) & (DURA_WHY_OPEN | DURA_WHY_GOLDEN));
    dt_eq(dura_release_check(&r, &c, d.policy, d.policy_len, NULL, 0, slot, 90000, NULL), 0, "subject not at hand");
    dt_eq(dura_release_check(NULL, &c, NULL, 0, NULL, 0, 0, 0, NULL), DURA_WHY_FORMAT);
#undef CHECK
    close_desk(&d);
}

/* ---- end to end, with true signatures and hashes --------------------------------------------- */

typedef struct world {
    rig box;
    dura_sodium sodium;
    dura_gate_key keys[2];
    uint64_t inst[64];
    dura_fn fn;
    dura_model model;
} world;

static int true_open(void *user, const void *model, size_t len)
{
    world *w = user;
    size_t bytes, align;
    w->fn = (dura_fn)DURA_FN_INIT;
    w->model = (dura_model)DURA_MODEL_INIT;
    int rc = dura_model_open(&w->model, &w->fn, model, len);
    if (rc == DURA_OK)
        rc = w->model.backend->mem_req(w->model.config, model, len, &bytes, &align);
    if (rc == DURA_OK && bytes <= sizeof w->inst)
        rc = w->model.backend->open(w->inst, w->model.config, model, len);
    w->box.ram.candidate = 1;
    return rc;
}

static int true_run(void *user, const float *in, size_t n_in, float *out, size_t n_out)
{
    world *w = user;
    return w->model.backend->run(w->inst, in, n_in, out, n_out, 0);
}

/* The hooks of the rig, but for the model: rig is the first member. */
static int start_world(world *w, const desk *d)
{
    dura_gate_hooks h = rig_hooks;
    static const uint8_t device[32] = {9};
    rig_init(&w->box);
    h.user = w;
    h.open = true_open;
    h.run = true_run;
    dt_eq(dura_sodium_init(&w->sodium, NULL, 0, device, NULL, NULL), DURA_OK);
    two_keys(d, w->keys);
    w->box.cfg.keys = w->keys;
    w->box.cfg.n_keys = 2;
    w->box.cfg.roles = 1u << DURA_ROLE_VENDOR | 1u << DURA_ROLE_OPERATOR;
    memcpy(w->box.cfg.policy, d->release.policy, 32);
    w->box.port.crypto = &w->sodium.crypto;
    w->box.ram.candidate = RIG_ELSEWHERE;
    int rc = dura_gate_init(&w->box.ram.gate, w->box.ram.object, sizeof w->box.ram.object, &w->box.cfg, &h, &w->box.port);
    return rc == DURA_OK ? dura_gate_start(w->box.ram.gate) : rc;
}

DT_TEST(host_release, made_here_runs_there)
{
    static world w;
    desk d;
    dura_journal_info info;
    open_desk(&d);
    wrap(&d, 2);
    dt_eq(start_world(&w, &d), 0);
    memcpy(w.box.envelope, d.envelope, d.len);
    w.box.envelope_len = d.len;
    memcpy(w.box.image, d.brain, d.brain_len);
    w.box.image_len = d.brain_len;
    dt_eq(rig_offer(&w.box), DURA_OK);
    dt_eq(rig_send(&w.box, 100), DURA_OK);
    dt_eq(rig_until(&w.box, DURA_GATE_COMMITTED), DURA_GATE_COMMITTED);
    memset(&info, 0, sizeof info);
    info.struct_size = sizeof info;
    dt_eq(dura_journal_query(w.box.region[0].flash.live, RIG_JOURNAL, &info), DURA_OK);
    dt_eq(info.status.state, DURA_GATE_COMMITTED);
    dt_eq(info.status.slot, 1);
    dt_eq(info.status.version[DURA_COMPONENT_BRAIN], 7);
    dt_eq(info.status.floor_[DURA_COMPONENT_BRAIN], 3);
    dt_eq(info.status.seq, rig_status(&w.box).seq);
    dt_eq(info.slot_version[0], 7);
    dt_mem(info.status.digest, d.release.digest, 32);
    dt_mem(info.candidate_digest, d.release.digest, 32);
    dt_eq(info.wall_s, 1700000000);
    dt_ok(info.records >= 2);
    dt_eq(dura_journal_query(w.box.region[0].flash.live, 100, &info), DURA_ENOENT);
    dt_eq(dura_journal_query(NULL, 100, &info), DURA_EINVAL);
    info.struct_size = 8;
    dt_eq(dura_journal_query(w.box.region[0].flash.live, RIG_JOURNAL, &info), DURA_EINVAL);
    dura_sodium_deinit(&w.sodium);
    close_desk(&d);
}

DT_TEST(host_release, says_the_state_of_a_patch_in_the_words_of_its_standard)
{
    static const struct { uint8_t state; uint32_t why, why2; const char *word; } rows[] = {
        {DURA_GATE_IDLE, 0, 0, NULL}, {DURA_GATE_SAFE, DURA_WHY_STORAGE, 0, NULL}, {DURA_GATE_RECEIVED, 0, 0, "available"},
        {DURA_GATE_STAGING, 0, 0, "available"}, {DURA_GATE_STAGED, 0, 0, "in_internal_test"},
        {DURA_GATE_ACCEPTED, 0, 0, "in_internal_test"}, {DURA_GATE_ARMED, DURA_WHY_APPROVALS | DURA_WHY_WINDOW, 0, "in_internal_test"},
        {DURA_GATE_ARMED, DURA_WHY_WINDOW, 0, "authorized"}, {DURA_GATE_ARMED, 0, DURA_WHY2_MACHINE, "authorized"},
        {DURA_GATE_ARMED, 0, 0, "effective"}, {DURA_GATE_ACTIVATING, 0, 0, "effective"}, {DURA_GATE_PROBATION, 0, 0, "effective"},
        {DURA_GATE_COMMITTED, 0, 0, "installed"}, {DURA_GATE_ROLLED_BACK, DURA_WHY_DISAGREE, 0, "not_authorized"},
        {DURA_GATE_REJECTED, DURA_WHY_DEVICE, 0, "not_applicable"}, {DURA_GATE_REJECTED, DURA_WHY_JUMP, 0, "not_applicable"},
        {DURA_GATE_REJECTED, DURA_WHY_THRESHOLD, 0, "not_approved"}, {DURA_GATE_REJECTED, DURA_WHY_GOLDEN, 0, "not_authorized"},
        {DURA_GATE_REJECTED, DURA_WHY_ABORTED, 0, "not_authorized"}, {DURA_GATE_REJECTED, 0, DURA_WHY2_EVIDENCE, "not_authorized"}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        dura_gate_status s = DURA_GATE_STATUS_INIT;
        s.state = rows[i].state;
        s.why = rows[i].why;
        s.why2 = rows[i].why2;
        const char *word = dura_gate_patch_state(&s);
        dt_ok(rows[i].word ? word && strcmp(word, rows[i].word) == 0 : !word, "row %zu: %s", i, word ? word : "none");
    }
    dt_ok(dura_gate_patch_state(NULL) == NULL, "");
}
