/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The state folder: what it holds, that a seed is replaced all or nothing whatever
 * interrupts it, that the old one is gone then, and what damaged or foreign files do.
 */
#include "dt.h"
#include "host/dura_host_sha256.h"

#include <dura/host/keys.h>
#include <dura/host/storage.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <signal.h>
#include <sodium.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define STEPS 7   /* of a replacement, see on_step */

/* ---- a state folder per test -------------------------------------------------------------- */

typedef struct scratch {
    char root[48], state[64];
} scratch;

static void scratch_open(scratch *s)
{
    /* in memory where there is such a place: these tests sync some thousand times */
    snprintf(s->root, sizeof s->root, "%s/dt-keys-XXXXXX", access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
    dt_ok(mkdtemp(s->root) != NULL, "scratch folder");
    snprintf(s->state, sizeof s->state, "%s/deep/state", s->root);
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *w)
{
    (void)st;
    (void)type;
    (void)w;
    return remove(path);
}

static void scratch_close(scratch *s)
{
    nftw(s->root, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

static void must_create(dura_keys *k, scratch *s)
{
    dura_error err = {0};
    int rc = dura_keys_create(k, s->state, 0, &err);
    dt_eq(rc, DURA_OK, "%.200s", err.text);
}

static void must_reopen(dura_keys *k, scratch *s, const uint8_t origin[16], const char *row)
{
    dura_error err = {0};
    int rc = dura_keys_open(k, s->state, origin, &err);
    dt_eq(rc, DURA_OK, "%s: %.100s %.100s", row, err.file, err.text);
}

/* A file of the device's folder. */
static void path_of(char out[1200], const dura_keys *k, const char *name)
{
    snprintf(out, 1200, "%s/%s", k->path, name);
}

static size_t slurp(const dura_keys *k, const char *name, char *buf, size_t cap)
{
    char path[1200];
    path_of(path, k, name);
    FILE *f = fopen(path, "rb");
    size_t n = f ? fread(buf, 1, cap - 1, f) : 0;
    if (f)
        fclose(f);
    buf[n] = '\0';
    return n;
}

static void spill(const dura_keys *k, const char *name, const char *text)
{
    char path[1200];
    path_of(path, k, name);
    FILE *f = fopen(path, "wb");
    dt_ok(f != NULL, "%s", name);
    fputs(text, f);
    fclose(f);
}

static int exists(const dura_keys *k, const char *name)
{
    char path[1200];
    path_of(path, k, name);
    return access(path, F_OK) == 0;
}

static int sign_works(const dura_keys *k, uint32_t epoch)
{
    const dura_crypto *c = dura_keys_crypto(k);
    uint8_t pub[32], sig[64];
    uint32_t held;
    return c->key_epoch(c->user, DURA_KEY_LOG, &held) == 0 && held == epoch &&
           c->key_public(c->user, DURA_KEY_LOG, epoch, pub) == 0 &&
           c->sign(c->user, DURA_KEY_LOG, epoch, "m", 1, sig) == 0 &&
           c->verify(c->user, pub, "m", 1, sig) == 0;
}

static int advance(dura_keys *k, uint32_t epoch)
{
    const dura_crypto *c = dura_keys_crypto(k);
    return c->key_advance(c->user, DURA_KEY_LOG, epoch);
}

/* Does any file in the device's folder hold these hex digits? */
static int folder_holds(const dura_keys *k, const uint8_t secret[32])
{
    char digits[65], text[512];
    int found = 0;
    sodium_bin2hex(digits, sizeof digits, secret, 32);
    DIR *d = opendir(k->path);
    dt_ok(d != NULL, "folder");
    for (struct dirent *e; (e = readdir(d));)
        if (e->d_name[0] != '.') {
            slurp(k, e->d_name, text, sizeof text);
            found |= strstr(text, digits) != NULL;
        }
    closedir(d);
    return found;
}

/* ---- making and opening ---------------------------------------------------------------------- */

DT_TEST(keys_create, makes_a_private_folder_named_after_the_public_key)
{
    static const struct {
        const char *name;
        mode_t mode;
    } row[] = {{"", 0700}, {"pub", 0644}, {"seed", 0600}, {"device.key", 0600}};
    scratch s;
    dura_keys k;
    uint8_t h[32], pub[32];
    char text[256], want[33], path[1200];
    struct stat st;
    umask(0);
    scratch_open(&s);
    must_create(&k, &s);
    for (size_t i = 0; i < 4; i++) {
        path_of(path, &k, row[i].name);
        dt_eq(stat(path, &st), 0, "%s", row[i].name);
        dt_eq(st.st_mode & 0777, row[i].mode, "%s", row[i].name);
    }
    dt_eq(slurp(&k, "pub", text, sizeof text), 65);
    dt_eq(sodium_hex2bin(pub, 32, text, 64, NULL, NULL, NULL), 0);
    dt_mem(pub, k.pub0, 32);
    crypto_hash_sha256(h, pub, 32);
    dt_mem(k.origin, h, 16);
    sodium_bin2hex(want, sizeof want, h, 16);
    dt_str(strrchr(k.path, '/') + 1, want);
    dt_ok(sign_works(&k, 0));
    dura_keys_close(&k);
    scratch_close(&s);
}

DT_TEST(keys_create, makes_different_keys_each_time)
{
    scratch s;
    dura_keys a, b;
    scratch_open(&s);
    must_create(&a, &s);
    must_create(&b, &s);
    dt_ok(memcmp(a.pub0, b.pub0, 32) != 0);
    dt_ok(memcmp(a.sodium.tag[0].inner, b.sodium.tag[0].inner, 32) != 0);
    dura_mac_key of_seed;
    durai_sha256_mac_key(&of_seed, a.sodium.seed, 32);
    dt_ok(memcmp(a.sodium.tag[0].inner, of_seed.inner, 32) != 0, "the key of the tags is not the seed");
    dura_keys_close(&a);
    dura_keys_close(&b);
    scratch_close(&s);
}

DT_TEST(keys_create, says_why_it_cannot)
{
    static const struct {
        const char *name, *state, *word;
        int code;
    } row[] = {
        {"under a device", "/dev/null/state", "Not a directory", DURA_EIO},
        {"in a place without files", "/proc/self/dura", "cannot create", DURA_ENOENT},
        {"empty path", "", "path", DURA_ELIMIT},
    };
    for (size_t i = 0; i < 3; i++) {
        dura_keys k;
        dura_error err = {0};
        dt_eq(dura_keys_create(&k, row[i].state, 0, &err), row[i].code, "%s: %.150s", row[i].name, err.text);
        dt_ok(strstr(err.text, row[i].word) != NULL, "%s: %.150s", row[i].name, err.text);
        dura_keys_close(&k);
    }
    dura_keys k;
    dt_eq(dura_keys_create(NULL, "/tmp", 0, NULL), DURA_EINVAL);
    dt_eq(dura_keys_create(&k, "/tmp", 2, NULL), DURA_EINVAL, "unknown flag");
}

/* A full disk without a disk: no file may grow beyond `bytes`. */
static void limit_files(rlim_t bytes)
{
    struct rlimit r = {bytes, RLIM_INFINITY};
    signal(SIGXFSZ, SIG_IGN);
    dt_eq(setrlimit(RLIMIT_FSIZE, &r), 0);
}

static int count_entries(const char *path)
{
    int n = 0;
    DIR *d = opendir(path);
    while (d && readdir(d))
        n++;
    if (d)
        closedir(d);
    return n - 2;
}

DT_TEST(keys_create, on_a_full_disk_leaves_no_half_device)
{
    scratch s;
    dura_keys k;
    dura_error err = {0};
    scratch_open(&s);
    limit_files(70); /* pub and device.key fit, seed does not */
    dt_eq(dura_keys_create(&k, s.state, 0, &err), DURA_EIO);
    limit_files(RLIM_INFINITY);
    dt_ok(strstr(err.file, "/seed") != NULL, "%.200s", err.file);
    dt_eq(count_entries(s.state), 0);
    scratch_close(&s);
}

DT_TEST(keys_open, gives_the_same_keys_again)
{
    scratch s;
    dura_keys k;
    uint8_t seed[32], device[32], origin[16];
    scratch_open(&s);
    must_create(&k, &s);
    memcpy(seed, k.sodium.seed, 32);
    memcpy(device, k.sodium.tag[0].inner, 32);
    memcpy(origin, k.origin, 16);
    dura_keys_close(&k);
    must_reopen(&k, &s, origin, "first time");
    dt_mem(k.sodium.seed, seed, 32);
    dt_mem(k.sodium.tag[0].inner, device, 32);
    for (uint32_t e = 1; e <= 3; e++)
        dt_eq(advance(&k, e), 0);
    memcpy(seed, k.sodium.seed, 32);
    dura_keys_close(&k);
    must_reopen(&k, &s, origin, "epoch 3");
    dt_eq(k.sodium.epoch, 3);
    dt_mem(k.sodium.seed, seed, 32);
    dt_ok(sign_works(&k, 3));
    dura_keys_close(&k);
    scratch_close(&s);
}

DT_TEST(keys_open, refuses_a_second_user_and_an_unknown_origin)
{
    scratch s;
    dura_keys k, other;
    dura_error err = {0};
    uint8_t origin[16] = {1, 2, 3};
    scratch_open(&s);
    must_create(&k, &s);
    dt_eq(dura_keys_open(&other, s.state, k.origin, &err), DURA_ESTATE);
    dt_str(err.file, k.path);
    dt_eq(dura_keys_open(&other, s.state, origin, &err), DURA_ENOENT);
    dt_eq(dura_keys_open(&other, s.state, NULL, NULL), DURA_EINVAL);
    dt_eq(dura_keys_open(NULL, s.state, origin, NULL), DURA_EINVAL);
    dura_keys_close(&k);
    scratch_close(&s);
}

#define HEX64 "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"

DT_TEST(keys_open, refuses_damaged_files_and_names_them)
{
    static const struct {
        const char *name, *file, *text;
    } row[] = {
        {"empty seed", "seed", ""},
        {"short seed", "seed", "epoch 0\nseed 0001\n"},
        {"seed without epoch", "seed", "seed " HEX64 "\n"},
        {"leading zero", "seed", "epoch 01\nseed " HEX64 "\n"},
        {"negative epoch", "seed", "epoch -1\nseed " HEX64 "\n"},
        {"epoch too large", "seed", "epoch 4294967296\nseed " HEX64 "\n"},
        {"text behind", "seed", "epoch 1\nseed " HEX64 "\nx"},
        {"no newline", "seed", "epoch 1\nseed " HEX64},
        {"upper case", "seed", "epoch 1\nseed 000102030405060708090A0b0c0d0e0f101112131415161718191a1b1c1d1e1f\n"},
        {"other epoch-0 seed", "seed", "epoch 0\nseed " HEX64 "\n"},
        {"empty pub", "pub", ""},
        {"pub of another device", "pub", HEX64 "\n"},
        {"empty device key", "device.key", ""},
        {"long device key", "device.key", HEX64 "00\n"},
        {"no hex", "device.key", "g" HEX64 "\n"},
    };
    for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) {
        scratch s;
        dura_keys k, again;
        dura_error err = {0};
        scratch_open(&s);
        must_create(&k, &s);
        dura_keys_close(&k);
        spill(&k, row[i].file, row[i].text);
        dt_eq(dura_keys_open(&again, s.state, k.origin, &err), DURA_ECORRUPT, "%s", row[i].name);
        dt_str(strrchr(err.file, '/') + 1, row[i].file, "%s", row[i].name);
        dura_keys_close(&again);
        scratch_close(&s);
    }
}

DT_TEST(keys_open, misses_files_that_are_gone)
{
    static const char *const name[] = {"seed", "pub", "device.key"};
    for (size_t i = 0; i < 3; i++) {
        scratch s;
        dura_keys k, again;
        char path[1200];
        scratch_open(&s);
        must_create(&k, &s);
        dura_keys_close(&k);
        path_of(path, &k, name[i]);
        dt_eq(unlink(path), 0);
        dt_eq(dura_keys_open(&again, s.state, k.origin, NULL), DURA_ENOENT, "%s", name[i]);
        dt_eq(dura_keys_open(&again, s.state, k.origin, NULL), DURA_ENOENT, "%s: and the lock is free", name[i]);
        scratch_close(&s);
    }
}

DT_TEST(keys_open, follows_no_link)
{
    scratch s;
    dura_keys k, again;
    char path[1200], moved[1200];
    scratch_open(&s);
    must_create(&k, &s);
    dura_keys_close(&k);
    path_of(path, &k, "seed");
    path_of(moved, &k, "elsewhere");
    dt_eq(rename(path, moved), 0);
    dt_eq(symlink("elsewhere", path), 0);
    dt_eq(dura_keys_open(&again, s.state, k.origin, NULL), DURA_EIO);
    scratch_close(&s);
}

/* ---- replacing the seed -------------------------------------------------------------------------- */

DT_TEST(keys_advance, leaves_only_the_new_seed_on_disk)
{
    scratch s;
    dura_keys k;
    uint8_t old[32];
    scratch_open(&s);
    must_create(&k, &s);
    memcpy(old, k.sodium.seed, 32);
    dt_ok(folder_holds(&k, old), "the search finds what is there");
    dt_eq(advance(&k, 1), 0);
    dt_ok(!folder_holds(&k, old));
    dt_ok(folder_holds(&k, k.sodium.seed));
    dt_ok(!exists(&k, "seed.old") && !exists(&k, "seed.new"));
    dura_keys_close(&k);
    scratch_close(&s);
}

DT_TEST(keys_advance, overwrites_the_old_file_before_it_goes)
{
    /* A second name keeps the old file in sight after it was removed. */
    scratch s;
    dura_keys k;
    char path[1200], kept[1200], text[256];
    scratch_open(&s);
    must_create(&k, &s);
    path_of(path, &k, "seed");
    path_of(kept, &k, "kept");
    dt_eq(link(path, kept), 0);
    size_t before = slurp(&k, "kept", text, sizeof text);
    dt_ok(strstr(text, "seed ") != NULL);
    dt_eq(advance(&k, 1), 0);
    dt_eq(slurp(&k, "kept", text, sizeof text), before);
    for (size_t i = 0; i < before; i++)
        dt_eq(text[i], 0, "byte %zu", i);
    dura_keys_close(&k);
    scratch_close(&s);
}

static void die(void *user, int step)
{
    if (*(const int *)user == step)
        kill(getpid(), SIGKILL);
}

/* Advance to `epoch` in a process that is killed at `at`. */
static void advance_and_die(scratch *s, const uint8_t origin[16], uint32_t epoch, int at)
{
    int status;
    pid_t child = fork();
    if (child == 0) {
        dura_keys k;
        if (dura_keys_open(&k, s->state, origin, NULL))
            _exit(9);
        k.on_step = die;
        k.on_step_user = &at;
        _exit(advance(&k, epoch) ? 8 : 7);
    }
    dt_eq(waitpid(child, &status, 0), child);
    dt_ok(WIFSIGNALED(status), "step %d was reached (status %x)", at, status);
}

DT_TEST(keys_advance, killed_at_any_step_is_the_old_epoch_or_the_new)
{
    for (int at = 1; at <= STEPS; at++) {
        scratch s;
        dura_keys k;
        uint8_t seed[2][32];
        scratch_open(&s);
        must_create(&k, &s);
        memcpy(seed[0], k.sodium.seed, 32);
        dura_epoch_next(seed[1], seed[0]);
        dura_keys_close(&k);
        advance_and_die(&s, k.origin, 1, at);
        must_reopen(&k, &s, k.origin, "after the kill");
        uint32_t e = k.sodium.epoch;
        dt_eq(e, at >= 4, "killed at step %d", at);
        dt_mem(k.sodium.seed, seed[e], 32, "killed at step %d", at);
        dt_ok(sign_works(&k, e), "killed at step %d", at);
        dt_ok(!folder_holds(&k, seed[1 - e]), "killed at step %d: the other seed is gone", at);
        dt_ok(!exists(&k, "seed.old") && !exists(&k, "seed.new"), "killed at step %d", at);
        dt_eq(advance(&k, e + 1), 0, "and it goes on");
        dura_keys_close(&k);
        scratch_close(&s);
    }
}

DT_TEST(keys_advance, killed_twice_in_a_row_is_still_whole)
{
    for (int first = 1; first <= STEPS; first++)
        for (int second = 1; second <= STEPS; second += 2) {
            scratch s;
            dura_keys k;
            scratch_open(&s);
            must_create(&k, &s);
            dura_keys_close(&k);
            advance_and_die(&s, k.origin, 1, first);
            advance_and_die(&s, k.origin, first >= 4 ? 2 : 1, second);
            must_reopen(&k, &s, k.origin, "after both");
            dt_eq(k.sodium.epoch, (first >= 4) + (second >= 4), "killed at %d, then %d", first, second);
            dt_ok(sign_works(&k, k.sodium.epoch));
            dura_keys_close(&k);
            scratch_close(&s);
        }
}

DT_TEST(keys_advance, clears_what_an_earlier_failure_left)
{
    static const char *const left[] = {"seed.new", "seed.old"};
    for (int i = 0; i < 2; i++) {
        scratch s;
        dura_keys k;
        char path[1200], kept[1200], text[64];
        scratch_open(&s);
        must_create(&k, &s);
        spill(&k, left[i], "an old secret");
        path_of(path, &k, left[i]);
        path_of(kept, &k, "kept");
        dt_eq(link(path, kept), 0);
        dt_eq(advance(&k, 1), 0, "%s", left[i]);
        dt_ok(!exists(&k, left[i]), "%s", left[i]);
        dt_eq(slurp(&k, "kept", text, sizeof text), 13);
        dt_eq(text[0], 0, "%s was overwritten", left[i]);
        dura_keys_close(&k);
        scratch_close(&s);
    }
}

DT_TEST(keys_advance, keeps_the_old_epoch_when_the_disk_is_full)
{
    scratch s;
    dura_keys k;
    dura_error err = {0};
    scratch_open(&s);
    must_create(&k, &s);
    dt_eq(dura_keys_error(&k, &err), 0, "nothing failed yet");
    limit_files(10);
    dt_eq(advance(&k, 1), -(1000 + EFBIG));
    limit_files(RLIM_INFINITY);
    dt_eq(k.sodium.epoch, 0);
    dt_eq(dura_keys_error(&k, &err), -(1000 + EFBIG));
    dt_str(err.file, k.path);
    dt_ok(sign_works(&k, 0));
    dt_eq(advance(&k, 1), 0, "tried again");
    dt_eq(dura_keys_error(&k, &err), 0);
    dura_keys_close(&k);
    scratch_close(&s);
}

DT_TEST(keys_close, wipes_every_secret)
{
    scratch s;
    dura_keys k;
    uint8_t seed[32], device[32];
    static const dura_sodium zero;
    scratch_open(&s);
    must_create(&k, &s);
    memcpy(seed, k.sodium.seed, 32);
    memcpy(device, k.sodium.tag[0].inner, 32);
    dura_keys_close(&k);
    dt_mem(&k.sodium, &zero, sizeof zero);
    const uint8_t *p = (const uint8_t *)&k;
    for (size_t i = 0; i + 32 <= sizeof k; i++) {
        dt_ok(memcmp(p + i, seed, 32) != 0, "seed at %zu", i);
        dt_ok(memcmp(p + i, device, 32) != 0, "device key at %zu", i);
    }
    dura_keys_close(&k);
    dura_keys_close(NULL);
    memset(&k, 0, sizeof k);
    int fd = open("/dev/null", O_RDONLY);
    dt_ok(fd == 0 || dup2(fd, 0) == 0, "descriptor 0 is there, whoever runs this");
    dura_keys_close(&k);
    dt_ok(fcntl(0, F_GETFD) != -1, "a zero struct does not own descriptor 0");
    if (fd > 0)
        close(fd);
    scratch_close(&s);
}

/* ---- head and lookup ---------------------------------------------------------------------------- */

static dura_keys_head some_head(uint32_t epoch)
{
    dura_keys_head h;
    memset(&h, 0, sizeof h);
    h.known = 1;
    h.epoch = epoch;
    h.size[0] = 17 + epoch;
    h.size[1] = (uint64_t)1 << 40;
    memset(h.root[0], (int)(0x10 + epoch), 32);
    memset(h.root[1], 0xFE, 32);
    return h;
}

DT_TEST(keys_note_head, is_what_lookup_finds)
{
    scratch s;
    dura_keys k;
    dura_keys_head head, got;
    uint8_t pub[32];
    uint32_t epoch = 99;
    scratch_open(&s);
    must_create(&k, &s);
    dt_eq(dura_keys_lookup(s.state, k.origin, pub, &epoch, &got, NULL), DURA_OK, "while in use");
    dt_eq(got.known, 0, "nothing sealed yet");
    dt_eq(epoch, 0);
    dt_mem(pub, k.pub0, 32);
    for (uint32_t e = 0; e < 3; e++) {
        head = some_head(e);
        dt_eq(advance(&k, e + 1), 0);
        dt_eq(dura_keys_note_head(&k, &head), DURA_OK);
        dt_eq(dura_keys_lookup(s.state, k.origin, pub, &epoch, &got, NULL), DURA_OK);
        dt_eq(epoch, e + 1);
        dt_mem(&got, &head, sizeof got, "epoch %u", (unsigned)e);
    }
    dura_keys_close(&k);
    head.known = 0;
    dt_eq(dura_keys_note_head(&k, &head), DURA_EINVAL, "not known");
    head.known = 1;
    dt_eq(dura_keys_note_head(&k, &head), DURA_EINVAL, "closed");
    dt_eq(dura_keys_note_head(NULL, &head), DURA_EINVAL);
    scratch_close(&s);
}

DT_TEST(keys_lookup, works_on_a_copy_with_the_public_key_alone)
{
    static const char *const secret[] = {"seed", "device.key"};
    scratch s;
    dura_keys k;
    uint8_t pub[32];
    uint32_t epoch = 99;
    char path[1200];
    scratch_open(&s);
    must_create(&k, &s);
    dura_keys_close(&k);
    for (int i = 0; i < 2; i++) {
        path_of(path, &k, secret[i]);
        dt_eq(unlink(path), 0);
    }
    dt_eq(dura_keys_lookup(s.state, k.origin, pub, &epoch, NULL, NULL), DURA_OK);
    dt_eq(epoch, 0);
    dt_mem(pub, k.pub0, 32);
    dt_eq(dura_keys_lookup(s.state, k.origin, pub, NULL, NULL, NULL), DURA_OK);
    scratch_close(&s);
}

DT_TEST(keys_lookup, refuses_what_is_unknown_or_damaged)
{
    static const struct {
        const char *name, *file, *text;
    } row[] = {
        {"empty head", "head", ""},
        {"head cut short", "head", "epoch 1\nsecurity 5 " HEX64 "\n"},
        {"head with more", "head", "epoch 1\nsecurity 5 " HEX64 "\ndecision 6 " HEX64 "\nx\n"},
        {"head with a sign", "head", "epoch 1\nsecurity -5 " HEX64 "\ndecision 6 " HEX64 "\n"},
        {"short root", "head", "epoch 1\nsecurity 5 00\ndecision 6 " HEX64 "\n"},
        {"bad seed", "seed", "x"},
        {"foreign pub", "pub", HEX64 "\n"},
    };
    uint8_t pub[32], unknown[16] = {0};
    uint32_t epoch;
    dura_keys_head head;
    for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) {
        scratch s;
        dura_keys k;
        dura_error err = {0};
        scratch_open(&s);
        must_create(&k, &s);
        dura_keys_close(&k);
        spill(&k, row[i].file, row[i].text);
        dt_eq(dura_keys_lookup(s.state, k.origin, pub, &epoch, &head, &err), DURA_ECORRUPT, "%s", row[i].name);
        dt_str(strrchr(err.file, '/') + 1, row[i].file, "%s", row[i].name);
        dt_eq(dura_keys_lookup(s.state, unknown, pub, &epoch, &head, &err), DURA_ENOENT);
        scratch_close(&s);
    }
    dt_eq(dura_keys_lookup("/tmp", NULL, pub, NULL, NULL, NULL), DURA_EINVAL);
}

DT_TEST(keys_state_dir, follows_the_environment)
{
    static const struct {
        const char *dura, *xdg, *home, *want;
    } row[] = {
        {"/d", "/x", "/h", "/d"},
        {NULL, "/x", "/h", "/x/dura"},
        {"", "/x", "/h", "/x/dura"},
        {NULL, "relative", "/h", "/h/.local/state/dura"},
        {NULL, NULL, "/h", "/h/.local/state/dura"},
        {"relative", NULL, NULL, "relative"},
        {NULL, NULL, NULL, NULL},
        {NULL, NULL, "", NULL},
    };
    static const char *const name[3] = {"DURA_STATE", "XDG_STATE_HOME", "HOME"};
    char buf[64];
    for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) {
        const char *const value[3] = {row[i].dura, row[i].xdg, row[i].home};
        for (int v = 0; v < 3; v++)
            dt_eq(value[v] ? setenv(name[v], value[v], 1) : unsetenv(name[v]), 0);
        dt_eq(dura_keys_state_dir(buf, sizeof buf), row[i].want ? DURA_OK : DURA_ENOENT, "row %zu", i);
        if (row[i].want)
            dt_str(buf, row[i].want, "row %zu", i);
    }
    uint8_t origin[16] = {0}, pub[32];
    dura_error err = {0};
    dt_eq(dura_keys_lookup(NULL, origin, pub, NULL, NULL, &err), DURA_ENOENT);
    dt_ok(strstr(err.text, "DURA_STATE") != NULL, "%.200s", err.text);
    setenv("DURA_STATE", "/tmp/0123456789", 1);
    dt_eq(dura_keys_state_dir(buf, 15), DURA_ENOSPC);
    dt_eq(dura_keys_state_dir(buf, 16), DURA_OK);
}

DT_TEST(keys_create, uses_the_default_folder_when_none_is_named)
{
    scratch s;
    dura_keys k, again;
    scratch_open(&s);
    setenv("DURA_STATE", s.state, 1);
    dt_eq(dura_keys_create(&k, NULL, 0, NULL), DURA_OK);
    dt_eq(strncmp(k.path, s.state, strlen(s.state)), 0);
    dura_keys_close(&k);
    dt_eq(dura_keys_open(&again, NULL, k.origin, NULL), DURA_OK);
    dura_keys_close(&again);
    scratch_close(&s);
}

/* ---- keys everybody knows -------------------------------------------------------------------------- */

DT_TEST(keys_demo, follows_from_its_public_sentence)
{
    static const char text[] = "dura demo key: public, never for production";
    dura_keys k;
    uint8_t seed[32], pub[32];
    crypto_hash_sha256(seed, (const uint8_t *)text, sizeof text - 1);
    dura_epoch_public(pub, seed);
    dt_mem(dura_keys_demo_public(), pub, 32);
    dt_eq(dura_keys_demo(&k, 0), DURA_OK);
    dt_mem(k.sodium.seed, seed, 32);
    dt_mem(k.pub0, pub, 32);
    dt_ok(sign_works(&k, 0));
    dt_eq(advance(&k, 1), 0, "in memory");
    dura_keys_head h = some_head(0);
    dt_eq(dura_keys_note_head(&k, &h), DURA_OK, "nothing to remember");
    dura_keys_close(&k);
    dt_eq(dura_keys_demo(NULL, 0), DURA_EINVAL);
}

DT_TEST(keys_demo, can_be_resumed_at_any_epoch)
{
    dura_keys walked, jumped;
    dt_eq(dura_keys_create(&walked, "/nowhere", DURA_KEYS_DEMO, NULL), DURA_OK, "touches no disk");
    for (uint32_t e = 1; e <= 5; e++)
        dt_eq(advance(&walked, e), 0);
    dt_eq(dura_keys_demo(&jumped, 5), DURA_OK);
    dt_mem(jumped.sodium.seed, walked.sodium.seed, 32);
    dt_mem(jumped.sodium.tag[0].inner, walked.sodium.tag[0].inner, 32);
    dt_mem(jumped.origin, walked.origin, 16);
    dt_ok(sign_works(&jumped, 5));
    dura_keys_close(&walked);
    dura_keys_close(&jumped);
}

DT_TEST(dev_public_key, follows_from_its_public_sentence)
{
    static const char text[] = "dura development key: public, never for production";
    uint8_t seed[32], pub[32], secret[64], sig[64];
    crypto_hash_sha256(seed, (const uint8_t *)text, sizeof text - 1);
    crypto_sign_seed_keypair(pub, secret, seed);
    dt_mem(dura_dev_seed(), seed, 32);
    dt_mem(dura_dev_public_key(), pub, 32);
    dura_keyfile_sign(dura_dev_seed(), "m", 1, sig, NULL);
    dt_eq(dura_ed25519_verify(dura_dev_public_key(), "m", 1, sig), DURA_OK);
}

/* ---- key files ------------------------------------------------------------------------------------------ */

typedef struct pair {
    char secret[96], public[96];
} pair;

static pair pair_in(const scratch *s)
{
    pair p;
    snprintf(p.secret, sizeof p.secret, "%s/my.key", s->root);
    snprintf(p.public, sizeof p.public, "%s/my.pub", s->root);
    return p;
}

DT_TEST(keyfile_make, gives_files_that_load_and_sign)
{
    scratch s;
    uint8_t seed[32], pub[32], own[32], sig[64];
    struct stat st;
    scratch_open(&s);
    pair p = pair_in(&s);
    umask(0);
    dt_eq(dura_keyfile_make(p.secret, p.public, NULL), DURA_OK);
    dt_eq(stat(p.secret, &st), 0);
    dt_eq(st.st_mode & 0777, 0600);
    dt_eq(dura_keyfile_load(p.secret, seed, NULL), DURA_OK);
    dt_eq(dura_keyfile_public(p.public, pub, NULL), DURA_OK);
    dura_keyfile_sign(seed, "release", 7, sig, own);
    dt_mem(own, pub, 32);
    dt_eq(dura_ed25519_verify(pub, "release", 7, sig), DURA_OK);
    scratch_close(&s);
}

DT_TEST(keyfile_make, overwrites_nothing_and_leaves_no_half_pair)
{
    scratch s;
    dura_error err = {0};
    scratch_open(&s);
    pair p = pair_in(&s);
    dt_eq(dura_keyfile_make(p.secret, p.public, NULL), DURA_OK);
    dt_eq(dura_keyfile_make(p.secret, p.public, &err), DURA_ESTATE);
    dt_str(err.file, p.secret);
    dt_eq(unlink(p.secret), 0);
    dt_eq(dura_keyfile_make(p.secret, p.public, &err), DURA_ESTATE, "the public one is there");
    dt_str(err.file, p.public);
    dt_ok(access(p.secret, F_OK) != 0, "the new secret was removed again");
    dt_eq(dura_keyfile_make("/dev/full", p.public, &err), DURA_ESTATE, "a device is no key file");
    dt_eq(dura_keyfile_make("/dev/null/x", p.public, &err), DURA_EIO);
    dt_eq(dura_keyfile_make(NULL, p.public, &err), DURA_EINVAL);
    limit_files(10);
    dt_eq(unlink(p.public), 0);
    dt_eq(dura_keyfile_make(p.secret, p.public, &err), DURA_EIO, "full disk");
    limit_files(RLIM_INFINITY);
    dt_ok(access(p.secret, F_OK) != 0, "no half file");
    scratch_close(&s);
}

DT_TEST(keyfile_load, refuses_other_texts)
{
    static const struct {
        const char *name, *text;
        int secret, public;
    } row[] = {
        {"secret", "dura-ed25519-secret " HEX64 "\n", DURA_OK, DURA_ESYNTAX},
        {"secret, no newline", "dura-ed25519-secret " HEX64, DURA_OK, DURA_ESYNTAX},
        {"public", HEX64 "\n", DURA_ESYNTAX, DURA_OK},
        {"public, no newline", HEX64, DURA_ESYNTAX, DURA_OK},
        {"empty", "", DURA_ESYNTAX, DURA_ESYNTAX},
        {"a digit short", "00" HEX64, DURA_ESYNTAX, DURA_ESYNTAX},
        {"two lines", HEX64 "\n\n", DURA_ESYNTAX, DURA_ESYNTAX},
        {"upper case", "000102030405060708090A0B0C0D0E0F101112131415161718191a1b1c1d1e1f\n", DURA_ESYNTAX,
         DURA_ESYNTAX},
        {"too long", HEX64 HEX64 HEX64 HEX64 HEX64, DURA_ESYNTAX, DURA_ESYNTAX},
    };
    uint8_t key[32];
    for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) {
        scratch s;
        dura_error err = {0};
        scratch_open(&s);
        pair p = pair_in(&s);
        FILE *f = fopen(p.secret, "w");
        dt_ok(f != NULL);
        fputs(row[i].text, f);
        fclose(f);
        dt_eq(dura_keyfile_load(p.secret, key, &err), row[i].secret, "%s as secret", row[i].name);
        dt_eq(dura_keyfile_public(p.secret, key, &err), row[i].public, "%s as public", row[i].name);
        scratch_close(&s);
    }
    dt_eq(dura_keyfile_load("/nowhere/key", key, NULL), DURA_ENOENT);
    dt_eq(dura_keyfile_load("/dev/null", key, NULL), DURA_EIO, "no regular file");
    dt_eq(dura_keyfile_public(NULL, key, NULL), DURA_EINVAL);
}
