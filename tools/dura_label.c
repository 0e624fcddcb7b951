/* SPDX-License-Identifier: Apache-2.0 */
/* `dura label DIR labels.csv`: what really was, said later, as signed records of the run. */
#include "dura_args.h"

#include <dura/host/people.h>

#include <inttypes.h>

static const char *words[2], *actor, *state, *time_format;

static const cli_option options[] = {
    {"--actor", NULL, "NAME", &actor, NULL, "who says so (default: operator), at most 64 bytes"},
    {"--state", NULL, "DIR", &state, NULL, "folder of the secrets (default: $DURA_STATE or ~/.local/state/dura)"},
    {"--time-format", NULL, "FORMAT", &time_format, NULL, "of a time column (default: ISO 8601 or seconds since 1970)"},
    {NULL, NULL, NULL, NULL, NULL, NULL},
};
static const cli_command self = {
    "label", "DIR LABELS.csv [--actor NAME]",
    "Adds late labels to a run: a CSV with the columns frame (or time), name (of an output or\n"
    "channel) and value. Each row becomes a signed record; a row that is wrong adds none at all.\n"
    "A closed run is closed again, a cut one stays open for --resume.\n",
    options, words, 2, 2,
};

int cmd_label(int argc, char **argv)
{
    dura_people_options o = DURA_PEOPLE_OPTIONS_INIT;
    dura_people_report report = DURA_PEOPLE_REPORT_INIT;
    dura_error err = {0};
    int rc = cli_parse(&self, argc, argv);
    if (rc >= 0)
        return rc;
    o.folder = words[0];
    o.actor = actor ? actor : "operator";
    o.state = state;
    o.time_format = time_format;
    rc = dura_people_label(&o, words[1], &report, &err);
    if (rc != DURA_OK)
        return cli_fail(&self, rc, &err);
    printf("%" PRIu64 " labels recorded by %s%s\n", report.records, o.actor,
           report.closed ? "; the run is closed again" : "; the run stays open");
    return cli_end(&self, CLI_OK);
}
