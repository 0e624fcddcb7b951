/* SPDX-License-Identifier: Apache-2.0 */
/* The gate: images, envelopes, every arrow and every reason why not. Power cuts and
 * damaged storage are in test_gate_power.c. Names that begin with a1_ .. f6_ are rows of
 * the attack table in docs/gate.md. */
#include "dt.h"

#include "gate_rig.h"

static rig box;

/* A box with brain version 5 in slot A. */
static void with_five(void)
{
    rig_init(&box);
    rig_boot(&box);
    rig_prepare(&box, 5);
    dt_eq(rig_update(&box), DURA_GATE_COMMITTED);
    box.facts = 0;
}

/* Offer release r as it is; status why is compared. */
static void refused(const dura_release *r, int rc, uint32_t why, const char *row)
{
    rig_envelope(&box, r);
    dt_eq(rig_offer(&box), rc, "%s", row);
    dt_eq(rig_status(&box).why, why, "%s", row);
    dt_eq(rig_status(&box).state, DURA_GATE_REJECTED, "%s", row);
    dt_ok(rig_drives(&box) == 5.0f, "%s", row);
    dt_eq(rig_status(&box).version[DURA_COMPONENT_BRAIN], 5, "%s", row);
}

/* ---- brain images ------------------------------------------------------------------ */

static void recrc(void)
{
    durai_put32(box.image + 12,
                durai_crc32c(durai_crc32c(0, box.image, 12), box.image + 16, box.image_len - 16));
}

DT_TEST(gate_brain, finds_the_sections_of_an_intact_image)
{
    const void *p;
    size_t n;
    rig_brain(&box, 1.0f, 3);
    dt_eq(dura_brain_check(box.image, box.image_len), DURA_OK);
    dt_eq(dura_brain_section(box.image, box.image_len, DURA_BRAIN_MODEL, &p, &n), DURA_OK);
    dt_eq(n, 8);
    dt_ok(p == box.image + 48);
    dt_eq(dura_brain_section(box.image, box.image_len, DURA_BRAIN_GOLDEN, &p, &n), DURA_OK);
    dt_eq(n, 16 + 36);
    dt_eq(dura_brain_section(box.image, box.image_len, 3, &p, &n), DURA_ENOENT);
    dt_eq(dura_brain_section(NULL, 9, 1, &p, &n), DURA_EINVAL);
}

DT_TEST(gate_brain, refuses_every_flipped_bit_and_every_cut)
{
    rig_brain(&box, 1.0f, 3);
    for (size_t i = 0; i < box.image_len * 8; i++) {
        box.image[i / 8] ^= (uint8_t)(1u << i % 8);
        dt_ok(dura_brain_check(box.image, box.image_len) != DURA_OK, "bit %zu", i);
        box.image[i / 8] ^= (uint8_t)(1u << i % 8);
    }
    for (size_t n = 0; n < box.image_len; n++)
        dt_ok(dura_brain_check(box.image, n) != DURA_OK, "length %zu", n);
    dt_eq(dura_brain_check(NULL, 4), DURA_EINVAL);
}

DT_TEST(gate_brain, refuses_a_table_that_is_wrong_even_with_a_right_checksum)
{
    static const struct { const char *row; uint32_t at, value; int rc; } rows[] = {
        {"version 2", 4, 0x00020002, DURA_EVERSION},
        {"no section", 4, 0x00000001, DURA_ECORRUPT},
        {"17 sections", 4, 0x00110001, DURA_ECORRUPT},
        {"same type twice", 32, 1, DURA_ECORRUPT},
        {"a type this build must know", 32, 4, DURA_EVERSION},
        {"the last of those", 32, 63, DURA_EVERSION},
        {"one that may be passed over", 32, 64, DURA_OK},
        {"offset not where the last ended", 36, 64, DURA_ECORRUPT},
        {"offset into the table", 20, 40, DURA_ECORRUPT},
        {"offset outside", 36, 0xFFFFFFF8u, DURA_ECORRUPT},
        {"longer than the image", 40, 0xFFFFFFF0u, DURA_ECORRUPT},
        {"shorter: bytes nobody owns", 40, 8, DURA_ECORRUPT},
        {"empty section", 24, 0, DURA_ECORRUPT},
        {"reserved set", 28, 1, DURA_ECORRUPT},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        rig_brain(&box, 1.0f, 3);
        durai_put32(box.image + rows[i].at, rows[i].value);
        recrc();
        dt_eq(dura_brain_check(box.image, box.image_len), rows[i].rc, "%s", rows[i].row);
    }
    rig_brain(&box, 1.0f, 2); /* ends in padding: 56 + 40 = 96, so add one that does not */
    durai_put32(box.image + 40, 39);
    recrc();
    dt_eq(dura_brain_check(box.image, box.image_len), DURA_ECORRUPT, "padding not zero");
}

/* ---- payloads ----------------------------------------------------------------------- */

DT_TEST(gate_release, comes_back_as_it_was_written)
{
    uint8_t payload[512];
    dura_release r, out = DURA_RELEASE_INIT;
    rig_init(&box);
    rig_brain(&box, 1.0f, 3);
    r = rig_release(&box, DURA_COMPONENT_BRAIN, UINT64_MAX);
    memset(r.policy, 7, 32);
    r.not_before_s = 9223372035;
    r.not_after_s = 9223372036;
    r.probation_frames = 0x80000000u;
    memset(r.device, 'd', 63);
    memset(r.name, 'n', 63);
    r.length = UINT64_MAX;
    size_t n = rig_payload(&r, payload, sizeof payload);
    dt_eq(n, 263, "all but requirements and evidence at their longest");
    dt_eq(dura_release_decode(payload, n, &out), DURA_OK);
    dt_mem(&r, &out, sizeof r);
}

DT_TEST(gate_release, keeps_what_it_requires_of_others)
{
    static const struct { const char *row; uint64_t list[6]; uint32_t n; int rc; } rows[] = {
        {"firmware 3 to 7", {1, 3, 7}, 3, DURA_OK}, {"both others", {1, 0, 9, 3, 2, UINT32_MAX}, 6, DURA_OK},
        {"itself", {2, 1, 2}, 3, DURA_EINVAL}, {"component 0", {0, 1, 2}, 3, DURA_EINVAL},
        {"component 4", {4, 1, 2}, 3, DURA_EINVAL}, {"not ascending", {3, 1, 2, 1, 1, 2}, 6, DURA_EINVAL},
        {"twice", {1, 1, 2, 1, 1, 2}, 6, DURA_EINVAL}, {"upside down", {1, 3, 2}, 3, DURA_EINVAL},
        {"no end of zero", {1, 0, 0}, 3, DURA_EINVAL}, {"any: absence has one encoding", {1, 0, UINT32_MAX}, 3, DURA_ECORRUPT},
        {"two numbers", {1, 2}, 2, DURA_ECORRUPT}, {"beyond 32 bits", {1, 1, 1ull << 32}, 3, DURA_ECORRUPT}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        uint8_t p[512];
        dura_release r, out = DURA_RELEASE_INIT;
        durai_cbor c;
        rig_init(&box);
        rig_brain(&box, 1.0f, 3);
        r = rig_release(&box, DURA_COMPONENT_BRAIN, 7);
        size_t n = rig_payload(&r, p, sizeof p);
        p[0]++; /* one pair more */
        durai_cbor_init(&c, p + n, sizeof p - n);
        durai_cbor_uint(&c, 13);
        durai_cbor_array(&c, rows[i].n);
        for (uint32_t k = 0; k < rows[i].n; k++)
            durai_cbor_uint(&c, rows[i].list[k]);
        dt_eq(dura_release_decode(p, n + c.len, &out), rows[i].rc, "%s", rows[i].row);
        uint32_t most = (uint32_t)rows[i].list[2];
        dt_eq(out.need_max[1], rows[i].rc == DURA_OK ? most : 0, "%s", rows[i].row);
        dt_eq(out.need_min[3], rows[i].rc == DURA_OK && rows[i].n == 6 ? 2 : 0, "%s", rows[i].row);
        out.struct_size = (uint32_t)offsetof(dura_release, need_min);
        out.need_max[1] = 77;
        dt_eq(dura_release_decode(p, n + c.len, &out), rows[i].n == 2 ? DURA_ECORRUPT : DURA_EVERSION,
              "%s: who cannot know of them must not pass over them", rows[i].row);
        dt_eq(out.need_max[1], 77, "%s: nothing is written behind an older struct", rows[i].row);
    }
}

DT_TEST(gate_release, keeps_evidence_practices_and_flags)
{
    static const struct { const char *row; uint8_t evidence; uint64_t practices; uint32_t flags; int rc; } rows[] = {
        {"all three", 9, 1 | UINT64_C(1) << 63, DURA_RELEASE_EMERGENCY, DURA_OK},
        {"evidence that claims nothing", 9, 0, 0, DURA_OK}, {"an emergency without evidence", 0, 0, 1, DURA_OK},
        {"a claim nothing stands behind", 0, 1, 0, DURA_EINVAL}, {"a flag of a newer build", 9, 1, 2, DURA_EVERSION},
        {"and with one that is known", 0, 0, 3, DURA_EVERSION}};
    uint8_t p[512];
    rig_init(&box);
    rig_brain(&box, 1.0f, 3);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        dura_release r = rig_release(&box, DURA_COMPONENT_BRAIN, 7), out = DURA_RELEASE_INIT;
        memset(r.evidence, rows[i].evidence, 32);
        r.practices = rows[i].practices;
        r.flags = rows[i].flags;
        size_t n = rig_payload(&r, p, sizeof p);
        dt_eq(dura_release_decode(p, n, &out), rows[i].rc, "%s", rows[i].row);
        dt_ok(rows[i].rc != DURA_OK || memcmp(&r, &out, sizeof r) == 0, "%s", rows[i].row);
        out.struct_size = (uint32_t)offsetof(dura_release, evidence);
        out.flags = 77;
        dt_eq(dura_release_decode(p, n, &out), DURA_EVERSION, "%s: who cannot know of them must not pass over them",
              rows[i].row);
        dt_eq(out.flags, 77, "%s: nothing is written behind an older struct", rows[i].row);
    }
}

DT_TEST(gate_release, eight_signatures_fit_beside_the_longest_statement)
{
    dt_ok(35 + 3 + DURA_RELEASE_PAYLOAD_MAX + 2 + 8 * 78 <= DURA_RELEASE_MAX);
}

DT_TEST(gate_release, refuses_fields_out_of_range)
{
    static const struct { const char *row; size_t off; uint64_t value; size_t width; int rc; } rows[] = {
        {"component 0", offsetof(dura_release, component), 0, 1, DURA_EINVAL},
        {"component 4", offsetof(dura_release, component), 4, 1, DURA_EINVAL},
        {"version 0", offsetof(dura_release, version), 0, 8, DURA_EINVAL},
        {"floor above version", offsetof(dura_release, floor_), 8, 8, DURA_EINVAL},
        {"length 0", offsetof(dura_release, length), 0, 8, DURA_EINVAL},
        {"date beyond nanoseconds", offsetof(dura_release, not_after_s), 9223372037, 8, DURA_EINVAL},
        {"ends before it begins", offsetof(dura_release, not_before_s), 101, 8, DURA_EINVAL},
        {"probation too long", offsetof(dura_release, probation_frames), 0x80000001u, 4, DURA_EINVAL},
        {"no device", offsetof(dura_release, device), 0, 1, DURA_ECORRUPT},
        {"control character in the device", offsetof(dura_release, device), 7, 1, DURA_ECORRUPT},
        {"DEL in the name", offsetof(dura_release, name), 0x7F, 1, DURA_ECORRUPT},
        {"name is no UTF-8", offsetof(dura_release, name), 0xC3, 1, DURA_ECORRUPT},
        {"no name: allowed", offsetof(dura_release, name), 0, 1, DURA_OK},
        {"a flag nobody knows", offsetof(dura_release, flags), 2, 4, DURA_EVERSION},
        {"another", offsetof(dura_release, flags), 16, 4, DURA_EVERSION},
        {"all that are known but one", offsetof(dura_release, flags), 12, 4, DURA_OK},
        {"back in a hurry", offsetof(dura_release, flags), 5, 4, DURA_EINVAL},
        {"a metric above one", offsetof(dura_release, metric), 10001, 4, DURA_EINVAL},
        {"a metric of one", offsetof(dura_release, metric), 10000, 4, DURA_OK},
    };
    uint8_t payload[512];
    rig_init(&box);
    rig_brain(&box, 1.0f, 3);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        dura_release r = rig_release(&box, DURA_COMPONENT_BRAIN, 7), out = DURA_RELEASE_INIT;
        r.not_after_s = 100;
        rig_poke((uint8_t *)&r + rows[i].off, rows[i].value, rows[i].width);
        size_t n = rig_payload(&r, payload, sizeof payload);
        dt_eq(dura_release_decode(payload, n, &out), rows[i].rc, "%s", rows[i].row);
        dt_ok(rows[i].rc == DURA_OK || out.version == 0, "%s: half a release", rows[i].row);
    }
}

/* {1..7} of a good payload with one more pair behind. */
static size_t with_pair(uint8_t *out, size_t cap, uint64_t key, int what)
{
    dura_release r = rig_release(&box, DURA_COMPONENT_BRAIN, 7);
    durai_cbor c;
    r.name[0] = 0;
    size_t n = rig_payload(&r, out, cap);
    out[0]++;
    durai_cbor_init(&c, out + n, cap - n);
    durai_cbor_uint(&c, key);
    if (what == 0)
        durai_cbor_uint(&c, 0);
    else if (what == 1)
        durai_cbor_bytes(&c, "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 32);
    else if (what == 2)
        durai_cbor_array(&c, 0);
    else
        durai_cbor_text(&c, "x", 1);
    return n + c.len;
}

DT_TEST(gate_release, an_older_caller_is_not_told_half_of_it)
{
    uint8_t p[512];
    rig_init(&box);
    rig_brain(&box, 1.0f, 3);
    for (uint32_t metric = 0; metric < 2; metric++) {
        dura_release r = rig_release(&box, DURA_COMPONENT_BRAIN, 7), out = DURA_RELEASE_INIT;
        r.flags = DURA_RELEASE_EMERGENCY;
        r.metric = metric;
        size_t n = rig_payload(&r, p, sizeof p);
        out.struct_size = (uint32_t)offsetof(dura_release, metric);
        dt_eq(dura_release_decode(p, n, &out), metric ? DURA_EVERSION : DURA_OK);
    }
}

DT_TEST(gate_release, a14_has_one_encoding_and_says_what_it_does_not_know)
{
    static const struct { const char *row; uint64_t key; int what, rc; } rows[] = {
        {"an unknown field", 19, 0, DURA_EVERSION}, {"no metric", 17, 0, DURA_EINVAL}, {"a metric that is text", 17, 3, DURA_ECORRUPT},
        {"data of zeros", 18, 1, DURA_ECORRUPT}, {"data that is a number", 18, 0, DURA_ECORRUPT}, {"requirements that are none", 13, 2, DURA_ECORRUPT},
        {"requirements that are no list", 13, 0, DURA_ECORRUPT},
        {"the last of those", 63, 0, DURA_EVERSION},
        {"an extension", 64, 3, DURA_OK},
        {"an extension that holds a container", 64, 2, DURA_ECORRUPT},
        {"a policy of zeros", 9, 1, DURA_ECORRUPT}, {"evidence of zeros", 14, 1, DURA_ECORRUPT},
        {"evidence that is a number", 14, 0, DURA_ECORRUPT}, {"no practices", 15, 0, DURA_EINVAL},
        {"practices that are text", 15, 3, DURA_ECORRUPT}, {"no flags", 16, 0, DURA_EINVAL},
        {"a date of zero", 10, 0, DURA_EINVAL},
        {"a probation of zero", 12, 0, DURA_EINVAL},
        {"a date that is text", 11, 3, DURA_ECORRUPT},
        {"a field twice", 7, 3, DURA_ECORRUPT},
    };
    uint8_t p[512];
    dura_release out = DURA_RELEASE_INIT;
    rig_init(&box);
    rig_brain(&box, 1.0f, 3);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        size_t n = with_pair(p, sizeof p, rows[i].key, rows[i].what);
        dt_eq(dura_release_decode(p, n, &out), rows[i].rc, "%s", rows[i].row);
    }
    dura_release r = rig_release(&box, DURA_COMPONENT_BRAIN, 7);
    size_t n = rig_payload(&r, p, sizeof p);
    for (size_t cut = 0; cut < n; cut++)
        dt_ok(dura_release_decode(p, cut, &out) != DURA_OK, "cut at %zu", cut);
    p[n] = 0;
    dt_eq(dura_release_decode(p, n + 1, &out), DURA_ECORRUPT, "a byte behind it");
    p[2] = 2;
    dt_eq(dura_release_decode(p, n, &out), DURA_EVERSION, "schema 2");
    dt_eq(dura_release_decode(NULL, n, &out), DURA_EINVAL);
    out.struct_size = 8;
    dt_eq(dura_release_decode(p, n, &out), DURA_EINVAL);
}

/* ---- envelopes ---------------------------------------------------------------------- */

static int verify(const int *signers, int n, uint32_t threshold, uint32_t roles, uint32_t *why)
{
    uint8_t payload[512];
    dura_release r = rig_release(&box, DURA_COMPONENT_BRAIN, 7), out = DURA_RELEASE_INIT;
    size_t len = rig_payload(&r, payload, sizeof payload);
    rig_envelope_of(&box, DURA_RELEASE_TYPE, payload, len, signers, n);
    *why = 0xFFFFFFFFu;
    return dura_release_verify(box.envelope, box.envelope_len, &box.crypto, box.key, RIG_KEYS, threshold, roles, &out,
                               why);
}

DT_TEST(gate_verify, a1_a3_a4_a11_counts_keys_and_roles_not_signatures)
{
    enum { V = 1 << DURA_ROLE_VENDOR, O = 1 << DURA_ROLE_OPERATOR, S = 1 << DURA_ROLE_SAFETY };
    static const struct { const char *row; int n; int by[5]; uint32_t threshold, roles; int rc; uint32_t why; } rows[] = {
        {"two of two", 2, {0, 1}, 2, V | O, DURA_OK, 0},
        {"one is enough", 1, {3}, 1, 0, DURA_OK, 0},
        {"a1: nobody signed", 0, {0}, 1, 0, DURA_EAUTH, DURA_WHY_SIGNATURE | DURA_WHY_THRESHOLD},
        {"a1: a stranger signed", 1, {50}, 1, 0, DURA_EAUTH, DURA_WHY_SIGNATURE | DURA_WHY_THRESHOLD},
        {"a3: the same signature twice", 2, {0, 0}, 2, 0, DURA_EAUTH, DURA_WHY_THRESHOLD},
        {"a3: three times, three wanted", 4, {0, 0, 0, 1}, 3, 0, DURA_EAUTH, DURA_WHY_THRESHOLD},
        {"a4: a wrong one among right ones", 4, {100, 0, 50, 1}, 2, V, DURA_OK, 0},
        {"a11: below the threshold", 2, {0, 101}, 2, 0, DURA_EAUTH, DURA_WHY_THRESHOLD},
        {"a role is missing", 2, {0, 1}, 2, S, DURA_EAUTH, DURA_WHY_ROLE},
        {"only wrong ones", 2, {100, 101}, 1, V, DURA_EAUTH,
         DURA_WHY_SIGNATURE | DURA_WHY_THRESHOLD | DURA_WHY_ROLE},
    };
    rig_init(&box);
    rig_brain(&box, 1.0f, 3);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        uint32_t why;
        dt_eq(verify(rows[i].by, rows[i].n, rows[i].threshold, rows[i].roles, &why), rows[i].rc, "%s", rows[i].row);
        dt_eq(why, rows[i].why, "%s", rows[i].row);
    }
}

DT_TEST(gate_verify, a3_refuses_keys_that_cannot_be_right)
{
    uint32_t why;
    static const int by[] = {0, 1};
    rig_init(&box);
    rig_brain(&box, 1.0f, 3);
    dt_eq(verify(by, 2, 0, 0, &why), DURA_EINVAL, "threshold 0");
    dt_eq(verify(by, 2, 5, 0, &why), DURA_EINVAL, "more than there are keys");
    dt_eq(verify(by, 2, 2, 1, &why), DURA_EINVAL, "a role nobody has");
    box.key[2] = box.key[0];
    dt_eq(verify(by, 2, 2, 0, &why), DURA_EINVAL, "a3: the same key twice");
    box.key[2].role = DURA_ROLE_SAFETY;
    dt_eq(verify(by, 2, 2, 0, &why), DURA_EINVAL, "a3: the same key in two roles");
    rig_init(&box);
    box.key[1].role = 5;
    dt_eq(verify(by, 2, 2, 0, &why), DURA_EINVAL, "role 5");
    rig_init(&box);
    box.key[1].reserved[3] = 1;
    dt_eq(verify(by, 2, 2, 0, &why), DURA_EINVAL, "reserved");
    rig_init(&box);
    rig_brain(&box, 1.0f, 3);
    box.power.fail_mask = DT_VERIFY;
    box.power.fail_at = 1;
    dt_eq(verify(by, 2, 2, 0, &why), DT_EFAULT, "the provider fails");
    box.crypto.verify = NULL;
    dt_eq(verify(by, 2, 2, 0, &why), DURA_ENOTSUP);
}

DT_TEST(gate_verify, a2_a14_takes_one_encoding_of_an_envelope)
{
    static const int by[] = {0, 1};
    dura_release out = DURA_RELEASE_INIT;
    uint32_t why, right = 0;
    rig_init(&box);
    rig_brain(&box, 1.0f, 3);
    dt_eq(verify(by, 2, 2, 0, &why), DURA_OK);
    for (size_t i = 0; i < box.envelope_len * 8; i++) {
        box.envelope[i / 8] ^= (uint8_t)(1u << i % 8);
        right += dura_release_verify(box.envelope, box.envelope_len, &box.crypto, box.key, RIG_KEYS, 2, 0, &out,
                                     &why) == DURA_OK;
        box.envelope[i / 8] ^= (uint8_t)(1u << i % 8);
    }
    dt_eq(right, 2 * 64, "only key ids, which are hints, may differ");
    for (size_t n = 0; n < box.envelope_len; n++)
        dt_eq(dura_release_verify(box.envelope, n, &box.crypto, box.key, RIG_KEYS, 2, 0, &out, &why), DURA_ECORRUPT,
              "cut at %zu", n);
    dt_eq(why, DURA_WHY_FORMAT);
    dt_eq(dura_release_verify(box.envelope, box.envelope_len + 1, &box.crypto, box.key, RIG_KEYS, 2, 0, &out, NULL),
          DURA_ECORRUPT, "a byte behind it");
    dt_eq(durai_cbor_check(box.envelope, box.envelope_len), DURA_OK, "it is CBOR as well");
}

DT_TEST(gate_verify, takes_every_length_of_payload_up_to_the_largest)
{
    uint8_t p[512];
    static const int by[] = {0, 1};
    dura_release out = DURA_RELEASE_INIT;
    rig_init(&box);
    rig_brain(&box, 1.0f, 3);
    for (size_t n = 1; n <= 300; n++) {
        memset(p, 0x41, sizeof p);
        rig_envelope_of(&box, DURA_RELEASE_TYPE, p, n, by, 2);
        uint32_t why;
        int rc = dura_release_verify(box.envelope, box.envelope_len, &box.crypto, box.key, RIG_KEYS, 2, 0, &out, &why);
        dt_eq(rc, DURA_ECORRUPT, "%zu: no release inside", n);
        dt_eq(why, DURA_WHY_FORMAT, "%zu", n);
    }
    dura_release r = rig_release(&box, DURA_COMPONENT_BRAIN, 7);
    for (size_t name = 0; name < 64; name++) {
        memset(r.name, 'n', name);
        r.name[name] = 0;
        rig_envelope(&box, &r);
        dt_eq(dura_release_verify(box.envelope, box.envelope_len, &box.crypto, box.key, RIG_KEYS, 2, 0, &out, NULL),
              DURA_OK, "name of %zu", name);
        dt_eq(strlen(out.name), name);
    }
}

DT_TEST(gate_verify, a13_another_type_is_no_release)
{
    static const char *const types[] = {"application/vnd.dura.factory+cbor", "application/vnd.dura.releasf+cbor",
                                        "application/vnd.dura.approve+cbor", ""};
    static const int by[] = {0, 1};
    uint8_t p[512];
    dura_release r, out = DURA_RELEASE_INIT;
    uint32_t why;
    rig_init(&box);
    rig_brain(&box, 1.0f, 3);
    r = rig_release(&box, DURA_COMPONENT_BRAIN, 7);
    size_t n = rig_payload(&r, p, sizeof p);
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        rig_envelope_of(&box, types[i], p, n, by, 2);
        dt_eq(dura_release_verify(box.envelope, box.envelope_len, &box.crypto, box.key, RIG_KEYS, 2, 0, &out, &why),
              DURA_ECORRUPT, "%s", types[i]);
        dt_eq(why, DURA_WHY_FORMAT);
    }
    /* signed as something else, shown as a release */
    rig_envelope_of(&box, "application/vnd.dura.factory+cbor", p, n, by, 2);
    memcpy(box.envelope + 4, DURA_RELEASE_TYPE, 33);
    dt_eq(dura_release_verify(box.envelope, box.envelope_len, &box.crypto, box.key, RIG_KEYS, 2, 0, &out, &why),
          DURA_EAUTH);
    dt_eq(why, DURA_WHY_SIGNATURE | DURA_WHY_THRESHOLD);
}

/* ---- building ------------------------------------------------------------------------ */

static int build(const dura_gate_config *c, const dura_gate_hooks *h)
{
    return dura_gate_init(&box.ram.gate, box.ram.object, sizeof box.ram.object, c, h, &box.port);
}

DT_TEST(gate_init, refuses_what_cannot_work)
{
    static const struct { const char *row; size_t off, width; uint64_t value; } rows[] = {
        {"no key", offsetof(dura_gate_config, n_keys), 1, 0},
        {"nine keys", offsetof(dura_gate_config, n_keys), 1, 9},
        {"no threshold", offsetof(dura_gate_config, threshold), 1, 0},
        {"threshold above", offsetof(dura_gate_config, threshold), 1, 5},
        {"a role nobody has", offsetof(dura_gate_config, roles), 1, 1 << 5},
        {"clock 5", offsetof(dura_gate_config, min_clock), 1, 5},
        {"no probation", offsetof(dura_gate_config, probation_frames), 4, 0},
        {"probation above 2^31", offsetof(dura_gate_config, probation_frames), 4, 0x80000001u},
        {"minute 1440", offsetof(dura_gate_config, window_begin), 2, 1440},
        {"1441 minutes", offsetof(dura_gate_config, window_minutes), 2, 1441},
        {"fresh 2", offsetof(dura_gate_config, fresh), 4, 2},
        {"no component", offsetof(dura_gate_config, components), 4, 0},
        {"component 4", offsetof(dura_gate_config, components), 4, 1 << 4},
        {"version of component 0", offsetof(dura_gate_config, version), 8, 1},
        {"struct too small", offsetof(dura_gate_config, struct_size), 4, 8},
    };
    dura_gate_hooks h = rig_hooks;
    rig_init(&box);
    h.user = &box;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        dura_gate_config c = box.cfg;
        rig_poke((uint8_t *)&c + rows[i].off, rows[i].value, rows[i].width);
        dt_eq(build(&c, &h), DURA_EINVAL, "%s", rows[i].row);
        dt_eq(dura_gate_bytes(&c), 0, "%s", rows[i].row);
        dt_ok(box.ram.gate == NULL);
    }
    static const char *const names[] = {NULL, "", "*", "0123456789012345678901234567890123456789012345678901234567890123"};
    for (size_t i = 0; i < 4; i++) {
        dura_gate_config c = box.cfg;
        c.device = names[i];
        dt_eq(build(&c, &h), DURA_EINVAL, "device %zu", i);
    }
    dura_gate_config c = box.cfg;
    dt_eq(build(&c, NULL), DURA_EINVAL);
    dt_eq(build(NULL, &h), DURA_EINVAL);
    h.keep = NULL;
    dt_eq(build(&c, &h), DURA_EINVAL, "a hook is missing");
    dt_ok(dura_gate_bytes(&c) > 1000 && dura_gate_bytes(&c) <= sizeof box.ram.object);
}

DT_TEST(gate_init, says_what_the_port_lacks)
{
    dura_gate_hooks h = rig_hooks;
    dura_gate *g;
    h.user = &box;
    rig_init(&box);
    dt_eq(dura_gate_init(NULL, box.ram.object, 4096, &box.cfg, &h, &box.port), DURA_EINVAL);
    dt_eq(dura_gate_init(&g, NULL, 4096, &box.cfg, &h, &box.port), DURA_EINVAL);
    dt_eq(dura_gate_init(&g, (uint8_t *)box.ram.object + 4, 4000, &box.cfg, &h, &box.port), DURA_EALIGN);
    dt_eq(dura_gate_init(&g, box.ram.object, dura_gate_bytes(&box.cfg) - 1, &box.cfg, &h, &box.port), DURA_ENOSPC);
    dt_eq(dura_gate_init(&g, box.ram.object, dura_gate_bytes(&box.cfg), &box.cfg, &h, &box.port), DURA_OK);
    box.crypto.verify = NULL;
    dt_eq(build(&box.cfg, &h), DURA_ENOTSUP, "no verify");
    rig_init(&box);
    box.crypto.hash_final = NULL;
    dt_eq(build(&box.cfg, &h), DURA_ENOTSUP, "no hash");
    rig_init(&box);
    box.port.crypto = NULL;
    dt_eq(build(&box.cfg, &h), DURA_ENOTSUP, "no provider");
    rig_init(&box);
    box.port.region[DURA_REGION_JOURNAL] = NULL;
    dt_eq(build(&box.cfg, &h), DURA_ENOTSUP, "no journal");
    rig_init(&box);
    box.region[0].outer.size = 1024;
    dt_eq(build(&box.cfg, &h), DURA_EINVAL, "one erase block");
    box.region[0].outer.size = 2048;
    dt_eq(build(&box.cfg, &h), DURA_OK, "two");
    box.region[0].outer.prog_size = 1024;
    dt_eq(build(&box.cfg, &h), DURA_EINVAL, "programs more than a chunk at a time");
    rig_init(&box);
    box.power.fail_mask = DT_READ;
    box.power.fail_at = 2;
    dt_eq(build(&box.cfg, &h), DT_EFAULT, "the journal cannot be read");
}

DT_TEST(gate_init, offers_its_calls_as_a_table)
{
    const dura_gate_calls *t = dura_gate_part();
    dt_eq(t->struct_size, sizeof *t);
    dt_ok(t->bytes == dura_gate_bytes && t->init == dura_gate_init && t->start == dura_gate_start);
    dt_ok(t->offer == dura_gate_offer && t->write == dura_gate_write && t->step == dura_gate_step);
    dt_ok(t->reset == dura_gate_reset && t->query == dura_gate_query);
}

DT_TEST(gate_init, every_call_refuses_null)
{
    dura_gate_status s = DURA_GATE_STATUS_INIT;
    rig_init(&box);
    rig_boot(&box);
    dt_eq(dura_gate_start(NULL), DURA_EINVAL);
    dt_eq(dura_gate_offer(NULL, "", 0, &box.now), DURA_EINVAL);
    dt_eq(dura_gate_offer(box.ram.gate, NULL, 1, &box.now), DURA_EINVAL);
    dt_eq(dura_gate_offer(box.ram.gate, "", 1, NULL), DURA_EINVAL);
    dt_eq(dura_gate_write(box.ram.gate, 0, NULL, 1, &box.now), DURA_EINVAL);
    dt_eq(dura_gate_step(box.ram.gate, NULL, 1), DURA_EINVAL);
    dt_eq(dura_gate_reset(box.ram.gate, NULL), DURA_EINVAL);
    dt_eq(dura_gate_query(box.ram.gate, NULL), DURA_EINVAL);
    s.struct_size = 4;
    dt_eq(dura_gate_query(box.ram.gate, &s), DURA_EINVAL);
    dt_eq(dura_gate_start(box.ram.gate), DURA_ESTATE, "twice");
}

/* ---- the way through ------------------------------------------------------------------ */

DT_TEST(gate_step, takes_a_brain_from_offer_to_commit)
{
    static const uint8_t way[] = {DURA_GATE_RECEIVED, DURA_GATE_STAGING, DURA_GATE_STAGED, DURA_GATE_ACCEPTED,
                                  DURA_GATE_ARMED, DURA_GATE_ACTIVATING, DURA_GATE_PROBATION, DURA_GATE_COMMITTED};
    uint8_t digest[32];
    rig_init(&box);
    dt_eq(rig_boot(&box), 0, "the factory model");
    dt_eq(rig_status(&box).state, DURA_GATE_IDLE);
    dt_eq(rig_status(&box).seq, 0);
    rig_prepare(&box, 5);
    dt_eq(rig_update(&box), DURA_GATE_COMMITTED);
    dura_gate_status s = rig_status(&box);
    dt_eq(s.slot, 1);
    dt_eq(s.version[DURA_COMPONENT_BRAIN], 5);
    dt_eq(s.floor_[DURA_COMPONENT_BRAIN], 5);
    dt_eq(s.component, 0, "none in hand");
    dt_eq(s.why, 0);
    dt_ok(s.seq <= 16, "%llu records", (unsigned long long)s.seq);
    rig_digest(digest, box.image, box.image_len);
    dt_mem(s.digest, digest, 32);
    dt_eq(box.ram.runs, 40, "every golden vector");
    dt_ok(rig_drives(&box) == 5.0f);
    dt_eq(box.facts, sizeof way);
    for (uint32_t i = 0; i < sizeof way; i++) {
        const dura_fact *f = &box.fact[i];
        dt_eq(f->kind, DURA_FACT_RELEASE);
        dt_eq(f->value[0], i ? way[i - 1] : DURA_GATE_IDLE);
        dt_eq(f->value[1], way[i]);
        dt_eq(f->value[2], 5);
        dt_eq(f->value[3], 0);
        dt_eq(f->component, DURA_COMPONENT_BRAIN);
        dt_eq(f->severity, 1);
        dt_eq(f->log, DURA_LOG_SECURITY);
        dt_eq(f->channel, DURA_NONE);
    }
    rig_prepare(&box, 6);
    dt_eq(rig_update(&box), DURA_GATE_COMMITTED);
    dt_eq(rig_status(&box).slot, 2);
    dt_eq(rig_boot(&box), 2);
    dt_ok(rig_drives(&box) == 6.0f);
}

DT_TEST(gate_step, keeps_to_its_budget)
{
    rig_init(&box);
    rig_boot(&box);
    rig_prepare(&box, 5);
    dt_eq(dura_gate_step(box.ram.gate, &box.now, 100), 0, "nothing to do");
    dt_eq(rig_offer(&box), DURA_OK);
    dt_eq(dura_gate_step(box.ram.gate, &box.now, 100), 0, "bytes are missing");
    dt_eq(rig_status(&box).why, DURA_WHY_INCOMPLETE);
    dt_eq(rig_send(&box, 1), DURA_OK, "byte by byte");
    dt_eq(dura_gate_step(box.ram.gate, &box.now, 0), 0);
    for (uint32_t spent = 0; rig_status(&box).state != DURA_GATE_COMMITTED; spent++) {
        uint32_t before = box.region[0].flash.progs, runs = box.ram.runs, chunks = box.region[1].flash.reads;
        int rc = dura_gate_step(box.ram.gate, &box.now, 1);
        dt_ok(rc == 0 || rc == 1, "%d", rc);
        dt_ok(box.region[0].flash.progs - before + box.ram.runs - runs + box.region[1].flash.reads - chunks <= 1);
        dt_ok(spent < 200);
    }
    rig_prepare(&box, 6);
    dt_eq(rig_offer(&box), DURA_OK);
    dt_eq(rig_send(&box, 2000), DURA_OK, "at once");
    dt_ok(dura_gate_step(box.ram.gate, &box.now, UINT32_MAX) > 40);
    dt_eq(rig_until(&box, DURA_GATE_COMMITTED), DURA_GATE_COMMITTED);
}

DT_TEST(gate_step, authorises_policy_and_box_without_bytes)
{
    static const uint8_t components[] = {DURA_COMPONENT_POLICY, DURA_COMPONENT_BOX};
    for (uint32_t i = 0; i < 2; i++) {
        rig_init(&box);
        rig_boot(&box);
        dura_release r = rig_release(&box, components[i], 3);
        rig_envelope(&box, &r);
        dt_eq(rig_offer(&box), DURA_OK);
        dt_eq(dura_gate_write(box.ram.gate, 0, "x", 1, &box.now), DURA_ESTATE);
        dt_eq(rig_until(&box, DURA_GATE_COMMITTED), DURA_GATE_COMMITTED);
        dura_gate_status s = rig_status(&box);
        dt_eq(s.version[components[i]], 3);
        dt_eq(s.floor_[components[i]], 3);
        dt_eq(s.version[DURA_COMPONENT_BRAIN], 0);
        uint8_t none[32] = {0};
        dt_mem(s.policy, i ? none : r.digest, 32);
        dt_eq(box.ram.opens, 0);
        rig_boot(&box);
        s = rig_status(&box);
        dt_mem(s.policy, i ? none : r.digest, 32, "after a restart");
        dt_eq(rig_offer(&box), DURA_EDENIED, "a5: again");
        dt_eq(rig_status(&box).why, DURA_WHY_VERSION);
    }
}

DT_TEST(gate_write, a9_f10_takes_bytes_in_order_and_no_more_than_signed)
{
    rig_init(&box);
    rig_boot(&box);
    rig_prepare(&box, 5);
    dt_eq(dura_gate_write(box.ram.gate, 0, box.image, 1, &box.now), DURA_ESTATE, "nothing offered");
    dt_eq(rig_offer(&box), DURA_OK);
    dt_eq(rig_offer(&box), DURA_ESTATE, "f10: one is in hand");
    dt_eq(dura_gate_write(box.ram.gate, 1, box.image, 1, &box.now), DURA_EINVAL);
    dt_eq(dura_gate_write(box.ram.gate, 0, box.image, box.image_len + 1, &box.now), DURA_ELIMIT, "a9");
    dt_eq(dura_gate_write(box.ram.gate, 0, box.image, 0, &box.now), DURA_OK);
    dt_eq(rig_status(&box).state, DURA_GATE_RECEIVED);
    dt_eq(dura_gate_write(box.ram.gate, 0, box.image, 10, &box.now), DURA_OK);
    dt_eq(rig_status(&box).offset, 10);
    dt_eq(dura_gate_write(box.ram.gate, 0, box.image, 10, &box.now), DURA_EINVAL, "again");
    dt_eq(dura_gate_write(box.ram.gate, 10, box.image + 10, box.image_len - 10, &box.now), DURA_OK);
    dt_eq(dura_gate_write(box.ram.gate, box.image_len, box.image, 1, &box.now), DURA_ELIMIT, "a9: one byte more");
    dt_eq(rig_until(&box, DURA_GATE_COMMITTED), DURA_GATE_COMMITTED);
}

DT_TEST(gate_write, f4_half_an_image_is_waited_for_and_never_opened)
{
    with_five();
    uint32_t opens = box.ram.opens;
    rig_prepare(&box, 6);
    dt_eq(rig_offer(&box), DURA_OK);
    for (size_t at = 0; at < box.image_len; at++) {
        dt_eq(dura_gate_write(box.ram.gate, at, box.image + at, 1, &box.now), DURA_OK, "byte %zu", at);
        if (at + 1 == box.image_len)
            break;
        dt_eq(dura_gate_step(box.ram.gate, &box.now, 9), 0, "byte %zu", at);
        dt_eq(rig_status(&box).why, DURA_WHY_INCOMPLETE, "byte %zu", at);
        dt_eq(rig_status(&box).state, DURA_GATE_STAGING, "byte %zu", at);
    }
    dt_eq(box.ram.opens, opens);
    dt_eq(rig_until(&box, DURA_GATE_COMMITTED), DURA_GATE_COMMITTED);
}

DT_TEST(gate_write, f10_another_component_waits_until_this_one_is_through)
{
    static const uint8_t others[] = {DURA_COMPONENT_BOX, DURA_COMPONENT_POLICY, DURA_COMPONENT_BRAIN};
    with_five();
    rig_prepare(&box, 6);
    dt_eq(rig_offer(&box), DURA_OK);
    dt_eq(rig_send(&box, 700), DURA_OK);
    box.frames_stop = 1;
    dt_eq(rig_until(&box, DURA_GATE_PROBATION), DURA_GATE_PROBATION);
    uint64_t seq = rig_status(&box).seq;
    for (size_t i = 0; i < sizeof others; i++) {
        dura_release r = rig_release(&box, others[i], 9);
        rig_envelope(&box, &r);
        dt_eq(rig_offer(&box), DURA_ESTATE, "component %u", others[i]);
        dt_eq(rig_status(&box).candidate, 6, "component %u", others[i]);
        dt_eq(rig_status(&box).seq, seq, "component %u: nothing is written", others[i]);
    }
    box.frames_stop = 0;
    dt_eq(rig_until(&box, DURA_GATE_COMMITTED), DURA_GATE_COMMITTED);
    dura_release r = rig_release(&box, DURA_COMPONENT_BOX, 9);
    rig_envelope(&box, &r);
    dt_eq(rig_update(&box), DURA_GATE_COMMITTED, "now it may");
}

DT_TEST(gate_write, f4_goes_on_where_the_journal_says)
{
    rig_init_as(&box, 1024, 16, 0x00, 1);
    rig_boot(&box);
    rig_prepare(&box, 5);
    dt_eq(rig_offer(&box), DURA_OK);
    dt_eq(dura_gate_write(box.ram.gate, 0, box.image, 511, &box.now), DURA_OK);
    rig_reboot(&box, DT_KEPT, 1);
    dt_eq(rig_boot(&box), 0);
    dt_eq(rig_status(&box).state, DURA_GATE_STAGING);
    dt_eq(rig_status(&box).offset, 0, "less than 64 KiB is not noted");
    dt_eq(rig_update(&box), DURA_GATE_COMMITTED);
    dt_eq(box.region[1].flash.violations, 0);
}

DT_TEST(gate_write, f2_every_failing_call_leaves_the_state_and_can_be_tried_again)
{
    static const uint32_t kinds[] = {DT_PROG, DT_PROG, DT_ERASE, DT_ERASE, DT_SYNC, DT_READ,
                                     DT_HASH, DT_MAC,  DT_VERIFY};
    uint32_t runs = 0;
    for (uint32_t half = 0; half < 2; half++)
        for (uint32_t k = 0; k < sizeof kinds / sizeof *kinds; k++)
            for (uint32_t at = 1;; at++, runs++) {
                rig_init_as(&box, k % 2 ? 512 : 2048, 64, 0xFF, 1);
                rig_boot(&box);
                rig_prepare(&box, 5);
                box.power.fail_mask = kinds[k];
                box.power.fail_at = at;
                box.power.fail_times = 1;
                box.power.fail_half = (uint8_t)half;
                box.power.calls = 0;
                int tries = 0;
                while (rig_update(&box) != DURA_GATE_COMMITTED)
                    dt_ok(++tries < 5, "kind %u call %u: state %d", kinds[k], at, rig_status(&box).state);
                dt_ok(rig_drives(&box) == 5.0f, "kind %u call %u", kinds[k], at);
                dt_eq(box.region[0].flash.violations + box.region[1].flash.violations, 0, "kind %u call %u", kinds[k], at);
                uint32_t reached = box.power.calls >= at;
                rig_reboot(&box, DT_NOOP, 1);
                dt_eq(rig_boot(&box), 1, "kind %u call %u", kinds[k], at);
                if (!reached)
                    break;
            }
    dt_ok(runs > 100, "%u", runs);
}

DT_TEST(gate_step, f2_a_write_that_did_not_happen_is_noticed)
{
    with_five();
    rig_prepare(&box, 6);
    box.prog_lies = 2;
    dt_eq(rig_offer(&box), DURA_EIO);
    dt_eq(rig_status(&box).state, DURA_GATE_COMMITTED);
    dt_eq(rig_update(&box), DURA_GATE_COMMITTED);
    dt_ok(rig_drives(&box) == 6.0f);
}

DT_TEST(gate_step, f2_a_write_that_failed_and_happened_never_ties_with_the_next)
{
    with_five();
    rig_prepare(&box, 6);
    box.prog_lies = 1;
    dt_eq(rig_offer(&box), DT_EFAULT);
    dt_eq(rig_status(&box).state, DURA_GATE_COMMITTED);
    rig_prepare(&box, 7);
    dt_eq(rig_offer(&box), DURA_OK);
    rig_boot(&box);
    dt_eq(rig_status(&box).candidate, 7);
    dt_eq(rig_update(&box), DURA_GATE_COMMITTED);
    dt_ok(rig_drives(&box) == 7.0f);
}

/* ---- refusals -------------------------------------------------------------------------- */

DT_TEST(gate_offer, a1_unsigned_changes_nothing_and_wears_nothing)
{
    static const int nobody[] = {50};
    uint8_t p[512];
    with_five();
    dura_gate_status before = rig_status(&box);
    dura_release r = rig_release(&box, DURA_COMPONENT_BRAIN, 6);
    size_t n = rig_payload(&r, p, sizeof p);
    rig_envelope_of(&box, DURA_RELEASE_TYPE, p, n, nobody, 1);
    uint32_t progs = box.region[0].flash.progs;
    for (int i = 0; i < 10; i++)
        dt_eq(rig_offer(&box), DURA_EAUTH);
    dt_eq(box.region[0].flash.progs, progs, "no record for what nobody signed");
    dura_gate_status after = rig_status(&box);
    dt_eq(after.state, DURA_GATE_REJECTED);
    dt_eq(after.why, DURA_WHY_SIGNATURE | DURA_WHY_THRESHOLD | DURA_WHY_ROLE);
    dt_eq(after.seq, before.seq);
    dt_eq(after.candidate, 0);
    dt_eq(box.facts, 10);
    dt_eq(box.fact[0].severity, 6);
    dt_eq(box.fact[0].value[3], after.why);
    box.envelope[0] ^= 1;
    dt_eq(rig_offer(&box), DURA_ECORRUPT);
    dt_eq(rig_status(&box).why, DURA_WHY_FORMAT);
    memset(box.envelope, 0x20, sizeof box.envelope);
    box.envelope_len = DURA_RELEASE_MAX + 1;
    dt_eq(rig_offer(&box), DURA_ECORRUPT, "a9: larger than an envelope may be");
    rig_boot(&box);
    dt_eq(rig_status(&box).state, DURA_GATE_COMMITTED, "and is forgotten");
}

DT_TEST(gate_offer, a5_a7_a8_a9_a10_says_why_an_authentic_release_is_refused)
{
    dura_release r;
    with_five();
    rig_brain(&box, 6.0f, 3);
    r = rig_release(&box, DURA_COMPONENT_BRAIN, 5);
    refused(&r, DURA_EDENIED, DURA_WHY_VERSION, "a5: the one that runs");
    r = rig_release(&box, DURA_COMPONENT_BRAIN, 4);
    refused(&r, DURA_EDENIED, DURA_WHY_VERSION, "a5: an older one");
    r = rig_release(&box, DURA_COMPONENT_BRAIN, 6);
    memcpy(r.device, "press-8", 8);
    refused(&r, DURA_EDENIED, DURA_WHY_DEVICE, "a10: another device");
    memcpy(r.device, "press-70", 9);
    refused(&r, DURA_EDENIED, DURA_WHY_DEVICE, "a10: a longer name");
    memcpy(r.device, "press-", 7);
    refused(&r, DURA_EDENIED, DURA_WHY_DEVICE, "a10: a shorter one");
    r = rig_release(&box, DURA_COMPONENT_BRAIN, 6);
    r.not_after_s = 1699999999;
    refused(&r, DURA_EDENIED, DURA_WHY_EXPIRED, "a7: expired a second ago");
    r.not_after_s = 0;
    r.not_before_s = 1700000001;
    refused(&r, DURA_EDENIED, DURA_WHY_NOT_YET, "a second too early");
    r.not_before_s = 0;
    memset(r.policy, 0x34, 32);
    refused(&r, DURA_EDENIED, DURA_WHY_POLICY, "a8: for another policy");
    r = rig_release(&box, DURA_COMPONENT_BRAIN, 6);
    r.length = RIG_SLOT + 1;
    refused(&r, DURA_EDENIED, DURA_WHY_SIZE, "a9: larger than the slot");
    box.arena_cap = 100;
    r.length = 101;
    refused(&r, DURA_EDENIED, DURA_WHY_SIZE, "a9: larger than the arena");
    memcpy(r.device, "other", 6);
    r.version = r.floor_ = 2;
    refused(&r, DURA_EDENIED, DURA_WHY_SIZE | DURA_WHY_DEVICE | DURA_WHY_VERSION, "all reasons at once");
    uint32_t progs = box.region[0].flash.progs;
    refused(&r, DURA_EDENIED, DURA_WHY_SIZE | DURA_WHY_DEVICE | DURA_WHY_VERSION, "the same again");
    dt_eq(box.region[0].flash.progs, progs, "is noted once");
}

DT_TEST(gate_offer, a10_only_components_the_device_takes)
{
    rig_init(&box);
    box.cfg.components = 1u << DURA_COMPONENT_BRAIN;
    rig_boot(&box);
    dura_release r = rig_release(&box, DURA_COMPONENT_BOX, 3);
    rig_envelope(&box, &r);
    dt_eq(rig_offer(&box), DURA_EDENIED);
    dt_eq(rig_status(&box).why, DURA_WHY_COMPONENT);
    rig_init(&box);
    box.port.region[DURA_REGION_SLOT_B] = NULL;
    rig_boot(&box);
    rig_prepare(&box, 5);
    dt_eq(rig_offer(&box), DURA_EDENIED, "one slot only");
    dt_eq(rig_status(&box).why, DURA_WHY_COMPONENT);
}

DT_TEST(gate_offer, a10_takes_a_release_for_any_device_and_this_policy)
{
    with_five();
    rig_brain(&box, 6.0f, 3);
    dura_release r = rig_release(&box, DURA_COMPONENT_BRAIN, 6);
    memcpy(r.device, "*", 2);
    memcpy(r.policy, box.cfg.policy, 32);
    r.not_before_s = 1700000000;
    r.not_after_s = 1700000000;
    rig_envelope(&box, &r);
    dt_eq(rig_update(&box), DURA_GATE_COMMITTED);
}

DT_TEST(gate_offer, a5_the_floor_rises_at_commit_and_forbids_what_is_below)
{
    with_five();
    rig_brain(&box, 9.0f, 3);
    dura_release r = rig_release(&box, DURA_COMPONENT_BRAIN, 9);
    r.floor_ = 2; /* a floor never falls */
    rig_envelope(&box, &r);
    dt_eq(rig_offer(&box), DURA_OK);
    dt_eq(rig_status(&box).floor_[DURA_COMPONENT_BRAIN], 5);
    dt_eq(rig_update(&box), DURA_GATE_COMMITTED);
    dt_eq(rig_status(&box).floor_[DURA_COMPONENT_BRAIN], 5);
    dt_eq(rig_status(&box).version[DURA_COMPONENT_BRAIN], 9);
}

DT_TEST(gate_offer, a6_one_release_cannot_use_up_the_versions)
{
    static const struct { uint64_t max_jump, version; uint32_t why; } rows[] = {
        {0, 5 + DURA_GATE_JUMP, 0}, {0, 6 + DURA_GATE_JUMP, DURA_WHY_JUMP}, {0, UINT64_MAX, DURA_WHY_JUMP},
        {10, 15, 0}, {10, 16, DURA_WHY_JUMP}, {UINT64_MAX, UINT64_MAX, 0}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        with_five();
        box.cfg.max_jump = rows[i].max_jump;
        rig_boot(&box);
        rig_prepare(&box, rows[i].version);
        dt_eq(rig_offer(&box), rows[i].why ? DURA_EDENIED : DURA_OK, "row %zu", i);
        dt_eq(rig_status(&box).why, rows[i].why, "row %zu", i);
    }
    with_five();
    box.cfg.max_jump = 10;
    dura_release r = rig_release(&box, DURA_COMPONENT_BOX, 40);
    r.floor_ = 3;
    rig_envelope(&box, &r);
    rig_boot(&box);
    dt_eq(rig_offer(&box), DURA_EDENIED, "each component counts by itself");
    box.cfg.fresh = 0;
    memset(box.region[0].flash.live, 0xFF, RIG_JOURNAL);
    memset(box.region[0].flash.durable, 0xFF, RIG_JOURNAL);
    dt_eq(rig_boot(&box), DURA_EDENIED, "the journal is lost");
    rig_prepare(&box, 1000000);
    dt_eq(rig_update(&box), DURA_GATE_COMMITTED, "and with it how far the versions had come");
}

DT_TEST(gate_offer, a6_a_brain_that_rotted_does_not_free_the_other_versions)
{
    with_five();
    box.cfg.max_jump = 10;
    rig_boot(&box);
    dura_release r = rig_release(&box, DURA_COMPONENT_BOX, 3);
    rig_envelope(&box, &r);
    dt_eq(rig_update(&box), DURA_GATE_COMMITTED);
    dt_flash_flip(&box.region[1].flash, 50, 4);
    dt_eq(rig_boot(&box), DURA_EDENIED);
    dt_eq(rig_status(&box).state, DURA_GATE_SAFE);
    r = rig_release(&box, DURA_COMPONENT_BOX, 40);
    rig_envelope(&box, &r);
    dt_eq(rig_offer(&box), DURA_EDENIED, "its version is known");
    dt_eq(rig_status(&box).why, DURA_WHY_JUMP);
    rig_prepare(&box, 1000000);
    dt_eq(rig_update(&box), DURA_GATE_COMMITTED, "the brain's is not");
}

/* Offer and, when it is taken, commit a box or policy release with needs. */
static uint32_t release_with(uint8_t component, uint64_t version, uint32_t of, uint32_t least, uint32_t most)
{
    dura_release r = rig_release(&box, component, version);
    r.need_min[of] = least;
    r.need_max[of] = most;
    rig_envelope(&box, &r);
    int rc = rig_offer(&box);
    if (rc == DURA_OK && component == DURA_COMPONENT_BRAIN)
        dt_eq(rig_send(&box, 500), DURA_OK);
    if (rc == DURA_OK)
        dt_eq(rig_until(&box, DURA_GATE_COMMITTED), DURA_GATE_COMMITTED);
    dt_eq(rc, rig_status(&box).why ? DURA_EDENIED : DURA_OK);
    return rig_status(&box).why;
}

DT_TEST(gate_offer, a8_components_fit_each_other_both_ways)
{
    with_five();
    rig_brain(&box, 6.0f, 3);
    dt_eq(release_with(DURA_COMPONENT_BRAIN, 6, DURA_COMPONENT_BOX, 2, UINT32_MAX), DURA_WHY_REQUIRES, "no firmware yet");
    dt_eq(release_with(DURA_COMPONENT_BOX, 2, DURA_COMPONENT_BRAIN, 7, 9), DURA_WHY_REQUIRES, "brain 5 is too old for it");
    dt_eq(release_with(DURA_COMPONENT_BOX, 2, DURA_COMPONENT_BRAIN, 4, 6), 0);
    dt_eq(release_with(DURA_COMPONENT_BRAIN, 6, DURA_COMPONENT_BOX, 2, 3), 0);
    rig_brain(&box, 7.0f, 3);
    dt_eq(release_with(DURA_COMPONENT_BRAIN, 7, DURA_COMPONENT_BOX, 2, 3), DURA_WHY_REQUIRES, "the firmware takes up to 6");
    dt_eq(release_with(DURA_COMPONENT_BOX, 4, DURA_COMPONENT_BRAIN, 6, 9), DURA_WHY_REQUIRES, "the brain takes up to 3");
    rig_boot(&box);
    dt_eq(release_with(DURA_COMPONENT_BOX, 4, 0, 0, 0), DURA_WHY_REQUIRES, "also after a restart");
    dt_eq(release_with(DURA_COMPONENT_BOX, 3, DURA_COMPONENT_BRAIN, 6, 9), 0, "one that fits both");
    dt_eq(release_with(DURA_COMPONENT_POLICY, 1, DURA_COMPONENT_BOX, 4, 4), DURA_WHY_REQUIRES);
    dt_eq(release_with(DURA_COMPONENT_POLICY, 1, DURA_COMPONENT_BOX, 3, UINT32_MAX), 0);
}

DT_TEST(gate_start, a8_a_slot_that_does_not_fit_the_firmware_is_not_gone_back_to)
{
    dura_release r;
    rig_init(&box);
    rig_boot(&box);
    rig_brain(&box, 5.0f, 3);
    r = rig_release(&box, DURA_COMPONENT_BRAIN, 5);
    r.floor_ = 0;
    r.need_max[DURA_COMPONENT_BOX] = 1;
    rig_envelope(&box, &r);
    dt_eq(rig_update(&box), DURA_GATE_COMMITTED);
    rig_brain(&box, 6.0f, 3);
    r = rig_release(&box, DURA_COMPONENT_BRAIN, 6);
    r.floor_ = 0;
    rig_envelope(&box, &r);
    dt_eq(rig_update(&box), DURA_GATE_COMMITTED);
    dt_eq(release_with(DURA_COMPONENT_BOX, 2, DURA_COMPONENT_BRAIN, 6, UINT32_MAX), 0);
    dt_flash_flip(&box.region[2].flash, 50, 4);
    dt_eq(rig_boot(&box), DURA_EDENIED, "5 wants firmware 1, the firmware wants 6, so not the factory's either");
    dt_eq(rig_status(&box).state, DURA_GATE_SAFE);
}

/* ---- bytes, model, golden vectors -------------------------------------------------------- */

DT_TEST(gate_step, a16_rejects_bytes_that_are_not_those_signed)
{
    with_five();
    rig_prepare(&box, 6);
    dt_eq(rig_offer(&box), DURA_OK);
    box.image[1000 % box.image_len] ^= 1;
    dt_eq(rig_send(&box, 300), DURA_OK);
    dt_eq(rig_until(&box, DURA_GATE_REJECTED), DURA_GATE_REJECTED);
    dt_eq(rig_status(&box).why, DURA_WHY_DIGEST);
    dt_eq(box.ram.opens, 1, "nothing of it was interpreted");
    dt_ok(rig_drives(&box) == 5.0f);
    rig_prepare(&box, 6);
    dt_eq(rig_update(&box), DURA_GATE_COMMITTED, "and once more, with the right ones");
}

DT_TEST(gate_step, a16_rejects_another_intact_brain_that_took_its_place)
{
    with_five();
    rig_prepare(&box, 6);
    dt_eq(rig_offer(&box), DURA_OK);
    dt_eq(rig_send(&box, 300), DURA_OK);
    dt_eq(rig_until(&box, DURA_GATE_STAGED), DURA_GATE_STAGED);
    rig_brain(&box, 9.0f, 40);
    memcpy(box.region[2].flash.live, box.image, box.image_len);
    dt_eq(rig_until(&box, DURA_GATE_REJECTED), DURA_GATE_REJECTED);
    dt_eq(rig_status(&box).why, DURA_WHY_DIGEST);
    dt_ok(rig_drives(&box) == 5.0f);
}

/* Make the image wrong before it is signed. */
static void signed_wrong(void (*change)(void), uint32_t why, uint32_t opens, const char *row)
{
    with_five();
    uint32_t opened = box.ram.opens;
    rig_brain(&box, 6.0f, 3);
    if (change)
        change();
    dura_release r = rig_release(&box, DURA_COMPONENT_BRAIN, 6);
    rig_envelope(&box, &r);
    dt_eq(rig_offer(&box), DURA_OK, "%s", row);
    dt_eq(rig_send(&box, 300), DURA_OK, "%s", row);
    dt_eq(rig_until(&box, DURA_GATE_REJECTED), DURA_GATE_REJECTED, "%s", row);
    dt_eq(rig_status(&box).why, why, "%s", row);
    dt_eq(box.ram.opens - opened, opens, "%s", row);
    dt_eq(box.ram.candidate, RIG_ELSEWHERE, "%s: it is still open", row);
    dt_ok(rig_drives(&box) == 5.0f, "%s", row);
    dt_eq(box.fact[(box.facts - 1) % 64].severity, 6, "%s", row);
}

static void no_image(void) { box.image[0] = 0; }
static void no_golden(void)
{
    durai_put32(box.image + 32, 64);
    recrc();
}
static void no_model(void)
{
    durai_put32(box.image + 16, 64);
    durai_put32(box.image + 32, 65);
    recrc();
}
static void wrong_answer(void)
{
    durai_put32(box.image + 72 + 8, durai_f32_bits(6.6f));
    recrc();
}
static void last_wrong(void)
{
    durai_put32(box.image + 72 + 24 + 8, durai_f32_bits(8.5f + 0.0021f));
    recrc();
}
static void not_finite(void)
{
    durai_put32(box.image + 72 + 8, 0x7FC00000u);
    recrc();
}
static void endless_tolerance(void)
{
    durai_put32(box.image + 68, durai_f32_bits(3e38f));
    durai_put32(box.image + 72 + 8, durai_f32_bits(3e38f));
    recrc();
}
static void negative_tolerance(void)
{
    durai_put32(box.image + 64, durai_f32_bits(-1.0f));
    recrc();
}
static void many_vectors(void)
{
    durai_put32(box.image + 56, 4);
    recrc();
}
static void no_vectors(void)
{
    durai_put32(box.image + 56, 0);
    recrc();
}
static void no_weights(void)
{
    box.image[48] = 'X';
    recrc();
}

DT_TEST(gate_step, f9_rejects_a_model_that_does_not_open_or_answers_wrong)
{
    signed_wrong(no_image, DURA_WHY_OPEN, 0, "no image");
    signed_wrong(no_model, DURA_WHY_OPEN, 0, "no model");
    signed_wrong(no_weights, DURA_WHY_OPEN, 0, "the backend does not take it");
    signed_wrong(no_golden, DURA_WHY_GOLDEN, 0, "no golden section");
    signed_wrong(no_vectors, DURA_WHY_GOLDEN, 0, "no golden vector");
    signed_wrong(many_vectors, DURA_WHY_GOLDEN, 0, "more vectors than bytes");
    signed_wrong(negative_tolerance, DURA_WHY_GOLDEN, 0, "negative tolerance");
    signed_wrong(wrong_answer, DURA_WHY_GOLDEN, 1, "wrong answer");
    signed_wrong(last_wrong, DURA_WHY_GOLDEN, 1, "the last one just outside");
    signed_wrong(not_finite, DURA_WHY_GOLDEN, 1, "wants NaN");
    signed_wrong(endless_tolerance, DURA_WHY_GOLDEN, 1, "a tolerance that passes everything");
}

DT_TEST(gate_step, f9_rejects_a_model_whose_answer_is_not_finite_or_late)
{
    static const struct { const char *row; float off; int code; } rows[] = {
        {"infinite", 3e38f * 10.0f, 0}, {"late", 0.0f, DURA_ETIME}, {"fails", 0.0f, -777}, {"off", 0.01f, 0}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        with_five();
        rig_prepare(&box, 6);
        box.run_off = rows[i].off;
        box.run_code = rows[i].code;
        dt_eq(rig_update(&box), DURA_GATE_REJECTED, "%s", rows[i].row);
        dt_eq(rig_status(&box).why, DURA_WHY_GOLDEN, "%s", rows[i].row);
    }
    with_five();
    rig_prepare(&box, 6);
    box.run_off = 0.0009f;
    dt_eq(rig_update(&box), DURA_GATE_COMMITTED, "within the tolerance");
}

DT_TEST(gate_step, waits_for_an_arena)
{
    with_five();
    rig_prepare(&box, 6);
    box.arena_busy = 1;
    dt_eq(rig_update(&box), DURA_GATE_STAGED);
    dt_eq(rig_status(&box).why, DURA_WHY_BUSY);
    box.arena_busy = 0;
    box.arena_cap = 64;
    dt_eq(rig_until(&box, DURA_GATE_REJECTED), DURA_GATE_REJECTED);
    dt_eq(rig_status(&box).why, DURA_WHY_SIZE);
}

/* ---- the switch ---------------------------------------------------------------------------- */

static void arm(uint64_t version)
{
    rig_prepare(&box, version);
    dt_eq(rig_offer(&box), DURA_OK);
    dt_eq(rig_send(&box, 700), DURA_OK);
    dt_eq(rig_until(&box, DURA_GATE_ARMED), DURA_GATE_ARMED);
}

DT_TEST(gate_armed, waits_while_an_incident_or_a_stop_stands)
{
    static const uint32_t bits[] = {DURA_WHY_INCIDENT, DURA_WHY_STOPPED, DURA_WHY_INCIDENT | DURA_WHY_STOPPED};
    for (uint32_t i = 0; i < 3; i++) {
        with_five();
        box.blocked = bits[i] | DURA_WHY_DRIFT; /* what it does not ask about is not heard */
        arm(6);
        dt_eq(dura_gate_step(box.ram.gate, &box.now, 10), 0);
        dt_eq(rig_status(&box).why, bits[i]);
        dt_eq(rig_status(&box).attempt, 0);
        dt_ok(rig_drives(&box) == 5.0f);
        box.blocked = 0;
        dt_eq(rig_until(&box, DURA_GATE_COMMITTED), DURA_GATE_COMMITTED);
        dt_eq(rig_status(&box).attempt, 1);
    }
}

DT_TEST(gate_armed, an_incident_blocks_policies_and_lets_firmware_through)
{
    with_five();
    box.blocked = DURA_WHY_INCIDENT;
    dura_release r = rig_release(&box, DURA_COMPONENT_POLICY, 3);
    rig_envelope(&box, &r);
    dt_eq(rig_update(&box), DURA_GATE_ARMED);
    dt_eq(rig_status(&box).why, DURA_WHY_INCIDENT);
    dt_eq(dura_gate_reset(box.ram.gate, &box.now), DURA_OK);
    dt_eq(rig_status(&box).state, DURA_GATE_REJECTED);
    r = rig_release(&box, DURA_COMPONENT_BOX, 3);
    rig_envelope(&box, &r);
    dt_eq(rig_update(&box), DURA_GATE_COMMITTED);
}

static void at_minute(int64_t minute, int64_t second)
{
    box.now.wall_ns = ((int64_t)1700006400 + minute * 60 + second) * 1000000000; /* a midnight, and a later day */
}

DT_TEST(gate_armed, a17_opens_in_the_window_and_only_there)
{
    static const struct { const char *row; uint16_t begin, minutes; int minute, second, open; } rows[] = {
        {"before", 600, 30, 599, 59, 0}, {"first second", 600, 30, 600, 0, 1}, {"last second", 600, 30, 629, 59, 1},
        {"behind", 600, 30, 630, 0, 0}, {"one minute", 0, 1, 0, 59, 1}, {"behind one minute", 0, 1, 1, 0, 0},
        {"wraps: before midnight", 1430, 20, 1439, 59, 1}, {"wraps: after midnight", 1430, 20, 1440, 0, 1},
        {"wraps: last second", 1430, 20, 1449, 59, 1}, {"wraps: behind", 1430, 20, 1450, 0, 0},
        {"wraps: before", 1430, 20, 1429, 59, 0}, {"whole day", 77, 1440, 76, 59, 1}, {"any time", 77, 0, 3, 3, 1}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        rig_init(&box);
        box.cfg.window_begin = rows[i].begin;
        box.cfg.window_minutes = rows[i].minutes;
        rig_boot(&box);
        arm(5);
        at_minute(rows[i].minute, rows[i].second);
        dt_eq(dura_gate_step(box.ram.gate, &box.now, 1), rows[i].open, "%s", rows[i].row);
        dt_eq(rig_status(&box).state, rows[i].open ? DURA_GATE_ACTIVATING : DURA_GATE_ARMED, "%s", rows[i].row);
        dt_eq(rig_status(&box).why, rows[i].open ? 0 : DURA_WHY_WINDOW, "%s", rows[i].row);
    }
}

DT_TEST(gate_armed, a17_wants_a_clock_that_is_trusted)
{
    for (uint8_t min = DURA_CLOCK_NONE; min <= DURA_CLOCK_AUTHENTICATED; min++)
        for (uint8_t q = DURA_CLOCK_NONE; q <= DURA_CLOCK_AUTHENTICATED; q++) {
            rig_init(&box);
            box.cfg.min_clock = min;
            box.cfg.window_begin = 0;
            box.cfg.window_minutes = 1440;
            rig_boot(&box);
            arm(5);
            box.now.quality = q;
            int open = q >= min && q != DURA_CLOCK_NONE;
            dt_eq(dura_gate_step(box.ram.gate, &box.now, 1), open, "min %u quality %u", min, q);
            dt_eq(rig_status(&box).why, open ? 0 : DURA_WHY_CLOCK, "min %u quality %u", min, q);
        }
}

DT_TEST(gate_armed, a7_a17_a_clock_set_back_opens_nothing_and_makes_nothing_young)
{
    rig_init(&box);
    box.cfg.min_clock = DURA_CLOCK_SYNCED;
    rig_boot(&box);
    rig_brain(&box, 5.0f, 3);
    dura_release r = rig_release(&box, DURA_COMPONENT_BRAIN, 5);
    r.not_after_s = 1700000100;
    rig_envelope(&box, &r);
    box.blocked = DURA_WHY_INCIDENT;
    dt_eq(rig_update(&box), DURA_GATE_ARMED);
    box.blocked = 0;
    box.now.wall_ns -= (int64_t)3600 * 1000000000;
    dt_eq(dura_gate_step(box.ram.gate, &box.now, 1), 0);
    dt_eq(rig_status(&box).why, DURA_WHY_CLOCK, "below what was seen");
    box.now.wall_ns = (int64_t)1700000100 * 1000000000;
    box.now.quality = DURA_CLOCK_UNSYNCED;
    dt_eq(dura_gate_step(box.ram.gate, &box.now, 1), 0);
    dt_eq(rig_status(&box).why, DURA_WHY_CLOCK, "not trusted enough");
    box.now.wall_ns = (int64_t)1800000000 * 1000000000;
    dt_eq(dura_gate_step(box.ram.gate, &box.now, 1), 0, "an untrusted clock expires nothing");
    box.now.quality = DURA_CLOCK_SYNCED;
    box.now.wall_ns = (int64_t)1700000102 * 1000000000;
    box.now.wall_err_us = 1500000;
    dt_eq(dura_gate_step(box.ram.gate, &box.now, 0), 0, "within the error it may be young");
    dt_eq(rig_status(&box).state, DURA_GATE_ARMED);
    box.now.wall_err_us = 0;
    dt_eq(rig_until(&box, DURA_GATE_REJECTED), DURA_GATE_REJECTED);
    dt_eq(rig_status(&box).why, DURA_WHY_EXPIRED);
    rig_boot(&box);
    box.now.wall_ns = (int64_t)1600000000 * 1000000000;
    dt_eq(rig_offer(&box), DURA_EDENIED, "a7: after a restart with a clock set back");
    dt_eq(rig_status(&box).why, DURA_WHY_EXPIRED);
}

DT_TEST(gate_armed, waits_for_the_first_day_when_the_clock_could_not_say)
{
    rig_init(&box);
    rig_boot(&box);
    rig_brain(&box, 5.0f, 3);
    dura_release r = rig_release(&box, DURA_COMPONENT_BRAIN, 5);
    r.not_before_s = 1700000500;
    rig_envelope(&box, &r);
    box.now.quality = DURA_CLOCK_NONE;
    dt_eq(rig_update(&box), DURA_GATE_ARMED);
    dt_eq(rig_status(&box).why, DURA_WHY_CLOCK);
    box.now.quality = DURA_CLOCK_SYNCED;
    dt_eq(dura_gate_step(box.ram.gate, &box.now, 1), 0);
    dt_eq(rig_status(&box).why, DURA_WHY_NOT_YET);
    box.now.wall_ns = (int64_t)1700000500 * 1000000000;
    dt_eq(rig_until(&box, DURA_GATE_COMMITTED), DURA_GATE_COMMITTED);
}

DT_TEST(gate_armed, a12_looks_at_the_policy_again)
{
    with_five();
    rig_brain(&box, 6.0f, 3);
    dura_release r = rig_release(&box, DURA_COMPONENT_BRAIN, 6);
    memcpy(r.policy, box.cfg.policy, 32);
    rig_envelope(&box, &r);
    box.blocked = DURA_WHY_STOPPED;
    dt_eq(rig_update(&box), DURA_GATE_ARMED);
    box.cfg.policy[0] ^= 1; /* the box was started with another policy */
    dt_eq(rig_boot(&box), 1);
    dt_eq(rig_status(&box).state, DURA_GATE_STAGED);
    dt_eq(rig_until(&box, DURA_GATE_REJECTED), DURA_GATE_REJECTED);
    dt_eq(rig_status(&box).why, DURA_WHY_POLICY);
}

DT_TEST(gate_start, a11_a12_what_another_policys_keys_judged_is_dropped)
{
    static const uint8_t at[] = {DURA_GATE_RECEIVED, DURA_GATE_STAGING, DURA_GATE_STAGED, DURA_GATE_ARMED};
    for (uint32_t i = 0; i < sizeof at; i++) {
        with_five();
        rig_prepare(&box, 6); /* bound to no policy, signed by the keys of this one */
        box.blocked = DURA_WHY_STOPPED;
        dt_eq(rig_offer(&box), DURA_OK);
        if (at[i] == DURA_GATE_STAGING)
            dt_eq(dura_gate_write(box.ram.gate, 0, box.image, 100, &box.now), DURA_OK);
        if (at[i] > DURA_GATE_STAGING)
            dt_eq(rig_send(&box, 700), DURA_OK);
        dt_eq(rig_until(&box, at[i]), at[i]);
        box.cfg.policy[0] ^= 1; /* a policy release took one of the keys away */
        box.blocked = 0;
        dt_eq(rig_boot(&box), 1, "from %u", at[i]);
        dt_eq(dura_gate_write(box.ram.gate, rig_status(&box).offset, "x", 1, &box.now), DURA_ESTATE, "from %u", at[i]);
        dt_eq(rig_until(&box, DURA_GATE_REJECTED), DURA_GATE_REJECTED, "from %u", at[i]);
        dt_eq(rig_status(&box).why, DURA_WHY_POLICY, "from %u", at[i]);
        dt_ok(rig_drives(&box) == 5.0f, "from %u", at[i]);
    }
}

DT_TEST(gate_step, rolls_back_when_the_switch_fails)
{
    with_five();
    rig_prepare(&box, 6);
    box.activate_code = -444;
    dt_eq(rig_update(&box), DURA_GATE_ROLLED_BACK);
    dt_eq(rig_status(&box).why, DURA_WHY_BACKEND);
    dt_eq(rig_status(&box).attempt, 1);
    dt_ok(rig_drives(&box) == 5.0f);
}

/* ---- probation -------------------------------------------------------------------------------- */

DT_TEST(gate_probation, f8_rolls_back_in_the_step_that_hears_of_it)
{
    static const uint32_t bits[] = {DURA_WHY_OUTPUT, DURA_WHY_DISAGREE, DURA_WHY_BACKEND, DURA_WHY_DRIFT};
    for (uint32_t i = 0; i < 4; i++) {
        with_five();
        arm(6);
        dt_eq(rig_until(&box, DURA_GATE_PROBATION), DURA_GATE_PROBATION);
        dt_ok(rig_drives(&box) == 6.0f);
        box.alarm = bits[i];
        dt_ok(dura_gate_step(box.ram.gate, &box.now, 5) > 0);
        dt_eq(rig_status(&box).state, DURA_GATE_ROLLED_BACK);
        dt_eq(rig_status(&box).why, bits[i]);
        dt_eq(rig_status(&box).floor_[DURA_COMPONENT_BRAIN], 5, "the floor did not rise");
        dt_ok(rig_drives(&box) == 5.0f);
        dt_eq(box.fact[(box.facts - 1) % 64].severity, 6);
        box.alarm = 0;
        dt_eq(rig_update(&box), DURA_GATE_COMMITTED, "it may be tried again");
    }
}

DT_TEST(gate_probation, waits_until_the_producer_has_let_go)
{
    with_five();
    arm(6);
    dt_eq(rig_until(&box, DURA_GATE_PROBATION), DURA_GATE_PROBATION);
    box.alarm = DURA_WHY_OUTPUT;
    box.not_yet = 3;
    dt_eq(dura_gate_step(box.ram.gate, &box.now, 5), 1, "heard");
    box.alarm = 0;
    dt_ok(rig_drives(&box) == 5.0f, "the former one drives at once");
    dt_eq(rig_status(&box).why, DURA_WHY_OUTPUT);
    dt_eq(rig_until(&box, DURA_GATE_ROLLED_BACK), DURA_GATE_ROLLED_BACK, "an alarm that went is not forgotten");
    dt_eq(rig_status(&box).why, DURA_WHY_OUTPUT);
    arm(6);
    box.not_yet = 4;
    dt_eq(rig_until(&box, DURA_GATE_COMMITTED), DURA_GATE_COMMITTED);
}

DT_TEST(gate_probation, f6_lasts_as_long_as_the_longer_one_wants_and_ends_by_itself)
{
    static const struct { uint32_t release, policy, frames; } rows[] = {{0, 30, 30}, {10, 30, 30}, {70, 30, 70}};
    for (uint32_t i = 0; i < 3; i++) {
        rig_init(&box);
        box.cfg.probation_frames = rows[i].policy;
        rig_boot(&box);
        rig_brain(&box, 5.0f, 3);
        dura_release r = rig_release(&box, DURA_COMPONENT_BRAIN, 5);
        r.probation_frames = rows[i].release;
        rig_envelope(&box, &r);
        box.frames_stop = 1;
        dt_eq(rig_update(&box), DURA_GATE_PROBATION);
        dt_eq(rig_status(&box).probation_left, rows[i].frames);
        box.ram.frames = rows[i].frames - 1;
        dt_eq(dura_gate_step(box.ram.gate, &box.now, 9), 0);
        dt_eq(rig_status(&box).probation_left, 1);
        box.ram.frames++;
        dt_eq(rig_until(&box, DURA_GATE_COMMITTED), DURA_GATE_COMMITTED);
    }
}

DT_TEST(gate_probation, f7_the_floor_rises_only_over_a_slot_that_holds)
{
    with_five();
    arm(6);
    dt_eq(rig_until(&box, DURA_GATE_PROBATION), DURA_GATE_PROBATION);
    dt_flash_flip(&box.region[2].flash, 60, 1);
    dt_eq(rig_until(&box, DURA_GATE_ROLLED_BACK), DURA_GATE_ROLLED_BACK);
    dt_eq(rig_status(&box).why, DURA_WHY_DIGEST);
    dt_ok(rig_drives(&box) == 5.0f);
    dt_eq(rig_boot(&box), 1);
}

DT_TEST(gate_armed, f7_no_switch_without_a_way_back)
{
    with_five();
    rig_prepare(&box, 6);
    dt_eq(rig_offer(&box), DURA_OK);
    dt_eq(rig_send(&box, 700), DURA_OK);
    box.blocked = DURA_WHY_INCIDENT;
    dt_eq(rig_until(&box, DURA_GATE_COMMITTED), DURA_GATE_ARMED, "it waits");
    dt_flash_flip(&box.region[1].flash, 60, 1); /* while it does, the slot of 5 rots */
    box.blocked = 0;
    uint32_t activates = box.ram.activates;
    dt_eq(rig_until(&box, DURA_GATE_REJECTED), DURA_GATE_REJECTED);
    dt_eq(rig_status(&box).why, DURA_WHY_STORAGE);
    dt_eq(box.ram.activates, activates, "not for a frame");
    dt_ok(rig_drives(&box) == 5.0f, "which is in memory, whole");
    dt_eq(rig_boot(&box), DURA_EDENIED, "and nowhere else");
    dt_eq(rig_update(&box), DURA_GATE_COMMITTED, "with nothing to go back to a release is the only way");
    dt_ok(rig_drives(&box) == 6.0f);
}

DT_TEST(gate_armed, f7_the_factory_model_is_a_way_back)
{
    rig_init(&box);
    rig_boot(&box);
    for (uint32_t v = 5; v < 7; v++) {
        rig_brain(&box, (float)v, 40);
        dura_release r = rig_release(&box, DURA_COMPONENT_BRAIN, v);
        r.floor_ = 0;
        rig_envelope(&box, &r);
        if (v == 6)
            dt_flash_flip(&box.region[1].flash, 60, 1);
        dt_eq(rig_update(&box), DURA_GATE_COMMITTED, "%u", v);
    }
    dt_ok(rig_drives(&box) == 6.0f, "the slot of 5 had rotted");
}

/* Every byte of the former slot is read, and by the very step that switches. */
DT_TEST(gate_armed, f7_reads_all_of_the_former_slot_right_before_the_switch)
{
    uint32_t rejected = 0;
    with_five();
    size_t len = box.image_len;
    for (size_t at = 0; at < len; at += 7) {
        with_five();
        rig_prepare(&box, 6);
        dt_flash_flip(&box.region[1].flash, (uint32_t)at, (uint8_t)(1u << at % 8));
        dt_eq(rig_update(&box), DURA_GATE_REJECTED, "byte %zu", at);
        rejected += rig_status(&box).why == DURA_WHY_STORAGE;
    }
    dt_eq(rejected, (len + 6) / 7);
    with_five();
    dt_flash_flip(&box.region[1].flash, (uint32_t)len, 1);
    dt_eq((rig_prepare(&box, 6), rig_update(&box)), DURA_GATE_COMMITTED, "behind it nobody looks");
}

/* ---- keys that a policy brings --------------------------------------------------------------------- */

/* A policy release that brings what is in box.next, signed by these. */
static void offer_keys(const int *by, int n, int rc, uint32_t why, const char *row)
{
    uint8_t p[512];
    dura_release r = rig_release(&box, DURA_COMPONENT_POLICY, 9);
    size_t len = rig_payload(&r, p, sizeof p);
    rig_envelope_of(&box, DURA_RELEASE_TYPE, p, len, by, n);
    dt_eq(rig_offer(&box), rc, "%s", row);
    dt_eq(rig_status(&box).why, why, "%s", row);
    dt_eq(rig_status(&box).state, rc == DURA_OK ? DURA_GATE_RECEIVED : DURA_GATE_REJECTED, "%s", row);
    dt_ok(rc != DURA_OK || dura_gate_reset(box.ram.gate, &box.now) == DURA_OK, "%s", row);
}

/* Signer 50 is the stranger of the rig, whose key is 0xEE all over. */
DT_TEST(gate_keys, a11_nobody_names_a_key_that_is_not_held)
{
    static const int old[] = {0, 1}, proved[] = {0, 1, 50}, early[] = {50, 1, 0}, wrong[] = {0, 1, 150}, alone[] = {50},
                     one_old[] = {0, 50};
    with_five();
    offer_keys(old, 2, DURA_OK, 0, "no key at all is a new one");
    for (uint32_t i = 0; i < RIG_KEYS; i++)
        box.next[i] = box.key[i];
    box.n_next = RIG_KEYS;
    offer_keys(old, 2, DURA_OK, 0, "the old ones need no proof");
    box.next[2].role = DURA_ROLE_SAFETY;
    offer_keys(old, 2, DURA_OK, 0, "nor in another role");
    memset(box.next[3].pub, 0xEE, sizeof box.next[3].pub);
    offer_keys(old, 2, DURA_EDENIED, DURA_WHY_SIGNATURE, "a new one that has not signed");
    offer_keys(wrong, 3, DURA_EDENIED, DURA_WHY_SIGNATURE, "or not rightly");
    offer_keys(proved, 3, DURA_OK, 0, "it has signed");
    offer_keys(early, 3, DURA_OK, 0, "in any order");
    offer_keys(alone, 1, DURA_EAUTH, DURA_WHY_SIGNATURE | DURA_WHY_THRESHOLD | DURA_WHY_ROLE, "its word alone is nobody's");
    offer_keys(one_old, 2, DURA_EAUTH, DURA_WHY_THRESHOLD, "and does not count for the threshold");
    memset(box.next[2].pub, 0xDD, sizeof box.next[2].pub);
    offer_keys(proved, 3, DURA_EDENIED, DURA_WHY_SIGNATURE, "each of two new ones");
    box.next_code = DURA_ESTATE;
    offer_keys(proved, 3, DURA_EDENIED, DURA_WHY_INCOMPLETE, "nobody has the policy at hand");
    box.next_code = -77;
    rig_envelope_of(&box, DURA_RELEASE_TYPE, box.image, 1, old, 2);
    dura_release r = rig_release(&box, DURA_COMPONENT_POLICY, 9);
    rig_envelope(&box, &r);
    dt_eq(rig_offer(&box), -77, "the owner fails");
    dt_eq(rig_status(&box).version[DURA_COMPONENT_POLICY], 0);
    rig_prepare(&box, 6);
    dt_eq(rig_offer(&box), DURA_OK, "a brain brings no keys");
}

DT_TEST(gate_keys, an_older_owner_is_not_asked)
{
    dura_gate_hooks h = rig_hooks;
    with_five();
    h.user = &box;
    h.struct_size = (uint32_t)offsetof(dura_gate_hooks, next_key);
    box.next_code = DURA_ESTATE;
    dt_eq(dura_gate_init(&box.ram.gate, box.ram.object, sizeof box.ram.object, &box.cfg, &h, &box.port), DURA_OK);
    dura_release r = rig_release(&box, DURA_COMPONENT_POLICY, 9);
    rig_envelope(&box, &r);
    dt_eq(rig_offer(&box), DURA_OK);
}

/* ---- giving up ------------------------------------------------------------------------------------ */

DT_TEST(gate_reset, gives_up_whatever_is_in_hand)
{
    static const uint8_t states[] = {DURA_GATE_RECEIVED, DURA_GATE_STAGING, DURA_GATE_STAGED, DURA_GATE_ACCEPTED,
                                     DURA_GATE_ARMED, DURA_GATE_ACTIVATING, DURA_GATE_PROBATION};
    for (uint32_t i = 0; i < sizeof states; i++) {
        with_five();
        dt_eq(dura_gate_reset(box.ram.gate, &box.now), DURA_ESTATE, "none in hand");
        rig_prepare(&box, 6);
        dt_eq(rig_offer(&box), DURA_OK);
        if (states[i] == DURA_GATE_STAGING)
            dt_eq(dura_gate_write(box.ram.gate, 0, box.image, 300, &box.now), DURA_OK);
        if (states[i] > DURA_GATE_STAGING)
            dt_eq(rig_send(&box, 700), DURA_OK);
        dt_eq(rig_until(&box, states[i]), states[i]);
        dt_eq(dura_gate_reset(box.ram.gate, &box.now), DURA_OK, "state %u", states[i]);
        dt_eq(rig_status(&box).state, states[i] < DURA_GATE_ACTIVATING ? DURA_GATE_REJECTED : DURA_GATE_ROLLED_BACK);
        dt_eq(rig_status(&box).why, DURA_WHY_ABORTED);
        dt_eq(box.ram.candidate, RIG_ELSEWHERE, "state %u: still open", states[i]);
        dt_ok(rig_drives(&box) == 5.0f);
        dt_eq(rig_update(&box), DURA_GATE_COMMITTED, "state %u: the next one", states[i]);
        dt_ok(rig_drives(&box) == 6.0f);
    }
}

DT_TEST(gate_reset, finishes_later_what_the_producer_still_uses)
{
    with_five();
    arm(6);
    dt_eq(rig_until(&box, DURA_GATE_PROBATION), DURA_GATE_PROBATION);
    box.not_yet = 2;
    dt_eq(dura_gate_reset(box.ram.gate, &box.now), DURA_OK);
    dt_eq(rig_status(&box).state, DURA_GATE_PROBATION);
    dt_eq(rig_status(&box).why, DURA_WHY_ABORTED);
    dt_eq(rig_until(&box, DURA_GATE_ROLLED_BACK), DURA_GATE_ROLLED_BACK);
}

/* ---- restarts ---------------------------------------------------------------------------------------- */

DT_TEST(gate_start, f5_a_restart_in_each_state_goes_on_or_back)
{
    static const struct { uint8_t at, then, why; } rows[] = {
        {DURA_GATE_RECEIVED, DURA_GATE_RECEIVED, 0}, {DURA_GATE_STAGING, DURA_GATE_STAGING, 0},
        {DURA_GATE_STAGED, DURA_GATE_STAGED, 0}, {DURA_GATE_ACCEPTED, DURA_GATE_STAGED, 0},
        {DURA_GATE_ARMED, DURA_GATE_STAGED, 0}, {DURA_GATE_ACTIVATING, DURA_GATE_ROLLED_BACK, 1},
        {DURA_GATE_PROBATION, DURA_GATE_ROLLED_BACK, 1}, {DURA_GATE_COMMITTED, DURA_GATE_COMMITTED, 0}};
    for (uint32_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        with_five();
        rig_prepare(&box, 6);
        dt_eq(rig_offer(&box), DURA_OK);
        if (rows[i].at == DURA_GATE_STAGING)
            dt_eq(dura_gate_write(box.ram.gate, 0, box.image, 100, &box.now), DURA_OK);
        if (rows[i].at > DURA_GATE_STAGING)
            dt_eq(rig_send(&box, 700), DURA_OK);
        dt_eq(rig_until(&box, rows[i].at), rows[i].at);
        dt_eq(rig_boot(&box), rows[i].at == DURA_GATE_COMMITTED ? 2 : 1, "from %u", rows[i].at);
        dt_eq(rig_status(&box).state, rows[i].then, "from %u", rows[i].at);
        dt_eq(rig_status(&box).why, rows[i].why ? DURA_WHY_REBOOT : 0, "from %u", rows[i].at);
        dt_ok(rig_drives(&box) == (rows[i].at == DURA_GATE_COMMITTED ? 6.0f : 5.0f), "from %u", rows[i].at);
        dt_ok(rows[i].at == DURA_GATE_COMMITTED || rig_update(&box) == DURA_GATE_COMMITTED, "from %u", rows[i].at);
        dt_ok(rig_drives(&box) == 6.0f);
    }
}

DT_TEST(gate_start, f3_a_slot_that_rots_gives_way_above_the_floor)
{
    dura_release r;
    with_five();
    rig_brain(&box, 6.0f, 3);
    r = rig_release(&box, DURA_COMPONENT_BRAIN, 6);
    r.floor_ = 5;
    rig_envelope(&box, &r);
    dt_eq(rig_update(&box), DURA_GATE_COMMITTED);
    dt_flash_flip(&box.region[2].flash, 50, 4);
    dt_eq(rig_boot(&box), 1, "the other slot");
    dt_ok(rig_drives(&box) == 5.0f);
    dt_eq(rig_status(&box).version[DURA_COMPONENT_BRAIN], 5);
    dt_eq(rig_status(&box).why, DURA_WHY_DIGEST);
    dt_eq(rig_status(&box).state, DURA_GATE_ROLLED_BACK);
    dt_flash_flip(&box.region[1].flash, 50, 4);
    dt_eq(rig_boot(&box), DURA_EDENIED, "the factory model is below the floor");
    dt_eq(rig_status(&box).state, DURA_GATE_SAFE);
    dt_eq(rig_status(&box).slot, 255);
    dt_eq(box.fact[(box.facts - 1) % 64].severity, 9);
    dt_flash_flip(&box.region[1].flash, 50, 4);
    dt_eq(rig_boot(&box), 1, "and when it reads right again, it runs again");
    dt_flash_flip(&box.region[1].flash, 50, 4);
    dt_eq(rig_boot(&box), DURA_EDENIED);
    rig_envelope(&box, &r);
    dt_eq(rig_update(&box), DURA_GATE_COMMITTED, "the release that ran helps");
    dt_ok(rig_drives(&box) == 6.0f);
    box.ram.started = 0;
    dt_ok(rig_boot(&box) >= 1);
}

DT_TEST(gate_start, a5_the_other_slot_does_not_run_below_the_floor)
{
    with_five();
    rig_prepare(&box, 6);
    dt_eq(rig_update(&box), DURA_GATE_COMMITTED);
    dt_flash_flip(&box.region[2].flash, 50, 4);
    dt_eq(rig_boot(&box), DURA_EDENIED);
    dt_eq(rig_status(&box).state, DURA_GATE_SAFE);
    dt_eq(rig_status(&box).floor_[DURA_COMPONENT_BRAIN], 6);
}

DT_TEST(gate_start, f3_the_factory_model_runs_when_no_floor_forbids_it)
{
    rig_init(&box);
    rig_boot(&box);
    rig_brain(&box, 5.0f, 3);
    dura_release r = rig_release(&box, DURA_COMPONENT_BRAIN, 5);
    r.floor_ = 0;
    rig_envelope(&box, &r);
    dt_eq(rig_update(&box), DURA_GATE_COMMITTED);
    dt_flash_flip(&box.region[1].flash, 50, 4);
    dt_eq(rig_boot(&box), 0);
    dt_ok(rig_drives(&box) == 0.0f);
    dt_eq(rig_status(&box).slot, 0);
    dt_eq(rig_status(&box).state, DURA_GATE_ROLLED_BACK);
}

DT_TEST(gate_start, a_slot_that_cannot_be_read_decides_nothing_for_ever)
{
    with_five();
    box.power.fail_mask = DT_HASH;
    box.power.fail_at = 1;
    box.power.calls = 0;
    dt_eq(rig_boot(&box), DT_EFAULT);
    dt_eq(rig_status(&box).state, DURA_GATE_COMMITTED);
    box.power.fail_at = 0;
    dt_eq(dura_gate_start(box.ram.gate), 1, "and then it could");
}

DT_TEST(gate_start, f3_a_lost_journal_is_safe_and_a_release_helps)
{
    with_five();
    memset(box.region[0].flash.live, 0xFF, RIG_JOURNAL);
    memset(box.region[0].flash.durable, 0xFF, RIG_JOURNAL);
    box.cfg.fresh = 0;
    dt_eq(rig_boot(&box), DURA_EDENIED);
    dt_eq(rig_status(&box).state, DURA_GATE_SAFE);
    dt_eq(rig_status(&box).why, DURA_WHY_STORAGE);
    dt_eq(box.ram.opens, 0, "bytes in a slot prove nothing");
    rig_prepare(&box, 5);
    box.alarm = DURA_WHY_OUTPUT;
    dt_eq(rig_update(&box), DURA_GATE_SAFE, "rolled back to nothing");
    dt_eq(rig_boot(&box), DURA_EDENIED, "and not to the factory model");
    dt_eq(rig_status(&box).state, DURA_GATE_SAFE);
    box.alarm = 0;
    dt_eq(rig_update(&box), DURA_GATE_COMMITTED);
    dt_ok(rig_drives(&box) == 5.0f);
    dt_eq(rig_boot(&box), 1);
}

DT_TEST(gate_armed, needs_no_clock_without_window_and_dates)
{
    with_five();
    box.now.quality = DURA_CLOCK_NONE;
    rig_prepare(&box, 6);
    dt_eq(rig_update(&box), DURA_GATE_COMMITTED, "without window and dates no clock is needed");
}
