/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The policy's checks: which members a kind has, its terms as a device reads them, and
 * whether the device's own sensor would take the whole.
 *
 * What a person can get wrong in one place is said at that place; everything else the
 * sensor itself decides, on the packed image, so that nothing packs which a device refuses.
 */
#include "dura_host_pack_priv.h"
#include "dura_host_sensor.h"
#include "../guard/dura_guard_policy.h"

#include <dura/sensor_checks.h>
#include <stdlib.h>

enum { MEMBERS = 13 };

/* Members of a check of one kind, NULL-terminated lists. */
typedef struct check_kind {
    const char *word;
    const char *member[MEMBERS];     /* it may have */
    const char *needed[5];           /* it must have */
    const char *either[3];           /* it must have one of */
} check_kind;

static const check_kind check_kinds[] = {
    [DURA_CK_SPIKE] = {"spike", {"kind", "why", "channel", "suspect", "fail"}, {"channel"}, {"suspect", "fail"}},
    [DURA_CK_NOISE] = {"noise", {"kind", "why", "channel", "window", "lo", "hi"}, {"channel", "window"}, {"lo", "hi"}},
    [DURA_CK_DRIFT] = {"drift", {"kind", "why", "channel", "window", "mean", "scale", "suspect"},
                       {"channel", "scale", "suspect"}, {0}},
    [DURA_CK_VOTE] = {"vote", {"kind", "why", "terms", "suspect", "fail", "window", "estimates"},
                      {"terms", "fail"}, {0}},
    [DURA_CK_RULE] = {"rule", {"kind", "why", "channel", "other", "if_lo", "if_hi", "lo", "hi", "level", "window"},
                      {"channel", "other"}, {"lo", "hi"}},
    [DURA_CK_FORBID] = {"forbid", {"kind", "why", "channel", "other", "if_lo", "if_hi", "lo", "hi", "level", "window"},
                        {"channel", "other"}, {0}},
    [DURA_CK_TRANSITION] = {"transition", {"kind", "why", "channel", "other", "from_lo", "from_hi", "lo", "hi", "if_lo",
                                           "if_hi", "level"}, {"channel", "other"}, {0}},
    [DURA_CK_PARITY] = {"parity", {"kind", "why", "channel", "terms", "mean", "scale", "window", "suspect", "fail",
                                   "estimates"}, {"channel", "terms", "scale"}, {"suspect", "fail"}},
    [DURA_CK_JOINT] = {"joint", {"kind", "why", "terms", "triangle", "window", "window2", "suspect"},
                       {"terms", "triangle", "suspect"}, {0}}
};

static const check_kind *kind_of(uint8_t kind)
{
    DURA_ASSERT(kind >= DURA_CK_SPIKE && kind <= DURA_CK_JOINT);
    return &check_kinds[kind];
}

static int is_given(const dura_json *doc, uint32_t object, const char *name)
{
    return dura_json_member(doc, object, name) != DURA_JSON_NONE;
}

int durai_pack_check_members(const dura_json *doc, uint32_t object, uint8_t kind, dura_error *err)
{
    const check_kind *k = kind_of(kind);
    int rc = dura_json_only(doc, object, k->member, err);
    for (uint32_t i = 0; rc == DURA_OK && k->needed[i]; i++)
        if (!is_given(doc, object, k->needed[i]))
            return dura_json_fail(doc, object, err, DURA_EINVAL, "a %s needs \"%s\"; add it", k->word, k->needed[i]);
    if (rc == DURA_OK && k->either[0] && !is_given(doc, object, k->either[0]) && !is_given(doc, object, k->either[1]))
        return dura_json_fail(doc, object, err, DURA_EINVAL, "a %s needs \"%s\" or \"%s\"; add one", k->word,
                              k->either[0], k->either[1]);
    return rc;
}

/* ---- terms ------------------------------------------------------------------------- */

/* A number the sensor multiplies with: 0, or 1e-18..1e18 in magnitude. */
static int get_weight(const dura_json *doc, uint32_t value, float *v, dura_error *err)
{
    int rc = dura_json_get_f32(doc, value, v, err);
    float size = *v < 0.0f ? -*v : *v;
    if (rc == DURA_OK && size > 0.0f && !(size >= 1e-18f && size <= 1e18f))
        return dura_json_fail(doc, value, err, DURA_EINVAL, "wants 0, or 1e-18..1e18 in magnitude, not %.9g", (double)*v);
    return rc;
}

static void put_term(durai_pack *out, uint32_t channel, uint32_t back, float number)
{
    uint8_t le[DURA_CK_TERM_BYTES];
    durai_put16(le, (uint16_t)channel);
    durai_put16(le + 2, (uint16_t)back);
    durai_put32(le + 4, durai_f32_bits(number));
    durai_pack_put(out, le, sizeof le);
}

/* One term: {channel} of a vote, {channel, back, weight} of a parity row, {channel, mean}. */
static int put_one(const dura_json *doc, uint32_t term, uint8_t kind, durai_pack *out, dura_error *err)
{
    static const char *const members[][4] = {{"channel"}, {"channel", "back", "weight"}, {"channel", "mean"}};
    uint32_t which = kind == DURA_CK_VOTE ? 0 : kind == DURA_CK_PARITY ? 1 : 2, channel, number;
    const char *name = "", *wants = which == 1 ? "weight" : "mean";
    float v = 0.0f;
    int64_t back = 0;
    int rc = dura_json_only(doc, term, members[which], err);
    if (rc == DURA_OK)
        rc = dura_json_get_text(doc, dura_json_member(doc, term, "channel"), 1, DURAI_NAME_MAX, &name, err);
    if (rc < 0)
        return rc;
    channel = durai_pack_place(doc, "channels", name);
    if (channel == DURA_NONE)
        return dura_json_fail(doc, term, err, DURA_EINVAL, "there is no channel \"%s\"; name one of \"channels\"", name);
    number = dura_json_member(doc, term, wants);
    if (which && number == DURA_JSON_NONE)
        return dura_json_fail(doc, term, err, DURA_EINVAL, "the member \"%s\" is missing; add it", wants);
    if (which == 1)
        rc = get_weight(doc, number, &v, err);
    if (which == 2)
        rc = dura_json_get_f32(doc, number, &v, err);
    if (rc == DURA_OK && is_given(doc, term, "back"))
        rc = dura_json_get_int(doc, dura_json_member(doc, term, "back"), 0, 1, &back, err);
    if (rc == DURA_OK)
        put_term(out, channel, (uint32_t)back, v);
    return rc;
}

/* What W is made of. */
static int put_triangle(const dura_json *doc, uint32_t object, uint32_t n, durai_pack *out, dura_error *err)
{
    uint32_t list = dura_json_member(doc, object, "triangle"), cells = n * (n + 1) / 2, i;
    int rc = dura_json_want(doc, list, DURA_JSON_ARRAY, cells, cells, err);
    for (i = dura_json_first(doc, list); rc == DURA_OK && i != DURA_JSON_NONE; i = dura_json_next(doc, i)) {
        uint8_t le[4];
        float v = 0.0f;
        rc = get_weight(doc, i, &v, err);
        durai_put32(le, durai_f32_bits(v));
        durai_pack_put(out, le, sizeof le);
    }
    return rc;
}

int durai_pack_check_terms(const dura_json *doc, uint32_t object, uint8_t kind, durai_pack *out, uint16_t *n,
                           dura_error *err)
{
    uint32_t list = dura_json_member(doc, object, "terms"), i;
    uint32_t least = kind == DURA_CK_VOTE ? 2 : 1;
    uint32_t most = kind == DURA_CK_VOTE ? DURA_CK_VOTE_MAX : kind == DURA_CK_JOINT ? DURA_CK_JOINT_MAX : DURA_CK_TERMS_MAX;
    int rc;
    *n = 0;
    if (list == DURA_JSON_NONE)
        return DURA_OK;
    rc = dura_json_want(doc, list, DURA_JSON_ARRAY, least, most, err);
    for (i = dura_json_first(doc, list); rc == DURA_OK && i != DURA_JSON_NONE; i = dura_json_next(doc, i))
        rc = put_one(doc, i, kind, out, err);
    if (rc < 0)
        return rc;
    *n = (uint16_t)dura_json_count(doc, list);
    return kind == DURA_CK_JOINT ? put_triangle(doc, object, *n, out, err) : DURA_OK;
}

/* ---- would a device take them? ------------------------------------------------------- */

/* The index-th item of the list of checks. */
static uint32_t check_at(const dura_json *doc, uint32_t index)
{
    uint32_t i = dura_json_first(doc, dura_json_member(doc, DURA_JSON_ROOT, "checks"));
    for (; index > 0 && i != DURA_JSON_NONE; index--)
        i = dura_json_next(doc, i);
    return i;
}

int durai_pack_try_checks(const void *image, const dura_json *doc, dura_error *err)
{
    dura_sensor *s = NULL;
    void *mem = NULL;
    uint32_t count, index = 0;
    (void)durai_policy_section(image, DURAI_POLICY_CHECKS, &count, NULL);
    if (count == 0)
        return DURA_OK;
    int rc = durai_sensor_make(&s, &mem, image, &index);
    free(mem);
    if (rc == DURA_OK || rc == DURA_ENOSPC)
        return rc == DURA_OK ? rc : dura_error_set(err, rc, dura_json_file(doc), 0, "", "out of memory");
    if (rc == DURA_ESTATE)
        return dura_json_fail(doc, check_at(doc, index), err, DURA_EINVAL, "the channel has a check of this kind already; keep one");
    return dura_json_fail(doc, check_at(doc, index), err, rc,
                          "the sensor refuses this check; docs/sensor-checks.md has the ranges of each kind");
}
