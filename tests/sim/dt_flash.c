/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A storage region that keeps only what was synced.
 *
 * Two images: `live`, which reads see, and `durable`, which a reboot starts from. What
 * lies between them is a journal of operations; a reboot replays some of it, as the mode
 * says. That covers NOR flash (operations tear), a disk with a volatile cache (they
 * reorder) and a file system's page cache (they scatter). Programming a byte that is not
 * erased, going out of range or off alignment is the caller's fault: counted, refused.
 */
#include "dt_sim.h"

#include <string.h>

#define PIECE 64u   /* DT_SCATTERED; below every cache line and sector in use */

static int power_of_two(uint32_t v)
{
    return v && !(v & (v - 1));
}

int dt_flash_init(dt_flash *f, void *mem, size_t len, uint32_t size, uint32_t erase_size,
                  uint32_t prog_size, uint8_t erased, dt_power *power)
{
    if (!power_of_two(erase_size) || !power_of_two(prog_size) || prog_size > erase_size || !size ||
        size % erase_size || (erased != 0x00 && erased != 0xFF))
        return DURA_EINVAL;
    if (len < DT_FLASH_BYTES(size, 0) || len - DT_FLASH_BYTES(size, 0) > UINT32_MAX)
        return DURA_ENOSPC;
    memset(f, 0, sizeof *f);
    f->live = mem;
    f->durable = f->live + size;
    f->journal = f->durable + size;
    f->journal_size = (uint32_t)(len - DT_FLASH_BYTES(size, 0));
    f->size = size;
    f->erase_size = erase_size;
    f->prog_size = prog_size;
    f->erased = erased;
    f->power = power;
    memset(f->live, erased, 2u * (size_t)size);
    return 0;
}

/* Apply the first `len` bytes of an operation to an image. */
static void apply(const dt_flash *f, uint8_t *image, const dt_flash_op *op, uint32_t from, uint32_t len)
{
    if (op->kind == DT_ERASE)
        memset(image + op->off + from, f->erased, len);
    else
        memcpy(image + op->off + from, f->journal + op->data + from, len);
}

/* The first n operations reach the medium. */
static void write_back(dt_flash *f, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++)
        apply(f, f->durable, &f->op[i], 0, f->op[i].len);
    memmove(f->op, f->op + n, (f->n_ops - n) * sizeof f->op[0]);
    f->n_ops -= n;
    if (!f->n_ops)
        f->journal_used = 0;
}

/* Room for one more operation with `len` bytes; a full cache writes back, as real ones do. */
static int make_room(dt_flash *f, uint32_t len)
{
    if (f->n_ops < DT_FLASH_OPS && f->journal_size - f->journal_used >= len)
        return 1;
    f->writebacks++;
    write_back(f, f->n_ops);
    return f->journal_size >= len;
}

/* Do one operation on the live image and remember it as not synced. */
static void record(dt_flash *f, uint32_t kind, uint32_t off, const void *buf, uint32_t len)
{
    uint32_t want = kind == DT_PROG ? len : 0;
    int held = !f->no_sync && make_room(f, want);
    dt_flash_op op = {kind, off, len, f->journal_used};
    if (kind == DT_ERASE)
        memset(f->live + off, f->erased, len);
    else
        memcpy(f->live + off, buf, len);
    if (!held) { /* longer than the whole journal: goes through */
        memcpy(f->durable + off, f->live + off, len);
        return;
    }
    memcpy(f->journal + f->journal_used, f->live + off, want);
    f->journal_used += want;
    f->op[f->n_ops++] = op;
}

static int violation(dt_flash *f)
{
    f->violations++;
    return DT_EVIOLATION;
}

static int in_range(const dt_flash *f, uint64_t off, size_t len)
{
    return off <= f->size && len <= f->size - off;
}

static int flash_read(void *user, uint64_t off, void *buf, size_t len)
{
    dt_flash *f = user;
    if (!in_range(f, off, len))
        return violation(f);
    int rc = dt_power_call(f->power, DT_READ);
    if (rc < 0)
        return rc;
    memcpy(buf, f->live + off, len);
    f->reads++;
    f->bytes_read += len;
    return 0;
}

static int is_erased(const dt_flash *f, uint32_t off, size_t len)
{
    const uint8_t *p = f->live + off;
    return len == 0 || (*p == f->erased && memcmp(p, p + 1, len - 1) == 0);
}

/* How much of an operation happens: all of it, or what the cut or the fault leaves. */
static uint32_t reach(const dt_flash *f, int rc, uint32_t len)
{
    if (rc < 0)
        return !f->power->off && f->power->fail_half ? len / 2 : 0;
    if (rc != DT_CUT_NOW || f->power->cut_how == DT_CUT_AFTER)
        return len;
    return f->power->cut_how == DT_CUT_HALF ? len / 2 : 0;
}

static int flash_prog(void *user, uint64_t off, const void *buf, size_t len)
{
    dt_flash *f = user;
    if (!in_range(f, off, len) || off % f->prog_size || len % f->prog_size ||
        !is_erased(f, (uint32_t)off, len))
        return violation(f);
    int rc = dt_power_call(f->power, DT_PROG);
    uint32_t n = reach(f, rc, (uint32_t)len);
    if (n)
        record(f, DT_PROG, (uint32_t)off, buf, n);
    f->progs += n != 0;
    f->bytes_programmed += n;
    return rc == DT_CUT_NOW ? DT_EPOWER : rc;
}

static int flash_erase(void *user, uint64_t off, size_t len)
{
    dt_flash *f = user;
    if (!in_range(f, off, len) || off % f->erase_size || len % f->erase_size)
        return violation(f);
    int rc = dt_power_call(f->power, DT_ERASE);
    uint32_t n = reach(f, rc, (uint32_t)len);
    if (n)
        record(f, DT_ERASE, (uint32_t)off, NULL, n);
    f->erases += n != 0;
    return rc == DT_CUT_NOW ? DT_EPOWER : rc;
}

static int flash_sync(void *user)
{
    dt_flash *f = user;
    int rc = dt_power_call(f->power, DT_SYNC);
    if (rc < 0)
        return rc;
    write_back(f, reach(f, rc, f->n_ops));
    f->syncs++;
    return rc == DT_CUT_NOW ? DT_EPOWER : 0;
}

dura_region dt_flash_region(dt_flash *f)
{
    dura_region r;
    memset(&r, 0, sizeof r);
    r.struct_size = (uint32_t)sizeof r;
    r.erase_size = f->erase_size;
    r.prog_size = f->prog_size;
    r.size = f->size;
    r.user = f;
    r.read = flash_read;
    r.prog = flash_prog;
    r.erase = flash_erase;
    r.sync = f->no_sync ? NULL : flash_sync;
    return r;
}

/* What becomes of one operation in the modes that judge them one at a time. */
static void settle(dt_flash *f, const dt_flash_op *op, int mode, uint64_t *rng)
{
    if (mode == DT_KEPT) {
        apply(f, f->durable, op, 0, op->len);
    } else if (mode == DT_TORN) {
        uint32_t how = dt_below(rng, 3);
        uint32_t part = how == 2 ? dt_below(rng, op->len) : op->len;
        if (how)
            apply(f, f->durable, op, 0, part);
    } else if (mode == DT_SCATTERED) {
        for (uint32_t at = 0; at < op->len; at += PIECE)
            if (dt_below(rng, 2))
                apply(f, f->durable, op, at, op->len - at < PIECE ? op->len - at : PIECE);
    }
}

/* Fisher-Yates; each operation is then kept with one chance in two. */
static void settle_reordered(dt_flash *f, uint64_t *rng)
{
    for (uint32_t left = f->n_ops; left; left--) {
        uint32_t pick = dt_below(rng, left);
        dt_flash_op op = f->op[pick];
        f->op[pick] = f->op[left - 1];
        if (dt_below(rng, 2))
            apply(f, f->durable, &op, 0, op.len);
    }
}

void dt_flash_reboot(dt_flash *f, int mode, uint64_t seed)
{
    uint64_t rng = seed;
    if (mode == DT_REORDERED)
        settle_reordered(f, &rng);
    else
        for (uint32_t i = 0; i < f->n_ops; i++)
            settle(f, &f->op[i], mode, &rng);
    f->n_ops = 0;
    f->journal_used = 0;
    memcpy(f->live, f->durable, f->size);
}

void dt_flash_flip(dt_flash *f, uint32_t off, uint8_t bits)
{
    f->live[off] ^= bits;
    f->durable[off] ^= bits;
}
