/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Key ids in an envelope are hints that nobody signed (DSSE 1.0.2, protocol.md): right ones save
 * verifications, wrong ones change no answer. And keys of another algorithm: which one is the
 * key's own word.
 */
#include "dt.h"

#include "gate_rig.h"

enum { KEYS = 8, SIGNATURE = 78 };

static rig box;
static dura_gate_key keys[KEYS];
static uint32_t verified;

static int counted(void *user, const uint8_t pub[32], const void *msg, size_t n, const uint8_t sig[64])
{
    verified++;
    return rig_verify(user, pub, msg, n, sig);
}

/* Signed by keys of the eight, by number; 99 is nobody's. */
static void sign(const int *by, int n)
{
    uint8_t payload[512];
    rig_init(&box);
    rig_boot(&box);
    box.crypto.verify = counted;
    rig_brain(&box, 5.0f, 3);
    dura_release r = rig_release(&box, DURA_COMPONENT_BRAIN, 5);
    size_t len = rig_payload(&r, payload, sizeof payload);
    for (uint8_t k = 0; k < KEYS; k++) {
        memset(&keys[k], 0, sizeof keys[k]);
        memset(keys[k].pub, 0x40 + k, sizeof keys[k].pub);
        keys[k].role = DURA_ROLE_VENDOR;
    }
    for (int i = 0; i < n; i++) { /* one at a time: the rig has room for four keys */
        static const int first[1] = {0};
        static uint8_t all[RIG_ENVELOPE];
        memset(box.key[0].pub, by[i] == 99 ? 0x77 : 0x40 + by[i], sizeof box.key[0].pub);
        rig_envelope_of(&box, DURA_RELEASE_TYPE, payload, len, first, 1);
        size_t head = box.envelope_len - SIGNATURE;
        if (i == 0)
            memcpy(all, box.envelope, head);
        memcpy(all + head + (size_t)i * SIGNATURE, box.envelope + head, SIGNATURE);
        if (i == n - 1) {
            all[head - 1] = (uint8_t)(0x80 + n);
            box.envelope_len = head + (size_t)n * SIGNATURE;
            memcpy(box.envelope, all, box.envelope_len);
        }
    }
}

/* Signature i of n says it is by key k. */
static void hint(int i, int n, int k)
{
    uint8_t id[32], pub[32];
    memset(pub, 0x40 + k, sizeof pub);
    rig_digest(id, pub, sizeof pub);
    memcpy(box.envelope + box.envelope_len - (size_t)(n - i) * SIGNATURE + 3, id, 8);
}

static int verify(uint32_t threshold)
{
    dura_release r = DURA_RELEASE_INIT;
    verified = 0;
    return dura_release_verify(box.envelope, box.envelope_len, &box.crypto, keys, KEYS, threshold, 0, &r, NULL);
}

DT_TEST(gate_hints, right_ones_cost_one_verification_each)
{
    static const int by[] = {7, 6, 5};
    sign(by, 3);
    dt_eq(verify(3), DURA_OK);
    dt_eq(verified, 8 + 7 + 6, "ids of nobody: key after key");
    for (int i = 0; i < 3; i++)
        hint(i, 3, by[i]);
    dt_eq(verify(3), DURA_OK);
    dt_eq(verified, 3);
    dt_eq(verify(4), DURA_EAUTH, "and count no more for it");
}

DT_TEST(gate_hints, wrong_ones_change_no_answer)
{
    static const int by[] = {7, 2, 5, 99};
    for (int a = 0; a < KEYS; a++)
        for (int b = 0; b < KEYS; b++) {
            sign(by, 4);
            hint(0, 4, a);
            hint(1, 4, a);
            hint(2, 4, b);
            hint(3, 4, b);
            dt_eq(verify(3), DURA_OK, "%d %d", a, b);
            dt_ok(verified <= 8 + 7 + 6 + 5, "%d %d: %u", a, b, verified);
            dt_eq(verify(4), DURA_EAUTH, "%d %d", a, b);
        }
}

DT_TEST(gate_hints, the_same_key_under_two_ids_is_one)
{
    static const int by[] = {3, 3};
    sign(by, 2);
    hint(0, 2, 3);
    hint(1, 2, 4);
    dt_eq(verify(2), DURA_EAUTH);
    dt_eq(verify(1), DURA_OK);
}

DT_TEST(gate_hints, without_a_hash_there_are_none)
{
    static const int by[] = {7};
    sign(by, 1);
    hint(0, 1, 7);
    box.crypto.hash_init = NULL;
    dt_eq(verify(1), DURA_OK);
    dt_eq(verified, 8);
}

DT_TEST(gate_hints, a_hash_that_fails_takes_only_the_hints)
{
    static const int by[] = {7};
    sign(by, 1);
    hint(0, 1, 7);
    box.power.fail_mask = DT_HASH;
    box.power.fail_at = 1;
    box.power.calls = 0;
    dt_eq(verify(1), DURA_OK);
    dt_eq(verified, 8);
}

/* More signatures than hints are kept for: the ninth and on are tried with every key. */
DT_TEST(gate_hints, signatures_behind_the_eighth_are_looked_at_too)
{
    static const int by[] = {99, 99, 99, 99, 99, 99, 99, 99, 4};
    sign(by, 9);
    for (int i = 0; i < 9; i++)
        hint(i, 9, 4);
    dt_eq(verify(1), DURA_OK);
    dt_eq(verified, 8 * 8 + 5);
}

/* ---- algorithms ------------------------------------------------------------------------- */

enum { TOY = 200 };

static uint32_t others, other_alg;
static int other_code;

/* The toy: Ed25519's fake with every byte of the signature turned round. */
static int toy(void *user, uint32_t alg, const uint8_t pub[32], const void *msg, size_t n, const uint8_t sig[64])
{
    uint8_t want[64];
    (void)user;
    others++;
    other_alg = alg;
    rig_sign(pub, msg, n, want);
    for (int i = 0; i < 64; i++)
        want[i] ^= 0xFF;
    return other_code ? other_code : memcmp(want, sig, 64) == 0 ? DURA_OK : DURA_EAUTH;
}

/* Signature i of n as the toy makes it. */
static void turn(int i, int n)
{
    uint8_t *sig = box.envelope + box.envelope_len - (size_t)(n - i) * SIGNATURE + 14;
    for (int k = 0; k < 64; k++)
        sig[k] ^= 0xFF;
}

static void sign_mixed(void)
{
    static const int by[] = {0, 1};
    sign(by, 2);
    turn(1, 2);
    box.crypto.verify_other = toy;
    others = 0;
    other_code = 0;
}

DT_TEST(gate_algorithms, a_key_says_by_which_its_signatures_are_judged)
{
    sign_mixed();
    dt_eq(verify(2), DURA_EAUTH, "both are said to be Ed25519");
    dt_eq(others, 0);
    keys[1].alg = TOY;
    dt_eq(verify(2), DURA_OK);
    dt_eq(other_alg, TOY);
    keys[0].alg = TOY;
    dt_eq(verify(1), DURA_OK, "the second alone");
    dt_eq(verify(2), DURA_EAUTH, "an Ed25519 signature is none of the toy's");
    turn(1, 2);
    dt_eq(verify(1), DURA_EAUTH);
}

DT_TEST(gate_algorithms, without_the_hook_such_a_key_counts_for_nothing)
{
    sign_mixed();
    keys[1].alg = TOY;
    box.crypto.verify_other = NULL;
    dt_eq(verify(2), DURA_EAUTH);
    dt_eq(verify(1), DURA_OK, "the other one does");
    box.crypto.verify_other = toy;
    box.crypto.struct_size = (uint32_t)offsetof(dura_crypto, verify_other);
    dt_eq(verify(2), DURA_EAUTH, "a provider that is older than the hook");
    dt_eq(others, 0);
}

DT_TEST(gate_algorithms, only_zero_is_a_yes_and_an_error_is_handed_on)
{
    sign_mixed();
    keys[1].alg = TOY;
    other_code = 1;
    dt_eq(verify(2), DURA_EAUTH);
    other_code = -333;
    dt_eq(verify(2), -333);
}

/* A whole update whose keys are all the toy's: release and approval. */
DT_TEST(gate_algorithms, releases_and_approvals_of_the_toy_bring_a_brain_to_drive)
{
    static const int operator_[] = {1};
    uint8_t payload[512], kept[RIG_ENVELOPE];
    rig_init(&box);
    box.crypto.verify_other = toy;
    other_code = 0;
    for (int k = 0; k < RIG_KEYS; k++)
        box.key[k].alg = TOY;
    box.cfg.approve = 1 << DURA_ROLE_OPERATOR;
    rig_boot(&box);
    rig_prepare(&box, 5);
    dt_eq(rig_offer(&box), DURA_EAUTH);
    turn(0, 2);
    turn(1, 2);
    dt_eq(rig_offer(&box), DURA_OK);
    rig_approval a = rig_approval_of(&box);
    dt_eq(rig_approve(&box, &a, operator_, 1, NULL), DURA_EAUTH);
    memcpy(kept, box.envelope, sizeof kept);
    rig_envelope_of(&box, DURA_APPROVAL_TYPE, payload, rig_approval_payload(&a, payload, sizeof payload), operator_, 1);
    turn(0, 1);
    dt_eq(dura_gate_approve(box.ram.gate, box.envelope, box.envelope_len, &box.now, NULL), DURA_OK);
    memcpy(box.envelope, kept, sizeof kept);
    dt_eq(rig_send(&box, 700), DURA_OK);
    dt_eq(rig_until(&box, DURA_GATE_COMMITTED), DURA_GATE_COMMITTED);
    dt_ok(rig_drives(&box) == 5.0f);
}
