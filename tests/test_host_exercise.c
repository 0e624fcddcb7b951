/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A register drilled over a recording made here. What is planted: limits opened wide, a check
 * taken out of the policy, a control that the entry forgot to name, an entry that names nothing.
 */
#include "temp_dir.h"

#include <dura/host/exercise.h>
#include <dura/host/json.h>

#ifdef DT_PLAIN
enum { ROWS = 900, STARTS = 1 }; /* under memcheck a third is enough */
#else
enum { ROWS = 900, STARTS = 3 };
#endif

static uint64_t chance;
static double noise(void)
{
    int32_t sum = 0;
    for (int i = 0; i < 12; i++) {
        chance = chance * 6364136223846793005u + 1442695040888963407u;
        sum += (int32_t)(chance >> 48);
    }
    return (double)(sum - 6 * 65535) / 65536.0;
}

static void record(void)
{
    FILE *f = fopen(in("f.csv"), "w");
    dt_ok(f != NULL, "");
    fprintf(f, "time,a,b\n");
    chance = 11;
    for (int i = 0; i < ROWS; i++) {
        double common = noise();
        fprintf(f, "%d,%.3f,%.3f\n", 1000 + i, 50 + 2 * common + 0.2 * noise(), 50 + 2 * common + 0.2 * noise());
    }
    fclose(f);
}

#define POLICY(lo, hi, more)                                                                                 \
    "{\"device\": {\"name\": \"bench\"}, \"channels\": [{\"name\": \"a\", \"fail_lo\": " lo ", \"fail_hi\": " hi more "},\n" \
    " {\"name\": \"b\", \"fail_lo\": 0, \"fail_hi\": 100}],\n"                                               \
    "\"outputs\": [{\"name\": \"y\", \"lo\": 0, \"hi\": 100, \"rate\": 30, \"safe\": 50}],\n"                 \
    "\"model\": {\"inputs\": [\"a\", \"b\"]}" VOTE "}"
#define VOTE ", \"checks\": [{\"kind\": \"vote\", \"terms\": [{\"channel\": \"a\"}, {\"channel\": \"b\"}], \"suspect\": 2, \"fail\": 3}]"
#define FLAT ", \"flat_fail_ms\": 5000, \"flat_tolerance\": 0.0005"
#define MODEL "{\"dura_model\": 1, \"kind\": \"linear\", \"inputs\": [\"a\", \"b\"],\n"                        \
    " \"outputs\": [{\"name\": \"y\", \"bias\": 0, \"weights\": [0.5, 0.5]}]}"

#define ENTRY(id, cause, drills, controls)                                                                   \
    "{\"id\": \"" id "\", \"title\": \"risk " id "\", \"cause\": \"" cause "\", \"origin\": {}, \"asset\": \"S-A\",\n" \
    " \"unmitigated\": {\"likelihood\": 3, \"severity\": 3}, \"residual\": {\"likelihood\": 2, \"severity\": 2},\n" \
    " \"drills\": [" drills "], \"controls\": [" controls "], \"status\": \"open\", \"reviewed\": \"2026-11-01\"}"
#define CONTROL(id, hook, on) "{\"id\": \"" id "\", \"hook\": \"" hook "\", \"on\": [\"" on "\"], \"armed_percent\": 90}"
#define REGISTER                                                                                             \
    "{\"dura_register\": 1, \"product\": {\"id\": \"p\", \"version\": \"1\", \"intended_use\": \"u\",\n"        \
    " \"owners\": {\"box\": \"x\", \"brain\": \"y\"}, \"tolerable\": 3,\n"                                    \
    " \"risk_matrix\": [[1,1,2,3],[1,2,3,4],[2,3,4,6],[2,4,6,8],[3,5,8,9]]},\n"                                \
    "\"zones\": [{\"id\": \"Z\", \"sl_t\": {\"IAC\":1,\"UC\":1,\"SI\":2,\"DC\":1,\"RDF\":1,\"TRE\":2,\"RA\":1}}], \"conduits\": [],\n" \
    "\"assets\": [{\"id\": \"S-A\", \"kind\": \"sensor\", \"zone\": \"Z\", \"owner\": \"box\", \"channels\": [\"a\"]},\n" \
    " {\"id\": \"M\", \"kind\": \"model\", \"zone\": \"Z\", \"owner\": \"brain\", \"inputs\": [\"S-A\"]}],\n"   \
    "\"impact_assessments\": [], \"hazards\": [], \"waivers\": [],\n"                                        \
    "\"entries\": [" ENTRY("R-UNIT", "fault", "\"unit\", \"stuck\"", "\"K-RANGE\", \"K-FLAT\"") ",\n"           \
    ENTRY("R-BENT", "attack", "\"bounded\"", "\"K-VOTE\"") ",\n"                                                \
    ENTRY("R-FORGOT", "fault", "\"unit\"", "\"K-FLAT\"") ",\n"                                                   \
    ENTRY("R-WILD", "misuse", "\"model_wild\", \"model_jumps\", \"model_nan\"", "\"K-OUT\", \"K-RATE\", \"K-SAFE\", \"K-STOP\"") ",\n" \
    ENTRY("R-LOG", "attack", "\"log_altered\", \"log_cut\"", "\"K-SEAL\"") ",\n"                                \
    ENTRY("R-NONE", "misuse", "", "\"K-GATE\"") "],\n"                                                          \
    "\"controls\": [" CONTROL("K-RANGE", "sensor.range", "S-A") ", " CONTROL("K-FLAT", "sensor.flat", "S-A") ",\n" \
    CONTROL("K-VOTE", "sensor.vote", "S-A") ", " CONTROL("K-OUT", "output.range", "M") ", " CONTROL("K-RATE", "output.rate", "M") ",\n" \
    CONTROL("K-SAFE", "output.fallback", "M") ", " CONTROL("K-STOP", "output.stop", "M") ", " CONTROL("K-SEAL", "log.seal", "M") ",\n" \
    CONTROL("K-GATE", "gate.window", "M") "]}"

static dura_register *the_register(void)
{
    static const char *text = REGISTER;
    dura_register *r;
    dura_error err = {0};
    dt_eq(dura_register_parse(text, strlen(text), "r.json", &r, &err), DURA_OK, "%s: %s", err.field, err.text);
    return r;
}

static dura_exercise *exercise(const dura_register *r, const char *policy)
{
    dura_drill_options o = DURA_DRILL_OPTIONS_INIT;
    dura_exercise *x;
    dura_error err = {0};
    char p[512], m[512], f[512];
    put("policy.json", policy);
    put("model.json", MODEL);
    record();
    snprintf(p, sizeof p, "%s", in("policy.json"));
    snprintf(m, sizeof m, "%s", in("model.json"));
    snprintf(f, sizeof f, "%s", in("f.csv"));
    o.policy = p;
    o.model = m;
    o.frames = f;
    o.length = 60;
    o.starts = STARTS;
    dt_eq(dura_exercise_run(&x, r, &o, &err), DURA_OK, "%s %s: %s", err.file, err.field, err.text);
    return x;
}

static dura_exercise_entry entry(const dura_exercise *x, const char *id)
{
    dura_exercise_entry e = {0};
    e.struct_size = sizeof e;
    for (uint32_t i = 0; dura_exercise_entry_at(x, i, &e) == DURA_OK; i++)
        if (strcmp(e.id, id) == 0)
            return e;
    dt_fail("no entry %s", id);
    return e;
}

static dura_exercise_control control(const dura_exercise *x, const char *id)
{
    dura_exercise_control c = {0};
    c.struct_size = sizeof c;
    for (uint32_t i = 0; dura_exercise_control_at(x, i, &c) == DURA_OK; i++)
        if (strcmp(c.id, id) == 0)
            return c;
    dt_fail("no control %s", id);
    return c;
}

DT_TEST(exercise_run, drills_every_entry_and_says_which_of_its_own_controls_noticed)
{
    make_dir("exercise");
    dura_register *r = the_register();
    dura_exercise *x = exercise(r, POLICY("0", "100", FLAT));
    dt_eq(entry(x, "R-UNIT").result, DURA_EXERCISE_CAUGHT, "%d of %d", (int)entry(x, "R-UNIT").caught, (int)entry(x, "R-UNIT").injections);
    dt_eq(entry(x, "R-BENT").result, DURA_EXERCISE_CAUGHT, "the second tap contradicts it");
    dura_exercise_entry e = entry(x, "R-FORGOT");
    dt_eq(e.result, DURA_EXERCISE_PARTLY, "its flat line check catches what is made for it, and not the unit");
    dt_eq(e.elsewhere, STARTS, "the range check did, which the entry does not name");
    dt_eq(entry(x, "R-WILD").result, DURA_EXERCISE_CAUGHT, "%d of %d", (int)entry(x, "R-WILD").caught, (int)entry(x, "R-WILD").injections);
    dt_eq(entry(x, "R-LOG").result, DURA_EXERCISE_CAUGHT, "");
    dt_eq(entry(x, "R-NONE").result, DURA_EXERCISE_NOT_DRILLED, "");
    dt_eq(control(x, "K-GATE").drilled, 0, "%s", control(x, "K-GATE").note);
    static const char *const sound[] = {"K-RANGE", "K-FLAT", "K-VOTE", "K-OUT", "K-RATE", "K-SAFE", "K-STOP", "K-SEAL"};
    for (size_t i = 0; i < sizeof sound / sizeof *sound; i++)
        dt_eq(control(x, sound[i]).result, DURA_EXERCISE_CAUGHT, "%s: %d of %d", sound[i], (int)control(x, sound[i]).caught,
              (int)control(x, sound[i]).drilled);
    dura_exercise_deinit(x);
    dura_register_deinit(r);
    sweep();
}

DT_TEST(exercise_run, exposes_every_planted_weakness)
{
    static const struct row { const char *policy, *weak, *entry; } rows[] = {
        {POLICY("-1e9", "1e9", FLAT), "K-RANGE", "R-UNIT"},             /* limits opened wide */
        {POLICY("0", "100", ""), "K-FLAT", "R-UNIT"},                   /* the check is not in the policy */
        {POLICY("0", "100", FLAT ", \"suspect_ok\": true"), NULL, NULL},
#undef VOTE
#define VOTE ", \"checks\": [{\"kind\": \"vote\", \"terms\": [{\"channel\": \"a\"}, {\"channel\": \"b\"}], \"suspect\": 900, \"fail\": 1000}]"
        {POLICY("0", "100", FLAT), "K-VOTE", "R-BENT"},                 /* a vote that never objects */
#undef VOTE
#define VOTE ""
        {POLICY("0", "100", FLAT), "K-VOTE", "R-BENT"},                 /* no second channel is asked */
    };
    make_dir("exercise");
    dura_register *r = the_register();
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        dura_exercise *x = exercise(r, rows[i].policy);
        if (rows[i].weak) {
            dura_exercise_control c = control(x, rows[i].weak);
            dt_ok(c.drilled > 0 && c.caught < c.drilled && c.note[0], "row %d: %s %d of %d", (int)i, c.id, (int)c.caught, (int)c.drilled);
            dt_ok(entry(x, rows[i].entry).result != DURA_EXERCISE_CAUGHT, "row %d", (int)i);
        }
        dura_exercise_deinit(x);
    }
    dura_register_deinit(r);
    sweep();
}

DT_TEST(exercise_text, is_canonical_and_the_same_again)
{
    make_dir("exercise");
    dura_register *r = the_register();
    char *one, *two, *three, *page;
    size_t n, m, k, p;
    dura_json *d;
    dura_error err = {0};
    dura_exercise *x = exercise(r, POLICY("0", "100", FLAT));
    dt_eq(dura_exercise_text(x, &one, &n), DURA_OK, "");
    dt_eq(dura_exercise_page(x, &page, &p), DURA_OK, "");
    dt_ok(strstr(page, "R-FORGOT") && strstr(page, "which the entry does not name"), "");
    dura_exercise_deinit(x);
    x = exercise(r, POLICY("0", "100", FLAT));
    dt_eq(dura_exercise_text(x, &two, &m), DURA_OK, "");
    dt_ok(n == m && memcmp(one, two, n) == 0, "the same bytes");
    dura_exercise_deinit(x);
    dt_eq(dura_json_parse(one, n, "drill.json", &d, &err), DURA_OK, "%s", err.text);
    dt_eq(dura_register_canonical(d, DURA_JSON_ROOT, &three, &k), DURA_OK, "");
    dt_ok(n == k && memcmp(one, three, n) == 0, "%s\n%s", one, three);
    dura_json_deinit(d);
    dura_register_free(one);
    dura_register_free(two);
    dura_register_free(three);
    dura_register_free(page);
    dura_register_deinit(r);
    sweep();
}
