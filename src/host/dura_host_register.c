/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The register's reader: JSON objects to structs. The first error stays (sticky), so that a
 * reader is the list of its members; ids become indexes in dura_host_register_resolve.c.
 */
#include "dura_host_register_priv.h"

#include <dura/host/crypto.h>

#include <stdlib.h>
#include <string.h>

#include "../base/dura_base_priv.h"

typedef struct reader {
    dura_register *r;
    const dura_json *d;
    dura_error *err;
    int rc;
} reader;

/* ---- one member ----------------------------------------------------------------------------- */

int durai_reg_get_id(const dura_json *doc, uint32_t value, const char **out, dura_error *err)
{
    int rc = dura_json_get_text(doc, value, 1, 48, out, err);
    for (const char *p = rc == DURA_OK ? *out : ""; *p; p++)
        if (!((*p >= '0' && *p <= '9') || ((*p | 32) >= 'a' && (*p | 32) <= 'z') || strchr("._-", *p)))
            return dura_json_fail(doc, value, err, DURA_EINVAL, "\"%s\": an id is letters, digits, '.', '_' and '-'",
                                  *out);
    return rc;
}

int durai_reg_get_date(const dura_json *doc, uint32_t value, uint32_t *out, dura_error *err)
{
    const char *s;
    uint32_t v = 0;
    int rc = dura_json_get_text(doc, value, 10, 10, &s, err);
    if (rc != DURA_OK)
        return rc;
    for (int i = 0; i < 10; i++) {
        int dash = i == 4 || i == 7;
        if (dash ? s[i] != '-' : s[i] < '0' || s[i] > '9')
            v = UINT32_MAX;
        else if (!dash && v != UINT32_MAX)
            v = v * 10 + (uint32_t)(s[i] - '0');
    }
    uint32_t month = v / 100 % 100, day = v % 100;
    if (v == UINT32_MAX || v < 19700101 || month < 1 || month > 12 || day < 1 || day > 31)
        return dura_json_fail(doc, value, err, DURA_EINVAL, "\"%s\": want a date like \"2026-11-23\"", s);
    *out = v;
    return DURA_OK;
}

/* The member; an error when it must be there and is not. */
static uint32_t get(reader *x, uint32_t object, const char *name, int must)
{
    if (x->rc != DURA_OK)
        return DURA_JSON_NONE;
    uint32_t v = dura_json_member(x->d, object, name);
    if (v == DURA_JSON_NONE && must)
        x->rc = dura_json_fail(x->d, object, x->err, DURA_EINVAL, "%s is missing", name);
    return v;
}

static const char *text(reader *x, uint32_t object, const char *name, int must)
{
    const char *s = "";
    uint32_t v = get(x, object, name, must);
    if (v != DURA_JSON_NONE)
        x->rc = dura_json_get_text(x->d, v, 1, 1000, &s, x->err);
    return x->rc == DURA_OK ? s : "";
}

static const char *name_of(reader *x, uint32_t object, const char *name, int must)
{
    const char *s = "";
    uint32_t v = get(x, object, name, must);
    if (v != DURA_JSON_NONE)
        x->rc = durai_reg_get_id(x->d, v, &s, x->err);
    return x->rc == DURA_OK ? s : "";
}

static uint32_t number(reader *x, uint32_t object, const char *name, int must, uint32_t lo, uint32_t hi)
{
    int64_t n = 0;
    uint32_t v = get(x, object, name, must);
    if (v != DURA_JSON_NONE)
        x->rc = dura_json_get_int(x->d, v, lo, hi, &n, x->err);
    return (uint32_t)n;
}

static uint8_t word(reader *x, uint32_t object, const char *name, const char *const *words)
{
    uint32_t n = 0, v = get(x, object, name, 1);
    if (v != DURA_JSON_NONE)
        x->rc = dura_json_get_word(x->d, v, words, &n, x->err);
    return (uint8_t)n;
}

static uint32_t date(reader *x, uint32_t object, const char *name, int must)
{
    uint32_t n = 0, v = get(x, object, name, must);
    if (v != DURA_JSON_NONE)
        x->rc = durai_reg_get_date(x->d, v, &n, x->err);
    return n;
}

static void only(reader *x, uint32_t object, const char *const *names)
{
    if (x->rc == DURA_OK)
        x->rc = dura_json_only(x->d, object, names, x->err);
}

/* Entries of an array member, room for them all taken; 0 when it is absent. */
static uint32_t array(reader *x, uint32_t object, const char *name, int must, size_t each, void *out)
{
    uint32_t v = get(x, object, name, must);
    if (v != DURA_JSON_NONE)
        x->rc = dura_json_want(x->d, v, DURA_JSON_ARRAY, 0, DURA_REGISTER_OBJECTS_MAX, x->err);
    uint32_t n = v == DURA_JSON_NONE || x->rc != DURA_OK ? 0 : dura_json_count(x->d, v);
    if (out && each) {
        void *p = durai_reg_take(&x->r->arena, n * each + 1);
        if (!p && x->rc == DURA_OK)
            x->rc = dura_error_set(x->err, DURA_ENOSPC, NULL, 0, NULL, "no memory");
        memcpy(out, &p, sizeof p);
    }
    return x->rc == DURA_OK ? n : 0;
}

#define EACH(x, object, name, v)                                                          \
    for (uint32_t v = dura_json_first((x)->d, dura_json_member((x)->d, object, name));     \
         v != DURA_JSON_NONE && (x)->rc == DURA_OK; v = dura_json_next((x)->d, v))

/* A list of texts of which only the number counts, each checked against a catalogue (-1: none). */
static uint32_t catalogued(reader *x, uint32_t object, const char *name, int catalog)
{
    uint32_t n = array(x, object, name, 0, 0, NULL);
    EACH(x, object, name, v) {
        const char *s;
        char wrong[300];
        x->rc = dura_json_get_text(x->d, v, 1, 1000, &s, x->err);
        if (x->rc == DURA_OK && catalog >= 0 && !durai_reg_known(catalog, s, NULL, wrong, sizeof wrong))
            x->rc = dura_json_fail(x->d, v, x->err, DURA_ENOENT, "\"%s\" %s", s, wrong);
    }
    return n;
}

/* ---- objects ---------------------------------------------------------------------------------- */

static void levels(reader *x, uint32_t object, uint8_t out[REG_FR])
{
    uint32_t v = get(x, object, "sl_t", 1);
    only(x, v, durai_reg_fr);
    for (int i = 0; i < REG_FR && x->rc == DURA_OK; i++)
        out[i] = (uint8_t)number(x, v, durai_reg_fr[i], 1, 0, 4);
}

static void read_product(reader *x, uint32_t v)
{
    static const char *const names[] = {"id", "version", "intended_use", "class", "safety_component", "owners",
                                        "risk_matrix", "tolerable", NULL};
    static const char *const owners[] = {"box", "brain", NULL};
    uint32_t row = 0, safety;
    int b;
    only(x, v, names);
    x->r->product = text(x, v, "id", 1);
    (void)text(x, v, "version", 1);
    (void)text(x, v, "intended_use", 1);
    (void)text(x, v, "class", 0);
    safety = get(x, v, "safety_component", 0);
    if (safety != DURA_JSON_NONE)
        x->rc = dura_json_get_bool(x->d, safety, &b, x->err);
    uint32_t o = get(x, v, "owners", 1);
    only(x, o, owners);
    (void)text(x, o, "box", 1);
    (void)text(x, o, "brain", 1);
    uint32_t m = get(x, v, "risk_matrix", 1);
    if (x->rc == DURA_OK)
        x->rc = dura_json_want(x->d, m, DURA_JSON_ARRAY, REG_LIKELIHOODS, REG_LIKELIHOODS, x->err);
    EACH(x, v, "risk_matrix", line) {
        uint32_t column = 0;
        x->rc = dura_json_want(x->d, line, DURA_JSON_ARRAY, REG_SEVERITIES, REG_SEVERITIES, x->err);
        for (uint32_t c = dura_json_first(x->d, line); c != DURA_JSON_NONE && x->rc == DURA_OK;
             c = dura_json_next(x->d, c), column++) {
            int64_t n = 0;
            uint8_t(*at)[REG_SEVERITIES] = x->r->matrix;
            x->rc = dura_json_get_int(x->d, c, 1, 99, &n, x->err);
            at[row][column] = (uint8_t)n;
            if (x->rc == DURA_OK && ((row && n < at[row - 1][column]) || (column && n < at[row][column - 1])))
                x->rc = dura_json_fail(x->d, c, x->err, DURA_EINVAL,
                                       "a risk must not fall where likelihood or severity rises");
        }
        row++;
    }
    x->r->tolerable = (uint8_t)number(x, v, "tolerable", 1, 1, 99);
}

static void read_zone(reader *x, uint32_t v, uint32_t i)
{
    static const char *const names[] = {"id", "title", "sl_t", NULL};
    reg_zone *z = &x->r->zone[i];
    only(x, v, names);
    z->value = v;
    z->id = name_of(x, v, "id", 1);
    (void)text(x, v, "title", 0);
    levels(x, v, z->sl_t);
}

static void read_conduit(reader *x, uint32_t v, uint32_t i)
{
    static const char *const names[] = {"id", "title", "from", "to", "protocol", "direction", NULL};
    static const char *const directions[] = {"to", "from", "both", NULL};
    only(x, v, names);
    x->r->conduit[i].value = v;
    x->r->conduit[i].id = name_of(x, v, "id", 1);
    (void)text(x, v, "title", 0);
    (void)name_of(x, v, "from", 1);
    (void)name_of(x, v, "to", 1);
    (void)text(x, v, "protocol", 1);
    (void)word(x, v, "direction", directions);
}

static void read_asset(reader *x, uint32_t v, uint32_t i)
{
    static const char *const names[] = {"id", "title", "kind", "zone", "owner", "part", "bus", "stream",
                                        "retention_days", "channels", "inputs", "drives", "updates", "trains", "logs",
                                        NULL};
    reg_asset *a = &x->r->asset[i];
    only(x, v, names);
    a->value = v;
    a->id = name_of(x, v, "id", 1);
    (void)text(x, v, "title", 0);
    a->kind = word(x, v, "kind", durai_reg_kinds);
    a->owner = word(x, v, "owner", durai_reg_owners);
    (void)name_of(x, v, "zone", 1);
    a->part = text(x, v, "part", 0);
    a->bus = text(x, v, "bus", 0);
    a->stream = text(x, v, "stream", 0);
    a->retention_days = number(x, v, "retention_days", 0, 1, 36525);
    (void)catalogued(x, v, "channels", -1);
    for (int f = 0; f < REG_FLOWS; f++)
        x->r->n_edge += array(x, v, durai_reg_flows[f], 0, 0, NULL);
}

static void read_aia(reader *x, uint32_t v, uint32_t i)
{
    static const char *const names[] = {"id", "title", "document", "sha256", "version", "date", "approver",
                                        "intended_use", "unintended_uses", "data_quality", "affected_parties",
                                        "harms", "benefits", "thresholds", NULL};
    reg_aia *a = &x->r->aia[i];
    only(x, v, names);
    a->value = v;
    a->id = name_of(x, v, "id", 1);
    a->document = text(x, v, "document", 1);
    a->date = date(x, v, "date", 1);
    for (int k = 1; k <= 13; k++)
        if (k != 2 && k != 3 && k != 5)
            (void)text(x, v, names[k], k == 4 || k == 6);      /* version and approver are wanted */
    uint32_t digest = get(x, v, "sha256", 1);
    if (x->rc == DURA_OK)
        x->rc = dura_json_get_hex(x->d, digest, a->sha256, 32, x->err);
    if (x->rc == DURA_OK && (a->document[0] == '/' || strstr(a->document, "..")))
        x->rc = dura_json_fail(x->d, v, x->err, DURA_EINVAL, "document must lie beside the register: \"%s\"",
                               a->document);
}

static void read_hazard(reader *x, uint32_t v, uint32_t i)
{
    static const char *const names[] = {"id", "title", "reference", "severity", "safe_state", "safety_time_ms", NULL};
    reg_hazard *h = &x->r->hazard[i];
    only(x, v, names);
    h->value = v;
    h->id = name_of(x, v, "id", 1);
    (void)text(x, v, "title", 0);
    (void)text(x, v, "reference", 1);
    h->severity = (uint8_t)number(x, v, "severity", 1, 1, REG_SEVERITIES);
    (void)text(x, v, "safe_state", 1);
    h->safety_ms = number(x, v, "safety_time_ms", 1, 1, 86400000);
}

static void read_control(reader *x, uint32_t v, uint32_t i)
{
    static const char *const names[] = {"id", "title", "hook", "parameters_sha256", "on", "self_test",
                                        "armed_percent", "delay_s", "reacts_ms", NULL};
    reg_control *c = &x->r->control[i];
    uint8_t digest[32];
    only(x, v, names);
    c->value = v;
    c->id = name_of(x, v, "id", 1);
    (void)text(x, v, "title", 0);
    c->hook = word(x, v, "hook", durai_reg_hook_names);
    uint32_t p = get(x, v, "parameters_sha256", 0);
    if (p != DURA_JSON_NONE)
        x->rc = dura_json_get_hex(x->d, p, digest, 32, x->err);
    (void)array(x, v, "on", 1, 0, NULL);
    (void)text(x, v, "self_test", 0);
    c->armed_percent = (uint8_t)number(x, v, "armed_percent", 1, 1, 100);
    c->delay_s = number(x, v, "delay_s", 0, 1, 1000000000);
    c->reacts_ms = number(x, v, "reacts_ms", 0, 1, 86400000);
}

static void read_waiver(reader *x, uint32_t v, uint32_t i)
{
    static const char *const names[] = {"rule", "where", "reason", "who", "until", NULL};
    static const char *const rules[] = {"boundary", "B1", "B2", "B3", "B4", "B5", "B6", "B7", "B8", "B9", "B10",
                                        "B11", "B12", "B13", "B14", "B15", "B16", "B17", "B19", NULL};
    reg_waiver *w = &x->r->waiver[i];
    only(x, v, names);
    w->value = v;
    w->rule = word(x, v, "rule", rules);
    w->rule = (uint8_t)(w->rule == 18 ? 19 : w->rule); /* that a waiver has ended cannot be waived */
    w->where = text(x, v, "where", 1);
    w->reason = text(x, v, "reason", 1);
    w->who = text(x, v, "who", 1);
    w->until = date(x, v, "until", 1);
}

/* ---- entries ------------------------------------------------------------------------------------ */

static reg_rating rating(reader *x, uint32_t entry, const char *name)
{
    static const char *const names[] = {"likelihood", "severity", NULL};
    reg_rating g = {1, 1, 0};
    uint32_t v = get(x, entry, name, 1);
    only(x, v, names);
    g.likelihood = (uint8_t)number(x, v, "likelihood", 1, 1, REG_LIKELIHOODS);
    g.severity = (uint8_t)number(x, v, "severity", 1, 1, REG_SEVERITIES);
    if (x->rc == DURA_OK)
        g.figure = x->r->matrix[g.likelihood - 1][g.severity - 1];
    return g;
}

/* {who, reason}: somebody answers for it with a name. */
static int signed_reason(reader *x, uint32_t object, const char *name)
{
    static const char *const names[] = {"who", "reason", NULL};
    uint32_t v = get(x, object, name, 0);
    if (v == DURA_JSON_NONE)
        return 0;
    only(x, v, names);
    (void)text(x, v, "who", 1);
    (void)text(x, v, "reason", 1);
    return 1;
}

static void read_need(reader *x, uint32_t v, reg_need *q)
{
    static const char *const names[] = {"id", "fr", "sl_t", "sl_c", "override", NULL};
    uint8_t family = REG_FR;
    only(x, v, names);
    q->value = v;
    q->id = text(x, v, "id", 1);
    q->fr = word(x, v, "fr", durai_reg_fr);
    q->sl_t = (uint8_t)number(x, v, "sl_t", 1, 0, 4);
    q->sl_c = (uint8_t)number(x, v, "sl_c", 1, 0, 4);
    q->overridden = (uint8_t)signed_reason(x, v, "override");
    char wrong[300];
    if (x->rc == DURA_OK && !durai_reg_known(REG_CAT_62443, q->id, &family, wrong, sizeof wrong))
        x->rc = dura_json_fail(x->d, v, x->err, DURA_ENOENT, "\"%s\" %s", q->id, wrong);
    else if (x->rc == DURA_OK && family != REG_FR && family != q->fr)
        x->rc = dura_json_fail(x->d, v, x->err, DURA_EINVAL, "%s belongs to %s, not to %s", q->id,
                               durai_reg_fr[family], durai_reg_fr[q->fr]);
}

static void read_needs(reader *x, uint32_t entry, reg_entry *e)
{
    static const char *const names[] = {"62443", "42001", "law", NULL};
    uint32_t v = get(x, entry, "requirements", 0), i = 0;
    if (v == DURA_JSON_NONE)
        return;
    only(x, v, names);
    e->n_needs = array(x, v, "62443", 0, sizeof *e->need, &e->need);
    EACH(x, v, "62443", item)
        read_need(x, item, &e->need[i++]);
    e->n_42001 = catalogued(x, v, "42001", REG_CAT_42001);
    (void)catalogued(x, v, "law", REG_CAT_LAW);
}

/* A compensating countermeasure counts for the requirement it names, with its evidence. */
static void read_compensating(reader *x, uint32_t entry, reg_entry *e)
{
    static const char *const names[] = {"for", "what", "where", "zone", "evidence", NULL};
    e->compensations = array(x, entry, "compensating", 0, 0, NULL);
    EACH(x, entry, "compensating", v) {
        only(x, v, names);
        const char *what_for = text(x, v, "for", 1);
        int found = 0;
        (void)text(x, v, "what", 1);
        (void)text(x, v, "where", 1);
        (void)name_of(x, v, "zone", 1);
        (void)text(x, v, "evidence", 1);
        for (uint32_t k = 0; k < e->n_needs; k++)
            if (strcmp(e->need[k].id, what_for) == 0)
                e->need[k].compensated = 1, found = 1;
        if (x->rc == DURA_OK && !found)
            x->rc = dura_json_fail(x->d, v, x->err, DURA_ENOENT, "for: the entry has no requirement \"%s\"", what_for);
    }
}

static void read_acceptance(reader *x, uint32_t entry, reg_entry *e)
{
    static const char *const names[] = {"who", "role", "until", "reason", NULL};
    uint32_t v = get(x, entry, "acceptance", 0);
    if (v == DURA_JSON_NONE)
        return;
    only(x, v, names);
    (void)text(x, v, "who", 1);
    (void)text(x, v, "role", 1);
    (void)text(x, v, "reason", 1);
    e->accepted_until = date(x, v, "until", 1);
}

static void read_history(reader *x, uint32_t entry)
{
    static const char *const names[] = {"date", "who", "what", NULL};
    (void)array(x, entry, "history", 0, 0, NULL);
    EACH(x, entry, "history", v) {
        only(x, v, names);
        (void)date(x, v, "date", 1);
        (void)text(x, v, "who", 1);
        (void)text(x, v, "what", 1);
    }
}

/* What `dura drill --register` puts in for this entry, by name. */
static void read_drills(reader *x, uint32_t entry)
{
    (void)array(x, entry, "drills", 0, 0, NULL);
    EACH(x, entry, "drills", v) {
        uint32_t n;
        if (x->rc == DURA_OK)
            x->rc = dura_json_get_word(x->d, v, durai_reg_drills, &n, x->err);
    }
}

static void read_entry(reader *x, uint32_t v, uint32_t i)
{
    static const char *const names[] = {"id", "title", "cause", "origin", "threats", "asset", "path", "edges",
                                        "conduits", "unmitigated", "requirements", "compensating", "controls",
                                        "residual", "acceptance", "one_sided", "status", "reviewed", "history",
                                        "reasons", "drills", NULL};
    static const char *const origins[] = {"aia", "hazards", "threat_model", NULL};
    static const char *const states[] = {"draft", "open", "treated", "accepted", "closed", NULL};
    reg_entry *e = &x->r->entry[i];
    only(x, v, names);
    e->value = v;
    e->id = name_of(x, v, "id", 1);
    (void)text(x, v, "title", 1);
    e->cause = word(x, v, "cause", durai_reg_causes);
    uint32_t o = get(x, v, "origin", 1);
    only(x, o, origins);
    e->threat_model = catalogued(x, o, "threat_model", -1);
    (void)catalogued(x, v, "threats", REG_CAT_THREAT);
    (void)catalogued(x, v, "reasons", -1);
    read_drills(x, v);
    (void)name_of(x, v, "asset", 1);
    e->before = rating(x, v, "unmitigated");
    e->after = rating(x, v, "residual");
    read_needs(x, v, e);
    read_compensating(x, v, e);
    read_acceptance(x, v, e);
    read_history(x, v);
    e->one_sided = (uint8_t)signed_reason(x, v, "one_sided");
    e->draft = word(x, v, "status", states) == 0;
    e->reviewed = date(x, v, "reviewed", 1);
}

/* ---- the whole ------------------------------------------------------------------------------------ */

static void read_list(reader *x, const char *name, size_t each, void *out, uint32_t *n,
                      void (*one)(reader *, uint32_t, uint32_t))
{
    uint32_t i = 0;
    *n = array(x, DURA_JSON_ROOT, name, 1, each, out);
    EACH(x, DURA_JSON_ROOT, name, v)
        one(x, v, i++);
}

static int read_all(dura_register *r, dura_error *err)
{
    static const char *const names[] = {"dura_register", "product", "zones", "conduits", "assets",
                                        "impact_assessments", "hazards", "entries", "controls", "waivers", NULL};
    reader x = {r, r->doc, err, DURA_OK};
    only(&x, DURA_JSON_ROOT, names);
    (void)number(&x, DURA_JSON_ROOT, "dura_register", 1, 1, 1);
    uint32_t product = get(&x, DURA_JSON_ROOT, "product", 1);
    if (x.rc == DURA_OK)
        read_product(&x, product);
    read_list(&x, "zones", sizeof *r->zone, &r->zone, &r->n_zone, read_zone);
    read_list(&x, "conduits", sizeof *r->conduit, &r->conduit, &r->n_conduit, read_conduit);
    read_list(&x, "assets", sizeof *r->asset, &r->asset, &r->n_asset, read_asset);
    read_list(&x, "impact_assessments", sizeof *r->aia, &r->aia, &r->n_aia, read_aia);
    read_list(&x, "hazards", sizeof *r->hazard, &r->hazard, &r->n_hazard, read_hazard);
    read_list(&x, "controls", sizeof *r->control, &r->control, &r->n_control, read_control);
    read_list(&x, "entries", sizeof *r->entry, &r->entry, &r->n_entry, read_entry);
    read_list(&x, "waivers", sizeof *r->waiver, &r->waiver, &r->n_waiver, read_waiver);
    return x.rc;
}

static int take_digest(dura_register *r)
{
    char *p;
    size_t n;
    int rc = dura_register_canonical(r->doc, DURA_JSON_ROOT, &p, &n);
    if (rc != DURA_OK)
        return rc;
    dura_sha256_query(r->digest, p, n);
    dura_register_free(p);
    return DURA_OK;
}

/* The document is the register's from here on, also when it is refused. */
static int from_json(dura_json *doc, dura_register **out, dura_error *err)
{
    dura_register *r = calloc(1, sizeof *r);
    if (!r) {
        dura_json_deinit(doc);
        return dura_error_set(err, DURA_ENOSPC, NULL, 0, NULL, "no memory");
    }
    r->doc = doc;
    int rc = read_all(r, err);
    if (rc == DURA_OK)
        rc = durai_reg_resolve(r, err);
    if (rc == DURA_OK && (rc = take_digest(r)) != DURA_OK)
        (void)dura_error_set(err, rc, dura_json_file(doc), 0, NULL, "no digest: %s", dura_strerror(rc));
    if (rc == DURA_OK)
        *out = r;
    else
        dura_register_deinit(r);
    return rc;
}

int dura_register_parse(const char *bytes, size_t len, const char *filename, dura_register **out, dura_error *err)
{
    dura_json *doc;
    if (!out)
        return dura_error_set(err, DURA_EINVAL, filename, 0, NULL, "no place for the register");
    *out = NULL;
    int rc = dura_json_parse(bytes, len, filename, &doc, err);
    return rc == DURA_OK ? from_json(doc, out, err) : rc;
}

int dura_register_load(const char *filename, dura_register **out, dura_error *err)
{
    dura_json *doc;
    if (!out)
        return dura_error_set(err, DURA_EINVAL, filename, 0, NULL, "no place for the register");
    *out = NULL;
    int rc = dura_json_load(filename, &doc, err);
    return rc == DURA_OK ? from_json(doc, out, err) : rc;
}

void dura_register_deinit(dura_register *r)
{
    if (!r)
        return;
    durai_reg_drop(&r->arena);
    dura_json_deinit(r->doc);
    free(r);
}

int dura_register_query(const dura_register *r, dura_register_info *out)
{
    dura_register_info info = DURA_REGISTER_INFO_INIT;
    if (!r || !out)
        return DURA_EINVAL;
    info.zones = r->n_zone;
    info.conduits = r->n_conduit;
    info.assets = r->n_asset;
    info.edges = r->n_edge;
    info.assessments = r->n_aia;
    info.hazards = r->n_hazard;
    info.entries = r->n_entry;
    info.controls = r->n_control;
    info.waivers = r->n_waiver;
    memcpy(info.digest, r->digest, sizeof info.digest);
    return durai_struct_out(out, &info, sizeof info, sizeof info);
}
