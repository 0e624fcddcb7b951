/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dura_sensor_judge.c - runs one frame through the checks.
 *
 * The stamp is judged once. Then the channels block by block: a calm one (see the private
 * header) whose value is inside all SUSPECT limits is done in a loop without a branch; any
 * other goes through the checks one by one, out of line. The quick look never says GOOD
 * where the checks would not; what it cannot decide exactly it leaves to them.
 *
 * Values are looked at as bits: NaN and infinities are seen even under -ffast-math, and
 * subnormals give one answer whether or not the machine flushes them.
 *
 * Tests and flag numbers: QARTOD manuals (gross range, rate of change, flat line);
 * rate without a division: |dx| > limit * dt, dt from integer nanoseconds.
 */
#include "dura_sensor_priv.h"

#define WINDOW_ENDS ((uint32_t)1 << 31)  /* beside reason bits: the value left its window */
#define RATE_TAKEN ((uint32_t)1 << 30)   /* beside reason bits: a rate was measured */
#define ODD_CELL 1u                      /* tiny: no quick look passes it, whatever the limits */

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
            durai_sensor_open_window(&s->block[k], i, WIN_NONE, NS_NEVER); /* a count goes by the stamp */
        }
    }
}

/* Write down what being calm implied; `before` is the stamp of the last frame. */
static inline void wake(sensor_block *b, size_t i, int64_t before)
{
    uint32_t lane = (uint32_t)1 << i;
    if ((b->calm & lane) == 0)
        return;
    b->calm &= ~lane;
    b->good[i] = b->acc[i];
    b->good_ns[i] = before;
}

/* No value of this frame is accepted. `other` is still that of the frame before. */
static void refuse(dura_sensor *s, size_t channel, int64_t before, uint32_t past)
{
    sensor_block *b = &s->block[channel / LANES];
    size_t i = channel % LANES;
    if (!(b->past[i] & PAST_REFUSED)) {
        b->acc_ns[i] = before;
        if (s->extra)
            s->extra->second[channel] = b->other[i];
    }
    b->past[i] = (uint16_t)((b->past[i] & PAST_REASONS) | PAST_REFUSED | past);
}

/* Values stamped under the old time base have no age any more, so none can be held. */
static void leave_time_base(dura_sensor *s)
{
    size_t channel;
    for (channel = 0; channel < s->n; channel++) {
        sensor_block *b = &s->block[channel / LANES];
        size_t i = channel % LANES;
        wake(b, i, s->last_ns);
        refuse(s, channel, s->last_ns, b->past[i] & PAST_SPIKED);
        b->acc_ns[i] = b->acc_ns[i] >= 0 ? NS_REBASED : b->acc_ns[i];
        b->good_ns[i] = NS_NEVER;
    }
    s->due = 0;
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

/* The stamp at which the lane's window becomes SUSPECT. Without a window, or without the
 * check, it is one that never comes. */
static inline uint64_t due_of(const sensor_block *b, size_t i)
{
    return (uint64_t)durai_sensor_window(b, i) + (uint64_t)b->flat_suspect_ns[i];
}

/* A window of some calm channel may have lasted too long. Windows only ever begin later than
 * when s->due was worked out, so that is seldom done anew. */
static int windows_are_due(dura_sensor *s, uint64_t now)
{
    size_t channel;
    if (now < s->due)
        return 0;
    s->due = UINT64_MAX;
    for (channel = 0; channel < s->n; channel++) {
        const sensor_block *b = &s->block[channel / LANES];
        size_t i = channel % LANES;
        if ((b->calm >> i & 1u) != 0 && due_of(b, i) < s->due)
            s->due = due_of(b, i);
    }
    return now >= s->due;
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
    f->dt = durai_sensor_seconds((int64_t)since(f->now, f->before));
    s->dt = f->dt;
    s->frames++;
    f->half = (uint32_t)s->frames >> 5 & 1u;
    f->bit = (uint32_t)1 << (s->frames & 31u);
    f->recent[0] = f->recent[1] = 0;
    f->quick = f->time_bits == 0 && !windows_are_due(s, (uint64_t)f->now);
    DURA_ASSERT(f->now >= 0);
}

/* ---- the quick look ---------------------------------------------------------------- */

/* Not zero, and small enough to count as zero in differences. */
static inline int is_tiny(uint32_t u)
{
    return (u << 1) - 1u < TINY_BITS << 1;
}

/* Every bit, or none: what vectors select by. */
static inline uint32_t all_if(int holds)
{
    return 0u - (uint32_t)holds;
}

/* The lane's value u is GOOD by range and rate. Neither it nor what it is compared with is
 * tiny, so plain differences are those of the checks, or at most TINY where the checks see 0:
 * which is no rate's excess the checks would find, and never leaves a window. */
#define IS_FINE(b, i, u, rank, dt, AND)                                                \
    (all_if((rank) >= (b)->suspect_lo[i]) AND all_if((rank) <= (b)->suspect_hi[i]) AND \
     all_if(!is_tiny(u)) AND                                                           \
     all_if((int32_t)durai_sensor_apart(u, (b)->acc[i]) <= (int32_t)durai_f32_bits((b)->rate_suspect[i] * (dt))))

static inline int is_moving(const sensor_block *b, size_t i, uint32_t u)
{
    return (int32_t)durai_sensor_apart(u, b->win[i]) > (int32_t)b->flat_away[i];
}

/* Values for pass_few; where it is not quiet such as decide nothing. */
static SENSOR_SLOW void take_lanes(float *x, const float *values, uint32_t quiet, size_t lanes)
{
    DURA_ASSERT(lanes >= 1 && lanes <= LANES);
    for (size_t i = 0; i < lanes; i++)
        x[i] = quiet >> i & 1u ? values[i] : durai_f32(ODD_CELL);
}

/* Of the first `lanes` those whose values x are fine move on. Returns the others, by lane;
 * nothing of those changed. */
static SENSOR_SLOW uint32_t pass_few(sensor_block *b, const float *x, const sensor_frame *f, size_t lanes)
{
    uint32_t odd = 0, keep = ~f->clear, *bad = b->bad[f->half];
    for (size_t i = 0; i < lanes; i++) {
        uint32_t u = durai_f32_bits(x[i]);
        int32_t rank = durai_sensor_rank(u);
        if (IS_FINE(b, i, u, rank, f->dt, &&)) {
            if (is_moving(b, i, u))
                durai_sensor_open_window(b, i, u, f->now);
            b->other[i] = b->acc[i];
            b->acc[i] = u;
            bad[i] &= keep;
        } else {
            odd |= (uint32_t)1 << i;
        }
    }
    return odd;
}

#if SENSOR_VECTORS
/* The same for all lanes, without a branch. */
static inline uint32_t pass_all(sensor_block *b, const float *x, const sensor_frame *f)
{
    static const uint32_t lane[8] = {1, 2, 4, 8, 16, 32, 64, 128};
    uint32_t odd = 0, clear = f->clear, half = f->half, low = (uint32_t)f->now, high = (uint32_t)((uint64_t)f->now >> 32);
    float dt = f->dt;
    LANE_LOOP
    for (size_t i = 0; i < LANES; i++) {
        uint32_t u = durai_f32_bits(x[i]), ok, left;
        int32_t rank = durai_sensor_rank(u);
        ok = IS_FINE(b, i, u, rank, dt, &);
        left = ok & all_if(is_moving(b, i, u));
        b->win[i] = (u & left) | (b->win[i] & ~left);
        b->win_ns[0][i] = (low & left) | (b->win_ns[0][i] & ~left);
        b->win_ns[1][i] = (high & left) | (b->win_ns[1][i] & ~left);
        b->other[i] = (b->acc[i] & ok) | (b->other[i] & ~ok);
        b->acc[i] = (u & ok) | (b->acc[i] & ~ok);
        b->bad[half][i] &= ~(clear & ok);
        odd |= lane[i] & ~ok;
    }
    return odd;
}
#else
static inline uint32_t pass_all(sensor_block *b, const float *x, const sensor_frame *f)
{
    return pass_few(b, x, f, LANES);
}
#endif

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

/* How far the value is from the last accepted one, as bits of a float. */
static inline uint32_t step_of(const sensor_block *b, size_t i, uint32_t x)
{
    if (is_count(b, i))
        return durai_f32_bits((float)counts_apart(x, b->acc[i]));
    return durai_sensor_apart(x, durai_sensor_settle(b->acc[i]));
}

/* `x` is the value settled, or the count. */
static inline uint32_t check_rate(const sensor_block *b, size_t i, uint32_t x, const sensor_frame *f)
{
    uint32_t dx;
    float dt = f->dt;
    if (!(b->what[i] & DURA_CHECK_RATE))
        return 0;
    if (f->time_bits != 0)
        return DURA_R_WARMUP;
    if (b->past[i] & PAST_REFUSED) {
        if (b->acc_ns[i] < 0)
            return DURA_R_WARMUP;
        dt = durai_sensor_seconds(f->now - b->acc_ns[i]);
    }
    dx = step_of(b, i, x);
    if (dx <= TINY_BITS || dx <= durai_sensor_reach(b->rate_suspect[i], dt))
        return RATE_TAKEN;
    return RATE_TAKEN | (dx > durai_sensor_reach(b->rate_fail[i], dt) ? (uint32_t)DURA_R_RATE_FAIL : (uint32_t)DURA_R_RATE_SUSPECT);
}

/* The value left its window, or there is none. */
static inline int has_left(const sensor_block *b, size_t i, uint32_t x)
{
    if (is_count(b, i))
        return durai_sensor_window(b, i) < 0 || counts_apart(x, b->win[i]) > b->flat_away[i];
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
    DURA_ASSERT(durai_sensor_window(b, i) >= 0);
    held = since(f->now, durai_sensor_window(b, i));
    if (held < (uint64_t)b->flat_suspect_ns[i])
        return 0;
    return held < (uint64_t)b->flat_fail_ns[i] ? DURA_R_FLAT_SUSPECT : DURA_R_FLAT_FAIL;
}

/* What the value says by itself, without the stamp's bits. */
static inline uint32_t check_value(const sensor_block *b, size_t i, uint32_t u, const sensor_frame *f)
{
    uint32_t x = is_count(b, i) ? u : durai_sensor_settle(u);
    return check_range(b, i, u) | check_rate(b, i, x, f) | check_flat(b, i, x, f);
}

/* A flat window goes on while it fails, and ends when an accepted value leaves it. */
static inline void accept(sensor_block *b, size_t i, uint32_t u, uint32_t found, const sensor_frame *f)
{
    uint32_t late = (b->past[i] & PAST_REFUSED) && (found & RATE_TAKEN) ? PAST_LATE : 0u;
    if (found & WINDOW_ENDS)
        durai_sensor_open_window(b, i, u, f->now);
    b->other[i] = b->acc[i];
    b->acc[i] = u;
    b->past[i] = (uint16_t)((found & PAST_REASONS) | late | (found & RATE_TAKEN ? 0u : PAST_NO_RATE));
}

/* On a bad stamp an extended sensor needs `other` as it is when the next good one comes. */
static inline void set_aside(sensor_block *b, size_t channel, uint32_t u, const sensor_frame *f)
{
    size_t i = channel % LANES;
    if (f->s->extra) {
        refuse(f->s, channel, f->before, PAST_ASIDE | PAST_NO_RATE | (b->past[i] & PAST_SPIKED));
        return;
    }
    refuse(f->s, channel, f->before, PAST_NO_RATE);
    b->other[i] = u;
}

/* Nothing is said against the value: the next frame may look at it quickly. */
static inline void calm_down(sensor_block *b, size_t i, uint32_t u, dura_sensor *s)
{
    if (is_count(b, i) || (b->past[i] & PAST_LATE) || is_tiny(u) || is_tiny(b->win[i]))
        return;
    DURA_ASSERT(!(b->past[i] & PAST_REFUSED) && b->good[i] == b->acc[i]);
    b->calm |= (uint32_t)1 << i;
    if (due_of(b, i) < s->due)
        s->due = due_of(b, i);
}

/* A value is there. What failed never becomes history, and what its frame is refused for
 * is never held. Returns the reasons: WARMUP only where no time bit says why a rate is
 * not there yet. */
static inline uint32_t judge_value(sensor_block *b, size_t channel, uint32_t u, uint32_t time, const sensor_frame *f)
{
    size_t i = channel % LANES;
    uint32_t found, reasons;
    found = check_value(b, i, u, f) | (f->found ? f->found[channel] : 0);
    reasons = (found & ~(WINDOW_ENDS | RATE_TAKEN)) | time;
    if (time)
        reasons &= ~(uint32_t)DURA_R_WARMUP;
    if (!f->good) {
        set_aside(b, channel, u, f);
        return reasons;
    }
    if (reasons & BITS_FAIL) {
        refuse(f->s, channel, f->before, (found & RATE_TAKEN ? 0u : PAST_NO_RATE) |
                                             (reasons & (uint32_t)DURA_R_SPIKE_FAIL ? PAST_SPIKED : 0u));
        b->other[i] = u;
        return reasons;
    }
    accept(b, i, u, found, f);
    if ((reasons & BITS_SUSPECT) && !(b->what[i] & FLAG_SUSPECT_OK))
        return reasons;
    b->good[i] = u;
    b->good_ns[i] = f->now;
    if (reasons == 0)
        calm_down(b, i, u, f->s);
    return reasons;
}

/* When the last accepted value was accepted, or NS_*, while frame f is judged. */
static inline int64_t accepted_ns(const sensor_block *b, size_t i, int64_t before)
{
    return b->past[i] & PAST_REFUSED ? b->acc_ns[i] : before;
}

/* The frame has no value: the last accepted one serves while it is young enough. */
static inline uint32_t stand_in(const sensor_block *b, size_t channel, uint32_t time, const sensor_frame *f)
{
    size_t i = channel % LANES;
    int64_t then = accepted_ns(b, i, f->before);
    DURA_ASSERT((time & ~(BITS_FAIL | (uint32_t)DURA_R_TIME_GAP)) == 0);
    refuse(f->s, channel, f->before, PAST_NO_NUMBER | (b->past[i] & PAST_SPIKED));
    if (then >= 0 && b->max_age_ns[i] > 0 && f->now - then <= b->max_age_ns[i]) {
        uint32_t old = b->past[i] & PAST_REASONS;
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

/* The places of the last `dwell` frames up to number `last` in a history of 64. */
static void find_recent(const dura_sensor *s, uint64_t last, uint32_t *recent)
{
    uint64_t m = s->dwell < 64u ? ((uint64_t)1 << s->dwell) - 1u : UINT64_MAX;
    uint32_t turn = (uint32_t)(last + 1u - s->dwell) & 63u;
    DURA_ASSERT(s->dwell >= 1 && s->dwell <= 64);
    m = m << turn | (turn ? m >> (64u - turn) : 0);
    recent[0] = (uint32_t)m;
    recent[1] = (uint32_t)(m >> 32);
}

/* VALID once enough frames were seen, few of the last 64 were bad and none of the last
 * `dwell`. In a row of GOOD frames this becomes true and stays so: asking later is enough. */
uint8_t durai_sensor_state_at(const dura_sensor *s, const sensor_block *b, size_t i)
{
    uint32_t recent[2];
    find_recent(s, s->frames, recent);
    if (s->frames >= s->dwell && ((b->bad[0][i] & recent[0]) | (b->bad[1][i] & recent[1])) == 0 &&
        durai_sensor_ones(b, i) <= s->valid_at)
        return DURA_STATE_VALID;
    return (uint8_t)(b->what[i] >> STATE_SHIFT);
}

/* A bad frame, its place in the history still that of 64 frames ago: how the channel was
 * until now (see durai_sensor_state_at), and whether this one is too much. */
static inline uint32_t worse_state(sensor_frame *f, const sensor_block *b, size_t i)
{
    const dura_sensor *s = f->s;
    uint32_t state = (uint32_t)b->what[i] >> STATE_SHIFT, lately, bad;
    if (s->frames <= s->dwell)
        return state; /* INIT, as it was in every frame before */
    if ((f->recent[0] | f->recent[1]) == 0)
        find_recent(s, s->frames - 1u, f->recent);
    lately = (b->bad[0][i] & f->recent[0]) | (b->bad[1][i] & f->recent[1]);
    if (lately && (state == DURA_STATE_INIT || state == DURA_STATE_INVALID))
        return state;
    bad = durai_sensor_ones(b, i);
    DURA_ASSERT(bad <= 64);
    if (!lately && bad <= s->valid_at)
        state = DURA_STATE_VALID;
    if (state == DURA_STATE_INIT || state == DURA_STATE_INVALID)
        return state;
    bad += !(b->bad[f->half][i] & f->bit);
    if (bad >= s->invalid_at)
        return DURA_STATE_INVALID;
    return bad >= s->degraded_at ? (uint32_t)DURA_STATE_DEGRADED : state;
}

/* Bring the channel's history up to this frame. */
static inline void note_bad(sensor_frame *f, sensor_block *b, size_t i)
{
    uint32_t keep = ((uint32_t)1 << STATE_SHIFT) - 1u;
    DURA_ASSERT((b->calm >> i & 1u) == 0);
    b->what[i] = (uint16_t)((b->what[i] & keep) | worse_state(f, b, i) << STATE_SHIFT);
    b->bad[f->half][i] |= f->bit;
}

/* What the model may see of a channel whose frame brought u, or that serves in its place. */
static inline float usable_of(const sensor_block *b, size_t i, uint32_t u, uint32_t reasons)
{
    if (reasons & DURA_R_SUBSTITUTED)
        u = b->good[i];
    else if (reasons & (BITS_FAIL | (uint32_t)DURA_R_MISSING))
        return 0.0f;
    return is_count(b, i) ? durai_sensor_count(b, i, u) : durai_f32(u);
}

/* All checks of one channel, exactly. */
static SENSOR_SLOW void look_closer(sensor_frame *f, sensor_block *b, size_t channel)
{
    size_t i = channel % LANES;
    uint32_t u = durai_f32_bits(f->values[channel]);
    uint32_t what = b->what[i], reasons, time, *all;
    uint8_t verdict;
    time = what & DURA_CHECK_TIME ? f->time_bits : 0;
    wake(b, i, f->before);
    if (f->missing && f->missing[channel]) {
        reasons = stand_in(b, channel, time, f);
        u = b->acc[i];
    } else if ((u & 0x7F800000u) == 0x7F800000u && !is_count(b, i)) {
        refuse(f->s, channel, f->before, PAST_NO_NUMBER | (f->good ? 0u : b->past[i] & PAST_SPIKED));
        reasons = time | (uint32_t)DURA_R_NONFINITE;
    } else {
        reasons = judge_value(b, channel, u, time, f);
    }
    verdict = durai_sensor_verdict(reasons);
    if (verdict == DURA_FAIL && durai_sensor_may_hold(b, i, f))
        reasons |= DURA_R_SUBSTITUTED;
    if (reasons) {
        count(f, channel, what, reasons, verdict);
        note_bad(f, b, i);
    } else {
        b->bad[f->half][i] &= ~f->clear;
    }
    all = durai_sensor_reasons(f->s);
    all[channel] = reasons;
    ((uint8_t *)(all + (size_t)f->s->blocks * LANES))[channel] = verdict;
    if (f->usable)
        f->usable[channel] = usable_of(b, i, u, reasons);
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
    if (*reasons == 0)
        note_bad(f, b, i);
    *reasons |= more;
    *verdict = durai_sensor_verdict(*reasons);
    if (rejects(b->what[i], 0, *verdict)) {
        b->good[i] = good;
        b->good_ns[i] = good_ns;
    }
    if (*verdict == DURA_FAIL && durai_sensor_may_hold(b, i, f))
        *reasons |= DURA_R_SUBSTITUTED;
    if (!(*reasons & DURA_R_ESTIMATED))
        f->s->extra->now[channel] = usable_of(b, i, durai_sensor_brought(f->s, channel), *reasons);
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

/* By lane: its value may be GOOD by a quick look. */
static uint32_t quiet_lanes(const sensor_frame *f, const sensor_block *b, size_t first, size_t lanes)
{
    uint32_t quiet = b->calm;
    for (size_t i = 0; i < lanes; i++)
        if ((f->missing && f->missing[first + i]) || (f->found && f->found[first + i]))
            quiet &= ~((uint32_t)1 << i);
    return quiet;
}

/* The lanes that have to be looked at closer, when the others have moved on. */
static uint32_t odd_lanes(sensor_frame *f, sensor_block *b, size_t first, size_t lanes)
{
    uint32_t quiet = b->calm;
    const float *x = f->values + first;
    float own[LANES];
    if (!f->quick)
        return ALL_LANES;
    if (f->missing || f->found)
        quiet = quiet_lanes(f, b, first, lanes);
    if (quiet == ALL_LANES && lanes == LANES)
        return pass_all(b, x, f);
    if (quiet != ALL_LANES) {
        take_lanes(own, x, quiet, lanes);
        x = own;
    }
    return pass_few(b, x, f, lanes);
}

/* What the model may see, should all channels be GOOD. */
typedef struct lanes_of_values {
    float x[LANES];
} lanes_of_values;

static inline void show_lanes(const sensor_frame *f, size_t first, size_t lanes)
{
    if (!f->usable)
        return;
    if (lanes == LANES)
        *(lanes_of_values *)(void *)(f->usable + first) = *(const lanes_of_values *)(const void *)(f->values + first);
    else
        for (size_t i = first; i < first + lanes; i++)
            f->usable[i] = f->values[i];
}

static void judge_block(sensor_frame *f, sensor_block *b, size_t first, size_t lanes)
{
    uint32_t odd = odd_lanes(f, b, first, lanes);
    show_lanes(f, first, lanes);
    for (size_t channel = first; odd != 0 && channel < first + lanes; channel++, odd >>= 1)
        if (odd & 1u)
            look_closer(f, b, channel);
}

static void judge_channels(sensor_frame *f)
{
    size_t n = f->s->n, first;
    sensor_block *b = f->s->block;
    for (first = 0; first < n; first += LANES, b++)
        judge_block(f, b, first, n - first < LANES ? n - first : LANES);
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
    f->clear = f->bit;
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
    int64_t then = accepted_ns(b, i, s->last_ns);
    return limit > 0 && then >= 0 && now > then && now - then > limit;
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
