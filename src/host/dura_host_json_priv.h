/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the strict scanner hands to the document: one token per value, in text order, so
 * that a value can say where it stands after the tree was built.
 */
#ifndef DURA_HOST_JSON_PRIV_H
#define DURA_HOST_JSON_PRIV_H

#include <dura/host/json.h>

struct cJSON;

/* One value. Offsets are into the text. */
typedef struct durai_json_token {
    uint32_t at;         /* a member's name (its quote), else the value */
    uint32_t name_len;   /* bytes of the name between the quotes, escapes as written */
    uint32_t value, end; /* the value's first byte and the byte behind it */
    uint32_t parent;     /* DURA_JSON_NONE at the top */
    uint32_t next;       /* sibling, or DURA_JSON_NONE */
    uint32_t ordinal;    /* place in the parent */
    uint32_t count;      /* members or items */
    struct cJSON *node;  /* set by the document */
} durai_json_token;

/* A text and its tokens. */
typedef struct durai_json_text {
    const char *p;
    size_t len;
    const char *filename;
    size_t bytes_max;          /* limits of this text */
    uint32_t values_max;
    durai_json_token *token;   /* malloc */
    uint32_t n, cap;
} durai_json_text;

/* dura_json_parse() with limits of its own, for texts that programs write: at most
 * UINT32_MAX bytes, since tokens keep 32-bit offsets. */
int durai_json_parse_within(const char *text, size_t len, const char *filename, size_t bytes_max,
                            uint32_t values_max, dura_json **out, dura_error *err);

/* Check the whole text and list its values. 0, DURA_ESYNTAX, DURA_ELIMIT, DURA_ENOSPC;
 * t->token is the caller's to free in every case. */
int durai_json_scan(durai_json_text *t, dura_error *err);
/* Line of a byte, from 1. */
uint32_t durai_json_line_at(const durai_json_text *t, size_t at);
/* Path of a token, as dura_json_path(). */
const char *durai_json_path_of(const durai_json_text *t, uint32_t i, char *buf, size_t n);

#endif
