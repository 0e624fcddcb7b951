/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Genesis, epochs and seals. Bytes: docs/formats/log.md sections 3 and 4.
 *
 * A seal is a C2SP checkpoint of its own log that also names the other log's tree and
 * the public key of the next epoch. Order is what makes it forward secure and cut proof:
 * all durable, seal of the security log, durable, seal of the decision log, durable,
 * and only then the provider drops the key of the epoch (key_advance). Whatever a power
 * cut leaves of that order can be recognised and finished (dura_log_recover.c).
 *
 * Roots are folded one node per step, so a seal never takes more than one signature
 * at a time out of a budget.
 */
#include "dura_log_priv.h"

/* Step: root over all leaves of side i into log->root[slot]. */
static int fold(dura_log *log, uint32_t i, uint32_t slot)
{
    const durai_tree *t = &log->side[i].tree;

    DURA_ASSERT(t->size > 0 && t->size == log->side[i].seq);
    if (log->root_level == 0) {
        uint32_t low = 0;
        while (((t->size >> low) & 1u) == 0)
            low++;
        memcpy(log->root[slot], t->peak[low], 32);
        log->root_level = (uint8_t)(low + 1u);
    }
    for (; t->size >> log->root_level != 0; log->root_level++) {
        int rc;
        if (((t->size >> log->root_level) & 1u) == 0)
            continue;
        if (!durai_log_afford(log, 2u * log->cost.hash_block))
            return DURAI_WAIT;
        rc = durai_log_node(log, t->peak[log->root_level], log->root[slot], log->root[slot]);
        if (rc < 0)
            return rc;
    }
    log->root_level = 0;
    return DURAI_DONE;
}

/* Step: both roots a seal of side i needs. */
static int roots(dura_log *log, uint32_t i)
{
    while (log->root_stage != DURAI_ROOT_READY) {
        int own = log->root_stage == DURAI_ROOT_OWN;
        int rc = fold(log, own ? i : 1u - i, own ? 0 : 1);
        if (rc != DURAI_DONE)
            return rc;
        log->root_stage++;
    }
    return DURAI_DONE;
}

/* ---- the signed text -------------------------------------------------------------- */

static char *put_text(char *p, const char *text)
{
    while (*text != '\0')
        *p++ = *text++;
    return p;
}

static char *put_number(char *p, const char *label, uint64_t v)
{
    p = put_text(p, label);
    return p + durai_dec(p, v);
}

static char *put_hash(char *p, const char *label, const uint8_t h[32])
{
    p = put_text(p, label);
    p += durai_base64(p, h, 32);
    *p++ = '\n';
    return p;
}

/* A closed log's last seals are final; one that recovery adds is what its twin was. */
static int is_final(const dura_log *log)
{
    return log->closed == DURAI_CLOSING ||
           (log->seal == DURAI_SEAL_DECISION && log->side[0].final);
}

/* The text of docs/formats/log.md section 3 into the scratch; returns its length. */
static size_t seal_text(dura_log *log, uint32_t i)
{
    char *start = (char *)log->scratch.text, *p = put_text(start, "dura:");

    p += durai_hex(p, log->origin, sizeof log->origin);
    p = put_text(p, i == 0 ? "/security\n" : "/decision\n");
    p = put_number(p, "", log->side[i].seq);
    p = put_hash(p, "\n", log->root[0]);
    p = put_number(p, "epoch ", log->epoch);
    p = put_number(p, "\nother ", log->side[1u - i].seq);
    p = put_hash(p, " ", log->root[1]);
    p = put_hash(p, "next ", log->phase.seal.next);
    p = put_number(p, "gseq ", log->gseq);
    p = put_text(p, is_final(log) ? "\nfinal\n" : "\n");
    DURA_ASSERT((size_t)(p - start) <= sizeof log->scratch.text);
    return (size_t)(p - start);
}

/* ---- the record ------------------------------------------------------------------- */

static void put_seal(dura_log *log, uint32_t i)
{
    uint32_t final = (uint32_t)is_final(log);
    durai_cbor c;

    durai_log_begin(log, i, &c, NULL, DURA_REC_SEAL, 6u + final);
    durai_cbor_kuint(&c, 16, log->epoch);
    durai_cbor_kbytes(&c, 17, log->root[0], 32);
    durai_cbor_kuint(&c, 18, log->side[1u - i].seq);
    durai_cbor_kbytes(&c, 19, log->root[1], 32);
    durai_cbor_kbytes(&c, 20, log->phase.seal.next, 32);
    durai_cbor_kbytes(&c, 21, log->phase.seal.sig, log->signs ? DURA_SIG_BYTES : 0);
    if (final) {
        durai_cbor_uint(&c, 22);
        durai_cbor_bool(&c, 1);
    }
    DURA_ASSERT(c.err == 0 && c.len <= DURAI_SEAL_MAX);
    durai_log_put(log, i, (uint32_t)c.len);
    log->side[i].epoch = log->epoch + 1u;
}

/* Next key and signature of side i's seal; zeros when nobody can sign. */
static int sign(dura_log *log, uint32_t i)
{
    const dura_crypto *k = log->crypto;
    uint32_t slot = log->cfg.key_slot;
    int rc;

    DURA_ASSERT(!durai_log_hashing(log));   /* the leaves' place is free */
    memset(&log->phase.seal, 0, sizeof log->phase.seal);
    if (!log->signs)
        return DURAI_DONE;
    if (!durai_log_afford(log, log->cost.sign))
        return DURAI_WAIT;
    rc = k->key_public(k->user, slot, log->epoch + 1u, log->phase.seal.next);
    if (rc == 0)
        rc = k->sign(k->user, slot, log->epoch, log->scratch.text, seal_text(log, i),
                     log->phase.seal.sig);
    return durai_log_hook(log, rc);
}

/* Step: sign and stage the seal of side i. */
static int seal_side(dura_log *log, uint32_t i)
{
    int rc = durai_log_room(log, i, DURAI_SEAL_MAX);

    if (rc == DURAI_DONE)
        rc = roots(log, i);
    if (rc == DURAI_DONE)
        rc = sign(log, i);
    if (rc != DURAI_DONE)
        return rc;
    put_seal(log, i);
    log->root_stage = DURAI_ROOT_OWN;
    log->seal++;
    return DURAI_MORE;
}

/* Step: both seals are durable, the key moves on. */
static int advance(dura_log *log)
{
    const dura_crypto *k = log->crypto;

    if (log->signs) {
        if (!durai_log_afford(log, log->cost.sign))
            return DURAI_WAIT;
        if (durai_log_hook(log, k->key_advance(k->user, log->cfg.key_slot, log->epoch + 1u)) < 0)
            return log->last_error;
    }
    log->epoch++;
    log->side[0].epoch = log->side[1].epoch = log->epoch;
    log->unsealed = 0;
    log->seal_since = log->now.mono_ns;
    log->seal = DURAI_SEAL_NONE;
    return DURAI_MORE;
}

int durai_log_seal(dura_log *log)
{
    int rc = durai_log_commit(log);

    DURA_ASSERT(log->seal >= DURAI_SEAL_SECURITY && log->seal <= DURAI_SEAL_ADVANCE);
    if (rc != DURAI_DONE)
        return rc;
    if (log->seal == DURAI_SEAL_ADVANCE)
        return advance(log);
    return seal_side(log, log->seal == DURAI_SEAL_SECURITY ? 0 : 1u);
}

/* ---- the beginning ---------------------------------------------------------------- */

int durai_log_origin(dura_log *log, uint8_t pub[DURA_PUBKEY_BYTES])
{
    const dura_crypto *k = log->crypto;
    uint8_t *digest = log->scratch.node.out[0];
    int rc = 0;

    memset(pub, 0, DURA_PUBKEY_BYTES);
    if (log->signs)
        rc = k->key_public(k->user, log->cfg.key_slot, log->epoch, pub);
    if (rc == 0)
        rc = k->hash_init(k->user, &log->hash);
    if (rc == 0)
        rc = k->hash_update(k->user, &log->hash, pub, DURA_PUBKEY_BYTES);
    if (rc == 0)
        rc = k->hash_final(k->user, &log->hash, digest);
    if (rc == 0)
        memcpy(log->origin, digest, sizeof log->origin);
    return durai_log_hook(log, rc);
}

int durai_log_genesis(dura_log *log, uint32_t i, const uint8_t pub[DURA_PUBKEY_BYTES])
{
    durai_cbor c;
    int rc = durai_log_room(log, i, DURAI_OWN_MAX);

    if (rc != DURAI_DONE)
        return rc;
    durai_log_begin(log, i, &c, NULL, DURA_REC_GENESIS, 2);
    durai_cbor_kbytes(&c, 16, log->origin, sizeof log->origin);
    durai_cbor_kbytes(&c, 17, pub, DURA_PUBKEY_BYTES);
    DURA_ASSERT(c.err == 0 && c.len <= DURAI_OWN_MAX);
    durai_log_put(log, i, (uint32_t)c.len);
    return DURAI_DONE;
}
