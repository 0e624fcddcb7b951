/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bench_block_recall.c - which faults the block sees, and how often it cries wolf.
 *
 *   bench_block_recall [SEED]        scenes and machines of the test kit, seeds from SEED on
 *   bench_block_recall FILE...       recorded blocks, as bench/block_recordings.py writes them
 *
 * Limits are never learned from what is scored. Two ways of learning: a FLEET has one set of limits
 * from 256 seeds, 16 blocks each, and 500 other seeds are scored; a unit of its OWN has limits from
 * the first half of its own blocks, and its second half is scored (recordings: this one only). What a
 * camera is shown is not its own, though: for mean, ends, contrast, sharpness, balance, change
 * and the distance the limits are those of the first halves of all units together, unless it is fixed
 * to one place.
 * Each feature's extremes are widened by a share of their span on both sides (at least by the
 * least step that means anything: half a count, a hundredth of a share, a hundredth of the
 * value). UNLIKE's limit is the largest distance of the learning blocks and as much again. The
 * shares, and 64 seeds or 256, were chosen on the seeds from 5000 on; the page quotes the seeds
 * from 1000000 on and the recordings, which the choice never saw. Nothing else is set by hand.
 *
 * Each fault is put into one block after ten or thirty good ones. `caught`: that block was
 * rejected. `steady`: by something else than CHANGE, which sees a fault come but not one that
 * was there from the start or crept in. `named`: by a check made for the fault.
 */
#include <dura/block.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim/dt_sim.h"

#define W 160u
#define H 120u
#define SPARE 40u                /* rows drawn and not shown, for what moves up when rows are lost */
#define N 2048u
#define LEARN_SEEDS 256u
#define LEARN_BLOCKS 16u
#define SCORE_SEEDS 500u
#define SCORE_BLOCKS 40u         /* good ones per seed; every 20th also with each fault */
#define FAULTY_EVERY 20u
#define MARGIN 0.5f
#define OWN_MARGIN_IMAGE 2.0f    /* of what is the camera's own: noise, lines, elements */
#define OWN_MARGIN_WINDOW 0.5f   /* also of a camera that is fixed */
#define POOL_EVERY 4u            /* of the learning blocks of all units */
#define OWN_SEEDS 60u
#define OWN_BLOCKS 512u          /* half of them learned from */
#define OWN_FAULTY_EVERY 32u
#define PERIOD_NS 100000000LL
#define F DURA_BLOCK_FEATURES

#define CHECKS_IMAGE                                                                   \
    (DURA_B_TIME | DURA_B_LATE | DURA_B_REPEAT | DURA_B_CHANGE | DURA_B_EXPOSURE |     \
     DURA_B_BALANCE | DURA_B_CONTRAST | DURA_B_BLUR | DURA_B_NOISE | DURA_B_LINES |    \
     DURA_B_ELEMENTS | DURA_B_UNLIKE)
#define CHECKS_WINDOW                                                                  \
    (DURA_B_TIME | DURA_B_LATE | DURA_B_REPEAT | DURA_B_CLIPPED | DURA_B_OFFSET |      \
     DURA_B_LEVEL | DURA_B_SHAPE | DURA_B_STUCK | DURA_B_BAND | DURA_B_SPECTRUM |      \
     DURA_B_LINE | DURA_B_UNLIKE)

/* Faults of delivery, beside those of the test kit. */
enum { FROZEN = 100, CLIP_OF_4, MISSING, LATE };

typedef struct fault {
    const char *what;
    uint32_t kind;
    float size;
    uint32_t named;              /* the bits that name it */
} fault;

static const fault image_faults[] = {
    {"frozen: the same bytes again", FROZEN, 0, DURA_B_FROZEN},
    {"repeated: the frame of 4 before", CLIP_OF_4, 0, DURA_B_REPEATED},
    {"missing", MISSING, 0, DURA_B_MISSING},
    {"late by a period", LATE, 0, DURA_B_LATE},
    {"1 row black", DT_ROWS_BLACK, 1, DURA_B_LINES},
    {"1 row repeated", DT_ROWS_REPEATED, 1, DURA_B_LINES},
    {"1 row lost", DT_ROWS_LOST, 1, DURA_B_LINES},
    {"12 rows lost", DT_ROWS_LOST, 12, DURA_B_LINES},
    {"40 rows lost", DT_ROWS_LOST, 40, DURA_B_LINES},
    {"15 rows shifted by 2 pixels", DT_ROWS_SHIFTED, 2, DURA_B_LINES},
    {"15 rows shifted by 8 pixels", DT_ROWS_SHIFTED, 8, DURA_B_LINES},
    {"15 rows shifted by 24 pixels", DT_ROWS_SHIFTED, 24, DURA_B_LINES},
    {"underexposed, x 0.5", DT_UNDEREXPOSED, 0.5f, DURA_B_EXPOSURE},
    {"underexposed, x 0.2", DT_UNDEREXPOSED, 0.2f, DURA_B_EXPOSURE},
    {"overexposed, x 1.5", DT_OVEREXPOSED, 1.5f, DURA_B_EXPOSURE},
    {"overexposed, x 2.5", DT_OVEREXPOSED, 2.5f, DURA_B_EXPOSURE},
    {"low contrast, x 0.5", DT_HAZE, 0.5f, DURA_B_CONTRAST},
    {"low contrast, x 0.25", DT_HAZE, 0.25f, DURA_B_CONTRAST},
    {"blur, 3 x 3", DT_BLUR, 3, DURA_B_BLUR | DURA_B_NOISE},
    {"blur, 9 x 9", DT_BLUR, 9, DURA_B_BLUR | DURA_B_NOISE},
    {"noise, 3 levels on top", DT_NOISE, 3, DURA_B_NOISE},
    {"noise, 8 levels on top", DT_NOISE, 8, DURA_B_NOISE},
    {"1 dead pixel", DT_DEAD, 1, DURA_B_ELEMENTS},
    {"1 hot pixel", DT_HOT, 1, DURA_B_ELEMENTS},
    {"4 dead pixels", DT_DEAD, 4, DURA_B_ELEMENTS},
    {"4 hot pixels", DT_HOT, 4, DURA_B_ELEMENTS},
    {"a column 4 levels up", DT_COLUMN, 4, DURA_B_ELEMENTS},
    {"a column 20 levels up", DT_COLUMN, 20, DURA_B_ELEMENTS},
    {"a quarter covered", DT_COVERED, 0.25f, DURA_B_BALANCE | DURA_B_EXPOSURE},
    {"half covered", DT_COVERED, 0.5f, DURA_B_BALANCE | DURA_B_EXPOSURE}};

static const fault window_faults[] = {
    {"frozen: the same bytes again", FROZEN, 0, DURA_B_FROZEN},
    {"repeated: the window of 4 before", CLIP_OF_4, 0, DURA_B_REPEATED},
    {"missing", MISSING, 0, DURA_B_MISSING},
    {"late by a period", LATE, 0, DURA_B_LATE},
    {"clipped at 1.2 (rails set: 4)", DT_CLIP, 1.2f, DURA_B_CLIPPED | DURA_B_SHAPE},
    {"clipped at 0.6", DT_CLIP, 0.6f, DURA_B_CLIPPED | DURA_B_SHAPE | DURA_B_LEVEL},
    {"10 times too large, at the rails", DT_GAIN, 10, DURA_B_CLIPPED},
    {"DC shift 0.1", DT_SHIFT, 0.1f, DURA_B_OFFSET},
    {"DC shift 0.5", DT_SHIFT, 0.5f, DURA_B_OFFSET},
    {"2 % read 0", DT_SILENCE, 0.02f, DURA_B_STUCK},
    {"30 % read 0", DT_SILENCE, 0.3f, DURA_B_STUCK},
    {"0.2 % stuck (4 samples)", DT_HELD, 0.002f, DURA_B_STUCK},
    {"2 % stuck (40 samples)", DT_HELD, 0.02f, DURA_B_STUCK},
    {"tone of 0.1 at the resonance", DT_TONE, 0.1f, DURA_B_LINE},
    {"tone of 0.3 at the resonance", DT_TONE, 0.3f, DURA_B_LINE},
    {"tone of 0.1, folded", DT_FOLDED, 0.1f, DURA_B_LINE},
    {"tone of 0.3, folded", DT_FOLDED, 0.3f, DURA_B_LINE},
    {"loose mount: low pass 0.3", DT_DULL, 0.3f, DURA_B_BAND | DURA_B_SPECTRUM},
    {"loose mount: low pass 0.7", DT_DULL, 0.7f, DURA_B_BAND | DURA_B_SPECTRUM},
    {"gain x 1.5", DT_GAIN, 1.5f, DURA_B_LEVEL | DURA_B_BAND},
    {"gain x 0.5", DT_GAIN, 0.5f, DURA_B_LEVEL | DURA_B_BAND},
    {"white noise of 0.2", DT_HISS, 0.2f, DURA_B_BAND},
    {"white noise of 0.6", DT_HISS, 0.6f, DURA_B_BAND}};

/* A camera or an accelerometer, whichever is on trial. */
typedef struct source {
    int is_image, is_fixed;      /* fixed: a camera that looks at one place */
    dt_scene scene;
    dt_machine machine;
    const uint8_t *clip;         /* recorded: blocks one behind the other; NULL: drawn */
    uint32_t blocks;             /* of the clip */
    float unit;                  /* counts that are 1 for the faults of a window */
} source;

static float margin = MARGIN;
static uint64_t memory[DURA_BLOCK_BYTES(N, N, 64) / 8 + 1], copy[sizeof memory / 8];
static float low[F], high[F];
static uint8_t image[W * (H + SPARE)];
static int16_t counts[N];
static float samples[N];
static float learned[LEARN_SEEDS * LEARN_BLOCKS][F], pooled[LEARN_SEEDS * LEARN_BLOCKS][F];
static dura_block_config content;    /* its limits are learned from the pool */

static void open_source(source *s, int is_image, uint64_t seed)
{
    memset(s, 0, sizeof *s);
    s->is_image = is_image;
    s->unit = 8192.0f;
    s->blocks = OWN_BLOCKS;
    if (is_image)
        dt_scene_init(&s->scene, W, H + SPARE, seed);
    else
        dt_machine_init(&s->machine, seed);
}

static void draw_clean(const source *s, uint32_t k)
{
    if (s->clip && s->is_image) {
        memcpy(image, s->clip + (size_t)k * sizeof image, sizeof image);
    } else if (s->clip) {
        memcpy(counts, s->clip + (size_t)k * sizeof counts, sizeof counts);
        for (uint32_t i = 0; i < N; i++)
            samples[i] = (float)counts[i] / s->unit;
    } else if (s->is_image) {
        dt_scene_draw(&s->scene, k, image);
    } else {
        dt_machine_draw(&s->machine, k, samples, N);
    }
}

/* Block k; windows become counts after the fault, `unit` of them (8192 where they are drawn, so that
 * 4 is the rail). */
static void draw(const source *s, uint32_t k, const fault *f)
{
    uint32_t kind = f && f->kind < FROZEN ? f->kind : 0;
    uint32_t rows = kind == DT_ROWS_LOST ? H + (uint32_t)f->size : H;
    uint64_t seed = (s->is_image ? s->scene.seed : s->machine.seed) + k;
    draw_clean(s, k);
    if (s->is_image) {
        if (kind)
            dt_image_fault(image, W, rows, kind, f->size, seed);
        return;
    }
    if (kind)
        dt_window_fault(samples, N, kind, f->size, seed);
    dt_counts(samples, N, s->unit, counts);
}

static void update(dura_block *b, const source *s, int64_t t, int64_t delay, int missing, dura_block_report *r)
{
    dura_block_report fresh = DURA_BLOCK_REPORT_INIT;
    const void *data = s->is_image ? (const void *)image : (const void *)counts;
    *r = fresh;
    if (dura_block_update(b, t, t + delay, missing ? NULL : data, s->is_image ? (size_t)W * H : sizeof counts, 0, r) < 0)
        exit(1);
}

/* ---- limits ------------------------------------------------------------------------- */

static void shape(dura_block_config *c, int is_image, uint32_t checks)
{
    static const float edge[9] = {0.0f, 0.01f, 0.03f, 0.05f, 0.07f, 0.13f, 0.25f, 0.36f, 0.5f};
    c->kind = is_image ? DURA_BLOCK_U8 : DURA_BLOCK_I16;
    c->checks = checks;
    c->width = is_image ? W : N;
    c->height = is_image ? H : 0;
    c->gap_ns = 10 * PERIOD_NS;
    c->late_ns = PERIOD_NS / 2;
    c->clip_lo = is_image ? 4.0f : -32760.0f;
    c->clip_hi = is_image ? 251.0f : 32760.0f;
    if (is_image)
        return;
    c->spectrum = 1024;
    c->rate_hz = 1.0f;
    c->n_bands = 8;
    memcpy(c->band_hz, edge, sizeof edge);
    c->n_lines = 2;
    c->line_lo_hz[0] = 0.30f, c->line_hi_hz[0] = 0.34f;
    c->line_lo_hz[1] = 0.39f, c->line_hi_hz[1] = 0.43f;
}

static float least_step(int is_image, uint32_t i, float value)
{
    float size = value < 0.0f ? -value : value;
    if (is_image && (i == DURA_IMAGE_DEAD || i == DURA_IMAGE_HOT || i == DURA_IMAGE_LINE_VOID))
        return 0.5f;
    if (is_image ? i == DURA_IMAGE_DARK || i == DURA_IMAGE_BRIGHT : i == DURA_WINDOW_CLIPPED)
        return 0.01f;
    if (!is_image && i == DURA_WINDOW_RUN)
        return 0.5f;
    return 0.01f * size + 1e-3f;
}

/* Rows of figures of blocks first..first + n of a source, nothing judged but the order of stamps; the
 * first block has no CHANGE and gives none. */
static uint32_t measure(const source *s, const dura_block_config *c, uint32_t first, uint32_t n, float (*rows)[F])
{
    dura_block_report r;
    dura_block *b;
    uint32_t k, done = 0;
    if (dura_block_init(&b, memory, sizeof memory, c) < 0)
        exit(1);
    for (k = 0; k < n; k++) {
        draw(s, first + k, NULL);
        update(b, s, (int64_t)k * PERIOD_NS, 0, 0, &r);
        if (k > 0 && dura_block_features(b, rows[done++], F) < 0)
            exit(1);
    }
    return done;
}

static uint32_t collect(int is_image, dura_block_config *c)
{
    uint32_t seed, n = 0;
    for (seed = 0; seed < LEARN_SEEDS; seed++) {
        source s;
        open_source(&s, is_image, seed + 1u);
        n += measure(&s, c, 0, LEARN_BLOCKS + 1u, &learned[n]);
    }
    return n;
}

static float root(float x)
{
    float r = x > 1.0f ? x : 1.0f;
    int k;
    for (k = 0; k < 40; k++)
        r = 0.5f * (r + x / r);
    return r;
}

/* Extremes, means and deviations of the first n rows into limits and the pinned vector. */
static void learn(dura_block_config *c, int is_image, uint32_t n)
{
    float most = 0.0f;
    uint32_t i, k;
    for (i = 0; i < F; i++) {
        double sum = 0.0, square = 0.0;
        low[i] = high[i] = learned[0][i];
        for (k = 0; k < n; k++) {
            float x = learned[k][i];
            low[i] = x < low[i] ? x : low[i];
            high[i] = x > high[i] ? x : high[i];
            sum += (double)x;
        }
        for (k = 0; k < n; k++)
            square += ((double)learned[k][i] - sum / n) * ((double)learned[k][i] - sum / n);
        float step = margin * (high[i] - low[i]), least_lo = least_step(is_image, i, low[i]);
        float least_hi = least_step(is_image, i, high[i]), deviation = root((float)(square / n));
        c->fail_lo[i] = low[i] - (step > least_lo ? step : least_lo);
        c->fail_hi[i] = high[i] + (step > least_hi ? step : least_hi);
        c->pin_mean[i] = (float)(sum / n);
        c->pin_scale[i] = deviation > 1e-3f ? 1.0f / deviation : 0.0f;
    }
    for (k = 0; k < n; k++) {
        float d = 0.0f;
        for (i = 0; i < F; i++) {
            float z = (learned[k][i] - c->pin_mean[i]) * c->pin_scale[i];
            d += z * z;
        }
        most = d > most ? d : most;
    }
    c->unlike_fail = (1.0f + margin) * most;
}

/* The pinned shares of the bands: means of the learning windows, from levels in dB. */
static void pin_shares(dura_block_config *c, uint32_t n)
{
    double all = 0.0, level[DURA_BLOCK_BANDS] = {0};
    uint32_t i, k;
    for (i = 0; i < DURA_BLOCK_BANDS; i++)
        for (k = 0; k < n; k++) {
            double db = (double)learned[k][DURA_WINDOW_BAND + i], power = 1.0;
            for (; db > 10.0; db -= 10.0)
                power *= 10.0;
            for (; db > 0.0; db -= 0.01)
                power *= 1.0023052;
            level[i] += power;
        }
    for (i = 0; i < DURA_BLOCK_BANDS; i++)
        all += level[i];
    for (i = 0; i < DURA_BLOCK_BANDS; i++)
        c->share[i] = (float)(level[i] / all);
}

/* ---- scores -------------------------------------------------------------------------- */

typedef struct score {
    uint32_t blocks, rejected, steady, named, alone, by_check[32];
} score;

static void count(score *s, const dura_block_report *r, uint32_t named)
{
    uint32_t k;
    s->blocks++;
    s->rejected += r->action == DURA_REJECT;
    s->steady += r->action == DURA_REJECT && (r->reasons & ~(uint32_t)(DURA_B_CHANGE | DURA_B_WARMUP));
    s->named += r->action == DURA_REJECT && (r->reasons & named);
    s->alone += r->fails == DURA_B_UNLIKE;
    for (k = 0; k < 32; k++)
        s->by_check[k] += r->reasons >> k & 1u;
}

/* One fault in place of good block k; the checker is then as it was before. */
static void try_fault(dura_block *b, size_t bytes, const source *s, uint32_t k, const fault *f, score *out)
{
    dura_block_report r;
    uint32_t shown = f->kind == FROZEN ? k - 1u : f->kind == CLIP_OF_4 ? k - 4u : k;
    memcpy(copy, memory, bytes);
    draw(s, shown, f);
    update(b, s, (int64_t)k * PERIOD_NS, f->kind == LATE ? PERIOD_NS : 0, f->kind == MISSING, &r);
    count(out, &r, f->named);
    memcpy(memory, copy, bytes);
}

static void print_scores(const score *good, const score *bad, const fault *faults, uint32_t n)
{
    uint32_t k, i;
    for (k = 0; k < 32; k++)
        if (good->by_check[k] && (1u << k) != DURA_B_WARMUP)
            printf("  reason bit %u: %u\n", k, good->by_check[k]);
    printf("%-36s %7s %7s %7s %12s\n", "fault", "caught", "steady", "named", "UNLIKE alone");
    for (i = 0; i < n; i++)
        printf("%-36s %5.1f %% %5.1f %% %5.1f %% %10.1f %%\n", faults[i].what,
               100.0 * bad[i].rejected / bad[i].blocks, 100.0 * bad[i].steady / bad[i].blocks,
               100.0 * bad[i].named / bad[i].blocks, 100.0 * bad[i].alone / bad[i].blocks);
}

/* Blocks first..first + n: good ones, and every so often each fault in place of one. */
static void score_blocks(const source *s, const dura_block_config *c, uint32_t first, uint32_t n, uint32_t every,
                         const fault *faults, uint32_t n_faults, score *good, score *bad)
{
    size_t bytes = dura_block_bytes(c);
    dura_block_report r;
    dura_block *b;
    uint32_t k, i;
    if (dura_block_init(&b, memory, sizeof memory, c) < 0)
        exit(1);
    for (k = first; k < first + n; k++) {
        for (i = 0; i < n_faults && (k - first) % every == every / 2u; i++)
            try_fault(b, bytes, s, k, &faults[i], &bad[i]);
        draw(s, k, NULL);
        update(b, s, (int64_t)k * PERIOD_NS, 0, 0, &r);
        count(good, &r, 0);
    }
}

static score good, seen, bad[64];

static void forget(void)
{
    memset(&good, 0, sizeof good);
    memset(&seen, 0, sizeof seen);
    memset(bad, 0, sizeof bad);
}

/* One set of limits for all. */
static void fleet(int is_image, uint64_t first, const fault *faults, uint32_t n)
{
    dura_block_config c = DURA_BLOCK_CONFIG_INIT;
    uint32_t blocks, seed, whole = 0;
    margin = MARGIN;
    shape(&c, is_image, DURA_B_TIME);
    blocks = collect(is_image, &c);
    if (!is_image) {             /* once for the shares, once with them */
        pin_shares(&c, blocks);
        blocks = collect(is_image, &c);
    }
    learn(&c, is_image, blocks);
    c.checks = is_image ? CHECKS_IMAGE : CHECKS_WINDOW;
    forget();
    for (seed = 0; seed < SCORE_SEEDS; seed++) {
        uint32_t before = good.rejected;
        source s;
        open_source(&s, is_image, first + seed);
        score_blocks(&s, &c, 0, SCORE_BLOCKS, FAULTY_EVERY, faults, n, &good, bad);
        whole += good.rejected > before;
    }
    printf("%s, one fleet: %u good blocks of %u seeds, %u rejected (%.3f %%), in %u seeds\n",
           is_image ? "images" : "windows", good.blocks, SCORE_SEEDS, good.rejected,
           100.0 * good.rejected / good.blocks, whole);
    print_scores(&good, bad, faults, n);
}

/* What a picture shows, rather than what the camera does to it. */
static int is_content(uint32_t i)
{
    return i <= DURA_IMAGE_SHARPNESS || i >= DURA_IMAGE_LEFT_RIGHT;
}

/* Adds every few learning blocks of a unit to the pool. */
static uint32_t pool(const source *s, uint32_t n)
{
    dura_block_config c = DURA_BLOCK_CONFIG_INIT;
    uint32_t rows, k;
    shape(&c, s->is_image, DURA_B_TIME);
    rows = measure(s, &c, 0, s->blocks / 2u, learned);
    for (k = 0; k < rows && n < LEARN_SEEDS * LEARN_BLOCKS; k += POOL_EVERY)
        memcpy(pooled[n++], learned[k], sizeof pooled[0]);
    return n;
}

static void learn_content(uint32_t n)
{
    memcpy(learned, pooled, sizeof pooled[0] * n);
    margin = MARGIN;
    learn(&content, 1, n);
}

static void use_content(dura_block_config *c)
{
    uint32_t i;
    for (i = 0; i < F; i++) {
        c->pin_mean[i] = content.pin_mean[i], c->pin_scale[i] = content.pin_scale[i];
        if (is_content(i))
            c->fail_lo[i] = content.fail_lo[i], c->fail_hi[i] = content.fail_hi[i];
    }
    c->unlike_fail = content.unlike_fail;
}

/* A unit by itself: the first half is learned from and, to be compared, scored too. */
static uint32_t one_unit(const source *s, const fault *faults, uint32_t n)
{
    dura_block_config c = DURA_BLOCK_CONFIG_INIT;
    uint32_t half = s->blocks / 2u, rows, before = good.rejected;
    shape(&c, s->is_image, DURA_B_TIME);
    rows = measure(s, &c, 0, half, learned);
    if (!s->is_image) {
        pin_shares(&c, rows);
        rows = measure(s, &c, 0, half, learned);
    }
    margin = s->is_image && !s->is_fixed ? OWN_MARGIN_IMAGE : OWN_MARGIN_WINDOW;
    learn(&c, s->is_image, rows);
    if (s->is_image && !s->is_fixed)
        use_content(&c);
    c.checks = s->is_image ? CHECKS_IMAGE : CHECKS_WINDOW;
    score_blocks(s, &c, 0, half, OWN_FAULTY_EVERY, faults, 0, &seen, bad);
    score_blocks(s, &c, half, s->blocks - half, OWN_FAULTY_EVERY, faults, n, &good, bad);
    return good.rejected > before;
}

static void print_own(const char *what, uint32_t units, uint32_t whole, const fault *faults, uint32_t n)
{
    printf("%s, each by itself: learned half %u of %u rejected; scored half %u of %u rejected (%.3f %%), in %u units "
           "of %u\n", what, seen.rejected, seen.blocks, good.rejected, good.blocks,
           100.0 * good.rejected / good.blocks, whole, units);
    print_scores(&good, bad, faults, n);
}

static void own(int is_image, uint64_t first, const fault *faults, uint32_t n)
{
    uint32_t seed, n_pooled = 0, whole = 0;
    forget();
    for (seed = 0; seed < OWN_SEEDS && is_image; seed++) {
        source s;
        open_source(&s, is_image, first + seed);
        n_pooled = pool(&s, n_pooled);
    }
    if (is_image)
        learn_content(n_pooled);
    for (seed = 0; seed < OWN_SEEDS; seed++) {
        source s;
        open_source(&s, is_image, first + seed);
        whole += one_unit(&s, faults, n);
    }
    print_own(is_image ? "images" : "windows", OWN_SEEDS, whole, faults, n);
}

/* ---- recordings ----------------------------------------------------------------------- */

#define N_OF(faults) ((uint32_t)(sizeof(faults) / sizeof(faults)[0]))

/* What 1 is for the faults of a window: the deviation over the half that is learned from. */
static float unit_of(const source *s)
{
    const uint32_t half = s->blocks / 2u;
    double sum = 0.0, square = 0.0, n = (double)half * N, mean;
    for (int pass = 0; pass < 2; pass++) {
        mean = sum / n;
        for (uint32_t k = 0; k < half; k++) {
            memcpy(counts, s->clip + (size_t)k * sizeof counts, sizeof counts);
            for (uint32_t i = 0; i < N; i++) {
                sum += pass ? 0.0 : counts[i];
                square += pass ? (counts[i] - mean) * (counts[i] - mean) : 0.0;
            }
        }
    }
    return root((float)(square / n));
}

/* The next clip of a file; 1: there is one, 0: the end, -1: it is none. */
static int next_clip(FILE *f, source *s, uint32_t unit)
{
    static uint8_t room[1u << 28];
    char kind[8];
    uint32_t width, height, blocks;
    size_t bytes;
    int got = fscanf(f, "%7s %u %u %u", kind, &width, &height, &blocks);
    if (got != 4 || fgetc(f) != '\n')
        return got == EOF ? 0 : -1;
    open_source(s, kind[0] == 'u', unit);
    bytes = (size_t)blocks * (s->is_image ? sizeof image : sizeof counts);
    if (width != (s->is_image ? W : N) || height != (s->is_image ? H + SPARE : 1) || blocks < 64u || blocks > 8000u ||
        bytes > sizeof room || fread(room, 1, bytes, f) != bytes)
        return -1;
    s->clip = room, s->blocks = blocks, s->is_fixed = kind[2] == 'f';
    if (!s->is_image)
        s->unit = unit_of(s);
    return 1;
}

/* Clips of one file, one behind the other: a line "u8 160 160 COUNT" (rows that are not shown among
 * them; u8f: fixed) or "i16 2048 1 COUNT", then the blocks. Twice: for the pool, then one by one. */
static int recorded(const char *path)
{
    uint32_t units = 0, whole = 0, n_pooled = 0;
    int pass, more = 1;
    source s;
    FILE *f = fopen(path, "rb");
    memset(&s, 0, sizeof s);
    forget();
    for (pass = 0; f && pass < 2; pass++) {
        units = 0;
        rewind(f);
        while ((more = next_clip(f, &s, ++units)) > 0) {
            if (pass == 0 && s.is_image)
                n_pooled = pool(&s, n_pooled);
            else if (pass == 1)
                whole += one_unit(&s, s.is_image ? image_faults : window_faults,
                                  s.is_image ? N_OF(image_faults) : N_OF(window_faults));
        }
        if (n_pooled > 0 && pass == 0)
            learn_content(n_pooled);
    }
    if (!f || fclose(f) != 0 || more < 0 || units < 2)
        return 1;
    print_own(path, units - 1u, whole, s.is_image ? image_faults : window_faults,
              s.is_image ? N_OF(image_faults) : N_OF(window_faults));
    return 0;
}

int main(int argc, char **argv)
{
    uint64_t first = argc > 1 ? strtoull(argv[1], NULL, 10) : 1000000u;
    for (int i = 1; i < argc && first == 0; i++)
        if (recorded(argv[i]) != 0) {
            printf("%s: not what bench/block_recordings.py writes\n", argv[i]);
            return 1;
        }
    if (first == 0)
        return 0;
    fleet(1, first, image_faults, N_OF(image_faults));
    own(1, first, image_faults, N_OF(image_faults));
    fleet(0, first, window_faults, N_OF(window_faults));
    own(0, first, window_faults, N_OF(window_faults));
    return 0;
}
