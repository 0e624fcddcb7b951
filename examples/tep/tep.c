/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tennessee Eastman: a chemical plant's 52 measurements, one test run per fault, guarded.
 *
 *   tep DATA_FOLDER OUT_FOLDER
 *
 * Learns limits and a linear model (reactor pressure three minutes ahead) from the normal
 * training run (d00), then runs every test run at hand through a session in observe mode.
 * In each the fault begins at sample 161. Printed: share of samples noticed before and
 * after that, per run, beside the blind controls. Nothing is tuned on the test runs; there
 * is no target. Data: Braatz, University of Illinois licence, not in this tree.
 */
#include "../plant/plant.h"

#include <dura/dura.h>
#include <dura/host/session.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { COLUMNS = 52, FAULT_AT = 160, RUNS = 22 };
#define SAMPLE_NS 180000000000LL

static void column_names(plant *p)
{
    p->cols = COLUMNS;
    for (int c = 0; c < COLUMNS; c++)
        snprintf(p->name[c], sizeof p->name[c], "%s(%d)", c < 41 ? "XMEAS" : "XMV", c < 41 ? c + 1 : c - 40);
}

/* All numbers of a white-space separated file; NULL when it is not there. */
static float *numbers(const char *path, size_t *n)
{
    size_t room = 65536;
    FILE *f = fopen(path, "r");
    float *v = f ? malloc(room * sizeof *v) : NULL;
    *n = 0;
    while (v && fscanf(f, "%f", &v[*n]) == 1) {
        if (++*n == room) {
            float *more = realloc(v, (room *= 2) * sizeof *v);
            if (!more)
                exit(3);
            v = more;
        }
    }
    if (f)
        fclose(f);
    return v;
}

/* A run as rows; d00.dat is transposed. 0 when the file is not there. */
static int load(plant *p, const char *folder, const char *file, int transposed)
{
    char path[1024];
    size_t n, rows;
    snprintf(path, sizeof path, "%s/tep/%s", folder, file);
    float *v = numbers(path, &n);
    if (!v)
        return 0;
    column_names(p);
    rows = n / COLUMNS;
    for (size_t r = 0; r < rows; r++) {
        float row[COLUMNS];
        for (size_t c = 0; c < COLUMNS; c++)
            row[c] = transposed ? v[c * rows + r] : v[r * COLUMNS + c];
        if (plant_add(p, (int64_t)r * SAMPLE_NS, row) != 0)
            exit(3);
    }
    free(v);
    return rows > 0;
}

typedef struct seen { size_t before, after, n_before, n_after; } seen;

static void count(seen *s, size_t row, int noticed)
{
    if (row < FAULT_AT) {
        s->n_before++;
        s->before += noticed != 0;
    } else {
        s->n_after++;
        s->after += noticed != 0;
    }
}

static void fail(const dura_error *err)
{
    char text[1024];
    fprintf(stderr, "tep: %s\n", dura_error_text(err, text, sizeof text));
    exit(2);
}

static void run(const plant *p, const plant_model *m, dura_session *s, seen *input, seen *residual, seen *either)
{
    float expected = NAN;
    dura_error err;
    for (size_t r = 0; r < p->rows; r++) {
        dura_frame f = DURA_FRAME_INIT;
        dura_decision d = DURA_DECISION_INIT;
        f.frame = r;
        f.n = COLUMNS;
        f.time.mono_ns = p->t_ns[r];
        f.values = p->v + r * COLUMNS;
        if (dura_session_step(s, &f, &d, &err) != DURA_OK)
            fail(&err);
        int rejected = (d.reasons & DURA_G_INPUT) != 0;
        int surprised = fabsf(f.values[m->target] - expected) > m->limit;
        count(input, r, rejected);
        count(residual, r, surprised);
        count(either, r, rejected || surprised);
        expected = d.action == DURA_ACT ? d.proposed[0] : NAN;
    }
}

static double percent(size_t k, size_t n) { return n ? 100.0 * (double)k / (double)n : 0.0; }

static void line(const char *what, const seen *a, const seen *b, const seen *c)
{
    printf("%-12s %5.1f %5.1f   %5.1f %5.1f   %5.1f %5.1f\n", what, percent(a->before, a->n_before),
           percent(a->after, a->n_after), percent(b->before, b->n_before), percent(b->after, b->n_after),
           percent(c->before, c->n_before), percent(c->after, c->n_after));
}

static void add(seen *a, const seen *b)
{
    a->before += b->before;
    a->after += b->after;
    a->n_before += b->n_before;
    a->n_after += b->n_after;
}

/* One test run: guarded, replayed, counted. 0 when its file is not there. */
static int one(int fault, char **argv, const plant_model *m, const dura_fn *fn, const char *id, seen sum[3])
{
    plant p = {0};
    char file[32], out[1024], policy[1024];
    seen a = {0}, b = {0}, c = {0};
    dura_session_options o = DURA_SESSION_OPTIONS_INIT;
    dura_session *s;
    dura_error err;
    dura_replay_report again = {0};
    snprintf(file, sizeof file, "d%02d_te.dat", fault);
    if (!load(&p, argv[1], file, 0))
        return 0;
    snprintf(policy, sizeof policy, "%s.policy.json", argv[2]);
    snprintf(out, sizeof out, "%s/d%02d", argv[2], fault);
    o.policy = policy;
    o.call = fn;
    o.call_id = id;
    o.out = out;
    if (dura_session_open(&s, &o, &err) != DURA_OK)
        fail(&err);
    run(&p, m, s, &a, &b, &c);
    if (dura_session_close(s, &err) != DURA_OK)
        fail(&err);
    again.struct_size = sizeof again;
    if (dura_replay(out, NULL, fn, id, &again, &err) != DURA_OK)
        fail(&err);
    if (again.equal != p.rows) {
        fprintf(stderr, "tep: replay of %s: %s\n", file, again.difference);
        exit(1);
    }
    line(fault ? file : "normal", &a, &b, &c);
    if (fault) {
        add(&sum[0], &a);
        add(&sum[1], &b);
        add(&sum[2], &c);
    }
    plant_free(&p);
    return 1;
}

int main(int argc, char **argv)
{
    static const char *const inputs[] = {"XMEAS(7)", "XMEAS(8)",  "XMEAS(9)",  "XMEAS(13)", "XMEAS(16)",
                                         "XMEAS(6)", "XMEAS(21)", "XMV(10)",   "XMV(6)"};
    plant clean = {0};
    plant_model model = {0};
    dura_fn fn = DURA_FN_INIT;
    char policy[1024], id[128];
    seen sum[3] = {{0}};
    int runs = 0;
    if (argc != 3) {
        fprintf(stderr, "usage: tep DATA_FOLDER OUT_FOLDER\n");
        return 2;
    }
    if (!load(&clean, argv[1], "d00.dat", 1)) {
        fprintf(stderr, "tep: %s/tep/d00.dat cannot be read\n", argv[1]);
        return 2;
    }
    model.n = sizeof inputs / sizeof inputs[0];
    for (size_t i = 0; i < model.n; i++)
        model.column[i] = plant_column(&clean, inputs[i]);
    model.target = plant_column(&clean, "XMEAS(7)");
    plant_fit(&clean, &model);
    snprintf(policy, sizeof policy, "%s.policy.json", argv[2]);
    if (mkdir(argv[2], 0755) != 0 || plant_policy(&clean, &model, 0.25, 1.5, "XMEAS(7)_next", policy) != 0) {
        fprintf(stderr, "tep: %s must be a new folder that can be written\n", argv[2]);
        return 3;
    }
    snprintf(id, sizeof id, "examples/tep linear: %.9g ... + %.9g", (double)model.weight[0], (double)model.bias);
    fn.n_inputs = COLUMNS;
    fn.n_outputs = 1;
    fn.call = plant_call;
    fn.user = &model;
    printf("TEP: model from %zu normal samples, |error| limit %.2f kPa; %% of samples noticed before, after sample 160\n",
           clean.rows, (double)model.limit);
    printf("%-12s %-13s %-13s %-13s\n", "run", "input", "model error", "either");
    for (int fault = 0; fault < RUNS; fault++)
        runs += one(fault, argv, &model, &fn, id, sum);
    line("all faults", &sum[0], &sum[1], &sum[2]);
    printf("controls: never alarm 0.0 0.0, always alarm 100.0 100.0\n");
    printf("replay: every decision of %d runs equal, bit for bit\n", runs);
    plant_free(&clean);
    return runs > 1 ? 0 : 1;
}
