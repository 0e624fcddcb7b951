/* SPDX-License-Identifier: Apache-2.0 */
/* Whole small files: read with a limit, written durably and as a whole or not at all. */
#include "dura_host_files_priv.h"

#include <dura/host/pack.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FILE_MAX = 64 << 20, PATH_ROOM = 4096 };

void *durai_host_copy(const void *p, size_t n)
{
    uint8_t *copy = malloc(n + 1);
    if (!copy)
        return NULL;
    if (n)
        memcpy(copy, p, n);
    copy[n] = 0;
    return copy;
}

size_t durai_host_join(char *buf, size_t cap, const char *folder, const char *name)
{
    int n = snprintf(buf, cap, "%s/%s", folder, name);
    return n > 0 && (size_t)n < cap ? (size_t)n : 0;
}

static int read_all(int fd, uint8_t *buf, size_t len)
{
    for (size_t at = 0; at < len;) {
        ssize_t n = read(fd, buf + at, len - at);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return n < 0 ? errno : EIO;
        at += (size_t)n;
    }
    return 0;
}

int durai_host_read(const char *path, uint8_t **out, size_t *len, dura_error *err)
{
    struct stat st;
    *out = NULL;
    *len = 0;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return dura_error_set(err, errno == ENOENT ? DURA_ENOENT : DURA_EIO, path, 0, NULL, "cannot be read: %s",
                              strerror(errno));
    int rc = DURA_OK;
    if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode))
        rc = dura_error_set(err, DURA_EIO, path, 0, NULL, "is not a file");
    else if (st.st_size > FILE_MAX)
        rc = dura_error_set(err, DURA_ELIMIT, path, 0, NULL, "is larger than 64 MiB");
    uint8_t *buf = rc == DURA_OK ? malloc((size_t)st.st_size + 1) : NULL;
    if (rc == DURA_OK && !buf)
        rc = dura_error_set(err, DURA_ENOSPC, path, 0, NULL, "out of memory");
    int why = rc == DURA_OK ? read_all(fd, buf, (size_t)st.st_size) : 0;
    if (why)
        rc = dura_error_set(err, DURA_EIO, path, 0, NULL, "cannot be read: %s", strerror(why));
    close(fd);
    if (rc != DURA_OK) {
        free(buf);
        return rc;
    }
    buf[st.st_size] = 0;
    *out = buf;
    *len = (size_t)st.st_size;
    return DURA_OK;
}

int durai_host_read_in(const char *folder, const char *name, uint8_t **out, size_t *len, dura_error *err)
{
    char path[PATH_ROOM];
    if (!durai_host_join(path, sizeof path, folder, name))
        return dura_error_set(err, DURA_EINVAL, folder, 0, NULL, "the path is too long");
    return durai_host_read(path, out, len, err);
}

static int write_all(int fd, const uint8_t *p, size_t n)
{
    while (n) {
        ssize_t w = write(fd, p, n);
        if (w < 0 && errno == EINTR)
            continue;
        if (w < 0)
            return errno;
        p += w;
        n -= (size_t)w;
    }
    return fsync(fd) != 0 ? errno : 0;
}

/* The folder itself must know the new name before the name counts as durable. */
static int sync_folder(const char *folder)
{
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return errno;
    int why = fsync(fd) != 0 ? errno : 0;
    close(fd);
    return why;
}

static int write_in(const char *folder, const char *name, const void *p, size_t n, mode_t mode, dura_error *err)
{
    char path[PATH_ROOM], part[PATH_ROOM + 8];
    if (!durai_host_join(path, sizeof path, folder, name))
        return dura_error_set(err, DURA_EINVAL, folder, 0, NULL, "the path is too long");
    snprintf(part, sizeof part, "%s.part", path);
    int fd = open(part, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, mode);
    int why = fd < 0 ? errno : write_all(fd, p, n);
    if (fd >= 0 && close(fd) != 0 && !why)
        why = errno;
    if (!why && rename(part, path) != 0)
        why = errno;
    if (!why)
        why = sync_folder(folder);
    if (!why)
        return DURA_OK;
    if (fd >= 0)
        unlink(part);
    return dura_error_set(err, DURA_EIO, path, 0, NULL, "cannot be written: %s", strerror(why));
}

int durai_host_write_in(const char *folder, const char *name, const void *p, size_t n, dura_error *err)
{
    return write_in(folder, name, p, n, 0644, err);
}

int durai_host_write_secret(const char *folder, const char *name, const void *p, size_t n, dura_error *err)
{
    return write_in(folder, name, p, n, 0600, err);
}

int durai_host_load_model(const char *path, uint8_t **image, size_t *len, dura_error *err)
{
    uint8_t *text;
    size_t n;
    void *packed;
    int rc = durai_host_read(path, &text, &n, err);
    if (rc != DURA_OK)
        return rc;
    int kind;
    if (dura_pack_check(text, n, &kind) == DURA_OK && kind != DURA_PACK_POLICY) { /* packed already */
        *image = text;
        *len = n;
        return DURA_OK;
    }
    rc = dura_pack_model((const char *)text, n, path, &packed, len, err);
    free(text);
    if (rc != DURA_OK)
        return rc;
    *image = durai_host_copy(packed, *len);
    dura_pack_deinit(packed);
    return *image ? DURA_OK : dura_error_set(err, DURA_ENOSPC, path, 0, NULL, "out of memory");
}
