/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Events from outside: any bytes as the head and payload of dura_guard_event().
 *
 * Input: a list of events, each {log, raw, kind, n_pairs, length of the payload: 1 byte
 * each, payload}. Properties: the call accepts or refuses and nothing else; what was
 * accepted is in the security log as canonical CBOR with exactly the payload given, or
 * counted as dropped; no event stops the guard from acting on its next frame.
 */
#include "sim/dt_box.h"

#include "../src/base/dura_base_priv.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { SEGMENTS = 12, EVENTS = 48 };

static uint64_t flash_mem[DT_BOX_FLASH(SEGMENTS) / 8];
static uint64_t guard_mem[DT_BOX_GUARD / 8];
static dt_box box;

static void require(int ok)
{
    if (!ok)
        abort();
}

/* Event records in the security log; each must be one deterministic CBOR map. */
static uint32_t stored_events(void)
{
    uint32_t n = 0;
    for (uint32_t s = 0; s < SEGMENTS; s++) {
        const uint8_t *seg = box.flash[0].live + s * DT_BOX_SEGMENT;
        if (durai_le32(seg) != 0x31475344u)
            continue;
        uint32_t at = (72u + 32u * seg[7] + 7u) & ~7u;
        while (at + 16 < DT_BOX_SEGMENT && durai_le32(seg + at) == 0x31524C44u) {
            uint32_t len = durai_le16(seg + at + 4);
            uint64_t kind = 0;
            require(durai_cbor_check(seg + at + 16, len) == DURA_OK);
            require(durai_cbor_find_uint(seg + at + 16, len, 11, &kind) == DURA_OK);
            n += kind == DURA_REC_EVENT;
            at += (16u + len + 7u) & ~7u;
        }
    }
    return n;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    dt_spec s;
    dura_decision d;
    dura_log_status st = DURA_LOG_STATUS_INIT;
    uint32_t accepted = 0;
    dt_spec_init(&s);
    s.commit_records = 16;
    dt_box_init(&box, &s, flash_mem, SEGMENTS, guard_mem);
    require(dt_box_boot(&box) == DURA_OK);
    for (int n = 0; n < EVENTS && size >= 5; n++) {
        dura_log_entry e = {0};
        size_t len = data[4];
        e.struct_size = sizeof e;
        e.log = data[0] % 8 == 7 ? data[0] : DURA_LOG_SECURITY;
        e.raw = data[1] % 8 == 7 ? data[1] : 0;
        e.kind = data[2] % 8 == 7 ? data[2] : DURA_REC_EVENT;
        e.n_pairs = data[3];
        data += 5;
        size -= 5;
        len = len < size ? len : size;
        int rc = dura_guard_event(box.guard, &e, data, len);
        require(rc == DURA_OK || (rc < 0 && rc >= DURA_ERROR_LAST_));
        accepted += rc == DURA_OK;
        data += len;
        size -= len;
        if (n % 8 == 7)
            require(dura_guard_idle(box.guard, &box.now, 100000) >= 0);
    }
    require(dt_box_step(&box, 1, 10, 20.0f, &d) == DURA_OK && d.action == DURA_ACT);
    require(dura_guard_save(box.guard, &box.now) == DURA_OK);
    require(dura_guard_log(box.guard, &st) == DURA_OK);
    uint32_t stored = stored_events();
    require(stored <= accepted && stored + st.dropped >= accepted);
    return 0;
}
