/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From a sensor unit's frame to a guarded decision. The unit seals, somebody on the wire replays
 * one frame and alters another, the receiver opens: what is authentic and new is stepped on, what
 * is refused becomes a security event that carries the number the frame claimed.
 */
#include <dura/dura.h>
#include <dura/host/crypto.h>
#include <dura/host/session.h>

#include <stdio.h>
#include <stdlib.h>

static const char policy[] = "{\"device\": {\"name\": \"example\", \"mode\": \"observe\"},\n"
                             " \"channels\": [{\"name\": \"level_m\", \"fail_lo\": 0, \"fail_hi\": 6}],\n"
                             " \"outputs\": [{\"name\": \"valve_percent\", \"lo\": 0, \"hi\": 80, \"safe\": 20}]}\n";
static uint64_t memory[2][DURA_LINK_BYTES / 8];

static int32_t brain(void *user, const float *in, size_t n_in, float *out, size_t n_out)
{
    (void)user;
    out[0] = 20.0f * in[0];
    return n_in == 1 && n_out == 1 ? 0 : -200;
}

static int persist(void *user, uint32_t epoch)      /* a sensor unit writes it to its NV here */
{
    *(uint32_t *)user = epoch;
    return 0;
}

/* The glue: what a frame's bytes become. Called where dura_guard_step would be called. */
static const char *receive(dura_session *s, dura_link *link, const uint8_t *bytes, size_t len, int64_t now)
{
    float values[1];
    uint8_t missing[1], pairs[DURA_LINK_EVENT_MAX];
    dura_frame frame = DURA_FRAME_INIT;
    dura_link_report report = DURA_LINK_REPORT_INIT;
    dura_log_entry e = {.struct_size = sizeof e, .log = DURA_LOG_SECURITY, .kind = DURA_REC_EVENT};
    int rc = dura_link_open(link, bytes, len, &frame, values, missing, &report);
    if (report.fact.kind == DURA_FACT_LINK && report.fact.log == DURA_LOG_SECURITY) {
        int n = dura_link_event(&report.fact, pairs, sizeof pairs, &e.n_pairs);
        e.source = report.fact.source, e.time.mono_ns = now;
        if (n < 0 || dura_guard_event(dura_session_guard(s), &e, pairs, (size_t)n) != DURA_OK)
            return "not recorded";
    }
    if (rc != DURA_OK || (report.reasons & DURA_L_LATE))
        return report.reasons & DURA_L_AUTH ? "refused, forged" : report.reasons & DURA_L_REPLAY ? "refused, replayed" : "refused";
    dura_decision d = DURA_DECISION_INIT;
    frame.time.mono_ns = now;                       /* the sender's clock is not ours */
    return dura_session_step(s, &frame, &d, NULL) == DURA_OK && d.action == DURA_ACT ? "accepted, ACT" : "no answer";
}

int main(void)
{
    char dir[] = "/tmp/dura_example_XXXXXX", file[64], run[64], state[64], cmd[96];
    dura_fn fn = {sizeof fn, 1, 1, brain, NULL};
    dura_session_options o = DURA_SESSION_OPTIONS_INIT;
    dura_session *s;
    FILE *f = mkdtemp(dir) ? fopen((snprintf(file, sizeof file, "%s/policy.json", dir), file), "w") : NULL;
    snprintf(run, sizeof run, "%s/run", dir);
    snprintf(state, sizeof state, "%s/state", dir);
    o.policy = file, o.call = &fn, o.call_id = "example brain 1", o.out = run, o.state = state;
    if (!f || fputs(policy, f) < 0 || fclose(f) != 0 || dura_session_open(&s, &o, NULL) != DURA_OK)
        return 1;

    static dura_sodium provider;                    /* holds the key; on a box: its secure element */
    dura_link_config cfg = {.struct_size = sizeof cfg, .source = 3, .n_channels = 1, .crypto = &provider.crypto};
    dura_link_key key = {.struct_size = sizeof key, .id = 1, .profile = DURA_LINK_HMAC, .slot = DURA_KEY_LINK};
    dura_link *unit, *guard;
    uint32_t epoch = 0;
    if (dura_sodium_init(&provider, NULL, 0, NULL, NULL, NULL) || dura_sodium_key(&provider, DURA_KEY_LINK,
            (const uint8_t *)"32 bytes that only the two know.", 32) ||
        dura_link_init(&unit, memory[0], sizeof memory[0], &cfg) || dura_link_attach(unit, &key) ||
        dura_link_init(&guard, memory[1], sizeof memory[1], &cfg) || dura_link_attach(guard, &key) ||
        dura_link_start(unit, epoch, persist, &epoch))
        return 1;
    uint8_t wire[3][DURA_LINK_FRAME_MAX(1)];
    size_t len = sizeof wire[0];
    for (int i = 0; i < 3; i++)
        if (dura_link_seal(unit, i, &(float){1.0f + 0.5f * (float)i}, NULL, NULL, 1, wire[i], &len) != DURA_OK)
            return 1;
    printf("frame 0          %s\n", receive(s, guard, wire[0], len, 1000000));
    printf("frame 1          %s\n", receive(s, guard, wire[1], len, 2000000));
    printf("frame 0 again    %s\n", receive(s, guard, wire[0], len, 3000000));
    wire[2][30] ^= 0x40;
    printf("frame 2, altered %s\n", receive(s, guard, wire[2], len, 4000000));
    wire[2][30] ^= 0x40;
    printf("frame 2          %s\n", receive(s, guard, wire[2], len, 5000000));
    snprintf(cmd, sizeof cmd, "rm -r %s", dir);
    return dura_session_close(s, NULL) != DURA_OK || system(cmd) != 0;
}

/* Output:
 * frame 0          accepted, ACT
 * frame 1          accepted, ACT
 * frame 0 again    refused, replayed
 * frame 2, altered refused, forged
 * frame 2          accepted, ACT
 */
