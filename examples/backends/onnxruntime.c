/* SPDX-License-Identifier: Apache-2.0 */
/*
 * onnxruntime.c - a plug-in on ONNX Runtime, without its header.
 *
 *   cc -shared -fPIC -Iinclude examples/backends/onnxruntime.c -o onnxruntime.so -ldl
 *   dura backend check onnxruntime.so --model mlp.onnx --config /opt/ort/libonnxruntime.so.1
 *
 * The configuration is the runtime's absolute path. One f32 input and one f32 output with
 * fixed shapes (a first dimension that is open counts as 1). The calls are slots of the
 * table that GetApi(1) returns: it is append-only, so version 1 is there in every release.
 *
 * Some builds send telemetry unless ORT_DISABLE_TELEMETRY is set before they are loaded; it
 * is set here. One thread, no spinning. What this plug-in cannot promise is what the
 * runtime does not: its run allocates. So no feature but determinism is claimed.
 */
#define _POSIX_C_SOURCE 200809L
#include <dura/backend_ext.h>

#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>

typedef struct ort_value ort_value;
typedef void *ort_status;           /* NULL is success */

enum { ORT_CREATE_ENV = 3, ORT_SESSION_FROM_ARRAY = 8, ORT_RUN = 9, ORT_CREATE_OPTIONS = 10, ORT_SEQUENTIAL = 13,
       ORT_INTRA_THREADS = 24, ORT_INTER_THREADS = 25, ORT_INPUT_COUNT = 30, ORT_OUTPUT_COUNT = 31, ORT_INPUT_TYPE = 33,
       ORT_OUTPUT_TYPE = 34, ORT_INPUT_NAME = 36, ORT_OUTPUT_NAME = 37, ORT_TENSOR_ON_DATA = 49, ORT_AS_TENSOR = 55,
       ORT_ELEMENT_TYPE = 60, ORT_RANK = 61, ORT_DIMS = 62, ORT_CPU_MEMORY = 69, ORT_ALLOCATOR_FREE = 76, ORT_ALLOCATOR = 78,
       ORT_FREE_ENV = 92, ORT_FREE_STATUS = 93, ORT_FREE_MEMORY = 94, ORT_FREE_SESSION = 95, ORT_FREE_VALUE = 96,
       ORT_FREE_TYPE = 98, ORT_FREE_OPTIONS = 100 };
enum { ORT_FLOAT = 1, ORT_ERROR_LEVEL = 3, ORT_FAILED = -101, ORT_NO_RUNTIME = -102, ORT_OTHER_MODEL = -103 };

/* A slot of the table as a function of these arguments. */
#define CALL(inst, slot, ...) ((ort_status (*)(__VA_ARGS__))((inst)->api[slot]))
#define FREE(inst, slot, p) ((void (*)(void *))((inst)->api[slot]))(p)

typedef void (*ort_slot)(void);

typedef struct ort_inst {
    void *library;
    const ort_slot *api;
    void *env, *options, *session, *memory;
    ort_value *in, *out;
    char in_name[64], out_name[64];
    uint32_t n_in, n_out;
    float x[DURA_MODEL_INPUTS_MAX], y[DURA_OUTPUTS_MAX];
} ort_inst;

/* 0, or the code; a status is freed, its text is nobody's to print here. */
static int32_t failed(const ort_inst *s, ort_status status)
{
    if (!status)
        return 0;
    FREE(s, ORT_FREE_STATUS, status);
    return ORT_FAILED;
}

static int32_t ort_mem_req(const void *config, const void *image, size_t image_len, size_t *bytes, size_t *align)
{
    (void)config, (void)image, (void)image_len;     /* nobody has compared its digest yet */
    *bytes = sizeof(ort_inst);
    *align = 8;
    return DURA_OK;
}

static int32_t load_runtime(ort_inst *s, const char *path)
{
    typedef struct { const ort_slot *(*get)(uint32_t version); const char *(*version)(void); } base;
    const base *(*get_base)(void);
    if (!path || path[0] != '/' || setenv("ORT_DISABLE_TELEMETRY", "1", 1) != 0)
        return ORT_NO_RUNTIME;
    s->library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    void *found = s->library ? dlsym(s->library, "OrtGetApiBase") : NULL;
    if (!found)
        return ORT_NO_RUNTIME;
    memcpy(&get_base, &found, sizeof get_base);
    s->api = get_base()->get(1);
    return s->api ? DURA_OK : ORT_NO_RUNTIME;
}

/* Elements and name of input or output 0. */
static int32_t shape_of(ort_inst *s, int type_slot, int name_slot, uint32_t most, uint32_t *n, char name[64])
{
    void *type = NULL, *allocator = NULL;
    const void *tensor = NULL;
    char *text = NULL;
    int64_t dims[8] = {0};
    size_t rank = 0;
    int32_t kind = 0;
    uint64_t all = 1;
    if (failed(s, CALL(s, type_slot, const void *, size_t, void **)(s->session, 0, &type)))
        return ORT_FAILED;
    int32_t bad = failed(s, CALL(s, ORT_AS_TENSOR, const void *, const void **)(type, &tensor)) || !tensor ||
                  failed(s, CALL(s, ORT_ELEMENT_TYPE, const void *, int32_t *)(tensor, &kind)) || kind != ORT_FLOAT ||
                  failed(s, CALL(s, ORT_RANK, const void *, size_t *)(tensor, &rank)) || rank > 2 ||
                  failed(s, CALL(s, ORT_DIMS, const void *, int64_t *, size_t)(tensor, dims, rank));
    FREE(s, ORT_FREE_TYPE, type);
    for (size_t i = 0; i < rank && !bad; i++) {
        if (dims[i] < 1 && i == 0)
            dims[i] = 1;
        bad = dims[i] < 1 || dims[i] > most || (i == 0 && rank == 2 && dims[i] != 1);
        all *= (uint64_t)dims[i];
    }
    if (bad || all < 1 || all > most)
        return ORT_OTHER_MODEL;
    *n = (uint32_t)all;
    if (failed(s, CALL(s, ORT_ALLOCATOR, void **)(&allocator)) ||
        failed(s, CALL(s, name_slot, const void *, size_t, void *, char **)(s->session, 0, allocator, &text)))
        return ORT_FAILED;
    bad = strlen(text) >= 64;
    if (!bad)
        memcpy(name, text, strlen(text) + 1);
    (void)failed(s, CALL(s, ORT_ALLOCATOR_FREE, void *, void *)(allocator, text));
    return bad ? ORT_OTHER_MODEL : DURA_OK;
}

static int32_t open_session(ort_inst *s, const void *image, size_t image_len)
{
    size_t n = 0, m = 0;
    if (failed(s, CALL(s, ORT_CREATE_ENV, int32_t, const char *, void **)(ORT_ERROR_LEVEL, "dura", &s->env)) ||
        failed(s, CALL(s, ORT_CREATE_OPTIONS, void **)(&s->options)) ||
        failed(s, CALL(s, ORT_SEQUENTIAL, void *, int32_t)(s->options, 0)) ||
        failed(s, CALL(s, ORT_INTRA_THREADS, void *, int)(s->options, 1)) ||
        failed(s, CALL(s, ORT_INTER_THREADS, void *, int)(s->options, 1)) ||
        failed(s, CALL(s, ORT_SESSION_FROM_ARRAY, const void *, const void *, size_t, const void *, void **)(
                   s->env, image, image_len, s->options, &s->session)) ||
        failed(s, CALL(s, ORT_INPUT_COUNT, const void *, size_t *)(s->session, &n)) ||
        failed(s, CALL(s, ORT_OUTPUT_COUNT, const void *, size_t *)(s->session, &m)))
        return ORT_FAILED;
    return n == 1 && m == 1 ? DURA_OK : ORT_OTHER_MODEL;
}

/* A tensor over our own floats: made once, so that run copies and calls, nothing else. */
static int32_t tensor_over(ort_inst *s, float *p, uint32_t n, ort_value **out)
{
    const int64_t shape[2] = {1, n};
    return failed(s, CALL(s, ORT_TENSOR_ON_DATA, const void *, void *, size_t, const int64_t *, size_t, int32_t, ort_value **)(
                         s->memory, p, n * sizeof *p, shape, 2, ORT_FLOAT, out));
}

static void ort_close(void *inst)
{
    ort_inst *s = inst;
    if (s->in)
        FREE(s, ORT_FREE_VALUE, s->in);
    if (s->out)
        FREE(s, ORT_FREE_VALUE, s->out);
    if (s->memory)
        FREE(s, ORT_FREE_MEMORY, s->memory);
    if (s->session)
        FREE(s, ORT_FREE_SESSION, s->session);
    if (s->options)
        FREE(s, ORT_FREE_OPTIONS, s->options);
    if (s->env)
        FREE(s, ORT_FREE_ENV, s->env);
    if (s->library)
        (void)dlclose(s->library);
}

static int32_t run_session(ort_inst *s)
{
    const char *in_name = s->in_name, *out_name = s->out_name;
    return failed(s, CALL(s, ORT_RUN, void *, const void *, const char *const *, const ort_value *const *, size_t,
                          const char *const *, size_t, ort_value **)(s->session, NULL, &in_name,
                                                                     (const ort_value *const *)&s->in, 1, &out_name, 1, &s->out));
}

static int32_t ort_open(void *inst, const void *config, const void *image, size_t image_len)
{
    ort_inst *s = inst;
    memset(s, 0, sizeof *s);
    int32_t rc = load_runtime(s, config);
    if (rc == DURA_OK)
        rc = open_session(s, image, image_len);
    if (rc == DURA_OK)
        rc = shape_of(s, ORT_INPUT_TYPE, ORT_INPUT_NAME, DURA_MODEL_INPUTS_MAX, &s->n_in, s->in_name);
    if (rc == DURA_OK)
        rc = shape_of(s, ORT_OUTPUT_TYPE, ORT_OUTPUT_NAME, DURA_OUTPUTS_MAX, &s->n_out, s->out_name);
    if (rc == DURA_OK)
        rc = failed(s, CALL(s, ORT_CPU_MEMORY, int32_t, int32_t, void **)(1, 0, &s->memory));
    if (rc == DURA_OK)
        rc = tensor_over(s, s->x, s->n_in, &s->in);
    if (rc == DURA_OK)
        rc = tensor_over(s, s->y, s->n_out, &s->out);
    if (rc == DURA_OK)
        rc = run_session(s);                        /* what it allocates on its first run */
    if (rc != DURA_OK)
        ort_close(s);
    return rc;
}

static int32_t ort_io(const void *inst, dura_backend_io *out)
{
    const ort_inst *s = inst;
    out->n_inputs = (uint16_t)s->n_in;
    out->n_outputs = (uint16_t)s->n_out;
    return DURA_OK;
}

static int32_t ort_run(void *inst, const float *in, size_t n_in, float *out, size_t n_out, int64_t deadline_ns)
{
    ort_inst *s = inst;
    (void)deadline_ns;
    if (n_in != s->n_in || n_out != s->n_out)
        return DURA_EINVAL;
    memcpy(s->x, in, n_in * sizeof *in);
    int32_t rc = run_session(s);
    if (rc == DURA_OK)
        memcpy(out, s->y, n_out * sizeof *out);
    return rc;
}

static const dura_backend ort_backend = {(uint32_t)sizeof(dura_backend), 1, 0, "org.dura.example.onnxruntime", "1.0", ort_mem_req,
                                         ort_open, ort_io, ort_run, NULL, ort_close, NULL, NULL};

static const dura_backend *ort_query(const dura_backend_host *host, uint32_t max_minor)
{
    (void)host, (void)max_minor;
    return &ort_backend;
}

DURA_PLUGIN_VISIBLE extern const dura_backend_entry dura_backend_entry_v1;
const dura_backend_entry dura_backend_entry_v1 = {DURA_BACKEND_MAGIC, sizeof(dura_backend_entry), 1, 0, DURA_PLUGIN_DETERMINISTIC,
                                                  "org.dura.example.onnxruntime", "1.0", ort_query};
