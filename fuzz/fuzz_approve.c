/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as an approval: as an envelope at a device that waits for one, and as a payload.
 *
 * Nothing that the right keys have not signed is ever counted. First byte: 0, the bytes behind
 * it are an envelope; 1, a payload that the right keys sign; else a payload that they sign when
 * bytes of the true one are put over it from offset byte 1 on, byte 2 of them. What is counted
 * then says this attempt of this release on this device under this policy; what is refused
 * changes nothing. What the host reads it makes again, byte for byte (extensions apart).
 */
#include "gate_rig.h"

#include <dura/host/pack.h>
#include <dura/host/release.h>

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static rig box, waiting;
static rig_approval wanted;

static void require(int ok)
{
    if (!ok)
        abort();
}

/* A device that holds a release and wants the safety role's word. */
static void begin(void)
{
    static uint8_t ready;
    if (!ready) {
        rig_init(&box);
        box.cfg.approve = 1u << DURA_ROLE_SAFETY;
        rig_boot(&box);
        rig_prepare(&box, 5);
        require(rig_offer(&box) == DURA_OK);
        wanted = rig_approval_of(&box);
        waiting = box;
        ready = 1;
    }
    box = waiting;
}

static void check_host(const uint8_t *p, size_t n)
{
    dura_approval a = DURA_APPROVAL_INIT;
    uint8_t again[DURA_RELEASE_PAYLOAD_MAX];
    size_t len = sizeof again;
    char *text;
    if (dura_approval_decode(p, n, &a) != DURA_OK)
        return;
    require(a.nonce >= 1 && a.not_after_s >= 0 && a.device[0] && !a.device[63]);
    if (strcmp(a.device, "*") == 0)
        return; /* no device has that name, so none is made for it */
    require(dura_approval_encode(&a, again, &len, NULL) == DURA_OK && len <= n);
    require(len == n ? memcmp(again, p, n) == 0 : again[0] < p[0]);
    for (int json = 0; json < 2; json++) {
        require(dura_approval_describe(&a, json, &text, &len) == DURA_OK && strlen(text) == len);
        dura_pack_deinit(text);
    }
}

/* Signed by the role that is asked for: counted only when it says what it must. */
static void hand_over(const uint8_t *p, size_t n)
{
    static const int safety[] = {3};
    uint32_t why;
    dura_approval a = DURA_APPROVAL_INIT;
    rig_envelope_of(&box, DURA_APPROVAL_TYPE, p, n, safety, 1);
    dura_gate_status before = rig_status(&box);
    int rc = dura_gate_approve(box.ram.gate, box.envelope, box.envelope_len, &box.now, &why);
    dura_gate_status after = rig_status(&box);
    require((rc == DURA_OK) == (why == 0));
    if (rc != DURA_OK) {
        require(memcmp(&before, &after, sizeof before) == 0);
        return;
    }
    require(after.approved == 1u << 3 && after.nonce == before.nonce && after.seq == before.seq + 1);
    require(dura_approval_decode(p, n, &a) == DURA_OK && a.nonce == wanted.nonce);
    require(memcmp(a.release, wanted.release, 32) == 0 && memcmp(a.policy, wanted.policy, 32) == 0);
    require(strcmp(a.device, wanted.device) == 0 && (a.not_after_s == 0 || a.not_after_s >= 1700000000));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t p[DURA_RELEASE_PAYLOAD_MAX] = {0}, right[256];
    if (size < 3)
        return 0;
    begin();
    size_t n = size - 1 < sizeof p ? size - 1 : sizeof p;
    if (data[0] == 0) { /* nobody signed it */
        uint32_t why;
        require(dura_gate_approve(box.ram.gate, data + 1, size - 1, &box.now, &why) < 0 && why != 0);
        require(rig_status(&box).approved == 0);
        return 0;
    }
    memcpy(p, data + 1, n);
    if (data[0] > 1) {
        size_t len = rig_approval_payload(&wanted, right, sizeof right), at = data[1] % len, k = data[2];
        k = k < len - at ? k : len - at;
        n = at + k > n ? at + k : n;
        memcpy(p + at, right + at, k);
    }
    check_host(p, n);
    hand_over(p, n);
    return 0;
}
