/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Events as records: a row into the CBOR pairs of an EVENT record, and a record into the
 * numbers that the correlator takes (docs/formats/log.md, section 4, kind 19).
 *
 * The guard reads the same numbers from the same bytes in its worker. Both sides must
 * agree, or a folder correlated later would say something else than the device did.
 */
#include <dura/host/events.h>

#include "../base/dura_base_priv.h"

static uint16_t put_text(durai_cbor *c, uint64_t key, const char *text)
{
    if (!text || !*text)
        return 0;
    durai_cbor_ktext(c, key, text, strlen(text));
    return 1;
}

static uint16_t put_index(durai_cbor *c, uint64_t key, uint16_t index)
{
    if (index == DURA_NONE)
        return 0;
    durai_cbor_kuint(c, key, index);
    return 1;
}

int dura_event_encode(const dura_events_row *row, void *out, size_t cap, uint16_t *n_pairs)
{
    durai_cbor c;
    uint16_t n = 1;
    if (!row || row->struct_size < sizeof *row || !out || !n_pairs || !row->category || !*row->category ||
        !row->type || !*row->type || row->event.severity > 10 || row->event.trust > DURA_TRUST_SOURCE)
        return DURA_EINVAL;
    durai_cbor_init(&c, out, cap);
    n = (uint16_t)(n + put_text(&c, 16, row->category));
    n = (uint16_t)(n + put_text(&c, 17, row->type));
    n = (uint16_t)(n + put_text(&c, 18, row->id));
    n = (uint16_t)(n + put_text(&c, 19, row->result));
    durai_cbor_kuint(&c, 20, row->event.severity);
    n = (uint16_t)(n + put_text(&c, 21, row->actor));
    n = (uint16_t)(n + put_index(&c, 22, row->event.asset));
    n = (uint16_t)(n + put_index(&c, 23, row->event.zone));
    n = (uint16_t)(n + put_text(&c, 24, row->peer));
    n = (uint16_t)(n + put_text(&c, 25, row->detail));
    if (row->event.trust == DURA_TRUST_SOURCE) {
        durai_cbor_kuint(&c, 26, 1);
        n++;
    }
    if (c.err < 0)
        return c.err;
    DURA_ASSERT(n >= 3 && n <= 11);
    *n_pairs = n;
    return (int)c.len;
}

static uint16_t index_of(const dura_record *r, uint32_t key)
{
    uint64_t v;
    return dura_record_uint(r, key, &v) == DURA_OK && v < DURA_NONE ? (uint16_t)v : (uint16_t)DURA_NONE;
}

int dura_event_of_record(const dura_record *r, dura_event *out)
{
    const char *text[2] = {NULL, NULL}, *p;
    size_t len[2] = {0, 0}, n;
    uint64_t v;
    dura_event e = DURA_EVENT_INIT;
    if (!r || r->struct_size < sizeof *r || !out)
        return DURA_EINVAL;
    if (r->kind != DURA_REC_EVENT)
        return DURA_ENOENT;
    if (dura_record_text(r, 16, &text[0], &len[0]) == DURA_OK && dura_record_text(r, 17, &text[1], &len[1]) == DURA_OK)
        e.type = dura_event_class(text[0], len[0], text[1], len[1]);
    if (dura_record_text(r, 19, &p, &n) == DURA_OK)
        e.failed = n >= 4 && memcmp(p, "fail", 4) == 0;
    if (dura_record_uint(r, 20, &v) == DURA_OK && v <= 10)
        e.severity = (uint8_t)v;
    if (dura_record_text(r, 21, &p, &n) == DURA_OK)
        e.actor = durai_crc32c(0, p, n);
    e.asset = index_of(r, 22);
    e.zone = index_of(r, 23);
    if (dura_record_uint(r, 26, &v) == DURA_OK && v == 1)
        e.trust = DURA_TRUST_SOURCE;
    *out = e;
    return DURA_OK;
}
