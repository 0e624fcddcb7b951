/* SPDX-License-Identifier: Apache-2.0 */
/* `dura log plan`: how much storage logs need, for how long they last, what they wear out. */
#include "dura_args.h"

#include <stdlib.h>
#include <string.h>

enum { RATE, SIZE, EVENTS, EVENT_SIZE, DAYS, STORAGE, SEGMENT, ALIGN, SEAL_RECORDS, SEAL_S, CYCLES, GAP, N_FIGURES };

static const char *words[1], *text[N_FIGURES];
static int json;

/* Defaults: six months, as Regulation (EU) 2024/1689 Articles 19 and 26(6) ask at least; flash
 * that endures 10,000 erases; the log's own defaults. SEAL has 251 bytes at its longest. */
static double figure[N_FIGURES] = {10, 200, .01, 150, 183, 0, 65536, 8, 1024, 0, 10000, .1};
static const double least[N_FIGURES] = {0, 1, 0, 1, 0, 0, 4096, 8, 1, 0, 1, 0};
static const double most[N_FIGURES] = {1e7, 65535, 1e7, 65535, 36525, 1e18, 1 << 30, 4096, 1e9, 1e9, 1e9, 86400};

static const cli_option options[] = {
    {"--rate", NULL, "N", &text[RATE], NULL, "decisions each second (10)"},
    {"--size", NULL, "BYTES", &text[SIZE], NULL, "bytes of one decision's record (200)"},
    {"--events", NULL, "N", &text[EVENTS], NULL, "security records each second (0.01)"},
    {"--event-size", NULL, "BYTES", &text[EVENT_SIZE], NULL, "bytes of one security record (150)"},
    {"--days", NULL, "N", &text[DAYS], NULL, "how long records must be kept (183: six months)"},
    {"--storage", NULL, "BYTES", &text[STORAGE], NULL, "bytes there are for both logs: how long do they last?"},
    {"--segment", NULL, "BYTES", &text[SEGMENT], NULL, "segment_bytes of the log (65536)"},
    {"--align", NULL, "BYTES", &text[ALIGN], NULL, "bytes of a prog unit, at least 8 (8)"},
    {"--seal-records", NULL, "N", &text[SEAL_RECORDS], NULL, "records of an epoch (1024)"},
    {"--seal-seconds", NULL, "N", &text[SEAL_S], NULL, "longest epoch, 0: no limit (0)"},
    {"--cycles", NULL, "N", &text[CYCLES], NULL, "erases the medium endures (10000)"},
    {"--gap", NULL, "SECONDS", &text[GAP], NULL, "longest time between two steps of the worker (0.1)"},
    {"--json", NULL, NULL, NULL, &json, "one object for machines"},
    {NULL, NULL, NULL, NULL, NULL, NULL},
};
static const cli_command self = {
    "log", "plan [OPTIONS]",
    "Retention arithmetic: bytes each day, storage for a time, time for a storage, wear, memory.\n",
    options, words, 1, 1,
};

typedef struct plan {
    double records, seals, day, need, last, erases, years, ring;
    uint32_t height;
} plan;

static double up(double v, double unit)
{
    uint64_t n = (uint64_t)(v / unit);
    return ((double)n * unit < v ? (double)n + 1 : (double)n) * unit;
}

/* Smallest k with 2^k >= v. */
static uint32_t power(double v)
{
    uint32_t k = 0;
    for (double n = 1; n < v; n *= 2)
        k++;
    return k;
}

/* Bytes of a log each day: frames with their padding, and what segments lose to headers and to
 * the frame that does not fit any more (half a frame on average). */
static double log_day(double records, double size, double seals, double days)
{
    double a = figure[ALIGN], frame = up(16 + size, a), seal = up(16 + 251, a);
    double total = (records + seals) * (days > 1 ? days : 1);
    double header = up(72 + 16.0 * power(total + 2), a);   /* half of the peaks on average */
    return (records * frame + seals * seal) * figure[SEGMENT] / (figure[SEGMENT] - header - frame / 2);
}

static plan reckon(void)
{
    plan p;
    double records[2] = {figure[RATE] * 86400, figure[EVENTS] * 86400};
    p.records = records[0] + records[1];
    p.seals = p.records / figure[SEAL_RECORDS];
    if (figure[SEAL_S] > 0 && p.seals < 86400 / figure[SEAL_S])
        p.seals = 86400 / figure[SEAL_S];
    p.day = log_day(records[0], figure[SIZE], p.seals, figure[DAYS]) +
            log_day(records[1], figure[EVENT_SIZE], p.seals, figure[DAYS]);
    p.need = p.day * figure[DAYS] + 4 * figure[SEGMENT];      /* the segment at hand and a reserve, twice */
    p.last = figure[STORAGE] > 4 * figure[SEGMENT] && p.day > 0 ? (figure[STORAGE] - 4 * figure[SEGMENT]) / p.day : 0;
    /* every byte is erased once before it is written; logs carried off begin the storage anew */
    p.erases = p.day * 365.25 / (figure[STORAGE] > 0 ? figure[STORAGE] : p.need);
    p.years = p.erases > 0 ? figure[CYCLES] / p.erases : 0;
    p.ring = 256;
    while (p.ring < figure[RATE] * (figure[SIZE] + 72) * figure[GAP] || p.ring < 2 * (figure[SIZE] + 72))
        p.ring *= 2;
    p.height = power((p.records + 2 * p.seals) * figure[DAYS] + 2);
    return p;
}

static void print_json(const plan *p)
{
    printf("{\"records_per_day\":%.0f,\"seals_per_day\":%.1f,\"bytes_per_day\":%.0f,\"days\":%g,\"bytes_needed\":%.0f,", p->records,
           2 * p->seals, p->day, figure[DAYS], p->need);
    if (figure[STORAGE] > 0)
        printf("\"storage\":%.0f,\"days_it_lasts\":%.3f,", figure[STORAGE], p->last);
    printf("\"erases_per_year\":%.3f,\"years_until_worn\":%.1f,\"ring_bytes\":%.0f,\"tree_height\":%u}\n", p->erases, p->years,
           p->ring, (unsigned)p->height);
}

static void print_people(const plan *p)
{
    printf("%.0f records and %.0f seals a day: %.1f MB a day, headers and padding included\n", p->records, 2 * p->seals, p->day / 1e6);
    printf("%g days need %.0f bytes (%.2f GB)\n", figure[DAYS], p->need, p->need / 1e9);
    if (figure[STORAGE] > 0)
        printf("%.0f bytes last %.1f days: %s\n", figure[STORAGE], p->last,
               p->last >= figure[DAYS] ? "enough" : "carry the logs off before that, or write less");
    printf("each block is erased %.2f times a year; %.0f erases last %.0f years\n", p->erases, figure[CYCLES], p->years);
    printf("ring_bytes >= %.0f for a worker that stays away %g s; tree_height >= %u\n", p->ring, figure[GAP], (unsigned)p->height);
}

int cmd_log(int argc, char **argv)
{
    int rc = cli_parse(&self, argc, argv);
    if (rc >= 0)
        return rc;
    if (strcmp(words[0], "plan") != 0)
        return cli_usage(&self, "%s: want plan", words[0]);
    for (int i = 0; i < N_FIGURES; i++) {
        char *behind = NULL;
        if (!text[i])
            continue;
        figure[i] = strtod(text[i], &behind);
        if (behind == text[i] || *behind || !(figure[i] >= least[i] && figure[i] <= most[i]))
            return cli_usage(&self, "%s %s: want a number from %g to %g", options[i].name, text[i], least[i], most[i]);
    }
    if (figure[SEGMENT] < 2048 + figure[SIZE] || figure[SEGMENT] < 2048 + figure[EVENT_SIZE])
        return cli_usage(&self, "--segment %g: records of that size want 2048 bytes more than one record", figure[SEGMENT]);
    plan p = reckon();
    if (json)
        print_json(&p);
    else
        print_people(&p);
    return cli_end(&self, figure[STORAGE] > 0 && p.last < figure[DAYS] ? CLI_NO : CLI_OK);
}
