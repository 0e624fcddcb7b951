/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dura/host/verify.h - may this run folder be believed?
 *
 * One pass over both logs in the order of gseq, both Merkle trees at hand, rebuilds
 * everything a seal states: roots, the other log's tree, the chain of keys. What the two
 * logs say must agree with each other and with every fact the caller has from outside
 * the folder: a public key, a checkpoint kept elsewhere, the state folder.
 *
 * The answer is one word and, when it is not good, the rule, the file and the byte.
 * docs/verify.md explains each rule. Unstable until 1.0.
 */
#ifndef DURA_HOST_VERIFY_H
#define DURA_HOST_VERIFY_H

#include <dura/host/error.h>
#include <dura/log.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The words. */
enum {
    DURA_VERIFY_INTACT = 0,      /* closed, consistent, vouched for from outside */
    DURA_VERIFY_CUT = 1,         /* consistent as far as it goes, not closed: power cut, kill */
    DURA_VERIFY_UNANCHORED = 2,  /* consistent, but nothing from outside vouches for it */
    DURA_VERIFY_TAMPERED = 3     /* a rule is broken that no power cut can break */
};

/* Why. One code per rule; values never move, new ones are appended. */
#define DURA_VERIFY_RULES(X)                                                                       \
    X(NONE, 0, "none", "every rule holds")                                                         \
    X(NOT_CLOSED, 1, "not-closed", "the log ends without its final seals and checkpoints")         \
    X(NO_OUTSIDE_FACT, 2, "no-outside-fact", "no key, checkpoint or state from outside vouches")   \
    X(FRAME_MISSING, 10, "frame-missing", "a record is missing that was durable")                  \
    X(FRAME_MAGIC, 11, "frame-magic", "bytes that were durable are not a frame")                   \
    X(FRAME_LENGTH, 12, "frame-length", "a frame's length cannot be")                              \
    X(FRAME_CRC, 13, "frame-crc", "a frame's checksum does not match its bytes")                   \
    X(FRAME_PADDING, 14, "frame-padding", "the padding behind a frame is not zero")                \
    X(FRAME_LOG, 15, "frame-log", "a frame belongs to the other log")                              \
    X(FRAME_GSEQ, 16, "frame-gseq", "frame and record disagree about gseq")                        \
    X(SEGMENT_HEADER, 20, "segment-header", "a segment's header is missing or damaged")            \
    X(SEGMENT_LOG, 21, "segment-log", "a segment belongs to the other log")                        \
    X(SEGMENT_INDEX, 22, "segment-index", "a segment is not at its place")                         \
    X(SEGMENT_SIZE, 23, "segment-size", "segment size or alignment changes or cannot be")          \
    X(SEGMENT_ORIGIN, 24, "segment-origin", "a segment comes from another pair of logs")           \
    X(SEGMENT_SEQ, 25, "segment-seq", "a segment's count does not match the records before it")    \
    X(SEGMENT_PEAKS, 26, "segment-peaks", "a segment's tree does not match the records before it") \
    X(SEGMENT_GSEQ, 27, "segment-gseq", "a segment's gseq does not fit its place")                 \
    X(SEGMENT_EPOCH, 28, "segment-epoch", "a segment's epoch does not match the seals")            \
    X(SEGMENT_END, 29, "segment-end", "a segment does not end where the next one says")            \
    X(RECORD_CBOR, 30, "record-cbor", "a record is not in the one allowed encoding")               \
    X(RECORD_LOG, 31, "record-log", "a record names the other log")                                \
    X(SEQ_DENSE, 32, "seq-dense", "a record of this log is missing, repeated or moved")            \
    X(GSEQ_DENSE, 33, "gseq-dense", "the numbers over both logs have a gap or a repetition")       \
    X(BOOT_ORDER, 34, "boot-order", "the boot counter goes back")                                  \
    X(GENESIS, 35, "genesis", "a log does not begin with its own genesis record")                  \
    X(SEAL_EPOCH, 40, "seal-epoch", "a seal's epoch is out of order")                              \
    X(SEAL_PAIR, 41, "seal-pair", "the seals of the two logs do not follow each other")            \
    X(SEAL_ROOT, 42, "seal-root", "the records are not those that were sealed")                    \
    X(SEAL_OTHER, 43, "seal-other", "the other log is not the one that was sealed with this one")  \
    X(SEAL_KEY, 44, "seal-key", "the two seals of an epoch name different next keys")              \
    X(SEAL_SIGNATURE, 45, "seal-signature", "a seal is not signed by its epoch's key")             \
    X(SEAL_OVERDUE, 46, "seal-overdue", "more records follow the last seal than the device leaves") \
    X(RECOVER_PLACE, 50, "recover-place", "a recover record is not about the bytes before it")     \
    X(RECOVER_DIGEST, 51, "recover-digest", "given-up bytes are not those the recover record saw") \
    X(RECOVER_DAMAGE, 52, "recover-damage", "the device itself found durable records damaged")     \
    X(STRAY_BYTES, 53, "stray-bytes", "bytes nobody accounts for")                                 \
    X(CHECKPOINT_FILE, 60, "checkpoint-file", "the checkpoint is not what the final seal gives")   \
    X(CHECKPOINT_EARLY, 61, "checkpoint-early", "there is a checkpoint but no final seal")         \
    X(MANIFEST_MISSING, 62, "manifest-missing", "a file of the manifest is missing")               \
    X(MANIFEST_DIGEST, 63, "manifest-digest", "a file of the manifest was altered")                \
    X(UNLISTED_FILE, 64, "unlisted-file", "a file in the folder that nobody vouches for")          \
    X(OUTSIDE_KEY, 70, "outside-key", "the logs do not begin with the key known outside")          \
    X(OUTSIDE_STATE, 71, "outside-state", "the state folder knows seals that are not there")       \
    X(OUTSIDE_CHECKPOINT, 72, "outside-checkpoint", "the checkpoint kept outside contradicts")

enum {
#define DURA_VERIFY_RULE_ENUM(name, value, text, sentence) DURA_VERIFY_RULE_##name = (value),
    DURA_VERIFY_RULES(DURA_VERIFY_RULE_ENUM)
#undef DURA_VERIFY_RULE_ENUM
    DURA_VERIFY_RULE_LAST_ = 72
};

enum {
    DURA_VERIFY_MONITOR = 1      /* also hold the drift monitor's heartbeats against what the
                                    folder's policy owes: the report's last fields */
};

/* Zero any field for "none". Start from DURA_VERIFY_OPTIONS_INIT. */
typedef struct dura_verify_options {
    uint32_t struct_size;
    uint32_t flags;              /* DURA_VERIFY_MONITOR */
    const char *state_dir;       /* state folder that may know this device's origin */
    const uint8_t *key;          /* epoch-0 public key known from elsewhere, 32 bytes */
    const char *checkpoint;      /* file with a checkpoint kept elsewhere */
    /* Called now and then with bytes done and bytes in all. */
    void (*progress)(void *user, uint64_t done, uint64_t total);
    void *user;
    uint64_t max_unsealed;       /* records the device leaves behind its last seal at most, as its
                                    owner knows it: well above seal_records, for a device that is
                                    killed again and again seals late. 0: no limit */
} dura_verify_options;
#define DURA_VERIFY_OPTIONS_INIT { (uint32_t)sizeof(dura_verify_options), 0, NULL, NULL, NULL, NULL, NULL, 0 }

typedef struct dura_verify_report {
    uint32_t struct_size;        /* in: sizeof in your build; out: bytes filled */
    int32_t  word;               /* DURA_VERIFY_INTACT .. */
    int32_t  rule;               /* DURA_VERIFY_RULE_* */
    uint8_t  closed;             /* 1: final seals, checkpoints and manifest are there */
    uint8_t  demo_key;           /* 1: the key is the public demo's, so anyone can sign */
    uint8_t  unsigned_logs;      /* 1: the device could not sign its seals */
    uint8_t  log;                /* where the rule broke: DURA_LOG_*, 0: neither */
    uint64_t offset;             /* ... byte in `file` */
    uint64_t gseq;               /* ... the number expected there */
    uint64_t since;              /* last gseq before it that a good seal covers, plus 1 */
    uint64_t records[2];         /* read and found right, security and decision */
    uint64_t sealed;             /* every gseq below is covered by a good seal */
    uint64_t bytes;              /* of both logs, headers and padding included */
    uint64_t torn_bytes;         /* of a cut log's tail, not covered by any record */
    uint64_t dropped;            /* records the device says it had to drop */
    uint32_t seals;
    uint32_t epochs;             /* sealed in both logs */
    uint32_t recoveries;
    uint32_t boots;              /* distinct boot numbers */
    uint32_t extra_files;        /* not vouched for in a log that is not closed */
    uint32_t rollback_excluded;  /* 1: a fact from outside rules out an older copy */
    uint8_t  origin[16];
    uint8_t  key[32];            /* epoch-0 public key found */
    char file[128];              /* relative to the folder; "" when no place applies */
    char vouched[64];            /* "--key", "state folder", "--checkpoint"; "" nothing */
    char text[512];              /* one sentence for people */
    /* DURA_VERIFY_MONITOR; all 0 when TAMPERED, or where the policy promises no heartbeat. They
     * do not change the word: a log without heartbeats is the log of a device that watched
     * nothing. */
    uint64_t heartbeats;         /* self-tests of the drift monitor that it passed */
    uint64_t failures;           /* ... and that it failed, or when the device missed one */
    uint64_t silences;           /* times a heartbeat is owed and not in the log */
    uint64_t silent_gseq;        /* the first of them: decision at which it was overdue */
    uint64_t silent_for;         /* ... decisions since the one before, or the start */
    uint32_t owed;               /* ... within how many it was owed */
    uint32_t promised;           /* decisions between heartbeats by the policy; 0: none */
} dura_verify_report;

/** Verify a run folder. A word is not an error: read report->word.
 *  returns  DURA_OK; DURA_EINVAL (options); DURA_EVERSION; DURA_ENOENT (not a run
 *           folder); DURA_ESYNTAX (the kept checkpoint cannot be read); DURA_ELIMIT (a
 *           segment above 256 MiB); DURA_EIO; DURA_ENOSPC (memory). *err says which
 *           file.                                             [serial] O(bytes), I/O */
DURA_API DURA_CHECK int dura_verify_folder(const char *folder, const dura_verify_options *options,
                                           dura_verify_report *report, dura_error *err);

/** "INTACT", "CUT", "UNANCHORED", "TAMPERED"; NULL otherwise.            [any] O(1) */
DURA_API DURA_CHECK const char *dura_verify_word(int word);

/** Short name of a rule ("frame-crc"), NULL when there is none.      [any] O(rules) */
DURA_API DURA_CHECK const char *dura_verify_rule(int rule);

/** Sentence for a rule, NULL when there is none.                     [any] O(rules) */
DURA_API DURA_CHECK const char *dura_verify_rule_text(int rule);

/* ---- checkpoint files -------------------------------------------------------------- */

/** Write security.log/checkpoint and decision.log/checkpoint from the final seals of a
 *  closed run: call it after the logs are closed. Logs that cannot sign get none.
 *  returns  DURA_OK; DURA_ENOENT (not a run folder); DURA_ESTATE (no final seal);
 *           DURA_ECORRUPT; DURA_EIO; DURA_ENOSPC (memory).            [serial] I/O */
DURA_API DURA_CHECK int dura_checkpoint_save(const char *folder, dura_error *err);

/** Take both checkpoint files away, durably: call it before a closed run goes on, or
 *  verify will say checkpoint-early. Missing files are fine.
 *  returns  DURA_OK; DURA_ENOENT (not a run folder); DURA_EIO.         [serial] I/O */
DURA_API DURA_CHECK int dura_checkpoint_reset(const char *folder, dura_error *err);

#ifdef __cplusplus
}
#endif
#endif
