/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as a policy or a model. What is refused says why; what is accepted becomes an
 * image that the device's reader accepts, twice the same.
 */
#include <dura/host/pack.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void want(int ok)
{
    if (!ok)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    void *image, *again;
    size_t len, len_again, n;
    int kind = 0, found = 0;
    dura_error e;
    int rc = dura_pack_json((const char *)data, size, "fuzz", &image, &len, &kind, &e);
    if (rc < 0) {
        want(image == NULL && len == 0 && e.code == rc && e.text[0]);
        return 0;
    }
    want(len % 8 == 0 && dura_pack_check(image, len, &found) == DURA_OK && found == kind);
    want(dura_pack_names(image, len, DURA_NAMES_INPUTS, NULL, NULL, 0, &n) == DURA_OK && n >= 1);
    want(dura_pack_json((const char *)data, size, NULL, &again, &len_again, NULL, NULL) == DURA_OK);
    want(len == len_again && memcmp(image, again, len) == 0);
    dura_pack_deinit(image);
    dura_pack_deinit(again);
    return 0;
}
