/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Regions on files: a folder of segments, and a single file of fixed size.
 *
 * Segments are filled with zeros when they are made: appending to blocks that already
 * exist needs no file system metadata in fdatasync, which halves the cost of a commit on
 * ext4. A failed fdatasync is remembered for good, because Linux marks the lost pages
 * clean and the next call would succeed without them ("fsyncgate", PostgreSQL 2018).
 * The lock is flock on the folder itself: a lock file inside would be a file in a log
 * folder that nobody vouches for.
 */
#include <dura/host/storage.h>

#include "../base/dura_base_priv.h"
#include "dura_host_storage_io.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#define SEGMENTS_MAX 100000000u         /* names have eight digits */
#define REGION_MAX ((uint64_t)1 << 40)
#define FILE_MAX ((uint64_t)1 << 30)    /* fits a 32-bit off_t */

static int power_of_two(uint32_t v, uint32_t lo, uint32_t hi)
{
    return v >= lo && v <= hi && !(v & (v - 1));
}

/* Copy a path; DURA_EINVAL, DURA_ELIMIT with *err filled. */
static int take_path(char to[DURA_STORAGE_PATH_MAX], const char *path, dura_error *err)
{
    size_t n = path ? strlen(path) : 0;
    if (!n)
        return dura_error_set(err, DURA_EINVAL, NULL, 0, NULL, "no path was given");
    if (n >= DURA_STORAGE_PATH_MAX)
        return dura_error_set(err, DURA_ELIMIT, path, 0, NULL, "a path may have %d bytes, this has %zu",
                              DURA_STORAGE_PATH_MAX - 1, n);
    memcpy(to, path, n + 1);
    return DURA_OK;
}

const char *dura_storage_strerror(int code)
{
    int e = durai_io_errno(code);
    return e ? strerror(e) : dura_strerror(code);
}

/* An open that failed: the dura code for it, *err filled. */
static int open_failed(dura_error *err, const char *path, int io, const char *what)
{
    if (io == DURA_ESTATE)
        return dura_error_set(err, DURA_ESTATE, path, 0, NULL,
                              "in use: another run is writing here; wait for it or choose another folder");
    return durai_io_error(err, durai_io_errno(io) == ENOENT ? DURA_ENOENT : DURA_EIO, path, io, what);
}

/* ---- segment files ------------------------------------------------------------------- */

static void segment_name(char name[16], uint32_t index)
{
    DURA_ASSERT(index < SEGMENTS_MAX);
    snprintf(name, 16, "%08u.seg", (unsigned)index);
}

/* Remember why a hook failed. Returns the code. */
static int failed(dura_files *f, uint32_t index, int code)
{
    f->failed = index;
    f->code = code;
    return code;
}

static int slot_sync(dura_files *f, dura_files_slot *s)
{
    DURA_ASSERT(s->fd >= 0);
    if (!s->dirty)
        return 0;
    int rc = durai_io_datasync(s->fd);
    if (rc) {
        f->broken = rc;
        return failed(f, s->index, rc);
    }
    s->dirty = 0;
    return 0;
}

static void slot_close(dura_files_slot *s)
{
    if (s->fd >= 0)
        close(s->fd);
    s->fd = -1;
    s->dirty = 0;
}

/* A slot to open a file in: a free one, or the one unused for longest, synced. */
static int slot_free(dura_files *f, dura_files_slot **out)
{
    dura_files_slot *oldest = &f->slot[0];
    for (int i = 0; i < DURA_FILES_SLOTS; i++) {
        dura_files_slot *s = &f->slot[i];
        if (s->fd < 0) {
            oldest = s;
            break;
        }
        if (f->clock - s->used > f->clock - oldest->used)
            oldest = s;
    }
    *out = oldest;
    int rc = oldest->fd < 0 ? 0 : slot_sync(f, oldest);
    if (rc == 0)
        slot_close(oldest);
    return rc;
}

/* The open file of a segment. 0 and *out; a code, ENOENT inside when there is none. */
static int slot_open(dura_files *f, uint32_t index, int create, dura_files_slot **out)
{
    char name[16];
    struct stat st;
    f->clock++;
    for (int i = 0; i < DURA_FILES_SLOTS; i++)
        if (f->slot[i].fd >= 0 && f->slot[i].index == index) {
            f->slot[i].used = f->clock;
            *out = &f->slot[i];
            return 0;
        }
    int rc = slot_free(f, out);
    if (rc)
        return rc;
    DURA_ASSERT((*out)->fd < 0 && !(*out)->dirty);
    segment_name(name, index);
    int access = f->flags & DURA_FILES_READONLY ? O_RDONLY : O_RDWR;
    int fd = durai_io_open(f->folder, name, access | (create ? O_CREAT : 0), 0600);
    if (fd < 0)
        return fd;
    (*out)->length = fstat(fd, &st) == 0 ? (uint64_t)st.st_size : 0;
    (*out)->fd = fd;
    (*out)->index = index;
    (*out)->used = f->clock;
    return 0;
}

static int files_read(void *user, uint64_t off, void *buf, size_t len)
{
    dura_files *f = user;
    uint8_t *to = buf;
    while (len) {
        uint32_t size = f->region.erase_size, index = (uint32_t)(off / size), at = (uint32_t)(off % size);
        size_t n = len < size - at ? len : size - at;
        dura_files_slot *s = NULL;
        if (off >= f->region.size)
            return failed(f, 0, DURA_EINVAL);
        int rc = slot_open(f, index, 0, &s);
        DURA_ASSERT(n > 0 && at + n <= size);
        if (rc == 0)
            rc = durai_io_read(s->fd, at, to, n);
        else if (durai_io_errno(rc) == ENOENT) {
            memset(to, 0, n); /* never made: erased */
            rc = 0;
        }
        if (rc)
            return failed(f, index, rc);
        to += n;
        off += n;
        len -= n;
    }
    return 0;
}

/* May anything be changed now? */
static int writable(dura_files *f, uint64_t off, size_t len)
{
    if (f->broken)
        return f->broken;
    if (f->flags & DURA_FILES_READONLY)
        return -(DURAI_IO_BASE + EROFS);
    return off > f->region.size || len > f->region.size - off ? DURA_EINVAL : 0;
}

/* The file was trimmed by a clean close and is gone on with: give it its blocks back. */
static int lengthen(dura_files *f, dura_files_slot *s)
{
    DURA_ASSERT(s->fd >= 0);
    int rc = s->length < f->region.erase_size ? durai_io_zero(s->fd, s->length, f->region.erase_size) : 0;
    if (rc == 0)
        s->length = f->region.erase_size;
    return rc;
}

static int files_prog(void *user, uint64_t off, const void *buf, size_t len)
{
    dura_files *f = user;
    const uint8_t *from = buf;
    int rc = writable(f, off, len);
    while (len && rc == 0) {
        uint32_t size = f->region.erase_size, index = (uint32_t)(off / size), at = (uint32_t)(off % size);
        size_t n = len < size - at ? len : size - at;
        dura_files_slot *s = NULL;
        f->failed = index;
        rc = slot_open(f, index, 0, &s);
        if (rc == 0)
            rc = lengthen(f, s);
        if (rc == 0) {
            DURA_ASSERT(n > 0 && at + n <= size && s->index == index);
            s->dirty = 1; /* even when the write stops half way */
            rc = durai_io_write(s->fd, at, from, n);
        }
        from += n;
        off += n;
        len -= n;
    }
    return rc ? failed(f, f->failed, rc) : 0;
}

/* One segment becomes a file of zeros with all its blocks. */
static int make_segment(dura_files *f, uint32_t index)
{
    char name[16];
    dura_files_slot *s = NULL;
    int rc = slot_open(f, index, 1, &s);
    if (rc)
        return rc;
    f->folder_dirty = 1;
    s->dirty = 1;
    if (ftruncate(s->fd, 0) < 0)
        rc = durai_io_code();
    s->length = 0;
    if (rc == 0)
        rc = lengthen(f, s);
    if (rc == 0)
        return 0;
    segment_name(name, index); /* half a segment would only hold space */
    slot_close(s);
    (void)unlinkat(f->folder, name, 0);
    return rc;
}

static int files_erase(void *user, uint64_t off, size_t len)
{
    dura_files *f = user;
    uint32_t size = f->region.erase_size;
    int rc = writable(f, off, len);
    if (rc == 0 && (off % size || len % size))
        rc = DURA_EINVAL;
    uint32_t index = (uint32_t)(off / size);
    for (; rc == 0 && len; index++, len -= size) {
        f->failed = index;
        rc = make_segment(f, index);
    }
    return rc ? failed(f, f->failed, rc) : 0;
}

static int files_sync(void *user)
{
    dura_files *f = user;
    if (f->broken)
        return f->broken;
    for (int i = 0; i < DURA_FILES_SLOTS; i++) {
        int rc = f->slot[i].fd < 0 ? 0 : slot_sync(f, &f->slot[i]);
        if (rc)
            return rc;
    }
    if (f->folder_dirty) {
        int rc = durai_io_sync(f->folder);
        if (rc) {
            f->broken = rc;
            return failed(f, 0, rc);
        }
        f->folder_dirty = 0;
    }
    return 0;
}

static void fill_files_region(dura_files *f, uint32_t segment_bytes)
{
    uint64_t most = (uint64_t)segment_bytes * SEGMENTS_MAX;
    f->region.struct_size = (uint32_t)sizeof f->region;
    f->region.erase_size = segment_bytes;
    f->region.prog_size = 1;
    f->region.size = most < REGION_MAX ? most : REGION_MAX;
    f->region.user = f;
    f->region.read = files_read;
    f->region.prog = files_prog;
    f->region.erase = files_erase;
    f->region.sync = files_sync;
}

int dura_files_open(dura_files *f, const char *folder, uint32_t segment_bytes, uint32_t flags,
                    dura_error *err)
{
    if (!f || !power_of_two(segment_bytes, 4096, 1u << 26) ||
        (flags & ~(uint32_t)(DURA_FILES_CREATE | DURA_FILES_READONLY)))
        return dura_error_set(err, DURA_EINVAL, folder, 0, NULL,
                              "segment size must be a power of two from 4096 to 67108864");
    memset(f, 0, sizeof *f);
    f->folder = -1;
    for (int i = 0; i < DURA_FILES_SLOTS; i++)
        f->slot[i].fd = -1;
    int rc = take_path(f->path, folder, err);
    if (rc)
        return rc;
    f->flags = flags;
    fill_files_region(f, segment_bytes);
    if ((flags & DURA_FILES_CREATE) && (rc = durai_io_mkdir(AT_FDCWD, folder, 0700)) < 0)
        return open_failed(err, folder, rc, "create the folder");
    int fd = durai_io_folder(AT_FDCWD, folder);
    if (fd < 0)
        return open_failed(err, folder, fd, "open the folder");
    rc = flags & DURA_FILES_READONLY ? 0 : durai_io_lock(fd);
    if (rc) {
        close(fd);
        return open_failed(err, folder, rc, "lock the folder");
    }
    f->folder = fd;
    return DURA_OK;
}

/* Remove segment files from `index` on; they are made in order, so the first that is
 * missing is the end. */
static int remove_from(dura_files *f, uint32_t index)
{
    char name[16];
    for (int i = 0; i < DURA_FILES_SLOTS; i++)
        if (f->slot[i].fd >= 0 && f->slot[i].index >= index)
            slot_close(&f->slot[i]);
    for (; index < SEGMENTS_MAX; index++) {
        segment_name(name, index);
        if (unlinkat(f->folder, name, 0) == 0)
            f->folder_dirty = 1;
        else
            return errno == ENOENT ? 0 : failed(f, index, durai_io_code());
    }
    return 0;
}

int dura_files_trim(dura_files *f, uint64_t end)
{
    int rc = writable(f, end, 0);
    if (rc)
        return failed(f, 0, rc);
    uint32_t index = (uint32_t)(end / f->region.erase_size), at = (uint32_t)(end % f->region.erase_size);
    if (at) {
        dura_files_slot *s = NULL;
        rc = slot_open(f, index, 0, &s);
        if (rc == 0 && s->length > at) {
            if (ftruncate(s->fd, (off_t)at) < 0)
                rc = durai_io_code();
            else
                s->length = at;
            s->dirty = 1;
        }
        if (rc)
            return failed(f, index, rc);
        index++;
    }
    rc = remove_from(f, index);
    return rc ? rc : files_sync(f);
}

int dura_files_close(dura_files *f)
{
    if (!f || f->folder < 0 || !f->region.user)
        return DURA_OK;
    int rc = files_sync(f);
    for (int i = 0; i < DURA_FILES_SLOTS; i++)
        slot_close(&f->slot[i]);
    close(f->folder);
    f->folder = -1;
    return rc;
}

int dura_files_error(const dura_files *f, dura_error *err)
{
    char path[DURA_STORAGE_PATH_MAX + 20], name[16];
    if (!f->code)
        return 0;
    segment_name(name, f->failed);
    snprintf(path, sizeof path, "%s/%s", f->path, name);
    durai_io_error(err, DURA_EIO, path, f->code, f->broken ? "sync" : "read or write");
    return f->code;
}

/* ---- one file -------------------------------------------------------------------------- */

static int file_done(dura_file *f, int rc)
{
    if (rc)
        f->code = rc;
    return rc;
}

static int file_outside(const dura_file *f, uint64_t off, size_t len)
{
    return off > f->region.size || len > f->region.size - off;
}

static int file_read(void *user, uint64_t off, void *buf, size_t len)
{
    dura_file *f = user;
    return file_done(f, file_outside(f, off, len) ? DURA_EINVAL : durai_io_read(f->fd, off, buf, len));
}

static int file_writable(const dura_file *f, uint64_t off, size_t len)
{
    if (f->broken)
        return f->broken;
    if (f->flags & DURA_FILES_READONLY)
        return -(DURAI_IO_BASE + EROFS);
    return file_outside(f, off, len) ? DURA_EINVAL : 0;
}

static int file_prog(void *user, uint64_t off, const void *buf, size_t len)
{
    dura_file *f = user;
    int rc = file_writable(f, off, len);
    if (rc == 0) {
        f->dirty = 1;
        rc = durai_io_write(f->fd, off, buf, len);
    }
    return file_done(f, rc);
}

static int file_erase(void *user, uint64_t off, size_t len)
{
    dura_file *f = user;
    int rc = file_writable(f, off, len);
    if (rc == 0 && (off % f->region.erase_size || len % f->region.erase_size))
        rc = DURA_EINVAL;
    if (rc == 0) {
        f->dirty = 1;
        rc = durai_io_zero(f->fd, off, off + len);
    }
    return file_done(f, rc);
}

static int file_sync(void *user)
{
    dura_file *f = user;
    if (f->broken || !f->dirty)
        return f->broken;
    int rc = durai_io_datasync(f->fd);
    f->broken = rc;
    if (rc == 0)
        f->dirty = 0;
    return file_done(f, rc);
}

/* Sync the folder a path lies in, so that the name survives. */
static int sync_parent(const char *path)
{
    char parent[DURA_STORAGE_PATH_MAX];
    const char *slash = strrchr(path, '/');
    size_t n = slash ? (size_t)(slash - path) + 1 : 0;
    DURA_ASSERT(n + 1 < sizeof parent);
    memcpy(parent, n ? path : ".", n ? n : 1);
    parent[n ? n : 1] = '\0';
    int fd = open(parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return durai_io_code();
    int rc = durai_io_sync(fd);
    close(fd);
    return rc;
}

/* Check the length of an open file; complete one whose creation was cut. */
static int complete(dura_file *f, dura_error *err)
{
    struct stat st;
    DURA_ASSERT(f->fd >= 0);
    int rc = fstat(f->fd, &st) < 0 ? durai_io_code() : 0;
    uint64_t have = rc ? 0 : (uint64_t)st.st_size;
    if (have > f->region.size)
        return dura_error_set(err, DURA_ECORRUPT, f->path, 0, NULL,
                              "has %llu bytes where %llu are expected; it belongs to another policy",
                              (unsigned long long)have, (unsigned long long)f->region.size);
    if (rc == 0 && have < f->region.size && !(f->flags & DURA_FILES_READONLY)) {
        rc = durai_io_zero(f->fd, have, f->region.size);
        if (rc == 0)
            rc = durai_io_sync(f->fd);
        if (rc == 0)
            rc = sync_parent(f->path);
    }
    return rc ? durai_io_error(err, DURA_EIO, f->path, rc, "create the file") : DURA_OK;
}

static void fill_file_region(dura_file *f, uint64_t size, uint32_t erase_size)
{
    f->region.struct_size = (uint32_t)sizeof f->region;
    f->region.erase_size = erase_size;
    f->region.prog_size = 1;
    f->region.size = size;
    f->region.user = f;
    f->region.read = file_read;
    f->region.prog = file_prog;
    f->region.erase = file_erase;
    f->region.sync = file_sync;
}

int dura_file_open(dura_file *f, const char *path, uint64_t size, uint32_t erase_size, uint32_t flags,
                   dura_error *err)
{
    if (!f || !power_of_two(erase_size, 64, 1u << 26) || !size || size % erase_size || size > FILE_MAX ||
        (flags & ~(uint32_t)(DURA_FILES_CREATE | DURA_FILES_READONLY)))
        return dura_error_set(err, DURA_EINVAL, path, 0, NULL,
                              "the size must be a multiple of erase_size, a power of two from 64 on");
    memset(f, 0, sizeof *f);
    f->fd = -1;
    int rc = take_path(f->path, path, err);
    if (rc)
        return rc;
    f->flags = flags;
    fill_file_region(f, size, erase_size);
    int access = flags & DURA_FILES_READONLY ? O_RDONLY : O_RDWR;
    int fd = durai_io_open(AT_FDCWD, path, access | (flags & DURA_FILES_CREATE ? O_CREAT : 0), 0600);
    if (fd < 0)
        return open_failed(err, path, fd, "open the file");
    f->fd = fd;
    rc = flags & DURA_FILES_READONLY ? 0 : durai_io_lock(fd);
    rc = rc ? open_failed(err, path, rc, "lock the file") : complete(f, err);
    if (rc) {
        close(fd);
        f->fd = -1;
    }
    return rc;
}

int dura_file_close(dura_file *f)
{
    if (!f || f->fd < 0 || !f->region.user)
        return DURA_OK;
    int rc = file_sync(f);
    close(f->fd);
    f->fd = -1;
    return rc;
}

int dura_file_error(const dura_file *f, dura_error *err)
{
    if (!f->code)
        return 0;
    durai_io_error(err, DURA_EIO, f->path, f->code, f->broken ? "sync" : "read or write");
    return f->code;
}
