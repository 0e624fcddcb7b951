/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Durable append of 200-byte records, 1, 64 and 1000 per commit: the log on POSIX files
 * (frame, CRC, Merkle tree, seals and all) against a plain preallocated file with pwrite
 * and fdatasync, and SQLite in WAL mode with synchronous=FULL, table (id integer primary
 * key, rec blob). The three take turns in one run on one disk, so a ratio of medians is
 * what to quote. Plain file and log alike have their blocks before the clock starts: a
 * run fits into the segment that init() made. Then the processor's share alone, on
 * storage in memory: append() and what the worker does per record.
 *
 *   bench_log [folder, default .] [rounds, default 5]
 */
#include <dura/host/crypto.h>
#include <dura/host/storage.h>
#include <dura/log.h>

#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { RECORD = 200, SEGMENT = 1 << 26, ROUNDS_MAX = 31, MEMORY = 1 << 26 };

static uint8_t record[1024][RECORD];
static char folder[512];
static uint64_t *object;
static const size_t object_bytes = 8u << 20;

static void need(int ok, const char *what)
{
    if (!ok) {
        fprintf(stderr, "bench_log: %s\n", what);
        exit(3);
    }
}

/* Seconds on the wall, or of this process alone: other jobs do not count in those. */
static clockid_t watch = CLOCK_MONOTONIC;

static double now_s(void)
{
    struct timespec t;
    clock_gettime(watch, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(double *v, int n)
{
    qsort(v, (size_t)n, sizeof *v, by_value);
    return v[n / 2];
}

static void path_of(char *out, size_t n, const char *name) { snprintf(out, n, "%s/%s", folder, name); }

static void clean(void)
{
    char cmd[1100];
    snprintf(cmd, sizeof cmd, "rm -rf '%s'/bench-*", folder);
    need(system(cmd) == 0, "clean up");
    sync();
}

/* ---- ours --------------------------------------------------------------------------- */

static dura_log *open_log(const dura_region *security, const dura_region *decision,
                          dura_sodium *keys, dura_port *port, uint32_t batch)
{
    static const uint8_t seed[32] = {1};
    dura_log_config cfg = DURA_LOG_CONFIG_INIT;
    dura_time now = {0};
    dura_log *log;

    memset(port, 0, sizeof *port);
    port->struct_size = (uint32_t)sizeof *port;
    port->region[DURA_REGION_SECURITY] = security;
    port->region[DURA_REGION_DECISION] = decision;
    need(dura_sodium_init(keys, seed, 0, NULL, NULL, NULL) == 0, "keys");
    port->crypto = &keys->crypto;
    cfg.n_rings = 1;
    cfg.ring_bytes = 1u << 20;
    cfg.buffer_bytes = batch * 280u + 4096u;
    cfg.segment_bytes = SEGMENT;
    cfg.commit_records = batch;
    need(dura_log_bytes(&cfg, port) <= object_bytes, "object");
    need(dura_log_init(&log, object, object_bytes, &cfg, port, &now) == 0, "init");
    return log;
}

/* n records, batch by batch; seconds in *append and *step. */
static void feed(dura_log *log, uint32_t n, uint32_t batch, double *append, double *step)
{
    uint8_t payload[RECORD + 3] = {0x10, 0x58, RECORD};
    dura_log_entry e;
    double t[3];

    memset(&e, 0, sizeof e);
    e.struct_size = (uint32_t)sizeof e;
    e.log = DURA_LOG_DECISION;
    e.kind = DURA_REC_DECISION;
    e.source = 1;
    e.n_pairs = 1;
    for (uint32_t i = 0; i < n; i += batch) {
        t[0] = now_s();
        for (uint32_t j = 0; j < batch; j++) {
            memcpy(payload + 3, record[(i + j) % 1024], RECORD);
            e.time.mono_ns = (int64_t)(i + j) * 1000;
            need(dura_log_append(log, 0, &e, payload, sizeof payload) == 0, "append");
        }
        t[1] = now_s();
        need(dura_log_step(log, &e.time, UINT32_MAX) >= 0, "step");
        t[2] = now_s();
        *append += t[1] - t[0];
        *step += t[2] - t[1];
    }
}

static double ours(uint32_t n, uint32_t batch)
{
    static dura_files f[2];
    static dura_sodium keys;
    dura_port port;
    char path[2][600];
    double append = 0, step = 0;

    for (int i = 0; i < 2; i++) {
        path_of(path[i], sizeof path[i], i ? "bench-decision" : "bench-security");
        need(dura_files_open(&f[i], path[i], SEGMENT, DURA_FILES_CREATE, NULL) == 0, "folder");
    }
    dura_log *log = open_log(&f[0].region, &f[1].region, &keys, &port, batch);
    feed(log, n, batch, &append, &step);
    /* a new segment commits by itself, so the last group may still be open */
    need(dura_log_durable(log) + batch >= n, "durable");
    dura_files_close(&f[0]);
    dura_files_close(&f[1]);
    dura_sodium_deinit(&keys);
    return append + step;
}

/* ---- peers ---------------------------------------------------------------------------- */

/* Blocks and zeros first, not timed; then pwrite and fdatasync per batch. */
static double plain(uint32_t n, uint32_t batch)
{
    static uint8_t buf[1024 * RECORD];
    char path[600];
    double t;

    path_of(path, sizeof path, "bench-plain");
    int fd = open(path, O_RDWR | O_CREAT | O_TRUNC, 0600);
    need(fd >= 0, path);
    memset(buf, 0, sizeof buf);
    for (uint64_t at = 0; at < (uint64_t)n * RECORD; at += sizeof buf)
        need(pwrite(fd, buf, sizeof buf, (off_t)at) == (ssize_t)sizeof buf, "preallocate");
    need(fsync(fd) == 0, "fsync");
    t = now_s();
    for (uint32_t i = 0; i < n; i += batch) {
        for (uint32_t j = 0; j < batch; j++)
            memcpy(buf + j * RECORD, record[(i + j) % 1024], RECORD);
        need(pwrite(fd, buf, (size_t)batch * RECORD, (off_t)i * RECORD) == (ssize_t)(batch * RECORD), "pwrite");
        need(fdatasync(fd) == 0, "fdatasync");
    }
    t = now_s() - t;
    close(fd);
    return t;
}

static double sqlite(uint32_t n, uint32_t batch)
{
    char path[600];
    sqlite3 *db;
    sqlite3_stmt *st;
    double t;

    path_of(path, sizeof path, "bench-sqlite");
    need(sqlite3_open(path, &db) == 0, path);
    need(sqlite3_exec(db, "pragma journal_mode=wal; pragma synchronous=full;"
                          "create table log(id integer primary key, rec blob)", NULL, NULL, NULL) == 0, "table");
    need(sqlite3_prepare_v2(db, "insert into log(rec) values(?)", -1, &st, NULL) == 0, "prepare");
    t = now_s();
    for (uint32_t i = 0; i < n; i += batch) {
        need(sqlite3_exec(db, "begin", NULL, NULL, NULL) == 0, "begin");
        for (uint32_t j = 0; j < batch; j++) {
            sqlite3_bind_blob(st, 1, record[(i + j) % 1024], RECORD, SQLITE_STATIC);
            need(sqlite3_step(st) == SQLITE_DONE, "insert");
            sqlite3_reset(st);
        }
        need(sqlite3_exec(db, "commit", NULL, NULL, NULL) == 0, "commit");
    }
    t = now_s() - t;
    sqlite3_finalize(st);
    sqlite3_close(db);
    return t;
}

static void durable(uint32_t batch, uint32_t n, int rounds)
{
    double v[3][ROUNDS_MAX], m[3];

    for (int r = 0; r < rounds; r++) {
        v[0][r] = n / ours(n, batch);
        clean();
        v[1][r] = n / plain(n, batch);
        clean();
        v[2][r] = n / sqlite(n, batch);
        clean();
    }
    for (int i = 0; i < 3; i++)
        m[i] = median(v[i], rounds);
    printf("%4u per commit  dura %9.0f/s  plain file %9.0f/s (%3.0f %%)  SQLite FULL %9.0f/s (x%.2f)\n",
           batch, m[0], m[1], 100 * m[0] / m[1], m[2], m[0] / m[2]);
    fflush(stdout);
}

/* ---- the processor's share ---------------------------------------------------------------- */

typedef struct memory { uint8_t *p; } memory;

static int mem_read(void *user, uint64_t off, void *buf, size_t n)
{
    memcpy(buf, ((memory *)user)->p + off, n);
    return 0;
}

static int mem_prog(void *user, uint64_t off, const void *buf, size_t n)
{
    memcpy(((memory *)user)->p + off, buf, n);
    return 0;
}

static int mem_erase(void *user, uint64_t off, size_t n)
{
    memset(((memory *)user)->p + off, 0, n);
    return 0;
}

static void processor(uint32_t batch, uint32_t n, int rounds)
{
    static memory m[2];
    static dura_sodium keys;
    double a[ROUNDS_MAX], s[ROUNDS_MAX];
    dura_region region[2];
    dura_port port;

    for (int r = 0; r < rounds; r++) {
        double append = 0, step = 0;
        for (int i = 0; i < 2; i++) {
            m[i].p = malloc(MEMORY);
            need(m[i].p != NULL, "memory");
            memset(m[i].p, 0, MEMORY);  /* page faults are not the log's */
            region[i] = (dura_region){(uint32_t)sizeof region[i], SEGMENT, 1, 0, MEMORY, &m[i],
                                      mem_read, mem_prog, mem_erase, NULL};
        }
        feed(open_log(&region[0], &region[1], &keys, &port, batch), n, batch, &append, &step);
        a[r] = append / n * 1e9;
        s[r] = step / n * 1e9;
        free(m[0].p);
        free(m[1].p);
    }
    printf("%4u per commit  append %4.0f ns  worker %4.0f ns per record (SHA-256: %s)\n", batch,
           median(a, rounds), median(s, rounds), dura_sha256_name());
}

int main(int argc, char **argv)
{
    int rounds = argc > 2 ? atoi(argv[2]) : 5;
    uint64_t seed = 1;

    snprintf(folder, sizeof folder, "%s", argc > 1 ? argv[1] : ".");
    need(rounds > 0 && rounds <= ROUNDS_MAX, "rounds");
    object = malloc(object_bytes);
    need(object != NULL, "memory");
    for (size_t i = 0; i < sizeof record; i++) {
        seed = seed * 6364136223846793005u + 1442695040888963407u;
        ((uint8_t *)record)[i] = (uint8_t)(seed >> 56);
    }
    watch = CLOCK_PROCESS_CPUTIME_ID;
    processor(64, 128000, rounds);
    processor(1000, 200000, rounds);
    watch = CLOCK_MONOTONIC;
    clean();
    durable(1, 2000, rounds);
    durable(64, 128000, rounds);
    durable(1000, 200000, rounds);
    free(object);
    return 0;
}
