/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Versions, error texts, and the rule by which structs grow.
 *
 * A caller's struct may be older or newer than this build. Older: it has at least the
 * bytes of the frozen first version, and what it lacks counts as zero, which always means
 * "default". Newer: it may carry fields this build does not know, as long as they are
 * zero. (The rule Linux calls copy_struct_from_user; docs/design.md, section ABI.)
 */
#include "dura_base_priv.h"

uint32_t dura_abi(void) { return DURA_ABI; }

const char *dura_version(void) { return DURA_VERSION; }

typedef struct error_row {
    int32_t code;
    const char *name;
    const char *text;
} error_row;

#ifdef DURA_NO_STRERROR
#define ROW(name, value, text) {(value), #name, ""},
#else
#define ROW(name, value, text) {(value), #name, text},
#endif
static const error_row rows[] = {DURA_ERRORS(ROW)};
#undef ROW

static const error_row *find(int code)
{
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (rows[i].code == code)
            return &rows[i];
    return NULL;
}

const char *dura_strerror(int code)
{
    const error_row *row = find(code);
    return row ? row->text : "unknown error";
}

const char *dura_errname(int code)
{
    const error_row *row = find(code);
    return row ? row->name : "E?";
}

int durai_struct_in(void *ours, uint32_t our_size, const void *theirs, uint32_t their_size,
                    uint32_t v1_size)
{
    const uint8_t *p = theirs;
    DURA_ASSERT(v1_size <= our_size);
    if (their_size < v1_size)
        return DURA_EINVAL;
    for (uint32_t i = our_size; i < their_size; i++)
        if (p[i] != 0)
            return DURA_EVERSION;
    memset(ours, 0, our_size);
    memcpy(ours, theirs, their_size < our_size ? their_size : our_size);
    return DURA_OK;
}

int durai_struct_out(void *theirs, const void *ours, uint32_t our_size, uint32_t v1_size)
{
    uint32_t room;
    DURA_ASSERT(v1_size <= our_size);
    memcpy(&room, theirs, sizeof room); /* struct_size is the first field of every struct */
    if (room < v1_size)
        return DURA_EINVAL;
    uint32_t n = room < our_size ? room : our_size;
    memcpy(theirs, ours, n);
    memcpy(theirs, &n, sizeof n);
    return DURA_OK;
}
