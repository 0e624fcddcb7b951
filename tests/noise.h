/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Roughly normal noise of mean 0 and deviation 1 from whole numbers: the same on every target.
 */
#ifndef DURA_TESTS_NOISE_H
#define DURA_TESTS_NOISE_H

#include <stdint.h>

static uint64_t seed;                    /* set it before the first */

static inline float noise(void)
{
    int32_t sum = 0;
    for (int i = 0; i < 12; i++) {
        seed = seed * 6364136223846793005u + 1442695040888963407u;
        sum += (int32_t)(seed >> 48);
    }
    return (float)(sum - 6 * 65535) / 65536.0f;
}

#endif
