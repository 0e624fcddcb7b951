/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `dura report DIR -o FILE`: one page that holds all it shows and asks nobody for anything.
 *
 * The page lies in tools/report/ as readable files; the build joins them into one and
 * carries it as bytes. Here the story's JSON goes in at its mark. Every `<` of the JSON
 * is written as an escape, so that no name, however hostile, can end the element it is in.
 */
#include "dura_args.h"
#include "dura_progress.h"
#include "dura_report.h"
#include "dura_report_page.h"

#include <dura/host/keys.h>
#include <dura/host/story.h>

#include <stdlib.h>
#include <string.h>

static const char *folder, *out, *title, *checkpoint, *state;
static int as_json;

static const cli_option options[] = {
    {"--out", "-o", "FILE", &out, NULL, "the page, made here or replaced"},
    {"--title", NULL, "TEXT", &title, NULL, "what it is called (default: the device's name)"},
    {"--state", NULL, "DIR", &state, NULL, "state folder that may know the device (default: your own)"},
    {"--checkpoint", NULL, "FILE", &checkpoint, NULL, "a checkpoint kept elsewhere, as for verify"},
    {"--json", NULL, NULL, NULL, &as_json, "the story as one JSON object, to FILE or standard output"},
    {NULL, NULL, NULL, NULL, NULL, NULL},
};
static const cli_command self = {
    "report", "DIR -o FILE [--title TEXT] [--json]",
    "One self-contained page about a run: may it be believed, what happened in both logs on one\n"
    "time axis, incidents with what speaks for and against them, and what to do next. It needs\n"
    "no network and no server.\n",
    options, &folder, 1, 1,
};

/* ---- the page ---------------------------------------------------------------------- */

typedef struct text {
    char *p;
    size_t n, cap;
    int failed;
} text;

static void put(text *t, const char *p, size_t n)
{
    if (!t->failed && t->cap - t->n < n) {
        size_t cap = 2 * (t->n + n);
        char *more = realloc(t->p, cap);
        t->failed = !more;
        t->p = more ? more : t->p;
        t->cap = more ? cap : t->cap;
    }
    if (t->failed)
        return;
    memcpy(t->p + t->n, p, n);
    t->n += n;
}

/* In JSON `<` stands inside strings only, where its escape means the same. */
static void put_json(text *t, const char *p, size_t n)
{
    for (const char *end = p + n; p < end;) {
        const char *at = memchr(p, '<', (size_t)(end - p));
        put(t, p, (size_t)((at ? at : end) - p));
        if (!at)
            return;
        put(t, "\\u003c", 6);
        p = at + 1;
    }
}

static int make_page(text *t, const char *json, size_t n)
{
    static const char mark[] = "<!--dura:story-->";
    const char *page = (const char *)dura_report_page, *at = NULL;
    size_t rest = dura_report_page_bytes;
    for (size_t i = 0; !at && i + sizeof mark - 1 <= rest; i++)
        if (memcmp(page + i, mark, sizeof mark - 1) == 0)
            at = page + i;
    if (!at)
        return DURA_ENOENT;          /* the build lost its own mark */
    put(t, page, (size_t)(at - page));
    put_json(t, json, n);
    at += sizeof mark - 1;
    put(t, at, rest - (size_t)(at - page));
    return t->failed ? DURA_ENOSPC : DURA_OK;
}

static int write_page(const char *path, const char *json, size_t n, dura_error *err)
{
    text t = {NULL, 0, 0, 0};
    int rc = make_page(&t, json, n);
    if (rc == DURA_OK)
        rc = cli_write_file(path, t.p, t.n, 1, err);
    else
        (void)dura_error_set(err, rc, NULL, 0, NULL, "the page cannot be put together: %s", dura_strerror(rc));
    free(t.p);
    return rc;
}

int report_write(const char *run, const char *path, const dura_story_options *o, dura_error *err)
{
    char *json;
    size_t n;
    int rc = dura_story_json(run, o, &json, &n, err);
    if (rc != DURA_OK)
        return rc;
    rc = write_page(path, json, n, err);
    dura_story_deinit(json);
    return rc;
}

/* ---- the command ----------------------------------------------------------------------- */

static void on_progress(void *user, uint64_t done, uint64_t total)
{
    progress *p = user;
    p->calls = 0;                /* calls are rare here: none is skipped */
    progress_show(p, done, total, done >> 10, "KiB");
}

static int read_story(char **json, size_t *n, dura_error *err)
{
    char own_state[DURA_KEYS_PATH_MAX];
    progress bar;
    dura_verify_options v = DURA_VERIFY_OPTIONS_INIT;
    dura_story_options o = DURA_STORY_OPTIONS_INIT;
    v.checkpoint = checkpoint;
    v.state_dir = state ? state : dura_keys_state_dir(own_state, sizeof own_state) == DURA_OK ? own_state : NULL;
    v.progress = on_progress;
    v.user = &bar;
    o.title = title;
    o.verify = &v;
    progress_begin(&bar);
    int rc = dura_story_json(folder, &o, json, n, err);
    progress_end(&bar);
    return rc;
}

int cmd_report(int argc, char **argv)
{
    char *json;
    size_t n;
    dura_error err = {0};
    int rc = cli_parse(&self, argc, argv);
    if (rc >= 0)
        return rc;
    if (!out && !as_json)
        return cli_usage(&self, "-o is missing: where does the page go?");
    rc = read_story(&json, &n, &err);
    if (rc != DURA_OK)
        return cli_fail(&self, rc, &err);
    if (!as_json)
        rc = write_page(out, json, n, &err);
    else if (out)
        rc = cli_write_file(out, json, n, 1, &err);
    else
        (void)(fwrite(json, 1, n, stdout) == n && putchar('\n'));
    dura_story_deinit(json);
    return rc == DURA_OK ? cli_end(&self, CLI_OK) : cli_fail(&self, rc, &err);
}
