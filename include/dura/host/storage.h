/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dura/host/storage.h - storage regions on POSIX files.
 *
 *   dura_files_open -> &f->region into a dura_port ... -> dura_files_trim -> dura_files_close
 *   dura_file_open  -> &f->region ... -> dura_file_close
 *
 * `files` is a log region: a folder with one file per segment (docs/formats/log.md,
 * section 1). `file` is a small region of fixed size in one file, for NV and journal.
 * Erased bytes are 0x00, so a file that was never written reads as erased.
 *
 * Nothing is durable before sync: it calls fdatasync on what was written and fsync on
 * the folder when files came or went. A sync that failed is final: the kernel may have
 * dropped the pages, so asking again would lie. Every later write and sync then returns
 * the same code; reopening shows what is really there.
 *
 * Hooks return -(1000 + errno); the _error calls say it in words. Folders are made with
 * mode 0700, files 0600; a symbolic link in place of either is refused.
 *
 * Memory: yours, no allocation; an opened struct may not be moved. Unstable until 1.0.
 */
#ifndef DURA_HOST_STORAGE_H
#define DURA_HOST_STORAGE_H

#include <dura/host/error.h>
#include <dura/port.h>

#ifdef __cplusplus
extern "C" {
#endif

#define DURA_STORAGE_PATH_MAX 1024   /* bytes of a path, terminator included */
#define DURA_FILES_SLOTS 4           /* segment files held open at a time */

enum {
    DURA_FILES_CREATE = 1,     /* make the folder or file when it is not there */
    DURA_FILES_READONLY = 2    /* no lock, prog and erase are refused; a log that is being
                                  written can be read */
};

/* One segment file held open. */
typedef struct dura_files_slot {
    int32_t  fd;           /* -1: free */
    uint32_t index;        /* segment */
    uint32_t used;         /* when it was used last */
    uint32_t dirty;        /* 1: written since the last sync */
    uint64_t length;       /* bytes in the file */
} dura_files_slot;

typedef struct dura_files {
    dura_region region;    /* hand &f->region to a dura_port */
    int32_t  folder;       /* descriptor, holds the lock; -1: closed */
    int32_t  code;         /* of the last hook that failed */
    int32_t  broken;       /* code of the sync that failed; 0: none */
    uint32_t flags;
    uint32_t clock;        /* for `used` */
    uint32_t folder_dirty; /* files came or went since the last sync */
    uint32_t failed;       /* segment `code` is about */
    uint32_t reserved;     /* 0 */
    dura_files_slot slot[DURA_FILES_SLOTS];
    char path[DURA_STORAGE_PATH_MAX];   /* the folder, for messages */
} dura_files;

/** Open a segment folder. segment_bytes: power of two, 4096..2^26; becomes erase_size.
 *  The folder is locked against a second writer as long as it is open (flock on the
 *  folder itself: no file is added).
 *  returns  DURA_OK; DURA_EINVAL; DURA_ELIMIT (path too long); DURA_ENOENT (no folder,
 *           and not CREATE); DURA_ESTATE (another process, or this one, writes it);
 *           DURA_EIO. err names the folder.                                  [init] */
DURA_API DURA_CHECK int dura_files_open(dura_files *f, const char *folder, uint32_t segment_bytes,
                                        uint32_t flags, dura_error *err);

/** Clean end: cut the file that holds offset `end` off there and remove what lies behind,
 *  durably. end is what dura_log_status says was used.
 *  returns  DURA_OK; a hook's code.                       [serial] O(segments behind) */
DURA_API DURA_CHECK int dura_files_trim(dura_files *f, uint64_t end);

/** Sync and release. f may be zero or closed.
 *  returns  DURA_OK; a hook's code: what was not synced may not be there.   [serial] */
DURA_API int dura_files_close(dura_files *f);

/** Say in *err what the last failing hook met: file, reason, what to do. Returns its
 *  code, 0 when none failed.                                            [serial] O(1) */
DURA_API int dura_files_error(const dura_files *f, dura_error *err);

typedef struct dura_file {
    dura_region region;    /* hand &f->region to a dura_port */
    int32_t  fd;           /* holds the lock; -1: closed */
    int32_t  code;         /* of the last hook that failed */
    int32_t  broken;       /* code of the sync that failed; 0: none */
    uint32_t flags;
    uint32_t dirty;
    uint32_t reserved;     /* 0 */
    char path[DURA_STORAGE_PATH_MAX];
} dura_file;

/** Open a region of `size` bytes in one file. erase_size: power of two, 64..2^26; size a
 *  multiple of it, at most 2^30. A shorter file is completed with erased bytes (creation was cut).
 *  returns  DURA_OK; DURA_EINVAL; DURA_ELIMIT; DURA_ENOENT; DURA_ESTATE; DURA_ECORRUPT
 *           (the file is longer); DURA_EIO. err names the file.        [init] O(size) */
DURA_API DURA_CHECK int dura_file_open(dura_file *f, const char *path, uint64_t size,
                                       uint32_t erase_size, uint32_t flags, dura_error *err);

/** As dura_files_close.                                                    [serial] */
DURA_API int dura_file_close(dura_file *f);

/** As dura_files_error.                                               [serial] O(1) */
DURA_API int dura_file_error(const dura_file *f, dura_error *err);

/** Words for any code a storage hook, or any dura call, may return.     [any] O(1) */
DURA_API DURA_CHECK const char *dura_storage_strerror(int code);

#ifdef __cplusplus
}
#endif
#endif
