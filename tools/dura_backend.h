/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of `dura backend check` share. */
#ifndef DURA_TOOL_BACKEND_H
#define DURA_TOOL_BACKEND_H

#include <dura/host/backend.h>

enum { KIT_CHECKS = 15, KIT_TEXT = 240 };
enum { KIT_FAIL = 0, KIT_PASS = 1, KIT_LOST = 2, KIT_NONE = 3 };   /* none: nothing to look at */

/* What is tried. The image lies read-only at the end of a page with nothing behind it. */
typedef struct kit {
    const char *path;
    uint8_t digest[32];
    const char *config;
    const void *image;
    size_t image_len;
    uint8_t image_digest[32];
    int64_t deadline_ns;
    uint64_t runs;              /* random inputs */
    unsigned seconds;           /* a check may take */
} kit;

/* What a check says, in memory its process shares with the one that asked. */
typedef struct kit_result {
    int32_t verdict;            /* KIT_*; FAIL until it says otherwise */
    int32_t system_call;        /* number of the one that run made; -1 none */
    char text[KIT_TEXT];
} kit_result;

/* What the plug-in says of itself, and how fast it was. */
typedef struct kit_about {
    char id[64], version[64];
    uint32_t features;
    uint32_t n_in, n_out;
    uint64_t p50_ns, worst_ns;
    uint32_t offers;            /* DURA_OFFERS_* */
    uint32_t reserved;
} kit_about;

typedef struct kit_check {
    const char *name;
    const char *rule;           /* what has to hold */
    void (*run)(const kit *k, kit_result *r, kit_about *about);
} kit_check;

extern const kit_check kit_checks[KIT_CHECKS];

/* Each check in a process of its own. 0; -1 when there is no memory or no process. */
int kit_run(const kit *k, kit_result *results, kit_about *about);

/* What the process allocated and locked between start and stop; -1 where nobody can count. */
void kit_count_start(void);
void kit_count_stop(int64_t *allocations, int64_t *kept, int64_t *locks);

#endif
