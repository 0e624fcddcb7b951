/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Local time as people have it at hand, a POSIX TZ (IEEE Std 1003.1, 8.3, with the times of
 * RFC 8536 3.3.1): "CET-1CEST,M3.5.0,M10.5.0/3". It is the last line of a zone's compiled
 * file. Days counted through the year (Jn, n) are refused: no zone in use has them.
 */
#include "dura_host_pack_priv.h"

#include <dura/gate.h>

#include <string.h>

enum { HOUR = 60, UTC_MOST = 24 * HOUR, DST_MOST = 180, RULE_MOST = 167 * HOUR };

typedef struct zone_text {
    const char *at;
    int bad;
} zone_text;

static int digit(char c) { return c >= '0' && c <= '9'; }

static int letter(char c) { return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z'); }

static int take(zone_text *z, char c)
{
    int yes = *z->at == c;
    z->at += yes;
    return yes;
}

static int number(zone_text *z, int lo, int hi)
{
    int v = 0, n = 0;
    for (; digit(*z->at) && n < 4; n++)
        v = 10 * v + (*z->at++ - '0');
    z->bad |= n == 0 || v < lo || v > hi;
    return v;
}

/* Three letters or more, or anything of a name in angle brackets. */
static void name(zone_text *z)
{
    int quoted = take(z, '<'), n = 0;
    while (letter(*z->at) || (quoted && (digit(*z->at) || *z->at == '+' || *z->at == '-'))) {
        z->at++;
        n++;
    }
    z->bad |= n < 3 || (quoted && !take(z, '>'));
}

/* [+-]hh[:mm[:ss]] as minutes; seconds must be none. */
static int minutes(zone_text *z, int hours)
{
    int minus = take(z, '-'), m = 0;
    if (!minus)
        (void)take(z, '+');
    m = HOUR * number(z, 0, hours);
    if (take(z, ':'))
        m += number(z, 0, 59);
    if (take(z, ':'))
        (void)number(z, 0, 0);
    return minus ? -m : m;
}

/* ,Mm.w.d[/time] */
static dura_gate_rule rule(zone_text *z)
{
    dura_gate_rule r = {2 * HOUR, 0, 0, 0, 0};
    z->bad |= !take(z, ',') || !take(z, 'M');
    r.month = (uint8_t)number(z, 1, 12);
    z->bad |= !take(z, '.');
    r.week = (uint8_t)number(z, 1, 5);
    z->bad |= !take(z, '.');
    r.day = (uint8_t)number(z, 0, 6);
    if (take(z, '/'))
        r.minute = (int16_t)minutes(z, 167);
    z->bad |= r.minute > RULE_MOST || r.minute < -RULE_MOST;
    return r;
}

static void store(uint8_t *out, const dura_gate_rule *r)
{
    durai_put16(out, (uint16_t)r->minute);
    out[2] = r->month;
    out[3] = r->week;
    out[4] = r->day;
}

int durai_pack_zone(const char *text, uint8_t out[13])
{
    zone_text z = {text, 0};
    memset(out, 0, 13);
    if (!*text)
        return DURA_OK;
    name(&z);
    int standard = -minutes(&z, 24), summer = standard + HOUR;
    if (!z.bad && *z.at) {
        name(&z);
        if (*z.at && *z.at != ',')
            summer = -minutes(&z, 24);
        dura_gate_rule begin = rule(&z), end = rule(&z);
        int back = summer < standard; /* winter time is the exception, as in Dublin */
        int save = back ? standard - summer : summer - standard;
        z.bad |= save < 1 || save > DST_MOST;
        standard = back ? summer : standard;
        out[2] = (uint8_t)save;
        store(out + 3, back ? &end : &begin);
        store(out + 8, back ? &begin : &end);
    }
    z.bad |= *z.at != '\0' || standard > UTC_MOST || standard < -UTC_MOST;
    durai_put16(out, (uint16_t)(int16_t)standard);
    return z.bad ? DURA_EINVAL : DURA_OK;
}
