/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The proof of one record of a run folder: its log's tree up to the last seal behind it, the
 * checkpoint that seal signs, and the record itself, as one text that needs nothing else.
 */
#include <dura/host/proof.h>

#include "dura_host_verify_priv.h"

#include <stdio.h>
#include <stdlib.h>

typedef struct export_in {
    uint64_t gseq, seq;              /* wanted; its place in its log */
    uint8_t log;                     /* 0: not met yet */
    uint8_t *record;
    size_t len;
    durai_checkpoint seal[2];        /* the last one of each log ... */
    uint8_t seal_key[2][32];         /* ... and the key that signed it */
    uint8_t key[2][32];              /* of the next one */
    uint8_t origin[16];
    uint8_t have_seal[2];
} export_in;

static int see(export_in *e, const dura_record *r)
{
    const uint8_t *p;
    size_t n;
    int i = r->log - 1;
    if (r->gseq == e->gseq) {
        e->record = malloc(r->len);
        if (!e->record)
            return DURA_ENOSPC;
        memcpy(e->record, r->cbor, r->len);
        e->len = r->len;
        e->log = r->log;
        e->seq = r->seq;
    }
    if (r->kind == DURA_REC_GENESIS && dura_record_bytes(r, 16, &p, &n) == DURA_OK) {
        memcpy(e->origin, p, 16);
        if (dura_record_bytes(r, 17, &p, &n) == DURA_OK)
            memcpy(e->key[i], p, 32);
    } else if (r->kind == DURA_REC_SEAL) {
        durai_checkpoint_of(&e->seal[i], r, e->origin);
        memcpy(e->seal_key[i], e->key[i], 32);
        memcpy(e->key[i], e->seal[i].next, 32);
        e->have_seal[i] = 1;
    }
    return DURA_OK;
}

static int read_run(export_in *e, const char *folder, dura_error *err)
{
    dura_records *in = NULL;
    dura_record r;
    memset(&r, 0, sizeof r);
    r.struct_size = sizeof r;
    int rc = dura_records_open(&in, folder, 0, err);
    while (rc >= 0 && (rc = dura_records_next(in, &r, err)) == 1)
        if (see(e, &r) != DURA_OK)
            rc = dura_error_set(err, DURA_ENOSPC, folder, 0, NULL, "out of memory");
    dura_records_close(in);
    return rc;
}

/* Name, key and text of the seal; the record in base64. */
static int put_together(const export_in *e, const dura_leaves *t, char *out, size_t *len, char key[DURA_NOTE_KEY_MAX])
{
    const durai_checkpoint *c = &e->seal[e->log - 1];
    size_t room = DURA_NOTE_KEY_MAX, chars = (e->len + 2) / 3 * 4;
    char note[DURAI_CP_NOTE], name[64];
    int rc = DURA_OK;
    dura_tlog_proof *p = calloc(1, sizeof *p);
    char *extra = malloc(chars);
    if (!p || !extra)
        rc = DURA_ENOSPC;
    if (rc == DURA_OK) {
        p->checkpoint.p = note;
        p->checkpoint.len = durai_checkpoint_note(c, e->seal_key[e->log - 1], note);
        p->extra.p = extra;
        p->extra.len = durai_base64(extra, e->record, e->len);
        p->index = e->seq;
        rc = dura_leaves_prove(t, e->seq, e->seq + 1, c->size, p->path, &p->n);
    }
    if (rc == DURA_OK)
        rc = dura_tlog_proof_save(out, len, p);
    if (rc == DURA_OK && key) {
        const char *nl = memchr(note, '\n', sizeof name);
        DURA_ASSERT(nl != NULL);
        snprintf(name, sizeof name, "%.*s", (int)(nl - note), note);
        rc = dura_note_key_text(key, &room, name, e->seal_key[e->log - 1], DURA_NOTE_ED25519);
    }
    free(extra);
    free(p);
    return rc;
}

int dura_proof_export(const char *folder, uint64_t gseq, char *out, size_t *len, char key[DURA_NOTE_KEY_MAX],
                      dura_error *err)
{
    dura_leaves *t = NULL;
    export_in e;
    if (!folder || !out || !len)
        return dura_error_set(err, DURA_EINVAL, folder, 0, NULL, "folder and room for the proof must be given");
    memset(&e, 0, sizeof e);
    e.gseq = gseq;
    int rc = read_run(&e, folder, err);
    if (rc == DURA_OK && e.log == 0)
        rc = dura_error_set(err, DURA_ENOENT, folder, 0, NULL, "there is no record %llu", (unsigned long long)gseq);
    if (rc == DURA_OK && (!e.have_seal[e.log - 1] || e.seal[e.log - 1].size <= e.seq))
        rc = dura_error_set(err, DURA_ENOENT, folder, 0, NULL, "no seal covers record %llu yet", (unsigned long long)gseq);
    if (rc == DURA_OK && !e.seal[e.log - 1].has_sig)
        rc = dura_error_set(err, DURA_ENOTSUP, folder, 0, NULL, "the device could not sign its seals");
    if (rc == DURA_OK)
        rc = dura_leaves_load(&t, folder, e.log, err);
    if (rc == DURA_OK && (rc = put_together(&e, t, out, len, key)) != DURA_OK)
        dura_error_set(err, rc, folder, 0, NULL, rc == DURA_ENOSPC ? "the proof does not fit" : "the log is shorter than its seal says");
    dura_leaves_close(t);
    free(e.record);
    return rc;
}
