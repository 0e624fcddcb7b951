/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Releases and envelopes as text: DSSE JSON (DSSE 1.0.2, envelope.md) in both directions,
 * a release for people or machines, and the words for every number the gate writes.
 */
#include <dura/host/json.h>
#include <dura/host/release.h>

#include <sodium.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "../gate/dura_gate_priv.h"
#include "dura_host_release_priv.h"

/* ---- words ---------------------------------------------------------------------------- */

typedef struct why_row {
    uint64_t bit;
    const char *name, *text;
} why_row;

static const why_row whys[] = {
    {DURA_WHY_FORMAT, "format", "it is no release, or a newer kind than this build knows"},
    {DURA_WHY_SIGNATURE, "signature", "no signature by a known key is right, or a key that it brings has not signed"},
    {DURA_WHY_THRESHOLD, "threshold", "too few keys have signed it"},
    {DURA_WHY_ROLE, "role", "a required role has not signed it"},
    {DURA_WHY_DEVICE, "device", "it is for another device"},
    {DURA_WHY_COMPONENT, "component", "the device does not update this component"},
    {DURA_WHY_VERSION, "version", "the version is not above the running one, or below the floor"},
    {DURA_WHY_EXPIRED, "expired", "its last day is over"},
    {DURA_WHY_NOT_YET, "not_yet", "its first day has not come"},
    {DURA_WHY_POLICY, "policy", "it was made for another policy"},
    {DURA_WHY_SIZE, "size", "it is larger than the slot"},
    {DURA_WHY_INCOMPLETE, "incomplete", "bytes are missing, or the policy it is about"},
    {DURA_WHY_DIGEST, "digest", "the bytes are not those that were signed"},
    {DURA_WHY_OPEN, "open", "the backend does not take the model"},
    {DURA_WHY_GOLDEN, "golden", "there are no golden vectors, or one came out wrong"},
    {DURA_WHY_WINDOW, "window", "it is outside the maintenance window"},
    {DURA_WHY_CLOCK, "clock", "the clock is not trusted enough to say"},
    {DURA_WHY_INCIDENT, "incident", "an incident is open"},
    {DURA_WHY_STOPPED, "stopped", "an operator has stopped the model"},
    {DURA_WHY_BUSY, "busy", "the place for the new brain is still in use"},
    {DURA_WHY_OUTPUT, "output", "an answer was outside the envelope or not finite"},
    {DURA_WHY_DISAGREE, "disagree", "an answer was too far from the former model's"},
    {DURA_WHY_BACKEND, "backend", "the model failed or was late"},
    {DURA_WHY_DRIFT, "drift", "its outputs drifted, or an alarm was raised"},
    {DURA_WHY_REBOOT, "reboot", "the device restarted before it was kept"},
    {DURA_WHY_STORAGE, "storage", "storage could not be read or written, or the journal was lost"},
    {DURA_WHY_ABORTED, "aborted", "a person said no"},
    {DURA_WHY_JUMP, "jump", "the version is too far above the running one (max_jump in the policy's updates)"},
    {DURA_WHY_REQUIRES, "requires", "it and another component do not fit each other's versions"},
    {DURA_WHY_APPROVALS, "approvals", "a role that must approve it has not"},
    {DURA_WHY_REPLAY, "replay", "an approval was for another attempt than the one in hand"},
    {DURAI_WHY2(DURA_WHY2_EVIDENCE), "evidence", "its evidence does not show a practice that the policy asks for"},
    {DURAI_WHY2(DURA_WHY2_SHADOW), "shadow", "the run beside the model that drives is not over, or was not passed"},
    {DURAI_WHY2(DURA_WHY2_MACHINE), "machine", "the machine is not in a state to switch in"},
    {DURAI_WHY2(DURA_WHY2_EMERGENCY), "emergency", "it is an emergency release without the extra role for that"},
    {DURAI_WHY2(DURA_WHY2_LATENCY), "latency", "beside the model that drives it took too long"},
    {DURAI_WHY2(DURA_WHY2_BACK), "back", "it goes back, and the policy lets nothing go back"},
    {DURAI_WHY2(DURA_WHY2_PLANNED), "planned", "it is beyond what was planned, and not signed as that by its role"},
    {DURAI_WHY2(DURA_WHY2_PARTS), "parts", "it is bound to a part that is not the one the device runs"},
    {DURAI_WHY2(DURA_WHY2_WENT_BACK), "went_back", "it goes back to a lower version"},
    {DURAI_WHY2(DURA_WHY2_SUBSTANTIAL), "substantial", "it says that it is beyond what was planned"},
    {DURAI_WHY2(DURA_WHY2_URGENT), "urgent", "it goes the emergency path"},
    {DURAI_WHY2(DURA_WHY2_PAST_INCIDENT), "past_incident", "it went past an open incident, with the extra role for that"},
};

static const why_row *row_of(uint64_t why)
{
    for (size_t i = 0; i < sizeof whys / sizeof *whys; i++)
        if (why & whys[i].bit)
            return &whys[i];
    return NULL;
}

const char *dura_why_name(uint64_t why) { return row_of(why) ? row_of(why)->name : NULL; }

const char *dura_why_text(uint64_t why) { return row_of(why) ? row_of(why)->text : NULL; }

static const char *const states[] = {"idle",   "received",   "staging",   "staged", "accepted",  "armed",       "activating",
                                     "probation", NULL,      "committed", "rolled_back", "rejected", "safe"};
static const char *const components[] = {NULL, "box", "brain", "policy"};
static const char *const roles[] = {NULL, "vendor", "operator", "security", "safety"};

#define COUNT(a) (sizeof(a) / sizeof *(a))

static const char *word(const char *const *list, size_t n, uint32_t i)
{
    return i < n && list[i] ? list[i] : "?";
}

static uint8_t number(const char *const *list, size_t n, const char *name)
{
    for (size_t i = 1; i < n && name; i++)
        if (strcmp(list[i], name) == 0)
            return (uint8_t)i;
    return 0;
}

const char *dura_gate_state_name(uint32_t state) { return word(states, COUNT(states), state); }

/* Why a release is rejected says whose no it was: it is for another device, the vendor's
 * keys do not stand behind it, or this owner's conditions. */
static const char *patch_rejected(uint32_t why)
{
    if (why & (DURA_WHY_DEVICE | DURA_WHY_COMPONENT | DURA_WHY_VERSION | DURA_WHY_JUMP | DURA_WHY_REQUIRES | DURA_WHY_POLICY | DURA_WHY_SIZE))
        return "not_applicable";
    return why & (DURA_WHY_FORMAT | DURA_WHY_SIGNATURE | DURA_WHY_THRESHOLD | DURA_WHY_ROLE) ? "not_approved" : "not_authorized";
}

const char *dura_gate_patch_state(const dura_gate_status *s)
{
    switch (s ? s->state : DURA_GATE_IDLE) {
    case DURA_GATE_RECEIVED:
    case DURA_GATE_STAGING: return "available";
    case DURA_GATE_STAGED:
    case DURA_GATE_ACCEPTED: return "in_internal_test";
    case DURA_GATE_ARMED:
        return s->why & DURA_WHY_APPROVALS ? "in_internal_test" : s->why || s->why2 ? "authorized" : "effective";
    case DURA_GATE_ACTIVATING:
    case DURA_GATE_PROBATION: return "effective";
    case DURA_GATE_COMMITTED: return "installed";
    case DURA_GATE_ROLLED_BACK: return "not_authorized";
    case DURA_GATE_REJECTED: return patch_rejected(s->why);
    default: return NULL;
    }
}

const char *dura_component_name(uint32_t component) { return word(components, COUNT(components), component); }

const char *dura_role_name(uint32_t role) { return word(roles, COUNT(roles), role); }

static const char *const practices[] = {
    "SM-9",  "SM-11", "SR-2",  "SR-5",  "SD-3",  "SI-1",    "SI-2",    "SVV-1",   "SVV-2",   "SVV-3",   "SVV-4", "SVV-5", "DM-4",  "SUM-1",
    "SUM-2", "SUM-3", "A.5.2", "A.6.2.2", "A.6.2.3", "A.6.2.4", "A.6.2.5", "A.6.2.6", "A.7.2",   "A.7.3",   "A.7.4", "A.7.5", "A.7.6", "A.9.4"};

const char *dura_practice_name(uint64_t bits)
{
    for (size_t i = 0; i < COUNT(practices); i++)
        if (bits >> i & 1u)
            return practices[i];
    return NULL;
}

uint64_t dura_practice_bit(const char *name)
{
    for (size_t i = 0; i < COUNT(practices) && name; i++)
        if (strcmp(practices[i], name) == 0)
            return UINT64_C(1) << i;
    return 0;
}

static const char *const parts[DURA_PARTS] = {"box",      "model", "label_map", "normalisation", "thresholds",
                                              "contract", "drift", "labels",    "rules",         "register"};

const char *dura_part_name(uint32_t part)
{
    for (size_t i = 0; i < COUNT(parts); i++)
        if (part == 1u << i)
            return parts[i];
    return NULL;
}

uint32_t dura_part_bit(const char *name)
{
    for (size_t i = 0; i < COUNT(parts) && name; i++)
        if (strcmp(parts[i], name) == 0)
            return 1u << i;
    return 0;
}

uint8_t dura_component_number(const char *name) { return number(components, COUNT(components), name); }

uint8_t dura_role_number(const char *name) { return number(roles, COUNT(roles), name); }

/* ---- growing text ----------------------------------------------------------------------- */

typedef struct text {
    char *p;
    size_t len, cap;
    int failed;
} text;

static void add(text *t, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static void add(text *t, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    int n = vsnprintf(t->p ? t->p + t->len : NULL, t->cap - t->len, fmt, args);
    va_end(args);
    if (n < 0 || t->failed) {
        t->failed = 1;
        return;
    }
    if (t->len + (size_t)n >= t->cap) {
        size_t cap = 2 * (t->len + (size_t)n) + 256;
        char *more = realloc(t->p, cap);
        if (!more) {
            t->failed = 1;
            return;
        }
        t->p = more;
        t->cap = cap;
        va_start(args, fmt);
        vsnprintf(t->p + t->len, t->cap - t->len, fmt, args);
        va_end(args);
    }
    t->len += (size_t)n;
}

static int finish(text *t, char **out, size_t *len)
{
    if (t->failed) {
        free(t->p);
        return DURA_ENOSPC;
    }
    *out = t->p;
    if (len)
        *len = t->len;
    return DURA_OK;
}

static void add_hex(text *t, const uint8_t *p, size_t n)
{
    for (size_t i = 0; i < n; i++)
        add(t, "%02x", p[i]);
}

static void add_base64(text *t, const uint8_t *p, size_t n)
{
    char b[sodium_base64_ENCODED_LEN(DURA_RELEASE_PAYLOAD_MAX, sodium_base64_VARIANT_ORIGINAL)];
    add(t, "%s", sodium_bin2base64(b, sizeof b, p, n, sodium_base64_VARIANT_ORIGINAL));
}

/* No control character is in a release; quotes and backslashes may be. */
static void add_string(text *t, const char *s)
{
    add(t, "\"");
    for (; *s; s++)
        add(t, *s == '"' || *s == '\\' ? "\\%c" : "%c", *s);
    add(t, "\"");
}

/* ---- DSSE JSON ------------------------------------------------------------------------------ */

int dura_envelope_json(const void *envelope, size_t len, char **out, size_t *out_len)
{
    durai_envelope e;
    text t = {NULL, 0, 0, 0};
    if (!envelope || !out)
        return DURA_EINVAL;
    *out = NULL;
    if (durai_envelope_open(&e, envelope, len) != DURA_OK)
        return DURA_ECORRUPT;
    add(&t, "{\"payload\":\"");
    add_base64(&t, e.payload, e.len);
    add(&t, "\",\"payloadType\":\"%s\",\"signatures\":[", e.kind == DURAI_KIND_RELEASE ? DURA_RELEASE_TYPE : DURA_APPROVAL_TYPE);
    for (uint32_t i = 0; i < e.n; i++) {
        const uint8_t *s = e.signatures + (size_t)i * DURAI_SIGNATURE;
        add(&t, "%s{\"keyid\":\"", i ? "," : "");
        add_hex(&t, s + DURAI_SIGNATURE_ID, 8);
        add(&t, "\",\"sig\":\"");
        add_base64(&t, s + DURAI_SIGNATURE_SIG, DURA_SIG_BYTES);
        add(&t, "\"}");
    }
    add(&t, "]}\n");
    return finish(&t, out, out_len);
}

/* A member's base64, standard or URL-safe, padded or not (DSSE: both must be accepted). */
static int get_base64(const dura_json *doc, uint32_t object, const char *name, uint8_t *out, size_t cap, size_t *n,
                      dura_error *err)
{
    static const int variants[] = {sodium_base64_VARIANT_ORIGINAL, sodium_base64_VARIANT_URLSAFE,
                                   sodium_base64_VARIANT_ORIGINAL_NO_PADDING, sodium_base64_VARIANT_URLSAFE_NO_PADDING};
    const char *s;
    int rc = dura_json_get_text(doc, dura_json_member(doc, object, name), 1, 4096, &s, err);
    if (rc != DURA_OK)
        return rc;
    for (size_t i = 0; i < COUNT(variants); i++) {
        const char *end;
        if (sodium_base642bin(out, cap, s, strlen(s), NULL, n, &end, variants[i]) == 0 && *end == '\0' && *n > 0)
            return DURA_OK;
    }
    return dura_error_set(err, DURA_EINVAL, NULL, 0, name, "want base64 of at most %zu bytes", cap);
}

static int get_signature(const dura_json *doc, uint32_t item, void *envelope, size_t cap, size_t *len, dura_error *err)
{
    uint8_t sig[DURA_SIG_BYTES], id[8] = {0};
    size_t n = 0;
    const char *keyid, *end;
    int rc = dura_json_want(doc, item, DURA_JSON_OBJECT, 1, UINT32_MAX, err);
    if (rc == DURA_OK)
        rc = get_base64(doc, item, "sig", sig, sizeof sig, &n, err);
    if (rc == DURA_OK && n != sizeof sig)
        rc = dura_error_set(err, DURA_EINVAL, NULL, 0, "sig", "want an Ed25519 signature of 64 bytes");
    uint32_t member = dura_json_member(doc, item, "keyid");
    if (rc == DURA_OK && member != DURA_JSON_NONE &&
        dura_json_get_text(doc, member, 0, 4096, &keyid, NULL) == DURA_OK && strlen(keyid) >= 16 &&
        (sodium_hex2bin(id, sizeof id, keyid, 16, NULL, &n, &end) != 0 || n != sizeof id))
        memset(id, 0, sizeof id);
    return rc == DURA_OK ? durai_envelope_append(envelope, len, cap, id, sig) : rc;
}

static int get_envelope(const dura_json *doc, void *envelope, size_t cap, size_t *len, dura_error *err)
{
    static const char *const types[] = {DURA_RELEASE_TYPE, DURA_APPROVAL_TYPE, NULL}; /* by DURAI_KIND_* */
    uint8_t payload[DURA_RELEASE_PAYLOAD_MAX];
    size_t n = 0, size = cap;
    uint32_t which, list = dura_json_member(doc, DURA_JSON_ROOT, "signatures");
    int rc = dura_json_want(doc, DURA_JSON_ROOT, DURA_JSON_OBJECT, 1, UINT32_MAX, err);
    if (rc == DURA_OK)
        rc = dura_json_get_word(doc, dura_json_member(doc, DURA_JSON_ROOT, "payloadType"), types, &which, err);
    if (rc == DURA_OK)
        rc = get_base64(doc, DURA_JSON_ROOT, "payload", payload, sizeof payload, &n, err);
    if (rc == DURA_OK)
        rc = dura_json_want(doc, list, DURA_JSON_ARRAY, 0, DURAI_SIGNATURES_MAX, err);
    if (rc == DURA_OK)
        rc = durai_envelope_make(which, payload, n, envelope, &size);
    for (uint32_t s = dura_json_first(doc, list); rc == DURA_OK && s != DURA_JSON_NONE; s = dura_json_next(doc, s))
        rc = get_signature(doc, s, envelope, cap, &size, err);
    if (rc == DURA_OK)
        *len = size;
    return rc;
}

int dura_envelope_from_json(const char *text_, size_t text_len, const char *filename, void *envelope, size_t cap,
                            size_t *len, dura_error *err)
{
    dura_json *doc;
    if (!text_ || !envelope || !len)
        return DURA_EINVAL;
    int rc = dura_json_parse(text_, text_len, filename, &doc, err);
    if (rc != DURA_OK)
        return rc;
    rc = get_envelope(doc, envelope, cap, len, err);
    dura_json_deinit(doc);
    return rc;
}

/* ---- a release in words ------------------------------------------------------------------------ */

static void add_date(text *t, int64_t s)
{
    time_t when = (time_t)s;
    struct tm tm;
    char b[64];
    if (gmtime_r(&when, &tm) && strftime(b, sizeof b, "%Y-%m-%dT%H:%M:%SZ", &tm) > 0)
        add(t, "%s", b);
    else
        add(t, "%lld", (long long)s);
}

/* As JSON: null when there is none. */
static void add_digest(text *t, const uint8_t d[DURA_HASH_BYTES])
{
    if (sodium_is_zero(d, DURA_HASH_BYTES)) {
        add(t, "null");
        return;
    }
    add(t, "\"");
    add_hex(t, d, DURA_HASH_BYTES);
    add(t, "\"");
}

/* Bits without a name here, which a newer tool gave, as a number. */
static void add_practices(text *t, uint64_t bits, const char *before, const char *between, const char *behind)
{
    const char *sep = before;
    for (uint64_t left = bits; left; left &= left - 1, sep = between) {
        const char *name = dura_practice_name(left & (~left + 1));
        if (name)
            add(t, "%s%s", sep, name);
        else
            add(t, "%s0x%llx", sep, (unsigned long long)(left & (~left + 1)));
    }
    if (bits)
        add(t, "%s", behind);
}

static void describe_json(text *t, const dura_release *r)
{
    add(t, "{\"component\":\"%s\",\"version\":\"%llu\",\"floor\":\"%llu\",\"length\":\"%llu\",\"digest\":\"",
        dura_component_name(r->component), (unsigned long long)r->version, (unsigned long long)r->floor_,
        (unsigned long long)r->length);
    add_hex(t, r->digest, sizeof r->digest);
    add(t, "\",\"device\":");
    add_string(t, r->device);
    add(t, ",\"name\":");
    add_string(t, r->name);
    add(t, ",\"policy\":");
    add_digest(t, r->policy);
    for (int i = 0; i < 2; i++) {
        int64_t s = i ? r->not_after_s : r->not_before_s;
        add(t, i ? ",\"not_after\":" : ",\"not_before\":");
        if (s) {
            add(t, "\"");
            add_date(t, s);
            add(t, "\"");
        } else {
            add(t, "null");
        }
    }
    add(t, ",\"probation\":%u,\"requires\":{", r->probation_frames);
    for (uint32_t c = 1, n = 0; c < DURA_COMPONENTS; c++)
        if (r->need_max[c])
            add(t, "%s\"%s\":[%u,%u]", n++ ? "," : "", dura_component_name(c), r->need_min[c], r->need_max[c]);
    add(t, "},\"evidence\":");
    add_digest(t, r->evidence);
    add(t, ",\"practices\":[");
    add_practices(t, r->practices, "\"", "\",\"", "\"");
    add(t, "],\"emergency\":%s,\"back\":%s,\"substantial\":%s,\"metric\":%u,\"data\":",
        r->flags & DURA_RELEASE_EMERGENCY ? "true" : "false", r->flags & DURA_RELEASE_BACK ? "true" : "false",
        r->flags & DURA_RELEASE_SUBSTANTIAL ? "true" : "false", r->metric);
    add_digest(t, r->data);
    add(t, "}\n");
}

static void describe_words(text *t, const dura_release *r)
{
    add(t, "%s %llu%s%s%s\n", dura_component_name(r->component), (unsigned long long)r->version,
        r->name[0] ? " (" : "", r->name, r->name[0] ? ")" : "");
    add(t, "  for       %s\n", strcmp(r->device, "*") == 0 ? "any device" : r->device);
    add(t, "  floor     %llu: nothing older is taken afterwards\n", (unsigned long long)r->floor_);
    add(t, "  subject   %llu bytes, sha256 ", (unsigned long long)r->length);
    add_hex(t, r->digest, sizeof r->digest);
    if (!sodium_is_zero(r->policy, sizeof r->policy)) {
        add(t, "\n  policy    sha256 ");
        add_hex(t, r->policy, sizeof r->policy);
    }
    if (r->not_before_s) {
        add(t, "\n  from      ");
        add_date(t, r->not_before_s);
    }
    if (r->not_after_s) {
        add(t, "\n  until     ");
        add_date(t, r->not_after_s);
    }
    if (r->probation_frames)
        add(t, "\n  probation %u frames at least", r->probation_frames);
    for (uint32_t c = 1; c < DURA_COMPONENTS; c++) {
        if (r->need_max[c] == UINT32_MAX)
            add(t, "\n  requires  %s %u or newer", dura_component_name(c), r->need_min[c]);
        else if (r->need_max[c])
            add(t, "\n  requires  %s %u to %u", dura_component_name(c), r->need_min[c], r->need_max[c]);
    }
    if (!sodium_is_zero(r->evidence, sizeof r->evidence)) {
        add(t, "\n  evidence  sha256 ");
        add_hex(t, r->evidence, sizeof r->evidence);
    }
    add_practices(t, r->practices, "\n  practices ", " ", "");
    add(t, r->flags & DURA_RELEASE_SUBSTANTIAL
               ? "\n  change    SUBSTANTIAL: a key of the policy's substantial role must sign it too"
               : "\n  change    routine: the device takes it only within what its policy plans");
    if (r->metric)
        add(t, "\n  metric    %u.%02u %%", r->metric / 100, r->metric % 100);
    if (!sodium_is_zero(r->data, sizeof r->data)) {
        add(t, "\n  data      sha256 ");
        add_hex(t, r->data, sizeof r->data);
    }
    if (r->flags & DURA_RELEASE_BACK)
        add(t, "\n  BACK      to a lower version: somebody of the policy's rollback role must approve it on the device");
    if (r->flags & DURA_RELEASE_EMERGENCY)
        add(t, "\n  EMERGENCY a key of the policy's emergency role must sign it too");
    add(t, "\n");
}

int dura_release_describe(const dura_release *r, int json, char **out, size_t *len)
{
    text t = {NULL, 0, 0, 0};
    dura_release full = DURA_RELEASE_INIT;
    if (!r || !out ||
        durai_struct_in(&full, (uint32_t)sizeof full, r, r->struct_size, (uint32_t)offsetof(dura_release, need_min)) != 0)
        return DURA_EINVAL;
    if (json)
        describe_json(&t, &full);
    else
        describe_words(&t, &full);
    return finish(&t, out, len);
}

/* ---- journals ------------------------------------------------------------------------------------ */

static void fill_info(dura_journal_info *i, const durai_gate_record *r)
{
    int busy = r->state >= DURA_GATE_RECEIVED && r->state <= DURA_GATE_PROBATION;
    dura_gate_status *s = &i->status;
    s->struct_size = (uint32_t)sizeof *s;
    s->state = r->state;
    s->component = r->component;
    s->slot = r->active;
    s->attempt = r->attempt;
    s->why = (uint32_t)r->why;
    s->why2 = (uint32_t)(r->why >> 32);
    s->why2 |= (uint32_t)(durai_gate_how(r->flags) >> 32);
    s->seq = r->seq;
    s->offset = r->n[DURAI_N_OFFSET];
    s->length = r->n[DURAI_C_LENGTH];
    s->candidate = r->n[DURAI_C_VERSION];
    s->probation_left = busy ? r->probation : 0;
    memcpy(s->version + 1, r->n + DURAI_N_VERSION, 3 * sizeof s->version[0]);
    s->reached = s->version[DURA_COMPONENT_BRAIN];
    if (r->active == 1 || r->active == 2)
        s->version[DURA_COMPONENT_BRAIN] = r->n[DURAI_N_SLOT + 2 * (r->active - 1)];
    memcpy(s->floor_ + 1, r->n + DURAI_N_FLOOR, 3 * sizeof s->floor_[0]);
    if (r->active == 1 || r->active == 2)
        memcpy(s->digest, r->d[DURAI_D_SLOT + r->active - 1], sizeof s->digest);
    memcpy(s->policy, r->d[DURAI_D_POLICY], sizeof s->policy);
    s->nonce = busy ? r->nonce : 0;
    s->approved = busy ? r->approved : 0;
    if (busy)
        memcpy(s->release, r->release, sizeof s->release);
    for (uint32_t k = 0; k < 2; k++) {
        i->slot_version[k] = r->n[DURAI_N_SLOT + 2 * k];
        memcpy(i->slot_digest[k], r->d[DURAI_D_SLOT + k], DURA_HASH_BYTES);
    }
    i->wall_s = (int64_t)r->n[DURAI_N_WALL];
    memcpy(i->candidate_digest, r->d[DURAI_D_CANDIDATE], DURA_HASH_BYTES);
    memcpy(i->box, r->d[DURAI_D_BOX], DURA_HASH_BYTES);
}

/* Records begin at multiples of 16 whatever the erase and programming units are. */
int dura_journal_query(const void *bytes, size_t len, dura_journal_info *out)
{
    const uint8_t *p = bytes;
    durai_gate_record r, newest;
    dura_journal_info info;
    uint64_t seq = 0;
    if (!bytes || !out)
        return DURA_EINVAL;
    memset(&info, 0, sizeof info);
    for (size_t at = 0; at + DURAI_GATE_RECORD_V2 <= len; at += 16) {
        if (durai_gate_decode(p + at, len - at, NULL, &r) != 1)
            continue;
        info.records++;
        if (r.seq > seq) {
            newest = r;
            seq = r.seq;
        }
    }
    if (!info.records)
        return DURA_ENOENT;
    fill_info(&info, &newest);
    return durai_struct_out(out, &info, (uint32_t)sizeof info, (uint32_t)sizeof info);
}
