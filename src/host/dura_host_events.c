/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The events reader: lines to objects, objects to rows, and a count for every line.
 *
 * One line is parsed at a time by the strict JSON reader, so a log of any length needs the
 * memory of its longest line. What a line means is the formats' business; here is what both
 * need: texts cut to their room at a character, times as integers, addresses to assets.
 */
#include "dura_host_events_priv.h"

#include "../base/dura_base_priv.h"
#include "dura_host_frames_priv.h"
#include "dura_host_json_priv.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <unistd.h>

static const uint16_t room[DURAI_TEXTS] = {
    DURA_EVENT_CATEGORY_MAX, DURA_EVENT_TYPE_MAX, DURA_EVENT_ID_MAX,    DURA_EVENT_RESULT_MAX,
    DURA_EVENT_ACTOR_MAX,    DURA_EVENT_PEER_MAX, DURA_EVENT_DETAIL_MAX};

/* ---- messages ------------------------------------------------------------------------ */

int durai_events_error(const dura_events *e, dura_error *err, int code, const char *member,
                       const char *fmt, ...)
{
    char text[384];
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    uint64_t line = e->line_no > UINT32_MAX ? UINT32_MAX : e->line_no;
    return dura_error_set(err, code, e->path, (uint32_t)line, member, "%s", text);
}

/* ---- what both formats need ------------------------------------------------------------ */

void durai_events_put(dura_events *e, int which, const char *text)
{
    static const char mark[] = "\xE2\x80\xA6";
    size_t n = strlen(text), most = room[which];
    DURA_ASSERT(which >= 0 && which < DURAI_TEXTS);
    if (n <= most) {
        memcpy(e->text[which], text, n + 1);
        return;
    }
    n = most - (sizeof mark - 1);
    while (n > 0 && ((unsigned char)text[n] & 0xC0) == 0x80) /* not inside a character */
        n--;
    memcpy(e->text[which], text, n);
    memcpy(e->text[which] + n, mark, sizeof mark);
    e->shortened++;
}

int durai_events_text(const dura_events *e, const dura_json *doc, uint32_t object, const char *member,
                      const char **out, dura_error *err)
{
    uint32_t v = dura_json_member(doc, object, member);
    *out = NULL;
    if (v == DURA_JSON_NONE || dura_json_type(doc, v) == DURA_JSON_NULL)
        return 0;
    if (dura_json_get_text(doc, v, 0, DURA_EVENTS_LINE_MAX, out, NULL) == DURA_OK)
        return 0;
    return durai_events_error(e, err, DURA_ESYNTAX, member, "want a text without control characters");
}

int durai_events_scalar(const dura_events *e, const dura_json *doc, uint32_t value, char *buf, size_t n,
                        dura_error *err)
{
    const char *text = NULL;
    durai_json_text raw = {e->line, e->len, NULL, DURA_JSON_BYTES_MAX, DURA_JSON_VALUES_MAX, NULL, 0, 0};
    const char *name = dura_json_name(doc, value);
    size_t len = 0;
    int rc = 0;
    if (dura_json_get_text(doc, value, 0, DURA_EVENTS_LINE_MAX, &text, NULL) == DURA_OK) {
        len = strlen(text);
    } else if (dura_json_type(doc, value) == DURA_JSON_NUMBER) {
        /* As it stands in the line: a double would lose the last 200 ns of a time. */
        rc = durai_json_scan(&raw, err);
        DURA_ASSERT(rc < 0 || value < raw.n);
        if (rc == DURA_OK) {
            text = e->line + raw.token[value].value;
            len = raw.token[value].end - raw.token[value].value;
        }
        free(raw.token);
    } else {
        rc = durai_events_error(e, err, DURA_ESYNTAX, name, "want a number, or a text without control characters");
    }
    if (rc == 0 && len >= n)
        rc = durai_events_error(e, err, DURA_ESYNTAX, name, "is longer than %u bytes", (unsigned)n - 1);
    if (rc == 0)
        snprintf(buf, n, "%.*s", (int)len, text);
    return rc;
}

int durai_events_int(const dura_events *e, const dura_json *doc, uint32_t object, const char *member,
                     int64_t lo, int64_t hi, int64_t otherwise, int64_t *out, dura_error *err)
{
    uint32_t v = dura_json_member(doc, object, member);
    *out = otherwise;
    if (v == DURA_JSON_NONE || dura_json_type(doc, v) == DURA_JSON_NULL)
        return 0;
    if (dura_json_get_int(doc, v, lo, hi, out, NULL) == DURA_OK)
        return 0;
    return durai_events_error(e, err, DURA_ESYNTAX, member, "want an integer from %lld to %lld", (long long)lo,
                              (long long)hi);
}

int durai_events_time(dura_events *e, const char *member, const char *text, dura_error *err)
{
    char shown[48];
    int rc = durai_time_text(text, NULL, &e->wall_ns);
    durai_frames_show(text, shown);
    if (rc == -1)
        return durai_events_error(e, err, DURA_ETIME, member,
                                  "\"%s\" is not a time: want ISO 8601 or seconds since 1970", shown);
    if (rc == -2 || e->wall_ns < 0)
        return durai_events_error(e, err, DURA_ETIME, member, "\"%s\" is before 1970 or after 2261", shown);
    return 0;
}

void durai_events_locate(dura_events *e, const char *dst, const char *src, const char *mac_dst,
                         const char *mac_src)
{
    const char *const order[] = {dst, mac_dst, src, mac_src};
    for (size_t i = 0; i < 4; i++)
        if (order[i] && durai_assets_find(e->assets, order[i], &e->event.asset, &e->event.zone))
            return;
}

/* ---- lines ---------------------------------------------------------------------------- */

/* The next character; EOF at the end, or when a signal asked to stop. */
static int next_char(dura_events *e)
{
    int c;
    while ((c = getc_unlocked(e->file)) == EOF && ferror(e->file) && errno == EINTR) {
        if (e->stop && *e->stop)
            return EOF;
        clearerr(e->file);
    }
    return c;
}

static int make_room(dura_events *e, dura_error *err)
{
    size_t cap = e->cap ? e->cap * 2 : 1024;
    if (e->len > DURA_EVENTS_LINE_MAX)
        return durai_events_error(e, err, DURA_ELIMIT, NULL, "the line is longer than 1 MiB");
    if (e->len + 2 <= e->cap)
        return 0;
    char *line = realloc(e->line, cap);
    if (!line)
        return dura_error_set(err, DURA_ENOSPC, e->path, 0, NULL, "out of memory");
    e->line = line;
    e->cap = cap;
    return 0;
}

/* The next line without its end. 1; 0 at the end; an error. */
static int read_line(dura_events *e, dura_error *err)
{
    int c, rc = 0;
    e->len = 0;
    e->ended = 0;
    e->line_no++;
    while ((c = next_char(e)) != EOF && c != '\n') {
        rc = make_room(e, err);
        if (rc < 0)
            return rc;
        e->line[e->len++] = (char)c;
    }
    if (c == EOF && ferror(e->file) && errno != EINTR)
        return dura_error_set(err, DURA_EIO, e->path, 0, NULL, "cannot be read: %s", strerror(errno));
    e->ended = c == '\n';
    if (!e->ended && e->len == 0)
        return 0;
    rc = make_room(e, err);
    if (rc < 0)
        return rc;
    while (e->len && e->line[e->len - 1] == '\r')
        e->len--;
    e->line[e->len] = '\0';
    return 1;
}

/* Past a byte order mark at the start of the file. */
static void skip_mark(dura_events *e)
{
    if (e->line_no == 1 && e->len >= 3 && memcmp(e->line, "\xEF\xBB\xBF", 3) == 0) {
        e->len -= 3;
        memmove(e->line, e->line + 3, e->len + 1);
    }
}

static int is_blank(const dura_events *e)
{
    return strspn(e->line, " \t") == e->len;
}

/* The next line that is not blank. */
static int next_line(dura_events *e, dura_error *err)
{
    int rc;
    do {
        rc = read_line(e, err);
        if (rc == 1)
            skip_mark(e);
    } while (rc == 1 && is_blank(e));
    e->counts.lines += rc == 1;
    return rc;
}

/* ---- rows ------------------------------------------------------------------------------ */

static void clear_row(dura_events *e)
{
    static const dura_event blank = DURA_EVENT_INIT;
    e->event = blank;
    e->event.trust = e->trust;
    e->shortened = 0;
    for (int i = 0; i < DURAI_TEXTS; i++)
        e->text[i][0] = '\0';
}

/* Which format an object has: Suricata's has both of these. */
static uint32_t recognise(const dura_json *doc)
{
    int eve = dura_json_type(doc, dura_json_member(doc, DURA_JSON_ROOT, "event_type")) == DURA_JSON_TEXT &&
              dura_json_type(doc, dura_json_member(doc, DURA_JSON_ROOT, "timestamp")) == DURA_JSON_TEXT;
    return eve ? DURA_EVENTS_EVE : DURA_EVENTS_NDJSON;
}

/* The line at hand as a tree. 0, or an error that names this file's line. */
static int parse(const dura_events *e, dura_json **doc, dura_error *err)
{
    dura_error mine;
    int rc = dura_json_parse(e->line, e->len, e->path, doc, &mine);
    if (rc < 0)
        return durai_events_error(e, err, rc, mine.field, "%.300s", mine.text);
    if (dura_json_type(*doc, DURA_JSON_ROOT) == DURA_JSON_OBJECT)
        return 0;
    dura_json_deinit(*doc);
    *doc = NULL;
    return durai_events_error(e, err, DURA_ESYNTAX, NULL, "want one JSON object per line");
}

/* What both formats' rows have in common. */
static void finish_row(dura_events *e)
{
    const char *actor = e->text[DURAI_TEXT_ACTOR];
    e->event.type = dura_event_class(e->text[DURAI_TEXT_CATEGORY], strlen(e->text[DURAI_TEXT_CATEGORY]),
                                     e->text[DURAI_TEXT_TYPE], strlen(e->text[DURAI_TEXT_TYPE]));
    e->event.failed = strncmp(e->text[DURAI_TEXT_RESULT], "fail", 4) == 0;
    e->event.actor = durai_crc32c(0, actor, strlen(actor));
    e->counts.rows++;
    e->counts.shortened += e->shortened;
    e->counts.unclassified += e->event.type == DURA_EVENT_OTHER;
    e->counts.unmapped += e->event.type != DURA_EVENT_HEARTBEAT && e->event.asset == DURA_NONE &&
                          e->event.zone == DURA_NONE;
}

/* The line at hand into the row in hand. 1; 0: nothing to say; an error. */
static int take_line(dura_events *e, dura_error *err)
{
    dura_json *doc;
    int rc = parse(e, &doc, err);
    if (rc < 0 && !e->ended && rc == DURA_ESYNTAX) { /* rotation cuts the last line */
        e->counts.cut = 1;
        return 0;
    }
    if (rc < 0)
        return rc;
    if (e->counts.format == DURA_EVENTS_AUTO)
        e->counts.format = recognise(doc);
    clear_row(e);
    rc = e->counts.format == DURA_EVENTS_EVE ? durai_events_eve(e, doc, err) : durai_events_ndjson(e, doc, err);
    dura_json_deinit(doc);
    if (rc == 1)
        finish_row(e);
    e->counts.skipped += rc == 0;
    return rc;
}

static void give(const dura_events *e, dura_events_row *row)
{
    *row = (dura_events_row){(uint32_t)sizeof *row, 0, e->counts.rows - 1, e->line_no,
                             {e->wall_ns, e->wall_ns, 0, UINT32_MAX, DURA_CLOCK_UNSYNCED, {0}}, e->event,
                             e->text[DURAI_TEXT_CATEGORY], e->text[DURAI_TEXT_TYPE], e->text[DURAI_TEXT_ID],
                             e->text[DURAI_TEXT_RESULT], e->text[DURAI_TEXT_ACTOR], e->text[DURAI_TEXT_PEER],
                             e->text[DURAI_TEXT_DETAIL]};
}

int dura_events_next(dura_events *e, dura_events_row *row, dura_error *err)
{
    int rc;
    if (!e || !row || row->struct_size < sizeof *row)
        return dura_error_set(err, DURA_EINVAL, NULL, 0, NULL, "events: no reader or no row");
    while ((rc = next_line(e, err)) == 1) {
        rc = take_line(e, err);
        if (rc == 1) {
            give(e, row);
            return 1;
        }
        if (rc == DURA_ENOSPC || (rc < 0 && !e->lenient))
            return rc;
        e->counts.malformed += rc < 0;
    }
    return rc;
}

/* ---- open, query, close ------------------------------------------------------------------ */

static int check_options(const dura_events_options *o, dura_error *err)
{
    if (!o || o->struct_size < sizeof *o || !o->path)
        return dura_error_set(err, DURA_EINVAL, NULL, 0, NULL, "options: a path is needed");
    if (o->format > DURA_EVENTS_EVE || o->trust > DURA_TRUST_SOURCE || o->trust_file > 1 || o->lenient > 1)
        return dura_error_set(err, DURA_EINVAL, NULL, 0, NULL,
                              "options: a format, a trust or a flag is out of its range");
    return 0;
}

static int open_file(dura_events *e, const char *path, dura_error *err)
{
    int fd = strcmp(path, "-") == 0 ? dup(STDIN_FILENO) : -1;
    e->file = fd >= 0 ? fdopen(fd, "r") : fopen(path, "re");
    if (e->file)
        return 0;
    int code = errno == ENOENT || errno == ENOTDIR ? DURA_ENOENT : DURA_EIO;
    return dura_error_set(err, code, e->path, 0, NULL, "cannot be read: %s", strerror(errno));
}

int dura_events_open(dura_events **out, const dura_events_options *o, dura_error *err)
{
    if (!out)
        return DURA_EINVAL;
    *out = NULL;
    int rc = check_options(o, err);
    if (rc < 0)
        return rc;
    dura_events *e = calloc(1, sizeof *e);
    if (!e || (e->path = strdup(strcmp(o->path, "-") == 0 ? "<stdin>" : o->path)) == NULL) {
        free(e);
        return dura_error_set(err, DURA_ENOSPC, o->path, 0, NULL, "out of memory");
    }
    e->counts.format = o->format;
    e->trust = o->trust;
    e->trust_file = o->trust_file;
    e->lenient = o->lenient;
    e->stop = o->stop;
    rc = o->assets ? durai_assets_load(&e->assets, o->assets, err) : 0;
    if (rc == 0)
        rc = open_file(e, o->path, err);
    if (rc < 0) {
        dura_events_close(e);
        return rc;
    }
    *out = e;
    return DURA_OK;
}

int dura_events_query(const dura_events *e, dura_events_counts *out)
{
    if (!e || !out)
        return DURA_EINVAL;
    return durai_struct_out(out, &e->counts, (uint32_t)sizeof e->counts, (uint32_t)sizeof e->counts);
}

void dura_events_close(dura_events *e)
{
    if (!e)
        return;
    if (e->file)
        fclose(e->file);
    durai_assets_close(e->assets);
    free(e->line);
    free(e->path);
    free(e);
}
