/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as what the guard kept of its drift monitor. The input comes twice: as it is, and
 * with digest and CRC of the drift state in it made right. Whatever comes:
 *   what is refused leaves the watch as it was;
 *   what is taken is kept again, and taken again as the same bytes;
 *   a watch that took it goes on: whatever it finds later fits the records there are for it.
 */
#include "../src/guard/dura_guard_watch.h"

#include <dura/host/pack.h>

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { CHANNELS = 2, MEMORY = 16384, STEPS = 40 };

static const char policy[] =
    "{\"device\": {\"name\": \"f\"}, \"channels\": [{\"name\": \"a\"}, {\"name\": \"b\"}],"
    " \"outputs\": [{\"name\": \"y\", \"lo\": 0, \"hi\": 1, \"safe\": 0}],"
    " \"drift\": {\"arl0\": 1000, \"selftest\": 64, \"confirm\": 3, \"references\": ["
    "{\"of\": \"a\", \"n\": 5000, \"mean\": 0, \"deviation\": 1},"
    " {\"of\": \"b\", \"n\": 5000, \"mean\": 0, \"deviation\": 1, \"phi1\": 0.5}]}}";

static uint64_t memory[MEMORY / 8];
static uint8_t kept[2][MEMORY], mended[MEMORY];
static void *image;

static void must(int holds)
{
    if (!holds)
        abort();
}

static durai_watch_parts parts;

static void build(durai_watch *w)
{
    size_t len;
    dura_error err;
    if (!image)
        must(dura_pack_policy(policy, sizeof policy - 1, "policy", &image, &len, &err) == DURA_OK);
    parts.drift = dura_drift_part();
    must(durai_watch_bytes(image, &parts) <= sizeof memory);
    must(durai_watch_init(w, memory, image, &parts) == DURA_OK);
}

static void request(const durai_watch *w)
{
    static const uint8_t digest[32] = {1};
    uint8_t out[DURAI_RETRAIN_MAX];
    uint16_t pairs;
    dura_fact f;
    must(durai_retrain_encode(w, digest, sizeof digest, out, sizeof out, &pairs) > 0);
    durai_retrain_fact(w, &f);
    must(f.kind == DURA_FACT_RETRAIN);
}

static void go_on(durai_watch *w, const uint8_t *data, size_t size)
{
    durai_seen s;
    float x[CHANNELS], y = 0.5f;
    memset(&s, 0, sizeof s);
    s.n_values = CHANNELS;
    s.values = (const uint8_t *)x;
    s.n_raw = 1;
    s.raw = (const uint8_t *)&y;
    for (int t = 0; t < STEPS; t++) {
        dura_ref at;
        memset(&at, 0, sizeof at);
        at.gseq = (uint64_t)t;
        for (size_t i = 0; i < CHANNELS; i++)
            x[i] = size ? (float)data[((size_t)t * CHANNELS + i) % size] / 32.0f - 4.0f : 0.0f;
        int bits = durai_watch_decision(w, &s);
        for (uint16_t i = 0; i < w->n_facts; i++) {
            dura_fact f = w->fact[i];
            must(f.kind == DURA_FACT_DRIFT || f.kind == DURA_FACT_ALIVE || f.kind == DURA_FACT_MONITOR);
            must(f.kind != DURA_FACT_MONITOR); /* it was taken, so it is sound, and passes its test */
            (void)durai_watch_fact(w, &f, &at);
        }
        if (bits & DURAI_WATCH_RETRAIN)
            request(w);
    }
}

static void take(const uint8_t *data, size_t size)
{
    durai_watch w;
    build(&w);
    int before = durai_watch_keep(&w, kept[0], sizeof kept[0]);
    must(before > 0 && (size_t)before <= durai_kept_bytes(image));
    int rc = durai_watch_resume(&w, data, size);
    int after = durai_watch_keep(&w, kept[1], sizeof kept[1]);
    must(after > 0);
    if (rc != DURA_OK) {
        must(after == before && memcmp(kept[0], kept[1], (size_t)after) == 0);
        return;
    }
    must(durai_watch_resume(&w, kept[1], (size_t)after) == DURA_OK);
    must(durai_watch_keep(&w, kept[0], sizeof kept[0]) == after && memcmp(kept[0], kept[1], (size_t)after) == 0);
    go_on(&w, data, size);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size > sizeof mended)
        return 0;
    take(data, size);
    if (size < 24)
        return 0;
    size_t at = 24u + 36u * (size_t)durai_le16(data + 2);
    if (size < at + 20)
        return 0;
    durai_watch w;
    build(&w);
    must(durai_watch_keep(&w, kept[0], sizeof kept[0]) > 24);
    memcpy(mended, data, size);
    memcpy(mended + at, kept[0] + 24, 16); /* head of the drift state, its digest in it */
    durai_put32(mended + size - 4, durai_crc32c(0, mended + at, size - 4 - at));
    take(mended, size);
    return 0;
}
