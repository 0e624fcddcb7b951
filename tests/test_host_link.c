/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The link against libsodium (tags of every length), the provider's keys of tags, and the way of a
 * frame through link and guard into both logs of a run folder.
 */
#include "dt.h"
#include "host/dura_host_sha256.h"
#include "link/dura_link_priv.h"

#include <dura/guard.h>
#include <dura/host/record.h>
#include <dura/host/session.h>
#include <dura/link.h>

#include <sodium.h>

enum { LONGEST = 300 };

static void fill(uint8_t *p, size_t n, uint32_t x)
{
    for (size_t i = 0; i < n; i++) {
        x = x * 1664525u + 1013904223u;
        p[i] = (uint8_t)(x >> 24);
    }
}

DT_TEST(link_tag, siphash_agrees_with_libsodium_for_every_length)
{
    uint8_t key[16], msg[LONGEST + 7], want[8], got[8];
    for (uint32_t round = 0; round < 20; round++) {
        fill(key, sizeof key, round);
        fill(msg, sizeof msg, round + 100);
        for (size_t n = 0; n <= LONGEST; n++) {
            crypto_shorthash(want, msg + round % 7, n, key);
            durai_put64(got, durai_link_siphash(key, msg + round % 7, n));
            dt_mem(got, want, 8, "%zu bytes", n);
        }
    }
}

DT_TEST(sodium_key, tags_agree_with_libsodium_for_every_length_of_key_and_message)
{
    uint8_t key[64], msg[LONGEST], want[32], tag[DURA_TAG_BYTES];
    dura_sodium p;
    fill(key, sizeof key, 7);
    fill(msg, sizeof msg, 8);
    dt_eq(dura_sodium_init(&p, NULL, 0, NULL, NULL, NULL), DURA_OK, "");
    dt_ok(p.crypto.mac == NULL, "no key, no tags");
    for (size_t k = 16; k <= sizeof key; k++) {
        dt_eq(dura_sodium_key(&p, DURA_KEY_LINK, key, k), DURA_OK, "");
        for (size_t n = 0; n <= LONGEST; n++) {
            crypto_auth_hmacsha256_state s;
            crypto_auth_hmacsha256_init(&s, key, k);
            crypto_auth_hmacsha256_update(&s, msg, n);
            crypto_auth_hmacsha256_final(&s, want);
            dt_eq(p.crypto.mac(p.crypto.user, DURA_KEY_LINK, n ? msg : NULL, n, tag), 0, "");
            dt_mem(tag, want, sizeof tag, "key %zu, message %zu", k, n);
        }
    }
    dura_sodium_deinit(&p);
}

DT_TEST(sodium_key, holds_eight_keys_and_gives_none_of_them_for_another)
{
    uint8_t key[32], device[32], tag[2][DURA_TAG_BYTES];
    dura_sodium p;
    fill(device, sizeof device, 99);
    dt_eq(dura_sodium_init(&p, NULL, 0, device, NULL, NULL), DURA_OK, "");
    dt_eq(p.crypto.mac(p.crypto.user, DURA_KEY_DEVICE, "x", 1, tag[0]), 0, "");
    for (uint32_t i = 0; i < DURA_SODIUM_TAGS - 1; i++) {
        fill(key, sizeof key, i);
        dt_eq(dura_sodium_key(&p, DURA_KEY_LINK + i, key, sizeof key), DURA_OK, "%u", i);
    }
    dt_eq(dura_sodium_key(&p, DURA_KEY_LINK + 77, key, sizeof key), DURA_EFULL, "");
    dt_eq(dura_sodium_key(&p, DURA_KEY_LINK, key, sizeof key), DURA_OK, "a slot may get another");
    dt_eq(dura_sodium_key(&p, DURA_KEY_LOG, NULL, 0), DURA_EINVAL, "");
    dt_eq(dura_sodium_key(NULL, DURA_KEY_LINK, key, sizeof key), DURA_EINVAL, "");
    dt_eq(dura_sodium_key(&p, DURA_KEY_LINK, key, 15), DURA_EINVAL, "");
    dt_eq(dura_sodium_key(&p, DURA_KEY_LINK, key, 65), DURA_EINVAL, "");
    dt_eq(p.crypto.mac(p.crypto.user, DURA_KEY_DEVICE, "x", 1, tag[1]), 0, "");
    dt_mem(tag[0], tag[1], DURA_TAG_BYTES, "the device's key is as before");
    dt_eq(dura_sodium_key(&p, DURA_KEY_DEVICE, key, sizeof key), DURA_OK, "a device's own key comes later");
    dt_eq(p.crypto.mac(p.crypto.user, DURA_KEY_DEVICE, "x", 1, tag[1]), 0, "");
    dt_ok(memcmp(tag[0], tag[1], DURA_TAG_BYTES) != 0, "");
    dt_eq(p.crypto.mac(p.crypto.user, DURA_KEY_LINK + 77, "x", 1, tag[1]), DURA_EINVAL, "no such key");
    dt_eq(dura_sodium_key(&p, DURA_KEY_LINK, NULL, 0), DURA_OK, "");
    dt_eq(dura_sodium_key(&p, DURA_KEY_LINK + 77, NULL, 0), DURA_OK, "nothing to wipe");
    dt_eq(p.crypto.mac(p.crypto.user, DURA_KEY_LINK, "x", 1, tag[1]), DURA_EINVAL, "wiped");
    for (size_t i = 0; i < DURA_SODIUM_TAGS; i++)
        if (!p.tag[i].used)
            dt_ok(sodium_is_zero((const unsigned char *)&p.tag[i], sizeof p.tag[i]), "");
    dura_sodium_deinit(&p);
}

/* ---- through link and guard ----------------------------------------------------------- */

static const char policy[] =
    "{\"device\": {\"name\": \"link\", \"mode\": \"observe\"},\n"
    " \"channels\": [{\"name\": \"a\", \"fail_lo\": 0, \"fail_hi\": 10}, {\"name\": \"b\", \"fail_lo\": 0, \"fail_hi\": 10,"
    " \"required\": false, \"max_age_ms\": 1000}],\n"
    " \"outputs\": [{\"name\": \"y\", \"lo\": 0, \"hi\": 80, \"safe\": 20}],\n"
    " \"guard\": {\"hold_ms\": 500}}\n";

static int32_t brain(void *user, const float *in, size_t n_in, float *out, size_t n_out)
{
    (void)user;
    (void)n_in;
    (void)n_out;
    out[0] = in[0];
    return 0;
}

static int persist(void *user, uint32_t epoch)
{
    *(uint32_t *)user = epoch;
    return 0;
}

typedef struct way {
    dura_session *session;
    dura_link *from, *to;
    uint64_t memory[2][DURA_LINK_BYTES / 8];
    uint32_t epoch;
} way;

/* The glue of docs/link.md. */
static int through(way *w, const uint8_t *bytes, size_t len, int64_t now, dura_link_report *report)
{
    dura_frame f = DURA_FRAME_INIT;
    dura_decision d = DURA_DECISION_INIT;
    dura_error err;
    float values[2];
    uint8_t missing[2], pairs[DURA_LINK_EVENT_MAX];
    dura_log_entry e = {.struct_size = sizeof e, .log = DURA_LOG_SECURITY, .kind = DURA_REC_EVENT};
    int rc = dura_link_open(w->to, bytes, len, &f, values, missing, report), n;
    if (report->fact.kind == DURA_FACT_LINK && report->fact.log == DURA_LOG_SECURITY) {
        e.source = report->fact.source;
        e.time.mono_ns = now;
        n = dura_link_event(&report->fact, pairs, sizeof pairs, &e.n_pairs);
        dt_ok(n > 0, "");
        dt_eq(dura_guard_event(dura_session_guard(w->session), &e, pairs, (size_t)n), DURA_OK, "");
    }
    if (rc != DURA_OK || (report->reasons & DURA_L_LATE))
        return rc;
    f.time.mono_ns = now;
    dt_eq(dura_session_step(w->session, &f, &d, &err), DURA_OK, "");
    return d.action;
}

static void connect(way *w)
{
    dura_link_config cfg = DURA_LINK_CONFIG_INIT;
    dura_link_key k = {.struct_size = sizeof k, .id = 1, .profile = DURA_LINK_SIPHASH, .sip = "sixteen bytes!!"};
    cfg.source = 3, cfg.n_channels = 2, cfg.least = DURA_LINK_SIPHASH;
    dt_eq(dura_link_init(&w->from, w->memory[0], sizeof w->memory[0], &cfg), DURA_OK, "");
    dt_eq(dura_link_init(&w->to, w->memory[1], sizeof w->memory[1], &cfg), DURA_OK, "");
    dt_eq(dura_link_attach(w->from, &k), DURA_OK, "");
    dt_eq(dura_link_attach(w->to, &k), DURA_OK, "");
    dt_eq(dura_link_start(w->from, 6, persist, &w->epoch), DURA_OK, "");
}

/* How many records of `kind` hold this text under key 18 (events), or this frame under 16. */
static int count(const char *run, uint16_t kind, const char *id, uint64_t frame)
{
    dura_records *r;
    dura_record rec = {.struct_size = sizeof rec};
    dura_error err;
    int found = 0;
    dt_eq(dura_records_open(&r, run, 0, &err), DURA_OK, "");
    while (dura_records_next(r, &rec, &err) > 0) {
        const char *p;
        size_t n;
        uint64_t v;
        if (rec.kind != kind)
            continue;
        if (id ? dura_record_text(&rec, 18, &p, &n) == DURA_OK && n == strlen(id) && memcmp(p, id, n) == 0
               : dura_record_uint(&rec, 16, &v) == DURA_OK && v == frame)
            found += rec.source == 3;
    }
    dura_records_close(r);
    return found;
}

DT_TEST(link_guard, one_frame_number_in_the_frame_and_in_both_logs)
{
    char dir[] = "/tmp/dura_link_XXXXXX", file[64], run[64], state[64], cmd[96];
    dura_fn fn = {sizeof fn, 2, 1, brain, NULL};
    dura_session_options o = DURA_SESSION_OPTIONS_INIT;
    dura_link_report r = DURA_LINK_REPORT_INIT;
    dura_error err;
    way w;
    uint8_t frame[3][DURA_LINK_FRAME_MAX(2)];
    static const float values[2] = {4.0f, 5.0f};
    static const uint8_t gone[2] = {0, 1};
    dt_ok(mkdtemp(dir) != NULL, "");
    snprintf(file, sizeof file, "%s/policy.json", dir);
    snprintf(run, sizeof run, "%s/run", dir);
    snprintf(state, sizeof state, "%s/state", dir);
    FILE *f = fopen(file, "w");
    dt_ok(f && fputs(policy, f) >= 0 && fclose(f) == 0, "");
    o.policy = file, o.call = &fn, o.call_id = "link", o.out = run, o.state = state;
    if (dura_session_open(&w.session, &o, &err) != DURA_OK) {
        char text[512];
        dt_fail("%s", dura_error_text(&err, text, sizeof text));
    }
    connect(&w);
    size_t len = sizeof frame[0];
    for (int i = 0; i < 3; i++) {
        len = sizeof frame[0];
        dt_eq(dura_link_seal(w.from, i, values, NULL, i == 1 ? gone : NULL, 2, frame[i], &len), DURA_OK, "");
    }
    const uint64_t first = (uint64_t)7 << 32;
    dt_eq(through(&w, frame[0], len, 1000000, &r), DURA_ACT, "");
    dt_eq(through(&w, frame[1], len, 2000000, &r), DURA_ACT, "one channel has no value, the last one still serves");
    dt_eq(through(&w, frame[0], len, 3000000, &r), DURA_EAUTH, "a replay");
    frame[2][40] ^= 4;
    dt_eq(through(&w, frame[2], len, 4000000, &r), DURA_EAUTH, "a forged value");
    dt_ok(r.frame == first + 2, "");
    frame[2][40] ^= 4;
    dt_eq(through(&w, frame[2], len, 5000000, &r), DURA_ACT, "the frame itself is not lost by it");
    dt_eq(dura_session_close(w.session, &err), DURA_OK, "");
    for (uint64_t i = 0; i < 3; i++)
        dt_eq(count(run, DURA_REC_DECISION, NULL, first + i), 1, "frame %u", (unsigned)i);
    dt_eq(count(run, DURA_REC_EVENT, "frame 3/30064771072", 0), 1, "proven: the sender made it");
    dt_eq(count(run, DURA_REC_EVENT, "claimed 3/30064771074", 0), 1, "claimed by whoever made it");
    snprintf(cmd, sizeof cmd, "rm -r %s", dir);
    dt_eq(system(cmd), 0, "");
}
