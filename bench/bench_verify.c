/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How fast a closed pair of logs is verified: 300,000 records of 200 bytes in the decision
 * log, an epoch sealed every 4,096, by one thread from cached files. The peer in the same
 * run is the bare work nobody can save: reading the files and hashing every record once as
 * an RFC 6962 leaf, without tree, frames, CBOR or signatures.
 *
 *   bench_verify [folder, default .]
 */
#include <dura/host/crypto.h>
#include <dura/host/record.h>
#include <dura/host/storage.h>
#include <dura/host/verify.h>
#include <dura/log.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

enum { RECORDS = 300000, RUNS = 9, SEGMENT = 1 << 22 };

static double now_s(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t); /* one thread: what others do on the machine is not ours */
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static int up(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void must(int rc, const char *what)
{
    if (rc < 0) {
        fprintf(stderr, "bench_verify: %s: %d\n", what, rc);
        exit(1);
    }
}

static void write_logs(const char *run)
{
    static dura_files f[2];
    static dura_sodium keys;
    uint8_t seed[32] = {7}, payload[170];
    char path[2][600];
    dura_port port = {0};
    dura_log_config cfg = DURA_LOG_CONFIG_INIT;
    dura_log_entry e = {0};
    dura_time t = {0};
    dura_log *log;
    for (int i = 0; i < 2; i++) {
        snprintf(path[i], sizeof path[i], "%s/%s.log", run, i ? "decision" : "security");
        must(dura_files_open(&f[i], path[i], SEGMENT, DURA_FILES_CREATE, NULL), path[i]);
        port.region[i] = &f[i].region;
    }
    must(dura_sodium_init(&keys, seed, 0, NULL, NULL, NULL), "keys");
    port.struct_size = sizeof port;
    port.crypto = &keys.crypto;
    cfg.ring_bytes = 1u << 20;
    cfg.buffer_bytes = 1u << 18;
    cfg.segment_bytes = SEGMENT;
    cfg.commit_records = 4096;
    cfg.seal_records = 4096;
    size_t n = dura_log_bytes(&cfg, &port);
    void *mem = malloc(n);
    must(mem ? dura_log_init(&log, mem, n, &cfg, &port, &t) : -1, "init");
    memset(payload, 0x5A, sizeof payload);
    payload[0] = 0x10; /* key 16 */
    payload[1] = 0x58; /* bytes, one byte of length */
    payload[2] = sizeof payload - 3;
    e.struct_size = sizeof e;
    e.log = DURA_LOG_DECISION;
    e.kind = DURA_REC_EVENT;
    e.n_pairs = 1;
    for (int i = 0; i < RECORDS; i++) {
        t.mono_ns = e.time.mono_ns = (int64_t)i * 1000;
        must(dura_log_append(log, 0, &e, payload, sizeof payload), "append");
        if (i % 2048 == 2047)
            must(dura_log_step(log, &t, UINT32_MAX), "step");
    }
    must(dura_log_deinit(log, &t, NULL, 0, 0), "deinit");
    dura_log_status st = DURA_LOG_STATUS_INIT;
    must(dura_log_query(log, &st), "query");
    for (int i = 0; i < 2; i++) {
        must(dura_files_trim(&f[i], st.end[i]), "trim");
        must(dura_files_close(&f[i]), "close");
    }
    must(dura_checkpoint_save(run, NULL), "checkpoints");
    free(mem);
}

static double verify(const char *run)
{
    dura_verify_options o = DURA_VERIFY_OPTIONS_INIT;
    dura_verify_report r = {0};
    r.struct_size = sizeof r;
    double start = now_s();
    must(dura_verify_folder(run, &o, &r, NULL), "verify");
    double s = now_s() - start;
    if (r.word != DURA_VERIFY_UNANCHORED || r.records[1] < RECORDS) {
        fprintf(stderr, "bench_verify: %s: %s\n", dura_verify_word(r.word), r.text);
        exit(1);
    }
    return (double)(r.records[0] + r.records[1]) / s;
}

static double bare(const char *run)
{
    uint8_t digest[1][32], leaf[256];
    double start = now_s(), n = 0;
    for (int k = 0;; k++) {
        char path[600];
        snprintf(path, sizeof path, "%s/decision.log/%08d.seg", run, k);
        FILE *f = fopen(path, "rb");
        if (!f)
            break;
        size_t got;
        while ((got = fread(leaf, 1, 216, f)) == 216) {
            const void *p = leaf + 16;
            size_t len = 200;
            dura_sha256_query_n(0, &p, &len, 1, digest);
            n++;
        }
        fclose(f);
    }
    return n / (now_s() - start);
}

int main(int argc, char **argv)
{
    char run[512];
    double ours[RUNS], floor_[RUNS];
    snprintf(run, sizeof run, "%s/bench_verify.run", argc > 1 ? argv[1] : ".");
    if (mkdir(run, 0755) != 0) {
        fprintf(stderr, "bench_verify: %s is there or cannot be made\n", run);
        return 2;
    }
    write_logs(run);
    for (int i = 0; i < RUNS; i++) {
        ours[i] = verify(run);
        floor_[i] = bare(run);
    }
    qsort(ours, RUNS, sizeof *ours, up);
    qsort(floor_, RUNS, sizeof *floor_, up);
    printf("verify: %.0f records/s, everything checked; bare read and leaf hash %.0f records/s; ratio %.2f (SHA-256: %s)\n",
           ours[RUNS / 2], floor_[RUNS / 2], ours[RUNS / 2] / floor_[RUNS / 2], dura_sha256_name());
    return 0;
}
