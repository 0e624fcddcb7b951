/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A hydraulic press line on paper: a pump, a valve, a cylinder, eight sensors, a network
 * with an intrusion detector, and things that go wrong on request. A closed loop: the valve
 * command of one step is in the frame of the next.
 *
 * Plain double arithmetic from a SplitMix64 seed: the same seed gives the same bytes on every
 * computer. Nothing here knows dura; the figures are those of a small press, not of a real one.
 *
 *   plant_init -> plant_episode... -> plant_step, plant_event ...
 */
#ifndef DURA_PLANT_H
#define DURA_PLANT_H

#include <stddef.h>
#include <stdint.h>

#define PLANT_CHANNELS 8
#define PLANT_PERIOD_NS 100000000LL          /* a frame every 100 ms */
#define PLANT_EPOCH_S 1772344800LL           /* 2026-03-01T06:00:00Z: frame 0 */
#define PLANT_EPISODES 16
#define PLANT_EVENTS 64
#define PLANT_MEAN 5                         /* frames of p2 that count */
#define PLANT_TIME_TEXT 40                   /* room for a time as text */
#define PLANT_INPUTS 6                       /* of the valve models */

/* Channels, in the order of a frame. */
enum { PLANT_P1, PLANT_P2, PLANT_OIL, PLANT_CURRENT, PLANT_VIBRATION, PLANT_SPEED, PLANT_LOAD, PLANT_VALVE_FB };
extern const char *const plant_channel[PLANT_CHANNELS];
extern const char *const plant_unit[PLANT_CHANNELS];

/* What can happen. size is in the unit said here; 0 takes the default in brackets. */
enum {
    PLANT_STUCK = 1,      /* p1 freezes */
    PLANT_DRIFT,          /* the oil thins, over `frames`: size times as thin at the end [1.15] */
    PLANT_INJECTION,      /* p1 reads size bar too high [1.4], moved in slowly; the network saw a
                             scan, failed logins, a login and a parameter written before it */
    PLANT_DROPOUT,        /* the vibration sensor's cable: no values; a port scan elsewhere at
                             the same time, which has nothing to do with it */
    PLANT_RECALIBRATION,  /* announced and signed off; then p2 reads size bar more [1.2] */
    PLANT_EPISODE_KINDS
};

typedef struct plant_happening {
    uint8_t kind;          /* PLANT_* */
    uint64_t begin, end;   /* frames; end not included, DRIFT and RECALIBRATION stay */
    double size;
} plant_happening;

/* One event as the intrusion detector reports it. */
typedef struct plant_report {
    uint64_t frame;        /* ... in which it happens */
    const char *source, *category, *type, *actor, *result, *src, *detail;
    uint8_t severity, asset;
} plant_report;

/* What somebody remembers who looks at the frames. */
typedef struct plant_eye {
    double p2[PLANT_MEAN], load;
    uint64_t n;
} plant_eye;

typedef struct plant {
    uint64_t random;
    uint64_t frame;        /* the next one */
    double command, spool; /* valve: asked for, where it is; % */
    double pressure, load_now, load_before, speed, oil, wear, current;
    double noise[PLANT_CHANNELS];
    double frozen;         /* what a stuck sensor shows */
    plant_eye eye;         /* the expert's */
    uint64_t heartbeat;    /* frame of the next one */
    plant_happening happening[PLANT_EPISODES];
    plant_report event[PLANT_EVENTS];
    uint32_t n_happenings, n_events, told;
} plant;

/* The line at rest in the middle of its work; the same for the same seed. */
void plant_init(plant *p, uint64_t seed);
/* Let something happen from frame `begin` on for `frames`. 0; -1: too many or unknown. */
int plant_episode(plant *p, int kind, uint64_t begin, uint64_t frames, double size);
/* 100 ms with this valve command: values and missing flags of all channels. */
void plant_step(plant *p, double command, float values[PLANT_CHANNELS], uint8_t missing[PLANT_CHANNELS]);
/* The next event of the network that lies before the frame plant_step() gives next, as a
 * line of NDJSON without its end. 1: there is one; 0: none yet. */
int plant_event(plant *p, char *line, size_t room);
/* Time of a frame since 1970 in ns, and as ISO 8601 with milliseconds */
int64_t plant_time_ns(uint64_t frame);
void plant_time_text(uint64_t frame, char out[PLANT_TIME_TEXT]);

/* What an experienced operator does with the valve, given the last frame. Moves a little by
 * itself, as hands do: without that nothing could be learned from it. */
double plant_expert(plant *p, const float values[PLANT_CHANNELS]);

/* ---- recordings and models ------------------------------------------------------------- */

/* `frames` of clean operation under the expert as CSV: time, the channels, and the expert's
 * command as `valve`. 0; -1: cannot be written. */
int plant_record(const char *path, uint64_t frames, uint64_t seed);
/* The same of a line whose oil is `thin` times as thin. */
int plant_record_thin(const char *path, uint64_t frames, uint64_t seed, double thin);

/* valve = bias + sum of weight x input, over plant_input names. */
typedef struct plant_model {
    float bias, weight[PLANT_INPUTS];
} plant_model;
extern const char *const plant_input[PLANT_INPUTS];

/* What a model sees of a line: plant_input, in this order. 1 when all of them are there, which
 * takes PLANT_MEAN frames. */
int plant_look(plant_eye *e, const float v[PLANT_CHANNELS], double x[PLANT_INPUTS]);
/* What it answers to that. */
double plant_answer(const plant_model *m, const double x[PLANT_INPUTS]);
/* Least squares over `frames` of operation under the expert, seed and oil as above. 0; -1. */
int plant_fit(plant_model *m, uint64_t frames, uint64_t seed, double thin);
/* What comes out when somebody mistypes a sign: not a model anybody should run. */
void plant_spoil(plant_model *m);
/* As the JSON dura packs. 0; -1: cannot be written. */
int plant_model_save(const plant_model *m, const char *path);

#endif
