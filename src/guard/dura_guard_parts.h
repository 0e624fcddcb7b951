/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which part of what runs a policy's sections are (docs/gate.md, "Parts"): what of two policies
 * differs, by part.
 */
#ifndef DURA_GUARD_PARTS_H
#define DURA_GUARD_PARTS_H

#include <dura/gate.h>

#include "../base/dura_base_priv.h"
#include "dura_guard_policy.h"

/* DURA_PART_* of a section. */
static inline uint32_t durai_part_of(uint32_t section)
{
    switch (section) {
    case DURAI_POLICY_INPUTS:
    case DURAI_POLICY_FEATURES: return DURA_PART_NORMALISATION;
    case DURAI_POLICY_OUTPUTS: return DURA_PART_THRESHOLDS;
    case DURAI_POLICY_SENSOR:
    case DURAI_POLICY_CHANNELS:
    case DURAI_POLICY_CHECKS:
    case DURAI_POLICY_TERMS:
    case DURAI_POLICY_NAMES: return DURA_PART_CONTRACT;
    case DURAI_POLICY_DRIFT:
    case DURAI_POLICY_REFERENCES:
    case DURAI_POLICY_HISTOGRAMS:
    case DURAI_POLICY_MSPC:
    case DURAI_POLICY_NUMBERS: return DURA_PART_DRIFT;
    default: return DURA_PART_RULES;
    }
}

/* The section that names a part's file by its digest, and where; 0: the part is no file. */
static inline uint32_t durai_part_named(uint32_t part, uint32_t *at)
{
    *at = part == DURA_PART_REGISTER ? DURAI_POLICY_GATE_RISK_REGISTER_AT
          : part == DURA_PART_LABELS ? DURAI_POLICY_UPDATES_LABELS_AT
                                     : DURAI_POLICY_UPDATES_LABEL_MAP_AT;
    if (part == DURA_PART_REGISTER)
        return DURAI_POLICY_GATE;
    return part == DURA_PART_LABEL_MAP || part == DURA_PART_LABELS ? DURAI_POLICY_UPDATES : 0;
}

/* Of two checked policies: DURA_PART_* that differ. */
static inline uint32_t durai_part_changes(const void *a, const void *b)
{
    uint32_t bits = 0;
    for (uint32_t s = 1; s <= DURAI_POLICY_SECTIONS; s++) {
        uint32_t na, nb, la, lb, part = durai_part_of(s);
        const uint8_t *pa = durai_policy_section(a, s, &na, &la), *pb = durai_policy_section(b, s, &nb, &lb);
        for (uint32_t file = DURA_PART_REGISTER, at; file && la && la == lb; file >>= 1)
            if (durai_part_named(file, &at) == s) {
                bits |= memcmp(pa + at, pb + at, DURA_HASH_BYTES) ? file : 0u;
                la = lb = at; /* digests of files are the record's last, the lowest part first */
            }
        if (la != lb || (la && memcmp(pa, pb, la) != 0))
            bits |= part;
    }
    return bits;
}

/* Digest of a part of a checked policy: of its sections, ascending, each with its type and length
 * before it; of a file that a policy names by digest, that. 1; 0: it has none, as of MODEL and BOX;
 * a hook's code. */
static inline int durai_part_digest(const void *policy, uint32_t part, uint8_t sum[DURA_HASH_BYTES], const dura_crypto *c,
                                    dura_hash_state *h)
{
    static const uint8_t none[DURA_HASH_BYTES];
    uint8_t head[8];
    uint32_t n, len, any = 0;
    uint32_t at, named = durai_part_named(part, &at);
    if (named) {
        const uint8_t *p = durai_policy_section(policy, named, &n, NULL);
        if (n)
            memcpy(sum, p + at, DURA_HASH_BYTES);
        return n && memcmp(sum, none, DURA_HASH_BYTES) != 0;
    }
    int rc = c->hash_init(c->user, h);
    for (uint32_t s = 1; s <= DURAI_POLICY_SECTIONS && rc >= 0; s++) {
        if (durai_part_of(s) != part)
            continue;
        const uint8_t *p = durai_policy_section(policy, s, &n, &len);
        durai_put32(head, s);
        durai_put32(head + 4, len);
        rc = c->hash_update(c->user, h, head, sizeof head);
        if (rc >= 0 && len)
            rc = c->hash_update(c->user, h, p, len);
        any = 1;
    }
    if (rc >= 0)
        rc = c->hash_final(c->user, h, sum);
    return rc < 0 ? rc : (int)any;
}

#endif
