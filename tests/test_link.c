/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The link: frames of three tags, freshness over any order of numbers, resets and key changes.
 *
 * The bytes are compared with frames that a Python writer made from docs/formats/link.md
 * (tests/vectors/link). Freshness is compared with a plain record of what was accepted ever.
 */
#include "dt.h"

#include <dura/host/crypto.h>
#include <dura/link.h>
#include <dura/sensor.h>

#include "link/dura_link_priv.h"
#include "vectors/link/frames.h"

enum { N = 5, SLOT = DURA_KEY_LINK, ROOM = 256 };

static const uint8_t hmac_key[32] = {0,  1,  2,  3,  4,  5,  6,  7,  8,  9,  10, 11, 12, 13, 14, 15,
                                     16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31};

#define ALIGNED __attribute__((aligned(8))) /* a uint64_t is not, on i386 */

/* A sender and a receiver, and what the last open() said. */
typedef struct rig {
    dura_sodium keys;
    dura_link_config cfg;
    ALIGNED uint64_t memory[2][DURA_LINK_BYTES / 8];
    dura_link *from, *to;
    uint32_t epoch, persists;
    int persist_code;
    uint8_t frame[ROOM];
    size_t len;
    dura_frame got;
    float values[16];
    uint8_t missing[16];
    dura_link_report r;
} rig;

static uint64_t dice_state = 88172645463325252u;
static uint32_t dice(uint32_t below)
{
    dice_state ^= dice_state >> 12;
    dice_state ^= dice_state << 25;
    dice_state ^= dice_state >> 27;
    return (uint32_t)((dice_state * 2685821657736338717u) >> 33) % below;
}

static int persist(void *user, uint32_t epoch)
{
    rig *r = user;
    r->persists++;
    if (r->persist_code == 0)
        r->epoch = epoch;
    return r->persist_code;
}

static dura_link_key key_of(uint8_t id, uint8_t profile)
{
    dura_link_key k = DURA_LINK_KEY_INIT;
    k.id = id;
    k.profile = profile;
    if (profile == DURA_LINK_HMAC)
        k.slot = (uint32_t)SLOT + id % 3u;
    for (uint8_t i = 0; profile == DURA_LINK_SIPHASH && i < sizeof k.sip; i++)
        k.sip[i] = (uint8_t)(i + (id == 8 ? 0 : id));
    return k;
}

static int attach(dura_link *l, uint8_t id, uint8_t profile)
{
    dura_link_key k = key_of(id, profile);
    return dura_link_attach(l, &k);
}

static void begin(rig *r, uint8_t profile)
{
    static const dura_link_config init = DURA_LINK_CONFIG_INIT;
    memset(r, 0xA5, sizeof *r);
    r->persists = r->epoch = 0;
    r->persist_code = 0;
    r->cfg = init;
    r->cfg.source = 5;
    r->cfg.n_channels = N;
    r->cfg.least = profile;
    r->cfg.crypto = &r->keys.crypto;
    dt_eq(dura_sodium_init(&r->keys, NULL, 0, NULL, NULL, NULL), DURA_OK, "");
    for (uint32_t i = 0; i < 3; i++) {
        uint8_t key[32];
        memcpy(key, hmac_key, sizeof key);
        key[0] = (uint8_t)i;
        dt_eq(dura_sodium_key(&r->keys, (uint32_t)SLOT + i, i ? key : hmac_key, 32), DURA_OK, "");
    }
}

static void connect(rig *r, uint8_t id, uint8_t profile)
{
    dt_eq(dura_link_init(&r->from, r->memory[0], sizeof r->memory[0], &r->cfg), DURA_OK, "");
    dt_eq(dura_link_init(&r->to, r->memory[1], sizeof r->memory[1], &r->cfg), DURA_OK, "");
    dt_eq(attach(r->from, id, profile), DURA_OK, "");
    dt_eq(attach(r->to, id, profile), DURA_OK, "");
    dt_eq(dura_link_start(r->from, 0, persist, r), DURA_OK, "");
}

static void start(rig *r, uint8_t profile)
{
    begin(r, profile);
    connect(r, 9, profile);
}

static const float plain[N] = {1.0f, 2.0f, 3.0f, 4.0f, 5.0f};

static void seal(rig *r)
{
    r->len = ROOM;
    dt_eq(dura_link_seal(r->from, 77, plain, NULL, NULL, N, r->frame, &r->len), DURA_OK, "");
}

static int take(rig *r, const uint8_t *frame, size_t len)
{
    static const dura_frame empty = DURA_FRAME_INIT;
    static const dura_link_report fresh = DURA_LINK_REPORT_INIT;
    r->got = empty;
    r->r = fresh;
    return dura_link_open(r->to, frame, len, &r->got, r->values, r->missing, &r->r);
}

/* Seal with this number, and open. */
static int pass(rig *r, uint32_t epoch, uint32_t count)
{
    r->from->number = (uint64_t)epoch << 32 | count;
    r->from->flags = DURAI_LINK_SENDER;
    seal(r);
    return take(r, r->frame, r->len);
}

/* The receiver's freshness, keys and all, as save() has it; `saved` itself is put back. */
static void freshness(rig *r, uint8_t out[DURA_LINK_SAVE_BYTES])
{
    uint64_t saved = r->to->saved;
    uint8_t flags = r->to->flags;
    size_t len = DURA_LINK_SAVE_BYTES;
    dt_eq(dura_link_save(r->to, out, &len), DURA_OK, "");
    r->to->saved = saved;
    r->to->flags = flags;
}

/* A reset of the receiver: what save() wrote (NULL: nothing) and the first key remain. */
static void reset(rig *r, uint8_t id, uint8_t profile, const uint8_t *saved)
{
    memset(r->memory[1], 0x5A, sizeof r->memory[1]);
    dt_eq(dura_link_init(&r->to, r->memory[1], sizeof r->memory[1], &r->cfg), DURA_OK, "");
    dt_eq(attach(r->to, id, profile), DURA_OK, "");
    if (saved)
        dt_eq(dura_link_load(r->to, saved, DURA_LINK_SAVE_BYTES), DURA_OK, "");
}

/* ---- tags ------------------------------------------------------------------------- */

DT_TEST(link_tag, siphash_gives_the_published_values)
{
    /* Aumasson and Bernstein 2012, appendix A, and the table of their reference code. */
    static const struct { uint8_t n; uint64_t tag; } rows[] = {
        {0, 0x726FDB47DD0E0E31u}, {1, 0x74F839C593DC67FDu}, {8, 0x93F5F5799A932462u}, {15, 0xA129CA6149BE45E5u}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        dt_ok(durai_link_siphash(hmac_key, hmac_key, rows[i].n) == rows[i].tag, "%u bytes", rows[i].n);
}

DT_TEST(link_tag, crc_gives_the_check_value_of_profile_4)
{
    dt_ok(durai_link_crc((const uint8_t *)"123456789", 9) == 0x1697D06Au, "");
    dt_ok(durai_link_crc((const uint8_t *)"", 0) == 0, "");
}

/* ---- bytes ------------------------------------------------------------------------ */

DT_TEST(link_seal, writes_the_bytes_of_the_format_page)
{
    for (size_t i = 0; i < sizeof link_vectors / sizeof *link_vectors; i++) {
        static rig r;
        uint8_t out[ROOM];
        size_t len = sizeof out;
        begin(&r, link_vectors[i].profile);
        r.cfg.source = link_vectors[i].source;
        r.cfg.n_channels = link_vectors[i].n;
        dt_eq(dura_link_init(&r.from, r.memory[0], sizeof r.memory[0], &r.cfg), DURA_OK, "");
        dura_link_key k = key_of(link_vectors[i].key_id, link_vectors[i].profile);
        k.slot = link_vectors[i].profile == DURA_LINK_HMAC ? (uint32_t)SLOT : 0;
        for (uint8_t b = 0; link_vectors[i].profile == DURA_LINK_SIPHASH && b < sizeof k.sip; b++)
            k.sip[b] = b;
        dt_eq(dura_link_attach(r.from, &k), DURA_OK, "");
        dt_eq(dura_link_start(r.from, link_vectors[i].epoch - 1, persist, &r), DURA_OK, "");
        r.from->number |= link_vectors[i].count;
        dt_eq(dura_link_seal(r.from, link_vectors[i].time, link_vectors[i].word, link_vectors[i].kind,
                             link_vectors[i].missing, link_vectors[i].n, out, &len), DURA_OK, "%s", link_vectors[i].row);
        dt_eq(len, link_vectors[i].len, "%s", link_vectors[i].row);
        dt_mem(out, link_vectors[i].frame, len, "%s", link_vectors[i].row);
        dt_ok(len <= DURA_LINK_FRAME_MAX(r.cfg.n_channels), "");
        dt_eq(dura_link_init(&r.to, r.memory[1], sizeof r.memory[1], &r.cfg), DURA_OK, "");
        dt_eq(dura_link_attach(r.to, &k), DURA_OK, "");
        dt_eq(take(&r, link_vectors[i].frame, link_vectors[i].len), DURA_OK, "%s", link_vectors[i].row);
        dt_ok(r.got.frame == ((uint64_t)link_vectors[i].epoch << 32 | link_vectors[i].count), "");
        dt_ok(r.got.time.mono_ns == link_vectors[i].time && r.got.source == r.cfg.source, "");
        for (uint16_t c = 0; c < r.got.n; c++) {
            uint32_t bits;
            memcpy(&bits, &r.values[c], 4);
            dt_eq(r.missing[c], link_vectors[i].missing[c], "");
            if (link_vectors[i].kind[c] == DURA_LINK_F32)
                dt_eq(bits, link_vectors[i].word[c], "%s, channel %u", link_vectors[i].row, c);
        }
    }
}

DT_TEST(link_seal, asks_for_room_and_uses_no_number_on_an_error)
{
    static rig r;
    static const uint8_t odd[N] = {0, 1, 2, 0, 0};
    start(&r, DURA_LINK_HMAC);
    r.len = 0;
    dt_eq(dura_link_seal(r.from, 1, plain, NULL, NULL, N, NULL, &r.len), DURA_ENOSPC, "");
    dt_eq(r.len, 28 + 2 + 4 * N + 16, "");
    r.len = ROOM;
    dt_eq(dura_link_seal(r.from, 1, plain, NULL, NULL, N, NULL, &r.len), DURA_EINVAL, "no room at all");
    dt_eq(dura_link_seal(r.from, -1, plain, NULL, NULL, N, r.frame, &r.len), DURA_EINVAL, "time");
    dt_eq(dura_link_seal(r.from, 1, plain, NULL, NULL, N - 1, r.frame, &r.len), DURA_EINVAL, "n");
    dt_eq(dura_link_seal(r.from, 1, NULL, NULL, NULL, N, r.frame, &r.len), DURA_EINVAL, "values");
    dt_eq(dura_link_seal(r.from, 1, plain, odd, NULL, N, r.frame, &r.len), DURA_EINVAL, "kind 2");
    dt_eq(dura_link_seal(NULL, 1, plain, NULL, NULL, N, r.frame, &r.len), DURA_EINVAL, "");
    dt_eq(dura_link_seal(r.from, 1, plain, NULL, NULL, N, r.frame, NULL), DURA_EINVAL, "");
    dt_eq(dura_link_seal(r.to, 1, plain, NULL, NULL, N, r.frame, &r.len), DURA_ESTATE, "not started");
    seal(&r);
    dt_eq(take(&r, r.frame, r.len), DURA_OK, "");
    dt_ok(r.got.frame == (uint64_t)1 << 32, "count 0 of epoch 1");
}

/* ---- a sender's life --------------------------------------------------------------- */

DT_TEST(link_start, makes_an_epoch_durable_before_any_frame)
{
    static rig r;
    begin(&r, DURA_LINK_SIPHASH);
    dt_eq(dura_link_init(&r.from, r.memory[0], sizeof r.memory[0], &r.cfg), DURA_OK, "");
    dt_eq(dura_link_start(r.from, 4, persist, &r), DURA_ESTATE, "no key");
    dt_eq(attach(r.from, 9, DURA_LINK_SIPHASH), DURA_OK, "");
    dt_eq(dura_link_start(NULL, 4, persist, &r), DURA_EINVAL, "");
    dt_eq(dura_link_start(r.from, 4, NULL, &r), DURA_EINVAL, "");
    dt_eq(dura_link_start(r.from, 0xFFFFFFFFu, persist, &r), DURA_ELIMIT, "never a wrap");
    dt_eq(r.persists, 0, "");
    r.persist_code = -321;
    dt_eq(dura_link_start(r.from, 4, persist, &r), -321, "");
    r.len = ROOM;
    dt_eq(dura_link_seal(r.from, 1, plain, NULL, NULL, N, r.frame, &r.len), DURA_ESTATE, "");
    r.persist_code = 1;
    dt_eq(dura_link_start(r.from, 4, persist, &r), DURA_EIO, "a hook that does not know its contract");
    r.persist_code = 0;
    dt_eq(dura_link_start(r.from, 4, persist, &r), DURA_OK, "");
    dt_eq(r.epoch, 5, "");
    dt_eq(dura_link_start(r.from, 5, persist, &r), DURA_ESTATE, "twice");
}

DT_TEST(link_seal, takes_the_next_epoch_when_the_counts_are_used_up)
{
    static rig r;
    start(&r, DURA_LINK_SIPHASH);
    r.from->number = (uint64_t)1 << 32 | 0xFFFFFFFFu;
    seal(&r);
    dt_eq(take(&r, r.frame, r.len), DURA_OK, "");
    dt_eq(r.epoch, 1, "not before it is needed");
    r.persist_code = -400;
    r.len = ROOM;
    dt_eq(dura_link_seal(r.from, 1, plain, NULL, NULL, N, r.frame, &r.len), -400, "not durable: no frame");
    r.persist_code = 0;
    seal(&r);
    dt_eq(r.epoch, 2, "");
    dt_eq(take(&r, r.frame, r.len), DURA_OK, "");
    dt_eq(r.r.reasons & 0xFFFF, DURA_L_EPOCH, "");
    dt_eq(r.r.lost, 0, "");
    dt_ok(r.got.frame == (uint64_t)2 << 32, "");
}

DT_TEST(link_seal, ends_with_the_last_number_and_never_wraps)
{
    static rig r;
    dura_link_status s = DURA_LINK_STATUS_INIT;
    uint8_t saved[DURA_LINK_SAVE_BYTES];
    start(&r, DURA_LINK_SIPHASH);
    dt_eq(pass(&r, 0xFFFFFFFFu, 0xFFFFFFFFu), DURA_OK, "the last of all");
    r.len = ROOM;
    dt_eq(dura_link_seal(r.from, 1, plain, NULL, NULL, N, r.frame, &r.len), DURA_ELIMIT, "");
    dt_eq(dura_link_query(r.from, &s), DURA_OK, "");
    dt_ok(s.frame == UINT64_MAX, "");
    dt_eq(pass(&r, 1, 0), DURA_EAUTH, "a wrap");
    dt_eq(r.r.reasons, DURA_L_REPLAY | DURA_L_EPOCH, "");
    freshness(&r, saved);
    reset(&r, 9, DURA_LINK_SIPHASH, saved);
    dt_eq(pass(&r, 0xFFFFFFFFu, 0xFFFFFFFFu), DURA_EAUTH, "");
}

/* ---- forgers ------------------------------------------------------------------------ */

/* Refused, and no more changed than the counts of refusals. */
static void refused(rig *r, const uint8_t *frame, size_t len, uint32_t want, const char *row)
{
    uint8_t before[DURA_LINK_SAVE_BYTES], after[DURA_LINK_SAVE_BYTES];
    dura_frame untouched;
    dura_link was = *r->to;
    freshness(r, before);
    memset(r->values, 0x77, sizeof r->values);
    memset(r->missing, 0x77, sizeof r->missing);
    dt_eq(take(r, frame, len), DURA_EAUTH, "%s", row);
    freshness(r, after);
    dt_mem(before, after, sizeof before, "%s moved the freshness", row);
    if (want)
        dt_eq(r->r.reasons, want, "%s", row);
    for (size_t i = 0; i < sizeof r->values; i++)
        dt_eq(((uint8_t *)r->values)[i], 0x77, "%s wrote a value", row);
    for (size_t i = 0; i < sizeof r->missing; i++)
        dt_eq(r->missing[i], 0x77, "%s", row);
    untouched = (dura_frame)DURA_FRAME_INIT;
    dt_mem(&untouched, &r->got, sizeof untouched, "%s", row);
    memcpy(was.refused, r->to->refused, sizeof was.refused);
    was.run = r->to->run;
    was.quiet = r->to->quiet;
    dt_mem(&was, r->to, sizeof was, "%s: more than counts changed", row);
}

DT_TEST(link_open, refuses_every_single_flipped_bit_and_forgets_nothing)
{
    for (uint8_t profile = DURA_LINK_HMAC; profile <= DURA_LINK_CRC; profile++) {
        static rig r;
        start(&r, profile);
        seal(&r);
        dt_eq(take(&r, r.frame, r.len), DURA_OK, "");
        seal(&r);
        for (size_t bit = 0; bit < 8 * r.len; bit++) {
            char row[48];
            snprintf(row, sizeof row, "profile %u, bit %u", profile, (unsigned)bit);
            r.frame[bit / 8] ^= (uint8_t)(1u << bit % 8);
            refused(&r, r.frame, r.len, 0, row);
            dt_eq(r.r.authentic, 0, "%s", row);
            r.frame[bit / 8] ^= (uint8_t)(1u << bit % 8);
        }
        dt_eq(take(&r, r.frame, r.len), DURA_OK, "the frame itself, profile %u", profile);
        dt_eq(r.r.lost, 0, "");
    }
}

DT_TEST(link_open, refuses_every_other_length)
{
    static rig r;
    uint8_t longer[ROOM + 8] = {0};
    start(&r, DURA_LINK_SIPHASH);
    seal(&r);
    memcpy(longer, r.frame, r.len);
    for (size_t n = 0; n < r.len + 8; n++)
        if (n != r.len)
            refused(&r, longer, n, DURA_L_LENGTH, "length");
    dt_eq(take(&r, longer, r.len), DURA_OK, "");
}

DT_TEST(link_open, says_what_is_wrong_with_a_head_before_it_makes_a_tag)
{
    static const struct { const char *row; uint8_t at, bits; uint32_t want; } rows[] = {
        {"magic", 0, 1, DURA_L_VERSION}, {"magic", 1, 1, DURA_L_VERSION}, {"version", 2, 3, DURA_L_VERSION},
        {"no such profile", 3, 4, DURA_L_VERSION}, {"flags", 5, 1, DURA_L_VERSION}, {"source", 6, 1, DURA_L_SOURCE},
        {"source", 7, 1, DURA_L_SOURCE}, {"channels", 8, 1, DURA_L_LENGTH}, {"length", 10, 1, DURA_L_LENGTH},
        {"key", 4, 1, DURA_L_AUTH | DURA_L_KEY}, {"number", 12, 1, DURA_L_AUTH}, {"time", 20, 1, DURA_L_AUTH},
        {"value", 32, 1, DURA_L_AUTH}};
    static rig r;
    start(&r, DURA_LINK_HMAC);
    r.to->crypto = NULL; /* whoever makes a tag now crashes */
    seal(&r);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        if (i == 10)
            r.to->crypto = &r.keys.crypto;
        r.frame[rows[i].at] ^= rows[i].bits;
        refused(&r, r.frame, r.len, rows[i].want, rows[i].row);
        r.frame[rows[i].at] ^= rows[i].bits;
    }
}

DT_TEST(link_open, refuses_a_weaker_tag_even_a_right_one)
{
    static rig r;
    static rig weak;
    start(&r, DURA_LINK_HMAC);
    begin(&weak, DURA_LINK_CRC);
    connect(&weak, 9, DURA_LINK_CRC);
    seal(&weak);
    refused(&r, weak.frame, weak.len, DURA_L_AUTH | DURA_L_PROFILE, "CRC where HMAC is wanted");
    dt_eq(attach(r.to, 3, DURA_LINK_SIPHASH), DURA_EINVAL, "such a key is not even taken");
    start(&r, DURA_LINK_SIPHASH);
    refused(&r, weak.frame, weak.len, DURA_L_AUTH | DURA_L_PROFILE, "CRC where SipHash is wanted");
    begin(&r, DURA_LINK_CRC);
    connect(&r, 9, DURA_LINK_SIPHASH);
    refused(&r, weak.frame, weak.len, DURA_L_AUTH | DURA_L_KEY, "the key's profile, not the frame's");
}

DT_TEST(link_open, is_not_locked_or_moved_by_a_flood)
{
    static rig r;
    uint8_t forged[ROOM];
    for (uint8_t profile = DURA_LINK_HMAC; profile <= DURA_LINK_SIPHASH; profile++) {
        start(&r, profile);
        dt_eq(attach(r.to, 10, profile), DURA_OK, "a next key that a forger would like to see in use");
        dt_eq(pass(&r, 3, 100), DURA_OK, "");
        for (uint32_t k = 0; k < 3000; k++) {
            size_t len = r.len;
            memcpy(forged, r.frame, len);
            /* numbers ahead, of later epochs and at the very end; other keys; noise */
            for (uint32_t j = dice(9); j > 0; j--)
                forged[dice(4) ? 12 + dice(8) : dice((uint32_t)len)] = (uint8_t)(dice(3) ? 0xFF : dice(256));
            if (dice(4) == 0)
                forged[4] = 10;
            if (dice(8) == 0)
                len = dice((uint32_t)len + 1);
            if (len == r.len && memcmp(forged, r.frame, len) == 0)
                continue;
            refused(&r, forged, len, 0, "forged");
        }
        dt_eq(pass(&r, 3, 101), DURA_OK, "the sender's next frame");
        dt_eq(r.r.reasons & 0xFFFF, 0, "");
        dt_eq(r.r.lost, 0, "");
    }
}

DT_TEST(link_open, tells_a_run_of_refusals_at_powers_of_two)
{
    static rig r;
    uint32_t told = 0;
    start(&r, DURA_LINK_SIPHASH);
    seal(&r);
    r.frame[30] ^= 1;
    for (uint32_t k = 1; k <= 1000; k++) {
        dt_eq(take(&r, r.frame, r.len), DURA_EAUTH, "");
        dt_eq(r.r.fact.kind != DURA_FACT_NONE, (k & (k - 1)) == 0, "refusal %u", (unsigned)k);
        told += r.r.fact.kind != DURA_FACT_NONE;
        if (r.r.fact.kind)
            dt_eq(r.r.fact.value[0], k, "");
    }
    dt_eq(told, 10, "");
    for (uint32_t k = 0; k < 64; k++) {
        seal(&r);
        dt_eq(take(&r, r.frame, r.len), DURA_OK, "");
    }
    dt_eq(take(&r, r.frame, r.len), DURA_EAUTH, "");
    dt_eq(r.r.fact.kind, DURA_FACT_LINK, "a new run");
    dt_eq(r.r.fact.value[0], 1, "");
}

DT_TEST(link_open, refuses_when_the_provider_fails_and_moves_nothing)
{
    static rig r;
    uint8_t before[DURA_LINK_SAVE_BYTES], after[DURA_LINK_SAVE_BYTES];
    start(&r, DURA_LINK_HMAC);
    seal(&r);
    dt_eq(dura_sodium_key(&r.keys, key_of(9, DURA_LINK_HMAC).slot, NULL, 0), DURA_OK, "the key is gone");
    freshness(&r, before);
    dt_eq(take(&r, r.frame, r.len), DURA_EINVAL, "the provider's own code");
    dt_eq(r.r.reasons, DURA_L_UNCHECKED, "");
    dt_eq(r.r.authentic, 0, "");
    dt_eq(r.r.fact.log, DURA_LOG_DECISION, "a mishap, nobody's doing");
    freshness(&r, after);
    dt_mem(before, after, sizeof before, "");
    r.len = ROOM;
    dt_eq(dura_link_seal(r.from, 1, plain, NULL, NULL, N, r.frame, &r.len), DURA_EINVAL, "");
}

/* ---- freshness ---------------------------------------------------------------------- */

DT_TEST(link_open, refuses_every_replay_within_and_behind_the_window)
{
    static rig r;
    static uint8_t all[200][ROOM];
    start(&r, DURA_LINK_SIPHASH);
    for (uint32_t k = 0; k < 200; k++) {
        seal(&r);
        memcpy(all[k], r.frame, r.len);
        dt_eq(take(&r, r.frame, r.len), DURA_OK, "");
        for (uint32_t old = 0; old <= k; old++)
            refused(&r, all[old], r.len, DURA_L_REPLAY, "replay");
    }
    dt_eq(r.r.authentic, 1, "its tag is right");
}

DT_TEST(link_open, takes_late_frames_once_within_the_window)
{
    static rig r;
    dura_link_status s = DURA_LINK_STATUS_INIT;
    start(&r, DURA_LINK_SIPHASH);
    dt_eq(pass(&r, 1, 100), DURA_OK, "");
    dt_eq(r.r.reasons, DURA_L_FIRST | DURA_L_SAVE, "");
    dt_eq(pass(&r, 1, 99), DURA_EAUTH, "before the first: may have been kept back");
    dt_eq(pass(&r, 1, 103), DURA_OK, "");
    dt_eq(r.r.reasons, DURA_L_LOST | DURA_L_SAVE, "");
    dt_eq(r.r.lost, 2, "");
    dt_eq(pass(&r, 1, 102), DURA_OK, "");
    dt_eq(r.r.reasons, DURA_L_LATE | DURA_L_SAVE, "");
    dt_eq(pass(&r, 1, 102), DURA_EAUTH, "");
    dt_eq(r.r.reasons, DURA_L_REPLAY, "");
    dt_eq(pass(&r, 1, 164), DURA_OK, "");
    dt_eq(pass(&r, 1, 101), DURA_OK, "63 back");
    dt_eq(pass(&r, 1, 228), DURA_OK, "");
    dt_eq(pass(&r, 1, 164), DURA_EAUTH, "64 back");
    dt_eq(pass(&r, 1, 165), DURA_OK, "63 back");
    dt_eq(dura_link_query(r.to, &s), DURA_OK, "");
    dt_eq(s.lost, 2 + 60 + 63 - 3, "late ones are not lost");
    dt_eq(s.replay, 3, "");
    r.cfg.window = 1;
    connect(&r, 9, DURA_LINK_SIPHASH);
    dt_eq(pass(&r, 1, 5), DURA_OK, "");
    dt_eq(pass(&r, 1, 7), DURA_OK, "");
    dt_eq(pass(&r, 1, 6), DURA_EAUTH, "rising only");
}

DT_TEST(link_open, follows_a_sender_that_starts_anew_and_never_back)
{
    static rig r;
    start(&r, DURA_LINK_SIPHASH);
    dt_eq(pass(&r, 2, 50), DURA_OK, "");
    dt_eq(pass(&r, 3, 4), DURA_OK, "");
    dt_eq(r.r.reasons, DURA_L_EPOCH | DURA_L_LOST | DURA_L_SAVE, "");
    dt_eq(r.r.lost, 4, "");
    dt_eq(r.r.fact.kind, DURA_FACT_LINK, "it is told");
    dt_eq(pass(&r, 3, 2), DURA_OK, "late within the new epoch");
    dt_eq(pass(&r, 2, 51), DURA_EAUTH, "");
    dt_eq(r.r.reasons, DURA_L_REPLAY | DURA_L_EPOCH, "");
    dt_eq(pass(&r, 2, 0xFFFFFFFFu), DURA_EAUTH, "next to it as a number, but of the former epoch");
    dt_eq(pass(&r, 9, 0), DURA_OK, "started while nobody listened");
}

DT_TEST(link_open, refuses_a_wrong_sequence_until_some_consecutive_ones)
{
    static rig r;
    start(&r, DURA_LINK_SIPHASH);
    r.cfg.max_delta = 10;
    connect(&r, 9, DURA_LINK_SIPHASH);
    dt_eq(pass(&r, 1, 0), DURA_OK, "");
    dt_eq(pass(&r, 1, 10), DURA_OK, "2..max_delta: some lost");
    dt_eq(r.r.reasons & DURA_L_LOST, DURA_L_LOST, "");
    dt_eq(pass(&r, 1, 21), DURA_EAUTH, "max_delta + 1");
    dt_eq(r.r.reasons, DURA_L_WRONG_SEQUENCE, "");
    dt_eq(r.r.fact.log, DURA_LOG_DECISION, "a fault of the way, no attack");
    dt_eq(pass(&r, 1, 21), DURA_EAUTH, "");
    dt_eq(r.r.reasons, DURA_L_REPLAY, "what was refused is not taken later");
    dt_eq(pass(&r, 1, 22), DURA_EAUTH, "");
    dt_eq(pass(&r, 1, 24), DURA_EAUTH, "not consecutive");
    dt_eq(r.r.reasons, DURA_L_WRONG_SEQUENCE, "");
    dt_eq(pass(&r, 1, 25), DURA_EAUTH, "");
    dt_eq(pass(&r, 1, 11), DURA_OK, "the old place still counts");
    dt_eq(pass(&r, 1, 26), DURA_EAUTH, "that began the count again");
    dt_eq(pass(&r, 1, 27), DURA_EAUTH, "");
    dt_eq(pass(&r, 1, 28), DURA_OK, "the third in a row");
    dt_eq(r.r.reasons & ~(uint32_t)DURA_L_SAVE, DURA_L_RESYNC | DURA_L_LOST, "");
    dt_eq(pass(&r, 1, 27), DURA_EAUTH, "");
    dt_eq(r.r.reasons, DURA_L_REPLAY, "");
    dt_eq(pass(&r, 1, 29), DURA_OK, "");
    dt_eq(pass(&r, 2, 5000), DURA_OK, "a new epoch may begin anywhere");
}

DT_TEST(link_open, takes_nothing_below_the_least_number)
{
    static rig r;
    begin(&r, DURA_LINK_SIPHASH);
    r.cfg.least_frame = (uint64_t)7 << 32;
    connect(&r, 9, DURA_LINK_SIPHASH);
    dt_eq(pass(&r, 6, 0xFFFFFFFFu), DURA_EAUTH, "");
    dt_eq(r.r.reasons, DURA_L_REPLAY, "");
    dt_eq(pass(&r, 7, 0), DURA_OK, "");
}

/* Numbers in any order, resets at any time: nothing is accepted twice, nothing up to what was
 * saved is accepted after a reset, and what is above everything is accepted. */
DT_TEST(link_property, accepts_no_number_twice_over_any_order_and_resets)
{
    enum { EPOCHS = 4, COUNTS = 512, STEPS = 30000 };
    static uint8_t ever[EPOCHS][COUNTS];
    static rig r;
    for (uint32_t round = 0; round < 8; round++) {
        uint8_t saved[DURA_LINK_SAVE_BYTES];
        uint64_t top = 0, ceiling = 0;
        int have = 0;
        memset(ever, 0, sizeof ever);
        begin(&r, DURA_LINK_CRC);
        r.cfg.window = (uint8_t)(1 + dice(64));
        r.cfg.ahead = round & 1 ? dice(20) : 0;
        r.cfg.max_delta = round & 2 ? 40 : 0;
        connect(&r, 9, DURA_LINK_CRC);
        for (uint32_t k = 0; k < STEPS / 8; k++) {
            uint32_t near_by = (uint32_t)top + dice(100), epoch = 1 + (dice(40) ? (uint32_t)(top >> 32) % EPOCHS : dice(EPOCHS));
            uint32_t count = (dice(3) ? (near_by > 50 ? near_by - 50 : 0) : dice(COUNTS)) % COUNTS;
            epoch = dice(50) ? (top >> 32 ? (uint32_t)(top >> 32) : 1) : 1 + dice(EPOCHS - 1);
            uint64_t number = (uint64_t)epoch << 32 | count;
            int rc = pass(&r, epoch, count);
            if (rc == DURA_OK) {
                dt_eq(ever[epoch][count], 0, "number %u/%u twice", (unsigned)epoch, (unsigned)count);
                dt_ok(number > ceiling, "accepted below what was saved");
                ever[epoch][count] = 1;
                top = number > top ? number : top;
            } else {
                dt_eq(rc, DURA_EAUTH, "");
                dt_ok(number <= top || r.cfg.max_delta || number <= ceiling, "refused what is above everything");
            }
            if (dice(20) == 0 || (r.cfg.ahead == 0 && rc == DURA_OK) || (r.r.reasons & DURA_L_SAVE)) {
                size_t len = sizeof saved;
                dt_eq(dura_link_save(r.to, saved, &len), DURA_OK, "");
                have = 1;
            }
            if (have && dice(200) == 0) {
                reset(&r, 9, DURA_LINK_CRC, saved);
                ceiling = r.to->number;
                dt_ok(ceiling >= top, "accepted beyond what was saved");
                top = ceiling > top ? ceiling : top;
            }
        }
    }
}

/* ---- freshness over a reset ---------------------------------------------------------- */

DT_TEST(link_save, writes_the_bytes_of_the_format_page)
{
    static rig r;
    uint8_t out[DURA_LINK_SAVE_BYTES];
    size_t len = sizeof out;
    begin(&r, DURA_LINK_SIPHASH);
    connect(&r, 8, DURA_LINK_SIPHASH);
    dt_eq(pass(&r, 1, 7), DURA_OK, "");
    r.to->mark = ((uint64_t)1 << 32) + 900;
    r.to->former_left = 3;
    dt_eq(dura_link_save(r.to, out, &len), DURA_OK, "");
    dt_eq(len, sizeof link_saved, "");
    dt_mem(out, link_saved, len, "");
}

DT_TEST(link_save, says_what_it_wants)
{
    static rig r;
    uint8_t out[DURA_LINK_SAVE_BYTES];
    size_t len = 39;
    start(&r, DURA_LINK_SIPHASH);
    dt_eq(dura_link_save(r.to, out, &len), DURA_ENOSPC, "");
    dt_eq(len, DURA_LINK_SAVE_BYTES, "");
    dt_eq(dura_link_save(r.to, NULL, &len), DURA_EINVAL, "");
    dt_eq(dura_link_save(NULL, out, &len), DURA_EINVAL, "");
    dt_eq(dura_link_save(r.to, out, NULL), DURA_EINVAL, "");
    dt_eq(dura_link_save(r.from, out, &len), DURA_ESTATE, "a sender");
    dt_eq(dura_link_save(r.to, out, &len), DURA_OK, "nothing was accepted yet");
    reset(&r, 9, DURA_LINK_SIPHASH, out);
    dt_eq(pass(&r, 1, 3), DURA_OK, "");
    dt_ok(r.r.reasons & DURA_L_FIRST, "saved bytes that hold nothing vouch for nothing");
}

DT_TEST(link_load, refuses_after_a_reset_what_was_saved_and_all_before)
{
    static rig r;
    uint8_t saved[DURA_LINK_SAVE_BYTES];
    size_t len = sizeof saved;
    start(&r, DURA_LINK_SIPHASH);
    dt_eq(pass(&r, 4, 70), DURA_OK, "");
    dt_eq(pass(&r, 4, 80), DURA_OK, "");
    dt_eq(dura_link_save(r.to, saved, &len), DURA_OK, "");
    reset(&r, 9, DURA_LINK_SIPHASH, saved);
    for (uint32_t c = 0; c <= 80; c++) {
        dt_eq(pass(&r, 4, c), DURA_EAUTH, "count %u", (unsigned)c);
        dt_ok(r.r.reasons & DURA_L_REPLAY, "");
    }
    dt_eq(pass(&r, 3, 0xFFFFFFFFu), DURA_EAUTH, "");
    dt_eq(pass(&r, 4, 81), DURA_OK, "");
    dt_ok(!(r.r.reasons & DURA_L_FIRST), "");
    dt_eq(dura_link_load(r.to, saved, sizeof saved), DURA_OK, "old bytes on a link that is further");
    dt_eq(pass(&r, 4, 81), DURA_EAUTH, "lower nothing");
}

DT_TEST(link_load, a_step_after_a_reset_may_be_of_any_size_once)
{
    static rig r;
    uint8_t saved[DURA_LINK_SAVE_BYTES];
    size_t len = sizeof saved;
    begin(&r, DURA_LINK_SIPHASH);
    r.cfg.max_delta = 2;
    connect(&r, 9, DURA_LINK_SIPHASH);
    dt_eq(pass(&r, 4, 70), DURA_OK, "");
    dt_eq(dura_link_save(r.to, saved, &len), DURA_OK, "");
    reset(&r, 9, DURA_LINK_SIPHASH, saved);
    dt_eq(pass(&r, 4, 9000), DURA_OK, "the sender went on meanwhile");
    dt_eq(r.r.lost, 8929, "");
    dt_eq(pass(&r, 4, 9003), DURA_EAUTH, "");
    dt_eq(r.r.reasons, DURA_L_WRONG_SEQUENCE, "");
}

DT_TEST(link_save, ahead_of_the_sender_costs_frames_after_a_reset_and_no_replay)
{
    static rig r;
    uint8_t saved[DURA_LINK_SAVE_BYTES];
    size_t len = sizeof saved;
    uint32_t saves = 0;
    begin(&r, DURA_LINK_SIPHASH);
    r.cfg.ahead = 100;
    connect(&r, 9, DURA_LINK_SIPHASH);
    for (uint32_t c = 0; c < 1000; c++) {
        dt_eq(pass(&r, 1, c), DURA_OK, "");
        if (r.r.reasons & DURA_L_SAVE) {
            dt_eq(dura_link_save(r.to, saved, &len), DURA_OK, "");
            saves++;
        }
    }
    dt_eq(saves, 20, "one per half of it: 0, 51, 102, ...");
    reset(&r, 9, DURA_LINK_SIPHASH, saved);
    for (uint32_t c = 0; c < 1000; c++)
        dt_eq(pass(&r, 1, c), DURA_EAUTH, "");
    uint32_t c = 1000;
    while (pass(&r, 1, c) != DURA_OK)
        c++;
    dt_ok(c <= 1100, "%u", (unsigned)c);
}

DT_TEST(link_load, refuses_every_flipped_bit_and_changes_nothing)
{
    static rig r;
    uint8_t bytes[DURA_LINK_SAVE_BYTES + 1];
    size_t len = sizeof bytes;
    dura_link was;
    start(&r, DURA_LINK_SIPHASH);
    dt_eq(pass(&r, 4, 70), DURA_OK, "");
    dt_eq(dura_link_save(r.to, bytes, &len), DURA_OK, "");
    reset(&r, 9, DURA_LINK_SIPHASH, NULL);
    was = *r.to;
    for (size_t bit = 0; bit < 8 * len; bit++) {
        bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
        dt_eq(dura_link_load(r.to, bytes, len), DURA_ECORRUPT, "bit %u", (unsigned)bit);
        dt_mem(&was, r.to, sizeof was, "");
        bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    for (size_t n = 0; n < len; n++)
        dt_eq(dura_link_load(r.to, bytes, n), DURA_ECORRUPT, "%u bytes", (unsigned)n);
    static const struct { const char *row; uint8_t at, value; size_t more; int want; } rows[] = {
        {"version", 4, 2, 0, DURA_EVERSION}, {"another source", 6, 6, 0, DURA_EAUTH}, {"held", 30, 2, 0, DURA_ECORRUPT},
        {"profile", 29, 4, 0, DURA_ECORRUPT}, {"reserved", 31, 1, 0, DURA_ECORRUPT}, {"reserved", 35, 1, 0, DURA_ECORRUPT},
        {"too long", 31, 0, 1, DURA_ECORRUPT}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        uint8_t b[DURA_LINK_SAVE_BYTES + 1] = {0};
        memcpy(b, bytes, len);
        b[rows[i].at] = rows[i].value;
        durai_put32(b + 36, durai_crc32c(0, b, 36));
        dt_eq(dura_link_load(r.to, b, len + rows[i].more), rows[i].want, "%s", rows[i].row);
        dt_mem(&was, r.to, sizeof was, "%s", rows[i].row);
    }
    dt_eq(dura_link_load(NULL, bytes, len), DURA_EINVAL, "");
    dt_eq(dura_link_load(r.to, NULL, len), DURA_EINVAL, "");
    dt_eq(dura_link_load(r.from, bytes, len), DURA_ESTATE, "a sender");
    dt_eq(dura_link_load(r.to, bytes, len), DURA_OK, "");
    dt_eq(dura_link_start(r.to, 0, persist, &r), DURA_ESTATE, "a receiver");
}

/* ---- keys -------------------------------------------------------------------------- */

DT_TEST(link_attach, a_next_key_serves_from_its_first_frame_and_ends_the_former)
{
    for (uint8_t profile = DURA_LINK_HMAC; profile <= DURA_LINK_SIPHASH; profile++) {
        static rig r;
        uint8_t old[ROOM];
        dura_link_status s = DURA_LINK_STATUS_INIT;
        start(&r, profile);
        dt_eq(attach(r.to, 10, profile), DURA_OK, "");
        dt_eq(pass(&r, 1, 0), DURA_OK, "the key in use goes on");
        dt_eq(pass(&r, 1, 5), DURA_OK, "");
        r.from->number = ((uint64_t)1 << 32) + 6;
        seal(&r);
        memcpy(old, r.frame, r.len);
        dt_eq(attach(r.from, 10, profile), DURA_OK, "the sender's next key is in use at once");
        dt_eq(dura_link_query(r.to, &s), DURA_OK, "");
        dt_eq(s.key_id, 9, "");
        dt_eq(s.other_key_id, 10, "");
        dt_eq(pass(&r, 1, 5), DURA_EAUTH, "not new, so no rotation");
        dt_ok(r.r.authentic, "");
        dt_eq(dura_link_query(r.to, &s), DURA_OK, "");
        dt_eq(s.key_id, 9, "");
        dt_eq(pass(&r, 1, 7), DURA_OK, "");
        dt_ok(r.r.reasons & DURA_L_ROTATED, "");
        dt_eq(r.r.fact.kind, DURA_FACT_LINK, "it is told");
        refused(&r, old, r.len, DURA_L_AUTH | DURA_L_KEY, "the former key");
        dt_eq(dura_link_query(r.to, &s), DURA_OK, "");
        dt_eq(s.key_id, 10, "");
        dt_eq(s.other_key_id, DURA_NONE, "");
        dt_eq(pass(&r, 1, 8), DURA_OK, "");
        dt_ok(!(r.r.reasons & DURA_L_ROTATED), "once");
    }
}

DT_TEST(link_attach, the_former_key_serves_for_as_many_frames_as_asked)
{
    static rig r;
    uint8_t old[6][ROOM];
    begin(&r, DURA_LINK_SIPHASH);
    r.cfg.overlap = 3;
    connect(&r, 9, DURA_LINK_SIPHASH);
    dt_eq(attach(r.to, 10, DURA_LINK_SIPHASH), DURA_OK, "");
    for (uint32_t k = 0; k < 6; k++) {
        seal(&r);
        memcpy(old[k], r.frame, r.len);
    }
    dt_eq(attach(r.from, 10, DURA_LINK_SIPHASH), DURA_OK, "");
    dt_eq(take(&r, old[0], r.len), DURA_OK, "");
    dt_eq(pass(&r, 1, 20), DURA_OK, "rotates");
    dt_eq(take(&r, old[1], r.len), DURA_OK, "1");
    dt_eq(pass(&r, 1, 21), DURA_OK, "2");
    dt_eq(take(&r, old[2], r.len), DURA_OK, "3");
    dt_eq(take(&r, old[3], r.len), DURA_EAUTH, "");
    dt_eq(r.r.reasons, DURA_L_AUTH | DURA_L_KEY, "");
    dt_eq(attach(r.to, 11, DURA_LINK_SIPHASH), DURA_OK, "and the next rotation");
    dt_eq(attach(r.from, 11, DURA_LINK_SIPHASH), DURA_OK, "");
    dt_eq(pass(&r, 1, 30), DURA_OK, "");
    dt_ok(r.r.reasons & DURA_L_ROTATED, "");
}

DT_TEST(link_load, a_key_that_was_rotated_out_stays_out)
{
    static rig r;
    uint8_t saved[DURA_LINK_SAVE_BYTES], old[ROOM];
    size_t len = sizeof saved;
    for (uint32_t overlap = 0; overlap < 3; overlap++) {
        begin(&r, DURA_LINK_SIPHASH);
        r.cfg.overlap = overlap;
        connect(&r, 9, DURA_LINK_SIPHASH);
        dt_eq(attach(r.to, 10, DURA_LINK_SIPHASH), DURA_OK, "");
        dt_eq(pass(&r, 1, 30), DURA_OK, "");
        r.from->number = ((uint64_t)1 << 32) + 40;
        seal(&r);
        memcpy(old, r.frame, r.len);
        dt_eq(attach(r.from, 10, DURA_LINK_SIPHASH), DURA_OK, "");
        dt_eq(pass(&r, 1, 31), DURA_OK, "rotates");
        if (overlap == 2)
            dt_eq(pass(&r, 1, 32), DURA_OK, "one of two");
        dt_eq(dura_link_save(r.to, saved, &len), DURA_OK, "");
        reset(&r, 9, DURA_LINK_SIPHASH, NULL);
        dt_eq(attach(r.to, 10, DURA_LINK_SIPHASH), DURA_OK, "the same two keys as before");
        dt_eq(dura_link_load(r.to, saved, sizeof saved), DURA_OK, "");
        dt_eq(take(&r, old, r.len), overlap ? DURA_OK : DURA_EAUTH, "overlap %u", (unsigned)overlap);
        if (overlap)
            dt_eq(r.to->role, DURAI_LINK_NONE, "that was the last one");
    }
}

DT_TEST(link_attach, takes_only_what_can_be_a_key)
{
    static rig r;
    dura_link_key k;
    static const dura_crypto no_mac = {sizeof no_mac, 0, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL};
    begin(&r, DURA_LINK_CRC);
    dt_eq(dura_link_init(&r.to, r.memory[1], sizeof r.memory[1], &r.cfg), DURA_OK, "");
    dt_eq(dura_link_attach(NULL, &k), DURA_EINVAL, "");
    dt_eq(dura_link_attach(r.to, NULL), DURA_EINVAL, "");
    struct { const char *row; uint8_t profile; uint32_t slot; uint8_t sip; int want; } rows[] = {
        {"no profile", 0, 0, 0, DURA_EINVAL}, {"profile 4", 4, 0, 0, DURA_EINVAL},
        {"HMAC without a slot", DURA_LINK_HMAC, 0, 0, DURA_EINVAL}, {"the device's key", DURA_LINK_HMAC, 1, 0, DURA_EINVAL},
        {"HMAC with a SipHash key", DURA_LINK_HMAC, SLOT, 1, DURA_EINVAL},
        {"SipHash without a key", DURA_LINK_SIPHASH, 0, 0, DURA_EINVAL},
        {"SipHash with a slot", DURA_LINK_SIPHASH, SLOT, 1, DURA_EINVAL}, {"CRC with a key", DURA_LINK_CRC, 0, 1, DURA_EINVAL},
        {"CRC", DURA_LINK_CRC, 0, 0, DURA_OK}, {"the same id again", DURA_LINK_CRC, 0, 0, DURA_EINVAL}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        k = (dura_link_key)DURA_LINK_KEY_INIT;
        k.profile = rows[i].profile, k.slot = rows[i].slot, k.sip[3] = rows[i].sip;
        dt_eq(dura_link_attach(r.to, &k), rows[i].want, "%s", rows[i].row);
    }
    k = key_of(1, DURA_LINK_SIPHASH);
    k.reserved = 1;
    dt_eq(dura_link_attach(r.to, &k), DURA_EINVAL, "reserved");
    k = key_of(1, DURA_LINK_SIPHASH);
    k.struct_size = 27;
    dt_eq(dura_link_attach(r.to, &k), DURA_EINVAL, "an older struct than the first");
    r.to->crypto = &no_mac;
    k = key_of(1, DURA_LINK_HMAC);
    dt_eq(dura_link_attach(r.to, &k), DURA_ENOTSUP, "no mac");
    r.to->crypto = NULL;
    dt_eq(dura_link_attach(r.to, &k), DURA_ENOTSUP, "no provider");
}

/* ---- content ------------------------------------------------------------------------ */

DT_TEST(link_open, refuses_another_encoding_of_an_authentic_frame_and_uses_its_number)
{
    static const struct { const char *row; uint8_t at, value; } rows[] = {
        {"present, a bit behind the last channel", 28, 0x3F}, {"integer, such a bit", 29, 0x20},
        {"a value where there is none", 28, 0x1E}, {"a negative time", 27, 0x80}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        static rig r;
        start(&r, DURA_LINK_SIPHASH);
        seal(&r);
        dt_eq(take(&r, r.frame, r.len), DURA_OK, "");
        seal(&r);
        r.frame[rows[i].at] = rows[i].value;
        dura_link_key k = key_of(9, DURA_LINK_SIPHASH);
        durai_put64(r.frame + r.len - 8, durai_link_siphash(k.sip, r.frame, r.len - 8));
        dt_eq(take(&r, r.frame, r.len), DURA_EAUTH, "%s", rows[i].row);
        dt_eq(r.r.reasons, DURA_L_CONTENT, "%s", rows[i].row);
        dt_eq(r.r.authentic, 1, "");
        dt_eq(take(&r, r.frame, r.len), DURA_EAUTH, "");
        dt_eq(r.r.reasons, DURA_L_REPLAY, "%s", rows[i].row);
    }
}

DT_TEST(link_open, gives_integers_as_the_nearest_float_and_says_when_it_is_another)
{
    static const struct { int32_t v; uint32_t bits; int rounded; } rows[] = {
        /* binary32 by Python's struct.pack('<f', v) */
        {0, 0x00000000u, 0}, {1, 0x3F800000u, 0}, {-1, 0xBF800000u, 0}, {16777216, 0x4B800000u, 0},
        {16777217, 0x4B800000u, 1}, {16777218, 0x4B800001u, 0}, {-16777217, 0xCB800000u, 1}, {16777219, 0x4B800002u, 1},
        {INT32_MAX, 0x4F000000u, 1}, {INT32_MIN, 0xCF000000u, 0}, {INT32_MIN + 1, 0xCF000000u, 1},
        {0x7FFFFF80, 0x4EFFFFFFu, 0}, {-2147483520, 0xCEFFFFFFu, 0}};
    static const uint8_t kinds[N] = {1, 1, 1, 1, 1}, gone[N] = {0, 1, 1, 1, 1};
    static rig r;
    start(&r, DURA_LINK_SIPHASH);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        int32_t v[N] = {rows[i].v, 5, 5, 5, 5};
        uint32_t bits;
        r.len = ROOM;
        dt_eq(dura_link_seal(r.from, 1, v, kinds, gone, N, r.frame, &r.len), DURA_OK, "");
        dt_eq(take(&r, r.frame, r.len), DURA_OK, "");
        memcpy(&bits, r.values, 4);
        dt_eq(bits, rows[i].bits, "%ld", (long)rows[i].v);
        dt_eq((r.r.reasons & DURA_L_ROUNDED) != 0, rows[i].rounded, "%ld", (long)rows[i].v);
        dt_ok(r.missing[0] == 0 && r.missing[1] == 1 && r.missing[4] == 1, "");
    }
}

DT_TEST(link_open, hands_on_what_is_no_number_bit_for_bit)
{
    static const uint32_t words[N] = {0x7FC00001u, 0xFF800000u, 0x7F800001u, 0x80000000u, 0x00000001u};
    static rig r;
    start(&r, DURA_LINK_SIPHASH);
    r.len = ROOM;
    dt_eq(dura_link_seal(r.from, 1, words, NULL, NULL, N, r.frame, &r.len), DURA_OK, "");
    dt_eq(take(&r, r.frame, r.len), DURA_OK, "");
    dt_mem(r.values, words, sizeof words, "");
}

/* ---- counts as they are --------------------------------------------------------------- */

static const uint8_t counted[N] = {DURA_LINK_I32, DURA_LINK_F32, DURA_LINK_I32, DURA_LINK_I32, DURA_LINK_F32};

static void start_counting(rig *r)
{
    begin(r, DURA_LINK_SIPHASH);
    r->cfg.kinds = counted;
    connect(r, 9, DURA_LINK_SIPHASH);
}

static int pass_words(rig *r, const void *words, const uint8_t *kinds, const uint8_t *gone)
{
    r->len = ROOM;
    dt_eq(dura_link_seal(r->from, 1, words, kinds, gone, N, r->frame, &r->len), DURA_OK, "");
    return take(r, r->frame, r->len);
}

DT_TEST(link_open, gives_the_very_bits_of_a_count_where_kinds_want_one)
{
    static const int32_t rows[] = {0, 1, -1, 16777217, -16777217, 0x7F800001, -0x400000 + 1, INT32_MAX, INT32_MIN};
    static rig r;
    dt_eq(DURA_LINK_I32, DURA_KIND_I32, "one array serves the link and the sensor");
    dt_eq(DURA_LINK_F32, DURA_KIND_F32, "");
    start_counting(&r);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        uint32_t words[N] = {(uint32_t)rows[i], 0x3FC00000u, (uint32_t)rows[i], 7u, 0xFFC00001u}, got[N];
        dt_eq(pass_words(&r, words, NULL, NULL), DURA_OK, "the sender's kinds are the config's: %ld", (long)rows[i]);
        memcpy(got, r.values, sizeof got);
        dt_mem(got, words, sizeof got, "%ld", (long)rows[i]);
        dt_eq(r.r.reasons & DURA_L_ROUNDED, 0, "%ld", (long)rows[i]);
    }
}

DT_TEST(link_open, refuses_a_float_where_a_count_is_wanted_unless_it_is_missing)
{
    static const uint8_t floats[N] = {0}, kinds[N] = {1, 0, 1, 0, 0}, gone[N] = {0, 0, 0, 1, 0};
    static const uint32_t words[N] = {5, 0x3F800000u, 6, 0, 0x3F800000u};
    static rig r;
    start_counting(&r);
    dt_eq(pass_words(&r, plain, floats, NULL), DURA_EAUTH, "");
    dt_eq(r.r.reasons, DURA_L_CONTENT, "and authentic: %d", r.r.authentic);
    dt_eq(take(&r, r.frame, r.len), DURA_EAUTH, "");
    dt_eq(r.r.reasons, DURA_L_REPLAY, "its number is used");
    dt_eq(pass_words(&r, words, kinds, NULL), DURA_EAUTH, "one is enough");
    dt_eq(r.r.reasons, DURA_L_CONTENT, "");
    dt_eq(pass_words(&r, words, kinds, gone), DURA_OK, "what is missing has no kind");
    dt_eq(r.missing[3], 1, "");
}

DT_TEST(link_open, rounds_a_count_only_where_kinds_want_a_float)
{
    static const uint8_t counts[N] = {1, 1, 1, 1, 1};
    static const int32_t v[N] = {16777217, 16777217, 1, 2, 3};
    static rig r;
    uint32_t got[N];
    start_counting(&r);
    dt_eq(pass_words(&r, v, counts, NULL), DURA_OK, "");
    memcpy(got, r.values, sizeof got);
    dt_eq(got[0], 16777217u, "the count");
    dt_eq(got[1], 0x4B800000u, "the nearest float, 16777216");
    dt_eq(got[4], 0x40400000u, "3.0");
    dt_ok((r.r.reasons & DURA_L_ROUNDED) != 0, "of the second");
}

/* The encoder of an axis: 2^24 counts and some more; a float has no room for its last bit. */
static void begin_axis(dura_sensor **s, uint64_t *memory, size_t bytes)
{
    dura_sensor_config cfg = DURA_SENSOR_CONFIG_INIT;
    cfg.n_channels = N;
    dt_eq(dura_sensor_init(s, memory, bytes, &cfg), DURA_OK, "");
    for (uint16_t i = 0; i < N; i++) {
        dura_sensor_channel c = DURA_SENSOR_CHANNEL_INIT;
        c.kind = counted[i];
        c.checks = DURA_CHECK_TIME | DURA_CHECK_RANGE | DURA_CHECK_FLAT;
        c.fail_lo = c.suspect_lo = i == 0 ? dura_i32_cell(16777215) : counted[i] ? dura_i32_cell(0) : 0.0f;
        c.fail_hi = c.suspect_hi = i == 0 ? dura_i32_cell(16777219) : counted[i] ? dura_i32_cell(100) : 100.0f;
        c.flat_fail_ns = 2;
        c.flat_tolerance = counted[i] ? dura_i32_cell(0) : 0.0f;
        c.origin = i == 0 ? 16777216 : 0;
        dt_eq(dura_sensor_attach(*s, i, &c), DURA_OK, "channel %u", i);
    }
}

DT_TEST(link_open, counts_above_2_to_24_reach_the_verdict_without_loss)
{
    static const struct { int32_t count; uint8_t verdict; uint32_t why; float usable; } rows[] = {
        {16777215, DURA_GOOD, 0, -1.0f}, {16777216, DURA_GOOD, 0, 0.0f}, {16777217, DURA_GOOD, 0, 1.0f},
        {16777218, DURA_GOOD, 0, 2.0f}, {16777219, DURA_GOOD, 0, 3.0f},
        {16777220, DURA_FAIL, DURA_R_RANGE_FAIL, 0.0f}, {16777217, DURA_GOOD, 0, 1.0f},
        {16777217, DURA_GOOD, 0, 1.0f}, {16777217, DURA_FAIL, DURA_R_FLAT_FAIL, 0.0f}, {16777216, DURA_GOOD, 0, 0.0f}};
    static uint64_t memory[DURA_SENSOR_BYTES(N) / 8];
    static rig r;
    dura_sensor *s;
    start_counting(&r);
    begin_axis(&s, memory, sizeof memory);
    for (int i = 0; i < (int)(sizeof rows / sizeof *rows); i++) {
        uint32_t words[N] = {(uint32_t)rows[i].count, 0x3F800000u + (uint32_t)i, (uint32_t)i, (uint32_t)i + 3u,
                             0x40000000u - (uint32_t)i};
        float usable[N];
        dura_sensor_report said = DURA_SENSOR_REPORT_INIT;
        dt_eq(pass_words(&r, words, NULL, NULL), DURA_OK, "row %d", i);
        dt_eq(dura_sensor_update(s, i + 1, r.got.values, r.got.missing, r.got.n, usable, &said), DURA_OK, "row %d", i);
        dt_eq(dura_sensor_verdicts(s)[0], rows[i].verdict, "row %d", i);
        dt_eq(dura_sensor_reasons(s)[0], rows[i].why, "row %d", i);
        dt_eq(said.verdict, rows[i].verdict, "row %d: the others are good", i);
        dt_mem(&usable[0], &rows[i].usable, sizeof usable[0], "row %d", i);
    }
}

/* ---- building ----------------------------------------------------------------------- */

DT_TEST(link_init, takes_kinds_it_knows_and_configs_from_before_there_were_any)
{
    static const uint8_t odd[N] = {0, 1, 0, 0, 2};
    static rig r;
    begin(&r, DURA_LINK_SIPHASH);
    r.cfg.kinds = odd;
    dt_eq(dura_link_init(&r.to, r.memory[1], sizeof r.memory[1], &r.cfg), DURA_EINVAL, "kind 2");
    dt_eq(dura_link_bytes(&r.cfg), 0, "");
    r.cfg.struct_size = (uint32_t)offsetof(dura_link_config, kinds);
    dt_eq(dura_link_init(&r.to, r.memory[1], sizeof r.memory[1], &r.cfg), DURA_OK, "what stands behind is not read");
    dt_ok(r.to->kinds == NULL, "");
    r.cfg.struct_size--;
    dt_eq(dura_link_init(&r.to, r.memory[1], sizeof r.memory[1], &r.cfg), DURA_EINVAL, "shorter than the first one");
}

DT_TEST(link_init, takes_only_what_is_in_range_and_touches_nothing_else)
{
    static const dura_link_config good = {sizeof good, 5, N, 0, 0, 0, 0, 0, 0, 0, 0, NULL, NULL};
    ALIGNED uint64_t memory[DURA_LINK_BYTES / 8 + 1];
    struct { dura_link_config cfg; uint64_t more; } newer = {good, 0};
    dura_link *l = (dura_link *)(void *)memory;
    dura_link_config c;
    size_t need = dura_link_bytes(&good);
    dt_ok(need > 0 && need <= DURA_LINK_BYTES, "%u", (unsigned)need);
    memset(memory, 0x5A, sizeof memory);
    dt_eq(dura_link_init(NULL, memory, sizeof memory, &good), DURA_EINVAL, "");
    dt_eq(dura_link_init(&l, NULL, sizeof memory, &good), DURA_EINVAL, "");
    dt_ok(l == NULL, "");
    dt_eq(dura_link_init(&l, memory, need - 1, &good), DURA_ENOSPC, "");
    dt_eq(dura_link_init(&l, (uint8_t *)memory + 4, need, &good), DURA_EALIGN, "");
    dt_eq(dura_link_init(&l, memory, need, NULL), DURA_EINVAL, "");
    for (int i = 0; i < 7; i++) {
        c = good;
        switch (i) {
        case 0: c.struct_size = 8; break;
        case 1: c.n_channels = 0; break;
        case 2: c.n_channels = 1025; break;
        case 3: c.least = 4; break;
        case 4: c.window = 65; break;
        case 5: c.reserved = 1; break;
        default: c.source = DURA_NONE; break;
        }
        dt_eq(dura_link_init(&l, memory, need, &c), DURA_EINVAL, "row %d", i);
        dt_eq(dura_link_bytes(&c), 0, "row %d", i);
    }
    newer.cfg.struct_size = sizeof newer;
    newer.more = 1;
    dt_eq(dura_link_init(&l, memory, need, &newer.cfg), DURA_EVERSION, "");
    newer.more = 0;
    for (size_t i = 0; i < sizeof memory; i++)
        dt_eq(((uint8_t *)memory)[i], 0x5A, "");
    dt_eq(dura_link_init(&l, memory, need, &newer.cfg), DURA_OK, "");
    dt_eq(((uint8_t *)memory)[need], 0x5A, "");
}

DT_TEST(link_open, wants_its_arguments_and_a_receiver)
{
    static rig r;
    start(&r, DURA_LINK_SIPHASH);
    seal(&r);
    dt_eq(take(&r, NULL, r.len), DURA_EINVAL, "");
    dt_eq(dura_link_open(NULL, r.frame, r.len, &r.got, r.values, r.missing, &r.r), DURA_EINVAL, "");
    dt_eq(dura_link_open(r.to, r.frame, r.len, NULL, r.values, r.missing, &r.r), DURA_EINVAL, "");
    dt_eq(dura_link_open(r.to, r.frame, r.len, &r.got, NULL, r.missing, &r.r), DURA_EINVAL, "");
    dt_eq(dura_link_open(r.to, r.frame, r.len, &r.got, r.values, NULL, &r.r), DURA_EINVAL, "");
    dt_eq(dura_link_open(r.to, r.frame, r.len, &r.got, r.values, r.missing, NULL), DURA_EINVAL, "");
    r.r.struct_size = 95;
    dt_eq(dura_link_open(r.to, r.frame, r.len, &r.got, r.values, r.missing, &r.r), DURA_EINVAL, "");
    r.r.struct_size = sizeof r.r;
    r.got.struct_size = 8;
    dt_eq(dura_link_open(r.to, r.frame, r.len, &r.got, r.values, r.missing, &r.r), DURA_EINVAL, "");
    r.got.struct_size = sizeof r.got;
    dt_eq(dura_link_open(r.from, r.frame, r.len, &r.got, r.values, r.missing, &r.r), DURA_ESTATE, "a sender");
    dt_eq(dura_link_init(&r.from, r.memory[0], sizeof r.memory[0], &r.cfg), DURA_OK, "");
    dt_eq(dura_link_open(r.from, r.frame, r.len, &r.got, r.values, r.missing, &r.r), DURA_ESTATE, "no key");
    r.got.baseline = plain;
    dt_eq(dura_link_open(r.to, r.frame, r.len, &r.got, r.values, r.missing, &r.r), DURA_OK, "");
    dt_ok(r.got.baseline == plain && r.got.values == r.values && r.got.missing == r.missing, "");
    dt_mem(r.values, plain, sizeof plain, "");
}

DT_TEST(link_query, counts_what_came_and_what_did_not)
{
    static rig r;
    dura_link_status s = DURA_LINK_STATUS_INIT;
    start(&r, DURA_LINK_SIPHASH);
    dt_eq(pass(&r, 1, 0), DURA_OK, "");
    dt_eq(pass(&r, 1, 4), DURA_OK, "");
    dt_eq(take(&r, r.frame, r.len), DURA_EAUTH, "");
    r.frame[30] ^= 1;
    dt_eq(take(&r, r.frame, r.len), DURA_EAUTH, "");
    dt_eq(take(&r, r.frame, 3), DURA_EAUTH, "");
    dt_eq(dura_link_query(r.to, &s), DURA_OK, "");
    dt_ok(s.frame == ((uint64_t)1 << 32 | 4) && s.accepted == 2 && s.lost == 3, "");
    dt_ok(s.auth == 1 && s.replay == 1 && s.other == 1 && s.saved == 0, "");
    dt_eq(s.key_id, 9, "");
    dt_eq(s.other_key_id, DURA_NONE, "");
    dt_eq(dura_link_query(NULL, &s), DURA_EINVAL, "");
    dt_eq(dura_link_query(r.to, NULL), DURA_EINVAL, "");
    s.struct_size = 63;
    dt_eq(dura_link_query(r.to, &s), DURA_EINVAL, "");
}

/* ---- events -------------------------------------------------------------------------- */

static void text_is(const uint8_t *map, size_t n, uint64_t key, const char *want, const char *row)
{
    const char *p = NULL;
    size_t len = 0;
    dt_eq(durai_cbor_find_text(map, n, key, &p, &len), DURA_OK, "%s, key %u", row, (unsigned)key);
    dt_ok(len == strlen(want) && memcmp(p, want, len) == 0, "%s, key %u is %.*s, want %s", row, (unsigned)key, (int)len, p,
          want);
}

static dura_fact fact_of(uint32_t reasons)
{
    dura_fact f = {DURA_FACT_LINK, 6, DURA_LOG_SECURITY, DURA_NONE, DURA_NONE, DURA_NONE, 5, DURA_NONE, DURA_NONE,
                   DURA_NONE, 0, reasons, ((uint64_t)1 << 32) + 2, {3, 2 << 8 | 9, 0, 0}};
    return f;
}

DT_TEST(link_event, says_what_was_claimed_and_what_is_proven)
{
    static const struct { uint32_t reasons; const char *category, *type, *id, *result; } rows[] = {
        {DURA_L_AUTH, "exploit", "spoofing", "claimed 5/4294967298", "failed: refused"},
        {DURA_L_AUTH | DURA_L_KEY, "exploit", "spoofing", "claimed 5/4294967298", "failed: refused"},
        {DURA_L_AUTH | DURA_L_PROFILE, "exploit", "spoofing", "claimed 5/4294967298", "failed: refused"},
        {DURA_L_REPLAY, "exploit", "replay", "frame 5/4294967298", "failed: refused"},
        {DURA_L_REPLAY | DURA_L_EPOCH, "exploit", "replay", "frame 5/4294967298", "failed: refused"},
        {DURA_L_LENGTH, "network", "protocol_violation", "claimed 5/4294967298", "failed: refused"},
        {DURA_L_VERSION, "network", "protocol_violation", "claimed 5/4294967298", "failed: refused"},
        {DURA_L_SOURCE, "network", "protocol_violation", "claimed 5/4294967298", "failed: refused"},
        {DURA_L_WRONG_SEQUENCE, "network", "wrong_sequence", "frame 5/4294967298", "failed: refused"},
        {DURA_L_CONTENT, "network", "bad_content", "frame 5/4294967298", "failed: refused"},
        {DURA_L_UNCHECKED, "network", "not_checked", "claimed 5/4294967298", "failed: refused"},
        {DURA_L_EPOCH | DURA_L_LOST, "network", "sender_restarted", "frame 5/4294967298", "accepted"},
        {DURA_L_ROTATED | DURA_L_EPOCH, "network", "key_rotated", "frame 5/4294967298", "accepted"},
        {DURA_L_RESYNC | DURA_L_LOST, "network", "resynchronised", "frame 5/4294967298", "accepted"}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        dura_fact f = fact_of(rows[i].reasons);
        uint8_t map[1 + DURA_LINK_EVENT_MAX];
        uint16_t pairs = 0;
        uint64_t v = 0;
        int n = dura_link_event(&f, map + 1, DURA_LINK_EVENT_MAX, &pairs);
        dt_ok(n > 0, "%s", rows[i].type);
        map[0] = (uint8_t)(0xA0 + pairs);
        dt_eq(durai_cbor_check(map, (size_t)n + 1), DURA_OK, "%s", rows[i].type);
        text_is(map, (size_t)n + 1, 16, rows[i].category, rows[i].type);
        text_is(map, (size_t)n + 1, 17, rows[i].type, rows[i].type);
        text_is(map, (size_t)n + 1, 18, rows[i].id, rows[i].type);
        text_is(map, (size_t)n + 1, 19, rows[i].result, rows[i].type);
        dt_eq(durai_cbor_find_uint(map, (size_t)n + 1, 20, &v), DURA_OK, "");
        dt_eq(v, 6, "");
        dt_eq(durai_cbor_find_uint(map, (size_t)n + 1, 22, &v), DURA_ENOENT, "no asset");
        dt_eq(durai_cbor_find_uint(map, (size_t)n + 1, 26, &v), DURA_ENOENT, "nobody vouches for it");
    }
}

DT_TEST(link_event, fits_its_room_whatever_the_fact_holds)
{
    dura_fact f = fact_of(UINT32_MAX);
    uint8_t out[DURA_LINK_EVENT_MAX];
    uint16_t pairs = 0;
    int n;
    f.asset = 65534, f.zone = 65534, f.source = 65535, f.frame = UINT64_MAX;
    f.value[0] = -1, f.value[1] = -1;
    n = dura_link_event(&f, out, sizeof out, &pairs);
    dt_ok(n > 0, "");
    dt_eq(pairs, 8, "");
    for (size_t room = 0; room < (size_t)n; room++)
        dt_eq(dura_link_event(&f, out, room, &pairs), DURA_ENOSPC, "%u", (unsigned)room);
    dt_eq(dura_link_event(NULL, out, sizeof out, &pairs), DURA_EINVAL, "");
    dt_eq(dura_link_event(&f, NULL, sizeof out, &pairs), DURA_EINVAL, "");
    dt_eq(dura_link_event(&f, out, sizeof out, NULL), DURA_EINVAL, "");
    f.severity = 11;
    dt_eq(dura_link_event(&f, out, sizeof out, &pairs), DURA_EINVAL, "");
    f = fact_of(DURA_L_AUTH);
    f.kind = DURA_FACT_DRIFT;
    dt_eq(dura_link_event(&f, out, sizeof out, &pairs), DURA_EINVAL, "");
}
