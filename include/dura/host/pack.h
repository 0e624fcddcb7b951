/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dura/host/pack.h - what people write becomes what devices read.
 *
 * policy.json, a linear model's JSON and boosted trees as XGBoost saves them are packed
 * into little-endian images: the same bytes on every host, checked once, read in place.
 * Digests and signatures cover the images, never the JSON. docs/formats/policy.md,
 * model-linear.md and model-trees.md have the fields and the bytes.
 *
 *   dura_pack_policy | dura_pack_model | dura_pack_json -> image -> dura_pack_deinit
 *
 * Errors name file, line and field. Images come from the heap, their length is a multiple
 * of 8. dura_linear_* allocate nothing and run on a device as well: give a firmware
 * src/host/dura_host_linear.c. Unstable until 1.0.
 */
#ifndef DURA_HOST_PACK_H
#define DURA_HOST_PACK_H

#include <dura/backend.h>
#include <dura/host/error.h>

#ifdef __cplusplus
extern "C" {
#endif

/* What an image is. */
enum {
    DURA_PACK_NONE = 0,
    DURA_PACK_POLICY = 1,     /* 'DPK1' */
    DURA_PACK_LINEAR = 2,     /* 'DLIN' */
    DURA_PACK_TREES = 3       /* 'DTRE' */
};

/* Limits of a model that XGBoost saved. All other texts keep those of dura/host/json.h. */
#define DURA_MODEL_TEXT_MAX ((size_t)64 << 20)  /* bytes */
#define DURA_MODEL_VALUES_MAX 8388608u          /* in one text */

/* Whose names. */
enum {
    DURA_NAMES_CHANNELS = 1,  /* of a policy */
    DURA_NAMES_OUTPUTS = 2,   /* of a policy or a model */
    DURA_NAMES_INPUTS = 3,    /* of a model; of a policy: the channels or features that feed
                                 it */
    DURA_NAMES_FEATURES = 4,  /* of a policy */
    DURA_NAMES_MSPC = 5       /* of a policy: the inputs of drift.mspc, in their order; none: 0 */
};

/** Pack a policy: len bytes of JSON; filename is said in errors (may be NULL).
 *  returns  DURA_OK: *image (give it to dura_pack_deinit) and *image_len are set.
 *           DURA_ESYNTAX, DURA_ELIMIT (JSON), DURA_EINVAL (a field), DURA_ENOSPC (heap):
 *           *image is NULL, err (may be NULL) says what.              [any] O(len log len) */
DURA_API DURA_CHECK int dura_pack_policy(const char *text, size_t len, const char *filename,
                                         void **image, size_t *image_len, dura_error *err);

/** Pack a model: {"dura_model": 1, "kind": "linear", "inputs": [names], "outputs":
 *  [{"name", "bias", "weights": [one per input]}]}, or what XGBoost 2 or 3 saves under a
 *  name that ends in .json. returns as dura_pack_policy().            [any] O(len log len) */
DURA_API DURA_CHECK int dura_pack_model(const char *text, size_t len, const char *filename,
                                        void **image, size_t *image_len, dura_error *err);

/** Pack whichever it is: a model has the member dura_model, or learner when XGBoost saved
 *  it. *kind (may be NULL) gets DURA_PACK_*. returns as dura_pack_policy().
 *                                                                     [any] O(len log len) */
DURA_API DURA_CHECK int dura_pack_json(const char *text, size_t len, const char *filename,
                                       void **image, size_t *image_len, int *kind,
                                       dura_error *err);

/** Release an image. NULL is allowed.                                       [any] O(1) */
DURA_API void dura_pack_deinit(void *image);

/** May the image be used? *kind (may be NULL) gets what it is, DURA_PACK_NONE when that
 *  is unknown.
 *  returns  DURA_OK; DURA_EINVAL (NULL, a field outside its range), DURA_EVERSION,
 *           DURA_ECORRUPT.                                              [any] O(len) */
DURA_API DURA_CHECK int dura_pack_check(const void *image, size_t len, int *kind);

/** Does the model fit the policy? Its inputs are the policy's model inputs, by name and
 *  in order; its outputs are the policy's outputs, by name and in order, or only in number
 *  when the model names none of them. policy_name and model_name (may be NULL) are said in
 *  errors.
 *  returns  DURA_OK; DURA_EINVAL: err names the first name that does not fit; as
 *           dura_pack_check() for a bad image.             [any] O(inputs x channels) */
DURA_API DURA_CHECK int dura_pack_check_model(const void *policy, size_t policy_len,
                                              const void *model, size_t model_len,
                                              const char *policy_name, const char *model_name,
                                              dura_error *err);

/** An image as C source: <name>_image[] (8-byte aligned), <NAME>_IMAGE_BYTES, and
 *  <NAME>_GUARD_BYTES when guard_bytes (from dura_guard_bytes) is not 0. name: a C
 *  identifier of at most 31 characters, e.g. "policy". *text is zero-terminated; give it
 *  to dura_pack_deinit. len must be a multiple of 8.
 *  returns  DURA_OK; DURA_EINVAL, DURA_ENOSPC (heap).                   [any] O(len) */
DURA_API DURA_CHECK int dura_pack_c_table(const void *image, size_t len, const char *name,
                                          size_t guard_bytes, char **text, size_t *text_len,
                                          dura_error *err);

/* What a packed policy says about its device. */
typedef struct dura_policy_info {
    uint32_t struct_size;    /* in: sizeof in your build; out: bytes filled */
    uint16_t zone;           /* DURA_NONE: none */
    uint16_t asset;          /* DURA_NONE: none */
    uint16_t source;
    uint8_t  mode;           /* 1 observe, 2 enforce, as DURA_OBSERVE, DURA_ENFORCE */
    uint8_t  development;    /* 1: the factory key is the development key */
    uint16_t n_channels;
    uint16_t n_inputs;
    uint16_t n_outputs;
    uint16_t reserved;       /* 0 */
    uint8_t  factory_key[32];
    char     name[64];       /* of the device */
} dura_policy_info;
#define DURA_POLICY_INFO_INIT { (uint32_t)sizeof(dura_policy_info), 0, 0, 0, 0, 0, 0, 0, 0, 0, {0}, {0} }

/** Fill *out (set out->struct_size first).
 *  returns  DURA_OK; DURA_EINVAL; as dura_pack_check().                 [any] O(len) */
DURA_API DURA_CHECK int dura_policy_query(const void *image, size_t len, dura_policy_info *out);

/** Names and units of a policy's or a model's channels, inputs or outputs: pointers into
 *  the image, n of them. names and units may each be NULL; cap is the room in those
 *  given. A model has no units: "" each; outputs of trees may have no names either.
 *  returns  DURA_OK; DURA_ENOSPC (more than cap; *n is how many); DURA_EINVAL (what);
 *           as dura_pack_check().                                       [any] O(len) */
DURA_API DURA_CHECK int dura_pack_names(const void *image, size_t len, int what,
                                        const char **names, const char **units, size_t cap,
                                        size_t *n);

/** A backend that runs any packed model, linear or trees: config is NULL, the image says
 *  what it is. With it an update may bring a model of another kind. Static.  [any] O(1) */
DURA_API DURA_CHECK const dura_backend *dura_backend_packed(void);

/* ---- the linear model: y = bias + sum of weight x input ----------------------------- */

/** Is this an intact linear model?
 *  returns  DURA_OK; DURA_EINVAL (NULL), DURA_EVERSION, DURA_ECORRUPT.  [any] O(len) */
DURA_API DURA_CHECK int dura_linear_check(const void *image, size_t len);

/** Make *out (start from DURA_FN_INIT) a function that evaluates the image in binary32,
 *  adding in the order of the inputs: the same bits everywhere. The image is checked
 *  here and borrowed until the function is no longer used.
 *  returns  DURA_OK; DURA_EINVAL (out); as dura_linear_check().         [any] O(len) */
DURA_API DURA_CHECK int dura_linear_fn(dura_fn *out, const void *image, size_t len);

/* ---- either kind of model ------------------------------------------------------------ */

/** Make *out (start from DURA_MODEL_INIT) the model of an image that dura_pack_check()
 *  accepts: a linear one through *fn (start from DURA_FN_INIT), trees through
 *  dura_backend_trees(). out borrows the image, and fn, until it is no longer used.
 *  returns  DURA_OK; DURA_EINVAL (out, fn, the image is a policy); as dura_pack_check().
 *           On error nothing is changed.                                [any] O(len) */
DURA_API DURA_CHECK int dura_model_open(dura_model *out, dura_fn *fn, const void *image,
                                        size_t len);

#ifdef __cplusplus
}
#endif
#endif
