/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dura/host/watch.h - drift and correlation again, from the records of a run folder.
 *
 * The same code that watches inside the guard, fed from what was recorded: decisions,
 * facts, security events, in the order of the timeline. It gives the same alarms and
 * incidents as the device gave live, or the first ones where the device watched nothing;
 * and between them what a report draws: statistics against their limits.
 *
 *   dura_watch_open -> record ... -> end -> close
 *
 * Memory: heap, freed by close. Threads: one caller at a time per object. Unstable until
 * 1.0.
 */
#ifndef DURA_HOST_WATCH_H
#define DURA_HOST_WATCH_H

#include <dura/correlate.h>
#include <dura/drift.h>
#include <dura/histogram.h>
#include <dura/host/record.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct dura_watch dura_watch;

/* What record() and end() say. Bits. */
enum {
    DURA_WATCH_DRIFT = 1,      /* fact() has at least one drift fact */
    DURA_WATCH_INCIDENT = 2,   /* incident() has changed: opened, revised or closed */
    DURA_WATCH_RETRAIN = 4     /* a drift is confirmed: fact() says so, too */
};

/** Begin: packed policy of the run (policy.bin), borrowed until close.
 *  returns  DURA_OK; DURA_EINVAL; as dura_pack_check(); DURA_ENOSPC (heap).   [init] */
DURA_API DURA_CHECK int dura_watch_open(dura_watch **out, const void *policy, size_t len,
                                        dura_error *err);

/** The next record of the folder, in the order of gseq over both logs.
 *  returns  DURA_WATCH_* bits; DURA_EINVAL, DURA_ECORRUPT.            [serial] O(record) */
DURA_API DURA_CHECK int dura_watch_record(dura_watch *w, const dura_record *r);

/** No more records: an open incident stays as it is. returns as record(). [serial] */
DURA_API DURA_CHECK int dura_watch_end(dura_watch *w);

/** Facts the watch has about the last record, one after the other: DRIFT, the monitor's
 *  heartbeats (ALIVE) and failures (MONITOR), RETRAIN. A MONITOR of value DURA_MONITOR_SILENT
 *  is the reader's own: a heartbeat is owed and not in the log. returns 1: *out is one; 0: no
 *  more; DURA_EINVAL.                                                  [serial] O(1) */
DURA_API DURA_CHECK int dura_watch_fact(dura_watch *w, dura_fact *out);

/** As dura_correlate_query().                                         [serial] O(1) */
DURA_API DURA_CHECK int dura_watch_incident(const dura_watch *w, dura_incident *out);

/** What the drift monitor watches: 0..n-1; DURA_ENOENT past the end. References in the order
 *  of the policy, then histograms. name: of a channel, an output or a feature of the policy,
 *  or "mspc.t2", "mspc.spe". state as dura_drift_query(), of a histogram with direction
 *  DURA_HISTOGRAM_SHAPE.                                               [serial] O(1) */
DURA_API DURA_CHECK int dura_watch_drift(const dura_watch *w, uint32_t index, const char **name,
                                         uint16_t *id, dura_drift_state *out);

/** DURA_DRIFT_MIXTURE.. by which that one is watched.                  [serial] O(1) */
DURA_API DURA_CHECK uint32_t dura_watch_detector(const dura_watch *w, uint32_t index);

/** Detector and blamed inputs of that one as they are now, like `reasons` of a DRIFT fact.
 *                                               [serial] O(inputs x components) */
DURA_API DURA_CHECK uint32_t dura_watch_reasons(dura_watch *w, uint32_t index);

/** Of a DRIFT fact of T2 or SPE: the input that is explained worst (rank 0), and the next two,
 *  from its `reasons`. returns  DURA_OK; DURA_ENOENT (none); DURA_EINVAL. [serial] O(1) */
DURA_API DURA_CHECK int dura_watch_blamed(const dura_watch *w, uint32_t reasons, uint32_t rank,
                                          const char **name);

/** Release; NULL is allowed.                                              [serial] */
DURA_API void dura_watch_close(dura_watch *w);

#ifdef __cplusplus
}
#endif
#endif
