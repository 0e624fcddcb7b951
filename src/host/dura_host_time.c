/* SPDX-License-Identifier: Apache-2.0 */
/* Nanoseconds since 1970 as ISO 8601 text, without the C library's time zones. */
#include "dura_host_files_priv.h"

#include <inttypes.h>
#include <stdio.h>

/* Civil date of a day number: the proleptic Gregorian calendar in eras of 400 years. */
static void civil(int64_t day, int64_t *y, unsigned *m, unsigned *d)
{
    int64_t z = day + 719468;
    int64_t era = (z >= 0 ? z : z - 146096) / 146097;
    unsigned doe = (unsigned)(z - era * 146097);
    unsigned yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
    unsigned doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    unsigned mp = (5 * doy + 2) / 153;
    *d = doy - (153 * mp + 2) / 5 + 1;
    *m = mp < 10 ? mp + 3 : mp - 9;
    *y = (int64_t)yoe + era * 400 + (*m <= 2);
}

int durai_host_iso8601(int64_t ns, char *buf, size_t n)
{
    int64_t s = ns / 1000000000, rest = ns % 1000000000, day, y;
    unsigned m, d;
    if (rest < 0) {
        rest += 1000000000;
        s--;
    }
    day = (s >= 0 ? s : s - 86399) / 86400;
    civil(day, &y, &m, &d);
    unsigned sec = (unsigned)(s - day * 86400);
    int k = snprintf(buf, n, "%04" PRId64 "-%02u-%02uT%02u:%02u:%02u.%09" PRId64 "Z", y, m, d, sec / 3600,
                     sec / 60 % 60, sec % 60, rest);
    return k > 0 && (size_t)k < n;
}
