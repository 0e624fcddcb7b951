/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dura/host/backend.h - load a plug-in that holds a backend; run one in a process of its own.
 *
 *   dura_plugin_digest (once, when the plug-in is accepted) ... dura_plugin_load ->
 *   dura_plugin_model -> dura_guard_init ... -> dura_plugin_unload
 *
 * A plug-in is code in the box. It is named by an absolute path and the SHA-256 of its
 * bytes, never searched for. The file is read once into sealed memory, the digest is taken
 * of that memory and that memory is what is linked: whoever swaps or rewrites the file in
 * between changes nothing. Libraries it needs are found by the system's linker; say
 * their digests elsewhere, or link them in. Linux; elsewhere DURA_ENOTSUP.
 *
 * A model's bytes reach nobody before their digest was compared: dura_plugin_model does it,
 * and the guard does it again against the gate record.
 *
 * A loader that parses an unsound model may crash. dura_backend_isolated() is a backend that
 * opens another one in a child process: what crashes or hangs there is a code here.
 * Unstable until 1.0.
 */
#ifndef DURA_HOST_BACKEND_H
#define DURA_HOST_BACKEND_H

#include <dura/backend_ext.h>
#include <dura/host/error.h>
#include <dura/port.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct dura_plugin dura_plugin;        /* on the heap; unload releases it */

/** SHA-256 of a file as dura_plugin_load would see it.
 *  returns  DURA_OK; DURA_EINVAL (no absolute path, no regular file), DURA_ENOENT,
 *           DURA_ELIMIT (over 1 GiB), DURA_EIO.                       [any] O(bytes) */
DURA_API DURA_CHECK int dura_plugin_digest(const char *path, uint8_t digest[DURA_HASH_BYTES], dura_error *err);

/** May a host of this major and minor use what the entry offers? Looks, calls nothing.
 *  Same major and a minor not below what the plug-in needs; else the text names both.
 *  returns  DURA_OK; DURA_ECORRUPT (magic, size), DURA_EVERSION, DURA_EINVAL (no id, version
 *           or query; host of no extensions).                           [any] O(1) */
DURA_API DURA_CHECK int dura_plugin_meet(const dura_backend_entry *entry, const dura_backend_host *host,
                                         const char *path, dura_error *err);

/** Load the plug-in at `path` when its bytes have this digest, and ask it for its table.
 *  host is borrowed until unload; NULL: this library, major 1, minor DURA_BACKEND_MINOR,
 *  without extensions. The linker's own words are in the error.
 *  returns  DURA_OK; as digest and meet; DURA_EAUTH (another digest: nothing of it ran),
 *           DURA_ENOENT (linker), DURA_ESYNTAX (no entry), DURA_ENOTSUP (it wants no such
 *           host; no sealed memory here), DURA_ENOSPC. On error *out is NULL.
 *                                                    [init] O(bytes), its constructors */
DURA_API DURA_CHECK int dura_plugin_load(dura_plugin **out, const char *path, const uint8_t digest[DURA_HASH_BYTES],
                                         const dura_backend_host *host, dura_error *err);

/** The table of a loaded plug-in; until unload.                             [any] O(1) */
DURA_API DURA_CHECK const dura_backend *dura_plugin_backend(const dura_plugin *p);

/** Its entry, for id, version and features; until unload.                   [any] O(1) */
DURA_API DURA_CHECK const dura_backend_entry *dura_plugin_entry(const dura_plugin *p);

/** Close no instance before, and none is left open. NULL is allowed.       [init] O(1) */
DURA_API void dura_plugin_unload(dura_plugin *p);

/** *out as a guard wants it, when the image has this digest; before, no byte of it is looked
 *  at by anyone. Everything is borrowed.
 *  returns  DURA_OK; DURA_EINVAL, DURA_EAUTH.                         [any] O(image_len) */
DURA_API DURA_CHECK int dura_plugin_model(dura_model *out, const dura_backend *backend, const void *config,
                                          const void *image, size_t image_len,
                                          const uint8_t digest[DURA_HASH_BYTES], dura_error *err);

/* ---- in a process of its own -------------------------------------------------------- */

/* config of dura_backend_isolated. Either path and digest, or backend. */
typedef struct dura_isolated {
    uint32_t struct_size;
    uint32_t load_ms;               /* open may take so long; 0: 10000 */
    uint32_t run_us;                /* a run may take so long when the guard named no
                                       deadline; 0: 100000 */
    uint32_t memory_mib;            /* address space of the child; 0: no limit */
    const char *path;               /* of the plug-in; it is loaded in the child alone */
    const uint8_t *plugin_digest;   /* 32 bytes */
    const uint8_t *image_digest;    /* 32 bytes; NULL: whoever calls has checked */
    const dura_backend *backend;    /* one that is linked in; path is NULL then */
    const void *config;             /* for the inner backend */
} dura_isolated;
#define DURA_ISOLATED_INIT { (uint32_t)sizeof(dura_isolated), 0, 0, 0, NULL, NULL, NULL, NULL, NULL }

/** A backend that opens another one in a child process and talks to it over shared memory.
 *  open forks: do it before there are threads. run writes one byte and waits for one: it
 *  does system calls, so it is for loops that can pay for them (docs/backend.md). A run that
 *  comes too late is DURA_ETIME and the child is killed; a child that died is DURA_EIO; both
 *  last until close. The child has no files but its own, may gain no privileges, and dies
 *  with its parent.                                                      [any] O(1) */
DURA_API DURA_CHECK const dura_backend *dura_backend_isolated(void);

#ifdef __cplusplus
}
#endif
#endif
