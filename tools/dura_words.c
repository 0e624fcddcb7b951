/* SPDX-License-Identifier: Apache-2.0 */
/* Documents of the library as words. Texts with control characters are never printed: a
 * record must not be able to speak to a terminal. */
#include "dura_words.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

const char *words_text(const dura_json *doc, uint32_t object, const char *name)
{
    const char *text;
    uint32_t v = dura_json_member(doc, object, name);
    return v != DURA_JSON_NONE && dura_json_get_text(doc, v, 0, SIZE_MAX, &text, NULL) == DURA_OK ? text : "";
}

double words_number(const dura_json *doc, uint32_t object, const char *name)
{
    double d;
    uint32_t v = dura_json_member(doc, object, name);
    return v != DURA_JSON_NONE && dura_json_get_f64(doc, v, &d, NULL) == DURA_OK ? d : 0;
}

uint64_t words_uint(const dura_json *doc, uint32_t object, const char *name)
{
    uint64_t u;
    uint32_t v = dura_json_member(doc, object, name);
    return v != DURA_JSON_NONE && dura_json_get_u64(doc, v, &u, NULL) == DURA_OK ? u : 0;
}

int words_true(const dura_json *doc, uint32_t object, const char *name)
{
    int b;
    uint32_t v = dura_json_member(doc, object, name);
    return v != DURA_JSON_NONE && dura_json_get_bool(doc, v, &b, NULL) == DURA_OK && b;
}

int words_has(const dura_json *doc, uint32_t object, const char *name)
{
    int type = dura_json_type(doc, dura_json_member(doc, object, name));
    return type != 0 && type != DURA_JSON_NULL;
}

void words_list(const dura_json *doc, uint32_t list, const char *none)
{
    const char *text;
    uint32_t v = dura_json_first(doc, list);
    if (v == DURA_JSON_NONE)
        printf("%s", none);
    for (const char *sep = ""; v != DURA_JSON_NONE; v = dura_json_next(doc, v), sep = ", ")
        if (dura_json_get_text(doc, v, 0, SIZE_MAX, &text, NULL) == DURA_OK)
            printf("%s%s", sep, text);
}

const char *words_time(const dura_json *doc, uint32_t object, const char *name, char buf[40])
{
    const char *text = words_text(doc, object, name);
    if (!*text)
        return "no clock";
    snprintf(buf, 40, strlen(text) > 23 ? "%.23sZ" : "%.30s", text);
    return buf;
}

/* ---- one incident ------------------------------------------------------------------------- */

static const struct gap { const char *name, *text; } gaps[] = {
    {"security", "no security source ever spoke"},
    {"heartbeat", "no security source spoke lately"},
    {"assets", "hostile events could not be mapped to assets"},
    {"trust", "all network evidence is unauthenticated"},
    {"drift", "no drift monitor, or one that promises nothing"},
    {"log", "records were lost"},
    {"clock", "nothing says that the clocks of the two logs agree closely enough"},
    {"window", "there was more evidence than an incident can hold"},
};

/* Evidence that speaks for the verdict (sign 1) or against it (-1). */
static void print_evidence(const dura_json *doc, uint32_t list, int sign)
{
    const char *label = sign > 0 ? "  for      " : "  against  ";
    for (uint32_t e = dura_json_first(doc, list); e != DURA_JSON_NONE; e = dura_json_next(doc, e)) {
        double w = words_number(doc, e, "weight_dban");
        const char *event = words_text(doc, e, "event"), *channel = words_text(doc, e, "channel");
        uint64_t count = words_uint(doc, e, "count");
        if (w * sign <= 0)
            continue;
        printf("%s%+.0f dban  %s", label, w, words_text(doc, e, "kind"));
        if (*event)
            printf(" (%s)", event);
        if (*channel)
            printf(" on %s", channel);
        if (count > 1)
            printf(", %" PRIu64 " times", count);
        if (strcmp(words_text(doc, e, "trust"), "none") == 0)
            printf(", nobody vouches for it");
        printf("; record %" PRIu64 "\n", words_uint(doc, e, "gseq"));
        label = "           ";
    }
}

static void print_missing(const dura_json *doc, uint32_t list)
{
    const char *name, *label = "  missing  ";
    for (uint32_t m = dura_json_first(doc, list); m != DURA_JSON_NONE; m = dura_json_next(doc, m)) {
        const char *text = NULL;
        if (dura_json_get_text(doc, m, 0, SIZE_MAX, &name, NULL) != DURA_OK)
            continue;
        for (size_t i = 0; i < sizeof gaps / sizeof *gaps; i++)
            if (strcmp(gaps[i].name, name) == 0)
                text = gaps[i].text;
        printf("%s%s\n", label, text ? text : name);
        label = "           ";
    }
}

/* 1: a person closed it. */
static int print_said(const dura_json *doc, uint32_t said)
{
    char at[40];
    int closed = 0;
    for (uint32_t s = dura_json_first(doc, said); s != DURA_JSON_NONE; s = dura_json_next(doc, s)) {
        int closes = strcmp(words_text(doc, s, "type"), "close") == 0;
        closed |= closes;
        printf("  said     %s by %s on %s: %s\n",
               closes ? "closed" : strcmp(words_text(doc, s, "type"), "normal") == 0 ? "called normal" : "acknowledged", words_text(doc, s, "actor"),
               words_time(doc, s, "t", at), words_text(doc, s, "detail"));
    }
    return closed;
}

static const char *next_action(const char *verdict, int untrusted)
{
    if (untrusted)
        return "the verdict hangs on evidence that nobody authenticated: check it elsewhere before acting on it";
    if (strcmp(verdict, "fault") == 0)
        return "have sensors, wiring and actuators of these channels checked; `dura export` leaves the rows out of training";
    if (strcmp(verdict, "drift") == 0)
        return "find out what moved in the plant; if it stays, retrain: `dura export --training` keeps these rows, marked";
    if (strcmp(verdict, "attack") == 0)
        return "call the people who answer for security, keep this folder as it is, and release nothing until it is closed";
    if (strcmp(verdict, "change") == 0)
        return "check that this was the work that was announced, then acknowledge it";
    return "the evidence does not suffice: look at what is missing, and do not rule out an attack before that";
}

void words_incident(const dura_json *doc, uint32_t incident, uint32_t said)
{
    char from[40], to[40];
    const char *verdict = words_text(doc, incident, "verdict");
    uint32_t list = dura_json_member(doc, incident, "evidence"), totals = dura_json_member(doc, incident, "totals");
    int untrusted = words_true(doc, incident, "untrusted");
    printf("incident %" PRIu64 "/%" PRIu64 ": %s (%s)  score %.0f dban, %.0f above the next cause\n",
           words_uint(doc, incident, "boot"), words_uint(doc, incident, "id"), verdict, words_text(doc, incident, "state"),
           words_number(doc, incident, "score"), words_number(doc, incident, "margin_dban"));
    printf("  when     %s to %s\n", words_time(doc, incident, "start", from), words_time(doc, incident, "end", to));
    printf("  channels ");
    words_list(doc, dura_json_member(doc, incident, "channels"), "none in particular");
    printf("\n");
    print_evidence(doc, list, 1);
    print_evidence(doc, list, -1);
    printf("  totals   fault %.0f, drift %.0f, attack %.0f, change %.0f\n", words_number(doc, totals, "fault"),
           words_number(doc, totals, "drift"), words_number(doc, totals, "attack"), words_number(doc, totals, "change"));
    print_missing(doc, dura_json_member(doc, incident, "missing"));
    if (print_said(doc, said))
        printf("  next     nothing: a person closed it\n");
    else
        printf("  next     %s\n", next_action(verdict, untrusted));
}
