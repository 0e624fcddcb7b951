/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Shapley values of trees beside their definition: all subsets of the inputs, each answered
 * by walking the trees as the test wrote them. That they are XGBoost's own is in
 * bindings/python/tests/test_py_trees.py.
 */
#include "forest_rig.h"

#include <dura/host/shap.h>

#include <math.h>

/* ---- the definition --------------------------------------------------------------------- */

static int goes_left(const tree *t, int i, const float *x)
{
    float v = x[t->feature[i]];
    return isnan(v) ? t->missing_left[i] : v < t->split[i];
}

/* The mean answer of a tree when the inputs in `known` are the row's. Unknown ones: as the
 * training rows went, or, with a baseline, as that one goes. */
static double expect(const tree *t, int i, const float *x, const float *baseline, uint32_t known)
{
    if (!t->left[i])
        return (double)t->split[i];
    if (known >> t->feature[i] & 1)
        return expect(t, t->left[i] + !goes_left(t, i, x), x, baseline, known);
    if (baseline)
        return expect(t, t->left[i] + !goes_left(t, i, baseline), x, baseline, known);
    int l = t->left[i];
    return ((double)t->cover[l] * expect(t, l, x, baseline, known) +
            (double)t->cover[l + 1] * expect(t, l + 1, x, baseline, known)) / (double)t->cover[i];
}

static double game(int output, const float *x, const float *baseline, uint32_t known)
{
    double sum = (double)f.base;
    for (int i = 0; i < f.n_trees; i++)
        if (i % f.n_out == output)
            sum += expect(&f.tree[i], 0, x, baseline, known);
    return sum;
}

static double factorial(int n) { return n < 2 ? 1 : n * factorial(n - 1); }

static double shapley(int output, int input, const float *x, const float *baseline)
{
    double sum = 0;
    for (uint32_t set = 0; set < 1u << f.n_in; set++) {
        int k = __builtin_popcount(set);
        if (set >> input & 1)
            continue;
        sum += factorial(k) * factorial(f.n_in - 1 - k) / factorial(f.n_in) *
               (game(output, x, baseline, set | 1u << input) - game(output, x, baseline, set));
    }
    return sum;
}

static void draw_row(float *x, int missing)
{
    for (int i = 0; i < f.n_in; i++)
        x[i] = missing && draw(4) == 0 ? durai_f32(0x7FC00000u) : draw_value();
}

/* Up, down, and from both ends: the same sum, the margin itself, the backend's margin. */
static void adds_up(const double *phi, double base, double margin, float said)
{
    double up = base, down = 0;
    for (int i = 0; i < f.n_in; i++)
        up += phi[i];
    for (int i = f.n_in; i-- > 0;)
        down += phi[i];
    dt_ok(up <= margin && up >= margin, "%.17g, want %.17g", up, margin);
    dt_ok(down + base <= margin && down + base >= margin, "");
    dt_ok((double)said <= margin && (double)said >= margin, "the backend says %.9g, not %.17g", (double)said, margin);
}

static void run(const void *image, size_t len, const float *x, float *out)
{
    uint64_t inst[2];
    const dura_backend *b = dura_backend_trees();
    dt_eq(b->open(inst, NULL, image, len), DURA_OK, "");
    dt_eq(b->run(inst, x, (size_t)f.n_in, out, (size_t)f.n_out, 0), DURA_OK, "");
}

static void compare(const void *image, size_t len, int rows, int single)
{
    dura_shap *s;
    double phi[3 * INPUTS], base[3], margin[3];
    float x[INPUTS], other[INPUTS], out[3];
    dt_eq(dura_shap_open(&s, image, len, NULL), DURA_OK, "");
    for (int row = 0; row < rows; row++) {
        draw_row(x, row & 1);
        draw_row(other, row & 2);
        int rc = single ? dura_shap_against(s, x, other, (size_t)f.n_in, phi, base, margin, (size_t)f.n_out)
                        : dura_shap_row(s, x, (size_t)f.n_in, phi, base, margin, (size_t)f.n_out);
        dt_eq(rc, DURA_OK, "");
        run(image, len, x, out);
        for (int k = 0; k < f.n_out; k++) {
            double mean = game(k, x, single ? other : NULL, 0), scale = 1e-6 * (1 + fabs(margin[k]) + fabs(mean));
            dt_ok(fabs(base[k] - mean) < scale, "base %.17g, want %.17g", base[k], mean);
            adds_up(phi + k * f.n_in, base[k], margin[k], out[k]);
            for (int i = 0; i < f.n_in; i++) {
                double want = shapley(k, i, x, single ? other : NULL);
                dt_ok(fabs(phi[k * f.n_in + i] - want) < scale, "row %d input %d: %.17g, want %.17g", row, i,
                      phi[k * f.n_in + i], want);
            }
        }
    }
    dura_shap_close(s);
}

/* ---- trees -------------------------------------------------------------------------------- */

DT_TEST(shap_row, is_the_shapley_value_by_its_definition_and_adds_up_to_the_last_bit)
{
    const struct { int n_in, n_out, n_trees, depth; } rows[] = {{1, 1, 1, 1}, {2, 1, 3, 4}, {4, 1, 8, 4}, {6, 3, 6, 5}, {3, 2, 4, 6}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        size_t len;
        make(i + 1, rows[i].n_in, rows[i].n_out, rows[i].n_trees, rows[i].depth);
        void *image = packed(&len);
        compare(image, len, 20, 0);
        dura_pack_deinit(image);
    }
}

DT_TEST(shap_against, is_the_shapley_value_by_its_definition_and_adds_up_to_the_last_bit)
{
    const struct { int n_in, n_out, n_trees, depth; } rows[] = {{1, 1, 1, 1}, {2, 1, 3, 4}, {4, 1, 8, 4}, {6, 3, 6, 5}, {3, 2, 4, 6}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        size_t len;
        make(i + 101, rows[i].n_in, rows[i].n_out, rows[i].n_trees, rows[i].depth);
        f.no_covers = 1;
        void *image = packed(&len);
        compare(image, len, 20, 1);
        dura_pack_deinit(image);
    }
}

/* A chain: input 0 first, then 1, ... Half of the rows leave at every split. */
static void chain(int depth)
{
    memset(&f, 0, sizeof f);
    f.n_in = depth;
    f.n_out = f.n_trees = 1;
    f.tree[0].n = 2 * depth + 1;
    f.tree[0].cover[0] = 1;
    for (int i = 0; i < depth; i++) {
        int at = i ? 2 * i : 0;
        f.tree[0].left[at] = 2 * i + 1;
        f.tree[0].feature[at] = i;
        f.tree[0].cover[2 * i + 1] = f.tree[0].cover[2 * i + 2] = f.tree[0].cover[at] * 0.5f;
    }
    f.tree[0].split[2 * depth] = 1;
}

DT_TEST(shap_row, keeps_its_digits_on_the_longest_path)
{
    for (int depth = 1; depth <= 63; depth += 31) {
        double phi[64], base, margin, sum = 0;
        float x[64];
        size_t len;
        dura_shap *s;
        chain(depth);
        void *image = packed(&len);
        for (int i = 0; i < depth; i++)
            x[i] = 1;
        dt_eq(dura_shap_open(&s, image, len, NULL), DURA_OK, "");
        dt_eq(dura_shap_row(s, x, (size_t)depth, phi, &base, &margin, 1), DURA_OK, "");
        for (int i = 0; i < depth; i++) {                       /* all inputs are alike, so all shares are */
            dt_ok(fabs(phi[i] - (1 - base) / depth) < 1e-14, "depth %d input %d: %.17g", depth, i, phi[i]);
            sum += phi[i];
        }
        dt_ok(sum + base <= 1 && sum + base >= 1 && margin <= 1 && margin >= 1, "");
        dt_ok(fabs(base - ldexp(1, -depth)) < 1e-12, "%.17g", base);
        dura_shap_close(s);
        dura_pack_deinit(image);
    }
}

DT_TEST(shap_row, wants_covers_and_finite_inputs)
{
    size_t len;
    double phi[2], base, margin;
    float x[2] = {0, INFINITY};
    dura_shap *s;
    make(7, 2, 1, 2, 3);
    f.no_covers = 1;
    void *image = packed(&len);
    dt_eq(dura_shap_open(&s, image, len, NULL), DURA_OK, "");
    dt_eq(dura_shap_row(s, x, 2, phi, &base, &margin, 1), DURA_EINVAL, "infinity");
    x[1] = 0;
    dt_eq(dura_shap_row(s, x, 2, phi, &base, &margin, 1), DURA_ENOTSUP, "no covers");
    dt_eq(dura_shap_row(s, x, 1, phi, &base, &margin, 1), DURA_EINVAL, "inputs");
    dt_eq(dura_shap_row(s, x, 2, phi, &base, &margin, 2), DURA_EINVAL, "outputs");
    dt_eq(dura_shap_row(NULL, x, 2, phi, &base, &margin, 1), DURA_EINVAL, "NULL");
    dt_eq(dura_shap_against(s, x, NULL, 2, phi, &base, &margin, 1), DURA_EINVAL, "NULL");
    dura_shap_close(s);
    dura_shap_close(NULL);
    dura_pack_deinit(image);
}

DT_TEST(shap_open, refuses_what_is_no_image_of_trees)
{
    static const char linear[] = "{\"dura_model\":1,\"kind\":\"linear\",\"inputs\":[\"a\"],"
                                 "\"outputs\":[{\"name\":\"y\",\"bias\":0,\"weights\":[1]}]}";
    dura_shap *s;
    dura_error e = {0};
    void *image;
    size_t len;
    dt_eq(dura_pack_model(linear, sizeof linear - 1, NULL, &image, &len, NULL), DURA_OK, "");
    dt_eq(dura_shap_open(&s, image, len, &e), DURA_EINVAL, "");
    dt_ok(s == NULL && strstr(e.text, "no image of trees"), "%s", e.text);
    dt_eq(dura_shap_open(&s, "", 0, NULL), DURA_ECORRUPT, "");
    dt_eq(dura_shap_open(NULL, image, len, NULL), DURA_EINVAL, "");
    dura_pack_deinit(image);
}

DT_TEST(shap_open, trusts_no_cover_that_grows_on_the_way_down)
{
    size_t len;
    double phi[2], base, margin;
    float x[2] = {0, 0};
    dura_shap *s;
    make(8, 2, 1, 1, 2);
    f.tree[0].cover[1] = 2 * f.tree[0].cover[0];
    void *image = packed(&len);
    dt_eq(dura_shap_open(&s, image, len, NULL), DURA_OK, "");
    dt_eq(dura_shap_row(s, x, 2, phi, &base, &margin, 1), DURA_ENOTSUP, "");
    dura_shap_close(s);
    dura_pack_deinit(image);
}

DT_TEST(pack_trees, refuses_a_thousand_flipped_bits)
{
    size_t len;
    make(9, 4, 1, 8, 4);
    uint8_t *image = packed(&len);
    for (int i = 0; i < 1000; i++) {
        uint32_t at = draw((uint32_t)len * 8);
        int kind;
        image[at / 8] ^= (uint8_t)(1u << at % 8);
        dt_ok(dura_trees_check(image, len) < 0 && dura_pack_check(image, len, &kind) < 0, "bit %u", at);
        image[at / 8] ^= (uint8_t)(1u << at % 8);
    }
    dt_eq(dura_trees_check(image, len), DURA_OK, "");
    dura_pack_deinit(image);
}

/* ---- any model ------------------------------------------------------------------------------ */

static dura_shap_budget budget(uint32_t orders)
{
    dura_shap_budget g = DURA_SHAP_BUDGET_INIT;
    g.orders = orders;
    g.lo = -300;
    g.hi = 300;
    return g;
}

DT_TEST(shap_sample, is_within_its_bound_and_adds_up)
{
    size_t len;
    double want[INPUTS], phi[INPUTS], bound[INPUTS], base, margin, sum, widest = 0;
    float x[INPUTS], other[INPUTS];
    uint64_t inst[2];
    dura_shap *s;
    dura_shap_budget g = budget(400);
    make(10, INPUTS, 1, 8, 4);
    void *image = packed(&len);
    dt_eq(dura_shap_open(&s, image, len, NULL), DURA_OK, "");
    dt_eq(dura_backend_trees()->open(inst, NULL, image, len), DURA_OK, "");
    for (int row = 0; row < 10; row++) {
        draw_row(x, 0);
        draw_row(other, 0);
        g.seed = (uint64_t)row;
        dt_eq(dura_shap_against(s, x, other, INPUTS, want, &base, &margin, 1), DURA_OK, "");
        dt_eq(dura_shap_sample(dura_backend_trees(), inst, x, other, INPUTS, &g, phi, bound, 1), DURA_OK, "");
        sum = 0;
        for (int i = 0; i < INPUTS; i++) {
            dt_ok(fabs(phi[i] - want[i]) <= bound[i], "row %d input %d: off by %g, bound %g", row, i, phi[i] - want[i], bound[i]);
            sum += phi[i];
            widest = bound[i] > widest ? bound[i] : widest;
        }
        dt_ok(fabs(sum - (margin - base)) < 1e-6 * g.hi, "");
    }
    dt_ok(widest < 600, "a bound that says something: %g", widest);
    dura_shap_close(s);
    dura_pack_deinit(image);
}

DT_TEST(shap_sample, refuses_budgets_and_answers_outside_the_range)
{
    size_t len;
    double phi[2], bound[2];
    float x[2] = {0, 0};
    uint64_t inst[2];
    dura_shap_budget g = budget(2);
    make(11, 2, 1, 2, 2);
    void *image = packed(&len);
    const dura_backend *b = dura_backend_trees();
    dt_eq(b->open(inst, NULL, image, len), DURA_OK, "");
    dt_eq(dura_shap_sample(b, inst, x, x, 2, &g, phi, bound, 1), DURA_OK, "");
    g.hi = g.lo;
    dt_eq(dura_shap_sample(b, inst, x, x, 2, &g, phi, bound, 1), DURA_EINVAL, "no range");
    g = budget(1);
    dt_eq(dura_shap_sample(b, inst, x, x, 2, &g, phi, bound, 1), DURA_EINVAL, "one order");
    g = budget(2);
    g.lo = 299;
    dt_eq(dura_shap_sample(b, inst, x, x, 2, &g, phi, bound, 1), DURA_EINVAL, "an answer outside");
    g = budget(2);
    g.miss = 0;
    dt_eq(dura_shap_sample(b, inst, x, x, 2, &g, phi, bound, 1), DURA_EINVAL, "certainty");
    g = budget(2);
    x[0] = INFINITY;
    dt_eq(dura_shap_sample(b, inst, x, x, 2, &g, phi, bound, 1), DURA_EINVAL, "infinity");
    dura_pack_deinit(image);
}
