/* SPDX-License-Identifier: Apache-2.0 */
/*
 * File operations that finish what they begin.
 *
 * read() and write() may stop short and may be interrupted; a created file is durable
 * only after its folder is synced too; opening by name may follow a link or hang on a
 * pipe somebody put there. Each is dealt with here and nowhere else.
 */
#include "dura_host_storage_io.h"

#include "../base/dura_base_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

int durai_io_code(void)
{
    DURA_ASSERT(errno > 0);
    return -(DURAI_IO_BASE + errno);
}

int durai_io_errno(int code)
{
    return code < -DURAI_IO_BASE && code > -DURAI_IO_BASE - 4096 ? -code - DURAI_IO_BASE : 0;
}

/* What a person can do about it, for the common cases. */
static const char *advice(int e)
{
    switch (e) {
    case ENOSPC:
    case EDQUOT:
        return "; free space or choose another disk";
    case EFBIG:
        return "; raise the file size limit (ulimit -f)";
    case EROFS:
        return "; choose a folder that can be written";
    case EACCES:
    case EPERM:
        return "; check owner and mode of the folder";
    case ELOOP:
        return "; a symbolic link is not followed here, name its target";
    case EMFILE:
    case ENFILE:
        return "; too many files are open";
    default:
        return "";
    }
}

int durai_io_error(dura_error *err, int code, const char *path, int io, const char *what)
{
    int e = durai_io_errno(io);
    return dura_error_set(err, code, path, 0, NULL, "cannot %s: %s%s", what,
                          e ? strerror(e) : dura_strerror(io), advice(e));
}

int durai_io_open(int folder, const char *name, int flags, unsigned mode)
{
    struct stat st;
    int fd;
    do
        fd = openat(folder, name, flags | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC | O_NOCTTY, (mode_t)mode);
    while (fd < 0 && errno == EINTR);
    if (fd < 0)
        return durai_io_code();
    if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode))
        return fd;
    close(fd);
    errno = EINVAL;
    return durai_io_code();
}

int durai_io_folder(int at, const char *path)
{
    int fd = openat(at, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd >= 0)
        return fd;
    struct stat st;
    int e = errno;
    /* O_DIRECTORY hides the link: say what it is */
    if (e == ENOTDIR && fstatat(at, path, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISLNK(st.st_mode))
        e = ELOOP;
    errno = e;
    return durai_io_code();
}

int durai_io_read(int fd, uint64_t off, void *buf, size_t n)
{
    uint8_t *to = buf;
    DURA_ASSERT(fd >= 0);
    while (n) {
        ssize_t got = pread(fd, to, n, (off_t)off);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return durai_io_code();
        if (got == 0) {
            memset(to, 0, n);
            return 0;
        }
        DURA_ASSERT((size_t)got <= n);
        to += got;
        off += (uint64_t)got;
        n -= (size_t)got;
    }
    return 0;
}

int durai_io_write(int fd, uint64_t off, const void *buf, size_t n)
{
    const uint8_t *from = buf;
    DURA_ASSERT(fd >= 0);
    while (n) {
        ssize_t put = pwrite(fd, from, n, (off_t)off);
        if (put < 0 && errno == EINTR)
            continue;
        if (put <= 0) {
            errno = put ? errno : ENOSPC;
            return durai_io_code();
        }
        DURA_ASSERT((size_t)put <= n);
        from += put;
        off += (uint64_t)put;
        n -= (size_t)put;
    }
    return 0;
}

int durai_io_zero(int fd, uint64_t from, uint64_t to)
{
    static const uint8_t zero[16384];
    int rc = 0;
    DURA_ASSERT(from <= to);
    while (rc == 0 && from < to) {
        size_t n = to - from < sizeof zero ? (size_t)(to - from) : sizeof zero;
        rc = durai_io_write(fd, from, zero, n);
        from += n;
    }
    return rc;
}

int durai_io_datasync(int fd)
{
    while (fdatasync(fd) < 0)
        if (errno != EINTR)
            return durai_io_code();
    return 0;
}

int durai_io_sync(int fd)
{
    while (fsync(fd) < 0)
        if (errno != EINTR)
            return durai_io_code();
    return 0;
}

int durai_io_lock(int fd)
{
    while (flock(fd, LOCK_EX | LOCK_NB) < 0) {
        if (errno == EWOULDBLOCK)
            return DURA_ESTATE;
        if (errno != EINTR)
            return durai_io_code();
    }
    return 0;
}

int durai_io_mkdir(int at, const char *path, unsigned mode)
{
    if (mkdirat(at, path, (mode_t)mode) < 0)
        return errno == EEXIST ? 1 : durai_io_code();
    int fd = durai_io_folder(at, path);
    if (fd < 0)
        return fd;
    /* the name lives in the parent: until that is synced there is no folder */
    int up = openat(fd, "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int rc = up < 0 ? durai_io_code() : durai_io_sync(up);
    if (up >= 0)
        close(up);
    close(fd);
    return rc;
}

int durai_io_mkdirs(const char *path)
{
    char part[1024];
    size_t n = strlen(path);
    int rc = 0;
    if (!n || n >= sizeof part)
        return DURA_ELIMIT;
    for (size_t i = 1; i <= n && rc >= 0; i++) {
        if (path[i] != '/' && path[i] != '\0')
            continue;
        memcpy(part, path, i);
        part[i] = '\0';
        rc = durai_io_mkdir(AT_FDCWD, part, 0700);
    }
    return rc < 0 ? rc : 0;
}

int durai_io_load(int folder, const char *name, char *buf, size_t cap)
{
    int fd = durai_io_open(folder, name, O_RDONLY, 0);
    if (fd < 0)
        return durai_io_errno(fd) == ENOENT ? DURA_ENOENT : fd;
    struct stat st;
    int rc = fstat(fd, &st) < 0 ? durai_io_code() : 0;
    if (rc == 0 && (st.st_size < 0 || (uint64_t)st.st_size >= cap))
        rc = DURA_ELIMIT;
    if (rc == 0)
        rc = durai_io_read(fd, 0, buf, (size_t)st.st_size);
    close(fd);
    if (rc)
        return rc;
    buf[st.st_size] = '\0';
    return strlen(buf) == (size_t)st.st_size ? (int)st.st_size : DURA_ELIMIT;
}

int durai_io_put(int folder, const char *name, unsigned mode, const void *p, size_t n)
{
    int fd = durai_io_open(folder, name, O_WRONLY | O_CREAT | O_EXCL, mode);
    if (fd < 0)
        return fd;
    int rc = durai_io_write(fd, 0, p, n);
    if (rc == 0)
        rc = durai_io_sync(fd);
    close(fd);
    if (rc)
        (void)unlinkat(folder, name, 0); /* half a file helps nobody */
    return rc;
}
