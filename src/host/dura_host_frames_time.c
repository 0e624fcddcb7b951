/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Numbers and times as people and loggers write them.
 *
 * Times are integers all the way: a double holds a nanosecond of 2026 only to about
 * 200 ns, and a recording replayed from its CSV must give the same stamps. Dates are
 * turned into days by counting March-based years, so that the leap day comes last.
 * ISO 8601: calendar dates, optional time, fraction with point or comma, optional zone;
 * a time without zone is UTC. A leap second counts as the first second after it.
 */
#include "dura_host_frames_priv.h"

#include "../base/dura_base_priv.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <strings.h>

#define NS_PER_S INT64_C(1000000000)

static int is_digit(char c) { return c >= '0' && c <= '9'; }

/* ---- numbers --------------------------------------------------------------------- */

/* Length of [+-]digits[.digits][e[+-]digits], 0 when text does not begin with one. */
static size_t decimal_len(const char *text)
{
    const char *p = text + (*text == '+' || *text == '-');
    size_t digits = 0;
    for (; is_digit(*p); p++)
        digits++;
    if (*p == '.')
        for (p++; is_digit(*p); p++)
            digits++;
    if (!digits)
        return 0;
    if (*p == 'e' || *p == 'E') {
        const char *e = p + 1 + (p[1] == '+' || p[1] == '-');
        if (is_digit(*e)) {
            for (p = e; is_digit(*p);)
                p++;
        }
    }
    return (size_t)(p - text);
}

/* Rounds to the nearest float; what is beyond the largest becomes infinite, which C
 * leaves undefined for the plain conversion. */
static float to_float(double d)
{
    const double half_past_max = 0x1.ffffffp127;
    if (d >= half_past_max || d <= -half_past_max)
        return d > 0 ? HUGE_VALF : -HUGE_VALF;
    if (d > (double)FLT_MAX || d < -(double)FLT_MAX)
        return d > 0 ? FLT_MAX : -FLT_MAX;
    return (float)d;
}

int durai_number_text(const char *text, float *out)
{
    DURA_ASSERT(text && out);
    size_t n = decimal_len(text);
    if (n && !text[n]) {
        *out = to_float(strtod(text, NULL));
        return 0;
    }
    const char *p = text + (*text == '+' || *text == '-');
    if (strcasecmp(p, "nan") == 0)
        *out = durai_f32(0x7FC00000u);
    else if (strcasecmp(p, "inf") == 0 || strcasecmp(p, "infinity") == 0)
        *out = *text == '-' ? -HUGE_VALF : HUGE_VALF;
    else
        return -1;
    return 0;
}

/* ---- seconds since 1970 as a decimal number ----------------------------------------- */

/* The digits of a decimal number, as many as fit, and a power of ten. */
typedef struct digits {
    int64_t v;
    int64_t power;
} digits;

static void add_digit(digits *d, char c, int after_point)
{
    if (d->v >= INT64_MAX / 10) {      /* what follows is below 1 ns of every year that fits */
        d->power += !after_point;
        return;
    }
    d->v = d->v * 10 + (c - '0');
    d->power -= after_point;
}

static const char *read_digits(const char *p, digits *d)
{
    int after_point = 0;
    for (; is_digit(*p) || (*p == '.' && !after_point); p++) {
        if (*p == '.')
            after_point = 1;
        else
            add_digit(d, *p, after_point);
    }
    return p;
}

/* Value of digits in ns, or -2. */
static int scale_to_ns(digits d, int64_t *ns)
{
    int64_t power = d.power + 9;
    for (; power < 0 && d.v; power++)
        d.v /= 10;
    for (; power > 0 && d.v; power--) {
        if (d.v > INT64_MAX / 10)
            return -2;
        d.v *= 10;
    }
    *ns = d.v;
    return 0;
}

static int epoch_text(const char *text, int64_t *ns)
{
    size_t n = decimal_len(text);
    if (!n || text[n])
        return -1;
    digits d = {0, 0};
    const char *p = read_digits(text + (*text == '+' || *text == '-'), &d);
    if (*p) {                                      /* the exponent; beyond 40 nothing fits */
        long e = strtol(p + 1, NULL, 10);
        d.power += e > 40 ? 40 : e < -40 ? -40 : e;
    }
    int rc = scale_to_ns(d, ns);
    if (*text == '-')
        *ns = -*ns;
    return rc;
}

/* ---- calendar -------------------------------------------------------------------- */

typedef struct moment {
    int year, month, day, hour, minute, second;
    int64_t ns, zone_s;
} moment;

static int days_in_month(int year, int month)
{
    static const int days[12] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    int leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return days[month - 1] + (month == 2 && leap);
}

static int moment_ok(const moment *m)
{
    return m->month >= 1 && m->month <= 12 && m->day >= 1 && m->day <= days_in_month(m->year, m->month) &&
           m->hour <= 23 && m->minute <= 59 && m->second <= 60;
}

/* Days from 1970-01-01 to the date, proleptic Gregorian. */
static int64_t days_since_1970(int year, int month, int day)
{
    int64_t y = month <= 2 ? year - 1 : year;      /* the year that began in March */
    int64_t since_march = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;
    int64_t leap_days = y / 4 - y / 100 + y / 400;
    return y * 365 + leap_days + since_march - 719468;
}

/* 0; -1: no such date or time; -2: does not fit. */
static int moment_to_ns(const moment *m, int64_t *ns)
{
    if (!moment_ok(m))
        return -1;
    if (m->year < 1678 || m->year > 2261)
        return -2;
    int64_t s = days_since_1970(m->year, m->month, m->day) * 86400 + m->hour * 3600 + m->minute * 60 +
                m->second - m->zone_s;
    DURA_ASSERT(m->ns >= 0 && m->ns < NS_PER_S);
    *ns = s * NS_PER_S + m->ns;
    return 0;
}

/* Exactly or at most n digits into *v. Where they end, or NULL. */
static const char *take(const char *p, int at_least, int at_most, int *v)
{
    int n = 0;
    for (*v = 0; n < at_most && is_digit(p[n]); n++)
        *v = *v * 10 + (p[n] - '0');
    return n >= at_least ? p + n : NULL;
}

/* Digits of a fraction of a second; what is below 1 ns is dropped. */
static const char *take_fraction(const char *p, int64_t *ns)
{
    int64_t unit = NS_PER_S / 10;
    if (!is_digit(*p))
        return NULL;
    for (*ns = 0; is_digit(*p); p++, unit /= 10)
        *ns += (*p - '0') * unit;
    return p;
}

/* ---- ISO 8601 --------------------------------------------------------------------- */

/* Z, +hh, +hhmm, +hh:mm or nothing. */
static const char *take_zone(const char *p, int64_t *zone_s)
{
    int h = 0, m = 0, sign = *p == '-' ? -1 : 1;
    if (*p == 'Z' || *p == 'z')
        return p + 1;
    if (*p != '+' && *p != '-')
        return p;
    p = take(p + 1, 2, 2, &h);
    if (p && *p == ':')
        p = take(p + 1, 2, 2, &m);
    else if (p && is_digit(*p))
        p = take(p, 2, 2, &m);
    if (!p || h > 23 || m > 59)
        return NULL;
    *zone_s = sign * (h * 3600 + m * 60);
    return p;
}

static const char *take_clock(const char *p, moment *m)
{
    p = take(p, 2, 2, &m->hour);
    if (!p || *p != ':')
        return NULL;
    p = take(p + 1, 2, 2, &m->minute);
    if (p && *p == ':')
        p = take(p + 1, 2, 2, &m->second);
    if (p && (*p == '.' || *p == ','))
        p = take_fraction(p + 1, &m->ns);
    return p ? take_zone(p, &m->zone_s) : NULL;
}

static int iso_text(const char *p, int64_t *ns)
{
    moment m = {0, 0, 0, 0, 0, 0, 0, 0};
    p = take(p, 4, 4, &m.year);
    if (!p || *p != '-')
        return -1;
    p = take(p + 1, 2, 2, &m.month);
    if (!p || *p != '-')
        return -1;
    p = take(p + 1, 2, 2, &m.day);
    if (p && (*p == 'T' || *p == 't' || *p == ' '))
        p = take_clock(p + 1, &m);
    return p && !*p ? moment_to_ns(&m, ns) : -1;
}

/* ---- a format of one's own ---------------------------------------------------------- */

int durai_time_format_ok(const char *format)
{
    int conversions = 0;
    for (; *format; format++) {
        if (*format != '%')
            continue;
        format++;
        if (!*format || !strchr("YymdHMSf", *format))
            return 0;
        conversions++;
    }
    return conversions > 0;
}

static const char *take_conversion(const char *p, char which, moment *m)
{
    switch (which) {
    case 'Y': return take(p, 4, 4, &m->year);
    case 'y':
        p = take(p, 2, 2, &m->year);
        m->year += m->year < 69 ? 2000 : 1900;     /* POSIX strptime */
        return p;
    case 'm': return take(p, 1, 2, &m->month);
    case 'd': return take(p, 1, 2, &m->day);
    case 'H': return take(p, 1, 2, &m->hour);
    case 'M': return take(p, 1, 2, &m->minute);
    case 'S': return take(p, 1, 2, &m->second);
    default: return take_fraction(p, &m->ns);
    }
}

static int formatted_text(const char *p, const char *format, int64_t *ns)
{
    moment m = {1970, 1, 1, 0, 0, 0, 0, 0};
    for (; *format; format++) {
        if (*format == '%') {
            p = take_conversion(p, *++format, &m);
            if (!p)
                return -1;
        } else if (*p++ != *format) {
            return -1;
        }
    }
    return *p ? -1 : moment_to_ns(&m, ns);
}

int durai_time_text(const char *text, const char *format, int64_t *ns)
{
    DURA_ASSERT(text && ns);
    *ns = 0;
    if (format)
        return formatted_text(text, format, ns);
    int year;
    const char *p = take(text, 4, 4, &year);
    return p && *p == '-' ? iso_text(text, ns) : epoch_text(text, ns);
}
