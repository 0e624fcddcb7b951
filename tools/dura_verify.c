/* SPDX-License-Identifier: Apache-2.0 */
/* `dura verify DIR`: one word, the rule and the place, and what vouches for it. */
#include "dura_args.h"
#include "dura_progress.h"

#include <dura/host/keys.h>
#include <dura/host/proof.h>
#include <dura/host/record.h>
#include <dura/host/verify.h>

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static const char *folder, *key_text, *checkpoint, *state, *max_unsealed, *proof, *witness;
static int strict, as_json;

static const cli_option options[] = {
    {"--key", NULL, "PUB", &key_text, NULL, "epoch-0 public key known from elsewhere: 64 hex digits or a file"},
    {"--checkpoint", NULL, "FILE", &checkpoint, NULL, "a checkpoint kept elsewhere, as in decision.log/checkpoint"},
    {"--state", NULL, "DIR", &state, NULL, "state folder that may know the device (default: your own)"},
    {"--proof", NULL, "FILE", &proof, NULL, "check the proof of one record instead of a folder; --key wants the key that `dura export --proof` named"},
    {"--witness", NULL, "KEY", &witness, NULL, "the kept checkpoint must be cosigned by this witness: name+id+base64"},
    {"--max-unsealed", NULL, "N", &max_unsealed, NULL, "records the device leaves behind its last seal at most (default: no limit)"},
    {"--strict", NULL, NULL, NULL, &strict, "exit 1 for CUT too, and when the drift monitor's heartbeats are missing"},
    {"--json", NULL, NULL, NULL, &as_json, "the report as one JSON object"},
    {NULL, NULL, NULL, NULL, NULL, NULL},
};
static const cli_command self = {
    "verify", "DIR [--key PUB] [--checkpoint FILE [--witness KEY]] [--state DIR] [--max-unsealed N] [--strict] [--json]\n       dura verify --proof FILE --key KEY",
    "May this run folder be believed? The first word of the answer is\n"
    "  INTACT      closed, consistent, vouched for from outside the folder     exit 0\n"
    "  CUT         consistent as far as it goes, not closed (kill, power cut)  exit 0, 1 with --strict\n"
    "  UNANCHORED  consistent, but nothing from outside vouches for it         exit 1\n"
    "  TAMPERED    a rule is broken that no power cut can break                exit 1\n"
    "and, when it is not good, the rule, the file, the byte and the record.\n",
    options, &folder, 0, 1,
};

static void on_progress(void *user, uint64_t done, uint64_t total)
{
    progress *p = user;
    p->calls = 0;                /* calls are rare here: none is skipped */
    progress_show(p, done, total, done >> 10, "KiB");
}

/* 64 hex digits, or the file that holds them. A DURA_E* code. */
static int read_key(uint8_t key[32], dura_error *err)
{
    if (strlen(key_text) == 64 && strspn(key_text, "0123456789abcdefABCDEF") == 64) {
        for (int i = 0; i < 32; i++) {
            char digits[3] = {key_text[2 * i], key_text[2 * i + 1], '\0'};
            key[i] = (uint8_t)strtoul(digits, NULL, 16);
        }
        return DURA_OK;
    }
    return dura_keyfile_public(key_text, key, err);
}

static void print_place(const dura_verify_report *r)
{
    if (r->rule == DURA_VERIFY_RULE_NONE)
        return;
    printf("  rule     %s: %s\n", dura_verify_rule(r->rule), dura_verify_rule_text(r->rule));
    if (r->file[0])
        printf("  place    %s, byte %" PRIu64 ", record %" PRIu64 "\n", r->file, r->offset, r->gseq);
    if (r->word == DURA_VERIFY_TAMPERED)
        printf("  since    record %" PRIu64 ": what lies before is covered by a good seal\n", r->since);
}

static void print_keys(const dura_verify_report *r)
{
    char hex[65];
    printf("  key      %s\n", cli_hex(hex, r->key, 32));
    if (r->demo_key)
        printf("  DEMO KEY everybody has this key: the seals prove nothing\n");
    if (r->unsigned_logs)
        printf("  UNSIGNED the device could not sign its seals\n");
    if (r->vouched[0])
        printf("  vouched  by %s\n", r->vouched);
    if (!r->rollback_excluded)
        printf("  note     an older copy of this folder would look the same: nothing from outside excludes it\n");
}

static void print_monitor(const dura_verify_report *r)
{
    if (!strict || r->word == DURA_VERIFY_TAMPERED)
        return;
    if (r->promised == 0) {
        printf("  monitor  the policy promises no heartbeats of a drift monitor\n");
        return;
    }
    printf("  monitor  %" PRIu64 " heartbeats of the drift monitor, %" PRIu64 " self-tests failed\n", r->heartbeats, r->failures);
    if (r->silences)
        printf("  SILENT   no heartbeat in %" PRIu64 " decisions up to record %" PRIu64 ", one in %u is owed%s: whether anything "
               "drifted is not known\n", r->silent_for, r->silent_gseq, (unsigned)r->owed, r->silences > 1 ? ", and again later" : "");
}

static void print_words(const dura_verify_report *r)
{
    char hex[33];
    printf("%s\n  %s\n", dura_verify_word(r->word), r->text);
    print_place(r);
    printf("  records  %" PRIu64 " in the decision log, %" PRIu64 " in the security log, %" PRIu64 " bytes\n", r->records[1],
           r->records[0], r->bytes);
    printf("  seals    %u in %u epochs, covering every record below %" PRIu64 "\n", (unsigned)r->seals,
           (unsigned)r->epochs, r->sealed);
    printf("  starts   %u, of which recovered from a cut: %u\n", (unsigned)r->boots, (unsigned)r->recoveries);
    if (r->dropped)
        printf("  dropped  %" PRIu64 " records the device had no room for\n", r->dropped);
    if (r->torn_bytes)
        printf("  %s   %" PRIu64 " bytes behind %s\n", r->word == DURA_VERIFY_TAMPERED ? "unread" : "torn  ", r->torn_bytes,
               r->word == DURA_VERIFY_TAMPERED ? "the damage" : "the last whole record");
    printf("  origin   %s\n", cli_hex(hex, r->origin, 16));
    print_keys(r);
    print_monitor(r);
}

static void json_text(const char *key, const char *text)
{
    printf(",\"%s\":", key);
    cli_print_json_text(stdout, text);
}

static void print_json(const dura_verify_report *r)
{
    char hex[65];
    printf("{\"word\":\"%s\",\"rule\":\"%s\"", dura_verify_word(r->word), dura_verify_rule(r->rule));
    json_text("text", r->text);
    json_text("file", r->file);
    printf(",\"offset\":%" PRIu64 ",\"gseq\":%" PRIu64 ",\"since\":%" PRIu64 ",\"log\":%d", r->offset, r->gseq,
           r->since, r->log);
    printf(",\"closed\":%s,\"demo_key\":%s,\"unsigned\":%s,\"rollback_excluded\":%s", r->closed ? "true" : "false",
           r->demo_key ? "true" : "false", r->unsigned_logs ? "true" : "false",
           r->rollback_excluded ? "true" : "false");
    json_text("vouched", r->vouched);
    printf(",\"records\":{\"security\":%" PRIu64 ",\"decision\":%" PRIu64 "},\"sealed\":%" PRIu64
           ",\"bytes\":%" PRIu64 ",\"torn_bytes\":%" PRIu64 ",\"dropped\":%" PRIu64,
           r->records[0], r->records[1], r->sealed, r->bytes, r->torn_bytes, r->dropped);
    printf(",\"seals\":%u,\"epochs\":%u,\"recoveries\":%u,\"boots\":%u,\"extra_files\":%u", (unsigned)r->seals,
           (unsigned)r->epochs, (unsigned)r->recoveries, (unsigned)r->boots, (unsigned)r->extra_files);
    printf(",\"origin\":\"%s\"", cli_hex(hex, r->origin, 16));
    if (strict)
        printf(",\"monitor\":{\"promised\":%u,\"heartbeats\":%" PRIu64 ",\"failures\":%" PRIu64 ",\"silences\":%" PRIu64
               ",\"silent_gseq\":%" PRIu64 ",\"silent_for\":%" PRIu64 ",\"owed\":%u}", (unsigned)r->promised, r->heartbeats,
               r->failures, r->silences, r->silent_gseq, r->silent_for, (unsigned)r->owed);
    printf(",\"key\":\"%s\"}\n", cli_hex(hex, r->key, 32));
}

static int word_code(const dura_verify_report *r)
{
    if (strict && r->silences)
        return CLI_NO;
    if (r->word == DURA_VERIFY_INTACT || (r->word == DURA_VERIFY_CUT && !strict))
        return CLI_OK;
    return CLI_NO;
}

/* One record, its proof, one key: no folder. */
static int verify_proof(void)
{
    static uint8_t bytes[DURA_NOTE_MAX];
    static char line[8 * DURA_NOTE_MAX];
    dura_error err = {0};
    dura_record r = {0};
    char *text = NULL;
    size_t len = 0, n = sizeof bytes, room = sizeof line;
    int rc = cli_read_file(proof, &text, &len, &err);
    if (rc != DURA_OK)
        return cli_fail(&self, rc, &err);
    rc = dura_proof_check(text, len, key_text, bytes, &n);
    free(text);
    if (rc == DURA_EAUTH || rc == DURA_ENOENT) {
        printf("TAMPERED\n  %s\n", rc == DURA_EAUTH ? "the record is not in the tree that was signed, or the signature is wrong"
                                                   : "the checkpoint is not signed by this key");
        return cli_end(&self, CLI_NO);
    }
    if (rc == DURA_OK)
        rc = dura_record_decode(bytes, n, &r);
    if (rc != DURA_OK) {
        dura_error_set(&err, rc, proof, 0, NULL, "this is not the proof of a dura record, or the key is none");
        return cli_fail(&self, rc, &err);
    }
    printf("INTACT\n  record %" PRIu64 " of the %s log, signed as its record %" PRIu64 "\n", r.gseq,
           dura_record_name(DURA_NAME_LOG, r.log), r.seq);
    if (dura_record_json(&r, NULL, line, &room) == DURA_OK)
        printf("%s\n", line);
    return cli_end(&self, CLI_OK);
}

/* A checkpoint that a witness has seen: whoever keeps it need not be trusted. */
static int check_witness(dura_error *err)
{
    char name[256], *text = NULL;
    uint8_t pub[32];
    uint64_t t = 0;
    size_t len = 0;
    int type;
    dura_note note;
    int rc = dura_note_key_parse(witness, name, pub, &type);
    if (rc != DURA_OK)
        return dura_error_set(err, rc, NULL, 0, "--witness", "want name+id+base64, as witnesses publish it");
    rc = cli_read_file(checkpoint, &text, &len, err);
    if (rc == DURA_OK && (rc = dura_note_parse(&note, text, len)) == DURA_OK)
        rc = dura_note_check(&note, name, pub, type, &t);
    if (rc != DURA_OK)
        dura_error_set(err, rc, checkpoint, 0, NULL, rc == DURA_ENOENT ? "no line of this witness" : "the witness' line cannot be believed");
    free(text);
    if (rc == DURA_OK && !as_json)
        fprintf(stderr, "cosigned by %s, %" PRIu64 " s after 1970\n", name, t);
    return rc;
}

int cmd_verify(int argc, char **argv)
{
    int rc = cli_parse(&self, argc, argv);
    if (rc >= 0)
        return rc;
    if (proof)
        return key_text && !folder ? verify_proof() : cli_usage(&self, "--proof wants --key and no folder");
    if (!folder)
        return cli_usage(&self, "want: dura verify DIR");
    if (witness && !checkpoint)
        return cli_usage(&self, "--witness does nothing without --checkpoint");
    uint8_t key[32];
    char own_state[DURA_KEYS_PATH_MAX];
    progress bar;
    dura_error err = {0};
    dura_verify_options o = DURA_VERIFY_OPTIONS_INIT;
    dura_verify_report report = {0};
    report.struct_size = sizeof report;
    rc = key_text ? read_key(key, &err) : DURA_OK;
    if (rc == DURA_OK && witness)
        rc = check_witness(&err);
    if (rc != DURA_OK)
        return cli_fail(&self, rc, &err);
    if (max_unsealed && (cli_number(max_unsealed, UINT64_MAX, &o.max_unsealed) != 0 || o.max_unsealed < 1))
        return cli_usage(&self, "--max-unsealed wants a number of records, 1 or more");
    o.key = key_text ? key : NULL;
    o.checkpoint = checkpoint;
    o.state_dir = state ? state : dura_keys_state_dir(own_state, sizeof own_state) == DURA_OK ? own_state : NULL;
    o.progress = on_progress;
    o.flags = strict ? DURA_VERIFY_MONITOR : 0;
    o.user = &bar;
    progress_begin(&bar);
    rc = dura_verify_folder(folder, &o, &report, &err);
    progress_end(&bar);
    if (rc != DURA_OK)
        return cli_fail(&self, rc, &err);
    if (as_json)
        print_json(&report);
    else
        print_words(&report);
    return cli_end(&self, word_code(&report));
}
