/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the subset of libsodium built for cross targets still asks of the rest of it.
 *
 * The tests on these targets must give the same bytes everywhere, so nothing in them may
 * be random: whoever asks for randomness here has made a mistake and the program stops.
 * sodium_init() only picks faster implementations, and the subset has one of each.
 */
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>

static void no_randomness(void)
{
    fprintf(stderr, "randomness was asked for on a target that has none\n");
    abort();
}

uint32_t randombytes_random(void)
{
    no_randomness();
    return 0;
}

uint32_t randombytes_uniform(const uint32_t upper_bound)
{
    (void)upper_bound;
    no_randomness();
    return 0;
}

void randombytes_buf(void *const buf, const size_t size)
{
    (void)buf;
    (void)size;
    no_randomness();
}

int sodium_init(void)
{
    return 0;
}

int sodium_crit_enter(void)
{
    return 0;
}

int sodium_crit_leave(void)
{
    return 0;
}

void sodium_misuse(void)
{
    fprintf(stderr, "sodium_misuse\n");
    abort();
}
