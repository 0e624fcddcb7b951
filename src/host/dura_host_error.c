/* SPDX-License-Identifier: Apache-2.0 */
/* What a person is told: file, line, field, sentence. */
#include <dura/host/error.h>

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

int dura_error_set(dura_error *err, int code, const char *file, uint32_t line, const char *field,
                   const char *fmt, ...)
{
    va_list ap;
    if (!err)
        return code;
    memset(err, 0, sizeof *err);
    err->code = code;
    err->line = line;
    snprintf(err->file, sizeof err->file, "%s", file ? file : "");
    snprintf(err->field, sizeof err->field, "%s", field ? field : "");
    va_start(ap, fmt);
    vsnprintf(err->text, sizeof err->text, fmt, ap);
    va_end(ap);
    return code;
}

const char *dura_error_text(const dura_error *err, char *buf, size_t n)
{
    char line[16] = "";
    if (!n)
        return buf;
    if (err->line)
        snprintf(line, sizeof line, ":%u", (unsigned)err->line);
    snprintf(buf, n, "%s%s%s%s%s%s", err->file, line, err->file[0] ? ": " : "", err->field,
             err->field[0] ? ": " : "", err->text[0] ? err->text : dura_strerror(err->code));
    return buf;
}
