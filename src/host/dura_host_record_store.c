/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A run folder on disk as a durai_files. Everything goes through openat() on the folder's
 * descriptor, so a folder that is moved or replaced while it is read stays the one that
 * was opened, and links are never followed: a log that is a link is not the log.
 */
#include "dura_host_record_priv.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

static int from_errno(void)
{
    if (errno == ENOENT || errno == ENOTDIR)
        return DURA_ENOENT;
    return errno == ELOOP ? DURA_EINVAL : DURA_EIO;
}

static int folder_size(void *user, const char *name, uint64_t *size)
{
    const durai_folder *f = user;
    struct stat st;
    if (fstatat(f->fd, name, &st, AT_SYMLINK_NOFOLLOW) != 0)
        return from_errno();
    if (!S_ISREG(st.st_mode))
        return DURA_EINVAL;
    *size = (uint64_t)st.st_size;
    return DURA_OK;
}

static int folder_read(void *user, const char *name, uint64_t off, void *buf, size_t n, size_t *got)
{
    const durai_folder *f = user;
    size_t have = 0;
    int fd = openat(f->fd, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return from_errno();
    while (have < n) {
        ssize_t r = pread(fd, (uint8_t *)buf + have, n - have, (off_t)(off + have));
        if (r < 0 && errno == EINTR)
            continue;
        if (r < 0) {
            close(fd);
            return DURA_EIO;
        }
        if (r == 0)
            break;
        have += (size_t)r;
    }
    close(fd);
    *got = have;
    return DURA_OK;
}

static int folder_list(void *user, const char *dir, durai_files_each each, void *ctx)
{
    const durai_folder *f = user;
    int rc = DURA_OK;
    int fd = openat(f->fd, *dir ? dir : ".", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    DIR *d = fd < 0 ? NULL : fdopendir(fd);
    if (!d) {
        rc = from_errno();
        if (fd >= 0)
            close(fd);
        return rc;
    }
    errno = 0;
    for (struct dirent *e = readdir(d); e && rc == DURA_OK; e = readdir(d)) {
        struct stat st;
        if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
            continue;
        int file = fstatat(fd, e->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(st.st_mode);
        rc = each(ctx, e->d_name, file);
        errno = 0;
    }
    if (rc == DURA_OK && errno)
        rc = DURA_EIO;
    closedir(d);
    return rc;
}

static int is_dir(int fd, const char *name)
{
    struct stat st;
    return fstatat(fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(st.st_mode);
}

int durai_folder_open(durai_folder *f, durai_files *store, const char *path, dura_error *err)
{
    f->fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (f->fd < 0) {
        int rc = errno == ENOENT || errno == ENOTDIR ? DURA_ENOENT : DURA_EIO;
        return dura_error_set(err, rc, path, 0, NULL, "cannot open this folder: %s", strerror(errno));
    }
    if (!is_dir(f->fd, "security.log") && !is_dir(f->fd, "decision.log")) {
        durai_folder_close(f);
        return dura_error_set(err, DURA_ENOENT, path, 0, NULL,
                              "this is not a run folder: it has neither security.log/ nor decision.log/");
    }
    store->user = f;
    store->size = folder_size;
    store->read = folder_read;
    store->list = folder_list;
    return DURA_OK;
}

void durai_folder_close(durai_folder *f)
{
    if (f->fd >= 0)
        close(f->fd);
    f->fd = -1;
}
