/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `dura bundle --cra-24h | --cra-72h | --final RUN`: what the logs can say for a report under
 * Article 14 of the Cyber Resilience Act, and by name what they cannot. Nothing is guessed, an
 * unknown is said as unknown. The folder is verified first; after that decisions, most of a
 * log by far, are only glanced at for what drove, and other records are decoded.
 */
#include "dura_dossier.h"

#include <dura/guard.h>
#include <dura/host/keys.h>

#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { EARLY = 1, NOTICE = 2, FINAL = 3, NAMED = 64 };

static const char *run, *out, *register_path, *state, *checkpoint, *incident_text;
static int early, notice, final_report, as_json;

static const cli_option options[] = {
    {"--cra-24h", NULL, NULL, NULL, &early, "the early warning: is ill will suspected?"},
    {"--cra-72h", NULL, NULL, NULL, &notice, "the notification: nature, first assessment, measures"},
    {"--final", NULL, NULL, NULL, &final_report, "the final report: severity, impact, cause, measures"},
    {"--incident", NULL, "BOOT/ID", &incident_text, NULL, "which one (default: the worst: attack, unknown, fault, drift, change; then the last)"},
    {"--register", NULL, "FILE", &register_path, NULL, "register.json: product and intended use"},
    {"--state", NULL, "DIR", &state, NULL, "state folder that may know the device (default: your own)"},
    {"--checkpoint", NULL, "FILE", &checkpoint, NULL, "a checkpoint kept elsewhere, as for verify"},
    {"--out", "-o", "FILE", &out, NULL, "the facts as JSON, too; nothing is overwritten"},
    {"--json", NULL, NULL, NULL, &as_json, "JSON on standard output instead of text"},
    {NULL, NULL, NULL, NULL, NULL, NULL},
};
static const cli_command self = {
    "bundle", "--cra-24h | --cra-72h | --final RUN [--incident BOOT/ID] [-o FILE]",
    "The facts for a report about an incident, each with the records it stands on, as one text to copy\n"
    "from or as JSON. What no record says is printed as UNKNOWN, with who may know. It sends nothing,\n"
    "and decides nothing: whether something must be reported is for people.\n",
    options, &run, 1, 1,
};

/* ---- what is collected ------------------------------------------------------------------- */

typedef struct moment {
    uint64_t gseq;
    dura_time time;
    char json[1200];
} moment;

typedef struct bundle {
    int stage;
    dura_verify_report verify;
    dura_policy_info policy;
    dura_record_names names;
    char *policy_image;
    const char **name;
    dura_json *reg;
    dura_incident *all;          /* last state of each */
    dura_time *known;            /* when it was first recorded */
    uint64_t (*gseq)[2];         /* first and last record */
    uint32_t n, cap, chosen;
    uint64_t action[4], decisions, events, releases, overrides, labels, lost;
    dura_time begin, end, booted;
    moment boot, override, release;
    moment named[NAMED];         /* records that the evidence names */
    uint32_t n_named;
    uint32_t segments[2];
    uint64_t evidence_first;
    const uint8_t *tail;         /* the last decision of the segment at hand */
    uint32_t tail_n;
} bundle;

static int rank(const dura_incident *i)
{
    static const uint8_t order[] = {DURA_CAUSE_ATTACK, DURA_CAUSE_UNKNOWN, DURA_CAUSE_FAULT, DURA_CAUSE_DRIFT, DURA_CAUSE_CHANGE};
    for (int k = 0; k < 5; k++)
        if (i->cause == order[k])
            return 5 - k;
    return 0;
}

static int grow(bundle *b)
{
    uint32_t cap = b->cap ? 2 * b->cap : 32;
    dura_incident *all = realloc(b->all, cap * sizeof *all);
    b->all = all ? all : b->all;
    dura_time *known = realloc(b->known, cap * sizeof *known);
    b->known = known ? known : b->known;
    uint64_t (*gseq)[2] = realloc(b->gseq, cap * sizeof *gseq);
    b->gseq = gseq ? gseq : b->gseq;
    b->cap = all && known && gseq ? cap : b->cap;
    return all && known && gseq ? DURA_OK : DURA_ENOSPC;
}

static int on_incident(bundle *b, const dura_record *r)
{
    dura_incident i;
    uint32_t k = b->n;
    i.struct_size = sizeof i;
    if (dura_incident_decode(r, &i) != DURA_OK)
        return DURA_OK;
    while (k > 0 && (b->all[k - 1].id != i.id || b->all[k - 1].begin.boot != i.begin.boot))
        k--;
    if (k == 0) {
        if (b->n == b->cap && grow(b) != DURA_OK)
            return DURA_ENOSPC;
        k = ++b->n;
        b->known[k - 1] = r->time;
        b->gseq[k - 1][0] = r->gseq;
    }
    b->all[k - 1] = i;
    b->gseq[k - 1][1] = r->gseq;
    return DURA_OK;
}

static void keep(const bundle *b, moment *m, const dura_record *r)
{
    size_t n = sizeof m->json;
    m->gseq = r->gseq;
    m->time = r->time;
    if (dura_record_json(r, &b->names, m->json, &n) != DURA_OK)
        m->json[0] = '\0';                  /* longer than a report wants; `dura show` has it */
}

static void count_action(bundle *b, uint64_t action)
{
    static const uint8_t words[] = {DURA_ACT, DURA_HOLD, DURA_FALLBACK, DURA_STOP};
    b->decisions++;
    for (int k = 0; k < 4; k++)
        b->action[k] += action == words[k];
}

static void count(bundle *b, const dura_record *r)
{
    uint64_t action = 0;
    (void)!dura_record_uint(r, 18, &action);
    count_action(b, action);
}

static void on_fact(bundle *b, const dura_record *r)
{
    uint64_t kind = 0;
    (void)!dura_record_uint(r, 16, &kind);
    if (kind == DURA_FACT_RELEASE && ++b->releases)
        keep(b, &b->release, r);
    if (kind == DURA_FACT_OVERRIDE && ++b->overrides)
        keep(b, &b->override, r);
}

static int on_record(bundle *b, const dura_record *r)
{
    uint64_t n = 0;
    if (r->time.quality && (!b->begin.quality || r->time.wall_ns < b->begin.wall_ns))
        b->begin = r->time;
    if (r->time.quality && (!b->end.quality || r->time.wall_ns > b->end.wall_ns))
        b->end = r->time;
    if (r->kind == DURA_REC_DECISION)
        count(b, r);
    else if (r->kind == DURA_REC_INCIDENT)
        return on_incident(b, r);
    else if (r->kind == DURA_REC_FACT)
        on_fact(b, r);
    else if (r->kind == DURA_REC_EVENT)
        b->events++;
    else if (r->kind == DURA_REC_BOOT)
        keep(b, &b->boot, r);
    else if (r->kind == DURA_REC_DROP && dura_record_uint(r, 17, &n) == DURA_OK)
        b->lost += n;
    return DURA_OK;
}

/* ---- reading ------------------------------------------------------------------------------- */

typedef struct segment {
    uint8_t *p;
    size_t n, cap;
} segment;

static uint32_t le32(const uint8_t *p) { return p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24; }

/* A segment's bytes; 0: there is none. */
static int load(segment *s, int log, uint32_t index)
{
    char name[40];
    struct stat st;
    snprintf(name, sizeof name, "%s.log/%08u.seg", log ? "decision" : "security", (unsigned)index);
    char *path = cli_join(run, name);
    int fd = path ? open(path, O_RDONLY | O_CLOEXEC) : -1, good = 0;
    free(path);
    s->n = 0;
    if (fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode)) {
        uint8_t *more = (size_t)st.st_size > s->cap ? realloc(s->p, (size_t)st.st_size) : s->p;
        s->cap = more && (size_t)st.st_size > s->cap ? (size_t)st.st_size : s->cap;
        s->p = more ? more : s->p;
        ssize_t got = 1;
        while (s->n < (size_t)st.st_size && s->cap >= (size_t)st.st_size && (got = read(fd, s->p + s->n, (size_t)st.st_size - s->n)) > 0)
            s->n += (size_t)got;
        good = 1;
    }
    if (fd >= 0)
        close(fd);
    return good;
}

/* Where the frames of a segment end: the next one's header says how much of it counts. */
static size_t end_of(int log, uint32_t index, size_t n)
{
    char name[40];
    uint8_t h[48];
    snprintf(name, sizeof name, "%s.log/%08u.seg", log ? "decision" : "security", (unsigned)index + 1);
    char *path = cli_join(run, name);
    FILE *f = path ? fopen(path, "rb") : NULL;
    size_t got = f ? fread(h, 1, sizeof h, f) : 0;
    if (f)
        fclose(f);
    free(path);
    if (got < sizeof h || memcmp(h, "DSG1", 4) != 0)
        return n;
    uint64_t end = le32(h + 40) | (uint64_t)le32(h + 44) << 32;
    return end < n ? (size_t)end : n;
}

/* Kind and action of a decision, without decoding it: 1; 0: another kind, or not so simple. */
static int glance(const uint8_t *p, const uint8_t *end, uint64_t *action)
{
    uint64_t kind = 0;
    if (end - p < 4 || *p >> 5 != 5)
        return 0;
    p += (*p & 31) == 24 ? 2 : 1;
    while (p + 2 < end && *p <= 18) {
        unsigned key = *p++, info = *p & 31u, n = info < 24 ? 0 : info <= 27 ? 1u << (info - 24) : 9u;
        if (*p > 0x3B || n > 8 || (size_t)(end - p) <= n)
            return 0;                       /* not a whole number */
        uint64_t v = n ? 0 : info;
        for (unsigned i = 1; i <= n; i++)
            v = v << 8 | p[i];
        p += 1 + n;
        if (key == 11 && (kind = v) != DURA_REC_DECISION)
            return 0;
        if (key == 18) {
            *action = v;
            return kind == DURA_REC_DECISION;
        }
    }
    return 0;
}

typedef int (*on_frame)(bundle *b, const uint8_t *p, uint32_t n);

static int scan_segment(bundle *b, segment *s, int log, uint32_t index, on_frame each)
{
    if (s->n < 72 || memcmp(s->p, "DSG1", 4) != 0)
        return DURA_OK;
    uint32_t align = le32(s->p + 64), head = 72u + 32u * s->p[7];
    size_t end = end_of(log, index, s->n);
    if (align < 8 || align > 4096 || (align & (align - 1)))
        return DURA_OK;                     /* verify has said so */
    for (size_t at = (head + align - 1) & ~(size_t)(align - 1); at + 16 <= end && memcmp(s->p + at, "DLR1", 4) == 0;) {
        uint32_t n = s->p[at + 4] | (uint32_t)s->p[at + 5] << 8;
        if (n == 0 || n > end - at - 16)
            return DURA_OK;
        int rc = each(b, s->p + at + 16, n);
        if (rc != DURA_OK)
            return rc;
        at += (16 + (size_t)n + align - 1) & ~(size_t)(align - 1);
    }
    return DURA_OK;
}

static int first_look(bundle *b, const uint8_t *p, uint32_t n)
{
    uint64_t action;
    dura_record r;
    if (b->tail_n && glance(p, p + n, &action)) {
        count_action(b, action);
        b->tail = p;
        b->tail_n = n;
        return DURA_OK;
    }
    r.struct_size = sizeof r;
    if (dura_record_decode(p, n, &r) != DURA_OK)
        return DURA_OK;
    if (r.kind == DURA_REC_DECISION) {      /* the first of a segment */
        b->tail = p;
        b->tail_n = n;
    }
    return on_record(b, &r);
}

static int scan_log(bundle *b, segment *s, int log, on_frame each)
{
    int rc = DURA_OK;
    for (uint32_t i = 0; rc == DURA_OK && load(s, log, i); i++) {
        dura_record r;
        b->segments[log] = i + 1;
        r.struct_size = sizeof r;
        b->tail_n = 0;
        rc = scan_segment(b, s, log, i, each);
        if (b->tail_n && dura_record_decode(b->tail, b->tail_n, &r) == DURA_OK && r.time.quality &&
            (!b->end.quality || r.time.wall_ns > b->end.wall_ns))
            b->end = r.time;                /* of the last decision in it */
    }
    return rc;
}

static int read_all(bundle *b, dura_error *err)
{
    segment s = {NULL, 0, 0};
    int rc = scan_log(b, &s, 0, first_look);
    if (rc == DURA_OK)
        rc = scan_log(b, &s, 1, first_look);
    free(s.p);
    return rc == DURA_OK ? DURA_OK : dura_error_set(err, rc, NULL, 0, NULL, "out of memory");
}

/* ---- the one it is about ------------------------------------------------------------------- */

static int choose(bundle *b, dura_error *err)
{
    unsigned boot = 0, id = 0;
    if (incident_text && sscanf(incident_text, "%u/%u", &boot, &id) != 2)
        return dura_error_set(err, DURA_EINVAL, NULL, 0, "--incident", "%.40s: want BOOT/ID, as `dura correlate` prints", incident_text);
    b->chosen = UINT32_MAX;
    for (uint32_t k = 0; k < b->n; k++) {
        const dura_incident *i = &b->all[k];
        if (incident_text ? i->begin.boot == boot && i->id == id
                          : b->chosen == UINT32_MAX || rank(i) >= rank(&b->all[b->chosen]))
            b->chosen = k;
    }
    if (incident_text && b->chosen == UINT32_MAX)
        return dura_error_set(err, DURA_ENOENT, run, 0, "--incident", "%.40s is not in these records", incident_text);
    return DURA_OK;
}

static int wanted(const dura_incident *i, uint64_t gseq)
{
    for (uint32_t e = 0; e < i->n_evidence; e++)
        if (i->evidence[e].gseq == gseq)
            return 1;
    return 0;
}

static int second_look(bundle *b, const uint8_t *p, uint32_t n)
{
    dura_record r;
    r.struct_size = sizeof r;
    if (b->n_named < NAMED && dura_record_decode(p, n, &r) == DURA_OK && wanted(&b->all[b->chosen], r.gseq))
        keep(b, &b->named[b->n_named++], &r);
    return DURA_OK;
}

static int by_gseq(const void *a, const void *b)
{
    const uint64_t x = ((const moment *)a)->gseq, y = ((const moment *)b)->gseq;
    return x < y ? -1 : x > y;
}

/* Header field: everything below this number is in earlier segments, or in the other log. */
static uint64_t begins_at(segment *s, int log, uint32_t index)
{
    return load(s, log, index) && s->n >= 32 ? le32(s->p + 24) | (uint64_t)le32(s->p + 28) << 32 : UINT64_MAX;
}

/* The records that its evidence names, out of the few segments that may hold them. */
static int read_evidence(bundle *b)
{
    const dura_incident *i = &b->all[b->chosen];
    segment s = {NULL, 0, 0};
    int rc = DURA_OK;
    for (uint32_t e = 0; e < i->n_evidence; e++)
        b->evidence_first = !e || i->evidence[e].gseq < b->evidence_first ? i->evidence[e].gseq : b->evidence_first;
    for (int log = 0; log < 2; log++)
        for (uint32_t k = b->segments[log]; rc == DURA_OK && k-- > 0;) {
            uint64_t from = begins_at(&s, log, k);
            if (from != UINT64_MAX)
                rc = scan_segment(b, &s, log, k, second_look);
            if (from != UINT64_MAX && from <= b->evidence_first)
                break;                      /* those before hold nothing that is named */
        }
    free(s.p);
    qsort(b->named, b->n_named, sizeof *b->named, by_gseq);
    return rc;
}

/* ---- the form -------------------------------------------------------------------------------- */

static const char *when(char buf[40], const dura_time *t)
{
    return t->quality ? text_time(buf, t->wall_ns) : strcpy(buf, "no clock");
}

/* One question of the form. answer NULL: UNKNOWN, and `who` may know. */
static void ask(text *t, const char *id, const char *question, const char *answer, const char *who)
{
    text_open(t, NULL, '{');
    text_str(t, "id", id);
    text_str(t, "question", question);
    text_str(t, "state", answer ? "from the logs" : "unknown");
    if (answer)
        text_str(t, "answer", answer);
    else
        text_str(t, "who_may_know", who);
    text_close(t, '}');
}

static void ask_suspicion(const bundle *b, text *t)
{
    char says[400];
    const dura_incident *i = b->chosen == UINT32_MAX ? NULL : &b->all[b->chosen];
    if (!i) {
        ask(t, "suspected", "Are unlawful or malicious acts suspected?",
            "The correlator recorded no incident. That is no proof that there were none.", "");
        return;
    }
    const char *word = i->cause == DURA_CAUSE_ATTACK ? "Yes, suspected" : i->cause == DURA_CAUSE_UNKNOWN ? "Cannot be said: the verdict is unknown"
                       : "The logs do not suggest it";
    snprintf(says, sizeof says, "%s. Verdict %s, score %d, %d ahead of the next cause (decibans: fault %d, drift %d, attack %d, change %d)%s. "
             "A score is a sum of log-odds, no proof.", word, dura_record_name(DURA_NAME_CAUSE, i->cause), i->score, i->margin, i->total[0],
             i->total[1], i->total[2], i->total[3], i->flags & DURA_INCIDENT_UNTRUSTED ? "; it leans on evidence that nobody authenticated" : "");
    ask(t, "suspected", "Are unlawful or malicious acts suspected?", says, "");
}

static void ask_times(const bundle *b, text *t)
{
    char a[40], e[40], says[300];
    if (b->chosen == UINT32_MAX) {
        ask(t, "known_since", "When was it first known?", NULL, "whoever noticed it: the correlator did not");
        return;
    }
    const dura_incident *i = &b->all[b->chosen];
    snprintf(says, sizeof says, "First evidence %s; recorded as an incident %s. The clock of Article 14 runs from when the manufacturer became aware.",
             when(a, &i->begin), when(e, &b->known[b->chosen]));
    ask(t, "known_since", "When was it first known?", says, "");
    const dura_time *k = &b->known[b->chosen];
    if (k->quality && b->stage != FINAL) {
        int64_t hours = b->stage == EARLY ? 24 : 72;
        snprintf(says, sizeof says, "%s, if awareness began with the record", text_time(a, k->wall_ns + hours * 3600 * INT64_C(1000000000)));
        ask(t, "due", "Until when is this report due?", says, "");
    }
}

static void ask_product(const bundle *b, text *t)
{
    char says[600];
    uint32_t product = b->reg ? dura_json_member(b->reg, DURA_JSON_ROOT, "product") : DURA_JSON_NONE;
    if (b->reg)
        snprintf(says, sizeof says, "%.100s %.60s: %.200s. Device %.63s", dossier_str(b->reg, product, "id"), dossier_str(b->reg, product, "version"),
                 dossier_str(b->reg, product, "intended_use"), b->policy.name);
    else
        snprintf(says, sizeof says, "Device %s (no register was given: name, version and use of the product are not in the logs)", b->policy.name);
    ask(t, "product", "Which product?", says, "");
    ask(t, "member_states", "In which Member States is it made available?", NULL, "sales");
    ask(t, "others", "How many products are affected?", NULL, "this is one device's log; whoever has the others'");
}

static void ask_nature(const bundle *b, text *t)
{
    char says[900];
    size_t at = 0;
    if (b->chosen == UINT32_MAX) {
        ask(t, "nature", "What kind of incident or exploit?", NULL, "nothing was joined to an incident");
        return;
    }
    const dura_incident *i = &b->all[b->chosen];
    at = (size_t)snprintf(says, sizeof says, "%s, %s, on channels", dura_record_name(DURA_NAME_CAUSE, i->cause),
                          dura_record_name(DURA_NAME_INCIDENT, i->state));
    for (uint32_t k = 0; k < i->n_channels && k < DURA_INCIDENT_CHANNELS && at + 80 < sizeof says; k++)
        at += (size_t)snprintf(says + at, sizeof says - at, " %.63s", i->channel[k] < b->names.n_channels ? b->name[i->channel[k]] : "?");
    at += (size_t)snprintf(says + at, sizeof says - at, "%s; evidence", i->n_channels ? "" : " none");
    for (uint32_t e = 0; e < i->n_evidence && at + 60 < sizeof says; e++)
        at += (size_t)snprintf(says + at, sizeof says - at, " %s(record %" PRIu64 ")", dura_record_name(DURA_NAME_EVIDENCE, i->evidence[e].kind),
                               i->evidence[e].gseq);
    ask(t, "nature", "What kind of incident or exploit?", says, "");
    ask(t, "vulnerability", "Which vulnerability was used?", NULL, "analysis of the device; the logs name none");
}

static void ask_effect(const bundle *b, text *t)
{
    char says[300];
    snprintf(says, sizeof says, "In %" PRIu64 " decisions the model drove %" PRIu64 ", the last value was held %" PRIu64 ", safe values drove %" PRIu64
             ", a stop %" PRIu64 ". What that did to people or goods is in no record.", b->decisions, b->action[0], b->action[1], b->action[2], b->action[3]);
    ask(t, "effect", "Severity and impact, as far as known?", says, "");
    ask(t, "impact", "Was anybody hurt, or anything damaged?", NULL, "the operator");
}

static void ask_measures(const bundle *b, text *t)
{
    char says[300];
    snprintf(says, sizeof says, "The guard held or fell back as counted above; %" PRIu64 " overrides by people; the gate moved %" PRIu64 " times.",
             b->overrides, b->releases);
    ask(t, "measures", "Corrective or mitigating measures so far?", says, "");
    ask(t, "users", "What can users do?", NULL, "the manufacturer");
    ask(t, "sensitivity", "How sensitive is this information?", NULL, "the manufacturer");
}

static void ask_final(const bundle *b, text *t)
{
    char says[200];
    ask(t, "actor", "Who did it?", NULL, "an investigation; the logs name peers and accounts, not people");
    ask(t, "root_cause", "Type of threat, or root cause?", NULL, "analysis; the verdict above says where to begin");
    if (b->releases) {
        snprintf(says, sizeof says, "The gate's last move is record %" PRIu64 ": see it below.", b->release.gseq);
        ask(t, "update", "Which update or other corrective measure is there?", says, "");
    } else {
        ask(t, "update", "Which update or other corrective measure is there?", NULL, "no release was offered to this device in these records");
    }
}

static void one_moment(text *t, const moment *m)
{
    if (!m->json[0])
        return;
    text_key(t, NULL);
    text_put(t, m->json, strlen(m->json));
}

static void write_form(const bundle *b, text *t)
{
    static const char *const stages[] = {"", "early warning, 24 hours", "notification, 72 hours", "final report"};
    char a[40], e[40];
    text_open(t, NULL, '{');
    text_int(t, "dura_bundle", 1);
    text_str(t, "report", stages[b->stage]);
    text_bool(t, "simulated", b->policy.development || b->verify.demo_key || strncmp(b->policy.name, "simulated", 9) == 0);
    text_str(t, "logs", dura_verify_word(b->verify.word));
    text_str(t, "logs_say", b->verify.text);
    text_str(t, "from", when(a, &b->begin));
    text_str(t, "to", when(e, &b->end));
    text_fmt(t, "lost_records", "%" PRIu64, b->lost);
    text_fmt(t, "security_events", "%" PRIu64, b->events);
    text_int(t, "incidents", b->n);
    if (b->chosen != UINT32_MAX) {
        text_fmt(t, "incident", "%u/%u", (unsigned)b->all[b->chosen].begin.boot, (unsigned)b->all[b->chosen].id);
        text_open(t, "incident_records", '[');
        text_int(t, NULL, b->gseq[b->chosen][0]);
        text_int(t, NULL, b->gseq[b->chosen][1]);
        text_close(t, ']');
    }
    text_open(t, "questions", '[');
    ask_product(b, t);
    ask_suspicion(b, t);
    ask_times(b, t);
    if (b->stage >= NOTICE) {
        ask_nature(b, t);
        ask_effect(b, t);
        ask_measures(b, t);
    }
    if (b->stage == FINAL)
        ask_final(b, t);
    text_close(t, ']');
    text_open(t, "records", '[');
    one_moment(t, &b->boot);
    for (uint32_t k = 0; k < b->n_named; k++)
        one_moment(t, &b->named[k]);
    one_moment(t, &b->override);
    one_moment(t, &b->release);
    text_close(t, ']');
    text_close(t, '}');
    text_put(t, "\n", 1);
}

/* The same for people, out of the same document. */
static int print_form(const text *t)
{
    dura_json *j;
    dura_error err;
    if (dura_json_parse(t->p, t->n, NULL, &j, &err) != DURA_OK)
        return DURA_EIO;
    uint32_t list = dura_json_member(j, DURA_JSON_ROOT, "questions"), simulated = dura_json_member(j, DURA_JSON_ROOT, "simulated");
    int yes = 0;
    if (dura_json_get_bool(j, simulated, &yes, &err) == DURA_OK && yes)
        printf("SIMULATED: this is no field evidence\n");
    printf("%s\nlogs      %s: %s\nperiod    %s to %s\nincident  %s\n\n", dossier_str(j, DURA_JSON_ROOT, "report"),
           dossier_str(j, DURA_JSON_ROOT, "logs"), dossier_str(j, DURA_JSON_ROOT, "logs_say"), dossier_str(j, DURA_JSON_ROOT, "from"),
           dossier_str(j, DURA_JSON_ROOT, "to"), *dossier_str(j, DURA_JSON_ROOT, "incident") ? dossier_str(j, DURA_JSON_ROOT, "incident") : "none");
    for (uint32_t v = dura_json_first(j, list); v != DURA_JSON_NONE; v = dura_json_next(j, v)) {
        const char *answer = dossier_str(j, v, "answer");
        printf("%s\n  %s%s\n", dossier_str(j, v, "question"), *answer ? answer : "UNKNOWN. May know: ", *answer ? "" : dossier_str(j, v, "who_may_know"));
    }
    dura_json_deinit(j);
    return DURA_OK;
}

/* ---- the command -------------------------------------------------------------------------------- */

static int read_policy(bundle *b, dura_error *err)
{
    size_t n, got;
    char *path = cli_join(run, "policy.bin");
    b->policy = (dura_policy_info)DURA_POLICY_INFO_INIT;
    int rc = path ? cli_read_file(path, &b->policy_image, &n, err) : DURA_ENOSPC;
    free(path);
    if (rc == DURA_ENOENT) {                /* a device's logs alone: channels are numbers */
        strcpy(b->policy.name, "(no policy in the folder)");
        return DURA_OK;
    }
    if (rc == DURA_OK && (rc = dura_policy_query(b->policy_image, n, &b->policy)) != DURA_OK)
        return dura_error_set(err, rc, run, 0, "policy.bin", "cannot be used: %s", dura_strerror(rc));
    if (rc != DURA_OK)
        return rc;
    b->name = calloc((size_t)b->policy.n_channels + 1, sizeof *b->name);
    if (!b->name)
        return DURA_ENOSPC;
    rc = dura_pack_names(b->policy_image, n, DURA_NAMES_CHANNELS, b->name, NULL, b->policy.n_channels, &got);
    b->names = (dura_record_names){sizeof b->names, b->policy.n_channels, 0, b->name, NULL};
    return rc;
}

static int verify_run(bundle *b, dura_error *err)
{
    char own_state[DURA_KEYS_PATH_MAX];
    dura_verify_options v = DURA_VERIFY_OPTIONS_INIT;
    v.state_dir = state ? state : dura_keys_state_dir(own_state, sizeof own_state) == DURA_OK ? own_state : NULL;
    v.checkpoint = checkpoint;
    b->verify.struct_size = sizeof b->verify;
    return dura_verify_folder(run, &v, &b->verify, err);
}

static int read_bundle(bundle *b, dura_error *err)
{
    int rc = verify_run(b, err);
    if (rc == DURA_OK)
        rc = read_policy(b, err);
    if (rc == DURA_OK && register_path)
        rc = dura_json_load(register_path, &b->reg, err);
    if (rc == DURA_OK)
        rc = read_all(b, err);
    if (rc == DURA_OK)
        rc = choose(b, err);
    return rc == DURA_OK && b->chosen != UINT32_MAX ? read_evidence(b) : rc;
}

int cmd_bundle(int argc, char **argv)
{
    static bundle b;
    dura_error err = {0};
    text t = {NULL, 0, 0, 0, 0};
    int rc = cli_parse(&self, argc, argv);
    if (rc >= 0)
        return rc;
    if (early + notice + final_report != 1)
        return cli_usage(&self, "one of --cra-24h, --cra-72h and --final");
    b.stage = early ? EARLY : notice ? NOTICE : FINAL;
    rc = read_bundle(&b, &err);
    if (rc == DURA_OK) {
        write_form(&b, &t);
        rc = t.failed ? DURA_ENOSPC : DURA_OK;
    }
    if (rc == DURA_OK && out)
        rc = cli_write_file(out, t.p, t.n, 0, &err);
    if (rc == DURA_OK && as_json)
        fwrite(t.p, 1, t.n, stdout);
    else if (rc == DURA_OK)
        rc = print_form(&t);
    free(t.p);
    free(b.all);
    free(b.known);
    free((void *)b.gseq);
    free((void *)b.name);
    free(b.policy_image);
    dura_json_deinit(b.reg);
    return rc == DURA_OK ? cli_end(&self, CLI_OK) : cli_fail(&self, rc, &err);
}
