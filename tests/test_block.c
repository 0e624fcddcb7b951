/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Blocks: stamps, repeats, what each image and window fault does to its feature, the
 * verdict. Expected values are worked out by hand (a sine's level, a ramp's mean) or
 * follow from the fault that was put in.
 */
#include <dura/block.h>

#include "dt.h"

#if defined(__SSE2__)
#include <xmmintrin.h>
#endif

#define W 96u
#define H 64u
#define N 1024u
#define MS 1000000LL

static uint64_t memory[DURA_BLOCK_BYTES(W, N, 64) / 8 + 1];
static uint8_t image[W * H];
static float window[N];
static dura_block_report rep;
static float feature[DURA_BLOCK_FEATURES];
static int64_t now;

static uint32_t dice_state = 1;
static uint32_t dice(uint32_t below)
{
    dice_state = dice_state * 1664525u + 1013904223u;
    return (dice_state >> 16) % below;
}

static void open_limits(dura_block_config *c)
{
    unsigned i;
    for (i = 0; i < DURA_BLOCK_FEATURES; i++) {
        c->fail_lo[i] = -DURA_BLOCK_ANY;
        c->fail_hi[i] = DURA_BLOCK_ANY;
    }
}
static dura_block_config camera(uint32_t checks)
{
    dura_block_config c = DURA_BLOCK_CONFIG_INIT;
    c.kind = DURA_BLOCK_U8, c.width = W, c.height = H, c.checks = checks;
    c.clip_lo = 4.0f, c.clip_hi = 251.0f;
    open_limits(&c);
    return c;
}
static dura_block_config vibration(uint32_t checks)
{
    dura_block_config c = DURA_BLOCK_CONFIG_INIT;
    c.kind = DURA_BLOCK_F32, c.width = N, c.checks = checks;
    c.clip_lo = -10.0f, c.clip_hi = 10.0f;
    c.spectrum = 1024, c.rate_hz = 1024.0f, c.n_bands = 2, c.n_lines = 1;
    c.band_hz[1] = 128.0f, c.band_hz[2] = 512.0f, c.share[0] = 1.0f;
    c.line_lo_hz[0] = 300.0f, c.line_hi_hz[0] = 400.0f;
    open_limits(&c);
    return c;
}
static dura_block *built(const dura_block_config *c)
{
    dura_block *b = NULL;
    memset(memory, 0xA5, sizeof memory);
    now = 0;
    return dura_block_init(&b, memory, sizeof memory, c) == DURA_OK ? b : NULL;
}
/* A ramp across, 100 +- 8 levels down, a little noise. */
static void scene(void)
{
    uint32_t x, y;
    for (y = 0; y < H; y++)
        for (x = 0; x < W; x++)
            image[y * W + x] = (uint8_t)(60u + x + (y / 8u) * 2u + dice(5));
}
static uint8_t show(dura_block *b)
{
    dura_block_report r = DURA_BLOCK_REPORT_INIT;
    rep = r;
    now += 10 * MS;
    dt_eq(dura_block_update(b, now, now, image, sizeof image, 0, &rep), DURA_OK);
    dt_eq(dura_block_features(b, feature, DURA_BLOCK_FEATURES), DURA_OK);
    return rep.verdict;
}
static uint8_t feel(dura_block *b)
{
    dura_block_report r = DURA_BLOCK_REPORT_INIT;
    rep = r;
    now += 10 * MS;
    dt_eq(dura_block_update(b, now, now, window, sizeof window, 0, &rep), DURA_OK);
    return rep.verdict;
}
/* A sine of whole cycles: a turn by 1/1024 of a circle, taken `cycles` times, is its step. */
static void add_wave(float size, uint32_t cycles)
{
    const double w = 6.283185307179586 / N, w2 = w * w;
    const double dc1 = 1 - w2 / 2 + w2 * w2 / 24, ds1 = w * (1 - w2 / 6 + w2 * w2 / 120);
    double c = 1.0, s = 0.0, dc = 1.0, ds = 0.0;
    for (uint32_t k = 0; k < cycles; k++) {
        double t = dc * dc1 - ds * ds1;
        ds = ds * dc1 + dc * ds1;
        dc = t;
    }
    uint32_t i;
    for (i = 0; i < N; i++) {
        double t = c * dc - s * ds;
        window[i] += size * (float)s;
        s = s * dc + c * ds;
        c = t;
    }
}
static int near(float x, float want, float within)
{
    return x > want - within && x < want + within;
}

/* ---- building ------------------------------------------------------------------------ */

DT_TEST(block_init, refuses_what_is_no_check_or_lacks_its_limit)
{
    dura_block_config c = camera(0);
    dt_eq(dura_block_bytes(&c), 0, "no check");
    c = camera(DURA_B_OFFSET);
    dt_eq(dura_block_bytes(&c), 0, "a window's check");
    c = camera(DURA_B_BLUR);
    c.fail_lo[DURA_IMAGE_SHARPNESS] = c.fail_hi[DURA_IMAGE_SHARPNESS] = 0.0f;
    dt_eq(dura_block_bytes(&c), 0, "no limit");
    c = camera(DURA_B_TIME_GAP);
    dt_eq(dura_block_bytes(&c), 0, "a part of TIME");
    c = camera(DURA_B_BLUR);
    c.width = 8193;
    dt_eq(dura_block_bytes(&c), 0, "too wide");
    c = vibration(DURA_B_BAND);
    c.spectrum = 1000;
    dt_eq(dura_block_bytes(&c), 0, "no power of two");
    c = vibration(DURA_B_BAND);
    c.band_hz[2] = 513.0f;
    dt_eq(dura_block_bytes(&c), 0, "above half the rate");
}

DT_TEST(block_init, says_what_is_wrong_and_leaves_the_memory)
{
    dura_block_config c = camera(DURA_B_BLUR);
    dura_block *b = NULL;
    uint64_t before = 0xA5A5A5A5A5A5A5A5u;
    memset(memory, 0xA5, sizeof memory);
    dt_eq(dura_block_init(NULL, memory, sizeof memory, &c), DURA_EINVAL);
    dt_eq(dura_block_init(&b, memory, dura_block_bytes(&c) - 1u, &c), DURA_ENOSPC);
    dt_eq(dura_block_init(&b, (uint8_t *)memory + 4, sizeof memory - 4, &c), DURA_EALIGN);
    c.flags = 2;
    dt_eq(dura_block_init(&b, memory, sizeof memory, &c), DURA_EVERSION);
    dt_ok(b == NULL);
    dt_mem(memory, &before, sizeof before);
}

/* ---- stamps, bytes, repeats ------------------------------------------------------------- */

DT_TEST(block_update, judges_the_stamp_as_the_sensor_does)
{
    dura_block_config c = camera(DURA_B_TIME);
    dura_block_report r = DURA_BLOCK_REPORT_INIT;
    dura_block *b;
    c.gap_ns = 100;
    b = built(&c);
    scene();
    static const struct { int64_t t; uint32_t bit; uint8_t verdict; } row[] = {
        {1000, 0, DURA_GOOD}, {1000, DURA_B_TIME_DUPLICATE, DURA_FAIL}, {900, DURA_B_TIME_REVERSED, DURA_FAIL},
        {1050, 0, DURA_GOOD}, {1300, DURA_B_TIME_GAP, DURA_SUSPECT}, {10, DURA_B_TIME_REVERSED, DURA_FAIL},
        {11, DURA_B_TIME_REVERSED, DURA_FAIL}, {12, DURA_B_TIME_GAP, DURA_SUSPECT}, {13, 0, DURA_GOOD}};
    for (unsigned i = 0; i < sizeof row / sizeof row[0]; i++) {
        dt_eq(dura_block_update(b, row[i].t, 0, image, sizeof image, 0, &r), DURA_OK);
        dt_eq(r.reasons, row[i].bit, "row %u", i);
        dt_eq(r.verdict, row[i].verdict, "row %u", i);
    }
}

DT_TEST(block_update, says_late_short_and_missing)
{
    dura_block_config c = camera(DURA_B_LATE);
    dura_block_report r = DURA_BLOCK_REPORT_INIT;
    dura_block *b;
    c.late_ns = 50;
    b = built(&c);
    scene();
    dt_eq(dura_block_update(b, 100, 150, image, sizeof image, 0, &r), DURA_OK);
    dt_eq(r.verdict, DURA_GOOD);
    dt_eq(dura_block_update(b, 200, 251, image, sizeof image, 0, &r), DURA_OK);
    dt_eq(r.fails, DURA_B_LATE);
    dt_eq(dura_block_update(b, 300, 300, image, sizeof image - 1, 0, &r), DURA_OK);
    dt_eq(r.fails, DURA_B_SHORT);
    dt_eq(dura_block_update(b, 400, 400, NULL, 0, 0, &r), DURA_OK);
    dt_eq(r.verdict, DURA_MISSING);
    dt_eq(r.reasons, DURA_B_MISSING | DURA_B_STALE);
    dt_eq(r.action, DURA_REJECT);
    dt_eq(dura_block_update(b, -1, 0, image, sizeof image, 0, &r), DURA_EINVAL);
    dt_eq(dura_block_update(b, 1, 0, image, sizeof image, W - 1, &r), DURA_EINVAL);
}

DT_TEST(block_update, sees_a_frozen_block_and_a_loop_of_blocks)
{
    dura_block_config c = camera(DURA_B_REPEAT);
    static uint8_t clip[4][W * H];
    dura_block *b = built(&c);
    for (unsigned i = 0; i < 4; i++) {
        scene();
        memcpy(clip[i], image, sizeof image);
        dt_eq(show(b), DURA_GOOD);
    }
    dt_eq(show(b), DURA_FAIL);
    dt_eq(rep.reasons, DURA_B_FROZEN);
    for (unsigned i = 0; i < 3; i++) {
        memcpy(image, clip[i], sizeof image);
        dt_eq(show(b), DURA_FAIL);
        dt_eq(rep.reasons, DURA_B_REPEATED, "clip %u", i);
    }
    image[W * H - 1] ^= 1;
    dt_eq(show(b), DURA_GOOD, "one bit differs");
}

DT_TEST(block_poll, turns_silence_into_missing)
{
    dura_block_config c = camera(DURA_B_TIME);
    dura_block_report r = DURA_BLOCK_REPORT_INIT;
    dura_block *b;
    c.max_age_ns = 100;
    b = built(&c);
    dt_eq(dura_block_poll(b, 50, &r), DURA_OK);
    dt_eq(r.verdict, DURA_UNKNOWN);
    dt_eq(dura_block_poll(b, 151, &r), DURA_OK);
    dt_eq(r.reasons, DURA_B_MISSING);
    scene();
    dt_eq(dura_block_update(b, 200, 200, image, sizeof image, 0, &r), DURA_OK);
    dt_eq(dura_block_poll(b, 300, &r), DURA_OK);
    dt_eq(r.verdict, DURA_GOOD);
    dt_eq(dura_block_poll(b, 301, &r), DURA_OK);
    dt_eq(r.reasons, DURA_B_MISSING | DURA_B_STALE);
}

/* ---- images ------------------------------------------------------------------------------- */

DT_TEST(block_image, measures_each_fault)
{
    dura_block_config c = camera(DURA_B_CONTRAST);
    dura_block *b = built(&c);
    float clean[DURA_BLOCK_FEATURES];
    uint32_t i;
    scene();
    (void)show(b);
    memcpy(clean, feature, sizeof clean);
    dt_ok(near(clean[DURA_IMAGE_MEAN], 60.0f + 47.5f + 7.0f + 2.0f, 0.2f));
    dt_eq(clean[DURA_IMAGE_HOT] + clean[DURA_IMAGE_DEAD] + clean[DURA_IMAGE_LINE_VOID], 0);
    image[30 * W + 40] = 255, image[31 * W + 70] = 0;
    (void)show(b);
    dt_eq(feature[DURA_IMAGE_HOT], 1);
    dt_eq(feature[DURA_IMAGE_DEAD], 1);
    scene();
    memmove(image + 21 * W, image + 20 * W, W);
    memset(image + 40 * W, 0, W);
    (void)show(b);
    dt_eq(feature[DURA_IMAGE_LINE_VOID], 2);
    dt_ok(feature[DURA_IMAGE_LINE_ODD] > 80.0f);
    scene();
    memmove(image + 30 * W + 9, image + 30 * W, W - 9);
    (void)show(b);
    dt_ok(near(feature[DURA_IMAGE_LINE_SHIFT], 7.5f, 1.5f), "%g", (double)feature[DURA_IMAGE_LINE_SHIFT]);
    dt_ok(clean[DURA_IMAGE_LINE_SHIFT] < 3.0f, "the ramp's own step down is two levels");
    scene();
    for (i = 0; i < H; i++)
        image[i * W + 50] = 20;
    (void)show(b);
    dt_ok(near(feature[DURA_IMAGE_COLUMN_ODD], 60 + 49 + 7 + 2 - 20, 1.0f));
    memset(image, 255, sizeof image);
    (void)show(b);
    dt_eq(feature[DURA_IMAGE_BRIGHT], 1);
    dt_eq(feature[DURA_IMAGE_CONTRAST], 0);
}

DT_TEST(block_image, is_the_same_at_any_stride_and_in_16_bits)
{
    dura_block_config c = camera(DURA_B_REPEAT);
    dura_block_report r = DURA_BLOCK_REPORT_INIT;
    static uint8_t apart[(W + 7) * H + 1];
    static uint16_t wide[W * H];
    float packed[DURA_BLOCK_FEATURES];
    dura_block *b = built(&c);
    scene();
    (void)show(b);
    memcpy(packed, feature, sizeof packed);
    for (uint32_t y = 0; y < H; y++)
        memcpy(apart + 1 + y * (W + 7), image + y * W, W);
    dt_eq(dura_block_update(b, now + 1, 0, apart + 1, sizeof apart - 1, W + 7, &r), DURA_OK);
    dt_eq(r.reasons, DURA_B_FROZEN, "the same digest");
    dt_eq(dura_block_features(b, feature, DURA_BLOCK_FEATURES), DURA_OK);
    dt_mem(feature, packed, sizeof packed - sizeof packed[0], "all but CHANGE");
    c.kind = DURA_BLOCK_U16, c.bits = 12;
    b = built(&c);
    for (uint32_t i = 0; i < W * H; i++)
        wide[i] = (uint16_t)(image[i] << 4 | 9);
    dt_eq(dura_block_update(b, 1, 0, wide, sizeof wide, 0, &r), DURA_OK);
    dt_eq(dura_block_features(b, feature, DURA_BLOCK_FEATURES), DURA_OK);
    dt_mem(feature, packed, sizeof packed);
}

DT_TEST(block_image, compares_change_only_with_what_did_not_fail)
{
    dura_block_config c = camera(DURA_B_CHANGE | DURA_B_EXPOSURE);
    dura_block *b;
    c.fail_hi[DURA_IMAGE_CHANGE] = 5.0f;
    c.fail_hi[DURA_IMAGE_MEAN] = 200.0f;
    b = built(&c);
    scene();
    dt_eq(show(b), DURA_UNKNOWN);
    dt_eq(rep.action, DURA_PASS);
    memset(image, 250, sizeof image);
    dt_eq(show(b), DURA_FAIL);
    dt_ok(rep.ratio > 1.0f);
    scene();
    dt_eq(show(b), DURA_GOOD);
}

/* A ramp that starts at `base`. */
static void scene_at(uint32_t base)
{
    for (uint32_t i = 0; i < W * H; i++)
        image[i] = (uint8_t)(base + i % W / 2u + dice(5));
}

DT_TEST(block_image, takes_a_scene_that_jumped_and_stays_after_some_blocks_that_agree)
{
    dura_block_config c = camera(DURA_B_CHANGE | DURA_B_EXPOSURE);
    dura_block *b;
    c.fail_hi[DURA_IMAGE_CHANGE] = 5.0f;
    c.fail_hi[DURA_IMAGE_MEAN] = 200.0f;
    b = built(&c);
    scene_at(50);
    dt_eq(show(b), DURA_UNKNOWN);
    dt_eq(show(b), DURA_GOOD);
    for (int i = 0; i < 3; i++) {
        scene_at(100);
        dt_eq(show(b), DURA_FAIL, "block %d elsewhere: refused", i);
        dt_eq(rep.fails, DURA_B_CHANGE);
    }
    scene_at(100);
    dt_eq(show(b), DURA_GOOD, "the fourth is at home there");
    scene_at(50);
    dt_eq(show(b), DURA_FAIL, "and the old place is the jump");
    for (int i = 0; i < 12; i++) {
        scene_at(i % 2 ? 20 : 60);
        dt_eq(show(b), DURA_FAIL, "block %d: blocks that disagree are no scene", i);
    }
    scene_at(100);
    dt_eq(show(b), DURA_GOOD, "the base has not moved");
    for (int i = 0; i < 12; i++) {
        scene_at(i % 3 == 2 ? 205 : 60);
        dt_eq(show(b), DURA_FAIL, "block %d: nor when one of three fails for something else", i);
    }
    scene_at(100);
    dt_eq(show(b), DURA_GOOD);
}

/* ---- windows ------------------------------------------------------------------------------- */

DT_TEST(block_window, measures_a_sine)
{
    dura_block_config c = vibration(DURA_B_LEVEL);
    dura_block *b = built(&c);
    memset(window, 0, sizeof window);
    add_wave(2.0f, 32);
    dt_eq(feel(b), DURA_GOOD);
    dt_eq(dura_block_features(b, feature, DURA_BLOCK_FEATURES), DURA_OK);
    dt_ok(near(feature[DURA_WINDOW_MEAN], 0.0f, 1e-5f));
    dt_ok(near(feature[DURA_WINDOW_RMS], 1.41421356f, 1e-4f));
    dt_ok(near(feature[DURA_WINDOW_CREST], 1.41421356f, 1e-4f));
    dt_ok(near(feature[DURA_WINDOW_KURTOSIS], 1.5f, 1e-4f));
    dt_ok(near(feature[DURA_WINDOW_BAND], 3.0103f, 1e-3f), "10 log 2");
    dt_ok(feature[DURA_WINDOW_BAND + 1] < -90.0f);
    dt_ok(near(feature[DURA_WINDOW_DISTANCE], 0.0f, 1e-5f));
    dt_ok(feature[DURA_WINDOW_LINE] < 1e-4f);
    add_wave(1.0f, 350);
    (void)feel(b);
    dt_eq(dura_block_features(b, feature, DURA_BLOCK_FEATURES), DURA_OK);
    dt_ok(near(feature[DURA_WINDOW_LINE], 0.70710678f, 1e-3f));
    dt_ok(near(feature[DURA_WINDOW_DISTANCE], 0.2f, 1e-3f), "0.5 of 2.5 went over");
}

DT_TEST(block_window, fails_what_is_clipped_shifted_stuck_or_not_finite)
{
    dura_block_config c = vibration(DURA_B_CLIPPED | DURA_B_OFFSET | DURA_B_STUCK | DURA_B_LINE);
    dura_block *b;
    c.clip_lo = -3.0f, c.clip_hi = 3.0f;
    c.fail_hi[DURA_WINDOW_CLIPPED] = 0.01f, c.fail_hi[DURA_WINDOW_RUN] = 8.0f;
    c.fail_lo[DURA_WINDOW_MEAN] = -0.5f, c.fail_hi[DURA_WINDOW_MEAN] = 0.5f;
    c.fail_hi[DURA_WINDOW_LINE] = 0.1f;
    b = built(&c);
    for (unsigned what = 0; what < 6; what++) {
        static const uint32_t want[] = {0, DURA_B_CLIPPED, DURA_B_OFFSET, DURA_B_STUCK, DURA_B_LINE, DURA_B_NONFINITE};
        memset(window, 0, sizeof window);
        add_wave(2.0f, 33);
        for (unsigned i = 0; what == 1 && i < 20; i++)
            window[i * 50] = i & 1 ? 3.0f : -3.0f;
        for (unsigned i = 0; what == 2 && i < N; i++)
            window[i] += 0.75f;
        for (unsigned i = 100; what == 3 && i < 110; i++)
            window[i] = window[100];
        if (what == 4)
            add_wave(0.3f, 333);
        if (what == 5) {
            uint32_t nan = 0x7FC00000u;
            memcpy(&window[N - 1], &nan, sizeof nan);
        }
        (void)feel(b);
        dt_eq(rep.fails & want[what], want[what], "fault %u, reasons %x", what, rep.reasons);
        if (what != 1)
            dt_eq(rep.reasons, want[what], "fault %u", what);
    }
}

DT_TEST(block_unlike, measures_the_distance_to_the_pinned_vector)
{
    dura_block_config c = vibration(DURA_B_UNLIKE);
    static float matrix[256];
    dura_block *b;
    c.pin_scale[DURA_WINDOW_RMS] = 10.0f;
    c.pin_mean[DURA_WINDOW_RMS] = 1.0f;
    c.unlike_suspect = 9.0f, c.unlike_fail = 25.0f;
    memset(window, 0, sizeof window);
    add_wave(2.0f, 32);
    b = built(&c);
    dt_eq(feel(b), DURA_SUSPECT);
    dt_ok(near(rep.distance, 17.157288f, 0.01f), "(10 (sqrt 2 - 1)) squared");
    matrix[1 * 16 + 1] = 2.0f;
    c.pin_matrix = matrix;
    b = built(&c);
    dt_eq(feel(b), DURA_FAIL);
    dt_ok(near(rep.distance, 68.62915f, 0.04f));
}

DT_TEST(block_query, counts_and_forgets)
{
    dura_block_config c = camera(DURA_B_REPEAT);
    dura_block_state s = DURA_BLOCK_STATE_INIT;
    dura_block *b = built(&c);
    dt_eq(dura_block_features(b, feature, 16), DURA_ENOENT);
    scene();
    (void)show(b), (void)show(b), scene(), (void)show(b);
    dt_eq(dura_block_query(b, &s), DURA_OK);
    dt_eq(s.blocks, 3);
    dt_eq(s.accepted, 2);
    dt_eq(s.repeats, 1);
    dt_ok(near(s.quality, 2.0f / 3.0f, 1e-6f));
    dt_eq(dura_block_reset(b), DURA_OK);
    dt_eq(show(b), DURA_GOOD, "nothing is remembered");
    dt_eq(dura_block_query(NULL, &s), DURA_EINVAL);
    dt_eq(dura_block_reset(NULL), DURA_EINVAL);
}

/* ---- floats that the machine would bend ------------------------------------------------ */

static float of_bits(uint32_t u)
{
    float f;
    memcpy(&f, &u, sizeof f);
    return f;
}
/* Samples of all sizes, subnormal ones among them; every limit somewhere in the same sizes. */
static void fill_wild(uint32_t exponent, uint32_t spread)
{
    uint32_t i;
    for (i = 0; i < N; i++)
        window[i] = of_bits(dice(2) << 31 | (exponent + dice(spread)) % 166u << 23 | dice(32768) << 8);
}
#if defined(__SSE2__)
static uint32_t images_judged;

static float limit_at(uint32_t exponent)
{
    return of_bits((exponent % 200u) << 23 | dice(32768) << 8);
}

/* Verdicts, ratios and features of many windows, folded. */
static uint32_t digest_of_windows(void)
{
    uint32_t h = 2166136261u, run, i, k;
    dice_state = 7;
    for (run = 0; run < 500; run++) {
        dura_block_config c = vibration(DURA_B_OFFSET | DURA_B_LEVEL | DURA_B_SHAPE | DURA_B_BAND |
                                        DURA_B_LINE | DURA_B_SPECTRUM | DURA_B_UNLIKE);
        uint32_t exponent = dice(166);
        dura_block *b;
        for (i = 0; i < DURA_BLOCK_FEATURES; i++) {
            c.fail_hi[i] = limit_at(exponent + dice(8));
            c.fail_lo[i] = -limit_at(exponent + dice(8)) - 1e-30f;
            c.pin_scale[i] = of_bits((254u - exponent) % 160u << 23);
        }
        c.unlike_fail = 16.0f;
        b = built(&c);
        if (!b)
            continue;
        fill_wild(exponent, 1u + dice(20));
        h = (h ^ feel(b)) * 16777619u;
        dt_eq(dura_block_features(b, feature, DURA_BLOCK_FEATURES), DURA_OK);
        for (i = 0; i < sizeof feature; i++)
            h = (h ^ ((const uint8_t *)feature)[i]) * 16777619u;
        for (k = 0; k < sizeof rep; k++)
            h = (h ^ ((const uint8_t *)&rep)[k]) * 16777619u;
    }
    return h;
}

/* The same of images: their figures are counts, but limits, pins and the distance are not. */
static uint32_t digest_of_images(void)
{
    uint32_t h = 2166136261u, run, i, k;
    dice_state = 11;
    for (run = 0; run < 500; run++) {
        dura_block_config c = camera(DURA_B_EXPOSURE | DURA_B_BALANCE | DURA_B_CONTRAST | DURA_B_BLUR | DURA_B_NOISE |
                                     DURA_B_LINES | DURA_B_ELEMENTS | DURA_B_CHANGE | DURA_B_UNLIKE);
        uint32_t exponent = run % 2u ? dice(12) : 90u + dice(60);    /* half about the smallest normal */
        dura_block *b;
        for (i = 0; i < DURA_BLOCK_FEATURES; i++) {
            c.fail_hi[i] = c.suspect_hi[i] = limit_at(exponent + dice(8));
            c.fail_lo[i] = c.suspect_lo[i] = -limit_at(exponent + dice(8));
            c.pin_mean[i] = of_bits(dice(32768) << 8);   /* subnormal */
            c.pin_scale[i] = of_bits(dice(140) << 23 | dice(32768) << 8);
        }
        c.unlike_fail = limit_at(100u + dice(60));
        c.clip_lo = run % 5u ? 4.0f : of_bits(dice(32768) << 8);
        b = built(&c);
        h = (h ^ (b != NULL)) * 16777619u;   /* what is taken does not depend on it either */
        if (!b)
            continue;
        for (k = 0; k < 3; k++) {
            uint32_t what = dice(4);
            scene();
            if (what == 1)           /* hardly any spread, then none at all */
                memset(image, 90, sizeof image), image[dice(sizeof image)] ^= 1;
            else if (what == 2)
                memset(image, 90, sizeof image);
            h = (h ^ show(b)) * 16777619u;
            for (i = 0; i < sizeof feature; i++)
                h = (h ^ ((const uint8_t *)feature)[i]) * 16777619u;
            for (i = 0; i < sizeof rep; i++)
                h = (h ^ ((const uint8_t *)&rep)[i]) * 16777619u;
        }
        images_judged++;
    }
    return h;
}
#endif

DT_TEST(block_floats, images_are_judged_the_same_when_subnormals_are_flushed)
{
#if defined(__SSE2__)
    uint32_t plain = digest_of_images(), flushed;
    unsigned csr = _mm_getcsr();
    dt_ok(images_judged > 400, "only %u configurations were taken", images_judged);
    _mm_setcsr(csr | 0x8040u);   /* FTZ and DAZ */
    flushed = digest_of_images();
    _mm_setcsr(csr);
    dt_eq(flushed, plain);
#else
    dt_skip("no way to flush subnormals here");
#endif
}

DT_TEST(block_floats, windows_are_judged_the_same_when_subnormals_are_flushed)
{
#if defined(__SSE2__)
    uint32_t plain = digest_of_windows(), flushed;
    unsigned csr = _mm_getcsr();
    _mm_setcsr(csr | 0x8040u);   /* FTZ and DAZ */
    flushed = digest_of_windows();
    _mm_setcsr(csr);
    dt_eq(flushed, plain);
#else
    dt_skip("no way to flush subnormals here");
#endif
}

DT_TEST(block_floats, features_of_any_finite_window_are_finite)
{
    dura_block_config c = vibration(DURA_B_LEVEL);
    dura_block *b = built(&c);
    uint32_t run, i;
    for (run = 0; run < 200; run++) {
        fill_wild(dice(166), 1u + dice(40));
        dt_ok(feel(b) != DURA_MISSING && !(rep.reasons & DURA_B_NONFINITE), "run %u", run);
        dt_eq(dura_block_features(b, feature, DURA_BLOCK_FEATURES), DURA_OK);
        for (i = 0; i < DURA_BLOCK_FEATURES; i++)
            dt_ok(feature[i] >= -3.4e38f && feature[i] <= 3.4e38f, "run %u feature %u", run, i);
    }
}
