# SPDX-License-Identifier: Apache-2.0
"""The reader made from the format page, on logs made from the format page.

Where the library is at hand ($DURA_LIBRARY) dura_verify_folder has to agree with it: two
readers and two writers that share nothing but docs/formats/log.md.
"""
import contextlib
import ctypes
import io
import json
import os
import sys

import pytest

pytest.importorskip("cryptography", reason="the logs of these tests are signed: python3-cryptography is needed")

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.join(HERE, "..", "..")
sys.path[:0] = [HERE, os.path.join(ROOT, "scripts")]

import log_reader  # noqa: E402
import make_corpus_log  # noqa: E402
from make_corpus_log import Writer, users  # noqa: E402

INTACT, CUT, UNANCHORED, TAMPERED = range(4)


def closed_run(folder, **kwargs):
    w = Writer(**kwargs)
    users(w, 20)
    w.seal_both()
    users(w, 30)
    w.close({"policy.bin": b"policy"})
    w.save(folder)
    return w


def read(folder):
    """(records, summary) as the program prints them."""
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        status = log_reader.main(["log_reader.py", str(folder)])
    lines = [json.loads(line) for line in out.getvalue().splitlines()]
    assert status == (0 if lines[-1]["summary"]["ok"] else 1)
    return lines[:-1], lines[-1]["summary"]


class Options(ctypes.Structure):
    _fields_ = [("struct_size", ctypes.c_uint32), ("reserved", ctypes.c_uint32), ("state_dir", ctypes.c_char_p),
                ("key", ctypes.c_char_p), ("checkpoint", ctypes.c_char_p), ("progress", ctypes.c_void_p),
                ("user", ctypes.c_void_p)]


def verify(folder, key=None):
    """The library's word, or None without the library."""
    path = os.environ.get("DURA_LIBRARY")
    if not path:
        return None
    call = ctypes.CDLL(path).dura_verify_folder
    report = (ctypes.c_uint64 * 256)()
    options = Options(ctypes.sizeof(Options), 0, None, key, None, None, None)
    ctypes.cast(report, ctypes.POINTER(ctypes.c_uint32))[0] = 2048
    assert call(str(folder).encode(), ctypes.byref(options), report, None) == 0
    return ctypes.cast(report, ctypes.POINTER(ctypes.c_int32))[1]


def agree(folder, ok, closed, key):
    records, summary = read(folder)
    assert summary["ok"] == ok, summary
    if ok:
        assert summary["closed"] == closed
    word = verify(folder, key)
    if word is not None:
        assert word == (TAMPERED if not ok else INTACT if closed else CUT), summary
    return records, summary


def test_closed_run_is_right(tmp_path):
    w = closed_run(tmp_path)
    records, summary = agree(tmp_path, True, True, w.keys.public(0))
    assert [r["gseq"] for r in records] == list(range(w.gseq))
    assert summary["roots"] == [make_corpus_log.root(w.logs[log].leaves).hex() for log in (1, 2)]
    assert summary["seals"] == 4
    assert summary["signatures"] in (0, 4)
    assert records[2]["record"]["27"] == "op\u00e9rateur"


def test_unsigned_run_is_right(tmp_path):
    closed_run(tmp_path, signs=False)
    _, summary = read(tmp_path)
    assert summary["ok"] and summary["closed"] and summary["signatures"] == 0
    assert verify(tmp_path) in (None, UNANCHORED)


def test_recovered_run_is_right(tmp_path):
    w = Writer()
    users(w, 9)
    w.recover(1, b"DLR1 torn by the cut")
    w.recover(2, b"\xff\x00")
    w.boot = 2
    users(w, 9)
    w.close({})
    w.save(tmp_path)
    _, summary = agree(tmp_path, True, True, w.keys.public(0))
    assert summary["recoveries"] == 2


@pytest.mark.parametrize("cut", range(0, 4000, 250))
def test_cut_tail_is_no_tampering(tmp_path, cut):
    w = Writer()
    users(w, 9)
    w.save(tmp_path, checkpoints=False)
    path = tmp_path / "decision.log" / "00000000.seg"
    data = path.read_bytes()
    at = min(len(data), max(cut, 400))
    path.write_bytes(data[:at] + b"\x5a" * 7)
    agree(tmp_path, True, False, w.keys.public(0))


def damages():
    """(name, function of the bytes of a region file) that no cut makes in a closed run."""
    yield "flip in a record", lambda d: d[:700] + bytes([d[700] ^ 1]) + d[701:]
    yield "flip in the header", lambda d: d[:20] + bytes([d[20] ^ 1]) + d[21:]
    yield "cut off", lambda d: d[:1000]
    yield "zeroed", lambda d: d[:1000] + bytes(200) + d[1200:]
    yield "empty", lambda d: b""


@pytest.mark.parametrize("log", ["security.log", "decision.log"])
@pytest.mark.parametrize("damage", list(damages()), ids=lambda d: d[0])
def test_damage_is_found(tmp_path, log, damage):
    w = closed_run(tmp_path)
    path = tmp_path / log / "00000000.seg"
    path.write_bytes(damage[1](path.read_bytes()))
    agree(tmp_path, False, False, w.keys.public(0))


def test_files_are_checked(tmp_path):
    w = closed_run(tmp_path)
    (tmp_path / "policy.bin").write_bytes(b"Policy")
    agree(tmp_path, False, False, w.keys.public(0))
    (tmp_path / "policy.bin").write_bytes(b"policy")
    (tmp_path / "more.txt").write_bytes(b"")
    agree(tmp_path, False, False, w.keys.public(0))
    (tmp_path / "more.txt").unlink()
    if w.keys.signs:
        path = tmp_path / "security.log" / "checkpoint"
        path.write_bytes(path.read_bytes().replace(b"final\n", b""))
        agree(tmp_path, False, False, w.keys.public(0))


REFUSED = [b"", b"\xa0\x00", b"\x18\x01", b"\xbf\xff", b"\xa2\x02\x00\x01\x00", b"\xa2\x01\x00\x01\x00",
           b"\xa1\x01\xf9\x00\x00", b"\xa1\x01\xc0\x00", b"\xa1\x01\x61\xff", b"\xa1\x01\x5f", b"\xa1\x01\xf8\x20",
           b"\xa1\x01\x19\x00\xff", b"\xa1\x01\x82\x00", b"\x81\x00", b"\xa1\x01" + b"\x81" * 12 + b"\x00"]


@pytest.mark.parametrize("data", REFUSED, ids=lambda d: d.hex() or "empty")
def test_other_encodings_are_refused(data):
    with pytest.raises(log_reader.Broken):
        log_reader.decode(data)


def test_crc_has_its_check_value():
    assert log_reader.crc32c(b"123456789") == 0xE3069283
    assert log_reader.crc32c(b"6789", log_reader.crc32c(b"12345")) == 0xE3069283


def test_corpus_is_what_the_script_writes():
    if make_corpus_log.Ed25519PrivateKey is None:
        pytest.skip("signed samples need Ed25519")
    assert make_corpus_log.main(["--check"]) == 0


def test_not_a_run_folder(tmp_path):
    assert log_reader.main(["log_reader.py", str(tmp_path)]) == 2
