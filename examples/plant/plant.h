/* SPDX-License-Identifier: Apache-2.0 */
/*
 * plant.h - what the two plant examples share: a recording in memory, limits and a small
 * linear model learned from a clean one, a policy.json from the limits.
 *
 * The learning is deliberately plain (extremes with a margin, least squares with a little
 * ridge): it shows where figures come from. `dura learn` is where it is done properly.
 */
#ifndef PLANT_H
#define PLANT_H

#include <dura/backend.h>

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum { PLANT_COLUMNS = 64, PLANT_INPUTS = 16 };

/* A recording: rows x cols values, one stamp per row. Heap; plant_free(). */
typedef struct plant {
    size_t rows, cols, room;
    float *v;
    int64_t *t_ns;
    char name[PLANT_COLUMNS][16];
} plant;

int plant_add(plant *p, int64_t t_ns, const float *values);  /* 0, or -1: no memory */
void plant_free(plant *p);
/* Column by name; exits with a sentence when there is none. */
size_t plant_column(const plant *p, const char *name);

/* y(next row) from n columns of this row, as weights + bias in binary32. */
typedef struct plant_model {
    size_t n, column[PLANT_INPUTS], target;
    float bias, weight[PLANT_INPUTS];
    float limit;              /* |error| that clean data exceeds in 1 row of 1,000 */
    float lo, hi;             /* of the target, clean */
} plant_model;

/* Least squares over clean rows; the last quarter sets `limit` and is not fitted on. */
void plant_fit(const plant *p, plant_model *m);
/* The model as a dura_fn: its inputs are the frame's channels, it picks its columns. */
int32_t plant_call(void *user, const float *in, size_t n_in, float *out, size_t n_out);

/* policy.json: every column a channel, limits from the clean recording: the extremes with
 * `margin` of the span on both sides, `rate` times the fastest step, flat line at twice the
 * longest still period (channels that stand still for long get no flat check). */
int plant_policy(const plant *p, const plant_model *m, double margin, double rate, const char *output,
                 const char *path);

#endif
