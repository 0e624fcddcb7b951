/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Root, exponential and logarithm: how far they are from the C library's doubles over a
 * sweep of all binary32 numbers, what they say at the edges, and the very bits every
 * target must produce. bench/ and a step of 1 here measured all of them (docs/drift.md).
 */
#include "dt.h"

#include "base/dura_base_priv.h"

#include <math.h>

#define STEP 4099u      /* a prime: every mantissa bit and every exponent is met */

/* Distance in units of the last place of the wanted value. */
static double ulps(float got, double want)
{
    int e;
    (void)frexp(fabs(want), &e);
    return fabs((double)got - want) / ldexp(1.0, e - 24 < -149 ? -149 : e - 24);
}

DT_TEST(base_exp, is_within_one_ulp_of_the_true_value)
{
    double worst = 0.0, worst_small = 0.0;
    uint64_t b;
    for (b = 0; b <= UINT32_MAX; b += STEP) {
        float x = durai_f32((uint32_t)b);
        double want, off;
        if (!(x >= -103.97f && x <= 88.7228317f))
            continue;
        want = exp((double)x);
        off = ulps(durai_exp(x), want);
        if (want < 0x1p-126)
            worst_small = off > worst_small ? off : worst_small;
        else
            worst = off > worst ? off : worst;
    }
    dt_ok(worst < 0.99, "%f ulp", worst);
    dt_ok(worst_small < 0.76, "subnormal: %f ulp", worst_small);
    dt_ok(worst > 0.5, "the sweep saw nothing");
}

DT_TEST(base_log, is_within_one_ulp_of_the_true_value)
{
    double worst = 0.0;
    uint32_t b;
    for (b = 1; b < 0x7F800000u; b += STEP / 2u) {
        float x = durai_f32(b);
        double off = ulps(durai_log(x), log((double)x));
        worst = off > worst ? off : worst;
    }
    dt_ok(worst < 0.93 && worst > 0.5, "%f ulp", worst);
}

DT_TEST(base_sqrt, is_rounded_correctly)
{
    uint32_t b;
    for (b = 1; b < 0x7F800000u; b += STEP / 2u) {
        float x = durai_f32(b);
        dt_eq(durai_f32_bits(durai_sqrt(x)), durai_f32_bits((float)sqrt((double)x)), "%a", (double)x);
    }
}

DT_TEST(base_cbrt, is_within_one_ulp_of_the_true_value)
{
    double worst = 0.0;
    uint32_t b;
    for (b = 1; b < 0x7F800000u; b += STEP / 2u) {
        float x = durai_f32(b);
        double off = ulps(durai_cbrt(x), cbrt((double)x));
        worst = off > worst ? off : worst;
        dt_eq(durai_f32_bits(durai_cbrt(-x)), durai_f32_bits(durai_cbrt(x)) ^ 0x80000000u, "%a", (double)x);
    }
    dt_ok(worst < 0.75 && worst > 0.5, "%f ulp", worst);
}

DT_TEST(base_cbrt, takes_the_root_of_every_cube)
{
    uint32_t i;
    for (i = 0; i <= 255; i++)
        dt_eq(durai_cbrt((float)(i * i * i)), i, "%u", i);
}

DT_TEST(base_sqrt, takes_the_root_of_every_square)
{
    uint32_t i;
    for (i = 0; i <= 4096; i++)
        dt_eq(durai_sqrt((float)(i * i)), i, "%u", i);
}

DT_TEST(base_math, says_at_its_edges_what_is_documented)
{
    static const struct { const char *row; float (*f)(float); uint32_t x, want; } rows[] = {
        {"exp of 0", durai_exp, 0, 0x3F800000u},
        {"exp of -0", durai_exp, 0x80000000u, 0x3F800000u},
        {"exp of the last that is finite", durai_exp, 0x42B17217u, 0x7F7FFF84u},
        {"exp of the next", durai_exp, 0x42B17218u, 0x7F800000u},
        {"exp of infinity", durai_exp, 0x7F800000u, 0x7F800000u},
        {"exp of the last that is not 0", durai_exp, 0xC2CFF1B4u, 0x00000001u},
        {"exp of the next below", durai_exp, 0xC2CFF1B5u, 0},
        {"exp of -infinity", durai_exp, 0xFF800000u, 0},
        {"exp of a NaN with payload and sign", durai_exp, 0xFFA00001u, 0x7FC00000u},
        {"log of 1", durai_log, 0x3F800000u, 0},
        {"log of 0", durai_log, 0, 0xFF800000u},
        {"log of -0", durai_log, 0x80000000u, 0xFF800000u},
        {"log of -1", durai_log, 0xBF800000u, 0x7FC00000u},
        {"log of infinity", durai_log, 0x7F800000u, 0x7F800000u},
        {"log of -infinity", durai_log, 0xFF800000u, 0x7FC00000u},
        {"log of NaN", durai_log, 0x7FA00000u, 0x7FC00000u},
        {"log of the smallest", durai_log, 1, 0xC2CE8ED0u},
        {"cbrt of 0", durai_cbrt, 0, 0},
        {"cbrt of -0", durai_cbrt, 0x80000000u, 0x80000000u},
        {"cbrt of -infinity", durai_cbrt, 0xFF800000u, 0xFF800000u},
        {"cbrt of NaN", durai_cbrt, 0x7FC00001u, 0x7FC00001u},
        {"sqrt of 0", durai_sqrt, 0, 0},
        {"sqrt of -0", durai_sqrt, 0x80000000u, 0x80000000u},
        {"sqrt of -1", durai_sqrt, 0xBF800000u, 0x7FC00000u},
        {"sqrt of infinity", durai_sqrt, 0x7F800000u, 0x7F800000u},
        {"sqrt of NaN", durai_sqrt, 0xFFC00001u, 0x7FC00000u},
        {"sqrt of the smallest", durai_sqrt, 1, 0x1A3504F3u},
        {"sqrt of the largest", durai_sqrt, 0x7F7FFFFFu, 0x5F7FFFFFu},
    };
    size_t i;
    for (i = 0; i < sizeof rows / sizeof *rows; i++) {
        uint32_t got = durai_f32_bits(rows[i].f(durai_f32(rows[i].x)));
        dt_ok(got == rows[i].want, "%s: %08x, want %08x", rows[i].row, got, rows[i].want);
    }
}

/* Every target must make these: a CRC over results at fixed arguments. */
DT_TEST(base_math, gives_the_same_bits_on_every_target)
{
    uint32_t crc = 0, b;
    for (b = 77; b < 0xFF000000u; b += 0x3FFFFu) {
        uint8_t p[12];
        float x = durai_f32(b);
        durai_put32(p, durai_f32_bits(durai_exp(x)));
        durai_put32(p + 4, durai_f32_bits(durai_log(x)));
        durai_put32(p + 8, durai_f32_bits(durai_sqrt(x)));
        crc = durai_crc32c(crc, p, sizeof p);
    }
    dt_eq(crc, 0xAF78E46Cu, "the digest of 16384 x 3 results");
}

DT_TEST(base_math, rises_where_the_functions_do)
{
    float was_exp = 0.0f, was_log = durai_f32(0xFF800000u);
    int i;
    for (i = -10300; i < 8800; i++) {
        float y = durai_exp((float)i * 0.01f);
        dt_ok(y >= was_exp, "exp at %d / 100", i);
        was_exp = y;
    }
    for (i = 1; i < 20000; i++) {
        float y = durai_log((float)i * 0.01f);
        dt_ok(y >= was_log, "log at %d / 100", i);
        was_log = y;
    }
}
