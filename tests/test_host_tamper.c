/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The tamper matrix: a pair of logs of 10,000 records, 20 epochs and 25 segments, hurt
 * in fifteen ways at every record position; each must be called TAMPERED by the rule that
 * fits and at the place that fits. Then what must not be called so: the untouched pair and
 * every power cut. docs/verify.md has the table.
 *
 * DURA_TAMPER_STRIDE=1 tries every position (some minutes); without it a few.
 */
enum { SEG = 65536, SEGS = 24, RECS = 10200 };
#include "log_writer.h"

enum { USERS = 10000, PER_EPOCH = 500 };
/* What a device with this plan never leaves unsealed: an epoch, and as much again. */
enum { UNSEALED = 2 * PER_EPOCH };

static world base, work, before;
static plan honest;

static uint32_t stride(void)
{
    const char *s = getenv("DURA_TAMPER_STRIDE");
    return s && atoi(s) > 0 ? (uint32_t)atoi(s) : 4999;
}

static void make_pair(void)
{
    honest = plain_plan();
    honest.users = USERS;
    honest.per_epoch = PER_EPOCH;
    build(&base, &honest);
    dt_ok(base.n > 10000 && base.log[0].n_seg > 10 && base.log[1].n_seg > 10, "%u records, %u and %u segments",
          base.n, base.log[0].n_seg, base.log[1].n_seg);
    work = base;
}

/* Undo what was done to record r's log. */
static void heal(uint32_t r)
{
    const wrec *x = &base.rec[r];
    wlog *to = &work.log[x->log];
    const wlog *from = &base.log[x->log];
    memcpy(to->seg[x->seg], from->seg[x->seg], SEG);
    memcpy(to->end, from->end, sizeof to->end);
    to->n_seg = from->n_seg;
    work.trim[x->log] = base.trim[x->log];
}

static int judge_with(int checkpoints, const durai_checkpoint *kept)
{
    dura_verify_options o = DURA_VERIFY_OPTIONS_INIT;
    o.key = base.pub;
    o.max_unsealed = UNSEALED;
    as_folder(&work, checkpoints);
    dt_eq(mem_verify(&mem, &o, kept, &scratch, &rep), DURA_OK);
    return rep.word;
}

/* ======== ways that change bytes in place =============================================== */

/* The integer of a common key, and the bytes it takes. */
static uint8_t *field(world *w, const wrec *r, uint8_t key, int *width)
{
    uint8_t *p = frame_of(w, r) + 17; /* behind the map's head: fewer than 24 pairs */
    for (;;) {
        uint8_t k = *p++, ai = *p & 31u;
        int n = ai < 24 ? 1 : 1 + (1 << (ai - 24));
        if (k == key) {
            *width = n;
            return p;
        }
        p += n;
    }
}

static void hit_clock(world *w, uint32_t r)
{
    int n;
    uint8_t *v = field(w, &w->rec[r], 6, &n);
    v[n - 1] ^= 1; /* a nanosecond; the genesis' own clock stands at 0 */
    frame_crc(frame_of(w, &w->rec[r]), w->rec[r].len);
}

static uint32_t partner;     /* of the other log */

/* r and the nearest record of the other log change places on the timeline: both stay in
 * their log with their seq, only gseq is exchanged. */
static void hit_shift(world *w, uint32_t r)
{
    int n, m = 0;
    uint8_t *a = field(w, &w->rec[r], 4, &n), *b = NULL, copy[9];
    for (uint32_t d = 1; m != n; d++)
        for (int side = 0; side < 2 && m != n; side++) {
            partner = side ? r - d : r + d;
            if (partner >= w->n || w->rec[partner].log == w->rec[r].log)
                continue;
            b = field(w, &w->rec[partner], 4, &m);
        }
    memcpy(copy, a, (size_t)n);
    memcpy(a, b, (size_t)n);
    memcpy(b, copy, (size_t)n);
    le(frame_of(w, &w->rec[r]) + 8, w->rec[partner].gseq, 4);
    le(frame_of(w, &w->rec[partner]) + 8, w->rec[r].gseq, 4);
    frame_crc(frame_of(w, &w->rec[r]), w->rec[r].len);
    frame_crc(frame_of(w, &w->rec[partner]), w->rec[partner].len);
}

/* Every class of these says which rules may name it. By the record's kind: what users
 * wrote, genesis, seals, close. */
typedef struct way {
    const char *row;
    void (*hit)(world *, uint32_t);
    int exact;               /* 1: the place is the record itself; 0: a seal behind it; 2: right behind it */
    const char *user, *genesis, *seal, *close;
} way;

static const way ways[] = {
    {"one bit", hit_flip, 1, "frame-crc", "frame-crc", "frame-crc", "frame-crc"},
    {"one bit, checksum made right", hit_flip_fixed, 0, "seal-root seal-other segment-peaks", "genesis",
     "seal-signature record-cbor", "seal-root seal-other"},
    {"deleted", hit_delete, 1, "seq-dense gseq-dense segment-end frame-magic", "genesis seq-dense", "seq-dense gseq-dense segment-end frame-magic seal-pair frame-missing stray-bytes checkpoint-early",
     "seq-dense seal-pair"},
    {"a forged one inserted", hit_insert, 0, "seq-dense gseq-dense segment-end segment-peaks frame-crc frame-magic stray-bytes recover-place seal-root seal-other", "genesis seq-dense",
     "seal-signature record-cbor", "seq-dense seal-root seal-other"},
    {"changed places with the next", hit_swap, 0, "seq-dense gseq-dense frame-crc segment-end", "seq-dense genesis", "seq-dense gseq-dense frame-crc seal-pair",
     "seq-dense"},
    {"twice", hit_duplicate, 2, "seq-dense gseq-dense segment-end segment-peaks frame-crc frame-magic stray-bytes recover-place", "genesis seq-dense", "seq-dense gseq-dense segment-end frame-crc seal-pair stray-bytes",
     "seq-dense"},
    {"wiped", hit_zero, 1, "frame-magic frame-missing", "frame-magic", "frame-magic frame-missing stray-bytes seal-pair checkpoint-early", "frame-magic"},
    {"log cut at the record", hit_truncate, 1, "frame-missing frame-magic", "frame-missing frame-magic segment-header", "frame-missing frame-magic stray-bytes checkpoint-early", "frame-missing"},
    {"log cut inside the record", hit_truncate_inside, 1, "frame-length frame-crc frame-missing", "frame-length frame-crc", "frame-length frame-crc", "frame-length frame-crc"},
    {"clock", hit_clock, 0, "seal-root seal-other segment-peaks", "seal-root seal-other segment-peaks",
     "seal-root seal-other segment-peaks seal-signature checkpoint-file", "seal-root"},
    {"moved against the other log", hit_shift, 0, "seal-root seal-other segment-peaks segment-gseq",
     "seal-root seal-other segment-peaks", "seal-root seal-other seal-pair seal-signature", "seal-root seal-other"},
};

/* The first two and the last four records, and every so many between. */
static uint32_t next_place(uint32_t r)
{
    uint32_t next = r + (r < 2 || r + 4 >= base.n ? 1 : stride());
    return r + 4 < base.n && next + 4 > base.n ? base.n - 4 : next;
}

static int listed(const char *list, const char *rule)
{
    size_t n = strlen(rule);
    for (const char *p = strstr(list, rule); p; p = strstr(p + 1, rule))
        if ((p == list || p[-1] == ' ') && (p[n] == ' ' || p[n] == '\0'))
            return 1;
    return 0;
}

/* What the rules said, for the table. */
static struct {
    char rule[24];
    uint32_t n;
} tally[16];

static void count_rule(const char *rule)
{
    size_t k = 0;
    while (tally[k].n && strcmp(tally[k].rule, rule) != 0)
        k++;
    dt_ok(k < sizeof tally / sizeof tally[0]);
    snprintf(tally[k].rule, sizeof tally[k].rule, "%s", rule);
    tally[k].n++;
}

static void print_tally(const char *row, uint32_t tried)
{
    printf("| %s | %u | %u |", row, tried, tried);
    for (size_t k = 0; k < sizeof tally / sizeof tally[0] && tally[k].n; k++)
        printf(" %s %u", tally[k].rule, tally[k].n);
    printf(" |\n");
    memset(tally, 0, sizeof tally);
}

/* Caught, by a rule of the list, in a place that fits record r. */
static void caught(const char *row, uint32_t r, const char *rules, int exact)
{
    const char *rule = dura_verify_rule(rep.rule);
    WORD_IS(rep.word, DURA_VERIFY_TAMPERED, "%s, record %u", row, r);
    if (rules && !listed(rules, rule))
        dt_fail("%s, record %u kind %d of log %d: rule %s, want one of %s: %s", row, r, base.rec[r].kind, base.rec[r].log,
                rule, rules, rep.text);
    if (exact == 1)
        dt_eq(rep.gseq, base.rec[r].gseq, "%s, record %u: %s", row, r, rep.text);
    dt_ok(rep.since <= (exact == 2 ? rep.gseq : base.rec[r].gseq), "%s, record %u: %s", row, r, rep.text);
    count_rule(rule);
}

static const char *rules_for(const way *w, const wrec *r)
{
    switch (r->kind) {
    case DURA_REC_GENESIS:
        return w->genesis;
    case DURA_REC_SEAL:
        return w->seal;
    case DURA_REC_CLOSE:
        return w->close;
    default:
        return w->user;
    }
}

DT_TEST(host_tamper, every_change_in_place_is_caught_by_the_rule_that_fits)
{
    make_pair();
    for (size_t t = 0; t < sizeof ways / sizeof ways[0]; t++) {
        uint32_t tried = 0;
        for (uint32_t r = 0; r < base.n; r = next_place(r)) {
            if (ways[t].hit == hit_clock && r + 1 == base.n)
                continue; /* below: nothing follows the last seal that covers its clock */
            partner = r;
            ways[t].hit(&work, r);
            judge_with(1, NULL);
            caught(ways[t].row, r, rules_for(&ways[t], &base.rec[r]), ways[t].exact);
            heal(r);
            heal(partner);
            tried++;
        }
        print_tally(ways[t].row, tried);
    }
    WORD_IS(judge_with(1, NULL), DURA_VERIFY_INTACT, "healed");
}

/* A seal signs the numbers, roots and keys in it; its own clock is covered by what follows.
 * docs/verify.md says so among what is not checked. */
DT_TEST(host_tamper, clock_of_the_very_last_seal_is_all_that_nobody_covers)
{
    make_pair();
    hit_clock(&work, base.n - 1);
    WORD_IS(judge_with(1, NULL), DURA_VERIFY_INTACT);
    hit_clock(&work, base.n - 1);
    dt_mem(frame_of(&work, &work.rec[base.n - 1]), frame_of(&base, &base.rec[base.n - 1]), 100);
    for (uint32_t k = 16; k < 16 + base.rec[base.n - 1].len; k++) { /* every bit of all the rest */
        int n, clock;
        uint8_t *f = frame_of(&work, &work.rec[base.n - 1]), *boot = field(&work, &work.rec[base.n - 1], 5, &n);
        clock = f + k >= boot && f + k < field(&work, &work.rec[base.n - 1], 11, &n) - 1;
        for (int bit = 0; bit < 8 && !clock; bit++) {
            f[k] ^= (uint8_t)(1 << bit);
            frame_crc(f, base.rec[base.n - 1].len);
            WORD_IS(bit % 4 == 0 ? judge_with(1, NULL) : DURA_VERIFY_TAMPERED, DURA_VERIFY_TAMPERED, "byte %u bit %d", k, bit);
            f[k] ^= (uint8_t)(1 << bit);
        }
        k += (uint32_t)stride() / 64;
    }
}

/* ======== ways that write the rest anew =================================================== */

/* The pairs of a record of the honest pair, as they are. */
static enc pairs_of(const wrec *r)
{
    enc e = {{0}, 0, 0};
    int n;
    uint8_t *kind = field(&base, r, 11, &n), *rec = frame_of(&base, r) + 16;
    e.pairs = (rec[0] & 31) - 7; /* no seal has a wall clock here */
    e.n = r->len - (size_t)(kind + n - rec);
    memcpy(e.p, kind + n, e.n);
    return e;
}

/* Seal i of the honest pair with its signature, under the numbers it has here. */
static void old_seal(world *w, int i)
{
    uint32_t nth = 2 * w->log[i].epoch + (uint32_t)i, r = 0;
    for (; base.rec[r].kind != DURA_REC_SEAL || nth-- > 0; r++)
        continue;
    enc e = pairs_of(&base.rec[r]);
    w_record(w, i, DURA_REC_SEAL, &e, 0);
    w->log[i].epoch++;
}

enum { NO_SEALS, OLD_SEALS, STOLEN_KEY };

/* Everything from user record u + 1 on, as a forger goes on who left u out: far enough for
 * the verifier to have stopped. */
static void go_on(world *w, int u, int how)
{
    plan p = honest;
    int last = u + (how == NO_SEALS ? UNSEALED : 2 * PER_EPOCH) + 10;
    p.last_stolen = u / PER_EPOCH;
    p.stolen_epoch = p.last_stolen + 1;
    for (int k = u; k < last && k < USERS; k++) {
        int full = k && k % PER_EPOCH == 0 && k > u;
        for (int i = 0; i < 2 && full && how == OLD_SEALS; i++)
            old_seal(w, i);
        if (full && how == STOLEN_KEY)
            w_seal_both(w, &p, 0);
        if (k > u)
            w_user(w, &p, k);
    }
    for (int i = 0; i < 2 && how == OLD_SEALS; i++)
        old_seal(w, i);
    if (how == STOLEN_KEY)
        w_close(w, &p);
}

DT_TEST(host_tamper, history_without_one_record_is_caught)
{
    static const struct {
        const char *row, *rules;
    } rows[] = {{"unsealed rewrite without it", "seal-overdue"},
                {"rewrite without it under the old seals", "seal-root seal-other"},
                {"sealed again with the next epoch's key", "seal-signature"}};
    make_pair();
    for (int how = NO_SEALS; how <= STOLEN_KEY; how++) {
        uint32_t tried = 0;
        w_begin(&before, &honest);
        for (int u = 0; u < USERS; u++) {
            if (how != NO_SEALS && u && u % PER_EPOCH == 0)
                w_seal_both(&before, &honest, 0);
            if ((uint32_t)u % stride() == 0) {
                work = before;
                go_on(&work, u, how);
                judge_with(0, NULL);
                WORD_IS(rep.word, DURA_VERIFY_TAMPERED, "%s, user record %d", rows[how].row, u);
                if (!listed(rows[how].rules, dura_verify_rule(rep.rule)))
                    dt_fail("%s, user record %d: %s", rows[how].row, u, rep.text);
                dt_ok(rep.since <= before.gseq, "%s, user record %d: %s", rows[how].row, u, rep.text);
                count_rule(dura_verify_rule(rep.rule));
                tried++;
            }
            w_user(&before, &honest, u);
        }
        print_tally(rows[how].row, tried);
    }
}

/* ======== an earlier state ================================================================= */

DT_TEST(host_tamper, rollback_is_caught_with_a_fact_and_named_without)
{
    durai_checkpoint kept;
    uint32_t tried = 0;
    make_pair();
    dt_eq(durai_checkpoint_parse(&kept, base.log[0].note, base.log[0].note_len), DURA_OK);
    for (uint32_t g = 2; g + 2 < base.n; g += stride()) {
        work = base;
        cut_at(&work, g, 0);
        judge_with(0, &kept);
        caught("rollback, checkpoint known", g, "outside-checkpoint", 1);
        WORD_IS(judge_with(0, NULL), DURA_VERIFY_CUT, "rollback to %u, nothing known", g);
        dt_eq(rep.rollback_excluded, 0);
        dt_ok(strstr(rep.text, "older copy") != NULL, "%s", rep.text);
        tried++;
    }
    print_tally("both logs put back, a checkpoint known outside", tried);
    printf("| both logs put back, only the key known | %u | - | CUT, rollback named |\n", tried);
}

DT_TEST(host_tamper, one_log_put_back_below_the_other_is_caught)
{
    uint32_t tried = 0;
    make_pair();
    for (uint32_t r = 0; r < base.n; r += stride()) {
        /* the last seal of each log vouches for everything before it */
        uint64_t floor = base.rec[r].log == 1 ? base.n - 2 : base.n - 1;
        hit_truncate(&work, r);
        judge_with(0, NULL);
        if (base.rec[r].gseq < floor) {
            caught("one log put back", r, "frame-missing frame-magic segment-header", 1);
            tried++;
        } else {
            WORD_IS(rep.word, DURA_VERIFY_CUT, "record %u", r);
        }
        heal(r);
    }
    print_tally("one log put back, no checkpoint files", tried);
}

/* ======== what is no tampering ============================================================== */

DT_TEST(host_tamper, untouched_logs_and_power_cuts_are_no_tampering)
{
    uint32_t tried = 0;
    make_pair();
    WORD_IS(judge_with(1, NULL), DURA_VERIFY_INTACT, "untouched");
    for (uint32_t g = 2; g < base.n; g += stride()) {
        uint32_t torn[] = {0, 17, base.rec[g].size - 9};
        for (size_t t = 0; t < sizeof torn / sizeof torn[0]; t++) {
            work = base;
            cut_at(&work, g, torn[t]);
            WORD_IS(judge_with(0, NULL), DURA_VERIFY_CUT, "cut at %u, %u bytes left", g, torn[t]);
            dt_eq(rep.records[0] + rep.records[1], g);
            tried++;
        }
    }
    printf("| no tampering: power cut at the record, %u tries | 0 | - | not-closed |\n", tried);
}
