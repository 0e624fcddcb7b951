/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From counters to the ladder E0..E4: a control stands on the highest step that something
 * speaks for; an entry on its weakest control's; a requirement on the weakest of all the
 * entries that name it. A step is never lent: what was counted under another policy, or behind
 * a broken seal, speaks for nothing.
 */
#include "dura_host_binding_priv.h"

#include <dura/host/catalog.h>
#include <dura/host/crypto.h>

#include <inttypes.h>
#include <string.h>

#define DAY_NS INT64_C(86400000000000)

/* ---- the drill's evidence ------------------------------------------------------------------ */

static int counts(const dura_json *d, uint32_t row, uint32_t *drilled, uint32_t *caught, dura_error *err)
{
    int64_t n[2] = {0, 0};
    int rc = dura_json_get_int(d, dura_json_member(d, row, "drilled"), 0, 1000000000, &n[0], err);
    if (rc == DURA_OK)
        rc = dura_json_get_int(d, dura_json_member(d, row, "caught"), 0, n[0], &n[1], err);
    *drilled = (uint32_t)n[0];
    *caught = (uint32_t)n[1];
    return rc;
}

static int drilled_controls(dura_binding *b, const dura_json *d, dura_error *err)
{
    uint32_t list = dura_json_member(d, DURA_JSON_ROOT, "controls");
    int rc = dura_json_want(d, list, DURA_JSON_ARRAY, 0, DURA_REGISTER_OBJECTS_MAX, err);
    for (uint32_t v = dura_json_first(d, list); v != DURA_JSON_NONE && rc == DURA_OK; v = dura_json_next(d, v)) {
        const char *id;
        rc = durai_reg_get_id(d, dura_json_member(d, v, "control"), &id, err);
        uint16_t at = rc == DURA_OK ? durai_reg_find(b->r, REG_IS_CONTROL, id) : 0;
        if (rc == DURA_OK && at == REG_NONE)
            rc = dura_json_fail(d, v, err, DURA_ENOENT, "the register has no control \"%s\"", id);
        if (rc == DURA_OK)
            rc = counts(d, v, &b->control[at].out.drilled, &b->control[at].out.caught, err);
    }
    return rc;
}

static int drilled_entries(dura_binding *b, const dura_json *d, dura_error *err)
{
    uint32_t list = dura_json_member(d, DURA_JSON_ROOT, "entries");
    int rc = dura_json_want(d, list, DURA_JSON_ARRAY, 0, DURA_REGISTER_OBJECTS_MAX, err);
    for (uint32_t v = dura_json_first(d, list); v != DURA_JSON_NONE && rc == DURA_OK; v = dura_json_next(d, v)) {
        const char *id;
        rc = durai_reg_get_id(d, dura_json_member(d, v, "entry"), &id, err);
        uint16_t at = rc == DURA_OK ? durai_reg_find(b->r, REG_IS_ENTRY, id) : 0;
        if (rc == DURA_OK && at == REG_NONE)
            rc = dura_json_fail(d, v, err, DURA_ENOENT, "the register has no entry \"%s\"", id);
        if (rc == DURA_OK)
            rc = counts(d, v, &b->entry[at].drilled, &b->entry[at].caught, err);
        if (rc == DURA_OK)
            b->entry[at].was_drilled = b->entry[at].drilled > 0;
    }
    return rc;
}

/* A drill of something else says nothing here, and is told. */
int durai_bind_drill(dura_binding *b, const dura_json *d, dura_error *err)
{
    uint8_t reg[32], policy[32];
    int64_t n;
    if (!d)
        return DURA_OK;
    int rc = dura_json_get_int(d, dura_json_member(d, DURA_JSON_ROOT, "dura_drill"), 1, 1, &n, err);
    if (rc == DURA_OK)
        rc = dura_json_get_hex(d, dura_json_member(d, DURA_JSON_ROOT, "register"), reg, 32, err);
    if (rc == DURA_OK)
        rc = dura_json_get_hex(d, dura_json_member(d, DURA_JSON_ROOT, "policy"), policy, 32, err);
    if (rc != DURA_OK)
        return rc;
    if (memcmp(reg, b->r->digest, 32) != 0 || memcmp(policy, b->policy.digest, 32) != 0) {
        durai_bind_problem(b, DURA_BIND_DRILL, "drill", UINT64_MAX, "the drill is of another %s: it speaks for nothing here",
                           memcmp(reg, b->r->digest, 32) != 0 ? "register, or another state of it" : "policy than the one that ran");
        return DURA_OK;
    }
    char *text;
    size_t len;
    if ((rc = dura_register_canonical(d, DURA_JSON_ROOT, &text, &len)) == DURA_OK) {
        dura_sha256_query(b->info.drill_digest, text, len);
        dura_register_free(text);
    }
    if (rc == DURA_OK)
        rc = drilled_controls(b, d, err);
    return rc == DURA_OK ? drilled_entries(b, d, err) : rc;
}

/* ---- one control ------------------------------------------------------------------------------ */

static uint32_t age_of(const dura_binding *b, int64_t wall)
{
    if (wall == 0 || b->wall == 0)
        return DURA_AGE_UNKNOWN;
    return b->wall > wall ? (uint32_t)((b->wall - wall) / DAY_NS) : 0;
}

static int fresh(const dura_binding *b, int64_t wall)
{
    uint32_t age = age_of(b, wall);
    return age == DURA_AGE_UNKNOWN ? b->wall == 0 : age <= b->fresh_days;
}

static int needs_heartbeat(int hook) { return hook >= BIND_MONITOR && hook <= BIND_SELFTEST; }

/* A log says of itself that it is written; that it is not altered, verifying says. */
static int alive(const dura_binding *b, const bind_count *c, int hook)
{
    if (needs_heartbeat(hook))
        return c->out.tests_passed > 0 && c->out.tests_failed == 0 && fresh(b, c->tested_wall) &&
               c->out.armed_percent >= c->out.expected_percent;
    if (hook == BIND_ANCHOR)
        return b->verify.vouched[0] && b->info.word != DURA_VERIFY_TAMPERED;
    if (hook == BIND_SEAL && b->verify.unsigned_logs)
        return 0;
    return c->out.evaluations > 0 && fresh(b, c->seen_wall) && c->out.armed_percent >= c->out.expected_percent;
}

static void choose_level(const dura_binding *b, bind_count *c, int hook)
{
    uint8_t steps = 1;
    int ran = b->forced > 0 && c->configured;
    if (ran)
        steps |= 1 << DURA_E1;
    if (c->built && c->out.drilled > 0 && c->out.caught == c->out.drilled)
        steps |= 1 << DURA_E2;
    if (ran && alive(b, c, hook))
        steps |= 1 << DURA_E3;
    if (ran && c->out.verdicts > 0)
        steps |= 1 << DURA_E4;
    if (c->out.drilled > 0 && c->out.caught == 0)
        steps &= 3; /* shown not to notice what it is there for: being switched on is nothing */
    c->out.steps = steps;
    c->out.level = DURA_E4;
    while (!(steps >> c->out.level & 1))
        c->out.level--;
    int64_t at = c->out.level == DURA_E4 ? c->fired_wall : needs_heartbeat(hook) ? c->tested_wall : c->seen_wall;
    c->out.age_days = c->out.level >= DURA_E3 ? age_of(b, at) : DURA_AGE_UNKNOWN;
}

static const char *say_why(dura_binding *b, const bind_count *c)
{
    const dura_binding_control *o = &c->out;
    switch (o->level) {
    case DURA_E4:
        return durai_reg_print(&b->arena, "fired %" PRIu64 " times, %" PRIu64 " with a verdict, last in record %" PRIu64,
                               o->fires, o->verdicts, o->last_fire_gseq);
    case DURA_E3:
        if (o->tests_passed)
            return durai_reg_print(&b->arena, "%" PRIu64 " self-tests passed in the field, the slowest after %" PRIu64 " samples",
                                   o->tests_passed, o->worst_samples);
        return durai_reg_print(&b->arena, "evaluated %" PRIu64 " times, armed %" PRIu32 " %% of the time", o->evaluations,
                               o->armed_percent);
    case DURA_E2: return durai_reg_print(&b->arena, "%" PRIu32 " of %" PRIu32 " drills caught", o->caught, o->drilled);
    case DURA_E1:
        return o->drilled && !o->caught ? "the drill shows that it does not notice what it is there for"
                                        : "the policy configures it, and nothing shows that it works";
    default: break;
    }
    if (!c->built)
        return "its module is not in the build that ran";
    return c->missing ? c->missing : "no start in these records was under this policy";
}

static const char *say_next(dura_binding *b, const bind_count *c, int hook)
{
    const dura_binding_control *o = &c->out;
    if (o->level == DURA_E0)
        return c->counted ? "configure it, pack the policy, and run under it" : "drill it";
    if (o->drilled > o->caught)
        return durai_reg_print(&b->arena, "%" PRIu32 " of %" PRIu32 " drills were missed: see the drill", o->drilled - o->caught,
                               o->drilled);
    if (!(o->steps >> DURA_E2 & 1))
        return "drill it: `dura drill --register`";
    if (!(o->steps >> DURA_E3 & 1)) {
        if (o->tests_failed)
            return durai_reg_print(&b->arena, "%" PRIu64 " self-tests failed in the field", o->tests_failed);
        if (needs_heartbeat(hook) && !o->tests_passed)
            return "no self-test has passed in the field: set `drift.selftest`";
        if (hook == BIND_ANCHOR)
            return "keep a checkpoint or the key outside the folder and verify with it";
        if (o->armed_percent < o->expected_percent)
            return durai_reg_print(&b->arena, "armed %" PRIu32 " %% of the time, %" PRIu32 " %% are expected", o->armed_percent,
                                   o->expected_percent);
        return "nothing of it in the log lately: run it, or read a newer folder";
    }
    return o->level < DURA_E4 ? "a real or drilled event in the field, with a verdict" : "";
}

static void finish_control(dura_binding *b, uint32_t i)
{
    bind_count *c = &b->control[i];
    int hook = b->r->control[i].hook;
    uint64_t span = b->info.span_ns;
    c->out.armed_percent = span ? (uint32_t)(c->out.armed_ns / (span / 100 + 1)) : 0;
    c->out.armed_percent = c->out.armed_percent > 100 ? 100 : c->out.armed_percent;
    if (span && c->out.armed_ns >= span)
        c->out.armed_percent = 100;
    if (!c->configured && c->counted && c->built) {
        int names = hook <= BIND_STATE && c->out.channels == 0;
        durai_bind_problem(b, names ? DURA_BIND_CHANNEL : DURA_BIND_HOOK, c->out.id, UINT64_MAX, "%s (%s): %s", c->out.id,
                           c->out.hook, c->missing);
    }
    if (!c->built)
        durai_bind_problem(b, DURA_BIND_BUILD, c->out.id, UINT64_MAX, "%s (%s): its module is not in the build that ran",
                           c->out.id, c->out.hook);
    if (c->out.tests_failed)
        durai_bind_problem(b, DURA_BIND_SELFTEST, c->out.id, UINT64_MAX, "%s (%s): %" PRIu64 " self-tests failed in the field",
                           c->out.id, c->out.hook, c->out.tests_failed);
    choose_level(b, c, hook);
    c->out.why = say_why(b, c);
    c->out.next = say_next(b, c, hook);
    if (!c->out.why || !c->out.next)
        b->rc = DURA_ENOSPC;
}

/* ---- entries and requirements -------------------------------------------------------------------- */

/* The weaker of what stood so far and this control. */
static void weaken(const dura_binding_control *c, uint8_t *level, uint32_t *age, const char **weakest)
{
    if (!(*weakest)[0] || c->level < *level) {
        *level = c->level;
        *weakest = c->id;
    }
    *age = c->age_days > *age ? c->age_days : *age;
}

static void finish_entry(dura_binding *b, uint32_t i)
{
    const reg_entry *e = &b->r->entry[i];
    dura_binding_entry *o = &b->entry[i];
    uint32_t title = dura_json_member(b->r->doc, e->value, "title");
    o->struct_size = (uint32_t)sizeof *o;
    o->number = (uint16_t)(i + 1);
    o->id = e->id;
    o->cause = e->cause;
    o->controls = e->controls.n;
    o->weakest = "";
    if (dura_json_get_text(b->r->doc, title, 1, 1000, &o->title, NULL) != DURA_OK)
        o->title = "";
    for (uint32_t k = 0; k < e->controls.n; k++)
        weaken(&b->control[e->controls.at[k]].out, &o->level, &o->age_days, &o->weakest);
    if (e->controls.n == 0)
        o->age_days = DURA_AGE_UNKNOWN;
    b->info.unbound += e->controls.n == 0;
    b->info.weak += o->level < DURA_E2;
}

static dura_binding_need *need_of(dura_binding *b, const char *id, uint8_t view)
{
    for (uint32_t i = 0; i < b->info.needs; i++)
        if (b->need[i].view == view && strcmp(b->need[i].id, id) == 0)
            return &b->need[i];
    dura_binding_need *n = &b->need[b->info.needs++];
    const dura_catalog_item *item = NULL;
    memset(n, 0, sizeof *n);
    n->struct_size = (uint32_t)sizeof *n;
    n->view = view;
    n->id = id;
    n->weakest = "";
    n->outside = dura_catalog_resolve(id, &item) == DURA_CATALOG_ACTIVE && item && (item->flags & DURA_CATALOG_OUTSIDE);
    return n;
}

/* An entry that counts on nothing leaves each requirement it names at E0. */
static void add_need(dura_binding *b, const reg_entry *e, const char *id, uint8_t view)
{
    dura_binding_need *n = need_of(b, id, view);
    n->entries++;
    for (uint32_t k = 0; k < e->controls.n; k++)
        weaken(&b->control[e->controls.at[k]].out, &n->level, &n->age_days, &n->weakest);
    n->controls += e->controls.n;
    if (e->controls.n == 0)
        n->reserved = 1;
}

static void all_needs(dura_binding *b)
{
    const dura_register *r = b->r;
    for (uint32_t i = 0; i < r->n_entry; i++)
        for (uint32_t k = 0; k < r->entry[i].n_needs; k++)
            add_need(b, &r->entry[i], r->entry[i].need[k].id, DURA_REGISTER_62443);
    for (uint32_t i = 0; i < r->n_entry; i++) {
        uint32_t v = dura_json_member(r->doc, dura_json_member(r->doc, r->entry[i].value, "requirements"), "42001");
        const char *id;
        for (v = dura_json_first(r->doc, v); v != DURA_JSON_NONE; v = dura_json_next(r->doc, v))
            if (dura_json_get_text(r->doc, v, 1, 1000, &id, NULL) == DURA_OK)
                add_need(b, &r->entry[i], id, DURA_REGISTER_42001);
    }
    for (uint32_t i = 0; i < b->info.needs; i++) {
        dura_binding_need *n = &b->need[i];
        if (n->reserved) { /* an entry of it has no control */
            n->level = DURA_E0;
            n->weakest = "";
            n->age_days = DURA_AGE_UNKNOWN;
        }
        n->reserved = 0;
        n->good = !n->outside && n->level >= DURA_E2;
    }
}

static int room_for_needs(dura_binding *b)
{
    size_t n = 1;
    for (uint32_t i = 0; i < b->r->n_entry; i++)
        n += b->r->entry[i].n_needs + b->r->entry[i].n_42001;
    b->need = durai_reg_take(&b->arena, n * sizeof *b->need);
    return b->need ? DURA_OK : DURA_ENOSPC;
}

int durai_bind_levels(dura_binding *b, dura_error *err)
{
    int rc = room_for_needs(b);
    for (uint32_t i = 0; i < b->r->n_control && rc == DURA_OK; i++)
        finish_control(b, i);
    for (uint32_t i = 0; i < b->r->n_entry && rc == DURA_OK; i++)
        finish_entry(b, i);
    if (rc == DURA_OK)
        all_needs(b);
    if (rc == DURA_OK)
        rc = b->rc;
    return rc == DURA_OK ? DURA_OK : dura_error_set(err, rc, NULL, 0, NULL, "no memory");
}
