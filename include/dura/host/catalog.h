/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dura/host/catalog.h - the names that others gave to requirements, practices and attacks.
 *
 * Catalogues are data (catalogs/, compiled into tables): ids are facts, titles of 62443, 42001 and
 * the laws are in our own words, those of ATLAS and ATT&CK for ICS are MITRE's, under their
 * notices. The bridge leads from an ATLAS or ICS technique to what can be done in a component, or
 * to an argued "none". A row maps to requirements; it makes nobody meet them.
 *
 *   dura_catalog_find("62443-4-2") -> item[0..items-1]      iterate
 *   dura_catalog_item_find(catalog, "CR 3.4")               one id, exactly
 *   dura_catalog_resolve("https://.../AML.T0043", &item)    whatever a register calls it
 *   dura_bridge_find("AML.T0043"), dura_bridge_at(0..)      what to do about a technique
 *
 * Memory: none, everything pointed to is constant and stays. Threads: any. Unstable until 1.0.
 */
#ifndef DURA_HOST_CATALOG_H
#define DURA_HOST_CATALOG_H

#include <dura/host/error.h>

#ifdef __cplusplus
extern "C" {
#endif

#define DURA_FR_MAX 7u             /* 62443's foundational requirements: IAC UC SI DC RDF TRE RA */

/* Causes a risk has; 1 to 3 are DURA_CAUSE_* of dura/correlate.h. Masks hold 1 << cause. */
enum {
    DURA_RISK_FAULT = 1,
    DURA_RISK_DRIFT = 2,
    DURA_RISK_ATTACK = 3,
    DURA_RISK_MISUSE = 4       /* used for what it was not made for, no ill will */
};

/* What stands behind an id. */
enum {
    DURA_CATALOG_ACTIVE = 1,
    DURA_CATALOG_REVOKED = 2,  /* withdrawn by its owner, nothing took its place */
    DURA_CATALOG_RENAMED = 3,  /* successor has the id that holds now */
    DURA_CATALOG_UNKNOWN = 4,  /* has the form of an id, and no catalogue has it */
    DURA_CATALOG_FOREIGN = 5   /* has the form of no catalogue's ids */
};

/* What an item is. */
enum {
    DURA_CATALOG_REQUIREMENT = 1,  /* CR, SR, CCSC, SAR, EDR, HDR, NDR; ZCR; practices of 4-1 */
    DURA_CATALOG_ENHANCEMENT = 2,  /* an RE; parent is what it enhances */
    DURA_CATALOG_CONTROL = 3,      /* of 42001 */
    DURA_CATALOG_TECHNIQUE = 4,
    DURA_CATALOG_MITIGATION = 5,
    DURA_CATALOG_DUTY = 6,         /* of a law */
    DURA_CATALOG_HOOK = 7,         /* something dura does: what a control can be bound to */
    DURA_CATALOG_HEADING = 8       /* a number with nothing to meet itself (CR 3.10: see EDR, HDR, NDR) */
};

enum {
    DURA_CATALOG_UNVERIFIED = 1,   /* from memory or one secondary source: look it up before quoting */
    DURA_CATALOG_GENERATIVE = 2,   /* technique: of language models, agents or people; note says why
                                      it is out of a predictive model's way */
    DURA_CATALOG_OUTSIDE = 4       /* control: an organisation shows it, no device can */
};

/* One id. Texts are never NULL; "" where there is nothing to say. */
typedef struct dura_catalog_item {
    const char *id;            /* "CR 3.4", "CR 3.4 RE1", "SM-6", "ZCR 5.1", "A.6.2.4", "AML.T0043" */
    const char *title;
    const char *group;         /* "FR 3"; a practice's family; tactics, separated by ", " */
    const char *parent;        /* RE, sub-technique: what it belongs to; overlay: its CR */
    const char *successor;     /* RENAMED: the id that holds now */
    const char *note;
    const char *const *maps;   /* ids its owner or we point at (mitigation: CRs; duty: hooks), NULL ends */
    uint16_t clock_days;       /* duty: retention or deadline in days, 0: none or in hours */
    uint16_t clock_hours;      /* duty: deadline in hours */
    uint8_t catalog;           /* dura_catalog_at() */
    uint8_t status;            /* DURA_CATALOG_ACTIVE, _REVOKED, _RENAMED */
    uint8_t kind;              /* DURA_CATALOG_REQUIREMENT.. */
    uint8_t flags;             /* DURA_CATALOG_UNVERIFIED.. */
    uint8_t fr;                /* 62443: 1..7; 0: none */
    uint8_t sl;                /* 62443: the lowest SL that demands it, 1..4; 0: none does */
    uint8_t causes;            /* hook: mask of causes it counts for */
    uint8_t reserved;          /* 0 */
} dura_catalog_item;

/* One catalogue. */
typedef struct dura_catalog {
    const char *name;          /* "62443-4-2" */
    const char *title;
    const char *source, *version, *date;   /* where it was seen, which edition, when we looked */
    const char *licence, *notice;          /* what must be said where it is shown */
    const dura_catalog_item *item;         /* in the catalogue's own order */
    uint32_t items;
    uint32_t active;           /* of them in force */
    uint32_t unverified;       /* of them from memory or one secondary source */
    uint32_t reserved;         /* 0 */
} dura_catalog;

/** The n-th catalogue from 0; NULL behind the last. In use: "62443-4-2", "62443-4-1",
 *  "62443-3-2", "62443-3-3", "42001", "atlas", "attack-ics", "ai-act", "cra", "machinery",
 *  "dura" (the hooks).                                                       [any] O(1) */
DURA_API DURA_CHECK const dura_catalog *dura_catalog_at(uint32_t n);

/** The catalogue of that name; NULL: there is none.                   [any] O(catalogues) */
DURA_API DURA_CHECK const dura_catalog *dura_catalog_find(const char *name);

/** The item of exactly that id, in force or not; NULL: none. c NULL: in any catalogue (no id
 *  stands in two).                                                      [any] O(log ids) */
DURA_API DURA_CHECK const dura_catalog_item *dura_catalog_item_find(const dura_catalog *c,
                                                                    const char *id);

/** What a text of a register names: an id, "CATALOGUE:ID", or the address of a technique at
 *  atlas.mitre.org or attack.mitre.org. *item (may be NULL): what it names; when RENAMED the
 *  old one; NULL when UNKNOWN or FOREIGN.
 *  returns  DURA_CATALOG_ACTIVE, _REVOKED, _RENAMED, _UNKNOWN, _FOREIGN.  [any] O(log ids) */
DURA_API DURA_CHECK int dura_catalog_resolve(const char *text, const dura_catalog_item **item);

/** "renamed: the id is now AML.T0018" and the like, with the nearest id when it is unknown,
 *  into buf. Returns buf.                                                    [any] O(ids) */
DURA_API const char *dura_catalog_say(const char *text, char *buf, size_t n);

/* ---- the bridge ------------------------------------------------------------------------ */

enum {
    DURA_BRIDGE_MAPPED = 1,    /* at least one requirement */
    DURA_BRIDGE_NONE = 2       /* argued: nothing in a component answers it; reason says what does */
};

/* What can be done about a technique. Lists end with NULL and may be empty. */
typedef struct dura_bridge_row {
    const char *from;                  /* ATLAS or ICS technique */
    const char *const *ics;            /* an ATLAS technique's effects on the plant */
    const char *const *requirements;   /* of 62443-4-2 and -4-1 */
    const char *const *controls;       /* of 42001 */
    const char *const *hooks;          /* of catalogue "dura" */
    const char *reason;                /* why these, or why none: a sentence */
    const char *shared;                /* name of the group that shares the argument; "" none */
    uint8_t kind;                      /* DURA_BRIDGE_* */
    uint8_t causes;                    /* mask of DURA_RISK_* */
    uint8_t reserved[6];               /* 0 */
} dura_bridge_row;

/** The row of a technique. NULL: it has none (not a technique, or out of a predictive model's
 *  way: DURA_CATALOG_GENERATIVE).                                       [any] O(log rows) */
DURA_API DURA_CHECK const dura_bridge_row *dura_bridge_find(const char *technique);

/** The n-th row from 0, ATLAS first; NULL behind the last.                  [any] O(1) */
DURA_API DURA_CHECK const dura_bridge_row *dura_bridge_at(uint32_t n);

/* ---- files ----------------------------------------------------------------------------- */

/** Called for each text of a file that names nothing in force. path: "entries[2].threats[0]".
 *  Returning anything but 0 ends the walk.                                 [any] yours */
typedef int (*dura_catalog_finding)(void *ctx, const char *file, uint32_t line, const char *path,
                                    const char *text, int status);

/** Every text of a JSON file that has the form of an id: is it one in force? *ids (may be NULL)
 *  counts those looked at.
 *  returns  DURA_OK: walked, whatever was found; as dura_json_load().  [any] O(file log ids) */
DURA_API DURA_CHECK int dura_catalog_check(const char *filename, dura_catalog_finding found,
                                           void *ctx, uint32_t *ids, dura_error *err);

#ifdef __cplusplus
}
#endif
#endif
