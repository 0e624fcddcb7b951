/* SPDX-License-Identifier: Apache-2.0 */
/* What a failed assertion does in check and fuzz builds. Release builds have none. */
#include "dura_base_priv.h"

#ifdef DURA_ASSERTS
#include <stdio.h>
#include <stdlib.h>
void durai_assert_failed(const char *text, const char *file, int line)
{
    fprintf(stderr, "%s:%d: assertion failed: %s\n", file, line, text);
    abort();
}
#else
typedef int durai_no_assertions; /* ISO C wants something in every file */
#endif
