/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dura_host_accuracy.c - a reference for accuracy without labels (docs/accuracy.md).
 *
 * Values: with opinions, the reference's accuracy and how much more or less than usual of
 * them agree; each point of agreement lost is a point of accuracy. Without, the share that
 * was right per part of the confidences, pooled until it rises (Ayer et al. 1955). The
 * margin is Student's quantile, one degree of freedom a group, of the groups' errors.
 */
#include <dura/host/accuracy.h>

#include <stdlib.h>
#include <string.h>

#define ROWS_LEAST 8u
#define PARTS 10u
#define PART_LEAST 20u          /* rows per part of the confidences, about */
#define DOUBT 2.0               /* rows of a coin in every part */
#define LEVEL_DEFAULT 0.9f

/* Sums of one group; 0 is the reference. */
typedef struct tally {
    uint32_t group;
    size_t n;
    double right, value, all, any, outside;
} tally;

/* ---- the rows -------------------------------------------------------------------- */

static int share(float x)
{
    return x >= 0.0f && x <= 1.0f;      /* NaN is not */
}

static int check_row(const dura_accuracy_rows *r, size_t i, dura_error *err)
{
    const char *field = NULL;
    if (r->confidence && !share(r->confidence[i]))
        field = "confidence";
    else if (r->agree && r->agree[i] > r->opinions)
        field = "agree";
    else if (r->correct[i] > 1)
        field = "correct";
    else if (r->outside && r->outside[i] > 1)
        field = "outside";
    if (!field)
        return DURA_OK;
    return dura_error_set(err, DURA_EINVAL, NULL, 0, field, "row %zu: outside its range", i);
}

static int check_rows(const dura_accuracy_rows *r, dura_error *err)
{
    size_t i, reference = 0;
    int rc = DURA_OK;
    if (!r->correct || (r->opinions ? !r->agree : !r->confidence) || r->opinions >= DURA_ACCURACY_CELLS_MAX || r->reserved)
        return dura_error_set(err, DURA_EINVAL, NULL, 0, "rows", "correct, and agree or confidence, are required");
    if (!(r->level >= 0.5f && r->level <= 0.999f))
        return dura_error_set(err, DURA_EINVAL, NULL, 0, "level", "want 0.5 to 0.999");
    for (i = 0; rc == DURA_OK && i < r->n; i++) {
        rc = check_row(r, i, err);
        reference += !r->group || r->group[i] == 0;
    }
    if (rc == DURA_OK && reference < ROWS_LEAST)
        rc = dura_error_set(err, DURA_ENOENT, NULL, 0, "group", "%zu rows in group 0: %u are the least", reference, ROWS_LEAST);
    return rc;
}

static int in_reference(const dura_accuracy_rows *r, size_t i)
{
    return !r->group || r->group[i] == 0;
}

/* ---- the cells ------------------------------------------------------------------- */

static void opinion_values(dura_accuracy_reference *out, const dura_accuracy_rows *r)
{
    double level = 0.0;
    size_t i, n = 0;
    uint32_t k;
    for (i = 0; i < r->n; i++)
        if (in_reference(r, i)) {
            level += (double)r->agree[i] / r->opinions;
            n++;
        }
    for (k = 0; k <= r->opinions; k++) {
        double v = (double)out->accuracy + (double)k / r->opinions - level / (double)n;
        out->value[k] = (float)(v < 0.0 ? 0.0 : v > 1.0 ? 1.0 : v);
    }
}

typedef struct point { float confidence; uint8_t correct; } point;

static int by_confidence(const void *a, const void *b)
{
    float x = ((const point *)a)->confidence, y = ((const point *)b)->confidence;
    return (x > y) - (x < y);
}

/* Parts of equal size, cut where confidences differ. */
static void cut(dura_accuracy_reference *out, const point *p, size_t n)
{
    size_t parts = n / PART_LEAST < PARTS ? n / PART_LEAST : PARTS, i;
    for (i = 1; i < parts; i++) {
        float edge = p[i * n / parts].confidence;
        if (edge > p[0].confidence && (out->n_edges == 0 || edge > out->edge[out->n_edges - 1]))
            out->edge[out->n_edges++] = edge;
    }
}

/* Neighbours that fall are pooled until none do. */
static void rise(dura_accuracy_reference *out, const point *p, size_t n)
{
    double right[PARTS], size[PARTS], v[PARTS];
    uint32_t i, j, cells = out->n_edges + 1u, first[PARTS], top = 0;
    size_t k;
    for (i = 0; i < cells; i++) {
        right[i] = DOUBT / 2.0;
        size[i] = DOUBT;
    }
    for (k = 0; k < n; k++) {
        for (i = 0; i < out->n_edges && p[k].confidence >= out->edge[i]; i++)
            ;
        right[i] += p[k].correct;
        size[i] += 1.0;
    }
    for (i = 0; i < cells; i++) {
        first[top] = i;
        right[top] = right[i];
        size[top] = size[i];
        for (; top > 0 && right[top] / size[top] < right[top - 1] / size[top - 1]; top--) {
            right[top - 1] += right[top];
            size[top - 1] += size[top];
        }
        v[top] = right[top] / size[top];
        top++;
    }
    for (j = 0; j < top; j++)
        for (i = first[j]; i < (j + 1 < top ? first[j + 1] : cells); i++)
            out->value[i] = (float)v[j];
}

static int confidence_values(dura_accuracy_reference *out, const dura_accuracy_rows *r)
{
    point *p = malloc(r->n * sizeof *p);
    size_t i, n = 0;
    if (!p)
        return DURA_ENOSPC;
    for (i = 0; i < r->n; i++)
        if (in_reference(r, i)) {
            p[n].confidence = r->confidence[i];
            p[n++].correct = r->correct[i];
        }
    qsort(p, n, sizeof *p, by_confidence);
    cut(out, p, n);
    rise(out, p, n);
    free(p);
    return DURA_OK;
}

static float value_of(const dura_accuracy_reference *out, const dura_accuracy_rows *r, size_t i)
{
    uint32_t k;
    if (r->opinions)
        return out->value[r->agree[i]];
    for (k = 0; k < out->n_edges && r->confidence[i] >= out->edge[k]; k++)
        ;
    return out->value[k];
}

/* ---- the groups ------------------------------------------------------------------ */

static tally *tally_of(tally *t, size_t *groups, uint32_t group)
{
    size_t i;
    for (i = 0; i < *groups; i++)
        if (t[i].group == group)
            return &t[i];
    if (*groups > DURA_ACCURACY_GROUPS_MAX)
        return NULL;
    memset(&t[*groups], 0, sizeof *t);
    t[*groups].group = group;
    return &t[(*groups)++];
}

/* t[0] is the reference. */
static int add_up(tally *t, size_t *groups, const dura_accuracy_reference *out, const dura_accuracy_rows *r)
{
    size_t i;
    tally *at = tally_of(t, groups, 0);
    for (i = 0; i < r->n; i++) {
        if (!at || at->group != (r->group ? r->group[i] : 0))
            at = tally_of(t, groups, r->group ? r->group[i] : 0);
        if (!at)
            return DURA_ELIMIT;
        at->n++;
        at->right += r->correct[i];
        at->value += (double)value_of(out, r, i);
        at->all += r->opinions && r->agree[i] == r->opinions;
        at->any += r->opinions && r->agree[i] > 0;
        at->outside += r->outside ? r->outside[i] : 0;
    }
    return DURA_OK;
}

/* Both without a library, so that a reference is the same on every host. */
static double square_root(double x)
{
    double y = x > 1.0 ? x : 1.0;
    int k;
    for (k = 0; k < 64; k++)
        y = 0.5 * (y + x / y);
    return y;
}

/* Halved until small (atan y = 2 atan(y / (1 + sqrt(1 + y^2)))), then its series. */
static double arctangent(double y)
{
    double sum = 0.0, power, scale = 1.0;
    int k;
    for (k = 0; k < 6; k++, scale *= 2.0)
        y /= 1.0 + square_root(1.0 + y * y);
    for (power = y, k = 1; k < 16; k += 2, power *= -y * y)
        sum += power / k;
    return scale * sum;
}

/* P(|T| <= x), T Student's with n degrees of freedom: the finite sums of Abramowitz and
 * Stegun 26.7.3 and 26.7.4. */
static double student(double x, size_t n)
{
    const double pi = 3.14159265358979323846;
    double y = x / square_root((double)n), c = 1.0 / square_root(1.0 + y * y), s = y * c, term, sum;
    size_t k;
    if (n % 2 == 0) {
        for (sum = term = 1.0, k = 2; k < n; k += 2)
            sum += term *= c * c * (double)(k - 1) / (double)k;
        return s * sum;
    }
    for (sum = term = n > 1 ? c : 0.0, k = 3; k < n; k += 2)
        sum += term *= c * c * (double)(k - 1) / (double)k;
    return 2.0 / pi * (arctangent(y) + s * sum);
}

static double student_quantile(double level, size_t n)
{
    double low = 0.0, high = 1.0;
    int k;
    while (student(high, n) < level && high < 1e6)
        high *= 2.0;
    for (k = 0; k < 60; k++) {
        double x = 0.5 * (low + high);
        if (student(x, n) < level)
            low = x;
        else
            high = x;
    }
    return high;
}

/* What the groups say of the estimates query() would have made of them. */
static void judge_groups(dura_accuracy_reference *out, const tally *t, size_t groups)
{
    double square = 0.0, margin, outside = t[0].outside / (double)t[0].n;
    size_t i;
    for (i = 1; i < groups; i++) {
        double n = (double)t[i].n, fell = (double)out->base - t[i].value / n, right = t[i].right / n;
        double error = (double)out->accuracy - (fell > 0.0 ? fell : 0.0) - right;
        square += error * error;
        out->drop = fell > (double)out->drop ? (float)fell : out->drop;
        outside = t[i].outside / n > outside ? t[i].outside / n : outside;
    }
    out->outside = (float)outside;
    out->groups = (uint32_t)(groups - 1);
    if (groups < 2)
        return;
    margin = student_quantile((double)out->level, groups - 1) * square_root(square / (double)(groups - 1));
    out->margin = (float)(margin < 1.0 ? margin : 1.0);
}

static int learn(dura_accuracy_reference *out, const dura_accuracy_rows *r, tally *t, dura_error *err)
{
    size_t i, groups = 0, n = 0, right = 0;
    int rc = DURA_OK;
    for (i = 0; i < r->n; i++)
        if (in_reference(r, i)) {
            n++;
            right += r->correct[i];
        }
    out->n = n > UINT32_MAX ? UINT32_MAX : (uint32_t)n;
    out->level = r->level;
    out->opinions = (uint16_t)r->opinions;
    out->accuracy = (float)((double)right / (double)n);
    if (r->opinions)
        opinion_values(out, r);
    else
        rc = confidence_values(out, r);
    if (rc == DURA_OK)
        rc = add_up(t, &groups, out, r);
    if (rc == DURA_ELIMIT)
        rc = dura_error_set(err, rc, NULL, 0, "group", "more than %d groups", DURA_ACCURACY_GROUPS_MAX);
    if (rc < 0)
        return rc;
    out->base = (float)(t[0].value / (double)n);
    out->all = (float)(t[0].all / (double)n);
    out->any = (float)(t[0].any / (double)n);
    judge_groups(out, t, groups);
    return DURA_OK;
}

int dura_accuracy_learn(dura_accuracy_reference *out, const dura_accuracy_rows *rows, dura_error *err)
{
    dura_accuracy_reference ref = DURA_ACCURACY_REFERENCE_INIT;
    dura_accuracy_rows r = DURA_ACCURACY_ROWS_INIT;
    tally *t;
    uint32_t bits;
    int rc;
    if (!out || out->struct_size < sizeof *out || !rows || rows->struct_size < sizeof r)
        return DURA_EINVAL;
    memcpy(&r, rows, sizeof r);
    memcpy(&bits, &r.level, sizeof bits);
    r.level = bits ? r.level : LEVEL_DEFAULT;
    rc = check_rows(&r, err);
    if (rc < 0)
        return rc;
    t = malloc((DURA_ACCURACY_GROUPS_MAX + 1) * sizeof *t);
    if (!t)
        return DURA_ENOSPC;
    rc = learn(&ref, &r, t, err);
    free(t);
    if (rc == DURA_OK)
        memcpy(out, &ref, sizeof ref);
    return rc;
}
