/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Accuracy with few labels or none: what the interval promises is measured by simulation;
 * the arithmetic is compared with values that scripts of another language computed
 * (tests/vectors/accuracy/bets.py); every wrong word is refused and changes nothing.
 */
#include "dt.h"

#include "base/dura_base_priv.h"

#include <dura/accuracy.h>

enum { IMAGE = 232 };

static uint64_t memory[2][64];
static uint64_t state;

/* SplitMix64; 0..1. */
static double draw(void)
{
    uint64_t z = state += 0x9E3779B97F4A7C15u;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return ((double)((z ^ (z >> 31)) >> 11) + 0.5) / 9007199254740992.0;
}

/* Four opinions, no edges: accuracy .9, of whom 92 % agree on average. */
static dura_accuracy_reference opinions(void)
{
    dura_accuracy_reference r = DURA_ACCURACY_REFERENCE_INIT;
    static const float value[5] = {0.0f, 0.23f, 0.48f, 0.73f, 0.98f};
    r.n = 1000;
    r.groups = 2;
    r.opinions = 4;
    memcpy(r.value, value, sizeof value);
    r.accuracy = 0.9f;
    r.base = 0.9f;
    r.all = 0.8f;
    r.any = 0.98f;
    r.margin = 0.1f;
    r.drop = 0.25f;
    r.level = 0.9f;
    return r;
}

/* Three parts of the confidence: .5, .75, .95 right. */
static dura_accuracy_reference confidences(void)
{
    dura_accuracy_reference r = DURA_ACCURACY_REFERENCE_INIT;
    r.n = 1000;
    r.n_edges = 2;
    r.edge[0] = 0.6f;
    r.edge[1] = 0.8f;
    r.value[0] = 0.5f;
    r.value[1] = 0.75f;
    r.value[2] = 0.95f;
    r.accuracy = r.base = 0.85f;
    r.level = 0.9f;
    return r;
}

static dura_accuracy *build(int which, const dura_accuracy_reference *r, uint32_t window, uint32_t labels)
{
    dura_accuracy_config c = DURA_ACCURACY_CONFIG_INIT;
    dura_accuracy *a = NULL;
    c.window = window;
    c.labels = labels;
    memset(memory[which], 0xA5, sizeof memory[which]);
    dt_eq(dura_accuracy_part()->init(&a, memory[which], sizeof memory[which], &c, r), DURA_OK, "");
    return a;
}

static dura_accuracy_state ask(const dura_accuracy *a)
{
    dura_accuracy_state s = DURA_ACCURACY_STATE_INIT;
    dt_eq(dura_accuracy_part()->query(a, &s), DURA_OK, "");
    dt_ok(s.low >= 0.0f && s.low <= s.estimate && s.estimate <= s.high && s.high <= 1.0f, "%f %f %f",
            (double)s.low, (double)s.estimate, (double)s.high);
    return s;
}

static void feed(dura_accuracy *a, float confidence, uint32_t agree, int n)
{
    while (n-- > 0)
        dt_eq(dura_accuracy_part()->update(a, confidence, agree, 0), DURA_OK, "");
}

static void tell(dura_accuracy *a, float confidence, uint32_t agree, uint32_t correct, int n)
{
    while (n-- > 0)
        dt_eq(dura_accuracy_part()->label(a, confidence, agree, correct), DURA_OK, "");
}

static int near(float a, double b, double by)
{
    return (double)a > b - by && (double)a < b + by;
}

/* ---- without labels -------------------------------------------------------------- */

DT_TEST(accuracy_query, says_the_reference_when_nothing_changed_and_that_labels_are_needed)
{
    dura_accuracy_reference r = opinions();
    dura_accuracy *a = build(0, &r, 0, 0);
    dura_accuracy_state s;
    feed(a, 0.0f, 4, 800);
    feed(a, 0.0f, 3, 110);
    feed(a, 0.0f, 2, 40);
    feed(a, 0.0f, 1, 30);
    feed(a, 0.0f, 0, 20);
    s = ask(a);
    dt_ok(near(s.estimate, 0.9, 1e-6), "%f", (double)s.estimate);
    dt_ok(s.low < 0.81f && s.low > 0.75f && s.high > 0.99f, "%f %f", (double)s.low, (double)s.high);
    dt_eq(s.why, DURA_ACCURACY_NO_LABELS, "");
    dt_eq(s.decisions, 1000, "");
}

DT_TEST(accuracy_query, takes_what_agreement_is_lost_from_the_reference)
{
    dura_accuracy_reference r = opinions();
    dura_accuracy *a = build(0, &r, 0, 0);
    dura_accuracy_state s;
    feed(a, 0.0f, 4, 600);      /* value .6 x .98 + .4 x .48 = .78 */
    feed(a, 0.0f, 2, 400);
    s = ask(a);
    dt_ok(near(s.estimate, 0.78, 1e-5), "%f", (double)s.estimate);
    dt_ok(near(s.low, 0.65, 0.06), "%f", (double)s.low);
    dt_eq(s.why, DURA_ACCURACY_NO_LABELS, "");
}

DT_TEST(accuracy_query, never_promises_more_than_the_reference_showed)
{
    dura_accuracy_reference r = opinions();
    dura_accuracy *a = build(0, &r, 0, 0);
    feed(a, 0.0f, 4, 5000);
    dt_ok(near(ask(a).estimate, 0.9, 1e-6), "");
}

DT_TEST(accuracy_query, cannot_know_beyond_what_the_groups_showed)
{
    dura_accuracy_reference r = opinions();
    dura_accuracy *a = build(0, &r, 0, 0);
    dura_accuracy_state s;
    feed(a, 0.0f, 1, 1000);     /* value .23: fell by .67, groups by .25 at most */
    s = ask(a);
    dt_eq(s.why, DURA_ACCURACY_NO_LABELS | DURA_ACCURACY_OUT_OF_SUPPORT | DURA_ACCURACY_UNKNOWABLE, "");
    dt_ok(!(s.low > 0.0f) && !(s.high < 1.0f), "");
    tell(a, 0.0f, 1, 0, 200);
    s = ask(a);
    dt_eq(s.why, DURA_ACCURACY_OUT_OF_SUPPORT | DURA_ACCURACY_CONTRADICTED, "%x", s.why);
    dt_ok(s.high < 0.1f, "%f", (double)s.high);
}

DT_TEST(accuracy_query, cannot_know_when_inputs_are_outside)
{
    dura_accuracy_reference r = opinions();
    dura_accuracy *a = build(0, &r, 0, 0);
    int i;
    r.outside = 0.1f;
    a = build(0, &r, 0, 0);
    for (i = 0; i < 1000; i++)
        dt_eq(dura_accuracy_part()->update(a, 0.0f, 4, (uint32_t)(i % 10 == 0)), DURA_OK, "");
    dt_eq(ask(a).why, DURA_ACCURACY_NO_LABELS, "");
    for (i = 0; i < 1000; i++)
        dt_eq(dura_accuracy_part()->update(a, 0.0f, 4, (uint32_t)(i % 2 == 0)), DURA_OK, "");
    dt_eq(ask(a).why, DURA_ACCURACY_NO_LABELS | DURA_ACCURACY_OUT_OF_SUPPORT | DURA_ACCURACY_UNKNOWABLE, "");
    dt_ok(near(ask(a).outside, 0.3, 1e-6), "");
}

DT_TEST(accuracy_query, names_what_a_reference_lacks)
{
    dura_accuracy_reference r = confidences();
    dura_accuracy *a;
    r.n = 99;
    a = build(0, &r, 0, 0);
    feed(a, 0.9f, 0, 29);
    dt_eq(ask(a).why, DURA_ACCURACY_NO_LABELS | DURA_ACCURACY_NO_GROUPS | DURA_ACCURACY_NO_OPINIONS | DURA_ACCURACY_SHORT, "");
    r.n = 100;
    a = build(0, &r, 0, 0);
    feed(a, 0.9f, 0, 30);
    dt_eq(ask(a).why, DURA_ACCURACY_NO_LABELS | DURA_ACCURACY_NO_GROUPS | DURA_ACCURACY_NO_OPINIONS, "");
}

DT_TEST(accuracy_query, puts_a_confidence_on_an_edge_above_it)
{
    dura_accuracy_reference r = confidences();
    dura_accuracy *a = build(0, &r, 0, 0);
    feed(a, 0.6f, 0, 1000);     /* .75, not .5: no more than drop 0 and noise below .85 says unknowable */
    dt_eq(ask(a).why & DURA_ACCURACY_UNKNOWABLE, DURA_ACCURACY_UNKNOWABLE, "");
    dt_ok(near(ask(a).estimate, 0.75, 1e-5), "%f", (double)ask(a).estimate);
    dt_eq(dura_accuracy_part()->reset(a), DURA_OK, "");
    feed(a, 0.59999996f, 0, 1000);
    dt_ok(near(ask(a).estimate, 0.5, 1e-5), "");
}

/* The i.i.d. promise: decisions drawn from the reference's own law. */
DT_TEST(accuracy_query, holds_as_often_as_promised_without_labels_when_nothing_changed)
{
    enum { RUNS = 400, ROWS = 300 };
    int run, i, held = 0;
    for (run = 0; run < RUNS; run++) {
        dura_accuracy_reference r = opinions();
        dura_accuracy *a;
        dura_accuracy_state s;
        int right = 0;
        r.margin = 0.0f;        /* sampling alone */
        a = build(0, &r, 0, 0);
        state = 1000u + (uint64_t)run;
        for (i = 0; i < ROWS; i++) {
            double u = draw();
            uint32_t agree = u < 0.8 ? 4 : u < 0.91 ? 3 : u < 0.95 ? 2 : u < 0.98 ? 1 : 0;
            feed(a, 0.0f, agree, 1);
            right += draw() < (double)r.value[agree];
        }
        s = ask(a);
        held += (double)s.low <= (double)right / ROWS && (double)right / ROWS <= (double)s.high;
    }
    dt_ok(held >= RUNS * 90 / 100, "%d of %d", held, RUNS);
}

/* ---- with labels ----------------------------------------------------------------- */

/* tests/vectors/accuracy/bets.py: the same game in double precision, roots by bisection. */
typedef struct bets_row { int right[5], wrong[5]; float low, high; } bets_row;
static const bets_row bets[] = {
#include "vectors/accuracy/bets.h"
};

DT_TEST(accuracy_query, bets_as_an_independent_program_does)
{
    size_t k;
    for (k = 0; k < sizeof bets / sizeof *bets; k++) {
        dura_accuracy_reference r = opinions();
        dura_accuracy *a;
        dura_accuracy_state s;
        uint32_t i;
        r.margin = 1.0f;        /* so that labels are always narrower */
        a = build(0, &r, 0, 0);
        feed(a, 0.0f, 4, 50);   /* mean value .73 */
        feed(a, 0.0f, 2, 50);
        for (i = 0; i < 5; i++) {
            tell(a, 0.0f, i, 1, bets[k].right[i]);
            tell(a, 0.0f, i, 0, bets[k].wrong[i]);
        }
        s = ask(a);
        dt_eq(s.why & DURA_ACCURACY_FEW_LABELS, 0, "row %zu", k);
        dt_ok(near(s.low, bets[k].low, 2e-5) && near(s.high, bets[k].high, 2e-5), "row %zu: %f %f, want %f %f", k,
                (double)s.low, (double)s.high, (double)bets[k].low, (double)bets[k].high);
    }
}

/* Looked at after every label, the interval is wrong in at most one run of ten at any time:
 * also where the values are all wrong about the model. */
DT_TEST(accuracy_query, holds_at_any_time_with_labels_whatever_the_values_say)
{
    static const double right_when[2][5] = {{0.02, 0.25, 0.5, 0.7, 0.97}, {0.3, 0.3, 0.3, 0.3, 0.3}};
    enum { RUNS = 120, LABELS = 150 };
    int world, run, i;
    for (world = 0; world < 2; world++) {
        int held = 0;
        for (run = 0; run < RUNS; run++) {
            dura_accuracy_reference r = opinions();
            dura_accuracy *a = build(0, &r, 0, 0);
            int good = 1;
            double truth = 0.0;
            state = 77777u * (uint64_t)(world + 1) + (uint64_t)run;
            feed(a, 0.0f, 4, 6000);
            feed(a, 0.0f, 3, 2000);
            feed(a, 0.0f, 1, 2000);
            truth = 0.6 * right_when[world][4] + 0.2 * right_when[world][3] + 0.2 * right_when[world][1];
            for (i = 0; i < LABELS; i++) {
                double u = draw();
                uint32_t agree = u < 0.6 ? 4 : u < 0.8 ? 3 : 1;
                dura_accuracy_state s;
                tell(a, 0.0f, agree, draw() < right_when[world][agree], 1);
                if (i % 10 != 9)
                    continue;
                s = ask(a);
                if (!(s.why & DURA_ACCURACY_FEW_LABELS))
                    good &= (double)s.low <= truth && truth <= (double)s.high;
            }
            held += good;
        }
        dt_ok(held >= RUNS * 90 / 100, "world %d: %d of %d", world, held, RUNS);
    }
}

DT_TEST(accuracy_query, finds_with_labels_what_inputs_do_not_show)
{
    dura_accuracy_reference r = opinions();
    dura_accuracy *a = build(0, &r, 0, 0);
    dura_accuracy_state s;
    feed(a, 0.0f, 4, 900);
    feed(a, 0.0f, 2, 100);
    dt_eq(ask(a).why, DURA_ACCURACY_NO_LABELS, "");
    tell(a, 0.0f, 4, 1, 20);
    tell(a, 0.0f, 4, 0, 20);
    s = ask(a);
    dt_eq(s.why, DURA_ACCURACY_CONTRADICTED, "%x", s.why);
    dt_ok(s.high < 0.8f && s.estimate < 0.7f && s.estimate > 0.4f, "%f %f", (double)s.estimate, (double)s.high);
}

DT_TEST(accuracy_query, keeps_the_narrower_interval_while_labels_are_few)
{
    dura_accuracy_reference r = opinions();
    dura_accuracy *a = build(0, &r, 0, 0);
    feed(a, 0.0f, 4, 900);
    feed(a, 0.0f, 2, 100);
    tell(a, 0.0f, 4, 1, 3);
    dt_eq(ask(a).why, DURA_ACCURACY_FEW_LABELS, "");
    tell(a, 0.0f, 4, 1, 300);
    tell(a, 0.0f, 4, 0, 20);
    dt_eq(ask(a).why, 0, "");
}

DT_TEST(accuracy_label, takes_labels_late_and_before_any_decision)
{
    dura_accuracy_reference r = opinions();
    dura_accuracy *a = build(0, &r, 0, 0), *b = build(1, &r, 0, 0);
    dura_accuracy_state s = DURA_ACCURACY_STATE_INIT, t;
    tell(a, 0.0f, 4, 1, 30);
    dt_eq(dura_accuracy_part()->query(a, &s), DURA_ENOENT, "");
    feed(a, 0.0f, 4, 100);
    feed(b, 0.0f, 4, 100);
    tell(b, 0.0f, 4, 1, 30);
    s = ask(a);
    t = ask(b);
    dt_eq(memcmp(&s, &t, sizeof s), 0, "");
}

/* Every target answers with the same bits; these are this library's own on x86-64, whose
 * correctness the tests above are about. */
DT_TEST(accuracy_query, answers_with_the_same_bits_on_every_target)
{
    dura_accuracy_reference r = opinions();
    dura_accuracy *a = build(0, &r, 0, 0);
    dura_accuracy_state s;
    feed(a, 0.0f, 4, 611);
    feed(a, 0.0f, 3, 173);
    feed(a, 0.0f, 1, 57);
    s = ask(a);
    dt_eq(durai_f32_bits(s.estimate), 0x3f666666u, "%08x", durai_f32_bits(s.estimate));
    dt_eq(durai_f32_bits(s.low), 0x3f4b5394u, "%08x", durai_f32_bits(s.low));
    dt_eq(durai_f32_bits(s.high), 0x3f800000u, "%08x", durai_f32_bits(s.high));
    tell(a, 0.0f, 4, 1, 113);
    tell(a, 0.0f, 3, 0, 31);
    tell(a, 0.0f, 1, 1, 2);
    s = ask(a);
    dt_eq(durai_f32_bits(s.estimate), 0x3f45b283u, "%08x", durai_f32_bits(s.estimate));
    dt_eq(durai_f32_bits(s.low), 0x3f2a9f63u, "%08x", durai_f32_bits(s.low));
    dt_eq(durai_f32_bits(s.high), 0x3f58b6f0u, "%08x", durai_f32_bits(s.high));
}

/* ---- forgetting ------------------------------------------------------------------ */

DT_TEST(accuracy_update, weighs_the_last_window_to_two)
{
    dura_accuracy_reference r = opinions();
    dura_accuracy *a = build(0, &r, 100, 10);
    feed(a, 0.0f, 0, 150);
    dt_eq(ask(a).decisions, 150, "");
    feed(a, 0.0f, 4, 50);
    dt_eq(ask(a).decisions, 100, "");
    feed(a, 0.0f, 4, 100);
    dt_eq(ask(a).decisions, 100, "");
    dt_ok(near(ask(a).estimate, 0.9, 1e-6), "");
    dt_eq((int)ask(a).n, 300, "");
    tell(a, 0.0f, 4, 0, 19);
    dt_eq(ask(a).labels, 19, "");
    tell(a, 0.0f, 4, 0, 1);
    dt_eq(ask(a).labels, 10, "");
    dt_eq((int)ask(a).n_labels, 20, "");
}

DT_TEST(accuracy_update, rolls_over_at_the_most_labels_there_can_be)
{
    dura_accuracy_reference r = opinions();
    dura_accuracy *a = build(0, &r, 0, 0);
    feed(a, 0.0f, 4, 10);
    tell(a, 0.0f, 4, 1, DURA_ACCURACY_LABELS_MAX);
    dt_eq(ask(a).labels, DURA_ACCURACY_LABELS_MAX, "");
    tell(a, 0.0f, 4, 1, DURA_ACCURACY_LABELS_MAX - 1);
    dt_eq(ask(a).labels, 2 * DURA_ACCURACY_LABELS_MAX - 1, "");
    tell(a, 0.0f, 4, 1, 1);
    dt_eq(ask(a).labels, DURA_ACCURACY_LABELS_MAX, "");
}

/* ---- bad input ------------------------------------------------------------------- */

DT_TEST(accuracy_update, refuses_what_is_outside_and_counts_nothing)
{
    dura_accuracy_reference r = confidences();
    const dura_accuracy_calls *c = dura_accuracy_part();
    dura_accuracy *a = build(0, &r, 0, 0);
    uint64_t was[64];
    static const uint32_t bad[] = {0x7FC00000u, 0x7F800000u, 0xFF800000u, 0xBF800000u, 0x3F800001u, 0x80000001u};
    size_t i;
    memcpy(was, memory[0], sizeof was);
    for (i = 0; i < sizeof bad / sizeof *bad; i++) {
        dt_eq(c->update(a, durai_f32(bad[i]), 0, 0), DURA_EINVAL, "%zu", i);
        dt_eq(c->label(a, durai_f32(bad[i]), 0, 0), DURA_EINVAL, "%zu", i);
    }
    dt_eq(c->update(a, 0.5f, 1, 0), DURA_EINVAL, "more opinions than there are");
    dt_eq(c->label(a, 0.5f, 1, 0), DURA_EINVAL, "");
    dt_eq(c->update(a, 0.5f, 0, 2), DURA_EINVAL, "");
    dt_eq(c->label(a, 0.5f, 0, 2), DURA_EINVAL, "");
    dt_eq(c->update(NULL, 0.5f, 0, 0), DURA_EINVAL, "");
    dt_eq(c->label(NULL, 0.5f, 0, 0), DURA_EINVAL, "");
    dt_eq(c->reset(NULL), DURA_EINVAL, "");
    dt_eq(memcmp(was, memory[0], sizeof was), 0, "");
}

DT_TEST(accuracy_query, refuses_nothing_to_ask_and_nothing_to_fill)
{
    dura_accuracy_reference r = confidences();
    const dura_accuracy_calls *c = dura_accuracy_part();
    dura_accuracy *a = build(0, &r, 0, 0);
    dura_accuracy_state s = DURA_ACCURACY_STATE_INIT;
    dt_eq(c->query(a, &s), DURA_ENOENT, "no decision yet");
    feed(a, 0.5f, 0, 1);
    dt_eq(c->query(NULL, &s), DURA_EINVAL, "");
    dt_eq(c->query(a, NULL), DURA_EINVAL, "");
    s.struct_size = 55;
    dt_eq(c->query(a, &s), DURA_EINVAL, "");
}

DT_TEST(accuracy_init, refuses_every_field_that_is_wrong)
{
    const dura_accuracy_calls *c = dura_accuracy_part();
    dura_accuracy_reference r;
    dura_accuracy_config cfg = DURA_ACCURACY_CONFIG_INIT;
    dura_accuracy *a;
    uint64_t was[64];
    int k;
    memset(memory[0], 0xA5, sizeof memory[0]);
    memcpy(was, memory[0], sizeof was);
    for (k = 0; k < 24; k++) {
        r = confidences();
        switch (k) {
        case 0: r.n = 0; break;
        case 1: r.edge[1] = r.edge[0]; break;
        case 2: r.edge[1] = durai_f32(0x7FC00000u); break;
        case 3: r.edge[2] = 0.9f; break;
        case 4: r.n_edges = 12; break;
        case 5: r.opinions = 12; break;
        case 6: r.opinions = 4; break;          /* 3 x 5 cells */
        case 7: r.value[0] = -0.1f; break;
        case 8: r.value[2] = 1.1f; break;
        case 9: r.value[3] = 0.5f; break;       /* no such cell */
        case 10: r.accuracy = durai_f32(0x7FC00000u); break;
        case 11: r.base = 1.5f; break;
        case 12: r.all = 0.5f; break;           /* above any */
        case 13: r.any = 2.0f; break;
        case 14: r.margin = -1.0f; break;
        case 15: r.drop = durai_f32(0x7F800000u); break;
        case 16: r.outside = 1.01f; break;
        case 17: r.level = 0.4f; break;
        case 18: r.level = 1.0f; break;
        case 19: r.reserved[2] = 1; break;
        case 20: r.struct_size = 151; break;
        case 21: r.n_edges = 65535; break;
        case 22: r.opinions = 65535; break;
        default: r.edge[0] = -0.5f; break;
        }
        dt_eq(c->init(&a, memory[0], sizeof memory[0], &cfg, &r), DURA_EINVAL, "case %d", k);
        dt_ok(a == NULL && memcmp(was, memory[0], sizeof was) == 0, "case %d", k);
    }
}

DT_TEST(accuracy_init, refuses_memory_and_configurations_that_do_not_fit)
{
    const dura_accuracy_calls *c = dura_accuracy_part();
    dura_accuracy_reference r = confidences();
    struct { dura_accuracy_reference r; uint32_t more; } newer;
    dura_accuracy_config cfg = DURA_ACCURACY_CONFIG_INIT;
    dura_accuracy *a;
    size_t bytes = c->bytes(&cfg);
    dt_ok(bytes > 0 && bytes <= 384, "%zu", bytes);
    dt_eq(c->init(NULL, memory[0], bytes, &cfg, &r), DURA_EINVAL, "");
    dt_eq(c->init(&a, NULL, bytes, &cfg, &r), DURA_EINVAL, "");
    dt_eq(c->init(&a, memory[0], bytes, NULL, &r), DURA_EINVAL, "");
    dt_eq(c->init(&a, memory[0], bytes, &cfg, NULL), DURA_EINVAL, "");
    dt_eq(c->init(&a, (char *)memory[0] + 4, bytes, &cfg, &r), DURA_EALIGN, "");
    dt_eq(c->init(&a, memory[0], bytes - 1, &cfg, &r), DURA_ENOSPC, "");
    cfg.labels = DURA_ACCURACY_LABELS_MAX + 1;
    dt_eq((int)c->bytes(&cfg), 0, "");
    dt_eq(c->init(&a, memory[0], bytes, &cfg, &r), DURA_EINVAL, "");
    cfg.labels = 0;
    cfg.window = 0x80000000u;
    dt_eq((int)c->bytes(&cfg), 0, "");
    cfg.window = 0;
    cfg.reserved = 1;
    dt_eq((int)c->bytes(&cfg), 0, "");
    dt_eq((int)c->bytes(NULL), 0, "");
    cfg.reserved = 0;
    memset(&newer, 0, sizeof newer);
    newer.r = r;
    newer.r.struct_size = sizeof newer;
    dt_eq(c->init(&a, memory[0], bytes, &cfg, &newer.r), DURA_OK, "");
    newer.more = 1;
    dt_eq(c->init(&a, memory[0], bytes, &cfg, &newer.r), DURA_EVERSION, "");
}

/* ---- saved state ----------------------------------------------------------------- */

static void story(dura_accuracy *a, int from, int to)
{
    int t;
    for (t = from; t < to; t++) {
        state = (uint64_t)t;
        dt_eq(dura_accuracy_part()->update(a, 0.5f, (uint32_t)(draw() * 5.0), (uint32_t)(t % 7 == 0)), DURA_OK, "");
        if (t % 3 == 0)
            tell(a, 0.5f, (uint32_t)(draw() * 5.0), (uint32_t)(t % 2), 1);
    }
}

DT_TEST(accuracy_save, goes_on_from_any_cut_as_if_nothing_had_happened)
{
    const dura_accuracy_calls *c = dura_accuracy_part();
    dura_accuracy_reference r = opinions();
    uint8_t end[IMAGE], image[IMAGE], again[IMAGE];
    size_t len = IMAGE;
    dura_accuracy *a = build(0, &r, 50, 20);
    int cut;
    story(a, 0, 500);
    dt_eq(c->save(a, end, &len), DURA_OK, "");
    for (cut = 0; cut < 500; cut++) {
        dura_accuracy *b;
        a = build(0, &r, 50, 20);
        story(a, 0, cut);
        dt_eq(c->save(a, image, &len), DURA_OK, "");
        b = build(1, &r, 50, 20);
        dt_eq(c->load(b, image, IMAGE), DURA_OK, "cut %d", cut);
        story(b, cut, 500);
        dt_eq(c->save(b, again, &len), DURA_OK, "");
        dt_eq(memcmp(again, end, IMAGE), 0, "cut %d", cut);
    }
}

DT_TEST(accuracy_save, writes_these_bytes_on_every_target)
{
    dura_accuracy_reference r = opinions();
    dura_accuracy *a = build(0, &r, 50, 20);
    uint8_t image[IMAGE];
    size_t len = 0;
    const dura_accuracy_calls *c = dura_accuracy_part();
    dt_eq(c->save(a, NULL, &len), DURA_ENOSPC, "");
    dt_eq((int)len, IMAGE, "");
    dt_eq(c->save(a, NULL, &len), DURA_EINVAL, "");
    dt_eq(c->save(NULL, image, &len), DURA_EINVAL, "");
    dt_eq(c->save(a, image, NULL), DURA_EINVAL, "");
    story(a, 0, 130);
    dt_eq(c->save(a, image, &len), DURA_OK, "");
    dt_eq(memcmp(image, "ACC1\1\0\0\0", 8), 0, "");
    dt_eq((int)durai_le64(image + 212), 130, "");
    dt_eq((int)durai_le64(image + 220), 44, "");
    /* tests/vectors/accuracy/bets.py: another program's CRC of this reference */
    dt_eq(durai_le32(image + 8), ACCURACY_DIGEST, "%08x", durai_le32(image + 8));
}

DT_TEST(accuracy_load, answers_at_the_most_decisions_there_can_be)
{
    const dura_accuracy_calls *c = dura_accuracy_part();
    dura_accuracy_reference r = opinions();
    dura_accuracy *a = build(0, &r, 0, 0);
    uint8_t image[IMAGE];
    size_t len = IMAGE;
    dt_eq(c->save(a, image, &len), DURA_OK, "");
    durai_put32(image + 12 + 16, 0x7FFFFFFFu);
    durai_put32(image + 60 + 16, 0x7FFFFFFEu);
    durai_put64(image + 212, UINT64_MAX);
    durai_put32(image + IMAGE - 4, durai_crc32c(0, image, IMAGE - 4));
    dt_eq(c->load(a, image, IMAGE), DURA_OK, "");
    dt_eq(ask(a).decisions, 0xFFFFFFFDu, "");
    dt_ok(near(ask(a).estimate, 0.9, 1e-6), "");
    feed(a, 0.0f, 4, 1);
    dt_eq(ask(a).decisions, 0x7FFFFFFFu, "");
    dt_ok(ask(a).n == UINT64_MAX, "counts stop at their end");
}

DT_TEST(accuracy_load, refuses_damage_others_and_forgeries_and_changes_nothing)
{
    const dura_accuracy_calls *c = dura_accuracy_part();
    dura_accuracy_reference r = opinions();
    dura_accuracy *a = build(0, &r, 50, 20), *b;
    uint8_t image[IMAGE], bad[IMAGE];
    uint64_t was[64];
    size_t len = IMAGE, i;
    static const struct { size_t at; uint32_t value; int want; } forged[] = {
        {4, 3, DURA_EVERSION}, {4, 2, DURA_EAUTH}, {4, 0x10001, DURA_ECORRUPT}, {8, 1, DURA_EAUTH},
        {12, 51, DURA_ECORRUPT},            /* older pane neither whole nor empty */
        {12 + 48, 1000, DURA_ECORRUPT},     /* newer pane more than whole */
        {12 + 20, 1, DURA_ECORRUPT},        /* a cell there is not */
        {12, 0xFFFFFFFFu, DURA_ECORRUPT}, {108, 1000, DURA_ECORRUPT}, {116, 0xFFFF, DURA_ECORRUPT},
        {164, 0xFFFF, DURA_ECORRUPT}, {212, 0, DURA_ECORRUPT}, {220, 0, DURA_ECORRUPT}};
    story(a, 0, 130);
    dt_eq(c->save(a, image, &len), DURA_OK, "");
    memcpy(was, memory[0], sizeof was);
    for (i = 0; i < IMAGE * 8u; i++) {
        memcpy(bad, image, IMAGE);
        bad[i / 8] = (uint8_t)(bad[i / 8] ^ (1u << i % 8));
        dt_eq(c->load(a, bad, IMAGE), DURA_ECORRUPT, "bit %zu", i);
    }
    for (i = 0; i < IMAGE; i++)
        dt_eq(c->load(a, image, i), DURA_ECORRUPT, "length %zu", i);
    for (i = 0; i < sizeof forged / sizeof *forged; i++) {
        memcpy(bad, image, IMAGE);
        durai_put32(bad + forged[i].at, forged[i].value);
        durai_put32(bad + IMAGE - 4, durai_crc32c(0, bad, IMAGE - 4));
        dt_eq(c->load(a, bad, IMAGE), forged[i].want, "forged %zu", i);
    }
    dt_eq(c->load(NULL, image, IMAGE), DURA_EINVAL, "");
    dt_eq(c->load(a, NULL, IMAGE), DURA_EINVAL, "");
    dt_eq(memcmp(was, memory[0], sizeof was), 0, "");
    b = build(1, &r, 51, 20);
    dt_eq(c->load(b, image, IMAGE), DURA_EAUTH, "other window");
    r.value[0] = 0.01f;
    b = build(1, &r, 50, 20);
    dt_eq(c->load(b, image, IMAGE), DURA_EAUTH, "other reference");
}
