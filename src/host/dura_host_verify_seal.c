/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What single records state, compared with what the pass has rebuilt: genesis and keys,
 * seals (docs/formats/log.md section 3), recover records (section 5).
 *
 * Keys are a chain: the genesis holds the key of epoch 0, each seal signs the key of the
 * next epoch, so one key known from outside vouches for all of them, and a key stolen
 * today cannot sign yesterday.
 */
#include "dura_host_verify_priv.h"

#include <stdlib.h>

static int all_zero(const uint8_t *p, size_t n)
{
    uint8_t any = 0;
    for (size_t i = 0; i < n; i++)
        any |= p[i];
    return any == 0;
}

/* ---- genesis ----------------------------------------------------------------------- */

static int genesis(durai_verify *v, int i, const dura_record *r)
{
    const uint8_t *origin, *pub;
    size_t n;
    uint8_t digest[32];
    if (dura_record_bytes(r, 16, &origin, &n) != DURA_OK || dura_record_bytes(r, 17, &pub, &n) != DURA_OK)
        return durai_broken_here(v, DURA_VERIFY_RULE_GENESIS, i);
    dura_sha256_query(digest, pub, 32);
    if (memcmp(digest, origin, 16) != 0 || memcmp(origin, v->origin, 16) != 0)
        return durai_broken_here(v, DURA_VERIFY_RULE_GENESIS, i);
    if (v->have_key)
        return memcmp(pub, v->rep->key, 32) == 0 ? DURAI_GO
                                                 : durai_broken_here(v, DURA_VERIFY_RULE_GENESIS, i);
    v->have_key = 1;
    v->signs = (uint8_t)!all_zero(pub, 32);
    memcpy(v->rep->key, pub, 32);
    memcpy(v->key[0], pub, 32);
    v->rep->unsigned_logs = (uint8_t)!v->signs;
    return durai_verify_key(v, i);
}

/* ---- seals --------------------------------------------------------------------------- */

/* Signed by the key of its epoch? Logs that cannot sign have neither keys nor signatures. */
static int check_signature(durai_verify *v, int i, const durai_checkpoint *c, const uint8_t key[32])
{
    char text[DURAI_CP_TEXT];
    if (!v->signs) {
        if (c->has_sig || !all_zero(c->next, 32))
            return durai_broken_here(v, DURA_VERIFY_RULE_SEAL_SIGNATURE, i);
        return DURAI_GO;
    }
    size_t n = durai_checkpoint_text(c, text);
    if (!c->has_sig || dura_ed25519_verify(key, text, n, c->sig) != DURA_OK)
        return durai_broken_here(v, DURA_VERIFY_RULE_SEAL_SIGNATURE, i);
    return DURAI_GO;
}

static int check_trees(durai_verify *v, int i, const durai_checkpoint *c)
{
    durai_side *other = &v->side[1 - i];
    uint8_t root[32];
    durai_side_root(&v->side[i], root);
    if (memcmp(root, c->root, 32) != 0)
        return durai_broken_here(v, DURA_VERIFY_RULE_SEAL_ROOT, i);
    durai_side_root(other, root);
    if (c->other_size != other->n || memcmp(root, c->other_root, 32) != 0)
        return durai_broken_here(v, DURA_VERIFY_RULE_SEAL_OTHER, i);
    return DURAI_GO;
}

/* Security first, then decision, with the same epoch, the same end, the same next key. */
static int check_pair(durai_verify *v, int i, const durai_checkpoint *c)
{
    const durai_checkpoint *first = &v->side[0].seal;
    if (c->epoch != v->side[i].epoch)
        return durai_broken_here(v, DURA_VERIFY_RULE_SEAL_EPOCH, i);
    if ((i == 1) != (v->pair == 1))
        return durai_broken_here(v, DURA_VERIFY_RULE_SEAL_PAIR, i);
    if (i == 1 && (c->epoch != first->epoch || c->final != first->final))
        return durai_broken_here(v, DURA_VERIFY_RULE_SEAL_PAIR, i);
    if (i == 1 && memcmp(c->next, first->next, 32) != 0)
        return durai_broken_here(v, DURA_VERIFY_RULE_SEAL_KEY, i);
    return DURAI_GO;
}

/* A checkpoint kept outside names this place: it must be this seal, word for word. */
static int check_kept(durai_verify *v, int i, const durai_checkpoint *c)
{
    char ours[DURAI_CP_TEXT], kept[DURAI_CP_TEXT];
    if (!v->have_kept || v->kept.log != i + 1 || v->kept.size != c->size)
        return DURAI_GO;
    size_t n = durai_checkpoint_text(c, ours), m = durai_checkpoint_text(&v->kept, kept);
    if (n != m || memcmp(ours, kept, n) != 0 || !c->has_sig || memcmp(c->sig, v->kept.sig, 64) != 0)
        return durai_broken_here(v, DURA_VERIFY_RULE_OUTSIDE_CHECKPOINT, i);
    v->kept_met = 1;
    v->anchored = 1;
    return DURAI_GO;
}

static int seal(durai_verify *v, int i, const dura_record *r)
{
    durai_side *s = &v->side[i];
    durai_checkpoint c;
    durai_checkpoint_of(&c, r, v->origin);
    int rc = check_pair(v, i, &c);
    if (rc == DURAI_GO)
        rc = check_trees(v, i, &c);
    if (rc == DURAI_GO)
        rc = check_signature(v, i, &c, v->key[0]);
    if (rc == DURAI_GO)
        rc = check_kept(v, i, &c);
    if (rc != DURAI_GO)
        return rc;
    memcpy(s->seal_key, v->key[0], 32);
    s->seal = c;
    s->epoch++;
    s->final = c.final;
    v->pair = (uint8_t)(i == 0);
    if (i == 1) {
        memcpy(v->key[0], c.next, 32);
        v->rep->epochs++;
    }
    v->rep->seals++;
    v->rep->sealed = r->gseq;
    return DURAI_GO;
}

/* ---- recover ---------------------------------------------------------------------------- */

/* H of n bytes of one value: a RECOVER about bytes that were never programmed. */
static void digest_of_fill(uint8_t out[32], uint8_t fill, uint64_t n)
{
    uint8_t block[256];
    dura_sha256 h;
    memset(block, fill, sizeof block);
    dura_sha256_init(&h);
    for (; n; n -= n < sizeof block ? n : sizeof block)
        dura_sha256_update(&h, block, n < sizeof block ? (size_t)n : sizeof block);
    dura_sha256_final(&h, out);
}

static int recover(durai_verify *v, int i, const dura_record *r)
{
    durai_side *s = &v->side[i];
    durai_gap *g = &s->gap;
    uint64_t cause = 0, segment = 0, offset = 0, bytes = 0;
    const uint8_t *digest;
    size_t n;
    if (dura_record_uint(r, 16, &cause) != DURA_OK || dura_record_uint(r, 17, &segment) != DURA_OK ||
        dura_record_uint(r, 18, &offset) != DURA_OK || dura_record_uint(r, 19, &bytes) != DURA_OK ||
        dura_record_bytes(r, 20, &digest, &n) != DURA_OK)
        return durai_broken_here(v, DURA_VERIFY_RULE_RECORD_CBOR, i);
    if (cause != 1)
        return durai_broken_here(v, DURA_VERIFY_RULE_RECOVER_DAMAGE, i);
    if (!s->first || s->cur.index == 0 || segment != g->segment || offset != g->offset || bytes != g->bytes)
        return durai_broken_here(v, DURA_VERIFY_RULE_RECOVER_PLACE, i);
    if (!g->used)
        digest_of_fill(g->digest, g->fill, g->bytes);
    if (memcmp(digest, g->digest, 32) != 0)
        return durai_broken_here(v, DURA_VERIFY_RULE_RECOVER_DIGEST, i);
    v->rep->recoveries++;
    return DURAI_GO;
}

static int close_record(durai_verify *v, int i, const dura_record *r)
{
    if (i != 0)
        return DURAI_GO; /* only the security log's close carries a manifest */
    uint8_t *copy = realloc(v->close, r->len);
    if (!copy)
        return DURA_ENOSPC;
    memcpy(copy, r->cbor, r->len);
    v->close = copy;
    v->close_len = r->len;
    return DURAI_GO;
}

int durai_verify_record(durai_verify *v, int i, const dura_record *r)
{
    durai_side *s = &v->side[i];
    uint64_t lost = 0;
    if (s->gap.there && s->gap.used && r->kind != DURA_REC_RECOVER)
        return durai_broken(v, DURA_VERIFY_RULE_STRAY_BYTES, i, s->gap.segment, s->gap.offset);
    if (v->pair && r->kind != DURA_REC_RECOVER && !(r->kind == DURA_REC_SEAL && i == 1))
        return durai_broken_here(v, DURA_VERIFY_RULE_SEAL_PAIR, i);
    if (r->kind != DURA_REC_SEAL) {
        v->side[0].final = v->side[1].final = 0;
        v->close_len = 0;
    }
    switch (r->kind) {
    case DURA_REC_GENESIS:
        return genesis(v, i, r);
    case DURA_REC_SEAL:
        return seal(v, i, r);
    case DURA_REC_RECOVER:
        return recover(v, i, r);
    case DURA_REC_CLOSE:
        return close_record(v, i, r);
    case DURA_REC_DROP:
        if (dura_record_uint(r, 17, &lost) == DURA_OK)
            v->rep->dropped += lost;
        return DURAI_GO;
    default:
        return DURAI_GO;
    }
}
