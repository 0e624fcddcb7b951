/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dura_base_math.c - roots, exponential and logarithm in single precision.
 *
 * Made of binary32 +, -, *, / and integer work alone, each rounded as IEEE 754 says, so
 * the same argument gives the same bits on every target, with an FPU or without one. A
 * C library gives no such promise.
 *
 * The root is worked out digit by digit and rounded correctly. The two others reduce the
 * argument by ln 2 in two pieces (Cody and Waite 1980) and use polynomials fitted here,
 * by Lawson's iteration on 4000 Chebyshev points, for the smallest relative error.
 * Error over every binary32: exp below 0.99 ulp (0.76 where the result is subnormal), log
 * below 0.93 ulp; tests/test_base_math.c measures it.
 */
#include "dura_base_priv.h"

#define NOT_A_NUMBER 0x7FC00000u
#define ENDLESS 0x7F800000u
#define SIGN 0x80000000u

#define LN2_HI 0.693359375f             /* 355 / 512: a product with |k| < 2^15 is exact */
#define LN2_LO -2.12194442e-4f          /* ln 2 - LN2_HI */
#define LOG2_E 1.44269502f

#define EXP_TOP 88.7228317f             /* the last argument whose result is finite */
#define EXP_BOTTOM -103.972076f         /* the last one whose result is not 0 */

/* 2^k for k in the range of normal numbers. */
static float power_of_2(int32_t k)
{
    DURA_ASSERT(k >= -126 && k <= 127);
    return durai_f32((uint32_t)(k + 127) << 23);
}

/* (e^r - 1 - r) / r^2 for |r| <= 0.3466; relative error of e^r: 2^-28.2. */
static float exp_tail(float r)
{
    float p = 1.3814467e-3f;
    p = p * r + 8.368781e-3f;
    p = p * r + 4.1668393e-2f;
    p = p * r + 1.666652e-1f;
    return p * r + 4.9999994e-1f;
}

float durai_exp(float x)
{
    int32_t k, half;
    float r, p;
    if ((durai_f32_bits(x) & ~SIGN) > ENDLESS)
        return durai_f32(NOT_A_NUMBER);
    if (x > EXP_TOP)
        return durai_f32(ENDLESS);
    if (x < EXP_BOTTOM)
        return 0.0f;
    p = x * LOG2_E;
    k = (int32_t)(p + (x < 0.0f ? -0.5f : 0.5f));
    r = (x - (float)k * LN2_HI) - (float)k * LN2_LO;
    p = 1.0f + (r + r * r * exp_tail(r));
    /* In two steps: 2^128 and what is below 2^-126 are no normal powers of two. */
    half = k / 2;
    return p * power_of_2(half) * power_of_2(k - half);
}

/* (ln(1 + f) - f + f^2 / 2) / f^3 for 1 + f in [sqrt(1/2), sqrt(2)]; relative error of
 * the logarithm: 2^-27.3. */
static float log_tail(float f)
{
    static const float c[8] = {-7.634438e-2f, 1.27635e-1f,   -1.3161093e-1f, 1.4201564e-1f,
                               -1.6623251e-1f, 2.0001231e-1f, -2.5000823e-1f, 3.333333e-1f};
    float p = c[0];
    uint32_t i;
    for (i = 1; i < 8; i++)
        p = p * f + c[i];
    return p;
}

float durai_log(float x)
{
    uint32_t bits = durai_f32_bits(x);
    int32_t k = 0;
    float f, tail;
    if ((bits & ~SIGN) == 0)
        return durai_f32(ENDLESS | SIGN);
    if (bits > ENDLESS)                 /* below zero, or not a number */
        return durai_f32(NOT_A_NUMBER);
    if (bits == ENDLESS)
        return x;
    if (bits < 0x00800000u) {           /* subnormal: 2^25 times as much is not */
        bits = durai_f32_bits(x * 33554432.0f);
        k = -25;
    }
    /* Splits at sqrt(1/2), so that near 1 the exponent is 0 and nothing cancels. */
    bits += 0x3F800000u - 0x3F3504F3u;
    k += (int32_t)(bits >> 23) - 127;
    f = durai_f32((bits & 0x007FFFFFu) + 0x3F3504F3u) - 1.0f;
    tail = f * f * (f * log_tail(f) - 0.5f) + (float)k * LN2_LO;
    DURA_ASSERT(k >= -149 && k <= 128);
    return (f + tail) + (float)k * LN2_HI;
}

/* The first 25 binary digits of the root of n / 2^23 (1 <= that < 4), one more than a
 * float holds: `twice` is twice the root found so far, `rest` what it leaves of n. */
static uint32_t root_digits(uint32_t n)
{
    uint32_t rest = n << 1, twice = 0, root = 0, bit;
    for (bit = 0x01000000u; bit; bit >>= 1) {
        uint32_t trial = twice + bit;
        if (trial <= rest) {
            twice = trial + bit;
            rest -= trial;
            root += bit;
        }
        rest <<= 1;
    }
    DURA_ASSERT(root >= 0x01000000u && root < 0x02000000u);
    return root;
}

float durai_sqrt(float x)
{
    uint32_t bits = durai_f32_bits(x), digits, n;
    uint32_t exponent = 63;             /* of the result, biased, less the leading digit */
    if ((bits & ~SIGN) == 0 || bits == ENDLESS)
        return x;                       /* the root of -0 is -0 (IEEE 754, 5.4.1) */
    if (bits > ENDLESS)                 /* below zero, or not a number */
        return durai_f32(NOT_A_NUMBER);
    if (bits < 0x00800000u) {           /* subnormal: the root of 2^24 is 2^12 */
        bits = durai_f32_bits(x * 16777216.0f);
        exponent -= 12;
    }
    n = (bits & 0x007FFFFFu) | 0x00800000u;
    if (!(bits & 0x00800000u)) {        /* an odd power of two */
        n <<= 1;
        exponent -= 1;
    }
    exponent += bits >> 24;
    DURA_ASSERT(exponent < 255);
    /* A root is never half way between two floats, so its 25th digit alone rounds. */
    digits = (root_digits(n) + 1u) >> 1;
    return durai_f32(digits + (exponent << 23));
}

/* A third of the exponent comes from dividing the bits by 3, good to 3 %; Halley's step cubes
 * the error each time, so two leave rounding alone, of which Newton's takes two thirds. */
float durai_cbrt(float x)
{
    uint32_t bits = durai_f32_bits(x), sign = bits & SIGN;
    float a, y, back = 1.0f;
    int i;
    bits &= ~SIGN;
    if (bits == 0 || bits >= ENDLESS)
        return x;
    a = durai_f32(bits);
    if (bits < 0x00800000u) {           /* subnormal: the root of 2^24 is 2^8 */
        a *= 16777216.0f;
        back = 0.00390625f;
    } else if (bits > 0x7E000000u) {    /* 2 a must not overflow: 2^-24 */
        a *= 5.96046448e-8f;
        back = 256.0f;
    }
    y = durai_f32(durai_f32_bits(a) / 3u + 0x2A5137A0u);
    for (i = 0; i < 2; i++) {
        float c = y * y * y;
        y -= y * ((c - a) / (2.0f * c + a));
    }
    y -= (y - a / (y * y)) / 3.0f;
    DURA_ASSERT(y > 0.0f && y * back > 1e-16f);
    return durai_f32(durai_f32_bits(y * back) | sign);
}
