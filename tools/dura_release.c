/* SPDX-License-Identifier: Apache-2.0 */
/* `dura release make`: a model, policy or firmware becomes a release that can be signed. */
#include "dura_attest.h"

#include <dura/host/frames.h>
#include <dura/host/pack.h>
#include <dura/host/release.h>

#include <stdlib.h>
#include <string.h>
#include <time.h>

static const char *component_text, *model_path, *policy_path, *firmware_path, *golden_path, *random_text, *version_text,
    *floor_text, *device_text, *name_text, *before_text, *after_text, *probation_text, *requires_text, *evidence_path, *practices_text, *attest_path, *attest_keys, *require_text, *more_files[ATTEST_FILES], *abs_text, *rel_text, *out_path;
static const char *metric_text, *data_path, *bind_text, *also_path;
static int as_json, any_policy, emergency, back, substantial;

static const cli_option options[] = {
    {"--component", NULL, "WHAT", &component_text, NULL, "brain, policy or box (firmware); required"},
    {"--policy", NULL, "FILE", &policy_path, NULL, "the policy it runs under, or the one it brings; required"},
    {"--model", NULL, "FILE", &model_path, NULL, "brain: model.json or its packed image"},
    {"--golden", NULL, "CSV", &golden_path, NULL, "brain: rows that become golden vectors; columns named as the model's inputs"},
    {"--golden-random", NULL, "N", &random_text, NULL, "brain: N golden vectors of any magnitude instead"},
    {"--abs-tol", NULL, "X", &abs_text, NULL, "brain: an answer may be off by so much (default 1e-6)"},
    {"--rel-tol", NULL, "X", &rel_text, NULL, "brain: and by this share of the right one (default 1e-5)"},
    {"--firmware", NULL, "FILE", &firmware_path, NULL, "box: the image whose digest is authorised"},
    {"--version", NULL, "N", &version_text, NULL, "rises with every release of a component; required"},
    {"--floor", NULL, "N", &floor_text, NULL, "nothing below is taken once this is kept (default 0)"},
    {"--device", NULL, "NAME", &device_text, NULL, "one device, or * (default: the policy's device)"},
    {"--name", NULL, "TEXT", &name_text, NULL, "for people"},
    {"--any-policy", NULL, NULL, NULL, &any_policy, "do not bind it to this very policy"},
    {"--not-before", NULL, "T", &before_text, NULL, "2026-03-01T00:00:00Z, 2026-03-01, or seconds since 1970"},
    {"--not-after", NULL, "T", &after_text, NULL, "as above"},
    {"--probation", NULL, "N", &probation_text, NULL, "frames at least (default: the policy's)"},
    {"--requires", NULL, "WHAT", &requires_text, NULL, "versions of others it works with: box:3..7,policy:2.."},
    {"--attest", NULL, "FILE...", &attest_path, NULL, "attestations, FILE or FILE=SVV-1,SVV-3: their index goes to rel.dura.evidence.json"},
    {"--attest-key", NULL, "KEYS", &attest_keys, NULL, "who may sign statements: public key files or hex digits, with commas"},
    {"--require", NULL, "LIST", &require_text, NULL, "practices that must be attested (the policy's are required anyway)"},
    {"--evidence", NULL, "FILE", &evidence_path, NULL, "instead of --attest: an index that is there already"},
    {"--practices", NULL, "LIST", &practices_text, NULL, "... and what it satisfies: SVV-1,SVV-3,A.6.2.4"},
    {"--emergency", NULL, NULL, NULL, &emergency, "a key of the policy's emergency role signs it too, and it waits less"},
    {"--bind", NULL, "PARTS", &bind_text, NULL, "brain: it runs only beside these parts of --policy: normalisation,thresholds,contract,drift,label_map,labels,rules,register"},
    {"--bind-also", NULL, "FILE", &also_path, NULL, "brain: or beside those of this policy, which is to follow"},
    {"--back", NULL, NULL, NULL, &back, "brain: it goes back below the version that runs; the policy's rollback role approves it on the device"},
    {"--substantial", NULL, NULL, NULL, &substantial, "it changes more than the policy plans: a key of its substantial role signs it too"},
    {"--metric", NULL, "X", &metric_text, NULL, "brain: what your protocol found, 0.0001 to 1, e.g. 0.9731"},
    {"--data", NULL, "FILE", &data_path, NULL, "brain: what it was trained on; its digest is signed"},
    {"--json", NULL, NULL, NULL, &as_json, "the envelope as DSSE JSON, and what it says as JSON"},
    {"--out", "-o", "FILE", &out_path, NULL, "the envelope; its subject goes to FILE.brain or FILE.policy"},
    {NULL, NULL, NULL, NULL, NULL, NULL},
};
static const cli_command self = {
    "release", "[make] --component WHAT --policy P --version N -o rel.dura [...] [--attest FILE...]\n"
    "       dura release inspect | verify | provenance ... (each has a --help of its own)",
    "Makes rel.dura, an envelope nobody has signed yet (`dura sign`), and beside it the bytes the\n"
    "device is sent: rel.dura.brain (the model with golden vectors it must answer right on the\n"
    "device before it may drive) or rel.dura.policy; above 64 KiB also rel.dura.chunks, a tree of\n"
    "digests by which a wrong byte is found with its chunk. With --attest it is refused where a gap is: a test\n"
    "that failed, a statement about something else, suspect training data, a required practice\n"
    "nobody attests. No file is overwritten.\n",
    options, more_files, 0, ATTEST_FILES,
};

static int bad(dura_error *err, const char *option, const char *value, const char *want)
{
    return dura_error_set(err, DURA_EINVAL, NULL, 0, option, "%.80s: want %s", value, want);
}

static int take_number(const char *text, const char *option, uint64_t max, uint64_t *out, dura_error *err)
{
    return text && cli_number(text, max, out) != 0 ? bad(err, option, text, "a whole number in range") : DURA_OK;
}

static int take_float(const char *text, const char *option, float *out, dura_error *err)
{
    char *end;
    if (!text)
        return DURA_OK;
    double v = strtod(text, &end);
    if (end == text || *end || !(v >= 0.0 && v <= 1e30))
        return bad(err, option, text, "a number of at least 0");
    *out = (float)v;
    return DURA_OK;
}

/* ---- golden vectors ------------------------------------------------------------------- */

/* All rows of the CSV that lack nothing. */
static int read_rows(dura_frames *f, uint32_t width, float **rows, uint32_t *n, dura_error *err)
{
    dura_frames_row row = DURA_FRAMES_ROW_INIT;
    size_t cap = 0;
    int rc;
    while ((rc = dura_frames_next(f, &row, err)) == 1) {
        if (memchr(row.missing, 1, width))
            continue;
        if (*n == DURA_GOLDEN_MAX)
            return dura_error_set(err, DURA_ELIMIT, golden_path, (uint32_t)row.line, NULL, "more than %u rows",
                                  DURA_GOLDEN_MAX);
        if (*n == cap) {
            cap = cap ? 2 * cap : 256;
            float *more = realloc(*rows, cap * width * sizeof **rows);
            if (!more)
                return DURA_ENOSPC;
            *rows = more;
        }
        memcpy(*rows + (size_t)*n * width, row.values, width * sizeof **rows);
        ++*n;
    }
    if (rc == 0 && *n == 0)
        return dura_error_set(err, DURA_EINVAL, golden_path, 0, NULL, "has no row that is complete");
    return rc;
}

/* A missing column of a model over features is no slip of the pen. */
static int hint_features(int rc, dura_error *err)
{
    size_t n = strlen(err->text);
    if (rc == DURA_ESYNTAX && err->field[0] && n + 1 < sizeof err->text)
        snprintf(err->text + n, sizeof err->text - n,
                 "; for inputs that are features give a file with their values, or --golden-random");
    return rc;
}

static int golden_csv(dura_golden *g, const void *model, size_t len, float abs_tol, float rel_tol, dura_error *err)
{
    const char *names[1024];
    dura_frames_options o = DURA_FRAMES_OPTIONS_INIT;
    dura_frames *f;
    float *rows = NULL;
    uint32_t n = 0;
    size_t width = 0;
    int rc = dura_pack_names(model, len, DURA_NAMES_INPUTS, names, NULL, 1024, &width);
    if (rc != DURA_OK)
        return dura_error_set(err, rc, model_path, 0, NULL, "does not name its inputs: use --golden-random");
    o.path = golden_path;
    o.channels = names;
    o.n_channels = (uint32_t)width;
    rc = dura_frames_open(&f, &o, err);
    if (rc != DURA_OK)
        return hint_features(rc, err);
    rc = read_rows(f, (uint32_t)width, &rows, &n, err);
    dura_frames_close(f);
    if (rc == DURA_OK)
        rc = dura_golden_from(g, model, len, rows, n, abs_tol, rel_tol, err);
    free(rows);
    return rc;
}

/* ---- subjects --------------------------------------------------------------------------- */

static int bind_parts(const void *policy, size_t policy_len, void **subject, size_t *len, dura_error *err)
{
    char list[128];
    uint32_t parts = 0;
    int kind = DURA_PACK_POLICY, rc = DURA_OK;
    void *also = NULL, *bound = NULL;
    size_t also_len = 0, n = 0;
    if (strlen(bind_text) >= sizeof list)
        return bad(err, "--bind", bind_text, "parts with commas between");
    memcpy(list, bind_text, strlen(bind_text) + 1);
    for (char *one = list, *next; one; one = next) {
        next = strchr(one, ',');
        if (next)
            *next++ = 0;
        uint32_t part = dura_part_bit(one);
        if (!part || (part & (DURA_PART_BOX | DURA_PART_MODEL)))
            return bad(err, "--bind", one, "normalisation, thresholds, contract, drift, label_map, labels, rules or register");
        parts |= part;
    }
    if (also_path)
        rc = cli_load_image(also_path, &kind, &also, &also_len, err);
    if (rc == DURA_OK)
        rc = dura_brain_bind(*subject, *len, policy, policy_len, also, also_len, parts, &bound, &n, err);
    dura_pack_deinit(also);
    if (rc == DURA_OK) {
        dura_pack_deinit(*subject);
        *subject = bound;
        *len = n;
    }
    return rc;
}

static int make_brain(const void *policy, size_t policy_len, void **subject, size_t *len, dura_error *err)
{
    int kind = DURA_PACK_LINEAR, rc;
    void *model = NULL;
    size_t n = 0;
    uint64_t count = 0, seed = 0;
    float abs_tol = 1e-6f, rel_tol = 1e-5f;
    dura_golden g = DURA_GOLDEN_INIT;
    uint8_t digest[DURA_HASH_BYTES];
    rc = take_float(abs_text, "--abs-tol", &abs_tol, err);
    if (rc == DURA_OK)
        rc = take_float(rel_text, "--rel-tol", &rel_tol, err);
    if (rc == DURA_OK)
        rc = take_number(random_text, "--golden-random", DURA_GOLDEN_MAX, &count, err);
    if (rc == DURA_OK)
        rc = cli_load_image(model_path, &kind, &model, &n, err);
    if (rc == DURA_OK)
        rc = dura_pack_check_model(policy, policy_len, model, n, policy_path, model_path, err);
    if (rc == DURA_OK && golden_path) {
        rc = golden_csv(&g, model, n, abs_tol, rel_tol, err);
    } else if (rc == DURA_OK) { /* the same model gives the same vectors, everywhere */
        dura_sha256_query(digest, model, n);
        for (unsigned i = 0; i < 8; i++)
            seed |= (uint64_t)digest[i] << 8 * i;
        rc = dura_golden_random(&g, model, n, seed, (uint32_t)count, abs_tol, rel_tol, err);
    }
    if (rc == DURA_OK)
        rc = dura_brain_make(model, n, &g, subject, len, err);
    if (rc == DURA_OK && bind_text)
        rc = bind_parts(policy, policy_len, subject, len, err);
    dura_golden_deinit(&g);
    dura_pack_deinit(model);
    return rc;
}

/* The bytes the release is about, on the heap. */
static int make_subject(uint8_t component, const void *policy, size_t policy_len, void **subject, size_t *len,
                        dura_error *err)
{
    if (component == DURA_COMPONENT_BRAIN)
        return make_brain(policy, policy_len, subject, len, err);
    if (component == DURA_COMPONENT_BOX) {
        char *bytes;
        int rc = cli_read_file(firmware_path, &bytes, len, err);
        *subject = bytes;
        return rc == DURA_OK && *len == 0 ? dura_error_set(err, DURA_EINVAL, firmware_path, 0, NULL, "is empty") : rc;
    }
    *subject = malloc(policy_len);
    if (!*subject)
        return DURA_ENOSPC;
    memcpy(*subject, policy, policy_len);
    *len = policy_len;
    return DURA_OK;
}

/* ---- the release --------------------------------------------------------------------------- */

static int copy_text(char out[64], const char *text, const char *option, dura_error *err)
{
    if (strlen(text) > 63)
        return bad(err, option, text, "at most 63 bytes");
    memcpy(out, text, strlen(text) + 1);
    return DURA_OK;
}

/* "box:3..7": least and most; "box:3.." has no end, "box:3" is that one. */
static int take_need(dura_release *r, char *one, dura_error *err)
{
    char *from = strchr(one, ':'), *to = from ? strstr(from, "..") : NULL;
    uint64_t least = 0, most = UINT32_MAX;
    uint32_t c = 1;
    if (!from)
        return bad(err, "--requires", one, "component:least..most, as box:3..7");
    *from++ = 0;
    if (to)
        *to = 0;
    while (c < DURA_COMPONENTS && strcmp(dura_component_name(c), one) != 0)
        c++;
    if (c == DURA_COMPONENTS || c == r->component || r->need_max[c])
        return bad(err, "--requires", one, "another component (box, brain, policy), each once");
    if (cli_number(from, UINT32_MAX - 1, &least) != 0 || (to && to[2] && cli_number(to + 2, UINT32_MAX - 1, &most) != 0))
        return bad(err, "--requires", from, "versions below 4294967295");
    if (!to)
        most = least;
    if (most < 1 || least > most || (least == 0 && most == UINT32_MAX))
        return bad(err, "--requires", from, "least..most with least <= most, and one of them");
    r->need_min[c] = (uint32_t)least;
    r->need_max[c] = (uint32_t)most;
    return DURA_OK;
}

static int take_needs(dura_release *r, dura_error *err)
{
    char list[160];
    int rc = DURA_OK;
    if (!requires_text)
        return DURA_OK;
    if (strlen(requires_text) >= sizeof list)
        return bad(err, "--requires", requires_text, "component:least..most, one or two with a comma between");
    memcpy(list, requires_text, strlen(requires_text) + 1);
    for (char *one = list, *next; rc == DURA_OK && one; one = next) {
        next = strchr(one, ',');
        if (next)
            *next++ = 0;
        rc = take_need(r, one, err);
    }
    return rc;
}

/* The index itself stays at the vendor's: its digest is what is signed. */
static int take_evidence(dura_release *r, dura_error *err)
{
    char *bytes;
    size_t len;
    int rc = attest_practices(practices_text, "--practices", &r->practices, err);
    if (rc != DURA_OK || !evidence_path)
        return rc;
    rc = cli_read_file(evidence_path, &bytes, &len, err);
    if (rc != DURA_OK)
        return rc;
    dura_sha256_query(r->evidence, bytes, len);
    free(bytes);
    return len ? DURA_OK : dura_error_set(err, DURA_EINVAL, evidence_path, 0, NULL, "is empty");
}

/* What a brain states of itself: metric, and what it was trained on. */
static int take_claims(dura_release *r, dura_error *err)
{
    float metric = 0.0f;
    char *bytes;
    size_t len;
    int rc = take_float(metric_text, "--metric", &metric, err);
    r->metric = (uint32_t)(metric * (float)DURA_METRIC_ONE + 0.5f);
    if (rc == DURA_OK && metric_text && (metric > 1.0f || r->metric < 1))
        return bad(err, "--metric", metric_text, "0.0001 to 1");
    if (rc != DURA_OK || !data_path)
        return rc;
    rc = cli_read_file(data_path, &bytes, &len, err);
    if (rc != DURA_OK)
        return rc;
    dura_sha256_query(r->data, bytes, len);
    free(bytes);
    return len ? DURA_OK : dura_error_set(err, DURA_EINVAL, data_path, 0, NULL, "is empty");
}

static int fill(dura_release *r, const void *policy, size_t policy_len, const void *subject, size_t len, dura_error *err)
{
    dura_policy_info info = DURA_POLICY_INFO_INIT;
    uint64_t probation = 0;
    int rc = dura_policy_query(policy, policy_len, &info);
    r->length = len;
    dura_sha256_query(r->digest, subject, len);
    if (r->component == DURA_COMPONENT_BRAIN && !any_policy)
        dura_sha256_query(r->policy, policy, policy_len);
    if (rc == DURA_OK)
        rc = copy_text(r->device, device_text ? device_text : info.name, "--device", err);
    if (rc == DURA_OK)
        rc = copy_text(r->name, name_text ? name_text : "", "--name", err);
    if (rc == DURA_OK)
        rc = take_number(version_text, "--version", UINT64_MAX, &r->version, err);
    if (rc == DURA_OK)
        rc = take_number(floor_text, "--floor", UINT64_MAX, &r->floor_, err);
    if (rc == DURA_OK)
        rc = take_number(probation_text, "--probation", 0x80000000u, &probation, err);
    if (rc == DURA_OK)
        rc = cli_date(before_text, "--not-before", &r->not_before_s, err);
    if (rc == DURA_OK)
        rc = cli_date(after_text, "--not-after", &r->not_after_s, err);
    if (rc == DURA_OK)
        rc = take_needs(r, err);
    if (rc == DURA_OK)
        rc = take_evidence(r, err);
    if (rc == DURA_OK)
        rc = take_claims(r, err);
    r->flags = (emergency ? DURA_RELEASE_EMERGENCY : 0u) | (back ? DURA_RELEASE_BACK : 0u) |
               (substantial ? DURA_RELEASE_SUBSTANTIAL : 0u);
    r->probation_frames = (uint32_t)probation;
    return rc;
}

/* root NULL: no tree over its chunks. */
static int write_envelope(const dura_release *r, const uint8_t *root, dura_error *err)
{
    uint8_t payload[DURA_RELEASE_PAYLOAD_MAX], envelope[DURA_RELEASE_MAX];
    size_t n = sizeof payload, len = sizeof envelope;
    char *text = NULL;
    int rc = dura_release_encode(r, payload, &n, err);
    if (rc == DURA_OK && root && dura_chunks_sign(payload, &n, sizeof payload, root) != DURA_OK)
        rc = dura_error_set(err, DURA_ELIMIT, NULL, 0, "name", "the statement has no room for the tree over its chunks; shorten it");
    if (rc == DURA_OK)
        rc = dura_envelope_make(payload, n, envelope, &len);
    if (rc == DURA_OK && as_json)
        rc = dura_envelope_json(envelope, len, &text, &len);
    if (rc == DURA_OK)
        rc = cli_write_file(out_path, text ? (const void *)text : envelope, len, 0, err);
    dura_pack_deinit(text);
    return rc;
}

static int side_path(char out[4096], const char *suffix, dura_error *err)
{
    return snprintf(out, 4096, "%s.%s", out_path, suffix) < 4096
               ? DURA_OK
               : dura_error_set(err, DURA_ELIMIT, out_path, 0, NULL, "the name is too long");
}

/* A file beside the envelope, and whether it is written. */
typedef struct sidecar {
    char path[4096];
    int there;
} sidecar;

static int write_side(sidecar *s, const char *suffix, const void *bytes, size_t len, dura_error *err)
{
    int rc = side_path(s->path, suffix, err);
    if (rc == DURA_OK && bytes)
        rc = cli_write_file(s->path, bytes, len, 0, err);
    s->there = rc == DURA_OK && bytes;
    return rc;
}

/* The envelope last: one whose subject or evidence is missing looks finished. A subject of one
 * chunk needs no tree: its digest says as much as early. */
static int write_all(const dura_release *r, const void *subject, size_t len, const char *index, size_t index_len, dura_error *err)
{
    static sidecar side[3];
    void *tree = NULL;
    size_t tree_len = 0;
    uint8_t root[DURA_HASH_BYTES];
    int box = r->component == DURA_COMPONENT_BOX, rc = DURA_OK;
    if (len > DURA_CHUNK_BYTES)
        rc = dura_chunks_make(subject, len, &tree, &tree_len, root, err);
    if (rc == DURA_OK)
        rc = write_side(&side[0], r->component == DURA_COMPONENT_BRAIN ? "brain" : "policy", box ? NULL : subject, len, err);
    if (rc == DURA_OK)
        rc = write_side(&side[1], "evidence.json", index, index_len, err);
    if (rc == DURA_OK)
        rc = write_side(&side[2], "chunks", tree, tree_len, err);
    if (rc == DURA_OK)
        rc = write_envelope(r, tree ? root : NULL, err);
    for (int i = 0; rc != DURA_OK && i < 3; i++)
        if (side[i].there)
            remove(side[i].path);
    dura_pack_deinit(tree);
    return rc;
}

/* The attestations' index; its digest and what it satisfies go into the release. */
static int attest(dura_release *r, const void *policy, size_t policy_len, const void *subject, size_t len, char **index,
                  size_t *index_len, dura_error *err)
{
    const char *files[ATTEST_FILES + 1];
    attest_job job = {r->component, subject, len, attest_keys, 0};
    dura_evidence_report report = DURA_EVIDENCE_REPORT_INIT;
    uint32_t n = 0;
    if (!attest_path)
        return DURA_OK;
    files[n++] = attest_path;
    for (int i = 0; i < ATTEST_FILES && more_files[i]; i++)
        files[n++] = more_files[i];
    int rc = attest_practices(require_text, "--require", &job.require, err);
    if (r->component != DURA_COMPONENT_POLICY)   /* that one's device still runs another policy */
        job.require |= attest_required(policy, policy_len);
    if (rc == DURA_OK)
        rc = attest_make(&job, files, n, index, index_len, &report, err);
    memcpy(r->evidence, report.digest, sizeof r->evidence);
    r->practices = report.practices;
    return rc;
}

static int make_release(uint8_t component, dura_error *err)
{
    int kind = DURA_PACK_POLICY, rc;
    void *policy = NULL, *subject = NULL;
    char *text = NULL, *index = NULL;
    size_t policy_len = 0, len = 0, index_len = 0;
    dura_release r = DURA_RELEASE_INIT;
    r.component = component;
    rc = cli_load_image(policy_path, &kind, &policy, &policy_len, err);
    if (rc == DURA_OK)
        rc = make_subject(component, policy, policy_len, &subject, &len, err);
    if (rc == DURA_OK)
        rc = fill(&r, policy, policy_len, subject, len, err);
    if (rc == DURA_OK)
        rc = attest(&r, policy, policy_len, subject, len, &index, &index_len, err);
    if (rc == DURA_OK)
        rc = evidence_path ? DURA_OK : attest_no_gap(&r, policy, policy_len, err);
    if (rc == DURA_OK)
        rc = write_all(&r, subject, len, index, index_len, err);
    if (rc == DURA_OK)
        rc = dura_release_describe(&r, as_json, &text, NULL);
    if (rc == DURA_OK)
        fputs(text, stdout);
    dura_pack_deinit(text);
    dura_pack_deinit(index);
    free(subject);
    dura_pack_deinit(policy);
    return rc;
}

int cmd_release(int argc, char **argv)
{
    dura_error err = {0};
    int rc = argc > 1 ? attest_command(argc - 1, argv + 1) : -1, named = argc > 1 && strcmp(argv[1], "make") == 0;
    if (rc >= 0)
        return rc;
    rc = cli_parse(&self, argc - named, argv + named);
    if (rc >= 0)
        return rc;
    if (more_files[0] && !attest_path)
        return cli_usage(&self, "%s: one argument too many", more_files[0]);
    if (attest_path && (evidence_path || practices_text))
        return cli_usage(&self, "--attest makes evidence and practices itself");
    if (!attest_path && (attest_keys || require_text))
        return cli_usage(&self, "--%s does nothing without --attest", attest_keys ? "attest-key" : "require");
    if (!component_text || !policy_path || !version_text || !out_path)
        return cli_usage(&self, "wants --component, --policy, --version and -o");
    uint8_t component = dura_component_number(component_text);
    if (!component)
        return cli_usage(&self, "--component %s: want brain, policy or box", component_text);
    if (component == DURA_COMPONENT_BRAIN && (!model_path || (!golden_path == !random_text)))
        return cli_usage(&self, "a brain wants --model, and --golden or --golden-random");
    if (component == DURA_COMPONENT_BOX && !firmware_path)
        return cli_usage(&self, "a box wants --firmware");
    if (component != DURA_COMPONENT_BRAIN && (model_path || golden_path || random_text || abs_text || rel_text))
        return cli_usage(&self, "only a brain has a model and golden vectors");
    rc = make_release(component, &err);
    return rc == DURA_OK ? cli_end(&self, CLI_OK) : cli_fail(&self, rc, &err);
}
