/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From fifteen lines about a product to a register: assets and flows as they are, conduits where
 * a flow changes zones, a hazard for each actuator, and an entry for each model and cause, data
 * set, update channel and log - with the translation's reason for every proposal. All of it is
 * marked draft, and drafts cover nothing.
 */
#include "dura_host_register_priv.h"

#include <dura/host/translate.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A flow between two assets of the product. */
typedef struct flow {
    uint16_t from, to;
    uint8_t kind;
} flow;

typedef struct product {
    const dura_json *d;
    dura_error *err;
    uint32_t *asset;         /* values */
    uint8_t *kind;
    uint32_t n, n_flow, cap;
    flow *flow;
    int safety;
} product;

/* ---- reading the product ------------------------------------------------------------------- */

static int find_asset(const product *p, uint32_t value, uint16_t *out)
{
    const char *id, *other;
    int rc = durai_reg_get_id(p->d, value, &id, p->err);
    for (uint32_t i = 0; i < p->n && rc == DURA_OK; i++)
        if (dura_json_get_text(p->d, dura_json_member(p->d, p->asset[i], "id"), 1, 48, &other, NULL) == DURA_OK &&
            strcmp(id, other) == 0) {
            *out = (uint16_t)i;
            return DURA_OK;
        }
    return rc == DURA_OK ? dura_json_fail(p->d, value, p->err, DURA_ENOENT, "there is no asset \"%s\"", id) : rc;
}

/* What it means that one kind acts on another. */
static uint8_t flow_of(uint8_t from, uint8_t to)
{
    if (to == REG_LOG || to == REG_DATASET)
        return REG_LOGS;
    if (from == REG_DATASET)
        return REG_TRAINS;
    if (from == REG_UPDATE)
        return REG_UPDATES;
    return to == REG_MODEL || to == REG_BRAIN_PART ? REG_INPUTS : REG_DRIVES;
}

static int add_flow(product *p, uint16_t from, uint16_t to)
{
    for (uint32_t i = 0; i < p->n_flow; i++)
        if (p->flow[i].from == from && p->flow[i].to == to)
            return DURA_OK;              /* chains may share steps */
    if (p->n_flow == p->cap) {
        uint32_t cap = 2 * p->cap + 64;
        flow *more = realloc(p->flow, cap * sizeof *more);
        if (!more)
            return dura_error_set(p->err, DURA_ENOSPC, NULL, 0, NULL, "no memory");
        p->flow = more;
        p->cap = cap;
    }
    p->flow[p->n_flow++] = (flow){from, to, flow_of(p->kind[from], p->kind[to])};
    return DURA_OK;
}

static int read_chain(product *p, uint32_t chain)
{
    uint16_t from = 0, to = 0;
    int rc = dura_json_want(p->d, chain, DURA_JSON_ARRAY, 2, 64, p->err), first = 1;
    for (uint32_t v = dura_json_first(p->d, chain); v != DURA_JSON_NONE && rc == DURA_OK; v = dura_json_next(p->d, v)) {
        rc = find_asset(p, v, &to);
        if (rc == DURA_OK && !first)
            rc = add_flow(p, from, to);
        from = to;
        first = 0;
    }
    return rc;
}

/* Said at the asset: in the draft a conduit would stumble over it first. */
static int find_zone(const product *p, uint32_t value)
{
    const char *id, *other;
    uint32_t list = dura_json_member(p->d, DURA_JSON_ROOT, "zones");
    int rc = durai_reg_get_id(p->d, value, &id, p->err);
    for (uint32_t v = dura_json_first(p->d, list); v != DURA_JSON_NONE && rc == DURA_OK; v = dura_json_next(p->d, v))
        if (dura_json_get_text(p->d, dura_json_member(p->d, v, "id"), 1, 48, &other, NULL) == DURA_OK && strcmp(id, other) == 0)
            return DURA_OK;
    return rc == DURA_OK ? dura_json_fail(p->d, value, p->err, DURA_ENOENT, "there is no zone \"%s\" in zones", id) : rc;
}

static int read_assets(product *p)
{
    static const char *const names[] = {"id", "title", "kind", "zone", "owner", "part", "bus", "stream",
                                        "retention_days", NULL};
    uint32_t list = dura_json_member(p->d, DURA_JSON_ROOT, "assets"), kind = 0;
    int rc = dura_json_want(p->d, list, DURA_JSON_ARRAY, 1, 1024, p->err);
    uint32_t n = rc == DURA_OK ? dura_json_count(p->d, list) : 0;
    const char *id;
    p->asset = calloc(n + 1, sizeof *p->asset);
    p->kind = calloc(n + 1, 1);
    if (!p->asset || !p->kind)
        return dura_error_set(p->err, DURA_ENOSPC, NULL, 0, NULL, "no memory");
    for (uint32_t v = dura_json_first(p->d, list); v != DURA_JSON_NONE && rc == DURA_OK; v = dura_json_next(p->d, v)) {
        rc = dura_json_only(p->d, v, names, p->err);
        if (rc == DURA_OK)
            rc = dura_json_get_word(p->d, dura_json_member(p->d, v, "kind"), durai_reg_kinds, &kind, p->err);
        if (rc == DURA_OK)
            rc = durai_reg_get_id(p->d, dura_json_member(p->d, v, "id"), &id, p->err);
        if (rc == DURA_OK)
            rc = find_zone(p, dura_json_member(p->d, v, "zone"));
        p->kind[p->n] = (uint8_t)kind;
        p->asset[p->n++] = v;
    }
    return rc;
}

static int read_product(product *p)
{
    static const char *const names[] = {"dura_product", "product", "zones", "assets", "flows", NULL};
    int64_t one;
    uint32_t about = dura_json_member(p->d, DURA_JSON_ROOT, "product");
    int rc = dura_json_only(p->d, DURA_JSON_ROOT, names, p->err);
    if (rc == DURA_OK)
        rc = dura_json_get_int(p->d, dura_json_member(p->d, DURA_JSON_ROOT, "dura_product"), 1, 1, &one, p->err);
    if (rc == DURA_OK)
        rc = dura_json_want(p->d, about, DURA_JSON_OBJECT, 1, 64, p->err);
    if (rc == DURA_OK && dura_json_member(p->d, about, "class") == DURA_JSON_NONE)
        rc = dura_json_fail(p->d, about, p->err, DURA_EINVAL,
                            "class is missing: what is it sold as (\"machinery\", \"vehicle\", \"medical device\", ...)?");
    if (rc == DURA_OK && dura_json_member(p->d, about, "safety_component") == DURA_JSON_NONE)
        rc = dura_json_fail(p->d, about, p->err, DURA_EINVAL,
                            "safety_component is missing: would its failure endanger people (true or false)?");
    if (rc == DURA_OK)
        rc = dura_json_get_bool(p->d, dura_json_member(p->d, about, "safety_component"), &p->safety, p->err);
    if (rc == DURA_OK)
        rc = read_assets(p);
    uint32_t list = dura_json_member(p->d, DURA_JSON_ROOT, "flows");
    if (rc == DURA_OK)
        rc = dura_json_want(p->d, list, DURA_JSON_ARRAY, 1, 4096, p->err);
    for (uint32_t v = dura_json_first(p->d, list); v != DURA_JSON_NONE && rc == DURA_OK; v = dura_json_next(p->d, v))
        rc = read_chain(p, v);
    return rc;
}

/* ---- writing what is there --------------------------------------------------------------------- */

static const char *text_of(const product *p, uint32_t object, const char *name)
{
    const char *s = "";
    if (dura_json_get_text(p->d, dura_json_member(p->d, object, name), 1, 1000, &s, NULL) != DURA_OK)
        s = "";
    return s;
}

static void copy(durai_reg_text *t, const product *p, uint32_t value)
{
    if (durai_reg_write(t, p->d, value, -1) != DURA_OK)
        durai_reg_say(t, "null");            /* the register's reader says what is wrong with it */
}

static void write_product(durai_reg_text *t, const product *p)
{
    uint32_t about = dura_json_member(p->d, DURA_JSON_ROOT, "product");
    durai_reg_say(t, "{\n \"dura_register\": 1,\n \"product\": {");
    for (uint32_t v = dura_json_first(p->d, about); v != DURA_JSON_NONE; v = dura_json_next(p->d, v)) {
        durai_reg_quote(t, dura_json_name(p->d, v));
        durai_reg_say(t, ": ");
        copy(t, p, v);
        durai_reg_say(t, ", ");
    }
    durai_reg_say(t, "\"risk_matrix\": [[1, 1, 2, 3], [1, 2, 3, 4], [2, 3, 4, 6], [2, 4, 6, 8], [3, 5, 8, 9]], "
                     "\"tolerable\": 3},\n");
}

/* One number means all seven. */
static void write_zone(durai_reg_text *t, const product *p, uint32_t zone)
{
    int64_t all;
    uint32_t first = 1;
    durai_reg_say(t, "  {");
    for (uint32_t v = dura_json_first(p->d, zone); v != DURA_JSON_NONE; v = dura_json_next(p->d, v), first = 0) {
        const char *name = dura_json_name(p->d, v);
        durai_reg_say(t, first ? "" : ", ");
        durai_reg_quote(t, name);
        durai_reg_say(t, ": ");
        if (strcmp(name, "sl_t") == 0 && dura_json_get_int(p->d, v, 0, 4, &all, NULL) == DURA_OK) {
            for (int f = 0; f < REG_FR; f++)
                durai_reg_say(t, "%s\"%s\": %d", f ? ", " : "{", durai_reg_fr[f], (int)all);
            durai_reg_say(t, "}");
        } else {
            copy(t, p, v);
        }
    }
    durai_reg_say(t, "}");
}

static void write_conduits(durai_reg_text *t, const product *p)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < p->n_flow; i++) {
        const char *a = text_of(p, p->asset[p->flow[i].from], "zone"), *b = text_of(p, p->asset[p->flow[i].to], "zone");
        int known = strcmp(a, b) == 0;
        for (uint32_t k = 0; k < i && !known; k++) {
            const char *x = text_of(p, p->asset[p->flow[k].from], "zone"), *y = text_of(p, p->asset[p->flow[k].to], "zone");
            known = (strcmp(a, x) == 0 && strcmp(b, y) == 0) || (strcmp(a, y) == 0 && strcmp(b, x) == 0);
        }
        if (!known)
            durai_reg_say(t, "%s  {\"id\": \"C-%u\", \"from\": \"%.48s\", \"to\": \"%.48s\", \"protocol\": \"draft: name it\", "
                             "\"direction\": \"both\"}", n ? ",\n" : "\n", (unsigned)n + 1, a, b);
        n += !known;
    }
}

static void write_asset(durai_reg_text *t, const product *p, uint16_t i)
{
    uint32_t first = 1;
    durai_reg_say(t, "  {");
    for (uint32_t v = dura_json_first(p->d, p->asset[i]); v != DURA_JSON_NONE; v = dura_json_next(p->d, v), first = 0) {
        durai_reg_say(t, first ? "" : ", ");
        durai_reg_quote(t, dura_json_name(p->d, v));
        durai_reg_say(t, ": ");
        copy(t, p, v);
    }
    for (uint8_t f = 0; f < REG_FLOWS; f++) {
        uint32_t n = 0;
        for (uint32_t k = 0; k < p->n_flow; k++) {
            const flow *x = &p->flow[k];
            if (x->kind == f && (f == REG_INPUTS ? x->to : x->from) == i)
                durai_reg_say(t, "%s\"%s\"", n++ ? ", " : f == REG_INPUTS  ? ", \"inputs\": ["
                                                        : f == REG_DRIVES  ? ", \"drives\": ["
                                                        : f == REG_UPDATES ? ", \"updates\": ["
                                                        : f == REG_TRAINS  ? ", \"trains\": ["
                                                                           : ", \"logs\": [",
                              text_of(p, p->asset[f == REG_INPUTS ? x->from : x->to], "id"));
        }
        durai_reg_say(t, n ? "]" : "");
    }
    durai_reg_say(t, "}");
}

static void write_hazards(durai_reg_text *t, const product *p)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < p->n; i++)
        if (p->kind[i] == REG_ACTUATOR) {
            durai_reg_say(t, "%s  {\"id\": \"H-%u\", \"title\": \"%.48s does what it should not\", \"reference\": \"draft: name the "
                             "row of the HAZOP or HARA\", \"severity\": %d, \"safe_state\": \"draft: name it\", \"safety_time_ms\": 1000}",
                          n ? ",\n" : "\n", (unsigned)n + 1, text_of(p, p->asset[i], "id"), p->safety ? 4 : 3);
            n++;
        }
}

static void write_parts(durai_reg_text *t, const product *p)
{
    uint32_t n = 0, zones = dura_json_member(p->d, DURA_JSON_ROOT, "zones");
    write_product(t, p);
    durai_reg_say(t, " \"zones\": [\n");
    for (uint32_t v = dura_json_first(p->d, zones); v != DURA_JSON_NONE; v = dura_json_next(p->d, v)) {
        durai_reg_say(t, n++ ? ",\n" : "");
        write_zone(t, p, v);
    }
    durai_reg_say(t, "\n ],\n \"conduits\": [");
    write_conduits(t, p);
    durai_reg_say(t, "\n ],\n \"assets\": [\n");
    for (uint32_t i = 0; i < p->n; i++) {
        durai_reg_say(t, i ? ",\n" : "");
        write_asset(t, p, (uint16_t)i);
    }
    durai_reg_say(t, "\n ],\n \"impact_assessments\": [],\n \"hazards\": [");
    write_hazards(t, p);
    durai_reg_say(t, "\n ],\n \"controls\": [],\n \"waivers\": [],\n \"entries\": [");
}

/* ---- entries, over the register without them -------------------------------------------------------- */

typedef struct draft {
    const dura_register *r;
    durai_reg_text *t;
    dura_translation *said;
    uint32_t n;              /* entries so far */
    int safety;
    dura_error *err;
} draft;

/* The first neighbour of a kind: who acts on the asset (back), or whom it acts on. */
static uint16_t neighbour(const dura_register *r, uint16_t asset, uint8_t kind, int back)
{
    for (uint32_t i = 0; i < r->n_edge; i++) {
        uint16_t here = back ? r->edge[i].to : r->edge[i].from, there = back ? r->edge[i].from : r->edge[i].to;
        if (here == asset && r->asset[there].kind == kind)
            return there;
    }
    return REG_NONE;
}

static uint32_t sensors_at(const dura_register *r, uint16_t asset)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < r->n_edge; i++)
        n += r->edge[i].to == asset && r->asset[r->edge[i].from].kind == REG_SENSOR;
    return n;
}

/* Where the risk goes: sensor, the model, actuator; or the asset, its model, its actuator. */
static uint32_t path_of(const dura_register *r, uint16_t asset, uint16_t out[4])
{
    uint32_t n = 0;
    uint16_t model = asset, sensor, end;
    if (r->asset[asset].kind == REG_LOG) {
        if ((model = neighbour(r, asset, REG_MODEL, 1)) != REG_NONE)
            out[n++] = model;
        out[n++] = asset;
        return n;
    }
    if (r->asset[asset].kind == REG_MODEL) {
        if ((sensor = neighbour(r, asset, REG_SENSOR, 1)) != REG_NONE)
            out[n++] = sensor;
    } else {
        out[n++] = asset;
        model = neighbour(r, asset, REG_MODEL, 0);
    }
    if (model != REG_NONE) {
        out[n++] = model;
        if ((end = neighbour(r, model, REG_ACTUATOR, 0)) != REG_NONE)
            out[n++] = end;
    }
    return n;
}

static void list_of(draft *x, const char *name, int kind)
{
    uint32_t n = 0;
    durai_reg_say(x->t, "\"%s\": [", name);
    for (uint32_t i = 0; i < x->said->n; i++) {
        const dura_translate_line *l = &x->said->line[i];
        if (l->kind != kind || l->flags & DURA_LINE_OVERRIDDEN || (kind == DURA_LINE_REQUIREMENT && !l->value))
            continue;
        durai_reg_say(x->t, n++ ? ", " : "");
        if (kind == DURA_LINE_REQUIREMENT)
            durai_reg_say(x->t, "{\"id\": \"%s\", \"fr\": \"%s\", \"sl_t\": %u, \"sl_c\": 0}", l->id, dura_fr_name(l->fr), l->sl_t);
        else
            durai_reg_say(x->t, "\"%s\"", l->id);
    }
    durai_reg_say(x->t, "]");
}

static uint32_t shared_hooks(const draft *x, const dura_bridge_row *row)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < x->said->n; i++)
        for (const char *const *h = row->hooks; x->said->line[i].kind == DURA_LINE_HOOK && *h; h++)
            n += strcmp(*h, x->said->line[i].id) == 0;
    return n;
}

/* The three techniques of ATLAS against which most of the entry's hooks count. */
static void threats_for(draft *x, const dura_bridge_row *best[3])
{
    uint32_t score[3] = {0, 0, 0};
    const dura_bridge_row *row;
    for (uint32_t n = 0; (row = dura_bridge_at(n)) != NULL; n++) {
        uint32_t s = row->kind == DURA_BRIDGE_MAPPED && strncmp(row->from, "AML.", 4) == 0 ? shared_hooks(x, row) : 0;
        for (int i = 0; i < 3; i++)
            if (s > score[i]) {
                for (int k = 2; k > i; k--)
                    score[k] = score[k - 1], best[k] = best[k - 1];
                score[i] = s;
                best[i] = row;
                break;
            }
    }
}

static void reason(draft *x, uint32_t *n, const char *id, const char *text)
{
    char line[1000];
    int len = snprintf(line, sizeof line, "%s%s%s", id, *id ? ": " : "", text);
    if (len < 0 || (size_t)len >= sizeof line)
        return;                          /* a cut text may end inside a character */
    durai_reg_say(x->t, "%s\n    ", (*n)++ ? "," : "");
    durai_reg_quote(x->t, line);
}

/* A hook that can close an entry of this cause; the others are told by the translation. */
static int closes(const char *hook, int cause)
{
    for (uint32_t i = 0; durai_reg_hook_names[i]; i++)
        if (strcmp(durai_reg_hook_names[i], hook) == 0)
            return durai_reg_hooks[i].causes >> cause & 1;
    return 0;
}

static void reasons(draft *x, int cause, const dura_bridge_row *const best[3])
{
    uint32_t n = 0;
    durai_reg_say(x->t, ",\n   \"reasons\": [");
    reason(x, &n, "", "drafted by a program: read it, correct it, then set status to open; until then it covers nothing");
    reason(x, &n, "likelihood 3", "nobody has said how often; residual is unmitigated until a control has earned less");
    for (uint32_t i = 0; i < x->said->n; i++) {
        const dura_translate_line *l = &x->said->line[i];
        int tells = l->kind == DURA_LINE_PATH || l->kind == DURA_LINE_RAISED ||
                    (l->kind == DURA_LINE_HOOK && closes(l->id, cause)) ||
                    l->kind == DURA_LINE_DEMAND || l->kind == DURA_LINE_CONTROL ||
                    (l->kind == DURA_LINE_REQUIREMENT && l->value);
        if (tells)
            reason(x, &n, l->id, l->reason);
    }
    for (int i = 0; i < 3; i++)
        if (best[i])
            reason(x, &n, best[i]->from, best[i]->reason);
    durai_reg_say(x->t, "\n   ]}");
}

/* Edges of the boundary next to the asset, for the person to go through. */
static void edges_at(draft *x, uint16_t asset)
{
    const dura_register *r = x->r;
    uint32_t n = 0;
    durai_reg_say(x->t, ",\n   \"edges\": [");
    for (uint32_t i = 0; i < r->n_edge; i++) {
        const reg_asset *a = &r->asset[r->edge[i].from], *b = &r->asset[r->edge[i].to];
        if ((r->edge[i].from == asset || r->edge[i].to == asset) && (a->owner != b->owner || a->zone != b->zone))
            durai_reg_say(x->t, "%s[\"%s\", \"%s\"]", n++ ? ", " : "", a->id, b->id);
    }
    durai_reg_say(x->t, "]");
}

static void conduits_at(draft *x, uint16_t asset)
{
    const dura_register *r = x->r;
    uint32_t n = 0;
    durai_reg_say(x->t, ", \"conduits\": [");
    for (uint32_t i = 0; i < r->n_conduit; i++)
        if (r->conduit[i].from == r->asset[asset].zone || r->conduit[i].to == r->asset[asset].zone)
            durai_reg_say(x->t, "%s\"%s\"", n++ ? ", " : "", r->conduit[i].id);
    durai_reg_say(x->t, "]");
}

/* Number of the hazard of an actuator: they were written in the assets' order. */
static uint32_t hazard_of(const dura_register *r, uint16_t actuator)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i <= actuator; i++)
        n += r->asset[i].kind == REG_ACTUATOR;
    return n;
}

static int translate(draft *x, uint16_t asset, int cause, const uint16_t *path, uint32_t n)
{
    const dura_register *r = x->r;
    const reg_zone *z = &r->zone[r->asset[asset].zone];
    dura_translate_entry e = DURA_TRANSLATE_ENTRY_INIT;
    e.asset = (uint8_t)(r->asset[asset].kind + 1);       /* the same order as DURA_ASSET_* */
    e.cause = (uint8_t)(cause + 1);
    e.severity = x->safety ? 4 : 3;
    e.severity_top = REG_SEVERITIES;
    memcpy(e.sl_t, z->sl_t, sizeof e.sl_t);
    e.zone = z->id;
    for (uint32_t i = 0; i < n; i++) {
        if (r->asset[path[i]].kind == REG_ACTUATOR)
            e.reach = DURA_REACH_ACTUATOR;
        if (r->asset[path[i]].kind == REG_MODEL)
            e.second_channel = sensors_at(r, path[i]) > 1;
        e.crosses |= i && r->asset[path[i]].zone != r->asset[path[i - 1]].zone;
    }
    memset(x->said, 0, sizeof *x->said);
    x->said->struct_size = sizeof *x->said;
    return dura_translate(&e, NULL, 0, x->said, x->err);
}

static int draft_entry(draft *x, uint16_t asset, int cause)
{
    const dura_register *r = x->r;
    const dura_bridge_row *best[3] = {NULL, NULL, NULL};
    uint16_t path[4];
    uint32_t n = path_of(r, asset, path), hazard = 0;
    int severity = x->safety ? 4 : 3, rc = translate(x, asset, cause, path, n);
    if (rc != DURA_OK)
        return rc;
    if (n && r->asset[path[n - 1]].kind == REG_ACTUATOR)
        hazard = hazard_of(r, path[n - 1]);
    if (cause == REG_ATTACK)
        threats_for(x, best);
    durai_reg_say(x->t, "%s\n  {\"id\": \"R-%02u\", \"title\": \"draft: %s at %s\", \"cause\": \"%s\",\n   ", x->n ? "," : "",
                  (unsigned)x->n + 1, durai_reg_causes[cause], r->asset[asset].id, durai_reg_causes[cause]);
    x->n++;
    durai_reg_say(x->t, "\"origin\": {\"aia\": [], \"hazards\": [");
    if (hazard)
        durai_reg_say(x->t, "\"H-%u\"", (unsigned)hazard);
    durai_reg_say(x->t, "]}, \"threats\": [");
    for (int i = 0; i < 3; i++)
        if (best[i])
            durai_reg_say(x->t, "%s\"%s\"", i ? ", " : "", best[i]->from);
    durai_reg_say(x->t, "], \"asset\": \"%s\", \"path\": [", r->asset[asset].id);
    for (uint32_t i = 0; i < n; i++)
        durai_reg_say(x->t, "%s\"%s\"", i ? ", " : "", r->asset[path[i]].id);
    durai_reg_say(x->t, "]");
    edges_at(x, asset);
    conduits_at(x, asset);
    durai_reg_say(x->t, ",\n   \"unmitigated\": {\"likelihood\": 3, \"severity\": %d}, \"residual\": {\"likelihood\": 3, "
                        "\"severity\": %d},\n   \"requirements\": {", severity, severity);
    list_of(x, "62443", DURA_LINE_REQUIREMENT);
    durai_reg_say(x->t, ", ");
    list_of(x, "42001", DURA_LINE_CONTROL);
    durai_reg_say(x->t, "},\n   \"controls\": [], \"status\": \"draft\", \"reviewed\": \"1970-01-01\"");
    reasons(x, cause, best);
    return DURA_OK;
}

static int draft_entries(draft *x)
{
    int rc = DURA_OK;
    for (uint32_t i = 0; i < x->r->n_asset && rc == DURA_OK; i++) {
        uint8_t kind = x->r->asset[i].kind;
        for (int cause = REG_FAULT; cause <= REG_ATTACK && rc == DURA_OK; cause++)
            if (kind == REG_MODEL || ((kind == REG_DATASET || kind == REG_UPDATE || kind == REG_LOG) && cause == REG_ATTACK))
                rc = draft_entry(x, (uint16_t)i, cause);
    }
    return rc;
}

/* ---- the whole -------------------------------------------------------------------------------------------- */

static int finish(durai_reg_text *t, const product *p, char **out, dura_register **r)
{
    size_t len;
    durai_reg_say(t, "\n ]\n}\n");
    int rc = durai_reg_done(t, out, &len);
    if (rc != DURA_OK)
        return dura_error_set(p->err, rc, NULL, 0, NULL, "no memory");
    rc = dura_register_parse(*out, len, dura_json_file(p->d), r, p->err);
    if (rc != DURA_OK && p->err)
        p->err->line = 0;                /* of the draft: the path says where it is in the product */
    return rc;
}

static int with_entries(const product *p, const dura_register *r, char **out)
{
    durai_reg_text t = {0};
    dura_register *whole = NULL;
    draft x = {r, &t, malloc(sizeof *x.said), 0, p->safety, p->err};
    int rc = x.said ? DURA_OK : dura_error_set(p->err, DURA_ENOSPC, NULL, 0, NULL, "no memory");
    if (rc == DURA_OK) {
        write_parts(&t, p);
        rc = draft_entries(&x);
    }
    free(x.said);
    if (rc != DURA_OK) {
        free(t.p);
        return rc;
    }
    free(*out);
    *out = NULL;
    rc = finish(&t, p, out, &whole);
    dura_register_deinit(whole);
    return rc;
}

int dura_register_draft(const dura_json *doc, int entries, char **out, dura_error *err)
{
    product p = {doc, err, NULL, NULL, 0, 0, 0, NULL, 0};
    durai_reg_text t = {0};
    dura_register *r = NULL;
    if (!doc || !out)
        return dura_error_set(err, DURA_EINVAL, NULL, 0, NULL, "no product");
    *out = NULL;
    int rc = read_product(&p);
    if (rc == DURA_OK) {
        write_parts(&t, &p);
        rc = finish(&t, &p, out, &r);
    }
    if (rc == DURA_OK && entries)
        rc = with_entries(&p, r, out);
    if (rc != DURA_OK) {
        free(*out);
        *out = NULL;
    }
    dura_register_deinit(r);
    free(p.asset);
    free(p.kind);
    free(p.flow);
    return rc;
}
