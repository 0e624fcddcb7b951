/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The guard as a state machine: a script of steps, idles, stops, releases, failing hooks,
 * power cuts and reboots, decoded from the input.
 *
 * Properties, after every operation: the answer is finite and inside the envelope; HOLD
 * repeats, FALLBACK and STOP are the safe value; an acknowledged stop survives a reboot;
 * boot numbers rise; no hook is used against its contract.
 */
#include "sim/dt_box.h"

#include "../src/base/dura_base_priv.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { SEGMENTS = 6, OPS = 120 };

static uint64_t flash_mem[DT_BOX_FLASH(SEGMENTS) / 8];
static uint64_t guard_mem[DT_BOX_GUARD / 8];
static dt_box box;

static void require(int ok)
{
    if (!ok)
        abort();
}

typedef struct world {
    const uint8_t *p, *end;
    uint64_t frame;
    int64_t ms;
    uint32_t boot;
    int stopped;       /* 1: acknowledged stop, 0: acknowledged release or none, -1: unknown */
} world;

static uint8_t byte(world *w) { return w->p < w->end ? *w->p++ : 0; }

static dura_guard_status status(void)
{
    dura_guard_status st = DURA_GUARD_STATUS_INIT;
    require(dura_guard_query(box.guard, &st) == DURA_OK);
    return st;
}

/* Start again until the box boots: a planned cut or fault may hit the first tries. */
static void boot(world *w, uint8_t mode)
{
    for (int tries = 0;; tries++) {
        dt_box_reboot(&box, mode % DT_MODES, w->frame + (uint64_t)tries);
        require(tries < 3);
        box.power.fail_at = tries > 0 ? 0 : box.power.fail_at; /* a fault lasts one try */
        if (dt_box_boot(&box) == DURA_OK)
            break;
    }
    dura_guard_status st = status();
    require(st.boot > w->boot);
    w->boot = st.boot;
    if (w->stopped >= 0)
        require(st.stopped == w->stopped);
    w->stopped = st.stopped;
    w->frame = 0;
}

static void step(world *w)
{
    static float last = 5.0f;
    float v[4];
    uint8_t missing[4];
    dura_frame f = DURA_FRAME_INIT;
    dura_decision d = DURA_DECISION_INIT;
    uint8_t how = byte(w);
    for (int i = 0; i < 4; i++) {
        uint8_t b = byte(w);
        v[i] = b > 250 ? durai_f32(0x7F800000u | b) : (float)b * 0.5f;
        missing[i] = b == 250;
    }
    w->ms += how % 16 == 15 ? -20 : how % 16;
    f.time.mono_ns = (w->ms < 0 ? 0 : w->ms) * 1000000;
    f.frame = how & 16 ? w->frame : ++w->frame;
    f.n = how & 32 ? 3 : 4;
    f.values = how & 64 ? NULL : v;
    f.missing = missing;
    int rc = dura_guard_step(box.guard, &f, &d);
    require(rc == DURA_OK || rc == DURA_EINVAL);
    require(durai_finite(d.output[0]) && d.output[0] >= 0.0f && d.output[0] <= 50.0f);
    require(d.action == DURA_ACT || d.action == DURA_HOLD || d.action == DURA_FALLBACK || d.action == DURA_STOP);
    if (d.action == DURA_HOLD)
        require(d.output[0] >= last && d.output[0] <= last);
    if (d.action == DURA_FALLBACK || d.action == DURA_STOP)
        require(d.output[0] >= 5.0f && d.output[0] <= 5.0f);
    require((d.action == DURA_STOP) == (status().stopped != 0));
    last = d.output[0];
    box.now.mono_ns = f.time.mono_ns > box.now.mono_ns ? f.time.mono_ns : box.now.mono_ns;
}

static void override(world *w, int what)
{
    int rc = dura_guard_override(box.guard, what, "fuzz", "script", &box.now);
    if (what == DURA_OVERRIDE_STOP)
        require(status().stopped);
    if (rc == DURA_OK)
        w->stopped = what == DURA_OVERRIDE_STOP;
    else
        w->stopped = -1; /* not acknowledged: both are right after a reboot */
}

static void operate(world *w)
{
    uint8_t op = byte(w);
    switch (op % 16) {
    case 0:
        override(w, DURA_OVERRIDE_STOP);
        break;
    case 1:
    case 2:
        override(w, DURA_OVERRIDE_RELEASE);
        break;
    case 3:
        boot(w, byte(w));
        break;
    case 4:
        box.power.cut_at = box.power.mutations + 1u + byte(w) % 16u;
        box.power.cut_how = op / 16 % 3;
        break;
    case 5:
        box.power.fail_at = box.power.calls + 1u + byte(w);
        box.power.fail_times = 1;
        break;
    case 6:
    case 7:
        (void)!dura_guard_idle(box.guard, &box.now, byte(w) * 4u);
        break;
    default:
        step(w);
        break;
    }
    for (int i = 0; i < 3; i++)
        require(box.flash[i].violations == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    world w = {data, data + size, 0, 1, 0, 0};
    dt_spec s;
    dt_spec_init(&s);
    s.checks |= DURA_CHECK_RATE | DURA_CHECK_FLAT;
    s.rate_fail = 1e5f;
    s.flat_fail_ms = 40;
    s.max_age_ms = 10;
    s.hold_ms = 20;
    s.hold_channel_ms = byte(&w) % 32;
    s.recover_frames = 1u + byte(&w) % 3u;
    s.out_rate = byte(&w) % 2 ? 300.0f : 0.0f;
    s.commit_records = 1u + byte(&w) % 16u;
    s.seal_records = 1u + byte(&w) % 64u;
    s.on_violation = (uint8_t)(1u + byte(&w) % 2u);
    dt_box_init(&box, &s, flash_mem, SEGMENTS, guard_mem);
    require(dt_box_boot(&box) == DURA_OK);
    w.boot = status().boot;
    for (int n = 0; n < OPS && w.p < w.end; n++)
        operate(&w);
    boot(&w, 0);
    return 0;
}
