/* SPDX-License-Identifier: Apache-2.0 */
/*
 * C2SP signed notes: checkpoints with the lines of logs and witnesses (c2sp.org/signed-note,
 * tlog-checkpoint, tlog-cosignature), the proof of one record (tlog-proof), and what is said
 * to a witness (tlog-witness). Text only: somebody else moves it.
 *
 * Every number and every base64 string that is read has one way to be written; what is not
 * that is refused, so that two texts never say the same thing.
 */
#include <dura/host/crypto.h>
#include <dura/host/proof.h>

#include "../base/dura_base_priv.h"

#include <sodium.h>
#include <stdlib.h>

#define DASH "\xE2\x80\x94 "         /* em dash, space */

/* ---- writing ------------------------------------------------------------------------- */

/* Counts on when there is no room: the end knows whether all of it fitted. */
typedef struct note_out {
    char *p;
    size_t cap, n;
} note_out;

static void put(note_out *o, const void *p, size_t n)
{
    if (o->n <= o->cap && n <= o->cap - o->n && n)
        memcpy(o->p + o->n, p, n);
    o->n += n;
}

static void put_text(note_out *o, const char *s)
{
    put(o, s, strlen(s));
}

static void put_number(note_out *o, uint64_t v)
{
    char b[20];
    put(o, b, durai_dec(b, v));
}

static void put_base64(note_out *o, const uint8_t *p, size_t n)
{
    char b[4 * ((76 + 2) / 3)];
    DURA_ASSERT(n <= 76);
    put(o, b, durai_base64(b, p, n));
}

static void put_hashes(note_out *o, const uint8_t (*path)[32], size_t n)
{
    for (size_t i = 0; i < n; i++) {
        put_base64(o, path[i], 32);
        put_text(o, "\n");
    }
}

static int finish(const note_out *o, size_t *len)
{
    int rc = o->n <= o->cap ? DURA_OK : DURA_ENOSPC;
    *len = o->n;
    return rc;
}

/* ---- reading --------------------------------------------------------------------------- */

static int digit64(char ch)
{
    if (ch >= 'A' && ch <= 'Z')
        return ch - 'A';
    if (ch >= 'a' && ch <= 'z')
        return ch - 'a' + 26;
    if (ch >= '0' && ch <= '9')
        return ch - '0' + 52;
    return ch == '+' ? 62 : ch == '/' ? 63 : -1;
}

/* Bytes that the text says in padded base64, kept up to cap of them; -1: it is none. */
static int64_t read_base64(dura_note_text t, uint8_t *out, size_t cap)
{
    size_t pad = t.len && t.p[t.len - 1] == '=' ? 1 : 0, n = 0;
    if (t.len == 0 || t.len % 4)
        return -1;
    pad += pad && t.p[t.len - 2] == '=' ? 1 : 0;
    for (size_t i = 0; i < t.len; i += 4) {
        uint32_t x = 0;
        size_t keep = i + 4 == t.len ? 3 - pad : 3;
        for (size_t k = 0; k < 4; k++) {
            int d = k > keep ? 0 : digit64(t.p[i + k]);
            if (d < 0)
                return -1;
            x = x << 6 | (uint32_t)d;
        }
        if (x & ((1u << (8 * (3 - keep))) - 1u))
            return -1; /* stray bits: another text for the same bytes */
        for (size_t k = 0; k < keep; k++, n++)
            if (n < cap)
                out[n] = (uint8_t)(x >> (16 - 8 * k));
    }
    return (int64_t)n;
}

static int read_hash(dura_note_text t, uint8_t out[32])
{
    return t.len == 44 && read_base64(t, out, 32) == 32 ? DURA_OK : DURA_ESYNTAX;
}

static int read_number(dura_note_text t, uint64_t *v)
{
    uint64_t x = 0;
    if (t.len == 0 || (t.len > 1 && t.p[0] == '0'))
        return DURA_ESYNTAX;
    for (size_t i = 0; i < t.len; i++) {
        uint64_t d = (uint64_t)(t.p[i] - '0');
        if (t.p[i] < '0' || t.p[i] > '9' || x > (UINT64_MAX - d) / 10)
            return DURA_ESYNTAX;
        x = 10 * x + d;
    }
    *v = x;
    return DURA_OK;
}

/* The next line without its newline, taken off the front of *t. */
static int next_line(dura_note_text *t, dura_note_text *line)
{
    const char *nl = t->len ? memchr(t->p, '\n', t->len) : NULL;
    if (!nl)
        return DURA_ESYNTAX;
    line->p = t->p;
    line->len = (size_t)(nl - t->p);
    t->p = nl + 1;
    t->len -= line->len + 1;
    return DURA_OK;
}

static int starts(dura_note_text *t, const char *with)
{
    size_t n = strlen(with);
    if (t->len < n || memcmp(t->p, with, n) != 0)
        return 0;
    t->p += n;
    t->len -= n;
    return 1;
}

/* One character of UTF-8 (RFC 3629); its bytes, 0: it is none. */
static size_t read_utf8(const uint8_t *p, size_t n, uint32_t *c)
{
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    size_t len = p[0] < 0x80 ? 1 : p[0] >= 0xC2 && p[0] < 0xE0 ? 2 : (p[0] & 0xF0) == 0xE0 ? 3 : p[0] >= 0xF0 && p[0] < 0xF5 ? 4 : 0;
    if (len == 0 || len > n)
        return 0;
    *c = len == 1 ? p[0] : p[0] & (0x7Fu >> len);
    for (size_t i = 1; i < len; i++) {
        if ((p[i] & 0xC0) != 0x80)
            return 0;
        *c = *c << 6 | (p[i] & 0x3Fu);
    }
    return *c < least[len] || *c > 0x10FFFF || (*c >= 0xD800 && *c < 0xE000) ? 0 : len;
}

/* Valid UTF-8 without control characters; `name`: and without what no name may have. */
static int text_is_clean(dura_note_text t, int name)
{
    uint32_t c = 0;
    for (size_t i = 0, n; i < t.len; i += n) {
        n = read_utf8((const uint8_t *)t.p + i, t.len - i, &c);
        if (n == 0 || (c < 0x20 && (name || c != '\n')))
            return 0;
        if (name && (c == ' ' || c == '+' || c == 0x85 || c == 0xA0 || c == 0x1680 || (c >= 0x2000 && c <= 0x200A) ||
                     c == 0x2028 || c == 0x2029 || c == 0x202F || c == 0x205F || c == 0x3000))
            return 0;
    }
    return 1;
}

static int read_line(dura_note_text line, dura_note_line *out)
{
    uint8_t id[4];
    if (!starts(&line, DASH))
        return DURA_ESYNTAX;
    const char *space = line.len ? memchr(line.p, ' ', line.len) : NULL;
    if (!space || space == line.p)
        return DURA_ESYNTAX;
    out->name.p = line.p;
    out->name.len = (size_t)(space - line.p);
    out->signature.p = space + 1;
    out->signature.len = line.len - out->name.len - 1;
    int64_t n = read_base64(out->signature, id, sizeof id);
    if (n < 5 || !text_is_clean(out->name, 1))
        return DURA_ESYNTAX;
    out->id = (uint32_t)id[0] << 24 | (uint32_t)id[1] << 16 | (uint32_t)id[2] << 8 | id[3];
    out->bytes = (uint32_t)(n - 4);
    return DURA_OK;
}

static int read_lines(dura_note_text t, dura_note *note)
{
    dura_note_text line;
    while (t.len) {
        if (note->n_lines == DURA_NOTE_SIGNATURES)
            return DURA_ELIMIT;
        if (next_line(&t, &line) != DURA_OK || read_line(line, &note->line[note->n_lines++]) != DURA_OK)
            return DURA_ESYNTAX;
    }
    return note->n_lines ? DURA_OK : DURA_ESYNTAX;
}

/* Origin, size, root, and lines of the log's own that are not empty. */
static int read_body(dura_note *note)
{
    dura_note_text t = note->text, line;
    if (next_line(&t, &note->origin) != DURA_OK || note->origin.len == 0)
        return DURA_ESYNTAX;
    if (next_line(&t, &line) != DURA_OK || read_number(line, &note->size) != DURA_OK)
        return DURA_ESYNTAX;
    if (next_line(&t, &line) != DURA_OK || read_hash(line, note->root) != DURA_OK)
        return DURA_ESYNTAX;
    note->extension = t;
    while (t.len)
        if (next_line(&t, &line) != DURA_OK || line.len == 0)
            return DURA_ESYNTAX;
    return DURA_OK;
}

int dura_note_parse(dura_note *out, const char *p, size_t len)
{
    dura_note note;
    dura_note_text all = {p, len}, lines;
    if (!out || !p)
        return DURA_EINVAL;
    if (len > DURA_NOTE_MAX)
        return DURA_ELIMIT;
    memset(&note, 0, sizeof note);
    note.struct_size = sizeof note;
    size_t at = len; /* the last empty line parts text and signatures */
    while (at >= 2 && !(p[at - 1] == '\n' && p[at - 2] == '\n'))
        at--;
    if (at < 2 || !text_is_clean(all, 0))
        return DURA_ESYNTAX;
    note.text.p = p;
    note.text.len = at - 1;
    lines.p = p + at;
    lines.len = len - at;
    int rc = read_body(&note);
    if (rc == DURA_OK)
        rc = read_lines(lines, &note);
    if (rc == DURA_OK)
        *out = note;
    return rc;
}

/* ---- signatures -------------------------------------------------------------------------- */

static uint32_t key_id(const char *name, const uint8_t pub[32], int type)
{
    const uint8_t mid[2] = {'\n', (uint8_t)type};
    uint8_t d[32];
    dura_sha256 h;
    dura_sha256_init(&h);
    dura_sha256_update(&h, name, strlen(name));
    dura_sha256_update(&h, mid, 2);
    dura_sha256_update(&h, pub, 32);
    dura_sha256_final(&h, d);
    return (uint32_t)d[0] << 24 | (uint32_t)d[1] << 16 | (uint32_t)d[2] << 8 | d[3];
}

static int name_is_good(const char *name, int type)
{
    dura_note_text t = {name, name ? strlen(name) : 0};
    return t.len > 0 && t.len < 256 && text_is_clean(t, 1) && (type == DURA_NOTE_ED25519 || type == DURA_NOTE_COSIGNATURE);
}

/* What a witness signs stands in front of the text: the kind of signature, and when. */
static size_t cosigned_head(char out[64], uint64_t time_s)
{
    note_out o = {out, 64, 0};
    put_text(&o, "cosignature/v1\ntime ");
    put_number(&o, time_s);
    put_text(&o, "\n");
    DURA_ASSERT(o.n <= 64);
    return o.n;
}

/* Over the text alone, or behind the witness' head. `room` holds the head and the text. */
static int line_is_right(const dura_note *note, const dura_note_line *l, const uint8_t pub[32], int type, char *room,
                         uint64_t *time_s)
{
    uint8_t sig[4 + 8 + 64], *at = sig + 4;
    uint64_t t = 0;
    size_t head = 0;
    if (l->bytes != (type == DURA_NOTE_COSIGNATURE ? 72u : 64u))
        return DURA_EAUTH;
    (void)read_base64(l->signature, sig, sizeof sig);
    for (; type == DURA_NOTE_COSIGNATURE && at < sig + 12; at++)
        t = t << 8 | *at;
    if (type == DURA_NOTE_COSIGNATURE)
        head = cosigned_head(room, t);
    memcpy(room + head, note->text.p, note->text.len);
    *time_s = t;
    return dura_ed25519_verify(pub, room, head + note->text.len, at);
}

int dura_note_check(const dura_note *note, const char *name, const uint8_t pub[32], int type, uint64_t *time_s)
{
    static const size_t head = 64;
    uint64_t t = 0;
    if (!note || !name_is_good(name, type) || !pub || note->n_lines > DURA_NOTE_SIGNATURES)
        return DURA_EINVAL;
    uint32_t id = key_id(name, pub, type);
    int rc = DURA_ENOENT;
    for (uint32_t i = 0; i < note->n_lines && rc == DURA_ENOENT; i++) {
        const dura_note_line *l = &note->line[i];
        if (l->id != id || l->name.len != strlen(name) || memcmp(l->name.p, name, l->name.len) != 0)
            continue;
        char *room = malloc(head + note->text.len);
        if (!room)
            return DURA_ENOSPC;
        rc = line_is_right(note, l, pub, type, room, &t);
        free(room);
    }
    if (rc == DURA_OK && time_s)
        *time_s = t;
    return rc;
}

int dura_note_body(char *out, size_t *len, const char *origin, uint64_t size, const uint8_t root[32])
{
    dura_note_text t = {origin, origin ? strlen(origin) : 0};
    if (!out || !len || t.len == 0 || memchr(origin, '\n', t.len) || !text_is_clean(t, 0) || !root)
        return DURA_EINVAL;
    note_out o = {out, *len, 0};
    put(&o, t.p, t.len);
    put_text(&o, "\n");
    put_number(&o, size);
    put_text(&o, "\n");
    put_base64(&o, root, 32);
    put_text(&o, "\n");
    return finish(&o, len);
}

int dura_note_sign(char *out, size_t *len, const char *text, size_t text_len, const char *name, const uint8_t seed[32],
                   int type, uint64_t time_s)
{
    uint8_t pub[32], secret[64], blob[4 + 8 + 64], *at = blob + 4;
    size_t head = 0;
    if (!out || !len || !text || text_len == 0 || text_len > DURA_NOTE_MAX || !name_is_good(name, type) || !seed)
        return DURA_EINVAL;
    char *room = malloc(64 + text_len);
    if (!room)
        return DURA_ENOSPC;
    crypto_sign_seed_keypair(pub, secret, seed);
    uint32_t id = key_id(name, pub, type);
    for (int i = 0; i < 4; i++)
        blob[i] = (uint8_t)(id >> (24 - 8 * i));
    for (int i = 0; type == DURA_NOTE_COSIGNATURE && i < 8; i++)
        *at++ = (uint8_t)(time_s >> (56 - 8 * i));
    if (type == DURA_NOTE_COSIGNATURE)
        head = cosigned_head(room, time_s);
    memcpy(room + head, text, text_len);
    crypto_sign_detached(at, NULL, (const uint8_t *)room, head + text_len, secret);
    sodium_memzero(secret, sizeof secret);
    free(room);
    note_out o = {out, *len, 0};
    put_text(&o, DASH);
    put_text(&o, name);
    put_text(&o, " ");
    put_base64(&o, blob, (size_t)(at - blob) + 64);
    put_text(&o, "\n");
    return finish(&o, len);
}

/* ---- keys as text ------------------------------------------------------------------------- */

int dura_note_key_text(char *out, size_t *len, const char *name, const uint8_t pub[32], int type)
{
    uint8_t blob[33], id[4];
    char hex[8];
    if (!out || !len || !name_is_good(name, type) || !pub)
        return DURA_EINVAL;
    note_out o = {out, *len, 0};
    durai_put32(id, key_id(name, pub, type));
    for (int i = 0; i < 4; i++)
        durai_hex(hex + 2 * i, &id[3 - i], 1);
    blob[0] = (uint8_t)type;
    memcpy(blob + 1, pub, 32);
    put_text(&o, name);
    put_text(&o, "+");
    put(&o, hex, sizeof hex);
    put_text(&o, "+");
    put_base64(&o, blob, sizeof blob);
    put(&o, "", 1);
    o.n--;
    return o.n < o.cap ? finish(&o, len) : (*len = o.n + 1, DURA_ENOSPC);
}

int dura_note_key_parse(const char *text, char name[256], uint8_t pub[32], int *type)
{
    uint8_t blob[33];
    char again[DURA_NOTE_KEY_MAX];
    size_t n = sizeof again;
    const char *plus = text ? strchr(text, '+') : NULL;
    if (!text || !name || !pub || !type)
        return DURA_EINVAL;
    if (!plus || plus == text || plus - text >= 256 || strlen(plus) != 54)
        return DURA_ESYNTAX;
    dura_note_text key = {plus + 10, 44};
    if (read_base64(key, blob, sizeof blob) != 33)
        return DURA_ESYNTAX;
    if (blob[0] != DURA_NOTE_ED25519 && blob[0] != DURA_NOTE_COSIGNATURE)
        return DURA_ENOTSUP;
    memcpy(name, text, (size_t)(plus - text));
    name[plus - text] = '\0';
    memcpy(pub, blob + 1, 32);
    *type = blob[0];
    int rc = dura_note_key_text(again, &n, name, pub, *type);
    return rc == DURA_OK && strcmp(again, text) == 0 ? DURA_OK : DURA_ESYNTAX;
}

/* ---- the proof of one record --------------------------------------------------------------- */

/* Hashes up to an empty line. */
static int read_path(dura_note_text *t, uint8_t (*path)[32], size_t *n)
{
    dura_note_text line;
    for (*n = 0; next_line(t, &line) == DURA_OK; (*n)++) {
        if (line.len == 0)
            return DURA_OK;
        if (*n == DURA_PROOF_MAX)
            return DURA_ELIMIT;
        if (read_hash(line, path[*n]) != DURA_OK)
            return DURA_ESYNTAX;
    }
    return DURA_ESYNTAX;
}

int dura_tlog_proof_parse(dura_tlog_proof *out, const char *p, size_t len)
{
    dura_note_text t = {p, len}, line, extra = {NULL, 0};
    dura_tlog_proof *o = out;
    if (!out || !p)
        return DURA_EINVAL;
    memset(o, 0, sizeof *o);
    if (len > DURA_NOTE_MAX)
        return DURA_ELIMIT;
    if (!starts(&t, "c2sp.org/tlog-proof@v1\n") || next_line(&t, &line) != DURA_OK)
        return DURA_ESYNTAX;
    if (starts(&line, "extra ")) {
        extra = line;
        if (read_base64(line, NULL, 0) < 0 || next_line(&t, &line) != DURA_OK)
            return DURA_ESYNTAX;
    }
    if (!starts(&line, "index ") || read_number(line, &o->index) != DURA_OK)
        return DURA_ESYNTAX;
    int rc = read_path(&t, o->path, &o->n);
    if (rc == DURA_OK)
        rc = dura_note_parse(&o->note, t.p, t.len);
    o->extra = extra;
    o->checkpoint = t;
    return rc;
}

int dura_tlog_proof_save(char *out, size_t *len, const dura_tlog_proof *p)
{
    if (!out || !len || !p || p->n > DURA_PROOF_MAX || p->checkpoint.len == 0 ||
        (p->extra.len && read_base64(p->extra, NULL, 0) < 0))
        return DURA_EINVAL;
    note_out o = {out, *len, 0};
    put_text(&o, "c2sp.org/tlog-proof@v1\n");
    if (p->extra.len) {
        put_text(&o, "extra ");
        put(&o, p->extra.p, p->extra.len);
        put_text(&o, "\n");
    }
    put_text(&o, "index ");
    put_number(&o, p->index);
    put_text(&o, "\n");
    put_hashes(&o, (const uint8_t (*)[32])p->path, p->n);
    put_text(&o, "\n");
    put(&o, p->checkpoint.p, p->checkpoint.len);
    return finish(&o, len);
}

int dura_proof_check(const char *text, size_t len, const char *key, void *record, size_t *record_len)
{
    char name[256];
    uint8_t pub[32], leaf[1][32];
    int type;
    if (!record || !record_len)
        return DURA_EINVAL;
    dura_tlog_proof *p = malloc(sizeof *p);
    if (!p)
        return DURA_ENOSPC;
    int rc = dura_note_key_parse(key, name, pub, &type);
    if (rc == DURA_OK)
        rc = dura_tlog_proof_parse(p, text, len);
    if (rc == DURA_OK)
        rc = dura_note_check(&p->note, name, pub, type, NULL);
    if (rc == DURA_OK && p->extra.len == 0)
        rc = DURA_ESYNTAX;
    if (rc == DURA_OK) {
        size_t room = *record_len;
        *record_len = (size_t)read_base64(p->extra, record, room);
        rc = *record_len <= room ? DURA_OK : DURA_ENOSPC;
    }
    if (rc == DURA_OK) {
        const void *in = record;
        dura_sha256_query_n(0x00, &in, record_len, 1, leaf);
        rc = dura_proof_inclusion(leaf[0], p->index, p->note.size, p->note.root, (const uint8_t (*)[32])p->path, p->n);
    }
    free(p);
    return rc;
}

/* ---- asking a witness ------------------------------------------------------------------------ */

int dura_witness_request(char *out, size_t *len, uint64_t old_size, const uint8_t (*path)[32], size_t n,
                         const char *checkpoint, size_t checkpoint_len)
{
    if (!out || !len || n > 63 || (n && !path) || !checkpoint || checkpoint_len == 0)
        return DURA_EINVAL;
    note_out o = {out, *len, 0};
    put_text(&o, "old ");
    put_number(&o, old_size);
    put_text(&o, "\n");
    put_hashes(&o, path, n);
    put_text(&o, "\n");
    put(&o, checkpoint, checkpoint_len);
    return finish(&o, len);
}

/* The witness says where it stands: "20852014\n". */
static int read_known(const char *body, size_t len, uint64_t *known)
{
    dura_note_text t = {body, len}, line;
    if (next_line(&t, &line) != DURA_OK || t.len || read_number(line, known) != DURA_OK)
        return DURA_ESYNTAX;
    return DURA_ESTATE;
}

int dura_witness_answer(int status, const char *body, size_t len, const char *checkpoint, size_t checkpoint_len,
                        const char *name, const uint8_t pub[32], uint64_t *time_s, uint64_t *known)
{
    dura_note note;
    if (!body || !checkpoint || !name || !pub || !known)
        return DURA_EINVAL;
    if (status == 409)
        return read_known(body, len, known);
    if (status != 200)
        return status == 404 ? DURA_ENOENT : DURA_EDENIED;
    if (len == 0 || len > DURA_NOTE_MAX || checkpoint_len > DURA_NOTE_MAX)
        return len ? DURA_ELIMIT : DURA_ESYNTAX;
    int rc = dura_note_parse(&note, checkpoint, checkpoint_len);
    if (rc != DURA_OK)
        return rc;
    note.n_lines = 0;              /* its lines under the checkpoint's text */
    dura_note_text lines = {body, len};
    rc = text_is_clean(lines, 0) ? read_lines(lines, &note) : DURA_ESYNTAX;
    return rc == DURA_OK ? dura_note_check(&note, name, pub, DURA_NOTE_COSIGNATURE, time_s) : rc;
}
