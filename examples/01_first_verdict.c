/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The first verdict: may the model see this frame? Two channels, static memory, no
 * callbacks, no allocation, no clock: it compiles for a microcontroller as it stands.
 */
#include <dura/sensor.h>

#include <stdint.h>
#include <stdio.h>

static uint64_t memory[DURA_SENSOR_BYTES(2) / 8];

/* What a policy would say about a pressure in bar and a temperature in degrees Celsius. */
static int configure(dura_sensor **sensor)
{
    dura_sensor_config config = {.struct_size = sizeof config, .n_channels = 2};
    dura_sensor_channel pressure = DURA_SENSOR_CHANNEL_INIT, temperature = DURA_SENSOR_CHANNEL_INIT;
    pressure.checks = DURA_CHECK_TIME | DURA_CHECK_FINITE | DURA_CHECK_RANGE;
    pressure.fail_lo = pressure.suspect_lo = 0.0f;
    pressure.fail_hi = pressure.suspect_hi = 16.0f;
    temperature.checks = DURA_CHECK_TIME | DURA_CHECK_FINITE | DURA_CHECK_RATE;
    temperature.rate_fail = 5.0f;                   /* no process heats faster per second */
    temperature.hold_ns = INT64_C(2000000000);      /* the last good value, for two seconds */
    int rc = dura_sensor_init(sensor, memory, sizeof memory, &config);
    if (rc == DURA_OK)
        rc = dura_sensor_attach(*sensor, 0, &pressure);
    return rc == DURA_OK ? dura_sensor_attach(*sensor, 1, &temperature) : rc;
}

int main(void)
{
    static const char *const action[] = {"?", "PASS", "SUBSTITUTE", "REJECT"};
    static const float frames[][2] = {{5.1f, 40.0f}, {5.2f, 40.5f}, {5.2f, 95.0f}, {5.3f, 41.0f}, {99.0f, 41.5f}};
    dura_sensor *sensor;
    int rc = configure(&sensor);
    for (int i = 0; rc == DURA_OK && i < 5; i++) {
        float usable[2];
        dura_sensor_report report = DURA_SENSOR_REPORT_INIT;
        rc = dura_sensor_update(sensor, i * INT64_C(1000000000), frames[i], NULL, 2, usable, &report);
        printf("%5.1f bar %5.1f C  %-10s", (double)frames[i][0], (double)frames[i][1], action[report.action]);
        if (report.action == DURA_REJECT)
            printf("  no inference\n");
        else
            printf("  the model sees %4.1f bar %4.1f C\n", (double)usable[0], (double)usable[1]);
    }
    if (rc != DURA_OK)
        printf("%s\n", dura_strerror(rc));
    return rc != DURA_OK;
}

/* Output:
 *   5.1 bar  40.0 C  PASS        the model sees  5.1 bar 40.0 C
 *   5.2 bar  40.5 C  PASS        the model sees  5.2 bar 40.5 C
 *   5.2 bar  95.0 C  SUBSTITUTE  the model sees  5.2 bar 40.5 C
 *   5.3 bar  41.0 C  PASS        the model sees  5.3 bar 41.0 C
 *  99.0 bar  41.5 C  REJECT      no inference
 */
