/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A register against run folders whose every frame the test chose: what is counted, where each
 * control stands on the ladder, and that nothing is lent by another policy, another register, a
 * broken seal or a drill of something else.
 */
#include "why_rig.h"

#include <dura/host/binding.h>

#define REGISTER                                                                                               \
    "{\"dura_register\": 1, \"product\": {\"id\": \"press\", \"version\": \"1\", \"intended_use\": \"press\",\n" \
    " \"owners\": {\"box\": \"x\", \"brain\": \"y\"}, \"tolerable\": 3,\n"                                      \
    " \"risk_matrix\": [[1,1,2,3],[1,2,3,4],[2,3,4,6],[2,4,6,8],[3,5,8,9]]},\n"                                  \
    "\"zones\": [{\"id\": \"Z\", \"sl_t\": {\"IAC\":1,\"UC\":1,\"SI\":2,\"DC\":1,\"RDF\":1,\"TRE\":2,\"RA\":1}}],\n" \
    "\"conduits\": [],\n"                                                                                      \
    "\"assets\": [{\"id\": \"S-A\", \"kind\": \"sensor\", \"zone\": \"Z\", \"owner\": \"box\", \"channels\": [\"a\"], \"inputs\": []},\n" \
    " {\"id\": \"b\", \"kind\": \"sensor\", \"zone\": \"Z\", \"owner\": \"box\"},\n"                             \
    " {\"id\": \"S-NO\", \"kind\": \"sensor\", \"zone\": \"Z\", \"owner\": \"box\"},\n"                          \
    " {\"id\": \"M\", \"kind\": \"model\", \"zone\": \"Z\", \"owner\": \"brain\", \"inputs\": [\"S-A\", \"b\"], \"drives\": [\"V\"]},\n" \
    " {\"id\": \"V\", \"kind\": \"actuator\", \"zone\": \"Z\", \"owner\": \"box\", \"channels\": [\"y\"]}],\n"   \
    "\"impact_assessments\": [], \"hazards\": [],\n"                                                           \
    "\"entries\": [" ENTRY("R-1", "fault", "\"K-RANGE-A\", \"K-RANGE-B\"", "CR 3.5", "SI", "A.6.2.4")                  \
    ",\n" ENTRY("R-2", "drift", "\"K-DRIFT\"", "CR 3.6", "SI", "A.6.2.6")                                             \
    ",\n" ENTRY("R-3", "misuse", "\"K-STOP\"", "CR 3.6", "SI", "A.9.4")                                               \
    ",\n" ENTRY("R-4", "attack", "", "CR 6.2", "TRE", "A.2.2") "],\n"                                                  \
    "\"controls\": [" CONTROL("K-RANGE-A", "sensor.range", "S-A") ",\n" CONTROL("K-RANGE-B", "sensor.range", "b") ",\n" \
    CONTROL("K-DRIFT", "drift.monitor", "M") ",\n" CONTROL("K-STOP", "output.stop", "V") ",\n"                   \
    CONTROL("K-LOST", "sensor.range", "S-NO") ",\n" CONTROL("K-VOTE", "sensor.vote", "S-A") ",\n"                \
    CONTROL("K-WINDOW", "gate.window", "M") ",\n" CONTROL("K-SEAL", "log.seal", "M") "],\n"                      \
    "\"waivers\": []}"
#define ENTRY(id, cause, controls, need, fr, annex)                                                                \
    "{\"id\": \"" id "\", \"title\": \"risk " id "\", \"cause\": \"" cause "\", \"origin\": {}, \"asset\": \"M\",\n" \
    " \"unmitigated\": {\"likelihood\": 3, \"severity\": 3}, \"residual\": {\"likelihood\": 2, \"severity\": 2},\n" \
    " \"requirements\": {\"62443\": [{\"id\": \"" need "\", \"fr\": \"" fr "\", \"sl_t\": 2, \"sl_c\": 2}], \"42001\": [\"" annex "\"]},\n" \
    " \"controls\": [" controls "], \"status\": \"open\", \"reviewed\": \"2026-11-01\"}"
#define CONTROL(id, hook, on)                                                                                  \
    "{\"id\": \"" id "\", \"hook\": \"" hook "\", \"on\": [\"" on "\"], \"armed_percent\": 90}"
#define TESTED                                                                                                 \
    ",\n \"drift\": {\"arl0\": 100000, \"selftest\": 64, \"references\": [{\"of\": \"a\", \"n\": 5000, \"mean\": 0.5, \"deviation\": 1},\n" \
    "   {\"of\": \"c\", \"n\": 5000, \"mean\": 0, \"deviation\": 1}]},\n"                                       \
    " \"correlate\": {\"window_ms\": 20000, \"quiet_ms\": 10000}"

static dura_register *the_register(void)
{
    dura_register *r;
    dura_error err = {0};
    const char *text = REGISTER;
    dt_eq(dura_register_parse(text, strlen(text), "register.json", &r, &err), DURA_OK, "%s: %s", err.field, err.text);
    return r;
}

static dura_binding *bound(const char *run, const dura_register *r, const dura_binding_options *o)
{
    dura_binding *b;
    dura_error err = {0};
    dt_eq(dura_binding_read(&b, rig_in(run), r, o, &err), DURA_OK, "%s: %s %s", err.file, err.field, err.text);
    return b;
}

static dura_binding_info info_of(const dura_binding *b)
{
    dura_binding_info i = DURA_BINDING_INFO_INIT;
    dt_eq(dura_binding_query(b, &i), DURA_OK, "");
    return i;
}

static dura_binding_control control(const dura_binding *b, const char *id)
{
    dura_binding_control c = DURA_BINDING_CONTROL_INIT;
    for (uint32_t i = 0; dura_binding_control_at(b, i, &c) == DURA_OK; i++)
        if (strcmp(c.id, id) == 0)
            return c;
    dt_fail("no control %s", id);
    return c;
}

static dura_binding_need need(const dura_binding *b, const char *id)
{
    dura_binding_need n = DURA_BINDING_NEED_INIT;
    for (uint32_t i = 0; dura_binding_need_at(b, i, &n) == DURA_OK; i++)
        if (strcmp(n.id, id) == 0)
            return n;
    dt_fail("no requirement %s", id);
    return n;
}

static int has_problem(const dura_binding *b, int code, const char *subject)
{
    dura_binding_problem p = DURA_BINDING_PROBLEM_INIT;
    for (uint32_t i = 0; dura_binding_problem_at(b, i, &p) == DURA_OK; i++)
        if (p.code == code && (!subject || strcmp(p.subject, subject) == 0))
            return 1;
    return 0;
}

/* 200 quiet frames; four of b out of range; a stop for three frames; quiet again. */
static void make_run(const char *policy)
{
    rig_setup(policy);
    dura_session *s = rig_begin("run");
    rig_calm(s, 200);
    for (int i = 0; i < 4; i++)
        rig_step(s, 0.5f + rig_noise(), 500, rig_noise());
    rig_calm(s, 40);
    dura_time t = rig_now();
    dt_eq(dura_guard_override(dura_session_guard(s), DURA_OVERRIDE_STOP, "k.weber", "hand test", &t), DURA_OK, "");
    rig_calm(s, 3);
    t = rig_now();
    dt_eq(dura_guard_override(dura_session_guard(s), DURA_OVERRIDE_RELEASE, "k.weber", "done", &t), DURA_OK, "");
    rig_calm(s, 20);
    rig_close(s);
}

static dura_json *json_of(const char *text)
{
    dura_json *d;
    dura_error err = {0};
    dt_eq(dura_json_parse(text, strlen(text), "drill.json", &d, &err), DURA_OK, "%s", err.text);
    return d;
}

DT_TEST(binding_read, counts_what_the_records_show_and_no_more)
{
    make_run(RIG_POLICY(TESTED));
    dura_register *r = the_register();
    dura_binding *b = bound("run", r, NULL);
    dura_binding_info i = info_of(b);
    dt_eq(i.decisions, 267, "");
    dt_eq(i.device_bound, 0, "the policy names no register");
    dt_eq(i.resolved, 267, "every decision has one inventory set");
    dt_eq(i.sets, 1, "");
    dt_eq(i.boots, 1, "");
    dt_eq(i.span_ns, 266000000000u, "a second between frames");
    dt_eq(i.proven_ns, 266000000000u, "");
    dura_binding_control c = control(b, "K-RANGE-A");
    dt_eq(c.evaluations, 267, "");
    dt_eq(c.fires, 0, "only b was out of range");
    dt_eq(c.armed_ns, 266000000000u, "");
    dt_eq(c.armed_percent, 100, "");
    dt_eq(c.level, DURA_E3, "%s", c.why);
    c = control(b, "K-RANGE-B");
    dt_eq(c.fires, 4, "");
    dt_eq(c.blocks, 4, "");
    dt_eq(c.last_fire_gseq - c.fire_gseq >= 3, 1, "");
    dt_ok(c.verdicts >= 1, "the correlator made an incident of it: %s", c.why);
    dt_eq(c.level, DURA_E4, "%s", c.why);
    c = control(b, "K-STOP");
    dt_eq(c.overrides, 2, "stop and release");
    dt_eq(c.fires, 3, "");
    dt_eq(c.blocks, 3, "");
    dt_eq(c.level, DURA_E4, "%s", c.why);
    dt_eq(c.worst_ns, 0, "the frame of the stop's own moment obeyed");
    c = control(b, "K-DRIFT");
    dt_ok(c.tests_passed >= 2 && c.tests_failed == 0, "%d", (int)c.tests_passed);
    dt_ok(c.armed_ns > 200000000000u && c.armed_ns < 258000000000u, "up to the last heartbeat: %d s", (int)(c.armed_ns / 1000000000));
    dt_ok(c.worst_samples > 0, "");
    c = control(b, "K-LOST");
    dt_eq(c.level, DURA_E0, "");
    dt_eq(c.evaluations, 0, "");
    dt_ok(has_problem(b, DURA_BIND_CHANNEL, "K-LOST"), "");
    dt_eq(control(b, "K-VOTE").level, DURA_E0, "");
    dt_ok(has_problem(b, DURA_BIND_HOOK, "K-VOTE"), "");
    dt_ok(has_problem(b, DURA_BIND_HOOK, "K-WINDOW"), "the policy takes no updates");
    c = control(b, "K-SEAL");
    dt_ok(c.evaluations >= 2 && c.level == DURA_E3, "%s", c.why);
    dura_binding_deinit(b);
    dura_register_deinit(r);
    rig_sweep();
}

DT_TEST(binding_read, takes_the_minimum_and_calls_nothing_good_below_e2)
{
    make_run(RIG_POLICY(TESTED));
    dura_register *r = the_register();
    dura_binding *b = bound("run", r, NULL);
    dura_binding_need n = need(b, "CR 3.5");
    dt_eq(n.level, DURA_E3, "the weaker of two");
    dt_eq(strcmp(n.weakest, "K-RANGE-A"), 0, "%s", n.weakest);
    dt_eq(n.good, 1, "");
    dt_eq(n.age_days, 0, "");
    n = need(b, "CR 3.6");
    dt_eq(n.entries, 2, "");
    dt_eq(n.level, control(b, "K-DRIFT").level, "");
    n = need(b, "CR 6.2");
    dt_eq(n.level, DURA_E0, "its entry counts on nothing");
    dt_eq(n.good, 0, "");
    n = need(b, "A.2.2");
    dt_eq(n.outside, 1, "an organisation shows it");
    dt_eq(n.good, 0, "");
    dt_eq(info_of(b).unbound, 1, "");
    dura_binding_deinit(b);
    /* A year later nothing is lately. */
    dura_binding_options o = DURA_BINDING_OPTIONS_INIT;
    o.now_ns = ((int64_t)RIG_START + 365 * 86400) * 1000000000;
    b = bound("run", r, &o);
    dura_binding_control c = control(b, "K-RANGE-A");
    dt_eq(c.level, DURA_E1, "%s", c.why);
    dt_eq(need(b, "CR 3.5").good, 0, "configured is not good");
    dt_eq(control(b, "K-RANGE-B").level, DURA_E4, "what was proven stays so, with its age");
    dt_eq(control(b, "K-RANGE-B").age_days, 364, "");
    dura_binding_deinit(b);
    /* A build without the module. */
    o = (dura_binding_options)DURA_BINDING_OPTIONS_INIT;
    o.modules = ~(uint64_t)0 & ~((uint64_t)1 << 2);
    b = bound("run", r, &o);
    dt_eq(control(b, "K-RANGE-B").level, DURA_E0, "");
    dt_eq(need(b, "CR 3.5").level, DURA_E0, "the requirement loses its support");
    dt_ok(has_problem(b, DURA_BIND_BUILD, "K-RANGE-B"), "");
    dura_binding_deinit(b);
    dura_register_deinit(r);
    rig_sweep();
}

DT_TEST(binding_read, believes_no_drill_of_something_else)
{
    make_run(RIG_POLICY(TESTED));
    dura_register *r = the_register();
    dura_binding *b = bound("run", r, NULL);
    dura_binding_info i = info_of(b);
    char reg[65], policy[65], text[1024];
    for (int k = 0; k < 32; k++) {
        snprintf(reg + 2 * k, 3, "%02x", i.register_digest[k]);
        snprintf(policy + 2 * k, 3, "%02x", i.policy_digest[k]);
    }
    dura_binding_deinit(b);
    for (int other = 0; other < 3; other++) {
        snprintf(text, sizeof text,
                 "{\"dura_drill\":1,\"register\":\"%s\",\"policy\":\"%s\",\"controls\":[{\"control\":\"K-RANGE-A\",\"drilled\":6,"
                 "\"caught\":6},{\"control\":\"K-DRIFT\",\"drilled\":6,\"caught\":5}],\"entries\":[{\"entry\":\"R-1\",\"drilled\":6,\"caught\":6}]}",
                 other == 1 ? policy : reg, other == 2 ? reg : policy);
        dura_json *d = json_of(text);
        dura_binding_options o = DURA_BINDING_OPTIONS_INIT;
        o.drill = d;
        b = bound("run", r, &o);
        dt_eq(control(b, "K-RANGE-A").steps >> DURA_E2 & 1, other == 0, "row %d", other);
        dt_eq(control(b, "K-DRIFT").steps >> DURA_E2 & 1, 0, "one was missed");
        dt_eq(has_problem(b, DURA_BIND_DRILL, NULL), other != 0, "row %d", other);
        dura_binding_deinit(b);
        dura_json_deinit(d);
    }
    dura_register_deinit(r);
    rig_sweep();
}

DT_TEST(binding_read, drops_claims_behind_a_broken_record_and_under_another_policy)
{
    make_run(RIG_POLICY(TESTED));
    dura_register *r = the_register();
    dura_binding *b = bound("run", r, NULL);
    uint64_t all = control(b, "K-RANGE-A").evaluations;
    dura_binding_deinit(b);
    /* One bit of the stop's neighbourhood, behind the first seals. */
    char path[512];
    snprintf(path, sizeof path, "%s/decision.log/00000000.seg", rig_in("run"));
    FILE *f = fopen(path, "r+b");
    dt_ok(f != NULL && fseek(f, 30000, SEEK_SET) == 0, "");
    int was = fgetc(f);
    dt_ok(fseek(f, 30000, SEEK_SET) == 0 && fputc(was ^ 4, f) != EOF && fclose(f) == 0, "");
    b = bound("run", r, NULL);
    dura_binding_info i = info_of(b);
    dt_eq(i.word, DURA_VERIFY_TAMPERED, "");
    dt_ok(i.limit > 0 && i.limit < UINT64_MAX && i.records == i.limit, "up to the last good seal: %d", (int)i.records);
    dt_ok(control(b, "K-RANGE-A").evaluations < all, "");
    dt_eq(control(b, "K-STOP").fires, 0, "it was behind the break");
    dt_eq(control(b, "K-STOP").level < DURA_E4, 1, "");
    dt_ok(has_problem(b, DURA_BIND_LOG, NULL), "");
    dura_binding_deinit(b);
    rig_sweep();
    /* The folder's policy is exchanged: the start was under another one. */
    make_run(RIG_POLICY(TESTED));
    snprintf(path, sizeof path, "cp %s/policy.bin %s/keep.bin", rig_in("run"), rig_dir);
    dt_eq(system(path), 0, "");
    rig_put("policy.json", RIG_POLICY(RIG_WATCHED));
    dura_session *s = rig_begin("other");
    rig_calm(s, 2);
    rig_close(s);
    snprintf(path, sizeof path, "cp %s/other/policy.bin %s/run/policy.bin", rig_dir, rig_dir);
    dt_eq(system(path), 0, "");
    b = bound("run", r, NULL);
    dt_ok(has_problem(b, DURA_BIND_POLICY, "boot 1"), "");
    dt_eq(control(b, "K-RANGE-B").level, DURA_E0, "%s", control(b, "K-RANGE-B").why);
    dura_binding_deinit(b);
    dura_register_deinit(r);
    rig_sweep();
}

/* The policy names the register: every start records it, and another state of it is told. */
DT_TEST(binding_read, holds_the_register_of_the_log_against_the_one_given)
{
    dura_register *r = the_register();
    dura_register_info info = DURA_REGISTER_INFO_INIT;
    char policy[4096], hex[65];
    dt_eq(dura_register_query(r, &info), DURA_OK, "");
    for (int other = 0; other < 2; other++) {
        for (int k = 0; k < 32; k++)
            snprintf(hex + 2 * k, 3, "%02x", info.digest[k] ^ other);
        snprintf(policy, sizeof policy, RIG_POLICY(TESTED ", \"gate\": {\"risk_register\": \"%s\"}"), hex);
        make_run(policy);
        dura_binding *b = bound("run", r, NULL);
        dura_binding_set s = DURA_BINDING_SET_INIT;
        dt_eq(dura_binding_set_at(b, 0, &s), DURA_OK, "");
        dt_eq(s.reg[0], info.digest[0] ^ other, "the set of every decision names it");
        dt_eq(info_of(b).device_bound, !other, "");
        dt_eq(has_problem(b, DURA_BIND_REGISTER, "boot 1"), other, "");
        dura_binding_deinit(b);
        rig_sweep();
    }
    dura_register_deinit(r);
}

DT_TEST(binding_text, is_canonical_and_its_evidence_is_what_the_register_check_takes)
{
    make_run(RIG_POLICY(TESTED));
    dura_register *r = the_register();
    dura_error err = {0};
    char *one, *two;
    size_t n, m;
    for (int which = 0; which < 2; which++) {
        dura_binding *b = bound("run", r, NULL);
        dt_eq(which ? dura_binding_evidence(b, &one, &n) : dura_binding_text(b, &one, &n), DURA_OK, "");
        dura_binding_deinit(b);
        dura_json *d = json_of(one);
        dt_eq(dura_register_canonical(d, DURA_JSON_ROOT, &two, &m), DURA_OK, "");
        dt_ok(n == m && memcmp(one, two, n) == 0, "not canonical:\n%s\n%s", one, two);
        dura_findings found = DURA_FINDINGS_INIT;
        dura_register_options o = DURA_REGISTER_OPTIONS_INIT;
        o.today = 20261124;
        o.evidence = d;
        if (which)
            dt_eq(dura_register_check(r, &o, &found, &err), DURA_OK, "%s: %s", err.field, err.text);
        dura_register_free(found.memory);
        dura_json_deinit(d);
        dura_register_free(one);
        dura_register_free(two);
    }
    dura_register_deinit(r);
    rig_sweep();
}
