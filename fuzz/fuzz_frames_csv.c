/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as a recording: header, quotes, numbers, times by content and by a format. */
#include <dura/host/frames.h>

#include "fuzz_frames.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    feed("", data, size, NULL);
    feed("time,a,b\n", data, size, "%d/%m/%y %H:%M:%S.%f");
    return 0;
}
