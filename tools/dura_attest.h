/* SPDX-License-Identifier: Apache-2.0 */
/* Evidence on the command line: what `dura release` shares with its own sub-commands. */
#ifndef DURA_ATTEST_H
#define DURA_ATTEST_H

#include "dura_args.h"

#include <dura/host/evidence.h>

#define ATTEST_FILES 63          /* behind the first one */

typedef struct attest_job {
    uint8_t component;
    const void *subject;
    size_t len;
    const char *keys;            /* KEY,KEY: public key files or hex digits; NULL: none */
    uint64_t require;
} attest_job;

/* "SVV-1,A.6.2.4" or NULL, added to *bits. A DURA_E* code. */
int attest_practices(const char *list, const char *option, uint64_t *bits, dura_error *err);
/* What a packed policy requires. */
uint64_t attest_required(const void *policy, size_t len);
/* A device under this policy would refuse it for what it does not show: DURA_EDENIED, by name. */
int attest_no_gap(const dura_release *r, const void *policy, size_t len, dura_error *err);
/* dura_evidence_make() of files. */
int attest_make(const attest_job *job, const char *const *files, uint32_t n, char **index, size_t *len,
                dura_evidence_report *report, dura_error *err);
/* `release inspect | verify | provenance`: the exit code; -1: it is another word. */
int attest_command(int argc, char **argv);

#endif
