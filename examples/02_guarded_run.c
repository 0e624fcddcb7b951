/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A guarded run: any C function as the model, a policy of six lines, both logs on files.
 * The third frame is out of range, the fifth makes the model answer too much. Afterwards
 * every decision is replayed from the log and compared bit for bit.
 */
#include <dura/dura.h>
#include <dura/host/session.h>

#include <stdio.h>
#include <stdlib.h>

static const char policy[] =
    "{\"device\": {\"name\": \"example\", \"mode\": \"observe\"},\n"
    " \"channels\": [{\"name\": \"level_m\", \"fail_lo\": 0, \"fail_hi\": 6}],\n"
    " \"outputs\": [{\"name\": \"valve_percent\", \"lo\": 0, \"hi\": 80, \"safe\": 20}],\n"
    " \"guard\": {\"hold_ms\": 500}}\n";

static int32_t brain(void *user, const float *in, size_t n_in, float *out, size_t n_out)
{
    (void)user;
    out[0] = 20.0f * in[0];
    return n_in == 1 && n_out == 1 ? 0 : -200;
}

static const char *name(uint8_t action)
{
    return action == DURA_ACT ? "ACT" : action == DURA_HOLD ? "HOLD" : action == DURA_STOP ? "STOP" : "FALLBACK";
}

static int fail(const dura_error *err)
{
    char text[1024];
    printf("%s\n", dura_error_text(err, text, sizeof text));
    return 1;
}

int main(void)
{
    static const float level[] = {1.0f, 1.5f, 9.9f, 2.0f, 5.0f};
    char dir[] = "/tmp/dura_example_XXXXXX", file[64], run[64], state[64], cmd[96];
    dura_fn fn = {sizeof fn, 1, 1, brain, NULL};
    dura_session_options o = DURA_SESSION_OPTIONS_INIT;
    dura_session *s;
    dura_error err;
    FILE *f = mkdtemp(dir) ? fopen((snprintf(file, sizeof file, "%s/policy.json", dir), file), "w") : NULL;
    snprintf(run, sizeof run, "%s/run", dir);
    snprintf(state, sizeof state, "%s/state", dir);
    if (!f || fputs(policy, f) < 0 || fclose(f) != 0)
        return 1;
    o.policy = file, o.call = &fn, o.call_id = "example brain 1", o.out = run, o.state = state;
    if (dura_session_open(&s, &o, &err) != DURA_OK)
        return fail(&err);
    for (uint64_t n = 0; n < 5; n++) {
        dura_frame frame = DURA_FRAME_INIT;
        dura_decision d = DURA_DECISION_INIT;
        frame.n = 1, frame.frame = n, frame.values = &level[n], frame.time.mono_ns = (int64_t)n * 100000000;
        if (dura_session_step(s, &frame, &d, &err) != DURA_OK)
            return fail(&err);
        printf("level %.1f m: %-4s would drive %.0f %%\n", (double)level[n], name(d.action), (double)d.proposed[0]);
    }
    dura_replay_report again = {.struct_size = sizeof again};
    if (dura_session_close(s, &err) != DURA_OK || dura_replay(run, NULL, &fn, o.call_id, &again, &err) != DURA_OK)
        return fail(&err);
    printf("replayed: %d of %d equal\n", (int)again.equal, (int)again.decisions);
    snprintf(cmd, sizeof cmd, "rm -r %s", dir);
    return system(cmd) != 0;
}

/* Output:
 * level 1.0 m: ACT  would drive 20 %
 * level 1.5 m: ACT  would drive 30 %
 * level 9.9 m: HOLD would drive 30 %
 * level 2.0 m: ACT  would drive 40 %
 * level 5.0 m: ACT  would drive 80 %
 * replayed: 5 of 5 equal
 */
