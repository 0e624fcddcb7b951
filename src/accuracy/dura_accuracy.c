/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dura_accuracy.c - builds the object, counts decisions and labels.
 *
 * What the counts say is worked out in dura_accuracy_query.c; saved and loaded in
 * dura_accuracy_save.c. A reference is checked here once and whole; the others rely on it.
 */
#include "dura_accuracy_priv.h"

#define CONFIG_V1 16u
#define REFERENCE_V1 152u
#define WINDOW_MOST 0x7FFFFFFFu

/* ---- building -------------------------------------------------------------------- */

static int read_config(dura_accuracy_config *c, const dura_accuracy_config *theirs)
{
    int rc;
    if (!theirs)
        return DURA_EINVAL;
    rc = durai_struct_in(c, (uint32_t)sizeof *c, theirs, theirs->struct_size, CONFIG_V1);
    if (rc < 0)
        return rc;
    if (c->window > WINDOW_MOST || c->labels > DURA_ACCURACY_LABELS_MAX || c->reserved != 0)
        return DURA_EINVAL;
    return DURA_OK;
}

static int share(float x)
{
    return durai_finite(x) && x >= 0.0f && x <= 1.0f;
}

/* Edges rise strictly; beyond them, and beyond the cells, all is 0. */
static int sound_cells(const dura_accuracy_reference *r)
{
    uint32_t i, cells;
    int good = 1;
    if (r->n_edges >= CELLS || r->opinions >= CELLS || durai_accuracy_cells(r) > CELLS)
        return 0;
    cells = durai_accuracy_cells(r);
    for (i = 0; i < CELLS - 1u; i++)
        good &= i >= r->n_edges ? durai_f32_bits(r->edge[i]) == 0
                                : share(r->edge[i]) && (i == 0 || r->edge[i] > r->edge[i - 1u]);
    for (i = 0; i < CELLS; i++)
        good &= i >= cells ? durai_f32_bits(r->value[i]) == 0 : share(r->value[i]);
    return good;
}

static int sound(const dura_accuracy_reference *r)
{
    if (r->n < 1 || (r->reserved[0] | r->reserved[1] | r->reserved[2]) != 0 || !sound_cells(r))
        return 0;
    if (!share(r->accuracy) || !share(r->base) || !share(r->all) || !share(r->any) || r->all > r->any)
        return 0;
    return share(r->margin) && share(r->drop) && share(r->outside) && share(r->level) && r->level >= 0.5f &&
           r->level <= 0.999f;
}

static size_t accuracy_bytes(const dura_accuracy_config *cfg)
{
    dura_accuracy_config c;
    return read_config(&c, cfg) < 0 ? 0 : sizeof(dura_accuracy);
}

static int read_both(dura_accuracy_config *c, dura_accuracy_reference *r, const dura_accuracy_config *cfg,
                     const dura_accuracy_reference *ref)
{
    int rc = read_config(c, cfg);
    if (rc < 0)
        return rc;
    if (!ref)
        return DURA_EINVAL;
    rc = durai_struct_in(r, (uint32_t)sizeof *r, ref, ref->struct_size, REFERENCE_V1);
    if (rc < 0)
        return rc;
    return sound(r) ? DURA_OK : DURA_EINVAL;
}

static int accuracy_init(dura_accuracy **out, void *mem, size_t len, const dura_accuracy_config *cfg,
                         const dura_accuracy_reference *ref)
{
    dura_accuracy_config c;
    dura_accuracy_reference r;
    dura_accuracy *a = mem;
    int rc;
    if (!out)
        return DURA_EINVAL;
    *out = NULL;
    rc = read_both(&c, &r, cfg, ref);
    if (rc < 0)
        return rc;
    if (!mem)
        return DURA_EINVAL;
    if (((uintptr_t)mem & 7u) != 0)
        return DURA_EALIGN;
    if (len < sizeof *a)
        return DURA_ENOSPC;
    memset(a, 0, sizeof *a);
    a->window = c.window ? c.window : WINDOW_MOST;
    a->labels_most = c.labels ? c.labels : (uint32_t)DURA_ACCURACY_LABELS_MAX;
    a->ref = r;
    DURA_ASSERT(a->window > 0 && a->labels_most > 0);
    *out = a;
    return DURA_OK;
}

static int accuracy_reset(dura_accuracy *a)
{
    if (!a)
        return DURA_EINVAL;
    a->n = a->n_labels = 0;
    memset(a->made, 0, sizeof a->made);
    memset(a->outside, 0, sizeof a->outside);
    memset(a->labels, 0, sizeof a->labels);
    memset(a->right, 0, sizeof a->right);
    return DURA_OK;
}

/* ---- counting -------------------------------------------------------------------- */

/* Where a decision belongs; all edges are looked at, whatever the confidence. */
static uint32_t cell_of(const dura_accuracy_reference *r, float confidence, uint32_t agree)
{
    uint32_t i, bin = 0;
    DURA_ASSERT(durai_accuracy_cells(r) <= CELLS && agree <= r->opinions);
    for (i = 0; i < r->n_edges; i++)
        bin += (uint32_t)(confidence >= r->edge[i]);
    return agree * ((uint32_t)r->n_edges + 1u) + bin;
}

static int valid(const dura_accuracy *a, float confidence, uint32_t agree, uint32_t bit)
{
    return a && share(confidence) && agree <= a->ref.opinions && bit <= 1;
}

static int accuracy_update(dura_accuracy *a, float confidence, uint32_t agree, uint32_t outside)
{
    uint32_t i, sum = 0;
    if (!valid(a, confidence, agree, outside))
        return DURA_EINVAL;
    a->made[1][cell_of(&a->ref, confidence, agree)]++;
    a->outside[1] += outside;
    a->n += a->n != UINT64_MAX;
    for (i = 0; i < CELLS; i++)
        sum += a->made[1][i];
    DURA_ASSERT(sum > 0 && sum <= a->window);
    if (sum >= a->window) {
        memcpy(a->made[0], a->made[1], sizeof a->made[0]);
        memset(a->made[1], 0, sizeof a->made[1]);
        a->outside[0] = a->outside[1];
        a->outside[1] = 0;
    }
    return DURA_OK;
}

static int accuracy_label(dura_accuracy *a, float confidence, uint32_t agree, uint32_t correct)
{
    uint32_t i, cell, sum = 0;
    if (!valid(a, confidence, agree, correct))
        return DURA_EINVAL;
    cell = cell_of(&a->ref, confidence, agree);
    a->labels[1][cell]++;
    a->right[1][cell] = (uint16_t)(a->right[1][cell] + correct);
    a->n_labels += a->n_labels != UINT64_MAX;
    for (i = 0; i < CELLS; i++)
        sum += a->labels[1][i];
    DURA_ASSERT(sum > 0 && sum <= a->labels_most && a->right[1][cell] <= a->labels[1][cell]);
    if (sum >= a->labels_most) {
        memcpy(a->labels[0], a->labels[1], sizeof a->labels[0]);
        memcpy(a->right[0], a->right[1], sizeof a->right[0]);
        memset(a->labels[1], 0, sizeof a->labels[1]);
        memset(a->right[1], 0, sizeof a->right[1]);
    }
    return DURA_OK;
}

const dura_accuracy_calls *dura_accuracy_part(void)
{
    static const dura_accuracy_calls part = {
        (uint32_t)sizeof(dura_accuracy_calls), 0, accuracy_bytes, accuracy_init, accuracy_update, accuracy_label,
        durai_accuracy_query, accuracy_reset, durai_accuracy_save, durai_accuracy_load};
    return &part;
}
