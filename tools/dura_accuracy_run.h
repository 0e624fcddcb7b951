/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dura_accuracy_run.h - a run folder's decisions as rows of `dura accuracy`.
 */
#ifndef DURA_ACCURACY_RUN_H
#define DURA_ACCURACY_RUN_H

#include <dura/host/frames.h>

/* What a column of a row is. */
enum {
    RUN_VALUE = 0,              /* of the output or channel of that name */
    RUN_SURE = 1,               /* that, a probability: the larger of p and 1 - p */
    RUN_AGREES = 2,             /* 1 where that is within `within` of the judged output, else 0 */
    RUN_RIGHT = 3               /* 1 where the judged output is within `within` of its label, else 0;
                                   missing where nobody said */
};

typedef struct accuracy_run_options {
    const char *folder;
    const char *output;         /* the one that is judged; NULL: the only one there is */
    const char *const *names;   /* n of them, RUN_RIGHT's is not read */
    const uint8_t *roles;
    uint32_t n;
    float within;
} accuracy_run_options;

typedef struct accuracy_run accuracy_run;

/* What it had to leave out of the labels of its output. */
typedef struct accuracy_run_labels {
    uint64_t used, unvouched, not_numbers, of_no_decision;
} accuracy_run_labels;

int accuracy_run_is(const char *path);
/* names, roles and folder stay the caller's. A DURA_E* code. */
int accuracy_run_open(accuracy_run **out, const accuracy_run_options *o, dura_error *err);
/* As dura_frames_next: row is the frame's number; a decision without an answer has none of the values. */
int accuracy_run_next(accuracy_run *r, dura_frames_row *row, dura_error *err);
accuracy_run_labels accuracy_run_told(const accuracy_run *r);
void accuracy_run_close(accuracy_run *r);

#endif
