/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What reader and verifier share: where a run folder's files come from, segment headers,
 * and the cursor that walks the frames of one log.
 *
 * The cursor judges bytes only. Whether a frame may be missing, and whether numbers and
 * trees are right, is the verifier's business.
 */
#ifndef DURA_HOST_RECORD_PRIV_H
#define DURA_HOST_RECORD_PRIV_H

#include <dura/host/record.h>
#include "../base/dura_base_priv.h"

#define DURAI_SEG_MAX ((uint64_t)1 << 28)  /* bytes of one segment file held in memory */
#define DURAI_SEG_HEAD_MAX (72u + 32u * 40u)
#define DURAI_PATH_MAX 128u                /* "decision.log/00000000.seg" and file names */

/* Files of a run folder by relative name: a folder on disk, or bytes in memory. */
typedef int (*durai_files_each)(void *ctx, const char *name, int is_file);
typedef struct durai_files {
    void *user;
    /* 0; DURA_ENOENT; DURA_EINVAL when it is not a plain file; DURA_EIO. */
    int (*size)(void *user, const char *name, uint64_t *size);
    /* Up to n bytes from off; *got says how many there were. 0; DURA_EIO. */
    int (*read)(void *user, const char *name, uint64_t off, void *buf, size_t n, size_t *got);
    /* Every entry of dir ("" is the folder itself). 0; DURA_ENOENT; each's code; DURA_EIO. */
    int (*list)(void *user, const char *dir, durai_files_each each, void *ctx);
} durai_files;

/* A folder on disk. */
typedef struct durai_folder {
    int fd;
} durai_folder;
/* 0; DURA_ENOENT (missing, or holds neither log); DURA_EIO. */
int durai_folder_open(durai_folder *f, durai_files *store, const char *path, dura_error *err);
void durai_folder_close(durai_folder *f);

/* A segment header whose checksum is right. `bytes` includes the padding. */
typedef struct durai_seg_head {
    uint64_t seq, gseq, prev_end;
    uint32_t index, generation, epoch, segment_bytes, align, bytes;
    uint16_t version;
    uint8_t log, peaks;
    uint8_t origin[16];
    uint8_t peak[40][32];    /* largest first */
} durai_seg_head;

enum { DURAI_SEG_GOOD = 0, DURAI_SEG_BLANK = 1, DURAI_SEG_BAD = 2 };
/* Read a header out of n bytes: DURAI_SEG_*. */
int durai_seg_parse(durai_seg_head *h, const uint8_t *p, size_t n);
/* All n bytes have one value, 0x00 or 0xFF: never programmed. */
int durai_blank(const uint8_t *p, size_t n);
/* CRC-32C with the processor's instruction where there is one; same contract as base. */
uint32_t durai_rec_crc(uint32_t crc, const void *p, size_t n);

/* What lies at the cursor. */
enum {
    DURAI_AT_FRAME = 0,    /* cur->frame and cur->rec are filled */
    DURAI_AT_SEG_END = 1,  /* the segment ends here and a next one begins */
    DURAI_AT_END = 2,      /* nothing but unprogrammed bytes from here on */
    DURAI_AT_BAD = 3,      /* not a frame; cur->why */
    DURAI_AT_WRONG = 4     /* a frame with a right checksum that no writer makes; cur->why */
};

/* Why, in the numbers of dura/host/verify.h's rules. */
typedef struct durai_cursor {
    const durai_files *store;
    uint32_t *segment;       /* numbers of the files there are, ascending */
    size_t n_segments;
    uint8_t *buf;            /* the segment at hand: its file's bytes */
    size_t cap, len;
    durai_seg_head head;     /* of the segment at hand */
    durai_seg_head next;     /* of the one behind it */
    uint64_t offset;         /* where the cursor stands in the segment */
    uint64_t end;            /* where frames of the segment end at the latest */
    dura_record rec;         /* at DURAI_AT_FRAME */
    uint32_t index;          /* number of the segment at hand */
    uint32_t frame_bytes;    /* with padding */
    uint32_t why_segment;    /* place of `why` when it is not the cursor's */
    uint64_t why_offset;
    int32_t why;             /* DURA_VERIFY_RULE_* */
    uint8_t log;             /* DURA_LOG_* */
    uint8_t have_head, have_next;
    uint8_t bad_next;        /* bytes lie where the next header should, but it is none */
} durai_cursor;

/* Open a log at its first segment. 0; DURA_EIO, DURA_ENOSPC, DURA_ELIMIT. A folder that
 * is not there is an empty log. */
int durai_cursor_open(durai_cursor *c, const durai_files *store, uint8_t log);
void durai_cursor_close(durai_cursor *c);
/* DURAI_AT_*; < 0: DURA_EIO, DURA_ENOSPC, DURA_ELIMIT. */
int durai_cursor_look(durai_cursor *c);
/* Behind the frame the cursor looks at. */
void durai_cursor_pass(durai_cursor *c);
/* Into segment k; DURA_OK or as look. */
int durai_cursor_segment(durai_cursor *c, uint32_t k);
/* Name of segment k of a log, relative to the folder. Returns out. */
const char *durai_seg_name(char out[DURAI_PATH_MAX], uint8_t log, uint32_t k);
const char *durai_log_folder(uint8_t log);

/* A whole frame in p[0..n) of a segment with this generation and align? Its length with
 * padding, or 0 with *why; *rec_len gets the record's length. */
uint32_t durai_frame_check(const uint8_t *p, uint64_t n, uint32_t generation, uint32_t align,
                           uint32_t *rec_len, int32_t *why);

#endif
