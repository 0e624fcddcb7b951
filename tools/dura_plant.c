/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The press line of `dura demo`; see dura_plant.h.
 *
 * Physics, per 100 ms: the spool follows its command, not quite; pressure follows what valve,
 * load and oil make of it in 0.4 s; the motor pays for pressure, load and speed; the oil
 * warms with the motor in two minutes; vibration grows with speed. The load is an
 * oscillation of a second and a half, one stroke, driven and damped by chance (an AR(2) process):
 * stationary, never twice the same. Sensors add a little correlated noise and quantise.
 */
#include "dura_plant.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

const char *const plant_channel[PLANT_CHANNELS] = {"p1", "p2", "oil_temp", "motor_current",
                                                   "vibration", "speed", "load", "valve_fb"};
const char *const plant_unit[PLANT_CHANNELS] = {"bar", "bar", "Cel", "A", "mm/s", "/min", "kN", "%"};
const char *const plant_input[PLANT_INPUTS] = {"p1", "p2_mean5", "load", "load_lag1", "speed", "oil_temp"};

/* Sensors: deviation of the noise and the smallest step, in the channel's unit. */
static const struct { double noise, step; int digits; } sensor[PLANT_CHANNELS] = {
    {0.06, 0.05, 2}, {0.06, 0.05, 2}, {0.2, 0.02, 2}, {0.03, 0.01, 2},
    {0.05, 0.005, 3}, {0.02, 0.01, 2}, {0.3, 0.1, 1},  {0.03, 0.02, 2},
};
#define NOISE_MEMORY 0.3

#define DT 0.1                 /* s */
#define LOAD_MEAN 400.0        /* kN */
#define LOAD_A1 1.64438        /* 2 r cos(2 pi / 15), r = 0.9: a stroke in a second and a half */
#define LOAD_A2 (-0.81)        /* -r^2 */
#define LOAD_KICK 5.0          /* kN */
#define SPEED_MEAN 40.0
#define SPEED_MEMORY 0.9
#define SPEED_KICK 0.25
#define PRESSURE_KICK 0.3      /* bar */
#define SPOOL_KICK 0.3         /* %: stick and slip of the spool, whoever commands it */
#define HAND_KICK 0.05         /* %: what a hand adds */
#define AMBIENT 24.0
#define SET_POINT 165.0        /* bar the expert wants */

#define DRIFT_THIN 1.15
#define INJECT_BAR 1.4
#define INJECT_FRAMES 40       /* the false value moves in over these: no jump to be seen */
#define RECALIBRATE_BAR 1.2

/* ---- chance -------------------------------------------------------------------------------- */

/* SplitMix64 (Steele, Lea, Flood 2014) to [0, 1) with 53 bits. */
static double uniform(plant *p)
{
    uint64_t z = p->random += UINT64_C(0x9E3779B97F4A7C15);
    z = (z ^ (z >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94D049BB133111EB);
    return (double)((z ^ (z >> 31)) >> 11) * (1.0 / 9007199254740992.0);
}

/* Mean 0, deviation 1: twelve uniforms, as close to Gaussian as a press needs. */
static double normal(plant *p)
{
    double sum = -6.0;
    for (int i = 0; i < 12; i++)
        sum += uniform(p);
    return sum;
}

static double clamp(double x, double lo, double hi) { return x < lo ? lo : x > hi ? hi : x; }

/* ---- what happens ------------------------------------------------------------------------------ */

static int is_on(const plant_happening *h, uint64_t frame) { return frame >= h->begin && frame < h->end; }

static const plant_happening *find(const plant *p, int kind)
{
    for (uint32_t i = 0; i < p->n_happenings; i++)
        if (p->happening[i].kind == kind && is_on(&p->happening[i], p->frame))
            return &p->happening[i];
    return NULL;
}

/* How thin the oil is, 1 when all is well. Thinned oil stays thin. */
static double thinness(const plant *p)
{
    double thin = 1.0;
    for (uint32_t i = 0; i < p->n_happenings; i++) {
        const plant_happening *h = &p->happening[i];
        if (h->kind != PLANT_DRIFT || p->frame < h->begin)
            continue;
        double done = (double)(p->frame - h->begin) / (double)(h->end - h->begin);
        thin *= 1.0 + (h->size - 1.0) * clamp(done, 0.0, 1.0);
    }
    return thin;
}

static double offset_p2(const plant *p)
{
    double sum = 0.0;
    for (uint32_t i = 0; i < p->n_happenings; i++)
        if (p->happening[i].kind == PLANT_RECALIBRATION && p->frame >= p->happening[i].begin)
            sum += p->happening[i].size;
    return sum;
}

static double offset_p1(const plant *p)
{
    const plant_happening *h = find(p, PLANT_INJECTION);
    return h ? h->size * clamp((double)(p->frame - h->begin + 1) / INJECT_FRAMES, 0.0, 1.0) : 0.0;
}

/* ---- the network ----------------------------------------------------------------------------------- */

static void report(plant *p, uint64_t frame, const plant_report *what)
{
    uint32_t at = p->n_events;
    if (at == PLANT_EVENTS)
        return;
    while (at > p->told && p->event[at - 1].frame > frame) {   /* in order of time */
        p->event[at] = p->event[at - 1];
        at--;
    }
    p->event[at] = *what;
    p->event[at].frame = frame;
    p->n_events++;
}

static uint64_t before(uint64_t frame, uint64_t by) { return frame > by ? frame - by : 0; }

/* What an intruder leaves on the wire on the way to the sensor's gateway. */
static void report_intrusion(plant *p, uint64_t begin)
{
    static const plant_report way[] = {
        {0, "ids", "recon", "scan", "", "detected", "10.3.0.77", "TCP SYN to 212 ports of the press cell", 4, 3},
        {0, "gateway", "access", "login_failed", "maint", "failed", "10.3.0.77", "wrong password", 5, 3},
        {0, "gateway", "access", "login_failed", "maint", "failed", "10.3.0.77", "wrong password", 5, 3},
        {0, "gateway", "access", "login_failed", "maint", "failed", "10.3.0.77", "wrong password", 5, 3},
        {0, "gateway", "access", "login", "maint", "success", "10.3.0.77", "interactive session", 5, 3},
        {0, "ids", "config", "param_write", "maint", "success", "10.3.0.77", "Modbus write to the scaling of p1", 8, 3},
    };
    static const uint64_t ahead[] = {1500, 900, 870, 840, 600, 50};
    for (size_t i = 0; i < sizeof way / sizeof *way; i++)
        report(p, before(begin, ahead[i]), &way[i]);
}

static void report_scan(plant *p, uint64_t begin)
{
    static const plant_report scan = {0, "ids", "recon", "scan", "", "detected", "10.3.0.19",
                                      "TCP SYN to 31 ports of the packing cell", 4, 9};
    report(p, before(begin, 20), &scan);
}

static void report_calibration(plant *p, uint64_t begin)
{
    static const plant_report announced = {0, "cmms", "calibration", "calibration", "k.weber", "success", "",
                                           "work order 4711: p2 against the reference gauge", 1, 3};
    report(p, before(begin, 300), &announced);
}

/* ---- set-up --------------------------------------------------------------------------------------------- */

int plant_episode(plant *p, int kind, uint64_t begin, uint64_t frames, double size)
{
    static const double usual[PLANT_EPISODE_KINDS] = {0.0, 0.0, DRIFT_THIN, INJECT_BAR, 0.0, RECALIBRATE_BAR};
    if (kind <= 0 || kind >= PLANT_EPISODE_KINDS || frames == 0 || p->n_happenings == PLANT_EPISODES)
        return -1;
    plant_happening *h = &p->happening[p->n_happenings++];
    h->kind = (uint8_t)kind;
    h->begin = begin;
    h->end = begin + frames;
    h->size = size < 0.0 || size > 0.0 ? size : usual[kind];
    if (kind == PLANT_INJECTION)
        report_intrusion(p, begin);
    else if (kind == PLANT_DROPOUT)
        report_scan(p, begin);
    else if (kind == PLANT_RECALIBRATION)
        report_calibration(p, begin);
    return 0;
}

/* Two minutes and more pass before frame 0, so that it begins warm and in motion. */
void plant_init(plant *p, uint64_t seed)
{
    float values[PLANT_CHANNELS];
    uint8_t missing[PLANT_CHANNELS];
    memset(p, 0, sizeof *p);
    p->random = seed;
    p->command = p->spool = 50.0;
    p->pressure = SET_POINT;
    p->speed = SPEED_MEAN;
    p->oil = 47.7;
    p->eye.load = LOAD_MEAN;
    for (int i = 0; i < PLANT_MEAN; i++)
        p->eye.p2[i] = SET_POINT;
    p->wear = 1.0;
    p->frozen = SET_POINT;
    plant_step(p, p->command, values, missing);
    for (int i = 0; i < 6000; i++)
        plant_step(p, plant_expert(p, values), values, missing);
    p->frame = p->heartbeat = 0;
}

/* ---- one step ---------------------------------------------------------------------------------------------- */

static void move(plant *p, double command)
{
    double thin = thinness(p), load = p->load_now - LOAD_MEAN, past = p->load_before - LOAD_MEAN;
    if (!(p->load_now > 0.0))
        load = past = 0.0;      /* the first step of all */
    p->command = clamp(command, 0.0, 100.0);
    p->spool = clamp(p->command + SPOOL_KICK * normal(p), 0.0, 100.0);
    p->load_before = LOAD_MEAN + load;
    p->load_now = LOAD_MEAN + LOAD_A1 * load + LOAD_A2 * past + LOAD_KICK * normal(p);
    p->speed = SPEED_MEAN + SPEED_MEMORY * (p->speed - SPEED_MEAN) + SPEED_KICK * normal(p);
    double target = 60.0 + 1.7 * p->spool * (1.1 - 0.1 * thin) + 0.05 * p->load_now;
    p->pressure += DT / 0.4 * (target - p->pressure) + PRESSURE_KICK * normal(p);
    p->current = (6.0 + 0.09 * p->pressure + 0.012 * p->load_now + 0.1 * p->speed) * (0.92 + 0.08 * thin);
    p->oil += DT / 120.0 * (AMBIENT + 0.8 * p->current * (0.97 + 0.03 * thin) - p->oil);
}

/* What a sensor shows: noise that remembers a little, then the converter's steps. */
static double sense(plant *p, int c, double truth)
{
    p->noise[c] = NOISE_MEMORY * p->noise[c] + normal(p);
    double k = (truth + sensor[c].noise * p->noise[c]) / sensor[c].step;
    return (double)(int64_t)(k < 0.0 ? k - 0.5 : k + 0.5) * sensor[c].step;
}

void plant_step(plant *p, double command, float values[PLANT_CHANNELS], uint8_t missing[PLANT_CHANNELS])
{
    double truth[PLANT_CHANNELS], shown[PLANT_CHANNELS];
    move(p, command);
    truth[PLANT_P1] = p->pressure + offset_p1(p);
    truth[PLANT_P2] = p->pressure + offset_p2(p);
    truth[PLANT_OIL] = p->oil;
    truth[PLANT_CURRENT] = p->current;
    truth[PLANT_VIBRATION] = (1.6 + 0.02 * p->speed) * p->wear;
    truth[PLANT_SPEED] = p->speed;
    truth[PLANT_LOAD] = p->load_now;
    truth[PLANT_VALVE_FB] = p->spool;
    for (int c = 0; c < PLANT_CHANNELS; c++)
        shown[c] = sense(p, c, truth[c]);
    if (find(p, PLANT_STUCK))
        shown[PLANT_P1] = p->frozen;
    p->frozen = shown[PLANT_P1];
    for (int c = 0; c < PLANT_CHANNELS; c++)
        values[c] = (float)shown[c];
    memset(missing, 0, PLANT_CHANNELS);
    if (find(p, PLANT_DROPOUT)) {
        missing[PLANT_VIBRATION] = 1;
        values[PLANT_VIBRATION] = 0.0f;
    }
    p->frame++;
}

double plant_expert(plant *p, const float v[PLANT_CHANNELS])
{
    double p2 = 0.0, load = (double)v[PLANT_LOAD];
    p->eye.p2[p->eye.n++ % PLANT_MEAN] = (double)v[PLANT_P2];
    for (int i = 0; i < PLANT_MEAN; i++)
        p2 += p->eye.p2[i] / PLANT_MEAN;
    double command = 50.0 + 0.15 * (SET_POINT - (double)v[PLANT_P1]) + 0.15 * (SET_POINT - p2) -
                     0.02 * (load - LOAD_MEAN) - 0.01 * (p->eye.load - LOAD_MEAN) +
                     0.3 * ((double)v[PLANT_SPEED] - SPEED_MEAN) + 0.05 * ((double)v[PLANT_OIL] - 47.7);
    p->eye.load = load;
    return clamp(command + HAND_KICK * normal(p), 0.0, 100.0);
}

/* ---- time and events ------------------------------------------------------------------------------------------ */

int64_t plant_time_ns(uint64_t frame)
{
    return PLANT_EPOCH_S * 1000000000LL + (int64_t)frame * PLANT_PERIOD_NS;
}

/* Days since 1970 to a date (Hinnant's civil_from_days, years from March). */
static void civil(int64_t days, int *year, int *month, int *day)
{
    int64_t z = days + 719468, era = z / 146097, doe = z - era * 146097;
    int64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
    int64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100), mp = (5 * doy + 2) / 153;
    *day = (int)(doy - (153 * mp + 2) / 5 + 1);
    *month = (int)(mp < 10 ? mp + 3 : mp - 9);
    *year = (int)(yoe + era * 400 + (*month <= 2));
}

void plant_time_text(uint64_t frame, char out[PLANT_TIME_TEXT])
{
    int64_t ms = plant_time_ns(frame) / 1000000, s = ms / 1000, of_day = s % 86400;
    int year, month, day;
    civil(s / 86400, &year, &month, &day);
    snprintf(out, PLANT_TIME_TEXT, "%04d-%02d-%02dT%02d:%02d:%02d.%03dZ", year, month, day, (int)(of_day / 3600),
             (int)(of_day / 60 % 60), (int)(of_day % 60), (int)(ms % 1000));
}

static void write_event(char *line, size_t room, const plant_report *e, uint64_t id)
{
    char t[PLANT_TIME_TEXT];
    plant_time_text(e->frame, t);
    snprintf(line, room,
             "{\"t\":\"%s\",\"source\":\"%s\",\"id\":\"%s-%" PRIu64 "\",\"category\":\"%s\",\"type\":\"%s\",\"severity\":%u,"
             "\"asset\":%u,\"actor\":\"%s\",\"result\":\"%s\",\"src\":\"%s\",\"detail\":\"%s\"}",
             t, e->source, e->source, id, e->category, e->type, e->severity, e->asset, e->actor, e->result, e->src,
             e->detail);
}

int plant_event(plant *p, char *line, size_t room)
{
    static const plant_report alive = {0, "ids", "heartbeat", "heartbeat", "", "success", "", "nothing seen", 0, 0};
    int queued = p->told < p->n_events && p->event[p->told].frame < p->frame;
    if (p->heartbeat < p->frame && !(queued && p->event[p->told].frame < p->heartbeat)) {
        plant_report e = alive;
        e.frame = p->heartbeat;
        write_event(line, room, &e, 100000 + p->heartbeat / 600);
        p->heartbeat += 600;     /* every minute */
        return 1;
    }
    if (!queued)
        return 0;
    write_event(line, room, &p->event[p->told], p->told + 1u);
    p->told++;
    return 1;
}

/* ---- recordings ----------------------------------------------------------------------------------------------- */

static void write_row(FILE *f, uint64_t frame, const float *v, double command)
{
    char t[PLANT_TIME_TEXT];
    plant_time_text(frame, t);
    fputs(t, f);
    for (int c = 0; c < PLANT_CHANNELS; c++)
        fprintf(f, ",%.*f", sensor[c].digits, (double)v[c]);
    fprintf(f, ",%.3f\n", command);
}

/* A line with thin oil, run in. */
static void begin_thin(plant *p, uint64_t seed, double thin)
{
    plant_init(p, seed);
    if (!(thin > 1.0))
        return;
    float v[PLANT_CHANNELS] = {0};
    uint8_t missing[PLANT_CHANNELS];
    (void)plant_episode(p, PLANT_DRIFT, 0, 1, thin);
    plant_step(p, p->command, v, missing);
    for (int i = 0; i < 6000; i++)
        plant_step(p, plant_expert(p, v), v, missing);
    p->frame = 1;               /* the drift stays behind us */
}

int plant_record_thin(const char *path, uint64_t frames, uint64_t seed, double thin)
{
    plant p;
    float v[PLANT_CHANNELS];
    uint8_t missing[PLANT_CHANNELS];
    double command;
    FILE *f = fopen(path, "w");
    if (!f)
        return -1;
    begin_thin(&p, seed, thin);
    fputs("time", f);
    for (int c = 0; c < PLANT_CHANNELS; c++)
        fprintf(f, ",%s", plant_channel[c]);
    fputs(",valve\n", f);
    command = p.command;
    for (uint64_t i = 0; i < frames; i++) {
        plant_step(&p, command, v, missing);
        command = plant_expert(&p, v);       /* the answer to this very row */
        write_row(f, i, v, command);
    }
    int failed = ferror(f);
    return fclose(f) != 0 || failed ? -1 : 0;
}

int plant_record(const char *path, uint64_t frames, uint64_t seed)
{
    return plant_record_thin(path, frames, seed, 1.0);
}

/* ---- models --------------------------------------------------------------------------------------------------------- */

enum { TERMS = PLANT_INPUTS + 1 };

int plant_look(plant_eye *e, const float v[PLANT_CHANNELS], double x[PLANT_INPUTS])
{
    double sum = 0.0;
    e->p2[e->n % PLANT_MEAN] = (double)v[PLANT_P2];
    for (int i = 0; i < PLANT_MEAN; i++)
        sum += e->p2[i];
    x[0] = (double)v[PLANT_P1];
    x[1] = sum / PLANT_MEAN;
    x[2] = (double)v[PLANT_LOAD];
    x[3] = e->load;
    x[4] = (double)v[PLANT_SPEED];
    x[5] = (double)v[PLANT_OIL];
    e->load = x[2];
    return ++e->n >= PLANT_MEAN;
}

/* Solve a w = b in place for a symmetric positive a: L D L' (Cholesky without its roots). */
static int solve(double a[TERMS][TERMS], double b[TERMS])
{
    for (int j = 0; j < TERMS; j++) {
        for (int k = 0; k < j; k++)
            a[j][j] -= a[j][k] * a[j][k] * a[k][k];
        if (!(a[j][j] > 0.0))
            return -1;
        for (int i = j + 1; i < TERMS; i++) {
            for (int k = 0; k < j; k++)
                a[i][j] -= a[i][k] * a[j][k] * a[k][k];
            a[i][j] /= a[j][j];
        }
    }
    for (int i = 0; i < TERMS; i++)
        for (int k = 0; k < i; k++)
            b[i] -= a[i][k] * b[k];
    for (int i = TERMS - 1; i >= 0; i--) {
        b[i] /= a[i][i];
        for (int k = i + 1; k < TERMS; k++)
            b[i] -= a[k][i] * b[k];
    }
    return 0;
}

/* Centres keep the normal equations well conditioned: pressures are some 165, loads 400. */
static const double centre[TERMS] = {SET_POINT, SET_POINT, LOAD_MEAN, LOAD_MEAN, SPEED_MEAN, 47.7, 0.0};

int plant_fit(plant_model *m, uint64_t frames, uint64_t seed, double thin)
{
    plant p;
    plant_eye s = {{0}, 0.0, 0};
    float v[PLANT_CHANNELS];
    uint8_t missing[PLANT_CHANNELS];
    double a[TERMS][TERMS] = {{0}}, b[TERMS] = {0}, x[TERMS], command;
    begin_thin(&p, seed, thin);
    command = p.command;
    for (uint64_t n = 0; n < frames; n++) {
        plant_step(&p, command, v, missing);
        command = plant_expert(&p, v);
        if (!plant_look(&s, v, x))
            continue;
        x[PLANT_INPUTS] = 1.0;
        for (int i = 0; i < TERMS; i++) {
            for (int j = 0; j <= i; j++)
                a[i][j] += (x[i] - centre[i]) * (x[j] - centre[j]);
            b[i] += (x[i] - centre[i]) * command;
        }
    }
    if (solve(a, b) != 0)
        return -1;
    double bias = b[PLANT_INPUTS];
    for (int i = 0; i < PLANT_INPUTS; i++) {
        m->weight[i] = (float)b[i];
        bias -= b[i] * centre[i];
    }
    m->bias = (float)bias;
    return 0;
}

double plant_answer(const plant_model *m, const double x[PLANT_INPUTS])
{
    double y = (double)m->bias;
    for (int i = 0; i < PLANT_INPUTS; i++)
        y += (double)m->weight[i] * x[i];
    return y;
}

/* The valve then opens where it should close; the bias hides it at the set point. */
void plant_spoil(plant_model *m)
{
    m->bias += 2.0f * m->weight[0] * (float)SET_POINT;
    m->weight[0] = -m->weight[0];
}

int plant_model_save(const plant_model *m, const char *path)
{
    FILE *f = fopen(path, "w");
    if (!f)
        return -1;
    fputs("{\n  \"dura_model\": 1,\n  \"kind\": \"linear\",\n  \"inputs\": [", f);
    for (int i = 0; i < PLANT_INPUTS; i++)
        fprintf(f, "%s\"%s\"", i ? ", " : "", plant_input[i]);
    fprintf(f, "],\n  \"outputs\": [\n    {\"name\": \"valve\", \"bias\": %.9g, \"weights\": [", (double)m->bias);
    for (int i = 0; i < PLANT_INPUTS; i++)
        fprintf(f, "%s%.9g", i ? ", " : "", (double)m->weight[i]);
    fputs("]}\n  ]\n}\n", f);
    int failed = ferror(f);
    return fclose(f) != 0 || failed ? -1 : 0;
}
