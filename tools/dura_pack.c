/* SPDX-License-Identifier: Apache-2.0 */
/* `dura pack FILE -o FILE.bin`: the artifact that devices read and digests cover. */
#include "dura_args.h"

#include <dura/drift_chart.h>
#include <dura/guard.h>
#include <dura/histogram.h>
#include <dura/host/crypto.h>
#include <dura/host/pack.h>
#include <dura/mspc.h>

#include <stdlib.h>
#include <string.h>

static const char *source, *out_path, *model, *name;
static int as_c;

static const cli_option options[] = {
    {"--out", "-o", "FILE", &out_path, NULL, "where the image goes; an older one is replaced"},
    {"--c", NULL, NULL, NULL, &as_c, "C source with the image as a table instead"},
    {"--name", NULL, "NAME", &name, NULL, "with --c: name of the table (default: policy or model)"},
    {"--model", NULL, "FILE", &model, NULL, "the model this policy is for: checks that they fit, gives POLICY_GUARD_BYTES"},
    {NULL, NULL, NULL, NULL, NULL, NULL},
};
static const cli_command self = {
    "pack", "FILE -o FILE [--c [--name NAME]] [--model FILE]",
    "Packs a policy.json or a model.json into the image that devices read, the same bytes on\n"
    "every computer, and prints its kind, size and SHA-256. POLICY_GUARD_BYTES is the memory\n"
    "a guard needs for this policy and model where storage can program single bytes; ask\n"
    "dura_guard_bytes() on the target when its programming unit is larger.\n",
    options, &source, 1, 1,
};

/* Bytes of a guard over both images; 0 with *err set when they do not fit. */
static size_t guard_bytes(const void *p, size_t np, dura_error *err)
{
    void *image;
    size_t len, bytes = 0;
    int kind = DURA_PACK_LINEAR;
    static const dura_region journal = {.struct_size = sizeof journal, .prog_size = 1};
    dura_model m = DURA_MODEL_INIT;
    dura_port port = {.struct_size = sizeof port};
    if (cli_load_image(model, &kind, &image, &len, err) != DURA_OK)
        return 0;
    if (dura_pack_check_model(p, np, image, len, source, model, err) == DURA_OK) {
        m.backend = dura_backend_packed();
        m.image = image;
        m.image_len = len;
        port.feature = dura_feature_part();
        port.drift = dura_drift_part();
        port.correlate = dura_correlate_part();
        port.watch = dura_guard_watch_part();
        port.gate = dura_gate_part();
        port.sensor = dura_sensor_part();
        port.chart = dura_drift_chart_part();
        port.mspc = dura_mspc_part();
        port.histogram = dura_histogram_part();
        port.region[DURA_REGION_JOURNAL] = &journal;
        bytes = dura_guard_bytes(p, np, &m, &port);
        if (!bytes)
            dura_error_set(err, DURA_EINVAL, source, 0, "logs",
                           "no guard can be built: a decision of this policy does not fit ring_bytes, "
                           "max_record or buffer_bytes");
    }
    dura_pack_deinit(image);
    return bytes;
}

static int write_image(const void *image, size_t len, const char *kind, size_t bytes, dura_error *err)
{
    char *text = NULL;
    size_t n = len;
    int rc = DURA_OK;
    if (as_c)
        rc = dura_pack_c_table(image, len, name ? name : kind, bytes, &text, &n, err);
    if (rc == DURA_OK)
        rc = cli_write_file(out_path, as_c ? text : image, n, 1, err);
    dura_pack_deinit(text);
    return rc;
}

static void print_words(const void *image, size_t len, const char *kind, size_t bytes)
{
    uint8_t digest[32];
    char hex[65];
    dura_sha256_query(digest, image, len);
    printf("%s, %zu bytes\nsha256 %s\n", kind, len, cli_hex(hex, digest, sizeof digest));
    if (bytes)
        printf("POLICY_GUARD_BYTES %zu\n", bytes);
}

int cmd_pack(int argc, char **argv)
{
    int kind = DURA_PACK_NONE, rc = cli_parse(&self, argc, argv);
    if (rc >= 0)
        return rc;
    if (!out_path)
        return cli_usage(&self, "want -o FILE");
    dura_error err = {0};
    void *image;
    size_t len, bytes = 0;
    rc = cli_load_image(source, &kind, &image, &len, &err);
    if (rc == DURA_OK && model && kind != DURA_PACK_POLICY)
        rc = dura_error_set(&err, DURA_EINVAL, source, 0, NULL, "is a model: --model goes with a policy");
    if (rc == DURA_OK && model && (bytes = guard_bytes(image, len, &err)) == 0)
        rc = err.code;
    const char *word = kind == DURA_PACK_POLICY ? "policy" : "model";
    if (rc == DURA_OK)
        rc = write_image(image, len, word, bytes, &err);
    if (rc == DURA_OK)
        print_words(image, len, word, bytes);
    dura_pack_deinit(image);
    return rc == DURA_OK ? cli_end(&self, CLI_OK) : cli_fail(&self, rc, &err);
}
