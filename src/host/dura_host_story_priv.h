/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the parts of the story share: the JSON writer, the state that the three readings
 * fill, and the calls between the parts.
 *
 *   survey   counts, time axis, how many records speak of what severity
 *   draw     buckets and strips, drift, incidents, history, health
 *   pick     the single records worth a mark: the worst ones and all evidence
 */
#ifndef DURA_HOST_STORY_PRIV_H
#define DURA_HOST_STORY_PRIV_H

#include <dura/host/incident.h>
#include <dura/host/pack.h>
#include <dura/host/story.h>
#include <dura/host/watch.h>
#include <dura/guard.h>

#include "../base/dura_base_priv.h"
#include "../guard/dura_guard_policy.h"

/* ---- JSON out ------------------------------------------------------------------------- */

/* Text that grows. Commas are put where they belong; the first failed allocation stays. */
typedef struct durai_out {
    char *p;
    size_t len, cap;
    int comma, failed;
} durai_out;

/* key NULL: an item of an array. */
void durai_out_open(durai_out *o, const char *key, char bracket);
void durai_out_close(durai_out *o, char bracket);
void durai_out_uint(durai_out *o, const char *key, uint64_t v);
void durai_out_int(durai_out *o, const char *key, int64_t v);
void durai_out_bool(durai_out *o, const char *key, int v);
void durai_out_null(durai_out *o, const char *key);
/* Shortest of at most `digits` digits; null when not finite. */
void durai_out_num(durai_out *o, const char *key, double v, int digits);
/* Bytes that are not UTF-8 become U+FFFD. text NULL: null. */
void durai_out_text(durai_out *o, const char *key, const char *text);
void durai_out_hex(durai_out *o, const char *key, const uint8_t *p, size_t n);
/* JSON that is there already. */
void durai_out_json(durai_out *o, const char *key, const char *text, size_t n);
/* The name of a list, else the number as text. */
void durai_out_name(durai_out *o, const char *key, int list, uint32_t v);
void durai_out_bits(durai_out *o, const char *key, int list, uint64_t bits);
/* ISO 8601 UTC, or null. */
void durai_out_iso(durai_out *o, const char *key, int have, int64_t wall_ns);

/* ---- limits ----------------------------------------------------------------------------- */

enum {
    DURAI_STORY_STRIPS = 64,        /* strips that get all buckets; more share them */
    DURAI_STORY_BUCKETS_MIN = 64,
    DURAI_STORY_GAPS = 64,          /* gaps in time that end a bucket */
    DURAI_STORY_MARKS = 300,        /* single records per log */
    DURAI_STORY_EVIDENCE = 512,     /* records that evidence names */
    DURAI_STORY_INCIDENTS = 128,
    DURAI_STORY_REVISIONS = 24,
    DURAI_STORY_EVENTS = 240,       /* lines of history */
    DURAI_STORY_LABELS = 24,        /* ... that are labels */
    DURAI_STORY_CLOCKS = 64,
    DURAI_STORY_TROUBLES = 24,      /* drops and recoveries listed */
    DURAI_STORY_ALARMS = 64,        /* per watched quantity */
    DURAI_STORY_RECORD = 1500,      /* bytes of a record's JSON that is carried along */
    DURAI_STORY_RECORDS = 1 << 20,  /* ... of all of them */
    DURAI_STORY_BINS = 240,         /* of the records that got no mark */
    DURAI_STORY_LABEL = 160
};

/* ---- the state --------------------------------------------------------------------------- */

/* One start of the device on the axis: axis = anchor + mono. */
typedef struct durai_boot {
    int64_t anchor, first, last;    /* first, last: mono of decisions and events */
    uint32_t boot, err_us;
    uint8_t quality;                /* of the reading the anchor comes from */
    uint8_t moved;                  /* the wall clock had gone back: kept in order instead */
} durai_boot;

typedef struct durai_clock {
    double from, to;
    uint32_t err_us;
    uint8_t quality;
} durai_clock;

typedef struct durai_bucket {
    double from, to;
    uint64_t gseq, worst, frame;
    uint32_t n, action[4], reasons;
    uint8_t verdict, rank;
    char *record;
} durai_bucket;

typedef struct durai_strip {
    float *lo, *hi;                 /* one per bucket; not finite: nothing */
} durai_strip;

typedef struct durai_channel {
    durai_strip value;
    uint8_t *verdict;               /* one per bucket: place in GOOD.. */
    uint64_t count[5];
    float lo, hi, last;
    uint32_t bad_at_end;            /* decisions in a row up to the last one that were FAIL
                                       or MISSING */
} durai_channel;

typedef struct durai_output {
    durai_strip driven, proposed, model;
    uint8_t proposed_differs, model_differs;
} durai_output;

typedef struct durai_alarm {
    double t;
    uint64_t gseq;
    int64_t value[4];
    uint32_t reasons;
} durai_alarm;

/* What the drift monitor said of itself. */
typedef struct durai_monitor {
    uint64_t heartbeats, failures, requests;
    uint64_t silences;              /* of them: a heartbeat was owed, and the log has none */
    dura_time last;                 /* heartbeat */
    uint64_t last_gseq;
} durai_monitor;

typedef struct durai_watched {
    const char *name;
    float *statistic;               /* one per bucket: the largest */
    float limit;
    uint32_t why, n_alarms;
    uint64_t n;
    uint32_t detector;              /* DURA_DRIFT_MIXTURE.. */
    uint16_t id;
    uint8_t alarm;                  /* in force at the end */
    durai_alarm *alarms;
} durai_watched;

typedef struct durai_revision {
    double t;
    uint64_t gseq;
    uint8_t state, cause;
    int16_t score, margin;
} durai_revision;

typedef struct durai_case {
    dura_incident i;
    double from, to;
    uint32_t n_revisions;           /* may be more than are kept */
    uint8_t dealt;                  /* bit 0 acknowledged, bit 1 closed by a person */
    char actor[DURA_ACTOR_MAX + 1];
    durai_revision revision[DURAI_STORY_REVISIONS];
} durai_case;

typedef struct durai_mark {
    double t;
    uint64_t gseq;
    dura_time time;
    uint16_t kind;
    uint8_t log, severity;
    char label[DURAI_STORY_LABEL];
    char *record;
} durai_mark;

typedef struct durai_line {
    double t;
    uint64_t gseq;
    dura_time time;
    const char *kind;
    char text[2 * DURAI_STORY_LABEL];
} durai_line;

typedef struct durai_story {
    const char *folder;
    dura_story_options options;
    dura_verify_report verify;
    dura_error verify_error;
    int verify_rc;
    /* the policy; image NULL: unknown */
    uint8_t *image;
    size_t image_len;
    dura_policy_info info;
    dura_record_names names;
    const char **channel_names, **channel_units, **output_names, **output_units, **feature_names;
    uint16_t n_features;
    uint8_t policy_digest[32], boot_policy[32], have_boot_policy;
    /* survey */
    uint64_t decisions, security, severity[2][11];
    durai_boot *boot;
    uint32_t n_boots, cap_boots;
    int64_t begin, end;             /* of the axis */
    int wall;                       /* the axis is wall time */
    int moved;
    uint16_t wide_channels, wide_outputs;  /* most floats a decision had */
    /* reading */
    int read_rc;
    dura_error read_error;
    uint64_t next_gseq;
    uint16_t last_kind;
    double now;                     /* of the last record that had a place on the axis */
    /* draw */
    uint32_t per_bucket, n_buckets, cap_buckets, gaps;
    durai_bucket *bucket;
    durai_channel *channel;
    durai_output *output;
    uint16_t n_channels, n_outputs;
    dura_watch *watch;
    durai_watched *watched;
    uint32_t n_watched;
    int monitored, incidents_recorded;
    durai_monitor monitor;
    durai_clock clock[DURAI_STORY_CLOCKS];
    uint32_t n_clocks;
    uint64_t actions[4], verdicts[5];
    uint32_t boot_of_last;
    uint8_t last_action, last_mode, modes;
    uint8_t model[8], have_model;
    uint8_t gate_state, gate_component;  /* of the last RELEASE fact */
    uint64_t gate_why;
    durai_case *cases;
    uint32_t n_cases;
    uint64_t cases_left_out;
    durai_line *line;
    uint32_t n_lines, n_labels;
    uint64_t lines_left_out;
    durai_line *trouble;
    uint32_t n_troubles;
    uint64_t troubles_left_out;
    durai_line seal[2];
    uint64_t records[2];
    /* pick */
    uint64_t evidence[DURAI_STORY_EVIDENCE];
    uint32_t n_evidence;
    uint8_t threshold[2];
    uint32_t room[2];               /* marks left at the threshold */
    durai_mark *mark;
    uint32_t n_marks, cap_marks;
    uint32_t bin[2][DURAI_STORY_BINS];
    uint8_t bin_worst[2][DURAI_STORY_BINS];
    uint64_t left_out[2];
    size_t record_bytes;
} durai_story;

/* ---- between the parts -------------------------------------------------------------------- */

/* time: the axis. */
int durai_story_see_time(durai_story *s, const dura_record *r);
void durai_story_end_times(durai_story *s);
double durai_story_place(durai_story *s, const dura_record *r);      /* ms on the axis */
double durai_story_place_of(const durai_story *s, const dura_time *t, double other);
void durai_story_see_clock(durai_story *s, const dura_time *t, double at);

/* strips: buckets, channels, outputs, drift. */
int durai_story_begin_strips(durai_story *s, dura_error *err);
int durai_story_draw(durai_story *s, const dura_record *r, double at);
int durai_story_drift_fact(durai_story *s, const dura_record *r, double at);
void durai_story_write_strips(const durai_story *s, durai_out *o);
void durai_story_end_strips(durai_story *s);

/* marks: single records, history, troubles. */
uint8_t durai_story_severity(const dura_record *r);                  /* 255: never a mark */
int durai_story_begin_marks(durai_story *s, dura_error *err);
int durai_story_pick(durai_story *s, const dura_record *r, double at);
void durai_story_tell(durai_story *s, const dura_record *r, double at);
/* A heartbeat of the drift monitor; its failure; what the reader found missing. */
void durai_story_heartbeat(durai_story *s, const dura_record *r);
void durai_story_silence(durai_story *s, const dura_record *r, double at);
void durai_story_write_marks(const durai_story *s, durai_out *o);
void durai_story_write_history(const durai_story *s, durai_out *o);
void durai_story_write_health(const durai_story *s, durai_out *o);
void durai_story_label(const durai_story *s, const dura_record *r, char *out, size_t n);
/* The record's JSON on the heap, or NULL: too long, or no room left. */
char *durai_story_record(durai_story *s, const dura_record *r);
/* "pressure_bar", "input 3" of what drift facts call a channel. */
const char *durai_story_thing(const durai_story *s, uint64_t id, char *buf, size_t n);

/* cases: incidents. */
int durai_story_see_incident(durai_story *s, const dura_incident *i, const dura_record *r, double at);
void durai_story_dealt(durai_story *s, const dura_record *r);
void durai_story_collect_evidence(durai_story *s);
void durai_story_write_cases(const durai_story *s, durai_out *o);
int durai_story_worse(const durai_case *a, const durai_case *b);

/* advice: the next action. */
void durai_story_write_advice(const durai_story *s, durai_out *o);

/* Small readers of records. */
uint64_t durai_story_uint(const dura_record *r, uint32_t key, uint64_t other);
/* Text of a key into buf, cut at n; "" when absent. Returns buf. */
const char *durai_story_text(const dura_record *r, uint32_t key, char *buf, size_t n);
/* The four values of a fact. */
void durai_story_values(const dura_record *r, int64_t v[4]);
uint32_t durai_story_verdict(uint32_t qartod);                       /* place in GOOD.. */

#endif
