/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One reading of a run folder: what each control of the register did, in which records, in
 * which segments they lie.
 *
 * Counters and strength are those of dura/host/binding.h. Here is read in which segments the
 * records lie that speak of a control: of a sensor's only those about a channel it is on.
 */
#include "dura_dossier.h"

#include <dura/guard.h>
#include <dura/host/crypto.h>

#include <dirent.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#define MAX_SEGMENTS 1000000u

/* ---- memory ------------------------------------------------------------------------------- */

void *dossier_alloc(dossier *d, size_t n)
{
    if (d->n_memory == d->cap_memory) {
        size_t cap = d->cap_memory ? 2 * d->cap_memory : 256;
        void **more = realloc(d->memory, cap * sizeof *more);
        if (!more)
            return NULL;
        d->memory = more;
        d->cap_memory = cap;
    }
    void *p = calloc(1, n ? n : 1);
    if (p)
        d->memory[d->n_memory++] = p;
    return p;
}

char *dossier_text(dossier *d, const char *fmt, ...)
{
    char buf[2048];
    va_list args;
    va_start(args, fmt);
    int n = vsnprintf(buf, sizeof buf, fmt, args);
    va_end(args);
    size_t len = n < 0 ? 0 : (size_t)n < sizeof buf ? (size_t)n : sizeof buf - 1;
    char *p = dossier_alloc(d, len + 1);
    if (p)
        memcpy(p, buf, len);
    return p;
}

void dossier_free(dossier *d)
{
    for (uint32_t i = 0; i < d->n_control; i++)
        free(d->control[i].range);
    for (size_t i = 0; i < d->n_memory; i++)
        free(d->memory[i]);
    free(d->memory);
    free(d->incident);
    free(d->claim);
    free(d->policy_image);
    dura_binding_deinit(d->binding);     /* before the register it points into */
    dura_register_free(d->found.memory);
    dura_register_deinit(d->reg);
    dura_json_deinit(d->doc);
    dura_json_deinit(d->policy_doc);
    memset(d, 0, sizeof *d);
}

static int oom(dura_error *err) { return dura_error_set(err, DURA_ENOSPC, NULL, 0, NULL, "out of memory"); }

/* ---- spans -------------------------------------------------------------------------------- */

static int room(dossier *d, dossier_span *s)
{
    for (int l = 0; l < 2; l++)
        if (!s->seg[l] && (s->seg[l] = dossier_alloc(d, d->n_seg[l])) == NULL)
            return DURA_ENOSPC;
    return DURA_OK;
}

int dossier_hit(dossier *d, dossier_span *s, const dura_record *r)
{
    int l = r->log == DURA_LOG_DECISION;
    if (room(d, s) != DURA_OK)
        return DURA_ENOSPC;
    s->first = s->n++ ? s->first : r->gseq;
    s->last = r->gseq;
    if (s->n_named < DOSSIER_NAMED - 1)
        s->named[s->n_named++] = r->gseq;
    if (r->segment < d->n_seg[l])
        s->seg[l][r->segment] = 1;
    return DURA_OK;
}

int dossier_join(dossier *d, dossier_span *to, const dossier_span *from)
{
    if (room(d, to) != DURA_OK)
        return DURA_ENOSPC;
    for (int l = 0; from->n && l < 2; l++)
        for (uint32_t i = 0; from->seg[l] && i < d->n_seg[l]; i++)
            to->seg[l][i] |= from->seg[l][i];
    for (uint32_t i = 0; i < from->n_named && to->n_named < DOSSIER_NAMED; i++)
        to->named[to->n_named++] = from->named[i];
    to->first = from->n && (!to->n || from->first < to->first) ? from->first : to->first;
    to->last = from->n && from->last > to->last ? from->last : to->last;
    to->n += from->n;
    return DURA_OK;
}

/* The last record belongs to the named ones, too. */
static void end_span(dossier_span *s)
{
    if (s->n > s->n_named && s->n_named < DOSSIER_NAMED && s->named[s->n_named - 1] != s->last)
        s->named[s->n_named++] = s->last;
}

int dossier_segment_of(const dossier *d, uint64_t gseq, int *log)
{
    for (int l = 0; l < 2; l++)
        for (uint32_t i = 0; i < d->n_seg[l]; i++) {
            const dossier_segment *g = &d->seg[l][i];
            if (g->records && g->first <= gseq && gseq <= g->last) {
                *log = l;
                return (int)i;
            }
        }
    return -1;
}

/* ---- the folder --------------------------------------------------------------------------- */

static int digest_file(const char *path, char hex[65], uint64_t *bytes, dura_error *err)
{
    uint8_t h[32], buf[65536];
    size_t n;
    dura_sha256 s;
    FILE *f = fopen(path, "rb");
    if (!f)
        return dura_error_set(err, DURA_EIO, path, 0, NULL, "cannot be read");
    dura_sha256_init(&s);
    while ((n = fread(buf, 1, sizeof buf, f)) > 0) {
        dura_sha256_update(&s, buf, n);
        *bytes += n;
    }
    fclose(f);
    dura_sha256_final(&s, h);
    cli_hex(hex, h, 32);
    return DURA_OK;
}

static int count_segments(const char *folder)
{
    DIR *dir = opendir(folder);
    unsigned most = 0, k;
    for (struct dirent *e; dir && (e = readdir(dir)) != NULL;)
        if (strlen(e->d_name) == 12 && strcmp(e->d_name + 8, ".seg") == 0 && sscanf(e->d_name, "%8u", &k) == 1 && k < MAX_SEGMENTS)
            most = k + 1 > most ? k + 1 : most;
    if (dir)
        closedir(dir);
    return (int)most;
}

static int list_segments(dossier *d, int digests, dura_error *err)
{
    static const char *const logs[2] = {"security.log", "decision.log"};
    for (int l = 0; l < 2; l++) {
        char *folder = dossier_text(d, "%s/%s", d->run, logs[l]);
        d->n_seg[l] = folder ? (uint32_t)count_segments(folder) : 0;
        d->seg[l] = dossier_alloc(d, d->n_seg[l] * sizeof *d->seg[l]);
        if (!d->seg[l])
            return oom(err);
        for (uint32_t i = 0; i < d->n_seg[l]; i++) {
            snprintf(d->seg[l][i].name, sizeof d->seg[l][i].name, "%s/%08u.seg", logs[l], (unsigned)i);
            char *path = digests ? dossier_text(d, "%s/%s", d->run, d->seg[l][i].name) : NULL;
            dura_error missing;
            if (path && digest_file(path, d->seg[l][i].sha, &d->seg[l][i].bytes, &missing) != DURA_OK)
                d->seg[l][i].sha[0] = '\0';     /* a hole: verify says so */
        }
    }
    return DURA_OK;
}

/* policy.json counts only when it is the policy that ran. */
static int read_policy_text(dossier *d, dura_error *err)
{
    char *path = dossier_text(d, "%s/policy.json", d->run), *json;
    size_t n, packed_len;
    void *packed;
    dura_error quiet;
    if (!path)
        return oom(err);
    if (cli_read_file(path, &json, &n, &quiet) != DURA_OK)
        return DURA_OK;
    if (dura_pack_policy(json, n, NULL, &packed, &packed_len, &quiet) == DURA_OK) {
        if (packed_len == d->policy_len && memcmp(packed, d->policy_image, packed_len) == 0 &&
            dura_json_parse(json, n, NULL, &d->policy_doc, &quiet) != DURA_OK)
            d->policy_doc = NULL;
        dura_pack_deinit(packed);
    }
    free(json);
    return DURA_OK;
}

static int read_policy(dossier *d, dura_error *err)
{
    char *path = dossier_text(d, "%s/policy.bin", d->run), *image;
    uint64_t bytes = 0;
    size_t n;
    d->policy = (dura_policy_info)DURA_POLICY_INFO_INIT;
    if (!path)
        return oom(err);
    int rc = cli_read_file(path, &image, &d->policy_len, err);
    if (rc != DURA_OK)
        return rc;
    d->policy_image = (uint8_t *)image;
    rc = dura_policy_query(image, d->policy_len, &d->policy);
    if (rc == DURA_OK)
        rc = digest_file(path, d->policy_sha, &bytes, err);
    else
        return dura_error_set(err, rc, path, 0, NULL, "cannot be used: %s", dura_strerror(rc));
    d->channel = dossier_alloc(d, d->policy.n_channels * sizeof *d->channel);
    d->output = dossier_alloc(d, d->policy.n_outputs * sizeof *d->output);
    if (!d->channel || !d->output)
        return oom(err);
    if (rc == DURA_OK)
        rc = dura_pack_names(image, d->policy_len, DURA_NAMES_CHANNELS, d->channel, NULL, d->policy.n_channels, &n);
    if (rc == DURA_OK)
        rc = dura_pack_names(image, d->policy_len, DURA_NAMES_OUTPUTS, d->output, NULL, d->policy.n_outputs, &n);
    d->names = (dura_record_names){sizeof d->names, d->policy.n_channels, d->policy.n_outputs, d->channel, d->output};
    path = dossier_text(d, "%s/model.bin", d->run);
    bytes = 0;
    dura_error quiet;
    if (path && digest_file(path, d->model_sha, &bytes, &quiet) != DURA_OK)
        d->model_sha[0] = '\0';
    return rc == DURA_OK ? read_policy_text(d, err) : rc;
}

/* ---- what is configured -------------------------------------------------------------------- */

typedef struct hook_row {
    const char *hook;
    uint32_t sensor;             /* DURA_R_* that say it fired */
    uint32_t guard;              /* DURA_G_* */
} hook_row;

static const hook_row rows[] = {
    {"sensor.time", DURA_R_TIME_REVERSED | DURA_R_TIME_DUPLICATE | DURA_R_TIME_GAP, 0},
    {"sensor.finite", DURA_R_NONFINITE, 0},
    {"sensor.range", DURA_R_RANGE_SUSPECT | DURA_R_RANGE_FAIL, 0},
    {"sensor.rate", DURA_R_RATE_SUSPECT | DURA_R_RATE_FAIL, 0},
    {"sensor.flat", DURA_R_FLAT_SUSPECT | DURA_R_FLAT_FAIL, 0},
    {"sensor.stale", DURA_R_STALE | DURA_R_MISSING, 0},
    {"sensor.spike", DURA_R_SPIKE_BEFORE | DURA_R_SPIKE_FAIL, 0},
    {"sensor.noise", DURA_R_NOISY | DURA_R_ATTENUATED, 0},
    {"sensor.drift", DURA_R_DRIFT, 0},
    {"sensor.rule", DURA_R_CONTEXT_SUSPECT | DURA_R_CONTEXT_FAIL, 0},
    {"sensor.state", DURA_R_CONTEXT_SUSPECT | DURA_R_CONTEXT_FAIL, 0},
    {"sensor.vote", DURA_R_VOTE_SUSPECT | DURA_R_VOTE_FAIL, 0},
    {"sensor.parity", DURA_R_PARITY_SUSPECT | DURA_R_PARITY_FAIL, 0},
    {"sensor.joint", DURA_R_JOINT, 0},
    {"output.range", 0, DURA_G_RANGE | DURA_G_NONFINITE},
    {"output.rate", 0, DURA_G_RATE},
    {"output.stop", 0, DURA_G_STOPPED},
    {"model.deadline", 0, DURA_G_BACKEND},
    {"gate.verify", 0, DURA_G_GATE},
    {"gate.rollback", 0, DURA_G_CHAMPION},
};

static const hook_row *row_of(const char *hook)
{
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (strcmp(rows[i].hook, hook) == 0)
            return &rows[i];
    return NULL;
}

static int bit(const dossier_control *c, uint32_t k) { return (int)(c->channels[k / 64] >> (k % 64) & 1u); }

static const char *text_at(const dura_json *j, uint32_t v)
{
    const char *s = "";
    dura_error err;
    return dura_json_get_text(j, v, 0, 1000, &s, &err) == DURA_OK ? s : "";
}

static void on_channel(const dossier *d, dossier_control *c, const char *name)
{
    for (uint32_t k = 0; k < d->policy.n_channels && k < 1024; k++)
        if (strcmp(d->channel[k], name) == 0)
            c->channels[k / 64] |= (uint64_t)1 << (k % 64);
}

/* The channels of the policy that a control's assets are: by name, else by the asset's id. */
static void find_channels(const dossier *d, dossier_control *c)
{
    const dura_json *j = d->doc;
    uint32_t on = dura_json_member(j, c->value, "on"), assets = dura_json_member(j, DURA_JSON_ROOT, "assets");
    for (uint32_t v = dura_json_first(j, on); v != DURA_JSON_NONE; v = dura_json_next(j, v))
        for (uint32_t a = dura_json_first(j, assets); a != DURA_JSON_NONE; a = dura_json_next(j, a)) {
            uint32_t names = dura_json_member(j, a, "channels");
            if (strcmp(dossier_str(j, a, "id"), text_at(j, v)) != 0)
                continue;
            if (names == DURA_JSON_NONE)
                on_channel(d, c, text_at(j, v));
            for (uint32_t n = dura_json_first(j, names); n != DURA_JSON_NONE; n = dura_json_next(j, n))
                on_channel(d, c, text_at(j, n));
        }
}

/* ---- records ------------------------------------------------------------------------------ */

static int head(const uint8_t **p, const uint8_t *end, unsigned *major, uint64_t *v)
{
    if (*p >= end)
        return 0;
    unsigned info = **p & 31u, n = info < 24 ? 0 : 1u << (info - 24);
    *major = *(*p)++ >> 5;
    *v = info;
    if (info > 27 || (size_t)(end - *p) < n)
        return 0;
    for (*v = n ? 0 : info; n; n--)
        *v = *v << 8 | *(*p)++;
    return 1;
}

/* Behind the value at p; NULL: cut short. */
static const uint8_t *skip(const uint8_t *p, const uint8_t *end)
{
    uint64_t left = 1, v;
    unsigned major;
    while (left--) {
        if (!head(&p, end, &major, &v))
            return NULL;
        if (major == 2 || major == 3) {
            if (v > (uint64_t)(end - p))
                return NULL;
            p += v;
        } else if (major == 4 || major == 5) {
            left += major == 4 ? v : 2 * v;
        }
    }
    return p;
}

/* Key 28 of a decision: reasons of each channel that is not GOOD, in order. */
static const uint8_t *reasons_of(const dura_record *r, uint64_t *n)
{
    const uint8_t *p = r->payload, *end = p + r->payload_len;
    unsigned major;
    uint64_t key;
    for (uint32_t i = 0; p && i < r->n_pairs; i++) {
        if (!head(&p, end, &major, &key))
            return NULL;
        if (key == 28 && major == 0)
            return head(&p, end, &major, n) && major == 4 ? p : NULL;
        p = skip(p, end);
    }
    return NULL;
}

static int fired_at(dossier_control *c, uint64_t gseq)
{
    if (c->n_range && c->range[c->n_range - 1].last + 2 >= gseq) {     /* a fact may stand between */
        c->range[c->n_range - 1].last = gseq;
        return DURA_OK;
    }
    if (c->n_range == c->cap_range) {
        uint32_t cap = c->cap_range ? 2 * c->cap_range : 16;
        dossier_range *more = realloc(c->range, cap * sizeof *more);
        if (!more)
            return DURA_ENOSPC;
        c->range = more;
        c->cap_range = cap;
    }
    c->range[c->n_range++] = (dossier_range){gseq, gseq};
    return DURA_OK;
}

static int fire(dossier *d, dossier_control *c, const dura_record *r)
{
    int rc = dossier_hit(d, &c->fired, r);
    return rc == DURA_OK ? fired_at(c, r->gseq) : rc;
}

static int one_control(dossier *d, dossier_control *c, const dura_record *r, const uint8_t *verdict, size_t n,
                       uint32_t guard)
{
    const hook_row *row = row_of(c->hook);
    uint64_t left = 0, bits;
    unsigned major;
    uint32_t seen = 0;
    if (!row || !c->configured)
        return DURA_OK;
    if (row->guard & guard)
        return fire(d, c, r);
    const uint8_t *p = row->sensor && verdict ? reasons_of(r, &left) : NULL, *end = r->payload + r->payload_len;
    for (uint32_t k = 0; p && left && k < n; k++) {
        if (verdict[k] == 1)
            continue;
        if (!head(&p, end, &major, &bits))
            break;
        left--;
        if (k < 1024 && bit(c, k))
            seen |= (uint32_t)bits & row->sensor;
    }
    return seen ? fire(d, c, r) : DURA_OK;
}

static int on_decision(dossier *d, const dura_record *r)
{
    uint64_t action = 0, guard = 0;
    const uint8_t *verdict = NULL;
    size_t n = 0;
    int rc = dossier_hit(d, &d->decisions, r);
    (void)!dura_record_uint(r, 18, &action);
    (void)!dura_record_uint(r, 19, &guard);
    if (dura_record_bytes(r, 27, &verdict, &n) != DURA_OK)
        verdict = NULL;
    d->acts += action == DURA_ACT;
    for (uint32_t i = 0; rc == DURA_OK && (verdict || guard) && i < d->n_control; i++)
        rc = one_control(d, &d->control[i], r, verdict, n, (uint32_t)guard);
    return rc;
}

static dossier_incident *incident_of(dossier *d, const dura_incident *i)
{
    for (uint32_t k = d->n_incident; k-- > 0;)
        if (d->incident[k].last.id == i->id && d->incident[k].last.begin.boot == i->begin.boot)
            return &d->incident[k];
    if (d->n_incident == d->cap_incident) {
        uint32_t cap = d->cap_incident ? 2 * d->cap_incident : 32;
        dossier_incident *more = realloc(d->incident, cap * sizeof *more);
        if (!more)
            return NULL;
        d->incident = more;
        d->cap_incident = cap;
    }
    memset(&d->incident[d->n_incident], 0, sizeof *d->incident);
    return &d->incident[d->n_incident++];
}

static int on_incident(dossier *d, const dura_record *r)
{
    dura_incident i;
    i.struct_size = sizeof i;
    if (dura_incident_decode(r, &i) != DURA_OK)
        return DURA_OK;                          /* verify judges bytes; here it names nothing */
    dossier_incident *at = incident_of(d, &i);
    if (!at)
        return DURA_ENOSPC;
    at->first_gseq = at->span.n ? at->first_gseq : r->gseq;
    at->last_gseq = r->gseq;
    at->last = i;
    int rc = dossier_hit(d, &at->span, r);
    for (uint32_t k = 0; rc == DURA_OK && k < d->n_control; k++)
        if (strcmp(d->control[k].hook, "correlate.verdict") == 0 && d->control[k].configured)
            rc = fire(d, &d->control[k], r);
    return rc;
}

static int is_drift(const char *hook) { return strncmp(hook, "drift.", 6) == 0; }

static int on_fact(dossier *d, const dura_record *r)
{
    uint64_t kind = 0;
    int rc = DURA_OK;
    (void)!dura_record_uint(r, 16, &kind);
    if (kind == DURA_FACT_RELEASE)
        rc = dossier_hit(d, &d->releases, r);
    for (uint32_t i = 0; rc == DURA_OK && i < d->n_control; i++) {
        dossier_control *c = &d->control[i];
        if (!c->configured)
            continue;
        if (is_drift(c->hook)) {
            if (kind == DURA_FACT_ALIVE)
                rc = dossier_hit(d, &c->tested, r);
            if (kind == DURA_FACT_MONITOR)
                rc = dossier_hit(d, &c->failed, r);
            if (kind == DURA_FACT_DRIFT && strcmp(c->hook, "drift.selftest") != 0)
                rc = fire(d, c, r);
        }
        if (kind == DURA_FACT_RELEASE && strncmp(c->hook, "gate.", 5) == 0)
            rc = dossier_hit(d, &c->tested, r);
    }
    return rc;
}

static void hex_of(const dura_record *r, uint32_t key, char out[65])
{
    const uint8_t *p;
    size_t n;
    if (dura_record_bytes(r, key, &p, &n) == DURA_OK && n == 32)
        cli_hex(out, p, n);
}

static int on_boot(dossier *d, const dura_record *r)
{
    const char *v;
    size_t n;
    uint64_t gate = 1;
    int64_t code = 1;
    int rc = dossier_hit(d, &d->boot, r);
    hex_of(r, 16, d->boot_policy);
    hex_of(r, 17, d->boot_model);
    if (dura_record_text(r, 23, &v, &n) == DURA_OK)
        snprintf(d->version, sizeof d->version, "%.*s", (int)n, v);
    if (dura_record_uint(r, 18, &gate) == DURA_OK || dura_record_int(r, 18, &code) == DURA_OK)
        for (uint32_t i = 0; rc == DURA_OK && i < d->n_control; i++)
            if (strcmp(d->control[i].hook, "gate.verify") == 0 && d->control[i].configured)
                rc = dossier_hit(d, gate == 0 || code == 0 ? &d->control[i].tested : &d->control[i].fired, r);
    return rc;
}

/* A seal is the sealing's own proof: verify looked at each. */
static int on_seal(dossier *d, const dura_record *r)
{
    int rc = dossier_hit(d, &d->seals, r);
    for (uint32_t i = 0; rc == DURA_OK && i < d->n_control; i++)
        if (strcmp(d->control[i].hook, "log.seal") == 0 || strcmp(d->control[i].hook, "log.anchor") == 0)
            rc = dossier_hit(d, &d->control[i].tested, r);
    return rc;
}

static int on_record(dossier *d, const dura_record *r)
{
    int l = r->log == DURA_LOG_DECISION;
    if (r->segment < d->n_seg[l]) {
        dossier_segment *g = &d->seg[l][r->segment];
        g->first = g->records++ ? g->first : r->gseq;
        g->last = r->gseq;
    }
    if (r->time.quality) {
        char *at = *d->begin ? d->end : d->begin;
        text_time(at, r->time.wall_ns);
        d->oldest_ns = d->oldest_ns ? d->oldest_ns : (uint64_t)r->time.wall_ns;
        d->newest_ns = (uint64_t)r->time.wall_ns;
    }
    int rc = dossier_hit(d, &d->whole, r);
    if (rc != DURA_OK)
        return rc;
    switch (r->kind) {
    case DURA_REC_DECISION: return on_decision(d, r);
    case DURA_REC_INCIDENT: return on_incident(d, r);
    case DURA_REC_FACT: return on_fact(d, r);
    case DURA_REC_BOOT: return on_boot(d, r);
    case DURA_REC_SEAL: return on_seal(d, r);
    case DURA_REC_EVENT: return dossier_hit(d, &d->events, r);
    default: return DURA_OK;
    }
}

static int read_records(dossier *d, dura_error *err)
{
    dura_records *in;
    dura_record r;
    dura_error broken;
    int rc = dura_records_open(&in, d->run, 0, err), got;
    if (rc != DURA_OK)
        return rc;
    memset(&r, 0, sizeof r);
    r.struct_size = sizeof r;
    while (rc == DURA_OK && (got = dura_records_next(in, &r, &broken)) == 1)
        rc = on_record(d, &r);
    dura_records_close(in);
    if (!*d->begin)
        text_time(d->begin, 0);
    if (!*d->end)
        strcpy(d->end, d->begin);
    return rc == DURA_OK ? DURA_OK : oom(err);
}

/* ---- strength ------------------------------------------------------------------------------ */

static int speaks(const dossier_control *c, uint64_t gseq)
{
    for (uint32_t k = 0; k < c->n_range; k++)
        if (c->range[k].first <= gseq && gseq <= c->range[k].last)
            return 1;
    return 0;
}

/* Incidents that got a verdict and name a record in which the control fired. */
static int find_verdicts(dossier *d, dossier_control *c)
{
    for (uint32_t k = 0; k < d->n_incident; k++) {
        const dura_incident *i = &d->incident[k].last;
        int found = strcmp(c->hook, "correlate.verdict") == 0;
        for (uint32_t e = 0; !found && e < i->n_evidence; e++)
            found = speaks(c, i->evidence[e].gseq);
        if (!found || i->cause == DURA_CAUSE_UNKNOWN || !c->configured)
            continue;
        int rc = dossier_join(d, &c->verdict, &d->incident[k].span);
        if (rc != DURA_OK)
            return rc;
    }
    return DURA_OK;
}

/* ---- the register -------------------------------------------------------------------------- */

static int read_register(dossier *d, const dossier_options *o, dura_error *err)
{
    d->reg_info = (dura_register_info)DURA_REGISTER_INFO_INIT;
    int rc = dura_register_load(o->register_path, &d->reg, err);
    if (rc == DURA_OK)
        rc = dura_register_query(d->reg, &d->reg_info);
    if (rc == DURA_OK)
        rc = dura_json_load(o->register_path, &d->doc, err);
    if (rc != DURA_OK)
        return rc;
    cli_hex(d->register_sha, d->reg_info.digest, 32);
    uint32_t list = dura_json_member(d->doc, DURA_JSON_ROOT, "controls");
    d->n_control = dura_json_count(d->doc, list);
    d->control = dossier_alloc(d, d->n_control * sizeof *d->control);
    if (!d->control) {
        d->n_control = 0;
        return oom(err);
    }
    uint32_t i = 0;
    for (uint32_t v = dura_json_first(d->doc, list); v != DURA_JSON_NONE; v = dura_json_next(d->doc, v), i++) {
        d->control[i].value = v;
        d->control[i].id = dossier_str(d->doc, v, "id");
        d->control[i].hook = dossier_str(d->doc, v, "hook");
        d->control[i].title = dossier_str(d->doc, v, "title");
    }
    return DURA_OK;
}

/* A drill that something caught is nothing to a policy that ran without it. */
static void absent(dossier *d)
{
    dura_binding_problem p = DURA_BINDING_PROBLEM_INIT;
    for (uint32_t k = 0; dura_binding_problem_at(d->binding, k, &p) == DURA_OK; k++)
        for (uint32_t i = 0; i < d->n_control; i++)
            if ((p.code == DURA_BIND_HOOK || p.code == DURA_BIND_CHANNEL || p.code == DURA_BIND_BUILD) &&
                strcmp(p.subject, d->control[i].id) == 0) {
                d->control[i].strength = DURA_E0;
                d->control[i].why = p.text;
            }
}

/* Counters and strength, before the records are read for their places. */
static int bind(dossier *d, const dossier_options *o, dura_error *err)
{
    dura_verify_options v = DURA_VERIFY_OPTIONS_INIT;
    dura_binding_options bo = DURA_BINDING_OPTIONS_INIT;
    dura_json *drill = NULL;
    v.state_dir = o->state;
    v.checkpoint = o->checkpoint;
    v.key = o->key;
    int rc = o->drill ? dura_json_load(o->drill, &drill, err) : DURA_OK;
    bo.drill = drill;
    bo.verify = &v;
    if (rc == DURA_OK)
        rc = dura_binding_read(&d->binding, o->run, d->reg, &bo, err);
    dura_json_deinit(drill);
    d->bound = (dura_binding_info)DURA_BINDING_INFO_INIT;
    if (rc == DURA_OK)
        rc = dura_binding_query(d->binding, &d->bound);
    for (uint32_t i = 0; rc == DURA_OK && i < d->n_control; i++) {
        dossier_control *c = &d->control[i];
        c->is = (dura_binding_control)DURA_BINDING_CONTROL_INIT;
        rc = dura_binding_control_at(d->binding, i, &c->is);
        c->strength = c->is.level;
        c->why = c->is.why;
        c->configured = c->is.steps >> DURA_E1 & 1;
    }
    if (rc == DURA_OK)
        absent(d);
    if (rc != DURA_OK)
        return rc;
    d->verify = *d->bound.verify;
    d->believed = d->verify.word != DURA_VERIFY_TAMPERED;
    d->armed_ms = d->bound.span_ns / 1000000;
    return DURA_OK;
}

static int check_register(dossier *d, const dossier_options *o, dura_error *err)
{
    char *rows_text;
    size_t n;
    dura_json *evidence = NULL;
    dura_register_options ro = DURA_REGISTER_OPTIONS_INIT;
    int rc = dura_binding_evidence(d->binding, &rows_text, &n);
    if (rc != DURA_OK)
        return oom(err);
    rc = dura_json_parse(rows_text, n, "records", &evidence, err);
    dura_register_free(rows_text);
    ro.today = d->today;
    ro.evidence = evidence;
    ro.documents = o->documents;
    d->found = (dura_findings)DURA_FINDINGS_INIT;
    if (rc == DURA_OK)
        rc = dura_register_check(d->reg, &ro, &d->found, err);
    dura_json_deinit(evidence);
    return rc;
}

/* A hook that is read by its own rules: its records lie between the first and the last. */
static int fill_range(dossier *d, dossier_span *s, uint64_t n, uint64_t first, uint64_t last)
{
    if (s->n || !n || first == UINT64_MAX || room(d, s) != DURA_OK)
        return s->n || !n || first == UINT64_MAX ? DURA_OK : DURA_ENOSPC;
    for (int l = 0; l < 2; l++)
        for (uint32_t i = 0; i < d->n_seg[l]; i++)
            if (d->seg[l][i].records && d->seg[l][i].first <= last && d->seg[l][i].last >= first)
                s->seg[l][i] = 1;
    s->n = n;
    s->first = s->named[0] = first;
    s->last = s->named[1] = last;
    s->n_named = first == last ? 1 : 2;
    return DURA_OK;
}

/* ---- together ------------------------------------------------------------------------------ */

static int verify(dossier *d, const dossier_options *o, dura_error *err)
{
    dura_verify_options v = DURA_VERIFY_OPTIONS_INIT;
    memset(&d->verify, 0, sizeof d->verify);
    d->verify.struct_size = sizeof d->verify;
    v.state_dir = o->state;
    v.checkpoint = o->checkpoint;
    v.key = o->key;
    int rc = dura_verify_folder(o->run, &v, &d->verify, err);
    d->believed = d->verify.word != DURA_VERIFY_TAMPERED;
    return rc;
}

static int evidence_of_incidents(dossier *d)
{
    for (uint32_t k = 0; k < d->n_incident; k++) {
        dossier_incident *i = &d->incident[k];
        for (uint32_t e = 0; e < i->last.n_evidence; e++) {
            int log, at = dossier_segment_of(d, i->last.evidence[e].gseq, &log);
            log = i->last.evidence[e].log == DURA_LOG_DECISION;
            for (uint32_t s = 0; s < d->n_seg[log]; s++)
                if (d->seg[log][s].records && d->seg[log][s].first <= i->last.evidence[e].gseq &&
                    i->last.evidence[e].gseq <= d->seg[log][s].last)
                    i->span.seg[log][s] = 1;
            (void)at;
        }
        end_span(&i->span);
    }
    return DURA_OK;
}

int dossier_read_run(dossier *d, const dossier_options *o, dura_error *err)
{
    d->run = o->run;
    int rc = o->register_path ? bind(d, o, err) : verify(d, o, err);
    if (rc == DURA_OK)
        rc = list_segments(d, o->register_path != NULL, err);
    if (rc == DURA_OK)
        rc = read_policy(d, err);
    for (uint32_t i = 0; rc == DURA_OK && i < d->n_control; i++)
        find_channels(d, &d->control[i]);
    if (rc == DURA_OK)
        rc = read_records(d, err);
    if (rc != DURA_OK)
        return rc;
    d->simulated = o->simulated || d->policy.development || d->verify.demo_key || strncmp(d->policy.name, "simulated", 9) == 0;
    return evidence_of_incidents(d);
}

static uint32_t day_of(const char *iso)
{
    unsigned y = 1970, m = 1, day = 1;
    (void)sscanf(iso, "%4u-%2u-%2u", &y, &m, &day);
    return y * 10000 + m * 100 + day;
}

int dossier_read(dossier *d, const dossier_options *o, dura_error *err)
{
    d->register_path = o->register_path;
    int rc = read_register(d, o, err);
    if (rc == DURA_OK)
        rc = dossier_read_run(d, o, err);
    for (uint32_t i = 0; rc == DURA_OK && i < d->n_control; i++) {
        dossier_control *c = &d->control[i];
        rc = fill_range(d, &c->fired, c->is.fires, c->is.fire_gseq, c->is.last_fire_gseq);
        if (rc == DURA_OK)
            rc = find_verdicts(d, c);
        end_span(&c->fired);
        end_span(&c->tested);
    }
    end_span(&d->decisions);
    end_span(&d->seals);
    end_span(&d->boot);
    end_span(&d->releases);
    d->today = o->today ? o->today : day_of(d->end);
    return rc == DURA_OK ? check_register(d, o, err) : rc;
}
