# SPDX-License-Identifier: Apache-2.0
"""The link through the library, against a writer and a reader made from the format page alone."""
import math
import os
import random
import struct
import sys

import pytest

import dura
from dura import errors, link

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "..", "tests", "python"))
import link_frames  # noqa: E402

KEYS = {"hmac": bytes(range(1, 33)), "siphash": bytes(range(1, 17)), "crc": None}
NUMBER = {"hmac": 1, "siphash": 2, "crc": 3}
VALUES = [1.5, -7, None, 16777217]


def pair(profile="hmac", epoch=0, **options):
    stored = []
    sender = link.Sender(3, 4, KEYS[profile], epoch=epoch, persist=stored.append, key_id=9, profile=profile)
    assert stored == [epoch + 1]
    return sender, link.Receiver(3, 4, KEYS[profile], key_id=9, profile=profile, **options)


@pytest.mark.parametrize("profile", NUMBER)
def test_frames_are_those_of_the_page_byte_for_byte(profile):
    r = random.Random(5)
    for n in list(range(1, 20)) + [255, 1024]:
        source, epoch, key_id = r.randrange(65535), r.randrange(2**32 - 1), r.randrange(256)
        sender = link.Sender(source, n, KEYS[profile], epoch=epoch, persist=lambda e: None, key_id=key_id, profile=profile)
        receiver = link.Receiver(source, n, KEYS[profile], key_id=key_id, profile=profile)
        for count in range(3):
            t = r.randrange(2**63)
            single = [struct.unpack("<f", r.randbytes(4))[0] for _ in range(n)]
            values = [r.choice([None, s, r.randrange(-2**31, 2**31)]) if s == s else None for s in single]
            want = link_frames.seal(NUMBER[profile], key_id, KEYS[profile] or b"", source, epoch + 1, count, t, values)
            got = sender.seal(values, t)
            assert got == want
            number, time_ns, read = link_frames.open_frame(got, {(key_id, NUMBER[profile]): KEYS[profile] or b""},
                                                           source, n, NUMBER[profile])
            opened = receiver.open(want)
            assert opened.accepted and opened.frame == number == (epoch + 1 << 32 | count)
            assert opened.time_ns == time_ns == t and opened.authentic
            assert [None if v is None else struct.unpack("<f", struct.pack("<f", v))[0] for v in read] == list(opened.values)


def test_what_the_page_calls_wrong_is_refused_for_the_same_reason():
    r = random.Random(6)
    key, names = KEYS["siphash"], {getattr(link_frames, n.upper()): n for n in (
        "length", "version", "source", "profile", "key", "auth", "content")}
    for _ in range(2000):
        receiver = link.Receiver(3, 4, key, key_id=9, profile="siphash")
        data = bytearray(link_frames.seal(2, 9, key, 3, 1, 0, 5, VALUES))
        for _ in range(r.randrange(1, 4)):
            data[r.choice([r.randrange(12), r.randrange(len(data)), 27, 28, 29])] ^= 1 << r.randrange(8)
        if r.random() < 0.2:
            del data[r.randrange(len(data)):]
        if r.random() < 0.5 and len(data) > 36:         # authentic all the same
            data[-8:] = link_frames.tag(2, key, bytes(data[:-8]))
        opened = receiver.open(data)
        try:
            link_frames.open_frame(bytes(data), {(9, 2): key}, 3, 4, 2)
            assert opened.accepted
        except link_frames.Refused as refused:
            assert not opened.accepted
            assert set(opened.reasons) == {n for bit, n in names.items() if refused.args[0] & bit}
            assert opened.values == () and opened.time_ns is None


def test_saved_freshness_is_that_of_the_page():
    sender, receiver = pair("siphash", epoch=6)
    for _ in range(3):
        assert receiver.open(sender.seal(VALUES, 0)).accepted
    assert receiver.save() == link_frames.save(3, (7 << 32) + 2, key_id=9, profile=2)
    again = link.Receiver(3, 4, KEYS["siphash"], key_id=9, profile="siphash")
    again.load(link_frames.save(3, (7 << 32) + 2, key_id=9, profile=2))
    assert "replay" in again.open(link_frames.seal(2, 9, KEYS["siphash"], 3, 7, 2, 0, VALUES)).reasons
    assert again.open(sender.seal(VALUES, 0)).accepted
    with pytest.raises(errors.DuraError) as caught:
        again.load(b"DLK1" + bytes(36))
    assert caught.value.name == "ECORRUPT"


def test_values_keep_their_kind():
    sender, receiver = pair()
    opened = receiver.open(sender.seal(VALUES, 12))
    assert opened.values == (1.5, -7.0, None, 16777216.0) and opened.time_ns == 12
    assert "rounded" in opened.reasons and (opened.epoch, opened.count) == (1, 0)
    opened = receiver.open(sender.seal([math.nan, math.inf, -0.0, 0], 13))
    assert math.isnan(opened.values[0]) and opened.values[1] == math.inf and str(opened.values[2]) == "-0.0"


def test_counts_above_2_to_24_go_from_the_sender_to_the_verdict_without_loss():
    kinds = ("f32", "i32", "f32", "i32")
    sender, receiver = pair(kinds=kinds)
    axis = dura.Sensor([{"kind": k, "fail_lo": 0, "fail_hi": 2**24 + 3, **({"origin": 2**24} if k == "i32" else {})}
                        for k in kinds])
    for step, (count, verdict) in enumerate([(2**24 + 1, "GOOD"), (2**24 + 2, "GOOD"), (2**24 + 3, "GOOD"),
                                             (2**24 + 4, "FAIL"), (-1, "FAIL"), (0, "GOOD")]):
        opened = receiver.open(sender.seal([1.5, count, 2.5, None], step))
        assert opened.values == (1.5, count, 2.5, None) and isinstance(opened.values[1], int)
        assert "rounded" not in opened.reasons
        report = axis.update(opened.values, step)
        assert report.verdicts[1] == verdict and report.verdicts[0] == "GOOD"
        assert verdict == "FAIL" or report.usable[1] == count - 2**24
    refused = receiver.open(sender.seal([1.5, 7.0, 2.5, None], 99))
    assert not refused.accepted and refused.authentic and refused.reasons == ("content",)
    assert "rounded" in receiver.open(sender.seal([2**24 + 1, 5, 2.5, None], 100)).reasons


def test_a_replay_and_a_forged_frame_are_events_and_move_nothing():
    sender, receiver = pair()
    first = sender.seal(VALUES, 0)
    assert receiver.open(first).event is None
    again = receiver.open(first)
    assert not again.accepted and again.authentic and again.reasons == ("replay",)
    assert again.event["type"] == "replay" and again.event["id"] == f"frame 3/{1 << 32}"
    second = bytearray(sender.seal(VALUES, 1))
    second[-1] ^= 1
    forged = receiver.open(second)
    assert not forged.accepted and not forged.authentic and forged.reasons == ("auth",)
    assert forged.event["id"] == f"claimed 3/{(1 << 32) + 1}" and forged.event["result"] == "failed: refused"
    second[-1] ^= 1
    assert receiver.open(second).accepted
    assert receiver.status()["auth"] == 1 and receiver.status()["replay"] == 1 and receiver.status()["accepted"] == 2


def test_keys_change_with_an_overlap():
    sender, receiver = pair(overlap=1)
    late = [sender.seal(VALUES, i) for i in range(3)]
    receiver.next_key(b"another key of the link", 10)
    assert receiver.status()["other_key_id"] == 10
    sender.change_key(b"another key of the link", 10)
    assert receiver.open(late[0]).accepted
    assert "rotated" in receiver.open(sender.seal(VALUES, 9)).reasons
    assert receiver.open(late[1]).accepted
    assert receiver.open(late[2]).reasons == ("key", "auth")
    assert receiver.status()["key_id"] == 10 and receiver.status()["other_key_id"] is None


def test_an_epoch_that_cannot_be_persisted_seals_nothing():
    def fail(epoch):
        raise OSError(f"no room for {epoch}")
    with pytest.raises(OSError, match="no room for 5"):
        link.Sender(3, 4, KEYS["hmac"], epoch=4, persist=fail)
    with pytest.raises(errors.DuraError) as caught:
        link.Sender(3, 4, KEYS["hmac"], epoch=2**32 - 1, persist=lambda e: None)
    assert caught.value.name == "ELIMIT"


@pytest.mark.parametrize("call, text", [
    (lambda: link.Receiver(3, 0, KEYS["hmac"]), "channels"), (lambda: link.Receiver(65535, 4, KEYS["hmac"]), "source"),
    (lambda: link.Receiver(3, 4, KEYS["hmac"], profile="md5"), "md5"), (lambda: link.Receiver(3, 4, None), "key"),
    (lambda: link.Receiver(3, 4, b"short", profile="siphash"), "16 bytes"),
    (lambda: link.Receiver(3, 4, KEYS["hmac"], key_id=256), "256"), (lambda: link.Receiver(3, 4, KEYS["hmac"], window=300), "300"),
    (lambda: link.Receiver(3, 4, b"k", profile="crc"), "crc has no key"), (lambda: pair()[0].seal([1.0], 0), "1 values"),
    (lambda: pair(kinds=("f32",) * 3), "kinds"), (lambda: pair(kinds=("f32", "i32", "f32", "u32")), "i32"),
    (lambda: pair()[0].seal([1.0, 2.0, 3.0, 2**31], 0), "int32"), (lambda: pair()[0].seal(VALUES, -1), "time_ns")])
def test_what_cannot_be_is_said(call, text):
    with pytest.raises(ValueError, match=text):
        call()


def test_a_weaker_key_than_the_least_is_refused():
    with pytest.raises(errors.DuraError):
        link.Receiver(3, 4, KEYS["crc"], profile="crc", least="hmac")
    receiver = link.Receiver(3, 4, KEYS["hmac"], least="crc")
    receiver.next_key(None, 1, "crc")
    assert not receiver.open(link_frames.seal(3, 0, b"", 3, 1, 0, 0, VALUES)).accepted


def test_the_vectors_of_the_c_tests_are_what_the_writer_writes():
    assert link_frames.main(["--check"]) == 0


def test_tags_have_their_published_values():
    assert link_frames.siphash(bytes(range(16)), bytes(range(15))) == 0xA129CA6149BE45E5
    assert link_frames.crc32(b"123456789", 0xF4ACFB13) == 0x1697D06A
    assert link_frames.crc32(b"123456789", 0x1EDC6F41) == 0xE3069283
    assert dura.link is link
