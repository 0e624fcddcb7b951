/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dura/host/binding.h - a register bound to what really ran.
 *
 * A register says which control answers which risk. A run folder says what the device did.
 * This joins them: per control how long it was armed, how often it was evaluated, fired and
 * blocked, what its self-tests said and which records say so; per control, entry and
 * requirement how strong the evidence is, and how old.
 *
 *   dura_binding_read -> query, control, entry, need, problem, set -> text -> deinit
 *
 * Nothing is counted on the device: every figure is derived from sealed records, so nobody
 * can change a counter without changing the log, which dura_verify_folder() finds. Where
 * it finds something, records from the last good seal on count for nothing. docs/register.md
 * says what makes a control armed, evaluated and fired, hook by hook.
 *
 * Memory: heap, freed by deinit; texts live as long as the binding and its register.
 * Threads: read-only once it is read. Unstable until 1.0.
 */
#ifndef DURA_HOST_BINDING_H
#define DURA_HOST_BINDING_H

#include <dura/host/json.h>
#include <dura/host/register.h>
#include <dura/host/verify.h>

#ifdef __cplusplus
extern "C" {
#endif

/* How strong evidence is. Nothing is good from E0 or E1: words are no evidence. */
enum {
    DURA_E0 = 0,    /* declared: the register says so */
    DURA_E1 = 1,    /* configured: in the policy whose digest the device recorded */
    DURA_E2 = 2,    /* exercised: drilled under this very policy, and every drill was caught */
    DURA_E3 = 3,    /* alive: the log shows it at work, or its self-test passed, lately */
    DURA_E4 = 4     /* proven: it fired in the field and a verdict, a refusal or a person's
                       name stands beside it in the log */
};

/* What speaks for a thing at its level is this old; UINT32_MAX: no clock says. */
#define DURA_AGE_UNKNOWN UINT32_MAX

/* What a log and a register do not agree about. Values never move. */
enum {
    DURA_BIND_LOG = 1,        /* the folder does not verify: records behind the break do not count */
    DURA_BIND_POLICY = 2,     /* a start under another policy than the folder's: nothing was armed */
    DURA_BIND_REGISTER = 3,   /* the device was bound to another register, or to none */
    DURA_BIND_INVENTORY = 4,  /* decisions that resolve to no inventory set */
    DURA_BIND_HOOK = 5,       /* the register counts on a hook that the policy does not configure */
    DURA_BIND_CHANNEL = 6,    /* a control's assets name no channel of the policy */
    DURA_BIND_BUILD = 7,      /* the hook's module is not in the build that ran */
    DURA_BIND_SELFTEST = 8,   /* the monitor failed its self-test, or owes one */
    DURA_BIND_IDS = 9,        /* a record names a control or a risk that the register has not */
    DURA_BIND_DRILL = 10      /* a drill that is of another register or policy: not counted */
};

/* Start from DURA_BINDING_OPTIONS_INIT. */
typedef struct dura_binding_options {
    uint32_t struct_size;
    uint32_t fresh_days;          /* E3 holds this long; 0: 30 */
    int64_t  now_ns;              /* since 1970: what ages are counted from; 0: the log's last clock */
    const dura_json *drill;       /* evidence of `dura drill --register`; NULL: nothing is E2 */
    const dura_verify_options *verify;  /* facts from outside; NULL: none */
    uint64_t modules;             /* bit n: hook n of the list in docs/register.md is in the build
                                     that ran; 0: nobody says, all are taken as there */
} dura_binding_options;
#define DURA_BINDING_OPTIONS_INIT                                                      \
    { (uint32_t)sizeof(dura_binding_options), 0, 0, NULL, NULL, 0 }

typedef struct dura_binding dura_binding;

typedef struct dura_binding_info {
    uint32_t struct_size;         /* in: sizeof in your build; out: bytes filled */
    uint32_t controls, entries, needs, problems, sets;
    uint32_t boots;               /* starts in the records that count */
    int32_t  word;                /* DURA_VERIFY_*: of the folder */
    uint8_t  simulated;           /* 1: the public demo key signed: worth nothing as proof */
    uint8_t  device_bound;        /* 1: every start recorded this register's digest */
    uint8_t  reserved[6];         /* 0 */
    uint64_t records;             /* that count, both logs */
    uint64_t limit;               /* records from this gseq on do not count; UINT64_MAX: all do */
    uint64_t decisions;
    uint64_t resolved;            /* of them that resolve to one inventory set */
    uint64_t span_ns;             /* from the first to the last decision of each start, summed */
    uint64_t proven_ns;           /* of that, between decisions whose numbers follow each other */
    int64_t  first_wall_ns, last_wall_ns;  /* 0: no clock */
    uint32_t unbound;             /* entries that count on no control at all */
    uint32_t weak;                /* entries at E0 or E1 */
    uint8_t  register_digest[32], policy_digest[32], drill_digest[32];  /* the last: 0: no drill */
    const dura_verify_report *verify;  /* what was said about the folder */
} dura_binding_info;
#define DURA_BINDING_INFO_INIT                                                         \
    { (uint32_t)sizeof(dura_binding_info), 0, 0, 0, 0, 0, 0, 0, 0, 0, {0}, 0, 0, 0, 0, 0, 0, \
      0, 0, 0, 0, {0}, {0}, {0}, NULL }

/* A control of the register, in its order. */
typedef struct dura_binding_control {
    uint32_t struct_size;         /* in: sizeof in your build; out: bytes filled */
    uint16_t number;              /* in register.bin and in records, from 1 */
    uint8_t  level;               /* DURA_E0..E4 */
    uint8_t  steps;               /* bit n: En has a proof of its own; holes are for people to see */
    const char *id, *hook;
    const char *why;              /* a sentence: what holds it at its level, or keeps it there */
    const char *next;             /* a sentence: what would take it one step up; "": nothing */
    uint32_t age_days;            /* of what speaks for its level */
    uint32_t armed_percent;       /* of span_ns */
    uint32_t expected_percent;    /* by the register */
    uint32_t channels;            /* of the policy that it is about; 0: of the whole */
    uint64_t armed_ns;            /* the policy in force had it, and decisions without a hole prove
                                     the time; a drift monitor's: up to its last heartbeat */
    uint64_t evaluations;
    uint64_t fires;
    uint64_t blocks;              /* fires after which the model's answer was not driven, or the
                                     release was refused */
    uint64_t overrides;           /* a person's word against the model or for it: stop, release */
    uint64_t tests_passed, tests_failed;   /* self-tests in the field */
    uint64_t verdicts;            /* fires with an incident, a refusal or a name beside them */
    uint64_t worst_ns;            /* slowest it was in the field: from a stop to the first decision
                                     that obeyed, from an incident's beginning to its record */
    uint64_t worst_samples;       /* slowest self-test, in samples */
    uint64_t first_gseq, last_gseq;        /* records that show it evaluated; UINT64_MAX: none */
    uint64_t fire_gseq, last_fire_gseq;    /* first and last that show it firing; UINT64_MAX: none */
    uint32_t drilled, caught;     /* by the drill: injections */
} dura_binding_control;
#define DURA_BINDING_CONTROL_INIT                                                      \
    { (uint32_t)sizeof(dura_binding_control), 0, 0, 0, NULL, NULL, NULL, NULL, 0, 0, 0, 0, \
      0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0 }

/* An entry: as strong as the weakest of its controls. */
typedef struct dura_binding_entry {
    uint32_t struct_size;         /* in: sizeof in your build; out: bytes filled */
    uint16_t number;              /* in register.bin, from 1 */
    uint8_t  level;               /* minimum over its controls; E0 without any */
    uint8_t  cause;               /* 0 fault, 1 drift, 2 attack, 3 misuse */
    const char *id, *title;
    const char *weakest;          /* the control that decides; "": none */
    uint32_t age_days;            /* the oldest of its controls' */
    uint32_t controls;
    uint32_t drilled, caught;     /* by the drill, of this entry: injections */
    uint8_t  was_drilled;         /* 0: an entry never drilled is a blind spot */
    uint8_t  reserved[7];         /* 0 */
} dura_binding_entry;
#define DURA_BINDING_ENTRY_INIT                                                        \
    { (uint32_t)sizeof(dura_binding_entry), 0, 0, 0, NULL, NULL, NULL, 0, 0, 0, 0, 0, {0} }

/* A requirement: as strong as the weakest control of all entries that name it. */
typedef struct dura_binding_need {
    uint32_t struct_size;         /* in: sizeof in your build; out: bytes filled */
    uint8_t  view;                /* DURA_REGISTER_62443, DURA_REGISTER_42001 */
    uint8_t  level;
    uint8_t  outside;             /* 1: an organisation shows it, no software can: level says nothing */
    uint8_t  good;                /* 1: E2 or better, and not outside */
    const char *id;               /* "CR 3.5", "A.7.4" */
    const char *weakest;          /* the control that decides; "": none */
    uint32_t age_days;
    uint32_t entries, controls;   /* that name it; that these count on */
    uint32_t reserved;            /* 0 */
} dura_binding_need;
#define DURA_BINDING_NEED_INIT                                                         \
    { (uint32_t)sizeof(dura_binding_need), 0, 0, 0, 0, NULL, NULL, 0, 0, 0, 0 }

typedef struct dura_binding_problem {
    uint32_t struct_size;         /* in: sizeof in your build; out: bytes filled */
    uint8_t  code;                /* DURA_BIND_* */
    uint8_t  reserved[3];         /* 0 */
    const char *subject;          /* a control's id, a digest, a start: "boot 3" */
    const char *text;             /* a sentence */
    uint64_t gseq;                /* the record; UINT64_MAX: none */
} dura_binding_problem;
#define DURA_BINDING_PROBLEM_INIT                                                      \
    { (uint32_t)sizeof(dura_binding_problem), 0, {0}, NULL, NULL, 0 }

/* What was in force for a run of decisions: CR 7.8, one set for each of them. */
typedef struct dura_binding_set {
    uint32_t struct_size;         /* in: sizeof in your build; out: bytes filled */
    uint32_t boot;
    uint8_t  policy[32];
    uint8_t  reg[32];             /* zeros: the policy names no register */
    uint8_t  model[8];            /* first bytes of its digest, as decisions have them; zeros: none */
    uint64_t version;             /* of the release that brought the model; 0: from the start */
    uint64_t decisions;
    uint64_t first_gseq, last_gseq;
    uint64_t boot_gseq;           /* the start's record */
} dura_binding_set;
#define DURA_BINDING_SET_INIT                                                          \
    { (uint32_t)sizeof(dura_binding_set), 0, {0}, {0}, {0}, 0, 0, 0, 0, 0 }

/** Read a run folder against a register, which must outlive *out. options may be NULL.
 *  returns  DURA_OK, whatever was found; DURA_EINVAL; DURA_ENOENT (no run folder, no policy.bin
 *           in it); DURA_ESYNTAX (the drill's evidence); DURA_EIO; DURA_ENOSPC. On error *out
 *           is NULL and *err says why.                      [serial] O(bytes), I/O */
DURA_API DURA_CHECK int dura_binding_read(dura_binding **out, const char *run, const dura_register *r,
                                          const dura_binding_options *options, dura_error *err);

/** Release. NULL is allowed.                                              [any] O(n) */
DURA_API void dura_binding_deinit(dura_binding *b);

/** returns DURA_OK; DURA_EINVAL.                                          [any] O(1) */
DURA_API DURA_CHECK int dura_binding_query(const dura_binding *b, dura_binding_info *out);

/** The n-th from 0; controls and entries in the register's order, requirements as first named,
 *  62443 before 42001. returns DURA_OK; DURA_EINVAL; DURA_ENOENT: n is behind the last.
 *                                                                          [any] O(1) */
DURA_API DURA_CHECK int dura_binding_control_at(const dura_binding *b, uint32_t n, dura_binding_control *out);
DURA_API DURA_CHECK int dura_binding_entry_at(const dura_binding *b, uint32_t n, dura_binding_entry *out);
DURA_API DURA_CHECK int dura_binding_need_at(const dura_binding *b, uint32_t n, dura_binding_need *out);
DURA_API DURA_CHECK int dura_binding_problem_at(const dura_binding *b, uint32_t n, dura_binding_problem *out);
DURA_API DURA_CHECK int dura_binding_set_at(const dura_binding *b, uint32_t n, dura_binding_set *out);

/** Everything as JSON in canonical form, the same bytes for the same folder, register and drill.
 *  Give it to dura_register_free(). returns DURA_OK; DURA_EINVAL; DURA_ENOSPC. [any] O(n) */
DURA_API DURA_CHECK int dura_binding_text(const dura_binding *b, char **text, size_t *len);

/** The evidence file that dura_register_check() takes: armed time and drills per control, hooks
 *  that are in the build. As dura_binding_text().                          [any] O(n) */
DURA_API DURA_CHECK int dura_binding_evidence(const dura_binding *b, char **text, size_t *len);

#ifdef __cplusplus
}
#endif
#endif
