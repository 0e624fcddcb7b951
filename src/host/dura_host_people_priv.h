/* SPDX-License-Identifier: Apache-2.0 */
/* Labels as a file gives them, checked against a run. */
#ifndef DURA_HOST_PEOPLE_PRIV_H
#define DURA_HOST_PEOPLE_PRIV_H

#include <dura/host/people.h>

#include "dura_host_why_priv.h"

typedef struct durai_label {
    uint64_t frame;
    const char *name;            /* the policy's own */
    const char *value;           /* in the file's text */
} durai_label;

typedef struct durai_labels {
    durai_label *p;
    size_t n;
    uint8_t *text;               /* the file, cut into cells */
} durai_labels;

/* 1..64 bytes of UTF-8 without control characters; err says what else it is. */
int durai_people_text(const char *text, const char *file, uint32_t line, const char *field, dura_error *err);

/* All rows of a label file, each with the frame it means. DURA_OK; DURA_ESYNTAX, DURA_ETIME,
 * DURA_ENOENT, DURA_EINVAL, DURA_ELIMIT, DURA_EIO, DURA_ENOSPC: err has file and line. */
int durai_labels_load(durai_labels *l, const durai_run *run, const char *path, const char *time_format, dura_error *err);
void durai_labels_free(durai_labels *l);

#endif
