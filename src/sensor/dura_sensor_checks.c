/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dura_sensor_checks.c - extends a sensor, takes further checks, leads a frame through them.
 *
 * A check of one channel's past says what it finds before the channel is judged, so that
 * a spike is refused like any failed value, and moves its statistics afterwards, when it
 * is known that the value was accepted. Relations come last, over what is usable by then.
 */
#include "dura_sensor_checks_priv.h"

#define CHECKS_MAX 1024u
#define EXTRA_V1 16u
#define CHECK_V1 ((uint32_t)sizeof(dura_sensor_check))

/* ---- room ------------------------------------------------------------------------ */

static int read_extra(dura_sensor_extra *x, const dura_sensor_extra *theirs)
{
    int rc;
    if (!theirs)
        return DURA_EINVAL;
    rc = durai_struct_in(x, (uint32_t)sizeof *x, theirs, theirs->struct_size, EXTRA_V1);
    if (rc < 0)
        return rc;
    if ((x->reserved[0] | x->reserved[1] | x->reserved[2]) != 0)
        return DURA_EVERSION;
    if (x->n_channels < 1 || x->n_channels > DURA_CHANNELS_MAX || x->n_checks > CHECKS_MAX)
        return DURA_EINVAL;
    return DURA_OK;
}

/* Take n bytes, 8-aligned, of what `at` points into; NULL only counts. */
static void *carve(uint8_t **at, size_t *used, size_t n)
{
    void *here = *at ? *at + *used : NULL;
    *used += (n + 7u) & ~(size_t)7u;
    return here;
}

/* Lay k's arrays out behind it; with mem NULL only the size is wanted. */
static size_t lay_out(checks *k, uint8_t *mem, const dura_sensor_extra *x)
{
    size_t used = 0, n = x->n_channels, wide = (n + LANES - 1u) / LANES;
    (void)carve(&mem, &used, sizeof *k);
    k->shape = carve(&mem, &used, wide * sizeof(shape_block));
    k->relation = carve(&mem, &used, x->n_checks * sizeof(relation));
    k->kept = carve(&mem, &used, n * sizeof(kept_value));
    k->base.now = carve(&mem, &used, n * sizeof(float));
    k->base.second = carve(&mem, &used, n * sizeof(uint32_t));
    k->former = carve(&mem, &used, n * sizeof(float));
    k->found = carve(&mem, &used, wide * LANES * sizeof(uint32_t));
    k->joint = carve(&mem, &used, x->n_joint * sizeof(float));
    k->scratch = carve(&mem, &used, x->n_joint * sizeof(float));
    DURA_ASSERT(used <= DURA_SENSOR_EXTRA_BYTES(n, x->n_checks, x->n_joint));
    return used;
}

size_t dura_sensor_extra_bytes(const dura_sensor_extra *extra)
{
    dura_sensor_extra x;
    checks k;
    return read_extra(&x, extra) < 0 ? 0 : lay_out(&k, NULL, &x);
}

/* ---- a frame ----------------------------------------------------------------------- */

static const sensor_hooks hooks;

static void forget_kept(checks *k)
{
    for (size_t c = 0; c < k->n; c++) {
        k->kept[c].ns = NS_NEVER;
        k->kept[c].cell = 0;
        k->kept[c].reserved = 0;
    }
}

static void forget(sensor_extra *e)
{
    checks *k = (checks *)(void *)e;
    for (size_t b = 0; b < k->blocks; b++)
        durai_shape_forget(&k->shape[b]);
    k->filling = 1;
    forget_kept(k);
    for (size_t c = 0; c < k->n; c++)
        k->base.now[c] = k->former[c] = 0.0f;
    memset(k->base.second, 0, k->n * sizeof k->base.second[0]);
    k->has_former = 0;
    durai_relations_forget(k);
}

/* On a bad stamp nobody can say what follows from what. After a gap windows begin anew. */
static void before(sensor_frame *f)
{
    checks *k = durai_checks_of(f->s);
    DURA_ASSERT(k->n == f->s->n && k->base.hooks == &hooks);
    DURA_ASSERT(k->n_relations <= k->max_checks && k->n_joint <= k->max_joint);
    if (k->n_relations > 0)
        f->usable = k->base.now;
    if (f->time_bits & (uint32_t)DURA_R_TIME_GAP) {
        k->filling = 1;
        for (size_t b = 0; b < k->blocks; b++)
            durai_shape_restart(&k->shape[b]);
        k->has_former = 0;
    }
    if (f->good && k->n_relations > 0)
        f->clear = 0;
    if (f->good && f->now < f->before) /* a new time base: no stamp of the old one means anything */
        forget_kept(k);
    if (!f->good || !k->has_shapes)
        return;
    durai_shape_look(k, f);
    if (k->has_found)
        f->found = k->found;
}

/* What nothing was said against, for a relation that objects to what comes after. */
static void keep_values(checks *k, const sensor_frame *f)
{
    const uint32_t *reasons = durai_sensor_reasons(f->s);
    for (size_t c = 0; c < k->n; c++) {
        const sensor_block *b = &f->s->block[c / LANES];
        size_t i = c % LANES;
        int objected = (reasons[c] & BITS_SUSPECT) && !(b->what[i] & FLAG_SUSPECT_OK);
        if ((f->missing && f->missing[c]) || objected || !durai_checks_usable(f, c))
            continue;
        k->kept[c].cell = b->acc[i];
        k->kept[c].ns = f->now;
    }
}

/* Channels nothing was said against have it in their history now: until then the place is
 * needed as it was 64 frames ago. */
static void clear_good(const sensor_frame *f)
{
    const uint32_t *reasons = durai_sensor_reasons(f->s);
    for (size_t c = 0; c < f->s->n; c++)
        if (reasons[c] == 0)
            f->s->block[c / LANES].bad[f->half][c % LANES] &= ~f->bit;
}

static void after(sensor_frame *f, float *usable)
{
    checks *k = durai_checks_of(f->s);
    if (f->good) {
        if (k->has_shapes)
            durai_shape_move(k, f);
        if (k->n_relations > 0) {
            if (durai_relations_judge(k, f))
                durai_sensor_recount(f);
            clear_good(f);
            keep_values(k, f);
            memcpy(k->former, k->base.now, k->n * sizeof(float));
            k->has_former = 1;
        }
    }
    if (usable && usable != f->usable)
        memcpy(usable, k->base.now, k->n * sizeof(float));
    if (!f->good)
        memcpy(k->base.now, f->values, k->n * sizeof(float));
}

static const sensor_hooks hooks = {before, after, forget};

/* ---- building ---------------------------------------------------------------------- */

int dura_sensor_extend(dura_sensor *s, void *mem, size_t len, const dura_sensor_extra *extra)
{
    dura_sensor_extra x;
    checks *k = mem;
    int rc = read_extra(&x, extra);
    if (rc < 0)
        return rc;
    if (!s || !mem || x.n_channels != s->n)
        return DURA_EINVAL;
    if (((uintptr_t)mem & 7u) != 0)
        return DURA_EALIGN;
    if (len < dura_sensor_extra_bytes(&x))
        return DURA_ENOSPC;
    if (s->extra || s->frames > 0)
        return DURA_ESTATE;
    memset(k, 0, sizeof *k);
    (void)lay_out(k, mem, &x);
    k->n = x.n_channels;
    k->blocks = (uint16_t)((x.n_channels + LANES - 1u) / LANES);
    k->max_checks = x.n_checks;
    k->max_joint = x.n_joint;
    k->base.hooks = &hooks;
    for (size_t b = 0; b < k->blocks; b++)
        durai_shape_clear(&k->shape[b]);
    memset(k->found, 0, k->blocks * LANES * sizeof(uint32_t));
    for (size_t i = 0; i < x.n_joint; i++)
        k->joint[i] = 0.0f;
    forget(&k->base);
    s->extra = &k->base;
    return DURA_OK;
}

/* Limits of ranges as values are compared with them. */
static void settle_ranges(dura_sensor_check *c)
{
    float *limit[] = {&c->lo, &c->hi, &c->if_lo, &c->if_hi, &c->from_lo, &c->from_hi};
    for (size_t i = 0; i < sizeof limit / sizeof limit[0]; i++)
        *limit[i] = durai_checks_settle(*limit[i]);
}

/* Relations are kept by kind: shift the later kinds up by one. */
static void insert(checks *k, const dura_sensor_check *c)
{
    size_t at = k->n_relations;
    relation *r;
    DURA_ASSERT(k->n_relations < k->max_checks && c->kind > DURA_CK_DRIFT);
    while (at > 0 && k->relation[at - 1u].c.kind > c->kind) {
        k->relation[at] = k->relation[at - 1u];
        at--;
    }
    r = &k->relation[at];
    memset(r, 0, sizeof *r);
    r->c = *c;
    settle_ranges(&r->c);
    r->weight = durai_checks_weight(c->window);
    r->weight2 = durai_checks_weight(c->window2);
    r->per_scale = c->kind == DURA_CK_PARITY ? 1.0f / c->scale : 0.0f;
    r->first = k->n_joint;
    if (c->kind == DURA_CK_JOINT)
        k->n_joint = (uint16_t)(k->n_joint + c->n_terms);
    k->n_relations++;
    DURA_ASSERT(k->n_joint <= k->max_joint && (at == 0 || k->relation[at - 1u].c.kind <= c->kind));
}

static int add_shape(checks *k, const dura_sensor_check *c)
{
    int rc = durai_shape_add(&k->shape[c->channel / LANES], c->channel % LANES, c);
    if (rc == DURA_OK)
        k->has_shapes = 1;
    return rc;
}

int dura_sensor_add(dura_sensor *s, const dura_sensor_check *check)
{
    dura_sensor_check c;
    checks *k;
    int rc;
    if (!s || !check)
        return DURA_EINVAL;
    rc = durai_struct_in(&c, (uint32_t)sizeof c, check, check->struct_size, CHECK_V1);
    if (rc < 0)
        return rc;
    k = durai_checks_of(s);
    if (!k || s->frames > 0)
        return DURA_ESTATE;
    if (c.kind < DURA_CK_SPIKE || c.kind > DURA_CK_JOINT || (c.flags & ~(uint32_t)DURA_CK_ESTIMATES) != 0 ||
        c.reserved != 0 || c.reserved2 != 0)
        return DURA_EVERSION;
    if (!durai_relation_sound(s, &c))
        return DURA_EINVAL;
    if (c.kind <= DURA_CK_DRIFT)
        return add_shape(k, &c);
    if (k->n_relations >= k->max_checks || (c.kind == DURA_CK_JOINT && c.n_terms > (uint32_t)k->max_joint - k->n_joint))
        return DURA_ENOSPC;
    insert(k, &c);
    return DURA_OK;
}

const dura_sensor_calls *dura_sensor_part(void)
{
    static const dura_sensor_calls calls = {(uint32_t)sizeof calls, 0, dura_sensor_extra_bytes, dura_sensor_extend,
                                            dura_sensor_add};
    return &calls;
}
