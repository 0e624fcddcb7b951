/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An encoder's count above 2^24 from the unit to the verdict, exactly. A float has no room for
 * its last bit; so the link is told which channels are counts, hands on their very bits, and the
 * sensor compares integers. One array of kinds serves both.
 */
#include <dura/dura.h>

#include <stdio.h>
#include <string.h>

enum { AXIS, MOTOR_C, N };

static const uint8_t kinds[N] = {[AXIS] = DURA_LINK_I32, [MOTOR_C] = DURA_LINK_F32};
static uint64_t unit_memory[DURA_LINK_BYTES / 8], guard_memory[DURA_LINK_BYTES / 8], sensor_memory[DURA_SENSOR_BYTES(N) / 8];

static int persist(void *user, uint32_t epoch)      /* a sensor unit writes it to its NV here */
{
    *(uint32_t *)user = epoch;
    return 0;
}

static int build_sensor(dura_sensor **s)
{
    dura_sensor_config cfg = DURA_SENSOR_CONFIG_INIT;
    dura_sensor_channel axis = DURA_SENSOR_CHANNEL_INIT, motor = DURA_SENSOR_CHANNEL_INIT;
    cfg.n_channels = N;
    axis.kind = kinds[AXIS];                        /* the end stop is at 2^24 + 3 */
    axis.checks = DURA_CHECK_TIME | DURA_CHECK_RANGE;
    axis.fail_lo = axis.suspect_lo = dura_i32_cell(0);
    axis.fail_hi = axis.suspect_hi = dura_i32_cell((1 << 24) + 3);
    axis.origin = 1 << 24;                          /* the model gets the count less this */
    motor.checks = DURA_CHECK_TIME | DURA_CHECK_FINITE;
    return dura_sensor_init(s, sensor_memory, sizeof sensor_memory, &cfg) ||
           dura_sensor_attach(*s, AXIS, &axis) || dura_sensor_attach(*s, MOTOR_C, &motor);
}

int main(void)
{
    static const int32_t counts[] = {(1 << 24) + 1, (1 << 24) + 2, (1 << 24) + 3, (1 << 24) + 4};
    dura_link_config cfg = DURA_LINK_CONFIG_INIT;
    dura_link_key key = DURA_LINK_KEY_INIT;
    dura_link *unit, *guard;
    dura_sensor *sensor;
    uint32_t epoch = 0;
    cfg.n_channels = N, cfg.least = DURA_LINK_SIPHASH, cfg.kinds = kinds;
    key.profile = DURA_LINK_SIPHASH;
    memcpy(key.sip, "16 secret bytes!", sizeof key.sip);
    if (build_sensor(&sensor) || dura_link_init(&unit, unit_memory, sizeof unit_memory, &cfg) ||
        dura_link_init(&guard, guard_memory, sizeof guard_memory, &cfg) || dura_link_attach(unit, &key) ||
        dura_link_attach(guard, &key) || dura_link_start(unit, epoch, persist, &epoch))
        return 1;
    for (int i = 0; i < 4; i++) {
        float cells[N] = {dura_i32_cell(counts[i]), 40.5f}, values[N], usable[N];
        uint8_t wire[DURA_LINK_FRAME_MAX(N)], missing[N];
        size_t len = sizeof wire;
        dura_frame frame = DURA_FRAME_INIT;
        dura_link_report report = DURA_LINK_REPORT_INIT;
        dura_sensor_report said = DURA_SENSOR_REPORT_INIT;
        if (dura_link_seal(unit, i, cells, NULL, NULL, N, wire, &len) ||
            dura_link_open(guard, wire, len, &frame, values, missing, &report) ||
            dura_sensor_update(sensor, frame.time.mono_ns, values, missing, N, usable, &said))
            return 1;
        printf("count %ld  %s  the model gets %g\n", (long)counts[i], said.verdict == DURA_GOOD ? "GOOD" : "FAIL",
               (double)usable[AXIS]);
    }
    return 0;
}

/* Output:
 * count 16777217  GOOD  the model gets 1
 * count 16777218  GOOD  the model gets 2
 * count 16777219  GOOD  the model gets 3
 * count 16777220  FAIL  the model gets 0
 */
