/* SPDX-License-Identifier: Apache-2.0 */
/* The closed lists of a register: its words, the hooks and what each can speak to. */
#include "dura_host_register_priv.h"

#include <string.h>

const char *const durai_reg_fr[] = {"IAC", "UC", "SI", "DC", "RDF", "TRE", "RA", NULL};
const char *const durai_reg_causes[] = {"fault", "drift", "attack", "misuse", NULL};
const char *const durai_reg_kinds[] = {"sensor", "model", "actuator", "dataset", "update",
                                       "log", "human", "network", "brain-part", NULL};
const char *const durai_reg_owners[] = {"box", "brain", "both", NULL};
const char *const durai_reg_flows[] = {"inputs", "drives", "updates", "trains", "logs", NULL};

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

/* text looks like shape: '0' a digit, anything else itself, '.' also itself; '+' the digit
 * before it again, any number of times. */
static int shaped(const char *text, const char *shape)
{
    for (; *shape; shape++) {
        if (*shape == '+') {
            while (*text >= '0' && *text <= '9')
                text++;
        } else if (*shape == '0' ? *text < '0' || *text > '9' : *text != *shape) {
            return 0;
        } else {
            text++;
        }
    }
    return *text == '\0';
}

static int any_shape(const char *text, const char *const *shapes)
{
    for (; *shapes; shapes++)
        if (shaped(text, *shapes))
            return 1;
    return 0;
}

/* The number behind "CR " and its kin is the foundational requirement. */
static int component(const char *id, uint8_t *fr)
{
    static const char *const shapes[] = {"CR 0.0+", "SAR 0.0+", "EDR 0.0+", "HDR 0.0+", "NDR 0.0+",
                                         "CR 0.0+ RE0", "EDR 0.0+ RE0", "HDR 0.0+ RE0", "NDR 0.0+ RE0", NULL};
    const char *digit = strchr(id, ' ');
    if (!any_shape(id, shapes) || digit[1] < '1' || digit[1] > '7')
        return 0;
    *fr = (uint8_t)(digit[1] - '1');
    return 1;
}

const char *durai_reg_known(int catalog, const char *id, uint8_t *fr)
{
    static const char *const practices[] = {"SM-0+", "SR-0", "SD-0", "SI-0", "SVV-0", "DM-0", "SUM-0", "SG-0",
                                            "CCSC 0", "ZCR 0.0+", NULL};
    static const char *const controls[] = {"A.0.0", "A.00.0", "A.0.0.0", NULL};
    static const char *const threats[] = {"AML.T0000", "AML.T0000.000", "T0000", "T0000.000", "CVE-0000-0000+", NULL};
    uint8_t none;
    fr = fr ? fr : &none;
    *fr = REG_FR;                     /* a practice belongs to none */
    if (catalog == REG_CAT_62443)
        return component(id, fr) || any_shape(id, practices) ? NULL : "is no id of IEC 62443 (\"CR 3.5\", \"SM-9\")";
    if (catalog == REG_CAT_42001)
        return any_shape(id, controls) ? NULL : "is no control of ISO/IEC 42001 Annex A (\"A.6.2.4\")";
    return any_shape(id, threats) ? NULL : "is no id of ATLAS, ATT&CK for ICS or CVE (\"AML.T0043\", \"T0831\")";
}
