/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the parts of the events reader share: the row in hand (events.c), the two formats
 * (events_ndjson.c, events_eve.c), and the table of addresses (assets.c).
 */
#ifndef DURA_HOST_EVENTS_PRIV_H
#define DURA_HOST_EVENTS_PRIV_H

#include <dura/host/events.h>
#include <dura/host/json.h>

#include <stdio.h>

typedef struct durai_assets durai_assets;

/* Read assets.csv. 0; DURA_ENOENT, ESYNTAX, ELIMIT, EIO, ENOSPC with the reason. */
int durai_assets_load(durai_assets **out, const char *path, dura_error *err);
/* Asset and zone of an address, IP or MAC, in any spelling. 1: found. assets may be NULL. */
int durai_assets_find(const durai_assets *a, const char *address, uint16_t *asset, uint16_t *zone);
void durai_assets_close(durai_assets *a);

enum {
    DURAI_TEXT_CATEGORY = 0,
    DURAI_TEXT_TYPE = 1,
    DURAI_TEXT_ID = 2,
    DURAI_TEXT_RESULT = 3,
    DURAI_TEXT_ACTOR = 4,
    DURAI_TEXT_PEER = 5,
    DURAI_TEXT_DETAIL = 6,
    DURAI_TEXTS = 7
};

struct dura_events {
    FILE *file;
    char *path;                      /* as errors name it */
    char *line;                      /* terminated; line_cap bytes of room */
    size_t len, cap;
    uint64_t line_no;
    int ended;                       /* the line at hand has its newline */
    uint8_t trust, trust_file, lenient;
    const volatile int *stop;
    durai_assets *assets;
    dura_events_counts counts;
    /* the row in hand */
    int64_t wall_ns;
    dura_event event;
    uint64_t shortened;              /* texts of this row that were cut */
    char text[DURAI_TEXTS][DURA_EVENT_DETAIL_MAX + 1];
};

/* Fill err with the file, the line at hand and the member; return code. */
int durai_events_error(const dura_events *e, dura_error *err, int code, const char *member,
                       const char *fmt, ...)
#if defined(__GNUC__)
    __attribute__((format(printf, 5, 6)))
#endif
    ;
/* Put text (valid UTF-8) into the row, cut to its room. */
void durai_events_put(dura_events *e, int which, const char *text);
/* The member's text, NULL when it is absent or null. 0, or an error when it is no text. */
int durai_events_text(const dura_events *e, const dura_json *doc, uint32_t object, const char *member,
                      const char **out, dura_error *err);
/* A number as it is written, or a text, into buf. 0; an error. */
int durai_events_scalar(const dura_events *e, const dura_json *doc, uint32_t value, char *buf, size_t n,
                        dura_error *err);
/* The member's integer lo..hi; otherwise when it is absent or null. 0, or an error. */
int durai_events_int(const dura_events *e, const dura_json *doc, uint32_t object, const char *member,
                     int64_t lo, int64_t hi, int64_t otherwise, int64_t *out, dura_error *err);
/* A time in text into the row. */
int durai_events_time(dura_events *e, const char *member, const char *text, dura_error *err);
/* Asset and zone from the addresses, the attacked side first. */
void durai_events_locate(dura_events *e, const char *dst, const char *src, const char *mac_dst,
                         const char *mac_src);

/* A parsed object into the row in hand. 1; 0: it says nothing; an error. */
int durai_events_ndjson(dura_events *e, const dura_json *doc, dura_error *err);
int durai_events_eve(dura_events *e, const dura_json *doc, dura_error *err);

#endif
