/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the policy's `drift` has beside its references: limits of charts, which are solved here so
 * that no device has to, histograms, and the basis of T2 and SPE.
 *
 * What a histogram or a basis may be is said once, by the part that a device links; it is tried
 * here, and what it refuses is named at its place in the JSON.
 */
#include "dura_host_pack_priv.h"

#include <dura/histogram.h>
#include <dura/host/arl.h>
#include <dura/mspc.h>

#include <math.h>
#include <stdlib.h>

enum { MEMORY_MOST = 100000 };   /* samples after which an autoregression has forgotten */

uint32_t durai_pack_thing(const dura_json *doc, const char *name)
{
    static const char *const lists[] = {"channels", "outputs", "features"};
    uint32_t base = 0;
    for (uint32_t i = 0; i < 3; i++) {
        uint32_t at = durai_pack_place(doc, lists[i], name);
        if (at != DURA_NONE)
            return base + at;
        base += dura_json_count(doc, dura_json_member(doc, DURA_JSON_ROOT, lists[i]));
    }
    if (dura_json_member(doc, dura_json_member(doc, DURA_JSON_ROOT, "drift"), "mspc") == DURA_JSON_NONE)
        return DURA_NONE;
    return strcmp(name, DURAI_T2_NAME) == 0 ? base : strcmp(name, DURAI_SPE_NAME) == 0 ? base + 1u : (uint32_t)DURA_NONE;
}

/* ---- charts ----------------------------------------------------------------------------- */

/* Deviation of the samples themselves over that of what their past leaves: an autoregression's
 * answer to one impulse has all of it. */
static double spread(const dura_drift_reference *r)
{
    double past[DURA_DRIFT_ORDER_MAX] = {1.0, 0.0, 0.0, 0.0}, sum = 1.0;
    for (int i = 0; i < MEMORY_MOST; i++) {
        double next = 0.0;
        for (int k = 0; k < DURA_DRIFT_ORDER_MAX; k++)
            next += (double)r->phi[k] * past[k];
        memmove(past + 1, past, 3 * sizeof *past);
        past[0] = next;
        sum += next * next;
        if (past[0] * past[0] + past[1] * past[1] + past[2] * past[2] + past[3] * past[3] < 1e-12 * sum || sum > 1e12)
            break;
    }
    return sqrt(sum);
}

int durai_pack_limit(dura_drift_reference *r, uint32_t detector, double sigmas, double arl0, uint32_t n, dura_error *why)
{
    double deviation = (double)(r->deviation > r->resolution ? r->deviation : r->resolution), whitened, delay;
    if (r->low < 0.0f || r->low > 0.0f || r->high < 0.0f || r->high > 0.0f)
        return dura_error_set(why, DURA_EINVAL, NULL, 0, NULL,
                              "no chart watches what has bounds (low, high); leave them out, or take the mixture");
    return dura_arl_chart(r, detector, sigmas * spread(r) * deviation, arl0, n, &whitened, &delay, why);
}

int durai_pack_chart(dura_drift_reference *r, uint32_t detector, double sigmas, double arl0, uint32_t n,
                     const dura_json *doc, uint32_t value, dura_error *err)
{
    dura_error why = {0};
    int rc = durai_pack_limit(r, detector, sigmas, arl0, n, &why);
    return rc == DURA_OK ? rc : dura_json_fail(doc, value, err, rc, "no limit for a shift of %.9g deviations: %s", sigmas, why.text);
}

/* ---- lists of numbers ------------------------------------------------------------------- */

static int get_numbers(const dura_json *doc, uint32_t object, const char *name, uint32_t least, uint32_t most, float *out,
                       dura_error *err)
{
    uint32_t list = dura_json_member(doc, object, name), i, n = 0;
    if (list == DURA_JSON_NONE)
        return dura_json_fail(doc, object, err, DURA_EINVAL, "the member \"%s\" is missing; `dura learn` makes it", name);
    int rc = dura_json_want(doc, list, DURA_JSON_ARRAY, least, most, err);
    for (i = dura_json_first(doc, list); rc == DURA_OK && i != DURA_JSON_NONE; i = dura_json_next(doc, i))
        rc = dura_json_get_f32(doc, i, &out[n++], err);
    return rc;
}

static void put_numbers(durai_pack *out, const float *v, size_t n)
{
    uint8_t le[4];
    for (size_t i = 0; i < n; i++) {
        durai_put32(le, durai_f32_bits(v[i]));
        durai_pack_put(out, le, sizeof le);
    }
}

int durai_pack_histogram(const dura_json *doc, uint32_t object, uint32_t n, durai_pack *out, uint16_t *n_bins, dura_error *err)
{
    const dura_histogram_calls *part = dura_histogram_part();
    dura_histogram_reference r = DURA_HISTOGRAM_REFERENCE_INIT;
    dura_histogram_config c = DURA_HISTOGRAM_CONFIG_INIT;
    dura_histogram *h;
    uint32_t bins = dura_json_count(doc, dura_json_member(doc, object, "p"));
    int rc = get_numbers(doc, object, "p", 2, DURA_HISTOGRAM_BINS_MAX, r.p, err);
    if (rc == DURA_OK)
        rc = get_numbers(doc, object, "edges", bins - 1, bins - 1, r.edge, err);
    if (rc < 0)
        return rc;
    r.n = n;
    r.n_bins = (uint16_t)bins;
    c.n_channels = 1;
    c.arl0 = 1000.0f;
    void *mem = malloc(part->bytes(&c));
    rc = mem ? part->init(&h, mem, part->bytes(&c), &c) : DURA_ENOSPC;
    if (rc == DURA_OK)
        rc = part->attach(h, 0, &r);
    free(mem);
    if (rc < 0)
        return dura_json_fail(doc, object, err, rc, "is no histogram: edges rise, probabilities are 0.001 at least and add up to 1");
    put_numbers(out, r.edge, bins - 1u);
    put_numbers(out, r.p, bins);
    *n_bins = (uint16_t)bins;
    return DURA_OK;
}

/* ---- T2 and SPE -------------------------------------------------------------------------- */

static int put_inputs(const dura_json *doc, uint32_t object, uint32_t things, durai_pack *out, uint16_t *n, dura_error *err)
{
    uint32_t list = dura_json_member(doc, object, "inputs"), i;
    uint8_t le[4];
    size_t first = out->len;
    if (list == DURA_JSON_NONE)
        return dura_json_fail(doc, object, err, DURA_EINVAL, "the member \"inputs\" is missing; name what belongs together");
    int rc = dura_json_want(doc, list, DURA_JSON_ARRAY, 2, DURAI_MSPC_INPUTS_MAX, err);
    for (i = dura_json_first(doc, list); rc == DURA_OK && i != DURA_JSON_NONE; i = dura_json_next(doc, i)) {
        const char *name = "";
        rc = dura_json_get_text(doc, i, 1, DURAI_NAME_MAX, &name, err);
        uint32_t at = rc == DURA_OK ? durai_pack_thing(doc, name) : 0;
        if (rc == DURA_OK && at >= things)
            return dura_json_fail(doc, i, err, DURA_EINVAL, "there is no channel, output or feature \"%s\"", name);
        durai_put32(le, at);
        for (size_t k = first; k < out->len; k += 4)
            if (rc == DURA_OK && memcmp(out->p + k, le, 4) == 0)
                return dura_json_fail(doc, i, err, DURA_EINVAL, "\"%s\" is an input already", name);
        durai_pack_put(out, le, sizeof le);
    }
    *n = (uint16_t)((out->len - first) / 4);
    return out->err ? out->err : rc;
}

/* Would a device take it? */
static int try_basis(const dura_json *doc, uint32_t object, const dura_mspc_basis *b, dura_error *err)
{
    const dura_mspc_calls *part = dura_mspc_part();
    size_t bytes = part->bytes(b);
    dura_mspc *m;
    void *mem = malloc(bytes ? bytes : 1);
    int rc = !mem ? DURA_ENOSPC : bytes ? part->init(&m, mem, bytes, b) : DURA_EINVAL;
    free(mem);
    if (rc == DURA_EINVAL)
        return dura_json_fail(doc, object, err, rc, "newest is 0 or 0.001..1, components fewer than inputs");
    if (rc < 0)
        return dura_json_fail(doc, dura_json_member(doc, object, "values"), err, rc == DURA_ECORRUPT ? DURA_EINVAL : rc,
                              "is no basis: docs/mspc.md has what the values must be like; `dura learn` makes them");
    return DURA_OK;
}

int durai_pack_mspc(const dura_json *doc, uint32_t object, uint16_t components, float newest, uint32_t things, durai_pack *out,
                    uint16_t *n_inputs, dura_error *err)
{
    dura_mspc_basis b = DURA_MSPC_BASIS_INIT;
    int rc = put_inputs(doc, object, things, out, n_inputs, err);
    if (rc < 0)
        return rc;
    if (components >= *n_inputs)
        return dura_json_fail(doc, dura_json_member(doc, object, "components"), err, DURA_EINVAL,
                              "wants fewer than the %u inputs, not %u", (unsigned)*n_inputs, (unsigned)components);
    b.n_channels = *n_inputs;
    b.n_components = components;
    b.newest = newest;
    b.n_values = (uint32_t)DURA_MSPC_VALUES(*n_inputs, components);
    float *v = calloc(b.n_values, sizeof *v);
    b.values = v;
    rc = v ? get_numbers(doc, object, "values", b.n_values, b.n_values, v, err) : DURA_ENOSPC;
    if (rc == DURA_OK)
        rc = try_basis(doc, object, &b, err);
    if (rc == DURA_OK)
        put_numbers(out, v, b.n_values);
    free(v);
    return rc;
}
