/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Suricata's EVE JSON: alerts, writes to controllers, and the sign of life in `stats`.
 *
 * An alert's class comes from its category (the texts of classification.config), and where
 * that says nothing from the signature's own first words; its severity 1 (high) to 4 onto
 * 0..10. Of the protocol records only writes of Modbus and DNP3 matter: they change what a
 * controller does. Flows, names and reads are what a network is made of, and are counted.
 */
#include "dura_host_events_priv.h"

#include "../base/dura_base_priv.h"

enum { SEVERITY_WRITE = 4, SEVERITY_RESTART = 5, SEVERITY_ANOMALY = 2 };

/* First match wins, so the special stands before the general. Lower case. */
typedef struct phrase {
    const char *text, *category;
} phrase;

static const phrase by_category[] = {
    {"not suspicious", "other"},       {"denial of service", "dos"},        {"network scan", "recon"},
    {"information leak", "recon"},     {"exploit kit", "exploit"},          {"trojan", "malware"},
    {"malware", "malware"},            {"command and control", "malware"},  {"domain observed", "malware"},
    {"crypto currency", "malware"},    {"privilege gain", "exploit"},       {"executable code", "exploit"},
    {"web application", "exploit"},    {"misc attack", "exploit"},          {"targeted malicious", "exploit"},
    {"credential theft", "exploit"},   {"default username", "exploit"},     {"social engineering", "exploit"},
    {"suspicious", "exploit"},         {"rpc query", "recon"},
};
static const phrase by_signature[] = {
    {"et scan", "recon"},       {"gpl scan", "recon"},   {"nmap", "recon"},          {"port scan", "recon"},
    {"et exploit", "exploit"},  {"gpl exploit", "exploit"}, {"cve-", "exploit"},     {"et malware", "malware"},
    {"et trojan", "malware"},   {"et dos", "dos"},       {"et attack", "exploit"},   {"spoof", "exploit"},
};

static char lower(char c) { return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c; }

static int holds(const char *text, const char *phrase_text)
{
    for (; *text; text++) {
        size_t n = 0;
        while (phrase_text[n] && lower(text[n]) == phrase_text[n])
            n++;
        if (!phrase_text[n])
            return 1;
    }
    return 0;
}

static const char *match(const phrase *list, size_t n, const char *text)
{
    for (size_t i = 0; text && i < n; i++)
        if (holds(text, list[i].text))
            return list[i].category;
    return NULL;
}

static const char *category_of(const char *category, const char *signature)
{
    const char *found = match(by_category, sizeof by_category / sizeof *by_category, category);
    if (!found)
        found = match(by_signature, sizeof by_signature / sizeof *by_signature, signature);
    return found ? found : "other";
}

static uint8_t severity_of(int64_t suricata)
{
    static const uint8_t table[5] = {1, 8, 5, 3, 2};
    DURA_ASSERT(suricata >= 0);
    return suricata < 5 ? table[suricata] : 1;
}

/* gid:signature:revision, as rules are named everywhere. */
static int take_rule(dura_events *e, const dura_json *doc, uint32_t alert, dura_error *err)
{
    static const char *const names[3] = {"gid", "signature_id", "rev"};
    int64_t n[3];
    char id[80];
    for (int i = 0; i < 3; i++) {
        int rc = durai_events_int(e, doc, alert, names[i], 0, UINT32_MAX, i == 0, &n[i], err);
        if (rc < 0)
            return rc;
    }
    snprintf(id, sizeof id, "%lld:%lld:%lld", (long long)n[0], (long long)n[1], (long long)n[2]);
    durai_events_put(e, DURAI_TEXT_ID, id);
    return 0;
}

static int take_alert(dura_events *e, const dura_json *doc, dura_error *err)
{
    const char *signature, *category, *action;
    int64_t severity;
    uint32_t alert = dura_json_member(doc, DURA_JSON_ROOT, "alert");
    if (dura_json_type(doc, alert) != DURA_JSON_OBJECT)
        return durai_events_error(e, err, DURA_ESYNTAX, "alert", "an alert has no object of this name");
    int rc = durai_events_text(e, doc, alert, "signature", &signature, err);
    if (rc == 0)
        rc = durai_events_text(e, doc, alert, "category", &category, err);
    if (rc == 0)
        rc = durai_events_text(e, doc, alert, "action", &action, err);
    if (rc == 0)
        rc = durai_events_int(e, doc, alert, "severity", 0, 255, 3, &severity, err);
    if (rc == 0)
        rc = take_rule(e, doc, alert, err);
    if (rc < 0)
        return rc;
    durai_events_put(e, DURAI_TEXT_CATEGORY, category_of(category, signature));
    durai_events_put(e, DURAI_TEXT_TYPE, "alert");
    durai_events_put(e, DURAI_TEXT_DETAIL, signature ? signature : category ? category : "");
    if (action)
        durai_events_put(e, DURAI_TEXT_RESULT, strcmp(action, "blocked") == 0 ? "failed: blocked" : action);
    e->event.severity = severity_of(severity);
    return 1;
}

/* ---- controllers ---------------------------------------------------------------------- */

static int say_write(dura_events *e, const char *type, uint8_t severity, const char *detail)
{
    durai_events_put(e, DURAI_TEXT_CATEGORY, "config");
    durai_events_put(e, DURAI_TEXT_TYPE, type);
    durai_events_put(e, DURAI_TEXT_DETAIL, detail);
    e->event.severity = severity;
    return 1;
}

/* Function codes that write: coils, registers, files, masks. */
static int modbus_writes(int64_t function)
{
    return function == 5 || function == 6 || function == 15 || function == 16 || function == 21 ||
           function == 22 || function == 23;
}

static int take_modbus(dura_events *e, const dura_json *doc, dura_error *err)
{
    const char *access, *name;
    int64_t function;
    char detail[96];
    uint32_t request = dura_json_member(doc, dura_json_member(doc, DURA_JSON_ROOT, "modbus"), "request");
    int rc = durai_events_text(e, doc, request, "access_type", &access, err);
    if (rc == 0)
        rc = durai_events_text(e, doc, request, "function_code", &name, err);
    if (rc == 0)
        rc = durai_events_int(e, doc, request, "function_raw", 0, 255, 0, &function, err);
    if (rc < 0)
        return rc;
    if (!modbus_writes(function) && !(access && holds(access, "write")))
        return 0;
    snprintf(detail, sizeof detail, "modbus function %d %.60s", (int)function, name ? name : "");
    return say_write(e, "param_write", SEVERITY_WRITE, detail);
}

static int take_dnp3(dura_events *e, const dura_json *doc, dura_error *err)
{
    int64_t function;
    char detail[48];
    uint32_t body = dura_json_member(doc, DURA_JSON_ROOT, "dnp3");
    uint32_t request = dura_json_member(doc, body, "request");
    uint32_t from = request != DURA_JSON_NONE ? request : body;
    uint32_t application = dura_json_member(doc, from, "application");
    int rc = durai_events_int(e, doc, application, "function_code", 0, 255, 0, &function, err);
    if (rc < 0)
        return rc;
    snprintf(detail, sizeof detail, "dnp3 function %d", (int)function);
    if (function == 13 || function == 14)
        return say_write(e, "restart", SEVERITY_RESTART, detail);
    if (function >= 2 && function <= 6) /* write, select, operate, direct operate */
        return say_write(e, "param_write", SEVERITY_WRITE, detail);
    return 0;
}

/* ---- the rest --------------------------------------------------------------------------- */

static int take_anomaly(dura_events *e, const dura_json *doc, dura_error *err)
{
    const char *what;
    uint32_t anomaly = dura_json_member(doc, DURA_JSON_ROOT, "anomaly");
    int rc = durai_events_text(e, doc, anomaly, "event", &what, err);
    if (rc < 0)
        return rc;
    durai_events_put(e, DURAI_TEXT_CATEGORY, "other");
    durai_events_put(e, DURAI_TEXT_TYPE, "anomaly");
    durai_events_put(e, DURAI_TEXT_DETAIL, what ? what : "");
    e->event.severity = SEVERITY_ANOMALY;
    return 1;
}

static int take_stats(dura_events *e)
{
    durai_events_put(e, DURAI_TEXT_CATEGORY, "heartbeat");
    durai_events_put(e, DURAI_TEXT_TYPE, "stats");
    return 1;
}

static int take_kind(dura_events *e, const dura_json *doc, const char *kind, dura_error *err)
{
    if (strcmp(kind, "alert") == 0)
        return take_alert(e, doc, err);
    if (strcmp(kind, "modbus") == 0)
        return take_modbus(e, doc, err);
    if (strcmp(kind, "dnp3") == 0)
        return take_dnp3(e, doc, err);
    if (strcmp(kind, "anomaly") == 0)
        return take_anomaly(e, doc, err);
    return strcmp(kind, "stats") == 0 ? take_stats(e) : 0;
}

/* Suricata gives a MAC as a text, or as a list of those seen: the first counts. */
static const char *mac_of(const dura_json *doc, uint32_t ether, const char *one, const char *many)
{
    const char *text = NULL;
    uint32_t v = dura_json_member(doc, ether, one);
    if (v == DURA_JSON_NONE)
        v = dura_json_first(doc, dura_json_member(doc, ether, many));
    return dura_json_get_text(doc, v, 1, 32, &text, NULL) == DURA_OK ? text : NULL;
}

int durai_events_eve(dura_events *e, const dura_json *doc, dura_error *err)
{
    const char *kind, *time, *src, *dst;
    int rc = durai_events_text(e, doc, DURA_JSON_ROOT, "event_type", &kind, err);
    if (rc == 0)
        rc = durai_events_text(e, doc, DURA_JSON_ROOT, "timestamp", &time, err);
    if (rc == 0)
        rc = durai_events_text(e, doc, DURA_JSON_ROOT, "src_ip", &src, err);
    if (rc == 0)
        rc = durai_events_text(e, doc, DURA_JSON_ROOT, "dest_ip", &dst, err);
    if (rc < 0)
        return rc;
    if (!kind)
        return durai_events_error(e, err, DURA_ESYNTAX, "event_type", "is required");
    if (!time)
        return durai_events_error(e, err, DURA_ETIME, "timestamp", "the event has no time");
    rc = durai_events_time(e, "timestamp", time, err);
    if (rc == 0)
        rc = take_kind(e, doc, kind, err);
    if (rc != 1)
        return rc;
    uint32_t ether = dura_json_member(doc, DURA_JSON_ROOT, "ether");
    durai_events_locate(e, dst, src, mac_of(doc, ether, "dest_mac", "dest_macs"),
                        mac_of(doc, ether, "src_mac", "src_macs"));
    if (src)
        durai_events_put(e, DURAI_TEXT_PEER, src);
    return 1;
}
