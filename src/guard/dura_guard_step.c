/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The hot path: validate, infer, bound, answer, leave a raw record in the ring.
 *
 * It allocates nothing, hashes nothing, reads no clock and calls no port (but its counter of ticks, in a
 * shadow run that measures time). Whatever goes
 * wrong, every exit passes through answer(), which puts a safe value into output[]
 * (invariant 1). HOLD and FALLBACK follow Simplex (Sha 2001): a verified simple answer
 * beside the clever one, and a rule for coming back (recover_frames).
 */
#include "dura_guard_priv.h"

/* What the step knows while it works. */
typedef struct step {
    const dura_frame *f;
    dura_decision *d;
    dura_sensor_report sensor;
    int32_t backend_rc;
    uint16_t n_values, n_inputs, n_raw;
    uint16_t not_made;          /* inputs of the model that could not be made */
    uint8_t brain;              /* who answered: DURAI_BRAIN_* */
    uint8_t barred;             /* no model may answer */
} step;

/* ---- counters --------------------------------------------------------------------- */

static void count(durai_counts *c, uint32_t which)
{
    uint32_t lo = c->word[which][0] + 1u;
    durai_store(&c->version, c->version + 1u);
    durai_store(&c->word[which][0], lo);
    if (lo == 0)
        durai_store(&c->word[which][1], c->word[which][1] + 1u);
    durai_store(&c->version, c->version + 1u);
}

static uint32_t action_index(uint8_t action)
{
    switch (action) {
    case DURA_ACT: return COUNT_ACT;
    case DURA_HOLD: return COUNT_HOLD;
    case DURA_STOP: return COUNT_STOP;
    default: return COUNT_FALLBACK;
    }
}

/* ---- input ------------------------------------------------------------------------ */

static int frame_usable(const dura_guard *g, const dura_frame *f)
{
    return f && f->struct_size >= offsetof(dura_frame, baseline) && f->n == g->n_channels && f->values &&
           f->time.mono_ns >= 0;
}

/* Baseline is the last field of the first version; an older caller cannot exist yet, but
 * a NULL and a short struct mean the same. */
static const float *baseline_of(const dura_frame *f)
{
    return f->struct_size >= sizeof(dura_frame) ? f->baseline : NULL;
}

/* The model's inputs from this frame and earlier ones. Also of a frame it may not see:
 * what comes after needs to know that it was there. */
static DURAI_NOINLINE void make_features(dura_guard *g, step *s)
{
    const uint8_t *v = dura_sensor_verdicts(g->sensor);
    const uint32_t *why = dura_sensor_reasons(g->sensor);
    uint8_t *ok = g->scratch; /* free until the record is composed */
    for (uint16_t c = 0; c < g->n_channels; c++)
        ok[c] = v[c] <= DURA_SUSPECT || (why[c] & DURA_R_SUBSTITUTED);
    int rc = g->port->feature->update(g->feature, g->usable, ok, g->n_channels, g->inputs, NULL);
    DURA_ASSERT(rc >= 0 && rc <= g->n_inputs);
    s->not_made = (uint16_t)(rc < 0 ? g->n_inputs : rc);
}

/* May the model see this frame? Sets reasons; 1 when it may. */
static DURAI_NOINLINE int validate(dura_guard *g, step *s)
{
    dura_decision *d = s->d;
    if (g->has_frame && s->f->frame <= g->last_frame) {
        /* A repeated or late frame says nothing new: it must not feed any window. */
        d->reasons |= DURA_G_ORDER;
        d->verdict = DURA_FAIL;
        return 0;
    }
    g->has_frame = 1;
    g->last_frame = s->f->frame;
    s->sensor.struct_size = sizeof s->sensor;
    int rc = dura_sensor_update(g->sensor, s->f->time.mono_ns, s->f->values, s->f->missing, s->f->n,
                                g->usable, &s->sensor);
    DURA_ASSERT(rc == DURA_OK);
    if (rc != DURA_OK) {
        d->reasons |= DURA_G_ARGUMENT;
        return 0;
    }
    if (g->feature)
        make_features(g, s);
    d->verdict = s->sensor.verdict;
    d->sensor_reasons = s->sensor.reasons;
    d->worst_channel = s->sensor.worst_channel;
    if (s->sensor.action == DURA_SUBSTITUTE)
        d->reasons |= DURA_G_SUBSTITUTED;
    if (s->sensor.action != DURA_PASS && s->sensor.action != DURA_SUBSTITUTE) {
        d->reasons |= DURA_G_INPUT;
        return 0;
    }
    return 1;
}

/* ---- inference ---------------------------------------------------------------------- */

static int all_finite(const float *x, uint16_t n)
{
    for (uint16_t i = 0; i < n; i++)
        if (!durai_finite(x[i]))
            return 0;
    return 1;
}

/* One model's answer to g->inputs. */
static int32_t run_one(const dura_guard *g, void *instance, float *out)
{
    DURA_ASSERT(instance != NULL);
    return g->model->backend->run(instance, g->inputs, g->n_inputs, out, g->n_outputs, g->deadline_ns);
}

/* What is wrong with the candidate's answer x: further than `limit` of lo..hi from the other's y,
 * where that is not 0. DURA_WHY_*; 0: nothing, and *far is the largest share they differ by. */
static uint32_t find_fault(const dura_guard *g, int32_t rc, const float *x, const float *y, float limit, float *far)
{
    *far = 0.0f;
    if (rc != DURA_OK)
        return DURA_WHY_BACKEND;
    if (!all_finite(x, g->n_outputs))
        return DURA_WHY_OUTPUT;
    for (uint16_t i = 0; i < g->n_outputs; i++) {
        const durai_bounds *e = &g->envelope[i];
        float share = (x[i] < y[i] ? y[i] - x[i] : x[i] - y[i]) / (e->hi - e->lo);
        if (x[i] < e->lo || x[i] > e->hi)
            return DURA_WHY_OUTPUT;
        if (limit > 0.0f && share > limit)
            return DURA_WHY_DISAGREE;
        *far = share > *far ? share : *far;
    }
    return 0;
}

/* Probation: both models answer; the candidate's answer is driven only while nothing is
 * wrong with it, and after its first fault never again. */
static DURAI_NOINLINE int32_t run_both(dura_guard *g, step *s, uint32_t word)
{
    durai_swap *w = g->swap;
    uint32_t drives = durai_drives(word), beside = durai_beside(word), why = 0;
    DURA_ASSERT(drives < DURAI_BRAINS && beside < DURAI_BRAINS && drives != beside);
    int32_t rc = DURA_OK;
    float far;
    int32_t former = beside == DURAI_BRAIN_NOBODY ? DURA_EDENIED : run_one(g, w->brain[beside].instance, w->raw);
    if (durai_load(&w->failed) == 0) {
        rc = run_one(g, w->brain[drives].instance, g->raw);
        why = find_fault(g, rc, g->raw, w->raw,
                         former == DURA_OK && all_finite(w->raw, g->n_outputs) ? w->max_disagreement : 0.0f, &far);
        if (why == 0) {
            durai_store(&w->served, w->served + 1u);
            s->brain = (uint8_t)drives;
            return rc;
        }
        durai_store(&w->failed, why);
    }
    s->d->reasons |= DURA_G_CHAMPION;
    s->brain = (uint8_t)beside;
    memcpy(g->raw, w->raw, 4u * g->n_outputs);
    return former;
}

/* 0 unless somebody wants to know how long a model takes. */
static uint32_t ticks(const dura_guard *g)
{
    return g->swap->may_take ? g->port->ticks(g->port->sink_user) : 0;
}

/* The mean difference of the run's halves: what of it moved is what the two drifted apart. */
static void add_lean(const dura_guard *g)
{
    durai_swap *w = g->swap;
    uint32_t half = w->shadow_frames / 2u, first = w->served < half;
    DURA_ASSERT(half < w->shadow_frames && w->lean != NULL);
    if (!first && w->served < w->shadow_frames - half)
        return; /* the one in the middle */
    for (uint16_t i = 0; i < g->n_outputs; i++) {
        float share = (w->raw[i] - g->raw[i]) / (g->envelope[i].hi - g->envelope[i].lo);
        uint32_t below = share < 0.0f;
        int64_t by = (int64_t)durai_swap_share(below ? -share : share);
        w->lean[i] += below == first ? by : -by;
    }
}

/* What only the whole run shows. */
static uint32_t sum_up(const dura_guard *g)
{
    const durai_swap *w = g->swap;
    DURA_ASSERT(w->served < w->shadow_frames);
    return (durai_swap_leans(w, g->n_outputs) > w->may_lean ? (uint32_t)DURA_WHY_DRIFT : 0u) |
           (w->may_take && durai_swap_ratio(w) > w->may_take ? DURA_SHADOW_LATE : 0u);
}

/* Shadow run: the candidate answers what the champion answered, and what it says goes no
 * further than here. After its first fault, or when it has answered often enough, it rests. */
static DURAI_NOINLINE int32_t run_shadow(dura_guard *g, step *s, uint32_t word)
{
    durai_swap *w = g->swap;
    float far;
    s->brain = (uint8_t)durai_drives(word);
    uint32_t begun = ticks(g);
    int32_t rc = run_one(g, w->brain[s->brain].instance, g->raw);
    uint32_t between = ticks(g);
    if (rc != DURA_OK || !all_finite(g->raw, g->n_outputs) || durai_load(&w->failed) != 0 ||
        w->served >= w->shadow_frames)
        return rc;
    int32_t beside = run_one(g, w->brain[durai_beside(word)].instance, w->raw);
    uint32_t after = ticks(g), why = find_fault(g, beside, w->raw, g->raw, 0.0f, &far);
    if (why == 0) {
        w->ticks[0] += between - begun;
        w->ticks[1] += after - between;
        w->apart += durai_swap_share(far);
        add_lean(g);
        why = w->apart > w->may_differ ? (uint32_t)DURA_WHY_DISAGREE : 0u;
        if (w->served + 1u == w->shadow_frames)
            why |= sum_up(g);
    }
    if (why)
        durai_store(&w->failed, why);
    else
        durai_store(&w->served, w->served + 1u);
    return rc;
}

/* Whoever drives now. */
static int32_t run_brain(dura_guard *g, step *s, uint32_t word)
{
    if (!g->swap)
        return run_one(g, g->instance, g->raw);
    if (durai_beside(word) != DURAI_BRAIN_NONE)
        return word & (uint32_t)DURAI_SHADOW ? run_shadow(g, s, word) : run_both(g, s, word);
    s->brain = (uint8_t)durai_drives(word);
    return run_one(g, g->swap->brain[durai_drives(word)].instance, g->raw);
}

/* Ask the model. 1 when it answered with finite numbers. */
static int infer(dura_guard *g, step *s, uint32_t word)
{
    DURA_ASSERT(!s->barred && (g->instance || g->swap)); /* invariant 2: nobody else may infer */
    for (uint16_t i = 0; !g->feature && i < g->n_inputs; i++) {
        DURA_ASSERT(g->input[i] < g->n_channels);
        g->inputs[i] = g->usable[g->input[i]];
    }
    if (s->not_made) {
        s->d->reasons |= DURA_G_FEATURE;
        return 0;
    }
    s->n_inputs = g->n_inputs;
    s->backend_rc = run_brain(g, s, word);
    if (s->backend_rc != DURA_OK) {
        s->d->reasons |= DURA_G_BACKEND;
        return 0;
    }
    s->n_raw = g->n_outputs;
    if (all_finite(g->raw, g->n_outputs))
        return 1;
    s->d->reasons |= DURA_G_NONFINITE;
    return 0;
}

/* ---- envelope ----------------------------------------------------------------------- */

/* Clamp x into lo..hi; nonzero when that changed it. */
static int clamp(float *x, float lo, float hi)
{
    float y = *x < lo ? lo : *x > hi ? hi : *x;
    int changed = y < *x || y > *x;
    *x = y;
    return changed;
}

/* Bound one output. 0: a violation that the policy answers with FALLBACK. */
static int bound_one(const dura_guard *g, step *s, uint16_t i, float step_s)
{
    const durai_bounds *e = &g->envelope[i];
    float x = g->raw[i];
    uint32_t why = 0;
    if (clamp(&x, e->lo, e->hi))
        why |= DURA_G_RANGE;
    if (g->has_driven && e->rate > 0.0f) {
        float reach = e->rate * step_s;
        if (clamp(&x, g->driven[i] - reach, g->driven[i] + reach))
            why |= DURA_G_RATE;
    }
    DURA_ASSERT(durai_finite(x));
    g->bounded[i] = x;
    s->d->reasons |= why;
    return !(why && e->fallback);
}

static int bound(const dura_guard *g, step *s)
{
    int64_t dt = s->f->time.mono_ns - g->driven_ns;
    float step_s = dt > 0 ? (float)dt * 1e-9f : 0.0f;
    int ok = 1;
    for (uint16_t i = 0; i < g->n_outputs; i++)
        ok &= bound_one(g, s, i, step_s);
    return ok;
}

/* ---- answer ------------------------------------------------------------------------- */

/* The action for a frame whose answer is good or not. */
static uint8_t choose(dura_guard *g, step *s, int good, uint32_t latch)
{
    dura_decision *d = s->d;
    if (latch & LATCH_STOP) {
        d->reasons |= DURA_G_STOPPED;
        g->good_frames = 0;
        return DURA_STOP;
    }
    if (s->barred != 0u) {
        d->reasons |= DURA_G_GATE;
        return DURA_FALLBACK;
    }
    g->good_frames = !good ? 0 : g->good_frames < g->recover_frames ? g->good_frames + 1u : g->good_frames;
    if (good && g->good_frames >= g->recover_frames)
        return DURA_ACT;
    if (good)
        d->reasons |= DURA_G_RECOVERING;
    if (!g->has_acted || g->hold_ns == 0 || !frame_usable(g, s->f))
        return DURA_FALLBACK;
    int64_t age = s->f->time.mono_ns - g->acted_ns;
    if (age >= 0 && age <= g->hold_ns && (g->last_action == DURA_ACT || g->last_action == DURA_HOLD))
        return DURA_HOLD;
    d->reasons |= DURA_G_HELD_TOO_LONG;
    return DURA_FALLBACK;
}

/* Fill proposed[] and output[], remember what was driven. */
static void answer(dura_guard *g, step *s, uint8_t action)
{
    dura_decision *d = s->d;
    int usable = frame_usable(g, s->f);
    const float *base = g->mode == DURA_OBSERVE && usable ? baseline_of(s->f) : NULL;
    d->action = action;
    DURA_ASSERT(action != DURA_HOLD || g->has_driven);
    for (uint16_t i = 0; i < g->n_outputs; i++) {
        float safe = g->envelope[i].safe;
        float x = action == DURA_ACT ? g->bounded[i] : action == DURA_HOLD ? g->driven[i] : safe;
        d->proposed[i] = x;
        d->output[i] = g->mode == DURA_ENFORCE ? x : base && durai_finite(base[i]) ? base[i] : safe;
        g->driven[i] = x;
    }
    if (usable) {
        g->has_driven = 1;
        g->driven_ns = s->f->time.mono_ns;
        if (action == DURA_ACT) {
            g->has_acted = 1;
            g->acted_ns = s->f->time.mono_ns;
        }
    }
}

/* ---- record ------------------------------------------------------------------------- */

static uint8_t *put(uint8_t *at, const void *p, size_t n)
{
    if (n)
        memcpy(at, p, n);
    return at + n;
}

static uint8_t *put_channels(const dura_guard *g, durai_raw_decision *h, uint8_t *at, uint16_t not_good)
{
    const uint8_t *v = dura_sensor_verdicts(g->sensor);
    const uint32_t *why = dura_sensor_reasons(g->sensor);
    if (not_good == 0)
        return at;
    for (uint16_t c = 0; c < g->n_channels; c++) {
        if (v[c] != DURA_GOOD) {
            at = put(at, &why[c], sizeof why[c]);
            h->n_not_good++;
        }
    }
    h->n_verdicts = g->n_channels;
    return put(at, v, g->n_channels);
}

static uint8_t *put_missing(const dura_guard *g, durai_raw_decision *h, uint8_t *at, const uint8_t *missing)
{
    uint8_t any = 0;
    if (!missing)
        return at;
    uint16_t bytes = (uint16_t)((g->n_channels + 7u) / 8u);
    memset(at, 0, bytes);
    for (uint16_t c = 0; c < g->n_channels; c++) {
        if (missing[c]) {
            at[c / 8] = (uint8_t)(at[c / 8] | 1u << (c % 8));
            any = 1;
        }
    }
    h->n_missing = any ? bytes : 0;
    return at + h->n_missing;
}

/* Copy what happened into the scratch; returns its length. */
static DURAI_NOINLINE uint32_t compose(const dura_guard *g, const step *s)
{
    durai_raw_decision h;
    const dura_decision *d = s->d;
    uint8_t *at = g->scratch + sizeof h;
    memset(&h, 0, sizeof h);
    h.frame = d->frame;
    h.reasons = d->reasons;
    h.sensor_reasons = d->sensor_reasons;
    h.backend_rc = s->backend_rc;
    h.n_values = s->n_values;
    h.n_inputs = s->n_inputs;
    h.n_raw = s->n_raw;
    h.n_outputs = g->n_outputs;
    memcpy(h.brain, g->swap ? g->swap->brain[s->brain].digest : g->model_digest, sizeof h.brain);
    h.mode = d->mode;
    h.action = d->action;
    h.verdict = d->verdict;
    at = put(at, s->n_values ? s->f->values : NULL, 4u * s->n_values);
    at = put(at, g->inputs, 4u * s->n_inputs);
    at = put(at, g->raw, 4u * s->n_raw);
    at = put(at, d->proposed, 4u * g->n_outputs);
    if (memcmp(d->output, d->proposed, 4u * g->n_outputs) != 0) {
        h.n_driven = g->n_outputs;
        at = put(at, d->output, 4u * g->n_outputs);
    }
    at = put_channels(g, &h, at, s->sensor.n_not_good);
    at = put_missing(g, &h, at, s->n_values ? s->f->missing : NULL);
    memcpy(g->scratch, &h, sizeof h);
    DURA_ASSERT(h.n_not_good <= h.n_verdicts);
    DURA_ASSERT((uint32_t)(at - g->scratch) <= g->scratch_len);
    return (uint32_t)(at - g->scratch);
}

static DURAI_NOINLINE void record(dura_guard *g, step *s)
{
    dura_log_entry e;
    memset(&e, 0, sizeof e);
    e.struct_size = sizeof e;
    e.log = DURA_LOG_DECISION;
    e.raw = 1;
    e.kind = DURA_REC_DECISION;
    e.source = s->f ? s->f->source : DURA_NONE;
    if (s->f)
        e.time = s->f->time;
    if (e.time.mono_ns < 0)
        e.time.mono_ns = 0;
    e.time.boot = g->nv.boot;
    if (dura_log_append(g->log, RING_STEP, &e, g->scratch, compose(g, s)) != DURA_OK) {
        s->d->reasons |= DURA_G_LOG;
        count(&g->counts, COUNT_UNRECORDED);
    }
    g->last_action = s->d->action;
}

/* ---- the call ----------------------------------------------------------------------- */

/* Smallest first version of the decision struct that can carry an answer. */
static int decision_usable(const dura_decision *d) { return d && d->struct_size >= sizeof(dura_decision); }

static void start(const dura_guard *g, const dura_frame *f, dura_decision *d)
{
    memset(d, 0, sizeof *d);
    d->struct_size = sizeof *d;
    d->mode = g->mode;
    d->verdict = DURA_UNKNOWN;
    d->worst_channel = DURA_NONE;
    d->n_outputs = g->n_outputs;
    d->frame = f && f->struct_size >= offsetof(dura_frame, time) ? f->frame : 0;
}

int dura_guard_step(dura_guard *g, const dura_frame *f, dura_decision *d)
{
    step s;
    int good = 0, rc = DURA_OK;
    if (!g || !decision_usable(d))
        return DURA_EINVAL;
    start(g, f, d);
    memset(&s, 0, sizeof s);
    s.f = f;
    s.d = d;
    uint32_t latch = durai_load(&g->latch), word = g->swap ? durai_swap_hold(g->swap) : 0;
    s.brain = (uint8_t)durai_drives(word);
    if (g->gate != DURA_OK || (g->swap && s.brain == DURAI_BRAIN_NOBODY))
        s.barred = 1;
    if (frame_usable(g, f)) {
        s.n_values = f->n;
        if (validate(g, &s) && !s.barred && !(latch & LATCH_STOP))
            good = infer(g, &s, word) && bound(g, &s);
    } else {
        d->reasons |= DURA_G_ARGUMENT;
        s.f = f && f->struct_size >= offsetof(dura_frame, baseline) ? f : NULL;
        rc = DURA_EINVAL;
    }
    answer(g, &s, choose(g, &s, good, latch));
    record(g, &s);
    count(&g->counts, action_index(d->action));
    count(&g->counts, COUNT_STEPS);
    durai_store(&g->counts.action, d->action);
    if (g->swap)
        durai_swap_let_go(g->swap);
    return rc;
}
