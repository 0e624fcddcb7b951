/* SPDX-License-Identifier: Apache-2.0 */
/* What the sources of evidence share: DSSE JSON envelopes of any type. */
#ifndef DURA_HOST_EVIDENCE_PRIV_H
#define DURA_HOST_EVIDENCE_PRIV_H

#include <dura/host/crypto.h>
#include <dura/host/evidence.h>
#include <dura/host/json.h>

#include "dura_host_story_priv.h"

#define DURAI_STATEMENT_V1 "https://in-toto.io/Statement/v1"
#define DURAI_SLSA_V1 "https://slsa.dev/provenance/v1"

enum { DURAI_DSSE_SIGNATURES = 16 };

typedef struct durai_dsse_signature {
    char keyid[65];
    uint8_t sig[DURA_SIG_BYTES];
    uint8_t ours;                /* 0: not 64 bytes: another algorithm's, passed over */
} durai_dsse_signature;

typedef struct durai_dsse {
    uint8_t *payload;            /* zero-terminated behind n bytes; free() */
    size_t n;
    uint8_t *pae;                /* what is signed; free() */
    size_t n_pae;
    uint32_t count;
    durai_dsse_signature signature[DURAI_DSSE_SIGNATURES];
} durai_dsse;

/* JSON of a file that a program wrote: larger than what people write. */
int durai_evidence_parse(const char *text, size_t len, const char *filename, dura_json **doc, dura_error *err);
/* A parsed document that is an envelope (it has a payloadType): it must be of a Statement. */
int durai_dsse_open(durai_dsse *d, const dura_json *doc, dura_error *err);
void durai_dsse_free(durai_dsse *d);
/* How many of the n keys have signed; keyid of each into ids (16 hex digits), when not NULL. */
uint32_t durai_dsse_count(const durai_dsse *d, const uint8_t *keys, uint32_t n, char (*ids)[17]);
int durai_evidence_digest(const char *path, uint8_t digest[DURA_HASH_BYTES], uint64_t *bytes, dura_error *err);

#endif
