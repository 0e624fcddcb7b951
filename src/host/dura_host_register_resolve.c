/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From ids to indexes: one name space for everything in a register, the edges between its
 * assets, and what only makes sense in the whole: paths that exist, nothing that trains or
 * updates itself.
 */
#include "dura_host_register_priv.h"

#include <stdlib.h>
#include <string.h>

#include "../base/dura_base_priv.h"

static const char *const things[] = {"zone", "conduit", "asset", "impact assessment", "hazard", "entry", "control"};
static const char *const lists[] = {"zones", "conduits", "assets", "impact_assessments", "hazards", "entries",
                                    "controls"};

/* ---- names ---------------------------------------------------------------------------------- */

static int by_id(const void *a, const void *b)
{
    return strcmp(((const reg_id *)a)->id, ((const reg_id *)b)->id);
}

static const reg_id *look_up(const dura_register *r, const char *id)
{
    reg_id key = {id, 0, 0};
    return bsearch(&key, r->id, r->n_id, sizeof key, by_id);
}

uint16_t durai_reg_find(const dura_register *r, int kind, const char *id)
{
    const reg_id *k = look_up(r, id);
    return k && k->kind == kind ? k->at : REG_NONE;
}

static uint32_t value_of(const dura_register *r, const reg_id *k)
{
    switch (k->kind) {
    case REG_IS_ZONE: return r->zone[k->at].value;
    case REG_IS_CONDUIT: return r->conduit[k->at].value;
    case REG_IS_ASSET: return r->asset[k->at].value;
    case REG_IS_AIA: return r->aia[k->at].value;
    case REG_IS_HAZARD: return r->hazard[k->at].value;
    case REG_IS_ENTRY: return r->entry[k->at].value;
    default: return r->control[k->at].value;
    }
}

#define ADD_ALL(kind_of, n, list)                                                         \
    for (uint32_t i = 0; i < r->n; i++)                                                   \
        r->id[r->n_id++] = (reg_id){r->list[i].id, kind_of, (uint16_t)i}

static int name_all(dura_register *r, dura_error *err)
{
    char path[128];
    size_t n = (size_t)r->n_zone + r->n_conduit + r->n_asset + r->n_aia + r->n_hazard + r->n_entry + r->n_control;
    if ((r->id = durai_reg_take(&r->arena, (n + 1) * sizeof *r->id)) == NULL)
        return dura_error_set(err, DURA_ENOSPC, NULL, 0, NULL, "no memory");
    ADD_ALL(REG_IS_ZONE, n_zone, zone);
    ADD_ALL(REG_IS_CONDUIT, n_conduit, conduit);
    ADD_ALL(REG_IS_ASSET, n_asset, asset);
    ADD_ALL(REG_IS_AIA, n_aia, aia);
    ADD_ALL(REG_IS_HAZARD, n_hazard, hazard);
    ADD_ALL(REG_IS_ENTRY, n_entry, entry);
    ADD_ALL(REG_IS_CONTROL, n_control, control);
    DURA_ASSERT(n == r->n_id);
    qsort(r->id, r->n_id, sizeof *r->id, by_id);
    for (uint32_t i = 1; i < r->n_id; i++) {
        uint32_t a = value_of(r, &r->id[i - 1]), b = value_of(r, &r->id[i]);
        if (strcmp(r->id[i - 1].id, r->id[i].id) == 0)       /* values are numbered in text order */
            return dura_json_fail(r->doc, a > b ? a : b, err, DURA_EINVAL,
                                  "\"%s\" is already the id of %s: an id names one thing", r->id[i].id,
                                  dura_json_path(r->doc, a > b ? b : a, path, sizeof path));
    }
    return DURA_OK;
}

/* ---- references -------------------------------------------------------------------------------- */

static int refer(const dura_register *r, uint32_t value, int kind, uint16_t *out, dura_error *err)
{
    const char *id;
    int rc = durai_reg_get_id(r->doc, value, &id, err);
    if (rc != DURA_OK)
        return rc;
    const reg_id *k = look_up(r, id);
    if (!k)
        return dura_json_fail(r->doc, value, err, DURA_ENOENT, "there is no %s \"%s\" in %s", things[kind], id,
                              lists[kind]);
    if (k->kind != kind)
        return dura_json_fail(r->doc, value, err, DURA_ENOENT, "\"%s\" is of %s: want one of %s", id,
                              lists[k->kind], lists[kind]);
    *out = k->at;
    return DURA_OK;
}

static int refer_member(const dura_register *r, uint32_t object, const char *name, int kind, uint16_t *out,
                        dura_error *err)
{
    return refer(r, dura_json_member(r->doc, object, name), kind, out, err);
}

/* A list of ids without repeats; absent is empty. */
static int refer_list(dura_register *r, uint32_t object, const char *name, int kind, reg_list *out, dura_error *err)
{
    uint32_t v = dura_json_member(r->doc, object, name);
    int rc = DURA_OK;
    out->n = 0;
    if (v == DURA_JSON_NONE)
        return DURA_OK;
    if ((rc = dura_json_want(r->doc, v, DURA_JSON_ARRAY, 0, 1024, err)) != DURA_OK)
        return rc;
    if ((out->at = durai_reg_take(&r->arena, (dura_json_count(r->doc, v) + 1) * sizeof *out->at)) == NULL)
        return dura_error_set(err, DURA_ENOSPC, NULL, 0, NULL, "no memory");
    for (uint32_t i = dura_json_first(r->doc, v); i != DURA_JSON_NONE; i = dura_json_next(r->doc, i)) {
        if ((rc = refer(r, i, kind, &out->at[out->n], err)) != DURA_OK)
            return rc;
        for (uint32_t k = 0; k < out->n; k++)
            if (out->at[k] == out->at[out->n])
                return dura_json_fail(r->doc, i, err, DURA_EINVAL, "is named twice in %s", name);
        out->n++;
    }
    return DURA_OK;
}

/* ---- edges ------------------------------------------------------------------------------------- */

static int by_ends(const void *a, const void *b)
{
    const reg_edge *p = a, *q = b;
    if (p->from != q->from)
        return p->from < q->from ? -1 : 1;
    return p->to < q->to ? -1 : p->to > q->to;
}

uint32_t durai_reg_edge(const dura_register *r, uint16_t from, uint16_t to)
{
    reg_edge key = {from, to, 0, 0};
    const reg_edge *e = bsearch(&key, r->edge, r->n_edge, sizeof key, by_ends);
    return e ? (uint32_t)(e - r->edge) : REG_NONE;
}

/* `inputs` lists who feeds the asset; all others whom the asset acts on. */
static int edges_of(dura_register *r, uint16_t asset, int flow, dura_error *err)
{
    uint32_t v = dura_json_member(r->doc, r->asset[asset].value, durai_reg_flows[flow]);
    for (uint32_t i = dura_json_first(r->doc, v); i != DURA_JSON_NONE; i = dura_json_next(r->doc, i)) {
        uint16_t other;
        int rc = refer(r, i, REG_IS_ASSET, &other, err);
        if (rc != DURA_OK)
            return rc;
        if (other == asset)
            return dura_json_fail(r->doc, i, err, DURA_EINVAL, "an asset is no neighbour of itself");
        r->edge[r->n_edge++] = (reg_edge){flow == REG_INPUTS ? other : asset, flow == REG_INPUTS ? asset : other,
                                          (uint8_t)flow, i};
    }
    return DURA_OK;
}

static int join_all(dura_register *r, dura_error *err)
{
    int rc = DURA_OK;
    if (r->n_edge >= REG_NONE)
        return dura_error_set(err, DURA_ELIMIT, NULL, 0, "assets", "more than %d edges", REG_NONE - 1);
    if ((r->edge = durai_reg_take(&r->arena, (r->n_edge + 1) * sizeof *r->edge)) == NULL)
        return dura_error_set(err, DURA_ENOSPC, NULL, 0, NULL, "no memory");
    r->n_edge = 0;
    for (uint32_t i = 0; i < r->n_asset && rc == DURA_OK; i++) {
        rc = refer_member(r, r->asset[i].value, "zone", REG_IS_ZONE, &r->asset[i].zone, err);
        for (int f = 0; f < REG_FLOWS && rc == DURA_OK; f++)
            rc = edges_of(r, (uint16_t)i, f, err);
    }
    if (rc != DURA_OK)
        return rc;
    qsort(r->edge, r->n_edge, sizeof *r->edge, by_ends);
    for (uint32_t i = 1; i < r->n_edge; i++)
        if (by_ends(&r->edge[i - 1], &r->edge[i]) == 0)
            return dura_json_fail(r->doc, r->edge[i - 1].value > r->edge[i].value ? r->edge[i - 1].value : r->edge[i].value,
                                  err, DURA_EINVAL, "%s > %s is said twice", r->asset[r->edge[i].from].id,
                                  r->asset[r->edge[i].to].id);
    return DURA_OK;
}

/* Feedback over the process is normal; an asset that trains or updates itself, over however
 * many others, would approve its own changes. Assets with no way in are taken away until
 * none is left, or a cycle is (Kahn 1962). */
static int no_cycle(const dura_register *r, dura_error *err)
{
    uint32_t *in = calloc(r->n_asset + 1, sizeof *in), *todo = calloc(r->n_asset + 1, sizeof *todo), n = 0;
    int rc = in && todo ? DURA_OK : dura_error_set(err, DURA_ENOSPC, NULL, 0, NULL, "no memory");
    for (uint32_t i = 0; rc == DURA_OK && i < r->n_edge; i++)
        in[r->edge[i].to] += r->edge[i].flow == REG_UPDATES || r->edge[i].flow == REG_TRAINS;
    for (uint32_t i = 0; rc == DURA_OK && i < r->n_asset; i++)
        if (!in[i])
            todo[n++] = i;
    for (uint32_t k = 0; rc == DURA_OK && k < n; k++) {
        reg_edge key = {(uint16_t)todo[k], 0, 0, 0};
        uint32_t lo = 0, hi = r->n_edge;
        while (lo < hi) {
            uint32_t mid = (lo + hi) / 2;
            if (r->edge[mid].from < key.from)
                lo = mid + 1;
            else
                hi = mid;
        }
        for (; lo < r->n_edge && r->edge[lo].from == key.from; lo++)
            if ((r->edge[lo].flow == REG_UPDATES || r->edge[lo].flow == REG_TRAINS) && --in[r->edge[lo].to] == 0)
                todo[n++] = r->edge[lo].to;
    }
    for (uint32_t i = 0; rc == DURA_OK && i < r->n_edge; i++)
        if ((r->edge[i].flow == REG_UPDATES || r->edge[i].flow == REG_TRAINS) && in[r->edge[i].to] && in[r->edge[i].from])
            rc = dura_json_fail(r->doc, r->edge[i].value, err, DURA_EINVAL,
                                "a cycle: %s would train or update itself over %s", r->asset[r->edge[i].to].id,
                                r->asset[r->edge[i].from].id);
    free(in);
    free(todo);
    return rc;
}

/* ---- entries ------------------------------------------------------------------------------------- */

/* Each step of a path is an edge of the assets. */
static int walk_path(const dura_register *r, const reg_entry *e, dura_error *err)
{
    uint32_t v = dura_json_member(r->doc, e->value, "path");
    for (uint32_t i = 1; i < e->path.n; i++)
        if (durai_reg_edge(r, e->path.at[i - 1], e->path.at[i]) == REG_NONE)
            return dura_json_fail(r->doc, v, err, DURA_ENOENT, "the assets have no edge %s > %s",
                                  r->asset[e->path.at[i - 1]].id, r->asset[e->path.at[i]].id);
    return DURA_OK;
}

/* [["S-1", "M-1"], ...]: edges of the boundary that the entry has looked at. */
static int refer_edges(dura_register *r, reg_entry *e, dura_error *err)
{
    uint32_t v = dura_json_member(r->doc, e->value, "edges");
    int rc = DURA_OK;
    if (v == DURA_JSON_NONE)
        return DURA_OK;
    if ((rc = dura_json_want(r->doc, v, DURA_JSON_ARRAY, 0, 1024, err)) != DURA_OK)
        return rc;
    if ((e->edges.at = durai_reg_take(&r->arena, (dura_json_count(r->doc, v) + 1) * sizeof *e->edges.at)) == NULL)
        return dura_error_set(err, DURA_ENOSPC, NULL, 0, NULL, "no memory");
    for (uint32_t i = dura_json_first(r->doc, v); i != DURA_JSON_NONE; i = dura_json_next(r->doc, i)) {
        uint16_t from, to;
        if ((rc = dura_json_want(r->doc, i, DURA_JSON_ARRAY, 2, 2, err)) != DURA_OK ||
            (rc = refer(r, dura_json_first(r->doc, i), REG_IS_ASSET, &from, err)) != DURA_OK ||
            (rc = refer(r, dura_json_next(r->doc, dura_json_first(r->doc, i)), REG_IS_ASSET, &to, err)) != DURA_OK)
            return rc;
        uint32_t at = durai_reg_edge(r, from, to);
        if (at == REG_NONE)
            return dura_json_fail(r->doc, i, err, DURA_ENOENT, "the assets have no edge %s > %s", r->asset[from].id,
                                  r->asset[to].id);
        e->edges.at[e->edges.n++] = (uint16_t)at;
    }
    return DURA_OK;
}

static int compensating_zones(const dura_register *r, const reg_entry *e, dura_error *err)
{
    uint32_t v = dura_json_member(r->doc, e->value, "compensating");
    uint16_t zone;
    int rc = DURA_OK;
    for (uint32_t i = dura_json_first(r->doc, v); i != DURA_JSON_NONE && rc == DURA_OK; i = dura_json_next(r->doc, i))
        rc = refer_member(r, i, "zone", REG_IS_ZONE, &zone, err);
    return rc;
}

static int resolve_entry(dura_register *r, reg_entry *e, dura_error *err)
{
    uint32_t origin = dura_json_member(r->doc, e->value, "origin");
    int rc = refer_member(r, e->value, "asset", REG_IS_ASSET, &e->asset, err);
    if (rc == DURA_OK)
        rc = refer_list(r, origin, "aia", REG_IS_AIA, &e->aia, err);
    if (rc == DURA_OK)
        rc = refer_list(r, origin, "hazards", REG_IS_HAZARD, &e->hazards, err);
    if (rc == DURA_OK)
        rc = refer_list(r, e->value, "path", REG_IS_ASSET, &e->path, err);
    if (rc == DURA_OK)
        rc = refer_list(r, e->value, "conduits", REG_IS_CONDUIT, &e->conduits, err);
    if (rc == DURA_OK)
        rc = refer_list(r, e->value, "controls", REG_IS_CONTROL, &e->controls, err);
    if (rc == DURA_OK)
        rc = walk_path(r, e, err);
    if (rc == DURA_OK)
        rc = refer_edges(r, e, err);
    return rc == DURA_OK ? compensating_zones(r, e, err) : rc;
}

int durai_reg_resolve(dura_register *r, dura_error *err)
{
    int rc = name_all(r, err);
    for (uint32_t i = 0; i < r->n_conduit && rc == DURA_OK; i++) {
        rc = refer_member(r, r->conduit[i].value, "from", REG_IS_ZONE, &r->conduit[i].from, err);
        if (rc == DURA_OK)
            rc = refer_member(r, r->conduit[i].value, "to", REG_IS_ZONE, &r->conduit[i].to, err);
    }
    if (rc == DURA_OK)
        rc = join_all(r, err);
    if (rc == DURA_OK)
        rc = no_cycle(r, err);
    for (uint32_t i = 0; i < r->n_control && rc == DURA_OK; i++)
        rc = refer_list(r, r->control[i].value, "on", REG_IS_ASSET, &r->control[i].on, err);
    for (uint32_t i = 0; i < r->n_entry && rc == DURA_OK; i++)
        rc = resolve_entry(r, &r->entry[i], err);
    return rc;
}
