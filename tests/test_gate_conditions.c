/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every condition of a switch is alone able to stop it, and two at once are both told
 * (docs/gate.md, "Conditions"). What may be skipped by whom: the emergency path, firmware past
 * an incident. Which bits a release, a restart or a bad slot ends with is in test_gate.c.
 */
#include "dt.h"

#include "gate_rig.h"

enum { V = 1 << DURA_ROLE_VENDOR, O = 1 << DURA_ROLE_OPERATOR, S = 1 << DURA_ROLE_SECURITY, F = 1 << DURA_ROLE_SAFETY };
#define WHY2(bits) ((uint64_t)(bits) << 32)
static const int two[] = {0, 1}, three[] = {0, 1, 2}, with_security[] = {0, 2}, with_safety[] = {0, 1, 3};
static rig box;

static uint64_t why(void)
{
    dura_gate_status s = rig_status(&box);
    return (uint64_t)s.why2 << 32 | s.why;
}

static void with_five(void)
{
    rig_init(&box);
    rig_boot(&box);
    rig_prepare(&box, 5);
    dt_eq(rig_update(&box), DURA_GATE_COMMITTED);
}

static void wrap(const dura_release *r, const int *by, int n)
{
    uint8_t payload[512];
    rig_envelope_of(&box, DURA_RELEASE_TYPE, payload, rig_payload(r, payload, sizeof payload), by, n);
}

/* Has any fact since they were counted said this? */
static int told(uint64_t bits)
{
    for (uint32_t i = 0; i < box.facts && i < 64; i++)
        if (((uint64_t)box.fact[i].value[3] & bits) == bits)
            return 1;
    return 0;
}

/* ---- when it is offered ------------------------------------------------------------------ */

enum { DEVICE, COMPONENT, VERSION, JUMP, EXPIRED, NOT_YET, POLICY, SIZE, REQUIRES, EVIDENCE, EMERGENCY, BACK, PLANNED, OFFERED };
static const struct { const char *row; uint64_t bit; } offered[OFFERED] = {
    {"device", DURA_WHY_DEVICE}, {"component", DURA_WHY_COMPONENT}, {"version", DURA_WHY_VERSION}, {"jump", DURA_WHY_JUMP},
    {"expired", DURA_WHY_EXPIRED}, {"not yet", DURA_WHY_NOT_YET}, {"policy", DURA_WHY_POLICY}, {"size", DURA_WHY_SIZE},
    {"requires", DURA_WHY_REQUIRES}, {"evidence", WHY2(DURA_WHY2_EVIDENCE)}, {"emergency", WHY2(DURA_WHY2_EMERGENCY)},
    {"back", WHY2(DURA_WHY2_BACK) | DURA_WHY_VERSION}, {"planned", WHY2(DURA_WHY2_PLANNED)}};

static void spoil(dura_release *r, int c)
{
    if (c == DEVICE)
        r->device[6] = '8';
    if (c == COMPONENT)
        box.cfg.components &= ~(1u << DURA_COMPONENT_BRAIN);
    if (c == VERSION || c == JUMP)
        r->floor_ = 0, r->version = c == VERSION ? 5 : 5 + DURA_GATE_JUMP + 1;
    if (c == EXPIRED)
        r->not_after_s = 1699999999;
    if (c == NOT_YET)
        r->not_before_s = 1700000500;
    if (c == POLICY)
        memset(r->policy, 9, sizeof r->policy);
    if (c == SIZE)
        r->length = RIG_SLOT + 1;
    if (c == REQUIRES)
        r->need_min[DURA_COMPONENT_BOX] = r->need_max[DURA_COMPONENT_BOX] = 9;
    if (c == EVIDENCE)
        box.cfg.require = DURA_PRACTICE_SVV_1;
    if (c == EMERGENCY)
        r->flags |= DURA_RELEASE_EMERGENCY;
    if (c == BACK)
        r->flags |= DURA_RELEASE_BACK, r->floor_ = 0, r->version = 4; /* below the floor as well */
    if (c == PLANNED)
        box.cfg.substantial_role = DURA_ROLE_SAFETY;
}

/* Of two that exclude each other only one can be told. */
static int exclude(int a, int b)
{
    return (a == VERSION && b == JUMP)      /* too low and too high */
           || (a == COMPONENT && b == SIZE) /* what is not taken has no slot */
           || (a == EXPIRED && b == NOT_YET) /* such a release is none */
           || (b == BACK && (a == VERSION || a == JUMP || a == EMERGENCY)); /* back is no jump, and never an emergency */
}

DT_TEST(gate_conditions, an_offer_is_refused_by_each_alone_and_by_every_pair_of_them)
{
    int pairs = 0;
    for (int a = 0; a < OFFERED; a++)
        for (int b = a; b < OFFERED; b++) {
            if (exclude(a, b))
                continue;
            with_five();
            rig_brain(&box, 6.0f, 3);
            dura_release r = rig_release(&box, DURA_COMPONENT_BRAIN, 6);
            spoil(&r, a);
            spoil(&r, b);
            dt_eq(rig_boot(&box), 1);
            wrap(&r, two, 2);
            box.facts = 0;
            uint64_t urgent = (a == EMERGENCY || b == EMERGENCY ? WHY2(DURA_WHY2_URGENT) : 0) |
                              (a == BACK || b == BACK ? WHY2(DURA_WHY2_WENT_BACK) : 0);
            dt_eq(rig_offer(&box), DURA_EDENIED, "%s, %s", offered[a].row, offered[b].row);
            dt_eq(why(), offered[a].bit | offered[b].bit | urgent, "%s, %s", offered[a].row, offered[b].row);
            dt_ok(told(offered[a].bit | offered[b].bit), "%s, %s: no fact says so", offered[a].row, offered[b].row);
            dt_eq(rig_until(&box, DURA_GATE_COMMITTED), DURA_GATE_REJECTED);
            dt_eq(rig_boot(&box), 1, "it runs on");
            dt_eq(why(), offered[a].bit | offered[b].bit | urgent, "%s, %s: after a restart", offered[a].row, offered[b].row);
            pairs += a != b;
        }
    dt_eq(pairs, OFFERED * (OFFERED - 1) / 2 - 6);
}

/* ---- while it waits ------------------------------------------------------------------------ */

enum { WINDOW, CLOCK, FIRST_DAY, INCIDENT, STOPPED, APPROVALS, MACHINE, SHADOW, WAITING };
static const struct { const char *row; uint64_t bit; } waiting[WAITING] = {
    {"window", DURA_WHY_WINDOW}, {"clock", DURA_WHY_CLOCK}, {"first day", DURA_WHY_NOT_YET}, {"incident", DURA_WHY_INCIDENT},
    {"stopped", DURA_WHY_STOPPED}, {"approvals", DURA_WHY_APPROVALS}, {"machine", WHY2(DURA_WHY2_MACHINE)},
    {"shadow", WHY2(DURA_WHY2_SHADOW)}};

static void hold(dura_release *r, int c)
{
    if (c == WINDOW)
        box.cfg.window_minutes = 10; /* it is 22:13 */
    if (c == CLOCK) {
        box.cfg.window_minutes = box.cfg.window_minutes ? box.cfg.window_minutes : 1440;
        box.cfg.min_clock = DURA_CLOCK_AUTHENTICATED;
    }
    if (c == FIRST_DAY)
        r->not_before_s = 1700000500;
    if (c == INCIDENT)
        box.blocked |= DURA_WHY_INCIDENT;
    if (c == STOPPED)
        box.blocked |= DURA_WHY_STOPPED;
    if (c == APPROVALS)
        box.cfg.approve = S;
    if (c == MACHINE)
        box.unsafe = 1;
    if (c == SHADOW)
        box.cfg.shadow_frames = 50;
}

static void release(int c)
{
    if (c == WINDOW || c == FIRST_DAY)
        box.now.wall_ns = (int64_t)1700006400 * 1000000000 + 1; /* the midnight that follows */
    if (c == CLOCK)
        box.now.quality = DURA_CLOCK_AUTHENTICATED;
    if (c == INCIDENT || c == STOPPED)
        box.blocked &= ~(c == INCIDENT ? (uint32_t)DURA_WHY_INCIDENT : (uint32_t)DURA_WHY_STOPPED);
    if (c == MACHINE)
        box.unsafe = 0;
    if (c == SHADOW)
        box.shadow_step = 25;
    if (c == APPROVALS) {
        static const int security[] = {2};
        rig_approval a = rig_approval_of(&box);
        dt_eq(rig_approve(&box, &a, security, 1, NULL), DURA_OK);
    }
}

static void wait_for(int a, int b)
{
    uint64_t both = waiting[a].bit | waiting[b].bit;
    with_five();
    rig_brain(&box, 6.0f, 3);
    dura_release r = rig_release(&box, DURA_COMPONENT_BRAIN, 6);
    hold(&r, a);
    hold(&r, b);
    dt_eq(rig_boot(&box), 1);
    wrap(&r, two, 2);
    box.now.quality = DURA_CLOCK_NONE; /* so that the first day is not known when it is offered */
    dt_eq(rig_offer(&box), DURA_OK, "%s, %s", waiting[a].row, waiting[b].row);
    box.now.quality = DURA_CLOCK_SYNCED;
    dt_eq(rig_send(&box, 700), DURA_OK);
    dt_ok(rig_until(&box, DURA_GATE_COMMITTED) < DURA_GATE_ACTIVATING, "%s, %s: it waits", waiting[a].row, waiting[b].row);
    dt_eq(why(), both, "%s, %s", waiting[a].row, waiting[b].row);
    release(a);
    dt_eq(rig_until(&box, DURA_GATE_COMMITTED) == DURA_GATE_COMMITTED, a == b, "%s, %s: one is enough", waiting[a].row,
          waiting[b].row);
    dt_eq(why(), a == b ? 0 : waiting[b].bit, "%s, %s: the other is left", waiting[a].row, waiting[b].row);
    if (a != b)
        release(b);
    dt_eq(rig_until(&box, DURA_GATE_COMMITTED), DURA_GATE_COMMITTED, "%s, %s", waiting[a].row, waiting[b].row);
    dt_ok(rig_drives(&box) == 6.0f);
}

DT_TEST(gate_conditions, a_switch_waits_for_each_alone_and_for_every_pair_of_them)
{
    for (int a = 0; a < WAITING; a++)
        for (int b = a; b < WAITING; b++)
            if (!(a == WINDOW && (b == CLOCK || b == FIRST_DAY)) /* what the clock cannot say; one clock lets both go */
                && !(a == CLOCK && b == FIRST_DAY))
                wait_for(a, b);
}

DT_TEST(gate_conditions, window_and_first_day_are_told_at_once)
{
    with_five();
    rig_brain(&box, 6.0f, 3);
    dura_release r = rig_release(&box, DURA_COMPONENT_BRAIN, 6);
    hold(&r, WINDOW);
    hold(&r, FIRST_DAY);
    dt_eq(rig_boot(&box), 1);
    wrap(&r, two, 2);
    box.now.quality = DURA_CLOCK_NONE;
    dt_eq(rig_update(&box), DURA_GATE_ARMED);
    dt_eq(why(), DURA_WHY_CLOCK);
    box.now.quality = DURA_CLOCK_SYNCED;
    dt_eq(rig_until(&box, DURA_GATE_COMMITTED), DURA_GATE_ARMED);
    dt_eq(why(), DURA_WHY_WINDOW | DURA_WHY_NOT_YET);
}

/* ---- what ends it at the switch -------------------------------------------------------------- */

DT_TEST(gate_conditions, evidence_roles_and_dates_are_judged_again_at_the_switch)
{
    for (uint32_t mask = 1; mask < 8; mask++) {
        uint64_t want = 0;
        with_five();
        box.cfg.require = DURA_PRACTICE_SVV_1;
        box.cfg.emergency_role = DURA_ROLE_SECURITY;
        rig_boot(&box);
        rig_brain(&box, 6.0f, 3);
        dura_release r = rig_release(&box, DURA_COMPONENT_BRAIN, 6);
        memset(r.evidence, 7, 32);
        r.practices = DURA_PRACTICE_SVV_1 | DURA_PRACTICE_A_7_5;
        r.not_after_s = 1700000100;
        r.flags = DURA_RELEASE_EMERGENCY;
        wrap(&r, three, 3);
        box.unsafe = 1;
        dt_eq(rig_update(&box), DURA_GATE_ARMED);
        if (mask & 1) {
            box.cfg.require |= DURA_PRACTICE_A_6_2_4; /* as if the journal had lost a bit of it */
            want |= WHY2(DURA_WHY2_EVIDENCE);
        }
        if (mask & 2) {
            box.cfg.emergency_role = DURA_ROLE_SAFETY;
            want |= WHY2(DURA_WHY2_EMERGENCY);
        }
        if (mask & 4) {
            box.now.wall_ns = (int64_t)1700000102 * 1000000000;
            want |= DURA_WHY_EXPIRED;
        }
        rig_boot(&box);
        dt_eq(rig_until(&box, DURA_GATE_REJECTED), DURA_GATE_REJECTED, "%u", (unsigned)mask);
        dt_eq(why(), want | WHY2(DURA_WHY2_URGENT), "%u", (unsigned)mask);
        dt_eq(box.ram.activates, 1, "%u: the one of the start", (unsigned)mask);
    }
}

DT_TEST(gate_conditions, evidence_that_shows_more_is_taken)
{
    static const struct { uint32_t require; uint64_t practices; int rc; } rows[] = {
        {0, 0, DURA_OK}, {DURA_PRACTICE_SVV_1, DURA_PRACTICE_SVV_1, DURA_OK},
        {DURA_PRACTICE_SVV_1, DURA_PRACTICE_SVV_2, DURA_EDENIED}, {DURA_PRACTICE_SVV_1, UINT64_MAX, DURA_OK},
        {DURA_PRACTICE_SVV_1 | DURA_PRACTICE_A_9_4, DURA_PRACTICE_SVV_1, DURA_EDENIED}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        for (uint8_t c = DURA_COMPONENT_BOX; c < DURA_COMPONENTS; c++) {
            rig_init(&box);
            box.cfg.require = rows[i].require;
            rig_boot(&box);
            rig_brain(&box, 6.0f, 3);
            dura_release r = rig_release(&box, c, 6);
            memset(r.evidence, rows[i].practices ? 7 : 0, 32);
            r.practices = rows[i].practices;
            wrap(&r, two, 2);
            dt_eq(rig_offer(&box), rows[i].rc, "%zu component %u", i, c);
            dt_eq(why(), rows[i].rc == DURA_OK ? 0 : WHY2(DURA_WHY2_EVIDENCE), "%zu", i);
        }
}

/* ---- firmware past an incident ------------------------------------------------------------------ */

static void offer_box(const int *by, int n, uint8_t role)
{
    with_five();
    box.cfg.incident_role = role;
    rig_boot(&box);
    dura_release r = rig_release(&box, DURA_COMPONENT_BOX, 6);
    wrap(&r, by, n);
    box.blocked = DURA_WHY_INCIDENT | DURA_WHY_STOPPED;
    box.facts = 0;
    dt_eq(rig_offer(&box), DURA_OK);
}

DT_TEST(gate_conditions, firmware_passes_an_incident_only_with_the_role_for_that)
{
    static const struct { const char *row; const int *by; int n; uint8_t role; int through; } rows[] = {
        {"nobody asks", two, 2, 0, 1}, {"its two keys", two, 2, DURA_ROLE_SECURITY, 0},
        {"the role is one of the two", with_security, 2, DURA_ROLE_SECURITY, 0},
        {"the role beside the two", three, 3, DURA_ROLE_SECURITY, 1}, {"another beside the two", with_safety, 3, DURA_ROLE_SECURITY, 0}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        offer_box(rows[i].by, rows[i].n, rows[i].role);
        dt_eq(rig_until(&box, DURA_GATE_COMMITTED), rows[i].through ? DURA_GATE_COMMITTED : DURA_GATE_ARMED, "%s", rows[i].row);
        rig_boot(&box);
        dt_eq(rig_until(&box, DURA_GATE_COMMITTED), rows[i].through ? DURA_GATE_COMMITTED : DURA_GATE_ARMED, "%s: restart",
              rows[i].row);
        uint64_t past = rows[i].role ? WHY2(DURA_WHY2_PAST_INCIDENT) : 0;
        dt_eq(why(), rows[i].through ? past : DURA_WHY_INCIDENT, "%s", rows[i].row);
        dt_eq(told(WHY2(DURA_WHY2_PAST_INCIDENT)), rows[i].through && rows[i].role, "%s: recorded", rows[i].row);
        box.blocked = 0;
        dt_eq(rig_until(&box, DURA_GATE_COMMITTED), DURA_GATE_COMMITTED, "%s: when it is closed", rows[i].row);
    }
}

DT_TEST(gate_conditions, an_approval_by_the_role_takes_firmware_past_an_incident_and_no_brain)
{
    static const int security[] = {2}, safety[] = {3};
    uint32_t bits = 0;
    offer_box(two, 2, DURA_ROLE_SECURITY);
    dt_eq(rig_until(&box, DURA_GATE_COMMITTED), DURA_GATE_ARMED);
    rig_approval a = rig_approval_of(&box);
    dt_eq(rig_approve(&box, &a, safety, 1, &bits), DURA_EAUTH, "nobody asked that role");
    dt_eq(bits, DURA_WHY_ROLE);
    dt_eq(rig_approve(&box, &a, security, 1, NULL), DURA_OK);
    rig_boot(&box);
    dt_eq(rig_until(&box, DURA_GATE_COMMITTED), DURA_GATE_COMMITTED);
    dt_eq(why(), WHY2(DURA_WHY2_PAST_INCIDENT));
    dt_eq(rig_status(&box).version[DURA_COMPONENT_BOX], 6);
    rig_prepare(&box, 7);
    dura_release r = rig_release(&box, DURA_COMPONENT_BRAIN, 7);
    wrap(&r, three, 3);
    dt_eq(rig_update(&box), DURA_GATE_ARMED, "brains stay blocked");
    dt_eq(why(), DURA_WHY_INCIDENT | DURA_WHY_STOPPED, "and nothing is left of how the last one came through");
    a = rig_approval_of(&box);
    dt_eq(rig_approve(&box, &a, security, 1, NULL), DURA_EAUTH);
}

/* ---- emergencies ---------------------------------------------------------------------------------- */

DT_TEST(gate_conditions, an_emergency_needs_one_signature_more_and_its_role)
{
    static const struct { const char *row; const int *by; int n; uint8_t role; int rc; } rows[] = {
        {"this device takes none", three, 3, 0, DURA_EDENIED}, {"its two keys", two, 2, DURA_ROLE_SECURITY, DURA_EDENIED},
        {"the role is one of the two", with_security, 2, DURA_ROLE_SECURITY, DURA_EDENIED},
        {"another beside the two", with_safety, 3, DURA_ROLE_SECURITY, DURA_EDENIED},
        {"the role beside the two", three, 3, DURA_ROLE_SECURITY, DURA_OK}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        with_five();
        box.cfg.emergency_role = rows[i].role;
        rig_boot(&box);
        rig_brain(&box, 6.0f, 3);
        dura_release r = rig_release(&box, DURA_COMPONENT_BRAIN, 6);
        r.flags = DURA_RELEASE_EMERGENCY;
        wrap(&r, rows[i].by, rows[i].n);
        dt_eq(rig_offer(&box), rows[i].rc, "%s", rows[i].row);
        dt_eq(why(), WHY2(DURA_WHY2_URGENT) | (rows[i].rc == DURA_OK ? 0 : WHY2(DURA_WHY2_EMERGENCY)), "%s", rows[i].row);
    }
}

DT_TEST(gate_conditions, where_the_threshold_is_all_keys_all_of_them_are_enough)
{
    static const int all[] = {0, 1, 2, 3};
    with_five();
    box.cfg.threshold = 4;
    box.cfg.emergency_role = DURA_ROLE_SECURITY;
    rig_boot(&box);
    rig_brain(&box, 6.0f, 3);
    dura_release r = rig_release(&box, DURA_COMPONENT_BRAIN, 6);
    r.flags = DURA_RELEASE_EMERGENCY;
    wrap(&r, all, 4);
    dt_eq(rig_offer(&box), DURA_OK);
}

/* An emergency of version 6, or a release that is none, with everything there is against it. */
static void urgently(uint32_t flags, int c)
{
    with_five();
    box.cfg.emergency_role = DURA_ROLE_SECURITY;
    rig_brain(&box, 6.0f, 3);
    dura_release r = rig_release(&box, DURA_COMPONENT_BRAIN, 6);
    r.flags = flags;
    hold(&r, c);
    rig_boot(&box);
    wrap(&r, three, 3);
    box.facts = 0;
    box.now.quality = DURA_CLOCK_NONE;
    dt_eq(rig_offer(&box), DURA_OK, "%s", waiting[c].row);
    box.now.quality = DURA_CLOCK_SYNCED;
    dt_eq(rig_send(&box, 700), DURA_OK);
    (void)rig_until(&box, DURA_GATE_COMMITTED);
}

DT_TEST(gate_conditions, an_emergency_waits_for_what_is_never_skipped_and_for_nothing_else)
{
    for (int c = 0; c < WAITING; c++) {
        int skips = c == WINDOW || c == CLOCK || c == INCIDENT || c == APPROVALS || c == SHADOW;
        urgently(0, c);
        dt_ok(rig_status(&box).state < DURA_GATE_ACTIVATING, "%s: any other waits", waiting[c].row);
        urgently(DURA_RELEASE_EMERGENCY, c);
        dt_eq(rig_status(&box).state, skips ? DURA_GATE_COMMITTED : DURA_GATE_ARMED, "%s", waiting[c].row);
        dt_eq(why(), WHY2(DURA_WHY2_URGENT) | (skips ? 0 : waiting[c].bit), "%s", waiting[c].row);
        dt_ok(told(WHY2(DURA_WHY2_URGENT)), "%s: a fact has the word for it", waiting[c].row);
    }
}

DT_TEST(gate_conditions, an_emergency_skips_no_check_of_what_it_is)
{
    static const struct { const char *row; uint32_t bit; } rows[] = {
        {"golden vector", DURA_WHY_GOLDEN}, {"digest", DURA_WHY_DIGEST}, {"opening", DURA_WHY_OPEN}, {"floor", DURA_WHY_VERSION},
        {"probation", DURA_WHY_DRIFT}, {"way back", DURA_WHY_STORAGE}, {"practice", 0}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        with_five();
        box.cfg.emergency_role = DURA_ROLE_SECURITY;
        box.cfg.require = i == 6 ? DURA_PRACTICE_SVV_3 : 0;
        if (i == 5) { /* so that the factory's may not run either */
            rig_brain(&box, 6.0f, 3);
            dura_release high = rig_release(&box, DURA_COMPONENT_BRAIN, 6);
            high.floor_ = 6;
            wrap(&high, two, 2);
            dt_eq(rig_update(&box), DURA_GATE_COMMITTED);
        }
        rig_boot(&box);
        rig_brain(&box, 7.0f, 3);
        dura_release r = rig_release(&box, DURA_COMPONENT_BRAIN, i == 3 ? 4 : 7);
        r.flags = DURA_RELEASE_EMERGENCY;
        wrap(&r, three, 3);
        box.run_off = i == 0 ? 1.0f : 0.0f;
        box.image[60] ^= i == 1;
        box.open_code = i == 2 ? -9 : 0;
        box.alarm = i == 4 ? DURA_WHY_DRIFT : 0;
        int rc = rig_offer(&box);
        if (i == 5) /* rots in what runs, unseen until the switch */
            box.region[2].flash.live[70] ^= 1, box.region[2].flash.durable[70] ^= 1;
        if (rc == DURA_OK)
            (void)rig_update(&box);
        dt_eq(rig_status(&box).state, i == 4 ? DURA_GATE_ROLLED_BACK : DURA_GATE_REJECTED, "%s", rows[i].row);
        dt_eq(why(), WHY2(DURA_WHY2_URGENT) | (i == 6 ? WHY2(DURA_WHY2_EVIDENCE) : rows[i].bit), "%s", rows[i].row);
    }
}

/* ---- the machine ------------------------------------------------------------------------------------ */

DT_TEST(gate_conditions, the_machine_is_asked_until_the_very_switch)
{
    with_five();
    rig_prepare(&box, 6);
    box.unsafe = 1;
    dt_eq(rig_update(&box), DURA_GATE_ARMED);
    dt_eq(box.asked_for, DURA_COMPONENT_BRAIN);
    uint64_t seq = rig_status(&box).seq;
    dt_eq(rig_until(&box, DURA_GATE_COMMITTED), DURA_GATE_ARMED);
    dt_eq(rig_status(&box).seq, seq, "waiting wears nothing");
    box.unsafe = 0;
    dt_eq(rig_until(&box, DURA_GATE_ACTIVATING), DURA_GATE_ACTIVATING);
    box.unsafe = 1; /* it began to move while the record was written */
    box.blocked = DURA_WHY_INCIDENT;
    uint32_t activates = box.ram.activates;
    for (int i = 0; i < 20; i++)
        dt_eq(dura_gate_step(box.ram.gate, &box.now, 9), 0);
    dt_eq(box.ram.activates, activates);
    dt_eq(why(), WHY2(DURA_WHY2_MACHINE) | DURA_WHY_INCIDENT);
    box.unsafe = 0;
    box.blocked = 0;
    dt_eq(rig_until(&box, DURA_GATE_COMMITTED), DURA_GATE_COMMITTED);
    for (uint8_t c = DURA_COMPONENT_BOX; c < DURA_COMPONENTS; c++)
        if (c != DURA_COMPONENT_BRAIN) {
            dura_release r = rig_release(&box, c, 1);
            wrap(&r, two, 2);
            box.unsafe = 1;
            dt_eq(rig_update(&box), DURA_GATE_ARMED);
            dt_eq(why(), WHY2(DURA_WHY2_MACHINE));
            dt_eq(box.asked_for, c);
            box.unsafe = 0;
            dt_eq(rig_until(&box, DURA_GATE_COMMITTED), DURA_GATE_COMMITTED);
        }
}

/* ---- the shadow run ------------------------------------------------------------------------------------ */

static void shadowed(uint32_t step)
{
    with_five();
    box.cfg.shadow_frames = 50;
    rig_boot(&box);
    rig_prepare(&box, 6);
    box.shadow_step = step;
    dt_eq(rig_offer(&box), DURA_OK);
    dt_eq(rig_status(&box).shadow_left, 50);
    dt_eq(rig_send(&box, 700), DURA_OK);
    dt_eq(rig_until(&box, DURA_GATE_ACCEPTED), DURA_GATE_ACCEPTED);
}

DT_TEST(gate_conditions, a_shadow_run_is_as_long_as_asked_and_drives_nothing)
{
    shadowed(10);
    uint64_t seq = rig_status(&box).seq;
    for (uint32_t done = 10; done < 50; done += 10) {
        dt_eq(dura_gate_step(box.ram.gate, &box.now, 9), 0);
        dt_eq(rig_status(&box).shadow_left, 50 - done);
        dt_eq(why(), WHY2(DURA_WHY2_SHADOW));
        dt_eq(rig_status(&box).seq, seq, "no record while it runs");
        dt_eq(rig_status(&box).probation_left, 30);
        dt_ok(rig_drives(&box) == 5.0f);
    }
    dt_eq(rig_until(&box, DURA_GATE_ARMED), DURA_GATE_ARMED);
    dt_eq(rig_status(&box).shadow_left, 0);
    dt_eq(rig_until(&box, DURA_GATE_COMMITTED), DURA_GATE_COMMITTED);
    dt_eq(rig_status(&box).seq - seq, 4, "as without one");
}

DT_TEST(gate_conditions, a_restart_begins_the_shadow_run_anew)
{
    for (int state = DURA_GATE_ACCEPTED; state <= DURA_GATE_ARMED; state++) {
        shadowed(10);
        box.unsafe = 1;
        for (int i = 0; i < (state == DURA_GATE_ACCEPTED ? 3 : 9); i++)
            dt_ok(dura_gate_step(box.ram.gate, &box.now, 1) >= 0);
        dt_eq(rig_status(&box).state, state);
        dt_eq(rig_boot(&box), 1);
        dt_eq(rig_status(&box).state, DURA_GATE_STAGED);
        dt_eq(rig_status(&box).shadow_left, 50);
        box.unsafe = 0;
        dt_eq(rig_until(&box, DURA_GATE_ACCEPTED), DURA_GATE_ACCEPTED);
        dt_eq(dura_gate_step(box.ram.gate, &box.now, 1), 0);
        dt_eq(rig_status(&box).shadow_left, 40, "nothing of before counts");
        dt_eq(rig_until(&box, DURA_GATE_COMMITTED), DURA_GATE_COMMITTED);
    }
}

DT_TEST(gate_conditions, what_fails_in_the_shadow_run_never_drives)
{
    static const struct { uint32_t said; uint64_t bits; } rows[] = {
        {DURA_WHY_OUTPUT, DURA_WHY_OUTPUT}, {DURA_WHY_DISAGREE, DURA_WHY_DISAGREE}, {DURA_WHY_BACKEND, DURA_WHY_BACKEND},
        {DURA_WHY_DRIFT, DURA_WHY_DRIFT}, {DURA_SHADOW_LATE, WHY2(DURA_WHY2_LATENCY)},
        {DURA_SHADOW_LATE | DURA_WHY_DRIFT, WHY2(DURA_WHY2_LATENCY) | DURA_WHY_DRIFT}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        shadowed(10);
        uint32_t activates = box.ram.activates;
        dt_eq(dura_gate_step(box.ram.gate, &box.now, 9), 0);
        box.shadow_why = rows[i].said;
        dt_eq(rig_until(&box, DURA_GATE_REJECTED), DURA_GATE_REJECTED);
        dt_eq(why(), rows[i].bits | WHY2(DURA_WHY2_SHADOW));
        dt_ok(rig_drives(&box) == 5.0f && box.ram.activates == activates && box.ram.drops == 1);
        rig_boot(&box);
        dt_eq(why(), rows[i].bits | WHY2(DURA_WHY2_SHADOW), "the journal knows both words");
    }
}

/* ---- what was planned ---------------------------------------------------------------------------------- */

/* A brain 6, firmware or policy beside a plan: safety answers for what is beyond it. */
static int plan(uint8_t component, uint32_t planned, uint32_t flags, uint32_t metric, int data, const int *by, int n)
{
    with_five();
    box.cfg.substantial_role = DURA_ROLE_SAFETY;
    box.cfg.planned = planned;
    box.cfg.planned_metric = component == DURA_COMPONENT_BRAIN ? 9000 : 0;
    box.cfg.planned_data = 1;
    rig_boot(&box);
    rig_brain(&box, 6.0f, 3);
    dura_release r = rig_release(&box, component, 6);
    r.flags = flags;
    r.metric = metric;
    memset(r.data, data ? 3 : 0, sizeof r.data);
    wrap(&r, by, n);
    box.facts = 0;
    return rig_offer(&box);
}

DT_TEST(gate_conditions, a_routine_release_stays_within_what_was_planned)
{
    enum { M = DURA_PART_MODEL, ALL = (1 << DURA_PARTS) - 1, SUBST = DURA_RELEASE_SUBSTANTIAL };
    static const struct { const char *row; uint32_t planned, flags, metric; int data; const int *by; int n, rc; } rows[] = {
        {"within", M, 0, 9000, 1, two, 2, DURA_OK}, {"the model was not planned", ALL & ~M, 0, 9000, 1, two, 2, DURA_EDENIED},
        {"a metric too low", M, 0, 8999, 1, two, 2, DURA_EDENIED}, {"no metric", M, 0, 0, 1, two, 2, DURA_EDENIED},
        {"no data", M, 0, 10000, 0, two, 2, DURA_EDENIED}, {"it does not help to sign more", M, 0, 8999, 1, with_safety, 3, DURA_EDENIED},
        {"substantial, without the role", 0, SUBST, 0, 0, two, 2, DURA_EDENIED},
        {"substantial, another role", 0, SUBST, 0, 0, three, 3, DURA_EDENIED},
        {"substantial, with the role", 0, SUBST, 0, 0, with_safety, 3, DURA_OK},
        {"within and called substantial", M, SUBST, 9000, 1, two, 2, DURA_EDENIED}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        uint64_t how = rows[i].flags ? WHY2(DURA_WHY2_SUBSTANTIAL) : 0;
        dt_eq(plan(DURA_COMPONENT_BRAIN, rows[i].planned, rows[i].flags, rows[i].metric, rows[i].data, rows[i].by, rows[i].n),
              rows[i].rc, "%s", rows[i].row);
        dt_eq(why(), how | (rows[i].rc == DURA_OK ? 0 : WHY2(DURA_WHY2_PLANNED)), "%s", rows[i].row);
        if (rows[i].rc != DURA_OK)
            continue;
        dt_eq(rig_update(&box), DURA_GATE_COMMITTED, "%s", rows[i].row);
        dt_eq(why(), how, "%s: what was kept says so", rows[i].row);
        dt_eq(told(WHY2(DURA_WHY2_SUBSTANTIAL)), rows[i].flags != 0, "%s", rows[i].row);
    }
}

DT_TEST(gate_conditions, every_part_of_a_policy_is_planned_by_its_name)
{
    for (uint32_t part = 1; part < 1u << DURA_PARTS; part <<= 1)
        for (uint32_t planned = 1; planned < 1u << DURA_PARTS; planned <<= 1) {
            box.changes = 0;
            (void)plan(DURA_COMPONENT_BOX, planned, 0, 0, 0, two, 2);
            dt_eq(why(), planned == DURA_PART_BOX ? 0 : WHY2(DURA_WHY2_PLANNED));
            with_five();
            box.cfg.substantial_role = DURA_ROLE_SAFETY;
            box.cfg.planned = planned;
            box.changes = part;
            rig_boot(&box);
            dura_release r = rig_release(&box, DURA_COMPONENT_POLICY, 1);
            wrap(&r, two, 2);
            dt_eq(rig_offer(&box), part == planned ? DURA_OK : DURA_EDENIED);
            dt_eq(why(), part == planned ? 0 : WHY2(DURA_WHY2_PLANNED));
        }
}

DT_TEST(gate_conditions, the_role_of_a_substantial_release_is_asked_again_at_the_switch)
{
    dt_eq(plan(DURA_COMPONENT_BRAIN, 0, DURA_RELEASE_SUBSTANTIAL, 0, 0, with_safety, 3), DURA_OK);
    box.unsafe = 1;
    dt_eq(rig_update(&box), DURA_GATE_ARMED);
    box.cfg.substantial_role = DURA_ROLE_SECURITY;
    rig_boot(&box);
    dt_eq(rig_until(&box, DURA_GATE_REJECTED), DURA_GATE_REJECTED);
    dt_eq(why(), WHY2(DURA_WHY2_PLANNED | DURA_WHY2_SUBSTANTIAL));
}

/* ---- parts ---------------------------------------------------------------------------------------------- */

DT_TEST(gate_conditions, a_brain_runs_only_beside_the_parts_it_is_bound_to)
{
    enum { L = DURA_PART_LABEL_MAP, T = DURA_PART_THRESHOLDS, R = DURA_PART_RULES };
    static const struct { const char *row; uint32_t n, rows[3][2]; int fits; } rows[] = {
        {"one that is there", 1, {{T, 7}}, 1}, {"one that is not", 1, {{T, 8}}, 0},
        {"two", 2, {{L, 7}, {T, 7}}, 1}, {"the first is another", 2, {{L, 8}, {T, 7}}, 0}, {"the second is", 2, {{L, 7}, {T, 8}}, 0},
        {"the old or the new one", 2, {{T, 8}, {T, 7}}, 1}, {"the new or the old one", 2, {{T, 7}, {T, 8}}, 1},
        {"neither", 2, {{T, 9}, {T, 8}}, 0}, {"either of one, none of the next", 3, {{L, 8}, {L, 7}, {R, 8}}, 0},
        {"out of order", 2, {{T, 7}, {L, 7}}, 0}, {"a part nobody knows", 1, {{1 << DURA_PARTS, 7}}, 0}, {"no part", 1, {{0, 7}}, 0}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        for (int odd = 0; odd < 2; odd++) {
            with_five();
            box.part = box.next_part = 7;
            rig_brain(&box, 6.0f, 3);
            rig_bind(&box, rows[i].rows, rows[i].n);
            if (odd) { /* a section that holds no whole rows */
                durai_put32(box.image + 56, 36 * rows[i].n - 4);
                memset(box.image + durai_le32(box.image + 52) + 36 * rows[i].n - 4, 0, 4);
                durai_put32(box.image + 8, (uint32_t)box.image_len);
                box.image_len = (durai_le32(box.image + 52) + 36 * rows[i].n - 4 + 7) & ~7u;
                durai_put32(box.image + 8, (uint32_t)box.image_len);
                durai_put32(box.image + 12, durai_crc32c(durai_crc32c(0, box.image, 12), box.image + 16, box.image_len - 16));
            }
            int fits = rows[i].fits && !odd;
            dura_release r = rig_release(&box, DURA_COMPONENT_BRAIN, 6);
            wrap(&r, two, 2);
            dt_eq(rig_update(&box), fits ? DURA_GATE_COMMITTED : DURA_GATE_REJECTED, "%s %d", rows[i].row, odd);
            dt_eq(why(), fits ? 0 : WHY2(DURA_WHY2_PARTS), "%s %d", rows[i].row, odd);
            dt_ok(rig_drives(&box) == (fits ? 6.0f : 5.0f), "%s", rows[i].row);
        }
}

DT_TEST(gate_conditions, a_part_that_changed_stops_the_brain_that_is_bound_to_it)
{
    static const uint32_t bound[1][2] = {{DURA_PART_CONTRACT, 7}}, either[2][2] = {{DURA_PART_CONTRACT, 7}, {DURA_PART_CONTRACT, 8}};
    for (int both = 0; both < 2; both++)
        for (int restart = 0; restart < 2; restart++) {
            with_five();
            box.part = 7;
            rig_brain(&box, 6.0f, 3);
            rig_bind(&box, both ? either : bound, both ? 2 : 1);
            dura_release r = rig_release(&box, DURA_COMPONENT_BRAIN, 6);
            r.floor_ = 5;
            wrap(&r, two, 2);
            dt_eq(rig_update(&box), DURA_GATE_COMMITTED);
            if (restart)
                dt_eq(rig_boot(&box), 2);
            box.next_part = 8; /* a policy that changes that part alone */
            r = rig_release(&box, DURA_COMPONENT_POLICY, 1);
            wrap(&r, two, 2);
            dt_eq(rig_offer(&box), both ? DURA_OK : DURA_EDENIED);
            dt_eq(why(), both ? 0 : WHY2(DURA_WHY2_PARTS));
            box.part = 8; /* somebody put it there all the same */
            dt_eq(rig_boot(&box), both ? 2 : 1);
            dt_ok(rig_drives(&box) == (both ? 6.0f : 5.0f));
            if (!both)
                dt_ok(rig_status(&box).state == DURA_GATE_ROLLED_BACK && why() == WHY2(DURA_WHY2_PARTS));
        }
}

DT_TEST(gate_conditions, an_owner_that_knows_no_parts_runs_no_brain_that_is_bound)
{
    static const uint32_t bound[1][2] = {{DURA_PART_DRIFT, 7}};
    dura_gate_hooks h = rig_hooks;
    with_five();
    box.part = 7;
    h.user = &box;
    h.struct_size = (uint32_t)offsetof(dura_gate_hooks, part);
    dt_eq(dura_gate_init(&box.ram.gate, box.ram.object, sizeof box.ram.object, &box.cfg, &h, &box.port), DURA_OK);
    dt_eq(dura_gate_start(box.ram.gate), 1);
    rig_brain(&box, 6.0f, 3);
    rig_bind(&box, bound, 1);
    dura_release r = rig_release(&box, DURA_COMPONENT_BRAIN, 6);
    wrap(&r, two, 2);
    dt_eq(rig_update(&box), DURA_GATE_REJECTED);
    dt_eq(why(), WHY2(DURA_WHY2_PARTS));
}

/* ---- going back ---------------------------------------------------------------------------------------- */

/* Brains 5, then 7, with this floor; then one that goes back to `version`. */
static void go_back(uint64_t version, uint64_t floor_, uint8_t role)
{
    with_five();
    box.cfg.rollback_role = role;
    rig_boot(&box);
    rig_brain(&box, 7.0f, 3);
    dura_release r = rig_release(&box, DURA_COMPONENT_BRAIN, 7);
    r.floor_ = floor_;
    wrap(&r, two, 2);
    dt_eq(rig_update(&box), DURA_GATE_COMMITTED);
    rig_brain(&box, (float)version, 3);
    r = rig_release(&box, DURA_COMPONENT_BRAIN, version);
    r.floor_ = 0;
    r.flags = DURA_RELEASE_BACK;
    wrap(&r, two, 2);
    box.facts = 0;
}

static const int operator_key[] = {1};

DT_TEST(gate_conditions, accuracy_goes_back_down_to_the_security_floor_and_no_further)
{
    for (uint64_t floor_ = 5; floor_ <= 7; floor_++)
        for (uint64_t version = 4; version <= 8; version++) {
            go_back(version, floor_, DURA_ROLE_OPERATOR);
            dt_eq(rig_status(&box).floor_[DURA_COMPONENT_BRAIN], floor_);
            int fine = version >= floor_ && version < 7;
            dt_eq(rig_offer(&box), fine ? DURA_OK : DURA_EDENIED, "to %u, floor %u", (unsigned)version, (unsigned)floor_);
            dt_eq(why(), WHY2(DURA_WHY2_WENT_BACK) | (fine ? 0 : DURA_WHY_VERSION));
            if (!fine)
                continue;
            dt_eq(rig_update(&box), DURA_GATE_ARMED, "it waits for its role");
            dt_eq(why(), WHY2(DURA_WHY2_WENT_BACK) | DURA_WHY_APPROVALS);
            rig_approval a = rig_approval_of(&box);
            dt_eq(rig_approve(&box, &a, operator_key, 1, NULL), DURA_OK);
            dt_eq(rig_until(&box, DURA_GATE_COMMITTED), DURA_GATE_COMMITTED);
            dt_eq(why(), WHY2(DURA_WHY2_WENT_BACK), "and it is recorded");
            dt_ok(told(WHY2(DURA_WHY2_WENT_BACK)));
            dura_gate_status s = rig_status(&box);
            dt_ok(s.version[DURA_COMPONENT_BRAIN] == version && s.reached == 7 && s.floor_[DURA_COMPONENT_BRAIN] == floor_,
                  "three numbers");
            rig_boot(&box);
            dt_ok(rig_drives(&box) == (float)version);
            dt_ok(rig_status(&box).version[DURA_COMPONENT_BRAIN] == version && rig_status(&box).reached == 7);
        }
}

DT_TEST(gate_conditions, only_its_own_role_lets_a_brain_go_back)
{
    static const int others[] = {0, 2, 3};
    uint32_t bits = 0;
    go_back(5, 5, 0);
    dt_eq(rig_offer(&box), DURA_EDENIED, "this device lets nothing go back");
    dt_eq(why(), WHY2(DURA_WHY2_WENT_BACK | DURA_WHY2_BACK));
    go_back(5, 5, DURA_ROLE_OPERATOR);
    dt_eq(rig_update(&box), DURA_GATE_ARMED);
    rig_approval a = rig_approval_of(&box);
    for (int i = 0; i < 3; i++)
        dt_eq(rig_approve(&box, &a, others + i, 1, &bits), DURA_EAUTH);
    dt_eq(bits, DURA_WHY_ROLE);
    dt_eq(rig_until(&box, DURA_GATE_COMMITTED), DURA_GATE_ARMED);
    box.cfg.rollback_role = 0; /* as another policy would */
    rig_boot(&box);
    dt_eq(rig_until(&box, DURA_GATE_REJECTED), DURA_GATE_REJECTED);
    dt_eq(why(), WHY2(DURA_WHY2_WENT_BACK | DURA_WHY2_BACK));
    dt_ok(rig_drives(&box) == 7.0f);
}

DT_TEST(gate_conditions, what_was_left_comes_back_neither_by_replay_nor_by_itself)
{
    uint32_t bits = 0;
    uint8_t again[RIG_ENVELOPE];
    go_back(5, 5, DURA_ROLE_OPERATOR);
    size_t again_len = box.envelope_len;
    memcpy(again, box.envelope, sizeof again);
    dt_eq(rig_update(&box), DURA_GATE_ARMED);
    rig_approval a = rig_approval_of(&box);
    dt_eq(rig_approve(&box, &a, operator_key, 1, NULL), DURA_OK);
    dt_eq(rig_until(&box, DURA_GATE_COMMITTED), DURA_GATE_COMMITTED);
    for (uint64_t version = 6; version <= 8; version++) { /* 7 as it was signed once */
        rig_prepare(&box, version);
        dt_eq(rig_update(&box), version == 8 ? DURA_GATE_COMMITTED : DURA_GATE_REJECTED);
        dt_eq(why(), version == 8 ? 0 : DURA_WHY_VERSION);
    }
    dt_ok(rig_drives(&box) == 8.0f && rig_status(&box).reached == 8);
    rig_brain(&box, 5.0f, 3);
    memcpy(box.envelope, again, sizeof again); /* the same way back once more */
    box.envelope_len = again_len;
    dt_eq(rig_offer(&box), DURA_EDENIED, "below the floor that 8 raised");
    go_back(5, 5, DURA_ROLE_OPERATOR);
    dt_eq(rig_update(&box), DURA_GATE_ARMED);
    rig_approval b = rig_approval_of(&box);
    b.nonce = a.nonce - 1;
    dt_eq(rig_approve(&box, &b, operator_key, 1, &bits), DURA_EDENIED);
    dt_eq(bits, DURA_WHY_REPLAY);
    b = rig_approval_of(&box);
    dt_eq(rig_approve(&box, &b, operator_key, 1, NULL), DURA_OK);
    dt_eq(rig_until(&box, DURA_GATE_COMMITTED), DURA_GATE_COMMITTED);
    dt_flash_flip(&box.region[rig_status(&box).slot].flash, 50, 4); /* what was gone back to rots */
    dt_eq(rig_boot(&box), DURA_EDENIED, "7 does not run, though its slot holds it");
    dt_eq(rig_status(&box).state, DURA_GATE_SAFE);
    dt_eq(rig_status(&box).reached, 7, "nor is its number free");
    rig_prepare(&box, 7);
    dt_eq(rig_offer(&box), DURA_EDENIED);
    dt_eq(why(), DURA_WHY_VERSION);
    rig_prepare(&box, 8);
    dt_eq(rig_update(&box), DURA_GATE_COMMITTED);
}

DT_TEST(gate_conditions, a_way_back_that_ends_leaves_what_drove)
{
    go_back(5, 5, DURA_ROLE_OPERATOR);
    dt_eq(rig_update(&box), DURA_GATE_ARMED);
    rig_approval a = rig_approval_of(&box);
    dt_eq(rig_approve(&box, &a, operator_key, 1, NULL), DURA_OK);
    dt_eq(rig_until(&box, DURA_GATE_PROBATION), DURA_GATE_PROBATION);
    rig_boot(&box);
    dt_eq(rig_until(&box, DURA_GATE_ROLLED_BACK), DURA_GATE_ROLLED_BACK);
    dt_ok(rig_drives(&box) == 7.0f && rig_status(&box).version[DURA_COMPONENT_BRAIN] == 7);
    rig_prepare(&box, 8);
    dt_eq(rig_update(&box), DURA_GATE_COMMITTED);
    dt_eq(why(), 0, "nothing of it is left");
}

/* ---- owners of before, configurations that cannot be ------------------------------------------------- */

DT_TEST(gate_conditions, an_older_owner_is_asked_nothing_new)
{
    dura_gate_hooks h = rig_hooks;
    with_five();
    h.user = &box;
    h.struct_size = (uint32_t)offsetof(dura_gate_hooks, safe_state);
    box.cfg.struct_size = (uint32_t)offsetof(dura_gate_config, require);
    box.cfg.require = UINT32_MAX;
    box.cfg.shadow_frames = 9;
    box.cfg.emergency_role = 9;
    box.unsafe = 1;
    dt_eq(dura_gate_init(&box.ram.gate, box.ram.object, sizeof box.ram.object, &box.cfg, &h, &box.port), DURA_OK);
    dt_eq(dura_gate_start(box.ram.gate), 1);
    rig_prepare(&box, 6);
    dt_eq(rig_update(&box), DURA_GATE_COMMITTED);
    dura_gate_status s = DURA_GATE_STATUS_INIT;
    s.struct_size = (uint32_t)offsetof(dura_gate_status, why2);
    s.why2 = 77;
    dt_eq(dura_gate_query(box.ram.gate, &s), DURA_OK);
    dt_ok(s.why2 == 77 && s.struct_size == offsetof(dura_gate_status, why2));
}

DT_TEST(gate_conditions, refuses_a_configuration_nobody_can_satisfy)
{
    for (int i = 0; i < 12; i++) {
        dura_gate_hooks h = rig_hooks;
        rig_init(&box);
        h.user = &box;
        if (i == 0)
            box.cfg.incident_role = 5;
        if (i == 1)
            box.cfg.emergency_role = 255;
        if (i == 2 || i == 3) {
            box.cfg.n_keys = 3; /* nobody of safety */
            *(i == 2 ? &box.cfg.incident_role : &box.cfg.emergency_role) = DURA_ROLE_SAFETY;
        }
        if (i == 6 || i == 7)
            *(i == 6 ? &box.cfg.rollback_role : &box.cfg.substantial_role) = 5;
        if (i == 8)
            box.cfg.planned = 1u << DURA_PARTS;
        if (i == 9)
            box.cfg.planned_metric = DURA_METRIC_ONE + 1;
        if (i == 10)
            box.cfg.planned_data = 2;
        if (i == 11) {
            box.cfg.n_keys = 3;
            box.cfg.rollback_role = DURA_ROLE_SAFETY;
        }
        if (i == 4)
            box.cfg.reserved2[2] = 1;
        if (i == 5) {
            box.cfg.shadow_frames = 1;
            h.shadow = NULL;
        }
        dt_eq(dura_gate_init(&box.ram.gate, box.ram.object, sizeof box.ram.object, &box.cfg, &h, &box.port), DURA_EINVAL, "%d", i);
    }
}

DT_TEST(gate_conditions, an_update_with_everything_in_its_way_writes_at_most_16_records)
{
    static const int security[] = {2}, safety[] = {3};
    with_five();
    box.cfg.approve = S | F;
    box.cfg.shadow_frames = 50;
    box.cfg.window_minutes = 1440;
    rig_boot(&box);
    rig_prepare(&box, 6);
    box.shadow_step = 10;
    uint64_t seq = rig_status(&box).seq;
    dt_eq(rig_update(&box), DURA_GATE_ARMED);
    rig_approval a = rig_approval_of(&box);
    dt_eq(rig_approve(&box, &a, security, 1, NULL), DURA_OK);
    dt_eq(rig_approve(&box, &a, safety, 1, NULL), DURA_OK);
    dt_eq(rig_until(&box, DURA_GATE_COMMITTED), DURA_GATE_COMMITTED);
    dt_eq(rig_status(&box).seq - seq, 11, "9 arrows, 2 approvals");
}
