/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dura/host/error.h - what a person is told when input is wrong.
 *
 * Host calls return the codes of dura/base.h and, when given a dura_error, say which
 * file, line, field and value it was and what to do. Unstable until 1.0.
 */
#ifndef DURA_HOST_ERROR_H
#define DURA_HOST_ERROR_H

#include <dura/base.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct dura_error {
    int32_t  code;          /* DURA_E* */
    uint32_t line;          /* 1-based; 0: not a text file */
    char file[256];         /* path as given by the user; "" if none */
    char field[128];        /* JSON path or column name: "channels[2].fail_hi"; "" if none */
    char text[384];         /* what is wrong and what to do, one sentence, no newline */
} dura_error;

/** Fill *err (NULL is allowed) and return code. fmt as printf.           [any] O(1) */
DURA_API int dura_error_set(dura_error *err, int code, const char *file, uint32_t line,
                            const char *field, const char *fmt, ...)
#if defined(__GNUC__)
    __attribute__((format(printf, 6, 7)))
#endif
    ;

/** "file:line: field: text" as far as known, into buf. Returns buf.       [any] O(1) */
DURA_API const char *dura_error_text(const dura_error *err, char *buf, size_t n);

#ifdef __cplusplus
}
#endif
#endif
