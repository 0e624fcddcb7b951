/* SPDX-License-Identifier: Apache-2.0 */
/*
 * OSCAL assessment results (1.1.2; later 1.x readers take them) and a CycloneDX 1.6 bill of
 * materials with the model in it. Ids are UUIDs of version 5 out of the register's own ids:
 * two exports differ where the facts differ. Times are those of the records.
 */
#include "dura_dossier.h"

#include <dura/base.h>

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define NS "urn:dura:oscal"

static void uuid_of(text *t, const char *key, const dossier *d, const char *kind, const char *subject)
{
    char name[256];
    snprintf(name, sizeof name, "%.60s|%.40s|%.120s", dossier_str(d->doc, dura_json_member(d->doc, DURA_JSON_ROOT, "product"), "id"),
             kind, subject);
    text_uuid(t, key, name);
}

static void prop(text *t, const char *name, const char *value)
{
    text_open(t, NULL, '{');
    text_str(t, "name", name);
    text_str(t, "ns", NS);
    text_str(t, "value", *value ? value : "none");
    text_close(t, '}');
}

static void prop_int(text *t, const char *name, uint64_t value)
{
    char buf[24];
    snprintf(buf, sizeof buf, "%" PRIu64, value);
    prop(t, name, buf);
}

/* ---- observations: what a control did ----------------------------------------------------------- */

static void write_observation(const dossier *d, text *t, const dossier_control *k)
{
    char strength[8];
    snprintf(strength, sizeof strength, "E%u", (unsigned)k->strength);
    text_open(t, NULL, '{');
    uuid_of(t, "uuid", d, "observation", k->id);
    text_fmt(t, "title", "%s: %s", k->id, k->hook);
    text_fmt(t, "description", "%s. %s", k->hook, k->why);
    text_open(t, "props", '[');
    prop(t, "hook", k->hook);
    prop(t, "strength", strength);
    prop_int(t, "armed-ms", k->is.armed_ns / 1000000);
    prop_int(t, "evaluated", k->is.evaluations);
    prop_int(t, "fired", k->is.fires);
    prop_int(t, "blocked", k->is.blocks);
    prop_int(t, "self-tests", k->is.tests_passed);
    prop_int(t, "self-tests-failed", k->is.tests_failed);
    if (k->fired.n) {
        prop_int(t, "first-record", k->fired.first);
        prop_int(t, "last-record", k->fired.last);
    }
    text_close(t, ']');
    text_open(t, "methods", '[');
    text_str(t, NULL, k->strength >= 3 ? "EXAMINE" : "TEST");
    text_close(t, ']');
    text_open(t, "relevant-evidence", '[');
    text_open(t, NULL, '{');
    text_str(t, "href", "claims.json");
    text_fmt(t, "description", "claim control:%s names the records and the segments they lie in", k->id);
    text_close(t, '}');
    text_close(t, ']');
    text_str(t, "collected", d->end);
    text_close(t, '}');
}

/* ---- risks: entries of the register --------------------------------------------------------------- */

static void write_facet(text *t, const char *name, int64_t value)
{
    text_open(t, NULL, '{');
    text_str(t, "name", name);
    text_str(t, "system", "urn:dura:register");
    text_fmt(t, "value", "%d", (int)value);
    text_close(t, '}');
}

static void write_rating(const dossier *d, text *t, uint32_t e, const char *member)
{
    uint32_t r = dura_json_member(d->doc, e, member);
    if (r == DURA_JSON_NONE)
        return;
    text_open(t, NULL, '{');
    text_open(t, "props", '[');
    prop(t, "rating", member);
    text_close(t, ']');
    text_open(t, "origin", '{');
    text_open(t, "actors", '[');
    text_open(t, NULL, '{');
    text_str(t, "type", "party");
    uuid_of(t, "actor-uuid", d, "party", "register");
    text_close(t, '}');
    text_close(t, ']');
    text_close(t, '}');
    text_open(t, "facets", '[');
    write_facet(t, "likelihood", dossier_num(d->doc, r, "likelihood"));
    write_facet(t, "impact", dossier_num(d->doc, r, "severity"));
    text_close(t, ']');
    text_close(t, '}');
}

static void write_threats(const dossier *d, text *t, uint32_t e)
{
    uint32_t list = dura_json_member(d->doc, e, "threats");
    if (!dura_json_count(d->doc, list))
        return;
    text_open(t, "threat-ids", '[');
    for (uint32_t v = dura_json_first(d->doc, list); v != DURA_JSON_NONE; v = dura_json_next(d->doc, v)) {
        const char *id = "";
        dura_error err;
        (void)!dura_json_get_text(d->doc, v, 1, 100, &id, &err);
        int atlas = strncmp(id, "AML.", 4) == 0, cve = strncmp(id, "CVE-", 4) == 0;
        text_open(t, NULL, '{');       /* an id must be a URI: a bare T0831 is refused */
        text_str(t, "system", atlas ? "https://atlas.mitre.org" : cve ? "https://www.cve.org" : "https://attack.mitre.org");
        text_fmt(t, "id", atlas ? "https://atlas.mitre.org/techniques/%s" : cve ? "https://www.cve.org/CVERecord?id=%s"
                                                                             : "https://attack.mitre.org/techniques/%s", id);
        text_close(t, '}');
    }
    text_close(t, ']');
}

static void write_mitigations(const dossier *d, text *t, uint32_t e, const char *risk)
{
    uint32_t list = dura_json_member(d->doc, e, "compensating"), n = 0;
    if (!dura_json_count(d->doc, list))
        return;
    text_open(t, "mitigating-factors", '[');
    for (uint32_t v = dura_json_first(d->doc, list); v != DURA_JSON_NONE; v = dura_json_next(d->doc, v)) {
        char name[120];
        snprintf(name, sizeof name, "%.60s/%u", risk, (unsigned)n++);
        text_open(t, NULL, '{');
        uuid_of(t, "uuid", d, "compensating", name);
        text_fmt(t, "description", "for %s: %s (%s, zone %s). Evidence: %s", dossier_str(d->doc, v, "for"), dossier_str(d->doc, v, "what"),
                 dossier_str(d->doc, v, "where"), dossier_str(d->doc, v, "zone"), dossier_str(d->doc, v, "evidence"));
        text_close(t, '}');
    }
    text_close(t, ']');
}

/* Observations of an entry's controls. */
static void write_related(const dossier *d, text *t, uint32_t e)
{
    for (uint32_t i = 0; i < d->n_control; i++)
        if (dossier_has(d->doc, e, "controls", d->control[i].id)) {
            text_open(t, NULL, '{');
            uuid_of(t, "observation-uuid", d, "observation", d->control[i].id);
            text_close(t, '}');
        }
}

static const char *status_of(const char *status)
{
    return strcmp(status, "closed") == 0 ? "closed" : strcmp(status, "accepted") == 0 ? "deviation-approved" : "open";
}

static void write_risk(const dossier *d, text *t, uint32_t e)
{
    const char *id = dossier_str(d->doc, e, "id");
    text_open(t, NULL, '{');
    uuid_of(t, "uuid", d, "risk", id);
    text_fmt(t, "title", "%s: %s", id, dossier_str(d->doc, e, "title"));
    text_fmt(t, "description", "Cause: %s. Asset: %s.", dossier_str(d->doc, e, "cause"), dossier_str(d->doc, e, "asset"));
    text_str(t, "statement", dossier_str(d->doc, e, "title"));
    text_str(t, "status", status_of(dossier_str(d->doc, e, "status")));
    write_threats(d, t, e);
    text_open(t, "characterizations", '[');
    write_rating(d, t, e, "unmitigated");
    write_rating(d, t, e, "residual");
    text_close(t, ']');
    write_mitigations(d, t, e, id);
    if (dura_json_count(d->doc, dura_json_member(d->doc, e, "controls"))) {
        text_open(t, "related-observations", '[');
        write_related(d, t, e);
        text_close(t, ']');
    }
    text_close(t, '}');
}

/* ---- findings: requirements ------------------------------------------------------------------------- */

static int entry_names(const dura_json *j, uint32_t e, const char *id)
{
    uint32_t r = dura_json_member(j, e, "requirements"), list = dura_json_member(j, r, "62443");
    for (uint32_t v = dura_json_first(j, list); v != DURA_JSON_NONE; v = dura_json_next(j, v))
        if (strcmp(dossier_str(j, v, "id"), id) == 0)
            return 1;
    return dossier_has(j, r, "42001", id) || dossier_has(j, r, "law", id);
}

static void write_links(const dossier *d, text *t, const dossier_claim *c)
{
    uint32_t list = dura_json_member(d->doc, DURA_JSON_ROOT, "entries"), n = 0;
    for (uint32_t i = 0; i < d->n_control; i++) {
        int named = 0;
        for (uint32_t e = dura_json_first(d->doc, list); !named && e != DURA_JSON_NONE; e = dura_json_next(d->doc, e))
            named = entry_names(d->doc, e, c->subject) && dossier_has(d->doc, e, "controls", d->control[i].id);
        if (!named)
            continue;
        if (!n++)
            text_open(t, "related-observations", '[');
        text_open(t, NULL, '{');
        uuid_of(t, "observation-uuid", d, "observation", d->control[i].id);
        text_close(t, '}');
    }
    if (n)
        text_close(t, ']');
    text_open(t, "related-risks", '[');
    for (uint32_t e = dura_json_first(d->doc, list); e != DURA_JSON_NONE; e = dura_json_next(d->doc, e))
        if (entry_names(d->doc, e, c->subject)) {
            text_open(t, NULL, '{');
            uuid_of(t, "risk-uuid", d, "risk", dossier_str(d->doc, e, "id"));
            text_close(t, '}');
        }
    text_close(t, ']');
}

static void write_finding(const dossier *d, text *t, const dossier_claim *c)
{
    char token[96], strength[8];
    snprintf(strength, sizeof strength, "E%d", c->strength);
    text_open(t, NULL, '{');
    uuid_of(t, "uuid", d, "finding", c->subject);
    text_fmt(t, "title", "%s: %s", c->subject, dossier_word(c));
    text_str(t, "description", c->says);
    text_open(t, "props", '[');
    prop(t, "requirement", c->subject);
    prop(t, "strength", strength);
    prop(t, "state", c->holds > 0 ? "supported" : c->holds < 0 ? "outside-software" : "not-supported");
    text_close(t, ']');
    text_open(t, "target", '{');
    text_str(t, "type", "objective-id");
    text_str(t, "target-id", text_token(token, sizeof token, c->subject));
    text_open(t, "status", '{');
    text_str(t, "state", c->holds > 0 ? "satisfied" : "not-satisfied");
    text_str(t, "reason", c->holds > 0 ? "pass" : c->holds < 0 ? "other" : "fail");
    if (c->holds <= 0)
        text_str(t, "remarks", c->holds < 0 ? "outside software: an organisation shows it, no record can" : "no record shows that every control works");
    text_close(t, '}');
    text_close(t, '}');
    write_links(d, t, c);
    text_close(t, '}');
}

/* ---- the document ------------------------------------------------------------------------------------- */

static void write_controls(const dossier *d, text *t)
{
    char token[96];
    text_open(t, "reviewed-controls", '{');
    text_open(t, "control-selections", '[');
    text_open(t, NULL, '{');
    text_open(t, "include-controls", '[');
    for (uint32_t i = 0; i < d->n_claim; i++)
        if (strcmp(d->claim[i].kind, "requirement") == 0) {
            text_open(t, NULL, '{');
            text_str(t, "control-id", text_token(token, sizeof token, d->claim[i].subject));
            text_close(t, '}');
        }
    text_close(t, ']');
    text_close(t, '}');
    text_close(t, ']');
    text_close(t, '}');
}

static void write_metadata(const dossier *d, text *t)
{
    uint32_t product = dura_json_member(d->doc, DURA_JSON_ROOT, "product");
    text_open(t, "metadata", '{');
    text_fmt(t, "title", "%sWhat the records show: %s %s", d->simulated ? "SIMULATED. " : "", dossier_str(d->doc, product, "id"),
             dossier_str(d->doc, product, "version"));
    text_str(t, "last-modified", d->end);
    text_str(t, "version", dura_version());
    text_str(t, "oscal-version", "1.1.2");
    text_open(t, "props", '[');
    prop(t, "evidence", d->simulated ? "simulated" : "recorded");
    prop(t, "logs", dura_verify_word(d->verify.word));
    text_close(t, ']');
    text_open(t, "parties", '[');
    text_open(t, NULL, '{');
    uuid_of(t, "uuid", d, "party", "register");
    text_str(t, "type", "organization");
    text_str(t, "name", "Owner of the register");
    text_close(t, '}');
    text_close(t, ']');
    text_close(t, '}');
}

static void write_backmatter(const dossier *d, text *t)
{
    static const char *const files[2] = {"register.json", "claims.json"};
    text_open(t, "back-matter", '{');
    text_open(t, "resources", '[');
    for (int i = 0; i < 2; i++) {
        text_open(t, NULL, '{');
        uuid_of(t, "uuid", d, "resource", files[i]);
        text_str(t, "title", files[i]);
        text_open(t, "rlinks", '[');
        text_open(t, NULL, '{');
        text_str(t, "href", files[i]);
        text_close(t, '}');
        text_close(t, ']');
        text_close(t, '}');
    }
    text_close(t, ']');
    text_close(t, '}');
}

static void write_result(const dossier *d, text *t)
{
    uint32_t list = dura_json_member(d->doc, DURA_JSON_ROOT, "entries");
    text_open(t, NULL, '{');
    uuid_of(t, "uuid", d, "result", d->register_sha);
    text_fmt(t, "title", "Run of %s", d->policy.name);
    text_fmt(t, "description", "%s%s. Strength: E0 declared, E1 configured, E2 caught every drill, E3 seen alive in the records, E4 fired with a verdict beside it; below E2 nothing is satisfied.",
             d->simulated ? "SIMULATED: no field evidence. " : "", d->verify.text);
    text_str(t, "start", d->begin);
    text_str(t, "end", d->end);
    write_controls(d, t);
    if (d->n_control) {
        text_open(t, "observations", '[');
        for (uint32_t i = 0; i < d->n_control; i++)
            write_observation(d, t, &d->control[i]);
        text_close(t, ']');
    }
    if (dura_json_count(d->doc, list)) {
        text_open(t, "risks", '[');
        for (uint32_t e = dura_json_first(d->doc, list); e != DURA_JSON_NONE; e = dura_json_next(d->doc, e))
            write_risk(d, t, e);
        text_close(t, ']');
        text_open(t, "findings", '[');
        for (uint32_t i = 0; i < d->n_claim; i++)
            if (strcmp(d->claim[i].kind, "requirement") == 0)
                write_finding(d, t, &d->claim[i]);
        text_close(t, ']');
    }
    text_close(t, '}');
}

void dossier_write_results(const dossier *d, text *t)
{
    text_open(t, NULL, '{');
    text_open(t, "assessment-results", '{');
    uuid_of(t, "uuid", d, "assessment-results", d->register_sha);
    write_metadata(d, t);
    text_open(t, "import-ap", '{');
    text_str(t, "href", "register.json");
    text_close(t, '}');
    text_open(t, "results", '[');
    write_result(d, t);
    text_close(t, ']');
    write_backmatter(d, t);
    text_close(t, '}');
    text_close(t, '}');
}

/* ---- bill of materials ------------------------------------------------------------------------------ */

static void write_hash(text *t, const char *hex)
{
    if (!*hex)
        return;
    text_open(t, "hashes", '[');
    text_open(t, NULL, '{');
    text_str(t, "alg", "SHA-256");
    text_str(t, "content", hex);
    text_close(t, '}');
    text_close(t, ']');
}

static void write_part(text *t, const char *type, const char *name, const char *version, const char *sha, const char *says)
{
    text_open(t, NULL, '{');
    text_str(t, "type", type);
    text_str(t, "bom-ref", name);
    text_str(t, "name", name);
    if (*version)
        text_str(t, "version", version);
    text_str(t, "description", says);
    write_hash(t, sha);
    text_close(t, '}');
}

static void write_model(const dossier *d, text *t)
{
    text_open(t, NULL, '{');
    text_str(t, "type", "machine-learning-model");
    text_str(t, "bom-ref", "model");
    text_str(t, "name", "model");
    text_str(t, "description", "the model in the run folder; the start record names the one that drove");
    write_hash(t, d->model_sha);
    text_open(t, "modelCard", '{');
    text_open(t, "modelParameters", '{');
    for (int io = 0; io < 2; io++) {
        text_open(t, io ? "outputs" : "inputs", '[');
        for (uint32_t i = 0; i < (io ? d->policy.n_outputs : d->policy.n_channels); i++) {
            text_open(t, NULL, '{');
            text_str(t, "format", io ? d->output[i] : d->channel[i]);
            text_close(t, '}');
        }
        text_close(t, ']');
    }
    text_close(t, '}');
    text_close(t, '}');
    text_open(t, "properties", '[');
    text_open(t, NULL, '{');
    text_str(t, "name", "dura:model-at-start");
    text_str(t, "value", d->boot_model);
    text_close(t, '}');
    text_close(t, ']');
    text_close(t, '}');
}

void dossier_write_bom(const dossier *d, text *t)
{
    uint32_t product = dura_json_member(d->doc, DURA_JSON_ROOT, "product");
    const char *id = dossier_str(d->doc, product, "id");
    text serial = {NULL, 0, 0, 0, 0};
    text_uuid(&serial, NULL, d->register_sha);
    text_open(t, NULL, '{');
    text_str(t, "bomFormat", "CycloneDX");
    text_str(t, "specVersion", "1.6");
    text_fmt(t, "serialNumber", "urn:uuid:%.36s", serial.failed ? "" : serial.p + 1);
    t->failed |= serial.failed;
    free(serial.p);
    text_int(t, "version", 1);
    text_open(t, "metadata", '{');
    text_str(t, "timestamp", d->end);
    text_open(t, "component", '{');
    text_str(t, "type", "device");
    text_str(t, "bom-ref", "product");
    text_str(t, "name", id);
    text_str(t, "version", dossier_str(d->doc, product, "version"));
    text_close(t, '}');
    text_close(t, '}');
    text_open(t, "components", '[');
    write_model(d, t);
    write_part(t, "data", "policy", "", d->policy_sha, "limits, references, keys: the packed policy, a part of the brain as well");
    write_part(t, "data", "register", "", d->register_sha, "the risk register; the digest is of its canonical form");
    write_part(t, "library", "dura", *d->version ? d->version : dura_version(), "", "the library that guards the model");
    text_close(t, ']');
    text_close(t, '}');
}
