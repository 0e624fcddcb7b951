/* SPDX-License-Identifier: Apache-2.0 */
/*
 * BATADAL: a water network's SCADA, six months with seven attacks, guarded.
 *
 *   batadal DATA_FOLDER OUT_FOLDER
 *
 * Learns limits and a linear model (level of tank 1 one hour ahead) from the clean year
 * (dataset03), runs the attacked half year (dataset04) through a session in observe mode,
 * and scores what was noticed against the organisers' list of attacks (batadal.net; data
 * CC BY 4.0, not in this tree). The limits come from dataset03 alone; nothing is tuned on
 * dataset04, and the blind controls are printed beside the figures. There is no target.
 */
#include "../plant/plant.h"

#include <dura/dura.h>
#include <dura/host/frames.h>
#include <dura/host/session.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static const char *const names[] = {
    "L_T1", "L_T2", "L_T3", "L_T4", "L_T5", "L_T6", "L_T7", "F_PU1", "S_PU1", "F_PU2", "S_PU2", "F_PU3",
    "S_PU3", "F_PU4", "S_PU4", "F_PU5", "S_PU5", "F_PU6", "S_PU6", "F_PU7", "S_PU7", "F_PU8", "S_PU8",
    "F_PU9", "S_PU9", "F_PU10", "S_PU10", "F_PU11", "S_PU11", "F_V2", "S_V2", "P_J280", "P_J269", "P_J300",
    "P_J256", "P_J289", "P_J415", "P_J302", "P_J306", "P_J307", "P_J317", "P_J14", "P_J422"};
enum { COLUMNS = sizeof names / sizeof names[0], ATTACKS = 7 };

/* First and last hour of each attack, UTC as the file's own clock. */
static const struct { int m0, d0, h0, m1, d1, h1; } attacks[ATTACKS] = {
    {9, 13, 23, 9, 16, 0},   {9, 26, 11, 9, 27, 10},  {10, 9, 9, 10, 11, 20}, {10, 29, 19, 11, 2, 16},
    {11, 26, 17, 11, 29, 4}, {12, 6, 7, 12, 10, 4},   {12, 14, 15, 12, 19, 4}};

/* Seconds since 1970 of an hour in 2016 (a leap year). */
static int64_t hour_of_2016(int month, int day, int hour)
{
    static const int before[] = {0, 31, 60, 91, 121, 152, 182, 213, 244, 274, 305, 335};
    return ((int64_t)16801 + before[month - 1] + day - 1) * 86400 + hour * 3600;
}

static int attack_at(int64_t s)
{
    for (int a = 0; a < ATTACKS; a++)
        if (s >= hour_of_2016(attacks[a].m0, attacks[a].d0, attacks[a].h0) &&
            s <= hour_of_2016(attacks[a].m1, attacks[a].d1, attacks[a].h1))
            return a;
    return -1;
}

static void fail(const dura_error *err)
{
    char text[1024];
    fprintf(stderr, "batadal: %s\n", dura_error_text(err, text, sizeof text));
    exit(2);
}

static void load(plant *p, const char *folder, const char *file)
{
    char path[1024];
    dura_frames_options o = DURA_FRAMES_OPTIONS_INIT;
    dura_frames_row row = DURA_FRAMES_ROW_INIT;
    dura_frames *in;
    dura_error err;
    snprintf(path, sizeof path, "%s/batadal/%s", folder, file);
    o.path = path;
    o.channels = names;
    o.n_channels = COLUMNS;
    o.time_column = "DATETIME";
    o.time_format = "%d/%m/%y %H";
    if (dura_frames_open(&in, &o, &err) != DURA_OK)
        fail(&err);
    p->cols = COLUMNS;
    for (size_t c = 0; c < COLUMNS; c++)
        snprintf(p->name[c], sizeof p->name[c], "%s", names[c]);
    int rc;
    while ((rc = dura_frames_next(in, &row, &err)) == 1)
        if (plant_add(p, row.time.wall_ns, row.values) != 0)
            exit(3);
    if (rc < 0)
        fail(&err);
    dura_frames_close(in);
}

/* ---- scoring: the competition's S, with TPR and TNR beside it ------------------------------ */

static void score(const char *what, const plant *p, const unsigned char *alarm)
{
    size_t tp = 0, fn = 0, tn = 0, fp = 0;
    double first[ATTACKS], length[ATTACKS] = {0}, ttd = 0;
    int found = 0;
    for (int a = 0; a < ATTACKS; a++)
        first[a] = -1;
    for (size_t r = 0; r < p->rows; r++) {
        int a = attack_at(p->t_ns[r] / 1000000000);
        if (a >= 0) {
            if (alarm[r] && first[a] < 0)
                first[a] = length[a];
            length[a] += 1;
            tp += alarm[r];
            fn += !alarm[r];
        } else {
            fp += alarm[r];
            tn += !alarm[r];
        }
    }
    for (int a = 0; a < ATTACKS; a++) {
        found += first[a] >= 0;
        ttd += first[a] < 0 ? 1.0 : first[a] / length[a];
    }
    double tpr = (double)tp / (double)(tp + fn), tnr = (double)tn / (double)(tn + fp), s_ttd = 1.0 - ttd / ATTACKS;
    printf("%-34s S %.3f  attacks %d/%d  TPR %.3f  TNR %.3f\n", what, 0.5 * s_ttd + 0.25 * (tpr + tnr), found, ATTACKS,
           tpr, tnr);
}

/* ---- the guarded run -------------------------------------------------------------------------- */

typedef struct noticed { unsigned char *input, *residual, *either; size_t actions[4]; } noticed;

static size_t index_of(uint8_t action)
{
    return action == DURA_ACT ? 0 : action == DURA_HOLD ? 1 : action == DURA_FALLBACK ? 2 : 3;
}

static void run(const plant *p, const plant_model *m, dura_session *s, noticed *n)
{
    float expected = NAN;
    dura_error err;
    for (size_t r = 0; r < p->rows; r++) {
        dura_frame f = DURA_FRAME_INIT;
        dura_decision d = DURA_DECISION_INIT;
        f.frame = r;
        f.n = COLUMNS;
        f.time.mono_ns = f.time.wall_ns = p->t_ns[r];
        f.time.wall_err_us = UINT32_MAX;
        f.time.quality = DURA_CLOCK_UNSYNCED;
        f.values = p->v + r * COLUMNS;
        if (dura_session_step(s, &f, &d, &err) != DURA_OK)
            fail(&err);
        n->actions[index_of(d.action)]++;
        n->input[r] = (d.reasons & DURA_G_INPUT) != 0;
        n->residual[r] = fabsf(f.values[m->target] - expected) > m->limit; /* false for NaN */
        n->either[r] = n->input[r] || n->residual[r];
        expected = d.action == DURA_ACT ? d.proposed[0] : NAN;
    }
}

int main(int argc, char **argv)
{
    static const char *const inputs[] = {"L_T1", "L_T2", "S_PU1", "S_PU2", "S_PU3", "F_PU1", "F_PU2", "P_J280", "P_J269"};
    plant clean = {0}, attacked = {0};
    plant_model model = {0};
    char policy[1024], out[1024], id[256];
    dura_session_options o = DURA_SESSION_OPTIONS_INIT;
    dura_fn fn = DURA_FN_INIT;
    dura_session *s;
    dura_error err;
    noticed n = {0};
    if (argc != 3) {
        fprintf(stderr, "usage: batadal DATA_FOLDER OUT_FOLDER\n");
        return 2;
    }
    load(&clean, argv[1], "BATADAL_dataset03.csv");
    load(&attacked, argv[1], "BATADAL_dataset04.csv");
    model.n = sizeof inputs / sizeof inputs[0];
    for (size_t i = 0; i < model.n; i++)
        model.column[i] = plant_column(&clean, inputs[i]);
    model.target = plant_column(&clean, "L_T1");
    plant_fit(&clean, &model);
    snprintf(policy, sizeof policy, "%s.policy.json", argv[2]);
    snprintf(out, sizeof out, "%s", argv[2]);
    if (plant_policy(&clean, &model, 0.10, 1.5, "L_T1_next", policy) != 0) {
        fprintf(stderr, "batadal: %s cannot be written\n", policy);
        return 3;
    }
    snprintf(id, sizeof id, "examples/batadal linear: %.9g %.9g %.9g %.9g %.9g %.9g %.9g %.9g %.9g + %.9g",
             (double)model.weight[0], (double)model.weight[1], (double)model.weight[2], (double)model.weight[3],
             (double)model.weight[4], (double)model.weight[5], (double)model.weight[6], (double)model.weight[7],
             (double)model.weight[8], (double)model.bias);
    fn.n_inputs = COLUMNS;
    fn.n_outputs = 1;
    fn.call = plant_call;
    fn.user = &model;
    o.policy = policy;
    o.call = &fn;
    o.call_id = id;
    o.out = out;
    if (dura_session_open(&s, &o, &err) != DURA_OK)
        fail(&err);
    n.input = calloc(attacked.rows, 3);
    if (!n.input)
        return 3;
    n.residual = n.input + attacked.rows;
    n.either = n.residual + attacked.rows;
    run(&attacked, &model, s, &n);
    if (dura_session_close(s, &err) != DURA_OK)
        fail(&err);
    dura_replay_report again = {0};
    again.struct_size = sizeof again;
    if (dura_replay(out, NULL, &fn, id, &again, &err) != DURA_OK)
        fail(&err);
    printf("BATADAL dataset04: %zu hours guarded, model from %zu clean hours, |error| limit %.3f m\n", attacked.rows,
           clean.rows, (double)model.limit);
    printf("actions: ACT %zu, HOLD %zu, FALLBACK %zu, STOP %zu\n", n.actions[0], n.actions[1], n.actions[2], n.actions[3]);
    unsigned char *blind = calloc(attacked.rows, 1);
    if (!blind)
        return 3;
    score("control: never alarm", &attacked, blind);
    score("control: always alarm", &attacked, memset(blind, 1, attacked.rows));
    score("input rejected by the sensor", &attacked, n.input);
    score("model error above its limit", &attacked, n.residual);
    score("either", &attacked, n.either);
    printf("replay: %llu of %llu decisions equal, bit for bit\n", (unsigned long long)again.equal,
           (unsigned long long)again.decisions);
    free(blind);
    free(n.input);
    plant_free(&clean);
    plant_free(&attacked);
    return again.equal == again.decisions && again.decisions == attacked.rows ? 0 : 1;
}
