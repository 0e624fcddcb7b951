/* SPDX-License-Identifier: Apache-2.0 */
/* What a vendor writes first: the header is found, the library links and is the same one. */
#include <dura/dura.h>
#include <stdio.h>
#include <string.h>

int main(void)
{
    size_t rows = 0;
    if (dura_abi() != DURA_ABI || strcmp(dura_version(), DURA_VERSION) != 0)
        return 1;
    if (!dura_layout(&rows) || rows == 0 || !dura_backend_fn())
        return 1;
    printf("dura %s, ABI %u: %s\n", dura_version(), (unsigned)dura_abi(), dura_strerror(DURA_OK));
    return 0;
}
