/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One record as one line of JSON, in the machine shape of docs/verify.md.
 *
 * Numbers a JSON reader may not hold exactly - nanoseconds, integers above 2^53 - are
 * decimal strings; floats are the shortest of 6 to 9 digits that reads back as the same
 * binary32; what is not a number is null. Kinds without a shape of their own show their
 * keys as they are, bytes in hex.
 */
#include "dura_host_record_priv.h"

#include <dura/guard.h>
#include <dura/histogram.h>
#include <dura/host/incident.h>
#include <stdio.h>
#include <stdlib.h>

/* ---- names ------------------------------------------------------------------------ */

typedef struct named {
    uint32_t value;
    const char *name;
} named;

static const named KINDS[] = {
    {DURA_REC_GENESIS, "genesis"}, {DURA_REC_SEAL, "seal"}, {DURA_REC_DROP, "drop"},
    {DURA_REC_RECOVER, "recover"}, {DURA_REC_CLOSE, "close"}, {DURA_REC_SPACE, "space"},
    {DURA_REC_FACT, "fact"},
    {DURA_REC_DECISION, "decision"}, {DURA_REC_BOOT, "boot"}, {DURA_REC_EVENT, "event"},
    {DURA_REC_INCIDENT, "incident"}, {DURA_REC_RETRAIN, "retrain"}, {0, NULL}};
static const named LOGS[] = {{DURA_LOG_SECURITY, "security"}, {DURA_LOG_DECISION, "decision"}, {0, NULL}};
static const named FACTS[] = {
    {DURA_FACT_NONE, "none"}, {DURA_FACT_CHANNEL, "channel"}, {DURA_FACT_INPUT_REJECTED, "input_rejected"},
    {DURA_FACT_OUTPUT_BOUNDED, "output_bounded"}, {DURA_FACT_BACKEND_FAILED, "backend_failed"},
    {DURA_FACT_ACTION, "action"}, {DURA_FACT_MODE, "mode"}, {DURA_FACT_OVERRIDE, "override"},
    {DURA_FACT_BOOT, "boot"}, {DURA_FACT_GATE, "gate"}, {DURA_FACT_CLOCK_STEP, "clock_step"},
    {DURA_FACT_LOG_LOST, "log_lost"}, {DURA_FACT_STORAGE, "storage"}, {DURA_FACT_DRIFT, "drift"},
    {DURA_FACT_RELEASE, "release"}, {DURA_FACT_INCIDENT, "incident"}, {DURA_FACT_FEATURE, "feature"},
    {DURA_FACT_LINK, "link"}, {DURA_FACT_ALIVE, "alive"}, {DURA_FACT_MONITOR, "monitor"},
    {DURA_FACT_RETRAIN, "retrain"}, {DURA_FACT_SHADOW, "shadow"}, {0, NULL}};
static const named ACTIONS[] = {
    {DURA_ACT, "ACT"}, {DURA_HOLD, "HOLD"}, {DURA_FALLBACK, "FALLBACK"}, {DURA_STOP, "STOP"}, {0, NULL}};
static const named MODES[] = {{DURA_OBSERVE, "observe"}, {DURA_ENFORCE, "enforce"}, {0, NULL}};
static const named VERDICTS[] = {{1, "GOOD"}, {2, "UNKNOWN"}, {3, "SUSPECT"}, {4, "FAIL"}, {9, "MISSING"}, {0, NULL}};
static const named SENSOR_REASONS[] = {
    {0, "missing"}, {1, "stale"}, {2, "time_reversed"}, {3, "time_duplicate"}, {4, "time_gap"},
    {5, "nonfinite"}, {6, "range_suspect"}, {7, "range_fail"}, {8, "rate_suspect"}, {9, "rate_fail"},
    {10, "flat_suspect"}, {11, "flat_fail"}, {12, "warmup"}, {13, "substituted"},
    {14, "spike_before"}, {15, "spike_fail"}, {16, "noisy"}, {17, "attenuated"}, {18, "drift"},
    {19, "context_suspect"}, {20, "context_fail"}, {21, "vote_suspect"}, {22, "vote_fail"},
    {23, "parity_suspect"}, {24, "parity_fail"}, {25, "joint"}, {26, "estimated"}, {0, NULL}};
static const named GUARD_REASONS[] = {
    {0, "input"}, {1, "substituted"}, {2, "backend"}, {3, "nonfinite"}, {4, "range"}, {5, "rate"},
    {6, "gate"}, {7, "stopped"}, {8, "recovering"}, {9, "held_too_long"}, {10, "argument"}, {11, "log"},
    {12, "order"}, {13, "champion"}, {14, "feature"}, {0, NULL}};
static const named CLOCKS[] = {
    {DURA_CLOCK_NONE, "none"}, {DURA_CLOCK_UNSYNCED, "unsynced"}, {DURA_CLOCK_HOLDOVER, "holdover"},
    {DURA_CLOCK_SYNCED, "synced"}, {DURA_CLOCK_AUTHENTICATED, "authenticated"}, {0, NULL}};
static const named OVERRIDES[] = {{DURA_OVERRIDE_STOP, "stop"}, {DURA_OVERRIDE_RELEASE, "release"}, {0, NULL}};
static const named CAUSES[] = {
    {DURA_CAUSE_NORMAL, "normal"}, {DURA_CAUSE_FAULT, "fault"}, {DURA_CAUSE_DRIFT, "drift"},
    {DURA_CAUSE_ATTACK, "attack"}, {DURA_CAUSE_CHANGE, "change"}, {DURA_CAUSE_UNKNOWN, "unknown"}, {0, NULL}};
static const named EVIDENCE[] = {
    {DURA_EV_FLAT, "flat"}, {DURA_EV_RANGE, "range"}, {DURA_EV_RATE, "rate"}, {DURA_EV_MISSING, "missing"},
    {DURA_EV_TIME, "time"}, {DURA_EV_DRIFT_SLOW, "drift_slow"}, {DURA_EV_DRIFT_SUDDEN, "drift_sudden"},
    {DURA_EV_DRIFT_SPREAD, "drift_spread"}, {DURA_EV_QUIET, "quiet"}, {DURA_EV_MANY, "many"},
    {DURA_EV_ISOLATED, "isolated"}, {DURA_EV_OUTPUT, "output"}, {DURA_EV_BACKEND, "backend"},
    {DURA_EV_EVENT_ASSET, "event_asset"}, {DURA_EV_EVENT_ZONE, "event_zone"},
    {DURA_EV_EVENT_ELSEWHERE, "event_elsewhere"}, {DURA_EV_RECON, "recon"}, {DURA_EV_CONFIG, "config"},
    {DURA_EV_ACCESS, "access"}, {DURA_EV_PHYSICAL, "physical"}, {DURA_EV_MAINTENANCE, "maintenance"},
    {DURA_EV_CALIBRATION, "calibration"}, {DURA_EV_UPDATE, "update"}, {DURA_EV_OPERATOR, "operator"},
    {DURA_EV_LOG, "log"}, {DURA_EV_CLOCK, "clock"}, {DURA_EV_NETWORK_QUIET, "network_quiet"},
    {DURA_EV_RECOVERED, "recovered"}, {DURA_EV_DISAGREES, "disagrees"}, {DURA_EV_IMPLAUSIBLE, "implausible"},
    {DURA_EV_MONITOR, "monitor"},
    {0, NULL}};
static const named MISSING[] = {
    {0, "security"}, {1, "heartbeat"}, {2, "assets"}, {3, "trust"}, {4, "drift"}, {5, "log"}, {6, "clock"},
    {7, "window"}, {0, NULL}};
static const named EVENTS[] = {
    {DURA_EVENT_OTHER, "other"}, {DURA_EVENT_ACCESS, "access"}, {DURA_EVENT_ACCESS_FAILED, "access_failed"},
    {DURA_EVENT_RECON, "recon"}, {DURA_EVENT_EXPLOIT, "exploit"}, {DURA_EVENT_MALWARE, "malware"},
    {DURA_EVENT_DOS, "dos"}, {DURA_EVENT_CONFIG, "config"}, {DURA_EVENT_PHYSICAL, "physical"},
    {DURA_EVENT_MAINTENANCE, "maintenance"}, {DURA_EVENT_CALIBRATION, "calibration"},
    {DURA_EVENT_UPDATE, "update"}, {DURA_EVENT_AUDIT, "audit"}, {DURA_EVENT_HEARTBEAT, "heartbeat"}, {0, NULL}};
static const named GATES[] = {
    {DURA_GATE_IDLE, "idle"}, {DURA_GATE_RECEIVED, "received"}, {DURA_GATE_STAGING, "staging"},
    {DURA_GATE_STAGED, "staged"}, {DURA_GATE_ACCEPTED, "accepted"}, {DURA_GATE_ARMED, "armed"},
    {DURA_GATE_ACTIVATING, "activating"}, {DURA_GATE_PROBATION, "probation"},
    {DURA_GATE_COMMITTED, "committed"}, {DURA_GATE_ROLLED_BACK, "rolled_back"},
    {DURA_GATE_REJECTED, "rejected"}, {DURA_GATE_SAFE, "safe"}, {0, NULL}};
static const named WHYS[] = {
    {0, "format"}, {1, "signature"}, {2, "threshold"}, {3, "role"}, {4, "device"}, {5, "component"},
    {6, "version"}, {7, "expired"}, {8, "not_yet"}, {9, "policy"}, {10, "size"}, {11, "incomplete"},
    {12, "digest"}, {13, "open"}, {14, "golden"}, {15, "window"}, {16, "clock"}, {17, "incident"},
    {18, "stopped"}, {19, "busy"}, {20, "output"}, {21, "disagree"}, {22, "backend"}, {23, "drift"},
    {24, "reboot"}, {25, "storage"}, {26, "aborted"}, {27, "jump"}, {28, "requires"},
    {29, "approvals"}, {30, "replay"}, {32, "evidence"}, {33, "shadow"}, {34, "machine"}, {35, "emergency"},
    {36, "urgent"}, {37, "past_incident"}, {0, NULL}};
static const named DRIFTS[] = {
    {DURA_DRIFT_BACK, "back"}, {DURA_DRIFT_UP, "up"}, {DURA_DRIFT_DOWN, "down"}, {DURA_DRIFT_WIDER, "wider"},
    {DURA_DRIFT_NARROWER, "narrower"}, {DURA_HISTOGRAM_SHAPE, "shape"}, {0, NULL}};
static const named DETECTORS[] = {
    {DURA_DRIFT_MIXTURE, "mixture"}, {DURA_DRIFT_CUSUM, "cusum"}, {DURA_DRIFT_EWMA, "ewma"}, {DURA_DRIFT_RAMP, "ramp"},
    {DURA_DRIFT_HISTOGRAM, "histogram"}, {0, NULL}};
static const named COMPONENTS[] = {
    {DURA_COMPONENT_BOX, "box"}, {DURA_COMPONENT_BRAIN, "brain"}, {DURA_COMPONENT_POLICY, "policy"}, {0, NULL}};
static const named INCIDENTS[] = {
    {DURA_INCIDENT_OPENED, "opened"}, {DURA_INCIDENT_REVISED, "revised"}, {DURA_INCIDENT_CLOSED, "closed"}, {0, NULL}};
static const named TRUSTS[] = {
    {DURA_TRUST_NONE, "none"}, {DURA_TRUST_SOURCE, "source"}, {DURA_TRUST_LOCAL, "local"}, {0, NULL}};
static const named DRIFT_WHYS[] = {
    {0, "short"}, {1, "correlated"}, {2, "tails"}, {3, "constant"}, {4, "held"}, {5, "trend"}, {0, NULL}};

static const named *const LISTS[] = {
    KINDS, LOGS, FACTS, ACTIONS, MODES, VERDICTS, SENSOR_REASONS, GUARD_REASONS, CLOCKS, OVERRIDES, CAUSES,
    EVIDENCE, MISSING, EVENTS, GATES, WHYS, DRIFTS, COMPONENTS, INCIDENTS, TRUSTS, DRIFT_WHYS, DETECTORS};

const char *dura_record_name(int list, uint32_t value)
{
    if (list < 0 || (size_t)list >= sizeof LISTS / sizeof LISTS[0])
        return NULL;
    for (const named *n = LISTS[list]; n->name; n++)
        if (n->value == value)
            return n->name;
    return NULL;
}

/* ---- writing ----------------------------------------------------------------------- */

/* Counts on when the room is used up, so the caller learns how much was wanted. */
typedef struct writer {
    char *p;
    size_t cap, len;
    const dura_record *rec;
    const dura_record_names *names;
} writer;

static void put(writer *w, const char *s, size_t n)
{
    if (w->len < w->cap && n <= w->cap - w->len)
        memcpy(w->p + w->len, s, n);
    w->len += n;
}

static void puts_(writer *w, const char *s) { put(w, s, strlen(s)); }

/* A comma when something stands before, then "key": */
static void key(writer *w, const char *name, int *first)
{
    if (!*first)
        puts_(w, ",");
    *first = 0;
    puts_(w, "\"");
    puts_(w, name);
    puts_(w, "\":");
}

static void put_string(writer *w, const char *s, size_t n)
{
    char esc[8];
    puts_(w, "\"");
    for (size_t i = 0; i < n; i++) {
        unsigned char ch = (unsigned char)s[i];
        if (ch == '"' || ch == '\\') {
            esc[0] = '\\';
            esc[1] = (char)ch;
            put(w, esc, 2);
        } else if (ch < 0x20 || ch == 0x7F) {
            put(w, esc, (size_t)snprintf(esc, sizeof esc, "\\u%04x", ch));
        } else {
            put(w, s + i, 1);
        }
    }
    puts_(w, "\"");
}

static void put_dec_string(writer *w, uint64_t v, int negative)
{
    char d[24];
    puts_(w, negative ? "\"-" : "\"");
    put(w, d, durai_dec(d, v));
    puts_(w, "\"");
}

#define EXACT ((uint64_t)1 << 53)      /* JSON readers hold integers up to here */

static void put_uint(writer *w, uint64_t v)
{
    char d[24];
    if (v > EXACT) {
        put_dec_string(w, v, 0);
        return;
    }
    put(w, d, durai_dec(d, v));
}

/* -1 - v, as CBOR has negative integers. */
static void put_nint(writer *w, uint64_t v)
{
    if (v >= EXACT) {
        put_dec_string(w, v + 1u, 1);   /* v = 2^64-1 is refused below */
        return;
    }
    puts_(w, "-");
    put_uint(w, v + 1u);
}

static void put_hex(writer *w, const uint8_t *p, size_t n)
{
    char h[2];
    puts_(w, "\"");
    for (size_t i = 0; i < n; i++)
        put(w, h, durai_hex(h, p + i, 1));
    puts_(w, "\"");
}

static void put_float(writer *w, const uint8_t *p)
{
    char d[32];
    float f = durai_f32(durai_le32(p));
    if (!durai_finite(f)) {
        puts_(w, "null");
        return;
    }
    for (int digits = 6; digits <= 9; digits++) {
        snprintf(d, sizeof d, "%.*g", digits, (double)f);
        if (durai_f32_bits(strtof(d, NULL)) == durai_le32(p))
            break;
    }
    puts_(w, d);
}

/* A name of the list, or the number when it has none. */
static void put_name(writer *w, int list, uint64_t v)
{
    const char *name = v <= UINT32_MAX ? dura_record_name(list, (uint32_t)v) : NULL;
    if (name)
        put_string(w, name, strlen(name));
    else
        put_uint(w, v);
}

/* Bits as a list of names; a bit without one is its number. */
static void put_bits(writer *w, int list, uint64_t bits)
{
    puts_(w, "[");
    for (uint32_t i = 0, any = 0; i < 64; i++) {
        if (!((bits >> i) & 1u))
            continue;
        if (any++)
            puts_(w, ",");
        put_name(w, list, i);
    }
    puts_(w, "]");
}

/* Days since 1970 to year, month, day (Gregorian, proleptic; Richards 2013). */
static void civil(int64_t days, int64_t *y, unsigned *m, unsigned *d)
{
    days += 719468;
    int64_t era = (days >= 0 ? days : days - 146096) / 146097;
    unsigned doe = (unsigned)(days - era * 146097);
    unsigned yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
    unsigned doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    unsigned mp = (5 * doy + 2) / 153;
    *d = doy - (153 * mp + 2) / 5 + 1;
    *m = mp < 10 ? mp + 3 : mp - 9;
    *y = (int64_t)yoe + era * 400 + (*m <= 2);
}

static void put_iso(writer *w, int64_t ns)
{
    char d[48];
    int64_t y, sec = ns / 1000000000, rest = ns % 1000000000;
    unsigned month, day;
    if (rest < 0) {
        rest += 1000000000;
        sec--;
    }
    int64_t days = sec / 86400, s = sec % 86400;
    if (s < 0) {
        s += 86400;
        days--;
    }
    civil(days, &y, &month, &day);
    snprintf(d, sizeof d, "\"%04d-%02u-%02uT%02d:%02d:%02d.%09dZ\"", (int)y, month, day, (int)(s / 3600),
             (int)(s / 60 % 60), (int)(s % 60), (int)rest);
    puts_(w, d);
}

/* ---- any CBOR value ---------------------------------------------------------------- */

static void put_scalar(writer *w, const durai_item *it)
{
    switch (it->type) {
    case DURAI_CBOR_UINT:
        put_uint(w, it->v);
        break;
    case DURAI_CBOR_NINT:
        if (it->v == UINT64_MAX)
            puts_(w, "\"-18446744073709551616\"");
        else
            put_nint(w, it->v);
        break;
    case DURAI_CBOR_BYTES:
        put_hex(w, it->p, (size_t)it->v);
        break;
    case DURAI_CBOR_TEXT:
        put_string(w, (const char *)it->p, (size_t)it->v);
        break;
    default:
        puts_(w, it->v == 20 ? "false" : it->v == 21 ? "true" : "null");
        break;
    }
}

/* A map's key must be a JSON string: numbers are put in quotes. */
static void put_key(writer *w, const durai_item *it)
{
    if (it->type == DURAI_CBOR_UINT && it->v <= EXACT) {
        put_dec_string(w, it->v, 0);
    } else if (it->type == DURAI_CBOR_NINT && it->v < EXACT) {
        put_dec_string(w, it->v + 1u, 1);
    } else if (it->type == DURAI_CBOR_SIMPLE) {
        puts_(w, "\"");
        put_scalar(w, it);
        puts_(w, "\"");
    } else {
        put_scalar(w, it);
    }
    puts_(w, ":");
}

/* One value, containers walked with a small stack: the decoder allows 8 levels. */
static void put_value(writer *w, durai_cbor_in *in)
{
    struct {
        uint64_t left;
        uint8_t map, any;
    } stack[9];
    unsigned depth = 0;
    do {
        durai_item it;
        int is_key = depth && stack[depth - 1].map && stack[depth - 1].left % 2 == 0;
        if (durai_cbor_next(in, &it) != DURA_OK)
            return; /* never: the record was checked whole */
        if (depth) {
            if (stack[depth - 1].any && (!stack[depth - 1].map || is_key))
                puts_(w, ",");
            stack[depth - 1].any = 1;
            stack[depth - 1].left--;
        }
        if (is_key) {
            put_key(w, &it);
        } else if (it.type == DURAI_CBOR_ARRAY || it.type == DURAI_CBOR_MAP) {
            DURA_ASSERT(depth < 9);
            puts_(w, it.type == DURAI_CBOR_MAP ? "{" : "[");
            stack[depth].map = it.type == DURAI_CBOR_MAP;
            stack[depth].left = stack[depth].map ? 2 * it.v : it.v;
            stack[depth++].any = 0;
        } else {
            put_scalar(w, &it);
        }
        while (depth && stack[depth - 1].left == 0)
            puts_(w, stack[--depth].map ? "}" : "]");
    } while (depth);
}

/* ---- the common head ---------------------------------------------------------------- */

static void put_head(writer *w, int *first)
{
    const dura_record *r = w->rec;
    key(w, "gseq", first);
    put_uint(w, r->gseq);
    key(w, "t", first);
    if (r->time.quality)
        put_iso(w, r->time.wall_ns);
    else
        puts_(w, "null");
    key(w, "log", first);
    put_name(w, DURA_NAME_LOG, r->log);
    key(w, "seq", first);
    put_uint(w, r->seq);
    key(w, "kind", first);
    put_name(w, DURA_NAME_KIND, r->kind);
    key(w, "boot", first);
    put_uint(w, r->time.boot);
    key(w, "mono_ns", first);
    put_dec_string(w, (uint64_t)r->time.mono_ns, 0);
    if (r->time.quality) {
        key(w, "clock", first);
        put_name(w, DURA_NAME_CLOCK, r->time.quality);
        if (r->time.wall_err_us != UINT32_MAX) {
            key(w, "err_us", first);
            put_uint(w, r->time.wall_err_us);
        }
    }
    if (r->source != DURA_NONE) {
        key(w, "source", first);
        put_uint(w, r->source);
    }
}

/* ---- payloads by table ---------------------------------------------------------------- */

/* How a key of a payload is shown; the default is by its CBOR type. */
enum { AS_IS = 0, AS_ACTION = 1, AS_MODE, AS_VERDICT, AS_SENSOR_BITS, AS_GUARD_BITS, AS_FACT, AS_CAUSE };

typedef struct shown {
    uint16_t kind, key;
    uint16_t how;
    const char *name;
} shown;

static const shown SHOWN[] = {
    {DURA_REC_GENESIS, 16, AS_IS, "origin"}, {DURA_REC_GENESIS, 17, AS_IS, "public_key"},
    {DURA_REC_SEAL, 16, AS_IS, "epoch"}, {DURA_REC_SEAL, 17, AS_IS, "root"},
    {DURA_REC_SEAL, 18, AS_IS, "other_size"}, {DURA_REC_SEAL, 19, AS_IS, "other_root"},
    {DURA_REC_SEAL, 20, AS_IS, "next_key"}, {DURA_REC_SEAL, 21, AS_IS, "signature"},
    {DURA_REC_SEAL, 22, AS_IS, "final"},
    {DURA_REC_DROP, 16, AS_IS, "ring"}, {DURA_REC_DROP, 17, AS_IS, "count"},
    {DURA_REC_DROP, 18, AS_IS, "first_mono_ns"}, {DURA_REC_DROP, 19, AS_IS, "last_mono_ns"},
    {DURA_REC_DROP, 20, AS_IS, "why"}, {DURA_REC_DROP, 21, AS_IS, "high_water"},
    {DURA_REC_SPACE, 16, AS_IS, "of_log"}, {DURA_REC_SPACE, 17, AS_IS, "used"},
    {DURA_REC_SPACE, 18, AS_IS, "size"}, {DURA_REC_SPACE, 19, AS_IS, "warn_permille"},
    {DURA_REC_RECOVER, 16, AS_CAUSE, "cause"}, {DURA_REC_RECOVER, 17, AS_IS, "segment"},
    {DURA_REC_RECOVER, 18, AS_IS, "offset"}, {DURA_REC_RECOVER, 19, AS_IS, "bytes"},
    {DURA_REC_RECOVER, 20, AS_IS, "digest"},
    {DURA_REC_CLOSE, 16, AS_IS, "manifest"},
    {DURA_REC_FACT, 16, AS_FACT, "fact"}, {DURA_REC_FACT, 17, AS_IS, "severity"},
    {DURA_REC_FACT, 18, AS_IS, "channel"}, {DURA_REC_FACT, 19, AS_IS, "asset"},
    {DURA_REC_FACT, 20, AS_IS, "zone"}, {DURA_REC_FACT, 21, AS_IS, "control"},
    {DURA_REC_FACT, 22, AS_IS, "risk"}, {DURA_REC_FACT, 23, AS_IS, "component"},
    {DURA_REC_FACT, 24, AS_IS, "reasons"}, {DURA_REC_FACT, 25, AS_IS, "frame"},
    {DURA_REC_FACT, 26, AS_IS, "values"}, {DURA_REC_FACT, 27, AS_IS, "actor"},
    {DURA_REC_FACT, 28, AS_IS, "reason"}, {DURA_REC_FACT, 29, AS_IS, "model"},
    {DURA_REC_RETRAIN, 16, AS_IS, "model"}, {DURA_REC_RETRAIN, 17, AS_IS, "stood"},
    {DURA_REC_RETRAIN, 18, AS_IS, "drifts"}, {DURA_REC_RETRAIN, 19, AS_IS, "more"},
    {DURA_REC_BOOT, 16, AS_IS, "policy"}, {DURA_REC_BOOT, 17, AS_IS, "model"},
    {DURA_REC_BOOT, 18, AS_IS, "gate"}, {DURA_REC_BOOT, 19, AS_MODE, "mode"},
    {DURA_REC_BOOT, 20, AS_IS, "latch"}, {DURA_REC_BOOT, 21, AS_IS, "clean_start"},
    {DURA_REC_BOOT, 22, AS_IS, "last_frame"}, {DURA_REC_BOOT, 23, AS_IS, "version"},
    {DURA_REC_BOOT, 24, AS_IS, "risk_register"}, {DURA_REC_BOOT, 31, AS_IS, "offers"},
    {DURA_REC_EVENT, 16, AS_IS, "category"}, {DURA_REC_EVENT, 17, AS_IS, "type"},
    {DURA_REC_EVENT, 18, AS_IS, "id"}, {DURA_REC_EVENT, 19, AS_IS, "result"},
    {DURA_REC_EVENT, 20, AS_IS, "severity"}, {DURA_REC_EVENT, 21, AS_IS, "actor"},
    {DURA_REC_EVENT, 22, AS_IS, "asset"}, {DURA_REC_EVENT, 23, AS_IS, "zone"},
    {DURA_REC_EVENT, 24, AS_IS, "peer"}, {DURA_REC_EVENT, 25, AS_IS, "detail"},
    {DURA_REC_EVENT, 26, AS_IS, "trust"},
    {DURA_REC_DECISION, 16, AS_IS, "frame"}, {DURA_REC_DECISION, 17, AS_MODE, "mode"},
    {DURA_REC_DECISION, 18, AS_ACTION, "action"}, {DURA_REC_DECISION, 21, AS_VERDICT, "verdict"},
    {DURA_REC_DECISION, 31, AS_IS, "backend_error"},
};

static const shown *find_shown(uint16_t kind, uint64_t k)
{
    for (size_t i = 0; i < sizeof SHOWN / sizeof SHOWN[0]; i++)
        if (SHOWN[i].kind == kind && SHOWN[i].key == k)
            return &SHOWN[i];
    return NULL;
}

/* The value at *in, as its table row wants it; another type than expected is shown as is. */
static void put_shown(writer *w, const shown *s, durai_cbor_in *in)
{
    durai_cbor_in ahead = *in;
    durai_item it;
    if (!s || s->how == AS_IS || durai_cbor_next(&ahead, &it) != DURA_OK || it.type != DURAI_CBOR_UINT) {
        put_value(w, in);
        return;
    }
    *in = ahead;
    switch (s->how) {
    case AS_ACTION:
        put_name(w, DURA_NAME_ACTION, it.v);
        break;
    case AS_MODE:
        put_name(w, DURA_NAME_MODE, it.v);
        break;
    case AS_VERDICT:
        put_name(w, DURA_NAME_VERDICT, it.v);
        break;
    case AS_FACT:
        put_name(w, DURA_NAME_FACT, it.v);
        break;
    default: /* AS_CAUSE */
        puts_(w, it.v == 1 ? "\"cut\"" : it.v == 2 ? "\"damage\"" : "\"other\"");
        break;
    }
}

/* Nanoseconds of DROP are strings like all nanoseconds. */
static int is_ns(const dura_record *r, uint64_t k)
{
    return r->kind == DURA_REC_DROP && (k == 18 || k == 19);
}

static void put_pairs(writer *w, int *first)
{
    const dura_record *r = w->rec;
    durai_cbor_in in;
    durai_item k, v;
    char number[24];
    durai_cbor_open(&in, r->payload, r->payload_len);
    for (uint32_t i = 0; i < r->n_pairs; i++) {
        if (durai_cbor_next(&in, &k) != DURA_OK)
            return;
        const shown *s = find_shown(r->kind, k.v);
        if (!s && r->kind == DURA_REC_DECISION && k.v >= 19 && k.v <= 30) {
            if (durai_cbor_skip(&in) != DURA_OK)
                return;
            continue; /* put_decision shows these */
        }
        number[durai_dec(number, k.v)] = '\0';
        key(w, s ? s->name : number, first);
        durai_cbor_in ahead = in;
        if (is_ns(r, k.v) && durai_cbor_next(&ahead, &v) == DURA_OK && v.type == DURAI_CBOR_UINT) {
            put_dec_string(w, v.v, 0);
            in = ahead;
        } else {
            put_shown(w, s, &in);
        }
    }
}

/* ---- decisions ------------------------------------------------------------------------ */

static void put_nth_name(writer *w, const char *const *names, size_t n_names, const char *word, size_t i)
{
    char d[48];
    const char *name = names && i < n_names ? names[i] : NULL;
    if (!name) {
        snprintf(d, sizeof d, "%s%u", word, (unsigned)i);
        name = d;
    }
    put_string(w, name, strlen(name));
}

static void put_channel_name(writer *w, size_t i)
{
    const dura_record_names *n = w->names;
    put_nth_name(w, n ? n->channels : NULL, n ? n->n_channels : 0, "channel", i);
}

static void put_output_name(writer *w, size_t i)
{
    const dura_record_names *n = w->names;
    put_nth_name(w, n ? n->outputs : NULL, n ? n->n_outputs : 0, "output", i);
}

/* Floats of a key: their bytes and count; absent or odd lengths count 0. */
static size_t floats(const dura_record *r, uint32_t k, const uint8_t **p)
{
    size_t n;
    if (dura_record_bytes(r, k, p, &n) != DURA_OK)
        return 0;
    return n / 4;
}

static void put_named_floats(writer *w, const char *name, uint32_t k, void (*put_one)(writer *, size_t), int *first)
{
    const uint8_t *p;
    size_t n = floats(w->rec, k, &p);
    key(w, name, first);
    puts_(w, "{");
    for (size_t i = 0; i < n; i++) {
        if (i)
            puts_(w, ",");
        put_one(w, i);
        puts_(w, ":");
        put_float(w, p + 4 * i);
    }
    puts_(w, "}");
}

static void put_float_list(writer *w, const char *name, uint32_t k, int *first)
{
    const uint8_t *p;
    size_t n = floats(w->rec, k, &p);
    if (n == 0)
        return;
    key(w, name, first);
    puts_(w, "[");
    for (size_t i = 0; i < n; i++) {
        if (i)
            puts_(w, ",");
        put_float(w, p + 4 * i);
    }
    puts_(w, "]");
}

/* Measured values by channel; a channel the frame did not have is null. */
static void put_values(writer *w, int *first)
{
    const uint8_t *p, *missing = NULL;
    size_t n = floats(w->rec, 22, &p), n_missing = 0;
    if (dura_record_bytes(w->rec, 30, &missing, &n_missing) != DURA_OK)
        n_missing = 0;
    key(w, "values", first);
    puts_(w, "{");
    for (size_t i = 0; i < n; i++) {
        if (i)
            puts_(w, ",");
        put_channel_name(w, i);
        puts_(w, ":");
        if (i / 8 < n_missing && ((uint32_t)missing[i / 8] >> (i % 8)) & 1u)
            puts_(w, "null");
        else
            put_float(w, p + 4 * i);
    }
    puts_(w, "}");
}

/* Channels that are not GOOD. Their quality is recorded only as far as it follows from
 * the verdict: 0 while FAIL or MISSING. */
static void put_channels(writer *w, int *first)
{
    const uint8_t *verdict;
    size_t n = 0;
    durai_item list, bits;
    durai_cbor_in in;
    uint64_t left = 0;
    int any = 0;
    if (durai_cbor_find(w->rec->cbor, w->rec->len, 28, &list, &in) == DURA_OK && list.type == DURAI_CBOR_ARRAY)
        left = list.v;
    key(w, "channels", first);
    puts_(w, "{");
    if (dura_record_bytes(w->rec, 27, &verdict, &n) != DURA_OK)
        n = 0;
    for (size_t i = 0; i < n; i++) {
        if (verdict[i] == 1)
            continue;
        if (any++)
            puts_(w, ",");
        put_channel_name(w, i);
        puts_(w, ":{\"verdict\":");
        put_name(w, DURA_NAME_VERDICT, verdict[i]);
        puts_(w, ",\"reasons\":");
        int have = left > 0 && durai_cbor_next(&in, &bits) == DURA_OK && bits.type == DURAI_CBOR_UINT;
        left = have ? left - 1 : 0;
        put_bits(w, DURA_NAME_SENSOR_REASON, have ? bits.v : 0);
        puts_(w, verdict[i] == 4 || verdict[i] == 9 ? ",\"quality\":0}" : ",\"quality\":null}");
    }
    puts_(w, "}");
}

/* ---- incidents ------------------------------------------------------------------------- */

/* The object of dura/host/incident.h, member by member behind the head, whose boot it does
 * not repeat. 0: the record is not what its kind says, and its keys are shown as they are. */
static int put_incident(writer *w, int *first)
{
    dura_incident i;
    size_t n = 0;
    i.struct_size = sizeof i;
    if (dura_incident_decode(w->rec, &i) != DURA_OK || dura_incident_json(&i, w->names, NULL, &n) != DURA_ENOSPC)
        return 0;
    char *text = malloc(n);
    if (!text || dura_incident_json(&i, w->names, text, &n) != DURA_OK) {
        free(text);
        return 0;
    }
    char *boot = strstr(text, "\"boot\":"), *behind = boot ? strchr(boot, ',') : NULL;
    puts_(w, *first ? "" : ",");
    *first = 0;
    if (behind) {
        put(w, text + 1, (size_t)(boot - text) - 1);
        put(w, behind + 1, (size_t)(text + n - behind) - 2);
    } else {
        put(w, text + 1, n - 2);
    }
    free(text);
    return 1;
}

static void put_decision(writer *w, int *first)
{
    const uint8_t *digest;
    size_t n;
    uint64_t bits = 0;
    int driven = dura_record_bytes(w->rec, 26, &digest, &n) == DURA_OK;
    put_named_floats(w, "outputs", driven ? 26 : 25, put_output_name, first);
    if (driven)
        put_named_floats(w, "proposed", 25, put_output_name, first);
    put_channels(w, first);
    key(w, "model", first);
    if (dura_record_bytes(w->rec, 29, &digest, &n) == DURA_OK)
        put_hex(w, digest, n);
    else
        puts_(w, "null");
    key(w, "reasons", first);
    if (dura_record_uint(w->rec, 19, &bits) != DURA_OK)
        bits = 0;
    put_bits(w, DURA_NAME_GUARD_REASON, bits);
    key(w, "sensor_reasons", first);
    if (dura_record_uint(w->rec, 20, &bits) != DURA_OK)
        bits = 0;
    put_bits(w, DURA_NAME_SENSOR_REASON, bits);
    put_values(w, first);
    put_float_list(w, "inputs", 23, first);
    put_float_list(w, "raw_outputs", 24, first);
}

int dura_record_json(const dura_record *r, const dura_record_names *names, char *buf, size_t *len)
{
    writer w;
    int first = 1;
    if (!r || !len || (!buf && *len) || !r->cbor)
        return DURA_EINVAL;
    memset(&w, 0, sizeof w);
    w.p = buf;
    w.cap = *len;
    w.rec = r;
    w.names = names;
    puts_(&w, "{");
    put_head(&w, &first);
    if (r->kind != DURA_REC_INCIDENT || !put_incident(&w, &first))
        put_pairs(&w, &first);
    if (r->kind == DURA_REC_DECISION)
        put_decision(&w, &first);
    puts_(&w, "}");
    put(&w, "", 1);
    *len = w.len <= w.cap ? w.len - 1 : w.len;
    return w.len <= w.cap ? DURA_OK : DURA_ENOSPC;
}
