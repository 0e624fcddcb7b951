/* SPDX-License-Identifier: Apache-2.0 */
/* Another major, as it might be: the entry is what it was, the table is not. */
#ifndef DURA_KEPT_2_0_BACKEND_EXT_H
#define DURA_KEPT_2_0_BACKEND_EXT_H

#include "../../1.0/dura/backend_ext.h"

#undef DURA_BACKEND_MAJOR
#define DURA_BACKEND_MAJOR 2
#undef DURA_BACKEND_MINOR
#define DURA_BACKEND_MINOR 0

/* Calls moved and took other arguments: read as a table of major 1 it crashes. */
typedef struct dura_backend_2 {
    uint32_t struct_size;
    uint16_t abi_major;
    uint16_t abi_minor_needed;
    uint64_t features;
    const char *id;
    int32_t (*run)(void *inst, const dura_tensor_data *in, dura_tensor_data *out);
    void *gone[8];
} dura_backend_2;

#endif
