/* SPDX-License-Identifier: Apache-2.0 */
/* What the host's release sources share: a model opened on its own, and appending to an envelope. */
#ifndef DURA_HOST_RELEASE_PRIV_H
#define DURA_HOST_RELEASE_PRIV_H

#include <dura/backend.h>
#include <dura/host/release.h>

/* A model of its own, outside any guard. Not to be moved while open. */
typedef struct durai_bench {
    dura_model model;
    dura_fn fn;
    void *inst;
    uint16_t n_in, n_out;
} durai_bench;

int durai_bench_open(durai_bench *b, const void *image, size_t len);
void durai_bench_close(durai_bench *b);

/* dura_envelope_make() of DURAI_KIND_*. */
int durai_envelope_make(uint32_t kind, const void *payload, size_t n, void *envelope, size_t *len);
/* DURA_OK; DURA_ECORRUPT; DURA_ELIMIT; DURA_ENOSPC. */
int durai_envelope_append(void *envelope, size_t *len, size_t cap, const uint8_t id[8],
                          const uint8_t sig[DURA_SIG_BYTES]);

#endif
