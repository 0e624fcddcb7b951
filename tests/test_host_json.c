/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Strict JSON: what lenient parsers let through is refused here with its line and path,
 * what RFC 8259 allows is read. The refused rows are the pitfalls of parser confusion:
 * two readers of one file must never see two policies.
 */
#include "dt.h"

#include <dura/host/json.h>
#include <locale.h>
#include <unistd.h>

/* A text that may hold zero bytes. */
#define TEXT(s) (s), sizeof(s) - 1

static int parse(const char *text, size_t len, dura_json **out, dura_error *err)
{
    memset(err, 0xAA, sizeof *err);
    return dura_json_parse(text, len, "p.json", out, err);
}

/* The sentence, short enough for a message. */
static const char *said(const dura_error *e)
{
    static char text[160];
    snprintf(text, sizeof text, "%.150s", e->text);
    return text;
}

/* Parse what must be fine. */
static dura_json *doc_of(const char *text)
{
    dura_json *d = NULL;
    dura_error e;
    int rc = parse(text, strlen(text), &d, &e);
    dt_eq(rc, DURA_OK, "%s: %s", text, said(&e));
    return d;
}

/* ---- refused ------------------------------------------------------------------------ */

typedef struct bad_row {
    const char *row;
    const char *text;
    size_t len;
    int rc;
    uint32_t line;
    const char *field;
    const char *said;    /* must be in the sentence */
} bad_row;

static void refuse_all(const bad_row *rows, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const bad_row *r = &rows[i];
        dura_json *d = (dura_json *)1;
        dura_error e;
        dt_eq(parse(r->text, r->len, &d, &e), r->rc, "row %s: %s", r->row, said(&e));
        dt_ok(d == NULL, "row %s leaves a document", r->row);
        dt_eq(e.code, r->rc, "row %s", r->row);
        dt_eq(e.line, r->line, "row %s: %s", r->row, said(&e));
        dt_str(e.field, r->field, "row %s: %s", r->row, said(&e));
        dt_str(e.file, "p.json", "row %s", r->row);
        dt_ok(strstr(e.text, r->said) != NULL, "row %s says \"%s\"", r->row, said(&e));
        dt_ok(strchr(e.text, '\n') == NULL, "row %s", r->row);
    }
}
#define REFUSE(rows) refuse_all(rows, sizeof(rows) / sizeof(rows)[0])

DT_TEST(json_parse, refuses_a_member_given_twice_at_any_depth_and_in_any_spelling)
{
    static const bad_row rows[] = {
        {"same", TEXT("{\"a\":1,\n\"a\":2}"), DURA_ESYNTAX, 2, "a", "twice"},
        {"same value", TEXT("{\"a\":1,\"a\":1}"), DURA_ESYNTAX, 1, "a", "twice"},
        {"not neighbours", TEXT("{\"a\":1,\n\"b\":1,\n\"c\":1,\n\"a\":1}"), DURA_ESYNTAX, 4, "a", "twice"},
        {"escaped", TEXT("{\"mode\":1,\n\"m\\u006fde\":2}"), DURA_ESYNTAX, 2, "m\\u006fde", "\"mode\""},
        {"escaped slash", TEXT("{\"/\":1,\"\\/\":2}"), DURA_ESYNTAX, 1, "\\/", "twice"},
        {"astral", TEXT("{\"\xF0\x9D\x84\x9E\":1,\"\\uD834\\uDD1E\":2}"), DURA_ESYNTAX, 1, "\\uD834\\uDD1E", "twice"},
        {"empty name", TEXT("{\"\":1,\n\"\":2}"), DURA_ESYNTAX, 2, "", "twice"},
        {"nested", TEXT("{\"x\":[0,{\"y\":{\"k\":1,\n\"k\":2}}]}"), DURA_ESYNTAX, 2, "x[1].y.k", "twice"},
        {"first of two", TEXT("{\"b\":1,\"a\":1,\n\"b\":2,\n\"a\":2}"), DURA_ESYNTAX, 2, "b", "twice"},
    };
    REFUSE(rows);
}

DT_TEST(json_parse, refuses_what_stands_behind_the_value)
{
    static const bad_row rows[] = {
        {"word", TEXT("{}\n\nx"), DURA_ESYNTAX, 3, "", "end of the text"},
        {"second object", TEXT("{\"a\":1}{\"a\":2}"), DURA_ESYNTAX, 1, "", "end of the text"},
        {"comma", TEXT("[],"), DURA_ESYNTAX, 1, "", "end of the text"},
        {"closing", TEXT("{}}"), DURA_ESYNTAX, 1, "", "end of the text"},
        {"NUL", TEXT("{}\0"), DURA_ESYNTAX, 1, "", "0x00"},
        {"NUL and more", TEXT("{}\0{\"mode\":1}"), DURA_ESYNTAX, 1, "", "0x00"},
        {"comment", TEXT("{}//x"), DURA_ESYNTAX, 1, "", "end of the text"},
        {"number", TEXT("1 2"), DURA_ESYNTAX, 1, "", "end of the text"},
    };
    REFUSE(rows);
}

DT_TEST(json_parse, refuses_numbers_that_are_not_exactly_what_is_written)
{
    static const bad_row rows[] = {
        {"2^53", TEXT("{\"n\":\n9007199254740992}"), DURA_ESYNTAX, 2, "n", "decimal string"},
        {"2^53+1", TEXT("{\"n\":9007199254740993}"), DURA_ESYNTAX, 1, "n", "decimal string"},
        {"-2^53", TEXT("{\"n\":-9007199254740992}"), DURA_ESYNTAX, 1, "n", "decimal string"},
        {"u64", TEXT("[18446744073709551615]"), DURA_ESYNTAX, 1, "[0]", "decimal string"},
        {"long", TEXT("[123456789012345678901234567890123456789012345678901234567890]"), DURA_ESYNTAX, 1, "[0]",
         "decimal string"},
        {"long fraction", TEXT("[0.00000000000000000000000000000000000000000000001]"), DURA_ELIMIT, 1, "[0]", "48"},
        {"overflow", TEXT("[0,1e309]"), DURA_ESYNTAX, 1, "[1]", "too large"},
        {"negative overflow", TEXT("[-1e309]"), DURA_ESYNTAX, 1, "[0]", "too large"},
        {"huge exponent", TEXT("[1e99999999999]"), DURA_ESYNTAX, 1, "[0]", "too large"},
        {"underflow", TEXT("[1e-400]"), DURA_ESYNTAX, 1, "[0]", "too small"},
        {"NaN", TEXT("[NaN]"), DURA_ESYNTAX, 1, "[0]", "NaN"},
        {"Infinity", TEXT("[Infinity]"), DURA_ESYNTAX, 1, "[0]", "Infinity"},
        {"-Infinity", TEXT("[-Infinity]"), DURA_ESYNTAX, 1, "[0]", "digit"},
        {"nan", TEXT("[nan]"), DURA_ESYNTAX, 1, "[0]", "value"},
        {"plus", TEXT("[+1]"), DURA_ESYNTAX, 1, "[0]", "plus"},
        {"leading zero", TEXT("[01]"), DURA_ESYNTAX, 1, "[0]", "leading zero"},
        {"minus leading zero", TEXT("[-01]"), DURA_ESYNTAX, 1, "[0]", "leading zero"},
        {"no integer part", TEXT("[.5]"), DURA_ESYNTAX, 1, "[0]", "value"},
        {"no fraction", TEXT("[1.]"), DURA_ESYNTAX, 1, "[0]", "decimal point"},
        {"no exponent", TEXT("[1e]"), DURA_ESYNTAX, 1, "[0]", "exponent"},
        {"no exponent digits", TEXT("[1e+]"), DURA_ESYNTAX, 1, "[0]", "exponent"},
        {"minus alone", TEXT("[-]"), DURA_ESYNTAX, 1, "[0]", "digit"},
        {"hex", TEXT("[0x10]"), DURA_ESYNTAX, 1, "", "','"},
        {"comma as point", TEXT("{\"a\":1,5}"), DURA_ESYNTAX, 1, "", "name"},
    };
    REFUSE(rows);
}

DT_TEST(json_parse, refuses_strings_that_two_readers_read_differently)
{
    static const bad_row rows[] = {
        {"NUL escape", TEXT("{\"a\":\n\"x\\u0000y\"}"), DURA_ESYNTAX, 2, "a", "\\u0000"},
        {"NUL escape in a name", TEXT("{\"a\\u0000b\":1}"), DURA_ESYNTAX, 1, "", "\\u0000"},
        {"NUL", TEXT("[\"a\0b\"]"), DURA_ESYNTAX, 1, "[0]", "0x00"},
        {"newline", TEXT("[\"a\nb\"]"), DURA_ESYNTAX, 1, "[0]", "0x0A"},
        {"tab", TEXT("[\"\t\"]"), DURA_ESYNTAX, 1, "[0]", "0x09"},
        {"high alone", TEXT("[\"\\uD834\"]"), DURA_ESYNTAX, 1, "[0]", "surrogate"},
        {"high then text", TEXT("[\"\\uD834xxxxxx\"]"), DURA_ESYNTAX, 1, "[0]", "surrogate"},
        {"high high", TEXT("[\"\\uD834\\uD834\"]"), DURA_ESYNTAX, 1, "[0]", "surrogate"},
        {"low alone", TEXT("[\"\\uDD1E\"]"), DURA_ESYNTAX, 1, "[0]", "surrogate"},
        {"short escape", TEXT("[\"\\u12\"]"), DURA_ESYNTAX, 1, "[0]", "four hex"},
        {"unknown escape", TEXT("[\"\\x41\"]"), DURA_ESYNTAX, 1, "[0]", "backslash"},
        {"NUL behind a backslash", TEXT("[\"\\\0\"]"), DURA_ESYNTAX, 1, "[0]", "backslash"},
        {"escape at the end", TEXT("[\"\\"), DURA_ESYNTAX, 1, "[0]", "ends"},
        {"unicode escape at the end", TEXT("[\"\\u00"), DURA_ESYNTAX, 1, "[0]", "four hex"},
        {"never closed", TEXT("\n[\"a"), DURA_ESYNTAX, 2, "[0]", "never ends"},
        {"single quotes", TEXT("['a']"), DURA_ESYNTAX, 1, "[0]", "'''"},
        {"lone continuation", TEXT("[\"\x80\"]"), DURA_ESYNTAX, 1, "[0]", "UTF-8"},
        {"overlong slash", TEXT("[\"\xC0\xAF\"]"), DURA_ESYNTAX, 1, "[0]", "UTF-8"},
        {"overlong three", TEXT("[\"\xE0\x80\xAF\"]"), DURA_ESYNTAX, 1, "[0]", "UTF-8"},
        {"overlong four", TEXT("[\"\xF0\x80\x80\xAF\"]"), DURA_ESYNTAX, 1, "[0]", "UTF-8"},
        {"surrogate", TEXT("[\"\xED\xA0\x80\"]"), DURA_ESYNTAX, 1, "[0]", "UTF-8"},
        {"above U+10FFFF", TEXT("[\"\xF4\x90\x80\x80\"]"), DURA_ESYNTAX, 1, "[0]", "UTF-8"},
        {"five bytes", TEXT("[\"\xF8\x88\x80\x80\x80\"]"), DURA_ESYNTAX, 1, "[0]", "UTF-8"},
        {"cut by the quote", TEXT("[\"\xC3\"]"), DURA_ESYNTAX, 1, "[0]", "UTF-8"},
        {"cut by the end", TEXT("[\"\xE2\x82"), DURA_ESYNTAX, 1, "[0]", "UTF-8"},
        {"Latin-1", TEXT("{\"unit\":\"\xB0"
                         "C\"}"), DURA_ESYNTAX, 1, "unit", "UTF-8"},
        {"byte order mark", TEXT("\xEF\xBB\xBF{}"), DURA_ESYNTAX, 1, "", "byte order mark"},
        {"UTF-16", TEXT("{\0}\0"), DURA_ESYNTAX, 1, "", "0x00"},
    };
    REFUSE(rows);
}

DT_TEST(json_parse, refuses_what_is_not_the_grammar)
{
    static const bad_row rows[] = {
        {"empty", TEXT(""), DURA_ESYNTAX, 1, "", "ends"},
        {"white space only", TEXT(" \n "), DURA_ESYNTAX, 2, "", "ends"},
        {"trailing comma in a list", TEXT("[1,\n]"), DURA_ESYNTAX, 2, "[1]", "']'"},
        {"trailing comma in an object", TEXT("{\"a\":1,\n}"), DURA_ESYNTAX, 2, "", "'}'"},
        {"leading comma", TEXT("[,1]"), DURA_ESYNTAX, 1, "[0]", "value"},
        {"missing comma", TEXT("{\"a\":{\"b\":1\n\"c\":2}}"), DURA_ESYNTAX, 2, "a", "','"},
        {"missing colon", TEXT("{\"a\" 1}"), DURA_ESYNTAX, 1, "", "':'"},
        {"missing value", TEXT("{\"a\":}"), DURA_ESYNTAX, 1, "a", "value"},
        {"name without quotes", TEXT("{a:1}"), DURA_ESYNTAX, 1, "", "name"},
        {"name is a number", TEXT("{1:1}"), DURA_ESYNTAX, 1, "", "name"},
        {"mismatched ends", TEXT("[{\"a\":1]]"), DURA_ESYNTAX, 1, "[0]", "'}'"},
        {"open list", TEXT("[1"), DURA_ESYNTAX, 1, "", "ends"},
        {"open object", TEXT("{\"a\":1,"), DURA_ESYNTAX, 1, "", "ends"},
        {"True", TEXT("[True]"), DURA_ESYNTAX, 1, "[0]", "value"},
        {"tru", TEXT("[tru"), DURA_ESYNTAX, 1, "[0]", "value"},
        {"comment", TEXT("[/*x*/1]"), DURA_ESYNTAX, 1, "[0]", "value"},
        {"form feed", TEXT("[\f1]"), DURA_ESYNTAX, 1, "[0]", "0x0C"},
        {"no-break space", TEXT("[\xC2\xA0]"), DURA_ESYNTAX, 1, "[0]", "0xC2"},
        {"deep path", TEXT("{\"channels\":[0,1,{\"fail_hi\":\n?}]}"), DURA_ESYNTAX, 2, "channels[2].fail_hi", "value"},
    };
    REFUSE(rows);
}

DT_TEST(json_parse, takes_what_the_grammar_allows)
{
    static const char *const rows[] = {
        "{}", "[]", "null", "true", "false", "0", "-0", "\"\"", " \t\r\n[ ] \n", "[1,2,[3,{}]]",
        "9007199254740991", "-9007199254740991", "1e308", "4.9e-324", "0e99", "0.0e-400", "-1.5E+2",
        "\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u00e9\\uD834\\uDD1E\"", "\"\xF0\x9D\x84\x9E \xE2\x82\xAC \xC3\xA9 \x7F\"",
        "\"\xF4\x8F\xBF\xBF \xEE\x80\x80 \xED\x9F\xBF\"",
        "{\"a\":1,\"A\":2,\"a \":3,\"\":4}",      /* names differ by a byte: four members */
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        dura_json_deinit(doc_of(rows[i]));
}

/* A text of n opening brackets and as many closing ones. */
static char *brackets(size_t n, char open, char shut)
{
    char *p = malloc(2 * n + 1);
    memset(p, open, n);
    memset(p + n, shut, n);
    p[2 * n] = 0;
    return p;
}

DT_TEST(json_parse, stops_at_the_depth_it_states)
{
    static const struct { size_t depth; int rc; } rows[] = {
        {1, DURA_OK}, {DURA_JSON_DEPTH_MAX, DURA_OK}, {DURA_JSON_DEPTH_MAX + 1, DURA_ELIMIT}, {1000000, DURA_ELIMIT}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char *text = brackets(rows[i].depth, '[', ']');
        dura_json *d;
        dura_error e;
        dt_eq(parse(text, 2 * rows[i].depth, &d, &e), rows[i].rc, "depth %zu", rows[i].depth);
        if (rows[i].rc < 0)
            dt_ok(strstr(e.text, "deeper than 32") != NULL && e.line == 1, "%s", said(&e));
        dura_json_deinit(d);
        free(text);
    }
}

DT_TEST(json_parse, stops_at_the_size_it_states)
{
    char *text = malloc(DURA_JSON_BYTES_MAX + 1);
    dura_json *d;
    dura_error e;
    memset(text, ' ', DURA_JSON_BYTES_MAX + 1);
    text[0] = '0';
    dt_eq(parse(text, DURA_JSON_BYTES_MAX, &d, &e), DURA_OK, "exactly the limit");
    dura_json_deinit(d);
    dt_eq(parse(text, DURA_JSON_BYTES_MAX + 1, &d, &e), DURA_ELIMIT, "one byte more");
    dt_ok(strstr(e.text, "4194304") != NULL, "%s", said(&e));
    dt_ok(d == NULL, "");
    free(text);
}

DT_TEST(json_parse, stops_at_the_number_of_values_it_states)
{
    size_t n = 2 * (size_t)DURA_JSON_VALUES_MAX + 1, i;      /* "[0,0,...,0]": a list and its items */
    char *text = malloc(n);
    dura_json *d;
    dura_error e;
    for (i = 0; i < n; i++)
        text[i] = i % 2 ? '0' : ',';
    text[0] = '[';
    text[n - 1] = ']';
    dt_eq(parse(text, n, &d, &e), DURA_ELIMIT, "");
    dt_ok(strstr(e.text, "1048576") != NULL, "%s", said(&e));
    free(text);
}

DT_TEST(json_parse, finds_a_member_given_twice_among_very_many)
{
    size_t n = 20000, at = 0, i;
    char *text = malloc(n * 16 + 32);
    dura_json *d;
    dura_error e;
    text[at++] = '{';
    for (i = 0; i < n; i++)
        at += (size_t)sprintf(text + at, "\"k%05zu\":0,\n", i);
    at += (size_t)sprintf(text + at, "\"k00007\":1}");
    dt_eq(parse(text, at, &d, &e), DURA_ESYNTAX, "");
    dt_eq(e.line, n + 1, "");
    dt_str(e.field, "k00007", "");
    free(text);
}

DT_TEST(json_parse, refuses_null_arguments)
{
    dura_json *d;
    dura_error e;
    dt_eq(dura_json_parse(NULL, 0, "p.json", &d, &e), DURA_EINVAL, "");
    dt_eq(dura_json_parse("{}", 2, "p.json", NULL, &e), DURA_EINVAL, "");
    dt_eq(dura_json_load(NULL, &d, &e), DURA_EINVAL, "");
    dt_eq(dura_json_parse("{", 1, NULL, &d, NULL), DURA_ESYNTAX, "no error wanted, no file name");
    dura_json_deinit(NULL);
}

DT_TEST(json_parse, reads_numbers_the_same_in_every_locale)
{
    static const char *const names[] = {"de_DE.UTF-8", "de_DE.utf8", "fr_FR.UTF-8", "C"};
    double v = 0;
    dura_json *d;
    size_t i;
    for (i = 0; i < sizeof names / sizeof names[0]; i++)
        if (setlocale(LC_NUMERIC, names[i]))
            break;
    d = doc_of("[0.5, 1.5e3]");
    dt_eq(dura_json_get_f64(d, 1, &v, NULL), DURA_OK, "");
    dt_ok(v == 0.5, "locale %s", names[i]);
    dt_eq(dura_json_get_f64(d, 2, &v, NULL), DURA_OK, "");
    dt_ok(v == 1500, "locale %s", names[i]);
    dura_json_deinit(d);
    setlocale(LC_NUMERIC, "C");
}

DT_TEST(json_load, reads_a_file_and_names_it_when_it_cannot)
{
    char path[] = "/tmp/dura_json_XXXXXX";
    int fd = mkstemp(path);
    dura_json *d;
    dura_error e;
    dt_eq(write(fd, "{\"a\":\n1}", 8), 8, "");
    dt_eq(dura_json_load(path, &d, &e), DURA_OK, "");
    dt_str(dura_json_file(d), path, "");
    dt_eq(dura_json_count(d, 0), 1, "");
    dura_json_deinit(d);
    dt_eq(write(fd, "}", 1), 1, "");
    dt_eq(dura_json_load(path, &d, &e), DURA_ESYNTAX, "");
    dt_eq(e.line, 2, "");
    dt_str(e.file, path, "");
    close(fd);
    unlink(path);
    dt_eq(dura_json_load(path, &d, &e), DURA_EIO, "gone");
    dt_str(e.file, path, "");
    dt_eq(dura_json_load("/tmp", &d, &e), DURA_EIO, "a folder");
}

/* ---- walking ------------------------------------------------------------------------ */

DT_TEST(json_walk, visits_members_and_items_in_text_order)
{
    dura_json *d = doc_of("{\"b\":[10,[],{\"x\":null}],\n\"a\":{},\n\"c\":\"t\"}");
    static const int types[] = {DURA_JSON_OBJECT, DURA_JSON_ARRAY, DURA_JSON_NUMBER, DURA_JSON_ARRAY, DURA_JSON_OBJECT,
                                DURA_JSON_NULL, DURA_JSON_OBJECT, DURA_JSON_TEXT};
    static const char *const paths[] = {"", "b", "b[0]", "b[1]", "b[2]", "b[2].x", "a", "c"};
    static const uint32_t lines[] = {1, 1, 1, 1, 1, 1, 2, 3};
    static const uint32_t next[] = {DURA_JSON_NONE, 6, 3, 4, DURA_JSON_NONE, DURA_JSON_NONE, 7, DURA_JSON_NONE};
    char buf[64];
    for (uint32_t i = 0; i < 8; i++) {
        dt_eq(dura_json_type(d, i), types[i], "value %u", i);
        dt_str(dura_json_path(d, i, buf, sizeof buf), paths[i], "value %u", i);
        dt_eq(dura_json_line(d, i), lines[i], "value %u", i);
        dt_eq(dura_json_next(d, i), next[i], "value %u", i);
    }
    dt_eq(dura_json_first(d, 0), 1, "");
    dt_eq(dura_json_first(d, 3), DURA_JSON_NONE, "empty list");
    dt_eq(dura_json_first(d, 2), DURA_JSON_NONE, "a number has no items");
    dt_eq(dura_json_count(d, 1), 3, "");
    dt_str(dura_json_name(d, 6), "a", "");
    dt_str(dura_json_name(d, 2), "", "an item has no name");
    dura_json_deinit(d);
}

DT_TEST(json_walk, compares_names_byte_by_byte)
{
    dura_json *d = doc_of("{\"Mode\":1,\"mode\":2,\"m\\u00f6de\":3}");
    dt_eq(dura_json_member(d, 0, "mode"), 2, "");
    dt_eq(dura_json_member(d, 0, "MODE"), DURA_JSON_NONE, "");
    dt_eq(dura_json_member(d, 0, "mod"), DURA_JSON_NONE, "");
    dt_eq(dura_json_member(d, 0, "m\xC3\xB6" "de"), 3, "decoded name");
    dt_eq(dura_json_member(d, 1, "mode"), DURA_JSON_NONE, "not an object");
    dt_eq(dura_json_member(d, 0, NULL), DURA_JSON_NONE, "");
    dura_json_deinit(d);
}

DT_TEST(json_walk, answers_none_for_values_that_are_none)
{
    dura_json *d = doc_of("[]");
    char buf[8] = "x";
    static const uint32_t rows[] = {1, 77, DURA_JSON_NONE};
    for (size_t i = 0; i < 3; i++) {
        dt_eq(dura_json_type(d, rows[i]), 0, "");
        dt_eq(dura_json_count(d, rows[i]), 0, "");
        dt_eq(dura_json_line(d, rows[i]), 0, "");
        dt_eq(dura_json_first(d, rows[i]), DURA_JSON_NONE, "");
        dt_eq(dura_json_next(d, rows[i]), DURA_JSON_NONE, "");
        dt_str(dura_json_name(d, rows[i]), "", "");
        dt_str(dura_json_path(d, rows[i], buf, sizeof buf), "", "");
    }
    dt_eq(dura_json_type(NULL, 0), 0, "");
    dt_str(dura_json_file(NULL), "", "");
    dt_ok(dura_json_path(d, 0, buf, 0) == buf, "no room is no crash");
    dura_json_deinit(d);
}

DT_TEST(json_walk, cuts_a_long_path_at_the_front)
{
    dura_json *d = doc_of("{\"aaaaaaaaaaaaaaaaaaaa\":{\"bbbbbbbbbb\":[7]}}");
    char buf[20];
    dt_str(dura_json_path(d, 3, buf, sizeof buf), ".bbbbbbbbbb[0]", "");
    dt_str(dura_json_path(d, 3, buf, 4), "[0]", "");
    dt_str(dura_json_path(d, 3, buf, 3), "", "");
    dura_json_deinit(d);
}

/* ---- typed access -------------------------------------------------------------------- */

/* The error of a failed getter stands at member v, line 2. */
static void at_v(const dura_error *e, const char *row, const char *wanted)
{
    dt_eq(e->code, DURA_EINVAL, "row %s", row);
    dt_eq(e->line, 2, "row %s", row);
    dt_str(e->field, "v", "row %s", row);
    dt_ok(strstr(e->text, wanted) != NULL, "row %s says \"%s\"", row, said(e));
}

/* {"v": <text>} with the value on line 2. */
static dura_json *doc_v(const char *text)
{
    char buf[256];
    snprintf(buf, sizeof buf, "{\n\"v\":%s}", text);
    return doc_of(buf);
}

DT_TEST(json_get, reads_integers_in_range_only)
{
    static const struct { const char *text; int64_t lo, hi; int rc; int64_t want; } rows[] = {
        {"0", 0, 65535, DURA_OK, 0}, {"-0", 0, 1, DURA_OK, 0}, {"65535", 0, 65535, DURA_OK, 65535},
        {"65536", 0, 65535, DURA_EINVAL, 0}, {"-1", 0, 65535, DURA_EINVAL, 0}, {"-1", -1, 1, DURA_OK, -1},
        {"4294967295", 0, UINT32_MAX, DURA_OK, UINT32_MAX}, {"4294967296", 0, UINT32_MAX, DURA_EINVAL, 0},
        {"9007199254740991", 0, INT64_MAX, DURA_OK, 9007199254740991}, {"5.0", 0, 9, DURA_EINVAL, 0},
        {"1e2", 0, 999, DURA_EINVAL, 0}, {"\"5\"", 0, 9, DURA_EINVAL, 0}, {"true", 0, 9, DURA_EINVAL, 0},
        {"null", 0, 9, DURA_EINVAL, 0}, {"[5]", 0, 9, DURA_EINVAL, 0}, {"{\"a\":5}", 0, 9, DURA_EINVAL, 0}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        dura_json *d = doc_v(rows[i].text);
        dura_error e;
        int64_t v = -77;
        dt_eq(dura_json_get_int(d, 1, rows[i].lo, rows[i].hi, &v, &e), rows[i].rc, "row %s", rows[i].text);
        dt_eq(v, rows[i].rc < 0 ? -77 : rows[i].want, "row %s", rows[i].text);
        if (rows[i].rc < 0)
            at_v(&e, rows[i].text, rows[i].text);      /* the value itself is said */
        dura_json_deinit(d);
    }
}

DT_TEST(json_get, reads_64_bit_values_as_decimal_strings)
{
    static const struct { const char *text; int rc; uint64_t want; } rows[] = {
        {"\"0\"", DURA_OK, 0}, {"\"18446744073709551615\"", DURA_OK, UINT64_MAX},
        {"\"9007199254740993\"", DURA_OK, 9007199254740993u}, {"7", DURA_OK, 7},
        {"\"18446744073709551616\"", DURA_EINVAL, 0}, {"\"99999999999999999999\"", DURA_EINVAL, 0},
        {"\"\"", DURA_EINVAL, 0}, {"\"01\"", DURA_EINVAL, 0}, {"\" 1\"", DURA_EINVAL, 0}, {"\"1 \"", DURA_EINVAL, 0},
        {"\"+1\"", DURA_EINVAL, 0}, {"\"-1\"", DURA_EINVAL, 0}, {"\"0x1\"", DURA_EINVAL, 0}, {"-1", DURA_EINVAL, 0},
        {"1.0", DURA_EINVAL, 0}, {"true", DURA_EINVAL, 0}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        dura_json *d = doc_v(rows[i].text);
        dura_error e;
        uint64_t v = 1;
        dt_eq(dura_json_get_u64(d, 1, &v, &e), rows[i].rc, "row %s", rows[i].text);
        if (rows[i].rc < 0)
            at_v(&e, rows[i].text, "decimal string");
        else
            dt_ok(v == rows[i].want, "row %s", rows[i].text);
        dura_json_deinit(d);
    }
}

DT_TEST(json_get, reads_floats_that_stay_what_they_are)
{
    static const struct { const char *text; int rc; uint32_t bits; } rows[] = {
        {"0", DURA_OK, 0}, {"-0", DURA_OK, 0}, {"-0.0", DURA_OK, 0}, {"1", DURA_OK, 0x3F800000u},
        {"0.1", DURA_OK, 0x3DCCCCCDu}, {"-2.5e0", DURA_OK, 0xC0200000u}, {"16777217", DURA_OK, 0x4B800000u},
        {"3.4028234663852886e38", DURA_OK, 0x7F7FFFFFu}, {"-3.4028234663852886e38", DURA_OK, 0xFF7FFFFFu},
        {"3.4028235677973362e38", DURA_OK, 0x7F7FFFFFu},           /* still rounds down */
        {"3.4028235677973366e38", DURA_EINVAL, 0}, {"1e39", DURA_EINVAL, 0}, {"-1e39", DURA_EINVAL, 0},
        {"1.4e-45", DURA_OK, 1}, {"1e-46", DURA_EINVAL, 0}, {"-1e-46", DURA_EINVAL, 0}, {"1e-60", DURA_EINVAL, 0},
        {"\"1\"", DURA_EINVAL, 0}, {"null", DURA_EINVAL, 0}, {"true", DURA_EINVAL, 0}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        dura_json *d = doc_v(rows[i].text);
        dura_error e;
        float f = 0;
        uint32_t bits;
        dt_eq(dura_json_get_f32(d, 1, &f, &e), rows[i].rc, "row %s", rows[i].text);
        memcpy(&bits, &f, sizeof bits);
        if (rows[i].rc < 0)
            at_v(&e, rows[i].text, "number");
        else
            dt_eq(bits, rows[i].bits, "row %s", rows[i].text);
        dura_json_deinit(d);
    }
}

DT_TEST(json_get, reads_text_of_the_length_wanted_without_control_characters)
{
    static const struct { const char *text; size_t min, max; const char *want; const char *said; } rows[] = {
        {"\"ab\"", 1, 2, "ab", ""}, {"\"\"", 0, 2, "", ""}, {"\"\\u00e9\"", 2, 2, "\xC3\xA9", ""},
        {"\"\"", 1, 2, NULL, "1 to 2 bytes, not 0"}, {"\"abc\"", 1, 2, NULL, "not 3"},
        {"\"a\\nb\"", 0, 9, NULL, "control"}, {"\"\\u007f\"", 0, 9, NULL, "control"}, {"\"\\u001f\"", 0, 9, NULL, "control"},
        {"5", 0, 9, NULL, "double quotes"}, {"null", 0, 9, NULL, "double quotes"}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        dura_json *d = doc_v(rows[i].text);
        dura_error e;
        const char *text = NULL;
        int rc = dura_json_get_text(d, 1, rows[i].min, rows[i].max, &text, &e);
        dt_eq(rc, rows[i].want ? DURA_OK : DURA_EINVAL, "row %s", rows[i].text);
        if (rc < 0)
            at_v(&e, rows[i].text, rows[i].said);
        else
            dt_str(text, rows[i].want, "row %s", rows[i].text);
        dura_json_deinit(d);
    }
}

DT_TEST(json_get, reads_words_bools_and_hex)
{
    static const char *const words[] = {"observe", "enforce", NULL};
    dura_json *d = doc_of("{\"w\":\"enforce\",\"W\":\"Enforce\",\"t\":true,\"f\":false,\"n\":1,\"h\":\"00fFa5\",\"g\":\"00fg\"}");
    dura_error e;
    uint32_t w = 9;
    int b = 7;
    uint8_t hex[3] = {1, 1, 1};
    dt_eq(dura_json_get_word(d, 1, words, &w, &e), DURA_OK, "");
    dt_eq(w, 1, "");
    dt_eq(dura_json_get_word(d, 2, words, &w, &e), DURA_EINVAL, "another case is another word");
    dt_str(e.text, "wants one of \"observe\", \"enforce\", not \"Enforce\"", "");
    dt_eq(dura_json_get_word(d, 3, words, &w, &e), DURA_EINVAL, "true is no word");
    dt_eq(dura_json_get_bool(d, 3, &b, &e), DURA_OK, "");
    dt_eq(b, 1, "");
    dt_eq(dura_json_get_bool(d, 4, &b, &e), DURA_OK, "");
    dt_eq(b, 0, "");
    dt_eq(dura_json_get_bool(d, 5, &b, &e), DURA_EINVAL, "1 is not true");
    dt_eq(dura_json_get_hex(d, 6, hex, 3, &e), DURA_OK, "");
    dt_mem(hex, "\x00\xFF\xA5", 3, "");
    dt_eq(dura_json_get_hex(d, 6, hex, 2, &e), DURA_EINVAL, "other length");
    dt_eq(dura_json_get_hex(d, 7, hex, 2, &e), DURA_EINVAL, "g is no digit");
    dt_eq(dura_json_get_hex(d, 5, hex, 0, &e), DURA_OK, "nothing wanted");
    dt_eq(dura_json_get_hex(d, 5, hex, 2, &e), DURA_EINVAL, "a number");
    dura_json_deinit(d);
}

DT_TEST(json_get, says_what_is_wrong_with_a_value_that_is_none)
{
    dura_json *d = doc_of("{}");
    dura_error e;
    int64_t v;
    dt_eq(dura_json_get_int(d, DURA_JSON_NONE, 0, 1, &v, &e), DURA_EINVAL, "");
    dt_eq(e.line, 0, "");
    dt_str(e.file, "p.json", "");
    dt_eq(dura_json_get_int(d, 0, 0, 1, &v, NULL), DURA_EINVAL, "no error wanted");
    dura_json_deinit(d);
}

DT_TEST(json_get, quotes_a_long_value_in_part_and_on_one_line)
{
    dura_json *d = doc_v("{\n\"x\": \"\xC3\xA9\xC3\xA9\xC3\xA9\xC3\xA9\xC3\xA9\xC3\xA9\xC3\xA9\xC3\xA9\xC3\xA9\xC3\xA9"
                         "\xC3\xA9\xC3\xA9\xC3\xA9\xC3\xA9\xC3\xA9\xC3\xA9\xC3\xA9\xC3\xA9\xC3\xA9\xC3\xA9\"}");
    dura_error e;
    int64_t v;
    dt_eq(dura_json_get_int(d, 1, 0, 1, &v, &e), DURA_EINVAL, "");
    dt_ok(strchr(e.text, '\n') == NULL, "%s", said(&e));
    dt_ok(strstr(e.text, "\xC3\xA9...") != NULL, "cut between characters: %s", said(&e));
    dura_json_deinit(d);
}

DT_TEST(json_want, checks_the_kind_and_the_number_of_entries)
{
    dura_json *d = doc_of("{\"l\":[1,2],\"o\":{\"a\":1}}");
    dura_error e;
    dt_eq(dura_json_want(d, 1, DURA_JSON_ARRAY, 1, 2, &e), DURA_OK, "");
    dt_eq(dura_json_want(d, 1, DURA_JSON_ARRAY, 3, 9, &e), DURA_EINVAL, "too few");
    dt_str(e.text, "wants 3 to 9 items, not 2", "");
    dt_eq(dura_json_want(d, 1, DURA_JSON_ARRAY, 0, 1, &e), DURA_EINVAL, "too many");
    dt_eq(dura_json_want(d, 1, DURA_JSON_OBJECT, 0, 9, &e), DURA_EINVAL, "a list");
    dt_eq(dura_json_want(d, 4, DURA_JSON_OBJECT, 1, 1, &e), DURA_OK, "");
    dt_eq(dura_json_want(d, 4, DURA_JSON_ARRAY, 0, 9, &e), DURA_EINVAL, "an object");
    dura_json_deinit(d);
}

DT_TEST(json_only, refuses_an_unknown_member_and_names_the_nearest_known_one)
{
    static const char *const known[] = {"fail_hi", "fail_lo", "rate_fail", "name", NULL};
    static const struct { const char *text; const char *field; const char *said; } rows[] = {
        {"{\"name\":1,\n\"fail_high\":2}", "fail_high", "\"fail_hi\"?"},
        {"{\"name\":1,\n\"Name\":2}", "Name", "\"name\"?"},
        {"{\"name\":1,\n\"failhi\":2}", "failhi", "\"fail_hi\"?"},
        {"{\"name\":1,\n\"colour\":2}", "colour", "remove it"},
        {"{\"name\":1,\n\"\":2}", "", "remove it"},
        {"{\"name\":1,\n\"a_name_that_is_longer_than_any_field\":2}", "a_name_that_is_longer_than_any_field", "remove it"}};
    dura_error e;
    dura_json *d = doc_of("{\"rate_fail\":0,\"fail_lo\":0}");
    dt_eq(dura_json_only(d, 0, known, &e), DURA_OK, "");
    dt_eq(dura_json_only(d, 1, known, &e), DURA_EINVAL, "no object");
    dura_json_deinit(d);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        d = doc_of(rows[i].text);
        dt_eq(dura_json_only(d, 0, known, &e), DURA_EINVAL, "row %s", rows[i].text);
        dt_eq(e.line, 2, "row %s", rows[i].text);
        dt_str(e.field, rows[i].field, "row %s", rows[i].text);
        dt_ok(strstr(e.text, rows[i].said) != NULL, "row %s says \"%s\"", rows[i].text, said(&e));
        dura_json_deinit(d);
    }
}

DT_TEST(json_fail, fills_the_error_from_the_place_of_the_value)
{
    dura_json *d = doc_of("{\"a\":[\n\n1]}");
    dura_error e;
    char text[256];
    dt_eq(dura_json_fail(d, 2, &e, DURA_ELIMIT, "no more than %d", 3), DURA_ELIMIT, "");
    dt_str(dura_error_text(&e, text, sizeof text), "p.json:3: a[0]: no more than 3", "");
    dt_eq(dura_json_fail(d, 2, NULL, DURA_EINVAL, "x"), DURA_EINVAL, "no error wanted");
    dura_json_deinit(d);
}
