/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dura/port.h - what the box lends to dura: storage, cryptography, a place to speak.
 *
 * Nothing here is needed for a first sensor verdict. A guard that infers and records
 * needs two storage callbacks pairs (read/prog, erase/sync) and a crypto provider.
 * Time is not a hook: it is an argument of every call that needs it.
 *
 * Rules for every hook
 *   - `user` is the pointer in the same struct; dura never looks behind it.
 *   - returns 0, or a negative value that dura hands back unchanged (stay below -100).
 *   - is called only from the context of the dura call that is documented as [port].
 *   - the structs are borrowed: they stay where they are until the object that was
 *     given them is no longer used.
 *   - a newer struct on an older library is capped, not refused.
 */
#ifndef DURA_PORT_H
#define DURA_PORT_H

#include <dura/base.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- storage -------------------------------------------------------------------- */

/* Named regions. A missing one is a NULL pointer in dura_port. */
enum {
    DURA_REGION_SECURITY = 0,   /* the security log */
    DURA_REGION_DECISION = 1,   /* the decision log */
    DURA_REGION_NV = 2,         /* factory record, boot counter, latches: >= 4 erase blocks */
    DURA_REGION_JOURNAL = 3,    /* the gate's journal */
    DURA_REGION_SLOT_A = 4,     /* model slots */
    DURA_REGION_SLOT_B = 5,
    DURA_REGIONS = 6
};

/* A linear piece of storage. Programming needs an erased destination; erased bytes
 * read as one value throughout (0xFF on flash, 0x00 in our files). Bytes that were
 * programmed but not yet synced may be lost, torn or kept in any order by a power
 * cut; after sync returns 0 they survive. */
typedef struct dura_region {
    uint32_t struct_size;
    uint32_t erase_size;    /* bytes, power of two, 64..2^26 */
    uint32_t prog_size;     /* bytes, power of two, 1..4096; prog offsets and lengths are
                               multiples of it */
    uint32_t reserved;      /* 0 */
    uint64_t size;          /* bytes, multiple of erase_size */
    void    *user;
    int (*read)(void *user, uint64_t off, void *buf, size_t len);        /* required */
    int (*prog)(void *user, uint64_t off, const void *buf, size_t len);  /* required */
    int (*erase)(void *user, uint64_t off, size_t len);                  /* required */
    int (*sync)(void *user);            /* optional: without it prog is taken as durable */
} dura_region;

/* ---- cryptography --------------------------------------------------------------- */

#define DURA_HASH_BYTES 32       /* SHA-256 (FIPS 180-4) */
#define DURA_SIG_BYTES 64        /* Ed25519 (RFC 8032) */
#define DURA_PUBKEY_BYTES 32
#define DURA_TAG_BYTES 16        /* HMAC-SHA-256 (RFC 2104), first 128 bits */
#define DURA_HASH_STATE_BYTES 256

/* Room for a provider's hash state (software, engine handle, PSA operation). */
typedef struct dura_hash_state { uint64_t opaque[DURA_HASH_STATE_BYTES / 8]; } dura_hash_state;

/* Key slots are numbers the provider understands; dura uses these. */
enum {
    DURA_KEY_LOG = 0,       /* signs epoch seals; evolves: see key_advance */
    DURA_KEY_DEVICE = 1,    /* keyed tags on NV and journal records */
    DURA_KEY_LINK = 16      /* and up: keys of sensor links (dura/link.h), used by mac only */
};

/* The provider. Keys never cross this boundary: signing goes by slot, so a secure
 * element or PSA fits. Signing keys of DURA_KEY_LOG evolve: seed(e+1) = KDF(seed(e)),
 * and what was before the current epoch can no longer be computed. */
typedef struct dura_crypto {
    uint32_t struct_size;
    uint32_t reserved;      /* 0 */
    void    *user;
    int (*hash_init)(void *user, dura_hash_state *s);                              /* required */
    int (*hash_update)(void *user, dura_hash_state *s, const void *p, size_t n);   /* required */
    int (*hash_final)(void *user, dura_hash_state *s, uint8_t out[DURA_HASH_BYTES]); /* required */

    /* n independent messages, message i = one byte `prefix` then len[i] bytes at in[i].
     * (optional: without it dura loops over init/update/final) */
    int (*hash_many)(void *user, uint8_t prefix, const void *const *in, const size_t *len,
                     size_t n, uint8_t (*out)[DURA_HASH_BYTES]);

    /* 0: the signature is right. DURA_EAUTH: it is not.
     * (optional: without it nothing signed is accepted, so no model runs) */
    int (*verify)(void *user, const uint8_t pub[DURA_PUBKEY_BYTES], const void *msg, size_t n,
                  const uint8_t sig[DURA_SIG_BYTES]);

    /* HMAC-SHA-256 with the key in `slot`, truncated. (optional: without it NV records
     * carry a CRC only, and docs/porting.md says what that costs) */
    int (*mac)(void *user, uint32_t slot, const void *msg, size_t n, uint8_t tag[DURA_TAG_BYTES]);

    /* The evolving key. *epoch gets the epoch whose seed the provider holds.
     * (the four below: optional together; without them seals are not signed and
     * `dura verify` can never say INTACT) */
    int (*key_epoch)(void *user, uint32_t slot, uint32_t *epoch);
    /* Public key of `epoch`, which is the held epoch or the one after it. */
    int (*key_public)(void *user, uint32_t slot, uint32_t epoch, uint8_t pub[DURA_PUBKEY_BYTES]);
    /* Sign with the key of the held epoch; any other `epoch` is DURA_ESTATE. */
    int (*sign)(void *user, uint32_t slot, uint32_t epoch, const void *msg, size_t n,
                uint8_t sig[DURA_SIG_BYTES]);
    /* Make seed(epoch) durable, then wipe everything older. `epoch` is the held epoch
     * (no change) or the one after it. */
    int (*key_advance)(void *user, uint32_t slot, uint32_t epoch);

    /* verify under another algorithm than Ed25519, as a release key's `alg` names it (dura/gate.h):
     * 128 and up are yours. pub is what stands for the key, of one that is longer its digest.
     * (optional: without it what such a key signed counts for nothing) */
    int (*verify_other)(void *user, uint32_t alg, const uint8_t pub[DURA_PUBKEY_BYTES], const void *msg,
                        size_t n, const uint8_t sig[DURA_SIG_BYTES]);
} dura_crypto;

struct dura_feature_calls;    /* dura/feature.h */
struct dura_drift_calls;      /* dura/drift.h */
struct dura_correlate_calls;  /* dura/correlate.h */
struct dura_gate_calls;       /* dura/gate.h */
struct dura_sensor_calls;     /* dura/sensor_checks.h */
struct dura_mspc_calls;       /* dura/mspc.h */
struct dura_histogram_calls;  /* dura/histogram.h */

/* ---- the port ------------------------------------------------------------------- */

/* What one call of a hook costs, in work units of your choosing; dura_guard_idle and
 * dura_log_step stay within a budget counted in them. 0 means 1. A single hook call is
 * never split: one that alone exceeds the budget runs only as the first work of a call. */
typedef struct dura_cost {
    uint16_t hash_block;    /* 64 bytes through the hash */
    uint16_t prog;          /* one prog call */
    uint16_t sync;          /* one sync call */
    uint16_t sign;          /* one sign with its two key_public and key_advance calls */
} dura_cost;

typedef struct dura_port {
    uint32_t struct_size;
    dura_cost cost;
    uint32_t reserved;      /* 0 */
    const dura_region *region[DURA_REGIONS];   /* each optional; see DURA_REGION_* */
    const dura_crypto *crypto;                 /* optional: without it no model runs */
    void *sink_user;
    /* Every fact as it is recorded, e.g. to a lamp or a bus.
     * (optional) Called from dura_guard_idle and dura_guard_override only. */
    void (*sink)(void *user, const dura_fact *fact, const dura_time *t);
    /* The modules linked in beside sensor, log and guard: their call tables, e.g.
     * dura_drift_part(). Each is optional; a policy that uses one that is not there is
     * DURA_ENOTSUP. So a small policy links small. */
    const struct dura_feature_calls *feature;
    const struct dura_drift_calls *drift;
    const struct dura_correlate_calls *correlate;
    const struct dura_gate_calls *gate;
    const struct dura_sensor_calls *sensor;    /* for a policy with checks */
    /* Where what the drift monitor knows outlives a start: optional, at least two erase blocks,
     * each half as large as the state (docs/formats/drift.md). Only beside logs that go on
     * over the start: who reads them has to find what was kept. */
    const dura_region *kept;
    const struct dura_guard_watch_calls *watch;    /* for a policy with drift or correlate */
    const struct dura_drift_calls *chart;          /* dura_drift_chart_part(): for another detector
                                                      than the mixture, which `drift` then need not be */
    const struct dura_mspc_calls *mspc;            /* for drift.mspc */
    const struct dura_histogram_calls *histogram;  /* for drift.histograms */
    /* Is the machine in a state in which this DURA_COMPONENT_* may be switched: 1; anything
     * else: not now. (optional) Called from dura_guard_idle, with sink_user. */
    int (*safe_state)(void *user, uint32_t component);
    /* A counter that goes on while a model runs, of cycles or microseconds; it may wrap, once per
     * inference at most. (optional) Called from dura_guard_step, with sink_user, while a shadow
     * run lasts whose policy limits shadow_latency; such a policy is DURA_ENOTSUP without it. */
    uint32_t (*ticks)(void *user);
} dura_port;

#ifdef __cplusplus
}
#endif
#endif
