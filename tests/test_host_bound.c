/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bounds over a box beside every row that matters in it: one from each cell that the
 * thresholds of small forests cut the box into.
 */
#include "forest_rig.h"

#include <dura/host/bound.h>

#include <math.h>

enum { CUTS = 64, LOTS = 100000 };

static int by_size(const void *a, const void *b)
{
    float x = *(const float *)a, y = *(const float *)b;
    return x < y ? -1 : x > y;
}

/* Values of input i that reach every cell between lo and hi. */
static int cells_of(int i, float lo, float hi, float *out)
{
    int n = 1;
    out[0] = lo;
    for (int t = 0; t < f.n_trees; t++)
        for (int k = 0; k < f.tree[t].n; k++) {
            float v = f.tree[t].split[k];
            if (f.tree[t].left[k] && f.tree[t].feature[k] == i && v > lo && v <= hi && n < CUTS)
                out[n++] = v;
        }
    qsort(out, (size_t)n, sizeof *out, by_size);
    return n;
}

/* The extremes over all cells of a box of two inputs. */
static void every_cell(const void *image, size_t len, const float *lo, const float *hi, dura_bound_range *want)
{
    float a[CUTS], c[CUTS], y[3];
    uint64_t inst[2];
    const dura_backend *b = dura_backend_trees();
    int n = cells_of(0, lo[0], hi[0], a), m = cells_of(1, lo[1], hi[1], c);
    dt_eq(b->open(inst, NULL, image, len), DURA_OK, "");
    for (int k = 0; k < f.n_out; k++) {
        want[k].lo = INFINITY;
        want[k].hi = -INFINITY;
    }
    for (int i = 0; i < n * m; i++) {
        float x[2] = {a[i / m], c[i % m]};
        dt_eq(b->run(inst, x, 2, y, (size_t)f.n_out, 0), DURA_OK, "");
        for (int k = 0; k < f.n_out; k++) {
            want[k].lo = y[k] < want[k].lo ? y[k] : want[k].lo;
            want[k].hi = y[k] > want[k].hi ? y[k] : want[k].hi;
        }
    }
}

static void draw_box(float *lo, float *hi)
{
    for (int i = 0; i < f.n_in; i++) {
        float a = draw_value(), b = draw_value();
        lo[i] = a < b ? a : b;
        hi[i] = a < b ? b : a;
    }
}

DT_TEST(bound_box, is_the_worst_row_itself_when_it_says_exact)
{
    for (int n_out = 1; n_out <= 3; n_out += 2) {
        size_t len;
        dura_bound *b;
        make((uint64_t)n_out + 20, 2, n_out, 6, 3);
        void *image = packed(&len);
        dt_eq(dura_bound_open(&b, image, len, NULL), DURA_OK, "");
        for (int row = 0; row < 30; row++) {
            float lo[2], hi[2];
            dura_bound_range got[3], plain[3], want[3], found[3];
            draw_box(lo, hi);
            every_cell(image, len, lo, hi, want);
            dt_eq(dura_bound_box(b, lo, hi, 2, LOTS, got, (size_t)n_out), DURA_OK, "");
            dt_eq(dura_bound_box(b, lo, hi, 2, 1, plain, (size_t)n_out), DURA_OK, "");
            dt_eq(dura_bound_search(b, lo, hi, 2, 24, 1, found, (size_t)n_out), DURA_OK, "");
            for (int k = 0; k < n_out; k++) {
                dt_ok(got[k].lo_exact && got[k].hi_exact, "boxes enough");
                dt_ok(got[k].lo <= want[k].lo && got[k].lo >= want[k].lo, "%.9g, want %.9g", (double)got[k].lo, (double)want[k].lo);
                dt_ok(got[k].hi <= want[k].hi && got[k].hi >= want[k].hi, "%.9g, want %.9g", (double)got[k].hi, (double)want[k].hi);
                dt_ok(plain[k].lo <= want[k].lo && plain[k].hi >= want[k].hi, "one box holds, too");
                dt_ok(found[k].lo >= got[k].lo && found[k].hi <= got[k].hi && found[k].lo <= found[k].hi, "attacks stay inside");
            }
        }
        dura_bound_close(b);
        dura_pack_deinit(image);
    }
}

DT_TEST(bound_box, holds_for_every_row_and_is_tighter_with_more_boxes)
{
    static const uint32_t boxes[] = {1, 4, 16, 64, 256};
    size_t len;
    dura_bound *b;
    uint64_t inst[2];
    make(31, INPUTS, 1, 8, 5);
    void *image = packed(&len);
    dt_eq(dura_bound_open(&b, image, len, NULL), DURA_OK, "");
    dt_eq(dura_backend_trees()->open(inst, NULL, image, len), DURA_OK, "");
    for (int row = 0; row < 20; row++) {
        float lo[INPUTS], hi[INPUTS], x[INPUTS], y;
        dura_bound_range r[5];
        draw_box(lo, hi);
        for (int i = 0; i < 5; i++) {
            dt_eq(dura_bound_box(b, lo, hi, INPUTS, boxes[i], &r[i], 1), DURA_OK, "");
            dt_ok(i == 0 || (r[i].lo >= r[i - 1].lo && r[i].hi <= r[i - 1].hi), "row %d, %u boxes", row, boxes[i]);
        }
        for (int n = 0; n < 100; n++) {
            for (int i = 0; i < INPUTS; i++)
                x[i] = lo[i] + (hi[i] - lo[i]) * (float)draw(1001) / 1000.0f;
            for (int i = 0; i < INPUTS; i++)
                x[i] = x[i] > hi[i] ? hi[i] : x[i];
            dt_eq(dura_backend_trees()->run(inst, x, INPUTS, &y, 1, 0), DURA_OK, "");
            dt_ok(y >= r[4].lo && y <= r[4].hi, "%g in %g..%g", (double)y, (double)r[4].lo, (double)r[4].hi);
        }
    }
    dura_bound_close(b);
    dura_pack_deinit(image);
}

DT_TEST(bound_box, of_a_logistic_model_holds_in_probabilities)
{
    size_t len;
    dura_bound *b;
    float lo[2], hi[2], y;
    uint64_t inst[2];
    make(41, 2, 1, 6, 3);
    f.objective = "binary:logistic";
    for (int t = 0; t < f.n_trees; t++)
        for (int i = 0; i < f.tree[t].n; i++)
            f.tree[t].split[i] *= f.tree[t].left[i] ? 1.0f : 0.25f;
    void *image = packed(&len);
    dt_eq(dura_bound_open(&b, image, len, NULL), DURA_OK, "");
    dt_eq(dura_backend_trees()->open(inst, NULL, image, len), DURA_OK, "");
    for (int row = 0; row < 50; row++) {
        dura_bound_range r;
        draw_box(lo, hi);
        dt_eq(dura_bound_box(b, lo, hi, 2, LOTS, &r, 1), DURA_OK, "");
        dt_eq(dura_backend_trees()->run(inst, lo, 2, &y, 1, 0), DURA_OK, "");
        dt_ok(r.lo >= 0 && r.lo <= y && y <= r.hi && r.hi <= 1 && !r.lo_exact && !r.hi_exact, "%g in %g..%g", (double)y,
              (double)r.lo, (double)r.hi);
        memcpy(hi, lo, sizeof hi);
        dt_eq(dura_bound_box(b, lo, hi, 2, 1, &r, 1), DURA_OK, "");
        dt_ok(r.lo <= y && y <= r.hi && r.hi - r.lo < 1e-5f, "one row: %g..%g", (double)r.lo, (double)r.hi);
    }
    dura_bound_close(b);
    dura_pack_deinit(image);
}

DT_TEST(bound_box, of_a_linear_model_is_its_worst_corner)
{
    static const char linear[] = "{\"dura_model\":1,\"kind\":\"linear\",\"inputs\":[\"a\",\"b\"],"
                                 "\"outputs\":[{\"name\":\"y\",\"bias\":1,\"weights\":[2,-3]}]}";
    const float lo[2] = {-1, 4}, hi[2] = {5, 6}, bad[2] = {6, 4};
    dura_bound_range r;
    dura_bound *b;
    void *image;
    size_t len;
    dt_eq(dura_pack_model(linear, sizeof linear - 1, NULL, &image, &len, NULL), DURA_OK, "");
    dt_eq(dura_bound_open(&b, image, len, NULL), DURA_OK, "");
    dt_eq(dura_bound_box(b, lo, hi, 2, 1, &r, 1), DURA_OK, "");
    dt_ok(r.lo == 1.0f - 2 - 18 && r.hi == 1.0f + 10 - 12 && r.lo_exact && r.hi_exact, "%g %g", (double)r.lo, (double)r.hi);
    dt_eq(dura_bound_search(b, lo, hi, 2, 4, 1, &r, 1), DURA_OK, "");
    dt_ok(r.lo == -19.0f && r.hi == -1.0f, "the attack finds it: %g %g", (double)r.lo, (double)r.hi);
    dt_eq(dura_bound_box(b, bad, hi, 2, 1, &r, 1), DURA_EINVAL, "lo above hi");
    dt_eq(dura_bound_box(b, lo, hi, 1, 1, &r, 1), DURA_EINVAL, "inputs");
    dt_eq(dura_bound_box(b, lo, hi, 2, 1, &r, 2), DURA_EINVAL, "outputs");
    dt_eq(dura_bound_box(b, lo, hi, 2, 0, &r, 1), DURA_EINVAL, "no box");
    dt_eq(dura_bound_box(b, lo, NULL, 2, 1, &r, 1), DURA_EINVAL, "NULL");
    dt_eq(dura_bound_search(b, lo, hi, 2, 0, 1, &r, 1), DURA_EINVAL, "no start");
    dura_bound_close(b);
    dura_bound_close(NULL);
    dt_eq(dura_bound_open(&b, "", 0, NULL), DURA_ECORRUPT, "");
    dt_eq(dura_bound_open(NULL, image, len, NULL), DURA_EINVAL, "");
    dura_pack_deinit(image);
}
