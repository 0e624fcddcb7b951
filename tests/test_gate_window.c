/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Maintenance windows and the trust in the clock they are read from. When a window is open
 * is not asked of the code but of another program: tests/vectors/window/make_windows.py goes
 * through every minute with Python's zoneinfo.
 */
#include "dt.h"
#include "gate_rig.h"

#include "gate/dura_gate_priv.h"

#include "vectors/window/windows.h"

enum { VECTORS = (int)(sizeof window_vectors / sizeof *window_vectors) };
static const int64_t SECOND = 1000000000;
static rig box;

static dura_gate_config settings(int v)
{
    dura_gate_config c = DURA_GATE_CONFIG_INIT;
    c.window_begin = window_vectors[v].window_begin;
    c.window_minutes = window_vectors[v].window_minutes;
    c.calendar.utc_minutes = window_vectors[v].utc;
    c.calendar.dst_minutes = window_vectors[v].dst;
    c.calendar.days = window_vectors[v].days;
    c.calendar.begin = (dura_gate_rule){window_vectors[v].begin.minute, window_vectors[v].begin.month,
                                        window_vectors[v].begin.week, window_vectors[v].begin.day, 0};
    c.calendar.end = (dura_gate_rule){window_vectors[v].end.minute, window_vectors[v].end.month,
                                      window_vectors[v].end.week, window_vectors[v].end.day, 0};
    return c;
}

/* Are all minutes from..to open? */
static int open_through(int v, int32_t from, int32_t to)
{
    for (int i = 0; i < window_vectors[v].n; i++) {
        const int32_t *o = window_vectors[v].open[i];
        if (from >= o[0] && from < o[1])
            from = o[1];
    }
    return from > to;
}

DT_TEST(gate_window, is_open_in_the_minutes_zoneinfo_says)
{
    int wrong = 0;
    for (int v = 0; v < VECTORS; v++) {
        dura_gate_config c = settings(v);
        dt_ok(durai_gate_window_ok(&c), "%s", window_vectors[v].row);
        for (int32_t m = window_vectors[v].first; m < window_vectors[v].last && wrong < 5; m++)
            if (durai_gate_window_open(&c, m, m) != open_through(v, m, m)) {
                dt_ok(0, "%s: minute %ld", window_vectors[v].row, (long)m);
                wrong++;
            }
    }
}

DT_TEST(gate_window, is_entered_only_when_all_that_must_finish_fits)
{
    static const uint16_t finish[] = {1, 29, 30, 59, 60, 119, 120, 600};
    for (int v = 0; v < VECTORS; v++) {
        dura_gate_config c = settings(v);
        for (size_t f = 0; f < sizeof finish / sizeof *finish; f++) {
            c.calendar.must_finish = finish[f];
            for (int32_t m = window_vectors[v].first; m + finish[f] < window_vectors[v].last; m += 7) {
                int open = durai_gate_window_open(&c, m, m);
                if (open != open_through(v, m, m + finish[f]))
                    dt_ok(0, "%s: minute %ld, must finish %u", window_vectors[v].row, (long)m, finish[f]);
            }
        }
    }
}

DT_TEST(gate_window, wants_both_ends_of_the_clocks_error_in_one_window)
{
    static const uint32_t err_min[] = {0, 1, 5, 31, 61, 71};
    for (int v = 0; v < VECTORS; v++) {
        dura_gate_config c = settings(v);
        for (size_t e = 0; e < sizeof err_min / sizeof *err_min; e++) {
            int32_t err = (int32_t)err_min[e];
            for (int32_t m = window_vectors[v].first + err; m + err < window_vectors[v].last; m += 5 * DT_SHARE) {
                dura_time now = {0, (int64_t)m * 60 * SECOND, 1, err_min[e] * 60000000u, DURA_CLOCK_SYNCED, {0}};
                uint32_t want = open_through(v, m - err, m + err) ? 0 : (uint32_t)DURA_WHY_WINDOW;
                if (durai_gate_window(&c, &now) != want)
                    dt_ok(0, "%s: minute %ld +- %ld", window_vectors[v].row, (long)m, (long)err);
            }
        }
    }
}

/* A gate in which only clock and window are looked at: an incident holds back the rest. */
static void arm(uint8_t min_clock)
{
    rig_init(&box);
    box.cfg.min_clock = min_clock;
    box.cfg.window_minutes = 1440;
    rig_boot(&box);
    box.now.wall_ns = 0;
    rig_prepare(&box, 5);
    box.blocked = DURA_WHY_INCIDENT;
    dt_eq(rig_update(&box), DURA_GATE_ARMED, "");
}

/* What the gate's next step says of window and clock. */
static uint32_t says(void)
{
    dt_eq(dura_gate_step(box.ram.gate, &box.now, 1), 0, "");
    dt_eq(rig_status(&box).why & (uint32_t)DURA_WHY_INCIDENT, DURA_WHY_INCIDENT, "");
    return rig_status(&box).why & ~(uint32_t)DURA_WHY_INCIDENT;
}

enum { CLOCK_OK, CLOCK_BACK, CLOCK_FORWARD, CLOCK_STUCK, CLOCK_NONE, CLOCKS };

/* The clock of a kind at a second; what the gate must say. */
static uint32_t set_clock(int kind, int v, int64_t s, uint8_t quality, uint8_t min_clock)
{
    int believed = quality >= min_clock && quality != DURA_CLOCK_NONE;
    uint32_t calendar = open_through(v, (int32_t)(s / 60), (int32_t)(s / 60)) ? 0 : (uint32_t)DURA_WHY_WINDOW;
    box.ram.gate->wall_s = kind == CLOCK_BACK ? s + 1 : kind == CLOCK_FORWARD ? s - 400 * 86400 : s;
    memset(&box.ram.gate->clock, 0, sizeof box.ram.gate->clock);
    box.now.mono_ns = 7 * SECOND;
    box.now.wall_ns = s * SECOND;
    box.now.quality = kind == CLOCK_NONE ? (uint8_t)DURA_CLOCK_NONE : quality;
    if (kind == CLOCK_STUCK) {
        dt_eq(says(), believed ? calendar : DURA_WHY_CLOCK, "before it is known to stand still");
        box.now.mono_ns += 60 * SECOND + 1;
        return DURA_WHY_CLOCK;
    }
    return believed && (kind == CLOCK_OK || kind == CLOCK_FORWARD) ? calendar : (uint32_t)DURA_WHY_CLOCK;
}

DT_TEST(gate_window, a17_clock_matrix)
{
    unsigned rows = 0;
    for (uint8_t min = DURA_CLOCK_NONE; min <= DURA_CLOCK_AUTHENTICATED; min++) {
        arm(min);
        for (int v = 0; v < VECTORS; v++) {
            dura_gate_config c = settings(v), *cfg = &box.ram.gate->cfg;
            cfg->calendar = c.calendar;
            cfg->window_begin = c.window_begin;
            cfg->window_minutes = c.window_minutes;
            for (int edge = 0; edge < 2 * window_vectors[v].n; edge++)
                for (int64_t off = -1; off <= 0; off++) {
                    int64_t s = window_vectors[v].open[edge / 2][edge % 2] * (int64_t)60 + off;
                    if (s / 60 < window_vectors[v].first || s / 60 >= window_vectors[v].last)
                        continue;
                    for (int kind = 0; kind < CLOCKS; kind++)
                        for (uint8_t q = DURA_CLOCK_NONE; q <= DURA_CLOCK_AUTHENTICATED; q++, rows++) {
                            uint32_t want = set_clock(kind, v, s, q, min), got = says();
                            if (got != want)
                                dt_eq(got, want, "%s: second %lld, clock %d, quality %u of %u", window_vectors[v].row,
                                      (long long)s, kind, q, min);
                        }
                }
        }
    }
    dt_ok(rows > 100000, "%u rows", rows);
}

/* One step of the clock: both clocks, and what is said. */
static uint32_t tick(int64_t mono_s, int64_t wall_s)
{
    box.now.mono_ns = mono_s * SECOND;
    box.now.wall_ns = wall_s * SECOND;
    return says();
}

DT_TEST(gate_window, a17_a_repeated_second_closes_nothing)
{
    const int64_t midnight = 1483228800; /* 2017-01-01: behind the last leap second there was */
    arm(DURA_CLOCK_SYNCED);
    box.ram.gate->cfg.window_begin = 1380;
    box.ram.gate->cfg.window_minutes = 120;
    box.ram.gate->clock.wall_s = 0;
    dt_eq(tick(10, midnight - 2), 0, "");
    dt_eq(tick(11, midnight - 1), 0, "");
    dt_eq(tick(12, midnight - 1), 0, "23:59:60, shown as 23:59:59 again");
    dt_eq(tick(13, midnight), 0, "");
    dt_eq(tick(14, midnight), 0, "a clock that repeats the first second of the day");
    dt_eq(tick(15, midnight + 1), 0, "");
    dt_eq(tick(16, midnight), DURA_WHY_CLOCK, "one that is set back by a second");
    dt_eq(tick(17, midnight + 1), 0, "and has caught up");
    box.ram.gate->cfg.window_minutes = 60; /* to midnight */
    box.ram.gate->wall_s = 0;
    dt_eq(tick(12, midnight - 1), 0, "the repeated second is the window's");
    dt_eq(tick(13, midnight), DURA_WHY_WINDOW, "");
}

DT_TEST(gate_window, a17_a_clock_that_stands_still_opens_nothing)
{
    arm(DURA_CLOCK_SYNCED);
    dt_eq(tick(100, 1700000000), 0, "");
    dt_eq(tick(160, 1700000000), 0, "a minute: it may be read that slowly");
    dt_eq(tick(161, 1700000000), DURA_WHY_CLOCK, "longer: it stands");
    dt_eq(tick(500, 1700000000), DURA_WHY_CLOCK, "");
    dt_eq(tick(501, 1700000001), 0, "it goes again");
    dt_eq(tick(561, 1700000001), 0, "");
    dt_eq(tick(5, 1700000001), 0, "the boot's own clock began anew");
    dt_eq(tick(66, 1700000001), DURA_WHY_CLOCK, "");
}

DT_TEST(gate_window, a17_what_is_not_known_of_the_error)
{
    for (uint8_t min = DURA_CLOCK_NONE; min <= DURA_CLOCK_AUTHENTICATED; min++) {
        arm(min);
        box.now.wall_err_us = UINT32_MAX;
        box.now.quality = DURA_CLOCK_AUTHENTICATED;
        dt_eq(tick(100, 1700000000), min >= DURA_CLOCK_HOLDOVER ? DURA_WHY_CLOCK : 0,
              "min %u: who asks for a clock that is kept asks how well", min);
        box.ram.gate->cfg.window_begin = 1333; /* 22:13, and now it is 22:13:20 */
        box.ram.gate->cfg.window_minutes = 3;
        dt_eq(tick(110, 1700000010), min >= DURA_CLOCK_HOLDOVER ? DURA_WHY_CLOCK : 0, "min %u: any clock is taken at its word", min);
        box.now.wall_err_us = 1000000;
        dt_eq(tick(200, 1700000100), 0, "");
        box.ram.gate->cfg.window_minutes = 1440;
    }
    box.now.wall_err_us = 61000000;
    box.ram.gate->wall_s = 0;
    dt_eq(tick(300, 60), DURA_WHY_CLOCK, "it may be before 1970");
    dt_eq(tick(301, 62), 0, "");
    box.now.wall_err_us = 0;
    box.ram.gate->wall_s = 0;
    dt_eq(tick(302, 0), 0, "1970 itself is a time");
    box.now.wall_err_us = 61000000;
    dt_eq(tick(303, INT64_MAX / SECOND - 30), DURA_WHY_CLOCK, "or behind the last second there is");
}

DT_TEST(gate_init, a_calendar_that_cannot_be_is_refused)
{
    static const struct { const char *row; size_t at; int width; long value; } rows[] = {
#define AT(f) offsetof(dura_gate_config, calendar.f)
        {"far east", AT(utc_minutes), 2, 1441}, {"far west", AT(utc_minutes), 2, -1441}, {"summer", AT(dst_minutes), 1, 181},
        {"days", AT(days), 1, 128}, {"must finish", AT(must_finish), 2, 1441}, {"month 0", AT(begin.month), 1, 0},
        {"month 13", AT(end.month), 1, 13}, {"week 0", AT(begin.week), 1, 0}, {"week 6", AT(end.week), 1, 6},
        {"day 7", AT(begin.day), 1, 7}, {"minute", AT(end.minute), 2, 10021}, {"minute below", AT(begin.minute), 2, -10021},
        {"a rule's reserved byte", AT(end.reserved), 1, 1}, {"reserved", AT(reserved[5]), 1, 1},
        {"begin of no summer", AT(dst_minutes), 1, 0}, {"begin", offsetof(dura_gate_config, window_begin), 2, 1440},
        {"minutes", offsetof(dura_gate_config, window_minutes), 2, 1441}};
    dura_gate_config good;
    rig_init(&box);
    box.cfg.window_minutes = 60;
    box.cfg.calendar = settings(0).calendar;
    good = box.cfg;
    dt_ok(dura_gate_bytes(&good) > 0, "");
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        dura_gate_config c = good;
        rig_poke((uint8_t *)&c + rows[i].at, (uint64_t)rows[i].value, (size_t)rows[i].width);
        dt_eq(dura_gate_bytes(&c), 0, "%s", rows[i].row);
    }
    for (size_t at = AT(begin); at < AT(reserved); at++) { /* without summer time every byte of the rules is 0 */
        dura_gate_config c = good;
        memset(&c.calendar.dst_minutes, 0, 1);
        memset(&c.calendar.begin, 0, sizeof c.calendar.begin);
        memset(&c.calendar.end, 0, sizeof c.calendar.end);
        dt_ok(dura_gate_bytes(&c) > 0);
        *((uint8_t *)&c + at) = 1;
        dt_eq(dura_gate_bytes(&c), 0, "byte %zu", at);
    }
    good.calendar = (dura_gate_calendar){-1440, 180, 127, 1440, {-10020, 12, 5, 6, 0}, {10020, 1, 1, 0, 0}, {0}};
    dt_ok(dura_gate_bytes(&good) > 0, "the ends of all ranges");
    good.calendar = (dura_gate_calendar){1440, 180, 127, 1440, {10020, 1, 1, 0, 0}, {-10020, 12, 5, 6, 0}, {0}};
    good.window_begin = 1439;
    good.window_minutes = 1440;
    dt_ok(dura_gate_bytes(&good) > 0, "the other ends");
}

DT_TEST(gate_init, an_older_owner_has_windows_in_utc)
{
    rig_init(&box);
    box.cfg.window_begin = 60;
    box.cfg.window_minutes = 60;
    box.cfg.calendar = settings(0).calendar;
    box.cfg.struct_size = (uint32_t)offsetof(dura_gate_config, calendar);
    rig_boot(&box);
    rig_prepare(&box, 5);
    box.blocked = DURA_WHY_INCIDENT;
    dt_eq(rig_update(&box), DURA_GATE_ARMED, "");
    dt_eq(tick(1, (int64_t)29583360 * 60 + 3599), DURA_WHY_WINDOW, "");
    dt_eq(tick(2, (int64_t)29583360 * 60 + 3600), 0, "");
}
