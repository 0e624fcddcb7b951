/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `dura correlate DIR`: the incidents of a run, for people or as NDJSON; joined anew with
 * --again; held against what really was with --labels.
 */
#include "dura_args.h"
#include "dura_words.h"

#include <dura/host/incident.h>
#include <dura/host/why.h>

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static const char *folder, *labels_path, *fail_on;
static int as_json, again, check;

static const cli_option options[] = {
    {"--again", NULL, NULL, NULL, &again, "join the records anew instead of showing what was recorded"},
    {"--check", NULL, NULL, NULL, &check, "exit 1 when recorded and joined anew are not the same"},
    {"--labels", NULL, "FILE", &labels_path, NULL, "CSV start,end,verdict of what really was: a table of hits and misses"},
    {"--fail-on", NULL, "VERDICT", &fail_on, NULL, "exit 1 if an incident is fault, drift, attack, change or unknown"},
    {"--json", NULL, NULL, NULL, &as_json, "one JSON object per incident, as in incidents.ndjson"},
    {NULL, NULL, NULL, NULL, NULL, NULL},
};
static const cli_command self = {
    "correlate", "DIR [--json] [--again | --check] [--labels FILE] [--fail-on VERDICT]",
    "Incidents join both logs: fault, drift, attack, change or unknown, with the evidence for and\n"
    "against in decibans, and what could not be looked at. A run whose policy does not correlate is\n"
    "joined here. Exit 0 whatever was found, but for --check and --fail-on.\n",
    options, &folder, 1, 1,
};

enum { NORMAL = 0, FAULT = 1, DRIFT, ATTACK, CHANGE, UNKNOWN, VERDICTS };
static const char *const verdicts[VERDICTS] = {"normal", "fault", "drift", "attack", "change", "unknown"};

static int verdict_of(const char *name)
{
    for (int i = 0; i < VERDICTS; i++)
        if (strcmp(name, verdicts[i]) == 0)
            return i;
    return -1;
}

/* What a person said of an incident. */
typedef struct said {
    char id[40], json[1024];
    uint64_t gseq;
} said;

/* One incident: its line, parsed. */
typedef struct one {
    char *line;
    dura_json *doc;
    int64_t start, end;          /* wall ns; end < start: no clock */
    uint64_t opened;             /* first record of its evidence */
    int verdict;
} one;

typedef struct job {
    char *text;                  /* NDJSON, cut at its line ends */
    size_t len;
    one *p;
    size_t n;
    said *said;
    size_t n_said, cap_said;
    int anew;
} job;

static int oom(dura_error *err) { return dura_error_set(err, DURA_ENOSPC, NULL, 0, NULL, "out of memory"); }

static void free_job(job *j)
{
    for (size_t i = 0; i < j->n; i++)
        dura_json_deinit(j->p[i].doc);
    free(j->p);
    free(j->text);
    free(j->said);
}

/* ---- what is there ------------------------------------------------------------------------ */

static uint64_t first_record(const one *i)
{
    uint64_t least = UINT64_MAX;
    uint32_t list = dura_json_member(i->doc, DURA_JSON_ROOT, "evidence");
    for (uint32_t e = dura_json_first(i->doc, list); e != DURA_JSON_NONE; e = dura_json_next(i->doc, e)) {
        uint64_t gseq = words_uint(i->doc, e, "gseq");
        least = gseq < least ? gseq : least;
    }
    return least == UINT64_MAX ? 0 : least;
}

static int parse_line(one *i, char *line, dura_error *err)
{
    i->line = line;
    int rc = dura_json_parse(line, strlen(line), "incidents", &i->doc, err);
    if (rc != DURA_OK)
        return rc;
    i->verdict = verdict_of(words_text(i->doc, DURA_JSON_ROOT, "verdict"));
    i->opened = first_record(i);
    i->end = -1;
    if (dura_why_time(words_text(i->doc, DURA_JSON_ROOT, "start"), NULL, &i->start) != DURA_OK ||
        dura_why_time(words_text(i->doc, DURA_JSON_ROOT, "end"), NULL, &i->end) != DURA_OK) {
        i->start = 0;
        i->end = -1;
    }
    return DURA_OK;
}

static int parse_all(job *j, size_t count, dura_error *err)
{
    char *at = j->text;
    int rc = DURA_OK;
    j->p = calloc(count ? count : 1, sizeof *j->p);
    if (!j->p)
        return oom(err);
    while (rc == DURA_OK && *at && j->n < count) {
        char *end = at + strcspn(at, "\n"), *next = *end ? end + 1 : end;
        *end = '\0';
        rc = parse_line(&j->p[j->n], at, err);
        j->n += rc == DURA_OK;
        at = next;
    }
    return rc;
}

/* 1: the run's policy has a correlate section; 0: not; or an error. */
static int correlates(dura_error *err)
{
    dura_json *doc;
    char *path = cli_join(folder, "policy.json");
    int rc = path ? dura_json_load(path, &doc, err) : oom(err);
    free(path);
    if (rc != DURA_OK)
        return rc;
    rc = dura_json_member(doc, DURA_JSON_ROOT, "correlate") != DURA_JSON_NONE;
    dura_json_deinit(doc);
    return rc;
}

/* ---- what people said ------------------------------------------------------------------------ */

static void copy_text(const dura_record *r, uint32_t key, char *buf, size_t n)
{
    const char *p;
    size_t len;
    if (dura_record_text(r, key, &p, &len) != DURA_OK)
        len = 0;
    len = len < n ? len : n - 1;
    if (len)
        memcpy(buf, p, len);
    buf[len] = '\0';
}

/* Appends a member with a JSON string. The door checked these texts; others are escaped. */
static void add_member(char *out, size_t cap, const char *name, const char *text)
{
    size_t n = strlen(out);
    if (n + 8 * strlen(text) + 40 > cap)
        return;
    n += (size_t)snprintf(out + n, cap - n, ",\"%s\":\"", name);
    for (; *text; text++) {
        if (*text == '"' || *text == '\\')
            n += (size_t)snprintf(out + n, cap - n, "\\%c", *text);
        else if ((unsigned char)*text < 0x20)
            n += (size_t)snprintf(out + n, cap - n, "\\u%04x", (unsigned)*text);
        else
            out[n++] = *text;
    }
    snprintf(out + n, cap - n, "\"");
}

/* The record's own time, as dura_record_json() writes it. */
static void copy_time(const dura_record *r, char *buf, size_t cap)
{
    char json[4096], *t;
    size_t n = sizeof json;
    buf[0] = '\0';
    if (!r->time.quality || dura_record_json(r, NULL, json, &n) != DURA_OK || !(t = strstr(json, "\"t\":\"")))
        return;
    snprintf(buf, cap, "%.*s", (int)strcspn(t + 5, "\""), t + 5);
}

static int keep_said(job *j, const dura_record *r, dura_error *err)
{
    char category[16], type[16], actor[72], detail[80], at[40];
    copy_text(r, 16, category, sizeof category);
    if (strcmp(category, "incident") != 0)
        return DURA_OK;
    if (j->n_said == j->cap_said) {
        size_t cap = j->cap_said ? 2 * j->cap_said : 16;
        said *more = realloc(j->said, cap * sizeof *more);
        if (!more)
            return oom(err);
        j->said = more;
        j->cap_said = cap;
    }
    said *s = &j->said[j->n_said++];
    s->gseq = r->gseq;
    copy_text(r, 18, s->id, sizeof s->id);
    copy_text(r, 17, type, sizeof type);
    copy_text(r, 21, actor, sizeof actor);
    copy_text(r, 25, detail, sizeof detail);
    copy_time(r, at, sizeof at);
    snprintf(s->json, sizeof s->json, "{\"gseq\":%" PRIu64, r->gseq);
    add_member(s->json, sizeof s->json, "type", type);
    if (*at)
        add_member(s->json, sizeof s->json, "t", at);
    add_member(s->json, sizeof s->json, "actor", actor);
    add_member(s->json, sizeof s->json, "detail", detail);
    strncat(s->json, "}", sizeof s->json - strlen(s->json) - 1);
    return DURA_OK;
}

static int load_said(job *j, dura_error *err)
{
    dura_records *in;
    dura_record r = {0};
    r.struct_size = sizeof r;
    int rc = dura_records_open(&in, folder, DURA_LOG_SECURITY, err);
    while (rc >= 0 && (rc = dura_records_next(in, &r, err)) == 1)
        if (r.kind == DURA_REC_EVENT)
            rc = keep_said(j, &r, err);
    dura_records_close(in);
    return rc;
}

/* A number alone means the last incident of that number before it was said. */
static int means(const job *j, const said *s, size_t at)
{
    char plain[24], full[48];
    const one *i = &j->p[at];
    uint64_t id = words_uint(i->doc, DURA_JSON_ROOT, "id");
    snprintf(plain, sizeof plain, "%" PRIu64, id);
    snprintf(full, sizeof full, "%" PRIu64 "/%" PRIu64, words_uint(i->doc, DURA_JSON_ROOT, "boot"), id);
    if (strcmp(s->id, full) == 0)
        return 1;
    if (strcmp(s->id, plain) != 0 || i->opened > s->gseq)
        return 0;
    for (size_t k = at + 1; k < j->n; k++)
        if (words_uint(j->p[k].doc, DURA_JSON_ROOT, "id") == id && j->p[k].opened < s->gseq)
            return 0;
    return 1;
}

/* The incident with a member "said" behind the others; NULL: nobody said anything, or no
 * memory. */
static char *with_said(const job *j, size_t at)
{
    size_t n = strlen(j->p[at].line), room = n + 32;
    int any = 0;
    for (size_t k = 0; k < j->n_said; k++)
        room += means(j, &j->said[k], at) ? sizeof j->said[k].json : 0;
    char *text = room > n + 32 ? malloc(room) : NULL;
    if (!text)
        return NULL;
    size_t len = (size_t)snprintf(text, room, "%.*s,\"said\":[", (int)n - 1, j->p[at].line);
    for (size_t k = 0; k < j->n_said; k++)
        if (means(j, &j->said[k], at))
            len += (size_t)snprintf(text + len, room - len, "%s%s", any++ ? "," : "", j->said[k].json);
    snprintf(text + len, room - len, "]}");
    return text;
}

static void print_one(const job *j, size_t at)
{
    char *text = with_said(j, at);
    dura_json *doc = NULL;
    if (as_json) {
        puts(text ? text : j->p[at].line);
    } else if (text && dura_json_parse(text, strlen(text), NULL, &doc, NULL) == DURA_OK) {
        words_incident(doc, DURA_JSON_ROOT, dura_json_member(doc, DURA_JSON_ROOT, "said"));
    } else {
        words_incident(j->p[at].doc, DURA_JSON_ROOT, DURA_JSON_NONE);
    }
    if (!as_json)
        puts("");
    dura_json_deinit(doc);
    free(text);
}

/* ---- what really was ---------------------------------------------------------------------------- */

typedef struct score {
    uint64_t table[VERDICTS][VERDICTS];  /* [what was][what was said]; [.][NORMAL]: no incident */
    uint64_t unlabelled[VERDICTS];       /* incidents outside every label */
    uint64_t labels, decided, right, abstained, missed;
} score;

/* The strongest incident over a span. NORMAL: there is none. *hit is marked. */
static int said_of(const job *j, int64_t start, int64_t end, uint8_t *hit)
{
    const one *best = NULL;
    for (size_t k = 0; k < j->n; k++) {
        const one *i = &j->p[k];
        if (i->end < i->start || i->start > end || i->end < start || i->verdict < 0)
            continue;
        hit[k] = 1;
        if (!best || words_number(i->doc, DURA_JSON_ROOT, "score") > words_number(best->doc, DURA_JSON_ROOT, "score"))
            best = i;
    }
    return best ? best->verdict : NORMAL;
}

static void count_label(score *s, int was, int told)
{
    s->table[was][told]++;
    s->labels++;
    if (was == NORMAL)
        return;
    s->decided += told != NORMAL && told != UNKNOWN;
    s->right += told == was && told != UNKNOWN;
    s->abstained += told == UNKNOWN;
    s->missed += told == NORMAL;
}

/* "start,end,verdict" of one line, cut in place. */
static int read_label(char *line, uint32_t number, int64_t *start, int64_t *end, int *was, dura_error *err)
{
    char *second = strchr(line, ','), *third = second ? strchr(second + 1, ',') : NULL;
    if (!third || strchr(third + 1, ','))
        return dura_error_set(err, DURA_ESYNTAX, labels_path, number, NULL, "want start,end,verdict");
    *second++ = *third++ = '\0';
    *was = verdict_of(third);
    if (*was < 0)
        return dura_error_set(err, DURA_ESYNTAX, labels_path, number, "verdict",
                              "%.40s: want normal, fault, drift, attack, change or unknown", third);
    if (dura_why_time(line, NULL, start) != DURA_OK || dura_why_time(second, NULL, end) != DURA_OK)
        return dura_error_set(err, DURA_ETIME, labels_path, number, "start", "is no time: want ISO 8601 or seconds since 1970");
    return *end < *start ? dura_error_set(err, DURA_ETIME, labels_path, number, "end", "lies before start") : DURA_OK;
}

static int score_lines(const job *j, char *at, score *s, uint8_t *hit, dura_error *err)
{
    int rc = DURA_OK, was;
    for (uint32_t number = 1; rc == DURA_OK && *at; number++) {
        char *end = at + strcspn(at, "\n"), *next = *end ? end + 1 : end;
        int64_t from, to;
        *end = '\0';
        if (end > at && end[-1] == '\r')
            end[-1] = '\0';
        if (number == 1 && strcmp(at, "start,end,verdict") != 0)
            return dura_error_set(err, DURA_ESYNTAX, labels_path, 1, NULL, "the header is not start,end,verdict");
        if (number > 1 && *at) {
            rc = read_label(at, number, &from, &to, &was, err);
            if (rc == DURA_OK)
                count_label(s, was, said_of(j, from, to, hit));
        }
        at = next;
    }
    return rc == DURA_OK && s->labels == 0 ? dura_error_set(err, DURA_ESYNTAX, labels_path, 1, NULL, "holds no label") : rc;
}

static int score_all(const job *j, score *s, dura_error *err)
{
    char *text;
    size_t len;
    memset(s, 0, sizeof *s);
    int rc = cli_read_file(labels_path, &text, &len, err);
    if (rc != DURA_OK)
        return rc;
    uint8_t *hit = calloc(j->n ? j->n : 1, 1);
    rc = hit ? score_lines(j, text, s, hit, err) : oom(err);
    for (size_t k = 0; rc == DURA_OK && k < j->n; k++)
        if (!hit[k] && j->p[k].verdict >= 0)
            s->unlabelled[j->p[k].verdict]++;
    free(hit);
    free(text);
    return rc;
}

static void print_row(const char *name, const uint64_t *row)
{
    printf("%-12s", name);
    for (int c = 0; c < VERDICTS; c++)
        printf("  %7" PRIu64, row[c]);
    printf("\n");
}

static void print_score(const score *s)
{
    uint64_t events = s->decided + s->abstained + s->missed;
    printf("%-12s  %7s", "really was", "none");
    for (int c = FAULT; c < VERDICTS; c++)
        printf("  %7s", verdicts[c]);
    printf("\n");
    for (int r = 0; r < VERDICTS; r++) {
        uint64_t sum = 0;
        for (int c = 0; c < VERDICTS; c++)
            sum += s->table[r][c];
        if (sum)
            print_row(verdicts[r], s->table[r]);
    }
    print_row("no label", s->unlabelled);
    printf("coverage %" PRIu64 " of %" PRIu64 " labelled spans decided (%" PRIu64 " unknown: abstained, %" PRIu64
           " without an incident)\n", s->decided, events, s->abstained, s->missed);
    printf("right    %" PRIu64 " of %" PRIu64 " decided\n", s->right, s->decided);
}

static void print_score_json(const score *s)
{
    printf("{\"labels\":%" PRIu64 ",\"decided\":%" PRIu64 ",\"right\":%" PRIu64 ",\"abstained\":%" PRIu64 ",\"missed\":%" PRIu64
           ",\"table\":{", s->labels, s->decided, s->right, s->abstained, s->missed);
    for (int r = 0; r <= VERDICTS; r++) {
        const uint64_t *row = r < VERDICTS ? s->table[r] : s->unlabelled;
        printf("%s\"%s\":{", r ? "," : "", r < VERDICTS ? verdicts[r] : "no_label");
        for (int c = 0; c < VERDICTS; c++)
            printf("%s\"%s\":%" PRIu64, c ? "," : "", c ? verdicts[c] : "none", row[c]);
        printf("}");
    }
    printf("}}\n");
}

/* ---- the command ------------------------------------------------------------------------------------ */

/* Recorded and joined anew must be the same lines. */
static int compare(dura_error *err)
{
    char *was = NULL, *is = NULL;
    size_t n, m, count;
    int rc = dura_incidents_json(folder, 0, &was, &n, &count, err);
    if (rc == DURA_OK)
        rc = dura_incidents_json(folder, 1, &is, &m, NULL, err);
    if (rc == DURA_OK) {
        size_t same = 0, line = 0;
        for (; was[same] && was[same] == is[same]; same++)
            line += was[same] == '\n';
        if (was[same] == is[same]) {
            printf("%zu incidents, recorded and joined anew the same\n", count);
            rc = CLI_OK;
        } else {
            printf("recorded and joined anew differ, first at incident %zu\nrecorded  %.*s\nanew      %.*s\n", line + 1,
                   (int)strcspn(was + same - (same ? 1 : 0), "\n"), was + same - (same ? 1 : 0),
                   (int)strcspn(is + same - (same ? 1 : 0), "\n"), is + same - (same ? 1 : 0));
            rc = CLI_NO;
        }
    }
    free(was);
    free(is);
    return rc;
}

static int load(job *j, dura_error *err)
{
    size_t count = 0;
    int rc = again ? 0 : correlates(err);
    if (rc < 0)
        return rc;
    j->anew = again || rc == 0;
    rc = dura_incidents_json(folder, j->anew, &j->text, &j->len, &count, err);
    if (rc == DURA_OK)
        rc = parse_all(j, count, err);
    return rc == DURA_OK ? load_said(j, err) : rc;
}

/* Exit code, or an error. */
static int show(const job *j, dura_error *err)
{
    score s;
    int hit = 0, rc = DURA_OK;
    for (size_t k = 0; k < j->n; k++) {
        print_one(j, k);
        hit |= fail_on && strcmp(fail_on, words_text(j->p[k].doc, DURA_JSON_ROOT, "verdict")) == 0;
    }
    if (!as_json)
        printf("%zu incident%s, %s\n", j->n, j->n == 1 ? "" : "s",
               j->anew ? again ? "joined anew" : "joined anew: the policy does not correlate" : "as recorded");
    if (labels_path) {
        rc = score_all(j, &s, err);
        if (rc == DURA_OK && as_json)
            print_score_json(&s);
        else if (rc == DURA_OK)
            print_score(&s);
    }
    return rc == DURA_OK ? (hit ? CLI_NO : CLI_OK) : rc;
}

int cmd_correlate(int argc, char **argv)
{
    job j;
    dura_error err = {0};
    int rc = cli_parse(&self, argc, argv);
    if (rc >= 0)
        return rc;
    if (fail_on && verdict_of(fail_on) < FAULT)
        return cli_usage(&self, "--fail-on %s: want fault, drift, attack, change or unknown", fail_on);
    if (check && (again || labels_path || fail_on || as_json))
        return cli_usage(&self, "--check goes with no other option");
    if (check) {
        rc = compare(&err);
        return rc < 0 ? cli_fail(&self, rc, &err) : cli_end(&self, rc);
    }
    memset(&j, 0, sizeof j);
    rc = load(&j, &err);
    if (rc >= 0)
        rc = show(&j, &err);
    free_job(&j);
    return rc < 0 ? cli_fail(&self, rc, &err) : cli_end(&self, rc);
}
