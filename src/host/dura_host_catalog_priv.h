/* SPDX-License-Identifier: Apache-2.0 */
/* The tables scripts/gen_catalogs.py makes, and what finds its way in them. */
#ifndef DURA_HOST_CATALOG_PRIV_H
#define DURA_HOST_CATALOG_PRIV_H

#include <dura/host/translate.h>

extern const dura_catalog durai_catalogs[];
extern const uint32_t durai_n_catalogs;
extern const dura_catalog_item *const durai_catalog_index[];    /* by id, bytewise */
extern const uint32_t durai_n_catalog_index;
extern const dura_bridge_row durai_bridge[];
extern const uint32_t durai_n_bridge;
extern const uint16_t durai_bridge_index[];                     /* by technique, bytewise */

/* Translation: what an asset of a kind asks for (catalogs/translation.json). */
typedef struct durai_rule_row {
    const char *id, *why;
} durai_rule_row;
typedef struct durai_rule_asset {
    const char *name;
    const durai_rule_row *row;
    uint32_t rows;
    const char *const *controls;
    const char *const *hooks;        /* in the order they are proposed */
    uint32_t flow;                   /* 1: its data travel, so RDF is asked of the conduit */
} durai_rule_asset;
typedef struct durai_rule_cause {
    const char *name;
    const char *demand, *why;        /* what the cause asks for besides, and why */
    const char *const *met;          /* hooks that meet it */
} durai_rule_cause;
extern const durai_rule_asset durai_rule_assets[];              /* by DURA_ASSET_* - 1 */
extern const durai_rule_cause durai_rule_causes[];              /* by DURA_RISK_* - 1 */
extern const uint8_t durai_rule_raise_by, durai_rule_raise_cap;
extern const uint8_t durai_rule_information;                    /* mask 1 << (fr - 1) */
extern const durai_rule_row durai_rule_lost[];                  /* without a path; ends with NULL */
extern const durai_rule_row durai_rule_conduit;                 /* where the path crosses one */

#endif
