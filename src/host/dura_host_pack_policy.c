/* SPDX-License-Identifier: Apache-2.0 */
/*
 * policy.json into the packed policy (docs/formats/policy.md).
 *
 * One generated table (dura_host_pack_fields.h) drives the members of every record; what
 * it cannot say - which checks follow from which limits, defaults that depend on another
 * field, the order of limits - is done here by hand and said in the user's terms. The
 * device's own reader then checks the finished image: it has the last word.
 */
#include "dura_host_pack_priv.h"
#include "dura_host_pack_fields.h"
#include "../guard/dura_guard_policy.h"

#include <dura/feature.h>
#include <dura/host/keys.h>
#include <float.h>
#include <stdlib.h>

#define COUNT(a) ((uint32_t)(sizeof(a) / sizeof(a)[0]))

enum { FIELDS_MAX = 40, RECORD_MAX = 160, NOTE_MAX = 255 };

/* One kind of record. */
typedef struct record_kind {
    const char *json;              /* member of the policy */
    const pack_field *fields;
    uint32_t n_fields, bytes;
} record_kind;

static const record_kind kinds[] = {
    {"device", pack_fields_device, COUNT(pack_fields_device), DURAI_POLICY_DEVICE_BYTES},
    {"sensor", pack_fields_sensor, COUNT(pack_fields_sensor), DURAI_POLICY_SENSOR_BYTES},
    {"channels", pack_fields_channel, COUNT(pack_fields_channel), DURAI_POLICY_CHANNEL_BYTES},
    {"outputs", pack_fields_output, COUNT(pack_fields_output), DURAI_POLICY_OUTPUT_BYTES},
    {"guard", pack_fields_guard, COUNT(pack_fields_guard), DURAI_POLICY_GUARD_BYTES},
    {"logs", pack_fields_logs, COUNT(pack_fields_logs), DURAI_POLICY_LOGS_BYTES},
    {"gate", pack_fields_gate, COUNT(pack_fields_gate), DURAI_POLICY_GATE_BYTES},
    {"features", pack_fields_feature, COUNT(pack_fields_feature), DURAI_POLICY_FEATURE_BYTES},
    {"drift", pack_fields_drift, COUNT(pack_fields_drift), DURAI_POLICY_DRIFT_BYTES},
    {"references", pack_fields_reference, COUNT(pack_fields_reference), DURAI_POLICY_REFERENCE_BYTES},
    {"correlate", pack_fields_correlate, COUNT(pack_fields_correlate), DURAI_POLICY_CORRELATE_BYTES},
    {"updates", pack_fields_updates, COUNT(pack_fields_updates), DURAI_POLICY_UPDATES_BYTES},
    {"release_keys", pack_fields_release_key, COUNT(pack_fields_release_key), DURAI_POLICY_RELEASE_KEY_BYTES},
    {"checks", pack_fields_sensor_check, COUNT(pack_fields_sensor_check), DURAI_POLICY_SENSOR_CHECK_BYTES},
    {"histograms", pack_fields_histogram, COUNT(pack_fields_histogram), DURAI_POLICY_HISTOGRAM_BYTES},
    {"mspc", pack_fields_mspc, COUNT(pack_fields_mspc), DURAI_POLICY_MSPC_BYTES}
};
enum { KIND_DEVICE, KIND_SENSOR, KIND_CHANNELS, KIND_OUTPUTS, KIND_GUARD, KIND_LOGS, KIND_GATE,
       KIND_FEATURES, KIND_DRIFT, KIND_REFERENCES, KIND_CORRELATE, KIND_UPDATES, KIND_RELEASE_KEYS, KIND_CHECKS,
       KIND_HISTOGRAMS, KIND_MSPC };

typedef struct packer {
    const dura_json *doc;
    dura_error *err;
    durai_pack image, names;
    durai_pack terms;              /* of the checks */
    durai_pack numbers;            /* of histograms and mspc */
    uint32_t detector;             /* DURAI_DRIFT_*, what it is to find, and how often it may be wrong */
    double shift, arl0;
    size_t former;                 /* where the terms of the check before begin */
    const record_kind *kind;       /* of the record at hand */
    uint32_t object;               /* its JSON; DURA_JSON_NONE: absent, all defaults */
    uint32_t count[DURAI_POLICY_SECTIONS + 1];
    uint8_t record[RECORD_MAX];
} packer;

/* ---- one member ------------------------------------------------------------------ */

/* The JSON value of a field of the record at hand. */
static uint32_t given(const packer *k, const char *name)
{
    return dura_json_member(k->doc, k->object, name);
}

static const pack_field *field_of(const record_kind *kind, const char *name)
{
    uint32_t i;
    for (i = 0; i + 1 < kind->n_fields; i++)
        if (strcmp(kind->fields[i].name, name) == 0)
            break;
    DURA_ASSERT(strcmp(kind->fields[i].name, name) == 0);
    return &kind->fields[i];
}

static float get_f32(const packer *k, const char *name)
{
    return durai_f32(durai_le32(k->record + field_of(k->kind, name)->offset));
}

static void set_f32(packer *k, const char *name, float v)
{
    durai_put32(k->record + field_of(k->kind, name)->offset, durai_f32_bits(v));
}

static uint32_t get_u32(const packer *k, const char *name)
{
    return durai_le32(k->record + field_of(k->kind, name)->offset);
}

/* An integer at its width. */
static void store(uint8_t *at, uint8_t type, uint32_t v)
{
    if (type == PACK_U32)
        durai_put32(at, v);
    else if (type == PACK_U16)
        durai_put16(at, (uint16_t)v);
    else
        at[0] = (uint8_t)v;
}

static int put_integer(packer *k, const pack_field *f, uint32_t value)
{
    int64_t v = 0, lo = f->flags & PACK_OR_0 ? 0 : (int64_t)f->lo;
    int rc = dura_json_get_int(k->doc, value, lo, f->hi, &v, k->err);
    if (rc < 0)
        return rc;
    if (v < (int64_t)f->lo && v != 0)
        return dura_json_fail(k->doc, value, k->err, DURA_EINVAL, "wants 0 or %u..%u, not %lld: %s", f->lo, f->hi,
                              (long long)v, f->doc);
    if ((f->flags & PACK_POW2) && ((uint64_t)v & ((uint64_t)v - 1)) && v != 0)
        return dura_json_fail(k->doc, value, k->err, DURA_EINVAL, "wants a power of two, not %lld: %s",
                              (long long)v, f->doc);
    store(k->record + f->offset, f->type, (uint32_t)v);
    return DURA_OK;
}

static int put_f32(packer *k, const pack_field *f, uint32_t value)
{
    float v = 0;
    int rc = dura_json_get_f32(k->doc, value, &v, k->err);
    if (rc < 0)
        return rc;
    if ((f->flags & PACK_POSITIVE) && v < 0)
        return dura_json_fail(k->doc, value, k->err, DURA_EINVAL, "wants 0 or more, not %.9g: %s", (double)v, f->doc);
    durai_put32(k->record + f->offset, durai_f32_bits(v));
    return DURA_OK;
}

static int put_word(packer *k, const pack_field *f, uint32_t value)
{
    const char *words[12];
    uint32_t i, n = 0;
    int rc;
    while (f->words[n].word) {
        DURA_ASSERT(n + 1 < COUNT(words));
        words[n] = f->words[n].word;
        n++;
    }
    words[n] = NULL;
    rc = dura_json_get_word(k->doc, value, words, &i, k->err);
    if (rc == DURA_OK)
        k->record[f->offset] = (uint8_t)f->words[i].value;
    return rc;
}

/* A list of words, each a bit of a u32. */
static int put_set(packer *k, const pack_field *f, uint32_t value)
{
    const char *words[33];
    uint32_t n = 0, bits = 0;
    for (; f->words[n].word; n++) {
        DURA_ASSERT(n + 1 < COUNT(words));
        words[n] = f->words[n].word;
    }
    words[n] = NULL;
    int rc = dura_json_want(k->doc, value, DURA_JSON_ARRAY, 0, n, k->err);
    for (uint32_t i = dura_json_first(k->doc, value); rc == DURA_OK && i != DURA_JSON_NONE; i = dura_json_next(k->doc, i)) {
        uint32_t at = 0;
        rc = dura_json_get_word(k->doc, i, words, &at, k->err);
        if (rc == DURA_OK && (bits & f->words[at].value))
            rc = dura_json_fail(k->doc, i, k->err, DURA_EINVAL, "is there already; keep one");
        bits |= rc == DURA_OK ? f->words[at].value : 0;
    }
    durai_put32(k->record + f->offset, bits);
    return rc;
}

/* A bool: into a byte, or as one bit of a u16. */
static int put_bool(packer *k, const pack_field *f, uint32_t value)
{
    uint8_t *at = k->record + f->offset;
    int v = 0, rc = dura_json_get_bool(k->doc, value, &v, k->err);
    if (rc < 0)
        return rc;
    if (f->type == PACK_BOOL)
        at[0] = (uint8_t)v;
    else
        durai_put16(at, (uint16_t)((durai_le16(at) & ~(uint32_t)f->bit) | (v ? f->bit : 0u)));
    return DURA_OK;
}

/* Text: into the record, or into the names. */
static int put_text(packer *k, const pack_field *f, uint32_t value)
{
    const char *text = "";
    size_t min = f->flags & PACK_REQUIRED ? 1 : 0;
    int rc = dura_json_get_text(k->doc, value, min, DURAI_NAME_MAX, &text, k->err);
    if (rc < 0)
        return rc;
    if (f->type == PACK_NAME)
        durai_pack_put(&k->names, text, strlen(text) + 1);
    else
        memcpy(k->record + f->offset, text, strlen(text));
    return DURA_OK;
}

/* 64 hex digits, or no text where there is none. */
static int put_digest(packer *k, const pack_field *f, uint32_t value)
{
    const char *text = "";
    if (dura_json_get_text(k->doc, value, 0, 0, &text, NULL) == DURA_OK)
        return DURA_OK;
    return dura_json_get_hex(k->doc, value, k->record + f->offset, 32, k->err);
}

static int put_key(packer *k, const pack_field *f, uint32_t value)
{
    static const uint8_t none[32];
    int rc = dura_json_get_hex(k->doc, value, k->record + f->offset, 32, k->err);
    if (rc == DURA_OK && memcmp(k->record + f->offset, none, 32) == 0)
        return dura_json_fail(k->doc, value, k->err, DURA_EINVAL,
                              "32 zero bytes are no public key; leave the member out for the development key");
    return rc;
}

/* Weekdays, each once. */
static int put_days(packer *k, const pack_field *f, uint32_t value)
{
    static const char *const words[] = {"sun", "mon", "tue", "wed", "thu", "fri", "sat", NULL};
    uint32_t i, day = 0, days = 0;
    int rc = dura_json_want(k->doc, value, DURA_JSON_ARRAY, 0, 7, k->err);
    for (i = rc == DURA_OK ? dura_json_first(k->doc, value) : DURA_JSON_NONE; i != DURA_JSON_NONE;
         i = dura_json_next(k->doc, i)) {
        rc = dura_json_get_word(k->doc, i, words, &day, k->err);
        if (rc < 0)
            return rc;
        if (days >> day & 1)
            return dura_json_fail(k->doc, i, k->err, DURA_EINVAL, "\"%s\" is there twice", words[day]);
        days |= 1u << day;
    }
    k->record[f->offset] = (uint8_t)days;
    return rc;
}

static int put_zone(packer *k, const pack_field *f, uint32_t value)
{
    const char *text = "";
    int rc = dura_json_get_text(k->doc, value, 0, DURAI_NAME_MAX, &text, k->err);
    if (rc == DURA_OK && durai_pack_zone(text, k->record + f->offset) < 0)
        return dura_json_fail(k->doc, value, k->err, DURA_EINVAL,
                              "wants a POSIX TZ such as \"CET-1CEST,M3.5.0,M10.5.0/3\" or \"<-03>3\"; names such as "
                              "Europe/Berlin are not looked up, but the last line of that zone's file is one");
    return rc;
}

uint32_t durai_pack_place(const dura_json *doc, const char *json, const char *name)
{
    uint32_t list = dura_json_member(doc, DURA_JSON_ROOT, json), i, at = 0;
    for (i = dura_json_first(doc, list); i != DURA_JSON_NONE; i = dura_json_next(doc, i), at++) {
        const char *text = "";
        if (dura_json_get_text(doc, dura_json_member(doc, i, "name"), 1, DURAI_NAME_MAX, &text, NULL) == 0 &&
            strcmp(text, name) == 0)
            return at;
    }
    return DURA_NONE;
}

/* Channel called name, or DURA_NONE. */
static uint32_t channel_called(const packer *k, const char *name) { return durai_pack_place(k->doc, "channels", name); }

/* A name of something else in this policy, stored as its index. */
static int put_reference(packer *k, const pack_field *f, uint32_t value)
{
    const char *name = "";
    int rc = dura_json_get_text(k->doc, value, 1, DURAI_NAME_MAX, &name, k->err);
    if (rc < 0)
        return rc;
    uint32_t at = f->type == PACK_CHANNEL ? channel_called(k, name) : durai_pack_thing(k->doc, name);
    if (at == DURA_NONE)
        return dura_json_fail(k->doc, value, k->err, DURA_EINVAL, "there is no %s \"%s\"",
                              f->type == PACK_CHANNEL ? "channel" : "channel, output or feature", name);
    durai_put16(k->record + f->offset, (uint16_t)at);
    return DURA_OK;
}

/* Text for people, which stays in the JSON. */
static int check_note(packer *k, uint32_t value)
{
    const char *text = "";
    return dura_json_get_text(k->doc, value, 0, NOTE_MAX, &text, k->err);
}

static int put_given(packer *k, const pack_field *f, uint32_t value)
{
    switch (f->type) {
    case PACK_CHANNEL:
    case PACK_OF: return put_reference(k, f, value);
    case PACK_F32: return put_f32(k, f, value);
    case PACK_BOOL:
    case PACK_BIT: return put_bool(k, f, value);
    case PACK_ENUM: return put_word(k, f, value);
    case PACK_SET: return put_set(k, f, value);
    case PACK_KEY32: return put_key(k, f, value);
    case PACK_DIGEST: return put_digest(k, f, value);
    case PACK_DAYS: return put_days(k, f, value);
    case PACK_ZONE: return put_zone(k, f, value);
    case PACK_TEXT64:
    case PACK_NAME: return put_text(k, f, value);
    case PACK_NOTE: return check_note(k, value);
    case PACK_LIST: return DURA_OK; /* the record's own code reads it */
    default: return put_integer(k, f, value);
    }
}

static int put_default(packer *k, const pack_field *f)
{
    uint8_t *at = k->record + f->offset;
    if (f->flags & PACK_REQUIRED)
        return dura_json_fail(k->doc, k->object, k->err, DURA_EINVAL, "the member \"%s\" is missing; add it: %s",
                              f->name, f->doc);
    if (f->type == PACK_NAME)
        durai_pack_put(&k->names, "", 1);
    else if (f->type == PACK_BIT)
        durai_put16(at, (uint16_t)(durai_le16(at) | (f->value ? f->bit : 0u)));
    else if (f->type == PACK_KEY32)
        memcpy(at, dura_dev_public_key(), 32);
    else if (f->type == PACK_F32)
        durai_put32(at, durai_f32_bits((float)f->value));
    else if (f->type == PACK_CHANNEL || f->type == PACK_OF)
        store(at, PACK_U16, f->value);
    else if (f->type <= PACK_U32 || f->type == PACK_BOOL || f->type == PACK_ENUM)
        store(at, f->type, f->value);
    return DURA_OK;
}

/* Every field of the object at hand, or of an absent one, into k->record. */
static int put_record(packer *k)
{
    const char *names[FIELDS_MAX + 4];
    uint32_t i;
    int rc = DURA_OK;
    DURA_ASSERT(k->kind->n_fields <= FIELDS_MAX && k->kind->bytes <= RECORD_MAX);
    memset(k->record, 0, sizeof k->record);
    for (i = 0; i < k->kind->n_fields; i++)
        names[i] = k->kind->fields[i].name;
    if (k->kind == &kinds[KIND_DRIFT]) {
        names[i++] = "references";   /* sections of their own */
        names[i++] = "histograms";
        names[i++] = "mspc";
    }
    names[i] = NULL;
    if (k->object != DURA_JSON_NONE)
        rc = dura_json_only(k->doc, k->object, names, k->err);
    for (i = 0; rc == DURA_OK && i < k->kind->n_fields; i++) {
        const pack_field *f = &k->kind->fields[i];
        uint32_t value = given(k, f->name);
        rc = value == DURA_JSON_NONE ? put_default(k, f) : put_given(k, f, value);
    }
    return rc;
}

/* ---- what one field cannot say ---------------------------------------------------- */

static int is_given(const packer *k, const char *name)
{
    return given(k, name) != DURA_JSON_NONE;
}

static void add_check(packer *k, uint32_t bit)
{
    uint8_t *at = k->record + DURAI_POLICY_CHANNEL_CHECKS_AT;
    durai_put16(at, (uint16_t)(durai_le16(at) | bit));
}

/* Two limits in the wrong order: said at whichever of them is given, the latter first. */
static int order(packer *k, const char *low, const char *high)
{
    uint32_t at = is_given(k, high) ? given(k, high) : given(k, low);
    if (get_f32(k, low) <= get_f32(k, high))
        return DURA_OK;
    return dura_json_fail(k->doc, at, k->err, DURA_EINVAL, "%s is %.9g and %s is %.9g; wants %s <= %s", low,
                          (double)get_f32(k, low), high, (double)get_f32(k, high), low, high);
}

/* Any limit turns the range check on; a side that is not given has no limit. */
static int derive_range(packer *k)
{
    int rc;
    if (!is_given(k, "fail_lo") && !is_given(k, "suspect_lo") && !is_given(k, "suspect_hi") &&
        !is_given(k, "fail_hi"))
        return DURA_OK;
    add_check(k, 4);
    if (!is_given(k, "fail_lo"))
        set_f32(k, "fail_lo", -FLT_MAX);
    if (!is_given(k, "fail_hi"))
        set_f32(k, "fail_hi", FLT_MAX);
    if (!is_given(k, "suspect_lo"))
        set_f32(k, "suspect_lo", get_f32(k, "fail_lo"));
    if (!is_given(k, "suspect_hi"))
        set_f32(k, "suspect_hi", get_f32(k, "fail_hi"));
    rc = order(k, "fail_lo", "fail_hi");
    if (rc == DURA_OK)
        rc = order(k, "fail_lo", "suspect_lo");
    if (rc == DURA_OK)
        rc = order(k, "suspect_lo", "suspect_hi");
    return rc == DURA_OK ? order(k, "suspect_hi", "fail_hi") : rc;
}

static int derive_rate(packer *k)
{
    float suspect = get_f32(k, "rate_suspect"), fail = get_f32(k, "rate_fail");
    if (suspect <= 0 && fail <= 0)
        return DURA_OK;
    add_check(k, 8);
    if (!is_given(k, "rate_fail"))
        set_f32(k, "rate_fail", FLT_MAX);
    return order(k, "rate_suspect", "rate_fail");
}

static int derive_flat(packer *k)
{
    uint32_t suspect = get_u32(k, "flat_suspect_ms"), fail = get_u32(k, "flat_fail_ms");
    if (suspect == 0 && fail == 0) {
        if (get_f32(k, "flat_tolerance") > 0)
            return dura_json_fail(k->doc, given(k, "flat_tolerance"), k->err, DURA_EINVAL,
                                  "does nothing without flat_fail_ms or flat_suspect_ms; give one or remove it");
        return DURA_OK;
    }
    add_check(k, 16);
    if (!is_given(k, "flat_fail_ms"))
        durai_put32(k->record + field_of(k->kind, "flat_fail_ms")->offset, UINT32_MAX);
    else if (suspect > fail)
        return dura_json_fail(k->doc, given(k, "flat_fail_ms"), k->err, DURA_EINVAL,
                              "flat_suspect_ms is %u and flat_fail_ms is %u; wants flat_suspect_ms <= flat_fail_ms",
                              (unsigned)suspect, (unsigned)fail);
    return DURA_OK;
}

static int derive_channel(packer *k)
{
    int rc = derive_range(k);
    if (rc == DURA_OK)
        rc = derive_rate(k);
    if (rc == DURA_OK)
        rc = derive_flat(k);
    if (rc == DURA_OK && durai_le16(k->record + DURAI_POLICY_CHANNEL_CHECKS_AT) == 0)
        return dura_json_fail(k->doc, k->object, k->err, DURA_EINVAL,
                              "nothing is checked on this channel; give limits or leave time and finite on");
    return rc;
}

static int check_output(packer *k)
{
    int rc = order(k, "lo", "hi");
    if (rc == DURA_OK)
        rc = order(k, "lo", "safe");
    return rc == DURA_OK ? order(k, "safe", "hi") : rc;
}

static int check_logs(packer *k)
{
    uint32_t buffer = get_u32(k, "buffer_bytes");
    uint32_t record = durai_le16(k->record + field_of(k->kind, "max_record")->offset);
    if (buffer == 0 || buffer >= record + 32)
        return DURA_OK;
    return dura_json_fail(k->doc, given(k, "buffer_bytes"), k->err, DURA_EINVAL,
                          "wants at least max_record (%u) + 32 = %u, not %u", (unsigned)record,
                          (unsigned)record + 32, (unsigned)buffer);
}

/* Samples between false alarms: as given, or from a time. In their range, which is not from 0. */
static int check_arl0(packer *k)
{
    float seconds = get_f32(k, "arl0_s"), period = get_f32(k, "period_ms");
    uint32_t at = seconds > 0.0f ? given(k, "arl0_s") : given(k, "arl0");
    if (seconds > 0.0f && is_given(k, "arl0"))
        return dura_json_fail(k->doc, given(k, "arl0"), k->err, DURA_EINVAL, "arl0_s says it in time; remove one of the two");
    if (seconds > 0.0f && !(period > 0.0f))
        return dura_json_fail(k->doc, at, k->err, DURA_EINVAL, "a time needs the frames' period; add period_ms");
    k->arl0 = seconds > 0.0f ? (double)seconds * 1000.0 / (double)period : (double)get_f32(k, "arl0");
    if (!(k->arl0 >= 100.0 && k->arl0 <= 1e9))
        return dura_json_fail(k->doc, at, k->err, DURA_EINVAL, seconds > 0.0f ? "wants 100..1e9 frames, not %.9g"
                                                                              : "wants 100..1e9, not %.9g", k->arl0);
    set_f32(k, "arl0", (float)k->arl0);
    return DURA_OK;
}

static int check_drift(packer *k)
{
    uint32_t selftest = field_of(k->kind, "selftest")->offset;
    int rc = check_arl0(k);
    if (rc < 0)
        return rc;
    k->shift = (double)get_f32(k, "shift");
    k->detector = k->record[field_of(k->kind, "detector")->offset];
    if (k->detector == DURAI_DRIFT_MIXTURE && k->shift > 0.0)
        return dura_json_fail(k->doc, given(k, "shift"), k->err, DURA_EINVAL,
                              "the mixture finds any size; remove it, or name a detector: cusum, ewma or ramp");
    if (k->detector != DURAI_DRIFT_MIXTURE && !(k->shift > 0.0))
        return dura_json_fail(k->doc, given(k, "detector"), k->err, DURA_EINVAL,
                              "a chart needs \"shift\", the size it is to find in deviations; add it");
    if (k->detector != DURAI_DRIFT_MIXTURE && durai_le16(k->record + selftest))
        return dura_json_fail(k->doc, given(k, "selftest"), k->err, DURA_EINVAL,
                              "the charts have no self-test; remove it, or take the mixture");
    return DURA_OK;
}

/* How many of a list of `drift` there are. */
static uint32_t count_of(const packer *k, const char *list)
{
    return dura_json_count(k->doc, dura_json_member(k->doc, dura_json_member(k->doc, DURA_JSON_ROOT, "drift"), list));
}

/* Limit and what else a chart needs, where the policy asks for charts. */
static int solve_reference(packer *k)
{
    dura_drift_reference r = DURA_DRIFT_REFERENCE_INIT;
    if (k->detector == DURAI_DRIFT_MIXTURE)
        return DURA_OK;
    r.n = get_u32(k, "n");
    r.deviation = get_f32(k, "deviation");
    r.resolution = get_f32(k, "resolution");
    r.phi[0] = get_f32(k, "phi1");
    r.phi[1] = get_f32(k, "phi2");
    r.phi[2] = get_f32(k, "phi3");
    r.phi[3] = get_f32(k, "phi4");
    r.clip = get_f32(k, "clip");
    r.hold = get_f32(k, "hold");
    r.low = get_f32(k, "low");
    r.high = get_f32(k, "high");
    int rc = durai_pack_chart(&r, k->detector, k->shift, k->arl0, count_of(k, "references") + count_of(k, "histograms"), k->doc,
                              k->object, k->err);
    durai_put32(k->record + DURAI_POLICY_REFERENCE_SHIFT_AT, durai_f32_bits(r.shift));
    durai_put32(k->record + DURAI_POLICY_REFERENCE_LIMIT_AT, durai_f32_bits(r.limit));
    return rc;
}

/* Where the numbers that come next begin. */
static int open_numbers(packer *k, uint32_t at)
{
    if (k->numbers.len / 4 > UINT16_MAX)
        return dura_json_fail(k->doc, k->object, k->err, DURA_ELIMIT, "histograms and mspc have more than %u numbers", UINT16_MAX);
    durai_put16(k->record + at, (uint16_t)(k->numbers.len / 4));
    return DURA_OK;
}

static int derive_histogram(packer *k)
{
    uint16_t n_bins = 0, of = durai_le16(k->record + field_of(k->kind, "of")->offset);
    uint32_t things = k->count[DURAI_POLICY_CHANNELS] + k->count[DURAI_POLICY_OUTPUTS] + k->count[DURAI_POLICY_FEATURES];
    int rc = open_numbers(k, DURAI_POLICY_HISTOGRAM_FIRST_AT);
    if (rc == DURA_OK && of >= things)
        return dura_json_fail(k->doc, given(k, "of"), k->err, DURA_EINVAL, "only channels, outputs and features have a histogram");
    if (rc == DURA_OK)
        rc = durai_pack_histogram(k->doc, k->object, get_u32(k, "n"), &k->numbers, &n_bins, k->err);
    durai_put16(k->record + DURAI_POLICY_HISTOGRAM_N_BINS_AT, n_bins);
    return rc;
}

static int derive_mspc(packer *k)
{
    uint16_t n = 0;
    uint32_t things = k->count[DURAI_POLICY_CHANNELS] + k->count[DURAI_POLICY_OUTPUTS] + k->count[DURAI_POLICY_FEATURES];
    int rc = open_numbers(k, DURAI_POLICY_MSPC_FIRST_AT);
    if (rc == DURA_OK)
        rc = durai_pack_mspc(k->doc, k->object, durai_le16(k->record + field_of(k->kind, "components")->offset),
                             get_f32(k, "newest"), things, &k->numbers, &n, k->err);
    durai_put16(k->record + DURAI_POLICY_MSPC_N_INPUTS_AT, n);
    return rc;
}

/* The feature is one the module would take: the same code says so. */
static int check_feature(packer *k)
{
    dura_feature_spec spec = DURA_FEATURE_SPEC_INIT;
    uint8_t op = k->record[field_of(k->kind, "op")->offset];
    spec.op = op;
    spec.channel = durai_le16(k->record + field_of(k->kind, "channel")->offset);
    spec.channel2 = durai_le16(k->record + field_of(k->kind, "channel2")->offset);
    spec.n = durai_le16(k->record + field_of(k->kind, "n")->offset);
    spec.offset = get_f32(k, "offset");
    spec.scale = get_f32(k, "scale");
    spec.match = get_f32(k, "match");
    int takes_n = op >= DURA_FEATURE_LAG && op <= DURA_FEATURE_MAX;
    if (takes_n && spec.n < (op == DURA_FEATURE_STD ? 2 : 1))
        return dura_json_fail(k->doc, is_given(k, "n") ? given(k, "n") : k->object, k->err, DURA_EINVAL,
                              "this op looks at earlier frames: give n, at least %d", op == DURA_FEATURE_STD ? 2 : 1);
    if (!takes_n && spec.n != 0)
        return dura_json_fail(k->doc, given(k, "n"), k->err, DURA_EINVAL, "this op looks at the present frame only");
    if ((op == DURA_FEATURE_RATIO) != (spec.channel2 != DURA_NONE))
        return dura_json_fail(k->doc, is_given(k, "channel2") ? given(k, "channel2") : k->object, k->err, DURA_EINVAL,
                              "ratio, and only ratio, has a channel2");
    if (spec.match != 0.0f && op != DURA_FEATURE_ONEHOT)
        return dura_json_fail(k->doc, given(k, "match"), k->err, DURA_EINVAL, "only onehot has match");
    if (!(spec.scale < 0.0f) && !(spec.scale > 0.0f))
        return dura_json_fail(k->doc, given(k, "scale"), k->err, DURA_EINVAL, "0 would lose the feature");
    return DURA_OK;
}

/* An end of a range that is not given is no limit. */
static void open_range(packer *k, const char *low, const char *high)
{
    if (!is_given(k, low))
        set_f32(k, low, -FLT_MAX);
    if (!is_given(k, high))
        set_f32(k, high, FLT_MAX);
}

/* rule, forbid, transition: three ranges, and a level. */
static int derive_rule(packer *k, uint8_t kind)
{
    uint8_t *level = k->record + field_of(k->kind, "level")->offset;
    int rc;
    level[0] = level[0] ? level[0] : (uint8_t)DURAI_SENSOR_CHECK_SUSPECT;
    open_range(k, "lo", "hi");
    open_range(k, "if_lo", "if_hi");
    if (kind == DURAI_SENSOR_CHECK_TRANSITION)
        open_range(k, "from_lo", "from_hi");
    rc = order(k, "lo", "hi");
    if (rc == DURA_OK)
        rc = order(k, "if_lo", "if_hi");
    return rc == DURA_OK ? order(k, "from_lo", "from_hi") : rc;
}

/* Its terms; those of the check before are shared when they are the same. */
static int derive_terms(packer *k, uint8_t kind)
{
    size_t at = k->terms.len;
    uint16_t n = 0;
    int rc = durai_pack_check_terms(k->doc, k->object, kind, &k->terms, &n, k->err);
    if (rc < 0 || n == 0 || k->terms.err)
        return rc;
    size_t size = k->terms.len - at, last = k->image.len - k->kind->bytes;
    int same = k->count[DURAI_POLICY_CHECKS] > 0 && at - k->former == size &&
               k->image.p[last + field_of(k->kind, "kind")->offset] == kind &&
               memcmp(k->terms.p + k->former, k->terms.p + at, size) == 0;
    if (same)
        k->terms.len = at;
    else
        k->former = at;
    if (k->terms.len / 4 > DURAI_POLICY_TERMS_MAX)
        return dura_json_fail(k->doc, k->object, k->err, DURA_ELIMIT,
                              "the terms of all checks take more than %u words of 4 bytes; leave out the smallest weights",
                              (unsigned)DURAI_POLICY_TERMS_MAX);
    durai_put16(k->record + DURAI_POLICY_SENSOR_CHECK_N_TERMS_AT, n);
    durai_put16(k->record + DURAI_POLICY_SENSOR_CHECK_FIRST_AT, (uint16_t)(k->former / 4));
    return DURA_OK;
}

static int derive_check(packer *k)
{
    uint8_t kind = k->record[field_of(k->kind, "kind")->offset];
    int rc = durai_pack_check_members(k->doc, k->object, kind, k->err);
    if (rc == DURA_OK && kind >= DURAI_SENSOR_CHECK_RULE && kind <= DURAI_SENSOR_CHECK_TRANSITION)
        rc = derive_rule(k, kind);
    if (rc == DURA_OK && kind != DURAI_SENSOR_CHECK_SPIKE && is_given(k, "suspect") && is_given(k, "fail") &&
        get_f32(k, "fail") > 0)
        rc = order(k, "suspect", "fail");
    if (rc == DURA_OK && kind == DURAI_SENSOR_CHECK_NOISE && get_f32(k, "hi") > 0)
        rc = order(k, "lo", "hi");
    if (rc == DURA_OK)
        rc = derive_terms(k, kind);
    if (rc == DURA_OK)
        k->count[DURAI_POLICY_CHECKS]++;
    return rc;
}

/* A window must be there for what narrows it, and longer than what has to fit. */
static int check_updates(packer *k)
{
    static const char *const narrow[] = {"window_days", "window_zone", "must_finish_min"};
    uint32_t minutes = durai_le16(k->record + field_of(k->kind, "window_minutes")->offset);
    uint32_t finish = durai_le16(k->record + field_of(k->kind, "must_finish_min")->offset);
    for (uint32_t i = 0; i < COUNT(narrow); i++)
        if (is_given(k, narrow[i]) && minutes == 0)
            return dura_json_fail(k->doc, given(k, narrow[i]), k->err, DURA_EINVAL,
                                  "does nothing without window_minutes; give that or remove it");
    if (finish && finish >= minutes && minutes < 1440)
        return dura_json_fail(k->doc, given(k, "must_finish_min"), k->err, DURA_EINVAL,
                              "wants less than window_minutes (%u), or nothing is ever switched", (unsigned)minutes);
    return DURA_OK;
}

static int check_record(packer *k)
{
    if (k->kind == &kinds[KIND_CHECKS])
        return derive_check(k);
    if (k->kind == &kinds[KIND_DRIFT])
        return check_drift(k);
    if (k->kind == &kinds[KIND_REFERENCES])
        return solve_reference(k);
    if (k->kind == &kinds[KIND_HISTOGRAMS])
        return derive_histogram(k);
    if (k->kind == &kinds[KIND_MSPC])
        return derive_mspc(k);
    if (k->kind == &kinds[KIND_UPDATES])
        return k->object == DURA_JSON_NONE ? DURA_OK : check_updates(k);
    if (k->kind == &kinds[KIND_FEATURES])
        return check_feature(k);
    if (k->kind == &kinds[KIND_CHANNELS])
        return derive_channel(k);
    if (k->kind == &kinds[KIND_OUTPUTS])
        return check_output(k);
    return k->kind == &kinds[KIND_LOGS] ? check_logs(k) : DURA_OK;
}

/* ---- sections --------------------------------------------------------------------- */

static uint8_t *entry(packer *k, uint32_t type)
{
    DURA_ASSERT(type >= 1 && type <= DURAI_POLICY_SECTIONS);
    return k->image.p + DURAI_POLICY_HEADER + (type - 1) * DURAI_POLICY_ENTRY;
}

/* Behind a section's content, which began at `at`: its entry, and zeros up to the next. */
static void close_section(packer *k, uint32_t type, uint32_t count, size_t at)
{
    uint8_t *e;
    if (k->image.err)
        return;
    e = entry(k, type);
    durai_put16(e, (uint16_t)type);
    durai_put16(e + 2, (uint16_t)count);
    durai_put32(e + 4, (uint32_t)at);
    durai_put32(e + 8, (uint32_t)(k->image.len - at));
    k->count[type] = count;
    durai_pack_align(&k->image);
}

static int put_one(packer *k, uint32_t object)
{
    int rc;
    k->object = object;
    rc = put_record(k);
    if (rc == DURA_OK)
        rc = check_record(k);
    if (rc == DURA_OK)
        durai_pack_put(&k->image, k->record, k->kind->bytes);
    return rc;
}

/* A section of one record, or of none when its member is absent. */
static int put_optional(packer *k, uint32_t parent, uint32_t type, uint32_t kind)
{
    size_t at = k->image.len;
    uint32_t object = dura_json_member(k->doc, parent, kinds[kind].json), n = object != DURA_JSON_NONE;
    int rc = DURA_OK;
    k->kind = &kinds[kind];
    if (n)
        rc = dura_json_want(k->doc, object, DURA_JSON_OBJECT, 0, UINT32_MAX, k->err);
    if (rc == DURA_OK && n)
        rc = put_one(k, object);
    if (rc == DURA_OK)
        close_section(k, type, n, at);
    return rc;
}

/* A section of one record. Absent is an object without members, but for the device. */
static int put_single(packer *k, uint32_t type, uint32_t kind)
{
    size_t at = k->image.len;
    uint32_t object = dura_json_member(k->doc, DURA_JSON_ROOT, kinds[kind].json);
    int rc;
    if (object == DURA_JSON_NONE && kind == KIND_DEVICE)
        return dura_json_fail(k->doc, DURA_JSON_ROOT, k->err, DURA_EINVAL,
                              "the member \"device\" is missing; add {\"name\": ...}");
    k->kind = &kinds[kind];
    rc = put_one(k, object);
    if (rc == DURA_OK)
        close_section(k, type, 1, at);
    return rc;
}

/* A section of min..max records. */
static int put_list(packer *k, uint32_t type, uint32_t kind, uint32_t max, const char *what)
{
    size_t at = k->image.len;
    const char *json = kinds[kind].json;
    uint32_t i, list = dura_json_member(k->doc, DURA_JSON_ROOT, json);
    int rc;
    if (list == DURA_JSON_NONE)
        return dura_json_fail(k->doc, DURA_JSON_ROOT, k->err, DURA_EINVAL, "the list \"%s\" is missing; add it", json);
    rc = dura_json_want(k->doc, list, DURA_JSON_ARRAY, 1, max, k->err);
    k->kind = &kinds[kind];
    for (i = dura_json_first(k->doc, list); rc == DURA_OK && i != DURA_JSON_NONE; i = dura_json_next(k->doc, i))
        rc = put_one(k, i);
    if (rc == DURA_OK)
        rc = durai_pack_unique(k->doc, list, what, k->err);
    if (rc == DURA_OK)
        close_section(k, type, dura_json_count(k->doc, list), at);
    return rc;
}

/* ---- the model's inputs ------------------------------------------------------------ */

static void put_input(packer *k, uint32_t channel)
{
    uint8_t le[2];
    durai_put16(le, (uint16_t)channel);
    durai_pack_put(&k->image, le, sizeof le);
}

/* "model": {"inputs": [names]}: each name is a channel, given once. */
static int put_named_inputs(packer *k, uint32_t list)
{
    uint32_t i;
    int rc = dura_json_want(k->doc, list, DURA_JSON_ARRAY, 1, DURAI_POLICY_INPUTS_MAX, k->err);
    for (i = dura_json_first(k->doc, list); rc == DURA_OK && i != DURA_JSON_NONE; i = dura_json_next(k->doc, i)) {
        const char *name = "";
        uint32_t channel;
        rc = dura_json_get_text(k->doc, i, 1, DURAI_NAME_MAX, &name, k->err);
        if (rc < 0)
            return rc;
        channel = channel_called(k, name);
        if (channel == DURA_NONE)
            return dura_json_fail(k->doc, i, k->err, DURA_EINVAL,
                                  "there is no channel \"%s\"; name one of \"channels\"", name);
        put_input(k, channel);
    }
    return rc == DURA_OK ? durai_pack_unique(k->doc, list, "input", k->err) : rc;
}

/* A list that may be absent. parent: the object it is a member of. */
static int put_free_list(packer *k, uint32_t parent, uint32_t type, uint32_t kind, uint32_t max)
{
    size_t at = k->image.len;
    uint32_t i, n = 0, list = dura_json_member(k->doc, parent, kinds[kind].json);
    int rc = DURA_OK;
    k->kind = &kinds[kind];
    if (list != DURA_JSON_NONE)
        rc = dura_json_want(k->doc, list, DURA_JSON_ARRAY, 0, max, k->err);
    for (i = dura_json_first(k->doc, list); rc == DURA_OK && i != DURA_JSON_NONE; i = dura_json_next(k->doc, i), n++)
        rc = put_one(k, i);
    if (rc == DURA_OK && kind == KIND_FEATURES && n)
        rc = durai_pack_unique(k->doc, list, "feature", k->err);
    if (rc == DURA_OK)
        close_section(k, type, n, at);
    return rc;
}

/* References, or histograms, in ascending order of what they are of, each once: that is how a
 * device finds them in one pass. `of`: where it stands in a record. */
static int sort_records(packer *k, size_t at, uint32_t n, uint32_t size, uint32_t of, const char *what)
{
    uint32_t i, j;
    uint8_t *p = k->image.p + at, one[RECORD_MAX];
    for (i = 1; i < n; i++) {
        memcpy(one, p + i * size, size);
        for (j = i; j > 0 && durai_le16(p + (j - 1) * size + of) > durai_le16(one + of); j--)
            memmove(p + j * size, p + (j - 1) * size, size);
        memcpy(p + j * size, one, size);
        if (j > 0 && durai_le16(p + (j - 1) * size + of) == durai_le16(one + of))
            return dura_json_fail(k->doc, dura_json_member(k->doc, DURA_JSON_ROOT, "drift"), k->err, DURA_EINVAL,
                                  "two %s are of the same thing; keep one", what);
    }
    return DURA_OK;
}

static int put_references(packer *k)
{
    size_t at = k->image.len;
    uint32_t drift = dura_json_member(k->doc, DURA_JSON_ROOT, "drift");
    int rc = put_free_list(k, drift, DURAI_POLICY_REFERENCES, KIND_REFERENCES, DURAI_POLICY_REFERENCES_MAX);
    if (rc < 0 || k->image.err)
        return rc;
    if (drift != DURA_JSON_NONE && k->count[DURAI_POLICY_REFERENCES] == 0)
        return dura_json_fail(k->doc, drift, k->err, DURA_EINVAL,
                              "watches nothing without \"references\"; `dura learn` makes them");
    return sort_records(k, at, k->count[DURAI_POLICY_REFERENCES], DURAI_POLICY_REFERENCE_BYTES, 0, "references");
}

/* Numbers follow their records: sorted alike. */
static void sort_numbers(packer *k, size_t at)
{
    durai_pack sorted;
    uint32_t n = k->count[DURAI_POLICY_HISTOGRAMS], i;
    memset(&sorted, 0, sizeof sorted);
    for (i = 0; i < n; i++) {
        uint8_t *p = k->image.p + at + (size_t)i * DURAI_POLICY_HISTOGRAM_BYTES;
        size_t first = 4u * (size_t)durai_le16(p + DURAI_POLICY_HISTOGRAM_FIRST_AT);
        size_t bytes = 4u * (2u * (size_t)durai_le16(p + DURAI_POLICY_HISTOGRAM_N_BINS_AT) - 1u);
        durai_put16(p + DURAI_POLICY_HISTOGRAM_FIRST_AT, (uint16_t)(sorted.len / 4));
        durai_pack_put(&sorted, k->numbers.p + first, bytes);
    }
    free(k->numbers.p);
    k->numbers = sorted;
}

/* A histogram of whitened samples needs whom to have them from. */
static int check_whitened(packer *k, size_t at)
{
    const uint8_t *r = k->image.p + durai_le32(entry(k, DURAI_POLICY_REFERENCES) + 4), *h = k->image.p + at;
    uint32_t n = k->count[DURAI_POLICY_REFERENCES], i, j;
    for (i = 0; i < k->count[DURAI_POLICY_HISTOGRAMS]; i++, h += DURAI_POLICY_HISTOGRAM_BYTES) {
        if (!h[field_of(&kinds[KIND_HISTOGRAMS], "whitened")->offset])
            continue;
        for (j = 0; j < n && durai_le16(r + j * DURAI_POLICY_REFERENCE_BYTES) != durai_le16(h + 4); j++) {}
        if (j == n)
            return dura_json_fail(k->doc, dura_json_member(k->doc, dura_json_member(k->doc, DURA_JSON_ROOT, "drift"), "histograms"),
                                  k->err, DURA_EINVAL, "whitened samples come from a reference; one of these has none");
    }
    return DURA_OK;
}

/* Histograms, mspc, and behind them their numbers. */
static int put_shapes(packer *k)
{
    size_t at = k->image.len;
    uint32_t drift = dura_json_member(k->doc, DURA_JSON_ROOT, "drift"), mspc = dura_json_member(k->doc, drift, "mspc");
    uint32_t of = field_of(&kinds[KIND_HISTOGRAMS], "of")->offset, things;
    int rc = put_free_list(k, drift, DURAI_POLICY_HISTOGRAMS, KIND_HISTOGRAMS, DURAI_POLICY_HISTOGRAMS_MAX);
    if (rc == DURA_OK && !k->image.err && !k->numbers.err)
        rc = sort_records(k, at, k->count[DURAI_POLICY_HISTOGRAMS], DURAI_POLICY_HISTOGRAM_BYTES, of, "histograms");
    if (rc < 0 || k->image.err || k->numbers.err)
        return rc;
    sort_numbers(k, at);
    rc = check_whitened(k, at);
    if (rc == DURA_OK)
        rc = put_optional(k, drift, DURAI_POLICY_MSPC, KIND_MSPC);
    if (rc < 0 || k->image.err)
        return rc;
    things = k->count[DURAI_POLICY_CHANNELS] + k->count[DURAI_POLICY_OUTPUTS] + k->count[DURAI_POLICY_FEATURES];
    const uint8_t *r = k->image.p + durai_le32(entry(k, DURAI_POLICY_REFERENCES) + 4);
    if (k->count[DURAI_POLICY_MSPC] &&
        durai_le16(r + (k->count[DURAI_POLICY_REFERENCES] - 1u) * DURAI_POLICY_REFERENCE_BYTES) < things)
        return dura_json_fail(k->doc, mspc, k->err, DURA_EINVAL,
                              "nobody looks at it; add a reference of \"" DURAI_T2_NAME "\" or \"" DURAI_SPE_NAME "\"");
    at = k->image.len;
    durai_pack_put(&k->image, k->numbers.p, k->numbers.len);
    if (k->numbers.err)
        k->image.err = k->numbers.err;
    close_section(k, DURAI_POLICY_NUMBERS, (uint32_t)(k->numbers.len / 4), at);
    return DURA_OK;
}

/* Does one of the release keys have the role that a member of `updates` names? */
static int check_extra_role(packer *k, const char *member, uint32_t role, const uint8_t *keys, uint32_t n)
{
    const record_kind *kind = &kinds[KIND_RELEASE_KEYS];
    uint32_t updates = dura_json_member(k->doc, DURA_JSON_ROOT, "updates");
    int found = role == 0 || (n == 0 && role == DURAI_RELEASE_KEY_VENDOR); /* the factory key is the vendor's */
    for (uint32_t i = 0; i < n && !found; i++)
        found = keys[i * kind->bytes + field_of(kind, "role")->offset] == role;
    return found ? DURA_OK
                 : dura_json_fail(k->doc, dura_json_member(k->doc, updates, member), k->err, DURA_EINVAL,
                                  "no release key has this role, so nothing could ever be right; add one");
}

/* The same of every role whose bit is set in a member. */
static int check_roles(packer *k, const char *member, uint32_t roles, const uint8_t *keys, uint32_t n)
{
    int rc = DURA_OK;
    for (uint32_t role = DURAI_RELEASE_KEY_VENDOR; roles >> role && rc == DURA_OK; role++)
        rc = check_extra_role(k, member, roles >> role & 1u ? role : 0, keys, n);
    return rc;
}

static int put_updates(packer *k)
{
    uint32_t list = dura_json_member(k->doc, DURA_JSON_ROOT, "release_keys"), threshold = 0, asked[6] = {0};
    static const char *const members[6] = {"incident_role", "emergency_role", "rollback_role", "substantial_role", "roles", "approve"};
    int rc = put_optional(k, DURA_JSON_ROOT, DURAI_POLICY_UPDATES, KIND_UPDATES);
    if (rc == DURA_OK && k->count[DURAI_POLICY_UPDATES])
        threshold = k->record[field_of(&kinds[KIND_UPDATES], "threshold")->offset];
    for (uint32_t i = 0; i < 6 && threshold; i++)
        asked[i] = k->record[field_of(&kinds[KIND_UPDATES], members[i])->offset];
    size_t at = k->image.len;
    if (rc == DURA_OK)
        rc = put_free_list(k, DURA_JSON_ROOT, DURAI_POLICY_RELEASE_KEYS, KIND_RELEASE_KEYS,
                           DURAI_POLICY_RELEASE_KEYS_MAX);
    uint32_t keys = k->count[DURAI_POLICY_RELEASE_KEYS];
    if (rc == DURA_OK && keys && threshold == 0)
        return dura_json_fail(k->doc, list, k->err, DURA_EINVAL, "does nothing without \"updates\"; add {} at least");
    if (rc == DURA_OK && threshold > (keys ? keys : 1))
        return dura_json_fail(k->doc, dura_json_member(k->doc, DURA_JSON_ROOT, "updates"), k->err, DURA_EINVAL,
                              "threshold is %u, but there %s %u key%s", (unsigned)threshold, keys > 1 ? "are" : "is",
                              (unsigned)(keys ? keys : 1), keys > 1 ? "s" : "");
    for (uint32_t i = 0; i < 6 && rc == DURA_OK && !k->image.err; i++)
        rc = i < 4 ? check_extra_role(k, members[i], asked[i], k->image.p + at, keys)
                   : check_roles(k, members[i], asked[i], k->image.p + at, keys);
    return rc;
}

/* The checks, and behind them their terms. */
static int put_checks(packer *k)
{
    int rc = put_free_list(k, DURA_JSON_ROOT, DURAI_POLICY_CHECKS, KIND_CHECKS, DURAI_POLICY_CHECKS_MAX);
    size_t at = k->image.len;
    if (rc < 0)
        return rc;
    durai_pack_put(&k->image, k->terms.p, k->terms.len);
    if (k->terms.err)
        k->image.err = k->terms.err;
    close_section(k, DURAI_POLICY_TERMS, (uint32_t)(k->terms.len / 4), at);
    return DURA_OK;
}

static int put_inputs(packer *k)
{
    static const char *const members[] = {"inputs", NULL};
    uint32_t model = dura_json_member(k->doc, DURA_JSON_ROOT, "model");
    uint32_t list = dura_json_member(k->doc, model, "inputs"), i;
    uint32_t features = dura_json_member(k->doc, DURA_JSON_ROOT, "features");
    size_t at = k->image.len;
    int rc = DURA_OK, all = list == DURA_JSON_NONE && dura_json_count(k->doc, features) == 0;
    if (model != DURA_JSON_NONE)
        rc = dura_json_only(k->doc, model, members, k->err);
    if (rc == DURA_OK && list != DURA_JSON_NONE && features != DURA_JSON_NONE)
        return dura_json_fail(k->doc, list, k->err, DURA_EINVAL,
                              "the features are the model's inputs, in their order; remove one of the two");
    if (rc == DURA_OK && list != DURA_JSON_NONE)
        rc = put_named_inputs(k, list);
    for (i = 0; all && i < k->count[DURAI_POLICY_CHANNELS]; i++)
        put_input(k, i);
    if (rc == DURA_OK)
        close_section(k, DURAI_POLICY_INPUTS, (uint32_t)(k->image.len - at) / 2, at);
    return rc;
}

/* ---- the whole --------------------------------------------------------------------- */

static int check_top(packer *k)
{
    static const char *const members[] = {"$schema", "dura_policy", "device", "sensor", "channels", "model",
                                          "outputs", "guard", "logs", "gate", "features", "drift",
                                          "correlate", "updates", "release_keys", "checks", NULL};
    uint32_t version = dura_json_member(k->doc, DURA_JSON_ROOT, "dura_policy");
    int64_t one;
    int rc = dura_json_only(k->doc, DURA_JSON_ROOT, members, k->err);
    if (rc == DURA_OK && version != DURA_JSON_NONE)
        rc = dura_json_get_int(k->doc, version, 1, 1, &one, k->err); /* of the JSON, not of the image */
    return rc;
}

static void put_header(packer *k)
{
    uint8_t head[DURAI_POLICY_HEADER];
    memset(head, 0, sizeof head);
    durai_put32(head, DURAI_POLICY_MAGIC);
    durai_put16(head + 4, DURAI_POLICY_VERSION);
    durai_put16(head + 6, DURAI_POLICY_SECTIONS);
    durai_pack_put(&k->image, head, sizeof head);
    durai_pack_put(&k->image, NULL, DURAI_POLICY_SECTIONS * DURAI_POLICY_ENTRY);
    durai_pack_align(&k->image);
}

static int put_sections(packer *k)
{
    int rc = put_single(k, DURAI_POLICY_DEVICE, KIND_DEVICE);
    if (rc == DURA_OK)
        rc = put_single(k, DURAI_POLICY_SENSOR, KIND_SENSOR);
    if (rc == DURA_OK)
        rc = put_list(k, DURAI_POLICY_CHANNELS, KIND_CHANNELS, DURAI_POLICY_CHANNELS_MAX, "channel");
    if (rc == DURA_OK)
        rc = put_inputs(k);
    if (rc == DURA_OK)
        rc = put_list(k, DURAI_POLICY_OUTPUTS, KIND_OUTPUTS, DURAI_POLICY_OUTPUTS_MAX, "output");
    if (rc == DURA_OK)
        rc = put_single(k, DURAI_POLICY_GUARD, KIND_GUARD);
    if (rc == DURA_OK)
        rc = put_single(k, DURAI_POLICY_LOGS, KIND_LOGS);
    if (rc == DURA_OK)
        rc = put_single(k, DURAI_POLICY_GATE, KIND_GATE);
    if (rc == DURA_OK)
        rc = put_free_list(k, DURA_JSON_ROOT, DURAI_POLICY_FEATURES, KIND_FEATURES, DURAI_POLICY_FEATURES_MAX);
    if (rc == DURA_OK)
        rc = put_optional(k, DURA_JSON_ROOT, DURAI_POLICY_DRIFT, KIND_DRIFT);
    if (rc == DURA_OK)
        rc = put_references(k);
    if (rc == DURA_OK)
        rc = put_optional(k, DURA_JSON_ROOT, DURAI_POLICY_CORRELATE, KIND_CORRELATE);
    if (rc == DURA_OK)
        rc = put_updates(k);
    if (rc == DURA_OK)
        rc = put_checks(k);
    return rc == DURA_OK ? put_shapes(k) : rc;
}

static void put_names(packer *k)
{
    size_t at = k->image.len;
    durai_pack_put(&k->image, k->names.p, k->names.len);
    if (k->names.err)
        k->image.err = k->names.err;
    close_section(k, DURAI_POLICY_NAMES,
                  2 * (k->count[DURAI_POLICY_CHANNELS] + k->count[DURAI_POLICY_OUTPUTS] +
                       k->count[DURAI_POLICY_FEATURES]), at);
    durai_pack_finish(&k->image, 8);
}

int durai_pack_policy_doc(const dura_json *doc, void **image, size_t *len, dura_error *err)
{
    packer k;
    int rc;
    memset(&k, 0, sizeof k);
    k.doc = doc;
    k.err = err;
    rc = check_top(&k);
    put_header(&k);
    if (rc == DURA_OK)
        rc = put_sections(&k);
    if (rc == DURA_OK)
        put_names(&k);
    free(k.names.p);
    free(k.terms.p);
    free(k.numbers.p);
    if (rc == DURA_OK && !k.image.err && durai_policy_check(k.image.p, k.image.len) < 0)
        rc = dura_json_fail(doc, DURA_JSON_ROOT, err, DURA_EINVAL, "the device's reader refuses the packed policy");
    if (rc == DURA_OK && !k.image.err)
        rc = durai_pack_try_checks(k.image.p, doc, err);
    if (rc < 0) {
        free(k.image.p);
        return rc;
    }
    return durai_pack_give(&k.image, image, len, err);
}
