/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What `dura evidence` and `dura bundle` share: a growing text with JSON and HTML forms, and
 * the figures that one reading of a run folder gives for every control of a register.
 *
 *   dossier_read -> claims -> assessment results, bill of materials, trace, index, page
 *
 * A control's strength is that of dura/host/binding.h, E0 to E4. Nothing below E2 supports
 * anything.
 */
#ifndef DURA_DOSSIER_H
#define DURA_DOSSIER_H

#include "dura_args.h"

#include <dura/host/binding.h>
#include <dura/host/catalog.h>
#include <dura/host/incident.h>
#include <dura/host/pack.h>
#include <dura/host/register.h>
#include <dura/host/verify.h>

/* ---- text ------------------------------------------------------------------------------ */

typedef struct text {
    char *p;
    size_t n, cap;
    int comma, failed;          /* comma: one is due before the next JSON value */
} text;

void text_put(text *t, const char *p, size_t n);
void text_add(text *t, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* JSON: key NULL is an item of an array. */
void text_open(text *t, const char *key, char bracket);
void text_close(text *t, char bracket);
void text_key(text *t, const char *key);
void text_str(text *t, const char *key, const char *value);
void text_fmt(text *t, const char *key, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
void text_int(text *t, const char *key, uint64_t value);
void text_bool(text *t, const char *key, int value);
/* A UUID of version 5 out of a name in dura's own space: the same name, the same id. */
void text_uuid(text *t, const char *key, const char *name);
/* With & < > " escaped. */
void text_html(text *t, const char *value);
/* Quoted for CSV where it must be. */
void text_csv(text *t, const char *value, char end);
/* "CR 3.4" as "cr-3.4": what OSCAL takes for an id. */
const char *text_token(char *out, size_t n, const char *value);
/* "2026-03-01T06:00:00.000Z" of ns since 1970. */
const char *text_time(char out[40], int64_t wall_ns);

/* ---- figures ---------------------------------------------------------------------------- */

enum { DOSSIER_NAMED = 4, DOSSIER_E_MIN = 2 };

/* Records of one sort: how many, from where to where, a few of them by number, and in which
 * segments of which log they lie. */
typedef struct dossier_span {
    uint64_t n, first, last, named[DOSSIER_NAMED];
    uint32_t n_named;
    uint8_t *seg[2];            /* a byte per segment of the security and the decision log */
} dossier_span;

typedef struct dossier_range {
    uint64_t first, last;
} dossier_range;

typedef struct dossier_control {
    const char *id, *hook, *title;
    uint32_t value;             /* in the register's JSON */
    uint64_t channels[16];      /* bit per channel of the policy it is on */
    int configured;             /* E1 */
    dura_binding_control is;    /* its counters */
    dossier_span fired, tested, failed, verdict;
    dossier_range *range;       /* decisions in which it fired, in a row */
    uint32_t n_range, cap_range;
    uint32_t strength;
    const char *why;            /* it has that strength: a sentence */
} dossier_control;

typedef struct dossier_segment {
    char name[40], sha[65];
    uint64_t bytes, first, last, records;
} dossier_segment;

typedef struct dossier_incident {
    dura_incident last;
    uint64_t first_gseq, last_gseq;
    dossier_span span;          /* its records and its evidence */
} dossier_incident;

typedef struct dossier_record {
    uint64_t gseq;
    char *json;
} dossier_record;

/* One thing the pack says, and all it rests on. */
typedef struct dossier_claim {
    char id[80];
    const char *kind;           /* "log", "inventory", "control", "requirement", "risk", ... */
    char subject[80];
    char *says;
    int holds;                  /* 1 supported by records, 0 not, -1 outside software */
    int strength;               /* E0..E4; -1: none */
    dossier_span rests;
    const char *file;           /* of the pack, when it rests on one */
} dossier_claim;

typedef struct dossier {
    const char *run, *register_path, *register_text;
    dura_register *reg;
    dura_register_info reg_info;
    dura_json *doc, *policy_doc;
    dura_binding *binding;
    dura_binding_info bound;
    dura_verify_report verify;
    dura_findings found;
    dura_policy_info policy;
    uint8_t *policy_image;
    size_t policy_len;
    const char **channel, **output;
    dura_record_names names;
    char policy_sha[65], model_sha[65], register_sha[65], boot_policy[65], boot_model[65];
    char version[24];           /* of the library that ran */
    int simulated, believed;
    uint32_t today;
    uint32_t n_seg[2];
    dossier_segment *seg[2];
    dossier_span boot, decisions, seals, releases, refused, events, whole;
    uint64_t armed_ms, acts, oldest_ns, newest_ns;   /* armed_ms: of all decisions */
    char begin[40], end[40];
    dossier_control *control;
    uint32_t n_control;
    dossier_incident *incident;
    uint32_t n_incident, cap_incident;
    dossier_record *record;
    uint32_t n_record;
    dossier_claim *claim;
    uint32_t n_claim, cap_claim;
    const char **release;       /* evidence indexes: their names in the pack */
    uint32_t n_release;
    void **memory;
    size_t n_memory, cap_memory;
} dossier;

typedef struct dossier_options {
    const char *run, *register_path, *drill, *documents, *state, *checkpoint;
    const uint8_t *key;
    uint32_t today;             /* 0: the day of the last record */
    int simulated;
} dossier_options;

/* Everything the outputs need. A DURA_E* code; dossier_free() in every case. */
int dossier_read(dossier *d, const dossier_options *o, dura_error *err);
/* The records alone, without a register: what an incident bundle needs. */
int dossier_read_run(dossier *d, const dossier_options *o, dura_error *err);
void dossier_free(dossier *d);
/* Heap that dossier_free() gives back; NULL: no memory. */
void *dossier_alloc(dossier *d, size_t n);
char *dossier_text(dossier *d, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
int dossier_hit(dossier *d, dossier_span *s, const dura_record *r);
int dossier_join(dossier *d, dossier_span *to, const dossier_span *from);
/* The segment of a log in which a record lies; -1: none. */
int dossier_segment_of(const dossier *d, uint64_t gseq, int *log);
/* A release's evidence index (`dura release make --attest`), which lies in the pack as `name`. */
int dossier_add_release(dossier *d, const char *path, const char *name, dura_error *err);
int dossier_claims(dossier *d);
const dossier_claim *dossier_find(const dossier *d, const char *id);
const char *dossier_word(const dossier_claim *c);

void dossier_write_claims(const dossier *d, text *t);
void dossier_write_results(const dossier *d, text *t);
void dossier_write_bom(const dossier *d, text *t);
void dossier_write_trace(const dossier *d, text *t);
void dossier_write_index(const dossier *d, text *t);
void dossier_write_page(const dossier *d, text *t);

/* Small readers of the register's JSON. "" and 0 where there is nothing. */
const char *dossier_str(const dura_json *j, uint32_t object, const char *name);
int64_t dossier_num(const dura_json *j, uint32_t object, const char *name);
/* 1: the list `name` of an object has this text. */
int dossier_has(const dura_json *j, uint32_t object, const char *name, const char *value);

/* One heading of a law's documentation annex, and what of the pack belongs under it. */
typedef struct dossier_heading {
    const char *annex, *number, *heading, *files, *outside;
} dossier_heading;
extern const dossier_heading dossier_headings[];
extern const uint32_t dossier_n_headings;

/* Practices by bit of DURA_PRACTICE_*; NULL behind the last. */
const char *dossier_practice(uint32_t bit);

#endif
