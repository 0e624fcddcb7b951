/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One time axis over all starts of the device.
 *
 * Monotonic time orders what happened within a start; the wall clock only says where a
 * start lies. So each start gets one anchor, from its best clock reading, and a record's
 * place is anchor + monotonic time. Starts without a wall clock follow the one before. A
 * clock that stepped bends no lane; the records' own wall times are shown beside them.
 */
#include "dura_host_story_priv.h"

#include <stdlib.h>

static int64_t clamp_sum(int64_t a, int64_t b)
{
    if (b > 0 && a > INT64_MAX - b)
        return INT64_MAX;
    if (b < 0 && a < INT64_MIN - b)
        return INT64_MIN;
    return a + b;
}

static int64_t minus(int64_t a, int64_t b) { return b == INT64_MIN ? clamp_sum(clamp_sum(a, INT64_MAX), 1) : clamp_sum(a, -b); }

/* These say when something happened; what the guard says at its start has no time yet. */
static int timed(const dura_record *r) { return r->kind == DURA_REC_DECISION || r->kind == DURA_REC_EVENT; }

static durai_boot *last_boot(durai_story *s, uint32_t boot)
{
    return s->n_boots && s->boot[s->n_boots - 1].boot == boot ? &s->boot[s->n_boots - 1] : NULL;
}

static durai_boot *add_boot(durai_story *s, const dura_time *t)
{
    if (s->n_boots == s->cap_boots) {
        uint32_t cap = s->cap_boots ? 2 * s->cap_boots : 8;
        durai_boot *more = realloc(s->boot, cap * sizeof *more);
        if (!more)
            return NULL;
        s->boot = more;
        s->cap_boots = cap;
    }
    durai_boot *b = &s->boot[s->n_boots++];
    memset(b, 0, sizeof *b);
    b->boot = t->boot;
    b->first = b->last = t->mono_ns;
    return b;
}

/* A better reading: higher quality, else a smaller error bound. */
static int better(const durai_boot *b, const dura_time *t)
{
    if (t->quality == DURA_CLOCK_NONE)
        return 0;
    return t->quality > b->quality || (t->quality == b->quality && t->wall_err_us < b->err_us);
}

int durai_story_see_time(durai_story *s, const dura_record *r)
{
    if (!timed(r))
        return DURA_OK;
    durai_boot *b = last_boot(s, r->time.boot);
    if (!b)
        b = add_boot(s, &r->time);
    if (!b)
        return DURA_ENOSPC;
    if (r->time.mono_ns < b->first)
        b->first = r->time.mono_ns;
    if (r->time.mono_ns > b->last)
        b->last = r->time.mono_ns;
    if (better(b, &r->time)) {
        b->anchor = minus(r->time.wall_ns, r->time.mono_ns);
        b->quality = r->time.quality;
        b->err_us = r->time.wall_err_us;
    }
    return DURA_OK;
}

/* Where the axis begins when its first starts have no wall clock: so that they end where
 * the first start with one begins. */
static int64_t before_the_first_wall(const durai_story *s)
{
    int64_t at = 0;
    uint32_t i = 0;
    while (i < s->n_boots && s->boot[i].quality == DURA_CLOCK_NONE)
        i++;
    if (i < s->n_boots)
        at = clamp_sum(s->boot[i].anchor, s->boot[i].first);
    while (i > 0 && i < s->n_boots) {
        i--;
        at = minus(at, s->boot[i].last - s->boot[i].first);
    }
    return at;
}

void durai_story_end_times(durai_story *s)
{
    int64_t at = before_the_first_wall(s);
    for (uint32_t i = 0; i < s->n_boots; i++) {
        durai_boot *b = &s->boot[i];
        int known = b->quality > DURA_CLOCK_NONE;
        s->wall |= known;
        if (known && i > 0 && clamp_sum(b->anchor, b->first) < at)
            s->moved = b->moved = 1;
        if (!known || b->moved)
            b->anchor = minus(at, b->first);
        if (i == 0)
            s->begin = clamp_sum(b->anchor, b->first);
        at = clamp_sum(b->anchor, b->last);
    }
    s->end = at < s->begin || s->n_boots == 0 ? s->begin : at;
}

static double axis(const durai_story *s, const durai_boot *b, int64_t mono)
{
    mono = mono < b->first ? b->first : mono > b->last ? b->last : mono;
    return (double)minus(clamp_sum(b->anchor, mono), s->begin) * 1e-6;
}

/* Starts ascend, as a verifier demands; a damaged log only finds less. */
static const durai_boot *find_boot(const durai_story *s, uint32_t boot)
{
    for (uint32_t lo = 0, hi = s->n_boots; lo < hi;) {
        uint32_t mid = lo + (hi - lo) / 2;
        if (s->boot[mid].boot == boot)
            return &s->boot[mid];
        if (s->boot[mid].boot < boot)
            lo = mid + 1;
        else
            hi = mid;
    }
    return NULL;
}

double durai_story_place_of(const durai_story *s, const dura_time *t, double other)
{
    const durai_boot *b = find_boot(s, t->boot);
    return b ? axis(s, b, t->mono_ns) : other;
}

double durai_story_place(durai_story *s, const dura_record *r)
{
    double at = durai_story_place_of(s, &r->time, s->now);
    if (timed(r))
        s->now = at;
    /* the log's own records carry the time of whoever let it work */
    return timed(r) || at > s->now ? at : s->now;
}

void durai_story_see_clock(durai_story *s, const dura_time *t, double at)
{
    durai_clock *c = s->n_clocks ? &s->clock[s->n_clocks - 1] : NULL;
    uint32_t err = t->quality ? t->wall_err_us : UINT32_MAX;
    /* a bound within a factor of two is the same piece, drawn with the larger one */
    int same = c && c->quality == t->quality &&
               ((err == UINT32_MAX) == (c->err_us == UINT32_MAX)) && (err / 2 <= c->err_us && c->err_us / 2 <= err);
    if (c && (same || s->n_clocks == DURAI_STORY_CLOCKS)) {
        c->to = at > c->to ? at : c->to;
        c->err_us = err > c->err_us ? err : c->err_us;
        c->quality = t->quality < c->quality ? t->quality : c->quality;
        return;
    }
    if (c)
        c->to = at > c->to ? at : c->to;
    c = &s->clock[s->n_clocks++];
    c->from = c->to = at;
    c->err_us = err;
    c->quality = t->quality;
}
