/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dura/host/events.h - what security tools saw, as rows for the security log.
 *
 * A streaming reader in memory of one line: NDJSON with our own few members, or Suricata's
 * EVE JSON, recognised by its first line. Addresses become assets and zones through a table
 * (assets.csv). docs/formats/events.md has both formats, severities and words.
 *
 *   dura_events_open -> next ... -> query -> close
 *
 * A file cannot vouch for itself: how far its rows may be trusted is an option. A line that
 * is wrong is an error with file and line, or skipped and counted when told so; a last line
 * without its end is what rotation leaves and is only counted. Nothing is dropped silently:
 * query() has a number for each way a line can come to nothing. Unstable until 1.0.
 *
 * Memory: heap, freed by close. Threads: one caller at a time per object.
 */
#ifndef DURA_HOST_EVENTS_H
#define DURA_HOST_EVENTS_H

#include <dura/correlate.h>
#include <dura/host/error.h>
#include <dura/host/record.h>

#ifdef __cplusplus
extern "C" {
#endif

#define DURA_EVENTS_LINE_MAX (1u << 20)     /* bytes of one line */
#define DURA_ASSETS_MAX 65536u              /* rows of assets.csv */
#define DURA_EVENT_BYTES_MAX 640            /* of the pairs dura_event_encode() makes */

/* Bytes of the texts of a row; longer ones are cut at a character and end in the mark
 * U+2026, within these. */
enum {
    DURA_EVENT_CATEGORY_MAX = 32,
    DURA_EVENT_TYPE_MAX = 48,
    DURA_EVENT_ID_MAX = 64,
    DURA_EVENT_RESULT_MAX = 32,
    DURA_EVENT_ACTOR_MAX = 64,
    DURA_EVENT_PEER_MAX = 64,
    DURA_EVENT_DETAIL_MAX = 240
};

enum { DURA_EVENTS_AUTO = 0, DURA_EVENTS_NDJSON = 1, DURA_EVENTS_EVE = 2 };

typedef struct dura_events dura_events;

/* Start from DURA_EVENTS_OPTIONS_INIT. Texts are copied. */
typedef struct dura_events_options {
    uint32_t struct_size;
    uint8_t  format;            /* DURA_EVENTS_* */
    uint8_t  trust;             /* of the whole source: DURA_TRUST_NONE or DURA_TRUST_SOURCE */
    uint8_t  trust_file;        /* 1: the member `trusted` of a line decides instead (NDJSON) */
    uint8_t  lenient;           /* 1: a wrong line is skipped and counted */
    const char *path;           /* "-": standard input; required */
    const char *assets;         /* assets.csv; NULL: none */
    const volatile int *stop;   /* NULL; else: not 0 ends the rows when a read was
                                   interrupted by a signal */
} dura_events_options;
#define DURA_EVENTS_OPTIONS_INIT                                                       \
    { (uint32_t)sizeof(dura_events_options), DURA_EVENTS_AUTO, DURA_TRUST_NONE, 0, 0, NULL, NULL, NULL }

/* One event. Texts are UTF-8 without control characters, "" when absent, and borrowed until
 * the next call on the reader. */
typedef struct dura_events_row {
    uint32_t struct_size;
    uint32_t reserved;          /* 0 */
    uint64_t row;               /* rows from 0 */
    uint64_t line;              /* 1-based */
    dura_time time;             /* the source's own clock: mono_ns = wall_ns >= 0,
                                   unsynchronised, error unknown */
    dura_event event;           /* the same as numbers */
    const char *category;       /* never "" */
    const char *type;           /* never "" */
    const char *id;
    const char *result;         /* begins with "fail" when what was tried did not succeed */
    const char *actor;
    const char *peer;           /* network address of the other side */
    const char *detail;
} dura_events_row;
#define DURA_EVENTS_ROW_INIT                                                           \
    { (uint32_t)sizeof(dura_events_row), 0, 0, 0, {0, 0, 0, 0, 0, {0, 0, 0, 0, 0, 0,   \
      0}}, DURA_EVENT_INIT, NULL, NULL, NULL, NULL, NULL, NULL, NULL }

/* Where the lines went. Every line read is in exactly one of rows, skipped, malformed, cut. */
typedef struct dura_events_counts {
    uint32_t struct_size;       /* in: sizeof in your build; out: bytes filled */
    uint32_t format;            /* DURA_EVENTS_NDJSON or EVE, once a line was read */
    uint64_t lines;             /* not blank */
    uint64_t rows;
    uint64_t skipped;           /* EVE records that say nothing (flow, dns, a read, ...) */
    uint64_t malformed;         /* lenient: wrong lines */
    uint64_t cut;               /* 0 or 1: the last line has no end and is no whole object */
    uint64_t unmapped;          /* rows without asset and zone, heartbeats apart */
    uint64_t unclassified;      /* rows of class DURA_EVENT_OTHER */
    uint64_t shortened;         /* texts that were cut */
    uint64_t unknown;           /* NDJSON members that no reader knows */
    uint64_t unknown_line;      /* the first of them: line ... */
    char unknown_name[64];      /* ... and name */
} dura_events_counts;
#define DURA_EVENTS_COUNTS_INIT                                                        \
    { (uint32_t)sizeof(dura_events_counts), 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, {0} }

/** Open the file and, when there is one, read assets.csv whole.
 *  returns  DURA_OK; DURA_EINVAL (options); DURA_ENOENT (no such file); DURA_ESYNTAX,
 *           DURA_ELIMIT (assets.csv; err has its file and line); DURA_EIO; DURA_ENOSPC
 *           (out of memory). On error *out is NULL.              [init] O(assets) */
DURA_API DURA_CHECK int dura_events_open(dura_events **out, const dura_events_options *o,
                                         dura_error *err);

/** The next row.
 *  returns  1: *row is filled. 0: the end. < 0: DURA_ESYNTAX (err has file, line and
 *           member), DURA_ETIME (time not readable or before 1970), DURA_ELIMIT (line, number,
 *           depth), DURA_EIO, DURA_ENOSPC. After an error the reader is only good for query and
 *           close.                                         [serial] O(line), may wait */
DURA_API DURA_CHECK int dura_events_next(dura_events *e, dura_events_row *row, dura_error *err);

/** Fill *out (set out->struct_size first). returns DURA_OK, DURA_EINVAL. [serial] O(1) */
DURA_API DURA_CHECK int dura_events_query(const dura_events *e, dura_events_counts *out);

/** Release; NULL is allowed.                                              [serial] */
DURA_API void dura_events_close(dura_events *e);

/** The CBOR pairs (keys 16..) of a row's EVENT record, as dura_log_append() wants them; out
 *  with DURA_EVENT_BYTES_MAX bytes always suffices for a row of next().
 *  returns  bytes written; DURA_EINVAL (NULL, no category or type, severity, a trust that
 *           is local); DURA_ENOSPC.                                    [any] O(bytes) */
DURA_API DURA_CHECK int dura_event_encode(const dura_events_row *row, void *out, size_t cap,
                                          uint16_t *n_pairs);

/** The numbers of an EVENT record, exactly as the guard reads them for its correlator.
 *  returns  DURA_OK; DURA_EINVAL; DURA_ENOENT (a record of another kind).  [any] O(len) */
DURA_API DURA_CHECK int dura_event_of_record(const dura_record *r, dura_event *out);

#ifdef __cplusplus
}
#endif
#endif
