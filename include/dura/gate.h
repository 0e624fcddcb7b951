/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dura/gate.h - may this release become active, now?
 *
 * One journaled state machine for what runs in the box and for the brain. A release is a
 * deterministic CBOR statement in a DSSE envelope (DSSE 1.0.2, pre-authentication
 * encoding; CBOR instead of JSON, so that a small device needs no second parser), signed
 * with Ed25519 by enough keys of the required roles. A brain's bytes go into the model
 * slot that is not in use, are read back, compared with the signed digest, opened beside
 * the running model, tried on their own golden vectors, run as a shadow whose answers drive
 * nothing, switched to at a frame boundary inside the window, watched, and then kept or rolled
 * back.
 *
 *   dura_gate_bytes -> init -> start -> offer, write, step ... -> query
 *
 * Every arrow is one record of the journal (at most 512 bytes, atomic): after a power cut
 * either the old or the new one runs. Conditions are checked again where they act: the
 * digest over the very bytes that are opened, window and incidents at the switch.
 *
 * Where the policy wants approvals, people of its roles sign a second statement over this one
 * attempt: this release, device, policy and the number the device gave the attempt. A policy
 * may also name practices that a release's evidence must show, and roles whose extra key takes
 * firmware past an open incident or makes a release an emergency, which waits for less and
 * skips no check of what it is.
 *
 *   IDLE -> RECEIVED -> STAGING -> STAGED -> ACCEPTED -> ARMED -> ACTIVATING -> PROBATION
 *     -> COMMITTED | ROLLED_BACK; REJECTED from anywhere before; SAFE: nothing may run
 *
 * The gate calls no sibling: it loads, runs and switches through hooks. Memory: yours.
 * Threads: one caller at a time per object, the worker. docs/gate.md, docs/formats/release.md,
 * docs/formats/journal.md.
 */
#ifndef DURA_GATE_H
#define DURA_GATE_H

#include <dura/port.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Written into journal and records: values never move. */
enum {
    DURA_GATE_IDLE = 0,
    DURA_GATE_RECEIVED = 1,     /* the release is authentic and newer than the floor */
    DURA_GATE_STAGING = 2,      /* bytes are coming */
    DURA_GATE_STAGED = 3,       /* all bytes read back, digest equal */
    DURA_GATE_ACCEPTED = 4,     /* opened beside the running one, golden vectors right; runs
                                   beside it, where a shadow run is asked for */
    DURA_GATE_ARMED = 5,        /* waits for approvals, window, clock, no
                                   incident, no stop, a machine that is safe */
    DURA_GATE_ACTIVATING = 6,   /* written before the switch */
    DURA_GATE_PROBATION = 7,    /* drives, the former one runs beside it */
    DURA_GATE_COMMITTED = 9,    /* kept; the floor is raised in the same record */
    DURA_GATE_ROLLED_BACK = 10,
    DURA_GATE_REJECTED = 11,
    DURA_GATE_SAFE = 12         /* no usable brain, or the journal is lost: only a release
                                   that replaces it helps */
};

/* What a release is about. */
enum {
    DURA_COMPONENT_BOX = 1,     /* firmware: the gate authorises its digest, the box installs it */
    DURA_COMPONENT_BRAIN = 2,
    DURA_COMPONENT_POLICY = 3,  /* a packed policy: in force from the next start */
    DURA_COMPONENTS = 4         /* room: floors are indexed by component */
};

/* Who signs. A key has one role. */
enum { DURA_ROLE_VENDOR = 1, DURA_ROLE_OPERATOR = 2, DURA_ROLE_SECURITY = 3, DURA_ROLE_SAFETY = 4 };

/* Why not. Bits: unmet conditions while waiting, reasons of a rejection or a rollback. */
enum {
    DURA_WHY_FORMAT = 1 << 0,       /* not a release, or a newer one than this build knows */
    DURA_WHY_SIGNATURE = 1 << 1,    /* no signature by a known key is right, or a key that a
                                       policy brings has not signed it */
    DURA_WHY_THRESHOLD = 1 << 2,    /* too few keys signed */
    DURA_WHY_ROLE = 1 << 3,         /* a required role did not sign */
    DURA_WHY_DEVICE = 1 << 4,       /* for another device */
    DURA_WHY_COMPONENT = 1 << 5,    /* a component this device does not update */
    DURA_WHY_VERSION = 1 << 6,      /* not above the running one, or below the floor */
    DURA_WHY_EXPIRED = 1 << 7,
    DURA_WHY_NOT_YET = 1 << 8,
    DURA_WHY_POLICY = 1 << 9,       /* made for another policy */
    DURA_WHY_SIZE = 1 << 10,        /* larger than the slot */
    DURA_WHY_INCOMPLETE = 1 << 11,  /* bytes are missing, or the policy a release is about */
    DURA_WHY_DIGEST = 1 << 12,      /* the bytes are not those that were signed */
    DURA_WHY_OPEN = 1 << 13,        /* the backend does not take the model */
    DURA_WHY_GOLDEN = 1 << 14,      /* a golden vector came out wrong */
    DURA_WHY_WINDOW = 1 << 15,      /* outside the maintenance window */
    DURA_WHY_CLOCK = 1 << 16,       /* the clock is not trusted enough to say */
    DURA_WHY_INCIDENT = 1 << 17,    /* an incident is open */
    DURA_WHY_STOPPED = 1 << 18,     /* an operator stopped the model */
    DURA_WHY_BUSY = 1 << 19,        /* the arena is still in use: frames must go on */
    DURA_WHY_OUTPUT = 1 << 20,      /* probation: an answer outside the envelope or not finite */
    DURA_WHY_DISAGREE = 1 << 21,    /* probation: too far from the former model */
    DURA_WHY_BACKEND = 1 << 22,     /* probation: the model failed or was late */
    DURA_WHY_DRIFT = 1 << 23,       /* probation: outputs drifted, or the guard's own word */
    DURA_WHY_REBOOT = 1 << 24,      /* a restart in probation */
    DURA_WHY_STORAGE = 1 << 25,     /* a slot could not be read or written */
    DURA_WHY_ABORTED = 1 << 26,     /* a person said no */
    DURA_WHY_JUMP = 1 << 27,        /* too far above the running version */
    DURA_WHY_REQUIRES = 1 << 28,    /* a version of another component does not fit: what this
                                       release asks for, or what one that runs asks of it */
    DURA_WHY_APPROVALS = 1 << 29,   /* a role that must approve has not */
    DURA_WHY_REPLAY = 1 << 30       /* an approval of another attempt than the one in hand */
};

/* Why not, second word: status.why2, and bits 32 and up of a fact's value[3]. */
enum {
    DURA_WHY2_EVIDENCE = 1 << 0,    /* a practice this device asks for is not shown by evidence */
    DURA_WHY2_SHADOW = 1 << 1,      /* the shadow run is not over, or was not passed */
    DURA_WHY2_MACHINE = 1 << 2,     /* the machine is not in a state to switch in */
    DURA_WHY2_EMERGENCY = 1 << 3,   /* an emergency release without its extra role */
    /* Not reasons against it but how it came through: in facts, and why2 of what was kept. */
    DURA_WHY2_URGENT = 1 << 4,      /* it goes the emergency path */
    DURA_WHY2_PAST_INCIDENT = 1 << 5, /* a box release went past an open incident, with its role */
    /* Reasons again. */
    DURA_WHY2_LATENCY = 1 << 6,     /* shadow run: it took too long beside the one that drives */
    DURA_WHY2_BACK = 1 << 7,        /* it goes back, and this device lets nothing go back */
    DURA_WHY2_PLANNED = 1 << 8,     /* beyond what was planned, and not signed as that by its role */
    DURA_WHY2_PARTS = 1 << 9,       /* a part it is bound to is not the one this device runs */
    /* How it came through. */
    DURA_WHY2_WENT_BACK = 1 << 10,  /* to a lower version, with its role's approval */
    DURA_WHY2_SUBSTANTIAL = 1 << 11 /* it says that it is beyond what was planned */
};

/* What a release can change, by part; DURA_PART_RULES is all of a policy that is none of the
 * others. docs/gate.md says what of a policy belongs to which. */
enum {
    DURA_PART_BOX = 1 << 0,
    DURA_PART_MODEL = 1 << 1,
    DURA_PART_LABEL_MAP = 1 << 2,   /* what outputs mean to people */
    DURA_PART_NORMALISATION = 1 << 3, /* how inputs are made of channels */
    DURA_PART_THRESHOLDS = 1 << 4,
    DURA_PART_CONTRACT = 1 << 5,    /* of the sensors */
    DURA_PART_DRIFT = 1 << 6,       /* reference of the drift monitor */
    DURA_PART_LABELS = 1 << 7,      /* people's word on what is normal */
    DURA_PART_RULES = 1 << 8,
    DURA_PART_REGISTER = 1 << 9,    /* of risks, by its digest */
    DURA_PARTS = 10
};

#define DURA_RELEASE_TYPE "application/vnd.dura.release+cbor"
#define DURA_APPROVAL_TYPE "application/vnd.dura.approve+cbor"
#define DURA_RELEASE_MAX 1024          /* bytes of an envelope a device accepts */
#define DURA_RELEASE_PAYLOAD_MAX 312   /* of them the statement; eight signatures fit beside it;
                                          docs/formats/release.md */
#define DURA_CHUNK_BYTES 65536         /* a release may sign a tree over chunks of its subject */
#define DURA_GATE_KEYS_MAX 8
#define DURA_GATE_JUMP 65536           /* nobody may use up the versions by one release */

/* Bits of dura_release.flags. One that a build does not know makes the release a newer one. */
enum {
    DURA_RELEASE_EMERGENCY = 1 << 0, /* a key of an extra role has signed it, and it waits less */
    DURA_RELEASE_BACK = 1 << 2,      /* a brain below the version that runs; never an emergency */
    DURA_RELEASE_SUBSTANTIAL = 1 << 3 /* it changes more than was planned in the assessment */
};
#define DURA_METRIC_ONE 10000          /* ten-thousandths */

/* What a vendor's evidence can show to have been done for this very release: practices of
 * IEC 62443-4-1 and controls of ISO/IEC 42001 annex A, by their numbers there. A policy names
 * those without which nothing is taken. */
enum {
    DURA_PRACTICE_SM_9 = 1 << 0,     /* components of others were assessed */
    DURA_PRACTICE_SM_11 = 1 << 1,    /* known security issues were judged and dealt with */
    DURA_PRACTICE_SR_2 = 1 << 2,     /* the threat model is of this version */
    DURA_PRACTICE_SR_5 = 1 << 3,     /* requirements were reviewed */
    DURA_PRACTICE_SD_3 = 1 << 4,     /* the design was reviewed */
    DURA_PRACTICE_SI_1 = 1 << 5,     /* the implementation was reviewed */
    DURA_PRACTICE_SI_2 = 1 << 6,     /* coding rules were kept */
    DURA_PRACTICE_SVV_1 = 1 << 7,    /* security requirements were tested */
    DURA_PRACTICE_SVV_2 = 1 << 8,    /* mitigations of the threats were tested */
    DURA_PRACTICE_SVV_3 = 1 << 9,    /* looked for vulnerabilities: fuzzed, scanned */
    DURA_PRACTICE_SVV_4 = 1 << 10,   /* penetration tested */
    DURA_PRACTICE_SVV_5 = 1 << 11,   /* by others than those who made it */
    DURA_PRACTICE_DM_4 = 1 << 12,    /* reported defects are dealt with */
    DURA_PRACTICE_SUM_1 = 1 << 13,   /* the update itself was qualified */
    DURA_PRACTICE_SUM_2 = 1 << 14,   /* it is documented */
    DURA_PRACTICE_SUM_3 = 1 << 15,   /* what it needs of other components is documented */
    DURA_PRACTICE_A_5_2 = 1 << 16,   /* impact of the AI system was assessed */
    DURA_PRACTICE_A_6_2_2 = 1 << 17, /* its requirements are specified */
    DURA_PRACTICE_A_6_2_3 = 1 << 18, /* design and development are documented */
    DURA_PRACTICE_A_6_2_4 = 1 << 19, /* verified and validated */
    DURA_PRACTICE_A_6_2_5 = 1 << 20, /* a deployment plan was followed */
    DURA_PRACTICE_A_6_2_6 = 1 << 21, /* operation and monitoring are provided for */
    DURA_PRACTICE_A_7_2 = 1 << 22,   /* data for development is managed */
    DURA_PRACTICE_A_7_3 = 1 << 23,   /* where data comes from is documented: acquisition */
    DURA_PRACTICE_A_7_4 = 1 << 24,   /* its quality meets what was required */
    DURA_PRACTICE_A_7_5 = 1 << 25,   /* its provenance is recorded */
    DURA_PRACTICE_A_7_6 = 1 << 26,   /* how it was prepared is documented */
    DURA_PRACTICE_A_9_4 = 1 << 27    /* within the intended use */
};

typedef struct dura_gate_key {
    uint8_t pub[DURA_PUBKEY_BYTES];
    uint8_t role;                      /* DURA_ROLE_* */
    uint8_t alg;                       /* 0: Ed25519; else judged by dura_crypto.verify_other. It is
                                          the key's, and no envelope can say another */
    uint8_t reserved[6];               /* 0 */
} dura_gate_key;

/* A decoded release. Start from DURA_RELEASE_INIT. */
typedef struct dura_release {
    uint32_t struct_size;
    uint8_t  component;                /* DURA_COMPONENT_* */
    uint8_t  reserved[3];              /* 0 */
    uint64_t version;                  /* >= 1; rises with every release of a component */
    uint64_t floor_;                   /* lowest version accepted once this is committed;
                                          <= version */
    uint64_t length;                   /* bytes of the subject */
    uint8_t  digest[DURA_HASH_BYTES];  /* SHA-256 of the subject */
    uint8_t  policy[DURA_HASH_BYTES];  /* digest of the policy it was tested under; zeros: any */
    int64_t  not_before_s, not_after_s;/* seconds since 1970; 0: no limit */
    uint32_t probation_frames;         /* wanted; the policy's number when that is larger */
    uint32_t reserved2;                /* 0 */
    char     device[64];               /* name of one device, or "*" */
    char     name[64];                 /* for people */
    uint32_t need_min[DURA_COMPONENTS];/* versions of the other components it works with, */
    uint32_t need_max[DURA_COMPONENTS];/* by component; 0 and 0: any; max UINT32_MAX: no end */
    uint8_t  evidence[DURA_HASH_BYTES];/* SHA-256 of the evidence index, a document the device
                                          never reads: what was assessed, tested, reviewed and
                                          trained on, by digest; zeros: none */
    uint64_t practices;                /* DURA_PRACTICE_* that the evidence satisfies; with
                                          evidence only */
    uint32_t flags;                    /* DURA_RELEASE_* */
    uint32_t metric;                   /* what the vendor's protocol found, in ten-thousandths,
                                          1..DURA_METRIC_ONE; 0: not stated */
    uint8_t  data[DURA_HASH_BYTES];    /* SHA-256 of what a brain was trained on; zeros: not said */
} dura_release;
#define DURA_RELEASE_INIT                                                              \
    { (uint32_t)sizeof(dura_release), 0, {0, 0, 0}, 0, 0, 0, {0}, {0}, 0, 0, 0, 0,     \
      {0}, {0}, {0}, {0}, {0}, 0, 0, 0, {0} }

/* ---- brain images ------------------------------------------------------------------- */

/* What lies in a slot: the model and what is bound to it, one set under one digest
 * (docs/formats/brain.md). */
enum { DURA_BRAIN_MODEL = 1, DURA_BRAIN_GOLDEN = 2, DURA_BRAIN_PARTS = 3 };
#define DURA_BRAIN_PART_BYTES 36       /* of a row of PARTS: a DURA_PART_*, SHA-256 */

/** Is this an intact brain image? returns DURA_OK; DURA_EINVAL, DURA_ECORRUPT,
 *  DURA_EVERSION.                                                      [any] O(len) */
DURA_API DURA_CHECK int dura_brain_check(const void *image, size_t len);

/** A section of a checked image, 8-byte aligned in it. returns DURA_OK; DURA_ENOENT.
 *                                                                      [any] O(sections) */
DURA_API DURA_CHECK int dura_brain_section(const void *image, size_t len, uint32_t type,
                                           const void **p, size_t *n);

/* ---- releases ----------------------------------------------------------------------- */

/** Decode a release's payload. returns DURA_OK; DURA_ECORRUPT; DURA_EVERSION; DURA_EINVAL
 *  (a field outside its range).                                        [any] O(len) */
DURA_API DURA_CHECK int dura_release_decode(const void *payload, size_t len, dura_release *out);

/** Check an envelope: right signatures by at least `threshold` different keys of `keys`,
 *  one at least of every role whose bit (1 << role) is in `roles`. Wrong signatures among
 *  right ones are ignored; the same key twice counts once.
 *  returns  DURA_OK: *out is the release; DURA_EAUTH, DURA_ECORRUPT, DURA_EVERSION,
 *           DURA_EINVAL; *why (may be NULL) gets DURA_WHY_* bits.
 *                                     [port] O(len) + one verify per signature and key */
DURA_API DURA_CHECK int dura_release_verify(const void *envelope, size_t len,
                                            const dura_crypto *crypto, const dura_gate_key *keys,
                                            uint32_t n_keys, uint32_t threshold, uint32_t roles,
                                            dura_release *out, uint32_t *why);

/* ---- the gate ----------------------------------------------------------------------- */

#define DURA_SHADOW_LATE 0x40000000u   /* of the hook `shadow`, which replays nothing: the gate
                                          says DURA_WHY2_LATENCY */

/* What the gate asks of its owner. Required, up to say. `user` is handed back. */
typedef struct dura_gate_hooks {
    uint32_t struct_size;
    uint32_t reserved;                 /* 0 */
    void *user;
    /* Where the bytes of a brain that is to be opened may lie, 8-byte aligned; NULL: not
     * now, the place is still in use (*cap may be set all the same). */
    void *(*arena)(void *user, size_t *cap);
    /* Open the model in the arena beside the running one. */
    int (*open)(void *user, const void *model, size_t len);
    /* The opened one, once. */
    int (*run)(void *user, const float *in, size_t n_in, float *out, size_t n_out);
    /* It drives from the next frame boundary on. probation 0: and is the only one at once. */
    int (*activate)(void *user, uint32_t probation);
    /* Progress of probation: frames served so far; returns DURA_WHY_* bits, 0: all well. */
    uint32_t (*watch)(void *user, uint32_t *frames);
    /* Keep it: the former one is closed. Drop it: the former one drives, the opened one is
     * closed, whether it was activated or not. DURA_ESTATE: the producer has not passed a
     * frame boundary since; asked again later. */
    int (*keep)(void *user);
    int (*drop)(void *user);
    /* DURA_WHY_INCIDENT, DURA_WHY_STOPPED as they stand. */
    uint32_t (*blocked)(void *user);
    /* A fact for the security log. */
    void (*say)(void *user, const dura_fact *f);
    /* Key i of release_keys in the policy with this digest: DURA_OK; DURA_ENOENT: it has no
     * more; DURA_ESTATE: that policy is not at hand; < 0: a code. A policy release is taken
     * only when every key it brings has signed it as well, so that nobody names a key that
     * is not held. NULL (an older owner): not asked. */
    int (*next_key)(void *user, const uint8_t policy[DURA_HASH_BYTES], uint32_t i,
                    dura_gate_key *out);
    /* Is the machine in a state in which this component may be switched: 1; anything else:
     * not now. Asked whenever the other conditions are, the last time right before the switch.
     * NULL: not asked. */
    int (*safe_state)(void *user, uint32_t component);
    /* The opened one answers beside the one that drives, and nothing of it is driven: begins
     * with the first call. *frames: so many answers so far; returns DURA_WHY_* bits of what is
     * wrong with it, 0: all well; DURA_SHADOW_LATE: too slow. Ends with activate or drop. Needed
     * for shadow_frames. */
    uint32_t (*shadow)(void *user, uint32_t *frames);
    /* Which DURA_PART_* the policy with this digest changes, beside the one in force. All ones:
     * that policy is not at hand. NULL: not asked, and it counts as all. */
    uint32_t (*changes)(void *user, const uint8_t policy[DURA_HASH_BYTES]);
    /* Has the policy with this digest (NULL: the one in force) this part: 1; anything else: no. A
     * brain that is bound to parts runs only beside them. NULL: no part is ever the right one. */
    int (*part)(void *user, const uint8_t *policy, uint32_t part, const uint8_t digest[DURA_HASH_BYTES]);
} dura_gate_hooks;

/* When the local clock changes: Mm.w.d/time of a POSIX TZ. */
typedef struct dura_gate_rule {
    int16_t  minute;                   /* from that day's midnight on, by the clock before the
                                          change; -10020..10020 */
    uint8_t  month;                    /* 1..12 */
    uint8_t  week;                     /* 1..5; 5: the last such day of the month */
    uint8_t  day;                      /* 0 Sunday..6 */
    uint8_t  reserved;                 /* 0 */
} dura_gate_rule;

/* What a window is beside its minutes; docs/gate.md says exactly when it is open. All zeros:
 * UTC, every day. */
typedef struct dura_gate_calendar {
    int16_t  utc_minutes;              /* standard time less UTC, -1440..1440; east is positive */
    uint8_t  dst_minutes;              /* in summer the clock is put forward by 1..180; 0: never,
                                          and the rules are zeros */
    uint8_t  days;                     /* bits 1 << day (0 Sunday..6) of the local day on which a
                                          window opens; 0: every day */
    uint16_t must_finish;              /* minutes that switch, probation and a rollback take: the
                                          window must be open for longer; 0..1440 */
    dura_gate_rule begin, end;         /* of summer time */
    uint8_t  reserved[6];              /* 0 */
} dura_gate_calendar;

typedef struct dura_gate_config {
    uint32_t struct_size;
    uint8_t  n_keys;                   /* 1..DURA_GATE_KEYS_MAX */
    uint8_t  threshold;                /* 1..n_keys */
    uint8_t  roles;                    /* bits 1 << DURA_ROLE_* that must have signed */
    uint8_t  min_clock;                /* DURA_CLOCK_* needed for window and dates */
    const dura_gate_key *keys;         /* borrowed */
    const char *device;                /* name of this device, borrowed */
    uint8_t  policy[DURA_HASH_BYTES];  /* digest of the running policy */
    uint32_t probation_frames;         /* 1..2^31 */
    uint16_t window_begin;             /* minute of the local day, 0..1439; see calendar */
    uint16_t window_minutes;           /* 0: any time; else 1..1440 */
    uint32_t fresh;                    /* 1: a blank journal is a first start; 0: it is a
                                          loss, and SAFE */
    uint32_t components;               /* bits 1 << DURA_COMPONENT_* this device takes */
    uint64_t version[DURA_COMPONENTS]; /* factory versions, usually 0 */
    uint64_t max_jump;                 /* a release may be this far above the running version;
                                          0: DURA_GATE_JUMP */
    uint8_t  approve;                  /* bits 1 << DURA_ROLE_*: of each a key must approve every
                                          release before it is switched to; 0: none */
    uint8_t  approvals;                /* so many keys of these roles; 0: one of each */
    uint8_t  reserved[6];              /* 0 */
    uint32_t require;                  /* DURA_PRACTICE_* that a release's evidence must show */
    uint32_t shadow_frames;            /* answers of a brain beside the one that drives, before
                                          it is armed; 0: none */
    uint8_t  incident_role;            /* 0: box releases do not ask for incidents; DURA_ROLE_*:
                                          while one is open one more key than the threshold
                                          must stand behind it, one of this role: by a
                                          signature or an approval */
    uint8_t  emergency_role;           /* 0: no emergency releases; DURA_ROLE_*: they need one
                                          signature more than the threshold, one of this role */
    uint8_t  rollback_role;            /* 0: no brain goes back; DURA_ROLE_*: it needs an approval
                                          of this role */
    uint8_t  substantial_role;         /* 0: nothing is planned; DURA_ROLE_*: what is beyond the
                                          plan needs one signature more than the threshold, one
                                          of this role */
    uint8_t  planned_data;             /* 1: a routine brain names the data it was trained on */
    uint8_t  reserved2[3];             /* 0 */
    dura_gate_calendar calendar;
    uint32_t planned;                  /* DURA_PART_* that a routine release may change */
    uint32_t planned_metric;           /* and the metric that a brain must state at least */
} dura_gate_config;
#define DURA_GATE_CONFIG_INIT                                                          \
    { (uint32_t)sizeof(dura_gate_config), 0, 0, 0, 0, NULL, NULL, {0}, 0, 0, 0, 0, 0,  \
      {0}, 0, 0, 0, {0}, 0, 0, 0, 0, 0, 0, 0, {0},                                     \
      {0, 0, 0, 0, {0, 0, 0, 0, 0}, {0, 0, 0, 0, 0}, {0}}, 0, 0 }

typedef struct dura_gate dura_gate;    /* lives in memory you give to init */

/* Where the gate stands. */
typedef struct dura_gate_status {
    uint32_t struct_size;              /* in: sizeof in your build; out: bytes filled */
    uint8_t  state;                    /* DURA_GATE_* */
    uint8_t  component;                /* of the release in hand; 0: none */
    uint8_t  slot;                     /* brain that runs: 0 factory, 1 A, 2 B, 255 none */
    uint8_t  attempt;                  /* starts of the release in hand */
    uint32_t why;                      /* unmet conditions now, or why the last one ended */
    uint32_t probation_left;           /* frames */
    uint64_t seq;                      /* records written */
    uint64_t offset;                   /* bytes staged */
    uint64_t length;                   /* bytes of the subject in hand */
    uint64_t candidate;                /* version in hand; 0: none */
    uint64_t version[DURA_COMPONENTS]; /* running, by component */
    uint64_t floor_[DURA_COMPONENTS];
    uint8_t  digest[DURA_HASH_BYTES];  /* of the running brain image; zeros: factory */
    uint8_t  policy[DURA_HASH_BYTES];  /* of the policy a release put in force; zeros: the
                                          factory record's */
    uint64_t nonce;                    /* of the release in hand: an approval names it */
    uint8_t  release[DURA_HASH_BYTES]; /* and this: SHA-256 of the release's payload */
    uint8_t  approved;                 /* bits 1 << index of a key that has approved it */
    uint8_t  reserved[7];              /* 0 */
    uint32_t why2;                     /* DURA_WHY2_*, as why */
    uint32_t shadow_left;              /* answers the shadow run still wants */
    uint64_t reached;                  /* highest version a brain had: another one is above it,
                                          or goes back by name, never below floor_ */
} dura_gate_status;
#define DURA_GATE_STATUS_INIT                                                          \
    { (uint32_t)sizeof(dura_gate_status), 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, {0}, {0},      \
      {0}, {0}, 0, {0}, 0, {0}, 0, 0, 0 }

/** Exact bytes init() needs; 0 when cfg is invalid.                     [any] O(1) */
DURA_API DURA_CHECK size_t dura_gate_bytes(const dura_gate_config *cfg);

/** Build in mem (8-byte aligned) and read the journal. An update that was cut short in
 *  probation or before is ended here: rolled back or still staged, as the journal says.
 *  port needs DURA_REGION_JOURNAL (>= 2 erase blocks); without both slots brain releases
 *  are refused (DURA_WHY_COMPONENT). cfg, hooks are copied; keys, device, port borrowed.
 *  Nothing is written before start() or step(). A fresh box whose first record was torn is
 *  still fresh.
 *  returns  DURA_OK (SAFE is a state, not an error); DURA_EINVAL (also a journal that is
 *           too small), DURA_ENOSPC, DURA_EALIGN, DURA_EVERSION, DURA_ENOTSUP (no journal,
 *           hash or verify); a hook's code.
 *                                                     [init, port] O(journal block) */
DURA_API DURA_CHECK int dura_gate_init(dura_gate **out, void *mem, size_t len,
                                       const dura_gate_config *cfg, const dura_gate_hooks *hooks,
                                       const dura_port *port);

/** Load the brain that the journal says is active into the arena, verify, open, activate
 *  and keep it. A slot that does not hold what was signed gives way to the other slot, that
 *  to the factory model, each only above the floor; else SAFE.
 *  returns  0: the factory model runs; 1, 2: slot A, B runs; DURA_EDENIED: SAFE; a hook's
 *           code: nothing is decided, call again. Once, before the first frame.
 *                                                       [init, port] O(slot) unbounded */
DURA_API DURA_CHECK int dura_gate_start(dura_gate *g);

/** Offer a release: envelope of up to DURA_RELEASE_MAX bytes.
 *  returns  DURA_OK: taken; write() its bytes next (none for BOX and POLICY). DURA_EDENIED,
 *           DURA_EAUTH, DURA_ECORRUPT, DURA_EVERSION: refused, query().why says why, nothing
 *           changed but the journal's note of it (and not even that when no known key
 *           signed it, or when it was refused just before); DURA_ESTATE: one is in hand;
 *           a hook's code.
 *                                                                    [serial worker, port] */
DURA_API DURA_CHECK int dura_gate_offer(dura_gate *g, const void *envelope, size_t len,
                                        const dura_time *now);

/** Bytes of the subject, in order from query().offset on; may be resumed after a restart.
 *  returns  DURA_OK; DURA_ESTATE; DURA_EINVAL (offset); DURA_ELIMIT (behind the signed
 *           length); DURA_EDENIED: the chunk that dura_gate_calls.prove announced is another
 *           one, and the next steps reject the release; a hook's code: go on from
 *           query().offset, which may have gone back to the last erase block.
 *                                                                    [serial worker, port] */
DURA_API DURA_CHECK int dura_gate_write(dura_gate *g, uint64_t offset, const void *p, size_t n,
                                        const dura_time *now);

/** Go on: at most `budget` work units (a chunk of 512 bytes, a golden vector, a journal
 *  record: one each). returns >= 0: units spent, 0: nothing to do now; < 0: a hook's code,
 *  tried again later.                                              [serial worker, port] */
DURA_API DURA_CHECK int dura_gate_step(dura_gate *g, const dura_time *now, uint32_t budget);

/** Approve the release in hand: an envelope of DURA_APPROVAL_TYPE (docs/formats/release.md),
 *  signed by keys of the roles that must approve. It counts for this attempt of this release
 *  on this device and for nothing else, and is durable when the call returns. A key counts
 *  once; what it said already is taken and changes nothing.
 *  returns  DURA_OK: counted; query().approved. DURA_EDENIED, DURA_EAUTH, DURA_ECORRUPT,
 *           DURA_EVERSION: refused, *why (may be NULL) says why, nothing changed;
 *           DURA_ESTATE: none in hand that can still be approved, or its bytes are coming
 *           just now; a hook's code: not counted.                [serial worker, port] */
DURA_API DURA_CHECK int dura_gate_approve(dura_gate *g, const void *envelope, size_t len,
                                          const dura_time *now, uint32_t *why);

/** Give up the release in hand: rejected, or rolled back when it drives already.
 *  When a step of the producer still uses it, the next steps finish that.
 *  returns  DURA_OK; DURA_ESTATE (none in hand, or kept already); a hook's code.
 *                                                                    [serial worker, port] */
DURA_API DURA_CHECK int dura_gate_reset(dura_gate *g, const dura_time *now);

/** Fill *out (set out->struct_size first). returns DURA_OK, DURA_EINVAL. [serial] O(1) */
DURA_API DURA_CHECK int dura_gate_query(const dura_gate *g, dura_gate_status *out);

/* What the guard calls; see dura/feature.h. */
typedef struct dura_gate_calls {
    uint32_t struct_size;
    uint32_t object;                   /* what bytes() says of any valid configuration */
    size_t (*bytes)(const dura_gate_config *cfg);
    int (*init)(dura_gate **out, void *mem, size_t len, const dura_gate_config *cfg,
                const dura_gate_hooks *hooks, const dura_port *port);
    int (*start)(dura_gate *g);
    int (*offer)(dura_gate *g, const void *envelope, size_t len, const dura_time *now);
    int (*write)(dura_gate *g, uint64_t offset, const void *p, size_t n, const dura_time *now);
    int (*step)(dura_gate *g, const dura_time *now, uint32_t budget);
    int (*reset)(dura_gate *g, const dura_time *now);
    int (*query)(const dura_gate *g, dura_gate_status *out);
    int (*approve)(dura_gate *g, const void *envelope, size_t len, const dura_time *now,
                   uint32_t *why);
    /* Before the bytes of a chunk: what its digest is, when the release in hand signs a tree over
     * its chunks (docs/formats/release.md). envelope: the release's, for the root; leaf and path:
     * DURA_HASH_BYTES each, the path n of them from the leaf up. Then write() refuses the chunk
     * with DURA_EDENIED when its last byte comes and it is another one, and the next steps
     * reject the release (DURA_WHY_DIGEST). Nobody has to: without it the whole is judged.
     *  returns  DURA_OK; DURA_ESTATE (none in hand, or query().offset is not at the begin of a
     *           chunk); DURA_EDENIED (another release's), DURA_ENOENT (it signs no tree),
     *           DURA_EAUTH (not of that tree, or not at this place), DURA_ECORRUPT,
     *           DURA_EINVAL; a hook's code.                          [serial worker, port] */
    int (*prove)(dura_gate *g, const void *envelope, size_t len, const uint8_t *leaf,
                 const uint8_t *path, uint32_t n);
} dura_gate_calls;

/** The table of the functions above. Static storage.                    [any] O(1) */
DURA_API DURA_CHECK const dura_gate_calls *dura_gate_part(void);

#ifdef __cplusplus
}
#endif
#endif
