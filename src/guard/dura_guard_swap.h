/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two brains in one guard: which one drives is one word, read by the step at a frame
 * boundary and written by the worker. There only when the policy takes updates.
 */
#ifndef DURA_GUARD_SWAP_H
#define DURA_GUARD_SWAP_H

#include <dura/backend.h>
#include <dura/gate.h>

#include "../base/dura_base_priv.h"

/* Who can drive. NOBODY: the gate is SAFE, and every answer is FALLBACK until a release
 * brings a brain. Its instance is never open and its digest is zeros. */
enum {
    DURAI_BRAIN_FACTORY = 0,
    DURAI_BRAIN_A = 1,
    DURAI_BRAIN_B = 2,
    DURAI_BRAIN_NOBODY = 3,
    DURAI_BRAINS = 4,
    DURAI_BRAIN_NONE = 0xFF
};

/* The activation word: who drives, and who runs beside it: the former one in probation, or the
 * candidate in a shadow run. */
static inline uint32_t durai_brains(uint32_t drives, uint32_t beside) { return drives | beside << 8; }
static inline uint32_t durai_drives(uint32_t word) { return word & 0xFFu; }
static inline uint32_t durai_beside(uint32_t word) { return word >> 8 & 0xFFu; }
enum { DURAI_SHADOW = 1 << 16 };
enum { SHADOW_NOT_YET = 0, SHADOW_RUNS = 1, SHADOW_OVER = 2, SHADOW_TOLD = 3 };

typedef struct durai_brain {
    void *instance;              /* NULL: not open */
    uint8_t digest[32];          /* SHA-256 of the model's bytes */
} durai_brain;

typedef struct durai_swap {
    dura_gate *gate;
    void *owner;                 /* the guard */

    /* shared */
    uint32_t active;             /* worker writes: durai_brains() */
    uint32_t held;               /* producer: the word its step works with, else all ones */
    uint32_t failed;             /* producer: DURA_WHY_* of the candidate, which then no longer
                                    drives; worker clears */
    uint32_t served;             /* producer: frames the candidate drove or, in a shadow run,
                                    answered; worker clears */

    /* the producer's */
    float *raw;                  /* answer of who runs beside: the former model's, or the
                                    candidate's in a shadow run */
    uint64_t apart;              /* sum of the shares of lo..hi, in 2^-16 each; worker clears
                                    before a run begins, as the three below */
    int64_t *lean;               /* per output: the signed shares of the second half less those of
                                    the first */
    uint64_t ticks[2];           /* of the champion, of the candidate, where both answered */

    /* the worker's */
    durai_brain brain[DURAI_BRAINS];
    uint8_t *arena[2];           /* of A and B: image, then instance */
    size_t arena_bytes;          /* of each, instance included */
    uint32_t slot_bytes;
    uint32_t champion;           /* drives or would drive without the candidate */
    uint32_t candidate;          /* open and not the champion; NONE: there is none */
    const void *policy;          /* in force */
    const void *successor;       /* policy a release is to put in force; NULL: not at hand */
    uint8_t successor_digest[32];
    uint32_t n_told;             /* facts said before the log was there */
    dura_fact told[2];
    float max_disagreement;
    uint32_t shadow_frames;
    uint32_t shadow;             /* SHADOW_* of the candidate */
    uint64_t may_differ;         /* what `apart` may come to; all ones: no limit */
    uint64_t may_lean;           /* and every `lean` */
    uint32_t may_take;           /* ticks of the candidate over those of the champion, in 2^-8; 0:
                                    no limit, nobody measures */
    union {                      /* one at a time, and so not on the stack */
        struct {
            dura_gate_config config;
            dura_gate_hooks hooks;
        } init;
        dura_gate_status status;
        dura_hash_state hash;
    } start;
} durai_swap;

/* A share of lo..hi, at least 0, as it is added up. */
uint32_t durai_swap_share(float share);
/* The largest of the sums that lean, without its sign. */
uint64_t durai_swap_leans(const durai_swap *s, uint32_t n_outputs);
/* Candidate's ticks over the champion's, in 2^-8. */
uint32_t durai_swap_ratio(const durai_swap *s);

/* Producer: the word to work with; nothing it names is closed until let_go. */
uint32_t durai_swap_hold(durai_swap *s);
void durai_swap_let_go(durai_swap *s);

#endif
