/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The frames reader: what a row becomes, and what every kind of bad input is called.
 * Files are written to a folder of the test's own; expected times come from Python's
 * datetime (the comment at each table says how), expected floats from numpy.float32.
 */
#include "dt.h"

#include <dura/host/frames.h>

#include <errno.h>
#include <fcntl.h>
#include <locale.h>
#include <math.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

/* ---- a file and a reader on it ------------------------------------------------------ */

static char path[64];

static void put_bytes(const void *p, size_t n)
{
    snprintf(path, sizeof path, "/tmp/dura_frames_%d", (int)getpid());
    FILE *f = fopen(path, "wb");
    dt_ok(f && fwrite(p, 1, n, f) == n && fclose(f) == 0, "cannot write %s", path);
}

static void put(const char *text) { put_bytes(text, strlen(text)); }

/* The error's text as far as a message has room. */
static const char *why(const dura_error *err)
{
    static char text[96];
    snprintf(text, sizeof text, "%.95s", err->text);
    return text;
}

static const char *const ab[] = {"a", "b"};

static dura_frames_options options(void)
{
    dura_frames_options o = DURA_FRAMES_OPTIONS_INIT;
    o.path = path;
    o.channels = ab;
    o.n_channels = 2;
    return o;
}

/* Open text as a file with channels a and b; the file is gone at once. */
static int open_text(dura_frames **f, const char *text, dura_error *err)
{
    dura_frames_options o = options();
    put(text);
    int rc = dura_frames_open(f, &o, err);
    unlink(path);
    return rc;
}

/* Code of the first error in text, the header's or a row's; 0 when there is none. */
static int first_error(const char *text, dura_error *err)
{
    dura_frames *f;
    dura_frames_row row = DURA_FRAMES_ROW_INIT;
    memset(err, 0, sizeof *err);
    int rc = open_text(&f, text, err);
    if (rc == 0)
        while ((rc = dura_frames_next(f, &row, err)) == 1)
            ;
    dura_frames_close(f);
    return rc;
}

static uint32_t bits(float f)
{
    uint32_t u;
    memcpy(&u, &f, 4);
    return u;
}

/* The first row's time of a one-column file, with a format or none. */
static int time_of(const char *text, const char *format, int64_t *ns)
{
    char file[256];
    dura_frames *f;
    dura_error err;
    dura_frames_row row = DURA_FRAMES_ROW_INIT;
    dura_frames_options o = options();
    snprintf(file, sizeof file, "time,a,b\n\"%s\",1,2\n", text);
    put(file);
    o.time_format = format;
    int rc = dura_frames_open(&f, &o, &err);
    unlink(path);
    if (rc == 0)
        rc = dura_frames_next(f, &row, &err);
    dura_frames_close(f);
    *ns = row.time.wall_ns;
    return rc;
}

/* ---- CSV -------------------------------------------------------------------------- */

DT_TEST(frames_csv, gives_the_wanted_channels_in_the_wanted_order)
{
    dura_frames *f;
    dura_error err;
    dura_frames_row row = DURA_FRAMES_ROW_INIT;
    dt_eq(open_text(&f, "b,extra,time,a\n2,x,10,1\n4,,20.5,3\n", &err), 0, "%s", why(&err));
    dt_eq(dura_frames_next(f, &row, &err), 1, "%s", why(&err));
    dt_ok(row.n == 2 && row.values[0] == 1 && row.values[1] == 2, "%g %g", row.values[0], row.values[1]);
    dt_ok(row.row == 0 && row.line == 2 && !row.missing[0] && !row.missing[1], "row %llu", (unsigned long long)row.row);
    dt_eq(row.time.mono_ns, 10000000000, "the recording's clock");
    dt_ok(row.time.wall_ns == row.time.mono_ns && row.time.quality == DURA_CLOCK_UNSYNCED &&
             row.time.wall_err_us == UINT32_MAX && row.time.boot == 0, "time");
    dt_eq(dura_frames_next(f, &row, &err), 1, "");
    dt_ok(row.row == 1 && row.line == 3 && row.time.wall_ns == 20500000000 && row.values[0] == 3, "second row");
    dt_eq(dura_frames_next(f, &row, &err), 0, "the end");
    dt_eq(dura_frames_next(f, &row, &err), 0, "still the end");
    dura_frames_close(f);
}

/* Each text is one file; the values are those of its first row, "-" for missing. */
DT_TEST(frames_csv, takes_every_spelling_the_format_allows)
{
    static const struct { const char *what, *text; float a, b; int missing_a, missing_b; } rows[] = {
        {"plain", "time,a,b\n1,1.5,2\n", 1.5f, 2, 0, 0},
        {"no newline at the end", "time,a,b\n1,1.5,2", 1.5f, 2, 0, 0},
        {"CRLF", "time,a,b\r\n1,1.5,2\r\n", 1.5f, 2, 0, 0},
        {"byte order mark", "\xEF\xBB\xBFtime,a,b\n1,1.5,2\n", 1.5f, 2, 0, 0},
        {"blanks around fields", " time , a ,\tb\n 1 , 1.5 ,\t2 \n", 1.5f, 2, 0, 0},
        {"quotes", "\"time\",\"a\",\"b\"\n\"1\",\"1.5\",\"2\"\n", 1.5f, 2, 0, 0},
        {"blanks around quotes", "time, \"a\" ,b\n1, \"1.5\" ,2\n", 1.5f, 2, 0, 0},
        {"comma in quotes", "time,\"x,y\",a,b\n1,\"p,q\",1.5,2\n", 1.5f, 2, 0, 0},
        {"doubled quote", "time,\"x\"\"\",a,b\n1,\"p\"\"q\",1.5,2\n", 1.5f, 2, 0, 0},
        {"newline in quotes", "time,\"x\ny\",a,b\n1,\"p\nq\n\",1.5,2\n", 1.5f, 2, 0, 0},
        {"empty is missing", "time,a,b\n1,,2\n", 0, 2, 1, 0},
        {"blank is missing", "time,a,b\n1,  ,2\n", 0, 2, 1, 0},
        {"quoted empty is missing", "time,a,b\n1,\"\",2\n", 0, 2, 1, 0},
        {"last field empty", "time,a,b\n1,1.5,\n", 1.5f, 0, 0, 1},
        {"blank lines", "\n \ntime,a,b\n\n\n1,1.5,2\n\n", 1.5f, 2, 0, 0},
        {"columns without a name", "time,,a,,b\n1,x,1.5,y,2\n", 1.5f, 2, 0, 0},
        {"ignored columns may repeat", "time,x,x,a,b\n1,x,y,1.5,2\n", 1.5f, 2, 0, 0},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        dura_frames *f;
        dura_error err = {0};
        dura_frames_row row = DURA_FRAMES_ROW_INIT;
        dt_eq(open_text(&f, rows[i].text, &err), 0, "row %s: %s", rows[i].what, why(&err));
        dt_eq(dura_frames_next(f, &row, &err), 1, "row %s: %s", rows[i].what, why(&err));
        dt_ok(row.values[0] == rows[i].a && row.values[1] == rows[i].b, "row %s: %g %g", rows[i].what,
                 row.values[0], row.values[1]);
        dt_ok(row.missing[0] == rows[i].missing_a && row.missing[1] == rows[i].missing_b, "row %s", rows[i].what);
        dt_eq(dura_frames_next(f, &row, &err), 0, "row %s: one row only", rows[i].what);
        dura_frames_close(f);
    }
}

/* Bits as numpy.float32(float(text)) gives them. */
DT_TEST(frames_csv, reads_numbers_to_the_nearest_float)
{
    static const struct { const char *text; uint32_t want; } rows[] = {
        {"0", 0x00000000}, {"-0", 0x80000000}, {"+1", 0x3F800000}, {"0.1", 0x3DCCCCCD}, {".5", 0x3F000000},
        {"5.", 0x40A00000}, {"1e3", 0x447A0000}, {"1E-3", 0x3A83126F}, {"16777217", 0x4B800000},
        {"3.4028234663852886e38", 0x7F7FFFFF}, {"3.4028235677973362e38", 0x7F7FFFFF},
        {"3.4028235677973366e38", 0x7F800000}, {"-3.5e38", 0xFF800000}, {"1e400", 0x7F800000},
        {"-1e99999", 0xFF800000}, {"1e-45", 0x00000001}, {"1e-60", 0x00000000}, {"1e-400", 0x00000000},
        {"nan", 0x7FC00000}, {"NaN", 0x7FC00000}, {"-nan", 0x7FC00000}, {"inf", 0x7F800000},
        {"-INF", 0xFF800000}, {"Infinity", 0x7F800000}, {"-infinity", 0xFF800000},
        {"123456789012345678901234567890", 0x6FC77488},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char text[96];
        dura_frames *f;
        dura_error err;
        dura_frames_row row = DURA_FRAMES_ROW_INIT;
        snprintf(text, sizeof text, "time,a,b\n1,%s,2\n", rows[i].text);
        dt_eq(open_text(&f, text, &err), 0, "");
        dt_eq(dura_frames_next(f, &row, &err), 1, "row %s: %s", rows[i].text, why(&err));
        dt_eq(bits(row.values[0]), rows[i].want, "row %s", rows[i].text);
        dura_frames_close(f);
    }
}

DT_TEST(frames_csv, reads_the_same_numbers_under_every_locale)
{
    dura_frames *f;
    dura_error err;
    dura_frames_row row = DURA_FRAMES_ROW_INIT;
    static const char *const comma[] = {"de_DE.UTF-8", "de_DE.utf8", "fr_FR.UTF-8", "nl_NL.UTF-8"};
    locale_t own = (locale_t)0;
    for (size_t i = 0; i < sizeof comma / sizeof *comma && !own; i++)
        own = newlocale(LC_NUMERIC_MASK, comma[i], (locale_t)0);
    if (!own)
        own = newlocale(LC_ALL_MASK, "C.UTF-8", (locale_t)0);
    locale_t before = uselocale(own);
    dt_eq(open_text(&f, "time,a,b\n1,1.5,2.25\n", &err), 0, "");
    dt_eq(dura_frames_next(f, &row, &err), 1, "%s", why(&err));
    dt_ok(row.values[0] == 1.5f && row.values[1] == 2.25f, "%g", row.values[0]);
    dt_ok(uselocale((locale_t)0) == own, "the caller's locale is in force again");
    dura_frames_close(f);
    uselocale(before);
    freelocale(own);
}

DT_TEST(frames_csv, passes_on_repeated_and_reversed_times)
{
    static const int64_t want[] = {5, 5, 3, 9};
    dura_frames *f;
    dura_error err;
    dura_frames_row row = DURA_FRAMES_ROW_INIT;
    dt_eq(open_text(&f, "t,a,b\n5,1,1\n5,1,1\n3,1,1\n9,1,1\n", &err), 0, "");
    for (size_t i = 0; i < 4; i++) {
        dt_eq(dura_frames_next(f, &row, &err), 1, "row %zu", i);
        dt_eq(row.time.mono_ns, want[i] * 1000000000, "row %zu", i);
    }
    dura_frames_close(f);
}

/* ---- what is wrong, and where ------------------------------------------------------- */

DT_TEST(frames_error, names_file_line_and_column)
{
    static const struct { const char *what, *text; int code; uint32_t line; const char *field, *words; } rows[] = {
        {"empty file", "", DURA_ESYNTAX, 1, "", "the file is empty"},
        {"blank file", "\n \n", DURA_ESYNTAX, 1, "", "the file is empty"},
        {"missing channel", "time,a\n1,2\n", DURA_ESYNTAX, 1, "b", "there is no such column"},
        {"close names", "time,A,bb\n", DURA_ESYNTAX, 1, "a", "close: \"A\""},
        {"nothing close", "time,pressure,temperature\n", DURA_ESYNTAX, 1, "a", "begin with \"time\""},
        {"channel twice", "time,a,b,a\n", DURA_ESYNTAX, 1, "a", "2 columns have this name"},
        {"time twice", "time,TIME,a,b\n", DURA_ESYNTAX, 1, "TIME", "2 columns have this name"},
        {"no time", "x,a,b\n", DURA_ESYNTAX, 1, "time", "there is no time column"},
        {"semicolons", "time;a;b\n1;2;3\n", DURA_ESYNTAX, 1, "", "separated by commas"},
        {"header behind blank lines", "\n\ntime,a\n", DURA_ESYNTAX, 3, "b", "no such column"},
        {"text in a number", "time,a,b\n1,2,3\n2,two,3\n", DURA_ESYNTAX, 3, "a", "\"two\" is not a number"},
        {"hexadecimal", "time,a,b\n1,0x10,3\n", DURA_ESYNTAX, 2, "a", "not a number"},
        {"nan with a tail", "time,a,b\n1,nan(1),3\n", DURA_ESYNTAX, 2, "a", "not a number"},
        {"two points", "time,a,b\n1,1.2.3,3\n", DURA_ESYNTAX, 2, "a", "not a number"},
        {"comma for a point", "time,a,b\n1,1,5,2\n", DURA_ESYNTAX, 2, "", "4 fields where the header has 3"},
        {"too few fields", "time,a,b\n1,1\n", DURA_ESYNTAX, 2, "", "2 fields where the header has 3"},
        {"line counted over quotes", "time,x,a,b\n1,\"p\nq\",1,1\n2,,z,1\n", DURA_ESYNTAX, 4, "a", "\"z\""},
        {"quote inside a field", "time,a,b\n1,1\"\",2\n", DURA_ESYNTAX, 2, "", "column 2: a quote"},
        {"text behind a quote", "time,a,b\n1,\"1\"x,2\n", DURA_ESYNTAX, 2, "", "column 2: a quote"},
        {"quote not closed", "time,a,b\n1,\"1,2\n3,4,5\n", DURA_ESYNTAX, 2, "", "ends inside a quoted field"},
        {"time is no time", "time,a,b\nnoon,1,2\n", DURA_ETIME, 2, "time", "\"noon\" is not a time"},
        {"empty time", "time,a,b\n,1,2\n", DURA_ETIME, 2, "time", "\"\" is not a time"},
        {"time before 1970", "time,a,b\n-1,1,2\n", DURA_ETIME, 2, "time", "before 1970"},
        {"control characters are not shown", "time,a,b\n1,\x1b[31m,2\n", DURA_ESYNTAX, 2, "a", "\"?[31m\""},
        {"JSON lines in a CSV file", "time,a,b\n{\"time\":1}\n", DURA_ESYNTAX, 2, "", "1 fields"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        dura_error err;
        dt_eq(first_error(rows[i].text, &err), rows[i].code, "row %s: %s", rows[i].what, why(&err));
        dt_eq(err.code, rows[i].code, "row %s", rows[i].what);
        dt_eq(err.line, rows[i].line, "row %s: %s", rows[i].what, why(&err));
        dt_str(err.file, path, "row %s", rows[i].what);
        dt_str(err.field, rows[i].field, "row %s", rows[i].what);
        dt_ok(strstr(err.text, rows[i].words) != NULL, "row %s: %s", rows[i].what, why(&err));
    }
}

DT_TEST(frames_error, refuses_bytes_that_are_no_text)
{
    static const char nul[] = "time,a,b\n1,2,3\n2,2\0,3\n", utf16[] = "\xFF\xFEt\0i\0m\0e\0";
    dura_frames *f;
    dura_error err;
    dura_frames_row row = DURA_FRAMES_ROW_INIT;
    dura_frames_options o = options();
    put_bytes(nul, sizeof nul - 1);
    dt_eq(dura_frames_open(&f, &o, &err), 0, "");
    dt_eq(dura_frames_next(f, &row, &err), 1, "");
    dt_eq(dura_frames_next(f, &row, &err), DURA_ESYNTAX, "");
    dt_ok(err.line == 3 && strstr(err.text, "NUL"), "%s", why(&err));
    dura_frames_close(f);
    put_bytes(utf16, sizeof utf16 - 1);
    dt_eq(dura_frames_open(&f, &o, &err), DURA_ESYNTAX, "");
    dt_ok(!f && strstr(err.text, "UTF-16"), "%s", why(&err));
    unlink(path);
}

/* The limit counts the line with its newline; one byte more is refused. */
DT_TEST(frames_error, holds_the_limits_of_line_and_columns)
{
    size_t room = DURA_FRAMES_LINE_MAX + 64;
    char *text = malloc(room);
    dura_error err;
    for (size_t more = 0; more < 2; more++) {
        size_t fill = DURA_FRAMES_LINE_MAX - strlen("1,1,1,\n") + more;
        size_t n = (size_t)sprintf(text, "time,a,b,x\n1,1,1,");
        memset(text + n, 'y', fill);
        strcpy(text + n + fill, "\n");
        dt_eq(first_error(text, &err), more ? DURA_ELIMIT : 0, "%zu more: %s", more, why(&err));
    }
    dt_ok(err.line == 2 && strstr(err.text, "1 MiB"), "%s", why(&err));
    for (uint32_t columns = DURA_FRAMES_COLUMNS_MAX; columns <= DURA_FRAMES_COLUMNS_MAX + 1; columns++) {
        strcpy(text, "time,a,b");
        memset(text + 8, ',', columns - 3);
        strcpy(text + 8 + columns - 3, "\n");
        dt_eq(first_error(text, &err), columns > DURA_FRAMES_COLUMNS_MAX ? DURA_ELIMIT : 0, "%u columns", columns);
    }
    free(text);
}

DT_TEST(frames_open, tells_what_is_wrong_with_its_arguments)
{
    dura_frames *f;
    dura_error err;
    dura_frames_options good = options(), o = good;
    put("time,a,b\n");
    dt_eq(dura_frames_open(NULL, &o, &err), DURA_EINVAL, "no out");
    dt_eq(dura_frames_open(&f, NULL, &err), DURA_EINVAL, "no options");
    o.struct_size = 8;
    dt_eq(dura_frames_open(&f, &o, &err), DURA_EINVAL, "small struct");
    o = good;
    o.n_channels = 0;
    dt_eq(dura_frames_open(&f, &o, &err), DURA_EINVAL, "no channel");
    o.n_channels = 65536;
    dt_eq(dura_frames_open(&f, &o, &err), DURA_EINVAL, "too many channels");
    o = good;
    o.path = NULL;
    dt_eq(dura_frames_open(&f, &o, &err), DURA_EINVAL, "no path");
    static const char *const bad_formats[] = {"", "hour", "%Q", "%Y%", "%%", "%-d"};
    for (size_t i = 0; i < sizeof bad_formats / sizeof *bad_formats; i++) {
        o = good;
        o.time_format = bad_formats[i];
        dt_eq(dura_frames_open(&f, &o, &err), DURA_EINVAL, "format \"%s\"", bad_formats[i]);
    }
    o = good;
    dt_eq(dura_frames_open(&f, &o, NULL), 0, "an error struct is not needed");
    dura_frames_close(f);
    unlink(path);
    dt_eq(dura_frames_open(&f, &o, &err), DURA_ENOENT, "no file");
    dt_ok(!f && strstr(err.text, "No such file"), "%s", why(&err));
    o.path = "/tmp";
    dt_eq(dura_frames_open(&f, &o, &err), DURA_EIO, "a folder: %s", why(&err));
    dura_frames_close(NULL);
    dura_frames_row row = DURA_FRAMES_ROW_INIT;
    dt_eq(dura_frames_next(NULL, &row, &err), DURA_EINVAL, "no reader");
}

/* ---- the time column ------------------------------------------------------------------ */

DT_TEST(frames_time, finds_the_column_by_its_usual_names)
{
    static const struct { const char *header, *column; int rc; int64_t first; } rows[] = {
        {"time,a,b", NULL, 1, 1}, {"a,TimeStamp,b", NULL, 1, 2}, {"a,b,DATETIME", NULL, 1, 3},
        {"a,b,Date", NULL, 1, 3}, {"T,a,b", NULL, 1, 1}, {"date,time,a,b", NULL, 1, 2},
        {"when,a,b", "when", 1, 1}, {"time,when,a,b", "when", 1, 2}, {"time,a,b", "When", DURA_ESYNTAX, 0},
        {"a,b,clock", NULL, DURA_ESYNTAX, 0},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char text[96];
        dura_frames *f;
        dura_error err;
        dura_frames_row row = DURA_FRAMES_ROW_INIT;
        dura_frames_options o = options();
        size_t n = (size_t)snprintf(text, sizeof text, "%s\n1,2,3", rows[i].header);
        strcpy(text + n, strchr(strchr(strchr(rows[i].header, ',') + 1, ',') + 1, ',') ? ",4\n" : "\n");
        put(text);
        o.time_column = rows[i].column;
        int rc = dura_frames_open(&f, &o, &err);
        if (rc == 0)
            rc = dura_frames_next(f, &row, &err);
        dt_eq(rc, rows[i].rc, "row %s: %s", rows[i].header, why(&err));
        if (rc == 1)
            dt_eq(row.time.wall_ns, rows[i].first * 1000000000, "row %s", rows[i].header);
        dura_frames_close(f);
    }
    unlink(path);
}

DT_TEST(frames_time, leaves_a_channel_called_t_a_channel)
{
    static const char *const names[] = {"t", "b"};
    dura_frames *f;
    dura_error err;
    dura_frames_row row = DURA_FRAMES_ROW_INIT;
    dura_frames_options o = options();
    o.channels = names;
    put("t,b,date\n7,8,9\n");
    dt_eq(dura_frames_open(&f, &o, &err), 0, "%s", why(&err));
    dt_eq(dura_frames_next(f, &row, &err), 1, "%s", why(&err));
    dt_ok(row.values[0] == 7 && row.time.wall_ns == 9000000000, "date is the time");
    dura_frames_close(f);
    o.time_column = "t";
    dt_eq(dura_frames_open(&f, &o, &err), DURA_ESYNTAX, "");
    dt_ok(strstr(err.text, "is the time column and a channel") != NULL, "%s", why(&err));
    unlink(path);
}

/* datetime(...).timestamp() * 10**9 in integers. */
DT_TEST(frames_time, reads_iso_8601_and_epoch_seconds_exactly)
{
    static const struct { const char *text; int64_t want; } rows[] = {
        {"1970-01-01", 0}, {"1970-01-01T00:00:00Z", 0}, {"2016-07-04 00:00:00", 1467590400000000000},
        {"2026-03-01T12:34:56.123456789Z", 1772368496123456789}, {"2026-03-01T12:34:56,5", 1772368496500000000},
        {"2026-03-01t12:34:56.1234567899z", 1772368496123456789}, {"2024-02-29T23:59:59Z", 1709251199000000000},
        {"2000-02-29", 951782400000000000}, {"2026-03-01T12:34", 1772368440000000000},
        {"2026-03-01T12:34:56+01:00", 1772364896000000000}, {"2026-03-01T12:34:56-0530", 1772388296000000000},
        {"2026-03-01T12:34:56+02", 1772361296000000000}, {"2016-12-31T23:59:60Z", 1483228800000000000},
        {"2261-12-31T23:59:59Z", 9214646399000000000}, {"0", 0}, {"-0", 0}, {"1", 1000000000},
        {"1700000000", 1700000000000000000}, {"1700000000.000000001", 1700000000000000001},
        {"1700000000.9999999999", 1700000000999999999}, {"1.7e9", 1700000000000000000},
        {"17000000001e-1", 1700000000100000000}, {".5", 500000000}, {"+2.25", 2250000000},
        {"0.00000000000000000000001", 0}, {"0e999999", 0}, {"1e-999999999999", 0},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        int64_t ns;
        dt_eq(time_of(rows[i].text, NULL, &ns), 1, "row %s", rows[i].text);
        dt_eq(ns, rows[i].want, "row %s", rows[i].text);
    }
}

DT_TEST(frames_time, refuses_what_is_no_time)
{
    static const char *const rows[] = {
        "2026-02-29", "2026-13-01", "2026-00-10", "2026-04-31", "1900-02-29", "2100-02-29", "2026-3-1", "2026-03-01T24:00:00",
        "2026-03-01T12:60", "2026-03-01T12:00:61", "2026-03-01T", "2026-03-01T12", "2026-03-01T12:00:00.",
        "2026-03-01T12:00:00+1", "2026-03-01T12:00:00+24:00", "2026-03-01T12:00:00Zulu", "2026-03-01x", "26-03-01",
        "1e", "1e+", "..5", "1.2.3", "--1", "1 2", "nan", "inf", "1e30", "9300000000", "-1", "1969-12-31",
        "1970-01-01T00:00:00+01:00", "9999-12-31", "12:00:00",
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        int64_t ns;
        dt_eq(time_of(rows[i], NULL, &ns), DURA_ETIME, "row %s", rows[i]);
    }
}

/* datetime.strptime(text, format).replace(tzinfo=utc).timestamp() where strptime knows it. */
DT_TEST(frames_time, follows_a_format_of_ones_own)
{
    static const struct { const char *text, *format; int rc; int64_t want; } rows[] = {
        {"04/07/16 01", "%d/%m/%y %H", 1, 1467594000000000000}, {"4/7/16 1", "%d/%m/%y %H", 1, 1467594000000000000},
        {"31/12/68 23", "%d/%m/%y %H", 1, 3124220400000000000}, {"01/01/69 00", "%d/%m/%y %H", DURA_ETIME, 0},
        {"20260301123456", "%Y%m%d%H%M%S", 1, 1772368496000000000},
        {"2026.03.01 12-34-56.25", "%Y.%m.%d %H-%M-%S.%f", 1, 1772368496250000000},
        {"day 01 of 03/2026", "day %d of %m/%Y", 1, 1772323200000000000},
        {"04/07/16", "%d/%m/%y %H", DURA_ETIME, 0}, {"04/07/16 01:30", "%d/%m/%y %H", DURA_ETIME, 0},
        {"31/02/16 01", "%d/%m/%y %H", DURA_ETIME, 0}, {"04-07-16 01", "%d/%m/%y %H", DURA_ETIME, 0},
        {"", "%d/%m/%y %H", DURA_ETIME, 0}, {"2026", "%Y-%m", DURA_ETIME, 0}, {"26", "%Y", DURA_ETIME, 0},
        {"1.", "%S.%f", DURA_ETIME, 0},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        int64_t ns;
        dt_eq(time_of(rows[i].text, rows[i].format, &ns), rows[i].rc, "row %s", rows[i].text);
        if (rows[i].rc == 1)
            dt_eq(ns, rows[i].want, "row %s", rows[i].text);
    }
}

/* ---- NDJSON ----------------------------------------------------------------------- */

DT_TEST(frames_json, takes_numbers_null_and_text)
{
    static const struct { const char *what, *text; uint32_t a, b; int missing_a, missing_b; } rows[] = {
        {"numbers", "{\"time\":1,\"a\":1.5,\"b\":-2e0}\n", 0x3FC00000, 0xC0000000, 0, 0},
        {"no newline", "{\"time\":1,\"a\":1.5,\"b\":2}", 0x3FC00000, 0x40000000, 0, 0},
        {"CRLF", "{\"time\":1,\"a\":1.5,\"b\":2}\r\n", 0x3FC00000, 0x40000000, 0, 0},
        {"blanks", " { \"time\" : 1 ,\t\"a\" : 1.5 , \"b\" : 2 } \n", 0x3FC00000, 0x40000000, 0, 0},
        {"byte order mark", "\xEF\xBB\xBF{\"time\":1,\"a\":1.5,\"b\":2}\n", 0x3FC00000, 0x40000000, 0, 0},
        {"null", "{\"time\":1,\"a\":null,\"b\":2}\n", 0, 0x40000000, 1, 0},
        {"empty text", "{\"time\":1,\"a\":\"\",\"b\":2}\n", 0, 0x40000000, 1, 0},
        {"words of Python", "{\"time\":1,\"a\":NaN,\"b\":-Infinity}\n", 0x7FC00000, 0xFF800000, 0, 0},
        {"words as text", "{\"time\":1,\"a\":\"nan\",\"b\":\"1.5\"}\n", 0x7FC00000, 0x3FC00000, 0, 0},
        {"time as text", "{\"time\":\"1970-01-01T00:00:01Z\",\"a\":1.5,\"b\":2}\n", 0x3FC00000, 0x40000000, 0, 0},
        {"extra members", "{\"x\":[1,{\"y\":[]},\"]\"],\"time\":1,\"a\":1.5,\"z\":{},\"b\":2,\"q\":true}\n", 0x3FC00000, 0x40000000, 0, 0},
        {"escaped name", "{\"t\\u0069me\":1,\"\\u0061\":1.5,\"b\":2}\n", 0x3FC00000, 0x40000000, 0, 0},
        {"escapes in text nobody wants", "{\"n\":\"\\\"\\\\\\n\\u00e9\\ud83d\\ude00\",\"time\":1,\"a\":1.5,\"b\":2}\n", 0x3FC00000, 0x40000000, 0, 0},
        {"blank lines before", "\n\n{\"time\":1,\"a\":1.5,\"b\":2}\n", 0x3FC00000, 0x40000000, 0, 0},
        {"huge number", "{\"time\":1,\"a\":1e999,\"b\":2}\n", 0x7F800000, 0x40000000, 0, 0},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        dura_frames *f;
        dura_error err = {0};
        dura_frames_row row = DURA_FRAMES_ROW_INIT;
        dt_eq(open_text(&f, rows[i].text, &err), 0, "row %s: %s", rows[i].what, why(&err));
        dt_eq(dura_frames_next(f, &row, &err), 1, "row %s: %s", rows[i].what, why(&err));
        dt_eq(bits(row.values[0]), rows[i].a, "row %s", rows[i].what);
        dt_eq(bits(row.values[1]), rows[i].b, "row %s", rows[i].what);
        dt_ok(row.missing[0] == rows[i].missing_a && row.missing[1] == rows[i].missing_b, "row %s", rows[i].what);
        dt_eq(row.time.wall_ns, 1000000000, "row %s", rows[i].what);
        dt_eq(dura_frames_next(f, &row, &err), 0, "row %s: one row only", rows[i].what);
        dura_frames_close(f);
    }
}

DT_TEST(frames_json, lets_later_rows_leave_channels_out)
{
    dura_frames *f;
    dura_error err;
    dura_frames_row row = DURA_FRAMES_ROW_INIT;
    dt_eq(open_text(&f, "{\"time\":1,\"a\":1,\"b\":2}\n{\"b\":4,\"time\":2}\n", &err), 0, "");
    dt_eq(dura_frames_next(f, &row, &err), 1, "");
    dt_ok(row.row == 0 && row.line == 1, "the first object is a row too");
    dt_eq(dura_frames_next(f, &row, &err), 1, "%s", why(&err));
    dt_ok(row.missing[0] && !row.missing[1] && row.values[0] == 0 && row.values[1] == 4, "a is missing");
    dt_ok(row.row == 1 && row.line == 2, "");
    dura_frames_close(f);
}

#define GOOD "{\"time\":1,\"a\":1,\"b\":2}\n"
DT_TEST(frames_json, names_line_and_member_of_what_is_wrong)
{
    static const struct { const char *what, *text; int code; uint32_t line; const char *field, *words; } rows[] = {
        {"missing in the first", "{\"time\":1,\"a\":1}\n", DURA_ESYNTAX, 1, "b", "no such column"},
        {"no time in the first", "{\"a\":1,\"b\":1}\n", DURA_ESYNTAX, 1, "time", "no time column"},
        {"no time later", GOOD "{\"a\":1,\"b\":1}\n", DURA_ETIME, 2, "time", "the row has no time"},
        {"twice in the first", "{\"time\":1,\"a\":1,\"b\":2,\"a\":3}\n", DURA_ESYNTAX, 1, "a", "2 columns"},
        {"twice later", GOOD "{\"time\":1,\"a\":1,\"b\":2,\"\\u0061\":3}\n", DURA_ESYNTAX, 2, "a", "twice"},
        {"time twice", GOOD "{\"time\":1,\"a\":1,\"time\":2}\n", DURA_ESYNTAX, 2, "time", "twice"},
        {"true", "{\"time\":1,\"a\":true,\"b\":2}\n", DURA_ESYNTAX, 1, "a", "\"true\" is not a number"},
        {"a list", "{\"time\":1,\"a\":[1],\"b\":2}\n", DURA_ESYNTAX, 1, "a", "an object or a list"},
        {"long text", "{\"time\":1,\"a\":\"0000000000000000000000000000000000000000000000000000000000000001\",\"b\":2}\n",
         DURA_ESYNTAX, 1, "a", "64 bytes"},
        {"time is null", "{\"time\":null,\"a\":1,\"b\":2}\n", DURA_ETIME, 1, "time", "\"\" is not a time"},
        {"not an object", GOOD "[1,2]\n", DURA_ESYNTAX, 2, "", "byte 1: want one JSON object per line"},
        {"CSV behind JSON", GOOD "1,2,3\n", DURA_ESYNTAX, 2, "", "one JSON object per line"},
        {"two objects", GOOD "{\"time\":1,\"a\":1} {}\n", DURA_ESYNTAX, 2, "", "something follows the object"},
        {"cut in a name", GOOD "{\"ti", DURA_ESYNTAX, 2, "", "ends inside a string"},
        {"cut behind a name", GOOD "{\"time\"", DURA_ESYNTAX, 2, "", "want a colon"},
        {"cut behind a colon", GOOD "{\"time\":", DURA_ESYNTAX, 2, "", "the line ends before the object does"},
        {"cut behind a value", GOOD "{\"time\":1", DURA_ESYNTAX, 2, "", "the line ends before the object does"},
        {"cut behind a comma", GOOD "{\"time\":1,", DURA_ESYNTAX, 2, "", "the line ends before the object does"},
        {"cut in a list", GOOD "{\"x\":[1,2", DURA_ESYNTAX, 2, "", "the line ends before the object does"},
        {"cut in an inner object", GOOD "{\"x\":{", DURA_ESYNTAX, 2, "", "the line ends before the object does"},
        {"cut escape", GOOD "{\"x\":\"\\", DURA_ESYNTAX, 2, "", "no such escape"},
        {"trailing comma", GOOD "{\"time\":1,}\n", DURA_ESYNTAX, 2, "", "want a name in quotes"},
        {"comma in a list", GOOD "{\"x\":[1,],\"time\":1}\n", DURA_ESYNTAX, 2, "", "want a number, text or null"},
        {"brackets crossed", GOOD "{\"x\":[1},\"time\":1}\n", DURA_ESYNTAX, 2, "", "want a comma or the closing bracket"},
        {"brackets crossed when empty", GOOD "{\"x\":{],\"time\":1}\n", DURA_ESYNTAX, 2, "", "want a"},
        {"single quotes", GOOD "{'time':1}\n", DURA_ESYNTAX, 2, "", "want a name in quotes"},
        {"leading zero", GOOD "{\"time\":01}\n", DURA_ESYNTAX, 2, "", "want a number"},
        {"plus", GOOD "{\"time\":+1}\n", DURA_ESYNTAX, 2, "", "want a number"},
        {"point without digits", GOOD "{\"time\":1,\"a\":1.}\n", DURA_ESYNTAX, 2, "", "want a number"},
        {"word with a tail", GOOD "{\"time\":1,\"a\":nullx}\n", DURA_ESYNTAX, 2, "", "want a comma"},
        {"lone surrogate", GOOD "{\"\\ud800x\":1}\n", DURA_ESYNTAX, 2, "", "no such escape"},
        {"low surrogate first", GOOD "{\"\\udc00\":1}\n", DURA_ESYNTAX, 2, "", "no such escape"},
        {"NUL as an escape", GOOD "{\"\\u0000\":1}\n", DURA_ESYNTAX, 2, "", "no such escape"},
        {"tab in a string", GOOD "{\"a\tb\":1}\n", DURA_ESYNTAX, 2, "", "control character"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        dura_error err;
        dt_eq(first_error(rows[i].text, &err), rows[i].code, "row %s: %s", rows[i].what, why(&err));
        dt_eq(err.line, rows[i].line, "row %s: %s", rows[i].what, why(&err));
        dt_str(err.field, rows[i].field, "row %s: %s", rows[i].what, why(&err));
        dt_ok(strstr(err.text, rows[i].words) != NULL, "row %s: %s", rows[i].what, why(&err));
    }
}

DT_TEST(frames_json, goes_63_levels_deep_and_no_further)
{
    for (int depth = 63; depth <= 64; depth++) {
        char text[256], *p = text + sprintf(text, "{\"x\":");
        dura_error err;
        for (int i = 0; i < depth; i++)
            *p++ = '[';
        for (int i = 0; i < depth; i++)
            *p++ = ']';
        strcpy(p, ",\"time\":1,\"a\":1,\"b\":1}\n");
        dt_eq(first_error(text, &err), depth == 63 ? 0 : DURA_ESYNTAX, "depth %d: %s", depth, why(&err));
    }
}

/* ---- streaming -------------------------------------------------------------------- */

/* A row must come out as soon as its line is in, however the bytes are cut. */
DT_TEST(frames_next, hands_on_a_row_while_the_pipe_stays_open)
{
    int ends[2];
    dt_ok(pipe(ends) == 0, "pipe");
    int in = dup(STDIN_FILENO);
    dup2(ends[0], STDIN_FILENO);
    static const char first[] = "\xEF\xBB\xBFtime,a,b\n1,1,2\n2,3,";
    dt_ok(write(ends[1], first, sizeof first - 1) > 0, "write");
    dura_frames *f;
    dura_error err;
    dura_frames_row row = DURA_FRAMES_ROW_INIT;
    dura_frames_options o = options();
    o.path = "-";
    dt_eq(dura_frames_open(&f, &o, &err), 0, "%s", why(&err));
    dt_eq(dura_frames_next(f, &row, &err), 1, "%s", why(&err));
    dt_ok(row.values[1] == 2, "first row");
    dt_ok(write(ends[1], "4\n3,x,5\n", 8) == 8, "write");
    close(ends[1]);
    dt_eq(dura_frames_next(f, &row, &err), 1, "%s", why(&err));
    dt_ok(row.values[0] == 3 && row.values[1] == 4, "second row");
    dt_eq(dura_frames_next(f, &row, &err), DURA_ESYNTAX, "");
    dt_str(err.file, "<stdin>", "");
    uint64_t total = 1;
    dt_eq(dura_frames_bytes(f, &total), sizeof first - 1 + 8, "bytes taken");
    dt_eq(total, 0, "a pipe has no size");
    dura_frames_close(f);
    dup2(in, STDIN_FILENO);
    close(in);
    close(ends[0]);
}

/* Every buffer boundary falls somewhere else in a row as the first line grows. */
DT_TEST(frames_next, gives_the_same_rows_wherever_a_read_ends)
{
    char *text = malloc(200000);
    for (size_t shift = 0; shift < 40; shift++) {
        char *p = text;
        dura_frames *f;
        dura_error err;
        dura_frames_row row = DURA_FRAMES_ROW_INIT;
        p += sprintf(p, "time,a,b,\"%*s\"\n", (int)shift, "");
        for (int i = 0; i < 6000; i++)
            p += sprintf(p, "%d,%d,\"%d.5\",x\r\n", i, i * 3, i);
        dt_eq(open_text(&f, text, &err), 0, "%s", why(&err));
        for (int i = 0; i < 6000; i++) {
            dt_eq(dura_frames_next(f, &row, &err), 1, "shift %zu row %d: %s", shift, i, why(&err));
            dt_ok(row.values[0] == (float)(i * 3) && row.values[1] == (float)i + 0.5f, "shift %zu row %d", shift, i);
        }
        uint64_t total;
        dt_eq(dura_frames_next(f, &row, &err), 0, "");
        dt_eq(dura_frames_bytes(f, &total), (uint64_t)(p - text), "");
        dt_eq(total, (uint64_t)(p - text), "");
        dura_frames_close(f);
    }
    free(text);
}

static volatile int stop;
static void on_alarm(int signal)
{
    (void)signal;
    stop = 1;
}

DT_TEST(frames_next, ends_when_a_signal_asks_for_it)
{
    int ends[2];
    dt_ok(pipe(ends) == 0 && write(ends[1], "time,a,b\n", 9) == 9, "pipe");
    char name[32];
    snprintf(name, sizeof name, "/dev/fd/%d", ends[0]);
    struct sigaction act = {.sa_handler = on_alarm}, before;
    sigaction(SIGALRM, &act, &before);
    dura_frames *f;
    dura_error err;
    dura_frames_row row = DURA_FRAMES_ROW_INIT;
    dura_frames_options o = options();
    o.path = name;
    o.stop = &stop;
    dt_eq(dura_frames_open(&f, &o, &err), 0, "%s", why(&err));
    /* A second alarm in case the first one comes before the read. */
    struct itimerval soon = {{0, 50000}, {0, 20000}}, none = {{0, 0}, {0, 0}};
    setitimer(ITIMER_REAL, &soon, NULL);
    dt_eq(dura_frames_next(f, &row, &err), 0, "the end");
    setitimer(ITIMER_REAL, &none, NULL);
    dt_eq(stop, 1, "by the signal");
    dura_frames_close(f);
    sigaction(SIGALRM, &before, NULL);
    close(ends[0]);
    close(ends[1]);
}
