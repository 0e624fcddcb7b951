# SPDX-License-Identifier: Apache-2.0
"""Writes and reads frames of a sensor link, from docs/formats/link.md alone.

No code of the library is used, so this file proves that the page is enough, and what it writes
(tests/vectors/link) is what the C tests compare with on every target.

    python3 link_frames.py --vectors     write tests/vectors/link/frames.h
    python3 link_frames.py --check       is it what would be written?
"""
import hashlib
import hmac
import os
import struct
import sys

HMAC, SIPHASH, CRC = 1, 2, 3
TAG = {HMAC: 16, SIPHASH: 8, CRC: 4}
HEAD = struct.Struct("<2sBBBBHHHQq")
LENGTH, VERSION, SOURCE, PROFILE, KEY, AUTH, REPLAY, EPOCH, WRONG_SEQUENCE, CONTENT = (1 << i for i in range(10))
MASK = 2**64 - 1


# ---- tags --------------------------------------------------------------------------------

def siphash(key, data):
    """SipHash-2-4 of bytes, as a number."""
    k0, k1 = struct.unpack("<QQ", key)
    v = [k0 ^ 0x736F6D6570736575, k1 ^ 0x646F72616E646F6D, k0 ^ 0x6C7967656E657261, k1 ^ 0x7465646279746573]

    def left(x, by):
        return (x << by | x >> (64 - by)) & MASK

    def rounds(count):
        for _ in range(count):
            v[0] = v[0] + v[1] & MASK
            v[1] = left(v[1], 13) ^ v[0]
            v[0] = left(v[0], 32)
            v[2] = v[2] + v[3] & MASK
            v[3] = left(v[3], 16) ^ v[2]
            v[0] = v[0] + v[3] & MASK
            v[3] = left(v[3], 21) ^ v[0]
            v[2] = v[2] + v[1] & MASK
            v[1] = left(v[1], 17) ^ v[2]
            v[2] = left(v[2], 32)

    padded = data + bytes(-(len(data) + 1) % 8) + bytes([len(data) & 255])
    for (word,) in struct.iter_unpack("<Q", padded):
        v[3] ^= word
        rounds(2)
        v[0] ^= word
    v[2] ^= 255
    rounds(4)
    return v[0] ^ v[1] ^ v[2] ^ v[3]


def crc32(data, polynomial, crc=0xFFFFFFFF):
    """A reflected CRC-32, bit by bit; polynomial as it is usually written."""
    reflected = int(f"{polynomial:032b}"[::-1], 2)
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (reflected if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


def tag(profile, key, data):
    if profile == HMAC:
        return hmac.new(key, data, hashlib.sha256).digest()[:16]
    if profile == SIPHASH:
        return struct.pack("<Q", siphash(key, data))
    return struct.pack("<I", crc32(data, 0xF4ACFB13))


# ---- frames ------------------------------------------------------------------------------

def bitmap(bits):
    out = bytearray((len(bits) + 7) // 8)
    for c, bit in enumerate(bits):
        out[c // 8] |= bool(bit) << c % 8
    return bytes(out)


def seal(profile, key_id, key, source, epoch, count, time_ns, values):
    """values: float, int (an int32) or None. The bytes of a frame."""
    n = len(values)
    body = bitmap([v is not None for v in values]) + bitmap([isinstance(v, int) for v in values])
    for v in values:
        body += bytes(4) if v is None else struct.pack("<i" if isinstance(v, int) else "<f", v)
    length = HEAD.size + len(body) + TAG[profile]
    head = HEAD.pack(b"dL", 1, profile, key_id, 0, source, n, length, epoch << 32 | count, time_ns)
    return head + body + tag(profile, key, head + body)


class Refused(Exception):
    """args[0]: the reasons."""


def open_frame(data, keys, source, n, least=HMAC):
    """keys: {(id, profile): key}. (number, time, values) of a frame whose freshness is not
    looked at; Refused with the reasons."""
    if len(data) < HEAD.size:
        raise Refused(LENGTH)
    magic, version, profile, key_id, flags, whose, channels, length, number, time_ns = HEAD.unpack_from(data)
    if magic != b"dL" or version != 1 or flags != 0 or profile not in TAG:
        raise Refused(VERSION)
    if whose != source:
        raise Refused(SOURCE)
    m = (n + 7) // 8
    if channels != n or length != len(data) or length != HEAD.size + 2 * m + 4 * n + TAG[profile]:
        raise Refused(LENGTH)
    if profile > least:
        raise Refused(AUTH | PROFILE)
    if (key_id, profile) not in keys:
        raise Refused(AUTH | KEY)
    body, given = data[:-TAG[profile]], data[-TAG[profile]:]
    if not hmac.compare_digest(tag(profile, keys[key_id, profile], body), given):
        raise Refused(AUTH)
    present, integer = (int.from_bytes(body[28 + i * m:28 + (i + 1) * m], "little") for i in (0, 1))
    words = struct.unpack(f"<{n}I", body[28 + 2 * m:])
    if present >> n or integer >> n or time_ns < 0 or any(w and not present >> c & 1 for c, w in enumerate(words)):
        raise Refused(CONTENT)
    values = []
    for c, word in enumerate(words):
        kind = "<i" if integer >> c & 1 else "<f"
        values.append(struct.unpack(kind, struct.pack("<I", word))[0] if present >> c & 1 else None)
    return number, time_ns, values


def save(source, number, mark=0, left=0, key_id=0, profile=0, held=1):
    """What a receiver keeps over a reset."""
    data = struct.pack("<4sHHQQIBBB5x", b"DLK1", 1, source, number, mark, left, key_id, profile, held)
    return data + struct.pack("<I", crc32(data, 0x1EDC6F41))


# ---- vectors for the C tests -------------------------------------------------------------

KEYS = {HMAC: bytes(range(32)), SIPHASH: bytes(range(16)), CRC: b""}
NAN, INF = struct.unpack("<ff", bytes.fromhex("0100c07f000080ff"))
VECTORS = [
    ("one float", HMAC, 7, 5, 1, 0, 0, [1.5]),
    ("one float", SIPHASH, 8, 5, 1, 0, 0, [1.5]),
    ("one float", CRC, 9, 5, 1, 0, 0, [1.5]),
    ("floats, integers, none", HMAC, 255, 65534, 0xFFFFFFFF, 0xFFFFFFFF, 2**63 - 1,
     [0.0, -0.0, INF, 2**31 - 1, -2**31, None, 16777217, -1, None]),
    ("floats, integers, none", SIPHASH, 0, 0, 2, 3, 1_700_000_000_123_456_789,
     [0.0, -0.0, INF, 2**31 - 1, -2**31, None, 16777217, -1, None]),
    ("floats, integers, none", CRC, 1, 300, 2, 3, 4, [0.0, -0.0, INF, 2**31 - 1, -2**31, None, 16777217, -1, None]),
    ("nothing at all", SIPHASH, 3, 5, 1, 1, 1, [None] * 8),
    ("sixteen", HMAC, 7, 5, 1, 2, 10**9, [i * 0.25 - 2 for i in range(16)]),
    ("sixteen", SIPHASH, 8, 5, 1, 2, 10**9, [i * 0.25 - 2 for i in range(16)]),
    ("sixteen", CRC, 9, 5, 1, 2, 10**9, [i * 0.25 - 2 for i in range(16)]),
]


def word(v):
    return 0 if v is None else struct.unpack("<I", struct.pack("<i" if isinstance(v, int) else "<f", v))[0]


def c_bytes(data):
    rows = [", ".join(f"0x{b:02x}" for b in data[i:i + 16]) for i in range(0, len(data), 16)]
    return "{" + ",\n     ".join(rows) + "}"


def header():
    out = ["/* SPDX-License-Identifier: Apache-2.0 */",
           "/* Frames written by tests/python/link_frames.py --vectors from docs/formats/link.md; do not",
           " * edit. HMAC key: bytes 0..31; SipHash key: bytes 0..15. */",
           "static const struct {",
           "    const char *row;",
           "    uint8_t profile, key_id;",
           "    uint16_t source, n;",
           "    uint32_t epoch, count;",
           "    int64_t time;",
           "    uint8_t kind[16], missing[16];",
           "    uint32_t word[16];",
           "    size_t len;",
           "    uint8_t frame[128];",
           "} link_vectors[] = {"]
    for row, profile, key_id, source, epoch, count, time_ns, values in VECTORS:
        frame = seal(profile, key_id, KEYS[profile], source, epoch, count, time_ns, values)
        kinds = ", ".join(str(int(isinstance(v, int))) for v in values)
        gone = ", ".join(str(int(v is None)) for v in values)
        words = ", ".join(f"0x{word(v):08x}u" for v in values)
        out.append(f'    {{"{row}, profile {profile}", {profile}, {key_id}, {source}, {len(values)}, {epoch}u, {count}u, '
                   f"INT64_C({time_ns}),\n     {{{kinds}}}, {{{gone}}},\n     {{{words}}},\n     {len(frame)},\n     "
                   f"{c_bytes(frame)}}},")
    saved = save(5, (1 << 32) + 7, (1 << 32) + 900, 3, 8, SIPHASH)
    out += ["};", "", "/* Freshness of source 5: number 2^32 + 7, mark 2^32 + 900, 3 left, key 8, SipHash. */",
            f"static const uint8_t link_saved[{len(saved)}] =", "    " + c_bytes(saved) + ";", ""]
    return "\n".join(out)


PATH = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "vectors", "link", "frames.h")


def main(argv):
    if "--vectors" in argv:
        os.makedirs(os.path.dirname(PATH), exist_ok=True)
        with open(PATH, "w", encoding="utf-8") as f:
            f.write(header())
        return 0
    with open(PATH, encoding="utf-8") as f:
        return 0 if f.read() == header() else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
