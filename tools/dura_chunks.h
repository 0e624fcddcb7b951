/* SPDX-License-Identifier: Apache-2.0 */
/* A subject of any length against its release, a chunk at a time. */
#ifndef DURA_CHUNKS_H
#define DURA_CHUNKS_H

#include "dura_args.h"

#include <dura/host/release.h>

/* Is `subject` what the release in this envelope is about? With `release`.chunks beside it, when the
 * release signs a tree, a wrong chunk ends it; else the whole is read. *why: 0 or DURA_WHY_DIGEST,
 * DURA_WHY_INCOMPLETE, and more says which; *looked: bytes read. A DURA_E* code of files. */
int chunks_check(const char *subject, const char *release, const uint8_t *envelope, size_t len, uint32_t *why, uint64_t *looked,
                 dura_error *more);

#endif
