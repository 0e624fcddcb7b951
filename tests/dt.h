/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dt.h - the thin layer the tests are written on.
 *
 * Criterion where it exists; elsewhere (threads, s390x, Cortex-M, valgrind) the plain
 * runner in dt_main.c, which closes with "N passed, N failed". A suite is named
 * <module>_<call>, a test is the behaviour as a phrase:
 *
 *     DT_TEST(sensor_update, refuses_what_is_not_finite)
 *     {
 *         dt_eq(dura_sensor_update(...), DURA_EINVAL, "row %s", row->name);
 *     }
 *
 * Every check takes a printf text that says which row of a table failed ("" is allowed).
 * A failed check ends the test. Under ASan a leak fails the test that made it.
 */
#ifndef DT_H
#define DT_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#if defined(__SANITIZE_ADDRESS__)
#define DT_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define DT_ASAN 1
#endif
#endif
#ifdef DT_ASAN
int __lsan_do_recoverable_leak_check(void);
#define DT_LEAKS() __lsan_do_recoverable_leak_check()
#else
#define DT_LEAKS() 0
#endif

/* What a failed check calls (dt_main.c). Text is printf's, "" is none. The checks are
 * calls and not code in line, because the compiler then has half the work. */
#define DT_PRINTF(fmt) __attribute__((noreturn, format(printf, fmt, fmt + 1)))
DT_PRINTF(3) void dt_fail_at(const char *file, int line, const char *fmt, ...);
DT_PRINTF(1) void dt_skip(const char *fmt, ...);
DT_PRINTF(4) void dt_not_true(const char *file, int line, const char *cond, const char *fmt, ...);
DT_PRINTF(7)
void dt_not_equal(const char *file, int line, const char *a, long long va, const char *b, long long vb,
                  const char *fmt, ...);
DT_PRINTF(5)
void dt_not_same(const char *file, int line, const char *a, const char *b, const char *fmt, ...);
DT_PRINTF(5)
void dt_not_text(const char *file, int line, const char *a, const char *b, const char *fmt, ...);
/* How often a repetition is done where one program runs ten times as slow (valgrind, foreign
 * processors): a preset's DURA_TEST_SHARE. Only where fewer rounds still say the same. */
#ifndef DT_SHARE
#define DT_SHARE 1
#endif
#define dt_share(n) ((n) / DT_SHARE > 0 ? (n) / DT_SHARE : 1)

#define dt_fail(...) dt_fail_at(__FILE__, __LINE__, __VA_ARGS__)

#ifndef DT_PLAIN

#include <criterion/criterion.h>
void dt_no_leak(void);
#define DT_TEST(suite, name)                                                           \
    static void dt_##suite##_##name(void);                                             \
    Test(suite, name)                                                                  \
    {                                                                                  \
        dt_##suite##_##name();                                                         \
        dt_no_leak();                                                                  \
    }                                                                                  \
    static void dt_##suite##_##name(void)

#else /* plain */

typedef struct dt_test {
    const char *suite, *name;
    void (*run)(void);
    struct dt_test *next;
} dt_test;
void dt_register(dt_test *t);
#define DT_TEST(suite, name)                                                           \
    static void dt_##suite##_##name(void);                                             \
    static dt_test dt_node_##suite##_##name = {#suite, #name, dt_##suite##_##name, 0}; \
    __attribute__((constructor)) static void dt_ctor_##suite##_##name(void)            \
    {                                                                                  \
        dt_register(&dt_node_##suite##_##name);                                        \
    }                                                                                  \
    static void dt_##suite##_##name(void)

#endif

/* true */
#define dt_ok(cond, ...)                                                               \
    do {                                                                               \
        if (!(cond))                                                                   \
            dt_not_true(__FILE__, __LINE__, #cond, "" __VA_ARGS__);                    \
    } while (0)
/* integers equal */
#define dt_eq(a, b, ...)                                                               \
    do {                                                                               \
        long long dt_a_ = (long long)(a), dt_b_ = (long long)(b);                      \
        if (dt_a_ != dt_b_)                                                            \
            dt_not_equal(__FILE__, __LINE__, #a, dt_a_, #b, dt_b_, "" __VA_ARGS__);    \
    } while (0)
/* bytes equal */
#define dt_mem(a, b, n, ...)                                                           \
    do {                                                                               \
        if (memcmp((a), (b), (n)) != 0)                                                \
            dt_not_same(__FILE__, __LINE__, #a, #b, "" __VA_ARGS__);                   \
    } while (0)
/* strings equal */
#define dt_str(a, b, ...)                                                              \
    do {                                                                               \
        const char *dt_a_ = (a), *dt_b_ = (b);                                         \
        if (strcmp(dt_a_, dt_b_) != 0)                                                 \
            dt_not_text(__FILE__, __LINE__, dt_a_, dt_b_, "" __VA_ARGS__);             \
    } while (0)

#endif
