/* SPDX-License-Identifier: Apache-2.0 */
/* What stands behind dt.h: the words of a failed check, and how it ends its test - through
 * Criterion, or by a jump back into the plain runner. That one runs every registered test
 * in turn, in one process. argv[1], if given, is the only suite to run. */
#include "dt.h"

#include <stdarg.h>

#ifdef DT_PLAIN
#include <setjmp.h>

static dt_test *first, **last = &first;
static jmp_buf back;
enum { DT_PASSED = 0, DT_FAILED = 1, DT_SKIPPED = 2 };

void dt_register(dt_test *t)
{
    t->next = NULL;
    *last = t;
    last = &t->next;
}

#define ENDS(...)                                                                      \
    do {                                                                               \
        printf(__VA_ARGS__);                                                           \
        printf("\n");                                                                  \
        longjmp(back, DT_FAILED);                                                      \
    } while (0)

static void skips(const char *text)
{
    printf("%s\n", text);
    longjmp(back, DT_SKIPPED);
}

int main(int argc, char **argv)
{
    static int count[3];
    static dt_test *t;
    for (t = first; t; t = t->next) {
        if (argc > 1 && strcmp(argv[1], t->suite) != 0)
            continue;
        int how = setjmp(back);
        if (how == DT_PASSED) {
            t->run();
            if (DT_LEAKS() != 0) {
                printf("the test leaks memory\n");
                how = DT_FAILED;
            }
        }
        if (how != DT_PASSED)
            printf("%s: %s::%s\n", how == DT_FAILED ? "FAIL" : "skip", t->suite, t->name);
#ifdef DT_FIRST /* one failure is all that is asked for */
        if (how == DT_FAILED)
            return 1;
#endif
        count[how]++;
    }
    printf("%d passed, %d failed, %d skipped\n", count[DT_PASSED], count[DT_FAILED], count[DT_SKIPPED]);
    return count[DT_FAILED] != 0 || count[DT_PASSED] + count[DT_SKIPPED] == 0;
}

#else /* Criterion */

#define ENDS(...)                                                                      \
    do {                                                                               \
        cr_assert(0, __VA_ARGS__);                                                     \
        abort();                                                                       \
    } while (0)

static void skips(const char *text)
{
    cr_skip_test("%s", text);
}

void dt_no_leak(void)
{
    cr_assert(DT_LEAKS() == 0, "the test leaks memory");
}

#endif

/* The caller's text, cut to what a line of a report holds. */
#define TEXT(out, fmt)                                                                 \
    char out[256];                                                                     \
    do {                                                                               \
        va_list dt_ap_;                                                                \
        va_start(dt_ap_, fmt);                                                         \
        vsnprintf(out, sizeof out, fmt, dt_ap_);                                       \
        va_end(dt_ap_);                                                                \
    } while (0)

void dt_fail_at(const char *file, int line, const char *fmt, ...)
{
    TEXT(text, fmt);
    ENDS("%s:%d: %s", file, line, text);
}

void dt_skip(const char *fmt, ...)
{
    TEXT(text, fmt);
    skips(text);
    abort();
}

void dt_not_true(const char *file, int line, const char *cond, const char *fmt, ...)
{
    TEXT(text, fmt);
    ENDS("%s:%d: not true: %s  %s", file, line, cond, text);
}

void dt_not_equal(const char *file, int line, const char *a, long long va, const char *b, long long vb,
                  const char *fmt, ...)
{
    TEXT(text, fmt);
    ENDS("%s:%d: %s is %lld, want %s = %lld  %s", file, line, a, va, b, vb, text);
}

void dt_not_same(const char *file, int line, const char *a, const char *b, const char *fmt, ...)
{
    TEXT(text, fmt);
    ENDS("%s:%d: %s and %s differ  %s", file, line, a, b, text);
}

void dt_not_text(const char *file, int line, const char *a, const char *b, const char *fmt, ...)
{
    TEXT(text, fmt);
    ENDS("%s:%d: \"%s\" is not \"%s\"  %s", file, line, a, b, text);
}
