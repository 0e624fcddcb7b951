/* SPDX-License-Identifier: Apache-2.0 */
/*
 * xgboost.c - a plug-in on XGBoost's own C library, without its header.
 *
 *   cc -shared -fPIC -Iinclude examples/backends/xgboost.c -o xgboost.so -ldl
 *   dura backend check xgboost.so --model m.ubj --config /usr/lib/x86_64-linux-gnu/libxgboost.so.0
 *
 * The configuration is the library's absolute path. Its loader may crash on a damaged model
 * (docs/backend.md has the figures): compare the digest first, and open it in a process of its
 * own where that counts. For trees that must run in a loop there is dura_backend_trees().
 */
#define _POSIX_C_SOURCE 200809L
#include <dura/backend_ext.h>

#include <dlfcn.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { XGB_FAILED = -101, XGB_NO_RUNTIME = -102, XGB_OTHER_MODEL = -103 };

typedef void *xgb_handle;

typedef struct xgb_inst {
    void *library;
    xgb_handle booster;
    int (*predict)(xgb_handle, const char *, const char *, xgb_handle, const uint64_t **, uint64_t *, const float **);
    int (*release)(xgb_handle);
    uint32_t n_in, n_out;
    char array[160];
    float x[DURA_MODEL_INPUTS_MAX];
} xgb_inst;

static int32_t xgb_mem_req(const void *config, const void *image, size_t image_len, size_t *bytes, size_t *align)
{
    (void)config, (void)image, (void)image_len;     /* nobody has compared its digest yet */
    *bytes = sizeof(xgb_inst);
    *align = 8;
    return DURA_OK;
}

/* A function of the library by name. 0 or -1. */
static int find(const xgb_inst *s, const char *name, void *call)
{
    void *found = dlsym(s->library, name);
    memcpy(call, &found, sizeof found);
    return found ? 0 : -1;
}

static int32_t load_model(xgb_inst *s, const char *path, const void *image, size_t image_len)
{
    int (*create)(const xgb_handle *, uint64_t, xgb_handle *);
    int (*set)(xgb_handle, const char *, const char *);
    int (*load)(xgb_handle, const void *, uint64_t);
    int (*features)(xgb_handle, uint64_t *);
    uint64_t n = 0;
    s->library = path && path[0] == '/' ? dlopen(path, RTLD_NOW | RTLD_LOCAL) : NULL;
    if (!s->library || find(s, "XGBoosterCreate", &create) || find(s, "XGBoosterSetParam", &set) ||
        find(s, "XGBoosterLoadModelFromBuffer", &load) || find(s, "XGBoosterGetNumFeature", &features) ||
        find(s, "XGBoosterPredictFromDense", &s->predict) || find(s, "XGBoosterFree", &s->release))
        return XGB_NO_RUNTIME;
    if (create(NULL, 0, &s->booster) || set(s->booster, "nthread", "1") || load(s->booster, image, image_len) ||
        set(s->booster, "nthread", "1") || features(s->booster, &n))
        return XGB_FAILED;
    if (n < 1 || n > DURA_MODEL_INPUTS_MAX)
        return XGB_OTHER_MODEL;
    s->n_in = (uint32_t)n;
    return DURA_OK;
}

static int32_t predict(xgb_inst *s, const float **out, uint64_t *n)
{
    static const char how[] = "{\"type\":0,\"training\":false,\"iteration_begin\":0,\"iteration_end\":0,"
                              "\"strict_shape\":true,\"missing\":NaN,\"cache_id\":0}";
    const uint64_t *shape = NULL;
    uint64_t rank = 0;
    if (s->predict(s->booster, s->array, how, NULL, &shape, &rank, out))
        return XGB_FAILED;
    *n = 1;
    for (uint64_t i = 0; i < rank; i++)
        *n *= shape[i];
    return DURA_OK;
}

static void xgb_close(void *inst)
{
    xgb_inst *s = inst;
    if (s->booster)
        (void)s->release(s->booster);
    if (s->library)
        (void)dlclose(s->library);
}

static int32_t xgb_open(void *inst, const void *config, const void *image, size_t image_len)
{
    xgb_inst *s = inst;
    const float *out = NULL;
    uint64_t n = 0;
    memset(s, 0, sizeof *s);
    int32_t rc = load_model(s, config, image, image_len);
    if (rc == DURA_OK) {
        (void)snprintf(s->array, sizeof s->array, "{\"data\":[%" PRIuPTR ",false],\"shape\":[1,%u],\"typestr\":\"<f4\",\"version\":3}",
                       (uintptr_t)s->x, (unsigned)s->n_in);
        rc = predict(s, &out, &n);
    }
    if (rc == DURA_OK && (n < 1 || n > DURA_OUTPUTS_MAX))
        rc = XGB_OTHER_MODEL;
    s->n_out = (uint32_t)n;
    if (rc != DURA_OK)
        xgb_close(s);
    return rc;
}

static int32_t xgb_io(const void *inst, dura_backend_io *out)
{
    const xgb_inst *s = inst;
    out->n_inputs = (uint16_t)s->n_in;
    out->n_outputs = (uint16_t)s->n_out;
    return DURA_OK;
}

static int32_t xgb_run(void *inst, const float *in, size_t n_in, float *out, size_t n_out, int64_t deadline_ns)
{
    xgb_inst *s = inst;
    const float *found = NULL;
    uint64_t n = 0;
    (void)deadline_ns;
    if (n_in != s->n_in || n_out != s->n_out)
        return DURA_EINVAL;
    memcpy(s->x, in, n_in * sizeof *in);
    int32_t rc = predict(s, &found, &n);
    if (rc == DURA_OK && n != n_out)
        rc = XGB_OTHER_MODEL;
    if (rc == DURA_OK)
        memcpy(out, found, n_out * sizeof *out);
    return rc;
}

static const dura_backend xgb_backend = {(uint32_t)sizeof(dura_backend), 1, 0, "org.dura.example.xgboost", "1.0", xgb_mem_req,
                                         xgb_open, xgb_io, xgb_run, NULL, xgb_close, NULL, NULL};

static const dura_backend *xgb_query(const dura_backend_host *host, uint32_t max_minor)
{
    (void)host, (void)max_minor;
    return &xgb_backend;
}

DURA_PLUGIN_VISIBLE extern const dura_backend_entry dura_backend_entry_v1;
const dura_backend_entry dura_backend_entry_v1 = {DURA_BACKEND_MAGIC, sizeof(dura_backend_entry), 1, 0, DURA_PLUGIN_DETERMINISTIC,
                                                  "org.dura.example.xgboost", "1.0", xgb_query};
