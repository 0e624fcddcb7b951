/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The events reader: what a line becomes in either format, what each wrong line is called,
 * and that no line vanishes uncounted. Lines of Suricata are written after its EVE
 * documentation; expected times come from Python's datetime.
 */
#include "dt.h"

#include <dura/host/events.h>

#include "base/dura_base_priv.h"

#include <unistd.h>

/* ---- files and readers ------------------------------------------------------------------ */

static char path[64], assets_path[64];

static void put(const char *to, const void *p, size_t n)
{
    FILE *f = fopen(to, "wb");
    dt_ok(f && fwrite(p, 1, n, f) == n && fclose(f) == 0, "cannot write %s", to);
}

static dura_events_options options(void)
{
    dura_events_options o = DURA_EVENTS_OPTIONS_INIT;
    snprintf(path, sizeof path, "/tmp/dura_events_%d", (int)getpid());
    snprintf(assets_path, sizeof assets_path, "/tmp/dura_assets_%d", (int)getpid());
    o.path = path;
    return o;
}

static int open_text(dura_events **e, const char *text, dura_events_options *o, dura_error *err)
{
    put(path, text, strlen(text));
    int rc = dura_events_open(e, o, err);
    unlink(path);
    return rc;
}

static const char *why(const dura_error *err)
{
    static char text[128];
    snprintf(text, sizeof text, "%u %.30s %.80s", err->line, err->field, err->text);
    return text;
}

/* One line, as a row that stays until the next call; code of next(). */
static dura_events *one_reader;
static int one_line(const char *text, dura_events_options *o, dura_events_row *row, dura_error *err)
{
    memset(err, 0, sizeof *err);
    *row = (dura_events_row)DURA_EVENTS_ROW_INIT;
    dura_events_close(one_reader);
    one_reader = NULL;
    int rc = open_text(&one_reader, text, o, err);
    return rc < 0 ? rc : dura_events_next(one_reader, row, err);
}
static void done(void)
{
    dura_events_close(one_reader);
    one_reader = NULL;
}

static dura_events_counts counts_of(const dura_events *e)
{
    dura_events_counts c = DURA_EVENTS_COUNTS_INIT;
    dt_eq(dura_events_query(e, &c), DURA_OK, "");
    return c;
}

static void put_assets(dura_events_options *o, const char *text)
{
    put(assets_path, text, strlen(text));
    o->assets = assets_path;
}

/* ---- NDJSON ------------------------------------------------------------------------------- */

DT_TEST(events_ndjson, gives_every_member_its_place)
{
    dura_events_row row;
    dura_error err;
    dura_events_options o = options();
    dt_eq(one_line("{\"t\":\"2026-03-01T12:34:56.123456789+01:00\",\"source\":\"ids1\",\"id\":\"A-17\",\"category\":\"access\","
                   "\"type\":\"login_failed\",\"severity\":4,\"asset\":3,\"zone\":\"2\",\"actor\":\"op\\u00e9rateur\",\"result\":"
                   "\"failure\",\"src\":\"10.0.0.9\",\"dst\":\"10.0.0.1\",\"proto\":\"tcp\",\"community_id\":\"1:x\",\"detail\":"
                   "\"three in a row\"}\n", &o, &row, &err), 1, "%s", why(&err));
    dt_ok(row.row == 0 && row.line == 1, "");
    dt_eq(row.time.wall_ns, 1772364896123456789, "");
    dt_ok(row.time.mono_ns == row.time.wall_ns && row.time.quality == DURA_CLOCK_UNSYNCED &&
             row.time.wall_err_us == UINT32_MAX && row.time.boot == 0, "the source's own clock");
    dt_str(row.category, "access", "");
    dt_str(row.type, "login_failed", "");
    dt_str(row.id, "A-17", "");
    dt_str(row.actor, "op\xC3\xA9rateur", "");
    dt_str(row.result, "failure", "");
    dt_str(row.peer, "10.0.0.9", "");
    dt_str(row.detail, "three in a row", "");
    dt_ok(row.event.type == DURA_EVENT_ACCESS_FAILED && row.event.severity == 4 && row.event.asset == 3 &&
             row.event.zone == 2 && row.event.failed == 1 && row.event.trust == DURA_TRUST_NONE, "");
    dt_eq(row.event.actor, durai_crc32c(0, "op\xC3\xA9rateur", 10), "");
    dura_events_counts c = counts_of(one_reader);
    dt_ok(c.format == DURA_EVENTS_NDJSON && c.unknown == 0 && c.unmapped == 0 && c.unclassified == 0, "");
    done();
}

DT_TEST(events_ndjson, needs_a_time_a_category_and_a_type)
{
    dura_events_row row;
    dura_error err;
    dura_events_options o = options();
    dt_eq(one_line("{\"t\":1,\"category\":\"x\",\"type\":\"y\"}", &o, &row, &err), 1, "%s", why(&err));
    dt_ok(row.event.severity == 3 && row.event.asset == DURA_NONE && row.event.zone == DURA_NONE && row.event.actor == 0 &&
             !*row.id && !*row.result && !*row.actor && !*row.peer && !*row.detail, "what is not said");
    dura_events_counts c = counts_of(one_reader);
    dt_ok(c.unmapped == 1 && c.unclassified == 1, "both are counted");
    done();
}

DT_TEST(events_ndjson, reads_times_to_the_nanosecond)
{
    static const struct { const char *t; int64_t ns; } rows[] = {
        {"1772364896.123456789", 1772364896123456789}, {"\"1772364896.123456789\"", 1772364896123456789},
        {"1.7723648961234567e9", 1772364896123456700}, {"0", 0}, {"\"2026-03-01\"", 1772323200000000000},
        {"1772364896", 1772364896000000000},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char line[128];
        dura_events_row row;
        dura_error err;
        dura_events_options o = options();
        snprintf(line, sizeof line, "{\"category\":\"x\",\"t\":%s,\"type\":\"y\"}", rows[i].t);
        dt_eq(one_line(line, &o, &row, &err), 1, "%s: %s", rows[i].t, why(&err));
        dt_eq(row.time.wall_ns, rows[i].ns, "%s", rows[i].t);
    }
    done();
}

/* Each is the second line, so that the line number is proven too. */
DT_TEST(events_ndjson, names_file_line_and_member_of_what_is_wrong)
{
    static const struct { const char *what, *line; int rc; const char *field, *text; } rows[] = {
        {"no time", "{\"category\":\"x\",\"type\":\"y\"}", DURA_ETIME, "t", "no time"},
        {"time is a word", "{\"t\":\"noon\",\"category\":\"x\",\"type\":\"y\"}", DURA_ETIME, "t", "noon"},
        {"before 1970", "{\"t\":-1,\"category\":\"x\",\"type\":\"y\"}", DURA_ETIME, "t", "1970"},
        {"after 2261", "{\"t\":\"9999-01-01\",\"category\":\"x\",\"type\":\"y\"}", DURA_ETIME, "t", "2261"},
        {"time is a list", "{\"t\":[1],\"category\":\"x\",\"type\":\"y\"}", DURA_ESYNTAX, "t", "number"},
        {"endless time", "{\"t\":\"1.00000000000000000000000000000000000000000000000000000000000000000\",\"category\":\"x\",\"type\":\"y\"}",
         DURA_ESYNTAX, "t", "longer"},
        {"no category", "{\"t\":1,\"type\":\"y\"}", DURA_ESYNTAX, "category", "required"},
        {"empty type", "{\"t\":1,\"category\":\"x\",\"type\":\"\"}", DURA_ESYNTAX, "type", "required"},
        {"type is a number", "{\"t\":1,\"category\":\"x\",\"type\":1}", DURA_ESYNTAX, "type", "text"},
        {"control character", "{\"t\":1,\"category\":\"x\",\"type\":\"y\\n\"}", DURA_ESYNTAX, "type", "control"},
        {"severity 11", "{\"t\":1,\"category\":\"x\",\"type\":\"y\",\"severity\":11}", DURA_ESYNTAX, "severity", "0 to 10"},
        {"severity in words", "{\"t\":1,\"category\":\"x\",\"type\":\"y\",\"severity\":\"high\"}", DURA_ESYNTAX, "severity", "0 to 10"},
        {"asset by name", "{\"t\":1,\"category\":\"x\",\"type\":\"y\",\"asset\":\"press\"}", DURA_ESYNTAX, "asset", "not a name"},
        {"asset too large", "{\"t\":1,\"category\":\"x\",\"type\":\"y\",\"asset\":65535}", DURA_ESYNTAX, "asset", "65534"},
        {"zone too large", "{\"t\":1,\"category\":\"x\",\"type\":\"y\",\"zone\":\"99999\"}", DURA_ESYNTAX, "zone", "65534"},
        {"zone below 0", "{\"t\":1,\"category\":\"x\",\"type\":\"y\",\"zone\":\"-1\"}", DURA_ESYNTAX, "zone", "65534"},
        {"id is an object", "{\"t\":1,\"category\":\"x\",\"type\":\"y\",\"id\":{}}", DURA_ESYNTAX, "id", "number"},
        {"a member twice", "{\"t\":1,\"t\":1,\"category\":\"x\",\"type\":\"y\"}", DURA_ESYNTAX, "t", ""},
        {"a number of 49 digits", "{\"t\":1.0000000000000000000000000000000000000000000000000,\"category\":\"x\",\"type\":\"y\"}", DURA_ELIMIT, "t", ""},
        {"no object", "[1,2]", DURA_ESYNTAX, "", "object"},
        {"no JSON", "hello", DURA_ESYNTAX, "", ""},
        {"cut in the middle", "{\"t\":1,\"categ", DURA_ESYNTAX, "", ""},
        {"two objects", "{\"t\":1} {}", DURA_ESYNTAX, "", ""},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char file[512];
        dura_events *e;
        dura_error err;
        dura_events_row row = DURA_EVENTS_ROW_INIT;
        dura_events_options o = options();
        snprintf(file, sizeof file, "{\"t\":1,\"category\":\"x\",\"type\":\"y\"}\n%s\n", rows[i].line);
        dt_eq(open_text(&e, file, &o, &err), 0, "%s", rows[i].what);
        dt_eq(dura_events_next(e, &row, &err), 1, "%s", rows[i].what);
        dt_eq(dura_events_next(e, &row, &err), rows[i].rc, "%s: %s", rows[i].what, why(&err));
        dt_ok(err.line == 2 && strcmp(err.file, path) == 0, "%s: %s", rows[i].what, why(&err));
        dt_str(err.field, rows[i].field, "%s: %s", rows[i].what, why(&err));
        dt_ok(strstr(err.text, rows[i].text) != NULL, "%s: %s", rows[i].what, why(&err));
        dura_events_close(e);
        o.lenient = 1;
        dt_eq(open_text(&e, file, &o, &err), 0, "%s", rows[i].what);
        dt_ok(dura_events_next(e, &row, &err) == 1 && dura_events_next(e, &row, &err) == 0, "%s, lenient", rows[i].what);
        dura_events_counts c = counts_of(e);
        dt_ok(c.lines == 2 && c.rows == 1 && c.malformed == 1 && c.cut == 0, "%s, lenient", rows[i].what);
        dura_events_close(e);
    }
}

DT_TEST(events_ndjson, counts_members_it_does_not_know_and_names_the_first)
{
    dura_events_row row;
    dura_error err;
    dura_events_options o = options();
    o.trust_file = 0;
    dt_eq(one_line("{\"t\":1,\"category\":\"x\",\"type\":\"y\"}\n\n{\"t\":1,\"serverity\":9,\"category\":\"x\",\"type\":\"y\",\"more\":{\"a\":[1]}}\n",
                   &o, &row, &err), 1, "");
    dt_eq(dura_events_next(one_reader, &row, &err), 1, "");
    dt_ok(row.line == 3 && row.row == 1 && row.event.severity == 3, "line %u", (unsigned)row.line);
    dura_events_counts c = counts_of(one_reader);
    dt_ok(c.unknown == 2 && c.unknown_line == 3, "");
    dt_str(c.unknown_name, "serverity", "");
    done();
}

DT_TEST(events_ndjson, a_file_cannot_vouch_for_itself)
{
    static const struct { uint8_t trust, trust_file; const char *member; int want; } rows[] = {
        {DURA_TRUST_NONE, 0, ",\"trusted\":true", DURA_TRUST_NONE},   {DURA_TRUST_NONE, 1, ",\"trusted\":true", DURA_TRUST_SOURCE},
        {DURA_TRUST_SOURCE, 0, ",\"trusted\":false", DURA_TRUST_SOURCE}, {DURA_TRUST_SOURCE, 1, ",\"trusted\":false", DURA_TRUST_NONE},
        {DURA_TRUST_SOURCE, 1, "", DURA_TRUST_SOURCE},                {DURA_TRUST_NONE, 1, "", DURA_TRUST_NONE},
        {DURA_TRUST_NONE, 0, ",\"trusted\":\"x\"", DURA_TRUST_NONE},  {DURA_TRUST_NONE, 1, ",\"trusted\":\"x\"", -1},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char line[128];
        dura_events_row row;
        dura_error err;
        dura_events_options o = options();
        o.trust = rows[i].trust;
        o.trust_file = rows[i].trust_file;
        snprintf(line, sizeof line, "{\"t\":1,\"category\":\"x\",\"type\":\"y\"%s}\n", rows[i].member);
        int rc = one_line(line, &o, &row, &err);
        dt_eq(rc, rows[i].want < 0 ? DURA_ESYNTAX : 1, "row %u", (unsigned)i);
        dt_ok(rc < 0 || row.event.trust == rows[i].want, "row %u", (unsigned)i);
        dt_ok(rc < 0 || counts_of(one_reader).unknown == 0, "it is a known member: row %u", (unsigned)i);
    }
    done();
}

DT_TEST(events_ndjson, cuts_long_texts_at_a_character_and_marks_it)
{
    char line[2048], text[600];
    dura_events_row row;
    dura_error err;
    dura_events_options o = options();
    for (int odd = 0; odd < 3; odd++) { /* the cut falls on each byte of a character of three */
        memset(text, 'a', sizeof text);
        size_t n = 0;
        for (n = (size_t)odd; n + 3 < 400; n += 3)
            memcpy(text + n, "\xE2\x82\xAC", 3);
        text[n] = 0;
        snprintf(line, sizeof line, "{\"t\":1,\"category\":\"x\",\"type\":\"y\",\"detail\":\"%s\",\"actor\":\"%s\"}\n", text, text);
        dt_eq(one_line(line, &o, &row, &err), 1, "%s", why(&err));
        size_t len = strlen(row.detail);
        dt_ok(len <= DURA_EVENT_DETAIL_MAX && len > DURA_EVENT_DETAIL_MAX - 3, "%u bytes", (unsigned)len);
        dt_ok((len - 3 - (size_t)odd) % 3 == 0, "whole characters: %u", (unsigned)len);
        dt_mem(row.detail + len - 3, "\xE2\x80\xA6", 3, "the mark");
        dt_ok(strlen(row.actor) <= DURA_EVENT_ACTOR_MAX, "");
        dt_eq(row.event.actor, durai_crc32c(0, row.actor, strlen(row.actor)), "of what is recorded");
        dt_eq(counts_of(one_reader).shortened, 2, "");
    }
    memset(text, 'b', DURA_EVENT_DETAIL_MAX);
    text[DURA_EVENT_DETAIL_MAX] = 0;
    snprintf(line, sizeof line, "{\"t\":1,\"category\":\"x\",\"type\":\"y\",\"detail\":\"%s\",\"id\":12345678901234}\n", text);
    dt_eq(one_line(line, &o, &row, &err), 1, "%s", why(&err));
    dt_ok(strcmp(row.detail, text) == 0 && counts_of(one_reader).shortened == 0, "just fits");
    dt_str(row.id, "12345678901234", "a number is an identifier too");
    done();
}

/* ---- lines -------------------------------------------------------------------------------- */

DT_TEST(events_next, tolerates_a_last_line_that_rotation_cut)
{
    static const char whole[] = "{\"t\":1,\"category\":\"x\",\"type\":\"y\"}";
    for (size_t n = 0; n <= sizeof whole - 1; n++) {
        char file[128];
        dura_events *e;
        dura_error err;
        dura_events_row row = DURA_EVENTS_ROW_INIT;
        dura_events_options o = options();
        snprintf(file, sizeof file, "%s\n%.*s", whole, (int)n, whole);
        dt_eq(open_text(&e, file, &o, &err), 0, "");
        dt_eq(dura_events_next(e, &row, &err), 1, "");
        dt_eq(dura_events_next(e, &row, &err), n == sizeof whole - 1, "%u bytes", (unsigned)n);
        dura_events_counts c = counts_of(e);
        dt_ok(c.cut == (n > 0 && n < sizeof whole - 1) && c.malformed == 0, "%u bytes", (unsigned)n);
        dt_eq(c.lines, c.rows + c.cut, "%u bytes", (unsigned)n);
        dt_eq(dura_events_next(e, &row, &err), 0, "still the end");
        dura_events_close(e);
    }
}

DT_TEST(events_next, reads_every_line_end_and_skips_blank_lines)
{
    dura_events *e;
    dura_error err;
    dura_events_row row = DURA_EVENTS_ROW_INIT;
    dura_events_options o = options();
    dt_eq(open_text(&e, "\xEF\xBB\xBF{\"t\":1,\"category\":\"x\",\"type\":\"y\"}\r\n\n \t\r\n{\"t\":2,\"category\":\"x\",\"type\":\"y\"}", &o, &err), 0, "");
    dt_ok(dura_events_next(e, &row, &err) == 1 && row.line == 1, "%s", why(&err));
    dt_ok(dura_events_next(e, &row, &err) == 1 && row.line == 4, "%s", why(&err));
    dt_eq(dura_events_next(e, &row, &err), 0, "");
    dura_events_close(e);
    dt_eq(open_text(&e, "", &o, &err), 0, "an empty log is a log");
    dt_eq(dura_events_next(e, &row, &err), 0, "");
    dt_eq(counts_of(e).lines, 0, "");
    dura_events_close(e);
}

DT_TEST(events_next, refuses_a_line_without_end)
{
    dura_events *e;
    dura_error err;
    dura_events_row row = DURA_EVENTS_ROW_INIT;
    dura_events_options o = options();
    size_t n = (size_t)DURA_EVENTS_LINE_MAX + 4096;
    char *text = malloc(n);
    memset(text, 'x', n);
    put(path, text, n);
    free(text);
    o.lenient = 1;
    dt_eq(dura_events_open(&e, &o, &err), 0, "");
    unlink(path);
    dt_eq(dura_events_next(e, &row, &err), DURA_ELIMIT, "%s", why(&err));
    dura_events_close(e);
}

DT_TEST(events_next, hands_a_line_on_as_soon_as_it_is_there)
{
    static const char line[] = "{\"t\":1,\"category\":\"x\",\"type\":\"y\"}\n";
    int ends[2], before = dup(0);
    dura_events *e;
    dura_error err;
    dura_events_row row = DURA_EVENTS_ROW_INIT;
    dura_events_options o = options();
    o.path = "-";
    dt_ok(pipe(ends) == 0 && dup2(ends[0], 0) == 0, "");
    dt_eq(dura_events_open(&e, &o, &err), 0, "");
    for (int i = 0; i < 3; i++) {
        dt_eq(write(ends[1], line, sizeof line - 1), (int)sizeof line - 1, "");
        dt_eq(dura_events_next(e, &row, &err), 1, "line %d", i);
    }
    close(ends[1]);
    dt_eq(dura_events_next(e, &row, &err), 0, "");
    dura_events_close(e);
    dup2(before, 0);
    close(before);
    close(ends[0]);
}

DT_TEST(events_open, refuses_what_it_cannot_use)
{
    dura_events *e = (dura_events *)1;
    dura_error err;
    dura_events_row row = DURA_EVENTS_ROW_INIT;
    dura_events_counts c = DURA_EVENTS_COUNTS_INIT;
    dura_events_options o = options(), bad;
    o.path = "/nowhere/at/all";
    dt_eq(dura_events_open(&e, &o, &err), DURA_ENOENT, "");
    dt_ok(e == NULL, "");
    o.path = "/tmp";
    dt_ok(dura_events_open(&e, &o, &err) == DURA_EIO || dura_events_next(e, &row, &err) == DURA_EIO, "a folder");
    dura_events_close(e);
    o = options();
    bad = o; bad.path = NULL;
    dt_eq(dura_events_open(&e, &bad, &err), DURA_EINVAL, "");
    bad = o; bad.format = 3;
    dt_eq(dura_events_open(&e, &bad, &err), DURA_EINVAL, "");
    bad = o; bad.trust = DURA_TRUST_LOCAL;
    dt_eq(dura_events_open(&e, &bad, &err), DURA_EINVAL, "no file is the device itself");
    bad = o; bad.lenient = 2;
    dt_eq(dura_events_open(&e, &bad, &err), DURA_EINVAL, "");
    bad = o; bad.struct_size = 4;
    dt_eq(dura_events_open(&e, &bad, &err), DURA_EINVAL, "");
    dt_eq(dura_events_open(&e, NULL, &err), DURA_EINVAL, "");
    dt_eq(dura_events_open(NULL, &o, &err), DURA_EINVAL, "");
    dt_eq(dura_events_next(NULL, &row, &err), DURA_EINVAL, "");
    dt_eq(dura_events_query(NULL, &c), DURA_EINVAL, "");
    dura_events_close(NULL);
}

/* ---- Suricata ------------------------------------------------------------------------------ */

#define EVE "{\"timestamp\":\"2026-03-01T12:34:56.123456+0100\",\"flow_id\":1828745871237654,\"src_ip\":\"10.0.0.9\",\"src_port\":4444,\"dest_ip\":\"10.0.0.1\",\"proto\":\"TCP\",\"event_type\":"

DT_TEST(events_eve, is_recognised_and_an_alert_is_taken)
{
    dura_events_row row;
    dura_error err;
    dura_events_options o = options();
    dt_eq(one_line(EVE "\"alert\",\"alert\":{\"action\":\"allowed\",\"gid\":1,\"signature_id\":2100498,\"rev\":7,\"signature\":"
                   "\"GPL ATTACK_RESPONSE id check returned root\",\"category\":\"Potentially Bad Traffic\",\"severity\":2}}\n",
                   &o, &row, &err), 1, "%s", why(&err));
    dt_eq(counts_of(one_reader).format, DURA_EVENTS_EVE, "");
    dt_eq(row.time.wall_ns, 1772364896123456000, "");
    dt_str(row.id, "1:2100498:7", "");
    dt_str(row.type, "alert", "");
    dt_str(row.category, "other", "");
    dt_str(row.detail, "GPL ATTACK_RESPONSE id check returned root", "");
    dt_str(row.peer, "10.0.0.9", "");
    dt_str(row.result, "allowed", "");
    dt_ok(row.event.severity == 5 && !row.event.failed && row.event.type == DURA_EVENT_OTHER, "");
    done();
}

DT_TEST(events_eve, turns_categories_and_signatures_into_classes)
{
    static const struct { const char *category, *signature; uint8_t cls; } rows[] = {
        {"Detection of a Network Scan", "x", DURA_EVENT_RECON}, {"Attempted Information Leak", "x", DURA_EVENT_RECON},
        {"Attempted Denial of Service", "x", DURA_EVENT_DOS}, {"Detection of a Denial of Service Attack", "x", DURA_EVENT_DOS},
        {"A Network Trojan was detected", "x", DURA_EVENT_MALWARE}, {"Malware Command and Control Activity Detected", "x", DURA_EVENT_MALWARE},
        {"Exploit Kit Activity Detected", "x", DURA_EVENT_EXPLOIT}, {"Attempted Administrator Privilege Gain", "x", DURA_EVENT_EXPLOIT},
        {"Web Application Attack", "x", DURA_EVENT_EXPLOIT}, {"Executable code was detected", "x", DURA_EVENT_EXPLOIT},
        {"Not Suspicious Traffic", "ET EXPLOIT x", DURA_EVENT_OTHER}, {"Potential Corporate Privacy Violation", "x", DURA_EVENT_OTHER},
        {"Generic Protocol Command Decode", "SURICATA Modbus invalid Length", DURA_EVENT_OTHER},
        {"Misc activity", "ET SCAN Nmap", DURA_EVENT_RECON}, {"", "ET EXPLOIT CVE-2021-44228", DURA_EVENT_EXPLOIT},
        {"Unknown Traffic", "ET MALWARE x", DURA_EVENT_MALWARE}, {"Unknown Traffic", "ARP spoof of gateway", DURA_EVENT_EXPLOIT},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char line[600];
        dura_events_row row;
        dura_error err;
        dura_events_options o = options();
        snprintf(line, sizeof line, EVE "\"alert\",\"alert\":{\"signature\":\"%s\",\"category\":\"%s\",\"severity\":1}}\n", rows[i].signature, rows[i].category);
        dt_eq(one_line(line, &o, &row, &err), 1, "%s: %s", rows[i].category, why(&err));
        dt_eq(row.event.type, rows[i].cls, "%s / %s", rows[i].category, rows[i].signature);
    }
    done();
}

DT_TEST(events_eve, grades_severity_and_marks_what_was_blocked)
{
    static const struct { const char *more; uint8_t severity, failed; } rows[] = {
        {"\"severity\":1", 8, 0}, {"\"severity\":2", 5, 0}, {"\"severity\":3", 3, 0}, {"\"severity\":4", 2, 0},
        {"\"severity\":255", 1, 0}, {"\"severity\":0", 1, 0}, {"\"gid\":1", 3, 0}, {"\"severity\":1,\"action\":\"blocked\"", 8, 1}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char line[400];
        dura_events_row row;
        dura_error err;
        dura_events_options o = options();
        snprintf(line, sizeof line, EVE "\"alert\",\"alert\":{%s}}\n", rows[i].more);
        dt_eq(one_line(line, &o, &row, &err), 1, "%s: %s", rows[i].more, why(&err));
        dt_ok(row.event.severity == rows[i].severity && row.event.failed == rows[i].failed, "%s: %u", rows[i].more, row.event.severity);
    }
    done();
}

DT_TEST(events_eve, takes_writes_signs_of_life_and_anomalies_and_counts_the_rest)
{
    static const struct { const char *what, *more; uint8_t cls, severity; int rc; } rows[] = {
        {"modbus write", "\"modbus\",\"modbus\":{\"id\":1,\"request\":{\"function_raw\":16,\"function_code\":\"WrMultReg\",\"access_type\":\"WRITE | HOLDING\"}}", DURA_EVENT_CONFIG, 4, 1},
        {"modbus coil", "\"modbus\",\"modbus\":{\"request\":{\"function_raw\":5}}", DURA_EVENT_CONFIG, 4, 1},
        {"modbus write by access", "\"modbus\",\"modbus\":{\"request\":{\"access_type\":\"WRITE | COILS\"}}", DURA_EVENT_CONFIG, 4, 1},
        {"modbus read", "\"modbus\",\"modbus\":{\"request\":{\"function_raw\":3,\"access_type\":\"READ | HOLDING\"}}", 0, 0, 0},
        {"modbus response", "\"modbus\",\"modbus\":{\"response\":{\"function_raw\":16}}", 0, 0, 0},
        {"dnp3 operate", "\"dnp3\",\"dnp3\":{\"application\":{\"function_code\":5}}", DURA_EVENT_CONFIG, 4, 1},
        {"dnp3 write, newer", "\"dnp3\",\"dnp3\":{\"request\":{\"application\":{\"function_code\":2}}}", DURA_EVENT_CONFIG, 4, 1},
        {"dnp3 restart", "\"dnp3\",\"dnp3\":{\"application\":{\"function_code\":13}}", DURA_EVENT_CONFIG, 5, 1},
        {"dnp3 read", "\"dnp3\",\"dnp3\":{\"application\":{\"function_code\":1}}", 0, 0, 0},
        {"stats", "\"stats\",\"stats\":{\"uptime\":8}", DURA_EVENT_HEARTBEAT, 0, 1},
        {"anomaly", "\"anomaly\",\"anomaly\":{\"type\":\"stream\",\"event\":\"stream.wrong_thread\"}", DURA_EVENT_OTHER, 2, 1},
        {"flow", "\"flow\",\"flow\":{}", 0, 0, 0}, {"dns", "\"dns\"", 0, 0, 0}, {"new kind", "\"quantum\"", 0, 0, 0},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char line[600];
        dura_events_row row;
        dura_error err;
        dura_events_options o = options();
        snprintf(line, sizeof line, EVE "%s}\n", rows[i].more);
        dt_eq(one_line(line, &o, &row, &err), rows[i].rc, "%s: %s", rows[i].what, why(&err));
        dura_events_counts c = counts_of(one_reader);
        dt_ok(c.lines == 1 && c.rows + c.skipped == 1 && c.skipped == !rows[i].rc, "%s", rows[i].what);
        if (rows[i].rc)
            dt_ok(row.event.type == rows[i].cls && row.event.severity == rows[i].severity, "%s: %u %u", rows[i].what, row.event.type, row.event.severity);
        dt_eq(c.unmapped, rows[i].rc && rows[i].cls != DURA_EVENT_HEARTBEAT, "%s", rows[i].what);
    }
    done();
}

DT_TEST(events_eve, names_what_is_wrong)
{
    static const struct { const char *line; int rc; const char *field; } rows[] = {
        {"{\"timestamp\":\"2026-03-01T12:34:56\",\"event_type\":\"alert\"}", DURA_ESYNTAX, "alert"},
        {"{\"timestamp\":\"later\",\"event_type\":\"alert\",\"alert\":{}}", DURA_ETIME, "timestamp"},
        {"{\"timestamp\":\"2026-03-01T12:34:56\",\"event_type\":\"alert\",\"alert\":{\"severity\":\"x\"}}", DURA_ESYNTAX, "severity"},
        {"{\"timestamp\":\"2026-03-01T12:34:56\",\"event_type\":\"alert\",\"alert\":{\"rev\":-1}}", DURA_ESYNTAX, "rev"},
        {"{\"timestamp\":\"2026-03-01T12:34:56\",\"event_type\":\"alert\",\"alert\":{\"signature\":1}}", DURA_ESYNTAX, "signature"},
        {"{\"timestamp\":\"2026-03-01T12:34:56\",\"event_type\":\"alert\",\"src_ip\":1}", DURA_ESYNTAX, "src_ip"},
        {"{\"timestamp\":\"2026-03-01T12:34:56\"}", DURA_ESYNTAX, "event_type"},
        {"{\"event_type\":\"stats\"}", DURA_ETIME, "timestamp"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        dura_events_row row;
        dura_error err;
        dura_events_options o = options();
        char line[256];
        o.format = DURA_EVENTS_EVE;
        snprintf(line, sizeof line, "%s\n", rows[i].line);
        dt_eq(one_line(line, &o, &row, &err), rows[i].rc, "row %u: %s", (unsigned)i, why(&err));
        dt_str(err.field, rows[i].field, "row %u", (unsigned)i);
    }
    done();
}

DT_TEST(events_eve, a_format_that_was_named_is_not_guessed)
{
    dura_events_row row;
    dura_error err;
    dura_events_options o = options();
    o.format = DURA_EVENTS_NDJSON;
    dt_eq(one_line(EVE "\"stats\"}\n", &o, &row, &err), DURA_ETIME, "%s", why(&err));
    done();
}

/* ---- assets -------------------------------------------------------------------------------- */

DT_TEST(events_assets, join_the_attacked_side_first_in_any_spelling)
{
    static const char table[] = "\xEF\xBB\xBFname, ip ,mac,asset,zone\npress,10.0.0.1,,3,1\r\n\n\"hmi\",\"10.0.0.9\",aa:bb:cc:00:11:22,4,1\n"
                                "six,2001:DB8::1,,5,2\nzone only,10.0.0.77,,,7\nbare,,001122AABBCC,6,\n";
    static const struct { const char *what, *members; uint16_t asset, zone; } rows[] = {
        {"destination", "\"dst\":\"10.0.0.1\",\"src\":\"10.0.0.9\"", 3, 1},
        {"source", "\"dst\":\"1.2.3.4\",\"src\":\"10.0.0.9\"", 4, 1},
        {"peer", "\"peer\":\"10.0.0.9\"", 4, 1},
        {"IPv4 as IPv6", "\"dst\":\"::ffff:10.0.0.1\"", 3, 1},
        {"long IPv6", "\"dst\":\"2001:0db8:0000::0001\"", 5, 2},
        {"MAC", "\"dst_mac\":\"AA-BB-CC-00-11-22\"", 4, 1},
        {"bare MAC", "\"src_mac\":\"00:11:22:aa:bb:cc\"", 6, DURA_NONE},
        {"zone only", "\"dst\":\"10.0.0.77\"", DURA_NONE, 7},
        {"unknown", "\"dst\":\"10.9.9.9\"", DURA_NONE, DURA_NONE},
        {"no address", "\"dst\":\"press\"", DURA_NONE, DURA_NONE},
        {"said in words", "\"asset\":9,\"dst\":\"10.0.0.1\"", 9, DURA_NONE},
        {"zone said", "\"zone\":8,\"dst\":\"10.0.0.1\"", 3, 8},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char line[256];
        dura_events_row row;
        dura_error err;
        dura_events_options o = options();
        put_assets(&o, table);
        snprintf(line, sizeof line, "{\"t\":1,\"category\":\"x\",\"type\":\"y\",%s}\n", rows[i].members);
        dt_eq(one_line(line, &o, &row, &err), 1, "%s: %s", rows[i].what, why(&err));
        dt_ok(row.event.asset == rows[i].asset && row.event.zone == rows[i].zone, "%s: %u %u", rows[i].what, row.event.asset, row.event.zone);
        dt_eq(counts_of(one_reader).unmapped, rows[i].asset == DURA_NONE && rows[i].zone == DURA_NONE, "%s", rows[i].what);
    }
    unlink(assets_path);
    done();
}

DT_TEST(events_assets, join_eve_by_ethernet_addresses_too)
{
    dura_events_row row;
    dura_error err;
    dura_events_options o = options();
    put_assets(&o, "mac,asset,zone\n00:11:22:33:44:55,1,2\n");
    dt_eq(one_line(EVE "\"stats\",\"ether\":{\"src_mac\":\"00:11:22:33:44:55\",\"dest_mac\":\"ff:ff:ff:ff:ff:ff\"}}\n", &o, &row, &err), 1, "");
    dt_ok(row.event.asset == 1 && row.event.zone == 2, "");
    dt_eq(one_line(EVE "\"stats\",\"ether\":{\"dest_macs\":[\"00:11:22:33:44:55\"]}}\n", &o, &row, &err), 1, "");
    dt_ok(row.event.asset == 1, "the first of several");
    dt_eq(one_line(EVE "\"stats\",\"ether\":7}\n", &o, &row, &err), 1, "");
    dt_ok(row.event.asset == DURA_NONE, "");
    unlink(assets_path);
    done();
}

DT_TEST(events_assets, name_the_line_of_what_is_wrong)
{
    static const struct { const char *what, *text; int rc; uint32_t line; const char *say; } rows[] = {
        {"empty", "", DURA_ESYNTAX, 0, "empty"}, {"no zone", "ip,asset\n", DURA_ESYNTAX, 1, "header"},
        {"no address column", "asset,zone\n", DURA_ESYNTAX, 1, "header"}, {"column twice", "ip,ip,asset,zone\n", DURA_ESYNTAX, 1, "two columns"},
        {"name", "ip,asset,zone\n10.0.0.1,press,1\n", DURA_ESYNTAX, 2, "not a name"},
        {"too large", "ip,asset,zone\n\n10.0.0.1,1,65535\n", DURA_ESYNTAX, 3, "65534"},
        {"below 0", "ip,asset,zone\n10.0.0.1,-1,1\n", DURA_ESYNTAX, 2, "65534"},
        {"bad ip", "ip,asset,zone\n10.0.0.256,1,1\n", DURA_ESYNTAX, 2, "address"},
        {"bad mac", "mac,asset,zone\n00:11:22:33:44,1,1\n", DURA_ESYNTAX, 2, "address"},
        {"mixed mac", "mac,asset,zone\n00:11-22:33:44:55,1,1\n", DURA_ESYNTAX, 2, "address"},
        {"long mac", "mac,asset,zone\n00:11:22:33:44:55:66,1,1\n", DURA_ESYNTAX, 2, "address"},
        {"few fields", "ip,asset,zone\n10.0.0.1,1\n", DURA_ESYNTAX, 2, "fewer"},
        {"no address", "ip,mac,asset,zone\n,,1,1\n", DURA_ESYNTAX, 2, "no address"},
        {"twice", "ip,asset,zone\n10.0.0.1,1,1\n10.0.0.2,1,1\n::ffff:10.0.0.1,2,1\n", DURA_ESYNTAX, 4, "earlier"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        dura_events *e;
        dura_error err;
        dura_events_options o = options();
        put_assets(&o, rows[i].text);
        dt_eq(open_text(&e, "", &o, &err), rows[i].rc, "%s: %s", rows[i].what, why(&err));
        dt_ok(e == NULL && err.line == rows[i].line && strstr(err.text, rows[i].say) && strcmp(err.file, assets_path) == 0, "%s: %s", rows[i].what, why(&err));
        unlink(assets_path);
        dt_eq(open_text(&e, "", &o, &err), DURA_ENOENT, "gone");
    }
}

/* ---- records ------------------------------------------------------------------------------- */

/* The pairs of a row inside a whole record, as the log would write it. */
static size_t record_of(const dura_events_row *row, uint8_t *out, size_t cap, uint16_t kind)
{
    uint8_t pairs[DURA_EVENT_BYTES_MAX];
    uint16_t n = 0;
    durai_cbor c;
    int len = dura_event_encode(row, pairs, sizeof pairs, &n);
    dt_ok(len > 0, "encode: %d", len);
    durai_cbor_init(&c, out, cap);
    durai_cbor_map(&c, 7u + n);
    durai_cbor_kuint(&c, 1, 1);
    durai_cbor_kuint(&c, 2, DURA_LOG_SECURITY);
    durai_cbor_kuint(&c, 3, 5);
    durai_cbor_kuint(&c, 4, 9);
    durai_cbor_kuint(&c, 5, 1);
    durai_cbor_kuint(&c, 6, 1000);
    durai_cbor_kuint(&c, 11, kind);
    durai_cbor_raw(&c, pairs, (size_t)len);
    dt_eq(c.err, 0, "");
    return c.len;
}

DT_TEST(event_record, comes_back_as_the_same_numbers)
{
    static const char *const lines[] = {
        "{\"t\":1,\"category\":\"x\",\"type\":\"y\"}",
        "{\"t\":1,\"category\":\"access\",\"type\":\"login\",\"result\":\"fail\",\"severity\":10,\"asset\":0,\"zone\":65534,\"actor\":\"root\",\"id\":\"1\",\"peer\":\"1.2.3.4\",\"detail\":\"d\",\"trusted\":true}",
        "{\"t\":1,\"category\":\"malware\",\"type\":\"\xE2\x82\xAC\",\"result\":\"fai\",\"severity\":0}",
    };
    for (size_t i = 0; i < 3; i++) {
        uint8_t bytes[1024];
        dura_events_row row;
        dura_error err;
        dura_event back;
        dura_record rec = {.struct_size = sizeof rec};
        dura_events_options o = options();
        o.trust_file = 1;
        dt_eq(one_line(lines[i], &o, &row, &err), 1, "%s", why(&err));
        size_t n = record_of(&row, bytes, sizeof bytes, DURA_REC_EVENT);
        dt_eq(dura_record_decode(bytes, n, &rec), DURA_OK, "line %u", (unsigned)i);
        dt_eq(dura_event_of_record(&rec, &back), DURA_OK, "");
        dt_mem(&back, &row.event, sizeof back, "line %u", (unsigned)i);
        n = record_of(&row, bytes, sizeof bytes, DURA_REC_FACT);
        dt_eq(dura_record_decode(bytes, n, &rec), DURA_OK, "");
        dt_eq(dura_event_of_record(&rec, &back), DURA_ENOENT, "another kind");
    }
    done();
}

DT_TEST(event_record, the_longest_row_fits)
{
    static char big[7][400];
    uint8_t out[DURA_EVENT_BYTES_MAX];
    uint16_t n;
    dura_events_row row = DURA_EVENTS_ROW_INIT;
    static const int sizes[7] = {DURA_EVENT_CATEGORY_MAX, DURA_EVENT_TYPE_MAX, DURA_EVENT_ID_MAX, DURA_EVENT_RESULT_MAX,
                                 DURA_EVENT_ACTOR_MAX, DURA_EVENT_PEER_MAX, DURA_EVENT_DETAIL_MAX};
    for (int i = 0; i < 7; i++)
        memset(big[i], 'x', (size_t)sizes[i]);
    row.category = big[0]; row.type = big[1]; row.id = big[2]; row.result = big[3];
    row.actor = big[4]; row.peer = big[5]; row.detail = big[6];
    row.event = (dura_event)DURA_EVENT_INIT;
    row.event.severity = 10;
    row.event.asset = row.event.zone = 65534;
    row.event.trust = DURA_TRUST_SOURCE;
    int len = dura_event_encode(&row, out, sizeof out, &n);
    dt_ok(len > 500 && n == 11, "%d bytes", len);
    for (int cap = 0; cap < len; cap += 7)
        dt_eq(dura_event_encode(&row, out, (size_t)cap, &n), DURA_ENOSPC, "%d bytes", cap);
}

DT_TEST(event_record, refuses_what_no_reader_gives)
{
    uint8_t out[DURA_EVENT_BYTES_MAX];
    uint16_t n;
    dura_event e;
    dura_events_row good = DURA_EVENTS_ROW_INIT, row;
    dura_record rec = {.struct_size = 4};
    good.category = good.type = "x";
    good.event = (dura_event)DURA_EVENT_INIT;
    dt_ok(dura_event_encode(&good, out, sizeof out, &n) > 0 && n == 3, "texts that are NULL are absent");
    row = good; row.category = "";
    dt_eq(dura_event_encode(&row, out, sizeof out, &n), DURA_EINVAL, "");
    row = good; row.type = NULL;
    dt_eq(dura_event_encode(&row, out, sizeof out, &n), DURA_EINVAL, "");
    row = good; row.event.severity = 11;
    dt_eq(dura_event_encode(&row, out, sizeof out, &n), DURA_EINVAL, "");
    row = good; row.event.trust = DURA_TRUST_LOCAL;
    dt_eq(dura_event_encode(&row, out, sizeof out, &n), DURA_EINVAL, "");
    row = good; row.struct_size = 8;
    dt_eq(dura_event_encode(&row, out, sizeof out, &n), DURA_EINVAL, "");
    dt_eq(dura_event_encode(NULL, out, sizeof out, &n), DURA_EINVAL, "");
    dt_eq(dura_event_encode(&good, NULL, sizeof out, &n), DURA_EINVAL, "");
    dt_eq(dura_event_encode(&good, out, sizeof out, NULL), DURA_EINVAL, "");
    dt_eq(dura_event_of_record(&rec, &e), DURA_EINVAL, "");
    dt_eq(dura_event_of_record(NULL, &e), DURA_EINVAL, "");
}
