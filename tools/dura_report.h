/* SPDX-License-Identifier: Apache-2.0 */
/* The page of `dura report`, for other commands that end with one. */
#ifndef DURA_REPORT_H
#define DURA_REPORT_H

#include <dura/host/story.h>

/* The page about a run folder into the file `path`, made or replaced; o as for
 * dura_story_json(). A DURA_E* code. */
int report_write(const char *run, const char *path, const dura_story_options *o, dura_error *err);

#endif
