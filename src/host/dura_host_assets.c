/* SPDX-License-Identifier: Apache-2.0 */
/*
 * assets.csv: which address is which asset in which zone.
 *
 * A header names the columns asset and zone, and at least one of ip and mac; others are
 * ignored. An address is brought to 17 bytes (kind and value; an IPv4 address as its IPv6
 * mapping), so that every spelling of it is the same, and found by halving.
 */
#include "dura_host_events_priv.h"

#include "../base/dura_base_priv.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>

enum { LINE_MAX_BYTES = 1024, COLUMNS = 32, KEY = 17, KEY_IP = 1, KEY_MAC = 2 };

typedef struct asset_row {
    uint8_t key[KEY];
    uint16_t asset, zone;
    uint32_t line;
} asset_row;

struct durai_assets {
    asset_row *row;
    size_t n, cap;
};

/* Which column is which; -1: there is none. */
typedef struct columns {
    int ip, mac, asset, zone;
} columns;

/* ---- addresses ------------------------------------------------------------------------ */

static int hex(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = (char)(c | 0x20);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Six pairs of digits with one kind of sign, or none, between them. */
static int mac_key(const char *text, uint8_t key[KEY])
{
    char sign = text[0] && text[1] ? text[2] : '\0';
    int spaced = sign == ':' || sign == '-';
    memset(key, 0, KEY);
    key[0] = KEY_MAC;
    for (int i = 0; i < 6; i++) {
        if (i && spaced && *text++ != sign)
            return -1;
        int hi = hex(text[0]), lo = hi < 0 ? -1 : hex(text[1]);
        if (lo < 0)
            return -1;
        key[1 + i] = (uint8_t)(hi * 16 + lo);
        text += 2;
    }
    return *text ? -1 : 0;
}

static int ip_key(const char *text, uint8_t key[KEY])
{
    static const uint8_t mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF};
    key[0] = KEY_IP;
    memcpy(key + 1, mapped, sizeof mapped);
    if (inet_pton(AF_INET, text, key + 13) == 1)
        return 0;
    return inet_pton(AF_INET6, text, key + 1) == 1 ? 0 : -1;
}

static int compare(const void *a, const void *b)
{
    return memcmp(((const asset_row *)a)->key, ((const asset_row *)b)->key, KEY);
}

int durai_assets_find(const durai_assets *a, const char *address, uint16_t *asset, uint16_t *zone)
{
    asset_row want;
    if (!a || a->n == 0)
        return 0;
    if (ip_key(address, want.key) < 0 && mac_key(address, want.key) < 0)
        return 0;
    const asset_row *found = bsearch(&want, a->row, a->n, sizeof want, compare);
    if (!found)
        return 0;
    *asset = found->asset;
    *zone = found->zone;
    return 1;
}

/* ---- the file -------------------------------------------------------------------------- */

typedef struct reader {
    const char *path;
    uint32_t line;
    dura_error *err;
} reader;

static int fail(const reader *r, int code, const char *field, const char *text)
{
    return dura_error_set(r->err, code, r->path, r->line, field, "%s", text);
}

/* Cut a line into its cells, blanks and quotes around them taken off. How many. */
static int split(char *line, char *cell[COLUMNS])
{
    int n = 0;
    for (char *p = line; p && n < COLUMNS;) {
        char *comma = strchr(p, ',');
        if (comma)
            *comma = '\0';
        p += strspn(p, " \t\"");
        size_t len = strlen(p);
        while (len && strchr(" \t\"\r\n", p[len - 1]))
            p[--len] = '\0';
        cell[n++] = p;
        p = comma ? comma + 1 : NULL;
    }
    return n;
}

static int read_header(const reader *r, char *line, columns *c)
{
    char *cell[COLUMNS];
    static const char *const names[4] = {"ip", "mac", "asset", "zone"};
    int *const at[4] = {&c->ip, &c->mac, &c->asset, &c->zone};
    int n = split(line, cell);
    for (int k = 0; k < 4; k++) {
        *at[k] = -1;
        for (int i = 0; i < n; i++)
            if (strcmp(cell[i], names[k]) == 0) {
                if (*at[k] >= 0)
                    return fail(r, DURA_ESYNTAX, names[k], "two columns have this name");
                *at[k] = i;
            }
    }
    if (c->asset < 0 || c->zone < 0 || (c->ip < 0 && c->mac < 0))
        return fail(r, DURA_ESYNTAX, NULL, "want a header with asset, zone, and ip or mac");
    return 0;
}

static int take_index(const reader *r, const char *name, const char *text, uint16_t *out)
{
    char *end;
    unsigned long n = strtoul(text, &end, 10);
    *out = DURA_NONE;
    if (!*text)
        return 0;
    if (*end || *text < '0' || *text > '9' || n >= DURA_NONE)
        return fail(r, DURA_ESYNTAX, name, "want the number in the policy, 0 to 65534, or nothing; not a name");
    *out = (uint16_t)n;
    return 0;
}

static int add(const reader *r, durai_assets *a, const asset_row *row)
{
    if (a->n == DURA_ASSETS_MAX)
        return fail(r, DURA_ELIMIT, NULL, "more than 65536 addresses");
    if (a->n == a->cap) {
        size_t cap = a->cap ? a->cap * 2 : 64;
        asset_row *more = realloc(a->row, cap * sizeof *more);
        if (!more)
            return fail(r, DURA_ENOSPC, NULL, "out of memory");
        a->row = more;
        a->cap = cap;
    }
    a->row[a->n++] = *row;
    return 0;
}

static int read_row(const reader *r, durai_assets *a, char *line, const columns *c)
{
    char *cell[COLUMNS];
    asset_row row;
    int n = split(line, cell), addresses = 0;
    int last = c->asset > c->zone ? c->asset : c->zone;
    memset(&row, 0, sizeof row);
    row.line = r->line;
    if (n <= last || n <= c->ip || n <= c->mac)
        return fail(r, DURA_ESYNTAX, NULL, "the row has fewer fields than the header");
    int rc = take_index(r, "asset", cell[c->asset], &row.asset);
    if (rc == 0)
        rc = take_index(r, "zone", cell[c->zone], &row.zone);
    for (int k = 0; rc == 0 && k < 2; k++) {
        int at = k ? c->mac : c->ip;
        if (at < 0 || !*cell[at])
            continue;
        if ((k ? mac_key(cell[at], row.key) : ip_key(cell[at], row.key)) < 0)
            return fail(r, DURA_ESYNTAX, k ? "mac" : "ip", "is not an address");
        rc = add(r, a, &row);
        addresses++;
    }
    if (rc == 0 && !addresses)
        return fail(r, DURA_ESYNTAX, NULL, "the row has no address");
    return rc;
}

static int read_file(reader *r, durai_assets *a, FILE *f)
{
    char line[LINE_MAX_BYTES];
    columns c = {-1, -1, -1, -1};
    int rc = 0, headed = 0;
    while (rc == 0 && fgets(line, sizeof line, f)) {
        char *text = line;
        r->line++;
        if (!strchr(line, '\n') && strlen(line) == sizeof line - 1)
            return fail(r, DURA_ELIMIT, NULL, "the line is longer than 1022 bytes");
        if (r->line == 1 && strncmp(line, "\xEF\xBB\xBF", 3) == 0)
            text += 3;
        if (text[strspn(text, " \t\r\n")] == '\0')
            continue;
        rc = headed ? read_row(r, a, text, &c) : read_header(r, text, &c);
        headed = 1;
    }
    if (rc == 0 && ferror(f))
        return dura_error_set(r->err, DURA_EIO, r->path, 0, NULL, "cannot be read: %s", strerror(errno));
    if (rc == 0 && !headed)
        return fail(r, DURA_ESYNTAX, NULL, "the file is empty: want a header");
    return rc;
}

/* The same address twice would make the verdict depend on the order of lines. */
static int refuse_twins(reader *r, const durai_assets *a)
{
    for (size_t i = 1; i < a->n; i++)
        if (compare(&a->row[i - 1], &a->row[i]) == 0) {
            uint32_t x = a->row[i - 1].line, y = a->row[i].line;
            r->line = x > y ? x : y;
            return fail(r, DURA_ESYNTAX, NULL, "the address is already in an earlier row");
        }
    return 0;
}

int durai_assets_load(durai_assets **out, const char *path, dura_error *err)
{
    reader r = {path, 0, err};
    durai_assets *a = calloc(1, sizeof *a);
    FILE *f = fopen(path, "re");
    int rc = 0;
    *out = NULL;
    if (!a)
        rc = fail(&r, DURA_ENOSPC, NULL, "out of memory");
    else if (!f)
        rc = dura_error_set(err, errno == ENOENT ? DURA_ENOENT : DURA_EIO, path, 0, NULL, "cannot be read: %s",
                            strerror(errno));
    if (rc == 0)
        rc = read_file(&r, a, f);
    if (f)
        fclose(f);
    if (rc == 0 && a->n > 1) {
        qsort(a->row, a->n, sizeof *a->row, compare);
        rc = refuse_twins(&r, a);
    }
    if (rc < 0) {
        durai_assets_close(a);
        return rc;
    }
    *out = a;
    return 0;
}

void durai_assets_close(durai_assets *a)
{
    if (!a)
        return;
    free(a->row);
    free(a);
}
