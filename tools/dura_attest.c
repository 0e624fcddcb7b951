/* SPDX-License-Identifier: Apache-2.0 */
/* `dura release inspect | verify | provenance`, and the attestations of `dura release make`. */
#include "dura_attest.h"

#include "dura_chunks.h"
#include "dura_envelope.h"
#include "dura_signer.h"

#include <dura/host/evidence.h>
#include <dura/host/keys.h>
#include <dura/host/pack.h>
#include <dura/host/release.h>

#include <stdlib.h>
#include <string.h>

/* ---- shared ------------------------------------------------------------------------------ */

int attest_practices(const char *list, const char *option, uint64_t *bits, dura_error *err)
{
    char one[16];
    while (list && *list) {
        size_t n = strcspn(list, ",");
        memset(one, 0, sizeof one);
        memcpy(one, list, n < sizeof one ? n : sizeof one - 1);
        uint64_t bit = dura_practice_bit(one);
        if (!bit)
            return dura_error_set(err, DURA_EINVAL, NULL, 0, option, "%.15s: want a practice of docs/formats/release.md, more with a comma between", one);
        *bits |= bit;
        list += n + (list[n] == ',');
    }
    return DURA_OK;
}

uint64_t attest_required(const void *policy, size_t len)
{
    dura_gate_config cfg;
    dura_gate_key keys[DURA_GATE_KEYS_MAX];
    uint32_t slot_bytes;
    return dura_release_policy(policy, len, &cfg, keys, &slot_bytes) == DURA_OK ? cfg.require : 0;
}

int attest_no_gap(const dura_release *r, const void *policy, size_t len, dura_error *err)
{
    char names[256] = "";
    size_t at = 0;
    uint64_t gaps = r->component == DURA_COMPONENT_POLICY ? 0 : attest_required(policy, len) & ~r->practices;
    for (uint64_t left = gaps; left && at + 16 < sizeof names; left &= left - 1)
        at += (size_t)snprintf(names + at, sizeof names - at, "%s%s", at ? ", " : "", dura_practice_name(left));
    return gaps ? dura_error_set(err, DURA_EDENIED, NULL, 0, "updates.require", "%s: the policy requires it, and nothing attests it "
                                 "(--attest)", names) : DURA_OK;
}

/* One key: 64 hex digits, or the file that holds them. */
static int take_key(const char *text, uint8_t pub[DURA_PUBKEY_BYTES], dura_error *err)
{
    if (strlen(text) != 64 || strspn(text, "0123456789abcdefABCDEF") != 64)
        return dura_keyfile_public(text, pub, err);
    for (int i = 0; i < 32; i++) {
        char digits[3] = {text[2 * i], text[2 * i + 1], '\0'};
        pub[i] = (uint8_t)strtoul(digits, NULL, 16);
    }
    return DURA_OK;
}

/* KEY,KEY,... into a heap of 32 bytes each. */
static int take_keys(const char *list, uint8_t **keys, uint32_t *n, dura_error *err)
{
    char one[4096];
    int rc = DURA_OK;
    *keys = calloc(list ? strlen(list) / 2 + 1 : 1, DURA_PUBKEY_BYTES);
    if (!*keys)
        return DURA_ENOSPC;
    for (*n = 0; rc == DURA_OK && list && *list; ++*n) {
        size_t len = strcspn(list, ",");
        if (len == 0 || len >= sizeof one)
            return dura_error_set(err, DURA_EINVAL, NULL, 0, "--attest-key", "want KEY or KEY,KEY: files or 64 hex digits");
        memcpy(one, list, len);
        one[len] = 0;
        rc = take_key(one, *keys + (size_t)*n * DURA_PUBKEY_BYTES, err);
        list += len + (list[len] == ',');
    }
    return rc;
}

static int evidence_options(dura_evidence_options *o, const attest_job *job, uint8_t **keys, dura_error *err)
{
    *o = (dura_evidence_options)DURA_EVIDENCE_OPTIONS_INIT;
    o->component = job->component;
    o->subject = job->subject;
    o->subject_len = job->len;
    o->require = job->require;
    int rc = take_keys(job->keys, keys, &o->n_keys, err);
    o->keys = *keys;
    return rc;
}

int attest_make(const attest_job *job, const char *const *files, uint32_t n, char **index, size_t *len,
                dura_evidence_report *report, dura_error *err)
{
    uint8_t *keys;
    dura_evidence_options o;
    int rc = evidence_options(&o, job, &keys, err);
    o.files = files;
    o.n_files = n;
    if (rc == DURA_OK)
        rc = dura_evidence_make(&o, index, len, report, err);
    free(keys);
    return rc;
}

/* An envelope and what it says. */
static int load(const char *path, uint8_t envelope[DURA_RELEASE_MAX], size_t *len, dura_release *r, dura_error *err)
{
    const void *payload;
    size_t n;
    int json, rc = envelope_read(path, envelope, len, &json, err);
    if (rc == DURA_OK)
        rc = dura_envelope_open(envelope, *len, &payload, &n, NULL);
    *r = (dura_release)DURA_RELEASE_INIT;
    if (rc == DURA_OK && (rc = dura_release_decode(payload, n, r)) != DURA_OK)
        rc = dura_error_set(err, rc, path, 0, NULL, "holds no release this build knows: %s", dura_strerror(rc));
    return rc;
}

/* ---- inspect ------------------------------------------------------------------------------- */

static const char *words[2], *evidence_path, *subject_path, *folder, *keys_text, *require_text;
static int as_json, bytes_only;

static const cli_option inspect_options[] = {
    {"--json", NULL, NULL, NULL, &as_json, "what it says as one JSON object, with the key ids of its signatures"},
    {NULL, NULL, NULL, NULL, NULL, NULL},
};
static const cli_command inspect_self = {
    "release inspect", "FILE [--json]",
    "What a release says, and the key ids of those who signed it. Nothing is verified: `dura gate check`\n"
    "and `dura release verify` do that.\n",
    inspect_options, words, 1, 1,
};

/* The root of the tree over its chunks, where it signs one. */
static void print_root(const uint8_t *envelope, size_t len)
{
    const void *payload;
    size_t n;
    uint8_t root[DURA_HASH_BYTES];
    char hex[2 * DURA_HASH_BYTES + 1];
    if (dura_envelope_open(envelope, len, &payload, &n, NULL) == DURA_OK && dura_chunks_root(payload, n, root) == DURA_OK)
        printf(as_json ? ",\"chunks\":\"%s\"" : "  chunks    %s, root of a tree over 64 KiB each\n", cli_hex(hex, root, sizeof root));
}

static int print_signatures(const uint8_t *envelope, size_t len)
{
    uint8_t id[8], sig[DURA_SIG_BYTES];
    char hex[17];
    uint32_t i = 0;
    for (; dura_envelope_signature(envelope, len, i, id, sig) == DURA_OK; i++)
        printf(as_json ? "%s\"%s\"" : "  signed    key id %s%s\n", as_json && !i ? "" : as_json ? "," : cli_hex(hex, id, 8),
               as_json ? cli_hex(hex, id, 8) : "");
    if (!i && !as_json)
        printf("  signed    by nobody\n");
    return DURA_OK;
}

static int inspect(int argc, char **argv)
{
    uint8_t envelope[DURA_RELEASE_MAX];
    size_t len = 0, n;
    dura_release r;
    dura_error err = {0};
    char *text;
    int rc = cli_parse(&inspect_self, argc, argv);
    if (rc >= 0)
        return rc;
    rc = load(words[0], envelope, &len, &r, &err);
    if (rc == DURA_OK)
        rc = dura_release_describe(&r, as_json, &text, &n);
    if (rc != DURA_OK)
        return cli_fail(&inspect_self, rc, &err);
    if (as_json)
        printf("{\"release\":%.*s,\"signatures\":[", (int)n - 1, text);
    else
        fputs(text, stdout);
    print_signatures(envelope, len);
    if (as_json)
        printf("]");
    print_root(envelope, len);
    if (as_json)
        puts("}");
    dura_pack_deinit(text);
    return cli_end(&inspect_self, CLI_OK);
}

/* ---- verify ---------------------------------------------------------------------------------- */

static const cli_option verify_options[] = {
    {"--evidence", NULL, "FILE", &evidence_path, NULL, "the evidence index (default: FILE.evidence.json)"},
    {"--subject", NULL, "FILE", &subject_path, NULL, "the brain, policy or firmware (default: FILE.brain or FILE.policy)"},
    {"--folder", NULL, "DIR", &folder, NULL, "where the files it lists lie (default: beside the index)"},
    {"--attest-key", NULL, "KEYS", &keys_text, NULL, "who may sign statements: public key files or hex digits, with commas"},
    {"--require", NULL, "LIST", &require_text, NULL, "practices that must be attested: SVV-1,A.6.2.4"},
    {"--bytes", NULL, NULL, NULL, &bytes_only, "only: is the subject what was released? Of any length, a chunk at a time"},
    {NULL, NULL, NULL, NULL, NULL, NULL},
};
static const cli_command verify_self = {
    "release verify", "FILE [--evidence INDEX] [--subject F] [--folder DIR] [--attest-key KEYS]",
    "Does the evidence hold? The index must have the digest that the release signs, every file it\n"
    "lists its own, and each is judged again; what they satisfy must be what the release claims.\n"
    "Signatures of the release are for `dura gate check`. Exit 1: it does not hold.\n"
    "With --bytes evidence is not looked at, and where the release signs a tree (FILE.chunks) the\n"
    "first wrong chunk ends it.\n",
    verify_options, words, 1, 1,
};

static int near_path(char *out, size_t n, const char *suffix)
{
    return snprintf(out, n, "%s.%s", words[0], suffix) < (int)n;
}

/* The folder of the index. */
static const char *beside(char *out, size_t room, const char *path)
{
    size_t n = strlen(path);
    while (n > 0 && path[n - 1] != '/')
        n--;
    (void)snprintf(out, room, "%.*s", n ? (int)n : 1, n ? path : ".");
    return out;
}

static int verify_index(const dura_release *r, const char *index, size_t len, const void *subject, size_t subject_len,
                        dura_evidence_report *report, dura_error *err)
{
    char dir[4096];
    uint8_t *keys = NULL;
    dura_evidence_options o;
    attest_job job = {r->component, subject, subject_len, keys_text, 0};
    int rc = attest_practices(require_text, "--require", &job.require, err);
    if (rc == DURA_OK)
        rc = evidence_options(&o, &job, &keys, err);
    if (rc == DURA_OK) {
        o.folder = folder ? folder : beside(dir, sizeof dir, evidence_path);
        rc = dura_evidence_check(index, len, evidence_path, &o, report, err);
    }
    free(keys);
    return rc;
}

static int same_claims(const dura_release *r, const dura_evidence_report *report, const void *subject, size_t len, dura_error *err)
{
    uint8_t digest[DURA_HASH_BYTES];
    dura_sha256_query(digest, subject, len);
    if (memcmp(digest, r->digest, sizeof digest) != 0)
        return dura_error_set(err, DURA_ECORRUPT, subject_path, 0, NULL, "is not what was released");
    if (memcmp(report->digest, r->evidence, sizeof digest) != 0)
        return dura_error_set(err, DURA_ECORRUPT, evidence_path, 0, NULL, "is not the index that the release signs");
    if (r->practices != report->practices)
        return dura_error_set(err, DURA_EDENIED, words[0], 0, "practices", "claims others than the files attest");
    return DURA_OK;
}

static int verify_all(dura_evidence_report *report, dura_error *err)
{
    uint8_t envelope[DURA_RELEASE_MAX];
    size_t len = 0, n = 0, subject_len = 0;
    char *index = NULL, *subject = NULL;
    static char index_path[4096], own[4096];
    dura_release r;
    int rc = load(words[0], envelope, &len, &r, err);
    if (rc != DURA_OK)
        return rc;
    if (!evidence_path && near_path(index_path, sizeof index_path, "evidence.json"))
        evidence_path = index_path;
    if (!subject_path && near_path(own, sizeof own, dura_component_name(r.component)))
        subject_path = own;
    rc = cli_read_file(evidence_path, &index, &n, err);
    if (rc == DURA_OK)
        rc = cli_read_file(subject_path, &subject, &subject_len, err);
    if (rc == DURA_OK)
        rc = verify_index(&r, index, n, subject, subject_len, report, err);
    if (rc == DURA_OK)
        rc = same_claims(&r, report, subject, subject_len, err);
    free(index);
    free(subject);
    return rc;
}

static void print_practices(uint64_t bits)
{
    for (; bits; bits &= bits - 1)
        if (dura_practice_name(bits))
            printf(" %s", dura_practice_name(bits));
}

/* The subject alone. */
static int verify_bytes(void)
{
    uint8_t envelope[DURA_RELEASE_MAX];
    static char own[4096];
    size_t len = 0;
    uint32_t why;
    uint64_t looked;
    dura_release r;
    dura_error err = {0};
    int rc = load(words[0], envelope, &len, &r, &err);
    if (!subject_path && rc == DURA_OK && near_path(own, sizeof own, dura_component_name(r.component)))
        subject_path = own;
    if (rc == DURA_OK)
        rc = chunks_check(subject_path, words[0], envelope, len, &why, &looked, &err);
    if (rc != DURA_OK)
        return cli_fail(&verify_self, rc, &err);
    printf("%s: %s, %llu of %llu bytes read%s%s\n", subject_path,
           why & DURA_WHY_INCOMPLETE ? "bytes are missing" : why ? "is not what was released" : "is what was released",
           (unsigned long long)looked, (unsigned long long)r.length, err.text[0] ? ": " : "", err.text);
    return cli_end(&verify_self, why ? CLI_NO : CLI_OK);
}

static int verify(int argc, char **argv)
{
    dura_evidence_report report = DURA_EVIDENCE_REPORT_INIT;
    dura_error err = {0};
    int rc = cli_parse(&verify_self, argc, argv);
    if (rc >= 0)
        return rc;
    if (bytes_only)
        return verify_bytes();
    rc = verify_all(&report, &err);
    if (rc != DURA_OK) {
        int code = cli_fail(&verify_self, rc, &err);
        return rc == DURA_EDENIED || rc == DURA_EAUTH || rc == DURA_ECORRUPT ? CLI_NO : code;
    }
    printf("the evidence holds: %u files attest", (unsigned)report.n_files);
    print_practices(report.practices);
    puts("");
    return cli_end(&verify_self, CLI_OK);
}

/* ---- provenance --------------------------------------------------------------------------------- */

static const char *builder, *invocation, *source, *commit, *model_path, *materials, *finished, *out_path, *key_path, *signer_cmd,
    *signer_pub;

static const cli_option provenance_options[] = {
    {"--model", NULL, "FILE", &model_path, NULL, "instead of a release: model.json or its packed image, before there is one"},
    {"--builder", NULL, "URI", &builder, NULL, "who built it; required"},
    {"--source", NULL, "URI", &source, NULL, "where the source is"},
    {"--commit", NULL, "HEX", &commit, NULL, "the commit there"},
    {"--material", NULL, "F,F", &materials, NULL, "files it was made of: named and digested"},
    {"--invocation", NULL, "ID", &invocation, NULL, "the run that built it"},
    {"--finished", NULL, "T", &finished, NULL, "when: 2026-03-01T00:00:00Z, 2026-03-01 or seconds since 1970"},
    {"--key", NULL, "FILE", &key_path, NULL, "sign it: a DSSE JSON envelope comes out"},
    {"--signer", NULL, "CMD", &signer_cmd, NULL, "... or have it signed by a command (`dura sign --help`)"},
    {"--pub", NULL, "FILE", &signer_pub, NULL, "the public key of --signer"},
    {"--out", "-o", "FILE", &out_path, NULL, "where it goes; required"},
    {NULL, NULL, NULL, NULL, NULL, NULL},
};
static const cli_command provenance_self = {
    "release provenance", "FILE | --model M --builder URI -o FILE [...]",
    "Writes an in-toto Statement v1 with SLSA provenance v1 about the subject of a release, or about a\n"
    "packed model. It is an attestation for `dura release make --attest`, and reviews and tests of the\n"
    "commit it names then count as well.\n",
    provenance_options, words, 0, 1,
};

/* The subject: a release's, or a packed model. */
static int provenance_subject(dura_release *r, const char **name, dura_error *err)
{
    uint8_t envelope[DURA_RELEASE_MAX];
    void *image;
    size_t len = 0;
    int kind = DURA_PACK_LINEAR;
    *name = words[0];
    if (words[0])
        return load(words[0], envelope, &len, r, err);
    *name = model_path;
    int rc = cli_load_image(model_path, &kind, &image, &len, err);
    if (rc != DURA_OK)
        return rc;
    *r = (dura_release)DURA_RELEASE_INIT;
    r->component = DURA_COMPONENT_BRAIN;
    dura_sha256_query(r->digest, image, len);
    dura_pack_deinit(image);
    return DURA_OK;
}

/* a,b,c apart, in place. */
static uint32_t split(char *list, const char **out, uint32_t max)
{
    uint32_t n = 0;
    for (char *one = list, *next; one && *one && n < max; one = next) {
        next = strchr(one, ',');
        if (next)
            *next++ = 0;
        out[n++] = one;
    }
    return n;
}

static int write_statement(char *text, size_t len, dura_error *err)
{
    char *envelope = NULL;
    signer_key key = {key_path, signer_cmd, signer_pub, {0}, {0}};
    int rc = DURA_OK;
    if (key_path || signer_cmd) {
        rc = signer_open(&key, err);
        if (rc == DURA_OK)
            rc = dura_statement_sign(text, len, NULL, signer_sign, &key, &envelope, &len, err);
        signer_close(&key);
    }
    if (rc == DURA_OK)
        rc = cli_write_file(out_path, envelope ? envelope : text, len, 0, err);
    dura_pack_deinit(envelope);
    return rc;
}

static int make_provenance(dura_error *err)
{
    dura_release r;
    dura_provenance p = DURA_PROVENANCE_INIT;
    const char *list[ATTEST_FILES], *name;
    char copy[4096], *text = NULL;
    size_t len = 0;
    int rc = provenance_subject(&r, &name, err);
    if (rc == DURA_OK && materials && strlen(materials) >= sizeof copy)
        rc = dura_error_set(err, DURA_ELIMIT, NULL, 0, "--material", "is too long");
    if (rc == DURA_OK)
        rc = cli_date(finished, "--finished", &p.finished_s, err);
    if (rc != DURA_OK)
        return rc;
    memcpy(copy, materials ? materials : "", materials ? strlen(materials) + 1 : 1);
    p.materials = list;
    p.n_materials = split(copy, list, ATTEST_FILES);
    p.builder = builder;
    p.invocation = invocation;
    p.source = source;
    p.commit = commit;
    rc = dura_statement_provenance(&r, strrchr(name, '/') ? strrchr(name, '/') + 1 : name, &p, &text, &len, err);
    if (rc == DURA_OK)
        rc = write_statement(text, len, err);
    dura_pack_deinit(text);
    return rc;
}

static int provenance(int argc, char **argv)
{
    dura_error err = {0};
    int rc = cli_parse(&provenance_self, argc, argv);
    if (rc >= 0)
        return rc;
    if (!builder || !out_path || !words[0] == !model_path)
        return cli_usage(&provenance_self, "wants --builder, -o, and a release or --model");
    if ((key_path && signer_cmd) || !signer_cmd != !signer_pub)
        return cli_usage(&provenance_self, "wants --key, or --signer with --pub");
    rc = make_provenance(&err);
    if (rc != DURA_OK)
        return cli_fail(&provenance_self, rc, &err);
    printf("%s: provenance%s\n", out_path, key_path || signer_cmd ? ", signed" : "");
    return cli_end(&provenance_self, CLI_OK);
}

int attest_command(int argc, char **argv)
{
    if (strcmp(argv[0], "inspect") == 0)
        return inspect(argc, argv);
    if (strcmp(argv[0], "verify") == 0)
        return verify(argc, argv);
    return strcmp(argv[0], "provenance") == 0 ? provenance(argc, argv) : -1;
}
