/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Link set "small": the loop of the README - a guard with the built-in backend, both logs,
 * the gate's factory record - and nothing a device could leave out. Linked, never run;
 * scripts/check_footprint.py counts what the linker keeps.
 */
#include <dura/dura.h>

extern uint64_t mem[];
extern const uint8_t policy[];
extern const dura_model model;
extern const dura_port port;
extern dura_time now(void);
extern void drive(float);
void footprint(void);

void footprint(void)
{
    dura_guard *g;
    dura_time t = now();
    if (dura_guard_init(&g, mem, 8192, policy, 1024, &model, &port, &t) < 0)
        return;
    for (;;) {
        dura_frame f = DURA_FRAME_INIT;
        dura_decision d = DURA_DECISION_INIT;
        f.time = now();
        if (dura_guard_step(g, &f, &d) < 0 || dura_backend_fn() == NULL)
            return;
        drive(d.output[0]);
        t = now();
        if (dura_guard_idle(g, &t, 20) < 0)
            return;
    }
}
