/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What every command of `dura` shares: options from a table, help made of the same table,
 * messages that name file, line and field, and the four exit codes.
 */
#ifndef DURA_ARGS_H
#define DURA_ARGS_H

#include <dura/host/error.h>

#include <stdio.h>

/* Exit codes; other programs rely on them. */
enum {
    CLI_OK = 0,
    CLI_NO = 1,       /* the answer is no: tampered, different, failed on */
    CLI_USAGE = 2,    /* wrong usage or input; the message names file, line and field */
    CLI_IO = 3        /* storage, memory or the operating system failed */
};

/* One option. Exactly one of text and flag is set. */
typedef struct cli_option {
    const char *name;     /* "--out" */
    const char *alias;    /* "-o" or NULL */
    const char *value;    /* what help calls the value; NULL for a flag */
    const char **text;
    int *flag;
    const char *help;
} cli_option;

typedef struct cli_command {
    const char *name;           /* "run" */
    const char *synopsis;       /* behind "dura run " */
    const char *about;          /* a few lines, ending in a newline */
    const cli_option *options;  /* ends with a row without a name */
    const char **words;         /* positional arguments in order, max_words of them */
    int min_words, max_words;
} cli_command;

/* Fill options and words from argv[1..]. Returns -1 to go on, else the exit code. */
int cli_parse(const cli_command *c, int argc, char **argv);
/* "dura NAME: text" on stderr; returns CLI_USAGE. */
int cli_usage(const cli_command *c, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* "dura NAME: file:line: field: text" on stderr, the code's own sentence where err says
 * nothing; returns the exit code for `code`. */
int cli_fail(const cli_command *c, int code, const dura_error *err);
/* The exit code for a DURA_E* or storage code. */
int cli_exit_code(int code);
/* Flush standard output; rc, or CLI_IO when what was printed did not get out. */
int cli_end(const cli_command *c, int rc);

/* A whole number in decimal, 0..max. 0; -1 when it is none. */
int cli_number(const char *text, uint64_t max, uint64_t *out);
/* 2026-03-01, 2026-03-01T12:00:00Z or seconds since 1970; NULL: *out stays. A DURA_E* code. */
int cli_date(const char *text, const char *option, int64_t *out, dura_error *err);
/* A whole file on the heap, zero-terminated behind it. A DURA_E* code. */
int cli_read_file(const char *path, char **out, size_t *len, dura_error *err);
/* A new file with n bytes, durable; no file is overwritten unless replace. */
int cli_write_file(const char *path, const void *p, size_t n, int replace, dura_error *err);
/* A policy or model: JSON is packed, an image is taken as it is. *kind: in, what it must be
 * (DURA_PACK_POLICY; any other kind: a model; DURA_PACK_NONE: either); out, what it is. Give *image to dura_pack_deinit.
 * A DURA_E* code. */
int cli_load_image(const char *path, int *kind, void **image, size_t *len, dura_error *err);
/* folder/name on the heap; NULL when there is no memory. */
char *cli_join(const char *folder, const char *name);
/* Text as a JSON string, quotes included. */
void cli_print_json_text(FILE *out, const char *text);
/* n bytes as hex digits, terminated; out has room for 2n + 1. */
char *cli_hex(char *out, const uint8_t *p, size_t n);

/* The commands. */
int cmd_demo(int argc, char **argv);
int cmd_run(int argc, char **argv);
int cmd_learn(int argc, char **argv);
int cmd_verify(int argc, char **argv);
int cmd_show(int argc, char **argv);
int cmd_report(int argc, char **argv);
int cmd_why(int argc, char **argv);
int cmd_correlate(int argc, char **argv);
int cmd_export(int argc, char **argv);
int cmd_label(int argc, char **argv);
int cmd_log(int argc, char **argv);
int cmd_incident(int argc, char **argv);
int cmd_override(int argc, char **argv);
int cmd_replay(int argc, char **argv);
int cmd_key(int argc, char **argv);
int cmd_pack(int argc, char **argv);
int cmd_release(int argc, char **argv);
int cmd_sign(int argc, char **argv);
int cmd_gate(int argc, char **argv);
int cmd_drift(int argc, char **argv);
int cmd_accuracy(int argc, char **argv);
int cmd_drill(int argc, char **argv);
int cmd_bound(int argc, char **argv);
int cmd_risk(int argc, char **argv);
int cmd_map(int argc, char **argv);
int cmd_backend(int argc, char **argv);
int cmd_catalog(int argc, char **argv);
int cmd_evidence(int argc, char **argv);
int cmd_bundle(int argc, char **argv);

#endif
