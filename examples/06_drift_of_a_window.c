/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A model that is fed by vibration windows, and a change no window's limits would see. The
 * features of each window are numbers: they are the frame's channels, references are learned
 * from clean ones, and the guard's monitor watches them like any channel.
 */
#include <dura/dura.h>
#include <dura/host/record.h>
#include <dura/host/session.h>

#include <stdio.h>
#include <stdlib.h>

enum { WIDTH = 256, CLEAN = 1000, LIVE = 300, CHANGE = 200, N = 3 };
static const int feature[N] = {DURA_WINDOW_RMS, DURA_WINDOW_CREST, DURA_WINDOW_KURTOSIS};
static const char *const name[N] = {"rms", "crest", "kurtosis"};
static uint64_t memory[DURA_BLOCK_BYTES(0, 0, 16) / 8], seed = 1;

static int32_t idle(void *user, const float *in, size_t n_in, float *out, size_t n_out)
{
    (void)user, (void)in, (void)n_in;
    out[0] = 0.0f;
    return n_out == 1 ? 0 : -200;
}

/* Noise; worn: 5 % more of it. The window's own limit is at twice the usual level. */
static int measure(dura_block *b, int64_t t, float worn, float out[N])
{
    float window[WIDTH], all[16];
    dura_block_report r = DURA_BLOCK_REPORT_INIT;
    for (int i = 0; i < WIDTH; i++) {
        int32_t sum = 0;
        for (int k = 0; k < 12; k++)
            seed = seed * 6364136223846793005u + 1442695040888963407u, sum += (int32_t)(seed >> 48);
        window[i] = worn * (float)(sum - 6 * 65535) / 65536.0f;
    }
    if (dura_block_update(b, t, t, window, sizeof window, 4, &r) || r.action != DURA_PASS || dura_block_features(b, all, 16))
        return -1;
    for (int i = 0; i < N; i++)
        out[i] = all[feature[i]];
    return 0;
}

static int write_policy(const char *path, dura_block *b)
{
    static float clean[N][CLEAN], x[N];
    FILE *f = fopen(path, "w");
    if (!f || fputs("{\"device\": {\"name\": \"gearbox\"}, \"outputs\": [{\"name\": \"y\", \"lo\": 0, \"hi\": 1, \"safe\": 0}], \"channels\": [", f) < 0)
        return -1;
    for (int w = 0; w < CLEAN; w++)
        for (int i = measure(b, w * 1000000000ll, 1.0f, x) ? N : 0; i < N; i++)
            clean[i][w] = x[i];
    for (int i = 0; i < N; i++)
        fprintf(f, "%s{\"name\": \"%s\"}", i ? ", " : "", name[i]);
    fprintf(f, "], \"drift\": {\"arl0_s\": 2592000, \"period_ms\": 1000, \"references\": [");
    for (int i = 0; i < N; i++) {
        dura_drift_reference r = DURA_DRIFT_REFERENCE_INIT;
        if (dura_drift_learn(&r, clean[i], NULL, CLEAN, 0))
            return -1;
        fprintf(f, "%s{\"of\": \"%s\", \"n\": %u, \"mean\": %.9g, \"deviation\": %.9g}", i ? ", " : "", name[i], (unsigned)r.n,
                (double)r.mean, (double)r.deviation);
    }
    return fprintf(f, "]}}\n") < 0 || fclose(f) != 0 ? -1 : 0;
}

static int tell(const char *run, dura_error *err)
{
    dura_records *all;
    dura_record r = {.struct_size = sizeof r};
    uint64_t kind = 0, channel = 0, window = 0;
    if (dura_records_open(&all, run, 0, err))
        return 1;
    while (dura_records_next(all, &r, err) == 1)
        if (r.kind == DURA_REC_FACT && dura_record_uint(&r, 16, &kind) == 0 && kind == DURA_FACT_DRIFT &&
            (dura_record_uint(&r, 18, &channel) == 0) && dura_record_uint(&r, 25, &window) == 0 && channel < N)
            printf("window %d: %s drifted\n", (int)window, name[channel]);
    dura_records_close(all);
    return 0;
}

int main(void)
{
    char dir[] = "/tmp/dura_example_XXXXXX", path[3][64], cmd[64];
    dura_block_config c = DURA_BLOCK_CONFIG_INIT;
    dura_session_options o = DURA_SESSION_OPTIONS_INIT;
    dura_fn fn = {sizeof fn, N, 1, idle, NULL};
    dura_session *s;
    dura_block *b;
    dura_error err;
    c.kind = DURA_BLOCK_F32, c.width = WIDTH, c.checks = DURA_B_LEVEL;
    c.fail_lo[DURA_WINDOW_RMS] = 0.5f, c.fail_hi[DURA_WINDOW_RMS] = 2.0f;
    if (!mkdtemp(dir) || dura_block_init(&b, memory, sizeof memory, &c))
        return 1;
    for (int i = 0; i < 3; i++)
        snprintf(path[i], sizeof path[i], "%s/%s", dir, i == 0 ? "policy.json" : i == 1 ? "run" : "state");
    o.policy = path[0], o.call = &fn, o.call_id = "idle 1", o.out = path[1], o.state = path[2];
    if (write_policy(path[0], b) || dura_session_open(&s, &o, &err))
        return 1;
    for (int w = 0; w < LIVE; w++) {
        dura_frame f = DURA_FRAME_INIT;
        dura_decision d = DURA_DECISION_INIT;
        float x[N];
        if (measure(b, (CLEAN + w) * 1000000000ll, w < CHANGE ? 1.0f : 1.05f, x))
            return 1;
        f.n = N, f.frame = (uint64_t)w, f.values = x, f.time.mono_ns = w * 1000000000ll;
        if (dura_session_step(s, &f, &d, &err))
            return 1;
    }
    printf("5 %% more vibration from window %d on; each window passes its own limits\n", CHANGE);
    snprintf(cmd, sizeof cmd, "rm -r %s", dir);
    return dura_session_close(s, &err) || tell(path[1], &err) || system(cmd);
}

/* Output:
 * 5 % more vibration from window 200 on; each window passes its own limits
 * window 247: rms drifted
 */
