/* SPDX-License-Identifier: Apache-2.0 */
/*
 * MCUboot between two boots: the gate says whether an image may be tried, and the guard's own
 * word says whether it is kept. Copy it into the firmware and give it bootutil_public.h.
 *
 *   after download:  mcuboot_try()      box release committed, digest the slot's: swap next time
 *   after each boot: mcuboot_settle()   once per frame: confirms, or says that it must reboot
 *
 * An image that is never confirmed is swapped back by MCUboot at the next reset. The gate's
 * version of the box counts up when the release is committed, before the image has run: what
 * did not boot is not tried again under the same number, it wants a new release.
 */
#ifndef MCUBOOT_CONFIRM_H
#define MCUBOOT_CONFIRM_H

#include <dura/gate.h>

#include <string.h>

/* MCUboot's own (boot/bootutil/include/bootutil/bootutil_public.h): 0 is success. */
int boot_set_pending(int permanent);
int boot_set_confirmed(void);

enum { MCUBOOT_WAIT = 0, MCUBOOT_CONFIRMED = 1, MCUBOOT_REVERT = 2 };

/* box: the very release that was offered and taken (dura_release_verify gives it). digest: SHA-256 of what the secondary slot holds, read back from flash.
 * DURA_OK: MCUboot tries it at the next reset. DURA_ESTATE: no such release was committed;
 * DURA_EAUTH: other bytes than were released; DURA_EIO: MCUboot refused. */
static inline int mcuboot_try(const dura_gate *gate, const dura_release *box, const uint8_t digest[DURA_HASH_BYTES])
{
    dura_gate_status s = DURA_GATE_STATUS_INIT;
    if (dura_gate_query(gate, &s) != DURA_OK || box->component != DURA_COMPONENT_BOX ||
        s.version[DURA_COMPONENT_BOX] != box->version)
        return DURA_ESTATE;
    if (memcmp(digest, box->digest, DURA_HASH_BYTES) != 0)
        return DURA_EAUTH;
    return boot_set_pending(0) == 0 ? DURA_OK : DURA_EIO; /* 0: a test boot, never a permanent one */
}

/* frames: decided since this boot; wanted: so many must have been. healthy 0: the guard is in
 * fallback or its logs cannot be written. MCUBOOT_REVERT: reset now, MCUboot goes back. */
static inline int mcuboot_settle(const dura_gate *gate, uint32_t frames, uint32_t wanted, int healthy)
{
    dura_gate_status s = DURA_GATE_STATUS_INIT;
    if (dura_gate_query(gate, &s) != DURA_OK || s.state == DURA_GATE_SAFE || s.slot == 255)
        return MCUBOOT_REVERT;
    if (!healthy)
        return frames >= wanted ? MCUBOOT_REVERT : MCUBOOT_WAIT;
    if (frames < wanted || s.state == DURA_GATE_ACTIVATING || s.state == DURA_GATE_PROBATION)
        return MCUBOOT_WAIT;                     /* a brain on trial would be judged by a box on trial */
    return boot_set_confirmed() == 0 ? MCUBOOT_CONFIRMED : MCUBOOT_WAIT;
}

#endif
