/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From JSON to image and back: the packers against images made by a second packer
 * (scripts/make_corpus_policy.py), the device's reader on every field, errors with file,
 * line and field, and images that were damaged or made by an enemy.
 */
#include "dt.h"

#include <dura/host/json.h>
#include <dura/host/keys.h>
#include <dura/host/pack.h>
#include <dura/guard.h>

#include "base/dura_base_priv.h"
#include "guard/dura_guard_policy.h"

#include <float.h>

#include "host/dura_host_pack_priv.h"

#include "vectors/window/windows.h"

#define VECTORS DURA_SOURCE_DIR "/tests/vectors/policy/"

typedef struct bytes {
    uint8_t *p;
    size_t n;
} bytes;

static bytes file_of(const char *name)
{
    char path[512];
    FILE *f;
    bytes b = {malloc(1 << 20), 0};
    snprintf(path, sizeof path, VECTORS "%s", name);
    f = fopen(path, "rb");
    dt_ok(f != NULL, "%s", name);
    b.n = fread(b.p, 1, 1 << 20, f);
    fclose(f);
    return b;
}

/* The sentence, short enough for a message. */
static const char *said(const dura_error *e)
{
    static char text[160];
    snprintf(text, sizeof text, "%.150s", e->text);
    return text;
}

/* Pack what must be fine. */
static bytes packed(const char *text)
{
    bytes b = {NULL, 0};
    void *image = NULL;
    dura_error e = {0};
    int rc = dura_pack_json(text, strlen(text), "p.json", &image, &b.n, NULL, &e);
    dt_eq(rc, DURA_OK, "%s: %s", e.field, said(&e));
    b.p = image;
    return b;
}

static bytes packed_file(const char *name)
{
    bytes text = file_of(name), b;
    text.p[text.n] = 0;
    b = packed((const char *)text.p);
    free(text.p);
    return b;
}

/* Make the checksum fit again, as an enemy would. */
static void repair(bytes b)
{
    durai_put32(b.p + b.n - 4, durai_crc32c(0, b.p, b.n - 4));
}

/* check() on a block of exactly n bytes, so that one byte read too far is seen. */
static int check_exact(const uint8_t *p, size_t n)
{
    uint8_t *copy = malloc(n ? n : 1);
    int rc;
    memcpy(copy, p, n);
    rc = dura_pack_check(n ? copy : copy + 1, n, NULL);
    free(copy);
    return rc;
}

/* ---- policies: the same bytes as the second packer's ---------------------------------- */

DT_TEST(pack_policy, gives_the_bytes_of_the_second_packer)
{
    static const struct { const char *json, *image; int kind; } rows[] = {
        {"minimal.json", "minimal.bin", DURA_PACK_POLICY}, {"full.json", "full.bin", DURA_PACK_POLICY},
        {"wide.json", "wide.bin", DURA_PACK_POLICY}, {"watched.json", "watched.bin", DURA_PACK_POLICY},
        {"checked.json", "checked.bin", DURA_PACK_POLICY}, {"shaped.json", "shaped.bin", DURA_PACK_POLICY},
        {"linear.json", "linear.bin", DURA_PACK_LINEAR}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        bytes want = file_of(rows[i].image), got = packed_file(rows[i].json);
        int kind = 0;
        dt_eq(got.n, want.n, "row %s", rows[i].json);
        dt_mem(got.p, want.p, want.n, "row %s", rows[i].json);
        dt_eq(dura_pack_check(got.p, got.n, &kind), DURA_OK, "row %s", rows[i].json);
        dt_eq(kind, rows[i].kind, "row %s", rows[i].json);
        dura_pack_deinit(got.p);
        free(want.p);
    }
}

DT_TEST(pack_policy, keeps_every_value_the_reader_returns)
{
    bytes b = packed_file("full.json");
    durai_policy_device d;
    durai_policy_sensor s;
    durai_policy_channel c;
    durai_policy_output o;
    durai_policy_guard g;
    durai_policy_logs l;
    durai_policy_gate gate;
    dt_eq(durai_policy_check(b.p, b.n), DURA_OK, "");
    dt_eq(durai_policy_get_device(b.p, &d), DURA_OK, "");
    dt_str(d.name, "press-7 \xC3\x96l", "");
    dt_ok(d.zone == 3 && d.asset == 17 && d.source == 2 && d.mode == DURA_ENFORCE, "");
    dt_ok(d.n_channels == 4 && d.n_inputs == 2 && d.n_outputs == 2, "");
    dt_eq(durai_policy_get_sensor(b.p, &s), DURA_OK, "");
    dt_ok(s.gap_ms == 2500 && s.rebase_after == 5, "");
    dt_eq(durai_policy_get_channel(b.p, 0, &c), DURA_OK, "");
    dt_ok(c.required && !c.suspect_ok && c.checks == 31, "checks %u", c.checks);
    dt_ok(c.fail_lo == -0.5f && c.suspect_lo == 0 && c.suspect_hi == 180.25f && c.fail_hi == 250, "");
    dt_ok(c.rate_suspect == 40 && c.rate_fail == 90.5f && c.flat_tolerance == 0.01f, "");
    dt_ok(c.flat_suspect_ms == 2000 && c.flat_fail_ms == 6000 && c.max_age_ms == 100 && c.hold_ms == 300, "");
    dt_eq(durai_policy_get_output(b.p, 0, &o), DURA_OK, "");
    dt_ok(o.lo == -1.5f && o.hi == 100 && o.rate == 12.5f && o.safe == 20, "");
    dt_ok(o.kind == DURAI_OUTPUT_ACTUATOR && o.on_violation == DURAI_OUTPUT_FALLBACK, "");
    dt_eq(durai_policy_get_guard(b.p, &g), DURA_OK, "");
    dt_ok(g.hold_ms == 150 && g.recover_frames == 10 && g.checkpoint_ms == 5000 && g.deadline_us == 800, "");
    dt_eq(durai_policy_get_logs(b.p, &l), DURA_OK, "");
    dt_ok(l.ring_bytes == 8192 && l.max_record == 1024 && l.buffer_bytes == 4096 && l.segment_bytes == 131072, "");
    dt_ok(l.commit_records == 16 && l.commit_ms == 250 && l.seal_records == 512 && l.seal_ms == 60000, "");
    dt_eq(l.tree_height, 24, "");
    dt_eq(durai_policy_get_gate(b.p, &gate), DURA_OK, "");
    dt_mem(gate.factory_key, "\x00\x11\x22\x33\x44\x55\x66\x77\x88\x99\xaa\xbb\xcc\xdd\xee\xff\x01\x23\x45\x67", 20, "");
    dt_eq(durai_policy_get_input(b.p, 0), 2, "valve");
    dt_eq(durai_policy_get_input(b.p, 1), 0, "pressure");
    dt_eq(durai_policy_get_input(b.p, 2), DURA_NONE, "there is no third");
    dura_pack_deinit(b.p);
}

DT_TEST(pack_policy, fills_in_the_documented_defaults)
{
    bytes b = packed_file("minimal.json");
    durai_policy_device d;
    durai_policy_sensor s;
    durai_policy_channel c, zero;
    durai_policy_output o;
    durai_policy_guard g;
    durai_policy_logs l, none;
    durai_policy_gate gate;
    memset(&zero, 0, sizeof zero);
    memset(&none, 0, sizeof none);
    memset(&c, 0, sizeof c);
    memset(&l, 0, sizeof l);
    dt_eq(durai_policy_get_device(b.p, &d), DURA_OK, "");
    dt_ok(d.zone == DURA_NONE && d.asset == DURA_NONE && d.source == 0 && d.mode == DURA_OBSERVE, "");
    dt_eq(durai_policy_get_sensor(b.p, &s), DURA_OK, "");
    dt_ok(s.gap_ms == 0 && s.rebase_after == 3, "");
    dt_eq(durai_policy_get_channel(b.p, 0, &c), DURA_OK, "");
    zero.required = 1;
    zero.checks = 3;
    dt_mem(&c, &zero, sizeof c, "");
    dt_eq(durai_policy_get_output(b.p, 0, &o), DURA_OK, "");
    dt_ok(o.rate == 0 && o.kind == DURAI_OUTPUT_ACTUATOR && o.on_violation == DURAI_OUTPUT_CLAMP, "");
    dt_eq(durai_policy_get_guard(b.p, &g), DURA_OK, "");
    dt_ok(g.hold_ms == 0 && g.recover_frames == 1 && g.checkpoint_ms == 60000 && g.deadline_us == 0, "");
    dt_eq(durai_policy_get_logs(b.p, &l), DURA_OK, "");
    dt_mem(&l, &none, sizeof l, "");
    dt_eq(durai_policy_get_gate(b.p, &gate), DURA_OK, "");
    dt_mem(gate.factory_key, dura_dev_public_key(), 32, "the visible development key");
    dt_eq(durai_policy_get_input(b.p, 0), 0, "all channels feed the model");
    dura_pack_deinit(b.p);
}

#define TOP(channel) "{\"device\":{\"name\":\"d\"},\"channels\":[{\"name\":\"x\"" channel "}],"                      \
                     "\"outputs\":[{\"name\":\"y\",\"lo\":0,\"hi\":1,\"safe\":0}]}"

DT_TEST(pack_policy, derives_the_checks_from_the_limits_that_are_given)
{
    static const struct { const char *row, *text; uint16_t checks; float limit[4]; float rate; uint32_t flat; } rows[] = {
        {"fail_hi alone", TOP(",\"fail_hi\":5"), 7, {-FLT_MAX, -FLT_MAX, 5, 5}, 0, 0},
        {"fail_lo alone", TOP(",\"fail_lo\":-5"), 7, {-5, -5, FLT_MAX, FLT_MAX}, 0, 0},
        {"suspect_hi alone", TOP(",\"suspect_hi\":5"), 7, {-FLT_MAX, -FLT_MAX, 5, FLT_MAX}, 0, 0},
        {"suspect_lo alone", TOP(",\"suspect_lo\":0"), 7, {-FLT_MAX, 0, FLT_MAX, FLT_MAX}, 0, 0},
        {"one point", TOP(",\"fail_lo\":0,\"fail_hi\":0"), 7, {0, 0, 0, 0}, 0, 0},
        {"range only", TOP(",\"fail_lo\":0,\"fail_hi\":1,\"time\":false,\"finite\":false"), 4, {0, 0, 1, 1}, 0, 0},
        {"rate_fail", TOP(",\"rate_fail\":2"), 11, {0, 0, 0, 0}, 2, 0},
        {"rate_suspect", TOP(",\"rate_suspect\":2"), 11, {0, 0, 0, 0}, FLT_MAX, 0},
        {"rates of zero are off", TOP(",\"rate_suspect\":0,\"rate_fail\":0"), 3, {0, 0, 0, 0}, 0, 0},
        {"flat_fail_ms", TOP(",\"flat_fail_ms\":9"), 19, {0, 0, 0, 0}, 0, 9},
        {"flat_suspect_ms", TOP(",\"flat_suspect_ms\":9"), 19, {0, 0, 0, 0}, 0, UINT32_MAX},
        {"flat of zero is off", TOP(",\"flat_fail_ms\":0,\"flat_tolerance\":0"), 3, {0, 0, 0, 0}, 0, 0},
        {"time off", TOP(",\"time\":false"), 2, {0, 0, 0, 0}, 0, 0},
        {"finite off", TOP(",\"finite\":false"), 1, {0, 0, 0, 0}, 0, 0}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        bytes b = packed(rows[i].text);
        durai_policy_channel c;
        dt_eq(durai_policy_get_channel(b.p, 0, &c), DURA_OK, "");
        dt_eq(c.checks, rows[i].checks, "row %s", rows[i].row);
        dt_ok(c.fail_lo == rows[i].limit[0] && c.suspect_lo == rows[i].limit[1] &&
              c.suspect_hi == rows[i].limit[2] && c.fail_hi == rows[i].limit[3], "row %s", rows[i].row);
        dt_ok(c.rate_fail == rows[i].rate, "row %s", rows[i].row);
        dt_eq(c.flat_fail_ms, rows[i].flat, "row %s", rows[i].row);
        dura_pack_deinit(b.p);
    }
}

/* ---- policies that are refused --------------------------------------------------------- */

typedef struct bad_row {
    const char *text;
    uint32_t line;
    const char *field, *said;
} bad_row;

static void refuse_all(const bad_row *rows, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        void *image = (void *)1;
        size_t len = 1;
        dura_error e = {0};
        int rc = dura_pack_json(rows[i].text, strlen(rows[i].text), "p.json", &image, &len, NULL, &e);
        dt_eq(rc, DURA_EINVAL, "row %zu %s", i, rows[i].field);
        dt_ok(image == NULL && len == 0, "row %zu %s", i, rows[i].field);
        dt_str(e.file, "p.json", "row %zu", i);
        dt_str(e.field, rows[i].field, "row %zu says \"%s\"", i, said(&e));
        dt_eq(e.line, rows[i].line, "row %s says \"%s\"", rows[i].field, said(&e));
        dt_ok(strstr(e.text, rows[i].said) != NULL, "row %s says \"%s\"", rows[i].field, said(&e));
    }
}
#define REFUSE(rows) refuse_all(rows, sizeof(rows) / sizeof(rows)[0])

/* A policy whose part stands on line 2. */
#define DEVICE(x) "{\"device\":{\"name\":\"d\",\n" x "},\"channels\":[{\"name\":\"x\"}]," OUT "}"
#define OUT "\"outputs\":[{\"name\":\"y\",\"lo\":0,\"hi\":1,\"safe\":0}]"
#define CH(x) "{\"device\":{\"name\":\"d\"},\"channels\":[{\"name\":\"x\",\n" x "}]," OUT "}"
#define CHS(x) "{\"device\":{\"name\":\"d\"},\"channels\":[{\"name\":\"x\"},\n" x "]," OUT "}"
#define OUTS(x) "{\"device\":{\"name\":\"d\"},\"channels\":[{\"name\":\"x\"}],\"outputs\":[\n" x "]}"
#define PART(x) "{\"device\":{\"name\":\"d\"},\"channels\":[{\"name\":\"x\"}]," OUT ",\n" x "}"

DT_TEST(pack_policy, names_the_member_that_is_missing)
{
    static const bad_row rows[] = {
        {"{}", 1, "", "\"device\""},
        {"[]", 1, "", "object"},
        {"\n7", 2, "", "object"},
        {"{\"device\":{\n}}", 1, "device", "\"name\""},
        {"{\"device\":{\"name\":\"d\"}}", 1, "", "\"channels\""},
        {"{\"device\":{\"name\":\"d\"},\"channels\":[{\"name\":\"x\"}]}", 1, "", "\"outputs\""},
        {"{\"device\":{\"name\":\"d\"},\"channels\":[]," OUT "}", 1, "channels", "1 to 1024"},
        {CHS("{\"unit\":\"m\"}"), 2, "channels[1]", "\"name\""},
        {OUTS("{\"lo\":0,\"hi\":1,\"safe\":0}"), 2, "outputs[0]", "\"name\""},
        {OUTS("{\"name\":\"y\",\"hi\":1,\"safe\":0}"), 2, "outputs[0]", "\"lo\""},
        {OUTS("{\"name\":\"y\",\"lo\":0,\"safe\":0}"), 2, "outputs[0]", "\"hi\""},
        {OUTS("{\"name\":\"y\",\"lo\":0,\"hi\":1}"), 2, "outputs[0]", "\"safe\""},
        {OUTS(""), 1, "outputs", "1 to 16"}};
    REFUSE(rows);
}

DT_TEST(pack_policy, names_the_member_that_is_unknown)
{
    static const bad_row rows[] = {
        {PART("\"colour\":1"), 2, "colour", "remove it"}, {PART("\"Guard\":{}"), 2, "Guard", "\"guard\"?"},
        {DEVICE("\"Mode\":\"observe\""), 2, "device.Mode", "\"mode\"?"},
        {CH("\"fail_high\":1"), 2, "channels[0].fail_high", "\"fail_hi\"?"},
        {CH("\"checks\":31"), 2, "channels[0].checks", "no member"},
        {PART("\"sensor\":{\"gap\":1}"), 2, "sensor.gap", "\"gap_ms\"?"},
        {PART("\"model\":{\"input\":[]}"), 2, "model.input", "\"inputs\"?"},
        {OUTS("{\"name\":\"y\",\"low\":0}"), 2, "outputs[0].low", "\"lo\"?"},
        {PART("\"guard\":{\"hold\":1}"), 2, "guard.hold", "\"hold_ms\"?"},
        {PART("\"logs\":{\"rings\":1}"), 2, "logs.rings", "remove it"},
        {PART("\"gate\":{\"key\":1}"), 2, "gate.key", "remove it"}};
    REFUSE(rows);
}

#define FEATURE(x) PART("\"features\":[{\"name\":\"f\",\"channel\":\"x\"" x "}]")

DT_TEST(pack_policy, refuses_features_references_and_keys_that_do_not_fit)
{
    static const bad_row rows[] = {
        {PART("\"features\":[{\"name\":\"f\",\"channel\":\"z\"}]"), 2, "features[0].channel", "no channel \"z\""},
        {FEATURE(",\"op\":\"lag\""), 2, "features[0]", "give n"},
        {FEATURE(",\"op\":\"std\",\"n\":1"), 2, "features[0].n", "at least 2"},
        {FEATURE(",\"n\":3"), 2, "features[0].n", "present frame"},
        {FEATURE(",\"op\":\"mean\",\"n\":1025"), 2, "features[0].n", "0..1024"},
        {FEATURE(",\"op\":\"median\""), 2, "features[0].op", "\"mean\""},
        {FEATURE(",\"op\":\"ratio\""), 2, "features[0]", "channel2"},
        {FEATURE(",\"channel2\":\"x\""), 2, "features[0].channel2", "ratio"},
        {FEATURE(",\"match\":1"), 2, "features[0].match", "onehot"},
        {FEATURE(",\"scale\":0"), 2, "features[0].scale", "lose"},
        {PART("\"features\":[{\"name\":\"f\",\"channel\":\"x\"},{\"name\":\"f\",\"channel\":\"x\"}]"), 2,
         "features[1].name", "f"},
        {PART("\"model\":{\"inputs\":[\"x\"]},\"features\":[{\"name\":\"f\",\"channel\":\"x\"}]"), 2, "model.inputs",
         "remove one"},
        {PART("\"drift\":{}"), 2, "drift", "references"},
        {PART("\"drift\":{\"arl0\":99,\"references\":[{\"of\":\"x\",\"mean\":0}]}"), 2, "drift.arl0", "100..1e9, not 99"},
        {PART("\"drift\":{\"references\":[{\"of\":\"q\",\"mean\":0}]}"), 2, "drift.references[0].of", "output or feature \"q\""},
        {PART("\"drift\":{\"references\":[{\"of\":\"x\"}]}"), 2, "drift.references[0]", "\"mean\""},
        {PART("\"drift\":{\"references\":[{\"of\":\"y\",\"mean\":0},{\"of\":\"y\",\"mean\":1}]}"), 2, "drift", "same thing"},
        {PART("\"correlate\":{\"margin\":0}"), 2, "correlate.margin", "1..1000"},
        {PART("\"correlate\":7"), 2, "correlate", "object"},
        {PART("\"updates\":{\"threshold\":2}"), 2, "updates", "there is 1 key"},
        {PART("\"updates\":{\"roles\":32}"), 2, "updates.roles", "0..30"},
        {PART("\"updates\":{\"require\":[\"SVV-9\"]}"), 2, "updates.require[0]", "SVV-1"},
        {PART("\"updates\":{\"require\":[\"SVV-1\",\"SVV-1\"]}"), 2, "updates.require[1]", "already"},
        {PART("\"updates\":{\"require\":\"SVV-1\"}"), 2, "updates.require", "list"},
        {PART("\"updates\":{\"roles\":6}"), 2, "updates.roles", "no release key"},
        {PART("\"updates\":{\"approve\":16}"), 2, "updates.approve", "no release key"},
        {PART("\"updates\":{\"incident_role\":\"security\"}"), 2, "updates.incident_role", "no release key"},
        {PART("\"updates\":{\"emergency_role\":\"safety\"}"), 2, "updates.emergency_role", "no release key"},
        {PART("\"updates\":{\"window_days\":[]}"), 2, "updates.window_days", "window_minutes"},
        {PART("\"updates\":{\"must_finish_min\":5}"), 2, "updates.must_finish_min", "window_minutes"},
        {PART("\"updates\":{\"window_zone\":\"\"}"), 2, "updates.window_zone", "window_minutes"},
        {PART("\"updates\":{\"window_minutes\":30,\"must_finish_min\":30}"), 2, "updates.must_finish_min", "less than window_minutes (30)"},
        {PART("\"updates\":{\"window_minutes\":30,\"window_days\":5}"), 2, "updates.window_days", "wants a list"},
        {PART("\"updates\":{\"window_minutes\":30,\"window_days\":[\"Mon\"]}"), 2, "updates.window_days[0]", "\"mon\""},
        {PART("\"updates\":{\"window_minutes\":30,\"window_days\":[\"mon\",\"mon\"]}"), 2, "updates.window_days[1]", "twice"},
        {PART("\"updates\":{\"window_minutes\":30,\"window_zone\":\"Europe/Berlin\"}"), 2, "updates.window_zone", "POSIX TZ"},
        {PART("\"release_keys\":[{\"key\":\"1111111111111111111111111111111111111111111111111111111111111111\","
              "\"role\":\"vendor\"}]"), 2, "release_keys", "\"updates\""},
        {PART("\"updates\":{},\"release_keys\":[{\"key\":\"11\",\"role\":\"vendor\"}]"), 2, "release_keys[0].key", "64 hex"}};
    REFUSE(rows);
}

#define REFERENCE "\"references\":[{\"of\":\"x\",\"mean\":0,\"deviation\":1}"
#define DRIFT(more) PART("\"drift\":{" REFERENCE "]," more "}")
#define VALUES "\"values\":[1,2,0.5,0.5,1.5,0.6,0.8,1,0.75,0.25,0.75,0.25]"
#define MSPC(members) PART("\"drift\":{" REFERENCE ",{\"of\":\"mspc.t2\",\"mean\":0,\"deviation\":1}],\"mspc\":{" members "}}")

DT_TEST(pack_policy, refuses_charts_histograms_and_bases_that_do_not_fit)
{
    static const bad_row rows[] = {
        {DRIFT("\"detector\":\"shewhart\""), 2, "drift.detector", "\"ewma\""},
        {DRIFT("\"detector\":\"cusum\""), 2, "drift.detector", "add it"},
        {DRIFT("\"shift\":1"), 2, "drift.shift", "name a detector"},
        {DRIFT("\"detector\":\"ewma\",\"shift\":1,\"selftest\":64"), 2, "drift.selftest", "no self-test"},
        {DRIFT("\"detector\":\"cusum\",\"shift\":0.01"), 2, "drift.references[0]", "from 0.1 to 5.9"},
        {DRIFT("\"detector\":\"ramp\",\"shift\":1"), 2, "drift.references[0]", "0.25 can be charted"},
        {PART("\"drift\":{\"detector\":\"cusum\",\"shift\":1,\"references\":[{\"of\":\"x\",\"mean\":0,\"deviation\":0.1,"
              "\"low\":0,\"high\":1}]}"), 2, "drift.references[0]", "bounds"},
        {DRIFT("\"arl0\":1000,\"arl0_s\":100,\"period_ms\":10"), 2, "drift.arl0", "remove one"},
        {DRIFT("\"arl0_s\":100"), 2, "drift.arl0_s", "add period_ms"},
        {DRIFT("\"arl0_s\":1,\"period_ms\":100"), 2, "drift.arl0_s", "frames, not 10"},
        {DRIFT("\"histograms\":[{\"of\":\"x\",\"p\":[0.5,0.5]}]"), 2, "drift.histograms[0]", "\"edges\""},
        {DRIFT("\"histograms\":[{\"of\":\"x\",\"edges\":[1],\"p\":[0.5,0.4]}]"), 2, "drift.histograms[0]", "add up to 1"},
        {DRIFT("\"histograms\":[{\"of\":\"x\",\"edges\":[2,1],\"p\":[0.5,0.3,0.2]}]"), 2, "drift.histograms[0]", "edges rise"},
        {DRIFT("\"histograms\":[{\"of\":\"x\",\"edges\":[],\"p\":[1]}]"), 2, "drift.histograms[0].p", "2"},
        {DRIFT("\"histograms\":[{\"of\":\"q\",\"edges\":[1],\"p\":[0.5,0.5]}]"), 2, "drift.histograms[0].of", "\"q\""},
        {DRIFT("\"histograms\":[{\"of\":\"y\",\"whitened\":true,\"edges\":[1],\"p\":[0.5,0.5]}]"), 2, "drift.histograms",
         "come from a reference"},
        {DRIFT("\"mspc\":{\"components\":1,\"inputs\":[\"x\",\"y\"]," VALUES "}"), 2, "drift.mspc", "mspc.t2"},
        {PART("\"drift\":{" REFERENCE ",{\"of\":\"mspc.t2\",\"mean\":0,\"deviation\":1}]}"), 2, "drift.references[1].of", "mspc.t2"},
        {MSPC("\"components\":1,\"inputs\":[\"x\",\"q\"]," VALUES), 2, "drift.mspc.inputs[1]", "\"q\""},
        {MSPC("\"components\":1,\"inputs\":[\"x\",\"x\"]," VALUES), 2, "drift.mspc.inputs[1]", "already"},
        {MSPC("\"components\":2,\"inputs\":[\"x\",\"y\"]," VALUES), 2, "drift.mspc.components", "fewer than the 2"},
        {MSPC("\"components\":1,\"inputs\":[\"x\",\"y\"],\"values\":[1]"), 2, "drift.mspc.values", "12"},
        {MSPC("\"components\":1,\"inputs\":[\"x\",\"y\"],\"values\":[1,2,0.5,0.5,1.5,0.6,0.6,1,0.75,0.25,0.75,0.25]"), 2,
         "drift.mspc.values", "no basis"}};
    REFUSE(rows);
}

DT_TEST(pack_policy, solves_the_limits_of_charts)
{
    bytes b = packed("{\"device\":{\"name\":\"d\"},\"channels\":[{\"name\":\"x\"},{\"name\":\"z\"}],"
                     "\"outputs\":[{\"name\":\"y\",\"lo\":0,\"hi\":1,\"safe\":0}],"
                     "\"drift\":{\"detector\":\"cusum\",\"shift\":1,\"arl0\":232.7,\"references\":["
                     "{\"of\":\"z\",\"mean\":0,\"deviation\":3,\"phi1\":0.5},{\"of\":\"x\",\"mean\":7,\"deviation\":2}]}}");
    durai_policy_reference r;
    dt_eq(durai_policy_get_reference(b.p, 0, &r), DURA_OK, "");
    dt_ok(r.shift == 1.0f, "%.9g", (double)r.shift);
    /* k = 0.5, h = 5, both sides: 465 samples (Montgomery, Introduction to Statistical Quality
     * Control, CUSUM designs); the two channels together run half of it. */
    dt_ok(r.limit > 4.98f && r.limit < 5.02f, "%.9g", (double)r.limit);
    dt_eq(durai_policy_get_reference(b.p, 1, &r), DURA_OK, "");
    /* One deviation of an AR(1) of 0.5 is 1 / sqrt(1 - 0.25) of its noise's; half is left. */
    dt_ok(r.shift > 0.57735f - 1e-4f && r.shift < 0.57735f + 1e-4f, "%.9g", (double)r.shift);
    dt_ok(r.limit > 5.02f, "a smaller shift has a longer limit: %.9g", (double)r.limit);
    dura_pack_deinit(b.p);
}

DT_TEST(pack_policy, keeps_what_histograms_and_mspc_say)
{
    bytes b = packed_file("shaped.json");
    durai_policy_drift d;
    durai_policy_reference r;
    durai_policy_histogram h;
    durai_policy_mspc m;
    uint32_t n;
    const uint8_t *p = durai_policy_section(b.p, DURAI_POLICY_NUMBERS, &n, NULL);
    dt_eq(durai_policy_get_drift(b.p, &d), DURA_OK, "");
    dt_ok(d.arl0 == 25920000.0f && d.arl0_s == 2592000.0f && d.period_ms == 100.0f && d.detector == DURAI_DRIFT_MIXTURE, "");
    static const uint16_t of[] = {0, 4, 5}; /* a, then T2 and SPE behind the output */
    for (uint32_t i = 0; i < 3; i++) {
        dt_eq(durai_policy_get_reference(b.p, i, &r), DURA_OK, "");
        dt_eq(r.of, of[i], "");
    }
    dt_eq(durai_policy_get_histogram(b.p, 0, &h), DURA_OK, "");
    dt_ok(h.of == 0 && h.n == 2000 && h.whitened == 1 && h.n_bins == 4 && h.first == 0 && h.why == 0, "");
    dt_eq(durai_policy_get_histogram(b.p, 1, &h), DURA_OK, "");
    dt_ok(h.of == 3 && h.whitened == 0 && h.n_bins == 2 && h.first == 7 && h.why == 1, "");
    dt_eq(durai_policy_get_mspc(b.p, &m), DURA_OK, "");
    dt_ok(m.n == 2000 && m.newest == 0.125f && m.n_inputs == 3 && m.components == 1 && m.first == 10, "");
    dt_eq(n, 10 + 3 + 15, "");
    dt_ok(durai_le32(p + 40) == 2 && durai_le32(p + 44) == 0 && durai_le32(p + 48) == 1, "c, a, b");
    const char *name[4];
    size_t named;
    dt_eq(dura_pack_names(b.p, b.n, DURA_NAMES_MSPC, name, NULL, 4, &named), DURA_OK, "");
    dt_ok(named == 3 && strcmp(name[0], "c") == 0 && strcmp(name[2], "b") == 0, "%zu", named);
    dt_eq(dura_pack_names(b.p, b.n, DURA_NAMES_MSPC, name, NULL, 2, &named), DURA_ENOSPC, "");
    dt_ok(durai_f32(durai_le32(p + 4)) == 0.0f && durai_f32(durai_le32(p + 56)) == 300.0f, "");
    dura_pack_deinit(b.p);
}

DT_TEST(pack_policy, refuses_values_outside_their_range)
{
    static const bad_row rows[] = {
        {DEVICE("\"zone\":65536"), 2, "device.zone", "0..65535, not 65536"},
        {DEVICE("\"zone\":-1"), 2, "device.zone", "not -1"},
        {DEVICE("\"asset\":1.5"), 2, "device.asset", "not 1.5"},
        {DEVICE("\"source\":65535"), 2, "device.source", "0..65534"},
        {DEVICE("\"mode\":\"enforced\""), 2, "device.mode", "\"observe\", \"enforce\""},
        {DEVICE("\"mode\":1"), 2, "device.mode", "not 1"},
        {"{\"device\":{\n\"name\":\"\"}}", 2, "device.name", "1 to 63 bytes, not 0"},
        {"{\"device\":{\n\"name\":\"0123456789012345678901234567890123456789012345678901234567890123\"}}", 2,
         "device.name", "not 64"},
        {PART("\"sensor\":{\"gap_ms\":4294967296}"), 2, "sensor.gap_ms", "0..4294967295"},
        {PART("\"sensor\":{\"rebase_after\":0}"), 2, "sensor.rebase_after", "1..65535"},
        {PART("\"sensor\":{\"rebase_after\":65536}"), 2, "sensor.rebase_after", "1..65535"},
        {PART("\"sensor\":[]"), 2, "sensor", "object"},
        {CH("\"required\":1"), 2, "channels[0].required", "true or false"},
        {CH("\"time\":\"no\""), 2, "channels[0].time", "true or false"},
        {CH("\"fail_hi\":\"5\""), 2, "channels[0].fail_hi", "a number, not \"5\""},
        {CH("\"fail_hi\":1e39"), 2, "channels[0].fail_hi", "3.4e38"},
        {CH("\"rate_fail\":-1"), 2, "channels[0].rate_fail", "0 or more"},
        {CH("\"rate_fail\":1e-60"), 2, "channels[0].rate_fail", "or 0"},
        {CH("\"rate_suspect\":-0.5"), 2, "channels[0].rate_suspect", "0 or more"},
        {CH("\"flat_tolerance\":-1"), 2, "channels[0].flat_tolerance", "0 or more"},
        {CH("\"flat_fail_ms\":-1"), 2, "channels[0].flat_fail_ms", "0..4294967295"},
        {CH("\"flat_suspect_ms\":0.5"), 2, "channels[0].flat_suspect_ms", "integer"},
        {CH("\"max_age_ms\":null"), 2, "channels[0].max_age_ms", "not null"},
        {CH("\"hold_ms\":4294967296"), 2, "channels[0].hold_ms", "4294967295"},
        {CH("\"unit\":\"a\\nb\""), 2, "channels[0].unit", "control"},
        {CHS("7"), 2, "channels[1]", "object"},
        {OUTS("{\"name\":\"y\",\"lo\":0,\"hi\":1,\"safe\":0,\"rate\":-1}"), 2, "outputs[0].rate", "0 or more"},
        {OUTS("{\"name\":\"y\",\"lo\":0,\"hi\":1,\"safe\":0,\"kind\":\"class\"}"), 2, "outputs[0].kind", "actuator"},
        {OUTS("{\"name\":\"y\",\"lo\":0,\"hi\":1,\"safe\":0,\"on_violation\":\"\"}"), 2, "outputs[0].on_violation",
         "\"clamp\", \"fallback\""},
        {PART("\"guard\":{\"recover_frames\":0}"), 2, "guard.recover_frames", "1..1000000"},
        {PART("\"guard\":{\"recover_frames\":1000001}"), 2, "guard.recover_frames", "1..1000000"},
        {PART("\"guard\":{\"checkpoint_ms\":0}"), 2, "guard.checkpoint_ms", "1..4294967295"},
        {PART("\"logs\":{\"ring_bytes\":255}"), 2, "logs.ring_bytes", "0 or 256..16777216"},
        {PART("\"logs\":{\"ring_bytes\":768}"), 2, "logs.ring_bytes", "power of two"},
        {PART("\"logs\":{\"ring_bytes\":33554432}"), 2, "logs.ring_bytes", "16777216"},
        {PART("\"logs\":{\"max_record\":255}"), 2, "logs.max_record", "0 or 256..65535"},
        {PART("\"logs\":{\"max_record\":65536}"), 2, "logs.max_record", "65535"},
        {PART("\"logs\":{\"buffer_bytes\":287}"), 2, "logs.buffer_bytes", "288"},
        {PART("\"logs\":{\"max_record\":512,\"buffer_bytes\":543}"), 2, "logs.buffer_bytes", "544, not 543"},
        {PART("\"logs\":{\"segment_bytes\":2048}"), 2, "logs.segment_bytes", "4096"},
        {PART("\"logs\":{\"segment_bytes\":5000}"), 2, "logs.segment_bytes", "power of two"},
        {PART("\"logs\":{\"tree_height\":7}"), 2, "logs.tree_height", "0 or 8..40"},
        {PART("\"logs\":{\"tree_height\":41}"), 2, "logs.tree_height", "40"},
        {PART("\"gate\":{\"factory_key\":\"00\"}"), 2, "gate.factory_key", "64 hex digits"},
        {PART("\"gate\":{\"factory_key\":\"0000000000000000000000000000000000000000000000000000000000000000\"}"), 2,
         "gate.factory_key", "zero"},
        {PART("\"dura_policy\":2"), 2, "dura_policy", "1..1, not 2"}};
    REFUSE(rows);
}

DT_TEST(pack_policy, refuses_values_that_contradict_each_other)
{
    static const bad_row rows[] = {
        {CH("\"fail_lo\":2,\"fail_hi\":1"), 2, "channels[0].fail_hi", "fail_lo <= fail_hi"},
        {CH("\"fail_lo\":2,\"suspect_lo\":1"), 2, "channels[0].suspect_lo", "fail_lo <= suspect_lo"},
        {CH("\"suspect_lo\":2,\"suspect_hi\":1"), 2, "channels[0].suspect_hi", "suspect_lo <= suspect_hi"},
        {CH("\"suspect_hi\":2,\"fail_hi\":1"), 2, "channels[0].fail_hi", "suspect_hi <= fail_hi"},
        {CH("\"suspect_lo\":2,\"fail_hi\":1"), 2, "channels[0].suspect_lo", "suspect_lo <= suspect_hi"},
        {CH("\"rate_suspect\":2,\"rate_fail\":1"), 2, "channels[0].rate_fail", "rate_suspect <= rate_fail"},
        {CH("\"rate_suspect\":2,\"rate_fail\":0"), 2, "channels[0].rate_fail", "rate_suspect <= rate_fail"},
        {CH("\"flat_suspect_ms\":2,\"flat_fail_ms\":1"), 2, "channels[0].flat_fail_ms", "flat_suspect_ms <= flat_fail_ms"},
        {CH("\"flat_tolerance\":1"), 2, "channels[0].flat_tolerance", "without flat_fail_ms"},
        {CHS("{\"name\":\"z\",\"time\":false,\"finite\":false}"), 2, "channels[1]", "nothing is checked"},
        {CHS("{\"name\":\"x\"}"), 2, "channels[1].name", "another channel is called \"x\""},
        {OUTS("{\"name\":\"y\",\"lo\":1,\"hi\":0,\"safe\":0}"), 2, "outputs[0].hi", "lo <= hi"},
        {OUTS("{\"name\":\"y\",\"lo\":1,\"hi\":2,\"safe\":0}"), 2, "outputs[0].safe", "lo <= safe"},
        {OUTS("{\"name\":\"y\",\"lo\":1,\"hi\":2,\"safe\":3}"), 2, "outputs[0].hi", "safe <= hi"},
        {OUTS("{\"name\":\"y\",\"lo\":0,\"hi\":1,\"safe\":0},{\"name\":\"y\",\"lo\":0,\"hi\":1,\"safe\":0}"), 2,
         "outputs[1].name", "another output"},
        {PART("\"model\":{\"inputs\":[\"x\",\"z\"]}"), 2, "model.inputs[1]", "no channel \"z\""},
        {PART("\"model\":{\"inputs\":[\"x\",\"x\"]}"), 2, "model.inputs[1]", "another input"},
        {PART("\"model\":{\"inputs\":[]}"), 2, "model.inputs", "1 to 1024"},
        {PART("\"model\":{\"inputs\":[1]}"), 2, "model.inputs[0]", "double quotes"},
        {PART("\"model\":[]"), 2, "model", "object"}};
    REFUSE(rows);
}

/* {"channels": n of them} */
static char *many_channels(unsigned n)
{
    char *text = malloc(n * 32 + 256), *p = text;
    p += sprintf(p, "{\"device\":{\"name\":\"d\"}," OUT ",\"channels\":[");
    for (unsigned i = 0; i < n; i++)
        p += sprintf(p, "%s{\"name\":\"c%u\"}", i ? "," : "", i);
    sprintf(p, "]}");
    return text;
}

DT_TEST(pack_policy, takes_as_many_channels_as_it_states_and_not_one_more)
{
    char *text = many_channels(DURA_CHANNELS_MAX);
    bytes b = packed(text);
    void *image;
    size_t len;
    dura_error e;
    durai_policy_channel c;
    dt_ok(b.n < DURAI_POLICY_MAX, "%zu", b.n);
    dt_eq(durai_policy_get_channel(b.p, 1023, &c), DURA_OK, "");
    dt_eq(durai_policy_get_channel(b.p, 1024, &c), DURA_EINVAL, "");
    dt_eq(durai_policy_get_input(b.p, 1023), 1023, "");
    dura_pack_deinit(b.p);
    free(text);
    text = many_channels(DURA_CHANNELS_MAX + 1);
    dt_eq(dura_pack_policy(text, strlen(text), NULL, &image, &len, &e), DURA_EINVAL, "");
    dt_str(e.field, "channels", "");
    free(text);
}

DT_TEST(pack_policy, passes_on_what_strict_json_says)
{
    void *image;
    size_t len;
    dura_error e;
    const char *text = "{\"device\":{\"name\":\"a\",\n\"name\":\"b\"}}";
    dt_eq(dura_pack_policy(text, strlen(text), "p.json", &image, &len, &e), DURA_ESYNTAX, "");
    dt_str(e.field, "device.name", "");
    dt_eq(e.line, 2, "");
    dt_eq(dura_pack_policy(NULL, 0, "p.json", &image, &len, &e), DURA_EINVAL, "");
    dt_eq(dura_pack_policy("{}", 2, NULL, NULL, &len, &e), DURA_EINVAL, "");
    dt_eq(dura_pack_policy("{}", 2, NULL, &image, NULL, NULL), DURA_EINVAL, "");
}

DT_TEST(pack_json, tells_a_model_from_a_policy_by_its_mark)
{
    bytes policy = file_of("minimal.json"), model = file_of("linear.json");
    void *image;
    size_t len;
    int kind = 9;
    dura_error e;
    dt_eq(dura_pack_json((char *)policy.p, policy.n, NULL, &image, &len, &kind, &e), DURA_OK, "");
    dt_eq(kind, DURA_PACK_POLICY, "");
    dura_pack_deinit(image);
    dt_eq(dura_pack_json((char *)model.p, model.n, NULL, &image, &len, &kind, &e), DURA_OK, "");
    dt_eq(kind, DURA_PACK_LINEAR, "");
    dura_pack_deinit(image);
    dt_eq(dura_pack_policy((char *)model.p, model.n, NULL, &image, &len, &e), DURA_EINVAL, "a model is no policy");
    dt_eq(dura_pack_model((char *)policy.p, policy.n, NULL, &image, &len, &e), DURA_EINVAL, "a policy is no model");
    free(policy.p);
    free(model.p);
}

/* ---- damaged images --------------------------------------------------------------------- */

DT_TEST(pack_check, refuses_every_flipped_bit)
{
    static const char *const rows[] = {"minimal.bin", "full.bin", "linear.bin", "watched.bin", "checked.bin"};
    for (size_t r = 0; r < sizeof rows / sizeof rows[0]; r++) {
        bytes b = file_of(rows[r]);
        for (size_t i = 0; i < b.n * 8; i++) {
            b.p[i / 8] ^= (uint8_t)(1u << i % 8);
            dt_ok(dura_pack_check(b.p, b.n, NULL) < 0, "row %s bit %zu", rows[r], i);
            b.p[i / 8] ^= (uint8_t)(1u << i % 8);
        }
        dt_eq(dura_pack_check(b.p, b.n, NULL), DURA_OK, "row %s is whole again", rows[r]);
        free(b.p);
    }
}

DT_TEST(pack_check, refuses_every_other_length)
{
    static const char *const rows[] = {"minimal.bin", "full.bin", "linear.bin", "watched.bin", "checked.bin"};
    for (size_t r = 0; r < sizeof rows / sizeof rows[0]; r++) {
        bytes b = file_of(rows[r]);
        for (size_t n = 0; n < b.n; n++)
            dt_ok(check_exact(b.p, n) < 0, "row %s length %zu", rows[r], n);
        dt_eq(check_exact(b.p, b.n), DURA_OK, "row %s", rows[r]);
        memset(b.p + b.n, 0, 16);
        dt_ok(check_exact(b.p, b.n + 8) < 0, "row %s and zeros behind it", rows[r]);
        free(b.p);
    }
    dt_eq(dura_pack_check(NULL, 0, NULL), DURA_EINVAL, "");
    dt_eq(durai_policy_check(NULL, 0), DURA_EINVAL, "");
    dt_eq(dura_linear_check(NULL, 0), DURA_EINVAL, "");
}

/* A value written into the image, checksum repaired. */
typedef struct poke {
    const char *row;
    size_t at;
    unsigned size;
    uint32_t value;
    int rc;
} poke;

static void poke_all(const char *file, const poke *rows, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        bytes b = file_of(file);
        for (unsigned k = 0; k < rows[i].size; k++)
            b.p[rows[i].at + k] = (uint8_t)(rows[i].value >> 8 * k);
        repair(b);
        dt_eq(check_exact(b.p, b.n), rows[i].rc, "row %s", rows[i].row);
        free(b.p);
    }
}

/* Where the section table of file says section `type` begins. */
static size_t section_at(const char *file, unsigned type)
{
    bytes b = file_of(file);
    size_t at = durai_le32(b.p + 16 + 12 * (type - 1) + 4);
    free(b.p);
    return at;
}
#define ENTRY(type, off) (16 + 12 * ((type) - 1) + (off))

DT_TEST(pack_check, refuses_framing_that_lies_under_a_valid_checksum)
{
    bytes b = file_of("minimal.bin");
    const poke rows[] = {
        {"magic", 0, 4, 0x324B5044, DURA_ECORRUPT}, {"version", 4, 2, 6, DURA_EVERSION}, {"version 4", 4, 2, 4, DURA_EVERSION}, {"version 3", 4, 2, 3, DURA_EVERSION}, {"version 2", 4, 2, 2, DURA_EVERSION}, {"version 1", 4, 2, 1, DURA_EVERSION},
        {"version 0", 4, 2, 0, DURA_EVERSION}, {"fewer sections", 6, 2, 19, DURA_EVERSION},
        {"more sections", 6, 2, 21, DURA_EVERSION}, {"all sections", 6, 2, 0xFFFF, DURA_EVERSION},
        {"length", 8, 4, 0, DURA_ECORRUPT}, {"long length", 8, 4, 0xFFFFFFF8, DURA_ECORRUPT},
        {"reserved", 12, 4, 1, DURA_ECORRUPT}, {"unknown section", ENTRY(20, 0), 2, 21, DURA_EVERSION},
        {"section twice", ENTRY(2, 0), 2, 1, DURA_ECORRUPT}, {"section 0", ENTRY(1, 0), 2, 0, DURA_ECORRUPT},
        {"offset 0", ENTRY(1, 4), 4, 0, DURA_ECORRUPT}, {"offset far", ENTRY(1, 4), 4, 0xFFFFFFF8, DURA_ECORRUPT},
        {"offset of another", ENTRY(2, 4), 4, 256, DURA_ECORRUPT}, {"unaligned", ENTRY(3, 4), 4, 209, DURA_ECORRUPT},
        {"bytes far", ENTRY(3, 8), 4, 0xFFFFFFFF, DURA_ECORRUPT}, {"bytes wrap", ENTRY(3, 8), 4, 0xFFFFFF40, DURA_ECORRUPT},
        {"no channels", ENTRY(3, 2), 2, 0, DURA_EINVAL}, {"1025 channels", ENTRY(3, 2), 2, 1025, DURA_EINVAL},
        {"more channels than bytes", ENTRY(3, 2), 2, 2, DURA_EVERSION}, {"two devices", ENTRY(1, 2), 2, 2, DURA_EINVAL},
        {"larger record", ENTRY(2, 8), 4, 16, DURA_EVERSION}, {"no inputs but bytes", ENTRY(4, 2), 2, 0, DURA_EVERSION},
        {"17 outputs", ENTRY(5, 2), 2, 17, DURA_EINVAL}, {"names count", ENTRY(20, 2), 2, 5, DURA_ECORRUPT},
        {"names empty", ENTRY(20, 8), 4, 0, DURA_ECORRUPT}, {"names short", ENTRY(20, 8), 4, 5, DURA_ECORRUPT},
        {"names into the trailer", ENTRY(20, 8), 4, 9, DURA_ECORRUPT},
        {"gap behind the inputs", section_at("minimal.bin", 4) + 7, 1, 1, DURA_ECORRUPT},
        {"trailer", b.n - 8, 4, 1, DURA_ECORRUPT}};
    poke_all("minimal.bin", rows, sizeof rows / sizeof rows[0]);
    free(b.p);
}

DT_TEST(pack_check, refuses_fields_outside_their_range_under_a_valid_checksum)
{
    const size_t d = section_at("full.bin", 1), s = section_at("full.bin", 2), c = section_at("full.bin", 3),
                 in = section_at("full.bin", 4), o = section_at("full.bin", 5), g = section_at("full.bin", 6),
                 l = section_at("full.bin", 7), k = section_at("full.bin", 8), n = section_at("full.bin", 20);
    const uint32_t nan = 0x7FC00000, inf = 0x7F800000, minus = 0xBF800000;
    const poke rows[] = {
        {"device name empty", d, 1, 0, DURA_EINVAL}, {"device name control", d + 1, 1, 7, DURA_EINVAL},
        {"device name DEL", d + 1, 1, 0x7F, DURA_EINVAL}, {"behind the name", d + 63, 1, 'x', DURA_EINVAL},
        {"source none", d + 68, 2, 0xFFFF, DURA_EINVAL}, {"mode 0", d + 70, 1, 0, DURA_EINVAL},
        {"mode 3", d + 70, 1, 3, DURA_EINVAL}, {"device reserved", d + 71, 1, 1, DURA_EINVAL},
        {"rebase_after 0", s + 4, 2, 0, DURA_EINVAL}, {"sensor reserved", s + 7, 1, 1, DURA_EINVAL},
        {"required 2", c, 1, 2, DURA_EINVAL}, {"suspect_ok 2", c + 1, 1, 2, DURA_EINVAL},
        {"no check", c + 2, 2, 0, DURA_EINVAL}, {"unknown check", c + 2, 2, 32, DURA_EINVAL},
        {"limits without the check", c + 2, 2, 31 & ~4, DURA_EINVAL}, {"rate without it", c + 2, 2, 31 & ~8, DURA_EINVAL},
        {"flat without it", c + 2, 2, 31 & ~16, DURA_EINVAL}, {"fail_lo NaN", c + 4, 4, nan, DURA_EINVAL},
        {"fail_lo high", c + 4, 4, 0x3F800000, DURA_EINVAL}, {"suspect_lo low", c + 8, 4, minus, DURA_EINVAL},
        {"suspect_hi high", c + 12, 4, 0x44000000, DURA_EINVAL}, {"suspect_hi low", c + 12, 4, minus, DURA_EINVAL},
        {"fail_hi infinite", c + 16, 4, inf, DURA_EINVAL}, {"fail_hi low", c + 16, 4, 0, DURA_EINVAL},
        {"rate_suspect negative", c + 20, 4, minus, DURA_EINVAL}, {"rate_suspect high", c + 20, 4, 0x44000000, DURA_EINVAL},
        {"rate_fail 0", c + 24, 4, 0, DURA_EINVAL}, {"rate_fail -inf", c + 24, 4, inf | 0x80000000, DURA_EINVAL},
        {"tolerance negative", c + 28, 4, minus, DURA_EINVAL}, {"flat_suspect high", c + 32, 4, 6001, DURA_EINVAL},
        {"flat_fail 0", c + 36, 4, 0, DURA_EINVAL}, {"last channel", c + 3 * 48 + 20, 4, 1, DURA_EINVAL},
        {"input 4", in, 2, 4, DURA_EINVAL}, {"input none", in + 2, 2, 0xFFFF, DURA_EINVAL},
        {"input 3", in, 2, 3, DURA_OK}, {"lo NaN", o, 4, nan, DURA_EINVAL}, {"lo high", o, 4, 0x42C80001, DURA_EINVAL},
        {"hi infinite", o + 4, 4, inf, DURA_EINVAL}, {"rate negative", o + 8, 4, minus, DURA_EINVAL},
        {"rate NaN", o + 8, 4, nan | 0x80000000, DURA_EINVAL}, {"safe below", o + 12, 4, 0xC0000000, DURA_EINVAL},
        {"safe above", o + 12, 4, 0x42C80001, DURA_EINVAL}, {"safe at hi", o + 12, 4, 0x42C80000, DURA_OK},
        {"kind 0", o + 16, 1, 0, DURA_EINVAL}, {"kind 2", o + 16, 1, 2, DURA_EINVAL},
        {"on_violation 3", o + 17, 1, 3, DURA_EINVAL}, {"output reserved", o + 23, 1, 1, DURA_EINVAL},
        {"second output", o + 24 + 17, 1, 0, DURA_EINVAL}, {"recover_frames 0", g + 4, 4, 0, DURA_EINVAL},
        {"recover_frames high", g + 4, 4, 1000001, DURA_EINVAL}, {"checkpoint 0", g + 8, 4, 0, DURA_EINVAL},
        {"ring 128", l, 4, 128, DURA_EINVAL}, {"ring 8193", l, 4, 8193, DURA_EINVAL}, {"ring 0", l, 4, 0, DURA_OK},
        {"ring 2^25", l, 4, 1u << 25, DURA_EINVAL}, {"buffer below", l + 4, 4, 1055, DURA_EINVAL},
        {"buffer fits", l + 4, 4, 1056, DURA_OK}, {"buffer 0", l + 4, 4, 0, DURA_OK},
        {"segment 4095", l + 8, 4, 4095, DURA_EINVAL}, {"max_record 255", l + 28, 2, 255, DURA_EINVAL},
        {"tree 7", l + 30, 1, 7, DURA_EINVAL}, {"tree 41", l + 30, 1, 41, DURA_EINVAL}, {"tree 0", l + 30, 1, 0, DURA_OK},
        {"logs reserved", l + 31, 1, 1, DURA_EINVAL}, {"key", k, 4, 0x01020304, DURA_OK},
        {"name with a zero", n, 1, 0, DURA_ECORRUPT}, {"name without its zero", n + 8, 1, 'x', DURA_ECORRUPT},
        {"name control", n, 1, 9, DURA_ECORRUPT}, {"name not UTF-8", n, 1, 0xFF, DURA_ECORRUPT}};
    poke_all("full.bin", rows, sizeof rows / sizeof rows[0]);
}

DT_TEST(pack_check, refuses_the_key_that_is_none)
{
    bytes b = file_of("minimal.bin");
    memset(b.p + durai_le32(b.p + ENTRY(8, 4)), 0, 32);
    repair(b);
    dt_eq(durai_policy_check(b.p, b.n), DURA_EINVAL, "");
    free(b.p);
}

/* Everything an accepted policy says can be read, and lies within what it promised. */
static void read_policy(const bytes b)
{
    durai_policy_device d;
    durai_policy_channel c;
    durai_policy_output o;
    const char *names[DURA_CHANNELS_MAX];
    size_t n;
    dt_eq(durai_policy_get_device(b.p, &d), DURA_OK, "");
    for (uint32_t i = 0; i < d.n_channels; i++) {
        dt_eq(durai_policy_get_channel(b.p, i, &c), DURA_OK, "");
        dt_ok(c.checks != 0 && c.fail_lo <= c.fail_hi, "");
    }
    for (uint32_t i = 0; i < d.n_outputs; i++) {
        dt_eq(durai_policy_get_output(b.p, i, &o), DURA_OK, "");
        dt_ok(o.lo <= o.safe && o.safe <= o.hi, "");
    }
    for (uint32_t i = 0; i < d.n_inputs; i++)
        dt_ok(durai_policy_get_input(b.p, i) < d.n_channels, "");
    if (dura_pack_names(b.p, b.n, DURA_NAMES_INPUTS, names, NULL, DURA_CHANNELS_MAX, &n) == DURA_OK)
        for (size_t i = 0; i < n; i++)
            dt_ok(strlen(names[i]) >= 1 && strlen(names[i]) <= 63, "");
}

DT_TEST(pack_check, survives_an_enemy_who_repairs_the_checksum)
{
    static const uint32_t values[] = {0, 1, 2, 7, 8, 63, 64, 255, 256, 0x7FFF, 0xFFFF, 0x10000, 0x7FFFFFFF, 0xFFFFFFF8, 0xFFFFFFFF};
    static const char *const files[] = {"minimal.bin", "full.bin", "watched.bin", "checked.bin", "linear.bin"};
    unsigned accepted = 0, refused = 0;
    for (size_t f = 0; f < 5; f++) {
        bytes whole = file_of(files[f]), b = {malloc(whole.n), whole.n};
        for (size_t at = 0; at + 4 <= b.n - 4; at += 2)
            for (size_t v = 0; v < 2 * sizeof values / sizeof values[0]; v++) {
                memcpy(b.p, whole.p, b.n);
                if (v % 2)
                    durai_put32(b.p + at, values[v / 2]);
                else
                    durai_put16(b.p + at, (uint16_t)values[v / 2]);
                repair(b);
                if (dura_pack_check(b.p, b.n, NULL) < 0) {
                    refused++;
                    continue;
                }
                accepted++;
                if (f < 4)
                    read_policy(b);
            }
        free(b.p);
        free(whole.p);
    }
    dt_ok(accepted > 1000 && refused > 10000, "%u accepted, %u refused", accepted, refused);
}

DT_TEST(pack_policy, keeps_what_features_references_and_updates_say)
{
    bytes b = packed_file("watched.json");
    durai_policy_device d;
    durai_policy_feature f;
    durai_policy_drift drift;
    durai_policy_reference r;
    durai_policy_correlate c;
    durai_policy_updates u;
    durai_policy_release_key k;
    const char *name[8], *unit[8];
    size_t n;
    dt_eq(durai_policy_get_device(b.p, &d), DURA_OK, "");
    dt_ok(d.n_channels == 3 && d.n_inputs == 0 && d.n_features == 5 && d.n_outputs == 1, "");
    dt_eq(durai_policy_get_feature(b.p, 0, &f), DURA_OK, "");
    dt_ok(f.op == DURAI_FEATURE_VALUE && f.channel == 0 && f.offset == 4.5f && f.scale == 0.5f, "");
    dt_eq(durai_policy_get_feature(b.p, 2, &f), DURA_OK, "");
    dt_ok(f.op == DURAI_FEATURE_RATIO && f.channel == 0 && f.channel2 == 1 && f.scale == 1.0f && f.n == 0, "");
    dt_eq(durai_policy_get_feature(b.p, 4, &f), DURA_OK, "");
    dt_ok(f.op == DURAI_FEATURE_ONEHOT && f.channel == 2 && f.match == 3.0f && f.channel2 == DURA_NONE, "");
    dt_eq(durai_policy_get_drift(b.p, &drift), DURA_OK, "");
    dt_ok(drift.arl0 == 864000.0f, "");
    static const uint16_t of[] = {1, 3, 6}; /* p2, the output, p_ratio: sorted, whatever order was written */
    for (uint32_t i = 0; i < 3; i++) {
        dt_eq(durai_policy_get_reference(b.p, i, &r), DURA_OK, "");
        dt_eq(r.of, of[i], "reference %u", (unsigned)i);
    }
    dt_ok(r.n == 5000 && r.mean == 1.0f && r.phi2 == -0.25f && r.phi3 == 0.0f, "");
    dt_eq(durai_policy_get_correlate(b.p, &c), DURA_OK, "");
    dt_ok(c.window_ms == 120000 && c.quiet_ms == 60000 && c.margin == 12 && c.score == 10, "");
    dt_eq(durai_policy_get_updates(b.p, &u), DURA_OK, "");
    dt_ok(u.slot_bytes == 8192 && u.probation_frames == 100 && u.max_disagreement == 0.25f, "");
    dt_ok(u.window_begin == 1320 && u.window_minutes == 240 && u.min_clock == DURA_CLOCK_SYNCED, "");
    dt_ok(u.threshold == 2 && u.roles == 6, "");
    dt_ok(u.must_finish_min == 45 && u.window_days == 66, "Saturday and Monday");
    static const uint8_t nuuk[13] = {0x88, 0xFF, 60, 0xC4, 0xFF, 3, 5, 0, 0, 0, 10, 5, 0};
    dt_mem(u.window_zone, nuuk, sizeof nuuk, "two hours west; the rule's hour is before its day");
    dt_eq(durai_policy_get_release_key(b.p, 1, &k), DURA_OK, "");
    dt_ok(k.role == 2 && k.key[0] == 0x22, "");
    dt_eq(dura_pack_names(b.p, b.n, DURA_NAMES_INPUTS, name, unit, 8, &n), DURA_OK, "");
    dt_ok(n == 5 && strcmp(name[1], "p1_lag2") == 0 && strcmp(unit[2], "1") == 0, "");
    dt_eq(dura_pack_names(b.p, b.n, DURA_NAMES_OUTPUTS, name, unit, 8, &n), DURA_OK, "");
    dt_ok(n == 1 && strcmp(name[0], "y") == 0, "");
    dura_pack_deinit(b.p);
}

DT_TEST(pack_policy, takes_a_zone_as_its_file_ends)
{
    for (size_t v = 0; v < sizeof window_vectors / sizeof *window_vectors; v++) {
        uint8_t zone[13], want[13] = {0};
        const uint16_t minute[2] = {(uint16_t)window_vectors[v].begin.minute, (uint16_t)window_vectors[v].end.minute};
        durai_put16(want, (uint16_t)window_vectors[v].utc);
        want[2] = window_vectors[v].dst;
        durai_put16(want + 3, minute[0]);
        durai_put16(want + 8, minute[1]);
        memcpy(want + 5, (const uint8_t[]){window_vectors[v].begin.month, window_vectors[v].begin.week, window_vectors[v].begin.day}, 3);
        memcpy(want + 10, (const uint8_t[]){window_vectors[v].end.month, window_vectors[v].end.week, window_vectors[v].end.day}, 3);
        dt_eq(durai_pack_zone(window_vectors[v].tz, zone), DURA_OK, "%s", window_vectors[v].tz);
        dt_mem(zone, want, 13, "%s", window_vectors[v].row);
    }
}

DT_TEST(pack_policy, refuses_a_zone_that_is_none)
{
    static const char *const rows[] = {
        "CET", "CE-1", "CET-1CEST", "CET-1CEST,M3.5.0", "CET-1CEST,M3.5.0,M10.5.0/3 ", "CET-1CEST,J60,J300", "CET-1CEST,59,300",
        "CET-1CEST,M0.5.0,M10.5.0", "CET-1CEST,M13.5.0,M10.5.0", "CET-1CEST,M3.0.0,M10.5.0", "CET-1CEST,M3.6.0,M10.5.0",
        "CET-1CEST,M3.5.7,M10.5.0", "CET-1CEST,M3.5.0/168,M10.5.0", "CET-1CEST,M3.5.0/2:60,M10.5.0", "CET-25", "CET-24:01",
        "CET-1:00:01", "CET--1", "CET-1CEST-1,M3.5.0,M10.5.0", "CET-1CEST-4:01,M3.5.0,M10.5.0", "<CET-1", "<C>-1", "C1T-1", "-1",
        "CET-1CEST,M3.5.0,M10.5.0,M1.1.1", "CET-99999"};
    uint8_t zone[13];
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        dt_eq(durai_pack_zone(rows[i], zone), DURA_EINVAL, "%s", rows[i]);
    dt_eq(durai_pack_zone("UTC24", zone), DURA_OK, "");
    dt_eq((int16_t)durai_le16(zone), -1440, "");
    dt_eq(durai_pack_zone("CET-1CEST-4,M1.1.0/167,M12.5.6/-167:00:00", zone), DURA_OK, "the ends of all ranges");
}

DT_TEST(pack_policy, an_image_whose_zone_cannot_be_is_refused)
{
    static const struct { const char *row; size_t at; uint8_t v[2]; size_t n; } rows[] = {
        {"days", 0, {128}, 1}, {"far east", 1, {0xA1, 0x05}, 2}, {"far west", 1, {0x5F, 0xFA}, 2}, {"summer", 3, {181}, 1},
        {"rules and no summer", 3, {0}, 1}, {"minute", 4, {0x25, 0x27}, 2}, {"minute below", 9, {0xDB, 0xD8}, 2},
        {"month 0", 6, {0}, 1}, {"month 13", 11, {13}, 1}, {"week 0", 7, {0}, 1}, {"week 6", 12, {6}, 1}, {"day 7", 13, {7}, 1}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        bytes b = packed_file("watched.json");
        uint32_t at = durai_le32(b.p + DURAI_POLICY_HEADER + (DURAI_POLICY_UPDATES - 1) * DURAI_POLICY_ENTRY + 4);
        memcpy(b.p + at + 40 + rows[i].at, rows[i].v, rows[i].n);
        repair(b);
        dt_eq(dura_pack_check(b.p, b.n, NULL), DURA_EINVAL, "%s", rows[i].row);
        dura_pack_deinit(b.p);
    }
}

/* Four channels a to d, and one check. */
#define CK(check)                                                                                        \
    "{\"device\":{\"name\":\"d\"},\"channels\":[{\"name\":\"a\"},{\"name\":\"b\"},{\"name\":\"c\"},"  \
    "{\"name\":\"d\"}],\"outputs\":[{\"name\":\"y\",\"lo\":0,\"hi\":1,\"safe\":0}],\n\"checks\":[" check "]}"
#define PARITY_ROW "\"kind\":\"parity\",\"channel\":\"a\",\"scale\":1,\"suspect\":2"

DT_TEST(pack_policy, refuses_checks_no_sensor_would_take_and_says_which)
{
    static const bad_row rows[] = {
        {CK("{}"), 2, "checks[0]", "\"kind\" is missing"},
        {CK("{\"kind\":\"jump\"}"), 2, "checks[0].kind", "transition"},
        {CK("{\"kind\":\"spike\",\"channel\":\"z\",\"fail\":1}"), 2, "checks[0].channel", "no channel \"z\""},
        {CK("{\"kind\":\"spike\",\"channel\":\"a\"}"), 2, "checks[0]", "needs \"suspect\" or \"fail\""},
        {CK("{\"kind\":\"spike\",\"fail\":1}"), 2, "checks[0]", "needs \"channel\""},
        {CK("{\"kind\":\"spike\",\"channel\":\"a\",\"fail\":0}"), 2, "checks[0]", "sensor refuses"},
        {CK("{\"kind\":\"spike\",\"channel\":\"a\",\"fail\":-1}"), 2, "checks[0].fail", "0 or more"},
        {CK("{\"kind\":\"spike\",\"channel\":\"a\",\"fail\":1,\"window\":4}"), 2, "checks[0].window", "no member \"window\""},
        {CK("{\"kind\":\"spike\",\"channel\":\"a\",\"fail\":1},{\"kind\":\"spike\",\"channel\":\"a\",\"fail\":2}"), 2,
         "checks[1]", "already"},
        {CK("{\"kind\":\"noise\",\"channel\":\"a\",\"window\":8,\"lo\":2,\"hi\":1}"), 2, "checks[0].hi", "lo <= hi"},
        {CK("{\"kind\":\"drift\",\"channel\":\"a\",\"suspect\":1}"), 2, "checks[0]", "needs \"scale\""},
        {CK("{\"kind\":\"vote\",\"fail\":1,\"terms\":[{\"channel\":\"a\"}]}"), 2, "checks[0].terms", "2 to 8 items"},
        {CK("{\"kind\":\"vote\",\"fail\":1,\"terms\":[{\"channel\":\"a\"},{\"channel\":\"a\"}]}"), 2, "checks[0]", "sensor refuses"},
        {CK("{\"kind\":\"vote\",\"fail\":1,\"terms\":[{\"channel\":\"a\"},{\"channel\":\"b\",\"weight\":1}]}"), 2,
         "checks[0].terms[1].weight", "no member"},
        {CK("{\"kind\":\"vote\",\"suspect\":2,\"fail\":1,\"terms\":[{\"channel\":\"a\"},{\"channel\":\"b\"}]}"), 2,
         "checks[0].fail", "suspect <= fail"},
        {CK("{\"kind\":\"rule\",\"channel\":\"a\",\"lo\":1}"), 2, "checks[0]", "needs \"other\""},
        {CK("{\"kind\":\"rule\",\"channel\":\"a\",\"other\":\"b\",\"lo\":1,\"hi\":0}"), 2, "checks[0].hi", "lo <= hi"},
        {CK("{\"kind\":\"rule\",\"channel\":\"a\",\"other\":\"b\",\"lo\":1,\"if_lo\":1,\"if_hi\":0}"), 2, "checks[0].if_hi", "if_lo"},
        {CK("{\"kind\":\"rule\",\"channel\":\"a\",\"other\":\"b\",\"lo\":1,\"level\":\"good\"}"), 2, "checks[0].level", "suspect"},
        {CK("{" PARITY_ROW ",\"terms\":[{\"channel\":\"b\"}]}"), 2, "checks[0].terms[0]", "\"weight\" is missing"},
        {CK("{" PARITY_ROW ",\"terms\":[{\"channel\":\"b\",\"weight\":1e-19}]}"), 2, "checks[0].terms[0].weight", "1e-18"},
        {CK("{" PARITY_ROW ",\"terms\":[{\"channel\":\"b\",\"weight\":1,\"back\":2}]}"), 2, "checks[0].terms[0].back", "0..1"},
        {CK("{" PARITY_ROW ",\"terms\":[{\"channel\":\"a\",\"weight\":1}]}"), 2, "checks[0]", "sensor refuses"},
        {CK("{" PARITY_ROW ",\"terms\":[{\"channel\":\"e\",\"weight\":1}]}"), 2, "checks[0].terms[0]", "no channel \"e\""},
        {CK("{" PARITY_ROW ",\"terms\":[]}"), 2, "checks[0].terms", "1 to 2048"},
        {CK("{" PARITY_ROW ",\"terms\":[{\"channel\":\"b\",\"weight\":1}],\"triangle\":[1]}"), 2, "checks[0].triangle", "no member"},
        {CK("{\"kind\":\"joint\",\"suspect\":9,\"terms\":[{\"channel\":\"a\",\"mean\":0}],\"triangle\":[1,2]}"), 2,
         "checks[0].triangle", "1 to 1 items"},
        {CK("{\"kind\":\"joint\",\"suspect\":9,\"terms\":[{\"channel\":\"a\",\"mean\":0}]}"), 2, "checks[0]", "needs \"triangle\""},
        {CK("{\"kind\":\"joint\",\"suspect\":9,\"terms\":[{\"channel\":\"a\",\"mean\":0}],\"triangle\":[1],\"why\":7}"), 2,
         "checks[0].why", "text"}};
    REFUSE(rows);
}

DT_TEST(pack_policy, keeps_what_checks_say_and_shares_equal_terms)
{
    bytes b = packed_file("checked.json");
    durai_policy_sensor_check c;
    uint32_t n, words;
    (void)durai_policy_section(b.p, DURAI_POLICY_CHECKS, &n, NULL);
    const uint8_t *terms = durai_policy_section(b.p, DURAI_POLICY_TERMS, &words, NULL);
    dt_eq(n, 11, "");
    dt_eq(words, 6u + 4u + 2u + 4u + 3u, "a vote, one of two equal rows, a shorter one, a joint");
    dt_eq(durai_policy_get_sensor_check(b.p, 3, &c), DURA_OK, "");
    dt_ok(c.kind == DURA_CK_VOTE && c.channel == DURA_NONE && c.n_terms == 3 && c.first == 0 && c.estimates, "");
    dt_ok(c.level == 0 && c.window == 3 && c.suspect == 1.0f && c.fail == 2.0f, "");
    dt_eq(durai_policy_get_sensor_check(b.p, 4, &c), DURA_OK, "");
    dt_ok(c.kind == DURA_CK_RULE && c.level == DURA_FAIL && c.channel == 0 && c.other == 3 && c.n_terms == 0, "");
    dt_ok(c.lo == 10.0f && c.hi == FLT_MAX && c.if_lo == 1.0f && c.from_lo == 0.0f, "");
    dt_eq(durai_policy_get_sensor_check(b.p, 5, &c), DURA_OK, "");
    dt_ok(c.level == DURA_SUSPECT && c.if_lo == -FLT_MAX && c.if_hi == 0.5f, "");
    dt_eq(durai_policy_get_sensor_check(b.p, 7, &c), DURA_OK, "");
    dt_ok(c.first == 6 && c.n_terms == 2 && c.mean == 0.5f && durai_le16(terms + 24) == 1, "");
    dt_eq(durai_policy_get_sensor_check(b.p, 8, &c), DURA_OK, "");
    dt_ok(c.first == 6 && c.n_terms == 2 && c.window == 19, "the same terms");
    dt_eq(durai_policy_get_sensor_check(b.p, 9, &c), DURA_OK, "");
    dt_ok(c.first == 10 && c.n_terms == 1, "");
    dt_eq(durai_policy_get_sensor_check(b.p, 10, &c), DURA_OK, "");
    dt_ok(c.kind == DURA_CK_JOINT && c.first == 12 && c.n_terms == 2 && c.window2 == 8, "");
    dt_ok(durai_f32(durai_le32(terms + 64)) == 1.0f && durai_f32(durai_le32(terms + 72)) == 2.0f, "the triangle");
    dura_pack_deinit(b.p);
}

DT_TEST(pack_check, wants_checks_to_fit)
{
    const size_t c = section_at("checked.bin", 15);
    enum { CHANNEL = 40, OTHER = 42, TERMS = 48, FIRST = 50, KIND = 52, LEVEL = 53, ESTIMATES = 54 };
    const poke rows[] = {
        {"spike of no channel", c + CHANNEL, 2, 4, DURA_EINVAL}, {"spike of none", c + CHANNEL, 2, 0xFFFF, DURA_EINVAL},
        {"spike with another", c + OTHER, 2, 0, DURA_EINVAL}, {"spike with terms", c + TERMS, 2, 1, DURA_EINVAL},
        {"spike with a place", c + FIRST, 2, 1, DURA_EINVAL}, {"spike with a level", c + LEVEL, 1, 3, DURA_EINVAL},
        {"kind 0", c + KIND, 1, 0, DURA_EINVAL}, {"kind 10", c + KIND, 1, 10, DURA_EINVAL},
        {"suspect < 0", c, 4, 0xBF800000, DURA_EINVAL}, {"estimates 2", c + ESTIMATES, 1, 2, DURA_EINVAL},
        {"reserved", c + 55, 1, 1, DURA_EINVAL}, {"vote of one channel", c + 3 * 56 + CHANNEL, 2, 0, DURA_EINVAL},
        {"vote without terms", c + 3 * 56 + TERMS, 2, 0, DURA_EINVAL}, {"vote of two", c + 3 * 56 + TERMS, 2, 2, DURA_EINVAL},
        {"vote elsewhere", c + 3 * 56 + FIRST, 2, 1, DURA_EINVAL}, {"rule of no other", c + 4 * 56 + OTHER, 2, 0xFFFF, DURA_EINVAL},
        {"rule without level", c + 4 * 56 + LEVEL, 1, 0, DURA_EINVAL}, {"level 5", c + 4 * 56 + LEVEL, 1, 5, DURA_EINVAL},
        {"level 1", c + 4 * 56 + LEVEL, 1, 1, DURA_EINVAL},
        {"shared by another number", c + 8 * 56 + TERMS, 2, 1, DURA_EINVAL}, {"a hole", c + 9 * 56 + FIRST, 2, 11, DURA_EINVAL},
        {"joint too long", c + 10 * 56 + TERMS, 2, 3, DURA_EINVAL}, {"words missing", ENTRY(16, 2), 2, 18, DURA_EVERSION},
        {"1025 checks", ENTRY(15, 2), 2, 1025, DURA_EINVAL}};
    poke_all("checked.bin", rows, sizeof rows / sizeof rows[0]);
}

DT_TEST(pack_check, wants_features_references_and_keys_to_fit)
{
    const size_t f = section_at("watched.bin", 9), d = section_at("watched.bin", 10), r = section_at("watched.bin", 11),
                 u = section_at("watched.bin", 13), k = section_at("watched.bin", 14);
    const poke rows[] = {
        {"feature of no channel", f + 12, 2, 3, DURA_EINVAL}, {"ratio by no channel", f + 2 * 24 + 14, 2, 9, DURA_EINVAL},
        {"ratio by none", f + 2 * 24 + 14, 2, 0xFFFF, DURA_EINVAL}, {"value with a second", f + 14, 2, 0, DURA_EINVAL},
        {"op 0", f + 18, 1, 0, DURA_EINVAL}, {"op 10", f + 18, 1, 10, DURA_EINVAL}, {"n 1025", f + 24 + 16, 2, 1025, DURA_EINVAL},
        {"feature reserved", f + 23, 1, 1, DURA_EINVAL}, {"scale NaN", f + 4, 4, 0x7FC00000, DURA_EINVAL},
        {"arl0 99", d, 4, 0x42C60000, DURA_EINVAL}, {"arl0 2e9", d, 4, 0x4EEE6B28, DURA_EINVAL}, {"arl0 100", d, 4, 0x42C80000, DURA_OK},
        {"no drift record", ENTRY(10, 2), 2, 0, DURA_EVERSION}, {"two drift records", ENTRY(10, 2), 2, 2, DURA_EINVAL},
        {"reference of nothing", r + 2 * 64, 2, 9, DURA_EINVAL}, {"out of order", r + 64, 2, 0, DURA_EINVAL},
        {"twice", r + 64, 2, 1, DURA_EINVAL}, {"why 64", r + 2, 2, 64, DURA_EINVAL}, {"deviation < 0", r + 12, 4, 0xBF800000, DURA_EINVAL},
        {"threshold above the keys", u + 21, 1, 3, DURA_EINVAL}, {"threshold 0", u + 21, 1, 0, DURA_EINVAL},
        {"roles odd", u + 22, 1, 31, DURA_EINVAL}, {"window 1441", u + 18, 2, 1441, DURA_EINVAL}, {"role 5", k + 32, 1, 5, DURA_EINVAL},
        {"min_clock 5", u + 20, 1, 5, DURA_EINVAL}, {"max_jump 0", u + 12, 4, 0, DURA_EINVAL},
        {"a practice nobody knows", u + 24, 4, 1u << 28, DURA_EINVAL}, {"shadow of 1e9 + 1", u + 28, 4, 1000000001, DURA_EINVAL},
        {"shadow_disagreement < 0", u + 32, 4, 0xBF800000, DURA_EINVAL}, {"incident_role 5", u + 36, 1, 5, DURA_EINVAL},
        {"emergency_role 5", u + 37, 1, 5, DURA_EINVAL}, {"must_finish_min 1441", u + 38, 2, 1441, DURA_EINVAL}, {"rollback_role 5", u + 54, 1, 5, DURA_EINVAL},
        {"substantial_role 5", u + 55, 1, 5, DURA_EINVAL}, {"a part nobody knows", u + 56, 4, 1u << 10, DURA_EINVAL},
        {"shadow_latency < 0", u + 60, 4, 0xBF800000, DURA_EINVAL}, {"shadow_drift NaN", u + 64, 4, 0x7FC00000, DURA_EINVAL},
        {"metric 10001", u + 68, 2, 10001, DURA_EINVAL}, {"planned_data 2", u + 70, 1, 2, DURA_EINVAL},
        {"updates reserved", u + 135, 1, 1, DURA_EINVAL}};
    poke_all("watched.bin", rows, sizeof rows / sizeof rows[0]);
}

DT_TEST(pack_check, wants_charts_histograms_and_mspc_to_fit)
{
    const size_t d = section_at("shaped.bin", 10), r = section_at("shaped.bin", 11), h = section_at("shaped.bin", 17),
                 m = section_at("shaped.bin", 18), n = section_at("shaped.bin", 19);
    const poke rows[] = {
        {"chart without limits", d + 20, 1, 1, DURA_EINVAL}, {"detector 4", d + 20, 1, 4, DURA_EINVAL},
        {"mixture with a shift", d + 8, 4, 0x3F800000, DURA_EINVAL}, {"mixture with a limit", r + 56, 4, 0x3F800000, DURA_EINVAL},
        {"mixture with a chart's shift", r + 52, 4, 0x3F800000, DURA_EINVAL}, {"reserved", r + 60, 1, 1, DURA_EINVAL},
        {"beyond SPE", r + 2 * 64, 2, 6, DURA_EINVAL}, {"histogram of T2", h + 16 + 4, 2, 4, DURA_EINVAL},
        {"histograms out of order", h + 16 + 4, 2, 0, DURA_EINVAL}, {"one bin", h + 8, 2, 1, DURA_EINVAL},
        {"17 bins", h + 8, 2, 17, DURA_EINVAL}, {"a hole", h + 16 + 10, 2, 8, DURA_EINVAL}, {"too few numbers", h + 8, 2, 3, DURA_EINVAL},
        {"whitened 2", h + 12, 1, 2, DURA_EINVAL}, {"as many components as inputs", m + 10, 2, 3, DURA_EINVAL},
        {"another place", m + 12, 2, 9, DURA_EINVAL}, {"two inputs", m + 8, 2, 2, DURA_EINVAL}, {"128 inputs", m + 8, 2, 128, DURA_EINVAL},
        {"an input that is none", n + 40, 4, 4, DURA_EINVAL}, {"an output", n + 40, 4, 3, DURA_OK},
        {"no mspc", ENTRY(18, 2), 2, 0, DURA_EVERSION}, {"two", ENTRY(18, 2), 2, 2, DURA_EINVAL}};
    poke_all("shaped.bin", rows, sizeof rows / sizeof rows[0]);
}

DT_TEST(policy_get, refuses_what_there_is_not)
{
    bytes b = file_of("minimal.bin");
    durai_policy_channel c;
    durai_policy_output o;
    uint32_t count = 7, len = 7;
    dt_eq(durai_policy_get_channel(b.p, 1, &c), DURA_EINVAL, "");
    dt_eq(durai_policy_get_channel(b.p, UINT32_MAX, &c), DURA_EINVAL, "");
    dt_eq(durai_policy_get_channel(b.p, 0, NULL), DURA_EINVAL, "");
    dt_eq(durai_policy_get_output(b.p, 1, &o), DURA_EINVAL, "");
    dt_eq(durai_policy_get_device(b.p, NULL), DURA_EINVAL, "");
    dt_ok(durai_policy_section(b.p, 0, &count, &len) == NULL, "");
    dt_ok(durai_policy_section(b.p, 21, NULL, NULL) == NULL, "");
    dt_ok(durai_policy_section(b.p, DURAI_POLICY_NAMES, &count, &len) != NULL, "");
    dt_ok(count == 4 && len == 6, "%u names, %u bytes", count, len);
    free(b.p);
}

DT_TEST(policy_get, reads_an_image_at_any_address)
{
    bytes b = file_of("full.bin");
    uint8_t *shifted = malloc(b.n + 1);
    durai_policy_channel c;
    memcpy(shifted + 1, b.p, b.n);
    dt_eq(durai_policy_check(shifted + 1, b.n), DURA_OK, "");
    dt_eq(durai_policy_get_channel(shifted + 1, 0, &c), DURA_OK, "");
    dt_ok(c.suspect_hi == 180.25f, "");
    free(shifted);
    free(b.p);
}

/* ---- what an image says to people --------------------------------------------------------- */

DT_TEST(pack_names, gives_names_and_units_in_order)
{
    bytes b = file_of("full.bin"), m = file_of("linear.bin");
    const char *name[8], *unit[8];
    size_t n = 0;
    dt_eq(dura_pack_names(b.p, b.n, DURA_NAMES_CHANNELS, name, unit, 8, &n), DURA_OK, "");
    dt_eq(n, 4, "");
    dt_str(name[0], "pressure", "");
    dt_str(unit[0], "bar", "");
    dt_str(name[1], "temperature", "");
    dt_str(unit[1], "\xC2\xB0" "C", "");
    dt_str(name[3], "spare", "");
    dt_str(unit[3], "", "");
    dt_eq(dura_pack_names(b.p, b.n, DURA_NAMES_OUTPUTS, name, unit, 2, &n), DURA_OK, "");
    dt_eq(n, 2, "");
    dt_str(name[0], "pump", "");
    dt_str(unit[0], "%", "");
    dt_str(name[1], "lamp", "");
    dt_eq(dura_pack_names(b.p, b.n, DURA_NAMES_INPUTS, name, unit, 2, &n), DURA_OK, "");
    dt_eq(n, 2, "");
    dt_str(name[0], "valve", "");
    dt_str(name[1], "pressure", "");
    dt_str(unit[1], "bar", "");
    dt_eq(dura_pack_names(m.p, m.n, DURA_NAMES_INPUTS, name, unit, 8, &n), DURA_OK, "");
    dt_str(name[1], "pressure", "");
    dt_str(unit[1], "", "a model has no units");
    dt_eq(dura_pack_names(m.p, m.n, DURA_NAMES_OUTPUTS, name, NULL, 8, &n), DURA_OK, "");
    dt_eq(n, 2, "");
    dt_str(name[1], "lamp", "");
    free(b.p);
    free(m.p);
}

DT_TEST(pack_names, says_how_many_when_there_is_no_room)
{
    bytes b = file_of("full.bin"), m = file_of("linear.bin");
    const char *name[4];
    size_t n = 0;
    static const struct { int what; size_t n; } rows[] = {{DURA_NAMES_CHANNELS, 4}, {DURA_NAMES_OUTPUTS, 2}, {DURA_NAMES_INPUTS, 2}};
    for (size_t i = 0; i < 3; i++) {
        dt_eq(dura_pack_names(b.p, b.n, rows[i].what, NULL, NULL, 0, &n), DURA_OK, "row %zu", i);
        dt_eq(n, rows[i].n, "row %zu", i);
        dt_eq(dura_pack_names(b.p, b.n, rows[i].what, name, NULL, rows[i].n - 1, &n), DURA_ENOSPC, "row %zu", i);
        dt_eq(n, rows[i].n, "row %zu", i);
    }
    dt_eq(dura_pack_names(b.p, b.n, 6, name, NULL, 4, &n), DURA_EINVAL, "");
    dt_eq(dura_pack_names(m.p, m.n, DURA_NAMES_CHANNELS, name, NULL, 4, &n), DURA_EINVAL, "a model has no channels");
    dt_eq(dura_pack_names(b.p, b.n, DURA_NAMES_CHANNELS, name, NULL, 4, NULL), DURA_EINVAL, "");
    dt_eq(dura_pack_names(b.p, b.n - 8, DURA_NAMES_CHANNELS, name, NULL, 4, &n), DURA_ECORRUPT, "");
    free(b.p);
    free(m.p);
}

DT_TEST(policy_query, says_who_the_device_is)
{
    bytes b = file_of("full.bin"), m = file_of("minimal.bin");
    dura_policy_info info = DURA_POLICY_INFO_INIT;
    dt_eq(dura_policy_query(b.p, b.n, &info), DURA_OK, "");
    dt_str(info.name, "press-7 \xC3\x96l", "");
    dt_ok(info.zone == 3 && info.asset == 17 && info.source == 2 && info.mode == DURA_ENFORCE, "");
    dt_ok(info.n_channels == 4 && info.n_inputs == 2 && info.n_outputs == 2 && !info.development, "");
    dt_eq(info.factory_key[31], 0x10, "");
    dt_eq(dura_policy_query(m.p, m.n, &info), DURA_OK, "");
    dt_eq(info.development, 1, "everybody can sign for this one");
    dt_eq(dura_policy_query(m.p, m.n, NULL), DURA_EINVAL, "");
    info.struct_size = 8;
    dt_eq(dura_policy_query(m.p, m.n, &info), DURA_EINVAL, "older than the first version");
    info.struct_size = sizeof info;
    m.p[40] ^= 1;
    dt_eq(dura_policy_query(m.p, m.n, &info), DURA_ECORRUPT, "");
    free(b.p);
    free(m.p);
}

/* ---- the linear model ---------------------------------------------------------------------- */

DT_TEST(linear_fn, adds_in_the_order_of_the_inputs_in_binary32)
{
    bytes b = file_of("linear.bin");
    dura_fn fn = DURA_FN_INIT;
    static const float rows[][2] = {{0, 0}, {1, 1}, {-3.5f, 1e-7f}, {1e30f, -1e30f}, {0.1f, 0.2f}};
    dt_eq(dura_linear_fn(&fn, b.p, b.n), DURA_OK, "");
    dt_ok(fn.n_inputs == 2 && fn.n_outputs == 2, "");
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        volatile float a = 3.0f * rows[i][0], c = -0.25f * rows[i][1], sum = 0.1f + a;
        float y[2] = {7, 7};
        sum = sum + c;
        dt_eq(fn.call(fn.user, rows[i], 2, y, 2), DURA_OK, "row %zu", i);
        dt_eq(durai_f32_bits(y[0]), durai_f32_bits(sum), "row %zu", i);
        a = 0.0f * rows[i][0];
        c = 1e10f * rows[i][1];
        sum = -1e-3f + a;
        sum = sum + c;
        dt_eq(durai_f32_bits(y[1]), durai_f32_bits(sum), "row %zu", i);
    }
    free(b.p);
}

DT_TEST(linear_fn, depends_on_the_order_of_the_sum)
{
    /* 1 + 2^24 - 2^24 is 0 in this order and 1 in the other: pins the order. */
    bytes b = packed("{\"dura_model\":1,\"kind\":\"linear\",\"inputs\":[\"a\",\"b\"],"
                     "\"outputs\":[{\"name\":\"y\",\"bias\":1,\"weights\":[16777216,-16777216]}]}");
    dura_fn fn = DURA_FN_INIT;
    float x[2] = {1, 1}, y = 5;
    dt_eq(dura_linear_fn(&fn, b.p, b.n), DURA_OK, "");
    dt_eq(fn.call(fn.user, x, 2, &y, 1), DURA_OK, "");
    dt_ok(y == 0, "%g", (double)y);
    dura_pack_deinit(b.p);
}

DT_TEST(linear_fn, runs_behind_the_backend_of_functions)
{
    bytes b = file_of("linear.bin");
    dura_fn fn = DURA_FN_INIT;
    uint64_t mem[64];
    size_t size = 0, align = 0;
    float x[2] = {2, 4}, y[2] = {0, 0};
    const dura_backend *be = dura_backend_fn();
    dt_eq(dura_linear_fn(&fn, b.p, b.n), DURA_OK, "");
    dt_eq(be->mem_req(&fn, b.p, b.n, &size, &align), 0, "");
    dt_ok(size <= sizeof mem, "");
    dt_eq(be->open(mem, &fn, b.p, b.n), 0, "");
    dt_eq(be->run(mem, x, 2, y, 2, 0), 0, "");
    dt_ok(y[0] == 0.1f + 6.0f - 1.0f, "%g", (double)y[0]);
    if (be->close)
        be->close(mem);
    free(b.p);
}

DT_TEST(linear_fn, refuses_other_shapes_and_bad_arguments)
{
    bytes b = file_of("linear.bin");
    dura_fn fn = DURA_FN_INIT, old = DURA_FN_INIT;
    float x[3] = {0}, y[3] = {7, 7, 7};
    dt_eq(dura_linear_fn(&fn, b.p, b.n), DURA_OK, "");
    dt_eq(fn.call(fn.user, x, 1, y, 2), DURA_EINVAL, "");
    dt_eq(fn.call(fn.user, x, 3, y, 2), DURA_EINVAL, "");
    dt_eq(fn.call(fn.user, x, 2, y, 1), DURA_EINVAL, "");
    dt_eq(fn.call(NULL, x, 2, y, 2), DURA_EINVAL, "");
    dt_ok(y[0] == 7 && y[1] == 7, "nothing was written");
    dt_eq(dura_linear_fn(NULL, b.p, b.n), DURA_EINVAL, "");
    old.struct_size = 4;
    dt_eq(dura_linear_fn(&old, b.p, b.n), DURA_EINVAL, "");
    dt_eq(dura_linear_fn(&fn, NULL, 0), DURA_EINVAL, "");
    dt_eq(dura_linear_fn(&fn, b.p, b.n - 8), DURA_ECORRUPT, "");
    free(b.p);
}

DT_TEST(linear_check, refuses_images_that_lie_under_a_valid_checksum)
{
    bytes b = file_of("linear.bin");
    const poke rows[] = {
        {"magic", 0, 4, 0x314E494C, DURA_ECORRUPT}, {"version", 4, 2, 5, DURA_EVERSION}, {"version 3", 4, 2, 3, DURA_EVERSION}, {"version 2", 4, 2, 2, DURA_EVERSION},
        {"no outputs", 6, 2, 0, DURA_ECORRUPT}, {"17 outputs", 6, 2, 17, DURA_ECORRUPT},
        {"3 outputs", 6, 2, 3, DURA_ECORRUPT}, {"1 output", 6, 2, 1, DURA_ECORRUPT},
        {"length", 8, 4, 72, DURA_ECORRUPT}, {"no inputs", 12, 2, 0, DURA_ECORRUPT},
        {"1024 inputs", 12, 2, 1024, DURA_ECORRUPT}, {"1025 inputs", 12, 2, 1025, DURA_ECORRUPT},
        {"65535 inputs", 12, 2, 65535, DURA_ECORRUPT}, {"reserved", 14, 2, 1, DURA_ECORRUPT},
        {"NaN", 16, 4, 0x7FC00000, DURA_ECORRUPT}, {"infinity", 36, 4, 0xFF800000, DURA_ECORRUPT},
        {"empty name", 40, 1, 0, DURA_ECORRUPT}, {"control in a name", 41, 1, 10, DURA_ECORRUPT},
        {"not UTF-8", 41, 1, 0xC3, DURA_ECORRUPT}, {"names run on", 45, 1, 'x', DURA_ECORRUPT},
        {"no zero at the end", b.n - 9, 1, 'x', DURA_ECORRUPT}, {"trailer", b.n - 8, 4, 1, DURA_ECORRUPT}};
    poke_all("linear.bin", rows, sizeof rows / sizeof rows[0]);
    free(b.p);
}

#define MODEL(in, out) "{\"dura_model\":1,\"kind\":\"linear\",\"inputs\":[" in "],\"outputs\":[\n" out "]}"

DT_TEST(pack_model, names_what_is_wrong_with_a_model)
{
    static const bad_row rows[] = {
        {"{\"dura_model\":2}", 1, "dura_model", "not 2"},
        {"{\"dura_model\":1}", 1, "", "\"kind\""},
        {"{\"dura_model\":1,\n\"kind\":\"trees\"}", 2, "kind", "\"linear\""},
        {"{\"dura_model\":1,\"kind\":\"linear\"}", 1, "", "\"inputs\""},
        {"{\"dura_model\":1,\"kind\":\"linear\",\"inputs\":[\"a\"]}", 1, "", "\"outputs\""},
        {"{\"dura_model\":1,\n\"weights\":[]}", 2, "weights", "no member"},
        {MODEL("", "{\"name\":\"y\",\"bias\":0,\"weights\":[]}"), 1, "inputs", "1 to 1024"},
        {MODEL("\"a\",7", "{\"name\":\"y\",\"bias\":0,\"weights\":[1]}"), 1, "inputs[1]", "double quotes"},
        {MODEL("\"a\",\"a\"", "{\"name\":\"y\",\"bias\":0,\"weights\":[1]}"), 1, "inputs[1]", "another input"},
        {MODEL("\"a\",\"\"", "{\"name\":\"y\",\"bias\":0,\"weights\":[1]}"), 1, "inputs[1]", "1 to 63"},
        {MODEL("\"a\"", ""), 1, "outputs", "1 to 16"},
        {MODEL("\"a\"", "{\"bias\":0,\"weights\":[1]}"), 2, "outputs[0]", "\"name\""},
        {MODEL("\"a\"", "{\"name\":\"y\",\"weights\":[1]}"), 2, "outputs[0]", "\"bias\""},
        {MODEL("\"a\"", "{\"name\":\"y\",\"bias\":0}"), 2, "outputs[0]", "\"weights\""},
        {MODEL("\"a\"", "{\"name\":\"y\",\"bias\":0,\"weights\":[]}"), 2, "outputs[0].weights", "per input: 1, not 0"},
        {MODEL("\"a\"", "{\"name\":\"y\",\"bias\":0,\"weights\":[1,2]}"), 2, "outputs[0].weights", "1, not 2"},
        {MODEL("\"a\"", "{\"name\":\"y\",\"bias\":0,\"weights\":[\"1\"]}"), 2, "outputs[0].weights[0]", "a number"},
        {MODEL("\"a\"", "{\"name\":\"y\",\"bias\":1e39,\"weights\":[1]}"), 2, "outputs[0].bias", "3.4e38"},
        {MODEL("\"a\"", "{\"name\":\"y\",\"bias\":0,\"weights\":{}}"), 2, "outputs[0].weights", "list"},
        {MODEL("\"a\"", "{\"name\":\"y\",\"bias\":0,\"weights\":[1],\"unit\":\"m\"}"), 2, "outputs[0].unit", "no member"},
        {MODEL("\"a\"", "{\"name\":\"y\",\"bias\":0,\"weights\":[1]},\n{\"name\":\"y\",\"bias\":0,\"weights\":[1]}"), 3,
         "outputs[1].name", "another output"}};
    REFUSE(rows);
}

DT_TEST(pack_check_model, names_the_first_name_that_does_not_fit)
{
    static const struct { const char *row, *text; const char *field, *said; } rows[] = {
        {"fits", MODEL("\"valve\",\"pressure\"", "{\"name\":\"pump\",\"bias\":0,\"weights\":[1,2]},"
                       "{\"name\":\"lamp\",\"bias\":0,\"weights\":[1,2]}"), NULL, ""},
        {"unknown input", MODEL("\"valve\",\"flow\"", "{\"name\":\"pump\",\"bias\":0,\"weights\":[1,2]}"),
         "model.inputs", "\"flow\", which is missing here"},
        {"channel that is no input", MODEL("\"valve\",\"spare\"", "{\"name\":\"pump\",\"bias\":0,\"weights\":[1,2]}"),
         "model.inputs", "\"spare\""},
        {"input too few", MODEL("\"valve\"", "{\"name\":\"pump\",\"bias\":0,\"weights\":[1]}"), "model.inputs",
         "\"pressure\" is missing in the model m.json"},
        {"other order", MODEL("\"pressure\",\"valve\"", "{\"name\":\"pump\",\"bias\":0,\"weights\":[1,2]}"),
         "model.inputs", "place 0 is \"valve\" here and \"pressure\""},
        {"output missing", MODEL("\"valve\",\"pressure\"", "{\"name\":\"pump\",\"bias\":0,\"weights\":[1,2]}"), "outputs",
         "\"lamp\" is missing in the model"},
        {"output order", MODEL("\"valve\",\"pressure\"", "{\"name\":\"lamp\",\"bias\":0,\"weights\":[1,2]},"
                               "{\"name\":\"pump\",\"bias\":0,\"weights\":[1,2]}"), "outputs", "place 0"}};
    bytes p = file_of("full.bin");
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        bytes m = packed(rows[i].text);
        dura_error e = {0};
        int rc = dura_pack_check_model(p.p, p.n, m.p, m.n, "p.json", "m.json", &e);
        dt_eq(rc, rows[i].field ? DURA_EINVAL : DURA_OK, "row %s: %s", rows[i].row, said(&e));
        if (rows[i].field) {
            dt_str(e.field, rows[i].field, "row %s", rows[i].row);
            dt_str(e.file, "p.json", "row %s", rows[i].row);
            dt_ok(strstr(e.text, rows[i].said) != NULL, "row %s says \"%s\"", rows[i].row, said(&e));
        }
        dura_pack_deinit(m.p);
    }
    free(p.p);
}

DT_TEST(pack_check_model, refuses_images_that_are_not_what_they_should_be)
{
    bytes p = file_of("full.bin"), m = file_of("linear.bin");
    dura_error e;
    dt_eq(dura_pack_check_model(p.p, p.n, m.p, m.n, NULL, NULL, NULL), DURA_OK, "");
    dt_eq(dura_pack_check_model(m.p, m.n, p.p, p.n, "a", "b", &e), DURA_ECORRUPT, "changed places");
    dt_str(e.file, "a", "");
    dt_eq(dura_pack_check_model(p.p, p.n, p.p, p.n, "a", "b", &e), DURA_ECORRUPT, "a policy as the model");
    dt_str(e.file, "b", "");
    free(p.p);
    free(m.p);
}

/* ---- C source -------------------------------------------------------------------------------- */

DT_TEST(pack_c_table, holds_the_bytes_of_the_image_in_order)
{
    bytes b = file_of("full.bin");
    char *text = NULL, *p;
    size_t len = 0, at = 0;
    dura_error e;
    dt_eq(dura_pack_c_table(b.p, b.n, "policy", 4321, &text, &len, &e), DURA_OK, "");
    dt_eq(strlen(text), len, "");
    dt_ok(strstr(text, "#define POLICY_IMAGE_BYTES 760\n") != NULL, "");
    dt_ok(strstr(text, "#define POLICY_GUARD_BYTES 4328\n") != NULL, "rounded up to 8");
    dt_ok(strstr(text, "static const uint64_t policy_image[95] = {\n") != NULL, "");
    for (p = strstr(text, "= {"); (p = strstr(p, "DURA_W8(")) != NULL; at += 8) {
        p += 8;
        for (size_t i = 0; i < 8; i++, p += 4)
            dt_eq(strtoul(p, NULL, 16), b.p[at + i], "byte %zu", at + i);
        if (at + 8 == b.n)
            break;
    }
    dt_eq(at + 8, b.n, "");
    dura_pack_deinit(text);
    dt_eq(dura_pack_c_table(b.p, b.n, "m_1", 0, &text, &len, &e), DURA_OK, "");
    dt_ok(strstr(text, "GUARD_BYTES") == NULL && strstr(text, "M_1_IMAGE_BYTES") != NULL, "");
    dura_pack_deinit(text);
    free(b.p);
}

DT_TEST(pack_c_table, refuses_names_that_are_no_identifiers)
{
    static const char *const names[] = {"", "1a", "a-b", "a b", "\xC3\xA9", "a23456789012345678901234567890ab"};
    uint64_t image[1] = {0};
    char *text;
    size_t len;
    dura_error e;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        dt_eq(dura_pack_c_table(image, 8, names[i], 0, &text, &len, &e), DURA_EINVAL, "row %s", names[i]);
    dt_eq(dura_pack_c_table(image, 7, "a", 0, &text, &len, &e), DURA_EINVAL, "");
    dt_eq(dura_pack_c_table(image, 0, "a", 0, &text, &len, &e), DURA_EINVAL, "");
    dt_eq(dura_pack_c_table(NULL, 8, "a", 0, &text, &len, &e), DURA_EINVAL, "");
    dt_eq(dura_pack_c_table(image, 8, NULL, 0, &text, &len, &e), DURA_EINVAL, "");
    dt_eq(dura_pack_c_table(image, 8, "a", 0, NULL, &len, &e), DURA_EINVAL, "");
    dt_eq(dura_pack_c_table(image, 8, "a", 0, &text, NULL, NULL), DURA_EINVAL, "");
}
