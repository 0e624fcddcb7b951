/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the sources of histogram share: the layout of the object.
 */
#ifndef DURA_HISTOGRAM_PRIV_H
#define DURA_HISTOGRAM_PRIV_H

#include "../base/dura_base_priv.h"

#include <dura/histogram.h>

/* Three memories: counts that are halved every so many samples, and so look back over up to
 * twice as many. The counts of the first two fit a byte: at most 2 x 128 - 1. */
enum { FAST = 0, MIDDLE = 1, SLOW = 2, MEMORIES = 3 };
#define FAST_EVERY 32u
#define MIDDLE_EVERY 128u
#define SLOW_EVERY 1024u

#define HIST_BINS ((uint32_t)DURA_HISTOGRAM_BINS_MAX)
#define HIST_PRIOR 2.0f         /* samples a bin that the reference counts for, in each memory */
#define HIST_P_LEAST 0.001f
#define HIST_CAP 1000.0f        /* a latched statistic is kept below this many limits */

/* What update() needs of a reference. */
typedef struct histogram_reference {
    float edge[DURA_HISTOGRAM_BINS_MAX - 1];    /* unused: beyond every number */
    float p[DURA_HISTOGRAM_BINS_MAX];
    float slack;                /* every ratio is multiplied by this: 1, less for what n samples
                                   leave open */
    uint8_t bins;               /* 0: not watched */
    uint8_t why;                /* DURA_HISTOGRAM_* */
    uint8_t unused[6];
} histogram_reference;

/* channel.flags */
enum { HIST_ALARM = 1, HIST_TOLD = 2 };

/* What a channel knows. 112 bytes. */
typedef struct histogram_channel {
    uint64_t n;                 /* samples judged */
    float r[MEMORIES];          /* Shiryaev-Roberts statistics, each a third */
    float aged[MEMORIES];       /* each r times the age of its change */
    float keep;                 /* what the next sample multiplies everything by: 1, less
                                   above the cap */
    uint16_t total[MEMORIES];   /* sums of the counts */
    uint8_t flags;              /* HIST_* */
    uint8_t last;               /* bin */
    uint16_t slow[DURA_HISTOGRAM_BINS_MAX];
    uint8_t middle[DURA_HISTOGRAM_BINS_MAX];
    uint8_t fast[DURA_HISTOGRAM_BINS_MAX];
    uint8_t unused[4];
} histogram_channel;

struct dura_histogram {
    uint16_t n, watched;
    uint16_t flags;             /* DURA_HISTOGRAM_RESTART */
    uint16_t reserved;
    float arl0;
    float limit;                /* arl0 x watched */
    histogram_channel *channel; /* behind this struct */
    histogram_reference *reference;
};

static inline int durai_histogram_watched(const dura_histogram *h, uint32_t i)
{
    return h->reference[i].bins != 0;
}

int durai_histogram_save(const dura_histogram *h, void *out, size_t *len);
int durai_histogram_load(dura_histogram *h, const void *bytes, size_t len);

#endif
