/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dura_accuracy_slice.c - is an operating condition worse than its limit?
 *
 * Against "right at least `limit` of the time" one bets on every label that being wrong is 1.5,
 * 2, 4, 8 times as likely (odds): each is a Shiryaev-Roberts statistic R = (1 + R) x likelihood
 * ratio. As long as the claim is true, however the labels depend on one another, R grows by at
 * most 1 per label of its slice on average. So the sum of all slices' grows by at most 1 per
 * label of any, and the first that reaches `every` comes after `every` labels or more on
 * average: the promise needs no correction for how many slices there are.
 */
#include "dura_accuracy_priv.h"

#define SLICE_V1 32u

static float statistic(const accuracy_slice *s)
{
    float sum = 0.0f;
    uint32_t i;
    for (i = 0; i < ODDS; i++)
        sum += s->worse[i];
    DURA_ASSERT(sum >= 0.0f);
    return sum / (float)ODDS;
}

int durai_accuracy_weigh(const dura_accuracy *a, accuracy_slice *s, uint32_t correct)
{
    static const float odds[ODDS] = {1.5f, 2.0f, 4.0f, 8.0f};
    uint32_t i;
    DURA_ASSERT(a->slices > 0 && correct <= 1u && s->limit > 0.0f && s->limit < 1.0f);
    for (i = 0; i < ODDS; i++) {
        float ratio = (correct ? 1.0f : odds[i]) / (1.0f + (1.0f - s->limit) * (odds[i] - 1.0f));
        float r = (1.0f + s->worse[i]) * ratio;
        s->worse[i] = r < STATISTIC_MOST ? r : STATISTIC_MOST;
    }
    if (s->alarm_at == 0 && statistic(s) >= (float)a->every)
        s->alarm_at = a->all.n_labels;
    return s->alarm_at != 0;
}

/* All slices at once hold what one would at this level. */
static float level_of(const dura_accuracy *a)
{
    return 1.0f - (1.0f - a->ref.level) / (float)a->slices;
}

/* An alarm counts more than any distance. */
static uint32_t worst(const dura_accuracy *a)
{
    dura_accuracy_state s;
    float most = -2.0f;
    uint32_t i, found = 0;
    for (i = 0; i < a->slices; i++) {
        const accuracy_slice *one = &durai_accuracy_slices_of(a)[i];
        if (durai_accuracy_judge(a, &one->count, level_of(a), &s) == DURA_OK) {
            float far = one->limit - s.estimate + (one->alarm_at ? 4.0f : 0.0f);
            found = far > most ? i : found;
            most = far > most ? far : most;
        }
    }
    return found;
}

int durai_accuracy_slice(const dura_accuracy *a, uint32_t index, dura_accuracy_slice *out, dura_accuracy_state *state)
{
    dura_accuracy_slice o = DURA_ACCURACY_SLICE_INIT;
    dura_accuracy_state s;
    const accuracy_slice *one;
    int rc;
    if (!a || !out || out->struct_size < SLICE_V1 || (state && state->struct_size < ACCURACY_STATE_V1))
        return DURA_EINVAL;
    o.slice = index == DURA_ACCURACY_WORST && a->slices ? worst(a) : index;
    if (o.slice >= a->slices)
        return DURA_EINVAL;
    one = &durai_accuracy_slices_of(a)[o.slice];
    rc = durai_accuracy_judge(a, &one->count, level_of(a), &s);
    if (rc < 0)
        return rc;
    o.alarm = one->alarm_at != 0;
    o.limit = one->limit;
    o.statistic = statistic(one);
    o.threshold = (float)a->every;
    o.alarm_at = one->alarm_at;
    rc = durai_struct_out(out, &o, (uint32_t)sizeof o, SLICE_V1);
    return rc < 0 || !state ? rc : durai_struct_out(state, &s, (uint32_t)sizeof s, ACCURACY_STATE_V1);
}
