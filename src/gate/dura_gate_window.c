/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The maintenance window: what the calendar, the local clock and the trust in the clock say.
 *
 * All is whole minutes, and a window begins and ends on one. A window is named by the local
 * day it opens on. It opens when the local clock first shows its first minute, or the hour
 * that is skipped jumps over that, and closes likewise: in a night whose hour is repeated it
 * is open once, and one that lies in the skipped hour alone is not open at all. docs/gate.md.
 *
 * Minutes count from 0000-03-01T00:00 here, so that nothing below is negative and the leap
 * day is a year's last: 2262, the last year a wall clock of 64-bit nanoseconds shows, still
 * fits 31 bits.
 */
#include "dura_gate_priv.h"

enum { DAY = 1440, WEEK = 7, EPOCH_DAY = 719468, EVERY_DAY = 127, RULE_MINUTES = 167 * 60, DST_MOST = 180 };

static const int64_t MINUTE_NS = 60000000000;

/* ---- what may be asked for --------------------------------------------------------- */

static int rule_ok(const dura_gate_rule *r, int used)
{
    if (!used)
        return !(r->minute || r->month || r->week || r->day || r->reserved);
    return r->minute >= -RULE_MINUTES && r->minute <= RULE_MINUTES && r->month - 1u < 12u && r->week - 1u < 5u &&
           r->day < WEEK && r->reserved == 0;
}

int durai_gate_window_ok(const dura_gate_config *c)
{
    const dura_gate_calendar *w = &c->calendar;
    uint32_t any = 0;
    for (uint32_t i = 0; i < sizeof w->reserved; i++)
        any |= w->reserved[i];
    return c->window_begin < DAY && c->window_minutes <= DAY && w->utc_minutes >= -DAY && w->utc_minutes <= DAY &&
           w->dst_minutes <= DST_MOST && w->days <= EVERY_DAY && w->must_finish <= DAY &&
           rule_ok(&w->begin, w->dst_minutes) && rule_ok(&w->end, w->dst_minutes) && any == 0;
}

/* ---- calendar ---------------------------------------------------------------------- */

/* Day on which a month begins. */
static int32_t month_day(int32_t year, int32_t month)
{
    int32_t y = year - (month < 3), m = (month + 9) % 12;
    DURA_ASSERT(year > 0 && month >= 1 && month <= 12);
    return 365 * y + y / 4 - y / 100 + y / 400 + (153 * m + 2) / 5;
}

/* Year of a day between 1969 and 2263. */
static int32_t year_of(int32_t day)
{
    int32_t year = 1970 + (day - EPOCH_DAY) / 365; /* leap days: at most one too many */
    return month_day(year, 1) > day ? year - 1 : year;
}

static int32_t weekday(int32_t day) { return (day + 3) % WEEK; } /* 0000-03-01 is a Wednesday */

/* Local minute of a change of the clock. */
static int32_t change(const dura_gate_rule *r, int32_t year)
{
    int32_t first = month_day(year, r->month), days = month_day(year + r->month / 12, r->month % 12 + 1) - first;
    int32_t day = (r->day + WEEK - weekday(first)) % WEEK + WEEK * (r->week - 1);
    DURA_ASSERT(days >= 28 && days <= 31);
    if (day >= days)
        day -= WEEK;
    return (first + day) * DAY + r->minute;
}

/* Is the local clock put forward? *begins: when it was or will be, that year. */
static int forward(const dura_gate_calendar *w, int32_t at, int32_t *begins)
{
    int32_t year = year_of((at + w->utc_minutes) / DAY);
    int32_t b = change(&w->begin, year) - w->utc_minutes;
    int32_t e = change(&w->end, year) - w->utc_minutes - w->dst_minutes;
    *begins = b;
    return b < e ? at >= b && at < e : at >= b || at < e;
}

/* The first minute, of UTC, at which the local clock shows `local` or has passed it. */
static int32_t first_at(const dura_gate_calendar *w, int32_t local)
{
    int32_t at = local - w->utc_minutes, begins;
    DURA_ASSERT(w->dst_minutes <= DST_MOST);
    if (!w->dst_minutes)
        return at;
    if (forward(w, at - w->dst_minutes, &begins))
        return at - w->dst_minutes;
    return forward(w, at, &begins) ? begins : at;
}

int durai_gate_window_open(const dura_gate_config *c, int64_t from_minute, int64_t to_minute)
{
    const dura_gate_calendar *w = &c->calendar;
    int32_t from = (int32_t)from_minute + EPOCH_DAY * DAY, to = (int32_t)to_minute + w->must_finish + EPOCH_DAY * DAY;
    int32_t days = w->days ? w->days : EVERY_DAY, last = (to + w->utc_minutes) / DAY + 1;
    DURA_ASSERT(from_minute >= 0 && from_minute <= to_minute && c->window_minutes >= 1);
    for (int32_t day = (from + w->utc_minutes) / DAY - 1; day <= last && from <= to; day++) {
        int32_t begin = day * DAY + c->window_begin;
        if (!(days >> weekday(day) & 1) || first_at(w, begin) > from)
            continue;
        int32_t closes = first_at(w, begin + c->window_minutes);
        from = closes > from ? closes : from; /* one that opens as the former closes goes on */
    }
    return from > to;
}

/* ---- clock ------------------------------------------------------------------------- */

/* Windows are made of minutes: a wall clock that shows one second while a minute of the boot's own
 * clock goes by stands still. */
void durai_gate_watch_clock(durai_gate_clock *k, const dura_time *now)
{
    int64_t s = now->wall_ns / 1000000000;
    if (s != k->wall_s || now->mono_ns < k->mono_ns) {
        k->wall_s = s;
        k->mono_ns = now->mono_ns;
    }
    k->stuck = now->mono_ns - k->mono_ns > MINUTE_NS;
}

uint32_t durai_gate_window(const dura_gate_config *c, const dura_time *now)
{
    int64_t err_ns = (int64_t)now->wall_err_us * 1000;
    if (now->wall_err_us == UINT32_MAX) { /* who asks for a clock that is kept asks how well */
        if (c->min_clock >= DURA_CLOCK_HOLDOVER)
            return DURA_WHY_CLOCK;
        err_ns = 0;
    }
    if (now->wall_ns < err_ns || now->wall_ns > INT64_MAX - err_ns)
        return DURA_WHY_CLOCK;
    return durai_gate_window_open(c, (now->wall_ns - err_ns) / MINUTE_NS, (now->wall_ns + err_ns) / MINUTE_NS)
               ? 0
               : (uint32_t)DURA_WHY_WINDOW;
}
