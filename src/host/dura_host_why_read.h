/* SPDX-License-Identifier: Apache-2.0 */
/* What one reading of a run folder collects around one decision; written by
 * dura_host_why_read.c, told by dura_host_why_json.c. */
#ifndef DURA_HOST_WHY_READ_H
#define DURA_HOST_WHY_READ_H

#include <dura/drift.h>

#include "dura_host_monitor.h"
#include "dura_host_why_priv.h"

enum {
    DURAI_WHY_BEFORE = 24,       /* events kept before the decision: the last ones */
    DURAI_WHY_AFTER = 8,         /* ... and behind it: the first ones */
    DURAI_WHY_ROWS = 256,        /* first decisions whose medians are the baseline */
    DURAI_WHY_LABELS = 16,
    DURAI_WHY_SAID = 16,
    DURAI_WHY_TROUBLE = 4,       /* of the monitor: the last ones */
    DURAI_WHY_RETRAIN = 2        /* the last request before the decision, the first behind it */
};

/* What the drift monitor said, or a reader of it. */
typedef struct durai_told {
    uint64_t gseq;               /* 0: nothing */
    dura_time time;
    uint64_t decisions;          /* of the boot, so far */
    int before;                  /* the decision */
    char text[320];
} durai_told;

/* A security event around the decision. */
typedef struct durai_near {
    uint64_t gseq;
    dura_time time;
    int64_t after_ns;            /* behind the decision; negative: before */
    uint8_t class_, severity, trusted, mapped;
    char category[40], type[56], actor[72], peer[72], detail[256], result[40];
} durai_near;

/* What a person said: a label of the frame, or a word on an incident. */
typedef struct durai_said {
    uint64_t gseq;
    dura_time time;
    char type[16], id[40], actor[72], detail[256];
} durai_said;

/* One channel as the sensor saw it, the decision included, and what it was compared with. */
typedef struct durai_past {
    float last;                  /* last accepted value before */
    int64_t last_ns;
    float rest;                  /* where its flat line began */
    int64_t rest_ns;
    uint8_t has_last, has_rest;
} durai_past;

typedef struct durai_gauge {
    const char *name;
    const char *blamed[DURA_DRIFT_BLAMED];  /* T2 and SPE: what is explained least; NULL: no more */
    uint32_t detector;
    uint16_t id;
    dura_drift_state s;
} durai_gauge;

typedef struct durai_why {
    const dura_why_options *options;
    durai_run run;
    durai_place_of at;
    durai_cases cases;
    dura_verify_report verify;
    int verify_rc;
    dura_error verify_error;
    /* the decision */
    durai_view v;
    char *json;                  /* of its record */
    uint8_t leaf[32];
    uint64_t seq;
    durai_policy_channel *limit; /* per channel */
    dura_sensor_state *state;    /* per channel; struct_size 0: not known */
    durai_past *past, *before;   /* running; as it was when the decision came */
    int64_t gap_ns, step_ns;     /* to the frame before; step 0: none */
    float *reach;                /* proposed by the decision before */
    int64_t reach_ns;
    int has_reach;
    uint64_t next_gseq;
    int holes;                   /* records are missing in front of it: no quality */
    /* the walk */
    dura_sensor *sensor;
    void *sensor_mem;
    durai_view w;
    uint32_t boot;
    int64_t frame_ns;            /* stamp of the last frame given to the sensor; -1: none */
    int passed;                  /* the decision is behind us */
    float *rows;                 /* inputs of the first decisions */
    uint32_t n_rows;
    durai_gauge *gauge;
    uint32_t n_gauges;
    int watched;                 /* 1: gauges are those of the decision */
    durai_beats beats;           /* up to the decision */
    durai_told alive, trouble[DURAI_WHY_TROUBLE], retrain[DURAI_WHY_RETRAIN];
    uint32_t n_trouble;
    /* security */
    uint64_t events, heartbeats, trusted, unmapped, in_window;
    int64_t last_event_ns;       /* before the decision; -1: none */
    int64_t heartbeat_ns;
    durai_near before_event[DURAI_WHY_BEFORE], after_event[DURAI_WHY_AFTER];
    uint32_t n_before, n_after;
    uint64_t dropped;
    durai_said label[DURAI_WHY_LABELS], said[DURAI_WHY_SAID];
    uint32_t n_labels, n_said;
    uint64_t labels_more;
    /* the model */
    uint64_t kept_version, trial_version;
    uint8_t start_model[8];
    int has_start;
    /* proof */
    uint64_t seal_gseq, seal_size, seal_epoch;
    uint8_t seal_root[32];
    int sealed;
    int read_rc;                 /* of the records behind the decision */
    dura_error read_error;
} durai_why;

/* Read everything; w->options, w->run and w->at are set. */
int durai_why_read(durai_why *w, dura_error *err);
void durai_why_free(durai_why *w);
/* The case the decision belongs to, or NULL. */
const durai_case_of *durai_why_case(const durai_why *w);
/* The document. */
int durai_why_write(const durai_why *w, char **text, size_t *len, dura_error *err);

#endif
