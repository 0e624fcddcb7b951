/* SPDX-License-Identifier: Apache-2.0 */
/* `dura backend check SO`: does a plug-in keep the contract? A report to attach. */
#define _GNU_SOURCE
#include "dura_backend.h"
#include "dura_args.h"

#include <dura/host/crypto.h>

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static const char *words[2], *model, *digest, *config, *deadline, *runs, *seconds;
static int json;

static const cli_option options[] = {
    {"--model", "-m", "FILE", &model, NULL, "the model's bytes; without: the text \"none\""},
    {"--digest", NULL, "HEX", &digest, NULL, "SHA-256 the plug-in must have; without: whatever it has, which is printed"},
    {"--config", "-c", "TEXT", &config, NULL, "handed to the plug-in as its configuration"},
    {"--deadline-us", NULL, "N", &deadline, NULL, "of a run (10000)"},
    {"--runs", NULL, "N", &runs, NULL, "random inputs (100000)"},
    {"--seconds", NULL, "N", &seconds, NULL, "a check may take (60)"},
    {"--json", NULL, NULL, NULL, &json, "the report as one JSON object"},
    {NULL, NULL, NULL, NULL, NULL, NULL},
};
static const cli_command self = {
    "backend", "check SO [--model FILE] [--json]",
    "Try a backend plug-in against the contract of docs/backend.md, each rule in a process of its own.\n"
    "PASS: kept. LOST: an assurance it neither gives nor promises. FAIL: broken; exit 1.\n",
    options, words, 2, 2,
};
static const char *const verdicts[] = {"FAIL", "PASS", "LOST", "NONE"};
static const char *const small[] = {"fail", "pass", "lost", "none"};

/* The image read-only, its last byte at the end of a page and nothing behind it. */
static int place_image(kit *k, const void *p, size_t n)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE), room = (n + page - 1) / page * page;
    uint8_t *at = mmap(NULL, room + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (at == MAP_FAILED)
        return DURA_ENOSPC;
    memcpy(at + room - n, p, n);
    if (mprotect(at, room, PROT_READ) != 0 || mprotect(at + room, page, PROT_NONE) != 0)
        return DURA_EIO;
    k->image = at + room - n;
    k->image_len = n;
    dura_sha256_query(k->image_digest, p, n);
    return DURA_OK;
}

static int load_model(kit *k, dura_error *err)
{
    char *bytes = NULL;
    size_t len = 0;
    if (!model)
        return place_image(k, "none", 4);
    int rc = cli_read_file(model, &bytes, &len, err);
    if (rc == DURA_OK)
        rc = len ? place_image(k, bytes, len) : dura_error_set(err, DURA_EINVAL, model, 0, "", "is empty");
    free(bytes);
    return rc;
}

static void print_text(const kit *k, const kit_result *r, const kit_about *a, const unsigned *n)
{
    char hex[65];
    printf("%s %s  %s\n", a->id, a->version, k->path);
    printf("plug-in  %s\n", cli_hex(hex, k->digest, 32));
    printf("model    %s  %zu bytes\n\n", cli_hex(hex, k->image_digest, 32), k->image_len);
    for (int i = 0; i < KIT_CHECKS; i++)
        printf("%s  %-10s  %s\n", verdicts[r[i].verdict], kit_checks[i].name, r[i].text);
    printf("\n%u kept, %u lost, %u broken\n", n[KIT_PASS], n[KIT_LOST], n[KIT_FAIL]);
}

static void print_json(const kit *k, const kit_result *r, const kit_about *a, const unsigned *n)
{
    char hex[65];
    printf("{\"report\":\"dura.backend-check/1\",\"dura\":\"%s\",\"id\":", dura_version());
    cli_print_json_text(stdout, a->id);
    printf(",\"version\":");
    cli_print_json_text(stdout, a->version);
    printf(",\"plugin\":\"%s\"", cli_hex(hex, k->digest, 32));
    printf(",\"model\":\"%s\",\"model_bytes\":%zu,\"features\":%u,\"offers\":%u,\"inputs\":%u,\"outputs\":%u,\"deadline_ns\":%lld,"
           "\"runs\":%llu,\"p50_ns\":%llu,\"worst_ns\":%llu,\"checks\":[",
           cli_hex(hex, k->image_digest, 32), k->image_len, a->features, a->offers, a->n_in, a->n_out, (long long)k->deadline_ns,
           (unsigned long long)k->runs, (unsigned long long)a->p50_ns, (unsigned long long)a->worst_ns);
    for (int i = 0; i < KIT_CHECKS; i++) {
        printf("%s{\"check\":\"%s\",\"rule\":\"%s\",\"verdict\":\"%s\",\"text\":", i ? "," : "", kit_checks[i].name,
               kit_checks[i].rule, small[r[i].verdict]);
        cli_print_json_text(stdout, r[i].text);
        printf("}");
    }
    printf("],\"kept\":%u,\"lost\":%u,\"broken\":%u}\n", n[KIT_PASS], n[KIT_LOST], n[KIT_FAIL]);
}

static int check(kit *k)
{
    kit_result results[KIT_CHECKS];
    kit_about about;
    unsigned n[4] = {0};
    dura_error err = {0, 0, "", "", ""};
    char hex[65];
    char *path = realpath(words[1], NULL);
    int rc = path ? dura_plugin_digest(path, k->digest, &err) : dura_error_set(&err, DURA_ENOENT, words[1], 0, "", "no such file");
    k->path = path;
    if (rc == DURA_OK && digest && strcmp(digest, cli_hex(hex, k->digest, 32)) != 0)
        rc = dura_error_set(&err, DURA_EAUTH, words[1], 0, "", "its SHA-256 is %s", hex);
    if (rc == DURA_OK)
        rc = load_model(k, &err);
    if (rc == DURA_OK && kit_run(k, results, &about) != 0)
        rc = dura_error_set(&err, DURA_ENOSPC, "", 0, "", "no process or memory for a check");
    if (rc != DURA_OK) {
        free(path);
        return cli_fail(&self, rc, &err);
    }
    for (int i = 0; i < KIT_CHECKS; i++)
        n[results[i].verdict]++;
    (json ? print_json : print_text)(k, results, &about, n);
    free(path);
    return cli_end(&self, n[KIT_FAIL] ? CLI_NO : CLI_OK);
}

int cmd_backend(int argc, char **argv)
{
    kit k;
    uint64_t us = 10000, many = 100000, s = 60;
    int rc = cli_parse(&self, argc, argv);
    if (rc >= 0)
        return rc;
    if (strcmp(words[0], "check") != 0)
        return cli_usage(&self, "%s: want check", words[0]);
    if ((deadline && cli_number(deadline, 60000000, &us) != 0) || (runs && cli_number(runs, 1000000000, &many) != 0) ||
        (seconds && cli_number(seconds, 86400, &s) != 0) || us == 0 || s == 0)
        return cli_usage(&self, "--deadline-us 1..60000000, --runs 0..1000000000, --seconds 1..86400");
    memset(&k, 0, sizeof k);
    k.config = config;
    k.deadline_ns = (int64_t)us * 1000;
    k.runs = many;
    k.seconds = (unsigned)s;
    return check(&k);
}
