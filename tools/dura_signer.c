/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A signer for the commands: the seed of a key file, or a command run by the shell. The command
 * gets what is to be signed (the DSSE pre-authentication encoding) on its standard input and
 * says the signature: 64 bytes, or 128 hex digits. It is verified before anything is written.
 */
#include "dura_signer.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

enum { PHRASE_MAX = 1024 };

static void wipe(void *p, size_t n)
{
    volatile uint8_t *b = p;
    while (n--)
        *b++ = 0;
}

/* One line from the terminal, not shown. */
static int ask(int tty, const char *prompt, char out[PHRASE_MAX])
{
    struct termios before, quiet;
    size_t n = 0;
    char c = 0;
    if (tcgetattr(tty, &before) != 0)
        return DURA_EIO;
    quiet = before;
    quiet.c_lflag &= ~(tcflag_t)ECHO;
    (void)tcsetattr(tty, TCSAFLUSH, &quiet);
    (void)!write(tty, prompt, strlen(prompt));
    while (n + 1 < PHRASE_MAX && read(tty, &c, 1) == 1 && c != '\n')
        out[n++] = c;
    out[n] = 0;
    (void)tcsetattr(tty, TCSAFLUSH, &before);
    (void)!write(tty, "\n", 1);
    return c == '\n' && n ? DURA_OK : DURA_EINVAL;
}

static int passphrase(const char *path, int twice, char out[PHRASE_MAX], dura_error *err)
{
    const char *env = getenv("DURA_PASSPHRASE");
    char prompt[256], again[PHRASE_MAX];
    if (env && *env && strlen(env) < PHRASE_MAX) {
        memcpy(out, env, strlen(env) + 1);
        return DURA_OK;
    }
    int tty = env ? -1 : open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY);
    if (tty < 0)
        return dura_error_set(err, DURA_EDENIED, path, 0, NULL, "wants a passphrase: set DURA_PASSPHRASE, or run this in a terminal");
    (void)snprintf(prompt, sizeof prompt, "passphrase of %.200s: ", path);
    int rc = ask(tty, prompt, out);
    if (rc == DURA_OK && twice && (rc = ask(tty, "once more: ", again)) == DURA_OK && strcmp(out, again) != 0)
        rc = dura_error_set(err, DURA_EINVAL, path, 0, NULL, "the two passphrases differ");
    wipe(again, sizeof again);
    (void)close(tty);
    return rc == DURA_OK || (err && err->text[0]) ? rc : dura_error_set(err, rc, path, 0, NULL, "there was no passphrase");
}

int signer_load(const char *path, uint8_t seed[DURA_SEED_BYTES], dura_error *err)
{
    char phrase[PHRASE_MAX];
    int rc = dura_keyfile_open(path, NULL, 0, seed, err);
    if (rc != DURA_EDENIED)
        return rc;
    if (err)
        memset(err, 0, sizeof *err);
    rc = passphrase(path, 0, phrase, err);
    if (rc == DURA_OK)
        rc = dura_keyfile_open(path, phrase, strlen(phrase), seed, err);
    wipe(phrase, sizeof phrase);
    return rc;
}

int signer_seal(const char *path, const char *public_path, dura_error *err)
{
    char phrase[PHRASE_MAX];
    int rc = passphrase(path, 1, phrase, err);
    if (rc == DURA_OK)
        rc = dura_keyfile_seal(path, public_path, phrase, strlen(phrase), err);
    wipe(phrase, sizeof phrase);
    return rc;
}

int signer_open(signer_key *k, dura_error *err)
{
    return k->command ? dura_keyfile_public(k->pub_path, k->pub, err) : signer_load(k->path, k->seed, err);
}

void signer_close(signer_key *k)
{
    wipe(k->seed, sizeof k->seed);
}

static int digit(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* 64 bytes as they are, or 128 hex digits and a line end. */
static int parse(const char *said, size_t n, uint8_t sig[DURA_SIG_BYTES])
{
    if (n == DURA_SIG_BYTES) {
        memcpy(sig, said, DURA_SIG_BYTES);
        return DURA_OK;
    }
    while (n > 0 && (said[n - 1] == '\n' || said[n - 1] == '\r'))
        n--;
    for (size_t i = 0; n == 2 * DURA_SIG_BYTES && i < DURA_SIG_BYTES; i++) {
        int hi = digit(said[2 * i]), lo = digit(said[2 * i + 1]);
        if (hi < 0 || lo < 0)
            return DURA_EIO;
        sig[i] = (uint8_t)(hi << 4 | lo);
    }
    return n == 2 * DURA_SIG_BYTES ? DURA_OK : DURA_EIO;
}

static void child(const char *command, int in, int out, int spare_in, int spare_out)
{
    (void)close(spare_in);
    (void)close(spare_out);
    if (dup2(in, 0) == 0 && dup2(out, 1) == 1)
        (void)execl("/bin/sh", "sh", "-c", command, (char *)NULL);
    _exit(127);
}

/* All of it, whatever the other side does. */
static void feed(int fd, const uint8_t *p, size_t n)
{
    while (n > 0) {
        ssize_t did = write(fd, p, n);
        if (did < 0 && errno == EINTR)
            continue;
        if (did <= 0)
            return;
        p += did;
        n -= (size_t)did;
    }
}

static size_t drain(int fd, char *out, size_t room)
{
    size_t n = 0;
    char extra[64];
    for (;;) {
        ssize_t did = read(fd, n < room ? out + n : extra, n < room ? room - n : sizeof extra);
        if (did < 0 && errno == EINTR)
            continue;
        if (did <= 0)
            return n;
        n += (size_t)did;
    }
}

static int run(const char *command, const void *msg, size_t len, char *said, size_t *n)
{
    int to[2], from[2], status = 0;
    void (*before)(int) = signal(SIGPIPE, SIG_IGN);
    if (pipe(to) != 0)
        return DURA_EIO;
    if (pipe(from) != 0) {
        (void)close(to[0]);
        (void)close(to[1]);
        return DURA_EIO;
    }
    fflush(stdout);
    pid_t pid = fork();
    if (pid == 0)
        child(command, to[0], from[1], to[1], from[0]);
    (void)close(to[0]);
    (void)close(from[1]);
    if (pid > 0)
        feed(to[1], msg, len);
    (void)close(to[1]);
    *n = pid > 0 ? drain(from[0], said, *n) : 0;
    (void)close(from[0]);
    while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
    (void)signal(SIGPIPE, before);
    return pid > 0 && WIFEXITED(status) && WEXITSTATUS(status) == 0 ? DURA_OK : DURA_EIO;
}

int signer_sign(void *user, const void *msg, size_t n, uint8_t sig[DURA_SIG_BYTES], uint8_t pub[DURA_PUBKEY_BYTES])
{
    signer_key *k = user;
    char said[160];
    size_t len = sizeof said;
    if (!k->command)
        return dura_keyfile_signer(k->seed, msg, n, sig, pub);
    memcpy(pub, k->pub, sizeof k->pub);
    int rc = run(k->command, msg, n, said, &len);
    return rc == DURA_OK && len < sizeof said ? parse(said, len, sig) : DURA_EIO;
}
