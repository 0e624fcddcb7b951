/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Arbitrary bytes in journal and slots, then a sequence of gate calls: nothing drives but
 * the factory model, the brain that was there, and the one whose signed release was
 * offered.
 *
 * Input: one byte of options (bits 0-1 history, 2 checksums made right, 3 fresh, 4 safety must
 * approve: what nobody approved since it was taken, or before it was last kept, does not drive), one byte
 * n, n patches {region and offset: 2, value: 1}, then calls, one byte each with what they
 * need behind them. Records carry a keyed tag, as on a device that has a key.
 */
#include "gate_rig.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static rig box;
static int offered, promised, approved, kept;

static void require(int ok)
{
    if (!ok)
        abort();
}

/* What may be true at any time. */
static void look(void)
{
    dura_gate_status s = rig_status(&box);
    float drives = rig_drives(&box);
    require(s.state <= DURA_GATE_SAFE && s.state != 8 && s.component < DURA_COMPONENTS);
    require(drives == -1.0f || drives == 0.0f || drives == 5.0f || (drives == 6.0f && offered));
    require(!promised || !box.cfg.approve || approved || kept || drives != 6.0f);
    /* Offered once more when its slot had rotted, it may drive again once the slot holds. */
    kept |= approved && s.state == DURA_GATE_COMMITTED && drives == 6.0f;
    require(s.slot <= 2 || s.slot == 255);
    require(s.offset <= s.length && box.region[0].flash.violations == 0);
    require(box.ram.candidate == RIG_ELSEWHERE || s.state >= DURA_GATE_STAGED);
    if (s.state == DURA_GATE_COMMITTED && promised && s.version[DURA_COMPONENT_BRAIN] == 6)
        require(s.floor_[DURA_COMPONENT_BRAIN] == 6);
}

/* Histories: blank; 5 runs; 6 is staged; 6 in probation. */
static void history(uint32_t which)
{
    static rig made[4];
    static uint8_t ready;
    if (!ready) {
        for (uint32_t i = 0; i < 4; i++) {
            rig_init(&box);
            rig_boot(&box);
            rig_prepare(&box, 5);
            require(i == 0 || rig_update(&box) == DURA_GATE_COMMITTED);
            rig_prepare(&box, 6);
            box.frames_stop = i == 3;
            if (i >= 2)
                require(rig_offer(&box) == DURA_OK && rig_send(&box, 700) == DURA_OK);
            if (i == 2)
                require(rig_until(&box, DURA_GATE_STAGED) == DURA_GATE_STAGED);
            if (i == 3)
                require(rig_until(&box, DURA_GATE_PROBATION) == DURA_GATE_PROBATION);
            box.frames_stop = 0;
            made[i] = box;
        }
        ready = 1;
    }
    box = made[which];
    offered = which >= 2;
}

static size_t patch(const uint8_t *p, size_t n)
{
    static const uint32_t size[3] = {RIG_JOURNAL, RIG_SLOT, RIG_SLOT};
    size_t used = 0;
    for (uint32_t left = p[0]; left > 0 && used + 4 <= n; left--, used += 3) {
        uint32_t r = p[used + 1] % 3u, at = ((uint32_t)p[used + 1] / 3u << 8 | p[used + 2]) % size[r];
        box.region[r].flash.live[at] = box.region[r].flash.durable[at] = p[used + 3];
    }
    return used + 1;
}

static void repair(void)
{
    dt_flash *f = &box.region[0].flash;
    enum { RECORD = 512, SUM = RECORD - 4 }; /* docs/formats/journal.md */
    for (uint32_t at = 0; at + RECORD <= f->size; at += 8)
        if (memcmp(f->live + at, "DGJ1", 4) == 0)
            durai_put32(f->live + at + SUM, durai_crc32c(0, f->live + at, SUM));
    memcpy(f->durable, f->live, f->size);
}

static size_t call(const uint8_t *p, size_t n)
{
    size_t len = n > 1 ? p[1] : 0;
    int rc = 0;
    dura_gate *g = box.ram.gate;
    switch (p[0] % 11) {
    case 0:
        rc = dura_gate_step(g, &box.now, (uint32_t)len);
        return 2;
    case 1:
        offered = 1;
        rc = rig_offer(&box);
        approved &= rc != DURA_OK;
        return 1;
    case 10: { /* the attempt of now, or the one before; by safety, or by nobody who is asked */
        static const int by[] = {2, 3};
        rig_approval a = rig_approval_of(&box);
        a.nonce -= len >> 1 & 1;
        rc = rig_approve(&box, &a, &by[len & 1], 1, NULL);
        require(rc < 0 || ((len & 3) == 1 && box.cfg.approve));
        approved |= rc == DURA_OK;
        return 2;
    }
    case 2: /* what nobody signed */
        len = len < n - 1 ? len : n - 1;
        rc = dura_gate_offer(g, p + 1, len, &box.now);
        require(rc < 0);
        return 1 + len;
    case 3:
        rc = dura_gate_write(g, rig_status(&box).offset, box.image, len < box.image_len ? len : 0, &box.now);
        return 2;
    case 4:
        rc = rig_status(&box).state <= DURA_GATE_STAGING ? rig_send(&box, 64 + len) : 0;
        return 2;
    case 5:
        rc = dura_gate_reset(g, &box.now);
        return 1;
    case 6:
        rig_reboot(&box, (int)(len % DT_MODES), len);
        rig_boot(&box);
        return 2;
    case 7:
        box.blocked = len & 1 ? DURA_WHY_INCIDENT : 0;
        box.alarm = len & 2 ? DURA_WHY_DRIFT : 0;
        box.not_yet = len >> 2 & 1;
        box.arena_busy = len >> 3 & 1;
        return 2;
    case 8:
        box.now.wall_ns += (int64_t)(int8_t)len * 3600000000000;
        return 2;
    default: /* a bit of a slot changes */
        dt_flash_flip(&box.region[1 + (len & 1)].flash, (uint32_t)(len * 29) % RIG_SLOT, 1);
        return 2;
    }
    (void)rc;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 3)
        return 0;
    history(data[0] & 3u);
    box.cfg.fresh = data[0] >> 3 & 1u;
    box.cfg.approve = data[0] >> 4 & 1u ? 1u << DURA_ROLE_SAFETY : 0;
    approved = (data[0] & 3u) == 3u; /* it drove already, where nobody was asked */
    kept = 0;
    promised = data[1] == 0;
    size_t at = 1 + patch(data + 1, size - 1);
    if (data[0] & 4u)
        repair();
    if (rig_boot(&box) < 0 && box.ram.started != DURA_EDENIED)
        return 0;
    look();
    for (uint32_t i = 0; i < 200 && at < size; i++) {
        at += call(data + at, size - at);
        if (!box.ram.gate)
            return 0;
        look();
    }
    return 0;
}
