/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What each input contributed to a model's answer.
 *
 * A linear model: weight x (input - baseline), exact but for rounding, so the sums are
 * made in binary64. Trees: their Shapley values, which have a closed form. Where that would
 * take too much memory: occlusion, one run per input; what it leaves unexplained is printed
 * instead of hidden.
 */
#include <dura/host/pack.h>
#include <dura/host/shap.h>
#include <dura/host/why.h>

#include <stdlib.h>

#include "../base/dura_base_priv.h"
#include "../guard/dura_guard_policy.h"

enum { LINEAR_HEADER = 16 };     /* docs/formats/model-linear.md: the rows begin here */

/* An opened model and where its memory is. */
typedef struct brain {
    const dura_backend *backend;
    void *mem;                   /* as allocated */
    void *inst;                  /* aligned in it */
} brain;

static int open_brain(brain *b, const void *model, size_t len, size_t n_in, size_t n_out)
{
    dura_backend_io io = DURA_BACKEND_IO_INIT;
    size_t bytes, align;
    b->backend = dura_backend_packed();
    int rc = b->backend->mem_req(NULL, model, len, &bytes, &align);
    if (rc != DURA_OK)
        return rc;
    b->mem = malloc(bytes + align);
    if (!b->mem)
        return DURA_ENOSPC;
    uintptr_t at = ((uintptr_t)b->mem + align - 1u) / align * align;
    b->inst = (uint8_t *)b->mem + (at - (uintptr_t)b->mem);
    rc = b->backend->open(b->inst, NULL, model, len);
    if (rc == DURA_OK)
        rc = b->backend->io(b->inst, &io);
    if (rc == DURA_OK && (io.n_inputs != n_in || io.n_outputs != n_out))
        rc = DURA_EINVAL;
    return rc;
}

static void close_brain(brain *b)
{
    if (b->inst && b->backend->close)
        b->backend->close(b->inst);
    free(b->mem);
}

static int run(const brain *b, const float *in, size_t n_in, float *out, size_t n_out)
{
    return b->backend->run(b->inst, in, n_in, out, n_out, 0);
}

static void take_apart(const uint8_t *model, const float *x, const float *base, size_t n_in, size_t n_out, float *c)
{
    const uint8_t *w = model + LINEAR_HEADER;
    for (size_t k = 0; k < n_out; k++) {
        w += 4;                  /* the bias contributes to both answers */
        for (size_t i = 0; i < n_in; i++, w += 4)
            *c++ = (float)((double)durai_f32(durai_le32(w)) * ((double)x[i] - (double)base[i]));
    }
}

static int occlude(const brain *b, const float *x, const float *base, size_t n_in, const float *answer, size_t n_out,
                   float *c)
{
    float *in = malloc(n_in * sizeof *in), out[DURA_OUTPUTS_MAX];
    int rc = in ? DURA_OK : DURA_ENOSPC;
    if (in)
        memcpy(in, x, n_in * sizeof *in);
    for (size_t i = 0; rc == DURA_OK && i < n_in; i++) {
        in[i] = base[i];
        rc = run(b, in, n_in, out, n_out);
        in[i] = x[i];
        for (size_t k = 0; rc == DURA_OK && k < n_out; k++)
            c[k * n_in + i] = answer[k] - out[k];
    }
    free(in);
    return rc;
}

/* Shapley values of the margins, in the ratio that adds up to the distance of the answers. */
static int share_trees(const dura_shap *s, const float *x, const float *base, size_t n_in, const float *answer,
                       const float *base_answer, size_t n_out, float *c)
{
    double from[DURA_OUTPUTS_MAX], to[DURA_OUTPUTS_MAX], *phi = malloc(n_in * n_out * sizeof *phi);
    int rc = phi ? dura_shap_against(s, x, base, n_in, phi, from, to, n_out) : DURA_ENOSPC;
    for (size_t k = 0; rc == DURA_OK && k < n_out; k++) {
        double ratio = to[k] < from[k] || to[k] > from[k] ? ((double)answer[k] - (double)base_answer[k]) / (to[k] - from[k]) : 1;
        for (size_t i = 0; i < n_in; i++)
            c[k * n_in + i] = (float)(phi[k * n_in + i] * ratio);
    }
    free(phi);
    return rc;
}

/* Trees whose paths do not fit into memory are asked instead of taken apart. */
static int apart_or_occluded(const brain *b, const void *model, size_t len, const float *x, const float *base, size_t n_in,
                             const float *answer, const float *base_answer, size_t n_out, float *c, int *how)
{
    dura_shap *s;
    int rc = dura_shap_open(&s, model, len, NULL);
    *how = rc == DURA_ELIMIT ? DURA_SHARE_OCCLUSION : DURA_SHARE_SHAPLEY;
    if (rc == DURA_ELIMIT)
        return occlude(b, x, base, n_in, answer, n_out, c);
    if (rc == DURA_OK)
        rc = share_trees(s, x, base, n_in, answer, base_answer, n_out, c);
    dura_shap_close(s);
    return rc;
}

static int all_finite(const float *x, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (!durai_finite(x[i]))
            return 0;
    return 1;
}

int dura_why_contributions(const void *model, size_t len, const float *inputs, const float *baseline, size_t n_in,
                           float *answer, float *base_answer, size_t n_out, float *contribution, int *how)
{
    brain b = {NULL, NULL, NULL};
    int kind, rc, way = DURA_SHARE_EXACT;
    if (!inputs || !baseline || !answer || !base_answer || !contribution || n_in < 1 || n_in > DURA_MODEL_INPUTS_MAX ||
        n_out < 1 || n_out > DURA_OUTPUTS_MAX || !all_finite(inputs, n_in) || !all_finite(baseline, n_in))
        return DURA_EINVAL;
    rc = dura_pack_check(model, len, &kind);
    if (rc == DURA_OK && kind == DURA_PACK_POLICY)
        rc = DURA_EINVAL;
    if (rc == DURA_OK)
        rc = open_brain(&b, model, len, n_in, n_out);
    if (rc == DURA_OK)
        rc = run(&b, inputs, n_in, answer, n_out);
    if (rc == DURA_OK)
        rc = run(&b, baseline, n_in, base_answer, n_out);
    if (rc == DURA_OK && kind == DURA_PACK_LINEAR)
        take_apart(model, inputs, baseline, n_in, n_out, contribution);
    else if (rc == DURA_OK)
        rc = apart_or_occluded(&b, model, len, inputs, baseline, n_in, answer, base_answer, n_out, contribution, &way);
    if (how)
        *how = way;
    close_brain(&b);
    return rc;
}

/* ---- baseline ------------------------------------------------------------------------- */

/* The mean of the reference of a watched thing; 0: there is none. */
static int mean_of(const void *policy, uint32_t n_references, uint32_t thing, float *mean)
{
    durai_policy_reference r;
    for (uint32_t i = 0; i < n_references; i++)
        if (durai_policy_get_reference(policy, i, &r) == DURA_OK && r.of == thing) {
            *mean = r.mean;
            return 1;
        }
    return 0;
}

static int input_mean(const void *policy, const durai_policy_device *d, uint32_t n_references, uint32_t i, float *mean)
{
    durai_policy_feature f;
    if (d->n_features == 0)
        return mean_of(policy, n_references, durai_policy_get_input(policy, i), mean);
    if (mean_of(policy, n_references, (uint32_t)d->n_channels + d->n_outputs + i, mean))
        return 1;
    if (durai_policy_get_feature(policy, i, &f) != DURA_OK || f.op != DURAI_FEATURE_VALUE ||
        !mean_of(policy, n_references, f.channel, mean))
        return 0;
    *mean = (*mean - f.offset) * f.scale;
    return durai_finite(*mean);
}

int dura_why_baseline(const void *policy, size_t len, float *baseline, uint8_t *known, size_t n)
{
    durai_policy_device d;
    uint32_t references = 0;
    int kind, found = 0, rc = dura_pack_check(policy, len, &kind);
    if (rc == DURA_OK && (kind != DURA_PACK_POLICY || !baseline || !known))
        rc = DURA_EINVAL;
    if (rc == DURA_OK)
        rc = durai_policy_get_device(policy, &d);
    if (rc != DURA_OK)
        return rc;
    if (n != (size_t)d.n_inputs + d.n_features)
        return DURA_EINVAL;
    (void)durai_policy_section(policy, DURAI_POLICY_REFERENCES, &references, NULL);
    for (uint32_t i = 0; i < n; i++) {
        float mean;
        known[i] = (uint8_t)input_mean(policy, &d, references, i, &mean);
        if (known[i])
            baseline[i] = mean;
        found += known[i];
    }
    return found;
}

int dura_why_shares(const float *contribution, size_t n, float answer, float base_answer, float *share,
                    double *explained)
{
    double sum = 0, size = 0, distance = (double)answer - (double)base_answer;
    if (!contribution || !share)
        return DURA_EINVAL;
    for (size_t i = 0; i < n; i++) {
        double c = (double)contribution[i];
        sum += c;
        size += c < 0 ? -c : c;
    }
    for (size_t i = 0; i < n; i++) {
        double c = (double)contribution[i];
        share[i] = size > 0 ? (float)((c < 0 ? -c : c) / size) : 0.0f;
    }
    if (explained)
        *explained = distance < 0 || distance > 0 ? sum / distance : 0;
    return DURA_OK;
}
