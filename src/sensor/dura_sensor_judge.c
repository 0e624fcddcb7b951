/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dura_sensor_judge.c - runs one frame through the checks.
 *
 * The stamp is judged once. Then every channel in one pass: a calm one (see the private
 * header) whose value is inside all SUSPECT limits is done in some forty instructions;
 * any other goes through the checks one by one, out of line. The quick look never says
 * GOOD where the checks would not; what it cannot decide exactly it leaves to them.
 *
 * Values are looked at as bits: NaN and infinities are seen even under -ffast-math, and
 * subnormals give one answer whether or not the machine flushes them.
 *
 * Tests and flag numbers: QARTOD manuals (gross range, rate of change, flat line);
 * rate without a division: |dx| > limit * dt, dt from integer nanoseconds.
 */
#include "dura_sensor_priv.h"

/* One frame on its way through the channels. */
typedef struct frame {
    dura_sensor *s;
    dura_sensor_report *report;  /* the answer as it grows */
    sensor_block *block;  /* of the channel that is looked at, */
    size_t channel;       /* and its index */
    uint32_t time_bits;   /* DURA_R_TIME_*: for channels that check time */
    uint32_t good;        /* not 0: statistics may move */
    int64_t now;          /* the stamp, or the last accepted one if this one is bad */
    int64_t before;       /* the last accepted stamp when the frame came */
    float dt;             /* seconds between those */
    uint32_t calm;        /* what `past` of a channel must be for the quick look */
    uint32_t number;      /* the frame's, from 1, modulo 2^32 */
    uint32_t rejected;    /* not 0: a required channel forbids inference */
} frame;

#define CALM_NONE 0xFFFFFFFFu        /* no `past` is this: every channel is looked at */
#define LOOK_EVERY 0x80000000u       /* frames after which that happens, a power of two,
                                        so that 32 bits of frame number are enough */
#define WINDOW_ENDS ((uint32_t)1 << 31)  /* beside reason bits: the value left its window */

/* Seconds. Small cores convert 32 bits in one instruction and 64 in a call; up to 2.1 s
 * both round the same integer the same way. */
static inline float seconds(int64_t ns)
{
    return (ns >> 31 == 0 ? (float)(int32_t)ns : (float)ns) * 1e-9f;
}

/* now - then as it is for then >= 0; harmless, and unused, for the negative marks. */
static inline uint64_t since(int64_t now, int64_t then)
{
    return (uint64_t)now - (uint64_t)then;
}

/* ---- the stamp ------------------------------------------------------------------- */

static void restart_windows(dura_sensor *s)
{
    size_t k, i;
    for (k = 0; k < s->blocks; k++)
        for (i = 0; i < LANES; i++)
            s->block[k].win[i] = WIN_NONE;
}

/* Write down what being calm implied; `before` is the stamp of the last frame. */
static inline void wake(sensor_block *b, size_t i, int64_t before)
{
    if (b->past[i] != PAST_CALM)
        return;
    b->past[i] = 0;
    b->good[i] = b->acc[i];
    b->acc_ns[i] = before;
    b->good_ns[i] = before;
}

/* Values stamped under the old time base have no age any more, so none can be held. */
static void leave_time_base(dura_sensor *s)
{
    size_t k, i;
    for (k = 0; k < s->blocks; k++) {
        sensor_block *b = &s->block[k];
        for (i = 0; i < LANES; i++) {
            wake(b, i, s->last_ns);
            b->acc_ns[i] = b->acc_ns[i] >= 0 ? NS_REBASED : b->acc_ns[i];
            b->good_ns[i] = NS_NEVER;
        }
    }
}

/* A reversed stamp, or the one that convinces us that the clock was set back. */
static uint32_t reverse_stamp(dura_sensor *s, int64_t mono_ns)
{
    int goes_on = s->reversed > 0 && mono_ns > s->reversed_ns;
    s->reversed = (uint16_t)(goes_on ? s->reversed + 1u : 1u);
    s->reversed_ns = mono_ns;
    DURA_ASSERT(s->reversed <= s->rebase_after);
    if (s->reversed < s->rebase_after)
        return DURA_R_TIME_REVERSED;
    leave_time_base(s);
    return DURA_R_TIME_GAP;
}

static uint32_t stamp_bits(dura_sensor *s, int64_t mono_ns)
{
    if (s->last_ns >= 0 && mono_ns < s->last_ns)
        return reverse_stamp(s, mono_ns);
    s->reversed = 0;
    if (s->last_ns < 0)
        return 0;
    if (mono_ns == s->last_ns)
        return DURA_R_TIME_DUPLICATE;
    return s->gap_ns > 0 && mono_ns - s->last_ns > s->gap_ns ? DURA_R_TIME_GAP : 0;
}

/* Time as the checks see it stands still while stamps are bad. */
static void judge_stamp(frame *f, int64_t mono_ns)
{
    dura_sensor *s = f->s;
    DURA_ASSERT(mono_ns >= 0);
    f->before = s->last_ns;
    f->time_bits = stamp_bits(s, mono_ns);
    f->good = (f->time_bits & BITS_FAIL) == 0;
    if (f->time_bits == DURA_R_TIME_GAP)
        restart_windows(s);
    if (f->good) {
        s->last_ns = mono_ns;
        s->reversed = 0;
    }
    f->now = s->last_ns;
    f->dt = seconds((int64_t)since(f->now, f->before));
    s->dt = f->dt;
    s->frames++;
    f->number = (uint32_t)s->frames;
    f->calm = f->time_bits == 0 && (f->number & (LOOK_EVERY - 1u)) != 0 ? PAST_CALM : CALM_NONE;
    DURA_ASSERT(f->now >= 0);
}

/* ---- the quick look ---------------------------------------------------------------- */

/* Not zero, and small enough to count as zero in differences. */
static inline int is_tiny(uint32_t u)
{
    return (u << 1) - 1u < TINY_BITS << 1;
}

/* 1: the channel was calm, its value is GOOD, and the state has moved on; 0: nothing
 * changed, look closer. Neither the value nor what it is compared with is tiny here, so
 * plain differences are those of the checks, or at most TINY where the checks see 0:
 * which is no rate's excess the checks would find, and never leaves a window. */
static inline int passes(sensor_block *b, size_t i, uint32_t u, const frame *f)
{
    int32_t rank = durai_sensor_rank(u);
    if (b->past[i] != f->calm || rank < b->suspect_lo[i] || rank > b->suspect_hi[i] || is_tiny(u))
        return 0;
    if (durai_sensor_apart(u, b->acc[i]) > durai_sensor_reach(b->rate_suspect[i], f->dt))
        return 0;
    if (durai_sensor_apart(u, b->win[i]) > b->flat_away[i]) {
        b->win[i] = u;
        b->win_ns[i] = f->now;
    } else if (since(f->now, b->win_ns[i]) >= (uint64_t)b->flat_suspect_ns[i]) {
        return 0;
    }
    b->other[i] = b->acc[i];
    b->acc[i] = u;
    return 1;
}

/* ---- the checks, one channel ------------------------------------------------------- */

static inline uint32_t check_range(const sensor_block *b, size_t i, uint32_t u)
{
    int32_t rank = durai_sensor_rank(u);
    if (rank < b->fail_lo[i] || rank > b->fail_hi[i])
        return DURA_R_RANGE_FAIL;
    return rank < b->suspect_lo[i] || rank > b->suspect_hi[i] ? DURA_R_RANGE_SUSPECT : 0;
}

/* Above a limit, and above what counts as zero. */
static inline int exceeds(uint32_t apart, uint32_t limit)
{
    return apart > TINY_BITS && apart > limit;
}

/* `x` is the value settled. */
static inline uint32_t check_rate(sensor_block *b, size_t i, uint32_t x, const frame *f)
{
    uint32_t dx, most;
    float dt = f->dt;
    b->most[i] = MOST_NO_RATE;
    if (!(b->what[i] & DURA_CHECK_RATE))
        return 0;
    if (f->time_bits != 0 || b->acc_ns[i] < 0)
        return DURA_R_WARMUP;
    if (b->acc_ns[i] != f->before)
        dt = seconds(f->now - b->acc_ns[i]);
    dx = durai_sensor_apart(x, durai_sensor_settle(b->acc[i]));
    b->most[i] = most = durai_sensor_reach(b->rate_fail[i], dt);
    if (exceeds(dx, most))
        return DURA_R_RATE_FAIL;
    return exceeds(dx, durai_sensor_reach(b->rate_suspect[i], dt)) ? DURA_R_RATE_SUSPECT : 0;
}

static inline uint32_t check_flat(const sensor_block *b, size_t i, uint32_t x, const frame *f)
{
    uint64_t held;
    if (!(b->what[i] & DURA_CHECK_FLAT))
        return 0;
    if (durai_sensor_apart(x, durai_sensor_settle(b->win[i])) > b->flat_away[i])
        return WINDOW_ENDS;
    DURA_ASSERT(b->win_ns[i] >= 0 && b->flat_away[i] >= TINY_BITS);
    held = since(f->now, b->win_ns[i]);
    if (held < (uint64_t)b->flat_suspect_ns[i])
        return 0;
    return held < (uint64_t)b->flat_fail_ns[i] ? DURA_R_FLAT_SUSPECT : DURA_R_FLAT_FAIL;
}

/* What the value says by itself, without the stamp's bits. */
static inline uint32_t check_value(sensor_block *b, size_t i, uint32_t u, const frame *f)
{
    uint32_t x = durai_sensor_settle(u);
    return check_range(b, i, u) | check_rate(b, i, x, f) | check_flat(b, i, x, f);
}

/* A flat window goes on while it fails, and ends when an accepted value leaves it. */
static inline void accept(sensor_block *b, size_t i, uint32_t u, uint32_t found, const frame *f)
{
    if (found & WINDOW_ENDS) {
        b->win[i] = u;
        b->win_ns[i] = f->now;
    }
    b->other[i] = b->acc[i];
    b->acc[i] = u;
    b->acc_ns[i] = f->now;
    b->past[i] = (uint16_t)(found & 0x3FFFu);
}

/* A value is there. What failed never becomes history, and what its frame is refused for
 * is never held. Returns the reasons: WARMUP only where no time bit says why a rate is
 * not there yet. */
static inline uint32_t judge_value(sensor_block *b, size_t i, uint32_t u, uint32_t time, const frame *f)
{
    uint32_t found, reasons;
    found = check_value(b, i, u, f);
    reasons = (found & 0x3FFFu) | time;
    if (time)
        reasons &= ~(uint32_t)DURA_R_WARMUP;
    if ((reasons & BITS_FAIL) || !f->good) {
        b->other[i] = u;
        b->past[i] |= (uint16_t)PAST_REFUSED;
        return reasons;
    }
    accept(b, i, u, found, f);
    if ((reasons & BITS_SUSPECT) && !(b->what[i] & FLAG_SUSPECT_OK))
        return reasons;
    b->good[i] = u;
    b->good_ns[i] = f->now;
    if (reasons == 0 && !is_tiny(u) && !is_tiny(b->win[i]))
        b->past[i] = (uint16_t)PAST_CALM;
    return reasons;
}

/* The frame has no number for the channel: nothing of it is measured or kept. */
static inline void pass_over(sensor_block *b, size_t i)
{
    b->most[i] = MOST_NO_NUMBER;
    b->other[i] = 0;
    b->past[i] |= (uint16_t)PAST_REFUSED;
}

/* The frame has no value: the last accepted one serves while it is young enough. */
static inline uint32_t stand_in(sensor_block *b, size_t i, uint32_t time, const frame *f)
{
    int64_t then = b->acc_ns[i];
    DURA_ASSERT((time & ~(BITS_FAIL | (uint32_t)DURA_R_TIME_GAP)) == 0);
    pass_over(b, i);
    if (then >= 0 && b->max_age_ns[i] > 0 && f->now - then <= b->max_age_ns[i]) {
        uint32_t old = b->past[i] & 0x3FFFu;
        b->other[i] = b->acc[i];
        return time ? time | (old & ~(uint32_t)DURA_R_WARMUP) : old;
    }
    return time | (uint32_t)DURA_R_MISSING | (then == NS_NEVER ? 0u : (uint32_t)DURA_R_STALE);
}

static inline uint8_t verdict_of(uint32_t reasons)
{
    if (reasons & DURA_R_MISSING)
        return DURA_MISSING;
    if (reasons & BITS_FAIL)
        return DURA_FAIL;
    if (reasons & BITS_SUSPECT)
        return DURA_SUSPECT;
    return reasons & DURA_R_WARMUP ? DURA_UNKNOWN : DURA_GOOD;
}

/* A failed value may be replaced, but not on a bad stamp: then nobody knows how old
 * the last good value is, and a clock that stands still would hold it for ever. */
static inline int may_substitute(const sensor_block *b, size_t i, const frame *f)
{
    return f->good && b->hold_ns[i] > 0 && b->good_ns[i] >= 0 &&
           f->now - b->good_ns[i] <= b->hold_ns[i];
}

static inline int rejects(uint32_t what, uint32_t reasons, uint8_t verdict)
{
    if (verdict == DURA_SUSPECT)
        return !(what & FLAG_SUSPECT_OK);
    return verdict >= DURA_FAIL && !(reasons & DURA_R_SUBSTITUTED);
}

/* A channel that is not GOOD, into the frame's answer. */
static inline void count(frame *f, size_t channel, uint32_t what, uint32_t reasons, uint8_t verdict)
{
    dura_sensor_report *r = f->report;
    r->reasons |= reasons;
    r->n_not_good++;
    if (!(what & FLAG_REQUIRED))
        return;
    f->rejected |= (uint32_t)rejects(what, reasons, verdict);
    if (verdict > r->verdict) {
        r->verdict = verdict;
        r->worst_channel = (uint16_t)channel;
    }
}

/* Bring the channel's share of frames that were not GOOD up to this frame. */
static inline void note_look(sensor_block *b, size_t i, uint32_t number, uint32_t is_bad)
{
    uint32_t gone = number - b->looked[i];
    DURA_ASSERT(gone >= 1 && gone <= LOOK_EVERY);
    b->bad[i] = (gone < 64u ? b->bad[i] << gone : 0) | is_bad;
    b->looked[i] = number;
}

static uint32_t usable_bits(const sensor_block *b, size_t i, uint32_t reasons)
{
    if (reasons & DURA_R_SUBSTITUTED)
        return b->good[i];
    if (reasons & (BITS_FAIL | (uint32_t)DURA_R_MISSING))
        return 0;
    return b->past[i] & PAST_REFUSED ? b->other[i] : b->acc[i];
}

/* All checks of one channel, exactly. Returns bits of what the model may see. */
static SENSOR_SLOW uint32_t look_closer(frame *f, uint32_t u, uint32_t absent)
{
    sensor_block *b = f->block;
    size_t channel = f->channel, i = channel % LANES;
    uint32_t what = b->what[i], reasons, time;
    uint8_t verdict;
    time = what & DURA_CHECK_TIME ? f->time_bits : 0;
    wake(b, i, f->before);
    if (absent) {
        reasons = stand_in(b, i, time, f);
    } else if ((u & 0x7F800000u) == 0x7F800000u) {
        pass_over(b, i);
        reasons = time | (uint32_t)DURA_R_NONFINITE;
    } else {
        reasons = judge_value(b, i, u, time, f);
    }
    verdict = verdict_of(reasons);
    if (verdict == DURA_FAIL && may_substitute(b, i, f))
        reasons |= DURA_R_SUBSTITUTED;
    if (reasons)
        count(f, channel, what, reasons, verdict);
    note_look(b, i, f->number, reasons != 0);
    durai_sensor_reasons(f->s)[channel] = reasons;
    durai_sensor_verdicts(f->s)[channel] = verdict;
    return usable_bits(b, i, reasons);
}

/* ---- one frame --------------------------------------------------------------------- */

static void judge_channels(frame *f, const float *values, const uint8_t *missing, float *usable)
{
    size_t n = f->s->n, channel = 0, i = 0;
    sensor_block *b = f->s->block;
    for (channel = 0; channel < n; channel++) {
        uint32_t u = durai_f32_bits(values[channel]), absent = missing ? missing[channel] : 0;
        if (absent || !passes(b, i, u, f)) {
            f->block = b;
            f->channel = channel;
            u = look_closer(f, u, absent);
        }
        if (usable)
            usable[channel] = durai_f32(u);
        if (++i == LANES) {
            i = 0;
            b++;
        }
    }
}

static void begin_frame(frame *f, dura_sensor *s, dura_sensor_report *out, int64_t mono_ns)
{
    static const dura_sensor_report nothing = {
        (uint32_t)sizeof(dura_sensor_report), DURA_GOOD, DURA_PASS, DURA_NONE, 0, 0, 0};
    *out = nothing;
    f->s = s;
    f->report = out;
    f->rejected = 0;
    judge_stamp(f, mono_ns);
}

static void end_frame(const frame *f)
{
    dura_sensor_report *r = f->report;
    if (f->rejected)
        r->action = DURA_REJECT;
    else if (r->reasons & DURA_R_SUBSTITUTED)
        r->action = DURA_SUBSTITUTE;
    DURA_ASSERT(r->verdict == DURA_GOOD || r->worst_channel < f->s->n);
    DURA_ASSERT(r->n_not_good <= f->s->n);
}

/* The report is written where the caller has it: every caller has room for the first
 * version, which is this one. A field more, and it must go through durai_struct_out. */
typedef char report_is_its_first_version[sizeof(dura_sensor_report) == SENSOR_REPORT_V1 ? 1 : -1];

int dura_sensor_update(dura_sensor *s, int64_t mono_ns, const float *values, const uint8_t *missing,
                       size_t n, float *usable, dura_sensor_report *out)
{
    frame f;
    if (!s || !values || !out || n != s->n || mono_ns < 0 || out->struct_size < SENSOR_REPORT_V1)
        return DURA_EINVAL;
    if (s->attached != s->n)
        return DURA_ESTATE;
    begin_frame(&f, s, out, mono_ns);
    judge_channels(&f, values, missing, usable);
    end_frame(&f);
    return DURA_OK;
}

/* All stamps first, so that a bad one in the middle changes nothing. */
static int stamps_are_legal(const int64_t *mono_ns, size_t frames)
{
    size_t i;
    for (i = 0; i < frames; i++)
        if (mono_ns[i] < 0)
            return 0;
    return 1;
}

int dura_sensor_update_n(dura_sensor *s, const int64_t *mono_ns, const float *values, size_t frames,
                         size_t n, uint8_t *actions, uint8_t *verdicts)
{
    dura_sensor_report report;
    frame f;
    size_t i;
    if (!s || !mono_ns || !values || !actions || n != s->n || !stamps_are_legal(mono_ns, frames))
        return DURA_EINVAL;
    if (s->attached != s->n)
        return DURA_ESTATE;
    for (i = 0; i < frames; i++) {
        begin_frame(&f, s, &report, mono_ns[i]);
        judge_channels(&f, values + i * n, NULL, NULL);
        end_frame(&f);
        actions[i] = report.action;
        if (verdicts)
            memcpy(verdicts + i * n, durai_sensor_verdicts(s), n);
    }
    return DURA_OK;
}
