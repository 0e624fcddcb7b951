/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dura_accuracy_query.c - what the counts say.
 *
 * Without labels: the reference's accuracy and what agreement was lost since; the interval
 * from the errors of such estimates on the reference's groups, from sampling, and from the
 * pessimist's and the optimist's reading of the opinions.
 *
 * With labels: x = correct - HALF x value lies in [-HALF, 1]. Against the claim that its
 * mean is m one bets on every label: capital x (1 + b (x - m) / (m + HALF)), b from 0 to 1,
 * which stays a fair game, so no claim that is true loses more than 1 / alpha with more than
 * probability alpha, at any time (Ville; Waudby-Smith, Ramdas 2024). Half of alpha is bet
 * upward, half downward, each spread evenly over BETS sizes of b: the product over labels
 * then only depends on the counts. The claims not refuted are an interval, and HALF x the
 * mean value of all weighed decisions is added to it.
 */
#include "dura_accuracy_priv.h"

#define HALF 0.5f               /* with all of the value the range of x, and the interval of few
                                   labels, would be wider (docs/accuracy.md) */
#define BETS 8u
#define STEPS 24u               /* halvings of 1.5: 1e-7 */
#define SIGNIFICANT 2.6f        /* standard errors; less is no change */
#define FURTHER 1.5f            /* times the furthest fall in a group: still within support */
#define GAUSSIAN 0.67f          /* a Gaussian's quantile beside errors_at(), at .9 */
#define REFERENCE_SHORT 100u
#define DECISIONS_SHORT 30u

typedef struct facts {
    uint32_t made;              /* decisions weighed */
    float n, value, variance;   /* the same; of their values */
    float all, any, outside;    /* shares */
    float labels, excess, noise;/* labels weighed; mean of correct - value, its variance */
} facts;

static float root(float x)
{
    return x > 0.0f ? durai_sqrt(x) : 0.0f;
}

static float within(float x, float low, float high)
{
    return x < low ? low : x > high ? high : x;
}

/* ---- sums over the cells --------------------------------------------------------- */

static void weigh_decisions(facts *f, const dura_accuracy_reference *r, const accuracy_counts *a)
{
    uint32_t i, cells = durai_accuracy_cells(r), bins = (uint32_t)r->n_edges + 1u;
    for (i = 0; i < cells; i++) {
        uint32_t count = a->made[0][i] + a->made[1][i];
        float made = (float)count;
        f->made += count;       /* two panes fit: below 2^32 */
        f->n += made;
        f->value += made * r->value[i];
        f->variance += made * r->value[i] * r->value[i];
        f->all += i / bins == r->opinions ? made : 0.0f;
        f->any += i / bins > 0 ? made : 0.0f;
    }
    if (!(f->n > 0.0f))
        return;
    f->value /= f->n;
    f->variance = f->variance / f->n - f->value * f->value;
    f->all /= f->n;
    f->any /= f->n;
    f->outside = (float)(a->outside[0] + a->outside[1]) / f->n;
}

static uint32_t labels_in(const accuracy_counts *a, uint32_t cell)
{
    return (uint32_t)a->labels[0][cell] + a->labels[1][cell];
}

static uint32_t right_in(const accuracy_counts *a, uint32_t cell)
{
    return (uint32_t)a->right[0][cell] + a->right[1][cell];
}

static void weigh_labels(facts *f, const dura_accuracy_reference *r, const accuracy_counts *a)
{
    uint32_t i;
    float square = 0.0f;
    for (i = 0; i < CELLS; i++) {
        float n = (float)labels_in(a, i), right = (float)right_in(a, i), v = r->value[i];
        f->labels += n;
        f->excess += right - n * v;
        square += right * (1.0f - v) * (1.0f - v) + (n - right) * v * v;
    }
    if (!(f->labels > 0.0f))
        return;
    f->excess /= f->labels;
    /* A tenth of a label of doubt: a few equal ones are not certainty. */
    f->noise = (square - f->labels * f->excess * f->excess + 0.1f) / (f->labels * f->labels);
}

/* ---- without labels -------------------------------------------------------------- */

/* How many standard errors hold a mean at the level, by a bound that needs no table. */
static float errors_at(float level)
{
    return durai_sqrt(2.0f * durai_log(2.0f / (1.0f - level)));
}

static void presume(const dura_accuracy_reference *r, const facts *f, dura_accuracy_state *s)
{
    float sizes = 1.0f / f->n + 1.0f / (float)r->n, k = errors_at(s->level), margin = r->margin * k / errors_at(r->level);
    float fell = r->base - f->value, noise = SIGNIFICANT * root((f->variance + 0.25f / f->n) * sizes), half, least, most;
    float share = r->outside * FURTHER;
    DURA_ASSERT(f->n > 0.0f && r->n > 0);
    /* Inputs that look easier than the reference's prove nothing: never above it. */
    s->estimate = within(fell > noise ? r->accuracy - fell : r->accuracy, 0.0f, 1.0f);
    half = root(margin * margin + k * k * (s->estimate * (1.0f - s->estimate) + 0.25f / f->n) * sizes);
    least = s->estimate;
    most = s->estimate;
    if (r->opinions >= 2 && fell > noise) {
        float gap = r->accuracy - r->all;
        least = f->all + (gap < 0.0f ? gap : 0.0f);
        gap = r->accuracy - r->any;
        most = f->any + (gap > 0.0f ? gap : 0.0f);
    }
    s->low = within(least < s->estimate - half ? least : s->estimate - half, 0.0f, s->estimate);
    most = most < r->accuracy + half ? most : r->accuracy + half;
    s->high = within(most > s->estimate + half ? most : s->estimate + half, s->estimate, 1.0f);
    if (fell > FURTHER * r->drop + noise ||
        f->outside > share + SIGNIFICANT * root((share + 1.0f / f->n) * sizes))
        s->why |= DURA_ACCURACY_OUT_OF_SUPPORT;
}

/* ---- with labels ----------------------------------------------------------------- */

/* The logarithm of what betting `way` (1 up, -1 down) against mean m has made. */
static DURAI_NOINLINE float capital(const dura_accuracy_reference *r, const accuracy_counts *a, float m, float way)
{
    static const float bets[BETS] = {0.95f, 0.75f, 0.5f, 0.25f, 0.125f, 0.0625f, 0.03125f, 0.015625f};
    float won[BETS], best = 0.0f, sum = 0.0f, room = way > 0.0f ? m + HALF : 1.0f - m;
    uint32_t i, j;
    room = room > 1e-7f ? room : 1e-7f;
    DURA_ASSERT(m >= -HALF && m <= 1.0f && (way > 0.0f || way < 0.0f));
    for (j = 0; j < BETS; j++) {
        float b = way * bets[j] / room;
        won[j] = 0.0f;
        for (i = 0; i < CELLS; i++) {
            float x = -HALF * r->value[i] - m, right = (float)right_in(a, i);
            won[j] += right * durai_log(1.0f + b * (x + 1.0f));
            won[j] += ((float)labels_in(a, i) - right) * durai_log(1.0f + b * x);
        }
        best = j == 0 || won[j] > best ? won[j] : best;
    }
    for (j = 0; j < BETS; j++)
        sum += durai_exp(won[j] - best);
    return best + durai_log(sum / (float)BETS);
}

/* The last mean that is refuted, from -HALF up or from 1 down: every bet's gain falls
 * towards the other end, so halving finds it. */
static DURAI_NOINLINE float refuted(const dura_accuracy_reference *r, const accuracy_counts *a, float level, float way)
{
    float in = way > 0.0f ? -HALF : 1.0f, out = way > 0.0f ? 1.0f : -HALF;
    float limit = durai_log(2.0f / (1.0f - level));
    uint32_t k;
    for (k = 0; k < STEPS; k++) {
        float m = 0.5f * (in + out);
        if (capital(r, a, m, way) >= limit)
            in = m;
        else
            out = m;
    }
    return in;
}

static void learn_from_labels(const dura_accuracy_reference *r, const accuracy_counts *a, const facts *f, dura_accuracy_state *s)
{
    float low = within(refuted(r, a, s->level, 1.0f) + HALF * f->value, 0.0f, 1.0f);
    float high = within(refuted(r, a, s->level, -1.0f) + HALF * f->value, low, 1.0f);
    int blind = (s->why & (uint32_t)DURA_ACCURACY_OUT_OF_SUPPORT) != 0;
    float presumed = s->estimate, doubt = (blind ? 1.0f : s->high - s->low) / (2.0f * GAUSSIAN * errors_at(s->level));
    float trust = doubt * doubt / (doubt * doubt + f->noise);
    s->estimate = presumed + trust * (f->value + f->excess - presumed);
    if (presumed < low || presumed > high)
        s->why |= DURA_ACCURACY_CONTRADICTED;
    if (blind || high - low <= s->high - s->low || low > s->high || high < s->low ||
        (s->why & (uint32_t)DURA_ACCURACY_CONTRADICTED)) {
        s->low = low;
        s->high = high;
    } else {
        s->why |= DURA_ACCURACY_FEW_LABELS;
    }
    s->estimate = within(s->estimate, s->low, s->high);
    DURA_ASSERT(s->low <= s->high && s->low >= 0.0f && s->high <= 1.0f);
}

int durai_accuracy_judge(const dura_accuracy *a, const accuracy_counts *c, float level, dura_accuracy_state *s)
{
    const dura_accuracy_reference *r = &a->ref;
    facts f = {0, 0.0f, 0.0f, 0.0f, 0.0f, 0.0f, 0.0f, 0.0f, 0.0f, 0.0f};
    weigh_decisions(&f, r, c);
    weigh_labels(&f, r, c);
    if (!(f.n > 0.0f))
        return DURA_ENOENT;
    DURA_ASSERT(level >= 0.5f && level < 1.0f);
    memset(s, 0, sizeof *s);
    s->level = level;
    s->reference = r->accuracy;
    s->outside = f.outside;
    s->decisions = f.made;
    s->labels = (uint32_t)f.labels;
    s->n = c->n;
    s->n_labels = c->n_labels;
    s->why |= r->groups == 0 ? (uint32_t)DURA_ACCURACY_NO_GROUPS : 0u;
    s->why |= r->opinions < 2 ? (uint32_t)DURA_ACCURACY_NO_OPINIONS : 0u;
    s->why |= r->n < REFERENCE_SHORT || s->decisions < DECISIONS_SHORT ? (uint32_t)DURA_ACCURACY_SHORT : 0u;
    presume(r, &f, s);
    if (f.labels > 0.0f) {
        learn_from_labels(r, c, &f, s);
    } else {
        s->why |= DURA_ACCURACY_NO_LABELS;
        if (s->why & (uint32_t)DURA_ACCURACY_OUT_OF_SUPPORT) {
            s->why |= DURA_ACCURACY_UNKNOWABLE;
            s->low = 0.0f;
            s->high = 1.0f;
        }
    }
    return DURA_OK;
}

int durai_accuracy_query(const dura_accuracy *a, dura_accuracy_state *out)
{
    dura_accuracy_state s;
    int rc = a && out ? durai_accuracy_judge(a, &a->all, a->ref.level, &s) : DURA_EINVAL;
    return rc < 0 ? rc : durai_struct_out(out, &s, (uint32_t)sizeof s, ACCURACY_STATE_V1);
}
