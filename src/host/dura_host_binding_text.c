/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A binding as JSON: members sorted, no blanks, 64-bit numbers as decimal strings where they may
 * pass 2^53. Nothing of the machine or the day is in it.
 */
#include "dura_host_binding_priv.h"

#include <inttypes.h>
#include <string.h>

static void hex(durai_reg_text *t, const char *name, const uint8_t *p, size_t n)
{
    char text[65];
    (void)durai_hex(text, p, n);
    durai_reg_say(t, "\"%s\":\"%.*s\"", name, (int)(2 * n), text);
}

static void word(durai_reg_text *t, const char *name, const char *value)
{
    durai_reg_say(t, "\"%s\":", name);
    durai_reg_quote(t, value);
}

/* Record numbers and ages that are none are null. */
static void maybe(durai_reg_text *t, const char *name, uint64_t v, uint64_t none)
{
    if (v == none)
        durai_reg_say(t, "\"%s\":null", name);
    else
        durai_reg_say(t, "\"%s\":%" PRIu64, name, v);
}

static void put_control(durai_reg_text *t, const dura_binding_control *c)
{
    maybe(t, "age_days", c->age_days, DURA_AGE_UNKNOWN);
    durai_reg_say(t, ",\"armed_ns\":\"%" PRIu64 "\",\"armed_percent\":%" PRIu32 ",\"blocks\":%" PRIu64 ",\"caught\":%" PRIu32
                  ",\"channels\":%" PRIu32 ",", c->armed_ns, c->armed_percent, c->blocks, c->caught, c->channels);
    word(t, "control", c->id);
    durai_reg_say(t, ",\"drilled\":%" PRIu32 ",\"evaluations\":%" PRIu64 ",\"expected_percent\":%" PRIu32 ",", c->drilled,
                  c->evaluations, c->expected_percent);
    maybe(t, "fire_gseq", c->fire_gseq, UINT64_MAX);
    durai_reg_say(t, ",\"fires\":%" PRIu64 ",", c->fires);
    maybe(t, "first_gseq", c->first_gseq, UINT64_MAX);
    durai_reg_say(t, ",");
    word(t, "hook", c->hook);
    durai_reg_say(t, ",");
    maybe(t, "last_fire_gseq", c->last_fire_gseq, UINT64_MAX);
    durai_reg_say(t, ",");
    maybe(t, "last_gseq", c->last_gseq, UINT64_MAX);
    durai_reg_say(t, ",\"level\":%u,", c->level);
    word(t, "next", c->next);
    durai_reg_say(t, ",\"number\":%u,\"overrides\":%" PRIu64 ",\"steps\":[", c->number, c->overrides);
    for (unsigned i = 0, n = 0; i <= DURA_E4; i++)
        if (c->steps >> i & 1)
            durai_reg_say(t, "%s%u", n++ ? "," : "", i);
    durai_reg_say(t, "],\"tests_failed\":%" PRIu64 ",\"tests_passed\":%" PRIu64 ",\"verdicts\":%" PRIu64 ",", c->tests_failed,
                  c->tests_passed, c->verdicts);
    word(t, "why", c->why);
    durai_reg_say(t, ",\"worst_ns\":\"%" PRIu64 "\",\"worst_samples\":%" PRIu64, c->worst_ns, c->worst_samples);
}

static void put_entry(durai_reg_text *t, const dura_binding_entry *e)
{
    maybe(t, "age_days", e->age_days, DURA_AGE_UNKNOWN);
    durai_reg_say(t, ",\"caught\":%" PRIu32 ",\"cause\":\"%s\",\"controls\":%" PRIu32 ",\"drilled\":%" PRIu32 ",", e->caught,
                  durai_reg_causes[e->cause], e->controls, e->drilled);
    word(t, "entry", e->id);
    durai_reg_say(t, ",\"level\":%u,\"number\":%u,", e->level, e->number);
    word(t, "title", e->title);
    durai_reg_say(t, ",\"was_drilled\":%s,", e->was_drilled ? "true" : "false");
    word(t, "weakest", e->weakest);
}

static void put_need(durai_reg_text *t, const dura_binding_need *n)
{
    maybe(t, "age_days", n->age_days, DURA_AGE_UNKNOWN);
    durai_reg_say(t, ",\"controls\":%" PRIu32 ",\"entries\":%" PRIu32 ",\"good\":%s,\"level\":", n->controls, n->entries,
                  n->good ? "true" : "false");
    if (n->outside)
        durai_reg_say(t, "null,\"outside_software\":true,");
    else
        durai_reg_say(t, "%u,\"outside_software\":false,", n->level);
    word(t, "requirement", n->id);
    durai_reg_say(t, ",\"view\":\"%s\",", n->view == DURA_REGISTER_62443 ? "62443" : "42001");
    word(t, "weakest", n->weakest);
}

static void put_problem(durai_reg_text *t, const dura_binding_problem *p)
{
    static const char *const codes[] = {"", "log", "policy", "register", "inventory", "hook", "channel", "build",
                                        "selftest", "ids", "drill"};
    word(t, "code", codes[p->code]);
    durai_reg_say(t, ",");
    maybe(t, "gseq", p->gseq, UINT64_MAX);
    durai_reg_say(t, ",");
    word(t, "subject", p->subject);
    durai_reg_say(t, ",");
    word(t, "text", p->text);
}

static void put_set(durai_reg_text *t, const dura_binding_set *s)
{
    durai_reg_say(t, "\"boot\":%" PRIu32 ",\"boot_gseq\":%" PRIu64 ",\"decisions\":%" PRIu64 ",\"first_gseq\":%" PRIu64
                  ",\"last_gseq\":%" PRIu64 ",", s->boot, s->boot_gseq, s->decisions, s->first_gseq, s->last_gseq);
    hex(t, "model", s->model, 8);
    durai_reg_say(t, ",");
    hex(t, "policy", s->policy, 32);
    durai_reg_say(t, ",");
    hex(t, "register", s->reg, 32);
    durai_reg_say(t, ",\"version\":\"%" PRIu64 "\"", s->version);
}

#define LIST(t, b, name, n, put, item)                     \
    do {                                                   \
        durai_reg_say(t, ",\"%s\":[", name);               \
        for (uint32_t i = 0; i < (b)->info.n; i++) {       \
            durai_reg_say(t, i ? ",{" : "{");              \
            put(t, &(b)->item);                            \
            durai_reg_say(t, "}");                         \
        }                                                  \
        durai_reg_say(t, "]");                             \
    } while (0)

int dura_binding_text(const dura_binding *b, char **text, size_t *len)
{
    durai_reg_text t = {0};
    if (!b || !text || !len)
        return DURA_EINVAL;
    const dura_binding_info *i_ = &b->info;
    durai_reg_say(&t, "{\"boots\":%" PRIu32, i_->boots);
    LIST(&t, b, "controls", controls, put_control, control[i].out);
    durai_reg_say(&t, ",\"decisions\":%" PRIu64 ",\"device_bound\":%s,", i_->decisions, i_->device_bound ? "true" : "false");
    hex(&t, "drill", i_->drill_digest, 32);
    durai_reg_say(&t, ",\"dura_binding\":1");
    LIST(&t, b, "entries", entries, put_entry, entry[i]);
    durai_reg_say(&t, ",");
    maybe(&t, "limit_gseq", i_->limit, UINT64_MAX);
    durai_reg_say(&t, ",");
    hex(&t, "policy", i_->policy_digest, 32);
    LIST(&t, b, "problems", problems, put_problem, problem[i]);
    durai_reg_say(&t, ",\"proven_ns\":\"%" PRIu64 "\",\"records\":%" PRIu64 ",", i_->proven_ns, i_->records);
    hex(&t, "register", i_->register_digest, 32);
    LIST(&t, b, "requirements", needs, put_need, need[i]);
    durai_reg_say(&t, ",\"resolved\":%" PRIu64, i_->resolved);
    LIST(&t, b, "sets", sets, put_set, set[i]);
    durai_reg_say(&t, ",\"simulated\":%s,\"span_ns\":\"%" PRIu64 "\",\"unbound\":%" PRIu32 ",\"weak\":%" PRIu32 ",",
                  i_->simulated ? "true" : "false", i_->span_ns, i_->unbound, i_->weak);
    word(&t, "word", dura_verify_word(i_->word));
    durai_reg_say(&t, "}");
    return durai_reg_done(&t, text, len);
}

/* Seconds by the span of the decisions: an evidence row must not be armed longer than the period. */
int dura_binding_evidence(const dura_binding *b, char **text, size_t *len)
{
    durai_reg_text t = {0};
    if (!b || !text || !len)
        return DURA_EINVAL;
    uint64_t period = b->info.span_ns / 1000000000u;
    period = period == 0 ? 1 : period > UINT32_MAX ? UINT32_MAX : period;
    durai_reg_say(&t, "{\"controls\":[");
    for (uint32_t i = 0; i < b->info.controls; i++) {
        const dura_binding_control *c = &b->control[i].out;
        uint64_t armed = c->armed_ns / 1000000000u;
        durai_reg_say(&t, "%s{\"armed_s\":%" PRIu64 ",\"caught\":%" PRIu32 ",", i ? "," : "", armed < period ? armed : period,
                      c->caught);
        word(&t, "control", c->id);
        durai_reg_say(&t, ",\"drilled\":%" PRIu32 "}", c->drilled);
    }
    durai_reg_say(&t, "],\"dura_evidence\":1,\"period_s\":%" PRIu64 ",", period);
    hex(&t, "register", b->info.register_digest, 32);
    durai_reg_say(&t, "}");
    return durai_reg_done(&t, text, len);
}
