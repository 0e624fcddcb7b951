/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The few file operations that storage and keys share, done right once: whole reads and
 * writes, durable folders, files that appear whole or not at all.
 *
 * Everything works relative to a folder descriptor, so that a path is resolved once and
 * a renamed folder cannot lead a write elsewhere. Calls return 0 or -(1000 + errno).
 */
#ifndef DURA_HOST_STORAGE_IO_H
#define DURA_HOST_STORAGE_IO_H

#include <dura/host/error.h>
#include <stddef.h>
#include <stdint.h>

#define DURAI_IO_BASE 1000

/* The code for errno now. */
int durai_io_code(void);
/* The errno inside a code, or 0 when it is none of ours. */
int durai_io_errno(int code);
/* Fill *err for a system error: path, what was tried, reason, advice. Returns code. */
int durai_io_error(dura_error *err, int code, const char *path, int io, const char *what);

/* Open a regular file in `folder` (or a path, folder = AT_FDCWD): no symbolic links, no
 * devices, no wait on a pipe. The descriptor, or a code. */
int durai_io_open(int folder, const char *name, int flags, unsigned mode);
/* Open a folder, no symbolic link as its last part. */
int durai_io_folder(int at, const char *path);
/* All n bytes, whatever signals do. What lies behind the end reads as zero. */
int durai_io_read(int fd, uint64_t off, void *buf, size_t n);
int durai_io_write(int fd, uint64_t off, const void *buf, size_t n);
int durai_io_zero(int fd, uint64_t from, uint64_t to);
int durai_io_datasync(int fd);
int durai_io_sync(int fd);
/* Exclusive lock, no waiting: 0, DURA_ESTATE (somebody has it), a code. */
int durai_io_lock(int fd);
/* mkdir one level; 0 when made, 1 when it was there already. Made durable. */
int durai_io_mkdir(int at, const char *path, unsigned mode);
/* As mkdir -p; every part made has mode 0700. */
int durai_io_mkdirs(const char *path);

/* A small text file: whole into buf, terminated. Length, DURA_ENOENT, DURA_ELIMIT (does
 * not fit, or holds a NUL), a code. */
int durai_io_load(int folder, const char *name, char *buf, size_t cap);
/* Put a new file there, durable when this returns; never over an existing one. */
int durai_io_put(int folder, const char *name, unsigned mode, const void *p, size_t n);

#endif
