/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the packers share: a growing buffer whose error is looked at once, at the end.
 */
#ifndef DURA_HOST_PACK_PRIV_H
#define DURA_HOST_PACK_PRIV_H

#include <dura/drift.h>
#include <dura/host/json.h>
#include <dura/host/pack.h>

#include "../base/dura_base_priv.h"

#define DURAI_NAME_MAX 63u      /* bytes of a name or a unit */
#define DURAI_MSPC_INPUTS_MAX 127u

/* Bytes being written. err is sticky: DURA_ENOSPC when the heap gave out. */
typedef struct durai_pack {
    uint8_t *p;
    size_t len, cap;
    int err;
} durai_pack;

/* Append n bytes; zeros when from is NULL. */
void durai_pack_put(durai_pack *b, const void *from, size_t n);
/* Zeros up to a multiple of 8. */
void durai_pack_align(durai_pack *b);
/* Alignment, the length at `at`, 4 zeros and the checksum of everything before it. */
void durai_pack_finish(durai_pack *b, size_t at);
/* Hand the finished image to the caller, or free it. 0, or b's error. */
int durai_pack_give(durai_pack *b, void **image, size_t *len, dura_error *err);

/* Refuse a name that stands twice among n members called "name" of a list's objects. */
int durai_pack_unique(const dura_json *doc, uint32_t list, const char *what, dura_error *err);

/* A POSIX TZ as the 13 bytes of a policy's window_zone. DURA_OK; DURA_EINVAL. */
int durai_pack_zone(const char *text, uint8_t out[13]);

/* Place of the item called name in a list of the policy, or DURA_NONE. */
uint32_t durai_pack_place(const dura_json *doc, const char *list, const char *name);

/* Checks of the sensor (dura_host_pack_checks.c). kind: DURA_CK_*. */
/* Are the members of this check those of its kind? */
int durai_pack_check_members(const dura_json *doc, uint32_t object, uint8_t kind, dura_error *err);
/* Append its terms as a device reads them; *n: how many. */
int durai_pack_check_terms(const dura_json *doc, uint32_t object, uint8_t kind, durai_pack *out, uint16_t *n,
                           dura_error *err);
/* Does a sensor take all checks of this packed policy? */
int durai_pack_try_checks(const void *image, const dura_json *doc, dura_error *err);

/* What `drift` has beside references (dura_host_pack_drift.c). */
#define DURAI_T2_NAME "mspc.t2"
#define DURAI_SPE_NAME "mspc.spe"
/* Index of a channel, an output or a feature, in that order, or of T2 or SPE behind them where
 * there is a `drift.mspc`; DURA_NONE. */
uint32_t durai_pack_thing(const dura_json *doc, const char *name);
/* Fill shift and limit of r. sigmas: to be found, in deviations of the samples; n: of all that is
 * watched; value: where an error is told. */
int durai_pack_chart(dura_drift_reference *r, uint32_t detector, double sigmas, double arl0, uint32_t n,
                     const dura_json *doc, uint32_t value, dura_error *err);
int durai_pack_limit(dura_drift_reference *r, uint32_t detector, double sigmas, double arl0, uint32_t n, dura_error *why);
/* Append edges and probabilities of a histogram that was learned from n samples. */
int durai_pack_histogram(const dura_json *doc, uint32_t object, uint32_t n, durai_pack *out, uint16_t *n_bins, dura_error *err);
/* Append indices of inputs and values. things: how many inputs there may be named from. */
int durai_pack_mspc(const dura_json *doc, uint32_t object, uint16_t components, float newest, uint32_t things, durai_pack *out,
                    uint16_t *n_inputs, dura_error *err);

/* In a checked image: its first name (the inputs', then the outputs'). */
const char *durai_linear_names(const void *image, uint32_t *n_in, uint32_t *n_out);
const char *durai_trees_names(const void *image, uint32_t *n_in, uint32_t *n_out);
/* In an image that passed durai_trees_check_names(): a cover per node, or NULL. */
const uint8_t *durai_trees_covers(const void *image, size_t len);
/* dura_trees_check(), and there are as many texts behind the nodes as there are names. */
int durai_trees_check_names(const void *image, size_t len);

int durai_pack_policy_doc(const dura_json *doc, void **image, size_t *len, dura_error *err);
int durai_pack_model_doc(const dura_json *doc, void **image, size_t *len, dura_error *err);
/* A model as XGBoost saves it. */
int durai_pack_trees_doc(const dura_json *doc, void **image, size_t *len, dura_error *err);

#endif
