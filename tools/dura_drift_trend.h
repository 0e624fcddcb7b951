/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dura_drift_trend.h - `dura drift --trend --limit`: what creeps, and when it reaches a limit.
 */
#ifndef DURA_DRIFT_TREND_H
#define DURA_DRIFT_TREND_H

#include <dura/drift.h>
#include <dura/host/error.h>

#include <stddef.h>
#include <stdint.h>

#define TREND_ROWS 100000u      /* last ones looked at */
#define TREND_LIMITS 32u

typedef struct trend_limit {
    uint16_t column;
    double value;
} trend_limit;

/* The last TREND_ROWS rows that were watched, twice that many at most. */
typedef struct trend_rows {
    float *value;
    uint8_t *missing;
    int64_t *t;
    uint64_t *row;
    size_t n, room;
    uint16_t columns;
} trend_rows;

/* NAME=VALUE,...: 0, or -1: not of that form, no such column, or too many. */
int trend_limits(const char *text, const char *const *names, uint16_t columns, trend_limit *out, uint32_t *n);
/* DURA_OK or DURA_ENOSPC. */
int trend_keep(trend_rows *r, uint64_t row, int64_t t, const float *x, const uint8_t *missing);
/* A line per column, one per limit. */
int trend_print(const trend_rows *r, const char *const *names, const trend_limit *limits, uint32_t n);
void trend_free(trend_rows *r);

#endif
