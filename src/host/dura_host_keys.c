/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The state folder: where the log's seed lives between runs, and how it is replaced.
 *
 * Replacement has to survive a cut between any two steps with exactly one of two
 * outcomes, the old epoch or the new one, and must not leave the old seed readable once
 * the new one is durable. So: write `seed.new`, sync it; give the old file a second name
 * `seed.old`; rename the new one over `seed`; sync the folder; only then overwrite and
 * remove `seed.old`. Whoever finds `seed.old` later finishes the job - unless it is still
 * the same file as `seed`, in which case the rename never happened.
 */
#include <dura/host/keys.h>

#include "../base/dura_base_priv.h"
#include "dura_host_storage_io.h"

#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define TEXT_MAX 256      /* bytes of the longest file here, `head` */
#define SECRET_WORD "dura-ed25519-secret "
#define SEALED_WORD "dura-ed25519-sealed argon2id "

/* Argon2id as RFC 9106 section 4 recommends where memory is short: 3 passes, 64 MiB. A file may
 * ask for more, but not for so much that reading it is an attack. */
enum { SEAL_PASSES = 3, SEAL_KIB = 65536, SEAL_PASSES_MAX = 32, SEAL_KIB_MAX = 1 << 20, SEAL_BOX = 32 + crypto_secretbox_MACBYTES };

/* SHA-256("dura demo key: public, never for production") and the public key that follows;
 * tests derive all four again. */
static const uint8_t demo_seed[32] = {
    0xad, 0x6e, 0x26, 0x9e, 0xb8, 0x91, 0xff, 0x3c, 0x7f, 0x5b, 0x49, 0xd9, 0x41, 0x45, 0x4e, 0xe7,
    0xec, 0xe3, 0xd8, 0x24, 0x69, 0x45, 0xce, 0xc6, 0xbc, 0xf8, 0x30, 0xd8, 0xdf, 0x85, 0x8a, 0x62};
static const uint8_t demo_public[32] = {
    0xed, 0x35, 0xc7, 0x46, 0x56, 0x27, 0xb4, 0x5e, 0x4f, 0xd7, 0x12, 0x4d, 0xa3, 0x6b, 0xbf, 0x5f,
    0x3f, 0xbd, 0xa5, 0xf3, 0x0c, 0xca, 0xe7, 0xb3, 0x0c, 0xb7, 0x36, 0x47, 0xc4, 0x04, 0x29, 0x03};
/* SHA-256("dura development key: public, never for production"), used as Ed25519 seed. */
static const uint8_t dev_seed[32] = {
    0x7a, 0x0a, 0xc7, 0xce, 0x07, 0x79, 0x09, 0x4c, 0x83, 0x13, 0x52, 0xf7, 0xf5, 0xeb, 0xd1, 0xb3,
    0x7d, 0xfd, 0x99, 0x3b, 0x7b, 0x78, 0xd5, 0x31, 0xc1, 0xda, 0xbf, 0x5c, 0x1d, 0x2c, 0x61, 0x16};
static const uint8_t dev_public[32] = {
    0x10, 0xd5, 0xe0, 0xd8, 0x96, 0x12, 0x73, 0x26, 0xe8, 0x5e, 0x2a, 0xa2, 0xe1, 0xd1, 0x03, 0x2f,
    0x61, 0x59, 0x83, 0xfe, 0x02, 0xd4, 0xc9, 0x6b, 0xdf, 0x05, 0x55, 0xc2, 0xbe, 0xa7, 0xd4, 0xdc};

const uint8_t *dura_keys_demo_public(void)
{
    return demo_public;
}

const uint8_t *dura_dev_public_key(void)
{
    return dev_public;
}

const uint8_t *dura_dev_seed(void)
{
    return dev_seed;
}

/* ---- texts ------------------------------------------------------------------------------ */

static int digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* n bytes from 2n lower-case hex digits. Text ends in a NUL, so a short one stops here. */
static int unhex(uint8_t *out, const char *text, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        int hi = digit(text[2 * i]), lo = hi < 0 ? -1 : digit(text[2 * i + 1]);
        if (lo < 0)
            return DURA_ESYNTAX;
        out[i] = (uint8_t)(hi * 16 + lo);
    }
    return 0;
}

static void hex(char *out, const uint8_t *p, size_t n)
{
    size_t len = durai_hex(out, p, n);
    DURA_ASSERT(len == 2 * n);
    out[len] = '\0';
}

/* One line of 64 digits, with or without its newline. */
static int parse_line(uint8_t out[32], const char *text)
{
    int rc = unhex(out, text, 32);
    if (rc == 0 && text[64] != '\0' && strcmp(text + 64, "\n") != 0)
        rc = DURA_ESYNTAX;
    return rc;
}

static int render_seed(char text[TEXT_MAX], uint32_t epoch, const uint8_t seed[32])
{
    char digits[65];
    hex(digits, seed, 32);
    int n = snprintf(text, TEXT_MAX, "epoch %u\nseed %s\n", (unsigned)epoch, digits);
    DURA_ASSERT(n > 0 && n < TEXT_MAX);
    sodium_memzero(digits, sizeof digits);
    return n;
}

/* Parsed leniently, then rendered and compared: exactly one spelling is accepted. */
static int parse_seed(const char *text, uint32_t *epoch, uint8_t seed[32])
{
    char again[TEXT_MAX];
    unsigned e = 0;
    int at = 0, rc = DURA_ECORRUPT;
    if (sscanf(text, "epoch %10u\nseed %n", &e, &at) == 1 && at && unhex(seed, text + at, 32) == 0) {
        *epoch = e;
        render_seed(again, e, seed);
        rc = strcmp(again, text) == 0 ? 0 : DURA_ECORRUPT;
    }
    sodium_memzero(again, sizeof again);
    return rc;
}

static int render_head(char text[TEXT_MAX], const dura_keys_head *h)
{
    char root[2][65];
    hex(root[0], h->root[0], 32);
    hex(root[1], h->root[1], 32);
    return snprintf(text, TEXT_MAX, "epoch %u\nsecurity %llu %s\ndecision %llu %s\n", (unsigned)h->epoch,
                    (unsigned long long)h->size[0], root[0], (unsigned long long)h->size[1], root[1]);
}

static int parse_head(const char *text, dura_keys_head *h)
{
    char again[TEXT_MAX], root[2][65];
    unsigned long long size[2];
    unsigned e;
    memset(h, 0, sizeof *h);
    if (sscanf(text, "epoch %10u\nsecurity %20llu %64s\ndecision %20llu %64s", &e, &size[0], root[0],
               &size[1], root[1]) != 5)
        return DURA_ECORRUPT;
    h->epoch = e;
    for (int i = 0; i < 2; i++) {
        h->size[i] = size[i];
        if (unhex(h->root[i], root[i], 32))
            return DURA_ECORRUPT;
    }
    h->known = 1;
    render_head(again, h);
    return strcmp(again, text) == 0 ? 0 : DURA_ECORRUPT;
}

/* ---- replacing the seed -------------------------------------------------------------------- */

static void step(dura_keys *k, int number)
{
    if (k->on_step)
        k->on_step(k->on_step_user, number);
}

/* Overwrite what is behind fd, so that a later reader of the blocks finds zeros. Best
 * effort: there is nothing left to do when it fails. */
static void overwrite(int fd)
{
    struct stat st;
    if (fstat(fd, &st) == 0 && durai_io_zero(fd, 0, (uint64_t)st.st_size) == 0)
        (void)durai_io_sync(fd);
}

static void wipe_file(int folder, const char *name)
{
    int fd = durai_io_open(folder, name, O_WRONLY, 0);
    if (fd >= 0) {
        overwrite(fd);
        close(fd);
    }
    (void)unlinkat(folder, name, 0);
}

/* Finish what a cut interrupted. A `seed.new` never counted; a `seed.old` is the past as
 * soon as `seed` is another file. */
static int finish(int folder)
{
    struct stat old, now;
    wipe_file(folder, "seed.new");
    if (fstatat(folder, "seed.old", &old, AT_SYMLINK_NOFOLLOW) < 0)
        return 0;
    if (fstatat(folder, "seed", &now, AT_SYMLINK_NOFOLLOW) < 0)
        return durai_io_code();
    if (old.st_ino == now.st_ino && old.st_dev == now.st_dev)
        return unlinkat(folder, "seed.old", 0) < 0 ? durai_io_code() : 0;
    int rc = durai_io_sync(folder); /* the rename has to be durable before the old one goes */
    if (rc == 0)
        wipe_file(folder, "seed.old");
    return rc;
}

/* From here on `seed` is the new one. The old file is still open as fd. */
static int commit(dura_keys *k, int old)
{
    DURA_ASSERT(k->folder >= 0 && old >= 0);
    if (renameat(k->folder, "seed.new", k->folder, "seed") < 0) {
        int rc = durai_io_code();
        (void)finish(k->folder);
        return rc;
    }
    step(k, 4);
    int rc = durai_io_sync(k->folder);
    step(k, 5);
    if (rc)
        return rc;
    overwrite(old); /* by descriptor: works without `seed.old` too */
    step(k, 6);
    (void)unlinkat(k->folder, "seed.old", 0);
    step(k, 7);
    return 0;
}

static int replace_seed(dura_keys *k, uint32_t epoch, const uint8_t seed[32])
{
    char text[TEXT_MAX];
    DURA_ASSERT(k->folder >= 0 && epoch == k->sodium.epoch + 1);
    int rc = finish(k->folder);
    step(k, 1);
    if (rc == 0) {
        int n = render_seed(text, epoch, seed);
        rc = durai_io_put(k->folder, "seed.new", 0600, text, (size_t)n);
        sodium_memzero(text, sizeof text);
    }
    step(k, 2);
    int old = rc ? rc : durai_io_open(k->folder, "seed", O_WRONLY, 0);
    if (old < 0)
        return old;
    /* where hard links do not exist the descriptor alone has to do */
    (void)linkat(k->folder, "seed", k->folder, "seed.old", 0);
    step(k, 3);
    rc = commit(k, old);
    close(old);
    return rc;
}

static int persist(void *user, uint32_t epoch, const uint8_t seed[32])
{
    dura_keys *k = user;
    k->code = replace_seed(k, epoch, seed);
    return k->code;
}

/* ---- the state folder ------------------------------------------------------------------------ */

int dura_keys_state_dir(char *buf, size_t n)
{
    const char *dir = getenv("DURA_STATE"), *tail = "";
    if (!dir || !*dir) {
        dir = getenv("XDG_STATE_HOME");
        tail = "/dura";
        if (!dir || *dir != '/') { /* the XDG specification ignores relative paths */
            dir = getenv("HOME");
            tail = "/.local/state/dura";
        }
    }
    if (!dir || !*dir)
        return DURA_ENOENT;
    int len = snprintf(buf, n, "%s%s", dir, tail);
    return len < 0 || (size_t)len >= n ? DURA_ENOSPC : DURA_OK;
}

/* The state folder's path, given or default. */
static int resolve(char state[DURA_KEYS_PATH_MAX], const char *given, dura_error *err)
{
    int rc = DURA_OK;
    if (!given)
        rc = dura_keys_state_dir(state, DURA_KEYS_PATH_MAX);
    else if (!*given || strlen(given) >= DURA_KEYS_PATH_MAX)
        rc = DURA_ELIMIT;
    else
        memcpy(state, given, strlen(given) + 1);
    if (rc == DURA_ENOENT)
        return dura_error_set(err, rc, NULL, 0, NULL,
                              "no state folder: set DURA_STATE or HOME, or name one with --state");
    return rc ? dura_error_set(err, rc, given, 0, NULL, "the state folder's path is empty or too long") : rc;
}

/* <state>/<origin> */
static int device_path(char path[DURA_KEYS_PATH_MAX], const char *state, const uint8_t origin[16],
                       dura_error *err)
{
    char name[33];
    hex(name, origin, DURA_ORIGIN_BYTES);
    int n = snprintf(path, DURA_KEYS_PATH_MAX, "%s/%s", state, name);
    if (n > 0 && n < DURA_KEYS_PATH_MAX)
        return DURA_OK;
    return dura_error_set(err, DURA_ELIMIT, state, 0, NULL, "the state folder's path is too long");
}

static int io_failed(dura_error *err, const char *folder, const char *file, int io, const char *what)
{
    char path[DURA_KEYS_PATH_MAX + 16];
    snprintf(path, sizeof path, "%s%s%s", folder, *file ? "/" : "", file);
    if (io == DURA_ESTATE)
        return dura_error_set(err, DURA_ESTATE, path, 0, NULL,
                              "these keys are in use by another run; wait for it to end");
    if (io == DURA_ECORRUPT || io == DURA_ESYNTAX || io == DURA_ELIMIT)
        return dura_error_set(err, DURA_ECORRUPT, path, 0, NULL,
                              "is damaged; restore the folder from a copy, or begin a new log");
    int none = io == DURA_ENOENT || durai_io_errno(io) == ENOENT;
    return durai_io_error(err, none ? DURA_ENOENT : DURA_EIO, path, io, what);
}

/* Everything a fresh struct starts from. */
static void blank(dura_keys *k, uint32_t flags)
{
    memset(k, 0, sizeof *k);
    k->folder = -1;
    k->flags = flags;
}

/* Give up: nothing secret stays in *k. Returns rc. */
static int give_up(dura_keys *k, int rc)
{
    dura_keys_close(k);
    return rc;
}

/* Open and lock k->path. */
static int enter(dura_keys *k, dura_error *err)
{
    DURA_ASSERT(k->folder < 0 && k->path[0]);
    int fd = durai_io_folder(AT_FDCWD, k->path);
    if (fd < 0)
        return io_failed(err, k->path, "", fd, "open the folder");
    int rc = durai_io_lock(fd);
    if (rc) {
        close(fd);
        return io_failed(err, k->path, "", rc, "lock the folder");
    }
    k->folder = fd;
    return DURA_OK;
}

/* The files of a new device. `seed` comes last: a folder without it is no device yet. */
static int put_files(dura_keys *k, const uint8_t seed[32], const uint8_t device[32], dura_error *err)
{
    static const char *const name[3] = {"pub", "device.key", "seed"};
    char text[3][TEXT_MAX];
    int n[3], rc = 0;
    hex(text[0], k->pub0, 32);
    hex(text[1], device, 32);
    n[0] = n[1] = 65;
    text[0][64] = text[1][64] = '\n';
    n[2] = render_seed(text[2], 0, seed);
    for (int i = 0; i < 3 && rc == 0; i++) {
        rc = durai_io_put(k->folder, name[i], i ? 0600 : 0644, text[i], (size_t)n[i]);
        if (rc)
            rc = io_failed(err, k->path, name[i], rc, "write");
    }
    sodium_memzero(text, sizeof text);
    if (rc == 0 && (rc = durai_io_sync(k->folder)) != 0)
        rc = io_failed(err, k->path, "", rc, "sync");
    return rc;
}

/* A device that could not be made whole is not left lying about. */
static void undo(dura_keys *k)
{
    DURA_ASSERT(k->folder >= 0 && k->path[0]);
    wipe_file(k->folder, "seed");
    wipe_file(k->folder, "device.key");
    (void)unlinkat(k->folder, "pub", 0);
    (void)unlinkat(AT_FDCWD, k->path, AT_REMOVEDIR);
}

/* A folder for a device with this first seed. */
static int make_device(dura_keys *k, const char *state, const uint8_t seed[32], const uint8_t device[32],
                       dura_error *err)
{
    dura_epoch_public(k->pub0, seed);
    dura_epoch_origin(k->origin, k->pub0);
    int rc = device_path(k->path, state, k->origin, err);
    if (rc)
        return rc;
    if ((rc = durai_io_mkdirs(state)) < 0 || (rc = durai_io_mkdir(AT_FDCWD, k->path, 0700)) < 0)
        return io_failed(err, k->path, "", rc, "create the folder");
    rc = enter(k, err);
    if (rc)
        return rc;
    rc = put_files(k, seed, device, err);
    if (rc)
        undo(k);
    return rc ? rc : dura_sodium_init(&k->sodium, seed, 0, device, persist, k);
}

int dura_keys_create(dura_keys *k, const char *state_dir, uint32_t flags, dura_error *err)
{
    char state[DURA_KEYS_PATH_MAX];
    uint8_t seed[32], device[32];
    if (!k || (flags & ~(uint32_t)DURA_KEYS_DEMO) || sodium_init() < 0)
        return dura_error_set(err, DURA_EINVAL, state_dir, 0, NULL, "unknown flag, or no randomness");
    if (flags & DURA_KEYS_DEMO)
        return dura_keys_demo(k, 0);
    blank(k, flags);
    int rc = resolve(state, state_dir, err);
    if (rc)
        return rc;
    randombytes_buf(seed, sizeof seed);
    randombytes_buf(device, sizeof device);
    rc = make_device(k, state, seed, device, err);
    sodium_memzero(seed, sizeof seed);
    sodium_memzero(device, sizeof device);
    return rc ? give_up(k, rc) : DURA_OK;
}

/* A file of one hex line in the device's folder. */
static int load_line(int folder, const char *path, const char *name, uint8_t out[32], dura_error *err)
{
    char text[TEXT_MAX];
    int rc = durai_io_load(folder, name, text, sizeof text);
    if (rc >= 0)
        rc = parse_line(out, text);
    sodium_memzero(text, sizeof text);
    return rc ? io_failed(err, path, name, rc, "read") : DURA_OK;
}

/* `pub`, which has to be the one the folder is named after. */
static int load_pub(int folder, const char *path, const uint8_t origin[16], uint8_t pub[32],
                    dura_error *err)
{
    uint8_t of_pub[16];
    int rc = load_line(folder, path, "pub", pub, err);
    if (rc)
        return rc;
    dura_epoch_origin(of_pub, pub);
    return memcmp(of_pub, origin, 16) == 0 ? DURA_OK : io_failed(err, path, "pub", DURA_ECORRUPT, "");
}

static int load_seed(int folder, uint32_t *epoch, uint8_t seed[32])
{
    char text[TEXT_MAX];
    int rc = durai_io_load(folder, "seed", text, sizeof text);
    if (rc >= 0)
        rc = parse_seed(text, epoch, seed);
    sodium_memzero(text, sizeof text);
    return rc;
}

/* Read an entered folder into the provider. */
static int load_device(dura_keys *k, dura_error *err)
{
    uint8_t seed[32], device[32], pub[32];
    uint32_t epoch = 0;
    int rc = finish(k->folder);
    if (rc == 0)
        rc = load_seed(k->folder, &epoch, seed);
    if (rc)
        rc = io_failed(err, k->path, "seed", rc, "read");
    if (rc == 0)
        rc = load_pub(k->folder, k->path, k->origin, k->pub0, err);
    if (rc == 0)
        rc = load_line(k->folder, k->path, "device.key", device, err);
    if (rc == 0 && epoch == 0) {
        dura_epoch_public(pub, seed);
        if (memcmp(pub, k->pub0, 32) != 0)
            rc = io_failed(err, k->path, "seed", DURA_ECORRUPT, "");
    }
    if (rc == 0)
        rc = dura_sodium_init(&k->sodium, seed, epoch, device, persist, k);
    sodium_memzero(seed, sizeof seed);
    sodium_memzero(device, sizeof device);
    return rc;
}

int dura_keys_open(dura_keys *k, const char *state_dir, const uint8_t origin[DURA_ORIGIN_BYTES],
                   dura_error *err)
{
    char state[DURA_KEYS_PATH_MAX];
    uint8_t own[DURA_ORIGIN_BYTES]; /* origin may lie in *k, from the last time it was open */
    if (!k || !origin)
        return dura_error_set(err, DURA_EINVAL, state_dir, 0, NULL, "no keys or no origin given");
    memcpy(own, origin, sizeof own);
    blank(k, 0);
    memcpy(k->origin, own, sizeof own);
    int rc = resolve(state, state_dir, err);
    if (rc == DURA_OK)
        rc = device_path(k->path, state, own, err);
    if (rc == DURA_OK)
        rc = enter(k, err);
    if (rc == DURA_OK)
        rc = load_device(k, err);
    return rc ? give_up(k, rc) : DURA_OK;
}

int dura_keys_demo(dura_keys *k, uint32_t epoch)
{
    static const char label[] = "dura demo device key: public, never for production";
    uint8_t seed[32], device[32];
    if (!k)
        return DURA_EINVAL;
    blank(k, DURA_KEYS_DEMO);
    memcpy(seed, demo_seed, 32);
    memcpy(k->pub0, demo_public, 32);
    dura_epoch_origin(k->origin, demo_public);
    dura_sha256_query(device, label, sizeof label - 1);
    for (uint32_t e = 0; e < epoch; e++)
        dura_epoch_next(seed, seed);
    return dura_sodium_init(&k->sodium, seed, epoch, device, NULL, NULL);
}

const dura_crypto *dura_keys_crypto(const dura_keys *k)
{
    return &k->sodium.crypto;
}

static int put_head(const dura_keys *k, const char *text, int n)
{
    (void)unlinkat(k->folder, "head.new", 0);
    int rc = durai_io_put(k->folder, "head.new", 0644, text, (size_t)n);
    if (rc == 0 && renameat(k->folder, "head.new", k->folder, "head") < 0)
        rc = durai_io_code();
    return rc ? rc : durai_io_sync(k->folder);
}

int dura_keys_note_head(dura_keys *k, const dura_keys_head *head)
{
    char text[TEXT_MAX];
    if (!k || !head || !head->known)
        return DURA_EINVAL;
    if (k->folder < 0)
        return k->flags & DURA_KEYS_DEMO ? DURA_OK : DURA_EINVAL;
    int n = render_head(text, head);
    DURA_ASSERT(n > 0 && n < TEXT_MAX);
    k->code = put_head(k, text, n);
    return k->code;
}

void dura_keys_close(dura_keys *k)
{
    if (!k)
        return;
    if (k->folder >= 0 && k->path[0]) /* a zero struct holds no descriptor */
        close(k->folder);
    k->folder = -1;
    dura_sodium_deinit(&k->sodium);
}

int dura_keys_error(const dura_keys *k, dura_error *err)
{
    if (!k->code)
        return 0;
    io_failed(err, k->path, "", k->code, "replace a file in the folder");
    return k->code;
}

/* `head`, if it is there. */
static int load_head(int folder, const char *path, dura_keys_head *head, dura_error *err)
{
    char text[TEXT_MAX];
    memset(head, 0, sizeof *head);
    int rc = durai_io_load(folder, "head", text, sizeof text);
    if (rc == DURA_ENOENT)
        return DURA_OK;
    if (rc >= 0)
        rc = parse_head(text, head);
    return rc ? io_failed(err, path, "head", rc, "read") : DURA_OK;
}

/* The epoch held. A folder with `pub` alone (a copy for verifying), or a seed that is not
 * ours to read, says nothing: 0. */
static int load_epoch(int folder, const char *path, uint32_t *epoch, dura_error *err)
{
    uint8_t seed[32];
    *epoch = 0;
    int rc = load_seed(folder, epoch, seed);
    sodium_memzero(seed, sizeof seed);
    if (rc == DURA_ENOENT || durai_io_errno(rc) == EACCES)
        return DURA_OK;
    return rc ? io_failed(err, path, "seed", rc, "read") : DURA_OK;
}

int dura_keys_lookup(const char *state_dir, const uint8_t origin[DURA_ORIGIN_BYTES],
                     uint8_t pub[DURA_PUBKEY_BYTES], uint32_t *epoch, dura_keys_head *head, dura_error *err)
{
    char state[DURA_KEYS_PATH_MAX], path[DURA_KEYS_PATH_MAX];
    if (!origin || !pub)
        return dura_error_set(err, DURA_EINVAL, state_dir, 0, NULL, "no origin given");
    int rc = resolve(state, state_dir, err);
    if (rc == DURA_OK)
        rc = device_path(path, state, origin, err);
    if (rc)
        return rc;
    int folder = durai_io_folder(AT_FDCWD, path);
    if (folder < 0)
        return io_failed(err, path, "", folder, "open the folder");
    rc = load_pub(folder, path, origin, pub, err);
    if (rc == DURA_OK && epoch)
        rc = load_epoch(folder, path, epoch, err);
    if (rc == DURA_OK && head)
        rc = load_head(folder, path, head, err);
    close(folder);
    return rc;
}

/* ---- key files of people ------------------------------------------------------------------------ */

static int put_keyfile(const char *path, unsigned mode, const char *word, const uint8_t key[32],
                       dura_error *err)
{
    char text[TEXT_MAX], digits[65];
    hex(digits, key, 32);
    int n = snprintf(text, sizeof text, "%s%s\n", word, digits);
    DURA_ASSERT(n > 64 && n < TEXT_MAX);
    int rc = durai_io_put(AT_FDCWD, path, mode, text, (size_t)n);
    sodium_memzero(text, sizeof text);
    sodium_memzero(digits, sizeof digits);
    if (durai_io_errno(rc) == EEXIST)
        return dura_error_set(err, DURA_ESTATE, path, 0, NULL,
                              "is there already; a key file is never overwritten, choose another name");
    return rc ? durai_io_error(err, DURA_EIO, path, rc, "write the key file") : DURA_OK;
}

int dura_keyfile_make(const char *secret_path, const char *public_path, dura_error *err)
{
    uint8_t seed[32], pub[32], secret[64];
    if (!secret_path || !public_path || sodium_init() < 0)
        return dura_error_set(err, DURA_EINVAL, secret_path, 0, NULL, "no path given, or no randomness");
    randombytes_buf(seed, sizeof seed);
    (void)crypto_sign_seed_keypair(pub, secret, seed);
    int rc = put_keyfile(secret_path, 0600, SECRET_WORD, seed, err);
    if (rc == DURA_OK) {
        rc = put_keyfile(public_path, 0644, "", pub, err);
        if (rc)
            wipe_file(AT_FDCWD, secret_path);
    }
    sodium_memzero(seed, sizeof seed);
    sodium_memzero(secret, sizeof secret);
    return rc;
}

/* The text of a key file. */
static int load_keyfile(const char *path, char text[TEXT_MAX], dura_error *err)
{
    if (!path)
        return dura_error_set(err, DURA_EINVAL, NULL, 0, NULL, "no key file given");
    int rc = durai_io_load(AT_FDCWD, path, text, TEXT_MAX);
    if (rc >= 0)
        return DURA_OK;
    if (rc == DURA_ELIMIT)
        return dura_error_set(err, DURA_ESYNTAX, path, 0, NULL, "is too long for a key file");
    return durai_io_error(err, rc == DURA_ENOENT ? rc : DURA_EIO, path, rc, "read the key file");
}

/* ---- sealed by a passphrase --------------------------------------------------------------------- */

static int seal_key(uint8_t key[crypto_secretbox_KEYBYTES], const char *passphrase, size_t n, unsigned passes, unsigned kib,
                    const uint8_t salt[crypto_pwhash_SALTBYTES])
{
    return crypto_pwhash(key, crypto_secretbox_KEYBYTES, passphrase, n, salt, passes, (size_t)kib << 10,
                         crypto_pwhash_ALG_ARGON2ID13) == 0 ? DURA_OK : DURA_ENOSPC;
}

/* The salt is fresh, so the key is used once and the nonce may be zeros. */
static int seal_text(char text[TEXT_MAX], const uint8_t seed[32], const char *passphrase, size_t n)
{
    static const uint8_t nonce[crypto_secretbox_NONCEBYTES];
    uint8_t key[crypto_secretbox_KEYBYTES], salt[crypto_pwhash_SALTBYTES], box[SEAL_BOX];
    char salt_hex[2 * sizeof salt + 1], box_hex[2 * sizeof box + 1];
    randombytes_buf(salt, sizeof salt);
    int rc = seal_key(key, passphrase, n, SEAL_PASSES, SEAL_KIB, salt);
    if (rc != DURA_OK)
        return rc;
    (void)crypto_secretbox_easy(box, seed, 32, nonce, key);
    sodium_memzero(key, sizeof key);
    hex(salt_hex, salt, sizeof salt);
    hex(box_hex, box, sizeof box);
    return snprintf(text, TEXT_MAX, SEALED_WORD "%d %d %s %s\n", SEAL_PASSES, SEAL_KIB, salt_hex, box_hex);
}

int dura_keyfile_seal(const char *secret_path, const char *public_path, const char *passphrase, size_t n, dura_error *err)
{
    uint8_t seed[32], pub[32], secret[64];
    char text[TEXT_MAX];
    if (!secret_path || !public_path || !passphrase || !n || sodium_init() < 0)
        return dura_error_set(err, DURA_EINVAL, secret_path, 0, NULL, "no path or no passphrase given, or no randomness");
    randombytes_buf(seed, sizeof seed);
    (void)crypto_sign_seed_keypair(pub, secret, seed);
    int len = seal_text(text, seed, passphrase, n), rc = len < 0 ? len : DURA_OK;
    if (rc == DURA_OK)
        rc = durai_io_put(AT_FDCWD, secret_path, 0600, text, (size_t)len);
    if (durai_io_errno(rc) == EEXIST)
        rc = dura_error_set(err, DURA_ESTATE, secret_path, 0, NULL,
                            "is there already; a key file is never overwritten, choose another name");
    else if (rc != DURA_OK)
        rc = durai_io_error(err, rc == DURA_ENOSPC ? rc : DURA_EIO, secret_path, rc, "write the key file");
    if (rc == DURA_OK && (rc = put_keyfile(public_path, 0644, "", pub, err)) != DURA_OK)
        wipe_file(AT_FDCWD, secret_path);
    sodium_memzero(seed, sizeof seed);
    sodium_memzero(secret, sizeof secret);
    return rc;
}

/* The text behind SEALED_WORD. */
static int unseal(const char *text, const char *passphrase, size_t n, uint8_t seed[32])
{
    static const uint8_t nonce[crypto_secretbox_NONCEBYTES];
    uint8_t key[crypto_secretbox_KEYBYTES], salt[crypto_pwhash_SALTBYTES], box[SEAL_BOX];
    unsigned passes = 0, kib = 0;
    int at = 0;
    if (sscanf(text, "%2u %7u %n", &passes, &kib, &at) != 2 || at == 0 || passes < 1 || passes > SEAL_PASSES_MAX || kib < 8 ||
        kib > SEAL_KIB_MAX || strlen(text + at) != 2 * sizeof salt + 1 + 2 * sizeof box + 1)
        return DURA_ESYNTAX;
    const char *second = text + at + 2 * sizeof salt;
    if (unhex(salt, text + at, sizeof salt) != 0 || *second != ' ' || unhex(box, second + 1, sizeof box) != 0)
        return DURA_ESYNTAX;
    int rc = seal_key(key, passphrase, n, passes, kib, salt);
    if (rc == DURA_OK && crypto_secretbox_open_easy(seed, box, sizeof box, nonce, key) != 0)
        rc = DURA_EAUTH;
    sodium_memzero(key, sizeof key);
    return rc;
}

int dura_keyfile_open(const char *path, const char *passphrase, size_t n, uint8_t seed[DURA_SEED_BYTES], dura_error *err)
{
    char text[TEXT_MAX];
    size_t word = sizeof SEALED_WORD - 1;
    int rc = sodium_init() < 0 ? DURA_EINVAL : load_keyfile(path, text, err);
    if (rc != DURA_OK)
        return rc;
    if (strncmp(text, SEALED_WORD, word) != 0)
        rc = dura_keyfile_load(path, seed, err);
    else if (!passphrase)
        rc = dura_error_set(err, DURA_EDENIED, path, 0, NULL, "is sealed by a passphrase, and none is given");
    else if ((rc = unseal(text + word, passphrase, n, seed)) != DURA_OK)
        rc = dura_error_set(err, rc, path, 0, NULL, rc == DURA_EAUTH ? "does not open: another passphrase, or the file was altered"
                            : rc == DURA_ENOSPC ? "takes more memory than there is" : "is no sealed key file of this build");
    sodium_memzero(text, sizeof text);
    return rc;
}

int dura_keyfile_load(const char *path, uint8_t seed[DURA_SEED_BYTES], dura_error *err)
{
    char text[TEXT_MAX];
    size_t word = sizeof SECRET_WORD - 1;
    int rc = load_keyfile(path, text, err);
    if (rc == DURA_OK && (strncmp(text, SECRET_WORD, word) != 0 || parse_line(seed, text + word) != 0))
        rc = dura_error_set(err, DURA_ESYNTAX, path, 1, NULL,
                            strncmp(text, SEALED_WORD, sizeof SEALED_WORD - 1) == 0
                                ? "is sealed by a passphrase" : "is not a secret key file; it begins with \"" SECRET_WORD "\"");
    sodium_memzero(text, sizeof text);
    return rc;
}

int dura_keyfile_public(const char *path, uint8_t pub[DURA_PUBKEY_BYTES], dura_error *err)
{
    char text[TEXT_MAX];
    int rc = load_keyfile(path, text, err);
    if (rc == DURA_OK && (strncmp(text, SECRET_WORD, sizeof SECRET_WORD - 1) == 0 ||
                          strncmp(text, SEALED_WORD, sizeof SEALED_WORD - 1) == 0))
        rc = dura_error_set(err, DURA_ESYNTAX, path, 1, NULL,
                            "is the secret key; give the public one, and keep this to yourself");
    else if (rc == DURA_OK && parse_line(pub, text) != 0)
        rc = dura_error_set(err, DURA_ESYNTAX, path, 1, NULL,
                            "is not a public key file: one line of 64 lower-case hex digits");
    sodium_memzero(text, sizeof text);
    return rc;
}

void dura_keyfile_sign(const uint8_t seed[DURA_SEED_BYTES], const void *msg, size_t n,
                       uint8_t sig[DURA_SIG_BYTES], uint8_t pub[DURA_PUBKEY_BYTES])
{
    uint8_t secret[64], own[32];
    (void)crypto_sign_seed_keypair(own, secret, seed);
    (void)crypto_sign_detached(sig, NULL, msg, n, secret);
    if (pub)
        memcpy(pub, own, 32);
    sodium_memzero(secret, sizeof secret);
}

int dura_keyfile_signer(void *seed, const void *msg, size_t n, uint8_t sig[DURA_SIG_BYTES], uint8_t pub[DURA_PUBKEY_BYTES])
{
    if (!seed || !sig || !pub)
        return DURA_EINVAL;
    dura_keyfile_sign(seed, msg, n, sig, pub);
    return DURA_OK;
}
