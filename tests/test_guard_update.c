/* SPDX-License-Identifier: Apache-2.0 */
/* A brain is replaced while the guard decides: no cycle is missed, nothing bad is driven. */
#include "dt.h"
#include "guard_update.h"

enum { SEGMENTS = 100, FRAME_MS = 10 };
static uint64_t flash_mem[DT_BOX_FLASH(SEGMENTS) / 8];
static uint64_t guard_mem[DT_BOX_GUARD / 8];

/* ---- a box that takes updates ------------------------------------------------------------ */

static uint64_t frames, acts;

static void plug_model(dt_box *b)
{
    b->model.backend = &scale_backend;
    b->model.image = &factory;
    b->model.image_len = sizeof factory;
}

static void start_box(dt_box *b, dt_spec *s)
{
    s->slot_bytes = DT_BOX_SLOT;
    s->probation_frames = 20;
    s->out_lo = -20;
    s->out_hi = 100;
    dt_box_init(b, s, flash_mem, SEGMENTS, guard_mem);
    plug_model(b);
    dt_box_factory(b, NULL, 0, NULL, 0);
    frames = acts = 0;
    ran_dead = 0;
    dt_eq(dt_box_boot(b), DURA_OK, "");
}

static void default_box(dt_box *b)
{
    dt_spec s;
    dt_spec_init(&s);
    start_box(b, &s);
}

static float step(dt_box *b, float x)
{
    dura_decision d;
    dt_eq(dt_box_step(b, frames++, FRAME_MS, x, &d), DURA_OK, "");
    acts += d.action == DURA_ACT;
    dt_ok(d.output[0] >= b->spec.out_lo && d.output[0] <= b->spec.out_hi, "frame %llu drives %g",
          (unsigned long long)d.frame, (double)d.output[0]);
    return d.output[0];
}

static dura_gate_status gate_of(const dt_box *b)
{
    dura_gate_status st = DURA_GATE_STATUS_INIT;
    dt_eq(dura_guard_release(b->guard, &st), DURA_OK, "");
    return st;
}

static void offer(dt_box *b)
{
    dt_eq(dura_guard_offer(b->guard, envelope, envelope_len, &b->now), DURA_OK, "why %x", (unsigned)gate_of(b).why);
    dt_eq(dura_guard_write(b->guard, 0, brain, brain_len, &b->now), DURA_OK, "");
}

/* Frames until the gate is in `state`; how many it took, or 0. */
static int frames_until(dt_box *b, uint8_t state, float x, int most)
{
    for (int i = 1; i <= most; i++) {
        (void)step(b, x);
        if (gate_of(b).state == state)
            return i;
    }
    return 0;
}

/* ---- the good one ---------------------------------------------------------------------------- */

DT_TEST(guard_update, tries_a_good_brain_and_keeps_it_without_missing_a_frame)
{
    dt_box b;
    static const scale better = {1.0f, 1.0f, 0.0f, 0};
    default_box(&b);
    dt_ok(step(&b, 10.0f) == 5.0f, "the factory model drives");
    release_brain(&better, 1, 0);
    offer(&b);
    dt_ok(frames_until(&b, DURA_GATE_PROBATION, 10.0f, 20) > 0, "state %u why %x", gate_of(&b).state, (unsigned)gate_of(&b).why);
    dt_ok(step(&b, 10.0f) == 11.0f, "the new one drives from the next frame on");
    dt_ok(frames_until(&b, DURA_GATE_COMMITTED, 10.0f, 60) > 0, "state %u why %x", gate_of(&b).state, (unsigned)gate_of(&b).why);
    dt_ok(step(&b, 10.0f) == 11.0f, "");
    dt_eq(acts, frames, "every frame was decided by a model");
    dt_eq(gate_of(&b).version[DURA_COMPONENT_BRAIN], 1, "");
    dt_eq(ran_dead, 0, "");
}

DT_TEST(guard_update, runs_the_kept_brain_after_a_restart)
{
    dt_box b;
    static const scale better = {1.0f, 1.0f, 0.0f, 0}, third = {0.25f, 0.0f, 0.0f, 0};
    default_box(&b);
    release_brain(&better, 3, 3);
    offer(&b);
    dt_ok(frames_until(&b, DURA_GATE_COMMITTED, 10.0f, 80) > 0, "why %x", (unsigned)gate_of(&b).why);
    dt_box_reboot(&b, DT_TORN, 1);
    plug_model(&b);
    dt_eq(dt_box_boot(&b), DURA_OK, "");
    dt_ok(step(&b, 10.0f) == 11.0f, "not the factory model");
    dt_eq(gate_of(&b).version[DURA_COMPONENT_BRAIN], 3, "");
    dt_eq(gate_of(&b).floor_[DURA_COMPONENT_BRAIN], 3, "");
    release_brain(&third, 2, 0);
    dt_eq(dura_guard_offer(b.guard, envelope, envelope_len, &b.now), DURA_EDENIED, "an older one is refused");
    dt_ok(gate_of(&b).why & DURA_WHY_VERSION, "why %x", (unsigned)gate_of(&b).why);
    release_brain(&third, 4, 4);
    offer(&b);
    dt_ok(frames_until(&b, DURA_GATE_COMMITTED, 10.0f, 80) > 0, "why %x", (unsigned)gate_of(&b).why);
    dt_ok(step(&b, 10.0f) == 2.5f, "");
    dt_eq(ran_dead, 0, "");
}

/* ---- the bad ones -------------------------------------------------------------------------------- */

DT_TEST(guard_update, rolls_a_bad_brain_back_and_drives_none_of_its_answers)
{
    static const struct { const char *row; scale s; uint32_t why; float disagreement; } rows[] = {
        {"far out", {0.5f, 0.0f, 40.0f, 1}, DURA_WHY_OUTPUT, 0.0f},
        {"not a number", {0.5f, 0.0f, 40.0f, 2}, DURA_WHY_OUTPUT, 0.0f},
        {"an error", {0.5f, 0.0f, 40.0f, 3}, DURA_WHY_BACKEND, 0.0f},
        {"another opinion", {0.5f, 0.0f, 40.0f, 4}, DURA_WHY_DISAGREE, 0.1f},
    };
    for (size_t r = 0; r < sizeof rows / sizeof rows[0]; r++) {
        dt_box b;
        dt_spec s;
        dt_spec_init(&s);
        s.max_disagreement = rows[r].disagreement;
        start_box(&b, &s);
        release_brain(&rows[r].s, 1, 1);
        offer(&b);
        dt_ok(frames_until(&b, DURA_GATE_PROBATION, 10.0f, 20) > 0, "row %s why %x", rows[r].row, (unsigned)gate_of(&b).why);
        for (int i = 0; i < 5; i++)
            dt_ok(step(&b, 10.0f) == 5.0f, "row %s", rows[r].row);
        dt_ok(step(&b, 50.0f) == 25.0f, "row %s: the first wrong answer is not driven", rows[r].row);
        dt_eq(gate_of(&b).state, DURA_GATE_ROLLED_BACK, "row %s", rows[r].row);
        dt_ok(gate_of(&b).why & rows[r].why, "row %s why %x", rows[r].row, (unsigned)gate_of(&b).why);
        dt_ok(step(&b, 60.0f) == 30.0f, "row %s", rows[r].row);
        dt_eq(acts, frames, "row %s: no frame was lost to it", rows[r].row);
        dt_eq(gate_of(&b).version[DURA_COMPONENT_BRAIN], 0, "row %s", rows[r].row);
        dt_eq(gate_of(&b).floor_[DURA_COMPONENT_BRAIN], 0, "row %s: the floor is where it was", rows[r].row);
        dt_eq(ran_dead, 0, "row %s", rows[r].row);
    }
}

DT_TEST(guard_update, rolls_back_what_a_restart_interrupted)
{
    dt_box b;
    static const scale better = {1.0f, 1.0f, 0.0f, 0};
    default_box(&b);
    release_brain(&better, 1, 1);
    offer(&b);
    dt_ok(frames_until(&b, DURA_GATE_PROBATION, 10.0f, 20) > 0, "");
    dt_box_reboot(&b, DT_KEPT, 3);
    plug_model(&b);
    dt_eq(dt_box_boot(&b), DURA_OK, "");
    dt_ok(step(&b, 10.0f) == 5.0f, "the factory model drives again");
    dt_eq(gate_of(&b).state, DURA_GATE_ROLLED_BACK, "");
    dt_ok(gate_of(&b).why & DURA_WHY_REBOOT, "why %x", (unsigned)gate_of(&b).why);
}

/* Nothing may run: the kept brain's slot rotted, and the factory model is below the floor. */
DT_TEST(guard_update, falls_back_when_safe_until_a_release_brings_a_brain)
{
    dt_box b;
    static const scale better = {1.0f, 1.0f, 0.0f, 0}, wrong = {0.5f, 0.0f, 40.0f, 1}, third = {0.25f, 0.0f, 0.0f, 0};
    dura_guard_status st = DURA_GUARD_STATUS_INIT;
    dt_spec s;
    dt_spec_init(&s);
    s.shadow_frames = 30; /* beside nothing there is nothing to run: skipped while it is safe */
    start_box(&b, &s);
    release_brain(&better, 3, 3);
    offer(&b);
    dt_ok(frames_until(&b, DURA_GATE_COMMITTED, 10.0f, 80) > 0, "why %x", (unsigned)gate_of(&b).why);
    dt_box_reboot(&b, DT_KEPT, 1);
    dt_flash_flip(&b.flash[4], 50, 0x10);
    dt_flash_flip(&b.flash[5], 50, 0x10);
    plug_model(&b);
    dt_eq(dt_box_boot(&b), DURA_OK, "");
    dt_eq(gate_of(&b).state, DURA_GATE_SAFE, "");
    uint64_t before = acts;
    (void)step(&b, 10.0f);
    dt_eq(acts, before, "no model answers");
    dt_eq(dura_guard_query(b.guard, &st), DURA_OK, "");
    dt_ok(st.gate == DURA_EDENIED && st.action == DURA_FALLBACK, "gate %d action %u", (int)st.gate, st.action);

    release_brain(&wrong, 4, 4);
    offer(&b);
    dt_ok(frames_until(&b, DURA_GATE_PROBATION, 10.0f, 20) > 0, "why %x", (unsigned)gate_of(&b).why);
    dt_ok(step(&b, 10.0f) == 5.0f, "a candidate drives");
    before = acts;
    (void)step(&b, 50.0f);
    dt_eq(acts, before, "its first wrong answer is not driven, and nobody else answers");
    dt_ok(gate_of(&b).state == DURA_GATE_SAFE || frames_until(&b, DURA_GATE_SAFE, 10.0f, 10) > 0, "");
    (void)step(&b, 10.0f);
    dt_eq(acts, before, "");

    release_brain(&third, 5, 5);
    offer(&b);
    dt_ok(frames_until(&b, DURA_GATE_COMMITTED, 10.0f, 80) > 0, "why %x", (unsigned)gate_of(&b).why);
    dt_ok(step(&b, 10.0f) == 2.5f, "");
    dt_eq(dura_guard_query(b.guard, &st), DURA_OK, "");
    dt_eq(st.gate, DURA_OK, "");
    dt_eq(ran_dead, 0, "");
}

DT_TEST(guard_update, never_opens_bytes_that_were_not_signed)
{
    static const scale better = {1.0f, 1.0f, 0.0f, 0};
    for (uint32_t at = 0; at < 120; at += 7) {
        dt_box b;
        default_box(&b);
        release_brain(&better, 1, 1);
        offer(&b);
        dt_flash_flip(&b.flash[4], at, 0x10);
        dt_flash_flip(&b.flash[5], at, 0x10);
        for (int i = 0; i < 60; i++)
            dt_ok(step(&b, 10.0f) == 5.0f, "byte %u", (unsigned)at);
        dt_eq(gate_of(&b).state, DURA_GATE_REJECTED, "byte %u", (unsigned)at);
    }
}

/* ---- the shadow run ------------------------------------------------------------------------------ */

/* Decisions on 200 frames that now and then provoke the candidate; it is offered when there is
 * one. The state the gate ended in. */
static uint8_t decide(const scale *candidate, dura_decision d[200], uint32_t shadow_frames)
{
    dt_box b;
    dt_spec s;
    dt_spec_init(&s);
    s.shadow_frames = shadow_frames;
    start_box(&b, &s);
    for (uint64_t n = 0; n < 200; n++) {
        if (n == 5 && candidate) {
            release_brain(candidate, 1, 0);
            offer(&b);
        }
        dt_eq(dt_box_step(&b, n, FRAME_MS, n % 7 == 6 ? 1e9f : n > 60 ? (float)(n % 90) : (float)(n % 30), &d[n]), DURA_OK, "");
    }
    dt_eq(ran_dead, 0, "");
    return gate_of(&b).state;
}

DT_TEST(guard_update, nothing_of_a_shadow_run_is_driven_or_decided)
{
    static const struct { const char *row; scale s; uint8_t ends; } rows[] = {
        {"good", {0.25f, 3.0f, 0.0f, 0}, DURA_GATE_ACCEPTED}, {"far out", {0.5f, 0.0f, 40.0f, 1}, DURA_GATE_REJECTED},
        {"not a number", {0.5f, 0.0f, 40.0f, 2}, DURA_GATE_REJECTED}, {"an error", {0.5f, 0.0f, 40.0f, 3}, DURA_GATE_REJECTED},
        {"off by half, which nobody asked about", {0.5f, 0.0f, 40.0f, 4}, DURA_GATE_ACCEPTED}};
    static dura_decision alone[200], beside[200];
    (void)decide(NULL, alone, 1000);
    for (size_t r = 0; r < sizeof rows / sizeof rows[0]; r++) {
        dt_eq(decide(&rows[r].s, beside, 1000), rows[r].ends, "row %s", rows[r].row);
        dt_mem(beside, alone, sizeof alone, "row %s", rows[r].row);
    }
}

DT_TEST(guard_update, a_shadow_run_ends_with_what_was_wrong)
{
    static const struct { const char *row; scale s; float limit; uint32_t why; } rows[] = {
        {"the mean is just within", {0.5f, 1.2f, 0.0f, 0}, 0.0101f, 0}, {"and just not", {0.5f, 1.2f, 0.0f, 0}, 0.0099f, DURA_WHY_DISAGREE},
        {"below counts as above", {0.5f, -1.2f, 0.0f, 0}, 0.0099f, DURA_WHY_DISAGREE},
        {"one answer far off in forty, within the mean", {0.5f, 0.0f, 40.0f, 4}, 0.0061f, 0},
        {"and not within", {0.5f, 0.0f, 40.0f, 4}, 0.0051f, DURA_WHY_DISAGREE},
        {"no limit", {0.5f, 30.0f, 0.0f, 0}, 0.0f, 0}, {"outside lo..hi", {0.5f, 0.0f, 40.0f, 1}, 0.0f, DURA_WHY_OUTPUT},
        {"not a number", {0.5f, 0.0f, 40.0f, 2}, 0.0f, DURA_WHY_OUTPUT}, {"an error", {0.5f, 0.0f, 40.0f, 3}, 0.0f, DURA_WHY_BACKEND}};
    for (size_t r = 0; r < sizeof rows / sizeof rows[0]; r++) {
        dt_box b;
        dt_spec s;
        dt_spec_init(&s);
        s.shadow_frames = 40;
        s.shadow_disagreement = rows[r].limit;
        start_box(&b, &s);
        release_brain(&rows[r].s, 1, 1);
        offer(&b);
        dt_ok(frames_until(&b, DURA_GATE_ACCEPTED, 10.0f, 20) > 0, "row %s", rows[r].row);
        uint32_t left = gate_of(&b).shadow_left;
        dt_eq(gate_of(&b).why2, DURA_WHY2_SHADOW, "row %s", rows[r].row);
        for (uint32_t i = 0; i < left && gate_of(&b).state == DURA_GATE_ACCEPTED; i++)
            dt_ok(step(&b, i == 20 ? 50.0f : 10.0f) == (i == 20 ? 25.0f : 5.0f), "row %s frame %u", rows[r].row, (unsigned)i);
        dt_eq(acts, frames, "row %s: no frame was lost to it", rows[r].row);
        if (rows[r].why) {
            dt_ok(gate_of(&b).state == DURA_GATE_REJECTED || frames_until(&b, DURA_GATE_REJECTED, 10.0f, 3), "row %s", rows[r].row);
            dt_ok(gate_of(&b).why == rows[r].why && gate_of(&b).why2 == DURA_WHY2_SHADOW, "row %s why %x", rows[r].row,
                  (unsigned)gate_of(&b).why);
            dt_ok(step(&b, 20.0f) == 10.0f, "row %s", rows[r].row);
        } else {
            dt_ok(gate_of(&b).state > DURA_GATE_ACCEPTED && frames_until(&b, DURA_GATE_COMMITTED, 10.0f, 40) > 0,
                  "row %s state %u why %x", rows[r].row, gate_of(&b).state, (unsigned)gate_of(&b).why);
        }
        dt_eq(ran_dead, 0, "row %s", rows[r].row);
    }
}

/* A counter that a model moves on: the factory's by 100, a candidate's by its bias, for odd
 * inputs by twice that. */
static uint32_t clock_ticks;

static int32_t ticking_run(void *inst, const float *in, size_t n_in, float *out, size_t n_out, int64_t deadline_ns)
{
    const instance *i = inst;
    clock_ticks += i->s.bias > 0.0f ? (uint32_t)(i->s.bias * 1000.0f) : 100u;
    return scale_run(inst, in, n_in, out, n_out, deadline_ns);
}

static uint32_t read_ticks(void *user)
{
    (void)user;
    return clock_ticks;
}

static dura_fact shadow_fact;

static void hear(void *user, const dura_fact *f, const dura_time *t)
{
    (void)user;
    (void)t;
    if (f->kind == DURA_FACT_SHADOW)
        shadow_fact = *f;
}

/* A shadow run of 40 with answers of `s` beside the factory's; x rises by `slope` in each frame. */
static dura_gate_status shadow_run(const scale *s, float slope, float latency, float drift)
{
    static dura_backend ticking;
    dt_box b;
    dt_spec spec;
    dt_spec_init(&spec);
    spec.shadow_frames = 40;
    spec.shadow_latency = latency;
    spec.shadow_drift = drift;
    spec.slot_bytes = DT_BOX_SLOT;
    spec.probation_frames = 20;
    spec.out_lo = -20;
    spec.out_hi = 100;
    dt_box_init(&b, &spec, flash_mem, SEGMENTS, guard_mem);
    plug_model(&b);
    ticking = scale_backend;
    ticking.run = ticking_run;
    b.model.backend = &ticking;
    b.port.ticks = read_ticks;
    b.port.sink = hear;
    dt_box_factory(&b, NULL, 0, NULL, 0);
    frames = acts = ran_dead = 0;
    clock_ticks = UINT32_MAX - 777; /* it wraps */
    memset(&shadow_fact, 0, sizeof shadow_fact);
    dt_eq(dt_box_boot(&b), DURA_OK, "");
    release_brain(s, 1, 1);
    offer(&b);
    dt_ok(frames_until(&b, DURA_GATE_ACCEPTED, 10.0f, 20) > 0, "");
    float x = 10.0f;
    for (int i = 0; i < 60 && gate_of(&b).state == DURA_GATE_ACCEPTED; i++, x += slope)
        (void)step(&b, x);
    for (int i = 0; i < 4; i++)
        (void)step(&b, x);
    dt_eq(acts, frames, "");
    return gate_of(&b);
}

DT_TEST(guard_update, a_shadow_run_measures_time_and_what_moves)
{
    static const struct { const char *row; scale s; float slope, latency, drift; uint32_t why, why2; } rows[] = {
        {"as fast as allowed", {0.5f, 0.15f, 0.0f, 0}, 0, 1.5f, 0, 0, 0},
        {"slower", {0.5f, 0.151f, 0.0f, 0}, 0, 1.5f, 0, 0, DURA_WHY2_LATENCY},
        {"slower, and nobody asks", {0.5f, 0.9f, 0.0f, 0}, 0, 0, 0, 0, 0},
        {"a limit of next to nothing", {0.5f, 0.05f, 0.0f, 0}, 0, 1e-6f, 0, 0, DURA_WHY2_LATENCY},
        {"a difference that stays", {0.5f, 12.0f, 0.0f, 0}, 0.5f, 0, 0.001f, 0, 0},
        {"one that moves just within", {0.75f, 0.15f, 0.0f, 0}, 1.0f, 0, 0.0420f, 0, 0},
        {"and just not", {0.75f, 0.15f, 0.0f, 0}, 1.0f, 0, 0.0410f, DURA_WHY_DRIFT, 0},
        {"the other way", {0.25f, 0.15f, 0.0f, 0}, 1.0f, 0, 0.0410f, DURA_WHY_DRIFT, 0},
        {"one that moves, and nobody asks", {0.75f, 0.15f, 0.0f, 0}, 1.0f, 0, 0, 0, 0},
        {"both", {0.75f, 0.3f, 0.0f, 0}, 1.0f, 2.0f, 0.0410f, DURA_WHY_DRIFT, DURA_WHY2_LATENCY}};
    for (size_t r = 0; r < sizeof rows / sizeof rows[0]; r++) {
        dura_gate_status st = shadow_run(&rows[r].s, rows[r].slope, rows[r].latency, rows[r].drift);
        int bad = rows[r].why || rows[r].why2;
        dt_ok(bad ? st.state == DURA_GATE_REJECTED : st.state > DURA_GATE_ACCEPTED && st.state <= DURA_GATE_PROBATION,
              "row %s state %u", rows[r].row, st.state);
        dt_eq(st.why, rows[r].why, "row %s", rows[r].row);
        dt_eq(st.why2, bad ? rows[r].why2 | DURA_WHY2_SHADOW : 0, "row %s", rows[r].row);
        dt_eq(shadow_fact.kind, DURA_FACT_SHADOW, "row %s: nothing in the log", rows[r].row);
        dt_eq(shadow_fact.reasons != 0, bad, "row %s", rows[r].row);
        dt_eq(shadow_fact.value[0], bad ? 39 : 40, "row %s", rows[r].row);
        int64_t ratio = rows[r].latency > 0 ? (int64_t)(rows[r].s.bias * 10000.0f) : 0;
        dt_ok(shadow_fact.value[2] >= ratio - 8 && shadow_fact.value[2] <= ratio, "row %s: %lld of %lld", rows[r].row,
              (long long)shadow_fact.value[2], (long long)ratio);
        int64_t moved = (int64_t)((rows[r].s.gain < 0.5f ? -1 : 1) * (rows[r].s.gain - 0.5f) * rows[r].slope * 20.0f / 120.0f * 1e6f);
        if (!bad)
            dt_ok(shadow_fact.value[3] >= moved - 100 && shadow_fact.value[3] <= moved + 100, "row %s: %lld of %lld", rows[r].row,
                  (long long)shadow_fact.value[3], (long long)moved);
    }
}

DT_TEST(guard_update, who_limits_the_time_needs_something_to_measure_it_by)
{
    dt_box b;
    dt_spec s;
    dt_spec_init(&s);
    s.shadow_latency = 2.0f;
    s.slot_bytes = DT_BOX_SLOT;
    for (uint32_t shadow = 0; shadow < 2; shadow++) {
        s.shadow_frames = 9 * shadow;
        dt_box_init(&b, &s, flash_mem, SEGMENTS, guard_mem);
        dt_box_factory(&b, NULL, 0, NULL, 0);
        dt_eq(dt_box_boot(&b), shadow ? DURA_ENOTSUP : DURA_OK, "");
    }
    b.port.ticks = read_ticks;
    dt_eq(dt_box_boot(&b), DURA_OK, "");
    b.port.struct_size = (uint32_t)offsetof(dura_port, ticks);
    dt_eq(dt_box_boot(&b), DURA_ENOTSUP, "a port of before");
}

DT_TEST(guard_update, a_shadow_run_can_be_withdrawn_and_begins_anew_after_a_restart)
{
    static const scale better = {1.0f, 1.0f, 0.0f, 0};
    dt_box b;
    dt_spec s;
    dt_spec_init(&s);
    s.shadow_frames = 40;
    start_box(&b, &s);
    release_brain(&better, 1, 0);
    offer(&b);
    dt_ok(frames_until(&b, DURA_GATE_ACCEPTED, 10.0f, 20) > 0, "");
    for (int i = 0; i < 25; i++)
        dt_ok(step(&b, 10.0f) == 5.0f, "");
    dt_ok(gate_of(&b).shadow_left <= 16, "%u", (unsigned)gate_of(&b).shadow_left);
    dt_box_reboot(&b, DT_KEPT, 3);
    plug_model(&b);
    dt_eq(dt_box_boot(&b), DURA_OK, "");
    dt_ok(frames_until(&b, DURA_GATE_ACCEPTED, 10.0f, 20) > 0, "");
    dt_ok(gate_of(&b).shadow_left >= 38, "%u", (unsigned)gate_of(&b).shadow_left);
    for (int i = 0; i < 25; i++)
        dt_ok(step(&b, 10.0f) == 5.0f, "");
    dt_eq(dura_guard_withdraw(b.guard, &b.now), DURA_OK, "");
    dt_ok(gate_of(&b).state == DURA_GATE_REJECTED || frames_until(&b, DURA_GATE_REJECTED, 10.0f, 4) > 0, "");
    release_brain(&better, 2, 0);
    offer(&b);
    dt_ok(frames_until(&b, DURA_GATE_ACCEPTED, 10.0f, 20) > 0, "");
    dt_ok(gate_of(&b).shadow_left >= 38, "nothing of the former one counts");
    dt_ok(frames_until(&b, DURA_GATE_COMMITTED, 10.0f, 80) > 0, "");
    dt_ok(step(&b, 10.0f) == 11.0f, "");
    dt_eq(ran_dead, 0, "");
}

/* ---- what holds it back ------------------------------------------------------------------------------ */

DT_TEST(guard_update, waits_while_an_operator_has_stopped_the_model)
{
    dt_box b;
    static const scale better = {1.0f, 1.0f, 0.0f, 0};
    default_box(&b);
    dt_eq(dura_guard_override(b.guard, DURA_OVERRIDE_STOP, "kim", "test", &b.now), DURA_OK, "");
    release_brain(&better, 1, 0);
    offer(&b);
    for (int i = 0; i < 30; i++)
        (void)step(&b, 10.0f);
    dt_eq(gate_of(&b).state, DURA_GATE_ARMED, "");
    dt_ok(gate_of(&b).why & DURA_WHY_STOPPED, "why %x", (unsigned)gate_of(&b).why);
    dt_eq(dura_guard_override(b.guard, DURA_OVERRIDE_RELEASE, "kim", "test", &b.now), DURA_OK, "");
    dt_ok(frames_until(&b, DURA_GATE_COMMITTED, 10.0f, 80) > 0, "why %x", (unsigned)gate_of(&b).why);
}

static int machine_is(void *user, uint32_t component)
{
    return component == DURA_COMPONENT_BRAIN ? *(const int *)user : -1;
}

DT_TEST(guard_update, asks_the_port_whether_the_machine_may_be_switched)
{
    dt_box b;
    int safe = 0;
    static const scale better = {1.0f, 1.0f, 0.0f, 0};
    default_box(&b);
    b.port.safe_state = machine_is;
    b.port.sink_user = &safe;
    release_brain(&better, 1, 0);
    offer(&b);
    for (int i = 0; i < 30; i++)
        dt_ok(step(&b, 10.0f) == 5.0f, "");
    dt_eq(gate_of(&b).state, DURA_GATE_ARMED, "");
    dt_eq(gate_of(&b).why2, DURA_WHY2_MACHINE, "");
    safe = 2;
    for (int i = 0; i < 9; i++)
        dt_ok(step(&b, 10.0f) == 5.0f, "only 1 is yes");
    safe = 1;
    dt_ok(frames_until(&b, DURA_GATE_COMMITTED, 10.0f, 80) > 0, "why %x", (unsigned)gate_of(&b).why);
}

DT_TEST(guard_update, can_be_withdrawn_before_and_during_probation)
{
    static const scale better = {1.0f, 1.0f, 0.0f, 0};
    static const struct { uint8_t at, becomes; } rows[] = {
        {DURA_GATE_PROBATION, DURA_GATE_ROLLED_BACK},
        {DURA_GATE_ARMED, DURA_GATE_REJECTED},
    };
    for (size_t r = 0; r < 2; r++) {
        dt_box b;
        default_box(&b);
        if (r == 1)
            dt_eq(dura_guard_override(b.guard, DURA_OVERRIDE_STOP, "kim", "test", &b.now), DURA_OK, "");
        release_brain(&better, 1, 0);
        offer(&b);
        dt_ok(frames_until(&b, rows[r].at, 10.0f, 20) > 0, "row %zu why %x", r, (unsigned)gate_of(&b).why);
        dt_eq(dura_guard_withdraw(b.guard, &b.now), DURA_OK, "row %zu", r);
        dt_ok(gate_of(&b).state == rows[r].becomes || frames_until(&b, rows[r].becomes, 10.0f, 4) > 0, "row %zu state %u",
              r, gate_of(&b).state);
        dt_ok(gate_of(&b).why & DURA_WHY_ABORTED, "row %zu", r);
    }
}

/* ---- observing -------------------------------------------------------------------------- */

/* Frames good and bad, stops, releases of brains good and bad; returns releases taken. */
static uint64_t observe(uint8_t correlate)
{
    dt_box b;
    dt_spec s;
    uint32_t seed = 1;
    static const scale wrong = {0.5f, 0.0f, 40.0f, 1}, better = {1.0f, 1.0f, 0.0f, 0};
    uint64_t version = 1;
    dt_spec_init(&s);
    s.mode = DURA_OBSERVE;
    s.arl0 = 1000;
    s.ref = 25;
    s.correlate = correlate;
    s.seal_records = 512;
    start_box(&b, &s);
    for (uint32_t n = 0; n < 1000; n++) {
        float v[4], base[1];
        uint8_t missing[4] = {0};
        dura_frame f = DURA_FRAME_INIT;
        dura_decision d = DURA_DECISION_INIT;
        for (int c = 0; c < 4; c++) {
            seed = seed * 1664525u + 1013904223u;
            v[c] = seed >> 28 == 0 ? durai_f32(0x7FC00000u) : (float)(seed >> 16 & 127u);
            missing[c] = (seed >> 8 & 31u) == 0;
        }
        base[0] = (float)(seed >> 10 & 1023u) * 0.37f - 100.0f; /* the envelope is not its business */
        b.now.mono_ns += FRAME_MS * 1000000;
        f.frame = seed >> 5 & 7u ? n : n / 2;
        f.n = 4;
        f.time = b.now;
        f.values = v;
        f.missing = missing;
        f.baseline = base;
        dt_eq(dura_guard_step(b.guard, &f, &d), DURA_OK, "");
        dt_eq(durai_f32_bits(d.output[0]), durai_f32_bits(base[0]), "frame %u action %u", (unsigned)n, d.action);
        dt_ok(dura_guard_idle(b.guard, &b.now, 100000) >= 0, "");
        if (n % 100 == 50) {
            release_brain(version % 2 ? &wrong : &better, version, 0);
            version += dura_guard_offer(b.guard, envelope, envelope_len, &b.now) == DURA_OK &&
                       dura_guard_write(b.guard, 0, brain, brain_len, &b.now) == DURA_OK;
        }
        if (n % 300 == 299)
            dt_eq(dura_guard_override(b.guard, n % 600 == 599 ? DURA_OVERRIDE_RELEASE : DURA_OVERRIDE_STOP, "kim", "t",
                                      &b.now), DURA_OK, "");
    }
    return version - 1;
}

DT_TEST(guard_update, observing_it_never_touches_what_the_existing_control_drives)
{
    uint64_t taken = observe(0);
    dt_ok(taken > 2, "%u releases", (unsigned)taken);
    (void)observe(1); /* with an incident always open the gate takes one and waits */
}

/* ---- policies ------------------------------------------------------------------------------------------- */

DT_TEST(guard_update, puts_another_policy_in_force_for_the_next_start)
{
    dt_box b, other;
    dt_spec s;
    dt_sha256 h;
    uint8_t digest[32];
    dt_spec_init(&s);
    s.mode = DURA_OBSERVE;
    start_box(&b, &s);
    s.mode = DURA_ENFORCE;
    memset(&other, 0, sizeof other);
    static const uint8_t key[32] = "provisioning key of a dt_box....";
    other.image_len = dt_policy_image(&s, key, other.image);
    dt_sha256_init(&h);
    dt_sha256_update(&h, other.image, other.image_len);
    dt_sha256_final(&h, digest);
    /* without a release the factory record does not allow it */
    uint64_t before[DT_BOX_IMAGE / 8];
    memcpy(before, b.image, sizeof before);
    memcpy(b.image, other.image, sizeof before);
    dt_eq(dt_box_boot(&b), DURA_OK, "");
    dura_guard_status st = DURA_GUARD_STATUS_INIT;
    dt_eq(dura_guard_query(b.guard, &st), DURA_OK, "");
    dt_eq(st.gate, DURA_EAUTH, "");
    memcpy(b.image, before, sizeof before);
    dt_eq(dt_box_boot(&b), DURA_OK, "");
    /* with one it does, and the old policy no more */
    sign(DURA_COMPONENT_POLICY, 1, 1, digest, other.image_len);
    dt_eq(dura_guard_offer(b.guard, envelope, envelope_len, &b.now), DURA_EDENIED, "its keys are not known");
    dt_eq(gate_of(&b).why, DURA_WHY_INCOMPLETE, "");
    dt_eq(dura_guard_successor(b.guard, b.image, b.image_len), DURA_OK, "");
    dt_eq(dura_guard_offer(b.guard, envelope, envelope_len, &b.now), DURA_EDENIED, "that is another one");
    dt_eq(dura_guard_successor(b.guard, other.image, other.image_len - 1), DURA_ECORRUPT, "");
    dt_eq(dura_guard_offer(b.guard, envelope, envelope_len, &b.now), DURA_EDENIED, "and that is none");
    dt_eq(dura_guard_successor(b.guard, other.image, other.image_len), DURA_OK, "");
    dt_eq(dura_guard_offer(b.guard, envelope, envelope_len, &b.now), DURA_OK, "");
    dt_ok(frames_until(&b, DURA_GATE_COMMITTED, 10.0f, 10) > 0, "why %x", (unsigned)gate_of(&b).why);
    memcpy(b.image, other.image, sizeof before);
    dt_eq(dt_box_boot(&b), DURA_OK, "");
    dt_eq(dura_guard_query(b.guard, &st), DURA_OK, "");
    dt_ok(st.gate == DURA_OK && st.mode == DURA_ENFORCE, "gate %d mode %u", (int)st.gate, st.mode);
    memcpy(b.image, before, sizeof before);
    dt_eq(dt_box_boot(&b), DURA_OK, "");
    dt_eq(dura_guard_query(b.guard, &st), DURA_OK, "");
    dt_eq(st.gate, DURA_EDENIED, "");
}

/* The part of a policy that `change` touches, as the gate judges it. */
static uint32_t part_changed(void (*change)(dt_spec *))
{
    static const uint8_t key[32] = "provisioning key of a dt_box....";
    uint32_t planned = 1, got;
    for (uint32_t part = 1, n = 0; part < 1u << DURA_PARTS; part <<= 1) {
        dt_box b, other;
        dt_spec s;
        dt_sha256 h;
        uint8_t digest[32];
        dt_spec_init(&s);
        s.substantial_role = DURA_ROLE_VENDOR;
        s.planned = planned = part;
        start_box(&b, &s);
        memset(&other, 0, sizeof other);
        change(&s);
        other.image_len = dt_policy_image(&s, key, other.image);
        dt_sha256_init(&h);
        dt_sha256_update(&h, other.image, other.image_len);
        dt_sha256_final(&h, digest);
        dt_eq(dura_guard_successor(b.guard, other.image, other.image_len), DURA_OK, "");
        sign(DURA_COMPONENT_POLICY, 1, 1, digest, other.image_len);
        int rc = dura_guard_offer(b.guard, envelope, envelope_len, &b.now);
        got = gate_of(&b).why2;
        dt_ok(rc == DURA_OK ? got == 0 : rc == DURA_EDENIED && got == DURA_WHY2_PLANNED, "%d %x", rc, (unsigned)got);
        n += rc == DURA_OK;
        if (rc == DURA_OK)
            planned = part << 8;
        if (rc == DURA_OK && n == 1 && part)
            return planned >> 8;
    }
    return 0;
}

static void other_map(dt_spec *s) { s->label_map[3] = 1; }
static void other_register(dt_spec *s) { s->risk_register[31] = 1; }
static void other_threshold(dt_spec *s) { s->out_hi = 90; }
static void other_rule(dt_spec *s) { s->max_disagreement = 0.5f; }
static void other_contract(dt_spec *s) { s->relations = 1; }
static void two_things(dt_spec *s) { s->label_map[3] = 1, s->out_hi = 90; }
static void other_mode(dt_spec *s) { s->mode = DURA_OBSERVE; }

DT_TEST(guard_update, a_policy_changes_parts_and_the_plan_names_them)
{
    dt_eq(part_changed(other_map), DURA_PART_LABEL_MAP, "");
    dt_eq(part_changed(other_register), DURA_PART_REGISTER, "");
    dt_eq(part_changed(other_threshold), DURA_PART_THRESHOLDS, "");
    dt_eq(part_changed(other_rule), DURA_PART_RULES, "");
    dt_eq(part_changed(other_mode), DURA_PART_RULES, "");
    dt_eq(part_changed(other_contract), DURA_PART_CONTRACT, "");
    dt_eq(part_changed(two_things), 0, "no single part");
}

/* What the vendor signs for the release in hand. */
static size_t approval(const dt_box *b, uint8_t *out, size_t cap)
{
    uint8_t payload[256], policy[32];
    dura_gate_status st = gate_of(b);
    dt_sha256 h;
    durai_cbor c;
    dt_sha256_init(&h);
    dt_sha256_update(&h, b->image, b->image_len);
    dt_sha256_final(&h, policy);
    durai_cbor_init(&c, payload, sizeof payload);
    durai_cbor_map(&c, 5);
    durai_cbor_kuint(&c, 1, 1);
    durai_cbor_kbytes(&c, 2, st.release, 32);
    durai_cbor_ktext(&c, 3, "box", 3);
    durai_cbor_kuint(&c, 4, st.nonce);
    durai_cbor_kbytes(&c, 6, policy, 32);
    return dt_box_envelope_of(DURA_APPROVAL_TYPE, payload, c.len, out, cap);
}

DT_TEST(guard_update, a15_waits_for_the_approval_its_policy_asks_for)
{
    dt_box b;
    dt_spec s;
    uint8_t yes[512];
    uint32_t why = 1;
    static const scale better = {1.0f, 1.0f, 0.0f, 0};
    dt_spec_init(&s);
    s.approve = 1 << DURA_ROLE_VENDOR;
    start_box(&b, &s);
    dt_eq(dura_guard_approve(b.guard, yes, 9, &b.now, &why), DURA_ESTATE, "nothing is in hand");
    dt_eq(why, 0, "");
    release_brain(&better, 1, 0);
    offer(&b);
    dt_ok(frames_until(&b, DURA_GATE_ARMED, 10.0f, 40) > 0, "state %u", gate_of(&b).state);
    dt_eq(frames_until(&b, DURA_GATE_PROBATION, 10.0f, 40), 0, "it waits");
    dt_eq(gate_of(&b).why, DURA_WHY_APPROVALS, "");
    size_t n = approval(&b, yes, sizeof yes);
    dt_box_reboot(&b, DT_TORN, 1);
    plug_model(&b);
    dt_eq(dt_box_boot(&b), DURA_OK, "");
    yes[60] ^= 1;
    dt_eq(dura_guard_approve(b.guard, yes, n, &b.now, &why), DURA_EAUTH, "");
    dt_eq(why, DURA_WHY_SIGNATURE, "");
    yes[60] ^= 1;
    dt_eq(dura_guard_approve(b.guard, yes, n, &b.now, NULL), DURA_OK, "the attempt outlived the restart");
    dt_ok(frames_until(&b, DURA_GATE_COMMITTED, 10.0f, 200) > 0, "state %u why %x", gate_of(&b).state, (unsigned)gate_of(&b).why);
    dt_eq(dura_guard_approve(b.guard, yes, n, &b.now, &why), DURA_ESTATE, "");
    dt_eq(acts, frames, "every frame was decided by a model");
    dt_eq(dura_guard_approve(NULL, yes, n, &b.now, &why), DURA_EINVAL, "");
}

DT_TEST(guard_update, a11_takes_a_policy_with_a_new_key_only_when_that_has_signed)
{
    static const uint8_t stranger[32] = "another provisioning key, new...";
    dt_box b, other;
    dt_spec s;
    dt_sha256 h;
    uint8_t digest[32];
    dt_spec_init(&s);
    start_box(&b, &s);
    memset(&other, 0, sizeof other);
    other.image_len = dt_policy_image(&s, stranger, other.image);
    dt_sha256_init(&h);
    dt_sha256_update(&h, other.image, other.image_len);
    dt_sha256_final(&h, digest);
    dt_eq(dura_guard_successor(b.guard, other.image, other.image_len), DURA_OK, "");
    sign(DURA_COMPONENT_POLICY, 1, 1, digest, other.image_len);
    dt_eq(dura_guard_offer(b.guard, envelope, envelope_len, &b.now), DURA_EDENIED, "");
    dt_eq(gate_of(&b).why, DURA_WHY_SIGNATURE, "");
    dt_eq(dura_guard_successor(b.guard, NULL, 0), DURA_OK, "taken back");
    dt_eq(dura_guard_successor(b.guard, NULL, 1), DURA_EINVAL, "");
    dt_eq(dura_guard_successor(NULL, other.image, other.image_len), DURA_EINVAL, "");
}

DT_TEST(guard_update, is_not_there_when_the_policy_takes_none)
{
    dt_box b;
    dt_spec s;
    dura_gate_status st = DURA_GATE_STATUS_INIT;
    dt_spec_init(&s);
    dt_box_init(&b, &s, flash_mem, SEGMENTS, guard_mem);
    dt_eq(dt_box_boot(&b), DURA_OK, "");
    dt_eq(dura_guard_offer(b.guard, envelope, 8, &b.now), DURA_ENOTSUP, "");
    dt_eq(dura_guard_write(b.guard, 0, envelope, 8, &b.now), DURA_ENOTSUP, "");
    dt_eq(dura_guard_withdraw(b.guard, &b.now), DURA_ENOTSUP, "");
    dt_eq(dura_guard_approve(b.guard, envelope, 8, &b.now, NULL), DURA_ENOTSUP, "");
    dt_eq(dura_guard_successor(b.guard, envelope, 8), DURA_ENOTSUP, "");
    dt_eq(dura_guard_release(b.guard, &st), DURA_ENOTSUP, "");
    dt_eq(dura_guard_offer(NULL, envelope, 8, &b.now), DURA_EINVAL, "");
}

DT_TEST(guard_update, needs_the_gate_linked_in_and_a_journal)
{
    dt_box b;
    dt_spec s;
    dt_spec_init(&s);
    s.slot_bytes = DT_BOX_SLOT;
    dt_box_init(&b, &s, flash_mem, SEGMENTS, guard_mem);
    b.port.gate = NULL;
    dt_eq(dt_box_boot(&b), DURA_ENOTSUP, "");
    b.port.gate = dura_gate_part();
    b.port.region[DURA_REGION_JOURNAL] = NULL;
    dt_eq(dt_box_boot(&b), DURA_ENOTSUP, "");
}
