/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as saved counts. The input comes twice into load(): as it is, and with magic,
 * digest and CRC made right, so that the checks behind them are met too. Whatever comes:
 *   what is refused leaves the object as it was;
 *   what is taken is written back by save() byte for byte;
 *   an object that took it, with slices or without, answers in order, 0 <= low <= estimate <= high <= 1, also after
 *   more decisions and labels, and what it saves then can be loaded again.
 */
#include "../src/base/dura_base_priv.h"

#include <dura/accuracy.h>

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { SLICES = 2, IMAGE = 232, MOST = IMAGE + SLICES * 240, STEPS = 32 };

static uint64_t memory[128];

static void must(int holds)
{
    if (!holds)
        abort();
}

/* Opinions in five cells, or confidences in three. */
static dura_accuracy *build(int opinions, uint32_t window, uint32_t slices)
{
    static const float limit[SLICES] = {0.9f, 0.5f};
    dura_accuracy_reference r = DURA_ACCURACY_REFERENCE_INIT;
    dura_accuracy_config c = DURA_ACCURACY_CONFIG_INIT;
    dura_accuracy *a;
    uint32_t i;
    r.n = 100;
    r.groups = 1;
    r.opinions = opinions ? 4 : 0;
    r.n_edges = opinions ? 0 : 2;
    r.edge[0] = opinions ? 0.0f : 0.5f;
    r.edge[1] = opinions ? 0.0f : 0.75f;
    for (i = 0; i < (opinions ? 5u : 3u); i++)
        r.value[i] = 0.24f * (float)i;
    r.accuracy = r.base = r.all = r.any = 0.9f;
    r.margin = r.drop = 0.1f;
    r.level = 0.9f;
    c.window = window;
    c.labels = window ? 20 : 0;
    c.slices = slices;
    c.every = 100;
    c.limit = slices ? limit : NULL;
    must(dura_accuracy_part()->init(&a, memory, sizeof memory, &c, &r) == DURA_OK);
    return a;
}

static void holds(const dura_accuracy *a)
{
    dura_accuracy_state s = DURA_ACCURACY_STATE_INIT;
    int rc = dura_accuracy_part()->query(a, &s);
    if (rc == DURA_ENOENT)
        return;
    must(rc == DURA_OK && s.low >= 0.0f && s.low <= s.estimate && s.estimate <= s.high && s.high <= 1.0f);
    must(s.outside >= 0.0f && s.outside <= 1.0f && s.why < 256);
}

static void slices_hold(const dura_accuracy *a, uint32_t slices)
{
    dura_accuracy_slice o = DURA_ACCURACY_SLICE_INIT;
    dura_accuracy_state s = DURA_ACCURACY_STATE_INIT;
    uint32_t i;
    for (i = 0; i <= slices; i++) {
        int rc = dura_accuracy_part()->slice(a, i < slices ? i : DURA_ACCURACY_WORST, &o, &s);
        if (rc == DURA_ENOENT)
            continue;
        must(slices ? rc == DURA_OK && o.slice < slices && o.statistic >= 0.0f && o.statistic <= 1e30f : rc == DURA_EINVAL);
        must(!slices || (s.low >= 0.0f && s.low <= s.estimate && s.estimate <= s.high && s.high <= 1.0f));
    }
}

static void go_on(dura_accuracy *a, uint32_t slices, const uint8_t *data, size_t size)
{
    const dura_accuracy_calls *c = dura_accuracy_part();
    uint8_t image[MOST];
    size_t len = sizeof image, t;
    for (t = 0; t < STEPS && size; t++) {
        uint8_t b = data[t % size];
        int rc = c->update(a, (float)b / 255.0f, b & 7u, (b >> 7) & 1u);
        must(rc == DURA_OK || rc == DURA_EINVAL);
        rc = c->label(a, (float)b / 200.0f, b & 3u, (b >> 6) & 1u);
        must(rc == DURA_OK || rc == DURA_EINVAL);
        if (slices && c->update_slice(a, b & 1u, (float)b / 255.0f, b & 3u, 0) == DURA_OK)
            must(c->label_slice(a, b & 1u, (float)b / 255.0f, b & 3u, (b >> 5) & 1u) >= 0);
    }
    holds(a);
    slices_hold(a, slices);
    must(c->save(a, image, &len) == DURA_OK && len == IMAGE + slices * 240u && c->load(a, image, len) == DURA_OK);
}

static void offer(dura_accuracy *a, uint32_t slices, const uint8_t *p, size_t n)
{
    const dura_accuracy_calls *c = dura_accuracy_part();
    uint64_t was[128];
    uint8_t back[MOST];
    size_t len = sizeof back;
    memcpy(was, memory, sizeof was);
    if (c->load(a, p, n) != DURA_OK) {
        must(memcmp(was, memory, sizeof was) == 0);
        return;
    }
    must(c->save(a, back, &len) == DURA_OK && len == n && memcmp(back, p, n) == 0);
    holds(a);
    slices_hold(a, slices);
    go_on(a, slices, p, n);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    int which;
    for (which = 0; which < 6; which++) {
        uint32_t slices = which > 3 ? SLICES : 0;
        dura_accuracy *a = build(which & 1, which & 2 ? 50 : 0, slices);
        uint8_t made[MOST];
        size_t len = sizeof made, n = size > 12 ? size - 12 : 0;
        offer(a, slices, data, size);
        must(dura_accuracy_part()->reset(a) == DURA_OK && dura_accuracy_part()->save(a, made, &len) == DURA_OK);
        memcpy(made + 12, data + (size > 12 ? 12 : size), n < len - 16 ? n : len - 16);
        durai_put32(made + len - 4, durai_crc32c(0, made, len - 4));
        offer(a, slices, made, len);
    }
    return 0;
}
