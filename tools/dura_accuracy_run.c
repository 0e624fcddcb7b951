/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dura_accuracy_run.c - joins the decisions of a run folder with its labels, however late.
 *
 * A label is an event of category `label`, id the frame's number, detail output=value. It may
 * come any time after its decision, and again: the last one counts. Labels that came from an
 * event file nobody vouches for (trust 0) would let whoever writes that file say how good the
 * model is: they are left out, and counted.
 */
#include "dura_accuracy_run.h"

#include "dura_args.h"

#include <dura/host/pack.h>
#include <dura/host/record.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FRAME = 16, CATEGORY = 16, TYPE = 17, ID = 18, VALUES = 22, RAW = 24, DETAIL = 25, TRUST = 26, MISSING = 30 };
#define NOWHERE 0xFFFFFFFFu
#define OUTPUT_BIT 0x80000000u

typedef struct label {
    uint64_t frame, order;
    float value;
    uint8_t used;
} label;

struct accuracy_run {
    accuracy_run_options o;
    dura_records *records;
    uint16_t output;            /* the judged one */
    uint32_t *at;               /* per column: channel, or OUTPUT_BIT and output */
    float *values;
    uint8_t *missing;
    label *labels;              /* by frame; of one frame the last is the one */
    size_t n_labels, room;
    accuracy_run_labels told;
};

int accuracy_run_is(const char *path)
{
    char *policy = cli_join(path, "policy.bin");
    FILE *f = policy ? fopen(policy, "rb") : NULL;
    free(policy);
    if (f)
        (void)fclose(f);
    return f != NULL;
}

/* ---- names ----------------------------------------------------------------------- */

static const char **list_names(const void *image, size_t len, int what, size_t *n)
{
    int rc = dura_pack_names(image, len, what, NULL, NULL, 0, n);
    const char **names = rc == DURA_OK || rc == DURA_ENOSPC ? calloc(*n + 1, sizeof *names) : NULL;
    if (names && dura_pack_names(image, len, what, names, NULL, *n, n) == DURA_OK)
        return names;
    free((void *)names);
    return NULL;
}

static uint32_t find(const char *const *names, size_t n, const char *name)
{
    size_t i;
    for (i = 0; i < n; i++)
        if (strcmp(names[i], name) == 0)
            return (uint32_t)i;
    return NOWHERE;
}

static int find_all(accuracy_run *r, const char *const *channels, size_t n_channels, const char *const *outputs, size_t n_outputs,
                    dura_error *err)
{
    uint32_t i, at = r->o.output ? find(outputs, n_outputs, r->o.output) : 0;
    if (!r->o.output && n_outputs != 1)
        return dura_error_set(err, DURA_ESYNTAX, r->o.folder, 0, "--output", "is missing: the policy has %zu outputs", n_outputs);
    if (at == NOWHERE)
        return dura_error_set(err, DURA_ESYNTAX, r->o.folder, 0, r->o.output, "is no output of the policy");
    r->output = (uint16_t)at;
    for (i = 0; i < r->o.n; i++) {
        at = r->o.roles[i] == RUN_RIGHT ? r->output : find(outputs, n_outputs, r->o.names[i]);
        r->at[i] = at == NOWHERE ? find(channels, n_channels, r->o.names[i]) : at | OUTPUT_BIT;
        if (r->at[i] == NOWHERE)
            return dura_error_set(err, DURA_ESYNTAX, r->o.folder, 0, r->o.names[i], "is no output and no channel of the policy");
    }
    return DURA_OK;
}

/* ---- labels ---------------------------------------------------------------------- */

/* Does the record's text at key equal `want`? */
static int says(const dura_record *rec, uint32_t key, const char *want)
{
    const char *p;
    size_t n;
    return dura_record_text(rec, key, &p, &n) == DURA_OK && n == strlen(want) && memcmp(p, want, n) == 0;
}

/* A text of the record as a C string of at most room - 1 bytes; -1: there is none. */
static int text(const dura_record *rec, uint32_t key, char *out, size_t room)
{
    const char *p;
    size_t n;
    if (dura_record_text(rec, key, &p, &n) != DURA_OK || n >= room)
        return -1;
    memcpy(out, p, n);
    out[n] = 0;
    return 0;
}

static int keep_label(accuracy_run *r, uint64_t frame, float value)
{
    if (r->n_labels == r->room) {
        size_t room = r->room ? 2 * r->room : 256;
        label *more = realloc(r->labels, room * sizeof *more);
        if (!more)
            return DURA_ENOSPC;
        r->labels = more;
        r->room = room;
    }
    r->labels[r->n_labels] = (label){frame, r->n_labels, value, 0};
    r->n_labels++;
    return DURA_OK;
}

static int take_label(accuracy_run *r, const dura_record *rec, const char *output)
{
    char id[32], detail[512], *end = NULL, *number = NULL;
    uint64_t frame, trust = 0;
    size_t n = strlen(output);
    float value;
    if (rec->kind != DURA_REC_EVENT || !says(rec, CATEGORY, "label") || !says(rec, TYPE, "value") ||
        text(rec, ID, id, sizeof id) != 0 || text(rec, DETAIL, detail, sizeof detail) != 0 ||
        strncmp(detail, output, n) != 0 || detail[n] != '=' || cli_number(id, UINT64_MAX, &frame) != 0)
        return DURA_OK;
    if (dura_record_uint(rec, TRUST, &trust) != DURA_OK || trust == 0) {
        r->told.unvouched++;
        return DURA_OK;
    }
    number = detail + n + 1;
    value = strtof(number, &end);
    if (end == number || *end || !(value >= -3.4e38f && value <= 3.4e38f)) {
        r->told.not_numbers++;
        return DURA_OK;
    }
    return keep_label(r, frame, value);
}

static int by_frame(const void *a, const void *b)
{
    const label *x = a, *y = b;
    if (x->frame != y->frame)
        return x->frame < y->frame ? -1 : 1;
    return (x->order > y->order) - (x->order < y->order);
}

static int read_labels(accuracy_run *r, const char *output, dura_error *err)
{
    dura_record rec = {0};
    size_t i, n = 0;
    int rc = dura_records_open(&r->records, r->o.folder, DURA_LOG_SECURITY, err);
    rec.struct_size = sizeof rec;
    while (rc >= 0 && (rc = dura_records_next(r->records, &rec, err)) > 0)
        rc = take_label(r, &rec, output);
    dura_records_close(r->records);
    r->records = NULL;
    if (rc < 0)
        return rc;
    qsort(r->labels, r->n_labels, r->n_labels ? sizeof *r->labels : 1, by_frame);
    for (i = 0; i < r->n_labels; i++)           /* of one frame the last one said */
        if (i + 1 == r->n_labels || r->labels[i + 1].frame != r->labels[i].frame)
            r->labels[n++] = r->labels[i];
    r->n_labels = n;
    return DURA_OK;
}

static label *label_of(accuracy_run *r, uint64_t frame)
{
    size_t low = 0, high = r->n_labels;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (r->labels[middle].frame < frame)
            low = middle + 1;
        else
            high = middle;
    }
    return low < r->n_labels && r->labels[low].frame == frame ? &r->labels[low] : NULL;
}

/* ---- decisions ------------------------------------------------------------------- */

static int open_policy(accuracy_run *r, char *output, size_t room, dura_error *err)
{
    size_t len, channels = 0, outputs = 0;
    char *path = cli_join(r->o.folder, "policy.bin");
    int kind = DURA_PACK_POLICY, rc;
    void *image = NULL;
    const char **c = NULL, **o = NULL;
    rc = path ? cli_load_image(path, &kind, &image, &len, err) : DURA_ENOSPC;
    free(path);
    if (rc == DURA_OK) {
        c = list_names(image, len, DURA_NAMES_CHANNELS, &channels);
        o = list_names(image, len, DURA_NAMES_OUTPUTS, &outputs);
        rc = c && o ? find_all(r, c, channels, o, outputs, err) : DURA_ENOSPC;
    }
    if (rc == DURA_OK)
        snprintf(output, room, "%s", o[r->output]);
    free((void *)c);
    free((void *)o);
    dura_pack_deinit(image);
    return rc;
}

int accuracy_run_open(accuracy_run **out, const accuracy_run_options *o, dura_error *err)
{
    accuracy_run *r = calloc(1, sizeof *r);
    char output[256] = "";
    int rc = DURA_ENOSPC;
    *out = NULL;
    if (!r)
        return rc;
    r->o = *o;
    r->at = calloc(o->n + 1, sizeof *r->at);
    r->values = calloc(o->n + 1, sizeof *r->values);
    r->missing = calloc(o->n + 1, 1);
    if (r->at && r->values && r->missing)
        rc = open_policy(r, output, sizeof output, err);
    if (rc == DURA_OK)
        rc = read_labels(r, output, err);
    if (rc == DURA_OK)
        rc = dura_records_open(&r->records, o->folder, DURA_LOG_DECISION, err);
    if (rc < 0) {
        accuracy_run_close(r);
        return rc;
    }
    *out = r;
    return DURA_OK;
}

void accuracy_run_close(accuracy_run *r)
{
    if (!r)
        return;
    dura_records_close(r->records);
    free(r->at);
    free(r->values);
    free(r->missing);
    free(r->labels);
    free(r);
}

/* Number i of the floats at key; 0: there is none, or it is not finite. */
static int number_at(const dura_record *rec, uint32_t key, uint32_t i, float *out)
{
    const uint8_t *p;
    size_t n;
    uint32_t bits;
    if (dura_record_bytes(rec, key, &p, &n) != DURA_OK || n / 4 <= i)
        return 0;
    p += 4 * (size_t)i;
    bits = (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
    memcpy(out, &bits, sizeof *out);
    return (bits & 0x7F800000u) != 0x7F800000u;
}

static int value_at(const dura_record *rec, uint32_t at, float *out)
{
    const uint8_t *p;
    size_t n;
    if (at & OUTPUT_BIT)
        return number_at(rec, RAW, at & ~OUTPUT_BIT, out);
    if (dura_record_bytes(rec, MISSING, &p, &n) == DURA_OK && at / 8 < n && (p[at / 8] >> at % 8 & 1u))
        return 0;
    return number_at(rec, VALUES, at, out);
}

static int near(float a, float b, float within)
{
    return a >= b - within && a <= b + within;
}

static void fill(accuracy_run *r, const dura_record *rec, uint64_t frame)
{
    label *l = label_of(r, frame);
    float judged = 0.0f;
    int answered = number_at(rec, RAW, r->output, &judged);
    uint32_t i;
    if (answered && l && !l->used) {
        l->used = 1;
        r->told.used++;
    }
    for (i = 0; i < r->o.n; i++) {
        float v = 0.0f;
        int there = answered && value_at(rec, r->at[i], &v);
        switch (r->o.roles[i]) {
        case RUN_SURE: v = v < 0.5f ? 1.0f - v : v; break;
        case RUN_AGREES: v = near(judged, v, r->o.within) ? 1.0f : 0.0f; break;
        case RUN_RIGHT:
            there = there && l;
            v = there && near(judged, l->value, r->o.within) ? 1.0f : 0.0f;
            break;
        default: break;
        }
        r->values[i] = there ? v : 0.0f;
        r->missing[i] = (uint8_t)!there;
    }
}

int accuracy_run_next(accuracy_run *r, dura_frames_row *row, dura_error *err)
{
    dura_record rec = {0};
    uint64_t frame;
    int rc;
    rec.struct_size = sizeof rec;
    do {
        rc = dura_records_next(r->records, &rec, err);
        if (rc <= 0) {
            r->told.of_no_decision = r->n_labels - r->told.used;
            return rc;
        }
    } while (rec.kind != DURA_REC_DECISION || dura_record_uint(&rec, FRAME, &frame) != DURA_OK);
    fill(r, &rec, frame);
    row->n = r->o.n;
    row->row = frame;
    row->line = rec.seq;
    row->time = rec.time;
    row->values = r->values;
    row->missing = r->missing;
    return 1;
}

accuracy_run_labels accuracy_run_told(const accuracy_run *r)
{
    return r->told;
}
