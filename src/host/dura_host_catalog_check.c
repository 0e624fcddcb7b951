/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A file of somebody's: does every id it names hold? Members that declare or say something are not
 * looked at: "id": "T0101" may be a temperature.
 */
#include "dura_host_catalog_priv.h"

#include <dura/host/json.h>

#include <string.h>

typedef struct walk {
    const dura_json *doc;
    dura_catalog_finding found;
    void *ctx;
    uint32_t ids;
} walk;

/* Names of members whose texts are no references. */
static int says(const char *name)
{
    static const char *const names[] = {"id", "name", "title", "text", "reason", "note", "notice", "statement",
                                        "description", "why", "source", "version", "catalog", "shared", NULL};
    for (const char *const *n = names; *n; n++)
        if (strcmp(name, *n) == 0)
            return 1;
    return 0;
}

static int is_hook(const char *name)
{
    return strcmp(name, "hook") == 0 || strcmp(name, "hooks") == 0;
}

/* One text; member is the name it or its array stands under. */
static int look(walk *w, uint32_t value, const char *member)
{
    const char *text = NULL;
    char path[256];
    if (says(member) || dura_json_get_text(w->doc, value, 1, SIZE_MAX, &text, NULL) != DURA_OK)
        return 0;
    int status = dura_catalog_resolve(text, NULL);
    if (status == DURA_CATALOG_FOREIGN && is_hook(member))
        status = DURA_CATALOG_UNKNOWN;
    if (status == DURA_CATALOG_FOREIGN)
        return 0;
    w->ids++;
    if (status == DURA_CATALOG_ACTIVE || !w->found)
        return 0;
    return w->found(w->ctx, dura_json_file(w->doc), dura_json_line(w->doc, value),
                    dura_json_path(w->doc, value, path, sizeof path), text, status);
}

/* Depth first without recursion: the way back up is kept, as deep as a text may be. */
static void walk_all(walk *w)
{
    uint32_t at[DURA_JSON_DEPTH_MAX + 1];
    const char *member[DURA_JSON_DEPTH_MAX + 1];
    uint32_t depth = 0;
    at[0] = DURA_JSON_ROOT;
    member[0] = "";
    for (;;) {
        uint32_t v = at[depth];
        int type = dura_json_type(w->doc, v);
        if (type == DURA_JSON_TEXT && look(w, v, member[depth]))
            return;
        uint32_t below = dura_json_first(w->doc, v);
        if (below != DURA_JSON_NONE && depth < DURA_JSON_DEPTH_MAX) {
            const char *inherited = member[depth];
            at[++depth] = below;
            member[depth] = type == DURA_JSON_OBJECT ? dura_json_name(w->doc, below) : inherited;
            continue;
        }
        while (depth && dura_json_next(w->doc, at[depth]) == DURA_JSON_NONE)
            depth--;
        if (depth == 0)
            return;
        at[depth] = dura_json_next(w->doc, at[depth]);
        if (dura_json_type(w->doc, at[depth - 1]) == DURA_JSON_OBJECT)
            member[depth] = dura_json_name(w->doc, at[depth]);
    }
}

int dura_catalog_check(const char *filename, dura_catalog_finding found, void *ctx, uint32_t *ids, dura_error *err)
{
    dura_json *doc = NULL;
    if (!filename)
        return dura_error_set(err, DURA_EINVAL, NULL, 0, NULL, "no file is named");
    int rc = dura_json_load(filename, &doc, err);
    if (rc != DURA_OK)
        return rc;
    walk w = {doc, found, ctx, 0};
    walk_all(&w);
    if (ids)
        *ids = w.ids;
    dura_json_deinit(doc);
    return DURA_OK;
}
