/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The state machine of updates. Every arrow is one journal record, made durable before
 * what it allows is done; a write that fails leaves the state as it was. Conditions are
 * judged where they act: the digest over the very bytes that are opened, the window,
 * incidents and dates at the switch, the slot once more before the floor is raised.
 *
 * Time: the highest trusted wall clock ever seen is kept with every record. Dates are
 * compared with it, so that a clock that is set back never makes a release young again.
 *
 * Ending a release (rejecting, rolling back) may take several steps: `fail` says that it
 * is being ended and why, until the record is durable.
 */
#include "dura_gate_priv.h"

#define CONFIG_V1 ((uint32_t)offsetof(dura_gate_config, max_jump))
#define HOOKS_V1 ((uint32_t)offsetof(dura_gate_hooks, next_key))
#define STATUS_V1 ((uint32_t)offsetof(dura_gate_status, nonce))
#define PROBATION_MAX 0x80000000u

enum { SEVERITY_NOTE = 1, SEVERITY_REFUSED = 6, SEVERITY_SAFE = 9 };

/* ---- what the record says --------------------------------------------------------- */

static int in_hand(const dura_gate *g) { return g->rec.state >= DURA_GATE_RECEIVED && g->rec.state <= DURA_GATE_PROBATION; }

static int brain_in_hand(const dura_gate *g) { return g->rec.component == DURA_COMPONENT_BRAIN; }

static int urgent(const dura_gate *g) { return (g->rec.flags & DURAI_F_URGENT) != 0; }

/* What its facts say beside why not: it waits for less, went past something or back. */
uint64_t durai_gate_how(uint32_t flags)
{
    return DURAI_WHY2((flags & DURAI_F_URGENT ? DURA_WHY2_URGENT : 0) | (flags & DURAI_F_PAST ? DURA_WHY2_PAST_INCIDENT : 0) |
                      (flags & DURAI_F_BACK ? DURA_WHY2_WENT_BACK : 0) |
                      (flags & DURAI_F_SUBSTANTIAL ? DURA_WHY2_SUBSTANTIAL : 0));
}

static void say(dura_gate *g)
{
    dura_fact *f = &g->fact;
    uint8_t state = g->rec.state;
    memset(f, 0, sizeof *f);
    f->kind = DURA_FACT_RELEASE;
    f->severity = state == DURA_GATE_SAFE                                           ? SEVERITY_SAFE
                 : state == DURA_GATE_REJECTED || state == DURA_GATE_ROLLED_BACK ? SEVERITY_REFUSED
                                                                                   : SEVERITY_NOTE;
    f->log = DURA_LOG_SECURITY;
    f->channel = f->asset = f->zone = f->source = f->control = f->risk = DURA_NONE;
    f->component = g->rec.component;
    f->value[0] = g->said;
    f->value[1] = state;
    f->value[2] = (int64_t)g->rec.n[DURAI_C_VERSION];
    f->value[3] = (int64_t)(g->rec.why | durai_gate_how(g->rec.flags));
    g->said = state;
    g->hooks.say(g->hooks.user, f);
}

/* Make the draft durable in state `to`. */
static int move(dura_gate *g, uint8_t to, uint64_t why)
{
    DURA_ASSERT(to <= DURA_GATE_SAFE && g->fill == 0);
    g->draft.state = to;
    g->draft.why = why;
    g->draft.flags &= DURAI_F_WRITTEN; /* of an older record before: this one is not */
    g->draft.n[DURAI_N_WALL] = (uint64_t)g->wall_s;
    int rc = durai_gate_store(g);
    if (rc < 0)
        return rc;
    g->dirty = 0;
    g->at = 0;
    g->unmet = 0;
    g->checked = 0;
    if (g->said != to || to >= DURA_GATE_COMMITTED)
        say(g);
    return DURA_OK;
}

static durai_gate_record *draft(dura_gate *g)
{
    g->draft = g->rec;
    return &g->draft;
}

/* What a release that did not come to drive leaves: the former state of affairs. */
static uint8_t ended(const dura_gate *g)
{
    if (g->rec.active == DURAI_BRAIN_NOTHING)
        return DURA_GATE_SAFE;
    return g->rec.state >= DURA_GATE_ACTIVATING && g->rec.state <= DURA_GATE_PROBATION ? DURA_GATE_ROLLED_BACK
                                                                                        : DURA_GATE_REJECTED;
}

/* A state of affairs found at the start, written when storage allows. */
static void find(dura_gate *g, uint8_t state, uint64_t why)
{
    DURA_ASSERT(state == DURA_GATE_ROLLED_BACK || state == DURA_GATE_SAFE || state == DURA_GATE_REJECTED);
    g->rec.state = state;
    g->rec.why = why;
    g->dirty = 1;
}

static int write_found(dura_gate *g)
{
    DURA_ASSERT(g->dirty && !g->opened);
    durai_gate_record *d = draft(g);
    return move(g, d->state, d->why);
}

/* ---- what needs what --------------------------------------------------------------- */

/* The k-th of the two other components, ascending. */
static uint32_t other_of(uint32_t component, uint32_t k)
{
    uint32_t first = component == DURA_COMPONENT_BOX ? 2u : 1u;
    DURA_ASSERT(component >= DURA_COMPONENT_BOX && component < DURA_COMPONENTS && k < 2);
    return k == 0 ? first : component == DURA_COMPONENT_POLICY ? 2u : 3u;
}

static int fits(uint64_t version, uint32_t least, uint32_t most)
{
    return most == 0 || (version >= least && (most == UINT32_MAX || version <= most));
}

static uint64_t slot_version(const dura_gate *g, uint32_t slot)
{
    return slot ? g->rec.n[DURAI_N_SLOT + 2 * (slot - 1)] : g->cfg.version[DURA_COMPONENT_BRAIN];
}

/* A brain that went back runs below the highest version there was, which the record keeps. */
static uint64_t running(const dura_gate *g, uint32_t component)
{
    if (component == DURA_COMPONENT_BRAIN && g->rec.active != 0)
        return g->rec.active == DURAI_BRAIN_NOTHING ? 0 : slot_version(g, g->rec.active);
    return g->rec.n[DURAI_N_VERSION + component - 1u];
}

/* Do the versions that run fit what a component needs? */
static int needs_met(const dura_gate *g, const durai_gate_need *need, uint32_t component)
{
    return fits(running(g, other_of(component, 0)), need->least[0], need->most[0]) &&
           fits(running(g, other_of(component, 1)), need->least[1], need->most[1]);
}

/* Row of what runs as a component; the brain of the factory needs nothing. */
static const durai_gate_need *need_of(const dura_gate *g, uint32_t component)
{
    static const durai_gate_need none = {{0, 0}, {0, 0}};
    if (component != DURA_COMPONENT_BRAIN)
        return &g->rec.need[component == DURA_COMPONENT_BOX ? DURAI_NEED_BOX : DURAI_NEED_POLICY];
    return g->rec.active == 1 || g->rec.active == 2 ? &g->rec.need[DURAI_NEED_SLOT + g->rec.active - 1] : &none;
}

/* Would a version of a component fit what the two others need of it? */
static int needed_elsewhere(const dura_gate *g, uint32_t component, uint64_t version)
{
    for (uint32_t k = 0; k < 2; k++) {
        uint32_t other = other_of(component, k), mine = other_of(other, 0) == component ? 0 : 1;
        const durai_gate_need *need = need_of(g, other);
        if (!fits(version, need->least[mine], need->most[mine]))
            return 0;
    }
    return 1;
}

/* The candidate beside what runs: DURA_WHY_REQUIRES, or 0. */
static uint32_t unfit(const dura_gate *g, const durai_gate_need *need, uint32_t component, uint64_t version)
{
    return needs_met(g, need, component) && needed_elsewhere(g, component, version) ? 0 : (uint32_t)DURA_WHY_REQUIRES;
}

/* ---- time ------------------------------------------------------------------------- */

static int trusted(const dura_gate *g, const dura_time *now)
{
    return now->quality != DURA_CLOCK_NONE && now->quality >= g->cfg.min_clock && now->wall_ns >= 0 && !g->clock.stuck;
}

static void note_time(dura_gate *g, const dura_time *now)
{
    int64_t err_ns = (int64_t)now->wall_err_us * 1000;
    durai_gate_watch_clock(&g->clock, now);
    if (!trusted(g, now) || now->wall_ns < err_ns)
        return;
    int64_t s = (now->wall_ns - err_ns) / 1000000000;
    if (s > g->wall_s)
        g->wall_s = s;
}

/* Window and dates of the candidate, as far as the clock can say. */
static uint32_t clock_says(const dura_gate *g, const dura_time *now)
{
    const uint64_t *n = g->rec.n;
    int window = g->cfg.window_minutes && !urgent(g), asked = window || n[DURAI_C_BEFORE] || n[DURAI_C_AFTER];
    uint32_t why = 0;
    if (!asked)
        return 0;
    if (!trusted(g, now) || now->wall_ns / 1000000000 < g->wall_s)
        return DURA_WHY_CLOCK;
    if (window)
        why = durai_gate_window(&g->cfg, now);
    if (why & DURA_WHY_CLOCK)
        return why;
    if (now->wall_ns / 1000000000 < (int64_t)n[DURAI_C_BEFORE])
        why |= DURA_WHY_NOT_YET;
    return why;
}

static int expired(const dura_gate *g, int64_t not_after_s) { return not_after_s != 0 && g->wall_s > not_after_s; }

/* ---- building --------------------------------------------------------------------- */

static int device_ok(const char *s)
{
    size_t n = 0;
    while (s && n < 64 && s[n])
        n++;
    return n >= 1 && n <= 63 && !(n == 1 && s[0] == '*');
}

/* Approvals that are asked for can be given, and so can what extra roles must give. */
static int approvals_ok(const dura_gate_config *c)
{
    uint32_t keys = 0, have = 0, any = 0, extra = 1;
    for (uint32_t i = 0; i < sizeof c->reserved; i++)
        any |= c->reserved[i] | (uint32_t)c->reserved2[i % sizeof c->reserved2];
    any |= (c->planned >> DURA_PARTS) | (c->planned_metric > DURA_METRIC_ONE) | (c->planned_data > 1);
    for (uint32_t k = 0; k < c->n_keys; k++)
        extra |= 1u << c->keys[k].role;
    const uint8_t asked[4] = {c->incident_role, c->emergency_role, c->rollback_role, c->substantial_role};
    for (uint32_t i = 0; i < 4; i++)
        any |= (asked[i] > DURA_ROLE_SAFETY) | (~extra >> (asked[i] & 31u) & 1u);
    for (uint32_t k = 0; k < c->n_keys; k++)
        if (c->approve >> c->keys[k].role & 1u) {
            have |= 1u << c->keys[k].role;
            keys++;
        }
    return have == c->approve && c->approvals <= keys && any == 0;
}

/* All but the keys: below this one they would be deeper on the stack than init has room for. */
static DURAI_NOINLINE int read_config(dura_gate_config *c, const dura_gate_config *theirs)
{
    const uint32_t all = 1u << DURA_COMPONENT_BOX | 1u << DURA_COMPONENT_BRAIN | 1u << DURA_COMPONENT_POLICY;
    if (!theirs)
        return DURA_EINVAL;
    int rc = durai_struct_in(c, (uint32_t)sizeof *c, theirs, theirs->struct_size, CONFIG_V1);
    if (rc < 0)
        return rc;
    if (!device_ok(c->device))
        return DURA_EINVAL;
    if (c->min_clock > DURA_CLOCK_AUTHENTICATED || c->probation_frames < 1 || c->probation_frames > PROBATION_MAX)
        return DURA_EINVAL;
    if (!durai_gate_window_ok(c) || c->fresh > 1)
        return DURA_EINVAL;
    c->max_jump = c->max_jump ? c->max_jump : DURA_GATE_JUMP;
    return c->components == 0 || c->components & ~all || c->version[0] ? DURA_EINVAL : DURA_OK;
}

static int read_hooks(dura_gate_hooks *h, const dura_gate_hooks *theirs, uint32_t shadow_frames)
{
    if (!theirs)
        return DURA_EINVAL;
    int rc = durai_struct_in(h, (uint32_t)sizeof *h, theirs, theirs->struct_size, HOOKS_V1);
    if (rc < 0)
        return rc;
    return h->arena && h->open && h->run && h->activate && h->watch && h->keep && h->drop && h->blocked && h->say &&
                   (h->shadow || !shadow_frames)
               ? DURA_OK
               : DURA_EINVAL;
}

size_t dura_gate_bytes(const dura_gate_config *cfg)
{
    dura_gate_config c;
    if (read_config(&c, cfg) < 0 || !durai_gate_keys_ok(c.keys, c.n_keys, c.threshold, c.roles))
        return 0;
    return approvals_ok(&c) ? sizeof(dura_gate) : 0;
}

/* A region that can take a brain, or NULL. */
static const dura_region *slot_of(const dura_port *port, uint32_t which)
{
    const dura_region *r = port->region[which];
    return r && durai_gate_region_ok(r) ? r : NULL;
}

static int borrow(dura_gate *g, const dura_port *port)
{
    const dura_crypto *c = port->crypto;
    g->journal = port->region[DURA_REGION_JOURNAL];
    if (!g->journal || !c || !c->hash_init || !c->hash_update || !c->hash_final || !c->verify)
        return DURA_ENOTSUP;
    g->crypto = c;
    g->slot[0] = slot_of(port, DURA_REGION_SLOT_A);
    g->slot[1] = slot_of(port, DURA_REGION_SLOT_B);
    return DURA_OK;
}

/* No record. A journal that is gone takes the floors with it: what came with the box may
 * then be older than what was forbidden, so only a release helps. */
static void begin_blank(dura_gate *g)
{
    memset(&g->rec, 0, sizeof g->rec);
    for (uint32_t c = 1; c < DURA_COMPONENTS; c++) {
        g->rec.n[DURAI_N_VERSION + c - 1] = g->cfg.version[c];
        g->rec.n[DURAI_N_FLOOR + c - 1] = g->cfg.version[c];
    }
    if (g->cfg.fresh)
        return;
    g->rec.state = DURA_GATE_SAFE;
    g->rec.why = DURA_WHY_STORAGE;
    g->rec.active = DURAI_BRAIN_NOTHING;
    g->rec.n[DURAI_N_VERSION + DURA_COMPONENT_BRAIN - 1] = 0;
    if (++g->rec.n[DURAI_N_FLOOR + DURA_COMPONENT_BRAIN - 1] == 0)
        g->rec.n[DURAI_N_FLOOR + DURA_COMPONENT_BRAIN - 1]--;
}

/* What a power cut ended: the former one drives, or the bytes are opened again. */
static void recover(dura_gate *g)
{
    uint8_t state = g->rec.state;
    g->said = state;
    g->wall_s = (int64_t)g->rec.n[DURAI_N_WALL];
    if (state == DURA_GATE_ACTIVATING || state == DURA_GATE_PROBATION)
        find(g, ended(g), DURA_WHY_REBOOT);
    else if (in_hand(g) && memcmp(g->rec.d[DURAI_D_BOUND], g->cfg.policy, DURA_HASH_BYTES) != 0)
        g->fail = DURA_WHY_POLICY; /* other keys, other limits: nobody judged it by these */
    if (brain_in_hand(g) && (state == DURA_GATE_ACCEPTED || state == DURA_GATE_ARMED))
        g->rec.state = DURA_GATE_STAGED; /* the arena did not survive; no record: it is so again next time */
    g->pos = g->rec.n[DURAI_N_OFFSET];
}

int dura_gate_init(dura_gate **out, void *mem, size_t len, const dura_gate_config *cfg, const dura_gate_hooks *hooks,
                   const dura_port *port)
{
    dura_gate *g = mem;
    if (!out)
        return DURA_EINVAL;
    *out = NULL;
    if (!mem || !port)
        return DURA_EINVAL;
    if (((uintptr_t)mem & 7u) != 0)
        return DURA_EALIGN;
    if (len < sizeof *g)
        return DURA_ENOSPC;
    memset(g, 0, sizeof *g);
    int rc = read_config(&g->cfg, cfg);
    if (rc == DURA_OK && !durai_gate_keys_ok(g->cfg.keys, g->cfg.n_keys, g->cfg.threshold, g->cfg.roles))
        rc = DURA_EINVAL;
    if (rc == DURA_OK && !approvals_ok(&g->cfg))
        rc = DURA_EINVAL;
    if (rc == DURA_OK)
        rc = read_hooks(&g->hooks, hooks, g->cfg.shadow_frames);
    if (rc == DURA_OK)
        rc = borrow(g, port);
    if (rc == DURA_OK)
        rc = durai_gate_load(g);
    if (rc < 0)
        return rc;
    if (rc == 0)
        begin_blank(g);
    recover(g);
    *out = g;
    return DURA_OK;
}

/* ---- bytes of a slot --------------------------------------------------------------- */

/* One chunk of a slot through the hash, also to `to` when that is given. 1: it was the
 * last and g->sum is the digest; a hook's code: begin again. */
static int chunk(dura_gate *g, uint32_t slot, uint64_t length, uint8_t *to)
{
    const dura_region *r = g->slot[slot - 1];
    const dura_crypto *c = g->crypto;
    size_t n = length - g->at < DURAI_GATE_CHUNK ? (size_t)(length - g->at) : DURAI_GATE_CHUNK;
    uint8_t *p = to ? to + g->at : (uint8_t *)g->work;
    DURA_ASSERT(g->at < length && g->fill == 0);
    int rc = g->at == 0 ? c->hash_init(c->user, &g->u.hash) : DURA_OK;
    if (rc >= 0)
        rc = r->read(r->user, g->at, p, n);
    if (rc >= 0)
        rc = c->hash_update(c->user, &g->u.hash, p, n);
    g->at = rc < 0 ? 0 : g->at + n;
    if (rc < 0 || g->at < length)
        return rc < 0 ? rc : 0;
    g->at = 0;
    rc = c->hash_final(c->user, &g->u.hash, g->sum);
    return rc < 0 ? rc : 1;
}

/* The image in the arena: model opened, golden vectors found. DURA_WHY_* bits, 0: fine. */
static uint64_t open_brain(dura_gate *g, const void *image, size_t len)
{
    const void *model;
    size_t n;
    durai_golden golden;
    if (dura_brain_check(image, len) != DURA_OK ||
        dura_brain_section(image, len, DURA_BRAIN_MODEL, &model, &n) != DURA_OK)
        return DURA_WHY_OPEN;
    if (durai_golden_open(&golden, image, len) != DURA_OK)
        return DURA_WHY_GOLDEN;
    if (!durai_brain_fits(&g->hooks, NULL, image, len))
        return DURAI_WHY2(DURA_WHY2_PARTS);
    if (g->hooks.open(g->hooks.user, model, n) != DURA_OK)
        return DURA_WHY_OPEN;
    g->opened = 1;
    g->vector = 0;
    g->arena = image;
    return 0;
}

/* The former one drives, what was opened is closed. 1: so it is; 0: not yet. */
static int let_go(dura_gate *g)
{
    if (!g->opened)
        return 1;
    int rc = g->hooks.drop(g->hooks.user);
    if (rc < 0)
        return rc == DURA_ESTATE ? 0 : rc;
    g->opened = 0;
    return 1;
}

/* ---- starting ---------------------------------------------------------------------- */

/* May it run at all: there, not below the floor, and it fits firmware and policy. */
static int may_run(const dura_gate *g, uint32_t slot)
{
    uint64_t version = slot_version(g, slot);
    if (slot != 0 && (!version || !g->slot[slot - 1] ||
                      !needs_met(g, &g->rec.need[DURAI_NEED_SLOT + slot - 1], DURA_COMPONENT_BRAIN)))
        return 0;
    return version >= g->rec.n[DURAI_N_FLOOR + DURA_COMPONENT_BRAIN - 1] &&
           needed_elsewhere(g, DURA_COMPONENT_BRAIN, version);
}

/* Where `length` bytes can be opened. 0; else why not. */
static uint32_t arena_for(dura_gate *g, uint64_t length, uint8_t **p)
{
    size_t cap = 0;
    *p = g->hooks.arena(g->hooks.user, &cap);
    if (!*p)
        return DURA_WHY_BUSY;
    return cap < length || ((uintptr_t)*p & 7u) != 0 ? DURA_WHY_SIZE : 0;
}

/* Bring the brain of a slot to drive. DURA_OK; 1: it is not what was signed, *why says
 * more; a hook's code. */
static int start_slot(dura_gate *g, uint32_t slot, uint64_t *why)
{
    uint64_t length = g->rec.n[DURAI_N_SLOT + 2 * (slot - 1) + 1];
    uint8_t *p;
    uint64_t bad = arena_for(g, length, &p);
    int rc = 0;
    if (length < 1 || length > g->slot[slot - 1]->size)
        bad |= DURA_WHY_SIZE;
    *why |= bad;
    if (bad)
        return 1;
    g->at = 0;
    while (rc == 0)
        rc = chunk(g, slot, length, p);
    if (rc < 0) {
        *why |= DURA_WHY_STORAGE;
        return rc;
    }
    bad = memcmp(g->sum, g->rec.d[DURAI_D_SLOT + slot - 1], sizeof g->sum) != 0 ? (uint64_t)DURA_WHY_DIGEST
                                                                                : open_brain(g, p, (size_t)length);
    *why |= bad;
    if (bad)
        return 1;
    rc = g->hooks.activate(g->hooks.user, 0);
    if (rc >= 0)
        rc = g->hooks.keep(g->hooks.user);
    if (rc >= 0) {
        g->opened = 0;
        g->image = p;
    } else
        (void)let_go(g);
    return rc < 0 ? rc : DURA_OK;
}

/* `slot` runs instead of what the journal says. */
static int settle(dura_gate *g, uint32_t slot, uint64_t why)
{
    durai_gate_record *r = &g->rec;
    DURA_ASSERT(slot <= 2 || slot == DURAI_BRAIN_NOTHING);
    if (slot == r->active)
        return (int)slot;
    /* What was gone back from stays forbidden. */
    int back = r->n[DURAI_N_VERSION + DURA_COMPONENT_BRAIN - 1] > running(g, DURA_COMPONENT_BRAIN);
    r->active = (uint8_t)slot;
    if (!back)
        r->n[DURAI_N_VERSION + DURA_COMPONENT_BRAIN - 1] = slot == DURAI_BRAIN_NOTHING ? 0 : slot_version(g, slot);
    find(g, slot == DURAI_BRAIN_NOTHING ? DURA_GATE_SAFE : DURA_GATE_ROLLED_BACK, why);
    return slot == DURAI_BRAIN_NOTHING ? DURA_EDENIED : (int)slot;
}

static int choose(dura_gate *g)
{
    uint32_t first = g->rec.active;
    uint64_t why = 0;
    int failed = DURA_OK;
    if (first == 0 && may_run(g, 0))
        return 0;
    if (first == DURAI_BRAIN_NOTHING || first == 0)
        first = slot_version(g, 2) > slot_version(g, 1) ? 2 : 1;
    for (uint32_t i = 0; i < 2; i++) {
        uint32_t slot = i ? 3 - first : first;
        if (!may_run(g, slot))
            continue;
        int rc = start_slot(g, slot, &why);
        if (rc == DURA_OK)
            return settle(g, slot, why);
        failed = rc < 0 ? rc : failed;
    }
    if (may_run(g, 0))
        return settle(g, 0, why ? why : (uint64_t)DURA_WHY_DIGEST);
    if (failed < 0)
        return failed; /* storage may come back: nothing is decided */
    return g->rec.active == DURAI_BRAIN_NOTHING ? DURA_EDENIED : settle(g, DURAI_BRAIN_NOTHING, why);
}

int dura_gate_start(dura_gate *g)
{
    if (!g)
        return DURA_EINVAL;
    if (g->started)
        return DURA_ESTATE;
    int runs = choose(g);
    if (runs < 0 && runs != DURA_EDENIED)
        return runs;
    g->started = 1;
    if (g->dirty)
        (void)write_found(g); /* step() tries again */
    return runs;
}

/* ---- offering ---------------------------------------------------------------------- */

/* Slot for the next brain: the one that does not run. 0: this box has not both. */
static uint8_t free_slot(const dura_gate *g)
{
    if (!g->slot[0] || !g->slot[1])
        return 0;
    return g->rec.active == 1 ? 2 : 1;
}

static uint32_t too_large(dura_gate *g, uint64_t length)
{
    size_t cap = SIZE_MAX;
    DURA_ASSERT(free_slot(g) >= 1 && free_slot(g) != g->rec.active);
    (void)g->hooks.arena(g->hooks.user, &cap); /* its size is known even while it is in use */
    return length > g->slot[free_slot(g) - 1]->size || length > cap || length > UINT32_MAX ? DURA_WHY_SIZE : 0;
}

static int same_text(const char *a, const char *b)
{
    size_t i = 0;
    while (a[i] && a[i] == b[i])
        i++;
    return a[i] == b[i];
}

static int digest_set(const uint8_t *d)
{
    static const uint8_t none[DURA_HASH_BYTES];
    return memcmp(d, none, sizeof none) != 0;
}

/* What a release says it needs, as the journal has it. */
static durai_gate_need need_in(const dura_release *r)
{
    durai_gate_need need;
    for (uint32_t k = 0; k < 2; k++) {
        uint32_t other = other_of(r->component, k);
        need.least[k] = r->need_min[other];
        need.most[k] = r->need_max[other];
    }
    return need;
}

/* One release must not use up the versions: from the running one, or from the floor where
 * that is higher, it is so far at most. Where nothing may run and no version of this
 * component is known, as when the journal was lost, nobody knows how far it had come. */
static uint32_t jumps(const dura_gate *g, const dura_release *r, uint32_t c)
{
    uint64_t version = g->rec.n[DURAI_N_VERSION + c], floor_ = g->rec.n[DURAI_N_FLOOR + c];
    if (g->rec.active == DURAI_BRAIN_NOTHING && version == 0)
        return 0;
    uint64_t from = version > floor_ ? version : floor_;
    return r->version > from && r->version - from > g->cfg.max_jump ? DURA_WHY_JUMP : 0;
}

static uint32_t keys_of(const dura_gate *g, uint32_t roles)
{
    uint32_t keys = 0;
    for (uint32_t k = 0; k < g->cfg.n_keys; k++)
        if (roles >> g->cfg.keys[k].role & 1u)
            keys |= 1u << k;
    return keys;
}

/* One key more than the threshold stands behind it, and one of this role is among them. Where
 * the threshold is all keys, all of them. */
static int extra(const dura_gate *g, uint32_t by, uint32_t role)
{
    uint32_t n = 0, want = g->cfg.threshold < g->cfg.n_keys ? g->cfg.threshold + 1u : g->cfg.n_keys;
    for (uint32_t left = by; left; left &= left - 1)
        n++;
    return (by & keys_of(g, 1u << role)) && n >= want; /* role 0 is nobody's */
}

/* What this device asks of evidence and of an emergency: judged when it is offered and again
 * at the switch, by what the journal kept. */
static uint64_t lacks(const dura_gate *g, uint64_t practices, uint32_t flags, uint32_t by)
{
    return DURAI_WHY2((g->cfg.require & ~practices ? DURA_WHY2_EVIDENCE : 0) |
                      ((flags & DURAI_F_URGENT) && !extra(g, by, g->cfg.emergency_role) ? DURA_WHY2_EMERGENCY : 0) |
                      ((flags & DURAI_F_BACK) && !g->cfg.rollback_role ? DURA_WHY2_BACK : 0) |
                      ((flags & DURAI_F_SUBSTANTIAL) && g->cfg.substantial_role && !extra(g, by, g->cfg.substantial_role)
                           ? DURA_WHY2_PLANNED : 0));
}

/* Does a routine release stay within what was planned? Which parts it changes, and of a brain
 * what it states of itself. */
static uint64_t unplanned(const dura_gate *g, const dura_release *r)
{
    uint32_t changes = r->component == DURA_COMPONENT_BOX ? (uint32_t)DURA_PART_BOX : (uint32_t)DURA_PART_MODEL;
    int brain = r->component == DURA_COMPONENT_BRAIN;
    DURA_ASSERT(r->metric <= DURA_METRIC_ONE);
    if (!g->cfg.substantial_role || (r->flags & DURA_RELEASE_SUBSTANTIAL))
        return 0;
    if (r->component == DURA_COMPONENT_POLICY)
        changes = g->hooks.changes ? g->hooks.changes(g->hooks.user, r->digest) : UINT32_MAX;
    return (changes & ~g->cfg.planned) ||
                   (brain && (r->metric < g->cfg.planned_metric || (g->cfg.planned_data && !digest_set(r->data))))
               ? DURAI_WHY2(DURA_WHY2_PLANNED)
               : 0;
}

/* Has the policy all that the brain that runs is bound to? */
static int keeps_parts(const dura_gate *g, const uint8_t *policy)
{
    uint32_t slot = g->rec.active;
    DURA_ASSERT(slot == 0 || slot == 1 || slot == 2 || slot == DURAI_BRAIN_NOTHING);
    return slot == 0 || slot > 2 || !g->image ||
           durai_brain_fits(&g->hooks, policy, g->image, (size_t)g->rec.n[DURAI_N_SLOT + 2 * (slot - 1) + 1]);
}

/* Above the highest there was, or back from the one that runs; never below the floor. */
static uint32_t misplaced(const dura_gate *g, const dura_release *r, uint32_t c)
{
    int wrong = r->flags & DURA_RELEASE_BACK ? r->version >= running(g, r->component)
                                             : r->version <= g->rec.n[DURAI_N_VERSION + c];
    return wrong || r->version < g->rec.n[DURAI_N_FLOOR + c] ? (uint32_t)DURA_WHY_VERSION : jumps(g, r, c);
}

/* May this authentic release be taken? */
static uint64_t judge(dura_gate *g, const dura_release *r, const dura_time *now)
{
    uint32_t c = r->component - 1u;
    uint64_t why = lacks(g, r->practices, r->flags, g->offered_by);
    durai_gate_need need = need_in(r);
    if (!(g->cfg.components & 1u << r->component) || (r->component == DURA_COMPONENT_BRAIN && !free_slot(g)))
        why |= DURA_WHY_COMPONENT;
    else if (r->component == DURA_COMPONENT_BRAIN)
        why |= too_large(g, r->length);
    if (!(r->device[0] == '*' && r->device[1] == 0) && !same_text(r->device, g->cfg.device))
        why |= DURA_WHY_DEVICE;
    why |= misplaced(g, r, c) | unplanned(g, r);
    if (r->component == DURA_COMPONENT_POLICY && !keeps_parts(g, r->digest))
        why |= DURAI_WHY2(DURA_WHY2_PARTS);
    why |= unfit(g, &need, r->component, r->version);
    if (expired(g, r->not_after_s))
        why |= DURA_WHY_EXPIRED;
    if (r->not_before_s && trusted(g, now) && now->wall_ns / 1000000000 < r->not_before_s)
        why |= DURA_WHY_NOT_YET;
    if (digest_set(r->policy) && memcmp(r->policy, g->cfg.policy, sizeof r->policy) != 0)
        why |= DURA_WHY_POLICY;
    return why;
}

static void fill_candidate(dura_gate *g, const dura_release *r)
{
    durai_gate_record *d = draft(g);
    d->component = r->component;
    d->slot = r->component == DURA_COMPONENT_BRAIN ? free_slot(g) : 0;
    d->attempt = 0;
    d->probation = r->probation_frames > g->cfg.probation_frames ? r->probation_frames : g->cfg.probation_frames;
    d->n[DURAI_C_VERSION] = r->version;
    d->n[DURAI_C_FLOOR] = r->floor_;
    d->n[DURAI_C_LENGTH] = r->length;
    d->n[DURAI_C_BEFORE] = (uint64_t)r->not_before_s;
    d->n[DURAI_C_AFTER] = (uint64_t)r->not_after_s;
    d->n[DURAI_N_OFFSET] = 0;
    memcpy(d->d[DURAI_D_CANDIDATE], r->digest, DURA_HASH_BYTES);
    /* Of keys and limits that judged it: under another policy it is not what was taken. */
    memcpy(d->d[DURAI_D_BOUND], g->cfg.policy, DURA_HASH_BYTES);
    d->need[DURAI_NEED_CANDIDATE] = need_in(r);
    /* The number of the record that takes it is the attempt's own: no approval is older. */
    d->nonce = g->seq + 1;
    d->approved = 0;
    d->signed_by = g->offered_by;
    d->flags = (uint8_t)(r->flags & DURAI_F_SIGNED);
    d->practices = (uint32_t)r->practices;
    memcpy(d->release, g->sum, sizeof d->release);
}

/* What nobody known has signed must not wear out the journal: it is said, not written. */
static void refuse_stranger(dura_gate *g, uint32_t why)
{
    g->rec.component = 0;
    g->rec.slot = 0;
    g->rec.flags &= (uint8_t)~DURAI_F_WRITTEN;
    g->rec.n[DURAI_C_VERSION] = 0;
    g->rec.state = ended(g);
    g->rec.why = why;
    say(g);
}

/* An authentic one is noted, but once. */
static int refuse_known(dura_gate *g, const dura_release *r, uint64_t why)
{
    uint8_t state = g->rec.active == DURAI_BRAIN_NOTHING ? DURA_GATE_SAFE : DURA_GATE_REJECTED;
    int again = g->rec.why == why && g->rec.flags == r->flags && g->rec.state == state && g->rec.component == r->component &&
                g->rec.n[DURAI_C_VERSION] == r->version;
    if (again) {
        say(g);
        return DURA_EDENIED;
    }
    fill_candidate(g, r);
    int rc = move(g, state, why);
    return rc < 0 ? rc : DURA_EDENIED;
}

static int known(const dura_gate *g, const dura_gate_key *key)
{
    for (uint32_t k = 0; k < g->cfg.n_keys; k++)
        if (memcmp(g->cfg.keys[k].pub, key->pub, sizeof key->pub) == 0)
            return 1;
    return 0;
}

/* Every key that a policy brings has signed the release that brings it. DURA_OK, *why; a
 * hook's code. */
static DURAI_NOINLINE int prove_keys(dura_gate *g, const void *envelope, size_t len, uint32_t *why)
{
    dura_gate_key key;
    DURA_ASSERT(g->hooks.next_key != NULL && g->fill == 0);
    for (uint32_t i = 0; i < DURA_GATE_KEYS_MAX; i++) {
        int rc = g->hooks.next_key(g->hooks.user, g->u.release.digest, i, &key);
        if (rc == DURA_ENOENT)
            return DURA_OK;
        if (rc == DURA_ESTATE)
            *why |= DURA_WHY_INCOMPLETE;
        if (rc != DURA_OK)
            return rc == DURA_ESTATE ? DURA_OK : rc;
        if (known(g, &key))
            continue;
        rc = durai_envelope_signed_by(g->work, envelope, len, g->crypto, &key);
        if (rc < 0)
            return rc;
        *why |= rc ? 0 : (uint32_t)DURA_WHY_SIGNATURE;
    }
    return DURA_OK;
}

static DURAI_NOINLINE int take_release(dura_gate *g, const void *envelope, size_t len, const dura_time *now)
{
    const dura_release *r = &g->u.release;
    uint64_t why = judge(g, r, now);
    if (r->component == DURA_COMPONENT_POLICY && g->hooks.next_key) {
        uint32_t keys = 0;
        int rc = prove_keys(g, envelope, len, &keys);
        if (rc != DURA_OK)
            return rc;
        why |= keys;
    }
    if (why)
        return refuse_known(g, r, why);
    fill_candidate(g, r);
    int rc = move(g, DURA_GATE_RECEIVED, 0);
    if (rc < 0)
        return rc;
    g->pos = 0;
    g->kept = g->driving = 0;
    g->frames = 0;
    return DURA_OK;
}

/* What an approval calls a release, into g->sum: nothing else is being hashed. */
static DURAI_NOINLINE int hash_payload(dura_gate *g, const void *envelope, size_t len)
{
    durai_envelope e;
    if (durai_envelope_open(&e, envelope, len) != DURA_OK)
        return DURA_OK; /* refused for that */
    return durai_gate_hash(g, e.payload, e.len);
}

int dura_gate_offer(dura_gate *g, const void *envelope, size_t len, const dura_time *now)
{
    uint32_t why;
    if (!g || !envelope || !now)
        return DURA_EINVAL;
    if (in_hand(g) || g->dirty)
        return DURA_ESTATE;
    note_time(g, now);
    int rc = hash_payload(g, envelope, len);
    if (rc < 0)
        return rc;
    g->u.release.struct_size = (uint32_t)sizeof g->u.release;
    rc = durai_release_verify(g->work, envelope, len, g->crypto, &g->cfg,
                                  &g->u.release, &why);
    if (rc > 0) {
        g->offered_by = (uint8_t)rc;
        return take_release(g, envelope, len, now);
    }
    if (why)
        refuse_stranger(g, why);
    return rc == DURA_EINVAL ? DURA_ECORRUPT : rc;
}

/* ---- approving ---------------------------------------------------------------------- */

/* Roles that must approve the release in hand. */
static uint32_t approvers(const dura_gate *g)
{
    DURA_ASSERT(g->cfg.rollback_role <= DURA_ROLE_SAFETY);
    return g->cfg.approve | (g->rec.flags & DURAI_F_BACK ? 1u << g->cfg.rollback_role : 0u);
}

/* Who must approve and has not: DURA_WHY_APPROVALS, or 0. */
static uint32_t unapproved(const dura_gate *g)
{
    uint32_t roles = approvers(g), by = g->rec.approved & keys_of(g, roles), n = 0;
    for (uint32_t left = by; left; left &= left - 1)
        n++;
    for (uint32_t role = DURA_ROLE_VENDOR; role <= DURA_ROLE_SAFETY; role++)
        if ((roles >> role & 1u) && !(by & keys_of(g, 1u << role)))
            return DURA_WHY_APPROVALS;
    return n < g->cfg.approvals ? DURA_WHY_APPROVALS : 0;
}

/* Is an authentic approval one of this attempt? */
static uint32_t judge_approval(const dura_gate *g, const durai_approval *a)
{
    uint32_t n = 0, why = 0;
    while (g->cfg.device[n])
        n++;
    if (a->n_device != n || memcmp(a->device, g->cfg.device, n) != 0)
        why |= DURA_WHY_DEVICE;
    if (memcmp(a->release, g->rec.release, DURA_HASH_BYTES) != 0)
        why |= DURA_WHY_DIGEST;
    if (memcmp(a->policy, g->cfg.policy, DURA_HASH_BYTES) != 0)
        why |= DURA_WHY_POLICY;
    if (a->nonce != g->rec.nonce)
        why |= DURA_WHY_REPLAY;
    return why | (expired(g, a->not_after_s) ? (uint32_t)DURA_WHY_EXPIRED : 0u);
}

/* Once in the journal it counts; when it ends before the release does, so does the release. */
static int note_approval(dura_gate *g, const durai_approval *a, uint32_t by)
{
    durai_gate_record *d = draft(g);
    uint64_t after = (uint64_t)a->not_after_s;
    DURA_ASSERT(by != 0 && by < 1u << g->cfg.n_keys);
    d->approved |= (uint8_t)by;
    if (after && (d->n[DURAI_C_AFTER] == 0 || after < d->n[DURAI_C_AFTER]))
        d->n[DURAI_C_AFTER] = after;
    return move(g, d->state, 0);
}

/* It stands where it stood: what was said of it, and whether one is still missing. */
static void say_approval(dura_gate *g, uint32_t why)
{
    uint64_t kept = g->rec.why;
    g->rec.why = why;
    say(g);
    g->rec.why = kept;
}

/* One statement, by the keys in `by`; rc: of its encoding. */
static DURAI_NOINLINE int take_approval(dura_gate *g, const durai_envelope *e, uint32_t by, int rc, uint32_t *why)
{
    durai_approval a;
    if (rc == DURA_OK)
        rc = durai_approval_decode(&a, e->payload, e->len);
    *why = rc == DURA_OK ? judge_approval(g, &a) : (uint32_t)DURA_WHY_FORMAT;
    if (*why) {
        say_approval(g, *why | DURA_WHY_APPROVALS);
        return rc == DURA_OK ? DURA_EDENIED : rc == DURA_EINVAL ? DURA_ECORRUPT : rc;
    }
    if ((by & ~(uint32_t)g->rec.approved) == 0)
        return DURA_OK; /* nothing new: storage is not worn by it */
    rc = note_approval(g, &a, by);
    if (rc == DURA_OK)
        say_approval(g, unapproved(g));
    return rc;
}

/* One that can still be approved is in hand, and nothing of it lies in g->work. */
static int approvable(const dura_gate *g)
{
    uint8_t s = g->rec.state;
    return s >= DURA_GATE_RECEIVED && s <= DURA_GATE_ARMED && !g->fail && !g->dirty &&
           !(s == DURA_GATE_STAGING && g->pos < g->rec.n[DURAI_C_LENGTH]);
}

int dura_gate_approve(dura_gate *g, const void *envelope, size_t len, const dura_time *now, uint32_t *why)
{
    durai_envelope e;
    uint32_t unused = 0;
    why = why ? why : &unused;
    if (!g || !envelope || !now)
        return DURA_EINVAL;
    *why = 0;
    if (!approvable(g))
        return DURA_ESTATE;
    note_time(g, now);
    *why = DURA_WHY_FORMAT;
    if (durai_envelope_open(&e, envelope, len) != DURA_OK || e.kind != DURAI_KIND_APPROVAL)
        return DURA_ECORRUPT;
    *why = 0;
    DURA_ASSERT(g->fill == 0); /* of bytes that come: they would lie there */
    durai_envelope_by(&e, g->crypto, g->cfg.keys, g->cfg.n_keys);
    durai_envelope_ready(&e, g->work);
    int rc = durai_envelope_signers(&e);
    if (rc < 0)
        return rc;
    uint32_t by = (uint32_t)rc;
    *why = by ? 0 : DURA_WHY_SIGNATURE;
    by &= keys_of(g, approvers(g) | (g->rec.component == DURA_COMPONENT_BOX ? 1u << g->cfg.incident_role : 0u));
    *why |= *why || by ? 0 : (uint32_t)DURA_WHY_ROLE;
    return by ? take_approval(g, &e, by, durai_cbor_check(e.payload, e.len), why) : DURA_EAUTH; /* deep, so here */
}

/* ---- staging ----------------------------------------------------------------------- */

/* Bytes of the slot that are erased together, and begun anew after a failure. */
static uint32_t unit_of(const dura_region *r)
{
    return r->erase_size > DURAI_GATE_CHUNK ? r->erase_size : DURAI_GATE_CHUNK;
}

static int flush(dura_gate *g)
{
    DURA_ASSERT(g->rec.slot >= 1 && g->rec.slot != g->rec.active);
    const dura_region *r = g->slot[g->rec.slot - 1];
    uint64_t at = g->pos - g->fill;
    uint32_t unit = unit_of(r), n = (g->fill + r->prog_size - 1) & ~(r->prog_size - 1);
    int rc = DURA_OK;
    DURA_ASSERT(at % DURAI_GATE_CHUNK == 0 && n <= DURAI_GATE_CHUNK);
    if ((at & (unit - 1)) == 0)
        rc = r->erase(r->user, at, unit < r->size - at ? unit : (size_t)(r->size - at));
    memset((uint8_t *)g->work + g->fill, 0, DURAI_GATE_CHUNK - g->fill);
    if (rc >= 0)
        rc = r->prog(r->user, at, g->work, n);
    g->fill = 0;
    if (rc < 0) { /* half a chunk may be there: only an erased unit is written again */
        g->pos = at & ~(uint64_t)(unit - 1);
        g->checked = 0;
    }
    return rc < 0 ? rc : DURA_OK;
}

static int note_offset(dura_gate *g)
{
    const dura_region *r = g->slot[g->rec.slot - 1];
    int rc = r->sync ? r->sync(r->user) : DURA_OK;
    if (rc < 0)
        return rc;
    draft(g)->n[DURAI_N_OFFSET] = g->pos;
    return move(g, DURA_GATE_STAGING, 0);
}

/* One more piece, at most to the end of a chunk. */
static int take_piece(dura_gate *g, const uint8_t *p, size_t n)
{
    uint32_t unit = unit_of(g->slot[g->rec.slot - 1]);
    int rc = durai_gate_chunk(g, p, n);
    if (rc < 0)
        return rc;
    memcpy((uint8_t *)g->work + g->fill, p, n);
    g->fill += (uint32_t)n;
    g->pos += n;
    if (g->fill < DURAI_GATE_CHUNK && g->pos < g->rec.n[DURAI_C_LENGTH])
        return DURA_OK;
    rc = flush(g);
    if (rc < 0 || g->pos == g->rec.n[DURAI_C_LENGTH] || (g->pos & (unit - 1)) ||
        g->pos % DURAI_GATE_JOURNAL_STEP != 0)
        return rc;
    return note_offset(g);
}

int durai_gate_takes(const dura_gate *g)
{
    return (g->rec.state == DURA_GATE_RECEIVED || g->rec.state == DURA_GATE_STAGING) && brain_in_hand(g) && !g->fail && !g->dirty;
}

int dura_gate_write(dura_gate *g, uint64_t offset, const void *p, size_t n, const dura_time *now)
{
    const uint8_t *from = p;
    int rc = DURA_OK;
    if (!g || !p || !now)
        return DURA_EINVAL;
    if (!durai_gate_takes(g))
        return DURA_ESTATE;
    if (offset != g->pos)
        return DURA_EINVAL;
    if (n > g->rec.n[DURAI_C_LENGTH] - g->pos)
        return DURA_ELIMIT;
    note_time(g, now);
    if (g->rec.state == DURA_GATE_RECEIVED && n) {
        uint8_t proven = g->checked;
        (void)draft(g); /* what the slot held is gone from here on: its digest will say so */
        rc = move(g, DURA_GATE_STAGING, 0);
        g->checked = proven;
    }
    while (rc == DURA_OK && n) {
        size_t take = DURAI_GATE_CHUNK - g->fill;
        take = take < n ? take : n;
        rc = take_piece(g, from, take);
        from += take;
        n -= take;
    }
    return rc;
}

/* ---- one step ---------------------------------------------------------------------- */

/* Each does one unit of work. 1: done; 0: has to wait; a hook's code. */

static int step_end(dura_gate *g)
{
    int rc = let_go(g);
    if (rc <= 0)
        return rc;
    g->fill = 0;
    (void)draft(g);
    rc = move(g, ended(g), g->fail);
    if (rc < 0)
        return rc;
    g->fail = 0;
    return 1;
}

static int end_for(dura_gate *g, uint64_t why)
{
    g->fail |= why;
    return 1;
}

static int go_to(dura_gate *g, uint8_t state)
{
    (void)draft(g);
    int rc = move(g, state, 0);
    return rc < 0 ? rc : 1;
}

static int wait_for(dura_gate *g, uint64_t unmet)
{
    g->unmet = unmet;
    return 0;
}

/* The slot against the signed digest: g->checked, or it is being ended. */
static int compare_slot(dura_gate *g)
{
    int rc = chunk(g, g->rec.slot, g->rec.n[DURAI_C_LENGTH], NULL);
    if (rc <= 0)
        return rc < 0 ? rc : 1;
    if (memcmp(g->sum, g->rec.d[DURAI_D_CANDIDATE], sizeof g->sum) != 0)
        return end_for(g, DURA_WHY_DIGEST);
    g->checked = 1;
    return 1;
}

static int step_staging(dura_gate *g)
{
    uint64_t length = g->rec.n[DURAI_C_LENGTH];
    if (g->pos < length)
        return wait_for(g, DURA_WHY_INCOMPLETE);
    if (g->rec.n[DURAI_N_OFFSET] < length) {
        int rc = note_offset(g);
        return rc < 0 ? rc : 1;
    }
    return g->checked ? go_to(g, DURA_GATE_STAGED) : compare_slot(g);
}

/* A float of the image becomes one of this machine, where it lies. */
static void to_native(uint8_t *p, uint32_t n)
{
    for (; n > 0; n--, p += 4) {
        uint32_t bits = durai_le32(p);
        memcpy(p, &bits, sizeof bits);
    }
}

/* One golden vector through the opened model. */
static DURAI_NOINLINE int try_vector(dura_gate *g, uint8_t *image)
{
    durai_golden golden;
    float *out = g->out, *want = g->want;
    if (durai_golden_open(&golden, image, (size_t)g->rec.n[DURAI_C_LENGTH]) != DURA_OK || golden.n_out > 16)
        return end_for(g, DURA_WHY_GOLDEN);
    if (g->vector == golden.n)
        return go_to(g, DURA_GATE_ACCEPTED);
    uint32_t width = (uint32_t)golden.n_in + golden.n_out;
    DURA_ASSERT(g->vector < golden.n);
    uint8_t *v = image + (golden.at - image) + 4u * (size_t)width * g->vector;
    to_native(v, width);
    memset(out, 0, sizeof g->out);
    memcpy(want, v + 4u * golden.n_in, 4u * golden.n_out);
    if (g->hooks.run(g->hooks.user, (const float *)(const void *)v, golden.n_in, out, golden.n_out) != DURA_OK)
        return end_for(g, DURA_WHY_GOLDEN);
    for (uint32_t i = 0; i < golden.n_out; i++)
        if (!durai_golden_right(&golden, out[i], want[i]))
            return end_for(g, DURA_WHY_GOLDEN);
    g->vector++;
    return 1;
}

static int step_staged(dura_gate *g)
{
    uint64_t length = g->rec.n[DURAI_C_LENGTH];
    if (g->opened)
        return try_vector(g, (uint8_t *)(uintptr_t)g->arena);
    uint8_t *p;
    uint64_t why = arena_for(g, length, &p);
    if (why)
        return why == DURA_WHY_BUSY ? wait_for(g, why) : end_for(g, why);
    if (p != g->arena)
        g->at = 0;
    g->arena = p;
    int rc = chunk(g, g->rec.slot, length, p);
    if (rc <= 0)
        return rc < 0 ? rc : 1;
    if (memcmp(g->sum, g->rec.d[DURAI_D_CANDIDATE], sizeof g->sum) != 0)
        return end_for(g, DURA_WHY_DIGEST);
    why = open_brain(g, p, (size_t)length);
    return why ? end_for(g, why) : 1;
}

/* What keeps it from the switch just now, whatever state it is in. An emergency waits for no
 * window, approval or incident; for a stop of the operator and the machine it does. */
static uint64_t conditions(dura_gate *g, const dura_time *now)
{
    const durai_gate_record *r = &g->rec;
    uint64_t unmet = clock_says(g, now);
    uint32_t blocked = g->hooks.blocked(g->hooks.user) & (uint32_t)(DURA_WHY_INCIDENT | DURA_WHY_STOPPED);
    if (r->component == DURA_COMPONENT_BOX) {
        uint32_t role = g->cfg.incident_role;
        blocked &= role && !extra(g, r->signed_by | (uint32_t)r->approved, role) ? (uint32_t)DURA_WHY_INCIDENT : 0u;
    }
    unmet |= urgent(g) ? blocked & (uint32_t)DURA_WHY_STOPPED : blocked | unapproved(g);
    if (g->hooks.safe_state && g->hooks.safe_state(g->hooks.user, r->component) != 1)
        unmet |= DURAI_WHY2(DURA_WHY2_MACHINE);
    return unmet;
}

/* What ends it for good. */
static uint64_t ends(const dura_gate *g)
{
    const durai_gate_record *r = &g->rec;
    return (expired(g, (int64_t)r->n[DURAI_C_AFTER]) ? (uint64_t)DURA_WHY_EXPIRED : 0) |
           unfit(g, &r->need[DURAI_NEED_CANDIDATE], r->component, r->n[DURAI_C_VERSION]) |
           lacks(g, r->practices, r->flags, r->signed_by);
}

/* Beside the one that drives, nothing of it driven, until it has answered often enough. A
 * restart begins anew: the arena did not survive it. */
static int step_accepted(dura_gate *g, const dura_time *now)
{
    if (brain_in_hand(g) && g->cfg.shadow_frames && !urgent(g)) {
        uint32_t frames = 0, why = g->hooks.shadow(g->hooks.user, &frames);
        g->frames = frames;
        if (why)
            return end_for(g, (why & ~DURA_SHADOW_LATE) |
                                  DURAI_WHY2(DURA_WHY2_SHADOW | (why & DURA_SHADOW_LATE ? DURA_WHY2_LATENCY : 0)));
        if (frames < g->cfg.shadow_frames)
            return wait_for(g, conditions(g, now) | DURAI_WHY2(DURA_WHY2_SHADOW));
        g->frames = 0;
    }
    return go_to(g, DURA_GATE_ARMED);
}

/* Version, floor and what was authorised, in the record that ends the release. */
static int commit(dura_gate *g)
{
    durai_gate_record *d = draft(g);
    uint32_t c = d->component - 1u;
    DURA_ASSERT(c < DURA_COMPONENTS - 1u && !g->fail);
    if (d->n[DURAI_C_VERSION] > d->n[DURAI_N_VERSION + c])
        d->n[DURAI_N_VERSION + c] = d->n[DURAI_C_VERSION];
    if (d->n[DURAI_C_FLOOR] > d->n[DURAI_N_FLOOR + c])
        d->n[DURAI_N_FLOOR + c] = d->n[DURAI_C_FLOOR];
    if (d->component == DURA_COMPONENT_BRAIN) {
        uint32_t s = d->slot - 1u;
        d->active = d->slot;
        d->n[DURAI_N_SLOT + 2 * s] = d->n[DURAI_C_VERSION];
        d->n[DURAI_N_SLOT + 2 * s + 1] = d->n[DURAI_C_LENGTH];
        memcpy(d->d[DURAI_D_SLOT + s], d->d[DURAI_D_CANDIDATE], DURA_HASH_BYTES);
        d->need[DURAI_NEED_SLOT + s] = d->need[DURAI_NEED_CANDIDATE];
        if (d->flags & DURAI_F_BACK) /* what was left does not come back by itself */
            d->n[DURAI_N_SLOT + 2 * (1 - s)] = 0;
    } else {
        uint32_t at = d->component == DURA_COMPONENT_POLICY ? DURAI_D_POLICY : DURAI_D_BOX;
        if (at == DURAI_D_BOX && g->cfg.incident_role && (g->hooks.blocked(g->hooks.user) & (uint32_t)DURA_WHY_INCIDENT))
            d->flags |= DURAI_F_PAST;
        memcpy(d->d[at], d->d[DURAI_D_CANDIDATE], DURA_HASH_BYTES);
        d->need[d->component == DURA_COMPONENT_POLICY ? DURAI_NEED_POLICY : DURAI_NEED_BOX] = d->need[DURAI_NEED_CANDIDATE];
    }
    int rc = move(g, DURA_GATE_COMMITTED, 0);
    return rc < 0 ? rc : 1;
}

/* The brain that drives, as its slot holds it: what a restart in probation comes back to.
 * When that is not what was kept, and the factory's may not run either, there is nothing to
 * go back to and no switch. g->checked, or it is being ended. */
static int compare_former(dura_gate *g)
{
    uint32_t slot = g->rec.active;
    DURA_ASSERT((slot == 1 || slot == 2) && slot != g->rec.slot && g->slot[slot - 1] != NULL);
    int rc = chunk(g, slot, g->rec.n[DURAI_N_SLOT + 2 * (slot - 1) + 1], NULL);
    if (rc <= 0)
        return rc < 0 ? rc : 1;
    if (memcmp(g->sum, g->rec.d[DURAI_D_SLOT + slot - 1], sizeof g->sum) != 0 && !may_run(g, 0))
        return end_for(g, DURA_WHY_STORAGE);
    g->checked = 1;
    return 1;
}

static int step_armed(dura_gate *g, const dura_time *now)
{
    uint64_t why = ends(g);
    if (why)
        return end_for(g, why);
    uint64_t unmet = conditions(g, now);
    if (unmet) {
        g->at = 0; /* what was read of the former slot is read again when all is met */
        g->checked = 0;
        return wait_for(g, unmet);
    }
    if (!brain_in_hand(g))
        return commit(g);
    if (!g->checked && (g->rec.active == 1 || g->rec.active == 2)) /* the factory's is part of the firmware */
        return compare_former(g);
    durai_gate_record *d = draft(g);
    d->attempt++;
    int rc = move(g, DURA_GATE_ACTIVATING, 0);
    return rc < 0 ? rc : 1;
}

static uint32_t watch(dura_gate *g)
{
    uint32_t frames = g->frames, why = g->hooks.watch(g->hooks.user, &frames);
    g->frames = frames;
    return why;
}

/* The record took its time, and steps may have come between: all is asked again. */
static int step_activating(dura_gate *g, const dura_time *now)
{
    DURA_ASSERT(g->opened && brain_in_hand(g));
    if (!g->driving) {
        uint64_t last = ends(g);
        if (last)
            return end_for(g, last);
        last = conditions(g, now);
        if (last)
            return wait_for(g, last);
        if (g->hooks.activate(g->hooks.user, g->rec.probation) < 0)
            return end_for(g, DURA_WHY_BACKEND);
        g->driving = 1;
    }
    uint32_t why = watch(g); /* it drives already, even when the next record cannot be written */
    return why ? end_for(g, why) : go_to(g, DURA_GATE_PROBATION);
}

/* Kept only when the slot still holds what was signed: after the floor is raised there may
 * be nothing to go back to. */
static int step_probation(dura_gate *g)
{
    uint32_t why = g->kept ? 0 : watch(g);
    if (why)
        return end_for(g, why);
    if (g->frames < g->rec.probation)
        return 0;
    if (!g->checked)
        return compare_slot(g);
    if (!g->kept) {
        int rc = g->hooks.keep(g->hooks.user);
        if (rc < 0)
            return rc == DURA_ESTATE ? 0 : rc;
        g->kept = 1;
        g->opened = 0;
        g->image = g->arena;
    }
    return commit(g);
}

static int one(dura_gate *g, const dura_time *now)
{
    if (g->dirty) {
        int rc = write_found(g);
        return rc < 0 ? rc : 1;
    }
    if (g->fail)
        return step_end(g);
    switch (g->rec.state) {
    case DURA_GATE_RECEIVED:
        return brain_in_hand(g) ? wait_for(g, DURA_WHY_INCOMPLETE) : go_to(g, DURA_GATE_ARMED);
    case DURA_GATE_STAGING:
        return step_staging(g);
    case DURA_GATE_STAGED:
        return step_staged(g);
    case DURA_GATE_ACCEPTED:
        return step_accepted(g, now);
    case DURA_GATE_ARMED:
        return step_armed(g, now);
    case DURA_GATE_ACTIVATING:
        return step_activating(g, now);
    case DURA_GATE_PROBATION:
        return step_probation(g);
    default:
        return 0;
    }
}

int dura_gate_step(dura_gate *g, const dura_time *now, uint32_t budget)
{
    uint32_t spent = 0;
    int rc = 1;
    if (!g || !now)
        return DURA_EINVAL;
    note_time(g, now);
    if (budget > INT32_MAX)
        budget = INT32_MAX;
    while (spent < budget && rc > 0) {
        rc = one(g, now);
        spent += rc > 0;
    }
    return rc < 0 ? rc : (int)spent;
}

int dura_gate_reset(dura_gate *g, const dura_time *now)
{
    if (!g || !now)
        return DURA_EINVAL;
    if (!in_hand(g) || g->dirty || g->kept)
        return DURA_ESTATE;
    note_time(g, now);
    g->fail |= DURA_WHY_ABORTED;
    int rc = step_end(g); /* not yet: the next steps go on with it */
    return rc < 0 ? rc : DURA_OK;
}

/* ---- looking ----------------------------------------------------------------------- */

static uint32_t remaining(uint32_t of, uint32_t done) { return of - (done < of ? done : of); }

int dura_gate_query(const dura_gate *g, dura_gate_status *out)
{
    dura_gate_status s;
    if (!g || !out)
        return DURA_EINVAL;
    const durai_gate_record *r = &g->rec;
    int busy = in_hand(g);
    memset(&s, 0, sizeof s);
    s.state = r->state;
    s.slot = r->active;
    s.attempt = r->attempt;
    uint64_t why = (g->fail ? g->fail : busy ? g->unmet : r->why) | durai_gate_how(r->flags);
    s.why = (uint32_t)why;
    s.why2 = (uint32_t)(why >> 32);
    s.seq = r->seq;
    if (busy) {
        s.component = r->component;
        s.candidate = r->n[DURAI_C_VERSION];
        s.length = r->n[DURAI_C_LENGTH];
        s.offset = brain_in_hand(g) ? g->pos : 0;
        int drives = r->state >= DURA_GATE_ACTIVATING, shadow = brain_in_hand(g) && !urgent(g) && r->state <= DURA_GATE_ACCEPTED;
        s.probation_left = drives ? remaining(r->probation, g->frames) : r->probation;
        s.shadow_left = shadow ? remaining(g->cfg.shadow_frames, g->frames) : 0;
    }
    memcpy(s.version + 1, r->n + DURAI_N_VERSION, 3 * sizeof s.version[0]);
    s.reached = s.version[DURA_COMPONENT_BRAIN];
    s.version[DURA_COMPONENT_BRAIN] = running(g, DURA_COMPONENT_BRAIN);
    memcpy(s.floor_ + 1, r->n + DURAI_N_FLOOR, 3 * sizeof s.floor_[0]);
    if (r->active == 1 || r->active == 2)
        memcpy(s.digest, r->d[DURAI_D_SLOT + r->active - 1], sizeof s.digest);
    memcpy(s.policy, r->d[DURAI_D_POLICY], sizeof s.policy);
    s.nonce = busy ? r->nonce : 0;
    s.approved = busy ? r->approved : 0;
    if (busy)
        memcpy(s.release, r->release, sizeof s.release);
    return durai_struct_out(out, &s, (uint32_t)sizeof s, STATUS_V1);
}

const dura_gate_calls *dura_gate_part(void)
{
    static const dura_gate_calls table = {
        (uint32_t)sizeof table, (uint32_t)sizeof(dura_gate), dura_gate_bytes, dura_gate_init, dura_gate_start, dura_gate_offer,
        dura_gate_write, dura_gate_step, dura_gate_reset, dura_gate_query, dura_gate_approve, durai_gate_prove};
    return &table;
}
