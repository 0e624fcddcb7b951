/* SPDX-License-Identifier: Apache-2.0 */
/* `dura COMMAND ...`: finds the command and hands over. docs/cli.md has the contract. */
#include "dura_args.h"

#include <dura/base.h>

#include <string.h>

static const struct command {
    const char *name;
    int (*run)(int argc, char **argv);
    const char *help;
} commands[] = {
    {"demo", cmd_demo, "a press line on paper: fault, drift, attack, two updates; ends with a report"},
    {"learn", cmd_learn, "a policy from a recording of clean operation, and what it will cost"},
    {"run", cmd_run, "guard every row of a recording or a live stream; two logs come out"},
    {"verify", cmd_verify, "may a run folder be believed? INTACT, CUT, UNANCHORED or TAMPERED"},
    {"show", cmd_show, "the records of a run folder, for people or as NDJSON"},
    {"report", cmd_report, "one self-contained page: what happened, what to believe, what to do next"},
    {"why", cmd_why, "one decision explained: inputs, limits, model, drift, incident, security, proof"},
    {"correlate", cmd_correlate, "incidents: fault, drift, attack, change or unknown, with what speaks for it"},
    {"export", cmd_export, "training data without suspect spans; alerts as CEF, syslog or OCSF"},
    {"log", cmd_log, "plan: how much storage logs need, how long they last, what they wear out"},
    {"label", cmd_label, "add late labels to a run, as signed records"},
    {"incident", cmd_incident, "acknowledge or close an incident, as a signed record"},
    {"override", cmd_override, "stop or release the model, durable before it is said"},
    {"replay", cmd_replay, "every logged decision again, compared bit for bit"},
    {"key", cmd_key, "make and show key files; sign a factory record"},
    {"pack", cmd_pack, "policy.json or model.json to the image devices read"},
    {"release", cmd_release, "a model, policy or firmware as a release that can be signed"},
    {"sign", cmd_sign, "one more signature on a release"},
    {"gate", cmd_gate, "what a device will say of a release; what its journal says"},
    {"drift", cmd_drift, "has a recording moved away from its beginning? alarms as NDJSON"},
    {"accuracy", cmd_accuracy, "how often is the model right, with few labels or none? as intervals"},
    {"backend", cmd_backend, "does a backend plug-in keep the contract? a report to attach"},
    {"catalog", cmd_catalog, "names of requirements and attacks, and the bridge between them"},
    {"drill", cmd_drill, "faults, drift, replays, attacks put into a recording: caught, or MISSED"},
    {"bound", cmd_bound, "by how much an attacker within a budget can move the model's answer, at most"},
    {"map", cmd_map, "where box and brain touch in a product, what nobody looks at, what to do next"},
    {"risk", cmd_risk, "one risk register for box and brain: its blind spots, both views, the packed form"},
    {"evidence", cmd_evidence, "a folder for an auditor: page, OSCAL, bill of materials, trace, logs, verifier"},
    {"bundle", cmd_bundle, "the facts for a 24 h, 72 h or final report out of the logs; unknowns said as unknown"},
};

static void help(FILE *out)
{
    fprintf(out, "dura %s - guards what a model decides in a machine, and proves it afterwards\n\n"
                 "usage: dura COMMAND ...\n\n", dura_version());
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++)
        fprintf(out, "  %-8s %s\n", commands[i].name, commands[i].help);
    fprintf(out, "\n`dura COMMAND --help` says more. Exit: 0 ok, 1 the answer is no, 2 wrong usage or input, 3 I/O.\n");
}

int main(int argc, char **argv)
{
    static const cli_command none = {"", "", "", NULL, NULL, 0, 0};
    const char *word = argc > 1 ? argv[1] : "";
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++)
        if (strcmp(word, commands[i].name) == 0)
            return commands[i].run(argc - 1, argv + 1);
    if (strcmp(word, "--version") == 0) {
        printf("dura %s (ABI %u)\n", dura_version(), (unsigned)dura_abi());
        return cli_end(&none, CLI_OK);
    }
    if (strcmp(word, "--help") == 0 || strcmp(word, "help") == 0) {
        help(stdout);
        return cli_end(&none, CLI_OK);
    }
    if (*word)
        fprintf(stderr, "dura: %s: there is no such command\n\n", word);
    help(stderr);
    return CLI_USAGE;
}
