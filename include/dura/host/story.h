/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dura/host/story.h - what happened in a run, as one JSON document.
 *
 * Reads the records of a run folder three times (count, draw, pick), verifies the folder,
 * feeds dura/host/watch.h, and writes what one screen for an operator needs: both logs on
 * one time axis, channels and outputs, drift against its limits, incidents with what
 * speaks for and against them, releases, the health of the logs, and what to do next.
 * Long runs are drawn in buckets of equally many decisions, each with its extremes, its
 * worst verdict and action and the record of its worst decision, so that the text stays
 * small whatever the length. docs/cmd/report.md has the members and the rule of the next
 * action. Unstable until 1.0.
 *
 * Memory: heap; with the number of buckets, not of records.
 */
#ifndef DURA_HOST_STORY_H
#define DURA_HOST_STORY_H

#include <dura/host/verify.h>

#ifdef __cplusplus
extern "C" {
#endif

#define DURA_STORY_VERSION 1         /* "dura_story" of the document */
#define DURA_STORY_BUCKETS 600       /* default, and what policies of up to 64 strips get */

/* Zero any field for its default. Start from DURA_STORY_OPTIONS_INIT. */
typedef struct dura_story_options {
    uint32_t struct_size;
    uint32_t buckets;                /* at most about so many, 16..4096; default 600. With
                                        many channels fewer: 64 channels x 600 in all, but
                                        not below 64 */
    const char *title;               /* default: the device's name */
    const dura_verify_options *verify;  /* facts from outside, and progress; NULL: none */
} dura_story_options;
#define DURA_STORY_OPTIONS_INIT { (uint32_t)sizeof(dura_story_options), 0, NULL, NULL }

/** The story of a run folder; options may be NULL. *text is zero-terminated, valid UTF-8 and
 *  strict JSON; give it to dura_story_deinit(). Damaged logs are no error: the document
 *  says what could not be read. Nor is a folder without policy.bin: names are numbers then.
 *  returns  DURA_OK; DURA_EINVAL (options); DURA_ENOENT (not a run folder); DURA_EIO;
 *           DURA_ENOSPC (memory). On error *text is NULL and *err (may be NULL) says
 *           why.                                             [serial] O(bytes), I/O */
DURA_API DURA_CHECK int dura_story_json(const char *folder, const dura_story_options *options,
                                        char **text, size_t *len, dura_error *err);

/** Release; NULL is allowed.                                               [any] O(1) */
DURA_API void dura_story_deinit(char *text);

#ifdef __cplusplus
}
#endif
#endif
