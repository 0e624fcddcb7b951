/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every sequence of up to eight events against a tiny machine that is written here from
 * docs/gate.md alone: after each event state, reasons, running version, floor and the brain
 * that drives are what that machine says.
 *
 * Sequences that have led to the same place are followed once: the place is what the little
 * machine remembers and all the gate remembers in memory and storage, but for the numbers of
 * records, times, and where in the journal the next record goes.
 */
#include "dt.h"
#include "gate_rig.h"

#include "gate/dura_gate_priv.h"

enum { DEPTH = 8, PROBATION_FRAMES = 30, PLACES = 1 << 12, HALF_DAY = 43200 };

enum {
    OFFER, OFFER_UNSIGNED, OFFER_OTHERS, BYTES, BYTES_HALF, BYTES_WRONG, STEP, FRAMES, FRAMES_BAD, APPROVE, INCIDENT,
    WINDOW, RESTART, CUT, ABORT, EVENTS
};
static const char *const event_name[EVENTS] = {
    "offer", "offer unsigned", "offer for another", "bytes", "half of the bytes", "wrong bytes", "step", "good frames",
    "bad frames", "approve", "incident", "window", "restart", "power cut in a step", "abort"};

/* ---- the little machine -------------------------------------------------------------- */

typedef struct machine {
    uint8_t state, kept_state;       /* shown; as the journal has it */
    uint8_t version, floor_;         /* of the brain that runs */
    uint8_t candidate;               /* in hand; 0: none */
    uint8_t got;                     /* bytes: 0, 1 half, 2 all */
    uint8_t wrong;                   /* not what was signed */
    uint8_t approved;
    uint8_t incident, closed;        /* around it */
    uint8_t drives;                  /* version that drives */
    uint32_t why, kept_why;
} machine;

static int has_one(const machine *m) { return m->state >= DURA_GATE_RECEIVED && m->state <= DURA_GATE_PROBATION; }

static void to(machine *m, uint8_t state, uint32_t why)
{
    m->state = m->kept_state = state;
    m->why = m->kept_why = why;
    if (state == DURA_GATE_ROLLED_BACK || state == DURA_GATE_REJECTED)
        m->drives = m->version;
    if (!has_one(m))
        m->candidate = m->got = m->wrong = m->approved = 0;
}

static int may_switch(machine *m)
{
    m->why = (m->approved ? 0u : (uint32_t)DURA_WHY_APPROVALS) | (m->incident ? (uint32_t)DURA_WHY_INCIDENT : 0u) |
             (m->closed ? (uint32_t)DURA_WHY_WINDOW : 0u);
    return m->why == 0;
}

static void m_step(machine *m, int frames, int bad)
{
    switch (m->state) {
    case DURA_GATE_RECEIVED: m->why = DURA_WHY_INCOMPLETE; break;
    case DURA_GATE_STAGING:
        if (m->got < 2)
            m->why = DURA_WHY_INCOMPLETE;
        else if (m->wrong)
            to(m, DURA_GATE_REJECTED, DURA_WHY_DIGEST);
        else
            to(m, DURA_GATE_STAGED, 0);
        break;
    case DURA_GATE_STAGED: to(m, DURA_GATE_ACCEPTED, 0); break;
    case DURA_GATE_ACCEPTED: to(m, DURA_GATE_ARMED, 0); break;
    case DURA_GATE_ARMED:
        if (may_switch(m))
            to(m, DURA_GATE_ACTIVATING, 0);
        break;
    case DURA_GATE_ACTIVATING:
        if (!may_switch(m))
            break;
        to(m, bad ? DURA_GATE_ROLLED_BACK : DURA_GATE_PROBATION, bad ? (uint32_t)DURA_WHY_DRIFT : 0u);
        if (!bad)
            m->drives = m->candidate;
        break;
    case DURA_GATE_PROBATION:
        if (bad)
            to(m, DURA_GATE_ROLLED_BACK, DURA_WHY_DRIFT);
        else if (frames) {
            m->version = m->floor_ = m->drives = m->candidate;
            to(m, DURA_GATE_COMMITTED, 0);
        }
        break;
    default: break;
    }
}

static void m_restart(machine *m)
{
    m->state = m->kept_state;
    m->why = has_one(m) ? 0 : m->kept_why;
    m->drives = m->version;
    m->got = m->state == DURA_GATE_RECEIVED || m->state == DURA_GATE_STAGING ? 0 : m->got;
    if (m->state == DURA_GATE_ACTIVATING || m->state == DURA_GATE_PROBATION)
        to(m, DURA_GATE_ROLLED_BACK, DURA_WHY_REBOOT);
    else if (m->state == DURA_GATE_ACCEPTED || m->state == DURA_GATE_ARMED)
        m->state = DURA_GATE_STAGED;
}

static void m_bytes(machine *m, int half, int wrong)
{
    if (m->state != DURA_GATE_RECEIVED && m->state != DURA_GATE_STAGING)
        return;
    if (m->got == 2 || (half && m->got == 1))
        return;
    if (m->state == DURA_GATE_RECEIVED)
        to(m, DURA_GATE_STAGING, 0);
    m->wrong = (uint8_t)(m->got ? m->wrong | wrong : wrong);
    m->got = half ? 1 : 2;
}

static void m_offer(machine *m, int event)
{
    if (has_one(m))
        return;
    if (event == OFFER) {
        to(m, DURA_GATE_RECEIVED, 0);
        m->candidate = (uint8_t)(m->version + 1);
    } else if (event == OFFER_OTHERS)
        to(m, DURA_GATE_REJECTED, DURA_WHY_DEVICE);
    else { /* it is said, and the journal knows nothing of it */
        m->state = DURA_GATE_REJECTED;
        m->why = DURA_WHY_SIGNATURE | DURA_WHY_THRESHOLD | DURA_WHY_ROLE;
    }
}

static void m_approve(machine *m)
{
    int coming = m->state == DURA_GATE_STAGING && m->got < 2;
    if (m->state < DURA_GATE_RECEIVED || m->state > DURA_GATE_ARMED || coming || m->approved)
        return;
    m->approved = 1;
    to(m, m->state, 0);
}

static void m_event(machine *m, int event)
{
    switch (event) {
    case BYTES: m_bytes(m, 0, 0); break;
    case BYTES_HALF: m_bytes(m, 1, 0); break;
    case BYTES_WRONG: m_bytes(m, 0, 1); break;
    case STEP: m_step(m, 0, 0); break;
    case FRAMES: m_step(m, 1, 0); break;
    case FRAMES_BAD: m_step(m, 0, 1); break;
    case APPROVE: m_approve(m); break;
    case INCIDENT: m->incident ^= 1; break;
    case WINDOW: m->closed ^= 1; break;
    case RESTART:
    case CUT: m_restart(m); break;
    case ABORT:
        if (has_one(m))
            to(m, m->state >= DURA_GATE_ACTIVATING ? DURA_GATE_ROLLED_BACK : DURA_GATE_REJECTED, DURA_WHY_ABORTED);
        break;
    default: m_offer(m, event); break;
    }
}

/* ---- the gate ------------------------------------------------------------------------ */

static rig box;

/* Until the state is another one, or nothing is left to do. */
static void g_step(int frames, uint32_t alarm)
{
    int from = rig_status(&box).state;
    box.frames_stop = (uint8_t)!frames;
    box.alarm = alarm;
    for (int i = 0, rc = 1; i < 60 && !box.power.off && rig_status(&box).state == from && (rc != 0 || (frames && i < 20)); i++)
        rc = dura_gate_step(box.ram.gate, &box.now, 1);
    box.alarm = 0;
    box.frames_stop = 1;
}

static void g_offer(int event)
{
    static const int two[] = {0, 1};
    uint8_t payload[512];
    uint64_t next = rig_status(&box).version[DURA_COMPONENT_BRAIN] + 1;
    if (box.image_len == 0 || !(rig_status(&box).state >= DURA_GATE_RECEIVED && rig_status(&box).state <= DURA_GATE_PROBATION))
        rig_brain(&box, (float)next, 1);
    dura_release r = rig_release(&box, DURA_COMPONENT_BRAIN, next);
    if (event == OFFER_OTHERS)
        memcpy(r.device, "press-8", 8);
    rig_envelope_of(&box, DURA_RELEASE_TYPE, payload, rig_payload(&r, payload, sizeof payload), two, event == OFFER_UNSIGNED ? 0 : 2);
    (void)rig_offer(&box);
}

static void g_bytes(int half, int wrong)
{
    uint64_t at = rig_status(&box).offset, end = half ? box.image_len / 2 : box.image_len;
    if (at >= end || rig_status(&box).state > DURA_GATE_STAGING)
        return;
    box.image[box.image_len - 1] ^= (uint8_t)wrong;
    int rc = dura_gate_write(box.ram.gate, at, box.image + at, (size_t)(end - at), &box.now);
    (void)rc; /* the little machine says what must have come of it */
    box.image[box.image_len - 1] ^= (uint8_t)wrong;
}

static void g_approve(void)
{
    static const int operator_[] = {1};
    rig_approval a = rig_approval_of(&box);
    (void)rig_approve(&box, &a, operator_, 1, NULL);
}

static void g_restart(int cut)
{
    if (cut) {
        box.power.mutations = 0;
        box.power.cut_at = 1;
        box.power.cut_how = DT_CUT_BEFORE;
        box.cut = RIG_GARBAGE;
        g_step(0, 0);
        box.power.cut_at = 0;
    }
    rig_reboot(&box, 0, 1);
    rig_boot(&box);
}

static void g_event(int event)
{
    int rc = 0;
    switch (event) {
    case BYTES: g_bytes(0, 0); break;
    case BYTES_HALF: g_bytes(1, 0); break;
    case BYTES_WRONG: g_bytes(0, 1); break;
    case STEP: g_step(0, 0); break;
    case FRAMES: g_step(1, 0); break;
    case FRAMES_BAD: g_step(0, DURA_WHY_DRIFT); break;
    case APPROVE: g_approve(); break;
    case INCIDENT: box.blocked ^= (uint32_t)DURA_WHY_INCIDENT; break;
    case WINDOW: box.now.wall_ns += (int64_t)HALF_DAY * 1000000000; break;
    case RESTART: g_restart(0); break;
    case CUT: g_restart(1); break;
    case ABORT: rc = dura_gate_reset(box.ram.gate, &box.now); break;
    default: g_offer(event); break;
    }
    (void)rc;
}

/* ---- both ---------------------------------------------------------------------------- */

static rig kept[DEPTH + 1];
static int path[DEPTH];
static struct place { uint64_t key; uint8_t left; } places[PLACES];
static uint32_t n_places, followed;

static const char *told(int n)
{
    static char text[160];
    size_t at = 0;
    text[0] = 0;
    for (int i = 0; i < n && at < sizeof text; i++)
        at += (size_t)snprintf(text + at, sizeof text - at, "%s%s", i ? ", " : "", event_name[path[i]]);
    return text;
}

static void compare(const machine *m, int n)
{
    dura_gate_status s = rig_status(&box);
    int same = s.state == m->state && s.why == m->why && s.version[DURA_COMPONENT_BRAIN] == m->version &&
               s.floor_[DURA_COMPONENT_BRAIN] == m->floor_ && (float)m->drives == rig_drives(&box) &&
               s.candidate == m->candidate && (s.approved != 0) == m->approved;
    dt_ok(same, "%s: state %u want %u, why %lx want %lx, version %u want %u, drives %d want %u", told(n), s.state, m->state,
          (unsigned long)s.why, (unsigned long)m->why, (unsigned)s.version[DURA_COMPONENT_BRAIN], m->version,
          (int)rig_drives(&box), m->drives);
}

static uint64_t fold(uint64_t h, const void *p, size_t n)
{
    const uint8_t *b = p;
    for (size_t i = 0; i < n; i++)
        h = (h ^ b[i]) * 0x100000001B3u;
    return h ^ h >> 31;
}

/* Where both stand. */
static uint64_t place_of(const machine *m)
{
    static dura_gate g;
    memcpy(&g, box.ram.gate, sizeof g);
    g.rec.seq = g.rec.nonce = g.rec.n[DURAI_N_WALL] = g.seq = 0;
    g.wall_s = 0;
    memset(g.rec.release, 0, sizeof g.rec.release);
    memset(&g.clock, 0, sizeof g.clock);
    uint64_t h = fold(0xCBF29CE484222325u, m, sizeof *m);
    h = fold(h, &g.rec, sizeof g.rec);
    const uint64_t few[] = {g.at, g.pos, g.fill, g.unmet, g.fail, g.vector, g.frames, g.opened, g.driving, g.kept, g.dirty, g.checked,
                            box.ram.champion, box.ram.candidate, box.ram.drives, box.ram.frames};
    h = fold(h, few, sizeof few);
    for (int slot = 1; slot < 3; slot++)
        h = fold(h, box.region[slot].flash.live, 192);
    return h;
}

/* Has this place been left with as many events to go? */
static int known(uint64_t key, uint8_t left)
{
    uint32_t i = (uint32_t)key % PLACES;
    while (places[i].left && places[i].key != key)
        i = (i + 1) % PLACES;
    if (places[i].left >= left)
        return 1;
    n_places += places[i].left == 0;
    dt_ok(n_places < PLACES / 2, "the table is too small");
    places[i].key = key;
    places[i].left = left;
    return 0;
}

static void follow(const machine *m, int n)
{
    if (n == DEPTH || known(place_of(m), (uint8_t)(DEPTH - n)))
        return;
    kept[n] = box;
    for (int event = 0; event < EVENTS; event++) {
        machine next = *m;
        path[n] = event;
        m_event(&next, event);
        g_event(event);
        followed++;
        compare(&next, n + 1);
        follow(&next, n + 1);
        box = kept[n];
    }
}

/* A box of which an operator's approval is asked and that has a window. */
static machine fresh(void)
{
    machine m;
    memset(&m, 0, sizeof m);
    memset(places, 0, sizeof places);
    n_places = followed = 0;
    rig_init(&box);
    box.cfg.approve = 1u << DURA_ROLE_OPERATOR;
    box.cfg.probation_frames = PROBATION_FRAMES;
    box.cfg.window_begin = (uint16_t)(box.now.wall_ns / 60000000000 % 1440);
    box.cfg.window_minutes = 60;
    box.frames_stop = 1;
    dt_eq(rig_boot(&box), 0, "");
    return m;
}

static machine after(const int *events, int n)
{
    machine m = fresh();
    for (int i = 0; i < n; i++) {
        path[i % DEPTH] = events[i];
        m_event(&m, events[i]);
        g_event(events[i]);
        compare(&m, 1);
    }
    return m;
}

DT_TEST(gate_sequences, from_a_new_box_all_are_as_written)
{
    machine m = fresh();
    follow(&m, 0);
    dt_ok(followed > 10000, "%lu events from %lu places", (unsigned long)followed, (unsigned long)n_places);
}

#define FIRST_UPDATE OFFER, BYTES, APPROVE, STEP, STEP, STEP, STEP, STEP, FRAMES

DT_TEST(gate_sequences, from_an_armed_update_all_are_as_written)
{
    static const int way[] = {FIRST_UPDATE, OFFER, BYTES, STEP, STEP, STEP};
    machine m = after(way, (int)(sizeof way / sizeof *way));
    dt_eq(m.state, DURA_GATE_ARMED, "");
    follow(&m, 0);
    dt_ok(followed > 10000, "%lu events from %lu places", (unsigned long)followed, (unsigned long)n_places);
}

DT_TEST(gate_sequences, from_probation_all_are_as_written)
{
    static const int way[] = {FIRST_UPDATE, OFFER, BYTES, APPROVE, STEP, STEP, STEP, STEP, STEP};
    machine m = after(way, (int)(sizeof way / sizeof *way));
    dt_eq(m.state, DURA_GATE_PROBATION, "");
    follow(&m, 0);
    dt_ok(followed > 10000, "%lu events from %lu places", (unsigned long)followed, (unsigned long)n_places);
}
