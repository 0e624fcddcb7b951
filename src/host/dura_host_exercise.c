/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A register drilled: which cases each entry gets, each injection or act run once for all who
 * ask for it, and who of the entry's own controls spoke.
 *
 * An entry's cases are those it lists in `drills`, else those of its cause, into every channel of
 * its asset and path; and for each of its controls those its hook is made for. A
 * control that something made for it does not move is weak, whatever else noticed.
 */
#include "dura_host_exercise_priv.h"

#include <dura/host/pack.h>

#include <stdlib.h>
#include <string.h>

#include "dura_host_files_priv.h"

static const char *const acts[ACT_END - ACT_FIRST + 1] = {
    "model_wild", "model_jumps", "model_nan", "model_fails", "no_input", "stop", "forged_release", "log_altered", "log_cut", NULL,
};

const char *durai_exercise_word(uint32_t kind)
{
    const char *word = kind < ACT_FIRST ? dura_drill_kind(kind) : kind < ACT_END ? acts[kind - ACT_FIRST] : NULL;
    return word ? word : "?";
}

static int no_memory(dura_error *err) { return dura_error_set(err, DURA_ENOSPC, NULL, 0, NULL, "no memory"); }

/* ---- what is made for what ----------------------------------------------------------------------- */

/* What must move the hook; 0 ends. */
static const uint8_t made_for[BIND_HOOKS][3] = {
    [BIND_TIME] = {DURA_DRILL_TIME_REVERSED, DURA_DRILL_TIME_DUPLICATE},
    [BIND_FINITE] = {DURA_DRILL_NAN, DURA_DRILL_INF},
    [BIND_RANGE] = {DURA_DRILL_UNIT},
    [BIND_RATE] = {DURA_DRILL_UNIT, DURA_DRILL_SPIKE},
    [BIND_SPIKE] = {DURA_DRILL_SPIKE},
    [BIND_FLAT] = {DURA_DRILL_STUCK},
    [BIND_NOISE] = {DURA_DRILL_NOISE, DURA_DRILL_ATTENUATED},
    [BIND_STALE] = {DURA_DRILL_DROPOUT},
    [BIND_MEAN] = {DURA_DRILL_BIAS, DURA_DRILL_DRIFT},
    [BIND_VOTE] = {DURA_DRILL_BIAS, DURA_DRILL_BOUNDED},
    [BIND_PARITY] = {DURA_DRILL_BIAS, DURA_DRILL_BOUNDED},
    [BIND_JOINT] = {DURA_DRILL_BIAS, DURA_DRILL_BOUNDED},
    [BIND_RULE] = {DURA_DRILL_BIAS, DURA_DRILL_BOUNDED},
    [BIND_STATE] = {DURA_DRILL_BIAS, DURA_DRILL_BOUNDED},
    [BIND_MONITOR] = {DURA_DRILL_DRIFT, DURA_DRILL_BIAS},
    [BIND_CHART] = {DURA_DRILL_DRIFT, DURA_DRILL_BIAS},
    [BIND_HISTOGRAM] = {DURA_DRILL_DRIFT, DURA_DRILL_BIAS},
    [BIND_MSPC] = {DURA_DRILL_BIAS, DURA_DRILL_BOUNDED},
    [BIND_OUT_RANGE] = {ACT_WILD, ACT_NAN},
    [BIND_OUT_RATE] = {ACT_JUMPS},
    [BIND_FALLBACK] = {ACT_NO_INPUT, ACT_FAILS},
    [BIND_STOP] = {ACT_STOP},
    [BIND_DEADLINE] = {ACT_FAILS},
    [BIND_VERIFY] = {ACT_FORGED},
    [BIND_SEAL] = {ACT_ALTERED},
    [BIND_ANCHOR] = {ACT_CUT},
    [BIND_VERDICT] = {DURA_DRILL_BIAS},
};
/* What an entry of a cause names when it lists nothing. */
static const uint8_t of_cause[REG_CAUSES][7] = {
    [REG_FAULT] = {DURA_DRILL_STUCK, DURA_DRILL_SPIKE, DURA_DRILL_DROPOUT, DURA_DRILL_BIAS, DURA_DRILL_NOISE, DURA_DRILL_NAN},
    [REG_DRIFT] = {DURA_DRILL_DRIFT},
    [REG_ATTACK] = {DURA_DRILL_BOUNDED, DURA_DRILL_REPLAY, DURA_DRILL_REPLAY_ALL},
    [REG_MISUSE] = {0},
};

static double size_of(uint8_t kind)
{
    static const double sizes[DURA_DRILL_KINDS] = {
        [DURA_DRILL_SPIKE] = 8.0, [DURA_DRILL_BIAS] = 4.0, [DURA_DRILL_DRIFT] = 4.0,
        [DURA_DRILL_NOISE] = 5.0, [DURA_DRILL_SCALE] = 1.2, [DURA_DRILL_ATTENUATED] = 0.2,
    };
    return kind < DURA_DRILL_KINDS ? sizes[kind] : 0.0;
}

static int is_whole(uint8_t kind)
{
    return kind >= ACT_FIRST || kind == DURA_DRILL_REPLAY_ALL ||
           (kind >= DURA_DRILL_TIME_REVERSED && kind <= DURA_DRILL_TIME_GAP);
}

/* ---- tasks and cases --------------------------------------------------------------------------------- */

static int task_of(dura_exercise *x, uint8_t kind, uint16_t channel, uint32_t *out)
{
    for (*out = 0; *out < x->n_task; (*out)++)
        if (x->task[*out].kind == kind && x->task[*out].channel == channel)
            return DURA_OK;
    if (x->n_task == x->task_room) {
        uint32_t room = 2 * x->task_room + 32;
        ex_task *more = realloc(x->task, room * sizeof *more);
        if (!more)
            return DURA_ENOSPC;
        x->task = more;
        x->task_room = room;
    }
    x->task[x->n_task++] = (ex_task){kind, channel, size_of(kind), 0.0, 0, "", NULL};
    return DURA_OK;
}

static int add_case(dura_exercise *x, ex_entry *e, uint8_t kind, uint16_t channel)
{
    uint32_t task;
    int rc = task_of(x, kind, is_whole(kind) ? DURA_NONE : channel, &task);
    for (uint32_t i = 0; i < e->n && rc == DURA_OK; i++)
        if (e->at[i].task == task)
            return DURA_OK;
    if (rc == DURA_OK && e->n == e->room) {
        uint32_t room = 2 * e->room + 16;
        ex_case *more = realloc(e->at, room * sizeof *more);
        if (!more)
            return DURA_ENOSPC;
        e->at = more;
        e->room = room;
    }
    if (rc == DURA_OK) {
        memset(&e->at[e->n], 0, sizeof *e->at);
        e->at[e->n++].task = task;
    }
    return rc;
}

/* Into every channel of a set, or as a whole. */
static int add_cases(dura_exercise *x, ex_entry *e, uint8_t kind, const uint8_t *channel)
{
    int rc = DURA_OK;
    if (is_whole(kind))
        return add_case(x, e, kind, DURA_NONE);
    for (uint32_t c = 0; c < x->binding.policy.n_channels && rc == DURA_OK; c++)
        if (channel[c])
            rc = add_case(x, e, kind, (uint16_t)c);
    return rc;
}

/* Channels of a sensor, or of a network that carries one. */
static void take_asset(dura_exercise *x, const reg_asset *a, uint8_t *channel)
{
    bind_count c;
    memset(&c, 0, sizeof c);
    c.channel = channel;
    if (a->kind == REG_SENSOR || a->kind == REG_NETWORK)
        durai_bind_asset(&x->binding, &c, a);
}

/* What the entry is about: its asset and path; without a sensor there, what its controls look at. */
static void channels_of(dura_exercise *x, const reg_entry *e, uint8_t *channel)
{
    const dura_register *r = x->r;
    take_asset(x, &r->asset[e->asset], channel);
    for (uint32_t i = 0; i < e->path.n; i++)
        take_asset(x, &r->asset[e->path.at[i]], channel);
    for (uint32_t k = 0; k < e->controls.n && !memchr(channel, 1, x->binding.policy.n_channels); k++)
        for (uint32_t i = 0; i < r->control[e->controls.at[k]].on.n; i++)
            take_asset(x, &r->asset[r->control[e->controls.at[k]].on.at[i]], channel);
}

/* What the entry lists, or what its cause names. An empty list names nothing. */
static int named_cases(dura_exercise *x, ex_entry *e, const reg_entry *from, const uint8_t *channel)
{
    const dura_json *d = x->r->doc;
    uint32_t list = dura_json_member(d, from->value, "drills");
    const char *word;
    int rc = DURA_OK;
    if (list == DURA_JSON_NONE)
        for (int i = 0; of_cause[from->cause][i] && rc == DURA_OK; i++)
            rc = add_cases(x, e, of_cause[from->cause][i], channel);
    for (uint32_t v = dura_json_first(d, list); v != DURA_JSON_NONE && rc == DURA_OK; v = dura_json_next(d, v))
        for (uint32_t k = 1; k < ACT_END && rc == DURA_OK; k++)
            if (dura_json_get_text(d, v, 1, 1000, &word, NULL) == DURA_OK && strcmp(word, durai_exercise_word(k)) == 0)
                rc = add_cases(x, e, (uint8_t)k, channel);
    return rc;
}

/* A hook looks at these channels: its control's; a model's control looks at those of the entry. */
static int control_cases(dura_exercise *x, ex_entry *e, uint16_t control)
{
    const uint8_t *made = made_for[x->r->control[control].hook];
    int rc = DURA_OK;
    for (int i = 0; i < 3 && made[i] && rc == DURA_OK; i++)
        rc = add_cases(x, e, made[i], x->control[control].about.channel);
    return rc;
}

static int plan_entry(dura_exercise *x, uint32_t i)
{
    const reg_entry *from = &x->r->entry[i];
    ex_entry *e = &x->entry[i];
    uint8_t *channel = durai_reg_take(&x->binding.arena, x->binding.policy.n_channels + 1);
    if (!channel)
        return DURA_ENOSPC;
    channels_of(x, from, channel);
    int rc = named_cases(x, e, from, channel);
    for (uint32_t k = 0; k < from->controls.n && rc == DURA_OK; k++)
        rc = control_cases(x, e, from->controls.at[k]);
    return rc;
}

/* ---- running ------------------------------------------------------------------------------------------ */

static int run_task(dura_exercise *x, ex_task *t, dura_error *err)
{
    dura_drill *d = x->drill;
    t->start = durai_reg_take(&x->binding.arena, DURA_DRILL_STARTS_MAX * sizeof *t->start);
    if (!t->start)
        return no_memory(err);
    if (t->kind >= ACT_FIRST) {
        int rc = durai_exercise_act(x, t, err);
        d->runs += d->report.starts;
        return rc;
    }
    drill_task task = {t->kind, t->channel, t->size};
    dura_drill_entry e = DURA_DRILL_ENTRY_INIT;
    int steps = t->kind == DURA_DRILL_BIAS || t->kind == DURA_DRILL_DRIFT;
    int rc = durai_drill_score(d, &task, &e, err);
    while (rc == DURA_OK && steps && d->n_last == 0 && task.size > 1.0) { /* no room for so much within the limits */
        task.size /= 2.0;
        rc = durai_drill_score(d, &task, &e, err);
    }
    if (rc != DURA_OK)
        return rc;
    t->starts = d->n_last;
    t->moved = e.moved;
    t->size = e.size;
    memcpy(t->start, d->last, d->n_last * sizeof *t->start);
    if (t->starts == 0)
        t->note = "it would change nothing, or has no room within the limits";
    return DURA_OK;
}

/* ---- judging ------------------------------------------------------------------------------------------- */

/* A check speaks for what is put into its own channels; what looks at the whole, for all. */
static int speaks_for(const dura_exercise *x, uint16_t control, const ex_task *t)
{
    int hook = x->r->control[control].hook;
    return t->channel == DURA_NONE || hook > BIND_STATE || x->control[control].about.channel[t->channel];
}

/* The entry's control that spoke first at a start. REG_NONE: none did. */
static uint16_t first_of(const dura_exercise *x, const reg_entry *e, const ex_task *t, uint32_t start, uint32_t *delay)
{
    uint16_t by = REG_NONE;
    *delay = DRILL_NEVER;
    for (uint32_t k = 0; k < e->controls.n; k++) {
        uint16_t control = e->controls.at[k];
        uint32_t at = t->start[start].hook_at[x->r->control[control].hook];
        /* that the machine fell back shows that something noticed: of a fault put in, not what */
        int effect = x->r->control[control].hook == BIND_FALLBACK && t->kind < ACT_FIRST;
        if (at < *delay && !effect && speaks_for(x, control, t)) {
            *delay = at;
            by = control;
        }
    }
    return by;
}

static int any_hook(const ex_task *t, uint32_t start)
{
    int first = -1;
    for (int h = 0; h < DRILL_HOOKS; h++)
        if (h != BIND_FALLBACK && t->start[start].hook_at[h] != DRILL_NEVER &&
            (first < 0 || t->start[start].hook_at[h] < t->start[start].hook_at[first]))
            first = h;
    return first;
}

static int by_value(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

static uint8_t result_of(uint32_t n, uint32_t caught)
{
    return n == 0 ? DURA_EXERCISE_NOT_DRILLED : caught == n ? DURA_EXERCISE_CAUGHT
                                              : caught ? DURA_EXERCISE_PARTLY : DURA_EXERCISE_MISSED;
}

static const char *place_of(const dura_exercise *x, const ex_task *t)
{
    return t->kind >= ACT_FIRST ? "" : t->channel == DURA_NONE ? "*" : x->drill->names[t->channel];
}

static int rank_of(uint8_t action) { return action == DURA_ACT ? 0 : action == DURA_HOLD ? 1 : action == DURA_FALLBACK ? 2 : 3; }

static void judge_case(dura_exercise *x, const reg_entry *from, ex_entry *e, ex_case *c)
{
    const ex_task *t = &x->task[c->task];
    dura_exercise_case *o = &c->out;
    uint32_t delays[DURA_DRILL_STARTS_MAX], verdicts[DURA_DRILL_VERDICTS] = {0};
    o->struct_size = (uint32_t)sizeof *o;
    o->injection = durai_exercise_word(t->kind);
    o->where = place_of(x, t);
    o->by = o->elsewhere = "";
    o->note = t->note;
    o->size = t->size;
    o->starts = t->starts;
    o->moved = t->moved;
    o->action = DURA_ACT;
    o->verdict = DURA_DRILL_NO_INCIDENT;
    for (uint32_t i = 0; i < t->starts; i++) {
        uint32_t delay;
        uint16_t by = first_of(x, from, t, i, &delay);
        int other = any_hook(t, i);
        verdicts[t->start[i].verdict]++;
        o->action = rank_of(t->start[i].action) > rank_of(o->action) ? t->start[i].action : o->action;
        if (by == REG_NONE && other >= 0) {
            e->out.elsewhere++;
            o->elsewhere = durai_reg_hooks[other].name;
        }
        if (by == REG_NONE)
            continue;
        delays[o->caught++] = delay;
        o->by = o->by[0] ? o->by : x->r->control[by].id;
    }
    for (uint8_t v = 1; v < DURA_DRILL_VERDICTS; v++)
        if (verdicts[v] > verdicts[o->verdict] || (o->verdict == DURA_DRILL_NO_INCIDENT && verdicts[v] && v != DURA_DRILL_NO_INCIDENT))
            o->verdict = v;
    if (o->caught) {
        qsort(delays, o->caught, sizeof *delays, by_value);
        o->delay_median = delays[(o->caught - 1) / 2];
        o->delay_max = delays[o->caught - 1];
    }
    o->result = result_of(o->starts, o->caught);
}

static void judge_entry(dura_exercise *x, uint32_t i)
{
    const reg_entry *from = &x->r->entry[i];
    ex_entry *e = &x->entry[i];
    dura_exercise_entry *o = &e->out;
    const drill_data *r = &x->drill->data;
    double frame_s = (double)(r->time[r->rows - 1].mono_ns - r->time[0].mono_ns) * 1e-9 / (double)(r->rows - 1);
    o->struct_size = (uint32_t)sizeof *o;
    o->cause = from->cause;
    o->id = from->id;
    if (dura_json_get_text(x->r->doc, dura_json_member(x->r->doc, from->value, "title"), 1, 1000, &o->title, NULL) != DURA_OK)
        o->title = "";
    for (uint32_t k = 0; k < e->n; k++) {
        judge_case(x, from, e, &e->at[k]);
        const dura_exercise_case *c = &e->at[k].out;
        o->cases++;
        o->missed_cases += c->starts > 0 && c->caught < c->starts;
        o->injections += c->starts;
        o->caught += c->caught;
        if (c->caught && c->delay_median > o->delay_median)
            o->delay_median = c->delay_median;
        o->delay_max = c->delay_max > o->delay_max ? c->delay_max : o->delay_max;
    }
    o->delay_s_max = (double)o->delay_max * frame_s;
    for (uint32_t k = 0; k < from->controls.n; k++)
        o->spurious += x->control[from->controls.at[k]].out.spurious;
    o->result = result_of(o->injections, o->caught);
    x->info.drilled += o->injections > 0;
    x->info.results[o->result]++;
    x->info.injections += o->injections;
    x->info.caught += o->caught;
}

/* ---- controls --------------------------------------------------------------------------------------------- */

/* In the recording as it is: how often the hook begins to speak. */
static uint32_t false_alarms(const dura_exercise *x, uint32_t control)
{
    const dura_drill *d = x->drill;
    const drill_control *k = &d->control;
    const bind_count *about = &x->control[control].about;
    int hook = x->r->control[control].hook;
    uint32_t sensor = durai_bind_sensor_bits(hook), guard = durai_bind_guard_bits(hook), n = 0, was = 0;
    for (uint64_t row = 0; row < d->data.rows; row++) {
        uint32_t now = (k->reasons[row] & guard) != 0 || (hook == BIND_FALLBACK && k->action[row] == DURA_FALLBACK);
        for (uint16_t c = 0; c < d->data.n && sensor; c++)
            now |= about->channel[c] && k->verdict[row * d->data.n + c] > DURA_UNKNOWN && (k->why[row * d->data.n + c] & sensor);
        n += now && !was;
        was = now;
    }
    for (size_t i = 0; i < k->n_said; i++)
        n += hook >= BIND_MONITOR && hook <= BIND_MSPC && k->said[i].kind == DURA_FACT_DRIFT;
    return n;
}

static int is_made_for(int hook, uint8_t kind)
{
    return made_for[hook][0] == kind || made_for[hook][1] == kind || made_for[hook][2] == kind;
}

/* What made for the hook was put where the control looks, and how often it spoke. */
static void judge_control(dura_exercise *x, uint32_t i)
{
    dura_exercise_control *o = &x->control[i].out;
    int hook = x->r->control[i].hook;
    o->struct_size = (uint32_t)sizeof *o;
    o->id = x->r->control[i].id;
    o->hook = durai_reg_hooks[hook].name;
    o->spurious = false_alarms(x, i);
    for (uint32_t k = 0; k < x->n_task; k++) {
        const ex_task *t = &x->task[k];
        if (!is_made_for(hook, t->kind) || (t->channel != DURA_NONE && !x->control[i].about.channel[t->channel]))
            continue;
        o->drilled += t->starts;
        for (uint32_t s = 0; s < t->starts; s++)
            o->caught += t->start[s].hook_at[hook] != DRILL_NEVER;
    }
    o->result = result_of(o->drilled, o->caught);
    o->note = x->control[i].about.missing ? x->control[i].about.missing
              : !made_for[hook][0]        ? "nothing is made for this hook: show it otherwise"
              : o->drilled == 0           ? "nothing could be injected where it looks"
              : o->caught < o->drilled    ? "weak: it does not notice what it is there for"
                                          : "";
    x->info.weak += o->drilled > o->caught;
    x->info.idle += o->drilled == 0;
}

/* ---- the call ------------------------------------------------------------------------------------------------ */

static int open_policy(dura_exercise *x, dura_error *err)
{
    const drill_world *w = &x->drill->world;
    bind_policy *p = &x->binding.policy;
    p->image = durai_host_copy(w->policy, w->policy_len);
    p->len = w->policy_len;
    x->binding.r = x->r;
    return p->image ? durai_bind_policy(&x->binding, err) : no_memory(err);
}

static int make_plan(dura_exercise *x, dura_error *err)
{
    int rc = DURA_OK;
    x->entry = durai_reg_take(&x->binding.arena, (x->r->n_entry + 1) * sizeof *x->entry);
    x->control = durai_reg_take(&x->binding.arena, (x->r->n_control + 1) * sizeof *x->control);
    if (!x->entry || !x->control)
        return no_memory(err);
    for (uint32_t i = 0; i < x->r->n_control && rc == DURA_OK; i++)
        rc = durai_bind_about(&x->binding, i, &x->control[i].about);
    for (uint32_t i = 0; i < x->r->n_entry && rc == DURA_OK; i++)
        rc = plan_entry(x, i);
    x->drill->n_tasks = x->n_task;
    return rc == DURA_OK ? rc : no_memory(err);
}

static int run_all(dura_exercise *x, const dura_drill_options *o, dura_error *err)
{
    int rc = durai_drill_open_bare(&x->drill, o, err);
    if (rc == DURA_OK)
        rc = open_policy(x, err);
    if (rc == DURA_OK)
        rc = make_plan(x, err);
    for (uint32_t i = 0; i < x->n_task && rc == DURA_OK; i++)
        rc = run_task(x, &x->task[i], err);
    if (rc != DURA_OK)
        return rc;
    x->info.entries = x->r->n_entry;
    x->info.controls = x->r->n_control;
    memcpy(x->info.digest, x->r->digest, 32);
    for (uint32_t i = 0; i < x->r->n_control; i++)
        judge_control(x, i);
    for (uint32_t i = 0; i < x->r->n_entry; i++)
        judge_entry(x, i);
    x->info.drill = x->drill->report;
    return DURA_OK;
}

int dura_exercise_run(dura_exercise **out, const dura_register *r, const dura_drill_options *o, dura_error *err)
{
    if (out)
        *out = NULL;
    if (!out || !r || !o || o->channels || o->kinds)
        return dura_error_set(err, DURA_EINVAL, NULL, 0, "options", "the register says what is drilled: no channels, no kinds");
    dura_exercise *x = calloc(1, sizeof *x);
    if (!x)
        return no_memory(err);
    x->r = r;
    x->policy = o->policy;
    x->model = o->model;
    int rc = run_all(x, o, err);
    if (rc == DURA_OK)
        *out = x;
    else
        dura_exercise_deinit(x);
    return rc;
}

void dura_exercise_deinit(dura_exercise *x)
{
    if (!x)
        return;
    for (uint32_t i = 0; x->entry && i < x->r->n_entry; i++)
        free(x->entry[i].at);
    dura_drill_close(x->drill);
    free(x->binding.policy.image);
    free(x->task);
    durai_reg_drop(&x->binding.arena);
    free(x);
}

int dura_exercise_query(const dura_exercise *x, dura_exercise_info *out)
{
    return x && out ? durai_struct_out(out, &x->info, (uint32_t)sizeof x->info, (uint32_t)sizeof x->info) : DURA_EINVAL;
}

int dura_exercise_entry_at(const dura_exercise *x, uint32_t n, dura_exercise_entry *out)
{
    if (!x || !out)
        return DURA_EINVAL;
    return n < x->info.entries ? durai_struct_out(out, &x->entry[n].out, (uint32_t)sizeof *out, (uint32_t)sizeof *out) : DURA_ENOENT;
}

int dura_exercise_case_at(const dura_exercise *x, uint32_t entry, uint32_t n, dura_exercise_case *out)
{
    if (!x || !out)
        return DURA_EINVAL;
    if (entry >= x->info.entries || n >= x->entry[entry].n)
        return DURA_ENOENT;
    return durai_struct_out(out, &x->entry[entry].at[n].out, (uint32_t)sizeof *out, (uint32_t)sizeof *out);
}

int dura_exercise_control_at(const dura_exercise *x, uint32_t n, dura_exercise_control *out)
{
    if (!x || !out)
        return DURA_EINVAL;
    return n < x->info.controls ? durai_struct_out(out, &x->control[n].out, (uint32_t)sizeof *out, (uint32_t)sizeof *out)
                                : DURA_ENOENT;
}
