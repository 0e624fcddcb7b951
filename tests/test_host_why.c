/* SPDX-License-Identifier: Apache-2.0 */
/* One decision explained: attribution against sums made by hand, every member of the
 * document against the values that were put in, and what cannot be said. */
#include "why_rig.h"

#include <dura/host/pack.h>
#include <dura/host/people.h>
#include <dura/host/why.h>

/* ---- contributions --------------------------------------------------------------------- */

/* 10 when both are at least 1: what two inputs do together no single one explains. */
static const char both[] =
    "{\"learner\":{\"attributes\":{},\"feature_names\":[\"a\",\"b\"],\"gradient_booster\":{\"model\":{\"tree_info\":[0],\n"
    "\"trees\":[{\"left_children\":[1,-1,3,-1,-1],\"right_children\":[2,-1,4,-1,-1],\"split_indices\":[0,0,1,0,0],\n"
    "\"split_conditions\":[1,0,1,0,10],\"default_left\":[0,0,0,0,0]}]},\"name\":\"gbtree\"},\n"
    "\"learner_model_param\":{\"base_score\":\"5E-1\",\"num_class\":\"0\",\"num_feature\":\"2\",\"num_target\":\"1\"},\n"
    "\"objective\":{\"name\":\"reg:squarederror\"}},\"version\":[2,1,4]}";

static void *packed(const char *text, size_t *n)
{
    void *image = NULL;
    dura_error e = {0};
    dt_eq(dura_pack_model(text, strlen(text), "m", &image, n, &e), DURA_OK, "%s %s", e.field, e.text);
    return image;
}

DT_TEST(why_contributions, takes_a_linear_model_apart_exactly)
{
    const float x[2] = {3, 8}, base[2] = {0.5f, -2};
    float answer[2], at_base[2], c[4], share[2];
    double explained;
    size_t n;
    int how;
    void *m = packed(RIG_MODEL, &n);
    dt_eq(dura_why_contributions(m, n, x, base, 2, answer, at_base, 2, c, &how), DURA_OK, "");
    dt_eq(how, DURA_SHARE_EXACT, "");
    dt_ok(answer[0] == 3.0f && at_base[0] == 3.0f && answer[1] == 8.0f && at_base[1] == -2.0f, "%g %g", answer[0], at_base[0]);
    dt_ok(c[0] == 5.0f && c[1] == -5.0f && c[2] == 0.0f && c[3] == 10.0f, "%g %g %g %g", c[0], c[1], c[2], c[3]);
    dt_eq(dura_why_shares(c, 2, answer[0], at_base[0], share, &explained), DURA_OK, "");
    dt_ok(share[0] == 0.5f && share[1] == 0.5f && !(explained < 0 || explained > 0), "no distance: nothing to explain");
    dt_eq(dura_why_shares(c + 2, 2, answer[1], at_base[1], share, &explained), DURA_OK, "");
    dt_ok(share[0] == 0.0f && share[1] == 1.0f && rig_near(explained, 1.0), "%g", explained);
    dura_pack_deinit(m);
}

DT_TEST(why_contributions, shares_trees_by_shapley_values_that_add_up)
{
    const float x[2] = {2, 2}, base[2] = {0, 0}, one[2] = {2, 0}, other[2] = {0, 2};
    float answer, at_base, c[2], share[2];
    double explained;
    size_t n;
    int how;
    void *m = packed(both, &n);
    dt_eq(dura_why_contributions(m, n, x, base, 2, &answer, &at_base, 1, c, &how), DURA_OK, "");
    dt_eq(how, DURA_SHARE_SHAPLEY, "");
    dt_ok(answer == 10.5f && at_base == 0.5f && c[0] == 5.0f && c[1] == 5.0f, "%g %g %g %g", answer, at_base, c[0], c[1]);
    dt_eq(dura_why_shares(c, 2, answer, at_base, share, &explained), DURA_OK, "");
    dt_ok(share[0] == 0.5f && rig_near(explained, 1.0), "both together do it: half of it each, %g", explained);
    dt_eq(dura_why_contributions(m, n, x, one, 2, &answer, &at_base, 1, c, NULL), DURA_OK, "");
    dt_ok(c[0] == 0.0f && c[1] == 10.0f, "an input at its baseline contributes nothing: %g %g", c[0], c[1]);
    dt_eq(dura_why_contributions(m, n, x, other, 2, &answer, &at_base, 1, c, NULL), DURA_OK, "");
    dt_ok(c[0] == 10.0f && c[1] == 0.0f, "one at a time: the others are as they were: %g %g", c[0], c[1]);
    dura_pack_deinit(m);
}

DT_TEST(why_contributions, of_a_logistic_model_add_up_to_the_distance_of_probabilities)
{
    const float x[2] = {2, 2}, base[2] = {0, 0};
    float answer, at_base, c[2];
    char text[1024];
    size_t n;
    const char *at = strstr(both, "squarederror");
    snprintf(text, sizeof text, "%.*slogistic%s", (int)(at - both), both, at + strlen("squarederror"));
    void *m = packed(text, &n);
    dt_eq(dura_why_contributions(m, n, x, base, 2, &answer, &at_base, 1, c, NULL), DURA_OK, "");
    dt_ok(at_base == 0.5f && answer > 0.9999f && rig_near((double)c[0] + (double)c[1], (double)answer - 0.5), "%g %g", c[0], c[1]);
    dura_pack_deinit(m);
}

DT_TEST(why_contributions, refuses_what_it_cannot_take_apart)
{
    const float x[2] = {1, 2}, bad[2] = {1, (float)(1e38 * 1e38)};
    float a[2], b[2], c[4];
    size_t n, pn;
    dura_error e = {0};
    void *m = packed(RIG_MODEL, &n), *p = NULL;
    dt_eq(dura_pack_policy(RIG_POLICY(""), strlen(RIG_POLICY("")), NULL, &p, &pn, &e), DURA_OK, "%s %s", e.field, e.text);
    const struct { const char *row; const void *model; size_t len; const float *x, *base; size_t n_in, n_out; float *c; int want; }
    rows[] = {
        {"no inputs", m, n, NULL, x, 2, 2, c, DURA_EINVAL},
        {"no baseline", m, n, x, NULL, 2, 2, c, DURA_EINVAL},
        {"no room", m, n, x, x, 2, 2, NULL, DURA_EINVAL},
        {"an infinity", m, n, bad, x, 2, 2, c, DURA_EINVAL},
        {"an infinity as baseline", m, n, x, bad, 2, 2, c, DURA_EINVAL},
        {"other inputs", m, n, x, x, 1, 2, c, DURA_EINVAL},
        {"other outputs", m, n, x, x, 2, 1, c, DURA_EINVAL},
        {"no outputs", m, n, x, x, 2, 0, c, DURA_EINVAL},
        {"a policy", p, pn, x, x, 2, 2, c, DURA_EINVAL},
        {"no image", "hand made, version 1", 20, x, x, 2, 2, c, DURA_ECORRUPT},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        dt_eq(dura_why_contributions(rows[i].model, rows[i].len, rows[i].x, rows[i].base, rows[i].n_in, a, b, rows[i].n_out,
                                     rows[i].c, NULL), rows[i].want, "%s", rows[i].row);
    dt_eq(dura_why_shares(NULL, 2, 0, 0, c, NULL), DURA_EINVAL, "");
    dt_eq(dura_why_shares(x, 2, 0, 0, NULL, NULL), DURA_EINVAL, "");
    dura_pack_deinit(m);
    dura_pack_deinit(p);
}

DT_TEST(why_baseline, knows_the_means_of_channels_and_of_features_made_of_them)
{
    static const char features[] =
        "{\"device\": {\"name\": \"p\"}, \"channels\": [{\"name\": \"a\", \"fail_lo\": 0}, {\"name\": \"b\", \"fail_lo\": 0}],\n"
        " \"outputs\": [{\"name\": \"y\", \"lo\": 0, \"hi\": 1, \"safe\": 0}],\n"
        " \"features\": [{\"name\": \"scaled\", \"channel\": \"a\", \"offset\": 1, \"scale\": 2},\n"
        "  {\"name\": \"lagged\", \"channel\": \"a\", \"op\": \"lag\", \"n\": 2},\n"
        "  {\"name\": \"own\", \"channel\": \"b\", \"op\": \"mean\", \"n\": 3}],\n"
        " \"drift\": {\"references\": [{\"of\": \"a\", \"n\": 9, \"mean\": 5, \"deviation\": 1},\n"
        "  {\"of\": \"own\", \"n\": 9, \"mean\": 7, \"deviation\": 1}]}}";
    float base[3] = {-1, -1, -1};
    uint8_t known[3];
    size_t n;
    void *p = NULL;
    dura_error e = {0};
    dt_eq(dura_pack_policy(features, strlen(features), NULL, &p, &n, &e), DURA_OK, "%s %s", e.field, e.text);
    dt_eq(dura_why_baseline(p, n, base, known, 3), 2, "");
    dt_ok(known[0] && base[0] == 8.0f, "(5 - 1) x 2, not %g", base[0]);
    dt_ok(!known[1] && base[1] == -1.0f, "a lag has a mean of its own, nobody learned it");
    dt_ok(known[2] && base[2] == 7.0f, "%g", base[2]);
    dt_eq(dura_why_baseline(p, n, base, known, 2), DURA_EINVAL, "another number of inputs");
    dt_eq(dura_why_baseline(p, n, NULL, known, 3), DURA_EINVAL, "");
    dt_eq(dura_why_baseline("nothing", 7, base, known, 3), DURA_ECORRUPT, "");
    dura_pack_deinit(p);
    dt_eq(dura_pack_policy(RIG_POLICY(RIG_WATCHED), strlen(RIG_POLICY(RIG_WATCHED)), NULL, &p, &n, &e), DURA_OK, "%s", e.text);
    dt_eq(dura_why_baseline(p, n, base, known, 2), 1, "");
    dt_ok(known[0] && base[0] == 0.5f && !known[1], "channel a has a reference, b has none");
    dura_pack_deinit(p);
}

DT_TEST(why_time, reads_times_as_people_write_them)
{
    int64_t ns = 7;
    dt_eq(dura_why_time("1970-01-01T00:00:02Z", NULL, &ns), DURA_OK, "");
    dt_eq(ns, 2000000000, "");
    dt_eq(dura_why_time("02/01/70 01", "%d/%m/%y %H", &ns), DURA_OK, "");
    dt_eq(ns, (int64_t)90000 * 1000000000, "");
    dt_eq(dura_why_time("noon", NULL, &ns), DURA_ETIME, "");
    dt_eq(dura_why_time("1", "%Q", &ns), DURA_EINVAL, "");
    dt_eq(dura_why_time(NULL, NULL, &ns), DURA_EINVAL, "");
    dt_eq(dura_why_time("1", NULL, NULL), DURA_EINVAL, "");
}

/* ---- the document ------------------------------------------------------------------------ */

static dura_json *explained(const char *out, const dura_why_options *o)
{
    char *text = NULL;
    size_t len;
    dura_json *doc;
    dura_error err = {0};
    int rc = dura_why_json(rig_in(out), o, &text, &len, &err);
    dt_ok(rc == DURA_OK, "%s: %s: %s", err.file, err.field, err.text);
    dt_eq(strlen(text), len, "");
    rc = dura_json_parse(text, len, "why", &doc, &err);
    dt_ok(rc == DURA_OK, "%u: %s: %s", err.line, err.field, err.text);
    dura_why_deinit(text);
    return doc;
}

static dura_json *on_frame(const char *out, uint64_t frame)
{
    dura_why_options o = DURA_WHY_OPTIONS_INIT;
    o.which = DURA_PICK_FRAME;
    o.frame = frame;
    return explained(out, &o);
}

DT_TEST(why_json, gives_measurements_inputs_answer_envelope_and_attribution)
{
    rig_setup(RIG_POLICY(RIG_WATCHED));
    dura_session *s = rig_begin("run");
    rig_calm(s, 10);
    rig_step(s, 12, 2, 0);
    rig_close(s);
    dura_json *d = explained("run", NULL);
    dt_eq(rig_number(d, "frame"), 10, "the last one");
    dt_str(rig_text(d, "action"), "ACT", "");
    dt_str(rig_text(d, "measured.0.name"), "a", "");
    dt_str(rig_text(d, "measured.0.unit"), "bar", "");
    dt_eq(rig_number(d, "measured.0.value"), 12, "");
    dt_str(rig_text(d, "measured.0.verdict"), "GOOD", "");
    dt_ok(rig_near(rig_number(d, "measured.0.quality"), 10.0 / 11.0), "all but the first, which could not be judged");
    dt_ok(!rig_true(d, "measured.2.required"), "");
    dt_str(rig_text(d, "fed.1.name"), "b", "");
    dt_eq(rig_number(d, "fed.1.value"), 2, "");
    dt_eq(rig_number(d, "answer.0.raw"), 24, "1 + 2 x 12 - 0.5 x 2");
    dt_str(rig_text(d, "answer.0.changed.0"), "hi", "");
    dt_eq(rig_number(d, "answer.0.proposed"), 20, "");
    dt_eq(rig_number(d, "answer.0.driven"), 0, "observe drives nothing");
    dt_ok(dura_json_count(d, rig_at(d, "answer.1.changed")) == 0, "");
    dt_str(rig_text(d, "brain.kind"), "linear", "");
    dt_ok(rig_true(d, "brain.of_the_start") && rig_null(d, "brain.release"), "");
    dt_str(rig_text(d, "attribution.method"), "exact", "");
    dt_eq(rig_number(d, "attribution.baseline_from_references"), 1, "a");
    dt_eq(rig_number(d, "attribution.baseline_from_medians"), 1, "b");
    dt_eq(rig_number(d, "attribution.median_of"), 10, "the decisions before");
    dt_str(rig_text(d, "top.0.name"), "a", "");
    dt_eq(rig_number(d, "top.0.contribution"), 23, "2 x (12 - 0.5)");
    dt_eq(rig_number(d, "top.0.baseline") * 2, 1, "");
    dt_ok(rig_near(rig_number(d, "top.0.share") + rig_number(d, "top.1.share"), 1), "");
    dt_ok(rig_near(rig_number(d, "attribution.outputs.0.explained"), 1), "a linear model explains all of it");
    dt_str(rig_text(d, "attribution.outputs.1.top.0.name"), "b", "the second output hangs on b alone");
    dt_str(rig_text(d, "drift.0.name"), "a", "");
    dt_eq(rig_number(d, "drift.0.samples"), 11, "the decision itself included");
    dt_str(rig_text(d, "incidents"), "recorded", "");
    dt_str(rig_text(d, "incident.evidence.0.kind"), "output", "the envelope changed an answer");
    dt_eq(dura_json_count(d, rig_at(d, "said")), 0, "");
    dt_str(rig_text(d, "security.missing.0.name"), "security", "nobody ever spoke");
    dt_ok(strstr(rig_text(d, "security.missing.0.text"), "nothing can be said about the network") != NULL, "");
    dt_ok(rig_true(d, "proof.sealed"), "");
    dt_eq(strlen(rig_text(d, "proof.leaf")), 64, "");
    dt_eq(strlen(rig_text(d, "proof.root")), 64, "");
    dt_str(rig_text(d, "proof.verify.word"), "UNANCHORED", "no fact from outside was given");
    dura_json_deinit(d);
    rig_sweep();
}

DT_TEST(why_json, names_the_limit_that_broke_and_by_how_much)
{
    rig_setup(RIG_POLICY(""));
    dura_session *s = rig_begin("run");
    rig_calm(s, 5);
    rig_step(s, 130, 1, 0);              /* 5: above fail_hi */
    rig_step(s, 95, 1, -103);            /* 6: suspect, and c failed */
    rig_calm(s, 1);
    for (int i = 0; i < 6; i++)
        rig_step(s, 3.25f, rig_noise(), 0);
    rig_step(s, 3.25f, (float)(1e38 * 1e38), 0);
    rig_close(s);
    dura_json *d = on_frame("run", 5);
    dt_str(rig_text(d, "action"), "FALLBACK", "");
    dt_str(rig_text(d, "reasons.0"), "input", "");
    dt_str(rig_text(d, "measured.0.broke.0.check"), "range_fail", "");
    dt_eq(rig_number(d, "measured.0.broke.0.limit"), 100, "");
    dt_eq(rig_number(d, "measured.0.broke.0.by"), 30, "");
    dt_str(rig_text(d, "measured.0.broke.0.unit"), "bar", "");
    dt_eq(rig_number(d, "measured.0.quality"), 0, "");
    dt_eq(dura_json_count(d, rig_at(d, "fed")), 0, "the model was not asked");
    dt_ok(rig_null(d, "answer.0.raw"), "");
    dt_str(rig_text(d, "attribution.why_not"), "the model was not asked", "");
    dt_ok(rig_null(d, "drift"), "the policy watches none");
    dt_str(rig_text(d, "incidents"), "joined anew", "nor does it correlate");
    dura_json_deinit(d);
    d = on_frame("run", 6);
    dt_str(rig_text(d, "measured.0.broke.0.check"), "range_suspect", "");
    dt_eq(rig_number(d, "measured.0.broke.0.limit"), 90, "");
    dt_eq(rig_number(d, "measured.2.broke.0.limit"), -100, "");
    dt_eq(rig_number(d, "measured.2.broke.0.by"), 3, "");
    dura_json_deinit(d);
    d = on_frame("run", 13);
    dt_str(rig_text(d, "measured.0.broke.0.check"), "flat_fail", "");
    dt_eq(rig_number(d, "measured.0.broke.0.value"), 5, "unchanged since frame 8");
    dt_eq(rig_number(d, "measured.0.broke.0.limit"), 3, "");
    dura_json_deinit(d);
    d = on_frame("run", 14);
    dt_ok(rig_null(d, "measured.1.value"), "an infinity is no number");
    dt_eq(dura_json_count(d, rig_at(d, "measured.1.broke")), 0, "");
    dura_json_deinit(d);
    rig_sweep();
}

DT_TEST(why_json, names_a_rate_that_broke)
{
    rig_setup(RIG_POLICY(""));
    dura_session *s = rig_begin("run");
    rig_step(s, -95, 0, 0);
    rig_close(s);
    rig_sweep();
    rig_setup("{\"device\": {\"name\": \"p\"}, \"channels\": [{\"name\": \"a\", \"rate_fail\": 4}, {\"name\": \"b\"}, {\"name\": \"c\"}],\n"
              " \"outputs\": [{\"name\": \"y\", \"lo\": -20, \"hi\": 20, \"safe\": 0, \"rate\": 1}, {\"name\": \"b\", \"lo\": 0,\n"
              " \"hi\": 1, \"safe\": 0}], \"model\": {\"inputs\": [\"a\", \"b\"]}}");
    s = rig_begin("run");
    rig_step(s, 0, 0, 0);
    rig_step(s, 3, 0, 0);
    rig_step(s, 13, 0, 0);
    rig_close(s);
    dura_json *d = on_frame("run", 2);
    dt_str(rig_text(d, "measured.0.broke.0.check"), "rate_fail", "");
    dt_eq(rig_number(d, "measured.0.broke.0.value"), 10, "from 3 to 13 in a second");
    dt_eq(rig_number(d, "measured.0.broke.0.by"), 6, "");
    dt_str(rig_text(d, "measured.0.broke.0.unit"), "1/s", "");
    dura_json_deinit(d);
    d = on_frame("run", 1);
    dt_str(rig_text(d, "answer.0.changed.0"), "rate", "from 1 to 7 in a second, 1 is allowed");
    dt_eq(rig_number(d, "answer.0.before"), 1, "");
    dt_eq(rig_number(d, "answer.0.proposed"), 2, "");
    dura_json_deinit(d);
    rig_sweep();
}

DT_TEST(why_json, joins_incident_events_and_what_people_said)
{
    dura_people_options p = DURA_PEOPLE_OPTIONS_INIT;
    dura_error err = {0};
    rig_setup(RIG_POLICY(RIG_WATCHED));
    dura_session *s = rig_begin("run");
    rig_event(s, "heartbeat", "alive", 0, "");
    rig_calm(s, 40);
    rig_event(s, "access", "login_failed", 5, "eve");
    rig_calm(s, 2);
    for (int i = 0; i < 4; i++)
        rig_step(s, 0.5f, 500, 0);
    rig_event(s, "config", "param_write", 8, "eve");
    rig_calm(s, 60);
    rig_close(s);
    rig_put("labels.csv", "frame,name,value\n43,y,12.5\n44,y,1\n");
    p.folder = rig_in("run");
    p.state = rig_in("state");
    p.actor = "anna";
    p.reason = "pump was off";
    dt_ok(dura_people_label(&p, rig_in("labels.csv"), NULL, &err) == DURA_OK, "%s: %s", err.field, err.text);
    dt_ok(dura_people_incident(&p, DURA_PEOPLE_ACK, "1", NULL, &err) == DURA_OK, "%s: %s", err.field, err.text);
    dura_json *d = on_frame("run", 43);
    dt_eq(rig_number(d, "incident.id"), 1, "");
    dt_str(rig_text(d, "incident.channels.0"), "b", "");
    dt_str(rig_text(d, "said.0.actor"), "anna", "");
    dt_str(rig_text(d, "said.0.type"), "ack", "");
    dt_str(rig_text(d, "said.0.detail"), "pump was off", "");
    dt_eq(dura_json_count(d, rig_at(d, "labels")), 1, "that of this frame");
    dt_str(rig_text(d, "labels.0.detail"), "y=12.5", "");
    dt_eq(rig_number(d, "security.in_window"), 2, "the heartbeat is none of them");
    dt_eq(rig_number(d, "security.in_run"), 3, "nor is what people said");
    dt_str(rig_text(d, "security.events.0.type"), "login_failed", "");
    dt_str(rig_text(d, "security.events.0.actor"), "eve", "");
    dt_eq(rig_number(d, "security.events.0.after_s"), -3, "");
    dt_eq(rig_number(d, "security.events.1.after_s"), 3, "");
    dt_ok(rig_true(d, "security.events.0.trusted") && rig_true(d, "security.events.0.mapped"), "");
    dt_eq(dura_json_count(d, rig_at(d, "security.missing")), 0, "");
    dura_json_deinit(d);
    d = on_frame("run", 10);
    dt_ok(rig_null(d, "incident"), "long before it");
    dt_eq(rig_number(d, "security.in_window"), 0, "");
    dura_json_deinit(d);
    rig_sweep();
}

static int32_t half(void *user, const float *in, size_t n_in, float *out, size_t n_out)
{
    (void)user;
    (void)n_in;
    (void)n_out;
    out[0] = in[0] / 2;
    out[1] = in[1];
    return 0;
}

DT_TEST(why_json, says_why_a_model_cannot_be_asked)
{
    dura_fn call = DURA_FN_INIT;
    dura_why_options o = DURA_WHY_OPTIONS_INIT;
    call.n_inputs = call.n_outputs = 2;
    call.call = half;
    rig_setup(RIG_POLICY(""));
    dura_session *s = rig_begin_as("run", &call);
    rig_calm(s, 3);
    rig_close(s);
    dura_json *d = explained("run", NULL);
    dt_str(rig_text(d, "brain.kind"), "function", "");
    dt_ok(strstr(rig_text(d, "attribution.why_not"), "C function") != NULL, "%s", rig_text(d, "attribution.why_not"));
    dt_eq(dura_json_count(d, rig_at(d, "top")), 0, "");
    dura_json_deinit(d);
    o.model = rig_in("model.json");
    d = explained("run", &o);
    dt_ok(strstr(rig_text(d, "attribution.why_not"), "another model") != NULL, "%s", rig_text(d, "attribution.why_not"));
    dt_ok(rig_null(d, "brain.kind"), "");
    dura_json_deinit(d);
    rig_frame = 0;
    s = rig_begin("other");
    rig_step(s, 1, 1, 1);
    rig_close(s);
    d = explained("other", NULL);
    dt_ok(strstr(rig_text(d, "attribution.why_not"), "nothing to compare with") != NULL, "the first decision");
    dura_json_deinit(d);
    rig_sweep();
}

DT_TEST(why_json, finds_by_time_and_names_the_span)
{
    char *text;
    size_t len;
    dura_error err = {0};
    dura_why_options o = DURA_WHY_OPTIONS_INIT;
    rig_setup(RIG_POLICY(""));
    dura_session *s = rig_begin("run");
    rig_calm(s, 5);
    rig_close(s);
    o.which = DURA_PICK_AT;
    const struct { const char *at; int frame; } rows[] = {
        {"1700000001", 0}, {"1700000001.9", 0}, {"1700000002", 1}, {"2023-11-14T22:13:24.5Z", 3}, {"1700000005", 4}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        o.at = rows[i].at;
        dura_json *d = explained("run", &o);
        dt_eq(rig_number(d, "frame"), rows[i].frame, "%s", rows[i].at);
        dura_json_deinit(d);
    }
    const struct { const char *at; int want; const char *words; } wrong[] = {
        {"1700000000.9", DURA_ENOENT, "from 2023-11-14T22:13:21.000000000Z to 2023-11-14T22:13:25.000000000Z"},
        {"1700000005.1", DURA_ENOENT, "outside the run"}, {"noon", DURA_ETIME, "noon is no time"}};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        o.at = wrong[i].at;
        dt_eq(dura_why_json(rig_in("run"), &o, &text, &len, &err), wrong[i].want, "%s", wrong[i].at);
        dt_ok(text == NULL && strstr(err.text, wrong[i].words) != NULL, "%s: %s", wrong[i].at, err.text);
    }
    o.which = DURA_PICK_FRAME;
    o.frame = 5;
    dt_eq(dura_why_json(rig_in("run"), &o, &text, &len, &err), DURA_ENOENT, "");
    dt_ok(strstr(err.text, "frames 0 to 4") != NULL, "%s", err.text);
    o.at = NULL;
    o.which = DURA_PICK_AT;
    dt_eq(dura_why_json(rig_in("run"), &o, &text, &len, &err), DURA_EINVAL, "no time");
    o.which = 9;
    dt_eq(dura_why_json(rig_in("run"), &o, &text, &len, &err), DURA_EINVAL, "no such choice");
    dt_eq(dura_why_json(NULL, NULL, &text, &len, &err), DURA_EINVAL, "");
    dt_eq(dura_why_json(rig_in("nowhere"), NULL, &text, &len, &err), DURA_ENOENT, "");
    dura_why_deinit(NULL);
    rig_sweep();
}

DT_TEST(why_json, tells_of_a_cut_log_and_of_a_decision_no_seal_covers)
{
    rig_setup(RIG_POLICY(""));
    dura_session *s = rig_begin("run");
    rig_calm(s, 70);
    dura_session_abort(s);
    dura_json *d = explained("run", NULL);
    dt_ok(!rig_true(d, "proof.sealed") && rig_at(d, "proof.root") == DURA_JSON_NONE, "");
    dura_json_deinit(d);
    d = on_frame("run", 1);
    dt_ok(rig_true(d, "proof.sealed"), "");
    dt_eq(rig_number(d, "proof.epoch"), 0, "");
    dura_json_deinit(d);
    rig_sweep();
}
