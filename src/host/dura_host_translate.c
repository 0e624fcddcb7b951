/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The six rules of translation, one function each; what they say of an asset or a cause comes from
 * catalogs/translation.json. A line is written once, with its reason, and never taken back: an
 * override marks it and adds its own.
 */
#include "dura_host_catalog_priv.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define SEVERITY_TOP 4u            /* of the product's scale, unless it says */

static const char *const fr_names[DURA_FR_MAX] = {"IAC", "UC", "SI", "DC", "RDF", "TRE", "RA"};
enum { FR_RDF = 5 };

const char *dura_fr_name(uint8_t fr)
{
    return fr >= 1 && fr <= DURA_FR_MAX ? fr_names[fr - 1u] : "";
}

uint8_t dura_fr_of(const char *name)
{
    if (name && strncmp(name, "FR ", 3) == 0 && name[3] >= '1' && name[3] <= '7' && name[4] == 0)
        return (uint8_t)(name[3] - '0');
    for (uint8_t i = 0; name && i < DURA_FR_MAX; i++)
        if (strcmp(name, fr_names[i]) == 0)
            return (uint8_t)(i + 1u);
    return 0;
}

int dura_hook_counts(const char *hook, uint8_t cause)
{
    const dura_catalog_item *item = dura_catalog_item_find(NULL, hook);
    if (!item || item->kind != DURA_CATALOG_HOOK)
        return -1;
    return cause >= DURA_RISK_FAULT && cause <= DURA_RISK_MISUSE && (item->causes >> cause & 1u);
}

/* ---- lines ------------------------------------------------------------------------------ */

typedef struct work {
    const dura_translate_entry *e;
    const durai_rule_asset *asset;
    const durai_rule_cause *cause;
    dura_translation *t;
    const char *zone, *conduit;
    uint8_t top;
    int full;                        /* a line found no room */
    dura_translate_line nowhere;     /* and went here */
} work;

static dura_translate_line *say(work *w, uint8_t kind, const char *id, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));
static dura_translate_line *say(work *w, uint8_t kind, const char *id, const char *fmt, ...)
{
    if (w->t->n >= DURA_TRANSLATE_LINES_MAX) {
        w->full = 1;
        return &w->nowhere;
    }
    dura_translate_line *line = &w->t->line[w->t->n++];
    va_list ap;
    line->kind = kind;
    line->id = id;
    va_start(ap, fmt);
    (void)vsnprintf(line->reason, sizeof line->reason, fmt, ap);
    va_end(ap);
    return line;
}

/* The last line that speaks of id and is not overridden; NULL: none. */
static dura_translate_line *standing(dura_translation *t, const char *id)
{
    for (uint32_t i = t->n; i-- > 0;)
        if (strcmp(t->line[i].id, id) == 0 && !(t->line[i].flags & DURA_LINE_OVERRIDDEN) &&
            t->line[i].kind != DURA_LINE_OVERRIDE)
            return &t->line[i];
    return NULL;
}

static int bound(const work *w, const char *hook)
{
    for (const char *const *h = w->e->hooks; h && *h; h++)
        if (strcmp(*h, hook) == 0)
            return 1;
    return 0;
}

static int among(const char *const *list, const char *id)
{
    for (; *list; list++)
        if (strcmp(*list, id) == 0)
            return 1;
    return 0;
}

static int touches(const dura_translation *t, uint8_t fr)
{
    return fr >= 1 && (unsigned)t->frs >> (fr - 1u) & 1u;
}

/* ---- the rules -------------------------------------------------------------------------- */

static void rule_path(work *w)
{
    static const char *const ends[] = {"", "a person's decision", "an actuator"};
    const dura_translate_entry *e = w->e;
    w->t->severity = e->severity;
    dura_translate_line *line =
        e->reach == DURA_REACH_NOTHING
            ? say(w, DURA_LINE_PATH, "", "no path to an actuator or to a person's decision: a risk of information, "
                                         "severity %u as assessed", e->severity)
            : say(w, DURA_LINE_PATH, "", "the path ends at %s: the hazard's severity %u of %u holds, whatever the AI "
                                         "assessment says", ends[e->reach], e->severity, w->top);
    line->value = e->severity;
}

/* FRs the asset's requirements belong to, conduits' RDF where data travel; without a path only
 * what concerns information. */
static uint8_t touched(const work *w)
{
    uint8_t frs = 0;
    for (uint32_t i = 0; i < w->asset->rows; i++) {
        const dura_catalog_item *item = dura_catalog_item_find(NULL, w->asset->row[i].id);
        if (item)
            frs = (uint8_t)(frs | 1u << (item->fr - 1u));
    }
    if (w->e->crosses && w->asset->flow)
        frs = (uint8_t)(frs | 1u << (FR_RDF - 1u));
    return w->e->reach == DURA_REACH_NOTHING ? durai_rule_information : frs;
}

static void rule_level(work *w)
{
    const dura_translate_entry *e = w->e;
    int raise = e->reach != DURA_REACH_NOTHING && e->severity == w->top && !e->second_channel;
    for (uint8_t fr = 1; fr <= DURA_FR_MAX; fr++) {
        if (!touches(w->t, fr))
            continue;
        unsigned sl = e->sl_t[fr - 1u];
        dura_translate_line *line = say(w, DURA_LINE_FR, fr_names[fr - 1u], "touched by what happens to the %s; %s asks for "
                                                                          "SL-T %u", w->asset->name, w->zone, sl);
        line->fr = fr;
        if (raise && sl < durai_rule_raise_cap) {
            unsigned up = sl + durai_rule_raise_by > durai_rule_raise_cap ? durai_rule_raise_cap : sl + durai_rule_raise_by;
            dura_translate_line *raised = say(w, DURA_LINE_RAISED, fr_names[fr - 1u],
                                              "SL-T %u becomes %u: the severity is the highest (%u) and the path has no "
                                              "second channel", sl, up, e->severity);
            raised->fr = fr;
            raised->value = (uint8_t)up;
            sl = up;
        }
        w->t->sl_t[fr - 1u] = (uint8_t)sl;
    }
}

static void rule_requirement(work *w, const char *id, const char *why)
{
    const dura_catalog_item *item = dura_catalog_item_find(NULL, id);
    if (!item || !touches(w->t, item->fr) || standing(w->t, item->id))
        return;
    unsigned sl_t = w->t->sl_t[item->fr - 1u];
    int due = item->sl && item->sl <= sl_t;
    dura_translate_line *line = due ? say(w, DURA_LINE_REQUIREMENT, item->id, "%s", why)
                                    : say(w, DURA_LINE_REQUIREMENT, item->id,
                                          "%s (asked from SL %u on; SL-T(%s) is %u)", why, item->sl,
                                          fr_names[item->fr - 1u], sl_t);
    line->fr = item->fr;
    line->value = due ? 1 : 0;
}

/* Enhancements of what is asked, as far as SL-T demands them. */
static void enhancements(work *w, const char *parent)
{
    const dura_catalog_item *item = dura_catalog_item_find(NULL, parent);
    if (!item)
        return;
    const dura_catalog *c = dura_catalog_at(item->catalog);
    for (uint32_t i = 0; i < c->items; i++) {
        const dura_catalog_item *re = &c->item[i];
        if (re->kind != DURA_CATALOG_ENHANCEMENT || strcmp(re->parent, parent) != 0 || re->sl > w->t->sl_t[re->fr - 1u] ||
            !touches(w->t, re->fr))
            continue;
        dura_translate_line *line = say(w, DURA_LINE_REQUIREMENT, re->id, "enhances %s from SL %u on; SL-T(%s) is %u", parent,
                                        re->sl, fr_names[re->fr - 1u], w->t->sl_t[re->fr - 1u]);
        line->fr = re->fr;
        line->value = 1;
    }
}

static void rule_requirements(work *w)
{
    for (uint32_t i = 0; i < w->asset->rows; i++) {
        rule_requirement(w, w->asset->row[i].id, w->asset->row[i].why);
        enhancements(w, w->asset->row[i].id);
    }
    for (const durai_rule_row *r = durai_rule_lost; r->id && w->e->reach == DURA_REACH_NOTHING; r++)
        rule_requirement(w, r->id, r->why);
    if (w->e->crosses && w->asset->flow)
        rule_requirement(w, durai_rule_conduit.id, durai_rule_conduit.why);
}

/* SL-C and gaps into the lines and the sums. */
static void rule_gap(work *w)
{
    const dura_translate_entry *e = w->e;
    dura_translation *t = w->t;
    for (uint32_t i = 0; i < t->n; i++) {
        dura_translate_line *line = &t->line[i];
        if (line->fr && line->kind <= DURA_LINE_RAISED) {
            line->sl_t = t->sl_t[line->fr - 1u];
            line->sl_c = e->sl_c[line->fr - 1u];
        }
    }
    for (uint8_t fr = 1; fr <= DURA_FR_MAX; fr++) {
        unsigned want = t->sl_t[fr - 1u], have = e->sl_c[fr - 1u], lane = e->conduit_sl_c[fr - 1u];
        if (!touches(t, fr))
            continue;
        t->gap[fr - 1u] = (uint8_t)(want > have ? want - have : 0u);
        t->conduit_gap[fr - 1u] = (uint8_t)(e->crosses && fr == FR_RDF && want > lane ? want - lane : 0u);
        if (t->gap[fr - 1u]) {
            dura_translate_line *line = say(w, DURA_LINE_GAP, fr_names[fr - 1u],
                                            "SL-T %u, the component claims SL-C %u: %u short", want, have, want - have);
            line->fr = fr;
            line->value = t->gap[fr - 1u];
        }
        if (t->conduit_gap[fr - 1u]) {
            dura_translate_line *line = say(w, DURA_LINE_GAP, fr_names[fr - 1u], "SL-T %u, %s has SL-C %u: %u short", want,
                                            w->conduit, lane, want - lane);
            line->fr = fr;
            line->value = t->conduit_gap[fr - 1u];
        }
        if (t->gap[fr - 1u] || t->conduit_gap[fr - 1u]) {
            t->compensate = 1;
            say(w, DURA_LINE_COMPENSATE, "CCSC 2", "SL(%s): a compensating countermeasure in %s, written down, or another "
                                                   "design", fr_names[fr - 1u], w->zone)->fr = fr;
        }
    }
}

static void rule_hooks(work *w)
{
    const dura_translate_entry *e = w->e;
    for (const char *const *h = e->hooks; h && *h; h++) {
        const char *id = dura_catalog_item_find(NULL, *h)->id;
        if (dura_hook_counts(id, e->cause)) {
            say(w, DURA_LINE_HOOK, id, "bound, and counts for the cause %s", w->cause->name)->value = 1;
        } else {
            say(w, DURA_LINE_NO_HOOK, id, "bound, and does not count for the cause %s: it cannot tell it or stop it",
                w->cause->name);
        }
    }
    for (const char *const *h = w->asset->hooks; *h; h++)
        if (dura_hook_counts(*h, e->cause) == 1 && !bound(w, *h))
            say(w, DURA_LINE_HOOK, *h, "not bound; counts for the cause %s on the %s", w->cause->name, w->asset->name);
}

/* What the cause asks for besides, met by a hook that is bound and was not dropped. */
static void rule_demand(work *w)
{
    int met = 0;
    for (uint32_t i = 0; i < w->t->n; i++) {
        const dura_translate_line *line = &w->t->line[i];
        met |= line->kind == DURA_LINE_HOOK && line->value && !(line->flags & DURA_LINE_OVERRIDDEN) &&
               among(w->cause->met, line->id);
    }
    say(w, DURA_LINE_DEMAND, w->cause->demand, "%s%s", w->cause->why, met ? "" : " (no hook bound so far does)")->value =
        met ? 1 : 0;
}

static void rule_controls(work *w)
{
    for (const char *const *c = w->asset->controls; *c; c++)
        say(w, DURA_LINE_CONTROL, *c, "belongs to what happens to the %s: %s", w->asset->name,
            dura_catalog_item_find(NULL, *c)->title);
}

/* ---- overrides -------------------------------------------------------------------------- */

static int wrong(dura_error *err, uint32_t i, const char *field, const char *what)
{
    char at[64];
    (void)snprintf(at, sizeof at, "overrides[%u].%s", (unsigned)i, field);
    return dura_error_set(err, DURA_EINVAL, NULL, 0, at, "%s", what);
}

static uint8_t line_kind(const dura_catalog_item *item)
{
    return item->kind == DURA_CATALOG_HOOK ? DURA_LINE_HOOK : item->kind == DURA_CATALOG_CONTROL ? DURA_LINE_CONTROL
           : item->kind == DURA_CATALOG_REQUIREMENT || item->kind == DURA_CATALOG_ENHANCEMENT ? DURA_LINE_REQUIREMENT : 0;
}

static int check_override(const dura_translate_override *o, uint32_t i, dura_error *err)
{
    if (!o->who || !*o->who)
        return wrong(err, i, "who", "is missing: an override has a name");
    if (!o->reason || !*o->reason)
        return wrong(err, i, "reason", "is missing: an override has a reason");
    if (o->what == DURA_OVERRIDE_SL_T)
        return !dura_fr_of(o->id) ? wrong(err, i, "id", "want IAC, UC, SI, DC, RDF, TRE or RA")
               : o->value > 4     ? wrong(err, i, "value", "want 0..4") : DURA_OK;
    const dura_catalog_item *item = dura_catalog_item_find(NULL, o->id);
    if (o->what != DURA_OVERRIDE_DROP && o->what != DURA_OVERRIDE_ADD)
        return wrong(err, i, "what", "want SL_T, DROP or ADD");
    if (!item || item->status != DURA_CATALOG_ACTIVE || !line_kind(item))
        return wrong(err, i, "id", "is no requirement, control or hook in force");
    return DURA_OK;
}

/* SL-T decided by a person; the FR's lines that stood are marked. */
static int override_level(work *w, const dura_translate_override *o, uint32_t i, dura_error *err)
{
    uint8_t fr = dura_fr_of(o->id);
    uint32_t meant = w->t->n;
    for (uint32_t k = 0; k < w->t->n; k++)
        if (w->t->line[k].fr == fr && (w->t->line[k].kind == DURA_LINE_FR || w->t->line[k].kind == DURA_LINE_RAISED))
            meant = k;
    if (meant == w->t->n)
        return wrong(err, i, "id", "this entry does not touch that requirement");
    w->t->line[meant].flags |= DURA_LINE_OVERRIDDEN;
    dura_translate_line *line = say(w, DURA_LINE_OVERRIDE, fr_names[fr - 1u], "SL-T %u by %s: %s", (unsigned)o->value, o->who,
                                    o->reason);
    line->fr = fr;
    line->value = (uint8_t)meant;
    w->t->sl_t[fr - 1u] = (uint8_t)o->value;
    return DURA_OK;
}

static int override_line(work *w, const dura_translate_override *o, uint32_t i, dura_error *err)
{
    const dura_catalog_item *item = dura_catalog_item_find(NULL, o->id);
    dura_translate_line *old = standing(w->t, item->id);
    if (o->what == DURA_OVERRIDE_DROP) {
        if (!old)
            return wrong(err, i, "id", "says nothing here, so nothing can be dropped");
        dura_translate_line *line = say(w, DURA_LINE_OVERRIDE, item->id, "dropped by %s: %s", o->who, o->reason);
        line->fr = item->fr;
        line->value = (uint8_t)(old - w->t->line);
        for (; old; old = standing(w->t, item->id))
            old->flags |= DURA_LINE_OVERRIDDEN;
        return DURA_OK;
    }
    if (old)
        return wrong(err, i, "id", "stands already");
    dura_translate_line *line = say(w, line_kind(item), item->id, "added by %s: %s", o->who, o->reason);
    line->fr = item->fr;
    line->sl_t = item->fr ? w->t->sl_t[item->fr - 1u] : 0;
    line->sl_c = item->fr ? w->e->sl_c[item->fr - 1u] : 0;
    line->value = item->kind != DURA_CATALOG_HOOK || bound(w, item->id);
    return DURA_OK;
}

/* Levels before the rules that count with them, the rest behind all rules. */
static int overrides_of(work *w, const dura_translate_override *o, uint32_t n, int levels, dura_error *err)
{
    for (uint32_t i = 0; i < n; i++) {
        if ((o[i].what == DURA_OVERRIDE_SL_T) != levels)
            continue;
        int rc = levels ? override_level(w, &o[i], i, err) : override_line(w, &o[i], i, err);
        if (rc != DURA_OK)
            return rc;
    }
    return DURA_OK;
}

/* ---- the whole -------------------------------------------------------------------------- */

static int out_of_range(dura_error *err, const char *field, const char *want)
{
    return dura_error_set(err, DURA_EINVAL, NULL, 0, field, "want %s", want);
}

static int check_entry(const dura_translate_entry *e, dura_error *err)
{
    unsigned top = e->severity_top ? e->severity_top : SEVERITY_TOP;
    if (e->asset < DURA_ASSET_SENSOR || e->asset > DURA_ASSET_SECRET)
        return out_of_range(err, "asset", "DURA_ASSET_SENSOR to DURA_ASSET_SECRET");
    if (e->cause < DURA_RISK_FAULT || e->cause > DURA_RISK_MISUSE)
        return out_of_range(err, "cause", "fault, drift, attack or misuse");
    if (e->reach > DURA_REACH_ACTUATOR)
        return out_of_range(err, "reach", "nothing, human or actuator");
    if (e->severity < 1 || e->severity > top)
        return out_of_range(err, "severity", "1 to the highest of the scale");
    if (e->second_channel > 1 || e->crosses > 1)
        return out_of_range(err, e->crosses > 1 ? "crosses" : "second_channel", "0 or 1");
    for (uint32_t i = 0; i < DURA_FR_MAX; i++)
        if (e->sl_t[i] > 4 || e->sl_c[i] > 4 || e->conduit_sl_c[i] > 4)
            return out_of_range(err, e->sl_t[i] > 4 ? "sl_t" : e->sl_c[i] > 4 ? "sl_c" : "conduit_sl_c", "levels 0 to 4");
    for (const char *const *h = e->hooks; h && *h; h++)
        if (dura_hook_counts(*h, e->cause) < 0)
            return dura_error_set(err, DURA_EINVAL, NULL, 0, "hooks", "\"%s\": dura has no such hook", *h);
    return DURA_OK;
}

static int apply(work *w, const dura_translate_override *o, uint32_t n, dura_error *err)
{
    rule_path(w);
    w->t->frs = touched(w);
    rule_level(w);
    int rc = overrides_of(w, o, n, 1, err);
    if (rc != DURA_OK)
        return rc;
    rule_requirements(w);
    rule_gap(w);
    rule_hooks(w);
    rule_controls(w);
    rc = overrides_of(w, o, n, 0, err);
    rule_demand(w);
    if (rc == DURA_OK && w->full)
        rc = dura_error_set(err, DURA_ELIMIT, NULL, 0, NULL, "more than %u lines", DURA_TRANSLATE_LINES_MAX);
    return rc;
}

int dura_translate(const dura_translate_entry *entry, const dura_translate_override *overrides, uint32_t n,
                   dura_translation *out, dura_error *err)
{
    if (!entry || !out || entry->struct_size < sizeof *entry || out->struct_size < sizeof *out || (n && !overrides))
        return dura_error_set(err, DURA_EINVAL, NULL, 0, NULL, "an argument is NULL or a struct_size too small");
    int rc = check_entry(entry, err);
    for (uint32_t i = 0; rc == DURA_OK && i < n; i++)
        rc = check_override(&overrides[i], i, err);
    if (rc != DURA_OK)
        return rc;
    dura_translation t;
    memset(&t, 0, sizeof t);
    t.struct_size = sizeof t;
    work w = {entry, &durai_rule_assets[entry->asset - 1u], &durai_rule_causes[entry->cause - 1u], &t,
              entry->zone ? entry->zone : "the zone", entry->conduit ? entry->conduit : "the conduit",
              entry->severity_top ? entry->severity_top : SEVERITY_TOP, 0, {"", 0, 0, 0, 0, 0, 0, {0, 0}, ""}};
    rc = apply(&w, overrides, n, err);
    if (rc == DURA_OK)
        *out = t;
    return rc;
}
