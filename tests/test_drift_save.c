/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Saved state: going on from it after any sample is bit for bit as if nothing had
 * happened; what is damaged, of another monitor or forged is refused and changes nothing;
 * the bytes are those every target writes.
 */
#include "dt.h"

#include "base/dura_base_priv.h"

#include <dura/drift.h>

enum { N = 5, SAMPLES = 4000, IMAGE = 16 + 4 * 128 + 4 };

static uint64_t memory[2][256];
static uint8_t image[2][IMAGE];
static uint32_t seed;

static uint32_t draw(void)
{
    seed = seed * 1664525u + 1013904223u;
    return seed >> 8;
}

/* Four of five channels: plain, autoregressive, held, constant. */
static dura_drift *build(int which, uint16_t flags, float arl0, float mean)
{
    dura_drift_config c = DURA_DRIFT_CONFIG_INIT;
    dura_drift *d;
    uint16_t i;
    c.n_channels = N;
    c.flags = flags;
    c.arl0 = arl0;
    memset(memory[which], 0xC3, sizeof memory[which]);
    dt_eq(dura_drift_init(&d, memory[which], sizeof memory[which], &c), DURA_OK);
    for (i = 0; i < N; i++) {
        dura_drift_reference r = DURA_DRIFT_REFERENCE_INIT;
        if (i == 3)
            continue;
        r.mean = mean;
        r.deviation = i == 4 ? 0.0f : 1.0f;
        r.n = 100u * i;
        r.phi[0] = i == 1 ? 0.75f : 0.0f;
        r.phi[1] = i == 1 ? -0.25f : 0.0f;
        r.why = i == 2 ? DURA_DRIFT_HELD : i == 4 ? DURA_DRIFT_CONSTANT : 0;
        r.clip = i == 1 ? 4.0f : 0.0f;
        dt_eq(dura_drift_attach(d, i, &r), DURA_OK);
    }
    return d;
}

/* Sample t of the story: noise, a shift that comes and goes, gaps. */
static int feed(dura_drift *d, int t, dura_fact *facts)
{
    float x[N];
    uint8_t missing[N];
    int i;
    seed = (uint32_t)t * 2654435761u;
    for (i = 0; i < N; i++) {
        x[i] = (float)((int)(draw() % 4096u) + (int)(draw() % 4096u) - 4096) * (1.0f / 1672.0f);
        x[i] += t / 500 % 3 == 2 ? 1.5f : 0.0f;
        missing[i] = draw() % 11u == 0;
    }
    x[2] = (float)(t / 7 % 5) - 2.0f;
    x[4] = t > 3000 ? 1e-6f : 0.0f;
    return dura_drift_update(d, x, missing, N, facts, (size_t)(1 + t % 3));
}

static uint32_t future(dura_drift *d, int from, int to)
{
    uint32_t crc = 0;
    dura_fact f[3];
    for (; from < to; from++) {
        int n = feed(d, from, f), k;
        for (k = 0; k < n; k++) {
            uint8_t b[8];
            durai_put32(b, (uint32_t)f[k].value[0] + 16u * f[k].channel + 4096u * (uint32_t)from);
            durai_put32(b + 4, (uint32_t)f[k].value[2]);
            crc = durai_crc32c(crc, b, sizeof b);
        }
    }
    return crc;
}

static void save(const dura_drift *d, uint8_t *out)
{
    size_t len = IMAGE;
    dt_eq(dura_drift_save(d, out, &len), DURA_OK);
    dt_eq(len, IMAGE);
}

DT_TEST(drift_load, goes_on_bit_for_bit_after_any_sample)
{
    uint16_t flags;
    int cut, t;
    for (flags = 0; flags <= DURA_DRIFT_RESTART; flags++)
        for (cut = 0; cut < SAMPLES; cut += 37 + cut % 13) {
            dura_drift *d = build(0, flags, 1000.0f, 0.0f), *e = build(1, flags, 1000.0f, 0.0f);
            dura_fact f[3];
            for (t = cut > 300 ? cut - 300 : 0; t < cut; t++)
                (void)feed(d, t, f);
            save(d, image[0]);
            (void)future(e, 0, 20);
            dt_eq(dura_drift_load(e, image[0], IMAGE), DURA_OK, "cut %d", cut);
            dt_eq(future(d, cut, cut + 300), future(e, cut, cut + 300), "cut %d", cut);
            save(d, image[0]);
            save(e, image[1]);
            dt_mem(image[0], image[1], IMAGE, "cut %d", cut);
        }
}

/* A hundred thousand cuts: after each, one more sample leaves the same bytes. So does every
 * later one, as each was a cut too. Restart and latch in turns; the story jumps about. */
DT_TEST(drift_load, goes_on_from_a_hundred_thousand_random_cuts)
{
    enum { CUTS = 100000 };
    uint32_t where = 1;
    int cut, t = 0;
    dura_drift *d = NULL, *e = NULL;
    for (cut = 0; cut < CUTS; cut++) {
        dura_fact f[2][3];
        int n;
        if (cut % 1000 == 0) {
            uint16_t flags = cut / 1000 % 2 ? DURA_DRIFT_RESTART : 0;
            d = build(0, flags, 1000.0f, 0.0f);
            e = build(1, flags, 1000.0f, 0.0f);
        }
        where = where * 1664525u + 1013904223u;
        t = where >> 24 == 0 ? (int)(where % SAMPLES) : t + 1;
        save(d, image[0]);
        dt_eq(dura_drift_load(e, image[0], IMAGE), DURA_OK, "cut %d", cut);
        n = feed(d, t, f[0]);
        dt_eq(n, feed(e, t, f[1]), "cut %d", cut);
        dt_mem(f[0], f[1], (size_t)n * sizeof f[0][0], "cut %d", cut);
        save(d, image[0]);
        save(e, image[1]);
        dt_mem(image[0], image[1], IMAGE, "cut %d", cut);
    }
}

DT_TEST(drift_save, writes_the_same_bytes_on_every_target)
{
    dura_drift *d = build(0, DURA_DRIFT_RESTART, 1000.0f, 0.0f);
    uint32_t facts = future(d, 0, SAMPLES);
    save(d, image[0]);
    dt_eq(facts, 0xCC3EDD44u, "the digest of the facts");
    dt_eq(durai_crc32c(0, image[0], IMAGE - 4), 0x7F24BEE6u, "the digest of the state");
}

DT_TEST(drift_learn, learns_the_same_bits_on_every_target)
{
    static float x[3000];
    dura_drift_reference r = DURA_DRIFT_REFERENCE_INIT;
    uint8_t b[28];
    int i;
    seed = 5;
    for (i = 0; i < 3000; i++)
        x[i] = (i ? 0.7f * x[i - 1] : 0.0f) + (float)((int)(draw() % 4096u) - 2048) * 0.001f + 1.0f;
    dt_eq(dura_drift_learn(&r, x, NULL, 3000, 4), DURA_OK);
    durai_put32(b, durai_f32_bits(r.mean));
    durai_put32(b + 4, durai_f32_bits(r.deviation));
    for (i = 0; i < 4; i++)
        durai_put32(b + 8 + 4 * i, durai_f32_bits(r.phi[i]));
    durai_put32(b + 24, r.why ^ durai_f32_bits(r.resolution));
    dt_eq(durai_crc32c(0, b, sizeof b), 0x83261C25u, "the digest of the reference");
}

/* At ten limits, where capping rounds. */
DT_TEST(drift_load, takes_what_was_saved_while_latched)
{
    int rate, t, i;
    for (rate = 1599; rate < 1639; rate++) {
        dura_drift *d = build(0, 0, (float)rate, 0.0f), *e = build(1, 0, (float)rate, 0.0f);
        for (t = 0; t < 40; t++) {
            float x[N];
            for (i = 0; i < N; i++)
                x[i] = 5.0f + (float)(t % 31) * 0.03f;
            (void)!dura_drift_update(d, x, NULL, N, NULL, 0);
            save(d, image[0]);
            dt_eq(dura_drift_load(e, image[0], IMAGE), DURA_OK, "rate %d, t %d", rate, t);
        }
    }
}

DT_TEST(drift_save, writes_the_head_that_is_documented)
{
    dura_drift *d = build(0, 0, 1000.0f, 0.0f);
    save(d, image[0]);
    dt_mem(image[0], "DFT1\3\0\5\0\4\0\0\0", 12);
    dt_eq(image[0][16 + 116], 0, "a channel without autoregression waits for nothing");
    dt_eq(image[0][16 + 128 + 116], 2, "one of order 2 for two samples");
}

DT_TEST(drift_save, says_how_much_room_it_wants)
{
    dura_drift *d = build(0, 0, 1000.0f, 0.0f);
    size_t len = 0;
    dt_eq(dura_drift_save(d, NULL, &len), DURA_ENOSPC);
    dt_eq(len, IMAGE);
    dt_eq(dura_drift_save(d, NULL, &len), DURA_EINVAL);
    dt_eq(dura_drift_save(d, image[0], NULL), DURA_EINVAL);
    dt_eq(dura_drift_save(NULL, image[0], &len), DURA_EINVAL);
    len = IMAGE - 1;
    memset(image[0], 7, IMAGE);
    dt_eq(dura_drift_save(d, image[0], &len), DURA_ENOSPC);
    dt_eq(image[0][0], 7, "nothing was written");
}

static void seal(uint8_t *p)
{
    durai_put32(p + IMAGE - 4, durai_crc32c(0, p, IMAGE - 4));
}

/* image[0] into the second monitor: `want`, and it is as it was. */
static void refused(dura_drift *e, size_t len, int want, const char *row, int at)
{
    uint64_t was[256];
    memcpy(was, memory[1], sizeof was);
    dt_eq(dura_drift_load(e, image[0], len), want, "%s at %d", row, at);
    dt_mem(was, memory[1], sizeof was, "%s at %d", row, at);
}

DT_TEST(drift_load, refuses_damage_anywhere)
{
    dura_drift *d = build(0, 0, 1000.0f, 0.0f), *e = build(1, 0, 1000.0f, 0.0f);
    int i;
    (void)future(d, 0, 700);
    save(d, image[0]);
    for (i = 0; i < IMAGE; i++) {
        image[0][i] ^= (uint8_t)(1u << (i % 8));
        refused(e, IMAGE, DURA_ECORRUPT, "flip", i);
        image[0][i] ^= (uint8_t)(1u << (i % 8));
        refused(e, (size_t)i, DURA_ECORRUPT, "cut", i);
    }
    dt_eq(dura_drift_load(e, NULL, IMAGE), DURA_EINVAL);
    dt_eq(dura_drift_load(NULL, image[0], IMAGE), DURA_EINVAL);
    dt_eq(dura_drift_load(e, image[0], IMAGE), DURA_OK);
}

DT_TEST(drift_load, refuses_another_configuration_or_reference)
{
    static const struct { const char *row; uint16_t flags; float arl0, mean; } rows[] = {
        {"flags", DURA_DRIFT_RESTART, 1000.0f, 0.0f}, {"rate", 0, 1001.0f, 0.0f}, {"mean", 0, 1000.0f, 1e-30f}};
    size_t i;
    for (i = 0; i < sizeof rows / sizeof *rows; i++) {
        dura_drift *d = build(0, rows[i].flags, rows[i].arl0, rows[i].mean), *e = build(1, 0, 1000.0f, 0.0f);
        save(d, image[0]);
        refused(e, IMAGE, DURA_EAUTH, rows[i].row, 0);
    }
}

DT_TEST(drift_load, refuses_what_update_could_not_have_left)
{
    static const struct { const char *row; int at; uint32_t bits; int size, want; } rows[] = {
        {"version", 4, 2, 2, DURA_EVERSION},        {"channels", 6, 6, 2, DURA_EAUTH},
        {"watched", 8, 5, 2, DURA_ECORRUPT},        {"reserved", 10, 1, 2, DURA_ECORRUPT},
        {"digest", 12, 0, 4, DURA_EAUTH},           {"NaN", 16, 0x7FC00000u, 4, DURA_ECORRUPT},
        {"infinity", 20, 0x7F800000u, 4, DURA_ECORRUPT}, {"negative", 60, 0xBF800000u, 4, DURA_ECORRUPT},
        {"above all", 16, 0x60000000u, 4, DURA_ECORRUPT}, {"age beyond all", 64, 0x70000000u, 4, DURA_ECORRUPT},
        {"negative age", 64, 0x80000001u, 4, DURA_ECORRUPT}, {"past too far", 112, 0x7F000000u, 4, DURA_ECORRUPT},
        {"past NaN", 108, 0xFFC00000u, 4, DURA_ECORRUPT}, {"z", 120, 0x40C00001u, 4, DURA_ECORRUPT},
        {"last NaN", 124, 0xFFC00000u, 4, DURA_ECORRUPT}, {"last without HELD", 124, 0x3F800000u, 4, DURA_ECORRUPT},
        {"past beyond the order", 104, 0x3F800000u, 4, DURA_ECORRUPT}, {"keep 0", 128, 0, 4, DURA_ECORRUPT},
        {"keep below 1 without reason", 128, 0x3F7FFFFFu, 4, DURA_ECORRUPT}, {"keep above 1", 128, 0x3F800001u, 4, DURA_ECORRUPT},
        {"fill", 132, 1, 1, DURA_ECORRUPT},         {"flags", 133, 4, 1, DURA_ECORRUPT}};
    size_t i;
    for (i = 0; i < sizeof rows / sizeof *rows; i++) {
        dura_drift *d = build(0, 0, 1000.0f, 0.0f), *e = build(1, 0, 1000.0f, 0.0f);
        save(d, image[0]);
        memcpy(image[1], image[0], IMAGE);
        if (rows[i].size == 4)
            durai_put32(image[0] + rows[i].at, rows[i].bits);
        else
            image[0][rows[i].at] = (uint8_t)rows[i].bits;
        seal(image[0]);
        refused(e, IMAGE, rows[i].want, rows[i].row, rows[i].at);
    }
}
