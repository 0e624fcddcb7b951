/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SHA-256 blocks on the cryptography extension of ARMv8-A.
 *
 * SHA256H/SHA256H2 do four rounds on ABCD and EFGH, SHA256SU0/SU1 the message schedule
 * (Arm ARM, section C7.2). Built where the compiler can emit them for one function (gcc)
 * or for all (-march=...+crypto); used where the kernel says the processor has them.
 * Outside Linux there is nobody to ask, so there the compiler's flag decides.
 */
#include "dura_host_sha256.h"

#include "../base/dura_base_priv.h"

#if defined(__aarch64__) && !defined(__AARCH64EB__) &&                                 \
    (defined(__ARM_FEATURE_SHA2) || (defined(__linux__) && defined(__GNUC__) && !defined(__clang__)))

#include <arm_neon.h>
#if defined(__linux__)
#include <sys/auxv.h>
#define SHA2_BIT (1ul << 6) /* HWCAP_SHA2 of the arm64 Linux ABI */
#endif

#if defined(__ARM_FEATURE_SHA2)
#define WITH_SHA
#else
#define WITH_SHA __attribute__((target("+crypto")))
#endif

WITH_SHA static void arm_blocks(uint32_t h[8], const uint8_t *p, size_t n)
{
    uint32x4_t abcd = vld1q_u32(h), efgh = vld1q_u32(h + 4), w[4];
    for (; n; n--, p += 64) {
        uint32x4_t abcd0 = abcd, efgh0 = efgh;
        for (int i = 0; i < 4; i++)
            w[i] = vreinterpretq_u32_u8(vrev32q_u8(vld1q_u8(p + 16 * i)));
#pragma GCC unroll 16
        for (int i = 0; i < 16; i++) {
            uint32x4_t wk = vaddq_u32(w[i & 3], vld1q_u32(durai_sha256_k + 4 * i));
            uint32x4_t old = abcd;
            abcd = vsha256hq_u32(abcd, efgh, wk);
            efgh = vsha256h2q_u32(efgh, old, wk);
            if (i < 12)
                w[i & 3] = vsha256su1q_u32(vsha256su0q_u32(w[i & 3], w[(i + 1) & 3]),
                                           w[(i + 2) & 3], w[(i + 3) & 3]);
        }
        abcd = vaddq_u32(abcd, abcd0);
        efgh = vaddq_u32(efgh, efgh0);
    }
    vst1q_u32(h, abcd);
    vst1q_u32(h + 4, efgh);
}

const durai_sha256_engine *durai_sha256_arm(void)
{
    static const durai_sha256_engine engine = {"armv8", arm_blocks, NULL};
#if defined(__linux__)
    return (getauxval(AT_HWCAP) & SHA2_BIT) ? &engine : NULL;
#else
    return &engine;
#endif
}

#else

const durai_sha256_engine *durai_sha256_arm(void)
{
    return NULL;
}

#endif
