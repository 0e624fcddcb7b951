/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dura/host/export.h - what leaves a run: training data without suspect spans, and alerts
 * for a SIEM.
 *
 * Training data: the recorded decisions as CSV. Rows inside incidents that are a fault, an
 * attack or unknown, and rows with a channel that was not GOOD, are quarantined: left out,
 * counted, and listed with their reason beside the CSV. Drift and changes are what a model
 * must learn: they are kept and marked. The list is also the manifest of the training data:
 * whose rows, what was taken, what vouches for the run, and the SHA-256 of the rows
 * (docs/formats/training.md); a release is made from it (dura/host/evidence.h).
 *
 * Alerts: incidents in their last state and security-relevant records, one line each, as
 * CEF, syslog (RFC 5424) or OCSF Detection Findings. The same folder gives the same lines.
 * docs/cmd/export.md has fields and severities. Unstable until 1.0.
 */
#ifndef DURA_HOST_EXPORT_H
#define DURA_HOST_EXPORT_H

#include <dura/host/error.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Keep rows of suspect incidents, with their verdict in the column span: for looking at, no
 * release takes them. */
enum { DURA_EXPORT_MARK = 1 };

/* Start from DURA_EXPORT_OPTIONS_INIT. */
typedef struct dura_export_options {
    uint32_t struct_size;
    uint32_t flags;            /* DURA_EXPORT_MARK */
    const char *folder;        /* run folder; required */
    const char *csv;           /* the file to make, not in the run folder; required */
    int64_t margin_ns;         /* quarantined before an incident's first evidence; >= 0 */
    const char *state;         /* state folder that may vouch for the run; NULL: none */
} dura_export_options;
#define DURA_EXPORT_OPTIONS_INIT                                                       \
    { (uint32_t)sizeof(dura_export_options), 0, NULL, NULL, (int64_t)60 * 1000000000, NULL }

typedef struct dura_export_report {
    uint32_t struct_size;      /* in: sizeof in your build; out: bytes filled */
    uint32_t spans;            /* listed in the quarantine */
    uint64_t rows;             /* decisions read */
    uint64_t kept;             /* written */
    uint64_t incident;         /* left out: inside an incident */
    uint64_t not_good;         /* left out: a channel was not GOOD */
    uint64_t unusable;         /* left out: the frame carried no values, or came again */
    uint64_t drift, change;    /* kept, and marked */
    uint64_t released;         /* kept: inside an incident that a person called normal */
    uint64_t suspect;          /* kept and marked, though suspect: DURA_EXPORT_MARK */
    int32_t  word;             /* DURA_VERIFY_* of the run */
    uint32_t reserved;         /* 0 */
} dura_export_report;
#define DURA_EXPORT_REPORT_INIT { (uint32_t)sizeof(dura_export_report), 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0 }

/** Write o->csv and <o->csv>.quarantine.json. Neither may be there already. report may be
 *  NULL.
 *  returns  DURA_OK; DURA_EINVAL (options; a file inside the run folder, where verify would
 *           call it unlisted); DURA_ESTATE (a file is there already); DURA_ECORRUPT (the run is
 *           TAMPERED, or cannot be read); DURA_ENOENT, DURA_EIO, DURA_ENOSPC. On error no
 *           file is left.
 *                                                              [serial] O(bytes), I/O */
DURA_API DURA_CHECK int dura_export_training(const dura_export_options *o, dura_export_report *report,
                                             dura_error *err);

enum { DURA_EXPORT_CEF = 1, DURA_EXPORT_SYSLOG = 2, DURA_EXPORT_OCSF = 3 };

/* Takes one line, without its end, terminated. returns 0 to go on. */
typedef int (*dura_export_line)(void *user, const char *line, size_t len);

/** Every alert of a run folder, in the order of the timeline. *count (may be NULL): how many.
 *  returns  DURA_OK; what `line` returned when not 0; DURA_EINVAL; DURA_ENOENT,
 *           DURA_ECORRUPT, DURA_EIO, DURA_ENOSPC.              [serial] O(bytes), I/O */
DURA_API DURA_CHECK int dura_export_alerts(const char *folder, int format, dura_export_line line,
                                           void *user, uint64_t *count, dura_error *err);

#ifdef __cplusplus
}
#endif
#endif
