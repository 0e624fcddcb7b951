/* SPDX-License-Identifier: Apache-2.0 */
/* `dura replay DIR`: "N of N decisions equal, bit for bit", exit 1 when one differs. */
#include "dura_args.h"

#include <dura/host/session.h>

#include <inttypes.h>

static const char *folder, *model;
static int as_json;

static const cli_option options[] = {
    {"--model", NULL, "FILE", &model, NULL, "the model (default: the folder's own model.bin)"},
    {"--json", NULL, NULL, NULL, &as_json, "the result as one JSON object"},
    {NULL, NULL, NULL, NULL, NULL, NULL},
};
static const cli_command self = {
    "replay", "DIR [--model FILE] [--json]",
    "Runs every logged decision again, through a guard built from the folder's own policy\n"
    "and the model, and compares the records byte for byte. Exit 1 when one differs.\n",
    options, &folder, 1, 1,
};

static void print_words(const dura_replay_report *r)
{
    printf("%" PRIu64 " of %" PRIu64 " decisions equal, bit for bit\n", r->equal, r->decisions);
    if (r->not_replayed)
        printf("%" PRIu64 " not replayed: records before them are lost, or a model answered that an update brought\n",
               r->not_replayed);
    if (r->first_gseq != UINT64_MAX)
        printf("first difference at record %" PRIu64 ": %s\n", r->first_gseq, r->difference);
}

static void print_json(const dura_replay_report *r)
{
    printf("{\"decisions\":%" PRIu64 ",\"equal\":%" PRIu64 ",\"not_replayed\":%" PRIu64 ",\"boots\":%u,"
           "\"first_difference\":", r->decisions, r->equal, r->not_replayed, (unsigned)r->boots);
    if (r->first_gseq == UINT64_MAX)
        printf("null");
    else
        printf("%" PRIu64, r->first_gseq);
    printf(",\"difference\":");
    cli_print_json_text(stdout, r->difference);
    printf("}\n");
}

int cmd_replay(int argc, char **argv)
{
    int rc = cli_parse(&self, argc, argv);
    if (rc >= 0)
        return rc;
    dura_error err = {0};
    dura_replay_report report = {0};
    report.struct_size = sizeof report;
    rc = dura_replay(folder, model, NULL, NULL, &report, &err);
    if (rc != DURA_OK)
        return cli_fail(&self, rc, &err);
    if (as_json)
        print_json(&report);
    else
        print_words(&report);
    return cli_end(&self, report.equal == report.decisions ? CLI_OK : CLI_NO);
}
