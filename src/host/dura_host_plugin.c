/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Loads a plug-in: the bytes that were hashed are the bytes that are linked.
 *
 * The file is copied into a memfd that is then sealed against writing, hashed there and
 * handed to the linker as /proc/self/fd/N. Hashing the file and linking the file would leave
 * a gap between the two, even through one descriptor: whoever may write to the inode may
 * write to it after it was hashed.
 *
 * The linker knows a library by its name, and "/proc/self/fd/7" may come again: so the
 * descriptor stays open as long as the linker keeps the library.
 */
#define _GNU_SOURCE
#include <dura/host/backend.h>
#include <dura/host/crypto.h>

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILE_MAX ((off_t)1 << 30)

enum { ENTRY_V1 = sizeof(dura_backend_entry), TABLE_V1 = sizeof(dura_backend), NAME_BYTES = 32, CHUNK = 65536 };

struct dura_plugin {
    void *library;
    const dura_backend_entry *entry;
    const dura_backend *table;
    int fd;
};

static const void *no_extension(void *user, const char *name)
{
    (void)user;
    (void)name;
    return NULL;
}

static const dura_backend_host this_host = {sizeof this_host, DURA_BACKEND_MAJOR, DURA_BACKEND_MINOR, NULL,
                                            no_extension};

/* ---- the bytes -------------------------------------------------------------------------- */

/* A regular file by absolute path. */
static int open_file(const char *path, int *fd, dura_error *err)
{
    struct stat st;
    if (!path || path[0] != '/')
        return dura_error_set(err, DURA_EINVAL, path, 0, "", "a plug-in is named by an absolute path; nothing is searched for");
    *fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (*fd < 0)
        return dura_error_set(err, errno == ENOENT ? DURA_ENOENT : DURA_EIO, path, 0, "", "%s", strerror(errno));
    int rc = DURA_OK;
    if (fstat(*fd, &st) != 0)
        rc = dura_error_set(err, DURA_EIO, path, 0, "", "%s", strerror(errno));
    else if (!S_ISREG(st.st_mode))
        rc = dura_error_set(err, DURA_EINVAL, path, 0, "", "not a regular file");
    else if (st.st_size > FILE_MAX)
        rc = dura_error_set(err, DURA_ELIMIT, path, 0, "", "over 1 GiB");
    if (rc != DURA_OK)
        (void)close(*fd);
    return rc;
}

static int write_all(int fd, const uint8_t *p, size_t n)
{
    while (n) {
        ssize_t put = write(fd, p, n);
        if (put < 0 && errno == EINTR)
            continue;
        if (put <= 0)
            return DURA_EIO;
        p += put;
        n -= (size_t)put;
    }
    return DURA_OK;
}

/* Everything of `from` into `to` (unless -1), and its digest. */
static int copy_and_hash(int from, int to, uint8_t digest[DURA_HASH_BYTES])
{
    uint8_t *chunk = malloc(CHUNK);
    dura_sha256 h;
    off_t total = 0;
    int rc = chunk ? DURA_OK : DURA_ENOSPC;
    dura_sha256_init(&h);
    while (rc == DURA_OK) {
        ssize_t got = read(from, chunk, CHUNK);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0) {
            rc = got < 0 ? DURA_EIO : DURA_OK;
            break;
        }
        total += got;
        dura_sha256_update(&h, chunk, (size_t)got);
        rc = total > FILE_MAX ? DURA_ELIMIT : to < 0 ? DURA_OK : write_all(to, chunk, (size_t)got);
    }
    dura_sha256_final(&h, digest);
    free(chunk);
    return rc;
}

int dura_plugin_digest(const char *path, uint8_t digest[DURA_HASH_BYTES], dura_error *err)
{
    int fd = -1;
    if (!digest)
        return DURA_EINVAL;
    int rc = open_file(path, &fd, err);
    if (rc != DURA_OK)
        return rc;
    rc = copy_and_hash(fd, -1, digest);
    (void)close(fd);
    return rc == DURA_OK ? rc : dura_error_set(err, rc, path, 0, "", "cannot be read whole");
}

/* The file's bytes in memory that nobody can write to any more. */
static int seal_file(const char *path, int *sealed, uint8_t digest[DURA_HASH_BYTES], dura_error *err)
{
    int file = -1;
    int rc = open_file(path, &file, err);
    if (rc != DURA_OK)
        return rc;
    *sealed = memfd_create("dura-plugin", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (*sealed < 0) {
        rc = dura_error_set(err, DURA_ENOTSUP, path, 0, "", "no sealed memory here: %s", strerror(errno));
        (void)close(file);
        return rc;
    }
    rc = copy_and_hash(file, *sealed, digest);
    (void)close(file);
    if (rc == DURA_OK && fcntl(*sealed, F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE) != 0)
        rc = DURA_EIO;
    if (rc == DURA_OK)
        return rc;
    (void)close(*sealed);
    return dura_error_set(err, rc, path, 0, "", "cannot be read whole into memory");
}

/* ---- meeting ------------------------------------------------------------------------------ */

int dura_plugin_meet(const dura_backend_entry *e, const dura_backend_host *host, const char *path, dura_error *err)
{
    const dura_backend_host *h = host ? host : &this_host;
    if (!e || h->struct_size < sizeof *h || !h->get_extension)
        return dura_error_set(err, DURA_EINVAL, path, 0, "", "no entry, or a host without its calls");
    if (e->magic != DURA_BACKEND_MAGIC)
        return dura_error_set(err, DURA_ECORRUPT, path, 0, "magic", "0x%08x is not the mark of a plug-in", (unsigned)e->magic);
    if (e->struct_size < ENTRY_V1)
        return dura_error_set(err, DURA_ECORRUPT, path, 0, "struct_size", "%u bytes, the first release had %u",
                              (unsigned)e->struct_size, (unsigned)ENTRY_V1);
    if (!e->id || !e->id[0] || !e->version || !e->query)
        return dura_error_set(err, DURA_EINVAL, path, 0, "", "an entry without id, version or query");
    if (e->abi_major != h->abi_major)
        return dura_error_set(err, DURA_EVERSION, path, 0, "abi_major", "%.80s speaks major %u, this host %u", e->id,
                              e->abi_major, h->abi_major);
    if (e->abi_minor_needed > h->abi_minor)
        return dura_error_set(err, DURA_EVERSION, path, 0, "abi_minor_needed", "%.80s needs %u.%u, this host has %u.%u",
                              e->id, e->abi_major, e->abi_minor_needed, h->abi_major, h->abi_minor);
    return DURA_OK;
}

/* The table a query returned: as dura_backend_check, for the host's own numbers. */
static int table_fits(const dura_backend *t, const dura_backend_entry *e, const dura_backend_host *h, const char *path,
                      dura_error *err)
{
    if (!t)
        return dura_error_set(err, DURA_ENOTSUP, path, 0, "query", "%.80s wants no host %u.%u", e->id, h->abi_major, h->abi_minor);
    if (t->struct_size < TABLE_V1)
        return dura_error_set(err, DURA_ECORRUPT, path, 0, "table", "%u bytes, the first release had %u",
                              (unsigned)t->struct_size, (unsigned)TABLE_V1);
    if (t->abi_major != h->abi_major || t->abi_minor_needed > h->abi_minor)
        return dura_error_set(err, DURA_EVERSION, path, 0, "table", "%.80s: the table is %u.%u, this host %u.%u", e->id,
                              t->abi_major, t->abi_minor_needed, h->abi_major, h->abi_minor);
    if (h->abi_major == DURA_BACKEND_MAJOR &&
        (!t->id || !t->id[0] || !t->version || !t->mem_req || !t->open || !t->io || !t->run || t->reserved))
        return dura_error_set(err, DURA_EINVAL, path, 0, "table", "%.80s: a required call or name is missing", e->id);
    return DURA_OK;
}

/* ---- loading --------------------------------------------------------------------------------- */

/* The linker's words, which a person needs and nobody else has. */
static int linker_says(dura_error *err, int code, const char *path)
{
    const char *why = dlerror();
    return dura_error_set(err, code, path, 0, "", "the linker says: %s", why ? why : "nothing");
}

static int link_sealed(dura_plugin *p, const char *path, const dura_backend_host *host, dura_error *err)
{
    char name[NAME_BYTES];
    (void)snprintf(name, sizeof name, "/proc/self/fd/%d", p->fd);
    (void)dlerror();
    p->library = dlopen(name, RTLD_NOW | RTLD_LOCAL);
    if (!p->library)
        return linker_says(err, DURA_ENOENT, path);
    p->entry = dlsym(p->library, DURA_BACKEND_SYMBOL);
    if (!p->entry)
        return linker_says(err, DURA_ESYNTAX, path);
    int rc = dura_plugin_meet(p->entry, host, path, err);
    if (rc != DURA_OK)
        return rc;
    p->table = p->entry->query(host, host->abi_minor);
    return table_fits(p->table, p->entry, host, path, err);
}

int dura_plugin_load(dura_plugin **out, const char *path, const uint8_t digest[DURA_HASH_BYTES],
                     const dura_backend_host *host, dura_error *err)
{
    uint8_t found[DURA_HASH_BYTES];
    if (!out || !digest)
        return DURA_EINVAL;
    *out = NULL;
    dura_plugin *p = calloc(1, sizeof *p);
    if (!p)
        return DURA_ENOSPC;
    int rc = seal_file(path, &p->fd, found, err);
    if (rc != DURA_OK) {
        free(p);
        return rc;
    }
    if (memcmp(found, digest, sizeof found) != 0)
        rc = dura_error_set(err, DURA_EAUTH, path, 0, "", "its SHA-256 begins %02x%02x%02x%02x, wanted %02x%02x%02x%02x: not loaded",
                            found[0], found[1], found[2], found[3], digest[0], digest[1], digest[2], digest[3]);
    else
        rc = link_sealed(p, path, host ? host : &this_host, err);
    if (rc == DURA_OK)
        *out = p;
    else
        dura_plugin_unload(p);
    return rc;
}

const dura_backend *dura_plugin_backend(const dura_plugin *p) { return p ? p->table : NULL; }
const dura_backend_entry *dura_plugin_entry(const dura_plugin *p) { return p ? p->entry : NULL; }

void dura_plugin_unload(dura_plugin *p)
{
    char name[NAME_BYTES];
    void *still = NULL;
    if (!p)
        return;
    (void)snprintf(name, sizeof name, "/proc/self/fd/%d", p->fd);
    if (p->library) {
        (void)dlclose(p->library);
        still = dlopen(name, RTLD_NOW | RTLD_LOCAL | RTLD_NOLOAD);
    }
    if (still)
        (void)dlclose(still); /* it cannot be unloaded: its name must not come again */
    else
        (void)close(p->fd);
    free(p);
}

int dura_plugin_model(dura_model *out, const dura_backend *backend, const void *config, const void *image,
                      size_t image_len, const uint8_t digest[DURA_HASH_BYTES], dura_error *err)
{
    uint8_t found[DURA_HASH_BYTES];
    if (!out || !backend || !image || !image_len || !digest)
        return DURA_EINVAL;
    dura_sha256_query(found, image, image_len);
    if (memcmp(found, digest, sizeof found) != 0)
        return dura_error_set(err, DURA_EAUTH, "", 0, "", "the model's SHA-256 begins %02x%02x%02x%02x, wanted %02x%02x%02x%02x: nobody reads it",
                              found[0], found[1], found[2], found[3], digest[0], digest[1], digest[2], digest[3]);
    *out = (dura_model)DURA_MODEL_INIT;
    out->backend = backend;
    out->config = config;
    out->image = image;
    out->image_len = image_len;
    return DURA_OK;
}
