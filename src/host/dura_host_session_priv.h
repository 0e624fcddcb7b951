/* SPDX-License-Identifier: Apache-2.0 */
/* A guarded run: what its files share. */
#ifndef DURA_HOST_SESSION_PRIV_H
#define DURA_HOST_SESSION_PRIV_H

#include <dura/guard.h>
#include <dura/host/keys.h>
#include <dura/host/session.h>
#include <dura/host/pack.h>
#include <dura/host/storage.h>

#include "dura_host_files_priv.h"

enum { NV_BLOCK = 4096, NV_BYTES = 4 * NV_BLOCK, PATH_ROOM = 4096, DEFAULT_SEGMENT = 65536 };

struct dura_session {
    char *out;
    char state[1024];
    uint32_t flags;
    uint8_t *policy, *image;              /* packed policy, model bytes */
    size_t policy_len, image_len;
    const char **channels, **outputs;     /* names, into `policy` */
    dura_policy_info info;
    dura_keys keys;
    dura_files logs[2];
    dura_file nv, journal, slot[2];
    char *device;                         /* folder of what updates change; NULL: the state's */
    int enforced_by_factory;              /* a factory record was given */
    int fresh, made_out;                  /* the run folder was empty; was not there at all */
    dura_port port;
    dura_fn fn;
    dura_model model;
    uint8_t *successor;                   /* policy of the release offered last, or NULL */
    uint64_t *mem;
    dura_guard *guard;
    dura_time last;                       /* time of the last frame */
    uint64_t frames, next_frame;
    uint64_t recorded;                    /* resuming: records found in the decision log */
    uint32_t epoch;                       /* resuming: key epoch the logs are in */
    char origin[2 * DURA_ORIGIN_BYTES + 1];
};

static inline int durai_session_too_long(const char *path, dura_error *err)
{
    return dura_error_set(err, DURA_ELIMIT, path, 0, NULL, "the path is too long");
}

static inline int durai_session_oom(dura_error *err) { return dura_error_set(err, DURA_ENOSPC, NULL, 0, NULL, "out of memory"); }

/* dura_host_session_folder.c */

/* The folder is new or empty; resuming: it is there and not closed. */
int durai_session_claim(dura_session *s, dura_error *err);

/* Policy, its text, and the model go in; resuming: they are those it began with. */
int durai_session_fill(const dura_session *s, const uint8_t *json, size_t n, dura_error *err);

/* The marks of a closed run, away: only when nothing can refuse the run any more. A kill
 * between the two leaves one. */
int durai_session_unmark(const dura_session *s, dura_error *err);

/* Origin out of the first segment's header; 0 when there is none yet. */
int durai_session_origin(const dura_session *s, uint8_t origin[DURA_ORIGIN_BYTES]);

/* Last frame number and key epoch, as recorded in the first `kept` records of the decision
 * log. What a kill left behind a gap is there to be read until the log is recovered. */
int durai_session_progress(dura_session *s, uint64_t kept, dura_error *err);

/* A run that was refused before its first frame: what it made in the claimed folder and in
 * the state folder goes, so that the corrected command finds the place as it was. `out`,
 * `keys`: the two folders (keys may be ""); all files of the session are closed. */
void durai_session_forget(const char *out, const char *keys, int made_out);

#endif
