/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Arbitrary bytes in both log regions: init() refuses, or goes on with a log that holds.
 *
 * Input: 4 bytes of options (prog size, erased value, provider's epoch, repair), then a
 * list of patches {region and offset: 2 bytes, length: 1, bytes} over a log made here, or
 * over blank regions. With `repair` the CRCs of headers and frames are made right again,
 * so that mutations reach what lies behind them.
 *
 * Properties of a log that opened: it takes records, seals and closes; opened again it is
 * closed (or damage is found further on), everything is durable, and both trees have as many leaves as records; no hook
 * is used against its contract.
 */
#include "sim/dt_sim.h"

#include "log/dura_log_priv.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { REGION = 16384, SEGMENT = 4096, JOURNAL = 8192 };

typedef struct box {
    dt_power power;
    dt_flash flash[2];
    dura_region region[2];
    dt_keystore keys;
    dt_crypto crypto;
    dura_port port;
    dura_log_config cfg;
    dura_time now;
    dura_log *log;
} box;

static uint8_t memory[2][DT_FLASH_BYTES(REGION, JOURNAL)];
static uint64_t object[32768 / 8];

static void require(int ok)
{
    if (!ok)
        abort();
}

static void build(box *b, uint32_t prog, uint8_t erased)
{
    memset(b, 0, sizeof *b);
    b->port.struct_size = (uint32_t)sizeof b->port;
    for (int i = 0; i < 2; i++) {
        require(dt_flash_init(&b->flash[i], memory[i], sizeof memory[i], REGION, 1024, prog, erased, &b->power) == 0);
        b->region[i] = dt_flash_region(&b->flash[i]);
        b->port.region[i] = &b->region[i];
    }
    dt_keystore_init(&b->keys, 1);
    dt_crypto_init(&b->crypto, &b->keys, NULL);
    b->port.crypto = &b->crypto.crypto;
    b->cfg = (dura_log_config)DURA_LOG_CONFIG_INIT;
    b->cfg.segment_bytes = SEGMENT;
    b->cfg.max_record = 256;
    b->cfg.tree_height = 10;
    b->cfg.ring_bytes = 1024;
    b->cfg.seal_records = 16;
    b->now.boot = 1;
}

static int open_log(box *b)
{
    require(dura_log_bytes(&b->cfg, &b->port) <= sizeof object);
    return dura_log_init(&b->log, object, sizeof object, &b->cfg, &b->port, &b->now);
}

static int add(box *b, uint8_t log, uint8_t mark)
{
    static const uint8_t text[60] = {0x10, 0x58, 57};
    dura_log_entry e;
    memset(&e, 0, sizeof e);
    e.struct_size = (uint32_t)sizeof e;
    e.log = log;
    e.kind = 20;
    e.source = mark;
    e.n_pairs = 1;
    e.time = b->now;
    require(dura_log_append(b->log, 0, &e, text, sizeof text) == 0);
    return dura_log_step(b->log, &b->now, UINT32_MAX);
}

/* A real log with seals and several segments, left as a kill leaves it. Made once for
 * each geometry: most of an input's time would go there. */
static void history(box *b, uint32_t which)
{
    static uint8_t image[4][2][REGION];
    static dt_keystore keys[4];
    static uint8_t made[4];

    if (!made[which]) {
        require(open_log(b) == DURA_OK);
        for (uint8_t i = 0; i < 70; i++)
            require(add(b, (uint8_t)(1 + i % 3 / 2), i) >= 0);
        for (int i = 0; i < 2; i++)
            memcpy(image[which][i], b->flash[i].live, REGION);
        keys[which] = b->keys;
        made[which] = 1;
    }
    for (int i = 0; i < 2; i++) {
        memcpy(b->flash[i].live, image[which][i], REGION);
        memcpy(b->flash[i].durable, image[which][i], REGION);
    }
    b->keys = keys[which];
}

static void patch(box *b, const uint8_t *p, size_t n)
{
    while (n >= 3) {
        uint32_t at = ((uint32_t)p[0] << 8 | p[1]) % (2u * REGION), len = p[2];
        p += 3;
        n -= 3;
        for (; len > 0 && n > 0; len--, n--, at = (at + 1) % (2u * REGION)) {
            b->flash[at / REGION].live[at % REGION] = *p;
            b->flash[at / REGION].durable[at % REGION] = *p++;
        }
    }
}

/* Make checksums right where magic words are. */
static void repair(dt_flash *f)
{
    for (uint32_t at = 0; at + 512 <= f->size; at += 8) {
        uint8_t *p = f->live + at, *h = f->live + at / SEGMENT * SEGMENT;
        if (durai_le32(p) == DURAI_SEG_MAGIC && p[7] <= 10)
            durai_put32(p + DURAI_SEG_FIXED + 32u * p[7], durai_crc32c(0, p, DURAI_SEG_FIXED + 32u * p[7]));
        if (durai_le32(p) == DURAI_FRAME_MAGIC && durai_le16(p + 4) <= 480)
            durai_put32(p + 12, durai_crc32c(durai_crc32c(durai_crc32c(0, h + 12, 4), p, 12), p + 16, durai_le16(p + 4)));
    }
    memcpy(f->durable, f->live, f->size);
}

/* What holds of a log that opened, whatever it was opened on. */
static void holds(box *b)
{
    const dura_log *log = b->log;
    require(log->durable == log->gseq);
    for (int i = 0; i < 2; i++) {
        const durai_log_side *s = &log->side[i];
        require(s->tree.size == s->seq && s->staged == 0 && s->seq <= log->gseq);
        require(s->end <= SEGMENT && s->index < REGION / SEGMENT);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static box b;
    dura_log_status st = DURA_LOG_STATUS_INIT;
    int rc;

    if (size < 4)
        return 0;
    build(&b, data[0] & 1u ? 8 : 64, data[1] & 1u ? 0x00 : 0xFF);
    if (data[0] & 2u)
        history(&b, (data[0] & 1u) * 2u + (data[1] & 1u));
    for (uint32_t e = b.keys.epoch; e < data[2] % 8u; e++)
        require(b.crypto.crypto.key_advance(b.crypto.crypto.user, 0, e + 1u) == 0);
    patch(&b, data + 4, size - 4);
    if (data[3] & 1u)
        for (int i = 0; i < 2; i++)
            repair(&b.flash[i]);
    rc = open_log(&b);
    if (rc < 0) {
        require(b.log == NULL);
        return 0;
    }
    holds(&b);
    for (uint8_t i = 0; i < 4 && rc >= 0; i++)
        rc = add(&b, (uint8_t)(1 + i % 2), i);
    if (rc >= 0)
        rc = dura_log_deinit(b.log, &b.now, NULL, 0, 0);
    if (rc < 0)
        return 0;                       /* full, or a byte in its way that is not erased */
    b.now.boot = 0;
    require(open_log(&b) == DURA_OK);
    holds(&b);
    require(dura_log_query(b.log, &st) == DURA_OK);
    /* noise farther away is only met when the log comes near it */
    require(st.found == DURA_LOG_DAMAGED || (st.found == DURA_LOG_CLOSED && st.sealed));
    return 0;
}
