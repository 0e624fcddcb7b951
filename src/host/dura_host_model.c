/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One backend for every packed model: it looks at the image and hands over to whoever
 * runs that kind. A guard has one backend for its whole life, and an update may bring a
 * model of another kind; on a computer this table is that backend.
 */
#include <dura/host/pack.h>

#include "../base/dura_base_priv.h"
#include "dura_host_pack_priv.h"

/* An instance: who runs it, then that one's own instance. */
typedef struct packed {
    const dura_backend *backend;
    dura_fn fn;                  /* config of a linear model */
} packed;

enum { HEAD = (sizeof(packed) + 15u) & ~15u };

static const dura_backend *backend_of(const void *image, size_t len)
{
    int kind;
    if (dura_pack_check(image, len, &kind) != DURA_OK)
        return NULL;
    return kind == DURA_PACK_LINEAR ? dura_backend_fn() : kind == DURA_PACK_TREES ? dura_backend_trees() : NULL;
}

/* The config a backend wants, made in *fn when it needs one. */
static int32_t config_of(const dura_backend *b, const void *image, size_t len, dura_fn *fn, const void **config)
{
    *config = NULL;
    if (b != dura_backend_fn())
        return DURA_OK;
    *fn = (dura_fn)DURA_FN_INIT;
    *config = fn;
    return dura_linear_fn(fn, image, len);
}

static int32_t packed_mem_req(const void *config, const void *image, size_t len, size_t *bytes, size_t *align)
{
    const dura_backend *b = backend_of(image, len);
    dura_fn fn;
    (void)config;
    if (!b || !bytes || !align)
        return b ? DURA_EINVAL : DURA_ECORRUPT;
    int32_t rc = config_of(b, image, len, &fn, &config);
    if (rc == DURA_OK)
        rc = b->mem_req(config, image, len, bytes, align);
    if (rc == DURA_OK) {
        *bytes += HEAD;
        *align = 16;
    }
    return rc;
}

static int32_t packed_open(void *inst, const void *config, const void *image, size_t len)
{
    packed *p = inst;
    (void)config;
    p->backend = backend_of(image, len);
    if (!p->backend)
        return DURA_ECORRUPT;
    int32_t rc = config_of(p->backend, image, len, &p->fn, &config);
    return rc == DURA_OK ? p->backend->open((uint8_t *)inst + HEAD, config, image, len) : rc;
}

static int32_t packed_io(const void *inst, dura_backend_io *out)
{
    const packed *p = inst;
    return p->backend->io((const uint8_t *)inst + HEAD, out);
}

static int32_t packed_run(void *inst, const float *in, size_t n_in, float *out, size_t n_out, int64_t deadline_ns)
{
    const packed *p = inst;
    return p->backend->run((uint8_t *)inst + HEAD, in, n_in, out, n_out, deadline_ns);
}

static void packed_close(void *inst)
{
    const packed *p = inst;
    if (p->backend->close)
        p->backend->close((uint8_t *)inst + HEAD);
}

const dura_backend *dura_backend_packed(void)
{
    static const dura_backend table = {sizeof table, 1, 0, "org.dura.packed", "1", packed_mem_req, packed_open,
                                       packed_io, packed_run, NULL, packed_close, NULL, NULL};
    return &table;
}
