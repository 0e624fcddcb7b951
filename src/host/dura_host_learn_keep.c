/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Limits from physics beat limits from a recording. What a given policy says of a channel's
 * fail_lo, fail_hi and rate_fail stays as it is; what was learned becomes the SUSPECT limit
 * inside. Nothing learned is ever wider than what was given.
 */
#include "dura_host_learn_priv.h"

#include <dura/host/json.h>
#include <float.h>
#include <string.h>

static double larger(double a, double b) { return a > b ? a : b; }
static double smaller(double a, double b) { return a < b ? a : b; }

static uint32_t channel_called(const dura_learned *l, const char *name)
{
    for (uint32_t c = 0; c < l->rec.n; c++)
        if (strcmp(l->rec.name[c], name) == 0)
            return c;
    return UINT32_MAX;
}

/* 1: it is given; 0: it is not; a DURA_E* code. */
static int get(const dura_json *doc, uint32_t object, const char *name, double *out, dura_error *err)
{
    uint32_t value = dura_json_member(doc, object, name);
    int rc = value == DURA_JSON_NONE ? DURA_OK : dura_json_get_f64(doc, value, out, err);
    return rc < 0 ? rc : value != DURA_JSON_NONE;
}

/* Rows learned from that the given limits refuse. */
static size_t count_beyond(const dura_learned *l, uint32_t c, double lo, double hi)
{
    size_t n = 0;
    for (size_t i = 0; i < l->rows; i++) {
        size_t at = (size_t)c * l->rec.rows + i;
        n += l->rec.flag[at] == DURAI_HERE && ((double)l->rec.v[at] < lo || (double)l->rec.v[at] > hi);
    }
    return n;
}

static void keep_range(dura_learned *l, uint32_t c, double lo, double hi)
{
    durai_limits *k = &l->limits[c];
    int learned = k->hi > k->lo;
    size_t beyond = count_beyond(l, c, lo, hi);
    if (learned && !(k->suspect_hi > k->suspect_lo)) {
        k->suspect_lo = k->lo;
        k->suspect_hi = k->hi;
    }
    k->lo = lo;
    k->hi = hi;
    durai_text_put(&l->notes, "%s: fail limits %.9g to %.9g are kept as given", l->rec.name[c], lo, hi);
    if (beyond)
        durai_text_put(&l->notes, "; %zu rows of the recording are beyond them and trip", beyond);
    durai_text_put(&l->notes, "\n");
}

static int keep_channel(dura_learned *l, uint32_t c, const dura_json *doc, uint32_t object, dura_error *err)
{
    durai_limits *k = &l->limits[c];
    double lo = -(double)FLT_MAX, hi = (double)FLT_MAX, rate = 0.0;
    int has_lo = get(doc, object, "fail_lo", &lo, err);
    int has_hi = has_lo < 0 ? has_lo : get(doc, object, "fail_hi", &hi, err);
    int has_rate = has_hi < 0 ? has_hi : get(doc, object, "rate_fail", &rate, err);
    if (has_rate < 0)
        return has_rate;
    if (!(lo < hi) || (has_rate && !(rate > 0.0)))
        return dura_json_fail(doc, object, err, DURA_EINVAL, "want fail_lo below fail_hi, and rate_fail above 0");
    if (has_lo || has_hi)
        keep_range(l, c, lo, hi);
    if (has_rate) {
        k->rate_suspect = k->rate > 0.0 && k->rate < rate ? k->rate : 0.0;
        k->rate = rate;
        durai_text_put(&l->notes, "%s: rate_fail %.9g is kept as given\n", l->rec.name[c], rate);
    }
    k->flags |= has_lo || has_hi || has_rate ? (uint32_t)DURA_LEARN_KEPT : 0u;
    return DURA_OK;
}

static int keep_all(dura_learned *l, const dura_json *doc, dura_error *err)
{
    uint32_t list = dura_json_member(doc, DURA_JSON_ROOT, "channels"), i, c;
    int rc = dura_json_want(doc, list, DURA_JSON_ARRAY, 0, UINT32_MAX, err);
    for (i = rc < 0 ? DURA_JSON_NONE : dura_json_first(doc, list); rc == DURA_OK && i != DURA_JSON_NONE;
         i = dura_json_next(doc, i)) {
        const char *name = "";
        rc = dura_json_get_text(doc, dura_json_member(doc, i, "name"), 1, 63, &name, err);
        c = rc < 0 ? UINT32_MAX : channel_called(l, name);
        if (rc == DURA_OK && c == UINT32_MAX)
            durai_text_put(&l->notes, "%s: limits are given, but the recording has no such channel\n", name);
        else if (rc == DURA_OK)
            rc = keep_channel(l, c, doc, i, err);
    }
    return rc;
}

/* SUSPECT limits lie inside of FAIL limits; a channel that never moved has none. */
static void bound(durai_limits *k)
{
    if (!(k->suspect_hi > k->suspect_lo) || !(k->hi > k->lo))
        return;
    k->suspect_lo = smaller(larger(k->suspect_lo, k->lo), k->hi);
    k->suspect_hi = smaller(larger(k->suspect_hi, k->lo), k->hi);
}

int durai_learn_keep(dura_learned *l, const char *path, dura_error *err)
{
    dura_json *doc = NULL;
    int rc = DURA_OK;
    for (uint32_t c = 0; c < l->rec.n; c++) {
        l->limits[c].suspect_lo = l->checks.suspect_lo ? l->checks.suspect_lo[c] : 1.0;
        l->limits[c].suspect_hi = l->checks.suspect_hi ? l->checks.suspect_hi[c] : 0.0;
    }
    if (path)
        rc = dura_json_load(path, &doc, err);
    if (rc == DURA_OK && doc)
        rc = keep_all(l, doc, err);
    dura_json_deinit(doc);
    for (uint32_t c = 0; c < l->rec.n; c++)
        bound(&l->limits[c]);
    return rc;
}
