/* SPDX-License-Identifier: Apache-2.0 */
/* What is promised of new rows is counted on new rows, drawn from laws the test knows. */
#include "dt.h"

#include <dura/host/confidence.h>

#include <math.h>

enum { FIT = 500, NEW = 2000, ROUNDS = 40, CLASSES = 4 };

static uint64_t seed = 1;
static float a[NEW * CLASSES], b[NEW];
static uint32_t label[NEW];
static uint8_t right[NEW];

static double uniform(void)
{
    seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (double)(seed >> 11) / 9007199254740992.0;
}

/* Answers that are off by a law with heavy tails. */
static void draw_answers(size_t n)
{
    for (size_t i = 0; i < n; i++) {
        double u = uniform() * 2 - 1;
        b[i] = (float)(uniform() * 100);
        a[i] = b[i] + (float)(u / (1.02 - fabs(u)));
    }
}

DT_TEST(conformal_interval, holds_the_truth_of_new_rows_as_often_as_promised)
{
    static const double misses[] = {0.2, 0.1, 0.02};
    for (size_t m = 0; m < 3; m++) {
        size_t held = 0;
        for (int round = 0; round < ROUNDS; round++) {
            float half;
            draw_answers(FIT);
            dt_eq(dura_conformal_interval(a, b, FIT, misses[m], &half), DURA_OK, "");
            draw_answers(NEW);
            for (size_t i = 0; i < NEW; i++)
                held += fabsf(b[i] - a[i]) <= half;
        }
        double share = (double)held / (ROUNDS * NEW), room = 4 * sqrt(misses[m] / (ROUNDS * FIT));
        dt_ok(share > 1 - misses[m] - room && share < 1 - misses[m] + room + 2.0 / FIT, "miss %g: %g", misses[m], share);
    }
}

DT_TEST(conformal_interval, is_a_rank_of_the_residuals)
{
    const float said[9] = {0, 0, 0, 0, 0, 0, 0, 0, 0}, was[9] = {1, -2, 3, -4, 5, -6, 7, -8, 9};
    float half;
    dt_eq(dura_conformal_interval(said, was, 9, 0.1, &half), DURA_OK, "");
    dt_ok(half == 9.0f, "%g", (double)half);
    dt_eq(dura_conformal_interval(said, was, 9, 0.5, &half), DURA_OK, "");
    dt_ok(half == 5.0f, "%g", (double)half);
    dt_eq(dura_conformal_interval(said, was, 9, 0.09, &half), DURA_ELIMIT, "ten rows would do");
    dt_eq(dura_conformal_interval(said, was, 0, 0.5, &half), DURA_EINVAL, "");
    dt_eq(dura_conformal_interval(said, was, 9, 0, &half), DURA_EINVAL, "");
    dt_eq(dura_conformal_interval(said, NULL, 9, 0.5, &half), DURA_EINVAL, "");
}

/* Probabilities that are true: the label is drawn from them. sharp: what a model makes of them. */
static void draw_classes(size_t n, double sharp, int margins)
{
    for (size_t i = 0; i < n; i++) {
        double z[CLASSES], p[CLASSES], all = 0, said = 0, u = uniform();
        for (int k = 0; k < CLASSES; k++)
            all += p[k] = exp(z[k] = 4 * uniform());
        label[i] = 0;
        for (double sum = p[0] / all; sum < u && label[i] < CLASSES - 1; sum += p[label[i]] / all)
            label[i]++;
        for (int k = 0; k < CLASSES; k++)
            said += exp(sharp * z[k]);
        for (int k = 0; k < CLASSES; k++)
            a[i * CLASSES + (size_t)k] = (float)(margins ? sharp * z[k] : exp(sharp * z[k]) / said);
    }
}

DT_TEST(conformal_set, holds_the_true_class_of_new_rows_however_sure_the_model_is)
{
    static const double sharp[] = {0.3, 1, 5};
    for (size_t m = 0; m < 3; m++) {
        size_t held = 0;
        for (int round = 0; round < ROUNDS; round++) {
            float threshold;
            draw_classes(FIT, sharp[m], 0);
            dt_eq(dura_conformal_set(a, label, FIT, CLASSES, 0.1, &threshold), DURA_OK, "");
            draw_classes(NEW, sharp[m], 0);
            for (size_t i = 0; i < NEW; i++)
                held += a[i * CLASSES + label[i]] >= threshold;
        }
        double share = (double)held / (ROUNDS * NEW);
        dt_ok(share > 0.9 - 0.01 && share < 0.9 + 0.012, "sharp %g: %g", sharp[m], share);
    }
    dt_eq(dura_conformal_set(a, label, FIT, 1, 0.1, b), DURA_EINVAL, "one class");
    label[3] = CLASSES;
    dt_eq(dura_conformal_set(a, label, FIT, CLASSES, 0.1, b), DURA_EINVAL, "no such class");
}

DT_TEST(confidence_temperature, finds_by_how_much_a_model_is_too_sure)
{
    static const double sharp[] = {0.5, 1, 3};
    double t;
    for (size_t m = 0; m < 3; m++) {
        draw_classes(NEW, sharp[m], 1);
        dt_eq(dura_confidence_temperature(a, label, NEW, CLASSES, &t), DURA_OK, "");
        dt_ok(fabs(t / sharp[m] - 1) < 0.12, "sharp %g: %g", sharp[m], t);
        for (size_t i = 0; i < NEW; i++) {
            double z = 6 * uniform() - 3;
            label[i] = uniform() < 1 / (1 + exp(-z));
            a[i] = (float)(sharp[m] * z);
        }
        dt_eq(dura_confidence_temperature(a, label, NEW, 1, &t), DURA_OK, "");
        dt_ok(fabs(t / sharp[m] - 1) < 0.12, "one class, sharp %g: %g", sharp[m], t);
    }
    label[0] = 2;
    dt_eq(dura_confidence_temperature(a, label, NEW, 1, &t), DURA_EINVAL, "a label that is none");
    dt_eq(dura_confidence_temperature(NULL, label, NEW, 1, &t), DURA_EINVAL, "");
}

/* Right with probability confidence^2: a model that is too sure. */
static void draw_confidence(size_t n)
{
    for (size_t i = 0; i < n; i++) {
        b[i] = (float)uniform();
        right[i] = uniform() < (double)b[i] * (double)b[i];
    }
}

DT_TEST(confidence_abstain, keeps_the_share_of_wrong_answers_below_what_was_promised)
{
    int broken = 0, found = 0;
    for (int round = 0; round < ROUNDS; round++) {
        float threshold;
        double kept, c;
        draw_confidence(NEW);
        if (dura_confidence_abstain(b, right, NEW, 0.2, 0.1, &threshold, &kept) != DURA_OK)
            continue;
        c = (double)threshold;       /* of all that is kept, 1 - mean of x^2 over c..1 is wrong */
        broken += 1 - (1 - c * c * c) / 3 / (1 - c) > 0.2;
        found += kept > 0.05;
    }
    dt_ok(found > ROUNDS * 9 / 10, "found %d", found);
    dt_ok(broken <= ROUNDS / 10, "broken %d of %d", broken, ROUNDS);
}

DT_TEST(confidence_abstain, promises_nothing_it_cannot)
{
    float threshold;
    draw_confidence(50);
    memset(right, 0, sizeof right);
    dt_eq(dura_confidence_abstain(b, right, 50, 0.2, 0.1, &threshold, NULL), DURA_ELIMIT, "all wrong");
    memset(right, 1, sizeof right);
    dt_eq(dura_confidence_abstain(b, right, 10, 0.01, 0.1, &threshold, NULL), DURA_ELIMIT, "too few");
    dt_eq(dura_confidence_abstain(b, right, 50, 0, 0.1, &threshold, NULL), DURA_EINVAL, "");
    b[0] = 2;
    dt_eq(dura_confidence_abstain(b, right, 50, 0.2, 0.1, &threshold, NULL), DURA_EINVAL, "");
}
