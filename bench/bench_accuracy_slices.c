/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bench_accuracy_slices.c - accuracy by operating condition: what is promised and what is found.
 *
 *   1  labels between false alarms over those asked, every slice exactly at its limit, with the
 *      95 % interval of that mean
 *   2  one slice of eight falls from .97 right: labels of all slices, and of its own, until the
 *      alarm, and what one statistic over the average at the same limit and rate finds
 *
 * Argument: "quick" for a tenth of the work. Prints what was measured.
 */
#include "../tests/drift_streams.h"

#include <dura/accuracy.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SLICES = 8, CHANGE = 2000, END = 40000 };

static uint64_t memory[2][(384 + DURA_ACCURACY_SLICES_MAX * 248) / 8];

static dura_accuracy *open_part(int which, uint32_t slices, float limit, uint32_t every)
{
    dura_accuracy_reference r = DURA_ACCURACY_REFERENCE_INIT;
    dura_accuracy_config c = DURA_ACCURACY_CONFIG_INIT;
    float limits[DURA_ACCURACY_SLICES_MAX];
    dura_accuracy *a = NULL;
    uint32_t i;
    for (i = 0; i < slices; i++)
        limits[i] = limit;
    r.n = 1000;
    r.level = 0.9f;
    r.accuracy = r.base = r.value[0] = 0.95f;
    c.slices = slices;
    c.every = every;
    c.limit = limits;
    if (dura_accuracy_part()->init(&a, memory[which], sizeof memory[which], &c, &r) != DURA_OK) {
        fprintf(stderr, "bench_accuracy_slices: init failed\n");
        exit(1);
    }
    return a;
}

static uint32_t any_of(drift_stream *s, uint32_t slices)
{
    return (uint32_t)(stream_uniform(s) * slices);
}

static int tell(dura_accuracy *a, uint32_t slice, int right)
{
    return dura_accuracy_part()->label_slice(a, slice, 0.5f, 0, (uint32_t)right);
}

static void rates(int runs)
{
    static const uint32_t slices[] = {1, 8, 32}, every[] = {1000, 10000};
    static const float limit[] = {0.7f, 0.9f, 0.98f};
    size_t i, j, k;
    printf("labels between false alarms / asked, %d runs\n", runs);
    for (i = 0; i < 3; i++)
        for (j = 0; j < 3; j++)
            for (k = 0; k < 2; k++) {
                double sum = 0.0, square = 0.0, mean;
                int run;
                for (run = 0; run < runs; run++) {
                    drift_stream s = stream_open(60, (uint32_t)run);
                    dura_accuracy *a = open_part(0, slices[i], limit[j], every[k]);
                    uint32_t t = 1;
                    while (tell(a, any_of(&s, slices[i]), stream_uniform(&s) < (double)limit[j]) == 0)
                        t++;
                    sum += (double)t / every[k];
                    square += (double)t / every[k] * ((double)t / every[k]);
                }
                mean = sum / runs;
                printf("  %2u slices, limit %.2f, asked %5u: %.2f +- %.2f\n", slices[i], (double)limit[j], every[k], mean,
                       1.96 * sqrt((square / runs - mean * mean) / runs));
            }
}

static void failure(int runs, double to)
{
    double all = 0.0, own = 0.0;
    int run, found = 0, early = 0, average = 0;
    for (run = 0; run < runs; run++) {
        drift_stream s = stream_open(61, (uint32_t)run);
        dura_accuracy *a = open_part(0, SLICES, 0.9f, 10000), *b = open_part(1, 1, 0.9f, 10000);
        uint32_t t, at = 0, mine = 0, one = 0, bad = (uint32_t)run % SLICES;
        for (t = 0; t < END; t++) {
            uint32_t slice = any_of(&s, SLICES);
            int right = stream_uniform(&s) < (t >= CHANGE && slice == bad ? to : 0.97);
            mine += t >= CHANGE && slice == bad && at == 0;
            if (tell(a, slice, right) == 1 && at == 0)
                at = t + 1;
            one |= tell(b, 0, right) == 1;
        }
        early += at > 0 && at <= CHANGE;
        found += at > CHANGE;
        all += at > CHANGE ? at - CHANGE : 0;
        own += at > CHANGE ? mine : 0;
        average += one != 0;
    }
    printf("  .97 -> %.2f (average %.3f): found %d of %d, %d before; after %.0f labels, %.0f of its own; the average alone finds %d\n",
           to, (7 * 0.97 + to) / 8, found, runs, early, all / found, own / found, average);
}

int main(int argc, char **argv)
{
    int runs = argc > 1 && strcmp(argv[1], "quick") == 0 ? 100 : 1000;
    rates(runs);
    printf("one slice of 8 fails, limit .9, asked 10000 labels\n");
    failure(runs, 0.8);
    failure(runs, 0.7);
    failure(runs, 0.5);
    failure(runs, 0.2);
    return 0;
}
