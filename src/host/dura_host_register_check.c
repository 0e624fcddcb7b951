/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The blind-spot finder: what the rules need to know in one pass over the register, then the
 * boundary matrix, the waivers and the order of what was found. The rules are in
 * dura_host_register_rules.c.
 */
#include "dura_host_register_check.h"

#include <dura/host/crypto.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../base/dura_base_priv.h"
#include "dura_host_files_priv.h"

enum { OPTIONS_V1 = offsetof(dura_register_options, drill) };
#define DURAI_OPTION_DRILL(o) ((o)->struct_size >= sizeof *(o) ? (o)->drill : NULL)

/* ---- what is said ------------------------------------------------------------------------ */

void durai_reg_found(check *c, int rule, uint32_t value, const char *subject, const char *text, const char *fix)
{
    char path[128];
    if (c->rc != DURA_OK)
        return;
    if (c->n == c->cap) {
        uint32_t cap = 2 * c->cap + 64;
        dura_finding *more = realloc(c->finding, cap * sizeof *more);
        if (!more) {
            c->rc = DURA_ENOSPC;
            return;
        }
        c->finding = more;
        c->cap = cap;
    }
    const char *where = dura_json_path(c->r->doc, value, path, sizeof path);
    c->finding[c->n++] = (dura_finding){(uint8_t)rule, 0, subject, durai_reg_print(&c->arena, "%s", where), text, fix, ""};
    if (!subject || !text || !fix || !c->finding[c->n - 1].path)
        c->rc = DURA_ENOSPC;
}

/* ---- what is known -------------------------------------------------------------------------- */

static void *room(check *c, size_t n)
{
    void *p = durai_reg_take(&c->arena, n + 1);
    if (!p)
        c->rc = DURA_ENOSPC;
    return p;
}

/* Edges are sorted by from; `back` has them by to, from in[asset] up to in[asset + 1]. */
static void index_edges(check *c)
{
    const dura_register *r = c->r;
    c->in = room(c, (r->n_asset + 2) * sizeof *c->in);
    c->back = room(c, (r->n_edge + 1) * sizeof *c->back);
    if (c->rc != DURA_OK)
        return;
    for (uint32_t i = 0; i < r->n_edge; i++)
        c->in[r->edge[i].to + 1]++;
    for (uint32_t i = 0; i < r->n_asset; i++)
        c->in[i + 1] += c->in[i];
    uint32_t *next = room(c, (r->n_asset + 1) * sizeof *next);
    if (!next)
        return;
    memcpy(next, c->in, r->n_asset * sizeof *next);
    for (uint32_t i = 0; i < r->n_edge; i++)
        c->back[next[r->edge[i].to]++] = (uint16_t)i;
}

uint32_t durai_reg_upstream(check *c, uint16_t asset, uint16_t *order, uint8_t *seen)
{
    uint32_t n = 0;
    order[n++] = asset;
    seen[asset] = 1;
    for (uint32_t k = 0; k < n; k++)
        for (uint32_t i = c->in[order[k]]; i < c->in[order[k] + 1]; i++) {
            const reg_edge *e = &c->r->edge[c->back[i]];
            if (e->flow <= REG_DRIVES && !seen[e->from]) {
                seen[e->from] = 1;
                order[n++] = e->from;
            }
        }
    return n;
}

/* Which assets act on an actuator, over any number of others. */
static void reach_actuators(check *c)
{
    const dura_register *r = c->r;
    c->acts = room(c, r->n_asset);
    uint16_t *todo = room(c, (r->n_asset + 1) * sizeof *todo);
    uint32_t n = 0;
    if (c->rc != DURA_OK)
        return;
    for (uint32_t i = 0; i < r->n_asset; i++)
        if (r->asset[i].kind == REG_ACTUATOR && !c->acts[i])
            c->acts[i] = 1, todo[n++] = (uint16_t)i;
    for (uint32_t k = 0; k < n; k++)
        for (uint32_t i = c->in[todo[k]]; i < c->in[todo[k] + 1]; i++) {
            uint16_t from = r->edge[c->back[i]].from;
            if (!c->acts[from])
                c->acts[from] = 1, todo[n++] = from;
        }
}

uint8_t durai_reg_worst(const dura_register *r, const reg_entry *e)
{
    uint8_t worst = e->before.severity;
    for (uint32_t k = 0; k < e->hazards.n; k++)
        worst = r->hazard[e->hazards.at[k]].severity > worst ? r->hazard[e->hazards.at[k]].severity : worst;
    return worst;
}

/* What the entry has looked at. A draft has looked at nothing: a program wrote it. */
static void mark_covered(check *c, const reg_entry *e)
{
    c->touched[e->asset] |= (uint8_t)(1u << e->cause);
    for (uint32_t k = 0; k < e->path.n; k++)
        c->touched[e->path.at[k]] |= (uint8_t)(1u << e->cause);
    for (uint32_t k = 0; k < e->edges.n; k++)
        c->looked[e->edges.at[k]] |= (uint8_t)(1u << e->cause);
    for (uint32_t k = 0; k < e->conduits.n; k++)
        c->conduit[e->conduits.at[k]] = 1;
}

static void mark_entries(check *c)
{
    const dura_register *r = c->r;
    for (uint32_t i = 0; i < r->n_entry; i++) {
        const reg_entry *e = &r->entry[i];
        if (!e->draft)
            mark_covered(c, e);
        for (uint32_t k = 0; k < e->controls.n; k++)
            c->bound[e->controls.at[k]] = 1;
        uint8_t worst = durai_reg_worst(r, e);
        for (uint32_t k = 0; k < e->path.n; k++)
            if (r->asset[e->path.at[k]].kind == REG_ACTUATOR && worst > c->severity[e->path.at[k]])
                c->severity[e->path.at[k]] = worst;
    }
}

static void know(check *c)
{
    const dura_register *r = c->r;
    c->touched = room(c, r->n_asset);
    c->severity = room(c, r->n_asset);
    c->looked = room(c, r->n_edge);
    c->conduit = room(c, r->n_conduit);
    c->bound = room(c, r->n_control);
    c->evidence = room(c, r->n_control * sizeof *c->evidence);
    c->drilled = room(c, r->n_entry * sizeof *c->drilled);
    c->assessed = room(c, r->n_aia * sizeof *c->assessed);
    index_edges(c);
    if (c->rc != DURA_OK)
        return;
    reach_actuators(c);
    if (c->rc == DURA_OK)
        mark_entries(c);
}

/* ---- evidence, profile, documents --------------------------------------------------------------- */

static int evidence_row(check *c, const dura_json *d, uint32_t v, uint32_t period, dura_error *err)
{
    static const char *const names[] = {"control", "armed_s", "drilled", "caught", NULL};
    static const char *const numbers[] = {"armed_s", "drilled", "caught"};
    int64_t n[3] = {0, 0, 0};
    const char *id;
    int rc = dura_json_only(d, v, names, err);
    if (rc == DURA_OK)
        rc = durai_reg_get_id(d, dura_json_member(d, v, "control"), &id, err);
    for (int i = 0; i < 3 && rc == DURA_OK; i++)
        rc = dura_json_get_int(d, dura_json_member(d, v, numbers[i]), 0, i ? 1000000000 : period, &n[i], err);
    if (rc != DURA_OK)
        return rc;
    uint16_t at = durai_reg_find(c->r, REG_IS_CONTROL, id);
    if (at == REG_NONE)
        return dura_json_fail(d, v, err, DURA_ENOENT, "the register has no control \"%s\"", id);
    if (c->evidence[at].known)
        return dura_json_fail(d, v, err, DURA_EINVAL, "\"%s\" is there twice", id);
    if (n[2] > n[1])
        return dura_json_fail(d, v, err, DURA_EINVAL, "caught more drills than there were");
    c->evidence[at] = (evidence){1, (uint32_t)n[0], (uint32_t)n[1], (uint32_t)n[2]};
    return DURA_OK;
}

static int assessed_row(check *c, const dura_json *d, uint32_t v, dura_error *err)
{
    static const char *const names[] = {"id", "sha256", NULL};
    const char *id;
    uint8_t digest[32];
    int rc = dura_json_only(d, v, names, err);
    if (rc == DURA_OK)
        rc = durai_reg_get_id(d, dura_json_member(d, v, "id"), &id, err);
    if (rc == DURA_OK)
        rc = dura_json_get_hex(d, dura_json_member(d, v, "sha256"), digest, 32, err);
    if (rc != DURA_OK)
        return rc;
    uint16_t at = durai_reg_find(c->r, REG_IS_AIA, id);
    if (at == REG_NONE)
        return dura_json_fail(d, v, err, DURA_ENOENT, "the register has no impact assessment \"%s\"", id);
    c->assessed[at].known = 1;
    memcpy(c->assessed[at].sha256, digest, 32);
    return DURA_OK;
}

static int firmware_hook(check *c, const dura_json *d, uint32_t v, dura_error *err)
{
    uint32_t n;
    int rc = dura_json_get_word(d, v, durai_reg_hook_names, &n, err);
    if (rc == DURA_OK)
        c->firmware |= (uint64_t)1 << n;
    return rc;
}

static int rows(check *c, const dura_json *d, const char *name, dura_error *err,
                int (*one)(check *, const dura_json *, uint32_t, dura_error *))
{
    uint32_t v = dura_json_member(d, DURA_JSON_ROOT, name);
    if (v == DURA_JSON_NONE)
        return DURA_OK;
    int rc = dura_json_want(d, v, DURA_JSON_ARRAY, 0, DURA_REGISTER_OBJECTS_MAX, err);
    for (uint32_t i = dura_json_first(d, v); i != DURA_JSON_NONE && rc == DURA_OK; i = dura_json_next(d, i))
        rc = one(c, d, i, err);
    return rc;
}

static int read_evidence(check *c, const dura_json *d, dura_error *err)
{
    static const char *const names[] = {"dura_evidence", "register", "period_s", "controls", "assessments", "hooks",
                                        NULL};
    int64_t n = 0;
    uint8_t digest[32];
    int rc = dura_json_only(d, DURA_JSON_ROOT, names, err);
    if (rc == DURA_OK)
        rc = dura_json_get_int(d, dura_json_member(d, DURA_JSON_ROOT, "dura_evidence"), 1, 1, &n, err);
    uint32_t of = dura_json_member(d, DURA_JSON_ROOT, "register");
    if (rc == DURA_OK && of != DURA_JSON_NONE && (rc = dura_json_get_hex(d, of, digest, 32, err)) == DURA_OK &&
        memcmp(digest, c->r->digest, 32) != 0)
        rc = dura_json_fail(d, of, err, DURA_EAUTH, "the evidence is of another register, or of another state of it");
    if (rc == DURA_OK)
        rc = dura_json_get_int(d, dura_json_member(d, DURA_JSON_ROOT, "period_s"), 1, UINT32_MAX, &n, err);
    if (rc != DURA_OK)
        return rc;
    c->period = (uint32_t)n;
    uint32_t v = dura_json_member(d, DURA_JSON_ROOT, "controls");
    if ((rc = dura_json_want(d, v, DURA_JSON_ARRAY, 0, DURA_REGISTER_OBJECTS_MAX, err)) != DURA_OK)
        return rc;
    for (uint32_t i = dura_json_first(d, v); i != DURA_JSON_NONE && rc == DURA_OK; i = dura_json_next(d, i))
        rc = evidence_row(c, d, i, c->period, err);
    if (rc == DURA_OK)
        rc = rows(c, d, "assessments", err, assessed_row);
    c->has_hooks = dura_json_member(d, DURA_JSON_ROOT, "hooks") != DURA_JSON_NONE;
    return rc == DURA_OK ? rows(c, d, "hooks", err, firmware_hook) : rc;
}

/* Of this register only: a drill of another state of it knows nothing of this one. */
static int read_drill(check *c, const dura_json *d, dura_error *err)
{
    uint8_t digest[32];
    int64_t n;
    uint32_t of = dura_json_member(d, DURA_JSON_ROOT, "register"), list = dura_json_member(d, DURA_JSON_ROOT, "entries");
    int rc = dura_json_get_int(d, dura_json_member(d, DURA_JSON_ROOT, "dura_drill"), 1, 1, &n, err);
    if (rc == DURA_OK && (rc = dura_json_get_hex(d, of, digest, 32, err)) == DURA_OK && memcmp(digest, c->r->digest, 32) != 0)
        rc = dura_json_fail(d, of, err, DURA_EAUTH, "the drill is of another register, or of another state of it");
    if (rc == DURA_OK)
        rc = dura_json_want(d, list, DURA_JSON_ARRAY, 0, DURA_REGISTER_OBJECTS_MAX, err);
    for (uint32_t v = dura_json_first(d, list); v != DURA_JSON_NONE && rc == DURA_OK; v = dura_json_next(d, v)) {
        const char *id;
        int64_t in = 0, caught = 0;
        rc = durai_reg_get_id(d, dura_json_member(d, v, "entry"), &id, err);
        uint16_t at = rc == DURA_OK ? durai_reg_find(c->r, REG_IS_ENTRY, id) : 0;
        if (rc == DURA_OK && at == REG_NONE)
            rc = dura_json_fail(d, v, err, DURA_ENOENT, "the register has no entry \"%s\"", id);
        if (rc == DURA_OK)
            rc = dura_json_get_int(d, dura_json_member(d, v, "drilled"), 0, 1000000000, &in, err);
        if (rc == DURA_OK)
            rc = dura_json_get_int(d, dura_json_member(d, v, "caught"), 0, in, &caught, err);
        if (rc == DURA_OK)
            c->drilled[at] = (drilled){1, (uint32_t)in, (uint32_t)caught};
    }
    return rc;
}

static int profile_row(check *c, const dura_json *d, uint32_t v, dura_error *err)
{
    static const char *const names[] = {"stream", "days", "source", NULL};
    keep_row row = {0};
    int64_t days = 0;
    int rc = dura_json_only(d, v, names, err);
    if (rc == DURA_OK)
        rc = dura_json_get_text(d, dura_json_member(d, v, "stream"), 1, 48, &row.stream, err);
    if (rc == DURA_OK)
        rc = dura_json_get_int(d, dura_json_member(d, v, "days"), 1, 36525, &days, err);
    if (rc == DURA_OK)
        rc = dura_json_get_text(d, dura_json_member(d, v, "source"), 1, 200, &row.source, err);
    if (rc == DURA_OK && c->n_keep == sizeof c->keep / sizeof *c->keep)
        rc = dura_json_fail(d, v, err, DURA_ELIMIT, "more than %zu streams", sizeof c->keep / sizeof *c->keep);
    if (rc != DURA_OK)
        return rc;
    row.days = (uint32_t)days;
    c->keep[c->n_keep++] = row;
    return DURA_OK;
}

static int read_profile(check *c, const dura_json *d, dura_error *err)
{
    static const char *const names[] = {"dura_profile", "name", "retention", NULL};
    int64_t n;
    int rc = dura_json_only(d, DURA_JSON_ROOT, names, err);
    if (rc == DURA_OK)
        rc = dura_json_get_int(d, dura_json_member(d, DURA_JSON_ROOT, "dura_profile"), 1, 1, &n, err);
    if (rc == DURA_OK)
        rc = dura_json_get_text(d, dura_json_member(d, DURA_JSON_ROOT, "name"), 1, 100, &c->profile, err);
    return rc == DURA_OK ? rows(c, d, "retention", err, profile_row) : rc;
}

/* A document that is not there is known to be missing; one that cannot be read is an error. */
static int hash_documents(check *c, const char *folder, dura_error *err)
{
    for (uint32_t i = 0; i < c->r->n_aia; i++) {
        uint8_t *p;
        size_t n;
        int rc = durai_host_read_in(folder, c->r->aia[i].document, &p, &n, err);
        if (rc != DURA_OK && rc != DURA_ENOENT)
            return rc;
        c->assessed[i].known = 1;
        c->assessed[i].missing = rc == DURA_ENOENT;
        if (rc == DURA_OK) {
            dura_sha256_query(c->assessed[i].sha256, p, n);
            free(p);
        }
    }
    return DURA_OK;
}

static int inputs(check *c, const dura_register_options *o, dura_error *err)
{
    int rc = o->evidence ? read_evidence(c, o->evidence, err) : DURA_OK;
    c->has_evidence = o->evidence != NULL;
    c->has_documents = o->documents != NULL ||
                       (o->evidence && dura_json_member(o->evidence, DURA_JSON_ROOT, "assessments") != DURA_JSON_NONE);
    c->has_drill = DURAI_OPTION_DRILL(o) != NULL;
    if (rc == DURA_OK && c->has_drill)
        rc = read_drill(c, DURAI_OPTION_DRILL(o), err);
    if (rc == DURA_OK && o->profile)
        rc = read_profile(c, o->profile, err);
    if (rc == DURA_OK && o->documents)
        rc = hash_documents(c, o->documents, err);
    return rc;
}

/* ---- boundary --------------------------------------------------------------------------------- */

static const char *boundary(const dura_register *r, const reg_edge *e)
{
    const reg_asset *a = &r->asset[e->from], *b = &r->asset[e->to];
    int owner = a->owner != b->owner, zone = a->zone != b->zone;
    return owner && zone ? "owner and zone" : owner ? "owner" : zone ? "zone" : NULL;
}

static const reg_waiver *waiver_for(const check *c, int rule, const char *subject)
{
    for (uint32_t i = 0; i < c->r->n_waiver; i++) {
        const reg_waiver *w = &c->r->waiver[i];
        if (w->rule == rule && w->until >= c->today && strcmp(w->where, subject) == 0)
            return w;
    }
    return NULL;
}

static void matrix(check *c, dura_findings *f)
{
    const dura_register *r = c->r;
    dura_hole *hole = room(c, (r->n_edge * 3 + 1) * sizeof *hole);
    char where[128];
    for (uint32_t i = 0; i < r->n_edge && c->rc == DURA_OK; i++) {
        const reg_edge *e = &r->edge[i];
        const char *why = boundary(r, e);
        for (int cause = REG_FAULT; why && cause <= REG_ATTACK; cause++) {
            snprintf(where, sizeof where, "%s>%s:%s", r->asset[e->from].id, r->asset[e->to].id,
                     durai_reg_causes[cause]);
            int looked = c->looked[i] >> cause & 1, waived = !looked && waiver_for(c, 0, where) != NULL;
            f->cells++;
            f->covered += (uint32_t)(looked | waived);
            f->not_applicable += (uint32_t)waived;
            if (!looked && !waived)
                hole[f->holes++] = (dura_hole){r->asset[e->from].id, r->asset[e->to].id, durai_reg_causes[cause], why};
        }
    }
    f->hole = hole;
}

/* ---- the whole ---------------------------------------------------------------------------------- */

static void waive(check *c, dura_findings *f)
{
    for (uint32_t i = 0; i < c->n && c->rc == DURA_OK; i++) {
        dura_finding *x = &c->finding[i];
        const reg_waiver *w = c->r->n_waiver ? waiver_for(c, x->rule, x->subject) : NULL;
        if (w) {
            x->waived = 1;
            x->waiver = durai_reg_print(&c->arena, "%s, until %04u-%02u-%02u: %s", w->who, (unsigned)(w->until / 10000),
                                        (unsigned)(w->until / 100 % 100), (unsigned)(w->until % 100), w->reason);
            c->rc = x->waiver ? DURA_OK : DURA_ENOSPC;
        }
        f->waived += x->waived;
    }
    f->count = c->n;
    f->open = f->count - f->waived;
}

/* Every text into one block behind the findings. */
static void *pack_findings(check *c, dura_findings *f)
{
    size_t bytes = 0, holes = f->holes * sizeof(dura_hole);
    for (uint32_t i = 0; i < c->n; i++)
        bytes += strlen(c->finding[i].subject) + strlen(c->finding[i].path) + strlen(c->finding[i].text) +
                 strlen(c->finding[i].fix) + strlen(c->finding[i].waiver) + 5;
    for (uint32_t i = 0; i < f->holes; i++)
        bytes += strlen(f->hole[i].from) + strlen(f->hole[i].to) + 2;
    dura_finding *out = malloc(c->n * sizeof *out + holes + bytes + 1);
    if (!out)
        return NULL;
    dura_hole *hole = (dura_hole *)(void *)(out + c->n);
    char *at = (char *)(hole + f->holes);
    uint32_t k = 0;
#define KEEP(field)                                                                       \
    do {                                                                                  \
        size_t n_ = strlen(field) + 1;                                                    \
        memcpy(at, field, n_);                                                            \
        field = at;                                                                       \
        at += n_;                                                                         \
    } while (0)
    for (int turn = 0; turn < 2 * (DURA_REGISTER_RULES + 1); turn++)     /* waived ones, then by rule */
        for (uint32_t i = 0; i < c->n; i++)
            if (!c->finding[i].waived * (DURA_REGISTER_RULES + 1) + c->finding[i].rule == turn) {
                dura_finding *x = &out[k++];
                *x = c->finding[i];
                KEEP(x->subject);
                KEEP(x->path);
                KEEP(x->text);
                KEEP(x->fix);
                KEEP(x->waiver);
            }
    for (uint32_t i = 0; i < f->holes; i++) {
        hole[i] = f->hole[i];
        KEEP(hole[i].from);
        KEEP(hole[i].to);
    }
    f->finding = out;
    f->hole = hole;
    return out;
}

static uint32_t not_judged(const check *c)
{
    uint32_t bits = 0;
    if (!c->has_evidence)
        bits |= 1u << 4;
    if (!c->has_documents)
        bits |= 1u << 11;
    if (!c->profile)
        bits |= 1u << 15;
    if (!c->has_hooks)
        bits |= 1u << 16;
    if (!c->has_drill)
        bits |= 1u << 18;
    return bits;
}

int dura_register_check(const dura_register *r, const dura_register_options *o, dura_findings *out, dura_error *err)
{
    dura_findings f = DURA_FINDINGS_INIT;
    if (!r || !o || !out || o->struct_size < OPTIONS_V1 || o->today < 19700101)
        return dura_error_set(err, DURA_EINVAL, NULL, 0, "options", "of another version, or without a day");
    check *c = calloc(1, sizeof *c);
    if (!c)
        return dura_error_set(err, DURA_ENOSPC, NULL, 0, NULL, "no memory");
    c->r = r;
    c->today = o->today;
    know(c);
    int rc = c->rc == DURA_OK ? inputs(c, o, err) : c->rc;
    if (rc == DURA_OK) {
        durai_reg_rules(c);
        waive(c, &f);
        matrix(c, &f);
        f.not_judged = not_judged(c);
        f.memory = c->rc == DURA_OK ? pack_findings(c, &f) : NULL;
        rc = c->rc != DURA_OK ? c->rc : f.memory ? DURA_OK : DURA_ENOSPC;
    }
    if (rc == DURA_ENOSPC)
        (void)dura_error_set(err, rc, NULL, 0, NULL, "no memory");
    durai_reg_drop(&c->arena);
    free(c->finding);
    free(c);
    if (rc == DURA_OK && (rc = durai_struct_out(out, &f, sizeof f, sizeof f)) != DURA_OK)
        free(f.memory);
    return rc;
}
