/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Does the target itself work? Every other test on Cortex-M, s390x and i386 stands on
 * this: real Ed25519 and SHA-256 with the published answers, floats that are evaluated as
 * floats, and on Cortex-M the instruction counter and the interrupt.
 */
#include "dt.h"

#include <float.h>
#include <sodium.h>

#ifdef DT_TARGET_ARM
#include "dt_icount.h"
#endif

/* Two hexadecimal digits per byte. */
static void bytes(uint8_t *out, const char *hex)
{
    for (size_t i = 0; hex[2 * i] != 0; i++) {
        char two[3] = {hex[2 * i], hex[2 * i + 1], 0};
        out[i] = (uint8_t)strtoul(two, NULL, 16);
    }
}

DT_TEST(target_crypto, signs_as_rfc_8032_says)
{
    static const struct { const char *row, *seed, *pub, *msg, *sig; } rows[] = {
        {"7.1 test 1", "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
         "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", "",
         "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46b"
         "d25bf5f0595bbe24655141438e7a100b"},
        {"7.1 test 2", "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
         "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c", "72",
         "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c"
         "387b2eaeb4302aeeb00d291612bb0c00"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        uint8_t seed[32], want_pub[32], msg[8], want_sig[64], pub[32], secret[64], sig[64];
        unsigned long long n = strlen(rows[i].msg) / 2;
        bytes(seed, rows[i].seed);
        bytes(want_pub, rows[i].pub);
        bytes(msg, rows[i].msg);
        bytes(want_sig, rows[i].sig);
        dt_eq(crypto_sign_seed_keypair(pub, secret, seed), 0, "%s", rows[i].row);
        dt_mem(pub, want_pub, 32, "%s", rows[i].row);
        dt_eq(crypto_sign_detached(sig, NULL, msg, n, secret), 0, "%s", rows[i].row);
        dt_mem(sig, want_sig, 64, "%s", rows[i].row);
        dt_eq(crypto_sign_verify_detached(sig, msg, n, pub), 0, "%s", rows[i].row);
        sig[i] ^= 1;
        dt_eq(crypto_sign_verify_detached(sig, msg, n, pub), -1, "%s, one bit off", rows[i].row);
    }
}

DT_TEST(target_crypto, hashes_as_fips_180_4_and_rfc_4231_say)
{
    uint8_t want[32], out[32], key[32] = {0};
    bytes(want, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    crypto_hash_sha256(out, (const uint8_t *)"abc", 3);
    dt_mem(out, want, 32, "SHA-256 of abc");

    crypto_auth_hmacsha256_state s;
    memset(key, 0x0b, 20);
    bytes(want, "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
    crypto_auth_hmacsha256_init(&s, key, 20);
    crypto_auth_hmacsha256_update(&s, (const uint8_t *)"Hi There", 8);
    crypto_auth_hmacsha256_final(&s, out);
    dt_mem(out, want, 32, "RFC 4231 case 1");
}

/* Operands the compiler cannot see, or it would compute the answer itself. */
static volatile float operand[4] = {0x1p24f, 0.75f, 1.0f + 0x1p-12f, 1.0f + 0x1p-11f};

DT_TEST(target_float, is_evaluated_in_its_own_precision)
{
    float big = operand[0], part = operand[1], a = operand[2], square = operand[3];
    dt_eq(FLT_EVAL_METHOD, 0, "");
    dt_ok(big + part - big == 0.0f, "a wider intermediate gives 0.75");
    dt_ok(a * a - square == 0.0f, "a fused multiply-add gives 2^-24");
}

#ifdef DT_TARGET_ARM

/* n times around a loop of two instructions, and four around it. */
static void __attribute__((noinline)) burn(uint32_t n)
{
    __asm__ volatile("1: subs %0, #1\n bne 1b" : "+l"(n) : : "cc");
}

DT_TEST(target_icount, counts_every_instruction)
{
    static const uint32_t rows[] = {1, 7, 20, 100, 1000, 12345, 2000000};
    uint32_t zero;
    DT_ICOUNT(zero, burn(1));
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        for (uint32_t k = 0; k < 40; k++) { /* every place inside a tick */
            uint32_t n, loops = rows[i] + k, want = 2 * (loops - 1) + zero;
            DT_ICOUNT(n, burn(loops));
            dt_ok(n + DT_ICOUNT_SLACK >= want && n <= want + DT_ICOUNT_SLACK, "%u loops: %u, want %u",
                  (unsigned)loops, (unsigned)n, (unsigned)want);
        }
    }
}

static volatile uint32_t calls;
static void call(void)
{
    calls++;
}

DT_TEST(target_tick, interrupts_as_often_as_asked)
{
    uint32_t n;
    calls = 0;
    dt_tick_start(4000, call);
    DT_ICOUNT(n, burn(200000)); /* 400,000 instructions and those of the interrupts */
    uint32_t seen = calls;
    dt_tick_stop();
    dt_eq(seen, dt_tick_count(), "");
    dt_ok(seen >= n / 4000 - 1 && seen <= n / 4000 + 1, "%u calls in %u instructions", (unsigned)seen, (unsigned)n);
    burn(100000);
    dt_eq(calls, seen, "none after dt_tick_stop");
}

static volatile uint32_t at_interrupt;
static volatile uint32_t progress;
static void look(void)
{
    at_interrupt |= 1u << (progress & 3u);
}

DT_TEST(target_tick, comes_between_any_two_instructions_of_the_main_program)
{
    at_interrupt = 0;
    for (uint32_t i = 0; i < 100000 && at_interrupt != 0xF; i++) {
        if (i % 1000 == 0)      /* another period: none may march in step with the loop */
            dt_tick_start(1000 + i / 25, look);
        progress = 0;
        progress = 1;
        progress = 2;
        progress = 3;
    }
    dt_tick_stop();
    dt_eq(at_interrupt, 0xF, "every state of the main program was seen");
}

#endif
