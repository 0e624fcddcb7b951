/* SPDX-License-Identifier: Apache-2.0 */
/* `dura override stop|release DIR`: the operator's latch, durable before it is said. */
#include "dura_args.h"

#include <dura/host/people.h>

#include <string.h>

static const char *words[2], *actor, *reason, *state;

static const cli_option options[] = {
    {"--reason", NULL, "TEXT", &reason, NULL, "why; at most 64 bytes"},
    {"--actor", NULL, "NAME", &actor, NULL, "who; at most 64 bytes"},
    {"--state", NULL, "DIR", &state, NULL, "folder of the secrets (default: $DURA_STATE or ~/.local/state/dura)"},
    {NULL, NULL, NULL, NULL, NULL, NULL},
};
static const cli_command self = {
    "override", "stop|release DIR --reason TEXT --actor NAME",
    "Stops the model of a run, or releases it. The latch is in the state folder, the record in the\n"
    "security log, both durable before this command ends. A stop holds for `dura run --resume`.\n",
    options, words, 2, 2,
};

static void tell(int stop, const dura_people_report *r)
{
    printf("%s by %s: recorded and durable\n", stop ? "stopped" : "released", actor);
    if (r->closed)
        printf("the run is closed again: nothing runs in it any more, and a new run has a latch of its own\n");
    else if (r->stopped)
        printf("`dura run --resume` starts stopped: safe values until `dura override release`\n");
    else
        printf("`dura run --resume` lets the model answer again\n");
}

int cmd_override(int argc, char **argv)
{
    dura_people_options o = DURA_PEOPLE_OPTIONS_INIT;
    dura_people_report report = DURA_PEOPLE_REPORT_INIT;
    dura_error err = {0};
    int rc = cli_parse(&self, argc, argv), what;
    if (rc >= 0)
        return rc;
    what = strcmp(words[0], "stop") == 0 ? DURA_OVERRIDE_STOP : strcmp(words[0], "release") == 0 ? DURA_OVERRIDE_RELEASE : 0;
    if (!what)
        return cli_usage(&self, "%s: want stop or release", words[0]);
    if (!reason || !actor)
        return cli_usage(&self, "--%s is missing", reason ? "actor" : "reason");
    o.folder = words[1];
    o.actor = actor;
    o.reason = reason;
    o.state = state;
    rc = dura_people_override(&o, what, &report, &err);
    if (rc != DURA_OK)
        return cli_fail(&self, rc, &err);
    tell(what == DURA_OVERRIDE_STOP, &report);
    return cli_end(&self, CLI_OK);
}
