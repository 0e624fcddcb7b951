/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dura/host/translate.h - what an AI impact means in the language of IEC 62443.
 *
 * One entry of a risk register in, lines out: which foundational requirements and component
 * requirements it touches, at which security level, where the component falls short and what must
 * compensate, which hooks count for its cause and which do not, which controls of 42001 belong to
 * it. Deterministic, from rules that are data (catalogs/translation.json); every line says why.
 * An answer may be overridden, with a name and a reason, and both lines stay.
 *
 * The rules, in order: (1) a path to an actuator or to a person's decision takes the hazard's
 * severity; without one it is a risk of information (FR DC, TRE). (2) FR and CR by the kind of
 * asset. (3) SL-T from the zone, one higher when the severity is the highest and the path has no
 * second channel. (4) SL-T over SL-C: a compensating countermeasure or another design. (5) the
 * cause says which hooks count. (6) 42001 by the kind of asset.
 *
 * Memory: yours. Threads: any. Unstable until 1.0.
 */
#ifndef DURA_HOST_TRANSLATE_H
#define DURA_HOST_TRANSLATE_H

#include <dura/host/catalog.h>

#ifdef __cplusplus
extern "C" {
#endif

#define DURA_TRANSLATE_LINES_MAX 96u
#define DURA_TRANSLATE_REASON_MAX 224u    /* bytes, with the terminator */

/* Kinds of asset (mission of the register: what the risk touches). */
enum {
    DURA_ASSET_SENSOR = 1,
    DURA_ASSET_MODEL = 2,
    DURA_ASSET_ACTUATOR = 3,
    DURA_ASSET_DATASET = 4,
    DURA_ASSET_UPDATE = 5,
    DURA_ASSET_LOG = 6,
    DURA_ASSET_HUMAN = 7,
    DURA_ASSET_NETWORK = 8,
    DURA_ASSET_BRAIN_PART = 9,     /* scaling, thresholds, labels, references, the register */
    DURA_ASSET_COMPUTE = 10,
    DURA_ASSET_SECRET = 11         /* what must not be read: keys, the model as property */
};

/* Where the path of the risk ends. */
enum { DURA_REACH_NOTHING = 0, DURA_REACH_HUMAN = 1, DURA_REACH_ACTUATOR = 2 };

/* Start from DURA_TRANSLATE_ENTRY_INIT. Vectors are in the order IAC UC SI DC RDF TRE RA, 0..4. */
typedef struct dura_translate_entry {
    uint32_t struct_size;
    uint8_t asset;             /* DURA_ASSET_* */
    uint8_t cause;             /* DURA_RISK_* */
    uint8_t reach;             /* DURA_REACH_* */
    uint8_t severity;          /* of the hazard at the path's end, 1..severity_top; without a path
                                  the entry's own */
    uint8_t severity_top;      /* the highest of the product's scale; 0: 4 */
    uint8_t second_channel;    /* 1: the path has an independent second channel */
    uint8_t sl_t[DURA_FR_MAX]; /* of the asset's zone */
    uint8_t sl_c[DURA_FR_MAX]; /* the component claims */
    uint8_t crosses;           /* 1: the path crosses a conduit */
    uint8_t conduit_sl_c[DURA_FR_MAX];   /* what that conduit can do, when it does */
    uint8_t reserved[8];       /* 0 */
    const char *zone, *conduit;          /* names for the reasons; NULL: "the zone", "the conduit" */
    const char *const *hooks;  /* hooks bound so far, NULL ends; NULL: none */
} dura_translate_entry;
#define DURA_TRANSLATE_ENTRY_INIT                                                      \
    { (uint32_t)sizeof(dura_translate_entry), 0, 0, 0, 0, 0, 0, { 0 }, { 0 }, 0, { 0 }, { 0 }, NULL, NULL, NULL }

/* What a line says. id is a catalogue's, an FR's or a hook's; constant, "" where there is none. */
enum {
    DURA_LINE_PATH = 1,        /* rule 1: value is the severity that holds */
    DURA_LINE_FR = 2,          /* id "SI"; fr, sl_t, sl_c */
    DURA_LINE_REQUIREMENT = 3, /* id "CR 3.5"; fr, sl_t, sl_c; value 1: SL-T demands it, 0: it is
                                  touched, and demanded only from a higher SL */
    DURA_LINE_RAISED = 4,      /* rule 3: SL-T of this FR is one above the zone's */
    DURA_LINE_GAP = 5,         /* rule 4: value = SL-T - SL-C of the component */
    DURA_LINE_COMPENSATE = 6,  /* rule 4: id "CCSC 2"; a countermeasure in zone or conduit is due */
    DURA_LINE_HOOK = 7,        /* rule 5: this hook counts for the cause; value 1: bound already */
    DURA_LINE_NO_HOOK = 8,     /* rule 5: bound, and does not count for the cause */
    DURA_LINE_DEMAND = 9,      /* rule 5: what the cause asks for besides (a delay, a fallback);
                                  id: "response", "delay", "fallback" or "limit" */
    DURA_LINE_CONTROL = 10,    /* rule 6: of 42001 */
    DURA_LINE_OVERRIDE = 11    /* somebody decided otherwise; value: place of the line meant */
};

enum { DURA_LINE_OVERRIDDEN = 1 };

typedef struct dura_translate_line {
    const char *id;
    uint8_t kind, fr, sl_t, sl_c;
    uint8_t value;
    uint8_t flags;             /* DURA_LINE_OVERRIDDEN: another line took its place */
    uint8_t reserved[2];       /* 0 */
    char reason[DURA_TRANSLATE_REASON_MAX];
} dura_translate_line;

typedef struct dura_translation {
    uint32_t struct_size;      /* in: sizeof in your build */
    uint32_t n;
    uint8_t severity;          /* that holds */
    uint8_t frs;               /* mask 1 << (fr - 1) of those touched */
    uint8_t sl_t[DURA_FR_MAX]; /* after rule 3, 0 where not touched */
    uint8_t gap[DURA_FR_MAX];  /* component, after overrides */
    uint8_t conduit_gap[DURA_FR_MAX];
    uint8_t compensate;        /* 1: a compensating countermeasure or another design is due */
    uint32_t reserved[2];      /* 0 */
    dura_translate_line line[DURA_TRANSLATE_LINES_MAX];
} dura_translation;

/* Somebody decides otherwise. */
enum {
    DURA_OVERRIDE_SL_T = 1,    /* SL-T of FR id ("SI") is value */
    DURA_OVERRIDE_DROP = 2,    /* requirement, hook or control id does not apply */
    DURA_OVERRIDE_ADD = 3      /* requirement, hook or control id applies as well */
};
typedef struct dura_translate_override {
    uint32_t what;             /* DURA_OVERRIDE_* */
    uint32_t value;            /* SL_T: 0..4 */
    const char *id;
    const char *who, *reason;  /* required */
} dura_translate_override;

/** Translate one entry. overrides: n of them, in order; NULL with n 0.
 *  returns  DURA_OK; DURA_EINVAL: a field out of its range, an unknown hook, an override without
 *           who or reason or whose id is not in force or says nothing here (err says which);
 *           DURA_ELIMIT: more than DURA_TRANSLATE_LINES_MAX lines. On error nothing changed.
 *                                                                        [any] O(lines) */
DURA_API DURA_CHECK int dura_translate(const dura_translate_entry *entry,
                                       const dura_translate_override *overrides, uint32_t n,
                                       dura_translation *out, dura_error *err);

/** Does the hook count for the cause? 1, 0; -1: no hook has this name.    [any] O(log ids) */
DURA_API DURA_CHECK int dura_hook_counts(const char *hook, uint8_t cause);

/** "SI" for 3 and back; "" and 0 for what is none.                           [any] O(1) */
DURA_API DURA_CHECK const char *dura_fr_name(uint8_t fr);
/** 1..7 for "IAC".. or "FR 1"..; 0: none.                                    [any] O(1) */
DURA_API DURA_CHECK uint8_t dura_fr_of(const char *name);

#ifdef __cplusplus
}
#endif
#endif
