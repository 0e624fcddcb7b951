/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `dura drill`: faults, drift, replays and bounded attacks put into the user's own
 * recording, and what the policy makes of them. docs/cmd/drill.md has the kinds.
 *
 * The false alarms of the recording as it is stand first: a policy that trips all day
 * catches everything. Then what was missed, worst first, then what was caught.
 */
#include "dura_args.h"
#include "dura_drill_register.h"
#include "dura_progress.h"

#include <dura/guard.h>
#include <dura/host/drill.h>
#include <dura/host/record.h>

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *policy, *model, *frames, *time_column, *time_format, *channels, *kinds, *starts, *seed, *length;
static const char *out, *fail_on, *reg;
static int as_json, all_cases;

static const cli_option options[] = {
    {"--policy", NULL, "FILE", &policy, NULL, "policy.json or its image"},
    {"--model", NULL, "FILE", &model, NULL, "model.json or its image"},
    {"--frames", NULL, "FILE", &frames, NULL, "the recording, CSV or NDJSON; clean operation tells most"},
    {"--register", NULL, "FILE", &reg, NULL, "drill what its entries name, and ask their own controls"},
    {"--all", NULL, NULL, NULL, &all_cases, "with --register: print what was caught, too"},
    {"--channels", NULL, "NAME,..", &channels, NULL, "only into these (default: all, and all together)"},
    {"--kinds", NULL, "KIND,..", &kinds, NULL, "only these, such as stuck,nan,time_gap (\"?\": which there are)"},
    {"--starts", NULL, "N", &starts, NULL, "places per channel and kind, 1..32 (default 3)"},
    {"--seed", NULL, "N", &seed, NULL, "of places and signs (default 1): the same bytes again"},
    {"--length", NULL, "N", &length, NULL, "frames an injection lasts (default: an eighth of the rows, at most 500)"},
    {"--out", NULL, "DIR", &out, NULL, "write drill.ndjson there as evidence, with digests of all input; with --register drill.json and drill.html"},
    {"--fail-on", NULL, "missed", &fail_on, NULL, "exit 1 if anything was missed at any place"},
    {"--time-column", NULL, "NAME", &time_column, NULL, "default: time, t, timestamp, datetime or date"},
    {"--time-format", NULL, "FORMAT", &time_format, NULL, "such as \"%d/%m/%y %H\" (default: ISO 8601 or seconds since 1970)"},
    {"--json", NULL, NULL, NULL, &as_json, "NDJSON: a line per entry, the summary last"},
    {NULL, NULL, NULL, NULL, NULL, NULL},
};
static const cli_command self = {
    "drill", "--policy FILE --model FILE --frames FILE [options]",
    "Puts faults, drift, replays and bounded attacks into the recording, one at a time, runs the\n"
    "guard over it and says what was caught, by what, how late, with which action; and what was\n"
    "MISSED. What the guard says of the recording as it is comes first and counts for nothing.\n"
    "Exit 0 whatever was found, but for --fail-on.\n",
    options, NULL, 0, 0,
};

typedef struct job {
    dura_drill *drill;
    dura_drill_report report;
    dura_drill_entry *entry;
    size_t n, room;
    char *file;                 /* where the evidence goes; NULL: nowhere */
    char *text;                 /* the evidence */
    size_t len, text_room;
    progress bar;
} job;

static void free_job(job *j)
{
    dura_drill_close(j->drill);
    free(j->entry);
    free(j->file);
    free(j->text);
}

static void on_frame(void *user, uint64_t done, uint64_t total, uint64_t count)
{
    job *j = user;
    progress_show(&j->bar, done, total, count, "frames");
}

/* ---- work --------------------------------------------------------------------------- */

static int no_memory(dura_error *err) { return dura_error_set(err, DURA_ENOSPC, NULL, 0, NULL, "out of memory"); }

/* One line of NDJSON to where it is wanted. */
static int say(job *j, const dura_drill_entry *e, dura_error *err)
{
    char buf[DURA_DRILL_TEXT_MAX];
    int n = dura_drill_text(j->drill, e, buf, sizeof buf);
    if (n < 0)
        return n;
    if (as_json)
        printf("%s\n", buf);
    if (!j->file)
        return DURA_OK;
    if (j->len + (size_t)n + 1 > j->text_room) {
        size_t more = 2 * j->text_room + sizeof buf;
        char *text = realloc(j->text, more);
        if (!text)
            return no_memory(err);
        j->text = text;
        j->text_room = more;
    }
    memcpy(j->text + j->len, buf, (size_t)n);
    j->len += (size_t)n;
    j->text[j->len++] = '\n';
    return DURA_OK;
}

static int keep(job *j, const dura_drill_entry *e, dura_error *err)
{
    if (j->n == j->room) {
        size_t more = j->room ? 2 * j->room : 256;
        dura_drill_entry *entry = realloc(j->entry, more * sizeof *entry);
        if (!entry)
            return no_memory(err);
        j->entry = entry;
        j->room = more;
    }
    j->entry[j->n++] = *e;
    return say(j, e, err);
}

static int drill_all(job *j, dura_error *err)
{
    dura_drill_entry e = DURA_DRILL_ENTRY_INIT;
    int rc;
    j->report = (dura_drill_report)DURA_DRILL_REPORT_INIT;
    while ((rc = dura_drill_next(j->drill, &e, err)) == 1) {
        rc = keep(j, &e, err);
        if (rc != DURA_OK)
            return rc;
    }
    if (rc == DURA_OK)
        rc = dura_drill_query(j->drill, &j->report);
    return rc == DURA_OK ? say(j, NULL, err) : rc;
}

/* ---- words: how it is with nothing injected ------------------------------------------- */

static void print_control(const dura_drill_report *r)
{
    printf("the recording as it is: %" PRIu64 " rows, %.3g days\n", r->rows, r->days);
    printf("  false alarms, unless something did happen: %" PRIu64 " trips (%" PRIu64 " rows not acted on), %" PRIu64
           " rows with a suspect channel, %" PRIu64 " answers out of the envelope, ",
           r->trips, r->not_acted, r->suspect_rows, r->bounded_rows);
    if (r->has_drift)
        printf("%" PRIu64 " drift alarms (%" PRIu64 " quantities still in alarm at the end)", r->drift_alarms, r->drifted);
    else
        printf("no drift monitor");
    if (r->has_correlate)
        printf(", %" PRIu64 " incidents\n", r->incidents);
    else
        printf(", no correlator\n");
    printf("injected at row%s ", r->starts == 1 ? "" : "s");
    for (uint32_t i = 0; i < r->starts; i++)
        printf("%s%" PRIu64, i ? ", " : "", r->start_row[i]);
    printf(" (seed %" PRIu64 "), for %" PRIu64 " frames, and judged while it lasts (a spike: %" PRIu64 " frames on)\n", r->seed,
           r->length, r->tail);
    if (r->unclean_starts)
        printf("  %" PRIu64 " of these places are not clean: the recording has alarms of its own there, and catches are "
               "harder to tell\n", r->unclean_starts);
}

/* ---- words: the table ------------------------------------------------------------------- */

/* How bad: missed, missed somewhere, caught, not drilled. */
static int grade(const dura_drill_entry *e)
{
    return e->starts == 0 ? 3 : e->caught == 0 ? 0 : e->caught < e->starts ? 1 : 2;
}

/* How many of those caught were caught by this. */
static uint32_t by_of(const dura_drill_entry *e, int by)
{
    return by < DURA_DRILL_BYS ? e->by[by] : e->by_check[by - DURA_DRILL_BYS];
}

/* Entries that stand in one row: same kind and size, same answer. */
static int compare_groups(const dura_drill_entry *a, const dura_drill_entry *b)
{
    if (grade(a) != grade(b))
        return grade(a) - grade(b);
    if (a->kind != b->kind)
        return (int)a->kind - (int)b->kind;
    if (a->kind != DURA_DRILL_BOUNDED && (a->size > b->size || a->size < b->size))
        return a->size > b->size ? 1 : -1;
    if (a->action != b->action)
        return a->action == DURA_ACT || b->action == DURA_FALLBACK ? -1 : 1;
    for (int i = 0; i < DURA_DRILL_BY_END; i++)
        if ((by_of(a, i) == 0) != (by_of(b, i) == 0))
            return by_of(a, i) ? -1 : 1;
    return 0;
}

/* Within a row the channels stand in the order of the policy. */
static int by_badness(const void *a, const void *b)
{
    const dura_drill_entry *x = a, *y = b;
    int order = compare_groups(x, y);
    return order ? order : (int)x->channel - (int)y->channel;
}

/* What a row says of its n entries. */
typedef struct span {
    uint64_t least, most;       /* median delays */
    double moved, reached[2];
    uint32_t starts, caught, blind, by[DURA_DRILL_BY_END], verdict[DURA_DRILL_VERDICTS];
} span;

static void add_up(span *s, const dura_drill_entry *e, size_t n)
{
    memset(s, 0, sizeof *s);
    s->least = UINT64_MAX;
    s->reached[0] = e->size;
    for (size_t i = 0; i < n; i++) {
        s->starts += e[i].starts;
        s->caught += e[i].caught;
        s->blind += e[i].blind;
        if (e[i].caught && e[i].delay_median < s->least)
            s->least = e[i].delay_median;
        if (e[i].caught && e[i].delay_median > s->most)
            s->most = e[i].delay_median;
        s->moved = e[i].moved > s->moved ? e[i].moved : s->moved;
        s->reached[0] = e[i].size < s->reached[0] ? e[i].size : s->reached[0];
        s->reached[1] = e[i].size > s->reached[1] ? e[i].size : s->reached[1];
        for (int k = 0; k < DURA_DRILL_BY_END; k++)
            s->by[k] += by_of(&e[i], k);
        for (int k = 0; k < DURA_DRILL_VERDICTS; k++)
            s->verdict[k] += e[i].verdict[k];
    }
}

static void print_kind(const dura_drill_entry *e, const span *s)
{
    char text[48];
    const char *name = dura_drill_kind(e->kind), *unit = "dev";
    if (e->kind == DURA_DRILL_NOISE || e->kind == DURA_DRILL_SCALE || e->kind == DURA_DRILL_ATTENUATED)
        unit = "x";
    if (e->kind == DURA_DRILL_BOUNDED && s->starts)
        snprintf(text, sizeof text, "%s %.2g..%.2g dev", name, s->reached[0], s->reached[1]);
    else if (e->kind == DURA_DRILL_BOUNDED || !(e->size > 0.0))
        snprintf(text, sizeof text, "%s", name);
    else
        snprintf(text, sizeof text, "%s %g %s", name, e->size, unit);
    printf("%-23s", text);
}

/* "drift 3, rate 1" of counts, into a column. */
static void print_counts(const uint32_t *count, uint32_t n, const char *(*word)(uint32_t), int width)
{
    char text[160] = "";
    size_t at = 0;
    for (uint32_t i = 0; i < n && at < sizeof text; i++)
        if (count[i])
            at += (size_t)snprintf(text + at, sizeof text - at, "%s%s", at ? ", " : "", word(i));
    printf(" %-*s", width, text[0] ? text : "-");
}

static const char *verdict_word(uint32_t i)
{
    const char *word = i == DURA_DRILL_NO_INCIDENT ? "none" : dura_record_name(DURA_NAME_CAUSE, i);
    return word ? word : "?";
}

static void print_row(const dura_drill_entry *e, size_t n)
{
    static const char *const grades[] = {"MISSED", "PARTLY MISSED", "caught", "not drilled"};
    span s;
    char delay[48] = "-", moved[16] = "-";
    add_up(&s, e, n);
    if (s.caught && s.least == s.most)
        snprintf(delay, sizeof delay, "%" PRIu64, s.most);
    else if (s.caught)
        snprintf(delay, sizeof delay, "%" PRIu64 "..%" PRIu64, s.least, s.most);
    if (s.starts)
        snprintf(moved, sizeof moved, "%.1f %%", 100.0 * s.moved);
    printf("%-14s", grades[grade(e)]);
    print_kind(e, &s);
    printf(" %3" PRIu32 "/%-3" PRIu32, s.caught, s.starts);
    print_counts(s.by, DURA_DRILL_BY_END, dura_drill_by, 16);
    printf(" %-9s %-9s", delay, e->action == DURA_ACT ? "none" : dura_record_name(DURA_NAME_ACTION, e->action));
    print_counts(s.verdict, DURA_DRILL_VERDICTS, verdict_word, 21);
    printf(" %-8s ", moved);
    for (size_t i = 0; i < n; i++)
        printf("%s%s", i ? ", " : "", e[i].channel == DURA_NONE ? "all together" : e[i].name);
    printf(s.blind ? "  (drift already in alarm at %" PRIu32 " starts)\n" : "\n", s.blind);
}

static void print_table(const job *j)
{
    printf("\n%-14s%-23s %-7s %-16s %-9s %-9s %-21s %-8s %s\n", "result", "injected", "caught", "by", "delay", "action",
           "verdict", "moved", "channels");
    if (j->n)
        qsort(j->entry, j->n, sizeof *j->entry, by_badness);
    for (size_t i = 0, n; i < j->n; i += n) {
        for (n = 1; i + n < j->n && compare_groups(&j->entry[i], &j->entry[i + n]) == 0; n++)
            ;
        print_row(&j->entry[i], n);
    }
    printf("delay: frames from the injection's first, medians over the places; action: the strongest that followed;\n"
           "moved: the farthest an answer to be driven was moved before anything was noticed, of its lo..hi\n");
}

/* ---- words: totals and why ------------------------------------------------------------------ */

static int missed_of(const dura_drill_report *r, uint32_t kind) { return r->caught[kind] < r->total[kind]; }

/* What was missed, and what it would take. */
static void print_reasons(const dura_drill_report *r)
{
    if (missed_of(r, DURA_DRILL_BOUNDED) && r->has_checks)
        printf("bounded attacks are missed where a channel can be moved that far before the others contradict it.\n");
    else if (missed_of(r, DURA_DRILL_BOUNDED))
        printf("bounded attacks are missed because the policy knows nothing that they contradict: no physics (what other\n"
               "channels imply) and no redundancy is configured. A limit does not stop who has read it.\n");
    else if (r->total[DURA_DRILL_BOUNDED])
        printf("bounded attacks were caught because the largest ramp within range and rate is a large one. Who goes slower\n"
               "or less far does what \"drift 1 dev\" and \"bias 1 dev\" do: look there.%s\n",
               r->has_checks ? "" : " No physics and no redundancy is configured.");
    if (missed_of(r, DURA_DRILL_REPLAY) || missed_of(r, DURA_DRILL_REPLAY_ALL))
        printf("replays are missed because old values were good values: only authenticated frames, or a channel the\n"
               "attacker does not have, tell them apart. They count apart from the rest.\n");
    if (!r->has_drift && (missed_of(r, DURA_DRILL_BIAS) || missed_of(r, DURA_DRILL_DRIFT) || missed_of(r, DURA_DRILL_NOISE)))
        printf("the policy has no \"drift\": nothing looks for a bias, a drift or noise within the limits.\n"
               "`dura learn` writes references.\n");
    if (missed_of(r, DURA_DRILL_STUCK))
        printf("stuck values are missed where a channel has no flat_fail_ms, or one longer than the injection.\n");
}

/* What catches a replay is luck, unless frames are authenticated: it counts apart. */
static int is_replay(uint32_t kind) { return kind == DURA_DRILL_REPLAY || kind == DURA_DRILL_REPLAY_ALL; }

static void print_total(const char *name, uint64_t total, uint64_t caught)
{
    if (total)
        printf("%-14s %-9" PRIu64 " %" PRIu64 " (%.0f %%)\n", name, total, caught, 100.0 * (double)caught / (double)total);
}

static void print_totals(const job *j)
{
    const dura_drill_report *r = &j->report;
    uint64_t total = 0, caught = 0;
    printf("\n%-14s %-9s caught\n", "kind", "injected");
    for (uint32_t k = 1; k < DURA_DRILL_KINDS; k++)
        if (!is_replay(k)) {
            total += r->total[k];
            caught += r->caught[k];
            print_total(dura_drill_kind(k), r->total[k], r->caught[k]);
        }
    print_total("all of these", total, caught);
    print_total("apart: replay", r->total[DURA_DRILL_REPLAY], r->caught[DURA_DRILL_REPLAY]);
    print_total("replay_all", r->total[DURA_DRILL_REPLAY_ALL], r->caught[DURA_DRILL_REPLAY_ALL]);
    if (r->not_drilled)
        printf("%" PRIu64 " not drilled: a constant channel, or no room within its limits\n", r->not_drilled);
    printf("\n");
    print_reasons(r);
}

static void print_words(job *j)
{
    print_control(&j->report);
    print_table(j);
    print_totals(j);
}

/* ---- the command -------------------------------------------------------------------------------- */

/* -1 to go on, else the exit code. */
static int fill(dura_drill_options *o)
{
    uint64_t n = 0;
    if (!policy || !model || !frames)
        return cli_usage(&self, "--%s is missing", !policy ? "policy" : !model ? "model" : "frames");
    if (reg && (channels || kinds))
        return cli_usage(&self, "--register says what is drilled: no --channels, no --kinds");
    if (fail_on && strcmp(fail_on, "missed") != 0)
        return cli_usage(&self, "--fail-on %s: want missed", fail_on);
    if (starts && (cli_number(starts, DURA_DRILL_STARTS_MAX, &n) < 0 || n == 0))
        return cli_usage(&self, "--starts %s: want 1 to %u", starts, DURA_DRILL_STARTS_MAX);
    if (seed && cli_number(seed, UINT64_MAX, &o->seed) < 0)
        return cli_usage(&self, "--seed %s: want a whole number", seed);
    if (length && (cli_number(length, UINT64_MAX, &o->length) < 0 || o->length == 0))
        return cli_usage(&self, "--length %s: want a number of frames", length);
    o->starts = (uint32_t)n;
    o->policy = policy;
    o->model = model;
    o->frames = frames;
    o->time_column = time_column;
    o->time_format = time_format;
    o->channels = channels;
    o->kinds = kinds;
    return -1;
}

static int make_dir(const char *path, dura_error *err)
{
    if (mkdir(path, 0755) != 0 && errno != EEXIST)
        return dura_error_set(err, DURA_EIO, path, 0, "--out", "cannot be made: %s", strerror(errno));
    return DURA_OK;
}

/* The evidence's folder, once the input is known to be usable and before the long work. */
static int make_folder(job *j, dura_error *err)
{
    if (!out)
        return DURA_OK;
    j->file = cli_join(out, "drill.ndjson");
    if (!j->file)
        return no_memory(err);
    int rc = make_dir(out, err);
    if (rc != DURA_OK)
        return rc;
    if (access(j->file, F_OK) == 0)
        return dura_error_set(err, DURA_ESTATE, j->file, 0, NULL, "is there already: evidence is not written over");
    return DURA_OK;
}

static int run_all(job *j, const dura_drill_options *o, dura_error *err)
{
    if (!as_json)
        progress_begin(&j->bar);
    int rc = dura_drill_open(&j->drill, o, err);
    if (rc == DURA_OK)
        rc = make_folder(j, err);
    if (rc == DURA_OK)
        rc = drill_all(j, err);
    progress_end(&j->bar);
    if (rc == DURA_OK && j->file)
        rc = cli_write_file(j->file, j->text, j->len, 0, err);
    return rc;
}

static int anything_missed(const dura_drill_report *r)
{
    for (uint32_t k = 1; k < DURA_DRILL_KINDS; k++)
        if (missed_of(r, k))
            return 1;
    return 0;
}

static int by_register(job *j, const dura_drill_options *o)
{
    dura_error err = {0};
    int missed = 0, rc = out ? make_dir(out, &err) : DURA_OK;
    if (!as_json)
        progress_begin(&j->bar);
    if (rc == DURA_OK)
        rc = drill_register(reg, o, out, as_json, all_cases, &j->bar, &missed, &err);
    return rc == DURA_OK ? cli_end(&self, fail_on && missed ? CLI_NO : CLI_OK) : cli_fail(&self, rc, &err);
}

int cmd_drill(int argc, char **argv)
{
    dura_drill_options o = DURA_DRILL_OPTIONS_INIT;
    dura_error err = {0};
    job j;
    int rc = cli_parse(&self, argc, argv);
    if (rc < 0)
        rc = fill(&o);
    if (rc >= 0)
        return rc;
    memset(&j, 0, sizeof j);
    o.progress = on_frame;
    o.user = &j;
    if (reg)
        return by_register(&j, &o);
    rc = run_all(&j, &o, &err);
    if (rc != DURA_OK) {
        rc = cli_fail(&self, rc, &err);
    } else {
        if (!as_json)
            print_words(&j);
        rc = cli_end(&self, fail_on && anything_missed(&j.report) ? CLI_NO : CLI_OK);
    }
    free_job(&j);
    return rc;
}
