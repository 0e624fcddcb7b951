/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The sensor's object, shared by its two sources: dura_sensor.c builds and shows it,
 * dura_sensor_judge.c runs frames through it.
 *
 * Channels are kept LANES to a block, one array per field inside a block: every field of
 * a channel is then a constant offset away from two pointers, which is what a small core
 * has registers for, a frame walks through memory once, and a loop over the lanes is one a
 * compiler makes vectors of. Lanes past the last channel pass every check and are never shown.
 *
 * A channel whose last frame was GOOD is *calm*: its last accepted and last allowed value
 * are the same, both of the last frame, and nothing is written down of that but the value.
 * So a frame of calm channels that stay GOOD moves only values; a channel that ceases to be
 * calm first writes down what was implied (wake).
 */
#ifndef DURA_SENSOR_PRIV_H
#define DURA_SENSOR_PRIV_H

#include <dura/sensor.h>

#include "../base/dura_base_priv.h"

/* Whether loops are written for vectors of what has SSE2 or NEON, or for branches; and what
 * one vector holds. Verdicts are the same in every combination. */
#ifndef SENSOR_VECTORS
#if defined(__SSE2__) || defined(__ARM_NEON)
#define SENSOR_VECTORS 1
#else
#define SENSOR_VECTORS 0
#endif
#endif
#if SENSOR_VECTORS && !defined(__AVX2__)
#define LANES 4u
#else
#define LANES 8u
#endif
/* Before a loop over lanes: by itself clang unrolls it first and finds no vectors then. Where
 * it does not optimise it would warn that it did not. */
#if defined(__clang__)
#pragma clang diagnostic ignored "-Wpass-failed"
#if defined(__AVX2__)
#define LANE_LOOP _Pragma("clang loop vectorize(assume_safety) vectorize_width(8)")
#else
#define LANE_LOOP _Pragma("clang loop vectorize(assume_safety) vectorize_width(4)")
#endif
#else
#define LANE_LOOP
#endif

#define ALL_LANES (((uint32_t)1 << LANES) - 1u)

/* Out of line, so that its registers and stack are not those of the fast path. */
#if defined(__GNUC__)
#define SENSOR_SLOW __attribute__((noinline))
#else
#define SENSOR_SLOW
#endif

/* Bytes of each struct as first released; the frozen-v1 rule reads against these. */
#define SENSOR_CHANNEL_V1 72u
#define SENSOR_CONFIG_V1 16u
#define SENSOR_REPORT_V1 16u
#define SENSOR_STATE_V1 24u
#define SENSOR_STATUS_V1 12u

/* `what` of a lane: its checks in the low bits, kind, flags, and on top its DURA_STATE_*
 * as of the last frame that was not GOOD. */
#define KIND_COUNT ((uint32_t)1 << 7)   /* DURA_KIND_I32: cells are int32_t; never calm */
#define FLAG_REQUIRED ((uint32_t)DURA_CHANNEL_REQUIRED << 8)
#define FLAG_SUSPECT_OK ((uint32_t)DURA_CHANNEL_SUSPECT_OK << 8)
#define STATE_SHIFT 14u

/* `past` of a lane: the reasons its last accepted value was accepted with, and: */
#define PAST_REASONS                                                                   \
    ((uint32_t)(DURA_R_RANGE_SUSPECT | DURA_R_RATE_SUSPECT | DURA_R_FLAT_SUSPECT | DURA_R_WARMUP))
#define PAST_NO_NUMBER ((uint32_t)1 << 0) /* the last frame had no number: nothing was measured */
#define PAST_NO_RATE ((uint32_t)1 << 1)   /* it had one, but no rate was taken */
#define PAST_LATE ((uint32_t)1 << 2)      /* accepted, but not in the frame before: see acc_ns */
#define PAST_SPIKED ((uint32_t)1 << 3)    /* `other` was refused as a spike, for the extension */
#define PAST_ASIDE ((uint32_t)1 << 4)     /* `other` is still that of an earlier frame: what this
                                             one brought is in the extension's `now` */
#define PAST_REFUSED ((uint32_t)1 << 14)  /* the last frame brought no accepted value */

/* Stamps are >= 0, so negative ones can say what is not there. */
#define NS_NEVER ((int64_t)-1)      /* nothing was ever accepted, or no window began */
#define NS_REBASED ((int64_t)-2)    /* something was, under a time base that is gone */

/* `win` of a lane with no window open: farther from everything than any tolerance. */
#define WIN_NONE 0x7F800000u

/* Which bits make which verdict; everything else is GOOD. */
#define BITS_FAIL                                                                      \
    ((uint32_t)(DURA_R_TIME_REVERSED | DURA_R_TIME_DUPLICATE | DURA_R_NONFINITE |      \
                DURA_R_RANGE_FAIL | DURA_R_RATE_FAIL | DURA_R_FLAT_FAIL |                  \
                DURA_R_SPIKE_FAIL | DURA_R_CONTEXT_FAIL | DURA_R_VOTE_FAIL |               \
                DURA_R_PARITY_FAIL))
#define BITS_SUSPECT                                                                   \
    ((uint32_t)(DURA_R_TIME_GAP | DURA_R_RANGE_SUSPECT | DURA_R_RATE_SUSPECT |         \
                DURA_R_FLAT_SUSPECT | DURA_R_SPIKE_BEFORE | DURA_R_NOISY |                 \
                DURA_R_ATTENUATED | DURA_R_DRIFT | DURA_R_CONTEXT_SUSPECT |                \
                DURA_R_VOTE_SUSPECT | DURA_R_PARITY_SUSPECT | DURA_R_JOINT))

/* Some channels: what was attached, then what was seen. A check that a channel does not
 * have has limits that are never met: the quick look asks for no check's bit. */
typedef struct sensor_block {
    int32_t fail_lo[LANES];          /* range limits in integer order, see durai_sensor_rank;
                                        of a count as they are */
    int32_t suspect_lo[LANES];
    int32_t suspect_hi[LANES];
    int32_t fail_hi[LANES];
    float rate_suspect[LANES];
    float rate_fail[LANES];
    uint32_t flat_away[LANES];       /* bits: a value farther than this left its window; of a
                                        count the number */
    int32_t origin[LANES];           /* of a count */

    uint32_t acc[LANES];             /* bits of the last accepted value */
    uint32_t other[LANES];           /* of the value judged with it in the last frame: the one
                                        accepted before, or the one refused */
    uint32_t good[LANES];            /* bits of the last value the model was allowed */
    uint32_t win[LANES];             /* bits of the value the flat window began with */
    uint32_t bad[2][LANES];          /* the last 64 frames, one bit each, at its number modulo
                                        64: 1 was not GOOD */
    uint32_t win_ns[2][LANES];       /* when the window began, low and high half */
    int64_t flat_suspect_ns[LANES];
    int64_t flat_fail_ns[LANES];
    int64_t max_age_ns[LANES];
    int64_t hold_ns[LANES];
    int64_t acc_ns[LANES];           /* after a refused frame: when acc was accepted; after an
                                        accepted one, whose stamp is that, with PAST_LATE when
                                        the one before it was */
    int64_t good_ns[LANES];          /* when good was; implied while the channel is calm */
    uint16_t what[LANES];            /* checks, kind, flags, state; 0: not attached */
    uint16_t past[LANES];            /* PAST_* */
    uint32_t calm;                   /* by lane; lanes past the last channel always are */
    uint32_t reserved;
} sensor_block;

typedef struct sensor_extra sensor_extra;

struct dura_sensor {
    uint16_t n;              /* channels */
    uint16_t blocks;
    uint16_t attached;       /* channels attached so far */
    uint16_t rebase_after;
    uint16_t reversed;       /* consecutive reversed stamps */
    uint8_t degraded_at, invalid_at; /* see dura_sensor_config */
    uint8_t valid_at, dwell;
    uint16_t reserved;
    float dt;                /* seconds between the last two accepted stamps, last frame */
    int64_t gap_ns;
    int64_t last_ns;         /* last accepted stamp: the sensor's own idea of now */
    int64_t reversed_ns;     /* last reversed stamp */
    uint64_t frames;         /* judged since init or reset */
    sensor_extra *extra;     /* NULL, or what dura_sensor_extend gave */
    uint64_t due;            /* no window of a calm channel becomes SUSPECT before this stamp;
                                here, so that pointers of 4 bytes move no block */
    sensor_block block[];    /* then uint32_t reasons[], then uint8_t verdict[], by lane */
};

/* One frame on its way through the channels. */
typedef struct sensor_frame {
    dura_sensor *s;
    const float *values;         /* as given */
    const uint8_t *missing;      /* as given, may be NULL */
    float *usable;               /* NULL, or where what the model may see goes */
    const uint32_t *found;       /* NULL, or per channel what the extension found */
    dura_sensor_report *report;  /* the answer as it grows */
    uint32_t time_bits;   /* DURA_R_TIME_*: for channels that check time */
    uint32_t good;        /* not 0: statistics may move */
    int64_t now;          /* the stamp, or the last accepted one if this one is bad */
    int64_t before;       /* the last accepted stamp when the frame came */
    float dt;             /* seconds between those */
    uint32_t quick;       /* not 0: calm channels need no closer look for the stamp's sake */
    uint32_t half, bit;   /* the frame's place in a history, */
    uint32_t clear;       /* and the same, or 0 while a GOOD channel may yet be convicted */
    uint32_t recent[2];   /* its `dwell` places before this frame; 0 until somebody asks */
    uint32_t rejected;    /* not 0: a required channel forbids inference */
} sensor_frame;

/* What an extended sensor does besides; the first member of a sensor_extra, so that a
 * sensor that is not extended links none of it. */
typedef struct sensor_hooks {
    /* Before the channels are judged: sets f->found and f->usable. */
    void (*before)(sensor_frame *f);
    /* After: may change verdicts, reasons, usable values and the report. */
    void (*after)(sensor_frame *f, float *usable);
    void (*forget)(sensor_extra *e);
} sensor_hooks;

struct sensor_extra {
    const sensor_hooks *hooks;
    float *now;              /* per channel: what the model may see of the last frame; after
                                one with a bad stamp, what it brought */
    uint32_t *second;        /* per channel, after a refused frame: the cell accepted before acc,
                                which is in `other` otherwise */
};

static inline uint32_t *durai_sensor_reasons(dura_sensor *s)
{
    return (uint32_t *)(void *)(s->block + s->blocks);
}
static inline uint8_t *durai_sensor_verdicts(dura_sensor *s)
{
    return (uint8_t *)(durai_sensor_reasons(s) + (size_t)s->blocks * LANES);
}

/* A float's bits as an integer that sorts like the value; -0.0 is just below 0.0, so a
 * lower limit of zero is kept as -0.0 and an upper one as 0.0. Infinities and NaN lie
 * outside FLT_MAX. Subnormals keep their value, even where the machine would flush them.
 * The function is its own inverse. */
static inline int32_t durai_sensor_rank(uint32_t u)
{
    return (int32_t)(u ^ ((0u - (u >> 31)) >> 1));
}

/* Smallest normal float. In differences and rates, what is no larger counts as zero:
 * then it does not matter whether the machine flushes subnormals. */
#define TINY_BITS 0x00800000u

static inline uint32_t durai_sensor_settle(uint32_t u)
{
    return (u & 0x7FFFFFFFu) > TINY_BITS ? u : 0;
}
/* Bits of |a - b|; infinity when it overflows. */
static inline uint32_t durai_sensor_apart(uint32_t a, uint32_t b)
{
    return durai_f32_bits(durai_f32(a) - durai_f32(b)) & 0x7FFFFFFFu;
}
/* The same for any finite a and b, with what counts as zero zero. */
static inline uint32_t durai_sensor_distance(uint32_t a, uint32_t b)
{
    return durai_sensor_settle(durai_sensor_apart(durai_sensor_settle(a), durai_sensor_settle(b)));
}

/* Bits of the largest |dx| a limit per second allows within dt, both >= 0; infinity on
 * overflow. */
static inline uint32_t durai_sensor_reach(float limit, float dt)
{
    DURA_ASSERT((durai_f32_bits(limit) | durai_f32_bits(dt)) >> 31 == 0);
    return durai_f32_bits(limit * dt);
}

/* Seconds. Small cores convert 32 bits in one instruction and 64 in a call; up to 2.1 s
 * both round the same integer the same way. */
static inline float durai_sensor_seconds(int64_t ns)
{
    return (ns >> 31 == 0 ? (float)(int32_t)ns : (float)ns) * 1e-9f;
}

/* A count as the model sees it. */
static inline float durai_sensor_count(const sensor_block *b, size_t i, uint32_t u)
{
    return (float)((int64_t)(int32_t)u - b->origin[i]);
}

static inline int64_t durai_sensor_window(const sensor_block *b, size_t i)
{
    return (int64_t)((uint64_t)b->win_ns[1][i] << 32 | b->win_ns[0][i]);
}
static inline void durai_sensor_open_window(sensor_block *b, size_t i, uint32_t u, int64_t ns)
{
    b->win[i] = u;
    b->win_ns[0][i] = (uint32_t)ns;
    b->win_ns[1][i] = (uint32_t)((uint64_t)ns >> 32);
}

/* Bits set, without an instruction or a library call some targets lack. */
static inline uint32_t durai_sensor_pairs(uint32_t h)
{
    h = h - ((h >> 1) & 0x55555555u);
    return (h & 0x33333333u) + ((h >> 2) & 0x33333333u);
}
/* Which of the last 64 frames were not GOOD, counted. */
static inline uint32_t durai_sensor_ones(const sensor_block *b, size_t i)
{
    uint32_t h = b->bad[0][i], l = b->bad[1][i];
    if ((h | l) == 0)
        return 0;
    h = durai_sensor_pairs(h);
    l = durai_sensor_pairs(l);
    h = (h & 0x0F0F0F0Fu) + ((h >> 4) & 0x0F0F0F0Fu) + (l & 0x0F0F0F0Fu) + ((l >> 4) & 0x0F0F0F0Fu);
    return (h * 0x01010101u) >> 24;
}

/* The channel's DURA_STATE_* after the last frame: what it was after the last one that was
 * not GOOD, unless the frames since made it VALID. */
uint8_t durai_sensor_state_at(const dura_sensor *s, const sensor_block *b, size_t i);

/* Forget every channel's history. */
void durai_sensor_forget(dura_sensor *s);

/* dura_sensor_judge.c, for the extension */

/* The verdict that reason bits make. */
uint8_t durai_sensor_verdict(uint32_t reasons);
/* A failed or missing value may be replaced in this frame. */
int durai_sensor_may_hold(const sensor_block *b, size_t i, const sensor_frame *f);
/* Bits of what the last frame brought, or what stood in for it; finite, but for a channel
 * that has nothing to show. */
uint32_t durai_sensor_brought(const dura_sensor *s, size_t channel);
/* Give a judged channel further reasons: its past, verdict and history follow. good and
 * good_ns are the last value nothing was said against, and its stamp or NS_NEVER. */
void durai_sensor_convict(sensor_frame *f, size_t channel, uint32_t more, uint32_t good, int64_t good_ns);
/* Make the report anew from reasons and verdicts. */
void durai_sensor_recount(sensor_frame *f);

#endif
