/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dura_sensor.c - builds a sensor, takes its limits, shows what it knows of a channel.
 *
 * Frames are judged in dura_sensor_judge.c. Limits are checked here once and whole, so
 * that the judge need not doubt them: finite, ordered, every check with its limit.
 * Range limits are kept as integers that sort like floats; a limit that a level does
 * not have is set equal to the FAIL level, so that the level can never be met alone.
 *
 * Ratio and quality are worked out when somebody asks, not in every frame.
 */
#include "dura_sensor_priv.h"

#define CHECKS_KNOWN                                                                   \
    ((uint32_t)(DURA_CHECK_TIME | DURA_CHECK_FINITE | DURA_CHECK_RANGE |               \
                DURA_CHECK_RATE | DURA_CHECK_FLAT))
#define FLAGS_KNOWN ((uint32_t)(DURA_CHANNEL_REQUIRED | DURA_CHANNEL_SUSPECT_OK))

#define REBASE_DEFAULT 3u       /* one bad stamp is a glitch, two an echo, three a clock */
#define DEGRADED_DEFAULT 8u
#define INVALID_DEFAULT 32u
#define VALID_DEFAULT 2u
#define DWELL_DEFAULT 16u
#define HISTORY_FRAMES 64u      /* bits of sensor_block.bad of a channel */
#define JUST_ABOVE_1 0x3F800001u
#define LARGEST 0x7F7FFFFFu     /* FLT_MAX */
#define ENDLESS 0x7F800000u     /* infinity: a step or a distance nothing exceeds */

/* ---- building -------------------------------------------------------------------- */

static int states_are_sound(dura_sensor_config *c)
{
    c->degraded_at = c->degraded_at ? c->degraded_at : DEGRADED_DEFAULT;
    c->invalid_at = c->invalid_at ? c->invalid_at : INVALID_DEFAULT;
    c->valid_at = c->valid_at ? c->valid_at : VALID_DEFAULT;
    c->dwell_frames = c->dwell_frames ? c->dwell_frames : DWELL_DEFAULT;
    return c->degraded_at <= c->invalid_at && c->invalid_at <= HISTORY_FRAMES &&
           c->valid_at < c->degraded_at && c->dwell_frames <= HISTORY_FRAMES && c->reserved == 0;
}

static int read_config(dura_sensor_config *c, const dura_sensor_config *theirs)
{
    int rc;
    if (!theirs)
        return DURA_EINVAL;
    rc = durai_struct_in(c, (uint32_t)sizeof *c, theirs, theirs->struct_size, SENSOR_CONFIG_V1);
    if (rc < 0)
        return rc;
    if (c->n_channels < 1 || c->n_channels > DURA_CHANNELS_MAX || c->gap_ns < 0 || !states_are_sound(c))
        return DURA_EINVAL;
    if (c->rebase_after == 0)
        c->rebase_after = REBASE_DEFAULT;
    return DURA_OK;
}

static size_t block_count(uint16_t n)
{
    return ((size_t)n + LANES - 1u) / LANES;
}

/* Channels of block k. */
static size_t lanes_of(const dura_sensor *s, size_t k)
{
    size_t left = s->n - k * LANES;
    return left < LANES ? left : LANES;
}

static size_t object_bytes(uint16_t n)
{
    const size_t shown = LANES * (sizeof(uint32_t) + sizeof(uint8_t));
    size_t bytes = sizeof(dura_sensor) + block_count(n) * (sizeof(sensor_block) + shown);
    DURA_ASSERT(bytes <= DURA_SENSOR_BYTES(n));
    return bytes;
}

size_t dura_sensor_bytes(const dura_sensor_config *cfg)
{
    dura_sensor_config c;
    return read_config(&c, cfg) < 0 ? 0 : object_bytes(c.n_channels);
}

static void forget_block(sensor_block *b, size_t lanes)
{
    for (size_t i = 0; i < LANES; i++) {
        b->acc_ns[i] = b->good_ns[i] = NS_NEVER;
        b->bad[0][i] = b->bad[1][i] = 0;
        b->acc[i] = b->other[i] = b->good[i] = 0;
        durai_sensor_open_window(b, i, WIN_NONE, NS_NEVER);
        b->past[i] = (uint16_t)(PAST_REFUSED | PAST_NO_NUMBER);
        b->what[i] = (uint16_t)(b->what[i] & (((uint32_t)1 << STATE_SHIFT) - 1u));
    }
    b->calm = ALL_LANES & ~(((uint32_t)1 << lanes) - 1u);
}

void durai_sensor_forget(dura_sensor *s)
{
    size_t k, lanes = (size_t)s->blocks * LANES;
    DURA_ASSERT(s->blocks == block_count(s->n));
    for (k = 0; k < s->blocks; k++)
        forget_block(&s->block[k], lanes_of(s, k));
    for (k = 0; k < lanes; k++)
        durai_sensor_reasons(s)[k] = DURA_R_WARMUP;
    memset(durai_sensor_verdicts(s), DURA_UNKNOWN, lanes);
    s->due = 0;
    s->last_ns = NS_NEVER;
    s->reversed_ns = NS_NEVER;
    s->reversed = 0;
    s->dt = 0.0f;
    s->frames = 0;
    if (s->extra)
        s->extra->hooks->forget(s->extra);
}

/* Limits that every value meets, for the lanes past the last channel. */
static void pass_all(sensor_block *b)
{
    for (size_t i = 0; i < LANES; i++) {
        b->suspect_lo[i] = INT32_MIN;
        b->suspect_hi[i] = INT32_MAX;
        b->rate_suspect[i] = durai_f32(ENDLESS);
        b->flat_away[i] = ENDLESS;
    }
}

int dura_sensor_init(dura_sensor **out, void *mem, size_t len, const dura_sensor_config *cfg)
{
    dura_sensor_config c;
    dura_sensor *s = mem;
    int rc;
    if (!out)
        return DURA_EINVAL;
    *out = NULL;
    rc = read_config(&c, cfg);
    if (rc < 0)
        return rc;
    if (!mem)
        return DURA_EINVAL;
    if (((uintptr_t)mem & 7u) != 0)
        return DURA_EALIGN;
    if (len < object_bytes(c.n_channels))
        return DURA_ENOSPC;
    memset(s, 0, object_bytes(c.n_channels));
    s->n = c.n_channels;
    s->blocks = (uint16_t)block_count(c.n_channels);
    s->rebase_after = c.rebase_after;
    s->gap_ns = c.gap_ns;
    s->degraded_at = c.degraded_at;
    s->invalid_at = c.invalid_at;
    s->valid_at = c.valid_at;
    s->dwell = c.dwell_frames;
    for (size_t k = 0; k < s->blocks; k++)
        pass_all(&s->block[k]);
    durai_sensor_forget(s);
    *out = s;
    return DURA_OK;
}

/* ---- limits ---------------------------------------------------------------------- */

/* The value in integer order with both zeros 0, for comparing limits. */
static int32_t order(float f)
{
    int32_t rank = durai_sensor_rank(durai_f32_bits(f));
    return rank < 0 ? rank + 1 : rank;
}

static int ordered(float a, float b)
{
    return order(a) <= order(b);
}

/* A rate or tolerance as the judge multiplies and compares it: nothing subnormal. */
static float settled(float f)
{
    return durai_f32(durai_sensor_settle(durai_f32_bits(f)));
}

static int all_finite(const dura_sensor_channel *c)
{
    return durai_finite(c->fail_lo) && durai_finite(c->suspect_lo) &&
           durai_finite(c->suspect_hi) && durai_finite(c->fail_hi) &&
           durai_finite(c->rate_suspect) && durai_finite(c->rate_fail) &&
           durai_finite(c->flat_tolerance);
}

static int range_is_sound(const dura_sensor_channel *c)
{
    return ordered(c->fail_lo, c->suspect_lo) && ordered(c->suspect_lo, c->suspect_hi) &&
           ordered(c->suspect_hi, c->fail_hi) && order(c->fail_lo) < order(c->fail_hi);
}

static int rate_is_sound(const dura_sensor_channel *c)
{
    return order(settled(c->rate_fail)) > 0 && order(c->rate_suspect) >= 0 &&
           ordered(c->rate_suspect, c->rate_fail);
}

static int flat_is_sound(const dura_sensor_channel *c)
{
    return order(c->flat_tolerance) >= 0 && c->flat_fail_ns > 0 && c->flat_suspect_ns >= 0 &&
           c->flat_suspect_ns <= c->flat_fail_ns;
}

/* A count's limit, out of the cell that holds it. */
static int32_t whole(float cell)
{
    return (int32_t)durai_f32_bits(cell);
}

static int count_is_sound(const dura_sensor_channel *c)
{
    int32_t lo = whole(c->fail_lo), hi = whole(c->fail_hi);
    if (c->checks == 0 || !durai_finite(c->rate_suspect) || !durai_finite(c->rate_fail) ||
        c->max_age_ns < 0 || c->hold_ns < 0)
        return 0;
    if ((c->checks & DURA_CHECK_RANGE) &&
        (lo > whole(c->suspect_lo) || whole(c->suspect_lo) > whole(c->suspect_hi) ||
         whole(c->suspect_hi) > hi || lo == hi))
        return 0;
    if ((c->checks & DURA_CHECK_RATE) && !rate_is_sound(c))
        return 0;
    return !(c->checks & DURA_CHECK_FLAT) ||
           (whole(c->flat_tolerance) >= 0 && c->flat_fail_ns > 0 && c->flat_suspect_ns >= 0 &&
            c->flat_suspect_ns <= c->flat_fail_ns);
}

static int channel_is_sound(const dura_sensor_channel *c)
{
    if (c->kind == DURA_KIND_I32)
        return count_is_sound(c);
    if (c->checks == 0 || !all_finite(c) || c->max_age_ns < 0 || c->hold_ns < 0 || c->origin != 0)
        return 0;
    if ((c->checks & DURA_CHECK_RANGE) && !range_is_sound(c))
        return 0;
    if ((c->checks & DURA_CHECK_RATE) && !rate_is_sound(c))
        return 0;
    return !(c->checks & DURA_CHECK_FLAT) || flat_is_sound(c);
}

/* What a later release may add and this build would silently not do. */
static int channel_is_known(const dura_sensor_channel *c)
{
    return c->kind <= DURA_KIND_I32 && (c->flags & ~FLAGS_KNOWN) == 0 &&
           (c->checks & ~CHECKS_KNOWN) == 0;
}

/* What is not finite is outside these, so the judge's range check also finds that. */
static void put_range(sensor_block *b, size_t i, const dura_sensor_channel *c)
{
    int on = (c->checks & DURA_CHECK_RANGE) != 0;
    int32_t end = (int32_t)LARGEST;
    b->fail_lo[i] = on ? order(c->fail_lo) : -end;
    b->suspect_lo[i] = on ? order(c->suspect_lo) : -end;
    b->suspect_hi[i] = on ? order(c->suspect_hi) : end;
    b->fail_hi[i] = on ? order(c->fail_hi) : end;
    b->fail_lo[i] -= b->fail_lo[i] <= 0; /* order to rank: zero becomes -0.0 */
    b->suspect_lo[i] -= b->suspect_lo[i] <= 0;
    b->suspect_hi[i] -= b->suspect_hi[i] < 0;
    b->fail_hi[i] -= b->fail_hi[i] < 0;
}

static void put_rate(sensor_block *b, size_t i, const dura_sensor_channel *c)
{
    int on = (c->checks & DURA_CHECK_RATE) != 0;
    float suspect = settled(c->rate_suspect), fail = settled(c->rate_fail);
    b->rate_fail[i] = on ? fail : durai_f32(ENDLESS);
    b->rate_suspect[i] = !on || order(suspect) == 0 ? b->rate_fail[i] : suspect;
}

/* A settled distance is 0 or above TINY, so that "above TINY" is "above a tolerance of 0". */
static void put_flat(sensor_block *b, size_t i, const dura_sensor_channel *c)
{
    int on = (c->checks & DURA_CHECK_FLAT) != 0;
    float away = settled(c->flat_tolerance);
    b->flat_away[i] = !on ? ENDLESS : order(away) == 0 ? TINY_BITS : durai_f32_bits(away);
    b->flat_fail_ns[i] = on ? c->flat_fail_ns : INT64_MAX;
    b->flat_suspect_ns[i] = !on || c->flat_suspect_ns == 0 ? b->flat_fail_ns[i] : c->flat_suspect_ns;
}

/* As above for a count: nothing is infinite, and no value lies outside its kind. */
static void put_count(sensor_block *b, size_t i, const dura_sensor_channel *c)
{
    int range = (c->checks & DURA_CHECK_RANGE) != 0, flat = (c->checks & DURA_CHECK_FLAT) != 0;
    b->fail_lo[i] = range ? whole(c->fail_lo) : INT32_MIN;
    b->suspect_lo[i] = range ? whole(c->suspect_lo) : INT32_MIN;
    b->suspect_hi[i] = range ? whole(c->suspect_hi) : INT32_MAX;
    b->fail_hi[i] = range ? whole(c->fail_hi) : INT32_MAX;
    b->flat_away[i] = flat ? durai_f32_bits(c->flat_tolerance) : 0;
    b->origin[i] = c->origin;
}

static void put_channel(sensor_block *b, size_t i, const dura_sensor_channel *c)
{
    DURA_ASSERT(i < LANES && b->what[i] == 0);
    put_range(b, i, c);
    put_rate(b, i, c);
    put_flat(b, i, c);
    if (c->kind == DURA_KIND_I32)
        put_count(b, i, c);
    b->max_age_ns[i] = c->max_age_ns;
    b->hold_ns[i] = c->hold_ns;
    b->what[i] = (uint16_t)(c->checks | (c->kind ? KIND_COUNT : 0u) | ((uint32_t)c->flags << 8));
    DURA_ASSERT(b->fail_lo[i] <= b->suspect_lo[i] && b->suspect_hi[i] <= b->fail_hi[i]);
}

int dura_sensor_attach(dura_sensor *s, uint16_t index, const dura_sensor_channel *ch)
{
    dura_sensor_channel c;
    sensor_block *b;
    int rc;
    if (!s || !ch || index >= s->n)
        return DURA_EINVAL;
    rc = durai_struct_in(&c, (uint32_t)sizeof c, ch, ch->struct_size, SENSOR_CHANNEL_V1);
    if (rc < 0)
        return rc;
    if (!channel_is_known(&c))
        return DURA_EVERSION;
    if (!channel_is_sound(&c))
        return DURA_EINVAL;
    b = &s->block[index / LANES];
    if (b->what[index % LANES] != 0)
        return DURA_ESTATE;
    put_channel(b, index % LANES, &c);
    s->attached++;
    DURA_ASSERT(s->attached <= s->n);
    return DURA_OK;
}

/* ---- showing --------------------------------------------------------------------- */

const uint8_t *dura_sensor_verdicts(const dura_sensor *s)
{
    if (!s)
        return NULL;
    return (const uint8_t *)(dura_sensor_reasons(s) + (size_t)s->blocks * LANES);
}

const uint32_t *dura_sensor_reasons(const dura_sensor *s)
{
    return s ? (const uint32_t *)(const void *)(s->block + s->blocks) : NULL;
}

static float quality(const dura_sensor *s, const sensor_block *b, size_t i, uint8_t verdict)
{
    uint32_t frames = s->frames < HISTORY_FRAMES ? (uint32_t)s->frames : HISTORY_FRAMES;
    uint32_t bad = durai_sensor_ones(b, i);
    if (verdict >= DURA_FAIL || frames == 0)
        return 0.0f;
    DURA_ASSERT(bad <= frames);
    return (float)(frames - bad) / (float)frames;
}

/* Rounding must not contradict the verdict: at most 1 where the check did not fail,
 * above 1 where it did, and never infinite. */
static float agree(float ratio, int failed)
{
    uint32_t u = durai_f32_bits(ratio) & 0x7FFFFFFFu;
    if (failed)
        return durai_f32(u < JUST_ABOVE_1 ? JUST_ABOVE_1 : u > LARGEST ? LARGEST : u);
    return u > 0x3F800000u ? 1.0f : durai_f32(u);
}

static float at_rank(int32_t rank)
{
    return durai_f32((uint32_t)durai_sensor_rank((uint32_t)rank));
}

uint32_t durai_sensor_brought(const dura_sensor *s, size_t channel)
{
    const sensor_block *b = &s->block[channel / LANES];
    size_t i = channel % LANES;
    uint32_t past = b->past[i];
    if (!(past & PAST_REFUSED) || (past & PAST_NO_NUMBER))
        return b->acc[i];
    return past & PAST_ASIDE ? durai_f32_bits(s->extra->now[channel]) : b->other[i];
}

static float range_ratio(const sensor_block *b, size_t i, uint32_t u, uint32_t reasons)
{
    float lo, hi, centre, half, away;
    if (!(b->what[i] & DURA_CHECK_RANGE))
        return 0.0f;
    lo = 0.5f * at_rank(b->fail_lo[i]);
    hi = 0.5f * at_rank(b->fail_hi[i]);
    centre = lo + hi;
    half = settled(hi - lo);
    away = durai_f32(durai_sensor_distance(u, durai_f32_bits(centre)));
    if (order(half) == 0)
        half = durai_f32(TINY_BITS);
    return agree(away / half, (reasons & DURA_R_RANGE_FAIL) != 0);
}

/* Bits of the step that rate_fail allowed in the last frame. */
static uint32_t allowed_step(const dura_sensor *s, const sensor_block *b, size_t i)
{
    float dt = s->dt;
    if (b->past[i] & (PAST_REFUSED | PAST_LATE))
        dt = durai_sensor_seconds(s->last_ns - b->acc_ns[i]);
    return durai_sensor_reach(b->rate_fail[i], dt);
}

/* The value and the one it was compared with are acc and other, in whatever order. */
static float rate_ratio(const dura_sensor *s, const sensor_block *b, size_t i, uint32_t reasons)
{
    float dx = durai_f32(durai_sensor_distance(b->acc[i], b->other[i]));
    uint32_t most;
    if (!(b->what[i] & DURA_CHECK_RATE) || (b->past[i] & PAST_NO_RATE))
        return 0.0f;
    most = allowed_step(s, b, i);
    DURA_ASSERT(most <= ENDLESS);
    if (most < TINY_BITS)
        most = TINY_BITS;
    return agree(dx / durai_f32(most), (reasons & DURA_R_RATE_FAIL) != 0);
}

static float flat_ratio(const dura_sensor *s, const sensor_block *b, size_t i, uint32_t u, uint32_t reasons)
{
    if (!(b->what[i] & DURA_CHECK_FLAT))
        return 0.0f;
    if (durai_sensor_distance(u, b->win[i]) > b->flat_away[i])
        return 0.0f;
    DURA_ASSERT(b->flat_fail_ns[i] > 0 && s->last_ns >= durai_sensor_window(b, i) && durai_sensor_window(b, i) >= 0);
    return agree((float)(s->last_ns - durai_sensor_window(b, i)) / (float)b->flat_fail_ns[i],
                 (reasons & DURA_R_FLAT_FAIL) != 0);
}

static float worst_ratio(const dura_sensor *s, size_t channel, uint32_t reasons)
{
    const sensor_block *b = &s->block[channel / LANES];
    size_t i = channel % LANES;
    uint32_t u = durai_sensor_brought(s, channel);
    float range, rate, flat, most;
    if ((b->what[i] & KIND_COUNT) || (b->past[i] & PAST_NO_NUMBER))
        return 0.0f;
    range = range_ratio(b, i, u, reasons);
    rate = rate_ratio(s, b, i, reasons);
    flat = flat_ratio(s, b, i, u, reasons);
    most = range > rate ? range : rate;
    return most > flat ? most : flat;
}

/* What the model may use: the value, a held one, or 0 when there is none. */
static float allowed(const dura_sensor *s, size_t channel, uint8_t verdict, uint32_t reasons)
{
    const sensor_block *b = &s->block[channel / LANES];
    size_t i = channel % LANES;
    uint32_t u = reasons & DURA_R_SUBSTITUTED ? b->good[i] : durai_sensor_brought(s, channel);
    if (reasons & DURA_R_ESTIMATED)
        return s->extra->now[channel];
    if (verdict >= DURA_FAIL && !(reasons & DURA_R_SUBSTITUTED))
        return 0.0f;
    return b->what[i] & KIND_COUNT ? durai_sensor_count(b, i, u) : durai_f32(u);
}

int dura_sensor_query(const dura_sensor *s, uint16_t channel, dura_sensor_state *out)
{
    dura_sensor_state st = DURA_SENSOR_STATE_INIT;
    const sensor_block *b;
    size_t i = channel % LANES;
    if (!s || !out || channel >= s->n)
        return DURA_EINVAL;
    b = &s->block[channel / LANES];
    st.verdict = dura_sensor_verdicts(s)[channel];
    st.reasons = dura_sensor_reasons(s)[channel];
    st.state = durai_sensor_state_at(s, b, i);
    st.value = allowed(s, channel, st.verdict, st.reasons);
    st.quality = quality(s, b, i, st.verdict);
    st.ratio = worst_ratio(s, channel, st.reasons);
    DURA_ASSERT(durai_finite(st.value) && durai_finite(st.ratio));
    return durai_struct_out(out, &st, (uint32_t)sizeof st, SENSOR_STATE_V1);
}

int dura_sensor_reset(dura_sensor *s)
{
    if (!s)
        return DURA_EINVAL;
    durai_sensor_forget(s);
    return DURA_OK;
}
