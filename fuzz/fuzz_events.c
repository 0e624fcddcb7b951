/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as events, behind a head byte that chooses format, trust and strictness, with a
 * table of assets. Whatever comes:
 *   every row is whole: texts valid UTF-8 within their room, numbers in their ranges, and
 *     the trust never more than the options allow;
 *   every line is in exactly one count;
 *   a row makes a record of the one allowed encoding, and the record gives the same numbers;
 *   a lenient reader fails for limits only; a second reading says the same.
 * Also the bytes as assets.csv.
 */
#include <dura/host/events.h>

#include "base/dura_base_priv.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MUST(c) ((c) ? (void)0 : (fprintf(stderr, "broken: %s\n", #c), abort()))

static int file_of(const void *p, size_t n, char path[32])
{
    int fd = memfd_create("events", 0);
    MUST(fd >= 0 && write(fd, p, n) == (ssize_t)n);
    snprintf(path, 32, "/dev/fd/%d", fd);
    MUST(lseek(fd, 0, SEEK_SET) == 0);
    return fd;
}

static void text_holds(const char *text, size_t most)
{
    durai_cbor c;
    uint8_t buf[300];
    MUST(text && strlen(text) <= most);
    for (const char *p = text; *p; p++)
        MUST((unsigned char)*p >= 0x20 && *p != 0x7F);
    durai_cbor_init(&c, buf, sizeof buf);
    durai_cbor_text(&c, text, strlen(text));
    MUST(c.err == 0 && durai_cbor_check(buf, c.len) == 0); /* valid UTF-8 */
}

static void record_holds(const dura_events_row *row)
{
    uint8_t pairs[DURA_EVENT_BYTES_MAX], bytes[DURA_EVENT_BYTES_MAX + 64];
    uint16_t n = 0;
    durai_cbor c;
    dura_event back;
    dura_record rec = {.struct_size = sizeof rec};
    int len = dura_event_encode(row, pairs, sizeof pairs, &n);
    MUST(len > 0 && n >= 3);
    durai_cbor_init(&c, bytes, sizeof bytes);
    durai_cbor_map(&c, 7u + n);
    durai_cbor_kuint(&c, 1, 1);
    durai_cbor_kuint(&c, 2, DURA_LOG_SECURITY);
    durai_cbor_kuint(&c, 3, 0);
    durai_cbor_kuint(&c, 4, 0);
    durai_cbor_kuint(&c, 5, 1);
    durai_cbor_kuint(&c, 6, 0);
    durai_cbor_kuint(&c, 11, DURA_REC_EVENT);
    durai_cbor_raw(&c, pairs, (size_t)len);
    MUST(dura_record_decode(bytes, c.len, &rec) == DURA_OK);
    MUST(dura_event_of_record(&rec, &back) == DURA_OK);
    MUST(memcmp(&back, &row->event, sizeof back) == 0);
}

static void row_holds(const dura_events_row *row, const dura_events_options *o, uint64_t n, uint64_t line)
{
    MUST(row->row == n && row->line > line);
    MUST(row->time.wall_ns >= 0 && row->time.mono_ns == row->time.wall_ns);
    MUST(row->event.type < DURA_EVENT_CLASSES && row->event.severity <= 10 && row->event.failed <= 1);
    MUST(row->event.trust <= (o->trust_file ? DURA_TRUST_SOURCE : o->trust));
    MUST(*row->category && *row->type);
    text_holds(row->category, DURA_EVENT_CATEGORY_MAX);
    text_holds(row->type, DURA_EVENT_TYPE_MAX);
    text_holds(row->id, DURA_EVENT_ID_MAX);
    text_holds(row->result, DURA_EVENT_RESULT_MAX);
    text_holds(row->actor, DURA_EVENT_ACTOR_MAX);
    text_holds(row->peer, DURA_EVENT_PEER_MAX);
    text_holds(row->detail, DURA_EVENT_DETAIL_MAX);
    record_holds(row);
}

/* The whole file once; the counts as they ended. */
static int read_all(const void *p, size_t size, dura_events_options *o, dura_events_counts *c)
{
    char path[32];
    dura_events *e;
    dura_error err;
    dura_events_row row = DURA_EVENTS_ROW_INIT;
    uint64_t n = 0, line = 0;
    int fd = file_of(p, size, path), rc;
    o->path = path;
    memset(&err, 0, sizeof err);
    MUST(dura_events_open(&e, o, &err) == DURA_OK);
    while ((rc = dura_events_next(e, &row, &err)) == 1) {
        row_holds(&row, o, n++, line);
        line = row.line;
    }
    if (rc < 0)
        MUST(err.code == rc && err.text[0]);
    memset(c, 0, sizeof *c);
    c->struct_size = sizeof *c;
    MUST(dura_events_query(e, c) == DURA_OK && c->rows == n);
    MUST(c->lines - (rc < 0) <= c->rows + c->skipped + c->malformed + c->cut);
    MUST(rc < 0 || c->lines == c->rows + c->skipped + c->malformed + c->cut);
    MUST(c->cut <= 1 && c->unmapped <= n && c->unclassified <= n);
    MUST(o->lenient ? rc == 0 || rc == DURA_ELIMIT : c->malformed == 0);
    dura_events_close(e);
    close(fd);
    return rc;
}

static void as_assets(const uint8_t *data, size_t size)
{
    char path[32];
    dura_events *e;
    dura_error err;
    dura_events_options o = DURA_EVENTS_OPTIONS_INIT;
    int fd = file_of(data, size, path);
    o.path = "/dev/null";
    o.assets = path;
    int rc = dura_events_open(&e, &o, &err);
    MUST((rc == DURA_OK) == (e != NULL));
    MUST(rc == DURA_OK || rc == DURA_ESYNTAX || rc == DURA_ELIMIT);
    dura_events_close(e);
    close(fd);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char table[] = "ip,mac,asset,zone\n10.0.0.1,,3,1\n10.0.0.9,aa:bb:cc:00:11:22,,2\n2001:db8::1,,5,\n";
    char path[32];
    dura_events_counts a, b;
    dura_events_options o = DURA_EVENTS_OPTIONS_INIT;
    if (size == 0)
        return 0;
    int fd = file_of(table, sizeof table - 1, path);
    o.format = (uint8_t)(data[0] % 3);
    o.trust = data[0] >> 2 & 1;
    o.trust_file = data[0] >> 3 & 1;
    o.lenient = data[0] >> 4 & 1;
    o.assets = path;
    int first = read_all(data + 1, size - 1, &o, &a);
    MUST(lseek(fd, 0, SEEK_SET) == 0);
    MUST(read_all(data + 1, size - 1, &o, &b) == first && memcmp(&a, &b, sizeof a) == 0);
    close(fd);
    as_assets(data + 1, size - 1);
    return 0;
}
