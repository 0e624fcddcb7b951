/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The register in memory: what the reader makes of the JSON and the rules walk over. Every
 * reference is an index, every object remembers its JSON value, texts are the document's.
 */
#ifndef DURA_HOST_REGISTER_PRIV_H
#define DURA_HOST_REGISTER_PRIV_H

#include <dura/host/register.h>

#include <stdarg.h>

enum { REG_FR = 7, REG_NONE = 0xFFFF, REG_SEVERITIES = 4, REG_LIKELIHOODS = 5 };
enum { REG_FAULT, REG_DRIFT, REG_ATTACK, REG_MISUSE, REG_CAUSES };
enum {
    REG_SENSOR, REG_MODEL, REG_ACTUATOR, REG_DATASET, REG_UPDATE, REG_LOG, REG_HUMAN, REG_NETWORK, REG_BRAIN_PART
};
enum { REG_BOX, REG_BRAIN, REG_BOTH };
enum { REG_INPUTS, REG_DRIVES, REG_UPDATES, REG_TRAINS, REG_LOGS, REG_FLOWS };

/* What an id names. */
enum { REG_IS_ZONE, REG_IS_CONDUIT, REG_IS_ASSET, REG_IS_AIA, REG_IS_HAZARD, REG_IS_ENTRY, REG_IS_CONTROL, REG_KINDS };

extern const char *const durai_reg_fr[], *const durai_reg_causes[], *const durai_reg_kinds[],
    *const durai_reg_owners[], *const durai_reg_flows[], *const durai_reg_drills[];

/* ---- memory that goes away at once ------------------------------------------------------ */

typedef struct durai_reg_block durai_reg_block;
typedef struct durai_reg_arena {
    durai_reg_block *last;
    size_t used, room;
} durai_reg_arena;
/* n zeroed bytes, 8-byte aligned; NULL: no memory. */
void *durai_reg_take(durai_reg_arena *a, size_t n);
void durai_reg_drop(durai_reg_arena *a);
char *durai_reg_print(durai_reg_arena *a, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* ---- a growing text ------------------------------------------------------------------------ */

typedef struct durai_reg_text {
    char *p;
    size_t n, cap;
    int failed;              /* no memory: what follows is ignored */
} durai_reg_text;
void durai_reg_put(durai_reg_text *t, const char *p, size_t n);
void durai_reg_say(durai_reg_text *t, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* As a JSON string with its quotes, escapes as RFC 8785 has them. */
void durai_reg_quote(durai_reg_text *t, const char *text);
/* The text, zero-terminated, is the caller's; DURA_ENOSPC when it failed. */
int durai_reg_done(durai_reg_text *t, char **out, size_t *len);
/* A value without blanks and sorted (indent < 0), or as people like it, in the file's order. */
int durai_reg_write(durai_reg_text *t, const dura_json *doc, uint32_t value, int indent);

/* ---- the register ------------------------------------------------------------------------- */

typedef struct reg_list {
    uint16_t *at;
    uint32_t n;
} reg_list;

typedef struct reg_zone {
    const char *id;
    uint32_t value;
    uint8_t sl_t[REG_FR];
} reg_zone;

typedef struct reg_conduit {
    const char *id;
    uint32_t value;
    uint16_t from, to;       /* zones */
} reg_conduit;

typedef struct reg_asset {
    const char *id, *part, *bus, *stream;    /* "" when not said */
    uint32_t value;
    uint16_t zone;
    uint8_t kind, owner;
    uint32_t retention_days;
} reg_asset;

typedef struct reg_edge {
    uint16_t from, to;
    uint8_t flow;
    uint32_t value;          /* the item that says so */
} reg_edge;

typedef struct reg_aia {
    const char *id, *document;
    uint32_t value, date;
    uint8_t sha256[32];
} reg_aia;

typedef struct reg_hazard {
    const char *id;
    uint32_t value, safety_ms;
    uint8_t severity;
} reg_hazard;

typedef struct reg_need {    /* a requirement of 62443 */
    const char *id;
    uint32_t value;
    uint8_t fr, sl_t, sl_c, compensated, overridden;
} reg_need;

typedef struct reg_rating {
    uint8_t likelihood, severity, figure;
} reg_rating;

typedef struct reg_entry {
    const char *id;
    uint32_t value, reviewed, accepted_until;   /* 0: not accepted */
    reg_list aia, hazards, path, edges, conduits, controls;
    uint32_t threat_model, n_42001, n_needs, compensations;
    reg_need *need;
    uint16_t asset;
    uint8_t cause, one_sided, draft;   /* a draft covers nothing */
    reg_rating before, after;
} reg_entry;

typedef struct reg_control {
    const char *id;
    uint32_t value, delay_s, reacts_ms;         /* 0: not said */
    reg_list on;
    uint8_t hook, armed_percent;
} reg_control;

typedef struct reg_waiver {
    const char *where, *who, *reason;
    uint32_t value, until;
    uint8_t rule;            /* 1..18; 0: a cell of the boundary matrix */
} reg_waiver;

typedef struct reg_id {
    const char *id;
    uint16_t kind, at;
} reg_id;

struct dura_register {
    dura_json *doc;
    durai_reg_arena arena;
    uint8_t digest[32];
    const char *product;
    uint8_t matrix[REG_LIKELIHOODS][REG_SEVERITIES], tolerable;
    uint32_t n_zone, n_conduit, n_asset, n_edge, n_aia, n_hazard, n_entry, n_control, n_waiver;
    reg_zone *zone;
    reg_conduit *conduit;
    reg_asset *asset;
    reg_edge *edge;          /* sorted by from, to */
    reg_aia *aia;
    reg_hazard *hazard;
    reg_entry *entry;
    reg_control *control;
    reg_waiver *waiver;
    reg_id *id;              /* sorted */
    uint32_t n_id;
};

/* Hooks: what a control may be, and the causes it can speak to by itself. */
typedef struct reg_hook {
    const char *name;
    uint8_t causes;          /* bit REG_FAULT.. */
    uint8_t fallback;        /* 1: leads the machine to its safe state */
} reg_hook;
extern const reg_hook durai_reg_hooks[];
extern const char *const durai_reg_hook_names[];

/* ---- the reader's helpers, shared with evidence and product -------------------------------- */

/* Names of things: letters, digits, . _ - , 1..48. */
int durai_reg_get_id(const dura_json *doc, uint32_t value, const char **out, dura_error *err);
/* "2026-11-23" as 20261123. */
int durai_reg_get_date(const dura_json *doc, uint32_t value, uint32_t *out, dura_error *err);
/* The object of that kind called id; REG_NONE: there is none. */
uint16_t durai_reg_find(const dura_register *r, int kind, const char *id);
/* edge between two assets, REG_NONE: none. */
uint32_t durai_reg_edge(const dura_register *r, uint16_t from, uint16_t to);
/* Is it in force in that catalogue? 1; 0: why says what is wrong. fr (may be NULL): the
 * foundational requirement it belongs to, REG_FR when to none. */
enum { REG_CAT_62443, REG_CAT_42001, REG_CAT_THREAT, REG_CAT_LAW };
int durai_reg_known(int catalog, const char *id, uint8_t *fr, char *why, size_t n);

/* references, paths, cycles, ratings: everything that needs the whole register. */
int durai_reg_resolve(dura_register *r, dura_error *err);

#endif
