/* SPDX-License-Identifier: Apache-2.0 */
/* The summary of a run, for people in lines of aligned words, for machines as JSON. */
#include "dura_summary.h"

#include "dura_args.h"

#include <dura/host/incident.h>
#include <dura/host/record.h>

#include <dirent.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

static const char *const action_names[4] = {"ACT", "HOLD", "FALLBACK", "STOP"};

/* ---- counting -------------------------------------------------------------------- */

int summary_begin(summary *s, const char *const *names, uint16_t n)
{
    s->channel = calloc(n, sizeof *s->channel);
    s->n_channels = s->channel ? n : 0;
    for (uint16_t i = 0; i < s->n_channels; i++)
        s->channel[i].name = names[i];
    return s->channel ? 0 : -1;
}

static int action_index(uint8_t action)
{
    return action == DURA_ACT ? 0 : action == DURA_HOLD ? 1 : action == DURA_STOP ? 3 : 2;
}

void summary_add(summary *s, const dura_time *t, const dura_decision *d)
{
    if (s->rows++ == 0)
        s->first_ns = t->wall_ns;
    s->last_ns = t->wall_ns;
    s->actions[action_index(d->action)]++;
    s->bounded += (d->reasons & (DURA_G_RANGE | DURA_G_RATE)) != 0;
    s->failed += (d->reasons & (DURA_G_BACKEND | DURA_G_NONFINITE)) != 0;
    s->recovering += (d->reasons & DURA_G_RECOVERING) != 0;
    if (!(d->reasons & DURA_G_INPUT) || d->worst_channel >= s->n_channels)
        return;
    summary_channel *c = &s->channel[d->worst_channel];
    c->rows++;
    for (int bit = 0; bit < SUMMARY_REASONS; bit++)
        c->reason[bit] += (d->sensor_reasons >> bit) & 1u;
}

/* Bytes of the regular files of out/log. */
static uint64_t folder_bytes(const char *out, const char *log)
{
    uint64_t bytes = 0;
    char *folder = cli_join(out, log);
    DIR *d = folder ? opendir(folder) : NULL;
    for (struct dirent *e; d && (e = readdir(d)) != NULL;) {
        struct stat st;
        char *path = cli_join(folder, e->d_name);
        if (path && stat(path, &st) == 0 && S_ISREG(st.st_mode))
            bytes += (uint64_t)st.st_size;
        free(path);
    }
    if (d)
        closedir(d);
    free(folder);
    return bytes;
}

/* The last state of each incident counts; ids begin anew with every boot. */
static void count_incidents(summary *s)
{
    struct seen { uint32_t boot, id; uint8_t cause; } *all = NULL;
    size_t n = 0, k;
    dura_records *in;
    dura_record r = {0};
    dura_error err;
    r.struct_size = sizeof r;
    if (dura_records_open(&in, s->out, DURA_LOG_DECISION, &err) != DURA_OK)
        return;
    while (dura_records_next(in, &r, &err) == 1) {
        dura_incident i = DURA_INCIDENT_INIT;
        if (r.kind != DURA_REC_INCIDENT || dura_incident_decode(&r, &i) != DURA_OK)
            continue;
        for (k = 0; k < n && (all[k].id != i.id || all[k].boot != r.time.boot); k++)
            ;
        if (k == n) {
            struct seen *more = realloc(all, (n + 1) * sizeof *more);
            if (!more)
                break;
            all = more;
            n++;
        }
        all[k] = (struct seen){r.time.boot, i.id, i.cause};
    }
    for (k = 0; k < n; k++)
        s->incidents[all[k].cause]++;
    free(all);
    dura_records_close(in);
}

void summary_close(summary *s)
{
    dura_records *in;
    dura_record r = {0};
    dura_error err;
    r.struct_size = sizeof r;
    s->log_bytes[0] = folder_bytes(s->out, "security.log");
    s->log_bytes[1] = folder_bytes(s->out, "decision.log");
    count_incidents(s);
    if (dura_records_open(&in, s->out, DURA_LOG_SECURITY, &err) != DURA_OK)
        return;
    while (dura_records_next(in, &r, &err) == 1)
        s->epochs += r.kind == DURA_REC_SEAL;
    dura_records_close(in);
}

void summary_end(summary *s)
{
    free(s->channel);
    s->channel = NULL;
}

/* Channels with rejected rows, the worst first. Returns how many. */
static uint16_t rank(const summary *s, uint16_t *order)
{
    uint16_t n = 0;
    for (uint16_t i = 0; i < s->n_channels; i++) {
        uint16_t at = n;
        if (!s->channel[i].rows)
            continue;
        for (; at > 0 && s->channel[order[at - 1]].rows < s->channel[i].rows; at--)
            order[at] = order[at - 1];
        order[at] = i;
        n++;
    }
    return n;
}

/* ---- words ----------------------------------------------------------------------- */

/* 1234567 as "1,234,567". */
static const char *grouped(uint64_t v, char out[32])
{
    char digits[24];
    int n = snprintf(digits, sizeof digits, "%" PRIu64, v), k = 0;
    for (int i = 0; i < n; i++) {
        if (i && (n - i) % 3 == 0)
            out[k++] = ',';
        out[k++] = digits[i];
    }
    out[k] = '\0';
    return out;
}

static const char *iso(int64_t ns, char out[40])
{
    struct tm tm;
    time_t t = (time_t)(ns / 1000000000);
    if (!gmtime_r(&t, &tm) || !strftime(out, 40, "%Y-%m-%dT%H:%M:%SZ", &tm))
        out[0] = '\0';
    return out;
}

static const char *span(int64_t ns, char out[48])
{
    int64_t s = ns / 1000000000;
    if (s >= 2 * 86400)
        snprintf(out, 48, "%" PRId64 " d %" PRId64 " h", s / 86400, s / 3600 % 24);
    else if (s >= 7200)
        snprintf(out, 48, "%" PRId64 " h %" PRId64 " min", s / 3600, s / 60 % 60);
    else if (s >= 120)
        snprintf(out, 48, "%" PRId64 " min %" PRId64 " s", s / 60, s % 60);
    else
        snprintf(out, 48, "%.3g s", (double)ns * 1e-9);
    return out;
}

static void print_rows(const summary *s)
{
    char n[32], from[40], to[40], took[48];
    printf("%s, mode %s: %s rows", s->device, s->mode, grouped(s->rows, n));
    if (s->rows)
        printf(", %s .. %s (%s)", iso(s->first_ns, from), iso(s->last_ns, to), span(s->last_ns - s->first_ns, took));
    printf("\n");
    if (s->skipped)
        printf("resumed   %s rows were recorded before and were not guarded again\n", grouped(s->skipped, n));
    if (s->stopped)
        printf("stopped   by a signal; the run is closed all the same\n");
}

static void print_actions(const summary *s)
{
    static const char *const meaning[4] = {"the model's answer, within its envelope", "the last driven answer, for a while",
                                           "the policy's safe values", "a person stopped the model"};
    char n[32];
    printf("\n");
    for (int i = 0; i < 4; i++)
        printf("%-9s %9s  %5.1f %%  %s\n", action_names[i], grouped(s->actions[i], n),
               s->rows ? 100.0 * (double)s->actions[i] / (double)s->rows : 0.0, meaning[i]);
    if (s->bounded)
        printf("bounded   %9s  rows in which the model's answer left its envelope\n", grouped(s->bounded, n));
    if (s->failed)
        printf("failed    %9s  rows in which the model gave no usable answer\n", grouped(s->failed, n));
    if (s->recovering)
        printf("waited    %9s  good rows before the model was trusted again\n", grouped(s->recovering, n));
}

static void print_rejected(const summary *s)
{
    uint16_t order[DURA_CHANNELS_MAX], n = rank(s, order);
    printf("\nrejected  %s\n", n ? "the worst channel of each row the model was not shown" : "no row");
    for (uint16_t i = 0; i < n && i < 12; i++) {
        const summary_channel *c = &s->channel[order[i]];
        char count[32];
        printf("  %-20s %9s ", c->name, grouped(c->rows, count));
        for (uint32_t bit = 0; bit < SUMMARY_REASONS; bit++)
            if (c->reason[bit])
                printf("  %s %s", dura_record_name(DURA_NAME_SENSOR_REASON, bit), grouped(c->reason[bit], count));
        printf("\n");
    }
    if (n > 12)
        printf("  and %u more channels (--json lists all)\n", n - 12u);
}

static void print_story(const summary *s)
{
    char n[32], at[40];
    uint64_t all = 0;
    for (uint32_t c = 0; c < 6; c++)
        all += s->incidents[c];
    if (s->events || s->events_left)
        printf("\nevents    %s from outside, in the security log\n", grouped(s->events, n));
    if (s->events_left)
        printf("          %s after the last row were left out; the first is of %s\n", grouped(s->events_left, n),
               iso(s->left_ns, at));
    if (s->placed && s->nowhere)
        printf("          %s name an asset or a zone, and the policy does not say which it is: set device.asset,\n"
               "          or they count as somebody else's\n", grouped(s->placed, n));
    if (all) {
        printf("%sincidents %s:", s->events || s->events_left ? "" : "\n", grouped(all, n));
        for (uint32_t c = 1; c < 6; c++)
            if (s->incidents[c])
                printf("  %s %s", dura_record_name(DURA_NAME_CAUSE, c), grouped(s->incidents[c], n));
        printf("   (dura correlate %s)\n", s->out);
    }
    if (s->release) {
        printf("release   %s: %s", s->release, dura_record_name(DURA_NAME_GATE, s->gate.state));
        for (uint32_t bit = 0; bit < 32; bit++)
            if (s->gate.why >> bit & 1u)
                printf(", %s", dura_record_name(DURA_NAME_WHY, bit));
        printf("\n");
    }
}

static void print_keys(const summary *s)
{
    char security[32], decision[32], epochs[32];
    printf("\nlogs      security.log %s bytes, decision.log %s bytes, %s epochs sealed in both\n",
           grouped(s->log_bytes[0], security), grouped(s->log_bytes[1], decision), grouped(s->epochs, epochs));
    printf("origin    %s\n", s->origin);
    if (s->demo_key)
        printf("DEMO KEY  everybody has the key that sealed these logs: they prove nothing\n");
    if (s->development_key)
        printf("DEVELOPMENT KEY  everybody may sign models for this policy: `dura key make` gives you your own\n");
    printf("\nnext      dura verify %s%s%s\n", s->out, s->state ? " --state " : "", s->state ? s->state : "");
}

/* ---- JSON ------------------------------------------------------------------------ */

static void json_channels(const summary *s)
{
    uint16_t order[DURA_CHANNELS_MAX], n = rank(s, order);
    printf(",\"rejected\":[");
    for (uint16_t i = 0; i < n; i++) {
        const summary_channel *c = &s->channel[order[i]];
        int any = 0;
        printf("%s{\"channel\":", i ? "," : "");
        cli_print_json_text(stdout, c->name);
        printf(",\"rows\":%" PRIu64 ",\"reasons\":{", c->rows);
        for (uint32_t bit = 0; bit < SUMMARY_REASONS; bit++)
            if (c->reason[bit])
                printf("%s\"%s\":%" PRIu64, any++ ? "," : "", dura_record_name(DURA_NAME_SENSOR_REASON, bit),
                       c->reason[bit]);
        printf("}}");
    }
    printf("]");
}

static void print_json(const summary *s)
{
    char from[40], to[40];
    printf("{\"out\":");
    cli_print_json_text(stdout, s->out);
    printf(",\"device\":");
    cli_print_json_text(stdout, s->device);
    printf(",\"mode\":\"%s\",\"rows\":%" PRIu64 ",\"skipped\":%" PRIu64, s->mode, s->rows, s->skipped);
    if (s->rows)
        printf(",\"first\":\"%s\",\"last\":\"%s\"", iso(s->first_ns, from), iso(s->last_ns, to));
    printf(",\"actions\":{");
    for (int i = 0; i < 4; i++)
        printf("%s\"%s\":%" PRIu64, i ? "," : "", action_names[i], s->actions[i]);
    printf("},\"bounded\":%" PRIu64 ",\"failed\":%" PRIu64 ",\"recovering\":%" PRIu64, s->bounded, s->failed,
           s->recovering);
    json_channels(s);
    printf(",\"security_bytes\":%" PRIu64 ",\"decision_bytes\":%" PRIu64 ",\"epochs\":%" PRIu64 ",\"origin\":\"%s\"",
           s->log_bytes[0], s->log_bytes[1], s->epochs, s->origin);
    printf(",\"events\":%" PRIu64 ",\"events_left\":%" PRIu64 ",\"incidents\":{", s->events, s->events_left);
    for (uint32_t c = 1; c < 6; c++)
        printf("%s\"%s\":%" PRIu64, c > 1 ? "," : "", dura_record_name(DURA_NAME_CAUSE, c), s->incidents[c]);
    printf("}");
    if (s->release)
        printf(",\"gate\":\"%s\"", dura_record_name(DURA_NAME_GATE, s->gate.state));
    printf(",\"demo_key\":%s,\"development_key\":%s,\"stopped\":%s}\n", s->demo_key ? "true" : "false",
           s->development_key ? "true" : "false", s->stopped ? "true" : "false");
}

void summary_print(const summary *s, int as_json)
{
    if (as_json) {
        print_json(s);
        return;
    }
    print_rows(s);
    print_actions(s);
    print_rejected(s);
    print_story(s);
    print_keys(s);
}
