/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Looking ids up. The tables are generated; every index is sorted bytewise, so that a search is a
 * halving and no order of the catalogues is lost.
 */
#include "dura_host_catalog_priv.h"

#include <stdio.h>
#include <string.h>

#define ID_MAX 64u                 /* bytes of an id with its terminator; longer texts are no ids */

const dura_catalog *dura_catalog_at(uint32_t n)
{
    return n < durai_n_catalogs ? &durai_catalogs[n] : NULL;
}

const dura_catalog *dura_catalog_find(const char *name)
{
    for (uint32_t i = 0; name && i < durai_n_catalogs; i++)
        if (strcmp(durai_catalogs[i].name, name) == 0)
            return &durai_catalogs[i];
    return NULL;
}

const dura_catalog_item *dura_catalog_item_find(const dura_catalog *c, const char *id)
{
    uint32_t lo = 0, hi = durai_n_catalog_index;
    while (id && lo < hi) {
        uint32_t mid = lo + (hi - lo) / 2u;
        const dura_catalog_item *item = durai_catalog_index[mid];
        int order = strcmp(id, item->id);
        if (order == 0)
            return !c || c == &durai_catalogs[item->catalog] ? item : NULL;
        if (order < 0)
            hi = mid;
        else
            lo = mid + 1u;
    }
    return NULL;
}

const dura_bridge_row *dura_bridge_at(uint32_t n)
{
    return n < durai_n_bridge ? &durai_bridge[n] : NULL;
}

const dura_bridge_row *dura_bridge_find(const char *technique)
{
    uint32_t lo = 0, hi = durai_n_bridge;
    while (technique && lo < hi) {
        uint32_t mid = lo + (hi - lo) / 2u;
        const dura_bridge_row *row = &durai_bridge[durai_bridge_index[mid]];
        int order = strcmp(technique, row->from);
        if (order == 0)
            return row;
        if (order < 0)
            hi = mid;
        else
            lo = mid + 1u;
    }
    return NULL;
}

/* ---- what a text names ------------------------------------------------------------------ */

/* The forms ids have: '#' is one digit or more, '?' exactly one, the rest is itself. */
static const char *const forms[] = {
    "CR #.#", "CR #.# RE#", "SAR #.#", "SAR #.# RE#", "EDR #.#", "EDR #.# RE#", "HDR #.#", "HDR #.# RE#",
    "NDR #.#", "NDR #.# RE#", "SR #.#", "SR #.# RE#", "CCSC #",
    "SM-#", "SR-#", "SD-#", "SI-#", "SVV-#", "DM-#", "SUM-#", "SG-#", "ZCR #", "ZCR #.#",
    "A.#.#", "A.#.#.#", "AML.T????", "AML.T????.???", "AML.M????", "AML.TA????",
    "T0???", "T169?", "T169?.???", "M08??", "M09??", NULL};

static int digit(char c)
{
    return c >= '0' && c <= '9';
}

static int has_form(const char *text, const char *form)
{
    for (; *form; form++) {
        if (*form == '#' || *form == '?') {
            if (!digit(*text))
                return 0;
            text++;
            while (*form == '#' && digit(*text))
                text++;
        } else if (*text++ != *form) {
            return 0;
        }
    }
    return *text == 0;
}

static int any_form(const char *id)
{
    static const char *const laws[] = {"AI Act ", "CRA ", "MR ", NULL};
    for (const char *const *l = laws; *l; l++) {
        size_t n = strlen(*l);
        if (strncmp(id, *l, n) == 0)
            return digit(id[n]) || strncmp(id + n, "Annex ", 6) == 0;
    }
    for (const char *const *f = forms; *f; f++)
        if (has_form(id, *f))
            return 1;
    return 0;
}

/* The end of an address: its last path segment is the id, sub-techniques of ATT&CK have two. */
static const char *address_id(const char *text, char *buf)
{
    static const char *const hosts[] = {"https://atlas.mitre.org/", "https://attack.mitre.org/", NULL};
    static const char *const kinds[] = {"techniques/", "mitigations/", "tactics/", NULL};
    for (const char *const *h = hosts; *h; h++) {
        if (strncmp(text, *h, strlen(*h)) != 0)
            continue;
        const char *p = text + strlen(*h);
        for (const char *const *k = kinds; *k; k++)
            if (strncmp(p, *k, strlen(*k)) == 0) {
                size_t n = strlen(p += strlen(*k));
                if (n && p[n - 1] == '/')
                    n--;
                if (n == 0 || n >= ID_MAX)
                    return NULL;
                memcpy(buf, p, n);
                buf[n] = 0;
                p = strchr(buf, '/');
                if (p)
                    buf[p - buf] = '.';
                return buf;
            }
    }
    return NULL;
}

/* The id in a text, and the catalogue it is said to be of. NULL: no id. */
static const char *bare(const char *text, char *buf, const dura_catalog **of)
{
    *of = NULL;
    if (strncmp(text, "https://", 8) == 0)
        return address_id(text, buf);
    for (uint32_t i = 0; i < durai_n_catalogs; i++) {
        size_t n = strlen(durai_catalogs[i].name);
        if (strncmp(text, durai_catalogs[i].name, n) == 0 && text[n] == ':') {
            *of = &durai_catalogs[i];
            return text + n + 1u;
        }
    }
    return text;
}

int dura_catalog_resolve(const char *text, const dura_catalog_item **item)
{
    char buf[ID_MAX];
    const dura_catalog *of = NULL;
    const char *id = text ? bare(text, buf, &of) : NULL;
    const dura_catalog_item *found = dura_catalog_item_find(of, id);
    if (item)
        *item = found;
    if (found)
        return found->status;
    return id && (of || any_form(id)) ? DURA_CATALOG_UNKNOWN : DURA_CATALOG_FOREIGN;
}

/* ---- in words --------------------------------------------------------------------------- */

/* Bytes that must be changed, put in or taken out to make b of a; at most ID_MAX. */
static unsigned distance(const char *a, const char *b)
{
    unsigned row[ID_MAX + 1u];
    size_t n = strlen(b), i = 0;
    if (n > ID_MAX || strlen(a) > ID_MAX)
        return ID_MAX;
    for (i = 0; i <= n; i++)
        row[i] = (unsigned)i;
    for (i = 1; *a; a++, i++) {
        unsigned corner = row[0];
        row[0] = (unsigned)i;
        for (size_t k = 1; k <= n; k++) {
            unsigned best = corner + (*a != b[k - 1]);
            corner = row[k];
            if (row[k - 1] + 1u < best)
                best = row[k - 1] + 1u;
            if (row[k] + 1u < best)
                best = row[k] + 1u;
            row[k] = best;
        }
    }
    return row[n];
}

static const char *nearest(const char *id)
{
    const char *best = NULL;
    unsigned least = 3;              /* what is further away was not meant */
    for (uint32_t i = 0; i < durai_n_catalog_index; i++) {
        unsigned d = distance(id, durai_catalog_index[i]->id);
        if (d < least && durai_catalog_index[i]->status == DURA_CATALOG_ACTIVE) {
            least = d;
            best = durai_catalog_index[i]->id;
        }
    }
    return best;
}

const char *dura_catalog_say(const char *text, char *buf, size_t n)
{
    char id[ID_MAX];
    const dura_catalog *of = NULL;
    const dura_catalog_item *item = NULL;
    if (n == 0)
        return buf;
    int status = dura_catalog_resolve(text, &item);
    const char *name = text ? bare(text, id, &of) : NULL, *near = name ? nearest(name) : NULL;
    if (status == DURA_CATALOG_ACTIVE)
        (void)snprintf(buf, n, "%s", item->title);
    else if (status == DURA_CATALOG_RENAMED)
        (void)snprintf(buf, n, "renamed: the id is now %s", item->successor);
    else if (status == DURA_CATALOG_REVOKED)
        (void)snprintf(buf, n, "revoked%s%s", *item->note ? ": " : "", item->note);
    else if (near)
        (void)snprintf(buf, n, "no catalogue has it; close: %s", near);
    else
        (void)snprintf(buf, n, "no catalogue has it");
    return buf;
}
