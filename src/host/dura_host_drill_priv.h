/* SPDX-License-Identifier: Apache-2.0 */
/* What the sources of the drill share. */
#ifndef DURA_HOST_DRILL_PRIV_H
#define DURA_HOST_DRILL_PRIV_H

#include <dura/guard.h>
#include <dura/host/crypto.h>
#include <dura/host/drill.h>
#include <dura/host/inject.h>

#include "../guard/dura_guard_priv.h"

enum { DRILL_NV_BYTES = 4096, DRILL_NV_BLOCK = 1024, DRILL_FACTS = 64 };

/* The recording: rows x n values, 0 where missing. */
typedef struct drill_data {
    uint64_t rows;
    uint16_t n;
    float *value;
    uint8_t *missing;
    dura_time *time;
} drill_data;

/* A drift alarm or an incident's step, at the row in which it was said. */
typedef struct drill_said {
    uint64_t row;
    uint16_t kind;              /* DURA_FACT_DRIFT or DURA_FACT_INCIDENT */
    uint16_t thing;             /* DRIFT: channel, output, feature */
    uint8_t detector;           /* DRIFT: DURA_DRIFT_MIXTURE.. */
    int64_t value[4];           /* as in the fact */
} drill_said;

/* A guard that writes nowhere, and what it says of one frame. Its whole state is `state`:
 * the guard's memory, then NV, then the journal; a copy put back is the guard of then. */
typedef struct drill_world {
    uint8_t *state;
    size_t state_len, mem_len;
    dura_guard *guard;
    dura_region log, nv, journal;
    dura_sodium provider;
    dura_crypto crypto;
    dura_port port;
    dura_model model;
    dura_fn fn;
    uint8_t *policy, *image;
    size_t policy_len, image_len;
    uint16_t source;
    /* of the last frame */
    dura_decision decision;
    drill_said said[DRILL_FACTS];
    uint32_t n_said;
    uint64_t row;
    uint8_t sabotage;           /* DRILL_MODEL_*: what the model does to its answers */
    uint32_t answers;           /* it has given since */
} drill_world;

/* What an act does to the model. */
enum { DRILL_MODEL_RIGHT, DRILL_MODEL_WILD, DRILL_MODEL_JUMPS, DRILL_MODEL_NAN, DRILL_MODEL_FAILS };

enum { DRILL_HOOKS = 45 };
#define DRILL_NEVER UINT32_MAX

/* What came of one start. */
typedef struct drill_outcome {
    int by;                     /* DURA_DRILL_BY_*; -1: missed */
    uint64_t delay;
    double delay_s;
    uint8_t action;
    uint8_t verdict;            /* DURA_CAUSE_*, DURA_DRILL_NO_INCIDENT */
    double moved;
    double reached;
    uint32_t hook_at[DRILL_HOOKS]; /* frames until each hook spoke; DRILL_NEVER */
} drill_outcome;

/* What the guard said of the recording as it is, row by row. */
typedef struct drill_control {
    uint8_t *verdict;           /* rows x channels */
    uint8_t *action;
    uint32_t *reasons;          /* DURA_G_* */
    uint32_t *why;              /* rows x channels: DURA_R_* */
    float *answer;              /* rows x outputs: what would be driven */
    drill_said *said;
    size_t n_said, room;
} drill_control;

/* One thing to drill. */
typedef struct drill_task {
    uint8_t kind;
    uint16_t channel;           /* DURA_NONE: all */
    double size;
} drill_task;

struct dura_drill {
    drill_data data;
    drill_world world;
    drill_control control;
    dura_drill_report report;
    const char **names;         /* of the channels, into the packed policy */
    dura_inject_channel *measure; /* per channel, of the first half */
    uint16_t n_outputs, n_inputs;
    double span[DURA_OUTPUTS_MAX];  /* hi - lo of every output */
    drill_task *task;
    size_t n_tasks, at;
    uint8_t *snapshot;          /* starts x state_len */
    /* the injection in hand */
    float *value;               /* length, or length x channels if it is of whole frames */
    uint8_t *missing;
    int64_t *stamp;             /* length, if it is of time */
    uint8_t wide, timed;        /* of whole frames; of time */
    uint16_t other;             /* channel injected into beside the task's; DURA_NONE */
    float *row;                 /* one frame */
    uint8_t *row_missing;
    double reached;             /* size of the injection as it came out, in deviations */
    int to_end;                 /* an injection is judged to its end, caught or not */
    drill_outcome last[DURA_DRILL_STARTS_MAX]; /* of the task scored last, unsorted ... */
    uint32_t n_last;            /* ... so many starts of it */
    void (*progress)(void *user, uint64_t done, uint64_t total, uint64_t frames);
    void *user;
    uint64_t frames, runs;
};

/* ---- dura_host_drill_world.c ------------------------------------------------------------ */

/* w->policy and w->image are there. A DURA_E* code. */
int durai_drill_plug(drill_world *w, dura_error *err);
/* A guard that has just booted. */
int durai_drill_boot(drill_world *w, const dura_time *now, dura_error *err);
/* One frame; w->decision and w->said tell what came of it. */
int durai_drill_step(drill_world *w, uint64_t row, const dura_time *t, const float *values, const uint8_t *missing,
                     uint16_t n, dura_error *err);
void durai_drill_unplug(drill_world *w);

/* ---- dura_host_drill_inject.c ------------------------------------------------------------ */

/* The task at start number `start` into d->value and what stands behind it. Frames it lasts;
 * 0: it cannot be injected there, or would change nothing. */
uint64_t durai_drill_inject(dura_drill *d, const drill_task *t, uint32_t start);
uint64_t durai_drill_random(uint64_t seed, uint64_t a, uint64_t b, uint64_t c);

/* ---- dura_host_drill_score.c ------------------------------------------------------------- */

/* All starts of a task. DURA_OK or a guard's code. */
int durai_drill_score(dura_drill *d, const drill_task *t, dura_drill_entry *e, dura_error *err);

/* The guard of the start, as it was. */
void durai_drill_put_back(dura_drill *d, uint32_t start);
/* How long each hook took in this frame, which is `delay` frames behind the injection's first. */
void durai_drill_hear_hooks(const dura_drill *d, uint16_t channel, uint64_t first, uint64_t row, drill_outcome *o);
void durai_drill_begin(drill_outcome *o);

/* ---- dura_host_drill.c ------------------------------------------------------------------- */

/* As dura_drill_open(), without a list of its own. */
int durai_drill_open_bare(dura_drill **out, const dura_drill_options *o, dura_error *err);

/* ---- dura_host_drill_control.c ----------------------------------------------------------- */

/* The recording as it is, the places, and the guard's state at each. */
int durai_drill_control(dura_drill *d, dura_error *err);

#define DURAI_DRILL_ENTRY_V1 ((uint32_t)offsetof(dura_drill_entry, by_check)) /* as first released */

/* Where a finding by DURA_DRILL_BY_* is counted (dura_host_drill_text.c). */
uint32_t *durai_drill_by(dura_drill_entry *e, uint32_t by);

#endif
