/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two sides of one entry. A view is a flat list of members, each at one place in the entry;
 * what both sides need is in both. Writing a view back replaces those places and no other, so
 * either side can edit the one entry.
 */
#include "dura_host_register_priv.h"

#include <stdlib.h>
#include <string.h>

/* Where a member of a view stands in an entry: `name`, or `name` within `inside`. */
typedef struct place {
    const char *view, *inside, *name;
    uint8_t sides;           /* bit DURA_REGISTER_* */
} place;

enum { OT = 1 << DURA_REGISTER_62443, AI = 1 << DURA_REGISTER_42001, BOTH = OT | AI };

static const place places[] = {
    {"title", NULL, "title", BOTH},
    {"cause", NULL, "cause", BOTH},
    {"assessments", "origin", "aia", AI},
    {"hazards", "origin", "hazards", OT},
    {"threat_model", "origin", "threat_model", OT},
    {"threats", NULL, "threats", BOTH},
    {"asset", NULL, "asset", BOTH},
    {"path", NULL, "path", BOTH},
    {"edges", NULL, "edges", OT},
    {"conduits", NULL, "conduits", OT},
    {"unmitigated", NULL, "unmitigated", BOTH},
    {"requirements", "requirements", "62443", OT},
    {"controls_of_42001", "requirements", "42001", AI},
    {"law", "requirements", "law", AI},
    {"compensating", NULL, "compensating", OT},
    {"controls", NULL, "controls", BOTH},
    {"residual", NULL, "residual", BOTH},
    {"acceptance", NULL, "acceptance", BOTH},
    {"one_sided", NULL, "one_sided", BOTH},
    {"status", NULL, "status", BOTH},
    {"reviewed", NULL, "reviewed", BOTH},
};
enum { PLACES = sizeof places / sizeof *places };

static const char *const sides[] = {"", "62443", "42001"};

/* ---- out ------------------------------------------------------------------------------------ */

static uint32_t at_place(const dura_json *d, uint32_t entry, const place *p)
{
    uint32_t in = p->inside ? dura_json_member(d, entry, p->inside) : entry;
    return dura_json_member(d, in, p->name);
}

static int show_entry(durai_reg_text *t, const dura_register *r, const reg_entry *e, int view)
{
    int rc = DURA_OK;
    durai_reg_say(t, "  {\"id\": \"%s\"", e->id);
    for (int i = 0; i < PLACES && rc == DURA_OK; i++) {
        uint32_t v = at_place(r->doc, e->value, &places[i]);
        if (!(places[i].sides >> view & 1) || v == DURA_JSON_NONE)
            continue;
        durai_reg_say(t, ",\n   \"%s\": ", places[i].view);
        rc = durai_reg_write(t, r->doc, v, 3);
    }
    durai_reg_say(t, "\n  }");
    return rc;
}

int dura_register_show(const dura_register *r, int view, const char *entry, char **out, dura_error *err)
{
    durai_reg_text t = {0};
    uint32_t shown = 0;
    int rc = DURA_OK;
    if (!r || !out || (view != DURA_REGISTER_62443 && view != DURA_REGISTER_42001))
        return dura_error_set(err, DURA_EINVAL, NULL, 0, "view", "want 62443 or 42001");
    *out = NULL;
    durai_reg_say(&t, "{\n \"dura_register_view\": \"%s\",\n \"register\": \"", sides[view]);
    for (int i = 0; i < 32; i++)
        durai_reg_say(&t, "%02x", r->digest[i]);
    durai_reg_say(&t, "\",\n \"entries\": [\n");
    for (uint32_t i = 0; i < r->n_entry && rc == DURA_OK; i++)
        if (!entry || strcmp(entry, r->entry[i].id) == 0) {
            durai_reg_say(&t, shown++ ? ",\n" : "");
            rc = show_entry(&t, r, &r->entry[i], view);
        }
    durai_reg_say(&t, "\n ]\n}\n");
    if (rc == DURA_OK && entry && !shown)
        rc = dura_error_set(err, DURA_ENOENT, dura_json_file(r->doc), 0, "entries", "there is no entry \"%.64s\"", entry);
    if (rc == DURA_OK)
        rc = durai_reg_done(&t, out, NULL);
    else
        free(t.p);
    return rc;
}

/* ---- and back ------------------------------------------------------------------------------- */

typedef struct back {
    const dura_register *r;
    const dura_json *view;
    const uint32_t *edited;  /* value in the view for each entry, or DURA_JSON_NONE */
    int side;
    durai_reg_text t;
    int rc;
    int first;               /* no member of this object is out yet */
} back;

static void member(back *b, const char *name, const dura_json *d, uint32_t value, int indent)
{
    if (b->rc != DURA_OK)
        return;
    durai_reg_say(&b->t, "%s\n%*s", b->first ? "" : ",", indent, "");
    durai_reg_quote(&b->t, name);
    durai_reg_say(&b->t, ": ");
    b->rc = durai_reg_write(&b->t, d, value, indent);
    b->first = 0;
}

static const place *place_of(int side, const char *inside, const char *name)
{
    for (int i = 0; i < PLACES; i++)
        if ((places[i].sides >> side & 1) && strcmp(places[i].name, name) == 0 &&
            (inside ? places[i].inside && strcmp(places[i].inside, inside) == 0 : !places[i].inside))
            return &places[i];
    return NULL;
}

/* Members of the entry (or of origin, requirements in it) in the file's order, the view's in
 * their places; then those that only the view has. */
static void merge(back *b, uint32_t object, uint32_t edited, const char *inside, int indent)
{
    const dura_json *d = b->r->doc;
    for (uint32_t v = dura_json_first(d, object); v != DURA_JSON_NONE; v = dura_json_next(d, v)) {
        const char *name = dura_json_name(d, v);
        const place *p = place_of(b->side, inside, name);
        uint32_t e = p ? dura_json_member(b->view, edited, p->view) : DURA_JSON_NONE;
        if (!inside && (strcmp(name, "origin") == 0 || strcmp(name, "requirements") == 0)) {
            durai_reg_say(&b->t, "%s\n%*s\"%s\": {", b->first ? "" : ",", indent, "", name);
            b->first = 1;
            merge(b, v, edited, name, indent + 1);
            durai_reg_say(&b->t, "}");
            b->first = 0;
        } else if (!p) {
            member(b, name, d, v, indent);
        } else if (e != DURA_JSON_NONE) {
            member(b, name, b->view, e, indent);
        }
    }
    for (int i = 0; i < PLACES; i++) {
        const place *p = &places[i];
        uint32_t e = p == place_of(b->side, inside, p->name) ? dura_json_member(b->view, edited, p->view) : DURA_JSON_NONE;
        if (e != DURA_JSON_NONE && dura_json_member(d, object, p->name) == DURA_JSON_NONE)
            member(b, p->name, b->view, e, indent);
    }
}

static int needs_requirements(const back *b, uint32_t edited)
{
    for (int i = 0; i < PLACES; i++)
        if (places[i].inside && strcmp(places[i].inside, "requirements") == 0 && (places[i].sides >> b->side & 1) &&
            dura_json_member(b->view, edited, places[i].view) != DURA_JSON_NONE)
            return 1;
    return 0;
}

static void one_entry(back *b, uint32_t i, uint32_t item)
{
    uint32_t edited = b->edited[i];
    durai_reg_say(&b->t, "%s\n  ", i ? "," : "");
    if (edited == DURA_JSON_NONE) {
        b->rc = b->rc == DURA_OK ? durai_reg_write(&b->t, b->r->doc, item, 2) : b->rc;
        return;
    }
    durai_reg_say(&b->t, "{");
    b->first = 1;
    merge(b, item, edited, NULL, 3);
    if (dura_json_member(b->r->doc, item, "requirements") == DURA_JSON_NONE && needs_requirements(b, edited)) {
        durai_reg_say(&b->t, ",\n   \"requirements\": {");
        b->first = 1;
        merge(b, DURA_JSON_NONE, edited, "requirements", 4);
        durai_reg_say(&b->t, "}");
    }
    durai_reg_say(&b->t, "\n  }");
}

static void whole(back *b)
{
    const dura_json *d = b->r->doc;
    durai_reg_say(&b->t, "{");
    b->first = 1;
    for (uint32_t v = dura_json_first(d, DURA_JSON_ROOT); v != DURA_JSON_NONE && b->rc == DURA_OK; v = dura_json_next(d, v)) {
        uint32_t i = 0;
        if (strcmp(dura_json_name(d, v), "entries") != 0) {
            member(b, dura_json_name(d, v), d, v, 1);
            continue;
        }
        durai_reg_say(&b->t, "%s\n \"entries\": [", b->first ? "" : ",");
        for (uint32_t e = dura_json_first(d, v); e != DURA_JSON_NONE && b->rc == DURA_OK; e = dura_json_next(d, e))
            one_entry(b, i++, e);
        durai_reg_say(&b->t, "\n ]");
        b->first = 0;
    }
    durai_reg_say(&b->t, "\n}\n");
}

/* The view's entries by their place in the register; only what the view may hold is in them. */
static int match_view(const dura_register *r, const dura_json *v, int side, uint32_t *edited, dura_error *err)
{
    const char *names[PLACES + 2];
    uint32_t n = 0, list = dura_json_member(v, DURA_JSON_ROOT, "entries");
    names[n++] = "id";
    for (int i = 0; i < PLACES; i++)
        if (places[i].sides >> side & 1)
            names[n++] = places[i].view;
    names[n] = NULL;
    int rc = dura_json_want(v, list, DURA_JSON_ARRAY, 0, DURA_REGISTER_OBJECTS_MAX, err);
    for (uint32_t e = dura_json_first(v, list); e != DURA_JSON_NONE && rc == DURA_OK; e = dura_json_next(v, e)) {
        const char *id = "";
        if ((rc = dura_json_only(v, e, names, err)) != DURA_OK ||
            (rc = durai_reg_get_id(v, dura_json_member(v, e, "id"), &id, err)) != DURA_OK)
            break;
        uint16_t at = durai_reg_find(r, REG_IS_ENTRY, id);
        if (at == REG_NONE)
            rc = dura_json_fail(v, e, err, DURA_ENOENT, "the register has no entry \"%s\"", id);
        else if (edited[at] != DURA_JSON_NONE)
            rc = dura_json_fail(v, e, err, DURA_EINVAL, "entry \"%s\" is there twice", id);
        else
            edited[at] = e;
    }
    return rc;
}

static int head_of_view(const dura_register *r, const dura_json *v, int *side, dura_error *err)
{
    static const char *const names[] = {"dura_register_view", "register", "entries", NULL};
    uint8_t digest[32];
    uint32_t n = 0, of = dura_json_member(v, DURA_JSON_ROOT, "register");
    int rc = dura_json_only(v, DURA_JSON_ROOT, names, err);
    if (rc == DURA_OK)
        rc = dura_json_get_word(v, dura_json_member(v, DURA_JSON_ROOT, "dura_register_view"),
                                (const char *const[]){"62443", "42001", NULL}, &n, err);
    if (rc == DURA_OK)
        rc = dura_json_get_hex(v, of, digest, 32, err);
    if (rc == DURA_OK && memcmp(digest, r->digest, 32) != 0)
        rc = dura_json_fail(v, of, err, DURA_EAUTH, "the register has changed since this view was made of it");
    *side = n == 0 ? DURA_REGISTER_62443 : DURA_REGISTER_42001;
    return rc;
}

int dura_register_apply(const dura_register *r, const dura_json *view, char **out, dura_error *err)
{
    back b = {0};
    dura_register *made = NULL;
    size_t len;
    if (!r || !view || !out)
        return dura_error_set(err, DURA_EINVAL, NULL, 0, NULL, "no register, or no view");
    *out = NULL;
    int rc = head_of_view(r, view, &b.side, err);
    uint32_t *edited = malloc((r->n_entry + 1) * sizeof *edited);
    if (rc == DURA_OK && !edited)
        rc = dura_error_set(err, DURA_ENOSPC, NULL, 0, NULL, "no memory");
    if (rc == DURA_OK) {
        memset(edited, 0xFF, (r->n_entry + 1) * sizeof *edited);
        rc = match_view(r, view, b.side, edited, err);
    }
    if (rc == DURA_OK) {
        b.r = r;
        b.view = view;
        b.edited = edited;
        whole(&b);
        rc = b.rc == DURA_OK ? durai_reg_done(&b.t, out, &len) : b.rc;
        if (b.rc != DURA_OK)
            free(b.t.p);
        if (rc != DURA_OK)
            (void)dura_error_set(err, rc, dura_json_file(view), 0, NULL, "cannot be written back: %s", dura_strerror(rc));
        else
            rc = dura_register_parse(*out, len, "the new register", &made, err);
    }
    dura_register_deinit(made);
    free(edited);
    if (rc != DURA_OK) {
        free(*out);
        *out = NULL;
    }
    return rc;
}
