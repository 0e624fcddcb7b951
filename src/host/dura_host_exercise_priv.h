/* SPDX-License-Identifier: Apache-2.0 */
/* What the sources of the exercise share. */
#ifndef DURA_HOST_EXERCISE_PRIV_H
#define DURA_HOST_EXERCISE_PRIV_H

#include <dura/host/exercise.h>

#include "dura_host_binding_priv.h"
#include "dura_host_drill_priv.h"

/* Acts, numbered behind the kinds of the drill. */
enum {
    ACT_FIRST = DURA_DRILL_KINDS, ACT_WILD = ACT_FIRST, ACT_JUMPS, ACT_NAN, ACT_FAILS, ACT_NO_INPUT, ACT_STOP,
    ACT_FORGED, ACT_ALTERED, ACT_CUT, ACT_END
};

/* One thing drilled, whoever asked for it. */
typedef struct ex_task {
    uint8_t kind;
    uint16_t channel;               /* DURA_NONE: all, or an act */
    double size;
    double moved;
    uint32_t starts;
    const char *note;
    drill_outcome *start;
} ex_task;

/* A case of an entry. */
typedef struct ex_case {
    uint32_t task;
    dura_exercise_case out;
} ex_case;

typedef struct ex_entry {
    dura_exercise_entry out;
    ex_case *at;
    uint32_t n, room;
} ex_entry;

typedef struct ex_control {
    dura_exercise_control out;
    bind_count about;               /* its channels */
} ex_control;

struct dura_exercise {
    const dura_register *r;
    dura_drill *drill;
    dura_binding binding;           /* the names of the policy, and an arena */
    const char *policy, *model;     /* files: borrowed during run */
    ex_task *task;
    uint32_t n_task, task_room;
    ex_entry *entry;
    ex_control *control;
    dura_exercise_info info;
};

/* Name of a kind or an act. */
const char *durai_exercise_word(uint32_t kind);

/* dura_host_exercise_act.c: one act at every start into t->start, t->starts. DURA_OK or a guard's code. */
int durai_exercise_act(dura_exercise *x, ex_task *t, dura_error *err);

#endif
