/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Learning of further checks: what comes out of a recording, run through a sensor. The
 * recordings are made here from a seed, with known relations in them. That the learner
 * finds what an independent program finds is shown on public recordings by
 * bench/eval_sensor.py; spans of Poisson rates come from scipy.stats.chi2.ppf.
 */
#include "dt.h"

#include "../src/host/dura_host_learn_priv.h"

#include <float.h>
#include <math.h>

enum { CHANNELS = 8, PUMP = 0, LEVEL_A = 1, LEVEL_B = 2, TWIN = 3, FLOW = 4, STILL = 5, MODE = 6, FREE = 7 };

/* ---- recordings -------------------------------------------------------------------------- */

static uint64_t seed_state;

static double uniform(void)
{
    uint64_t z = seed_state += UINT64_C(0x9E3779B97F4A7C15);
    z = (z ^ (z >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94D049BB133111EB);
    return ((double)((z ^ (z >> 31)) >> 11) + 0.5) / 9007199254740992.0;
}

static double normal(void) { return sqrt(-2.0 * log(uniform())) * cos(6.283185307179586 * uniform()); }

static char *names[CHANNELS] = {"pump", "a", "b", "twin", "flow", "still", "mode", "free"};

/* A pump with a flow that follows it, two levels of which one is made of the other, a twin
 * of the first level, one that never moves, one with five states, one tied to nothing. */
static durai_recording plant(size_t rows, uint64_t seed)
{
    durai_recording r = {rows, CHANNELS, 0, names, NULL, NULL, NULL};
    double a = 0.0, pump = 0.0;
    r.v = malloc(rows * CHANNELS * sizeof *r.v);
    r.flag = calloc(rows, CHANNELS);
    r.t_ns = malloc(rows * sizeof *r.t_ns);
    seed_state = seed;
    for (size_t i = 0; i < rows; i++) {
        double x[CHANNELS];
        pump = uniform() < 0.02 ? 1.0 - pump : pump;
        a = 0.8 * a + normal();
        x[PUMP] = pump;
        x[LEVEL_A] = 20.0 + a;
        x[LEVEL_B] = 5.0 - 3.0 * a + 0.2 * normal();
        x[TWIN] = x[LEVEL_A] + 0.01 * normal();
        x[FLOW] = pump > 0.0 ? 50.0 + normal() : 2.0 + 0.1 * normal();
        x[STILL] = 7.0;
        x[MODE] = floor(5.0 * uniform());
        x[FREE] = normal();
        for (int c = 0; c < CHANNELS; c++)
            r.v[(size_t)c * rows + i] = (float)x[c];
        r.t_ns[i] = (int64_t)i * 60000000000;
    }
    return r;
}

static void drop(durai_recording *r)
{
    free(r->v);
    free(r->flag);
    free(r->t_ns);
}

static float *cell(durai_recording *r, uint32_t channel, size_t row) { return &r->v[(size_t)channel * r->rows + row]; }

/* ---- learning ------------------------------------------------------------------------------- */

static durai_text notes;

static durai_checks learn(const durai_recording *r, const char *families, double spurious)
{
    durai_checks c;
    durai_clock clock;
    uint8_t asked[DURAI_FAMILIES];
    memset(&c, 0, sizeof c);
    dt_eq(durai_learn_choose_checks(asked, families), DURA_OK, "%s", families ? families : "all");
    dt_eq(durai_learn_clock(&clock, r, r->rows, 0), DURA_OK, "");
    dt_eq(durai_learn_checks(&c, r, r->rows, &clock, asked, spurious, &notes), DURA_OK, "");
    return c;
}

static void done(durai_checks *c)
{
    durai_checks_free(c);
    free(notes.p);
    memset(&notes, 0, sizeof notes);
}

static int noted(const char *text) { return notes.p && strstr(notes.p, text) != NULL; }

static const durai_learned_check *find(const durai_checks *c, uint8_t kind, uint16_t channel)
{
    for (uint32_t i = 0; i < c->n; i++)
        if (c->check[i].c.kind == kind && c->check[i].c.channel == channel)
            return &c->check[i];
    return NULL;
}

/* ---- running ------------------------------------------------------------------------------------ */

/* A sensor with the checks of one family (DURAI_FAMILIES: of all), and nothing else but FINITE. */
typedef struct runner {
    dura_sensor *s;
    void *mem, *extra;
} runner;

static runner build(const durai_checks *c, const durai_recording *r, int family)
{
    runner run = {NULL, NULL, NULL};
    dura_sensor_config cfg = DURA_SENSOR_CONFIG_INIT;
    dura_sensor_extra room = DURA_SENSOR_EXTRA_INIT;
    dura_sensor_channel ch = DURA_SENSOR_CHANNEL_INIT;
    cfg.n_channels = room.n_channels = (uint16_t)r->n;
    cfg.gap_ns = 5 * INT64_C(60000000000);
    room.n_checks = 1024;
    room.n_joint = 2 * DURA_CK_JOINT_MAX;
    run.mem = malloc(dura_sensor_bytes(&cfg));
    run.extra = malloc(dura_sensor_extra_bytes(&room));
    dt_eq(dura_sensor_init(&run.s, run.mem, dura_sensor_bytes(&cfg), &cfg), DURA_OK, "");
    ch.flags = DURA_CHANNEL_REQUIRED;
    ch.checks = DURA_CHECK_FINITE;
    for (uint16_t i = 0; i < r->n; i++)
        dt_eq(dura_sensor_attach(run.s, i, &ch), DURA_OK, "%u", i);
    dt_eq(dura_sensor_extend(run.s, run.extra, dura_sensor_extra_bytes(&room), &room), DURA_OK, "");
    for (uint32_t i = 0; i < c->n; i++)
        if (family == DURAI_FAMILIES || c->check[i].family == family)
            dt_eq(dura_sensor_add(run.s, &c->check[i].c), DURA_OK, "check %u: %s", i, c->check[i].why);
    return run;
}

static uint32_t feed(runner *run, const durai_recording *r, size_t row, uint32_t *reasons)
{
    float x[CHANNELS];
    uint8_t missing[CHANNELS];
    dura_sensor_report report = {0};
    dura_sensor_state status = DURA_SENSOR_STATE_INIT;
    report.struct_size = sizeof report;
    for (uint32_t c = 0; c < r->n; c++) {
        x[c] = r->v[(size_t)c * r->rows + row];
        missing[c] = r->flag[(size_t)c * r->rows + row] == DURAI_MISSING;
    }
    dt_eq(dura_sensor_update(run->s, r->t_ns[row], x, missing, r->n, NULL, &report), DURA_OK, "row %zu", row);
    *reasons = 0;
    for (uint16_t c = 0; c < r->n; c++) {
        dt_eq(dura_sensor_query(run->s, c, &status), DURA_OK, "");
        *reasons |= status.reasons;
    }
    return report.action;
}

static void stop(runner *run)
{
    free(run->mem);
    free(run->extra);
}

static uint64_t trips_of(const durai_checks *c, const durai_recording *r)
{
    runner run = build(c, r, DURAI_FAMILIES);
    uint64_t trips = 0, good = 3;
    uint32_t reasons;
    for (size_t row = 0; row < r->rows; row++) {
        int bad = feed(&run, r, row, &reasons) == DURA_REJECT;
        trips += bad && good >= 3 ? 1u : 0u;
        good = bad ? 0 : good + 1;
    }
    stop(&run);
    return trips;
}

/* ---- arithmetic ------------------------------------------------------------------------------------ */

DT_TEST(learn_checks, the_inverse_factor_is_that_of_the_inverse)
{
    /* [[4,2,1],[2,5,3],[1,3,6]] has the inverse [[21,-9,1],[-9,23,-10],[1,-10,16]] / 67 */
    static const double inverse[9] = {21, -9, 1, -9, 23, -10, 1, -10, 16};
    double a[9] = {4, 2, 1, 2, 5, 3, 1, 3, 6};
    dt_eq(durai_inverse_factor(a, 3), 1, "");
    for (size_t i = 0; i < 3; i++)
        for (size_t j = 0; j < 3; j++) {
            double x = 0.0;
            for (size_t k = 0; k < 3; k++)
                x += a[k * 3 + i] * a[k * 3 + j];
            dt_ok(fabs(x - inverse[i * 3 + j] / 67.0) < 1e-12, "%zu %zu: %g", i, j, x);
        }
    double flat[4] = {1, 2, 2, 4};
    dt_eq(durai_inverse_factor(flat, 2), 0, "a matrix without one");
}

DT_TEST(learn_checks, poisson_rates_are_those_of_the_tables)
{
    static const struct { uint64_t k; double least, most; } rows[] = {
        {0, 0.0, 3.6889}, {1, 0.0253, 5.5716}, {4, 1.0899, 10.2416}, {10, 4.7954, 18.3904}, {50, 37.1110, 65.9188}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        double least, most;
        durai_poisson_rate(rows[i].k, &least, &most);
        dt_ok(fabs(least - rows[i].least) < 1e-3 && fabs(most - rows[i].most) < 1e-3, "%d: %g %g", (int)rows[i].k, least,
              most);
    }
}

DT_TEST(learn_checks, families_are_asked_for_by_name)
{
    uint8_t asked[DURAI_FAMILIES];
    dt_eq(durai_learn_choose_checks(asked, "parity,rule"), DURA_OK, "");
    dt_ok(asked[DURAI_PARITY] && asked[DURAI_PARITY_SLOW] && asked[DURAI_RULE] && !asked[DURAI_JOINT], "");
    dt_eq(durai_learn_choose_checks(asked, "none"), DURA_OK, "");
    dt_ok(!asked[DURAI_PARITY] && !asked[DURAI_RULE], "");
    dt_eq(durai_learn_choose_checks(asked, NULL), DURA_OK, "");
    dt_ok(asked[DURAI_SPIKE] && asked[DURAI_RANGE], "");
    dt_eq(durai_learn_choose_checks(asked, "parity,rules"), DURA_EINVAL, "");
    dt_eq(durai_learn_choose_checks(asked, "parity slow"), DURA_EINVAL, "");
    dt_eq(durai_learn_choose_checks(asked, ""), DURA_EINVAL, "");
}

/* ---- what is learned ------------------------------------------------------------------------------------ */

DT_TEST(learn_checks, finds_the_relations_that_are_there)
{
    durai_recording r = plant(4000, 1);
    durai_checks c = learn(&r, NULL, 100.0);
    const durai_learned_check *row = find(&c, DURA_CK_PARITY, LEVEL_B), *rule = find(&c, DURA_CK_RULE, FLOW);
    dt_eq(c.sheet.n, 7, "what never moves takes no part");
    dt_ok(row && rule && find(&c, DURA_CK_JOINT, 0), "");
    dt_ok(fabs((double)row->c.scale - 0.2) < 0.02, "the residual is the noise of b: %g", (double)row->c.scale);
    dt_eq(rule->c.other, PUMP, "");
    dt_ok(rule->c.if_lo < 0.5f ? rule->c.hi < 10.0f && rule->c.lo <= -FLT_MAX : rule->c.lo > 40.0f && rule->c.hi >= FLT_MAX,
          "only the side on which the other state lies: %g %g", (double)rule->c.lo, (double)rule->c.hi);
    dt_eq(c.n_groups, 1, "the twins");
    dt_ok(strstr(row->why, "learned from 4000 rows") && strlen(row->why) < sizeof row->why - 1, "%s", row->why);
    done(&c);
    drop(&r);
}

/* Faults of many kinds, one at a time, in otherwise clean rows. */
static void spoil(durai_recording *r)
{
    for (size_t i = 200; i + 40 < r->rows; i += 100) {
        uint32_t c = (uint32_t)(i / 100 % CHANNELS);
        for (size_t k = 0; k < 40 && c != STILL && c != PUMP && c != MODE; k++) {
            float *x = cell(r, c, i + k), *before = cell(r, c, i - 1);
            if (i / 800 % 3 == 0)
                *x += 0.15f * (float)k;
            else if (i / 800 % 3 == 1)
                *x = *before + 0.05f * (*x - *before);
            else
                *x += k % 10 == 5 ? 6.0f : 0.0f;
        }
    }
}

static double severity_at(const double *severity, size_t row) { return row < 4000 ? severity[row] : 0.0; }

/* The family's number of every row of another recording, by the coefficients of the whole one. */
static void measure(double *severity, const durai_checks *c, const durai_recording *r, int family)
{
    durai_checks other;
    durai_clock clock;
    int signal = durai_family_signal(family);
    memset(&other, 0, sizeof other);
    dt_eq(durai_learn_clock(&clock, r, r->rows, 0), DURA_OK, "");
    dt_eq(durai_sheet_make(&other.sheet, r, r->rows, &clock), DURA_OK, "");
    dt_eq(other.sheet.n, c->sheet.n, "the same channels take part");
    float *y = malloc(durai_signal_columns(signal, &other.sheet, c->n_groups) * r->rows * sizeof *y);
    durai_signal_hear(y, signal, &other.sheet, &c->k, c->group, c->n_groups, 0, r->rows);
    dt_eq(durai_family_severity(severity, &c->family[family], family, y, &other.sheet), DURA_OK, "");
    free(y);
    durai_checks_free(&other);
}

DT_TEST(learn_checks, the_sensor_says_what_the_learner_measured)
{
    static const uint32_t bits[DURAI_FAMILIES] = {
        DURA_R_CONTEXT_SUSPECT, DURA_R_VOTE_FAIL, DURA_R_PARITY_SUSPECT, DURA_R_PARITY_SUSPECT, DURA_R_JOINT,
        DURA_R_JOINT, DURA_R_DRIFT, 0, DURA_R_NOISY | DURA_R_ATTENUATED, DURA_R_SPIKE_FAIL};
    durai_recording clean = plant(4000, 1), foul = plant(4000, 2);
    durai_checks c = learn(&clean, NULL, 100.0);
    double severity[4000];
    spoil(&foul);
    for (int f = 0; f < DURAI_FAMILIES; f++) {
        size_t alarms = 0, compared = 0;
        if (f == DURAI_RANGE)
            continue;
        dt_eq(c.family[f].refused, DURA_LEARN_FAMILY_KEPT, "%s", durai_family_name(f));
        measure(severity, &c, &foul, f);
        runner run = build(&c, &foul, f);
        for (size_t row = 0; row < foul.rows; row++) {
            uint32_t reasons;
            feed(&run, &foul, row, &reasons);
            int said = (reasons & bits[f]) != 0, is = severity[row] > 1.0;
            if (fabs(severity[row] - 1.0) < 2e-3)
                continue;
            if (f == DURAI_SPIKE && (severity_at(severity, row - 1) > 1.0 || severity_at(severity, row - 2) > 1.0))
                continue;       /* a refused spike is no history: what follows is judged by other values */
            dt_eq(said, is, "%s, row %zu: %g", durai_family_name(f), row, severity[row]);
            alarms += is ? 1u : 0u;
            compared++;
        }
        stop(&run);
        dt_ok(alarms >= 5 && compared > 3500, "%s: %zu alarms of %zu", durai_family_name(f), alarms, compared);
    }
    done(&c);
    drop(&clean);
    drop(&foul);
}

DT_TEST(learn_checks, what_is_promised_is_kept_by_the_sensor)
{
    /* 40,000 minutes are 27.8 days; asked 60 in 30 days. */
    durai_recording clean = plant(6000, 3), more = plant(40000, 4);
    durai_checks c = learn(&clean, NULL, 60.0);
    double due = c.share * 40000.0 / 43200.0;
    uint64_t trips = trips_of(&c, &more);
    dt_ok((double)trips <= 2.0 * due && trips > 0, "%d trips, %g due", (int)trips, due);
    dt_ok(c.share + c.channels_share <= 60.0 + 1e-9, "%g and %g", c.share, c.channels_share);
    done(&c);
    drop(&clean);
    drop(&more);
}

DT_TEST(learn_checks, asking_for_fewer_trips_never_narrows_a_limit)
{
    durai_recording r = plant(3000, 5);
    durai_checks few = learn(&r, NULL, 1.0), many = learn(&r, NULL, 1000.0);
    for (int f = 0; f < DURAI_FAMILIES; f++)
        dt_ok(few.family[f].refused != DURA_LEARN_FAMILY_KEPT || few.family[f].limit >= many.family[f].limit, "%s: %g %g",
              durai_family_name(f), few.family[f].limit, many.family[f].limit);
    durai_checks_free(&many);
    done(&few);
    drop(&r);
}

DT_TEST(learn_checks, the_same_recording_gives_the_same_checks)
{
    durai_recording r = plant(1500, 6);
    durai_checks a = learn(&r, NULL, 10.0), b = learn(&r, NULL, 10.0);
    dt_eq(a.n, b.n, "");
    for (uint32_t i = 0; i < a.n; i++) {
        dura_sensor_check x = a.check[i].c, y = b.check[i].c;
        x.terms = y.terms = NULL;
        dt_ok(memcmp(&x, &y, sizeof x) == 0, "%u", i);
        dt_ok(x.n_terms == 0 || memcmp(a.check[i].terms, b.check[i].terms, 8u * x.n_terms) == 0, "%u", i);
    }
    durai_checks_free(&b);
    done(&a);
    drop(&r);
}

/* ---- what cannot be learned ---------------------------------------------------------------------------------- */

DT_TEST(learn_checks, too_short_a_recording_gives_fewer_checks_and_says_so)
{
    durai_recording r = plant(64, 7);
    durai_checks c = learn(&r, NULL, 1.0);
    dt_eq(c.n, 0, "");
    dt_ok(noted("no further checks: 64 complete rows"), "%s", notes.p);
    dt_ok(fabs(c.channels_share - 1.0) < 1e-12, "the limits of channels have the whole promise");
    done(&c);
    drop(&r);
    r = plant(130, 8);
    c = learn(&r, NULL, 1.0);
    dt_eq(c.family[DURAI_PARITY].refused == DURA_LEARN_FAMILY_KEPT ? 1 : 0, 1, "14 terms from 104 rows");
    for (uint32_t i = 0; i < c.n; i++)
        dt_ok(c.check[i].c.kind != DURA_CK_DRIFT, "a slow check is not promised from two hours");
    dt_ok(noted("they remember longer than"), "%s", notes.p);
    done(&c);
    drop(&r);
}

DT_TEST(learn_checks, one_channel_is_related_to_nothing_and_still_watched)
{
    durai_recording r = plant(3000, 9);
    memmove(r.v, cell(&r, FREE, 0), 3000 * sizeof *r.v);
    r.n = 1;
    durai_checks c = learn(&r, NULL, 10.0);
    dt_ok(!find(&c, DURA_CK_PARITY, 0) && !find(&c, DURA_CK_JOINT, 0) && find(&c, DURA_CK_DRIFT, 0), "");
    dt_ok(c.suspect_lo[0] < -3.0 && c.suspect_hi[0] > 3.0, "%g %g", c.suspect_lo[0], c.suspect_hi[0]);
    runner run = build(&c, &r, DURAI_FAMILIES);
    stop(&run);
    done(&c);
    drop(&r);
}

DT_TEST(learn_checks, constant_channels_alone_give_nothing)
{
    durai_recording r = plant(500, 10);
    for (uint32_t c = 0; c < CHANNELS; c++)
        for (size_t i = 0; i < 500; i++)
            *cell(&r, c, i) = 7.0f;
    durai_checks c = learn(&r, NULL, 10.0);
    dt_eq(c.n, 0, "");
    done(&c);
    drop(&r);
}

DT_TEST(learn_checks, rows_with_holes_are_passed_over)
{
    durai_recording r = plant(3000, 11), full = plant(3000, 11);
    for (size_t i = 0; i < 3000; i += 37)
        r.flag[(size_t)LEVEL_A * 3000 + i] = DURAI_MISSING;
    for (size_t i = 0; i < 3000; i += 3)
        r.flag[(size_t)FREE * 3000 + i] = i % 2 ? DURAI_MISSING : DURAI_NONFINITE;
    durai_checks c = learn(&r, NULL, 10.0), d = learn(&full, NULL, 10.0);
    dt_eq(c.sheet.n, 6, "what is missing in every third row takes no part");
    dt_ok(noted("1 channels take no part"), "%s", notes.p);
    dt_eq(c.sheet.rows, 3000 - 82, "");
    double a = (double)find(&c, DURA_CK_PARITY, LEVEL_B)->c.scale, b = (double)find(&d, DURA_CK_PARITY, LEVEL_B)->c.scale;
    dt_ok(fabs(a - b) < 0.01, "%g %g", a, b);
    durai_checks_free(&d);
    done(&c);
    drop(&r);
    drop(&full);
}

/* What learned from odd numbers must still be checks that a sensor takes, and that do not trip
 * on the recording they come from. */
DT_TEST(learn_checks, odd_recordings_make_checks_that_a_sensor_takes)
{
    for (int odd = 0; odd < 7; odd++) {
        durai_recording r = plant(600, 20 + (uint64_t)odd);
        for (size_t i = 0; i < 600; i++) {
            *cell(&r, LEVEL_A, i) = odd == 0 ? (float)(i % 7) * 0.1f : *cell(&r, LEVEL_A, i);
            *cell(&r, LEVEL_B, i) = odd == 1 ? *cell(&r, LEVEL_A, i) : *cell(&r, LEVEL_B, i);
            *cell(&r, FREE, i) *= odd == 2 ? 1e-12f : odd == 3 ? 1e20f : 1.0f;
            *cell(&r, FLOW, i) += odd == 4 ? 1e6f : 0.0f;
            *cell(&r, FREE, i) = odd == 5 ? (float)(i % 100) : *cell(&r, FREE, i);
            r.t_ns[i] = odd == 6 ? (int64_t)(i / 3 * 10 + i % 3) * 60000000000 : r.t_ns[i];
        }
        durai_checks c = learn(&r, NULL, 1.0);
        dt_ok(trips_of(&c, &r) <= 3, "recording %d: %d trips", odd, (int)trips_of(&c, &r));
        dt_ok(c.refused == 0, "recording %d: %u refused by the sensor", odd, c.refused);
        done(&c);
        drop(&r);
    }
}

DT_TEST(learn_checks, what_a_sensor_does_not_take_is_taken_out)
{
    durai_recording r = plant(1500, 30);
    durai_checks c = learn(&r, NULL, 10.0);
    uint32_t n = c.n, family = (uint32_t)c.check[3].family, before = c.family[family].checks;
    c.check[3].c.channel = 999;
    dt_eq(durai_checks_admit(&c, &r), DURA_OK, "");
    dt_eq(c.n, n - 1, "");
    dt_eq(c.refused, 1, "");
    dt_eq(c.family[family].checks, before - 1, "");
    runner run = build(&c, &r, DURAI_FAMILIES);
    stop(&run);
    done(&c);
    drop(&r);
}

DT_TEST(learn_checks, a_recording_that_is_not_clean_is_not_promised)
{
    durai_recording r = plant(4000, 12);
    for (size_t i = 0; i < 12; i++)     /* b leaves its relation in single rows of the last block */
        *cell(&r, LEVEL_B, 3250 + 60 * i) += 40.0f;
    durai_checks c = learn(&r, "parity", 1.0);
    dt_eq(c.family[DURAI_PARITY].refused, DURA_LEARN_FAMILY_BROKEN, "limit %g", c.family[DURAI_PARITY].limit);
    dt_ok(noted("no parity checks: ") && noted("is the recording clean?"), "%s", notes.p);
    done(&c);
    drop(&r);
}
