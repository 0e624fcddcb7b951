/* SPDX-License-Identifier: Apache-2.0 */
/* A subject of any length against its release: one buffer of a chunk, nothing on the heap. */
#include "dura_chunks.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static int read_tree(void *user, uint64_t off, void *p, size_t n)
{
    return pread(*(const int *)user, p, n, (off_t)off) == (ssize_t)n ? DURA_OK : DURA_ECORRUPT;
}

/* Up to a whole chunk, less at the end of the file. Bytes; < 0: errno says why. */
static ssize_t read_chunk(int fd, uint8_t *p)
{
    size_t n = 0;
    while (n < DURA_CHUNK_BYTES) {
        ssize_t k = read(fd, p + n, DURA_CHUNK_BYTES - n);
        if (k < 0 && errno == EINTR)
            continue;
        if (k <= 0)
            return k < 0 ? k : (ssize_t)n;
        n += (size_t)k;
    }
    return (ssize_t)n;
}

static uint32_t wrong(dura_error *more, const char *subject, uint64_t at, int rc)
{
    if (rc == DURA_ECORRUPT)
        (void)dura_error_set(more, rc, subject, 0, NULL, "the chunk at byte %" PRIu64 " is not what was signed", at);
    else
        (void)dura_error_set(more, rc, subject, 0, NULL, "the tree over its chunks is not the one that was signed");
    return DURA_WHY_DIGEST;
}

static int follow(dura_chunks *c, int fd, const char *subject, const dura_release *r, uint32_t *why, uint64_t *looked, dura_error *more)
{
    static uint8_t buffer[DURA_CHUNK_BYTES];
    uint8_t digest[DURA_HASH_BYTES];
    ssize_t n;
    while ((n = read_chunk(fd, buffer)) > 0) {
        uint64_t left = r->length - *looked;
        int rc = (uint64_t)n > left ? DURA_ELIMIT : (uint64_t)n < left && n < (ssize_t)DURA_CHUNK_BYTES ? DURA_ENOENT : DURA_OK;
        if (rc == DURA_OK)
            rc = dura_chunks_next(c, buffer, (size_t)n);
        *looked += (uint64_t)n;
        if (rc == DURA_ENOENT)
            break;
        if (rc == DURA_ELIMIT)
            *why = DURA_WHY_DIGEST;
        else if (rc < 0)
            *why = wrong(more, subject, *looked - (uint64_t)n, rc);
        if (rc < 0)
            return DURA_OK;
    }
    if (n < 0)
        return dura_error_set(more, DURA_EIO, subject, 0, NULL, "cannot be read: %s", strerror(errno));
    if (*looked < r->length)
        *why = DURA_WHY_INCOMPLETE | DURA_WHY_DIGEST;
    else if (dura_chunks_digest(c, digest) != DURA_OK || memcmp(digest, r->digest, sizeof digest) != 0)
        *why = DURA_WHY_DIGEST;
    return DURA_OK;
}

int chunks_check(const char *subject, const char *release, const uint8_t *envelope, size_t len, uint32_t *why, uint64_t *looked,
                 dura_error *more)
{
    char path[4096];
    const void *payload;
    size_t n;
    uint8_t root[DURA_HASH_BYTES];
    dura_release r = DURA_RELEASE_INIT;
    dura_chunks c;
    int tree = -1;
    *why = 0;
    *looked = 0;
    if (dura_envelope_open(envelope, len, &payload, &n, NULL) != DURA_OK || dura_release_decode(payload, n, &r) != DURA_OK)
        return dura_error_set(more, DURA_ECORRUPT, release, 0, NULL, "holds no release this build knows");
    int fd = open(subject, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return dura_error_set(more, DURA_EIO, subject, 0, NULL, "cannot be opened: %s", strerror(errno));
    if (dura_chunks_root(payload, n, root) == DURA_OK && snprintf(path, sizeof path, "%s.chunks", release) < (int)sizeof path)
        tree = open(path, O_RDONLY | O_CLOEXEC);
    int rc = dura_chunks_open(&c, tree >= 0 ? root : NULL, r.length, read_tree, &tree);
    if (rc != DURA_OK && tree >= 0)
        rc = dura_error_set(more, rc, path, 0, NULL, "is no tree over a subject of this length");
    if (rc == DURA_OK)
        rc = follow(&c, fd, subject, &r, why, looked, more);
    if (tree >= 0)
        close(tree);
    close(fd);
    return rc;
}
