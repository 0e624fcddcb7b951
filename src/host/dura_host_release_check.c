/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a device will say of a release before it is shipped: the gate's conditions as far
 * as policy, subject and calendar decide them. The journal of the device (running version,
 * floor, incidents) is not at hand here.
 */
#include <dura/host/pack.h>
#include <dura/host/release.h>

#include <sodium.h>
#include <stdlib.h>

#include "../gate/dura_gate_priv.h"
#include "../guard/dura_guard_calendar.h"
#include "../guard/dura_guard_parts.h"
#include "dura_host_release_priv.h"

#define LAST_S (INT64_MAX / 1000000000) /* of a device's clock */
#define DAYS_AHEAD 15                  /* once a week, and that one in the hour that is skipped */

/* ---- policy ------------------------------------------------------------------------------ */

static void read_keys(const void *policy, dura_gate_config *cfg, dura_gate_key *keys)
{
    durai_policy_release_key k;
    durai_policy_gate gate;
    uint8_t n = 0;
    memset(keys, 0, DURA_GATE_KEYS_MAX * sizeof *keys);
    for (; n < DURA_GATE_KEYS_MAX && durai_policy_get_release_key(policy, n, &k) == DURA_OK; n++) {
        memcpy(keys[n].pub, k.key, sizeof keys[n].pub);
        keys[n].role = k.role;
        keys[n].alg = k.alg;
    }
    if (n == 0 && durai_policy_get_gate(policy, &gate) == DURA_OK) {
        memcpy(keys[0].pub, gate.factory_key, sizeof keys[0].pub);
        keys[0].role = DURA_ROLE_VENDOR;
        n = 1;
    }
    cfg->keys = keys;
    cfg->n_keys = n;
}

int dura_release_policy(const void *policy, size_t len, dura_gate_config *cfg, dura_gate_key *keys,
                        uint32_t *slot_bytes)
{
    durai_policy_updates u;
    durai_policy_device d;
    if (!policy || !cfg || !keys || !slot_bytes)
        return DURA_EINVAL;
    int rc = durai_policy_check(policy, len);
    if (rc == DURA_OK)
        rc = durai_policy_get_device(policy, &d);
    if (rc != DURA_OK)
        return rc;
    memset(cfg, 0, sizeof *cfg);
    cfg->struct_size = (uint32_t)sizeof *cfg;
    cfg->device = d.name;
    dura_sha256_query(cfg->policy, policy, len);
    read_keys(policy, cfg, keys);
    if (durai_policy_get_updates(policy, &u) != DURA_OK)
        return DURA_ENOENT;
    durai_updates(&u, cfg);
    cfg->components = 1u << DURA_COMPONENT_BOX | 1u << DURA_COMPONENT_POLICY |
                      (u.slot_bytes ? 1u << DURA_COMPONENT_BRAIN : 0u);
    *slot_bytes = u.slot_bytes;
    return DURA_OK;
}

/* ---- parts ----------------------------------------------------------------------------------- */

static int part_init(void *user, dura_hash_state *s)
{
    (void)user;
    dura_sha256_init((dura_sha256 *)(void *)s);
    return 0;
}

static int part_update(void *user, dura_hash_state *s, const void *p, size_t n)
{
    (void)user;
    dura_sha256_update((dura_sha256 *)(void *)s, p, n);
    return 0;
}

static int part_final(void *user, dura_hash_state *s, uint8_t out[DURA_HASH_BYTES])
{
    (void)user;
    dura_sha256_final((dura_sha256 *)(void *)s, out);
    return 0;
}

/* Of a checked policy into sum. 0: it has none. */
static int part_digest(const void *policy, uint32_t part, uint8_t sum[DURA_HASH_BYTES])
{
    dura_crypto c;
    dura_hash_state h;
    memset(&c, 0, sizeof c);
    c.hash_init = part_init;
    c.hash_update = part_update;
    c.hash_final = part_final;
    return durai_part_digest(policy, part, sum, &c, &h) == 1;
}

static int part_there(void *user, const uint8_t *policy, uint32_t part, const uint8_t digest[DURA_HASH_BYTES])
{
    uint8_t sum[DURA_HASH_BYTES];
    (void)policy;
    return part_digest(user, part, sum) && memcmp(sum, digest, sizeof sum) == 0;
}

/* Rows of the parts: the policy's, and the other's where that one's is another. */
static uint32_t put_parts(uint8_t *row, const void *policy, const void *other, uint32_t parts, uint32_t *missing)
{
    uint32_t n = 0;
    for (uint32_t part = 1; part < 1u << DURA_PARTS; part <<= 1) {
        uint8_t sum[2][DURA_HASH_BYTES];
        if (!(parts & part))
            continue;
        if (!part_digest(policy, part, sum[0]))
            *missing = part;
        int two = other && part_digest(other, part, sum[1]) && memcmp(sum[0], sum[1], sizeof sum[0]) != 0;
        for (int i = 0; i <= two; i++, n++) {
            durai_put32(row + (size_t)n * DURA_BRAIN_PART_BYTES, part);
            memcpy(row + (size_t)n * DURA_BRAIN_PART_BYTES + 4, sum[i], sizeof sum[i]);
        }
    }
    return n;
}

/* The image with a third section, of n rows. */
static int add_parts(const uint8_t *image, size_t len, const uint8_t *rows, uint32_t n, void **out, size_t *out_len)
{
    const size_t old = 48, head = 64, bytes = (size_t)n * DURA_BRAIN_PART_BYTES, at = len - old + head;
    size_t total = (at + bytes + 7) & ~(size_t)7;
    uint8_t *p = calloc(1, total);
    if (!p)
        return DURA_ENOSPC;
    memcpy(p, image, old);
    memcpy(p + head, image + old, len - old);
    memcpy(p + at, rows, bytes);
    durai_put16(p + 6, 3);
    durai_put32(p + 8, (uint32_t)total);
    for (size_t row = 16; row < old; row += 16)
        durai_put32(p + row + 4, durai_le32(p + row + 4) + (uint32_t)(head - old));
    durai_put32(p + old, DURA_BRAIN_PARTS);
    durai_put32(p + old + 4, (uint32_t)at);
    durai_put32(p + old + 8, (uint32_t)bytes);
    durai_put32(p + 12, durai_crc32c(durai_crc32c(0, p, 12), p + 16, total - 16));
    *out = p;
    *out_len = total;
    DURA_ASSERT(dura_brain_check(p, total) == DURA_OK);
    return DURA_OK;
}

int dura_brain_bind(const void *image, size_t len, const void *policy, size_t policy_len, const void *other, size_t other_len,
                    uint32_t parts, void **out, size_t *out_len, dura_error *err)
{
    uint8_t rows[2 * DURA_PARTS * DURA_BRAIN_PART_BYTES];
    uint32_t missing = 0;
    if (!image || !policy || !out || !out_len || !parts || (parts & (DURA_PART_BOX | DURA_PART_MODEL)) || parts >> DURA_PARTS)
        return dura_error_set(err, DURA_EINVAL, NULL, 0, NULL, "want parts that a policy has");
    *out = NULL;
    if (dura_brain_check(image, len) != DURA_OK || durai_le16((const uint8_t *)image + 6) != 2 || len > UINT32_MAX / 2)
        return dura_error_set(err, DURA_EINVAL, NULL, 0, NULL, "it is no brain image, or bound already");
    if (durai_policy_check(policy, policy_len) != DURA_OK || (other && durai_policy_check(other, other_len) != DURA_OK))
        return dura_error_set(err, DURA_EINVAL, NULL, 0, NULL, "there is no policy that this build reads");
    uint32_t n = put_parts(rows, policy, other, parts, &missing);
    if (missing)
        return dura_error_set(err, DURA_EINVAL, NULL, 0, NULL, "the policy names no %s (updates.%s)", dura_part_name(missing),
                              dura_part_name(missing));
    return add_parts(image, len, rows, n, out, out_len) == DURA_OK
               ? DURA_OK
               : dura_error_set(err, DURA_ENOSPC, NULL, 0, NULL, "no memory for the brain");
}

/* ---- subject -------------------------------------------------------------------------------- */

static int run_vectors(durai_bench *b, const durai_golden *g, dura_error *err)
{
    float in[1024], out[16], want;
    for (uint32_t row = 0; row < g->n; row++) {
        const uint8_t *v = g->at + 4 * (size_t)row * ((size_t)g->n_in + g->n_out);
        for (uint32_t i = 0; i < g->n_in; i++)
            in[i] = durai_f32(durai_le32(v + 4 * i));
        if (b->model.backend->run(b->inst, in, g->n_in, out, g->n_out, 0) != DURA_OK)
            return dura_error_set(err, DURA_EINVAL, NULL, 0, NULL, "the model fails on golden vector %u", row);
        for (uint32_t o = 0; o < g->n_out; o++) {
            want = durai_f32(durai_le32(v + 4 * ((size_t)g->n_in + o)));
            if (!durai_golden_right(g, out[o], want))
                return dura_error_set(err, DURA_EINVAL, NULL, 0, NULL,
                                      "golden vector %u: output %u is %.9g, want %.9g", row, o, (double)out[o],
                                      (double)want);
        }
    }
    return DURA_OK;
}

/* The model of an intact brain: fits the policy, opens, answers right. */
static uint32_t check_brain(const void *policy, size_t policy_len, const void *subject, size_t n, dura_error *err)
{
    const void *model;
    size_t len;
    durai_golden g;
    durai_bench b;
    int rc = dura_brain_check(subject, n);
    if (rc == DURA_OK)
        rc = dura_brain_section(subject, n, DURA_BRAIN_MODEL, &model, &len);
    if (rc != DURA_OK) {
        dura_error_set(err, rc, NULL, 0, NULL, "it is no brain image: %s", dura_strerror(rc));
        return DURA_WHY_OPEN;
    }
    if (durai_golden_open(&g, subject, n) != DURA_OK) {
        dura_error_set(err, DURA_ENOENT, NULL, 0, NULL, "it carries no golden vectors");
        return DURA_WHY_GOLDEN;
    }
    if (policy && dura_pack_check_model(policy, policy_len, model, len, "the policy", "the model", err) != DURA_OK)
        return DURA_WHY_OPEN;
    rc = durai_bench_open(&b, model, len);
    if (rc != DURA_OK) {
        dura_error_set(err, rc, NULL, 0, NULL, "the model does not open: %s", dura_strerror(rc));
        return DURA_WHY_OPEN;
    }
    rc = g.n_in != b.n_in || g.n_out != b.n_out
             ? dura_error_set(err, DURA_EINVAL, NULL, 0, NULL, "the golden vectors are of another width than the model")
             : run_vectors(&b, &g, err);
    durai_bench_close(&b);
    return rc == DURA_OK ? 0 : DURA_WHY_GOLDEN;
}

static uint32_t check_subject(const dura_release *r, const void *policy, size_t policy_len, const void *subject,
                              size_t n, dura_error *err)
{
    uint8_t digest[DURA_HASH_BYTES];
    uint32_t why = n < r->length ? (uint32_t)DURA_WHY_INCOMPLETE : 0;
    dura_sha256_query(digest, subject, n);
    if (n != r->length || memcmp(digest, r->digest, sizeof digest) != 0)
        return why | (uint32_t)DURA_WHY_DIGEST;
    return r->component == DURA_COMPONENT_BRAIN ? check_brain(policy, policy_len, subject, n, err) : 0;
}

/* ---- calendar ------------------------------------------------------------------------------- */

static uint32_t check_time(const dura_release *r, const dura_gate_config *cfg, int64_t now_s)
{
    uint32_t why = 0;
    int window = cfg->window_minutes && !(r->flags & DURA_RELEASE_EMERGENCY);
    if (now_s <= 0)
        return window || r->not_before_s || r->not_after_s ? DURA_WHY_CLOCK : 0;
    if (r->not_after_s && now_s > r->not_after_s)
        why |= DURA_WHY_EXPIRED;
    if (now_s < r->not_before_s)
        why |= DURA_WHY_NOT_YET;
    if (window && (now_s > LAST_S || !durai_gate_window_open(cfg, now_s / 60, now_s / 60)))
        why |= DURA_WHY_WINDOW;
    return why;
}

int dura_release_window(const dura_gate_config *cfg, int64_t now_s, int64_t *opens_s, int64_t *closes_s)
{
    if (!cfg || now_s < 0 || now_s > LAST_S - (DAYS_AHEAD + 3) * 86400 || !opens_s || !closes_s ||
        cfg->struct_size < sizeof *cfg || !durai_gate_window_ok(cfg))
        return DURA_EINVAL;
    *opens_s = *closes_s = now_s;
    if (!cfg->window_minutes)
        return DURA_OK;
    int64_t m = now_s / 60, last = m + DAYS_AHEAD * 1440;
    while (m < last && !durai_gate_window_open(cfg, m, m))
        m++;
    if (m == last)
        return DURA_ENOENT;
    *opens_s = m * 60 > now_s ? m * 60 : now_s;
    while (m < last && durai_gate_window_open(cfg, m, m))
        m++;
    *closes_s = m * 60;
    return DURA_OK;
}

/* A release that calls itself routine and is not. */
static int beyond_plan(const dura_release *r, const dura_gate_config *cfg, const void *policy, size_t policy_len,
                       const void *subject, size_t n)
{
    uint32_t changes = r->component == DURA_COMPONENT_BOX ? (uint32_t)DURA_PART_BOX : (uint32_t)DURA_PART_MODEL;
    if (!cfg->substantial_role || (r->flags & DURA_RELEASE_SUBSTANTIAL))
        return 0;
    if (r->component == DURA_COMPONENT_POLICY) {
        if (!n || !policy || durai_policy_check(policy, policy_len) != DURA_OK || durai_policy_check(subject, n) != DURA_OK)
            return 0; /* what it changes cannot be said here */
        changes = durai_part_changes(policy, subject);
    }
    return (changes & ~cfg->planned) != 0 ||
           (r->component == DURA_COMPONENT_BRAIN &&
            (r->metric < cfg->planned_metric || (cfg->planned_data && sodium_is_zero(r->data, sizeof r->data))));
}

uint64_t dura_release_check(const dura_release *r, const dura_gate_config *cfg, const void *policy, size_t policy_len,
                            const void *subject, size_t n, uint32_t slot_bytes, int64_t now_s, dura_error *err)
{
    uint32_t why = 0;
    dura_release full = DURA_RELEASE_INIT;
    if (!r || !cfg || (n && !subject) ||
        durai_struct_in(&full, (uint32_t)sizeof full, r, r->struct_size, (uint32_t)offsetof(dura_release, need_min)) != DURA_OK)
        return DURA_WHY_FORMAT;
    if (!(cfg->components & 1u << r->component))
        why |= DURA_WHY_COMPONENT;
    if (strcmp(r->device, "*") != 0 && (!cfg->device || strcmp(r->device, cfg->device) != 0))
        why |= DURA_WHY_DEVICE;
    if (!sodium_is_zero(r->policy, sizeof r->policy) && memcmp(r->policy, cfg->policy, sizeof r->policy) != 0)
        why |= DURA_WHY_POLICY;
    if (r->component == DURA_COMPONENT_BRAIN && r->length > slot_bytes)
        why |= DURA_WHY_SIZE;
    if (n)
        why |= check_subject(r, policy, policy_len, subject, n, err);
    dura_gate_hooks bench = {.user = (void *)(uintptr_t)policy, .part = part_there};
    int bound = n && r->component == DURA_COMPONENT_BRAIN && policy && dura_brain_check(subject, n) == DURA_OK &&
                durai_policy_check(policy, policy_len) == DURA_OK && !durai_brain_fits(&bench, NULL, subject, n);
    why |= check_time(&full, cfg, now_s);
    return why | (cfg->require & ~full.practices ? DURAI_WHY2(DURA_WHY2_EVIDENCE) : 0) |
           (bound ? DURAI_WHY2(DURA_WHY2_PARTS) : 0) |
           ((full.flags & DURA_RELEASE_BACK) && !cfg->rollback_role ? DURAI_WHY2(DURA_WHY2_BACK) : 0) |
           (beyond_plan(&full, cfg, policy, policy_len, subject, n) ? DURAI_WHY2(DURA_WHY2_PLANNED) : 0);
}
