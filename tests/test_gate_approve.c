/* SPDX-License-Identifier: Apache-2.0 */
/* Approvals (row A15 of docs/gate.md): counted for one attempt of one release on one device
 * under one policy, once per key, durable before they are acknowledged, and in the way of a
 * release until they are there. Power cuts are in test_gate_power.c. */
#include "dt.h"

#include "gate_rig.h"

enum { V = 1 << DURA_ROLE_VENDOR, O = 1 << DURA_ROLE_OPERATOR, S = 1 << DURA_ROLE_SECURITY, F = 1 << DURA_ROLE_SAFETY };
static const int vendor[] = {0}, operator_[] = {1}, security[] = {2}, safety[] = {3}, both[] = {2, 3};
static rig box;

/* A box that runs 5 and whose releases security and safety must approve; 6 is prepared. */
static void with_five(void)
{
    rig_init(&box);
    rig_boot(&box);
    rig_prepare(&box, 5);
    dt_eq(rig_update(&box), DURA_GATE_COMMITTED);
    box.cfg.approve = S | F;
    dt_eq(rig_boot(&box), 1);
    rig_prepare(&box, 6);
    box.facts = 0;
}

static void armed(void)
{
    with_five();
    dt_eq(rig_offer(&box), DURA_OK);
    dt_eq(rig_send(&box, 700), DURA_OK);
    dt_eq(rig_until(&box, DURA_GATE_ARMED), DURA_GATE_ARMED);
    dt_eq(rig_until(&box, DURA_GATE_COMMITTED), DURA_GATE_ARMED, "it waits");
    dt_eq(rig_status(&box).why, DURA_WHY_APPROVALS);
}

static int approve(const int *by, int n)
{
    rig_approval a = rig_approval_of(&box);
    uint32_t why;
    int rc = rig_approve(&box, &a, by, n, &why);
    dt_eq(rc == DURA_OK, why == 0, "%d %x", rc, (unsigned)why);
    return rc;
}

/* ---- counting ------------------------------------------------------------------------ */

DT_TEST(gate_approve, a15_waits_until_every_role_has_approved)
{
    armed();
    dt_eq(approve(security, 1), DURA_OK);
    dt_eq(rig_status(&box).approved, 1 << 2);
    dt_eq(rig_until(&box, DURA_GATE_COMMITTED), DURA_GATE_ARMED, "one of two");
    dt_eq(rig_status(&box).why, DURA_WHY_APPROVALS);
    dt_eq(approve(safety, 1), DURA_OK);
    dt_eq(rig_until(&box, DURA_GATE_COMMITTED), DURA_GATE_COMMITTED);
    dt_ok(rig_drives(&box) == 6.0f);
    dt_eq(rig_status(&box).nonce, 0, "nothing is in hand");
}

DT_TEST(gate_approve, a15_takes_both_in_one_envelope_and_in_any_order)
{
    armed();
    dt_eq(approve(both, 2), DURA_OK);
    dt_eq(rig_until(&box, DURA_GATE_COMMITTED), DURA_GATE_COMMITTED);
    with_five();
    dt_eq(rig_offer(&box), DURA_OK);
    dt_eq(approve(safety, 1), DURA_OK, "before there is a byte of it");
    dt_eq(rig_send(&box, 700), DURA_OK);
    dt_eq(rig_until(&box, DURA_GATE_STAGED), DURA_GATE_STAGED);
    dt_eq(approve(security, 1), DURA_OK, "while it is being read");
    dt_eq(rig_until(&box, DURA_GATE_COMMITTED), DURA_GATE_COMMITTED);
}

DT_TEST(gate_approve, a15_a_key_counts_once_and_wears_nothing_twice)
{
    static const int three[] = {2, 2, 2};
    armed();
    box.cfg.approvals = 0;
    dt_eq(approve(three, 3), DURA_OK);
    uint64_t seq = rig_status(&box).seq;
    for (int i = 0; i < 20; i++)
        dt_eq(approve(three, 3), DURA_OK, "it says so again");
    dt_eq(rig_status(&box).seq, seq, "and no record is written for it");
    dt_eq(rig_until(&box, DURA_GATE_COMMITTED), DURA_GATE_ARMED);
    dt_eq(approve(safety, 1), DURA_OK);
    dt_eq(rig_status(&box).seq, seq + 1);
}

DT_TEST(gate_approve, counts_so_many_keys_as_are_asked_for)
{
    armed();
    box.cfg.approve = V | O | S;
    box.cfg.approvals = 3;
    for (int i = 0; i < RIG_KEYS; i++)
        box.key[i].role = (uint8_t)(i == 0 ? DURA_ROLE_VENDOR : i == 1 ? DURA_ROLE_OPERATOR : DURA_ROLE_SECURITY);
    dt_eq(rig_boot(&box), 1);
    dt_eq(rig_until(&box, DURA_GATE_ARMED), DURA_GATE_ARMED);
    box.cfg.approvals = 4;
    dt_eq(rig_boot(&box), 1);
    dt_eq(rig_until(&box, DURA_GATE_ARMED), DURA_GATE_ARMED);
    static const int one_each[] = {0, 1, 2};
    dt_eq(approve(one_each, 3), DURA_OK);
    dt_eq(rig_until(&box, DURA_GATE_COMMITTED), DURA_GATE_ARMED, "every role, but three keys of four");
    dt_eq(approve(safety, 1), DURA_OK);
    dt_eq(rig_until(&box, DURA_GATE_COMMITTED), DURA_GATE_COMMITTED);
}

DT_TEST(gate_approve, holds_back_firmware_and_policies_as_well)
{
    static const uint8_t parts[] = {DURA_COMPONENT_BOX, DURA_COMPONENT_POLICY};
    for (size_t i = 0; i < 2; i++) {
        with_five();
        dura_release r = rig_release(&box, parts[i], 9);
        rig_envelope(&box, &r);
        dt_eq(rig_offer(&box), DURA_OK);
        dt_eq(rig_until(&box, DURA_GATE_COMMITTED), DURA_GATE_ARMED);
        dt_eq(rig_status(&box).why, DURA_WHY_APPROVALS);
        dt_eq(rig_status(&box).version[parts[i]], 0);
        dt_eq(approve(both, 2), DURA_OK);
        dt_eq(rig_until(&box, DURA_GATE_COMMITTED), DURA_GATE_COMMITTED);
        dt_eq(rig_status(&box).version[parts[i]], 9);
    }
}

DT_TEST(gate_approve, other_conditions_still_hold)
{
    armed();
    box.blocked = DURA_WHY_INCIDENT;
    dt_eq(approve(both, 2), DURA_OK);
    dt_eq(rig_until(&box, DURA_GATE_COMMITTED), DURA_GATE_ARMED);
    dt_eq(rig_status(&box).why, DURA_WHY_INCIDENT);
    box.blocked = 0;
    dt_eq(rig_until(&box, DURA_GATE_COMMITTED), DURA_GATE_COMMITTED);
}

/* ---- refusals ------------------------------------------------------------------------ */

/* Nothing may have changed. */
static void refused(const rig_approval *a, const int *by, int n, int rc, uint32_t why, const char *row)
{
    uint32_t said = 0;
    dura_gate_status before = rig_status(&box);
    dt_eq(rig_approve(&box, a, by, n, &said), rc, "%s", row);
    dt_eq(said, why, "%s", row);
    dura_gate_status after = rig_status(&box);
    dt_mem(&before, &after, sizeof before, "%s: something changed", row);
    dt_eq(rig_approve(&box, a, by, n, NULL), rc, "%s: nobody asks why", row);
}

DT_TEST(gate_approve, a15_refuses_replays_by_name)
{
    static const struct { const char *row; size_t off; uint32_t why; } rows[] = {
        {"of another release", offsetof(rig_approval, release), DURA_WHY_DIGEST},
        {"of another policy", offsetof(rig_approval, policy), DURA_WHY_POLICY},
        {"of another device", offsetof(rig_approval, device), DURA_WHY_DEVICE}};
    armed();
    rig_approval a = rig_approval_of(&box);
    for (size_t i = 0; i < 3; i++) {
        rig_approval other = a;
        ((uint8_t *)&other)[rows[i].off] ^= 1;
        refused(&other, both, 2, DURA_EDENIED, rows[i].why, rows[i].row);
    }
    for (int by = -1; by <= 1; by += 2) {
        rig_approval other = a;
        other.nonce += (uint64_t)(int64_t)by;
        refused(&other, both, 2, DURA_EDENIED, DURA_WHY_REPLAY, "of another attempt");
    }
    rig_approval other = a;
    memcpy(other.device, "press-70", 8);
    refused(&other, both, 2, DURA_EDENIED, DURA_WHY_DEVICE, "of a device whose name begins like ours");
    memcpy(other.device, "*\0", 2);
    refused(&other, both, 2, DURA_EDENIED, DURA_WHY_DEVICE, "of every device");
    other = a;
    other.nonce++;
    other.release[9] ^= 1;
    refused(&other, both, 2, DURA_EDENIED, DURA_WHY_REPLAY | DURA_WHY_DIGEST, "of another attempt of another one");
    dt_eq(rig_until(&box, DURA_GATE_COMMITTED), DURA_GATE_ARMED);
}

DT_TEST(gate_approve, a15_an_attempt_that_ended_takes_its_approvals_with_it)
{
    armed();
    rig_approval a = rig_approval_of(&box);
    dt_eq(approve(both, 2), DURA_OK);
    dt_eq(dura_gate_reset(box.ram.gate, &box.now), DURA_OK);
    dt_eq(rig_offer(&box), DURA_OK, "the same release, once more");
    dt_eq(rig_status(&box).approved, 0);
    dt_ok(rig_status(&box).nonce > a.nonce);
    dt_mem(rig_status(&box).release, a.release, 32);
    refused(&a, both, 2, DURA_EDENIED, DURA_WHY_REPLAY, "the former attempt's");
    dt_eq(rig_send(&box, 700), DURA_OK);
    dt_eq(rig_until(&box, DURA_GATE_COMMITTED), DURA_GATE_ARMED);
    dt_eq(approve(both, 2), DURA_OK);
    box.alarm = DURA_WHY_DRIFT;
    dt_eq(rig_until(&box, DURA_GATE_ROLLED_BACK), DURA_GATE_ROLLED_BACK);
    box.alarm = 0;
    dt_eq(rig_update(&box), DURA_GATE_ARMED, "rolled back: it is approved anew or not at all");
    dt_eq(rig_status(&box).approved, 0);
}

DT_TEST(gate_approve, a15_the_release_is_more_than_its_bytes)
{
    armed();
    rig_approval a = rig_approval_of(&box);
    dt_eq(dura_gate_reset(box.ram.gate, &box.now), DURA_OK);
    dura_release r = rig_release(&box, DURA_COMPONENT_BRAIN, 6);
    r.floor_ = 0; /* the same bytes, another statement about them */
    rig_envelope(&box, &r);
    dt_eq(rig_offer(&box), DURA_OK);
    a.nonce = rig_status(&box).nonce;
    refused(&a, both, 2, DURA_EDENIED, DURA_WHY_DIGEST, "the floor is another one");
}

DT_TEST(gate_approve, a1_a3_only_roles_that_must_approve_count)
{
    static const int stranger[] = {50}, wrong[] = {102, 103}, mixed[] = {102, 50, 0, 3}, none[] = {0};
    armed();
    rig_approval a = rig_approval_of(&box);
    refused(&a, none, 0, DURA_EAUTH, DURA_WHY_SIGNATURE, "nobody's");
    refused(&a, stranger, 1, DURA_EAUTH, DURA_WHY_SIGNATURE, "a stranger's");
    refused(&a, wrong, 2, DURA_EAUTH, DURA_WHY_SIGNATURE, "wrong signatures");
    refused(&a, vendor, 1, DURA_EAUTH, DURA_WHY_ROLE, "the vendor's");
    refused(&a, operator_, 1, DURA_EAUTH, DURA_WHY_ROLE, "the operator's");
    dt_eq(approve(mixed, 4), DURA_OK, "one right one among others");
    dt_eq(rig_status(&box).approved, 1 << 3, "only that one counts");
}

DT_TEST(gate_approve, a13_a_release_is_no_approval_and_an_approval_no_release)
{
    uint8_t p[512];
    dura_release out = DURA_RELEASE_INIT;
    uint32_t why;
    armed();
    dt_eq(dura_gate_approve(box.ram.gate, box.envelope, box.envelope_len, &box.now, &why), DURA_ECORRUPT);
    dt_eq(why, DURA_WHY_FORMAT);
    rig_approval a = rig_approval_of(&box);
    size_t n = rig_approval_payload(&a, p, sizeof p);
    rig_envelope_of(&box, DURA_RELEASE_TYPE, p, n, both, 2);
    dt_eq(dura_gate_approve(box.ram.gate, box.envelope, box.envelope_len, &box.now, &why), DURA_ECORRUPT,
          "its words, signed as a release");
    memcpy(box.envelope + 4, DURA_APPROVAL_TYPE, 33);
    dt_eq(dura_gate_approve(box.ram.gate, box.envelope, box.envelope_len, &box.now, &why), DURA_EAUTH, "and shown as an approval");
    dt_eq(why, DURA_WHY_SIGNATURE);
    rig_envelope_of(&box, DURA_APPROVAL_TYPE, p, n, both, 2);
    dt_eq(dura_release_verify(box.envelope, box.envelope_len, &box.crypto, box.key, RIG_KEYS, 1, 0, &out, &why), DURA_ECORRUPT);
    dt_eq(why, DURA_WHY_FORMAT);
    dt_eq(dura_gate_reset(box.ram.gate, &box.now), DURA_OK);
    dt_eq(dura_gate_offer(box.ram.gate, box.envelope, box.envelope_len, &box.now), DURA_ECORRUPT);
}

/* A good payload, changed: bytes at `at`, with the pairs' count changed by `more`. */
DT_TEST(gate_approve, a14_has_one_encoding)
{
    uint8_t p[512];
    static const struct { const char *row; uint64_t key; int what, rc; } rows[] = {
        {"a field it does not know", 7, 0, DURA_EVERSION}, {"the last of those", 63, 0, DURA_EVERSION},
        {"an extension", 64, 1, DURA_OK}, {"one that holds a container", 64, 2, DURA_ECORRUPT},
        {"a field twice", 6, 3, DURA_ECORRUPT}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        armed();
        rig_approval a = rig_approval_of(&box);
        durai_cbor c;
        size_t n = rig_approval_payload(&a, p, sizeof p);
        p[0]++;
        durai_cbor_init(&c, p + n, sizeof p - n);
        durai_cbor_uint(&c, rows[i].key);
        if (rows[i].what == 0)
            durai_cbor_uint(&c, 0);
        else if (rows[i].what == 1)
            durai_cbor_text(&c, "x", 1);
        else if (rows[i].what == 2)
            durai_cbor_array(&c, 0);
        else
            durai_cbor_bytes(&c, a.policy, 32);
        rig_envelope_of(&box, DURA_APPROVAL_TYPE, p, n + c.len, both, 2);
        uint32_t why;
        dt_eq(dura_gate_approve(box.ram.gate, box.envelope, box.envelope_len, &box.now, &why), rows[i].rc, "%s", rows[i].row);
        dt_eq(why, rows[i].rc == DURA_OK ? 0 : DURA_WHY_FORMAT, "%s", rows[i].row);
    }
}

DT_TEST(gate_approve, a14_refuses_fields_out_of_range_and_every_flipped_bit)
{
    armed();
    rig_approval a = rig_approval_of(&box), other = a;
    other.nonce = 0;
    refused(&other, both, 2, DURA_ECORRUPT, DURA_WHY_FORMAT, "attempt 0");
    other = a;
    other.not_after_s = 9223372037;
    refused(&other, both, 2, DURA_ECORRUPT, DURA_WHY_FORMAT, "a date beyond nanoseconds");
    other = a;
    other.device[0] = 0;
    refused(&other, both, 2, DURA_ECORRUPT, DURA_WHY_FORMAT, "no device");
    other.device[0] = 7;
    refused(&other, both, 2, DURA_ECORRUPT, DURA_WHY_FORMAT, "a control character");
    uint8_t p[512], envelope[RIG_ENVELOPE];
    size_t n = rig_approval_payload(&a, p, sizeof p), len;
    for (size_t cut = 0; cut < n; cut++) {
        uint32_t why;
        rig_envelope_of(&box, DURA_APPROVAL_TYPE, p, cut ? cut : 1, both, 2);
        dt_ok(dura_gate_approve(box.ram.gate, box.envelope, box.envelope_len, &box.now, &why) < 0, "cut at %zu", cut);
    }
    rig_envelope_of(&box, DURA_APPROVAL_TYPE, p, n, security, 1);
    len = box.envelope_len;
    memcpy(envelope, box.envelope, len);
    uint64_t seq = rig_status(&box).seq;
    uint32_t taken = 0;
    for (size_t i = 0; i < len * 8; i++) {
        envelope[i / 8] ^= (uint8_t)(1u << i % 8);
        taken += dura_gate_approve(box.ram.gate, envelope, len, &box.now, NULL) == DURA_OK;
        envelope[i / 8] ^= (uint8_t)(1u << i % 8);
    }
    dt_eq(taken, 64, "only the key id, which is a hint, may differ");
    dt_eq(rig_status(&box).seq, seq + 1);
}

DT_TEST(gate_approve, says_when_there_is_nothing_to_approve)
{
    rig_approval a;
    uint32_t why = 7;
    with_five();
    a = rig_approval_of(&box);
    a.nonce = 1;
    dt_eq(rig_approve(&box, &a, both, 2, &why), DURA_ESTATE, "none in hand");
    dt_eq(why, 0);
    dt_eq(rig_offer(&box), DURA_OK);
    dt_eq(dura_gate_write(box.ram.gate, 0, box.image, 100, &box.now), DURA_OK);
    a = rig_approval_of(&box);
    dt_eq(rig_approve(&box, &a, both, 2, NULL), DURA_ESTATE, "bytes are coming");
    dt_eq(rig_send(&box, 700), DURA_OK);
    dt_eq(rig_approve(&box, &a, both, 2, NULL), DURA_OK, "all are there");
    box.frames_stop = 1;
    dt_eq(rig_until(&box, DURA_GATE_PROBATION), DURA_GATE_PROBATION);
    dt_eq(rig_approve(&box, &a, both, 2, NULL), DURA_ESTATE, "it drives");
    dt_eq(dura_gate_approve(NULL, box.envelope, 9, &box.now, &why), DURA_EINVAL);
    dt_eq(dura_gate_approve(box.ram.gate, NULL, 9, &box.now, &why), DURA_EINVAL);
    dt_eq(dura_gate_approve(box.ram.gate, box.envelope, 9, NULL, &why), DURA_EINVAL);
}

/* ---- time, storage, restarts -------------------------------------------------------------- */

DT_TEST(gate_approve, a15_a7_ends_when_it_says_so)
{
    enum { NOW = 1700000000 };
    armed();
    rig_approval a = rig_approval_of(&box);
    a.not_after_s = NOW - 1;
    refused(&a, both, 2, DURA_EDENIED, DURA_WHY_EXPIRED, "over already");
    a.not_after_s = NOW;
    dt_eq(rig_approve(&box, &a, security, 1, NULL), DURA_OK, "today still");
    a.not_after_s = NOW + 1000;
    dt_eq(rig_approve(&box, &a, safety, 1, NULL), DURA_OK);
    box.now.wall_ns += 1000000000;
    dt_eq(rig_until(&box, DURA_GATE_REJECTED), DURA_GATE_REJECTED, "the earlier end holds");
    dt_eq(rig_status(&box).why, DURA_WHY_EXPIRED);
    dt_ok(rig_drives(&box) == 5.0f);
}

DT_TEST(gate_approve, a17_a_dated_one_waits_for_a_trusted_clock)
{
    armed();
    box.cfg.min_clock = DURA_CLOCK_SYNCED;
    dt_eq(rig_boot(&box), 1);
    box.now.quality = DURA_CLOCK_NONE;
    dt_eq(rig_until(&box, DURA_GATE_ARMED), DURA_GATE_ARMED);
    rig_approval a = rig_approval_of(&box);
    a.not_after_s = 1700000100;
    dt_eq(rig_approve(&box, &a, both, 2, NULL), DURA_OK);
    dt_eq(rig_until(&box, DURA_GATE_COMMITTED), DURA_GATE_ARMED);
    dt_eq(rig_status(&box).why, DURA_WHY_CLOCK, "nobody knows whether it is over");
    box.now.quality = DURA_CLOCK_SYNCED;
    dt_eq(rig_until(&box, DURA_GATE_COMMITTED), DURA_GATE_COMMITTED);
}

DT_TEST(gate_approve, f2_is_not_acknowledged_before_it_is_durable)
{
    for (uint32_t lie = 1; lie <= 2; lie++) {
        armed();
        box.prog_lies = (uint8_t)lie;
        rig_approval a = rig_approval_of(&box);
        dt_ok(rig_approve(&box, &a, both, 2, NULL) < 0, "%u", lie);
        dt_eq(rig_status(&box).approved, 0, "%u", lie);
        dt_eq(rig_until(&box, DURA_GATE_COMMITTED), DURA_GATE_ARMED, "%u", lie);
        dt_eq(approve(both, 2), DURA_OK, "%u: and again", lie);
        dt_eq(rig_until(&box, DURA_GATE_COMMITTED), DURA_GATE_COMMITTED, "%u", lie);
    }
    armed();
    box.power.fail_mask = DT_VERIFY;
    box.power.fail_at = 1;
    rig_approval a = rig_approval_of(&box);
    uint32_t why = 9;
    dt_eq(rig_approve(&box, &a, both, 2, &why), DT_EFAULT, "the provider fails");
    dt_eq(why, 0);
}

DT_TEST(gate_approve, survives_a_restart_and_no_change_of_policy)
{
    armed();
    rig_approval a = rig_approval_of(&box);
    dt_eq(approve(security, 1), DURA_OK);
    dt_eq(rig_boot(&box), 1);
    dt_eq(rig_status(&box).approved, 1 << 2);
    dt_eq(rig_status(&box).nonce, a.nonce, "the attempt goes on");
    dt_mem(rig_status(&box).release, a.release, 32);
    dt_eq(rig_approve(&box, &a, safety, 1, NULL), DURA_OK, "signed before the restart");
    dt_eq(rig_until(&box, DURA_GATE_COMMITTED), DURA_GATE_COMMITTED);
    armed();
    dt_eq(approve(both, 2), DURA_OK);
    box.cfg.policy[0] ^= 1;
    dt_eq(rig_boot(&box), 1);
    dt_eq(rig_until(&box, DURA_GATE_REJECTED), DURA_GATE_REJECTED);
    dt_eq(rig_status(&box).why, DURA_WHY_POLICY);
}

DT_TEST(gate_approve, a12_counts_by_the_keys_of_now)
{
    armed();
    dt_eq(approve(security, 1), DURA_OK);
    box.cfg.approve = V | S;
    dt_eq(rig_boot(&box), 1);
    dt_eq(rig_until(&box, DURA_GATE_COMMITTED), DURA_GATE_ARMED);
    dt_eq(rig_status(&box).why, DURA_WHY_APPROVALS, "the vendor must, too, now");
    dt_eq(approve(safety, 1), DURA_EAUTH, "and nobody asks safety");
    dt_eq(approve(vendor, 1), DURA_OK);
    dt_eq(rig_until(&box, DURA_GATE_COMMITTED), DURA_GATE_COMMITTED);
}

DT_TEST(gate_approve, a12_a_key_nobody_asks_any_more_fills_no_place)
{
    armed();
    box.blocked = DURA_WHY_STOPPED;
    dt_eq(approve(both, 2), DURA_OK);
    box.cfg.approve = S;
    box.cfg.approvals = 2;
    box.key[1].role = DURA_ROLE_SECURITY;
    dt_eq(rig_boot(&box), 1);
    box.blocked = 0;
    dt_eq(rig_until(&box, DURA_GATE_COMMITTED), DURA_GATE_ARMED, "security and safety are not two of security");
    dt_eq(rig_status(&box).why, DURA_WHY_APPROVALS);
    dt_eq(approve(operator_, 1), DURA_OK);
    dt_eq(rig_until(&box, DURA_GATE_COMMITTED), DURA_GATE_COMMITTED);
}

DT_TEST(gate_approve, tells_the_security_log)
{
    armed();
    rig_approval a = rig_approval_of(&box), other = a;
    other.nonce--;
    box.facts = 0;
    dt_eq(rig_approve(&box, &other, both, 2, NULL), DURA_EDENIED);
    dt_eq(box.facts, 1);
    dt_eq(box.fact[0].kind, DURA_FACT_RELEASE);
    dt_eq(box.fact[0].value[0], DURA_GATE_ARMED);
    dt_eq(box.fact[0].value[1], DURA_GATE_ARMED);
    dt_eq(box.fact[0].value[2], 6);
    dt_eq(box.fact[0].value[3], DURA_WHY_APPROVALS | DURA_WHY_REPLAY);
    dt_eq(approve(security, 1), DURA_OK);
    dt_eq(box.facts, 2);
    dt_eq(box.fact[1].value[3], DURA_WHY_APPROVALS, "one is still missing");
    dt_eq(approve(safety, 1), DURA_OK);
    dt_eq(box.facts, 3);
    dt_eq(box.fact[2].value[3], 0);
    dt_eq(rig_status(&box).why, 0);
}

DT_TEST(gate_approve, refuses_a_configuration_nobody_can_satisfy)
{
    static const struct { const char *row; uint8_t approve, approvals, reserved; size_t want; } rows[] = {
        {"none", 0, 0, 0, 1}, {"two roles", S | F, 2, 0, 1}, {"more keys than there are", S | F, 3, 0, 0},
        {"keys of no role", 0, 1, 0, 0}, {"role 0", 1, 0, 0, 0}, {"role 5", 1 << 5, 0, 0, 0}, {"reserved", S, 0, 1, 0}};
    rig_init(&box);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        box.cfg.approve = rows[i].approve;
        box.cfg.approvals = rows[i].approvals;
        box.cfg.reserved[5] = rows[i].reserved;
        dt_eq(dura_gate_bytes(&box.cfg) != 0, rows[i].want, "%s", rows[i].row);
    }
    box.cfg.reserved[5] = 0;
    box.cfg.approve = S;
    box.key[2].role = DURA_ROLE_VENDOR;
    dt_eq(dura_gate_bytes(&box.cfg), 0, "a role nobody has");
}

DT_TEST(gate_approve, an_older_owner_gets_what_it_knows)
{
    armed();
    dura_gate_status s;
    memset(&s, 0xEE, sizeof s);
    s.struct_size = (uint32_t)offsetof(dura_gate_status, nonce);
    dt_eq(dura_gate_query(box.ram.gate, &s), DURA_OK);
    dt_eq(s.nonce, 0xEEEEEEEEEEEEEEEEu, "nothing is written behind an older struct");
    box.cfg.struct_size = (uint32_t)offsetof(dura_gate_config, approve);
    dt_eq(rig_boot(&box), 1);
    dt_eq(rig_until(&box, DURA_GATE_COMMITTED), DURA_GATE_COMMITTED, "which asks for none");
}
