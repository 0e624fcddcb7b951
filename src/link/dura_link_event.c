/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dura_link_event.c - a link's fact as the pairs of an EVENT record (docs/formats/log.md).
 *
 * The words are those the correlator knows: a forged frame is spoofing, an old one a replay,
 * what is no frame of ours a protocol violation; all of them failed, as they were refused.
 * No trust is claimed for them: whoever reaches the wire can cause them.
 */
#include "dura_link_priv.h"

/* Keys of the record. */
enum { CATEGORY = 16, TYPE = 17, ID = 18, RESULT = 19, SEVERITY = 20, ASSET = 22, ZONE = 23, DETAIL = 25 };

typedef struct text {
    char at[96];
    size_t n;
} text;

static void say(text *t, const char *words)
{
    while (*words) {
        DURA_ASSERT(t->n < sizeof t->at);
        t->at[t->n++] = *words++;
    }
}

static void say_number(text *t, const char *before, uint64_t v)
{
    say(t, before);
    DURA_ASSERT(t->n + 20u <= sizeof t->at);    /* digits of a u64 */
    t->n += durai_dec(t->at + t->n, v);
}

static size_t length_of(const char *s)
{
    size_t n = 0;
    while (s[n])
        n++;
    return n;
}

static void put_words(durai_cbor *c, uint64_t key, const char *words)
{
    durai_cbor_ktext(c, key, words, length_of(words));
}

/* The first that applies: what the frame was, best known first. */
static const char *type_of(uint32_t why)
{
    static const struct {
        uint32_t bit;
        const char *word;
    } types[] = {
        {DURA_L_AUTH, "spoofing"}, {DURA_L_REPLAY, "replay"}, {DURA_L_WRONG_SEQUENCE, "wrong_sequence"},
        {DURA_L_CONTENT, "bad_content"}, {DURA_L_UNCHECKED, "not_checked"},
        {DURA_L_LENGTH | DURA_L_VERSION | DURA_L_SOURCE, "protocol_violation"},
        {DURA_L_ROTATED, "key_rotated"}, {DURA_L_EPOCH, "sender_restarted"}, {DURA_L_RESYNC, "resynchronised"}};
    size_t i, n = sizeof types / sizeof types[0];
    for (i = 0; i + 1u < n; i++)
        if (why & types[i].bit)
            break;
    return types[i].word;
}

/* Was the tag right? Then the number is the sender's, else only somebody's claim. */
static int authentic(uint32_t why)
{
    return !(why & (uint32_t)(DURA_L_AUTH | DURA_L_UNCHECKED | DURA_L_LENGTH | DURA_L_VERSION | DURA_L_SOURCE));
}

static void put_id(durai_cbor *c, const dura_fact *f)
{
    text t;
    t.n = 0;
    say_number(&t, authentic(f->reasons) ? "frame " : "claimed ", f->source);
    say_number(&t, "/", f->frame);
    durai_cbor_ktext(c, ID, t.at, t.n);
}

static void put_detail(durai_cbor *c, const dura_fact *f)
{
    text t;
    t.n = 0;
    say_number(&t, "reasons ", f->reasons);
    say_number(&t, ", profile ", (uint64_t)f->value[1] >> 8 & 255u);
    say_number(&t, ", key ", (uint64_t)f->value[1] & 255u);
    say_number(&t, ", refused in a row ", (uint64_t)f->value[0]);
    durai_cbor_ktext(c, DETAIL, t.at, t.n);
}

int dura_link_event(const dura_fact *fact, void *out, size_t cap, uint16_t *n_pairs)
{
    const uint32_t hostile = DURA_L_AUTH | DURA_L_REPLAY;
    const uint32_t unheard = 0xFFFFu & ~(uint32_t)DURA_L_EPOCH;
    durai_cbor c;
    uint16_t n = 6;
    if (!fact || !out || !n_pairs || fact->kind != DURA_FACT_LINK || fact->severity > 10)
        return DURA_EINVAL;
    durai_cbor_init(&c, out, cap);
    put_words(&c, CATEGORY, fact->reasons & hostile ? "exploit" : "network");
    put_words(&c, TYPE, type_of(fact->reasons));
    put_id(&c, fact);
    put_words(&c, RESULT, fact->reasons & unheard ? "failed: refused" : "accepted");
    durai_cbor_kuint(&c, SEVERITY, fact->severity);
    if (fact->asset != DURA_NONE) {
        durai_cbor_kuint(&c, ASSET, fact->asset);
        n++;
    }
    if (fact->zone != DURA_NONE) {
        durai_cbor_kuint(&c, ZONE, fact->zone);
        n++;
    }
    put_detail(&c, fact);
    if (c.err < 0)
        return c.err;
    DURA_ASSERT(c.len <= DURA_LINK_EVENT_MAX);
    *n_pairs = n;
    return (int)c.len;
}
