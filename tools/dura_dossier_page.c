/* SPDX-License-Identifier: Apache-2.0 */
/*
 * index.html: one page, no script, nothing from elsewhere. What an auditor reads first stands
 * first: how far the logs may be believed, then waivers, then what is not supported. Every
 * figure links to its claim, every claim to its records, every segment to the claims that
 * fall with it.
 */
#include "dura_dossier.h"

#include <inttypes.h>
#include <string.h>

static const char head_text[] =
    "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">"
    "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">"
    "<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\"><title>Evidence</title><style>\n"
    ":root{color-scheme:light dark;--ok:#0a6b2d;--no:#a3160d;--out:#5a5a5a;--line:#8886;--tint:#8881}\n"
    "@media(prefers-color-scheme:dark){:root{--ok:#6fd58f;--no:#ff9c92;--out:#b5b5b5}}\n"
    "body{font:16px/1.5 system-ui,sans-serif;max-width:76rem;margin:0 auto;padding:1rem}\n"
    "table{border-collapse:collapse;width:100%;margin:.5rem 0 1.5rem}th,td{border-bottom:1px solid var(--line);padding:.3rem .5rem;"
    "text-align:left;vertical-align:top}th{background:var(--tint)}td.n{text-align:right;font-variant-numeric:tabular-nums}\n"
    ".ok{color:var(--ok);font-weight:600}.no{color:var(--no);font-weight:600}.out{color:var(--out)}\n"
    ".stamp{border:3px solid var(--no);color:var(--no);padding:.5rem 1rem;font-weight:700}\n"
    "code,pre{font:13px/1.4 ui-monospace,monospace;overflow-wrap:anywhere;white-space:pre-wrap}nav a{margin-right:1rem}\n"
    ":target{outline:3px solid #d08700}.wide{overflow-x:auto}\n"
    "@media print{nav{display:none}a{color:inherit}}\n</style></head><body>\n";

static const char *colour(const dossier_claim *c) { return c->holds > 0 ? "ok" : c->holds < 0 ? "out" : "no"; }

/* The id of a claim as an anchor: "control:K-1" is c-control-K-1. */
static void anchor(text *t, const char *id)
{
    text_add(t, "c-");
    for (; *id; id++)
        text_add(t, "%c", strchr(" :/()", *id) ? '-' : *id == '"' || *id == '<' || *id == '>' || *id == '&' ? '_' : *id);
}

static void cell(text *t, const char *value)
{
    text_add(t, "<td>");
    text_html(t, value);
    text_add(t, "</td>");
}

/* A figure that links to the claim it comes from. */
static void figure(text *t, const char *kind, const char *subject, uint64_t n)
{
    char id[80];
    snprintf(id, sizeof id, "%.20s:%.50s", kind, subject);
    text_add(t, "<td class=\"n\"><a href=\"#");
    anchor(t, id);
    text_add(t, "\">%" PRIu64 "</a></td>", n);
}

static void heading(text *t, const char *id, const char *title) { text_add(t, "<h2 id=\"%s\">%s</h2>\n", id, title); }

/* ---- the top ------------------------------------------------------------------------------------ */

static void write_top(const dossier *d, text *t)
{
    uint32_t product = dura_json_member(d->doc, DURA_JSON_ROOT, "product"), n = 0, yes = 0, out = 0;
    for (uint32_t i = 0; i < d->n_claim; i++) {
        n += strcmp(d->claim[i].kind, "requirement") == 0;
        yes += strcmp(d->claim[i].kind, "requirement") == 0 && d->claim[i].holds > 0;
        out += strcmp(d->claim[i].kind, "requirement") == 0 && d->claim[i].holds < 0;
    }
    text_add(t, "<h1>Evidence: ");
    text_html(t, dossier_str(d->doc, product, "id"));
    text_add(t, " ");
    text_html(t, dossier_str(d->doc, product, "version"));
    text_add(t, "</h1>\n");
    if (d->simulated)
        text_add(t, "<p class=\"stamp\">SIMULATED: made with a simulated plant or keys that everybody has. This is no field evidence.</p>\n");
    text_add(t, "<p><strong class=\"%s\">%s</strong>: ", d->believed ? "ok" : "no", dura_verify_word(d->verify.word));
    text_html(t, d->verify.text);
    text_add(t, "</p>\n<p>Period %s to %s, <a href=\"#c-log-believed\">%" PRIu64 " records</a>. Of %u <a href=\"#requirements\">requirements</a> that the "
             "register names records support %u; %u are outside software. Below E2 nothing is supported: a control that is only declared or configured "
             "shows nothing. This page produces evidence for and maps to requirements; whether they are met is for people to judge.</p>\n",
             d->begin, d->end, d->whole.n, (unsigned)n, (unsigned)yes, (unsigned)out);
    text_add(t, "<p>Check it without anybody's software: <code>python3 verify.py</code> in this folder says which file, segment or seal is "
             "wrong and which claims fall with it.</p>\n<nav><a href=\"#waivers\">Waivers</a><a href=\"#findings\">Blind spots</a>"
             "<a href=\"#boundary\">Boundary</a><a href=\"#requirements\">Requirements</a><a href=\"#risks\">Risks</a><a href=\"#controls\">"
             "Controls</a><a href=\"#incidents\">Incidents</a><a href=\"#lifecycle\">Life cycle</a><a href=\"#annexes\">Annexes</a>"
             "<a href=\"#segments\">Segments</a><a href=\"#claims\">Claims</a><a href=\"#records\">Records</a></nav>\n");
}

static void write_waivers(const dossier *d, text *t)
{
    uint32_t list = dura_json_member(d->doc, DURA_JSON_ROOT, "waivers");
    heading(t, "waivers", "Waivers");
    if (!dura_json_count(d->doc, list))
        text_add(t, "<p>None.</p>\n");
    else
        text_add(t, "<table><tr><th>Rule</th><th>Where</th><th>Reason</th><th>Who</th><th>Until</th></tr>\n");
    for (uint32_t v = dura_json_first(d->doc, list); v != DURA_JSON_NONE; v = dura_json_next(d->doc, v)) {
        static const char *const members[] = {"rule", "where", "reason", "who", "until"};
        text_add(t, "<tr>");
        for (int i = 0; i < 5; i++)
            cell(t, dossier_str(d->doc, v, members[i]));
        text_add(t, "</tr>\n");
    }
    if (dura_json_count(d->doc, list))
        text_add(t, "</table>\n");
}

static void write_findings(const dossier *d, text *t)
{
    heading(t, "findings", "Blind spots of the register");
    text_add(t, "<p>%u open, %u waived, judged on %u.</p>\n", (unsigned)d->found.open, (unsigned)d->found.waived, (unsigned)d->today);
    if (d->found.count)
        text_add(t, "<table><tr><th>Rule</th><th>Where</th><th>What</th><th>What to do</th></tr>\n");
    for (uint32_t i = 0; i < d->found.count; i++) {
        const dura_finding *f = &d->found.finding[i];
        text_add(t, "<tr><td class=\"%s\">B%u%s</td>", f->waived ? "out" : "no", (unsigned)f->rule, f->waived ? " waived" : "");
        cell(t, f->subject);
        cell(t, f->text);
        cell(t, f->waived ? f->waiver : f->fix);
        text_add(t, "</tr>\n");
    }
    if (d->found.count)
        text_add(t, "</table>\n");
}

/* What the log and the register do not agree about. */
static void write_problems(const dossier *d, text *t)
{
    dura_binding_problem p = DURA_BINDING_PROBLEM_INIT;
    heading(t, "problems", "Where log and register disagree");
    if (!d->bound.problems)
        text_add(t, "<p>Nowhere.</p>\n");
    else
        text_add(t, "<table><tr><th>What</th><th>Record</th></tr>\n");
    for (uint32_t i = 0; i < d->bound.problems && dura_binding_problem_at(d->binding, i, &p) == DURA_OK; i++) {
        text_add(t, "<tr>");
        cell(t, p.text);
        if (p.gseq == UINT64_MAX)
            text_add(t, "<td></td></tr>\n");
        else
            text_add(t, "<td class=\"n\">%" PRIu64 "</td></tr>\n", p.gseq);
    }
    if (d->bound.problems)
        text_add(t, "</table>\n");
}

/* CR 7.8: what was in force, for every decision. */
static void write_sets(const dossier *d, text *t)
{
    char hex[65];
    dura_binding_set s = DURA_BINDING_SET_INIT;
    text_add(t, "<table><tr><th>Start</th><th>Policy</th><th>Register</th><th>Model</th><th>Release</th><th>Decisions</th><th>Records</th></tr>\n");
    for (uint32_t i = 0; i < d->bound.sets && dura_binding_set_at(d->binding, i, &s) == DURA_OK; i++) {
        text_add(t, "<tr><td class=\"n\">%u</td><td><code>%.16s</code></td>", (unsigned)s.boot, cli_hex(hex, s.policy, 32));
        text_add(t, "<td><code>%.16s</code></td>", cli_hex(hex, s.reg, 32));
        text_add(t, "<td><code>%.16s</code></td><td class=\"n\">%" PRIu64 "</td>", cli_hex(hex, s.model, 8), s.version);
        figure(t, "inventory", "CR 7.8", s.decisions);
        text_add(t, "<td>%" PRIu64 " to %" PRIu64 "</td></tr>\n", s.first_gseq, s.last_gseq);
    }
    text_add(t, "</table>\n");
}

/* ---- the boundary ---------------------------------------------------------------------------------- */

static int is_hole(const dossier *d, const char *from, const char *to, const char *cause)
{
    for (uint32_t i = 0; i < d->found.holes; i++)
        if (!strcmp(d->found.hole[i].from, from) && !strcmp(d->found.hole[i].to, to) && !strcmp(d->found.hole[i].cause, cause))
            return 1;
    return 0;
}

static uint32_t asset_of(const dossier *d, const char *id)
{
    uint32_t list = dura_json_member(d->doc, DURA_JSON_ROOT, "assets");
    for (uint32_t v = dura_json_first(d->doc, list); v != DURA_JSON_NONE; v = dura_json_next(d->doc, v))
        if (strcmp(dossier_str(d->doc, v, "id"), id) == 0)
            return v;
    return DURA_JSON_NONE;
}

/* The entries that looked at this edge for this cause, or who said that it does not apply. */
static void boundary_cell(const dossier *d, text *t, const char *from, const char *to, const char *cause)
{
    const dura_json *j = d->doc;
    uint32_t list = dura_json_member(j, DURA_JSON_ROOT, "entries"), n = 0;
    if (is_hole(d, from, to, cause)) {
        text_add(t, "<td class=\"no\">nobody</td>");
        return;
    }
    text_add(t, "<td>");
    for (uint32_t e = dura_json_first(j, list); e != DURA_JSON_NONE; e = dura_json_next(j, e)) {
        uint32_t edges = dura_json_member(j, e, "edges");
        if (strcmp(dossier_str(j, e, "cause"), cause) != 0)
            continue;
        for (uint32_t v = dura_json_first(j, edges); v != DURA_JSON_NONE; v = dura_json_next(j, v)) {
            const char *a = "", *b = "";
            dura_error err;
            uint32_t first = dura_json_first(j, v);
            (void)!dura_json_get_text(j, first, 0, 100, &a, &err);
            (void)!dura_json_get_text(j, dura_json_next(j, first), 0, 100, &b, &err);
            if (strcmp(a, from) || strcmp(b, to))
                continue;
            text_add(t, "%s<a href=\"#c-risk-", n++ ? ", " : "");
            text_html(t, dossier_str(j, e, "id"));
            text_add(t, "\">");
            text_html(t, dossier_str(j, e, "id"));
            text_add(t, "</a>");
        }
    }
    text_add(t, n ? "</td>" : "<a href=\"#waivers\">not applicable</a></td>");
}

static void boundary_row(const dossier *d, text *t, const char *from, const char *to)
{
    static const char *const causes[] = {"fault", "drift", "attack"};
    uint32_t a = asset_of(d, from), b = asset_of(d, to);
    int owner = strcmp(dossier_str(d->doc, a, "owner"), dossier_str(d->doc, b, "owner")) != 0;
    int zone = strcmp(dossier_str(d->doc, a, "zone"), dossier_str(d->doc, b, "zone")) != 0;
    if (!owner && !zone)
        return;
    text_add(t, "<tr><td>");
    text_html(t, from);
    text_add(t, " &rarr; ");
    text_html(t, to);
    text_add(t, "</td><td>%s</td>", owner && zone ? "owner and zone" : owner ? "owner" : "zone");
    for (int i = 0; i < 3; i++)
        boundary_cell(d, t, from, to, causes[i]);
    text_add(t, "</tr>\n");
}

static void write_boundary(const dossier *d, text *t)
{
    static const char *const members[] = {"inputs", "drives", "updates", "trains", "logs"};
    uint32_t list = dura_json_member(d->doc, DURA_JSON_ROOT, "assets");
    heading(t, "boundary", "Boundary of box and brain");
    text_add(t, "<p>%u of %u cells looked at, %u of them not applicable by a waiver.</p>\n<div class=\"wide\"><table><tr><th>Edge</th>"
             "<th>Ends differ in</th><th>Fault</th><th>Drift</th><th>Attack</th></tr>\n",
             (unsigned)d->found.covered, (unsigned)d->found.cells, (unsigned)d->found.not_applicable);
    for (uint32_t v = dura_json_first(d->doc, list); v != DURA_JSON_NONE; v = dura_json_next(d->doc, v))
        for (int m = 0; m < 5; m++) {
            uint32_t ends = dura_json_member(d->doc, v, members[m]);
            for (uint32_t e = dura_json_first(d->doc, ends); e != DURA_JSON_NONE; e = dura_json_next(d->doc, e)) {
                const char *other = "", *self = dossier_str(d->doc, v, "id");
                dura_error err;
                (void)!dura_json_get_text(d->doc, e, 0, 100, &other, &err);
                boundary_row(d, t, m == 0 ? other : self, m == 0 ? self : other);
            }
        }
    text_add(t, "</table></div>\n");
}

/* ---- tables over claims -------------------------------------------------------------------------------- */

/* How old what speaks for a requirement is. */
static void write_age(const dossier *d, text *t, const char *id)
{
    dura_binding_need n = DURA_BINDING_NEED_INIT;
    for (uint32_t i = 0; dura_binding_need_at(d->binding, i, &n) == DURA_OK; i++)
        if (strcmp(n.id, id) == 0 && n.age_days != DURA_AGE_UNKNOWN) {
            text_add(t, "<td class=\"n\">%u d</td>", (unsigned)n.age_days);
            return;
        }
    text_add(t, "<td></td>");
}

static void write_requirements(const dossier *d, text *t)
{
    heading(t, "requirements", "Requirements");
    text_add(t, "<p>A requirement is as strong as the weakest control of the entries that name it.</p>\n<table><tr><th>Requirement</th>"
             "<th>Strength</th><th>Age</th><th>State</th><th>What</th></tr>\n");
    for (uint32_t i = 0; i < d->n_claim; i++) {
        const dossier_claim *c = &d->claim[i];
        if (strcmp(c->kind, "requirement") != 0)
            continue;
        text_add(t, "<tr><td><a href=\"#");
        anchor(t, c->id);
        text_add(t, "\">");
        text_html(t, c->subject);
        text_add(t, "</a></td><td>E%d</td>", c->strength);
        write_age(d, t, c->subject);
        text_add(t, "<td class=\"%s\">%s</td>", colour(c), dossier_word(c));
        cell(t, c->says);
        text_add(t, "</tr>\n");
    }
    text_add(t, "</table>\n");
    const dura_catalog *c = dura_catalog_find("42001");
    text_add(t, "<p class=\"out\">Outside software, whatever the register says: ");
    for (uint32_t i = 0, n = 0; c && i < c->items; i++)
        if (c->item[i].flags & DURA_CATALOG_OUTSIDE)
            text_add(t, "%s%s", n++ ? ", " : "", c->item[i].id);
    text_add(t, ". An organisation shows these; no record can.</p>\n");
}

static void risk_rating(const dossier *d, text *t, uint32_t e, const char *member)
{
    uint32_t r = dura_json_member(d->doc, e, member);
    text_add(t, "likelihood %d, severity %d", (int)dossier_num(d->doc, r, "likelihood"), (int)dossier_num(d->doc, r, "severity"));
}

static void text_list(const dossier *d, text *t, uint32_t list)
{
    uint32_t n = 0;
    for (uint32_t v = dura_json_first(d->doc, list); v != DURA_JSON_NONE; v = dura_json_next(d->doc, v)) {
        const char *s = "";
        dura_error err;
        (void)!dura_json_get_text(d->doc, v, 0, 1000, &s, &err);
        text_add(t, "%s", n++ ? ", " : "");
        text_html(t, s);
    }
    if (!n)
        text_add(t, "none");
}

static void write_risk(const dossier *d, text *t, uint32_t e)
{
    const dura_json *j = d->doc;
    char id[80];
    snprintf(id, sizeof id, "risk:%.60s", dossier_str(j, e, "id"));
    const dossier_claim *c = dossier_find(d, id);
    uint32_t acceptance = dura_json_member(j, e, "acceptance");
    if (!c)
        return;
    text_add(t, "<h3>");
    text_html(t, dossier_str(j, e, "id"));
    text_add(t, ": ");
    text_html(t, dossier_str(j, e, "title"));
    text_add(t, "</h3>\n<p><a class=\"%s\" href=\"#", colour(c));
    anchor(t, c->id);
    text_add(t, "\">%s, E%d</a>. Cause ", dossier_word(c), c->strength);
    text_html(t, dossier_str(j, e, "cause"));
    text_add(t, ", path ");
    text_list(d, t, dura_json_member(j, e, "path"));
    text_add(t, "; threats ");
    text_list(d, t, dura_json_member(j, e, "threats"));
    text_add(t, ". Before any control ");
    risk_rating(d, t, e, "unmitigated");
    text_add(t, "; what remains ");
    risk_rating(d, t, e, "residual");
    text_add(t, ". Controls ");
    text_list(d, t, dura_json_member(j, e, "controls"));
    text_add(t, ". Reviewed ");
    text_html(t, dossier_str(j, e, "reviewed"));
    if (acceptance != DURA_JSON_NONE) {
        text_add(t, ". Accepted by ");
        text_html(t, dossier_str(j, acceptance, "who"));
        text_add(t, " until ");
        text_html(t, dossier_str(j, acceptance, "until"));
        text_add(t, ": ");
        text_html(t, dossier_str(j, acceptance, "reason"));
    }
    text_add(t, ".</p>\n");
}

static void write_controls(const dossier *d, text *t)
{
    heading(t, "controls", "Controls");
    text_add(t, "<div class=\"wide\"><table><tr><th>Control</th><th>Hook</th><th>Strength</th><th>Armed, s</th><th>Evaluated</th><th>Fired</th>"
             "<th>Blocked</th><th>Self-tests</th><th>Failed</th><th>Drills caught</th><th>Why</th></tr>\n");
    for (uint32_t i = 0; i < d->n_control; i++) {
        const dossier_control *k = &d->control[i];
        text_add(t, "<tr>");
        cell(t, k->id);
        cell(t, k->hook);
        text_add(t, "<td class=\"%s\">E%u</td>", k->strength >= DOSSIER_E_MIN && d->believed ? "ok" : "no", (unsigned)k->strength);
        figure(t, "control", k->id, k->is.armed_ns / 1000000000);
        figure(t, "control", k->id, k->is.evaluations);
        figure(t, k->fired.n ? "fired" : "control", k->id, k->is.fires);
        figure(t, "control", k->id, k->is.blocks);
        figure(t, k->tested.n ? "tested" : "control", k->id, k->is.tests_passed);
        figure(t, "control", k->id, k->is.tests_failed);
        if (k->is.drilled)
            text_add(t, "<td class=\"n\"><a href=\"drill.json\">%u of %u</a></td>", (unsigned)k->is.caught, (unsigned)k->is.drilled);
        else
            text_add(t, "<td class=\"n\">none</td>");
        text_add(t, "<td>");
        text_html(t, k->why);
        text_add(t, "%s", *k->is.next ? ". One step up: " : "");
        text_html(t, k->is.next);
        text_add(t, "</td>");
        text_add(t, "</tr>\n");
    }
    text_add(t, "</table></div>\n");
}

static void write_kind(const dossier *d, text *t, const char *kind, const char *none)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < d->n_claim; i++) {
        const dossier_claim *c = &d->claim[i];
        if (strcmp(c->kind, kind) != 0)
            continue;
        text_add(t, n++ ? "<tr>" : "<table><tr><th>Id</th><th>State</th><th>What</th></tr>\n<tr>");
        text_add(t, "<td><a href=\"#");
        anchor(t, c->id);
        text_add(t, "\">");
        text_html(t, c->subject);
        text_add(t, "</a></td><td class=\"%s\">%s</td>", colour(c), dossier_word(c));
        cell(t, c->says);
        text_add(t, "</tr>\n");
    }
    if (n)
        text_add(t, "</table>\n");
    else
        text_add(t, "<p>%s</p>\n", none);
}

static void write_annexes(const dossier *d, text *t)
{
    heading(t, "annexes", "Where it belongs in technical documentation");
    text_add(t, "<p>Headings in our own words; look up the annex.</p><table><tr><th>Annex</th><th>No.</th><th>Heading</th><th>Here</th>"
             "<th>Outside software</th></tr>\n");
    for (uint32_t i = 0; i < dossier_n_headings; i++) {
        const dossier_heading *h = &dossier_headings[i];
        text_add(t, "<tr>");
        cell(t, h->annex);
        cell(t, h->number);
        cell(t, h->heading);
        text_add(t, "<td>");
        for (const char *p = h->files; *p;) {
            size_t n = strcspn(p, " ");
            const char *local = strncmp(p, "index.html", 10) == 0 ? p + 10 : p;
            if (strncmp(p, "releases/", 9) != 0 || d->n_release)
                text_add(t, "<a href=\"%.*s\">%.*s</a> ", (int)(n - (size_t)(local - p)), local, (int)n, p);
            p += n + (p[n] == ' ');
        }
        text_add(t, "</td>");
        cell(t, h->outside);
        text_add(t, "</tr>\n");
    }
    text_add(t, "</table>\n");
}

/* ---- segments, claims, records ------------------------------------------------------------------------------ */

/* 1: the same claims rest on both segments of a log. */
static int same_claims(const dossier *d, int l, uint32_t a, uint32_t b)
{
    for (uint32_t i = 0; i < d->n_claim; i++) {
        const uint8_t *seg = d->claim[i].rests.seg[l];
        if (seg && seg[a] != seg[b])
            return 0;
    }
    return 1;
}

/* One row for segments in a row that carry the same claims. Returns the last of them. */
static uint32_t segment_row(const dossier *d, text *t, int l, uint32_t from)
{
    uint32_t to = from, n = 0;
    uint64_t records = d->seg[l][from].records;
    while (to + 1 < d->n_seg[l] && same_claims(d, l, from, to + 1))
        records += d->seg[l][++to].records;
    text_add(t, "<tr><td>");
    for (uint32_t s = from; s <= to; s++)
        text_add(t, "<i id=\"s-%d-%u\"></i>", l, (unsigned)s);
    text_add(t, "<code>run/%s</code>", d->seg[l][from].name);
    if (to > from)
        text_add(t, " to <code>%s</code>", strchr(d->seg[l][to].name, '/') + 1);
    text_add(t, "</td><td class=\"n\">%" PRIu64 "</td><td>", records);
    for (uint32_t i = 0; i < d->n_claim; i++) {
        const dossier_claim *c = &d->claim[i];
        if (!c->rests.seg[l] || !c->rests.seg[l][from])
            continue;
        text_add(t, "%s<a href=\"#", n++ ? " " : "");
        anchor(t, c->id);
        text_add(t, "\">");
        text_html(t, c->id);
        text_add(t, "</a>");
    }
    text_add(t, "%s</td></tr>\n", n ? "" : "none");
    return to;
}

static void write_segments(const dossier *d, text *t)
{
    heading(t, "segments", "Segments: what falls with each");
    text_add(t, "<p>Alter or lose one of them, and exactly these claims fall; the digests are in <a href=\"manifest.json\">manifest.json</a>.</p>\n"
             "<table><tr><th>Segment</th><th>Records</th><th>Claims that rest on it</th></tr>\n");
    for (int l = 0; l < 2; l++)
        for (uint32_t s = 0; s < d->n_seg[l]; s++)
            s = segment_row(d, t, l, s);
    text_add(t, "</table>\n");
}

static void claim_segments(const dossier *d, text *t, const dossier_claim *c)
{
    static const char *const words[2] = {"security", "decision"};
    for (int l = 0; l < 2; l++)
        for (uint32_t s = 0; c->rests.seg[l] && s < d->n_seg[l]; s++) {
            uint32_t from = s;
            if (!c->rests.seg[l][s])
                continue;
            while (s + 1 < d->n_seg[l] && c->rests.seg[l][s + 1])
                s++;
            text_add(t, "<a href=\"#s-%d-%u\">%s %u", l, (unsigned)from, words[l], (unsigned)from);
            if (s > from)
                text_add(t, " to %u", (unsigned)s);
            text_add(t, "</a> ");
        }
}

static void write_claims(const dossier *d, text *t)
{
    heading(t, "claims", "Claims, and what each rests on");
    text_add(t, "<table><tr><th>Claim</th><th>State</th><th>What</th><th>Records</th><th>Segments</th></tr>\n");
    for (uint32_t i = 0; i < d->n_claim; i++) {
        const dossier_claim *c = &d->claim[i];
        text_add(t, "<tr id=\"");
        anchor(t, c->id);
        text_add(t, "\">");
        cell(t, c->id);
        text_add(t, "<td class=\"%s\">%s</td>", colour(c), dossier_word(c));
        cell(t, c->says);
        text_add(t, "<td>%" PRIu64 "%s", c->rests.n, c->rests.n_named ? ", so " : "");
        for (uint32_t k = 0; k < c->rests.n_named; k++)
            text_add(t, "<a href=\"#r%" PRIu64 "\">%" PRIu64 "</a> ", c->rests.named[k], c->rests.named[k]);
        if (c->file)
            text_add(t, "<a href=\"%s\">%s</a>", c->file, c->file);
        text_add(t, "</td><td>");
        claim_segments(d, t, c);
        text_add(t, "</td></tr>\n");
    }
    text_add(t, "</table>\n");
}

static void write_records(const dossier *d, text *t)
{
    heading(t, "records", "Records that claims name");
    text_add(t, "<p>As the logs under <code>run/</code> hold them; the others are there too.</p>\n");
    for (uint32_t i = 0; i < d->n_record; i++) {
        text_add(t, "<pre id=\"r%" PRIu64 "\">", d->record[i].gseq);
        text_html(t, d->record[i].json ? d->record[i].json : "cannot be read");
        text_add(t, "</pre>\n");
    }
}

void dossier_write_page(const dossier *d, text *t)
{
    uint32_t list = dura_json_member(d->doc, DURA_JSON_ROOT, "entries");
    text_put(t, head_text, sizeof head_text - 1);
    write_top(d, t);
    write_waivers(d, t);
    write_findings(d, t);
    write_problems(d, t);
    write_boundary(d, t);
    write_requirements(d, t);
    heading(t, "risks", "Risks");
    for (uint32_t e = dura_json_first(d->doc, list); e != DURA_JSON_NONE; e = dura_json_next(d->doc, e))
        write_risk(d, t, e);
    write_controls(d, t);
    heading(t, "incidents", "Incidents");
    write_kind(d, t, "incident", "No incident in this period.");
    heading(t, "lifecycle", "Life cycle: what releases attest, by practice of 62443-4-1 and control of 42001");
    write_kind(d, t, "practice", "The policy asks for no practice, and no release is in this pack.");
    write_kind(d, t, "releases", "No release was offered in this period.");
    heading(t, "inventory", "Inventory");
    write_kind(d, t, "inventory", "");
    write_sets(d, t);
    write_annexes(d, t);
    write_segments(d, t);
    write_claims(d, t);
    write_records(d, t);
    text_add(t, "</body></html>\n");
}
