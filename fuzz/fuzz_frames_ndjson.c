/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes behind a good first object, and as the first object. */
#include <dura/host/frames.h>

#include "fuzz_frames.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    feed("{\"time\":1,\"a\":1,\"b\":2}\n", data, size, NULL);
    feed("{", data, size, NULL);
    return 0;
}
