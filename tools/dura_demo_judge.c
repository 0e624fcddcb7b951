/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The judge of `dura demo`: what the decision log says, against the plan.
 *
 * Only records of the finished run count, read as anybody would read them. An incident
 * belongs to the stretch it was opened in; its verdict is that of its last record, and it
 * must have closed. One wrong incident makes a stretch wrong, however many right ones.
 */
#include "dura_demo.h"
#include "dura_report.h"

#include <dura/host/incident.h>
#include <dura/host/verify.h>

#include <stdio.h>
#include <string.h>

enum { INCIDENTS = 256 };

typedef struct seen {
    dura_incident last;
    uint64_t opened;           /* frame */
    uint64_t said;             /* frame of the first record of the last verdict in a row */
    uint8_t cause;             /* ... that verdict */
} seen;

static int episode_of(const demo *d, uint64_t frame)
{
    int e = DEMO_EPISODES - 1;
    while (e > 0 && frame < d->result[e].start)
        e--;
    return e;
}

static int add(seen *all, uint32_t *n, const dura_record *rec)
{
    dura_incident in = DURA_INCIDENT_INIT;
    uint64_t frame = (uint64_t)(rec->time.mono_ns / PLANT_PERIOD_NS);
    int rc = dura_incident_decode(rec, &in);
    if (rc != DURA_OK || in.id == 0 || in.id > INCIDENTS)
        return rc != DURA_OK ? rc : DURA_ELIMIT;
    seen *s = &all[in.id - 1];
    if (in.id > *n) {
        *n = in.id;
        s->opened = frame;
    }
    if (s->last.id == 0 || s->cause != in.cause)
        s->said = frame;
    s->cause = in.cause;
    s->last = in;
    return DURA_OK;
}

static int read_incidents(const char *folder, seen *all, uint32_t *n, dura_error *err)
{
    dura_records *in;
    dura_record rec;
    memset(&rec, 0, sizeof rec);
    rec.struct_size = sizeof rec;
    int rc = dura_records_open(&in, folder, DURA_LOG_DECISION, err);
    if (rc != DURA_OK)
        return rc;
    while ((rc = dura_records_next(in, &rec, err)) == 1)
        if (rec.kind == DURA_REC_INCIDENT && (rc = add(all, n, &rec)) != DURA_OK)
            break;
    dura_records_close(in);
    return rc;
}

static void count(demo *d, const seen *s)
{
    int e = episode_of(d, s->opened);
    demo_result *r = &d->result[e];
    int wrong = s->last.cause != demo_plans[e].expected || s->last.state != DURA_INCIDENT_CLOSED;
    if (r->incidents == 0 || (wrong && r->wrong == 0)) {
        r->verdict = s->last.cause;
        r->score = s->last.score;
        r->margin = s->last.margin;
        if (!demo_plans[e].release) {
            r->known = 1;
            r->frame = s->said;
        }
    }
    r->incidents++;
    r->wrong += (uint32_t)wrong;
}

static int is_right(const demo *d, int e)
{
    const demo_plan *k = &demo_plans[e];
    const demo_result *r = &d->result[e];
    if (r->wrong)
        return 0;
    if (k->release == DEMO_GOOD)
        return r->gate == DURA_GATE_COMMITTED;
    if (k->release == DEMO_BAD)
        return r->gate == DURA_GATE_ROLLED_BACK && r->bad == 0 && r->seen > 0 && r->lo >= d->band_lo && r->hi <= d->band_hi;
    return (r->incidents > 0) == (k->expected != DURA_CAUSE_NORMAL);
}

static int verify(demo *d, const char *folder, dura_error *err)
{
    char state[DEMO_PATH];
    dura_verify_options o = DURA_VERIFY_OPTIONS_INIT;
    dura_verify_report report;
    memset(&report, 0, sizeof report);
    report.struct_size = sizeof report;
    o.state_dir = demo_path(d, "state", state);
    int rc = dura_verify_folder(folder, &o, &report, err);
    if (rc == DURA_OK)
        snprintf(d->word, sizeof d->word, "%s", dura_verify_word(report.word));
    return rc;
}

int demo_judge(demo *d, dura_error *err)
{
    static seen all[INCIDENTS];
    char folder[DEMO_PATH];
    uint32_t n = 0;
    memset(all, 0, sizeof all);
    int rc = read_incidents(demo_path(d, "run", folder), all, &n, err);
    for (uint32_t i = 0; i < n && rc == DURA_OK; i++)
        count(d, &all[i]);
    for (int e = 0; e < DEMO_EPISODES; e++)
        d->result[e].right = (uint8_t)is_right(d, e);
    return rc == DURA_OK ? verify(d, folder, err) : rc;
}

int demo_report(const demo *d, dura_error *err)
{
    char run[DEMO_PATH], page[DEMO_PATH], state[DEMO_PATH];
    dura_verify_options v = DURA_VERIFY_OPTIONS_INIT;
    dura_story_options o = DURA_STORY_OPTIONS_INIT;
    v.state_dir = demo_path(d, "state", state);
    o.verify = &v;
    return report_write(demo_path(d, "run", run), demo_path(d, "report.html", page), &o, err);
}
