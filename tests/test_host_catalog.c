/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Names of requirements and attacks. Expected values are facts of the catalogues' owners, written
 * by hand here; how many there are is counted from the files by scripts/check_catalogs.py.
 */
#include "dt.h"

#include "temp_dir.h"

#include <dura/correlate.h>
#include <dura/host/translate.h>

static const dura_catalog_item *item(const char *id)
{
    const dura_catalog_item *found = dura_catalog_item_find(NULL, id);
    dt_ok(found != NULL, "%s is in no catalogue", id);
    return found;
}

DT_TEST(catalog_at, names_each_catalogue_once_and_ends)
{
    static const char *const names[] = {"62443-4-2", "62443-4-1", "62443-3-2", "62443-3-3", "42001", "atlas",
                                        "attack-ics", "ai-act", "cra", "machinery", "dura", NULL};
    uint32_t n = 0;
    for (; names[n]; n++) {
        const dura_catalog *c = dura_catalog_at(n);
        dt_ok(c && strcmp(c->name, names[n]) == 0, "row %u", n);
        dt_ok(dura_catalog_find(names[n]) == c, "row %u", n);
        dt_ok(*c->title && *c->source && *c->version && *c->date && *c->licence && *c->notice && c->items, "row %u", n);
    }
    dt_ok(dura_catalog_at(n) == NULL, "");
    dt_ok(dura_catalog_find("62443") == NULL && dura_catalog_find("") == NULL && dura_catalog_find(NULL) == NULL, "");
}

DT_TEST(catalog_item_find, finds_every_id_and_nothing_else)
{
    for (uint32_t n = 0; dura_catalog_at(n); n++)
        for (uint32_t i = 0; i < dura_catalog_at(n)->items; i++) {
            const dura_catalog_item *want = &dura_catalog_at(n)->item[i];
            dt_ok(dura_catalog_item_find(NULL, want->id) == want, "%s", want->id);
            dt_ok(dura_catalog_item_find(dura_catalog_at(n), want->id) == want, "%s", want->id);
            dt_ok(dura_catalog_item_find(dura_catalog_at(n ? 0 : 1), want->id) == NULL, "%s", want->id);
            dt_eq(want->catalog, n, "%s", want->id);
        }
    dt_ok(!dura_catalog_item_find(NULL, "CR 9.1") && !dura_catalog_item_find(NULL, "") && !dura_catalog_item_find(NULL, NULL), "");
    dt_ok(!dura_catalog_item_find(NULL, "cr 3.4") && !dura_catalog_item_find(NULL, "CR 3.4 "), "an id is exact");
}

DT_TEST(catalog_item_find, knows_from_which_level_a_requirement_is_asked)
{
    static const struct { const char *id; uint8_t fr, sl, kind; const char *parent; } rows[] = {
        {"CR 1.1", 1, 1, DURA_CATALOG_REQUIREMENT, ""},
        {"CR 3.4", 3, 1, DURA_CATALOG_REQUIREMENT, ""},
        {"CR 3.4 RE1", 3, 2, DURA_CATALOG_ENHANCEMENT, "CR 3.4"},
        {"CR 3.4 RE2", 3, 3, DURA_CATALOG_ENHANCEMENT, "CR 3.4"},
        {"CR 2.1 RE4", 2, 4, DURA_CATALOG_ENHANCEMENT, "CR 2.1"},
        {"CR 2.11 RE1", 2, 2, DURA_CATALOG_ENHANCEMENT, "CR 2.11"},
        {"CR 2.11 RE2", 2, 4, DURA_CATALOG_ENHANCEMENT, "CR 2.11"},
        {"CR 3.3 RE1", 3, 4, DURA_CATALOG_ENHANCEMENT, "CR 3.3"},
        {"CR 3.9", 3, 2, DURA_CATALOG_REQUIREMENT, ""},
        {"CR 6.2", 6, 2, DURA_CATALOG_REQUIREMENT, ""},
        {"CR 3.10", 3, 0, DURA_CATALOG_HEADING, ""},
        {"EDR 3.10 RE1", 3, 2, DURA_CATALOG_ENHANCEMENT, "EDR 3.10"},
        {"CR 7.5", 7, 0, DURA_CATALOG_HEADING, ""},
        {"CCSC 2", 0, 1, DURA_CATALOG_REQUIREMENT, ""},
        {"SM-6", 0, 0, DURA_CATALOG_REQUIREMENT, ""},
        {"A.6.2.4", 0, 0, DURA_CATALOG_CONTROL, ""},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const dura_catalog_item *found = item(rows[i].id);
        dt_eq(found->fr, rows[i].fr, "%s", rows[i].id);
        dt_eq(found->sl, rows[i].sl, "%s", rows[i].id);
        dt_eq(found->kind, rows[i].kind, "%s", rows[i].id);
        dt_ok(strcmp(found->parent, rows[i].parent) == 0, "%s: %s", rows[i].id, found->parent);
    }
}

DT_TEST(catalog_item_find, has_the_clocks_of_the_laws)
{
    dt_eq(item("CRA 14(2)(a)")->clock_hours, 24, "");
    dt_eq(item("CRA 14(4)(b)")->clock_hours, 72, "");
    dt_eq(item("CRA 14(2)(c)")->clock_days, 14, "");
    dt_eq(item("AI Act 73(2)")->clock_days, 15, "");
    dt_ok(item("AI Act 26(6)")->clock_days >= 184, "six months are never more than 184 days");
    dt_ok(item("AI Act 18")->clock_days >= 3652, "ten years");
    dt_ok(item("AI Act 18")->flags & DURA_CATALOG_UNVERIFIED, "what was not read in the law says so");
}

DT_TEST(catalog_item_find, says_which_controls_no_device_can_show)
{
    const dura_catalog *c = dura_catalog_find("42001");
    uint32_t outside = 0;
    for (uint32_t i = 0; i < c->items; i++)
        outside += (c->item[i].flags & DURA_CATALOG_OUTSIDE) != 0;
    dt_eq(outside, 16u, "22 of 38 have evidence from a run or a release");
    dt_ok(item("A.2.2")->flags & DURA_CATALOG_OUTSIDE, "a policy");
    dt_ok(!(item("A.6.2.8")->flags & DURA_CATALOG_OUTSIDE), "event logs");
}

DT_TEST(catalog_resolve, reads_what_registers_write)
{
    static const struct { const char *text; int status; const char *id; } rows[] = {
        {"CR 3.4", DURA_CATALOG_ACTIVE, "CR 3.4"},
        {"62443-4-2:CR 3.4 RE1", DURA_CATALOG_ACTIVE, "CR 3.4 RE1"},
        {"42001:CR 3.4", DURA_CATALOG_UNKNOWN, NULL},
        {"https://atlas.mitre.org/techniques/AML.T0043", DURA_CATALOG_ACTIVE, "AML.T0043"},
        {"https://atlas.mitre.org/techniques/AML.T0043.000/", DURA_CATALOG_ACTIVE, "AML.T0043.000"},
        {"https://attack.mitre.org/techniques/T0831", DURA_CATALOG_ACTIVE, "T0831"},
        {"https://attack.mitre.org/techniques/T0831/", DURA_CATALOG_ACTIVE, "T0831"},
        {"https://attack.mitre.org/mitigations/M0816", DURA_CATALOG_ACTIVE, "M0816"},
        {"https://attack.mitre.org/techniques/T1692/001/", DURA_CATALOG_UNKNOWN, NULL},
        {"https://attack.mitre.org/techniques/T1059", DURA_CATALOG_FOREIGN, NULL},
        {"https://attack.mitre.org/techniques/", DURA_CATALOG_FOREIGN, NULL},
        {"https://cve.org/CVE-2024-0001", DURA_CATALOG_FOREIGN, NULL},
        {"AML.T0045", DURA_CATALOG_RENAMED, "AML.T0045"},
        {"T0808", DURA_CATALOG_REVOKED, "T0808"},
        {"AML.T9999", DURA_CATALOG_UNKNOWN, NULL},
        {"CR 3.99", DURA_CATALOG_UNKNOWN, NULL},
        {"SM-14", DURA_CATALOG_UNKNOWN, NULL},
        {"A.6.2.9", DURA_CATALOG_UNKNOWN, NULL},
        {"CRA 99", DURA_CATALOG_UNKNOWN, NULL},
        {"MR Annex III 9", DURA_CATALOG_UNKNOWN, NULL},
        {"T1234", DURA_CATALOG_FOREIGN, NULL},
        {"T083", DURA_CATALOG_FOREIGN, NULL},
        {"CR", DURA_CATALOG_FOREIGN, NULL},
        {"CRANE 4", DURA_CATALOG_FOREIGN, NULL},
        {"a.6.2.4", DURA_CATALOG_FOREIGN, NULL},
        {"", DURA_CATALOG_FOREIGN, NULL},
        {NULL, DURA_CATALOG_FOREIGN, NULL},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const dura_catalog_item *found = NULL;
        const char *row = rows[i].text ? rows[i].text : "(NULL)";
        dt_eq(dura_catalog_resolve(rows[i].text, &found), rows[i].status, "%s", row);
        dt_ok((found != NULL) == (rows[i].id != NULL) && (!found || strcmp(found->id, rows[i].id) == 0), "%s", row);
        dt_eq(dura_catalog_resolve(rows[i].text, NULL), rows[i].status, "%s", row);
    }
}

DT_TEST(catalog_say, tells_what_to_write_instead)
{
    char buf[128], longer[300];
    memset(longer, 'T', sizeof longer - 1u);
    longer[sizeof longer - 1u] = 0;
    dt_ok(strcmp(dura_catalog_say("AML.T0045", buf, sizeof buf), "renamed: the id is now AML.T0048.004") == 0, "%s", buf);
    dt_ok(strstr(dura_catalog_say("T0808", buf, sizeof buf), "revoked") == buf, "%s", buf);
    dt_ok(strcmp(dura_catalog_say("SM-14", buf, sizeof buf), "no catalogue has it; close: SM-1") == 0 ||
          strstr(buf, "close: SM-1"), "%s", buf);
    dt_ok(strcmp(dura_catalog_say("AML.T0043", buf, sizeof buf), "Craft Adversarial Data") == 0, "%s", buf);
    dt_ok(strcmp(dura_catalog_say(longer, buf, sizeof buf), "no catalogue has it") == 0, "%s", buf);
    dt_ok(strcmp(dura_catalog_say(NULL, buf, sizeof buf), "no catalogue has it") == 0, "%s", buf);
    dt_ok(strlen(dura_catalog_say("AML.T0043", buf, 6)) == 5, "cut to fit");
    dt_ok(dura_catalog_say("AML.T0043", buf, 0) == buf, "");
}

DT_TEST(bridge_find, has_a_row_for_each_technique_that_concerns_a_predictive_model)
{
    static const char *const names[] = {"atlas", "attack-ics"};
    for (uint32_t n = 0; n < 2; n++) {
        const dura_catalog *c = dura_catalog_find(names[n]);
        for (uint32_t i = 0; i < c->items; i++) {
            const dura_catalog_item *t = &c->item[i];
            int wanted = t->kind == DURA_CATALOG_TECHNIQUE && t->status == DURA_CATALOG_ACTIVE &&
                         !(t->flags & DURA_CATALOG_GENERATIVE);
            const dura_bridge_row *row = dura_bridge_find(t->id);
            dt_ok((row != NULL) == wanted, "%s", t->id);
            if (row)
                dt_ok(strlen(row->reason) > 30 && (row->kind == DURA_BRIDGE_NONE) == !*row->requirements, "%s", t->id);
        }
    }
    dt_ok(!dura_bridge_find("CR 3.4") && !dura_bridge_find("") && !dura_bridge_find(NULL), "");
}

static int has(const char *const *list, const char *id)
{
    for (; *list; list++)
        if (strcmp(*list, id) == 0)
            return 1;
    return 0;
}

DT_TEST(bridge_find, answers_what_the_public_catalogues_leave_open)
{
    const dura_bridge_row *image = dura_bridge_find("T0835"), *craft = dura_bridge_find("AML.T0043");
    dt_ok(image && has(image->requirements, "CR 6.2") && has(image->hooks, "sensor.noise"), "the replay inside a controller");
    dt_ok(craft && has(craft->ics, "T0831") && has(craft->requirements, "CR 3.5") && has(craft->controls, "A.6.2.4"), "");
    dt_eq(craft->causes, 1u << DURA_RISK_ATTACK, "");
}

DT_TEST(bridge_at, walks_all_rows_and_each_list_is_in_force)
{
    uint32_t n = 0;
    for (; dura_bridge_at(n); n++) {
        const dura_bridge_row *row = dura_bridge_at(n);
        const char *const *lists[] = {row->ics, row->requirements, row->controls, row->hooks};
        dt_ok(dura_bridge_find(row->from) == row, "%s", row->from);
        for (size_t l = 0; l < 4; l++)
            for (const char *const *id = lists[l]; *id; id++)
                dt_eq(dura_catalog_resolve(*id, NULL), DURA_CATALOG_ACTIVE, "%s: %s", row->from, *id);
        for (const char *const *h = row->hooks; *h; h++)
            dt_ok(item(*h)->causes & row->causes, "%s: %s counts for none of its causes", row->from, *h);
    }
    dt_eq(n, 106u + 83u, "rows of ATLAS and of ICS");
}

DT_TEST(catalog_causes, are_those_of_the_correlator)
{
    dt_eq((int)DURA_RISK_FAULT, (int)DURA_CAUSE_FAULT, "");
    dt_eq((int)DURA_RISK_DRIFT, (int)DURA_CAUSE_DRIFT, "");
    dt_eq((int)DURA_RISK_ATTACK, (int)DURA_CAUSE_ATTACK, "");
}

/* ---- files -------------------------------------------------------------------------------- */

typedef struct seen {
    uint32_t n, stop_at;
    char said[8][160];
} seen;

static int note(void *ctx, const char *file, uint32_t line, const char *path, const char *text, int status)
{
    seen *s = (seen *)ctx;
    const char *base = strrchr(file, '/');
    if (s->n < 8)
        (void)snprintf(s->said[s->n], sizeof s->said[0], "%s:%u %s \"%s\" %d", base ? base + 1 : file, line, path, text, status);
    return ++s->n == s->stop_at;
}

static const char text[] =
    "{\n \"id\": \"T0101\", \"entries\": [\n  {\"threats\": [\"AML.T0043\", \"AML.T0045\",\n   \"https://attack.mitre.org/techniques/T0808\", \"CVE-2024-1\"],\n"
    "   \"requirements\": {\"62443\": [{\"id\": \"CR 3.4\"}, \"CR 3.99\"]},\n   \"hook\": \"sensor.rnage\", \"channel\": \"press.line\",\n"
    "   \"reason\": \"T0999\"}]\n}\n";

DT_TEST(catalog_check, names_file_line_and_path_of_what_is_not_in_force)
{
    static const char *const wanted[] = {"r.json:3 entries[0].threats[1] \"AML.T0045\" 3",
                                         "r.json:4 entries[0].threats[2] \"https://attack.mitre.org/techniques/T0808\" 2",
                                         "r.json:5 entries[0].requirements.62443[1] \"CR 3.99\" 4",
                                         "r.json:6 entries[0].hook \"sensor.rnage\" 4"};
    const char *path;
    seen s = {0};
    uint32_t ids = 0;
    dura_error err = {0};
    make_dir("catalog");
    put("r.json", text);
    path = in("r.json");
    dt_eq(dura_catalog_check(path, note, &s, &ids, &err), DURA_OK, "%s", err.text);
    dt_eq(s.n, 4u, "");
    dt_eq(ids, 5u, "four that are wrong and one in force; a declared id and a reason are no references");
    for (uint32_t i = 0; i < 4; i++)
        dt_ok(strcmp(s.said[i], wanted[i]) == 0, "%s", s.said[i]);
    memset(&s, 0, sizeof s);
    s.stop_at = 2;
    dt_eq(dura_catalog_check(path, note, &s, NULL, NULL), DURA_OK, "");
    dt_eq(s.n, 2u, "a finding may end the walk");
    dt_eq(dura_catalog_check(path, NULL, NULL, &ids, NULL), DURA_OK, "without anybody to tell it counts");
    dt_eq(ids, 5u, "");
    put("r.json", "{\"a\":");
    dt_eq(dura_catalog_check(path, note, &s, &ids, &err), DURA_ESYNTAX, "");
    dt_eq(dura_catalog_check(in("missing.json"), note, &s, &ids, &err), DURA_EIO, "");
    dt_eq(dura_catalog_check(NULL, note, &s, &ids, &err), DURA_EINVAL, "");
    sweep();
}

/* Ids bent in every way a keyboard and a disk can: what is found is exactly what was asked for. */
DT_TEST(catalog_resolve, finds_nothing_that_was_not_asked_for)
{
    static const char *const seeds[] = {"CR 3.4 RE1", "AML.T0043.000", "T0831", "62443-4-2:CR 3.4", "AI Act 12(1)", "CRA Annex I 2(1)",
                                        "https://attack.mitre.org/techniques/T0831/", "sensor.vote", "ZCR 5.10", "A.6.2.4"};
    uint32_t draw = 1;
    for (uint32_t round = 0; round < 20000; round++) {
        char bent[96], said[64];
        const dura_catalog_item *found = NULL;
        (void)snprintf(bent, sizeof bent, "%s", seeds[round % 10u]);
        size_t n = strlen(bent);
        for (uint32_t k = 0; k < 1u + round % 3u; k++) {
            draw = draw * 1664525u + 1013904223u;
            bent[(draw >> 16) % (n + 1u)] = draw >> 8 & 1u ? (char)(draw >> 24) : "0123456789./:T "[(draw >> 24) % 15u];
            bent[n + 1u] = 0;
        }
        int status = dura_catalog_resolve(bent, &found);
        dt_ok(status >= DURA_CATALOG_ACTIVE && status <= DURA_CATALOG_FOREIGN, "%s", bent);
        dt_ok((found != NULL) == (status <= DURA_CATALOG_RENAMED), "%s", bent);
        dt_ok(!found || strstr(bent, found->id) != NULL || strchr(bent, '/') != NULL, "%s gave %s", bent, found ? found->id : "");
        dt_ok(round % 50u || strlen(dura_catalog_say(bent, said, sizeof said)) < sizeof said, "%s", bent);
    }
}
