#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""make_corpus_events.py: write fuzz/corpus/events and fuzz/corpus/correlate.

Events: a head byte (format, trust, strictness) and lines of either format, whole and wrong,
or an assets table. Correlate: five bytes of configuration, then five per record, laid out
as fuzz_correlate.c reads them. The same files each time.
"""
import os

TOP = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "fuzz", "corpus")
EVE = ('{"timestamp":"2026-03-01T12:34:56.123456+0100","src_ip":"10.0.0.9","dest_ip":"10.0.0.1",'
       '"event_type":')
STRICT, LENIENT, SOURCE, VOUCH = 0, 16, 4, 8
EVENTS = {
    "full": (0, '{"t":"2026-03-01T12:34:56.5Z","source":"ids","id":"7","category":"access",'
                '"type":"login_failed","severity":4,"asset":3,"zone":"2","actor":"op","result":"failure",'
                '"src":"10.0.0.9","dst":"10.0.0.1","detail":"x"}\n'),
    "least": (SOURCE, '{"t":1.5,"category":"x","type":"y"}\n{"t":"2","category":"x","type":"y"}\n'),
    "joined": (0, '{"t":1,"category":"dos","type":"y","dst":"2001:db8::1"}\n'
                  '{"t":1,"category":"dos","type":"y","src_mac":"AABBCC001122"}\n'),
    "vouched": (VOUCH, '{"t":1,"category":"calibration","type":"y","trusted":true}\n'),
    "long": (0, '{"t":1,"category":"' + "é" * 40 + '","type":"y","detail":"' + "€" * 200 + '"}\n'),
    "lenient": (LENIENT, 'no\n{"t":1,"category":"x","type":"y"}\n[]\n{"t":-1,"category":"x","type":"y"}\n{"t":1'),
    "cut": (0, '{"t":1,"category":"x","type":"y"}\n{"t":1,"categ'),
    "unknown": (0, '{"t":1,"category":"x","type":"y","serverity":9,"z":{"a":[1,null]}}\n'),
    "control": (0, '{"t":1,"category":"x\\n","type":"y"}\n'),
    "name": (0, '{"t":1,"category":"x","type":"y","asset":"press"}\n'),
    "blank": (0, "\ufeff\r\n \t\n"),
    "alert": (0, EVE + '"alert","alert":{"action":"blocked","gid":1,"signature_id":21,"rev":7,'
                       '"signature":"ET SCAN x","category":"Misc activity","severity":1}}\n'),
    "write": (SOURCE, EVE + '"modbus","modbus":{"request":{"function_raw":16,"access_type":"WRITE"}}}\n'
              + EVE + '"dnp3","dnp3":{"application":{"function_code":13}}}\n'),
    "stats": (SOURCE, EVE + '"stats","ether":{"dest_macs":["aa:bb:cc:00:11:22"]}}\n' + EVE + '"flow"}\n'),
    "anomaly": (2, EVE + '"anomaly","anomaly":{"event":"x"}}\n{"event_type":"stats"}\n'),
    "assets": (0, 'name, ip ,mac,asset,zone\n"p",10.0.0.1,00-11-22-33-44-55,1,2\n,::1,,,\n'),
    "assets_bad": (0, "ip,asset,zone\n10.0.0.1,1,1\n::ffff:10.0.0.1,2,1\n"),
}

CHANNEL, DRIFT, LOST, RELEASE = 19, 31, 29, 32   # r[0] % 18 gives the fact, from 8 up
CONFIG = bytes((7, 0, 63 << 2 | 3, 200, 255))
FLAT, LATER, RESTART = 11, 10, 255


def fact(kind, channel=0, reason=FLAT, value=0, step=LATER):
    return bytes((kind, channel, reason, value, step))


def bad(channel, reason=FLAT):
    return fact(CHANNEL, channel, reason, 4 << 3)


def good(channel):
    return fact(CHANNEL, channel, 0, 1 << 3)


def drift(channel, way=1, size=30, onset=200):
    return fact(DRIFT, channel, onset, size * 8 + way & 255)


def event(cls, severity=5, trust=1, place=5, step=LATER):
    return bytes((128 | place, cls, severity, trust, step))


QUIET = b"".join(bytes((0, 0, 0, 0, 254)) for _ in range(4))
CORRELATE = {
    "stuck": bad(2) + QUIET + good(2) + QUIET,
    "missing": bad(1, 0) + bad(2, 0) + bad(3, 0),
    "drift": event(13) + drift(0) + drift(1) + drift(2),
    "sudden_after_intrusion": event(2) * 4 + event(1) + event(7) + drift(2, 2, 31, 5),
    "the_same_from_nobody": event(2, trust=0) * 4 + event(1, trust=0) + event(7, trust=0) + drift(2, 2, 31, 5),
    "scan": event(3, place=10) * 20 + bad(2) + event(3, place=10) * 20,
    "calibrated": event(10) + drift(2, 2, 31, 5),
    "update": fact(RELEASE, 0, 0, 9 << 3) + drift(0) + drift(1),
    "rolled_back": fact(RELEASE, 0, 0, 10 << 3),
    "log_lost": event(4) + fact(LOST),
    "hostile_opens": event(4, severity=9) + event(5, severity=9, trust=2, place=0),
    "flood": b"".join(event(c, severity=10, trust=0, place=p) for c in range(14) for p in (5, 6, 10)) + bad(1) * 3,
    "restart": event(4) + bad(2) + fact(CHANNEL, 3, FLAT, 4 << 3, RESTART) + good(2) + good(3) + QUIET,
    "many_rows": b"".join(bad(c, r) for c in range(5) for r in (0, 2, 7, 9, 11)),
    "failed": b"".join(event(c, trust=128 | 1) for c in range(14)) + bad(1),
}


def write(folder, files):
    os.makedirs(os.path.join(TOP, folder), exist_ok=True)
    for name, data in files.items():
        with open(os.path.join(TOP, folder, name), "wb") as f:
            f.write(data)


write("events", {name: bytes([head]) + text.encode() for name, (head, text) in EVENTS.items()})
write("correlate", {name: CONFIG + data for name, data in CORRELATE.items()})
