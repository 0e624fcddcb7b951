/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Further checks, step by step: complete rows, coefficients without each block, what every
 * family hears of the block that was left out, its share of the promise, its limit, and
 * the checks. A family that cannot be promised from this recording is refused by name.
 */
#include "dura_host_learn_priv.h"

#include <float.h>
#include <stdlib.h>
#include <string.h>

#define ROWS_LEAST 100u         /* complete rows */
#define INDEPENDENT_PER_CHANNEL 3u /* rows that know nothing of each other, for a covariance */
#define CHANNELS_SHARE 3.0      /* limits of channels take part in the promise like three families */

/* Everything that is thrown away afterwards. */
typedef struct workshop {
    durai_moments m;
    durai_relations without[DURAI_CHECK_BLOCKS];
    float *y[DURAI_SIGNALS];   /* NULL: nothing to hear */
} workshop;

/* ---- which families ------------------------------------------------------------------------ */

/* "parity" names "parity slow" as well. */
static int is_named(const char *list, const char *name)
{
    size_t n = strcspn(name, " ");
    for (const char *p = list; *p; p += strcspn(p, ","), p += *p == ',')
        if (strncmp(p, name, n) == 0 && (p[n] == ',' || p[n] == '\0'))
            return 1;
    return 0;
}

static int is_family(const char *item, size_t n)
{
    for (int f = 0; f < DURAI_FAMILIES; f++)
        if (strcspn(durai_family_name(f), " ") == n && strncmp(item, durai_family_name(f), n) == 0)
            return 1;
    return 0;
}

int durai_learn_choose_checks(uint8_t *asked, const char *list)
{
    int all = !list || strcmp(list, "all") == 0;
    memset(asked, all, DURAI_FAMILIES);
    if (all || strcmp(list, "none") == 0)
        return DURA_OK;
    for (const char *p = list; *p; p += strcspn(p, ","), p += *p == ',')
        if (!is_family(p, strcspn(p, ",")))
            return DURA_EINVAL;
    for (int f = 0; f < DURAI_FAMILIES; f++)
        asked[f] = (uint8_t)is_named(list, durai_family_name(f));
    return *list ? DURA_OK : DURA_EINVAL;
}

/* ---- listening --------------------------------------------------------------------------------- */

/* These coefficients make the signal. */
static int makes(const durai_relations *k, int signal)
{
    return (signal != DURAI_SIGNAL_PARITY || k->has_parity) && (signal != DURAI_SIGNAL_JOINT || k->has_joint) &&
           (signal != DURAI_SIGNAL_RULE || k->n_rules > 0);
}

static int hears(const workshop *w, const durai_checks *c, int signal)
{
    int all = durai_signal_columns(signal, &c->sheet, c->n_groups) > 0 && makes(&c->k, signal);
    for (uint32_t b = 0; b < DURAI_CHECK_BLOCKS; b++)
        all = all && makes(&w->without[b], signal);
    return all;
}

/* Every block by what was learned without it. */
static int listen(workshop *w, const durai_checks *c, int signal)
{
    const durai_sheet *s = &c->sheet;
    size_t columns = durai_signal_columns(signal, s, c->n_groups);
    if (!hears(w, c, signal))
        return DURA_OK;
    w->y[signal] = malloc(columns * s->rows * sizeof *w->y[signal]);
    if (!w->y[signal])
        return DURA_ENOSPC;
    for (uint32_t b = 0; b < DURAI_CHECK_BLOCKS; b++)
        durai_signal_hear(w->y[signal], signal, s, &w->without[b], c->group, c->n_groups,
                          (b * s->rows + DURAI_CHECK_BLOCKS - 1u) / DURAI_CHECK_BLOCKS,
                          ((b + 1u) * s->rows + DURAI_CHECK_BLOCKS - 1u) / DURAI_CHECK_BLOCKS);
    return DURA_OK;
}

static int learn_coefficients(workshop *w, durai_checks *c)
{
    int rc = durai_moments_make(&w->m, &c->sheet);
    if (rc == DURA_OK)
        rc = durai_groups_learn(&c->group, &c->n_groups, &c->sheet, &w->m);
    if (rc == DURA_OK)
        rc = durai_relations_learn(&c->k, &c->sheet, &w->m, DURAI_CHECK_BLOCKS);
    for (uint32_t b = 0; rc == DURA_OK && b < DURAI_CHECK_BLOCKS; b++)
        rc = durai_relations_learn(&w->without[b], &c->sheet, &w->m, b);
    return rc;
}

/* ---- sharing --------------------------------------------------------------------------------------- */

static int fit_families(workshop *w, durai_checks *c, const uint8_t *asked)
{
    int rc = DURA_OK;
    for (int f = 0; rc == DURA_OK && f < DURAI_FAMILIES; f++) {
        int signal = durai_family_signal(f);
        c->family[f].refused = asked[f] ? DURA_LEARN_FAMILY_NOTHING : DURA_LEARN_FAMILY_UNASKED;
        if (!asked[f])
            continue;
        if (!w->y[signal])
            rc = listen(w, c, signal);
        if (rc == DURA_OK && w->y[signal])
            rc = durai_family_fit(&c->family[f], f, w->y[signal], durai_signal_columns(signal, &c->sheet, c->n_groups),
                                  &c->sheet);
        else if ((signal == DURAI_SIGNAL_PARITY || signal == DURAI_SIGNAL_JOINT) && c->sheet.n_level > 1)
            c->family[f].refused = DURA_LEARN_FAMILY_FEW_ROWS;
    }
    return rc;
}

static uint32_t count_kept(const durai_checks *c)
{
    uint32_t n = 0;
    for (int f = 0; f < DURAI_FAMILIES; f++)
        n += c->family[f].refused == DURA_LEARN_FAMILY_KEPT;
    return n;
}

/* A covariance is one of so many rows that know nothing of each other; the averaged distance
 * wanders for as long as its own memory, and trips for as long. */
static int knows_enough(const durai_checks *c, int family)
{
    const durai_family *f = &c->family[family];
    return durai_family_signal(family) != DURAI_SIGNAL_JOINT ||
           f->memory * INDEPENDENT_PER_CHANNEL * c->k.n_joint <= c->sheet.rows;
}

static int set_limits(const workshop *w, durai_checks *c, const durai_clock *clock, double asked)
{
    int rc = DURA_OK;
    double share = asked / (CHANNELS_SHARE + count_kept(c));
    c->channels_share = CHANNELS_SHARE * share;
    for (int f = 0; rc == DURA_OK && f < DURAI_FAMILIES; f++) {
        if (c->family[f].refused != DURA_LEARN_FAMILY_KEPT)
            continue;
        c->family[f].share = share;
        rc = durai_family_limit(&c->family[f], f, w->y[durai_family_signal(f)], &c->sheet,
                                share * (double)clock->period_ns * 1e-9 / DURAI_LEARN_DAYS30);
        if (rc == DURA_OK && c->family[f].refused == DURA_LEARN_FAMILY_KEPT && !knows_enough(c, f))
            c->family[f].refused = DURA_LEARN_FAMILY_FEW_ROWS;
        c->share += c->family[f].refused == DURA_LEARN_FAMILY_KEPT ? share : 0.0;
    }
    return rc;
}

/* ---- notes --------------------------------------------------------------------------------------------- */

static void note_families(const durai_checks *c, durai_text *notes)
{
    for (int f = 0; f < DURAI_FAMILIES; f++) {
        const durai_family *k = &c->family[f];
        const char *name = durai_family_name(f);
        if (k->refused == DURA_LEARN_FAMILY_FEW_ROWS)
            durai_text_put(notes, "no %s checks: %zu complete rows are too few for relations of %u channels\n", name,
                           c->sheet.rows, c->sheet.n);
        if (k->refused == DURA_LEARN_FAMILY_SLOW)
            durai_text_put(notes, "no %s checks: they remember longer than a %uth of the recording\n", name,
                           DURAI_CHECK_MEMORIES);
        if (k->refused == DURA_LEARN_FAMILY_BROKEN)
            durai_text_put(notes, "no %s checks: %llu trips in held-out blocks where %.3g were promised, and margins %.3g "
                           "times as wide did not help: is the recording clean?\n", name, (unsigned long long)k->trips,
                           k->due, k->factor);
        if (k->refused == DURA_LEARN_FAMILY_KEPT && k->left_out)
            durai_text_put(notes, "%s: %u channels have none: they would have made the limits of all others much wider\n",
                           name, k->left_out);
        if (k->refused == DURA_LEARN_FAMILY_KEPT && k->factor > 1.0)
            durai_text_put(notes, "%s: limits are %.3g times as wide, since held-out blocks needed that\n", name, k->factor);
    }
    if (c->sheet.left_out)
        durai_text_put(notes, "%u channels take no part in further checks: values missing in more than 5 %% of the rows, of "
                       "no usual size, or beyond the first 100\n", c->sheet.left_out);
    if (c->sheet.n_level > DURA_CK_JOINT_MAX && c->family[DURAI_JOINT].refused == DURA_LEARN_FAMILY_KEPT)
        durai_text_put(notes, "joint checks are of the first %u of %u channels\n", DURA_CK_JOINT_MAX, c->sheet.n_level);
    if (c->refused)
        durai_text_put(notes, "%u checks were left out: their numbers are outside of what a sensor computes with\n", c->refused);
    if (c->rules_dropped)
        durai_text_put(notes, "%u rules were left out: a sensor has room for 1024 relations\n", c->rules_dropped);
}

/* ---- the whole ------------------------------------------------------------------------------------------- */

static void clear(workshop *w)
{
    durai_moments_free(&w->m);
    for (uint32_t b = 0; b < DURAI_CHECK_BLOCKS; b++)
        durai_relations_free(&w->without[b]);
    for (int i = 0; i < DURAI_SIGNALS; i++)
        free(w->y[i]);
}

int durai_learn_checks(durai_checks *c, const durai_recording *r, size_t rows, const durai_clock *clock,
                       const uint8_t *asked, double spurious, durai_text *notes)
{
    workshop w;
    int rc = durai_sheet_make(&c->sheet, r, rows, clock), any = 0;
    memset(&w, 0, sizeof w);
    c->channels_share = spurious;
    for (int f = 0; f < DURAI_FAMILIES; f++) {
        c->family[f].refused = DURA_LEARN_FAMILY_UNASKED;
        any |= asked[f];
    }
    if (rc != DURA_OK || !any)
        return rc;
    if (c->sheet.rows < ROWS_LEAST) {
        durai_text_put(notes, "no further checks: %zu complete rows; at least %u are needed\n", c->sheet.rows, ROWS_LEAST);
        return DURA_OK;
    }
    rc = learn_coefficients(&w, c);
    if (rc == DURA_OK)
        rc = fit_families(&w, c, asked);
    if (rc == DURA_OK)
        rc = set_limits(&w, c, clock, spurious);
    if (rc == DURA_OK)
        rc = durai_checks_emit(c, r, clock->seconds / 86400.0);
    if (rc == DURA_OK)
        note_families(c, notes);
    clear(&w);
    return rc;
}

void durai_checks_free(durai_checks *c)
{
    durai_sheet_free(&c->sheet);
    durai_relations_free(&c->k);
    free(c->group);
    for (int f = 0; f < DURAI_FAMILIES; f++)
        durai_family_free(&c->family[f]);
    for (uint32_t i = 0; i < c->n; i++)
        free(c->check[i].terms);
    free(c->check);
    free(c->suspect_lo);
    free(c->suspect_hi);
}
