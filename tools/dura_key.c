/* SPDX-License-Identifier: Apache-2.0 */
/* `dura key make|show|factory`: the provisioning side, on key files. */
#include "dura_signer.h"

#include <dura/host/keys.h>
#include <dura/host/pack.h>
#include <dura/host/session.h>

#include <stdlib.h>
#include <string.h>

static const char *words[2], *policy, *model, *key_path, *out_path, *floor_text;
static int sealed;

static const cli_option options[] = {
    {"--sealed", NULL, NULL, NULL, &sealed, "make: seal the secret by a passphrase ($DURA_PASSPHRASE, or asked for)"},
    {"--policy", NULL, "FILE", &policy, NULL, "factory: policy.json or its packed image"},
    {"--model", NULL, "FILE", &model, NULL, "factory: model.json or its packed image"},
    {"--key", NULL, "FILE", &key_path, NULL, "factory: secret key file made by `dura key make`"},
    {"--out", "-o", "FILE", &out_path, NULL, "factory: where the record goes"},
    {"--floor", NULL, "N", &floor_text, NULL, "factory: lowest release still accepted (default 0)"},
    {NULL, NULL, NULL, NULL, NULL, NULL},
};
static const cli_command self = {
    "key", "make FILE [--sealed] | show FILE | factory --policy P --model M --key FILE -o FILE",
    "make     a fresh Ed25519 key pair: FILE (secret, mode 0600) and FILE.pub; nothing is overwritten\n"
    "show     the public key of a secret or public key file; put it into policy.json as gate.factory_key\n"
    "factory  the record that lets exactly this model run under exactly this policy\n",
    options, words, 1, 2,
};

static void wipe(void *p, size_t n)
{
    volatile uint8_t *b = p;
    while (n--)
        *b++ = 0;
}

static int public_of(const uint8_t seed[DURA_SEED_BYTES], uint8_t pub[DURA_PUBKEY_BYTES])
{
    uint8_t sig[DURA_SIG_BYTES];
    dura_keyfile_sign(seed, "", 0, sig, pub);
    return DURA_OK;
}

static int make(const char *path)
{
    dura_error err = {0};
    uint8_t pub[DURA_PUBKEY_BYTES];
    char hex[65], public_path[DURA_KEYS_PATH_MAX];
    if (snprintf(public_path, sizeof public_path, "%s.pub", path) >= (int)sizeof public_path)
        return cli_usage(&self, "%s: the name is too long", path);
    int rc = sealed ? signer_seal(path, public_path, &err) : dura_keyfile_make(path, public_path, &err);
    if (rc == DURA_OK)
        rc = dura_keyfile_public(public_path, pub, &err);
    if (rc != DURA_OK)
        return cli_fail(&self, rc, &err);
    printf("secret  %s (%skeep it off the device and out of the run folders)\npublic  %s\n%s\n", path,
           sealed ? "sealed by the passphrase; " : "", public_path,
           cli_hex(hex, pub, sizeof pub));
    return cli_end(&self, CLI_OK);
}

static int show(const char *path)
{
    dura_error err = {0}, second = {0};
    uint8_t seed[DURA_SEED_BYTES], pub[DURA_PUBKEY_BYTES];
    char hex[65];
    int rc = dura_keyfile_public(path, pub, &err);
    if (rc == DURA_ESYNTAX) {
        rc = signer_load(path, seed, &second);
        if (rc == DURA_OK)
            rc = public_of(seed, pub);
        else if (rc != DURA_ESYNTAX)
            err = second;
        wipe(seed, sizeof seed);
    }
    if (rc != DURA_OK)
        return cli_fail(&self, rc, &err);
    printf("%s%s\n", cli_hex(hex, pub, sizeof pub),
           memcmp(pub, dura_dev_public_key(), sizeof pub) == 0 ? "  DEVELOPMENT KEY: everybody has its secret" : "");
    return cli_end(&self, CLI_OK);
}

/* Both images at hand: they must fit each other and the key before anything is signed. */
static int sign_record(const void *p, size_t np, const void *m, size_t nm, uint64_t floor_, dura_error *err)
{
    uint8_t seed[DURA_SEED_BYTES], pub[DURA_PUBKEY_BYTES], record[512];
    size_t n = sizeof record;
    dura_policy_info info = DURA_POLICY_INFO_INIT;
    int rc = dura_pack_check_model(p, np, m, nm, policy, model, err);
    if (rc == DURA_OK)
        rc = dura_policy_query(p, np, &info);
    if (rc == DURA_OK)
        rc = signer_load(key_path, seed, err);
    if (rc != DURA_OK)
        return rc;
    rc = public_of(seed, pub);
    if (memcmp(pub, info.factory_key, sizeof pub) != 0)
        rc = dura_error_set(err, DURA_EAUTH, policy, 0, "gate.factory_key",
                            "names another key than %.200s: the device would refuse the record", key_path);
    if (rc == DURA_OK)
        rc = dura_factory_make(record, &n, p, np, m, nm, floor_, seed);
    wipe(seed, sizeof seed);
    return rc == DURA_OK ? cli_write_file(out_path, record, n, 0, err) : rc;
}

static int factory(void)
{
    dura_error err = {0};
    void *p = NULL, *m = NULL;
    size_t np = 0, nm = 0;
    uint64_t floor_ = 0;
    int policy_kind = DURA_PACK_POLICY, model_kind = DURA_PACK_LINEAR;
    if (!policy || !model || !key_path || !out_path)
        return cli_usage(&self, "factory wants --policy, --model, --key and -o");
    if (floor_text && cli_number(floor_text, UINT64_MAX, &floor_) != 0)
        return cli_usage(&self, "--floor %s: want a whole number", floor_text);
    int rc = cli_load_image(policy, &policy_kind, &p, &np, &err);
    if (rc == DURA_OK)
        rc = cli_load_image(model, &model_kind, &m, &nm, &err);
    if (rc == DURA_OK)
        rc = sign_record(p, np, m, nm, floor_, &err);
    dura_pack_deinit(p);
    dura_pack_deinit(m);
    if (rc != DURA_OK)
        return cli_fail(&self, rc, &err);
    printf("%s: this model may run under this policy\n", out_path);
    return cli_end(&self, CLI_OK);
}

int cmd_key(int argc, char **argv)
{
    int rc = cli_parse(&self, argc, argv);
    if (rc >= 0)
        return rc;
    if (strcmp(words[0], "factory") == 0 && !words[1])
        return factory();
    if (strcmp(words[0], "make") == 0 && words[1])
        return make(words[1]);
    if (strcmp(words[0], "show") == 0 && words[1])
        return show(words[1]);
    return cli_usage(&self, "want: dura key %s", self.synopsis);
}
