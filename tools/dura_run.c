/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `dura run`: every row of a recording or of standard input through a guard, in order.
 *
 * The header of the frames is checked against the policy before the run folder is made,
 * so that a mistyped column leaves nothing behind. An error after that leaves the folder
 * unclosed: `dura verify` calls it CUT and --resume goes on in it. A signal ends the rows
 * as if the recording ended there, and the run is closed.
 */
#include "dura_args.h"
#include "dura_progress.h"
#include "dura_summary.h"

#include <dura/host/events.h>
#include <dura/host/frames.h>
#include <dura/host/pack.h>
#include <dura/host/session.h>

#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

static const char *policy, *model, *frames_path, *factory, *state, *time_format, *time_column, *out, *fail_on;
static const char *security, *assets, *trust, *clock_error, *device, *release_file, *approvals, *release_row;
static int resume, demo_key, as_json;

static const cli_option options[] = {
    {"--policy", NULL, "FILE", &policy, NULL, "policy.json (with --resume: the one in DIR)"},
    {"--model", NULL, "FILE", &model, NULL, "model.json or its image (with --resume: the one in DIR)"},
    {"--frames", NULL, "FILE", &frames_path, NULL, "CSV or NDJSON; - is standard input"},
    {"--out", NULL, "DIR", &out, NULL, "run folder, made here"},
    {"--security", NULL, "FILE", &security, NULL, "security events: NDJSON or Suricata EVE, joined to the rows by time"},
    {"--assets", NULL, "FILE", &assets, NULL, "assets.csv: which address is which asset and zone"},
    {"--trust", NULL, "WORD", &trust, NULL, "none (default), or source: whoever wrote --security is authenticated"},
    {"--clock-error", NULL, "S", &clock_error, NULL, "the clocks of --frames and --security agree within S seconds (default: unknown)"},
    {"--device", NULL, "DIR", &device, NULL, "the device's journal and model slots: updates stay from run to run"},
    {"--release", NULL, "FILE", &release_file, NULL, "offer this release to the gate (its brain is FILE.brain)"},
    {"--release-row", NULL, "N", &release_row, NULL, "... before row N (default 0)"},
    {"--approval", NULL, "FILES", &approvals, NULL, "approvals of what is in hand, with commas between: handed over there, too"},
    {"--factory", NULL, "FILE", &factory, NULL, "factory record (default: one is signed with the development key)"},
    {"--state", NULL, "DIR", &state, NULL, "folder of the secrets (default: $DURA_STATE or ~/.local/state/dura)"},
    {"--resume", NULL, NULL, NULL, &resume, "go on in DIR, behind the rows recorded there"},
    {"--demo-key", NULL, NULL, NULL, &demo_key, "seal with the public demo key: repeatable bytes, no proof"},
    {"--time-column", NULL, "NAME", &time_column, NULL, "default: time, t, timestamp, datetime or date"},
    {"--time-format", NULL, "FORMAT", &time_format, NULL, "such as \"%d/%m/%y %H\" (default: ISO 8601 or seconds since 1970)"},
    {"--fail-on", NULL, "VERDICT", &fail_on, NULL, "exit 1 if a row was SUSPECT, FAIL, MISSING (or worse), HOLD, FALLBACK or STOP"},
    {"--json", NULL, NULL, NULL, &as_json, "the summary as one JSON object"},
    {NULL, NULL, NULL, NULL, NULL, NULL},
};
static const cli_command self = {
    "run", "--policy FILE --model FILE --frames FILE|- --out DIR [options]",
    "Validates every row, lets the model answer where the row allows it, bounds the answer,\n"
    "records the decision, and seals both logs. Exit 0 whatever was found, but for --fail-on.\n",
    options, NULL, 0, 0,
};

static volatile int stop;

static void on_signal(int signal)
{
    (void)signal;
    stop = 1;
}

/* No SA_RESTART: a read that waits for the next row must wake up. A file that meets the
 * size limit must fail with an error instead of ending the process. */
static void catch_signals(void)
{
    struct sigaction act;
    memset(&act, 0, sizeof act);
    act.sa_handler = on_signal;
    sigaction(SIGINT, &act, NULL);
    sigaction(SIGTERM, &act, NULL);
    act.sa_handler = SIG_IGN;
    sigaction(SIGXFSZ, &act, NULL);
}

/* Everything a run holds; freed as one. */
typedef struct run {
    char *own_policy, *own_model;      /* paths inside the run folder, for --resume */
    void *image;                       /* packed policy: the names point into it */
    const char **names;
    dura_policy_info info;
    dura_frames *frames;
    dura_events *events;               /* NULL: none */
    dura_events_row event;             /* read and not yet recorded, when has_event */
    int has_event;
    uint64_t offer_at;                 /* row before which the release is offered */
    uint32_t clock_err_us;             /* 0: nobody knows */
    dura_session *session;
    summary sum;
    int hit;                           /* --fail-on */
} run;

static void free_run(run *r)
{
    dura_session_abort(r->session);
    dura_frames_close(r->frames);
    dura_events_close(r->events);
    summary_end(&r->sum);
    free((void *)r->names);
    dura_pack_deinit(r->image);
    free(r->own_policy);
    free(r->own_model);
}

/* ---- --fail-on ------------------------------------------------------------------- */

static const struct named { const char *name; uint8_t value; int is_action; } fail_words[] = {
    {"SUSPECT", DURA_SUSPECT, 0}, {"FAIL", DURA_FAIL, 0}, {"MISSING", DURA_MISSING, 0},
    {"HOLD", DURA_HOLD, 1}, {"FALLBACK", DURA_FALLBACK, 1}, {"STOP", DURA_STOP, 1},
};

static const struct named *fail_word(void)
{
    for (size_t i = 0; i < sizeof fail_words / sizeof *fail_words; i++)
        if (strcmp(fail_on, fail_words[i].name) == 0)
            return &fail_words[i];
    return NULL;
}

/* QARTOD numbers rise with badness. */
static int meets(const dura_decision *d)
{
    if (!fail_on)
        return 0;
    const struct named *w = fail_word();
    return w->is_action ? d->action == w->value : d->verdict >= w->value;
}

/* ---- opening --------------------------------------------------------------------- */

static int load_policy(run *r, dura_error *err)
{
    size_t len, n = 0;
    int kind = DURA_PACK_POLICY;
    int rc = cli_load_image(policy, &kind, &r->image, &len, err);
    if (rc != DURA_OK)
        return rc;
    r->info = (dura_policy_info)DURA_POLICY_INFO_INIT;
    rc = dura_policy_query(r->image, len, &r->info);
    if (rc != DURA_OK)
        return dura_error_set(err, rc, policy, 0, NULL, "%s", dura_strerror(rc));
    r->names = calloc(r->info.n_channels, sizeof *r->names);
    if (!r->names)
        return dura_error_set(err, DURA_ENOSPC, NULL, 0, NULL, "out of memory");
    return dura_pack_names(r->image, len, DURA_NAMES_CHANNELS, r->names, NULL, r->info.n_channels, &n);
}

static int open_frames(run *r, dura_error *err)
{
    dura_frames_options o = DURA_FRAMES_OPTIONS_INIT;
    o.path = frames_path;
    o.channels = r->names;
    o.n_channels = r->info.n_channels;
    o.time_column = time_column;
    o.time_format = time_format;
    o.stop = &stop;
    return dura_frames_open(&r->frames, &o, err);
}

static int open_session(run *r, dura_error *err)
{
    dura_session_options o = DURA_SESSION_OPTIONS_INIT;
    o.flags = (demo_key ? (uint32_t)DURA_SESSION_DEMO_KEY : 0) | (resume ? (uint32_t)DURA_SESSION_RESUME : 0);
    o.policy = policy;
    o.model = model;
    o.factory = factory;
    o.out = out;
    o.state = state;
    o.device = device;
    return dura_session_open(&r->session, &o, err);
}

static int open_events(run *r, dura_error *err)
{
    dura_events_options o = DURA_EVENTS_OPTIONS_INIT;
    if (!security)
        return DURA_OK;
    o.path = security;
    o.assets = assets;
    o.trust = trust && strcmp(trust, "source") == 0 ? DURA_TRUST_SOURCE : DURA_TRUST_NONE;
    o.stop = &stop;
    return dura_events_open(&r->events, &o, err);
}

/* The summary's constants, once everything is open. */
static void describe(run *r)
{
    summary *s = &r->sum;
    s->out = out;
    s->state = state;
    s->device = r->info.name;
    s->mode = r->info.mode == DURA_ENFORCE ? "enforce" : "observe";
    s->demo_key = demo_key;
    s->nowhere = r->info.asset == DURA_NONE && r->info.zone == DURA_NONE;
    s->development_key = r->info.development && !factory;
    snprintf(s->origin, sizeof s->origin, "%s", dura_session_origin(r->session));
}

/* ---- events ------------------------------------------------------------------------ */

/* What the command line says of the clocks. */
static void vouch(const run *r, dura_time *t)
{
    if (r->clock_err_us && t->quality != DURA_CLOCK_NONE) {
        t->quality = DURA_CLOCK_SYNCED;
        t->wall_err_us = r->clock_err_us;
    }
}

/* The next event into r->event. 1; 0 at the end; an error. */
static int next_event(run *r, dura_error *err)
{
    r->event = (dura_events_row)DURA_EVENTS_ROW_INIT;
    int rc = r->events ? dura_events_next(r->events, &r->event, err) : 0;
    r->has_event = rc == 1;
    vouch(r, &r->event.time);
    return rc;
}

/* Every event up to the time of this row into the security log, before the row: `drop`
 * those an earlier part of the run recorded already. */
static int take_events(run *r, const dura_time *until, int drop, dura_error *err)
{
    uint8_t pairs[DURA_EVENT_BYTES_MAX];
    uint16_t n;
    int rc = DURA_OK;
    while (rc == DURA_OK && r->has_event && r->event.time.mono_ns <= until->mono_ns) {
        int len = dura_event_encode(&r->event, pairs, sizeof pairs, &n);
        if (len < 0)
            return dura_error_set(err, len, security, (uint32_t)r->event.line, NULL, "%s", dura_strerror(len));
        if (!drop)
            rc = dura_session_event(r->session, pairs, (size_t)len, n, &r->event.time, err);
        if (rc != DURA_OK)
            return rc;
        r->sum.events += !drop;
        r->sum.placed += !drop && (r->event.event.asset != DURA_NONE || r->event.event.zone != DURA_NONE);
        rc = next_event(r, err);
        rc = rc == 1 ? DURA_OK : rc;
    }
    return rc;
}

/* Events behind the last row: said, not recorded. */
static int count_left(run *r, dura_error *err)
{
    int rc = r->has_event ? 1 : 0;
    r->sum.left_ns = r->event.time.wall_ns;
    for (; rc == 1 && !stop; rc = next_event(r, err))
        r->sum.events_left++;
    return rc;
}

static int hand_approvals(run *r, dura_error *err)
{
    char path[4096];
    int rc = DURA_OK;
    for (const char *at = approvals; rc == DURA_OK && *at; at += strspn(at, ",")) {
        size_t n = strcspn(at, ",");
        if (n >= sizeof path)
            return dura_error_set(err, DURA_ELIMIT, NULL, 0, "--approval", "a name is too long");
        memcpy(path, at, n);
        path[n] = '\0';
        rc = dura_session_approve(r->session, path, err);
        at += n;
    }
    return rc;
}

/* Release and approvals, once, before their row. */
static int offer_release(run *r, const dura_frames_row *row, dura_error *err)
{
    if (row->row != r->offer_at)
        return DURA_OK;
    int rc = release_file ? dura_session_offer(r->session, release_file, NULL, err) : DURA_OK;
    return rc == DURA_OK && approvals ? hand_approvals(r, err) : rc;
}

/* ---- rows ------------------------------------------------------------------------ */

static int guard_row(run *r, const dura_frames_row *row, dura_error *err)
{
    dura_frame f = DURA_FRAME_INIT;
    dura_decision d = DURA_DECISION_INIT;
    int skip = row->row < dura_session_next_frame(r->session);
    int rc = take_events(r, &row->time, skip, err);
    if (rc != DURA_OK)
        return rc;
    if (skip) {
        r->sum.skipped++;
        return DURA_OK;
    }
    rc = offer_release(r, row, err);
    if (rc != DURA_OK)
        return rc;
    f.source = r->info.source;
    f.n = r->info.n_channels;
    f.frame = row->row;
    f.time = row->time;
    vouch(r, &f.time);
    f.values = row->values;
    f.missing = row->missing;
    rc = dura_session_step(r->session, &f, &d, err);
    if (rc == DURA_OK) {
        summary_add(&r->sum, &row->time, &d);
        r->hit |= meets(&d);
    }
    return rc;
}

/* Rows until the end, an error or a signal; *row holds the first one already. */
static int guard_rows(run *r, dura_frames_row *row, dura_error *err)
{
    progress bar;
    int rc = 1;
    progress_begin(&bar);
    while (rc == 1 && (rc = guard_row(r, row, err)) == DURA_OK && !stop) {
        uint64_t total, done = dura_frames_bytes(r->frames, &total);
        progress_show(&bar, done, total, r->sum.rows, "rows");
        rc = dura_frames_next(r->frames, row, err);
    }
    progress_end(&bar);
    return rc;
}

/* Open everything in an order in which a mistake of the user leaves nothing behind. */
static int run_all(run *r, dura_error *err)
{
    dura_frames_row row = DURA_FRAMES_ROW_INIT;
    int rc = load_policy(r, err);
    if (rc == DURA_OK && summary_begin(&r->sum, r->names, r->info.n_channels) < 0)
        rc = dura_error_set(err, DURA_ENOSPC, NULL, 0, NULL, "out of memory");
    if (rc == DURA_OK)
        rc = open_frames(r, err);
    if (rc == DURA_OK)
        rc = dura_frames_next(r->frames, &row, err);
    if (rc == 0 && !stop)
        rc = dura_error_set(err, DURA_ESYNTAX, frames_path, 1, NULL, "there is a header but no row");
    if (rc <= 0)
        return rc;
    rc = open_events(r, err);
    if (rc == DURA_OK)
        rc = next_event(r, err);
    if (rc < 0)
        return rc;
    rc = open_session(r, err);
    if (rc != DURA_OK)
        return rc;
    describe(r);
    rc = guard_rows(r, &row, err);
    if (rc < 0)
        return rc;
    r->sum.stopped = stop;
    rc = count_left(r, err);
    if (rc < 0)
        return rc;
    r->sum.release = release_file;
    r->sum.gate.struct_size = sizeof r->sum.gate;
    if (dura_guard_release(dura_session_guard(r->session), &r->sum.gate) != DURA_OK)
        r->sum.release = NULL;
    rc = dura_session_close(r->session, err);
    r->session = NULL;
    return rc;
}

static int take_clock(run *r)
{
    char *end;
    double s = strtod(clock_error, &end);
    if (*end || end == clock_error || !(s >= 1e-6 && s <= 3600))
        return -1;
    r->clock_err_us = (uint32_t)(s * 1e6);
    return 0;
}

/* Wrong words on the command line, and the files of a run that is resumed. -1: none. */
static int check_usage(run *r)
{
    if (fail_on && !fail_word())
        return cli_usage(&self, "--fail-on %s: want SUSPECT, FAIL, MISSING, HOLD, FALLBACK or STOP", fail_on);
    if (!out || !frames_path)
        return cli_usage(&self, "--%s is missing", out ? "frames" : "out");
    if (trust && strcmp(trust, "none") != 0 && strcmp(trust, "source") != 0)
        return cli_usage(&self, "--trust %s: want none or source", trust);
    if (!security && (assets || trust || clock_error))
        return cli_usage(&self, "--%s does nothing without --security", assets ? "assets" : trust ? "trust" : "clock-error");
    if (clock_error && take_clock(r) < 0)
        return cli_usage(&self, "--clock-error %s: want seconds, 0.000001 to 3600", clock_error);
    if (release_row && ((!release_file && !approvals) || cli_number(release_row, UINT64_MAX, &r->offer_at) < 0))
        return cli_usage(&self, "--release-row %s: want a row number, and --release or --approval", release_row);
    if (resume && !policy)
        policy = r->own_policy = cli_join(out, "policy.json");
    if (resume && !model)
        model = r->own_model = cli_join(out, "model.bin");
    if (!policy || !model)
        return cli_usage(&self, "--%s is missing", policy ? "model" : "policy");
    return -1;
}

int cmd_run(int argc, char **argv)
{
    run r;
    dura_error err = {0};
    int rc = cli_parse(&self, argc, argv);
    if (rc >= 0)
        return rc;
    memset(&r, 0, sizeof r);
    rc = check_usage(&r);
    if (rc < 0) {
        catch_signals();
        rc = run_all(&r, &err);
        if (rc < 0) {
            rc = cli_fail(&self, rc, &err);
        } else if (r.sum.out) {
            summary_close(&r.sum);
            summary_print(&r.sum, as_json);
            rc = cli_end(&self, r.hit ? CLI_NO : CLI_OK);
        }
    }
    free_run(&r);
    return rc;
}
