/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `dura demo`: the whole story in one command, on a press line that exists on paper only.
 *
 * Eight stretches of one run in a closed loop, each with something that happens or nothing;
 * then the logs are read and what dura said is put beside what was injected.
 */
#include "dura_args.h"
#include "dura_demo.h"

#include <dura/correlate.h>
#include <dura/host/record.h>
#include <dura/host/release.h>

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static const char *out, *seed_text;
static int as_json;

static const cli_option options[] = {
    {"--out", NULL, "DIR", &out, NULL, "where everything goes, made here (default: ./dura-demo)"},
    {"--seed", NULL, "N", &seed_text, NULL, "another plant, another day (default: 1)"},
    {"--json", NULL, NULL, NULL, &as_json, "the table as one JSON object"},
    {NULL, NULL, NULL, NULL, NULL, NULL},
};
static const cli_command self = {
    "demo", "[--out DIR] [--seed N] [--json]",
    "A simulated press line: a fault, a drift, an attack, a harmless fault during a scan, an\n"
    "announced calibration, a good and a bad update. Learns from a clean recording, guards the\n"
    "closed loop, prints what was injected beside what dura said. Exit 0 when all of it was right.\n",
    options, NULL, 0, 0,
};

const demo_plan demo_plans[DEMO_EPISODES] = {
    {"clean", "nothing", DURA_CAUSE_NORMAL, 0, DEMO_NO_RELEASE, 12000, 600, 0, 0, 0},
    {"stuck sensor", "p1 freezes for 20 s", DURA_CAUSE_FAULT, PLANT_STUCK, DEMO_NO_RELEASE, 6000, 600, 200, 0, 0},
    {"plant drift", "oil 15 % thinner within 10 min, later as before", DURA_CAUSE_DRIFT, PLANT_DRIFT, DEMO_NO_RELEASE,
     24000, 600, 6000, 9000, 600},
    {"intrusion", "scan, logins, a write; then p1 reads 1.4 bar high", DURA_CAUSE_ATTACK, PLANT_INJECTION,
     DEMO_NO_RELEASE, 9000, 2400, 600, 0, 0},
    {"dropout", "no vibration values for 20 s; port scan elsewhere", DURA_CAUSE_FAULT, PLANT_DROPOUT, DEMO_NO_RELEASE,
     6000, 600, 200, 0, 0},
    {"calibration", "announced; p2 reads 1.2 bar more, for 20 s", DURA_CAUSE_CHANGE, PLANT_RECALIBRATION,
     DEMO_NO_RELEASE, 6000, 600, 1, 200, 1},
    {"good update", "model refitted on thin oil", DURA_CAUSE_CHANGE, 0, DEMO_GOOD, 6000, 600, 0, 0, 0},
    {"bad update", "model with a wrong sign; its golden vectors agree", DURA_CAUSE_CHANGE, 0, DEMO_BAD, 6000, 600, 0, 0, 0},
};

/* ---- the table --------------------------------------------------------------------------- */

static double seconds(int64_t frames) { return (double)frames * ((double)PLANT_PERIOD_NS * 1e-9); }

static double delay(const demo_result *r) { return seconds((int64_t)r->frame - (int64_t)r->at); }

/* "attack", "committed", "no incident". */
static const char *said(int e, const demo_result *r)
{
    const char *name = demo_plans[e].release && !r->wrong ? dura_gate_state_name(r->gate)
                       : r->incidents                     ? dura_record_name(DURA_NAME_CAUSE, r->verdict)
                                                          : "no incident";
    return name ? name : "?";
}

static void print_row(const demo *d, int e)
{
    const demo_result *r = &d->result[e];
    char score[32] = "-", when[32] = "-";
    if (r->incidents)
        snprintf(score, sizeof score, "%d (+%d)", r->score, r->margin);
    if (r->known)
        snprintf(when, sizeof when, "%.1f s", delay(r));
    printf("%d %-13s %-50s %-12s %-9s %8s  %s\n", e + 1, demo_plans[e].name, demo_plans[e].injected, said(e, r), score, when,
           r->right ? "right" : "WRONG");
}

/* Where the intrusion begins to show, as `dura why` takes it. */
static void next_commands(const demo *d)
{
    char t[PLANT_TIME_TEXT];
    plant p;
    (void)demo_begin(d, &p);
    plant_time_text(p.frame + d->result[DEMO_INTRUSION].at, t);
    printf("\nEverything is in %s, signed with the development key. Try:\n"
           "  dura verify %s/run --state %s/state\n"
           "  dura correlate %s/run\n"
           "  dura why %s/run --at %s --state %s/state\n"
           "  dura replay %s/run\n"
           "  dura report %s/run --state %s/state -o %s/report.html   (made already: open it)\n", d->out, d->out, d->out,
           d->out, d->out, t, d->out, d->out, d->out, d->out, d->out);
}

static void print_table(const demo *d, int right)
{
    const demo_result *bad = &d->result[DEMO_EPISODES - 1];
    double hours = seconds((int64_t)d->frames) / 3600.0;
    printf("A simulated press line, %.1f hours of it, seed %" PRIu64 "\n\n", hours, d->seed);
    printf("  %-13s %-50s %-12s %-9s %8s\n", "episode", "injected", "dura said", "score", "after");
    for (int e = 0; e < DEMO_EPISODES; e++)
        print_row(d, e);
    printf("\n%d of %d right. Bad update: %" PRIu64 " of %" PRIu64 " outputs further than %.2g %% from what the model before it\n"
           "would have driven; pressure %.1f to %.1f bar, within its band of %.1f to %.1f: %s. Logs: %s\n", right,
           DEMO_EPISODES, bad->bad, bad->seen, d->far, bad->lo, bad->hi, d->band_lo, d->band_hi,
           bad->lo >= d->band_lo && bad->hi <= d->band_hi ? "yes" : "NO", d->word);
    next_commands(d);
}

static void print_json_row(const demo *d, int e)
{
    const demo_result *r = &d->result[e];
    printf("%s\n {\"episode\":%d,\"name\":\"%s\",\"injected\":\"%s\",\"expected\":\"%s\",\"said\":\"%s\",\"incidents\":%u", e ? "," : "",
           e + 1, demo_plans[e].name, demo_plans[e].injected, dura_record_name(DURA_NAME_CAUSE, demo_plans[e].expected),
           said(e, r), r->incidents);
    if (r->incidents)
        printf(",\"verdict\":\"%s\",\"score\":%d,\"margin_dban\":%d", dura_record_name(DURA_NAME_CAUSE, r->verdict), r->score,
               r->margin);
    if (r->known)
        printf(",\"delay_s\":%.1f", delay(r));
    if (demo_plans[e].release)
        printf(",\"gate\":\"%s\",\"compared\":%" PRIu64 ",\"bad_outputs\":%" PRIu64, dura_gate_state_name(r->gate), r->seen, r->bad);
    printf(",\"pressure\":[%.2f,%.2f],\"right\":%s}", r->lo, r->hi, r->right ? "true" : "false");
}

static void print_json(const demo *d, int right)
{
    printf("{\"seed\":\"%" PRIu64 "\",\"frames\":%" PRIu64 ",\"right\":%d,\"band\":[%.9g,%.9g],\"far\":%.9g,\"logs\":\"%s\",\"episodes\":[",
           d->seed, d->frames, right, d->band_lo, d->band_hi, d->far, d->word);
    for (int e = 0; e < DEMO_EPISODES; e++)
        print_json_row(d, e);
    printf("]}\n");
}

/* ---- the command ---------------------------------------------------------------------------- */

/* DIR is new, or empty. */
static int claim(const char *dir, dura_error *err)
{
    int made = mkdir(dir, 0755) == 0, n = 0;
    if (!made && errno != EEXIST)
        return dura_error_set(err, DURA_EIO, dir, 0, "--out", "cannot be made: %s", strerror(errno));
    DIR *f = opendir(dir);
    if (!f)
        return dura_error_set(err, DURA_EIO, dir, 0, "--out", "is not a folder that can be read: %s", strerror(errno));
    for (struct dirent *e; (e = readdir(f)) != NULL;)
        n += strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0;
    closedir(f);
    return n ? dura_error_set(err, DURA_ESTATE, dir, 0, "--out", "holds files already; give a new folder") : DURA_OK;
}

static void lay_out(demo *d)
{
    for (int e = 0; e < DEMO_EPISODES; e++) {
        d->result[e].start = d->frames;
        d->result[e].at = d->frames + demo_plans[e].begin;
        d->frames += demo_plans[e].frames;
    }
}

static int tell(demo *d)
{
    int right = 0;
    for (int e = 0; e < DEMO_EPISODES; e++)
        right += d->result[e].right;
    if (as_json)
        print_json(d, right);
    else
        print_table(d, right);
    return right == DEMO_EPISODES && strcmp(d->word, "INTACT") == 0 ? CLI_OK : CLI_NO;
}

int cmd_demo(int argc, char **argv)
{
    static demo d;
    dura_error err = {0};
    int rc = cli_parse(&self, argc, argv);
    if (rc >= 0)
        return rc;
    memset(&d, 0, sizeof d);
    d.out = out ? out : "dura-demo";
    d.seed = 1;
    if (seed_text && cli_number(seed_text, UINT32_MAX, &d.seed) != 0)
        return cli_usage(&self, "--seed %s: want a whole number up to 4294967295", seed_text);
    if (strlen(d.out) > DEMO_PATH - 64)
        return cli_usage(&self, "--out: the path is too long");
    lay_out(&d);
    rc = claim(d.out, &err);
    if (rc == DURA_OK)
        rc = demo_make(&d, &err);
    if (rc == DURA_OK)
        rc = demo_run(&d, &err);
    if (rc == DURA_OK)
        rc = demo_judge(&d, &err);
    if (rc == DURA_OK)
        rc = demo_report(&d, &err);
    return rc == DURA_OK ? cli_end(&self, tell(&d)) : cli_fail(&self, rc, &err);
}
