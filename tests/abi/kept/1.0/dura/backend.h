/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dura/backend.h - the brain, whoever wrote it.
 *
 * A backend is a table of calls that never grows; what comes later goes through
 * get_extension("dura.name/1"). dura borrows every pointer for the length of one call.
 * A model is a backend plus the bytes it loads plus the SHA-256 of those bytes.
 *
 *   mem_req -> open -> run... -> (reset) -> close
 *
 * run() may not allocate, lock, print or do I/O. An overrun is reported by the caller
 * as DURA_ETIME and becomes FALLBACK; a run that never returns needs the box's own
 * watchdog, and no library can replace that.
 */
#ifndef DURA_BACKEND_H
#define DURA_BACKEND_H

#include <dura/base.h>

#ifdef __cplusplus
extern "C" {
#endif

#define DURA_MODEL_INPUTS_MAX 1024
#define DURA_OUTPUTS_MAX 16

/* What the opened model eats and gives. */
typedef struct dura_backend_io {
    uint32_t struct_size;
    uint16_t n_inputs;     /* f32 values per run, 1..DURA_MODEL_INPUTS_MAX */
    uint16_t n_outputs;    /* f32 values per run, 1..DURA_OUTPUTS_MAX */
} dura_backend_io;
#define DURA_BACKEND_IO_INIT { (uint32_t)sizeof(dura_backend_io), 0, 0 }

/* The table. Frozen: eight calls, for ever. State tag in brackets. Every call gets the
 * instance memory `inst` except mem_req. Status is an int32_t: 0, or negative. */
typedef struct dura_backend {
    uint32_t struct_size;
    uint16_t abi_major;         /* 1 */
    uint16_t abi_minor_needed;  /* the lowest minor this backend can live with */
    const char *id;             /* reverse domain, e.g. "org.example.mlp"; static */
    const char *version;        /* for people; static */

    /* Bytes and alignment (<= 16) of an instance for this model image. [!open] required */
    int32_t (*mem_req)(const void *config, const void *image, size_t image_len,
                       size_t *bytes, size_t *align);
    /* Build an instance in inst. config and image stay valid until close.
     * May be slow. [!open] required */
    int32_t (*open)(void *inst, const void *config, const void *image, size_t image_len);
    /* Shapes. [open] required */
    int32_t (*io)(const void *inst, dura_backend_io *out);
    /* Infer: n_in finite floats at in, n_out floats wanted at out; deadline_ns is the
     * time this call may take, 0 when nobody said. [open] required */
    int32_t (*run)(void *inst, const float *in, size_t n_in, float *out, size_t n_out,
                   int64_t deadline_ns);
    /* Forget history, for models that have one. [open] (optional: the model has none) */
    int32_t (*reset)(void *inst);
    /* Release. [open] (optional: the instance holds nothing but its memory) */
    void (*close)(void *inst);
    /* An extension table by name, or NULL. [open] (optional: none) */
    const void *(*get_extension)(void *inst, const char *name);
    /* Reserved for ever as the eighth call: NULL. */
    void (*reserved)(void);
} dura_backend;

/* A model as it is given to the guard. Borrowed until the guard is no longer used. */
typedef struct dura_model {
    uint32_t struct_size;
    uint32_t reserved;          /* 0 */
    const dura_backend *backend;
    const void *config;         /* for the backend; for `fn` a dura_fn */
    const void *image;          /* the model's bytes; their SHA-256 must be in the gate
                                   record. For a model that is compiled in, a short text
                                   that names and versions it */
    uint64_t image_len;         /* bytes, >= 1 */
} dura_model;
#define DURA_MODEL_INIT { (uint32_t)sizeof(dura_model), 0, NULL, NULL, NULL, 0 }

/* ---- fn: any C function is a model ----------------------------------------------- */

/* The function. in has n_in floats, out room for n_out. 0, or a negative code. */
typedef int32_t (*dura_fn_call)(void *user, const float *in, size_t n_in, float *out,
                                size_t n_out);

/* config of dura_backend_fn. */
typedef struct dura_fn {
    uint32_t struct_size;
    uint16_t n_inputs;          /* 1..DURA_MODEL_INPUTS_MAX */
    uint16_t n_outputs;         /* 1..DURA_OUTPUTS_MAX */
    dura_fn_call call;          /* required */
    void *user;                 /* handed to call; borrowed while the instance is open */
} dura_fn;
#define DURA_FN_INIT { (uint32_t)sizeof(dura_fn), 0, 0, NULL, NULL }

/** The built-in backend that calls a dura_fn.                           [any] O(1) */
DURA_API DURA_CHECK const dura_backend *dura_backend_fn(void);

/* ---- trees: gradient-boosted trees from a packed image ---------------------------- */

/** The built-in backend for images of kind 'DTRE' (docs/formats/model-trees.md), which
 *  `dura pack` makes from a model that XGBoost saved as JSON. config is NULL; the image is
 *  read in place, at any alignment. mem_req and open check the whole image; run is
 *  O(trees x depth), at most 64 steps per tree, and adds in binary32 in XGBoost's order.
 *                                                                       [any] O(1) */
DURA_API DURA_CHECK const dura_backend *dura_backend_trees(void);

/** Can this backend run the image? Everything but the names, which no device reads.
 *  returns  DURA_OK; DURA_EINVAL (NULL), DURA_EVERSION, DURA_ECORRUPT.  [any] O(len) */
DURA_API DURA_CHECK int dura_trees_check(const void *image, size_t len);

/** Does this table keep the contract as far as it can be seen without calling it?
 *  returns  DURA_OK; DURA_EINVAL (NULL, no required call, no id), DURA_EVERSION (other
 *           major, or it needs a newer minor), DURA_ECORRUPT (struct_size below the
 *           frozen first version).                                       [any] O(1) */
DURA_API DURA_CHECK int dura_backend_check(const dura_backend *b);

#ifdef __cplusplus
}
#endif
#endif
