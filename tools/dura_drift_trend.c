/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dura_drift_trend.c - keeps the last rows, fits each column's line, says when limits are reached.
 */
#include "dura_drift_trend.h"

#include "dura_args.h"

#include <dura/host/trend.h>

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- what was asked -------------------------------------------------------------- */

int trend_limits(const char *text, const char *const *names, uint16_t columns, trend_limit *out, uint32_t *n)
{
    const char *at = text;
    for (*n = 0;; at++) {
        const char *equals = strchr(at, '=');
        char *end = NULL;
        uint16_t i = 0;
        if (!equals || *n == TREND_LIMITS)
            return -1;
        while (i < columns && (strlen(names[i]) != (size_t)(equals - at) || strncmp(names[i], at, (size_t)(equals - at)) != 0))
            i++;
        out[*n].column = i;
        out[*n].value = strtod(equals + 1, &end);
        if (i == columns || end == equals + 1 || (*end && *end != ',') || !isfinite(out[*n].value))
            return -1;
        ++*n;
        at = end;
        if (!*at)
            return 0;
    }
}

/* ---- rows ------------------------------------------------------------------------ */

static int grow(trend_rows *r)
{
    size_t room = r->room ? 2 * r->room : 1024;
    float *value = realloc(r->value, room * r->columns * sizeof *value);
    uint8_t *missing = value ? realloc(r->missing, room * r->columns) : NULL;
    int64_t *t = missing ? realloc(r->t, room * sizeof *t) : NULL;
    uint64_t *row = t ? realloc(r->row, room * sizeof *row) : NULL;
    r->value = value ? value : r->value;
    r->missing = missing ? missing : r->missing;
    r->t = t ? t : r->t;
    if (!row)
        return DURA_ENOSPC;
    r->row = row;
    r->room = room;
    return DURA_OK;
}

int trend_keep(trend_rows *r, uint64_t row, int64_t t, const float *x, const uint8_t *missing)
{
    size_t c = r->columns;
    if (r->n >= (size_t)2 * TREND_ROWS) {
        size_t gone = r->n - TREND_ROWS;
        memmove(r->value, r->value + gone * c, TREND_ROWS * c * sizeof *r->value);
        memmove(r->missing, r->missing + gone * c, TREND_ROWS * c);
        memmove(r->t, r->t + gone, TREND_ROWS * sizeof *r->t);
        memmove(r->row, r->row + gone, TREND_ROWS * sizeof *r->row);
        r->n = TREND_ROWS;
    }
    if (r->n == r->room && grow(r) != DURA_OK)
        return DURA_ENOSPC;
    memcpy(r->value + r->n * c, x, c * sizeof *x);
    memcpy(r->missing + r->n * c, missing, c);
    r->t[r->n] = t;
    r->row[r->n++] = row;
    return DURA_OK;
}

void trend_free(trend_rows *r)
{
    free(r->value);
    free(r->missing);
    free(r->t);
    free(r->row);
}

/* ---- what comes out -------------------------------------------------------------- */

/* Rows, or with their spacing a time a person reads. */
static void say_span(double rows, double seconds)
{
    double s = rows * seconds;
    if (!isfinite(rows))
        fprintf(stderr, "never");
    else if (!(seconds > 0.0))
        fprintf(stderr, "%.0f rows", rows);
    else if (s >= 172800.0)
        fprintf(stderr, "%.1f days", s / 86400.0);
    else if (s >= 7200.0)
        fprintf(stderr, "%.1f hours", s / 3600.0);
    else
        fprintf(stderr, "%.0f s", s);
}

static void print_number(const char *key, double v)
{
    if (isfinite(v))
        printf(",\"%s\":%.9g", key, v);
    else
        printf(",\"%s\":null", key);
}

static void print_trend(const trend_rows *r, size_t first, const char *name, const dura_trend *t)
{
    int known = !(t->why & (uint32_t)(DURA_TREND_SHORT | DURA_TREND_BENT));
    printf("{\"trend\":");
    cli_print_json_text(stdout, name);
    printf(",\"why\":%s,\"from_row\":%" PRIu64 ",\"samples\":%" PRIu64, t->why == 0 ? "null" : t->why & DURA_TREND_SHORT ? "\"short\"" :
           t->why & DURA_TREND_BENT ? "\"bent\"" : "\"none\"", r->row[first + (size_t)t->from], t->n);
    print_number("slope", known ? t->slope : NAN);
    print_number("low", known ? t->low : NAN);
    print_number("high", known ? t->high : NAN);
    print_number("now", known ? t->now : NAN);
    printf(",\"level\":%g}\n", t->level);
    if (t->why & DURA_TREND_SHORT)
        fprintf(stderr, "dura drift: %s: no trend can be told: too few rows for how slowly it swings\n", name);
    else if (t->why & DURA_TREND_BENT)
        fprintf(stderr, "dura drift: %s: no trend can be told: it does not move along a line\n", name);
    else if (t->why)
        fprintf(stderr, "dura drift: %s: no trend that the data support: %.3g a row, between %.3g and %.3g\n", name, t->slope, t->low, t->high);
    else
        fprintf(stderr, "dura drift: %s: %s by %.3g a row, between %.3g and %.3g, since row %" PRIu64 "\n", name,
                t->slope > 0.0 ? "rises" : "falls", t->slope > 0.0 ? t->slope : -t->slope, t->slope > 0.0 ? t->low : -t->high,
                t->slope > 0.0 ? t->high : -t->low, r->row[first + (size_t)t->from]);
}

static void print_reach(const char *name, const dura_trend *t, double limit, double seconds)
{
    double at = NAN, low = NAN, high = NAN;
    int found = dura_trend_reach(t, limit, &at, &low, &high) == 1;
    printf("{\"limit\":%.9g,\"channel\":", limit);
    cli_print_json_text(stdout, name);
    print_number("rows", at);
    print_number("low", low);
    print_number("high", high);
    print_number("seconds_a_row", seconds);
    printf(",\"reached\":%s}\n", found ? "true" : "false");
    if (!found)
        return;
    fprintf(stderr, "dura drift: %s: reaches %g in ", name, limit);
    say_span(at, seconds);
    fprintf(stderr, ", between ");
    say_span(low, seconds);
    fprintf(stderr, " and ");
    say_span(high, seconds);
    fprintf(stderr, " (level %g), if it goes on like this\n", t->level);
}

int trend_print(const trend_rows *r, const char *const *names, const trend_limit *limits, uint32_t n)
{
    size_t count = r->n < TREND_ROWS ? r->n : TREND_ROWS, first = r->n - count, k;
    float *x = malloc((count + 1) * sizeof *x);
    uint8_t *missing = malloc(count + 1);
    double seconds = count > 1 ? (double)(r->t[r->n - 1] - r->t[first]) / 1e9 / (double)(count - 1) : 0.0;
    int rc = x && missing ? DURA_OK : DURA_ENOSPC;
    uint16_t c;
    for (c = 0; rc == DURA_OK && count && c < r->columns; c++) {
        dura_trend t = DURA_TREND_INIT;
        uint32_t i;
        for (k = 0; k < count; k++) {
            x[k] = r->value[(first + k) * r->columns + c];
            missing[k] = r->missing[(first + k) * r->columns + c];
        }
        rc = dura_trend_fit(&t, x, missing, count, 0.0);
        if (rc < 0)
            break;
        print_trend(r, first, names[c], &t);
        for (i = 0; i < n; i++)
            if (limits[i].column == c)
                print_reach(names[c], &t, limits[i].value, seconds);
    }
    free(x);
    free(missing);
    return rc;
}
