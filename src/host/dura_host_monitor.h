/* SPDX-License-Identifier: Apache-2.0 */
/* What a log says of the drift monitor: sentences for `show`'s elder relatives (story, why,
 * exports), and heartbeats counted against what the policy owes. */
#ifndef DURA_HOST_MONITOR_H
#define DURA_HOST_MONITOR_H

#include <dura/host/record.h>

/* A fact ALIVE or MONITOR about `thing`, in a sentence. */
void durai_monitor_say(char *out, size_t n, uint64_t fact, const char *thing, const int64_t v[4]);

/* A RETRAIN record: the drift that stood first, how many others. thing is DURA_NONE where it
 * cannot be read. */
typedef struct durai_retrain {
    uint64_t thing, direction, others, stood;
} durai_retrain;
void durai_retrain_read(const dura_record *r, durai_retrain *out);
void durai_retrain_say(char *out, size_t n, const char *thing, const durai_retrain *t);

/* Values 0..3 of a FACT, 0 where there are none. */
void durai_fact_values(const dura_record *r, int64_t v[4]);

/* The decision log, record by record in its order; like the device and dura_watch count. */
typedef struct durai_beats {
    uint16_t selftest;           /* of the policy; 0: no heartbeat is owed */
    uint32_t boot;
    int beaten;
    uint64_t decisions, beat;    /* of this boot */
    uint64_t heartbeats, failures, silences;
    uint64_t silent_for;         /* of the last silence: decisions since the heartbeat before */
    uint32_t owed;               /* ... and within how many one was owed */
} durai_beats;
/* 1: this record is one too many without a heartbeat. */
int durai_beats_see(durai_beats *b, const dura_record *r);

#endif
