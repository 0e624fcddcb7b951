/* SPDX-License-Identifier: Apache-2.0 */
/* `dura map`: where box and brain touch in a product, what nobody looks at, what to do next. */
#include "dura_risk.h"

#include <string.h>

static const char *words[1], *date_text;
static int as_json;

static const cli_option options[] = {
    {"--date", NULL, "DAY", &date_text, NULL, "the day it is (2026-11-23; default: today)"},
    {"--json", NULL, NULL, NULL, &as_json, "for machines"},
    {NULL, NULL, NULL, NULL, NULL, NULL},
};
static const cli_command self = {
    "map", "PRODUCT",
    "where box and brain touch, how much of that boundary has been looked at, the blind spots\n"
    "and the next three actions; PRODUCT is about fifteen lines of JSON (docs/cmd/map.md)\n",
    options, words, 1, 1,
};

/* Rules about the machine; the others are about entries, of which there are none so far. */
static int of_machine(const dura_finding *x)
{
    static const uint8_t rules[] = {8, 9, 10, 11, 14, 15};
    return memchr(rules, x->rule, sizeof rules) != NULL;
}

static void touch_points(const dura_findings *f)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < f->holes; i++)
        n += i == 0 || strcmp(f->hole[i].from, f->hole[i - 1].from) != 0 || strcmp(f->hole[i].to, f->hole[i - 1].to) != 0;
    printf("%u touch points:\n", (unsigned)n);
    for (uint32_t i = 0; i < f->holes; i++)
        if (i == 0 || strcmp(f->hole[i].from, f->hole[i - 1].from) != 0 || strcmp(f->hole[i].to, f->hole[i - 1].to) != 0)
            printf("  %s > %s (other %s)\n", f->hole[i].from, f->hole[i].to, f->hole[i].why);
}

/* The first finding of each rule, the ones that can hurt first. */
static void next_actions(const dura_findings *f, const char *product)
{
    static const uint8_t order[] = {14, 15, 8, 11, 10, 9};
    unsigned n = 0;
    printf("next:\n");
    for (size_t k = 0; k < sizeof order && n < 2; k++)
        for (uint32_t i = 0; i < f->count; i++)
            if (f->finding[i].rule == order[k]) {
                printf("  %u. %s: %s\n", ++n, f->finding[i].subject, f->finding[i].fix);
                break;
            }
    printf("  %u. dura risk init --from %s -o register.json: drafts the entries, each with its reasons.\n", ++n, product);
}

static void show(const dura_findings *f, const char *product)
{
    unsigned n = 0;
    touch_points(f);
    printf("boundary: %u of %u cells, %u %% (each for fault, drift and attack)\n", (unsigned)f->covered, (unsigned)f->cells,
           f->cells ? (unsigned)(f->covered * 100 / f->cells) : 0);
    printf("blind spots:\n");
    for (uint32_t i = 0; i < f->count; i++)
        if (of_machine(&f->finding[i])) {
            printf("  B%-2u %s\n", f->finding[i].rule, f->finding[i].text);
            n++;
        }
    if (!n)
        printf("  none by rules B8 to B11, B14, B15\n");
    next_actions(f, product);
}

int cmd_map(int argc, char **argv)
{
    dura_register_options o = DURA_REGISTER_OPTIONS_INIT;
    dura_register_info info = DURA_REGISTER_INFO_INIT;
    dura_findings f = DURA_FINDINGS_INIT;
    dura_json *product = NULL;
    dura_register *r = NULL;
    dura_error err = {0};
    char *text = NULL;
    int rc = cli_parse(&self, argc, argv);
    if (rc >= 0 || (rc = risk_today(&self, date_text, &o.today)) >= 0)
        return rc;
    rc = dura_json_load(words[0], &product, &err);
    if (rc == DURA_OK)
        rc = dura_register_draft(product, 1, &text, &err);
    if (rc == DURA_OK)
        rc = dura_register_parse(text, strlen(text), words[0], &r, &err);
    if (rc == DURA_OK)
        rc = dura_register_check(r, &o, &f, &err);
    if (rc == DURA_OK)
        rc = dura_register_query(r, &info);
    if (rc == DURA_OK && as_json)
        risk_print_json(&f, info.digest);
    else if (rc == DURA_OK)
        show(&f, words[0]);
    dura_register_free(f.memory);
    dura_register_deinit(r);
    dura_register_free(text);
    dura_json_deinit(product);
    return rc == DURA_OK ? cli_end(&self, CLI_OK) : cli_fail(&self, rc, &err);
}
