/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The images and windows of the test kit: the same from the same seed, moving, and spoilt as
 * asked and nowhere else. What a fault must leave is counted here, not taken from the kit.
 */
#include "dt.h"
#include "sim/dt_sim.h"

#define W 64u
#define H 48u
#define N 512u

static uint8_t one[W * H], two[W * H];
static float x[N], y[N];
static dt_scene scene;
static dt_machine machine;

static void look(uint32_t frame)
{
    dt_scene_init(&scene, W, H, 7);
    dt_scene_draw(&scene, frame, one);
    dt_scene_draw(&scene, frame, two);
}
static void listen(void)
{
    dt_machine_init(&machine, 7);
    dt_machine_draw(&machine, 3, x, N);
    dt_machine_draw(&machine, 3, y, N);
}
static uint32_t differing(void)
{
    uint32_t n = 0, i;
    for (i = 0; i < W * H; i++)
        n += one[i] != two[i];
    return n;
}
static uint32_t spoilt(uint32_t kind, float size)
{
    look(5);
    dt_image_fault(two, W, H, kind, size, 11);
    return differing();
}

DT_TEST(sim_scene, is_the_same_again_and_another_in_the_next_frame)
{
    look(5);
    dt_eq(differing(), 0);
    dt_scene_draw(&scene, 6, two);
    dt_ok(differing() > W * H / 2u);
}

DT_TEST(sim_scene, draws_any_seed_size_and_frame)
{
    uint64_t seed;
    for (seed = 0; seed < 40; seed++) {
        dt_scene_init(&scene, 16u + (uint32_t)seed, 16, seed);
        dt_scene_draw(&scene, (uint32_t)seed * 1000u, one);
        dt_scene_draw(&scene, (uint32_t)seed * 1000u, two);
        dt_mem(one, two, (16u + (uint32_t)seed) * 16u);
    }
}

DT_TEST(sim_image_fault, spoils_what_was_asked_and_no_more)
{
    uint32_t k;
    dt_ok(spoilt(DT_ROWS_BLACK, 2) <= 2 * W && spoilt(DT_ROWS_BLACK, 2) > W);
    dt_ok(spoilt(DT_ROWS_REPEATED, 1) <= W && spoilt(DT_ROWS_REPEATED, 1) > 0);
    dt_ok(spoilt(DT_ROWS_SHIFTED, 8) <= W * (H / 8u) && spoilt(DT_ROWS_SHIFTED, 8) > W);
    dt_eq(spoilt(DT_HOT, 1), 1);
    dt_eq(spoilt(DT_DEAD, 1), 1);
    dt_ok(spoilt(DT_COLUMN, 20) <= H && spoilt(DT_COLUMN, 20) > H / 2u);
    dt_ok(spoilt(DT_COVERED, 0.5f) <= W * H / 2u && spoilt(DT_COVERED, 0.5f) > W * H / 3u);
    dt_eq(spoilt(0, 1), 0, "no such fault");
    for (k = DT_ROWS_BLACK; k <= DT_COVERED; k++)
        dt_ok(spoilt(k, k == DT_COVERED || k == DT_HAZE || k == DT_UNDEREXPOSED ? 0.5f : 3.0f) > 0);
}

DT_TEST(sim_machine, is_the_same_again_and_another_in_the_next_window)
{
    listen();
    dt_mem(x, y, sizeof x);
    dt_machine_draw(&machine, 4, y, N);
    dt_ok(memcmp(x, y, sizeof x) != 0);
}

DT_TEST(sim_window_fault, spoils_what_was_asked)
{
    uint32_t i, held = 0, zero = 0;
    listen();
    dt_window_fault(y, N, DT_CLIP, 0.25f, 1);
    for (i = 0; i < N; i++)
        dt_ok(y[i] <= 0.25f && y[i] >= -0.25f);
    listen();
    dt_window_fault(y, N, DT_HELD, 0.25f, 1);
    for (i = 1; i < N; i++)
        held += memcmp(&y[i], &y[i - 1], sizeof y[i]) == 0;
    dt_eq(held, N / 4u);
    listen();
    dt_window_fault(y, N, DT_SILENCE, 0.5f, 1);
    for (i = 0; i < N; i++)
        zero += y[i] <= 0.0f && y[i] >= 0.0f;
    dt_eq(zero, N / 2u);
}

DT_TEST(sim_counts, rounds_and_stops_at_the_rails)
{
    static const float in[6] = {0.4f, 0.5f, -0.5f, 1e9f, -1e9f, -2.6f};
    static const int16_t want[6] = {0, 1, -1, 32767, -32768, -3};
    int16_t out[6];
    dt_counts(in, 6, 1.0f, out);
    dt_mem(out, want, sizeof want);
}
