/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `dura evidence RUN --register R -o DIR`: what the records of a run show, as a folder that an
 * auditor opens without this software. The same run and register give the same bytes.
 */
#include "dura_dossier.h"
#include "dura_evidence_verifier.h"
#include "dura_signer.h"

#include <dura/host/crypto.h>
#include <dura/host/evidence.h>

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { RELEASES = 16 };

static const char *words[1 + RELEASES], *register_path, *out, *drill, *documents, *state, *checkpoint, *key_path, *signer_command,
    *signer_pub, *date_text, *release_first, *public_text;
static int simulated;

static const cli_option options[] = {
    {"--register", NULL, "FILE", &register_path, NULL, "register.json; required"},
    {"--out", "-o", "DIR", &out, NULL, "made here; nothing is overwritten"},
    {"--drill", NULL, "FILE", &drill, NULL, "drill.json of `dura drill --register`: it goes into the pack"},
    {"--documents", NULL, "DIR", &documents, NULL, "where the assessments' files lie"},
    {"--state", NULL, "DIR", &state, NULL, "state folder that may know the device (default: your own)"},
    {"--checkpoint", NULL, "FILE", &checkpoint, NULL, "a checkpoint kept elsewhere, as for verify"},
    {"--pub", NULL, "FILE", &public_text, NULL, "epoch-0 public key known from elsewhere"},
    {"--date", NULL, "DAY", &date_text, NULL, "what has ended by then does not count (default: the last record's day)"},
    {"--key", NULL, "FILE", &key_path, NULL, "sign the manifest, too: manifest.dsse.json"},
    {"--signer", NULL, "CMD", &signer_command, NULL, "... with a command that has the key (needs --signer-pub)"},
    {"--signer-pub", NULL, "FILE", &signer_pub, NULL, "... and its public key"},
    {"--simulated", NULL, NULL, NULL, &simulated, "stamp it: no field evidence"},
    {"--release", NULL, "FILE...", &release_first, NULL, "evidence indexes of releases (rel.dura.evidence.json); name them last"},
    {NULL, NULL, NULL, NULL, NULL, NULL},
};
static const cli_command self = {
    "evidence", "RUN --register R -o DIR [--drill FILE] [--key KEY] [--release FILE...]",
    "A folder with a page (index.html), OSCAL assessment results, a bill of materials with the\n"
    "model, a trace from requirement to record, the logs, digests of everything, and verify.py, which\n"
    "checks it all with nothing but Python. Every claim names its records; nothing is supported\n"
    "by a control that is only declared or configured.\n",
    options, words, 1, 1 + RELEASES,
};

/* ---- files of the pack ------------------------------------------------------------------------- */

typedef struct packed {
    char name[160], sha[65];
} packed;

typedef struct pack {
    packed *file;
    uint32_t n, cap;
} pack;

static int oom(dura_error *err) { return dura_error_set(err, DURA_ENOSPC, NULL, 0, NULL, "out of memory"); }

static int add_file(pack *p, const char *name, const uint8_t digest[32], dura_error *err)
{
    if (p->n == p->cap) {
        uint32_t cap = p->cap ? 2 * p->cap : 64;
        packed *more = realloc(p->file, cap * sizeof *more);
        if (!more)
            return oom(err);
        p->file = more;
        p->cap = cap;
    }
    snprintf(p->file[p->n].name, sizeof p->file->name, "%s", name);
    cli_hex(p->file[p->n++].sha, digest, 32);
    return DURA_OK;
}

static int put_file(pack *p, const char *name, const void *bytes, size_t n, dura_error *err)
{
    uint8_t digest[32];
    char *path = cli_join(out, name);
    int rc = path ? cli_write_file(path, bytes, n, 0, err) : oom(err);
    free(path);
    dura_sha256_query(digest, bytes, n);
    return rc == DURA_OK ? add_file(p, name, digest, err) : rc;
}

static int make_folder(const char *name, dura_error *err)
{
    char *path = *name ? cli_join(out, name) : NULL;
    const char *made = *name ? path : out;
    int rc = made && mkdir(made, 0755) == 0 ? DURA_OK
             : dura_error_set(err, errno == EEXIST ? DURA_ESTATE : DURA_EIO, made, 0, NULL, "cannot be made: %s", strerror(errno));
    free(path);
    return rc;
}

static int copy_stream(FILE *from, FILE *to, uint8_t digest[32])
{
    static uint8_t buf[1 << 16];
    dura_sha256 s;
    size_t n;
    dura_sha256_init(&s);
    while ((n = fread(buf, 1, sizeof buf, from)) > 0) {
        dura_sha256_update(&s, buf, n);
        if (fwrite(buf, 1, n, to) != n)
            return DURA_EIO;
    }
    dura_sha256_final(&s, digest);
    return ferror(from) ? DURA_EIO : DURA_OK;
}

static int copy_file(pack *p, const char *from, const char *name, dura_error *err)
{
    uint8_t digest[32];
    char *path = cli_join(out, name);
    FILE *in = fopen(from, "rb"), *to = path ? fopen(path, "wbx") : NULL;
    int rc = in && to ? copy_stream(in, to, digest) : DURA_EIO;
    if (in)
        fclose(in);
    if (to && fclose(to) != 0)
        rc = DURA_EIO;
    free(path);
    return rc == DURA_OK ? add_file(p, name, digest, err) : dura_error_set(err, DURA_EIO, from, 0, NULL, "cannot be copied to %s", name);
}

static int by_name(const void *a, const void *b) { return strcmp(*(char *const *)a, *(char *const *)b); }

/* Every file of a folder, by name: the order of the file system must not show. */
static int copy_folder(pack *p, const char *from, const char *to, int deeper, dura_error *err)
{
    DIR *dir = opendir(from);
    char **name = NULL;
    size_t n = 0;
    int rc = dir ? make_folder(to, err) : dura_error_set(err, DURA_EIO, from, 0, NULL, "cannot be listed");
    for (struct dirent *e; rc == DURA_OK && (e = readdir(dir)) != NULL;) {
        char **more = e->d_name[0] == '.' ? name : realloc(name, (n + 1) * sizeof *name);
        if (e->d_name[0] == '.')
            continue;
        name = more ? more : name;
        if (!more || (name[n] = strdup(e->d_name)) == NULL)
            rc = oom(err);
        else
            n++;
    }
    if (dir)
        closedir(dir);
    if (n)
        qsort(name, n, sizeof *name, by_name);
    for (size_t i = 0; i < n; i++) {
        char *path = cli_join(from, name[i]), *target = cli_join(to, name[i]);
        struct stat st;
        if (rc == DURA_OK && path && target && lstat(path, &st) == 0 && S_ISREG(st.st_mode))
            rc = copy_file(p, path, target, err);
        else if (rc == DURA_OK && path && target && deeper && S_ISDIR(st.st_mode))
            rc = copy_folder(p, path, target, 0, err);
        free(path);
        free(target);
        free(name[i]);
    }
    free(name);
    return rc;
}

/* ---- what is written ------------------------------------------------------------------------------- */

static int put_text(pack *p, const char *name, void (*write)(const dossier *, text *), const dossier *d, dura_error *err)
{
    text t = {NULL, 0, 0, 0, 0};
    write(d, &t);
    int rc = t.failed ? oom(err) : put_file(p, name, t.p, t.n, err);
    free(t.p);
    return rc;
}

static int put_register(pack *p, const dossier *d, dura_error *err)
{
    char *canonical;
    size_t n;
    int rc = dura_register_canonical(d->doc, DURA_JSON_ROOT, &canonical, &n);
    if (rc != DURA_OK)
        return dura_error_set(err, rc, register_path, 0, NULL, "has no canonical form");
    rc = put_file(p, "register.json", canonical, n, err);
    dura_register_free(canonical);
    return rc;
}

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

/* An index and the files it lists, side by side. */
static int put_release(pack *p, dossier *d, const char *path, unsigned number, dura_error *err)
{
    dura_json *j;
    char folder[40];
    snprintf(folder, sizeof folder, "releases/%u", number);
    int rc = make_folder(folder, err);
    char *name = dossier_text(d, "%s/%s", folder, base_name(path)), *beside = dossier_text(d, "%s", path);
    if (rc == DURA_OK && (!name || !beside))
        rc = oom(err);
    if (rc == DURA_OK)
        rc = dossier_add_release(d, path, name, err);
    if (rc == DURA_OK)
        rc = copy_file(p, path, name, err);
    if (rc == DURA_OK)
        rc = dura_json_load(path, &j, err);
    if (rc != DURA_OK)
        return rc;
    beside[base_name(path) - path] = '\0';
    uint32_t items = dura_json_member(j, DURA_JSON_ROOT, "items");
    for (uint32_t v = dura_json_first(j, items); rc == DURA_OK && v != DURA_JSON_NONE; v = dura_json_next(j, v)) {
        const char *item = dossier_str(j, v, "name");
        char *from = dossier_text(d, "%s%s", beside, item), *to = dossier_text(d, "%s/%s", folder, item);
        rc = !*item || strchr(item, '/') ? dura_error_set(err, DURA_EINVAL, path, 0, "items", "has a name that is none")
             : from && to ? copy_file(p, from, to, err) : oom(err);
    }
    dura_json_deinit(j);
    d->n_release++;
    return rc;
}

static int put_releases(pack *p, dossier *d, dura_error *err)
{
    int rc = release_first ? make_folder("releases", err) : DURA_OK;
    unsigned n = 0;
    if (rc == DURA_OK && release_first)
        rc = put_release(p, d, release_first, ++n, err);
    for (uint32_t i = 1; rc == DURA_OK && i <= RELEASES && words[i]; i++)
        rc = put_release(p, d, words[i], ++n, err);
    return rc;
}

static int by_file(const void *a, const void *b) { return strcmp(((const packed *)a)->name, ((const packed *)b)->name); }

/* An in-toto Statement about every file: what signs it signs them all. */
static void write_manifest(const pack *p, const dossier *d, text *t)
{
    text_open(t, NULL, '{');
    text_str(t, "_type", "https://in-toto.io/Statement/v1");
    text_open(t, "subject", '[');
    for (uint32_t i = 0; i < p->n; i++) {
        text_open(t, NULL, '{');
        text_str(t, "name", p->file[i].name);
        text_open(t, "digest", '{');
        text_str(t, "sha256", p->file[i].sha);
        text_close(t, '}');
        text_close(t, '}');
    }
    text_close(t, ']');
    text_str(t, "predicateType", "urn:dura:evidence-pack:1");
    text_open(t, "predicate", '{');
    text_str(t, "evidence", d->simulated ? "SIMULATED" : "recorded");
    text_str(t, "register", d->register_sha);
    text_str(t, "logs", dura_verify_word(d->verify.word));
    text_close(t, '}');
    text_close(t, '}');
}

static int sign_manifest(const text *t, dura_error *err)
{
    signer_key key = {key_path, signer_command, signer_pub, {0}, {0}};
    char *signed_text;
    size_t n;
    if (!key_path && !signer_command)
        return DURA_OK;
    int rc = signer_open(&key, err);
    if (rc == DURA_OK)
        rc = dura_statement_sign(t->p, t->n, "manifest.json", signer_sign, &key, &signed_text, &n, err);
    signer_close(&key);
    if (rc != DURA_OK)
        return rc;
    char *path = cli_join(out, "manifest.dsse.json");
    rc = path ? cli_write_file(path, signed_text, n, 0, err) : oom(err);
    free(path);
    dura_pack_deinit(signed_text);
    return rc;
}

static int put_manifest(pack *p, const dossier *d, dura_error *err)
{
    text t = {NULL, 0, 0, 0, 0};
    qsort(p->file, p->n, sizeof *p->file, by_file);
    write_manifest(p, d, &t);
    char *path = cli_join(out, "manifest.json");
    int rc = t.failed || !path ? oom(err) : cli_write_file(path, t.p, t.n, 0, err);
    if (rc == DURA_OK)
        rc = sign_manifest(&t, err);
    free(path);
    free(t.p);
    return rc;
}

static int write_pack(dossier *d, dura_error *err)
{
    static const struct {
        const char *name;
        void (*write)(const dossier *, text *);
    } texts[] = {
        {"claims.json", dossier_write_claims}, {"assessment-results.json", dossier_write_results}, {"bom.json", dossier_write_bom},
        {"trace.csv", dossier_write_trace}, {"index.json", dossier_write_index}, {"index.html", dossier_write_page},
    };
    pack p = {NULL, 0, 0};
    int rc = make_folder("", err);
    if (rc == DURA_OK)
        rc = copy_folder(&p, words[0], "run", 1, err);
    if (rc == DURA_OK && drill)
        rc = copy_file(&p, drill, "drill.json", err);
    if (rc == DURA_OK)
        rc = put_releases(&p, d, err);
    if (rc == DURA_OK && dossier_claims(d) != DURA_OK)
        rc = oom(err);
    if (rc == DURA_OK)
        rc = put_register(&p, d, err);
    for (size_t i = 0; rc == DURA_OK && i < sizeof texts / sizeof *texts; i++)
        rc = put_text(&p, texts[i].name, texts[i].write, d, err);
    if (rc == DURA_OK)
        rc = put_file(&p, "verify.py", dura_evidence_verifier, dura_evidence_verifier_bytes, err);
    if (rc == DURA_OK)
        rc = put_manifest(&p, d, err);
    free(p.file);
    return rc;
}

/* ---- the command -------------------------------------------------------------------------------------- */

static void print_end(const dossier *d)
{
    uint32_t n = 0, yes = 0, outside = 0;
    for (uint32_t i = 0; i < d->n_claim; i++)
        if (strcmp(d->claim[i].kind, "requirement") == 0) {
            n++;
            yes += d->claim[i].holds > 0;
            outside += d->claim[i].holds < 0;
        }
    if (d->simulated)
        printf("SIMULATED: this is no field evidence\n");
    printf("logs          %s: %s\n", dura_verify_word(d->verify.word), d->verify.text);
    printf("requirements  %u: records support %u, not %u; outside software %u\n", (unsigned)n, (unsigned)yes,
           (unsigned)(n - yes - outside), (unsigned)outside);
    for (uint32_t i = 0; i < d->n_control; i++)
        printf("  E%u  %-12s %-18s %s\n", (unsigned)d->control[i].strength, d->control[i].id, d->control[i].hook, d->control[i].why);
    printf("blind spots   %u open, %u waived; boundary %u of %u cells\n", (unsigned)d->found.open, (unsigned)d->found.waived,
           (unsigned)d->found.covered, (unsigned)d->found.cells);
    printf("open          %s/index.html; check it with: python3 %s/verify.py\n", out, out);
}

static int today(uint32_t *day, dura_error *err)
{
    int64_t s = 0;
    char iso[40];
    unsigned y, m, dd;
    int rc = cli_date(date_text, "--date", &s, err);
    if (rc == DURA_OK && s && sscanf(text_time(iso, s * 1000000000), "%4u-%2u-%2u", &y, &m, &dd) == 3)
        *day = y * 10000 + m * 100 + dd;
    return rc;
}

int cmd_evidence(int argc, char **argv)
{
    dura_error err = {0};
    dossier d;
    dossier_options o;
    char own_state[DURA_KEYS_PATH_MAX];
    uint8_t key[32];
    int rc = cli_parse(&self, argc, argv);
    if (rc >= 0)
        return rc;
    if (!register_path || !out)
        return cli_usage(&self, "%s is missing", register_path ? "-o" : "--register");
    if (words[1] && !release_first)
        return cli_usage(&self, "%s: one argument too many", words[1]);
    memset(&d, 0, sizeof d);
    memset(&o, 0, sizeof o);
    o.run = words[0];
    o.register_path = register_path;
    o.drill = drill;
    o.documents = documents;
    o.state = state ? state : dura_keys_state_dir(own_state, sizeof own_state) == DURA_OK ? own_state : NULL;
    o.checkpoint = checkpoint;
    o.simulated = simulated;
    if (public_text)
        rc = dura_keyfile_public(public_text, key, &err);
    else
        rc = DURA_OK;
    o.key = public_text ? key : NULL;
    if (rc == DURA_OK)
        rc = today(&o.today, &err);
    if (rc == DURA_OK)
        rc = dossier_read(&d, &o, &err);
    if (rc == DURA_OK)
        rc = write_pack(&d, &err);
    if (rc == DURA_OK)
        print_end(&d);
    int no = rc == DURA_OK && !d.believed;
    dossier_free(&d);
    return rc != DURA_OK ? cli_fail(&self, rc, &err) : cli_end(&self, no ? CLI_NO : CLI_OK);
}
