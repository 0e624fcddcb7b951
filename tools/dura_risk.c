/* SPDX-License-Identifier: Apache-2.0 */
/* `dura risk check|show|apply|pack|init`: one register for the box and for the brain in it. */
#include "dura_risk.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

static const char *words[3], *out_path, *view_text, *entry_id, *evidence_path, *profile_path, *documents, *date_text,
    *coverage_text, *from_path,
    *drill_path, *state_path;
static int as_json, no_documents, in_place, as_evidence;

static const cli_option options[] = {
    {"--evidence", NULL, "FILE", &evidence_path, NULL, "check: what the controls did in the field (docs/formats/register.md)"},
    {"--profile", NULL, "FILE", &profile_path, NULL, "check: how long logs must be kept"},
    {"--drill", NULL, "FILE", &drill_path, NULL, "check, bind: drill.json of `dura drill --register`"},
    {"--state", NULL, "DIR", &state_path, NULL, "bind: state folder that may know this device, as for `dura verify`"},
    {"--as-evidence", NULL, NULL, NULL, &as_evidence, "bind: the evidence file that check takes, on standard output"},
    {"--documents", NULL, "DIR", &documents, NULL, "check: where the assessments lie (default: beside the register)"},
    {"--no-documents", NULL, NULL, NULL, &no_documents, "check: do not look at the assessments' files"},
    {"--date", NULL, "DAY", &date_text, NULL, "check: the day it is (2026-11-23; default: today)"},
    {"--coverage", NULL, "N", &coverage_text, NULL, "check: percent of the boundary that must be looked at (default 100)"},
    {"--view", NULL, "V", &view_text, NULL, "show, apply: 62443 or 42001"},
    {"--entry", NULL, "ID", &entry_id, NULL, "show: only this entry"},
    {"--from", NULL, "FILE", &from_path, NULL, "init: product.json, as for `dura map`"},
    {"--out", "-o", "FILE", &out_path, NULL, "pack, apply, init: where the result goes; nothing is overwritten"},
    {"--in-place", NULL, NULL, NULL, &in_place, "apply: write the register itself"},
    {"--json", NULL, NULL, NULL, &as_json, "check, show: for machines"},
    {NULL, NULL, NULL, NULL, NULL, NULL},
};
static const cli_command self = {
    "risk",
    "check REGISTER | show REGISTER --view V | apply REGISTER VIEW.json -o FILE | pack REGISTER -o FILE | bind RUN REGISTER | init --from PRODUCT -o FILE",
    "bind   what a run folder shows of the controls: armed, fired, tested, E0 to E4; exit 1 when an entry is below E2\n"
    "check  the blind spots (rules B1 to B19) and the boundary matrix; exit 1 when there are any\n"
    "show   entries as the 62443 or the 42001 side sees them\n"
    "apply  an edited view back into the one register\n"
    "pack   the table devices carry: 16-bit numbers for risks and controls\n"
    "init   a drafted register from a product description, with the reason for every proposal\n",
    options, words, 1, 3,
};

int risk_today(const cli_command *c, const char *text, uint32_t *out)
{
    struct tm day;
    int64_t at = (int64_t)time(NULL);
    dura_error err = {0};
    int rc = text ? cli_date(text, "--date", &at, &err) : DURA_OK;
    time_t when = (time_t)at;
    if (rc != DURA_OK)
        return cli_fail(c, rc, &err);
    if (!gmtime_r(&when, &day) || day.tm_year < 70)
        return cli_usage(c, "--date: the clock of this computer says no usable day");
    *out = (uint32_t)(day.tm_year + 1900) * 10000 + (uint32_t)(day.tm_mon + 1) * 100 + (uint32_t)day.tm_mday;
    return -1;
}

/* ---- what was found, for people and for machines ------------------------------------------------ */

/* Of no boundary at all nothing has been looked at: an empty register is no complete one. */
static unsigned percent(const dura_findings *f)
{
    return f->cells ? (unsigned)((uint64_t)f->covered * 100 / f->cells) : 0;
}

static void rules_of(uint32_t bits)
{
    for (unsigned i = 0, n = 0; i < DURA_REGISTER_RULES; i++)
        if (bits >> i & 1)
            printf("%sB%u", n++ ? ", " : "", i + 1);
}

void risk_print_boundary(const dura_findings *f)
{
    printf("boundary: %u of %u cells, %u %%", (unsigned)f->covered, (unsigned)f->cells, percent(f));
    if (f->not_applicable)
        printf(" (%u said not to apply)", (unsigned)f->not_applicable);
    printf("\n");
    for (uint32_t i = 0; i < f->holes; i++) {
        const dura_hole *h = &f->hole[i];
        int first = i == 0 || strcmp(h->from, h[-1].from) != 0 || strcmp(h->to, h[-1].to) != 0;
        if (first)
            printf("%s  %s > %s (other %s): nobody has looked at %s", i ? "\n" : "", h->from, h->to, h->why, h->cause);
        else
            printf(", %s", h->cause);
    }
    if (f->holes)
        printf("\n");
}

void risk_print_findings(const dura_findings *f)
{
    for (uint32_t i = 0; i < f->count; i++) {
        const dura_finding *x = &f->finding[i];
        if (i == 0 || x->waived != x[-1].waived)
            printf("%s%s\n", i ? "\n" : "", x->waived ? "waived:" : "blind spots:");
        printf("B%-2u %s\n    at %s\n", x->rule, x->text, x->path);
        if (x->waived)
            printf("    waived by %s\n", x->waiver);
        else
            printf("    %s\n", x->fix);
    }
    if (f->count)
        printf("\n");
}

static void text_member(const char *name, const char *text, const char *end)
{
    printf("\"%s\":", name);
    cli_print_json_text(stdout, text);
    fputs(end, stdout);
}

void risk_print_json(const dura_findings *f, const uint8_t digest[32])
{
    char hex[65];
    printf("{\"register\":\"%s\",\"open\":%u,\"waived\":%u,\"boundary\":{\"cells\":%u,\"covered\":%u,\"not_applicable\":%u,"
           "\"percent\":%u,\"holes\":[",
           cli_hex(hex, digest, 32), (unsigned)f->open, (unsigned)f->waived, (unsigned)f->cells, (unsigned)f->covered,
           (unsigned)f->not_applicable, percent(f));
    for (uint32_t i = 0; i < f->holes; i++) {
        printf("%s{", i ? "," : "");
        text_member("from", f->hole[i].from, ",");
        text_member("to", f->hole[i].to, ",");
        text_member("cause", f->hole[i].cause, "}");
    }
    printf("]},\"not_judged\":[");
    for (unsigned i = 0, n = 0; i < DURA_REGISTER_RULES; i++)
        if (f->not_judged >> i & 1)
            printf("%s\"B%u\"", n++ ? "," : "", i + 1);
    printf("],\"findings\":[");
    for (uint32_t i = 0; i < f->count; i++) {
        const dura_finding *x = &f->finding[i];
        printf("%s\n{\"rule\":\"B%u\",\"waived\":%s,", i ? "," : "", x->rule, x->waived ? "true" : "false");
        text_member("subject", x->subject, ",");
        text_member("path", x->path, ",");
        text_member("text", x->text, ",");
        text_member("fix", x->fix, ",");
        text_member("waiver", x->waiver, "}");
    }
    printf("]}\n");
}

/* ---- the commands ---------------------------------------------------------------------------------- */

static char *folder_of(const char *path)
{
    const char *slash = strrchr(path, '/');
    size_t n = slash ? (size_t)(slash - path) : 0;
    char *p = malloc(n + 2);
    if (!p)
        return NULL;
    memcpy(p, path, n);
    memcpy(p + n, n ? "" : slash ? "/" : ".", n ? 1 : 2);
    return p;
}

static int beside(const char *path, dura_json **out, dura_error *err)
{
    *out = NULL;
    return path ? dura_json_load(path, out, err) : DURA_OK;
}

static int judge(const dura_register *r, uint64_t coverage, const dura_findings *f)
{
    dura_register_info info = DURA_REGISTER_INFO_INIT;
    int below = percent(f) < coverage;
    if (dura_register_query(r, &info) != DURA_OK)
        return CLI_IO;
    if (as_json) {
        risk_print_json(f, info.digest);
        return cli_end(&self, f->open || below ? CLI_NO : CLI_OK);
    }
    risk_print_findings(f);
    risk_print_boundary(f);
    if (f->not_judged) {
        printf("not judged: ");
        rules_of(f->not_judged);
        printf(" (see --evidence, --profile, --documents, --drill)\n");
    }
    printf("%u blind spot%s, %u waived; %u entries, %u assets\n", (unsigned)f->open, f->open == 1 ? "" : "s",
           (unsigned)f->waived, (unsigned)info.entries, (unsigned)info.assets);
    if (below)
        printf("the boundary is looked at to %u %%: %u are asked for\n", percent(f), (unsigned)coverage);
    return cli_end(&self, f->open || below ? CLI_NO : CLI_OK);
}

static int check(const char *path)
{
    dura_register_options o = DURA_REGISTER_OPTIONS_INIT;
    dura_findings f = DURA_FINDINGS_INIT;
    dura_register *r = NULL;
    dura_json *evidence = NULL, *profile = NULL, *drill = NULL;
    dura_error err = {0};
    uint64_t coverage = 100;
    char *folder = folder_of(path);
    if (coverage_text && cli_number(coverage_text, 100, &coverage) != 0) {
        free(folder);
        return cli_usage(&self, "--coverage %s: want 0 to 100", coverage_text);
    }
    int day = risk_today(&self, date_text, &o.today), rc = DURA_OK;
    if (day >= 0) {
        free(folder);
        return day;
    }
    o.documents = no_documents ? NULL : documents ? documents : folder;
    rc = dura_register_load(path, &r, &err);
    if (rc == DURA_OK)
        rc = beside(evidence_path, &evidence, &err);
    if (rc == DURA_OK)
        rc = beside(profile_path, &profile, &err);
    if (rc == DURA_OK)
        rc = beside(drill_path, &drill, &err);
    o.drill = drill;
    o.evidence = evidence;
    o.profile = profile;
    if (rc == DURA_OK)
        rc = dura_register_check(r, &o, &f, &err);
    int code = rc == DURA_OK ? judge(r, coverage, &f) : cli_fail(&self, rc, &err);
    dura_register_free(f.memory);
    dura_json_deinit(evidence);
    dura_json_deinit(profile);
    dura_json_deinit(drill);
    dura_register_deinit(r);
    free(folder);
    return code;
}

static int pack(const char *path)
{
    dura_register *r = NULL;
    dura_register_info info = DURA_REGISTER_INFO_INIT;
    dura_error err = {0};
    void *image = NULL;
    size_t n = 0;
    char hex[65];
    if (!out_path)
        return cli_usage(&self, "pack wants -o");
    int rc = dura_register_load(path, &r, &err);
    if (rc == DURA_OK)
        rc = dura_register_pack(r, &image, &n);
    if (rc == DURA_OK)
        rc = dura_register_image_check(image, n, &info);
    if (rc == DURA_OK)
        rc = cli_write_file(out_path, image, n, 0, &err);
    dura_register_free(image);
    dura_register_deinit(r);
    if (rc != DURA_OK)
        return cli_fail(&self, rc, &err);
    printf("%s: %u risks, %u controls, %zu bytes; register %s\n", out_path, (unsigned)info.entries,
           (unsigned)info.controls, n, cli_hex(hex, info.digest, 32));
    return cli_end(&self, CLI_OK);
}

/* ---- views -------------------------------------------------------------------------------------- */

static int view_of(const char *text)
{
    return !text ? 0 : strcmp(text, "62443") == 0 ? DURA_REGISTER_62443 : strcmp(text, "42001") == 0 ? DURA_REGISTER_42001 : 0;
}

/* A flat JSON value for people: its canonical text without the braces of a single word. */
static int print_value(const dura_json *d, uint32_t value)
{
    char *text;
    size_t n;
    int rc = dura_register_canonical(d, value, &text, &n);
    if (rc != DURA_OK)
        return rc;
    if (n >= 2 && text[0] == '"') {
        text[n - 1] = '\0';
        printf("%s\n", text + 1);
    } else {
        printf("%s\n", text);
    }
    dura_register_free(text);
    return DURA_OK;
}

/* The view's JSON as lines: a list of objects takes a line for each. */
static int print_view(const dura_json *d)
{
    int rc = DURA_OK;
    uint32_t list = dura_json_member(d, DURA_JSON_ROOT, "entries");
    for (uint32_t e = dura_json_first(d, list); e != DURA_JSON_NONE && rc == DURA_OK; e = dura_json_next(d, e))
        for (uint32_t m = dura_json_first(d, e); m != DURA_JSON_NONE && rc == DURA_OK; m = dura_json_next(d, m)) {
            const char *name = dura_json_name(d, m);
            uint32_t v = dura_json_first(d, m);
            int rows = dura_json_type(d, m) == DURA_JSON_ARRAY && dura_json_type(d, v) == DURA_JSON_OBJECT;
            if (strcmp(name, "id") == 0) {
                rc = print_value(d, m);
                continue;
            }
            for (; rows && v != DURA_JSON_NONE && rc == DURA_OK; v = dura_json_next(d, v)) {
                printf("  %-18s", name);
                rc = print_value(d, v);
            }
            if (!rows) {
                printf("  %-18s", name);
                rc = print_value(d, m);
            }
        }
    return rc;
}

static int show(const char *path)
{
    dura_register *r = NULL;
    dura_json *view = NULL;
    dura_error err = {0};
    char *text = NULL;
    if (!view_of(view_text))
        return cli_usage(&self, "show wants --view 62443 or --view 42001");
    int rc = dura_register_load(path, &r, &err);
    if (rc == DURA_OK)
        rc = dura_register_show(r, view_of(view_text), entry_id, &text, &err);
    if (rc == DURA_OK && as_json)
        fputs(text, stdout);
    else if (rc == DURA_OK && (rc = dura_json_parse(text, strlen(text), NULL, &view, &err)) == DURA_OK)
        rc = print_view(view);
    dura_json_deinit(view);
    dura_register_free(text);
    dura_register_deinit(r);
    return rc == DURA_OK ? cli_end(&self, CLI_OK) : cli_fail(&self, rc, &err);
}

static int apply(const char *path, const char *edited)
{
    dura_register *r = NULL;
    dura_json *view = NULL;
    dura_error err = {0};
    char *text = NULL;
    const char *to = in_place ? path : out_path;
    if (!to || (in_place && out_path))
        return cli_usage(&self, "apply wants -o or --in-place");
    int rc = dura_register_load(path, &r, &err);
    if (rc == DURA_OK)
        rc = dura_json_load(edited, &view, &err);
    if (rc == DURA_OK && view_text && dura_json_member(view, DURA_JSON_ROOT, "dura_register_view") != DURA_JSON_NONE) {
        const char *is = "";
        rc = dura_json_get_text(view, dura_json_member(view, DURA_JSON_ROOT, "dura_register_view"), 1, 8, &is, &err);
        if (rc == DURA_OK && strcmp(is, view_text) != 0)
            rc = dura_error_set(&err, DURA_EINVAL, edited, 0, "dura_register_view", "is %s, not %.20s", is, view_text);
    }
    if (rc == DURA_OK)
        rc = dura_register_apply(r, view, &text, &err);
    if (rc == DURA_OK)
        rc = cli_write_file(to, text, strlen(text), in_place, &err);
    dura_register_free(text);
    dura_json_deinit(view);
    dura_register_deinit(r);
    if (rc != DURA_OK)
        return cli_fail(&self, rc, &err);
    printf("%s: the view is in the register\n", to);
    return cli_end(&self, CLI_OK);
}

static int init(void)
{
    dura_json *product = NULL;
    dura_error err = {0};
    char *text = NULL;
    if (!from_path || !out_path)
        return cli_usage(&self, "init wants --from and -o");
    int rc = dura_json_load(from_path, &product, &err);
    if (rc == DURA_OK)
        rc = dura_register_draft(product, 1, &text, &err);
    if (rc == DURA_OK)
        rc = cli_write_file(out_path, text, strlen(text), 0, &err);
    dura_register_free(text);
    dura_json_deinit(product);
    if (rc != DURA_OK)
        return cli_fail(&self, rc, &err);
    printf("%s: drafted; each entry says why in its reasons, and covers nothing until its status is open\n", out_path);
    return cli_end(&self, CLI_OK);
}

int cmd_risk(int argc, char **argv)
{
    int rc = cli_parse(&self, argc, argv);
    if (rc >= 0)
        return rc;
    if (strcmp(words[0], "check") == 0 && words[1] && !words[2])
        return check(words[1]);
    if (strcmp(words[0], "show") == 0 && words[1] && !words[2])
        return show(words[1]);
    if (strcmp(words[0], "apply") == 0 && words[1] && words[2])
        return apply(words[1], words[2]);
    if (strcmp(words[0], "bind") == 0 && words[1] && words[2])
        return risk_bind(&self, words[1], words[2], drill_path, state_path, as_json, as_evidence);
    if (strcmp(words[0], "pack") == 0 && words[1] && !words[2])
        return pack(words[1]);
    if (strcmp(words[0], "init") == 0 && !words[1])
        return init();
    return cli_usage(&self, "want: dura risk %s", self.synopsis);
}
