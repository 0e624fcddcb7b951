/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A receiver under anything: bytes of any kind, frames of its sender whole, altered, again,
 * late; key changes, resets, saved bytes whole or not. The head of the input makes the link,
 * the rest is a script. Whatever comes, under a keyed tag:
 *   only what the sender sealed is accepted, byte for byte, and no number twice;
 *   what is refused writes no output, and unless it was authentic moves no freshness;
 *   a sealed frame with a bit flipped is refused;
 *   after a reset nothing up to what was saved is accepted.
 * Under the CRC, which anybody can make, the last three. In half of all links every other
 * channel is a count: what is accepted there is an integer, and its very bits come out.
 */
#include <dura/host/crypto.h>
#include <dura/link.h>

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { N = 9, ROOM = 128, KEPT = 64, GUARD = 0x6B };

typedef struct bytes {
    const uint8_t *p;
    size_t left;
} bytes;

typedef struct kept {
    uint8_t frame[ROOM];
    size_t len;
    uint64_t number;
    int taken;
} kept;

typedef struct world {
    dura_link_config cfg;
    dura_sodium keys;
    __attribute__((aligned(8))) uint64_t memory[2][DURA_LINK_BYTES / 8]; /* it is not, on i386 */
    dura_link *from, *to;
    kept sealed[KEPT];
    uint32_t n;                /* sealed so far; the last KEPT are kept */
    uint64_t floor;            /* nothing up to here may be accepted */
    uint8_t profile, saved[DURA_LINK_SAVE_BYTES];
    int has_saved;
} world;

static void must(int holds)
{
    if (!holds)
        abort();
}

static uint8_t take(bytes *in)
{
    uint8_t b = in->left ? *in->p : 0;
    if (in->left)
        in->p++, in->left--;
    return b;
}

static int persist(void *user, uint32_t epoch)
{
    (void)user;
    (void)epoch;
    return 0;
}

static void attach(world *w, dura_link *l, uint8_t id)
{
    dura_link_key k = DURA_LINK_KEY_INIT;
    k.id = id;
    k.profile = w->profile;
    if (w->profile == DURA_LINK_HMAC)
        k.slot = (uint32_t)DURA_KEY_LINK + id;
    if (w->profile == DURA_LINK_SIPHASH)
        memset(k.sip, 0x40 + id, sizeof k.sip);
    must(dura_link_attach(l, &k) == DURA_OK);
}

static const uint8_t counts[N] = {0, 1, 0, 1, 0, 1, 0, 1, 0};

static void build(world *w, bytes *in)
{
    static const dura_link_config init = DURA_LINK_CONFIG_INIT;
    uint8_t head = take(in);
    memset(w, 0, sizeof *w);
    w->profile = (uint8_t)(1 + head % 3);
    w->cfg = init;
    w->cfg.source = 4, w->cfg.n_channels = N, w->cfg.least = w->profile;
    w->cfg.window = take(in) % 65;
    w->cfg.max_delta = head & 64 ? take(in) : 0;
    w->cfg.overlap = head & 32 ? take(in) : 0;
    w->cfg.ahead = head & 16 ? take(in) : 0;
    w->cfg.kinds = head & 128 ? counts : NULL;
    w->cfg.crypto = &w->keys.crypto;
    must(dura_sodium_init(&w->keys, NULL, 0, NULL, NULL, NULL) == DURA_OK);
    for (uint8_t id = 0; id < 4; id++) {
        uint8_t key[32];
        memset(key, 0x11 * (id + 1), sizeof key);
        must(dura_sodium_key(&w->keys, (uint32_t)DURA_KEY_LINK + id, key, sizeof key) == DURA_OK);
    }
    must(dura_link_init(&w->from, w->memory[0], sizeof w->memory[0], &w->cfg) == DURA_OK);
    must(dura_link_init(&w->to, w->memory[1], sizeof w->memory[1], &w->cfg) == DURA_OK);
    attach(w, w->from, 0);
    attach(w, w->to, 0);
    must(dura_link_start(w->from, take(in), persist, NULL) == DURA_OK);
}

/* What save() would write, without that it were saved. */
static void freshness(const world *w, uint8_t out[DURA_LINK_SAVE_BYTES])
{
    uint64_t copy[DURA_LINK_BYTES / 8];
    size_t len = DURA_LINK_SAVE_BYTES;
    memcpy(copy, w->memory[1], sizeof copy);
    must(dura_link_save((dura_link *)(void *)copy, out, &len) == DURA_OK);
}

static void outputs_hold(int rc, const float *values, const uint8_t *missing)
{
    const uint8_t *v = (const uint8_t *)values;
    size_t i;
    for (i = rc == DURA_OK ? N : 0; i < N + 4; i++)
        must(missing[i] == GUARD);
    for (i = rc == DURA_OK ? 4 * N : 0; i < 4 * (N + 4); i++)
        must(v[i] == GUARD);
}

/* Bitmaps of two bytes, then the words. */
static void counts_hold(const world *w, const uint8_t *frame, const float *values, const uint8_t *missing)
{
    for (uint32_t i = 0; w->cfg.kinds && i < N; i++) {
        const uint8_t *p = frame + 32 + 4 * i;
        uint32_t word = (uint32_t)p[3] << 24 | (uint32_t)p[2] << 16 | (uint32_t)p[1] << 8 | p[0], got;
        memcpy(&got, &values[i], sizeof got);
        if (w->cfg.kinds[i] && !missing[i])
            must(got == word && (frame[30 + i / 8] >> i % 8 & 1));
    }
}

/* `of`: the sealed frame these bytes are, or NULL. */
static void offer(world *w, const uint8_t *frame, size_t len, kept *of)
{
    dura_frame f = DURA_FRAME_INIT;
    dura_link_report r = DURA_LINK_REPORT_INIT;
    float values[N + 4];
    uint8_t missing[N + 4], before[DURA_LINK_SAVE_BYTES], after[DURA_LINK_SAVE_BYTES];
    int rc;
    memset(values, GUARD, sizeof values);
    memset(missing, GUARD, sizeof missing);
    freshness(w, before);
    rc = dura_link_open(w->to, frame, len, &f, values, missing, &r);
    freshness(w, after);
    outputs_hold(rc, values, missing);
    must(rc == DURA_OK || (rc == DURA_EAUTH && f.values == NULL && f.n == 0 && r.reasons != 0));
    must((rc == DURA_OK) == ((r.reasons & 0xFF7Fu) == 0 && r.authentic));
    if (!r.authentic)
        must(memcmp(before, after, sizeof before) == 0 && rc == DURA_EAUTH);
    if (rc != DURA_OK)
        return;
    counts_hold(w, frame, values, missing);
    must(f.frame == r.frame && f.frame > w->floor && f.n == N && f.source == 4);
    if (w->profile == DURA_LINK_CRC)
        return;
    must(of != NULL && of->number == f.frame && !of->taken);
    of->taken = 1;
}

/* The kept frame with exactly these bytes, or NULL. */
static kept *same(world *w, const uint8_t *frame, size_t len)
{
    for (uint32_t i = 0; i < KEPT && i < w->n; i++)
        if (w->sealed[i].len == len && memcmp(w->sealed[i].frame, frame, len) == 0)
            return &w->sealed[i];
    return NULL;
}

static kept *seal(world *w, bytes *in)
{
    kept *k = &w->sealed[w->n++ % KEPT];
    dura_link_status s = DURA_LINK_STATUS_INIT;
    uint32_t words[N];
    uint8_t kinds[N], missing[N];
    for (uint32_t i = 0; i < N; i++) {
        uint8_t b = take(in);
        kinds[i] = b & 1, missing[i] = b & 2, words[i] = (uint32_t)b << 24 | b;
    }
    k->len = ROOM;
    k->taken = 0;
    must(dura_link_seal(w->from, take(in), words, kinds, missing, N, k->frame, &k->len) == DURA_OK);
    must(dura_link_query(w->from, &s) == DURA_OK);
    k->number = s.frame;
    return k;
}

static void flipped(world *w, const kept *k, bytes *in)
{
    uint8_t b[ROOM];
    size_t bit = (size_t)take(in) * 4 + take(in);
    dura_link_status s = DURA_LINK_STATUS_INIT, t = DURA_LINK_STATUS_INIT;
    memcpy(b, k->frame, k->len);
    b[bit / 8 % k->len] ^= (uint8_t)(1u << bit % 8);
    must(dura_link_query(w->to, &s) == DURA_OK);
    offer(w, b, k->len, NULL);
    must(dura_link_query(w->to, &t) == DURA_OK && t.accepted == s.accepted);
}

static void reset(world *w, uint8_t next)
{
    dura_link_status s = DURA_LINK_STATUS_INIT;
    if (!w->has_saved)
        return;
    must(dura_link_init(&w->to, w->memory[1], sizeof w->memory[1], &w->cfg) == DURA_OK);
    attach(w, w->to, 0);
    if (next)
        attach(w, w->to, 1 + next % 3);
    must(dura_link_load(w->to, w->saved, sizeof w->saved) == DURA_OK);
    must(dura_link_query(w->to, &s) == DURA_OK);
    w->floor = s.frame > w->floor ? s.frame : w->floor;
    for (uint32_t i = 0; i < KEPT; i++)        /* those above the floor were not all saved */
        w->sealed[i].taken = w->sealed[i].taken && w->sealed[i].number <= w->floor;
}

static void rotate(world *w, uint8_t id)
{
    dura_link_status s = DURA_LINK_STATUS_INIT;
    must(dura_link_query(w->from, &s) == DURA_OK);
    if (id == s.key_id)
        return;
    must(dura_link_query(w->to, &s) == DURA_OK);
    if (id == s.key_id)
        return;
    attach(w, w->from, id);
    attach(w, w->to, id);
}

static void raw(world *w, bytes *in)
{
    uint8_t b[160];
    size_t len = take(in) % sizeof b;
    for (size_t i = 0; i < len; i++)
        b[i] = take(in);
    offer(w, b, len, same(w, b, len));
}

static void op(world *w, bytes *in)
{
    uint8_t what = take(in);
    kept *k = &w->sealed[what / 8 % KEPT];
    size_t len = DURA_LINK_SAVE_BYTES;
    switch (what % 8) {
    case 0: raw(w, in); break;
    case 1: k = seal(w, in); offer(w, k->frame, k->len, k); break;
    case 2: (void)seal(w, in); break;
    case 3: if (k->len) offer(w, k->frame, k->len, k); break;
    case 4: if (k->len) flipped(w, k, in); break;
    case 5: must(dura_link_save(w->to, w->saved, &len) == DURA_OK); w->has_saved = 1; break;
    case 6: reset(w, take(in) % 4); break;
    default: rotate(w, what / 8 % 4); break;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static world w;
    bytes in = {data, size};
    build(&w, &in);
    if (size % 2) {            /* half of all inputs: as saved bytes, too */
        uint8_t before[DURA_LINK_SAVE_BYTES], after[DURA_LINK_SAVE_BYTES];
        freshness(&w, before);
        if (dura_link_load(w.to, in.p, in.left) != DURA_OK) {
            freshness(&w, after);
            must(memcmp(before, after, sizeof before) == 0);
        }
    }
    for (int ops = 0; ops < 400 && in.left; ops++)
        op(&w, &in);
    return 0;
}
