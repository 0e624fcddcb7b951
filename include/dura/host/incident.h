/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dura/host/incident.h - incidents as records and as JSON.
 *
 * An INCIDENT record holds one state of one incident: opened, revised, closed. The last
 * one counts; all stay in the log. Unstable until 1.0.
 */
#ifndef DURA_HOST_INCIDENT_H
#define DURA_HOST_INCIDENT_H

#include <dura/correlate.h>
#include <dura/host/record.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Decode an INCIDENT record (set out->struct_size first).
 *  returns  DURA_OK; DURA_EINVAL (NULL, another kind); DURA_ECORRUPT.  [any] O(record) */
DURA_API DURA_CHECK int dura_incident_decode(const dura_record *r, dura_incident *out);

/** One incident as one line of JSON, no newline, terminated: {"id", "state", "start", "end",
 *  "verdict", "score", "margin_dban", "untrusted", "totals": {cause: dban}, "trusted": the
 *  verdict without unauthenticated evidence where it is another one, "channels": [],
 *  "evidence": [{"log", "gseq", "leaf", "kind", "event", "trust", "channel", "count",
 *  "weight_dban", "weights": {cause: dban}}], "missing": []}. weight_dban is the weight for
 *  the verdict's own cause; for unknown, of the leading one. names may be NULL. *len: in,
 *  room at buf (NULL with 0 asks); out, bytes without the terminator.
 *  returns  DURA_OK; DURA_ENOSPC (*len: wanted); DURA_EINVAL.        [any] O(evidence) */
DURA_API DURA_CHECK int dura_incident_json(const dura_incident *i, const dura_record_names *names,
                                           char *buf, size_t *len);

/** Every incident of a run folder in its last state, in the order they were opened, one
 *  JSON line each: what incidents.ndjson holds. With `again` they are joined anew from the
 *  records (dura/host/watch.h), else taken from the INCIDENT records. *text is
 *  zero-terminated; free() it. *count (may be NULL): how many.
 *  returns  DURA_OK; DURA_ENOENT (no run folder); DURA_ECORRUPT, DURA_EIO, DURA_ENOSPC.
 *                                                                [serial] O(records), I/O */
DURA_API DURA_CHECK int dura_incidents_json(const char *folder, int again, char **text, size_t *len,
                                            size_t *count, dura_error *err);

#ifdef __cplusplus
}
#endif
#endif
