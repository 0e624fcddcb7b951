#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Seeds for fuzz_guard_event and fuzz_guard_ops: fuzz/corpus/guard_event, fuzz/corpus/guard_ops."""
import os
import random

TOP = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "fuzz", "corpus")


def put(folder, name, data):
    os.makedirs(os.path.join(TOP, folder), exist_ok=True)
    with open(os.path.join(TOP, folder, name), "wb") as f:
        f.write(bytes(data))


def event(pairs, n, log=0, raw=0, kind=0):
    return [log, raw, kind, n, len(pairs)] + list(pairs)


def text(key, words):
    return [key, 0x60 + len(words)] + list(words.encode())


def main():
    good = text(16, "network") + text(17, "scan") + [20, 5]
    put("guard_event", "one", event(good, 3))
    put("guard_event", "eight", event(good, 3) * 8)
    put("guard_event", "empty", event([], 0))
    put("guard_event", "wrong_count", event(good, 2))
    put("guard_event", "keys_descend", event([20, 5] + text(16, "x"), 2))
    put("guard_event", "common_key", event([3, 1] + text(16, "x"), 2))
    put("guard_event", "not_utf8", event([16, 0x62, 0xC0, 0x80], 1))
    put("guard_event", "cut_text", event([16, 0x78, 200, 65], 1))
    put("guard_event", "other_log", event(good, 3, log=15))
    put("guard_event", "raw", event(good, 3, raw=7))
    put("guard_event", "forged_seal", event(good, 3, kind=15))
    rng = random.Random(1)
    frames = [8, 5, 40, 41, 42, 43]
    for name, ops in (("steps", [frames] * 30), ("stop_release", [frames] * 4 + [[0]] + [frames] * 3 + [[1]] + [frames] * 4),
                      ("reboots", ([frames] * 5 + [[3, 1]]) * 4), ("cut_in_stop", [frames] * 3 + [[4, 2], [0], [3, 2]] + [frames] * 3),
                      ("fault_in_release", [[0], [5, 3], [1], [3, 0]] + [frames] * 3),
                      ("bad_frames", [[8, 37, 1, 2, 3, 4], [8, 69, 1, 2, 3, 4], [8, 21, 1, 2, 3, 4], [8, 5, 255, 250, 3, 4]] * 5),
                      ("time_back", [frames, [8, 15, 9, 9, 9, 9]] * 6), ("idle_often", [frames, [6, 3]] * 12)):
        put("guard_ops", name, [3, 1, 1, 4, 16, 0] + [b for op in ops for b in op])
    for i in range(6):
        put("guard_ops", "random%d" % i, [rng.randrange(256) for _ in range(400)])


main()
