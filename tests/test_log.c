/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The log: every return of every call, what lands in storage, budgets, failing hooks,
 * drops, seals, recovery from damage. Power cuts are in test_log_power.c. What is in the
 * regions is judged by the independent reader of log_rig.h.
 */
#include "log_rig.h"

#include "base/dura_base_priv.h"

static rig_read seen;

static void check(const rig *r, const char *row)
{
    dt_ok(rig_check(r, &seen), "%s: %s", row, seen.error);
    dt_eq(r->flash[0].violations + r->flash[1].violations, 0, "%s: storage contract", row);
}

static void append_many(rig *r, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++)
        dt_eq(rig_append(r, i & 1u, i % 3u ? DURA_LOG_DECISION : DURA_LOG_SECURITY, i, 4 + i % 60), 0,
              "append %u", i);
}

/* step() until nothing is left to do. */
static int drain(rig *r, uint32_t budget)
{
    int rc;
    do
        rc = dura_log_step(r->log, &r->now, budget);
    while (rc > 0);
    return rc;
}

static const rig_record *find(uint32_t kind, int log)
{
    for (uint32_t i = 0; i < seen.n[log]; i++)
        if (seen.rec[log][i].kind == kind)
            return &seen.rec[log][i];
    return NULL;
}

static uint64_t number(const rig_record *rec, uint64_t key)
{
    uint64_t v = UINT64_MAX;
    return rig_key(rec, key, &v) != NULL ? v : UINT64_MAX;
}

static dura_log_entry entry(const rig *r, uint8_t log)
{
    dura_log_entry e;
    memset(&e, 0, sizeof e);
    e.struct_size = (uint32_t)sizeof e;
    e.log = log;
    e.kind = 20;
    e.source = DURA_NONE;
    e.time = r->now;
    return e;
}

/* ---- bytes and init ----------------------------------------------------------------- */

/* An unsigned field of 1, 2 or 4 bytes, on any byte order. */
static void set_field(void *at, size_t size, uint32_t v)
{
    uint8_t v8 = (uint8_t)v;
    uint16_t v16 = (uint16_t)v;
    memcpy(at, size == 1 ? (const void *)&v8 : size == 2 ? (const void *)&v16 : (const void *)&v, size);
}

DT_TEST(log_bytes, refuses_what_no_log_can_be)
{
    static const struct { const char *name; uint32_t off, size, value, ok; } row[] = {
#define ROW(field, value, ok) \
    {#field " " #value, offsetof(dura_log_config, field), sizeof(((dura_log_config *)0)->field), value, ok}
        ROW(n_rings, 4, 1), ROW(n_rings, 5, 0), ROW(max_record, 255, 0), ROW(max_record, 256, 1),
        ROW(ring_bytes, 128, 0), ROW(ring_bytes, 256, 1), ROW(ring_bytes, 300, 0),
        ROW(ring_bytes, 1u << 24, 1), ROW(ring_bytes, 1u << 25, 0),
        ROW(buffer_bytes, 544, 0), ROW(buffer_bytes, 545, 1), ROW(segment_bytes, 2048, 0),
        ROW(segment_bytes, 4096, 1), ROW(segment_bytes, 5000, 0), ROW(tree_height, 7, 0),
        ROW(tree_height, 8, 1), ROW(tree_height, 40, 1), ROW(tree_height, 41, 0),
        ROW(struct_size, 4, 0), ROW(commit_records, 1000000, 1), ROW(max_record, 65535, 0),
    };
    for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) {
        dura_log_config c = DURA_LOG_CONFIG_INIT;
        set_field((char *)&c + row[i].off, row[i].size, row[i].value);
        dt_eq(dura_log_bytes(&c, NULL) != 0, row[i].ok, "row %s", row[i].name);
    }
    dt_eq(dura_log_bytes(NULL, NULL), 0, "no config");
}

DT_TEST(log_bytes, fits_the_regions_or_is_zero)
{
    static const struct { const char *name; uint32_t erase, prog, size, segment; int ok; } row[] = {
        {"plain", 1024, 8, 8192, 4096, 1},        {"prog 4096", 4096, 4096, 65536, 16384, 1},
        {"prog 3", 1024, 3, 8192, 4096, 0},       {"prog 0", 1024, 0, 8192, 4096, 0},
        {"prog 8192", 8192, 8192, 65536, 8192, 0}, {"erase 48", 48, 8, 8192, 4096, 0},
        {"erase 32", 32, 8, 8192, 4096, 0},       {"segment below erase", 8192, 8, 65536, 4096, 0},
        {"region below segment", 1024, 8, 2048, 4096, 0},
    };
    for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) {
        rig r;
        rig_init(&r, 8, 0xFF);
        r.cfg.segment_bytes = row[i].segment;
        r.region[1].erase_size = row[i].erase;
        r.region[1].prog_size = row[i].prog;
        r.region[1].size = row[i].size;
        dt_eq(dura_log_bytes(&r.cfg, &r.port) != 0, row[i].ok, "row %s", row[i].name);
        rig_free(&r);
    }
}

DT_TEST(log_init, says_what_is_wrong_with_its_arguments)
{
    rig r;
    dura_log *log = (dura_log *)&r;
    uint64_t mem[2];

    rig_init(&r, 8, 0xFF);
    size_t n = dura_log_bytes(&r.cfg, &r.port);
    uint8_t *m = malloc(n + 8);
    dt_eq(dura_log_init(NULL, m, n, &r.cfg, &r.port, &r.now), DURA_EINVAL, "out");
    dt_eq(dura_log_init(&log, NULL, n, &r.cfg, &r.port, &r.now), DURA_EINVAL, "mem");
    dt_ok(log == NULL, "out is NULL on error");
    dt_eq(dura_log_init(&log, m, n, NULL, &r.port, &r.now), DURA_EINVAL, "cfg");
    dt_eq(dura_log_init(&log, m, n, &r.cfg, NULL, &r.now), DURA_EINVAL, "port");
    dt_eq(dura_log_init(&log, m, n, &r.cfg, &r.port, NULL), DURA_EINVAL, "now");
    dt_eq(dura_log_init(&log, m, n - 1, &r.cfg, &r.port, &r.now), DURA_ENOSPC, "len");
    dt_eq(dura_log_init(&log, m + 4, n, &r.cfg, &r.port, &r.now), DURA_EALIGN, "align");
    struct { dura_log_config c; uint8_t more[8]; } newer = {r.cfg, {0, 1}};
    newer.c.struct_size = sizeof newer;
    dt_eq(dura_log_init(&log, m, n, &newer.c, &r.port, &r.now), DURA_EVERSION, "newer field");
    newer.more[1] = 0;
    dt_eq(dura_log_init(&log, m, n, &newer.c, &r.port, &r.now), DURA_OK, "newer struct, nothing set");
    r.port.region[1] = NULL;
    dt_eq(dura_log_init(&log, m, n, &r.cfg, &r.port, &r.now), DURA_ENOTSUP, "no region");
    r.port.region[1] = &r.region[1];
    r.port.crypto = NULL;
    dt_eq(dura_log_init(&log, m, n, &r.cfg, &r.port, &r.now), DURA_ENOTSUP, "no crypto");
    r.port.crypto = &r.crypto.crypto;
    r.crypto.crypto.hash_final = NULL;
    dt_eq(dura_log_init(&log, m, n, &r.cfg, &r.port, &r.now), DURA_ENOTSUP, "no hash");
    (void)mem;
    free(m);
    rig_free(&r);
}

DT_TEST(log_init, begins_blank_regions_with_a_genesis_in_each_log)
{
    static const struct { uint32_t prog; uint8_t erased; } row[] = {{1, 0}, {8, 0xFF}, {8, 0}, {256, 0xFF}, {256, 0}};
    for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) {
        uint8_t pub[32];
        uint64_t v;
        rig r;
        rig_init(&r, row[i].prog, row[i].erased);
        dt_eq(rig_open(&r), DURA_OK, "prog %u", row[i].prog);
        check(&r, "fresh");
        dura_log_status st = rig_status(&r);
        dt_eq(st.found, DURA_LOG_FRESH, "found");
        dt_eq(st.gseq, 2, "gseq");
        dt_eq(st.durable, 2, "durable");
        dt_eq(st.seq[0] + 10 * st.seq[1], 11, "seq");
        dt_eq(st.sealed, 0, "sealed");
        dt_eq(seen.rec[0][0].gseq, 0, "security first");
        dt_crypto_public(RIG_TAG, 0, pub);
        for (int log = 0; log < 2; log++) {
            const rig_record *g = find(DURA_REC_GENESIS, log);
            const uint8_t *key = rig_key(g, 17, &v);
            dt_mem(key, pub, 32, "public key");
            dt_mem(rig_key(g, 16, &v), st.origin, 16, "origin");
        }
        rig_free(&r);
    }
}

DT_TEST(log_init, refuses_regions_that_are_not_blank_and_hold_no_log)
{
    static const struct { const char *name; uint32_t off; int rc; } row[] = {
        {"noise in segment 0 behind the first record", 600, DURA_ECORRUPT},
        {"noise in the second header", 4096 + 20, DURA_ECORRUPT},
        {"noise where the first header goes: as torn", 20, DURA_OK},
    };
    for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) {
        rig r;
        rig_init(&r, 8, 0xFF);
        dt_flash_flip(&r.flash[1], row[i].off, 0x55);
        dt_eq(rig_open(&r), row[i].rc, "row %s", row[i].name);
        rig_free(&r);
    }
}

DT_TEST(log_init, refuses_a_configuration_the_storage_contradicts)
{
    rig r;
    rig_init(&r, 8, 0xFF);
    dt_eq(rig_open(&r), DURA_OK, "first");
    append_many(&r, 5);
    dt_eq(dura_log_save(r.log, &r.now), DURA_OK, "save");
    r.cfg.segment_bytes = 8192;
    dt_eq(rig_open(&r), DURA_EINVAL, "other segment_bytes");
    r.cfg.segment_bytes = 4096;
    r.region[0].prog_size = 16;
    dt_eq(rig_open(&r), DURA_EINVAL, "other alignment");
    r.region[0].prog_size = 8;
    r.flash[0].live[4] = 2;             /* a format from the future is not overwritten */
    dt_eq(rig_open(&r), DURA_EVERSION, "newer format");
    r.flash[0].live[4] = 1;
    dt_eq(rig_open(&r), DURA_OK, "as it was");
    check(&r, "as it was");
    rig_free(&r);
}

/* ---- append -------------------------------------------------------------------------- */

DT_TEST(log_append, says_what_is_wrong_with_its_arguments)
{
    static const uint8_t pair[] = {0x10, 0x01};
    static uint8_t big[4096];
    rig r;
    rig_init(&r, 8, 0xFF);
    dt_eq(rig_open(&r), DURA_OK, "open");
    dura_log_entry good = entry(&r, 1), e;
    good.n_pairs = 1;
    dt_eq(dura_log_append(NULL, 0, &good, pair, 2), DURA_EINVAL, "log");
    dt_eq(dura_log_append(r.log, 2, &good, pair, 2), DURA_EINVAL, "ring");
    dt_eq(dura_log_append(r.log, 0, NULL, pair, 2), DURA_EINVAL, "entry");
    dt_eq(dura_log_append(r.log, 0, &good, NULL, 2), DURA_EINVAL, "payload");
    dt_eq(dura_log_append(r.log, 0, &good, pair, 0), DURA_EINVAL, "pairs without bytes");
    dt_eq(dura_log_append(r.log, 0, &good, big, 300 - 72 + 1), DURA_EINVAL, "one byte too long");
    struct { const char *name; uint32_t off, size, value; } row[] = {
#define FIELD(field, value) {#field, offsetof(dura_log_entry, field), sizeof(e.field), value}
        FIELD(struct_size, 60), FIELD(log, 0), FIELD(log, 3), FIELD(kind, 15), FIELD(raw, 2),
        FIELD(n_pairs, 0), FIELD(time.quality, 5), FIELD(time.mono_ns, 0xFFFFFFFF),
    };
    for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) {
        e = good;
        if (row[i].size == 8)
            e.time.mono_ns = -1;
        else
            set_field((char *)&e + row[i].off, row[i].size, row[i].value);
        dt_eq(dura_log_append(r.log, 0, &e, pair, 2), DURA_EINVAL, "row %s", row[i].name);
    }
    e = good;
    e.raw = 1;
    dt_eq(dura_log_append(r.log, 0, &e, pair, 2), DURA_ENOTSUP, "raw without encode");
    dt_eq(dura_log_append(r.log, 0, &good, pair, 2), DURA_OK, "good");
    dt_eq(dura_log_deinit(r.log, &r.now, NULL, 0, 0), DURA_OK, "deinit");
    dt_eq(dura_log_append(r.log, 0, &good, pair, 2), DURA_ESTATE, "closed");
    rig_free(&r);
}

DT_TEST(log_append, counts_what_does_not_fit_and_a_drop_record_tells_per_log)
{
    uint32_t lost[2] = {0, 0}, accepted = 0;
    uint64_t first[2] = {0, 0}, last[2] = {0, 0};
    rig r;
    rig_init(&r, 8, 0xFF);
    r.cfg.ring_bytes = 1024;
    dt_eq(rig_open(&r), DURA_OK, "open");
    for (uint32_t i = 0; i < 30; i++) {
        int log = i % 3u == 0;
        int rc = rig_append(&r, 1, (uint8_t)(log + 1), i, 20);
        dt_ok(rc == DURA_OK || rc == DURA_EFULL, "append %d", rc);
        accepted += rc == DURA_OK;
        if (rc == DURA_EFULL) {
            last[log] = (uint64_t)(r.now.mono_ns + (int64_t)i * 1000);
            if (lost[log]++ == 0)
                first[log] = last[log];
        }
    }
    dt_ok(lost[0] > 2 && lost[1] > 2, "the ring is too large for this test");
    dt_eq(rig_status(&r).dropped, lost[0] + lost[1], "dropped, not told yet");
    dt_eq(drain(&r, 1000), 0, "drain");
    check(&r, "drops");
    dt_eq(seen.n[0] + seen.n[1], 2 + accepted + 2, "dropped records take no number");
    for (int log = 0; log < 2; log++) {
        const rig_record *d = find(DURA_REC_DROP, log);
        dt_ok(d != NULL, "no drop record in log %d", log);
        dt_eq(number(d, 16), 1, "ring");
        dt_eq(number(d, 17), lost[log], "count");
        dt_eq(number(d, 18), first[log], "first");
        dt_eq(number(d, 19), last[log], "last");
    }
    dt_eq(rig_status(&r).dropped, lost[0] + lost[1], "dropped");
    while (rig_append(&r, 1, 1, 77, 20) == DURA_OK) {
    }
    dt_eq(drain(&r, 1000), 0, "again");
    check(&r, "again");
    dt_eq(number(&seen.rec[0][2 + 0], 17) != 0, 1, "there");
    dt_eq(rig_status(&r).dropped, lost[0] + lost[1] + 1, "counts only what is new");
    rig_free(&r);
}

/* ---- records --------------------------------------------------------------------------- */

DT_TEST(log_step, writes_time_source_and_payload_as_given)
{
    static const struct { uint8_t quality; uint32_t err; int64_t wall; uint16_t source; } row[] = {
        {0, 5, 9, DURA_NONE}, {1, UINT32_MAX, 9, 3}, {3, 1000, 1700000000000000000, 0}, {4, 0, 1, 65534},
        {2, 5, -1, 9},
    };
    static const uint8_t pair[] = {0x10, 0x43, 1, 2, 3};
    rig r;
    rig_init(&r, 8, 0xFF);
    dt_eq(rig_open(&r), DURA_OK, "open");
    for (uint32_t i = 0; i < 5; i++) {
        dura_log_entry e = entry(&r, 2);
        e.n_pairs = 1;
        e.kind = (uint16_t)(16 + 300 * i);
        e.source = row[i].source;
        e.time.quality = row[i].quality;
        e.time.wall_err_us = row[i].err;
        e.time.wall_ns = row[i].wall;
        e.time.mono_ns = 1234567 + i;
        dt_eq(dura_log_append(r.log, 0, &e, pair, sizeof pair), 0, "append");
    }
    dt_eq(drain(&r, 100), 0, "drain");
    check(&r, "records");
    for (uint32_t i = 0; i < 5; i++) {
        const rig_record *rec = &seen.rec[1][1 + i];
        int wall = row[i].quality > 0 && row[i].wall >= 0;
        uint64_t v;
        dt_eq(rec->kind, 16 + 300 * i, "kind");
        dt_eq(rec->mono, 1234567 + i, "mono");
        dt_eq(number(rec, 7), wall ? row[i].wall : -1, "row %u wall", i);
        dt_eq(number(rec, 8), wall && row[i].err != UINT32_MAX ? (int64_t)row[i].err : -1, "row %u err", i);
        dt_eq(number(rec, 9), wall ? row[i].quality : -1, "row %u quality", i);
        dt_eq(number(rec, 10), row[i].source != DURA_NONE ? row[i].source : -1, "row %u source", i);
        dt_mem(rig_key(rec, 16, &v), pair + 2, 3, "payload");
    }
    rig_free(&r);
}

DT_TEST(log_step, drops_a_payload_that_would_spoil_the_log)
{
    static const struct { const char *name; uint8_t n, pairs, p[16]; } row[] = {
        {"behind the last key", 12, 2, {0x1B, 255, 255, 255, 255, 255, 255, 255, 255, 0x01, 0x10, 0x01}},
        {"key below 16", 2, 1, {0x0C, 0x01}},        {"key of another type", 3, 1, {0x41, 0x10, 0x01}},
        {"not the shortest key", 3, 1, {0x18, 0x10, 0x01}}, {"pairs too many", 2, 2, {0x10, 0x01}},
        {"pairs too few", 4, 1, {0x10, 0x01, 0x11, 0x01}}, {"descending", 4, 2, {0x11, 0x01, 0x10, 0x01}},
        {"twice", 4, 2, {0x10, 0x01, 0x10, 0x01}},   {"float", 4, 1, {0x10, 0xF9, 0x00, 0x00}},
        {"cut", 3, 1, {0x10, 0x42, 0x01}},           {"key alone", 1, 1, {0x10}},
    };
    static const uint8_t good[] = {0x10, 0xA1, 0x01, 0x82, 0x20, 0xF5};
    rig r;
    rig_init(&r, 8, 0xFF);
    dt_eq(rig_open(&r), DURA_OK, "open");
    for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) {
        dura_log_entry e = entry(&r, 1);
        uint64_t before = rig_status(&r).seq[0];
        e.n_pairs = row[i].pairs;
        dt_eq(dura_log_append(r.log, 0, &e, row[i].p, row[i].n), 0, "accepted: %s", row[i].name);
        dt_eq(drain(&r, 100), 0, "drain");
        check(&r, row[i].name);
        dt_eq(rig_status(&r).seq[0], before + 1, "only a drop record: %s", row[i].name);
        dt_eq(seen.rec[0][before].kind, DURA_REC_DROP, "%s", row[i].name);
        dt_eq(rig_status(&r).dropped, i + 1, "%s", row[i].name);
    }
    dura_log_entry e = entry(&r, 1);
    e.n_pairs = 1;
    dt_eq(dura_log_append(r.log, 0, &e, good, sizeof good), 0, "append");
    dt_eq(drain(&r, 100), 0, "drain");
    check(&r, "good");
    dt_eq(seen.rec[0][seen.n[0] - 1].kind, 20, "nested payload is taken");
    rig_free(&r);
}

/* Turns n raw bytes into as many pairs key 16+i: byte i; the byte 0xEE refuses. */
static int encode(void *user, const dura_log_entry *e, const void *payload, size_t len, uint8_t *out,
                  size_t cap, uint16_t *n_pairs)
{
    const uint8_t *p = payload;
    durai_cbor c;
    ++*(uint32_t *)user;
    dt_eq(e->raw, 1, "only raw entries");
    dt_eq((uintptr_t)payload % 8, 0, "aligned");
    durai_cbor_init(&c, out, cap);
    for (size_t i = 0; i < len; i++) {
        if (p[i] == 0xEE)
            return -1;
        durai_cbor_kuint(&c, 16 + i, p[i]);
    }
    *n_pairs = (uint16_t)len;
    return c.err != 0 ? c.err : (int)c.len;
}

DT_TEST(log_step, lets_the_configured_encoder_write_raw_payloads)
{
    static const uint32_t row[] = {0, 1, 16, 17, 40, 60};   /* map heads of 1 and 2 bytes */
    uint8_t p[64];
    uint32_t calls = 0, good = 0;
    rig r;
    rig_init(&r, 8, 0xFF);
    r.cfg.encode = encode;
    r.cfg.encode_user = &calls;
    dt_eq(rig_open(&r), DURA_OK, "open");
    for (uint32_t i = 0; i < 64; i++)
        p[i] = (uint8_t)i;
    for (int turn = 0; turn < 4; turn++) {
        for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) {
            dura_log_entry e = entry(&r, 2);
            e.raw = 1;
            dt_eq(dura_log_append(r.log, 0, &e, p, row[i]), 0, "raw %u", row[i]);
            good++;
        }
        dt_eq(drain(&r, 3), 0, "drain");
    }
    p[0] = 0xEE;
    dura_log_entry e = entry(&r, 2);
    e.raw = 1;
    dt_eq(dura_log_append(r.log, 0, &e, p, 8), 0, "refused by the encoder");
    dt_eq(drain(&r, 3), 0, "drain");
    check(&r, "raw");
    dt_ok(calls >= good, "calls");
    dt_eq(seen.n[1], 1 + good + 1, "records and the drop record");
    for (uint32_t i = 0; i < good; i++)
        for (uint32_t k = 0; k < row[i % 6]; k++)
            dt_eq(number(&seen.rec[1][1 + i], 16 + k), k, "record %u pair %u", i, k);
    dt_eq(seen.rec[1][1 + good].kind, DURA_REC_DROP, "drop");
    rig_free(&r);
}

DT_TEST(log_step, takes_the_rings_in_turn)
{
    rig r;
    rig_init(&r, 8, 0xFF);
    r.cfg.n_rings = 3;
    dt_eq(rig_open(&r), DURA_OK, "open");
    for (uint32_t i = 0; i < 12; i++)
        dt_eq(rig_append(&r, i / 4u, 1, i, 8), 0, "append");
    dt_eq(rig_status(&r).pending > 0, 1, "pending");
    dt_eq(drain(&r, 1000), 0, "drain");
    dt_eq(rig_status(&r).pending, 0, "pending");
    check(&r, "turns");
    for (uint32_t i = 0; i < 12; i++)
        dt_eq(seen.rec[0][1 + i].mono, (uint64_t)r.now.mono_ns + (i % 3u * 4u + i / 3u) * 1000u, "place %u", i);
    rig_free(&r);
}

DT_TEST(log_step, never_lets_time_or_boot_go_back)
{
    static const uint8_t pair[] = {0x10, 0x01};
    rig r;
    rig_init(&r, 8, 0xFF);
    r.now.boot = 9;
    r.cfg.seal_records = 2;
    dt_eq(rig_open(&r), DURA_OK, "open");
    dura_log_entry e = entry(&r, 1);
    e.n_pairs = 1;
    e.time.boot = 3;                    /* a late entry */
    dt_eq(dura_log_append(r.log, 0, &e, pair, 2), 0, "append");
    r.now.mono_ns = 10;                 /* the clock fell back */
    dt_eq(drain(&r, 1000), 0, "drain");
    check(&r, "time");
    for (uint32_t i = 0; i < seen.n[0]; i++)
        dt_ok(seen.rec[0][i].boot == 9 && seen.rec[0][i].mono >= 1000, "record %u: boot %u mono %u", i,
              seen.rec[0][i].boot, (unsigned)seen.rec[0][i].mono);
    r.now.boot = 2;                     /* the boot counter was lost */
    dt_eq(rig_open(&r), DURA_OK, "reopen");
    append_many(&r, 2);
    dt_eq(dura_log_save(r.log, &r.now), DURA_OK, "save");
    check(&r, "boot");
    rig_free(&r);
}

DT_TEST(log_step, says_what_is_wrong_with_its_arguments)
{
    rig r;
    rig_init(&r, 8, 0xFF);
    dt_eq(rig_open(&r), DURA_OK, "open");
    dt_eq(dura_log_step(NULL, &r.now, 1), DURA_EINVAL, "log");
    dt_eq(dura_log_step(r.log, NULL, 1), DURA_EINVAL, "now");
    append_many(&r, 1);
    dt_eq(dura_log_step(r.log, &r.now, 0), 0, "no budget");
    dt_eq(rig_status(&r).gseq, 2, "nothing done");
    dt_eq(dura_log_save(NULL, &r.now), DURA_EINVAL, "save log");
    dt_eq(dura_log_save(r.log, NULL), DURA_EINVAL, "save now");
    dt_eq(dura_log_deinit(NULL, &r.now, NULL, 0, 0), DURA_EINVAL, "deinit log");
    dt_eq(dura_log_deinit(r.log, NULL, NULL, 0, 0), DURA_EINVAL, "deinit now");
    dt_eq(dura_log_deinit(r.log, &r.now, NULL, 1, 1), DURA_EINVAL, "deinit pairs");
    dt_eq(dura_log_deinit(r.log, &r.now, "\x10\x01", 2, 0), DURA_EINVAL, "deinit no pairs");
    dt_eq(dura_log_query(NULL, NULL), DURA_EINVAL, "query");
    dt_eq(dura_log_durable(NULL), 0, "durable");
    dura_log_status st = DURA_LOG_STATUS_INIT;
    st.struct_size = 8;
    dt_eq(dura_log_query(r.log, &st), DURA_EINVAL, "status too small");
    dt_eq(dura_log_deinit(r.log, &r.now, NULL, 0, 0), 0, "deinit");
    dt_eq(dura_log_step(r.log, &r.now, 1), DURA_ESTATE, "step after deinit");
    dt_eq(dura_log_save(r.log, &r.now), DURA_ESTATE, "save after deinit");
    dt_eq(dura_log_deinit(r.log, &r.now, NULL, 0, 0), DURA_ESTATE, "deinit after deinit");
    rig_free(&r);
}

/* ---- budgets ---------------------------------------------------------------------------- */

/* 90 records, several segments and seals, one budget; compares all bytes with *want. */
static void split(uint32_t budget, int many, uint32_t prog, dt_flash want[2], rig *keep)
{
    rig r;
    int rc;
    rig_init(&r, prog, 0xFF);
    r.cfg.ring_bytes = 16384;
    r.cfg.commit_records = 7;
    r.cfg.seal_records = 25;
    r.port.cost.hash_block = 1;
    r.port.cost.prog = 3;
    r.port.cost.sync = 5;
    r.port.cost.sign = 9;
    r.no_many = !many;
    dt_eq(rig_open(&r), DURA_OK, "open");
    append_many(&r, 90);
    do {
        rc = dura_log_step(r.log, &r.now, budget);
        dt_ok(rc <= 0 || (uint32_t)rc <= (budget < 9 ? 9 : budget), "budget %u spent %d", budget, rc);
    } while (rc > 0);
    dt_eq(rc, 0, "budget %u", budget);
    check(&r, "split");
    for (int i = 0; i < 2 && want[i].live != NULL; i++)
        dt_mem(r.flash[i].live, want[i].live, RIG_SIZE, "budget %u many %d log %d", budget, many, i);
    if (keep == NULL) {
        rig_free(&r);
        return;
    }
    *keep = r;
    want[0] = r.flash[0];
    want[1] = r.flash[1];
}

DT_TEST(log_step, writes_the_same_bytes_whatever_the_budget)
{
    static const uint32_t prog[] = {1, 8, 256}, budget[] = {1, 2, 3, 5, 8, 20, 100};
    for (size_t p = 0; p < 3; p++) {
        dt_flash want[2] = {{0}, {0}};
        rig all;
        split(UINT32_MAX, 1, prog[p], want, &all);
        dt_ok(seen.seals >= 4 && seen.segments[1] >= 2, "too short: %u seals", seen.seals);
        for (size_t i = 0; i < sizeof budget / sizeof budget[0]; i++) {
            split(budget[i], 1, prog[p], want, NULL);
            split(budget[i], 0, prog[p], want, NULL);
        }
        rig_free(&all);
    }
}

DT_TEST(log_step, commits_by_count_and_by_time)
{
    rig r;
    rig_init(&r, 8, 0xFF);
    r.cfg.commit_records = 4;
    r.cfg.commit_ms = 10;
    dt_eq(rig_open(&r), DURA_OK, "open");
    append_many(&r, 6);
    dt_eq(drain(&r, 1000), 0, "drain");
    dt_eq(dura_log_durable(r.log), 6, "4 of 6 durable");
    dt_eq(rig_status(&r).gseq, 8, "all numbered");
    r.now.mono_ns += 9999999;
    dt_eq(drain(&r, 1000), 0, "drain");
    dt_eq(dura_log_durable(r.log), 6, "not yet");
    r.now.mono_ns += 1;
    dt_ok(dura_log_step(r.log, &r.now, 1000) > 0, "due");
    dt_eq(dura_log_durable(r.log), 8, "all");
    dt_eq(dura_log_step(r.log, &r.now, 1000), 0, "nothing to do");
    rig_free(&r);
}

/* ---- seals --------------------------------------------------------------------------------- */

DT_TEST(log_seal, comes_by_count_by_time_and_on_demand)
{
    rig r;
    rig_init(&r, 8, 0xFF);
    r.cfg.seal_records = 10;
    r.cfg.seal_ms = 1000;
    dt_eq(rig_open(&r), DURA_OK, "open");
    append_many(&r, 8);
    dt_eq(drain(&r, 1000), 0, "drain");
    check(&r, "count");
    dt_eq(seen.epochs, 1, "8 records and 2 genesis");
    dt_eq(rig_status(&r).sealed, 1, "sealed");
    dt_eq(rig_status(&r).epoch, 1, "epoch");
    r.now.mono_ns += 1000000000;
    dt_eq(drain(&r, 1000), 0, "drain");
    check(&r, "time");
    dt_eq(seen.epochs, 2, "an empty epoch");
    dt_eq(dura_log_save(r.log, &r.now), 0, "save");
    check(&r, "save");
    dt_eq(seen.epochs, 2, "nothing to seal");
    append_many(&r, 1);
    dt_eq(rig_status(&r).sealed, 1, "not numbered yet");
    dt_eq(dura_log_save(r.log, &r.now), 0, "save");
    check(&r, "save");
    dt_eq(seen.epochs, 3, "on demand");
    dt_eq(r.keys.epoch, 3, "the key moved on");
    dt_eq(seen.finals, 0, "not final");
    rig_free(&r);
}

DT_TEST(log_seal, is_empty_when_the_provider_cannot_sign)
{
    uint64_t v;
    static const uint8_t zero[32];
    rig r;
    rig_init(&r, 8, 0xFF);
    r.no_sign = 1;
    for (int turn = 0; turn < 2; turn++) {
        dt_eq(rig_open(&r), DURA_OK, "open");
        append_many(&r, 3);
        dt_eq(dura_log_deinit(r.log, &r.now, NULL, 0, 0), 0, "close");
    }
    (void)rig_check(&r, &seen);         /* it wants signatures; the records are read */
    const rig_record *s = find(DURA_REC_SEAL, 0);
    const uint8_t *next = rig_key(s, 20, &v);
    dt_mem(next, zero, 32, "next key");
    dt_ok(rig_key(s, 21, &v) != NULL && v == 0, "signature");
    dt_mem(rig_key(find(DURA_REC_GENESIS, 1), 17, &v), zero, 32, "public key");
    dt_eq(rig_status(&r).epoch, 2, "epochs count on over a reopen");
    dt_eq(rig_status(&r).found, DURA_LOG_CLOSED, "found");
    rig_free(&r);
}

DT_TEST(log_deinit, ends_with_a_manifest_and_final_seals)
{
    static const uint8_t pairs[] = {0x10, 0xA1, 0x61, 'a', 0x41, 0x07};
    rig r;
    rig_init(&r, 8, 0xFF);
    dt_eq(rig_open(&r), DURA_OK, "open");
    append_many(&r, 7);
    dt_eq(dura_log_deinit(r.log, &r.now, "\x0F\x01", 2, 1), DURA_EINVAL, "key below 16");
    dt_eq(dura_log_deinit(r.log, &r.now, pairs, 300, 1), DURA_EINVAL, "too long");
    dt_eq(dura_log_deinit(r.log, &r.now, pairs, sizeof pairs, 1), DURA_OK, "close");
    dt_ok(rig_check(&r, &seen), "%s", seen.error);
    dt_eq(seen.finals, 2, "final seals");
    dt_eq(seen.rec[0][seen.n[0] - 2].kind, DURA_REC_CLOSE, "close record");
    dt_eq(rig_open(&r), DURA_OK, "reopen");
    dt_eq(rig_status(&r).found, DURA_LOG_CLOSED, "found");
    dt_eq(rig_status(&r).sealed, 1, "sealed");
    append_many(&r, 7);
    dt_eq(dura_log_save(r.log, &r.now), DURA_OK, "goes on");
    check(&r, "goes on");
    dt_eq(rig_open(&r), DURA_OK, "reopen");
    dt_eq(rig_status(&r).found, DURA_LOG_CUT, "not closed this time");
    dt_eq(rig_status(&r).lost_bytes, 0, "nothing lost");
    check(&r, "reopen");
    rig_free(&r);
}

/* ---- failing hooks ---------------------------------------------------------------------------- */

/* The run the fault test repeats; each failure is answered by trying again. */
static void faulty(rig *r, uint32_t budget, uint32_t *failed)
{
    int rc, tries = 0;
    while ((rc = rig_open(r)) < 0) {
        ++*failed;
        dt_eq(rc, DT_EFAULT, "the hook's own code");
        dt_ok(r->log == NULL && tries++ < 3, "init");
    }
    for (uint32_t i = 0; i < 60; i++) {
        dt_eq(rig_append(r, 0, (uint8_t)(1 + i % 2u), i, 10 + i % 50u), 0, "append");
        while ((rc = dura_log_step(r->log, &r->now, budget)) != 0) {
            *failed += rc < 0;
            dt_ok(rc > 0 || rc == DT_EFAULT, "step %d", rc);
            dt_ok(rc > 0 || rig_status(r).last_error == DT_EFAULT, "last_error");
        }
        dt_eq(rig_status(r).last_error, 0, "last_error clears");
    }
    for (tries = 0; (rc = dura_log_deinit(r->log, &r->now, NULL, 0, 0)) < 0; tries++) {
        ++*failed;
        dt_ok(rc == DT_EFAULT && tries < 3, "deinit %d", rc);
    }
}

static void configure_faulty(rig *r, uint32_t prog)
{
    rig_init(r, prog, 0xFF);
    r->cfg.commit_records = 6;
    r->cfg.seal_records = 20;
    r->cfg.segment_bytes = 4096;
}

DT_TEST(log_step, loses_nothing_when_any_hook_call_fails_once)
{
    static const struct { const char *name; uint32_t mask; int half; uint32_t prog, stride, budget; } row[] = {
        {"prog", DT_PROG, 0, 8, 1, 40},   {"erase", DT_ERASE, 0, 8, 1, 40},
        {"half an erase", DT_ERASE, 1, 8, 1, 40}, {"sync", DT_SYNC, 0, 8, 1, 40}, {"read", DT_READ, 0, 8, 1, 40},
        {"hash", DT_HASH, 0, 8, 5, 40},
        {"a piece of a leaf", DT_HASH, 0, 8, 13, 1},   {"sign", DT_SIGN, 0, 8, 1, 40},        {"keys", DT_KEY | DT_ADVANCE, 0, 8, 1, 40},
        {"half a prog", DT_PROG, 1, 1, 1, 40},
    };
    for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) {
        uint32_t failed = 0, calls, opening;
        rig want, r;
        configure_faulty(&want, row[i].prog);
        want.no_many = row[i].budget == 1;
        want.power.fail_mask = row[i].mask;
        dt_eq(rig_open(&want), 0, "open");
        opening = want.power.calls;
        rig_free(&want);
        configure_faulty(&want, row[i].prog);
        want.no_many = row[i].budget == 1;
        want.power.fail_mask = row[i].mask;
        faulty(&want, row[i].budget, &failed);
        check(&want, row[i].name);
        calls = want.power.calls;
        dt_ok(calls > 2 && failed == 0 && seen.seals >= 6, "%s: %u calls", row[i].name, calls);
        for (uint32_t n = 1; n <= calls; n += row[i].stride) {
            configure_faulty(&r, row[i].prog);
            r.no_many = row[i].budget == 1;
            r.power.fail_mask = row[i].mask;
            r.power.fail_at = n;
            r.power.fail_times = 1;
            r.power.fail_half = (uint8_t)row[i].half;
            failed = 0;
            faulty(&r, row[i].budget, &failed);
            dt_eq(failed, 1, "%s call %u", row[i].name, n);
            check(&r, row[i].name);
            dt_eq(seen.finals, 2, "%s call %u: closed", row[i].name, n);
            for (int log = 0; log < 2 && n > opening; log++)
                dt_mem(r.flash[log].live, want.flash[log].live, RIG_SIZE, "%s call %u log %d", row[i].name, n, log);
            rig_free(&r);
        }
        rig_free(&want);
    }
}

DT_TEST(log_step, keeps_what_it_took_while_storage_stays_away)
{
    rig r;
    rig_init(&r, 8, 0xFF);
    dt_eq(rig_open(&r), DURA_OK, "open");
    r.power.fail_mask = DT_SYNC;
    r.power.fail_at = 1;
    r.power.calls = 0;
    append_many(&r, 3);
    for (int i = 0; i < 5; i++)
        dt_eq(dura_log_step(r.log, &r.now, 100), DT_EFAULT, "away");
    dt_eq(dura_log_durable(r.log), 2, "nothing new is durable");
    r.power.fail_at = 0;
    dt_eq(drain(&r, 100), 0, "back");
    dt_eq(dura_log_durable(r.log), 5, "all");
    check(&r, "back");
    rig_free(&r);
}

/* ---- full ------------------------------------------------------------------------------------------ */

DT_TEST(log_step, says_full_and_keeps_what_is_durable)
{
    uint32_t i, accepted = 0;
    int rc = 0;
    rig r;
    rig_init(&r, 8, 0xFF);
    r.region[1].size = 8192;
    dt_eq(rig_open(&r), DURA_OK, "open");
    for (i = 0; i < 500 && rc == 0; i++) {
        accepted += rig_append(&r, 0, 2, i, 100) == DURA_OK;
        rc = drain(&r, 1000);
    }
    dt_eq(rc, DURA_EFULL, "full");
    dt_eq(rig_status(&r).last_error, DURA_EFULL, "last_error");
    dt_eq(drain(&r, 1000), DURA_EFULL, "still");
    dt_eq(dura_log_save(r.log, &r.now), DURA_EFULL, "save");
    dt_eq(dura_log_durable(r.log), 2 + accepted - 1, "one waits in the ring");
    while ((rc = rig_append(&r, 0, 2, i, 100)) == DURA_OK) {
    }
    dt_eq(rc, DURA_EFULL, "ring full");
    dt_eq(rig_status(&r).dropped, 1, "counted");
    check(&r, "full");
    dt_eq(rig_open(&r), DURA_OK, "a full log opens");
    dt_eq(rig_append(&r, 0, 2, i, 100), 0, "append");
    dt_eq(drain(&r, 1000), DURA_EFULL, "and says full again");
    check(&r, "reopened");
    rig_free(&r);
}

DT_TEST(log_step, says_full_when_the_tree_is)
{
    rig r;
    int rc = 0;
    uint32_t n = 0;
    rig_init(&r, 8, 0xFF);
    r.cfg.tree_height = 8;
    dt_eq(rig_open(&r), DURA_OK, "open");
    while (rc == 0 && n++ < 400) {
        dt_eq(rig_append(&r, 0, 1, n, 1), 0, "append");
        rc = drain(&r, 1000);
    }
    dt_eq(rc, DURA_EFULL, "full");
    dt_eq(rig_status(&r).seq[0], 255, "2^8 - 1 records");
    check(&r, "tree");
    rig_free(&r);
}

/* ---- recovery from damage ------------------------------------------------------------------------------ */

/* 40 records, sealed twice, closed; a cut log when `close` is 0. */
static void history(rig *r, int close)
{
    rig_init(r, 8, 0xFF);
    r->cfg.seal_records = 20;
    dt_eq(rig_open(r), DURA_OK, "open");
    append_many(r, 30);
    dt_eq(drain(r, 1000), 0, "drain");
    append_many(r, 12);
    dt_eq(drain(r, 1000), 0, "drain");
    if (close)
        dt_eq(dura_log_deinit(r->log, &r->now, NULL, 0, 0), 0, "close");
}

DT_TEST(log_init, tells_damage_from_a_cut)
{
    static const struct { const char *name; int log; uint32_t back; int found; } row[] = {
        {"the last byte of a decision log that was not sealed", 1, 40, DURA_LOG_CUT},
        {"a record before a seal in the security log", 0, 700, DURA_LOG_DAMAGED},
        {"a record before a seal in the decision log", 1, 1500, DURA_LOG_DAMAGED},
    };
    for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) {
        rig r;
        history(&r, 0);
        dura_log_status st = rig_status(&r);
        dt_flash_flip(&r.flash[row[i].log], (uint32_t)st.end[row[i].log] - row[i].back, 0x10);
        dt_eq(rig_open(&r), DURA_OK, "%s", row[i].name);
        st = rig_status(&r);
        dt_eq(st.found, row[i].found, "%s", row[i].name);
        dt_ok(st.lost_bytes > 0, "%s: lost bytes", row[i].name);
        (void)rig_check(&r, &seen);
        dt_eq(find(DURA_REC_RECOVER, row[i].log) != NULL, 1, "%s: recover record", row[i].name);
        dt_eq(number(find(DURA_REC_RECOVER, row[i].log), 16), row[i].found == DURA_LOG_CUT ? 1 : 2, "%s: cause",
              row[i].name);
        append_many(&r, 5);
        dt_eq(dura_log_deinit(r.log, &r.now, NULL, 0, 0), 0, "%s: goes on", row[i].name);
        dt_eq(rig_open(&r), DURA_OK, "%s", row[i].name);
        dt_eq(rig_status(&r).found, DURA_LOG_CLOSED, "%s: told once", row[i].name);
        rig_free(&r);
    }
}

DT_TEST(log_init, takes_a_seal_behind_a_gap_for_damage)
{
    rig r;
    rig_init(&r, 8, 0xFF);
    r.no_sign = 1;                      /* no key whose epoch would tell */
    r.cfg.seal_records = 10;
    dt_eq(rig_open(&r), DURA_OK, "open");
    append_many(&r, 12);
    dt_eq(drain(&r, 1000), 0, "drain");
    dt_flash_flip(&r.flash[1], 300, 1);  /* gseq 6, the seal is 10 */
    dt_eq(rig_open(&r), DURA_OK, "open");
    dt_eq(rig_status(&r).found, DURA_LOG_DAMAGED, "found");
    rig_free(&r);
}

/* A process that is killed leaves what it wrote in a cache that may still lose it. */
DT_TEST(log_init, makes_durable_what_it_found)
{
    rig r;
    rig_init(&r, 8, 0xFF);
    r.cfg.commit_records = 3;
    dt_eq(rig_open(&r), DURA_OK, "open");
    append_many(&r, 3);
    r.power.fail_mask = DT_SYNC;
    r.power.fail_at = 1;
    r.power.calls = 0;
    dt_eq(drain(&r, 1000), DT_EFAULT, "programmed, not synced");
    r.power.fail_at = 0;
    dt_eq(rig_open(&r), DURA_OK, "killed and started again");
    dt_eq(dura_log_durable(r.log), 5, "durable");
    rig_reboot(&r, DT_NOOP, 1);
    dt_eq(rig_open(&r), DURA_OK, "then the power goes");
    dt_eq(rig_status(&r).gseq, 5, "still there");
    rig_free(&r);
}

static uint32_t progs_over_erase;

static int prog_after_sync(void *user, uint64_t off, const void *buf, size_t len)
{
    dt_flash *f = user;
    dura_region plain = dt_flash_region(f);
    for (uint32_t i = 0; i < f->n_ops; i++)
        progs_over_erase += f->op[i].kind == DT_ERASE;
    return plain.prog(user, off, buf, len);
}

/* Segments hold less than an epoch, and the power goes before each seal. */
DT_TEST(log_init, seals_though_it_is_switched_off_again_and_again)
{
    rig r;
    uint32_t mark = 0;

    rig_init(&r, 1, 0xFF);
    r.cfg.seal_records = 40;
    dt_eq(rig_open(&r), DURA_OK, "");
    for (int start = 0; start < 4; start++) {
        for (int i = 0; i < 35; i++) {
            dt_eq(rig_append(&r, 0, DURA_LOG_DECISION, mark++, 150), DURA_OK, "");
            while (dura_log_step(r.log, &r.now, 100000) > 0)
                continue;
        }
        rig_reboot(&r, DT_NOOP, 7);
        dt_eq(rig_open(&r), DURA_OK, "start %d", start);
        dt_ok(start == 0 || rig_status(&r).epoch >= (uint32_t)start, "start %d: epoch %u", start, (unsigned)rig_status(&r).epoch);
    }
    rig_free(&r);
}

DT_TEST(log_step, programs_nothing_before_an_erase_is_synced)
{
    rig r;
    rig_init(&r, 8, 0xFF);
    r.region[0].prog = r.region[1].prog = prog_after_sync;
    progs_over_erase = 0;
    dt_eq(rig_open(&r), DURA_OK, "open");
    for (uint32_t i = 0; i < 60; i++) {
        dt_eq(rig_append(&r, 0, 2, i, 90), 0, "append");
        dt_eq(drain(&r, 1000), 0, "drain");
    }
    dt_ok(r.flash[1].erases > 4, "second segment");
    dt_eq(progs_over_erase, 0, "progs");
    rig_free(&r);
}

DT_TEST(log_init, notices_that_durable_records_vanished_without_a_trace)
{
    rig r;
    rig_init(&r, 8, 0xFF);
    dt_eq(rig_open(&r), DURA_OK, "open");
    append_many(&r, 20);                       /* 7 in the security log */
    dt_eq(drain(&r, 1000), 0, "drain");
    for (uint32_t i = 0; i < 60; i++) {        /* the decision log gets a second segment */
        dt_eq(rig_append(&r, 0, 2, i, 90), 0, "append");
        dt_eq(drain(&r, 1000), 0, "drain");
    }
    dura_log_status st = rig_status(&r);
    dt_ok(st.end[1] > 4096, "second segment");
    memset(r.flash[0].live + st.end[0] - 150, 0xFF, 150);
    memset(r.flash[0].durable + st.end[0] - 150, 0xFF, 150);
    for (int turn = 0; turn < 3; turn++) {
        dt_eq(rig_open(&r), DURA_OK, "open");
        dt_eq(rig_status(&r).found, turn == 0 ? DURA_LOG_DAMAGED : turn == 1 ? DURA_LOG_CUT : DURA_LOG_CLOSED,
              "turn %d", turn);
        append_many(&r, 5);
        if (turn == 0)
            dt_eq(drain(&r, 1000), 0, "go on");
        else
            dt_eq(dura_log_deinit(r.log, &r.now, NULL, 0, 0), 0, "close");
    }
    rig_free(&r);
}

DT_TEST(log_init, notices_a_log_older_than_its_key)
{
    static uint8_t old[2][RIG_SIZE];
    rig r;
    rig_init(&r, 8, 0xFF);
    dt_eq(rig_open(&r), DURA_OK, "open");
    append_many(&r, 4);
    dt_eq(dura_log_save(r.log, &r.now), 0, "save");
    for (int i = 0; i < 2; i++)
        memcpy(old[i], r.flash[i].live, RIG_SIZE);
    for (int e = 0; e < 3; e++) {
        append_many(&r, 4);
        dt_eq(dura_log_save(r.log, &r.now), 0, "save");
    }
    for (int i = 0; i < 2; i++) {
        memcpy(r.flash[i].live, old[i], RIG_SIZE);
        memcpy(r.flash[i].durable, old[i], RIG_SIZE);
    }
    dt_eq(rig_open(&r), DURA_OK, "rolled back");
    dt_eq(rig_status(&r).found, DURA_LOG_DAMAGED, "rolled back");
    dt_eq(rig_status(&r).epoch, 4, "the key's epoch");
    (void)rig_check(&r, &seen);
    dt_eq(number(find(DURA_REC_RECOVER, 0), 16), 2, "cause");
    dt_eq(dura_log_save(r.log, &r.now), 0, "goes on");
    dt_eq(rig_open(&r), DURA_OK, "again");
    dt_eq(rig_status(&r).found, DURA_LOG_CUT, "told once");
    rig_free(&r);
}

DT_TEST(log_init, notices_that_all_is_gone_but_the_key)
{
    rig r;
    history(&r, 1);
    for (int i = 0; i < 2; i++) {
        memset(r.flash[i].live, 0xFF, RIG_SIZE);
        memset(r.flash[i].durable, 0xFF, RIG_SIZE);
    }
    dt_eq(rig_open(&r), DURA_OK, "open");
    dt_eq(rig_status(&r).found, DURA_LOG_DAMAGED, "found");
    dt_eq(rig_status(&r).epoch, r.keys.epoch, "epoch");
    dt_eq(rig_le(r.flash[0].live + 32, 4), r.keys.epoch, "the first header says so");
    rig_free(&r);
}

DT_TEST(log_init, erases_a_torn_header_and_uses_its_segment)
{
    rig r;
    history(&r, 1);
    for (uint32_t i = 0; i < 3; i++)
        dt_flash_flip(&r.flash[0], 4096 + i * 20, 0x3C);
    dt_eq(rig_open(&r), DURA_OK, "open");
    dt_eq(rig_status(&r).found, DURA_LOG_CLOSED, "found");
    for (uint32_t i = 0; i < 60; i++) {
        dt_eq(rig_append(&r, 0, 1, i, 90), 0, "append");
        dt_eq(drain(&r, 1000), 0, "drain");
    }
    check(&r, "reused");
    dt_ok(seen.segments[0] >= 2, "second segment");
    rig_free(&r);
}

DT_TEST(log_init, does_not_erase_a_segment_that_lost_only_its_header)
{
    static uint8_t before[4096];
    rig r;
    rig_init(&r, 8, 0xFF);
    dt_eq(rig_open(&r), DURA_OK, "open");
    for (uint32_t i = 0; i < 50; i++) {
        dt_eq(rig_append(&r, 0, 1, i, 90), 0, "append");
        dt_eq(drain(&r, 1000), 0, "drain");
    }
    dt_ok(rig_status(&r).end[0] > 4096 + 500, "second segment");
    dt_flash_flip(&r.flash[0], 4096 + 30, 1);
    memcpy(before, r.flash[0].live + 4096, 4096);
    dt_eq(rig_open(&r), DURA_OK, "open");
    dt_eq(rig_status(&r).found, DURA_LOG_DAMAGED, "found");
    dt_mem(r.flash[0].live + 4096, before, 4096, "evidence stays");
    dt_eq(rig_header(&r, 0, 2) != 0, 1, "goes on behind it");
    rig_free(&r);
}

/* An epoch that was being sealed when the box stopped: what the provider holds decides. */
DT_TEST(log_init, finishes_a_seal_that_stopped_half_way)
{
    static const struct { const char *name; uint32_t mask, at; } row[] = {
        {"before the security seal", DT_SIGN, 1},
        {"between the seals", DT_SIGN, 2},
        {"before the key moves on", DT_ADVANCE, 1},
    };
    for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) {
        rig r;
        rig_init(&r, 8, 0xFF);
        dt_eq(rig_open(&r), DURA_OK, "open");
        append_many(&r, 4);
        r.power.fail_mask = row[i].mask;
        r.power.fail_at = row[i].at;
        r.power.calls = 0;
        dt_eq(dura_log_save(r.log, &r.now), DT_EFAULT, "%s", row[i].name);
        rig_reboot(&r, DT_NOOP, 1);
        r.power.fail_at = 0;
        dt_eq(rig_open(&r), DURA_OK, "%s", row[i].name);
        dt_eq(rig_status(&r).found, DURA_LOG_CUT, "%s", row[i].name);
        check(&r, row[i].name);
        dt_eq(seen.seals, i == 0 ? 0 : 2, "%s: init finishes what was begun", row[i].name);
        dt_eq(r.keys.epoch, i == 0 ? 0 : 1, "%s: key", row[i].name);
        dt_eq(dura_log_deinit(r.log, &r.now, NULL, 0, 0), 0, "%s", row[i].name);
        check(&r, row[i].name);
        rig_free(&r);
    }
}

DT_TEST(log_init, makes_the_second_seal_final_when_the_first_was)
{
    rig r;
    rig_init(&r, 8, 0xFF);
    dt_eq(rig_open(&r), DURA_OK, "open");
    append_many(&r, 4);
    r.power.fail_mask = DT_SIGN;
    r.power.fail_at = 2;
    r.power.calls = 0;
    dt_eq(dura_log_deinit(r.log, &r.now, NULL, 0, 0), DT_EFAULT, "between the final seals");
    rig_reboot(&r, DT_NOOP, 1);
    r.power.fail_at = 0;
    dt_eq(rig_open(&r), DURA_OK, "open");
    dt_eq(rig_status(&r).found, DURA_LOG_CUT, "found");
    check(&r, "finished");
    dt_eq(seen.finals, 2, "both final");
    append_many(&r, 4);
    dt_eq(dura_log_save(r.log, &r.now), DURA_OK, "goes on");
    check(&r, "goes on");
    dt_eq(seen.finals, 2, "the next ones are not");
    rig_free(&r);
}

/* ---- the tree against published roots --------------------------------------------------------------------- */

static uint32_t rotl(uint32_t v, int n) { return v << n | v >> (32 - n); }

/* ChaCha20 block (RFC 8439) with the nonce libsodium's deterministic generator uses. */
static void chacha(const uint8_t key[32], uint32_t counter, uint8_t out[64])
{
    static const uint8_t q[8][4] = {{0, 4, 8, 12}, {1, 5, 9, 13}, {2, 6, 10, 14}, {3, 7, 11, 15},
                                    {0, 5, 10, 15}, {1, 6, 11, 12}, {2, 7, 8, 13}, {3, 4, 9, 14}};
    uint32_t s[16], w[16];
    for (int i = 0; i < 4; i++)
        s[i] = durai_le32((const uint8_t *)"expand 32-byte k" + 4 * i);
    for (int i = 0; i < 8; i++)
        s[4 + i] = durai_le32(key + 4 * i);
    s[12] = counter;
    for (int i = 0; i < 3; i++)
        s[13 + i] = durai_le32((const uint8_t *)"LibsodiumDRG" + 4 * i);
    memcpy(w, s, sizeof w);
    for (int round = 0; round < 80; round++) {
        uint32_t *a = &w[q[round % 8][0]], *b = &w[q[round % 8][1]], *c = &w[q[round % 8][2]], *d = &w[q[round % 8][3]];
        *d = rotl(*d ^ (*a += *b), 16);
        *b = rotl(*b ^ (*c += *d), 12);
        *d = rotl(*d ^ (*a += *b), 8);
        *b = rotl(*b ^ (*c += *d), 7);
    }
    for (int i = 0; i < 16; i++)
        durai_put32(out + 4 * i, w[i] + s[i]);
}

static int node(void *ctx, const uint8_t l[32], const uint8_t r[32], uint8_t out[32])
{
    (void)ctx;
    rig_hash(out, 1, l, 32, r, 32);
    return 0;
}

DT_TEST(log_tree, gives_the_roots_of_the_reference_records)
{
    static const struct { uint32_t size; const char *root; } row[] = {
        {1, "4c5c09bfd969286d111815c7a02c7127c2e2662784a6eaa659ae359e8b170313"},
        {64, "a2c762de2442719c6ba0f86e923536001ccc0b2713dd5279ed0dec6db45f951a"},
        {1000, "541ac754023fdaabee8558bd7aa9852a480ab0d1b103be83a03c80e8e72d5ad4"},
    };
    static uint8_t data[200064], peaks[12][32];
    const uint8_t *key = (const uint8_t *)"0123456789abcdef0123456789abcdef";
    durai_tree t = {0, 12, peaks};
    rig_tree own;
    size_t at = 0;

    for (uint32_t i = 0; i < sizeof data / 64; i++)
        chacha(key, i, data + (size_t)i * 64);
    memset(&own, 0, sizeof own);
    for (uint32_t n = 1; n <= 1000; n++) {
        uint8_t leaf[32], root[2][32];
        char hex[65] = "";
        rig_hash(leaf, 0, data + (size_t)(n - 1) * 200, 200, NULL, 0);
        dt_eq(durai_tree_add(&t, leaf, node, NULL), 0, "add");
        rig_tree_add(&own, leaf);
        if (n != row[at].size)
            continue;
        dt_eq(durai_tree_root(&t, root[0], node, NULL), 0, "root");
        rig_tree_root(&own, root[1]);
        durai_hex(hex, root[0], 32);
        dt_str(hex, row[at].root, "size %u", n);
        dt_mem(root[0], root[1], 32, "the reader's tree, size %u", n);
        at++;
    }
    dt_eq(at, 3, "all sizes");
}
