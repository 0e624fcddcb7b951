/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dura/host/json.h - strict JSON for files that people write.
 *
 * One text has one meaning or none. What lenient parsers let through is refused here, with
 * file, line and path: a member given twice (however its name is escaped), bytes behind
 * the value, NUL, invalid UTF-8, lone surrogates, a byte order mark, numbers outside the
 * grammar, NaN and infinities, integers beyond 2^53-1 (64-bit values are decimal
 * strings), nesting and size over the limits below. Names are compared byte by byte.
 *
 *   dura_json_parse | load -> member, first, next -> get_... -> deinit
 *
 * A value is named by a number, 0 being the whole text; DURA_JSON_NONE is no value.
 * Memory: from the heap, freed by deinit. Threads: a parsed document is read-only.
 * Unstable until 1.0.
 */
#ifndef DURA_HOST_JSON_H
#define DURA_HOST_JSON_H

#include <dura/host/error.h>

#ifdef __cplusplus
extern "C" {
#endif

#define DURA_JSON_BYTES_MAX ((size_t)4 << 20)   /* of a text */
#define DURA_JSON_DEPTH_MAX 32                  /* objects and arrays within each other */
#define DURA_JSON_VALUES_MAX 1048576u           /* in one text */
#define DURA_JSON_ROOT 0u
#define DURA_JSON_NONE UINT32_MAX               /* no such value */

/* What a value is. */
enum {
    DURA_JSON_NULL = 1,
    DURA_JSON_BOOL = 2,
    DURA_JSON_NUMBER = 3,
    DURA_JSON_TEXT = 4,
    DURA_JSON_ARRAY = 5,
    DURA_JSON_OBJECT = 6
};

typedef struct dura_json dura_json;

/** Parse len bytes. filename is only said in errors (NULL: none). The text is copied.
 *  returns  DURA_OK; DURA_ESYNTAX, DURA_ELIMIT (size, depth, values), DURA_EINVAL (NULL),
 *           DURA_ENOSPC (heap). On error *out is NULL and *err (may be NULL) says where
 *           and what.                                               [any] O(len log len) */
DURA_API DURA_CHECK int dura_json_parse(const char *text, size_t len, const char *filename,
                                        dura_json **out, dura_error *err);

/** The same for a file. Also DURA_EIO: it cannot be read.       [any] O(file log file) */
DURA_API DURA_CHECK int dura_json_load(const char *filename, dura_json **out, dura_error *err);

/** Release. NULL is allowed.                                          [any] O(values) */
DURA_API void dura_json_deinit(dura_json *doc);

/** DURA_JSON_NULL..OBJECT; 0 for a value that is none.                    [any] O(1) */
DURA_API DURA_CHECK int dura_json_type(const dura_json *doc, uint32_t value);

/** Members of an object or items of an array; 0 for anything else.        [any] O(1) */
DURA_API DURA_CHECK uint32_t dura_json_count(const dura_json *doc, uint32_t value);

/** The member called name, exactly; DURA_JSON_NONE: absent, or no object.
 *                                                                   [any] O(members) */
DURA_API DURA_CHECK uint32_t dura_json_member(const dura_json *doc, uint32_t object,
                                              const char *name);

/** First member or item; DURA_JSON_NONE: it has none.                     [any] O(1) */
DURA_API DURA_CHECK uint32_t dura_json_first(const dura_json *doc, uint32_t value);

/** The member or item behind this one; DURA_JSON_NONE at the end.         [any] O(1) */
DURA_API DURA_CHECK uint32_t dura_json_next(const dura_json *doc, uint32_t value);

/** Name of a member; "" for an item. Lives as long as doc.                [any] O(1) */
DURA_API DURA_CHECK const char *dura_json_name(const dura_json *doc, uint32_t value);

/** Line, from 1, where the value (a member: its name) stands; 0: none. [any] O(bytes) */
DURA_API DURA_CHECK uint32_t dura_json_line(const dura_json *doc, uint32_t value);

/** "channels[2].fail_hi" into buf, cut at the front when long. Returns buf.
 *                                                                     [any] O(depth) */
DURA_API const char *dura_json_path(const dura_json *doc, uint32_t value, char *buf, size_t n);

/** The file name it was parsed under; "".                                [any] O(1) */
DURA_API DURA_CHECK const char *dura_json_file(const dura_json *doc);

/** Fill *err with file, line and path of the value; returns code.   [any] O(bytes) */
DURA_API int dura_json_fail(const dura_json *doc, uint32_t value, dura_error *err, int code,
                            const char *fmt, ...)
#if defined(__GNUC__)
    __attribute__((format(printf, 5, 6)))
#endif
    ;

/* ---- typed access: each returns DURA_OK, or DURA_EINVAL and says what it wanted ---- */

/** An object whose members are all in names (ended by NULL); the error names the first
 *  that is not, and the nearest one that is.            [any] O(members x names) */
DURA_API DURA_CHECK int dura_json_only(const dura_json *doc, uint32_t object,
                                       const char *const *names, dura_error *err);

/** An object or array of min to max entries.                              [any] O(1) */
DURA_API DURA_CHECK int dura_json_want(const dura_json *doc, uint32_t value, int type,
                                       uint32_t min, uint32_t max, dura_error *err);

/** Text of min to max bytes without control characters; lives as long as doc.
 *                                                                     [any] O(bytes) */
DURA_API DURA_CHECK int dura_json_get_text(const dura_json *doc, uint32_t value, size_t min,
                                           size_t max, const char **out, dura_error *err);

/** true or false.                                                         [any] O(1) */
DURA_API DURA_CHECK int dura_json_get_bool(const dura_json *doc, uint32_t value, int *out,
                                           dura_error *err);

/** A number written as an integer, lo..hi.                                [any] O(1) */
DURA_API DURA_CHECK int dura_json_get_int(const dura_json *doc, uint32_t value, int64_t lo,
                                          int64_t hi, int64_t *out, dura_error *err);

/** 0..2^64-1 as a decimal string without leading zeros, or as a number up to 2^53-1.
 *                                                                         [any] O(1) */
DURA_API DURA_CHECK int dura_json_get_u64(const dura_json *doc, uint32_t value, uint64_t *out,
                                          dura_error *err);

/** A finite number.                                                       [any] O(1) */
DURA_API DURA_CHECK int dura_json_get_f64(const dura_json *doc, uint32_t value, double *out,
                                          dura_error *err);

/** A number that stays finite, and not zero unless it is, as binary32 (rounded through
 *  binary64). -0 becomes 0.                                               [any] O(1) */
DURA_API DURA_CHECK int dura_json_get_f32(const dura_json *doc, uint32_t value, float *out,
                                          dura_error *err);

/** One of words (ended by NULL); *out gets its place.                 [any] O(words) */
DURA_API DURA_CHECK int dura_json_get_word(const dura_json *doc, uint32_t value,
                                           const char *const *words, uint32_t *out,
                                           dura_error *err);

/** 2 x n hex digits as n bytes.                                           [any] O(n) */
DURA_API DURA_CHECK int dura_json_get_hex(const dura_json *doc, uint32_t value, uint8_t *out,
                                          size_t n, dura_error *err);

#ifdef __cplusplus
}
#endif
#endif
