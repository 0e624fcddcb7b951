/* SPDX-License-Identifier: Apache-2.0 */
/* `dura export DIR`: training data without suspect spans, or alerts for a SIEM. */
#include "dura_args.h"

#include <dura/host/export.h>
#include <dura/host/keys.h>
#include <dura/host/proof.h>
#include <dura/host/verify.h>

#include <inttypes.h>
#include <stdlib.h>

static const char *folder, *training, *margin, *state, *proof_of;
static int cef, syslog_, ocsf, mark, as_json;

static const cli_option options[] = {
    {"--training", NULL, "FILE", &training, NULL, "decisions as CSV; what is left out is in FILE.quarantine.json"},
    {"--margin", NULL, "SECONDS", &margin, NULL, "... left out in front of an incident, too (default 60)"},
    {"--mark", NULL, NULL, NULL, &mark, "keep rows of suspect incidents, with their verdict in the column span: no release takes them"},
    {"--state", NULL, "DIR", &state, NULL, "state folder that may vouch for the run (default: your own)"},
    {"--cef", NULL, NULL, NULL, &cef, "alerts in the Common Event Format, one per line"},
    {"--syslog", NULL, NULL, NULL, &syslog_, "alerts as RFC 5424 syslog messages"},
    {"--ocsf", NULL, NULL, NULL, &ocsf, "alerts as OCSF Detection Findings (class 2004), NDJSON"},
    {"--proof", NULL, "GSEQ", &proof_of, NULL, "one record with its proof (c2sp.org/tlog-proof@v1); the key it is checked with is on standard error"},
    {"--json", NULL, NULL, NULL, &as_json, "the figures of --training as one JSON object"},
    {NULL, NULL, NULL, NULL, NULL, NULL},
};
static const cli_command self = {
    "export", "DIR --training FILE | --cef | --syslog | --ocsf | --proof GSEQ",
    "Training data: rows inside incidents that are a fault, an attack or unknown, and rows with a\n"
    "channel that was not GOOD, are left out, counted and listed. Drift and changes are kept, with a\n"
    "mark in the column span; so is what a person called normal (`dura incident normal`). FILE.quarantine.json\n"
    "says of which run, what was taken and what was not, and the digest of the rows. Alerts: incidents and security-relevant records, on standard output.\n",
    options, &folder, 1, 1,
};

static int print_line(void *user, const char *line, size_t len)
{
    (void)user;
    (void)len;
    return puts(line) < 0 ? DURA_EIO : DURA_OK;
}

static void print_json(const dura_export_report *r)
{
    printf("{\"rows\":%" PRIu64 ",\"kept\":%" PRIu64 ",\"in_incidents\":%" PRIu64 ",\"not_good\":%" PRIu64
           ",\"unusable\":%" PRIu64 ",\"drift\":%" PRIu64 ",\"change\":%" PRIu64 ",\"released\":%" PRIu64
           ",\"suspect\":%" PRIu64 ",\"spans\":%u,\"verify\":\"%s\"}\n",
           r->rows, r->kept, r->incident, r->not_good, r->unusable, r->drift, r->change, r->released, r->suspect,
           (unsigned)r->spans, dura_verify_word(r->word));
}

static void print_words(const dura_export_report *r)
{
    printf("%" PRIu64 " of %" PRIu64 " rows in %s\n", r->kept, r->rows, training);
    printf("quarantined: %" PRIu64 " inside incidents, %" PRIu64 " with a channel that was not GOOD, %" PRIu64
           " unusable; %u spans in %s.quarantine.json\n", r->incident, r->not_good, r->unusable, (unsigned)r->spans, training);
    if (r->drift || r->change)
        printf("kept and marked: %" PRIu64 " drift, %" PRIu64 " change\n", r->drift, r->change);
    if (r->released)
        printf("kept because somebody called it normal: %" PRIu64 "\n", r->released);
    if (r->suspect)
        printf("SUSPECT and kept all the same: %" PRIu64 "; no release takes them\n", r->suspect);
    printf("the run is %s\n", dura_verify_word(r->word));
}

static int export_training(void)
{
    dura_export_options o = DURA_EXPORT_OPTIONS_INIT;
    dura_export_report report = DURA_EXPORT_REPORT_INIT;
    dura_error err = {0};
    uint64_t seconds;
    char own[DURA_KEYS_PATH_MAX];
    if (margin && cli_number(margin, 1000000000, &seconds) != 0)
        return cli_usage(&self, "--margin %s: want seconds", margin);
    if (margin)
        o.margin_ns = (int64_t)seconds * 1000000000;
    o.flags = mark ? (uint32_t)DURA_EXPORT_MARK : 0;
    o.state = state ? state : dura_keys_state_dir(own, sizeof own) == DURA_OK ? own : NULL;
    o.folder = folder;
    o.csv = training;
    int rc = dura_export_training(&o, &report, &err);
    if (rc != DURA_OK)
        return cli_fail(&self, rc, &err);
    if (as_json)
        print_json(&report);
    else
        print_words(&report);
    return cli_end(&self, CLI_OK);
}

/* Nothing of the folder is needed to check it: `dura verify --proof` or any other reader. */
static int export_proof(void)
{
    static char text[DURA_NOTE_MAX], key[DURA_NOTE_KEY_MAX];
    dura_error err = {0};
    uint64_t gseq;
    size_t n = sizeof text;
    if (cli_number(proof_of, UINT64_MAX, &gseq) != 0)
        return cli_usage(&self, "--proof %s: want the gseq of a record", proof_of);
    int rc = dura_proof_export(folder, gseq, text, &n, key, &err);
    if (rc != DURA_OK)
        return cli_fail(&self, rc, &err);
    fwrite(text, 1, n, stdout);
    fprintf(stderr, "%s\n", key);
    return cli_end(&self, CLI_OK);
}

int cmd_export(int argc, char **argv)
{
    dura_error err = {0};
    int rc = cli_parse(&self, argc, argv);
    if (rc >= 0)
        return rc;
    if ((training != NULL) + (proof_of != NULL) + cef + syslog_ + ocsf != 1)
        return cli_usage(&self, "want exactly one of --training, --cef, --syslog, --ocsf and --proof");
    if (training)
        return export_training();
    if (margin || as_json || mark)
        return cli_usage(&self, "--%s does nothing without --training", margin ? "margin" : as_json ? "json" : "mark");
    if (proof_of)
        return export_proof();
    rc = dura_export_alerts(folder, cef ? DURA_EXPORT_CEF : syslog_ ? DURA_EXPORT_SYSLOG : DURA_EXPORT_OCSF, print_line,
                            NULL, NULL, &err);
    return rc != DURA_OK ? cli_fail(&self, rc, &err) : cli_end(&self, CLI_OK);
}
