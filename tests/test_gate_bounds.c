/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Both sides of every bound the gate has: the last value it takes and the first it does not,
 * field by field. scripts/check_mutants.py asks for most of these rows: a bound that is moved
 * by one, or lost, must be noticed. The bounds are those of include/dura/gate.h and docs/formats.
 */
#include "dt.h"
#include "gate_rig.h"

#include "gate/dura_gate_priv.h"

static rig box;

/* ---- brains -------------------------------------------------------------------------- */

/* An image whose only section is golden vectors; nothing of it is checked but their head. */
static int golden(uint32_t n, uint32_t n_in, uint32_t n_out, float abs_tol, float rel_tol, int longer)
{
    static RIG_ALIGNED uint8_t image[65600];
    durai_golden g;
    uint32_t vectors = (uint32_t)((uint64_t)n * 4 * (n_in + n_out)), len = 16 + vectors + (uint32_t)longer;
    memset(image, 0, 64);
    durai_put16(image + 6, 1);
    durai_put32(image + 16, DURA_BRAIN_GOLDEN);
    durai_put32(image + 20, 32);
    durai_put32(image + 24, len);
    durai_put32(image + 32, n);
    durai_put16(image + 36, (uint16_t)n_in);
    durai_put16(image + 38, (uint16_t)n_out);
    durai_put32(image + 40, durai_f32_bits(abs_tol));
    durai_put32(image + 44, durai_f32_bits(rel_tol));
    int rc = durai_golden_open(&g, image, (size_t)32 + len);
    if (rc == DURA_OK)
        dt_ok(g.n == n && g.n_in == n_in && g.n_out == n_out && g.at == image + 48);
    return rc;
}

DT_TEST(gate_bounds, of_golden_vectors)
{
    const float inf = durai_f32(0x7F800000u);
    dt_eq(golden(1, 1, 1, 0.0f, 0.0f, 0), DURA_OK);
    dt_eq(golden(1, 1024, 16, 1.0f, 1.0f, 0), DURA_OK);
    dt_eq(golden(65536, 1, 1, 0.0f, 0.0f, 0), DURA_OK, "the most vectors");
    dt_eq(golden(65537, 1, 1, 0.0f, 0.0f, 0), DURA_ECORRUPT);
    dt_eq(golden(0, 1, 1, 0.0f, 0.0f, 0), DURA_ECORRUPT);
    dt_eq(golden(1, 0, 1, 0.0f, 0.0f, 0), DURA_ECORRUPT);
    dt_eq(golden(1, 1025, 1, 0.0f, 0.0f, 0), DURA_ECORRUPT);
    dt_eq(golden(1, 1, 0, 0.0f, 0.0f, 0), DURA_ECORRUPT);
    dt_eq(golden(1, 1, 17, 0.0f, 0.0f, 0), DURA_ECORRUPT);
    dt_eq(golden(1, 1, 1, -0.5f, 0.0f, 0), DURA_ECORRUPT);
    dt_eq(golden(1, 1, 1, 0.0f, -0.5f, 0), DURA_ECORRUPT);
    dt_eq(golden(1, 1, 1, inf, 0.0f, 0), DURA_ECORRUPT);
    dt_eq(golden(1, 1, 1, 0.0f, inf, 0), DURA_ECORRUPT);
    dt_eq(golden(2, 3, 1, 0.0f, 0.0f, 4), DURA_ECORRUPT, "one float too many");
    dt_eq(golden(2, 3, 1, 0.0f, 0.0f, -4), DURA_ECORRUPT, "one too few");
    dt_eq(golden(1, 1, 1, 0.0f, 0.0f, -9), DURA_ECORRUPT, "no head");
}

DT_TEST(gate_bounds, of_an_answer)
{
    static const struct { float abs_tol, rel_tol, want, got; int right; } rows[] = {
        {0.5f, 0.0f, 1.0f, 1.5f, 1}, {0.5f, 0.0f, 1.0f, 0.5f, 1}, {0.5f, 0.0f, 1.0f, 1.50001f, 0}, {0.5f, 0.0f, 1.0f, 0.49999f, 0},
        {0.0f, 0.5f, -2.0f, -3.0f, 1}, {0.0f, 0.5f, -2.0f, -1.0f, 1}, {0.0f, 0.5f, -2.0f, -3.00001f, 0}, {0.0f, 0.5f, 2.0f, 3.0f, 1},
        {0.25f, 0.25f, 1.0f, 1.5f, 1}, {0.25f, 0.25f, 1.0f, 1.50001f, 0}, {0.0f, 0.0f, 7.0f, 7.0f, 1}, {0.0f, 0.0f, 0.0f, 0.0f, 1},
        {3e38f, 3e38f, 2.0f, 2.0f, 0}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        durai_golden g = {NULL, 1, 1, 1, rows[i].abs_tol, rows[i].rel_tol};
        dt_eq(durai_golden_right(&g, rows[i].got, rows[i].want), rows[i].right, "row %zu", i);
    }
    for (uint32_t bits = 0x7F800000u; bits; bits = bits == 0x7F800000u ? 0xFF800000u : bits == 0xFF800000u ? 0x7FC00000u : 0) {
        durai_golden g = {NULL, 1, 1, 1, 1e30f, 1.0f};
        dt_eq(durai_golden_right(&g, durai_f32(bits), 1.0f), 0, "%lx", (unsigned long)bits);
        dt_eq(durai_golden_right(&g, 1.0f, durai_f32(bits)), 0, "%lx", (unsigned long)bits);
    }
}

/* `n` sections of one byte each from type `first` on. */
static int sections(uint32_t n, uint32_t first)
{
    RIG_ALIGNED uint8_t p[600];
    uint32_t head = 16 + 16 * n, len = head + 8 * n;
    memset(p, 0, sizeof p);
    memcpy(p, "DBRN", 4);
    durai_put16(p + 4, 1);
    durai_put16(p + 6, (uint16_t)n);
    durai_put32(p + 8, len);
    for (uint32_t i = 0; i < n; i++) {
        durai_put32(p + 16 + 16 * i, first + i);
        durai_put32(p + 20 + 16 * i, head + 8 * i);
        durai_put32(p + 24 + 16 * i, 1);
        p[head + 8 * i] = 7;
    }
    durai_put32(p + 12, durai_crc32c(durai_crc32c(0, p, 12), p + 16, len - 16));
    return dura_brain_check(p, len);
}

DT_TEST(gate_bounds, of_a_brain_image)
{
    const void *at;
    size_t n;
    dt_eq(sections(1, 1), DURA_OK);
    dt_eq(sections(2, 1), DURA_OK);
    dt_eq(sections(4, 1), DURA_EVERSION, "type 4");
    dt_eq(sections(1, 63), DURA_EVERSION, "the last that must be known");
    dt_eq(sections(1, 64), DURA_OK, "the first that may be passed over");
    dt_eq(sections(16, 64), DURA_OK, "the most sections");
    dt_eq(sections(17, 64), DURA_ECORRUPT);
    dt_eq(sections(1, 0), DURA_ECORRUPT, "type 0");
    durai_golden g;
    rig_brain(&box, 5.0f, 2);
    durai_put32(box.image + 32, 64);
    dt_eq(durai_golden_open(&g, box.image, box.image_len), DURA_ENOENT);
    rig_brain(&box, 5.0f, 2);
    dt_eq(dura_brain_section(box.image, box.image_len, DURA_BRAIN_GOLDEN, &at, &n), DURA_OK);
    dt_eq(n, 16 + 24);
    dt_eq(dura_brain_section(box.image, 15, DURA_BRAIN_GOLDEN, &at, &n), DURA_EINVAL);
    dt_eq(dura_brain_section(box.image, box.image_len, 3, &at, &n), DURA_ENOENT);
    dt_eq(dura_brain_section(NULL, 64, 1, &at, &n), DURA_EINVAL);
    dt_eq(dura_brain_section(box.image, 64, 1, NULL, &n), DURA_EINVAL);
    dt_eq(dura_brain_section(box.image, 64, 1, &at, NULL), DURA_EINVAL);
}

/* ---- releases ------------------------------------------------------------------------ */

static int decoded(const dura_release *r, dura_release *out)
{
    uint8_t p[512];
    size_t n = rig_payload(r, p, sizeof p);
    *out = (dura_release)DURA_RELEASE_INIT;
    return dura_release_decode(p, n, out);
}

DT_TEST(gate_bounds, of_a_release)
{
    const int64_t last = INT64_MAX / 1000000000;
    dura_release r, out, base;
    rig_init(&box);
    rig_brain(&box, 5.0f, 1);
    base = rig_release(&box, DURA_COMPONENT_BRAIN, 5);
#define TAKEN(field, value, rc) r = base; r.field = value; dt_eq(decoded(&r, &out), rc, #field " %lld", (long long)(value)); \
    dt_ok(rc != DURA_OK || out.field == r.field, #field)
    TAKEN(not_after_s, 1, DURA_OK);
    TAKEN(not_after_s, last, DURA_OK);
    TAKEN(not_after_s, last + 1, DURA_EINVAL);
    TAKEN(not_before_s, last, DURA_OK);
    TAKEN(not_before_s, last + 1, DURA_EINVAL);
    TAKEN(probation_frames, 1, DURA_OK);
    TAKEN(probation_frames, 0x80000000u, DURA_OK);
    TAKEN(probation_frames, 0x80000001u, DURA_EINVAL);
    TAKEN(floor_, 5, DURA_OK);
    TAKEN(floor_, 6, DURA_EINVAL);
    TAKEN(length, 1, DURA_OK);
    TAKEN(component, DURA_COMPONENT_POLICY, DURA_OK);
    TAKEN(component, 4, DURA_EINVAL);
    base.not_before_s = 1000;
    TAKEN(not_after_s, 1000, DURA_OK);
    TAKEN(not_after_s, 999, DURA_EINVAL);
    r = base;
    memset(r.name, 'n', 63);
    memset(r.device, ' ', 63);
    dt_eq(decoded(&r, &out), DURA_OK, "texts of 63 bytes");
    dt_ok(strlen(out.name) == 63 && strlen(out.device) == 63);
    r.name[30] = 0x1F;
    dt_eq(decoded(&r, &out), DURA_ECORRUPT, "the last control character");
    dt_eq(out.version, 0, "half a release is none");
    r.name[30] = 0x7E;
    dt_eq(decoded(&r, &out), DURA_OK);
    r.name[30] = 0x7F;
    dt_eq(decoded(&r, &out), DURA_ECORRUPT);
    r = base;
    r.need_min[1] = r.need_max[1] = 7;
    r.need_min[3] = 0;
    r.need_max[3] = UINT32_MAX - 1;
    dt_eq(decoded(&r, &out), DURA_OK);
    dt_ok(out.need_min[1] == 7 && out.need_max[1] == 7 && out.need_max[3] == UINT32_MAX - 1);
    r.need_min[1] = 8;
    dt_eq(decoded(&r, &out), DURA_EINVAL, "from 8 to 7");
}

DT_TEST(gate_bounds, of_the_longest_release)
{
    dura_release r, out = DURA_RELEASE_INIT;
    uint8_t p[512];
    rig_init(&box);
    r = rig_release(&box, DURA_COMPONENT_POLICY, UINT64_MAX);
    r.length = UINT64_MAX;
    r.not_before_s = r.not_after_s = INT64_MAX / 1000000000;
    r.probation_frames = 0x80000000u;
    memset(r.device, 'd', 63);
    memset(r.name, 'n', 63);
    memset(r.policy, 9, 32);
    r.need_min[1] = r.need_max[1] = r.need_min[2] = r.need_max[2] = UINT32_MAX;
    memset(r.evidence, 7, 32);
    r.practices = UINT64_MAX;
    r.flags = DURA_RELEASE_EMERGENCY;
    size_t n = rig_payload(&r, p, sizeof p);
    dt_eq(dura_release_decode(p, n, &out), DURA_ECORRUPT, "%zu bytes: not all at their longest", n);
    r.name[63 - (n - DURA_RELEASE_PAYLOAD_MAX)] = 0;
    n = rig_payload(&r, p, sizeof p);
    dt_eq(n, DURA_RELEASE_PAYLOAD_MAX);
    dt_eq(dura_release_decode(p, n, &out), DURA_OK, "to the last byte");
    /* an extension fills it to the last byte there may be, and beyond */
    for (size_t len = DURA_RELEASE_PAYLOAD_MAX; len <= DURA_RELEASE_PAYLOAD_MAX + 1u; len++) {
        durai_cbor c;
        r.name[0] = 0;
        n = rig_payload(&r, p, sizeof p);
        p[0]++;
        durai_cbor_init(&c, p + n, sizeof p - n);
        durai_cbor_uint(&c, 64);
        size_t fill = len - n - c.len - 2;
        durai_cbor_bytes(&c, p, fill);
        dt_eq(n + c.len, len);
        dt_eq(dura_release_decode(p, len, &out), len == DURA_RELEASE_PAYLOAD_MAX ? DURA_OK : DURA_ECORRUPT, "%zu bytes", len);
    }
    static const uint8_t none[] = {0x01, 0x80, 0x40, 0x60};
    for (size_t i = 0; i < sizeof none; i++)
        dt_eq(dura_release_decode(none + i, 1, &out), DURA_ECORRUPT, "no map, row %zu", i);
    r = rig_release(&box, DURA_COMPONENT_BOX, 5);
    n = rig_payload(&r, p, sizeof p);
    memmove(p + 1, p + 3, n - 3);
    memcpy(p + n - 2, "\x61\x61\x01", 3);
    dt_eq(dura_release_decode(p, n + 1, &out), DURA_ECORRUPT, "a key that is a text");
    n = rig_payload(&r, p, sizeof p);
    for (size_t i = 0; i + 34 < n; i++)
        if (p[i] == 0x58 && p[i + 1] == 32) { /* its digest, a byte shorter */
            p[i + 1] = 31;
            memmove(p + i + 33, p + i + 34, n - i - 34);
            break;
        }
    dt_eq(dura_release_decode(p, n - 1, &out), DURA_ECORRUPT, "a digest of 31 bytes");
    dt_eq(dura_release_decode(p, 10, NULL), DURA_EINVAL);
    dt_eq(dura_release_decode(NULL, 10, &out), DURA_EINVAL);
    out.struct_size = (uint32_t)offsetof(dura_release, need_min) - 1;
    dt_eq(dura_release_decode(p, 10, &out), DURA_EINVAL);
}

DT_TEST(gate_bounds, of_keys)
{
    dura_gate_key key[DURA_GATE_KEYS_MAX + 1];
    memset(key, 0, sizeof key);
    for (uint8_t k = 0; k <= DURA_GATE_KEYS_MAX; k++) {
        key[k].pub[31] = k;
        key[k].role = (uint8_t)(1 + k % 4);
    }
    dt_eq(durai_gate_keys_ok(key, 1, 1, 2), 1);
    dt_eq(durai_gate_keys_ok(key, 8, 8, 30), 1);
    dt_eq(durai_gate_keys_ok(key, 9, 8, 30), 0);
    dt_eq(durai_gate_keys_ok(key, 8, 9, 30), 0);
    dt_eq(durai_gate_keys_ok(key, 8, 0, 30), 0);
    dt_eq(durai_gate_keys_ok(key, 0, 0, 0), 0);
    dt_eq(durai_gate_keys_ok(NULL, 1, 1, 0), 0);
    dt_eq(durai_gate_keys_ok(key, 3, 1, 16), 0, "a role nobody has");
    for (uint8_t i = 0; i < sizeof key[1].reserved; i++) {
        key[1].reserved[i] = 1;
        dt_eq(durai_gate_keys_ok(key, 2, 1, 0), 0, "reserved byte %u", i);
        key[1].reserved[i] = 0;
    }
    key[7].role = 5;
    dt_eq(durai_gate_keys_ok(key, 8, 1, 0), 0);
    key[7].role = 0;
    dt_eq(durai_gate_keys_ok(key, 8, 1, 0), 0);
    key[7].role = 4;
    key[7].pub[31] = 0;
    dt_eq(durai_gate_keys_ok(key, 8, 1, 0), 0, "the first once more");
    key[7].pub[31] = 6;
    dt_eq(durai_gate_keys_ok(key, 8, 1, 0), 0, "the one before once more");
}

DT_TEST(gate_bounds, of_who_is_asked)
{
    static const int by[] = {0, 3};
    dura_release r, out = DURA_RELEASE_INIT;
    uint8_t p[512];
    uint32_t why;
    rig_init(&box);
    rig_brain(&box, 5.0f, 1);
    r = rig_release(&box, DURA_COMPONENT_BRAIN, 5);
    size_t n = rig_payload(&r, p, sizeof p);
    rig_envelope_of(&box, DURA_RELEASE_TYPE, p, n, by, 2);
#define VERIFY(e, crypto, keys, o) dura_release_verify(e, box.envelope_len, crypto, keys, 3, 2, 0, o, &why)
    dt_eq(dura_release_verify(box.envelope, box.envelope_len, &box.crypto, box.key, 4, 2, 0, &out, &why), DURA_OK);
    dt_eq(VERIFY(box.envelope, &box.crypto, box.key, &out), DURA_EAUTH, "the fourth key is none of the first three");
    dt_eq(why, DURA_WHY_THRESHOLD);
    dt_eq(VERIFY(NULL, &box.crypto, box.key, &out), DURA_EINVAL);
    dt_eq(VERIFY(box.envelope, NULL, box.key, &out), DURA_EINVAL);
    dt_eq(VERIFY(box.envelope, &box.crypto, NULL, &out), DURA_EINVAL);
    dt_eq(VERIFY(box.envelope, &box.crypto, box.key, NULL), DURA_EINVAL);
    out.struct_size = (uint32_t)offsetof(dura_release, need_min) - 1;
    dt_eq(VERIFY(box.envelope, &box.crypto, box.key, &out), DURA_EINVAL);
    box.crypto.verify = NULL;
    out = (dura_release)DURA_RELEASE_INIT;
    dt_eq(VERIFY(box.envelope, &box.crypto, box.key, &out), DURA_ENOTSUP);
}

/* An envelope around n bytes whose length is written in `head` bytes, with signatures of zeros. */
static int opened(size_t n, int head, uint8_t signatures)
{
    static const uint8_t id[] = {0xA2, 1, 0x48}, sig[] = {2, 0x58, 0x40};
    uint8_t p[1100] = "\xA3\x01\x78\x21" DURA_RELEASE_TYPE "\x02";
    durai_envelope e;
    size_t at = 38;
    if (head == 1)
        p[at++] = (uint8_t)(0x40 + n);
    else if (head == 2) {
        p[at++] = 0x58;
        p[at++] = (uint8_t)n;
    } else {
        p[at++] = 0x59;
        p[at++] = (uint8_t)(n >> 8);
        p[at++] = (uint8_t)n;
    }
    at += n;
    p[at++] = 3;
    p[at++] = (uint8_t)(0x80 + signatures);
    const uint8_t *payload = p + at - 2 - n;
    for (uint8_t i = 0; i < signatures; i++, at += 78) {
        memcpy(p + at, id, sizeof id);
        memcpy(p + at + 11, sig, sizeof sig);
    }
    int rc = durai_envelope_open(&e, p, at);
    if (rc == DURA_OK)
        dt_ok(e.len == n && e.n == signatures && e.kind == DURAI_KIND_RELEASE && e.payload == payload);
    return rc;
}

DT_TEST(gate_bounds, of_an_envelope)
{
    static const struct { size_t n; int head, rc; uint8_t signatures; } rows[] = {
        {279, 3, DURA_OK, 9}, {280, 3, DURA_ECORRUPT, 9}, /* 1024 bytes, and one more */
        {0, 1, DURA_ECORRUPT, 0}, {1, 1, DURA_OK, 0}, {23, 1, DURA_OK, 0}, {23, 2, DURA_ECORRUPT, 0}, {24, 2, DURA_OK, 0},
        {255, 2, DURA_OK, 0}, {255, 3, DURA_ECORRUPT, 0}, {256, 3, DURA_OK, 0}, {312, 3, DURA_OK, 0}, {313, 3, DURA_ECORRUPT, 0}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        dt_eq(opened(rows[i].n, rows[i].head, rows[i].signatures), rows[i].rc, "%zu bytes, head %d", rows[i].n, rows[i].head);
    rig_init(&box);
    rig_boot(&box);
    rig_prepare(&box, 5);
    box.power.fail_mask = DT_VERIFY;
    box.power.calls = 0;
    box.power.fail_at = 1;
    dt_eq(rig_offer(&box), DT_EFAULT, "who could not be asked has not said no");
    dt_eq(rig_status(&box).state, DURA_GATE_IDLE);
    dt_eq(rig_status(&box).why, 0);
    dt_eq(box.facts, 0);
    box.power.fail_at = 0;
    dt_eq(rig_offer(&box), DURA_OK);
}

/* ---- approvals ----------------------------------------------------------------------- */

DT_TEST(gate_bounds, of_an_approval)
{
    static const int both[] = {2, 3};
    static const uint8_t none[][4] = {{0x01}, {0x80}, {0x41, 0x01}, {0x61, 0x61}};
    static const size_t lengths[] = {1, 1, 2, 2};
    uint32_t why;
    rig_init(&box);
    box.cfg.approve = 1u << DURA_ROLE_SECURITY | 1u << DURA_ROLE_SAFETY;
    rig_boot(&box);
    rig_prepare(&box, 5);
    dt_eq(rig_offer(&box), DURA_OK);
    rig_approval a = rig_approval_of(&box);
    a.not_after_s = 1;
    dt_eq(rig_approve(&box, &a, both, 2, &why), DURA_EDENIED, "a day long over is a day");
    dt_eq(why, DURA_WHY_EXPIRED);
    a.not_after_s = (uint64_t)(INT64_MAX / 1000000000) + 1;
    dt_eq(rig_approve(&box, &a, both, 2, &why), DURA_ECORRUPT);
    for (size_t i = 0; i < sizeof none / sizeof *none; i++) {
        rig_envelope_of(&box, DURA_APPROVAL_TYPE, none[i], lengths[i], both, 2);
        dt_eq(dura_gate_approve(box.ram.gate, box.envelope, box.envelope_len, &box.now, &why), DURA_ECORRUPT, "no map, row %zu", i);
        dt_eq(why, DURA_WHY_FORMAT);
    }
    /* a text where a number has to be the key: {2, 3, 4, 6, "a": 1} in place of {1: 1, 2, 3, 4, 6} */
    uint8_t p[512];
    a.not_after_s = 0;
    size_t n = rig_approval_payload(&a, p, sizeof p);
    memmove(p + 1, p + 3, n - 3);
    memcpy(p + n - 2, "\x61\x61\x01", 3);
    rig_envelope_of(&box, DURA_APPROVAL_TYPE, p, n + 1, both, 2);
    dt_eq(dura_gate_approve(box.ram.gate, box.envelope, box.envelope_len, &box.now, &why), DURA_ECORRUPT, "a key that is a text");
    a.not_after_s = (uint64_t)(INT64_MAX / 1000000000);
    dt_eq(rig_approve(&box, &a, both, 2, &why), DURA_OK, "the last day there is");
}

/* ---- journal ------------------------------------------------------------------------- */

/* A record of a brain that is being staged, with one field of `width` bytes set; is it one? */
static int record(size_t at, uint64_t value, size_t width)
{
    uint8_t b[DURAI_GATE_RECORD];
    durai_gate_record r;
    memcpy(b, box.region[0].flash.live, sizeof b);
    if (width == 8)
        durai_put64(b + at, value);
    else if (width)
        b[at] = (uint8_t)value;
    durai_put32(b + sizeof b - 4, durai_crc32c(0, b, sizeof b - 4));
    return durai_gate_decode(b, sizeof b, NULL, &r);
}

DT_TEST(gate_bounds, of_a_record)
{
    enum { SEQ = 8, STATE = 16, COMPONENT = 17, ACTIVE = 18, SLOT = 19, LENGTH = 32 + 8 * 8, OFFSET = 32 + 8 * 11, WALL = 32 + 8 * 12, NONCE = 440 };
    durai_gate_record r;
    rig_init(&box);
    rig_boot(&box);
    rig_prepare(&box, 5);
    dt_eq(rig_offer(&box), DURA_OK);
    dt_eq(record(0, 0, 0), 1, "as the gate wrote it");
    dt_eq(durai_gate_decode(box.region[0].flash.live, DURAI_GATE_RECORD - 1, NULL, &r), 0, "room");
    for (uint32_t state = 0; state < 20; state++)
        dt_eq(record(STATE, state, 1), state <= 7 || (state >= 9 && state <= 12), "state %u", (unsigned)state);
    for (uint32_t c = 0; c < 6; c++)
        dt_eq(record(COMPONENT, c, 1), c >= 1 && c <= 3, "component %u in hand", (unsigned)c);
    for (uint32_t s = 0; s < 5; s++)
        dt_eq(record(SLOT, s, 1), s == 1 || s == 2, "slot %u", (unsigned)s);
    for (uint32_t a = 0; a < 256; a++)
        dt_eq(record(ACTIVE, a, 1), a == 0 || a == 2 || a == 255, "active %u, the candidate in slot 1", (unsigned)a);
    dt_eq(record(SEQ, 1, 8), 1);
    durai_put64(box.region[0].flash.live + NONCE, 0);
    dt_eq(record(SEQ, 1, 8), 1);
    dt_eq(record(SEQ, 0, 8), 0, "records are numbered from 1");
    durai_put64(box.region[0].flash.live + NONCE, 1);
    uint64_t length = rig_status(&box).length;
    dt_eq(record(OFFSET, length, 8), 1);
    dt_eq(record(OFFSET, length + 1, 8), 0);
    dt_eq(record(LENGTH, 0, 8), 1);
    dt_eq(record(WALL, INT64_MAX / 1000000000, 8), 1);
    dt_eq(record(WALL, INT64_MAX / 1000000000 + 1, 8), 0);
    dt_eq(record(NONCE, 1, 8), 1, "the attempt is the first record");
    dt_eq(record(NONCE, 2, 8), 0, "and no later one");
}

DT_TEST(gate_bounds, of_wear)
{
    rig_init(&box);
    rig_boot(&box);
    rig_prepare(&box, 5);
    dt_eq(rig_offer(&box), DURA_OK);
    rig_reboot(&box, 0, 1);
    rig_boot(&box);
    box.power.mutations = 0;
    dt_eq(dura_gate_reset(box.ram.gate, &box.now), DURA_OK);
    dt_eq(box.power.mutations, 1, "after a restart the next record follows the last one: nothing is erased for it");
}

DT_TEST(gate_bounds, of_what_a_start_found_and_could_not_write)
{
    rig_init(&box);
    rig_boot(&box);
    rig_prepare(&box, 5);
    box.frames_stop = 1;
    dt_eq(rig_offer(&box), DURA_OK);
    dt_eq(rig_send(&box, 700), DURA_OK);
    dt_eq(rig_until(&box, DURA_GATE_PROBATION), DURA_GATE_PROBATION);
    uint64_t seq = rig_status(&box).seq;
    rig_reboot(&box, 0, 1);
    box.power.fail_mask = DT_PROG;
    box.power.fail_at = 1;
    dt_eq(rig_boot(&box), 0);
    dt_eq(rig_status(&box).state, DURA_GATE_ROLLED_BACK);
    dt_eq(rig_status(&box).seq, seq, "it could not be written");
    box.power.fail_at = 0;
    rig_prepare(&box, 5);
    dt_eq(rig_offer(&box), DURA_ESTATE, "and nothing is taken before it is");
    dt_eq(dura_gate_reset(box.ram.gate, &box.now), DURA_ESTATE);
    dt_eq(dura_gate_step(box.ram.gate, &box.now, 9), 1);
    dt_ok(rig_status(&box).seq > seq);
    rig_reboot(&box, 0, 2);
    rig_boot(&box);
    dt_eq(rig_status(&box).state, DURA_GATE_ROLLED_BACK);
    dt_eq(rig_status(&box).why, DURA_WHY_REBOOT);
    dt_eq(rig_offer(&box), DURA_OK);
}

DT_TEST(gate_bounds, of_storage_nobody_has_erased)
{
    rig_init(&box);
    memset(box.region[0].flash.live, 0, RIG_JOURNAL);
    memset(box.region[0].flash.durable, 0, RIG_JOURNAL);
    dt_eq(rig_boot(&box), 0);
    rig_prepare(&box, 5);
    dt_eq(rig_update(&box), DURA_GATE_COMMITTED, "zeros are nothing, and nothing is programmed over them");
    dt_eq(box.region[0].flash.violations, 0);
}

DT_TEST(gate_bounds, of_a_producer_that_lets_go_later)
{
    rig_init(&box);
    rig_boot(&box);
    rig_prepare(&box, 5);
    box.not_yet = 2;
    dt_eq(rig_offer(&box), DURA_OK);
    dt_eq(rig_send(&box, 700), DURA_OK);
    for (int i = 0; i < 200 && rig_status(&box).state != DURA_GATE_COMMITTED; i++)
        dt_ok(dura_gate_step(box.ram.gate, &box.now, 1) >= 0, "to wait is no failure");
    dt_eq(rig_status(&box).state, DURA_GATE_COMMITTED);
    dt_eq(box.not_yet, 0);
}

/* The newest record, its number at `at` made another one. */
static void forge(size_t at, uint64_t value)
{
    uint8_t *newest = box.region[0].flash.live;
    for (uint32_t i = 1; i < RIG_JOURNAL / DURAI_GATE_RECORD; i++) {
        uint8_t *p = box.region[0].flash.live + i * DURAI_GATE_RECORD;
        if (durai_le32(p) == durai_le32(newest) && durai_le64(p + 8) > durai_le64(newest + 8))
            newest = p;
    }
    durai_put64(newest + at, value);
    durai_put32(newest + DURAI_GATE_RECORD - 4, durai_crc32c(0, newest, DURAI_GATE_RECORD - 4));
}

DT_TEST(gate_bounds, of_a_slots_length)
{
    static const struct { uint64_t length; int runs; uint32_t why; } rows[] = {
        {0, 0, DURA_WHY_SIZE}, {RIG_SLOT + 1, 0, DURA_WHY_SIZE}, {RIG_SLOT, 0, DURA_WHY_DIGEST}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        enum { LENGTH_A = 32 + 8 * 14 };
        rig_init(&box);
        box.no_mac = 1;
        rig_boot(&box);
        rig_brain(&box, 5.0f, 2);
        dura_release r = rig_release(&box, DURA_COMPONENT_BRAIN, 5);
        r.floor_ = 0;
        rig_envelope(&box, &r);
        dt_eq(rig_update(&box), DURA_GATE_COMMITTED);
        forge(LENGTH_A, rows[i].length);
        box.arena_cap = 2 * RIG_ARENA;
        dt_eq(rig_boot(&box), rows[i].runs, "length %lu", (unsigned long)rows[i].length);
        dt_eq(rig_status(&box).why, rows[i].why, "length %lu", (unsigned long)rows[i].length);
    }
}

DT_TEST(gate_bounds, of_a_region)
{
    static const struct { uint32_t prog, erase; int ok; } rows[] = {
        {1, 1, 1}, {512, 512, 1}, {128, 1024, 1}, {1, 65536, 1}, {0, 1024, 0}, {3, 1024, 0}, {96, 1024, 0}, {1024, 1024, 0},
        {128, 0, 0}, {128, 1000, 0}, {128, 64, 0}, {512, 256, 0}};
    rig_init(&box);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        dura_region r = box.region[0].outer;
        r.prog_size = rows[i].prog;
        r.erase_size = rows[i].erase;
        dt_eq(durai_gate_region_ok(&r), rows[i].ok, "row %zu", i);
        r.read = NULL;
        dt_eq(durai_gate_region_ok(&r), 0);
    }
    dura_region r = box.region[0].outer;
    r.prog = NULL;
    dt_eq(durai_gate_region_ok(&r), 0);
    r = box.region[0].outer;
    r.erase = NULL;
    dt_eq(durai_gate_region_ok(&r), 0);
}

/* ---- the gate ------------------------------------------------------------------------ */

DT_TEST(gate_bounds, of_a_devices_name)
{
    char name[66];
    rig_init(&box);
    box.cfg.device = name;
    for (size_t n = 0; n < 65; n++) {
        memset(name, 'd', sizeof name);
        name[n] = 0;
        dt_eq(dura_gate_bytes(&box.cfg) > 0, n >= 1 && n <= 63, "%zu bytes", n);
    }
    memcpy(name, "*", 2);
    dt_eq(dura_gate_bytes(&box.cfg), 0, "any device is none");
    memcpy(name, "**", 3);
    dt_ok(dura_gate_bytes(&box.cfg) > 0);
}

DT_TEST(gate_bounds, of_what_a_new_box_brings)
{
    rig_init(&box);
    for (uint32_t c = 1; c < DURA_COMPONENTS; c++)
        box.cfg.version[c] = 10 * c;
    dt_eq(rig_boot(&box), 0);
    for (uint32_t c = 1; c < DURA_COMPONENTS; c++) {
        dt_eq(rig_status(&box).version[c], 10 * c, "component %u", (unsigned)c);
        dt_eq(rig_status(&box).floor_[c], 10 * c, "component %u", (unsigned)c);
    }
    rig_brain(&box, 6.0f, 1);
    dura_release r = rig_release(&box, DURA_COMPONENT_BRAIN, 20);
    rig_envelope(&box, &r);
    dt_eq(rig_offer(&box), DURA_EDENIED, "the factory's own version");
    r = rig_release(&box, DURA_COMPONENT_BRAIN, 21);
    rig_envelope(&box, &r);
    dt_eq(rig_offer(&box), DURA_OK);
}
