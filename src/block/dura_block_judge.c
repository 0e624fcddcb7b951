/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dura_block_judge.c - one block: stamp, bytes, figures, limits, verdict.
 *
 * The order is that of the reason bits. Everything is worked out first; what later blocks
 * are compared with moves at the end and only for a block that did not fail. Two things
 * move for every block: the stamp (a bad picture is not silence) and the count of repeats
 * in a row (a frozen source stays frozen).
 */
#include "dura_block_priv.h"

#define ANY 3.0e38f              /* limits beyond this are none: DURA_BLOCK_ANY, rounded or not */
#define PIECE_BYTES 128u
#define JUST_ABOVE_1 0x3F800001u
#define FAR 1e6f                 /* deviations; more is as far, and keeps the sums finite */
#define NEAR 1e-15f              /* deviations that are none; see the spectrum's LEAST */

/* One block on its way. */
typedef struct finding {
    uint32_t reasons, fails;
    float ratio, distance;
    uint16_t feature;
    uint8_t stamp_is_good;
    uint8_t is_new;              /* its digest is not in the history */
    uint64_t digest;
} finding;

static void add_reason(finding *v, uint32_t bit, int is_fail)
{
    v->reasons |= bit;
    if (is_fail)
        v->fails |= bit;
}

/* ---- the stamp ---------------------------------------------------------------------------- */

/* A reversed stamp, or the one that convinces us that the clock was set back. */
static uint32_t note_reversed(dura_block *b, int64_t mono_ns)
{
    int goes_on = b->reversed > 0 && mono_ns > b->reversed_ns;
    b->reversed = goes_on ? b->reversed + 1u : 1u;
    b->reversed_ns = mono_ns;
    DURA_ASSERT(b->reversed <= b->c.rebase_after);
    return b->reversed < b->c.rebase_after ? DURA_B_TIME_REVERSED : DURA_B_TIME_GAP;
}

static uint32_t stamp_reasons(dura_block *b, int64_t mono_ns)
{
    if (b->last_ns >= 0 && mono_ns < b->last_ns)
        return note_reversed(b, mono_ns);
    b->reversed = 0;
    if (b->last_ns < 0)
        return 0;
    if (mono_ns == b->last_ns)
        return DURA_B_TIME_DUPLICATE;
    return b->c.gap_ns > 0 && mono_ns - b->last_ns > b->c.gap_ns ? DURA_B_TIME_GAP : 0;
}

/* Without the TIME check a stamp only says how old the last block is. */
static void judge_time(dura_block *b, finding *v, int64_t mono_ns)
{
    uint32_t bits = 0;
    if (b->c.checks & DURA_B_TIME)
        bits = stamp_reasons(b, mono_ns) & b->c.checks;
    v->stamp_is_good = (bits & (DURA_B_TIME_REVERSED | DURA_B_TIME_DUPLICATE)) == 0;
    if (bits)
        add_reason(v, bits, !v->stamp_is_good);
    if (bits & DURA_B_TIME_GAP)
        b->has_profile = 0;
    if (v->stamp_is_good && ((b->c.checks & DURA_B_TIME) || mono_ns > b->last_ns)) {
        b->last_ns = mono_ns;
        b->reversed = 0;
    }
}

/* ---- the bytes ------------------------------------------------------------------------------ */

static uint64_t mixed(uint64_t h)
{
    h *= 0x9E3779B97F4A7C15u;
    return h ^ (h >> 32);
}

/* Fewer than 16 bytes, and how many: then no two tails look alike. */
static uint64_t digest_tail(uint64_t h, const uint8_t *p, size_t n)
{
    uint8_t last[16];
    memset(last, 0, sizeof last);
    memcpy(last, p, n);
    h = mixed(h ^ durai_le64(last));
    return mixed(mixed(h ^ durai_le64(last + 8)) + n);
}

uint64_t durai_block_digest(uint64_t h, const uint8_t *p, size_t n)
{
    uint64_t other = 0x2545F4914F6CDD1Du;
    size_t i;
    for (i = 0; i + 16u <= n; i += 16u) {
        h = mixed(h ^ durai_le64(p + i));
        other = mixed(other ^ durai_le64(p + i + 8u));
    }
    return digest_tail(mixed(h ^ mixed(other)), p + i, n - i);
}

/* A window in pieces, so that interleaved and packed samples have the same digest. */
static DURAI_NOINLINE uint64_t digest_window(const dura_block *b, const uint8_t *data, size_t stride)
{
    uint8_t piece[PIECE_BYTES];
    uint32_t unit = durai_block_unit(&b->c), most = PIECE_BYTES / unit, i, k;
    uint64_t h = 0;
    for (i = 0; i < b->c.width; i += most) {
        uint32_t n = b->c.width - i < most ? b->c.width - i : most;
        const uint8_t *from = data + i * stride;
        for (k = 0; k < n && stride != unit; k++)
            memcpy(piece + (size_t)k * unit, from + k * stride, unit);
        h = durai_block_digest(h, stride == unit ? from : piece, (size_t)n * unit);
    }
    return h;
}

static uint64_t digest_image(const dura_block *b, const uint8_t *data, size_t stride)
{
    size_t row = (size_t)b->c.width * durai_block_unit(&b->c);
    uint64_t h = 0;
    uint32_t i;
    for (i = 0; i < b->c.height; i++)
        h = durai_block_digest(h, data + i * stride, row);
    return h;
}

static int is_in_ring(dura_block *b, uint64_t digest)
{
    const uint64_t *ring = durai_block_ring(b);
    uint32_t i;
    DURA_ASSERT(b->ring_at && b->past.n <= b->c.history);
    for (i = 0; i < b->past.n; i++)
        if (ring[i] == digest)
            return 1;
    return 0;
}

static void judge_repeat(dura_block *b, finding *v, const uint8_t *data, size_t stride)
{
    uint32_t bit;
    if (!(b->c.checks & DURA_B_REPEAT))
        return;
    v->digest = durai_block_is_image(&b->c) ? digest_image(b, data, stride) : digest_window(b, data, stride);
    v->is_new = !is_in_ring(b, v->digest);
    bit = v->is_new ? 0 : v->digest == b->past.newest ? DURA_B_FROZEN : DURA_B_REPEATED;
    bit &= b->c.checks;
    b->past.repeats = bit == 0 ? 0 : b->past.repeats < UINT32_MAX ? b->past.repeats + 1u : UINT32_MAX;
    if (bit) {
        add_reason(v, bit, b->past.repeats >= b->c.repeat_fail);
        b->repeated++;
    }
}

/* ---- the figures ------------------------------------------------------------------------------ */

/* Which check a feature belongs to. */
uint32_t durai_block_check_of(const dura_block_config *c, uint32_t feature)
{
    static const uint32_t image[F] = {
        DURA_B_EXPOSURE, DURA_B_EXPOSURE, DURA_B_EXPOSURE, DURA_B_CONTRAST, DURA_B_BLUR, DURA_B_NOISE,
        DURA_B_LINES, DURA_B_LINES, DURA_B_LINES, DURA_B_LINES, DURA_B_ELEMENTS, DURA_B_ELEMENTS,
        DURA_B_ELEMENTS, DURA_B_BALANCE, DURA_B_BALANCE, DURA_B_CHANGE};
    static const uint32_t window[DURA_WINDOW_BAND] = {
        DURA_B_OFFSET, DURA_B_LEVEL, DURA_B_SHAPE, DURA_B_SHAPE, DURA_B_CLIPPED, DURA_B_STUCK,
        DURA_B_LINE, DURA_B_SPECTRUM};
    DURA_ASSERT(feature < F);
    if (durai_block_is_image(c))
        return image[feature];
    if (feature < DURA_WINDOW_BAND)
        return window[feature];
    return feature - DURA_WINDOW_BAND < c->n_bands ? DURA_B_BAND : 0;
}

/* x / limit for limits that are above 0; else how far x is beyond, and 1. */
static float over(float x, float limit)
{
    if (limit > 0.0f)
        return x > 0.0f ? x / limit : 0.0f;
    return x > limit ? 1.0f + (x - limit) : 0.0f;
}

/* Distance from the middle over half the width; with one end, over that end. */
static float ratio_of(float x, float lo, float hi)
{
    if (lo < -ANY && hi > ANY)
        return 0.0f;
    if (lo < -ANY)
        return over(x, hi);
    if (hi > ANY)
        return lo > 0.0f ? (x > lo * 1e-6f ? lo / x : 1e6f) : over(-x, -lo);
    x -= 0.5f * lo + 0.5f * hi;
    return (x < 0.0f ? -x : x) / (0.5f * hi - 0.5f * lo);
}

/* Above 1 exactly where it fails, finite and not negative. */
static void note_ratio(finding *v, float ratio, int failed, uint32_t feature)
{
    float least = failed ? durai_f32(JUST_ABOVE_1) : 0.0f, most = failed ? 1e30f : 1.0f;
    DURA_ASSERT(v->ratio >= 0.0f);
    ratio = ratio > least ? ratio : least;
    ratio = ratio < most ? ratio : most;
    if (ratio <= v->ratio)
        return;
    v->ratio = ratio;
    if (failed && feature < F)
        v->feature = (uint16_t)feature;
}

static void judge_feature(const dura_block *b, finding *v, uint32_t i)
{
    const dura_block_config *c = &b->c;
    uint32_t check = c->checks & durai_block_check_of(c, i);
    float x = b->feature[i];
    int failed = x < c->fail_lo[i] || x > c->fail_hi[i];
    if (!check)
        return;
    if (check == DURA_B_CHANGE && !b->has_profile) {
        add_reason(v, DURA_B_WARMUP, 0);
        return;
    }
    note_ratio(v, ratio_of(x, c->fail_lo[i], c->fail_hi[i]), failed, i);
    if (failed)
        add_reason(v, check, 1);
    else if (x < c->suspect_lo[i] || x > c->suspect_hi[i])
        add_reason(v, check, 0);
}

/* ---- out of distribution ------------------------------------------------------------------------ */

/* How many deviations a feature is from where it was pinned. */
static float scaled(const dura_block *b, uint32_t i)
{
    float z = (b->feature[i] - b->c.pin_mean[i]) * b->c.pin_scale[i];
    if (!(b->c.pin_scale[i] > 0.0f))
        return 0.0f;
    if (durai_block_is_image(&b->c) && i == DURA_IMAGE_CHANGE && !b->has_profile)
        return 0.0f;
    z = z > FAR ? FAR : z < -FAR ? -FAR : z;
    return z > NEAR || z < -NEAR ? z : 0.0f;
}

static DURAI_NOINLINE float distance(dura_block *b)
{
    const float *row = b->matrix_at ? durai_block_floats(b, b->matrix_at) : NULL;
    float z[F], sum = 0.0f;
    uint32_t i, k;
    for (i = 0; i < F; i++)
        z[i] = scaled(b, i);
    for (i = 0; i < F; i++) {
        float y = row ? 0.0f : z[i];
        for (k = 0; row && k < F; k++)
            y += row[i * F + k] * z[k];
        y = y > NEAR || y < -NEAR ? y : 0.0f;
        sum += y * y;
    }
    return sum;
}

static void judge_unlike(dura_block *b, finding *v)
{
    if (!(b->c.checks & DURA_B_UNLIKE))
        return;
    v->distance = distance(b);
    note_ratio(v, v->distance / b->c.unlike_fail, v->distance > b->c.unlike_fail, F);
    if (v->distance > b->c.unlike_suspect)
        add_reason(v, DURA_B_UNLIKE, v->distance > b->c.unlike_fail);
}

static DURAI_NOINLINE void judge_figures(dura_block *b, finding *v, const uint8_t *data, size_t stride)
{
    uint32_t i;
    if (durai_block_is_image(&b->c)) {
        durai_block_image(b, data, stride);
    } else if (!durai_block_window(b, data, stride)) {
        add_reason(v, DURA_B_NONFINITE, 1);
        return;
    }
    b->measured = 1;
    for (i = 0; i < F; i++)
        judge_feature(b, v, i);
    judge_unlike(b, v);
}

/* ---- the verdict ----------------------------------------------------------------------------------- */

static uint8_t verdict_for(const finding *v)
{
    if (v->reasons & DURA_B_MISSING)
        return DURA_MISSING;
    if (v->fails)
        return DURA_FAIL;
    if (v->reasons & ~(uint32_t)DURA_B_WARMUP)
        return DURA_SUSPECT;
    return v->reasons ? DURA_UNKNOWN : DURA_GOOD;
}

static int is_passed(const dura_block *b, uint8_t verdict)
{
    return verdict == DURA_GOOD || verdict == DURA_UNKNOWN ||
           (verdict == DURA_SUSPECT && (b->c.flags & DURA_BLOCK_SUSPECT_OK));
}

static void take_in(dura_block *b, const finding *v)
{
    uint64_t *ring = durai_block_ring(b);
    b->accepted++;
    if (durai_block_is_image(&b->c)) {
        memcpy(b->profile, b->fresh, sizeof b->profile);
        b->has_profile = 1;
    }
    if (!(b->c.checks & DURA_B_REPEAT))
        return;
    b->past.newest = v->digest;
    if (!v->is_new)
        return;
    DURA_ASSERT(b->past.next < b->c.history);
    ring[b->past.next] = v->digest;
    b->past.next = (b->past.next + 1u) % b->c.history;
    b->past.n += b->past.n < b->c.history;
}

/* A scene that jumped and goes on elsewhere: refused for CHANGE (and the distance, of which it is a
 * part) alone, rebase_after times in a row that agree among themselves, it is what later blocks
 * are compared with. Else one refusal would refuse for ever whatever keeps moving. */
static void note_moved(dura_block *b, const finding *v)
{
    const uint32_t alone = DURA_B_CHANGE | DURA_B_UNLIKE;
    float change;
    if ((v->fails & alone) == 0 || (v->fails & ~alone)) {
        b->moved = 0;
        return;
    }
    DURA_ASSERT(durai_block_is_image(&b->c) && b->moved <= b->c.rebase_after);
    change = durai_block_change(b, b->moved_to);
    b->moved = b->moved > 0 && change >= b->c.fail_lo[DURA_IMAGE_CHANGE] && change <= b->c.fail_hi[DURA_IMAGE_CHANGE]
                   ? b->moved + 1u : 1u;
    memcpy(b->moved_to, b->fresh, sizeof b->moved_to);
    if (b->moved < b->c.rebase_after)
        return;
    memcpy(b->profile, b->fresh, sizeof b->profile);
    b->has_profile = 1;
    b->moved = 0;
}

static void publish(dura_block *b, const finding *v)
{
    dura_block_report *r = &b->last;
    r->verdict = verdict_for(v);
    r->action = is_passed(b, r->verdict) ? DURA_PASS : DURA_REJECT;
    r->feature = v->feature;
    r->reasons = v->reasons;
    r->fails = v->fails;
    r->ratio = v->ratio;
    r->distance = v->distance;
    DURA_ASSERT((r->fails & ~r->reasons) == 0);
}

static int is_short(const dura_block_config *c, size_t len, size_t stride)
{
    int image = durai_block_is_image(c);
    size_t unit = durai_block_unit(c), piece = image ? unit * c->width : unit;
    uint32_t pieces = image ? c->height : c->width;
    return len < piece || (len - piece) / stride < pieces - 1u;
}

int dura_block_update(dura_block *b, int64_t mono_ns, int64_t now_ns, const void *data, size_t len,
                      size_t stride, dura_block_report *out)
{
    finding v = {0, 0, 0.0f, 0.0f, DURA_NONE, 0, 0, 0};
    size_t packed;
    if (!b || !out || mono_ns < 0 || now_ns < 0 || out->struct_size < BLOCK_REPORT_V1)
        return DURA_EINVAL;
    packed = (size_t)durai_block_unit(&b->c) * (durai_block_is_image(&b->c) ? b->c.width : 1u);
    stride = stride ? stride : packed;
    if (stride < packed)
        return DURA_EINVAL;
    if (!data) {
        add_reason(&v, b->last_ns >= 0 ? DURA_B_MISSING | DURA_B_STALE : DURA_B_MISSING, 0);
    } else {
        judge_time(b, &v, mono_ns);
        if ((b->c.checks & DURA_B_LATE) && now_ns > mono_ns && now_ns - mono_ns > b->c.late_ns)
            add_reason(&v, DURA_B_LATE, 1);
        if (is_short(&b->c, len, stride)) {
            add_reason(&v, DURA_B_SHORT, 1);
        } else {
            judge_repeat(b, &v, data, stride);
            judge_figures(b, &v, data, stride);
        }
    }
    publish(b, &v);
    b->blocks++;
    b->bad = (b->bad << 1) | (b->last.verdict != DURA_GOOD);
    if (v.stamp_is_good && b->last.verdict != DURA_FAIL)
        take_in(b, &v);
    if ((b->c.checks & DURA_B_CHANGE) && v.stamp_is_good)
        note_moved(b, &v);
    return durai_struct_out(out, &b->last, (uint32_t)sizeof b->last, BLOCK_REPORT_V1);
}

int dura_block_poll(dura_block *b, int64_t now_ns, dura_block_report *out)
{
    finding v = {0, 0, 0.0f, 0.0f, DURA_NONE, 0, 0, 0};
    int64_t since;
    if (!b || !out || now_ns < 0 || out->struct_size < BLOCK_REPORT_V1)
        return DURA_EINVAL;
    if (b->poll_ns < 0)
        b->poll_ns = now_ns;
    since = b->last_ns >= 0 ? b->last_ns : b->poll_ns;
    if (b->c.max_age_ns > 0 && now_ns > since && now_ns - since > b->c.max_age_ns) {
        add_reason(&v, b->last_ns >= 0 ? DURA_B_MISSING | DURA_B_STALE : DURA_B_MISSING, 0);
        publish(b, &v);
    }
    return durai_struct_out(out, &b->last, (uint32_t)sizeof b->last, BLOCK_REPORT_V1);
}
