/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Trees beside XGBoost's own library, in one process, on one model: one row answered, and
 * one row taken apart into contributions.
 *
 *   bench_trees [LIBXGBOOST.so MODEL.json IMAGE.bin [require]]
 *
 * bench/bench_trees.py trains the model, packs it and calls this. Without words it says so.
 * XGBoost has one thread and its fastest call for a row (XGBoosterPredictFromDense, its
 * array interface written once); for contributions it gets its matrix ready made and unpaid.
 * Medians over rounds, the two by turns. With `require` a claim that does not hold is exit 1.
 */
#include <dura/host/shap.h>

#include <dlfcn.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { ROWS = 1000, ROUNDS = 15, IN_MAX = 64 };

typedef void *handle;
typedef int (*create_fn)(const handle *, uint64_t, handle *);
typedef int (*load_fn)(handle, const char *);
typedef int (*param_fn)(handle, const char *, const char *);
typedef int (*matrix_fn)(const float *, uint64_t, uint64_t, float, handle *);
typedef int (*free_fn)(handle);
typedef int (*dense_fn)(handle, const char *, const char *, handle, const uint64_t **, uint64_t *, const float **);
typedef int (*predict_fn)(handle, handle, const char *, const uint64_t **, uint64_t *, const float **);

static struct { load_fn load; param_fn param; matrix_fn matrix; free_fn drop; dense_fn dense; predict_fn predict; create_fn create; } xgb;
static handle booster, matrix[ROWS];
static float x[ROWS][IN_MAX], proxy[IN_MAX];
static char array[256];
static size_t n_in;
static uint64_t inst[2];
static dura_shap *shap;
static int bad;

static void require(int ok, const char *what)
{
    if (ok)
        return;
    fprintf(stderr, "bench_trees: %s\n", what);
    exit(2);
}

static void find(void *lib, const char *name, void *out)
{
    void *p = dlsym(lib, name);
    require(p != NULL, name);
    memcpy(out, &p, sizeof p);
}

static void open_library(const char *lib, const char *model)
{
    void *so = dlopen(lib, RTLD_NOW | RTLD_LOCAL);
    require(so != NULL, "no libxgboost");
    find(so, "XGBoosterCreate", &xgb.create);
    find(so, "XGBoosterLoadModel", &xgb.load);
    find(so, "XGBoosterSetParam", &xgb.param);
    find(so, "XGDMatrixCreateFromMat", &xgb.matrix);
    find(so, "XGDMatrixFree", &xgb.drop);
    find(so, "XGBoosterPredictFromDense", &xgb.dense);
    find(so, "XGBoosterPredictFromDMatrix", &xgb.predict);
    require(xgb.create(NULL, 0, &booster) == 0 && xgb.load(booster, model) == 0 && xgb.param(booster, "nthread", "1") == 0,
            "the model cannot be loaded");
}

static void *read_file(const char *name, size_t *len)
{
    FILE *f = fopen(name, "rb");
    void *p = malloc(1 << 24);
    require(f && p, name);
    *len = fread(p, 1, 1 << 24, f);
    fclose(f);
    return p;
}

static float theirs(size_t row)
{
    static const char config[] = "{\"type\":1,\"training\":false,\"iteration_begin\":0,\"iteration_end\":0,\"missing\":NaN,"
                                 "\"strict_shape\":false,\"cache_id\":0}";
    const uint64_t *shape;
    const float *out;
    uint64_t dim;
    memcpy(proxy, x[row], n_in * sizeof *proxy);
    require(xgb.dense(booster, array, config, NULL, &shape, &dim, &out) == 0, "predict");
    return out[0];
}

static const float *their_shares(size_t row)
{
    static const char config[] = "{\"type\":2,\"training\":false,\"iteration_begin\":0,\"iteration_end\":0,\"strict_shape\":false}";
    const uint64_t *shape;
    const float *out;
    uint64_t dim;
    require(xgb.predict(booster, matrix[row], config, &shape, &dim, &out) == 0, "contributions");
    return out;
}

static float ours(size_t row)
{
    float out = 0;
    require(dura_backend_trees()->run(inst, x[row], n_in, &out, 1, 0) == DURA_OK, "run");
    return out;
}

static void our_shares(size_t row, double *phi, double *base)
{
    double margin;
    require(dura_shap_row(shap, x[row], n_in, phi, base, &margin, 1) == DURA_OK, "dura_shap_row");
}

static double now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static volatile double sink;

static double time_of(int what, size_t rows, int times)
{
    double phi[IN_MAX], base, before = now_ns();
    for (int i = 0; i < times; i++)
        for (size_t row = 0; row < rows; row++) {
            if (what == 0)
                sink = (double)ours(row);
            else if (what == 1)
                sink = (double)theirs(row);
            else if (what == 2)
                our_shares(row, phi, &base);
            else
                sink = (double)*their_shares(row);
        }
    return (now_ns() - before) / (double)rows / times;
}

static int order(const void *a, const void *b)
{
    double d = *(const double *)a - *(const double *)b;
    return d < 0 ? -1 : d > 0;
}

static void race(const char *what, int first, double must, double aim)
{
    double t[2][ROUNDS];
    for (int i = 0; i < ROUNDS; i++) {
        t[0][i] = time_of(first, ROWS, first ? 4 : 20);
        t[1][i] = time_of(first + 1, ROWS / 4, 1);
    }
    qsort(t[0], ROUNDS, sizeof(double), order);
    qsort(t[1], ROUNDS, sizeof(double), order);
    double us = t[0][ROUNDS / 2], them = t[1][ROUNDS / 2];
    printf("%-14s dura %8.0f ns, libxgboost %8.0f ns: 1/%.0f (want 1/%.0f, aim 1/%.0f)%s\n", what, us, them, them / us, must, aim,
           them / us < must ? "  MISSED" : "");
    bad |= them / us < must;
}

static void compare(void)
{
    double phi[IN_MAX], base, apart = 0, scale = 0;
    for (size_t row = 0; row < ROWS; row++) {
        float a = ours(row), b = theirs(row);
        require(memcmp(&a, &b, sizeof a) == 0, "the margins differ");
        const float *want = their_shares(row);
        our_shares(row, phi, &base);
        for (size_t i = 0; i <= n_in; i++) {
            double d = fabs((i < n_in ? phi[i] : base) - (double)want[i]);
            apart = d > apart ? d : apart;
            scale = fabs((double)want[i]) > scale ? fabs((double)want[i]) : scale;
        }
    }
    printf("margins of %d rows: bit for bit; contributions: largest difference %.2g, largest contribution %.3g\n", ROWS, apart, scale);
    require(apart <= 2e-5 * scale, "the contributions differ");
}

int main(int argc, char **argv)
{
    dura_backend_io io = DURA_BACKEND_IO_INIT;
    size_t len;
    if (argc < 4) {
        puts("bench_trees: not run without libxgboost; bench/bench_trees.py has one");
        return 0;
    }
    void *image = read_file(argv[3], &len);
    open_library(argv[1], argv[2]);
    require(dura_backend_trees()->open(inst, NULL, image, len) == DURA_OK && dura_backend_trees()->io(inst, &io) == DURA_OK &&
                io.n_inputs <= IN_MAX && io.n_outputs == 1 && dura_shap_open(&shap, image, len, NULL) == DURA_OK,
            "the image is none for this bench");
    n_in = io.n_inputs;
    snprintf(array, sizeof array, "{\"data\":[%llu,false],\"shape\":[1,%zu],\"typestr\":\"<f4\",\"version\":3}",
             (unsigned long long)(uintptr_t)proxy, n_in);
    srand(1);
    for (size_t row = 0; row < ROWS; row++) {
        for (size_t i = 0; i < n_in; i++)
            x[row][i] = (float)(rand() % 20001 - 10000) / 4000.0f;
        require(xgb.matrix(x[row], 1, n_in, NAN, &matrix[row]) == 0, "matrix");
    }
    compare();
    race("one row", 0, 40, 100);
    race("contributions", 2, 3, 10);
    dura_shap_close(shap);
    free(image);
    return argc > 4 && bad;
}
