/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tests/vectors/gate: attacks that are bytes, written by scripts/make_vectors_gate.py, offered to a
 * gate with real signatures. Code and reasons are those of the file; what is refused leaves
 * versions as they were.
 */
#include "dt.h"

#include <dura/host/json.h>
#include <dura/host/keys.h>
#include <dura/host/release.h>

#include "gate_rig.h"

static rig box;
static dura_json *doc;
static uint32_t seen, refused;

static uint32_t member(uint32_t object, const char *name) { return dura_json_member(doc, object, name); }

static const char *text(uint32_t value)
{
    const char *s = NULL;
    dt_eq(dura_json_get_text(doc, value, 0, 1 << 16, &s, NULL), DURA_OK);
    return s;
}

static int64_t number(uint32_t value)
{
    int64_t v = 0;
    dt_eq(dura_json_get_int(doc, value, 0, INT64_MAX / 2, &v, NULL), DURA_OK);
    return v;
}

/* Bytes as hex; how many. */
static size_t bytes(uint32_t value, uint8_t *out, size_t cap)
{
    size_t n = strlen(text(value)) / 2;
    dt_ok(n <= cap, "%zu", n);
    if (n)
        dt_eq(dura_json_get_hex(doc, value, out, n, NULL), DURA_OK);
    return n;
}

static uint8_t words(uint32_t list, uint8_t (*of)(const char *))
{
    uint8_t bits = 0;
    for (uint32_t w = dura_json_first(doc, list); w != DURA_JSON_NONE; w = dura_json_next(doc, w))
        bits |= (uint8_t)(1u << of(text(w)));
    return bits;
}

static uint64_t reasons(uint32_t list)
{
    uint64_t why = 0;
    for (uint32_t w = dura_json_first(doc, list); w != DURA_JSON_NONE; w = dura_json_next(doc, w)) {
        uint64_t bit = 1;
        while (bit && (!dura_why_name(bit) || strcmp(dura_why_name(bit), text(w)) != 0))
            bit <<= 1;
        dt_ok(bit != 0, "no reason is called %s", text(w));
        why |= bit;
    }
    return why;
}

static int real_init(void *user, dura_hash_state *s)
{
    (void)user;
    dura_sha256_init((dura_sha256 *)(void *)s);
    return 0;
}
static int real_update(void *user, dura_hash_state *s, const void *p, size_t n)
{
    (void)user;
    dura_sha256_update((dura_sha256 *)(void *)s, p, n);
    return 0;
}
static int real_final(void *user, dura_hash_state *s, uint8_t out[32])
{
    (void)user;
    dura_sha256_final((dura_sha256 *)(void *)s, out);
    return 0;
}
static int real_verify(void *user, const uint8_t pub[32], const void *msg, size_t n, const uint8_t sig[64])
{
    (void)user;
    return dura_ed25519_verify(pub, msg, n, sig);
}

/* A fresh device as the file and the vector describe it. */
static void device(uint32_t v)
{
    uint32_t keys = member(DURA_JSON_ROOT, "keys"), more = member(v, "device"), k = 0;
    static char name[64];
    rig_init(&box);
    box.crypto.hash_init = real_init;
    box.crypto.hash_update = real_update;
    box.crypto.hash_final = real_final;
    box.crypto.verify = real_verify;
    for (uint32_t e = dura_json_first(doc, keys); e != DURA_JSON_NONE; e = dura_json_next(doc, e), k++) {
        dt_eq(bytes(member(e, "pub"), box.key[k].pub, 32), 32, "");
        box.key[k].role = dura_role_number(text(member(e, "role")));
    }
    snprintf(name, sizeof name, "%s", text(member(DURA_JSON_ROOT, "name")));
    box.cfg.n_keys = (uint8_t)k;
    box.cfg.threshold = (uint8_t)number(member(DURA_JSON_ROOT, "threshold"));
    box.cfg.roles = words(member(DURA_JSON_ROOT, "roles"), dura_role_number);
    box.cfg.device = name;
    (void)bytes(member(DURA_JSON_ROOT, "policy"), box.cfg.policy, 32);
    box.now.wall_ns = number(member(DURA_JSON_ROOT, "now")) * 1000000000;
    if (member(more, "version") != DURA_JSON_NONE)
        box.cfg.version[DURA_COMPONENT_BOX] = (uint64_t)number(member(more, "version"));
    if (member(more, "max_jump") != DURA_JSON_NONE)
        box.cfg.max_jump = (uint64_t)number(member(more, "max_jump"));
    if (member(more, "components") != DURA_JSON_NONE)
        box.cfg.components = words(member(more, "components"), dura_component_number);
    if (member(more, "planned") != DURA_JSON_NONE) {
        box.cfg.substantial_role = dura_role_number(text(member(more, "substantial_role")));
        box.cfg.planned = (uint32_t)number(member(more, "planned"));
    }
    box.cfg.approve = words(member(more, "approvers"), dura_role_number);
    dt_eq(rig_boot(&box), 0);
}

static void one(uint32_t v)
{
    static uint8_t bytes_of[RIG_ENVELOPE];
    const char *about = text(member(v, "name")), *want = text(member(v, "code"));
    uint32_t no = 0, yes = member(v, "approve");
    device(v);
    uint64_t before = rig_status(&box).version[DURA_COMPONENT_BOX];
    size_t n = bytes(member(v, "offer"), bytes_of, sizeof bytes_of);
    int rc = dura_gate_offer(box.ram.gate, bytes_of, n, &box.now);
    uint64_t why = rc == DURA_OK ? 0 : rig_status(&box).why | (uint64_t)rig_status(&box).why2 << 32;
    if (yes != DURA_JSON_NONE) {
        dt_eq(rc, DURA_OK, "%s", about);
        n = bytes(yes, bytes_of, sizeof bytes_of);
        rc = dura_gate_approve(box.ram.gate, bytes_of, n, &box.now, &no);
        why = no;
    }
    static const struct { const char *name; int code; } codes[] = {
        {"DURA_OK", DURA_OK}, {"DURA_EAUTH", DURA_EAUTH}, {"DURA_EDENIED", DURA_EDENIED},
        {"DURA_ECORRUPT", DURA_ECORRUPT}, {"DURA_EVERSION", DURA_EVERSION}};
    int code = 1;
    for (size_t i = 0; i < sizeof codes / sizeof *codes; i++)
        code = strcmp(codes[i].name, want) == 0 ? codes[i].code : code;
    dt_eq(rc, code, "%s", about);
    dt_eq(why, reasons(member(v, "why")), "%s", about);
    dt_eq(rig_status(&box).version[DURA_COMPONENT_BOX], before, "%s", about);
    seen++;
    refused += rc != DURA_OK;
}

static void file(const char *row)
{
    char path[512];
    dura_error err = {0};
    snprintf(path, sizeof path, "%s/tests/vectors/gate/%s.json", DURA_SOURCE_DIR, row);
    dt_eq(dura_json_load(path, &doc, &err), DURA_OK, "%s", err.text);
    dt_str(text(member(DURA_JSON_ROOT, "row")), row, "");
    uint32_t list = member(DURA_JSON_ROOT, "vectors");
    for (uint32_t v = dura_json_first(doc, list); v != DURA_JSON_NONE; v = dura_json_next(doc, v))
        one(v);
    dura_json_deinit(doc);
}

DT_TEST(gate_vectors, every_published_attack_has_its_code_and_its_reasons)
{
    static const char *const rows[] = {"A01", "A02", "A03", "A04", "A05", "A06", "A07", "A08", "A09", "A10", "A11", "A13", "A14", "A15"};
    seen = refused = 0;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        file(rows[i]);
    dt_ok(seen >= 70 && refused >= 50, "%u vectors, %u refused", seen, refused);
}
