/* SPDX-License-Identifier: Apache-2.0 */
/* A later minor, as it might be: one more extension, tables and entry untouched. */
#ifndef DURA_KEPT_1_3_BACKEND_EXT_H
#define DURA_KEPT_1_3_BACKEND_EXT_H

#include "../../1.0/dura/backend_ext.h"

#undef DURA_BACKEND_MINOR
#define DURA_BACKEND_MINOR 3

#define DURA_EXT_TRACE "dura.trace/1"
typedef struct dura_ext_trace {
    uint32_t struct_size;
    uint32_t reserved;
    uint32_t (*runs)(const void *inst);                                          /* [any] */
} dura_ext_trace;

#endif
