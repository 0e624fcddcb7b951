/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The first version of every public struct, enumerator and constant of ABI 0. DO NOT EDIT.
 *
 * What was released never moves: a later header must still have each of these fields in
 * its place, with its type, and each value. Structs that carry struct_size may grow behind
 * the last field; all others keep their size. Compiled, never run, for every target by
 * scripts/check_layout.sh. Before 1.0 a break is allowed: it goes into the changelog and
 * tests/abi/lock.py freeze writes this file anew.
 */
#include <dura/dura.h>

#define KEEPS(s, f)                                                                        \
    __extension__ _Static_assert(offsetof(s, f) == offsetof(v1_##s, f), #s "." #f " moved"); \
    __extension__ _Static_assert(                                                          \
        __builtin_types_compatible_p(__typeof__(((s *)0)->f), __typeof__(((v1_##s *)0)->f)), \
        #s "." #f " has another type")
#define GROWS(s) __extension__ _Static_assert(sizeof(s) >= sizeof(v1_##s), #s " shrank")
#define STAYS(s) __extension__ _Static_assert(sizeof(s) == sizeof(v1_##s), #s " has another size")
#define VALUE(name, n) __extension__ _Static_assert((name) == (n), #name " has another value")

typedef struct v1_dura_time {
    int64_t mono_ns;
    int64_t wall_ns;
    uint32_t boot;
    uint32_t wall_err_us;
    uint8_t quality;
    uint8_t reserved[7];
} v1_dura_time;
KEEPS(dura_time, mono_ns);
KEEPS(dura_time, wall_ns);
KEEPS(dura_time, boot);
KEEPS(dura_time, wall_err_us);
KEEPS(dura_time, quality);
KEEPS(dura_time, reserved);
STAYS(dura_time);

typedef struct v1_dura_fact {
    uint16_t kind;
    uint8_t severity;
    uint8_t log;
    uint16_t channel;
    uint16_t asset;
    uint16_t zone;
    uint16_t source;
    uint16_t control;
    uint16_t risk;
    uint16_t component;
    uint16_t reserved;
    uint32_t reasons;
    uint64_t frame;
    int64_t value[4];
} v1_dura_fact;
KEEPS(dura_fact, kind);
KEEPS(dura_fact, severity);
KEEPS(dura_fact, log);
KEEPS(dura_fact, channel);
KEEPS(dura_fact, asset);
KEEPS(dura_fact, zone);
KEEPS(dura_fact, source);
KEEPS(dura_fact, control);
KEEPS(dura_fact, risk);
KEEPS(dura_fact, component);
KEEPS(dura_fact, reserved);
KEEPS(dura_fact, reasons);
KEEPS(dura_fact, frame);
KEEPS(dura_fact, value);
STAYS(dura_fact);

typedef struct v1_dura_layout_row {
    const char *name;
    uint32_t offset;
    uint32_t size;
} v1_dura_layout_row;
KEEPS(dura_layout_row, name);
KEEPS(dura_layout_row, offset);
KEEPS(dura_layout_row, size);
STAYS(dura_layout_row);

typedef struct v1_dura_backend_io {
    uint32_t struct_size;
    uint16_t n_inputs;
    uint16_t n_outputs;
} v1_dura_backend_io;
KEEPS(dura_backend_io, struct_size);
KEEPS(dura_backend_io, n_inputs);
KEEPS(dura_backend_io, n_outputs);
GROWS(dura_backend_io);

typedef struct v1_dura_backend {
    uint32_t struct_size;
    uint16_t abi_major;
    uint16_t abi_minor_needed;
    const char *id;
    const char *version;
    int32_t (*mem_req)(const void *config, const void *image, size_t image_len, size_t *bytes, size_t *align);
    int32_t (*open)(void *inst, const void *config, const void *image, size_t image_len);
    int32_t (*io)(const void *inst, dura_backend_io *out);
    int32_t (*run)(void *inst, const float *in, size_t n_in, float *out, size_t n_out, int64_t deadline_ns);
    int32_t (*reset)(void *inst);
    void (*close)(void *inst);
    const void * (*get_extension)(void *inst, const char *name);
    void (*reserved)(void);
} v1_dura_backend;
KEEPS(dura_backend, struct_size);
KEEPS(dura_backend, abi_major);
KEEPS(dura_backend, abi_minor_needed);
KEEPS(dura_backend, id);
KEEPS(dura_backend, version);
KEEPS(dura_backend, mem_req);
KEEPS(dura_backend, open);
KEEPS(dura_backend, io);
KEEPS(dura_backend, run);
KEEPS(dura_backend, reset);
KEEPS(dura_backend, close);
KEEPS(dura_backend, get_extension);
KEEPS(dura_backend, reserved);
GROWS(dura_backend);

typedef struct v1_dura_model {
    uint32_t struct_size;
    uint32_t reserved;
    const dura_backend *backend;
    const void *config;
    const void *image;
    uint64_t image_len;
} v1_dura_model;
KEEPS(dura_model, struct_size);
KEEPS(dura_model, reserved);
KEEPS(dura_model, backend);
KEEPS(dura_model, config);
KEEPS(dura_model, image);
KEEPS(dura_model, image_len);
GROWS(dura_model);

typedef struct v1_dura_fn {
    uint32_t struct_size;
    uint16_t n_inputs;
    uint16_t n_outputs;
    dura_fn_call call;
    void *user;
} v1_dura_fn;
KEEPS(dura_fn, struct_size);
KEEPS(dura_fn, n_inputs);
KEEPS(dura_fn, n_outputs);
KEEPS(dura_fn, call);
KEEPS(dura_fn, user);
GROWS(dura_fn);

typedef struct v1_dura_region {
    uint32_t struct_size;
    uint32_t erase_size;
    uint32_t prog_size;
    uint32_t reserved;
    uint64_t size;
    void *user;
    int (*read)(void *user, uint64_t off, void *buf, size_t len);
    int (*prog)(void *user, uint64_t off, const void *buf, size_t len);
    int (*erase)(void *user, uint64_t off, size_t len);
    int (*sync)(void *user);
} v1_dura_region;
KEEPS(dura_region, struct_size);
KEEPS(dura_region, erase_size);
KEEPS(dura_region, prog_size);
KEEPS(dura_region, reserved);
KEEPS(dura_region, size);
KEEPS(dura_region, user);
KEEPS(dura_region, read);
KEEPS(dura_region, prog);
KEEPS(dura_region, erase);
KEEPS(dura_region, sync);
GROWS(dura_region);

typedef struct v1_dura_hash_state {
    uint64_t opaque[256 / 8];
} v1_dura_hash_state;
KEEPS(dura_hash_state, opaque);
STAYS(dura_hash_state);

typedef struct v1_dura_crypto {
    uint32_t struct_size;
    uint32_t reserved;
    void *user;
    int (*hash_init)(void *user, dura_hash_state *s);
    int (*hash_update)(void *user, dura_hash_state *s, const void *p, size_t n);
    int (*hash_final)(void *user, dura_hash_state *s, uint8_t out[32]);
    int (*hash_many)(void *user, uint8_t prefix, const void *const *in, const size_t *len, size_t n, uint8_t (*out)[32]);
    int (*verify)(void *user, const uint8_t pub[32], const void *msg, size_t n, const uint8_t sig[64]);
    int (*mac)(void *user, uint32_t slot, const void *msg, size_t n, uint8_t tag[16]);
    int (*key_epoch)(void *user, uint32_t slot, uint32_t *epoch);
    int (*key_public)(void *user, uint32_t slot, uint32_t epoch, uint8_t pub[32]);
    int (*sign)(void *user, uint32_t slot, uint32_t epoch, const void *msg, size_t n, uint8_t sig[64]);
    int (*key_advance)(void *user, uint32_t slot, uint32_t epoch);
} v1_dura_crypto;
KEEPS(dura_crypto, struct_size);
KEEPS(dura_crypto, reserved);
KEEPS(dura_crypto, user);
KEEPS(dura_crypto, hash_init);
KEEPS(dura_crypto, hash_update);
KEEPS(dura_crypto, hash_final);
KEEPS(dura_crypto, hash_many);
KEEPS(dura_crypto, verify);
KEEPS(dura_crypto, mac);
KEEPS(dura_crypto, key_epoch);
KEEPS(dura_crypto, key_public);
KEEPS(dura_crypto, sign);
KEEPS(dura_crypto, key_advance);
GROWS(dura_crypto);

typedef struct v1_dura_cost {
    uint16_t hash_block;
    uint16_t prog;
    uint16_t sync;
    uint16_t sign;
} v1_dura_cost;
KEEPS(dura_cost, hash_block);
KEEPS(dura_cost, prog);
KEEPS(dura_cost, sync);
KEEPS(dura_cost, sign);
STAYS(dura_cost);

typedef struct v1_dura_port {
    uint32_t struct_size;
    dura_cost cost;
    uint32_t reserved;
    const dura_region *region[6];
    const dura_crypto *crypto;
    void *sink_user;
    void (*sink)(void *user, const dura_fact *fact, const dura_time *t);
} v1_dura_port;
KEEPS(dura_port, struct_size);
KEEPS(dura_port, cost);
KEEPS(dura_port, reserved);
KEEPS(dura_port, region);
KEEPS(dura_port, crypto);
KEEPS(dura_port, sink_user);
KEEPS(dura_port, sink);
GROWS(dura_port);

typedef struct v1_dura_sensor_channel {
    uint32_t struct_size;
    uint8_t kind;
    uint8_t flags;
    uint16_t checks;
    float fail_lo;
    float suspect_lo;
    float suspect_hi;
    float fail_hi;
    float rate_suspect;
    float rate_fail;
    float flat_tolerance;
    uint32_t reserved;
    int64_t flat_suspect_ns;
    int64_t flat_fail_ns;
    int64_t max_age_ns;
    int64_t hold_ns;
} v1_dura_sensor_channel;
KEEPS(dura_sensor_channel, struct_size);
KEEPS(dura_sensor_channel, kind);
KEEPS(dura_sensor_channel, flags);
KEEPS(dura_sensor_channel, checks);
KEEPS(dura_sensor_channel, fail_lo);
KEEPS(dura_sensor_channel, suspect_lo);
KEEPS(dura_sensor_channel, suspect_hi);
KEEPS(dura_sensor_channel, fail_hi);
KEEPS(dura_sensor_channel, rate_suspect);
KEEPS(dura_sensor_channel, rate_fail);
KEEPS(dura_sensor_channel, flat_tolerance);
KEEPS(dura_sensor_channel, reserved);
KEEPS(dura_sensor_channel, flat_suspect_ns);
KEEPS(dura_sensor_channel, flat_fail_ns);
KEEPS(dura_sensor_channel, max_age_ns);
KEEPS(dura_sensor_channel, hold_ns);
GROWS(dura_sensor_channel);

typedef struct v1_dura_sensor_config {
    uint32_t struct_size;
    uint16_t n_channels;
    uint16_t rebase_after;
    int64_t gap_ns;
} v1_dura_sensor_config;
KEEPS(dura_sensor_config, struct_size);
KEEPS(dura_sensor_config, n_channels);
KEEPS(dura_sensor_config, rebase_after);
KEEPS(dura_sensor_config, gap_ns);
GROWS(dura_sensor_config);

typedef struct v1_dura_sensor_report {
    uint32_t struct_size;
    uint8_t verdict;
    uint8_t action;
    uint16_t worst_channel;
    uint32_t reasons;
    uint16_t n_not_good;
    uint16_t reserved;
} v1_dura_sensor_report;
KEEPS(dura_sensor_report, struct_size);
KEEPS(dura_sensor_report, verdict);
KEEPS(dura_sensor_report, action);
KEEPS(dura_sensor_report, worst_channel);
KEEPS(dura_sensor_report, reasons);
KEEPS(dura_sensor_report, n_not_good);
KEEPS(dura_sensor_report, reserved);
GROWS(dura_sensor_report);

typedef struct v1_dura_sensor_state {
    uint32_t struct_size;
    uint8_t verdict;
    uint8_t reserved[3];
    uint32_t reasons;
    float value;
    float quality;
    float ratio;
} v1_dura_sensor_state;
KEEPS(dura_sensor_state, struct_size);
KEEPS(dura_sensor_state, verdict);
KEEPS(dura_sensor_state, reserved);
KEEPS(dura_sensor_state, reasons);
KEEPS(dura_sensor_state, value);
KEEPS(dura_sensor_state, quality);
KEEPS(dura_sensor_state, ratio);
GROWS(dura_sensor_state);

typedef struct v1_dura_log_entry {
    uint32_t struct_size;
    uint8_t log;
    uint8_t raw;
    uint16_t kind;
    uint16_t source;
    uint16_t n_pairs;
    uint32_t reserved;
    dura_time time;
    uint64_t reserved2[2];
} v1_dura_log_entry;
KEEPS(dura_log_entry, struct_size);
KEEPS(dura_log_entry, log);
KEEPS(dura_log_entry, raw);
KEEPS(dura_log_entry, kind);
KEEPS(dura_log_entry, source);
KEEPS(dura_log_entry, n_pairs);
KEEPS(dura_log_entry, reserved);
KEEPS(dura_log_entry, time);
KEEPS(dura_log_entry, reserved2);
GROWS(dura_log_entry);

typedef struct v1_dura_log_config {
    uint32_t struct_size;
    uint16_t n_rings;
    uint16_t max_record;
    uint32_t ring_bytes;
    uint32_t buffer_bytes;
    uint32_t segment_bytes;
    uint32_t commit_records;
    uint32_t commit_ms;
    uint32_t seal_records;
    uint32_t seal_ms;
    uint32_t tree_height;
    uint32_t key_slot;
    dura_log_encode encode;
    void *encode_user;
} v1_dura_log_config;
KEEPS(dura_log_config, struct_size);
KEEPS(dura_log_config, n_rings);
KEEPS(dura_log_config, max_record);
KEEPS(dura_log_config, ring_bytes);
KEEPS(dura_log_config, buffer_bytes);
KEEPS(dura_log_config, segment_bytes);
KEEPS(dura_log_config, commit_records);
KEEPS(dura_log_config, commit_ms);
KEEPS(dura_log_config, seal_records);
KEEPS(dura_log_config, seal_ms);
KEEPS(dura_log_config, tree_height);
KEEPS(dura_log_config, key_slot);
KEEPS(dura_log_config, encode);
KEEPS(dura_log_config, encode_user);
GROWS(dura_log_config);

typedef struct v1_dura_log_status {
    uint32_t struct_size;
    uint8_t found;
    uint8_t sealed;
    uint8_t reserved[2];
    uint64_t gseq;
    uint64_t durable;
    uint64_t seq[2];
    uint64_t end[2];
    uint64_t dropped;
    uint64_t lost_bytes;
    uint32_t epoch;
    uint32_t pending;
    uint32_t high_water;
    int32_t last_error;
    uint8_t origin[16];
    uint64_t reserved2;
} v1_dura_log_status;
KEEPS(dura_log_status, struct_size);
KEEPS(dura_log_status, found);
KEEPS(dura_log_status, sealed);
KEEPS(dura_log_status, reserved);
KEEPS(dura_log_status, gseq);
KEEPS(dura_log_status, durable);
KEEPS(dura_log_status, seq);
KEEPS(dura_log_status, end);
KEEPS(dura_log_status, dropped);
KEEPS(dura_log_status, lost_bytes);
KEEPS(dura_log_status, epoch);
KEEPS(dura_log_status, pending);
KEEPS(dura_log_status, high_water);
KEEPS(dura_log_status, last_error);
KEEPS(dura_log_status, origin);
KEEPS(dura_log_status, reserved2);
GROWS(dura_log_status);

typedef struct v1_dura_frame {
    uint32_t struct_size;
    uint16_t source;
    uint16_t n;
    uint64_t frame;
    dura_time time;
    const float *values;
    const uint8_t *missing;
    const float *baseline;
} v1_dura_frame;
KEEPS(dura_frame, struct_size);
KEEPS(dura_frame, source);
KEEPS(dura_frame, n);
KEEPS(dura_frame, frame);
KEEPS(dura_frame, time);
KEEPS(dura_frame, values);
KEEPS(dura_frame, missing);
KEEPS(dura_frame, baseline);
GROWS(dura_frame);

typedef struct v1_dura_decision {
    uint32_t struct_size;
    uint8_t action;
    uint8_t mode;
    uint8_t verdict;
    uint8_t reserved;
    uint32_t reasons;
    uint32_t sensor_reasons;
    uint16_t n_outputs;
    uint16_t worst_channel;
    uint32_t reserved2;
    uint64_t frame;
    float output[16];
    float proposed[16];
} v1_dura_decision;
KEEPS(dura_decision, struct_size);
KEEPS(dura_decision, action);
KEEPS(dura_decision, mode);
KEEPS(dura_decision, verdict);
KEEPS(dura_decision, reserved);
KEEPS(dura_decision, reasons);
KEEPS(dura_decision, sensor_reasons);
KEEPS(dura_decision, n_outputs);
KEEPS(dura_decision, worst_channel);
KEEPS(dura_decision, reserved2);
KEEPS(dura_decision, frame);
KEEPS(dura_decision, output);
KEEPS(dura_decision, proposed);
GROWS(dura_decision);

typedef struct v1_dura_guard_status {
    uint32_t struct_size;
    uint32_t boot;
    int32_t gate;
    uint8_t stopped;
    uint8_t mode;
    uint8_t action;
    uint8_t clean_start;
    uint64_t steps;
    uint64_t actions[4];
    uint64_t unrecorded;
    uint64_t reserved;
} v1_dura_guard_status;
KEEPS(dura_guard_status, struct_size);
KEEPS(dura_guard_status, boot);
KEEPS(dura_guard_status, gate);
KEEPS(dura_guard_status, stopped);
KEEPS(dura_guard_status, mode);
KEEPS(dura_guard_status, action);
KEEPS(dura_guard_status, clean_start);
KEEPS(dura_guard_status, steps);
KEEPS(dura_guard_status, actions);
KEEPS(dura_guard_status, unrecorded);
KEEPS(dura_guard_status, reserved);
GROWS(dura_guard_status);

VALUE(DURA_OK, 0);
VALUE(DURA_EINVAL, -1);
VALUE(DURA_ENOSPC, -2);
VALUE(DURA_EALIGN, -3);
VALUE(DURA_EVERSION, -4);
VALUE(DURA_ECORRUPT, -5);
VALUE(DURA_ENOTSUP, -6);
VALUE(DURA_ESTATE, -7);
VALUE(DURA_EIO, -8);
VALUE(DURA_EAUTH, -9);
VALUE(DURA_EFULL, -10);
VALUE(DURA_ENOENT, -11);
VALUE(DURA_ETIME, -12);
VALUE(DURA_EDENIED, -13);
VALUE(DURA_ESYNTAX, -14);
VALUE(DURA_ELIMIT, -15);
VALUE(DURA_CLOCK_NONE, 0);
VALUE(DURA_CLOCK_UNSYNCED, 1);
VALUE(DURA_CLOCK_HOLDOVER, 2);
VALUE(DURA_CLOCK_SYNCED, 3);
VALUE(DURA_CLOCK_AUTHENTICATED, 4);
VALUE(DURA_LOG_SECURITY, 1);
VALUE(DURA_LOG_DECISION, 2);
VALUE(DURA_FACT_NONE, 0);
VALUE(DURA_FACT_CHANNEL, 1);
VALUE(DURA_FACT_INPUT_REJECTED, 2);
VALUE(DURA_FACT_OUTPUT_BOUNDED, 3);
VALUE(DURA_FACT_BACKEND_FAILED, 4);
VALUE(DURA_FACT_ACTION, 5);
VALUE(DURA_FACT_MODE, 6);
VALUE(DURA_FACT_OVERRIDE, 7);
VALUE(DURA_FACT_BOOT, 8);
VALUE(DURA_FACT_GATE, 9);
VALUE(DURA_FACT_CLOCK_STEP, 10);
VALUE(DURA_FACT_LOG_LOST, 11);
VALUE(DURA_FACT_STORAGE, 12);
VALUE(DURA_REGION_SECURITY, 0);
VALUE(DURA_REGION_DECISION, 1);
VALUE(DURA_REGION_NV, 2);
VALUE(DURA_REGION_JOURNAL, 3);
VALUE(DURA_REGION_SLOT_A, 4);
VALUE(DURA_REGION_SLOT_B, 5);
VALUE(DURA_REGIONS, 6);
VALUE(DURA_KEY_LOG, 0);
VALUE(DURA_KEY_DEVICE, 1);
VALUE(DURA_GOOD, 1);
VALUE(DURA_UNKNOWN, 2);
VALUE(DURA_SUSPECT, 3);
VALUE(DURA_FAIL, 4);
VALUE(DURA_MISSING, 9);
VALUE(DURA_R_MISSING, 1);
VALUE(DURA_R_STALE, 2);
VALUE(DURA_R_TIME_REVERSED, 4);
VALUE(DURA_R_TIME_DUPLICATE, 8);
VALUE(DURA_R_TIME_GAP, 16);
VALUE(DURA_R_NONFINITE, 32);
VALUE(DURA_R_RANGE_SUSPECT, 64);
VALUE(DURA_R_RANGE_FAIL, 128);
VALUE(DURA_R_RATE_SUSPECT, 256);
VALUE(DURA_R_RATE_FAIL, 512);
VALUE(DURA_R_FLAT_SUSPECT, 1024);
VALUE(DURA_R_FLAT_FAIL, 2048);
VALUE(DURA_R_WARMUP, 4096);
VALUE(DURA_R_SUBSTITUTED, 8192);
VALUE(DURA_PASS, 1);
VALUE(DURA_SUBSTITUTE, 2);
VALUE(DURA_REJECT, 3);
VALUE(DURA_KIND_F32, 0);
VALUE(DURA_CHECK_TIME, 1);
VALUE(DURA_CHECK_FINITE, 2);
VALUE(DURA_CHECK_RANGE, 4);
VALUE(DURA_CHECK_RATE, 8);
VALUE(DURA_CHECK_FLAT, 16);
VALUE(DURA_CHANNEL_REQUIRED, 1);
VALUE(DURA_CHANNEL_SUSPECT_OK, 2);
VALUE(DURA_REC_GENESIS, 1);
VALUE(DURA_REC_SEAL, 2);
VALUE(DURA_REC_DROP, 3);
VALUE(DURA_REC_RECOVER, 4);
VALUE(DURA_REC_CLOSE, 5);
VALUE(DURA_REC_FACT, 16);
VALUE(DURA_REC_DECISION, 17);
VALUE(DURA_REC_BOOT, 18);
VALUE(DURA_REC_EVENT, 19);
VALUE(DURA_LOG_FRESH, 0);
VALUE(DURA_LOG_CLOSED, 1);
VALUE(DURA_LOG_CUT, 2);
VALUE(DURA_LOG_DAMAGED, 3);
VALUE(DURA_ACT, 26);
VALUE(DURA_HOLD, 43);
VALUE(DURA_FALLBACK, 76);
VALUE(DURA_STOP, 141);
VALUE(DURA_OBSERVE, 1);
VALUE(DURA_ENFORCE, 2);
VALUE(DURA_G_INPUT, 1);
VALUE(DURA_G_SUBSTITUTED, 2);
VALUE(DURA_G_BACKEND, 4);
VALUE(DURA_G_NONFINITE, 8);
VALUE(DURA_G_RANGE, 16);
VALUE(DURA_G_RATE, 32);
VALUE(DURA_G_GATE, 64);
VALUE(DURA_G_STOPPED, 128);
VALUE(DURA_G_RECOVERING, 256);
VALUE(DURA_G_HELD_TOO_LONG, 512);
VALUE(DURA_G_ARGUMENT, 1024);
VALUE(DURA_G_LOG, 2048);
VALUE(DURA_G_ORDER, 4096);
VALUE(DURA_OVERRIDE_STOP, 1);
VALUE(DURA_OVERRIDE_RELEASE, 2);
VALUE(DURA_MODEL_INPUTS_MAX, 1024);
VALUE(DURA_OUTPUTS_MAX, 16);
VALUE(DURA_NONE, 65535);
VALUE(DURA_ACTOR_MAX, 64);
VALUE(DURA_LOG_RINGS_MAX, 4);
VALUE(DURA_RECORD_MAX, 65535);
VALUE(DURA_HASH_BYTES, 32);
VALUE(DURA_SIG_BYTES, 64);
VALUE(DURA_PUBKEY_BYTES, 32);
VALUE(DURA_TAG_BYTES, 16);
VALUE(DURA_HASH_STATE_BYTES, 256);
VALUE(DURA_CHANNELS_MAX, 1024);
