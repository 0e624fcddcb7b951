/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The sensor on any configuration and any frames. The head of the input makes the
 * channels, the rest the frames. Whatever comes:
 *   what is not finite is never GOOD, and never usable;
 *   what is usable is always finite, and 0 where a channel has nothing;
 *   a verdict follows from its reasons, a frame's verdict and action from its channels;
 *   ratio and quality stay in their ranges;
 *   update_n on a twin says the same as update, and leaves the same state.
 */
#include <dura/sensor.h>

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { N = 40, FRAMES = 400 };

typedef struct bytes {
    const uint8_t *p;
    size_t left;
} bytes;

static void must(int holds)
{
    if (!holds)
        abort();
}

/* The next n bytes as a little-endian number; zeros behind the end. */
static uint64_t take(bytes *in, size_t n)
{
    uint64_t v = 0;
    size_t i;
    for (i = 0; i < n && in->left; i++, in->p++, in->left--)
        v |= (uint64_t)*in->p << (8 * i);
    return v;
}
static float take_float(bytes *in)
{
    uint32_t u = (uint32_t)take(in, 4);
    float f;
    memcpy(&f, &u, sizeof f);
    return f;
}
static int finite(float f)
{
    uint32_t u;
    memcpy(&u, &f, sizeof u);
    return (u & 0x7F800000u) != 0x7F800000u;
}

/* Times from a byte: 0, or up to 2^62 ns. */
static int64_t take_time(bytes *in)
{
    uint8_t b = (uint8_t)take(in, 1);
    return (int64_t)(((uint64_t)b & 7u) << (b >> 2) % 60u);
}

static dura_sensor_channel sound(uint16_t checks, uint8_t flags)
{
    dura_sensor_channel c = DURA_SENSOR_CHANNEL_INIT;
    c.checks = checks;
    c.flags = flags;
    c.fail_lo = c.suspect_lo = -1.0f;
    c.fail_hi = c.suspect_hi = 1.0f;
    c.rate_fail = 1.0f;
    c.flat_fail_ns = 1000000000;
    return c;
}

/* Any channel; one that attach refuses is replaced by a sound one with the same checks. */
static void attach(dura_sensor *s, uint16_t i, bytes *in)
{
    uint8_t head = (uint8_t)take(in, 1), flags = (uint8_t)take(in, 1);
    dura_sensor_channel c = sound(head & 31u, flags & 3u);
    if (head & 32u) {
        c.fail_lo = take_float(in);
        c.suspect_lo = take_float(in);
        c.suspect_hi = take_float(in);
        c.fail_hi = take_float(in);
    }
    if (head & 64u) {
        c.rate_suspect = take_float(in);
        c.rate_fail = take_float(in);
        c.flat_tolerance = take_float(in);
    }
    c.max_age_ns = take_time(in);
    c.hold_ns = take_time(in);
    if (head & 128u) {
        c.flat_suspect_ns = take_time(in);
        c.flat_fail_ns = take_time(in);
    }
    if (dura_sensor_attach(s, i, &c) == DURA_OK)
        return;
    c = sound((head & 31u) ? head & 31u : DURA_CHECK_FINITE, flags & 3u);
    must(dura_sensor_attach(s, i, &c) == DURA_OK);
}

static uint8_t verdict_of(uint32_t r)
{
    uint32_t fail = DURA_R_TIME_REVERSED | DURA_R_TIME_DUPLICATE | DURA_R_NONFINITE |
                    DURA_R_RANGE_FAIL | DURA_R_RATE_FAIL | DURA_R_FLAT_FAIL;
    uint32_t suspect = DURA_R_TIME_GAP | DURA_R_RANGE_SUSPECT | DURA_R_RATE_SUSPECT |
                       DURA_R_FLAT_SUSPECT;
    if (r & DURA_R_MISSING)
        return DURA_MISSING;
    return r & fail ? DURA_FAIL : r & suspect ? DURA_SUSPECT : r & DURA_R_WARMUP ? DURA_UNKNOWN : DURA_GOOD;
}

static void channel_holds(const dura_sensor *s, uint16_t i, float x, int gone, float usable)
{
    uint32_t r = dura_sensor_reasons(s)[i];
    uint8_t v = dura_sensor_verdicts(s)[i];
    dura_sensor_state st = DURA_SENSOR_STATE_INIT;
    must(v == verdict_of(r));
    must(finite(usable));
    if (!gone && !finite(x))
        must(v == DURA_FAIL && (r & DURA_R_NONFINITE));
    if (v >= DURA_FAIL && !(r & DURA_R_SUBSTITUTED))
        must(usable == 0.0f);
    if (r & DURA_R_SUBSTITUTED)
        must(v == DURA_FAIL && !gone && !(r & (DURA_R_TIME_REVERSED | DURA_R_TIME_DUPLICATE)));
    if (!gone && v < DURA_FAIL)
        must(memcmp(&x, &usable, sizeof x) == 0);
    must((r & ~0x3FFFu) == 0 && (!(r & DURA_R_STALE) || v == DURA_MISSING));
    must(dura_sensor_query(s, i, &st) == DURA_OK);
    must(st.verdict == v && st.reasons == r && memcmp(&st.value, &usable, sizeof usable) == 0);
    must(finite(st.ratio) && st.ratio >= 0.0f && st.quality >= 0.0f && st.quality <= 1.0f);
    if (r & (DURA_R_RANGE_FAIL | DURA_R_RATE_FAIL | DURA_R_FLAT_FAIL))
        must(st.ratio > 1.0f);
    else
        must(st.ratio <= 1.0f);
}

static void frame_holds(const dura_sensor *s, const uint8_t *flags, uint16_t n, const dura_sensor_report *r)
{
    uint8_t worst = DURA_GOOD, reject = 0;
    uint16_t i, not_good = 0, first = DURA_NONE;
    uint32_t all = 0;
    for (i = 0; i < n; i++) {
        uint8_t v = dura_sensor_verdicts(s)[i];
        uint32_t bits = dura_sensor_reasons(s)[i];
        all |= bits;
        not_good = (uint16_t)(not_good + (v != DURA_GOOD));
        if (!(flags[i] & DURA_CHANNEL_REQUIRED))
            continue;
        if (v > worst) {
            worst = v;
            first = i;
        }
        reject |= v == DURA_SUSPECT && !(flags[i] & DURA_CHANNEL_SUSPECT_OK);
        reject |= v >= DURA_FAIL && !(bits & DURA_R_SUBSTITUTED);
    }
    must(r->verdict == worst && r->worst_channel == first && r->reasons == all);
    must(r->n_not_good == not_good && r->reserved == 0);
    must(r->action == (reject ? DURA_REJECT : all & DURA_R_SUBSTITUTED ? DURA_SUBSTITUTE : DURA_PASS));
}

/* The stamp of a frame: a small step either way, a large one, or any. */
static int64_t step(bytes *in, int64_t t)
{
    uint8_t how = (uint8_t)take(in, 1);
    int64_t by = how < 128 ? (int64_t)(how & 63u) * 100000000 : how < 192 ? -(int64_t)(how & 63u) * 100000000
                 : (int64_t)(take(in, 8) >> 1) - t;
    if (by > 0 && t > INT64_MAX - by)
        return INT64_MAX;
    return t + by < 0 ? 0 : t + by;
}

static void run(dura_sensor *s, dura_sensor *twin, size_t bytes_each, uint16_t n, const uint8_t *flags,
                bytes *in)
{
    float x[N], usable[N];
    uint8_t gone[N], verdicts[N], action;
    int64_t t = 0;
    int f, together = 1;
    for (f = 0; f < FRAMES && in->left; f++) {
        dura_sensor_report r = DURA_SENSOR_REPORT_INIT;
        uint64_t absent;
        uint16_t i;
        t = step(in, t);
        absent = take(in, 1) & 1 ? take(in, 5) : 0;
        for (i = 0; i < n; i++) {
            x[i] = take_float(in);
            gone[i] = (uint8_t)(absent >> i & 1u);
        }
        must(dura_sensor_update(s, t, x, gone, n, usable, &r) == DURA_OK);
        for (i = 0; i < n; i++)
            channel_holds(s, i, x[i], gone[i], usable[i]);
        frame_holds(s, flags, n, &r);
        together &= absent == 0; /* update_n has no way to say that a value is missing */
        if (!together)
            continue;
        must(dura_sensor_update_n(twin, &t, x, 1, n, &action, verdicts) == DURA_OK);
        must(action == r.action && memcmp(verdicts, dura_sensor_verdicts(s), n) == 0);
        must(memcmp(s, twin, bytes_each) == 0);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint64_t mem[2][DURA_SENSOR_BYTES(N) / 8];
    bytes in = {data, size};
    dura_sensor_config cfg = DURA_SENSOR_CONFIG_INIT;
    dura_sensor *s, *twin;
    uint8_t flags[N];
    uint16_t i;
    cfg.n_channels = (uint16_t)(1 + take(&in, 1) % N);
    cfg.rebase_after = (uint16_t)(take(&in, 1) & 7u);
    cfg.gap_ns = take_time(&in);
    memset(mem[0], 0xA5, sizeof mem[0]);
    must(dura_sensor_init(&s, mem[0], dura_sensor_bytes(&cfg), &cfg) == DURA_OK);
    for (i = 0; i < cfg.n_channels; i++) {
        flags[i] = in.left > 1 ? in.p[1] & 3u : 0;
        attach(s, i, &in);
    }
    memcpy(mem[1], mem[0], sizeof mem[0]);
    twin = (dura_sensor *)(void *)mem[1];
    run(s, twin, dura_sensor_bytes(&cfg), cfg.n_channels, flags, &in);
    must(dura_sensor_reset(s) == DURA_OK && dura_sensor_reset(twin) == DURA_OK);
    must(memcmp(mem[0], mem[1], sizeof mem[0]) == 0);
    return 0;
}
