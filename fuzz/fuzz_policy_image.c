/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as a packed policy or linear model, as they are and with length and checksum
 * repaired, as an enemy would. What is accepted can be read to its last field, keeps what
 * the format promises, and a flipped bit of it is refused.
 */
#include <dura/host/pack.h>
#include <stdlib.h>
#include <string.h>

#include "base/dura_base_priv.h"
#include "guard/dura_guard_policy.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void want(int ok)
{
    if (!ok)
        abort();
}

static void read_policy(const uint8_t *p)
{
    durai_policy_device d;
    durai_policy_channel c;
    durai_policy_output o;
    want(durai_policy_get_device(p, &d) == DURA_OK && strlen(d.name) >= 1 && strlen(d.name) <= 63);
    want(d.n_channels >= 1 && d.n_outputs >= 1 && (d.n_inputs >= 1) != (d.n_features >= 1));
    for (uint32_t i = 0; i < d.n_channels; i++) {
        want(durai_policy_get_channel(p, i, &c) == DURA_OK && c.checks >= 1 && c.checks <= 31);
        want(c.fail_lo <= c.suspect_lo && c.suspect_lo <= c.suspect_hi && c.suspect_hi <= c.fail_hi);
        want(c.rate_suspect <= c.rate_fail && c.flat_suspect_ms <= c.flat_fail_ms);
    }
    for (uint32_t i = 0; i < d.n_outputs; i++)
        want(durai_policy_get_output(p, i, &o) == DURA_OK && o.lo <= o.safe && o.safe <= o.hi && o.rate >= 0);
    for (uint32_t i = 0; i < d.n_inputs; i++)
        want(durai_policy_get_input(p, i) < d.n_channels);
}

static void read_names(const uint8_t *p, size_t n, int what)
{
    static const char *names[1024], *units[1024];
    size_t count = 0;
    int rc = dura_pack_names(p, n, what, names, units, 1024, &count);
    for (size_t i = 0; rc == DURA_OK && i < count; i++)
        want(strlen(names[i]) >= (what != DURA_NAMES_OUTPUTS) && strlen(names[i]) <= 63 && strlen(units[i]) <= 63);
}

static void run_linear(const uint8_t *p, size_t n)
{
    static float x[DURA_MODEL_INPUTS_MAX], y[DURA_OUTPUTS_MAX];
    dura_fn fn = DURA_FN_INIT;
    want(dura_linear_fn(&fn, p, n) == DURA_OK);
    want(fn.call(fn.user, x, fn.n_inputs, y, fn.n_outputs) == DURA_OK);
}

static void examine(uint8_t *p, size_t n)
{
    int rc = durai_policy_check(p, n);
    if (rc == DURA_OK)
        read_policy(p);
    else
        want(rc == DURA_EINVAL || rc == DURA_EVERSION || rc == DURA_ECORRUPT);
    if (dura_linear_check(p, n) == DURA_OK)
        run_linear(p, n);
    for (int what = DURA_NAMES_CHANNELS; what <= DURA_NAMES_FEATURES; what++)
        read_names(p, n, what);
    if (dura_pack_check(p, n, NULL) == DURA_OK) {
        p[n / 2] ^= 1;
        want(dura_pack_check(p, n, NULL) < 0);
        p[n / 2] ^= 1;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t *p = malloc(size ? size : 1);
    want(p != NULL);
    if (size)
        memcpy(p, data, size);
    examine(p, size);
    if (size >= 24) {
        durai_put32(p + 8, (uint32_t)size);
        durai_put32(p + size - 4, durai_crc32c(0, p, size - 4));
        examine(p, size);
    }
    free(p);
    return 0;
}
