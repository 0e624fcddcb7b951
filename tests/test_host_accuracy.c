/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a reference for accuracy without labels learns: cells, groups, margin; and every row
 * that is refused. Student's quantiles are those of printed tables.
 */
#include "dt.h"

#include "base/dura_base_priv.h"

#include <dura/host/accuracy.h>

enum { MOST = 4000 };

static float confidence[MOST];
static uint32_t agree[MOST], group[MOST];
static uint8_t correct[MOST], outside[MOST];
static size_t rows;

static void add(size_t n, float c, uint32_t a, uint32_t g, uint8_t right)
{
    while (n-- > 0 && rows < MOST) {
        confidence[rows] = c;
        agree[rows] = a;
        group[rows] = g;
        outside[rows] = 0;
        correct[rows++] = right;
    }
}

static dura_accuracy_rows all(uint32_t opinions)
{
    dura_accuracy_rows r = DURA_ACCURACY_ROWS_INIT;
    r.n = rows;
    r.opinions = opinions;
    r.confidence = confidence;
    r.agree = opinions ? agree : NULL;
    r.correct = correct;
    r.outside = outside;
    r.group = group;
    return r;
}

static dura_accuracy_reference learned(const dura_accuracy_rows *r)
{
    dura_accuracy_reference ref = DURA_ACCURACY_REFERENCE_INIT;
    dura_error err = {0};
    char text[256];
    dt_eq(dura_accuracy_learn(&ref, r, &err), DURA_OK, "%s", dura_error_text(&err, text, sizeof text));
    return ref;
}

static int near(float a, double b)
{
    return (double)a > b - 2e-4 && (double)a < b + 2e-4;
}

/* Two opinions: accuracy .8, mean share that agree .9. */
static void reference_rows(void)
{
    rows = 0;
    add(70, 0.9f, 2, 0, 1);
    add(15, 0.9f, 2, 0, 0);
    add(10, 0.5f, 1, 0, 1);
    add(5, 0.5f, 0, 0, 0);
}

DT_TEST(accuracy_learn, counts_a_point_of_agreement_as_a_point_of_accuracy)
{
    dura_accuracy_reference ref;
    dura_accuracy_rows r;
    reference_rows();
    r = all(2);
    ref = learned(&r);
    dt_ok(near(ref.accuracy, 0.8) && near(ref.all, 0.85) && near(ref.any, 0.95), "");
    dt_ok(near(ref.value[0], 0.0) && near(ref.value[1], 0.4) && near(ref.value[2], 0.9), "%f %f %f", (double)ref.value[0],
          (double)ref.value[1], (double)ref.value[2]);
    dt_ok(near(ref.base, 0.805), "%f", (double)ref.base);
    dt_ok(ref.n == 100 && ref.groups == 0 && ref.n_edges == 0 && ref.opinions == 2, "");
    dt_ok(near(ref.level, 0.9) && !(ref.margin > 0.0f) && !(ref.drop > 0.0f), "");
}

DT_TEST(accuracy_learn, takes_the_margin_from_the_groups_errors)
{
    /* One group: agreement as in the reference (fell 0), accuracy .6: error .2; t(1) .9: 6.3138. */
    static const struct { float level; uint32_t groups; double t; } rows_of[] = {
        {0.9f, 1, 6.3138}, {0.9f, 2, 2.9200}, {0.9f, 3, 2.3534}, {0.95f, 4, 2.7764}, {0.95f, 5, 2.5706}, {0.99f, 10, 3.1693},
        {0.8f, 2, 1.8856}, {0.95f, 29, 2.0452}, {0.5f, 1, 1.0}};
    size_t k;
    for (k = 0; k < sizeof rows_of / sizeof *rows_of; k++) {
        dura_accuracy_reference ref;
        dura_accuracy_rows r;
        uint32_t g;
        reference_rows();
        for (g = 1; g <= rows_of[k].groups; g++) {
            add(77, 0.9f, 2, g, 1);
            add(8, 0.9f, 2, g, 0);
            add(10, 0.9f, 1, g, 0);
            add(5, 0.9f, 0, g, 0);
        }
        r = all(2);
        r.level = rows_of[k].level;
        ref = learned(&r);
        dt_eq(ref.groups, rows_of[k].groups, "");
        dt_ok(near(ref.margin, 0.03 * rows_of[k].t), "row %zu: %f", k, (double)ref.margin / 0.03);
    }
}

DT_TEST(accuracy_learn, remembers_the_furthest_fall_and_the_most_outside)
{
    dura_accuracy_reference ref;
    dura_accuracy_rows r;
    reference_rows();
    add(50, 0.9f, 2, 7, 1);         /* value .65: fell .155; estimate .645 */
    add(50, 0.9f, 1, 7, 0);
    add(90, 0.9f, 2, 3, 1);
    add(10, 0.9f, 1, 3, 0);
    outside[100] = outside[101] = 1;
    r = all(2);
    ref = learned(&r);
    dt_eq(ref.groups, 2, "");
    dt_ok(near(ref.drop, 0.155) && near(ref.outside, 0.02), "%f %f", (double)ref.drop, (double)ref.outside);
}

DT_TEST(accuracy_learn, cuts_confidence_where_accuracy_rises)
{
    dura_accuracy_reference ref;
    dura_accuracy_rows r;
    uint32_t k;
    rows = 0;
    for (k = 0; k < 10; k++) {      /* right in 10, 20 .. 100 % but that two steps are swapped */
        uint32_t right = k == 4 ? 60 : k == 5 ? 50 : 10 * (k + 1);
        add(right, 0.05f + 0.1f * (float)k, 0, 0, 1);
        add(100 - right, 0.05f + 0.1f * (float)k, 0, 0, 0);
    }
    r = all(0);
    ref = learned(&r);
    dt_eq(ref.n_edges, 9, "");
    for (k = 1; k < 10; k++)
        dt_ok(ref.value[k] >= ref.value[k - 1], "%u", k);
    dt_ok(near(ref.value[4], (55.0 + 1.0) / 102.0) || near(ref.value[4], (110.0 + 2.0) / 204.0), "%f", (double)ref.value[4]);
    dt_ok(near(ref.value[4], (double)ref.value[5]), "");
    dt_ok(near(ref.value[0], 11.0 / 102.0) && near(ref.value[9], 101.0 / 102.0), "");
}

DT_TEST(accuracy_learn, is_taken_by_init_as_it_is)
{
    static uint64_t memory[64];
    dura_accuracy_config c = DURA_ACCURACY_CONFIG_INIT;
    dura_accuracy_reference ref;
    dura_accuracy *a;
    dura_accuracy_rows r;
    reference_rows();
    add(10, 0.1f, 0, 4, 0);
    r = all(2);
    ref = learned(&r);
    dt_eq(dura_accuracy_part()->init(&a, memory, sizeof memory, &c, &ref), DURA_OK, "");
    r = all(0);
    ref = learned(&r);
    dt_eq(dura_accuracy_part()->init(&a, memory, sizeof memory, &c, &ref), DURA_OK, "");
    rows = 0;
    add(8, 1.0f, 0, 0, 1);          /* nothing to cut */
    r = all(0);
    ref = learned(&r);
    dt_eq(ref.n_edges, 0, "");
    dt_eq(dura_accuracy_part()->init(&a, memory, sizeof memory, &c, &ref), DURA_OK, "");
}

DT_TEST(accuracy_learn, refuses_rows_that_cannot_be_and_changes_nothing)
{
    dura_accuracy_reference ref = DURA_ACCURACY_REFERENCE_INIT, was = DURA_ACCURACY_REFERENCE_INIT;
    dura_accuracy_rows r;
    dura_error err = {0};
    int k;
    for (k = 0; k < 15; k++) {
        int want = DURA_EINVAL;
        uint32_t g;
        reference_rows();
        r = all(2);
        switch (k) {
        case 0: r.correct = NULL; break;
        case 1: r.agree = NULL; break;
        case 2: r.opinions = 12; break;
        case 3: r.reserved = 1; break;
        case 4: r.level = 0.49f; break;
        case 5: r.level = durai_f32(0x7FC00000u); break;
        case 6: confidence[3] = durai_f32(0x7FC00000u); break;
        case 7: confidence[3] = 1.5f; break;
        case 8: agree[99] = 3; break;
        case 9: correct[0] = 2; break;
        case 10: outside[50] = 2; break;
        case 11: r.n = 7; want = DURA_ENOENT; break;
        case 12: r.struct_size--; break;
        case 13: r.opinions = 0; r.confidence = NULL; break;
        default:
            for (g = 1; g <= DURA_ACCURACY_GROUPS_MAX + 1u; g++)
                add(1, 0.5f, 0, g, 0);
            r.n = rows;
            want = DURA_ELIMIT;
        }
        dt_eq(dura_accuracy_learn(&ref, &r, &err), want, "case %d", k);
        dt_eq(memcmp(&ref, &was, sizeof ref), 0, "case %d", k);
    }
    reference_rows();
    r = all(2);
    dt_eq(dura_accuracy_learn(NULL, &r, &err), DURA_EINVAL, "");
    dt_eq(dura_accuracy_learn(&ref, NULL, &err), DURA_EINVAL, "");
    dt_eq(dura_accuracy_learn(&ref, &r, NULL), DURA_OK, "an error nobody asked for");
}
