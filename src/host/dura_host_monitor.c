/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The drift monitor's own records, in words and counted.
 */
#include "dura_host_monitor.h"

#include <dura/drift.h>

#include <inttypes.h>
#include <stdio.h>

#include "../base/dura_base_priv.h"
#include "../guard/dura_guard_policy.h"
#include "../guard/dura_guard_watch.h"

static uint64_t number_of(const dura_record *r, uint32_t key, uint64_t other)
{
    uint64_t v;
    return dura_record_uint(r, key, &v) == DURA_OK ? v : other;
}

void durai_fact_values(const dura_record *r, int64_t v[4])
{
    durai_item it;
    durai_cbor_in in;
    memset(v, 0, 4 * sizeof *v);
    if (durai_cbor_find(r->cbor, r->len, 26, &it, &in) != DURA_OK || it.type != DURAI_CBOR_ARRAY)
        return;
    for (uint64_t n = it.v < 4 ? it.v : 4, i = 0; i < n; i++) {
        if (durai_cbor_next(&in, &it) != DURA_OK || it.type > DURAI_CBOR_NINT || it.v > INT64_MAX)
            return;
        v[i] = it.type == DURAI_CBOR_UINT ? (int64_t)it.v : -1 - (int64_t)it.v;
    }
}

/* ---- sentences ---------------------------------------------------------------------------- */

static void say_failure(char *out, size_t n, const char *thing, const int64_t v[4])
{
    switch (v[0]) {
    case DURA_MONITOR_MISSED:
        (void)snprintf(out, n, "the drift monitor missed a synthetic shift on %s: none found in %" PRId64
                       " samples, %" PRId64 " are enough", thing, v[1], v[2]);
        break;
    case DURA_MONITOR_LATE:
        (void)snprintf(out, n, "the drift monitor found a synthetic shift on %s late: after %" PRId64
                       " samples, %" PRId64 " are enough", thing, v[1], v[2]);
        break;
    case DURA_MONITOR_FAILED:
        (void)snprintf(out, n, "the drift monitor's self-test on %s failed: %s", thing, dura_strerror((int)v[1]));
        break;
    case DURA_MONITOR_SILENT:
        (void)snprintf(out, n, "the drift monitor is silent: no heartbeat in %" PRId64 " decisions, one in %" PRId64
                       " is owed", v[1], v[2]);
        break;
    case DURA_MONITOR_RESUMED:
        (void)snprintf(out, n, "the drift monitor goes on from what it knew at record %" PRId64, v[1]);
        break;
    default:
        (void)snprintf(out, n, "the drift monitor begins anew: %s", dura_strerror((int)v[1]));
        break;
    }
}

void durai_monitor_say(char *out, size_t n, uint64_t fact, const char *thing, const int64_t v[4])
{
    if (fact == DURA_FACT_MONITOR)
        say_failure(out, n, thing, v);
    else
        (void)snprintf(out, n, "the drift monitor works: a synthetic shift on %s found after %" PRId64 " samples of %" PRId64
                       " it may take; %" PRId64 " drifts stand", thing, v[0], v[1], v[3]);
}

/* [thing, direction, size, onset, stood, gseq] of the first that stands. */
void durai_retrain_read(const dura_record *r, durai_retrain *out)
{
    durai_item list, one;
    durai_cbor_in in;
    uint64_t first[2] = {DURA_NONE, 0};
    memset(out, 0, sizeof *out);
    if (durai_cbor_find(r->cbor, r->len, 18, &list, &in) == DURA_OK && list.type == DURAI_CBOR_ARRAY && list.v > 0 &&
        durai_cbor_next(&in, &one) == DURA_OK && one.type == DURAI_CBOR_ARRAY && one.v >= 2) {
        out->others = list.v - 1 + number_of(r, 19, 0);
        for (int i = 0; i < 2; i++)
            first[i] = durai_cbor_next(&in, &one) == DURA_OK && one.type == DURAI_CBOR_UINT ? one.v : 0;
    }
    out->thing = first[0];
    out->direction = first[1];
    out->stood = number_of(r, 17, 0);
}

void durai_retrain_say(char *out, size_t n, const char *thing, const durai_retrain *t)
{
    const char *way = t->direction <= UINT32_MAX ? dura_record_name(DURA_NAME_DRIFT, (uint32_t)t->direction) : NULL;
    (void)snprintf(out, n, "retraining is asked for: %s drifted %s%s, and it stood for %" PRIu64 " decisions", thing,
                   way ? way : "?", t->others ? ", and others" : "", t->stood);
}

/* ---- counting ------------------------------------------------------------------------------ */

static void see_fact(durai_beats *b, const dura_record *r)
{
    uint64_t kind = number_of(r, 16, 0);
    int64_t v[4];
    durai_fact_values(r, v);
    if (kind == DURA_FACT_MONITOR && (v[0] == DURA_MONITOR_ANEW || v[0] == DURA_MONITOR_RESUMED))
        return;
    if (kind != DURA_FACT_ALIVE && kind != DURA_FACT_MONITOR)
        return;
    b->heartbeats += kind == DURA_FACT_ALIVE;
    b->failures += kind == DURA_FACT_MONITOR;
    b->beat = b->decisions;
    b->beaten = 1;
}

int durai_beats_see(durai_beats *b, const dura_record *r)
{
    uint32_t owed;
    if (r->time.boot != b->boot) {
        b->boot = r->time.boot;
        b->decisions = b->beat = 0;
        b->beaten = 0;
    }
    if (r->kind == DURA_REC_FACT)
        see_fact(b, r);
    if (r->kind != DURA_REC_DECISION)
        return 0;
    owed = durai_alive_owed(b->selftest, !b->beaten);
    b->decisions++;
    if (owed == 0 || b->decisions - b->beat <= owed)
        return 0;
    b->silences++;
    b->silent_for = b->decisions - b->beat;
    b->owed = owed;
    b->beat = b->decisions;
    return 1;
}
