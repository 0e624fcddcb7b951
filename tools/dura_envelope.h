/* SPDX-License-Identifier: Apache-2.0 */
/* Envelope files: CBOR as devices read it, or DSSE JSON as other tools do. */
#ifndef DURA_ENVELOPE_H
#define DURA_ENVELOPE_H

#include "dura_args.h"

#include <dura/gate.h>

/* Read either form. *json: it is DSSE JSON. A DURA_E* code. */
int envelope_read(const char *path, uint8_t out[DURA_RELEASE_MAX], size_t *len, int *json, dura_error *err);

#endif
