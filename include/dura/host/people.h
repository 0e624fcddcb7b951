/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dura/host/people.h - what people say about a run becomes records of the run.
 *
 * Late labels, words on incidents, stop and release: each is a signed record in the run's
 * own security log, with who said it and why. Everything is checked before the run is
 * opened, so that a wrong row leaves the folder as it was. A run that was closed is closed
 * again; one that was cut stays open, so that `dura run --resume` can go on.
 *
 * The records carry the computer's clock, unsynchronised, and the last monotonic time of
 * the run: what is said later does not move the time of the process. Unstable until 1.0.
 */
#ifndef DURA_HOST_PEOPLE_H
#define DURA_HOST_PEOPLE_H

#include <dura/guard.h>
#include <dura/host/error.h>

#ifdef __cplusplus
extern "C" {
#endif

#define DURA_PEOPLE_TEXT_MAX 64      /* bytes of an actor, a reason, a label's value */

/* Start from DURA_PEOPLE_OPTIONS_INIT. */
typedef struct dura_people_options {
    uint32_t struct_size;
    uint32_t reserved;         /* 0 */
    const char *folder;        /* run folder; required */
    const char *state;         /* state folder; NULL: the user's default */
    const char *actor;         /* who; 1..64 bytes of UTF-8; required */
    const char *reason;        /* why; as actor; required but for labels */
    const char *time_format;   /* labels by time: as in dura_frames_options; NULL */
} dura_people_options;
#define DURA_PEOPLE_OPTIONS_INIT                                                       \
    { (uint32_t)sizeof(dura_people_options), 0, NULL, NULL, NULL, NULL, NULL }

typedef struct dura_people_report {
    uint32_t struct_size;      /* in: sizeof in your build; out: bytes filled */
    uint8_t  closed;           /* 1: the run was closed, and is again */
    uint8_t  stopped;          /* 1: the operator's stop is latched now */
    uint8_t  demo_key;         /* 1: signed with the public demo key */
    uint8_t  reserved;         /* 0 */
    uint64_t records;          /* added on what people said */
} dura_people_report;
#define DURA_PEOPLE_REPORT_INIT { (uint32_t)sizeof(dura_people_report), 0, 0, 0, 0, 0 }

/** Labels out of a CSV file with a header: `frame` or `time`, `name` (or output, channel)
 *  and `value`, in any order; other columns are ignored. The frame must be in the log, a
 *  time within the run: it names the decision at or before it; the name must be an output
 *  or a channel of the policy. report may be NULL in these three calls.
 *  returns  DURA_OK; DURA_EINVAL (options, a text); DURA_ESYNTAX, DURA_ETIME, DURA_ENOENT
 *           (err has file and line); DURA_ELIMIT; as dura_session_open(). On error before
 *           the run is opened nothing was changed.                 [serial] O(rows), I/O */
DURA_API DURA_CHECK int dura_people_label(const dura_people_options *o, const char *csv,
                                          dura_people_report *report, dura_error *err);

/* What is said of an incident. NORMAL: it was none; its rows may be learned from
 * (dura/host/export.h). */
enum { DURA_PEOPLE_ACK = 1, DURA_PEOPLE_CLOSE = 2, DURA_PEOPLE_NORMAL = 3 };

/** A word on an incident. id: its number, for the last one of that number, or BOOT/NUMBER.
 *  returns  DURA_OK; DURA_EINVAL (options, what); DURA_ENOENT (no such incident: err names
 *           those there are); as dura_session_open().                      [serial] I/O */
DURA_API DURA_CHECK int dura_people_incident(const dura_people_options *o, int what, const char *id,
                                             dura_people_report *report, dura_error *err);

/** Stop or release: what is DURA_OVERRIDE_*, as dura_guard_override(): durable when it
 *  returns. A stop holds for a later --resume of this run.
 *  returns  DURA_OK; DURA_EINVAL; as dura_session_open(); a storage code. [serial] I/O */
DURA_API DURA_CHECK int dura_people_override(const dura_people_options *o, int what,
                                             dura_people_report *report, dura_error *err);

#ifdef __cplusplus
}
#endif
#endif
