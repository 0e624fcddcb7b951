/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bench_link.c - what it costs to know where a frame comes from.
 *
 * Frames of 16 channels (64 bytes of values) are opened and go through all five sensor checks;
 * the same for frames of about 64 bytes in all (5 or 6 channels), opened only. Beside it, from the
 * same run: the CRC alone over 64 bytes, SipHash and HMAC of libsodium over as many bytes, our
 * HMAC with its pads made for every message and with pads made once, and the sensor alone.
 * Every receiver gets new numbers each round, sealed outside the timing. The median of nine
 * rounds counts.
 */
#define _POSIX_C_SOURCE 199309L
#include <dura/host/crypto.h>
#include <dura/link.h>
#include <dura/sensor.h>

#include "link/dura_link_priv.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { N = 16, FRAMES = 512, ROUNDS = 9, REPEAT = 40, ROOM = 128 };

static uint8_t frames[FRAMES][ROOM];
static float values[FRAMES][N];
static size_t len;
static uint64_t memory[3][DURA_LINK_BYTES / 8];
static uint64_t sensor_memory[DURA_SENSOR_BYTES(N) / 8];
static dura_sodium keys;
static dura_sensor *sensor;
static int64_t now;
static uint32_t sink;

static const uint8_t key[32] = "a key of thirty-two bytes, shown";

static void must(int holds)
{
    if (!holds)
        exit(1);
}

static double seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(double *t)
{
    qsort(t, ROUNDS, sizeof *t, ascending);
    return t[ROUNDS / 2];
}

static int persist(void *user, uint32_t epoch)
{
    (void)user;
    (void)epoch;
    return 0;
}

/* ---- links ------------------------------------------------------------------------- */

static dura_link *make(int which, uint8_t profile, uint16_t n)
{
    dura_link_config cfg = DURA_LINK_CONFIG_INIT;
    dura_link_key k = DURA_LINK_KEY_INIT;
    dura_link *l;
    cfg.n_channels = n;
    cfg.least = profile;
    cfg.crypto = &keys.crypto;
    k.id = 1, k.profile = profile;
    k.slot = profile == DURA_LINK_HMAC ? DURA_KEY_LINK : 0;
    if (profile == DURA_LINK_SIPHASH)
        memcpy(k.sip, key, sizeof k.sip);
    must(dura_link_init(&l, memory[which], sizeof memory[which], &cfg) == DURA_OK);
    must(dura_link_attach(l, &k) == DURA_OK);
    return l;
}

static void seal_all(dura_link *from, uint16_t n)
{
    for (int f = 0; f < FRAMES; f++) {
        len = ROOM;
        now += 1000000;
        must(dura_link_seal(from, now, values[f], NULL, NULL, n, frames[f], &len) == DURA_OK);
    }
}

static void open_all(dura_link *to, int checks)
{
    for (int f = 0; f < FRAMES; f++) {
        dura_frame frame = DURA_FRAME_INIT;
        dura_link_report report = DURA_LINK_REPORT_INIT;
        dura_sensor_report said = DURA_SENSOR_REPORT_INIT;
        float got[N], usable[N];
        uint8_t missing[N];
        must(dura_link_open(to, frames[f], len, &frame, got, missing, &report) == DURA_OK);
        if (checks)
            must(dura_sensor_update(sensor, frame.time.mono_ns, got, missing, N, usable, &said) == DURA_OK &&
                 said.action == DURA_PASS);
        sink += said.action;
    }
}

static double link_ns(uint8_t profile, uint16_t n, int checks)
{
    dura_link *from = make(0, profile, n), *to = make(1, profile, n);
    double t[ROUNDS];
    must(dura_link_start(from, 0, persist, NULL) == DURA_OK);
    for (int r = 0; r < ROUNDS; r++) {
        t[r] = 0;
        for (int k = 0; k < REPEAT; k++) {
            seal_all(from, n);
            double t0 = seconds();
            open_all(to, checks);
            t[r] += (seconds() - t0) * 1e9 / ((double)FRAMES * REPEAT);
        }
    }
    return median(t);
}

/* A flood: frames of another key, one byte of them noise. */
static double flood_ns(uint8_t profile, int head_wrong)
{
    dura_link *from = make(0, profile, N), *to = make(1, profile, N);
    double t[ROUNDS];
    must(dura_link_start(from, 0, persist, NULL) == DURA_OK);
    seal_all(from, N);
    for (int f = 0; f < FRAMES; f++)
        frames[f][head_wrong ? 6 : 40] ^= 1;
    for (int r = 0; r < ROUNDS; r++) {
        double t0 = seconds();
        for (int k = 0; k < REPEAT; k++)
            for (int f = 0; f < FRAMES; f++) {
                dura_frame frame = DURA_FRAME_INIT;
                dura_link_report report = DURA_LINK_REPORT_INIT;
                float got[N];
                uint8_t missing[N];
                must(dura_link_open(to, frames[f], len, &frame, got, missing, &report) == DURA_EAUTH);
            }
        t[r] = (seconds() - t0) * 1e9 / ((double)FRAMES * REPEAT);
    }
    return median(t);
}

/* ---- tags alone --------------------------------------------------------------------- */

static void crc(const uint8_t *p, size_t n, uint8_t out[32]) { durai_put32(out, durai_link_crc(p, n)); }
static void siphash(const uint8_t *p, size_t n, uint8_t out[32]) { durai_put64(out, durai_link_siphash(key, p, n)); }
static void sodium_siphash(const uint8_t *p, size_t n, uint8_t out[32]) { crypto_shorthash(out, p, n, key); }
static void sodium_hmac(const uint8_t *p, size_t n, uint8_t out[32]) { crypto_auth_hmacsha256(out, p, n, key); }
static void hmac(const uint8_t *p, size_t n, uint8_t out[32]) { dura_sha256_hmac(out, key, sizeof key, p, n); }
static void keyed_hmac(const uint8_t *p, size_t n, uint8_t out[32])
{
    must(keys.crypto.mac(keys.crypto.user, DURA_KEY_LINK, p, n, out) == 0);
}

static double tag_ns(void (*make_tag)(const uint8_t *, size_t, uint8_t *), size_t n)
{
    double t[ROUNDS];
    uint8_t out[32];
    for (int r = 0; r < ROUNDS; r++) {
        double t0 = seconds();
        for (int k = 0; k < REPEAT; k++)
            for (int f = 0; f < FRAMES; f++) {
                make_tag(frames[f], n, out);
                sink += out[0];
            }
        t[r] = (seconds() - t0) * 1e9 / ((double)FRAMES * REPEAT);
    }
    return median(t);
}

static double sensor_ns(void)
{
    double t[ROUNDS];
    for (int r = 0; r < ROUNDS; r++) {
        double t0 = seconds();
        for (int k = 0; k < REPEAT; k++)
            for (int f = 0; f < FRAMES; f++) {
                dura_sensor_report said = DURA_SENSOR_REPORT_INIT;
                float usable[N];
                now += 1000000;
                must(dura_sensor_update(sensor, now, values[f], NULL, N, usable, &said) == DURA_OK);
                sink += said.action;
            }
        t[r] = (seconds() - t0) * 1e9 / ((double)FRAMES * REPEAT);
    }
    return median(t);
}

/* ---- what goes through -------------------------------------------------------------- */

static void prepare(void)
{
    dura_sensor_config cfg = DURA_SENSOR_CONFIG_INIT;
    dura_sensor_channel c = DURA_SENSOR_CHANNEL_INIT;
    uint32_t x = 1;
    cfg.n_channels = N;
    must(dura_sensor_init(&sensor, sensor_memory, sizeof sensor_memory, &cfg) == DURA_OK);
    c.checks = DURA_CHECK_TIME | DURA_CHECK_FINITE | DURA_CHECK_RANGE | DURA_CHECK_RATE | DURA_CHECK_FLAT;
    c.fail_lo = -10.0f, c.suspect_lo = -8.0f, c.suspect_hi = 8.0f, c.fail_hi = 10.0f;
    c.rate_suspect = 5000.0f, c.rate_fail = 10000.0f, c.flat_tolerance = 1e-4f;
    c.flat_suspect_ns = 50000000, c.flat_fail_ns = 100000000, c.hold_ns = 1000000000;
    for (uint16_t i = 0; i < N; i++)
        must(dura_sensor_attach(sensor, i, &c) == DURA_OK);
    for (int f = 0; f < FRAMES; f++)
        for (int i = 0; i < N; i++) {
            x = x * 1664525u + 1013904223u;
            values[f][i] = (float)(x >> 8) * (1.0f / 16777216.0f) * 4.0f - 2.0f;
        }
    must(sodium_init() >= 0);
    must(dura_sodium_init(&keys, NULL, 0, NULL, NULL, NULL) == DURA_OK);
    must(dura_sodium_key(&keys, DURA_KEY_LINK, key, sizeof key) == DURA_OK);
}

int main(void)
{
    static const char *const name[] = {"", "HMAC-SHA-256/128", "SipHash-2-4/64", "CRC-32 (not secure)"};
    prepare();
    printf("sensor alone, 16 channels, 5 checks: %.0f ns a frame; SHA-256 by %s\n", sensor_ns(), dura_sha256_name());
    for (uint8_t p = DURA_LINK_HMAC; p <= DURA_LINK_CRC; p++) {
        double whole = link_ns(p, N, 1), opened;
        size_t bytes = len;
        opened = link_ns(p, p == DURA_LINK_HMAC ? 5 : 6, 0);
        printf("%-20s %4.0f ns a frame of 16 channels (%u bytes), opened and checked; %.0f ns one of %u bytes, opened\n",
               name[p], whole, (unsigned)bytes, opened, (unsigned)len);
    }
    for (uint8_t p = DURA_LINK_HMAC; p <= DURA_LINK_SIPHASH; p++)
        printf("%-20s %4.0f ns to refuse a forged frame, %.0f ns one of another source\n", name[p], flood_ns(p, 0),
               flood_ns(p, 1));
    for (size_t n = 48; n <= 96; n += 16)
        printf("tag of %u bytes, ns: CRC %.0f, SipHash %.0f (libsodium %.0f), HMAC %.0f, with its pads made each time "
               "%.0f (libsodium %.0f)\n", (unsigned)n, tag_ns(crc, n), tag_ns(siphash, n), tag_ns(sodium_siphash, n),
               tag_ns(keyed_hmac, n), tag_ns(hmac, n), tag_ns(sodium_hmac, n));
    printf("memory: %u bytes a link\n", (unsigned)dura_link_bytes(&(dura_link_config){.struct_size = sizeof(dura_link_config), .n_channels = N}));
    return sink == 0;
}
