/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A run folder in memory for the verifier's tests and fuzz target: the same calls as the
 * folder on disk, a thousand times quicker to alter.
 */
#ifndef DT_HOST_VERIFY_MEMORY_H
#define DT_HOST_VERIFY_MEMORY_H

#include "host/dura_host_verify_priv.h"

#ifndef MEM_FILES
#define MEM_FILES 24
#endif
typedef struct mem_file {
    char name[48];
    uint8_t *p;
    size_t n;
} mem_file;
typedef struct mem_folder {
    mem_file file[MEM_FILES];
    size_t n;
} mem_folder;

static inline mem_file *mem_find(mem_folder *m, const char *name)
{
    for (size_t i = 0; i < m->n; i++)
        if (strcmp(m->file[i].name, name) == 0)
            return &m->file[i];
    return NULL;
}

static inline int mem_size(void *user, const char *name, uint64_t *size)
{
    mem_file *f = mem_find(user, name);
    if (!f)
        return DURA_ENOENT;
    *size = f->n;
    return DURA_OK;
}

static inline int mem_read(void *user, const char *name, uint64_t off, void *buf, size_t n, size_t *got)
{
    mem_file *f = mem_find(user, name);
    if (!f)
        return DURA_ENOENT;
    *got = off >= f->n ? 0 : f->n - (size_t)off < n ? f->n - (size_t)off : n;
    if (*got)
        memcpy(buf, f->p + off, *got);
    return DURA_OK;
}

static inline int mem_list(void *user, const char *dir, durai_files_each each, void *ctx)
{
    mem_folder *m = user;
    size_t len = strlen(dir);
    int rc = DURA_OK;
    if (len == 0) {
        rc = each(ctx, "security.log", 0);
        if (rc == DURA_OK)
            rc = each(ctx, "decision.log", 0);
    }
    for (size_t i = 0; i < m->n && rc == DURA_OK; i++) {
        const char *name = m->file[i].name, *slash = strchr(name, '/');
        if (len == 0 && !slash)
            rc = each(ctx, name, 1);
        if (len && slash == name + len && strncmp(name, dir, len) == 0)
            rc = each(ctx, slash + 1, 1);
    }
    return rc;
}

/* Verify it. Returns dura_verify_folder's code; v is scratch of the caller. */
static inline int mem_verify(mem_folder *m, const dura_verify_options *opt, const durai_checkpoint *kept,
                             durai_verify *v, dura_verify_report *rep)
{
    durai_files files;
    files.user = m;
    files.size = mem_size;
    files.read = mem_read;
    files.list = mem_list;
    memset(v, 0, sizeof *v);
    memset(rep, 0, sizeof *rep);
    rep->struct_size = sizeof *rep;
    v->opt = opt;
    v->rep = rep;
    v->files = &files;
    if (kept) {
        v->kept = *kept;
        v->have_kept = 1;
    }
    return durai_verify_run(v, NULL);
}

#endif
