/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The power goes at every byte of a run, judged by the verifier with real keys.
 *
 * One run writes a tape: every prog, erase, sync and key change with what durable() said
 * then. A place on the tape and how many bytes of its operation arrived are a cut; what was
 * not synced is then lost, torn, reordered, scattered or kept, and the storage that leaves
 * is opened again. So a cut costs one recovery instead of one run, and every byte of
 * 1,000 records and every boundary of 10,000 can be tried: DURA_THOROUGH=n in the
 * environment (scripts/log_cuts.sh) tries all of them n times; without it a few hundred
 * places spread over the run.
 *
 * And the other half: what the power cannot do. The end of both logs is cut away cleanly
 * at every record; below a checkpoint kept outside the verifier must say TAMPERED, above
 * it CUT, and a device whose key is past that place must call it damage.
 */
#include "dt.h"
#define MEM_FILES 256
#include "host_verify_memory.h"

#include <dura/host/crypto.h>
#include <dura/log.h>

enum { PROG, ERASE, SYNC, KEY };
enum { LOST, KEPT, TORN, REORDERED, SCATTERED, MODES };
enum { PENDING = 128 };
#ifdef DT_PLAIN
enum { SPARSE = 5 };   /* under valgrind and emulators every place costs thirty times as much */
#else
enum { SPARSE = 1 };
#endif

typedef struct op {
    uint8_t *data;             /* of a PROG */
    uint64_t durable;          /* durable() when it began */
    uint32_t kind, side, off, len, epoch;
    uint8_t seed[32];          /* of `epoch` */
} op;

typedef struct frame { uint64_t gseq; uint32_t end, kind; } frame;

typedef struct run {
    uint32_t size, segment, prog_size;
    uint8_t erased;
    uint8_t *live[2];          /* at the end of the tape, then of the cut being judged */
    uint8_t *durable[2];       /* what surely survives where the walk over the tape stands */
    uint8_t *whole[2];         /* the finished run */
    op *tape;
    size_t n_ops, room;
    int taping;
    uint32_t violations;
    frame *frame[2];
    uint32_t n_frames[2];
    durai_checkpoint seal[512];/* of the decision log, in order */
    uint32_t n_seals;
    uint8_t pub[32];
    dura_sodium keys;
    dura_region region[2];
    struct place { struct run *run; uint32_t side; } place[2];
    dura_port port;
    dura_log_config cfg;
    dura_time now;
    dura_log *log;
    void *mem;
    uint64_t images, verified;
} run;

/* ---- storage ---------------------------------------------------------------------- */

static op *tape_op(run *r, uint32_t kind, uint32_t side, uint32_t off, uint32_t len)
{
    if (r->n_ops == r->room) {
        r->room = r->room ? 2 * r->room : 1024;
        r->tape = realloc(r->tape, r->room * sizeof *r->tape);
        dt_ok(r->tape != NULL);
    }
    op *o = &r->tape[r->n_ops++];
    *o = (op){NULL, r->log != NULL ? dura_log_durable(r->log) : 0, kind, side, off, len, r->keys.epoch, {0}};
    memcpy(o->seed, r->keys.seed, 32);
    return o;
}

static int fits(run *r, uint64_t off, size_t n, uint32_t unit)
{
    if (off <= r->size && n <= r->size - off && off % unit == 0 && n % unit == 0)
        return 1;
    r->violations++;
    return 0;
}

static int box_read(void *user, uint64_t off, void *buf, size_t n)
{
    struct place *p = user;
    if (!fits(p->run, off, n, 1))
        return -900;
    memcpy(buf, p->run->live[p->side] + off, n);
    return 0;
}

static int box_prog(void *user, uint64_t off, const void *buf, size_t n)
{
    struct place *p = user;
    run *r = p->run;
    if (!fits(r, off, n, r->prog_size))
        return -900;
    for (size_t i = 0; i < n; i++)
        r->violations += r->live[p->side][off + i] != r->erased;
    memcpy(r->live[p->side] + off, buf, n);
    if (r->taping) {
        op *o = tape_op(r, PROG, p->side, (uint32_t)off, (uint32_t)n);
        o->data = malloc(n);
        dt_ok(o->data != NULL);
        memcpy(o->data, buf, n);
    }
    return 0;
}

static int box_erase(void *user, uint64_t off, size_t n)
{
    struct place *p = user;
    run *r = p->run;
    if (!fits(r, off, n, 1024))
        return -900;
    memset(r->live[p->side] + off, r->erased, n);
    if (r->taping)
        (void)tape_op(r, ERASE, p->side, (uint32_t)off, (uint32_t)n);
    return 0;
}

static int box_sync(void *user)
{
    struct place *p = user;
    if (p->run->taping)
        (void)tape_op(p->run, SYNC, p->side, 0, 0);
    return 0;
}

static int keep_key(void *user, uint32_t epoch, const uint8_t seed[DURA_SEED_BYTES])
{
    run *r = user;
    (void)epoch;
    (void)seed;
    if (r->taping)
        (void)tape_op(r, KEY, 0, 0, 0);
    return 0;
}

/* ---- a box --------------------------------------------------------------------------- */

static void start(run *r, uint32_t size, uint32_t segment, uint32_t prog_size, uint8_t erased)
{
    memset(r, 0, sizeof *r);
    r->size = size;
    r->segment = segment;
    r->prog_size = prog_size;
    r->erased = erased;
    r->port.struct_size = (uint32_t)sizeof r->port;
    for (uint32_t i = 0; i < 2; i++) {
        r->live[i] = malloc(size);
        r->durable[i] = malloc(size);
        r->whole[i] = malloc(size);
        r->frame[i] = calloc(size / 64, sizeof *r->frame[i]);
        dt_ok(r->live[i] && r->durable[i] && r->whole[i] && r->frame[i]);
        memset(r->live[i], erased, size);
        memset(r->durable[i], erased, size);
        r->place[i] = (struct place){r, i};
        r->region[i] = (dura_region){(uint32_t)sizeof r->region[i], 1024, prog_size, 0, size, &r->place[i],
                                     box_read, box_prog, box_erase, box_sync};
        r->port.region[i] = &r->region[i];
    }
    r->port.crypto = &r->keys.crypto;
    r->cfg = (dura_log_config)DURA_LOG_CONFIG_INIT;
    r->cfg.segment_bytes = segment;
    r->cfg.max_record = 300;
    r->cfg.tree_height = 15;
    r->cfg.buffer_bytes = 1200 + 2 * prog_size;
    r->cfg.commit_records = 5;
    r->cfg.seal_records = 200;
    r->mem = calloc(1, dura_log_bytes(&r->cfg, &r->port));   /* memory is searched for keys */
    dt_ok(r->mem != NULL);
}

static void end(run *r)
{
    for (size_t i = 0; i < r->n_ops; i++)
        free(r->tape[i].data);
    for (int i = 0; i < 2; i++) {
        free(r->live[i]);
        free(r->durable[i]);
        free(r->whole[i]);
        free(r->frame[i]);
    }
    free(r->tape);
    free(r->mem);
}

static int box_open(run *r, uint32_t epoch, const uint8_t seed[32])
{
    r->log = NULL;
    dt_eq(dura_sodium_init(&r->keys, seed, epoch, NULL, keep_key, r), 0, "keys");
    return dura_log_init(&r->log, r->mem, dura_log_bytes(&r->cfg, &r->port), &r->cfg, &r->port, &r->now);
}

static int add(run *r, uint32_t mark, uint32_t n)
{
    uint8_t p[256] = {0x10, 0x58, (uint8_t)n};
    dura_log_entry e;
    memset(&e, 0, sizeof e);
    e.struct_size = (uint32_t)sizeof e;
    e.log = mark % 4u == 0 ? DURA_LOG_SECURITY : DURA_LOG_DECISION;
    e.kind = DURA_REC_EVENT;
    e.source = DURA_NONE;
    e.n_pairs = 1;
    e.time = r->now;
    for (uint32_t i = 0; i < n; i++)
        p[3 + i] = (uint8_t)(mark * 31u + i * 7u + (mark >> 8));
    return dura_log_append(r->log, mark & 1u, &e, p, 3 + n);
}

/* Where every frame of the finished run ends: magic and length alone. */
static void find_frames(run *r, uint32_t side)
{
    const uint8_t *p = r->whole[side];
    for (uint32_t at = 0; at + 24 <= r->size; at += 8) {
        uint64_t gseq;
        uint32_t len = p[at + 4] | (uint32_t)p[at + 5] << 8;
        dura_record rec;
        if (memcmp(p + at, "DLR1", 4) != 0)
            continue;
        dt_eq(dura_record_decode(p + at + 16, len, &rec), 0, "frame at %u", at);
        gseq = rec.gseq;
        r->frame[side][r->n_frames[side]++] = (frame){gseq, at + 16 + len, rec.kind};
        if (rec.kind == DURA_REC_SEAL && side == 1)
            durai_checkpoint_of(&r->seal[r->n_seals++], &rec, r->keys.pub[0]);
    }
}

/* The run on the tape, from blank storage to the final seals. */
static void tape(run *r, uint32_t records)
{
    uint8_t seed[32], origin[16];
    memset(seed, 0x42, sizeof seed);
    dura_epoch_public(r->pub, seed);
    dura_epoch_origin(origin, r->pub);
    r->now = (dura_time){0};
    r->now.boot = 1;
    r->now.mono_ns = 1000;
    r->now.wall_err_us = UINT32_MAX;
    r->taping = 1;
    dt_eq(box_open(r, 0, seed), 0, "init");
    for (uint32_t i = 0; i < records; i++) {
        r->now.mono_ns += 1000;
        dt_eq(add(r, i, 25 + i % 90), 0, "append %u", i);
        dt_ok(dura_log_step(r->log, &r->now, 9) >= 0, "step %u", i);
    }
    dt_eq(dura_log_deinit(r->log, &r->now, NULL, 0, 0), 0, "close");
    (void)tape_op(r, SYNC, 0, 0, 0);            /* so that a cut behind the last one exists */
    r->taping = 0;
    dt_eq(r->violations, 0, "storage contract");
    for (uint32_t i = 0; i < 2; i++) {
        memcpy(r->whole[i], r->live[i], r->size);
        find_frames(r, i);
    }
    for (uint32_t i = 0; i < r->n_seals; i++)
        memcpy(r->seal[i].origin, origin, sizeof origin);
    dt_ok(r->n_frames[0] + r->n_frames[1] >= records, "%u frames", r->n_frames[0] + r->n_frames[1]);
}

/* ---- judges ---------------------------------------------------------------------------- */

static durai_verify scratch;
static dura_verify_report rep;

static int word_of(run *r, const durai_checkpoint *kept)
{
    static mem_folder m;
    dura_verify_options o = DURA_VERIFY_OPTIONS_INIT;
    o.key = r->pub;
    m.n = 0;
    for (uint32_t i = 0; i < 2; i++) {
        uint32_t n = r->size;
        while (n > 0 && durai_blank(r->live[i] + n - r->segment, r->segment) &&
               r->live[i][n - 1] == r->erased)
            n -= r->segment;
        for (uint32_t k = 0; k < n / r->segment; k++) {
            mem_file *f = &m.file[m.n++];
            dt_ok(m.n < MEM_FILES);
            snprintf(f->name, sizeof f->name, "%s/%08u.seg", i ? "decision.log" : "security.log", k);
            f->p = r->live[i] + (size_t)k * r->segment;
            f->n = r->segment;
        }
    }
    dt_eq(mem_verify(&m, &o, kept, &scratch, &rep), 0, "verify");
    r->verified++;
    return rep.word;
}

/* The last checkpoint whose records were all durable: somebody outside may have it. */
static const durai_checkpoint *kept_at(const run *r, uint64_t durable)
{
    const durai_checkpoint *c = NULL;
    for (uint32_t i = 0; i < r->n_seals && r->seal[i].gseq < durable; i++)
        c = &r->seal[i];
    return c;
}

/* Bytes of a region below which nothing durable may have changed. */
static uint32_t durable_bytes(const run *r, uint32_t side, uint64_t durable)
{
    uint32_t lo = 0, hi = r->n_frames[side];
    while (lo < hi) {
        uint32_t mid = (lo + hi) / 2;
        if (r->frame[side][mid].gseq < durable)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo > 0 ? r->frame[side][lo - 1].end : 0;
}

/* The storage in live, as a cut left it: everything durable is there and the log goes on. */
static void judge(run *r, const op *at, int verifier, const char *row)
{
    dura_log_status st = DURA_LOG_STATUS_INIT;
    const durai_checkpoint *kept = kept_at(r, at->durable);
    r->images++;
    if (verifier)
        dt_ok(word_of(r, kept) != DURA_VERIFY_TAMPERED, "%s: a cut is called tampering: %s", row, rep.text);
    r->now.boot = 2;
    r->now.mono_ns = 500;
    dt_eq(box_open(r, at->epoch, at->seed), 0, "%s: init", row);
    dt_eq(dura_log_query(r->log, &st), 0, "%s", row);
    dt_ok(st.found != DURA_LOG_DAMAGED, "%s: a cut is called damage", row);
    dt_ok(st.found != DURA_LOG_FRESH || at->durable == 0, "%s: all forgotten", row);
    dt_ok(st.gseq >= at->durable && st.seq[0] + st.seq[1] == st.gseq, "%s: gseq", row);
    for (uint32_t i = 0; i < 2; i++)
        dt_ok(memcmp(r->live[i], r->whole[i], durable_bytes(r, i, at->durable)) == 0,
              "%s: a durable record of log %u changed", row, i + 1);
    if (verifier) {
        dt_eq(add(r, 3, 40) | add(r, 4, 41), 0, "%s: append", row);
        dt_eq(dura_log_deinit(r->log, &r->now, NULL, 0, 0), 0, "%s: close", row);
        dt_eq(dura_log_query(r->log, &st), 0, "%s", row);
        dt_ok(word_of(r, kept) == DURA_VERIFY_CUT, "%s: after recovery: %s", row, rep.text);
        dt_eq(rep.records[0] + rep.records[1], st.gseq, "%s: records", row);
        dt_eq(rep.torn_bytes, 0, "%s: tail", row);
    }
    dt_eq(r->violations, 0, "%s: storage contract", row);
}

/* ---- cuts -------------------------------------------------------------------------------- */

static uint64_t rng = 1;
static uint32_t below(uint32_t n)
{
    rng = rng * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)((rng >> 33) % n);
}

/* Bytes [from, to) of an operation happen to an image. */
static void happen(run *r, const op *o, uint32_t from, uint32_t to)
{
    if (from >= to)
        return;
    if (o->kind == ERASE)
        memset(r->live[o->side] + o->off + from, r->erased, to - from);
    else
        memcpy(r->live[o->side] + o->off + from, o->data + from, to - from);
}

/* What the medium makes of the unsynced operations o[0..n), the last one `part` bytes long. */
static void settle(run *r, const op *const *o, uint32_t n, uint32_t part, int mode)
{
    uint32_t order[PENDING + 1];
    for (uint32_t i = 0; i < n; i++)
        order[i] = i;
    for (uint32_t i = n; mode == REORDERED && i > 1; i--) {
        uint32_t j = below(i), t = order[i - 1];
        order[i - 1] = order[j];
        order[j] = t;
    }
    for (uint32_t i = 0; i < n; i++) {
        const op *x = o[order[i]];
        uint32_t len = order[i] + 1 == n ? part : x->len;
        if (mode == KEPT || (mode == REORDERED && below(2)))
            happen(r, x, 0, len);
        else if (mode == TORN && len > 0)
            happen(r, x, 0, below(3) == 0 ? 0 : below(2) ? len : below(len + 1));
        else if (mode == SCATTERED)
            for (uint32_t at = 0; at < len; at += 64)
                if (below(2))
                    happen(r, x, at, at + 64 < len ? at + 64 : len);
    }
}

/* One cut: operation k, `part` of its bytes arrived. */
static void cut(run *r, size_t k, uint32_t part, const op *const pending[2][PENDING],
                const uint32_t n_pending[2], int mode, int verifier)
{
    const op *o = &r->tape[k], *list[PENDING + 1];
    char row[96];
    for (uint32_t i = 0; i < 2; i++) {
        uint32_t n = n_pending[i], last = n ? pending[i][n - 1]->len : 0;
        memcpy(r->live[i], r->durable[i], r->size);
        memcpy(list, pending[i], n * sizeof list[0]);
        if (o->side == i && o->kind <= ERASE) {
            list[n++] = o;
            last = part;
        }
        settle(r, list, n, last, mode);
    }
    snprintf(row, sizeof row, "A %u erased %02x op %zu/%zu part %u/%u mode %d", r->prog_size, r->erased, k,
             r->n_ops, part, o->len, mode);
    judge(r, o, verifier, row);
}

/* Places in an operation where the power may go. */
static uint32_t places(const op *o, int every_byte)
{
    if (o->kind > ERASE)
        return 1;
    return every_byte && o->kind == PROG ? o->len + 1 : 2;
}

/* Cuts over the whole tape: in every step-th place (every_byte 0: before and in the middle
 * of an operation only), each `tries` times in every mode, or, tries 0, in one mode that
 * changes from cut to cut. Every `every`-th goes to the verifier. */
static void all_cuts(run *r, int every_byte, uint32_t step, uint32_t tries, uint32_t every)
{
    const op *pending[2][PENDING];
    uint32_t n[2] = {0, 0}, at = 0, count = 0;
    for (size_t k = 0; k < r->n_ops; k++) {
        const op *o = &r->tape[k];
        for (; at < places(o, every_byte); at += step) {
            uint32_t part = every_byte && o->kind == PROG ? at : at * (o->len / 2);
            for (uint32_t t = 0; t < (tries ? tries * MODES : 1); t++, count++) {
                int mode = (int)((tries ? t : count) % MODES);
                if (tries && t >= MODES && mode <= KEPT)
                    continue;                   /* nothing is left to chance in those */
                cut(r, k, part, (const op *const(*)[PENDING])pending, n, mode, count % every == 0);
            }
        }
        at -= places(o, every_byte);
        if (o->kind <= ERASE) {
            dt_ok(n[o->side] < PENDING, "too many unsynced operations");
            pending[o->side][n[o->side]++] = o;
        } else if (o->kind == SYNC) {
            for (uint32_t j = 0; j < n[o->side]; j++) {
                const op *x = pending[o->side][j];
                if (x->kind == ERASE)
                    memset(r->durable[x->side] + x->off, r->erased, x->len);
                else
                    memcpy(r->durable[x->side] + x->off, x->data, x->len);
            }
            n[o->side] = 0;
        }
    }
}

static uint32_t thorough(void)
{
    const char *n = getenv("DURA_THOROUGH");
    return n != NULL ? (uint32_t)atoi(n) : 0;
}

static run box;

static void report(const char *what)
{
    if (thorough())
        fprintf(stderr, "%s, A %u, erased %02x: %zu operations, %llu cuts, %llu verified\n", what,
                box.prog_size, box.erased, box.n_ops, (unsigned long long)box.images,
                (unsigned long long)box.verified);
}

static void bytes(uint32_t prog_size, uint8_t erased)
{
    uint32_t n = thorough();
    start(&box, 131072, 8192, prog_size, erased);
    tape(&box, n ? 1000 : 240);
    all_cuts(&box, 1, n ? 1 : 151 * SPARSE, n, n ? 23 : 7);
    report("every byte of 1,000 records");
    end(&box);
}

DT_TEST(log_cuts, at_any_byte_lose_nothing_on_flash) { bytes(8, 0xFF); }
DT_TEST(log_cuts, at_any_byte_lose_nothing_on_files) { bytes(1, 0x00); }

static void boundaries(uint32_t prog_size, uint8_t erased)
{
    uint32_t n = thorough();
    start(&box, n ? 1 << 21 : 131072, n ? 32768 : 8192, prog_size, erased);
    tape(&box, n ? 10000 : 240);
    all_cuts(&box, 0, n ? 1 : 2 * SPARSE, n, n ? 97 : 7);
    report("every boundary of 10,000 records");
    end(&box);
}

DT_TEST(log_cuts, at_any_boundary_lose_nothing_with_wide_pages) { boundaries(256, 0xFF); }
DT_TEST(log_cuts, at_any_boundary_lose_nothing_on_files) { boundaries(1, 0x00); }

/* ---- what is no cut ------------------------------------------------------------------------ */

/* The clever attacker: both logs end cleanly before gseq g, segments behind are gone. */
static void truncate_at(run *r, uint64_t g)
{
    for (uint32_t i = 0; i < 2; i++) {
        uint32_t to = durable_bytes(r, i, g), up = r->prog_size > 8 ? r->prog_size : 8;
        to = (to + up - 1) / up * up;
        memcpy(r->live[i], r->whole[i], to);
        memset(r->live[i] + to, r->erased, r->size - to);
    }
}

DT_TEST(log_cuts, are_not_what_ends_below_a_known_checkpoint)
{
    uint32_t n = thorough(), tampered = 0, cuts = 0, damaged = 0, words[4] = {0};
    run *r = &box;
    start(r, n ? 1 << 21 : 131072, n ? 32768 : 8192, 8, 0xFF);
    r->cfg.seal_records = n ? 1000 : 60;
    tape(r, n ? 10000 : 240);
    dt_ok(r->n_seals >= 4, "%u seals", r->n_seals);
    const op *last = &r->tape[r->n_ops - 1];
    const durai_checkpoint *kept = &r->seal[r->n_seals - 2];   /* one epoch after it is not known */
    for (uint64_t g = 2; g < r->frame[1][r->n_frames[1] - 1].gseq; g += n ? 1 : 1 + g % 5) {
        truncate_at(r, g);
        int word = word_of(r, kept), below_it = g <= kept->gseq;
        words[word]++;
        dt_eq(word, below_it ? DURA_VERIFY_TAMPERED : DURA_VERIFY_CUT, "end at %u of %u: %s", (unsigned)g,
              (unsigned)kept->gseq, rep.text);
        tampered += below_it;
        cuts += !below_it;
        /* the device itself: its key is past all seals but the final one of the run */
        r->now.boot = 2;
        r->now.mono_ns = 500;
        dt_eq(box_open(r, last->epoch, last->seed), 0, "end at %u: init", (unsigned)g);
        dura_log_status st = DURA_LOG_STATUS_INIT;
        dt_eq(dura_log_query(r->log, &st), 0, "query");
        dt_eq(st.found, DURA_LOG_DAMAGED, "end at %u: the device takes it for a cut", (unsigned)g);
        damaged++;
    }
    dt_ok(tampered > 20 && cuts > 5 && words[DURA_VERIFY_TAMPERED] == tampered);
    if (n)
        fprintf(stderr, "ends at every record: %u below the checkpoint, all TAMPERED; %u above, all CUT; "
                        "%u damage to the device\n", tampered, cuts, damaged);
    end(r);
}

/* ---- what a thief can do -------------------------------------------------------------------- */

/* All of the device was copied while it held epoch `stolen`: storage, memory, seed. The thief
 * runs the genuine writer with a provider that lies: it claims any epoch and signs those
 * before the theft with the one key there is. Public keys are public. */
typedef struct thief {
    dura_crypto crypto;
    uint32_t epoch, stolen;
    uint8_t seed[32], first[32];   /* first: only to tell public keys, which the log holds */
} thief;

static void seed_of(uint8_t out[32], const uint8_t seed[32], uint32_t steps)
{
    memcpy(out, seed, 32);
    while (steps-- > 0)
        dura_epoch_next(out, out);
}

static int thief_epoch(void *user, uint32_t slot, uint32_t *epoch)
{
    (void)slot;
    *epoch = ((thief *)user)->epoch;
    return 0;
}

static int thief_public(void *user, uint32_t slot, uint32_t epoch, uint8_t pub[32])
{
    uint8_t seed[32];
    (void)slot;
    seed_of(seed, ((thief *)user)->first, epoch);
    dura_epoch_public(pub, seed);
    return 0;
}

static int thief_sign(void *user, uint32_t slot, uint32_t epoch, const void *msg, size_t n, uint8_t sig[64])
{
    const thief *t = user;
    uint8_t seed[32];
    dura_sodium key;
    seed_of(seed, t->seed, epoch > t->stolen ? epoch - t->stolen : 0);
    int rc = dura_sodium_init(&key, seed, epoch, NULL, NULL, NULL);
    return rc == 0 ? key.crypto.sign(key.crypto.user, slot, epoch, msg, n, sig) : rc;
}

static int thief_advance(void *user, uint32_t slot, uint32_t epoch)
{
    (void)slot;
    ((thief *)user)->epoch = epoch;
    return 0;
}

static void steal(run *r, thief *t, uint32_t stolen)
{
    memset(t->first, 0x42, sizeof t->first);
    seed_of(t->seed, t->first, stolen);
    t->stolen = stolen;
    t->epoch = 0;
    dt_eq(dura_sodium_init(&r->keys, t->seed, stolen, NULL, NULL, NULL), 0, "hashes");
    t->crypto = r->keys.crypto;
    t->crypto.user = t;
    t->crypto.key_epoch = thief_epoch;
    t->crypto.key_public = thief_public;
    t->crypto.sign = thief_sign;
    t->crypto.key_advance = thief_advance;
    r->port.crypto = &t->crypto;
}

static int thief_open(run *r, uint32_t epoch)
{
    ((thief *)(void *)r->port.crypto->user)->epoch = epoch;
    r->log = NULL;
    return dura_log_init(&r->log, r->mem, dura_log_bytes(&r->cfg, &r->port), &r->cfg, &r->port, &r->now);
}

/* The tape's run once more, record `victim` with other contents. */
static void rewrite_history(run *r, uint32_t records, uint32_t victim)
{
    for (int i = 0; i < 2; i++)
        memset(r->live[i], r->erased, r->size);
    r->now.boot = 1;
    r->now.mono_ns = 1000;
    dt_eq(thief_open(r, 0), 0, "init");
    for (uint32_t i = 0; i < records; i++) {
        r->now.mono_ns += 1000;
        dt_eq(add(r, i, 25 + (i + (i == victim)) % 90), 0, "append");
        dt_ok(dura_log_step(r->log, &r->now, 9) >= 0, "step");
    }
    dt_eq(dura_log_deinit(r->log, &r->now, NULL, 0, 0), 0, "close");
}

enum { HISTORY = 150 };

static void start_history(run *r)
{
    start(r, 65536, 8192, 8, 0xFF);
    r->cfg.seal_records = 30;
    tape(r, HISTORY);
    dt_ok(r->n_seals >= 5, "%u seals", r->n_seals);
}

/* The shape of CVE-2023-31439: past events changed, and all that can be fixed is fixed. */
DT_TEST(log_stolen, nothing_before_the_theft_can_be_rewritten)
{
    uint32_t tries = 0, accepted = 0, step = thorough() ? 1 : 13 * (1 + SPARSE / 4);
    thief t;
    start_history(&box);
    for (uint32_t e = 1; e + 1 < box.n_seals; e++) {
        steal(&box, &t, e);
        rewrite_history(&box, HISTORY, HISTORY);     /* the genuine run, but old seals are forged */
        dt_eq(word_of(&box, NULL), DURA_VERIFY_TAMPERED, "seals of epoch %u", e);
        for (uint32_t i = e % step; i < HISTORY; i += step) {
            uint64_t before = box.seal[e - 1].gseq;  /* epochs below e end there */
            rewrite_history(&box, HISTORY, i);
            tries++;
            if (word_of(&box, NULL) != DURA_VERIFY_TAMPERED || rep.sealed > before)
                accepted++;
            dt_eq(rep.rule, DURA_VERIFY_RULE_SEAL_SIGNATURE, "theft at %u, record %u: %s", e, i, rep.text);
        }
    }
    dt_ok(tries > 20 && accepted == 0, "%u of %u accepted", accepted, tries);
    if (thorough())
        fprintf(stderr, "rewritten: %u tries, %u accepted\n", tries, accepted);
    end(&box);
}

/* The shape of CVE-2023-31438: the log is cut back and goes on, sealed, as if nothing had been. */
DT_TEST(log_stolen, a_log_cut_back_does_not_go_on)
{
    uint32_t tries = 0, step = thorough() ? 1 : 9 * (1 + SPARSE / 4);
    thief t;
    start_history(&box);
    box.cfg.seal_records = 1000000;                 /* the thief seals when the thief wants to */
    for (uint32_t e = 1; e + 1 < box.n_seals; e++) {
        uint64_t before = box.seal[e - 1].gseq;
        for (uint64_t g = 3 + e; g <= before; g += step, tries++) {
            uint32_t sealed = 0;
            while (box.seal[sealed].gseq < g)
                sealed++;
            if (box.seal[sealed].gseq == g)
                continue;                            /* one seal of two: the writer forges the other at once */
            steal(&box, &t, e);
            truncate_at(&box, g);
            box.now.boot = 2;
            dt_eq(thief_open(&box, sealed), 0, "the lie is believed by the writer");
            dt_eq(add(&box, 3, 40), 0, "append");
            dt_eq(dura_log_step(box.log, &box.now, UINT32_MAX) < 0, 0, "step");
            /* not sealed again: to the public key alone a device put back. A kept checkpoint tells. */
            dt_eq(word_of(&box, &box.seal[e - 1]), DURA_VERIFY_TAMPERED, "kept, theft at %u, cut at %u", e, (unsigned)g);
            dt_eq(word_of(&box, NULL), DURA_VERIFY_CUT, "theft at %u, cut at %u: %s", e, (unsigned)g, rep.text);
            dt_eq(rep.rollback_excluded, 0, "and the report says so");
            dt_ok(rep.sealed <= g, "no seal covers what was added");
            dt_eq(dura_log_save(box.log, &box.now), 0, "seal");
            dt_eq(word_of(&box, NULL), DURA_VERIFY_TAMPERED, "sealed, theft at %u, cut at %u", e, (unsigned)g);
            /* with the stolen provider as it is, the writer itself notices and says so for ever */
            truncate_at(&box, g);
            dt_eq(thief_open(&box, e), 0, "init");
            dt_eq(dura_log_save(box.log, &box.now), 0, "seal");
            dt_eq(word_of(&box, NULL), DURA_VERIFY_TAMPERED, "honest, theft at %u, cut at %u", e, (unsigned)g);
        }
    }
    dt_ok(tries > 10, "%u", tries);
    if (thorough())
        fprintf(stderr, "cut back: %u tries, 0 sealed again\n", tries);
    end(&box);
}

static int holds(const void *p, size_t n, const uint8_t secret[32])
{
    for (size_t i = 0; i + 32 <= n; i++)
        if (memcmp((const uint8_t *)p + i, secret, 32) == 0)
            return 1;
    return 0;
}

DT_TEST(log_stolen, memory_holds_no_key_of_an_ended_epoch)
{
    uint8_t seed[32], first[32];
    size_t n;
    start_history(&box);                             /* closed: the last key change was just now */
    n = dura_log_bytes(&box.cfg, &box.port);
    memset(first, 0x42, sizeof first);
    seed_of(seed, first, box.keys.epoch);
    dt_ok(holds(&box.keys, sizeof box.keys, seed), "the search finds the seed that is held");
    for (uint32_t e = 0; e < box.keys.epoch; e++) {
        dura_sodium old;
        seed_of(seed, first, e);
        dt_eq(dura_sodium_init(&old, seed, e, NULL, NULL, NULL), 0, "keys");
        dt_ok(!holds(&box.keys, sizeof box.keys, seed) && !holds(box.mem, n, seed), "seed of epoch %u", e);
        dt_ok(!holds(&box.keys, sizeof box.keys, old.secret) && !holds(box.mem, n, old.secret), "key of epoch %u", e);
    }
    end(&box);
}
