/* SPDX-License-Identifier: Apache-2.0 */
/*
 * claims.json (what the verifier reads), trace.csv (what requirement tools import) and
 * index.json: where things of the pack belong in the technical documentation that the Cyber
 * Resilience Act (Annex VII) and the AI Act (Annex IV) ask for. Headings in our own words.
 */
#include "dura_dossier.h"

#include <inttypes.h>
#include <string.h>

const dossier_heading dossier_headings[] = {
    {"CRA Annex VII", "1", "General description of the product", "register.json bom.json", "photographs, user instructions"},
    {"CRA Annex VII", "2", "Design, development, production and handling of vulnerabilities", "register.json bom.json trace.csv releases/",
     "drawings of the architecture, the process of vulnerability handling, the contact address"},
    {"CRA Annex VII", "3", "Assessment of the cybersecurity risks", "register.json index.html#risks index.html#boundary", ""},
    {"CRA Annex VII", "4", "How the support period was decided", "", "a decision of the manufacturer"},
    {"CRA Annex VII", "5", "Standards and specifications applied", "trace.csv assessment-results.json", "which of them are applied in full"},
    {"CRA Annex VII", "6", "Reports of the tests", "releases/ claims.json index.html#controls", "reports of other laboratories"},
    {"CRA Annex VII", "7", "Copy of the declaration of conformity", "", "signed by the manufacturer"},
    {"CRA Annex VII", "8", "Bill of materials of the software", "bom.json", "components of the box around the library"},
    {"AI Act Annex IV", "1", "General description of the AI system", "register.json bom.json", "user instructions, forms in which it is placed on the market"},
    {"AI Act Annex IV", "2", "Elements of the system and how it was developed: data, training, validation", "bom.json releases/",
     "design choices, where they are not in an attestation"},
    {"AI Act Annex IV", "3", "Monitoring, functioning and control", "index.html#controls index.html#incidents run/", "human oversight in the organisation"},
    {"AI Act Annex IV", "4", "Why the performance metrics are the right ones", "releases/", "the argument for them"},
    {"AI Act Annex IV", "5", "Risk management system", "register.json index.html#risks index.html#waivers", "who runs it, and how often"},
    {"AI Act Annex IV", "6", "Changes through the life cycle", "index.html#lifecycle run/", "changes of the box that the gate does not see"},
    {"AI Act Annex IV", "7", "Standards applied", "trace.csv assessment-results.json", "which of them are applied in full"},
    {"AI Act Annex IV", "8", "Copy of the declaration of conformity", "", "signed by the provider"},
    {"AI Act Annex IV", "9", "Post-market monitoring plan", "index.html#controls run/", "the plan; what it found so far is here"},
};
const uint32_t dossier_n_headings = sizeof dossier_headings / sizeof *dossier_headings;

void dossier_write_index(const dossier *d, text *t)
{
    text_open(t, NULL, '{');
    text_int(t, "dura_index", 1);
    text_str(t, "evidence", d->simulated ? "SIMULATED" : "recorded");
    text_str(t, "note", "Headings are dura's own words and no legal advice: look up the annex. Empty files: nothing in this pack.");
    text_open(t, "headings", '[');
    for (uint32_t i = 0; i < dossier_n_headings; i++) {
        const dossier_heading *h = &dossier_headings[i];
        text_open(t, NULL, '{');
        text_str(t, "annex", h->annex);
        text_str(t, "number", h->number);
        text_str(t, "heading", h->heading);
        text_open(t, "files", '[');
        for (const char *p = h->files; *p;) {
            size_t n = strcspn(p, " ");
            if (strncmp(p, "releases/", 9) != 0 || d->n_release)
                text_fmt(t, NULL, "%.*s", (int)n, p);
            p += n + (p[n] == ' ');
        }
        text_close(t, ']');
        text_str(t, "outside_software", h->outside);
        text_close(t, '}');
    }
    text_close(t, ']');
    text_close(t, '}');
    text_put(t, "\n", 1);
}

/* ---- claims ----------------------------------------------------------------------------------- */

/* Segments of one log as pairs from..to, both included. */
static void write_segments(const dossier *d, text *t, const dossier_span *s, int l)
{
    text_open(t, l ? "decision" : "security", '[');
    for (uint32_t i = 0; s->seg[l] && i < d->n_seg[l]; i++) {
        uint32_t from = i;
        if (!s->seg[l][i])
            continue;
        while (i + 1 < d->n_seg[l] && s->seg[l][i + 1])
            i++;
        text_open(t, NULL, '[');
        text_int(t, NULL, from);
        text_int(t, NULL, i);
        text_close(t, ']');
    }
    text_close(t, ']');
}

static void write_claim(const dossier *d, text *t, const dossier_claim *c)
{
    text_put(t, ",", t->comma ? 1 : 0);
    text_put(t, "\n", 1);
    t->comma = 0;
    text_open(t, NULL, '{');
    text_str(t, "id", c->id);
    text_str(t, "kind", c->kind);
    text_str(t, "subject", c->subject);
    text_str(t, "state", dossier_word(c));
    if (c->strength >= 0)
        text_fmt(t, "strength", "E%d", c->strength);
    text_str(t, "says", c->says);
    text_open(t, "records", '{');
    text_int(t, "count", c->rests.n);
    if (c->rests.n) {
        text_int(t, "first", c->rests.first);
        text_int(t, "last", c->rests.last);
    }
    text_open(t, "named", '[');
    for (uint32_t i = 0; i < c->rests.n_named; i++)
        text_int(t, NULL, c->rests.named[i]);
    text_close(t, ']');
    text_close(t, '}');
    text_open(t, "segments", '{');
    write_segments(d, t, &c->rests, 0);
    write_segments(d, t, &c->rests, 1);
    text_close(t, '}');
    text_open(t, "files", '[');
    if (c->file)
        text_str(t, NULL, c->file);
    if (c->file && strcmp(c->kind, "practice") == 0)     /* and on what the index lists, beside it */
        text_fmt(t, NULL, "%.*s", (int)(strrchr(c->file, '/') + 1 - c->file), c->file);
    if (strcmp(c->kind, "inventory") == 0)
        text_str(t, NULL, "run/policy.bin");
    if (strcmp(c->kind, "requirement") == 0 || strcmp(c->kind, "risk") == 0)
        text_str(t, NULL, "register.json");
    text_close(t, ']');
    text_close(t, '}');
}

void dossier_write_claims(const dossier *d, text *t)
{
    text_open(t, NULL, '{');
    text_int(t, "dura_claims", 1);
    text_str(t, "evidence", d->simulated ? "SIMULATED" : "recorded");
    text_str(t, "logs", dura_verify_word(d->verify.word));
    text_str(t, "register", d->register_sha);
    text_open(t, "period", '{');
    text_str(t, "from", d->begin);
    text_str(t, "to", d->end);
    text_close(t, '}');
    text_open(t, "claims", '[');
    for (uint32_t i = 0; i < d->n_claim; i++)
        write_claim(d, t, &d->claim[i]);
    text_close(t, ']');
    text_close(t, '}');
    text_put(t, "\n", 1);
}

/* ---- trace --------------------------------------------------------------------------------------- */

static void trace_row(const dossier *d, text *t, const dossier_claim *c, uint32_t e, const dossier_control *k)
{
    char number[24];
    const dura_catalog_item *item = NULL;
    (void)!dura_catalog_resolve(c->subject, &item);
    text_csv(t, c->subject, ',');
    text_csv(t, item ? dura_catalog_at(item->catalog)->name : "", ',');
    text_csv(t, dossier_str(d->doc, e, "id"), ',');
    text_csv(t, k ? k->id : "", ',');
    text_csv(t, k ? k->hook : "", ',');
    const char *test = k ? dossier_str(d->doc, k->value, "self_test") : "";
    text_csv(t, *test ? test : k && k->is.drilled ? "drill" : "", ',');
    snprintf(number, sizeof number, "%" PRIu64, k && k->fired.n ? k->fired.first : 0);
    text_csv(t, k && k->fired.n ? number : "", ',');
    snprintf(number, sizeof number, "%" PRIu64, k && k->fired.n ? k->fired.last : 0);
    text_csv(t, k && k->fired.n ? number : "", ',');
    text_add(t, "%s%u,", k ? "E" : "", k ? (unsigned)k->strength : 0u);
    text_csv(t, dossier_word(c), ',');
    text_csv(t, c->id, '\n');
}

static int asks(const dura_json *j, uint32_t e, const char *id)
{
    uint32_t r = dura_json_member(j, e, "requirements"), list = dura_json_member(j, r, "62443");
    for (uint32_t v = dura_json_first(j, list); v != DURA_JSON_NONE; v = dura_json_next(j, v))
        if (strcmp(dossier_str(j, v, "id"), id) == 0)
            return 1;
    return dossier_has(j, r, "42001", id) || dossier_has(j, r, "law", id);
}

static void trace_entry(const dossier *d, text *t, const dossier_claim *c, uint32_t e)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < d->n_control; i++)
        if (dossier_has(d->doc, e, "controls", d->control[i].id)) {
            trace_row(d, t, c, e, &d->control[i]);
            n++;
        }
    if (!n)
        trace_row(d, t, c, e, NULL);
}

void dossier_write_trace(const dossier *d, text *t)
{
    uint32_t list = dura_json_member(d->doc, DURA_JSON_ROOT, "entries");
    text_add(t, "requirement,catalogue,risk,control,hook,test,first_record,last_record,strength,state,claim\n");
    for (uint32_t i = 0; i < d->n_claim; i++) {
        if (strcmp(d->claim[i].kind, "requirement") != 0)
            continue;
        for (uint32_t e = dura_json_first(d->doc, list); e != DURA_JSON_NONE; e = dura_json_next(d->doc, e))
            if (asks(d->doc, e, d->claim[i].subject))
                trace_entry(d, t, &d->claim[i], e);
    }
}
