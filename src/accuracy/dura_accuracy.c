/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dura_accuracy.c - builds the object, counts decisions and labels.
 *
 * What the counts say is worked out in dura_accuracy_query.c, of a slice in
 * dura_accuracy_slice.c; saved and loaded in dura_accuracy_save.c. A reference is checked
 * here once and whole; the others rely on it.
 */
#include "dura_accuracy_priv.h"

#define CONFIG_V1 16u
#define REFERENCE_V1 152u
#define WINDOW_MOST 0x7FFFFFFFu
#define EVERY_DEFAULT 10000u

/* ---- building -------------------------------------------------------------------- */

static int share(float x)
{
    return durai_finite(x) && x >= 0.0f && x <= 1.0f;
}

static int sound_limits(const dura_accuracy_config *c)
{
    uint32_t i;
    int good = c->slices <= DURA_ACCURACY_SLICES_MAX && (c->slices == 0) == (c->limit == NULL);
    for (i = 0; good && i < c->slices; i++)
        good = share(c->limit[i]) && c->limit[i] > 1e-6f && c->limit[i] < 1.0f;
    return good;
}

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
    c->every = c->every ? c->every : EVERY_DEFAULT;
    return c->every >= 100u && c->every <= 1000000000u && sound_limits(c) ? DURA_OK : DURA_EINVAL;
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
    return read_config(&c, cfg) < 0 ? 0 : sizeof(dura_accuracy) + c.slices * sizeof(accuracy_slice);
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
    uint32_t i;
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
    if (len < sizeof *a + c.slices * sizeof(accuracy_slice))
        return DURA_ENOSPC;
    memset(a, 0, sizeof *a + c.slices * sizeof(accuracy_slice));
    a->window = c.window ? c.window : WINDOW_MOST;
    a->labels_most = c.labels ? c.labels : (uint32_t)DURA_ACCURACY_LABELS_MAX;
    a->slices = c.slices;
    a->every = c.every;
    for (i = 0; i < c.slices; i++)
        durai_accuracy_slices(a)[i].limit = c.limit[i];
    a->ref = r;
    DURA_ASSERT(a->window > 0 && a->labels_most > 0);
    *out = a;
    return DURA_OK;
}

static int accuracy_reset(dura_accuracy *a)
{
    uint32_t i;
    if (!a)
        return DURA_EINVAL;
    memset(&a->all, 0, sizeof a->all);
    for (i = 0; i < a->slices; i++)
        memset(&durai_accuracy_slices(a)[i], 0, offsetof(accuracy_slice, limit));
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

static void count_decision(const dura_accuracy *a, accuracy_counts *c, uint32_t cell, uint32_t outside)
{
    uint32_t i, sum = 0;
    c->made[1][cell]++;
    c->outside[1] += outside;
    c->n += c->n != UINT64_MAX;
    for (i = 0; i < CELLS; i++)
        sum += c->made[1][i];
    DURA_ASSERT(sum > 0 && sum <= a->window);
    if (sum >= a->window) {
        memcpy(c->made[0], c->made[1], sizeof c->made[0]);
        memset(c->made[1], 0, sizeof c->made[1]);
        c->outside[0] = c->outside[1];
        c->outside[1] = 0;
    }
}

static void count_label(const dura_accuracy *a, accuracy_counts *c, uint32_t cell, uint32_t correct)
{
    uint32_t i, sum = 0;
    c->labels[1][cell]++;
    c->right[1][cell] = (uint16_t)(c->right[1][cell] + correct);
    c->n_labels += c->n_labels != UINT64_MAX;
    for (i = 0; i < CELLS; i++)
        sum += c->labels[1][i];
    DURA_ASSERT(sum > 0 && sum <= a->labels_most && c->right[1][cell] <= c->labels[1][cell]);
    if (sum >= a->labels_most) {
        memcpy(c->labels[0], c->labels[1], sizeof c->labels[0]);
        memcpy(c->right[0], c->right[1], sizeof c->right[0]);
        memset(c->labels[1], 0, sizeof c->labels[1]);
        memset(c->right[1], 0, sizeof c->right[1]);
    }
}

static int accuracy_update(dura_accuracy *a, float confidence, uint32_t agree, uint32_t outside)
{
    if (!valid(a, confidence, agree, outside))
        return DURA_EINVAL;
    count_decision(a, &a->all, cell_of(&a->ref, confidence, agree), outside);
    return DURA_OK;
}

static int accuracy_label(dura_accuracy *a, float confidence, uint32_t agree, uint32_t correct)
{
    if (!valid(a, confidence, agree, correct))
        return DURA_EINVAL;
    count_label(a, &a->all, cell_of(&a->ref, confidence, agree), correct);
    return DURA_OK;
}

static int update_slice(dura_accuracy *a, uint32_t index, float confidence, uint32_t agree, uint32_t outside)
{
    int rc = a && index < a->slices ? accuracy_update(a, confidence, agree, outside) : DURA_EINVAL;
    if (rc == DURA_OK)
        count_decision(a, &durai_accuracy_slices(a)[index].count, cell_of(&a->ref, confidence, agree), outside);
    return rc;
}

static int label_slice(dura_accuracy *a, uint32_t index, float confidence, uint32_t agree, uint32_t correct)
{
    accuracy_slice *s;
    int rc = a && index < a->slices ? accuracy_label(a, confidence, agree, correct) : DURA_EINVAL;
    if (rc < 0)
        return rc;
    s = &durai_accuracy_slices(a)[index];
    count_label(a, &s->count, cell_of(&a->ref, confidence, agree), correct);
    return durai_accuracy_weigh(a, s, correct);
}

const dura_accuracy_calls *dura_accuracy_part(void)
{
    static const dura_accuracy_calls part = {
        (uint32_t)sizeof(dura_accuracy_calls), 0, accuracy_bytes, accuracy_init, accuracy_update, accuracy_label,
        durai_accuracy_query, accuracy_reset, durai_accuracy_save, durai_accuracy_load,
        update_slice, label_slice, durai_accuracy_slice};
    return &part;
}
