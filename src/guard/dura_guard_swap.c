/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the gate asks of the guard: a place for a brain, opening, trying, switching,
 * watching, keeping or dropping it.
 *
 * The step publishes the word it works with (a hazard pointer: Michael, IEEE TPDS 15(6),
 * 2004): it stores what it read, then reads again, and only an unchanged word is used. The
 * worker first writes the new word and then looks what the step holds; what the step
 * holds is not closed. Store before load on both sides needs sequential consistency, and
 * nothing else in the guard does.
 */
#include "dura_guard_calendar.h"
#include "dura_guard_parts.h"
#include "dura_guard_priv.h"

enum { SHADOW_FAILED = 4 }; /* severity of its fact */

/* ---- the handshake -------------------------------------------------------------------- */

uint32_t durai_swap_hold(durai_swap *s)
{
    uint32_t word = __atomic_load_n(&s->active, __ATOMIC_SEQ_CST);
    for (;;) {
        __atomic_store_n(&s->held, word, __ATOMIC_SEQ_CST);
        uint32_t again = __atomic_load_n(&s->active, __ATOMIC_SEQ_CST);
        if (again == word)
            return word;
        word = again; /* the worker switches once per release: this ends */
    }
}

void durai_swap_let_go(durai_swap *s) { __atomic_store_n(&s->held, UINT32_MAX, __ATOMIC_RELEASE); }

/* May `brain` be closed: the step of this moment does not use it. */
static int unused(const durai_swap *s, uint32_t brain)
{
    uint32_t held = __atomic_load_n(&s->held, __ATOMIC_SEQ_CST);
    return held == UINT32_MAX || (durai_drives(held) != brain && durai_beside(held) != brain);
}

/* A share of lo..hi in 2^-16; 256 of it at most, so that 2^32 of them add up in 64 bits. What is
 * no number is the most. */
uint32_t durai_swap_share(float share)
{
    return share < 256.0f ? (uint32_t)(share * 65536.0f) : 256u << 16;
}

uint64_t durai_swap_leans(const durai_swap *s, uint32_t n_outputs)
{
    uint64_t most = 0;
    for (uint32_t i = 0; i < n_outputs; i++) {
        uint64_t by = (uint64_t)(s->lean[i] < 0 ? -s->lean[i] : s->lean[i]);
        most = by > most ? by : most;
    }
    return most;
}

uint32_t durai_swap_ratio(const durai_swap *s)
{
    uint64_t of = s->ticks[0], took = s->ticks[1];
    while ((of | took) >> 48) { /* a long run: the last bits do not count */
        of >>= 1;
        took >>= 1;
    }
    DURA_ASSERT(took < (uint64_t)1 << 48);
    uint64_t ratio = of ? (took << 8) / of : took ? UINT32_MAX : 0;
    return ratio < UINT32_MAX ? (uint32_t)ratio : UINT32_MAX;
}

/* What the run came to, once nobody adds to it: a fact for the log of decisions. */
static void tell_shadow(dura_guard *g, uint32_t served, uint32_t failed)
{
    const durai_swap *s = g->swap;
    uint32_t half = s->shadow_frames / 2u, n = served ? served : 1u;
    DURA_ASSERT(served <= s->shadow_frames && s->shadow == SHADOW_OVER);
    if (!g->log)
        return;
    dura_fact *f = durai_fact_start(g, DURA_FACT_SHADOW, DURA_LOG_DECISION, failed ? SHADOW_FAILED : 0);
    f->component = DURA_COMPONENT_BRAIN;
    f->reasons = failed;
    f->value[0] = served;
    f->value[1] = (int64_t)(s->apart / n * 15625u >> 10); /* 2^-16 to millionths */
    f->value[2] = (int64_t)((uint64_t)durai_swap_ratio(s) * 125u >> 5);
    f->value[3] = served < s->shadow_frames ? 0 : (int64_t)(durai_swap_leans(s, g->n_outputs) / (half ? half : 1u) * 15625u >> 10);
    (void)durai_fact_append(g, &g->now, NULL, NULL);
}

static void switch_to(durai_swap *s, uint32_t drives, uint32_t beside)
{
    DURA_ASSERT(drives < DURAI_BRAINS && (drives == DURAI_BRAIN_NOBODY || s->brain[drives].instance != NULL));
    DURA_ASSERT(beside == DURAI_BRAIN_NONE || ((beside & 0xFFu) < DURAI_BRAINS && (beside & 0xFFu) != drives));
    __atomic_store_n(&s->active, durai_brains(drives, beside), __ATOMIC_SEQ_CST);
}

/* ---- hooks of the gate ------------------------------------------------------------------ */

/* The arena that is not the champion's, unless something is open in it. */
static uint32_t free_brain(const durai_swap *s)
{
    return s->champion == DURAI_BRAIN_A ? DURAI_BRAIN_B : DURAI_BRAIN_A;
}

/* Key i that a policy names for releases. DURA_OK; DURA_ENOENT. */
static int release_key(const void *policy, uint32_t i, dura_gate_key *out)
{
    durai_policy_release_key k;
    durai_policy_gate gate;
    memset(out, 0, sizeof *out);
    out->role = DURA_ROLE_VENDOR;
    if (durai_policy_get_release_key(policy, i, &k) == DURA_OK) {
        memcpy(out->pub, k.key, sizeof out->pub);
        out->role = k.role;
        out->alg = k.alg;
    } else if (i == 0 && durai_policy_get_gate(policy, &gate) == DURA_OK) {
        memcpy(out->pub, gate.factory_key, sizeof out->pub);
    } else {
        return DURA_ENOENT;
    }
    return DURA_OK;
}

static int hook_next_key(void *user, const uint8_t policy[DURA_HASH_BYTES], uint32_t i, dura_gate_key *out)
{
    const durai_swap *s = ((dura_guard *)user)->swap;
    if (!s->successor || memcmp(s->successor_digest, policy, DURA_HASH_BYTES) != 0)
        return DURA_ESTATE;
    return release_key(s->successor, i, out);
}

static uint32_t hook_changes(void *user, const uint8_t policy[DURA_HASH_BYTES])
{
    const durai_swap *s = ((dura_guard *)user)->swap;
    return s->successor && memcmp(s->successor_digest, policy, DURA_HASH_BYTES) == 0
               ? durai_part_changes(s->policy, s->successor)
               : UINT32_MAX;
}

static int hook_part(void *user, const uint8_t *policy, uint32_t part, const uint8_t digest[DURA_HASH_BYTES])
{
    const dura_guard *g = user;
    durai_swap *s = g->swap;
    const void *of = !policy ? s->policy : s->successor && memcmp(s->successor_digest, policy, DURA_HASH_BYTES) == 0 ? s->successor : NULL;
    uint8_t sum[DURA_HASH_BYTES];
    return of && durai_part_digest(of, part, sum, g->port->crypto, &s->start.hash) == 1 && memcmp(sum, digest, sizeof sum) == 0;
}

static void *hook_arena(void *user, size_t *cap)
{
    dura_guard *g = user;
    durai_swap *s = g->swap;
    uint32_t b = free_brain(s);
    *cap = s->slot_bytes;
    return s->candidate == DURAI_BRAIN_NONE && !s->brain[b].instance && unused(s, b) ? s->arena[b - 1] : NULL;
}

/* The instance lies behind the slot's room, not behind the model: golden vectors follow it. */
static void *instance_place(const durai_swap *s, uint32_t b, size_t bytes)
{
    size_t room = ((size_t)s->slot_bytes + 15u) & ~(size_t)15u;
    DURA_ASSERT(room <= s->arena_bytes);
    return bytes <= s->arena_bytes - room ? s->arena[b - 1] + room : NULL;
}

static int open_in(dura_guard *g, uint32_t b, const void *model, size_t len)
{
    const dura_backend *k = g->model->backend;
    dura_backend_io io = DURA_BACKEND_IO_INIT;
    size_t bytes, align;
    int rc = k->mem_req(g->model->config, model, len, &bytes, &align);
    if (rc != DURA_OK)
        return rc;
    void *inst = align <= 16 ? instance_place(g->swap, b, bytes) : NULL;
    if (!inst)
        return DURA_ENOSPC;
    rc = k->open(inst, g->model->config, model, len);
    if (rc != DURA_OK)
        return rc;
    rc = k->io(inst, &io);
    if (rc == DURA_OK && (io.n_inputs != g->n_inputs || io.n_outputs != g->n_outputs))
        rc = DURA_EINVAL;
    if (rc == DURA_OK)
        rc = durai_hash_in(g->port->crypto, &g->swap->start.hash, model, len, g->swap->brain[b].digest);
    if (rc != DURA_OK && k->close)
        k->close(inst);
    g->swap->brain[b].instance = rc == DURA_OK ? inst : NULL;
    return rc;
}

static int hook_open(void *user, const void *model, size_t len)
{
    dura_guard *g = user;
    uint32_t b = free_brain(g->swap);
    int rc = open_in(g, b, model, len);
    if (rc == DURA_OK)
        g->swap->candidate = b;
    g->swap->shadow = SHADOW_NOT_YET;
    return rc;
}

static int hook_run(void *user, const float *in, size_t n_in, float *out, size_t n_out)
{
    dura_guard *g = user;
    void *inst = g->swap->candidate == DURAI_BRAIN_NONE ? NULL : g->swap->brain[g->swap->candidate].instance;
    if (!inst || n_in != g->n_inputs || n_out != g->n_outputs)
        return DURA_EINVAL;
    return g->model->backend->run(inst, in, n_in, out, n_out, g->deadline_ns);
}

static int hook_activate(void *user, uint32_t probation)
{
    dura_guard *g = user;
    durai_swap *s = g->swap;
    if (s->candidate == DURAI_BRAIN_NONE)
        return DURA_ESTATE;
    durai_store(&s->failed, 0);
    durai_store(&s->served, 0);
    switch_to(s, s->candidate, probation ? s->champion : DURAI_BRAIN_NONE);
    return DURA_OK;
}

/* Begins with the first call, and is over when no step holds a word with the candidate beside:
 * what activation clears is then nobody else's. Where nothing drives there is nothing to run
 * beside. */
static uint32_t hook_shadow(void *user, uint32_t *frames)
{
    dura_guard *g = user;
    durai_swap *s = g->swap;
    uint32_t served = durai_load(&s->served), failed = durai_load(&s->failed);
    *frames = UINT32_MAX;
    if (s->champion == DURAI_BRAIN_NOBODY)
        return 0;
    DURA_ASSERT(s->candidate != DURAI_BRAIN_NONE);
    if (s->shadow == SHADOW_NOT_YET) {
        durai_store(&s->failed, 0);
        durai_store(&s->served, 0);
        s->apart = s->ticks[0] = s->ticks[1] = 0;
        memset(s->lean, 0, g->n_outputs * sizeof *s->lean);
        s->shadow = SHADOW_RUNS;
        switch_to(s, s->champion, s->candidate | DURAI_SHADOW >> 8);
        *frames = 0;
        return 0;
    }
    if (s->shadow == SHADOW_RUNS && (failed || served >= s->shadow_frames)) {
        s->shadow = SHADOW_OVER;
        switch_to(s, s->champion, DURAI_BRAIN_NONE);
    }
    if (s->shadow == SHADOW_OVER && unused(s, s->candidate)) {
        tell_shadow(g, served, failed);
        s->shadow = SHADOW_TOLD;
    }
    if (s->shadow == SHADOW_TOLD)
        return failed;
    *frames = served < s->shadow_frames ? served : s->shadow_frames - 1u;
    return 0;
}

/* The port's word; a port of before it asks nobody. */
static int hook_safe_state(void *user, uint32_t component)
{
    const dura_port *p = ((dura_guard *)user)->port;
    return p->struct_size <= offsetof(dura_port, safe_state) || !p->safe_state ? 1 : p->safe_state(p->sink_user, component);
}

static uint32_t hook_watch(void *user, uint32_t *frames)
{
    dura_guard *g = user;
    *frames = durai_load(&g->swap->served);
    return durai_load(&g->swap->failed) | durai_guard_alarm(g);
}

static void close_brain(dura_guard *g, uint32_t b)
{
    durai_brain *k = &g->swap->brain[b];
    if (k->instance && g->model->backend->close)
        g->model->backend->close(k->instance);
    k->instance = NULL;
}

/* The candidate is the champion now; the former one is closed once no step uses it. The
 * factory model stays open: it costs nothing but its instance and is always there. */
static int hook_keep(void *user)
{
    dura_guard *g = user;
    durai_swap *s = g->swap;
    if (s->candidate == DURAI_BRAIN_NONE)
        return DURA_ESTATE;
    switch_to(s, s->candidate, DURAI_BRAIN_NONE);
    if (!unused(s, s->champion))
        return DURA_ESTATE;
    if (s->champion != DURAI_BRAIN_FACTORY)
        close_brain(g, s->champion);
    s->champion = s->candidate;
    s->candidate = DURAI_BRAIN_NONE;
    return DURA_OK;
}

static int hook_drop(void *user)
{
    dura_guard *g = user;
    durai_swap *s = g->swap;
    if (s->candidate == DURAI_BRAIN_NONE)
        return DURA_OK;
    DURA_ASSERT(s->candidate != s->champion && s->candidate < DURAI_BRAINS);
    switch_to(s, s->champion, DURAI_BRAIN_NONE);
    if (!unused(s, s->candidate))
        return DURA_ESTATE;
    close_brain(g, s->candidate);
    s->candidate = DURAI_BRAIN_NONE;
    return DURA_OK;
}

static uint32_t hook_blocked(void *user)
{
    dura_guard *g = user;
    uint32_t why = durai_load(&g->latch) & LATCH_STOP ? DURA_WHY_STOPPED : 0;
    return why | (durai_guard_blocks(g) ? (uint32_t)DURA_WHY_INCIDENT : 0);
}

/* Facts before the log is open wait: two at most are said while a gate starts. */
static void hook_say(void *user, const dura_fact *f)
{
    dura_guard *g = user;
    if (g->log)
        (void)durai_guard_say(g, f, NULL, &g->now);
    else if (g->swap->n_told < 2)
        g->swap->told[g->swap->n_told++] = *f;
}

/* ---- building ------------------------------------------------------------------------------ */

enum { COMPONENTS = 1 << DURA_COMPONENT_BOX | 1 << DURA_COMPONENT_BRAIN | 1 << DURA_COMPONENT_POLICY };

/* The keys a policy names for releases: its list, or the factory key as the vendor's. */
static uint8_t release_keys(const void *policy, dura_gate_key *keys)
{
    uint8_t n = 0;
    memset(keys, 0, DURA_GATE_KEYS_MAX * sizeof *keys);
    while (n < DURA_GATE_KEYS_MAX && release_key(policy, n, &keys[n]) == DURA_OK)
        n++;
    return n;
}

static DURAI_NOINLINE int gate_config(const void *policy, dura_gate_config *c, dura_gate_key *keys)
{
    durai_policy_updates u;
    durai_policy_device d;
    int rc = durai_policy_get_updates(policy, &u);
    memset(c, 0, sizeof *c);
    if (rc == DURA_OK)
        rc = durai_policy_get_device(policy, &d);
    if (rc != DURA_OK)
        return rc;
    c->struct_size = sizeof *c;
    c->n_keys = release_keys(policy, keys);
    c->keys = keys;
    c->device = d.name;
    durai_updates(&u, c);
    c->components = u.slot_bytes ? COMPONENTS : COMPONENTS & ~(1u << DURA_COMPONENT_BRAIN);
    return DURA_OK;
}

/* A new model may be of another kind than the factory's and need a little more. */
enum { INSTANCE_LEAST = 128 };

/* Keys, gate object, what the run beside it needs, two arenas: behind each other. */
typedef struct parts {
    size_t keys, gate, raw, arena, outputs;
} parts;

static DURAI_NOINLINE int measure(const void *policy, const dura_gate_calls *gate_calls, size_t instance, parts *p)
{
    durai_policy_updates u;
    uint32_t outputs;
    int rc = durai_policy_get_updates(policy, &u);
    if (rc != DURA_OK)
        return rc;
    (void)durai_policy_section(policy, DURAI_POLICY_OUTPUTS, &outputs, NULL);
    p->keys = DURA_GATE_KEYS_MAX * sizeof(dura_gate_key);
    p->gate = ((size_t)gate_calls->object + 15u) & ~(size_t)15u;
    p->raw = (12u * outputs + 15u) & ~(size_t)15u; /* lean and raw */
    p->outputs = outputs;
    if (instance < INSTANCE_LEAST)
        instance = INSTANCE_LEAST;
    p->arena = u.slot_bytes ? ((u.slot_bytes + 15u) & ~(size_t)15u) + ((instance + 15u) & ~(size_t)15u) : 0;
    return p->gate ? DURA_OK : DURA_EINVAL;
}

size_t durai_swap_bytes(const void *policy, const dura_gate_calls *gate_calls, size_t instance)
{
    parts p;
    if (measure(policy, gate_calls, instance, &p) != DURA_OK)
        return 0;
    return ((sizeof(durai_swap) + 15u) & ~(size_t)15u) + p.keys + p.gate + p.raw + 2u * p.arena;
}

static DURAI_NOINLINE int start_gate(dura_guard *g, const void *policy, void *mem, size_t len, dura_gate_key *keys,
                                     uint32_t fresh)
{
    static const dura_gate_hooks none = {sizeof none, 0, NULL, hook_arena, hook_open, hook_run, hook_activate,
                                         hook_watch, hook_keep, hook_drop, hook_blocked, hook_say, hook_next_key,
                                         hook_safe_state, hook_shadow, hook_changes, hook_part};
    dura_gate_hooks *hooks = &g->swap->start.init.hooks;
    dura_gate_config *c = &g->swap->start.init.config;
    int rc = gate_config(policy, c, keys);
    if (rc != DURA_OK)
        return rc;
    *hooks = none;
    hooks->user = g;
    c->fresh = fresh;
    memcpy(c->policy, g->policy_digest, sizeof c->policy);
    return g->port->gate->init(&g->swap->gate, mem, len, c, hooks, g->port);
}

/* A sum over n frames that stays within a mean share; 0 is no limit. */
static uint64_t may(float share, uint32_t n)
{
    return share > 0.0f ? durai_swap_share(share) * (uint64_t)n : UINT64_MAX;
}

/* What the step holds the two answers against. */
static DURAI_NOINLINE int read_limits(durai_swap *s, const void *policy, const dura_port *port)
{
    durai_policy_updates u;
    int rc = durai_policy_get_updates(policy, &u);
    if (rc != DURA_OK)
        return rc;
    s->policy = policy;
    s->slot_bytes = u.slot_bytes;
    s->max_disagreement = u.max_disagreement;
    s->shadow_frames = u.shadow_frames;
    s->may_differ = may(u.shadow_disagreement, u.shadow_frames);
    s->may_lean = may(u.shadow_drift, u.shadow_frames / 2u);
    if (u.shadow_frames && u.shadow_latency > 0.0f)
        s->may_take = durai_swap_share(u.shadow_latency) / 256u + (u.shadow_latency < 1.0f / 256.0f);
    return s->may_take && !DURAI_PART(port, ticks) ? DURA_ENOTSUP : DURA_OK;
}

int durai_swap_init(dura_guard *g, const void *policy, void *mem, size_t instance, uint32_t fresh)
{
    parts p;
    uint8_t *at = mem;
    int rc = measure(policy, g->port->gate, instance, &p);
    if (rc != DURA_OK)
        return rc;
    durai_swap *s = (durai_swap *)mem;
    memset(s, 0, sizeof *s);
    at += (sizeof *s + 15u) & ~(size_t)15u;
    dura_gate_key *keys = (dura_gate_key *)(void *)at;
    at += p.keys;
    uint8_t *gate = at;
    at += p.gate;
    s->lean = (int64_t *)(void *)at;
    s->raw = (float *)(void *)(s->lean + p.outputs);
    at += p.raw;
    s->arena[0] = p.arena ? at : NULL;
    s->arena[1] = p.arena ? at + p.arena : NULL;
    s->arena_bytes = p.arena;
    rc = read_limits(s, policy, g->port);
    if (rc != DURA_OK)
        return rc;
    s->owner = g;
    s->held = UINT32_MAX;
    s->champion = DURAI_BRAIN_FACTORY;
    s->candidate = DURAI_BRAIN_NONE;
    s->active = durai_brains(DURAI_BRAIN_FACTORY, DURAI_BRAIN_NONE);
    g->swap = s;
    return start_gate(g, policy, gate, p.gate, keys, fresh);
}

/* The factory model was opened, or may not run: then only a release drives. */
int durai_swap_start(dura_guard *g)
{
    durai_swap *s = g->swap;
    DURA_ASSERT(g->gate == DURA_OK && g->instance != NULL && s->candidate == DURAI_BRAIN_NONE);
    s->brain[DURAI_BRAIN_FACTORY].instance = g->instance;
    memcpy(s->brain[DURAI_BRAIN_FACTORY].digest, g->model_digest, 32);
    int rc = g->port->gate->start(s->gate);
    if (rc == DURA_EDENIED) {
        s->champion = DURAI_BRAIN_NOBODY; /* SAFE */
        switch_to(s, DURAI_BRAIN_NOBODY, DURAI_BRAIN_NONE);
    }
    return rc >= 0 || rc == DURA_EDENIED ? DURA_OK : rc;
}

int durai_swap_tell(dura_guard *g)
{
    int rc = DURA_OK;
    for (uint32_t i = 0; i < g->swap->n_told && rc == DURA_OK; i++)
        rc = durai_guard_say(g, &g->swap->told[i], NULL, &g->now);
    g->swap->n_told = 0;
    return rc;
}

void durai_swap_deinit(dura_guard *g)
{
    for (uint32_t b = DURAI_BRAIN_A; b < DURAI_BRAINS; b++)
        close_brain(g, b);
}

/* ---- the vendor's calls ---------------------------------------------------------------------- */

int dura_guard_offer(dura_guard *g, const void *envelope, size_t len, const dura_time *now)
{
    if (!g || !envelope || !now)
        return DURA_EINVAL;
    return g->swap ? g->port->gate->offer(g->swap->gate, envelope, len, durai_guard_stamp(g, now)) : DURA_ENOTSUP;
}

int dura_guard_successor(dura_guard *g, const void *policy, size_t len)
{
    if (!g || (!policy && len))
        return DURA_EINVAL;
    if (!g->swap)
        return DURA_ENOTSUP;
    durai_swap *s = g->swap;
    s->successor = NULL;
    int rc = policy ? durai_policy_check(policy, len) : DURA_OK;
    if (rc == DURA_OK && policy)
        rc = durai_hash_in(g->port->crypto, &s->start.hash, policy, len, s->successor_digest);
    s->successor = rc == DURA_OK ? policy : NULL;
    return rc;
}

int dura_guard_write(dura_guard *g, uint64_t offset, const void *p, size_t n, const dura_time *now)
{
    if (!g || !p || !now)
        return DURA_EINVAL;
    return g->swap ? g->port->gate->write(g->swap->gate, offset, p, n, durai_guard_stamp(g, now)) : DURA_ENOTSUP;
}

int dura_guard_prove(dura_guard *g, const void *envelope, size_t len, const uint8_t *leaf, const uint8_t *path, uint32_t n)
{
    if (!g)
        return DURA_EINVAL;
    if (!g->swap || g->port->gate->struct_size <= offsetof(dura_gate_calls, prove))
        return DURA_ENOTSUP;
    return g->port->gate->prove(g->swap->gate, envelope, len, leaf, path, n);
}

int dura_guard_approve(dura_guard *g, const void *envelope, size_t len, const dura_time *now, uint32_t *why)
{
    if (why)
        *why = 0;
    if (!g || !envelope || !now)
        return DURA_EINVAL;
    if (!g->swap || g->port->gate->struct_size <= offsetof(dura_gate_calls, approve))
        return DURA_ENOTSUP;
    return g->port->gate->approve(g->swap->gate, envelope, len, durai_guard_stamp(g, now), why);
}

int dura_guard_withdraw(dura_guard *g, const dura_time *now)
{
    if (!g || !now)
        return DURA_EINVAL;
    return g->swap ? g->port->gate->reset(g->swap->gate, durai_guard_stamp(g, now)) : DURA_ENOTSUP;
}

int dura_guard_release(const dura_guard *g, dura_gate_status *out)
{
    if (!g || !out)
        return DURA_EINVAL;
    return g->swap ? g->port->gate->query(g->swap->gate, out) : DURA_ENOTSUP;
}
