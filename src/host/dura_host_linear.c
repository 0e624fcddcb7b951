/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The linear model: y = bias + w[0] x[0] + w[1] x[1] + ..., one row per output.
 *
 * Reads the packed image in place (docs/formats/model-linear.md), on the host and on a
 * device: no heap, no libm, no state but the image. Sums run in the order of the inputs
 * in binary32 without contraction, so that a replay on another machine gives the same
 * bits. Weights are read through durai_le32, so byte order and alignment do not matter.
 */
#include "dura_host_pack_priv.h"

enum {
    LINEAR_MAGIC = 0x4E494C44,      /* 'DLIN' */
    LINEAR_VERSION = 1,
    LINEAR_HEADER = 16,
    LINEAR_TRAILER = 8,             /* 4 zero bytes, CRC-32C */
    LINEAR_MAX = 262144,            /* bytes; more than 16 x 1025 weights and their names */
    LINEAR_NAME_MAX = 63
};

static uint32_t linear_inputs(const uint8_t *image)
{
    return durai_le16(image + 12);
}

static uint32_t linear_outputs(const uint8_t *image)
{
    return durai_le16(image + 6);
}

/* Length, magic, version, checksum. */
static int linear_frame(const uint8_t *p, size_t len)
{
    if (len < LINEAR_HEADER + LINEAR_TRAILER || len > LINEAR_MAX || len % 8)
        return DURA_ECORRUPT;
    if (durai_le32(p) != LINEAR_MAGIC)
        return DURA_ECORRUPT;
    if (durai_le16(p + 4) != LINEAR_VERSION)
        return DURA_EVERSION;
    if (durai_le32(p + 8) != len || durai_le16(p + 14) != 0 || durai_le32(p + len - 8) != 0)
        return DURA_ECORRUPT;
    return durai_crc32c(0, p, len - 4) == durai_le32(p + len - 4) ? DURA_OK : DURA_ECORRUPT;
}

/* Behind a name of 1..63 bytes without control characters, or NULL. */
static const uint8_t *linear_name(const uint8_t *p, const uint8_t *end)
{
    const uint8_t *begin = p;
    while (p < end && *p >= 0x20 && *p != 0x7F && p - begin < LINEAR_NAME_MAX)
        p++;
    return p > begin && p < end && *p == 0 ? p + 1 : NULL;
}

/* n names, then fewer than 8 zeros up to end. */
static int linear_names(const uint8_t *p, const uint8_t *end, uint32_t n)
{
    while (n-- > 0) {
        p = linear_name(p, end);
        if (!p)
            return DURA_ECORRUPT;
    }
    if (end - p >= 8)
        return DURA_ECORRUPT;
    while (p < end)
        if (*p++ != 0)
            return DURA_ECORRUPT;
    return DURA_OK;
}

int dura_linear_check(const void *image, size_t len)
{
    const uint8_t *p = (const uint8_t *)image;
    uint32_t n_in, n_out, weights, i;
    int rc = image ? linear_frame(p, len) : DURA_EINVAL;
    if (rc < 0)
        return rc;
    n_in = linear_inputs(p);
    n_out = linear_outputs(p);
    if (n_in < 1 || n_in > DURA_MODEL_INPUTS_MAX || n_out < 1 || n_out > DURA_OUTPUTS_MAX)
        return DURA_ECORRUPT;
    weights = n_out * (n_in + 1);
    if (weights > (len - LINEAR_HEADER - LINEAR_TRAILER) / 4)
        return DURA_ECORRUPT;
    p += LINEAR_HEADER;
    for (i = 0; i < weights; i++)
        if (!durai_finite(durai_f32(durai_le32(p + (size_t)4 * i))))
            return DURA_ECORRUPT;
    return linear_names(p + (size_t)4 * weights, p + len - LINEAR_HEADER - LINEAR_TRAILER, n_in + n_out);
}

/* The dura_fn_call; user is a checked image. */
static int32_t linear_call(void *user, const float *in, size_t n_in, float *out, size_t n_out)
{
    const uint8_t *image = (const uint8_t *)user, *w;
    size_t i, k;
    if (!image || n_in != linear_inputs(image) || n_out != linear_outputs(image))
        return DURA_EINVAL;
    w = image + LINEAR_HEADER;
    for (k = 0; k < n_out; k++) {
        float sum = durai_f32(durai_le32(w));
        for (i = 0; i < n_in; i++) {
            float term;
            w += 4;
            term = durai_f32(durai_le32(w)) * in[i];
            sum += term;
        }
        w += 4;
        out[k] = sum;
    }
    DURA_ASSERT(w == image + LINEAR_HEADER + 4 * n_out * (n_in + 1));
    return DURA_OK;
}

int dura_linear_fn(dura_fn *out, const void *image, size_t len)
{
    int rc = dura_linear_check(image, len);
    if (!out || out->struct_size < sizeof *out)
        return DURA_EINVAL;
    if (rc < 0)
        return rc;
    out->n_inputs = (uint16_t)linear_inputs((const uint8_t *)image);
    out->n_outputs = (uint16_t)linear_outputs((const uint8_t *)image);
    out->call = linear_call;
    /* user is not const in a dura_fn; linear_call only reads it. */
    memcpy(&out->user, &image, sizeof out->user);
    return DURA_OK;
}

const char *durai_linear_names(const void *image, uint32_t *n_in, uint32_t *n_out)
{
    const uint8_t *p = (const uint8_t *)image;
    *n_in = linear_inputs(p);
    *n_out = linear_outputs(p);
    return (const char *)p + LINEAR_HEADER + (size_t)4 * *n_out * (*n_in + 1);
}
