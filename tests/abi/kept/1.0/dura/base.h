/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dura/base.h - the words every dura module shares.
 *
 * Errors, time, facts, record kinds, the version and the layout table. Modules
 * never call each other; they hand `dura_fact`s to whoever called them, and the
 * guard routes those to the logs, the correlator and the gate.
 *
 * Memory: nothing here allocates or keeps state.
 * Threads: every call is [any].
 *
 * Context tags, closed list, one on every public function of dura:
 *   [any]     no shared state            [serial]  one caller at a time per object
 *   [isr]     also from an interrupt: bounded, no lock, no port call
 *   [port]    calls your hooks and takes as long as they do
 *   [init]    before every other call on the object
 */
#ifndef DURA_BASE_H
#define DURA_BASE_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* What the shared library shows. Everything else is hidden. */
#if defined(DURA_STATIC) || !defined(__GNUC__)
#define DURA_API
#else
#define DURA_API __attribute__((visibility("default")))
#endif

/* A result that must be looked at. */
#if defined(__GNUC__)
#define DURA_CHECK __attribute__((warn_unused_result))
#else
#define DURA_CHECK
#endif

/* ---- version -------------------------------------------------------------------- */

#define DURA_ABI 0               /* soname number; 0 until 1.0, then append-only */
#define DURA_VERSION "0.1.0"

/** The ABI number this library was built with; compare with DURA_ABI.   [any] O(1) */
DURA_API DURA_CHECK uint32_t dura_abi(void);

/** The release as text, for people: "0.1.0". Static storage.            [any] O(1) */
DURA_API DURA_CHECK const char *dura_version(void);

/* ---- errors --------------------------------------------------------------------- */

/* One list makes the enum, dura_strerror(), the table in docs/errors.md and the
 * Python exceptions. Values never move; new ones are appended. "The answer is no"
 * is not an error: verdicts and actions are values of their own. A port hook's own
 * negative value is returned to you unchanged, so keep hooks below -100. */
#define DURA_ERRORS(X)                                                                \
    X(OK,       0,  "success")                                                        \
    X(EINVAL,   -1, "an argument or a configuration field is outside its range")      \
    X(ENOSPC,   -2, "the buffer or the memory given is too small")                    \
    X(EALIGN,   -3, "the memory given is not 8-byte aligned")                         \
    X(EVERSION, -4, "the bytes or the struct use something this build does not know") \
    X(ECORRUPT, -5, "the bytes are damaged or not in the one allowed encoding")       \
    X(ENOTSUP,  -6, "this build or this port has no such feature")                    \
    X(ESTATE,   -7, "the call is not allowed in this state")                          \
    X(EIO,      -8, "storage or another device failed")                               \
    X(EAUTH,    -9, "a signature, a tag or a digest does not match")                  \
    X(EFULL,   -10, "the ring or the storage region is full")                         \
    X(ENOENT,  -11, "what was asked for is not there")                                \
    X(ETIME,   -12, "a deadline passed or a time is unusable")                        \
    X(EDENIED, -13, "the gate has no record that allows this")                        \
    X(ESYNTAX, -14, "the text is not what its format allows")                         \
    X(ELIMIT,  -15, "a stated limit (depth, size, count) is exceeded")

enum {
#define DURA_ERROR_ENUM(name, value, text) DURA_##name = (value),
    DURA_ERRORS(DURA_ERROR_ENUM)
#undef DURA_ERROR_ENUM
    DURA_ERROR_LAST_ = -15       /* the lowest code above; grows with the list */
};

/** The sentence for a code, or "unknown error". Static storage. Empty strings when
 *  built with DURA_NO_STRERROR.                                         [any] O(1) */
DURA_API DURA_CHECK const char *dura_strerror(int code);

/** The name for a code ("EINVAL"), or "E?". Static storage.             [any] O(1) */
DURA_API DURA_CHECK const char *dura_errname(int code);

/* ---- time ----------------------------------------------------------------------- */

/* How far the wall clock may be trusted. Ordering never uses it. */
enum {
    DURA_CLOCK_NONE = 0,          /* no wall clock: wall_ns is ignored and not recorded */
    DURA_CLOCK_UNSYNCED = 1,      /* a local clock nobody set lately */
    DURA_CLOCK_HOLDOVER = 2,      /* was synchronised, drifts within wall_err_us */
    DURA_CLOCK_SYNCED = 3,        /* synchronised, source not authenticated */
    DURA_CLOCK_AUTHENTICATED = 4  /* synchronised from an authenticated source */
};

/* When. (boot, mono_ns) puts things in order; wall_ns annotates. 32 bytes. */
typedef struct dura_time {
    int64_t  mono_ns;      /* ns since this boot, never decreases; >= 0 */
    int64_t  wall_ns;      /* ns since 1970-01-01T00:00:00Z */
    uint32_t boot;         /* boot counter; the guard writes its own over yours */
    uint32_t wall_err_us;  /* |wall_ns - true| is at most this; UINT32_MAX: unknown */
    uint8_t  quality;      /* DURA_CLOCK_* */
    uint8_t  reserved[7];  /* 0 */
} dura_time;

/* ---- frames --------------------------------------------------------------------- */

/* One frame. Start from DURA_FRAME_INIT. Pointers are borrowed for the call. */
typedef struct dura_frame {
    uint32_t struct_size;
    uint16_t source;          /* who measured; with frame and boot the join key */
    uint16_t n;               /* values, == channels of the policy */
    uint64_t frame;           /* rises with every frame of a source */
    dura_time time;           /* of measurement; boot is filled in by the guard */
    const float *values;      /* n floats in the channels' units */
    const uint8_t *missing;   /* NULL, or n bytes, non-zero: no value this time */
    const float *baseline;    /* NULL, or the values the existing control drives, one per
                                 output: what observe mode puts into output[] */
} dura_frame;
#define DURA_FRAME_INIT                                                                \
    { (uint32_t)sizeof(dura_frame), 0, 0, 0, {0, 0, 0, 0, 0, {0, 0, 0, 0, 0, 0, 0}}, NULL, NULL, NULL }

/* ---- verdicts -------------------------------------------------------------------- */

/* QARTOD flag numbers, of a channel, a frame or a block. For a frame the worst of the
 * required channels wins, in the order GOOD < UNKNOWN < SUSPECT < FAIL < MISSING. */
enum {
    DURA_GOOD = 1,
    DURA_UNKNOWN = 2,      /* not evaluated yet: a window is still filling */
    DURA_SUSPECT = 3,
    DURA_FAIL = 4,
    DURA_MISSING = 9
};

/* What the model may do with the frame or the block. */
enum {
    DURA_PASS = 1,         /* infer on it as it is */
    DURA_SUBSTITUTE = 2,   /* infer; at least one input is a held value, and says so */
    DURA_REJECT = 3        /* do not infer */
};

/* ---- facts ---------------------------------------------------------------------- */

#define DURA_NONE 0xFFFFu          /* "no such index" in any u16 id below */

/* Which log a record belongs to. */
enum { DURA_LOG_SECURITY = 1, DURA_LOG_DECISION = 2 };

/* What happened. Written into records, so values never move. */
enum {
    DURA_FACT_NONE = 0,
    DURA_FACT_CHANNEL = 1,         /* a channel's verdict changed: value[0] old, [1] new */
    DURA_FACT_INPUT_REJECTED = 2,  /* a frame the model must not see */
    DURA_FACT_OUTPUT_BOUNDED = 3,  /* the envelope changed a model output: channel = output */
    DURA_FACT_BACKEND_FAILED = 4,  /* value[0] = the code it returned */
    DURA_FACT_ACTION = 5,          /* the guard's action changed: value[0] old, [1] new */
    DURA_FACT_MODE = 6,            /* observe or enforce: value[0] */
    DURA_FACT_OVERRIDE = 7,        /* a person stopped or released: value[0] DURA_OVERRIDE_* */
    DURA_FACT_BOOT = 8,            /* value[0] boots so far, [1] 1 when the last stop was clean */
    DURA_FACT_GATE = 9,            /* gate record checked: value[0] 0 or the error code */
    DURA_FACT_CLOCK_STEP = 10,     /* wall clock jumped: value[0] ns against the monotonic one */
    DURA_FACT_LOG_LOST = 11,       /* NV remembers a log that storage no longer has */
    DURA_FACT_STORAGE = 12,        /* a storage hook failed: value[0] code, [1] region */
    DURA_FACT_DRIFT = 13,          /* a channel left its reference or came back: value[0]
                                      DURA_DRIFT_*, [1] size / 1000, [2] onset, samples ago,
                                      [3] statistic in thousandths of its limit; channels
                                      behind those of the policy are the outputs */
    DURA_FACT_RELEASE = 14,        /* the gate moved: value[0] old, [1] new DURA_GATE_*, [2]
                                      version, [3] DURA_WHY_* */
    DURA_FACT_INCIDENT = 15,       /* opened, revised or closed: value[0] id, [1] DURA_CAUSE_*,
                                      [2] score, [3] margin; told to the sink beside its own
                                      record */
    DURA_FACT_FEATURE = 16,        /* an input of the model was not usable: channel = feature */
    DURA_FACT_LINK = 17,           /* a frame from a sensor unit was refused, or its sender
                                      started anew or changed its key: reasons DURA_L_*, frame as
                                      claimed; value[0] refusals in this run, [1] profile << 8 |
                                      key id, [2] number held, [3] the sender's time */
    DURA_FACT_ALIVE = 18,          /* heartbeat of the drift monitor: channel, as in DRIFT, was
                                      tested; value[0] delay of the synthetic shift in samples,
                                      [1] what theory allows, [2] decisions since boot, [3]
                                      drifts that stand */
    DURA_FACT_MONITOR = 19,        /* the drift monitor did not prove that it works: value[0]
                                      DURA_MONITOR_*, [1] and [2] as there (samples, bound),
                                      [3] decisions since boot */
    DURA_FACT_RETRAIN = 20         /* retraining is asked for: value[0] drifts that stand, [1]
                                      decisions they stood, [2] gseq of the first alarm; told to
                                      the sink beside its own record */
};

/* What a module has to say: ids, a severity and a few integers. 64 bytes, the same
 * on every target. Unused ids are DURA_NONE, unused values 0. */
typedef struct dura_fact {
    uint16_t kind;         /* DURA_FACT_* */
    uint8_t  severity;     /* 0 (note) .. 10 (people are at risk) */
    uint8_t  log;          /* DURA_LOG_*: where the guard writes it */
    uint16_t channel;      /* index in the policy */
    uint16_t asset;
    uint16_t zone;
    uint16_t source;
    uint16_t control;      /* index in the register */
    uint16_t risk;
    uint16_t component;
    uint16_t reserved;     /* 0 */
    uint32_t reasons;      /* reason bits of the module that speaks */
    uint64_t frame;        /* join key with `source` and the record's boot */
    int64_t  value[4];     /* meaning per kind, above */
} dura_fact;

/* ---- layout --------------------------------------------------------------------- */

/* One row per field of every struct that crosses the ABI. A binding compares its own
 * mirror with this table before its first call. */
typedef struct dura_layout_row {
    const char *name;      /* "dura_time.boot"; a struct itself has no dot */
    uint32_t offset;       /* bytes; 0 for a struct */
    uint32_t size;         /* bytes */
} dura_layout_row;

/** The layout table; *n gets its length. Static storage.                [any] O(1) */
DURA_API DURA_CHECK const dura_layout_row *dura_layout(size_t *n);

#ifdef __cplusplus
}
#endif
#endif
