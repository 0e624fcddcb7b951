/* SPDX-License-Identifier: Apache-2.0 */
/* `dura drill --register`: every entry of a register drilled, in words, as evidence and as a page. */
#include "dura_drill_register.h"

#include <dura/guard.h>
#include <dura/host/exercise.h>
#include <dura/host/record.h>

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static const char *const results[] = {"", "caught", "PARTLY", "MISSED", "NOT DRILLED"};
static const char *const causes[] = {"fault", "drift", "attack", "misuse"};

static const char *action_of(uint8_t action)
{
    return action == DURA_ACT ? "none" : dura_record_name(DURA_NAME_ACTION, action);
}

static void print_case(const dura_exercise_case *c)
{
    char size[24] = "", delay[48] = "-";
    if (c->size > 0.0)
        snprintf(size, sizeof size, " %.3g", c->size);
    if (c->caught && c->delay_median == c->delay_max)
        snprintf(delay, sizeof delay, "%" PRIu64, c->delay_max);
    else if (c->caught)
        snprintf(delay, sizeof delay, "%" PRIu64 " (most %" PRIu64 ")", c->delay_median, c->delay_max);
    printf("    %-12s%-15s%-7s %-18s %2" PRIu32 "/%-2" PRIu32 "  %-14s %-14s %-9s", results[c->result], c->injection, size, c->where,
           c->caught, c->starts, c->by[0] ? c->by : "-", delay, action_of(c->action));
    if (c->note[0])
        printf(" %s", c->note);
    else if (c->elsewhere[0])
        printf(" noticed by %s, which the entry does not name", c->elsewhere);
    else if (c->result == DURA_EXERCISE_MISSED && c->moved > 0.0005)
        printf(" moved the answer by %.1f %% of its range", 100.0 * c->moved);
    printf("\n");
}

static int worth_saying(const dura_exercise_case *c, int all) { return all || c->result != DURA_EXERCISE_CAUGHT; }

static void print_entry(const dura_exercise *x, uint32_t i, int all)
{
    dura_exercise_entry e = {0};
    dura_exercise_case c = {0};
    e.struct_size = (uint32_t)sizeof e;
    c.struct_size = (uint32_t)sizeof c;
    if (dura_exercise_entry_at(x, i, &e) != DURA_OK)
        return;
    printf("\n%-12s %s  %s (%s)\n", results[e.result], e.id, e.title, causes[e.cause < 4 ? e.cause : 3]);
    if (e.injections == 0)
        printf("    nothing it names could be put in: this entry is a blind spot\n");
    else
        printf("    %" PRIu32 " of %" PRIu32 " caught by its own controls, the slowest after %" PRIu64 " frames (%.3g s); spurious in the "
               "recording as it is: %" PRIu32 "\n", e.caught, e.injections, e.delay_max, e.delay_s_max, e.spurious);
    for (uint32_t k = 0; dura_exercise_case_at(x, i, k, &c) == DURA_OK; k++)
        if (worth_saying(&c, all))
            print_case(&c);
}

static void print_controls(const dura_exercise *x)
{
    dura_exercise_control c = {0};
    c.struct_size = (uint32_t)sizeof c;
    printf("\ncontrols, by what was made for them\n");
    for (uint32_t i = 0; dura_exercise_control_at(x, i, &c) == DURA_OK; i++)
        printf("%-12s %-16s %-18s %3" PRIu32 "/%-4" PRIu32 " spurious %-5" PRIu32 " %s\n", results[c.result], c.id, c.hook, c.caught,
               c.drilled, c.spurious, c.note);
}

static void print_all(const dura_exercise *x, int all)
{
    dura_exercise_info i = {0};
    i.struct_size = (uint32_t)sizeof i;
    if (dura_exercise_query(x, &i) != DURA_OK)
        return;
    const dura_drill_report *r = &i.drill;
    printf("the recording as it is: %" PRIu64 " rows, %.3g days: %" PRIu64 " trips, %" PRIu64 " drift alarms, %" PRIu64 " incidents\n",
           r->rows, r->days, r->trips, r->drift_alarms, r->incidents);
    printf("each injection at %" PRIu32 " places (seed %" PRIu64 ") for %" PRIu64 " frames\n", r->starts, r->seed, r->length);
    for (uint32_t k = 0; k < i.entries; k++)
        print_entry(x, k, all);
    print_controls(x);
    printf("\n%" PRIu32 " of %" PRIu32 " entries drilled: %" PRIu32 " caught, %" PRIu32 " partly, %" PRIu32 " missed. %" PRIu32
           " of %" PRIu32 " injections caught. %" PRIu32 " weak control%s", i.drilled, i.entries, i.results[DURA_EXERCISE_CAUGHT],
           i.results[DURA_EXERCISE_PARTLY], i.results[DURA_EXERCISE_MISSED], i.caught, i.injections, i.weak, i.weak == 1 ? "" : "s");
    if (i.idle)
        printf(", %" PRIu32 " that nothing was made for", i.idle);
    printf(".\nA catch shows that this injection was noticed by a control the entry names: it is no proof for others.\n");
}

/* drill.json and drill.html; nothing is written over. */
static int write_files(const dura_exercise *x, const char *folder, dura_error *err)
{
    static const char *const names[] = {"drill.json", "drill.html"};
    int rc = DURA_OK;
    for (int i = 0; i < 2 && rc == DURA_OK; i++) {
        char *text, *path = cli_join(folder, names[i]);
        size_t n;
        rc = i ? dura_exercise_page(x, &text, &n) : dura_exercise_text(x, &text, &n);
        if (rc == DURA_OK && !path)
            rc = dura_error_set(err, DURA_ENOSPC, NULL, 0, NULL, "out of memory");
        if (rc == DURA_OK)
            rc = cli_write_file(path, text, n, 0, err);
        dura_register_free(text);
        free(path);
    }
    return rc;
}

static int print_json(const dura_exercise *x)
{
    char *text;
    size_t n;
    int rc = dura_exercise_text(x, &text, &n);
    if (rc == DURA_OK)
        printf("%s\n", text);
    dura_register_free(text);
    return rc;
}

int drill_register(const char *path, const dura_drill_options *o, const char *out, int as_json, int all, progress *bar,
                   int *missed, dura_error *err)
{
    dura_register *r = NULL;
    dura_exercise *x = NULL;
    dura_exercise_info i = {0};
    i.struct_size = (uint32_t)sizeof i;
    int rc = dura_register_load(path, &r, err);
    if (rc == DURA_OK)
        rc = dura_exercise_run(&x, r, o, err);
    progress_end(bar);
    if (rc == DURA_OK && out)
        rc = write_files(x, out, err);
    if (rc == DURA_OK)
        rc = dura_exercise_query(x, &i);
    if (rc == DURA_OK && as_json)
        rc = print_json(x);
    else if (rc == DURA_OK)
        print_all(x, all);
    *missed = i.caught < i.injections || i.drilled < i.entries;
    dura_exercise_deinit(x);
    dura_register_deinit(r);
    return rc;
}
