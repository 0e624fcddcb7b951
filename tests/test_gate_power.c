/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The gate under power cuts, rot and a hand on its storage (rows A16, F1, F3, F4 of
 * docs/gate.md).
 *
 * Every storage operation of a story is cut in four ways (lost, half, garbage, done). Whatever
 * happened, either the old or the new one runs, no floor is lost, the journal's numbers rise, and
 * one more try ends in COMMITTED. tests/test_gate_cuts.c has the pairs and the chains of cuts.
 */
#include "dt.h"

#include "gate_rig.h"

static rig box, kept[3];

static void save(int i) { kept[i] = box; }
static void restore(int i) { box = kept[i]; } /* same place: pointers into it stay right */

static uint32_t runs;

/* What must hold after every restart. `floor_` and `seq` were durable before. */
static void sane(uint64_t floor_, uint64_t seq, const char *where, uint32_t a, uint32_t b)
{
    dura_gate_status s = rig_status(&box);
    float drives = rig_drives(&box);
    dt_ok(box.ram.started == s.slot && s.slot <= 2, "%s %u %u: started %d", where, a, b, box.ram.started);
    dt_ok(drives == 5.0f || drives == 6.0f, "%s %u %u: %f drives", where, a, b, (double)drives);
    dt_eq(s.version[DURA_COMPONENT_BRAIN], (int)drives, "%s %u %u", where, a, b);
    dt_eq(s.floor_[DURA_COMPONENT_BRAIN], (int)drives, "%s %u %u: the floor rises with the commit", where, a, b);
    dt_ok(s.floor_[DURA_COMPONENT_BRAIN] >= floor_, "%s %u %u: floor lost", where, a, b);
    dt_ok(s.seq >= seq, "%s %u %u: journal went back", where, a, b);
    for (int i = 0; i < 3; i++)
        dt_eq(box.region[i].flash.violations, 0, "%s %u %u: region %d", where, a, b, i);
    runs++;
}

/* An update that ends in the dark, at mutation `at`. */
static void cut_update(uint32_t at, uint32_t how)
{
    box.power.mutations = 0;
    box.power.cut_at = at;
    box.power.cut_how = (uint8_t)(how == RIG_LOST || how == RIG_GARBAGE ? DT_CUT_BEFORE
                                  : how == RIG_HALF                     ? DT_CUT_HALF
                                                                        : DT_CUT_AFTER);
    box.cut = (uint8_t)how;
    rig_boot(&box);
    if (rig_status(&box).version[DURA_COMPONENT_BRAIN] == 5)
        rig_update(&box);
}

static void retry(const char *where, uint32_t a, uint32_t b)
{
    if (rig_status(&box).version[DURA_COMPONENT_BRAIN] == 5)
        dt_eq(rig_update(&box), DURA_GATE_COMMITTED, "%s %u %u: no progress", where, a, b);
    dt_ok(rig_drives(&box) == 6.0f, "%s %u %u", where, a, b);
}

/* Restart, look, remember what is durable. */
static void restart(int mode, uint64_t seed, uint64_t *floor_, uint64_t *seq, const char *where, uint32_t a, uint32_t b)
{
    rig_reboot(&box, mode, seed);
    rig_boot(&box);
    sane(*floor_, *seq, where, a, b);
    *floor_ = rig_status(&box).floor_[DURA_COMPONENT_BRAIN];
    *seq = rig_status(&box).seq;
}

/* A box that runs 5 in slot A, 6 in the hand. Saved as 0. The mutations of an update. */
static uint32_t base(uint32_t erase, uint32_t prog, uint8_t erased, int sync)
{
    rig_init_as(&box, erase, prog, erased, sync);
    rig_boot(&box);
    rig_prepare(&box, 5);
    dt_eq(rig_update(&box), DURA_GATE_COMMITTED);
    rig_prepare(&box, 6);
    save(0);
    cut_update(0, 0);
    dt_eq(rig_status(&box).version[DURA_COMPONENT_BRAIN], 6);
    uint32_t n = box.power.mutations;
    restore(0);
    return n;
}

DT_TEST(gate_power, f1_a_fresh_box_never_lands_in_safe)
{
    rig_init(&box);
    rig_prepare(&box, 5);
    save(0);
    for (uint32_t i = 1; i < 200; i++)
        for (uint32_t how = 0; how < RIG_CUTS; how++) {
            restore(0);
            cut_update(0, 0);
            restore(0);
            box.power.cut_at = i;
            box.power.cut_how = (uint8_t)(how == RIG_GARBAGE ? DT_CUT_BEFORE : how);
            box.cut = (uint8_t)how;
            rig_boot(&box);
            rig_update(&box);
            int whole = !box.power.off;
            rig_reboot(&box, DT_NOOP, 0);
            dt_ok(rig_boot(&box) >= 0, "cut %u %u", i, how);
            dt_ok(rig_drives(&box) == 0.0f || rig_drives(&box) == 5.0f, "cut %u %u", i, how);
            if (rig_status(&box).version[DURA_COMPONENT_BRAIN] == 0)
                dt_eq(rig_update(&box), DURA_GATE_COMMITTED, "cut %u %u", i, how);
            if (whole)
                return;
        }
    dt_ok(0, "no update takes that long");
}

DT_TEST(gate_power, f1_a_cut_in_a_rollback_leaves_the_old_one)
{
    base(1024, 128, 0xFF, 0);
    box.alarm = DURA_WHY_OUTPUT;
    save(0);
    cut_update(0, 0);
    dt_eq(rig_status(&box).state, DURA_GATE_ROLLED_BACK);
    uint32_t n = box.power.mutations;
    for (uint32_t i = 1; i <= n; i++)
        for (uint32_t how = 0; how < RIG_CUTS; how++) {
            uint64_t floor_ = 5, seq;
            restore(0);
            cut_update(i, how);
            seq = rig_status(&box).seq;
            restart(DT_NOOP, 0, &floor_, &seq, "rollback", i, how);
            dt_ok(rig_drives(&box) == 5.0f, "cut %u %u", i, how);
            box.alarm = 0;
            retry("rollback", i, how);
        }
}

DT_TEST(gate_power, f1_a_policy_is_old_or_new)
{
    uint8_t none[32] = {0};
    rig_init(&box);
    rig_boot(&box);
    dura_release r = rig_release(&box, DURA_COMPONENT_POLICY, 7);
    rig_envelope(&box, &r);
    save(0);
    for (uint32_t i = 1, off = 1; off; i++)
        for (uint32_t how = 0; how < RIG_CUTS; how++) {
            restore(0);
            box.power.cut_at = i;
            box.power.cut_how = (uint8_t)(how == RIG_GARBAGE ? DT_CUT_BEFORE : how);
            box.cut = (uint8_t)how;
            rig_boot(&box);
            rig_update(&box);
            off = box.power.off;
            rig_reboot(&box, DT_NOOP, 0);
            dt_eq(rig_boot(&box), 0);
            dura_gate_status s = rig_status(&box);
            int new = s.version[DURA_COMPONENT_POLICY] == 7;
            dt_mem(s.policy, new ? r.digest : none, 32, "cut %u %u", i, how);
            dt_eq(s.floor_[DURA_COMPONENT_POLICY], new ? 7 : 0, "cut %u %u", i, how);
            dt_ok(new || rig_update(&box) == DURA_GATE_COMMITTED, "cut %u %u", i, how);
        }
}

/* ---- approvals ------------------------------------------------------------------------ */

/* What a person signed for the attempt `a`; asked for by a gate that wants two roles. */
static int give(const rig_approval *a, int which)
{
    static const int by[2] = {2, 3};
    return rig_approve(&box, a, &by[which], 1, NULL);
}

/* An update that needs both approvals, in the dark from mutation `at` on. *signed_: what was
 * signed for the first attempt; *acked: the keys whose approval was acknowledged. */
static void cut_approved(uint32_t at, uint32_t how, rig_approval *signed_, uint32_t *acked)
{
    *acked = 0;
    memset(signed_, 0, sizeof *signed_);
    box.power.mutations = 0;
    box.power.cut_at = at;
    box.power.cut_how = (uint8_t)(how == RIG_LOST || how == RIG_GARBAGE ? DT_CUT_BEFORE
                                  : how == RIG_HALF                     ? DT_CUT_HALF
                                                                        : DT_CUT_AFTER);
    box.cut = (uint8_t)how;
    rig_boot(&box);
    if (rig_status(&box).version[DURA_COMPONENT_BRAIN] != 5 || rig_offer(&box) != DURA_OK)
        return;
    *signed_ = rig_approval_of(&box);
    *acked |= give(signed_, 0) == DURA_OK ? 1u << 2 : 0;
    if (rig_send(&box, 700) == DURA_OK)
        rig_until(&box, DURA_GATE_ARMED);
    *acked |= give(signed_, 1) == DURA_OK ? 1u << 3 : 0;
    rig_until(&box, DURA_GATE_COMMITTED);
}

/* After the restart: what was acknowledged is there while the attempt goes on; when it is
 * over, nothing that was signed for it moves the next one. */
static void approvals_sane(const rig_approval *was, int n_was, uint32_t acked, uint32_t i, uint32_t how)
{
    const rig_approval *last = &was[n_was - 1];
    dura_gate_status s = rig_status(&box);
    if (s.version[DURA_COMPONENT_BRAIN] == 6)
        return;
    if (!rig_idle_state(s.state)) {
        dt_eq(s.approved & acked, acked, "cut %u %u: an acknowledged approval is lost", i, how);
        dt_ok(last->nonce == 0 || s.nonce == last->nonce, "cut %u %u: the attempt has another number", i, how);
        dt_eq(dura_gate_reset(box.ram.gate, &box.now), DURA_OK, "cut %u %u", i, how);
    }
    dt_eq(rig_offer(&box), DURA_OK, "cut %u %u", i, how);
    dt_eq(rig_send(&box, 700), DURA_OK, "cut %u %u", i, how);
    dt_eq(rig_until(&box, DURA_GATE_COMMITTED), DURA_GATE_ARMED, "cut %u %u: without approvals", i, how);
    dt_eq(rig_status(&box).approved, 0, "cut %u %u", i, how);
    for (int k = 0; k < 2 * n_was; k++)
        dt_ok(!was[k / 2].nonce || give(&was[k / 2], k % 2) == DURA_EDENIED, "cut %u %u: used again", i, how);
    dt_eq(rig_until(&box, DURA_GATE_COMMITTED), DURA_GATE_ARMED, "cut %u %u", i, how);
    rig_approval a = rig_approval_of(&box);
    dt_eq(give(&a, 0) | give(&a, 1), DURA_OK, "cut %u %u", i, how);
    dt_eq(rig_until(&box, DURA_GATE_COMMITTED), DURA_GATE_COMMITTED, "cut %u %u", i, how);
}

/* Two restarts: cut i, then cut k of what follows it, then the approvals of both attempts
 * are tried on a third. */
DT_TEST(gate_power, a15_no_approval_is_lost_or_counts_for_another_attempt)
{
    uint32_t n, acked;
    rig_approval was[2];
    base(1024, 128, 0xFF, 0);
    box.cfg.approve = 1 << DURA_ROLE_SECURITY | 1 << DURA_ROLE_SAFETY;
    box.cfg.probation_frames = 3; /* more frames take time and write nothing */
    save(0);
    cut_approved(0, 0, &was[0], &acked);
    dt_eq(acked, 1 << 2 | 1 << 3);
    dt_eq(rig_status(&box).version[DURA_COMPONENT_BRAIN], 6);
    n = box.power.mutations;
    runs = 0;
    for (uint32_t i = 1; i <= n; i++)
        for (uint32_t how = 0; how < RIG_CUTS; how++) {
            restore(0);
            cut_approved(i, how, &was[0], &acked);
            rig_reboot(&box, DT_NOOP, 0);
            save(1);
            rig_boot(&box);
            approvals_sane(was, 1, acked, i, how);
            for (uint32_t k = 1; k <= n; k++) {
                uint32_t again, by = (i + k) % RIG_CUTS;
                restore(1);
                rig_boot(&box);
                if (!rig_idle_state(rig_status(&box).state))
                    dt_ok(dura_gate_reset(box.ram.gate, &box.now) == DURA_OK);
                cut_approved(k, by, &was[1], &again);
                rig_reboot(&box, DT_NOOP, 0);
                rig_boot(&box);
                dt_ok(!was[0].nonce || was[0].nonce != was[1].nonce, "cut %u %u: one number twice", i, k);
                approvals_sane(was, 2, again, i * 100 + k, how);
                runs++;
            }
        }
    dt_ok(runs > 1000, "%u", runs);
    if (getenv("GATE_COUNT"))
        printf("%u runs\n", runs);
}

/* ---- records of version 2 -------------------------------------------------------------- */

/* The journal as it was written before: 464 bytes a record, `unit` apart, without nonce and
 * release. */
static void downgrade(uint32_t slot, uint32_t bank)
{
    static uint8_t old[RIG_JOURNAL], now[RIG_JOURNAL];
    dt_flash *f = &box.region[0].flash;
    uint32_t at[2] = {0, bank}, stride = (512 + f->prog_size - 1) & ~(f->prog_size - 1);
    memcpy(now, f->live, RIG_JOURNAL);
    memset(old, f->erased, sizeof old);
    for (uint32_t from = 0; from + 512 <= 2 * bank; from += stride) {
        uint32_t b = from / bank;
        uint8_t full[32], *r = now + from;
        rig_hash h;
        if (memcmp(r, "DGJ1", 4) != 0)
            continue;
        durai_put16(r + 4, 2);
        durai_put16(r + 6, 464);
        r[21] = 0;
        rig_hash_begin(&h, 100);
        rig_hash_add(&h, r, 440);
        rig_hash_end(&h, full);
        memcpy(r + 440, full, DURA_TAG_BYTES);
        memset(r + 456, 0, 4);
        durai_put32(r + 460, durai_crc32c(0, r, 460));
        memcpy(old + at[b], r, 464);
        at[b] += slot;
    }
    memcpy(f->live, old, RIG_JOURNAL);
    memcpy(f->durable, old, RIG_JOURNAL);
}

DT_TEST(gate_power, reads_a_journal_of_version_2_and_loses_nothing_in_going_on)
{
    static const struct { uint32_t erase, prog, slot, bank; } rows[] = {
        {1024, 128, 512, 1024}, {1024, 32, 480, 1024}, {1024, 1, 464, 1024}, {2048, 16, 464, 2048}, {64, 16, 464, 512}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        base(rows[i].erase, rows[i].prog, 0xFF, 0);
        uint64_t seq = rig_boot(&box) == 1 ? rig_status(&box).seq : 0;
        downgrade(rows[i].slot, rows[i].bank);
        box.cfg.fresh = 0;
        save(2);
        dt_eq(rig_boot(&box), 1, "row %zu", i);
        dt_eq(rig_status(&box).seq, seq, "row %zu: the newest of them", i);
        dt_eq(rig_status(&box).floor_[DURA_COMPONENT_BRAIN], 5, "row %zu", i);
        for (uint32_t cut = 1, off = 1; off; cut++)
            for (uint32_t how = 0; how < RIG_CUTS; how++) {
                uint64_t floor_ = 5, last = seq;
                restore(2);
                cut_update(cut, how);
                off = box.power.off;
                restart(DT_NOOP, 0, &floor_, &last, "version 2", cut, how);
                retry("version 2", cut, how);
                dt_eq(rig_boot(&box), 2, "row %zu cut %u %u", i, cut, how);
            }
    }
}

DT_TEST(gate_power, f4_a_long_brain_resumes_where_it_was_noted)
{
    enum { LONG = 200000, SLOT = 262144 };
    static uint8_t memory[2][2 * SLOT];
    static uint8_t image[LONG];
    rig_init(&box);
    for (uint32_t i = 1; i < 3; i++) {
        rig_region *r = &box.region[i];
        dt_eq(dt_flash_init(&r->flash, memory[i - 1], sizeof memory[0], SLOT, 4096, 128, 0xFF, &box.power), 0);
        r->flash.no_sync = 1;
        r->inner = dt_flash_region(&r->flash);
        r->outer.size = SLOT;
        r->outer.erase_size = 4096;
    }
    box.arena_cap = SLOT;
    rig_boot(&box);
    dura_release r = rig_release(&box, DURA_COMPONENT_BRAIN, 5);
    for (size_t i = 0; i < LONG; i++)
        image[i] = (uint8_t)(i * 7 >> 3);
    r.length = LONG;
    rig_digest(r.digest, image, LONG);
    rig_envelope(&box, &r);
    dt_eq(rig_offer(&box), DURA_OK);
    dt_eq(dura_gate_write(box.ram.gate, 0, image, 140000, &box.now), DURA_OK);
    dt_eq(rig_status(&box).offset, 140000);
    dt_eq(rig_boot(&box), 0);
    dt_eq(rig_status(&box).offset, 131072, "two times 64 KiB");
    dt_eq(dura_gate_write(box.ram.gate, 131072, image + 131072, LONG - 131072, &box.now), DURA_OK);
    box.arena_busy = 1; /* too long for the arena of this rig */
    dt_eq(rig_until(&box, DURA_GATE_STAGED), DURA_GATE_STAGED, "the whole of it reads back");
    dt_eq(box.region[1].flash.violations, 0);
    dt_ok(rig_status(&box).seq <= 8, "few records");
}

/* ---- rot ---------------------------------------------------------------------------- */

DT_TEST(gate_rot, f3_every_bit_of_the_journal)
{
    uint32_t state_changed = 0;
    base(1024, 128, 0xFF, 0);
    rig_boot(&box);
    dt_eq(rig_update(&box), DURA_GATE_COMMITTED);
    box.cfg.fresh = 0;
    save(0);
    for (uint32_t bit = 0; bit < RIG_JOURNAL * 8; bit++) {
        if (bit % 8 != bit / 8 % 8 && bit / 8 % 16 != 3) /* every byte, and each bit of some */
            continue;
        restore(0);
        dt_flash_flip(&box.region[0].flash, bit / 8, (uint8_t)(1u << bit % 8));
        rig_boot(&box);
        dura_gate_status s = rig_status(&box);
        float drives = rig_drives(&box);
        dt_ok(drives == 5.0f || drives == 6.0f || (drives == -1.0f && s.state == DURA_GATE_SAFE), "bit %u: %f", bit,
              (double)drives);
        state_changed += s.state != DURA_GATE_COMMITTED;
        dt_eq(box.ram.candidate, RIG_ELSEWHERE, "bit %u", bit);
    }
    dt_ok(state_changed > 0, "the newest record was never hit");
}

DT_TEST(gate_rot, a_journal_of_another_box_is_none)
{
    base(1024, 128, 0xFF, 0);
    box.cfg.fresh = 0;
    box.device_key = 1;
    dt_eq(rig_boot(&box), DURA_EDENIED);
    dt_eq(rig_status(&box).state, DURA_GATE_SAFE);
    box.device_key = 0;
    box.no_mac = 1;
    dt_eq(rig_boot(&box), DURA_EDENIED, "records with a tag are none without the key");
}

DT_TEST(gate_rot, without_a_key_the_checksum_still_finds_rot)
{
    rig_init(&box);
    box.no_mac = 1;
    rig_boot(&box);
    rig_prepare(&box, 5);
    dt_eq(rig_update(&box), DURA_GATE_COMMITTED);
    dt_eq(rig_boot(&box), 1);
    box.cfg.fresh = 0;
    for (uint32_t i = 0; i < 2048; i++) {
        dt_flash_flip(&box.region[0].flash, i, 0x10);
        rig_boot(&box);
        dt_ok(rig_drives(&box) == 5.0f || rig_status(&box).state == DURA_GATE_SAFE ||
                  rig_status(&box).state == DURA_GATE_ROLLED_BACK,
              "byte %u", i);
        dt_flash_flip(&box.region[0].flash, i, 0x10);
    }
}

/* Between any two steps a bit of the candidate's slot changes: either it is noticed, or the
 * right bytes had been opened already; what drives is what was signed, always. */
DT_TEST(gate_rot, a16_a_bit_between_any_two_steps)
{
    uint32_t rejected = 0, committed = 0;
    base(1024, 128, 0xFF, 0);
    size_t len = box.image_len;
    for (uint32_t when = 0; when < 120; when++) {
        restore(0);
        rig_boot(&box);
        dt_eq(rig_offer(&box), DURA_OK);
        dt_eq(rig_send(&box, 100), DURA_OK);
        uint32_t step = 0;
        for (; step < 300 && !rig_idle_state(rig_status(&box).state); step++) {
            if (step == when)
                dt_flash_flip(&box.region[2].flash, (uint32_t)((when * 37 + 48) % len), (uint8_t)(1u << when % 8));
            dt_ok(dura_gate_step(box.ram.gate, &box.now, 1) >= 0);
            dt_ok(box.ram.drives == box.ram.champion || box.ram.bias[box.ram.drives] == 6.0f, "step %u", when);
        }
        dura_gate_status s = rig_status(&box);
        float drives = rig_drives(&box);
        dt_ok(drives == (s.state == DURA_GATE_COMMITTED ? 6.0f : 5.0f), "step %u", when);
        rejected += s.state != DURA_GATE_COMMITTED;
        committed += s.state == DURA_GATE_COMMITTED;
        rig_boot(&box);
        drives = rig_drives(&box);
        dt_ok(drives == 5.0f || drives == 6.0f || rig_status(&box).state == DURA_GATE_SAFE, "step %u", when);
        if (step <= when)
            break;
    }
    dt_ok(rejected > 5 && committed >= 1, "%u rejected, %u committed", rejected, committed);
}
