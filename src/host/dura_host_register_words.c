/* SPDX-License-Identifier: Apache-2.0 */
/* The closed lists of a register: its words, the hooks and what each can speak to. */
#include "dura_host_register_priv.h"

#include <dura/host/catalog.h>

#include <stdio.h>
#include <string.h>

const char *const durai_reg_fr[] = {"IAC", "UC", "SI", "DC", "RDF", "TRE", "RA", NULL};
const char *const durai_reg_causes[] = {"fault", "drift", "attack", "misuse", NULL};
const char *const durai_reg_kinds[] = {"sensor", "model", "actuator", "dataset", "update",
                                       "log", "human", "network", "brain-part", NULL};
const char *const durai_reg_owners[] = {"box", "brain", "both", NULL};
const char *const durai_reg_flows[] = {"inputs", "drives", "updates", "trains", "logs", NULL};
/* Kinds of dura/host/drill.h and acts of dura/host/exercise.h. */
const char *const durai_reg_drills[] = {
    "stuck", "spike", "dropout", "bias", "drift", "noise", "scale", "replay", "replay_all", "bounded", "attenuated", "nan",
    "inf", "swap", "unit", "sign", "saturated", "time_reversed", "time_duplicate", "time_gap", "model_wild", "model_jumps",
    "model_nan", "model_fails", "no_input", "stop", "forged_release", "log_altered", "log_cut", NULL,
};

enum { F = 1 << REG_FAULT, D = 1 << REG_DRIFT, A = 1 << REG_ATTACK, M = 1 << REG_MISUSE };

/* What a control may be: dura's own hooks, in the order of the catalogue "dura", and the causes
 * each can close an entry for by itself. A range or rate check does not close an attack: who
 * attacks stays in range. A drift monitor does not close a fault: it looks at windows, not at
 * samples. What only records, tells or tests closes nothing. */
#define REG_HOOKS(X) \
    X("sensor.time", F | A, 0) X("sensor.finite", F, 0) X("sensor.range", F, 0) \
    X("sensor.rate", F, 0) X("sensor.spike", F, 0) X("sensor.flat", F, 0) \
    X("sensor.noise", F | A, 0) X("sensor.stale", F | A, 0) X("sensor.drift", F | D, 0) \
    X("sensor.vote", F | A, 0) X("sensor.parity", F | A, 0) X("sensor.joint", F | A, 0) \
    X("sensor.rule", F | A, 0) X("sensor.state", F | A, 0) X("sensor.block", F | A, 0) \
    X("link.auth", A, 0) X("link.counter", F, 0) X("drift.monitor", D, 0) X("drift.chart", D, 0) \
    X("drift.histogram", D, 0) X("drift.mspc", D | F, 0) X("drift.selftest", 0, 0) \
    X("accuracy.estimate", D, 0) X("output.range", F | M, 0) X("output.rate", F | M, 0) \
    X("output.fallback", F | D | M, 1) X("output.stop", F | D | M, 1) X("model.deadline", F | A, 1) \
    X("gate.verify", F | A, 0) X("gate.approve", A | M, 0) X("gate.window", A | M, 0) \
    X("gate.golden", F | D, 0) X("gate.shadow", F | D, 0) X("gate.rollback", F | D, 0) \
    X("gate.floor", A, 0) X("gate.manifest", A | M, 0) X("log.security", 0, 0) \
    X("log.decision", 0, 0) X("log.seal", A, 0) X("log.anchor", A, 0) X("log.query", 0, 0) \
    X("correlate.verdict", A, 0) X("people.label", 0, 0) X("export.training", D | A, 0) \
    X("export.alerts", 0, 0)

#define HOOK_ROW(name, causes, fallback) {name, causes, fallback},
const reg_hook durai_reg_hooks[] = {REG_HOOKS(HOOK_ROW)};
#define HOOK_NAME(name, causes, fallback) name,
const char *const durai_reg_hook_names[] = {REG_HOOKS(HOOK_NAME) NULL};

/* ---- ids of catalogues ------------------------------------------------------------------- */

/* CVE-2024-12345: known by its shape, there is no list of them here. */
static int is_cve(const char *id)
{
    size_t n = strlen(id), digits = strspn(id + (n > 9 ? 9 : n), "0123456789");
    return n >= 13 && n <= 16 && strncmp(id, "CVE-", 4) == 0 && strspn(id + 4, "0123456789") == 4 && id[8] == '-' &&
           digits == n - 9;
}

static int of_catalog(int catalog, const dura_catalog_item *item)
{
    const char *name = dura_catalog_at(item->catalog)->name;
    switch (catalog) {
    case REG_CAT_62443: return strncmp(name, "62443", 5) == 0 && item->kind != DURA_CATALOG_HEADING;
    case REG_CAT_42001: return strcmp(name, "42001") == 0;
    case REG_CAT_THREAT: return item->kind == DURA_CATALOG_TECHNIQUE;
    default: return item->kind == DURA_CATALOG_DUTY;
    }
}

int durai_reg_known(int catalog, const char *id, uint8_t *fr, char *why, size_t n)
{
    static const char *const wanted[] = {"id of IEC 62443 (\"CR 3.5\", \"SM-9\")",
                                         "control of ISO/IEC 42001 Annex A (\"A.6.2.4\")",
                                         "technique of ATLAS or ATT&CK for ICS (\"AML.T0043\", \"T0831\"), nor a CVE",
                                         "duty of a law"};
    const dura_catalog_item *item = NULL;
    int status = dura_catalog_resolve(id, &item);
    char said[200];
    if (status == DURA_CATALOG_ACTIVE && of_catalog(catalog, item)) {
        if (fr)
            *fr = item->fr ? (uint8_t)(item->fr - 1) : REG_FR;
        return 1;
    }
    if ((catalog == REG_CAT_THREAT && is_cve(id)) || (catalog == REG_CAT_LAW && status == DURA_CATALOG_FOREIGN))
        return 1;
    if (status == DURA_CATALOG_ACTIVE)
        snprintf(said, sizeof said, "it is %.100s", item->title);
    else
        (void)dura_catalog_say(id, said, sizeof said);
    snprintf(why, n, "is no %s: %s", wanted[catalog], said);
    return 0;
}
