/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The rules of docs/backend.md, tried on a plug-in: each check in a process of its own, so
 * that a crash or a hang is an answer like any other.
 */
#define _GNU_SOURCE
#include "dura_backend.h"

#include <dura/host/crypto.h>

#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <math.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { GUARD = 64, CANARY = 0xA5, REPEATS = 1000, QUIET_RUNS = 1000, TIMED = 2000, LATE_RUNS = 50, REOPENS = 100, FLIPS = 200 };
#define UNWRITTEN 0x7FC0DEADu

/* One open instance with canaries around its memory, its inputs and its outputs. */
typedef struct rig {
    const dura_backend_entry *entry;
    const dura_backend *b;
    uint8_t *raw;               /* GUARD, instance, GUARD */
    void *inst;
    size_t bytes;
    dura_backend_io io;
    float in[DURA_MODEL_INPUTS_MAX + 1];
    float room[GUARD + DURA_OUTPUTS_MAX + 1 + GUARD];
    float *out;
} rig;

static __attribute__((format(printf, 3, 4))) void say(kit_result *r, int verdict, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    (void)vsnprintf(r->text, sizeof r->text, fmt, ap);
    va_end(ap);
    r->verdict = verdict;
}

/* ---- instances ----------------------------------------------------------------------------- */

static int enter(const kit *k, rig *g, kit_result *r)
{
    dura_error err;
    dura_plugin *p = NULL;
    memset(g, 0, sizeof *g);
    g->out = g->room + GUARD;
    int rc = dura_plugin_load(&p, k->path, k->digest, NULL, &err);
    if (rc != DURA_OK) {
        say(r, KIT_FAIL, "%s: %.180s", dura_errname(rc), err.text);
        return rc;
    }
    g->entry = dura_plugin_entry(p);
    g->b = dura_plugin_backend(p);
    return DURA_OK;
}

static int open_as(const kit *k, rig *g, const void *image, size_t len)
{
    size_t align = 0;
    int32_t rc = g->b->mem_req(k->config, image, len, &g->bytes, &align);
    if (rc != DURA_OK)
        return rc;
    if (align == 0 || align > 16 || (align & (align - 1)))
        return DURA_EALIGN;
    void *raw = NULL;
    if (posix_memalign(&raw, 16, g->bytes + 2u * GUARD) != 0)
        return DURA_ENOSPC;
    g->raw = raw;
    memset(g->raw, CANARY, g->bytes + 2u * GUARD);
    g->inst = g->raw + GUARD;
    rc = g->b->open(g->inst, k->config, image, len);
    if (rc == DURA_OK) {
        g->io = (dura_backend_io)DURA_BACKEND_IO_INIT;
        rc = g->b->io(g->inst, &g->io);
    }
    return rc;
}

static void shut(rig *g)
{
    if (g->b->close)
        g->b->close(g->inst);
    free(g->raw);
    g->raw = NULL;
}

/* Loaded and open, shapes in range; 0, or the result has been said. */
static int begin(const kit *k, rig *g, kit_result *r)
{
    if (enter(k, g, r) != DURA_OK)
        return -1;
    int rc = open_as(k, g, k->image, k->image_len);
    if (rc != DURA_OK) {
        say(r, KIT_FAIL, "does not open: %d %s", rc, rc > -100 ? dura_strerror(rc) : "");
        return -1;
    }
    if (g->io.n_inputs < 1 || g->io.n_inputs > DURA_MODEL_INPUTS_MAX || g->io.n_outputs < 1 ||
        g->io.n_outputs > DURA_OUTPUTS_MAX) {
        say(r, KIT_FAIL, "%u inputs, %u outputs", g->io.n_inputs, g->io.n_outputs);
        return -1;
    }
    return 0;
}

/* A second instance of the same plug-in. */
static int beside(const kit *k, const rig *g, rig *other, kit_result *r)
{
    memset(other, 0, sizeof *other);
    other->entry = g->entry;
    other->b = g->b;
    other->out = other->room + GUARD;
    int rc = open_as(k, other, k->image, k->image_len);
    if (rc != DURA_OK)
        say(r, KIT_FAIL, "a second instance does not open: %d", rc);
    return rc;
}

static const char *memory_touched(const rig *g)
{
    for (size_t i = 0; i < GUARD; i++)
        if (g->raw[i] != CANARY || g->raw[GUARD + g->bytes + i] != CANARY)
            return g->raw[i] != CANARY ? "memory before the instance was written to" : "memory behind the instance was written to";
    return NULL;
}

/* run() between canaries; *what stays NULL when it kept to its place. */
static int32_t run(rig *g, int64_t deadline_ns, const char **what)
{
    static float before[DURA_MODEL_INPUTS_MAX];
    const uint32_t mark = UNWRITTEN;
    size_t n_in = g->io.n_inputs, n_out = g->io.n_outputs;
    *what = NULL;
    memcpy(before, g->in, n_in * sizeof *before);
    for (size_t i = 0; i < sizeof g->room / sizeof *g->room; i++)
        memcpy(&g->room[i], &mark, sizeof mark);
    int32_t rc = g->b->run(g->inst, g->in, n_in, g->out, n_out, deadline_ns);
    if (memcmp(before, g->in, n_in * sizeof *before) != 0)
        *what = "run wrote to its inputs";
    for (size_t i = 0; i < sizeof g->room / sizeof *g->room; i++) {
        int own = i >= GUARD && i < GUARD + n_out;
        if ((memcmp(&g->room[i], &mark, sizeof mark) == 0) == own && (rc == DURA_OK || !own))
            *what = own ? "run returned 0 and left an output unwritten" : i < GUARD ? "run wrote before its outputs" : "run wrote behind its outputs";
    }
    if (rc > 0)
        *what = "run returned a code above 0";
    return rc;
}

static uint64_t next(uint64_t *state)
{
    uint64_t z = (*state += 0x9E3779B97F4A7C15u);
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9u;
    z = (z ^ z >> 27) * 0x94D049BB133111EBu;
    return z ^ z >> 31;
}

/* Finite: near 1, in thousands, whole numbers, or any bits. */
static void fill(rig *g, uint64_t *seed)
{
    for (size_t i = 0; i < g->io.n_inputs; i++) {
        uint64_t u = next(seed);
        uint32_t bits = (uint32_t)(u >> 32);
        float f = (float)(int32_t)bits / 2147483648.0f;
        f = (u & 3u) == 0 ? f : (u & 3u) == 1 ? f * 1000.0f : (float)((int32_t)bits >> 24);
        if ((u & 3u) == 3)
            memcpy(&f, &bits, sizeof f);
        g->in[i] = isfinite(f) ? f : 0.0f;
    }
}

static uint64_t now_ns(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* ---- the checks ------------------------------------------------------------------------------ */

static void try_entry(const kit *k, kit_result *r, kit_about *about)
{
    rig g;
    if (enter(k, &g, r) != DURA_OK)
        return;
    (void)snprintf(about->id, sizeof about->id, "%s", g.entry->id);
    (void)snprintf(about->version, sizeof about->version, "%s", g.entry->version);
    about->features = g.entry->features;
    if (g.entry->features & DURA_PLUGIN_SANITIZER)
        say(r, KIT_LOST, "built with a sanitizer: not for a product");
    else
        say(r, KIT_PASS, "major %u, needs minor %u", g.entry->abi_major, g.entry->abi_minor_needed);
}

static void try_memory(const kit *k, kit_result *r, kit_about *about)
{
    rig g;
    size_t bytes = 0, again = 0, align = 0;
    (void)about;
    if (enter(k, &g, r) != DURA_OK)
        return;
    for (int i = 0; i < 3; i++) {
        int32_t rc = g.b->mem_req(k->config, k->image, k->image_len, &again, &align);
        if (rc != DURA_OK || (i && again != bytes) || align == 0 || align > 16 || (align & (align - 1))) {
            say(r, KIT_FAIL, "mem_req: code %d, %zu then %zu bytes, alignment %zu", rc, bytes, again, align);
            return;
        }
        bytes = again;
    }
    if (begin(k, &g, r) != 0)
        return;
    const char *what = memory_touched(&g);
    for (int i = 0; i < 100 && !what; i++) {
        (void)run(&g, k->deadline_ns, &what);
        what = memory_touched(&g);
    }
    say(r, what ? KIT_FAIL : KIT_PASS, what ? "%s" : "%s%zu bytes, alignment %zu", what ? what : "", bytes, align);
}

static void try_io(const kit *k, kit_result *r, kit_about *about)
{
    rig g;
    if (begin(k, &g, r) != 0)
        return;
    for (int i = 0; i < 10; i++) {
        dura_backend_io io = DURA_BACKEND_IO_INIT;
        if (g.b->io(g.inst, &io) != DURA_OK || io.n_inputs != g.io.n_inputs || io.n_outputs != g.io.n_outputs) {
            say(r, KIT_FAIL, "%u inputs and %u outputs, then %u and %u", g.io.n_inputs, g.io.n_outputs, io.n_inputs, io.n_outputs);
            return;
        }
    }
    about->n_in = g.io.n_inputs;
    about->n_out = g.io.n_outputs;
    say(r, KIT_PASS, "%u inputs, %u outputs", g.io.n_inputs, g.io.n_outputs);
}

static void try_shapes(const kit *k, kit_result *r, kit_about *about)
{
    rig g;
    (void)about;
    if (begin(k, &g, r) != 0)
        return;
    size_t n_in = g.io.n_inputs, n_out = g.io.n_outputs;
    const size_t wrong[][2] = {{n_in - 1, n_out}, {n_in + 1, n_out}, {n_in, n_out - 1}, {n_in, n_out + 1}, {0, n_out}, {n_in, 0}};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        if (g.b->run(g.inst, g.in, wrong[i][0], g.out, wrong[i][1], 0) >= 0) {
            say(r, KIT_FAIL, "run took %zu inputs and %zu outputs", wrong[i][0], wrong[i][1]);
            return;
        }
    say(r, KIT_PASS, "%zu wrong shapes refused", sizeof wrong / sizeof *wrong);
}

static void try_outputs(const kit *k, kit_result *r, kit_about *about)
{
    rig g;
    uint64_t seed = 1;
    const char *what;
    (void)about;
    if (begin(k, &g, r) != 0)
        return;
    for (int i = 0; i < REPEATS; i++) {
        fill(&g, &seed);
        (void)run(&g, 0, &what);
        if (what || memory_touched(&g)) {
            say(r, KIT_FAIL, "%s", what ? what : memory_touched(&g));
            return;
        }
    }
    say(r, KIT_PASS, "%d runs between canaries", REPEATS);
}

/* Golden vector i against a run. 1 next, 0 no more, -1 said. */
static int golden(const kit *k, rig *g, const dura_ext_selftest *t, uint32_t i, kit_result *r)
{
    dura_selftest v = DURA_SELFTEST_INIT;
    const char *what;
    int32_t rc = t->vector(g->inst, i, &v);
    if (rc == DURA_ENOENT)
        return 0;
    if (rc != DURA_OK || v.n_in != g->io.n_inputs || v.n_out != g->io.n_outputs || !v.in || !v.out || !(v.tolerance >= 0.0f)) {
        say(r, KIT_FAIL, "vector %u is none: code %d", i, rc);
        return -1;
    }
    memcpy(g->in, v.in, v.n_in * sizeof *v.in);
    rc = run(g, k->deadline_ns, &what);
    for (uint32_t o = 0; o < v.n_out && rc == DURA_OK && !what; o++)
        if (memcmp(&g->out[o], &v.out[o], 4) != 0 && !(v.tolerance > 0.0f && fabsf(g->out[o] - v.out[o]) <= v.tolerance)) {
            say(r, KIT_FAIL, "vector %u, output %u: %.9g, golden %.9g +- %g", i, o, (double)g->out[o], (double)v.out[o], (double)v.tolerance);
            return -1;
        }
    if (rc == DURA_OK && !what)
        return 1;
    say(r, KIT_FAIL, "vector %u: code %d %s", i, rc, what ? what : "");
    return -1;
}

static void try_golden(const kit *k, kit_result *r, kit_about *about)
{
    rig g;
    uint32_t n = 0;
    int more = 1;
    (void)about;
    if (begin(k, &g, r) != 0)
        return;
    const dura_ext_selftest *t = g.b->get_extension ? g.b->get_extension(g.inst, DURA_EXT_SELFTEST) : NULL;
    if (!t || t->struct_size < sizeof *t || !t->vector) {
        say(r, t ? KIT_FAIL : KIT_LOST, t ? "its table is short or empty" : "no dura.selftest/1: nothing says the model is whole");
        return;
    }
    while (n < 10000 && (more = golden(k, &g, t, n, r)) == 1)
        n++;
    if (more == 0)
        say(r, n ? KIT_PASS : KIT_LOST, "%u vectors", n);
}

/* Rows of one seed through g, others through `noise` in between; a hash of all answers. */
static uint64_t answers(rig *g, rig *noise, int rows)
{
    uint64_t seed = 7, other = 8, hash = 14695981039346656037u;
    const char *what;
    for (int i = 0; i < rows; i++) {
        if (noise) {
            fill(noise, &other);
            (void)run(noise, 0, &what);
        }
        fill(g, &seed);
        int32_t rc = run(g, 0, &what);
        const uint8_t *p = (const uint8_t *)g->out;
        for (size_t b = 0; rc == DURA_OK && b < g->io.n_outputs * sizeof(float); b++)
            hash = (hash ^ p[b]) * 1099511628211u;
    }
    return hash;
}

static void try_repeat(const kit *k, kit_result *r, kit_about *about)
{
    static rig g, h, noise;
    (void)about;
    if (begin(k, &g, r) != 0 || beside(k, &g, &h, r) != DURA_OK || beside(k, &g, &noise, r) != DURA_OK)
        return;
    int same = answers(&g, NULL, REPEATS) == answers(&h, &noise, REPEATS);
    if (same)
        say(r, KIT_PASS, "%d rows twice, another instance in between: the same bits", REPEATS);
    else
        say(r, g.entry->features & DURA_PLUGIN_DETERMINISTIC ? KIT_FAIL : KIT_LOST, "the same rows gave other bits in another instance");
}

static void try_reset(const kit *k, kit_result *r, kit_about *about)
{
    static rig g;
    (void)about;
    if (begin(k, &g, r) != 0)
        return;
    uint64_t first = answers(&g, NULL, 100);
    if (g.b->reset && g.b->reset(g.inst) != DURA_OK)
        say(r, KIT_FAIL, "reset failed");
    else if (answers(&g, NULL, 100) == first)
        say(r, KIT_PASS, g.b->reset ? "it forgets" : "no history");
    else
        say(r, g.entry->features & DURA_PLUGIN_DETERMINISTIC ? KIT_FAIL : KIT_LOST, g.b->reset ? "reset does not forget" : "it has history and no reset");
}

/* ---- quiet -------------------------------------------------------------------------------- */

static kit_result *trapped;

static void on_system_call(int sig, siginfo_t *info, void *context)
{
    (void)sig, (void)context;
    trapped->system_call = info->si_syscall;
    _exit(0);
}

/* From here on every system call but the end ends the process, by way of the handler. */
static int forbid_system_calls(kit_result *r)
{
    struct sock_filter rules[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_exit_group, 3, 0),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_rt_sigreturn, 2, 0),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_clock_gettime, 1, 0),      /* no vdso here or there */
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRAP),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    const struct sock_fprog program = {(unsigned short)(sizeof rules / sizeof *rules), rules};
    struct sigaction act;
    memset(&act, 0, sizeof act);
    act.sa_sigaction = on_system_call;
    act.sa_flags = SA_SIGINFO;
    trapped = r;
    if (sigaction(SIGSYS, &act, NULL) != 0 || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
        return -1;
    return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0 ? 0 : -1;
}

static void try_quiet(const kit *k, kit_result *r, kit_about *about)
{
    static rig g;
    int64_t allocations, kept, locks;
    (void)about;
    if (begin(k, &g, r) != 0)
        return;
    int bad = g.entry->features & (DURA_PLUGIN_NOHEAP_RUN | DURA_PLUGIN_STANDALONE) ? KIT_FAIL : KIT_LOST;
    (void)answers(&g, NULL, 10);
    kit_count_start();
    (void)answers(&g, NULL, QUIET_RUNS);
    kit_count_stop(&allocations, &kept, &locks);
    if (allocations > 0 || locks > 0) {
        say(r, bad, "%lld allocations and %lld locks in %d runs", (long long)allocations, (long long)locks, QUIET_RUNS);
        return;
    }
    say(r, bad, "run made a system call");
    if (forbid_system_calls(r) != 0) {
        say(r, KIT_LOST, "system calls cannot be watched here; allocations: %lld", (long long)allocations);
        return;
    }
    (void)answers(&g, NULL, QUIET_RUNS);
    say(r, KIT_PASS, "%d runs: no allocation, lock or system call", QUIET_RUNS);
    if (allocations < 0)
        say(r, KIT_LOST, "no system call in %d runs; allocations cannot be counted in this build", QUIET_RUNS);
}

/* ---- inputs --------------------------------------------------------------------------------- */

static void try_random(const kit *k, kit_result *r, kit_about *about)
{
    static rig g;
    uint64_t seed = 42, refused = 0, unbounded = 0;
    const char *what;
    (void)about;
    if (begin(k, &g, r) != 0)
        return;
    for (uint64_t i = 0; i < k->runs; i++) {
        fill(&g, &seed);
        int32_t rc = run(&g, 0, &what);
        refused += rc != DURA_OK;
        for (size_t o = 0; rc == DURA_OK && o < g.io.n_outputs; o++)
            if (!isfinite(g.out[o])) {
                unbounded++;
                break;
            }
        if (what || memory_touched(&g)) {
            say(r, KIT_FAIL, "input %llu: %s", (unsigned long long)i, what ? what : memory_touched(&g));
            return;
        }
    }
    say(r, KIT_PASS, "%llu inputs, %llu refused, %llu answers not finite (the guard bounds them)", (unsigned long long)k->runs,
        (unsigned long long)refused, (unsigned long long)unbounded);
}

static void try_special(const kit *k, kit_result *r, kit_about *about)
{
    static const uint32_t odd[] = {0x7FC00000u, 0xFFC00000u, 0x7F800001u, 0x7F800000u, 0xFF800000u, 0x7F7FFFFFu, 0xFF7FFFFFu,
                                   0x00000001u, 0x80000000u};
    static rig g;
    const char *what;
    (void)about;
    if (begin(k, &g, r) != 0)
        return;
    for (size_t v = 0; v < sizeof odd / sizeof *odd; v++)
        for (size_t at = 0; at <= g.io.n_inputs; at++) {
            memset(g.in, 0, sizeof g.in);
            for (size_t i = 0; i < g.io.n_inputs; i++)
                if (i == at || at == g.io.n_inputs)
                    memcpy(&g.in[i], &odd[v], 4);
            say(r, KIT_FAIL, "input %zu is 0x%08x", at, (unsigned)odd[v]);
            (void)run(&g, 0, &what);
            if (what) {
                say(r, KIT_FAIL, "input %zu is 0x%08x: %s", at, (unsigned)odd[v], what);
                return;
            }
        }
    say(r, KIT_PASS, "NaN, infinities, largest, smallest, -0 at every input");
}

/* ---- time ------------------------------------------------------------------------------------ */

static int up(const void *a, const void *b)
{
    uint64_t x, y;
    memcpy(&x, a, sizeof x);
    memcpy(&y, b, sizeof y);
    return (x > y) - (x < y);
}

static uint64_t declared(const rig *g)
{
    dura_timing t = DURA_TIMING_INIT;
    const dura_ext_timing *e = g->b->get_extension ? g->b->get_extension(g->inst, DURA_EXT_TIMING) : NULL;
    return e && e->struct_size >= sizeof *e && e->query && e->query(g->inst, &t) == DURA_OK ? t.declared_ns : 0;
}

/* n runs in order of time. */
static void timed(rig *g, uint64_t *ns, int n, int64_t deadline_ns)
{
    uint64_t seed = 3;
    for (int i = 0; i < n; i++) {
        fill(g, &seed);
        uint64_t t = now_ns();
        (void)g->b->run(g->inst, g->in, g->io.n_inputs, g->out, g->io.n_outputs, deadline_ns);
        ns[i] = now_ns() - t;
    }
    qsort(ns, (size_t)n, sizeof *ns, up);
}

static void try_deadline(const kit *k, kit_result *r, kit_about *about)
{
    static rig g;
    static uint64_t ns[TIMED];
    if (begin(k, &g, r) != 0)
        return;
    timed(&g, ns, LATE_RUNS, k->deadline_ns);
    uint64_t half = ns[LATE_RUNS / 2], limit = (uint64_t)k->deadline_ns, promised = declared(&g);
    if (half > limit) {
        say(r, KIT_FAIL, "half of %d runs took %llu us and more, the deadline was %llu us", LATE_RUNS, (unsigned long long)half / 1000,
            (unsigned long long)limit / 1000);
        return;
    }
    timed(&g, ns, TIMED, 0);
    about->p50_ns = ns[TIMED / 2];
    about->worst_ns = ns[TIMED - 1];
    if (promised && ns[0] > promised)
        say(r, KIT_FAIL, "dura.timing/1 declares %llu ns, the fastest of %d runs took %llu ns", (unsigned long long)promised, TIMED,
            (unsigned long long)ns[0]);
    else
        say(r, KIT_PASS, "p50 %llu ns, worst %llu ns, declared %llu ns, deadline %llu us", (unsigned long long)about->p50_ns,
            (unsigned long long)about->worst_ns, (unsigned long long)promised, (unsigned long long)limit / 1000);
}

/* ---- life --------------------------------------------------------------------------------------- */

static void try_reopen(const kit *k, kit_result *r, kit_about *about)
{
    static rig g;
    int64_t allocations, kept, locks;
    (void)about;
    if (begin(k, &g, r) != 0)
        return;
    uint64_t first = answers(&g, NULL, 10);
    shut(&g);
    for (int i = 0; i < REOPENS; i++) {
        if (i == 10)
            kit_count_start();
        int rc = open_as(k, &g, k->image, k->image_len);
        if (rc != DURA_OK || answers(&g, NULL, 10) != first) {
            say(r, rc == DURA_OK && !(g.entry->features & DURA_PLUGIN_DETERMINISTIC) ? KIT_LOST : KIT_FAIL,
                rc == DURA_OK ? "opened again it answers otherwise (%d)" : "does not open again: %d", rc);
            return;
        }
        shut(&g);
    }
    kit_count_stop(&allocations, &kept, &locks);
    if (kept >= REOPENS - 10)
        say(r, KIT_FAIL, "close keeps memory: %lld blocks after %d times", (long long)kept, REOPENS - 10);
    else
        say(r, KIT_PASS, "%d times, the same answers, no memory kept", REOPENS);
}

static int damaged_opens(const kit *k, rig *g, const void *image, size_t len)
{
    int rc = open_as(k, g, image, len);
    if (rc == DURA_OK) {
        shut(g);
        return 1;
    }
    free(g->raw);
    g->raw = NULL;
    return 0;
}

static void try_damaged(const kit *k, kit_result *r, kit_about *about)
{
    static rig g;
    uint64_t seed = 5, accepted = 0, cut = 0;
    (void)about;
    if (enter(k, &g, r) != DURA_OK)
        return;
    uint8_t *copy = malloc(k->image_len);
    size_t step = k->image_len / 64 + 1;
    for (size_t len = k->image_len - 1; copy && len > 0; len = len > step ? len - step : 0) {
        uint8_t *exact = malloc(len);
        if (exact) {
            memcpy(exact, k->image, len);
            say(r, KIT_FAIL, "image cut to %zu bytes", len);
            cut += (uint64_t)damaged_opens(k, &g, exact, len);
        }
        free(exact);
    }
    for (int i = 0; copy && i < FLIPS; i++) {
        uint64_t bit = next(&seed) % (8u * (uint64_t)k->image_len);
        memcpy(copy, k->image, k->image_len);
        copy[bit / 8] ^= (uint8_t)(1u << bit % 8);
        say(r, KIT_FAIL, "bit %llu of the image flipped", (unsigned long long)bit);
        accepted += (uint64_t)damaged_opens(k, &g, copy, k->image_len);
    }
    free(copy);
    say(r, KIT_PASS, "no crash; %llu cut images and %llu of %d flips open (dura's digest refuses them first)", (unsigned long long)cut,
        (unsigned long long)accepted, FLIPS);
}

/* ---- extensions -------------------------------------------------------------------------------- */

static const struct known {
    const char *name;
    size_t bytes;
} known[] = {{DURA_EXT_MODEL_ID, sizeof(dura_ext_model_id)}, {DURA_EXT_CONFIDENCE, sizeof(dura_ext_confidence)},
             {DURA_EXT_ATTRIBUTION, sizeof(dura_ext_attribution)}, {DURA_EXT_TIMING, sizeof(dura_ext_timing)},
             {DURA_EXT_SELFTEST, sizeof(dura_ext_selftest)}, {DURA_EXT_TENSOR, sizeof(dura_ext_tensor)},
             {DURA_EXT_BATCH, sizeof(dura_ext_batch)}, {DURA_EXT_ASYNC, sizeof(dura_ext_async)},
             {DURA_EXT_SWAP, sizeof(dura_ext_swap)}, {DURA_EXT_ZERO_COPY, sizeof(dura_ext_zero_copy)}};
enum { KNOWN = sizeof known / sizeof *known, KEPT_BY_BOOT = 5 };

static int model_id_wrong(const kit *k, const rig *g)
{
    dura_model_id id = DURA_MODEL_ID_INIT;
    const dura_ext_model_id *e = g->b->get_extension(g->inst, DURA_EXT_MODEL_ID);
    if (!e || e->query(g->inst, &id) != DURA_OK)
        return e != NULL;
    if (!memchr(id.name, 0, sizeof id.name) || !memchr(id.version, 0, sizeof id.version) || !memchr(id.training, 0, sizeof id.training))
        return 1;
    return id.digest_scope == DURA_SCOPE_IMAGE && memcmp(id.digest, k->image_digest, 32) != 0;
}

static void try_extensions(const kit *k, kit_result *r, kit_about *about)
{
    static rig g;
    if (begin(k, &g, r) != 0)
        return;
    if (g.b->get_extension && (g.b->get_extension(g.inst, "dura.nothing/1") || g.b->get_extension(g.inst, ""))) {
        say(r, KIT_FAIL, "an unknown name is answered with a table");
        return;
    }
    for (uint32_t i = 0; g.b->get_extension && i < KNOWN; i++) {
        const void *table = g.b->get_extension(g.inst, known[i].name);
        uint32_t size = 0;
        if (!table)
            continue;
        memcpy(&size, table, sizeof size);
        if (size < known[i].bytes || table != g.b->get_extension(g.inst, known[i].name)) {
            say(r, KIT_FAIL, "%s: %u bytes of %zu, or another table the second time", known[i].name, size, known[i].bytes);
            return;
        }
        about->offers |= i < KEPT_BY_BOOT ? 1u << i : 0;
    }
    if (g.b->get_extension && model_id_wrong(k, &g)) {
        say(r, KIT_FAIL, "dura.model-id/1 names other bytes than the image, or a text without an end");
        return;
    }
    const char *without[KEPT_BY_BOOT];
    for (uint32_t i = 0; i < KEPT_BY_BOOT; i++)
        without[i] = about->offers >> i & 1u ? "" : known[i].name;
    say(r, about->offers == 31 ? KIT_PASS : KIT_LOST, about->offers == 31 ? "all five%s%s%s%s%s" : "without %s %s %s %s %s", without[0],
        without[1], without[2], without[3], without[4]);
}

const kit_check kit_checks[KIT_CHECKS] = {
    {"entry", "loads by digest; mark, size, major, minor and names fit", try_entry},
    {"memory", "mem_req is constant; the instance keeps to its memory", try_memory},
    {"io", "shapes are in range and constant", try_io},
    {"shapes", "run refuses other shapes", try_shapes},
    {"outputs", "run writes all its outputs and nothing else", try_outputs},
    {"golden", "golden vectors come out as declared", try_golden},
    {"repeat", "same inputs, same bits, whatever runs beside it", try_repeat},
    {"reset", "reset forgets; without reset there is no history", try_reset},
    {"quiet", "run does not allocate, lock, print or do I/O", try_quiet},
    {"random", "random finite inputs", try_random},
    {"special", "NaN, infinities, extremes do no harm", try_special},
    {"deadline", "run is back by its deadline and within what it declares", try_deadline},
    {"reopen", "closed and opened again it is as new, and keeps no memory", try_reopen},
    {"damaged", "damaged images do no harm", try_damaged},
    {"extensions", "names, tables and the model's digest are right", try_extensions},
};

/* ---- processes ---------------------------------------------------------------------------------- */

static void judge_end(const kit *k, int status, kit_result *r)
{
    char last[KIT_TEXT];
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0) {
        if (r->system_call >= 0)
            (void)snprintf(r->text, sizeof r->text, "run made system call %d", r->system_call);
        return;
    }
    memcpy(last, r->text, sizeof last);
    r->verdict = KIT_FAIL;
    if (WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM)
        (void)snprintf(r->text, sizeof r->text, "not back after %u s. %.180s", k->seconds, last);
    else
        (void)snprintf(r->text, sizeof r->text, "crashed (%s). %.150s",
                       WIFSIGNALED(status) ? strsignal(WTERMSIG(status)) : "it ended the process", last);
}

int kit_run(const kit *k, kit_result *results, kit_about *about)
{
    struct page {
        kit_result results[KIT_CHECKS];
        kit_about about;
    } *page = mmap(NULL, sizeof *page, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (page == MAP_FAILED)
        return -1;
    for (int i = 0; i < KIT_CHECKS; i++) {
        int status = 0;
        page->results[i].system_call = -1;
        (void)fflush(NULL);
        pid_t pid = fork();
        if (pid < 0)
            return -1;
        if (pid == 0) {
            (void)alarm(k->seconds);
            kit_checks[i].run(k, &page->results[i], &page->about);
            _exit(0);
        }
        while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
            continue;
        judge_end(k, status, &page->results[i]);
    }
    memcpy(results, page->results, sizeof page->results);
    *about = page->about;
    (void)munmap(page, sizeof *page);
    return 0;
}
