/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What `dura run` counts on the way and tells at the end: rows, actions, which channel
 * was rejected and why, the size of the logs, whose key it was, and what to do next.
 */
#ifndef DURA_SUMMARY_H
#define DURA_SUMMARY_H

#include <dura/guard.h>

#define SUMMARY_REASONS 27      /* bits of DURA_R_* */

/* Rejected rows of one channel, by its being the worst of the row. */
typedef struct summary_channel {
    const char *name;
    uint64_t rows;
    uint64_t reason[SUMMARY_REASONS];
} summary_channel;

typedef struct summary {
    const char *out;
    const char *state;          /* as given; NULL: the default */
    const char *device;         /* name in the policy */
    const char *mode;
    char origin[33];
    int demo_key, development_key, stopped;
    uint64_t rows, skipped;     /* guarded now; recorded by an earlier part of the run */
    int64_t first_ns, last_ns;
    uint64_t actions[4];        /* ACT, HOLD, FALLBACK, STOP */
    uint64_t bounded, failed, recovering;   /* rows with such a reason */
    summary_channel *channel;
    uint16_t n_channels;
    uint64_t log_bytes[2], epochs;          /* security, decision */
    uint64_t events;            /* recorded from --security */
    uint64_t placed;            /* of them, those that name an asset or a zone */
    uint64_t events_left;       /* behind the last row: not recorded */
    int64_t left_ns;            /* the first of those */
    int nowhere;                /* the policy names neither its asset nor its zone */
    uint64_t incidents[6];      /* by DURA_CAUSE_* */
    const char *release;        /* offered; NULL: none, or the policy takes none */
    dura_gate_status gate;      /* where the gate stood at the end */
} summary;

/* Room for n channels called names[]. 0, or -1 when there is no memory. */
int summary_begin(summary *s, const char *const *names, uint16_t n);
void summary_add(summary *s, const dura_time *t, const dura_decision *d);
/* Look at the closed run folder for sizes and seals. */
void summary_close(summary *s);
void summary_print(const summary *s, int as_json);
void summary_end(summary *s);

#endif
