/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Options, messages and small files for the commands. Options are long words with one
 * value or none ("--out DIR" or "--out=DIR"); a few have a one-letter alias. "--" ends
 * them. No abbreviations: a script that works today works after an option is added.
 */
#include "dura_args.h"

#include <dura/host/pack.h>

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILE_MAX (64u << 20)     /* bytes of a policy, model or key file */

/* ---- messages -------------------------------------------------------------------- */

int cli_usage(const cli_command *c, const char *fmt, ...)
{
    va_list args;
    fprintf(stderr, "dura %s: ", c->name);
    va_start(args, fmt);
    vfprintf(stderr, fmt, args);
    va_end(args);
    fprintf(stderr, " (`dura %s --help` says more)\n", c->name);
    return CLI_USAGE;
}

int cli_exit_code(int code)
{
    if (code == DURA_OK)
        return CLI_OK;
    if (code == DURA_EIO || code == DURA_EFULL || code == DURA_ENOSPC || code <= -100)
        return CLI_IO;
    return CLI_USAGE;
}

int cli_fail(const cli_command *c, int code, const dura_error *err)
{
    char text[1024];
    fflush(stdout);
    fprintf(stderr, "dura %s: %s\n", c->name,
            err->text[0] ? dura_error_text(err, text, sizeof text) : dura_strerror(code));
    return cli_exit_code(code);
}

int cli_end(const cli_command *c, int rc)
{
    int failed = fflush(stdout) != 0 || ferror(stdout);
    if (!failed)
        return rc;
    fprintf(stderr, "dura %s: standard output: %s\n", c->name, strerror(errno));
    return CLI_IO;
}

static int help(const cli_command *c)
{
    printf("usage: dura %s %s\n\n%s\n", c->name, c->synopsis, c->about);
    for (const cli_option *o = c->options; o->name; o++) {
        char left[48];
        snprintf(left, sizeof left, "%s%s%s%s%s", o->alias ? o->alias : "", o->alias ? ", " : "", o->name,
                 o->value ? " " : "", o->value ? o->value : "");
        printf("  %-22s %s\n", left, o->help);
    }
    printf("  %-22s %s\n", "--help", "this text");
    return cli_end(c, CLI_OK);
}

/* ---- options --------------------------------------------------------------------- */

/* The option `arg` names, with *value behind an equals sign or NULL. */
static const cli_option *find_option(const cli_command *c, const char *arg, const char **value)
{
    size_t n = strcspn(arg, "=");
    *value = arg[n] ? arg + n + 1 : NULL;
    for (const cli_option *o = c->options; o->name; o++)
        if ((strlen(o->name) == n && strncmp(arg, o->name, n) == 0) || (o->alias && strcmp(arg, o->alias) == 0))
            return o;
    return NULL;
}

/* Take the option at argv[*i] and its value. -1, or an exit code. */
static int take_option(const cli_command *c, int argc, char **argv, int *i)
{
    const char *value;
    const cli_option *o = find_option(c, argv[*i], &value);
    if (!o)
        return cli_usage(c, "%s: there is no such option", argv[*i]);
    if (o->flag) {
        *o->flag = 1;
        return value ? cli_usage(c, "%s takes no value", o->name) : -1;
    }
    if (*o->text)
        return cli_usage(c, "%s is given twice", o->name);
    if (!value && *i + 1 < argc)
        value = argv[++*i];
    *o->text = value;
    return value && *value ? -1 : cli_usage(c, "%s wants %s", o->name, o->value);
}

int cli_parse(const cli_command *c, int argc, char **argv)
{
    int words = 0, only_words = 0;
    for (int i = 1; i < argc; i++) {
        int rc = -1, option = !only_words && argv[i][0] == '-' && argv[i][1];
        if (option && strcmp(argv[i], "--help") == 0)
            return help(c);
        if (option && strcmp(argv[i], "--") == 0)
            only_words = 1;
        else if (option)
            rc = take_option(c, argc, argv, &i);
        else if (words < c->max_words)
            c->words[words++] = argv[i];
        else
            rc = cli_usage(c, "%s: one argument too many", argv[i]);
        if (rc >= 0)
            return rc;
    }
    return words < c->min_words ? cli_usage(c, "want: dura %s %s", c->name, c->synopsis) : -1;
}

int cli_number(const char *text, uint64_t max, uint64_t *out)
{
    uint64_t v = 0;
    if (!*text)
        return -1;
    for (; *text >= '0' && *text <= '9'; text++) {
        uint64_t digit = (uint64_t)(*text - '0');
        if (v > max / 10 || v * 10 > max - digit)
            return -1;
        v = v * 10 + digit;
    }
    *out = v;
    return *text ? -1 : 0;
}

static int bad_date(dura_error *err, const char *option, const char *value, const char *want)
{
    return dura_error_set(err, DURA_EINVAL, NULL, 0, option, "%.80s: want %s", value, want);
}

/* Days since 1970 of a proleptic Gregorian date. */
static int64_t days_of(int64_t y, int64_t m, int64_t d)
{
    y -= m <= 2;
    int64_t era = y / 400, yoe = y - era * 400, doy = (153 * (m + (m > 2 ? -3 : 9)) + 2) / 5 + d - 1;
    return era * 146097 + yoe * 365 + yoe / 4 - yoe / 100 + doy - 719468;
}

int cli_date(const char *text, const char *option, int64_t *out, dura_error *err)
{
    int y, m, d, h = 0, min = 0, s = 0, n = 0;
    uint64_t seconds;
    if (!text)
        return DURA_OK;
    if (cli_number(text, INT64_MAX / 1000000000, &seconds) == 0) {
        *out = (int64_t)seconds;
        return seconds ? DURA_OK : bad_date(err, option, text, "a time after 1970");
    }
    int got = sscanf(text, "%4d-%2d-%2d%nT%2d:%2d:%2dZ%n", &y, &m, &d, &n, &h, &min, &s, &n);
    if ((got != 3 && got != 6) || text[n] || y < 1970 || m < 1 || m > 12 || d < 1 || d > 31 || h > 23 || min > 59 || s > 59)
        return bad_date(err, option, text, "2026-03-01, 2026-03-01T12:00:00Z or seconds since 1970");
    *out = days_of(y, m, d) * 86400 + h * 3600 + min * 60 + s;
    return *out > 0 ? DURA_OK : bad_date(err, option, text, "a time after 1970");
}

/* ---- files ----------------------------------------------------------------------- */

static int file_error(dura_error *err, const char *path, const char *what)
{
    int missing = errno == ENOENT || errno == ENOTDIR;
    return dura_error_set(err, missing ? DURA_ENOENT : DURA_EIO, path, 0, NULL, "%s: %s", what, strerror(errno));
}

static int read_stream(FILE *f, const char *path, char **out, size_t *len, dura_error *err)
{
    size_t cap = 0, n = 0, got;
    *out = NULL;
    do {
        cap = cap ? cap * 2 : 16384;
        char *more = cap > FILE_MAX ? NULL : realloc(*out, cap);
        if (!more)
            return dura_error_set(err, DURA_ELIMIT, path, 0, NULL, "is larger than %u MiB", FILE_MAX >> 20);
        *out = more;
        got = fread(*out + n, 1, cap - n - 1, f);
        n += got;
    } while (n == cap - 1);
    (*out)[n] = '\0';
    *len = n;
    return ferror(f) ? file_error(err, path, "cannot be read") : DURA_OK;
}

int cli_read_file(const char *path, char **out, size_t *len, dura_error *err)
{
    FILE *f = fopen(path, "rb");
    *out = NULL;
    if (!f)
        return file_error(err, path, "cannot be opened");
    int rc = read_stream(f, path, out, len, err);
    fclose(f);
    if (rc != DURA_OK) {
        free(*out);
        *out = NULL;
    }
    return rc;
}

int cli_write_file(const char *path, const void *p, size_t n, int replace, dura_error *err)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | (replace ? O_TRUNC : O_EXCL), 0644);
    if (fd < 0)
        return errno == EEXIST ? dura_error_set(err, DURA_ESTATE, path, 0, NULL, "is there already")
                               : dura_error_set(err, DURA_EIO, path, 0, NULL, "cannot be made: %s", strerror(errno));
    const char *at = p;
    ssize_t put = 0;
    while (n && ((put = write(fd, at, n)) > 0 || errno == EINTR)) {
        at += put > 0 ? put : 0;
        n -= put > 0 ? (size_t)put : 0;
    }
    int failed = n || (fsync(fd) != 0 && errno != EINVAL);
    int why = errno;
    failed |= close(fd) != 0 && !failed;
    if (!failed)
        return DURA_OK;
    if (!replace)
        unlink(path);      /* half a file must not pass for a whole one */
    return dura_error_set(err, DURA_EIO, path, 0, NULL, "cannot be written: %s", strerror(why));
}

int cli_load_image(const char *path, int *kind, void **image, size_t *len, dura_error *err)
{
    char *text;
    int found = DURA_PACK_NONE, rc = cli_read_file(path, &text, len, err);
    *image = NULL;
    if (rc != DURA_OK)
        return rc;
    if (dura_pack_check(text, *len, &found) == DURA_OK) {
        *image = text;
    } else {
        rc = dura_pack_json(text, *len, path, image, len, &found, err);
        free(text);
    }
    int want = *kind;
    *kind = found;
    if (rc != DURA_OK || want == DURA_PACK_NONE || (found == DURA_PACK_POLICY) == (want == DURA_PACK_POLICY))
        return rc;
    dura_pack_deinit(*image);
    *image = NULL;
    return dura_error_set(err, DURA_EINVAL, path, 0, NULL, "is a %s: want a %s",
                          found == DURA_PACK_POLICY ? "policy" : "model",
                          want == DURA_PACK_POLICY ? "policy" : "model");
}

char *cli_join(const char *folder, const char *name)
{
    size_t n = strlen(folder) + strlen(name) + 2;
    char *path = malloc(n);
    if (path)
        snprintf(path, n, "%s/%s", folder, name);
    return path;
}

/* ---- text ------------------------------------------------------------------------ */

void cli_print_json_text(FILE *out, const char *text)
{
    fputc('"', out);
    for (; *text; text++) {
        if (*text == '"' || *text == '\\')
            fprintf(out, "\\%c", *text);
        else if ((unsigned char)*text < 0x20)
            fprintf(out, "\\u%04x", (unsigned)*text);
        else
            fputc(*text, out);
    }
    fputc('"', out);
}

char *cli_hex(char *out, const uint8_t *p, size_t n)
{
    for (size_t i = 0; i < n; i++)
        snprintf(out + 2 * i, 3, "%02x", p[i]);
    return out;
}
