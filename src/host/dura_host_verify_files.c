/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files beside the segments: the checkpoints of a closed log, the files its close record
 * vouches for, and files nobody vouches for.
 *
 * In a log that is not closed other files are only counted: the run may still be writing
 * them.
 */
#include "dura_host_verify_priv.h"

#include <stdio.h>

/* ---- checkpoints ------------------------------------------------------------------- */

static int check_checkpoint(durai_verify *v, int i)
{
    const durai_side *s = &v->side[i];
    char name[DURAI_PATH_MAX], want[DURAI_CP_NOTE], have[DURAI_CP_NOTE + 1];
    uint64_t size = 0;
    size_t got = 0;
    snprintf(name, sizeof name, "%s/checkpoint", durai_log_folder((uint8_t)(i + 1)));
    int rc = v->files->size(v->files->user, name, &size);
    if (rc == DURA_ENOENT)
        return DURAI_GO;
    if (!s->final)
        return durai_broken_file(v, DURA_VERIFY_RULE_CHECKPOINT_EARLY, name);
    if (rc == DURA_EINVAL)
        return durai_broken_file(v, DURA_VERIFY_RULE_CHECKPOINT_FILE, name);
    if (rc == DURA_OK)
        rc = v->files->read(v->files->user, name, 0, have, sizeof have, &got);
    if (rc != DURA_OK)
        return rc;
    size_t n = durai_checkpoint_note(&s->seal, s->seal_key, want);
    if (!s->seal.has_sig || got != n || memcmp(have, want, n) != 0)
        return durai_broken_file(v, DURA_VERIFY_RULE_CHECKPOINT_FILE, name);
    return DURAI_GO;
}

/* ---- the manifest ------------------------------------------------------------------- */

/* The next {file name: digest} of the manifest. 1, 0 at its end, -1: not a manifest. */
static int next_entry(durai_cbor_in *in, uint64_t *left, durai_item *name, durai_item *digest)
{
    if (*left == 0)
        return 0;
    (*left)--;
    if (durai_cbor_next(in, name) != DURA_OK || durai_cbor_next(in, digest) != DURA_OK)
        return -1;
    return name->type == DURAI_CBOR_TEXT && digest->type == DURAI_CBOR_BYTES && digest->v == 32 ? 1 : -1;
}

/* Open the manifest of the close record; its length, 0 when there is none. */
static uint64_t open_manifest(const durai_verify *v, durai_cbor_in *in)
{
    durai_item it, name, digest;
    durai_cbor_in look;
    if (v->close_len == 0 || durai_cbor_find(v->close, v->close_len, 16, &it, in) != DURA_OK ||
        it.type != DURAI_CBOR_MAP)
        return 0;
    look = *in;
    uint64_t left = it.v;
    int rc = 1;
    while (rc == 1)
        rc = next_entry(&look, &left, &name, &digest);
    return rc == 0 ? it.v : 0; /* the caller's own keys may look otherwise */
}

static int hash_file(const durai_files *f, const char *name, uint8_t out[32])
{
    uint8_t block[16384];
    dura_sha256 h;
    uint64_t off = 0;
    size_t got = sizeof block;
    dura_sha256_init(&h);
    while (got == sizeof block) {
        int rc = f->read(f->user, name, off, block, sizeof block, &got);
        if (rc != DURA_OK)
            return rc;
        dura_sha256_update(&h, block, got);
        off += got;
    }
    dura_sha256_final(&h, out);
    return DURA_OK;
}

static int check_entry(durai_verify *v, const durai_item *name, const durai_item *digest)
{
    char path[DURAI_PATH_MAX];
    uint8_t have[32];
    uint64_t size;
    if (name->v == 0 || name->v >= sizeof path || memchr(name->p, '/', (size_t)name->v) ||
        memchr(name->p, '\0', (size_t)name->v))
        return durai_broken_file(v, DURA_VERIFY_RULE_MANIFEST_MISSING, "");
    memcpy(path, name->p, (size_t)name->v);
    path[name->v] = '\0';
    int rc = v->files->size(v->files->user, path, &size);
    if (rc == DURA_ENOENT)
        return durai_broken_file(v, DURA_VERIFY_RULE_MANIFEST_MISSING, path);
    if (rc == DURA_OK)
        rc = hash_file(v->files, path, have);
    if (rc == DURA_EINVAL || (rc == DURA_OK && memcmp(have, digest->p, 32) != 0))
        return durai_broken_file(v, DURA_VERIFY_RULE_MANIFEST_DIGEST, path);
    return rc;
}

static int check_manifest(durai_verify *v)
{
    durai_cbor_in in;
    durai_item name, digest;
    uint64_t left = open_manifest(v, &in);
    while (next_entry(&in, &left, &name, &digest) == 1) {
        int rc = check_entry(v, &name, &digest);
        if (rc != DURAI_GO)
            return rc;
    }
    return DURAI_GO;
}

/* ---- files nobody vouches for --------------------------------------------------------- */

/* The alphabetically first one, so that the report does not depend on the file system. */
typedef struct extras {
    const durai_verify *v;
    const char *dir;         /* "" or a log's folder */
    uint32_t n;
    char first[DURAI_PATH_MAX];
} extras;

static int in_manifest(const durai_verify *v, const char *file)
{
    durai_cbor_in in;
    durai_item name, digest;
    uint64_t left = open_manifest(v, &in);
    size_t n = strlen(file);
    while (next_entry(&in, &left, &name, &digest) == 1)
        if (name.v == n && memcmp(name.p, file, n) == 0)
            return 1;
    return 0;
}

static int is_segment(const char *name)
{
    int i = 0;
    while (i < 8 && name[i] >= '0' && name[i] <= '9')
        i++;
    return i == 8 && strcmp(name + 8, ".seg") == 0;
}

static int known(const extras *e, const char *name, int is_file)
{
    if (e->dir[0] == '\0')
        return (!is_file && (strcmp(name, "security.log") == 0 || strcmp(name, "decision.log") == 0)) ||
               (is_file && in_manifest(e->v, name));
    if (!is_file)
        return 0;
    /* the second is what a cut leaves while the first is being written */
    return is_segment(name) || strcmp(name, "checkpoint") == 0 ||
           (strcmp(name, ".checkpoint.new") == 0 && !e->v->rep->closed);
}

static int note_extra(void *ctx, const char *name, int is_file)
{
    extras *e = ctx;
    char path[DURAI_PATH_MAX];
    if (known(e, name, is_file))
        return DURA_OK;
    snprintf(path, sizeof path, "%s%s%.90s", e->dir, e->dir[0] ? "/" : "", name);
    if (e->n++ == 0 || strcmp(path, e->first) < 0)
        memcpy(e->first, path, sizeof path);
    return DURA_OK;
}

static int list_extras(durai_verify *v, extras *e)
{
    static const char *const dirs[] = {"", "security.log", "decision.log"};
    memset(e, 0, sizeof *e);
    e->v = v;
    for (int i = 0; i < 3; i++) {
        e->dir = dirs[i];
        int rc = v->files->list(v->files->user, dirs[i], note_extra, e);
        if (rc != DURA_OK && rc != DURA_ENOENT && rc != DURA_EINVAL)
            return rc;
    }
    return DURA_OK;
}

int durai_verify_files(durai_verify *v)
{
    int final = v->side[0].final && v->side[1].final;
    extras e;
    int rc = DURAI_GO;
    for (int i = 0; i < 2 && rc == DURAI_GO; i++)
        rc = check_checkpoint(v, i);
    if (rc == DURAI_GO && final)
        rc = check_manifest(v);
    if (rc != DURAI_GO)
        return rc;
    rc = list_extras(v, &e);
    if (rc != DURA_OK)
        return rc;
    if (final && e.n)
        return durai_broken_file(v, DURA_VERIFY_RULE_UNLISTED_FILE, e.first);
    v->rep->extra_files = e.n;
    return DURAI_GO;
}
