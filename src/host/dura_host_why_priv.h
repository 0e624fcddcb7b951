/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What `why`, the exports and the people's door share: the policy of a run folder with its
 * names, decisions found by frame or time, decision records as arrays, and the incidents
 * of a run with the records they began at.
 */
#ifndef DURA_HOST_WHY_PRIV_H
#define DURA_HOST_WHY_PRIV_H

#include <dura/guard.h>
#include <dura/host/pack.h>
#include <dura/host/record.h>
#include <dura/host/why.h>

#include "../base/dura_base_priv.h"
#include "../guard/dura_guard_policy.h"

/* ---- the run ---------------------------------------------------------------------------- */

typedef struct durai_run {
    const char *folder;          /* borrowed */
    uint8_t *policy;             /* policy.bin */
    size_t policy_len;
    durai_policy_device device;
    const char **names;          /* channels, outputs, features: what a fact's channel counts */
    const char **units;          /* "" for a feature */
    uint16_t n_channels, n_outputs, n_features, n_inputs;
    dura_record_names shown;
    int correlates;              /* the policy has a correlate section */
    int64_t window_ns;
} durai_run;

/* DURA_OK; durai_host_read()'s codes; DURA_EVERSION, DURA_ECORRUPT, DURA_ENOSPC. */
int durai_run_open(durai_run *r, const char *folder, dura_error *err);
void durai_run_close(durai_run *r);
/* Name of channel, output or feature `thing`; "?" for what is none. */
const char *durai_run_name(const durai_run *r, uint32_t thing);
/* What input i of the model is, as a thing. */
uint32_t durai_run_input(const durai_run *r, uint32_t i);

/* ---- decisions by frame and by time ------------------------------------------------------ */

typedef struct durai_place_of {
    uint64_t gseq, frame;
    int64_t mono_ns, wall_ns;
    uint32_t boot;
    uint8_t quality;
} durai_place_of;

typedef struct durai_index {
    durai_place_of *by_gseq;     /* as recorded */
    durai_place_of *by_frame;    /* equal frames: as recorded */
    durai_place_of *by_time;     /* those with a wall clock, n_timed of them */
    size_t n, n_timed;
} durai_index;

int durai_index_load(durai_index *x, const char *folder, dura_error *err);
void durai_index_free(durai_index *x);
/* DURA_OK; DURA_ENOENT: err says what the run has instead. */
int durai_index_frame(const durai_index *x, const char *folder, uint64_t frame, durai_place_of *out, dura_error *err);
int durai_index_at(const durai_index *x, const char *folder, int64_t wall_ns, durai_place_of *out, dura_error *err);

/* ---- a decision record as arrays ---------------------------------------------------------- */

typedef struct durai_view {
    float *values, *inputs, *raw, *proposed, *driven;   /* of the run's sizes */
    uint8_t *missing, *verdict;                         /* per channel */
    uint32_t *why;                                      /* DURA_R_* per channel */
    uint16_t n_values, n_inputs, n_raw;                 /* 0: the record has none */
    uint8_t action, mode, frame_verdict, brain_len, brain[8];
    uint32_t reasons;
    uint64_t frame;
} durai_view;

int durai_view_init(durai_view *v, const durai_run *r);
void durai_view_free(durai_view *v);
/* DURA_OK; DURA_ECORRUPT: not what this policy's decisions look like. */
int durai_view_read(durai_view *v, const durai_run *r, const dura_record *rec);

/* ---- incidents ---------------------------------------------------------------------------- */

typedef struct durai_case_of {
    dura_incident i;             /* its last state */
    uint64_t gseq;               /* of the record it was opened with, or at */
    uint64_t last;               /* ... of the last state */
} durai_case_of;

typedef struct durai_cases {
    durai_case_of *p;
    size_t n, cap;
    int anew;                    /* joined from the records, not recorded */
} durai_cases;

/* Every incident of the run in its last state, in the order they opened: as recorded, or
 * joined anew where the policy does not correlate. */
int durai_cases_load(durai_cases *c, const durai_run *r, dura_error *err);
void durai_cases_free(durai_cases *c);

/* First bytes of a record's RFC 6962 leaf hash, all of it. */
void durai_leaf_of(const dura_record *r, uint8_t leaf[32]);
/* A text of a record, cut to fit; "" when absent. Returns buf. */
const char *durai_text_of(const dura_record *r, uint32_t key, char *buf, size_t n);

#endif
