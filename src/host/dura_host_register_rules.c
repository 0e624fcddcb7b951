/* SPDX-License-Identifier: Apache-2.0 */
/*
 * B1 to B19 (docs/register.md): each rule walks what it is about in the file's order and
 * says what is missing and what to do, so that findings come in the same order every time.
 */
#include "dura_host_register_check.h"

#include <string.h>

static const char *const rule_names[DURA_REGISTER_RULES + 1] = {
    "", "one-sided entry", "untranslated entry", "security level gap", "unbound", "silent control",
    "residual risk above what is tolerable", "reduction that nothing has earned", "unguarded input",
    "cause nobody looked at", "unassessed conduit", "unassessed data, log or update", "stale assessment",
    "control that cannot address the cause", "one sensor decides", "redundancy with a common part",
    "retention too short", "hook in no entry", "waiver that has ended", "never drilled, or missed"};

const char *dura_register_rule(uint32_t n)
{
    return n <= DURA_REGISTER_RULES ? rule_names[n] : "";
}

#define SAY(...) durai_reg_print(&c->arena, __VA_ARGS__)
#define ENTRIES(e) for (const reg_entry *e = c->r->entry; e < c->r->entry + c->r->n_entry; e++)
#define ASSETS(i) for (uint32_t i = 0; i < c->r->n_asset; i++)

/* ---- what an entry is about ------------------------------------------------------------------ */

/* The actuator at the end of the path; NULL: the entry names none. */
static const reg_asset *actuator(const check *c, const reg_entry *e)
{
    for (uint32_t k = e->path.n; k > 0; k--)
        if (c->r->asset[e->path.at[k - 1]].kind == REG_ACTUATOR)
            return &c->r->asset[e->path.at[k - 1]];
    return NULL;
}

static int fits(const check *c, const reg_entry *e, uint32_t k)
{
    return durai_reg_hooks[c->r->control[e->controls.at[k]].hook].causes >> e->cause & 1;
}

static int any_fits(const check *c, const reg_entry *e)
{
    for (uint32_t k = 0; k < e->controls.n; k++)
        if (fits(c, e, k))
            return 1;
    return 0;
}

/* ---- B1 B2 B3: both sides --------------------------------------------------------------------- */

static void b1_one_sided(check *c)
{
    ENTRIES(e) {
        const reg_asset *a = actuator(c, e);
        if (!e->one_sided && e->aia.n == 0)
            durai_reg_found(c, 1, e->value, SAY("%s:ai", e->id),
                            SAY("%s has no AI side: no impact assessment has looked at it%s%s", e->id,
                                a ? ", and it reaches actuator " : "", a ? a->id : ""),
                            "Name the assessment in origin.aia, or say in one_sided who answers for there being none.");
        if (!e->one_sided && e->hazards.n == 0 && e->threat_model == 0)
            durai_reg_found(c, 1, e->value, SAY("%s:ot", e->id),
                            SAY("AI risk %s%s%s but has no OT side: no hazard and no threat model knows it", e->id,
                                a ? " reaches actuator " : "", a ? a->id : ""),
                            "Name the hazard in origin.hazards or the threat in origin.threat_model, or say why not in one_sided.");
    }
}

static void b2_untranslated(check *c)
{
    ENTRIES(e) {
        if (!e->one_sided && e->n_needs == 0)
            durai_reg_found(c, 2, e->value, SAY("%s:62443", e->id),
                            SAY("%s asks nothing of a component: no requirement of IEC 62443", e->id),
                            "Add requirements.62443 with id, fr, sl_t and sl_c; `dura risk init` proposes some.");
        if (!e->one_sided && e->n_42001 == 0)
            durai_reg_found(c, 2, e->value, SAY("%s:42001", e->id),
                            SAY("%s asks nothing of the AI's life cycle: no control of ISO/IEC 42001", e->id),
                            "Add the Annex A ids to requirements.42001.");
    }
}

static void b3_level_gap(check *c)
{
    ENTRIES(e) {
        const reg_zone *z = &c->r->zone[c->r->asset[e->asset].zone];
        for (uint32_t k = 0; k < e->n_needs; k++) {
            const reg_need *q = &e->need[k];
            if (q->sl_c < q->sl_t && !q->compensated)
                durai_reg_found(c, 3, q->value, SAY("%s:%s", e->id, q->id),
                                SAY("%s asks %s at level %u and the component has %u: nothing makes up for it", e->id,
                                    q->id, q->sl_t, q->sl_c),
                                "Raise the component, or add a compensating countermeasure for this requirement with its evidence.");
            else if (q->sl_t < z->sl_t[q->fr] && !q->overridden)
                durai_reg_found(c, 3, q->value, SAY("%s:%s", e->id, q->id),
                                SAY("%s asks %s at level %u, its zone %s demands %s %u", e->id, q->id, q->sl_t, z->id,
                                    durai_reg_fr[q->fr], z->sl_t[q->fr]),
                                "Raise sl_t to the zone's, or say in override who lowered it and why.");
        }
    }
}

/* ---- B4 B5: controls ---------------------------------------------------------------------------- */

static void b4_unbound(check *c)
{
    ENTRIES(e)
        if (e->controls.n == 0)
            durai_reg_found(c, 4, e->value, e->id, SAY("%s is bound to no control: nothing in the machine acts on it", e->id),
                            "Bind a control whose hook can address the cause.");
    for (uint32_t i = 0; i < c->r->n_control; i++)
        if (!c->bound[i])
            durai_reg_found(c, 4, c->r->control[i].value, c->r->control[i].id,
                            SAY("control %s is bound to no entry: nobody knows which risk it is for", c->r->control[i].id),
                            "Name it in the controls of the entry it is for, or take it out.");
}

static void b5_silent(check *c)
{
    for (uint32_t i = 0; i < c->r->n_control && c->has_evidence; i++) {
        const reg_control *k = &c->r->control[i];
        const evidence *e = &c->evidence[i];
        const char *text = NULL;
        if (!c->bound[i])
            continue;
        if (!e->known)
            text = SAY("control %s is silent: the evidence has no word of it", k->id);
        else if (e->armed_s == 0)
            text = SAY("control %s was armed 0 s of %u s", k->id, c->period);
        else if ((uint64_t)e->armed_s * 100 < (uint64_t)c->period * k->armed_percent)
            text = SAY("control %s was armed %u s of %u s: %u %% of the time are expected", k->id, e->armed_s, c->period,
                       k->armed_percent);
        if (text)
            durai_reg_found(c, 5, k->value, k->id, text,
                            "Find out why it was not armed: arm it in the policy, or correct armed_percent.");
    }
}

/* ---- B6 B7: what is left of the risk --------------------------------------------------------------- */

static void b6_residual(check *c)
{
    ENTRIES(e) {
        if (e->after.figure <= c->r->tolerable || e->accepted_until >= c->today)
            continue;
        uint32_t t = e->accepted_until;
        const char *how = t ? SAY("its acceptance ended on %04u-%02u-%02u", t / 10000, t / 100 % 100, t % 100)
                            : "nobody has accepted it";
        durai_reg_found(c, 6, e->value, e->id,
                        SAY("%s leaves risk %u, %u is tolerable, and %s", e->id, e->after.figure, c->r->tolerable,
                            how ? how : ""),
                        "Add controls, or an acceptance with who, role, until and reason.");
    }
}

/* Armed, able to speak to the cause and proven by a drill it caught; without an evidence
 * file only the second can be seen. */
static int earned(const check *c, const reg_entry *e)
{
    for (uint32_t k = 0; k < e->controls.n; k++) {
        const evidence *v = &c->evidence[e->controls.at[k]];
        if (fits(c, e, k) && (!c->has_evidence || (v->armed_s > 0 && v->caught > 0)))
            return 1;
    }
    return 0;
}

static void b7_unearned(check *c)
{
    ENTRIES(e) {
        int lowered = e->after.figure < e->before.figure || e->after.likelihood < e->before.likelihood ||
                      e->after.severity < e->before.severity;
        if (lowered && !earned(c, e))
            durai_reg_found(c, 7, e->value, e->id,
                            SAY("%s lowers its risk from %u to %u with no %s control", e->id, e->before.figure,
                                e->after.figure, c->has_evidence ? "armed and drilled" : "fitting"),
                            "Bind a control that addresses the cause, arm it and drill it; until then the residual is the unmitigated risk.");
    }
}

/* ---- B8 B9: the model and what it is fed -------------------------------------------------------------- */

static int guards_input(const char *hook)
{
    return strncmp(hook, "sensor.", 7) == 0 || strcmp(hook, "link.auth") == 0;
}

static void b8_unguarded(check *c)
{
    const dura_register *r = c->r;
    uint8_t *guarded = durai_reg_take(&c->arena, r->n_asset + 1);
    if (!guarded) {
        c->rc = DURA_ENOSPC;
        return;
    }
    for (uint32_t i = 0; i < r->n_control; i++)
        for (uint32_t k = 0; k < r->control[i].on.n; k++)
            if (c->bound[i] && guards_input(durai_reg_hooks[r->control[i].hook].name))
                guarded[r->control[i].on.at[k]] = 1;
    ASSETS(i)
        if ((r->asset[i].kind == REG_SENSOR || r->asset[i].kind == REG_NETWORK) && c->acts[i] && !guarded[i])
            durai_reg_found(c, 8, r->asset[i].value, r->asset[i].id,
                            SAY("input %s acts on an actuator and nothing checks it", r->asset[i].id),
                            "Put a bound sensor.* or link.auth control on it.");
}

static void b9_missing_cause(check *c)
{
    ASSETS(i)
        for (int cause = REG_FAULT; c->r->asset[i].kind == REG_MODEL && cause <= REG_ATTACK; cause++)
            if (!(c->touched[i] >> cause & 1))
                durai_reg_found(c, 9, c->r->asset[i].value, SAY("%s:%s", c->r->asset[i].id, durai_reg_causes[cause]),
                                SAY("no entry for cause %s at model %s", durai_reg_causes[cause], c->r->asset[i].id),
                                "Write the entry, or waive this cause with a name and a reason.");
}

/* ---- B10 B11 B12: what lies between and beside ----------------------------------------------------------- */

static int has_conduit(const dura_register *r, uint16_t a, uint16_t b)
{
    for (uint32_t i = 0; i < r->n_conduit; i++)
        if ((r->conduit[i].from == a && r->conduit[i].to == b) || (r->conduit[i].from == b && r->conduit[i].to == a))
            return 1;
    return 0;
}

static void b10_conduit(check *c)
{
    const dura_register *r = c->r;
    for (uint32_t i = 0; i < r->n_conduit; i++)
        if (!c->conduit[i])
            durai_reg_found(c, 10, r->conduit[i].value, r->conduit[i].id,
                            SAY("conduit %s, %s -> %s, is in no entry: nobody has assessed it", r->conduit[i].id,
                                r->zone[r->conduit[i].from].id, r->zone[r->conduit[i].to].id),
                            "Name it in the conduits of the entry that looks at it.");
    for (uint32_t i = 0; i < r->n_edge; i++) {
        const reg_asset *a = &r->asset[r->edge[i].from], *b = &r->asset[r->edge[i].to];
        if (a->zone != b->zone && !has_conduit(r, a->zone, b->zone))
            durai_reg_found(c, 10, r->edge[i].value, SAY("%s>%s", a->id, b->id),
                            SAY("%s > %s goes from zone %s to %s and there is no conduit between them", a->id, b->id,
                                r->zone[a->zone].id, r->zone[b->zone].id),
                            "Declare the conduit, or move one of the assets.");
    }
}

static void b11_unassessed(check *c)
{
    ASSETS(i) {
        const reg_asset *a = &c->r->asset[i];
        if ((a->kind == REG_DATASET || a->kind == REG_LOG || a->kind == REG_UPDATE) && !c->touched[i])
            durai_reg_found(c, 11, a->value, a->id,
                            SAY("%s %s is in no entry: %s", durai_reg_kinds[a->kind], a->id,
                                a->kind == REG_DATASET  ? "who changes the data changes the model"
                                : a->kind == REG_UPDATE ? "who holds it can replace the model"
                                                        : "who cuts it takes the proof away"),
                            "Write an entry with this asset, or name it in the path of one.");
    }
}

/* "R-01, R-02" that come from the assessment; "" when none does. */
static const char *entries_of(check *c, uint16_t aia, uint32_t *n)
{
    const char *list = "";
    *n = 0;
    ENTRIES(e)
        for (uint32_t k = 0; k < e->aia.n; k++)
            if (e->aia.at[k] == aia && list)
                list = SAY("%s%s%s", list, (*n)++ ? ", " : "", e->id);
    return list;
}

static void b12_stale(check *c)
{
    for (uint32_t i = 0; i < c->r->n_aia; i++) {
        const reg_aia *a = &c->r->aia[i];
        const assessed *now = &c->assessed[i];
        uint32_t n;
        if (now->known && now->missing)
            durai_reg_found(c, 12, a->value, a->id, SAY("%s: its document %s is not there", a->id, a->document),
                            "Put the document beside the register, or correct its name.");
        else if (now->known && memcmp(now->sha256, a->sha256, 32) != 0) {
            const char *list = entries_of(c, (uint16_t)i, &n);
            durai_reg_found(c, 12, a->value, a->id,
                            SAY("%s changed, %s%s", a->id, n ? list ? list : "" : "no entry comes from it",
                                n > 1 ? " need re-review" : n ? " needs re-review" : ""),
                            "Read what changed; then set its sha256, version and date, and the entries' reviewed dates.");
        }
    }
    ENTRIES(e)
        for (uint32_t k = 0; k < e->aia.n; k++) {
            const reg_aia *a = &c->r->aia[e->aia.at[k]];
            if (a->date > e->reviewed)
                durai_reg_found(c, 12, e->value, e->id,
                                SAY("%s is newer than the last review of %s", a->id, e->id),
                                "Review the entry against the assessment and set its reviewed date.");
        }
}

/* ---- B13: can the control do it ---------------------------------------------------------------------- */

static int states_delay(const check *c, const reg_entry *e)
{
    for (uint32_t k = 0; k < e->controls.n; k++)
        if (fits(c, e, k) && c->r->control[e->controls.at[k]].delay_s)
            return 1;
    return 0;
}

/* The shortest safety time of its hazards; 0: it has none. */
static uint32_t safety_ms(const check *c, const reg_entry *e)
{
    uint32_t ms = 0;
    for (uint32_t k = 0; k < e->hazards.n; k++)
        if (!ms || c->r->hazard[e->hazards.at[k]].safety_ms < ms)
            ms = c->r->hazard[e->hazards.at[k]].safety_ms;
    return ms;
}

static int falls_back(const check *c, const reg_entry *e, uint32_t within_ms)
{
    for (uint32_t k = 0; k < e->controls.n; k++) {
        const reg_control *b = &c->r->control[e->controls.at[k]];
        if (durai_reg_hooks[b->hook].fallback && fits(c, e, k) && b->reacts_ms && (!within_ms || b->reacts_ms <= within_ms))
            return 1;
    }
    return 0;
}

/* By its path, or where it says none, by the asset: what runs, not what is trained or kept. */
static int acts(const check *c, const reg_entry *e)
{
    uint8_t kind = c->r->asset[e->asset].kind;
    int runs = kind != REG_DATASET && kind != REG_UPDATE && kind != REG_LOG;
    return actuator(c, e) != NULL || (runs && c->acts[e->asset]);
}

static void b13_cannot(check *c)
{
    ENTRIES(e) {
        const char *cause = durai_reg_causes[e->cause], *text = NULL;
        const char *fix = "Bind a control that can: docs/register.md lists which hook speaks to which cause.";
        if (e->controls.n == 0)
            continue;                     /* B4 has said it */
        if (!any_fits(c, e)) {
            text = SAY("%s is %s %s and no bound control can address that%s", e->id, e->cause == REG_ATTACK ? "an" : "a",
                       cause, e->cause == REG_ATTACK ? ": who attacks stays in range" : "");
        } else if (e->cause == REG_DRIFT && !states_delay(c, e)) {
            text = SAY("%s is a drift and none of its monitors states how late it is", e->id);
            fix = "State delay_s of the monitor: `dura learn` prints it.";
        } else if (e->cause == REG_FAULT && acts(c, e) && !falls_back(c, e, safety_ms(c, e))) {
            text = SAY("%s is a fault and nothing leads to the safe state within %u ms", e->id, safety_ms(c, e));
            fix = "Bind output.fallback, output.stop or model.deadline with reacts_ms inside the process safety time.";
        }
        if (text)
            durai_reg_found(c, 13, e->value, e->id, text, fix);
    }
}

/* ---- B14 B15: how many eyes ---------------------------------------------------------------------------- */

/* An entry that names no actuator in its path is about all that its asset reaches. */
static uint8_t severity_of(const check *c, uint32_t i, const uint8_t *upstream)
{
    uint8_t worst = c->severity[i];
    ENTRIES(e)
        if (upstream[e->asset] && !actuator(c, e) && durai_reg_worst(c->r, e) > worst)
            worst = durai_reg_worst(c->r, e);
    return worst;
}

static void sensors_of(check *c, uint32_t i, uint16_t *order, uint8_t *seen)
{
    const dura_register *r = c->r;
    const reg_asset *first = NULL;
    uint32_t n, sensors = 0;
    int same_part = 1, same_bus = 1;
    memset(seen, 0, r->n_asset);
    n = durai_reg_upstream(c, (uint16_t)i, order, seen);
    if (severity_of(c, i, seen) < REG_SEVERITIES)
        return;
    for (uint32_t k = 0; k < n; k++) {
        const reg_asset *s = &r->asset[order[k]];
        if (s->kind != REG_SENSOR)
            continue;
        same_part &= !first || strcmp(first->part, s->part) == 0;
        same_bus &= !first || strcmp(first->bus, s->bus) == 0;
        first = first ? first : s;
        sensors++;
    }
    const char *id = r->asset[i].id;
    if (sensors == 1)
        durai_reg_found(c, 14, r->asset[i].value, id,
                        SAY("one sensor, %s, decides what actuator %s of severity %d does", first->id, id, REG_SEVERITIES),
                        "Add a second channel that measures in another way, or take the authority away from this one.");
    else if (sensors > 1 && (same_part || same_bus)) {
        const char *what = same_part ? "part" : "bus", *which = same_part ? first->part : first->bus;
        durai_reg_found(c, 15, r->asset[i].value, id,
                        *which ? SAY("all %u sensors behind actuator %s share the %s %s: one cause takes them all",
                                     sensors, id, what, which)
                               : SAY("of no sensor behind actuator %s is the %s known: they may all share one", id, what),
                        "Use another part or bus for one of them, and say part and bus of each.");
    }
}

static void b14_b15_eyes(check *c)
{
    uint16_t *order = durai_reg_take(&c->arena, (c->r->n_asset + 1) * sizeof *order);
    uint8_t *seen = durai_reg_take(&c->arena, c->r->n_asset + 1);
    if (!order || !seen) {
        c->rc = DURA_ENOSPC;
        return;
    }
    ASSETS(i)
        if (c->r->asset[i].kind == REG_ACTUATOR)
            sensors_of(c, i, order, seen);
}

/* ---- B16 to B19 ------------------------------------------------------------------------------------------ */

static void b16_retention(check *c)
{
    for (uint32_t k = 0; k < c->n_keep; k++) {
        const keep_row *row = &c->keep[k];
        int kept = 0;
        ASSETS(i) {
            const reg_asset *a = &c->r->asset[i];
            if (a->kind != REG_LOG || strcmp(a->stream, row->stream) != 0)
                continue;
            kept = 1;
            if (a->retention_days < row->days)
                durai_reg_found(c, 16, a->value, a->id,
                                SAY("%s keeps %s for %u days, %s wants %u (%s)", a->id, row->stream, a->retention_days,
                                    c->profile, row->days, row->source),
                                "Lengthen retention_days and the storage behind it.");
        }
        if (!kept)
            durai_reg_found(c, 16, dura_json_member(c->r->doc, DURA_JSON_ROOT, "assets"), row->stream,
                            SAY("no log keeps %s, %s wants %u days (%s)", row->stream, c->profile, row->days, row->source),
                            "Give the log that keeps it this stream and retention_days.");
    }
}

static void b17_hook(check *c)
{
    uint64_t used = 0;
    for (uint32_t i = 0; i < c->r->n_control; i++)
        used |= (uint64_t)c->bound[i] << c->r->control[i].hook;
    for (uint32_t h = 0; durai_reg_hook_names[h] && c->has_hooks; h++)
        if ((c->firmware >> h & 1) && !(used >> h & 1))
            durai_reg_found(c, 17, dura_json_member(c->r->doc, DURA_JSON_ROOT, "controls"), durai_reg_hook_names[h],
                            SAY("%s is in the firmware and no entry knows of it", durai_reg_hook_names[h]),
                            "Bind it to the entry it serves, or leave it out of the firmware.");
}

static void b18_ended(check *c)
{
    for (uint32_t i = 0; i < c->r->n_waiver; i++) {
        const reg_waiver *w = &c->r->waiver[i];
        if (w->until < c->today)
            durai_reg_found(c, 18, w->value, w->where,
                            SAY("the waiver of %s for %s ended on %04u-%02u-%02u", w->who, w->where, w->until / 10000,
                                w->until / 100 % 100, w->until % 100),
                            "Close the gap, or have the waiver renewed by somebody who answers for it.");
    }
}

/* Who never tried it does not know; who tried and missed knows better than to leave it. */
static void b19_never_drilled(check *c)
{
    for (uint32_t i = 0; i < c->r->n_entry && c->has_drill; i++) {
        const reg_entry *e = &c->r->entry[i];
        const drilled *d = &c->drilled[i];
        if (d->injections == 0)
            durai_reg_found(c, 19, e->value, e->id, SAY("%s was never drilled: nobody knows whether its controls notice", e->id),
                            "Bind a control that can be drilled, list `drills`, run `dura drill --register`.");
        else if (d->caught < d->injections)
            durai_reg_found(c, 19, e->value, SAY("%s:missed", e->id),
                            SAY("%u of %u drills of %s were missed by the controls it names", d->injections - d->caught,
                                d->injections, e->id),
                            "Tighten or add a control, or have what stays missed waived by somebody who answers for it.");
    }
}

void durai_reg_rules(check *c)
{
    static void (*const rules[])(check *) = {b1_one_sided, b2_untranslated, b3_level_gap, b4_unbound,   b5_silent,
                                             b6_residual,  b7_unearned,     b8_unguarded, b9_missing_cause, b10_conduit,
                                             b11_unassessed, b12_stale,     b13_cannot,   b14_b15_eyes, b16_retention,
                                             b17_hook,     b18_ended,       b19_never_drilled};
    for (size_t i = 0; i < sizeof rules / sizeof *rules && c->rc == DURA_OK; i++)
        rules[i](c);
}
