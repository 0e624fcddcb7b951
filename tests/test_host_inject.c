/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The injector, fault by fault. Expected frames are worked out here from the table in
 * docs/testkit.md: a few numbers by hand, whole stretches from their definition.
 */
#include "dt.h"

#include <dura/host/inject.h>

#include <math.h>

enum { ROWS = 400, N = 3, FIRST = 200, LENGTH = 50 };
#define S 1000000000LL

static float clean[ROWS * N], out[ROWS * N];
static uint8_t gone[ROWS * N];
static int64_t stamp[ROWS];
static dura_inject_channel measure[N];

/* Three channels that differ in level, size and quickness; a second a frame from 1000 s on. */
static void make_clean(void)
{
    uint64_t z = 7;
    double slow = 0.0;
    for (int i = 0; i < ROWS; i++) {
        double u[2];
        for (int k = 0; k < 2; k++) {
            z = z * 6364136223846793005u + 1442695040888963407u;
            u[k] = (double)(int32_t)(z >> 32) / 2147483648.0;
        }
        slow = 0.95 * slow + u[1];
        clean[i * N] = (float)(10.0 + u[0]);
        clean[i * N + 1] = (float)(-500.0 + 20.0 * slow);
        clean[i * N + 2] = (float)(0.001 * u[0] * u[1]);
        stamp[i] = (1000 + i) * S;
    }
    memset(gone, 0, sizeof gone);
    dt_eq(dura_inject_measure(measure, clean, NULL, FIRST, N), DURA_OK, "measure");
}

static dura_inject_fault fault(uint8_t kind, uint16_t channel)
{
    dura_inject_fault f = DURA_INJECT_FAULT_INIT;
    f.kind = kind;
    f.channel = channel;
    f.other = (uint16_t)((channel + 1) % N);
    f.first = FIRST;
    f.length = LENGTH;
    return f;
}

/* All frames through one fault, into `out` and `stamp`. */
static void run(const dura_inject_fault *f, uint64_t seed)
{
    dura_inject *x;
    dt_eq(dura_inject_open(&x, measure, N, f, seed), DURA_OK, "%s", dura_inject_name(f->kind));
    uint64_t last = f->first + (f->kind == DURA_INJECT_SPIKE ? 1 : f->length);
    memcpy(out, clean, sizeof out);
    for (uint64_t i = 0; i < ROWS; i++) {
        stamp[i] = (1000 + (int64_t)i) * S;
        int in = dura_inject_next(x, &stamp[i], out + i * N, gone + i * N);
        dt_eq(in, i >= f->first && i < last, "%s at %d", dura_inject_name(f->kind), (int)i);
    }
    dura_inject_close(x);
}

static double was(int row, int c) { return (double)clean[row * N + c]; }
static double is(int row, int c) { return (double)out[row * N + c]; }
static int same(int row, int c) { return memcmp(&clean[row * N + c], &out[row * N + c], sizeof(float)) == 0; }

/* Nothing but rows first..first+n-1 of channels from..to is another. */
static void only_there(const char *what, int n, int from, int to)
{
    for (int i = 0; i < ROWS; i++)
        for (int c = 0; c < N; c++)
            if (i < FIRST || i >= FIRST + n || c < from || c > to)
                dt_ok(same(i, c), "%s changed row %d channel %d", what, i, c);
}

static int is_of_time(uint32_t kind) { return kind >= DURA_INJECT_TIME_REVERSED && kind <= DURA_INJECT_TIME_GAP; }

/* ---- measuring ---------------------------------------------------------------------------- */

DT_TEST(host_inject_measure, is_robust_and_leaves_out_what_is_missing)
{
    static const float x[] = {1, 2, 3, 4, 5, 1e9f, NAN, 77};
    static const uint8_t missing[] = {0, 0, 0, 0, 0, 0, 0, 1};
    dura_inject_channel m;
    dt_eq(dura_inject_measure(&m, x, missing, 8, 1), DURA_OK, "");
    dt_ok(fabs(m.median - 3.5) < 1e-12, "1 2 3 4 5 1e9: %g", m.median);
    dt_ok(fabs(m.deviation - 1.4826 * 1.5) < 1e-9, "distances .5 .5 1.5 1.5 2.5 1e9: %g", m.deviation);
}

DT_TEST(host_inject_measure, takes_the_standard_deviation_where_most_values_are_equal)
{
    static const float x[] = {4, 4, 4, 4, 4, 4, 4, 8};
    dura_inject_channel m;
    dt_eq(dura_inject_measure(&m, x, NULL, 8, 1), DURA_OK, "");
    dt_ok(fabs(m.deviation - 1.4142136) < 1e-6, "mean 4.5, squares 14 over 7: %g", m.deviation);
    dt_ok(m.noise > 0.0, "one step of 4: %g", m.noise);
}

DT_TEST(host_inject_measure, tells_noise_from_movement)
{
    float x[200];
    for (int i = 0; i < 200; i++) /* a ramp of 1 a row with +-0.5 on it: steps are 0 and 2 */
        x[i] = (float)i + (i & 1 ? 0.5f : -0.5f);
    dura_inject_channel m;
    dt_eq(dura_inject_measure(&m, x, NULL, 200, 1), DURA_OK, "");
    dt_ok(m.deviation > 70 && m.deviation < 80, "quarter of 200 x 1.4826: %g", m.deviation);
    dt_ok(m.noise > 0.7 && m.noise < 1.6, "distance 1 of the steps, x 1.4826 / sqrt 2: %g", m.noise);
}

DT_TEST(host_inject_measure, gives_zeros_where_there_is_no_number)
{
    static const float x[] = {NAN, INFINITY};
    dura_inject_channel m = {1, 2, 3};
    dt_eq(dura_inject_measure(&m, x, NULL, 2, 1), DURA_OK, "");
    dt_ok(m.median == 0.0 && m.deviation == 0.0 && m.noise == 0.0, "");
}

/* ---- values ------------------------------------------------------------------------------- */

DT_TEST(host_inject_next, makes_each_fault_of_values_as_it_is_defined)
{
    make_clean();
    for (int c = 0; c < N; c++) {
        double mean = 0.0, s = measure[c].deviation, median = measure[c].median;
        for (int i = FIRST - 17; i < FIRST; i++)
            mean += was(i, c) / 17.0;
        for (uint8_t kind = 1; kind < DURA_INJECT_KINDS; kind++) {
            if (is_of_time(kind) || kind == DURA_INJECT_NOISE)
                continue;
            dura_inject_fault f = fault(kind, (uint16_t)c);
            run(&f, 5);
            int n = kind == DURA_INJECT_SPIKE ? 1 : LENGTH;
            if (kind != DURA_INJECT_SWAP)
                only_there(dura_inject_name(kind), n, c, c);
            double sign = is(FIRST, c) < was(FIRST, c) ? -1.0 : 1.0;
            for (int k = 0; k < n; k++) {
                double x = was(FIRST + k, c), y = is(FIRST + k, c), want = y;
                switch (kind) {
                case DURA_INJECT_SPIKE: want = x + sign * 8.0 * s; break;
                case DURA_INJECT_ATTENUATED: want = mean + 0.2 * (x - mean); break;
                case DURA_INJECT_NAN: dt_ok(isnan(y), "NaN"); continue;
                case DURA_INJECT_INF: dt_ok(isinf(y), "Inf"); continue;
                case DURA_INJECT_SWAP: want = was(FIRST + k, (c + 1) % N); break;
                case DURA_INJECT_UNIT: want = 1.8 * x + 32.0; break;
                case DURA_INJECT_STUCK: want = was(FIRST - 1, c); break;
                case DURA_INJECT_BIAS: want = x + sign * 3.0 * s; break;
                case DURA_INJECT_DRIFT: want = x + sign * 5.0 * s * (k + 1) / LENGTH; break;
                case DURA_INJECT_SIGN: want = -x; break;
                case DURA_INJECT_SATURATED: want = x < median ? x : median; break;
                case DURA_INJECT_REPLAY: want = was(FIRST - LENGTH + k, c); break;
                default: dt_fail("no definition of %s here", dura_inject_name(kind));
                }
                dt_ok(fabs(y - want) <= 1e-6 * (fabs(want) + s), "%s channel %d frame %d: %g, want %g",
                      dura_inject_name(kind), c, k, y, want);
            }
        }
    }
}

DT_TEST(host_inject_next, swaps_both_channels_with_what_is_missing_of_them)
{
    make_clean();
    dura_inject_fault f = fault(DURA_INJECT_SWAP, 0);
    gone[(FIRST + 3) * N] = 1;
    run(&f, 1);
    only_there("swap", LENGTH, 0, 1);
    for (int k = 0; k < LENGTH; k++)
        dt_ok(is(FIRST + k, 1) == was(FIRST + k, 0) && is(FIRST + k, 0) == was(FIRST + k, 1), "frame %d", k);
    dt_ok(gone[(FIRST + 3) * N] == 0 && gone[(FIRST + 3) * N + 1] == 1, "a hole moves too");
}

/* Noise must be white, centred, and make 5 times the deviation of the steps in all. */
DT_TEST(host_inject_next, adds_white_noise_of_the_asked_size)
{
    enum { MANY = 20000 };
    const dura_inject_channel m = {0.0, 10.0, 2.0};
    dura_inject_fault f = fault(DURA_INJECT_NOISE, 0);
    dura_inject *x;
    double sum = 0.0, squares = 0.0, next = 0.0, before = 0.0;
    f.length = MANY;
    dt_eq(dura_inject_open(&x, &m, 1, &f, 3), DURA_OK, "");
    for (int i = 0; i < FIRST + MANY; i++) {
        int64_t t = i;
        float v = 100.0f;
        dt_eq(dura_inject_next(x, &t, &v, NULL), i >= FIRST, "frame %d", i);
        double off = (double)v - 100.0;
        sum += off, squares += off * off, next += off * before;
        before = off;
    }
    double deviation = sqrt(squares / MANY);
    dt_ok(fabs(deviation / (2.0 * sqrt(24.0)) - 1.0) < 0.02, "sqrt(5^2 - 1) x 2 = 9.80: %g", deviation);
    dt_ok(fabs(sum / MANY) < 0.3, "mean %g", sum / MANY);
    dt_ok(fabs(next / squares) < 0.03, "neighbours correlate by %g", next / squares);
    dura_inject_close(x);
}

DT_TEST(host_inject_next, replays_all_channels_with_their_holes)
{
    make_clean();
    dura_inject_fault f = fault(DURA_INJECT_REPLAY, DURA_NONE);
    gone[(FIRST - LENGTH + 4) * N + 2] = 1;
    gone[(FIRST + 9) * N] = 1;
    run(&f, 1);
    only_there("replay", LENGTH, 0, N - 1);
    for (int k = 0; k < LENGTH; k++)
        for (int c = 0; c < N; c++) {
            dt_ok(is(FIRST + k, c) == was(FIRST - LENGTH + k, c), "frame %d", k);
            dt_eq(gone[(FIRST + k) * N + c], k == 4 && c == 2, "frame %d channel %d", k, c);
        }
}

DT_TEST(host_inject_next, leaves_what_is_missing_or_no_number)
{
    make_clean();
    clean[(FIRST + 1) * N] = NAN;
    gone[(FIRST + 2) * N] = 1;
    for (uint8_t kind = 1; kind < DURA_INJECT_KINDS; kind++) {
        if (is_of_time(kind) || kind == DURA_INJECT_SWAP || kind == DURA_INJECT_REPLAY)
            continue;
        dura_inject_fault f = fault(kind, 0);
        run(&f, 1);
        dt_ok(same(FIRST + 1, 0) && same(FIRST + 2, 0), "%s", dura_inject_name(kind));
        dt_eq(gone[(FIRST + 2) * N], 1, "%s", dura_inject_name(kind));
    }
}

DT_TEST(host_inject_next, takes_the_size_it_is_given)
{
    make_clean();
    dura_inject_fault f = fault(DURA_INJECT_BIAS, 0);
    f.size = 0.5;
    run(&f, 1);
    dt_ok(fabs(fabs(is(FIRST, 0) - was(FIRST, 0)) - 0.5 * measure[0].deviation) < 1e-6, "");
}

DT_TEST(host_inject_next, starts_a_stream_with_a_fault_if_asked)
{
    make_clean();
    for (uint8_t kind = 1; kind < DURA_INJECT_REPLAY; kind++) {
        dura_inject_fault f = fault(kind, 0);
        f.first = 0;
        run(&f, 1);
        for (int i = 0; i < ROWS; i++)
            dt_ok(stamp[i] >= 0, "%s", dura_inject_name(kind));
        if (kind == DURA_INJECT_STUCK)
            dt_ok(is(LENGTH - 1, 0) == was(0, 0) && same(LENGTH, 0), "stuck at the first value");
    }
}

/* ---- stamps -------------------------------------------------------------------------------- */

DT_TEST(host_inject_next, changes_stamps_and_no_value_for_faults_of_time)
{
    make_clean();
    for (uint8_t kind = DURA_INJECT_TIME_REVERSED; kind <= DURA_INJECT_TIME_GAP; kind++) {
        dura_inject_fault f = fault(kind, 0);
        run(&f, 1);
        only_there(dura_inject_name(kind), 0, 0, 0);
        for (int i = 0; i < ROWS; i++) {
            int64_t now = (1000 + i) * S, last = (1000 + FIRST - 1) * S, want = now;
            int in = i >= FIRST && i < FIRST + LENGTH;
            if (kind == DURA_INJECT_TIME_GAP && i >= FIRST)
                want = now + LENGTH * S; /* for good */
            else if (kind == DURA_INJECT_TIME_REVERSED && in)
                want = last - (i - FIRST + 1) * S;
            else if (kind == DURA_INJECT_TIME_DUPLICATE && in)
                want = last;
            dt_ok(stamp[i] == want, "%s at %d", dura_inject_name(kind), i);
        }
    }
}

DT_TEST(host_inject_next, keeps_stamps_legal_at_both_ends)
{
    const dura_inject_channel m = {0.0, 1.0, 1.0};
    dura_inject_fault f = fault(DURA_INJECT_TIME_REVERSED, 0);
    dura_inject *x;
    float v = 1.0f;
    int64_t t = 0;
    f.first = 1;
    dt_eq(dura_inject_open(&x, &m, 1, &f, 1), DURA_OK, "");
    dt_eq(dura_inject_next(x, &t, &v, NULL), 0, "");
    t = 5;
    dt_eq(dura_inject_next(x, &t, &v, NULL), 1, "");
    dt_ok(t == 0, "not below 0");
    t = -1;
    dt_eq(dura_inject_next(x, &t, &v, NULL), DURA_EINVAL, "");
    dura_inject_close(x);
    f.kind = DURA_INJECT_TIME_GAP;
    f.size = 1e9;
    f.first = 0;
    dt_eq(dura_inject_open(&x, &m, 1, &f, 1), DURA_OK, "");
    t = INT64_MAX - 3;
    dt_eq(dura_inject_next(x, &t, &v, NULL), 1, "");
    dt_ok(t == INT64_MAX, "nor beyond the end");
    dura_inject_close(x);
}

/* ---- the same again --------------------------------------------------------------------------- */

DT_TEST(host_inject_next, repeats_itself_for_a_seed_and_goes_both_ways_for_many)
{
    static float first[ROWS * N];
    int up = 0;
    make_clean();
    for (uint8_t kind = 1; kind < DURA_INJECT_KINDS; kind++) {
        dura_inject_fault f = fault(kind, 1);
        run(&f, 9);
        memcpy(first, out, sizeof out);
        run(&f, 9);
        dt_mem(out, first, sizeof out, "%s", dura_inject_name(kind));
    }
    for (uint64_t seed = 0; seed < 100; seed++) {
        dura_inject_fault f = fault(DURA_INJECT_SPIKE, 1);
        run(&f, seed);
        up += is(FIRST, 1) > was(FIRST, 1);
    }
    dt_ok(up > 30 && up < 70, "%d of 100 seeds go up", up);
}

/* ---- refusals --------------------------------------------------------------------------------- */

DT_TEST(host_inject_open, refuses_what_cannot_be_injected)
{
    static const struct { const char *text; uint8_t kind; uint16_t channel, other; uint64_t first, length; double size; } rows[] = {
        {"no kind", 0, 0, 1, FIRST, LENGTH, 0},
        {"a kind that is none", DURA_INJECT_KINDS, 0, 1, FIRST, LENGTH, 0},
        {"no length", DURA_INJECT_BIAS, 0, 1, FIRST, 0, 0},
        {"a channel too many", DURA_INJECT_BIAS, N, 1, FIRST, LENGTH, 0},
        {"all channels", DURA_INJECT_BIAS, DURA_NONE, 1, FIRST, LENGTH, 0},
        {"a negative size", DURA_INJECT_BIAS, 0, 1, FIRST, LENGTH, -1},
        {"a size that is no number", DURA_INJECT_BIAS, 0, 1, FIRST, LENGTH, NAN},
        {"an infinite size", DURA_INJECT_BIAS, 0, 1, FIRST, LENGTH, INFINITY},
        {"a gap of a century", DURA_INJECT_TIME_GAP, 0, 1, FIRST, LENGTH, 3.2e9},
        {"swap with itself", DURA_INJECT_SWAP, 1, 1, FIRST, LENGTH, 0},
        {"swap with nobody", DURA_INJECT_SWAP, 1, N, FIRST, LENGTH, 0},
        {"replay of what was not seen", DURA_INJECT_REPLAY, 1, 0, LENGTH - 1, LENGTH, 0},
        {"the same of all", DURA_INJECT_REPLAY, DURA_NONE, 0, LENGTH - 1, LENGTH, 0},
    };
    make_clean();
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        dura_inject_fault f = fault(rows[i].kind, rows[i].channel);
        dura_inject *x = (dura_inject *)&f;
        f.other = rows[i].other, f.first = rows[i].first, f.length = rows[i].length, f.size = rows[i].size;
        dt_eq(dura_inject_open(&x, measure, N, &f, 1), DURA_EINVAL, "%s", rows[i].text);
        dt_ok(x == NULL, "%s", rows[i].text);
    }
    dura_inject_fault f = fault(DURA_INJECT_REPLAY, 0), old = f;
    dura_inject *x;
    f.first = f.length = UINT64_MAX / 2;
    dt_eq(dura_inject_open(&x, measure, N, &f, 1), DURA_ENOSPC, "a window nobody can hold");
    old.struct_size = 8;
    dt_eq(dura_inject_open(&x, measure, N, &old, 1), DURA_EINVAL, "another version");
    dt_eq(dura_inject_open(&x, NULL, N, &f, 1), DURA_EINVAL, "");
    dt_eq(dura_inject_open(&x, measure, 0, &f, 1), DURA_EINVAL, "");
    dt_eq(dura_inject_open(&x, measure, N, NULL, 1), DURA_EINVAL, "");
    dt_eq(dura_inject_open(NULL, measure, N, &f, 1), DURA_EINVAL, "");
}

DT_TEST(host_inject_next, and_the_others_refuse_what_is_not_there)
{
    dura_inject_channel m;
    dura_inject *x;
    int64_t t = 0;
    float v = 0.0f;
    make_clean();
    dura_inject_fault f = fault(DURA_INJECT_BIAS, 0);
    dt_eq(dura_inject_measure(NULL, &v, NULL, 1, 1), DURA_EINVAL, "");
    dt_eq(dura_inject_measure(&m, NULL, NULL, 1, 1), DURA_EINVAL, "");
    dt_eq(dura_inject_measure(&m, &v, NULL, 0, 1), DURA_EINVAL, "");
    dt_eq(dura_inject_measure(&m, &v, NULL, 1, 0), DURA_EINVAL, "");
    dt_eq(dura_inject_open(&x, measure, N, &f, 1), DURA_OK, "");
    dt_eq(dura_inject_next(NULL, &t, &v, NULL), DURA_EINVAL, "");
    dt_eq(dura_inject_next(x, NULL, &v, NULL), DURA_EINVAL, "");
    dt_eq(dura_inject_next(x, &t, NULL, NULL), DURA_EINVAL, "");
    dura_inject_close(x);
    dura_inject_close(NULL);
    for (uint32_t k = 1; k < DURA_INJECT_KINDS; k++)
        dt_ok(dura_inject_name(k) != NULL, "kind %u has a name", k);
    dt_ok(dura_inject_name(0) == NULL && dura_inject_name(DURA_INJECT_KINDS) == NULL, "no others");
    dt_str(dura_inject_name(DURA_INJECT_REPLAY), "replay", "");
}
