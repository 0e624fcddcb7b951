/* SPDX-License-Identifier: Apache-2.0 */
/* A plug-in for the meeting table: built with every kept header, one or two minors needed. */
#include <dura/backend_ext.h>

#ifndef MEET_NEEDS
#define MEET_NEEDS 0
#endif

typedef struct meet { uint32_t runs; } meet;

#if DURA_BACKEND_MAJOR == 1
static int32_t meet_mem_req(const void *config, const void *image, size_t len, size_t *bytes, size_t *align)
{
    (void)config, (void)image, (void)len;
    *bytes = sizeof(meet);
    *align = 8;
    return DURA_OK;
}

static int32_t meet_open(void *inst, const void *config, const void *image, size_t len)
{
    (void)config, (void)image, (void)len;
    ((meet *)inst)->runs = 0;
    return DURA_OK;
}

static int32_t meet_io(const void *inst, dura_backend_io *out)
{
    (void)inst;
    out->n_inputs = 2;
    out->n_outputs = 1;
    return DURA_OK;
}

static int32_t meet_run(void *inst, const float *in, size_t n_in, float *out, size_t n_out, int64_t deadline_ns)
{
    (void)deadline_ns;
    if (n_in != 2 || n_out != 1)
        return DURA_EINVAL;
    ((meet *)inst)->runs++;
    out[0] = in[0] + 2.0f * in[1];
    return DURA_OK;
}

#ifdef DURA_EXT_TRACE
static uint32_t meet_runs(const void *inst) { return ((const meet *)inst)->runs; }
static const dura_ext_trace meet_trace = {sizeof meet_trace, 0, meet_runs};
#endif

static const void *meet_extension(void *inst, const char *name)
{
    (void)inst, (void)name;
#ifdef DURA_EXT_TRACE
    const char *want = DURA_EXT_TRACE;
    while (*want && *want == *name)
        want++, name++;
    if (*want == *name)
        return &meet_trace;
#endif
    return NULL;
}

static const dura_backend table = {sizeof table, 1, MEET_NEEDS, "dev.dura.meet", MEET_BUILT, meet_mem_req, meet_open,
                                   meet_io, meet_run, NULL, NULL, meet_extension, NULL};
#else
static int32_t meet_run(void *inst, const dura_tensor_data *in, dura_tensor_data *out)
{
    (void)inst, (void)in, (void)out;
    return DURA_OK;
}

static const dura_backend_2 table = {sizeof table, 2, MEET_NEEDS, 0, "dev.dura.meet", meet_run, {0}};
#endif

static const dura_backend *meet_query(const dura_backend_host *host, uint32_t max_minor)
{
    return host && max_minor + 1u > MEET_NEEDS ? (const dura_backend *)(const void *)&table : NULL;
}

DURA_PLUGIN_VISIBLE extern const dura_backend_entry dura_backend_entry_v1;
const dura_backend_entry dura_backend_entry_v1 = {DURA_BACKEND_MAGIC, sizeof(dura_backend_entry), DURA_BACKEND_MAJOR,
                                                  MEET_NEEDS, DURA_PLUGIN_DETERMINISTIC | DURA_PLUGIN_NOHEAP_RUN,
                                                  "dev.dura.meet", MEET_BUILT, meet_query};
