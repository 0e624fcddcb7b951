/* SPDX-License-Identifier: Apache-2.0 */
/* tools/evidence/verify.py, as bytes when the tool is built. */
#ifndef DURA_EVIDENCE_VERIFIER_H
#define DURA_EVIDENCE_VERIFIER_H

#include <stddef.h>

extern const unsigned char dura_evidence_verifier[];
extern const size_t dura_evidence_verifier_bytes;

#endif
