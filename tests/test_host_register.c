/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The register's reader and finder on examples/register. Digest and packed form are compared
 * with an independent program in tests/cli/test_cli_risk.py.
 */
#include <dura/host/catalog.h>
#include <dura/host/register.h>

#include "host/dura_host_register_priv.h"
#include "temp_dir.h"
#include <time.h>

enum { TODAY = 20261123 };

static char *slurp(const char *name, size_t *n)
{
    char path[512];
    snprintf(path, sizeof path, "%s/examples/register/%s", DURA_SOURCE_DIR, name);
    FILE *f = fopen(path, "rb");
    dt_ok(f != NULL, "%s", path);
    char *p = malloc(1 << 20);
    *n = fread(p, 1, (1 << 20) - 1, f);
    p[*n] = '\0';
    fclose(f);
    return p;
}

/* The example with one place changed; the place must be there. */
static char *changed(const char *name, const char *from, const char *to)
{
    size_t n;
    char *p = slurp(name, &n), *at = strstr(p, from), *out = malloc(n + strlen(to) + 1);
    dt_ok(at != NULL, "%s is not in %s", from, name);
    sprintf(out, "%.*s%s%s", (int)(at - p), p, to, at + strlen(from));
    free(p);
    return out;
}

static dura_register *example(const char *name)
{
    dura_register *r;
    dura_error err = {0};
    size_t n;
    char *p = slurp(name, &n);
    dt_eq(dura_register_parse(p, n, name, &r, &err), DURA_OK, "%s: %s", err.field, err.text);
    free(p);
    return r;
}

static uint32_t check_text(char *p, dura_findings *f)
{
    dura_register *r;
    dura_error err = {0};
    dura_register_options o = DURA_REGISTER_OPTIONS_INIT;
    o.today = TODAY;
    dt_eq(dura_register_parse(p, strlen(p), NULL, &r, &err), DURA_OK, "%s: %s", err.field, err.text);
    free(p);
    dt_eq(dura_register_check(r, &o, f, &err), DURA_OK, "%s", err.text);
    dura_register_deinit(r);
    return f->count;
}

/* ---- reading ----------------------------------------------------------------------------------- */

DT_TEST(register_parse, says_what_is_wrong_and_where)
{
    static const struct row {
        const char *from, *to;
        int code;
        const char *field, *text;
    } rows[] = {
        {"\"hazards\": [\n", "\"hazard\": [\n", DURA_EINVAL, "hazard", "hazards"},
        {"\"zone\": \"Z-CELL\"", "\"zone\": \"Z-CELLAR\"", DURA_ENOENT, "assets[0].zone", "there is no zone \"Z-CELLAR\""},
        {"\"zone\": \"Z-CELL\"", "\"zone\": \"S-P2\"", DURA_ENOENT, "assets[0].zone", "is of assets: want one of zones"},
        {"\"zone\": \"Z-CELL\", ", "", DURA_EINVAL, "assets[0]", "zone is missing"},
        {"\"controls\": [\"K-DRIFT\"", "\"controls\": [\"K-NONE\"", DURA_ENOENT, "entries[1].controls[0]", "no control"},
        {"[\"K-DRIFT\"", "[\"K-DRIFT\", \"K-DRIFT\"", DURA_EINVAL, "entries[1].controls[1]", "twice"},
        {"{\"id\": \"S-P2\"", "{\"id\": \"S-P1\"", DURA_EINVAL, "assets[1]", "already the id of assets[0]"},
        {"{\"id\": \"H-4\"", "{\"id\": \"Z-OPS\"", DURA_EINVAL, "hazards[0]", "already the id of zones[1]"},
        {"\"id\": \"S-T1\"", "\"id\": \"S T1\"", DURA_EINVAL, "assets[2].id", "an id is letters"},
        {"\"CR 3.6\", \"fr\": \"SI\"", "\"CR 3.6\", \"fr\": \"RA\"", DURA_EINVAL, "requirements.62443[1]", "belongs to SI"},
        {"\"CR 3.6\"", "\"CR 9.6\"", DURA_ENOENT, "entries[0].requirements.62443[1]", "no id of IEC 62443"},
        {"\"A.6.2.4\"", "\"B.6.2.4\"", DURA_ENOENT, "entries[0].requirements.42001[0]", "Annex A"},
        {"\"AML.T0043\"", "\"AML.43\"", DURA_ENOENT, "entries[0].threats[0]", "no technique of ATLAS"},
        {"\"T0831\"", "\"T0808\"", DURA_ENOENT, "entries[0].threats[1]", "revoked"},
        {"\"AML.T0043\"", "\"AML.T0045\"", DURA_ENOENT, "entries[0].threats[0]", "AML.T0048.004"},
        {"\"AML.T0043\"", "\"CR 3.4\"", DURA_ENOENT, "entries[0].threats[0]", "it is"},
        {"\"CR 3.6\"", "\"T0831\"", DURA_ENOENT, "entries[0].requirements.62443[1]", "no id of IEC 62443"},
        {"AI Act 15(5)", "AI Act 15(9)", DURA_ENOENT, "entries[0].requirements.law[0]", "no duty"},
        {"\"for\": \"CR 3.5\"", "\"for\": \"CR 7.1\"", DURA_ENOENT, "entries[0].compensating[0]", "has no requirement"},
        {"\"sensor.parity\"", "\"sensor.magic\"", DURA_EINVAL, "controls[1].hook", "sensor.magic"},
        {"[\"S-P1\", \"M-VALVE\", \"A-V1\"]", "[\"S-P1\", \"A-V1\"]", DURA_ENOENT, "entries[0].path", "no edge S-P1 > A-V1"},
        {"[[\"S-P1\", \"M-VALVE\"]", "[[\"A-V1\", \"M-VALVE\"]", DURA_ENOENT, "entries[0].edges[0]", "no edge"},
        {"\"inputs\": [\"S-P1\"", "\"trains\": [\"D-TRAIN\"], \"inputs\": [\"S-P1\"", DURA_EINVAL, "assets", "a cycle"},
        {"\"inputs\": [\"S-P1\"", "\"inputs\": [\"M-VALVE\", \"S-P1\"", DURA_EINVAL, "assets[3].inputs[0]", "of itself"},
        {"\"owner\": \"both\"", "\"owner\": \"both\", \"inputs\": [\"M-VALVE\"]", DURA_EINVAL, "assets", "said twice"},
        {"[1, 2, 3, 4]", "[1, 2, 3, 1]", DURA_EINVAL, "product.risk_matrix[1][3]", "must not fall"},
        {"\"tolerable\": 3", "\"tolerable\": 0", DURA_EINVAL, "product.tolerable", ""},
        {"\"2026-03-02\"", "\"2026-13-02\"", DURA_EINVAL, "impact_assessments[0].date", "want a date"},
        {"documents/aia-3.md", "../aia-3.md", DURA_EINVAL, "impact_assessments[0]", "beside the register"},
        {"\"rule\": \"boundary\"", "\"rule\": \"B18\"", DURA_EINVAL, "waivers[0].rule", ""},
        {"\"cause\": \"attack\"", "\"cause\": \"atack\"", DURA_EINVAL, "entries[0].cause", "attack"},
        {"\"severity\": 4}", "\"severity\": 5}", DURA_EINVAL, "entries[0].unmitigated.severity", ""},
        {"\"dura_register\": 1", "\"dura_register\": 2", DURA_EINVAL, "dura_register", ""},
        {"\"dura_register\": 1", "\"dura_register\": 1, \"dura_register\": 1", DURA_ESYNTAX, "dura_register", ""},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char *p = changed("complete.json", rows[i].from, rows[i].to);
        dura_register *r = (dura_register *)p;
        dura_error err = {0};
        int rc = dura_register_parse(p, strlen(p), "r.json", &r, &err);
        dt_eq(rc, rows[i].code, "row %zu %s: %s: %s", i, rows[i].to, err.field, err.text);
        dt_ok(r == NULL && err.code == rc && err.line > 0, "row %zu", i);
        dt_ok(strstr(err.field, rows[i].field), "row %zu: field %s", i, err.field);
        dt_ok(strstr(err.text, rows[i].text), "row %zu: text %s", i, err.text);
        dt_eq(dura_register_parse(p, strlen(p), NULL, &r, NULL), rc, "row %zu: the same without err", i);
        free(p);
    }
    dura_register *r;
    dt_eq(dura_register_parse("", 0, NULL, NULL, NULL), DURA_EINVAL, "");
    dt_eq(dura_register_load("/dev/null/none", &r, NULL), DURA_EIO, "");
    dura_register_deinit(NULL);
}

DT_TEST(register_parse, refuses_a_file_that_is_too_large)
{
    dura_register *r;
    dura_error err = {0};
    size_t n = DURA_JSON_BYTES_MAX + 1;
    char *p = malloc(n);
    memset(p, ' ', n);
    dt_eq(dura_register_parse(p, n, "r.json", &r, &err), DURA_ELIMIT, "%s", err.text);
    free(p);
}

DT_TEST(register_query, has_one_digest_for_one_register)
{
    dura_register *a = example("complete.json"), *b;
    dura_register_info x = DURA_REGISTER_INFO_INIT, y = DURA_REGISTER_INFO_INIT;
    dura_json *doc;
    char *canonical;
    size_t n, m;
    char *p = slurp("complete.json", &n);
    dt_eq(dura_json_parse(p, n, NULL, &doc, NULL), DURA_OK, "");
    dt_eq(dura_register_canonical(doc, DURA_JSON_ROOT, &canonical, &m), DURA_OK, "");
    dt_ok(m < n && m == strlen(canonical) && strncmp(canonical, "{\"assets\":[{\"bus\":", 18) == 0, "%.20s", canonical);
    dt_eq(dura_register_parse(canonical, m, NULL, &b, NULL), DURA_OK, "sorted and without blanks");
    dt_eq(dura_register_query(a, &x), DURA_OK, "");
    dt_eq(dura_register_query(b, &y), DURA_OK, "");
    dt_mem(x.digest, y.digest, 32, "");
    dt_eq(x.entries * 1000000 + x.assets * 10000 + x.controls * 100 + x.edges, 5090809, "");
    dt_eq(dura_register_query(NULL, &x), DURA_EINVAL, "");
    dura_register_deinit(b);
    dura_register_free(canonical);
    canonical = changed("complete.json", "\"tolerable\": 3", "\"tolerable\": 4");
    dt_eq(dura_register_parse(canonical, strlen(canonical), NULL, &b, NULL), DURA_OK, "");
    dt_eq(dura_register_query(b, &y), DURA_OK, "");
    dt_ok(memcmp(x.digest, y.digest, 32) != 0, "another figure, another digest");
    free(canonical);
    free(p);
    dura_json_deinit(doc);
    dura_register_deinit(a);
    dura_register_deinit(b);
}

DT_TEST(register_canonical, is_rfc_8785_for_what_registers_hold)
{
    dura_json *doc;
    char *p;
    size_t n;
    static const char plain[] = "{ \"b\":[1, 0,true , null],\"a\":{\"\\u0062\":\"\\u00e9\\/\\\"\"} ,\"B\":\"\"}";
    static const char wanted[] = "{\"B\":\"\",\"a\":{\"b\":\"\xc3\xa9/\\\"\"},\"b\":[1,0,true,null]}";
    dt_eq(dura_json_parse(plain, sizeof plain - 1, NULL, &doc, NULL), DURA_OK, "");
    dt_eq(dura_register_canonical(doc, DURA_JSON_ROOT, &p, &n), DURA_OK, "");
    dt_str(p, wanted, "");
    dura_register_free(p);
    dura_json_deinit(doc);
    dt_eq(dura_json_parse("[1.5]", 5, NULL, &doc, NULL), DURA_OK, "");
    dt_eq(dura_register_canonical(doc, DURA_JSON_ROOT, &p, &n), DURA_EINVAL, "");
    dt_eq(dura_register_canonical(doc, 99, &p, &n), DURA_EINVAL, "");
    dura_json_deinit(doc);
}

/* ---- packing ------------------------------------------------------------------------------------ */

DT_TEST(register_pack, is_the_same_each_time_and_no_byte_of_it_may_change)
{
    dura_register *r = example("complete.json");
    dura_register_info info = DURA_REGISTER_INFO_INIT;
    void *p, *q;
    uint8_t *bytes;
    const char *name;
    size_t n, m;
    dt_eq(dura_register_pack(r, &p, &n), DURA_OK, "");
    dt_eq(dura_register_pack(r, &q, &m), DURA_OK, "");
    dt_eq(n, m, "");
    dt_mem(p, q, n, "");
    dt_eq(dura_register_image_check(p, n, &info), DURA_OK, "");
    dt_eq(info.entries, 5, "");
    dt_eq(info.controls, 8, "");
    dt_eq(dura_register_image_name(p, n, DURA_REGISTER_RISK, 3, &name), DURA_OK, "");
    dt_str(name, "R-03", "");
    dt_eq(dura_register_image_name(p, n, DURA_REGISTER_CONTROL, 8, &name), DURA_OK, "");
    dt_str(name, "K-ANCHOR", "");
    dt_eq(dura_register_image_name(p, n, DURA_REGISTER_CONTROL, 9, &name), DURA_ENOENT, "");
    dt_eq(dura_register_image_name(p, n, DURA_REGISTER_RISK, 0, &name), DURA_ENOENT, "");
    dt_eq(dura_register_image_name(p, n, 3, 1, &name), DURA_ENOENT, "");
    bytes = p;
    for (size_t i = 0; i < n; i++) {
        bytes[i] ^= 0x10;
        dt_ok(dura_register_image_check(p, n, NULL) < 0, "byte %zu", i);
        bytes[i] ^= 0x10;
    }
    for (size_t i = 0; i < n; i++) {
        uint8_t *exact = malloc(i + 1);
        memcpy(exact, p, i);
        dt_ok(dura_register_image_check(exact, i, NULL) < 0, "cut at %zu", i);
        free(exact);
    }
    dt_eq(dura_register_image_check(NULL, 0, NULL), DURA_EINVAL, "");
    dt_eq(dura_register_pack(NULL, &q, &m), DURA_EINVAL, "");
    dura_register_free(p);
    dura_register_free(q);
    dura_register_deinit(r);
}

/* ---- finding -------------------------------------------------------------------------------------- */

DT_TEST(register_check, finds_each_rule_where_it_is_broken)
{
    static const struct row {
        const char *from, *to;
        uint8_t rule;
        const char *subject, *text;
    } rows[] = {
        {"\"aia\": [\"AIA-3\"], \"hazards\": [\"H-4\"]", "\"hazards\": [\"H-4\"]", 1, "R-01:ai", "no AI side"},
        {"\"aia\": [\"AIA-3\"], \"hazards\": [\"H-4\"]", "\"aia\": [\"AIA-3\"]", 1, "R-01:ot", "no OT side"},
        {"\"42001\": [\"A.6.2.5\"]", "\"42001\": []", 2, "R-03:42001", "nothing of the AI"},
        {"\"sl_t\": 3, \"sl_c\": 3}], \"42001\": [\"A.6.2.5\"]", "\"sl_t\": 3, \"sl_c\": 2}], \"42001\": [\"A.6.2.5\"]", 3,
         "R-03:EDR 3.10", "the component has 2"},
        {"\"CR 3.6\", \"fr\": \"SI\", \"sl_t\": 3", "\"CR 3.6\", \"fr\": \"SI\", \"sl_t\": 2", 3, "R-01:CR 3.6", "demands SI 3"},
        {"[\"K-GATE\"]", "[]", 4, "R-03", "bound to no control"},
        {"[\"K-GATE\"]", "[]", 4, "K-GATE", "bound to no entry"},
        {"[\"K-GATE\"]", "[]", 7, "R-03", "from 4 to 3"},
        {"\"residual\": {\"likelihood\": 1, \"severity\": 4}", "\"residual\": {\"likelihood\": 3, \"severity\": 4}", 6, "R-01",
         "nobody has accepted"},
        {"\"on\": [\"S-P1\", \"S-P2\", \"S-T1\"]", "\"on\": [\"S-P1\", \"S-P2\"]", 8, "S-T1", "nothing checks it"},
        {"\"cause\": \"drift\"", "\"cause\": \"misuse\"", 9, "M-VALVE:drift", "no entry"},
        {"\"conduits\": [\"C-UPDATE\"]", "\"conduits\": []", 10, "C-UPDATE", "nobody has assessed"},
        {"[\"S-P1\", \"D-TRAIN\", \"M-VALVE\", \"L-DEC\"]", "[\"S-P1\", \"D-TRAIN\", \"M-VALVE\"]", 11, "L-DEC", "log"},
        {"\"reviewed\": \"2026-04-01\"", "\"reviewed\": \"2026-03-01\"", 12, "R-01", "newer than the last review"},
        {"[\"K-VOTE\", \"K-PHYSICS\", \"K-GUARD\"]", "[\"K-RANGE\", \"K-GUARD\"]", 13, "R-01", "stays in range"},
        {", \"delay_s\": 14400", "", 13, "R-02", "how late"},
        {"\"reacts_ms\": 50", "\"reacts_ms\": 501", 13, "R-04", "within 500 ms"},
        {"\"part\": \"ceramic 40 bar\", \"bus\": \"loop 2\"", "\"part\": \"x\", \"bus\": \"loop 1\"", 15, "A-V1", "share the bus loop 1"},
        {"\"2099-12-31\"", "\"2026-11-22\"", 18, "M-VALVE>L-DEC:drift", "ended on 2026-11-22"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char *p = changed("complete.json", rows[i].from, rows[i].to);
        dura_findings f = DURA_FINDINGS_INIT;
        int found = rows[i].rule == 0;
        check_text(p, &f);
        for (uint32_t k = 0; k < f.count; k++) {
            const dura_finding *x = &f.finding[k];
            if (x->rule == rows[i].rule && strcmp(x->subject, rows[i].subject) == 0) {
                found = 1;
                dt_ok(strstr(x->text, rows[i].text), "row %zu: %s", i, x->text);
            }
            dt_ok(x->fix[0] && x->path[0], "row %zu", i);
        }
        dt_ok(found, "row %zu: B%u %s", i, rows[i].rule, rows[i].subject);
        dura_register_free(f.memory);
    }
}

DT_TEST(register_check, honours_waivers_that_hold_and_lists_them_first)
{
    char *p = changed("gaps.json", "\"waivers\": []",
                      "\"waivers\": [{\"rule\": \"B11\", \"where\": \"L-DEC\", \"reason\": \"r\", \"who\": \"w\", \"until\": \"2026-11-23\"},"
                      "{\"rule\": \"B11\", \"where\": \"D-TRAIN\", \"reason\": \"r\", \"who\": \"w\", \"until\": \"2026-11-22\"},"
                      "{\"rule\": \"boundary\", \"where\": \"H-OP>A-V1:drift\", \"reason\": \"r\", \"who\": \"w\", \"until\": \"2026-11-23\"}]");
    dura_findings f = DURA_FINDINGS_INIT;
    check_text(p, &f);
    dt_eq(f.waived, 1, "");
    dt_ok(f.finding[0].waived && f.finding[0].rule == 11 && strcmp(f.finding[0].subject, "L-DEC") == 0, "");
    dt_str(f.finding[0].waiver, "w, until 2026-11-23: r", "");
    dt_eq(f.finding[f.count - 1].rule, 18, "the one that has ended is a finding itself");
    for (uint32_t i = 2; i < f.count; i++)
        dt_ok(f.finding[i].rule >= f.finding[i - 1].rule, "in order");
    dt_eq(f.cells, 24, "");
    dt_eq(f.covered, 8, "");
    dt_eq(f.not_applicable, 1, "");
    dt_eq(f.holes, 16, "");
    dt_eq(f.open + f.waived, f.count, "");
    dura_register_free(f.memory);
}

DT_TEST(register_check, refuses_evidence_it_cannot_believe)
{
    static const struct row {
        const char *text;
        int code;
        const char *said;
    } rows[] = {
        {"{\"dura_evidence\":1,\"period_s\":9,\"controls\":[{\"control\":\"K-NO\",\"armed_s\":1,\"drilled\":0,\"caught\":0}]}",
         DURA_ENOENT, "no control"},
        {"{\"dura_evidence\":1,\"period_s\":9,\"controls\":[{\"control\":\"K-DRIFT\",\"armed_s\":10,\"drilled\":0,\"caught\":0}]}",
         DURA_EINVAL, ""},
        {"{\"dura_evidence\":1,\"period_s\":9,\"controls\":[{\"control\":\"K-DRIFT\",\"armed_s\":1,\"drilled\":1,\"caught\":2}]}",
         DURA_EINVAL, "more drills"},
        {"{\"dura_evidence\":1,\"period_s\":9,\"controls\":[],\"hooks\":[\"no.hook\"]}", DURA_EINVAL, ""},
        {"{\"dura_evidence\":1,\"period_s\":9,\"controls\":[],\"assessments\":[{\"id\":\"AIA-9\",\"sha256\":"
         "\"0000000000000000000000000000000000000000000000000000000000000000\"}]}", DURA_ENOENT, "no impact assessment"},
        {"{\"dura_evidence\":1,\"period_s\":9,\"controls\":[],\"register\":"
         "\"0000000000000000000000000000000000000000000000000000000000000000\"}", DURA_EAUTH, "another register"},
        {"{\"dura_evidence\":1,\"period_s\":9}", DURA_EINVAL, ""},
        {"{\"dura_evidence\":1,\"period_s\":9,\"controls\":[],\"more\":1}", DURA_EINVAL, "more"},
    };
    dura_register *r = example("complete.json");
    dura_register_options o = DURA_REGISTER_OPTIONS_INIT;
    dura_findings f = DURA_FINDINGS_INIT;
    dura_error err = {0};
    dt_eq(dura_register_check(r, &o, &f, &err), DURA_EINVAL, "no day");
    o.today = TODAY;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        dura_json *doc;
        dt_eq(dura_json_parse(rows[i].text, strlen(rows[i].text), "e.json", &doc, &err), DURA_OK, "row %zu %s", i, err.text);
        o.evidence = doc;
        dt_eq(dura_register_check(r, &o, &f, &err), rows[i].code, "row %zu: %s", i, err.text);
        dt_ok(strstr(err.text, rows[i].said) && f.memory == NULL, "row %zu: %s", i, err.text);
        dura_json_deinit(doc);
    }
    dura_register_deinit(r);
}

DT_TEST(register_hooks, are_those_of_the_catalogue_and_close_no_more_than_it_counts)
{
    const dura_catalog *c = dura_catalog_find("dura");
    uint32_t n = 0;
    for (; durai_reg_hook_names[n]; n++) {
        const dura_catalog_item *item = dura_catalog_item_find(c, durai_reg_hook_names[n]);
        dt_ok(item && item->kind == DURA_CATALOG_HOOK, "%s", durai_reg_hook_names[n]);
        dt_str(durai_reg_hooks[n].name, durai_reg_hook_names[n], "");
        dt_eq(((uint32_t)durai_reg_hooks[n].causes << 1) & ~(uint32_t)item->causes, 0, "%s", item->id);
    }
    dt_eq(n, c->items, "the catalogue has no other");
}

/* ---- views ------------------------------------------------------------------------------------------ */

static dura_json *view_of(const dura_register *r, int view, const char *entry)
{
    dura_json *doc;
    dura_error err = {0};
    char *p;
    dt_eq(dura_register_show(r, view, entry, &p, &err), DURA_OK, "%s", err.text);
    dt_eq(dura_json_parse(p, strlen(p), "view", &doc, &err), DURA_OK, "%s", err.text);
    dura_register_free(p);
    return doc;
}

static void same_register(const dura_register *r, const char *text)
{
    dura_register *again;
    dura_register_info a = DURA_REGISTER_INFO_INIT, b = DURA_REGISTER_INFO_INIT;
    dt_eq(dura_register_parse(text, strlen(text), NULL, &again, NULL), DURA_OK, "");
    dt_eq(dura_register_query(r, &a), DURA_OK, "");
    dt_eq(dura_register_query(again, &b), DURA_OK, "");
    dt_mem(a.digest, b.digest, 32, "");
    dura_register_deinit(again);
}

DT_TEST(register_apply, gives_the_same_register_when_a_view_comes_back_as_it_was)
{
    static const char *const names[] = {"complete.json", "gaps.json"};
    for (int i = 0; i < 2; i++) {
        dura_register *r = example(names[i]);
        for (int view = DURA_REGISTER_62443; view <= DURA_REGISTER_42001; view++)
            for (int all = 0; all < 2; all++) {
                dura_json *doc = view_of(r, view, all ? NULL : "R-02");
                char *text;
                dt_eq(dura_register_apply(r, doc, &text, NULL), DURA_OK, "");
                same_register(r, text);
                dura_register_free(text);
                dura_json_deinit(doc);
            }
        dura_register_deinit(r);
    }
}

DT_TEST(register_apply, refuses_what_is_no_view_of_this_register)
{
    static const struct row {
        const char *from, *to;
        int code;
    } rows[] = {
        {"\"cause\": \"drift\"", "\"cause\": \"drift\", \"law\": []", DURA_EINVAL},     /* of the other side */
        {"\"R-02\"", "\"R-99\"", DURA_ENOENT},
        {"\"K-DRIFT\"", "\"K-NONE\"", DURA_ENOENT},
        {"\"title\": ", "\"tittle\": ", DURA_EINVAL},
        {"\"62443\",", "\"62444\",", DURA_EINVAL},
        {"\"cause\": \"drift\",", "", DURA_EINVAL},                                   /* a required member is gone */
        {"\"register\": \"", "\"register\": \"00", DURA_EINVAL},
    };
    dura_register *r = example("complete.json"), *other = example("gaps.json");
    dura_error err = {0};
    dura_json *doc;
    char *view, *text;
    dt_eq(dura_register_show(r, DURA_REGISTER_62443, "R-02", &view, &err), DURA_OK, "");
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char *at = strstr(view, rows[i].from), edited[8192];
        dt_ok(at != NULL, "row %zu", i);
        snprintf(edited, sizeof edited, "%.*s%s%s", (int)(at - view), view, rows[i].to, at + strlen(rows[i].from));
        dt_eq(dura_json_parse(edited, strlen(edited), "view", &doc, &err), DURA_OK, "row %zu: %s", i, err.text);
        dt_eq(dura_register_apply(r, doc, &text, &err), rows[i].code, "row %zu: %s: %s", i, err.field, err.text);
        dt_ok(text == NULL, "row %zu", i);
        dura_json_deinit(doc);
    }
    dt_eq(dura_json_parse(view, strlen(view), "view", &doc, &err), DURA_OK, "");
    dt_eq(dura_register_apply(other, doc, &text, &err), DURA_EAUTH, "%s", err.text);
    dura_json_deinit(doc);
    dura_register_free(view);
    dt_eq(dura_register_show(r, 3, NULL, &view, &err), DURA_EINVAL, "");
    dt_eq(dura_register_show(r, DURA_REGISTER_42001, "R-9", &view, &err), DURA_ENOENT, "");
    dura_register_deinit(r);
    dura_register_deinit(other);
}

DT_TEST(register_draft, covers_nothing_and_says_what_is_wrong_with_the_product)
{
    static const struct row {
        const char *from, *to;
        int code;
        const char *field, *text;
    } rows[] = {
        {"\"class\": \"machinery\", ", "", DURA_EINVAL, "product", "class is missing"},
        {"\"safety_component\": true, ", "", DURA_EINVAL, "product", "endanger people"},
        {"[\"U-MODEL\", \"M-VALVE\"]", "[\"U-MODEL\", \"M-NONE\"]", DURA_ENOENT, "flows[2][1]", "no asset"},
        {"[\"U-MODEL\", \"M-VALVE\"]", "[\"U-MODEL\"]", DURA_EINVAL, "flows[2]", ""},
        {"\"kind\": \"log\"", "\"kind\": \"logg\"", DURA_EINVAL, "assets[5].kind", "log"},
        {"\"zone\": \"Z-OPS\"", "\"zone\": \"Z-NO\"", DURA_ENOENT, "assets[5].zone", "no zone"},
        {"\"id\": \"S-P1\"", "\"id\": \"S\\\"P\"", DURA_EINVAL, "assets[0].id", "letters"},
        {"\"sl_t\": 3", "\"sl_t\": 5", DURA_EINVAL, "zones[0].sl_t", ""},
        {"\"owner\": \"both\"", "\"owner\": \"all\"", DURA_EINVAL, "assets[5].owner", ""},
        {"\"flows\"", "\"flow\"", DURA_EINVAL, "flow", "flows"},
    };
    dura_error err = {0};
    dura_json *doc;
    char *text;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char *p = changed("product.json", rows[i].from, rows[i].to);
        dt_eq(dura_json_parse(p, strlen(p), "product.json", &doc, &err), DURA_OK, "row %zu: %s", i, err.text);
        dt_eq(dura_register_draft(doc, 1, &text, &err), rows[i].code, "row %zu: %s: %s", i, err.field, err.text);
        dt_ok(text == NULL && strstr(err.field, rows[i].field) && strstr(err.text, rows[i].text), "row %zu: %s: %s", i,
              err.field, err.text);
        dura_json_deinit(doc);
        free(p);
    }
    size_t n;
    char *p = slurp("product.json", &n);
    dura_findings f = DURA_FINDINGS_INIT;
    dt_eq(dura_json_parse(p, n, NULL, &doc, &err), DURA_OK, "");
    dt_eq(dura_register_draft(doc, 1, &text, &err), DURA_OK, "%s", err.text);
    check_text(text, &f);
    dt_eq(f.cells, 18, "");
    dt_eq(f.covered, 0, "drafts cover nothing");
    dura_register_free(f.memory);
    dura_json_deinit(doc);
    free(p);
}

/* ---- 500 entries ------------------------------------------------------------------------------------ */

/* n copies of the complete example's objects under other ids, in one register. */
static char *many(uint32_t n)
{
    size_t cap = (size_t)n * 8192, at = 0, len;
    char *out = malloc(cap), *p = slurp("complete.json", &len);
    static const char *const lists[] = {"\"zones\"", "\"conduits\"", "\"assets\"", "\"impact_assessments\"", "\"hazards\"",
                                        "\"entries\"", "\"controls\"", "\"waivers\""};
    static const char *const ids[] = {"Z-", "C-", "S-", "M-", "A-V", "D-", "U-", "L-", "H-", "AIA-", "R-", "K-", NULL};
    char *head = strstr(p, lists[0]);
    at = (size_t)sprintf(out, "%.*s", (int)(head - p), p);
    for (size_t l = 0; l < sizeof lists / sizeof *lists; l++) {
        char *from = strstr(p, lists[l]), *begin = strstr(from, "[\n") + 2, *end = strstr(begin, "\n ]");
        at += (size_t)sprintf(out + at, "%s%s: [", l ? ", " : "", lists[l]);
        for (uint32_t k = 0; k < n; k++) {
            at += (size_t)sprintf(out + at, "%s", k ? "," : "");
            for (char *c = begin; c < end; c++) {
                out[at++] = *c;
                for (int i = 0; (*c == '"' || *c == '>') && ids[i]; i++)
                    if (strncmp(c + 1, ids[i], strlen(ids[i])) == 0 && strncmp(c + 1, "A-V1 ", 5) != 0) {
                        at += (size_t)sprintf(out + at, "%.*s%u.", (int)strlen(ids[i]), ids[i], (unsigned)k);
                        c += strlen(ids[i]);
                        break;
                    }
            }
            dt_ok(at + 8192 < cap || k + 8 > n, "room");
        }
        at += (size_t)sprintf(out + at, "]");
    }
    sprintf(out + at, "}");
    free(p);
    return out;
}

DT_TEST(register_check, takes_five_hundred_entries_in_one_go)
{
    struct timespec a, b, c;
    dura_register *r;
    dura_register_info info = DURA_REGISTER_INFO_INIT;
    dura_register_options o = DURA_REGISTER_OPTIONS_INIT;
    dura_findings f = DURA_FINDINGS_INIT;
    dura_error err = {0};
    char *p = many(100);
    clock_gettime(CLOCK_MONOTONIC, &a);
    dt_eq(dura_register_parse(p, strlen(p), NULL, &r, &err), DURA_OK, "%s %s", err.field, err.text);
    clock_gettime(CLOCK_MONOTONIC, &b);
    o.today = TODAY;
    dt_eq(dura_register_check(r, &o, &f, &err), DURA_OK, "%s", err.text);
    clock_gettime(CLOCK_MONOTONIC, &c);
    dt_eq(dura_register_query(r, &info), DURA_OK, "");
    dt_eq(info.entries, 500, "");
    dt_eq(f.count + f.holes, 0, "%s", f.count ? f.finding[0].text : "");
    printf("500 entries, %zu bytes: read %.1f ms, checked %.1f ms\n", strlen(p),
           1e3 * (double)(b.tv_sec - a.tv_sec) + 1e-6 * (double)(b.tv_nsec - a.tv_nsec),
           1e3 * (double)(c.tv_sec - b.tv_sec) + 1e-6 * (double)(c.tv_nsec - b.tv_nsec));
    dura_register_free(f.memory);
    dura_register_deinit(r);
    free(p);
}
