/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Single records worth a mark on their lane, the history of model and releases, and what
 * the logs say about their own health.
 *
 * A lane has room for a few hundred marks. The survey has counted how many records speak
 * with what severity, so the pick is exact: all above a threshold, the first ones at it,
 * and every record that evidence names. The rest is counted in bins and never left unsaid.
 */
#include "dura_host_story_priv.h"

#include <stdio.h>
#include <stdlib.h>

enum { NEVER = 255 };

uint8_t durai_story_severity(const dura_record *r)
{
    uint64_t v;
    switch (r->kind) {
    case DURA_REC_FACT: v = durai_story_uint(r, 17, 0); break;
    case DURA_REC_EVENT: v = durai_story_uint(r, 20, 0); break;
    case DURA_REC_DROP: v = 6; break;
    case DURA_REC_SPACE: v = 5; break;
    case DURA_REC_RECOVER: v = durai_story_uint(r, 16, 0) == 2 ? 8 : 4; break;
    case DURA_REC_BOOT: v = 1; break;
    case DURA_REC_CLOSE:
    case DURA_REC_GENESIS:
    case DURA_REC_SEAL: v = 0; break;
    default: return NEVER;           /* decisions and incidents are drawn in their own way */
    }
    return v > 10 ? 10 : (uint8_t)v;
}

int durai_story_begin_marks(durai_story *s, dura_error *err)
{
    s->cap_marks = 2u * DURAI_STORY_MARKS + DURAI_STORY_EVIDENCE;
    s->mark = calloc(s->cap_marks, sizeof *s->mark);
    if (!s->mark)
        return dura_error_set(err, DURA_ENOSPC, NULL, 0, NULL, "out of memory");
    for (int log = 0; log < 2; log++) {
        uint64_t room = DURAI_STORY_MARKS;
        int level = 10;
        for (; level > 0 && s->severity[log][level] <= room; level--)
            room -= s->severity[log][level];
        s->threshold[log] = (uint8_t)level;
        s->room[log] = (uint32_t)room;
    }
    return DURA_OK;
}

static int is_evidence(const durai_story *s, uint64_t gseq)
{
    for (uint32_t lo = 0, hi = s->n_evidence; lo < hi;) {
        uint32_t mid = lo + (hi - lo) / 2;
        if (s->evidence[mid] == gseq)
            return 1;
        if (s->evidence[mid] < gseq)
            lo = mid + 1;
        else
            hi = mid;
    }
    return 0;
}

static int wanted(durai_story *s, int log, uint8_t severity)
{
    if (severity == NEVER || severity < s->threshold[log])
        return 0;
    if (severity > s->threshold[log])
        return 1;
    if (s->room[log] == 0)
        return 0;
    s->room[log]--;
    return 1;
}

static void count_left_out(durai_story *s, int log, uint8_t severity, double at)
{
    double span = (double)(s->end - s->begin) * 1e-6;
    uint32_t k = span > 0 && at > 0 ? (uint32_t)(at / span * (DURAI_STORY_BINS - 1)) : 0;
    k = k < DURAI_STORY_BINS ? k : DURAI_STORY_BINS - 1;
    s->bin[log][k]++;
    s->bin_worst[log][k] = severity > s->bin_worst[log][k] ? severity : s->bin_worst[log][k];
    s->left_out[log]++;
}

int durai_story_pick(durai_story *s, const dura_record *r, double at)
{
    int log = r->log == DURA_LOG_DECISION, evidence = is_evidence(s, r->gseq);
    uint8_t severity = durai_story_severity(r);
    int picked = wanted(s, log, severity) || evidence;
    if (!picked || s->n_marks == s->cap_marks) {
        if (severity != NEVER)
            count_left_out(s, log, severity, at);
        return DURA_OK;
    }
    durai_mark *m = &s->mark[s->n_marks++];
    m->t = at;
    m->gseq = r->gseq;
    m->time = r->time;
    m->kind = r->kind;
    m->log = r->log;
    m->severity = severity == NEVER ? 0 : severity;
    durai_story_label(s, r, m->label, sizeof m->label);
    m->record = durai_story_record(s, r);
    return DURA_OK;
}

/* ---- history and troubles --------------------------------------------------------------------- */

static durai_line *new_line(durai_story *s, const dura_record *r, double at, const char *kind)
{
    if (s->n_lines == DURAI_STORY_EVENTS) {
        s->lines_left_out++;
        return NULL;
    }
    durai_line *l = &s->line[s->n_lines++];
    l->t = at;
    l->gseq = r->gseq;
    l->time = r->time;
    l->kind = kind;
    durai_story_label(s, r, l->text, sizeof l->text);
    return l;
}

static void add_trouble(durai_story *s, const dura_record *r, double at)
{
    if (s->n_troubles == DURAI_STORY_TROUBLES) {
        s->troubles_left_out++;
        return;
    }
    durai_line *l = &s->trouble[s->n_troubles++];
    l->t = at;
    l->gseq = r->gseq;
    l->time = r->time;
    l->kind = r->kind == DURA_REC_DROP ? "drop" : r->kind == DURA_REC_SPACE ? "space" : "recover";
    durai_story_label(s, r, l->text, sizeof l->text);
}

static void tell_boot(durai_story *s, const dura_record *r, double at)
{
    const uint8_t *digest;
    size_t n;
    char hex[17] = "";
    durai_line *l = new_line(s, r, at, "start");
    if (dura_record_bytes(r, 16, &digest, &n) == DURA_OK && n == 32) {
        memcpy(s->boot_policy, digest, 32);
        s->have_boot_policy = 1;
    }
    if (!l || dura_record_bytes(r, 17, &digest, &n) != DURA_OK || n < 8)
        return;
    hex[durai_hex(hex, digest, 8)] = '\0';
    size_t at_text = strlen(l->text);
    (void)snprintf(l->text + at_text, sizeof l->text - at_text, ", factory model %s", hex);
}

/* The model that answers is named by every decision; a change is history. */
static void tell_model(durai_story *s, const dura_record *r, double at)
{
    const uint8_t *digest;
    size_t n;
    char hex[17];
    if (dura_record_bytes(r, 29, &digest, &n) != DURA_OK || n != 8 || (s->have_model && memcmp(digest, s->model, 8) == 0))
        return;
    durai_line *l = new_line(s, r, at, "model");
    hex[durai_hex(hex, digest, 8)] = '\0';
    if (l)
        (void)snprintf(l->text, sizeof l->text, "model %s %s from frame %llu on", hex, s->have_model ? "answers" : "begins, and answers",
                       (unsigned long long)durai_story_uint(r, 16, 0));
    memcpy(s->model, digest, 8);
    s->have_model = 1;
}

void durai_story_heartbeat(durai_story *s, const dura_record *r)
{
    s->monitor.heartbeats++;
    s->monitor.last = r->time;
    s->monitor.last_gseq = r->gseq;
}

/* Nobody recorded that the heartbeat is missing; whoever counts decisions finds it. */
void durai_story_silence(durai_story *s, const dura_record *r, double at)
{
    dura_fact f;
    while (dura_watch_fact(s->watch, &f) == 1) {
        if (f.kind != DURA_FACT_MONITOR || f.value[0] != DURA_MONITOR_SILENT)
            continue;
        s->monitor.silences++;
        durai_line *l = new_line(s, r, at, "monitor");
        if (l)
            (void)snprintf(l->text, sizeof l->text, "the drift monitor is silent: the log has no heartbeat in %lld decisions, "
                           "one in %lld is owed", (long long)f.value[1], (long long)f.value[2]);
    }
}

static void tell_fact(durai_story *s, const dura_record *r, double at)
{
    int64_t v[4];
    uint64_t kind = durai_story_uint(r, 16, 0);
    durai_story_values(r, v);
    switch (kind) {
    case DURA_FACT_RELEASE:
        s->gate_state = (uint8_t)v[1];
        s->gate_component = (uint8_t)durai_story_uint(r, 23, 0);
        s->gate_why = (uint64_t)v[3];
        (void)new_line(s, r, at, "release");
        break;
    case DURA_FACT_MODE: (void)new_line(s, r, at, "mode"); break;
    case DURA_FACT_OVERRIDE: (void)new_line(s, r, at, "override"); break;
    case DURA_FACT_GATE:
        if (v[0] != 0)
            (void)new_line(s, r, at, "gate");
        break;
    case DURA_FACT_DRIFT: (void)durai_story_drift_fact(s, r, at); break;
    case DURA_FACT_MONITOR:
        s->monitor.failures += v[0] <= DURA_MONITOR_SILENT;
        (void)new_line(s, r, at, "monitor");
        break;
    case DURA_FACT_ALIVE: durai_story_heartbeat(s, r); break;
    default: break;
    }
}

/* A word of a person comes as an event: a label, or what was done about an incident. */
static void tell_event(durai_story *s, const dura_record *r, double at)
{
    char category[16], type[16], id[32], actor[DURA_ACTOR_MAX + 1], detail[128];
    (void)durai_story_text(r, 16, category, sizeof category);
    int label = strcmp(category, "label") == 0, incident = strcmp(category, "incident") == 0;
    if (!label && !incident)
        return;
    if (incident)
        durai_story_dealt(s, r);
    if (label && s->n_labels++ >= DURAI_STORY_LABELS) {
        s->lines_left_out++;
        return;
    }
    durai_line *l = new_line(s, r, at, label ? "label" : "operator");
    if (!l)
        return;
    (void)durai_story_text(r, 17, type, sizeof type);
    (void)durai_story_text(r, 18, id, sizeof id);
    (void)durai_story_text(r, 21, actor, sizeof actor);
    (void)durai_story_text(r, 25, detail, sizeof detail);
    (void)snprintf(l->text, sizeof l->text, "%s %s%s%s%s%s: %s", label ? "frame" : "incident", id, label ? "" : " ",
                   label ? "" : type, actor[0] ? " by " : "", actor, detail);
}

void durai_story_tell(durai_story *s, const dura_record *r, double at)
{
    switch (r->kind) {
    case DURA_REC_BOOT: tell_boot(s, r, at); break;
    case DURA_REC_DECISION: tell_model(s, r, at); break;
    case DURA_REC_FACT: tell_fact(s, r, at); break;
    case DURA_REC_RETRAIN:
        s->monitor.requests++;
        (void)new_line(s, r, at, "retrain");
        break;
    case DURA_REC_EVENT: tell_event(s, r, at); break;
    case DURA_REC_DROP:
    case DURA_REC_SPACE:
    case DURA_REC_RECOVER: add_trouble(s, r, at); break;
    case DURA_REC_SEAL: {
        durai_line *l = &s->seal[r->log == DURA_LOG_DECISION];
        l->t = at;
        l->gseq = r->gseq;
        l->time = r->time;
        l->kind = "seal";
        durai_story_label(s, r, l->text, sizeof l->text);
        break;
    }
    default: break;
    }
}

/* ---- writing -------------------------------------------------------------------------------------- */

static void write_place(durai_out *o, double t, uint64_t gseq, const dura_time *at)
{
    durai_out_num(o, "t", t, 12);
    durai_out_iso(o, "iso", at->quality > DURA_CLOCK_NONE, at->wall_ns);
    durai_out_uint(o, "gseq", gseq);
}

static void write_mark(const durai_story *s, durai_out *o, const durai_mark *m)
{
    durai_out_open(o, NULL, '{');
    write_place(o, m->t, m->gseq, &m->time);
    durai_out_name(o, "log", DURA_NAME_LOG, m->log);
    durai_out_name(o, "kind", DURA_NAME_KIND, m->kind);
    durai_out_uint(o, "severity", m->severity);
    durai_out_text(o, "label", m->label);
    durai_out_name(o, "clock", DURA_NAME_CLOCK, m->time.quality);
    if (m->time.quality > DURA_CLOCK_NONE && m->time.wall_err_us != UINT32_MAX)
        durai_out_uint(o, "err_us", m->time.wall_err_us);
    durai_out_bool(o, "evidence", is_evidence(s, m->gseq));
    if (m->record)
        durai_out_json(o, "record", m->record, strlen(m->record));
    else
        durai_out_null(o, "record");
    durai_out_close(o, '}');
}

static void write_bins(const durai_story *s, durai_out *o, int log, const char *key)
{
    durai_out_open(o, key, '{');
    durai_out_uint(o, "records", s->left_out[log]);
    durai_out_open(o, "n", '[');
    for (uint32_t i = 0; s->left_out[log] && i < DURAI_STORY_BINS; i++)
        durai_out_uint(o, NULL, s->bin[log][i]);
    durai_out_close(o, ']');
    durai_out_open(o, "severity", '[');
    for (uint32_t i = 0; s->left_out[log] && i < DURAI_STORY_BINS; i++)
        durai_out_uint(o, NULL, s->bin_worst[log][i]);
    durai_out_close(o, ']');
    durai_out_close(o, '}');
}

void durai_story_write_marks(const durai_story *s, durai_out *o)
{
    durai_out_open(o, "marks", '[');
    for (uint32_t i = 0; i < s->n_marks; i++)
        write_mark(s, o, &s->mark[i]);
    durai_out_close(o, ']');
    durai_out_open(o, "unmarked", '{');
    write_bins(s, o, 0, "security");
    write_bins(s, o, 1, "decision");
    durai_out_close(o, '}');
}

static void write_line(durai_out *o, const char *key, const durai_line *l)
{
    durai_out_open(o, key, '{');
    write_place(o, l->t, l->gseq, &l->time);
    durai_out_text(o, "kind", l->kind);
    durai_out_text(o, "text", l->text);
    durai_out_close(o, '}');
}

void durai_story_write_history(const durai_story *s, durai_out *o)
{
    durai_out_open(o, "history", '[');
    for (uint32_t i = 0; i < s->n_lines; i++)
        write_line(o, NULL, &s->line[i]);
    durai_out_close(o, ']');
    durai_out_uint(o, "history_left_out", s->lines_left_out);
    durai_out_uint(o, "labels", s->n_labels);
    durai_out_open(o, "gate", '{');
    durai_out_name(o, "state", DURA_NAME_GATE, s->gate_state);
    durai_out_bits(o, "why", DURA_NAME_WHY, s->gate_why);
    durai_out_close(o, '}');
}

void durai_story_write_health(const durai_story *s, durai_out *o)
{
    const dura_verify_report *v = &s->verify;
    durai_out_open(o, "health", '{');
    durai_out_open(o, "records", '{');
    durai_out_uint(o, "security", s->records[0]);
    durai_out_uint(o, "decision", s->records[1]);
    durai_out_close(o, '}');
    durai_out_uint(o, "bytes", v->bytes);
    durai_out_uint(o, "epochs", v->epochs);
    durai_out_uint(o, "seals", v->seals);
    durai_out_uint(o, "sealed", v->sealed);
    durai_out_uint(o, "dropped", v->dropped);
    durai_out_uint(o, "recoveries", v->recoveries);
    durai_out_uint(o, "torn_bytes", v->torn_bytes);
    durai_out_uint(o, "boots", v->boots);
    for (int i = 0; i < 2; i++) {
        const char *key = i ? "last_seal_decision" : "last_seal_security";
        if (s->seal[i].kind)
            write_line(o, key, &s->seal[i]);
        else
            durai_out_null(o, key);
    }
    durai_out_open(o, "troubles", '[');
    for (uint32_t i = 0; i < s->n_troubles; i++)
        write_line(o, NULL, &s->trouble[i]);
    durai_out_close(o, ']');
    durai_out_uint(o, "troubles_left_out", s->troubles_left_out);
    durai_out_close(o, '}');
}
