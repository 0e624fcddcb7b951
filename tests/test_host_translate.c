/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An AI impact in the language of 62443. Expected answers are written by hand from the rules in
 * docs/catalogs.md (Translation), before the code was run on them.
 */
#include "dt.h"

#include <dura/host/translate.h>

enum { IAC, UC, SI, DC, RDF, TRE, RA };

/* "Valve model may be fooled by a manipulated pressure signal; over-pressure": severity 4, zone at
 * SL 2, one pressure tap, a field conduit that can do RDF 1. */
static dura_translate_entry valve(void)
{
    dura_translate_entry e = DURA_TRANSLATE_ENTRY_INIT;
    e.asset = DURA_ASSET_SENSOR;
    e.cause = DURA_RISK_ATTACK;
    e.reach = DURA_REACH_ACTUATOR;
    e.severity = 4;
    memset(e.sl_t, 2, sizeof e.sl_t);
    memset(e.sl_c, 3, sizeof e.sl_c);
    memset(e.conduit_sl_c, 1, sizeof e.conduit_sl_c);
    e.crosses = 1;
    e.zone = "Z-CELL";
    e.conduit = "C-FIELD";
    return e;
}

static dura_translation translate(const dura_translate_entry *e, const dura_translate_override *o, uint32_t n)
{
    static dura_translation t;
    dura_error err = {0};
    t.struct_size = sizeof t;
    dt_eq(dura_translate(e, o, n, &t, &err), DURA_OK, "%s %s", err.field, err.text);
    dt_eq(t.struct_size, sizeof t, "");
    for (uint32_t i = 0; i < t.n; i++)
        dt_ok(*t.line[i].reason && t.line[i].id && strlen(t.line[i].reason) < DURA_TRANSLATE_REASON_MAX - 1u,
              "line %u has no reason of its own or one that was cut: %s", i, t.line[i].reason);
    return t;
}

static const dura_translate_line *line(const dura_translation *t, uint8_t kind, const char *id)
{
    for (uint32_t i = 0; i < t->n; i++)
        if (t->line[i].kind == kind && strcmp(t->line[i].id, id) == 0)
            return &t->line[i];
    return NULL;
}

/* Such a line is there and its reason has these words. */
static int says(const dura_translation *t, uint8_t kind, const char *id, const char *words)
{
    const dura_translate_line *l = line(t, kind, id);
    return l && strstr(l->reason, words) != NULL;
}

DT_TEST(translate, gives_the_valve_what_an_engineer_would_ask)
{
    static const char *const hooks[] = {"sensor.range", NULL};
    dura_translate_entry e = valve();
    e.hooks = hooks;
    dura_translation t = translate(&e, NULL, 0);
    dt_eq(t.severity, 4, "the hazard's");
    dt_eq(t.frs, 1u << SI | 1u << TRE | 1u << RDF, "SI and TRE of the sensor, RDF of the conduit");
    dt_eq(t.sl_t[SI], 3, "zone 2, severity 4 of 4, no second channel");
    dt_eq(t.sl_t[TRE], 3, "");
    dt_eq(t.sl_t[UC], 0, "not touched");
    const dura_translate_line *cr = line(&t, DURA_LINE_REQUIREMENT, "CR 3.5");
    dt_ok(cr && cr->fr == 3 && cr->sl_t == 3 && cr->sl_c == 3 && cr->value == 1, "CR 3.5 at SL-T 3");
    dt_ok(line(&t, DURA_LINE_REQUIREMENT, "CR 3.6") && line(&t, DURA_LINE_REQUIREMENT, "CR 6.2"), "");
    dt_ok(line(&t, DURA_LINE_REQUIREMENT, "CR 5.1") != NULL, "the path crosses a conduit");
    dt_eq(t.gap[SI], 0, "");
    dt_eq(t.conduit_gap[RDF], 2, "RDF 3 asked, 1 there");
    dt_ok(t.compensate && line(&t, DURA_LINE_COMPENSATE, "CCSC 2"), "a second tap, or physics in the cell zone");
    dt_ok(says(&t, DURA_LINE_COMPENSATE, "CCSC 2", "Z-CELL"), "");
    dt_ok(says(&t, DURA_LINE_GAP, "RDF", "C-FIELD"), "");
    dt_ok(line(&t, DURA_LINE_HOOK, "sensor.vote") && line(&t, DURA_LINE_HOOK, "sensor.noise") &&
          line(&t, DURA_LINE_HOOK, "output.range"), "");
    dt_ok(line(&t, DURA_LINE_NO_HOOK, "sensor.range") != NULL, "an attacker stays in range");
    dt_ok(line(&t, DURA_LINE_DEMAND, "response") && line(&t, DURA_LINE_DEMAND, "response")->value == 0, "still open");
    dt_ok(line(&t, DURA_LINE_CONTROL, "A.6.2.4") && line(&t, DURA_LINE_CONTROL, "A.6.2.6") &&
          line(&t, DURA_LINE_CONTROL, "A.7.4"), "");
}

DT_TEST(translate, raises_the_level_only_at_the_top_and_with_one_channel)
{
    static const struct { const char *row; uint8_t severity, top, second, reach, zone, wanted; } rows[] = {
        {"top, one channel", 4, 0, 0, DURA_REACH_ACTUATOR, 2, 3},
        {"top, two channels", 4, 0, 1, DURA_REACH_ACTUATOR, 2, 2},
        {"one below the top", 3, 0, 0, DURA_REACH_ACTUATOR, 2, 2},
        {"top of a scale of five", 5, 5, 0, DURA_REACH_ACTUATOR, 2, 3},
        {"four of five", 4, 5, 0, DURA_REACH_ACTUATOR, 2, 2},
        {"a person decides", 4, 0, 0, DURA_REACH_HUMAN, 1, 2},
        {"never above four", 4, 0, 0, DURA_REACH_ACTUATOR, 4, 4},
        {"from nothing", 4, 0, 0, DURA_REACH_ACTUATOR, 0, 1},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        dura_translate_entry e = valve();
        e.severity = rows[i].severity;
        e.severity_top = rows[i].top;
        e.second_channel = rows[i].second;
        e.reach = rows[i].reach;
        memset(e.sl_t, rows[i].zone, sizeof e.sl_t);
        dura_translation t = translate(&e, NULL, 0);
        dt_eq(t.sl_t[SI], rows[i].wanted, "%s", rows[i].row);
        dt_ok((line(&t, DURA_LINE_RAISED, "SI") != NULL) == (rows[i].wanted > rows[i].zone), "%s", rows[i].row);
    }
}

DT_TEST(translate, takes_a_risk_without_a_path_as_one_of_information)
{
    dura_translate_entry e = valve();
    e.reach = DURA_REACH_NOTHING;
    dura_translation t = translate(&e, NULL, 0);
    dt_eq(t.frs, 1u << DC | 1u << TRE, "");
    dt_eq(t.sl_t[TRE], 2, "nothing raises it");
    dt_ok(line(&t, DURA_LINE_REQUIREMENT, "CR 4.1") && !line(&t, DURA_LINE_REQUIREMENT, "CR 3.5"), "");
    dt_ok(says(&t, DURA_LINE_PATH, "", "no path"), "");
}

DT_TEST(translate, asks_by_what_is_touched)
{
    static const struct { uint8_t asset, frs; const char *cr[4], *control; } rows[] = {
        {DURA_ASSET_SENSOR, 1u << SI | 1u << TRE, {"CR 3.5", "CR 3.6", "CR 6.2"}, "A.7.4"},
        {DURA_ASSET_MODEL, 1u << SI | 1u << UC, {"CR 3.4", "CR 2.1", "EDR 2.4", "EDR 3.10"}, "A.6.2.5"},
        {DURA_ASSET_ACTUATOR, 1u << SI | 1u << UC, {"CR 3.6", "CR 3.1", "CR 2.1"}, "A.9.4"},
        {DURA_ASSET_DATASET, 1u << SI | 1u << UC, {"CR 3.4", "CR 2.1"}, "A.7.5"},
        {DURA_ASSET_UPDATE, 1u << SI | 1u << UC | 1u << RA, {"EDR 3.10", "CR 7.4"}, "A.6.2.5"},
        {DURA_ASSET_LOG, 1u << UC | 1u << SI | 1u << TRE, {"CR 2.8", "CR 2.12", "CR 3.9", "CR 6.1"}, "A.6.2.8"},
        {DURA_ASSET_HUMAN, 1u << UC | 1u << TRE, {"CR 2.1", "CR 2.12", "CR 6.2"}, "A.9.4"},
        {DURA_ASSET_NETWORK, 1u << IAC | 1u << SI | 1u << RDF | 1u << RA, {"CR 3.1", "CR 1.2", "CR 5.1", "CR 7.1"}, "A.4.5"},
        {DURA_ASSET_BRAIN_PART, 1u << SI | 1u << UC | 1u << RA, {"CR 3.4", "EDR 3.10", "CR 7.8"}, "A.6.2.5"},
        {DURA_ASSET_COMPUTE, 1u << RA | 1u << SI, {"CR 7.1", "CR 7.2"}, "A.4.5"},
        {DURA_ASSET_SECRET, 1u << DC | 1u << UC, {"CR 4.1", "CR 4.2", "CR 4.3", "CR 2.1"}, "A.4.3"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        dura_translate_entry e = valve();
        e.asset = rows[i].asset;
        e.crosses = 0;
        memset(e.sl_t, 4, sizeof e.sl_t);
        dura_translation t = translate(&e, NULL, 0);
        dt_eq(t.frs, rows[i].frs, "asset %u", rows[i].asset);
        for (size_t k = 0; k < 4 && rows[i].cr[k]; k++)
            dt_ok(line(&t, DURA_LINE_REQUIREMENT, rows[i].cr[k]) != NULL, "asset %u: %s", rows[i].asset, rows[i].cr[k]);
        dt_ok(line(&t, DURA_LINE_CONTROL, rows[i].control) != NULL, "asset %u: %s", rows[i].asset, rows[i].control);
    }
}

DT_TEST(translate, adds_enhancements_as_far_as_the_level_asks)
{
    static const struct { uint8_t zone; int re1, re2, base; } rows[] = {{1, 0, 0, 1}, {2, 1, 0, 1}, {3, 1, 1, 1}, {0, 0, 0, 0}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        dura_translate_entry e = valve();
        e.asset = DURA_ASSET_MODEL;
        e.second_channel = 1;
        memset(e.sl_t, rows[i].zone, sizeof e.sl_t);
        dura_translation t = translate(&e, NULL, 0);
        dt_eq(line(&t, DURA_LINE_REQUIREMENT, "CR 3.4 RE1") != NULL, rows[i].re1, "zone %u", rows[i].zone);
        dt_eq(line(&t, DURA_LINE_REQUIREMENT, "CR 3.4 RE2") != NULL, rows[i].re2, "zone %u", rows[i].zone);
        const dura_translate_line *base = line(&t, DURA_LINE_REQUIREMENT, "CR 3.4");
        dt_ok(base && base->value == rows[i].base, "zone %u", rows[i].zone);
    }
}

DT_TEST(translate, counts_a_hook_by_the_cause)
{
    static const struct { uint8_t cause; const char *hook, *demand; int counts, met; } rows[] = {
        {DURA_RISK_ATTACK, "sensor.range", "response", 0, 0},
        {DURA_RISK_ATTACK, "output.range", "response", 1, 0},
        {DURA_RISK_ATTACK, "sensor.vote", "response", 1, 1},
        {DURA_RISK_DRIFT, "sensor.vote", "delay", 0, 0},
        {DURA_RISK_DRIFT, "output.range", "delay", 1, 0},
        {DURA_RISK_DRIFT, "drift.monitor", "delay", 1, 1},
        {DURA_RISK_FAULT, "sensor.range", "fallback", 1, 0},
        {DURA_RISK_FAULT, "output.fallback", "fallback", 1, 1},
        {DURA_RISK_MISUSE, "drift.monitor", "limit", 0, 0},
        {DURA_RISK_MISUSE, "output.stop", "limit", 1, 1},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const char *hooks[2] = {rows[i].hook, NULL};
        dura_translate_entry e = valve();
        e.cause = rows[i].cause;
        e.hooks = hooks;
        dura_translation t = translate(&e, NULL, 0);
        dt_eq(line(&t, DURA_LINE_HOOK, rows[i].hook) != NULL, rows[i].counts, "%s %u", rows[i].hook, rows[i].cause);
        dt_eq(line(&t, DURA_LINE_NO_HOOK, rows[i].hook) != NULL, !rows[i].counts, "%s %u", rows[i].hook, rows[i].cause);
        dt_ok(line(&t, DURA_LINE_DEMAND, rows[i].demand) && line(&t, DURA_LINE_DEMAND, rows[i].demand)->value == rows[i].met,
              "%s %u", rows[i].hook, rows[i].cause);
        dt_eq(dura_hook_counts(rows[i].hook, rows[i].cause), rows[i].counts, "%s", rows[i].hook);
    }
    dt_eq(dura_hook_counts("sensor.rnage", DURA_RISK_FAULT), -1, "");
    dt_eq(dura_hook_counts("CR 3.4", DURA_RISK_FAULT), -1, "");
    dt_eq(dura_hook_counts("sensor.range", 0), 0, "");
    dt_eq(dura_hook_counts("sensor.range", 200), 0, "");
}

/* ---- overrides ---------------------------------------------------------------------------- */

DT_TEST(translate_override, changes_an_answer_and_keeps_both)
{
    static const char *const hooks[] = {"sensor.vote", NULL};
    const dura_translate_override o[] = {
        {DURA_OVERRIDE_SL_T, 2, "SI", "j.doe", "tap is behind a locked door"},
        {DURA_OVERRIDE_DROP, 0, "CR 3.6", "j.doe", "the valve closes by a spring"},
        {DURA_OVERRIDE_DROP, 0, "sensor.vote", "j.doe", "both taps share a wire"},
        {DURA_OVERRIDE_ADD, 0, "CR 3.7", "j.doe", "asked by the customer"},
        {DURA_OVERRIDE_ADD, 0, "A.5.5", "j.doe", "works near a school"},
    };
    dura_translate_entry e = valve();
    e.hooks = hooks;
    dura_translation t = translate(&e, o, 5);
    dt_eq(t.sl_t[SI], 2, "");
    dt_eq(t.sl_t[TRE], 3, "the others stay");
    dt_ok(line(&t, DURA_LINE_RAISED, "SI")->flags & DURA_LINE_OVERRIDDEN, "what the rule said is still there");
    dt_eq(line(&t, DURA_LINE_REQUIREMENT, "CR 3.5")->sl_t, 2, "what follows uses the new level");
    dt_ok(line(&t, DURA_LINE_REQUIREMENT, "CR 3.6")->flags & DURA_LINE_OVERRIDDEN, "");
    dt_ok(line(&t, DURA_LINE_HOOK, "sensor.vote")->flags & DURA_LINE_OVERRIDDEN, "");
    dt_eq(line(&t, DURA_LINE_DEMAND, "response")->value, 0, "a dropped hook meets nothing");
    dt_ok(line(&t, DURA_LINE_REQUIREMENT, "CR 3.7") && line(&t, DURA_LINE_CONTROL, "A.5.5"), "");
    dt_ok(says(&t, DURA_LINE_REQUIREMENT, "CR 3.7", "j.doe: asked by the customer"), "");
    const dura_translate_line *said = line(&t, DURA_LINE_OVERRIDE, "CR 3.6");
    dt_ok(said && strcmp(t.line[said->value].id, "CR 3.6") == 0, "an override points at the line it means");
}

DT_TEST(translate_override, is_refused_without_a_name_a_reason_or_a_meaning)
{
    static const struct { const char *row; dura_translate_override o; const char *field; } rows[] = {
        {"no name", {DURA_OVERRIDE_DROP, 0, "CR 3.5", "", "why"}, "overrides[0].who"},
        {"no reason", {DURA_OVERRIDE_DROP, 0, "CR 3.5", "me", NULL}, "overrides[0].reason"},
        {"no such FR", {DURA_OVERRIDE_SL_T, 2, "XX", "me", "why"}, "overrides[0].id"},
        {"level 5", {DURA_OVERRIDE_SL_T, 5, "SI", "me", "why"}, "overrides[0].value"},
        {"FR not touched", {DURA_OVERRIDE_SL_T, 2, "IAC", "me", "why"}, "overrides[0].id"},
        {"unknown id", {DURA_OVERRIDE_ADD, 0, "CR 9.9", "me", "why"}, "overrides[0].id"},
        {"a heading", {DURA_OVERRIDE_ADD, 0, "CR 3.10", "me", "why"}, "overrides[0].id"},
        {"a technique", {DURA_OVERRIDE_ADD, 0, "T0831", "me", "why"}, "overrides[0].id"},
        {"drop what is not said", {DURA_OVERRIDE_DROP, 0, "CR 1.1", "me", "why"}, "overrides[0].id"},
        {"add what stands", {DURA_OVERRIDE_ADD, 0, "CR 3.5", "me", "why"}, "overrides[0].id"},
        {"no such thing", {9, 0, "CR 3.5", "me", "why"}, "overrides[0].what"},
        {"no id", {DURA_OVERRIDE_DROP, 0, NULL, "me", "why"}, "overrides[0].id"},
    };
    dura_translate_entry e = valve();
    dura_translation t, before;
    memset(&t, 0x5A, sizeof t);
    t.struct_size = sizeof t;
    before = t;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        dura_error err = {0};
        dt_eq(dura_translate(&e, &rows[i].o, 1, &t, &err), DURA_EINVAL, "%s", rows[i].row);
        dt_ok(strcmp(err.field, rows[i].field) == 0, "%s: %s", rows[i].row, err.field);
        dt_ok(memcmp(&t, &before, sizeof t) == 0, "%s: on error nothing changed", rows[i].row);
    }
}

DT_TEST(translate_override, says_when_there_are_more_lines_than_room)
{
    dura_translate_override o[DURA_TRANSLATE_LINES_MAX];
    dura_translate_entry e = valve();
    dura_translation t;
    t.struct_size = sizeof t;
    for (uint32_t i = 0; i < DURA_TRANSLATE_LINES_MAX; i++) {
        const dura_translate_override drop = {DURA_OVERRIDE_SL_T, i % 5u, "SI", "me", "why"};
        o[i] = drop;
    }
    dt_eq(dura_translate(&e, o, DURA_TRANSLATE_LINES_MAX, &t, NULL), DURA_ELIMIT, "");
}

DT_TEST(translate, refuses_what_is_out_of_range)
{
    static const char *const wrong[] = {"sensor.rnage", NULL};
    struct { const char *field; dura_translate_entry e; } rows[11];
    for (size_t i = 0; i < 11; i++)
        rows[i].e = valve();
    rows[0].field = "asset", rows[0].e.asset = 0;
    rows[1].field = "asset", rows[1].e.asset = 12;
    rows[2].field = "cause", rows[2].e.cause = 5;
    rows[3].field = "reach", rows[3].e.reach = 3;
    rows[4].field = "severity", rows[4].e.severity = 0;
    rows[5].field = "severity", rows[5].e.severity = 5;
    rows[6].field = "second_channel", rows[6].e.second_channel = 2;
    rows[7].field = "crosses", rows[7].e.crosses = 2;
    rows[8].field = "sl_t", rows[8].e.sl_t[6] = 5;
    rows[9].field = "conduit_sl_c", rows[9].e.conduit_sl_c[0] = 5;
    rows[10].field = "hooks", rows[10].e.hooks = wrong;
    for (size_t i = 0; i < 11; i++) {
        dura_translation t;
        dura_error err = {0};
        t.struct_size = sizeof t;
        dt_eq(dura_translate(&rows[i].e, NULL, 0, &t, &err), DURA_EINVAL, "%s", rows[i].field);
        dt_ok(strcmp(err.field, rows[i].field) == 0, "%s: %s", rows[i].field, err.field);
    }
    dura_translate_entry e = valve();
    dura_translation t;
    t.struct_size = 8;
    dt_eq(dura_translate(&e, NULL, 0, &t, NULL), DURA_EINVAL, "too small a struct");
    t.struct_size = sizeof t;
    dt_eq(dura_translate(NULL, NULL, 0, &t, NULL), DURA_EINVAL, "");
    dt_eq(dura_translate(&e, NULL, 1, &t, NULL), DURA_EINVAL, "");
    dt_eq(dura_translate(&e, NULL, 0, NULL, NULL), DURA_EINVAL, "");
}

/* Every asset, cause, reach, severity and level: an answer with reasons, the same twice. */
DT_TEST(translate, is_total_and_deterministic)
{
    static dura_translation a, b;
    for (uint8_t asset = DURA_ASSET_SENSOR; asset <= DURA_ASSET_SECRET; asset++)
        for (uint8_t cause = DURA_RISK_FAULT; cause <= DURA_RISK_MISUSE; cause++)
            for (uint8_t reach = 0; reach <= DURA_REACH_ACTUATOR; reach++)
                for (uint8_t sl = 0; sl <= 4; sl++) {
                    dura_translate_entry e = valve();
                    e.asset = asset;
                    e.cause = cause;
                    e.reach = reach;
                    memset(e.sl_t, sl, sizeof e.sl_t);
                    a.struct_size = b.struct_size = sizeof a;
                    dt_eq(dura_translate(&e, NULL, 0, &a, NULL), DURA_OK, "asset %u", asset);
                    dt_eq(dura_translate(&e, NULL, 0, &b, NULL), DURA_OK, "asset %u", asset);
                    dt_ok(memcmp(&a, &b, sizeof a) == 0, "asset %u", asset);
                    dt_ok(a.frs && line(&a, DURA_LINE_REQUIREMENT, "CR 9.9") == NULL, "");
                    uint32_t hooks = 0, crs = 0, controls = 0;
                    for (uint32_t i = 0; i < a.n; i++) {
                        hooks += a.line[i].kind == DURA_LINE_HOOK;
                        crs += a.line[i].kind == DURA_LINE_REQUIREMENT;
                        controls += a.line[i].kind == DURA_LINE_CONTROL;
                    }
                    dt_ok(crs && controls, "asset %u cause %u reach %u", asset, cause, reach);
                    dt_ok(hooks, "asset %u cause %u: no hook counts", asset, cause);
                }
}

DT_TEST(fr, has_seven_names)
{
    static const char *const names[] = {"IAC", "UC", "SI", "DC", "RDF", "TRE", "RA"};
    for (uint8_t fr = 1; fr <= DURA_FR_MAX; fr++) {
        char form[8];
        (void)snprintf(form, sizeof form, "FR %u", (unsigned)fr);
        dt_ok(strcmp(dura_fr_name(fr), names[fr - 1]) == 0, "");
        dt_eq(dura_fr_of(names[fr - 1]), fr, "");
        dt_eq(dura_fr_of(form), fr, "");
    }
    dt_ok(!*dura_fr_name(0) && !*dura_fr_name(8), "");
    dt_ok(!dura_fr_of("FR 8") && !dura_fr_of("FR 10") && !dura_fr_of("si") && !dura_fr_of("") && !dura_fr_of(NULL), "");
}
