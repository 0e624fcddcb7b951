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

#ifndef DT_PLAIN

#include <criterion/criterion.h>
#define DT_TEST(suite, name)                                                           \
    static void dt_##suite##_##name(void);                                             \
    Test(suite, name)                                                                  \
    {                                                                                  \
        dt_##suite##_##name();                                                         \
        cr_assert(DT_LEAKS() == 0, "the test leaks memory");                           \
    }                                                                                  \
    static void dt_##suite##_##name(void)
#define dt_fail(...) cr_assert(0, __VA_ARGS__)
#define dt_skip(...) cr_skip_test(__VA_ARGS__)

#else /* plain */

typedef struct dt_test {
    const char *suite, *name;
    void (*run)(void);
    struct dt_test *next;
} dt_test;
void dt_register(dt_test *t);
void dt_fail_at(const char *file, int line, const char *fmt, ...);
void dt_skip_at(const char *fmt, ...);
#define DT_TEST(suite, name)                                                           \
    static void dt_##suite##_##name(void);                                             \
    static dt_test dt_node_##suite##_##name = {#suite, #name, dt_##suite##_##name, 0}; \
    __attribute__((constructor)) static void dt_ctor_##suite##_##name(void)            \
    {                                                                                  \
        dt_register(&dt_node_##suite##_##name);                                        \
    }                                                                                  \
    static void dt_##suite##_##name(void)
#define dt_fail(...) dt_fail_at(__FILE__, __LINE__, __VA_ARGS__)
#define dt_skip(...) dt_skip_at(__VA_ARGS__)

#endif

/* true */
#define dt_ok(cond, ...)                                                               \
    do {                                                                               \
        if (!(cond)) {                                                                 \
            char dt_t_[256];                                                           \
            snprintf(dt_t_, sizeof dt_t_, "" __VA_ARGS__);                             \
            dt_fail("%s:%d: not true: %s  %s", __FILE__, __LINE__, #cond, dt_t_);      \
        }                                                                              \
    } while (0)
/* integers equal */
#define dt_eq(a, b, ...)                                                               \
    do {                                                                               \
        long long dt_a_ = (long long)(a), dt_b_ = (long long)(b);                      \
        if (dt_a_ != dt_b_) {                                                          \
            char dt_t_[256];                                                           \
            snprintf(dt_t_, sizeof dt_t_, "" __VA_ARGS__);                             \
            dt_fail("%s:%d: %s is %lld, want %s = %lld  %s", __FILE__, __LINE__, #a,   \
                    dt_a_, #b, dt_b_, dt_t_);                                          \
        }                                                                              \
    } while (0)
/* bytes equal */
#define dt_mem(a, b, n, ...)                                                           \
    do {                                                                               \
        if (memcmp((a), (b), (n)) != 0) {                                              \
            char dt_t_[256];                                                           \
            snprintf(dt_t_, sizeof dt_t_, "" __VA_ARGS__);                             \
            dt_fail("%s:%d: %s and %s differ  %s", __FILE__, __LINE__, #a, #b, dt_t_); \
        }                                                                              \
    } while (0)
/* strings equal */
#define dt_str(a, b, ...)                                                              \
    do {                                                                               \
        if (strcmp((a), (b)) != 0) {                                                   \
            char dt_t_[256];                                                           \
            snprintf(dt_t_, sizeof dt_t_, "" __VA_ARGS__);                             \
            dt_fail("%s:%d: \"%s\" is not \"%s\"  %s", __FILE__, __LINE__, (a), (b), dt_t_); \
        }                                                                              \
    } while (0)

#endif
