/* SPDX-License-Identifier: Apache-2.0 */
/* The guard: the only way a decision leaves the library. */
#include "dt.h"
#include "sim/dt_box.h"

#include "../src/guard/dura_guard_priv.h"

#define SEGMENTS 24u

static uint64_t flash_mem[DT_BOX_FLASH(SEGMENTS) / 8];
static uint64_t guard_mem[DT_BOX_GUARD / 8];
static dt_box box;

static dt_spec spec(void)
{
    dt_spec s;
    dt_spec_init(&s);
    return s;
}

static void fresh(const dt_spec *s) { dt_box_init(&box, s, flash_mem, SEGMENTS, guard_mem); }

static void booted(const dt_spec *s)
{
    fresh(s);
    int rc = dt_box_boot(&box);
    dt_eq(rc, DURA_OK, "%s", dura_strerror(rc));
}

static dura_guard_status status(void)
{
    dura_guard_status st = DURA_GUARD_STATUS_INIT;
    dt_eq(dura_guard_query(box.guard, &st), DURA_OK, "query");
    return st;
}

/* One step of equal values v; the decision. */
static dura_decision step(uint64_t frame, float v)
{
    dura_decision d;
    dt_eq(dt_box_step(&box, frame, 10, v, &d), DURA_OK, "frame %u", (unsigned)frame);
    return d;
}

static void script(const dt_line *lines, uint16_t n)
{
    box.backend.script = lines;
    box.backend.n_lines = n;
}

/* ---- the records of a log, as stored -------------------------------------------------- */

/* Calls f for every record stored in log 0 or 1; returns how many. */
static int each_record(int log, void (*f)(void *ctx, const uint8_t *rec, size_t n), void *ctx)
{
    const uint8_t *p = box.flash[log].live;
    int count = 0;
    for (uint32_t s = 0; s < SEGMENTS; s++) {
        const uint8_t *seg = p + s * DT_BOX_SEGMENT;
        if (durai_le32(seg) != 0x31475344u)
            continue;
        uint32_t at = (72u + 32u * seg[7] + 7u) & ~7u;
        while (at + 16 < DT_BOX_SEGMENT && durai_le32(seg + at) == 0x31524C44u) {
            uint16_t len = durai_le16(seg + at + 4);
            if (f)
                f(ctx, seg + at + 16, len);
            count++;
            at += (16u + len + 7u) & ~7u;
        }
    }
    return count;
}

typedef struct find_fact {
    uint64_t kind, seen;
    int64_t value0;
    char actor[65];
} find_fact;

static void look_for_fact(void *ctx, const uint8_t *rec, size_t n)
{
    find_fact *w = ctx;
    uint64_t kind, fact;
    const char *p;
    size_t len;
    durai_item it;
    durai_cbor_in in;
    if (durai_cbor_find_uint(rec, n, 11, &kind) || kind != DURA_REC_FACT || durai_cbor_find_uint(rec, n, 16, &fact) ||
        fact != w->kind)
        return;
    w->seen++;
    if (durai_cbor_find(rec, n, 26, &it, &in) == DURA_OK && durai_cbor_next(&in, &it) == DURA_OK)
        w->value0 = it.type == DURAI_CBOR_UINT ? (int64_t)it.v : -1 - (int64_t)it.v;
    if (durai_cbor_find_text(rec, n, 27, &p, &len) == DURA_OK && len < sizeof w->actor) {
        memcpy(w->actor, p, len);
        w->actor[len] = 0;
    }
}

static find_fact fact_in(int log, uint64_t kind)
{
    find_fact w = {kind, 0, 0, ""};
    each_record(log, look_for_fact, &w);
    return w;
}

/* ---- init ------------------------------------------------------------------------------ */

DT_TEST(guard_init, says_what_is_wrong_with_its_arguments)
{
    dt_spec s = spec();
    dura_guard *g = (dura_guard *)&box;
    fresh(&s);
    size_t need = dura_guard_bytes(box.image, box.image_len, &box.model, &box.port);
    dt_ok(need > 0 && need <= DT_BOX_GUARD, "need %zu", need);
    dura_model none = box.model, hollow = box.model;
    dura_port bare = box.port, nolog = box.port;
    none.image_len = 0;
    hollow.backend = NULL;
    bare.crypto = NULL;
    nolog.region[DURA_REGION_NV] = NULL;
    struct {
        const char *row;
        void *mem;
        size_t len;
        const void *policy;
        size_t policy_len;
        const dura_model *model;
        const dura_port *port;
        const dura_time *now;
        int want;
    } rows[] = {
        {"no memory", NULL, need, box.image, box.image_len, &box.model, &box.port, &box.now, DURA_EINVAL},
        {"odd memory", (char *)guard_mem + 4, need, box.image, box.image_len, &box.model, &box.port, &box.now, DURA_EALIGN},
        {"one byte short", guard_mem, need - 1, box.image, box.image_len, &box.model, &box.port, &box.now, DURA_ENOSPC},
        {"no policy", guard_mem, need, NULL, 0, &box.model, &box.port, &box.now, DURA_EINVAL},
        {"cut policy", guard_mem, need, box.image, box.image_len - 8, &box.model, &box.port, &box.now, DURA_ECORRUPT},
        {"no model", guard_mem, need, box.image, box.image_len, NULL, &box.port, &box.now, DURA_EINVAL},
        {"empty model", guard_mem, need, box.image, box.image_len, &none, &box.port, &box.now, DURA_EINVAL},
        {"no backend", guard_mem, need, box.image, box.image_len, &hollow, &box.port, &box.now, DURA_EINVAL},
        {"no port", guard_mem, need, box.image, box.image_len, &box.model, NULL, &box.now, DURA_ENOTSUP},
        {"no crypto", guard_mem, need, box.image, box.image_len, &box.model, &bare, &box.now, DURA_ENOTSUP},
        {"no NV", guard_mem, need, box.image, box.image_len, &box.model, &nolog, &box.now, DURA_ENOTSUP},
        {"no time", guard_mem, need, box.image, box.image_len, &box.model, &box.port, NULL, DURA_EINVAL},
        {"all right", guard_mem, need, box.image, box.image_len, &box.model, &box.port, &box.now, DURA_OK},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        int rc = dura_guard_init(&g, rows[i].mem, rows[i].len, rows[i].policy, rows[i].policy_len, rows[i].model,
                                 rows[i].port, rows[i].now);
        dt_eq(rc, rows[i].want, "row: %s", rows[i].row);
        dt_ok((g != NULL) == (rc == DURA_OK), "row: %s", rows[i].row);
    }
    dt_eq(dura_guard_init(NULL, guard_mem, need, box.image, box.image_len, &box.model, &box.port, &box.now), DURA_EINVAL, "");
    dt_eq(dura_guard_bytes(box.image, box.image_len - 1, &box.model, &box.port), 0, "bytes of a cut policy");
}

DT_TEST(guard_init, works_at_any_8_byte_alignment)
{
    dt_spec s = spec();
    for (size_t shift = 0; shift < 2; shift++) {
        fresh(&s);
        box.mem = guard_mem + shift;
        box.mem_len = dura_guard_bytes(box.image, box.image_len, &box.model, &box.port);
        dt_eq(dt_box_boot(&box), DURA_OK, "shift %zu", shift);
        dt_eq(step(1, 20.0f).action, DURA_ACT, "shift %zu", shift);
    }
}

DT_TEST(guard_init, refuses_a_policy_whose_decisions_cannot_be_recorded)
{
    dt_spec s = spec();
    s.channels = 16;
    s.max_record = 256;
    fresh(&s);
    dt_eq(dt_box_boot(&box), DURA_EINVAL, "record too small");
    s.max_record = 0;
    s.ring_bytes = 256;
    fresh(&s);
    dt_eq(dt_box_boot(&box), DURA_EINVAL, "ring too small");
}

DT_TEST(guard_init, counts_boots_and_knows_a_clean_stop)
{
    dt_spec s = spec();
    booted(&s);
    dt_eq(status().boot, 1, "");
    dt_eq(status().clean_start, 0, "");
    dt_eq(dura_guard_deinit(box.guard, &box.now, NULL, 0, 0), DURA_OK, "");
    dt_box_reboot(&box, DT_NOOP, 1);
    dt_eq(dt_box_boot(&box), DURA_OK, "");
    dt_eq(status().boot, 2, "");
    dt_eq(status().clean_start, 1, "");
    dt_box_reboot(&box, DT_NOOP, 1);
    dt_eq(dt_box_boot(&box), DURA_OK, "");
    dt_eq(status().boot, 3, "");
    dt_eq(status().clean_start, 0, "the second stop was not clean");
}

/* ---- the gate record --------------------------------------------------------------------- */

static void expect_gate(int want, const char *row)
{
    dt_eq(dt_box_boot(&box), DURA_OK, "row: %s", row);
    dt_eq(status().gate, want, "row: %s", row);
    for (uint64_t i = 1; i <= 3; i++) {
        dura_decision d = step(i, 20.0f);
        dt_eq(d.action, want == DURA_OK ? DURA_ACT : DURA_FALLBACK, "row: %s", row);
        dt_eq((d.reasons & DURA_G_GATE) != 0, want != DURA_OK, "row: %s", row);
        if (want != DURA_OK)
            dt_ok(d.output[0] >= 5.0f && d.output[0] <= 5.0f, "row: %s", row);
    }
    dt_eq(box.seen.runs == 0, want != DURA_OK, "row: %s: the model ran", row);
}

DT_TEST(guard_gate, lets_only_a_model_with_its_record_run)
{
    dt_spec s = spec();
    fresh(&s);
    expect_gate(DURA_OK, "its own record");

    fresh(&s);
    dt_eq(box.region[2].erase(box.region[2].user, 0, 1024), 0, "");
    expect_gate(DURA_EDENIED, "no record");

    fresh(&s);
    dt_box_factory(&box, "another policy", 14, NULL, 0);
    expect_gate(DURA_EAUTH, "record of another policy");

    fresh(&s);
    dt_box_factory(&box, NULL, 0, "another model", 13);
    expect_gate(DURA_EAUTH, "record of another model");

    fresh(&s);
    box.model.image = "the model of a dt_box, version 2";
    expect_gate(DURA_EAUTH, "another model under the old record");

    fresh(&s);
    box.crypto.crypto.verify = NULL;
    box.port.crypto = &box.crypto.crypto;
    expect_gate(DURA_ENOTSUP, "a provider that cannot verify");
}

DT_TEST(guard_gate, no_flipped_byte_of_the_record_passes)
{
    dt_spec s = spec();
    for (uint32_t off = 0; off < 8u + 75u + 64u + 4u; off++) { /* head, body, signature, CRC */
        fresh(&s);
        dt_flash_flip(&box.flash[2], off, 0x10);
        dt_eq(dt_box_boot(&box), DURA_OK, "byte %u", (unsigned)off);
        dt_ok(status().gate != DURA_OK, "byte %u", (unsigned)off);
        dt_eq(step(1, 20.0f).action, DURA_FALLBACK, "byte %u", (unsigned)off);
        dt_eq(box.seen.runs, 0, "byte %u", (unsigned)off);
    }
}

DT_TEST(guard_gate, a_resigned_body_with_unknown_schema_is_refused)
{
    static const uint8_t key[32] = "provisioning key of a dt_box....";
    dt_spec s = spec();
    fresh(&s);
    uint8_t body[96], pae[160], sig[64], rec[256] = {0};
    size_t n = durai_factory_body(body, sizeof body, key, key, 1);
    body[2] = 2; /* schema: map(4), key 1, value */
    size_t np = durai_factory_pae(pae, sizeof pae, body, n);
    dt_crypto_fake_sign(key, pae, np, sig);
    size_t nr = (durai_factory_wrap(rec, sizeof rec, body, n, sig) + 7u) & ~(size_t)7u;
    dt_eq(box.region[2].erase(box.region[2].user, 0, 1024), 0, "");
    dt_eq(box.region[2].prog(box.region[2].user, 0, rec, nr), 0, "");
    expect_gate(DURA_EVERSION, "schema 2");
}

DT_TEST(guard_gate, a_model_of_another_shape_does_not_run)
{
    dt_spec s = spec();
    fresh(&s);
    box.backend.n_inputs = 3;
    dt_eq(dt_box_boot(&box), DURA_OK, "");
    dt_eq(status().gate, DURA_EINVAL, "");
    dt_eq(step(1, 20.0f).action, DURA_FALLBACK, "");
    dt_eq(box.seen.closes, 1, "the instance was closed");
}

DT_TEST(guard_gate, a_model_that_does_not_open_does_not_run)
{
    dt_spec s = spec();
    fresh(&s);
    box.backend.open_code = -555;
    dt_eq(dt_box_boot(&box), DURA_OK, "");
    dt_eq(status().gate, -555, "");
    dt_eq(step(1, 20.0f).action, DURA_FALLBACK, "");
}

/* ---- step ------------------------------------------------------------------------------- */

DT_TEST(guard_step, acts_within_the_envelope)
{
    dt_spec s = spec();
    booted(&s);
    dura_decision d = step(1, 20.0f);
    dt_eq(d.action, DURA_ACT, "");
    dt_eq(d.mode, DURA_ENFORCE, "");
    dt_eq(d.verdict, DURA_GOOD, "");
    dt_eq(d.reasons, 0, "");
    dt_eq(d.n_outputs, 1, "");
    dt_eq(d.worst_channel, DURA_NONE, "");
    dt_eq((int)d.output[0], 20, "mean of the inputs");
    dt_eq((int)d.proposed[0], 20, "");
    dt_eq(box.seen.misuse, 0, "");
}

DT_TEST(guard_step, answers_every_fault_of_the_model_with_a_safe_value)
{
    static const struct { const char *row; dt_line line; uint8_t action; uint32_t reasons; float out; } rows[] = {
        {"NaN", {1, DT_ANSWER_NAN, 0}, DURA_FALLBACK, DURA_G_NONFINITE, 5},
        {"+Inf", {1, DT_ANSWER_INF, 1}, DURA_FALLBACK, DURA_G_NONFINITE, 5},
        {"-Inf", {1, DT_ANSWER_INF, -1}, DURA_FALLBACK, DURA_G_NONFINITE, 5},
        {"error", {1, DT_ANSWER_ERROR, 0}, DURA_FALLBACK, DURA_G_BACKEND, 5},
        {"late", {1, DT_ANSWER_LATE, 0}, DURA_FALLBACK, DURA_G_BACKEND, 5},
        {"above", {1, DT_ANSWER_WRONG, 1e30f}, DURA_ACT, DURA_G_RANGE, 50},
        {"below", {1, DT_ANSWER_WRONG, -3}, DURA_ACT, DURA_G_RANGE, 0},
        {"inside", {1, DT_ANSWER_WRONG, 49}, DURA_ACT, 0, 49},
    };
    dt_spec s = spec();
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        booted(&s);
        script(&rows[i].line, 1);
        dt_eq(step(1, 20.0f).action, DURA_ACT, "row: %s", rows[i].row);
        dura_decision d = step(2, 20.0f);
        dt_eq(d.action, rows[i].action, "row: %s", rows[i].row);
        dt_eq(d.reasons, rows[i].reasons, "row: %s", rows[i].row);
        dt_eq((int)(d.output[0] * 8), (int)(rows[i].out * 8), "row: %s", rows[i].row);
    }
}

DT_TEST(guard_step, falls_back_on_a_violation_when_the_policy_says_so)
{
    static const dt_line wild = {1, DT_ANSWER_WRONG, 51};
    dt_spec s = spec();
    s.on_violation = 2;
    booted(&s);
    script(&wild, 1);
    step(1, 20.0f);
    dura_decision d = step(2, 20.0f);
    dt_eq(d.action, DURA_FALLBACK, "");
    dt_eq(d.reasons, DURA_G_RANGE, "");
    dt_eq((int)d.output[0], 5, "");
}

DT_TEST(guard_step, limits_the_rate_from_what_was_driven_last)
{
    static const dt_line jump[] = {{0, DT_ANSWER_WRONG, 10}, {2, DT_ANSWER_WRONG, 40}, {6, DT_ANSWER_WRONG, 0}};
    dt_spec s = spec();
    s.out_rate = 500.0f; /* 5 per 10 ms */
    booted(&s);
    script(jump, 3);
    static const float want[] = {10, 10, 15, 20, 25, 30, 25, 20};
    for (uint64_t i = 0; i < 8; i++) {
        dura_decision d = step(1 + i, 20.0f);
        dt_eq((int)(d.output[0] * 16 + 0.5f), (int)(want[i] * 16 + 0.5f), "frame %u: %g", (unsigned)i, (double)d.output[0]);
        dt_eq((d.reasons & DURA_G_RATE) != 0, i >= 2, "frame %u", (unsigned)i);
    }
}

DT_TEST(guard_step, holds_then_falls_back_then_recovers)
{
    dt_spec s = spec();
    s.hold_ms = 25;
    s.recover_frames = 3;
    booted(&s);
    static const struct { float v; uint8_t action; uint32_t reasons; int out; } rows[] = {
        {20, DURA_FALLBACK, DURA_G_RECOVERING, 5},
        {20, DURA_FALLBACK, DURA_G_RECOVERING, 5},
        {20, DURA_ACT, 0, 20},
        {30, DURA_ACT, 0, 30},
        {900, DURA_HOLD, DURA_G_INPUT, 30},
        {900, DURA_HOLD, DURA_G_INPUT, 30},
        {900, DURA_FALLBACK, DURA_G_INPUT | DURA_G_HELD_TOO_LONG, 5},
        {20, DURA_FALLBACK, DURA_G_RECOVERING | DURA_G_HELD_TOO_LONG, 5},
        {900, DURA_FALLBACK, DURA_G_INPUT | DURA_G_HELD_TOO_LONG, 5},
        {20, DURA_FALLBACK, DURA_G_RECOVERING | DURA_G_HELD_TOO_LONG, 5},
        {20, DURA_FALLBACK, DURA_G_RECOVERING | DURA_G_HELD_TOO_LONG, 5},
        {20, DURA_ACT, 0, 20},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        dura_decision d = step(1 + i, rows[i].v);
        dt_eq(d.action, rows[i].action, "frame %zu", i);
        dt_eq(d.reasons, rows[i].reasons, "frame %zu", i);
        dt_eq((int)d.output[0], rows[i].out, "frame %zu", i);
    }
}

/* One step of values of their own. */
static dura_decision step_of(uint64_t frame, const float *values)
{
    dura_frame f = DURA_FRAME_INIT;
    dura_decision d = DURA_DECISION_INIT;
    box.now.mono_ns += 10000000;
    f.frame = frame;
    f.n = box.spec.channels;
    f.time = box.now;
    f.values = values;
    dt_eq(dura_guard_step(box.guard, &f, &d), DURA_OK, "frame %u", (unsigned)frame);
    dt_ok(dura_guard_idle(box.guard, &box.now, 100000) >= 0, "frame %u", (unsigned)frame);
    return d;
}

DT_TEST(guard_step, runs_the_checks_of_the_policy_over_channels_and_past)
{
    dt_spec s = spec();
    s.relations = 1;
    s.checks &= (uint16_t)~DURA_CHECK_TIME;
    booted(&s);
    static const struct { float v[4]; uint8_t action; uint32_t reasons; } rows[] = {
        {{50, 51, 52, 10}, DURA_ACT, 0},
        {{52, 51, 52, 99}, DURA_ACT, 0},
        {{52, 59, 52, 99}, DURA_FALLBACK, DURA_R_VOTE_FAIL},
        {{52, 51, 52, 50}, DURA_ACT, 0},
        {{95, 94, 93, 50}, DURA_FALLBACK, DURA_R_SPIKE_FAIL},
        {{95, 94, 93, 50}, DURA_ACT, 0},
        {{95, 94, 93, 61}, DURA_FALLBACK, DURA_R_CONTEXT_FAIL},
        {{89, 88, 87, 61}, DURA_ACT, 0},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        dura_decision d = step_of(1 + i, rows[i].v);
        dt_eq(d.action, rows[i].action, "frame %zu", i);
        dt_eq(d.sensor_reasons, rows[i].reasons, "frame %zu", i);
        dt_eq((d.reasons & DURA_G_INPUT) != 0, rows[i].action != DURA_ACT, "frame %zu", i);
    }
}

DT_TEST(guard_init, wants_the_part_that_runs_the_checks_of_the_policy)
{
    dt_spec s = spec();
    s.relations = 1;
    booted(&s);
    size_t with = dura_guard_bytes(box.image, box.image_len, &box.model, &box.port);
    fresh(&s);
    box.port.sensor = NULL;
    dt_eq(dura_guard_bytes(box.image, box.image_len, &box.model, &box.port), 0, "no part");
    dt_eq(dt_box_boot(&box), DURA_ENOTSUP, "no part");
    fresh(&s);
    box.port.struct_size = (uint32_t)offsetof(dura_port, sensor);
    dt_eq(dt_box_boot(&box), DURA_ENOTSUP, "a port of before there were checks");
    s.relations = 0;
    fresh(&s);
    dt_ok(dura_guard_bytes(box.image, box.image_len, &box.model, &box.port) < with, "checks take room");
    box.port.struct_size = (uint32_t)offsetof(dura_port, sensor);
    dt_eq(dt_box_boot(&box), DURA_OK, "such a port and no checks");
}

DT_TEST(guard_init, wants_an_image_with_terms_aligned)
{
    static uint64_t room[DT_BOX_IMAGE / 8 + 1];
    uint8_t *odd = (uint8_t *)room + 2;
    for (uint8_t relations = 0; relations < 2; relations++) {
        dt_spec s = spec();
        dura_guard *g = NULL;
        s.relations = relations;
        fresh(&s);
        memcpy(odd, box.image, box.image_len);
        dt_eq(dura_guard_init(&g, guard_mem, sizeof guard_mem, odd, box.image_len, &box.model, &box.port, &box.now),
              relations ? DURA_EALIGN : DURA_OK, "relations %u", relations);
        dt_ok((g != NULL) == !relations, "");
    }
}

DT_TEST(guard_step, refuses_late_and_repeated_frames)
{
    dt_spec s = spec();
    booted(&s);
    dt_eq(step(5, 20.0f).action, DURA_ACT, "");
    static const uint64_t late[] = {5, 4, 0};
    for (size_t i = 0; i < 3; i++) {
        dura_decision d = step(late[i], 20.0f);
        dt_eq(d.action, DURA_FALLBACK, "frame %u", (unsigned)late[i]);
        dt_ok(d.reasons & DURA_G_ORDER, "frame %u", (unsigned)late[i]);
        dt_eq(d.verdict, DURA_FAIL, "frame %u", (unsigned)late[i]);
    }
    dt_eq(step(6, 20.0f).action, DURA_ACT, "");
    dt_eq(box.seen.runs, 2, "the model never saw them");
}

DT_TEST(guard_step, answers_and_records_even_a_wrong_call)
{
    dt_spec s = spec();
    booted(&s);
    float v[DT_BOX_CHANNELS] = {20, 20, 20, 20};
    dura_frame good = DURA_FRAME_INIT, f;
    good.n = 4;
    good.frame = 1;
    good.time = box.now;
    good.values = v;
    struct { const char *row; int which; } rows[] = {{"no frame", 0}, {"width", 1}, {"no values", 2}, {"time", 3}, {"size", 4}};
    for (size_t i = 0; i < 5; i++) {
        dura_decision d = DURA_DECISION_INIT;
        f = good;
        if (rows[i].which == 1) f.n = 3;
        if (rows[i].which == 2) f.values = NULL;
        if (rows[i].which == 3) f.time.mono_ns = -1;
        if (rows[i].which == 4) f.struct_size = 8;
        int before = each_record(1, NULL, NULL);
        dt_eq(dura_guard_step(box.guard, rows[i].which ? &f : NULL, &d), DURA_EINVAL, "row: %s", rows[i].row);
        dt_eq(d.action, DURA_FALLBACK, "row: %s", rows[i].row);
        dt_ok(d.reasons & DURA_G_ARGUMENT, "row: %s", rows[i].row);
        dt_eq((int)d.output[0], 5, "row: %s", rows[i].row);
        dt_ok(dura_guard_idle(box.guard, &box.now, 100000) > 0, "row: %s", rows[i].row);
        dt_ok(each_record(1, NULL, NULL) > before, "row: %s: not recorded", rows[i].row);
    }
    dura_decision small = DURA_DECISION_INIT;
    small.struct_size = 16;
    dt_eq(dura_guard_step(box.guard, &good, &small), DURA_EINVAL, "");
    dt_eq(dura_guard_step(box.guard, &good, NULL), DURA_EINVAL, "");
    dt_eq(dura_guard_step(NULL, &good, &small), DURA_EINVAL, "");
}

DT_TEST(guard_step, output_is_safe_whatever_happens)
{
    /* Random frames, faults of sensors and of the model, wrong calls, stops: every output is
     * finite and inside the envelope, and an ACT comes only from a good model answer. */
    static dt_line lines[64];
    uint64_t rng = 42;
    dt_spec s = spec();
    s.checks |= DURA_CHECK_RATE | DURA_CHECK_FLAT;
    s.rate_fail = 1e5f;
    s.flat_fail_ms = 200;
    s.hold_ms = 30;
    s.out_rate = 300.0f;
    s.recover_frames = 2;
    s.commit_records = 64;
    for (int round = 0; round < 12; round++) {
        for (uint32_t i = 0; i < 64; i++) {
            lines[i].run = i * 3;
            lines[i].what = (int32_t)dt_below(&rng, 8);
            lines[i].arg = (float)dt_below(&rng, 2000) - 1000.0f;
        }
        booted(&s);
        script(lines, 64);
        dt_sensor sensor;
        dt_sensor_init(&sensor, 4, rng);
        for (uint8_t k = 1; k <= 8; k++) {
            dt_fault fault = {k, (uint8_t)dt_below(&rng, 4), 3, dt_below(&rng, 150), 0, 900.0f};
            fault.until = fault.from + dt_below(&rng, 20);
            dt_eq(dt_sensor_fault(&sensor, &fault), 0, "");
        }
        for (uint64_t n = 1; n <= 160; n++) {
            float v[4];
            uint8_t missing[4];
            dura_frame f = DURA_FRAME_INIT;
            dura_decision d = DURA_DECISION_INIT;
            f.time.mono_ns = dt_sensor_next(&sensor, v, missing);
            f.frame = dt_below(&rng, 30) == 0 ? n - 1 : n;
            f.n = dt_below(&rng, 40) == 0 ? 3 : 4;
            f.values = v;
            f.missing = missing;
            if (n == 80)
                dt_eq(dura_guard_override(box.guard, DURA_OVERRIDE_STOP, "a", "b", &box.now), DURA_OK, "");
            if (n == 100)
                dt_eq(dura_guard_override(box.guard, DURA_OVERRIDE_RELEASE, "a", "b", &box.now), DURA_OK, "");
            int rc = dura_guard_step(box.guard, &f, &d);
            dt_eq(rc, f.n == 4 && f.time.mono_ns >= 0 ? DURA_OK : DURA_EINVAL, "");
            dt_ok(durai_finite(d.output[0]) && d.output[0] >= 0.0f && d.output[0] <= 50.0f, "frame %u", (unsigned)n);
            dt_ok(d.action == DURA_ACT || d.action == DURA_HOLD || d.action == DURA_FALLBACK || d.action == DURA_STOP, "");
            if (d.action == DURA_FALLBACK || d.action == DURA_STOP)
                dt_ok(d.output[0] >= 5.0f && d.output[0] <= 5.0f, "frame %u", (unsigned)n);
            if (n >= 80 && n < 100)
                dt_eq(d.action, DURA_STOP, "frame %u", (unsigned)n);
            if (n % 7 == 0)
                dt_ok(dura_guard_idle(box.guard, &box.now, 100000) >= 0, "");
        }
        dt_eq(box.flash[0].violations + box.flash[1].violations + box.flash[2].violations, 0, "round %d", round);
        dt_eq(box.seen.misuse, 0, "");
    }
}

DT_TEST(guard_step, observe_mode_leaves_the_output_to_the_existing_control)
{
    /* The same frames in both modes: observe proposes what enforce drives, and drives what
     * the existing control says, or the safe value where it says nothing usable. */
    static dura_decision enforced[200];
    static const dt_line lines[] = {{20, DT_ANSWER_NAN, 0}, {25, DT_ANSWER_WRONG, 77}, {60, DT_ANSWER, 0}};
    for (int mode = DURA_ENFORCE; mode >= DURA_OBSERVE; mode--) {
        dt_spec s = spec();
        uint64_t rng = 5;
        s.mode = (uint8_t)mode;
        s.hold_ms = 20;
        booted(&s);
        script(lines, 3);
        for (uint64_t n = 0; n < 200; n++) {
            float v[4], base[1];
            dura_frame f = DURA_FRAME_INIT;
            dura_decision d = DURA_DECISION_INIT;
            for (int c = 0; c < 4; c++)
                v[c] = (float)dt_below(&rng, 110);
            base[0] = n % 50 == 3 ? durai_f32(0x7FC00000u) : (float)dt_below(&rng, 1000) - 500.0f;
            f.n = 4;
            f.frame = n + 1;
            f.time.mono_ns = (int64_t)(n + 1) * 10000000;
            f.values = v;
            f.baseline = n % 3 ? base : NULL;
            dt_eq(dura_guard_step(box.guard, &f, &d), DURA_OK, "");
            dt_ok(dura_guard_idle(box.guard, &box.now, 100000) >= 0, "");
            if (mode == DURA_ENFORCE) {
                enforced[n] = d;
                dt_mem(d.output, d.proposed, sizeof d.output, "frame %u", (unsigned)n);
                continue;
            }
            float want = f.baseline && durai_finite(base[0]) ? base[0] : 5.0f;
            dt_mem(&d.output[0], &want, 4, "frame %u", (unsigned)n);
            dt_mem(d.proposed, enforced[n].proposed, sizeof d.proposed, "frame %u", (unsigned)n);
            dt_eq(d.action, enforced[n].action, "frame %u", (unsigned)n);
        }
    }
}

DT_TEST(guard_step, says_when_its_record_did_not_fit)
{
    dt_spec s = spec();
    s.ring_bytes = 1024;
    booted(&s);
    float v[4] = {20, 20, 20, 20};
    int full = 0;
    for (uint64_t n = 1; n <= 40; n++) {
        dura_frame f = DURA_FRAME_INIT;
        dura_decision d = DURA_DECISION_INIT;
        f.n = 4;
        f.frame = n;
        f.time.mono_ns = (int64_t)n * 1000000;
        f.values = v;
        dt_eq(dura_guard_step(box.guard, &f, &d), DURA_OK, "");
        dt_eq(d.action, DURA_ACT, "");
        full += (d.reasons & DURA_G_LOG) != 0;
    }
    dt_ok(full > 20, "%d", full);
    dt_eq(status().unrecorded, full, "");
    dt_eq(status().steps, 40, "");
    dt_eq(status().actions[0], 40, "");
    dura_log_status st = DURA_LOG_STATUS_INIT;
    dt_ok(dura_guard_idle(box.guard, &box.now, 100000) > 0, "");
    dt_eq(dura_guard_log(box.guard, &st), DURA_OK, "");
    dt_ok(st.dropped >= (uint64_t)full, "the log counted them too");
}

/* ---- records ------------------------------------------------------------------------------ */

typedef struct decisions { int n; uint64_t frame, action, reasons; size_t values, inputs, raw, out, driven; } decisions;

static void look_at_decision(void *ctx, const uint8_t *rec, size_t n)
{
    decisions *w = ctx;
    uint64_t kind;
    const uint8_t *p;
    dt_eq(durai_cbor_check(rec, n), DURA_OK, "every record is deterministic CBOR");
    if (durai_cbor_find_uint(rec, n, 11, &kind) || kind != DURA_REC_DECISION)
        return;
    w->n++;
    w->values = w->inputs = w->raw = w->out = w->driven = w->reasons = 0;
    dt_eq(durai_cbor_find_uint(rec, n, 16, &w->frame), DURA_OK, "");
    dt_eq(durai_cbor_find_uint(rec, n, 18, &w->action), DURA_OK, "");
    (void)durai_cbor_find_uint(rec, n, 19, &w->reasons);
    (void)durai_cbor_find_bytes(rec, n, 22, &p, &w->values);
    (void)durai_cbor_find_bytes(rec, n, 23, &p, &w->inputs);
    (void)durai_cbor_find_bytes(rec, n, 24, &p, &w->raw);
    (void)durai_cbor_find_bytes(rec, n, 25, &p, &w->out);
    (void)durai_cbor_find_bytes(rec, n, 26, &p, &w->driven);
}

DT_TEST(guard_record, has_inputs_and_outputs_of_every_decision)
{
    static const dt_line bad = {1, DT_ANSWER_ERROR, 321};
    dt_spec s = spec();
    decisions w;
    booted(&s);
    script(&bad, 1);
    step(1, 20.0f);
    memset(&w, 0, sizeof w);
    each_record(1, look_at_decision, &w);
    dt_eq(w.n, 1, "");
    dt_eq(w.frame, 1, "");
    dt_eq(w.action, DURA_ACT, "");
    dt_eq(w.values, 16, "");
    dt_eq(w.inputs, 16, "");
    dt_eq(w.raw, 4, "");
    dt_eq(w.out, 4, "");
    dt_eq(w.driven, 0, "equal to the proposed ones");
    step(2, 20.0f);
    each_record(1, look_at_decision, memset(&w, 0, sizeof w));
    dt_eq(w.raw, 0, "the model failed");
    dt_eq(w.reasons, DURA_G_BACKEND, "");
    step(3, 500.0f);
    each_record(1, look_at_decision, memset(&w, 0, sizeof w));
    dt_eq(w.inputs, 0, "the model was not run");
    dt_eq(w.n, 3, "");
}

DT_TEST(guard_event, reaches_the_security_log_through_its_own_ring)
{
    dt_spec s = spec();
    booted(&s);
    static const uint8_t pairs[] = {0x10, 0x61, 'n', 0x11, 0x61, 's', 0x14, 0x05};
    dura_log_entry e = {0};
    e.struct_size = sizeof e;
    e.log = DURA_LOG_SECURITY;
    e.kind = DURA_REC_EVENT;
    e.source = 3;
    e.n_pairs = 3;
    dt_ok(dura_guard_idle(box.guard, &box.now, 100000) >= 0, "");
    int before = each_record(0, NULL, NULL);
    dt_eq(dura_guard_event(box.guard, &e, pairs, sizeof pairs), DURA_OK, "");
    dt_ok(dura_guard_idle(box.guard, &box.now, 100000) > 0, "");
    dt_eq(each_record(0, NULL, NULL), before + 1, "");
    struct { const char *row; uint8_t log, raw; uint16_t kind; } rows[] = {
        {"wrong log", DURA_LOG_DECISION, 0, DURA_REC_EVENT},
        {"raw", DURA_LOG_SECURITY, 1, DURA_REC_EVENT},
        {"a forged decision", DURA_LOG_SECURITY, 0, DURA_REC_DECISION},
        {"a forged seal", DURA_LOG_SECURITY, 0, DURA_REC_SEAL},
    };
    for (size_t i = 0; i < 4; i++) {
        e.log = rows[i].log;
        e.raw = rows[i].raw;
        e.kind = rows[i].kind;
        dt_eq(dura_guard_event(box.guard, &e, pairs, sizeof pairs), DURA_EINVAL, "row: %s", rows[i].row);
    }
}

/* ---- override ------------------------------------------------------------------------------ */

DT_TEST(guard_override, stops_at_once_and_stays_stopped_over_a_reboot)
{
    dt_spec s = spec();
    booted(&s);
    dt_eq(step(1, 20.0f).action, DURA_ACT, "");
    dt_eq(dura_guard_override(box.guard, DURA_OVERRIDE_STOP, "r.meier", "belt noise", &box.now), DURA_OK, "");
    dura_decision d = step(2, 20.0f);
    dt_eq(d.action, DURA_STOP, "");
    dt_eq((int)d.output[0], 5, "");
    dt_ok(d.reasons & DURA_G_STOPPED, "");
    dt_eq(box.seen.runs, 1, "the model is not even run");
    find_fact w = fact_in(0, DURA_FACT_OVERRIDE);
    dt_eq(w.seen, 1, "");
    dt_eq(w.value0, DURA_OVERRIDE_STOP, "");
    dt_str(w.actor, "r.meier", "");
    dt_box_reboot(&box, DT_NOOP, 3);
    dt_eq(dt_box_boot(&box), DURA_OK, "");
    dt_eq(status().stopped, 1, "");
    dt_eq(step(1, 20.0f).action, DURA_STOP, "");
    dt_eq(dura_guard_override(box.guard, DURA_OVERRIDE_RELEASE, "r.meier", "checked", &box.now), DURA_OK, "");
    dt_eq(step(2, 20.0f).action, DURA_ACT, "");
    dt_box_reboot(&box, DT_NOOP, 4);
    dt_eq(dt_box_boot(&box), DURA_OK, "");
    dt_eq(status().stopped, 0, "the release is durable too");
}

DT_TEST(guard_override, wants_a_name_and_a_reason)
{
    dt_spec s = spec();
    static char long_text[DURA_ACTOR_MAX + 2];
    booted(&s);
    memset(long_text, 'x', DURA_ACTOR_MAX + 1);
    struct { const char *row; int what; const char *actor, *reason; } rows[] = {
        {"no actor", DURA_OVERRIDE_STOP, NULL, "r"},    {"empty actor", DURA_OVERRIDE_STOP, "", "r"},
        {"no reason", DURA_OVERRIDE_STOP, "a", NULL},   {"long reason", DURA_OVERRIDE_STOP, "a", long_text},
        {"no such verb", 3, "a", "r"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        dt_eq(dura_guard_override(box.guard, rows[i].what, rows[i].actor, rows[i].reason, &box.now), DURA_EINVAL,
              "row: %s", rows[i].row);
    dt_eq(step(1, 20.0f).action, DURA_ACT, "nothing was stopped");
    long_text[DURA_ACTOR_MAX] = 0;
    dt_eq(dura_guard_override(box.guard, DURA_OVERRIDE_STOP, long_text, long_text, &box.now), DURA_OK, "longest texts");
}

DT_TEST(guard_override, survives_a_cut_at_every_storage_operation)
{
    /* Acknowledged means latched after the cut. Not acknowledged: either, but the guard
     * works; a STOP acts in this boot in any case. */
    dt_spec s = spec();
    for (int what = DURA_OVERRIDE_STOP; what <= DURA_OVERRIDE_RELEASE; what++) {
        for (int mode = 0; mode < DT_MODES; mode++) {
            for (uint32_t k = 1;; k++) {
                booted(&s);
                if (what == DURA_OVERRIDE_RELEASE)
                    dt_eq(dura_guard_override(box.guard, DURA_OVERRIDE_STOP, "a", "b", &box.now), DURA_OK, "");
                dt_power_on(&box.power);
                box.power.cut_at = k;
                box.power.cut_how = (uint8_t)(k % 3);
                int rc = dura_guard_override(box.guard, what, "a", "b", &box.now);
                int cut = box.power.off;
                if (what == DURA_OVERRIDE_STOP)
                    dt_eq(status().stopped, 1, "op %u", (unsigned)k);
                dt_box_reboot(&box, mode, k);
                int again = dt_box_boot(&box);
                dt_eq(again, DURA_OK, "op %u mode %d: %s", (unsigned)k, mode, dura_strerror(again));
                if (rc == DURA_OK)
                    dt_eq(status().stopped, what == DURA_OVERRIDE_STOP, "op %u mode %d", (unsigned)k, mode);
                dt_eq(box.flash[2].violations, 0, "op %u", (unsigned)k);
                if (!cut)
                    break;
            }
        }
    }
}

/* ---- NV -------------------------------------------------------------------------------------- */

DT_TEST(guard_nv, boot_numbers_rise_over_any_cut_and_many_boots)
{
    dt_spec s = spec();
    uint64_t rng = 9;
    uint32_t last = 0;
    fresh(&s);
    for (uint32_t i = 0; i < 120; i++) {
        box.power.cut_at = i % 4 ? dt_below(&rng, 12) : 0;
        box.power.cut_how = (uint8_t)dt_below(&rng, 3);
        if (dt_box_boot(&box) == DURA_OK) {
            dt_ok(status().boot > last, "boot %u after %u", status().boot, last);
            last = status().boot;
        }
        dt_box_reboot(&box, (int)dt_below(&rng, DT_MODES), i);
    }
    dt_ok(last >= 30 && last <= 120, "%u", last);
    dt_eq(box.flash[2].violations, 0, "");
    dt_ok(box.flash[2].erases <= 4u + 120u / 8u, "erases %u: checkpoints share blocks", box.flash[2].erases);
}

DT_TEST(guard_nv, a_wiped_nv_beside_living_logs_starts_stopped)
{
    dt_spec s = spec();
    booted(&s);
    step(1, 20.0f);
    dt_eq(dura_guard_deinit(box.guard, &box.now, NULL, 0, 0), DURA_OK, "");
    dt_eq(box.region[2].erase(box.region[2].user, 1024, 2048), 0, "");
    dt_box_reboot(&box, DT_KEPT, 1);
    dt_eq(dt_box_boot(&box), DURA_OK, "");
    dt_eq(status().stopped, 1, "");
    dt_eq(step(1, 20.0f).action, DURA_STOP, "");
    dt_eq(fact_in(0, DURA_FACT_LOG_LOST).value0, 2, "");
}

DT_TEST(guard_nv, wiped_logs_beside_a_living_nv_are_reported)
{
    dt_spec s = spec();
    booted(&s);
    step(1, 20.0f);
    for (int i = 0; i < 2; i++)
        dt_eq(box.region[i].erase(box.region[i].user, 0, (size_t)SEGMENTS * DT_BOX_SEGMENT), 0, "");
    dt_box_reboot(&box, DT_KEPT, 1);
    dt_eq(dt_box_boot(&box), DURA_OK, "");
    step(1, 20.0f);
    dt_eq(fact_in(0, DURA_FACT_LOG_LOST).value0, 1, "");
}

/* ---- hostile ports ------------------------------------------------------------------------------ */

DT_TEST(guard_port, every_hook_failing_at_every_call_leaves_safe_answers)
{
    dt_spec s = spec();
    s.seal_records = 8;
    for (uint32_t n = 1; n < 400; n++) {
        fresh(&s);
        box.power.fail_at = n;
        box.power.fail_times = 1;
        int rc = dt_box_boot(&box);
        if (rc != DURA_OK) {
            dt_ok(box.guard == NULL, "call %u", (unsigned)n);
            continue;
        }
        for (uint64_t i = 1; i <= 12; i++) {
            dura_decision d;
            (void)dt_box_step(&box, i, 10, 20.0f, &d);
            dt_ok(d.output[0] >= 0.0f && d.output[0] <= 50.0f, "call %u frame %u", (unsigned)n, (unsigned)i);
            dt_ok(d.action == DURA_ACT || d.action == DURA_FALLBACK, "call %u", (unsigned)n);
        }
        if (box.power.calls < n)
            break; /* the fault never came: all calls were covered */
    }
}

static void hear(void *user, const dura_fact *f, const dura_time *t)
{
    uint32_t *heard = user;
    dt_ok(t->boot == 1 && f->kind < 16, "a whole fact");
    heard[f->kind]++;
}

DT_TEST(guard_port, the_sink_hears_every_fact_once)
{
    static uint32_t heard[16];
    dt_spec s = spec();
    memset(heard, 0, sizeof heard);
    fresh(&s);
    box.port.sink = hear;
    box.port.sink_user = heard;
    dt_eq(dt_box_boot(&box), DURA_OK, "boot");
    step(1, 20.0f);
    step(2, 900.0f);
    dt_eq(dura_guard_override(box.guard, DURA_OVERRIDE_STOP, "a", "b", &box.now), DURA_OK, "stop");
    dt_eq(heard[DURA_FACT_ACTION], 2, "FALLBACK to ACT, ACT to FALLBACK");
    dt_eq(heard[DURA_FACT_OVERRIDE], 1, "the stop");
    dt_eq(fact_in(1, DURA_FACT_ACTION).seen, 2, "recorded too");
    dt_eq(fact_in(1, DURA_FACT_ACTION).value0, DURA_ACT, "from ACT to FALLBACK");
}

DT_TEST(guard_port, the_sink_hears_a_fact_once_where_a_segment_ends)
{
    /* records of several sizes, so that segments end at facts too */
    static uint32_t heard[16];
    for (uint16_t channels = 1; channels <= 8; channels++) {
        dt_spec s = spec();
        s.channels = channels;
        memset(heard, 0, sizeof heard);
        fresh(&s);
        box.port.sink = hear;
        box.port.sink_user = heard;
        dt_eq(dt_box_boot(&box), DURA_OK, "boot");
        for (uint64_t n = 1; n <= 150; n++)
            step(n, n % 2 ? 20.0f : 900.0f);
        dura_log_status st = DURA_LOG_STATUS_INIT;
        dt_eq(dura_guard_log(box.guard, &st), DURA_OK, "status");
        dt_ok(st.end[1] > 5u * DT_BOX_SEGMENT, "several segments ended: %u bytes", (unsigned)st.end[1]);
        dt_eq(heard[DURA_FACT_ACTION], 150, "each change once, %u channels", (unsigned)channels);
        dt_eq(fact_in(1, DURA_FACT_ACTION).seen, 150, "each recorded, %u channels", (unsigned)channels);
    }
}

/* ---- a monitor that is not run ------------------------------------------------------------ */

typedef struct heard_of {
    uint32_t alive, monitor;
    dura_fact last;
} heard_of;

static void hear_monitor(void *user, const dura_fact *f, const dura_time *t)
{
    heard_of *h = user;
    (void)t;
    h->alive += f->kind == DURA_FACT_ALIVE;
    h->monitor += f->kind == DURA_FACT_MONITOR;
    if (f->kind == DURA_FACT_MONITOR)
        h->last = *f;
}

/* A frame that is guarded while the worker sleeps. */
static void step_alone(uint64_t frame)
{
    dura_frame f = DURA_FRAME_INIT;
    dura_decision d = DURA_DECISION_INIT;
    float values[DT_BOX_CHANNELS];
    for (int i = 0; i < box.spec.channels; i++)
        values[i] = 50.0f;
    box.now.mono_ns += 10000000;
    f.frame = frame;
    f.n = box.spec.channels;
    f.time = box.now;
    f.values = values;
    dt_eq(dura_guard_step(box.guard, &f, &d), DURA_OK, "");
}

static void watched(dt_spec *s)
{
    *s = spec();
    s->arl0 = 1e6f;
    s->ref = 50.0f;
    s->selftest = 64;
}

DT_TEST(guard_query, says_that_a_heartbeat_is_owed_while_the_worker_sleeps)
{
    dt_spec s;
    heard_of h;
    memset(&h, 0, sizeof h);
    watched(&s);
    fresh(&s);
    box.port.sink = hear_monitor;
    box.port.sink_user = &h;
    dt_eq(dt_box_boot(&box), DURA_OK, "boot");
    dt_ok(status().owed >= 64 && status().unheard == 0, "a first one is owed");
    uint64_t n = 1;
    for (; n <= 64; n++)
        step(n, 50.0f);
    dt_ok(h.alive >= 1 && h.monitor == 0, "%u heartbeats", (unsigned)h.alive);
    dt_ok(status().unheard <= 64, "%u", (unsigned)status().unheard);
    uint32_t owed = status().owed;
    for (uint32_t i = 0; i <= owed + 64; i++)
        step_alone(n++);
    dt_ok(status().unheard > owed, "the caller can see it: %u of %u", (unsigned)status().unheard, (unsigned)owed);
    dt_eq(h.monitor, 0, "and nobody else");
    dt_ok(dura_guard_idle(box.guard, &box.now, 1) >= 0, "idle");
    dt_ok(dura_guard_idle(box.guard, &box.now, 100000) >= 0, "idle");
    dt_eq(h.monitor, 1, "the worker says so when it is back");
    dt_eq(h.last.value[0], DURA_MONITOR_SILENT, "");
    dt_ok(h.last.value[1] > (int64_t)owed && h.last.value[2] == (int64_t)owed, "%lld", (long long)h.last.value[1]);
    dt_ok(fact_in(1, DURA_FACT_MONITOR).seen == 1, "recorded");
    for (uint64_t i = 0; i < 200; i++)
        step(n++, 50.0f);
    dt_eq(h.monitor, 1, "once");
    dt_ok(h.alive >= 3, "and it is alive again");
}

DT_TEST(guard_query, owes_no_heartbeat_where_no_selftest_is_asked_for)
{
    dt_spec s;
    watched(&s);
    s.selftest = 0;
    booted(&s);
    for (uint64_t n = 1; n < 900; n++)
        step_alone(n);
    dt_ok(dura_guard_idle(box.guard, &box.now, 100000) >= 0, "idle");
    dt_eq(status().owed, 0, "");
    dt_eq(status().unheard, 0, "");
    dt_eq(fact_in(1, DURA_FACT_MONITOR).seen, 0, "");
}

DT_TEST(guard_init, refuses_a_selftest_with_a_monitor_from_before_there_were_any)
{
    static dura_drift_calls old;
    dt_spec s;
    old = *dura_drift_part();
    old.struct_size = (uint32_t)offsetof(dura_drift_calls, probe);
    watched(&s);
    fresh(&s);
    box.port.drift = &old;
    dt_eq(dt_box_boot(&box), DURA_ENOTSUP, "");
    s.selftest = 0;
    fresh(&s);
    box.port.drift = &old;
    dt_eq(dt_box_boot(&box), DURA_OK, "");
}

DT_TEST(guard_init, refuses_a_policy_that_watches_where_no_watch_is_linked)
{
    dt_spec s;
    watched(&s);
    fresh(&s);
    box.port.watch = NULL;
    dt_eq(dt_box_boot(&box), DURA_ENOTSUP, "no part");
    fresh(&s);
    box.port.struct_size = (uint32_t)offsetof(dura_port, watch);
    dt_eq(dt_box_boot(&box), DURA_ENOTSUP, "a port of before the watch was one");
    s = spec();
    fresh(&s);
    box.port.watch = NULL;
    dt_eq(dt_box_boot(&box), DURA_OK, "nothing is watched");
}

DT_TEST(guard_deinit, ends_the_guard)
{
    dt_spec s = spec();
    booted(&s);
    step(1, 20.0f);
    dt_eq(dura_guard_deinit(box.guard, &box.now, NULL, 0, 0), DURA_OK, "");
    dt_eq(box.seen.closes, 1, "");
    float v[4] = {20, 20, 20, 20};
    dura_frame f = DURA_FRAME_INIT;
    dura_decision d = DURA_DECISION_INIT;
    f.n = 4;
    f.frame = 9;
    f.values = v;
    dt_eq(dura_guard_step(box.guard, &f, &d), DURA_OK, "an answer all the same");
    dt_eq(d.action, DURA_FALLBACK, "no model behind a closed log");
    dt_eq(box.seen.runs, 1, "");
    dt_eq(dura_guard_deinit(NULL, &box.now, NULL, 0, 0), DURA_EINVAL, "");
    dt_eq(dura_guard_idle(box.guard, NULL, 1), DURA_EINVAL, "");
    dt_eq(dura_guard_save(NULL, &box.now), DURA_EINVAL, "");
    dt_eq(dura_guard_query(box.guard, NULL), DURA_EINVAL, "");
    dt_eq(dura_guard_log(NULL, NULL), DURA_EINVAL, "");
}

/* ---- what the brain offers ------------------------------------------------------------ */

static uint32_t offered;

static const void *offers_some(void *inst, const char *name)
{
    static const char *const all[] = {"dura.model-id/1", "dura.confidence/1", "dura.attribution/1",
                                      "dura.timing/1", "dura.selftest/1"};
    (void)inst;
    for (uint32_t i = 0; i < 5; i++)
        if (strcmp(name, all[i]) == 0)
            return offered >> i & 1u ? all : NULL;
    return NULL;
}

static void boot_offers(void *ctx, const uint8_t *rec, size_t n)
{
    uint64_t kind, *bits = ctx;
    if (durai_cbor_find_uint(rec, n, 11, &kind) == DURA_OK && kind == DURA_REC_BOOT && durai_cbor_find_uint(rec, n, 31, bits))
        *bits = 99; /* said nothing */
}

DT_TEST(guard_boot, says_which_assurances_the_brain_lacks)
{
    static const struct {
        const char *row;
        uint32_t offered;
        uint64_t want;
    } rows[] = {{"all", 31, 31}, {"no attribution, no self-test", 11, 11}, {"none", 0, 99}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        dt_spec s = spec();
        dura_backend b = *dt_backend_table();
        uint64_t bits = 77;
        b.get_extension = offers_some;
        offered = rows[i].offered;
        fresh(&s);
        box.model.backend = &b;
        dt_eq(dt_box_boot(&box), DURA_OK, "row: %s", rows[i].row);
        (void)step(1, 50.0f);
        (void)each_record(0, boot_offers, &bits);
        dt_eq(bits, rows[i].want, "row: %s", rows[i].row);
    }
}
