/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A plug-in that breaks one rule: its image is "P", two digits that say which, and a sum of
 * the three. 00 breaks none. `dura backend check` has to find each of the others.
 */
#define _POSIX_C_SOURCE 200809L
#include <dura/backend_ext.h>

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <fcntl.h>
#include <time.h>
#include <unistd.h>

/* The faults by number; tests/cli/test_cli_backend.py has the same list. */
enum {
    SOUND, NO_INPUTS, MANY_OUTPUTS, SHAPE_MOVES, ANY_INPUTS, ANY_OUTPUTS, WRITES_BEHIND, WRITES_BEFORE, WRITES_INPUT,
    LEAVES_OUTPUT, REMEMBERS, KEEPS_HEAP, USES_HEAP, LOCKS, PRINTS, OPENS_FILE, NAN_CRASHES, INF_HANGS, LATE, ODD_ALIGN,
    MEMORY_MOVES, OVERRUNS_MEMORY, OPENS_ONCE, LEAKS, WRONG_GOLDEN, WRONG_DIGEST, POSITIVE_CODE, KNOWS_ALL_NAMES,
    EMPTY_TABLE, RESET_FORGETS_NOT, SHARES_STATE, WRITES_IMAGE, READS_BEHIND_IMAGE, SHORT_CRASHES, LIES_ON_TIME
};

typedef struct inst {
    uint32_t fault, runs;
    float memory;
    void *heap;
} inst;

static uint32_t all_runs, opens, asked;
static float everyone;
static volatile int forever = 1;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static void *volatile kept;

static uint32_t fault_of(const void *image) { const char *p = image; return (uint32_t)(p[1] - '0') * 10u + (uint32_t)(p[2] - '0'); }

static int32_t p_mem_req(const void *config, const void *image, size_t len, size_t *bytes, size_t *align)
{
    uint32_t f = len >= 3 ? fault_of(image) : 0;
    (void)config;
    *bytes = sizeof(inst) + (f == MEMORY_MOVES ? 16u * (++asked & 7u) : 0);
    *align = f == ODD_ALIGN ? 3 : 8;
    return DURA_OK;
}

static int32_t p_open(void *mem, const void *config, const void *image, size_t len)
{
    const uint8_t *b = image;
    inst *s = mem;
    (void)config;
    if (len >= 3 && len < 4 && fault_of(image) == SHORT_CRASHES)
        abort();
    if (len != 4 || b[0] != 'P' || b[3] != (uint8_t)(b[0] + b[1] + b[2]))
        return DURA_ECORRUPT;
    memset(s, 0, sizeof *s);
    s->fault = fault_of(image);
    if (s->fault == OPENS_ONCE && opens++)
        return DURA_ESTATE;
    if (s->fault == LEAKS)
        kept = malloc(64);
    if (s->fault == WRITES_IMAGE)
        *(volatile char *)(uintptr_t)image = 'P';
    if (s->fault == READS_BEHIND_IMAGE)
        s->memory = ((const volatile uint8_t *)image)[4] ? 0.0f : 0.0f;
    if (s->fault == OVERRUNS_MEMORY)
        ((volatile uint8_t *)mem)[sizeof *s] = 1;
    return DURA_OK;
}

static int32_t p_io(const void *mem, dura_backend_io *io)
{
    const inst *s = mem;
    io->n_inputs = s->fault == NO_INPUTS ? 0 : 2;
    io->n_outputs = s->fault == MANY_OUTPUTS ? 17 : s->fault == SHAPE_MOVES ? (uint16_t)(1 + (asked++ & 1u)) : 2;
    return DURA_OK;
}

static void loud(uint32_t fault)
{
    if (fault == KEEPS_HEAP)
        kept = malloc(32);
    if (fault == USES_HEAP) {
        void *volatile p = malloc(32);
        free(p);
    }
    if (fault == LOCKS) {
        (void)pthread_mutex_lock(&lock);
        (void)pthread_mutex_unlock(&lock);
    }
    if (fault == PRINTS && write(2, "", 0) != 0)
        abort();
    if (fault == OPENS_FILE)
        (void)close(open("/dev/null", O_RDONLY));
}

static void busy(int64_t ns)
{
    struct timespec a, b;
    (void)clock_gettime(CLOCK_MONOTONIC, &a);
    do
        (void)clock_gettime(CLOCK_MONOTONIC, &b);
    while ((b.tv_sec - a.tv_sec) * 1000000000 + (b.tv_nsec - a.tv_nsec) < ns);
}

static int32_t p_run(void *mem, const float *in, size_t n_in, float *out, size_t n_out, int64_t deadline_ns)
{
    inst *s = mem;
    if ((n_in != 2 && s->fault != ANY_INPUTS) || (n_out != 2 && s->fault != ANY_OUTPUTS))
        return DURA_EINVAL;
    loud(s->fault);
    if (s->fault == NAN_CRASHES && in[0] != in[0])
        abort();
    if (s->fault == INF_HANGS && in[0] > 3.0e38f)
        while (forever)
            continue;
    if (s->fault == LATE && deadline_ns > 0)
        busy(2 * deadline_ns);
    s->runs++;
    all_runs++;
    out[0] = in[0] + 0.5f * (n_in > 1 ? in[1] : 0.0f);
    if (s->fault != LEAVES_OUTPUT && n_out > 1)
        out[1] = -in[0];
    if (s->fault == WRITES_BEHIND)
        out[n_out] = 1.0f;
    if (s->fault == WRITES_BEFORE)
        out[-1] = 1.0f;
    if (s->fault == WRITES_INPUT)
        *(float *)(uintptr_t)in = 0.25f;
    if (s->fault == REMEMBERS)
        out[0] += (float)(all_runs % 3u);
    if (s->fault == RESET_FORGETS_NOT)
        out[0] += s->memory += 1.0f;
    if (s->fault == SHARES_STATE) {
        out[0] += everyone;
        everyone = in[1];
    }
    return s->fault == POSITIVE_CODE ? 1 : DURA_OK;
}

static int32_t p_reset(void *mem)
{
    if (((inst *)mem)->fault == SHARES_STATE)
        everyone = 0.0f;
    return DURA_OK;
}

static void p_close(void *mem) { (void)mem; }

/* ---- what it offers ---------------------------------------------------------------------- */

static int32_t p_vector(const void *mem, uint32_t i, dura_selftest *v)
{
    static const float in[2] = {2.0f, 4.0f}, out[2] = {4.0f, -2.0f}, wrong[2] = {4.5f, -2.0f};
    if (i)
        return DURA_ENOENT;
    v->n_in = v->n_out = 2;
    v->in = in;
    v->out = ((const inst *)mem)->fault == WRONG_GOLDEN ? wrong : out;
    v->tolerance = 0.0f;
    return DURA_OK;
}

static int32_t p_model_id(const void *mem, dura_model_id *id)
{
    id->digest_kind = DURA_DIGEST_SHA256;
    id->digest_scope = ((const inst *)mem)->fault == WRONG_DIGEST ? DURA_SCOPE_IMAGE : DURA_SCOPE_LOADED;
    memcpy(id->name, "planted", 8);
    return DURA_OK;
}

static int32_t p_timing(const void *mem, dura_timing *t)
{
    t->declared_ns = ((const inst *)mem)->fault == LIES_ON_TIME ? 1 : 0;
    return DURA_OK;
}

static const void *p_extension(void *mem, const char *name)
{
    static const dura_ext_selftest selftest = {sizeof selftest, 0, p_vector}, empty = {0, 0, NULL};
    static const dura_ext_model_id model_id = {sizeof model_id, 0, p_model_id};
    static const dura_ext_timing timing = {sizeof timing, 0, p_timing};
    uint32_t fault = ((inst *)mem)->fault;
    if (strcmp(name, DURA_EXT_SELFTEST) == 0)
        return fault == EMPTY_TABLE ? &empty : &selftest;
    if (strcmp(name, DURA_EXT_MODEL_ID) == 0)
        return &model_id;
    if (strcmp(name, DURA_EXT_TIMING) == 0 && fault == LIES_ON_TIME)
        return &timing;
    return fault == KNOWS_ALL_NAMES ? &selftest : NULL;
}

static const dura_backend table = {sizeof table, 1, 0, "dev.dura.planted", "1", p_mem_req, p_open, p_io, p_run,
                                   p_reset, p_close, p_extension, NULL};

static const dura_backend *query(const dura_backend_host *host, uint32_t max_minor)
{
    (void)host, (void)max_minor;
    return &table;
}

DURA_PLUGIN_VISIBLE extern const dura_backend_entry dura_backend_entry_v1;
const dura_backend_entry dura_backend_entry_v1 = {
    DURA_BACKEND_MAGIC, sizeof(dura_backend_entry), 1, 0,
    DURA_PLUGIN_STANDALONE | DURA_PLUGIN_NOHEAP_RUN | DURA_PLUGIN_BOUNDED_TIME | DURA_PLUGIN_DETERMINISTIC,
    "dev.dura.planted", "1", query};
