/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dura/host/session.h - one guarded run on a computer with files.
 *
 * Puts together what a vendor's firmware has built in: a policy (JSON, packed here), a
 * model, keys in the user's state folder, POSIX storage, and a guard over them. `dura
 * run`, the Python package and the examples all use this and nothing else.
 *
 *   open -> step ... -> close
 *
 * The run folder gets security.log/, decision.log/, policy.json, policy.bin, model.bin
 * and, at close, summary.json, incidents.ndjson and a manifest record over all of them. Secrets never go
 * there: they live in <state>/<origin>/. Unstable until 1.0.
 *
 * Memory: heap, freed by close or abort. Threads: one caller at a time per object.
 */
#ifndef DURA_HOST_SESSION_H
#define DURA_HOST_SESSION_H

#include <dura/guard.h>
#include <dura/host/error.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct dura_session dura_session;

typedef struct dura_session_options {
    uint32_t struct_size;
    uint32_t flags;            /* DURA_SESSION_* */
    const char *policy;        /* path of policy.json; required */
    const char *model;         /* path of the model's JSON; NULL: `call` is the model */
    const dura_fn *call;       /* a C function as the model (backend `fn`) */
    const char *call_id;       /* names and versions it: what its digest covers; required
                                  with call */
    const char *factory;       /* path of a factory record; NULL: one is signed here with
                                  the visible development key, and the policy must name
                                  that key (it does by default) and observe: enforcing is
                                  entered with a factory record or through the gate */
    const char *out;           /* run folder; created, must not hold a run already */
    const char *state;         /* state folder; NULL: the user's default */
    const char *device;        /* folder of the device's journal, model slots and key, made
                                  when it is not there: what updates change is kept from
                                  run to run. NULL: beside the keys of this run */
} dura_session_options;
#define DURA_SESSION_OPTIONS_INIT                                                      \
    { (uint32_t)sizeof(dura_session_options), 0, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL }

enum {
    DURA_SESSION_DEMO_KEY = 1,   /* public demo seed: bytes repeat exactly, proof is worth
                                    nothing, and verify says so */
    DURA_SESSION_RESUME = 2,     /* go on in a run folder that was not closed */
    DURA_SESSION_ENFORCE = 4,    /* refuse a policy whose mode is observe */
    DURA_SESSION_PEOPLE = 8      /* open a run again, closed or not, to add what people say:
                                    events, override. policy, model, call and factory are
                                    left out; no model runs */
};

/** Open a run. On success *out is a session with a guard that has booted.
 *  returns  DURA_OK; DURA_ESYNTAX, DURA_EINVAL (policy, model: err has file, line, field);
 *           DURA_EAUTH, DURA_EDENIED (factory record); DURA_ESTATE (out holds a run, or
 *           none to resume, or it is in use); DURA_EIO and storage codes. [init, port] */
DURA_API DURA_CHECK int dura_session_open(dura_session **out, const dura_session_options *o,
                                          dura_error *err);

/** One frame through the guard, then the worker's share of work.
 *  returns  as dura_guard_step; a storage code when the logs cannot be written (the
 *           decision in *d is valid all the same).                   [serial, port] */
DURA_API DURA_CHECK int dura_session_step(dura_session *s, const dura_frame *f, dura_decision *d,
                                          dura_error *err);

/** Offer a release to the guard's gate: the file `path` (an envelope) and, for a brain, its
 *  subject (NULL: path with ".brain"). The gate goes on with every step; dura_guard_release()
 *  on the guard says where it stands.
 *  returns  DURA_OK: it is in hand. DURA_EDENIED, DURA_EAUTH, ...: refused, err says why in
 *           words; DURA_ENOENT, DURA_EIO (a file); DURA_ENOTSUP.      [serial, port] */
DURA_API DURA_CHECK int dura_session_offer(dura_session *s, const char *path, const char *subject,
                                           dura_error *err);

/** Hand the release in hand an approval: the file `path`, an envelope of an approval (CBOR).
 *  returns  DURA_OK: it counts, and will after a power cut. Else refused, err says why in
 *           words; DURA_ESTATE: none in hand; DURA_ENOENT, DURA_EIO (the file); DURA_ENOTSUP.
 *                                                                     [serial, port] */
DURA_API DURA_CHECK int dura_session_approve(dura_session *s, const char *path, dura_error *err);

/** A security event as CBOR pairs (dura_event_encode) at time t, into the security log.
 *  returns  as dura_guard_event().                                    [serial, port] */
DURA_API DURA_CHECK int dura_session_event(dura_session *s, const void *pairs, size_t len,
                                           uint16_t n_pairs, const dura_time *t, dura_error *err);

/** Clean end: summary.json, manifest, final seals, checkpoint files. Frees s in any case.
 *  returns  DURA_OK or a storage code.                               [serial, port] */
DURA_API DURA_CHECK int dura_session_close(dura_session *s, dura_error *err);

/** End without closing: as if the power went. Frees s.                [serial, port] */
DURA_API void dura_session_abort(dura_session *s);

/** The guard inside, for override, event and query.                   [serial] O(1) */
DURA_API DURA_CHECK dura_guard *dura_session_guard(dura_session *s);

/** Counts and names of the policy in use. index past the end: NULL.   [serial] O(1) */
DURA_API DURA_CHECK uint16_t dura_session_channels(const dura_session *s);
DURA_API DURA_CHECK uint16_t dura_session_outputs(const dura_session *s);
DURA_API DURA_CHECK const char *dura_session_channel(const dura_session *s, uint16_t index);
DURA_API DURA_CHECK const char *dura_session_output(const dura_session *s, uint16_t index);

/** First frame number not yet used: 0 in a new run, behind the last recorded one when
 *  resuming.                                                           [serial] O(1) */
DURA_API DURA_CHECK uint64_t dura_session_next_frame(const dura_session *s);

/** Origin of the logs as 32 hex digits; static as long as s lives.    [serial] O(1) */
DURA_API DURA_CHECK const char *dura_session_origin(const dura_session *s);

/* ---- factory records ---------------------------------------------------------------- */

/** Build the factory record that lets this model run under this policy: packed policy,
 *  model image, lowest release that is still accepted, 32-byte Ed25519 seed of the
 *  provisioning key. *len: in, room at out (512 is enough); out, bytes written.
 *  returns  DURA_OK; DURA_ENOSPC; DURA_EINVAL.                                [any] */
DURA_API DURA_CHECK int dura_factory_make(void *out, size_t *len, const void *policy, size_t policy_len,
                                          const void *model, size_t model_len, uint64_t floor_,
                                          const uint8_t seed[32]);

/* ---- replay -------------------------------------------------------------------------- */

typedef struct dura_replay_report {
    uint32_t struct_size;
    uint32_t boots;             /* boots found in the log */
    uint64_t decisions;         /* records replayed */
    uint64_t equal;             /* whose record came out the same, bit for bit */
    uint64_t not_replayed;      /* behind lost records, or of a model an update brought:
                                   history unknown until the next boot */
    uint64_t first_gseq;        /* of the first difference; UINT64_MAX: none */
    char difference[192];       /* what differed there, for people */
} dura_replay_report;

/** Every logged decision of a run folder again, through a guard built from the folder's
 *  own packed policy and the given model; the new records are compared with the old ones
 *  byte for byte. model NULL: the folder's model.bin; call, call_id as above.
 *  returns  DURA_OK, whatever was found; else as open.                [serial, port] */
DURA_API DURA_CHECK int dura_replay(const char *run, const char *model, const dura_fn *call,
                                    const char *call_id, dura_replay_report *out, dura_error *err);

#ifdef __cplusplus
}
#endif
#endif
