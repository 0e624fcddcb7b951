/* SPDX-License-Identifier: Apache-2.0 */
/* What `dura risk` and `dura map` print alike. */
#ifndef DURA_RISK_H
#define DURA_RISK_H

#include "dura_args.h"

#include <dura/host/register.h>

/* --date, or the computer's, as 20261123. -1 to go on, else the exit code. */
int risk_today(const cli_command *c, const char *text, uint32_t *out);
void risk_print_boundary(const dura_findings *f);
void risk_print_findings(const dura_findings *f);
void risk_print_json(const dura_findings *f, const uint8_t digest[32]);

/* What a run folder shows of a register's controls. drill, state: paths or NULL. The exit code. */
int risk_bind(const cli_command *self, const char *run, const char *path, const char *drill_path, const char *state, int as_json,
              int as_evidence);

#endif
