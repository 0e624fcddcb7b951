/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Evidence: each file is read, told by its shape, judged by the row of its kind, and listed by
 * digest. The index is canonical, so checking it is making it again from the files it lists
 * and comparing bytes: nothing in it can be true that the files do not say.
 */
#include <dura/host/pack.h>
#include <dura/host/release.h>

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>

#include "../gate/dura_gate_priv.h"
#include "dura_host_evidence_priv.h"
#include "dura_host_files_priv.h"

#define BIT(x) ((uint64_t)DURA_PRACTICE_##x)
#define REPORT_V1 ((uint32_t)sizeof(dura_evidence_report))

enum { COMMITS_MAX = 32, COMMIT_ROOM = 65, NAME_ROOM = 256, PATH_ROOM = 4096 };

/* What must be true of a document of this kind. */
enum { ANY, TEST, REVIEW, SUMMARY, RISK, PROVENANCE, MLFLOW, TRAINING, DRILL };

/* usual: what it stands for when nothing else is said; may: what may be said. Reasons:
 * docs/formats/evidence.md. A kind without a predicate is told by its own members. */
typedef struct kind {
    const char *name, *predicate;
    uint64_t usual_brain, usual_other, may;
    int must;
} kind;

#define TESTS (BIT(SVV_1) | BIT(SVV_2) | BIT(SVV_3) | BIT(SVV_4) | BIT(SVV_5) | BIT(SI_2) | BIT(SUM_1) | BIT(A_6_2_4) | BIT(A_7_4) | BIT(A_9_4))
#define REVIEWS (BIT(SI_1) | BIT(SD_3) | BIT(SR_2) | BIT(SR_5) | BIT(SVV_5) | BIT(SUM_2) | BIT(A_5_2) | BIT(A_6_2_2) | BIT(A_6_2_3) | BIT(A_6_2_5) | BIT(A_6_2_6))
#define BOMS (BIT(SM_9) | BIT(SUM_3) | BIT(A_6_2_3) | BIT(A_7_3) | BIT(A_7_5))
#define SCANS (BIT(SVV_3) | BIT(SM_9) | BIT(SM_11) | BIT(DM_4))

enum { K_CYCLONEDX, K_SPDX, K_MLFLOW, K_TRAINING, K_DRILL, K_OTHER, K_STATEMENTS };

static const kind kinds[] = {
    {"bom", NULL, BIT(SUM_3), BIT(SUM_3), BOMS, ANY},
    {"bom", NULL, BIT(SUM_3), BIT(SUM_3), BOMS, ANY},
    {"mlflow", NULL, BIT(A_6_2_3), 0, BIT(A_6_2_3) | BIT(A_6_2_4) | BIT(A_7_2) | BIT(A_7_5), MLFLOW},
    {"training", NULL, BIT(A_7_3) | BIT(A_7_5) | BIT(A_7_6), 0, BIT(A_7_2) | BIT(A_7_3) | BIT(A_7_4) | BIT(A_7_5) | BIT(A_7_6), TRAINING},
    {"drill", NULL, BIT(A_6_2_4), BIT(SVV_1), TESTS, DRILL},
    {"statement", NULL, 0, 0, 0, ANY},
    {"test", "https://in-toto.io/attestation/test-result/v0.1", BIT(A_6_2_4), BIT(SVV_1), TESTS, TEST},
    {"review", "https://in-toto.io/attestation/human-review/vcs/v0.1", BIT(SI_1), BIT(SI_1), REVIEWS, ANY},
    {"review", "http://in-toto.io/attestation/human-review/vcs/v0.1", BIT(SI_1), BIT(SI_1), REVIEWS, ANY},
    {"review", "urn:dura:review:1", BIT(SI_1), BIT(SI_1), REVIEWS, REVIEW},
    {"risk", "urn:dura:risk:1", BIT(A_5_2), BIT(SR_2), BIT(SR_2) | BIT(SR_5) | BIT(A_5_2) | BIT(A_9_4), RISK},
    {"provenance", DURAI_SLSA_V1, BIT(A_6_2_3), 0, BIT(SUM_3) | BIT(A_6_2_3) | BIT(A_7_5), PROVENANCE},
    {"summary", "https://slsa.dev/verification_summary/v1", BIT(SUM_1), BIT(SUM_1), BIT(SUM_1) | BIT(SM_9) | BIT(SI_2) | BIT(A_6_2_5), SUMMARY},
    {"scan", "https://in-toto.io/attestation/vulns/v0.1", BIT(SVV_3), BIT(SVV_3), SCANS, ANY},
    {"scan", "https://in-toto.io/attestation/vulns/v0.2", BIT(SVV_3), BIT(SVV_3), SCANS, ANY},
    {"bom", "https://cyclonedx.org/bom", BIT(SUM_3), BIT(SUM_3), BOMS, ANY},
    {"bom", "https://spdx.dev/Document", BIT(SUM_3), BIT(SUM_3), BOMS, ANY},
    {"bom", "https://spdx.dev/Document/v2.3", BIT(SUM_3), BIT(SUM_3), BOMS, ANY},
};

typedef struct item {
    char path[PATH_ROOM], name[NAME_ROOM], predicate[NAME_ROOM];
    const kind *kind;
    uint8_t sha256[DURA_HASH_BYTES];
    size_t bytes;
    int claims;                  /* practices were said, not left to the kind */
    uint64_t practices;
    dura_json *doc;              /* the Statement, or the document itself */
    uint8_t *raw;
    durai_dsse dsse;
    char (*ids)[17];             /* of the keys that signed it */
    uint32_t n_ids;
    uint8_t data[DURA_HASH_BYTES]; /* training: of the rows */
} item;

typedef struct work {
    dura_evidence_options o;
    const char *subject_name;
    item *item;
    uint32_t n;
    uint8_t subject[DURA_HASH_BYTES], model[DURA_HASH_BYTES], golden[DURA_HASH_BYTES];
    int is_brain;
    uint32_t vectors;
    char commit[COMMITS_MAX][COMMIT_ROOM];   /* what an attested provenance was built from */
    uint32_t n_commits;
    uint64_t practices;
} work;

static int oom(dura_error *err) { return dura_error_set(err, DURA_ENOSPC, NULL, 0, NULL, "out of memory"); }

static int no(const item *i, const char *field, dura_error *err, const char *text, const char *what)
{
    return dura_error_set(err, DURA_EDENIED, i->path, 0, field, text, what);
}

/* A text of an object; NULL: absent, or no text. */
static const char *text_of(const dura_json *doc, uint32_t object, const char *name)
{
    const char *s;
    uint32_t v = dura_json_member(doc, object, name);
    return v != DURA_JSON_NONE && dura_json_get_text(doc, v, 0, SIZE_MAX, &s, NULL) == DURA_OK ? s : NULL;
}

static int is(const char *text, const char *want) { return text && strcmp(text, want) == 0; }

/* ---- the subject ---------------------------------------------------------------------------- */

static int open_subject(work *w, dura_error *err)
{
    const void *p;
    durai_golden g;
    size_t n;
    dura_sha256_query(w->subject, w->o.subject, w->o.subject_len);
    w->is_brain = w->o.component == DURA_COMPONENT_BRAIN;
    if (!w->is_brain)
        return DURA_OK;
    if (dura_brain_check(w->o.subject, w->o.subject_len) != DURA_OK ||
        dura_brain_section(w->o.subject, w->o.subject_len, DURA_BRAIN_MODEL, &p, &n) != DURA_OK)
        return dura_error_set(err, DURA_ECORRUPT, NULL, 0, "subject", "is no brain image");
    dura_sha256_query(w->model, p, n);
    if (dura_brain_section(w->o.subject, w->o.subject_len, DURA_BRAIN_GOLDEN, &p, &n) == DURA_OK &&
        durai_golden_open(&g, w->o.subject, w->o.subject_len) == DURA_OK) {
        dura_sha256_query(w->golden, p, n);
        w->vectors = g.n;
    }
    return DURA_OK;
}

static int is_ours(const work *w, const uint8_t digest[DURA_HASH_BYTES])
{
    return memcmp(digest, w->subject, DURA_HASH_BYTES) == 0 || (w->is_brain && memcmp(digest, w->model, DURA_HASH_BYTES) == 0);
}

static int is_commit(const work *w, const char *hex)
{
    for (uint32_t i = 0; hex && i < w->n_commits; i++)
        if (strcmp(w->commit[i], hex) == 0)
            return 1;
    return 0;
}

/* One subject at least is the release's, or source that a provenance here says it was built of. */
static int about_us(const work *w, const item *i, dura_error *err)
{
    uint32_t list = dura_json_member(i->doc, DURA_JSON_ROOT, "subject");
    int rc = dura_json_want(i->doc, list, DURA_JSON_ARRAY, 1, UINT32_MAX, err);
    if (rc != DURA_OK)
        return rc;
    for (uint32_t s = dura_json_first(i->doc, list); s != DURA_JSON_NONE; s = dura_json_next(i->doc, s)) {
        uint8_t digest[DURA_HASH_BYTES];
        uint32_t d = dura_json_member(i->doc, s, "digest"), v = dura_json_member(i->doc, d, "sha256");
        if (v != DURA_JSON_NONE && dura_json_get_hex(i->doc, v, digest, sizeof digest, NULL) == DURA_OK && is_ours(w, digest))
            return DURA_OK;
        if (i->kind->must != PROVENANCE && is_commit(w, text_of(i->doc, d, "gitCommit")))
            return DURA_OK;
    }
    return no(i, "subject", err, "is about something else: no subject has the SHA-256 of %s",
              w->is_brain ? "the brain or of its model" : "what is released");
}

/* ---- reading -------------------------------------------------------------------------------- */

static const kind *kind_of_predicate(const char *uri)
{
    for (size_t k = K_STATEMENTS; k < sizeof kinds / sizeof *kinds; k++)
        if (is(uri, kinds[k].predicate))
            return &kinds[k];
    return &kinds[K_OTHER];
}

static int has(const dura_json *doc, uint32_t object, const char *name)
{
    return dura_json_member(doc, object, name) != DURA_JSON_NONE;
}

/* A document that is no Statement, told by the members only its kind has. */
static const kind *kind_of_document(const dura_json *doc)
{
    uint32_t run = dura_json_member(doc, DURA_JSON_ROOT, "run");
    if (is(text_of(doc, DURA_JSON_ROOT, "bomFormat"), "CycloneDX"))
        return &kinds[K_CYCLONEDX];
    if (has(doc, DURA_JSON_ROOT, "spdxVersion"))
        return &kinds[K_SPDX];
    if (has(doc, DURA_JSON_ROOT, "dura_training"))
        return &kinds[K_TRAINING];
    if (has(doc, DURA_JSON_ROOT, "dura_drill"))
        return &kinds[K_DRILL];
    if ((has(doc, DURA_JSON_ROOT, "info") && has(doc, DURA_JSON_ROOT, "data")) || (has(doc, run, "info") && has(doc, run, "data")))
        return &kinds[K_MLFLOW];
    return NULL;
}

/* With keys every Statement must be signed by one of them; without, a signature would be
 * believed unread. */
static int open_envelope(const work *w, item *i, dura_error *err)
{
    int rc = durai_dsse_open(&i->dsse, i->doc, err);
    if (rc != DURA_OK)
        return rc;
    dura_json_deinit(i->doc);
    i->doc = NULL;
    i->ids = calloc(w->o.n_keys + 1u, sizeof *i->ids);
    if (!i->ids)
        return oom(err);
    i->n_ids = durai_dsse_count(&i->dsse, w->o.keys, w->o.n_keys, i->ids);
    if (!i->n_ids)
        return dura_error_set(err, DURA_EAUTH, i->path, 0, "signatures",
                              w->o.n_keys ? "none is right under a key that was given" : "there is no key given to verify it with");
    return durai_evidence_parse((const char *)i->dsse.payload, i->dsse.n, i->path, &i->doc, err);
}

static int open_statement(const work *w, item *i, dura_error *err)
{
    const char *predicate;
    if (w->o.n_keys && !i->n_ids)
        return dura_error_set(err, DURA_EAUTH, i->path, 0, NULL, "is not signed, and statements must be when keys are given");
    uint32_t member = dura_json_member(i->doc, DURA_JSON_ROOT, "predicateType");
    if (member == DURA_JSON_NONE)
        return no(i, "predicateType", err, "is missing%s", "");
    int rc = dura_json_get_text(i->doc, member, 1, NAME_ROOM - 1, &predicate, err);
    if (rc != DURA_OK)
        return rc;
    memcpy(i->predicate, predicate, strlen(predicate) + 1);
    i->kind = kind_of_predicate(predicate);
    return DURA_OK;
}

static int classify(const work *w, item *i, dura_error *err)
{
    int rc = DURA_OK;
    if (has(i->doc, DURA_JSON_ROOT, "payloadType"))
        rc = open_envelope(w, i, err);
    if (rc != DURA_OK)
        return rc;
    if (is(text_of(i->doc, DURA_JSON_ROOT, "_type"), DURAI_STATEMENT_V1))
        return open_statement(w, i, err);
    i->kind = i->n_ids ? NULL : kind_of_document(i->doc);
    return i->kind ? DURA_OK
                   : no(i, NULL, err, "is of no kind that is known: want an in-toto Statement v1, CycloneDX, SPDX, an MLflow run or "
                                      "what `dura export --training` writes%s", "");
}

/* "FILE=SVV-1,SVV-3" */
static int take_claims(item *i, const char *list, dura_error *err)
{
    char one[16];
    i->claims = 1;
    while (*list) {
        size_t n = strcspn(list, ",");
        memset(one, 0, sizeof one);
        memcpy(one, list, n < sizeof one ? n : sizeof one - 1);
        uint64_t bit = dura_practice_bit(one);
        if (!bit)
            return dura_error_set(err, DURA_EINVAL, i->path, 0, one, "is no practice (docs/formats/release.md names them)");
        i->practices |= bit;
        list += n + (list[n] == ',');
    }
    return DURA_OK;
}

static int take_path(item *i, const char *folder, const char *given, dura_error *err)
{
    const char *end = strrchr(given, '='), *base;
    if (end && strchr(end, '/'))
        end = NULL;              /* a folder's */
    size_t n = end ? (size_t)(end - given) : strlen(given), at = 0;
    if (folder)
        at = durai_host_join(i->path, sizeof i->path, folder, "");
    if (n == 0 || at + n >= sizeof i->path)
        return dura_error_set(err, DURA_EINVAL, NULL, 0, given, "want FILE or FILE=PRACTICE,...");
    memcpy(i->path + at, given, n);
    i->path[at + n] = 0;
    base = strrchr(i->path, '/') ? strrchr(i->path, '/') + 1 : i->path;
    for (const char *p = base; *p; p++)
        if (*p < 0x20 || *p > 0x7E || *p == '=')
            return dura_error_set(err, DURA_EINVAL, i->path, 0, NULL, "want a name in printable ASCII without \"=\"");
    if (!*base || strlen(base) >= sizeof i->name)
        return dura_error_set(err, DURA_EINVAL, i->path, 0, NULL, "want the name of a file, at most 255 bytes");
    memcpy(i->name, base, strlen(base) + 1);
    return end ? take_claims(i, end + 1, err) : DURA_OK;
}

static int read_item(const work *w, item *i, dura_error *err)
{
    int rc = durai_host_read(i->path, &i->raw, &i->bytes, err);
    if (rc != DURA_OK)
        return rc;
    dura_sha256_query(i->sha256, i->raw, i->bytes);
    rc = durai_evidence_parse((const char *)i->raw, i->bytes, i->path, &i->doc, err);
    return rc == DURA_OK ? classify(w, i, err) : rc;
}

/* ---- judging ---------------------------------------------------------------------------------- */

static int says(const item *i, uint32_t object, const char *field, const char *want, dura_error *err)
{
    const char *said = text_of(i->doc, object, field);
    if (is(said, want))
        return DURA_OK;
    return dura_error_set(err, DURA_EDENIED, i->path, 0, field, "is %.40s: a release needs %s", said ? said : "missing", want);
}

static int judge_test(const item *i, uint32_t predicate, dura_error *err)
{
    uint32_t failed = dura_json_member(i->doc, predicate, "failedTests");
    const char *first = "";
    int rc = says(i, predicate, "result", "PASSED", err);
    if (rc != DURA_OK || dura_json_count(i->doc, failed) == 0)
        return rc;
    (void)!dura_json_get_text(i->doc, dura_json_first(i->doc, failed), 0, SIZE_MAX, &first, NULL);
    return dura_error_set(err, DURA_EDENIED, i->path, 0, "failedTests", "names %u, of them %.80s", (unsigned)dura_json_count(i->doc, failed), first);
}

static int judge_risk(const item *i, uint32_t predicate, dura_error *err)
{
    const char *by = text_of(i->doc, predicate, "acceptedBy"), *left = text_of(i->doc, predicate, "residual");
    if (!by || !*by)
        return no(i, "acceptedBy", err, "is missing: a risk that nobody accepted stops a release%s", "");
    return left && *left ? DURA_OK : no(i, "residual", err, "is missing: the level of risk that remains%s", "");
}

/* The digest among a run's tags: {"key", "value"} pairs, or members of an object. */
static const char *mlflow_tag(const dura_json *doc, uint32_t tags, const char *name)
{
    for (uint32_t t = dura_json_first(doc, tags); t != DURA_JSON_NONE; t = dura_json_next(doc, t))
        if (is(text_of(doc, t, "key"), name))
            return text_of(doc, t, "value");
    return text_of(doc, tags, name);
}

static int judge_mlflow(const work *w, const item *i, dura_error *err)
{
    uint8_t digest[DURA_HASH_BYTES];
    size_t n = 0;
    const char *end;
    uint32_t run = dura_json_member(i->doc, DURA_JSON_ROOT, "run");
    run = run == DURA_JSON_NONE ? DURA_JSON_ROOT : run;
    int rc = says(i, dura_json_member(i->doc, run, "info"), "status", "FINISHED", err);
    uint32_t data = dura_json_member(i->doc, run, "data");
    const char *tag = mlflow_tag(i->doc, dura_json_member(i->doc, data, "tags"), "dura.sha256");
    if (rc != DURA_OK || !tag)
        return rc;
    if (sodium_hex2bin(digest, sizeof digest, tag, strlen(tag), NULL, &n, &end) != 0 || n != sizeof digest || *end || !is_ours(w, digest))
        return no(i, "dura.sha256", err, "is another model's than %s", "the one that is released");
    return DURA_OK;
}

/* The rows, where they are at hand: a manifest beside other rows vouches for nothing. */
static int judge_rows(const item *i, dura_error *err)
{
    char path[PATH_ROOM];
    uint8_t digest[DURA_HASH_BYTES];
    uint64_t bytes;
    const char *csv = text_of(i->doc, DURA_JSON_ROOT, "csv"), *base = strrchr(i->path, '/');
    int n = base ? (int)(base - i->path) + 1 : 0;
    if (!csv || !*csv || strchr(csv, '/'))
        return no(i, "csv", err, "is not the name of a file%s", "");
    if (snprintf(path, sizeof path, "%.*s%s", n, i->path, csv) >= (int)sizeof path)
        return DURA_ELIMIT;
    int rc = durai_evidence_digest(path, digest, &bytes, err);
    if (rc == DURA_ENOENT)
        return DURA_OK;
    if (rc == DURA_OK && memcmp(digest, i->data, sizeof digest) != 0)
        return no(i, "sha256", err, "%.200s has other rows than those", csv);
    return rc;
}

/* A drill of this model or this policy, of every entry, and every control that something was made
 * for noticed some of it. What was missed here and there is for people to weigh. */
static int judge_drill(const work *w, const item *i, dura_error *err)
{
    const dura_json *d = i->doc;
    uint8_t model[DURA_HASH_BYTES], policy[DURA_HASH_BYTES];
    int64_t n;
    int rc = dura_json_get_int(d, dura_json_member(d, DURA_JSON_ROOT, "dura_drill"), 1, 1, &n, err);
    if (rc == DURA_OK)
        rc = dura_json_get_hex(d, dura_json_member(d, DURA_JSON_ROOT, "model"), model, sizeof model, err);
    if (rc == DURA_OK)
        rc = dura_json_get_hex(d, dura_json_member(d, DURA_JSON_ROOT, "policy"), policy, sizeof policy, err);
    if (rc == DURA_OK && !is_ours(w, model) && !is_ours(w, policy))
        return no(i, "model", err, "is another model's or policy's than %s", "what is released");
    uint32_t entries = dura_json_member(d, DURA_JSON_ROOT, "entries"), controls = dura_json_member(d, DURA_JSON_ROOT, "controls");
    if (rc == DURA_OK)
        rc = dura_json_want(d, entries, DURA_JSON_ARRAY, 1, UINT16_MAX, err);
    if (rc == DURA_OK)
        rc = dura_json_want(d, controls, DURA_JSON_ARRAY, 0, UINT16_MAX, err);
    for (uint32_t v = dura_json_first(d, entries); v != DURA_JSON_NONE && rc == DURA_OK; v = dura_json_next(d, v))
        if (!text_of(d, v, "result") || is(text_of(d, v, "result"), "not_drilled"))
            return no(i, "entries", err, "%.48s was never drilled", text_of(d, v, "entry") ? text_of(d, v, "entry") : "an entry");
    for (uint32_t v = dura_json_first(d, controls); v != DURA_JSON_NONE && rc == DURA_OK; v = dura_json_next(d, v))
        if (!text_of(d, v, "result") || is(text_of(d, v, "result"), "missed"))
            return no(i, "controls", err, "%.48s noticed nothing of what was made for it",
                      text_of(d, v, "control") ? text_of(d, v, "control") : "a control");
    return rc;
}

static int judge_training(item *i, dura_error *err)
{
    static const char *const words[] = {"INTACT", "CUT", "UNANCHORED", NULL};
    int64_t version;
    uint64_t suspect;
    uint32_t which, run = dura_json_member(i->doc, DURA_JSON_ROOT, "run");
    int rc = dura_json_get_int(i->doc, dura_json_member(i->doc, DURA_JSON_ROOT, "dura_training"), 1, 1, &version, err);
    if (rc == DURA_OK)
        rc = dura_json_get_u64(i->doc, dura_json_member(i->doc, DURA_JSON_ROOT, "suspect"), &suspect, err);
    if (rc == DURA_OK)
        rc = dura_json_get_hex(i->doc, dura_json_member(i->doc, DURA_JSON_ROOT, "sha256"), i->data, sizeof i->data, err);
    if (rc == DURA_OK && suspect)
        return dura_error_set(err, DURA_EDENIED, i->path, 0, "suspect", "%llu rows lie under a fault, an attack or an unknown incident: "
                              "nothing that learned from them is released", (unsigned long long)suspect);
    if (rc == DURA_OK && dura_json_get_word(i->doc, dura_json_member(i->doc, run, "verify"), words, &which, err) != DURA_OK)
        return no(i, "verify", err, "is not %s: the run cannot be believed", "INTACT, CUT or UNANCHORED");
    return rc == DURA_OK ? judge_rows(i, err) : rc;
}

static int judge(work *w, item *i, dura_error *err)
{
    uint32_t predicate = dura_json_member(i->doc, DURA_JSON_ROOT, "predicate");
    int rc = i->predicate[0] ? about_us(w, i, err) : DURA_OK;
    if (rc != DURA_OK)
        return rc;
    switch (i->kind->must) {
    case TEST: return judge_test(i, predicate, err);
    case REVIEW: return says(i, predicate, "result", "APPROVED", err);
    case SUMMARY: return says(i, predicate, "verificationResult", "PASSED", err);
    case RISK: return judge_risk(i, predicate, err);
    case MLFLOW: return judge_mlflow(w, i, err);
    case TRAINING: return judge_training(i, err);
    case DRILL: return judge_drill(w, i, err);
    default: return DURA_OK;
    }
}

/* What a provenance of ours was built from: reviews and tests may be about that. */
static void note_commits(work *w, const item *i)
{
    uint32_t predicate = dura_json_member(i->doc, DURA_JSON_ROOT, "predicate");
    uint32_t build = dura_json_member(i->doc, predicate, "buildDefinition");
    uint32_t list = dura_json_member(i->doc, build, "resolvedDependencies");
    for (uint32_t d = dura_json_first(i->doc, list); d != DURA_JSON_NONE; d = dura_json_next(i->doc, d)) {
        const char *hex = text_of(i->doc, dura_json_member(i->doc, d, "digest"), "gitCommit");
        if (hex && *hex && strlen(hex) < COMMIT_ROOM && w->n_commits < COMMITS_MAX)
            memcpy(w->commit[w->n_commits++], hex, strlen(hex) + 1);
    }
}

static int settle_practices(work *w, item *i, dura_error *err)
{
    uint64_t usual = w->is_brain ? i->kind->usual_brain : i->kind->usual_other, over = i->practices & ~i->kind->may;
    if (!i->claims)
        i->practices = usual;
    if (over)
        return dura_error_set(err, DURA_EDENIED, i->path, 0, dura_practice_name(over), "a document of the kind %s cannot stand for it",
                              i->kind->name);
    w->practices |= i->practices;
    return DURA_OK;
}

/* ---- the index -------------------------------------------------------------------------------- */

static void out_practices(durai_out *o, uint64_t bits)
{
    durai_out_open(o, "practices", '[');
    for (; bits; bits &= bits - 1)
        durai_out_text(o, NULL, dura_practice_name(bits));
    durai_out_close(o, ']');
}

/* Members in the order of their names (RFC 8785). */
static void out_item(durai_out *o, const item *i)
{
    durai_out_open(o, NULL, '{');
    durai_out_uint(o, "bytes", i->bytes);
    if (i->kind->must == TRAINING)
        durai_out_hex(o, "data", i->data, sizeof i->data);
    durai_out_text(o, "kind", i->kind->name);
    durai_out_text(o, "name", i->name);
    out_practices(o, i->practices);
    if (i->predicate[0])
        durai_out_text(o, "predicate", i->predicate);
    durai_out_hex(o, "sha256", i->sha256, sizeof i->sha256);
    durai_out_open(o, "signed_by", '[');
    for (uint32_t k = 0; k < i->n_ids; k++)
        durai_out_text(o, NULL, i->ids[k]);
    durai_out_close(o, ']');
    durai_out_close(o, '}');
}

static void write_index(const work *w, durai_out *o)
{
    durai_out_open(o, NULL, '{');
    durai_out_text(o, "component", dura_component_name(w->o.component));
    durai_out_uint(o, "dura_evidence", 1);
    if (w->is_brain) {
        durai_out_open(o, "golden", '{');
        durai_out_hex(o, "sha256", w->golden, sizeof w->golden);
        durai_out_uint(o, "vectors", w->vectors);
        durai_out_close(o, '}');
    }
    durai_out_open(o, "items", '[');
    for (uint32_t k = 0; k < w->n; k++)
        out_item(o, &w->item[k]);
    durai_out_close(o, ']');
    if (w->is_brain)
        durai_out_hex(o, "model", w->model, sizeof w->model);
    out_practices(o, w->practices);
    durai_out_hex(o, "subject", w->subject, sizeof w->subject);
    durai_out_close(o, '}');
}

static int by_text(const void *a, const void *b) { return strcmp(a, b); }

static int by_name(const void *a, const void *b) { return strcmp(((const item *)a)->name, ((const item *)b)->name); }

static int sort_items(work *w, dura_error *err)
{
    qsort(w->item, w->n, sizeof *w->item, by_name);
    for (uint32_t k = 0; k < w->n; k++) {
        if (w->item[k].n_ids)
            qsort(w->item[k].ids, w->item[k].n_ids, sizeof *w->item[k].ids, by_text);
        if (k && strcmp(w->item[k].name, w->item[k - 1].name) == 0)
            return dura_error_set(err, DURA_EINVAL, w->item[k].path, 0, NULL, "two files are called that");
    }
    return DURA_OK;
}

/* Every gap in one message: nobody wants to be told of them one by one. */
static int no_gaps(const work *w, dura_error *err)
{
    char names[256] = "";
    size_t at = 0;
    uint64_t gaps = w->o.require & ~w->practices;
    for (uint64_t left = gaps; left && at + 16 < sizeof names; left &= left - 1) {
        const char *name = dura_practice_name(left);
        at += (size_t)snprintf(names + at, sizeof names - at, "%s%s", at ? ", " : "", name ? name : "one this build cannot name");
    }
    return gaps ? dura_error_set(err, DURA_EDENIED, NULL, 0, "practices", "%s: required, and nothing attests it", names) : DURA_OK;
}

static int judge_all(work *w, dura_error *err)
{
    int rc = DURA_OK;
    for (uint32_t k = 0; rc == DURA_OK && k < w->n; k++) {
        item *i = &w->item[k];
        if (i->kind->must != PROVENANCE)
            continue;
        rc = about_us(w, i, err);
        note_commits(w, i);
    }
    for (uint32_t k = 0; rc == DURA_OK && k < w->n; k++) {
        rc = judge(w, &w->item[k], err);
        if (rc == DURA_OK)
            rc = settle_practices(w, &w->item[k], err);
    }
    return rc == DURA_OK ? no_gaps(w, err) : rc;
}

static void clean(work *w)
{
    for (uint32_t k = 0; w->item && k < w->n; k++) {
        dura_json_deinit(w->item[k].doc);
        durai_dsse_free(&w->item[k].dsse);
        free(w->item[k].raw);
        free(w->item[k].ids);
    }
    free(w->item);
}

static int begin(work *w, const dura_evidence_options *o, uint32_t n, dura_error *err)
{
    memset(w, 0, sizeof *w);
    if (!o || o->struct_size < sizeof *o || !o->subject || !o->subject_len || o->component < 1 || o->component >= DURA_COMPONENTS ||
        (o->n_keys && !o->keys))
        return dura_error_set(err, DURA_EINVAL, NULL, 0, NULL, "want a component and its subject");
    if (n < 1 || n > DURA_EVIDENCE_FILES_MAX)
        return dura_error_set(err, DURA_ELIMIT, NULL, 0, NULL, "want 1 to %u files", DURA_EVIDENCE_FILES_MAX);
    w->o = *o;
    w->item = calloc(n, sizeof *w->item);
    w->n = n;
    return w->item ? open_subject(w, err) : oom(err);
}

/* Everything read: judged, and the index written. */
static int conclude(work *w, char **text, size_t *len, dura_evidence_report *report, dura_error *err)
{
    dura_evidence_report r = DURA_EVIDENCE_REPORT_INIT;
    durai_out o;
    int rc = sort_items(w, err);
    if (rc == DURA_OK)
        rc = judge_all(w, err);
    if (rc != DURA_OK)
        return rc;
    memset(&o, 0, sizeof o);
    write_index(w, &o);
    if (o.failed) {
        free(o.p);
        return oom(err);
    }
    *text = o.p;
    *len = o.len;
    r.n_files = w->n;
    r.practices = w->practices;
    dura_sha256_query(r.digest, o.p, o.len);
    return report ? durai_struct_out(report, &r, (uint32_t)sizeof r, REPORT_V1) : DURA_OK;
}

int dura_evidence_make(const dura_evidence_options *o, char **text, size_t *len, dura_evidence_report *report, dura_error *err)
{
    work w;
    if (!o || !text || !len || !o->files)
        return dura_error_set(err, DURA_EINVAL, NULL, 0, NULL, "there are no files");
    *text = NULL;
    int rc = begin(&w, o, o->n_files, err);
    for (uint32_t k = 0; rc == DURA_OK && k < w.n; k++) {
        rc = take_path(&w.item[k], NULL, o->files[k], err);
        if (rc == DURA_OK)
            rc = read_item(&w, &w.item[k], err);
    }
    if (rc == DURA_OK)
        rc = conclude(&w, text, len, report, err);
    clean(&w);
    return rc;
}

/* ---- again ---------------------------------------------------------------------------------------- */

/* A listed file: what the index says of it, and the file itself. */
static int read_listed(const work *w, item *i, const dura_json *doc, uint32_t entry, dura_error *err)
{
    uint8_t digest[DURA_HASH_BYTES];
    const char *name, *practice;
    int rc = dura_json_get_text(doc, dura_json_member(doc, entry, "name"), 1, NAME_ROOM - 1, &name, err);
    if (rc == DURA_OK && (strchr(name, '/') || strchr(name, '=')))
        return dura_json_fail(doc, entry, err, DURA_EINVAL, "want the name of a file, without a folder");
    if (rc == DURA_OK)
        rc = dura_json_get_hex(doc, dura_json_member(doc, entry, "sha256"), digest, sizeof digest, err);
    if (rc == DURA_OK)
        rc = take_path(i, w->o.folder ? w->o.folder : ".", name, err);
    uint32_t list = dura_json_member(doc, entry, "practices");
    i->claims = 1;
    for (uint32_t p = dura_json_first(doc, list); rc == DURA_OK && p != DURA_JSON_NONE; p = dura_json_next(doc, p)) {
        rc = dura_json_get_text(doc, p, 1, 32, &practice, err);
        if (rc == DURA_OK)
            i->practices |= dura_practice_bit(practice);
    }
    if (rc == DURA_OK)
        rc = read_item(w, i, err);
    if (i->raw && memcmp(i->sha256, digest, sizeof digest) != 0)
        rc = dura_error_set(err, DURA_ECORRUPT, i->path, 0, NULL, "is not the file that the index lists");
    return rc;
}

static int read_all(work *w, const dura_json *doc, uint32_t list, dura_error *err)
{
    uint32_t k = 0;
    int rc = DURA_OK;
    for (uint32_t e = dura_json_first(doc, list); rc == DURA_OK && e != DURA_JSON_NONE; e = dura_json_next(doc, e))
        rc = read_listed(w, &w->item[k++], doc, e, err);
    return rc;
}

int dura_evidence_check(const char *index, size_t len, const char *filename, const dura_evidence_options *o,
                        dura_evidence_report *report, dura_error *err)
{
    work w;
    dura_json *doc;
    char *again = NULL;
    size_t n = 0;
    int64_t version;
    if (!index)
        return dura_error_set(err, DURA_EINVAL, filename, 0, NULL, "there is no index");
    int rc = durai_evidence_parse(index, len, filename, &doc, err);
    if (rc != DURA_OK)
        return rc;
    uint32_t list = dura_json_member(doc, DURA_JSON_ROOT, "items");
    rc = dura_json_get_int(doc, dura_json_member(doc, DURA_JSON_ROOT, "dura_evidence"), 1, 1, &version, err);
    if (rc == DURA_OK)
        rc = dura_json_want(doc, list, DURA_JSON_ARRAY, 1, DURA_EVIDENCE_FILES_MAX, err);
    if (rc == DURA_OK) {
        rc = begin(&w, o, dura_json_count(doc, list), err);
        if (rc == DURA_OK)
            rc = read_all(&w, doc, list, err);
        if (rc == DURA_OK)
            rc = conclude(&w, &again, &n, report, err);
        clean(&w);
    }
    dura_json_deinit(doc);
    if (rc == DURA_OK && (n != len || memcmp(again, index, n) != 0))
        rc = dura_error_set(err, DURA_ECORRUPT, filename, 0, NULL, "is not what its files give: it was altered, is another release's, "
                            "or other keys were given");
    dura_pack_deinit(again);
    return rc;
}
