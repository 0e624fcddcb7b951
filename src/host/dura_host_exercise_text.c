/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An exercise as evidence (canonical JSON) and as a page for people. Nothing of the machine or
 * the day is in either.
 */
#include "dura_host_exercise_priv.h"

#include <dura/host/record.h>

#include <inttypes.h>
#include <string.h>

static const char *const results[] = {"", "caught", "partly", "missed", "not_drilled"};

static void word(durai_reg_text *t, const char *name, const char *value)
{
    durai_reg_say(t, "\"%s\":", name);
    durai_reg_quote(t, value);
}

static void hex(durai_reg_text *t, const char *name, const uint8_t p[32])
{
    char text[65];
    (void)durai_hex(text, p, 32);
    durai_reg_say(t, "\"%s\":\"%.64s\"", name, text);
}

static const char *action_of(uint8_t action)
{
    return action == DURA_ACT ? "none" : dura_record_name(DURA_NAME_ACTION, action);
}

static const char *verdict_of(uint8_t cause)
{
    const char *name = cause == DURA_DRILL_NO_INCIDENT ? "none" : dura_record_name(DURA_NAME_CAUSE, cause);
    return name ? name : "none";
}

/* Sizes are in thousandths: the canonical form knows whole numbers only. */
static void put_case(durai_reg_text *t, const dura_exercise_case *c)
{
    durai_reg_say(t, "{\"action\":\"%s\",", action_of(c->action));
    word(t, "by", c->by);
    durai_reg_say(t, ",\"caught\":%" PRIu32 ",\"delay_max\":%" PRIu64 ",\"delay_median\":%" PRIu64 ",", c->caught, c->delay_max,
                  c->delay_median);
    word(t, "elsewhere", c->elsewhere);
    durai_reg_say(t, ",\"injection\":\"%s\",\"moved_permille\":%" PRId64 ",", c->injection, (int64_t)(c->moved * 1000.0 + 0.5));
    word(t, "note", c->note);
    durai_reg_say(t, ",\"result\":\"%s\",\"size_permille\":%" PRId64 ",\"starts\":%" PRIu32 ",\"verdict\":\"%s\",", results[c->result],
                  (int64_t)(c->size * 1000.0 + 0.5), c->starts, verdict_of(c->verdict));
    word(t, "where", c->where);
    durai_reg_say(t, "}");
}

static void put_entry(durai_reg_text *t, const ex_entry *e)
{
    const dura_exercise_entry *o = &e->out;
    durai_reg_say(t, "{\"cases\":[");
    for (uint32_t i = 0; i < e->n; i++) {
        durai_reg_say(t, i ? "," : "");
        put_case(t, &e->at[i].out);
    }
    durai_reg_say(t, "],\"caught\":%" PRIu32 ",\"cause\":\"%s\",\"delay_max\":%" PRIu64 ",\"delay_median\":%" PRIu64
                  ",\"drilled\":%" PRIu32 ",\"elsewhere\":%" PRIu32 ",", o->caught, durai_reg_causes[o->cause], o->delay_max,
                  o->delay_median, o->injections, o->elsewhere);
    word(t, "entry", o->id);
    durai_reg_say(t, ",\"result\":\"%s\",\"spurious\":%" PRIu32 ",", results[o->result], o->spurious);
    word(t, "title", o->title);
    durai_reg_say(t, "}");
}

static void put_control(durai_reg_text *t, const dura_exercise_control *c)
{
    durai_reg_say(t, "{\"caught\":%" PRIu32 ",", c->caught);
    word(t, "control", c->id);
    durai_reg_say(t, ",\"drilled\":%" PRIu32 ",\"hook\":\"%s\",", c->drilled, c->hook);
    word(t, "note", c->note);
    durai_reg_say(t, ",\"result\":\"%s\",\"spurious\":%" PRIu32 "}", results[c->result], c->spurious);
}

int dura_exercise_text(const dura_exercise *x, char **text, size_t *len)
{
    durai_reg_text t = {0};
    if (!x || !text || !len)
        return DURA_EINVAL;
    const dura_drill_report *r = &x->info.drill;
    durai_reg_say(&t, "{\"control_run\":{\"drift_alarms\":%" PRIu64 ",\"incidents\":%" PRIu64 ",\"not_acted\":%" PRIu64
                  ",\"rows\":%" PRIu64 ",\"trips\":%" PRIu64 "},\"controls\":[", r->drift_alarms, r->incidents, r->not_acted,
                  r->rows, r->trips);
    for (uint32_t i = 0; i < x->info.controls; i++) {
        durai_reg_say(&t, i ? "," : "");
        put_control(&t, &x->control[i].out);
    }
    durai_reg_say(&t, "],\"dura_drill\":1,\"entries\":[");
    for (uint32_t i = 0; i < x->info.entries; i++) {
        durai_reg_say(&t, i ? "," : "");
        put_entry(&t, &x->entry[i]);
    }
    durai_reg_say(&t, "],");
    hex(&t, "frames", r->frames);
    durai_reg_say(&t, ",\"length\":%" PRIu64 ",", r->length);
    hex(&t, "model", r->model);
    durai_reg_say(&t, ",\"places\":[");
    for (uint32_t i = 0; i < r->starts; i++)
        durai_reg_say(&t, "%s%" PRIu64, i ? "," : "", r->start_row[i]);
    durai_reg_say(&t, "],");
    hex(&t, "policy", r->policy);
    durai_reg_say(&t, ",");
    hex(&t, "register", x->info.digest);
    durai_reg_say(&t, ",\"seed\":\"%" PRIu64 "\"}", r->seed);
    return durai_reg_done(&t, text, len);
}

/* ---- the page -------------------------------------------------------------------------------- */

static void html(durai_reg_text *t, const char *text)
{
    for (; *text; text++) {
        if (*text == '&')
            durai_reg_say(t, "&amp;");
        else if (*text == '<')
            durai_reg_say(t, "&lt;");
        else
            durai_reg_put(t, text, 1);
    }
}

static void cell(durai_reg_text *t, const char *text)
{
    durai_reg_say(t, "<td>");
    html(t, text);
}

static const char head[] =
    "<!doctype html><html lang=en><meta charset=utf-8><title>dura drill</title><style>"
    "body{font:15px/1.45 system-ui,sans-serif;max-width:70em;margin:2em auto;padding:0 1em;color:#1a1a1a}"
    "table{border-collapse:collapse;width:100%}td,th{text-align:left;padding:.25em .6em;border-bottom:1px solid #ddd;vertical-align:top}"
    "h2{margin-top:1.6em}.caught{background:#dff3e3}.partly{background:#fff0cc}.missed{background:#fbdcdc}.not_drilled{background:#e8e8e8}"
    "b.tag{padding:.1em .5em;border-radius:.3em}small{color:#555}</style>";

static void page_summary(durai_reg_text *t, const dura_exercise *x)
{
    const dura_exercise_info *i_ = &x->info;
    durai_reg_say(t, "<h1>Drill of %" PRIu32 " entries</h1><p>%" PRIu32 " injections and acts, <b>%" PRIu32
                  "</b> noticed by a control the entry names. Entries: %" PRIu32 " caught, %" PRIu32 " partly, %" PRIu32
                  " missed, %" PRIu32 " never drilled. %" PRIu32 " weak controls.</p>", i_->entries, i_->injections, i_->caught,
                  i_->results[1], i_->results[2], i_->results[3], i_->results[4], i_->weak);
    durai_reg_say(t, "<p>The recording as it is: %" PRIu64 " rows, %" PRIu64 " trips, %" PRIu64 " drift alarms, %" PRIu64
                  " incidents.</p><table><tr><th>entry<th>cause<th>result<th>caught<th>slowest, frames<th>spurious</tr>",
                  i_->drill.rows, i_->drill.trips, i_->drill.drift_alarms, i_->drill.incidents);
    for (uint32_t i = 0; i < i_->entries; i++) {
        const dura_exercise_entry *e = &x->entry[i].out;
        durai_reg_say(t, "<tr class=%s><td><a href=\"#e%" PRIu32 "\">", results[e->result], i);
        html(t, e->id);
        durai_reg_say(t, "</a> ");
        html(t, e->title);
        durai_reg_say(t, "<td>%s<td>%s<td>%" PRIu32 " of %" PRIu32 "<td>%" PRIu64 "<td>%" PRIu32 "</tr>", durai_reg_causes[e->cause],
                      results[e->result], e->caught, e->injections, e->delay_max, e->spurious);
    }
    durai_reg_say(t, "</table>");
}

static void page_controls(durai_reg_text *t, const dura_exercise *x)
{
    durai_reg_say(t, "<h2>Controls, by what was made for them</h2><table><tr><th>control<th>hook<th>caught<th>spurious<th></tr>");
    for (uint32_t i = 0; i < x->info.controls; i++) {
        const dura_exercise_control *c = &x->control[i].out;
        durai_reg_say(t, "<tr class=%s>", results[c->result]);
        cell(t, c->id);
        cell(t, c->hook);
        durai_reg_say(t, "<td>%" PRIu32 " of %" PRIu32 "<td>%" PRIu32, c->caught, c->drilled, c->spurious);
        cell(t, c->note);
        durai_reg_say(t, "</tr>");
    }
    durai_reg_say(t, "</table>");
}

static void page_entry(durai_reg_text *t, const ex_entry *e, uint32_t n)
{
    durai_reg_say(t, "<h2 id=e%" PRIu32 ">", n);
    html(t, e->out.id);
    durai_reg_say(t, " ");
    html(t, e->out.title);
    durai_reg_say(t, "</h2><table><tr><th>injected<th>where<th>caught<th>by<th>frames, median and most<th>action<th>verdict<th></tr>");
    for (uint32_t i = 0; i < e->n; i++) {
        const dura_exercise_case *c = &e->at[i].out;
        durai_reg_say(t, "<tr class=%s><td>%s", results[c->result], c->injection);
        cell(t, c->where);
        durai_reg_say(t, "<td>%" PRIu32 " of %" PRIu32, c->caught, c->starts);
        cell(t, c->by);
        if (c->caught)
            durai_reg_say(t, "<td>%" PRIu64 ", %" PRIu64, c->delay_median, c->delay_max);
        else
            durai_reg_say(t, "<td>");
        durai_reg_say(t, "<td>%s<td>%s<td>", action_of(c->action), verdict_of(c->verdict));
        html(t, c->note);
        if (c->elsewhere[0])
            durai_reg_say(t, " <small>noticed by %s, which the entry does not name</small>", c->elsewhere);
        durai_reg_say(t, "</tr>");
    }
    durai_reg_say(t, "</table>");
}

int dura_exercise_page(const dura_exercise *x, char **text, size_t *len)
{
    durai_reg_text t = {0};
    char digest[65];
    if (!x || !text || !len)
        return DURA_EINVAL;
    durai_reg_put(&t, head, sizeof head - 1);
    page_summary(&t, x);
    page_controls(&t, x);
    for (uint32_t i = 0; i < x->info.entries; i++)
        page_entry(&t, &x->entry[i], i);
    (void)durai_hex(digest, x->info.digest, 32);
    durai_reg_say(&t, "<p><small>register %.64s", digest);
    (void)durai_hex(digest, x->info.drill.policy, 32);
    durai_reg_say(&t, "<br>policy %.64s", digest);
    (void)durai_hex(digest, x->info.drill.frames, 32);
    durai_reg_say(&t, "<br>recording %.64s<br>seed %" PRIu64 ". A catch shows that this injection was noticed; it is no proof for "
                  "others.</small></p></html>\n", digest, x->info.drill.seed);
    return durai_reg_done(&t, text, len);
}
