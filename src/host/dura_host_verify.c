/* SPDX-License-Identifier: Apache-2.0 */
/*
 * May this run folder be believed? The call, the facts from outside, the word.
 *
 * Precedence: a broken rule is TAMPERED; otherwise a log that is not closed is CUT, a log
 * nobody outside vouches for is UNANCHORED, and the rest is INTACT. A key everybody has
 * vouches for nothing.
 */
#include "dura_host_files_priv.h"
#include "dura_host_monitor.h"
#include "dura_host_verify_priv.h"

#include <dura/host/pack.h>

#include "../guard/dura_guard_policy.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

/* Frozen: bytes of the first versions. */
#define OPTIONS_V1 ((uint32_t)offsetof(dura_verify_options, max_unsealed))
#define REPORT_V1 ((uint32_t)offsetof(dura_verify_report, heartbeats))

/* ---- words and rules ------------------------------------------------------------------ */

const char *dura_verify_word(int word)
{
    static const char *const words[] = {"INTACT", "CUT", "UNANCHORED", "TAMPERED"};
    return word >= 0 && word <= DURA_VERIFY_TAMPERED ? words[word] : NULL;
}

const char *dura_verify_rule(int rule)
{
    switch (rule) {
#define NAME(id, value, text, sentence)                                                            \
    case value:                                                                                    \
        return text;
        DURA_VERIFY_RULES(NAME)
#undef NAME
    default:
        return NULL;
    }
}

const char *dura_verify_rule_text(int rule)
{
    switch (rule) {
#define SENTENCE(id, value, text, sentence)                                                        \
    case value:                                                                                    \
        return sentence;
        DURA_VERIFY_RULES(SENTENCE)
#undef SENTENCE
    default:
        return NULL;
    }
}

int durai_broken(durai_verify *v, int rule, int i, uint32_t segment, uint64_t offset)
{
    dura_verify_report *r = v->rep;
    DURA_ASSERT(r->rule == DURA_VERIFY_RULE_NONE && rule != DURA_VERIFY_RULE_NONE);
    r->rule = rule;
    r->log = (uint8_t)(i + 1);
    r->offset = offset;
    r->gseq = v->expect;
    r->since = r->sealed;
    durai_seg_name(r->file, r->log, segment);
    return DURAI_BROKEN;
}

int durai_broken_here(durai_verify *v, int rule, int i)
{
    return durai_broken(v, rule, i, v->side[i].cur.index, v->side[i].cur.offset);
}

int durai_broken_file(durai_verify *v, int rule, const char *file)
{
    durai_broken(v, rule, 0, 0, 0);
    v->rep->log = 0;
    snprintf(v->rep->file, sizeof v->rep->file, "%s", file);
    return DURAI_BROKEN;
}

/* ---- facts from outside ------------------------------------------------------------------ */

static void vouch(durai_verify *v, const char *what)
{
    size_t n = strlen(v->rep->vouched);
    snprintf(v->rep->vouched + n, sizeof v->rep->vouched - n, "%s%s", n ? ", " : "", what);
    v->anchored = 1;
}

static int look_up_state(durai_verify *v, int i)
{
    uint8_t pub[32];
    int rc = dura_keys_lookup(v->opt->state_dir, v->origin, pub, &v->state_epoch, &v->head, NULL);
    if (rc != DURA_OK) { /* nothing known, or not to be trusted: no fact */
        v->state_epoch = 0;
        v->head.known = 0;
        return DURAI_GO;
    }
    if (memcmp(pub, v->rep->key, 32) != 0)
        return durai_broken_here(v, DURA_VERIFY_RULE_OUTSIDE_STATE, i);
    vouch(v, "state folder");
    return DURAI_GO;
}

int durai_verify_key(durai_verify *v, int i)
{
    v->rep->demo_key = memcmp(v->rep->key, dura_keys_demo_public(), 32) == 0;
    if (v->opt->key && memcmp(v->opt->key, v->rep->key, 32) != 0)
        return durai_broken_here(v, DURA_VERIFY_RULE_OUTSIDE_KEY, i);
    if (v->have_kept && memcmp(v->kept.origin, v->origin, 16) != 0)
        return durai_broken_here(v, DURA_VERIFY_RULE_OUTSIDE_CHECKPOINT, i);
    if (v->rep->demo_key || !v->signs)
        return DURAI_GO;
    if (v->opt->key)
        vouch(v, "--key");
    return v->opt->state_dir ? look_up_state(v, i) : DURAI_GO;
}

int durai_verify_size(durai_verify *v, int i)
{
    durai_side *s = &v->side[i];
    uint8_t root[32];
    if (v->have_kept && !v->kept_met && v->kept.log == i + 1 && v->kept.size == s->n)
        return durai_broken_here(v, DURA_VERIFY_RULE_OUTSIDE_CHECKPOINT, i); /* no seal there */
    if (!v->head.known || v->head.size[i] != s->n)
        return DURAI_GO;
    durai_side_root(s, root);
    if (memcmp(root, v->head.root[i], 32) != 0)
        return durai_broken_here(v, DURA_VERIFY_RULE_OUTSIDE_STATE, i);
    return DURAI_GO;
}

/* Something known outside should follow where log i stops. */
static int broken_at_stop(durai_verify *v, int rule, int i)
{
    return durai_broken(v, rule, i, v->side[i].stop_segment, v->side[i].stop_offset);
}

/* All records are read: is everything there that is known outside? */
static int check_outside(durai_verify *v)
{
    int short_of_head = 0;
    for (int i = 0; i < 2; i++)
        short_of_head |= v->head.known && v->head.size[i] > v->side[i].n;
    if (v->state_epoch > v->rep->epochs || short_of_head)
        return broken_at_stop(v, DURA_VERIFY_RULE_OUTSIDE_STATE, v->side[0].epoch > v->rep->epochs);
    if (v->have_kept && !v->kept_met)
        return broken_at_stop(v, DURA_VERIFY_RULE_OUTSIDE_CHECKPOINT, v->kept.log - 1);
    if (v->have_kept)
        vouch(v, "--checkpoint");
    return DURAI_GO;
}

static int load_kept(durai_verify *v, const char *path, dura_error *err)
{
    char text[4096];
    size_t n = 0;
    ssize_t got = 1;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return dura_error_set(err, DURA_EIO, path, 0, NULL, "cannot open the kept checkpoint");
    while (got > 0 && n < sizeof text) {
        got = read(fd, text + n, sizeof text - n);
        n += got > 0 ? (size_t)got : 0;
    }
    close(fd);
    if (got < 0)
        return dura_error_set(err, DURA_EIO, path, 0, NULL, "cannot read the kept checkpoint");
    if (durai_checkpoint_parse(&v->kept, text, n) != DURA_OK)
        return dura_error_set(err, DURA_ESYNTAX, path, 0, NULL,
                              "this is not a checkpoint of a dura log; give the file `checkpoint` of a log");
    v->have_kept = 1;
    return DURA_OK;
}

/* ---- the word and the sentence --------------------------------------------------------------- */

static void describe(const durai_verify *v)
{
    dura_verify_report *r = v->rep;
    const char *back = r->rollback_excluded ? "" : "; a return to an older copy of the folder cannot be excluded";
    const char *demo = r->demo_key ? " DEMO KEY: anybody can sign with it." : "";
    unsigned long long records = (unsigned long long)(r->records[0] + r->records[1]);
    if (r->word == DURA_VERIFY_TAMPERED && r->log)
        snprintf(r->text, sizeof r->text, "%s (%s), in %s at byte %llu, gseq %llu; good seals cover what is below gseq %llu.%s",
                 dura_verify_rule_text(r->rule), dura_verify_rule(r->rule), r->file,
                 (unsigned long long)r->offset, (unsigned long long)r->gseq, (unsigned long long)r->since, demo);
    else if (r->word == DURA_VERIFY_TAMPERED)
        snprintf(r->text, sizeof r->text, "%s (%s): %s.%s", dura_verify_rule_text(r->rule),
                 dura_verify_rule(r->rule), r->file, demo);
    else if (r->word == DURA_VERIFY_CUT)
        snprintf(r->text, sizeof r->text,
                 "%llu records are right, then the log stops without being closed (power cut, kill, or still running); vouched for by %s%s.%s",
                 records, r->vouched, back, demo);
    else if (r->word == DURA_VERIFY_UNANCHORED)
        snprintf(r->text, sizeof r->text,
                 "%llu records agree with each other%s, but no key, checkpoint or state from outside vouches that they are the device's.%s",
                 records, r->closed ? "" : " and the log is not closed", demo);
    else
        snprintf(r->text, sizeof r->text, "%llu records and %u seals are right, the log is closed, vouched for by %s%s.%s",
                 records, (unsigned)r->seals, r->vouched, back, demo);
}

static void conclude(durai_verify *v, int broken)
{
    dura_verify_report *r = v->rep;
    if (broken) {
        r->word = DURA_VERIFY_TAMPERED;
        r->closed = 0;
    } else if (!v->anchored) {
        r->word = DURA_VERIFY_UNANCHORED;
        r->rule = DURA_VERIFY_RULE_NO_OUTSIDE_FACT;
    } else if (!r->closed) {
        r->word = DURA_VERIFY_CUT;
        r->rule = DURA_VERIFY_RULE_NOT_CLOSED;
    } else {
        r->word = DURA_VERIFY_INTACT;
    }
    /* The end is fixed outside when the last pair of seals is known there. */
    r->rollback_excluded = !broken && r->epochs > 0 &&
                           (v->state_epoch >= r->epochs ||
                            (v->kept_met && v->kept.epoch + 1u == r->epochs));
    describe(v);
}

static void sum_sizes(durai_verify *v, int i)
{
    const durai_cursor *c = &v->side[i].cur;
    char name[DURAI_PATH_MAX];
    for (size_t k = 0; k < c->n_segments; k++) {
        uint64_t size = 0;
        if (v->files->size(v->files->user, durai_seg_name(name, c->log, c->segment[k]), &size) == DURA_OK)
            v->total += size;
    }
}

int durai_verify_run(durai_verify *v, dura_error *err)
{
    int rc = DURAI_GO;
    for (int i = 0; i < 2 && rc == DURAI_GO; i++) {
        rc = durai_cursor_open(&v->side[i].cur, v->files, (uint8_t)(i + 1));
        v->side[i].open = rc == DURA_OK;
        if (rc == DURA_OK && v->opt->progress)
            sum_sizes(v, i);
    }
    if (rc == DURAI_GO)
        rc = durai_verify_walk(v);
    if (rc == DURAI_GO)
        rc = durai_verify_tail(v);
    if (rc == DURAI_GO)
        rc = check_outside(v);
    if (rc == DURAI_GO)
        rc = durai_verify_files(v);
    for (int i = 0; i < 2; i++)
        if (v->side[i].open)
            durai_cursor_close(&v->side[i].cur);
    free(v->close);
    if (rc < 0)
        return dura_error_set(err, rc, NULL, 0, NULL, "cannot read the logs: %s",
                              rc == DURA_ELIMIT ? "a segment file is above 256 MiB" : dura_strerror(rc));
    if (v->opt->progress)
        v->opt->progress(v->opt->user, v->total, v->total);
    conclude(v, rc == DURAI_BROKEN);
    return DURA_OK;
}

/* What the file system says of the segments: another number when one of them was written. */
typedef struct folder_state {
    const durai_folder *folder;
    const char *dir;
    uint64_t sum;
} folder_state;

static int add_file(void *ctx, const char *name, int is_file)
{
    folder_state *s = ctx;
    char path[DURAI_PATH_MAX];
    struct stat st;
    int n = snprintf(path, sizeof path, "%s/%s", s->dir, name);
    if (is_file && n > 0 && (size_t)n < sizeof path && fstatat(s->folder->fd, path, &st, AT_SYMLINK_NOFOLLOW) == 0)
        s->sum += (uint64_t)st.st_size * 0x9E3779B97F4A7C15u + (uint64_t)st.st_mtim.tv_sec * 1000000000u + (uint64_t)st.st_mtim.tv_nsec;
    return DURA_OK;
}

static uint64_t state_of(const durai_folder *f, const durai_files *files)
{
    folder_state s = {f, NULL, 0};
    for (uint8_t log = 1; log <= 2; log++) {
        s.dir = durai_log_folder(log);
        (void)!files->list(files->user, s.dir, add_file, &s);
    }
    return s.sum;
}

/* A device that writes meanwhile may have sealed in one log what was read of the other before:
 * what looks like damage then is read again. Damage stays. */
static int verify_live(durai_verify *v, const durai_folder *f, dura_error *err)
{
    enum { TRIES = 8 };
    durai_verify *start = malloc(sizeof *start); /* too large for the stack */
    const dura_verify_report blank = *v->rep;
    if (!start)
        return dura_error_set(err, DURA_ENOSPC, NULL, 0, NULL, "out of memory");
    *start = *v;
    for (int i = 1;; i++) {
        uint64_t before = state_of(f, v->files);
        int rc = durai_verify_run(v, err);
        if (rc != DURA_OK || v->rep->word != DURA_VERIFY_TAMPERED || i == TRIES || state_of(f, v->files) == before) {
            free(start);
            return rc;
        }
        *v = *start;
        *v->rep = blank;
    }
}

static int verify_folder(const char *folder, const dura_verify_options *opt, dura_verify_report *rep, dura_error *err)
{
    durai_folder f;
    durai_files files;
    durai_verify *v = calloc(1, sizeof *v); /* the two trees are 2.5 KiB: not on the stack */
    if (!v)
        return dura_error_set(err, DURA_ENOSPC, folder, 0, NULL, "out of memory");
    v->opt = opt;
    v->rep = rep;
    v->files = &files;
    int rc = opt->checkpoint ? load_kept(v, opt->checkpoint, err) : DURA_OK;
    if (rc == DURA_OK)
        rc = durai_folder_open(&f, &files, folder, err);
    if (rc == DURA_OK) {
        rc = verify_live(v, &f, err);
        durai_folder_close(&f);
        if (rc != DURA_OK && err)
            snprintf(err->file, sizeof err->file, "%s", folder);
    }
    free(v);
    return rc;
}

/* The decision log once more, for what a verifier of seals does not look at. */
static int count_heartbeats(const char *folder, dura_verify_report *rep, dura_error *err)
{
    durai_policy_drift drift;
    durai_beats b;
    dura_record r;
    dura_records *in;
    uint8_t *policy;
    size_t len;
    int kind, rc;
    memset(&b, 0, sizeof b);
    memset(&r, 0, sizeof r);
    r.struct_size = sizeof r;
    if (durai_host_read_in(folder, "policy.bin", &policy, &len, NULL) != DURA_OK)
        return DURA_OK;                  /* logs alone promise nothing */
    if (dura_pack_check(policy, len, &kind) == DURA_OK && kind == DURA_PACK_POLICY &&
        durai_policy_get_drift(policy, &drift) == DURA_OK)
        b.selftest = drift.selftest;
    free(policy);
    if (b.selftest == 0)
        return DURA_OK;
    rc = dura_records_open(&in, folder, DURA_LOG_DECISION, err);
    while (rc >= 0 && (rc = dura_records_next(in, &r, err)) == 1)
        if (durai_beats_see(&b, &r) && b.silences == 1) {
            rep->silent_gseq = r.gseq;
            rep->silent_for = b.silent_for;
            rep->owed = b.owed;
        }
    dura_records_close(in);
    rep->promised = b.selftest;
    rep->heartbeats = b.heartbeats;
    rep->failures = b.failures;
    rep->silences = b.silences;
    return rc;
}

int dura_verify_folder(const char *folder, const dura_verify_options *options, dura_verify_report *report,
                       dura_error *err)
{
    static const dura_verify_options none = DURA_VERIFY_OPTIONS_INIT;
    dura_verify_options opt = DURA_VERIFY_OPTIONS_INIT;
    dura_verify_report rep;
    if (!options)
        options = &none;
    int rc = durai_struct_in(&opt, sizeof opt, options, options->struct_size, OPTIONS_V1);
    if (rc == DURA_OK && (opt.flags & ~(uint32_t)DURA_VERIFY_MONITOR))
        rc = DURA_EVERSION;
    if (rc != DURA_OK)
        return dura_error_set(err, rc, folder, 0, "options", "the options are not usable");
    if (!folder || !report || report->struct_size < REPORT_V1)
        return dura_error_set(err, DURA_EINVAL, folder, 0, NULL, "folder and report must be given");
    memset(&rep, 0, sizeof rep);
    rep.struct_size = sizeof rep;
    rc = verify_folder(folder, &opt, &rep, err);
    if (rc == DURA_OK && (opt.flags & DURA_VERIFY_MONITOR) && rep.word != DURA_VERIFY_TAMPERED)
        rc = count_heartbeats(folder, &rep, err);
    if (rc == DURA_OK)
        rc = durai_struct_out(report, &rep, sizeof rep, REPORT_V1);
    return rc;
}
