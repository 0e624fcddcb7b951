/* SPDX-License-Identifier: Apache-2.0 */
/* `dura bound RUN`: how far can somebody who moves the inputs a little move the answer? */
#include "dura_args.h"

#include <dura/host/bound.h>
#include <dura/host/register.h>

#include <stdlib.h>
#include <string.h>

static const char *folder, *budget, *percent, *limit, *rows, *starts, *boxes, *seed, *entry, *register_path, *out_path;

static const cli_option options[] = {
    {"--budget", NULL, "NAME=V,..", &budget, NULL, "by how much these channels may be moved, in their units"},
    {"--percent", NULL, "P", &percent, NULL, "all others: percent of their fail range (default 1)"},
    {"--limit", NULL, "P", &limit, NULL, "exit 1 when an answer can be moved by more than this percent of its range"},
    {"--rows", NULL, "N", &rows, NULL, "decisions, evenly over the run, 1..100000 (default 50)"},
    {"--starts", NULL, "N", &starts, NULL, "of the attack, over all rows (default 1000)"},
    {"--boxes", NULL, "N", &boxes, NULL, "how hard bounds are tightened, 1..1000000 (default 20000; 1: not at all)"},
    {"--seed", NULL, "N", &seed, NULL, "of the attack (default 1): the same bytes again"},
    {"--register", NULL, "FILE", &register_path, NULL, "the register --entry is in: its digest goes into the statement"},
    {"--entry", NULL, "ID", &entry, NULL, "the entry of the register that this is about"},
    {"--out", "-o", "FILE", &out_path, NULL, "the statement, for `dura release make --attest`"},
    {NULL, NULL, NULL, NULL, NULL, NULL},
};
static const cli_command self = {
    "bound", "RUN [--budget NAME=V,...] [--percent P] [--limit P] [-o FILE]",
    "An attacker who stays inside the contract may move every channel a little. Says by how much the\n"
    "answers of the run's model can then change at most, over decisions of the run, and how much an\n"
    "attack that sees answers alone gets. The first holds for every such attacker; the attack says how\n"
    "tight it is. Exit 1: more than --limit.\n",
    options, &folder, 1, 1,
};

static int number(const char *text, const char *name, uint64_t max, uint64_t *out)
{
    if (!text || (cli_number(text, max, out) == 0 && *out > 0))
        return -1;
    return cli_usage(&self, "--%s %s: want 1 to %llu", name, text, (unsigned long long)max);
}

static int part(const char *text, const char *name, double *out)
{
    char *end;
    if (!text)
        return -1;
    *out = strtod(text, &end);
    if (*text && !*end && *out > 0 && *out <= 100)
        return -1;
    return cli_usage(&self, "--%s %s: want more than 0, at most 100", name, text);
}

/* The register's digest, and that it has the entry. */
static int look_up(uint8_t digest[32], dura_error *err)
{
    char *view = NULL;
    dura_register *r = NULL;
    dura_register_info info = DURA_REGISTER_INFO_INIT;
    int rc = dura_register_load(register_path, &r, err);
    if (rc == DURA_OK)
        rc = dura_register_show(r, DURA_REGISTER_62443, entry, &view, err);
    if (rc == DURA_OK)
        rc = dura_register_query(r, &info);
    memcpy(digest, info.digest, sizeof info.digest);
    dura_register_free(view);
    dura_register_deinit(r);
    return rc;
}

static int bound(dura_bound_options *o, dura_bound_report *r, dura_error *err)
{
    uint8_t digest[32];
    char *text = NULL;
    size_t len = 0;
    int rc = DURA_OK;
    o->budget = budget;
    o->entry = entry;
    if (register_path) {
        rc = look_up(digest, err);
        o->register_digest = digest;
    }
    if (rc == DURA_OK)
        rc = dura_bound_run(folder, o, r, out_path ? &text : NULL, &len, err);
    if (rc == DURA_OK && out_path)
        rc = cli_write_file(out_path, text, len, 0, err);
    dura_bound_free(text);
    return rc;
}

int cmd_bound(int argc, char **argv)
{
    dura_bound_options o = DURA_BOUND_OPTIONS_INIT;
    dura_bound_report r = DURA_BOUND_REPORT_INIT;
    dura_error err = {0};
    uint64_t n[3] = {0, 0, 0};
    int rc = cli_parse(&self, argc, argv);
    if (rc >= 0)
        return rc;
    if ((rc = number(rows, "rows", 100000, &n[0])) >= 0 || (rc = number(starts, "starts", 1000000000, &n[1])) >= 0 ||
        (rc = number(boxes, "boxes", 1000000, &n[2])) >= 0 || (rc = number(seed, "seed", UINT64_MAX, &o.seed)) >= 0 ||
        (rc = part(percent, "percent", &o.percent)) >= 0 || (rc = part(limit, "limit", &o.limit)) >= 0)
        return rc;
    if (register_path && !entry)
        return cli_usage(&self, "--register goes with --entry");
    o.rows = (uint32_t)n[0];
    o.starts = (uint32_t)n[1];
    o.boxes = (uint32_t)n[2];
    rc = bound(&o, &r, &err);
    if (rc != DURA_OK)
        return cli_fail(&self, rc, &err);
    printf("output %u can be moved by at most %.7g, in frame %llu; the attack found %.7g", r.output, r.bound,
           (unsigned long long)r.frame, r.found);
    if (r.found > 0)
        printf(" (bound %.2f x that)", r.bound / r.found);
    printf("\n%u decisions, %u bounds attained by a row, %u attacks outside the bounds\n%s\n", r.rows, r.exact, r.exceeded,
           r.passed ? "PASSED" : "FAILED");
    return cli_end(&self, r.passed ? CLI_OK : CLI_NO);
}
