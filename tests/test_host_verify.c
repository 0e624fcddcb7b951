/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The verifier, the record reader and the checkpoint text.
 *
 * The logs come from a writer of their own (log_writer.h). The tamper matrix here goes over
 * every record of a pair of logs with three epochs and three segments; test_host_tamper.c
 * goes over a long pair.
 */
enum { SEG = 4096, SEGS = 7, RECS = 160 };
#include "log_writer.h"
#include "sim/dt_sim.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static world base, work;      /* an intact one, and one to hurt */

static void make_base(void)
{
    plan p = plain_plan();
    build(&base, &p);
    dt_ok(base.log[0].n_seg >= 3 && base.log[1].n_seg >= 3, "want three segments, have %u and %u",
          base.log[0].n_seg, base.log[1].n_seg);
    dt_eq(base.log[0].epoch, 3);
}

/* ======== clean logs ================================================================= */

DT_TEST(host_verify, closed_log_with_its_key_is_intact)
{
    make_base();
    WORD_IS(judge_world(&base, 1, base.pub), DURA_VERIFY_INTACT);
    RULE_IS("none");
    dt_eq(rep.closed, 1);
    dt_eq(rep.seals, 6);
    dt_eq(rep.epochs, 3);
    dt_eq(rep.records[0] + rep.records[1], base.n);
    dt_eq(rep.records[0], base.log[0].n);
    dt_eq(rep.boots, 1);
    dt_eq(rep.torn_bytes, 0);
    dt_eq(rep.rollback_excluded, 0, "a key alone does not exclude an older copy");
    dt_mem(rep.key, base.pub, 32);
    dt_mem(rep.origin, base.origin, 16);
    dt_str(rep.vouched, "--key");
    dt_eq(rep.sealed, base.n - 1);
}

DT_TEST(host_verify, nobody_outside_means_unanchored)
{
    make_base();
    WORD_IS(judge_world(&base, 1, NULL), DURA_VERIFY_UNANCHORED);
    RULE_IS("no-outside-fact");
    dt_eq(rep.closed, 1);
    dt_str(rep.vouched, "");
}

DT_TEST(host_verify, demo_key_vouches_for_nothing)
{
    plan p = plain_plan();
    p.demo = 1;
    build(&work, &p);
    WORD_IS(judge_world(&work, 1, work.pub), DURA_VERIFY_UNANCHORED);
    dt_eq(rep.demo_key, 1);
    dt_ok(strstr(rep.text, "DEMO KEY") != NULL, "%s", rep.text);
}

DT_TEST(host_verify, logs_that_cannot_sign_are_unanchored)
{
    plan p = plain_plan();
    p.unsigned_ = 1;
    build(&work, &p);
    WORD_IS(judge_world(&work, 0, work.pub), DURA_VERIFY_UNANCHORED);
    dt_eq(rep.unsigned_logs, 1);
    dt_eq(rep.closed, 1);
}

DT_TEST(host_verify, empty_epochs_and_tiny_logs_are_fine)
{
    for (int users = 0; users < 6; users++) {
        plan p = plain_plan();
        p.users = users;
        p.per_epoch = users == 4 ? 2 : 0;
        build(&work, &p);
        WORD_IS(judge_world(&work, 1, work.pub), DURA_VERIFY_INTACT, "users %d", users);
    }
}

/* ======== power cuts ================================================================= */

DT_TEST(host_verify, cut_at_any_frame_is_cut)
{
    make_base();
    for (uint64_t g = 2; g < base.gseq; g++) {
        work = base;
        cut_at(&work, g, 0);
        WORD_IS(judge_world(&work, 0, base.pub), DURA_VERIFY_CUT, "cut at %llu", (unsigned long long)g);
        RULE_IS("not-closed");
        dt_eq(rep.records[0] + rep.records[1], g);
        dt_eq(rep.torn_bytes, 0);
        WORD_IS(judge_world(&work, 0, NULL), DURA_VERIFY_UNANCHORED, "cut at %llu, no key", (unsigned long long)g);
    }
}

DT_TEST(host_verify, torn_tail_is_cut)
{
    make_base();
    for (uint64_t g = 2; g < base.gseq; g++) {
        uint32_t torn[] = {1, 16, base.rec[g].size - 9};
        for (size_t t = 0; t < sizeof torn / sizeof torn[0]; t++) {
            work = base;
            cut_at(&work, g, torn[t]);
            WORD_IS(judge_world(&work, 0, base.pub), DURA_VERIFY_CUT, "torn at %llu, %u bytes left",
                    (unsigned long long)g, torn[t]);
            dt_ok(rep.torn_bytes > 0);
        }
    }
}

DT_TEST(host_verify, lost_write_before_kept_ones_is_cut_only_above_the_floor)
{
    plan p = plain_plan();
    p.close = 0;
    p.users = 110;
    build(&base, &p);
    int cut = 0;
    for (uint32_t r = 2; r < base.n; r++) {
        work = base;
        const wrec *x = &work.rec[r];
        memset(work.log[x->log].seg[x->seg] + x->off, 0, x->size);
        int want = base.floor > x->gseq ? DURA_VERIFY_TAMPERED : DURA_VERIFY_CUT;
        WORD_IS(judge_world(&work, 0, base.pub), want, "record %u of %u, floor %llu", r, base.n,
                (unsigned long long)base.floor);
        dt_eq(rep.records[0] + rep.records[1], x->gseq, "record %u", r);
        cut += want == DURA_VERIFY_CUT;
    }
    dt_ok(cut >= 10, "the matrix has %d rows above the floor", cut);
}

DT_TEST(host_verify, garbage_behind_an_open_log_is_cut)
{
    plan p = plain_plan();
    p.close = 0;
    build(&work, &p);
    wlog *l = &work.log[1];
    uint32_t end = l->end[l->n_seg - 1];
    for (uint32_t k = end; k < SEG; k++)
        l->seg[l->n_seg - 1][k] = (uint8_t)(k * 37 + 11);
    WORD_IS(judge_world(&work, 0, work.pub), DURA_VERIFY_CUT);
    dt_eq(rep.torn_bytes, SEG - end);
    dt_eq(rep.extra_files, 1);
}

DT_TEST(host_verify, torn_header_of_the_next_segment_holds_nothing)
{
    plan p = plain_plan();
    build(&work, &p);
    as_folder(&work, 1);
    static uint8_t torn[SEG];
    memcpy(torn, "DSG1\x01", 5);
    mem_add("decision.log/00000003.seg", torn, SEG);
    dt_eq(work.log[1].n_seg, 3);
    WORD_IS(judge(work.pub), DURA_VERIFY_INTACT, "left over from a cut, never used again");
    torn[2000] = 1;
    WORD_IS(judge(work.pub), DURA_VERIFY_TAMPERED, "bytes where no header can be");
    RULE_IS("stray-bytes");
}

static void build_recovered(world *w, uint32_t lost[2])
{
    plan p = plain_plan();
    p.close = 0;
    p.users = 30;
    p.per_epoch = 0;
    build(w, &p);
    for (int i = 0; i < 2; i++) { /* torn frames, then what recovery writes */
        wlog *l = &w->log[i];
        uint32_t k = l->n_seg - 1, off = l->end[k];
        memcpy(l->seg[k] + off, "DLR1 torn by the cut", 20);
        lost[i] = off;
    }
    w_recover(w, 0, lost[0]);
    w_recover(w, 1, lost[1]);
    w->boot = 2;
    for (int u = 30; u < 40; u++)
        w_user(w, &p, u);
    w_close(w, &p);
}

DT_TEST(host_verify, recovered_log_is_intact_and_every_lost_byte_counts)
{
    uint32_t lost[2];
    build_recovered(&base, lost);
    WORD_IS(judge_world(&base, 1, base.pub), DURA_VERIFY_INTACT);
    dt_eq(rep.recoveries, 2);
    dt_eq(rep.boots, 2);
    for (int i = 0; i < 2; i++) {
        uint32_t k = 0;
        while (base.log[i].end[k] != lost[i])
            k++;
        for (uint32_t off = lost[i]; off < SEG; off += 61) {
            work = base;
            work.log[i].seg[k][off] ^= 4;
            WORD_IS(judge_world(&work, 1, base.pub), DURA_VERIFY_TAMPERED, "log %d byte %u", i, off);
            RULE_IS("recover-digest");
        }
    }
}

static wrec *find_kind(world *w, uint8_t kind, int nth)
{
    for (uint32_t r = 0; r < w->n; r++)
        if (w->rec[r].kind == kind && nth-- == 0)
            return &w->rec[r];
    return NULL;
}

DT_TEST(host_verify, recover_record_must_be_true)
{
    static const struct {
        const char *row, *rule;
        uint8_t key, value;
    } rows[] = {{"damage", "recover-damage", 16, 2}, {"segment", "recover-place", 17, 5}, {"cause", "recover-damage", 16, 3}};
    uint32_t lost[2];
    build_recovered(&base, lost);
    for (size_t t = 0; t < sizeof rows / sizeof rows[0]; t++) {
        work = base;
        wrec *r = find_kind(&work, DURA_REC_RECOVER, 0);
        uint8_t *f = frame_of(&work, r);
        for (uint32_t k = 16; k < 16 + r->len - 1; k++) { /* "16 cause" in CBOR: 0x10 0x01 */
            if (f[k] == rows[t].key && k > 30) {
                f[k + 1] = rows[t].value;
                break;
            }
        }
        frame_crc(f, r->len);
        WORD_IS(judge_world(&work, 1, base.pub), DURA_VERIFY_TAMPERED, "%s", rows[t].row);
        RULE_IS(rows[t].rule, "%s", rows[t].row);
    }
}

DT_TEST(host_verify, lost_bytes_without_recover_are_stray)
{
    plan p = plain_plan();
    p.users = 30;
    p.per_epoch = 0;
    p.close = 0;
    build(&work, &p);
    wlog *l = &work.log[0];
    uint32_t k = l->n_seg - 1, off = l->end[k];
    memcpy(l->seg[k] + off, "DLR1 torn", 9);
    w_segment(&work, 0, off);
    w_user(&work, &p, 40);
    w_close(&work, &p);
    WORD_IS(judge_world(&work, 1, work.pub), DURA_VERIFY_TAMPERED);
    RULE_IS("stray-bytes");
}

DT_TEST(host_verify, a_seal_among_given_up_bytes_is_damage)
{
    plan p = plain_plan();
    p.users = 30;
    p.per_epoch = 20;
    p.close = 0;
    build(&work, &p);
    /* give up everything from the record before the security seal of epoch 0 on */
    wrec *s = find_kind(&work, DURA_REC_SEAL, 0);
    uint32_t at = 0;
    for (uint32_t r = 0; r < work.n; r++)
        if (work.rec[r].log == 0 && work.rec[r].gseq < s->gseq && work.rec[r].seg == s->seg)
            at = work.rec[r].off;
    dt_eq(s->seg, work.log[0].n_seg - 1, "the seal is in the last segment");
    work.log[0].n = 0;
    for (uint32_t r = 0; r < work.n; r++)
        if (work.rec[r].log == 0 && (work.rec[r].seg < s->seg || work.rec[r].off < at))
            work.log[0].n++;
    work.gseq = 0;
    for (uint32_t r = 0; r < work.n; r++)
        if (work.rec[r].log == 0 && work.rec[r].off == at && work.rec[r].seg == s->seg)
            work.gseq = work.rec[r].gseq;
    work.log[0].epoch = 0;
    w_recover(&work, 0, at);
    WORD_IS(judge_world(&work, 0, work.pub), DURA_VERIFY_TAMPERED);
    RULE_IS("recover-damage");
}

/* ======== the tamper matrix ========================================================== */

DT_TEST(host_verify, every_class_at_every_record_is_tampered)
{
    static const struct {
        const char *row;
        void (*hit)(world *, uint32_t);
    } rows[] = {{"flip", hit_flip}, {"flip with a right checksum", hit_flip_fixed}, {"delete", hit_delete},
                {"insert", hit_insert}, {"swap", hit_swap}, {"duplicate", hit_duplicate}, {"zero", hit_zero},
                {"truncate at frame", hit_truncate}, {"truncate mid-frame", hit_truncate_inside}};
    make_base();
    for (size_t t = 0; t < sizeof rows / sizeof rows[0]; t++) {
        for (uint32_t r = 0; r < base.n; r++) {
            work = base;
            rows[t].hit(&work, r);
            WORD_IS(judge_world(&work, 1, base.pub), DURA_VERIFY_TAMPERED, "%s record %u", rows[t].row, r);
            dt_ok(rep.records[0] + rep.records[1] <= base.n, "%s record %u", rows[t].row, r);
            if (t == 0 || t == 6)
                dt_eq(rep.gseq, r, "%s: the place is the first damaged record", rows[t].row);
        }
    }
}

DT_TEST(host_verify, one_log_cut_back_below_the_other_is_tampered_without_checkpoints_too)
{
    make_base();
    for (uint32_t r = 0; r < base.n; r++) {
        work = base;
        hit_truncate(&work, r);
        /* the last seal of each log vouches for everything before it */
        uint64_t floor = work.rec[r].log == 1 ? base.n - 2 : base.n - 1;
        int want = base.rec[r].gseq < floor ? DURA_VERIFY_TAMPERED : DURA_VERIFY_CUT;
        WORD_IS(judge_world(&work, 0, base.pub), want, "record %u", r);
    }
}

DT_TEST(host_verify, rewritten_record_under_the_old_seals_is_tampered)
{
    make_base();
    for (int u = 0; u < 120; u += 3) {
        plan p = plain_plan();
        p.alter = u; /* clock edit: everything rebuilt and consistent but for the seals */
        p.seals_of = &base;
        build(&work, &p);
        dt_eq(work.n, base.n);
        WORD_IS(judge_world(&work, 1, base.pub), DURA_VERIFY_TAMPERED, "user record %d", u);
        RULE_IS(u % 2 == 0 ? "seal-root" : "seal-other", "user record %d", u);
        dt_ok(rep.since <= rep.gseq);
    }
}

DT_TEST(host_verify, old_epoch_resealed_with_a_stolen_key_is_tampered)
{
    make_base();
    for (int u = 0; u < 80; u += 7) {
        for (int stolen = u / 40 + 1; stolen < 4; stolen++) {
            plan p = plain_plan();
            p.drop = u;
            p.stolen_epoch = stolen;
            p.last_stolen = stolen - 1;
            build(&work, &p);
            WORD_IS(judge_world(&work, 1, base.pub), DURA_VERIFY_TAMPERED, "record %d, key of epoch %d", u, stolen);
            RULE_IS("seal-signature");
            dt_eq(rep.since, 0);
        }
    }
}

DT_TEST(host_verify, resigned_with_a_new_key_needs_an_outside_fact)
{
    plan p = plain_plan();
    make_base();
    p.who = "forger";
    p.drop = 50;
    build(&work, &p);
    WORD_IS(judge_world(&work, 1, NULL), DURA_VERIFY_UNANCHORED);
    WORD_IS(judge_world(&work, 1, base.pub), DURA_VERIFY_TAMPERED);
    RULE_IS("outside-key");
}

DT_TEST(host_verify, one_log_of_another_run_is_tampered)
{
    plan p = plain_plan();
    make_base();
    for (int i = 0; i < 2; i++) {
        p = plain_plan();
        p.alter = 20 + i; /* the same device, another run */
        build(&work, &p);
        work.log[i] = base.log[i];
        work.trim[i] = base.trim[i];
        WORD_IS(judge_world(&work, 1, base.pub), DURA_VERIFY_TAMPERED, "log %d", i);
        p = plain_plan();
        p.who = "another device";
        build(&work, &p);
        work.log[1 - i] = base.log[1 - i];
        work.trim[1 - i] = base.trim[1 - i];
        WORD_IS(judge_world(&work, 1, i ? base.pub : work.pub), DURA_VERIFY_TAMPERED, "log %d", i);
    }
}

DT_TEST(host_verify, every_byte_of_every_file_counts)
{
    plan p = plain_plan();
    p.users = 4;
    p.per_epoch = 2;
    build(&base, &p);
    WORD_IS(judge_world(&base, 1, base.pub), DURA_VERIFY_INTACT);
    for (size_t f = 0; f < mem.n; f++) {
        for (size_t k = 0; k < mem.file[f].n; k++) {
            uint8_t was = mem.file[f].p[k];
            mem.file[f].p[k] ^= (uint8_t)(1u << (k % 8));
            WORD_IS(judge(base.pub), DURA_VERIFY_TAMPERED, "%s byte %u", mem.file[f].name, (unsigned)k);
            mem.file[f].p[k] = was;
        }
    }
}

DT_TEST(host_verify, every_file_counts)
{
    plan p = plain_plan();
    static uint8_t note[] = "hello";
    build(&base, &p);
    as_folder(&base, 1);
    size_t n = mem.n;
    for (size_t f = 0; f < n; f++) {
        as_folder(&base, 1);
        int checkpoint = strstr(mem.file[f].name, "checkpoint") != NULL;
        char name[48];
        snprintf(name, sizeof name, "%s", mem.file[f].name);
        mem.file[f] = mem.file[--mem.n];
        /* a missing checkpoint is what a kill between the seals and the file leaves */
        WORD_IS(judge(base.pub), checkpoint ? DURA_VERIFY_CUT : DURA_VERIFY_TAMPERED, "without %s", name);
    }
    static const char *const extra[] = {"report.html", ".hidden", "security.log/00000001.bak", "decision.log/x",
                                        "decision.log/0000000a.seg"};
    for (size_t t = 0; t < sizeof extra / sizeof extra[0]; t++) {
        as_folder(&base, 1);
        mem_add(extra[t], note, sizeof note);
        WORD_IS(judge(base.pub), DURA_VERIFY_TAMPERED, "with %s", extra[t]);
        RULE_IS("unlisted-file", "with %s", extra[t]);
        dt_str(rep.file, extra[t]);
    }
    as_folder(&base, 1);
    mem_add("security.log/00000009.seg", note, sizeof note);
    WORD_IS(judge(base.pub), DURA_VERIFY_TAMPERED, "bytes in a segment nobody began");
}

/* ======== rules, one by one ========================================================== */

/* Alter a header field, checksum right. */
static void patch_header(world *w, int i, uint32_t k, uint32_t at, uint64_t v, int n)
{
    uint8_t *h = w->log[i].seg[k];
    le(h + at, v, n);
    le(h + 68 + 32 * h[7], slow_crc(0, h, 68u + 32u * h[7]), 4);
}

DT_TEST(host_verify, segment_headers_must_fit_their_place)
{
    static const struct {
        const char *rule;
        uint32_t k, at;
        uint64_t v;
        int n;
    } rows[] = {{"segment-header", 1, 4, 2, 2}, {"segment-log", 1, 6, 2, 1}, {"segment-index", 1, 8, 7, 4},
                {"segment-header", 1, 12, 0, 4}, {"segment-seq", 1, 16, 3, 8}, {"segment-gseq", 1, 24, 1, 8},
                {"segment-gseq", 1, 24, 1000, 8}, {"segment-epoch", 1, 32, 9, 4}, {"segment-size", 1, 36, 8192, 4},
                {"segment-end", 1, 40, 100, 8}, {"segment-end", 0, 40, 8, 8}, {"segment-origin", 1, 48, 5, 4},
                {"segment-size", 1, 64, 16, 4}, {"segment-size", 0, 64, 12, 4}, {"segment-peaks", 1, 68, 1, 4},
                {"segment-origin", 0, 48, 5, 4}};
    make_base();
    for (size_t t = 0; t < sizeof rows / sizeof rows[0]; t++) {
        work = base;
        patch_header(&work, 0, rows[t].k, rows[t].at, rows[t].v, rows[t].n);
        WORD_IS(judge_world(&work, 1, base.pub), DURA_VERIFY_TAMPERED, "%s at %u", rows[t].rule, rows[t].at);
        RULE_IS(rows[t].rule, "at %u", rows[t].at);
    }
}

/* Byte `at` of the nth record of a kind becomes v, checksum right. */
static void patch_record(world *w, uint8_t kind, int nth, uint32_t at, uint8_t v)
{
    wrec *r = find_kind(w, kind, nth);
    uint8_t *f = frame_of(w, r);
    f[at] = v;
    frame_crc(f, r->len);
}

DT_TEST(host_verify, records_must_fit_their_place)
{
    /* offsets in a frame: 16 map head, 17.. pairs 1:1 2:log 3:seq 4:gseq 5:boot */
    static const struct {
        const char *rule;
        uint8_t kind;
        int nth;
        uint32_t at;
        uint8_t v;
    } rows[] = {{"record-cbor", DURA_REC_FACT, 0, 18, 2}, {"record-log", DURA_REC_FACT, 0, 20, 2},
                {"seq-dense", DURA_REC_FACT, 0, 22, 5}, {"frame-gseq", DURA_REC_FACT, 0, 24, 9},
                {"boot-order", DURA_REC_FACT, 0, 26, 0}, {"frame-log", DURA_REC_FACT, 0, 6, 2},
                {"frame-log", DURA_REC_FACT, 0, 7, 1}, {"record-cbor", DURA_REC_FACT, 0, 16, 0xAE},
                {"frame-gseq", DURA_REC_FACT, 0, 8, 77}};
    make_base();
    for (size_t t = 0; t < sizeof rows / sizeof rows[0]; t++) {
        work = base;
        patch_record(&work, rows[t].kind, rows[t].nth, rows[t].at, rows[t].v);
        WORD_IS(judge_world(&work, 1, base.pub), DURA_VERIFY_TAMPERED, "%s", rows[t].rule);
        RULE_IS(rows[t].rule, "at %u", rows[t].at);
    }
}

DT_TEST(host_verify, genesis_must_name_the_origin_of_its_own_key)
{
    make_base();
    for (int i = 0; i < 2; i++) {
        work = base;
        wrec *r = &work.rec[i];
        uint8_t *f = frame_of(&work, r);
        f[16 + r->len - 3] ^= 1; /* inside the public key, the last field */
        frame_crc(f, r->len);
        WORD_IS(judge_world(&work, 1, NULL), DURA_VERIFY_TAMPERED, "log %d", i);
        RULE_IS("genesis", "log %d", i);
        dt_eq(rep.gseq, i);
    }
}

DT_TEST(host_verify, neighbours_in_an_unsealed_tail_must_follow_each_other)
{
    plan p = plain_plan();
    p.close = 0;
    p.users = 12;
    p.per_epoch = 0;
    build(&base, &p);
    for (uint32_t r = 2; r + 2 < base.n; r++) {
        work = base;
        hit_delete(&work, r);
        WORD_IS(judge_world(&work, 0, base.pub), DURA_VERIFY_TAMPERED, "delete %u", r);
        RULE_IS("seq-dense", "delete %u", r);
        work = base;
        hit_duplicate(&work, r);
        WORD_IS(judge_world(&work, 0, base.pub), DURA_VERIFY_TAMPERED, "duplicate %u", r);
        RULE_IS("seq-dense", "duplicate %u", r);
    }
    for (int i = 0; i < 2; i++) { /* both logs renumbered around a gap */
        work = base;
        work.gseq += 5;
        w_user(&work, &p, 40);
        w_user(&work, &p, 41);
    }
    WORD_IS(judge_world(&work, 0, base.pub), DURA_VERIFY_TAMPERED, "a gap nobody fills");
    RULE_IS("gseq-dense");
}

DT_TEST(host_verify, segments_of_an_unsealed_log_vouch_for_each_other)
{
    plan p = plain_plan();
    p.close = 0;
    p.per_epoch = 0;
    p.users = 150;
    build(&base, &p);
    dt_ok(base.log[0].n_seg >= 3);
    uint32_t last = base.log[0].n_seg - 1;
    for (uint32_t k = 0; k <= last; k++) {
        work = base;
        work.log[0].seg[k][16] ^= 1;
        WORD_IS(judge_world(&work, 0, base.pub), DURA_VERIFY_TAMPERED, "header %u", k);
        RULE_IS("segment-header", "header %u", k);
        dt_eq(rep.log, DURA_LOG_SECURITY);
        as_folder(&base, 0);
        if (k == last)
            break;
        for (size_t f = 0; f < mem.n; f++) /* the file is gone */
            if (strncmp(mem.file[f].name, "security.log", 12) == 0 && mem.file[f].name[20] == (char)('0' + k))
                mem.file[f] = mem.file[--mem.n];
        WORD_IS(judge(base.pub), DURA_VERIFY_TAMPERED, "segment %u gone", k);
    }
}

DT_TEST(host_verify, checkpoint_without_final_seal_is_early)
{
    make_base();
    work = base;
    cut_at(&work, 90, 0);
    WORD_IS(judge_world(&work, 1, base.pub), DURA_VERIFY_TAMPERED, "cut back, checkpoints kept");
    RULE_IS("checkpoint-early");
    dt_str(rep.file, "security.log/checkpoint");
    work = base;
    work.log[1].note[200] ^= 1;
    WORD_IS(judge_world(&work, 1, base.pub), DURA_VERIFY_TAMPERED);
    RULE_IS("checkpoint-file");
    dt_str(rep.file, "decision.log/checkpoint");
}

/* Find a byte string of n bytes under `key` in the nth seal; point at its bytes. */
static uint8_t *seal_field(world *w, int nth, uint8_t key, uint8_t n)
{
    wrec *r = find_kind(w, DURA_REC_SEAL, nth);
    uint8_t *f = frame_of(w, r);
    for (uint32_t k = 30; k + n + 2 < 16 + r->len + 3; k++)
        if (f[k] == key && f[k + 1] == 0x58 && f[k + 2] == n)
            return f + k + 3;
    return NULL;
}

DT_TEST(host_verify, seals_must_be_true)
{
    static const struct {
        const char *rule;
        uint8_t key, n;
        int nth;
    } rows[] = {{"seal-root", 17, 32, 2}, {"seal-other", 19, 32, 2}, {"seal-signature", 20, 32, 2},
                {"seal-key", 20, 32, 3}, {"seal-signature", 21, 64, 2}, {"seal-signature", 21, 64, 3}};
    make_base();
    for (size_t t = 0; t < sizeof rows / sizeof rows[0]; t++) {
        work = base;
        wrec *r = find_kind(&work, DURA_REC_SEAL, rows[t].nth);
        uint8_t *p = seal_field(&work, rows[t].nth, rows[t].key, rows[t].n);
        dt_ok(p != NULL);
        p[5] ^= 1;
        frame_crc(frame_of(&work, r), r->len);
        WORD_IS(judge_world(&work, 1, base.pub), DURA_VERIFY_TAMPERED, "row %u", (unsigned)t);
        RULE_IS(rows[t].rule, "row %u", (unsigned)t);
        dt_eq(rep.gseq, r->gseq);
        dt_eq(rep.since, rows[t].nth == 2 ? find_kind(&work, DURA_REC_SEAL, 1)->gseq : r->gseq - 1);
    }
}

DT_TEST(host_verify, seals_come_in_pairs_and_epochs_in_order)
{
    plan p = plain_plan();
    p.close = 0;
    p.users = 10;
    p.per_epoch = 0;
    build(&base, &p);
    work = base;
    w_seal(&work, &p, 1, 0);
    WORD_IS(judge_world(&work, 0, base.pub), DURA_VERIFY_TAMPERED, "decision first");
    RULE_IS("seal-pair");
    work = base;
    w_seal(&work, &p, 0, 0);
    w_user(&work, &p, 10);
    WORD_IS(judge_world(&work, 0, base.pub), DURA_VERIFY_TAMPERED, "a record between the two");
    RULE_IS("seal-pair");
    work = base;
    w_seal(&work, &p, 0, 1);
    w_seal(&work, &p, 1, 0);
    WORD_IS(judge_world(&work, 0, base.pub), DURA_VERIFY_TAMPERED, "one final, one not");
    RULE_IS("seal-pair");
    work = base;
    work.log[0].epoch = work.log[1].epoch = 1;
    w_seal_both(&work, &p, 0);
    WORD_IS(judge_world(&work, 0, base.pub), DURA_VERIFY_TAMPERED, "epoch skipped");
    RULE_IS("seal-epoch");
    work = base;
    w_seal(&work, &p, 0, 0);
    WORD_IS(judge_world(&work, 0, base.pub), DURA_VERIFY_CUT, "a cut between the two");
    wlog *l = &work.log[1];
    memcpy(l->seg[l->n_seg - 1] + l->end[l->n_seg - 1], "torn seal", 9);
    w_recover(&work, 1, l->end[l->n_seg - 1]);
    w_seal(&work, &p, 1, 0);
    w_close(&work, &p);
    WORD_IS(judge_world(&work, 1, base.pub), DURA_VERIFY_INTACT, "recovery finished the pair");
}

/* ======== facts from outside ========================================================== */

static int judge_kept(world *w, int checkpoints, const char *note, size_t n)
{
    dura_verify_options o = DURA_VERIFY_OPTIONS_INIT;
    durai_checkpoint kept;
    dt_eq(durai_checkpoint_parse(&kept, note, n), DURA_OK);
    as_folder(w, checkpoints);
    dt_eq(mem_verify(&mem, &o, &kept, &scratch, &rep), DURA_OK);
    return rep.word;
}

DT_TEST(host_verify, kept_checkpoint_vouches_and_contradicts)
{
    plan p = plain_plan();
    char early[1024];
    p.users = 50;
    p.close = 0;
    build(&work, &p); /* one epoch sealed: keep its checkpoint */
    size_t n = work.log[1].note_len;
    memcpy(early, work.log[1].note, n);
    make_base();
    WORD_IS(judge_kept(&base, 1, base.log[0].note, base.log[0].note_len), DURA_VERIFY_INTACT, "the last one");
    dt_eq(rep.rollback_excluded, 1);
    dt_str(rep.vouched, "--checkpoint");
    WORD_IS(judge_kept(&base, 1, early, n), DURA_VERIFY_INTACT, "an early one");
    dt_eq(rep.rollback_excluded, 0);
    WORD_IS(judge_kept(&work, 0, early, n), DURA_VERIFY_CUT, "its own log, cut later");
    WORD_IS(judge_kept(&work, 0, base.log[0].note, base.log[0].note_len), DURA_VERIFY_TAMPERED, "rolled back");
    RULE_IS("outside-checkpoint");
    p = plain_plan();
    p.alter = 3;
    build(&work, &p);
    WORD_IS(judge_kept(&work, 1, early, n), DURA_VERIFY_TAMPERED, "another history under the same keys");
    RULE_IS("outside-checkpoint");
    p = plain_plan();
    p.who = "forger";
    build(&work, &p);
    WORD_IS(judge_kept(&work, 1, early, n), DURA_VERIFY_TAMPERED, "another device");
    RULE_IS("outside-checkpoint");
}

/* ---- on disk, with a state folder --------------------------------------------------- */

static char root_dir[64];

static void make_root(void)
{
    snprintf(root_dir, sizeof root_dir, "/tmp/dura-verify-XXXXXX");
    dt_ok(mkdtemp(root_dir) != NULL);
}

static void remove_root(void)
{
    char cmd[128];
    snprintf(cmd, sizeof cmd, "rm -rf '%s'", root_dir);
    dt_eq(system(cmd), 0);
}

static const char *under(char out[256], const char *name)
{
    snprintf(out, 256, "%s/%s", root_dir, name);
    return out;
}

static void write_file(const char *path, const void *p, size_t n)
{
    FILE *f = fopen(path, "wb");
    dt_ok(f != NULL, "%s", path);
    dt_eq(fwrite(p, 1, n, f), n);
    dt_eq(fclose(f), 0);
}

/* The folder in memory onto disk under root/name. */
static const char *to_disk(char path[256], const char *name)
{
    char sub[400];
    under(path, name);
    mkdir(path, 0700);
    snprintf(sub, sizeof sub, "%s/security.log", path);
    mkdir(sub, 0700);
    snprintf(sub, sizeof sub, "%s/decision.log", path);
    mkdir(sub, 0700);
    for (size_t f = 0; f < mem.n; f++) {
        snprintf(sub, sizeof sub, "%s/%s", path, mem.file[f].name);
        write_file(sub, mem.file[f].p, mem.file[f].n);
    }
    return path;
}

static int judge_disk(const char *folder, const char *state, const char *checkpoint, const uint8_t *key)
{
    dura_verify_options o = DURA_VERIFY_OPTIONS_INIT;
    dura_error err;
    o.state_dir = state;
    o.checkpoint = checkpoint;
    o.key = key;
    memset(&rep, 0, sizeof rep);
    rep.struct_size = sizeof rep;
    int rc = dura_verify_folder(folder, &o, &rep, &err);
    return rc == DURA_OK ? rep.word : rc;
}

DT_TEST(host_verify, state_folder_vouches_and_excludes_an_older_copy)
{
    char state[256], run[256], old[256], other[256];
    dura_keys k;
    dura_error err;
    plan p = plain_plan();
    make_root();
    under(state, "state");
    dt_eq(dura_keys_create(&k, state, 0, &err), DURA_OK);
    p.keys = &k;
    w_begin(&work, &p);
    for (int u = 0; u < 20; u++)
        w_user(&work, &p, u);
    w_seal_both(&work, &p, 0);
    as_folder(&work, 0);
    to_disk(old, "old");
    WORD_IS(judge_disk(old, state, NULL, NULL), DURA_VERIFY_CUT, "still running");
    dt_str(rep.vouched, "state folder");
    for (int u = 20; u < 40; u++)
        w_user(&work, &p, u);
    w_close(&work, &p);
    as_folder(&work, 1);
    to_disk(run, "run");
    WORD_IS(judge_disk(run, state, NULL, NULL), DURA_VERIFY_INTACT);
    dt_eq(rep.rollback_excluded, 1);
    WORD_IS(judge_disk(old, state, NULL, NULL), DURA_VERIFY_TAMPERED, "older copy, head known");
    RULE_IS("outside-state");
    WORD_IS(judge_disk(old, NULL, NULL, work.pub), DURA_VERIFY_CUT, "older copy, only the key known");
    dt_ok(strstr(rep.text, "older copy") != NULL, "rollback is named: %s", rep.text);
    under(other, "nobody");
    WORD_IS(judge_disk(run, other, NULL, NULL), DURA_VERIFY_UNANCHORED, "a state folder that knows nothing");
    dura_keys_head head;
    memset(&head, 0, sizeof head);
    head.known = 1;
    head.epoch = 1;
    head.size[0] = 5;
    head.size[1] = 5;
    dt_eq(dura_keys_note_head(&k, &head), DURA_OK);
    WORD_IS(judge_disk(run, state, NULL, NULL), DURA_VERIFY_TAMPERED, "head with other roots");
    RULE_IS("outside-state");
    dura_keys_close(&k);
    remove_root();
}

static int ticks;
static void tick(void *user, uint64_t done, uint64_t total)
{
    (void)user;
    dt_ok(done <= total);
    ticks++;
}

/* The device goes on writing while it is read: one log's last segment is read before, the
 * other's behind a seal. */
static char live_dir[256];
static int live_calls;

static void write_on(void *user, uint64_t done, uint64_t total)
{
    (void)done;
    (void)total;
    if (live_calls++ > 0)
        return;
    as_folder(user, 0);
    to_disk(live_dir, "live");
}

DT_TEST(host_verify, a_log_that_grows_while_it_is_read_is_cut)
{
    static world later;
    dura_verify_options o = DURA_VERIFY_OPTIONS_INIT;
    make_root();
    make_base();
    later = base;
    cut_at(&later, base.n - 8, 0);
    for (int torn = 0; torn < 2; torn++) {
        work = base;
        cut_at(&work, 70, 0);
        dt_ok(work.log[0].n_seg == 2 && work.log[1].n_seg == 2, "%u, %u", work.log[0].n_seg, work.log[1].n_seg);
        as_folder(&work, 0);
        to_disk(live_dir, "live");
        if (torn) /* what is written is no continuation of what was read */
            later.log[1].seg[1][later.rec[100].log == 1 ? later.rec[100].off + 20 : later.rec[101].off + 20] ^= 1;
        live_calls = 0;
        o.key = base.pub;
        o.progress = write_on;
        o.user = &later;
        memset(&rep, 0, sizeof rep);
        rep.struct_size = sizeof rep;
        dt_eq(dura_verify_folder(live_dir, &o, &rep, NULL), DURA_OK);
        WORD_IS(rep.word, torn ? DURA_VERIFY_TAMPERED : DURA_VERIFY_CUT, "torn %d", torn);
        if (!torn)
            dt_eq(rep.records[0] + rep.records[1], base.n - 8, "all that was there at the end");
        remove_root();
        make_root();
    }
    remove_root();
}

DT_TEST(host_verify, says_what_is_wrong_with_the_call)
{
    char run[256], file[400];
    dura_verify_options o = DURA_VERIFY_OPTIONS_INIT;
    dura_error err;
    make_root();
    make_base();
    as_folder(&base, 1);
    to_disk(run, "run");
    rep.struct_size = sizeof rep;
    dt_eq(dura_verify_folder(NULL, &o, &rep, &err), DURA_EINVAL);
    dt_eq(dura_verify_folder(run, &o, NULL, &err), DURA_EINVAL);
    rep.struct_size = 8;
    dt_eq(dura_verify_folder(run, &o, &rep, &err), DURA_EINVAL);
    o.struct_size = 4;
    rep.struct_size = sizeof rep;
    dt_eq(dura_verify_folder(run, &o, &rep, &err), DURA_EINVAL);
    o.struct_size = sizeof o;
    dt_eq(dura_verify_folder("/nowhere", &o, &rep, &err), DURA_ENOENT);
    dt_str(err.file, "/nowhere");
    dt_eq(dura_verify_folder(root_dir, &o, &rep, &err), DURA_ENOENT);
    dt_ok(strstr(err.text, "not a run folder") != NULL);
    snprintf(file, sizeof file, "%s/policy.bin", run);
    dt_eq(judge_disk(run, NULL, file, NULL), DURA_ESYNTAX);
    dt_eq(judge_disk(run, NULL, "/nowhere", NULL), DURA_EIO);
    snprintf(file, sizeof file, "%s/security.log/checkpoint", run);
    dt_eq(judge_disk(run, NULL, file, base.pub), DURA_VERIFY_INTACT);
    dt_str(rep.vouched, "--key, --checkpoint");
    o.progress = tick;
    dt_eq(dura_verify_folder(run, &o, &rep, NULL), DURA_OK);
    dt_ok(ticks >= 3);
    dt_eq(dura_verify_folder(run, NULL, &rep, NULL), DURA_OK);
    dt_eq(rep.word, DURA_VERIFY_UNANCHORED);
    snprintf(file, sizeof file, "%s/security.log/00000000.seg", run);
    dt_eq(truncate(file, (off_t)1 << 29), 0);
    dt_eq(dura_verify_folder(run, NULL, &rep, &err), DURA_ELIMIT);
    remove_root();
}

DT_TEST(host_verify, links_are_not_followed)
{
    char run[256], file[400], aside[400];
    make_root();
    make_base();
    as_folder(&base, 1);
    to_disk(run, "run");
    snprintf(file, sizeof file, "%s/policy.bin", run);
    snprintf(aside, sizeof aside, "%s/policy.bin", root_dir);
    dt_eq(rename(file, aside), 0);
    dt_eq(symlink(aside, file), 0);
    WORD_IS(judge_disk(run, NULL, NULL, base.pub), DURA_VERIFY_TAMPERED);
    RULE_IS("manifest-digest");
    remove_root();
}

DT_TEST(host_verify, names_of_words_and_rules)
{
    dt_str(dura_verify_word(DURA_VERIFY_CUT), "CUT");
    dt_ok(dura_verify_word(4) == NULL && dura_verify_word(-1) == NULL);
    dt_str(dura_verify_rule(DURA_VERIFY_RULE_FRAME_CRC), "frame-crc");
    dt_ok(dura_verify_rule(5) == NULL && dura_verify_rule_text(5) == NULL);
    dt_ok(strlen(dura_verify_rule_text(DURA_VERIFY_RULE_SEAL_ROOT)) > 10);
}

/* ======== checkpoint files ============================================================= */

DT_TEST(host_checkpoint, saves_what_verify_accepts_and_takes_it_away)
{
    char run[256], file[400];
    dura_error err;
    make_root();
    make_base();
    as_folder(&base, 0);
    to_disk(run, "run");
    WORD_IS(judge_disk(run, NULL, NULL, base.pub), DURA_VERIFY_CUT, "not finished closing");
    dt_eq(dura_checkpoint_save(run, &err), DURA_OK, "%s", err.text);
    WORD_IS(judge_disk(run, NULL, NULL, base.pub), DURA_VERIFY_INTACT);
    for (int i = 0; i < 2; i++) {
        char have[1100];
        snprintf(file, sizeof file, "%s/%s/checkpoint", run, i ? "decision.log" : "security.log");
        FILE *f = fopen(file, "rb");
        dt_ok(f != NULL);
        size_t n = fread(have, 1, sizeof have, f);
        fclose(f);
        dt_eq(n, base.log[i].note_len);
        dt_mem(have, base.log[i].note, n);
    }
    dt_eq(dura_checkpoint_reset(run, &err), DURA_OK);
    dt_eq(dura_checkpoint_reset(run, &err), DURA_OK, "twice is fine");
    WORD_IS(judge_disk(run, NULL, NULL, base.pub), DURA_VERIFY_CUT);
    dt_eq(dura_checkpoint_save("/nowhere", &err), DURA_ENOENT);
    dt_eq(dura_checkpoint_reset("/nowhere", &err), DURA_ENOENT);
    dt_eq(dura_checkpoint_save(NULL, &err), DURA_EINVAL);
    dt_eq(dura_checkpoint_reset(NULL, &err), DURA_EINVAL);
    plan p = plain_plan();
    p.close = 0;
    build(&work, &p);
    as_folder(&work, 0);
    to_disk(run, "open");
    dt_eq(dura_checkpoint_save(run, &err), DURA_ESTATE);
    remove_root();
}

DT_TEST(host_checkpoint, finds_the_key_segments_back)
{
    char run[256];
    dura_error err;
    plan p = plain_plan();
    make_root();
    p.per_epoch = 0; /* the only seals are at the end, the genesis in the first segment */
    build(&base, &p);
    as_folder(&base, 0);
    to_disk(run, "run");
    dt_eq(dura_checkpoint_save(run, &err), DURA_OK, "%s", err.text);
    WORD_IS(judge_disk(run, NULL, NULL, base.pub), DURA_VERIFY_INTACT);
    remove_root();
}

DT_TEST(host_checkpoint, reads_only_its_one_form)
{
    durai_checkpoint c;
    char note[1200];
    make_base();
    size_t n = base.log[0].note_len;
    dt_eq(durai_checkpoint_parse(&c, base.log[0].note, n), DURA_OK);
    dt_eq(c.final, 1);
    dt_eq(c.epoch, 2);
    dt_eq(c.log, DURA_LOG_SECURITY);
    dt_eq(c.size, base.log[0].n - 1);
    for (size_t cut = 0; cut < n; cut++)
        dt_eq(durai_checkpoint_parse(&c, base.log[0].note, cut), DURA_ESYNTAX, "cut to %u", (unsigned)cut);
    /* every byte but those of the signature blob, which only a key can judge */
    size_t blob = n - 94;
    for (size_t k = 0; k < blob; k++) {
        memcpy(note, base.log[0].note, n);
        note[k] ^= 0x80;
        dt_eq(durai_checkpoint_parse(&c, note, n), DURA_ESYNTAX, "byte %u", (unsigned)k);
    }
    memcpy(note, base.log[0].note, n);
    memcpy(note + n, "\xE2\x80\x94 witness.example AAAA\n", 26);
    dt_eq(durai_checkpoint_parse(&c, note, n + 26), DURA_OK, "a witness's line behind ours");
}

/* ======== records ======================================================================== */

static const uint8_t *bytes_of(world *w, uint32_t r, uint32_t *len)
{
    *len = w->rec[r].len;
    return frame_of(w, &w->rec[r]) + 16;
}

DT_TEST(host_record, decodes_the_common_keys)
{
    dura_record r;
    uint32_t len;
    uint64_t v;
    int64_t s;
    const char *text;
    const uint8_t *p;
    size_t n;
    make_base();
    wrec *x = find_kind(&base, DURA_REC_FACT, 3);
    const uint8_t *b = bytes_of(&base, (uint32_t)(x - base.rec), &len);
    dt_eq(dura_record_decode(b, len, &r), DURA_OK);
    dt_eq(r.log, DURA_LOG_SECURITY);
    dt_eq(r.kind, DURA_REC_FACT);
    dt_eq(r.seq, x->seq);
    dt_eq(r.gseq, x->gseq);
    dt_eq(r.source, DURA_NONE);
    dt_eq(r.time.quality, 3);
    dt_eq(r.time.wall_err_us, 1500);
    dt_eq(r.time.boot, 1);
    dt_eq(r.n_pairs, 5);
    dt_eq(dura_record_uint(&r, 25, &v), DURA_OK);
    dt_eq(v, 7);
    dt_eq(dura_record_int(&r, 25, &s), DURA_OK);
    dt_eq(dura_record_text(&r, 28, &text, &n), DURA_OK);
    dt_mem(text, "reason", 6);
    dt_eq(dura_record_text(&r, 25, &text, &n), DURA_ECORRUPT);
    dt_eq(dura_record_bytes(&r, 99, &p, &n), DURA_ENOENT);
    dt_eq(dura_record_decode(NULL, 4, &r), DURA_EINVAL);
    dt_eq(dura_record_decode(b, len, NULL), DURA_EINVAL);
}

typedef struct coded {
    const char *row;
    int want;
    uint8_t n;
    uint8_t p[40];
} coded;

DT_TEST(host_record, refuses_every_other_encoding)
{
    static const coded rows[] = {
        {"smallest", DURA_OK, 15, {0xA7, 1, 1, 2, 1, 3, 0, 4, 0, 5, 0, 6, 0, 11, 16}},
        {"with source", DURA_OK, 17, {0xA8, 1, 1, 2, 1, 3, 0, 4, 0, 5, 0, 6, 0, 10, 3, 11, 16}},
        {"with wall", DURA_OK, 19, {0xA9, 1, 1, 2, 1, 3, 0, 4, 0, 5, 0, 6, 0, 7, 9, 9, 1, 11, 16}},
        {"wall with error", DURA_OK, 21, {0xAA, 1, 1, 2, 1, 3, 0, 4, 0, 5, 0, 6, 0, 7, 9, 8, 4, 9, 1, 11, 16}},
        {"wall without quality", DURA_ECORRUPT, 17, {0xA8, 1, 1, 2, 1, 3, 0, 4, 0, 5, 0, 6, 0, 7, 9, 11, 16}},
        {"quality without wall", DURA_ECORRUPT, 17, {0xA8, 1, 1, 2, 1, 3, 0, 4, 0, 5, 0, 6, 0, 9, 1, 11, 16}},
        {"error without wall", DURA_ECORRUPT, 17, {0xA8, 1, 1, 2, 1, 3, 0, 4, 0, 5, 0, 6, 0, 8, 1, 11, 16}},
        {"quality 0", DURA_ECORRUPT, 19, {0xA9, 1, 1, 2, 1, 3, 0, 4, 0, 5, 0, 6, 0, 7, 9, 9, 0, 11, 16}},
        {"schema 2", DURA_EVERSION, 15, {0xA7, 1, 2, 2, 1, 3, 0, 4, 0, 5, 0, 6, 0, 11, 16}},
        {"log 0", DURA_ECORRUPT, 15, {0xA7, 1, 1, 2, 0, 3, 0, 4, 0, 5, 0, 6, 0, 11, 16}},
        {"log 3", DURA_ECORRUPT, 15, {0xA7, 1, 1, 2, 3, 3, 0, 4, 0, 5, 0, 6, 0, 11, 16}},
        {"no kind", DURA_ECORRUPT, 13, {0xA6, 1, 1, 2, 1, 3, 0, 4, 0, 5, 0, 6, 0}},
        {"no seq", DURA_ECORRUPT, 13, {0xA6, 1, 1, 2, 1, 4, 0, 5, 0, 6, 0, 11, 16}},
        {"keys swapped", DURA_ECORRUPT, 15, {0xA7, 2, 1, 1, 1, 3, 0, 4, 0, 5, 0, 6, 0, 11, 16}},
        {"key twice", DURA_ECORRUPT, 17, {0xA8, 1, 1, 2, 1, 3, 0, 4, 0, 5, 0, 6, 0, 11, 16, 11, 16}},
        {"key 12", DURA_ECORRUPT, 17, {0xA8, 1, 1, 2, 1, 3, 0, 4, 0, 5, 0, 6, 0, 11, 16, 12, 0}},
        {"negative seq", DURA_ECORRUPT, 15, {0xA7, 1, 1, 2, 1, 3, 0x20, 4, 0, 5, 0, 6, 0, 11, 16}},
        {"long integer", DURA_ECORRUPT, 16, {0xA7, 1, 1, 2, 1, 3, 0x18, 0, 4, 0, 5, 0, 6, 0, 11, 16}},
        {"bytes behind", DURA_ECORRUPT, 16, {0xA7, 1, 1, 2, 1, 3, 0, 4, 0, 5, 0, 6, 0, 11, 16, 0}},
        {"indefinite map", DURA_ECORRUPT, 16, {0xBF, 1, 1, 2, 1, 3, 0, 4, 0, 5, 0, 6, 0, 11, 16, 0xFF}},
        {"array", DURA_ECORRUPT, 2, {0x81, 1}},
        {"empty", DURA_ECORRUPT, 0, {0}},
        {"float", DURA_ECORRUPT, 19, {0xA8, 1, 1, 2, 1, 3, 0, 4, 0, 5, 0, 6, 0, 11, 16, 16, 0xF9, 0, 0}},
        {"tag", DURA_ECORRUPT, 18, {0xA8, 1, 1, 2, 1, 3, 0, 4, 0, 5, 0, 6, 0, 11, 16, 16, 0xC1, 0}},
        {"text key", DURA_ECORRUPT, 18, {0xA8, 1, 1, 2, 1, 3, 0, 4, 0, 5, 0, 6, 0, 11, 16, 0x61, 'a', 0}},
        {"bad UTF-8", DURA_ECORRUPT, 18, {0xA8, 1, 1, 2, 1, 3, 0, 4, 0, 5, 0, 6, 0, 11, 16, 16, 0x61, 0xFF}},
        {"genesis without keys", DURA_ECORRUPT, 15, {0xA7, 1, 1, 2, 1, 3, 0, 4, 0, 5, 0, 6, 0, 11, 1}},
        {"seal without keys", DURA_ECORRUPT, 15, {0xA7, 1, 1, 2, 1, 3, 0, 4, 0, 5, 0, 6, 0, 11, 2}},
        {"drop without keys", DURA_ECORRUPT, 15, {0xA7, 1, 1, 2, 1, 3, 0, 4, 0, 5, 0, 6, 0, 11, 3}},
        {"recover without keys", DURA_ECORRUPT, 15, {0xA7, 1, 1, 2, 1, 3, 0, 4, 0, 5, 0, 6, 0, 11, 4}},
        {"close without keys", DURA_OK, 15, {0xA7, 1, 1, 2, 1, 3, 0, 4, 0, 5, 0, 6, 0, 11, 5}},
        {"source none", DURA_ECORRUPT, 19, {0xA8, 1, 1, 2, 1, 3, 0, 4, 0, 5, 0, 6, 0, 10, 0x19, 0xFF, 0xFF, 11, 16}},
    };
    for (size_t t = 0; t < sizeof rows / sizeof rows[0]; t++) {
        dura_record r;
        dt_eq(dura_record_decode(rows[t].p, rows[t].n, &r), rows[t].want, "%s", rows[t].row);
    }
}

DT_TEST(host_record, every_cut_of_a_record_is_refused)
{
    make_base();
    for (uint32_t r = 0; r < 12; r++) {
        uint32_t len;
        dura_record out;
        const uint8_t *b = bytes_of(&base, r, &len);
        for (uint32_t n = 0; n < len; n++)
            dt_eq(dura_record_decode(b, n, &out), DURA_ECORRUPT, "record %u cut to %u", r, n);
    }
}

static void decode_pairs(dura_record *r, uint8_t buf[2048], uint8_t kind, const enc *pairs, int clock)
{
    world *w = &work;
    memset(w, 0, sizeof *w);
    w->boot = 3;
    w->gseq = 41;
    w_segment(w, 0, 0);
    w_record(w, 0, kind, pairs, clock ? 1700000000123456789 : 0);
    memcpy(buf, frame_of(w, &w->rec[0]) + 16, w->rec[0].len);
    dt_eq(dura_record_decode(buf, w->rec[0].len, r), DURA_OK);
}

DT_TEST(host_record_json, shows_a_decision_in_the_machine_shape)
{
    static const char *const channels[] = {"temp", "pressure"};
    static const char *const outputs[] = {"valve"};
    dura_record_names names = DURA_RECORD_NAMES_INIT;
    /* 21.5, 0.1, NaN */
    static const uint8_t values[12] = {0, 0, 0xAC, 0x41, 0xCD, 0xCC, 0xCC, 0x3D, 0, 0, 0xC0, 0x7F};
    static const uint8_t out[4] = {0, 0, 0x80, 0x3F}, driven[4] = {0, 0, 0, 0x80};
    static const uint8_t verdicts[3] = {1, 3, 9};
    uint8_t buf[2048], missing = 4;
    char line[2000];
    size_t n = sizeof line;
    dura_record r;
    enc e = {{0}, 0, 0};
    eu(&e, 16, 7);
    eu(&e, 17, DURA_OBSERVE);
    eu(&e, 18, DURA_HOLD);
    eu(&e, 19, DURA_G_INPUT | DURA_G_RATE);
    eu(&e, 20, 1u << 6);
    eu(&e, 21, 3);
    eb(&e, 22, values, 12);
    eb(&e, 23, values, 8);
    eb(&e, 25, out, 4);
    eb(&e, 26, driven, 4);
    eb(&e, 27, verdicts, 3);
    eh(&e, 0, 28);
    eh(&e, 4, 2);
    eh(&e, 0, 1u << 6);
    eh(&e, 0, 1u | 1u << 30);
    e.pairs++;
    eb(&e, 29, "\x01\x02\x03\x04\x05\x06\x07\xFF", 8);
    eb(&e, 30, &missing, 1);
    names.channels = channels;
    names.n_channels = 2;
    names.outputs = outputs;
    names.n_outputs = 1;
    decode_pairs(&r, buf, DURA_REC_DECISION, &e, 1);
    dt_eq(dura_record_json(&r, &names, line, &n), DURA_OK);
    dt_str(line, "{\"gseq\":41,\"t\":\"2023-11-14T22:13:20.123456789Z\",\"log\":\"security\",\"seq\":0,"
                 "\"kind\":\"decision\",\"boot\":3,\"mono_ns\":\"41000000\",\"clock\":\"synced\",\"err_us\":1500,"
                 "\"frame\":7,\"mode\":\"observe\",\"action\":\"HOLD\",\"verdict\":\"SUSPECT\","
                 "\"outputs\":{\"valve\":-0},\"proposed\":{\"valve\":1},"
                 "\"channels\":{\"pressure\":{\"verdict\":\"SUSPECT\",\"reasons\":[\"range_suspect\"],\"quality\":null},"
                 "\"channel2\":{\"verdict\":\"MISSING\",\"reasons\":[\"missing\",30],\"quality\":0}},"
                 "\"model\":\"01020304050607ff\",\"reasons\":[\"input\",\"rate\"],\"sensor_reasons\":[\"range_suspect\"],"
                 "\"values\":{\"temp\":21.5,\"pressure\":0.1,\"channel2\":null},\"inputs\":[21.5,0.1]}");
    dt_eq(n, strlen(line));
    size_t need = 10;
    dt_eq(dura_record_json(&r, &names, line, &need), DURA_ENOSPC);
    dt_eq(need, n + 1);
    need = 0;
    dt_eq(dura_record_json(&r, NULL, NULL, &need), DURA_ENOSPC);
    dt_ok(need > n, "names of their own are longer");
    dt_eq(dura_record_json(NULL, NULL, line, &n), DURA_EINVAL);
    dt_eq(dura_record_json(&r, NULL, line, NULL), DURA_EINVAL);
}

DT_TEST(host_record_json, shows_everything_else_by_its_keys)
{
    uint8_t buf[2048];
    char line[2000];
    size_t n = sizeof line;
    dura_record r;
    enc e = {{0}, 0, 0};
    eu(&e, 16, DURA_FACT_OVERRIDE);
    eu(&e, 17, 3);
    eh(&e, 0, 26);
    eh(&e, 4, 2);
    eh(&e, 1, 4);
    eh(&e, 0, (uint64_t)1 << 60);
    e.pairs++;
    et(&e, 27, "a\"b\\c\n\x7F");
    eu(&e, 40, 9);
    decode_pairs(&r, buf, DURA_REC_FACT, &e, 0);
    dt_eq(dura_record_json(&r, NULL, line, &n), DURA_OK);
    dt_str(line, "{\"gseq\":41,\"t\":null,\"log\":\"security\",\"seq\":0,\"kind\":\"fact\",\"boot\":3,"
                 "\"mono_ns\":\"41000000\",\"fact\":\"override\",\"severity\":3,"
                 "\"values\":[-5,\"1152921504606846976\"],\"actor\":\"a\\\"b\\\\c\\u000a\\u007f\",\"40\":9}");
    memset(&e, 0, sizeof e);
    eh(&e, 0, 16); /* {16: {"a": [true, {}, null], -1: h'00ff'}} of an unknown kind */
    eh(&e, 5, 2);
    eh(&e, 1, 0);
    eh(&e, 2, 2);
    memcpy(e.p + e.n, "\x00\xFF", 2);
    e.n += 2;
    eh(&e, 3, 1);
    e.p[e.n++] = 'a';
    eh(&e, 4, 3);
    eh(&e, 7, 21);
    eh(&e, 5, 0);
    eh(&e, 7, 22);
    e.pairs = 1;
    decode_pairs(&r, buf, 99, &e, 0);
    n = sizeof line;
    dt_eq(dura_record_json(&r, NULL, line, &n), DURA_OK);
    dt_ok(strstr(line, "\"kind\":99,") != NULL);
    dt_ok(strstr(line, "\"16\":{\"-1\":\"00ff\",\"a\":[true,{},null]}}") != NULL, "%s", line);
}

DT_TEST(host_record_json, floats_read_back_the_same)
{
    uint8_t buf[2048], f[4];
    dura_record r;
    uint32_t s = 12345;
    for (int t = 0; t < 3000; t++) {
        enc e = {{0}, 0, 0};
        char line[600];
        size_t n = sizeof line;
        s = s * 1664525u + 1013904223u;
        uint32_t bits = t < 4 ? (uint32_t[]){1u, 0x7F7FFFFFu, 0x00800000u, 0x3DCCCCCDu}[t] : s;
        le(f, bits, 4);
        eu(&e, 16, 1);
        eb(&e, 23, f, 4);
        decode_pairs(&r, buf, DURA_REC_DECISION, &e, 0);
        dt_eq(dura_record_json(&r, NULL, line, &n), DURA_OK);
        const char *at = strstr(line, "\"inputs\":[");
        dt_ok(at != NULL);
        if ((bits & 0x7F800000u) == 0x7F800000u) {
            dt_ok(strncmp(at + 10, "null", 4) == 0);
            continue;
        }
        float back = strtof(at + 10, NULL);
        dt_mem(&back, &bits, 4, "bits %08x", bits);
    }
}

DT_TEST(host_record_name, names_every_value_of_the_headers)
{
    static const struct {
        int list;
        uint32_t value;
        const char *name;
    } rows[] = {{DURA_NAME_KIND, DURA_REC_EVENT, "event"}, {DURA_NAME_LOG, 2, "decision"},
                {DURA_NAME_FACT, DURA_FACT_STORAGE, "storage"}, {DURA_NAME_ACTION, DURA_STOP, "STOP"},
                {DURA_NAME_MODE, DURA_ENFORCE, "enforce"}, {DURA_NAME_VERDICT, 9, "MISSING"},
                {DURA_NAME_SENSOR_REASON, 13, "substituted"}, {DURA_NAME_GUARD_REASON, 12, "order"},
                {DURA_NAME_CLOCK, 4, "authenticated"}, {DURA_NAME_OVERRIDE, 2, "release"}};
    for (size_t t = 0; t < sizeof rows / sizeof rows[0]; t++) {
        const char *name = dura_record_name(rows[t].list, rows[t].value);
        dt_ok(name != NULL, "%s", rows[t].name);
        dt_str(name, rows[t].name);
        dt_ok(dura_record_name(rows[t].list, 77) == NULL);
    }
    dt_ok(dura_record_name(-1, 1) == NULL && dura_record_name(99, 1) == NULL);
    dt_eq(DURA_R_SUBSTITUTED, 1 << 13);
    dt_eq(DURA_G_ORDER, 1 << 12);
}

/* ---- reading folders ---- */

DT_TEST(host_records, reads_both_logs_in_the_order_of_gseq)
{
    char run[256];
    dura_records *rd;
    dura_record r;
    dura_error err;
    make_root();
    make_base();
    as_folder(&base, 1);
    to_disk(run, "run");
    dt_eq(dura_records_open(&rd, run, 0, &err), DURA_OK);
    for (uint32_t k = 0; k < base.n; k++) {
        uint32_t len;
        dt_eq(dura_records_next(rd, &r, &err), 1, "record %u", k);
        dt_eq(r.gseq, k);
        dt_eq(r.segment, base.rec[k].seg);
        dt_eq(r.offset, base.rec[k].off);
        const uint8_t *b = bytes_of(&base, k, &len);
        dt_eq(r.len, len);
        dt_mem(r.cbor, b, len);
    }
    dt_eq(dura_records_next(rd, &r, &err), 0);
    dt_eq(dura_records_next(rd, &r, &err), 0, "the end stays the end");
    dura_records_close(rd);
    for (int log = 1; log <= 2; log++) {
        dt_eq(dura_records_open(&rd, run, log, &err), DURA_OK);
        uint32_t k = 0;
        while (dura_records_next(rd, &r, &err) == 1) {
            dt_eq(r.log, log);
            dt_eq(r.seq, k++);
        }
        dt_eq(k, base.log[log - 1].n);
        dura_records_close(rd);
    }
    dura_records_close(NULL);
    dt_eq(dura_records_open(&rd, "/nowhere", 0, &err), DURA_ENOENT);
    dt_ok(rd == NULL);
    dt_eq(dura_records_open(&rd, run, 3, &err), DURA_EINVAL);
    dt_eq(dura_records_open(NULL, run, 0, &err), DURA_EINVAL);
    dt_eq(dura_records_next(NULL, &r, &err), DURA_EINVAL);
    remove_root();
}

DT_TEST(host_records, stops_at_a_torn_tail_and_names_damage)
{
    char run[256];
    dura_records *rd;
    dura_record r;
    dura_error err;
    make_root();
    make_base();
    work = base;
    cut_at(&work, 60, 20);
    as_folder(&work, 0);
    to_disk(run, "cut");
    dt_eq(dura_records_open(&rd, run, 0, &err), DURA_OK);
    uint64_t n = 0;
    int rc;
    while ((rc = dura_records_next(rd, &r, &err)) == 1)
        n++;
    dt_eq(rc, 0);
    dt_eq(n, 60);
    dura_records_close(rd);
    work = base;
    hit_flip(&work, 10);
    as_folder(&work, 1);
    to_disk(run, "hurt");
    dt_eq(dura_records_open(&rd, run, 0, &err), DURA_OK);
    while ((rc = dura_records_next(rd, &r, &err)) == 1)
        ;
    dt_eq(rc, DURA_ECORRUPT);
    dt_ok(strstr(err.file, "00000000.seg") != NULL && strstr(err.text, "byte") != NULL, "%s %s", err.file, err.text);
    dura_records_close(rd);
    remove_root();
}

/* ======== logs made by the core itself ==================================================== */

/* The real writer on simulated flash with real signatures: power is cut at each of its
 * mutations, and the verifier must call what is left CUT, and what recovery makes of it
 * INTACT. A word of tampering here would be a false alarm in the field. */
enum { CORE_SIZE = 8 * SEG, CORE_JOURNAL = 16384 };

typedef struct core_box {
    dt_power power;
    dt_flash flash[2];
    dura_region region[2];
    dura_sodium keys;
    dura_port port;
    dura_log *log;
    uint8_t pub[32];
} core_box;

static uint64_t core_mem[4096];
static uint8_t core_flash[2][2 * CORE_SIZE + CORE_JOURNAL];
static core_box box;

static void box_new(uint8_t erased, uint32_t prog_size)
{
    uint8_t seed[32] = {7};
    memset(&box, 0, sizeof box);
    for (int i = 0; i < 2; i++) {
        dt_eq(dt_flash_init(&box.flash[i], core_flash[i], sizeof core_flash[i], CORE_SIZE, SEG, prog_size, erased,
                            &box.power), 0);
        box.region[i] = dt_flash_region(&box.flash[i]);
        box.port.region[i] = &box.region[i];
    }
    dt_eq(dura_sodium_init(&box.keys, seed, 0, NULL, NULL, NULL), DURA_OK);
    dura_epoch_public(box.pub, seed);
    box.port.struct_size = sizeof box.port;
    box.port.crypto = &box.keys.crypto;
}

static int box_open(uint32_t boot)
{
    dura_log_config c = DURA_LOG_CONFIG_INIT;
    dura_time t = {0, 0, 0, 0, 0, {0}};
    t.boot = boot;
    c.segment_bytes = SEG;
    c.seal_records = 12;
    c.commit_records = 3;
    c.max_record = 400;
    dt_ok(dura_log_bytes(&c, &box.port) <= sizeof core_mem);
    return dura_log_init(&box.log, core_mem, sizeof core_mem, &c, &box.port, &t);
}

static int box_append(uint32_t boot, int from, int to)
{
    int rc = 0;
    for (int u = from; u < to && rc >= 0; u++) {
        dura_log_entry e;
        enc p = {{0}, 0, 0};
        memset(&e, 0, sizeof e);
        e.struct_size = sizeof e;
        e.log = u % 3 ? DURA_LOG_DECISION : DURA_LOG_SECURITY;
        e.kind = DURA_REC_FACT;
        e.source = DURA_NONE;
        e.time.boot = boot;
        e.time.mono_ns = u * 1000;
        eu(&p, 16, 1);
        et(&p, 27, "text that makes the record long enough to reach a second segment, and then another "
                   "one, before the run is over: nobody reads it");
        e.n_pairs = (uint16_t)p.pairs;
        rc = dura_log_append(box.log, 0, &e, p.p, p.n);
        for (int spent = 1; rc >= 0 && spent > 0;)
            rc = spent = dura_log_step(box.log, &e.time, 1000);
    }
    return rc;
}

/* The regions as files; checkpoints: also what a clean close writes, from `scratch`. */
static void box_folder(int checkpoints)
{
    static char note[2][DURAI_CP_NOTE];
    char name[48];
    mem.n = 0;
    for (int i = 0; i < 2; i++) {
        for (uint32_t k = 0; k < CORE_SIZE / SEG; k++) {
            snprintf(name, sizeof name, "%s/%08u.seg", i ? "decision.log" : "security.log", k);
            mem_add(name, box.flash[i].live + k * SEG, SEG);
        }
        snprintf(name, sizeof name, "%s/checkpoint", i ? "decision.log" : "security.log");
        if (checkpoints)
            mem_add(name, note[i], durai_checkpoint_note(&scratch.side[i].seal, scratch.side[i].seal_key, note[i]));
    }
}

static int box_verdict(int checkpoints)
{
    box_folder(checkpoints);
    return judge(box.pub);
}

static void box_finish(uint32_t boot, const char *row, uint32_t k)
{
    dura_time t = {0, 0, 0, 0, 0, {0}};
    t.boot = boot;
    t.mono_ns = 1000000;
    dt_ok(box_append(boot, 200, 206) >= 0, "%s cut %u", row, k);
    WORD_IS(box_verdict(0), DURA_VERIFY_CUT, "%s cut %u: running", row, k);
    dt_eq(dura_log_deinit(box.log, &t, NULL, 0, 0), DURA_OK, "%s cut %u", row, k);
    WORD_IS(box_verdict(0), DURA_VERIFY_CUT, "%s cut %u: closed, no checkpoints yet", row, k);
    WORD_IS(box_verdict(1), DURA_VERIFY_INTACT, "%s cut %u: closed", row, k);
}

DT_TEST(host_verify_core, clean_run_of_the_core_is_intact)
{
    static const struct {
        uint8_t erased;
        uint32_t prog;
    } rows[] = {{0x00, 1}, {0xFF, 8}, {0xFF, 256}};
    for (size_t t = 0; t < sizeof rows / sizeof rows[0]; t++) {
        box_new(rows[t].erased, rows[t].prog);
        dt_eq(box_open(1), DURA_OK);
        dt_ok(box_append(1, 0, 40) >= 0);
        WORD_IS(box_verdict(0), DURA_VERIFY_CUT, "running, prog_size %u", rows[t].prog);
        dt_eq(box_open(2), DURA_OK); /* reset without a cut */
        box_finish(2, "no", rows[t].prog);
        dt_ok(rep.epochs >= 3, "%u epochs", rep.epochs);
        dt_eq(box_open(3), DURA_OK);
        box_finish(3, "closed and gone on", rows[t].prog);
    }
}

DT_TEST(host_verify_core, no_power_cut_is_called_tampering)
{
    uint32_t n, recoveries = 0, torn = 0;
    box_new(0x00, 1);
    dt_eq(box_open(1), DURA_OK);
    dt_ok(box_append(1, 0, 60) >= 0);
    n = box.power.mutations;
    dt_ok(n > 60, "%u mutations", n);
    for (uint32_t k = 1; k <= n; k++) {
        uint8_t erased = k % 2 ? 0x00 : 0xFF;
        int mode = (int)(k % DT_MODES);
        char row[32];
        snprintf(row, sizeof row, "mode %d erased %02x", mode, erased);
        box_new(erased, k % 4 < 2 ? 1 : 8);
        box.power.cut_at = k;
        box.power.cut_how = (uint8_t)(k % 3);
        if (box_open(1) == DURA_OK)
            (void)box_append(1, 0, 60);
        for (int i = 0; i < 2; i++)
            dt_flash_reboot(&box.flash[i], mode, k);
        dt_power_on(&box.power);
        int word = box_verdict(0);
        torn += rep.torn_bytes > 0;
        if (rep.records[0] + rep.records[1] == 0)
            WORD_IS(word, DURA_VERIFY_UNANCHORED, "%s cut %u before the first record", row, k);
        else
            WORD_IS(word, DURA_VERIFY_CUT, "%s cut %u", row, k);
        uint64_t kept = rep.records[0] + rep.records[1];
        dt_eq(box_open(2), DURA_OK, "%s cut %u", row, k);
        box_finish(2, row, k);
        dt_ok(rep.records[0] + rep.records[1] >= kept, "%s cut %u", row, k);
        recoveries += rep.recoveries;
    }
    dt_ok(recoveries > 10 && torn > 10, "%u recoveries, %u torn tails: the cuts did not bite", recoveries, torn);
}

/* Exit status of the reader made from the format page alone; -1 without python3. */
static int python_says(const char *run)
{
    char cmd[600];
    if (system("python3 -c '' 2>/dev/null") != 0)
        return -1;
    snprintf(cmd, sizeof cmd, "python3 -B '%s/tests/python/log_reader.py' '%s' >'%s.out' 2>&1", DURA_SOURCE_DIR, run, run);
    return WEXITSTATUS(system(cmd));
}

DT_TEST(host_verify_core, the_python_reader_agrees_about_the_cores_logs)
{
    char run[256];
    dura_time t = {9000000, 0, 3, 0, 0, {0}};
    make_root();
    box_new(0x00, 1);
    dt_eq(box_open(1), DURA_OK);
    box.power.cut_at = 90;
    box.power.cut_how = DT_CUT_HALF;
    (void)box_append(1, 0, 60);
    for (int i = 0; i < 2; i++)
        dt_flash_reboot(&box.flash[i], DT_SCATTERED, 3);
    dt_power_on(&box.power);
    WORD_IS(box_verdict(0), DURA_VERIFY_CUT);
    int rc = python_says(to_disk(run, "cut"));
    dt_ok(rc <= 0, "python says %d of the cut log", rc);
    dt_eq(box_open(2), DURA_OK);
    dt_ok(box_append(2, 60, 80) >= 0);
    dt_eq(dura_log_deinit(box.log, &t, NULL, 0, 0), DURA_OK);
    WORD_IS(box_verdict(0), DURA_VERIFY_CUT, "no checkpoints yet");
    WORD_IS(box_verdict(1), DURA_VERIFY_INTACT);
    rc = python_says(to_disk(run, "closed"));
    dt_ok(rc <= 0, "python says %d of the closed log", rc);
    dt_flash_flip(&box.flash[0], 700, 1);
    WORD_IS(box_verdict(0), DURA_VERIFY_TAMPERED);
    rc = python_says(to_disk(run, "altered"));
    dt_ok(rc == 1 || rc == -1, "python says %d of the altered log", rc);
    remove_root();
}

DT_TEST(host_verify_core, what_the_core_finds_damaged_is_tampered)
{
    box_new(0x00, 1);
    dt_eq(box_open(1), DURA_OK);
    dt_ok(box_append(1, 0, 30) >= 0);
    for (int i = 0; i < 2; i++)
        dt_flash_reboot(&box.flash[i], DT_KEPT, 1);
    dt_flash_flip(&box.flash[1], 700, 1);
    WORD_IS(box_verdict(0), DURA_VERIFY_TAMPERED, "as it lies there");
    RULE_IS("frame-crc");
    dt_eq(box_open(2), DURA_OK);
    dt_ok(box_append(2, 30, 40) >= 0);
    WORD_IS(box_verdict(0), DURA_VERIFY_TAMPERED, "after the device has recovered");
    RULE_IS("recover-damage");
}
