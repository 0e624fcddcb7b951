#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Seeds of fuzz/corpus/link_open: scripts for fuzz_link_open.c, one per thing a link can meet.

An input is a head (profile, window, what is set, last epoch) and operations: 0 raw bytes, 1 seal
and offer, 2 seal only, 3 offer a kept frame, 4 flip a bit of one, 5 save, 6 reset, 7 change keys.
Frames and saved bytes are made by tests/python/link_frames.py.
"""
import os
import sys

import ctext

sys.path.insert(0, os.path.join(ctext.root(), "tests", "python"))
sys.dont_write_bytecode = True
import link_frames  # noqa: E402

N = 9
HMAC, SIPHASH, CRC = 0, 1, 2          # head % 3


def head(profile, window=0, delta=None, overlap=None, ahead=None, last=0, counts=False):
    """The byte that build() reads, with the fields it announces."""
    flags = (128 if counts else 0) | (64 if delta is not None else 0) | (32 if overlap is not None else 0) | (16 if ahead is not None else 0)
    first = next(f for f in range(256) if f % 3 == profile and f & 240 == flags)
    return bytes([first, window] + [v for v in (delta, overlap, ahead) if v is not None] + [last])


def raw(data):
    return bytes([0, len(data)]) + data


SEND = bytes([1]) + bytes(range(0, 36, 4)) + b"\x07"
KEEP = bytes([2]) + bytes(range(1, 10)) + b"\x09"


def again(k):
    return bytes([3 + 8 * k])


def flip(k, bit):
    return bytes([4 + 8 * k, bit // 4, bit % 4])


SAVE, RESET, RESET_NEXT = bytes([5]), bytes([6, 0]), bytes([6, 2])


def keys(k):
    return bytes([7 + 8 * k])


def frame(profile, key, epoch=1, count=0, **kw):
    values = [0.5, 1, None, -1.0, 2, 3.0, None, 4, 5.0]
    return link_frames.seal(profile, kw.get("key_id", 0), key, kw.get("source", 4), epoch, count, 5, values)


def even(data):
    return data if len(data) % 2 == 0 else data + b"\x05"


STRANGE = bytes(range(16))       # no key of the target: what it makes is forged under every head
SAVED = link_frames.save(4, (3 << 32) + 9, profile=2)
SEEDS = {
    "calm_hmac": even(head(HMAC) + SEND * 12),
    "calm_siphash": even(head(SIPHASH) + SEND * 12),
    "calm_crc": even(head(CRC) + SEND * 12),
    "replay": even(head(SIPHASH) + SEND * 5 + b"".join(again(k) for k in range(5))),
    "late": even(head(SIPHASH, window=8) + KEEP * 10 + b"".join(again(k) for k in (9, 8, 3, 0, 1, 2, 9, 5))),
    "flipped": even(head(SIPHASH) + KEEP + b"".join(flip(0, b) for b in range(0, 640, 7)) + again(0)),
    "flipped_hmac": even(head(HMAC) + KEEP + b"".join(flip(0, b) for b in range(0, 700, 11)) + again(0)),
    "wrong_sequence": even(head(SIPHASH, delta=2) + SEND + KEEP * 5 + SEND * 5 + again(2)),
    "reset": even(head(SIPHASH) + SEND * 3 + SAVE + SEND * 2 + RESET + b"".join(again(k) for k in range(5)) + SEND),
    "reset_ahead": even(head(SIPHASH, ahead=6) + SEND * 3 + SAVE + SEND * 2 + RESET + SEND * 8),
    "rotation": even(head(SIPHASH) + SEND + KEEP + keys(1) + SEND * 2 + again(1) + keys(2) + SEND),
    "rotation_overlap": even(head(HMAC, overlap=2) + SEND + KEEP * 3 + keys(1) + SEND + again(1) + again(2) + again(3)),
    "rotation_reset": even(head(SIPHASH) + SEND + keys(2) + SEND + SAVE + RESET_NEXT + SEND + again(0)),
    "forged_key": even(head(SIPHASH) + SEND + raw(frame(2, STRANGE, count=9)) + SEND),
    "forged_crc": even(head(CRC) + SEND + raw(frame(3, b"", count=9)) + SEND),
    "downgrade": even(head(HMAC) + SEND + raw(frame(3, b"", count=9)) + raw(frame(2, STRANGE, count=9)) + SEND),
    "sealed_elsewhere": even(head(CRC) + raw(frame(3, b"", epoch=2, count=9)) + raw(frame(3, b"", epoch=1, count=9))),
    "other_source": even(head(CRC) + raw(frame(3, b"", source=5))),
    "too_short": even(head(SIPHASH) + raw(b"") + raw(b"dL\x01\x02") + raw(frame(2, STRANGE)[:27]) + raw(frame(2, STRANGE)[:-1])),
    "counts": even(head(SIPHASH, counts=True) + SEND + bytes([1]) + bytes([3, 5] * 5) + bytes([1]) + bytes([0, 1] * 5)),
    "counts_crc": even(head(CRC, counts=True) + raw(frame(3, b"", epoch=2, count=9)) + bytes([1]) + bytes([0, 3] * 5)),
    "last_epoch": even(head(SIPHASH, last=255) + SEND * 3),
    "saved": head(SIPHASH) + SAVED,
    "saved_damaged": head(SIPHASH) + SAVED[:20] + b"\x01" + SAVED[21:],
    "saved_of_another": head(SIPHASH) + link_frames.save(5, 9, profile=2),
}


def main():
    folder = os.path.join(ctext.root(), "fuzz", "corpus", "link_open")
    os.makedirs(folder, exist_ok=True)
    for name, data in SEEDS.items():
        with open(os.path.join(folder, name), "wb") as f:
            f.write(data)
    print(f"{len(SEEDS)} seeds in {folder}")


main()
