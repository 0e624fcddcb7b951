/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The desk's side of approvals: what a person signs, made and read. Whatever is made is read
 * back with the core's own reader, as for releases.
 */
#include <dura/host/pack.h>
#include <dura/host/release.h>

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "../gate/dura_gate_priv.h"
#include "dura_host_release_priv.h"

enum { TEXT_ROOM = 1024 };

static const char *bad_field(const dura_approval *a)
{
    size_t n = strnlen(a->device, sizeof a->device);
    if (a->nonce < 1)
        return "nonce";
    if (a->not_after_s < 0 || a->not_after_s > INT64_MAX / 1000000000)
        return "not_after";
    return n < 1 || n > 63 || strcmp(a->device, "*") == 0 ? "device" : NULL;
}

static size_t write_payload(const dura_approval *a, uint8_t *out, size_t cap)
{
    durai_cbor c;
    durai_cbor_init(&c, out, cap);
    durai_cbor_map(&c, 5u + (a->not_after_s != 0));
    durai_cbor_kuint(&c, 1, 1);
    durai_cbor_kbytes(&c, 2, a->release, sizeof a->release);
    durai_cbor_ktext(&c, 3, a->device, strlen(a->device));
    durai_cbor_kuint(&c, 4, a->nonce);
    if (a->not_after_s)
        durai_cbor_kint(&c, 5, a->not_after_s);
    durai_cbor_kbytes(&c, 6, a->policy, sizeof a->policy);
    return c.len;
}

int dura_approval_encode(const dura_approval *a, void *payload, size_t *len, dura_error *err)
{
    uint8_t bytes[DURA_RELEASE_PAYLOAD_MAX];
    dura_approval again = DURA_APPROVAL_INIT;
    if (!a || !len || a->struct_size < sizeof *a)
        return dura_error_set(err, DURA_EINVAL, NULL, 0, NULL, "there is no approval");
    const char *field = bad_field(a);
    size_t n = field ? 0 : write_payload(a, bytes, sizeof bytes);
    if (!field && dura_approval_decode(bytes, n, &again) != DURA_OK)
        field = "device";
    if (field)
        return dura_error_set(err, DURA_EINVAL, NULL, 0, field, "is outside its range (docs/formats/release.md)");
    size_t room = *len;
    *len = n;
    if (!payload || n > room)
        return DURA_ENOSPC;
    memcpy(payload, bytes, n);
    return DURA_OK;
}

int dura_approval_decode(const void *payload, size_t len, dura_approval *out)
{
    durai_approval a;
    if (!payload || !out || out->struct_size < sizeof *out)
        return DURA_EINVAL;
    memset(out, 0, sizeof *out);
    out->struct_size = (uint32_t)sizeof *out;
    int rc = len > DURA_RELEASE_PAYLOAD_MAX ? DURA_ECORRUPT : durai_cbor_check(payload, len);
    if (rc == DURA_OK)
        rc = durai_approval_decode(&a, payload, len);
    if (rc != DURA_OK)
        return rc;
    out->nonce = a.nonce;
    out->not_after_s = a.not_after_s;
    memcpy(out->release, a.release, sizeof out->release);
    memcpy(out->policy, a.policy, sizeof out->policy);
    memcpy(out->device, a.device, a.n_device);
    return DURA_OK;
}

int dura_approval_make(const void *payload, size_t n, void *envelope, size_t *len)
{
    return durai_envelope_make(DURAI_KIND_APPROVAL, payload, n, envelope, len);
}

int dura_approval_check(const void *envelope, size_t len)
{
    durai_envelope e;
    if (!envelope || durai_envelope_open(&e, envelope, len) != DURA_OK)
        return DURA_ECORRUPT;
    return e.kind == DURAI_KIND_APPROVAL;
}

/* Quotes and backslashes are all that JSON minds: the reader took no control characters. */
static void quoted(char *out, size_t room, const char *s)
{
    size_t at = 0;
    for (; *s && at + 3 < room; s++) {
        if (*s == '"' || *s == '\\')
            out[at++] = '\\';
        out[at++] = *s;
    }
    out[at] = 0;
}

static void date_of(char *out, size_t room, int64_t s)
{
    time_t when = (time_t)s;
    struct tm tm;
    if (!s || !gmtime_r(&when, &tm) || strftime(out, room, "%Y-%m-%dT%H:%M:%SZ", &tm) == 0)
        (void)snprintf(out, room, "%lld", (long long)s);
}

int dura_approval_describe(const dura_approval *a, int json, char **out, size_t *len)
{
    char release[65], policy[65], device[130], until[64];
    if (!a || !out || a->struct_size < sizeof *a)
        return DURA_EINVAL;
    *out = malloc(TEXT_ROOM);
    if (!*out)
        return DURA_ENOSPC;
    sodium_bin2hex(release, sizeof release, a->release, sizeof a->release);
    sodium_bin2hex(policy, sizeof policy, a->policy, sizeof a->policy);
    quoted(device, sizeof device, a->device);
    date_of(until, sizeof until, a->not_after_s);
    int n = json ? snprintf(*out, TEXT_ROOM,
                            "{\"approves\":\"%s\",\"device\":\"%s\",\"attempt\":\"%llu\",\"policy\":\"%s\",\"not_after\":%s%s%s}\n",
                            release, device, (unsigned long long)a->nonce, policy, a->not_after_s ? "\"" : "",
                            a->not_after_s ? until : "null", a->not_after_s ? "\"" : "")
                 : snprintf(*out, TEXT_ROOM,
                            "approves  release sha256 %s\n  on        %s\n  attempt   %llu\n  policy    sha256 %s\n%s%s%s",
                            release, a->device, (unsigned long long)a->nonce, policy, a->not_after_s ? "  until     " : "",
                            a->not_after_s ? until : "", a->not_after_s ? "\n" : "");
    if (len)
        *len = (size_t)n;
    return DURA_OK;
}
