/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `dura why DIR`: one decision explained. The library makes one document; --json prints
 * it, else it is turned into words here, so that both tell the same story.
 */
#include "dura_args.h"
#include "dura_words.h"

#include <dura/host/keys.h>
#include <dura/host/why.h>

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static const char *folder, *at, *frame, *time_format, *model, *state, *key, *top_text;
static int last, as_json;

static const cli_option options[] = {
    {"--last", NULL, NULL, NULL, &last, "the last decision recorded"},
    {"--at", NULL, "TIME", &at, NULL, "the decision at or before this time: ISO 8601, seconds, or --time-format"},
    {"--frame", NULL, "N", &frame, NULL, "the decision on frame N"},
    {"--time-format", NULL, "FORMAT", &time_format, NULL, "of --at, such as \"%d/%m/%y %H\""},
    {"--model", NULL, "FILE", &model, NULL, "the model that answered (default: the folder's own model.bin)"},
    {"--top", NULL, "N", &top_text, NULL, "contributions shown per output (default 10)"},
    {"--state", NULL, "DIR", &state, NULL, "as in `dura verify`"},
    {"--key", NULL, "KEY", &key, NULL, "as in `dura verify`"},
    {"--json", NULL, NULL, NULL, &as_json, "everything as one JSON object"},
    {NULL, NULL, NULL, NULL, NULL, NULL},
};
static const cli_command self = {
    "why", "DIR --last | --at TIME | --frame N [options]",
    "One decision: what was measured and which limit it broke, what the model was given, answered\n"
    "and why, what the envelope changed, drift at that moment, the incident it belongs to, what the\n"
    "security log saw around it and cannot have seen, and what proves it.\n",
    options, &folder, 1, 1,
};

/* ---- words for reasons ---------------------------------------------------------------------- */

static const struct reason { const char *name, *text; } reasons[] = {
    {"input", "the sensor checks rejected the frame, so the model was not asked"},
    {"substituted", "the model was given at least one held value"},
    {"backend", "the model failed or was late"},
    {"nonfinite", "the model answered NaN or infinity"},
    {"range", "the model's answer was outside lo..hi"},
    {"rate", "the model's answer moved faster than its rate"},
    {"gate", "no gate record allows this model"},
    {"stopped", "a person has stopped the model"},
    {"recovering", "the model must answer well for some frames before it drives again"},
    {"held_too_long", "the time for which the last answer may be held was over"},
    {"argument", "the frame itself was unusable"},
    {"log", "the record ring was full"},
    {"order", "the frame number was not above the one before"},
    {"champion", "the model on probation failed: the former one answered"},
    {"feature", "an input of the model could not be made"},
};

static const char *action_words(const char *action)
{
    return strcmp(action, "ACT") == 0        ? "the model's answer, within its envelope"
           : strcmp(action, "HOLD") == 0     ? "the last driven answer, for a while"
           : strcmp(action, "FALLBACK") == 0 ? "the policy's safe values"
           : strcmp(action, "STOP") == 0     ? "safe values until a person releases the model"
                                             : "";
}

static void print_reasons(const dura_json *doc)
{
    uint32_t list = dura_json_member(doc, DURA_JSON_ROOT, "reasons");
    for (uint32_t r = dura_json_first(doc, list); r != DURA_JSON_NONE; r = dura_json_next(doc, r)) {
        const char *name, *text = NULL;
        if (dura_json_get_text(doc, r, 0, SIZE_MAX, &name, NULL) != DURA_OK)
            continue;
        for (size_t i = 0; i < sizeof reasons / sizeof *reasons; i++)
            if (strcmp(reasons[i].name, name) == 0)
                text = reasons[i].text;
        printf("  because  %s\n", text ? text : name);
    }
}

static void print_head(const dura_json *doc)
{
    char t[40];
    const char *action = words_text(doc, DURA_JSON_ROOT, "action"), *mode = words_text(doc, DURA_JSON_ROOT, "mode");
    printf("frame %" PRIu64 " at %s: %s - %s\n", words_uint(doc, DURA_JSON_ROOT, "frame"),
           words_time(doc, DURA_JSON_ROOT, "t", t), action, action_words(action));
    print_reasons(doc);
    printf("  mode     %s%s\n", mode,
           strcmp(mode, "observe") == 0 ? ": nothing was driven; proposed is what enforcing would have driven" : "");
    uint32_t labels = dura_json_member(doc, DURA_JSON_ROOT, "labels");
    for (uint32_t l = dura_json_first(doc, labels); l != DURA_JSON_NONE; l = dura_json_next(doc, l))
        printf("  label    %s by %s on %s\n", words_text(doc, l, "detail"), words_text(doc, l, "actor"),
               words_time(doc, l, "t", t));
}

/* ---- what was measured ------------------------------------------------------------------------ */

/* The number of a member as it stands in the document, or what stands for null. */
static void print_number(const dura_json *doc, uint32_t object, const char *name, const char *none)
{
    if (words_has(doc, object, name))
        printf("%.7g", words_number(doc, object, name));
    else
        printf("%s", none);
}

static void print_unit(const dura_json *doc, uint32_t object)
{
    const char *unit = words_text(doc, object, "unit");
    printf("%s%s", *unit ? " " : "", unit);
}

static void print_broken(const dura_json *doc, uint32_t channel)
{
    uint32_t list = dura_json_member(doc, channel, "broke");
    for (uint32_t b = dura_json_first(doc, list); b != DURA_JSON_NONE; b = dura_json_next(doc, b))
        printf("                 %s: %.7g, limit %.7g, by %.7g %s\n", words_text(doc, b, "check"),
               words_number(doc, b, "value"), words_number(doc, b, "limit"), words_number(doc, b, "by"),
               words_text(doc, b, "unit"));
}

enum { LONG_LIST = 16 };    /* of a longer one only what stands out is shown */

static uint32_t length_of(const dura_json *doc, uint32_t list)
{
    uint32_t n = 0;
    for (uint32_t i = dura_json_first(doc, list); i != DURA_JSON_NONE; i = dura_json_next(doc, i))
        n++;
    return n;
}

static void print_measured(const dura_json *doc)
{
    uint32_t list = dura_json_member(doc, DURA_JSON_ROOT, "measured"), left_out = 0;
    int brief = length_of(doc, list) > LONG_LIST;
    printf("\nmeasured\n");
    if (dura_json_first(doc, list) == DURA_JSON_NONE)
        printf("  the frame carried no values\n");
    for (uint32_t c = dura_json_first(doc, list); c != DURA_JSON_NONE; c = dura_json_next(doc, c)) {
        uint32_t why = dura_json_member(doc, c, "reasons");
        if (brief && strcmp(words_text(doc, c, "verdict"), "GOOD") == 0) {
            left_out++;
            continue;
        }
        printf("  %-14s ", words_text(doc, c, "name"));
        print_number(doc, c, "value", "missing");
        print_unit(doc, c);
        printf("  %s", words_text(doc, c, "verdict"));
        if (dura_json_first(doc, why) != DURA_JSON_NONE) {
            printf(" (");
            words_list(doc, why, "");
            printf(")");
        }
        if (words_has(doc, c, "quality"))
            printf("  quality %.2f", words_number(doc, c, "quality"));
        printf("%s\n", words_true(doc, c, "required") ? "" : "  not required");
        print_broken(doc, c);
    }
    if (left_out)
        printf("  %u %schannels GOOD (--json has them)\n", left_out, left_out < length_of(doc, list) ? "other " : "");
}

/* ---- the model ----------------------------------------------------------------------------------- */

static void print_brain(const dura_json *doc)
{
    uint32_t b = dura_json_member(doc, DURA_JSON_ROOT, "brain");
    const char *kind = words_text(doc, b, "kind");
    printf("\nmodel\n  which    %s %s%s", *kind ? kind : "model", words_text(doc, b, "digest"),
           words_true(doc, b, "of_the_start") ? ", the one the run started with" : "");
    if (words_has(doc, b, "release"))
        printf(", release version %" PRIu64 "%s", words_uint(doc, b, "release"),
               words_true(doc, b, "probation") ? " on probation" : "");
    printf("\n");
}

static void print_fed(const dura_json *doc)
{
    uint32_t list = dura_json_member(doc, DURA_JSON_ROOT, "fed");
    const char *label = "  given    ";
    if (dura_json_first(doc, list) == DURA_JSON_NONE)
        printf("  given    nothing: it was not asked\n");
    for (uint32_t i = dura_json_first(doc, list); i != DURA_JSON_NONE; i = dura_json_next(doc, i)) {
        printf("%s%s = ", label, words_text(doc, i, "name"));
        print_number(doc, i, "value", "?");
        print_unit(doc, i);
        printf("%s\n", words_true(doc, i, "held") ? " (held: not the measured one)" : "");
        label = "           ";
    }
}

static int observing(const dura_json *doc) { return strcmp(words_text(doc, DURA_JSON_ROOT, "mode"), "observe") == 0; }

static void print_answer(const dura_json *doc)
{
    uint32_t list = dura_json_member(doc, DURA_JSON_ROOT, "answer");
    for (uint32_t k = dura_json_first(doc, list); k != DURA_JSON_NONE; k = dura_json_next(doc, k)) {
        uint32_t changed = dura_json_member(doc, k, "changed");
        double rate = words_number(doc, k, "rate");
        printf("  %s: answered ", words_text(doc, k, "name"));
        print_number(doc, k, "raw", "nothing");
        printf(", envelope %.7g..%.7g", words_number(doc, k, "lo"), words_number(doc, k, "hi"));
        if (rate > 0)
            printf(", at most %.7g per second", rate);
        if (dura_json_first(doc, changed) != DURA_JSON_NONE) {
            printf(", bounded by ");
            words_list(doc, changed, "");
        }
        printf("; proposed %.7g, %s %.7g", words_number(doc, k, "proposed"), observing(doc) ? "left at"
               : "driven", words_number(doc, k, "driven"));
        print_unit(doc, k);
        printf(" (safe: %.7g)\n", words_number(doc, k, "safe"));
    }
}

static void print_baseline(const dura_json *doc, uint32_t a)
{
    uint64_t mean = words_uint(doc, a, "baseline_from_references"), median = words_uint(doc, a, "baseline_from_medians");
    printf("  compared with the baseline: ");
    if (mean)
        printf("reference means of %" PRIu64 " input%s", mean, mean == 1 ? "" : "s");
    if (median)
        printf("%smedians of %" PRIu64 " input%s over the first %" PRIu64 " decisions", mean ? ", " : "", median,
               median == 1 ? "" : "s", words_uint(doc, a, "median_of"));
    const char *method = words_text(doc, a, "method");
    printf("; %s\n", strcmp(method, "exact") == 0 ? "exact, since the model is linear"
                     : strcmp(method, "shapley") == 0 ? "exact Shapley values of the trees"
                                                      : "by occlusion: one input at a time put back to its baseline");
}

static void print_attribution(const dura_json *doc)
{
    uint32_t a = dura_json_member(doc, DURA_JSON_ROOT, "attribution"), list = dura_json_member(doc, a, "outputs");
    printf("\nattribution\n");
    if (words_has(doc, a, "why_not")) {
        printf("  none: %s\n", words_text(doc, a, "why_not"));
        return;
    }
    print_baseline(doc, a);
    for (uint32_t k = dura_json_first(doc, list); k != DURA_JSON_NONE; k = dura_json_next(doc, k)) {
        uint32_t top = dura_json_member(doc, k, "top");
        printf("  %s: %.7g, at the baseline %.7g", words_text(doc, k, "name"), words_number(doc, k, "answer"),
               words_number(doc, k, "baseline_answer"));
        if (words_has(doc, k, "explained"))
            printf("; explains %.0f %% of the distance from the baseline answer", 100 * words_number(doc, k, "explained"));
        printf("\n");
        for (uint32_t i = dura_json_first(doc, top); i != DURA_JSON_NONE; i = dura_json_next(doc, i))
            printf("    %5.1f %%  %-14s %+.6g  (%.7g, baseline %.7g)\n", 100 * words_number(doc, i, "share"),
                   words_text(doc, i, "name"), words_number(doc, i, "contribution"), words_number(doc, i, "value"),
                   words_number(doc, i, "baseline"));
    }
}

/* ---- around it -------------------------------------------------------------------------------------- */

static void print_drift(const dura_json *doc)
{
    uint32_t list = dura_json_member(doc, DURA_JSON_ROOT, "drift"), quiet = 0, unpromised = 0;
    int brief = length_of(doc, list) > LONG_LIST;
    printf("\ndrift at that moment\n");
    if (dura_json_type(doc, list) != DURA_JSON_ARRAY)
        printf("  the policy watches none\n");
    for (uint32_t g = dura_json_first(doc, list); g != DURA_JSON_NONE; g = dura_json_next(doc, g)) {
        uint32_t why = dura_json_member(doc, g, "why");
        double limit = words_number(doc, g, "limit");
        if (brief && !words_true(doc, g, "alarm")) {
            quiet++;
            unpromised += dura_json_first(doc, why) != DURA_JSON_NONE;
            continue;
        }
        printf("  %-14s %s, at %.3g of its limit", words_text(doc, g, "name"), words_true(doc, g, "alarm") ? "DRIFTED" : "quiet",
               limit > 0 ? words_number(doc, g, "statistic") / limit : 0.0);
        if (words_true(doc, g, "alarm"))
            printf(", %s, size %.3g", words_text(doc, g, "direction"), words_number(doc, g, "size"));
        if (strcmp(words_text(doc, g, "detector"), "mixture") != 0)
            printf(" (%s)", words_text(doc, g, "detector"));
        if (words_true(doc, g, "alarm") && length_of(doc, dura_json_member(doc, g, "blamed"))) {
            printf("; explained least: ");
            words_list(doc, dura_json_member(doc, g, "blamed"), "");
        }
        if (dura_json_first(doc, why) != DURA_JSON_NONE) {
            printf("; no rate promised: ");
            words_list(doc, why, "");
        }
        printf("\n");
    }
    if (quiet)
        printf("  %u quiet, of which %u promise no rate (--json has them)\n", quiet, unpromised);
}

static void print_told(const dura_json *doc, uint32_t t, const char *label)
{
    printf("  %-8s record %" PRIu64 ", ", label, words_uint(doc, t, "gseq"));
    if (words_true(doc, t, "before"))
        printf("%" PRIu64 " decisions before", words_uint(doc, t, "decisions_ago"));
    else
        printf("behind this decision");
    printf(": %s\n", words_text(doc, t, "text"));
}

/* Did anybody look for drift, and was anything asked of the model's owner? */
static void print_monitor(const dura_json *doc)
{
    uint32_t m = dura_json_member(doc, DURA_JSON_ROOT, "monitor"), alive = dura_json_member(doc, m, "alive");
    uint32_t trouble = dura_json_member(doc, m, "trouble"), retrain = dura_json_member(doc, m, "retrain");
    if (dura_json_type(doc, m) != DURA_JSON_OBJECT)
        return;
    if (dura_json_type(doc, alive) == DURA_JSON_OBJECT)
        print_told(doc, alive, "alive");
    else
        printf("  alive    %s: nothing proves that drift was looked for\n",
               words_uint(doc, m, "promised") ? "no heartbeat in this start before the decision" : "the policy asks for no self-test");
    for (uint32_t t = dura_json_first(doc, trouble); t != DURA_JSON_NONE; t = dura_json_next(doc, t))
        print_told(doc, t, "monitor");
    for (uint32_t t = dura_json_first(doc, retrain); t != DURA_JSON_NONE; t = dura_json_next(doc, t))
        print_told(doc, t, "retrain");
}

static void print_incident(const dura_json *doc)
{
    uint32_t i = dura_json_member(doc, DURA_JSON_ROOT, "incident");
    printf("\nincident (%s)\n", words_text(doc, DURA_JSON_ROOT, "incidents"));
    if (dura_json_type(doc, i) != DURA_JSON_OBJECT)
        printf("none\n");
    else
        words_incident(doc, i, dura_json_member(doc, DURA_JSON_ROOT, "said"));
}

static void print_security(const dura_json *doc)
{
    uint32_t s = dura_json_member(doc, DURA_JSON_ROOT, "security"), list = dura_json_member(doc, s, "events");
    uint32_t gaps = dura_json_member(doc, s, "missing");
    char t[40];
    printf("\nsecurity log, %.0f s before and behind: %" PRIu64 " events\n", words_number(doc, s, "window_s"),
           words_uint(doc, s, "in_window"));
    for (uint32_t e = dura_json_first(doc, list); e != DURA_JSON_NONE; e = dura_json_next(doc, e)) {
        printf("  %s  %+.1f s  record %" PRIu64 "  %s/%s", words_time(doc, e, "t", t), words_number(doc, e, "after_s"),
               words_uint(doc, e, "gseq"), words_text(doc, e, "category"), words_text(doc, e, "type"));
        if (words_has(doc, e, "actor"))
            printf("  by %s", words_text(doc, e, "actor"));
        printf("%s  %s\n", words_true(doc, e, "trusted") ? "" : "  unauthenticated", words_text(doc, e, "detail"));
    }
    if (words_uint(doc, s, "left_out"))
        printf("  and %" PRIu64 " more\n", words_uint(doc, s, "left_out"));
    for (uint32_t g = dura_json_first(doc, gaps); g != DURA_JSON_NONE; g = dura_json_next(doc, g))
        printf("  missing  %s\n", words_text(doc, g, "text"));
}

static void print_proof(const dura_json *doc)
{
    uint32_t p = dura_json_member(doc, DURA_JSON_ROOT, "proof"), v = dura_json_member(doc, p, "verify");
    printf("\nproof\n  record   %" PRIu64 ", leaf %s\n", words_uint(doc, p, "gseq"), words_text(doc, p, "leaf"));
    if (words_true(doc, p, "sealed"))
        printf("  seal     covered by the seal of epoch %" PRIu64 ": %" PRIu64 " records, root %s\n", words_uint(doc, p, "epoch"),
               words_uint(doc, p, "tree_size"), words_text(doc, p, "root"));
    else
        printf("  seal     none covers it yet\n");
    if (words_has(doc, p, "damage"))
        printf("  damage   behind the decision: %s\n", words_text(doc, p, "damage"));
    printf("  verify   %s%s%s\n", words_text(doc, v, "word"), words_has(doc, v, "word") ? ": " : "", words_text(doc, v, "text"));
}

static int print_words(const char *text, size_t len, dura_error *err)
{
    dura_json *doc;
    int rc = dura_json_parse(text, len, "decision", &doc, err);
    if (rc != DURA_OK)
        return rc;
    print_head(doc);
    print_measured(doc);
    print_brain(doc);
    print_fed(doc);
    print_answer(doc);
    print_attribution(doc);
    print_drift(doc);
    print_monitor(doc);
    print_incident(doc);
    print_security(doc);
    print_proof(doc);
    dura_json_deinit(doc);
    return DURA_OK;
}

/* ---- the command --------------------------------------------------------------------------------------- */

static int read_key(uint8_t pub[32], dura_error *err)
{
    if (strlen(key) != 64 || strspn(key, "0123456789abcdefABCDEF") != 64)
        return dura_keyfile_public(key, pub, err);
    for (size_t i = 0; i < 32; i++) {
        char digits[3] = {key[2 * i], key[2 * i + 1], '\0'};
        pub[i] = (uint8_t)strtoul(digits, NULL, 16);
    }
    return DURA_OK;
}

static int explain(dura_why_options *o, dura_error *err)
{
    dura_verify_options v = DURA_VERIFY_OPTIONS_INIT;
    char own[1024], *text;
    uint8_t pub[32];
    size_t len;
    int rc = DURA_OK;
    v.state_dir = state;
    if (!state && dura_keys_state_dir(own, sizeof own) == DURA_OK)
        v.state_dir = own;
    if (key) {
        rc = read_key(pub, err);
        v.key = pub;
    }
    o->verify = &v;
    if (rc == DURA_OK)
        rc = dura_why_json(folder, o, &text, &len, err);
    if (rc != DURA_OK)
        return rc;
    if (as_json)
        puts(text);
    else
        rc = print_words(text, len, err);
    dura_why_deinit(text);
    return rc;
}

int cmd_why(int argc, char **argv)
{
    dura_why_options o = DURA_WHY_OPTIONS_INIT;
    dura_error err = {0};
    uint64_t top = 0;
    int rc = cli_parse(&self, argc, argv);
    if (rc >= 0)
        return rc;
    if (last + (at != NULL) + (frame != NULL) != 1)
        return cli_usage(&self, "want exactly one of --last, --at and --frame");
    if (frame && cli_number(frame, UINT64_MAX, &o.frame) != 0)
        return cli_usage(&self, "--frame %s: want a whole number", frame);
    if (top_text && (cli_number(top_text, 1024, &top) != 0 || top == 0))
        return cli_usage(&self, "--top %s: want 1 to 1024", top_text);
    if (time_format && !at)
        return cli_usage(&self, "--time-format does nothing without --at");
    o.which = at ? DURA_PICK_AT : frame ? DURA_PICK_FRAME : DURA_PICK_LAST;
    o.at = at;
    o.time_format = time_format;
    o.model = model;
    o.top = (uint32_t)top;
    rc = explain(&o, &err);
    return rc != DURA_OK ? cli_fail(&self, rc, &err) : cli_end(&self, CLI_OK);
}
