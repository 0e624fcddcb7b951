/* SPDX-License-Identifier: Apache-2.0 */
/* What leaves a run: which rows are kept, marked and quarantined, and alerts whose fields
 * hold every character that a format must escape. */
#include "why_rig.h"

#include <dura/host/export.h>
#include <dura/host/people.h>

static dura_export_report exported(const char *out, const char *csv, int64_t margin_s)
{
    dura_export_options o = DURA_EXPORT_OPTIONS_INIT;
    dura_export_report r = DURA_EXPORT_REPORT_INIT;
    dura_error err = {0};
    o.folder = rig_in(out);
    o.csv = rig_in(csv);
    o.margin_ns = margin_s * 1000000000;
    int rc = dura_export_training(&o, &r, &err);
    dt_ok(rc == DURA_OK, "%s: %s: %s", err.file, err.field, err.text);
    dt_eq(r.rows, r.kept + r.incident + r.not_good + r.unusable, "every row is somewhere");
    return r;
}

static int begins(const char *text, const char *with) { return strncmp(text, with, strlen(with)) == 0; }

static int count_lines(const char *text)
{
    int n = 0;
    for (; *text; text++)
        n += *text == '\n';
    return n;
}

static dura_json *parsed(const char *text)
{
    dura_json *doc;
    dura_error err = {0};
    dt_ok(dura_json_parse(text, strlen(text), NULL, &doc, &err) == DURA_OK, "%u: %s: %s", err.line, err.text, text);
    return doc;
}

DT_TEST(export_training, keeps_good_rows_and_lists_what_it_leaves_out)
{
    rig_setup(RIG_POLICY(RIG_WATCHED));
    dura_session *s = rig_begin("run");
    rig_calm(s, 50);
    for (int i = 0; i < 4; i++)
        rig_step(s, rig_noise(), 500, 0);            /* 50..53: b out of range: a fault */
    rig_calm(s, 60);
    rig_close(s);
    dura_export_report r = exported("run", "t.csv", 10);
    dt_eq(r.rows, 114, "");
    dt_ok(r.incident >= 14 && r.incident < 30, "10 s before and the incident itself: %d", (int)r.incident);
    dt_eq(r.spans, 3, "the first row is not judged yet; before, and inside");
    dt_eq(r.not_good, 1, "");
    char *text = rig_get("t.csv");
    dt_ok(begins(text, "time,a,b,c,y,output:b,span\n2023-11-14T22:13:22.000000000Z,"), "%.80s", text);
    dt_eq(count_lines(text), (int)r.kept + 1, "");
    dt_ok(strstr(text, ",500,") == NULL, "none of the bad values is left");
    dt_ok(strstr(text, "22:14:01.0") == NULL && strstr(text, "22:14:00.0") != NULL, "10 s of margin");
    dura_json *d = parsed(rig_get("t.csv.quarantine.json"));
    dt_eq(rig_number(d, "rows"), 114, "");
    dt_eq(rig_number(d, "kept"), (double)r.kept, "");
    dt_str(rig_text(d, "incidents"), "recorded", "");
    dt_str(rig_text(d, "spans.0.reason"), "channel a UNKNOWN: warmup", "");
    dt_ok(rig_null(d, "spans.0.incident"), "");
    dt_str(rig_text(d, "spans.1.reason"), "before an incident", "");
    dt_eq(rig_number(d, "spans.1.rows"), 10, "");
    dt_eq(rig_number(d, "spans.1.first_frame"), 40, "");
    dt_str(rig_text(d, "spans.2.verdict"), "fault", "");
    dt_str(rig_text(d, "spans.2.incident"), "1/1", "");
    dt_eq(rig_number(d, "spans.2.first_frame"), 50, "");
    dura_json_deinit(d);
    dt_eq(rig_word("run"), DURA_VERIFY_INTACT, "the run is as it was");
    r = exported("run", "u.csv", 0);
    dt_ok(strstr(rig_get("u.csv"), "22:14:10.0") != NULL, "without a margin frame 49 is kept");
    rig_sweep();
}

DT_TEST(export_training, joins_anew_where_nothing_correlates_and_quotes_what_csv_must)
{
    rig_setup("{\"device\": {\"name\": \"p\"}, \"channels\": [{\"name\": \"a\", \"fail_lo\": -9, \"suspect_hi\": 50, \"fail_hi\": 90,\n"
              "\"suspect_ok\": true}, {\"name\": \"b, \\\"x\\\"\"}, {\"name\": \"c\"}], \"outputs\": [{\"name\": \"time\", \"lo\": 0, \"hi\": 9,\n"
              "\"safe\": 0}, {\"name\": \"y\", \"lo\": 0, \"hi\": 9, \"safe\": 0}], \"model\": {\"inputs\": [\"a\", \"c\"]}}");
    rig_put("model.json", "{\"dura_model\": 1, \"kind\": \"linear\", \"inputs\": [\"a\", \"c\"], \"outputs\": [{\"name\": \"time\", \"bias\": 1,\n"
            "\"weights\": [0, 0]}, {\"name\": \"y\", \"bias\": 2, \"weights\": [0, 0]}]}");
    dura_session *s = rig_begin("run");
    rig_calm(s, 3);
    rig_step(s, 60, 1, 1);
    rig_step(s, 70, 1, 1);
    rig_calm(s, 3);
    rig_close(s);
    dura_export_report r = exported("run", "t.csv", 0);
    dt_eq(r.kept, 3, "");
    dt_eq(r.incident, 5, "it was not closed: to the end");
    dt_eq(r.spans, 1, "neighbours, one reason");
    dt_ok(begins(rig_get("t.csv"), "time,a,\"b, \"\"x\"\"\",c,output:time,y,span\n"), "%.60s", rig_get("t.csv"));
    dura_json *d = parsed(rig_get("t.csv.quarantine.json"));
    dt_str(rig_text(d, "incidents"), "joined anew", "");
    dt_ok(rig_true(d, "spans.0.open"), "");
    dt_eq(rig_number(d, "spans.0.rows"), 5, "");
    dura_json_deinit(d);
    rig_sweep();
}

DT_TEST(export_training, keeps_drift_and_marks_it)
{
    rig_setup("{\"device\": {\"name\": \"p\"}, \"channels\": [{\"name\": \"a\"}, {\"name\": \"b\"}, {\"name\": \"c\"}], \"outputs\":\n"
              "[{\"name\": \"y\", \"lo\": -20, \"hi\": 20, \"safe\": 0}, {\"name\": \"b\", \"lo\": -99, \"hi\": 99, \"safe\": 0}],\n"
              "\"model\": {\"inputs\": [\"a\", \"b\"]}, \"drift\": {\"arl0\": 10000, \"references\": [\n"
              "{\"of\": \"a\", \"n\": 5000, \"mean\": 0.5, \"deviation\": 1}, {\"of\": \"b\", \"n\": 5000, \"mean\": 0, \"deviation\": 1},\n"
              "{\"of\": \"c\", \"n\": 5000, \"mean\": 0, \"deviation\": 1}]}, \"correlate\": {\"quiet_ms\": 20000}}");
    dura_session *s = rig_begin("run");
    rig_calm(s, 200);
    for (int i = 0; i < 400; i++) {      /* everything moves slowly */
        float m = 0.005f * (float)i;
        rig_step(s, 0.5f + rig_noise() + m, rig_noise() + m, rig_noise() + m);
    }
    rig_close(s);
    dura_export_report r = exported("run", "t.csv", 0);
    dt_ok(r.drift > 100 && r.incident == 0, "%d marked, %d left out", (int)r.drift, (int)r.incident);
    dt_ok(strstr(rig_get("t.csv"), ",drift\n") != NULL, "");
    rig_sweep();
}

DT_TEST(export_training, refuses_to_overwrite_and_to_write_into_the_run)
{
    dura_export_options o = DURA_EXPORT_OPTIONS_INIT;
    dura_error err = {0};
    rig_setup(RIG_POLICY(""));
    dura_session *s = rig_begin("run");
    rig_calm(s, 3);
    rig_close(s);
    rig_put("there.csv", "mine");
    rig_put("beside.csv.quarantine.json", "mine");
    o.folder = rig_in("run");
    const struct { const char *csv; int want; const char *words; } rows[] = {
        {"there.csv", DURA_ESTATE, "there already"}, {"beside.csv", DURA_ESTATE, "there already"},
        {"run/t.csv", DURA_EINVAL, "nobody vouches for"}, {"run/security.log/t.csv", DURA_EINVAL, "nobody vouches for"},
        {"no/t.csv", DURA_ENOENT, ""}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        o.csv = rig_in(rows[i].csv);
        dt_eq(dura_export_training(&o, NULL, &err), rows[i].want, "%s", rows[i].csv);
        dt_ok(strstr(err.text, rows[i].words) != NULL, "%s: %s", rows[i].csv, err.text);
    }
    dt_ok(!rig_has("beside.csv"), "no half of a pair is left");
    dt_str(rig_get("there.csv"), "mine", "");
    dt_eq(rig_word("run"), DURA_VERIFY_INTACT, "");
    o.csv = "";
    dt_eq(dura_export_training(&o, NULL, &err), DURA_EINVAL, "");
    o.csv = rig_in("x.csv");
    o.margin_ns = -1;
    dt_eq(dura_export_training(&o, NULL, &err), DURA_EINVAL, "");
    o.margin_ns = 0;
    o.folder = rig_in("nowhere");
    dt_eq(dura_export_training(&o, NULL, &err), DURA_ENOENT, "");
    dt_ok(!rig_has("x.csv"), "");
    rig_sweep();
}

/* ---- alerts ---------------------------------------------------------------------------------- */

typedef struct lines {
    char text[32][4096];
    int n;
} lines;

static int take(void *user, const char *line, size_t len)
{
    lines *l = user;
    dt_ok(l->n < 32 && len < sizeof l->text[0] && strlen(line) == len && !strpbrk(line, "\n\r"), "line %d", l->n);
    memcpy(l->text[l->n++], line, len + 1);
    return 0;
}

static int refuse(void *user, const char *line, size_t len)
{
    (void)user;
    (void)line;
    (void)len;
    return -200;
}

static lines *alerts(const char *out, int format)
{
    static lines l;
    uint64_t n;
    dura_error err = {0};
    memset(&l, 0, sizeof l);
    dt_ok(dura_export_alerts(rig_in(out), format, take, &l, &n, &err) == DURA_OK, "%s: %s", err.file, err.text);
    dt_eq(n, l.n, "");
    return &l;
}

/* A fault in a run whose names hold every mark, and a stop whose reason does. */
static void hostile_run(void)
{
    dura_people_options p = DURA_PEOPLE_OPTIONS_INIT;
    dura_error err = {0};
    rig_setup("{\"device\": {\"name\": \"press ]|=\\\\ \\u00fc\"}, \"channels\": [{\"name\": \"a|=]\\\"\\\\\", \"fail_lo\": -100, \"fail_hi\": 100},\n"
              "{\"name\": \"b\"}, {\"name\": \"c\"}], \"outputs\": [{\"name\": \"y\", \"lo\": -20, \"hi\": 20, \"safe\": 0},\n"
              "{\"name\": \"b\", \"lo\": -9, \"hi\": 9, \"safe\": 0}], \"model\": {\"inputs\": [\"b\", \"c\"]}, \"correlate\": {\"quiet_ms\": 5000}}");
    rig_put("model.json", "{\"dura_model\": 1, \"kind\": \"linear\", \"inputs\": [\"b\", \"c\"], \"outputs\": [{\"name\": \"y\", \"bias\": 1,\n"
            "\"weights\": [0, 0]}, {\"name\": \"b\", \"bias\": 2, \"weights\": [0, 0]}]}");
    dura_session *s = rig_begin("run");
    rig_calm(s, 10);
    rig_step(s, 500, 0, 0);
    rig_calm(s, 20);
    rig_close(s);
    p.folder = rig_in("run");
    p.state = rig_in("state");
    p.actor = "o|p=\"q\"]\\";
    p.reason = "why\\ = | ] \"";
    dt_ok(dura_people_override(&p, DURA_OVERRIDE_STOP, NULL, &err) == DURA_OK, "%s: %s", err.field, err.text);
}

/* The value of a CEF extension key, unescaped. */
static const char *cef_value(const char *line, const char *key)
{
    static char out[2048];
    char mark[64];
    size_t n = 0;
    snprintf(mark, sizeof mark, "%s=", key);
    for (const char *p = line; (p = strstr(p, mark)) != NULL; p++) {
        if (p[-1] != ' ' && p[-1] != '|')
            continue;
        for (p += strlen(mark); *p; p++) {
            const char *word = p + 1;            /* a blank in front of "key=" ends the value */
            if (*p == ' ' && word[strspn(word, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789")] == '=')
                break;
            p += *p == '\\';
            out[n++] = *p == 'n' && p[-1] == '\\' ? '\n' : *p;
        }
        out[n] = 0;
        return out;
    }
    return "";
}

DT_TEST(export_alerts, escapes_cef_so_that_a_parser_gets_the_texts_back)
{
    hostile_run();
    lines *l = alerts("run", DURA_EXPORT_CEF);
    dt_eq(l->n, 2, "%s", l->text[0]);
    dt_ok(begins(l->text[0], "CEF:0|dura|dura|" DURA_VERSION "|incident.fault|Incident: fault|6|"), "%s", l->text[0]);
    dt_str(cef_value(l->text[0], "dvchost"), "press ]|=\\ \xC3\xBC", "");
    dt_str(cef_value(l->text[0], "cs1"), "a|=]\"\\", "");
    dt_str(cef_value(l->text[0], "externalId"), "1/1", "");
    dt_str(cef_value(l->text[0], "start"), "1700000011000", "milliseconds");
    dt_eq(strlen(cef_value(l->text[0], "deviceExternalId")), 32, "the origin of the logs");
    dt_ok(strstr(l->text[1], "|override.stop|Operator stop|6|") != NULL, "%s", l->text[1]);
    dt_str(cef_value(l->text[1], "suser"), "o|p=\"q\"]\\", "");
    dt_str(cef_value(l->text[1], "reason"), "why\\ = | ] \"", "");
    dt_eq(strlen(cef_value(l->text[1], "cs5")), 64, "leaf hash of the record");
    char first[4096];
    strcpy(first, l->text[0]);
    dt_str(alerts("run", DURA_EXPORT_CEF)->text[0], first, "the same folder, the same line");
    rig_sweep();
}

/* The value of a structured data parameter, unescaped. */
static const char *sd_value(const char *line, const char *key)
{
    static char out[2048];
    char mark[64];
    size_t n = 0;
    snprintf(mark, sizeof mark, " %s=\"", key);
    const char *p = strstr(line, mark);
    for (p = p ? p + strlen(mark) : ""; *p && *p != '"'; p++) {
        dt_ok(*p != ']', "an unescaped bracket ends the element: %s", line);
        p += *p == '\\';
        out[n++] = *p;
    }
    out[n] = 0;
    return out;
}

DT_TEST(export_alerts, keeps_to_rfc_5424)
{
    hostile_run();
    lines *l = alerts("run", DURA_EXPORT_SYSLOG);
    dt_eq(l->n, 2, "");
    dt_ok(begins(l->text[0], "<108>1 2023-11-14T22:13:3"), "facility 13, warning: %s", l->text[0]);
    dt_ok(strstr(l->text[0], "Z press_]|=\\___ dura - incident.fault [dura@32473 device=\"") != NULL, "%s", l->text[0]);
    dt_str(sd_value(l->text[0], "device"), "press ]|=\\ \xC3\xBC", "");
    dt_str(sd_value(l->text[0], "channels"), "a|=]\"\\", "");
    dt_str(sd_value(l->text[0], "state"), "closed", "");
    dt_str(sd_value(l->text[1], "actor"), "o|p=\"q\"]\\", "");
    dt_str(sd_value(l->text[1], "reason"), "why\\ = | ] \"", "");
    dt_ok(strstr(l->text[1], "\"] \xEF\xBB\xBF") != NULL, "the message begins with the mark of UTF-8: %s", l->text[1]);
    rig_sweep();
}

DT_TEST(export_alerts, gives_ocsf_detection_findings)
{
    hostile_run();
    lines *l = alerts("run", DURA_EXPORT_OCSF);
    dt_eq(l->n, 2, "");
    dura_json *d = parsed(l->text[0]);
    dt_eq(rig_number(d, "class_uid"), 2004, "");
    dt_eq(rig_number(d, "category_uid"), 2, "");
    dt_eq(rig_number(d, "activity_id"), 3, "closed");
    dt_eq(rig_number(d, "type_uid"), 200403, "");
    dt_eq(rig_number(d, "severity_id"), 3, "");
    dt_eq(rig_number(d, "status_id"), 4, "");
    dt_eq(rig_number(d, "finding_info.first_seen_time"), 1700000011000.0, "");
    dt_str(rig_text(d, "finding_info.types.0"), "incident.fault", "");
    dt_str(rig_text(d, "device.name"), "press ]|=\\ \xC3\xBC", "");
    dt_str(rig_text(d, "unmapped.channels.0"), "a|=]\"\\", "");
    dt_eq(strlen(rig_text(d, "evidences.0.data.leaf")), 16, "");
    dura_json_deinit(d);
    d = parsed(l->text[1]);
    dt_eq(rig_number(d, "activity_id"), 1, "");
    dt_str(rig_text(d, "unmapped.actor"), "o|p=\"q\"]\\", "");
    dt_eq(rig_number(d, "severity_id"), 3, "");
    dura_json_deinit(d);
    rig_sweep();
}

DT_TEST(export_alerts, tells_of_a_cut_and_stops_when_told_to)
{
    lines l = {0};
    dura_error err = {0};
    dura_session_options o = DURA_SESSION_OPTIONS_INIT;
    dura_session *s;
    rig_setup(RIG_POLICY(""));
    s = rig_begin("run");
    rig_calm(s, 30);
    dura_session_abort(s);
    dt_eq(alerts("run", DURA_EXPORT_CEF)->n, 0, "nothing happened");
    FILE *f = fopen(rig_in("run/security.log/00000000.seg"), "r+b");   /* a torn tail */
    dt_ok(f && fseek(f, 0, SEEK_END) == 0 && fputs("torn torn torn", f) >= 0 && fclose(f) == 0, "");
    o.policy = rig_in("policy.json");
    o.model = rig_in("model.json");
    o.state = rig_in("state");
    o.out = rig_in("run");
    o.flags = DURA_SESSION_RESUME;
    dt_ok(dura_session_open(&s, &o, &err) == DURA_OK, "%s: %s", err.field, err.text);
    rig_close(s);
    dt_ok(alerts("run", DURA_EXPORT_CEF)->n <= 2, "");
    hostile_run();
    dt_eq(dura_export_alerts(rig_in("run"), DURA_EXPORT_CEF, refuse, NULL, NULL, &err), -200, "");
    dt_eq(dura_export_alerts(rig_in("run"), 0, take, &l, NULL, &err), DURA_EINVAL, "");
    dt_eq(dura_export_alerts(rig_in("run"), 4, take, &l, NULL, &err), DURA_EINVAL, "");
    dt_eq(dura_export_alerts(rig_in("run"), DURA_EXPORT_CEF, NULL, &l, NULL, &err), DURA_EINVAL, "");
    dt_eq(dura_export_alerts(NULL, DURA_EXPORT_CEF, take, &l, NULL, &err), DURA_EINVAL, "");
    dt_eq(dura_export_alerts(rig_in("nowhere"), DURA_EXPORT_CEF, take, &l, NULL, &err), DURA_ENOENT, "");
    rig_sweep();
}
