/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dt_sim.h - a box that misbehaves on purpose.
 *
 * Fakes of everything dura borrows from a device: power, storage, cryptography, clock,
 * sensors, model. Every one is deterministic (a seed decides), lives in memory the test
 * gives it, and compiles without a C library, so the same fakes run on a Cortex-M under
 * QEMU. Vendors use them against their own code; docs/testkit.md is the guide.
 *
 *   dt_power    one supply for all hooks: cuts at the k-th mutation, fails the n-th call
 *   dt_flash    a storage region that loses, tears and reorders what was not synced
 *   dt_crypto   hash, tags and evolving keys whose state survives a reboot
 *   dt_clock    time that stops, steps, wraps
 *   dt_sensor   frames: clean, stuck, spiking, drifting, NaN, missing, reversed in time
 *   dt_scene    images: texture, things that move, light that changes, noise; and their faults
 *   dt_machine  windows of vibration: a shaft, its harmonics, broad noise; and their faults
 *   dt_backend  a model that answers NaN, errors, nonsense, or late, by script
 */
#ifndef DT_SIM_H
#define DT_SIM_H

#include <dura/backend.h>
#include <dura/base.h>
#include <dura/port.h>

/* What the fakes return. Below -100, as the port asks of hooks. */
#define DT_EPOWER (-900)      /* the power is off */
#define DT_EFAULT (-901)      /* the fault that was asked for */
#define DT_EVIOLATION (-902)  /* the caller broke the port's contract; also counted */

/* ---- randomness ------------------------------------------------------------------- */

/* splitmix64: every 64-bit seed is a good one. */
uint64_t dt_random(uint64_t *state);
/* 0..n-1; n >= 1. */
uint32_t dt_below(uint64_t *state, uint32_t n);

/* ---- power and faults ------------------------------------------------------------- */

/* Kinds of hook calls. The first group changes something durable: a mutation. */
enum {
    DT_PROG = 1 << 0, DT_ERASE = 1 << 1, DT_SYNC = 1 << 2, DT_ADVANCE = 1 << 3,
    DT_MUTATION = 0x0F,
    DT_READ = 1 << 4, DT_HASH = 1 << 5, DT_VERIFY = 1 << 6, DT_MAC = 1 << 7,
    DT_SIGN = 1 << 8, DT_KEY = 1 << 9
};

/* How far the mutation that was cut got. Its call returns DT_EPOWER in each case. */
enum { DT_CUT_BEFORE = 0, DT_CUT_HALF = 1, DT_CUT_AFTER = 2 };

/* One supply, shared by all fakes of a box, so that k counts over all of them. All zero:
 * nothing ever goes wrong. */
typedef struct dt_power {
    uint32_t mutations;   /* so far; run once clean to learn how many cuts there are */
    uint32_t calls;       /* so far, of the kinds in fail_mask */
    uint32_t cut_at;      /* cut in this mutation, from 1; 0: never */
    uint32_t fail_mask;   /* kinds that count and fail; 0: all */
    uint32_t fail_at;     /* fail this call, from 1; 0: never */
    uint32_t fail_times;  /* ... and so many in all; 0: every one from there on */
    int32_t  fail_code;   /* 0: DT_EFAULT */
    uint8_t  cut_how;     /* DT_CUT_* */
    uint8_t  off;         /* 1 after the cut, until dt_power_on */
    uint8_t  fail_half;   /* 1: a prog or erase that fails has done its first half */
    uint8_t  reserved;
} dt_power;

/* Power comes back; no further cut is planned. Counters start at 0 again. */
void dt_power_on(dt_power *p);
/* For fakes of your own: account for one call. p may be NULL. 0: do it. DT_CUT_NOW: do it
 * as far as p->cut_how says, then return DT_EPOWER. Negative: return that. */
#define DT_CUT_NOW 1
int dt_power_call(dt_power *p, uint32_t kind);

/* ---- flash ------------------------------------------------------------------------- */

/* What a reboot makes of the operations that were not synced. */
enum {
    DT_NOOP = 0,       /* none happened */
    DT_TORN = 1,       /* each, in order: kept, lost, or kept up to some byte */
    DT_REORDERED = 2,  /* some of them, whole, in any order */
    DT_KEPT = 3,       /* all happened */
    DT_SCATTERED = 4,  /* each piece of 64 bytes of each: kept or lost (a page cache) */
    DT_MODES = 5
};

#define DT_FLASH_OPS 128   /* unsynced operations held; more are written back, oldest first */

typedef struct dt_flash_op {
    uint32_t kind;         /* DT_PROG, DT_ERASE */
    uint32_t off, len;     /* in the region */
    uint32_t data;         /* DT_PROG: where its bytes begin in the journal */
} dt_flash_op;

typedef struct dt_flash {
    uint8_t *live;         /* what reads see; size bytes */
    uint8_t *durable;      /* what surely survives; size bytes */
    uint8_t *journal;      /* bytes of unsynced progs */
    uint32_t size, erase_size, prog_size, journal_size;
    uint32_t n_ops, journal_used;
    dt_flash_op op[DT_FLASH_OPS];
    dt_power *power;       /* may be NULL */
    uint8_t  erased;       /* 0x00 or 0xFF */
    uint8_t  no_sync;      /* 1: the region has no sync hook and every prog is durable */
    uint8_t  reserved[2];
    uint32_t reads, progs, erases, syncs;   /* calls that did something */
    uint64_t bytes_read, bytes_programmed;
    uint32_t violations;   /* broken contract: misaligned, out of range, not erased */
    uint32_t writebacks;   /* times the journal overflowed */
} dt_flash;

#define DT_FLASH_BYTES(size, journal) (2u * (size_t)(size) + (size_t)(journal))

/* A blank device in mem (len >= DT_FLASH_BYTES(size, 0); what is left is the journal).
 * power may be NULL. 0, or DURA_EINVAL (geometry), DURA_ENOSPC. */
DURA_CHECK int dt_flash_init(dt_flash *f, void *mem, size_t len, uint32_t size, uint32_t erase_size,
                             uint32_t prog_size, uint8_t erased, dt_power *power);
/* The region to hand to a dura_port; f stays borrowed. */
dura_region dt_flash_region(dt_flash *f);
/* The box lost power (or was reset) and starts again: unsynced operations become what
 * `mode` says, then nothing is unsynced. Call for each device, then dt_power_on. */
void dt_flash_reboot(dt_flash *f, int mode, uint64_t seed);
/* Rot or an attacker: xor `bits` into a stored byte, past every rule. */
void dt_flash_flip(dt_flash *f, uint32_t off, uint8_t bits);

/* ---- SHA-256 and keys --------------------------------------------------------------- */

typedef struct dt_sha256 {
    uint64_t n;            /* bytes so far */
    uint32_t h[8];
    uint8_t  block[64];
} dt_sha256;

void dt_sha256_init(dt_sha256 *s);
void dt_sha256_update(dt_sha256 *s, const void *p, size_t n);
void dt_sha256_final(dt_sha256 *s, uint8_t out[32]);
/* HMAC-SHA-256 of a, then b. */
void dt_hmac(const uint8_t key[32], const void *a, size_t na, const void *b, size_t nb, uint8_t out[32]);

/* What survives a reboot. */
typedef struct dt_keystore {
    uint32_t epoch;
    uint32_t advances;     /* times the epoch was raised */
    uint8_t  seed[32];     /* of `epoch` */
    uint8_t  device[32];   /* key of the tags */
} dt_keystore;

/* The provider. Its signatures are FAKE: anybody who has the public key can make one.
 * sig = HMAC(pub, 0 || msg) || HMAC(pub, 1 || msg). */
typedef struct dt_crypto {
    dura_crypto crypto;    /* hand &c->crypto to a dura_port; clear a pointer to lack it */
    dt_keystore *keys;
    dt_power *power;       /* may be NULL */
    uint32_t hashes;       /* messages finished */
    uint32_t blocks;       /* 64-byte blocks compressed, padding included */
    uint32_t signs, verifies, macs;
} dt_crypto;

/* A fresh device; `tag` makes its keys differ from another's. Epoch 0. */
void dt_keystore_init(dt_keystore *k, uint32_t tag);
/* Start (also after a reboot) on k. power may be NULL. */
void dt_crypto_init(dt_crypto *c, dt_keystore *k, dt_power *power);
/* The public key of any epoch of a device fresh from dt_keystore_init(.., tag). */
void dt_crypto_public(uint32_t tag, uint32_t epoch, uint8_t pub[DURA_PUBKEY_BYTES]);
/* Sign as the fake does, with a public key alone: for forged input. */
void dt_crypto_fake_sign(const uint8_t pub[32], const void *msg, size_t n, uint8_t sig[64]);

/* ---- clock -------------------------------------------------------------------------- */

typedef struct dt_clock {
    dura_time now;
    int64_t wrap_ns;       /* the monotonic clock starts again here; 0: never */
    int32_t wall_ppm;      /* the wall clock runs fast by so much */
    uint8_t stopped;       /* ticks do nothing */
    uint8_t reserved[3];
} dt_clock;

/* Boot 1, monotonic 0, synchronised wall clock at `wall_ns` with 1 ms error. */
void dt_clock_init(dt_clock *c, int64_t wall_ns);
/* ns pass (may be negative: time goes backwards). Returns the new time. */
const dura_time *dt_clock_tick(dt_clock *c, int64_t ns);
/* Somebody sets the wall clock. */
void dt_clock_step(dt_clock *c, int64_t ns);
/* boot + 1, monotonic 0; the wall clock goes on `off_ns` later. */
void dt_clock_reboot(dt_clock *c, int64_t off_ns);

/* ---- sensors ------------------------------------------------------------------------ */

#define DT_CHANNELS 16
#define DT_FAULTS 8

enum {
    DT_STUCK = 1,          /* the value at `from` for the whole span */
    DT_SPIKE = 2,          /* + size in frames from, from+period, ... */
    DT_DRIFT = 3,          /* + size per frame since `from` */
    DT_OFFSET = 4,         /* + size */
    DT_NAN = 5,
    DT_INF = 6,            /* sign of size */
    DT_DROPOUT = 7,        /* missing */
    DT_TIME_REVERSED = 8,  /* all channels: the stamp goes back by size ns */
    DT_TIME_REPEATED = 9   /* all channels: the stamp of the frame before */
};

typedef struct dt_fault {
    uint8_t  kind;         /* DT_STUCK.. ; 0: none */
    uint8_t  channel;
    uint16_t period;       /* DT_SPIKE: frames between two; 0: one in each frame */
    uint32_t from, until;  /* frames, until is the first clean one again */
    float    size;
} dt_fault;

/* Channel c is offset + amplitude * (even c: a sine with a period of 64 + 8c frames; odd
 * c: a first-order autoregression, coefficient 0.9), plus uniform noise. */
typedef struct dt_sensor {
    uint64_t rng;
    int64_t  mono_ns;      /* stamp of the next frame */
    int64_t  period_ns;    /* between frames */
    int64_t  last_ns;      /* stamp given last */
    uint32_t frame;        /* number of the next frame */
    uint16_t n;            /* channels */
    uint16_t n_faults;
    float    offset, amplitude, noise;
    float    cosine[DT_CHANNELS], sine[DT_CHANNELS];  /* oscillators; AR state in `sine` */
    float    held[DT_CHANNELS];                       /* DT_STUCK */
    dt_fault fault[DT_FAULTS];
} dt_sensor;

/* n channels (at most DT_CHANNELS), 20 +- 5 with noise 0.05, every 10 ms. */
void dt_sensor_init(dt_sensor *s, uint16_t n, uint64_t seed);
/* 0, or DURA_EFULL. */
DURA_CHECK int dt_sensor_fault(dt_sensor *s, const dt_fault *fault);
/* The next frame: n values, n missing flags (1: none; the value is then 0). Its stamp. */
int64_t dt_sensor_next(dt_sensor *s, float *values, uint8_t *missing);

/* ---- images and windows of samples --------------------------------------------------- */

/* What a camera sees: texture of four sizes, boxes with soft edges that move over it, light
 * that comes and goes by 5 %, noise of the pixels. Frame k of a seed is always the same
 * bytes, in integers, whatever was drawn before; so a frozen camera is the same k again, a
 * clip in a loop the same few. Change a field after init for a scene of your own. */
#define DT_BOXES 3
typedef struct dt_scene {
    uint64_t seed;
    uint32_t width, height;   /* pixels, 16..4096 */
    int32_t  mean;            /* levels; drawn from 90..150 */
    int32_t  contrast;        /* of the texture, levels from its middle; drawn from 60..110 */
    int32_t  noise;           /* deviation, 1/16 level; drawn from 24..48 */
    int32_t  pan_x, pan_y;    /* pixels / 256 per frame; drawn from +-(64..640) and half of it */
} dt_scene;

/* A scene whose fields are drawn from the seed. */
void dt_scene_init(dt_scene *s, uint32_t width, uint32_t height, uint64_t seed);
/* Frame k into width x height bytes. */
void dt_scene_draw(const dt_scene *s, uint32_t frame, uint8_t *out);

/* How an image goes wrong. */
enum {
    DT_ROWS_BLACK = 1,        /* `size` rows read 0 */
    DT_ROWS_REPEATED = 2,     /* `size` rows are the row above them */
    DT_ROWS_LOST = 3,         /* `size` rows are missing: what is below moves up and the last
                                 rows stay (draw as many more and cut them off to hide that) */
    DT_ROWS_SHIFTED = 4,      /* an eighth of the rows, together, goes `size` pixels sideways */
    DT_UNDEREXPOSED = 5,      /* levels times `size` */
    DT_OVEREXPOSED = 6,       /* levels times `size`, up to 255 */
    DT_HAZE = 7,              /* differences from level 128 times `size` */
    DT_BLUR = 8,              /* mean of `size` pixels across, and of as many down */
    DT_NOISE = 9,             /* deviation `size` levels on top */
    DT_DEAD = 10,             /* `size` pixels read 0 */
    DT_HOT = 11,              /* `size` pixels read 255 */
    DT_COLUMN = 12,           /* one column is `size` levels brighter */
    DT_COVERED = 13           /* the share `size` of the columns, from the left, reads 8 */
};
/* Put a fault into an image; `seed` decides where. */
void dt_image_fault(uint8_t *image, uint32_t width, uint32_t height, uint32_t kind, float size, uint64_t seed);

/* What an accelerometer on a machine gives: a shaft and five harmonics of it, whose speed
 * and load differ a little from window to window, over noise that an autoregression colours.
 * Window k of a seed is always the same. */
typedef struct dt_machine {
    uint64_t seed;
    float    shaft;           /* turns per sample; drawn from 0.018..0.022 */
    float    level;           /* of the shaft's line; drawn from 0.8..1.2 */
    float    noise;           /* half width of the noise; drawn from 0.3..0.5 */
    float    offset;          /* drawn from -0.05..0.05 */
} dt_machine;

void dt_machine_init(dt_machine *m, uint64_t seed);
/* Window k, n samples. */
void dt_machine_draw(const dt_machine *m, uint32_t window, float *out, uint32_t n);
/* Samples to counts, times `scale`, rounded; beyond 16 bits they stop at the rail. */
void dt_counts(const float *x, uint32_t n, float scale, int16_t *out);

/* How a window goes wrong. */
enum {
    DT_CLIP = 1,              /* rails at +- `size` */
    DT_SHIFT = 2,             /* + `size` */
    DT_SILENCE = 3,           /* the share `size` of the samples, together, reads 0 */
    DT_HELD = 4,              /* from somewhere on, for the share `size`, the sample before */
    DT_TONE = 5,              /* + a sine of amplitude `size` at 0.31..0.33 turns per sample */
    DT_FOLDED = 6,            /* the same at 0.40..0.42: sound above half the rate, folded */
    DT_DULL = 7,              /* first-order low pass, `size` of the sample before: loose mount */
    DT_GAIN = 8,              /* times `size` */
    DT_HISS = 9               /* + white noise, half width `size` */
};
void dt_window_fault(float *x, uint32_t n, uint32_t kind, float size, uint64_t seed);

/* ---- model -------------------------------------------------------------------------- */

enum {
    DT_ANSWER = 0,         /* the truth: output o = mean of the inputs + o */
    DT_ANSWER_NAN = 1,
    DT_ANSWER_INF = 2,     /* sign of arg */
    DT_ANSWER_WRONG = 3,   /* arg in every output */
    DT_ANSWER_ERROR = 4,   /* returns -(int)arg, or -777 when arg is 0; outputs hold junk */
    DT_ANSWER_LATE = 5,    /* right, but returns DURA_ETIME */
    DT_ANSWER_PART = 6,    /* writes the first output only */
    DT_ANSWER_FROZEN = 7   /* what it answered last */
};

/* From run number `run` (from 0) on it does this, until the next line. */
typedef struct dt_line { uint32_t run; int32_t what; float arg; } dt_line;

/* What the fake saw; survives close. */
typedef struct dt_backend_seen {
    uint32_t opens, runs, resets, closes;
    uint32_t misuse;       /* any call after close; wrong widths */
    int64_t  deadline_ns;  /* of the last run */
    float    last[DURA_OUTPUTS_MAX];
} dt_backend_seen;

/* config of the fake; hand it over as dura_model.config. */
typedef struct dt_backend {
    uint16_t n_inputs, n_outputs;
    uint16_t n_lines;      /* script, runs ascending; 0: always DT_ANSWER */
    uint16_t reserved;
    int32_t  open_code;    /* what open returns; 0: fine */
    const dt_line *script;
    dt_backend_seen *seen; /* required */
} dt_backend;

const dura_backend *dt_backend_table(void);

#endif
