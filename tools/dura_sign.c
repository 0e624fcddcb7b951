/* SPDX-License-Identifier: Apache-2.0 */
/* `dura sign FILE --key KEY`: one more signature on a release or an approval. */
#include "dura_envelope.h"

#include <dura/host/keys.h>
#include <dura/host/pack.h>
#include <dura/host/release.h>

#include <stdlib.h>
#include <string.h>

static const char *source, *key_path, *out_path;
static int as_json, as_cbor;

static const cli_option options[] = {
    {"--key", NULL, "FILE", &key_path, NULL, "secret key file made by `dura key make`"},
    {"--out", "-o", "FILE", &out_path, NULL, "where it goes (default: the file itself)"},
    {"--json", NULL, NULL, NULL, &as_json, "write DSSE JSON, as other tools read it"},
    {"--cbor", NULL, NULL, NULL, &as_cbor, "write CBOR, as devices read it"},
    {NULL, NULL, NULL, NULL, NULL, NULL},
};
static const cli_command self = {
    "sign", "FILE --key KEY [-o FILE] [--json | --cbor]",
    "Shows what the release or approval says and appends a signature. An envelope may be CBOR or DSSE JSON;\n"
    "without --json or --cbor it stays what it is. Without --key nothing is signed: it is only\n"
    "written in the other form.\n",
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

static void wipe(void *p, size_t n)
{
    volatile uint8_t *b = p;
    while (n--)
        *b++ = 0;
}

static int append(uint8_t *envelope, size_t *len, dura_error *err)
{
    uint8_t seed[DURA_SEED_BYTES];
    int rc = dura_keyfile_load(key_path, seed, err);
    if (rc == DURA_OK)
        rc = dura_envelope_sign(envelope, len, DURA_RELEASE_MAX, seed);
    wipe(seed, sizeof seed);
    if (rc == DURA_ESTATE)
        return dura_error_set(err, rc, source, 0, NULL, "%.200s has signed it already", key_path);
    if (rc == DURA_ELIMIT || rc == DURA_ENOSPC)
        return dura_error_set(err, DURA_ELIMIT, source, 0, NULL,
                              "has no room for another signature: a device takes %u bytes", DURA_RELEASE_MAX);
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
    if ((as_json && as_cbor) || (!key_path && !as_json && !as_cbor))
        return cli_usage(&self, "wants --key, or one of --json and --cbor");
    rc = envelope_read(source, envelope, &len, &json, &err);
    if (rc == DURA_OK)
        rc = show(envelope, len, &err);
    if (rc == DURA_OK && key_path)
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
