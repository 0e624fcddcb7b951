/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The rows that further checks are learned from: those in which every channel that takes
 * part has a value. What a channel is follows from its distinct values alone: one is no
 * channel to relate to anything, two are a status, twenty a quantity.
 */
#include "dura_host_learn_priv.h"

#include <float.h>
#include <stdlib.h>

#define STATES 2u               /* distinct values of a status */
#define LEVELS 20u              /* distinct values a channel must have to be regressed */
#define MISSING_MOST 0.05       /* share of the rows in which a channel that takes part may be missing */
#define TAKE_PART_MOST 100u     /* channels; terms of parity rows grow with the square */
#define SPAN_LEAST 1e-9         /* a sensor multiplies with 1e-18 to 1e18 */
#define SIZE_MOST 1e12

/* What there is to know of a channel first. */
typedef struct first_look {
    size_t here;
    uint32_t distinct;         /* up to LEVELS */
    double lo, hi;
} first_look;

static first_look look_at(const float *v, const uint8_t *flag, size_t rows)
{
    float seen[LEVELS];
    first_look l = {0, 0, DBL_MAX, -DBL_MAX};
    for (size_t i = 0; i < rows; i++) {
        uint32_t k = 0;
        if (flag[i] != DURAI_HERE)
            continue;
        l.here++;
        l.lo = (double)v[i] < l.lo ? (double)v[i] : l.lo;
        l.hi = (double)v[i] > l.hi ? (double)v[i] : l.hi;
        while (k < l.distinct && (v[i] < seen[k] || v[i] > seen[k]))
            k++;
        if (k == l.distinct && k < LEVELS)
            seen[l.distinct++] = v[i];
    }
    return l;
}

static int may_take_part(const durai_sheet *s, const first_look *l, size_t rows)
{
    return (double)(rows - l->here) <= MISSING_MOST * (double)rows && s->n < TAKE_PART_MOST &&
           l->hi - l->lo > SPAN_LEAST && l->hi < SIZE_MOST && l->lo > -SIZE_MOST;
}

static void choose_channels(durai_sheet *s, const durai_recording *r, size_t rows)
{
    for (uint32_t c = 0; c < r->n; c++) {
        size_t at = (size_t)c * r->rows;
        first_look l = look_at(r->v + at, r->flag + at, rows);
        if (l.distinct < 2)
            continue;
        if (!may_take_part(s, &l, rows)) {
            s->left_out++;
            continue;
        }
        s->kind[s->n] = l.distinct <= STATES ? DURAI_STATUS : l.distinct < LEVELS ? DURAI_STEPS : DURAI_LEVEL;
        if (s->kind[s->n] == DURAI_LEVEL)
            s->level[s->n_level++] = (uint16_t)s->n;
        s->channel[s->n++] = (uint16_t)c;
    }
}

static int is_complete(const durai_sheet *s, const durai_recording *r, size_t row)
{
    for (uint32_t i = 0; i < s->n; i++)
        if (r->flag[(size_t)s->channel[i] * r->rows + row] != DURAI_HERE)
            return 0;
    return 1;
}

static void take_rows(durai_sheet *s, const durai_recording *r, size_t rows, const durai_clock *c)
{
    size_t last = SIZE_MAX;
    for (size_t row = 0; row < rows; row++) {
        int64_t step = row ? r->t_ns[row] - r->t_ns[row - 1] : 1;
        if (step <= 0 || !is_complete(s, r, row))
            continue;           /* the sensor learns nothing from such a frame either */
        for (uint32_t i = 0; i < s->n; i++)
            s->x[s->rows * s->n + i] = r->v[(size_t)s->channel[i] * r->rows + row];
        s->follows[s->rows++] = last != SIZE_MAX && last + 1 == row && step <= c->gap_ns;
        last = row;
    }
}

int durai_sheet_make(durai_sheet *s, const durai_recording *r, size_t rows, const durai_clock *c)
{
    s->channel = malloc(r->n * sizeof *s->channel);
    s->level = malloc(r->n * sizeof *s->level);
    s->kind = malloc(r->n);
    if (!s->channel || !s->level || !s->kind)
        return DURA_ENOSPC;
    choose_channels(s, r, rows);
    s->x = malloc((s->n * rows + 1u) * sizeof *s->x);
    s->follows = malloc(rows + 1u);
    if (!s->x || !s->follows)
        return DURA_ENOSPC;
    if (s->n)
        take_rows(s, r, rows, c);
    return DURA_OK;
}

void durai_sheet_free(durai_sheet *s)
{
    free(s->channel);
    free(s->level);
    free(s->kind);
    free(s->x);
    free(s->follows);
}
