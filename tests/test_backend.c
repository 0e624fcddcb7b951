/* SPDX-License-Identifier: Apache-2.0 */
/* The backend's table as it is checked, and the built-in backend that calls a function. */
#include <dura/backend.h>

#include "dt.h"

#define MISSING_CALL(field) ((void)(b.field = NULL))

static void reserved_call(void) {}

static dura_backend sound(void)
{
    return *dura_backend_fn();
}

/* ---- the table --------------------------------------------------------------------- */

DT_TEST(backend_check, accepts_the_built_in_one)
{
    dt_eq(dura_backend_check(dura_backend_fn()), DURA_OK, "");
    dt_ok(dura_backend_fn() == dura_backend_fn(), "one table for all");
}

DT_TEST(backend_check, refuses_null)
{
    dt_eq(dura_backend_check(NULL), DURA_EINVAL, "");
}

DT_TEST(backend_check, refuses_a_table_without_a_required_call)
{
    dura_backend b = sound();
    MISSING_CALL(mem_req);
    dt_eq(dura_backend_check(&b), DURA_EINVAL, "mem_req");
    b = sound();
    MISSING_CALL(open);
    dt_eq(dura_backend_check(&b), DURA_EINVAL, "open");
    b = sound();
    MISSING_CALL(io);
    dt_eq(dura_backend_check(&b), DURA_EINVAL, "io");
    b = sound();
    MISSING_CALL(run);
    dt_eq(dura_backend_check(&b), DURA_EINVAL, "run");
}

DT_TEST(backend_check, lets_the_optional_calls_be_absent)
{
    dura_backend b = sound();
    MISSING_CALL(reset);
    MISSING_CALL(close);
    MISSING_CALL(get_extension);
    dt_eq(dura_backend_check(&b), DURA_OK, "");
}

DT_TEST(backend_check, wants_names)
{
    dura_backend b = sound();
    b.id = NULL;
    dt_eq(dura_backend_check(&b), DURA_EINVAL, "no id");
    b.id = "";
    dt_eq(dura_backend_check(&b), DURA_EINVAL, "empty id");
    b = sound();
    b.version = NULL;
    dt_eq(dura_backend_check(&b), DURA_EINVAL, "no version: somebody will print it");
    b.version = "";
    dt_eq(dura_backend_check(&b), DURA_OK, "an empty one prints");
}

DT_TEST(backend_check, judges_sizes_and_versions)
{
    static const struct {
        const char *row;
        int size_delta;
        uint16_t major, minor;
        int want;
    } rows[] = {
        {"as released", 0, 1, 0, DURA_OK},
        {"a byte short", -1, 1, 0, DURA_ECORRUPT},
        {"a newer, longer table is capped", 64, 1, 0, DURA_OK},
        {"no major", 0, 0, 0, DURA_EVERSION},
        {"next major", 0, 2, 0, DURA_EVERSION},
        {"needs a newer minor", 0, 1, 1, DURA_EVERSION},
        {"short and of another major: the size is looked at first", -8, 2, 0, DURA_ECORRUPT},
    };
    size_t i;
    for (i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        dura_backend b = sound();
        b.struct_size = (uint32_t)((int)sizeof b + rows[i].size_delta);
        b.abi_major = rows[i].major;
        b.abi_minor_needed = rows[i].minor;
        dt_eq(dura_backend_check(&b), rows[i].want, "%s", rows[i].row);
    }
    {
        dura_backend b = sound();
        b.struct_size = 0;
        dt_eq(dura_backend_check(&b), DURA_ECORRUPT, "no size at all");
    }
}

DT_TEST(backend_check, refuses_a_table_that_uses_the_reserved_call)
{
    dura_backend b = sound();
    b.reserved = reserved_call;
    dt_eq(dura_backend_check(&b), DURA_EVERSION, "");
    reserved_call();
}

DT_TEST(backend_check, has_eight_calls_for_ever)
{
    /* struct_size, two versions, two names, eight calls and nothing else */
    size_t head = offsetof(dura_backend, id) + 2 * sizeof(const char *);
    dt_eq(sizeof(dura_backend), head + 8 * sizeof(void (*)(void)), "");
}

/* ---- fn ---------------------------------------------------------------------------- */

typedef struct seen {
    int calls;
    size_t n_in, n_out;
    int32_t answer;
} seen;

/* Adds up its inputs. */
static int32_t add(void *user, const float *in, size_t n_in, float *out, size_t n_out)
{
    seen *s = user;
    size_t i;
    s->calls++;
    s->n_in = n_in;
    s->n_out = n_out;
    for (i = 0; i < n_out; i++)
        out[i] = (float)i;
    for (i = 0; i < n_in; i++)
        out[0] += in[i];
    return s->answer;
}

static dura_fn adder(seen *s)
{
    dura_fn fn = DURA_FN_INIT;
    fn.n_inputs = 3;
    fn.n_outputs = 2;
    fn.call = add;
    fn.user = s;
    return fn;
}

static const char IMAGE[] = "add 1.0";

DT_TEST(backend_fn, runs_a_function)
{
    const dura_backend *b = dura_backend_fn();
    seen s = {0, 0, 0, 0};
    dura_fn fn = adder(&s);
    dura_backend_io io = DURA_BACKEND_IO_INIT;
    const float in[3] = {1.0f, 2.0f, 4.0f};
    float out[2] = {-1.0f, -1.0f};
    size_t bytes = 0, align = 0;
    void *inst;
    dt_eq(b->mem_req(&fn, IMAGE, sizeof IMAGE, &bytes, &align), DURA_OK, "");
    dt_ok(bytes > 0 && align > 0 && align <= 16 && (align & (align - 1)) == 0, "");
    inst = malloc(bytes); /* exactly what it asked for, so that ASan sees any more */
    dt_eq(b->open(inst, &fn, IMAGE, sizeof IMAGE), DURA_OK, "");
    dt_eq(b->io(inst, &io), DURA_OK, "");
    dt_eq(io.n_inputs, 3, "");
    dt_eq(io.n_outputs, 2, "");
    dt_eq(b->run(inst, in, 3, out, 2, 0), DURA_OK, "");
    dt_ok(out[0] == 7.0f && out[1] == 1.0f, "");
    dt_eq(s.calls, 1, "once per run");
    dt_ok(s.n_in == 3 && s.n_out == 2, "");
    free(inst);
}

DT_TEST(backend_fn, returns_what_the_function_returns)
{
    static const int32_t codes[] = {0, -1, -101, INT32_MIN, 5};
    const dura_backend *b = dura_backend_fn();
    seen s = {0, 0, 0, 0};
    dura_fn fn = adder(&s);
    uint64_t inst[16];
    const float in[3] = {0};
    float out[2];
    size_t i;
    dt_eq(b->open(inst, &fn, IMAGE, sizeof IMAGE), DURA_OK, "");
    for (i = 0; i < sizeof codes / sizeof codes[0]; i++) {
        s.answer = codes[i];
        dt_eq(b->run(inst, in, 3, out, 2, 1000), codes[i], "");
    }
}

DT_TEST(backend_fn, keeps_its_own_copy_of_the_config)
{
    const dura_backend *b = dura_backend_fn();
    seen s = {0, 0, 0, 0};
    dura_fn fn = adder(&s);
    uint64_t inst[16];
    const float in[3] = {1.0f, 1.0f, 1.0f};
    float out[2];
    dt_eq(b->open(inst, &fn, IMAGE, sizeof IMAGE), DURA_OK, "");
    memset(&fn, 0, sizeof fn);
    dt_eq(b->run(inst, in, 3, out, 2, 0), DURA_OK, "");
    dt_ok(out[0] == 3.0f, "");
}

DT_TEST(backend_fn, instances_are_independent)
{
    const dura_backend *b = dura_backend_fn();
    seen s = {0, 0, 0, 0}, t = {0, 0, 0, -7};
    dura_fn f = adder(&s), g = adder(&t);
    uint64_t one[16], two[16];
    const float in[3] = {1.0f, 1.0f, 1.0f};
    float out[2];
    dt_eq(b->open(one, &f, IMAGE, sizeof IMAGE), DURA_OK, "");
    g.n_inputs = 1;
    dt_eq(b->open(two, &g, IMAGE, sizeof IMAGE), DURA_OK, "");
    dt_eq(b->run(one, in, 3, out, 2, 0), DURA_OK, "");
    dt_eq(b->run(two, in, 1, out, 2, 0), -7, "");
    dt_ok(s.calls == 1 && t.calls == 1, "");
}

DT_TEST(backend_fn, refuses_other_shapes_and_never_calls_then)
{
    const dura_backend *b = dura_backend_fn();
    seen s = {0, 0, 0, 0};
    dura_fn fn = adder(&s);
    dura_backend_io io = DURA_BACKEND_IO_INIT;
    uint64_t inst[16];
    const float in[4] = {0};
    float out[3] = {9.0f, 9.0f, 9.0f};
    dt_eq(b->open(inst, &fn, IMAGE, sizeof IMAGE), DURA_OK, "");
    dt_eq(b->run(inst, in, 2, out, 2, 0), DURA_EINVAL, "fewer inputs");
    dt_eq(b->run(inst, in, 4, out, 2, 0), DURA_EINVAL, "more inputs");
    dt_eq(b->run(inst, in, 3, out, 1, 0), DURA_EINVAL, "fewer outputs");
    dt_eq(b->run(inst, in, 3, out, 3, 0), DURA_EINVAL, "more outputs");
    dt_eq(b->run(inst, NULL, 3, out, 2, 0), DURA_EINVAL, "no input");
    dt_eq(b->run(inst, in, 3, NULL, 2, 0), DURA_EINVAL, "no output");
    dt_eq(b->run(NULL, in, 3, out, 2, 0), DURA_EINVAL, "no instance");
    dt_eq(b->io(NULL, &io), DURA_EINVAL, "no instance");
    dt_eq(b->io(inst, NULL), DURA_EINVAL, "nowhere to put it");
    io.struct_size = 7;
    dt_eq(b->io(inst, &io), DURA_EINVAL, "below v1");
    dt_eq(s.calls, 0, "");
    dt_ok(out[0] == 9.0f && out[2] == 9.0f, "");
}

static void spoil(dura_fn *fn, size_t row)
{
    switch (row) {
    case 0: break;
    case 1: fn->call = NULL; break;
    case 2: fn->n_inputs = 0; break;
    case 3: fn->n_inputs = DURA_MODEL_INPUTS_MAX; break;
    case 4: fn->n_inputs = DURA_MODEL_INPUTS_MAX + 1; break;
    case 5: fn->n_outputs = 0; break;
    case 6: fn->n_outputs = DURA_OUTPUTS_MAX; break;
    case 7: fn->n_outputs = DURA_OUTPUTS_MAX + 1; break;
    case 8: fn->struct_size = (uint32_t)sizeof *fn - 1; break;
    case 9: fn->struct_size = 0; break;
    default: fn->user = NULL; break;
    }
}

DT_TEST(backend_fn, refuses_a_config_outside_its_range)
{
    static const struct {
        const char *row;
        int want;
    } rows[] = {{"sound", DURA_OK},
                {"no function", DURA_EINVAL},
                {"no input", DURA_EINVAL},
                {"most inputs", DURA_OK},
                {"one input too many", DURA_EINVAL},
                {"no output", DURA_EINVAL},
                {"most outputs", DURA_OK},
                {"one output too many", DURA_EINVAL},
                {"a byte short of v1", DURA_EINVAL},
                {"size of nothing", DURA_EINVAL},
                {"user may be NULL", DURA_OK}};
    const dura_backend *b = dura_backend_fn();
    size_t i;
    for (i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        seen s = {0, 0, 0, 0};
        dura_fn fn = adder(&s);
        size_t bytes = 77, align = 77;
        uint64_t inst[16], before[16];
        memset(inst, 0x5A, sizeof inst);
        memcpy(before, inst, sizeof inst);
        spoil(&fn, i);
        dt_eq(b->mem_req(&fn, IMAGE, sizeof IMAGE, &bytes, &align), rows[i].want, "%s", rows[i].row);
        dt_eq(bytes == 77, rows[i].want != DURA_OK, "%s: untouched on error", rows[i].row);
        dt_eq(b->open(inst, &fn, IMAGE, sizeof IMAGE), rows[i].want, "%s", rows[i].row);
        if (rows[i].want != DURA_OK)
            dt_mem(inst, before, sizeof inst, "%s", rows[i].row);
    }
}

DT_TEST(backend_fn, refuses_missing_arguments)
{
    const dura_backend *b = dura_backend_fn();
    seen s = {0, 0, 0, 0};
    dura_fn fn = adder(&s);
    uint64_t inst[16];
    size_t n;
    dt_eq(b->mem_req(NULL, IMAGE, sizeof IMAGE, &n, &n), DURA_EINVAL, "no config");
    dt_eq(b->mem_req(&fn, IMAGE, sizeof IMAGE, NULL, &n), DURA_EINVAL, "");
    dt_eq(b->mem_req(&fn, IMAGE, sizeof IMAGE, &n, NULL), DURA_EINVAL, "");
    dt_eq(b->open(NULL, &fn, IMAGE, sizeof IMAGE), DURA_EINVAL, "no memory");
    dt_eq(b->open(inst, NULL, IMAGE, sizeof IMAGE), DURA_EINVAL, "no config");
}

DT_TEST(backend_fn, reads_newer_configs)
{
    struct {
        dura_fn fn;
        uint64_t tail;
    } newer;
    const dura_backend *b = dura_backend_fn();
    seen s = {0, 0, 0, 0};
    uint64_t inst[16];
    memset(&newer, 0, sizeof newer);
    newer.fn = adder(&s);
    newer.fn.struct_size = sizeof newer;
    dt_eq(b->open(inst, &newer.fn, IMAGE, sizeof IMAGE), DURA_OK, "tail unset");
    newer.tail = 1;
    dt_eq(b->open(inst, &newer.fn, IMAGE, sizeof IMAGE), DURA_EVERSION, "tail set");
}
