/* SPDX-License-Identifier: Apache-2.0 */
/* examples/adapters/mcuboot_confirm.h on a real gate and a bootloader that counts its two calls. */
#include "dt.h"

#include "gate_rig.h"

#include "../examples/adapters/mcuboot_confirm.h"

static rig box;
static int pending, confirmed, answer;

int boot_set_pending(int permanent)
{
    pending += permanent ? 100 : 1;
    return answer;
}

int boot_set_confirmed(void)
{
    confirmed++;
    return answer;
}

/* A firmware release, committed. */
static dura_release firmware(uint64_t version)
{
    dura_release r = rig_release(&box, DURA_COMPONENT_BOX, version);
    rig_envelope(&box, &r);
    dt_eq(rig_offer(&box), DURA_OK);
    for (int i = 0; i < 9; i++)
        dt_ok(dura_gate_step(box.ram.gate, &box.now, 9) >= 0, "");
    dt_eq(rig_status(&box).state, DURA_GATE_COMMITTED);
    return r;
}

static void fresh(void)
{
    pending = confirmed = answer = 0;
    rig_init(&box);
    rig_boot(&box);
}

DT_TEST(adapters_mcuboot, tries_only_what_was_released_and_only_as_a_test)
{
    uint8_t other[DURA_HASH_BYTES] = {1};
    fresh();
    dura_release r = rig_release(&box, DURA_COMPONENT_BOX, 3);
    dt_eq(mcuboot_try(box.ram.gate, &r, r.digest), DURA_ESTATE, "nothing was released");
    r = firmware(3);
    dt_eq(mcuboot_try(box.ram.gate, &r, other), DURA_EAUTH, "other bytes in the slot");
    r.version = 4;
    dt_eq(mcuboot_try(box.ram.gate, &r, r.digest), DURA_ESTATE, "another version");
    r.version = 3;
    r.component = DURA_COMPONENT_BRAIN;
    dt_eq(mcuboot_try(box.ram.gate, &r, r.digest), DURA_ESTATE, "no firmware");
    r.component = DURA_COMPONENT_BOX;
    dt_eq(pending, 0, "");
    dt_eq(mcuboot_try(box.ram.gate, &r, r.digest), DURA_OK);
    dt_eq(pending, 1, "a test boot");
    answer = 1;
    dt_eq(mcuboot_try(box.ram.gate, &r, r.digest), DURA_EIO, "MCUboot says no");
}

DT_TEST(adapters_mcuboot, confirms_after_enough_good_frames_and_not_before)
{
    fresh();
    (void)firmware(3);
    dt_eq(mcuboot_settle(box.ram.gate, 99, 100, 1), MCUBOOT_WAIT);
    dt_eq(mcuboot_settle(box.ram.gate, 50, 100, 0), MCUBOOT_WAIT, "it may still come up");
    dt_eq(mcuboot_settle(box.ram.gate, 100, 100, 0), MCUBOOT_REVERT);
    dt_eq(confirmed, 0, "");
    dt_eq(mcuboot_settle(box.ram.gate, 100, 100, 1), MCUBOOT_CONFIRMED);
    dt_eq(confirmed, 1, "");
    answer = 1;
    dt_eq(mcuboot_settle(box.ram.gate, 101, 100, 1), MCUBOOT_WAIT, "asked again when MCUboot says no");
}

DT_TEST(adapters_mcuboot, a_box_on_trial_does_not_settle_while_a_brain_is)
{
    fresh();
    rig_prepare(&box, 5);
    box.frames_stop = 1;
    dt_eq(rig_offer(&box), DURA_OK);
    dt_eq(dura_gate_write(box.ram.gate, 0, box.image, box.image_len, &box.now), DURA_OK);
    for (int i = 0; i < 200 && rig_status(&box).state != DURA_GATE_PROBATION; i++)
        dt_ok(dura_gate_step(box.ram.gate, &box.now, 9) >= 0, "");
    dt_eq(rig_status(&box).state, DURA_GATE_PROBATION);
    dt_eq(mcuboot_settle(box.ram.gate, 100, 100, 1), MCUBOOT_WAIT);
    dt_eq(confirmed, 0, "");
}

DT_TEST(adapters_mcuboot, a_box_that_finds_its_journal_lost_goes_back)
{
    fresh();
    box.cfg.fresh = 0;
    rig_boot(&box);
    dt_eq(rig_status(&box).state, DURA_GATE_SAFE);
    dt_eq(mcuboot_settle(box.ram.gate, 100, 100, 1), MCUBOOT_REVERT);
    dt_eq(confirmed, 0, "");
}
