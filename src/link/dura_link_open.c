/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dura_link_open.c - is this frame ours, and new?
 *
 * Length, version, source, profile and key come first: a flood of anything else costs a few
 * compares. Then the tag over all that stands before it, compared in a time that does not
 * depend on where it differs. Then freshness: a window of 64 numbers within an epoch (RFC
 * 6479 tells of the idea), steps beyond max_delta refused until some consecutive ones came.
 * Then the content. Nothing but the counts of refusals changes before the tag is right.
 */
#include "dura_link_priv.h"

#define REPORT_V1 96u
#define ALL_SEEN 0xFFFFFFFFFFFFFFFFu
#define QUIET_ENDS_RUN 64u      /* accepted frames without a refusal between end a run */
#define NEVER_ACCEPTED 0xFFFFu  /* the reasons below bit 16; of these EPOCH may be a note */

/* ---- the head: before any tag is made ---------------------------------------------- */

static uint32_t check_head(const dura_link *l, const uint8_t *p, size_t len)
{
    uint32_t tag;
    if (len < (size_t)DURAI_LINK_HEAD)
        return DURA_L_LENGTH;
    tag = durai_link_tag_bytes(p[DURAI_LINK_AT_PROFILE]);
    if (durai_le16(p) != DURAI_LINK_MAGIC || p[DURAI_LINK_AT_VERSION] != DURAI_LINK_VERSION ||
        p[DURAI_LINK_AT_FLAGS] != 0 || tag == 0)
        return DURA_L_VERSION;
    if (durai_le16(p + DURAI_LINK_AT_SOURCE) != l->source)
        return DURA_L_SOURCE;
    if (durai_le16(p + DURAI_LINK_AT_CHANNELS) != l->n || durai_le16(p + DURAI_LINK_AT_LENGTH) != len ||
        len != durai_link_body(l->n) + tag)
        return DURA_L_LENGTH;
    return p[DURAI_LINK_AT_PROFILE] > l->least ? (uint32_t)DURA_L_AUTH | (uint32_t)DURA_L_PROFILE : 0u;
}

/* 0 or 1: the key the frame names; 2: none that is accepted. */
static uint32_t key_of(const dura_link *l, const uint8_t *p)
{
    uint32_t i;
    DURA_ASSERT(l->key[0].profile != 0 && (l->role == DURAI_LINK_NONE || l->key[1].profile != 0));
    for (i = 0; i < 2; i++)
        if ((i == 0 || l->role != DURAI_LINK_NONE) && l->key[i].id == p[DURAI_LINK_AT_KEY] &&
            l->key[i].profile == p[DURAI_LINK_AT_PROFILE])
            break;
    return i;
}

/* ---- the tag ----------------------------------------------------------------------- */

static int same(const uint8_t *a, const uint8_t *b, uint32_t n)
{
    uint32_t i, differs = 0;
    for (i = 0; i < n; i++)
        differs |= (uint32_t)a[i] ^ (uint32_t)b[i];
    return differs == 0;
}

/* 0, AUTH, or UNCHECKED with the provider's code in *rc. */
static DURAI_NOINLINE uint32_t check_tag(const dura_link *l, uint32_t key, const uint8_t *p, int *rc)
{
    uint8_t tag[DURAI_LINK_TAG_MAX];
    size_t body = durai_link_body(l->n);
    int right;
    DURA_ASSERT(key < 2 && l->key[key].profile != 0);
    *rc = durai_link_tag(l, &l->key[key], p, body, tag);
    if (*rc < 0)
        return DURA_L_UNCHECKED;
    right = same(tag, p + body, durai_link_tag_bytes(l->key[key].profile));
    memset(tag, 0, sizeof tag);         /* the right tag of a forger's bytes is nobody's business */
    return right ? 0u : (uint32_t)DURA_L_AUTH;
}

/* ---- freshness --------------------------------------------------------------------- */

static int other_epoch(const dura_link *l, uint64_t number)
{
    return (number >> 32) != (l->number >> 32);
}

/* A number above the newest: a step, or too large a one. */
static uint32_t judge_step(const dura_link *l, uint64_t number, uint64_t *lost)
{
    uint64_t step = number - l->number;
    DURA_ASSERT(number > l->number);
    if (other_epoch(l, number)) {
        *lost = number & 0xFFFFFFFFu;   /* the counts of an epoch begin at 0 */
        return *lost > 0 ? (uint32_t)DURA_L_EPOCH | (uint32_t)DURA_L_LOST : (uint32_t)DURA_L_EPOCH;
    }
    *lost = step - 1u;
    if (l->max_delta == 0 || step <= l->max_delta || (l->flags & DURAI_LINK_LOADED))
        return *lost > 0 ? (uint32_t)DURA_L_LOST : 0u;
    /* What was refused as too far ahead is never taken later: it may have been kept back. */
    if (number <= l->mark)
        return DURA_L_REPLAY;
    if (l->wrong > 0 && number == l->mark + 1u && l->wrong + 1u >= l->resync_after)
        return (uint32_t)DURA_L_RESYNC | (uint32_t)DURA_L_LOST;
    return l->resync_after <= 1u ? (uint32_t)DURA_L_RESYNC | (uint32_t)DURA_L_LOST
                                 : (uint32_t)DURA_L_WRONG_SEQUENCE;
}

static uint32_t judge(const dura_link *l, uint64_t number, uint64_t *lost)
{
    uint64_t back;
    *lost = 0;
    if (number < l->least_frame)
        return DURA_L_REPLAY;
    if (!(l->flags & DURAI_LINK_HELD))
        return DURA_L_FIRST;
    if (number > l->number)
        return judge_step(l, number, lost);
    if (other_epoch(l, number))
        return (uint32_t)DURA_L_REPLAY | (uint32_t)DURA_L_EPOCH;
    back = l->number - number;
    return back < l->window && !(l->seen >> back & 1u) ? (uint32_t)DURA_L_LATE : (uint32_t)DURA_L_REPLAY;
}

/* The number of an authentic frame is used, whatever its content. */
static void commit(dura_link *l, uint64_t number, uint32_t why, uint64_t lost)
{
    uint64_t step = number - l->number;
    if (why & (uint32_t)DURA_L_REPLAY)
        return;
    if (why & (uint32_t)DURA_L_WRONG_SEQUENCE) {
        l->wrong = l->wrong > 0 && number == l->mark + 1u ? (uint8_t)(l->wrong + 1u) : 1u;
        l->mark = number;
        return;
    }
    if (why & (uint32_t)DURA_L_LATE) {
        l->seen |= (uint64_t)1u << (l->number - number);
        l->lost -= l->lost > 0 ? 1u : 0u;
        return;
    }
    if (why & ((uint32_t)DURA_L_FIRST | (uint32_t)DURA_L_RESYNC))
        l->seen = ALL_SEEN;             /* those just before may have been kept back */
    else
        l->seen = (why & (uint32_t)DURA_L_EPOCH) || step > 63u ? 1u : l->seen << step | 1u;
    DURA_ASSERT((l->seen & 1u) != 0 && (number > l->number || !(l->flags & DURAI_LINK_HELD)));
    l->number = number;
    l->lost += lost;
    l->wrong = 0;
    l->flags = (uint8_t)((l->flags & ~(uint32_t)DURAI_LINK_LOADED) | DURAI_LINK_HELD);
}

/* ---- the content ------------------------------------------------------------------- */

/* Bits of a bitmap behind the last channel are 0. */
static uint32_t stray(const uint8_t *map, uint32_t n)
{
    return (n & 7u) ? (uint32_t)map[n / 8u] >> (n & 7u) : 0u;
}

static uint32_t bit_of(const uint8_t *map, uint32_t i)
{
    return (uint32_t)map[i / 8u] >> (i & 7u) & 1u;
}

/* A float where a count is wanted would be taken for one of about a thousand million. */
static uint32_t other_kind(const dura_link *l, const uint8_t *present, const uint8_t *integer)
{
    uint32_t i, wrong = 0;
    for (i = 0; l->kinds && i < l->n; i++)
        if (l->kinds[i] == DURA_LINK_I32)
            wrong |= bit_of(present, i) & (bit_of(integer, i) ^ 1u);
    return wrong;
}

static uint32_t check_content(const dura_link *l, const uint8_t *p)
{
    const uint32_t n = l->n;
    const uint8_t *present = p + DURAI_LINK_HEAD, *integer = present + (n + 7u) / 8u;
    const uint8_t *word = integer + (n + 7u) / 8u;
    uint32_t i, wrong = stray(present, n) | stray(integer, n) | (p[DURAI_LINK_AT_TIME + 7] & 0x80u);
    wrong |= other_kind(l, present, integer);
    for (i = 0; i < n; i++)
        if (!bit_of(present, i))
            wrong |= durai_le32(word + 4u * (size_t)i);
    return wrong ? (uint32_t)DURA_L_CONTENT : 0u;
}

/* The nearest float; *rounded is set when it is another number. */
static float of_integer(uint32_t word, uint32_t *rounded)
{
    uint32_t size = word & 0x80000000u ? 0u - word : word, lowest = size & (0u - size);
    float magnitude = (float)size;
    if ((uint64_t)size >= (uint64_t)lowest << 24 && size != 0)
        *rounded = DURA_L_ROUNDED;
    return word & 0x80000000u ? -magnitude : magnitude;
}

static uint32_t take_values(const dura_link *l, const uint8_t *p, float *values, uint8_t *missing)
{
    const uint32_t n = l->n;
    const uint8_t *present = p + DURAI_LINK_HEAD, *integer = present + (n + 7u) / 8u;
    const uint8_t *word = integer + (n + 7u) / 8u;
    uint32_t i, rounded = 0;
    DURA_ASSERT(n >= 1 && n <= DURA_LINK_CHANNELS_MAX);
    for (i = 0; i < n; i++) {
        uint32_t bits = durai_le32(word + 4u * (size_t)i);
        missing[i] = (uint8_t)(bit_of(present, i) ^ 1u);
        if (bit_of(integer, i) && !(l->kinds && l->kinds[i] == DURA_LINK_I32)) {
            values[i] = of_integer(bits, &rounded);
        } else {
            memcpy(&values[i], &bits, sizeof bits);     /* a count's cell; also what is no number */
        }
    }
    return rounded;
}

static void fill_frame(dura_frame *f, const uint8_t *p, const float *values, const uint8_t *missing)
{
    memset(&f->time, 0, sizeof f->time);
    f->source = durai_le16(p + DURAI_LINK_AT_SOURCE);
    f->n = durai_le16(p + DURAI_LINK_AT_CHANNELS);
    f->frame = durai_le64(p + DURAI_LINK_AT_NUMBER);
    f->time.mono_ns = (int64_t)durai_le64(p + DURAI_LINK_AT_TIME);
    f->values = values;
    f->missing = missing;
}

/* ---- what is said ------------------------------------------------------------------ */

static uint8_t severity(uint32_t why)
{
    if (why & ((uint32_t)DURA_L_AUTH | (uint32_t)DURA_L_REPLAY))
        return 6;
    if (why & (uint32_t)DURA_L_UNCHECKED)
        return 5;
    if (why & ((uint32_t)DURA_L_WRONG_SEQUENCE | (uint32_t)DURA_L_CONTENT))
        return 4;
    return why & NEVER_ACCEPTED & ~(uint32_t)DURA_L_EPOCH ? 3 : 2;
}

/* The security log has what somebody may have done, the decision log what went wrong. */
static void make_fact(const dura_link *l, const uint8_t *p, size_t len, dura_link_report *r)
{
    const uint32_t mishap = DURA_L_WRONG_SEQUENCE | DURA_L_CONTENT | DURA_L_UNCHECKED;
    dura_fact *f = &r->fact;
    DURA_ASSERT(r->reasons != 0 && f->kind == DURA_FACT_NONE);
    f->kind = DURA_FACT_LINK;
    f->severity = severity(r->reasons);
    f->log = r->reasons & mishap ? DURA_LOG_DECISION : DURA_LOG_SECURITY;
    f->channel = f->asset = f->zone = f->control = f->risk = f->component = DURA_NONE;
    f->source = l->source;
    f->reasons = r->reasons;
    f->frame = r->frame;
    f->value[0] = (int64_t)l->run;
    f->value[1] = (int64_t)((uint32_t)r->profile << 8 | r->key_id);
    f->value[2] = (int64_t)l->number;
    if (len >= (size_t)DURAI_LINK_HEAD)
        f->value[3] = (int64_t)durai_le64(p + DURAI_LINK_AT_TIME);
}

/* Counts a refusal. Of a run the 1st, 2nd, 4th, 8th ... is told: a flood fills no log. */
static void refused(dura_link *l, const uint8_t *p, size_t len, dura_link_report *r)
{
    uint32_t which = r->reasons & (uint32_t)DURA_L_AUTH ? 0u : r->reasons & (uint32_t)DURA_L_REPLAY ? 1u : 2u;
    l->refused[which]++;
    l->run += l->run < 0xFFFFFFFFu ? 1u : 0u;
    l->quiet = 0;
    if ((l->run & (l->run - 1u)) == 0)
        make_fact(l, p, len, r);
}

/* Counts an accepted frame, and what comes with it: the key's change, the run's end. */
static void accepted(dura_link *l, uint32_t key, const uint8_t *p, size_t len, dura_link_report *r)
{
    uint64_t left = l->saved > l->number ? l->saved - l->number : 0u;
    DURA_ASSERT(r->authentic && (l->flags & DURAI_LINK_HELD));
    l->accepted++;
    if (key == 1u && l->role == DURAI_LINK_NEXT) {
        durai_link_rotate(l);
        r->reasons |= (uint32_t)DURA_L_ROTATED;
    } else if (l->former_left > 0 && --l->former_left == 0) {
        memset(&l->key[1], 0, sizeof l->key[1]);
        l->role = DURAI_LINK_NONE;
    }
    if (!(l->flags & DURAI_LINK_SAVED) || l->number > l->saved || left < l->ahead / 2u)
        r->reasons |= (uint32_t)DURA_L_SAVE;
    l->quiet = (uint8_t)(l->quiet + (l->quiet < QUIET_ENDS_RUN));
    if (l->quiet >= QUIET_ENDS_RUN)
        l->run = 0;
    if (r->reasons & ((uint32_t)DURA_L_EPOCH | (uint32_t)DURA_L_ROTATED | (uint32_t)DURA_L_RESYNC))
        make_fact(l, p, len, r);
}

/* ---- the call ---------------------------------------------------------------------- */

static int is_refused(uint32_t why)
{
    return (why & NEVER_ACCEPTED & ~(uint32_t)DURA_L_EPOCH) != 0;
}

/* Everything up to the content; the number of an authentic frame is used. */
static uint32_t check(dura_link *l, const uint8_t *p, size_t len, uint32_t *key, dura_link_report *r, int *rc)
{
    uint32_t why = check_head(l, p, len);
    if (len >= (size_t)DURAI_LINK_HEAD) {
        r->frame = durai_le64(p + DURAI_LINK_AT_NUMBER);
        r->profile = p[DURAI_LINK_AT_PROFILE];
        r->key_id = p[DURAI_LINK_AT_KEY];
    }
    if (why == 0) {
        *key = key_of(l, p);
        why = *key > 1u ? (uint32_t)DURA_L_AUTH | (uint32_t)DURA_L_KEY : check_tag(l, *key, p, rc);
    }
    if (why != 0)
        return why;
    r->authentic = 1;
    why = judge(l, r->frame, &r->lost);
    if (!(why & ((uint32_t)DURA_L_REPLAY | (uint32_t)DURA_L_WRONG_SEQUENCE)))
        why |= check_content(l, p);
    commit(l, r->frame, why, r->lost);
    if (!is_refused(why))
        return why;
    r->lost = 0;
    /* Notes are for what is accepted; EPOCH says more of a replay alone. */
    return why & (why & (uint32_t)DURA_L_CONTENT ? (uint32_t)DURA_L_CONTENT : NEVER_ACCEPTED);
}

int dura_link_open(dura_link *l, const void *bytes, size_t len, dura_frame *frame, float *values,
                   uint8_t *missing, dura_link_report *out)
{
    dura_link_report r = DURA_LINK_REPORT_INIT;
    uint32_t key = 0;
    int rc = DURA_OK;
    if (!l || !bytes || !frame || frame->struct_size < sizeof *frame || !values || !missing || !out ||
        out->struct_size < REPORT_V1)
        return DURA_EINVAL;
    if (l->key[0].profile == 0 || (l->flags & DURAI_LINK_SENDER))
        return DURA_ESTATE;
    r.reasons = check(l, bytes, len, &key, &r, &rc);
    if (is_refused(r.reasons)) {
        refused(l, bytes, len, &r);
        rc = rc < 0 ? rc : DURA_EAUTH;
    } else {
        accepted(l, key, bytes, len, &r);
        r.reasons |= take_values(l, bytes, values, missing);
        fill_frame(frame, bytes, values, missing);
    }
    (void)durai_struct_out(out, &r, (uint32_t)sizeof r, REPORT_V1);     /* its size was looked at */
    return rc;
}
