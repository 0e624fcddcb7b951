/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Conformal intervals and sets, a temperature, a threshold to abstain below.
 *
 * Conformal: among n + 1 scores that could stand in any order, the new one is at most the
 * k-th smallest of the other n with probability k / (n + 1) or more; k = ceil((n+1)(1-miss)).
 */
#include <dura/host/confidence.h>

#include <math.h>
#include <stdlib.h>

#include "../base/dura_base_priv.h"

enum { GRID = 100, SEARCHES = 80 };

static int in_unit(double p) { return p > 0 && p < 1; }

static int score_order(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

/* The score that a new one exceeds with probability miss at most. Frees the scores. */
static int take_rank(double *score, size_t n, double miss, double *out)
{
    double k = ceil(((double)n + 1) * (1 - miss) - 1e-9);
    int rc = k <= (double)n ? DURA_OK : DURA_ELIMIT;
    qsort(score, n, sizeof *score, score_order);
    if (rc == DURA_OK)
        *out = score[(size_t)k - 1];
    free(score);
    return rc;
}

int dura_conformal_interval(const float *answer, const float *truth, size_t n, double miss, float *half)
{
    double at = 0, *score;
    if (!answer || !truth || !half || n < 1 || !in_unit(miss))
        return DURA_EINVAL;
    for (size_t i = 0; i < n; i++)
        if (!durai_finite(answer[i]) || !durai_finite(truth[i]))
            return DURA_EINVAL;
    score = malloc(n * sizeof *score);
    if (!score)
        return DURA_ENOSPC;
    for (size_t i = 0; i < n; i++)
        score[i] = fabs((double)truth[i] - (double)answer[i]);
    int rc = take_rank(score, n, miss, &at);
    if (rc == DURA_OK)
        *half = (double)(float)at < at ? nextafterf((float)at, INFINITY) : (float)at;
    return rc;
}

int dura_conformal_set(const float *probability, const uint32_t *label, size_t n, size_t n_classes, double miss,
                       float *threshold)
{
    double at = 0, *score;
    if (!probability || !label || !threshold || n < 1 || n_classes < 2 || n_classes > DURA_CONFIDENCE_CLASSES_MAX || !in_unit(miss))
        return DURA_EINVAL;
    for (size_t i = 0; i < n * n_classes; i++)
        if (!(probability[i] >= 0 && probability[i] <= 1) || label[i / n_classes] >= n_classes)
            return DURA_EINVAL;
    score = malloc(n * sizeof *score);
    if (!score)
        return DURA_ENOSPC;
    for (size_t i = 0; i < n; i++)
        score[i] = -(double)probability[i * n_classes + label[i]];
    int rc = take_rank(score, n, miss, &at);
    if (rc == DURA_OK)
        *threshold = (float)-at;
    return rc;
}

/* ---- temperature ---------------------------------------------------------------------- */

/* -ln of what the model gives the true class, summed up, at 1 / T = b. */
static double unlikelihood(const float *margin, const uint32_t *label, size_t n, size_t classes, double b)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++) {
        const float *m = margin + i * classes;
        double most = classes > 1 ? (double)m[0] * b : 0, all = 0, own;
        for (size_t k = 1; k < classes; k++)
            most = (double)m[k] * b > most ? (double)m[k] * b : most;
        if (classes == 1) {          /* against a class whose margin is 0 */
            double z = (double)m[0] * b;
            most = z > 0 ? z : 0;
            all = exp(z - most) + exp(-most);
            own = label[i] ? z : 0;
        } else {
            for (size_t k = 0; k < classes; k++)
                all += exp((double)m[k] * b - most);
            own = (double)m[label[i]] * b;
        }
        sum += log(all) + most - own;
    }
    return sum;
}

/* The likelihood is concave in 1 / T, so thirds close in on its one maximum. */
int dura_confidence_temperature(const float *margin, const uint32_t *label, size_t n, size_t n_classes, double *temperature)
{
    double lo = 0.05, hi = 20;
    if (!margin || !label || !temperature || n < 1 || n_classes < 1 || n_classes > DURA_CONFIDENCE_CLASSES_MAX)
        return DURA_EINVAL;
    for (size_t i = 0; i < n * n_classes; i++)
        if (!durai_finite(margin[i]) || label[i / n_classes] >= (n_classes > 1 ? n_classes : 2))
            return DURA_EINVAL;
    for (int i = 0; i < SEARCHES; i++) {
        double a = lo + (hi - lo) / 3, b = hi - (hi - lo) / 3;
        if (unlikelihood(margin, label, n, n_classes, a) < unlikelihood(margin, label, n, n_classes, b))
            hi = b;
        else
            lo = a;
    }
    *temperature = 2 / (lo + hi);
    return DURA_OK;
}

/* ---- abstaining ------------------------------------------------------------------------- */

/* Probability of at most k wrong answers out of n when each is wrong with probability p. */
static double at_most(size_t k, size_t n, double p)
{
    double sum = 0;
    for (size_t i = 0; i <= k; i++)
        sum += exp(lgamma((double)n + 1) - lgamma((double)i + 1) - lgamma((double)(n - i) + 1) + (double)i * log(p) +
                   (double)(n - i) * log1p(-p));
    return sum;
}

int dura_confidence_abstain(const float *confidence, const uint8_t *right, size_t n, double risk, double miss,
                            float *threshold, double *kept)
{
    if (!confidence || !right || !threshold || n < 1 || !in_unit(risk) || !in_unit(miss))
        return DURA_EINVAL;
    for (size_t i = 0; i < n; i++)
        if (!(confidence[i] >= 0 && confidence[i] <= 1) || right[i] > 1)
            return DURA_EINVAL;
    for (int g = 0; g <= GRID; g++) {
        float at = (float)g / GRID;
        size_t answered = 0, wrong = 0;
        for (size_t i = 0; i < n; i++) {
            answered += confidence[i] >= at;
            wrong += confidence[i] >= at && !right[i];
        }
        if (answered == 0 || (double)wrong >= risk * (double)answered || at_most(wrong, answered, risk) > miss / (GRID + 1))
            continue;
        *threshold = at;
        if (kept)
            *kept = (double)answered / (double)n;
        return DURA_OK;
    }
    return DURA_ELIMIT;
}
