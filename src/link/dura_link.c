/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dura_link.c - builds a link, takes its keys, and seals: all that a sensor unit needs.
 *
 * The number of a frame is epoch << 32 | count, and never repeats: an epoch is durable before
 * its first frame, and a number is given away only with its tag made. Frames are opened in
 * dura_link_open.c, freshness is saved in dura_link_save.c, events are written in
 * dura_link_event.c; the bytes are in docs/formats/link.md.
 */
#include "dura_link_priv.h"

#define CONFIG_V1 ((uint32_t)(32u + sizeof(const dura_crypto *)))   /* without kinds */
#define KEY_V1 28u
#define STATUS_V1 64u
#define LAST 0xFFFFFFFFu        /* the last epoch, and the last count of each */

/* ---- building --------------------------------------------------------------------- */

static int known_kinds(const uint8_t *kinds, uint32_t n)
{
    uint32_t i, worst = 0;
    for (i = 0; kinds && i < n; i++)
        worst = kinds[i] > worst ? kinds[i] : worst;
    return worst <= (uint32_t)DURA_LINK_I32;
}

static int read_config(dura_link_config *c, const dura_link_config *theirs)
{
    int rc;
    if (!theirs)
        return DURA_EINVAL;
    rc = durai_struct_in(c, (uint32_t)sizeof *c, theirs, theirs->struct_size, CONFIG_V1);
    if (rc < 0)
        return rc;
    c->least = c->least ? c->least : (uint8_t)DURA_LINK_HMAC;
    c->window = c->window ? c->window : 64u;
    c->resync_after = c->resync_after ? c->resync_after : 3u;
    if (c->source == DURA_NONE || c->n_channels < 1 || c->n_channels > DURA_LINK_CHANNELS_MAX ||
        c->least > DURA_LINK_CRC || c->window > 64 || c->reserved != 0 ||
        !known_kinds(c->kinds, c->n_channels))
        return DURA_EINVAL;
    return DURA_OK;
}

size_t dura_link_bytes(const dura_link_config *cfg)
{
    dura_link_config c;
    return read_config(&c, cfg) < 0 ? 0 : sizeof(dura_link);
}

int dura_link_init(dura_link **out, void *mem, size_t len, const dura_link_config *cfg)
{
    dura_link_config c;
    dura_link *l = mem;
    int rc;
    if (!out)
        return DURA_EINVAL;
    *out = NULL;
    rc = read_config(&c, cfg);
    if (rc < 0)
        return rc;
    if (!mem)
        return DURA_EINVAL;
    if (((uintptr_t)mem & 7u) != 0)
        return DURA_EALIGN;
    if (len < sizeof *l)
        return DURA_ENOSPC;
    DURA_ASSERT(sizeof *l <= DURA_LINK_BYTES);
    memset(l, 0, sizeof *l);
    l->least_frame = c.least_frame;
    l->crypto = c.crypto;
    l->kinds = c.kinds;
    l->max_delta = c.max_delta;
    l->overlap = c.overlap;
    l->ahead = c.ahead;
    l->source = c.source;
    l->n = c.n_channels;
    l->least = c.least;
    l->window = c.window;
    l->resync_after = c.resync_after;
    *out = l;
    return DURA_OK;
}

/* ---- keys ------------------------------------------------------------------------- */

/* A key that can be used: SipHash's is not all zero, the others have none of their own. */
static int sound_key(const dura_link *l, const dura_link_key *k)
{
    uint32_t i, any = 0;
    for (i = 0; i < DURA_LINK_SIP_BYTES; i++)
        any |= k->sip[i];
    if (durai_link_tag_bytes(k->profile) == 0 || k->profile > l->least || k->reserved != 0 ||
        (any != 0) != (k->profile == DURA_LINK_SIPHASH))
        return DURA_EINVAL;
    /* The provider's other keys are for other things: a tag must not serve for two. */
    if (k->profile == DURA_LINK_HMAC ? k->slot < (uint32_t)DURA_KEY_LINK : k->slot != 0)
        return DURA_EINVAL;
    if (l->key[0].profile && l->key[0].id == k->id)
        return DURA_EINVAL;
    return k->profile == DURA_LINK_HMAC && !(l->crypto && l->crypto->mac) ? DURA_ENOTSUP : DURA_OK;
}

int dura_link_attach(dura_link *l, const dura_link_key *key)
{
    dura_link_key k;
    durai_link_secret *to;
    int rc;
    if (!l || !key)
        return DURA_EINVAL;
    rc = durai_struct_in(&k, (uint32_t)sizeof k, key, key->struct_size, KEY_V1);
    if (rc == DURA_OK)
        rc = sound_key(l, &k);
    if (rc < 0)
        return rc;
    to = &l->key[0];
    if (l->key[0].profile && !(l->flags & DURAI_LINK_SENDER)) {
        to = &l->key[1];
        l->role = DURAI_LINK_NEXT;
        l->former_left = 0;
    }
    to->slot = k.slot;
    to->id = k.id;
    to->profile = k.profile;
    memcpy(to->sip, k.sip, sizeof to->sip);
    return DURA_OK;
}

void durai_link_rotate(dura_link *l)
{
    durai_link_secret former = l->key[0];
    DURA_ASSERT(l->role == DURAI_LINK_NEXT && l->key[1].profile != 0);
    l->key[0] = l->key[1];
    memset(&l->key[1], 0, sizeof l->key[1]);
    l->role = DURAI_LINK_NONE;
    l->former_left = l->overlap;
    if (l->overlap > 0) {
        l->key[1] = former;
        l->role = DURAI_LINK_FORMER;
    }
    memset(&former, 0, sizeof former);
}

/* ---- sealing ---------------------------------------------------------------------- */

/* Make `epoch` durable and begin it. */
static int begin_epoch(dura_link *l, uint32_t epoch)
{
    int rc = l->persist(l->persist_user, epoch);
    if (rc != 0)
        return rc > 0 ? DURA_EIO : rc;
    l->number = (uint64_t)epoch << 32;
    l->flags &= (uint8_t)~DURAI_LINK_ROLL;
    return DURA_OK;
}

int dura_link_start(dura_link *l, uint32_t last, dura_link_persist persist, void *user)
{
    int rc;
    if (!l || !persist)
        return DURA_EINVAL;
    if (l->flags != 0 || l->key[0].profile == 0)
        return DURA_ESTATE;
    if (last == LAST)
        return DURA_ELIMIT;
    l->persist = persist;
    l->persist_user = user;
    rc = begin_epoch(l, last + 1u);
    if (rc == DURA_OK)
        l->flags = DURAI_LINK_SENDER;
    return rc;
}

/* The next epoch, when this one's counts are used up. */
static int roll(dura_link *l)
{
    uint32_t epoch = (uint32_t)(l->number >> 32);
    DURA_ASSERT(epoch > 0 && l->persist != NULL);
    if (!(l->flags & DURAI_LINK_ROLL))
        return DURA_OK;
    return epoch == LAST ? DURA_ELIMIT : begin_epoch(l, epoch + 1u);
}

static void put_head(const dura_link *l, uint8_t *p, size_t len, int64_t time_ns)
{
    DURA_ASSERT(len <= DURA_LINK_FRAME_MAX(l->n) && len <= 0xFFFFu && time_ns >= 0);
    durai_put16(p, DURAI_LINK_MAGIC);
    p[DURAI_LINK_AT_VERSION] = DURAI_LINK_VERSION;
    p[DURAI_LINK_AT_PROFILE] = l->key[0].profile;
    p[DURAI_LINK_AT_KEY] = l->key[0].id;
    p[DURAI_LINK_AT_FLAGS] = 0;
    durai_put16(p + DURAI_LINK_AT_SOURCE, l->source);
    durai_put16(p + DURAI_LINK_AT_CHANNELS, l->n);
    durai_put16(p + DURAI_LINK_AT_LENGTH, (uint16_t)len);
    durai_put64(p + DURAI_LINK_AT_NUMBER, l->number);
    durai_put64(p + DURAI_LINK_AT_TIME, (uint64_t)time_ns);
}

/* Two bitmaps (present, integer), then the values; 0 where there is none. */
static void put_values(uint8_t *p, const uint8_t *values, const uint8_t *kinds, const uint8_t *missing, uint32_t n)
{
    uint32_t map = (n + 7u) / 8u, i;
    DURA_ASSERT(n >= 1 && n <= DURA_LINK_CHANNELS_MAX);
    memset(p, 0, 2u * map + 4u * (size_t)n);
    for (i = 0; i < n; i++) {
        uint8_t bit = (uint8_t)(1u << (i & 7u));
        uint32_t word;
        if (kinds && kinds[i] == DURA_LINK_I32)
            p[map + i / 8u] |= bit;
        if (missing && missing[i])
            continue;
        p[i / 8u] |= bit;
        memcpy(&word, values + 4u * (size_t)i, sizeof word);    /* the bits, whichever kind */
        durai_put32(p + 2u * map + 4u * (size_t)i, word);
    }
}

int dura_link_seal(dura_link *l, int64_t time_ns, const void *values, const uint8_t *kinds,
                   const uint8_t *missing, size_t n, void *out, size_t *len)
{
    uint8_t tag[DURAI_LINK_TAG_MAX], *p = out;
    size_t body, wanted;
    int rc;
    if (!l || !values || !len || n != l->n || time_ns < 0 || !known_kinds(kinds, l->n))
        return DURA_EINVAL;
    if (!(l->flags & DURAI_LINK_SENDER))
        return DURA_ESTATE;
    body = durai_link_body(l->n);
    wanted = body + durai_link_tag_bytes(l->key[0].profile);
    if (*len < wanted) {
        *len = wanted;
        return DURA_ENOSPC;
    }
    if (!out)
        return DURA_EINVAL;
    rc = roll(l);
    if (rc < 0)
        return rc;
    put_head(l, p, wanted, time_ns);
    put_values(p + DURAI_LINK_HEAD, values, kinds ? kinds : l->kinds, missing, l->n);
    rc = durai_link_tag(l, &l->key[0], p, body, tag);
    if (rc < 0)
        return rc;
    memcpy(p + body, tag, wanted - body);
    *len = wanted;
    l->accepted++;
    if ((uint32_t)l->number == LAST)
        l->flags |= (uint8_t)DURAI_LINK_ROLL;
    else
        l->number++;
    return DURA_OK;
}

/* ---- what it knows ---------------------------------------------------------------- */

/* A sender keeps its next number, unless the count is used up. */
static uint64_t newest(const dura_link *l)
{
    if (!(l->flags & DURAI_LINK_SENDER) || (l->flags & DURAI_LINK_ROLL))
        return l->number;
    return l->accepted > 0 ? l->number - 1u : 0u;
}

int dura_link_query(const dura_link *l, dura_link_status *out)
{
    dura_link_status s = DURA_LINK_STATUS_INIT;
    if (!l || !out)
        return DURA_EINVAL;
    s.key_id = l->key[0].profile ? l->key[0].id : DURA_NONE;
    s.other_key_id = l->role != DURAI_LINK_NONE ? l->key[1].id : DURA_NONE;
    s.frame = newest(l);
    s.saved = l->saved;
    s.accepted = l->accepted;
    s.lost = l->lost;
    s.auth = l->refused[0];
    s.replay = l->refused[1];
    s.other = l->refused[2];
    return durai_struct_out(out, &s, (uint32_t)sizeof s, STATUS_V1);
}
