/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dura_backend.c - checks a backend's table and makes any C function a backend.
 *
 * The table is frozen: eight calls, for ever. What can be seen without calling it is
 * checked here, once, so that the hot path may call through it without looking.
 *
 * `fn` keeps its own copy of the caller's dura_fn in the instance and nothing else. It
 * does not read the image: for a model that is compiled in, the image is the text whose
 * digest the gate record carries.
 */
#include <dura/backend.h>

#include "../base/dura_base_priv.h"

#define BACKEND_MAJOR 1u
#define BACKEND_MINOR 0u

/* As first released. Pointers have the target's size, so no number stands here. */
#define BACKEND_V1 ((uint32_t)sizeof(dura_backend))
#define FN_V1 ((uint32_t)(offsetof(dura_fn, user) + sizeof(void *)))
#define IO_V1 8u

typedef struct fn_inst {
    dura_fn fn;
} fn_inst;

static int32_t fn_read(dura_fn *fn, const void *config)
{
    const dura_fn *theirs = config;
    int rc;
    if (!theirs)
        return DURA_EINVAL;
    rc = durai_struct_in(fn, (uint32_t)sizeof *fn, theirs, theirs->struct_size, FN_V1);
    if (rc < 0)
        return rc;
    if (!fn->call || fn->n_inputs < 1 || fn->n_inputs > DURA_MODEL_INPUTS_MAX)
        return DURA_EINVAL;
    return fn->n_outputs < 1 || fn->n_outputs > DURA_OUTPUTS_MAX ? DURA_EINVAL : DURA_OK;
}

static int32_t fn_mem_req(const void *config, const void *image, size_t image_len, size_t *bytes,
                          size_t *align)
{
    dura_fn fn;
    int32_t rc = fn_read(&fn, config);
    (void)image;
    (void)image_len;
    if (!bytes || !align)
        return DURA_EINVAL;
    if (rc < 0)
        return rc;
    *bytes = sizeof(fn_inst);
    *align = 8;
    return DURA_OK;
}

static int32_t fn_open(void *inst, const void *config, const void *image, size_t image_len)
{
    dura_fn fn;
    int32_t rc = fn_read(&fn, config);
    (void)image;
    (void)image_len;
    if (!inst)
        return DURA_EINVAL;
    if (rc < 0)
        return rc;
    ((fn_inst *)inst)->fn = fn;
    return DURA_OK;
}

static int32_t fn_io(const void *inst, dura_backend_io *out)
{
    const fn_inst *f = inst;
    dura_backend_io io = DURA_BACKEND_IO_INIT;
    if (!f || !out)
        return DURA_EINVAL;
    io.n_inputs = f->fn.n_inputs;
    io.n_outputs = f->fn.n_outputs;
    return durai_struct_out(out, &io, (uint32_t)sizeof io, IO_V1);
}

/* The deadline is the caller's to enforce: a plain function cannot be told to hurry. */
static int32_t fn_run(void *inst, const float *in, size_t n_in, float *out, size_t n_out,
                      int64_t deadline_ns)
{
    const fn_inst *f = inst;
    (void)deadline_ns;
    if (!f || !in || !out || n_in != f->fn.n_inputs || n_out != f->fn.n_outputs)
        return DURA_EINVAL;
    DURA_ASSERT(f->fn.call != NULL);
    return f->fn.call(f->fn.user, in, n_in, out, n_out);
}

const dura_backend *dura_backend_fn(void)
{
    static const dura_backend table = {(uint32_t)sizeof(dura_backend),
                                       BACKEND_MAJOR,
                                       BACKEND_MINOR,
                                       "org.dura.fn",
                                       DURA_VERSION,
                                       fn_mem_req,
                                       fn_open,
                                       fn_io,
                                       fn_run,
                                       NULL,
                                       NULL,
                                       NULL,
                                       NULL};
    DURA_ASSERT(dura_backend_check(&table) == DURA_OK);
    return &table;
}

/* A table that is longer than ours is capped: what is behind ours is never called. */
int dura_backend_check(const dura_backend *b)
{
    if (!b)
        return DURA_EINVAL;
    if (b->struct_size < BACKEND_V1)
        return DURA_ECORRUPT;
    if (b->abi_major != BACKEND_MAJOR || b->abi_minor_needed > BACKEND_MINOR)
        return DURA_EVERSION;
    if (!b->id || b->id[0] == '\0' || !b->version)
        return DURA_EINVAL;
    if (!b->mem_req || !b->open || !b->io || !b->run)
        return DURA_EINVAL;
    return b->reserved ? DURA_EVERSION : DURA_OK;
}
