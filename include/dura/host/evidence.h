/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dura/host/evidence.h - what a release rests on: attestations, and the index that binds them.
 *
 *   dura_evidence_make: attestations -> index + practices -> dura_release.evidence, .practices
 *   dura_evidence_check: the index and every file it lists, again
 *   dura_statement_provenance -> in-toto Statement (SLSA provenance v1) about a release's subject
 *   dura_statement_sign, _verify: DSSE JSON envelopes of in-toto Statements, Ed25519
 *
 * An attestation is an in-toto Statement (bare, or in a DSSE envelope), a CycloneDX or SPDX
 * document, an MLflow run, the manifest that `dura export --training` writes, or the evidence of
 * `dura drill --register`. What each
 * may stand for is a table (docs/formats/evidence.md): nobody makes a bill of materials a
 * penetration test by calling it one. Texts come from the heap: dura_pack_deinit().
 * Unstable until 1.0.
 */
#ifndef DURA_HOST_EVIDENCE_H
#define DURA_HOST_EVIDENCE_H

#include <dura/gate.h>
#include <dura/host/error.h>
#include <dura/host/keys.h>

#ifdef __cplusplus
extern "C" {
#endif

#define DURA_EVIDENCE_FILES_MAX 64u
#define DURA_STATEMENT_TYPE "application/vnd.in-toto+json"

/* ---- evidence ------------------------------------------------------------------------------ */

/* Start from DURA_EVIDENCE_OPTIONS_INIT. */
typedef struct dura_evidence_options {
    uint32_t struct_size;
    uint8_t  component;            /* DURA_COMPONENT_*: of the release */
    uint8_t  reserved[3];          /* 0 */
    const void *subject;           /* its packed subject: statements must be about this, */
    size_t   subject_len;          /* or about the model in a brain; required */
    const char *const *files;      /* make: "FILE", or "FILE=SVV-1,SVV-3" where it stands for */
    uint32_t n_files;              /* something else than what is usual for its kind */
    uint32_t n_keys;               /* who may sign statements; 0: no statement needs a signature, */
    const uint8_t *keys;           /* and none that has one is taken. 32 bytes each */
    uint64_t require;              /* DURA_PRACTICE_* without which there is no index */
    const char *folder;            /* check: where the files lie */
} dura_evidence_options;
#define DURA_EVIDENCE_OPTIONS_INIT \
    { (uint32_t)sizeof(dura_evidence_options), 0, {0, 0, 0}, NULL, 0, NULL, 0, 0, NULL, 0, NULL }

typedef struct dura_evidence_report {
    uint32_t struct_size;          /* in: sizeof in your build; out: bytes filled */
    uint32_t n_files;
    uint64_t practices;            /* DURA_PRACTICE_* that the files together stand for */
    uint8_t  digest[DURA_HASH_BYTES]; /* SHA-256 of the index */
} dura_evidence_report;
#define DURA_EVIDENCE_REPORT_INIT { (uint32_t)sizeof(dura_evidence_report), 0, 0, {0} }

/** Read and judge every file, and write the index (canonical JSON, RFC 8785): the same files
 *  give the same bytes, in any order.
 *  returns  DURA_OK; DURA_EDENIED: a gap, named in err: a required practice nobody attests, a
 *           test that failed, a statement about something else, training data with suspect
 *           rows, a practice its kind cannot stand for. DURA_EAUTH (a signature);
 *           DURA_ESYNTAX, DURA_EINVAL, DURA_ELIMIT, DURA_ENOENT, DURA_EIO, DURA_ENOSPC.
 *                                                                   [any] O(bytes), I/O */
DURA_API DURA_CHECK int dura_evidence_make(const dura_evidence_options *o, char **text, size_t *len,
                                           dura_evidence_report *report, dura_error *err);

/** The other way: every file that the index lists lies in o->folder, has its digest, and is
 *  judged again as above; the outcome must be this index, byte for byte. o->files is unused.
 *  returns  as dura_evidence_make(); DURA_ECORRUPT: a file, or the index, is another one.
 *                                                                   [any] O(bytes), I/O */
DURA_API DURA_CHECK int dura_evidence_check(const char *index, size_t len, const char *filename,
                                            const dura_evidence_options *o,
                                            dura_evidence_report *report, dura_error *err);

/* ---- statements ---------------------------------------------------------------------------- */

/* What a release was made of. Start from DURA_PROVENANCE_INIT. */
typedef struct dura_provenance {
    uint32_t struct_size;
    uint32_t n_materials;
    const char *const *materials;  /* files: named and digested as resolved dependencies */
    const char *builder;           /* URI of who built it; required */
    const char *invocation;        /* id of the run that built it; NULL: none */
    const char *source;            /* where the source is: a URI; NULL: none */
    const char *commit;            /* hex digest of the commit there (gitCommit); NULL: none */
    int64_t  finished_s;           /* seconds since 1970; 0: not said */
} dura_provenance;
#define DURA_PROVENANCE_INIT { (uint32_t)sizeof(dura_provenance), 0, NULL, NULL, NULL, NULL, NULL, 0 }

/** An in-toto Statement v1 with a SLSA provenance v1 predicate about the subject of r, named
 *  `name`; policy and what r says are external parameters, as far as it is filled in (a model
 *  that is not released yet has a component and a digest). The same input gives the same bytes.
 *  returns  DURA_OK; DURA_EINVAL; DURA_ENOENT, DURA_EIO (a material); DURA_ENOSPC.
 *                                                                 [any] O(materials), I/O */
DURA_API DURA_CHECK int dura_statement_provenance(const dura_release *r, const char *name,
                                                  const dura_provenance *p, char **text, size_t *len,
                                                  dura_error *err);

/** A Statement, bare or signed by others already, as a DSSE JSON envelope with one more
 *  signature. returns DURA_OK; DURA_ESTATE (this key signed it already); DURA_ESYNTAX,
 *  DURA_EINVAL (no Statement); DURA_EAUTH (the signer's signature is not right); what the
 *  signer returned; DURA_ENOSPC.                                     [any] one signature */
DURA_API DURA_CHECK int dura_statement_sign(const char *text, size_t len, const char *filename,
                                            dura_signer sign, void *user, char **out, size_t *out_len,
                                            dura_error *err);

/** The Statement within a DSSE JSON envelope: *payload is zero-terminated. *right: by how many
 *  different keys of the n (32 bytes each) it is signed.
 *  returns  DURA_OK, whatever *right; DURA_ESYNTAX, DURA_EINVAL, DURA_ENOSPC.
 *                                                            [any] O(len + signatures x n) */
DURA_API DURA_CHECK int dura_statement_verify(const char *text, size_t len, const char *filename,
                                              const uint8_t *keys, uint32_t n, uint32_t *right,
                                              char **payload, size_t *payload_len, dura_error *err);

#ifdef __cplusplus
}
#endif
#endif
