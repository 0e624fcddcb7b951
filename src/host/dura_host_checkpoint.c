/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The text a seal signs and the file `checkpoint` of a closed log (docs/formats/log.md
 * section 3): a C2SP tlog-checkpoint in a signed note, so that witnesses and verifiers
 * that know nothing of dura can check it.
 *
 * Reading is strict in one line of code: what was read is written again and must be the
 * same text. Only what the seal signed counts; signature lines of others are passed over.
 */
#include "dura_host_verify_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* ---- writing ---------------------------------------------------------------------- */

static size_t copy(char *out, const char *s)
{
    size_t n = strlen(s);
    memcpy(out, s, n);
    return n;
}

/* "dura:<origin>/<log>": the first line, and the name of the key. */
static size_t put_name(const durai_checkpoint *c, char *out)
{
    size_t n = copy(out, "dura:");
    n += durai_hex(out + n, c->origin, 16);
    return n + copy(out + n, c->log == DURA_LOG_SECURITY ? "/security" : "/decision");
}

size_t durai_checkpoint_text(const durai_checkpoint *c, char out[DURAI_CP_TEXT])
{
    size_t n = put_name(c, out);
    n += copy(out + n, "\n");
    n += durai_dec(out + n, c->size);
    n += copy(out + n, "\n");
    n += durai_base64(out + n, c->root, 32);
    n += copy(out + n, "\nepoch ");
    n += durai_dec(out + n, c->epoch);
    n += copy(out + n, "\nother ");
    n += durai_dec(out + n, c->other_size);
    n += copy(out + n, " ");
    n += durai_base64(out + n, c->other_root, 32);
    n += copy(out + n, "\nnext ");
    n += durai_base64(out + n, c->next, 32);
    n += copy(out + n, "\ngseq ");
    n += durai_dec(out + n, c->gseq);
    n += copy(out + n, c->final ? "\nfinal\n" : "\n");
    DURA_ASSERT(n < DURAI_CP_TEXT);
    return n;
}

size_t durai_checkpoint_note(const durai_checkpoint *c, const uint8_t pub[32], char out[DURAI_CP_NOTE])
{
    uint8_t blob[4 + 64], id[32];
    char name[64];
    dura_sha256 h;
    size_t n_name = put_name(c, name);
    size_t n = durai_checkpoint_text(c, out);
    dura_sha256_init(&h);
    dura_sha256_update(&h, name, n_name);
    dura_sha256_update(&h, "\n\x01", 2);       /* C2SP signed-note: 0x01 is Ed25519 */
    dura_sha256_update(&h, pub, 32);
    dura_sha256_final(&h, id);
    memcpy(blob, id, 4);
    memcpy(blob + 4, c->sig, 64);
    n += copy(out + n, "\n\xE2\x80\x94 ");     /* em dash */
    memcpy(out + n, name, n_name);
    n += n_name;
    n += copy(out + n, " ");
    n += durai_base64(out + n, blob, sizeof blob);
    n += copy(out + n, "\n");
    DURA_ASSERT(n < DURAI_CP_NOTE);
    return n;
}

void durai_checkpoint_of(durai_checkpoint *c, const dura_record *seal, const uint8_t origin[16])
{
    const uint8_t *p = NULL;
    size_t n = 0;
    uint64_t v = 0;
    durai_item it;
    DURA_ASSERT(seal->kind == DURA_REC_SEAL);
    memset(c, 0, sizeof *c);
    memcpy(c->origin, origin, 16);
    c->log = seal->log;
    c->size = seal->seq;
    c->gseq = seal->gseq;
    if (dura_record_uint(seal, 16, &v) == DURA_OK)
        c->epoch = (uint32_t)v;
    if (dura_record_uint(seal, 18, &v) == DURA_OK)
        c->other_size = v;
    if (dura_record_bytes(seal, 17, &p, &n) == DURA_OK)
        memcpy(c->root, p, 32);
    if (dura_record_bytes(seal, 19, &p, &n) == DURA_OK)
        memcpy(c->other_root, p, 32);
    if (dura_record_bytes(seal, 20, &p, &n) == DURA_OK)
        memcpy(c->next, p, 32);
    c->has_sig = dura_record_bytes(seal, 21, &p, &n) == DURA_OK && n == 64;
    if (c->has_sig)
        memcpy(c->sig, p, 64);
    c->final = durai_cbor_find(seal->cbor, seal->len, 22, &it, NULL) == DURA_OK;
}

/* ---- reading ---------------------------------------------------------------------- */

typedef struct text_in {
    const char *p, *end;
} text_in;

static int expect(text_in *t, const char *s)
{
    size_t n = strlen(s);
    if ((size_t)(t->end - t->p) < n || memcmp(t->p, s, n) != 0)
        return DURA_ESYNTAX;
    t->p += n;
    return DURA_OK;
}

static int read_dec(text_in *t, uint64_t *v)
{
    uint64_t x = 0;
    const char *start = t->p;
    for (; t->p < t->end && *t->p >= '0' && *t->p <= '9' && t->p - start < 20; t->p++)
        x = 10 * x + (uint64_t)(*t->p - '0'); /* a wrap is caught when written again */
    *v = x;
    return t->p > start ? DURA_OK : DURA_ESYNTAX;
}

static int hex_digit(char ch)
{
    if (ch >= '0' && ch <= '9')
        return ch - '0';
    return ch >= 'a' && ch <= 'f' ? ch - 'a' + 10 : -1;
}

static int read_hex(text_in *t, uint8_t *out, size_t n)
{
    for (size_t i = 0; i < n; i++, t->p += 2) {
        if (t->end - t->p < 2 || hex_digit(t->p[0]) < 0 || hex_digit(t->p[1]) < 0)
            return DURA_ESYNTAX;
        out[i] = (uint8_t)(hex_digit(t->p[0]) << 4 | hex_digit(t->p[1]));
    }
    return DURA_OK;
}

static int base64_digit(char ch)
{
    if (ch >= 'A' && ch <= 'Z')
        return ch - 'A';
    if (ch >= 'a' && ch <= 'z')
        return ch - 'a' + 26;
    if (ch >= '0' && ch <= '9')
        return ch - '0' + 52;
    return ch == '+' ? 62 : ch == '/' ? 63 : -1;
}

/* Exactly n bytes of padded base64. Stray bits are caught when written again. */
static int read_base64(text_in *t, uint8_t *out, size_t n)
{
    size_t chars = (n + 2) / 3 * 4;
    if ((size_t)(t->end - t->p) < chars)
        return DURA_ESYNTAX;
    for (size_t i = 0, o = 0; i < chars; i += 4) {
        uint32_t x = 0;
        for (size_t k = 0; k < 4; k++) {
            int d = base64_digit(t->p[i + k]);
            if (d < 0 && o + k <= n)
                return DURA_ESYNTAX;
            x = x << 6 | (uint32_t)(d < 0 ? 0 : d);
        }
        for (int shift = 16; shift >= 0 && o < n; shift -= 8)
            out[o++] = (uint8_t)(x >> shift);
    }
    t->p += chars;
    return DURA_OK;
}

static int read_text(text_in *t, durai_checkpoint *c)
{
    uint64_t epoch = 0;
    int bad = expect(t, "dura:") || read_hex(t, c->origin, 16);
    if (!bad && expect(t, "/security\n") == DURA_OK)
        c->log = DURA_LOG_SECURITY;
    else if (!bad && expect(t, "/decision\n") == DURA_OK)
        c->log = DURA_LOG_DECISION;
    else
        return DURA_ESYNTAX;
    bad = read_dec(t, &c->size) || expect(t, "\n") || read_base64(t, c->root, 32) ||
          expect(t, "\nepoch ") || read_dec(t, &epoch) || expect(t, "\nother ") ||
          read_dec(t, &c->other_size) || expect(t, " ") || read_base64(t, c->other_root, 32) ||
          expect(t, "\nnext ") || read_base64(t, c->next, 32) || expect(t, "\ngseq ") ||
          read_dec(t, &c->gseq) || expect(t, "\n");
    if (bad || epoch > UINT32_MAX)
        return DURA_ESYNTAX;
    c->epoch = (uint32_t)epoch;
    c->final = expect(t, "final\n") == DURA_OK;
    return expect(t, "\n");
}

/* The signature line that carries the log's own name. */
static int read_signature(text_in *t, durai_checkpoint *c)
{
    char name[64];
    size_t n = put_name(c, name);
    while (t->p < t->end) {
        const char *nl = memchr(t->p, '\n', (size_t)(t->end - t->p));
        text_in line = {t->p, nl};
        uint8_t blob[68];
        if (!nl || expect(&line, "\xE2\x80\x94 ") != DURA_OK)
            return DURA_ESYNTAX;
        t->p = nl + 1;
        if ((size_t)(line.end - line.p) <= n || memcmp(line.p, name, n) != 0 || line.p[n] != ' ')
            continue; /* somebody else's */
        line.p += n + 1;
        if (read_base64(&line, blob, sizeof blob) != DURA_OK || line.p != line.end)
            return DURA_ESYNTAX;
        memcpy(c->sig, blob + 4, 64);
        c->has_sig = 1;
        return DURA_OK;
    }
    return DURA_ESYNTAX;
}

int durai_checkpoint_parse(durai_checkpoint *c, const char *p, size_t n)
{
    char again[DURAI_CP_TEXT];
    text_in t = {p, p + n};
    memset(c, 0, sizeof *c);
    if (n == 0 || read_text(&t, c) != DURA_OK)
        return DURA_ESYNTAX;
    size_t len = durai_checkpoint_text(c, again);
    if (len + 1 != (size_t)(t.p - p) || memcmp(again, p, len) != 0)
        return DURA_ESYNTAX;
    return read_signature(&t, c);
}

/* ---- files ------------------------------------------------------------------------- */

/* The last two seals (or the genesis) of a log, looked for from its end. */
typedef struct last_seals {
    durai_checkpoint final;
    uint8_t pub[32];         /* key that signed it */
    uint8_t have_final, have_pub;
} last_seals;

/* One segment's records in order: the last seal in it, and the key before that. */
static int seals_in_segment(durai_cursor *c, uint32_t k, last_seals *s)
{
    durai_checkpoint here, seal;
    uint8_t key[32];
    int have_seal = 0, have_key = 0, at = DURAI_AT_END;
    const uint8_t *p;
    size_t n;
    int rc = durai_cursor_segment(c, k);
    if (rc != DURA_OK || !c->have_head)
        return rc;
    memset(&seal, 0, sizeof seal);
    for (at = durai_cursor_look(c); at == DURAI_AT_FRAME; at = durai_cursor_look(c)) {
        if (c->rec.kind == DURA_REC_GENESIS && dura_record_bytes(&c->rec, 17, &p, &n) == DURA_OK) {
            memcpy(key, p, 32);
            have_key = 1;
        } else if (c->rec.kind == DURA_REC_SEAL) {
            durai_checkpoint_of(&here, &c->rec, c->head.origin);
            if (have_seal) {
                memcpy(key, seal.next, 32);
                have_key = 1;
            }
            seal = here;
            have_seal = 1;
        } else if (!s->have_final) {
            seal.final = 0; /* something follows: it does not end the log */
        }
        durai_cursor_pass(c);
    }
    if (at < 0)
        return at;
    if (s->have_final) { /* looking for the key only */
        if (have_seal || have_key) {
            memcpy(s->pub, have_seal ? seal.next : key, 32);
            s->have_pub = 1;
        }
        return DURA_OK;
    }
    s->final = seal;
    s->have_final = (uint8_t)have_seal;
    s->have_pub = (uint8_t)(have_seal && have_key);
    if (s->have_pub)
        memcpy(s->pub, key, 32);
    return DURA_OK;
}

static int find_seals(const durai_files *files, uint8_t log, last_seals *s)
{
    durai_cursor c;
    memset(s, 0, sizeof *s);
    int rc = durai_cursor_open(&c, files, log);
    if (rc != DURA_OK)
        return rc;
    for (size_t i = c.n_segments; i > 0 && rc == DURA_OK && !s->have_pub; i--) {
        rc = seals_in_segment(&c, c.segment[i - 1], s);
        int used = c.have_head && c.offset > c.head.bytes;
        if (used && !s->have_final)
            break; /* the last records are no seal */
    }
    durai_cursor_close(&c);
    if (rc == DURA_OK && (!s->have_final || !s->final.final))
        return DURA_ESTATE;
    return rc == DURA_OK && !s->have_pub ? DURA_ECORRUPT : rc;
}

static int write_all(int fd, const char *p, size_t n)
{
    while (n) {
        ssize_t w = write(fd, p, n);
        if (w < 0 && errno == EINTR)
            continue;
        if (w <= 0)
            return DURA_EIO;
        p += w;
        n -= (size_t)w;
    }
    return DURA_OK;
}

/* Durable under its name or not there at all: written aside, synced, renamed, synced. */
static int replace_file(int dir, const char *name, const char *p, size_t n)
{
    static const char aside[] = ".checkpoint.new";
    int fd = openat(dir, aside, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0)
        return DURA_EIO;
    int rc = write_all(fd, p, n);
    if (rc == DURA_OK && fsync(fd) != 0)
        rc = DURA_EIO;
    if (close(fd) != 0)
        rc = DURA_EIO;
    if (rc == DURA_OK && (renameat(dir, aside, dir, name) != 0 || fsync(dir) != 0))
        rc = DURA_EIO;
    if (rc != DURA_OK)
        (void)unlinkat(dir, aside, 0);
    return rc;
}

static int open_log(const durai_folder *f, uint8_t log)
{
    return openat(f->fd, durai_log_folder(log), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

static int save_one(const durai_folder *f, const durai_files *files, uint8_t log)
{
    static const uint8_t zero[32] = {0};
    last_seals s;
    char note[DURAI_CP_NOTE];
    int rc = find_seals(files, log, &s);
    if (rc != DURA_OK)
        return rc;
    if (!s.final.has_sig || memcmp(s.pub, zero, 32) == 0)
        return DURA_OK; /* the device cannot sign: there is nothing to show */
    size_t n = durai_checkpoint_note(&s.final, s.pub, note);
    int dir = open_log(f, log);
    if (dir < 0)
        return DURA_EIO;
    rc = replace_file(dir, "checkpoint", note, n);
    close(dir);
    return rc;
}

int dura_checkpoint_save(const char *folder, dura_error *err)
{
    durai_folder f;
    durai_files files;
    if (!folder)
        return dura_error_set(err, DURA_EINVAL, NULL, 0, NULL, "no folder");
    int rc = durai_folder_open(&f, &files, folder, err);
    for (uint8_t log = 1; log <= 2 && rc == DURA_OK; log++) {
        rc = save_one(&f, &files, log);
        if (rc != DURA_OK)
            dura_error_set(err, rc, folder, 0, durai_log_folder(log), "checkpoint: %s",
                           rc == DURA_ESTATE ? "the log has no final seal" : dura_strerror(rc));
    }
    durai_folder_close(&f);
    return rc;
}

int dura_checkpoint_reset(const char *folder, dura_error *err)
{
    durai_folder f;
    durai_files files;
    if (!folder)
        return dura_error_set(err, DURA_EINVAL, NULL, 0, NULL, "no folder");
    int rc = durai_folder_open(&f, &files, folder, err);
    for (uint8_t log = 1; log <= 2 && rc == DURA_OK; log++) {
        int dir = open_log(&f, log);
        if (dir < 0)
            continue;
        if ((unlinkat(dir, "checkpoint", 0) != 0 && errno != ENOENT) || fsync(dir) != 0)
            rc = dura_error_set(err, DURA_EIO, folder, 0, durai_log_folder(log),
                                "cannot remove the checkpoint: %s", strerror(errno));
        close(dir);
    }
    durai_folder_close(&f);
    return rc;
}
