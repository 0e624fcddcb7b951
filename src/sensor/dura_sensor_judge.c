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
    for (k = 0; k < s->blocks; k++) {
        for (i = 0; i < LANES; i++) {
            s->block[k].win[i] = WIN_NONE;
            s->block[k].win_ns[i] = NS_NEVER; /* what a count goes by */
        }
    }
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
static void judge_stamp(sensor_frame *f, int64_t mono_ns)
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
static inline int passes(sensor_block *b, size_t i, uint32_t u, const sensor_frame *f)
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

static inline int is_count(const sensor_block *b, size_t i)
{
    return (b->what[i] & KIND_COUNT) != 0;
}

/* The same for a count: of two, how far apart. */
static inline uint32_t counts_apart(uint32_t a, uint32_t b)
{
    return (int32_t)a > (int32_t)b ? a - b : b - a;
}

static inline uint32_t check_range(const sensor_block *b, size_t i, uint32_t u)
{
    int32_t rank = is_count(b, i) ? (int32_t)u : durai_sensor_rank(u);
    if (rank < b->fail_lo[i] || rank > b->fail_hi[i])
        return DURA_R_RANGE_FAIL;
    return rank < b->suspect_lo[i] || rank > b->suspect_hi[i] ? DURA_R_RANGE_SUSPECT : 0;
}

/* Above a limit, and above what counts as zero. */
static inline int exceeds(uint32_t apart, uint32_t limit)
{
    return apart > TINY_BITS && apart > limit;
}

/* What the rate's ratio is worked out from; a count has no ratio. */
static inline void note_most(sensor_block *b, size_t i, uint32_t most)
{
    if (!is_count(b, i))
        b->most[i] = most;
}

/* How far the value is from the last accepted one, as bits of a float. */
static inline uint32_t step_of(const sensor_block *b, size_t i, uint32_t x)
{
    if (is_count(b, i))
        return durai_f32_bits((float)counts_apart(x, b->acc[i]));
    return durai_sensor_apart(x, durai_sensor_settle(b->acc[i]));
}

/* `x` is the value settled, or the count. */
static inline uint32_t check_rate(sensor_block *b, size_t i, uint32_t x, const sensor_frame *f)
{
    uint32_t dx, most;
    float dt = f->dt;
    note_most(b, i, MOST_NO_RATE);
    if (!(b->what[i] & DURA_CHECK_RATE))
        return 0;
    if (f->time_bits != 0 || b->acc_ns[i] < 0)
        return DURA_R_WARMUP;
    if (b->acc_ns[i] != f->before)
        dt = seconds(f->now - b->acc_ns[i]);
    dx = step_of(b, i, x);
    most = durai_sensor_reach(b->rate_fail[i], dt);
    note_most(b, i, most);
    if (exceeds(dx, most))
        return DURA_R_RATE_FAIL;
    return exceeds(dx, durai_sensor_reach(b->rate_suspect[i], dt)) ? DURA_R_RATE_SUSPECT : 0;
}

/* The value left its window, or there is none. */
static inline int has_left(const sensor_block *b, size_t i, uint32_t x)
{
    if (is_count(b, i))
        return b->win_ns[i] < 0 || counts_apart(x, b->win[i]) > b->flat_away[i];
    DURA_ASSERT(b->flat_away[i] >= TINY_BITS);
    return durai_sensor_apart(x, durai_sensor_settle(b->win[i])) > b->flat_away[i];
}

static inline uint32_t check_flat(const sensor_block *b, size_t i, uint32_t x, const sensor_frame *f)
{
    uint64_t held;
    if (!(b->what[i] & DURA_CHECK_FLAT))
        return 0;
    if (has_left(b, i, x))
        return WINDOW_ENDS;
    DURA_ASSERT(b->win_ns[i] >= 0);
    held = since(f->now, b->win_ns[i]);
    if (held < (uint64_t)b->flat_suspect_ns[i])
        return 0;
    return held < (uint64_t)b->flat_fail_ns[i] ? DURA_R_FLAT_SUSPECT : DURA_R_FLAT_FAIL;
}

/* What the value says by itself, without the stamp's bits. */
static inline uint32_t check_value(sensor_block *b, size_t i, uint32_t u, const sensor_frame *f)
{
    uint32_t x = is_count(b, i) ? u : durai_sensor_settle(u);
    return check_range(b, i, u) | check_rate(b, i, x, f) | check_flat(b, i, x, f);
}

/* A flat window goes on while it fails, and ends when an accepted value leaves it. */
static inline void accept(sensor_block *b, size_t i, uint32_t u, uint32_t found, const sensor_frame *f)
{
    if (found & WINDOW_ENDS) {
        b->win[i] = u;
        b->win_ns[i] = f->now;
    }
    b->other[i] = b->acc[i];
    b->acc[i] = u;
    b->acc_ns[i] = f->now;
    b->past[i] = (uint16_t)(found & PAST_REASONS);
}

/* A value is there. What failed never becomes history, and what its frame is refused for
 * is never held. Returns the reasons: WARMUP only where no time bit says why a rate is
 * not there yet. */
static inline uint32_t judge_value(sensor_block *b, size_t i, uint32_t u, uint32_t time, const sensor_frame *f)
{
    uint32_t found, reasons;
    found = check_value(b, i, u, f) | (f->found ? f->found[f->channel] : 0);
    reasons = (found & ~WINDOW_ENDS) | time;
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
    if (reasons == 0 && !is_count(b, i) && !is_tiny(u) && !is_tiny(b->win[i]))
        b->past[i] = (uint16_t)PAST_CALM;
    return reasons;
}

/* The frame has no number for the channel: nothing of it is measured or kept. */
static inline void pass_over(sensor_block *b, size_t i)
{
    note_most(b, i, MOST_NO_NUMBER);
    b->other[i] = 0;
    b->past[i] |= (uint16_t)PAST_REFUSED;
}

/* The frame has no value: the last accepted one serves while it is young enough. */
static inline uint32_t stand_in(sensor_block *b, size_t i, uint32_t time, const sensor_frame *f)
{
    int64_t then = b->acc_ns[i];
    DURA_ASSERT((time & ~(BITS_FAIL | (uint32_t)DURA_R_TIME_GAP)) == 0);
    pass_over(b, i);
    if (then >= 0 && b->max_age_ns[i] > 0 && f->now - then <= b->max_age_ns[i]) {
        uint32_t old = b->past[i] & PAST_REASONS;
        b->other[i] = b->acc[i];
        return time ? time | (old & ~(uint32_t)DURA_R_WARMUP) : old;
    }
    return time | (uint32_t)DURA_R_MISSING | (then == NS_NEVER ? 0u : (uint32_t)DURA_R_STALE);
}

uint8_t durai_sensor_verdict(uint32_t reasons)
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
int durai_sensor_may_hold(const sensor_block *b, size_t i, const sensor_frame *f)
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
static inline void count(sensor_frame *f, size_t channel, uint32_t what, uint32_t reasons, uint8_t verdict)
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

/* ---- what a channel has been like -------------------------------------------------- */

/* VALID once enough frames were seen, few of the last 64 were bad and none of the last
 * `dwell`. In a row of GOOD frames this becomes true and stays so: asking later is enough. */
static int has_recovered(const dura_sensor *s, uint64_t bad, uint32_t number)
{
    uint64_t recent = s->dwell < 64u ? bad & (((uint64_t)1 << s->dwell) - 1u) : bad;
    if (number < s->dwell || bad == 0)
        return number >= s->dwell;
    return recent == 0 && durai_sensor_ones(bad) <= s->valid_at;
}

uint8_t durai_sensor_state_at(const dura_sensor *s, const sensor_block *b, size_t i)
{
    uint32_t number = (uint32_t)s->frames;
    if (has_recovered(s, durai_sensor_history(b, i, number), number))
        return DURA_STATE_VALID;
    return (uint8_t)(b->what[i] >> STATE_SHIFT);
}

/* A bad frame after such a past: how the channel was until now, and whether this one is
 * too much. */
static uint32_t worse_state(const dura_sensor *s, uint32_t state, uint64_t past, uint32_t number)
{
    uint32_t bad = 1;
    if (has_recovered(s, past, number - 1u))
        state = DURA_STATE_VALID;
    if (state == DURA_STATE_INIT)
        return state;
    if (past != 0)
        bad = durai_sensor_ones(past << 1 | 1u);
    DURA_ASSERT(bad >= 1 && bad <= 64 && state <= DURA_STATE_INVALID);
    if (bad >= s->invalid_at)
        return DURA_STATE_INVALID;
    return bad >= s->degraded_at && state == DURA_STATE_VALID ? DURA_STATE_DEGRADED : state;
}

/* Bring the channel's history up to this frame. */
static void note_look(const dura_sensor *s, sensor_block *b, size_t i, uint32_t number, uint32_t is_bad)
{
    uint32_t keep = ((uint32_t)1 << STATE_SHIFT) - 1u, state = (uint32_t)b->what[i] >> STATE_SHIFT;
    uint64_t past = durai_sensor_history(b, i, number - 1u);
    DURA_ASSERT(number - b->looked[i] >= 1 && number - b->looked[i] <= LOOK_EVERY);
    if (is_bad)
        state = worse_state(s, state, past, number);
    else if (has_recovered(s, past << 1, number))
        state = DURA_STATE_VALID;
    b->bad[i] = past << 1 | is_bad;
    b->looked[i] = number;
    b->what[i] = (uint16_t)((b->what[i] & keep) | state << STATE_SHIFT);
}

static uint32_t usable_bits(const sensor_block *b, size_t i, uint32_t reasons)
{
    if (reasons & DURA_R_SUBSTITUTED)
        return b->good[i];
    if (reasons & (BITS_FAIL | (uint32_t)DURA_R_MISSING))
        return 0;
    return b->past[i] & PAST_REFUSED ? b->other[i] : b->acc[i];
}

/* The same as a float the model may see. */
static float usable_of(const sensor_block *b, size_t i, uint32_t reasons)
{
    uint32_t nothing = reasons & (BITS_FAIL | (uint32_t)DURA_R_MISSING);
    uint32_t u = usable_bits(b, i, reasons);
    if (!is_count(b, i))
        return durai_f32(u);
    return nothing && !(reasons & DURA_R_SUBSTITUTED) ? 0.0f : durai_sensor_count(b, i, u);
}

/* All checks of one channel, exactly. Returns what the model may see. */
static SENSOR_SLOW float look_closer(sensor_frame *f, uint32_t u, uint32_t absent)
{
    sensor_block *b = f->block;
    size_t channel = f->channel, i = channel % LANES;
    uint32_t what = b->what[i], reasons, time;
    uint8_t verdict;
    time = what & DURA_CHECK_TIME ? f->time_bits : 0;
    wake(b, i, f->before);
    if (absent) {
        reasons = stand_in(b, i, time, f);
    } else if ((u & 0x7F800000u) == 0x7F800000u && !is_count(b, i)) {
        pass_over(b, i);
        reasons = time | (uint32_t)DURA_R_NONFINITE;
    } else {
        reasons = judge_value(b, i, u, time, f);
    }
    verdict = durai_sensor_verdict(reasons);
    if (verdict == DURA_FAIL && durai_sensor_may_hold(b, i, f))
        reasons |= DURA_R_SUBSTITUTED;
    if (reasons)
        count(f, channel, what, reasons, verdict);
    note_look(f->s, b, i, f->number, reasons != 0);
    durai_sensor_reasons(f->s)[channel] = reasons;
    durai_sensor_verdicts(f->s)[channel] = verdict;
    return usable_of(b, i, reasons);
}

/* ---- for the extension ------------------------------------------------------------- */

void durai_sensor_convict(sensor_frame *f, size_t channel, uint32_t more, uint32_t good, int64_t good_ns)
{
    sensor_block *b = &f->s->block[channel / LANES];
    size_t i = channel % LANES;
    uint32_t *reasons = durai_sensor_reasons(f->s) + channel;
    uint8_t *verdict = durai_sensor_verdicts(f->s) + channel;
    DURA_ASSERT(channel < f->s->n && f->good && more != 0);
    wake(b, i, f->now);
    if (b->looked[i] == f->number) {
        b->bad[i] |= 1u;
    } else {
        note_look(f->s, b, i, f->number, 1);
        note_most(b, i, durai_sensor_reach(b->rate_fail[i], f->dt));
    }
    *reasons |= more;
    *verdict = durai_sensor_verdict(*reasons);
    if (rejects(b->what[i], 0, *verdict)) {
        b->good[i] = good;
        b->good_ns[i] = good_ns;
    }
    if (*verdict == DURA_FAIL && durai_sensor_may_hold(b, i, f))
        *reasons |= DURA_R_SUBSTITUTED;
    if (!(*reasons & DURA_R_ESTIMATED))
        f->s->extra->now[channel] = usable_of(b, i, *reasons);
}

void durai_sensor_recount(sensor_frame *f)
{
    size_t channel;
    const uint32_t *reasons = durai_sensor_reasons(f->s);
    const uint8_t *verdict = durai_sensor_verdicts(f->s);
    dura_sensor_report *r = f->report;
    r->verdict = DURA_GOOD;
    r->worst_channel = DURA_NONE;
    r->reasons = 0;
    r->n_not_good = 0;
    f->rejected = 0;
    for (channel = 0; channel < f->s->n; channel++)
        if (reasons[channel])
            count(f, channel, f->s->block[channel / LANES].what[channel % LANES], reasons[channel],
                  verdict[channel]);
}

/* ---- one frame --------------------------------------------------------------------- */

static void judge_channels(sensor_frame *f)
{
    size_t n = f->s->n, channel = 0, i = 0;
    sensor_block *b = f->s->block;
    const float *values = f->values;
    const uint8_t *missing = f->missing;
    const uint32_t *found = f->found;
    float *usable = f->usable;
    for (channel = 0; channel < n; channel++) {
        uint32_t u = durai_f32_bits(values[channel]), absent = missing ? missing[channel] : 0;
        float x = values[channel];
        if (absent || (found && found[channel]) || !passes(b, i, u, f)) {
            f->block = b;
            f->channel = channel;
            x = look_closer(f, u, absent);
        }
        if (usable)
            usable[channel] = x;
        if (++i == LANES) {
            i = 0;
            b++;
        }
    }
}

static void begin_frame(sensor_frame *f, dura_sensor *s, dura_sensor_report *out, int64_t mono_ns)
{
    static const dura_sensor_report nothing = {
        (uint32_t)sizeof(dura_sensor_report), DURA_GOOD, DURA_PASS, DURA_NONE, 0, 0, 0};
    *out = nothing;
    f->s = s;
    f->report = out;
    f->rejected = 0;
    f->found = NULL;
    judge_stamp(f, mono_ns);
}

/* The frame's channels, with what the extension has to say. */
static void judge_frame(sensor_frame *f, const float *values, const uint8_t *missing, float *usable)
{
    sensor_extra *extra = f->s->extra;
    f->values = values;
    f->missing = missing;
    f->usable = usable;
    if (extra)
        extra->hooks->before(f);
    judge_channels(f);
    if (extra)
        extra->hooks->after(f, usable);
}

static void end_frame(const sensor_frame *f)
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
    sensor_frame f;
    if (!s || !values || !out || n != s->n || mono_ns < 0 || out->struct_size < SENSOR_REPORT_V1)
        return DURA_EINVAL;
    if (s->attached != s->n)
        return DURA_ESTATE;
    begin_frame(&f, s, out, mono_ns);
    judge_frame(&f, values, missing, usable);
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
    sensor_frame f;
    size_t i;
    if (!s || !mono_ns || !values || !actions || n != s->n || !stamps_are_legal(mono_ns, frames))
        return DURA_EINVAL;
    if (s->attached != s->n)
        return DURA_ESTATE;
    for (i = 0; i < frames; i++) {
        begin_frame(&f, s, &report, mono_ns[i]);
        judge_frame(&f, values + i * n, NULL, NULL);
        end_frame(&f);
        actions[i] = report.action;
        if (verdicts)
            memcpy(verdicts + i * n, durai_sensor_verdicts(s), n);
    }
    return DURA_OK;
}

/* ---- silence ----------------------------------------------------------------------- */

/* Nothing came for longer than the channel's values live. */
static int is_silent(const dura_sensor *s, const sensor_block *b, size_t i, int64_t now)
{
    int64_t limit = b->max_age_ns[i] > 0 ? b->max_age_ns[i] : s->gap_ns;
    return limit > 0 && b->acc_ns[i] >= 0 && now > b->acc_ns[i] && now - b->acc_ns[i] > limit;
}

int dura_sensor_poll(dura_sensor *s, int64_t mono_ns, dura_sensor_report *out)
{
    sensor_frame f;
    size_t channel;
    if (!s || !out || mono_ns < 0 || out->struct_size < SENSOR_REPORT_V1)
        return DURA_EINVAL;
    if (s->attached != s->n)
        return DURA_ESTATE;
    DURA_ASSERT(s->last_ns >= 0 || s->frames == 0);
    memset(&f, 0, sizeof f);
    f.s = s;
    f.report = out;
    out->struct_size = (uint32_t)sizeof *out;
    out->action = DURA_PASS;
    out->reserved = 0;
    for (channel = 0; channel < s->n; channel++) {
        sensor_block *b = &s->block[channel / LANES];
        wake(b, channel % LANES, s->last_ns);
        if (is_silent(s, b, channel % LANES, mono_ns)) {
            durai_sensor_reasons(s)[channel] = DURA_R_MISSING | DURA_R_STALE;
            durai_sensor_verdicts(s)[channel] = DURA_MISSING;
        }
    }
    durai_sensor_recount(&f);
    end_frame(&f);
    return DURA_OK;
}
