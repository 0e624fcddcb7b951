/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dura/host/register.h - one risk register for the box and for the brain in it.
 *
 * A register is one JSON file (docs/formats/register.md): product, zones, conduits, assets,
 * impact assessments, hazards, entries, controls, waivers. It is read strictly: a member
 * that is not known, an id that is not there, a zone that is missing, a path that the assets
 * do not have is an error with file, line and JSON path.
 *
 *   dura_register_load -> query | check -> findings | show, apply | pack -> deinit
 *
 * check() looks for blind spots by the rules of docs/register.md. A register without
 * findings is complete by these rules; it says nothing about how good the controls are.
 * What is said about controls in the field comes from an evidence file; without one those
 * rules are named as not judged, never as passed.
 *
 * Memory: from the heap; what is given out as `char **` or `void **` goes back with
 * dura_register_free(). Threads: a register is read-only once it is loaded.
 * Unstable until 1.0.
 */
#ifndef DURA_HOST_REGISTER_H
#define DURA_HOST_REGISTER_H

#include <dura/host/json.h>

#ifdef __cplusplus
extern "C" {
#endif

#define DURA_REGISTER_RULES 19          /* B1..B19 */
#define DURA_REGISTER_OBJECTS_MAX 8192  /* zones, assets, entries, ... each; ids are 16 bits */

typedef struct dura_register dura_register;

/* What kind of thing a number in a packed register names. */
enum { DURA_REGISTER_RISK = 1, DURA_REGISTER_CONTROL = 2 };

/* The two sides of one entry. */
enum { DURA_REGISTER_62443 = 1, DURA_REGISTER_42001 = 2 };

typedef struct dura_register_info {
    uint32_t struct_size;     /* in: sizeof in your build; out: bytes filled */
    uint32_t zones, conduits, assets, edges, assessments, hazards, entries, controls, waivers;
    uint8_t  digest[32];      /* SHA-256 over the canonical form */
} dura_register_info;
#define DURA_REGISTER_INFO_INIT                                                        \
    { (uint32_t)sizeof(dura_register_info), 0, 0, 0, 0, 0, 0, 0, 0, 0, {0} }

/* Start from DURA_REGISTER_OPTIONS_INIT. */
typedef struct dura_register_options {
    uint32_t struct_size;
    uint32_t today;               /* 20261123; required: what has ended by then does not count */
    const dura_json *evidence;    /* an evidence file; NULL: B5, B17 and half of B7 are not judged */
    const dura_json *profile;     /* a retention profile; NULL: B16 is not judged */
    const char *documents;        /* folder of the assessment documents; NULL: B12 by the evidence */
    const dura_json *drill;       /* evidence of `dura drill --register`; NULL: B19 is not judged */
} dura_register_options;
#define DURA_REGISTER_OPTIONS_INIT                                                     \
    { (uint32_t)sizeof(dura_register_options), 0, NULL, NULL, NULL, NULL }

/* One blind spot. The texts live as long as the findings. */
typedef struct dura_finding {
    uint8_t rule;             /* 1..19 */
    uint8_t waived;           /* 1: a waiver that still holds names it */
    const char *subject;      /* what a waiver's `where` must say: "R-01", "M-1:fault" */
    const char *path;         /* JSON path: "entries[3].controls" */
    const char *text;         /* what is missing, a sentence */
    const char *fix;          /* what to do, a sentence */
    const char *waiver;       /* who, until when and why; "" */
} dura_finding;

/* A boundary edge and a cause that nobody has looked at. */
typedef struct dura_hole {
    const char *from, *to, *cause;
    const char *why;          /* "owner", "zone", "owner and zone" */
} dura_hole;

typedef struct dura_findings {
    uint32_t struct_size;     /* in: sizeof in your build; out: bytes filled */
    uint32_t open, waived;    /* findings; their sum is count */
    uint32_t count;
    uint32_t cells, covered, not_applicable;   /* of the boundary matrix; covered counts both */
    uint32_t holes;
    uint32_t not_judged;      /* bit n-1: rule Bn, for want of evidence, profile or documents */
    uint32_t reserved;        /* 0 */
    const dura_finding *finding;   /* waived ones first, then by rule, then as in the file */
    const dura_hole *hole;
    void *memory;             /* give it to dura_register_free() */
} dura_findings;
#define DURA_FINDINGS_INIT                                                             \
    { (uint32_t)sizeof(dura_findings), 0, 0, 0, 0, 0, 0, 0, 0, 0, NULL, NULL, NULL }

/** Read a register. filename is only said in errors.
 *  returns  DURA_OK; DURA_ESYNTAX, DURA_EINVAL (a value), DURA_ENOENT (an id that is not
 *           there), DURA_ELIMIT, DURA_ENOSPC (heap). On error *out is NULL and *err (may be
 *           NULL) has line and JSON path.                            [any] O(len log len) */
DURA_API DURA_CHECK int dura_register_parse(const char *text, size_t len, const char *filename,
                                            dura_register **out, dura_error *err);

/** The same for a file. Also DURA_EIO.                          [any] O(file log file) */
DURA_API DURA_CHECK int dura_register_load(const char *filename, dura_register **out, dura_error *err);

/** Release. NULL is allowed.                                          [any] O(objects) */
DURA_API void dura_register_deinit(dura_register *r);

/** Release what a call gave out. NULL is allowed.                           [any] O(n) */
DURA_API void dura_register_free(void *p);

/** Counts and digest. The digest is of the canonical form: members sorted, no blanks.
 *  returns  DURA_OK; DURA_EINVAL.                                           [any] O(1) */
DURA_API DURA_CHECK int dura_register_query(const dura_register *r, dura_register_info *out);

/** Any JSON value in canonical form (RFC 8785 for texts, words and whole numbers):
 *  members sorted by their bytes, no blanks. Zero-terminated behind *len.
 *  returns  DURA_OK; DURA_EINVAL (a number that is no whole one); DURA_ENOSPC (heap).
 *                                                                [any] O(len log len) */
DURA_API DURA_CHECK int dura_register_canonical(const dura_json *doc, uint32_t value, char **out,
                                                size_t *len);

/** The blind spots. Nothing found is DURA_OK with open == 0 and holes == 0; look at
 *  not_judged before you believe it.
 *  returns  DURA_OK; DURA_EINVAL (options); DURA_ESYNTAX, DURA_ENOENT, DURA_EAUTH (evidence:
 *           its text, an id, another register's); DURA_EIO; DURA_ENOSPC.
 *                                                        [any] O(objects + edges), I/O */
DURA_API DURA_CHECK int dura_register_check(const dura_register *r, const dura_register_options *o,
                                            dura_findings *out, dura_error *err);

/** What rule n says, a few words; "" when there is none.                    [any] O(1) */
DURA_API DURA_CHECK const char *dura_register_rule(uint32_t n);

/** Entries as one side sees them, as a JSON text that apply() takes back. entry NULL: all.
 *  returns  DURA_OK; DURA_EINVAL (view); DURA_ENOENT (no such entry); DURA_ENOSPC (heap).
 *                                                                 [any] O(file log file) */
DURA_API DURA_CHECK int dura_register_show(const dura_register *r, int view, const char *entry,
                                           char **out, dura_error *err);

/** The register with a view written back: each member the view has replaces the one of the
 *  entry, a member the view could have and has not is taken out; all else stays. *out is
 *  the new register's text, read and found right.
 *  returns  DURA_OK; DURA_EAUTH (the view was made of another register); DURA_ESYNTAX,
 *           DURA_ENOENT and as parse(): err names the view or the new register.
 *                                                                 [any] O(file log file) */
DURA_API DURA_CHECK int dura_register_apply(const dura_register *r, const dura_json *view, char **out,
                                            dura_error *err);

/** Risks and controls as the small table that devices carry; same register, same bytes.
 *  returns  DURA_OK; DURA_ELIMIT; DURA_ENOSPC (heap).                 [any] O(objects) */
DURA_API DURA_CHECK int dura_register_pack(const dura_register *r, void **out, size_t *len);

/** Is it a packed register, whole and in the one allowed encoding? out may be NULL.
 *  returns  DURA_OK; DURA_ECORRUPT, DURA_EVERSION, DURA_EINVAL.           [any] O(len) */
DURA_API DURA_CHECK int dura_register_image_check(const void *image, size_t len, dura_register_info *out);

/** The id of risk or control number n of a checked image, n from 1. Lives as long as image.
 *  returns  DURA_OK; DURA_ENOENT.                                           [any] O(1) */
DURA_API DURA_CHECK int dura_register_image_name(const void *image, size_t len, int kind, uint16_t n,
                                                 const char **out);

/** A product description (docs/cmd/map.md) as the text of a register: with drafted entries,
 *  each with the reason for every proposal, or with none.
 *  returns  as dura_register_parse(); err names the product file.       [any] O(n log n) */
DURA_API DURA_CHECK int dura_register_draft(const dura_json *product, int entries, char **out,
                                            dura_error *err);

#ifdef __cplusplus
}
#endif
#endif
