/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the library's objects take in the caller's memory, asked of the library itself on
 * the target. One line per figure: text, then bytes. Read by scripts/check_footprint.py.
 */
#include <dura/dura.h>
#include <stdio.h>

#include "../sim/dt_box.h"

static uint64_t flash[DT_BOX_FLASH(4u) / 8];
static uint64_t memory[DT_BOX_GUARD / 8];
static dt_box box;

static void say(const char *what, size_t n)
{
    printf("%s %lu\n", what, (unsigned long)n);
}

static size_t guard_bytes(uint32_t ring, uint16_t record, uint8_t height, uint32_t buffer)
{
    dt_spec s;
    dt_spec_init(&s);
    s.channels = 8;
    s.ring_bytes = ring;
    s.max_record = record;
    s.tree_height = height;
    s.buffer_bytes = buffer;
    dt_box_init(&box, &s, flash, 4, memory);
    return dura_guard_bytes(box.image, box.image_len, &box.model, &box.port);
}

int main(void)
{
    dura_sensor_config s = DURA_SENSOR_CONFIG_INIT;
    dura_log_config l = DURA_LOG_CONFIG_INIT;
    s.n_channels = 8;
    say("object sensor, 8 channels", dura_sensor_bytes(&s));
    s.n_channels = 64;
    say("object sensor, 64 channels", dura_sensor_bytes(&s));
    say("object log, defaults (two 4096-byte rings)", dura_log_bytes(&l, NULL));
    say("object guard, 8 channels, 4096-byte rings, 512-byte records", guard_bytes(4096, 512, 32, 0));
    /* Small: the smallest record that holds a decision, one record per prog call, 2^20
     * records, rings shrunk to nothing (they are the user's choice and counted apart). */
    uint16_t record = 256;
    while (record < 1024 && guard_bytes(4096, record, 20, 0) == 0)
        record = (uint16_t)(record + 8);
    uint32_t least = record + 33u; /* one frame waits for its prog call */
    size_t one = guard_bytes(4096, record, 20, least), two = guard_bytes(8192, record, 20, least);
    say("object smallest record of a decision, 8 channels", record);
    say("ram small", one - (two - one));
    return 0;
}
