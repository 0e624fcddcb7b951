/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Learning: what a name declares, what a tail extrapolates to, and what comes out of a
 * recording. Recordings are made here, from a seed; the spans of Poisson counts come from
 * scipy.stats.poisson.ppf. The policies are read back with the packer and the strict JSON
 * reader, not with the code that wrote them.
 */
#include "dt.h"

#include "../src/host/dura_host_learn_priv.h"

#include <dura/host/json.h>
#include <math.h>
#include <unistd.h>

/* ---- chance ------------------------------------------------------------------------------ */

static uint64_t seed_state;

static double uniform(void)
{
    uint64_t z = seed_state += UINT64_C(0x9E3779B97F4A7C15);
    z = (z ^ (z >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94D049BB133111EB);
    return ((double)((z ^ (z >> 31)) >> 11) + 0.5) / 9007199254740992.0;
}

static double normal(void)
{
    return sqrt(-2.0 * log(uniform())) * cos(6.283185307179586 * uniform());
}

static double laplace(void)
{
    return log(uniform() / uniform());
}

/* ---- files ----------------------------------------------------------------------------------- */

static const char *path(const char *end)
{
    static char text[4][64];
    static int at;
    at = (at + 1) % 4;
    snprintf(text[at], sizeof text[at], "/tmp/dura_learn_%d.%s", (int)getpid(), end);
    return text[at];
}

static FILE *begin(const char *header)
{
    FILE *f = fopen(path("csv"), "w");
    dt_ok(f != NULL, "cannot write");
    fprintf(f, "%s\n", header);
    return f;
}

static void put(const char *end, const char *text)
{
    FILE *f = fopen(path(end), "w");
    dt_ok(f && fputs(text, f) >= 0 && fclose(f) == 0, "cannot write %s", end);
}

static dura_learn_options options(void)
{
    dura_learn_options o = DURA_LEARN_OPTIONS_INIT;
    o.frames = path("csv");
    return o;
}

/* Two quiet channels for n rows, a second apart. */
static void quiet(size_t n)
{
    FILE *f = begin("time,a,b");
    seed_state = 7;
    for (size_t i = 0; i < n; i++) {
        double x = normal(), y = normal();
        fprintf(f, "%zu,%.3f,%.2f\n", 1000 + i, 50.0 + x, -3.0 + 0.5 * y);
    }
    fclose(f);
}

static dura_learned *learned;
static dura_error why;

static int learn(const dura_learn_options *o)
{
    memset(&why, 0, sizeof why);
    return dura_learn_csv(&learned, o, &why);
}

static dura_learn_report report(void)
{
    dura_learn_report r = {0};
    r.struct_size = sizeof r;
    dt_eq(dura_learned_query(learned, &r), DURA_OK, "");
    return r;
}

static dura_learn_channel channel(uint32_t i)
{
    dura_learn_channel c = DURA_LEARN_CHANNEL_INIT;
    dt_eq(dura_learned_channel(learned, i, &c), DURA_OK, "channel %u", i);
    return c;
}

static void done(void)
{
    dura_learned_deinit(learned);
    learned = NULL;
    unlink(path("csv"));
    unlink(path("json"));
}

/* Must learn; the policy must pack. */
static void must(const dura_learn_options *o)
{
    void *image;
    size_t n, len;
    int rc = learn(o);
    dt_eq(rc, DURA_OK, "%.80s: %.100s", why.field, why.text);
    const char *text = dura_learned_policy(learned, &n);
    dt_eq(strlen(text), n, "");
    rc = dura_pack_policy(text, n, "learned", &image, &len, &why);
    dt_eq(rc, DURA_OK, "%.80s: %.100s", why.field, why.text);
    dura_pack_deinit(image);
}

static int noted(const char *part)
{
    const char *note;
    for (uint32_t i = 0; (note = dura_learned_note(learned, i)) != NULL; i++)
        if (strstr(note, part))
            return 1;
    return 0;
}

/* The policy as a document; path like "channels.1.rate_fail". UINT32_MAX: absent. */
static dura_json *document(void)
{
    dura_json *doc;
    size_t n;
    const char *text = dura_learned_policy(learned, &n);
    dt_eq(dura_json_parse(text, n, "learned", &doc, &why), DURA_OK, "%.100s", why.text);
    return doc;
}

static uint32_t at(const dura_json *doc, const char *where)
{
    uint32_t v = DURA_JSON_ROOT;
    char name[64];
    while (*where && v != DURA_JSON_NONE) {
        size_t n = strcspn(where, ".");
        snprintf(name, sizeof name, "%.*s", (int)n, where);
        where += n + (where[n] == '.');
        if (dura_json_type(doc, v) != DURA_JSON_ARRAY) {
            v = dura_json_member(doc, v, name);
            continue;
        }
        v = dura_json_first(doc, v);
        for (int i = atoi(name); i > 0; i--)
            v = dura_json_next(doc, v);
    }
    return v;
}

static double number(const char *where)
{
    dura_json *doc = document();
    double x = NAN;
    uint32_t v = at(doc, where);
    if (v != DURA_JSON_NONE)
        dt_eq(dura_json_get_f64(doc, v, &x, NULL), DURA_OK, "%s", where);
    dura_json_deinit(doc);
    return x;
}

static int is_text(const char *where, const char *want)
{
    dura_json *doc = document();
    const char *text = "";
    int rc = dura_json_get_text(doc, at(doc, where), 0, 255, &text, NULL), equal = rc == 0 && strcmp(text, want) == 0;
    dura_json_deinit(doc);
    return equal;
}

static uint32_t count(const char *where)
{
    dura_json *doc = document();
    uint32_t n = dura_json_count(doc, at(doc, where));
    dura_json_deinit(doc);
    return n;
}

/* ---- tails --------------------------------------------------------------------------------------- */

enum { SERIES = 20000 };

static durai_series series(size_t n)
{
    durai_series s = {0};
    s.y = malloc(n * sizeof *s.y);
    s.work = malloc(n * sizeof *s.work);
    s.hole = calloc(n, 1);
    s.n = n;
    s.apart = s.merge = 3;
    s.seconds = (double)n;
    dt_ok(s.y && s.work && s.hole, "memory");
    return s;
}

static void free_series(durai_series *s)
{
    free(s->y);
    free(s->work);
    free(s->hole);
}

DT_TEST(learn_tail, a_limit_is_passed_as_often_as_it_was_asked_for)
{
    static const struct { const char *row; int kind; double factor; } rows[] = {
        {"gauss", 0, 1.0}, {"gauss, wider", 0, 2.5}, {"laplace", 1, 1.0}, {"pareto", 2, 1.0}, {"pareto, wider", 2, 1.5},
    };
    for (size_t k = 0; k < sizeof rows / sizeof *rows; k++) {
        durai_series s = series(SERIES);
        durai_tail t;
        seed_state = k;
        for (size_t i = 0; i < s.n; i++)
            s.y[i] = rows[k].kind == 0 ? normal() : rows[k].kind == 1 ? laplace() : pow(uniform(), -0.4);
        durai_tail_fit(&t, &s, DURAI_TAIL_GAUSS, 0);
        dt_ok(t.used && t.n > 5, "%s: %u excursions", rows[k].row, t.n);
        for (double per_s = 1e-4; per_s > 1e-9; per_s /= 10.0) {
            double y = durai_tail_limit(&t, per_s, rows[k].factor);
            double back = durai_tail_rate(&t, y, rows[k].factor) / per_s;
            dt_ok(back > 0.98 && back < 1.02, "%s at %g: %g", rows[k].row, per_s, back);
        }
        free_series(&s);
    }
}

DT_TEST(learn_tail, a_gaussian_is_extrapolated_to_where_it_goes)
{
    /* Q(4.75) = 1e-6, Q(5.61) = 1e-8: the limit must not be inside, nor far outside. */
    for (uint64_t k = 0; k < 8; k++) {
        durai_series s = series(SERIES);
        durai_tail t;
        seed_state = 100 + k;
        for (size_t i = 0; i < s.n; i++)
            s.y[i] = 10.0 + 2.0 * normal();
        durai_tail_fit(&t, &s, DURAI_TAIL_GAUSS, 0);
        double z6 = (durai_tail_limit(&t, 1e-6, 1.0) - 10.0) / 2.0, z8 = (durai_tail_limit(&t, 1e-8, 1.0) - 10.0) / 2.0;
        dt_ok(z6 > 4.3 && z6 < 7.5, "seed %d: %g", (int)k, z6);
        dt_ok(z8 > z6 && z8 < 10.0, "seed %d: %g after %g", (int)k, z8, z6);
        free_series(&s);
    }
}

DT_TEST(learn_tail, the_scale_of_a_heavy_tail_is_not_the_gaussian)
{
    durai_series s = series(SERIES);
    durai_tail t;
    seed_state = 3;
    for (size_t i = 0; i < s.n; i++)
        s.y[i] = pow(uniform(), -0.5);
    durai_tail_fit(&t, &s, DURAI_TAIL_GAUSS, 0);
    dt_eq(t.form, DURAI_TAIL_LOG, "");
    for (size_t i = 0; i < s.n; i++)
        s.y[i] = normal();
    durai_tail_fit(&t, &s, DURAI_TAIL_GAUSS, 0);
    dt_ok(t.form != DURAI_TAIL_LOG, "form %u", t.form);
    free_series(&s);
}

DT_TEST(learn_tail, fewer_excursions_make_wider_limits)
{
    durai_tail t = {0};
    double last = 1e300;
    t.scale = t.edge = t.beta = 1.0;
    t.per_s = 1e-2;
    t.used = 1;
    t.form = DURAI_TAIL_LINEAR;
    for (t.n = 4; t.n < 200; t.n *= 2) {
        double y = durai_tail_limit(&t, 1e-6, 1.0);
        dt_ok(y < last, "n %u: %g is not below %g", t.n, y, last);
        last = y;
    }
    dt_ok(last > 1.0 + log(1e4) && last < 11.0, "the limit of many is the exponential's own: %g", last);
    double four = durai_tail_limit((t.n = 4, &t), 1e-6, 1.0), one = durai_tail_limit((t.n = 1, &t), 1e-6, 1.0);
    dt_ok(four <= one && one <= four, "one excursion counts as four: %g, %g", one, four);
}

DT_TEST(learn_tail, a_factor_is_what_a_number_beyond_needed)
{
    durai_tail t = {0};
    t.scale = t.edge = t.beta = 1.0;
    t.per_s = 1e-2;
    t.n = 20;
    t.used = 1;
    t.form = DURAI_TAIL_LINEAR;
    double y = durai_tail_limit(&t, 1e-6, 1.7);
    double f = durai_tail_needed(&t, 1e-6, y);
    dt_ok(fabs(f - 1.7) < 1e-9, "%g", f);
    f = durai_tail_needed(&t, 1e-6, 0.5);
    dt_ok(f <= 0.0 && f >= 0.0, "what is inside needs nothing: %g", f);
}

DT_TEST(learn_tail, what_never_leaves_its_quantile_has_no_tail)
{
    durai_series s = series(500);
    durai_tail t;
    for (size_t i = 0; i < s.n; i++)
        s.y[i] = (double)(i % 2);
    durai_tail_fit(&t, &s, DURAI_TAIL_GAUSS, 0);
    dt_eq(t.n, 0, "");
    double y = durai_tail_limit(&t, 1e-9, 1.0), rate = durai_tail_rate(&t, 1.5, 1.0);
    dt_ok(y >= 1.0 && y <= 1.0 && rate <= 0.0, "%g, %g", y, rate);
    for (size_t i = 0; i < s.n; i++)
        s.hole[i] = 1;
    durai_tail_fit(&t, &s, DURAI_TAIL_GAUSS, 0);
    dt_eq(t.used, 0, "nothing there");
    free_series(&s);
}

DT_TEST(learn_tail, memory_is_the_lag_at_which_a_series_has_forgotten_itself)
{
    static const struct { double phi; size_t least, most; } rows[] = {{0.0, 1, 2}, {0.9, 8, 32}, {0.99, 70, 500}};
    for (size_t k = 0; k < 3; k++) {
        durai_series s = series(SERIES);
        double y = 0.0;
        seed_state = 5;
        for (size_t i = 0; i < s.n; i++)
            s.y[i] = y = rows[k].phi * y + normal();
        size_t lag = durai_tail_memory(&s);
        dt_ok(lag >= rows[k].least && lag <= rows[k].most, "phi %g: %zu", rows[k].phi, lag);
        free_series(&s);
    }
}

DT_TEST(learn_tail, poisson_spans_are_those_of_the_tables)
{
    static const double rows[][3] = {{0.0, 0, 0}, {0.1, 0, 1}, {1, 0, 3}, {2.5, 0, 6}, {10, 4, 17}, {100, 81, 120}};
    for (size_t k = 0; k < sizeof rows / sizeof *rows; k++) {
        double least, most;
        durai_poisson_span(rows[k][0], &least, &most);
        dt_eq(least, rows[k][1], "mean %g", rows[k][0]);
        dt_eq(most, rows[k][2], "mean %g", rows[k][0]);
    }
    double least, most;
    durai_poisson_span(1e6, &least, &most);
    dt_ok(fabs(least - 998040.0) < 1.0 && fabs(most - 1001960.0) < 1.0, "%g %g", least, most);
}

/* ---- names ------------------------------------------------------------------------------------------ */

static const char *const ops[] = {"none", "value", "lag", "diff", "mean", "std", "min", "max", "ratio", "onehot"};

DT_TEST(learn_feature, a_name_declares_what_it_says)
{
    char *const names[] = {(char[]){"p1"}, (char[]){"p1_a"}, (char[]){"mode"}, (char[]){"p1_lag1"}};
    static const struct { const char *name; int op; uint16_t channel, channel2, n; float match; } rows[] = {
        {"p1", DURA_FEATURE_VALUE, 0, DURA_NONE, 0, 0},        {"p1_a", DURA_FEATURE_VALUE, 1, DURA_NONE, 0, 0},
        {"p1_lag1", DURA_FEATURE_VALUE, 3, DURA_NONE, 0, 0},   {"p1_lag2", DURA_FEATURE_LAG, 0, DURA_NONE, 2, 0},
        {"p1_diff2", DURA_FEATURE_DIFF, 0, DURA_NONE, 2, 0},   {"p1_mean12", DURA_FEATURE_MEAN, 0, DURA_NONE, 12, 0},
        {"p1_std12", DURA_FEATURE_STD, 0, DURA_NONE, 12, 0},   {"p1_min5", DURA_FEATURE_MIN, 0, DURA_NONE, 5, 0},
        {"p1_max1024", DURA_FEATURE_MAX, 0, DURA_NONE, 1024, 0}, {"p1_a_lag3", DURA_FEATURE_LAG, 1, DURA_NONE, 3, 0},
        {"p1_over_p1_a", DURA_FEATURE_RATIO, 0, 1, 0, 0},      {"p1_a_over_p1", DURA_FEATURE_RATIO, 1, 0, 0, 0},
        {"mode_is_3", DURA_FEATURE_ONEHOT, 2, DURA_NONE, 0, 3}, {"mode_is_-1", DURA_FEATURE_ONEHOT, 2, DURA_NONE, 0, -1},
        {"mode_is_0.5", DURA_FEATURE_ONEHOT, 2, DURA_NONE, 0, 0.5f},
        {"p1_lag1_mean4", DURA_FEATURE_MEAN, 3, DURA_NONE, 4, 0},
    };
    for (size_t k = 0; k < sizeof rows / sizeof *rows; k++) {
        dura_feature_spec f;
        dt_eq(durai_learn_feature(&f, rows[k].name, names, 4), DURA_OK, "%s", rows[k].name);
        dt_eq(f.op, rows[k].op, "%s is %s", rows[k].name, ops[f.op]);
        dt_eq(f.channel, rows[k].channel, "%s", rows[k].name);
        dt_eq(f.channel2, rows[k].channel2, "%s", rows[k].name);
        dt_eq(f.n, rows[k].n, "%s", rows[k].name);
        dt_ok(f.match >= rows[k].match && f.match <= rows[k].match, "%s", rows[k].name);
    }
}

DT_TEST(learn_feature, refuses_what_it_would_have_to_guess)
{
    char *const names[] = {(char[]){"p1"}, (char[]){"mode"}};
    static const char *const rows[] = {"", "p", "p2", "P1", "p1_", "_p1", "p1_lag", "p1_lag0", "p1_lag01", "p1_lag1025",
                                       "p1_lag-1", "p1_lag1.5", "p1_lag99999999999", "p1_std1", "p1_median5", "p1_over_",
                                       "p1_over_p2", "_over_p1", "mode_is_", "mode_is_on", "mode_is_1e3", "mode_is_0x1",
                                       "mode_is_nan", "mode_is_1 ", "p1lag1", "p1__lag1"};
    for (size_t k = 0; k < sizeof rows / sizeof *rows; k++) {
        dura_feature_spec f;
        dt_eq(durai_learn_feature(&f, rows[k], names, 2), DURA_ENOENT, "\"%s\"", rows[k]);
    }
}

/* ---- options ------------------------------------------------------------------------------------------ */

DT_TEST(learn_csv, wrong_options_are_refused_by_name)
{
    quiet(200);
    dura_learn_options o = options();
    dt_eq(dura_learn_csv(NULL, &o, &why), DURA_EINVAL, "");
    dt_eq(dura_learn_csv(&learned, NULL, &why), DURA_EINVAL, "");
    o.struct_size = 4;
    dt_eq(learn(&o), DURA_EINVAL, "size");
    static const struct { const char *row; double spurious, holdout; int64_t period; const char *frames; } rows[] = {
        {"spurious", 1e-4, 0, 0, "csv"}, {"spurious", 2e6, 0, 0, "csv"}, {"spurious", -1, 0, 0, "csv"},
        {"spurious", NAN, 0, 0, "csv"},  {"holdout", 1, 0.95, 0, "csv"}, {"holdout", 1, -0.1, 0, "csv"},
        {"holdout", 1, NAN, 0, "csv"},   {"period", 1, 0, -1, "csv"},    {"frames", 1, 0, 0, NULL},
    };
    for (size_t k = 0; k < sizeof rows / sizeof *rows; k++) {
        o = options();
        o.spurious = rows[k].spurious;
        o.holdout = rows[k].holdout;
        o.period_ns = rows[k].period;
        o.frames = rows[k].frames ? o.frames : NULL;
        int rc = learn(&o);
        if (rc == DURA_OK)         /* NaN of a number that has a default is the default */
            dt_ok(strcmp(rows[k].row, "spurious") == 0 && isnan(rows[k].spurious), "row %zu", k);
        else
            dt_str(why.field, rows[k].row, "row %zu", k);
        dura_learned_deinit(learned);
        learned = NULL;
    }
    o = options();
    o.frames = "-";
    dt_eq(learn(&o), DURA_EINVAL, "a pipe");
    o.frames = "/nowhere/at/all.csv";
    dt_eq(learn(&o), DURA_ENOENT, "");
    done();
}

DT_TEST(learn_csv, files_that_are_no_recording_say_what_is_wrong)
{
    static const struct { const char *row, *text; int rc; const char *says; } rows[] = {
        {"empty", "", DURA_ESYNTAX, "empty"},
        {"NDJSON", "{\"t\":1,\"a\":2}\n", DURA_ESYNTAX, "CSV"},
        {"no number", "time,a\n1,x\n2,y\n", DURA_EINVAL, "no column with numbers"},
        {"short", "time,a\n1,1\n2,2\n", DURA_EINVAL, "rows"},
        {"open quote", "time,\"a\n1,1\n", DURA_EINVAL, ""},
    };
    for (size_t k = 0; k < sizeof rows / sizeof *rows; k++) {
        dura_learn_options o = options();
        put("csv", rows[k].text);
        dt_eq(learn(&o), rows[k].rc, "%s: %.80s", rows[k].row, why.text);
        dt_ok(strstr(why.text, rows[k].says), "%s: %.80s", rows[k].row, why.text);
        dt_ok(learned == NULL, "");
    }
    FILE *f = begin("a,b");                          /* no time column */
    for (int i = 0; i < 100; i++)
        fprintf(f, "%d,%d\n", i, i % 7);
    fclose(f);
    dura_learn_options o = options();
    dt_eq(learn(&o), DURA_ESYNTAX, "");
    dt_ok(strstr(why.text, "time column"), "%.80s", why.text);
    f = begin("time,a");                             /* a row of another width */
    for (int i = 0; i < 100; i++)
        fprintf(f, i == 50 ? "%d,%d,9\n" : "%d,%d\n", i, i % 7);
    fclose(f);
    dt_eq(learn(&o), DURA_ESYNTAX, "");
    dt_eq(why.line, 52, "");
    f = begin("time,a");                             /* time stands still */
    for (int i = 0; i < 100; i++)
        fprintf(f, "5,%d\n", i % 7);
    fclose(f);
    dt_eq(learn(&o), DURA_ETIME, "");
    done();
}

/* ---- channels -------------------------------------------------------------------------------------------- */

DT_TEST(learn_csv, limits_lie_outside_of_everything_that_was_seen)
{
    quiet(3000);
    dura_learn_options o = options();
    must(&o);
    dura_learn_report r = report();
    dt_eq(r.channels, 2, "");
    dt_eq(r.required, 2, "");
    dt_eq(r.limits, 8, "high, low, rate and rest of two channels");
    dt_eq(r.rows, 3000, "");
    dt_eq(r.period_ns, 1000000000, "");
    dt_eq(r.gap_ns, 5000000000, "");
    dt_eq(r.irregular + r.stamps + r.gaps + r.trips, 0, "");
    dt_ok(r.expected > 0.0 && r.expected <= 1.0, "%g", r.expected);
    dt_ok(r.least <= 0.0 && r.most >= 2.0, "%g %g", r.least, r.most);
    for (uint32_t i = 0; i < 2; i++) {
        dura_learn_channel c = channel(i);
        double span = c.seen_hi - c.seen_lo;
        dt_eq(c.flags, DURA_LEARN_REQUIRED, "");
        dt_ok(c.fail_lo < c.seen_lo && c.fail_hi > c.seen_hi, "%s", c.name);
        dt_ok(c.fail_hi - c.fail_lo < 4.0 * span, "%s: limits that find nothing", c.name);
        dt_ok(c.rate_fail > span / 2.0 && c.rate_fail < 10.0 * span, "%s %g", c.name, c.rate_fail);
        dt_ok(c.flat_fail_ns > 2000000000 && c.flat_fail_ns < 600000000000, "%s", c.name);
        dt_eq(c.max_age_ns, 0, "%s", c.name);
    }
    dura_learn_channel c = DURA_LEARN_CHANNEL_INIT;
    dt_eq(dura_learned_channel(learned, 2, &c), DURA_ENOENT, "");
    dt_ok(number("channels.0.fail_hi") >= channel(0).fail_hi && number("channels.0.fail_hi") <= channel(0).fail_hi, "");
    dt_ok(number("sensor.gap_ms") >= 5000.0 && number("guard.hold_ms") >= 3000.0 && number("guard.recover_frames") >= 3.0, "");
    dt_ok(is_text("device.mode", "observe"), "");
    done();
}

DT_TEST(learn_csv, asking_for_fewer_trips_never_narrows_a_limit)
{
    quiet(2000);
    double hi = 0.0, rate = 0.0;
    for (double asked = 1000.0; asked >= 0.01; asked /= 10.0) {
        dura_learn_options o = options();
        o.spurious = asked;
        must(&o);
        dura_learn_channel c = channel(0);
        dt_ok(c.fail_hi >= hi && c.rate_fail >= rate, "asked %g: %g after %g", asked, c.fail_hi, hi);
        dt_ok(report().expected <= asked, "asked %g, stated %g", asked, report().expected);
        hi = c.fail_hi;
        rate = c.rate_fail;
        dura_learned_deinit(learned);
    }
    learned = NULL;
    done();
}

DT_TEST(learn_csv, the_same_recording_gives_the_same_bytes)
{
    char *first;
    size_t n, m;
    quiet(1000);
    dura_learn_options o = options();
    must(&o);
    const char *text = dura_learned_policy(learned, &n);
    first = malloc(n);
    dt_ok(first != NULL, "");
    memcpy(first, text, n);
    dura_learned_deinit(learned);
    must(&o);
    text = dura_learned_policy(learned, &m);
    dt_eq(m, n, "");
    dt_mem(text, first, n, "");
    free(first);
    done();
}

DT_TEST(learn_csv, columns_that_are_no_channels_are_left_out_and_named)
{
    FILE *f = begin("time,a,\"state, of b\",b,c,nothing,still,setpoint");
    seed_state = 1;
    for (int i = 0; i < 500; i++)
        fprintf(f, "%d,%.3f,%s,%.3f,%.3f,,42.5,%.2f\n", i, normal(), i % 2 ? "\"on, \"\"maybe\"\"\"" : "off", normal(), normal(),
                normal());
    fclose(f);
    dura_learn_options o = options();
    o.exclude = "c";
    o.baseline = "setpoint";
    must(&o);
    dt_eq(report().channels, 4, "a, b, nothing, still");
    dt_eq(report().required, 2, "");
    dt_str(channel(0).name, "a", "");
    dt_str(channel(1).name, "b", "");
    dt_eq(channel(2).flags, DURA_LEARN_EMPTY, "");
    dt_eq(channel(3).flags, DURA_LEARN_CONSTANT, "");
    dt_ok(noted("state, of b") && noted("nothing") && noted("still"), "");
    dt_ok(isnan(number("channels.3.fail_hi")), "no limit for what never moved");
    dura_json *doc = document();
    int required = 1;
    dt_eq(dura_json_get_bool(doc, at(doc, "channels.2.required"), &required, NULL), DURA_OK, "");
    dt_eq(required, 0, "");
    dura_json_deinit(doc);
    done();
}

DT_TEST(learn_csv, names_that_are_not_there_are_answered_with_those_that_are_close)
{
    quiet(200);
    dura_learn_options o = options();
    o.exclude = "aa";
    dt_eq(learn(&o), DURA_EINVAL, "");
    dt_str(why.field, "--exclude", "");
    dt_ok(strstr(why.text, "\"a\""), "%.100s", why.text);
    o = options();
    o.baseline = "zzzzzzzzz";
    dt_eq(learn(&o), DURA_EINVAL, "");
    dt_str(why.field, "--baseline", "");
    done();
}

DT_TEST(learn_csv, missing_values_get_an_age_and_nothing_trips_on_them)
{
    FILE *f = begin("time,a,slow");
    seed_state = 9;
    for (int i = 0; i < 3000; i++) {
        fprintf(f, "%d,%.3f,", i, normal());
        if (i % 5 == 0)
            fprintf(f, "%.3f", normal());
        fputc('\n', f);
    }
    fclose(f);
    dura_learn_options o = options();
    must(&o);
    dt_eq(report().trips, 0, "");
    dt_eq(channel(0).max_age_ns, 0, "");
    dt_ok(channel(1).max_age_ns >= 5000000000 && channel(1).max_age_ns < 20000000000, "%lld",
          (long long)channel(1).max_age_ns);
    dt_ok(channel(1).flags & DURA_LEARN_GAPS, "");
    done();
}

DT_TEST(learn_csv, what_no_limit_can_avoid_is_counted_into_what_is_stated)
{
    static const struct { const char *row; int nan, repeat; } rows[] = {{"nan", 4, 0}, {"repeated stamp", 0, 4}};
    for (size_t k = 0; k < 2; k++) {
        FILE *f = begin("time,a,b");
        seed_state = 2;
        for (int i = 0; i < 4000; i++) {
            int bad = i % 1000 == 500;
            double x = normal(), y = normal();
            fprintf(f, "%d,", bad && rows[k].repeat ? i - 1 : i);
            if (bad && rows[k].nan)
                fprintf(f, "nan,%.3f\n", y);
            else
                fprintf(f, "%.3f,%.3f\n", x, y);
        }
        fclose(f);
        dura_learn_options o = options();
        must(&o);
        dura_learn_report r = report();
        double days = 4000.0 / 86400.0, want = (double)(rows[k].nan + rows[k].repeat) / days * 30.0;
        dt_eq(r.trips, rows[k].nan + rows[k].repeat, "%s", rows[k].row);
        dt_eq(r.stamps, rows[k].repeat, "%s", rows[k].row);
        dt_ok(fabs(r.expected / want - 1.0) < 0.05, "%s: stated %g, want %g", rows[k].row, r.expected, want);
        dura_learned_deinit(learned);
    }
    learned = NULL;
    done();
}

DT_TEST(learn_csv, pauses_are_gaps_until_there_are_many)
{
    for (int pauses = 1; pauses <= 5; pauses += 4) {
        FILE *f = begin("time,a");
        int t = 0;
        seed_state = 4;
        for (int i = 0; i < 1200; i++) {
            t += i && i % 200 == 0 && i / 200 <= pauses ? 60 : 1;
            fprintf(f, "%d,%.3f\n", t, normal());
        }
        fclose(f);
        dura_learn_options o = options();
        must(&o);
        dt_eq(report().gaps, pauses == 1 ? 1 : 0, "%d pauses", pauses);
        dt_eq(report().gap_ns, pauses == 1 ? 5000000000 : 90000000000, "%d pauses", pauses);
        dt_eq(report().irregular, (uint64_t)pauses, "");
        dt_eq(report().trips, pauses == 1 ? 1 : 0, "%d pauses", pauses);
        dura_learned_deinit(learned);
    }
    learned = NULL;
    done();
}

DT_TEST(learn_csv, resting_channels_have_no_flat_line_check)
{
    FILE *f = begin("time,a,valve");
    seed_state = 4;
    for (int i = 0; i < 2000; i++)
        fprintf(f, "%d,%.3f,%d\n", i, normal(), i < 700 ? 10 : i < 1500 ? 20 : 30);
    fclose(f);
    dura_learn_options o = options();
    must(&o);
    dt_ok(channel(1).flags & DURA_LEARN_NO_FLAT, "");
    dt_eq(channel(1).flat_fail_ns, 0, "");
    dt_eq(report().trips, 0, "");
    done();
}

DT_TEST(learn_csv, channels_of_a_few_states_have_no_flat_line_check)
{
    FILE *f = begin("time,a,pump");
    seed_state = 4;
    for (int i = 0; i < 4000; i++) /* on for 20, off for 30: it never moves by more than its one step */
        fprintf(f, "%d,%.3f,%d\n", i, normal(), i % 50 < 20);
    fclose(f);
    dura_learn_options o = options();
    o.holdout = 0.5;
    must(&o);
    dt_ok(channel(1).flags & DURA_LEARN_NO_FLAT, "");
    dt_eq(channel(1).flat_fail_ns, 0, "");
    dt_ok(channel(0).flat_fail_ns > 0, "a quantity that moves has one");
    dt_eq(report().idle, 0, "rows in which the model would not have driven");
    dt_eq(report().holdout_idle, 0, "");
    done();
}

DT_TEST(learn_csv, a_trip_that_does_not_end_shows_in_the_rows_it_lasts)
{
    FILE *f = begin("time,a,b");
    seed_state = 9;
    for (int i = 0; i < 4000; i++)
        fprintf(f, "%d,%.3f,%.3f\n", i, normal(), i < 3000 ? normal() : 500.0 + normal());
    fclose(f);
    dura_learn_options o = options();
    o.holdout = 0.5;
    must(&o);
    dt_eq(report().holdout_trips, 1, "one trip");
    dt_eq(report().holdout_idle, 1000, "of a thousand rows");
    done();
}

DT_TEST(learn_csv, a_foul_last_quarter_is_named)
{
    FILE *f = begin("time,good,foul");
    seed_state = 6;
    for (int i = 0; i < 4000; i++)
        fprintf(f, "%d,%.3f,%.3f\n", i, normal(), i == 3600 ? 900.0 : normal());
    fclose(f);
    dura_learn_options o = options();
    must(&o);
    dt_ok(report().factor > 1.0, "%g", report().factor);
    dt_ok(noted("foul needed margins"), "");
    dt_ok(!noted("good needed margins"), "");
    dt_ok(channel(0).fail_hi < 60.0, "one foul channel does not undo the others: %g", channel(0).fail_hi);
    done();
}

/* ---- stated and realised ------------------------------------------------------------------------------------ */

DT_TEST(learn_csv, what_is_stated_is_what_happens)
{
    /* Four seeds of white noise, a minute apart: asked so often that it can be counted. */
    double stated = 0.0;
    uint64_t realised = 0;
    for (uint64_t k = 0; k < 4; k++) {
        FILE *f = begin("time,a,b,c");
        seed_state = 40 + k;
        for (int i = 0; i < 12000; i++)
            fprintf(f, "%d,%.3f,%.3f,%.3f\n", i * 60, normal(), normal(), normal());
        fclose(f);
        dura_learn_options o = options();
        o.holdout = 0.75;
        o.spurious = 60.0;
        must(&o);
        dura_learn_report r = report();
        dt_eq(r.rows, 3000, "");
        dt_eq(r.holdout_rows, 9000, "");
        dt_ok(fabs(r.holdout_days - 8999.0 / 1440.0) < 1e-6, "%g", r.holdout_days);
        stated += r.expected * r.holdout_days / 30.0;
        realised += r.holdout_trips;
        dura_learned_deinit(learned);
    }
    learned = NULL;
    dt_ok((double)realised < 2.0 * stated + 2.0, "stated %g, realised %d", stated, (int)realised);
    dt_ok((double)realised > 0.1 * stated, "so wide that nothing happens: stated %g, realised %d", stated, (int)realised);
    done();
}

DT_TEST(learn_csv, the_held_out_rows_do_not_change_what_is_learned)
{
    char first[4096];
    size_t n;
    for (int spoiled = 0; spoiled < 2; spoiled++) {
        FILE *f = begin("time,a");
        seed_state = 8;
        for (int i = 0; i < 2000; i++)
            fprintf(f, "%d,%.3f\n", i, normal() + (spoiled && i >= 1500 && i < 1600 ? 500.0 : 0.0));
        fclose(f);
        dura_learn_options o = options();
        o.holdout = 0.5;
        must(&o);
        const char *text = dura_learned_policy(learned, &n);
        dt_ok(n < sizeof first, "");
        if (spoiled)
            dt_str(text, first, "");
        memcpy(first, text, n + 1);
        dt_eq(report().holdout_trips, spoiled, "one trip, however long");
        dt_ok(spoiled ? report().holdout_drifts > 0 : report().holdout_drifts == 0, "%d",
              (int)report().holdout_drifts);
        dura_learned_deinit(learned);
    }
    learned = NULL;
    done();
}

DT_TEST(learn_csv, trips_are_counted_as_the_guard_begins_them)
{
    /* After a rejected row the model waits for three good ones: what comes before is the same trip. */
    static const struct { int apart; uint64_t trips; } rows[] = {{1, 1}, {2, 1}, {3, 1}, {4, 2}, {5, 2}, {100, 2}};
    for (size_t k = 0; k < sizeof rows / sizeof *rows; k++) {
        FILE *f = begin("time,a");
        seed_state = 8;
        for (int i = 0; i < 2000; i++) {
            double x = normal();
            fprintf(f, i == 1500 || i == 1500 + rows[k].apart ? "%d,nan\n" : "%d,%.3f\n", i, x);
        }
        fclose(f);
        dura_learn_options o = options();
        o.holdout = 0.5;
        must(&o);
        dt_eq(report().holdout_trips, rows[k].trips, "%d rows apart", rows[k].apart);
        dura_learned_deinit(learned);
    }
    learned = NULL;
    done();
}

/* ---- model -------------------------------------------------------------------------------------------------------- */

static const char *const model_json =
    "{\"dura_model\": 1, \"kind\": \"linear\", \"inputs\": [%s], \"outputs\": [{\"name\": \"valve\", \"bias\": 10,"
    " \"weights\": [%s]}]}";

static dura_learn_options with_model(const char *inputs, const char *weights)
{
    char text[512];
    dura_learn_options o = options();
    snprintf(text, sizeof text, model_json, inputs, weights);
    put("json", text);
    o.model = path("json");
    return o;
}

DT_TEST(learn_csv, plain_inputs_are_named_and_the_model_fits)
{
    void *policy, *model;
    size_t n, policy_len, model_len;
    char text[512];
    quiet(500);
    dura_learn_options o = with_model("\"b\", \"a\"", "1, 0.5");
    must(&o);
    dt_ok(is_text("model.inputs.0", "b") && is_text("model.inputs.1", "a"), "");
    dt_eq(count("features"), 0, "");
    dt_ok(dura_learned_model(learned, &n) == NULL, "there is a model");
    const char *json = dura_learned_policy(learned, &n);
    dt_eq(dura_pack_policy(json, n, NULL, &policy, &policy_len, NULL), DURA_OK, "");
    snprintf(text, sizeof text, model_json, "\"b\", \"a\"", "1, 0.5");
    dt_eq(dura_pack_model(text, strlen(text), NULL, &model, &model_len, NULL), DURA_OK, "");
    dt_eq(dura_pack_check_model(policy, policy_len, model, model_len, "p", "m", &why), DURA_OK, "%.100s", why.text);
    dura_pack_deinit(policy);
    dura_pack_deinit(model);
    done();
}

DT_TEST(learn_csv, the_envelope_is_what_the_model_said_and_a_tenth)
{
    FILE *f = begin("time,a,b");
    for (int i = 0; i < 300; i++)
        fprintf(f, "%d,%d,%d\n", i, i % 21, i % 3);
    fclose(f);
    dura_learn_options o = with_model("\"a\"", "2");     /* 10..50, median 30, drops by 40 in a second */
    must(&o);
    dt_ok(fabs(number("outputs.0.lo") - 6.0) < 1e-6, "%g", number("outputs.0.lo"));
    dt_ok(fabs(number("outputs.0.hi") - 54.0) < 1e-6, "%g", number("outputs.0.hi"));
    dt_ok(fabs(number("outputs.0.rate") - 60.0) < 1e-6, "%g", number("outputs.0.rate"));
    dt_ok(fabs(number("outputs.0.safe") - 30.0) < 2.1, "%g", number("outputs.0.safe"));
    dt_ok(is_text("outputs.0.name", "valve"), "");
    done();
}

DT_TEST(learn_csv, a_baseline_belongs_to_the_envelope_and_says_what_is_safe)
{
    FILE *f = begin("time,a,hand");
    for (int i = 0; i < 300; i++)
        fprintf(f, "%d,%d,%d\n", i, i % 21, i == 100 ? 110 : 42);
    fclose(f);
    dura_learn_options o = with_model("\"a\"", "2");
    o.baseline = "hand";
    must(&o);
    dt_ok(fabs(number("outputs.0.hi") - 120.0) < 1e-6, "%g", number("outputs.0.hi"));
    dt_ok(fabs(number("outputs.0.safe") - 42.0) < 1e-6, "%g", number("outputs.0.safe"));
    dt_eq(report().channels, 1, "");
    o.baseline = "hand,a";
    dt_eq((dura_learned_deinit(learned), learned = NULL, learn(&o)), DURA_EINVAL, "two for one output");
    done();
}

DT_TEST(learn_csv, features_are_declared_in_the_models_order)
{
    quiet(500);
    dura_learn_options o = with_model("\"a\", \"a_lag1\", \"b_mean12\", \"a_over_b\", \"b_is_-3\"", "1, 0.5, 1, 0, 0");
    must(&o);
    dt_eq(count("features"), 5, "");
    static const struct { const char *where, *text; } rows[] = {
        {"features.0.op", "value"},  {"features.0.channel", "a"},  {"features.1.op", "lag"},
        {"features.2.op", "mean"},   {"features.2.channel", "b"},  {"features.3.op", "ratio"},
        {"features.3.channel2", "b"}, {"features.4.op", "onehot"}, {"features.4.name", "b_is_-3"},
    };
    for (size_t k = 0; k < sizeof rows / sizeof *rows; k++)
        dt_ok(is_text(rows[k].where, rows[k].text), "%s", rows[k].where);
    dt_ok(number("features.1.n") >= 1.0 && number("features.2.n") >= 12.0 && number("features.4.match") <= -3.0, "");
    dt_eq(count("model"), 0, "features stand in its place");
    dt_eq(count("drift.references"), 7, "two channels, an output, four features that are more than a channel");
    dt_eq(report().references, 7, "");
    dt_ok(is_text("drift.references.3.of", "a_lag1"), "");
    done();
}

DT_TEST(learn_csv, inputs_that_fit_nothing_are_answered_with_what_is_close)
{
    static const struct { const char *input, *close; } rows[] = {{"aa", "\"a\""}, {"a_lagg1", "\"a\""}, {"temperature", ""}};
    quiet(200);
    for (size_t k = 0; k < sizeof rows / sizeof *rows; k++) {
        char quoted[64];
        snprintf(quoted, sizeof quoted, "\"%s\"", rows[k].input);
        dura_learn_options o = with_model(quoted, "1");
        dt_eq(learn(&o), DURA_EINVAL, "%s", rows[k].input);
        dt_str(why.field, rows[k].input, "");
        dt_ok(strstr(why.text, rows[k].close), "%s: %.200s", rows[k].input, why.text);
    }
    dura_learn_options o = with_model("\"a\"", "1");
    o.exclude = "a";
    dt_eq(learn(&o), DURA_EINVAL, "an excluded column is none");
    done();
}

DT_TEST(learn_csv, inputs_stay_required_even_when_they_never_moved)
{
    FILE *f = begin("time,a,still,empty");
    seed_state = 4;
    for (int i = 0; i < 300; i++)
        fprintf(f, "%d,%.3f,7,\n", i, normal());
    fclose(f);
    dura_learn_options o = with_model("\"a\", \"still\"", "1, 1");
    must(&o);
    dt_eq(channel(1).flags, DURA_LEARN_CONSTANT | DURA_LEARN_REQUIRED, "");
    dura_learned_deinit(learned);
    learned = NULL;
    o = with_model("\"a\", \"empty\"", "1, 1");
    dt_eq(learn(&o), DURA_EINVAL, "%.100s", why.text);
    done();
}

DT_TEST(learn_csv, without_a_model_a_constant_stands_in)
{
    void *policy, *model;
    size_t n, m, policy_len, model_len;
    quiet(300);
    dura_learn_options o = options();
    o.outputs = "valve,\"x\"";
    must(&o);
    dt_eq(count("outputs"), 2, "");
    const char *json = dura_learned_policy(learned, &n), *constant = dura_learned_model(learned, &m);
    dt_ok(constant && m == strlen(constant), "");
    dt_eq(dura_pack_policy(json, n, NULL, &policy, &policy_len, NULL), DURA_OK, "");
    dt_eq(dura_pack_model(constant, m, NULL, &model, &model_len, &why), DURA_OK, "%.100s", why.text);
    dt_eq(dura_pack_check_model(policy, policy_len, model, model_len, "p", "m", &why), DURA_OK, "%.100s", why.text);
    dura_pack_deinit(policy);
    dura_pack_deinit(model);
    dura_learned_deinit(learned);
    o.outputs = NULL;
    must(&o);
    dt_ok(is_text("outputs.0.name", "none"), "");
    dt_ok(noted("no model was given"), "");
    done();
}

DT_TEST(learn_csv, outputs_are_as_many_as_the_models)
{
    quiet(200);
    dura_learn_options o = with_model("\"a\"", "1");
    o.outputs = "y,z";
    dt_eq(learn(&o), DURA_EINVAL, "");
    dt_str(why.field, "--outputs", "");
    o.outputs = "other";                            /* the model names its own */
    dt_eq(learn(&o), DURA_EINVAL, "");
    o.model = "/nowhere/model.json";
    dt_ok(learn(&o) != DURA_OK && learned == NULL, "");
    done();
}

/* ---- the rest of the policy ------------------------------------------------------------------------------------- */

DT_TEST(learn_csv, drift_is_asked_in_samples_of_thirty_days)
{
    quiet(2000);
    dura_learn_options o = options();
    must(&o);
    dt_ok(fabs(number("drift.arl0") - 2592000.0) < 1.0, "%g", number("drift.arl0"));
    dt_eq(count("drift.references"), 2, "");
    dt_eq(report().promised, 2, "%u %u", channel(0).drift_why, channel(1).drift_why);
    dura_learned_deinit(learned);
    o.spurious = 1e5;
    must(&o);
    dt_ok(fabs(number("drift.arl0") - 1000.0) < 1e-3, "at least: %g", number("drift.arl0"));
    dura_learned_deinit(learned);
    o = options();
    o.period_ns = 1000000;
    must(&o);
    dt_ok(fabs(number("drift.arl0") - 1e9) < 1.0, "at most: %g", number("drift.arl0"));
    done();
}

DT_TEST(learn_csv, a_reference_keeps_its_reasons)
{
    FILE *f = begin("time,ramp,still");
    seed_state = 4;
    for (int i = 0; i < 2000; i++)
        fprintf(f, "%d,%.3f,5\n", i, 0.01 * i + normal());
    fclose(f);
    dura_learn_options o = options();
    must(&o);
    dt_ok(channel(0).drift_why & (DURA_DRIFT_TREND | DURA_DRIFT_SHORT | DURA_DRIFT_CORRELATED), "%u", channel(0).drift_why);
    dt_eq(channel(1).drift_why, DURA_DRIFT_CONSTANT, "");
    dt_ok(number("drift.references.1.why") >= DURA_DRIFT_CONSTANT, "");
    dt_eq(report().promised, 0, "");
    done();
}

DT_TEST(learn_csv, the_device_is_called_as_told_or_as_the_recording)
{
    char want[64];
    quiet(100);
    dura_learn_options o = options();
    must(&o);
    snprintf(want, sizeof want, "dura_learn_%d", (int)getpid());
    dt_ok(is_text("device.name", want), "");
    dura_learned_deinit(learned);
    o.name = "press \"3\" \xC3\xA4";
    must(&o);
    dt_ok(is_text("device.name", o.name), "");
    dura_learned_deinit(learned);
    o.name = "12345678901234567890123456789012345678901234567890123456789012\xC3\xA4";   /* 62 bytes and two */
    must(&o);
    dt_ok(is_text("device.name", "12345678901234567890123456789012345678901234567890123456789012"), "");
    done();
}

DT_TEST(learn_csv, nothing_can_be_asked_of_nothing)
{
    size_t n;
    dura_learn_report r = {0};
    dura_learn_channel c = DURA_LEARN_CHANNEL_INIT;
    dt_ok(!dura_learned_policy(NULL, &n) && !dura_learned_model(NULL, &n) && !dura_learned_note(NULL, 0), "");
    dt_eq(dura_learned_query(NULL, &r), DURA_EINVAL, "");
    dt_eq(dura_learned_channel(NULL, 0, &c), DURA_EINVAL, "");
    dura_learned_deinit(NULL);
    quiet(100);
    dura_learn_options o = options();
    must(&o);
    dt_eq(dura_learned_query(learned, NULL), DURA_EINVAL, "");
    dt_eq(dura_learned_query(learned, &r), DURA_EINVAL, "a struct without a size");
    dt_eq(dura_learned_channel(learned, 0, NULL), DURA_EINVAL, "");
    dt_ok(dura_learned_note(learned, 1000) == NULL, "");
    dura_learn_family f = {0};
    dt_eq(dura_learned_family(learned, 0, &f), DURA_EINVAL, "a struct without a size");
    dt_eq(dura_learned_family(learned, 0, NULL), DURA_EINVAL, "");
    dt_eq(dura_learned_family(NULL, 0, &f), DURA_EINVAL, "");
    f.struct_size = sizeof f;
    dt_eq(dura_learned_family(learned, 1000, &f), DURA_ENOENT, "");
    done();
}

/* ---- further checks ------------------------------------------------------------------------------ */

/* A pump with its flow, a level and what is made of it; more digits than the device has. */
static void plant(size_t n)
{
    FILE *f = begin("time,pump,flow,level,other");
    double level = 0.0, pump = 0.0;
    seed_state = 11;
    for (size_t i = 0; i < n; i++) {
        pump = uniform() < 0.02 ? 1.0 - pump : pump;
        level = 0.8 * level + normal();
        double flow = pump > 0.0 ? 50.0 + normal() : 2.0 + 0.1 * normal();
        fprintf(f, "%zu,%.0f,%.6f,%.6f,%.6f\n", 60000 + 60 * i, pump, flow, 20.0 + level, 5.0 - 3.0 * level + 0.2 * normal());
    }
    fclose(f);
}

/* Objects of a list with this text as "kind". */
static uint32_t kinds(const char *kind)
{
    dura_json *doc = document();
    uint32_t list = dura_json_member(doc, DURA_JSON_ROOT, "checks"), n = 0;
    for (uint32_t i = dura_json_first(doc, list); i != DURA_JSON_NONE; i = dura_json_next(doc, i)) {
        const char *text = "";
        dt_eq(dura_json_get_text(doc, dura_json_member(doc, i, "kind"), 1, 32, &text, NULL), DURA_OK, "");
        n += strcmp(text, kind) == 0;
    }
    dura_json_deinit(doc);
    return n;
}

DT_TEST(learn_csv, further_checks_are_learned_unless_they_are_not_wanted)
{
    plant(3000);
    static char csv[64];
    dura_learn_options o = options();
    o.frames = strcpy(csv, path("csv"));
    o.spurious = 100.0;
    must(&o);
    dt_ok(kinds("parity") == 6 && kinds("joint") == 2 && kinds("rule") >= 2 && kinds("noise") > 0, "%u parity, %u joint, %u rules",
          kinds("parity"), kinds("joint"), kinds("rule"));
    dt_eq(report().checks, count("checks"), "");
    dt_ok(report().trips <= 2, "%d trips where it was learned", (int)report().trips);
    dt_ok(report().checks_expected < report().expected && report().expected < 110.0, "%g of %g", report().checks_expected,
          report().expected);
    dura_learn_family f = {0};
    for (uint32_t i = 0; f.struct_size = sizeof f, dura_learned_family(learned, i, &f) == DURA_OK; i++)
        dt_ok(f.refused || (f.checks > 0 && f.promised > 0.0 && f.least <= f.realised && f.realised <= f.most), "%s", f.name);
    done();
    plant(3000);
    o.checks = "none";
    must(&o);
    dt_eq(count("checks"), 0, "");
    dt_ok(isnan(number("channels.1.suspect_hi")), "nor SUSPECT limits");
    done();
    plant(3000);
    o.checks = "rule,range";
    must(&o);
    dt_ok(kinds("rule") > 0 && kinds("rule") == count("checks"), "");
    dt_ok(number("channels.1.suspect_hi") > 0.0 && number("channels.1.suspect_hi") <= number("channels.1.fail_hi"), "");
    done();
}

DT_TEST(learn_csv, a_share_of_the_promise_is_left_to_every_kind)
{
    plant(3000);
    static char csv[64];
    dura_learn_options o = options();
    o.frames = strcpy(csv, path("csv"));
    o.spurious = 100.0;
    must(&o);
    double with = number("channels.2.fail_hi");
    done();
    plant(3000);
    o.checks = "none";
    must(&o);
    dt_ok(number("channels.2.fail_hi") < with, "alone, the limits of channels may be passed more often");
    done();
}

DT_TEST(learn_csv, values_are_rounded_to_what_the_device_tells_apart)
{
    plant(3000);
    static char csv[64];
    dura_learn_options o = options();
    o.frames = strcpy(csv, path("csv"));
    o.resolution = 0.5;
    o.checks = "none";
    must(&o);
    double seen = channel(2).seen_hi * 2.0;
    dt_ok(fabs(seen - floor(seen)) < 1e-9, "%g", seen / 2.0);
    dt_ok(fabs(number("channels.2.flat_tolerance") - 0.75) < 1e-6, "one and a half steps: %g", number("channels.2.flat_tolerance"));
    done();
    plant(200);
    static const double wrong[] = {-0.1, 1e-12, 1e12, INFINITY};
    for (size_t i = 0; i < 4; i++) {
        o.resolution = wrong[i];
        dt_eq(learn(&o), DURA_EINVAL, "%g", wrong[i]);
        dt_str(why.field, "resolution", "");
    }
    o = options();
    o.checks = "rules";
    dt_eq(learn(&o), DURA_EINVAL, "");
    dt_str(why.field, "checks", "");
    done();
}

DT_TEST(learn_csv, limits_that_are_given_win_over_learned_ones)
{
    static const char *const given =
        "{\"channels\": [{\"name\": \"level\", \"fail_lo\": 0, \"fail_hi\": 40, \"rate_fail\": 9},"
        " {\"name\": \"flow\", \"fail_hi\": 51}, {\"name\": \"nobody\", \"fail_hi\": 1}]}";
    plant(3000);
    put("json", given);
    static char csv[64], json[64];
    dura_learn_options o = options();
    o.frames = strcpy(csv, path("csv"));
    o.keep = strcpy(json, path("json"));
    must(&o);
    dt_ok(number("channels.2.fail_lo") == 0.0 && number("channels.2.fail_hi") == 40.0, "level");
    dt_ok(number("channels.2.suspect_lo") > 0.0 && number("channels.2.suspect_hi") < 40.0, "what was learned, inside");
    dt_ok(number("channels.2.rate_fail") == 9.0 && number("channels.2.rate_suspect") < 9.0, "");
    dt_ok(number("channels.1.fail_hi") == 51.0 && number("channels.1.suspect_hi") == 51.0, "bounded: %g",
          number("channels.1.suspect_hi"));
    dt_ok(channel(2).flags & DURA_LEARN_KEPT, "");
    dt_ok(noted("level: fail limits 0 to 40 are kept as given") && noted("are beyond them and trip"), "");
    dt_ok(noted("nobody: limits are given, but the recording has no such channel"), "");
    done();
    plant(200);
    put("json", "{\"channels\": [{\"name\": \"level\", \"fail_lo\": 5, \"fail_hi\": 5}]}");
    dt_eq(learn(&o), DURA_EINVAL, "");
    put("json", "{\"channels\": 1}");
    dt_eq(learn(&o), DURA_EINVAL, "");
    put("json", "[");
    dt_eq(learn(&o), DURA_ESYNTAX, "");
    unlink(path("json"));
    dt_ok(learn(&o) < 0, "no such file");
    done();
}
