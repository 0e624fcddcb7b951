/* SPDX-License-Identifier: Apache-2.0 */
/* `dura risk bind RUN REGISTER`: what a run folder shows of the controls a register counts on. */
#include "dura_risk.h"

#include <dura/host/binding.h>

#include <inttypes.h>

static const char *const levels[] = {"declared", "configured", "exercised", "alive", "proven"};

/* "E3 alive, 12 days" */
static void print_level(uint8_t level, uint32_t age)
{
    char text[40];
    if (age == DURA_AGE_UNKNOWN)
        snprintf(text, sizeof text, "E%u %s", level, levels[level]);
    else
        snprintf(text, sizeof text, "E%u %s, %" PRIu32 " d", level, levels[level], age);
    printf("%-22s", text);
}

static void print_problems(const dura_binding *b)
{
    dura_binding_problem p = DURA_BINDING_PROBLEM_INIT;
    for (uint32_t i = 0; dura_binding_problem_at(b, i, &p) == DURA_OK; i++)
        printf("%s%s\n", i ? "    " : "log and register do not agree:\n    ", p.text);
}

static void print_needs(const dura_binding *b)
{
    dura_binding_need n = DURA_BINDING_NEED_INIT;
    printf("\nrequirements: as strong as the weakest control of all entries that name them\n");
    for (uint32_t i = 0; dura_binding_need_at(b, i, &n) == DURA_OK; i++) {
        printf("  %-12s", n.id);
        if (n.outside)
            printf("%-22sno software shows it", "outside software");
        else
            print_level(n.level, n.age_days);
        printf(" %s%s\n", n.good || n.outside ? "" : "not shown: ", n.weakest[0] ? n.weakest : n.outside ? "" : "an entry of it has no control");
    }
}

static void print_entries(const dura_binding *b)
{
    static const char *const causes[] = {"fault", "drift", "attack", "misuse"};
    dura_binding_entry e = DURA_BINDING_ENTRY_INIT;
    printf("\nentries\n");
    for (uint32_t i = 0; dura_binding_entry_at(b, i, &e) == DURA_OK; i++) {
        printf("  %-12s", e.id);
        print_level(e.level, e.age_days);
        printf(" %-7s %-12s drilled %" PRIu32 "/%" PRIu32 "  %s\n", causes[e.cause < 4 ? e.cause : 3], e.weakest, e.caught, e.drilled,
               e.title);
    }
}

static void print_controls(const dura_binding *b)
{
    dura_binding_control c = DURA_BINDING_CONTROL_INIT;
    printf("controls\n");
    for (uint32_t i = 0; dura_binding_control_at(b, i, &c) == DURA_OK; i++) {
        printf("  %-12s", c.id);
        print_level(c.level, c.age_days);
        printf(" %-18s armed %3" PRIu32 " %%, %" PRIu64 " looked, %" PRIu64 " fired, %" PRIu64 " blocked: %s\n", c.hook, c.armed_percent,
               c.evaluations, c.fires, c.blocks, c.why);
        if (c.next[0])
            printf("%37s next: %s\n", "", c.next);
    }
}

static void print_all(const dura_binding *b, const dura_binding_info *i)
{
    if (i->simulated)
        printf("SIMULATED: the public demo key signed, this proves nothing to anybody\n");
    printf("%s: %" PRIu64 " records count, %" PRIu32 " starts, %" PRIu64 " decisions, %" PRIu64 " resolve to one of %" PRIu32
           " inventory sets; register %s on the device\n\n", dura_verify_word(i->word), i->records, i->boots, i->decisions, i->resolved,
           i->sets, i->device_bound ? "is bound" : "is not bound");
    print_controls(b);
    print_entries(b);
    print_needs(b);
    printf("\n");
    print_problems(b);
    printf("%" PRIu32 " of %" PRIu32 " entries are at E0 or E1, %" PRIu32 " count on no control. E0 and E1 are words.\n", i->weak, i->entries,
           i->unbound);
}

static int print_json(const dura_binding *b, int evidence, dura_error *err)
{
    char *text;
    size_t n;
    int rc = evidence ? dura_binding_evidence(b, &text, &n) : dura_binding_text(b, &text, &n);
    if (rc != DURA_OK)
        return dura_error_set(err, rc, NULL, 0, NULL, "out of memory");
    printf("%s\n", text);
    dura_register_free(text);
    return DURA_OK;
}

int risk_bind(const cli_command *self, const char *run, const char *path, const char *drill_path, const char *state, int as_json,
              int as_evidence)
{
    dura_binding_options o = DURA_BINDING_OPTIONS_INIT;
    dura_binding_info info = DURA_BINDING_INFO_INIT;
    dura_verify_options v = {0};
    dura_binding *b = NULL;
    dura_register *r = NULL;
    dura_json *drill = NULL;
    dura_error err = {0};
    v.struct_size = (uint32_t)sizeof v;
    v.state_dir = state;
    o.verify = &v;
    int rc = dura_register_load(path, &r, &err);
    if (rc == DURA_OK && drill_path)
        rc = dura_json_load(drill_path, &drill, &err);
    o.drill = drill;
    if (rc == DURA_OK)
        rc = dura_binding_read(&b, run, r, &o, &err);
    if (rc == DURA_OK)
        rc = dura_binding_query(b, &info);
    if (rc == DURA_OK && (as_json || as_evidence))
        rc = print_json(b, as_evidence, &err);
    else if (rc == DURA_OK)
        print_all(b, &info);
    int weak = info.problems > 0 || info.weak > 0;
    dura_binding_deinit(b);
    dura_json_deinit(drill);
    dura_register_deinit(r);
    return rc == DURA_OK ? cli_end(self, weak && !as_evidence ? CLI_NO : CLI_OK) : cli_fail(self, rc, &err);
}
