/* SPDX-License-Identifier: Apache-2.0 */
/* One record in one line for people, and small readers of records. */
#include "dura_host_monitor.h"
#include "dura_host_pack_priv.h"
#include "dura_host_story_priv.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

uint64_t durai_story_uint(const dura_record *r, uint32_t key, uint64_t other)
{
    uint64_t v;
    return dura_record_uint(r, key, &v) == DURA_OK ? v : other;
}

const char *durai_story_text(const dura_record *r, uint32_t key, char *buf, size_t n)
{
    const char *p;
    size_t len = 0;
    if (dura_record_text(r, key, &p, &len) != DURA_OK)
        len = 0;
    len = len < n ? len : n - 1;
    if (len)
        memcpy(buf, p, len);
    buf[len] = '\0';
    return buf;
}

void durai_story_values(const dura_record *r, int64_t v[4]) { durai_fact_values(r, v); }

const char *durai_story_thing(const durai_story *s, uint64_t id, char *buf, size_t n)
{
    uint64_t channels = s->names.n_channels, outputs = s->names.n_outputs;
    const char *name = NULL;
    if (id < channels && s->channel_names)
        name = s->channel_names[id];
    else if (id >= channels && id - channels < outputs && s->output_names)
        name = s->output_names[id - channels];
    else if (s->feature_names && id >= channels + outputs && id - channels - outputs < s->n_features)
        name = s->feature_names[id - channels - outputs];
    if (s->feature_names && !name && id - channels - outputs - s->n_features < 2u)
        name = id - channels - outputs == s->n_features ? DURAI_T2_NAME : DURAI_SPE_NAME;
    if (name)
        (void)snprintf(buf, n, "%.*s", (int)(n < 1000 ? n - 1 : 999), name);
    else
        (void)snprintf(buf, n, "channel%" PRIu64, id);
    return buf;
}

/* "format, signature" of bits. */
static void words_of_bits(char *out, size_t n, int list, uint64_t bits)
{
    size_t at = 0;
    out[0] = '\0';
    for (uint32_t i = 0; i < 64; i++) {
        const char *name = (bits >> i) & 1u ? dura_record_name(list, i) : NULL;
        int k = name && at < n ? snprintf(out + at, n - at, "%s%s", at ? ", " : "", name) : 0;
        at += k > 0 ? (size_t)k : 0;
    }
}

static const char *word(int list, int64_t v)
{
    const char *name = v >= 0 && v <= UINT32_MAX ? dura_record_name(list, (uint32_t)v) : NULL;
    return name ? name : "?";
}

/* ---- facts --------------------------------------------------------------------------------- */

typedef struct said {
    const durai_story *s;
    const dura_record *r;
    int64_t v[4];
    char thing[64];                 /* what it is about */
    char *out;
    size_t n;
} said;

/* ", explained least: a, b, c" behind an alarm of T2 or SPE. */
static void say_blamed(said *a)
{
    uint32_t reasons = (uint32_t)durai_story_uint(a->r, 24, 0);
    const char *name;
    for (uint32_t k = 0; dura_watch_blamed(a->s->watch, reasons, k, &name) == DURA_OK; k++) {
        size_t at = strlen(a->out);
        (void)snprintf(a->out + at, a->n - at, "%s%.60s", k ? ", " : "; explained least: ", name);
    }
}

static void say_drift(said *a)
{
    const char *way = word(DURA_NAME_DRIFT, a->v[0]);
    if (a->v[0] == DURA_DRIFT_BACK)
        (void)snprintf(a->out, a->n, "%s is back at its reference", a->thing);
    else if (a->v[0] == DURA_HISTOGRAM_SHAPE)
        (void)snprintf(a->out, a->n, "%s changed its shape: %.3g of the probability moved, since %" PRId64 " samples", a->thing,
                       (double)a->v[1] / 1000.0, a->v[2]);
    else if (a->v[0] == DURA_DRIFT_WIDER || a->v[0] == DURA_DRIFT_NARROWER)
        (void)snprintf(a->out, a->n, "%s drifted %s: spread x %.3g, since %" PRId64 " samples", a->thing, way,
                       (double)a->v[1] / 1000.0, a->v[2]);
    else
        (void)snprintf(a->out, a->n, "%s drifted %s by %.3g deviations, since %" PRId64 " samples", a->thing, way,
                       (double)a->v[1] / 1000.0, a->v[2]);
}

static void label_retrain(const durai_story *s, const dura_record *r, char *out, size_t n)
{
    char thing[64] = "?";
    durai_retrain t;
    durai_retrain_read(r, &t);
    (void)durai_story_thing(s, t.thing, thing, sizeof thing);
    durai_retrain_say(out, n, thing, &t);
}

static void say_release(said *a)
{
    char why[96];
    uint64_t component = durai_story_uint(a->r, 23, 0);
    words_of_bits(why, sizeof why, DURA_NAME_WHY, (uint64_t)a->v[3]);
    (void)snprintf(a->out, a->n, "%s release %" PRId64 ": %s -> %s%s%s%s",
                   component ? word(DURA_NAME_COMPONENT, (int64_t)component) : "a", a->v[2], word(DURA_NAME_GATE, a->v[0]),
                   word(DURA_NAME_GATE, a->v[1]), why[0] ? " (" : "", why, why[0] ? ")" : "");
}

static void say_override(said *a)
{
    char actor[DURA_ACTOR_MAX + 1], reason[DURA_ACTOR_MAX + 1];
    (void)snprintf(a->out, a->n, "%s by %s: %s", word(DURA_NAME_OVERRIDE, a->v[0]),
                   durai_story_text(a->r, 27, actor, sizeof actor), durai_story_text(a->r, 28, reason, sizeof reason));
}

static void say_input(said *a)
{
    char why[96];
    words_of_bits(why, sizeof why, DURA_NAME_SENSOR_REASON, durai_story_uint(a->r, 24, 0));
    (void)snprintf(a->out, a->n, "frame %" PRIu64 " refused: %s%s%s", durai_story_uint(a->r, 25, 0), a->thing, why[0] ? ", " : "", why);
}

static void say_fact(said *a, uint64_t kind)
{
    switch (kind) {
    case DURA_FACT_CHANNEL:
        (void)snprintf(a->out, a->n, "%s: %s -> %s", a->thing, word(DURA_NAME_VERDICT, a->v[0]), word(DURA_NAME_VERDICT, a->v[1]));
        break;
    case DURA_FACT_INPUT_REJECTED: say_input(a); break;
    case DURA_FACT_ACTION:
        (void)snprintf(a->out, a->n, "%s -> %s", a->v[0] ? word(DURA_NAME_ACTION, a->v[0]) : "start", word(DURA_NAME_ACTION, a->v[1]));
        break;
    case DURA_FACT_MODE: (void)snprintf(a->out, a->n, "mode %s", word(DURA_NAME_MODE, a->v[0])); break;
    case DURA_FACT_OVERRIDE: say_override(a); break;
    case DURA_FACT_BOOT:
        (void)snprintf(a->out, a->n, "start %" PRId64 ", the stop before was %s", a->v[0], a->v[1] ? "clean" : "not clean");
        break;
    case DURA_FACT_GATE:
        (void)snprintf(a->out, a->n, "factory record checked: %s", a->v[0] ? dura_strerror((int)a->v[0]) : "it allows this model");
        break;
    case DURA_FACT_BACKEND_FAILED:
        (void)snprintf(a->out, a->n, "the model failed: %s", dura_strerror(a->v[0] < INT32_MIN ? 0 : (int)a->v[0]));
        break;
    case DURA_FACT_CLOCK_STEP: (void)snprintf(a->out, a->n, "the wall clock stepped by %.6g s", (double)a->v[0] * 1e-9); break;
    case DURA_FACT_DRIFT:
        say_drift(a);
        say_blamed(a);
        break;
    case DURA_FACT_MONITOR:
    case DURA_FACT_ALIVE: durai_monitor_say(a->out, a->n, kind, a->thing, a->v); break;
    case DURA_FACT_RELEASE: say_release(a); break;
    case DURA_FACT_FEATURE: (void)snprintf(a->out, a->n, "input %s of the model was not usable", a->thing); break;
    case DURA_FACT_OUTPUT_BOUNDED: (void)snprintf(a->out, a->n, "answer for %s was outside its envelope", a->thing); break;
    case DURA_FACT_LOG_LOST: (void)snprintf(a->out, a->n, "storage no longer has a log that was there"); break;
    case DURA_FACT_STORAGE: (void)snprintf(a->out, a->n, "storage failed: %s", dura_strerror(a->v[0] < INT32_MIN ? 0 : (int)a->v[0])); break;
    default: (void)snprintf(a->out, a->n, "%s", word(DURA_NAME_FACT, (int64_t)(kind & UINT32_MAX))); break;
    }
}

/* Outputs and features count behind the channels in drift facts only. */
static void name_thing(said *a, uint64_t kind)
{
    uint64_t id = durai_story_uint(a->r, 18, DURA_NONE), base = 0;
    if (kind == DURA_FACT_OUTPUT_BOUNDED)
        base = a->s->names.n_channels;
    if (kind == DURA_FACT_FEATURE)
        base = (uint64_t)a->s->names.n_channels + a->s->names.n_outputs;
    a->thing[0] = '\0';
    if (id != DURA_NONE)
        (void)durai_story_thing(a->s, base + id, a->thing, sizeof a->thing);
}

/* ---- the rest -------------------------------------------------------------------------------- */

static void label_event(const dura_record *r, char *out, size_t n)
{
    char category[40], type[64], result[24], actor[40];
    (void)durai_story_text(r, 16, category, sizeof category);
    (void)durai_story_text(r, 17, type, sizeof type);
    (void)durai_story_text(r, 19, result, sizeof result);
    (void)durai_story_text(r, 21, actor, sizeof actor);
    (void)snprintf(out, n, "%s: %s%s%s%s%s", category, type, result[0] ? ", " : "", result, actor[0] ? ", by " : "", actor);
}

static void label_boot(const dura_record *r, char *out, size_t n)
{
    char version[32];
    int64_t gate = 0;
    if (dura_record_int(r, 18, &gate) != DURA_OK)
        gate = 0;
    (void)snprintf(out, n, "start %u: dura %s, mode %s%s%s", (unsigned)r->time.boot, durai_story_text(r, 23, version, sizeof version),
                   word(DURA_NAME_MODE, (int64_t)durai_story_uint(r, 19, 0)), gate ? ", the gate says " : "",
                   gate ? dura_strerror((int)gate) : "");
}

static void label_own(const dura_record *r, char *out, size_t n)
{
    switch (r->kind) {
    case DURA_REC_DROP:
        (void)snprintf(out, n, "%" PRIu64 " records were lost: %s", durai_story_uint(r, 17, 0),
                       durai_story_uint(r, 20, 0) & DURA_LOST_STORAGE ? "storage full" : "no room");
        break;
    case DURA_REC_SPACE:
        (void)snprintf(out, n, "the %s log has used %" PRIu64 " of %" PRIu64 " bytes",
                       durai_story_uint(r, 16, 0) == DURA_LOG_SECURITY ? "security" : "decision",
                       durai_story_uint(r, 17, 0), durai_story_uint(r, 18, 0));
        break;
    case DURA_REC_RECOVER:
        (void)snprintf(out, n, "%" PRIu64 " bytes given up after %s", durai_story_uint(r, 19, 0),
                       durai_story_uint(r, 16, 0) == 2 ? "damage" : "a power cut or kill");
        break;
    case DURA_REC_SEAL: (void)snprintf(out, n, "epoch %" PRIu64 " sealed", durai_story_uint(r, 16, 0)); break;
    case DURA_REC_CLOSE: (void)snprintf(out, n, "closed"); break;
    case DURA_REC_GENESIS: (void)snprintf(out, n, "the log begins"); break;
    case DURA_REC_BOOT: label_boot(r, out, n); break;
    case DURA_REC_DECISION:
        (void)snprintf(out, n, "frame %" PRIu64 ": %s, inputs %s", durai_story_uint(r, 16, 0),
                       word(DURA_NAME_ACTION, (int64_t)durai_story_uint(r, 18, 0)),
                       word(DURA_NAME_VERDICT, (int64_t)durai_story_uint(r, 21, 0)));
        break;
    case DURA_REC_INCIDENT:
        (void)snprintf(out, n, "incident %" PRIu64 " %s: %s", durai_story_uint(r, 16, 0),
                       word(DURA_NAME_INCIDENT, (int64_t)durai_story_uint(r, 17, 0)),
                       word(DURA_NAME_CAUSE, (int64_t)durai_story_uint(r, 18, 0)));
        break;
    default: (void)snprintf(out, n, "record of kind %u", (unsigned)r->kind); break;
    }
}

void durai_story_label(const durai_story *s, const dura_record *r, char *out, size_t n)
{
    said a;
    uint64_t kind = durai_story_uint(r, 16, 0);
    if (r->kind == DURA_REC_EVENT) {
        label_event(r, out, n);
    } else if (r->kind == DURA_REC_FACT) {
        memset(&a, 0, sizeof a);
        a.s = s;
        a.r = r;
        a.out = out;
        a.n = n;
        durai_story_values(r, a.v);
        name_thing(&a, kind);
        say_fact(&a, kind);
    } else if (r->kind == DURA_REC_RETRAIN) {
        label_retrain(s, r, out, n);
    } else {
        label_own(r, out, n);
    }
}

char *durai_story_record(durai_story *s, const dura_record *r)
{
    char buf[DURAI_STORY_RECORD];
    size_t n = sizeof buf;
    if (dura_record_json(r, &s->names, buf, &n) != DURA_OK || s->record_bytes + n > DURAI_STORY_RECORDS)
        return NULL;
    char *p = malloc(n + 1);
    if (!p)
        return NULL;
    memcpy(p, buf, n + 1);
    s->record_bytes += n;
    return p;
}
