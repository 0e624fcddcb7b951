/* SPDX-License-Identifier: Apache-2.0 */
/* `dura catalog list [NAME] | show ID | verify [FILE...]`: names of requirements and attacks. */
#include "dura_args.h"

#include <dura/host/catalog.h>

#include <string.h>

#define FILES_MAX 64

static const char *words[1 + FILES_MAX];
static int json;

static const cli_option options[] = {
    {"--json", NULL, NULL, NULL, &json, "NDJSON, one object a line"},
    {NULL, NULL, NULL, NULL, NULL, NULL},
};
static const cli_command self = {
    "catalog", "list [NAME] | show ID | verify [FILE...]",
    "Requirements of IEC 62443, controls of ISO/IEC 42001, techniques of MITRE ATLAS and ATT&CK for\n"
    "ICS, duties of EU law, what dura does, and the bridge between them. list: the catalogues, or the\n"
    "ids of one. show: one id, what it maps to, and the bridge's row of a technique. verify: every id\n"
    "in the shipped tables is in force, and every id in FILE (JSON); exit 1 when one is unknown,\n"
    "revoked or renamed. A row maps to a requirement; it does not say that anybody meets it.\n",
    options, words, 1, 1 + FILES_MAX,
};

static const char *const statuses[] = {"", "active", "revoked", "renamed", "unknown", "foreign"};
static const char *const kinds[] = {"", "requirement", "enhancement", "control", "technique",
                                    "mitigation", "duty", "hook", "heading"};
static const char *const causes[] = {"", "fault", "drift", "attack", "misuse"};

/* ---- printing --------------------------------------------------------------------------- */

static void print_member(const char *name, const char *text)
{
    printf(",\"%s\":", name);
    cli_print_json_text(stdout, text);
}

static void print_list(const char *name, const char *const *list)
{
    if (json)
        printf(",\"%s\":[", name);
    else if (*list)
        printf("  %-14s", name);
    for (const char *const *p = list; *p; p++) {
        if (json) {
            printf("%s", p == list ? "" : ",");
            cli_print_json_text(stdout, *p);
        } else {
            printf("%s%s", p == list ? "" : ", ", *p);
        }
    }
    if (json)
        printf("]");
    else if (*list)
        printf("\n");
}

static void print_causes(uint8_t mask)
{
    const char *list[6];
    uint32_t n = 0;
    for (uint8_t c = DURA_RISK_FAULT; c <= DURA_RISK_MISUSE; c++)
        if (mask >> c & 1u)
            list[n++] = causes[c];
    list[n] = NULL;
    print_list("causes", list);
}

static void print_row(const char *name, const char *text)
{
    if (*text)
        printf("  %-14s%s\n", name, text);
}

/* ---- list ------------------------------------------------------------------------------- */

static void list_catalogue(const dura_catalog *c)
{
    if (json) {
        printf("{\"catalog\":\"%s\"", c->name);
        print_member("title", c->title);
        print_member("source", c->source);
        print_member("version", c->version);
        print_member("date", c->date);
        print_member("licence", c->licence);
        print_member("notice", c->notice);
        printf(",\"items\":%u,\"active\":%u,\"unverified\":%u}\n", c->items, c->active, c->unverified);
    } else {
        printf("%-12s %5u ids", c->name, c->items);
        if (c->active < c->items)
            printf(", %u gone", c->items - c->active);
        if (c->unverified)
            printf(", %u unverified", c->unverified);
        printf("  %s (%s)\n", c->title, c->version);
    }
}

static void list_item(const dura_catalog_item *item)
{
    if (!json) {
        printf("%-18s %s%s%s%s\n", item->id, item->title, item->status == DURA_CATALOG_ACTIVE ? "" : " (",
               item->status == DURA_CATALOG_ACTIVE ? "" : statuses[item->status],
               item->status == DURA_CATALOG_ACTIVE ? "" : ")");
        return;
    }
    printf("{\"id\":\"%s\",\"catalog\":\"%s\",\"kind\":\"%s\",\"status\":\"%s\"", item->id,
           dura_catalog_at(item->catalog)->name, kinds[item->kind], statuses[item->status]);
    print_member("title", item->title);
    print_member("group", item->group);
    print_member("parent", item->parent);
    print_member("successor", item->successor);
    print_member("note", item->note);
    print_list("maps", item->maps);
    print_causes(item->causes);
    printf(",\"fr\":%u,\"sl\":%u,\"days\":%u,\"hours\":%u,\"unverified\":%s,\"generative\":%s,\"outside\":%s}\n", item->fr, item->sl,
           item->clock_days, item->clock_hours, item->flags & DURA_CATALOG_UNVERIFIED ? "true" : "false",
           item->flags & DURA_CATALOG_GENERATIVE ? "true" : "false", item->flags & DURA_CATALOG_OUTSIDE ? "true" : "false");
}

static int list(void)
{
    const dura_catalog *c = NULL;
    if (!words[1]) {
        for (uint32_t n = 0; (c = dura_catalog_at(n)) != NULL; n++)
            list_catalogue(c);
        return cli_end(&self, CLI_OK);
    }
    c = dura_catalog_find(words[1]);
    if (!c)
        return cli_usage(&self, "%s: there is no such catalogue; `dura catalog list` names them", words[1]);
    for (uint32_t i = 0; i < c->items; i++)
        list_item(&c->item[i]);
    if (!json && *c->notice)
        printf("\n%s\n%s\n", c->licence, c->notice);
    return cli_end(&self, CLI_OK);
}

/* ---- show ------------------------------------------------------------------------------- */

static void show_bridge(const dura_bridge_row *row)
{
    if (json) {
        printf("{\"bridge\":\"%s\",\"kind\":\"%s\"", row->from, row->kind == DURA_BRIDGE_NONE ? "none" : "mapped");
        print_member("reason", row->reason);
        print_member("shared", row->shared);
    } else if (row->kind == DURA_BRIDGE_NONE) {
        printf("bridge: no component requirement answers it\n");
    } else {
        printf("bridge\n");
    }
    print_list("ics", row->ics);
    print_list("requirements", row->requirements);
    print_list("controls", row->controls);
    print_list("hooks", row->hooks);
    print_causes(row->causes);
    if (json)
        printf("}\n");
    else
        print_row("reason", row->reason);
}

static void show_item(const dura_catalog_item *item)
{
    const dura_catalog *c = dura_catalog_at(item->catalog);
    printf("%s  %s\n", item->id, item->title);
    printf("  %-14s%s, %s\n", "catalog", c->name, kinds[item->kind]);
    print_row("status", item->status == DURA_CATALOG_ACTIVE ? "" : statuses[item->status]);
    print_row("group", item->group);
    print_row("parent", item->parent);
    print_row("successor", item->successor);
    if (item->sl)
        printf("  %-14sfrom SL %u on\n", "asked", item->sl);
    if (item->clock_days)
        printf("  %-14s%u days\n", "clock", item->clock_days);
    if (item->clock_hours)
        printf("  %-14s%u hours\n", "clock", item->clock_hours);
    print_list("maps to", item->maps);
    if (item->causes)
        print_causes(item->causes);
    print_row("note", item->note);
    print_row("unverified", item->flags & DURA_CATALOG_UNVERIFIED ? "look it up before you rely on it" : "");
    print_row("not here", item->flags & DURA_CATALOG_GENERATIVE ? "out of a predictive model's way" : "");
}

static int show(void)
{
    const dura_catalog_item *item = NULL;
    char said[128];
    if (!words[1] || words[2])
        return cli_usage(&self, "show: want one ID");
    int status = dura_catalog_resolve(words[1], &item);
    if (!item) {
        printf("%s: %s\n", words[1], dura_catalog_say(words[1], said, sizeof said));
        return cli_end(&self, CLI_NO);
    }
    if (json)
        list_item(item);
    else
        show_item(item);
    const dura_bridge_row *row = dura_bridge_find(item->id);
    if (row)
        show_bridge(row);
    return cli_end(&self, status == DURA_CATALOG_ACTIVE ? CLI_OK : CLI_NO);
}

/* ---- verify ----------------------------------------------------------------------------- */

static int found_one(void *ctx, const char *file, uint32_t line, const char *path, const char *text, int status)
{
    char said[128];
    ++*(uint32_t *)ctx;
    dura_catalog_say(text, said, sizeof said);
    if (json) {
        printf("{\"file\":");
        cli_print_json_text(stdout, file);
        printf(",\"line\":%u", line);
        print_member("path", path);
        print_member("id", text);
        print_member("status", statuses[status]);
        print_member("said", said);
        printf("}\n");
    } else {
        printf("%s:%u: %s: \"%s\": %s\n", file, line, path, text, said);
    }
    return 0;
}

/* Every id a list of the shipped tables points at. */
static void verify_list(const char *of, const char *const *list, uint32_t *ids, uint32_t *bad)
{
    for (; *list; list++) {
        int status = dura_catalog_resolve(*list, NULL);
        ++*ids;
        if (status != DURA_CATALOG_ACTIVE)
            (void)found_one(bad, "(shipped)", 0, of, *list, status);
    }
}

static void verify_item(const dura_catalog_item *item, uint32_t *ids, uint32_t *bad)
{
    const char *one[] = {item->parent, NULL};
    verify_list(item->id, *item->parent ? one : one + 1, ids, bad);
    one[0] = item->successor;
    verify_list(item->id, *item->successor ? one : one + 1, ids, bad);
    verify_list(item->id, item->maps, ids, bad);
}

/* What a technique of the catalogues has: rows, arguments, gaps. */
static void verify_techniques(const char *name, uint32_t *bad)
{
    const dura_catalog *c = dura_catalog_find(name);
    uint32_t mapped = 0, none = 0, out = 0, gone = 0;
    for (uint32_t i = 0; c && i < c->items; i++) {
        const dura_catalog_item *item = &c->item[i];
        if (item->kind != DURA_CATALOG_TECHNIQUE)
            continue;
        const dura_bridge_row *row = dura_bridge_find(item->id);
        if (item->status != DURA_CATALOG_ACTIVE)
            gone++;
        else if (item->flags & DURA_CATALOG_GENERATIVE)
            out++;
        else if (!row)
            (void)found_one(bad, "(shipped)", 0, "bridge", item->id, DURA_CATALOG_UNKNOWN);
        else if (row->kind == DURA_BRIDGE_NONE)
            none++;
        else
            mapped++;
    }
    if (!json)
        printf("%-12s %3u techniques: %u lead to a requirement, %u have an argued none, %u out of a predictive model's way; "
               "%u gone\n", name, mapped + none + out, mapped, none, out, gone);
}

static void verify_shipped(uint32_t *ids, uint32_t *bad)
{
    const dura_catalog *c = NULL;
    const dura_bridge_row *row = NULL;
    for (uint32_t n = 0; (c = dura_catalog_at(n)) != NULL; n++) {
        for (uint32_t i = 0; i < c->items; i++)
            verify_item(&c->item[i], ids, bad);
        if (!json)
            list_catalogue(c);
    }
    for (uint32_t n = 0; (row = dura_bridge_at(n)) != NULL; n++) {
        verify_list(row->from, row->ics, ids, bad);
        verify_list(row->from, row->requirements, ids, bad);
        verify_list(row->from, row->controls, ids, bad);
        verify_list(row->from, row->hooks, ids, bad);
    }
    verify_techniques("atlas", bad);
    verify_techniques("attack-ics", bad);
}

static int verify(void)
{
    uint32_t ids = 0, bad = 0;
    verify_shipped(&ids, &bad);
    if (!json)
        printf("shipped: %u links looked at, %u dangling\n", ids, bad);
    for (int i = 1; i <= FILES_MAX && words[i]; i++) {
        uint32_t before = bad, n = 0;
        dura_error err = {0};
        int rc = dura_catalog_check(words[i], found_one, &bad, &n, &err);
        if (rc != DURA_OK)
            return cli_fail(&self, rc, &err);
        if (!json)
            printf("%s: %u ids looked at, %u not in force\n", words[i], n, bad - before);
    }
    return cli_end(&self, bad ? CLI_NO : CLI_OK);
}

int cmd_catalog(int argc, char **argv)
{
    int rc = cli_parse(&self, argc, argv);
    if (rc >= 0)
        return rc;
    if (strcmp(words[0], "list") == 0)
        return words[1] && words[2] ? cli_usage(&self, "list: want at most one NAME") : list();
    if (strcmp(words[0], "show") == 0)
        return show();
    if (strcmp(words[0], "verify") == 0)
        return verify();
    return cli_usage(&self, "%s: want list, show or verify", words[0]);
}
