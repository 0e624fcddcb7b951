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
    {"run", cmd_run, "guard every row of a recording or a live stream; two logs come out"},
    {"verify", cmd_verify, "may a run folder be believed? INTACT, CUT, UNANCHORED or TAMPERED"},
    {"show", cmd_show, "the records of a run folder, for people or as NDJSON"},
    {"replay", cmd_replay, "every logged decision again, compared bit for bit"},
    {"key", cmd_key, "make and show key files; sign a factory record"},
    {"pack", cmd_pack, "policy.json or model.json to the image devices read"},
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
