/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dt_box.h - a whole box in memory: packed policy, factory record, three flash regions,
 * keys, a scripted model, one supply for all of them.
 *
 *   dt_box b;  dt_box_init(&b, &spec);  dt_box_boot(&b);  dura_guard_step(b.guard, ...);
 *
 * The policy image is written here from docs/formats/policy.md, independent of the packer.
 */
#ifndef DT_BOX_H
#define DT_BOX_H

#include "dt_sim.h"

#include <dura/drift_chart.h>
#include <dura/guard.h>
#include <dura/histogram.h>
#include <dura/mspc.h>

#define DT_BOX_CHANNELS 16
#define DT_BOX_IMAGE 4096
#define DT_BOX_SEGMENT 4096u
#define DT_BOX_SLOT 2048u

/* What a test may want to vary. Start from dt_spec_init. */
typedef struct dt_spec {
    uint16_t channels, outputs;
    uint8_t mode;                 /* DURA_OBSERVE, DURA_ENFORCE */
    uint8_t on_violation;         /* 1 clamp, 2 fallback */
    uint16_t checks;              /* DURA_CHECK_* of every channel */
    float lo, hi;                 /* range of every channel (FAIL) */
    float rate_fail;              /* of every channel */
    uint32_t flat_fail_ms, max_age_ms, hold_channel_ms;
    float out_lo, out_hi, out_rate, out_safe;
    uint32_t hold_ms, recover_frames, deadline_us;
    uint32_t ring_bytes, buffer_bytes, commit_records, seal_records, seal_ms;
    uint16_t max_record;
    uint8_t tree_height;
    /* what a policy may ask for; zero: it does not */
    uint8_t features;             /* inputs of the model: for every channel its value and its
                                     mean over 4 frames, in place of the channels */
    uint8_t correlate;
    uint8_t relations;            /* spike on channel 0, vote of 0, 1, 2, rule on 3; channels >= 4 */
    uint8_t min_clock;            /* DURA_CLOCK_* for windows and dates of releases */
    uint32_t quiet_ms;            /* of the correlator */
    float arl0;                   /* drift monitor on every channel and output, their
                                     reference being mean `ref`, deviation 1 */
    float ref;
    uint16_t selftest, confirm;   /* of the drift monitor */
    uint8_t detector;             /* of the drift monitor; for another than the mixture: */
    float shift, limit;
    uint8_t shapes;               /* a histogram of channel 0, T2 and SPE of channels 0 and 1 with a
                                     reference of T2 */
    uint32_t slot_bytes;          /* updates: room for a brain; DT_BOX_SLOT at most */
    uint32_t probation_frames;
    uint8_t  approve;             /* updates: roles that must approve */
    float max_disagreement;
    uint32_t require, shadow_frames;          /* updates, and below */
    float shadow_disagreement;
    uint8_t incident_role, emergency_role;
    uint8_t rollback_role, substantial_role;  /* updates, and below */
    uint32_t planned;
    float shadow_latency, shadow_drift;
    uint8_t label_map[32];
    uint8_t risk_register[32];
} dt_spec;

/* 4 channels within 0..100, 1 output 0..50, safe 5, enforce, commit every record. */
void dt_spec_init(dt_spec *s);

/* Packed policy of s into image (8-byte aligned, DT_BOX_IMAGE bytes). Returns its length. */
size_t dt_policy_image(const dt_spec *s, const uint8_t key[32], void *image);

typedef struct dt_box {
    dt_spec spec;
    uint64_t image[DT_BOX_IMAGE / 8];
    size_t image_len;
    dt_power power;
    dt_flash flash[6];            /* security, decision, NV, journal, slot A, slot B */
    dura_region region[6];
    dt_keystore keys;
    dt_crypto crypto;
    dura_port port;
    dt_backend backend;
    dt_backend_seen seen;
    dura_model model;
    dura_time now;
    dura_guard *guard;
    uint64_t *mem;                /* of the guard; the test gives it */
    size_t mem_len;
} dt_box;

/* Memory for the flash of a box with n segments per log, and for its guard. */
#define DT_BOX_FLASH(n)                                                                             \
    (2u * DT_FLASH_BYTES((n) * DT_BOX_SEGMENT, 16384u) + 2u * DT_FLASH_BYTES(4u * 1024u, 2048u) +   \
     2u * DT_FLASH_BYTES(DT_BOX_SLOT, 4096u))
#define DT_BOX_GUARD 196608u

/* Build everything but the guard; a factory record is in place. flash_mem has
 * DT_BOX_FLASH(segments) bytes, guard_mem DT_BOX_GUARD; both 8-byte aligned. */
void dt_box_init(dt_box *b, const dt_spec *s, void *flash_mem, uint32_t segments, void *guard_mem);
/* (Re)write the factory record for these digests' sources; NULL takes the box's own. */
void dt_box_factory(dt_box *b, const void *policy, size_t policy_len, const void *model, size_t model_len);
/* Start the guard. */
int dt_box_boot(dt_box *b);
/* The power went: reboot all flash in `mode`, supply on; the guard is gone. */
void dt_box_reboot(dt_box *b, int mode, uint64_t seed);
/* Sign with the box's own release key: an envelope around the payload, into out. Bytes. */
size_t dt_box_envelope(const void *payload, size_t len, void *out, size_t cap);
/* Of another type of 33 letters. */
size_t dt_box_envelope_of(const char *type, const void *payload, size_t len, void *out, size_t cap);
/* One frame of equal values v, stamped dt_ms after the last one; idle with a large budget. */
int dt_box_step(dt_box *b, uint64_t frame, int64_t dt_ms, float v, dura_decision *d);

#endif
