/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Claims: every sentence of the pack that something rests on. Each names its records and the
 * segments they lie in, so that a damaged segment takes exactly those with it.
 *
 * A requirement is as strong as the weakest control of the entries that name it; a risk as
 * the weakest of its own. Controls of 42001 that no device can show are "outside software",
 * never supported.
 */
#include "dura_dossier.h"

#include <dura/gate.h>

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static const char *const practices[] = {
    "SM-9", "SM-11", "SR-2", "SR-5", "SD-3", "SI-1", "SI-2", "SVV-1", "SVV-2", "SVV-3", "SVV-4", "SVV-5", "DM-4", "SUM-1",
    "SUM-2", "SUM-3", "A.5.2", "A.6.2.2", "A.6.2.3", "A.6.2.4", "A.6.2.5", "A.6.2.6", "A.7.2", "A.7.3", "A.7.4", "A.7.5",
    "A.7.6", "A.9.4",
};

const char *dossier_practice(uint32_t bit) { return bit < sizeof practices / sizeof *practices ? practices[bit] : NULL; }

static dossier_claim *add(dossier *d, const char *kind, const char *subject)
{
    if (d->n_claim == d->cap_claim) {
        uint32_t cap = d->cap_claim ? 2 * d->cap_claim : 64;
        dossier_claim *more = realloc(d->claim, cap * sizeof *more);
        if (!more)
            return NULL;
        d->claim = more;
        d->cap_claim = cap;
    }
    dossier_claim *c = &d->claim[d->n_claim++];
    memset(c, 0, sizeof *c);
    c->kind = kind;
    c->strength = -1;
    snprintf(c->subject, sizeof c->subject, "%s", subject);
    snprintf(c->id, sizeof c->id, "%.20s:%.50s", kind, subject);
    return c;
}

const dossier_claim *dossier_find(const dossier *d, const char *id)
{
    for (uint32_t i = 0; i < d->n_claim; i++)
        if (strcmp(d->claim[i].id, id) == 0)
            return &d->claim[i];
    return NULL;
}

const char *dossier_word(const dossier_claim *c)
{
    return c->holds > 0 ? "supported" : c->holds < 0 ? "outside software" : "not supported";
}

/* ---- logs and inventory ---------------------------------------------------------------------- */

static int claim_log(dossier *d)
{
    dossier_claim *c = add(d, "log", "believed");
    if (!c)
        return DURA_ENOSPC;
    c->holds = d->believed;
    c->says = dossier_text(d, "%s: %s", dura_verify_word(d->verify.word), d->verify.text);
    int rc = dossier_join(d, &c->rests, &d->whole);
    c->rests.n_named = 0;
    if (rc == DURA_OK)
        rc = dossier_join(d, &c->rests, &d->seals);
    c->rests.n = d->whole.n;
    return rc;
}

static int claim_inventory(dossier *d)
{
    dossier_claim *c = add(d, "inventory", "CR 7.8");
    if (!c)
        return DURA_ENOSPC;
    int same = strcmp(d->boot_policy, d->policy_sha) == 0 && *d->boot_policy;
    c->holds = d->believed && same && d->bound.resolved == d->bound.decisions;
    c->says = dossier_text(d, "%s, library %s: %" PRIu64 " of %" PRIu64 " decisions resolve to one of %u inventory sets; the policy in the folder is %s",
                           d->policy.name, d->version, d->bound.resolved, d->bound.decisions, (unsigned)d->bound.sets,
                           same ? "the one that ran" : "ANOTHER one than ran");
    int rc = dossier_join(d, &c->rests, &d->boot);
    if (rc == DURA_OK)
        rc = dossier_join(d, &c->rests, &d->releases);
    return rc == DURA_OK ? dossier_join(d, &c->rests, &d->decisions) : rc;
}

static int claim_releases(dossier *d)
{
    if (!d->releases.n)
        return DURA_OK;
    dossier_claim *c = add(d, "releases", "gate");
    if (!c)
        return DURA_ENOSPC;
    c->holds = d->believed;
    c->says = dossier_text(d, "the gate moved %" PRIu64 " times: every release that was offered, kept, refused or rolled back is in the log",
                           d->releases.n);
    return dossier_join(d, &c->rests, &d->releases);
}

/* ---- controls -------------------------------------------------------------------------------- */

static int claim_control(dossier *d, const dossier_control *k)
{
    dossier_claim *c = add(d, "control", k->id);
    if (!c)
        return DURA_ENOSPC;
    c->strength = (int)k->strength;
    c->holds = d->believed && k->strength >= DOSSIER_E_MIN;
    const dura_binding_control *is = &k->is;
    c->says = dossier_text(d, "%s: armed %" PRIu64 ".%03" PRIu64 " s (%u %%), evaluated %" PRIu64 ", fired %" PRIu64 ", blocked %" PRIu64
                           ", self-tests %" PRIu64 " passed and %" PRIu64 " failed, with a verdict %" PRIu64 ", drills %u of %u caught; E%u: %s",
                           k->hook, is->armed_ns / 1000000000, is->armed_ns / 1000000 % 1000, (unsigned)is->armed_percent, is->evaluations,
                           is->fires, is->blocks, is->tests_passed, is->tests_failed, is->verdicts, (unsigned)is->caught,
                           (unsigned)is->drilled, (unsigned)k->strength, k->why);
    c->file = k->strength == DURA_E2 ? "drill.json" : NULL;
    int rc = dossier_join(d, &c->rests, &k->fired);
    if (rc == DURA_OK && k->configured)
        rc = dossier_join(d, &c->rests, &d->boot);
    if (rc == DURA_OK && k->configured)
        rc = dossier_join(d, &c->rests, &d->decisions);
    if (rc == DURA_OK)
        rc = dossier_join(d, &c->rests, &k->tested);
    if (rc == DURA_OK)
        rc = dossier_join(d, &c->rests, &k->verdict);
    return rc;
}

/* What it did, apart from how long it was armed: it rests on fewer segments. */
static int claim_part(dossier *d, const dossier_control *k, const char *kind, const dossier_span *s, const char *what)
{
    if (!s->n)
        return DURA_OK;
    dossier_claim *c = add(d, kind, k->id);
    if (!c)
        return DURA_ENOSPC;
    c->holds = d->believed;
    c->says = dossier_text(d, "%s %s %" PRIu64 " times, from record %" PRIu64 " to %" PRIu64, k->hook, what, s->n, s->first, s->last);
    return dossier_join(d, &c->rests, s);
}

static int claim_controls(dossier *d)
{
    int rc = DURA_OK;
    for (uint32_t i = 0; rc == DURA_OK && i < d->n_control; i++) {
        rc = claim_control(d, &d->control[i]);
        if (rc == DURA_OK)
            rc = claim_part(d, &d->control[i], "fired", &d->control[i].fired, "fired");
        if (rc == DURA_OK)
            rc = claim_part(d, &d->control[i], "tested", &d->control[i].tested, "passed a self-test");
    }
    return rc;
}

static int claim_incidents(dossier *d)
{
    for (uint32_t i = 0; i < d->n_incident; i++) {
        const dossier_incident *k = &d->incident[i];
        char subject[40];
        snprintf(subject, sizeof subject, "%u.%u", (unsigned)k->last.begin.boot, (unsigned)k->last.id);
        dossier_claim *c = add(d, "incident", subject);
        if (!c)
            return DURA_ENOSPC;
        c->holds = d->believed;
        c->says = dossier_text(d, "%s, score %d, %d ahead of the next cause, %s, on %u pieces of evidence",
                               dura_record_name(DURA_NAME_CAUSE, k->last.cause), k->last.score, k->last.margin,
                               dura_record_name(DURA_NAME_INCIDENT, k->last.state), (unsigned)k->last.n_evidence);
        int rc = dossier_join(d, &c->rests, &k->span);
        if (rc != DURA_OK)
            return rc;
    }
    return DURA_OK;
}

/* ---- requirements and risks -------------------------------------------------------------------- */

static const dossier_control *control_of(const dossier *d, const char *id)
{
    for (uint32_t i = 0; i < d->n_control; i++)
        if (strcmp(d->control[i].id, id) == 0)
            return &d->control[i];
    return NULL;
}

/* The controls of one entry weaken or carry a claim. */
static int add_entry(dossier *d, dossier_claim *c, uint32_t entry)
{
    uint32_t list = dura_json_member(d->doc, entry, "controls");
    if (dura_json_count(d->doc, list) == 0)
        c->strength = 0;
    for (uint32_t v = dura_json_first(d->doc, list); v != DURA_JSON_NONE; v = dura_json_next(d->doc, v)) {
        const char *id;
        dura_error err;
        char name[80];
        if (dura_json_get_text(d->doc, v, 1, 100, &id, &err) != DURA_OK)
            continue;
        const dossier_control *k = control_of(d, id);
        snprintf(name, sizeof name, "control:%.60s", id);
        const dossier_claim *of = dossier_find(d, name);
        if (!k || !of)
            continue;
        c->strength = c->strength < 0 || (int)k->strength < c->strength ? (int)k->strength : c->strength;
        c->file = of->file ? of->file : c->file;
        int rc = dossier_join(d, &c->rests, &of->rests);
        if (rc != DURA_OK)
            return rc;
    }
    return DURA_OK;
}

static int names_requirement(const dura_json *j, uint32_t entry, const char *id)
{
    uint32_t r = dura_json_member(j, entry, "requirements"), list = dura_json_member(j, r, "62443");
    for (uint32_t v = dura_json_first(j, list); v != DURA_JSON_NONE; v = dura_json_next(j, v))
        if (strcmp(dossier_str(j, v, "id"), id) == 0)
            return 1;
    return dossier_has(j, r, "42001", id) || dossier_has(j, r, "law", id);
}

static int claim_requirement(dossier *d, const char *id)
{
    char name[80];
    snprintf(name, sizeof name, "requirement:%.60s", id);
    if (dossier_find(d, name))
        return DURA_OK;
    dossier_claim *c = add(d, "requirement", id);
    if (!c)
        return DURA_ENOSPC;
    uint32_t at = d->n_claim - 1, entries = dura_json_member(d->doc, DURA_JSON_ROOT, "entries"), n = 0;
    for (uint32_t e = dura_json_first(d->doc, entries); e != DURA_JSON_NONE; e = dura_json_next(d->doc, e)) {
        if (!names_requirement(d->doc, e, id))
            continue;
        n++;
        int rc = add_entry(d, &d->claim[at], e);
        if (rc != DURA_OK)
            return rc;
    }
    c = &d->claim[at];
    const dura_catalog_item *item = NULL;
    (void)!dura_catalog_resolve(id, &item);
    int outside = item && item->flags & DURA_CATALOG_OUTSIDE;
    c->strength = c->strength < 0 ? 0 : c->strength;
    c->holds = outside ? -1 : d->believed && c->strength >= DOSSIER_E_MIN;
    c->says = dossier_text(d, "%s: E%d, the weakest control of %u entr%s", item ? item->title : "a text of the register", c->strength, (unsigned)n,
                           n == 1 ? "y" : "ies");
    return DURA_OK;
}

static int claim_texts(dossier *d, uint32_t list)
{
    int rc = DURA_OK;
    for (uint32_t v = dura_json_first(d->doc, list); rc == DURA_OK && v != DURA_JSON_NONE; v = dura_json_next(d->doc, v)) {
        const char *id;
        dura_error err;
        if (dura_json_get_text(d->doc, v, 1, 1000, &id, &err) == DURA_OK)
            rc = claim_requirement(d, id);
    }
    return rc;
}

static int claim_entry(dossier *d, uint32_t e)
{
    const dura_json *j = d->doc;
    uint32_t r = dura_json_member(j, e, "requirements"), list = dura_json_member(j, r, "62443");
    dossier_claim *c = add(d, "risk", dossier_str(j, e, "id"));
    if (!c)
        return DURA_ENOSPC;
    int rc = add_entry(d, c, e);
    c->strength = c->strength < 0 ? 0 : c->strength;
    c->holds = d->believed && c->strength >= DOSSIER_E_MIN;
    c->says = dossier_text(d, "%s (%s): E%d, %s", dossier_str(j, e, "title"), dossier_str(j, e, "cause"), c->strength,
                           c->strength >= DOSSIER_E_MIN ? "each of its controls is shown to work" : "at least one of its controls is not shown to work");
    for (uint32_t v = dura_json_first(j, list); rc == DURA_OK && v != DURA_JSON_NONE; v = dura_json_next(j, v))
        rc = claim_requirement(d, dossier_str(j, v, "id"));
    if (rc == DURA_OK)
        rc = claim_texts(d, dura_json_member(j, r, "42001"));
    return rc == DURA_OK ? claim_texts(d, dura_json_member(j, r, "law")) : rc;
}

/* ---- the life cycle ------------------------------------------------------------------------------ */

static dossier_claim *practice_claim(dossier *d, const char *name)
{
    char id[80];
    snprintf(id, sizeof id, "practice:%.60s", name);
    for (uint32_t i = 0; i < d->n_claim; i++)
        if (strcmp(d->claim[i].id, id) == 0)
            return &d->claim[i];
    dossier_claim *c = add(d, "practice", name);
    if (c)
        c->says = dossier_text(d, "no release in this pack attests it");
    return c;
}

static const char *practice_title(const char *id)
{
    const dura_catalog_item *item = NULL;
    (void)!dura_catalog_resolve(id, &item);
    return item ? item->title : id;
}

int dossier_add_release(dossier *d, const char *path, const char *name, dura_error *err)
{
    dura_json *j;
    int rc = dura_json_load(path, &j, err);
    if (rc != DURA_OK)
        return rc;
    uint32_t list = dura_json_member(j, DURA_JSON_ROOT, "practices");
    if (dossier_num(j, DURA_JSON_ROOT, "dura_evidence") != 1 || list == DURA_JSON_NONE)
        rc = dura_error_set(err, DURA_EINVAL, path, 0, "dura_evidence", "is no index that dura release make --attest wrote");
    const char *component = dossier_str(j, DURA_JSON_ROOT, "component"), *subject = dossier_str(j, DURA_JSON_ROOT, "subject");
    for (uint32_t v = dura_json_first(j, list); rc == DURA_OK && v != DURA_JSON_NONE; v = dura_json_next(j, v)) {
        const char *p;
        dura_error quiet;
        if (dura_json_get_text(j, v, 1, 16, &p, &quiet) != DURA_OK)
            continue;
        dossier_claim *c = practice_claim(d, p);
        if (!c) {
            rc = DURA_ENOSPC;
            break;
        }
        c->holds = 1;
        c->file = dossier_text(d, "%s", name);
        c->says = dossier_text(d, "%s: attested for %s %.16s in %s", practice_title(p), component, subject, name);
    }
    dura_json_deinit(j);
    return rc;
}

/* What the policy requires of every release and nothing here shows is a gap. */
static int claim_practices(dossier *d)
{
    const dura_json *p = d->policy_doc;      /* NULL: the folder has no policy.json */
    for (uint32_t bit = 0; p && dossier_practice(bit); bit++) {
        const char *name = dossier_practice(bit);
        if (!dossier_has(p, dura_json_member(p, DURA_JSON_ROOT, "updates"), "require", name))
            continue;
        if (!practice_claim(d, name))
            return DURA_ENOSPC;
    }
    return DURA_OK;
}

/* ---- the records they name ---------------------------------------------------------------------- */

static int by_number(const void *a, const void *b)
{
    const uint64_t x = ((const dossier_record *)a)->gseq, y = ((const dossier_record *)b)->gseq;
    return x < y ? -1 : x > y;
}

static int collect_named(dossier *d)
{
    d->record = dossier_alloc(d, (size_t)d->n_claim * DOSSIER_NAMED * sizeof *d->record);
    if (!d->record)
        return DURA_ENOSPC;
    for (uint32_t i = 0; i < d->n_claim; i++)
        for (uint32_t k = 0; k < d->claim[i].rests.n_named; k++)
            d->record[d->n_record++].gseq = d->claim[i].rests.named[k];
    qsort(d->record, d->n_record, sizeof *d->record, by_number);
    uint32_t n = 0;
    for (uint32_t i = 0; i < d->n_record; i++)
        if (!n || d->record[n - 1].gseq != d->record[i].gseq)
            d->record[n++] = d->record[i];
    d->n_record = n;
    return DURA_OK;
}

static int read_named(dossier *d, dura_error *err)
{
    dura_records *in;
    dura_record r;
    dura_error broken;
    uint32_t at = 0;
    int rc = d->n_record ? dura_records_open(&in, d->run, 0, err) : DURA_OK;
    if (rc != DURA_OK || !d->n_record)
        return rc;
    memset(&r, 0, sizeof r);
    r.struct_size = sizeof r;
    while (at < d->n_record && dura_records_next(in, &r, &broken) == 1) {
        if (r.gseq != d->record[at].gseq)
            continue;
        size_t n = 0;
        (void)!dura_record_json(&r, &d->names, NULL, &n);
        d->record[at].json = n ? dossier_alloc(d, n) : NULL;
        if (d->record[at].json && dura_record_json(&r, &d->names, d->record[at].json, &n) != DURA_OK)
            d->record[at].json[0] = '\0';
        at++;
    }
    dura_records_close(in);
    return DURA_OK;
}

int dossier_claims(dossier *d)
{
    dura_error err;
    int rc = claim_log(d);
    if (rc == DURA_OK)
        rc = claim_inventory(d);
    if (rc == DURA_OK)
        rc = claim_releases(d);
    if (rc == DURA_OK)
        rc = claim_controls(d);
    if (rc == DURA_OK)
        rc = claim_incidents(d);
    uint32_t entries = dura_json_member(d->doc, DURA_JSON_ROOT, "entries");
    for (uint32_t e = dura_json_first(d->doc, entries); rc == DURA_OK && e != DURA_JSON_NONE; e = dura_json_next(d->doc, e))
        rc = claim_entry(d, e);
    if (rc == DURA_OK)
        rc = claim_practices(d);
    if (rc == DURA_OK)
        rc = collect_named(d);
    return rc == DURA_OK ? read_named(d, &err) : rc;
}
