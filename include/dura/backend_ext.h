/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dura/backend_ext.h - what a backend may offer beyond its eight calls, and the door of a
 * plug-in.
 *
 * The table of dura/backend.h never grows. Everything else has a name, "dura.NAME/REV", and
 * a table behind it: the host asks get_extension(inst, name), the backend answers with the
 * table or NULL. A table under a name never changes; a change of meaning is a new REV, which
 * stands beside the old one. A draft keeps its name when it becomes stable. Others' tables
 * are "reverse.domain.NAME/REV".
 *
 * An extension that is missing is an assurance that is missing: nothing else breaks, and
 * the BOOT record says which of them the brain offers (DURA_OFFERS_*).
 *
 * Rules for all of them: every pointer is borrowed for the length of the call, unless the
 * comment at the pointer says until when; status is 0 or negative; the first field of a
 * table and of every in/out struct is struct_size; what [run] marks may not allocate, lock,
 * print or do I/O. Tags: [init] while the machine stands, may be slow; [run] in the loop,
 * the thread that runs the instance; [any] whenever the instance is open, any thread.
 */
#ifndef DURA_BACKEND_EXT_H
#define DURA_BACKEND_EXT_H

#include <dura/backend.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- the door of a plug-in ----------------------------------------------------------- */

#define DURA_BACKEND_MAGIC 0x50424144u            /* "DABP" in a little-endian file */
#define DURA_BACKEND_SYMBOL "dura_backend_entry_v1"
#define DURA_BACKEND_MAJOR 1
#define DURA_BACKEND_MINOR 0                      /* of this header; never ask for more than
                                                     what you use */

/* features of an entry: promises, and `dura backend check` tries those it can. */
enum {
    DURA_PLUGIN_STANDALONE = 1,     /* no calls of the operating system, ever */
    DURA_PLUGIN_NOHEAP_RUN = 2,     /* run allocates nothing */
    DURA_PLUGIN_BOUNDED_TIME = 4,   /* run has a worst case, which dura.timing/1 names */
    DURA_PLUGIN_REENTRANT = 8,      /* instances may run beside each other on threads */
    DURA_PLUGIN_DETERMINISTIC = 16, /* same instance history and input, same bits */
    DURA_PLUGIN_SANITIZER = 32      /* built with a sanitizer: never for a product */
};

/* The host, as a plug-in sees it. get_extension is required and may answer NULL to all. */
typedef struct dura_backend_host {
    uint32_t struct_size;
    uint16_t abi_major;             /* 1 */
    uint16_t abi_minor;             /* the newest minor the host speaks */
    void *user;
    const void *(*get_extension)(void *user, const char *name);   /* DURA_EXT_HOST_* */
} dura_backend_host;

/* Before the entry's declaration, for builds that hide what is not named. */
#if defined(__GNUC__)
#define DURA_PLUGIN_VISIBLE __attribute__((visibility("default")))
#else
#define DURA_PLUGIN_VISIBLE
#endif

/* The one symbol of a plug-in, `const dura_backend_entry dura_backend_entry_v1`. These
 * fields are frozen for ever, over every major: a host of any age can read who this is and
 * refuse it by name. query() is called once and only when magic, size, major and minor fit;
 * the table it returns lives until the plug-in is unloaded. NULL: not this host. */
typedef struct dura_backend_entry {
    uint32_t magic;                 /* DURA_BACKEND_MAGIC */
    uint32_t struct_size;           /* sizeof(dura_backend_entry) in the plug-in's build */
    uint16_t abi_major;             /* DURA_BACKEND_MAJOR */
    uint16_t abi_minor_needed;      /* the LOWEST minor this plug-in can live with */
    uint32_t features;              /* DURA_PLUGIN_* */
    const char *id;                 /* reverse domain; static */
    const char *version;            /* for people; static */
    const dura_backend *(*query)(const dura_backend_host *host, uint32_t max_minor);
} dura_backend_entry;

/* ---- tensors --------------------------------------------------------------------------- */

enum { DURA_DTYPE_INT = 0, DURA_DTYPE_UINT = 1, DURA_DTYPE_FLOAT = 2, DURA_DTYPE_BFLOAT = 4 };
enum { DURA_QUANT_NONE = 0, DURA_QUANT_TENSOR = 1, DURA_QUANT_CHANNEL = 2 };
enum { DURA_TENSOR_READ_ONLY = 1 };
#define DURA_TENSOR_RANK_MAX 6

/* A tensor without its data: 64 bytes, the same on every target, so that it can be logged
 * and hashed. dtype as DLPack has it. Row-major, no strides. */
typedef struct dura_tensor {
    uint32_t struct_size;
    uint8_t  code;                  /* DURA_DTYPE_* */
    uint8_t  bits;                  /* of one lane */
    uint16_t lanes;                 /* 1 */
    uint8_t  rank;                  /* 0..DURA_TENSOR_RANK_MAX */
    uint8_t  quant;                 /* DURA_QUANT_*; value = scale * (q - zero_point) */
    uint8_t  axis;                  /* of DURA_QUANT_CHANNEL */
    uint8_t  flags;                 /* DURA_TENSOR_* */
    uint32_t dims[6];               /* the first `rank` count, the others are 0 */
    float    scale;
    int32_t  zero_point;
    uint32_t reserved[5];           /* 0 */
} dura_tensor;
#define DURA_TENSOR_INIT { (uint32_t)sizeof(dura_tensor), 0, 0, 1, 0, 0, 0, 0, {0}, 0.0f, 0, {0} }

/* Where its bytes are. Kept apart: a pointer is nothing to log. */
typedef struct dura_tensor_data {
    void *data;                     /* read only when the tensor says so */
    size_t nbytes;
} dura_tensor_data;

/* "dura.tensor/1": what the model's own inputs and outputs are before run() flattens them. */
#define DURA_EXT_TENSOR "dura.tensor/1"
typedef struct dura_ext_tensor {
    uint32_t struct_size;
    uint32_t reserved;
    /* Input (output 0) or output (output 1) i. DURA_ENOENT behind the last. [any] */
    int32_t (*describe)(const void *inst, int32_t output, uint32_t i, dura_tensor *t);
} dura_ext_tensor;

/* ---- who is it: "dura.model-id/1" ------------------------------------------------------ */

#define DURA_EXT_MODEL_ID "dura.model-id/1"
enum { DURA_DIGEST_SHA256 = 1 };
enum { DURA_SCOPE_IMAGE = 1,        /* the bytes open() was given */
       DURA_SCOPE_LOADED = 2 };     /* what was loaded in the end (unpacked, quantised) */

/* Texts end with a zero inside their room. */
typedef struct dura_model_id {
    uint32_t struct_size;
    uint16_t digest_kind;           /* DURA_DIGEST_* */
    uint16_t digest_scope;          /* DURA_SCOPE_* */
    uint8_t  digest[32];
    char name[48];
    char version[24];
    char training[48];              /* id of the training set; "" when nobody knows */
} dura_model_id;
#define DURA_MODEL_ID_INIT { (uint32_t)sizeof(dura_model_id), 0, 0, {0}, "", "", "" }

typedef struct dura_ext_model_id {
    uint32_t struct_size;
    uint32_t reserved;
    int32_t (*query)(const void *inst, dura_model_id *out);                      /* [any] */
} dura_ext_model_id;

/* ---- how sure: "dura.confidence/1" ------------------------------------------------------ */

#define DURA_EXT_CONFIDENCE "dura.confidence/1"
enum { DURA_CONF_RAW = 0,           /* a score between 0 and 1 that nobody calibrated */
       DURA_CONF_TEMPERATURE = 1, DURA_CONF_ISOTONIC = 2,     /* calibrated, see coverage */
       DURA_CONF_CONFORMAL = 3 };   /* lo..hi or set holds the truth with `coverage` */
enum { DURA_CONF_ABSTAIN = 1 };     /* the model would rather not say */

/* About the last run() of the instance. */
typedef struct dura_confidence {
    uint32_t struct_size;
    uint8_t  kind;                  /* DURA_CONF_* */
    uint8_t  flags;                 /* DURA_CONF_ABSTAIN */
    uint16_t reserved;
    float    confidence;            /* 0..1, that the answer is right; never NaN */
    float    coverage;              /* stated share of truths in the set or interval; 0: none */
    float    lo, hi;                /* interval of the output, for regression; lo > hi: none */
    uint32_t set;                   /* classes that cannot be excluded, bit by class; 0: none */
    uint32_t calibrated_on;         /* rows the calibration saw; 0: not calibrated */
} dura_confidence;
#define DURA_CONFIDENCE_INIT { (uint32_t)sizeof(dura_confidence), 0, 0, 0, 0.0f, 0.0f, 1.0f, 0.0f, 0, 0 }

typedef struct dura_ext_confidence {
    uint32_t struct_size;
    uint32_t reserved;
    int32_t (*query)(const void *inst, uint32_t output, dura_confidence *c);     /* [run] */
} dura_ext_confidence;

/* ---- why: "dura.attribution/1" ----------------------------------------------------------- */

#define DURA_EXT_ATTRIBUTION "dura.attribution/1"
enum { DURA_ATTR_SCORE = 0,          /* a score, no more is known */
       DURA_ATTR_EXACT = 1,          /* exact Shapley values: base + sum = the margin */
       DURA_ATTR_SAMPLED = 2,        /* Shapley values within `error` */
       DURA_ATTR_OCCLUSION = 3 };    /* output change when one input is the baseline's */

/* What one attribution was. */
typedef struct dura_attribution {
    uint32_t struct_size;
    uint16_t kind;                  /* DURA_ATTR_* */
    uint16_t output;                /* in: which output to explain */
    uint32_t runs;                  /* in: model runs it may cost, 0: its own choice; out: cost */
    float    base;                  /* the output at the baseline */
    float    value;                 /* the output that is explained, on the margin's scale */
    float    error;                 /* bound of each score's error; 0: exact */
} dura_attribution;
#define DURA_ATTRIBUTION_INIT { (uint32_t)sizeof(dura_attribution), 0, 0, 0, 0.0f, 0.0f, 0.0f }

typedef struct dura_ext_attribution {
    uint32_t struct_size;
    uint32_t reserved;
    /* Bytes at 8-byte alignment that attribute() needs to work in. [any] */
    int32_t (*work)(const void *inst, size_t *bytes);
    /* One score per input of run() into scores[n_in]. Changes nothing of the instance. [run] */
    int32_t (*attribute)(const void *inst, const float *in, size_t n_in, float *scores,
                         dura_attribution *a, void *work, size_t work_len);
} dura_ext_attribution;

/* ---- how long: "dura.timing/1" ------------------------------------------------------------ */

#define DURA_EXT_TIMING "dura.timing/1"
typedef struct dura_timing {
    uint32_t struct_size;
    uint32_t runs;                  /* since open */
    uint64_t declared_ns;           /* worst case on the machine it was measured on; 0: unknown */
    uint64_t declared_cycles;       /* the same in cycles; 0: unknown */
    uint64_t last_ns, worst_ns;     /* measured by the backend itself; 0: it has no clock */
} dura_timing;
#define DURA_TIMING_INIT { (uint32_t)sizeof(dura_timing), 0, 0, 0, 0, 0 }

typedef struct dura_ext_timing {
    uint32_t struct_size;
    uint32_t reserved;
    int32_t (*query)(const void *inst, dura_timing *out);                        /* [any] */
} dura_ext_timing;

/* ---- is it whole: "dura.selftest/1" -------------------------------------------------------- */

#define DURA_EXT_SELFTEST "dura.selftest/1"
/* A golden vector. in and out are the backend's, and stay until close. */
typedef struct dura_selftest {
    uint32_t struct_size;
    uint16_t n_in, n_out;           /* as io() says */
    const float *in, *out;
    float tolerance;                /* |got - out| <= tolerance; 0: the same bits */
    uint32_t reserved;
} dura_selftest;
#define DURA_SELFTEST_INIT { (uint32_t)sizeof(dura_selftest), 0, 0, NULL, NULL, 0.0f, 0 }

typedef struct dura_ext_selftest {
    uint32_t struct_size;
    uint32_t reserved;
    int32_t (*vector)(const void *inst, uint32_t i, dura_selftest *out);   /* DURA_ENOENT. [any] */
} dura_ext_selftest;

/* ---- many rows: "dura.batch/1" -------------------------------------------------------------- */

#define DURA_EXT_BATCH "dura.batch/1"
typedef struct dura_ext_batch {
    uint32_t struct_size;
    uint32_t rows_max;              /* per call; 0: any */
    /* As n runs in order would answer; on an error no row counts. [run] */
    int32_t (*run_n)(void *inst, const float *in, size_t n_in, float *out, size_t n_out,
                     size_t rows, int64_t deadline_ns);
} dura_ext_batch;

/* ---- an accelerator beside the loop: "dura.async/1" ------------------------------------------ */

#define DURA_EXT_ASYNC "dura.async/1"
typedef struct dura_ext_async {
    uint32_t struct_size;
    uint32_t depth;                 /* submits that may be under way, >= 1 */
    /* in and out are borrowed until poll() is no longer 1, or cancel(). Returns a
     * ticket > 0; DURA_ENOSPC when `depth` are under way. [run] */
    int32_t (*submit)(void *inst, const float *in, size_t n_in, float *out, size_t n_out,
                      int64_t deadline_ns);
    int32_t (*poll)(void *inst, int32_t ticket);       /* 0 done, 1 not yet, or run's code. [run] */
    int32_t (*cancel)(void *inst, int32_t ticket);     /* buffers are the caller's again. [run] */
} dura_ext_async;

/* ---- another model without stopping: "dura.swap/1" -------------------------------------------- */

/* For a backend that can hold two models in one instance, such as an accelerator with one
 * context. dura's own swap needs none of it: it opens a second instance. Between prepare and
 * commit run() answers with the old model, from commit on with the new one; rollback goes
 * back to the old one and forgets the new, before or after commit, until the next prepare. */
#define DURA_EXT_SWAP "dura.swap/1"
typedef struct dura_ext_swap {
    uint32_t struct_size;
    uint32_t reserved;
    /* The image's digest was checked; it stays valid until rollback or close. [init], beside run */
    int32_t (*prepare)(void *inst, const void *image, size_t image_len);
    int32_t (*commit)(void *inst);                                               /* [run] */
    int32_t (*rollback)(void *inst);                                             /* [run] */
} dura_ext_swap;

/* ---- the backend's own buffers: "dura.zero-copy/1" --------------------------------------------- */

#define DURA_EXT_ZERO_COPY "dura.zero-copy/1"
typedef struct dura_ext_zero_copy {
    uint32_t struct_size;
    uint32_t reserved;
    /* Buffer i of the inputs (output 0) or outputs (output 1), the same until close. [any] */
    int32_t (*buffer)(void *inst, int32_t output, uint32_t i, dura_tensor *t, dura_tensor_data *d);
    /* run() on what lies in the buffers. [run] */
    int32_t (*run)(void *inst, int64_t deadline_ns);
} dura_ext_zero_copy;

/* What a brain offers, bit by bit, as the BOOT record keeps it. */
enum {
    DURA_OFFERS_MODEL_ID = 1,
    DURA_OFFERS_CONFIDENCE = 2,
    DURA_OFFERS_ATTRIBUTION = 4,
    DURA_OFFERS_TIMING = 8,
    DURA_OFFERS_SELFTEST = 16
};

/* ---- what the host offers to a plug-in ------------------------------------------------------------ */

#define DURA_EXT_HOST_LOG "dura.host.log/1"
typedef struct dura_ext_host_log {
    uint32_t struct_size;
    uint32_t reserved;
    void (*say)(void *user, int32_t level, const char *text);   /* 0 info, 1 warning, 2 error. [init] */
} dura_ext_host_log;

#define DURA_EXT_HOST_CLOCK "dura.host.clock/1"
typedef struct dura_ext_host_clock {
    uint32_t struct_size;
    uint32_t reserved;
    uint64_t (*now_ns)(void *user);                             /* monotonic. [any] */
} dura_ext_host_clock;

#define DURA_EXT_HOST_CANCEL "dura.host.cancel/1"
typedef struct dura_ext_host_cancel {
    uint32_t struct_size;
    uint32_t reserved;
    int32_t (*cancelled)(void *user);                           /* not 0: come back now. [run] */
} dura_ext_host_cancel;

#ifdef __cplusplus
}
#endif
#endif
