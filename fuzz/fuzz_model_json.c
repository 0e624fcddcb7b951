/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any text as a model, linear or saved by XGBoost. What is refused says why; what is packed
 * is accepted by the check, opens as a model, runs, and packs to the same bytes again.
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

static void run(const void *image, size_t len)
{
    static float x[DURA_MODEL_INPUTS_MAX], y[DURA_OUTPUTS_MAX];
    dura_model m = DURA_MODEL_INIT;
    dura_fn fn = DURA_FN_INIT;
    dura_backend_io io = DURA_BACKEND_IO_INIT;
    uint64_t inst[16];
    size_t bytes, align, n;
    want(dura_model_open(&m, &fn, image, len) == DURA_OK);
    want(m.backend->mem_req(m.config, m.image, len, &bytes, &align) == DURA_OK && bytes <= sizeof inst);
    want(m.backend->open(inst, m.config, m.image, len) == DURA_OK && m.backend->io(inst, &io) == DURA_OK);
    want(m.backend->run(inst, x, io.n_inputs, y, io.n_outputs, 0) == DURA_OK);
    want(dura_pack_names(image, len, DURA_NAMES_INPUTS, NULL, NULL, 0, &n) == DURA_OK && n == io.n_inputs);
    want(dura_pack_names(image, len, DURA_NAMES_OUTPUTS, NULL, NULL, 0, &n) == DURA_OK && n == io.n_outputs);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    void *image, *again;
    size_t len, len_again;
    int kind = DURA_PACK_NONE;
    dura_error e;
    int rc = dura_pack_model((const char *)data, size, "fuzz", &image, &len, &e);
    if (rc < 0) {
        want(image == NULL && len == 0 && e.code == rc && e.text[0]);
        return 0;
    }
    want(len % 8 == 0 && dura_pack_check(image, len, &kind) == DURA_OK);
    want(kind == DURA_PACK_LINEAR || kind == DURA_PACK_TREES);
    run(image, len);
    want(dura_pack_model((const char *)data, size, NULL, &again, &len_again, NULL) == DURA_OK);
    want(len == len_again && memcmp(image, again, len) == 0);
    dura_pack_deinit(image);
    dura_pack_deinit(again);
    return 0;
}
