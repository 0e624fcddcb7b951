/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An extended sensor with any checks over any frames. Whatever comes:
 *   what is not finite is never GOOD, and what is usable is always finite;
 *   a verdict follows from its reasons; ESTIMATED never stands without SUBSTITUTED;
 *   a check that is refused changes nothing;
 *   update_n on a twin says the same as update;
 *   reset makes it as new.
 */
#include <dura/sensor_checks.h>

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { N = 8, CHECKS = 12, TERMS = 16, FRAMES = 64, S = 1000000000 };

typedef struct bytes {
    const uint8_t *p;
    size_t left;
} bytes;

static uint32_t terms[CHECKS][TERMS * 2 + TERMS * (TERMS + 1) / 2];

static void must(int holds)
{
    if (!holds)
        abort();
}

static uint32_t take(bytes *in, size_t n)
{
    uint32_t v = 0;
    for (size_t i = 0; i < n && in->left; i++, in->p++, in->left--)
        v |= (uint32_t)*in->p << (8 * i);
    return v;
}
static float take_float(bytes *in)
{
    uint32_t head = take(in, 1), u = head & 1u ? take(in, 4) : 0;
    float f = (float)(int8_t)(uint8_t)head * 0.5f;
    if (head & 1u)
        memcpy(&f, &u, sizeof f);
    return f;
}
static int finite(float f)
{
    uint32_t u;
    memcpy(&u, &f, sizeof u);
    return (u & 0x7F800000u) != 0x7F800000u;
}

static dura_sensor_channel a_channel(uint32_t head)
{
    dura_sensor_channel c = DURA_SENSOR_CHANNEL_INIT;
    c.kind = head & 1u ? DURA_KIND_I32 : DURA_KIND_F32;
    c.flags = (head >> 1) & 3u;
    c.checks = DURA_CHECK_TIME | (head & 8u ? DURA_CHECK_RANGE : 0) | (head & 16u ? DURA_CHECK_RATE : 0) |
               (head & 32u ? DURA_CHECK_FLAT : 0);
    c.fail_lo = c.suspect_lo = c.kind ? dura_i32_cell(-100) : -100.0f;
    c.fail_hi = c.suspect_hi = c.kind ? dura_i32_cell(1 << 30) : 100.0f;
    c.rate_fail = 50.0f;
    c.flat_fail_ns = 3ll * S;
    c.max_age_ns = head & 64u ? 2ll * S : 0;
    c.hold_ns = head & 128u ? 4ll * S : 0;
    return c;
}

/* Fields as they come, bytes and halves kept small enough to be often right. */
static dura_sensor_check a_check(bytes *in, uint32_t *room)
{
    dura_sensor_check c;
    memset(&c, 0, sizeof c);
    c.struct_size = (uint32_t)sizeof c;
    c.kind = (uint8_t)(take(in, 1) % 11u);
    c.level = take(in, 1) & 1u ? DURA_FAIL : DURA_SUSPECT;
    c.flags = (uint8_t)(take(in, 1) & 1u);
    c.channel = (uint16_t)(take(in, 1) % (N + 1u));
    c.other = (uint16_t)(take(in, 1) % (N + 1u));
    c.window = (uint16_t)take(in, 1);
    c.window2 = (uint16_t)take(in, 1);
    c.suspect = take_float(in), c.fail = take_float(in);
    c.mean = take_float(in), c.scale = take_float(in);
    c.lo = take_float(in), c.hi = take_float(in);
    c.if_lo = take_float(in), c.if_hi = take_float(in);
    c.from_lo = take_float(in), c.from_hi = take_float(in);
    c.n_terms = take(in, 1) % (TERMS + 1u);
    c.terms = room;
    for (uint32_t i = 0; i < c.n_terms; i++) {
        uint32_t channel = take(in, 1) % N, back = take(in, 1) & 1u;
        float w = take_float(in);
        room[2 * i] = channel | back << 16;
        memcpy(&room[2 * i + 1], &w, sizeof w);
    }
    for (uint32_t i = 0; c.kind == DURA_CK_JOINT && i < c.n_terms * (c.n_terms + 1u) / 2u; i++) {
        float w = take_float(in);
        memcpy(&room[2 * c.n_terms + i], &w, sizeof w);
    }
    return c;
}

typedef struct twin {
    uint64_t memory[DURA_SENSOR_BYTES(N) / 8];
    uint64_t more[DURA_SENSOR_EXTRA_BYTES(N, CHECKS, 64) / 8 + 1];
    dura_sensor *s;
} twin;

static void build(twin *t, bytes *in)
{
    dura_sensor_config cfg = DURA_SENSOR_CONFIG_INIT;
    dura_sensor_extra x = DURA_SENSOR_EXTRA_INIT;
    uint32_t n_checks;
    cfg.n_channels = x.n_channels = N;
    cfg.gap_ns = 20ll * S;
    x.n_checks = CHECKS;
    x.n_joint = 64;
    must(dura_sensor_init(&t->s, t->memory, sizeof t->memory, &cfg) == DURA_OK);
    for (uint16_t i = 0; i < N; i++) {
        dura_sensor_channel c = a_channel(take(in, 1));
        must(dura_sensor_attach(t->s, i, &c) == DURA_OK);
    }
    must(dura_sensor_extend(t->s, t->more, sizeof t->more, &x) == DURA_OK);
    n_checks = take(in, 1) % (CHECKS + 1u);
    for (uint32_t i = 0; i < n_checks; i++) {
        dura_sensor_check c = a_check(in, terms[i]);
        int rc = dura_sensor_add(t->s, &c);
        must(rc == DURA_OK || rc == DURA_EINVAL || rc == DURA_EVERSION || rc == DURA_ESTATE || rc == DURA_ENOSPC);
    }
}

static void look(const dura_sensor *s, const float *v, const uint8_t *gone, const uint32_t *heads, const float *usable)
{
    const uint32_t *why = dura_sensor_reasons(s);
    const uint8_t *verdict = dura_sensor_verdicts(s);
    for (size_t i = 0; i < N; i++) {
        must(finite(usable[i]));
        must((heads[i] & 1u) || gone[i] || finite(v[i]) || verdict[i] == DURA_FAIL);
        must((why[i] == 0) == (verdict[i] == DURA_GOOD));
        must(!(why[i] & DURA_R_ESTIMATED) || (why[i] & DURA_R_SUBSTITUTED));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static twin a, b;
    static float v[FRAMES][N];
    static int64_t at[FRAMES];
    static uint8_t actions[FRAMES], verdicts[FRAMES * N], first[FRAMES];
    bytes in = {data, size}, again = {data, size};
    uint32_t heads[N];
    const uint8_t none[N] = {0};
    int64_t now = 100ll * S;
    size_t n = 0;
    build(&a, &in);
    build(&b, &again);
    for (size_t i = 0; i < N; i++)
        heads[i] = i < size ? data[i] : 0;
    for (; n < FRAMES && in.left; n++) {
        dura_sensor_report r = DURA_SENSOR_REPORT_INIT;
        float usable[N];
        uint32_t step = take(&in, 1);
        now += step < 250 ? S : step < 252 ? 30ll * S : step < 254 ? -S : 0;
        at[n] = now < 0 ? 0 : now;
        for (size_t i = 0; i < N; i++)
            v[n][i] = take_float(&in);
        must(dura_sensor_update(a.s, at[n], v[n], none, N, usable, &r) == DURA_OK);
        look(a.s, v[n], none, heads, usable);
        first[n] = r.action;
        memcpy(verdicts + n * N, dura_sensor_verdicts(a.s), N);
    }
    if (n > 0) {
        static uint8_t twice[FRAMES * N];
        must(dura_sensor_update_n(b.s, at, &v[0][0], n, N, actions, twice) == DURA_OK);
        must(memcmp(actions, first, n) == 0 && memcmp(twice, verdicts, n * N) == 0);
        must(dura_sensor_reset(b.s) == DURA_OK);
        must(dura_sensor_update_n(b.s, at, &v[0][0], n, N, actions, twice) == DURA_OK);
        must(memcmp(actions, first, n) == 0 && memcmp(twice, verdicts, n * N) == 0);
    }
    return 0;
}
