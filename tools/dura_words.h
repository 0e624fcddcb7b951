/* SPDX-License-Identifier: Apache-2.0 */
/* Documents of the library as words: what `why` and `correlate` share. */
#ifndef DURA_WORDS_H
#define DURA_WORDS_H

#include <dura/host/json.h>

/* A member as text; "" when it is absent, null or holds control characters. */
const char *words_text(const dura_json *doc, uint32_t object, const char *name);
/* A member as a number; 0 when it is none. */
double words_number(const dura_json *doc, uint32_t object, const char *name);
/* A member as a whole number, also one in a decimal string; 0 when it is none. */
uint64_t words_uint(const dura_json *doc, uint32_t object, const char *name);
/* 1: the member is true. */
int words_true(const dura_json *doc, uint32_t object, const char *name);
/* 1: the member is there and not null. */
int words_has(const dura_json *doc, uint32_t object, const char *name);
/* "a, b, c" of a list of texts; `none` when it is empty. */
void words_list(const dura_json *doc, uint32_t list, const char *none);
/* "2026-03-01T06:00:00.000Z" of a member that is a time; "no clock" without one. */
const char *words_time(const dura_json *doc, uint32_t object, const char *name, char buf[40]);

/* One incident as a paragraph; said: a list of what people said of it, or none. */
void words_incident(const dura_json *doc, uint32_t incident, uint32_t said);

#endif
