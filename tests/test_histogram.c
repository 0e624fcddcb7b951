/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The contract of dura/histogram.h: the statistic (tests/vectors/histogram/make_steps.py works
 * it out in fractions), the promise, alarms told and held back, latch and way back, missing
 * samples, references, saved state.
 */
#include "drift_streams.h"
#include "dt.h"
#include "vectors/histogram/steps.h"

#include "base/dura_base_priv.h"

#include <dura/histogram.h>

enum { BLOCK = 108, IMAGE = 16 + 2 * BLOCK + 4 };

static uint64_t memory[2][256];
static const dura_histogram_calls *p;

static dura_histogram_config config(uint16_t n, uint16_t flags, float arl0)
{
    dura_histogram_config c = DURA_HISTOGRAM_CONFIG_INIT;
    c.n_channels = n;
    c.flags = flags;
    c.arl0 = arl0;
    return c;
}
static dura_histogram_reference story(void)
{
    dura_histogram_reference r = DURA_HISTOGRAM_REFERENCE_INIT;
    r.n = H_N;
    r.n_bins = 5;
    memcpy(r.edge, h_edges, sizeof h_edges);
    memcpy(r.p, h_p, sizeof h_p);
    return r;
}
static dura_histogram_reference even(uint32_t bins)
{
    dura_histogram_reference r = DURA_HISTOGRAM_REFERENCE_INIT;
    uint32_t i;
    r.n_bins = (uint16_t)bins;
    for (i = 0; i < bins; i++) {
        r.p[i] = 1.0f / (float)bins;
        if (i > 0)
            r.edge[i - 1] = (float)stream_quantile((double)i / bins);
    }
    return r;
}
static dura_histogram *open_part(int which, uint16_t n, uint16_t flags, float arl0, const dura_histogram_reference *r)
{
    dura_histogram_config c = config(n, flags, arl0);
    dura_histogram *h = NULL;
    uint16_t i;
    p = dura_histogram_part();
    memset(memory[which], 0xA5, sizeof memory[which]);
    dt_eq(p->init(&h, memory[which], p->bytes(&c), &c), DURA_OK);
    for (i = 0; i < n; i++)
        dt_eq(p->attach(h, i, r), DURA_OK);
    return h;
}
static dura_histogram_state state(const dura_histogram *h, uint16_t channel)
{
    dura_histogram_state s = DURA_HISTOGRAM_STATE_INIT;
    dt_eq(p->query(h, channel, &s), DURA_OK);
    return s;
}
/* One sample of a one-channel monitor: the fact's value[0], -1 when it is silent. */
static int one(dura_histogram *h, float x, dura_fact *f)
{
    int n = p->update(h, &x, NULL, 1, f, 1);
    dt_ok(n == 0 || n == 1, "%d", n);
    return n ? (int)f->value[0] : -1;
}

DT_TEST(histogram_update, makes_the_statistic_of_the_page)
{
    dura_histogram_reference r = story();
    dura_histogram *h = open_part(0, 1, 0, H_N, &r);
    int t;
    for (t = 0; t < H_STEPS; t++) {
        dura_histogram_state s;
        dura_fact f;
        (void)one(h, h_x[t], &f);
        s = state(h, 0);
        dt_eq(s.last, h_bin[t], "sample %d", t);
        if (h_statistic[t] > 1000.0 * H_N)
            break;                      /* kept below a thousand limits from here on */
        dt_ok(fabs((double)s.statistic - h_statistic[t]) < 3e-4 * h_statistic[t], "sample %d: %g, want %g", t,
              (double)s.statistic, h_statistic[t]);
        dt_ok(fabs((double)s.onset - h_onset[t]) < 1.01 + 1e-3 * h_onset[t], "sample %d: %u, want %g", t, s.onset, h_onset[t]);
        dt_eq(s.n, t + 1);
    }
    dt_ok(t > 1200, "the story broke off at %d", t);
}

DT_TEST(histogram_update, keeps_the_promise_on_known_bins)
{
    /* 300 alarms or so: the ratio's 95 % interval is 12 % either way, its bound at 3 sigma 20. */
    dura_histogram_reference r = even(16);
    dura_histogram *h = open_part(0, 1, DURA_HISTOGRAM_RESTART, 1000.0f, &r);
    drift_stream s = stream_open(171, 1);
    long alarms = 0, t;
    dura_fact f;
    for (t = 0; t < 300000; t++)
        alarms += one(h, (float)stream_quantile(stream_uniform(&s)), &f) == DURA_HISTOGRAM_SHAPE;
    dt_ok(alarms > 150 && alarms < 360, "%ld alarms, 300 were asked for", alarms);
}

DT_TEST(histogram_update, sees_two_humps_and_says_which_bins)
{
    dura_histogram_reference r = even(16);
    uint32_t seed;
    for (seed = 1; seed <= 20; seed++) {
        dura_histogram *h = open_part(0, 1, 0, 1e5f, &r);
        drift_stream s = stream_open(172, seed);
        int t, said = -1;
        dura_fact f;
        for (t = 0; t < 3000 && said < 0; t++) {
            double z = stream_quantile(stream_uniform(&s));
            said = one(h, (float)(t < 1000 ? z : (stream_uniform(&s) < 0.5 ? -0.9 : 0.9) + sqrt(0.19) * z), &f);
        }
        dt_eq(said, DURA_HISTOGRAM_SHAPE, "seed %u", seed);
        dt_ok(t > 1000 && t < 1400, "seed %u: at %d", seed, t);
        dt_ok(f.value[2] > 0 && f.value[2] < t && f.value[1] > 50 && f.value[1] <= 1000, "seed %u", seed);
        dt_ok((f.reasons >> 16) != 0 && ((f.reasons >> 16) & 0x8181u) == 0, "seed %u: bins %#x", seed, f.reasons >> 16);
        dt_ok(((f.reasons >> 16) & (1u << state(h, 0).bin)) != 0, "seed %u", seed);
        dt_eq(f.kind, DURA_FACT_DRIFT);
        dt_eq(f.reasons & 0xFFFFu, 0);
    }
}

DT_TEST(histogram_update, is_silent_until_the_channel_is_back)
{
    dura_histogram_reference r = even(4);
    dura_histogram *h = open_part(0, 1, 0, 1000.0f, &r);
    drift_stream s = stream_open(173, 3);
    int t, shape = 0, back = 0;
    dura_fact f;
    for (t = 0; t < 12000; t++) {
        int said = one(h, t >= 500 && t < 700 ? 0.1f : (float)stream_quantile(stream_uniform(&s)), &f);
        shape += said == DURA_HISTOGRAM_SHAPE;
        back += said == DURA_HISTOGRAM_BACK;
        if (t == 600) {
            dt_eq(shape, 1);
            dt_eq(back, 0);
            dt_eq(state(h, 0).alarm, 1);
            dt_eq(state(h, 0).bin, 2);
        }
        if (back)
            break;
    }
    dt_eq(shape, 1);
    dt_eq(back, 1, "it never came back");
    dt_eq(f.severity, 1);
    dt_eq(state(h, 0).alarm, 0);
}

DT_TEST(histogram_update, tells_later_what_found_no_room)
{
    dura_histogram_reference r = even(4);
    dura_histogram *h = open_part(0, 3, 0, 1000.0f, &r);
    float x[3] = {5.0f, 5.0f, 5.0f};
    uint8_t missing[3] = {1, 1, 1};
    dura_fact f[3];
    int t;
    for (t = 0; t < 200; t++)
        dt_eq(p->update(h, x, NULL, 3, NULL, 0), 0);
    dt_eq(p->update(h, x, missing, 3, f, 2), 2);
    dt_eq(f[0].channel, 0);
    dt_eq(f[1].channel, 1);
    dt_eq(p->update(h, x, missing, 3, f, 2), 1);
    dt_eq(f[0].channel, 2);
    dt_eq(p->update(h, x, missing, 3, f, 2), 0);
}

DT_TEST(histogram_update, takes_what_is_missing_or_not_finite_for_no_sample)
{
    dura_histogram_reference r = even(8);
    dura_histogram *h = open_part(0, 1, 0, 1000.0f, &r);
    dura_histogram_state was;
    uint8_t missing = 1;
    float x = 1.0f, nan = (float)NAN, infinity = (float)INFINITY;
    dt_eq(p->update(h, &x, NULL, 1, NULL, 0), 0);
    was = state(h, 0);
    dt_eq(p->update(h, &x, &missing, 1, NULL, 0), 0);
    dt_eq(p->update(h, &nan, NULL, 1, NULL, 0), 0);
    dt_eq(p->update(h, &infinity, NULL, 1, NULL, 0), 0);
    dt_eq(state(h, 0).n, 1);
    dt_ok(state(h, 0).statistic == was.statistic, "moved");
}

DT_TEST(histogram_update, puts_a_value_at_an_edge_above_it)
{
    dura_histogram_reference r = story();
    dura_histogram *h = open_part(0, 1, 0, 1000.0f, &r);
    static const struct { float x; int bin; } rows[] = {{-1e30f, 0}, {-1.5000001f, 0}, {-1.5f, 1}, {0.4999f, 2}, {0.5f, 3},
                                                        {2.0f, 4}, {3e38f, 4}, {-0.0f, 2}};
    size_t i;
    for (i = 0; i < sizeof rows / sizeof *rows; i++) {
        dt_eq(p->update(h, &rows[i].x, NULL, 1, NULL, 0), 0);
        dt_eq(state(h, 0).last, rows[i].bin, "row %zu", i);
    }
}

DT_TEST(histogram_attach, allows_for_what_few_samples_leave_open)
{
    dura_histogram_reference r = even(16);
    float few, many, exact, x = 0.0f;
    r.n = 500;
    dt_eq(dura_histogram_part()->update(open_part(0, 1, 0, 1e5f, &r), &x, NULL, 1, NULL, 0), 0);
    few = state((dura_histogram *)(void *)memory[0], 0).statistic;
    r.n = 50000;
    dt_eq(dura_histogram_part()->update(open_part(0, 1, 0, 1e5f, &r), &x, NULL, 1, NULL, 0), 0);
    many = state((dura_histogram *)(void *)memory[0], 0).statistic;
    r.n = 0;
    dt_eq(dura_histogram_part()->update(open_part(0, 1, 0, 1e5f, &r), &x, NULL, 1, NULL, 0), 0);
    exact = state((dura_histogram *)(void *)memory[0], 0).statistic;
    dt_ok(few < many && many < exact && fabsf(exact - 1.0f) < 1e-5f, "%g %g %g", (double)few, (double)many, (double)exact);
}

DT_TEST(histogram_attach, refuses_what_the_contract_says)
{
    dura_histogram_config c = config(2, 0, 1000.0f);
    dura_histogram_reference good = story(), r;
    dura_histogram *h;
    p = dura_histogram_part();
    dt_eq(p->init(&h, memory[0], sizeof memory[0], &c), DURA_OK);
#define BAD(what, change)                                                              \
    r = good;                                                                          \
    change;                                                                            \
    dt_eq(p->attach(h, 0, &r), DURA_EINVAL, what);
    BAD("one bin", r.n_bins = 1)
    BAD("17 bins", r.n_bins = 17)
    BAD("unknown reason", r.why = 2048)
    BAD("edges fall", r.edge[2] = -3.0f)
    BAD("edges equal", r.edge[2] = r.edge[1])
    BAD("edge is not finite", r.edge[0] = -(float)INFINITY)
    BAD("edge is no number", r.edge[3] = (float)NAN)
    BAD("an edge too many", r.edge[4] = 9.0f)
    BAD("a probability too many", r.p[5] = 0.1f)
    BAD("probability 0", r.p[0] = 0.0f; r.p[2] = 0.5f)
    BAD("probability is no number", r.p[0] = (float)NAN)
    BAD("sum is not 1", r.p[0] = 0.11f)
    BAD("struct_size", r.struct_size = 8)
    dt_eq(p->attach(h, 2, &good), DURA_EINVAL);
    dt_eq(p->attach(h, 0, NULL), DURA_EINVAL);
    dt_eq(p->attach(NULL, 0, &good), DURA_EINVAL);
    dt_eq(p->attach(h, 0, &good), DURA_OK);
    dt_eq(p->attach(h, 0, &good), DURA_ESTATE);
}

DT_TEST(histogram_init, refuses_what_the_contract_says)
{
    dura_histogram_config good = config(3, 0, 1000.0f), c;
    dura_histogram *h;
    size_t need;
    p = dura_histogram_part();
    need = p->bytes(&good);
    dt_ok(need > 3 * (112 + 136) && need <= 3 * (112 + 136) + 64, "%zu", need);
    dt_eq(p->init(NULL, memory[0], need, &good), DURA_EINVAL);
    dt_eq(p->init(&h, NULL, need, &good), DURA_EINVAL);
    dt_eq(p->init(&h, memory[0], need - 1, &good), DURA_ENOSPC);
    dt_eq(p->init(&h, (uint8_t *)memory[0] + 4, need, &good), DURA_EALIGN);
    dt_eq(p->init(&h, memory[0], need, NULL), DURA_EINVAL);
#define WRONG(field, value)                                                            \
    c = good;                                                                          \
    c.field = value;                                                                   \
    dt_eq(p->bytes(&c), 0, #field);                                                    \
    dt_eq(p->init(&h, memory[0], sizeof memory[0], &c), DURA_EINVAL, #field);
    WRONG(struct_size, 8)
    WRONG(n_channels, 0)
    WRONG(n_channels, DURA_HISTOGRAM_CHANNELS_MAX + 1)
    WRONG(flags, 2)
    WRONG(arl0, 99.0f)
    WRONG(arl0, 2e9f)
    WRONG(arl0, (float)NAN)
    WRONG(reserved, 1)
}

DT_TEST(histogram_part, refuses_arguments_that_are_not_there)
{
    dura_histogram_config c = config(2, 0, 1000.0f);
    dura_histogram_reference r = story();
    dura_histogram_state s = DURA_HISTOGRAM_STATE_INIT;
    dura_histogram *h;
    float x[2] = {0.0f, 0.0f};
    size_t len = 0;
    p = dura_histogram_part();
    dt_eq(p->struct_size, sizeof *p);
    dt_eq(p->init(&h, memory[0], sizeof memory[0], &c), DURA_OK);
    dt_eq(p->attach(h, 1, &r), DURA_OK);
    dt_eq(p->update(NULL, x, NULL, 2, NULL, 0), DURA_EINVAL);
    dt_eq(p->update(h, NULL, NULL, 2, NULL, 0), DURA_EINVAL);
    dt_eq(p->update(h, x, NULL, 1, NULL, 0), DURA_EINVAL);
    dt_eq(p->update(h, x, NULL, 2, NULL, 1), DURA_EINVAL);
    dt_eq(p->query(h, 0, &s), DURA_ENOENT);
    dt_eq(p->query(h, 2, &s), DURA_EINVAL);
    dt_eq(p->query(h, 1, NULL), DURA_EINVAL);
    dt_eq(p->query(NULL, 1, &s), DURA_EINVAL);
    dt_eq(p->reset(NULL), DURA_EINVAL);
    dt_eq(p->save(h, NULL, &len), DURA_ENOSPC);
    dt_eq(len, 16 + BLOCK + 4);
    dt_eq(p->save(h, NULL, &len), DURA_EINVAL);
    dt_eq(p->save(h, memory[1], NULL), DURA_EINVAL);
    dt_eq(p->load(h, NULL, 9), DURA_EINVAL);
}

/* ---- saved state -------------------------------------------------------------------- */

/* Sample t of a story with calm, a change, and gaps. */
static int feed(dura_histogram *h, int t, dura_fact *f)
{
    float x[2];
    uint8_t missing[2] = {t % 7 == 3, t % 11 == 5};
    x[0] = h_x[t % H_STEPS];
    x[1] = t / 300 % 3 == 1 ? 0.6f : h_x[(t * 7) % H_STEPS];
    return p->update(h, x, missing, 2, f, 2);
}

static uint32_t future(dura_histogram *h, int from, int to)
{
    uint32_t crc = 0;
    dura_fact f[2];
    for (; from < to; from++) {
        int n = feed(h, from, f), k;
        for (k = 0; k < n; k++) {
            uint8_t b[16];
            durai_put32(b, (uint32_t)f[k].value[0] + 16u * f[k].channel + 256u * (uint32_t)from);
            durai_put32(b + 4, (uint32_t)f[k].value[2]);
            durai_put32(b + 8, f[k].reasons);
            durai_put32(b + 12, (uint32_t)f[k].value[1]);
            crc = durai_crc32c(crc, b, sizeof b);
        }
    }
    return crc;
}

static void save(const dura_histogram *h, uint8_t *out)
{
    size_t len = IMAGE;
    dt_eq(p->save(h, out, &len), DURA_OK);
    dt_eq(len, IMAGE);
}

DT_TEST(histogram_load, goes_on_bit_for_bit_after_any_sample)
{
    static uint8_t a[IMAGE], b[IMAGE];
    dura_histogram_reference r = story();
    uint16_t flags;
    int cut;
    for (flags = 0; flags <= DURA_HISTOGRAM_RESTART; flags++) {
        dura_histogram *h = open_part(0, 2, flags, 500.0f, &r), *g = open_part(1, 2, flags, 500.0f, &r);
        for (cut = 0; cut < 4000; cut++) {
            dura_fact f[2];
            (void)feed(h, cut, f);
            if (cut % 97 && cut % 128 > 1)
                continue;
            save(h, a);
            (void)future(g, cut * 5, cut * 5 + 9);
            dt_eq(p->load(g, a, IMAGE), DURA_OK, "cut %d", cut);
            save(g, b);
            dt_mem(a, b, IMAGE, "cut %d", cut);
            {
                uint32_t one_way = future(g, cut + 1, cut + 150);
                dt_eq(p->load(g, a, IMAGE), DURA_OK, "cut %d", cut);
                dt_eq(future(g, cut + 1, cut + 150), one_way, "cut %d", cut);
            }
        }
    }
}

DT_TEST(histogram_save, writes_the_same_bytes_on_every_target)
{
    static uint8_t image[IMAGE];
    dura_histogram_reference r = story();
    dura_histogram *h = open_part(0, 2, DURA_HISTOGRAM_RESTART, 500.0f, &r);
    uint32_t facts = future(h, 0, 5000);
    save(h, image);
    dt_eq(facts, 0xF6F67942u, "the digest of the facts");
    dt_eq(durai_crc32c(0, image, IMAGE - 4), 0xA09C6E9Cu, "the digest of the state");
}

DT_TEST(histogram_load, refuses_what_is_damaged_of_another_or_forged)
{
    static uint8_t good[IMAGE], bad[IMAGE], was[IMAGE];
    dura_histogram_reference r = story(), other = story();
    dura_histogram *h = open_part(0, 2, 0, 500.0f, &r), *g;
    static const struct { const char *row; int at; uint32_t word; int code; } rows[] = {
        {"version", 4, 2, DURA_EVERSION}, {"channels", 6, 3, DURA_EAUTH}, {"reserved", 10, 1, DURA_ECORRUPT},
        {"digest", 12, 1, DURA_EAUTH}, {"R is no number", 24, 0x7FC00000u, DURA_ECORRUPT},
        {"R below 0", 24, 0xBF800000u, DURA_ECORRUPT}, {"R too large", 28, 0x7F000000u, DURA_ECORRUPT},
        {"age is infinite", 36, 0x7F800000u, DURA_ECORRUPT}, {"keep 0", 48, 0, DURA_ECORRUPT},
        {"keep 2", 48, 0x40000000u, DURA_ECORRUPT}, {"a total that is not the sum", 52, 0x00010001u, DURA_ECORRUPT},
        {"flags", 58, 0x0004u, DURA_ECORRUPT}, {"last bin", 59, 5, DURA_ECORRUPT}, {"a count more", 60, 0xFFFFu, DURA_ECORRUPT},
    };
    size_t i;
    (void)future(h, 0, 777);
    save(h, good);
    for (i = 0; i < sizeof rows / sizeof *rows; i++) {
        int wide = rows[i].at >= 24 && rows[i].at < 56;
        memcpy(bad, good, IMAGE);
        if (wide)
            durai_put32(bad + rows[i].at, rows[i].word);
        else if (rows[i].at == 59)
            bad[59] = (uint8_t)rows[i].word;
        else if (rows[i].at == 58)
            bad[58] = (uint8_t)rows[i].word;
        else
            durai_put16(bad + rows[i].at, (uint16_t)rows[i].word);
        durai_put32(bad + IMAGE - 4, durai_crc32c(0, bad, IMAGE - 4));
        dt_eq(p->load(h, bad, IMAGE), rows[i].code, "%s", rows[i].row);
        save(h, was);
        dt_mem(was, good, IMAGE, "%s", rows[i].row);
    }
    for (i = 0; i < IMAGE; i++) {
        memcpy(bad, good, IMAGE);
        bad[i] ^= 0x10;
        dt_eq(p->load(h, bad, IMAGE), DURA_ECORRUPT, "byte %zu", i);
        dt_eq(p->load(h, good, i), DURA_ECORRUPT, "cut at %zu", i);
    }
    other.edge[0] = -1.25f;
    g = open_part(1, 2, 0, 500.0f, &other);
    dt_eq(p->load(g, good, IMAGE), DURA_EAUTH);
    g = open_part(1, 2, 0, 501.0f, &r);
    dt_eq(p->load(g, good, IMAGE), DURA_EAUTH);
    dt_eq(p->load(h, good, IMAGE), DURA_OK);
}
