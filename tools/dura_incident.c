/* SPDX-License-Identifier: Apache-2.0 */
/* `dura incident ack|close|normal ID DIR`: a person's word on an incident, as a signed record. */
#include "dura_args.h"

#include <dura/host/people.h>

#include <string.h>

static const char *words[3], *actor, *reason, *state;

static const cli_option options[] = {
    {"--reason", NULL, "TEXT", &reason, NULL, "why; at most 64 bytes"},
    {"--actor", NULL, "NAME", &actor, NULL, "who; at most 64 bytes"},
    {"--state", NULL, "DIR", &state, NULL, "folder of the secrets (default: $DURA_STATE or ~/.local/state/dura)"},
    {NULL, NULL, NULL, NULL, NULL, NULL},
};
static const cli_command self = {
    "incident", "ack|close|normal ID DIR --reason TEXT --actor NAME",
    "Says that somebody has seen an incident (ack), has dealt with it (close), or that it was\n"
    "no incident (normal): then `dura export --training` takes its rows, with the name and the reason.\n"
    "The verdict stays what it is; `dura correlate` and `dura why` show what was said. ID is the number `dura\n"
    "correlate` prints: the last incident of that number, or BOOT/NUMBER.\n",
    options, words, 3, 3,
};

int cmd_incident(int argc, char **argv)
{
    static const char *const types[] = {"ack", "close", "normal"}, *const said[] = {"acknowledged", "closed", "called normal"};
    dura_people_options o = DURA_PEOPLE_OPTIONS_INIT;
    dura_people_report report = DURA_PEOPLE_REPORT_INIT;
    dura_error err = {0};
    int rc = cli_parse(&self, argc, argv), what;
    if (rc >= 0)
        return rc;
    for (what = 2; what >= 0 && strcmp(words[0], types[what]) != 0; what--)
        ;
    if (what < 0)
        return cli_usage(&self, "%s: want ack, close or normal", words[0]);
    if (!reason || !actor)
        return cli_usage(&self, "--%s is missing", reason ? "actor" : "reason");
    o.folder = words[2];
    o.actor = actor;
    o.reason = reason;
    o.state = state;
    rc = dura_people_incident(&o, what + DURA_PEOPLE_ACK, words[1], &report, &err);
    if (rc != DURA_OK)
        return cli_fail(&self, rc, &err);
    printf("incident %s %s by %s%s\n", words[1], said[what], actor,
           report.closed ? "; the run is closed again" : "; the run stays open");
    return cli_end(&self, CLI_OK);
}
