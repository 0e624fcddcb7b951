/* SPDX-License-Identifier: Apache-2.0 */
/*
 * in-toto Statements: DSSE JSON envelopes around them (DSSE 1.0.2, protocol.md), signed and
 * verified with Ed25519, and provenance (SLSA v1) about the subject of a release. The payload
 * that is read is the payload that was verified: base64 is decoded once.
 */
#include <dura/host/release.h>

#include <errno.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "dura_host_evidence_priv.h"
#include "dura_host_files_priv.h"
#include "dura_host_json_priv.h"

#define BYTES_MAX ((size_t)16 << 20)
#define VALUES_MAX 4194304u


static int oom(dura_error *err) { return dura_error_set(err, DURA_ENOSPC, NULL, 0, NULL, "out of memory"); }

int durai_evidence_parse(const char *text, size_t len, const char *filename, dura_json **doc, dura_error *err)
{
    int rc = durai_json_parse_within(text, len, filename, BYTES_MAX, VALUES_MAX, doc, err);
    if (rc != DURA_OK)
        return rc;
    rc = dura_json_want(*doc, DURA_JSON_ROOT, DURA_JSON_OBJECT, 1, UINT32_MAX, err);
    if (rc != DURA_OK) {
        dura_json_deinit(*doc);
        *doc = NULL;
    }
    return rc;
}

/* ---- envelopes --------------------------------------------------------------------------- */

/* Either base64, padded or not (DSSE: both must be accepted). *n: in, room; out, bytes. */
static int unbase64(const char *s, uint8_t *out, size_t *n)
{
    static const int variants[] = {sodium_base64_VARIANT_ORIGINAL, sodium_base64_VARIANT_URLSAFE,
                                   sodium_base64_VARIANT_ORIGINAL_NO_PADDING, sodium_base64_VARIANT_URLSAFE_NO_PADDING};
    size_t room = *n;
    for (size_t i = 0; i < sizeof variants / sizeof *variants; i++) {
        const char *end;
        if (sodium_base642bin(out, room, s, strlen(s), NULL, n, &end, variants[i]) == 0 && *end == '\0')
            return DURA_OK;
    }
    return DURA_EINVAL;
}

static int make_pae(durai_dsse *d)
{
    char head[96];
    int n = snprintf(head, sizeof head, "DSSEv1 %zu %s %zu ", strlen(DURA_STATEMENT_TYPE), DURA_STATEMENT_TYPE, d->n);
    d->n_pae = (size_t)n + d->n;
    d->pae = malloc(d->n_pae);
    if (!d->pae)
        return DURA_ENOSPC;
    memcpy(d->pae, head, (size_t)n);
    memcpy(d->pae + n, d->payload, d->n);
    return DURA_OK;
}

static int read_payload(durai_dsse *d, const dura_json *doc, dura_error *err)
{
    static const char *const types[] = {DURA_STATEMENT_TYPE, NULL};
    uint32_t which, member = dura_json_member(doc, DURA_JSON_ROOT, "payload");
    const char *s;
    int rc = dura_json_get_word(doc, dura_json_member(doc, DURA_JSON_ROOT, "payloadType"), types, &which, err);
    if (rc == DURA_OK)
        rc = dura_json_get_text(doc, member, 1, SIZE_MAX, &s, err);
    if (rc != DURA_OK)
        return rc;
    d->n = strlen(s) / 4 * 3 + 3;
    d->payload = malloc(d->n + 1);
    if (!d->payload)
        return oom(err);
    if (unbase64(s, d->payload, &d->n) != DURA_OK)
        return dura_json_fail(doc, member, err, DURA_EINVAL, "is not base64");
    d->payload[d->n] = 0;
    return make_pae(d) == DURA_OK ? DURA_OK : oom(err);
}

/* Signatures of other algorithms have other lengths; they are somebody else's to verify. */
static int read_signature(durai_dsse *d, const dura_json *doc, uint32_t item, dura_error *err)
{
    durai_dsse_signature *g = &d->signature[d->count];
    uint8_t bytes[4096];
    size_t n = sizeof bytes;
    const char *s;
    int rc = dura_json_get_text(doc, dura_json_member(doc, item, "sig"), 1, 5000, &s, err);
    if (rc != DURA_OK)
        return rc;
    if (unbase64(s, bytes, &n) != DURA_OK)
        return dura_json_fail(doc, item, err, DURA_EINVAL, "its sig is not base64");
    g->ours = n == sizeof g->sig;
    memcpy(g->sig, bytes, sizeof g->sig);
    uint32_t id = dura_json_member(doc, item, "keyid");
    if (id != DURA_JSON_NONE && dura_json_get_text(doc, id, 0, sizeof g->keyid - 1, &s, NULL) == DURA_OK)
        memcpy(g->keyid, s, strlen(s) + 1);
    d->count++;
    return DURA_OK;
}

int durai_dsse_open(durai_dsse *d, const dura_json *doc, dura_error *err)
{
    uint32_t list = dura_json_member(doc, DURA_JSON_ROOT, "signatures");
    memset(d, 0, sizeof *d);
    int rc = dura_json_want(doc, list, DURA_JSON_ARRAY, 0, DURAI_DSSE_SIGNATURES, err);
    if (rc == DURA_OK)
        rc = read_payload(d, doc, err);
    for (uint32_t s = dura_json_first(doc, list); rc == DURA_OK && s != DURA_JSON_NONE; s = dura_json_next(doc, s))
        rc = read_signature(d, doc, s, err);
    if (rc != DURA_OK)
        durai_dsse_free(d);
    return rc;
}

void durai_dsse_free(durai_dsse *d)
{
    free(d->payload);
    free(d->pae);
    d->payload = d->pae = NULL;
}

static int signed_by(const durai_dsse *d, const uint8_t pub[DURA_PUBKEY_BYTES])
{
    for (uint32_t i = 0; i < d->count; i++)
        if (d->signature[i].ours && dura_ed25519_verify(pub, d->pae, d->n_pae, d->signature[i].sig) == DURA_OK)
            return 1;
    return 0;
}

/* A key that is given twice is one key. */
static int given_before(const uint8_t *keys, uint32_t k)
{
    for (uint32_t i = 0; i < k; i++)
        if (memcmp(keys + (size_t)i * DURA_PUBKEY_BYTES, keys + (size_t)k * DURA_PUBKEY_BYTES, DURA_PUBKEY_BYTES) == 0)
            return 1;
    return 0;
}

static void short_id(char out[17], const uint8_t pub[DURA_PUBKEY_BYTES])
{
    uint8_t id[DURA_HASH_BYTES];
    dura_sha256_query(id, pub, DURA_PUBKEY_BYTES);
    (void)sodium_bin2hex(out, 17, id, 8);
}

uint32_t durai_dsse_count(const durai_dsse *d, const uint8_t *keys, uint32_t n, char (*ids)[17])
{
    uint32_t right = 0;
    for (uint32_t k = 0; k < n; k++) {
        const uint8_t *pub = keys + (size_t)k * DURA_PUBKEY_BYTES;
        if (given_before(keys, k) || !signed_by(d, pub))
            continue;
        if (ids)
            short_id(ids[right], pub);
        right++;
    }
    return right;
}

static void out_base64(durai_out *o, const char *key, const uint8_t *p, size_t n)
{
    size_t room = sodium_base64_ENCODED_LEN(n, sodium_base64_VARIANT_ORIGINAL);
    char *text = malloc(room);
    if (!text) {
        o->failed = 1;
        return;
    }
    durai_out_text(o, key, sodium_bin2base64(text, room, p, n, sodium_base64_VARIANT_ORIGINAL));
    free(text);
}

static int write_envelope(const durai_dsse *d, char **out, size_t *len, dura_error *err)
{
    durai_out o;
    memset(&o, 0, sizeof o);
    durai_out_open(&o, NULL, '{');
    out_base64(&o, "payload", d->payload, d->n);
    durai_out_text(&o, "payloadType", DURA_STATEMENT_TYPE);
    durai_out_open(&o, "signatures", '[');
    for (uint32_t i = 0; i < d->count; i++) {
        durai_out_open(&o, NULL, '{');
        durai_out_text(&o, "keyid", d->signature[i].keyid);
        out_base64(&o, "sig", d->signature[i].sig, DURA_SIG_BYTES);
        durai_out_close(&o, '}');
    }
    durai_out_close(&o, ']');
    durai_out_close(&o, '}');
    if (o.failed) {
        free(o.p);
        return oom(err);
    }
    *out = o.p;
    *len = o.len;
    return DURA_OK;
}

/* An envelope as it is, or a bare Statement as the payload of a new one. */
static int open_either(durai_dsse *d, const dura_json *doc, const char *text, size_t len, dura_error *err)
{
    static const char *const types[] = {DURAI_STATEMENT_V1, NULL};
    uint32_t which;
    if (dura_json_member(doc, DURA_JSON_ROOT, "payloadType") != DURA_JSON_NONE)
        return durai_dsse_open(d, doc, err);
    int rc = dura_json_get_word(doc, dura_json_member(doc, DURA_JSON_ROOT, "_type"), types, &which, err);
    if (rc != DURA_OK)
        return rc;
    memset(d, 0, sizeof *d);
    d->payload = durai_host_copy(text, len);
    d->n = len;
    return d->payload && make_pae(d) == DURA_OK ? DURA_OK : oom(err);
}

static int add_signature(durai_dsse *d, dura_signer sign, void *user, const char *filename, dura_error *err)
{
    uint8_t sig[DURA_SIG_BYTES], pub[DURA_PUBKEY_BYTES];
    for (uint32_t i = 0; i < d->count; i++)
        if (!d->signature[i].ours)
            return dura_error_set(err, DURA_ENOTSUP, filename, 0, "signatures", "one is not Ed25519's: it would be lost");
    if (d->count == DURAI_DSSE_SIGNATURES)
        return dura_error_set(err, DURA_ELIMIT, filename, 0, "signatures", "there are %d already", DURAI_DSSE_SIGNATURES);
    int rc = sign(user, d->pae, d->n_pae, sig, pub);
    if (rc != DURA_OK)
        return rc == DURA_EAUTH || !err || err->text[0] ? rc : dura_error_set(err, rc, filename, 0, NULL, "is not signed: the signer failed");
    if (signed_by(d, pub))
        return dura_error_set(err, DURA_ESTATE, filename, 0, NULL, "this key has signed it already");
    durai_dsse_signature *g = &d->signature[d->count++];
    memset(g, 0, sizeof *g);
    memcpy(g->sig, sig, sizeof sig);
    g->ours = 1;
    short_id(g->keyid, pub);
    return signed_by(d, pub) ? DURA_OK
                             : dura_error_set(err, DURA_EAUTH, filename, 0, NULL, "the signer's signature is not right under its key");
}

int dura_statement_sign(const char *text, size_t len, const char *filename, dura_signer sign, void *user, char **out,
                        size_t *out_len, dura_error *err)
{
    dura_json *doc;
    durai_dsse d;
    if (!text || !sign || !out || !out_len)
        return dura_error_set(err, DURA_EINVAL, filename, 0, NULL, "there is nothing to sign");
    *out = NULL;
    int rc = durai_evidence_parse(text, len, filename, &doc, err);
    if (rc != DURA_OK)
        return rc;
    memset(&d, 0, sizeof d);
    rc = open_either(&d, doc, text, len, err);
    dura_json_deinit(doc);
    if (rc == DURA_OK)
        rc = add_signature(&d, sign, user, filename, err);
    if (rc == DURA_OK)
        rc = write_envelope(&d, out, out_len, err);
    durai_dsse_free(&d);
    return rc;
}

int dura_statement_verify(const char *text, size_t len, const char *filename, const uint8_t *keys, uint32_t n,
                          uint32_t *right, char **payload, size_t *payload_len, dura_error *err)
{
    dura_json *doc;
    durai_dsse d;
    if (!text || (n && !keys) || !right || !payload || !payload_len)
        return dura_error_set(err, DURA_EINVAL, filename, 0, NULL, "there is nothing to verify");
    *payload = NULL;
    int rc = durai_evidence_parse(text, len, filename, &doc, err);
    if (rc != DURA_OK)
        return rc;
    rc = durai_dsse_open(&d, doc, err);
    dura_json_deinit(doc);
    if (rc != DURA_OK)
        return rc;
    *right = durai_dsse_count(&d, keys, n, NULL);
    *payload = (char *)d.payload;
    *payload_len = d.n;
    free(d.pae);
    return DURA_OK;
}

/* ---- provenance ---------------------------------------------------------------------------- */

int durai_evidence_digest(const char *path, uint8_t digest[DURA_HASH_BYTES], uint64_t *bytes, dura_error *err)
{
    uint8_t part[16384];
    dura_sha256 sha;
    FILE *f = fopen(path, "rb");
    if (!f)
        return dura_error_set(err, errno == ENOENT ? DURA_ENOENT : DURA_EIO, path, 0, NULL, "%s", strerror(errno));
    dura_sha256_init(&sha);
    *bytes = 0;
    for (size_t n; (n = fread(part, 1, sizeof part, f)) > 0; *bytes += n)
        dura_sha256_update(&sha, part, n);
    dura_sha256_final(&sha, digest);
    int bad = ferror(f);
    (void)fclose(f);
    return bad ? dura_error_set(err, DURA_EIO, path, 0, NULL, "cannot be read") : DURA_OK;
}

static void out_digest(durai_out *o, const char *name, const uint8_t d[DURA_HASH_BYTES])
{
    durai_out_open(o, "digest", '{');
    durai_out_hex(o, "sha256", d, DURA_HASH_BYTES);
    durai_out_close(o, '}');
    durai_out_text(o, "name", name);
}

static const char *base_of(const char *path) { return strrchr(path, '/') ? strrchr(path, '/') + 1 : path; }

static int out_materials(durai_out *o, const dura_provenance *p, dura_error *err)
{
    uint8_t digest[DURA_HASH_BYTES];
    uint64_t bytes;
    int rc = DURA_OK;
    durai_out_open(o, "resolvedDependencies", '[');
    if (p->source || p->commit) {
        durai_out_open(o, NULL, '{');
        if (p->commit) {
            durai_out_open(o, "digest", '{');
            durai_out_text(o, "gitCommit", p->commit);
            durai_out_close(o, '}');
        }
        if (p->source)
            durai_out_text(o, "uri", p->source);
        durai_out_close(o, '}');
    }
    for (uint32_t i = 0; rc == DURA_OK && i < p->n_materials; i++) {
        rc = durai_evidence_digest(p->materials[i], digest, &bytes, err);
        durai_out_open(o, NULL, '{');
        out_digest(o, base_of(p->materials[i]), digest);
        durai_out_close(o, '}');
    }
    durai_out_close(o, ']');
    return rc;
}

static void out_parameters(durai_out *o, const dura_release *r)
{
    char version[24];
    version[durai_dec(version, r->version)] = 0;
    durai_out_open(o, "externalParameters", '{');
    durai_out_text(o, "component", dura_component_name(r->component));
    if (r->device[0])
        durai_out_text(o, "device", r->device);
    if (r->name[0])
        durai_out_text(o, "name", r->name);
    if (!sodium_is_zero(r->policy, sizeof r->policy))
        durai_out_hex(o, "policy", r->policy, sizeof r->policy);
    if (r->version)
        durai_out_text(o, "version", version);
    durai_out_close(o, '}');
}

static void out_run(durai_out *o, const dura_provenance *p)
{
    char iso[32];
    time_t t = (time_t)p->finished_s;
    struct tm tm;
    durai_out_open(o, "runDetails", '{');
    durai_out_open(o, "builder", '{');
    durai_out_text(o, "id", p->builder);
    durai_out_close(o, '}');
    durai_out_open(o, "metadata", '{');
    if (p->finished_s && gmtime_r(&t, &tm) && strftime(iso, sizeof iso, "%Y-%m-%dT%H:%M:%SZ", &tm) > 0)
        durai_out_text(o, "finishedOn", iso);
    if (p->invocation)
        durai_out_text(o, "invocationId", p->invocation);
    durai_out_close(o, '}');
    durai_out_close(o, '}');
}

static int write_provenance(durai_out *o, const dura_release *r, const char *name, const dura_provenance *p, dura_error *err)
{
    durai_out_open(o, NULL, '{');
    durai_out_text(o, "_type", DURAI_STATEMENT_V1);
    durai_out_open(o, "predicate", '{');
    durai_out_open(o, "buildDefinition", '{');
    durai_out_text(o, "buildType", "urn:dura:release:1");
    out_parameters(o, r);
    int rc = out_materials(o, p, err);
    durai_out_close(o, '}');
    out_run(o, p);
    durai_out_close(o, '}');
    durai_out_text(o, "predicateType", DURAI_SLSA_V1);
    durai_out_open(o, "subject", '[');
    durai_out_open(o, NULL, '{');
    out_digest(o, name, r->digest);
    durai_out_close(o, '}');
    durai_out_close(o, ']');
    durai_out_close(o, '}');
    return rc;
}

static int is_hex(const char *s)
{
    size_t n = strlen(s);
    return (n == 40 || n == 64) && strspn(s, "0123456789abcdef") == n;
}

int dura_statement_provenance(const dura_release *r, const char *name, const dura_provenance *p, char **text, size_t *len,
                              dura_error *err)
{
    durai_out o;
    if (!r || r->struct_size < sizeof *r || !name || !p || p->struct_size < sizeof *p || !p->builder || !*p->builder ||
        !text || !len)
        return dura_error_set(err, DURA_EINVAL, NULL, 0, "builder", "is missing: a URI of who built it");
    if (p->commit && !is_hex(p->commit))
        return dura_error_set(err, DURA_EINVAL, NULL, 0, "commit", "want 40 or 64 hex digits in lower case");
    memset(&o, 0, sizeof o);
    int rc = write_provenance(&o, r, name, p, err);
    if (rc == DURA_OK && o.failed)
        rc = oom(err);
    if (rc != DURA_OK) {
        free(o.p);
        return rc;
    }
    *text = o.p;
    *len = o.len;
    return DURA_OK;
}
