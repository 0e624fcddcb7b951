/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A model that misbehaves by script.
 *
 * The truth it tells is trivial (mean of the inputs, plus the output's number), so a test
 * knows every right answer. Lies follow the script by run number. The instance is real:
 * use after close or with other widths is counted in `misuse`.
 */
#include "dt_sim.h"

#include <string.h>

#define IS_OPEN 0x4F50454Eu   /* junk memory is not open by accident */
#define IS_CLOSED 0x444F4E45u

typedef struct instance {
    const dt_backend *config;
    uint32_t state;
    uint32_t runs;
} instance;

static int32_t mem_req(const void *config, const void *image, size_t image_len, size_t *bytes,
                       size_t *align)
{
    (void)image;
    (void)image_len;
    *bytes = sizeof(instance);
    *align = 8;
    return config ? 0 : DURA_EINVAL;
}

static int32_t open_model(void *inst, const void *config, const void *image, size_t image_len)
{
    instance *m = inst;
    const dt_backend *b = config;
    (void)image;
    (void)image_len;
    if (b->open_code)
        return b->open_code;
    m->config = b;
    m->state = IS_OPEN;
    m->runs = 0;
    b->seen->opens++;
    return 0;
}

static int32_t io(const void *inst, dura_backend_io *out)
{
    const instance *m = inst;
    out->n_inputs = m->config->n_inputs;
    out->n_outputs = m->config->n_outputs;
    return 0;
}

/* The last line whose run has come. */
static dt_line line_at(const dt_backend *b, uint32_t run)
{
    dt_line line = {0, DT_ANSWER, 0.0f};
    for (unsigned i = 0; i < b->n_lines && b->script[i].run <= run; i++)
        line = b->script[i];
    return line;
}

static float special(const dt_line *line)
{
    uint32_t u = line->what == DT_ANSWER_NAN ? 0x7FC00001u
                 : line->arg < 0.0f          ? 0xFF800000u
                                             : 0x7F800000u;
    float f;
    memcpy(&f, &u, sizeof f);
    return f;
}

static void answer(const dt_backend *b, const dt_line *line, const float *in, float *out)
{
    float sum = 0.0f;
    for (unsigned i = 0; i < b->n_inputs; i++)
        sum += in[i];
    for (unsigned o = 0; o < b->n_outputs; o++) {
        if (line->what == DT_ANSWER_PART && o)
            break;
        if (line->what == DT_ANSWER_NAN || line->what == DT_ANSWER_INF)
            out[o] = special(line);
        else if (line->what == DT_ANSWER_WRONG)
            out[o] = line->arg;
        else if (line->what == DT_ANSWER_FROZEN)
            out[o] = b->seen->last[o];
        else
            out[o] = sum / (float)b->n_inputs + (float)o;
    }
}

static int after_close(const instance *m)
{
    return m->state == IS_CLOSED;
}

static int32_t run(void *inst, const float *in, size_t n_in, float *out, size_t n_out, int64_t deadline_ns)
{
    instance *m = inst;
    const dt_backend *b = m->config;
    if (after_close(m) || n_in != b->n_inputs || n_out != b->n_outputs) {
        b->seen->misuse++;
        return DURA_EINVAL;
    }
    dt_line line = line_at(b, m->runs++);
    b->seen->runs++;
    b->seen->deadline_ns = deadline_ns;
    if (line.what == DT_ANSWER_ERROR) {
        memset(out, 0x5A, n_out * sizeof *out);
        return line.arg > 0.0f ? -(int32_t)line.arg : -777;
    }
    answer(b, &line, in, out);
    memcpy(b->seen->last, out, n_out * sizeof *out);
    return line.what == DT_ANSWER_LATE ? DURA_ETIME : 0;
}

static int32_t reset(void *inst)
{
    instance *m = inst;
    m->config->seen->misuse += (uint32_t)after_close(m);
    m->config->seen->resets++;
    return 0;
}

static void close_model(void *inst)
{
    instance *m = inst;
    m->config->seen->misuse += (uint32_t)after_close(m);
    m->state = IS_CLOSED;
    m->config->seen->closes++;
}

const dura_backend *dt_backend_table(void)
{
    static const dura_backend table = {
        (uint32_t)sizeof(dura_backend), 1, 0, "dev.dura.test", "1", mem_req, open_model, io, run,
        reset, close_model, NULL, NULL};
    return &table;
}
