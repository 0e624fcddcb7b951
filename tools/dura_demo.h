/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The parts of `dura demo`: what is written before the run, the run itself, the judgement.
 *
 * The plant (dura_plant.h) knows nothing of dura, and dura is told nothing of the plan: the
 * plan is in the hands of the plant and of the judge only.
 */
#ifndef DURA_DEMO_H
#define DURA_DEMO_H

#include "dura_plant.h"

#include <dura/gate.h>
#include <dura/host/error.h>

enum { DEMO_EPISODES = 8, DEMO_INTRUSION = 3 };   /* the second counts from 0 */

/* Which release is offered in an episode. */
enum { DEMO_NO_RELEASE = 0, DEMO_GOOD = 1, DEMO_BAD = 2 };

/* One stretch of the run: quiet, something happens, quiet again. Frames. */
typedef struct demo_plan {
    const char *name, *injected;
    uint8_t expected;          /* DURA_CAUSE_*; NORMAL: no incident */
    uint8_t happening;         /* PLANT_*; 0: nothing */
    uint8_t release;           /* DEMO_* */
    uint32_t frames;           /* of the whole stretch */
    uint32_t begin;            /* of what happens, from the beginning of the stretch */
    uint32_t lasts;
    uint32_t undone;           /* so long behind the begin it is undone; 0: it ends by itself */
    uint32_t undoing;          /* ... over so many */
} demo_plan;
extern const demo_plan demo_plans[DEMO_EPISODES];

/* What came of it. */
typedef struct demo_result {
    uint64_t start, at;        /* first frame; frame of what happens */
    uint32_t incidents;        /* opened in it, as the decision log says */
    uint32_t wrong;            /* of them: ended with another verdict than the expected one, or
                                  did not end */
    uint8_t verdict;           /* DURA_CAUSE_* at the end: of the first wrong one, else of the
                                  first */
    uint8_t gate;              /* DURA_GATE_* a release came to; 0: none was offered */
    uint8_t known;             /* `frame` is set */
    uint8_t right;
    int16_t score, margin;
    uint32_t why;              /* DURA_WHY_* of a release that did not stay */
    uint64_t frame;            /* in which it was said: verdict or end of the release */
    uint64_t seen;             /* frames whose output was compared with the former model's */
    uint64_t bad;              /* ... and was further off than the policy allows */
    double lo, hi;             /* true pressure, bar */
} demo_result;

typedef struct demo {
    const char *out;           /* DIR */
    uint64_t seed, frames;
    plant_model model[3];      /* factory, good, bad */
    double band_lo, band_hi;   /* of p1, bar: what the policy learned as possible */
    double far;                /* disagreement that is allowed, % of the valve */
    demo_result result[DEMO_EPISODES];
    char word[16];             /* what verify says of the logs */
} demo;

/* The path of a file in DIR into buf, which holds DEMO_PATH bytes; returns buf. */
enum { DEMO_PATH = 1024 };
const char *demo_path(const demo *d, const char *name, char buf[DEMO_PATH]);

/* The line as it goes into the run: warm, a day behind the recording, with all episodes. */
int demo_begin(const demo *d, plant *p);

/* Recording, models, policy, factory record, releases, events, into DIR. A DURA_E* code. */
int demo_make(demo *d, dura_error *err);
/* The closed loop through the guard. A DURA_E* code. */
int demo_run(demo *d, dura_error *err);
/* Read the logs and compare with the plan. A DURA_E* code. */
int demo_judge(demo *d, dura_error *err);
/* report.html, as `dura report` makes it. A DURA_E* code. */
int demo_report(const demo *d, dura_error *err);

#endif
