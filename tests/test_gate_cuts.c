/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Power cuts of whole updates, as many as can be had (row F1 of docs/gate.md): every storage
 * operation x {lost, half, done, garbage}, and every pair of such cuts, in four stories over
 * several geometries, with and without a cache that tears and reorders what was not synced.
 *
 * One update is run through; before each operation the four things a cut would leave are done to
 * the storage, kept, and undone. What was kept is started from later: the same way again, with
 * the second cuts. So a pair costs one restart and one update, not the three before them.
 *
 * After every restart either the old or the new one runs, no floor is lost, the journal's numbers
 * rise, an approval of another attempt is refused and one that was acknowledged is there; and one
 * more try ends in COMMITTED. DURA_POWER_RUNS=n in the environment: a soak of n runs, chains of up
 * to six cuts drawn from DURA_POWER_SEED (scripts/soak_gate_power.sh).
 */
#include "dt.h"

#include "gate_rig.h"

#include <stdlib.h>

enum { SLOT = 2048, STORAGE = RIG_JOURNAL + 2 * SLOT, SHOTS = 800, AGAIN = 180, NONCES = 8 };

/* Stories. */
enum { BRAIN = 0, APPROVED = 1, ROLLBACK = 2, FIRST = 3, STORIES = 4 };
enum { SECURITY = 2, SAFETY = 3 };            /* numbers of the rig's keys */

/* What a cut leaves, and what was durable or acknowledged before it. */
typedef struct shot {
    uint8_t bytes[STORAGE];
    uint64_t floor_, seq;
    uint64_t nonce[NONCES];                   /* of attempts that approvals were signed for */
    uint32_t acked;                           /* keys whose approval of the last one was acknowledged */
    uint32_t n_nonces;
} shot;

typedef struct geometry { uint32_t erase, prog; uint8_t erased, sync; } geometry;

static const geometry geometries[] = {{1024, 128, 0xFF, 0}, {512, 1, 0x00, 0}, {64, 16, 0xFF, 0}, {2048, 512, 0x00, 0},
                                      {1024, 128, 0xFF, 1}, {512, 1, 0x00, 1}, {64, 16, 0xFF, 1}, {2048, 256, 0xFF, 1}};

static rig box;
static shot first, found[SHOTS], again[AGAIN], now_;
static shot *keep;                            /* where the next shots go; NULL: none are taken */
static uint32_t kept_, room, runs, story;
static uint64_t rng;
static const char *where;
static uint32_t at_a, at_b;

/* ---- storage ------------------------------------------------------------------------- */

static const uint32_t sizes[3] = {RIG_JOURNAL, SLOT, SLOT};

static void take(shot *s)
{
    uint8_t *to = s->bytes;
    *s = now_;
    to = s->bytes;
    for (uint32_t i = 0; i < 3; to += sizes[i++])
        memcpy(to, box.region[i].flash.live, sizes[i]);
}

static void load(const shot *s)
{
    const uint8_t *from = s->bytes;
    for (uint32_t i = 0; i < 3; from += sizes[i++]) {
        dt_flash *f = &box.region[i].flash;
        memcpy(f->live, from, sizes[i]);
        memcpy(f->durable, from, sizes[i]);
        f->n_ops = f->journal_used = f->violations = 0;
    }
    now_ = *s;
    dt_power_on(&box.power);
    box.noise = at_a * 1000003u + at_b;
}

static void reboot(int mode)
{
    for (uint32_t i = 0; i < 3; i++)
        dt_flash_reboot(&box.region[i].flash, mode, dt_random(&rng));
    dt_power_on(&box.power);
}

static void plan(uint32_t at, uint32_t how)
{
    box.power.mutations = 0;
    box.power.cut_at = at;
    box.power.cut_how = (uint8_t)(how == RIG_HALF ? DT_CUT_HALF : how == RIG_DONE ? DT_CUT_AFTER : DT_CUT_BEFORE);
    box.cut = (uint8_t)how;
}

/* The three devices as they are, to come back to. */
typedef struct held { dt_flash flash[3]; uint8_t memory[3][2 * SLOT + RIG_CACHE + RIG_JOURNAL]; } held;
static held before;

static void hold(int back)
{
    for (uint32_t i = 0; i < 3; i++) {
        dt_flash *f = &box.region[i].flash;
        size_t used = 2u * sizes[i] + f->journal_used;
        if (back) {
            *f = before.flash[i];
            memcpy(f->live, before.memory[i], 2u * sizes[i] + f->journal_used);
        } else {
            before.flash[i] = *f;
            memcpy(before.memory[i], f->live, used);
        }
    }
}

/* One operation, and before it what cuts in it would leave. */
static int operation(rig_region *r, uint32_t kind, uint64_t off, const void *buf, size_t n)
{
    int modes = box.region[0].flash.no_sync ? 1 : keep == again ? 1 : DT_MODES;
    /* Without a cache a lost operation leaves what the one before it left when it was done. */
    uint32_t begin_at = keep == again && kept_ && box.region[0].flash.no_sync ? RIG_HALF : RIG_LOST;
    for (uint32_t how = begin_at; keep && how < RIG_CUTS; how++)
        for (int m = 0; m < modes; m++) {
            int mode = modes > 1 ? m : box.region[0].flash.no_sync ? DT_NOOP : (int)((kept_ + how) % DT_MODES);
            if (kept_ == room)
                dt_ok(0, "%s: more than %u shots", where, room);
            if (how == begin_at && m == 0)
                hold(0);
            plan(1, how);
            (void)!(kind == DT_PROG ? rig_prog(r, off, buf, n) : kind == DT_ERASE ? rig_erase(r, off, n) : rig_sync(r));
            reboot(mode);
            take(&keep[kept_++]);
            hold(1);
        }
    return kind == DT_PROG ? rig_prog(r, off, buf, n) : kind == DT_ERASE ? rig_erase(r, off, n) : rig_sync(r);
}

static int cut_prog(void *user, uint64_t off, const void *buf, size_t n) { return operation(user, DT_PROG, off, buf, n); }
static int cut_erase(void *user, uint64_t off, size_t n) { return operation(user, DT_ERASE, off, NULL, n); }
static int cut_sync(void *user) { return operation(user, DT_SYNC, 0, NULL, 0); }

/* ---- an update ----------------------------------------------------------------------- */

static uint64_t target(void) { return story == FIRST ? 5 : 6; }

/* Approvals of attempts that are over are refused; those of this one are given and noted. */
static void approve(const dura_gate_status *s)
{
    static const int by[2] = {SECURITY, SAFETY};
    rig_approval a = rig_approval_of(&box);
    for (uint32_t i = 0; i < now_.n_nonces; i++) {
        uint32_t why;
        a.nonce = now_.nonce[i];
        if (a.nonce != s->nonce && (rig_approve(&box, &a, by, 2, &why) != DURA_EDENIED || why != DURA_WHY_REPLAY))
            dt_ok(0, "%s %u %u: an approval of attempt %u counts for another", where, at_a, at_b, (unsigned)a.nonce);
    }
    a.nonce = s->nonce;
    if (now_.n_nonces == 0 || now_.nonce[now_.n_nonces - 1] != s->nonce) {
        now_.n_nonces -= now_.n_nonces == NONCES;
        now_.nonce[now_.n_nonces++] = s->nonce;
        now_.acked = 0;
    } else if ((s->approved & now_.acked) != now_.acked) {
        dt_ok(0, "%s %u %u: an acknowledged approval is lost", where, at_a, at_b);
    }
    for (uint32_t k = 0; k < 2 && !box.power.off; k++)
        if (rig_approve(&box, &a, &by[k], 1, NULL) == DURA_OK)
            now_.acked |= 1u << by[k];
}

/* As far as it goes: to an end, or into the dark. The state. */
static int drive(void)
{
    dura_gate_status s = rig_status(&box);
    if (s.version[DURA_COMPONENT_BRAIN] == target())
        return s.state;
    if (rig_idle_state(s.state) && rig_offer(&box) != DURA_OK)
        return rig_status(&box).state;
    if (rig_status(&box).state <= DURA_GATE_STAGING && rig_send(&box, 700) != DURA_OK)
        return rig_status(&box).state;
    if (box.cfg.approve && !box.power.off && !rig_idle_state((s = rig_status(&box)).state))
        approve(&s);
    for (int i = 0; i < 60 && !box.power.off; i++) {
        (void)!dura_gate_step(box.ram.gate, &box.now, 100);
        if (rig_idle_state((s = rig_status(&box)).state))
            break;
        now_.floor_ = s.floor_[DURA_COMPONENT_BRAIN];
        now_.seq = s.seq;
    }
    return rig_status(&box).state;
}

/* After a restart. What is told once is told with its place. */
static void sane(void)
{
    dura_gate_status s = rig_status(&box);
    float drives = rig_drives(&box);
    uint64_t version = s.version[DURA_COMPONENT_BRAIN], floor_ = s.floor_[DURA_COMPONENT_BRAIN];
    uint64_t old = story == FIRST ? 0 : 5;
    int ok = box.ram.started == s.slot && s.slot <= 2 && (version == target() || version == old) && (float)version == drives;
    dt_ok(ok, "%s %u %u: brick: started %d, %f drives", where, at_a, at_b, box.ram.started, (double)drives);
    dt_ok(floor_ == version && floor_ >= now_.floor_, "%s %u %u: floor lost", where, at_a, at_b);
    dt_ok(s.seq >= now_.seq, "%s %u %u: the journal went back", where, at_a, at_b);
    dt_ok(!box.alarm || version == old, "%s %u %u: kept in spite of an alarm", where, at_a, at_b);
    for (int i = 0; i < 3; i++)
        dt_eq(box.region[i].flash.violations, 0, "%s %u %u: region %d", where, at_a, at_b, i);
    now_.floor_ = floor_;
    now_.seq = s.seq;
    runs++;
}

/* One more try, nothing in its way. */
static void retry(void)
{
    uint32_t alarm = box.alarm;
    shot *were = keep;
    keep = alarm ? NULL : keep;
    box.alarm = 0;
    if (alarm && !rig_idle_state(rig_status(&box).state))
        (void)!drive(); /* the one in hand, without its alarm */
    if (rig_status(&box).version[DURA_COMPONENT_BRAIN] != target())
        dt_eq(drive(), DURA_GATE_COMMITTED, "%s %u %u: no progress", where, at_a, at_b);
    dt_ok(rig_drives(&box) == (float)target(), "%s %u %u: %f drives", where, at_a, at_b, (double)rig_drives(&box));
    box.alarm = alarm;
    keep = were;
}

/* ---- stories -------------------------------------------------------------------------- */

static void small(float bias)
{
    rig_brain(&box, bias, 3); /* more answers cost time and no operation */
    dura_release r = rig_release(&box, DURA_COMPONENT_BRAIN, (uint64_t)bias);
    rig_envelope(&box, &r);
}

/* A box at the beginning of the story, kept as `first`. */
static void begin(const geometry *g, uint32_t which)
{
    story = which;
    memset(&now_, 0, sizeof now_);
    keep = NULL;
    at_a = at_b = 0;
    rng = 42;
    rig_init_as(&box, g->erase, g->prog, g->erased, g->sync);
    for (uint32_t i = 0; i < 3; i++) {
        rig_region *r = &box.region[i];
        uint32_t cache = (uint32_t)sizeof box.memory[i] - 2 * sizes[i];
        dt_eq(dt_flash_init(&r->flash, box.memory[i], 2 * sizes[i] + (cache < RIG_CACHE ? cache : RIG_CACHE), sizes[i], g->erase, g->prog,
                            g->erased, &box.power), 0);
        r->flash.no_sync = !g->sync;
        r->inner = dt_flash_region(&r->flash);
        r->outer.size = sizes[i];
        r->outer.prog = cut_prog;
        r->outer.erase = cut_erase;
        r->outer.sync = cut_sync;
    }
    box.cfg.probation_frames = 3;
    if (which != FIRST) {
        rig_boot(&box);
        small(5.0f);
        story = FIRST; /* whose target is 5 */
        dt_eq(drive(), DURA_GATE_COMMITTED);
        story = which;
        box.cfg.fresh = 0;
    }
    small((float)target());
    box.cfg.approve = which == APPROVED ? 1 << DURA_ROLE_SECURITY | 1 << DURA_ROLE_SAFETY : 0;
    box.alarm = which == ROLLBACK ? (uint32_t)DURA_WHY_OUTPUT : 0;
    now_.floor_ = which == FIRST ? 0 : 5;
    reboot(DT_KEPT);
    take(&first);
}

/* From a shot on, through the rest of the story; the cuts on the way go to `to`. */
static uint32_t follow(const shot *from, shot *to, uint32_t most)
{
    load(from);
    keep = to;
    kept_ = 0;
    room = most;
    rig_boot(&box);
    if (from != &first)
        sane();
    (void)!drive();
    keep = NULL;
    return kept_;
}

static uint32_t all_pairs(const geometry *g, uint32_t which, uint32_t stride)
{
    begin(g, which);
    uint32_t n = follow(&first, found, SHOTS);
    dt_ok(n > 60, "%s: %u", where, n);
    for (uint32_t a = runs % stride; a < n; a += stride) {
        at_a = a;
        at_b = 0;
        uint32_t m = follow(&found[a], again, AGAIN);
        retry();
        for (uint32_t b = 0; b < m; b++) {
            at_b = b + 1;
            load(&again[b]);
            rig_boot(&box);
            sane();
            retry();
        }
    }
    return n;
}

/* Where check runs it, all of them; under tools that take their time a part. */
#if defined(__SANITIZE_ADDRESS__)
enum { STRIDE = 1 };
#else
enum { STRIDE = 23 };
#endif

/* One chain of cuts, then a restart that lasts. */
static void chain(void)
{
    load(&first);
    for (uint32_t cuts = 1 + dt_below(&rng, 6); cuts > 0; cuts--) {
        rig_boot(&box);
        if (runs != at_a)
            sane();
        at_a = runs;
        plan(1 + dt_below(&rng, 26), dt_below(&rng, RIG_CUTS));
        (void)!drive();
        reboot((int)dt_below(&rng, DT_MODES));
    }
    rig_boot(&box);
    sane();
    retry();
}

/* So many runs from a seed; by hand, and a few always. How many. */
static uint64_t soak(uint64_t most, uint64_t seed)
{
    uint64_t done = 0;
    where = "soak";
    for (; done < most; done += runs) {
        uint64_t mine = seed + done;
        runs = at_a = 0;
        begin(&geometries[dt_random(&mine) % (sizeof geometries / sizeof *geometries)], (uint32_t)(dt_random(&mine) % STORIES));
        rng = mine;
        for (uint32_t c = 0; c < 2000 && done + runs < most; c++)
            chain();
    }
    return done;
}

DT_TEST(gate_chains, f1_chains_of_cuts_drawn_at_random)
{
    const char *n = getenv("DURA_POWER_RUNS"), *seed = getenv("DURA_POWER_SEED");
    uint64_t done = soak(n ? strtoull(n, NULL, 10) : 4000 / STRIDE, seed ? strtoull(seed, NULL, 10) : 1);
    if (n)
        printf("%llu runs from seed %s\n", (unsigned long long)done, seed ? seed : "1");
}

DT_TEST(gate_power, f1_a15_all_pairs_of_cuts_in_four_stories)
{
    static const char *const names[STORIES] = {"brain", "approved", "rollback", "first"};
    runs = 0;
    for (uint32_t g = 0; g < sizeof geometries / sizeof *geometries; g++)
        for (uint32_t s = 0; s < STORIES; s++) {
            where = names[s];
            uint32_t were = runs, n = all_pairs(&geometries[g], s, geometries[g].sync ? 60 * STRIDE : STRIDE);
            if (getenv("GATE_COUNT"))
                printf("geometry %u, %s: %u cuts, %u runs\n", g, where, n, runs - were);
        }
    dt_ok(runs > 100000 / STRIDE, "%u", runs);
    if (getenv("GATE_COUNT"))
        printf("%u runs\n", runs);
}

/* ---- bits ----------------------------------------------------------------------------- */

static rig held_;

/* Offset of the newest record in the journal, and its number. */
static uint32_t newest(uint64_t *seq)
{
    const dt_flash *f = &box.region[0].flash;
    uint32_t found_at = UINT32_MAX;
    *seq = 0;
    for (uint32_t at = 0; at + 512 <= f->size; at += f->prog_size)
        if (memcmp(f->live + at, "DGJ1", 4) == 0 && durai_le64(f->live + at + 8) > *seq) {
            *seq = durai_le64(f->live + at + 8);
            found_at = at;
        }
    return found_at;
}

/* What the journal says before anything is started: a record in which a bit is wrong is none. */
static void flip_journal(uint32_t step)
{
    static RIG_ALIGNED uint64_t object[4096 / 8];
    dura_gate_hooks h = rig_hooks;
    dura_gate_status s = DURA_GATE_STATUS_INIT;
    dura_gate *g;
    uint64_t seq;
    uint32_t at = newest(&seq);
    h.user = &box;
    for (uint32_t bit = step % 4; at != UINT32_MAX && bit < 512 * 8; bit += 4 * STRIDE, runs++) {
        dt_flash_flip(&box.region[0].flash, at + bit / 8, (uint8_t)(1u << bit % 8));
        dt_eq(dura_gate_init(&g, object, sizeof object, &box.cfg, &h, &box.port), DURA_OK);
        dt_eq(dura_gate_query(g, &s), DURA_OK);
        dt_ok(s.seq < seq, "step %u bit %u: record %u is believed", step, bit, (unsigned)seq);
        dt_flash_flip(&box.region[0].flash, at + bit / 8, (uint8_t)(1u << bit % 8));
    }
}

/* Every bit of the candidate where it lies: it never drives, or the right bytes had been opened
 * before; it is never kept, or the next start sees it. */
static void flip_slot(uint32_t step)
{
    held_ = box;
    for (uint32_t bit = step % STRIDE; bit < box.image_len * 8; bit += STRIDE, runs++) {
        box = held_;
        dt_flash_flip(&box.region[2].flash, bit / 8, (uint8_t)(1u << bit % 8));
        for (int i = 0; i < 60 && !rig_idle_state(rig_status(&box).state); i++) {
            (void)!dura_gate_step(box.ram.gate, &box.now, 100);
            dt_ok(box.ram.bias[box.ram.drives] == 5.0f || box.ram.bias[box.ram.drives] == 6.0f, "step %u bit %u", step, bit);
        }
        dura_gate_status s = rig_status(&box);
        dt_ok(rig_drives(&box) == (s.state == DURA_GATE_COMMITTED ? 6.0f : 5.0f), "step %u bit %u", step, bit);
        dt_ok(s.state == DURA_GATE_COMMITTED || (s.why & (DURA_WHY_DIGEST | DURA_WHY_STORAGE)), "step %u bit %u: %x", step, bit, s.why);
        if (s.state != DURA_GATE_COMMITTED)
            continue;
        rig_boot(&box);
        s = rig_status(&box);
        dt_ok(s.state == DURA_GATE_SAFE && box.ram.started == DURA_EDENIED, "step %u bit %u: started %d", step, bit, box.ram.started);
    }
    box = held_;
}

DT_TEST(gate_rot, a16_f3_every_bit_of_slot_and_record_between_every_two_steps)
{
    uint32_t step = 0;
    begin(&geometries[0], BRAIN);
    load(&first);
    runs = 0;
    rig_boot(&box);
    dt_eq(rig_offer(&box), DURA_OK);
    flip_journal(step++);
    dt_eq(rig_send(&box, 100), DURA_OK);
    for (; !rig_idle_state(rig_status(&box).state); step++) {
        flip_journal(step);
        flip_slot(step);
        dt_ok(dura_gate_step(box.ram.gate, &box.now, 1) >= 0);
    }
    dt_eq(rig_status(&box).state, DURA_GATE_COMMITTED);
    flip_journal(step);
    dt_ok(step > 10 && runs > 20000 / STRIDE, "%u steps, %u flips", step, runs);
    if (getenv("GATE_COUNT"))
        printf("%u steps, %u flips\n", step, runs);
}

/* Key ids are hints that nobody signed; every other bit is. */
DT_TEST(gate_rot, a14_every_bit_of_an_envelope)
{
    uint32_t refused = 0;
    begin(&geometries[0], BRAIN);
    size_t len = box.envelope_len, sig = len - 2 * 78;
    for (uint32_t bit = 0; bit < len * 8; bit += STRIDE) {
        size_t at = bit / 8, in = at >= sig ? (at - sig) % 78 : 0;
        load(&first);
        rig_boot(&box);
        box.envelope[at] ^= (uint8_t)(1u << bit % 8);
        int rc = rig_offer(&box);
        box.envelope[at] ^= (uint8_t)(1u << bit % 8);
        dt_eq(rc == DURA_OK, at >= sig && in >= 3 && in < 11, "bit %u: %d", bit, rc);
        refused += rc != DURA_OK;
    }
    dt_ok(refused > 1000 / STRIDE, "%u", refused);
}
