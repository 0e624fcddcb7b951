/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any numbers as a basis. The first bytes choose channels, components and the average; the
 * rest are the values, as they are; and once more over a sound basis, so that what only
 * a careful forger does is met too. Whatever comes:
 *   what is refused gives no object;
 *   under what is taken every frame gives finite numbers, parts that are finite, add up and
 *   name each channel once; frames with too many channels missing change nothing.
 */
#include "../src/base/dura_base_priv.h"

#include <dura/mspc.h>

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { N_MOST = 9, K_MOST = 8, COUNT_MOST = 2 * N_MOST + K_MOST + K_MOST * N_MOST + 5, STEPS = 24 };

static uint64_t memory[64];
static float values[COUNT_MOST];

static void must(int holds)
{
    if (!holds)
        abort();
}

static float number(const uint8_t *data, size_t size, size_t at)
{
    static const uint32_t extreme[8] = {0x7F7FFFFFu, 0xFF7FFFFFu, 1u, 0x40000000u, 0x7F800000u, 0x7FC00000u, 0xBF800000u, 0u};
    if (at % 5 == 4 || size < 4)
        return durai_f32(extreme[at / 5 % 8]);
    return durai_f32(durai_le32(data + at * 4 % (size - 3)));
}

static void parts(dura_mspc *m, uint32_t n)
{
    const dura_mspc_calls *p = dura_mspc_part();
    dura_mspc_share s[N_MOST];
    dura_mspc_state q = DURA_MSPC_STATE_INIT;
    float r[N_MOST], spe = 0.0f;
    uint32_t seen = 0, i;
    must(p->query(m, &q) == DURA_OK && durai_finite(q.t2) && durai_finite(q.spe));
    must(durai_finite(q.average_t2) && durai_finite(q.average_spe));
    must(p->residuals(m, r, n) == DURA_OK && p->blame(m, s, n) == (int)n);
    for (i = 0; i < n; i++) {
        must(durai_finite(r[i]) && durai_finite(s[i].unexplained) && durai_finite(s[i].t2) && durai_finite(s[i].spe));
        must(s[i].channel < n && !(seen & 1u << s[i].channel));
        seen |= 1u << s[i].channel;
        spe += s[i].spe;
    }
    must(spe >= q.average_spe * 0.999f && spe <= q.average_spe * 1.001f + 1e-30f);
}

static void offer(const dura_mspc_basis *b, const uint8_t *data, size_t size)
{
    const dura_mspc_calls *p = dura_mspc_part();
    dura_mspc *m = (dura_mspc *)(void *)memory;
    size_t need = p->bytes(b), at = 0;
    uint32_t t, i;
    int rc = p->init(&m, memory, sizeof memory, b);
    must(need > 0 && need <= sizeof memory);
    must(rc == DURA_OK || rc == DURA_ECORRUPT);
    must((rc == DURA_OK) == (m != NULL));
    for (t = 0; rc == DURA_OK && t < STEPS; t++) {
        float x[N_MOST], out[2] = {3.0f, 3.0f};
        uint8_t missing[N_MOST];
        int replaced;
        for (i = 0; i < b->n_channels; i++, at++) {
            x[i] = number(data, size, at);
            missing[i] = t % 3 == 0 && x[i] < 0.0f;
        }
        replaced = p->update(m, x, t % 2 ? missing : NULL, b->n_channels, out);
        must(replaced == DURA_ENOENT || (replaced >= 0 && replaced <= b->n_channels / 4));
        must(durai_finite(out[0]) && durai_finite(out[1]) && (replaced >= 0 || (out[0] == 3.0f && out[1] == 3.0f)));
        if (replaced >= 0)
            parts(m, b->n_channels);
    }
}

/* A sound basis: the components are the first axes. */
static void sound(const dura_mspc_basis *b)
{
    uint32_t n = b->n_channels, k = b->n_components, i, a;
    for (i = 0; i < b->n_values; i++)
        values[i] = 0.0f;
    for (i = 0; i < n; i++)
        values[n + i] = 1.0f;
    for (a = 0; a < k; a++) {
        values[2 * n + a] = (float)(2 * k - a);
        values[2 * n + k + a * n + a] = 1.0f;
    }
    for (i = 0; i < 5; i++)
        values[b->n_values - 1 - i] = 1.0f;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    dura_mspc_basis b = DURA_MSPC_BASIS_INIT;
    uint32_t i;
    if (size < 4)
        return 0;
    b.n_channels = (uint16_t)(2 + data[0] % (N_MOST - 1));
    b.n_components = (uint16_t)(1 + data[1] % (b.n_channels - 1));
    b.newest = data[2] % 2 ? 0.25f : 0.0f;
    b.n_values = (uint32_t)DURA_MSPC_VALUES(b.n_channels, b.n_components);
    b.values = values;
    for (i = 0; i < b.n_values; i++)
        values[i] = 4 * i + 8 <= size ? durai_f32(durai_le32(data + 4 + 4 * i)) : 0.0f;
    offer(&b, data, size);
    sound(&b);
    for (i = 0; 8 * i + 12 <= size && i < 4; i++)   /* index, value */
        values[durai_le32(data + 4 + 8 * i) % b.n_values] = durai_f32(durai_le32(data + 8 + 8 * i));
    offer(&b, data, size);
    return 0;
}
