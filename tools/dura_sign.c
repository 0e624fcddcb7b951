/* SPDX-License-Identifier: Apache-2.0 */
/* `dura sign FILE --key KEY`: one more signature on a release, an approval or an in-toto Statement. */
#include "dura_envelope.h"
#include "dura_signer.h"

#include <dura/host/evidence.h>
#include <dura/host/json.h>
#include <dura/host/keys.h>
#include <dura/host/pack.h>
#include <dura/host/release.h>

#include <stdlib.h>
#include <string.h>

static const char *source, *key_path, *command, *pub_path, *out_path;
static int as_json, as_cbor;

static const cli_option options[] = {
    {"--key", NULL, "FILE", &key_path, NULL, "secret key file made by `dura key make`"},
    {"--signer", NULL, "CMD", &command, NULL, "instead: a shell command that gets the bytes to sign and says 64 bytes or 128 hex digits"},
    {"--pub", NULL, "FILE", &pub_path, NULL, "... and the public key it signs with"},
    {"--out", "-o", "FILE", &out_path, NULL, "where it goes (default: the file itself)"},
    {"--json", NULL, NULL, NULL, &as_json, "write DSSE JSON, as other tools read it"},
    {"--cbor", NULL, NULL, NULL, &as_cbor, "write CBOR, as devices read it"},
    {NULL, NULL, NULL, NULL, NULL, NULL},
};
static const cli_command self = {
    "sign", "FILE --key KEY | --signer CMD --pub PUB [-o FILE] [--json | --cbor]",
    "Shows what the release or approval says and appends a signature. An envelope may be CBOR or DSSE JSON;\n"
    "without --json or --cbor it stays what it is. Without --key nothing is signed: it is only\n"
    "written in the other form. An in-toto Statement, bare or in DSSE JSON, becomes DSSE JSON with\n"
    "that signature.\n",
    options, &source, 1, 1,
};

int envelope_read(const char *path, uint8_t out[DURA_RELEASE_MAX], size_t *len, int *json, dura_error *err)
{
    const void *payload;
    char *text;
    size_t n, payload_len;
    int rc = cli_read_file(path, &text, &n, err);
    if (rc != DURA_OK)
        return rc;
    size_t blank = strspn(text, " \t\r\n");
    *json = text[blank] == '{';
    if (*json) {
        rc = dura_envelope_from_json(text, n, path, out, DURA_RELEASE_MAX, len, err);
    } else if (n <= DURA_RELEASE_MAX && dura_envelope_open(text, n, &payload, &payload_len, NULL) == DURA_OK) {
        memcpy(out, text, n);
        *len = n;
    } else {
        rc = dura_error_set(err, DURA_ECORRUPT, path, 0, NULL, "is no envelope of a release or an approval");
    }
    free(text);
    return rc;
}

/* What signed, for messages. */
static const char *who(void) { return key_path ? key_path : command; }

static int append(uint8_t *envelope, size_t *len, dura_error *err)
{
    signer_key key = {key_path, command, pub_path, {0}, {0}};
    int rc = signer_open(&key, err);
    if (rc != DURA_OK)
        return rc;
    rc = dura_envelope_sign_by(envelope, len, DURA_RELEASE_MAX, signer_sign, &key);
    signer_close(&key);
    if (rc == DURA_ESTATE)
        return dura_error_set(err, rc, source, 0, NULL, "%.200s has signed it already", who());
    if (rc == DURA_ELIMIT || rc == DURA_ENOSPC)
        return dura_error_set(err, DURA_ELIMIT, source, 0, NULL,
                              "has no room for another signature: a device takes %u bytes", DURA_RELEASE_MAX);
    if (rc == DURA_EIO || rc == DURA_EAUTH)
        return dura_error_set(err, rc, source, 0, NULL, rc == DURA_EIO ? "is not signed: %.200s failed, or said no signature"
                              : "is not signed: what %.200s said is not right under its public key", who());
    return rc;
}

/* A person should see what he signs; what no device takes is not signed. */
static int show(const uint8_t *envelope, size_t len, dura_error *err)
{
    const void *payload;
    size_t n;
    char *text;
    dura_release r = DURA_RELEASE_INIT;
    dura_approval a = DURA_APPROVAL_INIT;
    int rc = dura_envelope_open(envelope, len, &payload, &n, NULL), approval = dura_approval_check(envelope, len) == 1;
    if (rc == DURA_OK)
        rc = approval ? dura_approval_decode(payload, n, &a) : dura_release_decode(payload, n, &r);
    if (rc != DURA_OK)
        return dura_error_set(err, rc, source, 0, NULL, "holds no %s this build knows: %s", approval ? "approval" : "release",
                              dura_strerror(rc));
    rc = approval ? dura_approval_describe(&a, 0, &text, NULL) : dura_release_describe(&r, 0, &text, NULL);
    if (rc == DURA_OK)
        fputs(text, stdout);
    if (rc == DURA_OK)
        dura_pack_deinit(text);
    return rc;
}

static int write_form(const uint8_t *envelope, size_t len, int json, dura_error *err)
{
    char *text = NULL;
    const char *path = out_path ? out_path : source;
    int rc = json ? dura_envelope_json(envelope, len, &text, &len) : DURA_OK;
    if (rc == DURA_OK)
        rc = cli_write_file(path, text ? (const void *)text : envelope, len, !out_path, err);
    dura_pack_deinit(text);
    return rc;
}

/* ---- statements ---------------------------------------------------------------------------- */

/* 1: JSON of an in-toto Statement, bare or in an envelope. */
static int is_statement(const char *text, size_t len)
{
    dura_json *doc;
    const char *type;
    int yes = 0;
    if (len == 0 || text[strspn(text, " \t\r\n")] != '{' || dura_json_parse(text, len, source, &doc, NULL) != DURA_OK)
        return 0;
    uint32_t v = dura_json_member(doc, DURA_JSON_ROOT, "payloadType");
    if (v == DURA_JSON_NONE)
        yes = dura_json_member(doc, DURA_JSON_ROOT, "_type") != DURA_JSON_NONE;
    else
        yes = dura_json_get_text(doc, v, 1, 256, &type, NULL) == DURA_OK && strcmp(type, DURA_STATEMENT_TYPE) == 0;
    dura_json_deinit(doc);
    return yes;
}

static int sign_statement(const char *text, size_t len, dura_error *err)
{
    signer_key key = {key_path, command, pub_path, {0}, {0}};
    char *out = NULL;
    size_t n = 0;
    int rc = signer_open(&key, err);
    if (rc == DURA_OK)
        rc = dura_statement_sign(text, len, source, signer_sign, &key, &out, &n, err);
    signer_close(&key);
    if (rc == DURA_OK)
        rc = cli_write_file(out_path ? out_path : source, out, n, !out_path, err);
    if (rc == DURA_OK)
        printf("%s: the statement is signed\n", out_path ? out_path : source);
    dura_pack_deinit(out);
    return rc;
}

/* DURA_OK: signed; 1: it is no statement; else a DURA_E* code. */
static int statement(dura_error *err)
{
    char *text;
    size_t len;
    int rc = cli_read_file(source, &text, &len, err);
    if (rc != DURA_OK)
        return rc;
    if (!is_statement(text, len))
        rc = 1;
    else if (!who() || as_json || as_cbor)
        rc = dura_error_set(err, DURA_EINVAL, source, 0, NULL, "is a statement: want --key or --signer, and no other form");
    else
        rc = sign_statement(text, len, err);
    free(text);
    return rc;
}

int cmd_sign(int argc, char **argv)
{
    dura_error err = {0};
    uint8_t envelope[DURA_RELEASE_MAX];
    size_t len = 0;
    uint32_t n = 0;
    const void *payload;
    size_t payload_len;
    int json = 0, rc = cli_parse(&self, argc, argv);
    if (rc >= 0)
        return rc;
    if ((as_json && as_cbor) || (!who() && !as_json && !as_cbor))
        return cli_usage(&self, "wants --key, or one of --json and --cbor");
    if ((key_path && command) || !command != !pub_path)
        return cli_usage(&self, "wants --key, or --signer with --pub");
    rc = statement(&err);
    if (rc <= 0)
        return rc == DURA_OK ? cli_end(&self, CLI_OK) : cli_fail(&self, rc, &err);
    rc = envelope_read(source, envelope, &len, &json, &err);
    if (rc == DURA_OK)
        rc = show(envelope, len, &err);
    if (rc == DURA_OK && who())
        rc = append(envelope, &len, &err);
    if (rc == DURA_OK)
        rc = write_form(envelope, len, as_json || (json && !as_cbor), &err);
    if (rc == DURA_OK)
        rc = dura_envelope_open(envelope, len, &payload, &payload_len, &n);
    if (rc != DURA_OK)
        return cli_fail(&self, rc, &err);
    printf("%s: %u signature%s\n", out_path ? out_path : source, (unsigned)n, n == 1 ? "" : "s");
    return cli_end(&self, CLI_OK);
}
