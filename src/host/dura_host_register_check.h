/* SPDX-License-Identifier: Apache-2.0 */
/* What the finder knows while its rules run. */
#ifndef DURA_HOST_REGISTER_CHECK_H
#define DURA_HOST_REGISTER_CHECK_H

#include "dura_host_register_priv.h"

/* What a control did in the field, by the evidence file. */
typedef struct evidence {
    uint8_t known;
    uint32_t armed_s, drilled, caught;
} evidence;

/* What the drill's evidence says of an entry. */
typedef struct drilled {
    uint8_t known;
    uint32_t injections, caught;
} drilled;

/* What an assessment's document is today. */
typedef struct assessed {
    uint8_t known, missing;
    uint8_t sha256[32];
} assessed;

typedef struct keep_row {
    const char *stream, *source;
    uint32_t days;
} keep_row;

typedef struct check {
    const dura_register *r;
    durai_reg_arena arena;
    int rc;
    uint32_t today;
    /* from the register */
    uint32_t *in;            /* first of back[] to each asset */
    uint16_t *back;          /* edges, by whom they act on */
    uint8_t *acts;           /* asset reaches an actuator */
    uint8_t *touched;        /* causes of the entries an asset is in */
    uint8_t *looked;         /* causes of the entries an edge is in */
    uint8_t *severity;       /* worst of an actuator */
    uint8_t *conduit, *bound;
    /* from beside it */
    int has_evidence, has_hooks, has_documents;
    uint32_t period;
    int has_drill;
    drilled *drilled;        /* per entry */
    evidence *evidence;
    assessed *assessed;
    uint64_t firmware;       /* hooks that are in it */
    const char *profile;
    keep_row keep[16];
    uint32_t n_keep;
    /* found */
    dura_finding *finding;
    uint32_t n, cap;
} check;

/* One finding; the texts are the arena's (NULL: no memory, which stays in c->rc). */
void durai_reg_found(check *c, int rule, uint32_t value, const char *subject, const char *text, const char *fix);
/* The asset and all whose values reach it while the machine runs, nearest first: a sensor that
 * only trains its model is no second channel. seen: zeroes, one for each asset. */
uint32_t durai_reg_upstream(check *c, uint16_t asset, uint16_t *order, uint8_t *seen);
/* Worst severity of an entry and its hazards. */
uint8_t durai_reg_worst(const dura_register *r, const reg_entry *e);
/* B1 to B19. */
void durai_reg_rules(check *c);

#endif
