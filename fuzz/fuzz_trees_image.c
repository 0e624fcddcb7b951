/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as an image of trees, as they are and with length and checksum repaired, as an
 * enemy would. What is accepted runs inside its bytes whatever the inputs are, says the
 * same twice, and is what open accepts; a flipped bit of it is refused. Taken apart, its
 * contributions add up to the last bit; the row lies within the bounds of its box.
 */
#include <dura/backend.h>
#include <dura/host/bound.h>
#include <dura/host/pack.h>
#include <dura/host/shap.h>

#include <stdlib.h>
#include <string.h>

#include "base/dura_base_priv.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void want(int ok)
{
    if (!ok)
        abort();
}

/* Inputs out of the image's own bytes: NaN, infinities and thresholds are among them. */
static void fill(float *x, size_t n, const uint8_t *p, size_t size, size_t at)
{
    size_t i;
    for (i = 0; i < n; i++)
        x[i] = durai_f32(durai_le32(p + (at + 4 * i) % (size - 3)));
}

static void run(const uint8_t *p, size_t size)
{
    static float x[DURA_MODEL_INPUTS_MAX], y[2][DURA_OUTPUTS_MAX];
    const dura_backend *b = dura_backend_trees();
    dura_backend_io io = DURA_BACKEND_IO_INIT;
    uint64_t inst[2];
    size_t bytes, align, at;
    want(b->mem_req(NULL, p, size, &bytes, &align) == DURA_OK && bytes <= sizeof inst && align <= 8);
    want(b->open(inst, NULL, p, size) == DURA_OK && b->io(inst, &io) == DURA_OK);
    want(io.n_inputs >= 1 && io.n_inputs <= DURA_MODEL_INPUTS_MAX);
    want(io.n_outputs >= 1 && io.n_outputs <= DURA_OUTPUTS_MAX);
    for (at = 0; at < 4; at++) {
        fill(x, io.n_inputs, p, size, at * 7);
        want(b->run(inst, x, io.n_inputs, y[0], io.n_outputs, 0) == DURA_OK);
        want(b->run(inst, x, io.n_inputs, y[1], io.n_outputs, 0) == DURA_OK);
        want(memcmp(y[0], y[1], io.n_outputs * sizeof(float)) == 0);
    }
}

static void adds_up(const double *phi, size_t n, double base, double margin)
{
    double up = base, down = 0;
    size_t i;
    for (i = 0; i < n; i++) {
        up += phi[i];
        down += phi[n - 1 - i];
    }
    want(up <= margin && up >= margin && down + base <= margin && down + base >= margin);
}

static void take_apart(const uint8_t *p, size_t size)
{
    static float x[DURA_MODEL_INPUTS_MAX], other[DURA_MODEL_INPUTS_MAX];
    static double phi[DURA_MODEL_INPUTS_MAX * DURA_OUTPUTS_MAX];
    double base[DURA_OUTPUTS_MAX], margin[DURA_OUTPUTS_MAX];
    size_t n_in = durai_le16(p + 12), n_out = durai_le16(p + 6), k, i;
    dura_shap *s;
    if (dura_shap_open(&s, p, size, NULL) != DURA_OK)
        return;
    fill(x, n_in, p, size, 0);
    fill(other, n_in, p, size, 9);
    for (i = 0; i < n_in; i++) {
        x[i] = durai_finite(x[i]) ? x[i] : durai_f32(0x7FC00000u);
        other[i] = durai_finite(other[i]) ? other[i] : 0;
    }
    for (i = 0; i < 2; i++) {
        int rc = i ? dura_shap_against(s, x, other, n_in, phi, base, margin, n_out)
                   : dura_shap_row(s, x, n_in, phi, base, margin, n_out);
        want(rc == DURA_OK || rc == DURA_EINVAL || rc == DURA_ENOTSUP);
        for (k = 0; rc == DURA_OK && k < n_out; k++)
            adds_up(phi + k * n_in, n_in, base[k], margin[k]);
    }
    dura_shap_close(s);
}

static void stay_inside(const uint8_t *p, size_t size)
{
    static float x[DURA_MODEL_INPUTS_MAX], lo[DURA_MODEL_INPUTS_MAX], hi[DURA_MODEL_INPUTS_MAX], y[DURA_OUTPUTS_MAX];
    dura_bound_range r[2][DURA_OUTPUTS_MAX];
    size_t n_in = durai_le16(p + 12), n_out = durai_le16(p + 6), i;
    uint64_t inst[2];
    dura_bound *b;
    fill(x, n_in, p, size, 3);
    for (i = 0; i < n_in; i++) {
        x[i] = durai_finite(x[i]) ? x[i] : 0;
        lo[i] = durai_finite(x[i] - 1) ? x[i] - 1 : x[i];
        hi[i] = durai_finite(x[i] + 1) ? x[i] + 1 : x[i];
    }
    want(dura_bound_open(&b, p, size, NULL) == DURA_OK);
    want(dura_bound_box(b, lo, hi, n_in, 1, r[0], n_out) == DURA_OK && dura_bound_box(b, lo, hi, n_in, 8, r[1], n_out) == DURA_OK);
    want(dura_backend_trees()->open(inst, NULL, p, size) == DURA_OK);
    want(dura_backend_trees()->run(inst, x, n_in, y, n_out, 0) == DURA_OK);
    for (i = 0; i < n_out; i++) /* a NaN, of infinities that met, is inside nothing */
        want(!(y[i] < r[1][i].lo) && !(y[i] > r[1][i].hi) && r[0][i].lo <= r[1][i].lo && r[1][i].hi <= r[0][i].hi);
    dura_bound_close(b);
}

static void examine(uint8_t *p, size_t size)
{
    int rc = dura_trees_check(p, size), kind;
    uint64_t inst[2];
    want(rc == DURA_OK || rc == DURA_ECORRUPT || rc == DURA_EVERSION);
    want(dura_backend_trees()->open(inst, NULL, p, size) == rc);
    if (dura_pack_check(p, size, &kind) == DURA_OK) {
        want(kind != DURA_PACK_TREES || rc == DURA_OK);
        if (rc == DURA_OK) {
            take_apart(p, size);
            stay_inside(p, size);
        }
    }
    if (rc != DURA_OK)
        return;
    run(p, size);
    p[size / 2] ^= 1;
    want(dura_trees_check(p, size) < 0);
    p[size / 2] ^= 1;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t *p = malloc(size ? size : 1);
    want(p != NULL);
    if (size)
        memcpy(p, data, size);
    examine(p, size);
    if (size >= 32) {
        durai_put32(p, 0x45525444); /* 'DTRE' */
        durai_put32(p + 8, (uint32_t)size);
        durai_put32(p + size - 8, 0);
        durai_put32(p + size - 4, durai_crc32c(0, p, size - 4));
        examine(p, size);
    }
    free(p);
    return 0;
}
