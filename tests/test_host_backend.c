/* SPDX-License-Identifier: Apache-2.0 */
/* Plug-ins: old and new meet, what was hashed is what runs, a crash stays in its process. */
#include <dura/host/backend.h>
#include <dura/host/crypto.h>

#include "dt.h"
#include "temp_dir.h"

#include <fcntl.h>
#include <signal.h>
#include <time.h>
#include <unistd.h>

static const char *built(const char *name)
{
    static char path[4][512];
    static int turn;
    turn = (turn + 1) % 4;
    snprintf(path[turn], sizeof path[turn], "%s/plugins/%s", DURA_BINARY_DIR, name);
    return path[turn];
}

/* A copy with the `n` bytes at `from` (found once) replaced; its path. */
static const char *patched(const char *name, const char *copy, const void *from, const void *to, size_t n)
{
    static uint8_t bytes[1 << 20];
    FILE *f = fopen(built(name), "rb");
    dt_ok(f != NULL, "%s", name);
    size_t len = fread(bytes, 1, sizeof bytes, f);
    fclose(f);
    for (size_t i = 0; n && i + n <= len; i++)
        if (memcmp(bytes + i, from, n) == 0) {
            memcpy(bytes + i, to, n);
            break;
        }
    f = fopen(in(copy), "wb");
    dt_ok(f && fwrite(bytes, 1, len, f) == len && fclose(f) == 0, "%s", copy);
    return in(copy);
}

static int load(dura_plugin **p, const char *path, dura_error *err)
{
    uint8_t digest[32];
    dt_eq(dura_plugin_digest(path, digest, err), DURA_OK, "%s", err->text);
    return dura_plugin_load(p, path, digest, NULL, err);
}

/* ---- old and new meet ----------------------------------------------------------------- */

DT_TEST(plugin_meeting, nine_cells_and_one_that_needs_more)
{
    static const struct {
        const char *host, *plugin;
        const char *want;
    } rows[] = {
        {"1.0", "1.0", "loaded dev.dura.meet 1.0, ran: 5"},
        {"1.0", "1.3", "loaded dev.dura.meet 1.3, ran: 5"},
        {"1.0", "2.0", "EVERSION"},
        {"1.3", "1.0", "loaded dev.dura.meet 1.0, ran: 5, trace: lost"},
        {"1.3", "1.3", "loaded dev.dura.meet 1.3, ran: 5, trace: counts"},
        {"1.3", "2.0", "EVERSION"},
        {"2.0", "1.0", "EVERSION"},
        {"2.0", "1.3", "EVERSION"},
        {"2.0", "2.0", "loaded dev.dura.meet 2.0, ran: 0"},
        {"1.0", "1.3_needs", "EVERSION"},
        {"1.3", "1.3_needs", "loaded dev.dura.meet 1.3, ran: 5, trace: counts"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char command[1200], said[600] = "", file[64];
        snprintf(file, sizeof file, "meet_%s.so", rows[i].plugin);
        snprintf(command, sizeof command, "%s/plugins/host_%s %s", DURA_BINARY_DIR, rows[i].host, built(file));
        FILE *f = popen(command, "r");
        dt_ok(f && fgets(said, sizeof said, f), "host %s, plug-in %s", rows[i].host, rows[i].plugin);
        (void)pclose(f);
        said[strcspn(said, "\n")] = '\0';
        if (strcmp(rows[i].want, "EVERSION") != 0) {
            dt_str(said, rows[i].want, "host %s, plug-in %s", rows[i].host, rows[i].plugin);
            continue;
        }
        dt_ok(strncmp(said, "EVERSION: ", 10) == 0, "host %s, plug-in %s: %s", rows[i].host, rows[i].plugin, said);
        dt_ok(strstr(said, file) && strstr(said, "dev.dura.meet"), "path and id: %s", said);
        dt_ok(strchr(said, rows[i].host[0]) && strchr(said, rows[i].plugin[0]), "both numbers: %s", said);
    }
}

DT_TEST(plugin_meeting, refuses_what_is_no_entry_before_it_calls_anything)
{
    const uint32_t magic = DURA_BACKEND_MAGIC, other = 0x12345678, size = sizeof(dura_backend_entry), small = 8;
    const uint32_t head[2] = {magic, size}, wrong_magic[2] = {other, size}, wrong_size[2] = {magic, small};
    dura_error err;
    dura_plugin *p = NULL;
    make_dir("plugin");
    dt_eq(load(&p, patched("meet_1.0.so", "magic.so", head, wrong_magic, sizeof head), &err), DURA_ECORRUPT, "magic");
    dt_eq(load(&p, patched("meet_1.0.so", "size.so", head, wrong_size, sizeof head), &err), DURA_ECORRUPT, "size");
    dt_eq(load(&p, patched("meet_1.0.so", "name.so", "dura_backend_entry_v1", "dura_backend_entry_v9", 21), &err),
          DURA_ESYNTAX, "no entry");
    dt_ok(strstr(err.text, "dura_backend_entry_v1") != NULL, "the linker's words: %s", err.text);
    dt_ok(p == NULL, "nothing is handed out");
    sweep();
}

DT_TEST(plugin_meeting, refuses_an_entry_without_names_or_query)
{
    dura_plugin *p = NULL;
    dura_error err;
    dt_eq(load(&p, built("meet_1.0.so"), &err), DURA_OK, "%s", err.text);
    dura_backend_entry e = *dura_plugin_entry(p);
    dt_eq(dura_plugin_meet(&e, NULL, "p", &err), DURA_OK, "as it is");
    e.id = "";
    dt_eq(dura_plugin_meet(&e, NULL, "p", &err), DURA_EINVAL, "no id");
    e = *dura_plugin_entry(p);
    e.query = NULL;
    dt_eq(dura_plugin_meet(&e, NULL, "p", &err), DURA_EINVAL, "no query");
    e = *dura_plugin_entry(p);
    e.abi_minor_needed = 1;
    dt_eq(dura_plugin_meet(&e, NULL, "p", &err), DURA_EVERSION, "needs more");
    dt_eq(dura_plugin_meet(NULL, NULL, "p", &err), DURA_EINVAL, "none");
    dura_plugin_unload(p);
    dura_plugin_unload(NULL);
}

/* ---- what was hashed is what runs -------------------------------------------------------- */

DT_TEST(plugin_load, wants_an_absolute_path_to_a_regular_file)
{
    uint8_t digest[32] = {0};
    dura_error err;
    dura_plugin *p = NULL;
    dt_eq(dura_plugin_load(&p, "meet_1.0.so", digest, NULL, &err), DURA_EINVAL, "relative: %s", err.text);
    dt_eq(dura_plugin_load(&p, "/nowhere/x.so", digest, NULL, &err), DURA_ENOENT, "absent");
    dt_eq(dura_plugin_load(&p, "/tmp", digest, NULL, &err), DURA_EINVAL, "a folder");
    dt_eq(dura_plugin_digest("/dev/null", digest, &err), DURA_EINVAL, "a device");
}

DT_TEST(plugin_load, runs_nothing_of_a_file_with_another_digest)
{
    uint8_t digest[32];
    dura_error err;
    dura_plugin *p = NULL;
    dt_eq(dura_plugin_digest(built("meet_1.0.so"), digest, &err), DURA_OK, "");
    digest[31] ^= 1;
    dt_eq(dura_plugin_load(&p, built("meet_1.0.so"), digest, NULL, &err), DURA_EAUTH, "");
    dt_ok(p == NULL && strstr(err.text, "not loaded"), "%s", err.text);
}

DT_TEST(plugin_load, hands_on_the_linkers_words)
{
    uint8_t digest[32];
    dura_error err;
    dura_plugin *p = NULL;
    make_dir("plugin");
    FILE *f = fopen(in("no.so"), "w");
    dt_ok(f && fputs("this is no library", f) >= 0 && fclose(f) == 0, "");
    dt_eq(dura_plugin_digest(in("no.so"), digest, &err), DURA_OK, "");
    dt_eq(dura_plugin_load(&p, in("no.so"), digest, NULL, &err), DURA_ENOENT, "");
    dt_ok(strstr(err.text, "the linker says: ") && strlen(err.text) > 30, "%s", err.text);
    sweep();
}

/* A child writes one plug-in over the other, into the same inode and by rename, as fast as it
 * can. Whatever wins: what runs has the digest that was asked for. */
DT_TEST(plugin_load, runs_what_it_hashed_whoever_swaps_the_file)
{
    static uint8_t a[1 << 18], b[1 << 18];
    uint8_t digest[32];
    dura_error err;
    unsigned loaded = 0, refused = 0;
    make_dir("plugin");
    FILE *f = fopen(built("meet_1.0.so"), "rb");
    size_t na = fread(a, 1, sizeof a, f);
    fclose(f);
    f = fopen(built("meet_1.3.so"), "rb");
    size_t nb = fread(b, 1, sizeof b, f);
    fclose(f);
    dt_eq(dura_plugin_digest(built("meet_1.0.so"), digest, &err), DURA_OK, "");
    char path[512], other[512];
    snprintf(path, sizeof path, "%s", in("x.so"));
    snprintf(other, sizeof other, "%s", in("y.so"));
    f = fopen(path, "wb");
    dt_ok(f && fwrite(a, 1, na, f) == na && fclose(f) == 0, "");
    pid_t child = fork();
    if (child == 0) {
        for (unsigned i = 0;; i++) {
            int fd = open(i % 3 ? path : other, O_WRONLY | O_CREAT, 0600);
            const uint8_t *p = i & 1u ? a : b;
            if (pwrite(fd, p, i & 1u ? na : nb, 0) < 0 || close(fd) != 0 || (i % 3 == 0 && rename(other, path) != 0))
                _exit(1);
        }
    }
    for (int i = 0; i < 300; i++) {
        dura_plugin *p = NULL;
        int rc = dura_plugin_load(&p, path, digest, NULL, &err);
        if (rc != DURA_OK) {
            dt_eq(rc, DURA_EAUTH, "%s", err.text);
            refused++;
            continue;
        }
        loaded++;
        dt_str(dura_plugin_entry(p)->version, "1.0", "the one that was hashed");
        dura_plugin_unload(p);
    }
    kill(child, SIGKILL);
    dt_ok(loaded + refused == 300 && refused > 0, "loaded %u, refused %u", loaded, refused);
    sweep();
}

DT_TEST(plugin_load, holds_two_at_a_time_and_one_after_the_other)
{
    dura_error err;
    dura_plugin *p = NULL, *q = NULL;
    for (int i = 0; i < 3; i++) {
        dt_eq(load(&p, built(i & 1 ? "meet_1.3.so" : "meet_1.0.so"), &err), DURA_OK, "%s", err.text);
        dt_str(dura_plugin_entry(p)->version, i & 1 ? "1.3" : "1.0", "turn %d", i);
        dt_eq(load(&q, built("planted.so"), &err), DURA_OK, "%s", err.text);
        dt_str(dura_plugin_backend(q)->id, "dev.dura.planted", "");
        dura_plugin_unload(p);
        dura_plugin_unload(q);
    }
}

/* ---- the model's bytes ---------------------------------------------------------------------- */

static unsigned looked;

static int32_t looks(const void *config, const void *image, size_t len, size_t *bytes, size_t *align)
{
    (void)config, (void)image, (void)len, (void)bytes, (void)align;
    looked++;
    return DURA_EINVAL;
}

DT_TEST(plugin_model, shows_nobody_bytes_with_another_digest)
{
    uint8_t image[64], digest[32];
    dura_backend b = *dura_backend_fn();
    dura_model m;
    dura_error err;
    b.mem_req = looks;
    memset(image, 7, sizeof image);
    dura_sha256_query(digest, image, sizeof image);
    dt_eq(dura_plugin_model(&m, &b, NULL, image, sizeof image, digest, &err), DURA_OK, "");
    dt_ok(m.backend == &b && m.image == image && m.image_len == sizeof image, "");
    for (unsigned bit = 0; bit < 8u * sizeof image; bit++) {
        image[bit / 8] ^= (uint8_t)(1u << bit % 8);
        dt_eq(dura_plugin_model(&m, &b, NULL, image, sizeof image, digest, &err), DURA_EAUTH, "bit %u", bit);
        image[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    dt_eq(looked, 0, "");
}

/* ---- in a process of its own ------------------------------------------------------------------ */

static uint64_t memory[32];

static int32_t isolate(dura_isolated *c, const char *image)
{
    uint8_t image_bytes[4];
    size_t bytes, align;
    const dura_backend *b = dura_backend_isolated();
    memcpy(image_bytes, image, 3);
    image_bytes[3] = (uint8_t)(image[0] + image[1] + image[2]);
    dt_eq(b->mem_req(c, image_bytes, 4, &bytes, &align), DURA_OK, "");
    dt_ok(bytes <= sizeof memory && align <= 8, "");
    return b->open(memory, c, image_bytes, 4);
}

static void planted(dura_isolated *c, uint8_t digest[32])
{
    dura_error err;
    *c = (dura_isolated)DURA_ISOLATED_INIT;
    c->path = built("planted.so");
    c->plugin_digest = digest;
    dt_eq(dura_plugin_digest(c->path, digest, &err), DURA_OK, "");
}

DT_TEST(isolated, answers_as_the_backend_inside)
{
    dura_isolated c;
    uint8_t digest[32];
    const dura_backend *b = dura_backend_isolated();
    dura_backend_io io = DURA_BACKEND_IO_INIT;
    float out[2] = {9.0f, 9.0f};
    planted(&c, digest);
    dt_eq(dura_backend_check(b), DURA_OK, "");
    dt_eq(isolate(&c, "P00"), DURA_OK, "");
    dt_eq(b->io(memory, &io), DURA_OK, "");
    dt_ok(io.n_inputs == 2 && io.n_outputs == 2, "");
    for (int i = 0; i < 100; i++) {
        float in[2] = {(float)i, 4.0f};
        dt_eq(b->run(memory, in, 2, out, 2, 0), DURA_OK, "");
        dt_ok(out[0] == (float)i + 2.0f && out[1] == -(float)i, "run %d", i);
    }
    dt_eq(b->run(memory, out, 1, out, 2, 0), DURA_EINVAL, "other shape");
    dt_eq(b->reset(memory), DURA_OK, "");
    b->close(memory);
}

DT_TEST(isolated, a_crash_and_a_hang_inside_are_codes_outside)
{
    dura_isolated c;
    uint8_t digest[32];
    const dura_backend *b = dura_backend_isolated();
    const uint32_t nan_bits = 0x7FC00000u;
    float in[2] = {1.0f, 2.0f}, out[2];
    planted(&c, digest);
    dt_eq(isolate(&c, "P16"), DURA_OK, "");
    dt_eq(b->run(memory, in, 2, out, 2, 0), DURA_OK, "before");
    memcpy(in, &nan_bits, 4);
    dt_eq(b->run(memory, in, 2, out, 2, 0), DURA_EIO, "the child crashed");
    in[0] = 1.0f;
    dt_eq(b->run(memory, in, 2, out, 2, 0), DURA_EIO, "and stays so");
    dt_eq(b->reset(memory), DURA_EIO, "");
    b->close(memory);
    dt_eq(isolate(&c, "P17"), DURA_OK, "opened again");
    in[0] = 3.4e38f;
    struct timespec t0, t1;
    clock_gettime(CLOCK_MONOTONIC, &t0);
    dt_eq(b->run(memory, in, 2, out, 2, 20000000), DURA_ETIME, "the child hangs");
    clock_gettime(CLOCK_MONOTONIC, &t1);
    dt_ok((t1.tv_sec - t0.tv_sec) * 1000 + (t1.tv_nsec - t0.tv_nsec) / 1000000 >= 19, "not before the deadline");
    dt_eq(b->run(memory, in, 2, out, 2, 0), DURA_ETIME, "");
    b->close(memory);
}

DT_TEST(isolated, refuses_what_does_not_open)
{
    dura_isolated c;
    uint8_t digest[32], wrong[32] = {1};
    const uint8_t image[4] = {'P', '0', '0', 0};
    size_t bytes, align;
    const dura_backend *b = dura_backend_isolated();
    planted(&c, digest);
    dt_eq(b->open(memory, &c, image, 4), DURA_ECORRUPT, "the inner backend's own code");
    c.image_digest = wrong;
    dt_eq(b->mem_req(&c, image, 4, &bytes, &align), DURA_EAUTH, "the image's digest");
    dt_eq(b->open(memory, &c, image, 4), DURA_EAUTH, "");
    c.image_digest = NULL;
    c.plugin_digest = wrong;
    dt_eq(b->open(memory, &c, image, 4), DURA_EAUTH, "the plug-in's digest");
    c.plugin_digest = NULL;
    dt_eq(b->open(memory, &c, image, 4), DURA_EINVAL, "no digest");
    dt_eq(b->open(memory, NULL, image, 4), DURA_EINVAL, "no config");
}

DT_TEST(isolated, takes_a_backend_that_is_linked_in)
{
    dura_isolated c = DURA_ISOLATED_INIT;
    dura_fn fn = DURA_FN_INIT;
    size_t bytes, align;
    const dura_backend *b = dura_backend_isolated();
    c.backend = dura_backend_fn();
    c.config = &fn;
    dt_eq(b->mem_req(&c, "fn", 2, &bytes, &align), DURA_OK, "");
    dt_eq(b->open(memory, &c, "fn", 2), DURA_EINVAL, "a fn without a function, said by the child");
}
