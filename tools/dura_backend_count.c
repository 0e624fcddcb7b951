/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Counts what a plug-in allocates and locks. A name the program defines comes before the C
 * library's for everything that is linked behind it, so malloc and pthread_mutex_lock here
 * are what the plug-in calls. glibc only, and not under a sanitizer, which does the same.
 */
#define _GNU_SOURCE
#include "dura_backend.h"

#include <features.h>
#include <stdlib.h>

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) || __has_feature(memory_sanitizer)
#define KIT_SANITIZED 1
#endif
#endif

#if defined(__GLIBC__) && !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__) && !defined(KIT_SANITIZED)

#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>

#define KIT_SHOWN __attribute__((visibility("default")))

extern void *__libc_malloc(size_t n);
extern void *__libc_calloc(size_t n, size_t size);
extern void *__libc_realloc(void *p, size_t n);
extern void *__libc_memalign(size_t align, size_t n);
extern void __libc_free(void *p);

KIT_SHOWN void *malloc(size_t n);
KIT_SHOWN void *calloc(size_t n, size_t size);
KIT_SHOWN void *realloc(void *p, size_t n);
KIT_SHOWN void *aligned_alloc(size_t align, size_t n);
KIT_SHOWN int posix_memalign(void **p, size_t align, size_t n);
KIT_SHOWN void free(void *p);

static int counting;
static int64_t taken, given, locked;
static int (*real_lock)(pthread_mutex_t *m);

static void count(int64_t *which)
{
    if (__atomic_load_n(&counting, __ATOMIC_RELAXED))
        __atomic_fetch_add(which, 1, __ATOMIC_RELAXED);
}

void *malloc(size_t n)
{
    count(&taken);
    return __libc_malloc(n);
}

void *calloc(size_t n, size_t size)
{
    count(&taken);
    return __libc_calloc(n, size);
}

void *realloc(void *p, size_t n)
{
    count(&taken);
    if (p)
        count(&given);
    return __libc_realloc(p, n);
}

void *aligned_alloc(size_t align, size_t n)
{
    count(&taken);
    return __libc_memalign(align, n);
}

int posix_memalign(void **p, size_t align, size_t n)
{
    count(&taken);
    *p = __libc_memalign(align, n);
    return *p ? 0 : ENOMEM;
}

void free(void *p)
{
    if (p)
        count(&given);
    __libc_free(p);
}

KIT_SHOWN int pthread_mutex_lock(pthread_mutex_t *m)
{
    if (!real_lock) {
        void *found = dlsym(RTLD_NEXT, "pthread_mutex_lock");
        __builtin_memcpy(&real_lock, &found, sizeof real_lock);
    }
    count(&locked);
    return real_lock ? real_lock(m) : ENOSYS;
}

void kit_count_start(void)
{
    taken = given = locked = 0;
    __atomic_store_n(&counting, 1, __ATOMIC_SEQ_CST);
}

void kit_count_stop(int64_t *allocations, int64_t *kept, int64_t *locks)
{
    __atomic_store_n(&counting, 0, __ATOMIC_SEQ_CST);
    *allocations = taken;
    *kept = taken - given;
    *locks = locked;
}

#else

void kit_count_start(void) {}

void kit_count_stop(int64_t *allocations, int64_t *kept, int64_t *locks) { *allocations = *kept = *locks = -1; }

#endif
