/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A backend in a process of its own.
 *
 * One page of shared memory holds shapes, inputs, outputs and the code; a socket pair says
 * whose turn it is, one byte each way. The parent waits with ppoll, so its deadline is
 * monotonic and a child that dies wakes it at once. The model's bytes are the parent's,
 * seen by the child as fork leaves them.
 */
#define _GNU_SOURCE
#include <dura/host/backend.h>
#include <dura/host/crypto.h>

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { LOAD_MS = 10000, RUN_US = 100000, OURS = 3 };
enum { ASK_RUN = 'r', ASK_RESET = '0', ASK_CLOSE = 'c', ANSWER = '.' };

/* Written by one side at a time: the byte on the socket hands it over. */
typedef struct shared {
    int32_t rc;
    uint32_t n_in, n_out;
    uint32_t reserved;
    int64_t deadline_ns;
    dura_backend_io io;
    float in[DURA_MODEL_INPUTS_MAX];
    float out[DURA_OUTPUTS_MAX];
} shared;

typedef struct isolated {
    shared *page;
    int fd;
    int32_t broken;          /* what every further call returns; 0: works */
    pid_t child;
    uint32_t run_us;
    uint32_t n_in, n_out;
} isolated;

/* ---- the child --------------------------------------------------------------------------- */

typedef struct inside {
    const dura_backend *table;
    void *mem;
} inside;

static int32_t open_inside(inside *k, const dura_isolated *c, const void *image, size_t len, dura_backend_io *io)
{
    dura_plugin *plugin = NULL;
    size_t bytes = 0, align = 0;
    int32_t rc = DURA_OK;
    k->table = c->backend;
    if (c->path) {
        rc = dura_plugin_load(&plugin, c->path, c->plugin_digest, NULL, NULL);
        k->table = dura_plugin_backend(plugin);
    }
    if (rc == DURA_OK)
        rc = k->table->mem_req(c->config, image, len, &bytes, &align);
    if (rc != DURA_OK)
        return rc;
    if (posix_memalign(&k->mem, 16, bytes ? bytes : 1) != 0)
        return DURA_ENOSPC;
    rc = k->table->open(k->mem, c->config, image, len);
    return rc == DURA_OK ? k->table->io(k->mem, io) : rc;
}

/* What a stranger's code does not need: our files, more rights, a dump, to outlive us. */
static int fence(int fd, uint32_t memory_mib, pid_t parent)
{
    const struct rlimit none = {0, 0};
    const struct rlimit room = {(rlim_t)memory_mib << 20, (rlim_t)memory_mib << 20};
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || getppid() != parent)
        return -1;
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 || setrlimit(RLIMIT_CORE, &none) != 0)
        return -1;
    if (memory_mib && setrlimit(RLIMIT_AS, &room) != 0)
        return -1;
    if (fd != OURS && dup2(fd, OURS) < 0)
        return -1;
    long top = sysconf(_SC_OPEN_MAX);
    if (close_range(OURS + 1, ~0u, 0) != 0)
        for (int i = OURS + 1; i < (top > 0 && top < 65536 ? (int)top : 65536); i++)
            (void)close(i);
    return 0;
}

static void say_done(int32_t rc, shared *page)
{
    const char answer = ANSWER;
    page->rc = rc;
    if (write(OURS, &answer, 1) != 1)
        _exit(1);
}

static void serve(inside *k, shared *page)
{
    char ask;
    while (read(OURS, &ask, 1) == 1 && ask != ASK_CLOSE) {
        if (ask == ASK_RUN)
            say_done(k->table->run(k->mem, page->in, page->n_in, page->out, page->n_out, page->deadline_ns), page);
        else
            say_done(k->table->reset ? k->table->reset(k->mem) : DURA_OK, page);
    }
    if (k->table->close)
        k->table->close(k->mem);
}

static void child(const dura_isolated *c, const void *image, size_t len, shared *page, int fd, pid_t parent)
{
    inside k = {NULL, NULL};
    if (fence(fd, c->memory_mib, parent) != 0)
        _exit(1);
    page->io = (dura_backend_io)DURA_BACKEND_IO_INIT;
    int32_t rc = open_inside(&k, c, image, len, &page->io);
    say_done(rc, page);
    if (rc == DURA_OK)
        serve(&k, page);
    _exit(0);
}

/* ---- the parent --------------------------------------------------------------------------- */

static int64_t now_ns(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static void end_child(isolated *s)
{
    if (s->child > 0) {
        (void)kill(s->child, SIGKILL);
        while (waitpid(s->child, NULL, 0) < 0 && errno == EINTR)
            continue;
    }
    s->child = 0;
}

static int32_t broke(isolated *s, int32_t code)
{
    end_child(s);
    s->broken = code;
    return code;
}

/* Wait for the answer; what comes too late or never is for good. */
static int32_t await(isolated *s, int64_t wait_ns)
{
    int64_t until = now_ns() + wait_ns;
    for (;;) {
        int64_t left = until - now_ns();
        struct timespec t = {0, 0};
        struct pollfd p = {s->fd, POLLIN, 0};
        char answer;
        if (left > 0) {
            t.tv_sec = (time_t)(left / 1000000000);
            t.tv_nsec = (long)(left % 1000000000);
        }
        int n = ppoll(&p, 1, &t, NULL);
        if (n < 0 && errno == EINTR)
            continue;
        if (n == 0)
            return broke(s, DURA_ETIME);
        return n > 0 && read(s->fd, &answer, 1) == 1 && answer == ANSWER ? s->page->rc : broke(s, DURA_EIO);
    }
}

static int32_t ask(isolated *s, char what, int64_t wait_ns)
{
    if (send(s->fd, &what, 1, MSG_NOSIGNAL) != 1)
        return broke(s, DURA_EIO);
    return await(s, wait_ns);
}

/* ---- the table ------------------------------------------------------------------------------ */

static int32_t isolated_config(const void *config, const void *image, size_t len)
{
    const dura_isolated *c = config;
    uint8_t found[DURA_HASH_BYTES];
    if (!c || !image || !len || c->struct_size < sizeof *c || !c->path == !c->backend || (c->path && !c->plugin_digest))
        return DURA_EINVAL;
    if (!c->image_digest)
        return DURA_OK;
    dura_sha256_query(found, image, len);
    return memcmp(found, c->image_digest, sizeof found) == 0 ? DURA_OK : DURA_EAUTH;
}

static int32_t isolated_mem_req(const void *config, const void *image, size_t len, size_t *bytes, size_t *align)
{
    int32_t rc = isolated_config(config, image, len);
    if (!bytes || !align)
        return DURA_EINVAL;
    *bytes = sizeof(isolated);
    *align = 8;
    return rc;
}

static void isolated_close(void *inst)
{
    isolated *s = inst;
    const char what = ASK_CLOSE;
    struct pollfd p = {s->fd, POLLIN, 0};
    if (!s->broken && send(s->fd, &what, 1, MSG_NOSIGNAL) == 1)
        (void)poll(&p, 1, 1000); /* it may close in peace: until it is gone, a second at most */
    end_child(s);
    (void)close(s->fd);
    (void)munmap(s->page, sizeof *s->page);
}

static int32_t begin(isolated *s, const dura_isolated *c, const void *image, size_t len)
{
    int pair[2];
    pid_t parent = getpid();
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0)
        return DURA_EIO;
    s->page = mmap(NULL, sizeof *s->page, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    s->child = s->page == MAP_FAILED ? -1 : fork();
    if (s->child == 0)
        child(c, image, len, s->page, pair[1], parent);
    (void)close(pair[1]);
    s->fd = pair[0];
    if (s->child > 0)
        return DURA_OK;
    (void)close(s->fd);
    if (s->page != MAP_FAILED)
        (void)munmap(s->page, sizeof *s->page);
    return DURA_ENOSPC;
}

static int32_t isolated_open(void *inst, const void *config, const void *image, size_t len)
{
    const dura_isolated *c = config;
    isolated *s = inst;
    int32_t rc = isolated_config(config, image, len);
    if (rc != DURA_OK || !inst)
        return rc == DURA_OK ? DURA_EINVAL : rc;
    memset(s, 0, sizeof *s);
    s->run_us = c->run_us ? c->run_us : RUN_US;
    rc = begin(s, c, image, len);
    if (rc != DURA_OK)
        return rc;
    rc = await(s, (int64_t)(c->load_ms ? c->load_ms : LOAD_MS) * 1000000);
    s->n_in = s->page->io.n_inputs;
    s->n_out = s->page->io.n_outputs;
    if (rc == DURA_OK && (s->n_in < 1 || s->n_in > DURA_MODEL_INPUTS_MAX || s->n_out < 1 || s->n_out > DURA_OUTPUTS_MAX))
        rc = DURA_EINVAL;
    if (rc != DURA_OK)
        isolated_close(s);
    return rc > 0 ? DURA_EINVAL : rc;
}

static int32_t isolated_io(const void *inst, dura_backend_io *out)
{
    const isolated *s = inst;
    out->n_inputs = (uint16_t)s->n_in;
    out->n_outputs = (uint16_t)s->n_out;
    return DURA_OK;
}

static int32_t isolated_run(void *inst, const float *in, size_t n_in, float *out, size_t n_out, int64_t deadline_ns)
{
    isolated *s = inst;
    if (!in || !out || n_in != s->n_in || n_out != s->n_out)
        return DURA_EINVAL;
    if (s->broken)
        return s->broken;
    memcpy(s->page->in, in, n_in * sizeof *in);
    s->page->n_in = s->n_in;
    s->page->n_out = s->n_out;
    s->page->deadline_ns = deadline_ns;
    int32_t rc = ask(s, ASK_RUN, deadline_ns > 0 ? deadline_ns : (int64_t)s->run_us * 1000);
    if (rc == DURA_OK)
        memcpy(out, s->page->out, n_out * sizeof *out);
    return rc;
}

static int32_t isolated_reset(void *inst)
{
    isolated *s = inst;
    return s->broken ? s->broken : ask(s, ASK_RESET, (int64_t)s->run_us * 1000);
}

const dura_backend *dura_backend_isolated(void)
{
    static const dura_backend table = {sizeof table, 1, 0, "org.dura.isolated", "1", isolated_mem_req, isolated_open,
                                       isolated_io, isolated_run, isolated_reset, isolated_close, NULL, NULL};
    return &table;
}
