/* SPDX-License-Identifier: Apache-2.0 */
/* The plain runner: every registered test in turn, in one process. argv[1], if given, is
 * the only suite to run. A failed check jumps back here. */
#include "dt.h"

#include <setjmp.h>
#include <stdarg.h>

static dt_test *first, **last = &first;
static jmp_buf back;
enum { DT_PASSED = 0, DT_FAILED = 1, DT_SKIPPED = 2 };

void dt_register(dt_test *t)
{
    t->next = NULL;
    *last = t;
    last = &t->next;
}

void dt_fail_at(const char *file, int line, const char *fmt, ...)
{
    va_list ap;
    (void)file;
    (void)line;
    va_start(ap, fmt);
    vprintf(fmt, ap);
    va_end(ap);
    printf("\n");
    longjmp(back, DT_FAILED);
}

void dt_skip_at(const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    vprintf(fmt, ap);
    va_end(ap);
    printf("\n");
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
