/* SPDX-License-Identifier: Apache-2.0 */
/* Whole small files, for the host's own sources. Errors name the file. */
#ifndef DURA_HOST_FILES_PRIV_H
#define DURA_HOST_FILES_PRIV_H

#include <dura/host/error.h>

/* A heap copy, zero-terminated behind n bytes; NULL when there is no memory. */
void *durai_host_copy(const void *p, size_t n);

/* folder/name into buf; 0 when it does not fit. */
size_t durai_host_join(char *buf, size_t cap, const char *folder, const char *name);

/* A whole file of at most 64 MiB, zero-terminated behind it; free() it.
 * DURA_ENOENT, DURA_EIO, DURA_ELIMIT, DURA_ENOSPC. */
int durai_host_read(const char *path, uint8_t **out, size_t *len, dura_error *err);
int durai_host_read_in(const char *folder, const char *name, uint8_t **out, size_t *len, dura_error *err);

/* A new file with these bytes, durable; an old one of that name is replaced as a whole. */
int durai_host_write_in(const char *folder, const char *name, const void *p, size_t n, dura_error *err);
int durai_host_write_secret(const char *folder, const char *name, const void *p, size_t n, dura_error *err); /* 0600 */

/* A model's JSON packed, or a packed image as it is. free() it. */
int durai_host_load_model(const char *path, uint8_t **image, size_t *len, dura_error *err);

/* ns since 1970 as "2026-11-23T05:28:50.000000000Z" into buf (31 bytes are enough); 0 when
 * it does not fit. */
int durai_host_iso8601(int64_t ns, char *buf, size_t n);

#endif
