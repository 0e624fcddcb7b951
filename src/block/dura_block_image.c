/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dura_block_image.c - sixteen figures of a gray image in one pass over its rows.
 *
 * Every row is looked at with the one above and the one below, in pieces of 64 pixels:
 * loops of a fixed length over bytes, counted in bytes and 16 bits where 64 pixels cannot
 * overflow them, which is what compilers turn into vector code. Counting is in integers,
 * so every target finds the same figures; only the last divisions are floats.
 *
 * Noise: Immerkaer, Fast Noise Variance Estimation, CVIU 64(2), 1996 (every fourth row).
 * Rows: the mean step |row - row above| tells a row that differs from both neighbours (a
 * corrupt line) from an edge of the scene (one side only) and from a splice (one step
 * that is not spread over its neighbours, as optics spread an edge). The few largest
 * such steps are then tried with the row moved sideways; what the best move takes off
 * the step is the shift that was there.
 */
#include "dura_block_priv.h"

/* Pixels at a time: a vector unit likes many, a small stack few. */
#if defined(__OPTIMIZE_SIZE__)
#define PIECE 8u
#else
#define PIECE 64u
#endif
#define IN_QUARTER (PIECE / 4u)
#define STRETCH (32u * PIECE)    /* pixels after which a tally is added up: 32 x 4 fits a byte */
#define COLUMN_ROWS 256u         /* 256 x 255 fits 16 bits */
#define SHIFT_MOST 32u           /* pixels a row is tried sideways */
#define TEXTURE_EVERY 4u         /* rows from one that is looked at for texture to the next */
#define IMMERKAER 0.20888568f    /* sqrt(pi / 2) / 6: mean of the mask to a deviation */

/* Whole pieces get code of their own where speed is asked for, and share it elsewhere. */
#if defined(__GNUC__) && !defined(__OPTIMIZE_SIZE__)
#define PIECE_INLINE inline __attribute__((always_inline))
#else
#define PIECE_INLINE
#endif

/* Compilers know instructions for sums of |p - q| and of (p - q)^2, each from another form.
 * The sum of steps: gcc from a loop of any length, clang from one of sixteen that starts at 0.
 * Squares: gcc from a difference of 16 bits, clang from one of 8, if asked for sixteen at a
 * time. With the other's form the vector code is four times as long. */
#if defined(__clang__) && !defined(__OPTIMIZE_SIZE__)
#define STEPS_AT_ONCE 16u
#define STEP_TO_SQUARE(p, q) ((uint8_t)((p) > (q) ? (p) - (q) : (q) - (p)))
#define WIDE_LOOP _Pragma("clang loop vectorize_width(16)")
#pragma clang diagnostic ignored "-Wpass-failed"   /* a target without vectors, a sanitizer */
#else
#define STEPS_AT_ONCE n
#define STEP_TO_SQUARE(p, q) ((int16_t)((p) - (q)))
#define WIDE_LOOP
#endif

/* What a row, and then the image, adds up to. */
typedef struct row_sums {
    uint32_t sum, square;        /* of the pixels */
    uint32_t dark, bright, dead, hot;
    uint32_t slope;              /* squared steps to the right and from above */
    uint32_t noise;              /* |Immerkaer's mask| */
} row_sums;

/* A count, kept in bytes while a stretch of a row is walked. */
typedef struct tally {
#if !defined(__OPTIMIZE_SIZE__)
    uint8_t of[IN_QUARTER];
#endif
    uint32_t rest;               /* what did not fill a quarter piece */
} tally;

#if defined(__OPTIMIZE_SIZE__)
#define NONE_YET {0}
#else
#define NONE_YET {{0}, 0}
#endif

/* The rows with the largest of some figure, largest first. */
typedef struct row_top {
    uint32_t size[BREAKS], row[BREAKS];
} row_top;

typedef struct image_sums {
    uint64_t sum, square, slope, noise;
    uint32_t dark, bright, dead, hot, empty;
    row_top odd, broken;
    uint32_t above, last;        /* row steps, two rows up and one */
} image_sums;

/* One look at an image: where its rows are, what is asked. */
typedef struct look {
    dura_block *b;
    const uint8_t *data, *zero;
    size_t stride;
    uint32_t width, height;
    uint32_t column_every;       /* rows from one that is added to the columns to the next */
    uint8_t lo, hi, step;        /* clip_lo, clip_hi, step in whole levels */
} look;

/* ---- rows of 8 bits ---------------------------------------------------------------- */

static void narrow(uint8_t *to, const uint8_t *from, uint32_t n, uint32_t shift)
{
    uint32_t i;
    for (i = 0; i < n; i++) {
        uint16_t v;
        memcpy(&v, from + (size_t)i * 2u, sizeof v);
        v = (uint16_t)(v >> shift);
        to[i] = (uint8_t)(v > 255u ? 255u : v);
    }
}

/* Row r; one of 16 bits is kept in the place r % 3 until row r + 3 is asked for. */
static const uint8_t *row_of(const look *l, uint32_t r)
{
    const uint8_t *from = l->data + (size_t)r * l->stride;
    uint8_t *to;
    DURA_ASSERT(r < l->height);
    if (l->b->c.kind == DURA_BLOCK_U8)
        return from;
    to = (uint8_t *)l->b + l->b->row_at + (size_t)(r % 3u) * l->width;
    narrow(to, from, l->width, (uint32_t)l->b->c.bits - 8u);
    return to;
}

/* ---- pieces of a row --------------------------------------------------------------- */

/* Sum of |p - q|. */
static PIECE_INLINE uint32_t piece_steps(const uint8_t *p, const uint8_t *q, uint32_t n)
{
    uint32_t all = 0, k = 0;
#if !defined(__OPTIMIZE_SIZE__)
    uint32_t i;
    for (; k + STEPS_AT_ONCE <= n && n > 0; k += STEPS_AT_ONCE) {
        int32_t sum = 0;
        for (i = k; i < k + STEPS_AT_ONCE; i++) {
            int32_t d = p[i] - q[i];
            sum += d < 0 ? -d : d;
        }
        all += (uint32_t)sum;
    }
#endif
    for (; k < n; k++)
        all += p[k] < q[k] ? (uint32_t)q[k] - p[k] : (uint32_t)p[k] - q[k];
    return all;
}

/* Sum of p, as steps from nothing: `zero` is a row of zeros the compiler knows nothing of. */
static PIECE_INLINE uint32_t total(const uint8_t *p, const uint8_t *zero, uint32_t n)
{
    return piece_steps(p, zero, n);
}

/* IS at place i of each quarter of a whole piece. */
#define QUARTERS(IS, i) (IS(i) + IS((i) + IN_QUARTER) + IS((i) + 2u * IN_QUARTER) + IS((i) + 3u * IN_QUARTER))

/* Adds to two tallies how many of n pixels ONE(i) and OTHER(i) are true of. Both in a loop: gcc
 * -O3 takes a shorter one apart before it sees the vector in it. */
#if defined(__OPTIMIZE_SIZE__)
#define COUNT(n, one, ONE, other, OTHER)                                               \
    do {                                                                               \
        uint32_t i;                                                                    \
        for (i = 0; i < (n); i++) {                                                    \
            (one)->rest += (uint32_t)ONE(i);                                           \
            (other)->rest += (uint32_t)OTHER(i);                                       \
        }                                                                              \
    } while (0)
#else
#define COUNT(n, one, ONE, other, OTHER)                                               \
    do {                                                                               \
        uint32_t i;                                                                    \
        for (i = 0; i < IN_QUARTER && (n) == PIECE; i++) {                             \
            (one)->of[i] = (uint8_t)((one)->of[i] + QUARTERS(ONE, i));                 \
            (other)->of[i] = (uint8_t)((other)->of[i] + QUARTERS(OTHER, i));           \
        }                                                                              \
        for (i = 0; i < IN_QUARTER && (n) == IN_QUARTER; i++) {                        \
            (one)->of[i] = (uint8_t)((one)->of[i] + ONE(i));                           \
            (other)->of[i] = (uint8_t)((other)->of[i] + OTHER(i));                     \
        }                                                                              \
        for (i = 0; i < (n) && (n) != PIECE && (n) != IN_QUARTER; i++) {               \
            (one)->rest += (uint32_t)ONE(i);                                           \
            (other)->rest += (uint32_t)OTHER(i);                                       \
        }                                                                              \
    } while (0)
#endif

/* Sum of squared differences. */
static PIECE_INLINE uint32_t piece_squares(const uint8_t *p, const uint8_t *q, uint32_t n)
{
    int32_t sum = 0;
    uint32_t i;
    WIDE_LOOP
    for (i = 0; i < n; i++) {
        int16_t d = STEP_TO_SQUARE(p[i], q[i]);
        sum += d * d;
    }
    return (uint32_t)sum;
}

/* The pixels themselves. */
static PIECE_INLINE void piece_levels(row_sums *s, const uint8_t *p, const uint8_t *zero, uint32_t n)
{
    s->sum += total(p, zero, n);
    s->square += piece_squares(p, zero, n);
}

static PIECE_INLINE void piece_ends(tally *dark, tally *bright, const uint8_t *p, uint32_t n, uint8_t lo, uint8_t hi)
{
#define IS_DARK(i) (p[i] <= lo)
#define IS_BRIGHT(i) (p[i] >= hi)
    COUNT(n, dark, IS_DARK, bright, IS_BRIGHT);
}

static PIECE_INLINE void piece_columns(uint16_t *column, const uint8_t *p, uint32_t n)
{
    uint16_t sum[PIECE];         /* a copy, so that no compiler fears that column is p */
    uint32_t i;
    memcpy(sum, column, n * sizeof sum[0]);
    for (i = 0; i < n; i++)
        sum[i] = (uint16_t)(sum[i] + p[i]);
    memcpy(column, sum, n * sizeof sum[0]);
}

/* Pixels `step` and more outside of what their four neighbours span: a is the row
 * above, c the one below; p[-1] and p[n] are there. */
static PIECE_INLINE int is_dead(const uint8_t *a, const uint8_t *p, const uint8_t *c, uint32_t i, uint8_t step)
{
    const uint8_t *left = p - 1, *right = p + 1;
    uint8_t x = a[i] < c[i] ? a[i] : c[i], y = left[i] < right[i] ? left[i] : right[i];
    uint8_t low = x < y ? x : y, floor = low > p[i] ? low : p[i];
    return (uint8_t)(floor - p[i]) >= step;
}
static PIECE_INLINE int is_hot(const uint8_t *a, const uint8_t *p, const uint8_t *c, uint32_t i, uint8_t step)
{
    const uint8_t *left = p - 1, *right = p + 1;
    uint8_t x = a[i] > c[i] ? a[i] : c[i], y = left[i] > right[i] ? left[i] : right[i];
    uint8_t high = x > y ? x : y, top = high < p[i] ? high : p[i];
    return (uint8_t)(p[i] - top) >= step;
}
static PIECE_INLINE void piece_elements(tally *dead, tally *hot, const uint8_t *a, const uint8_t *p, const uint8_t *c,
                                        uint32_t n, uint8_t step)
{
#define IS_DEAD(i) is_dead(a, p, c, i, step)
#define IS_HOT(i) is_hot(a, p, c, i, step)
    COUNT(n, dead, IS_DEAD, hot, IS_HOT);
}

static PIECE_INLINE int16_t size_of_step(int16_t left, int16_t middle, int16_t right)
{
    int16_t d = (int16_t)(left - 2 * middle + right);
    return (int16_t)(d < 0 ? -d : d);
}

/* Immerkaer's mask: the second difference across of the second difference down, at most
 * 2040, so that four fit a word. */
static PIECE_INLINE uint32_t piece_noise(const uint8_t *a, const uint8_t *p, const uint8_t *c, uint32_t n)
{
    int16_t v[PIECE + 2u], w[PIECE];
    uint32_t q = n / 4u, i;
    int32_t sum = 0;
    for (i = 0; i < n; i++)          /* a length that gcc makes vector code of, then two more */
        v[i] = (int16_t)(a[i] - 2 * p[i] + c[i]);
    for (; i < n + 2u; i++)
        v[i] = (int16_t)(a[i] - 2 * p[i] + c[i]);
#define STEP(i) size_of_step(v[i], v[(i) + 1u], v[(i) + 2u])
    if (n == PIECE)
        for (i = 0; i < q; i++)
            w[i] = (int16_t)(STEP(i) + STEP(i + q) + STEP(i + 2u * q) + STEP(i + 3u * q));
    else
        for (i = 0, q = n; i < q; i++)
            w[i] = STEP(i);
    WIDE_LOOP
    for (i = 0; i < q; i++)
        sum += w[i];
    return (uint32_t)sum;
}

/* ---- a row ------------------------------------------------------------------------- */

/* Whole pieces, then quarter pieces, then the rest: DO(n) for each, from x on. Lengths that the
 * compiler knows are what it makes vector code of. */
#if defined(__OPTIMIZE_SIZE__)
#define EACH_PIECE(x, end, DO)                                                         \
    do {                                                                               \
        uint32_t piece;                                                                \
        for (; (x) < (end); (x) += piece) {                                            \
            piece = (end) - (x) < PIECE ? (end) - (x) : PIECE;                         \
            DO(piece);                                                                 \
        }                                                                              \
    } while (0)
#else
#define EACH_PIECE(x, end, DO)                                                         \
    do {                                                                               \
        for (; (x) + PIECE <= (end); (x) += PIECE)                                     \
            DO(PIECE);                                                                 \
        for (; (x) + PIECE / 4u <= (end); (x) += PIECE / 4u)                           \
            DO(PIECE / 4u);                                                            \
        DO((end) - (x));                                                               \
        (x) = (end);                                                                   \
    } while (0)
#endif

static uint32_t added_up(const tally *t)
{
    uint32_t sum = t->rest;
#if !defined(__OPTIMIZE_SIZE__)
    uint32_t i;
    for (i = 0; i < IN_QUARTER; i++)
        sum += t->of[i];
#endif
    return sum;
}

static void row_levels(const look *l, row_sums *s, const uint8_t *p)
{
    uint32_t x = 0, end;
    uint8_t lo = l->lo, hi = l->hi;
    DURA_ASSERT(32u * 4u + PIECE / IN_QUARTER <= 255u);   /* what a byte of a tally may come to */
#define LEVELS_OF(n) (piece_levels(s, p + x, l->zero, n), piece_ends(&dark, &bright, p + x, n, lo, hi))
    while (x < l->width) {
        tally dark = NONE_YET, bright = NONE_YET;
        end = l->width - x > STRETCH ? x + STRETCH : l->width;
        EACH_PIECE(x, end, LEVELS_OF);
        s->dark += added_up(&dark);
        s->bright += added_up(&bright);
    }
}

static void row_columns(const look *l, const uint8_t *p)
{
    uint16_t *column = durai_block_column(l->b);
    uint32_t x = 0, end = l->width;
#define COLUMNS_OF(n) piece_columns(column + x, p + x, n)
    EACH_PIECE(x, end, COLUMNS_OF);
}

/* Sum of |p - q| over n pixels. */
static uint32_t row_step(const uint8_t *p, const uint8_t *q, uint32_t n)
{
    uint32_t x = 0, sum = 0;
#define STEPS_OF(m) sum += piece_steps(p + x, q + x, m)
    EACH_PIECE(x, n, STEPS_OF);
    return sum;
}

/* What needs neighbours: all pixels but the first and the last. */
static void row_elements(const look *l, row_sums *s, const uint8_t *a, const uint8_t *p, const uint8_t *c)
{
    uint32_t x = 1, last = l->width - 1u, end;
    DURA_ASSERT(last > x && l->step > 0);
    uint8_t step = l->step;
#define ELEMENTS_OF(n) piece_elements(&dead, &hot, a + x, p + x, c + x, n, step)
    while (x < last) {
        tally dead = NONE_YET, hot = NONE_YET;
        end = last - x > STRETCH ? x + STRETCH : last;
        EACH_PIECE(x, end, ELEMENTS_OF);
        s->dead += added_up(&dead);
        s->hot += added_up(&hot);
    }
}

static void row_texture(const look *l, row_sums *s, const uint8_t *a, const uint8_t *p, const uint8_t *c)
{
    uint32_t x = 1, end = l->width - 1u, slope = 0, noise = 0;
    DURA_ASSERT(end > x && a != c);
#define TEXTURE_OF(n)                                                                  \
    do {                                                                               \
        slope += piece_squares(p + x, p + x + 1u, n) + piece_squares(p + x, a + x, n); \
        noise += piece_noise(a + x - 1u, p + x - 1u, c + x - 1u, n);                   \
    } while (0)
    EACH_PIECE(x, end, TEXTURE_OF);
    s->slope += slope;
    s->noise += noise;
}

/* ---- rows against each other --------------------------------------------------------- */

static void keep_largest(row_top *t, uint32_t size, uint32_t row)
{
    uint32_t i = BREAKS;
    DURA_ASSERT(t->size[0] >= t->size[BREAKS - 1u]);
    if (size <= t->size[BREAKS - 1u])
        return;
    while (i > 1u && size > t->size[i - 2u])
        i--;
    memmove(&t->size[i], &t->size[i - 1u], (BREAKS - i) * sizeof t->size[0]);
    memmove(&t->row[i], &t->row[i - 1u], (BREAKS - i) * sizeof t->row[0]);
    t->size[i - 1u] = size;
    t->row[i - 1u] = row;
}

/* The step into row `row` is known to be i->last; `step` is the one behind it. */
static void note_step(image_sums *i, uint32_t row, uint32_t step)
{
    uint32_t around = i->above > step ? i->above : step;
    if (row > 0 && i->last > around)
        keep_largest(&i->broken, i->last - around, row);
    i->above = i->last;
    i->last = step;
}

/* Row r between a and c: half of what the way over it is longer than the straight one. */
static void note_odd(image_sums *i, uint32_t row, uint32_t to, uint32_t from, uint32_t straight)
{
    uint32_t way = to + from;
    if (way > straight)
        keep_largest(&i->odd, (way - straight) / 2u, row);
}

/* How much of the step from the row above a move of row r sideways takes away. */
static uint32_t shift_gain(const look *l, uint32_t r)
{
    uint32_t reach = l->width / 4u < SHIFT_MOST ? l->width / 4u : SHIFT_MOST;
    uint32_t n = l->width - 2u * reach, still, best, s;
    const uint8_t *above = row_of(l, r - 1u) + reach, *p = row_of(l, r);
    best = still = row_step(above, p + reach, n);
    for (s = 0; s <= 2u * reach; s++) {
        uint32_t d = row_step(above, p + s, n);
        best = d < best ? d : best;
    }
    return still - best;
}

static float line_shift(const look *l, const image_sums *i)
{
    uint32_t reach = l->width / 4u < SHIFT_MOST ? l->width / 4u : SHIFT_MOST;
    uint32_t k, most = 0;
    DURA_ASSERT(2u * reach < l->width);
    for (k = 0; k < 2u * BREAKS; k++) {
        const row_top *t = k < BREAKS ? &i->odd : &i->broken;
        uint32_t gain = t->size[k % BREAKS] ? shift_gain(l, t->row[k % BREAKS]) : 0;
        most = gain > most ? gain : most;
    }
    return (float)most / (float)(l->width - 2u * reach);
}

/* ---- the image ----------------------------------------------------------------------- */

static void add_row(const look *l, image_sums *i, const row_sums *s, uint32_t r, uint8_t first)
{
    i->sum += s->sum;
    i->square += s->square;
    i->slope += s->slope;
    i->noise += s->noise;
    i->dark += s->dark;
    i->bright += s->bright;
    i->dead += s->dead;
    i->hot += s->hot;
    l->b->fresh[PROFILE + r * PROFILE / l->height] += (float)s->sum;
    /* No spread: mean and mean square are those of one value. */
    if (s->sum == l->width * first && s->square == l->width * first * first)
        i->empty++;
    else if (r > 0 && i->last == 0)
        i->empty++;
}

/* Row p, with a above (NULL in the first row) and c below (NULL in the last). */
static DURAI_NOINLINE void one_row(const look *l, image_sums *i, uint32_t r, const uint8_t *a, const uint8_t *p,
                    const uint8_t *c)
{
    row_sums s = {0, 0, 0, 0, 0, 0, 0, 0};
    uint32_t step = c ? row_step(p, c, l->width) : 0;
    row_levels(l, &s, p);
    if (r % l->column_every == 0)
        row_columns(l, p);
    if (a && c) {
        row_elements(l, &s, a, p, c);
        note_odd(i, r, i->last, step, row_step(a, c, l->width));
        if (r % TEXTURE_EVERY == 1u)
            row_texture(l, &s, a, p, c);
    }
    add_row(l, i, &s, r, p[0]);
    note_step(i, r, step);
}

static void walk_rows(const look *l, image_sums *i)
{
    const uint8_t *a = NULL, *p = row_of(l, 0), *c;
    uint32_t r;
    for (r = 0; r < l->height; r++) {
        c = r + 1u < l->height ? row_of(l, r + 1u) : NULL;
        one_row(l, i, r, a, p, c);
        a = p;
        p = c;
    }
}

/* The deviation, from sums that are exact: about the nearest whole level, so that nothing
 * cancels in the float. */
static float deviation(uint64_t sum, uint64_t square, uint64_t n)
{
    uint64_t m = sum / n;
    float rest = (float)(sum - m * n) / (float)n;
    DURA_ASSERT(m <= 255u && square + n * m * m >= 2u * m * sum);
    float about = (float)(square + n * m * m - 2u * m * sum) / (float)n;
    float v = about - rest * rest;
    return v > 0.0f ? durai_sqrt(v) : 0.0f;
}

static float column_odd(const look *l)
{
    const uint16_t *s = durai_block_column(l->b);
    uint32_t x, most = 0, rows = (l->height + l->column_every - 1u) / l->column_every;
    for (x = 1; x + 1u < l->width; x++) {
        uint32_t low = s[x - 1u] < s[x + 1u] ? s[x - 1u] : s[x + 1u];
        uint32_t high = s[x - 1u] < s[x + 1u] ? s[x + 1u] : s[x - 1u];
        uint32_t out = s[x] > high ? s[x] - high : s[x] < low ? low - s[x] : 0;
        most = out > most ? out : most;
    }
    return (float)most / (float)rows;
}

/* Bins of the two projections become means: columns first, then rows. */
static DURAI_NOINLINE void profiles(const look *l)
{
    dura_block *b = l->b;
    const uint16_t *column = durai_block_column(b);
    uint32_t rows = (l->height + l->column_every - 1u) / l->column_every, x, k;
    for (x = 0; x < l->width; x++)
        b->fresh[x * PROFILE / l->width] += (float)column[x];
    for (k = 0; k < PROFILE; k++) {
        uint32_t w = ((k + 1u) * l->width + PROFILE - 1u) / PROFILE - (k * l->width + PROFILE - 1u) / PROFILE;
        uint32_t h = ((k + 1u) * l->height + PROFILE - 1u) / PROFILE - (k * l->height + PROFILE - 1u) / PROFILE;
        b->fresh[k] /= (float)w * (float)rows;
        b->fresh[PROFILE + k] /= (float)h * (float)l->width;
    }
}

static float half_against_half(const float *bin)
{
    float d = 0.0f;
    uint32_t k;
    for (k = 0; k < PROFILE / 2u; k++)
        d += bin[k] - bin[PROFILE / 2u + k];
    return d * (2.0f / (float)PROFILE);
}

float durai_block_change(const dura_block *b, const float *profile)
{
    float sum = 0.0f;
    uint32_t k;
    for (k = 0; k < 2u * PROFILE; k++) {
        float d = b->fresh[k] - profile[k];
        sum += d < 0.0f ? -d : d;
    }
    return sum * (0.5f / (float)PROFILE);
}

/* Of rows that have both neighbours every fourth one, from row 1. */
static float texture_pixels(const look *l)
{
    return (float)((l->height + 1u) / TEXTURE_EVERY) * (float)(l->width - 2u);
}

static DURAI_NOINLINE void figures(const look *l, const image_sums *i)
{
    dura_block *b = l->b;
    float *f = b->feature, n = (float)l->width * (float)l->height;
    f[DURA_IMAGE_MEAN] = (float)i->sum / n;
    f[DURA_IMAGE_DARK] = (float)i->dark / n;
    f[DURA_IMAGE_BRIGHT] = (float)i->bright / n;
    f[DURA_IMAGE_CONTRAST] = deviation(i->sum, i->square, (uint64_t)l->width * l->height);
    f[DURA_IMAGE_SHARPNESS] = f[DURA_IMAGE_CONTRAST] > 0.0f
        ? durai_sqrt((float)i->slope / (2.0f * texture_pixels(l))) / f[DURA_IMAGE_CONTRAST] : 0.0f;
    f[DURA_IMAGE_NOISE] = (float)i->noise / texture_pixels(l) * IMMERKAER;
    f[DURA_IMAGE_LINE_ODD] = (float)i->odd.size[0] / (float)l->width;
    f[DURA_IMAGE_LINE_BREAK] = (float)i->broken.size[0] / (float)l->width;
    f[DURA_IMAGE_LINE_SHIFT] = line_shift(l, i);
    f[DURA_IMAGE_LINE_VOID] = (float)i->empty;
    f[DURA_IMAGE_COLUMN_ODD] = column_odd(l);
    f[DURA_IMAGE_DEAD] = (float)i->dead;
    f[DURA_IMAGE_HOT] = (float)i->hot;
    f[DURA_IMAGE_LEFT_RIGHT] = half_against_half(b->fresh);
    f[DURA_IMAGE_TOP_BOTTOM] = half_against_half(b->fresh + PROFILE);
    f[DURA_IMAGE_CHANGE] = b->has_profile ? durai_block_change(b, b->profile) : 0.0f;
}

/* The first whole level that is not below x. */
static uint8_t level_at_least(float x)
{
    uint8_t whole = (uint8_t)x;
    return (float)whole < x ? (uint8_t)(whole + 1u) : whole;
}

void durai_block_image(dura_block *b, const uint8_t *data, size_t stride)
{
    static const uint8_t zero[PIECE] = {0};
    image_sums sums;
    look l;
    DURA_ASSERT(durai_block_is_image(&b->c) && b->column_at);
    l.b = b;
    l.data = data;
    l.zero = zero;
    l.stride = stride;
    l.width = b->c.width;
    l.height = b->c.height;
    l.column_every = (l.height + COLUMN_ROWS - 1u) / COLUMN_ROWS;
    l.lo = (uint8_t)b->c.clip_lo;
    l.hi = level_at_least(b->c.clip_hi);
    l.step = level_at_least(b->c.step);
    DURA_ASSERT(l.step > 0 && l.height / l.column_every <= COLUMN_ROWS);
    memset(&sums, 0, sizeof sums);
    memset(durai_block_column(b), 0, (size_t)l.width * sizeof(uint16_t));
    memset(b->fresh, 0, sizeof b->fresh);
    walk_rows(&l, &sums);
    profiles(&l);
    figures(&l, &sums);
}
