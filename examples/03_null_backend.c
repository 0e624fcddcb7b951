/* SPDX-License-Identifier: Apache-2.0 */
/*
 * 03_null_backend.c - the smallest complete backend, to copy and fill.
 *
 * It eats two values and always answers 0.5. What is yours to write is marked 1 to 4.
 * docs/add-a-backend.md goes through it.
 */
#include <dura/backend.h>

#include <stdio.h>

typedef struct null_inst { uint32_t runs; } null_inst;      /* 1: what a model needs to run */

static int32_t null_mem_req(const void *config, const void *image, size_t image_len,
                            size_t *bytes, size_t *align)
{
    (void)config, (void)image, (void)image_len;
    *bytes = sizeof(null_inst);
    *align = 8;
    return DURA_OK;
}

/* 2: check the image whole, before anything is kept of it. */
static int32_t null_open(void *inst, const void *config, const void *image, size_t image_len)
{
    (void)config;
    if (image_len < 4 || ((const char *)image)[0] != 'N')
        return DURA_ECORRUPT;
    ((null_inst *)inst)->runs = 0;
    return DURA_OK;
}

static int32_t null_io(const void *inst, dura_backend_io *out)   /* 3: the model's shape */
{
    (void)inst;
    out->n_inputs = 2;
    out->n_outputs = 1;
    return DURA_OK;
}

/* 4: infer. No allocation, lock, print or I/O in here. */
static int32_t null_run(void *inst, const float *in, size_t n_in, float *out, size_t n_out,
                        int64_t deadline_ns)
{
    (void)in, (void)deadline_ns;
    if (n_in != 2 || n_out != 1)
        return DURA_EINVAL;
    ((null_inst *)inst)->runs++;
    out[0] = 0.5f;
    return DURA_OK;
}

static const dura_backend null_backend = {(uint32_t)sizeof(dura_backend), 1, 0,
    "org.example.null", "1.0", null_mem_req, null_open, null_io, null_run, NULL, NULL, NULL, NULL};

int main(void)
{
    static uint64_t inst[8];
    const dura_backend *b = &null_backend;
    const float in[2] = {1.0f, 2.0f};
    float out[1] = {0.0f};
    dura_backend_io io = DURA_BACKEND_IO_INIT;
    size_t bytes, align;
    int32_t rc;
    printf("check: %s\n", dura_errname(dura_backend_check(b)));
    if (b->mem_req(NULL, "NULL", 4, &bytes, &align) < 0 || bytes > sizeof inst || align > 8)
        return 1;
    printf("damaged image: %s\n", dura_errname(b->open(inst, NULL, "XULL", 4)));
    if (b->open(inst, NULL, "NULL", 4) < 0 || b->io(inst, &io) < 0)
        return 1;
    printf("%d in, %d out\n", io.n_inputs, io.n_outputs);
    rc = b->run(inst, in, 2, out, 1, 0);
    printf("run: %s, answer %.1f\n", dura_errname(rc), (double)out[0]);
    return 0;
}
/* check: OK
 * damaged image: ECORRUPT
 * 2 in, 1 out
 * run: OK, answer 0.5 */
