#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""When maintenance windows are open, minute by minute, by Python's zoneinfo: writes windows.h.

Nothing here computes with rules. Local time is what zoneinfo says it is in every single minute,
and the definition of docs/gate.md is taken at its word: a window of local day D, first minute b,
length n is open from the first minute at which the local clock shows D + b or more up to the first
at which it shows D + b + n or more. The rules a device is given are read from the last line of
the zone's file.

    tests/vectors/window/make_windows.py > tests/vectors/window/windows.h
"""
import datetime
import pathlib
import re
import sys
import zoneinfo

UTC = datetime.timezone.utc
EPOCH = datetime.datetime(1970, 1, 1)
DAYS = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"]
# zone, first day, number of days, [(what, begin, minutes, days)]
NIGHT = [("over the change", 90, 120, ""), ("within it alone", 135, 30, ""), ("from within it", 150, 90, ""),
         ("into it", 60, 90, ""), ("over midnight, Saturdays", 1320, 480, "sat"), ("working days", 0, 1440, "mon tue wed thu fri")]
CASES = [
    ("Europe/Berlin", "2026-03-27", 5, NIGHT), ("Europe/Berlin", "2026-10-23", 5, NIGHT),
    ("Europe/Berlin", "2038-03-26", 4, NIGHT[:3]), ("Europe/Berlin", "2106-10-29", 4, NIGHT[:3]),
    ("Europe/Berlin", "2261-10-25", 4, NIGHT[:3]),
    ("America/New_York", "2028-03-10", 4, NIGHT), ("America/New_York", "2028-11-03", 4, NIGHT),
    ("Australia/Sydney", "2026-10-02", 4, NIGHT), ("Australia/Sydney", "2027-04-02", 4, NIGHT),
    ("Australia/Lord_Howe", "2026-10-02", 4, NIGHT), ("Australia/Lord_Howe", "2027-04-02", 4, NIGHT[:3]),
    ("America/Santiago", "2026-09-04", 4, [("first hour", 0, 60, ""), ("last hour", 1380, 60, ""), ("over midnight", 1410, 60, "")]),
    ("America/Santiago", "2027-04-02", 4, [("first hour", 0, 60, ""), ("last hour", 1380, 60, ""), ("over midnight", 1410, 60, "sat")]),
    ("America/Nuuk", "2026-03-27", 4, [("last hour", 1380, 60, ""), ("late", 1320, 240, "sat")]),
    ("America/Nuuk", "2026-10-23", 4, [("last hour", 1380, 60, ""), ("late", 1320, 240, "sat")]),
    ("Europe/Dublin", "2026-03-27", 4, NIGHT[:3]), ("Europe/Dublin", "2026-10-23", 4, NIGHT[:3]),
    ("Antarctica/Troll", "2026-03-27", 4, NIGHT[:3]), ("Antarctica/Troll", "2026-10-23", 4, NIGHT[:3]),
    ("Asia/Jerusalem", "2026-03-25", 4, NIGHT[:3]), ("Pacific/Chatham", "2026-09-25", 4, NIGHT[:4]),
    ("Asia/Kolkata", "2027-12-30", 4, [("over the year", 1430, 30, ""), ("Fridays", 0, 1440, "fri")]),
    ("Pacific/Kiritimati", "2027-12-30", 4, [("over the year", 1430, 30, "")]),
    ("Europe/Berlin", "2027-12-30", 4, [("over the year", 1430, 30, "")]),
    ("Australia/Sydney", "2027-12-30", 4, [("over the year", 1430, 30, "")]),
    ("UTC", "2026-06-05", 5, [("the week's wrap", 1380, 120, "sat"), ("two days join", 0, 1440, "sat sun"),
                              ("every minute", 77, 1440, ""), ("one minute", 1439, 1, "")]),
    ("UTC", "2038-01-18", 3, [("over 2038-01-19T03:14:08Z", 180, 30, "")]),
    ("UTC", "2106-02-06", 3, [("over 2106-02-07T06:28:16Z", 380, 30, "")]),
    ("UTC", "2028-02-28", 3, [("leap day", 1380, 120, "tue")]),
    ("UTC", "2016-12-31", 2, [("to the leap second", 1380, 60, ""), ("from the leap second", 0, 60, "")]),
]


def posix_tz(name):
    path = next(p for p in (pathlib.Path(d) / name for d in zoneinfo.TZPATH) if p.exists())
    return path.read_bytes().rstrip(b"\n").rsplit(b"\n", 1)[1].decode()


def offset(text):
    """hh[:mm] as minutes."""
    sign, hours, minutes = re.fullmatch(r"([+-]?)(\d+)(?::(\d+))?", text).groups()
    return (int(hours) * 60 + int(minutes or 0)) * (-1 if sign == "-" else 1)


def fields(tz):
    """(minutes east, minutes of summer time, begin, end); a rule is (minute, month, week, day)."""
    name = r"(?:[A-Za-z]{3,}|<[^>]+>)"
    m = re.fullmatch(rf"{name}([-+:\d]+)(?:{name}([-+:\d]*),M([\d.]+)(?:/([-+:\d]+))?,M([\d.]+)(?:/([-+:\d]+))?)?", tz)
    east = -offset(m.group(1))
    if not m.group(3):
        return east, 0, (0, 0, 0, 0), (0, 0, 0, 0)
    summer = -offset(m.group(2)) if m.group(2) else east + 60
    rules = [(offset(time or "2"), *map(int, rule.split("."))) for rule, time in (m.group(3, 4), m.group(5, 6))]
    if summer < east:
        east, summer, rules = summer, east, rules[::-1]
    return east, summer - east, *rules


def minute_of(moment):
    return int((moment - EPOCH).total_seconds()) // 60


def local_clock(zone, first, last):
    return [minute_of(datetime.datetime.fromtimestamp(m * 60, UTC).astimezone(zone).replace(tzinfo=None))
            for m in range(first, last)]


def intervals(zone, first, last, begin, length, days):
    """[from, to) in minutes of UTC, of the windows that touch first..last."""
    start, margin = first - 3 * 1440, 3 * 1440
    clock = local_clock(zone, start, last + margin)
    shows = lambda local: next((start + i for i, c in enumerate(clock) if c >= local), None)
    found = []
    for day in range(first // 1440 - 2, last // 1440 + 2):
        if days and (day + 4) % 7 not in days:
            continue
        opens, closes = shows(day * 1440 + begin), shows(day * 1440 + begin + length)
        if opens < closes and closes > first and opens < last:
            found.append((max(opens, first), min(closes, last)))
    return found


def main():
    print("/* SPDX-License-Identifier: Apache-2.0 */")
    print("/* When windows are open, by tests/vectors/window/make_windows.py from Python's zoneinfo; do not edit.")
    print(" * Minutes since 1970, UTC; a span is looked at whole. */")
    print("static const struct {\n    const char *row, *tz;\n    int16_t utc;\n    uint8_t dst, days;\n    struct { int16_t minute; uint8_t "
          "month, week, day; } begin, end;\n    uint16_t window_begin, window_minutes;\n    int32_t first, last;   /* of the span */\n"
          "    uint8_t n;\n    int32_t open[10][2];    /* from, to */\n} window_vectors[] = {")
    for name, day, n, rows in CASES:
        zone = datetime.timezone.utc if name == "UTC" else zoneinfo.ZoneInfo(name)
        tz = "" if name == "UTC" else posix_tz(name)
        east, save, begin, end = fields(tz or "UTC0")
        first = minute_of(datetime.datetime.fromisoformat(day))
        last = first + n * 1440
        for what, at, minutes, which in rows:
            mask = [DAYS.index(d) for d in which.split()]
            spans = intervals(zone, first, last, at, minutes, mask)
            assert len(spans) <= 10, (name, day, spans)
            print(f'    {{"{name} {day}: {what}", "{tz}", {east}, {save}, {sum(1 << d for d in mask)},\n     '
                  f'{{{", ".join(map(str, begin))}}}, {{{", ".join(map(str, end))}}}, {at}, {minutes}, {first}, {last}, {len(spans)},\n     '
                  f'{{{", ".join(f"{{{a}, {b}}}" for a, b in spans) or "{0, 0}"}}}}},')
    print("};")


sys.exit(main())
