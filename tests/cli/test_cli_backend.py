# SPDX-License-Identifier: Apache-2.0
"""dura backend check: every planted violation is found, and a sound plug-in is not blamed."""
import concurrent.futures
import json
import pathlib

from cliworld import TREE

PLANTED = {1: "io", 2: "io", 3: "io", 4: "shapes", 5: "shapes", 6: "outputs", 7: "outputs", 8: "outputs", 9: "outputs",
           10: "repeat", 11: "quiet", 12: "quiet", 13: "quiet", 14: "quiet", 15: "quiet", 16: "special", 17: "special",
           18: "deadline", 19: "memory", 20: "memory", 21: "memory", 22: "reopen", 23: "reopen", 24: "golden",
           25: "extensions", 26: "outputs", 27: "extensions", 28: "extensions", 29: "reset", 30: "repeat", 31: "io",
           32: "io", 33: "damaged", 34: "deadline"}
ENTRY = {"magic": (b"DABP", b"DABQ", 0), "size": (b"DABP", b"\x08", 4), "major": (b"DABP", b"\x02", 8)}


def plugin(world):
    return pathlib.Path(world.cli).parent / "plugins" / "planted.so"


def image(world, number):
    head = b"P%02d" % number
    path = (world.folder / f"p{number:02d}.bin")
    pathlib.Path(path).write_bytes(head + bytes([sum(head) & 255]))
    return path


def check(world, so, model, *more):
    told = world.dura("backend", "check", str(so), "--model", str(model), "--json", *more)
    report = json.loads(told.stdout)
    return told.returncode, report, {c["check"]: c for c in report["checks"]}


def test_a_sound_plugin_passes_and_the_report_names_it(world):
    code, report, checks = check(world, plugin(world), image(world, 0), "--runs", "100000")
    assert code == 0 and report["broken"] == 0, report
    assert report["id"] == "dev.dura.planted" and len(report["plugin"]) == 64 and len(report["model"]) == 64
    assert (report["inputs"], report["outputs"], report["runs"]) == (2, 2, 100000)
    assert {n for n, c in checks.items() if c["verdict"] == "lost"} == {"extensions"}
    assert report["kept"] == 14 and 0 < report["p50_ns"] <= report["worst_ns"]


def test_every_planted_violation_is_found_where_it_belongs(world):
    def one(number):
        return number, check(world, plugin(world), image(world, number), "--runs", "500", "--deadline-us", "300", "--seconds", "2")
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        for number, (code, report, checks) in pool.map(one, PLANTED):
            assert code == 1 and checks[PLANTED[number]]["verdict"] == "fail", (number, report)


def test_every_planted_entry_is_refused_unloaded(world):
    sound = plugin(world).read_bytes()
    at = sound.index(b"DABP\x30\x00\x00\x00") if b"DABP\x30\x00\x00\x00" in sound else sound.index(b"DABP")
    for name, (_, value, offset) in ENTRY.items():
        bad = bytearray(sound)
        put = value if offset else b"DABQ"
        bad[at + offset:at + offset + len(put)] = put
        path = pathlib.Path((world.folder / f"{name}.so"))
        path.write_bytes(bytes(bad))
        code, report, checks = check(world, path, image(world, 0), "--runs", "10")
        assert code == 1 and checks["entry"]["verdict"] == "fail", (name, report)


def test_wrong_digest_and_wrong_usage_have_their_own_words(world):
    told = world.dura("backend", "check", str(plugin(world)), "--digest", "00" * 32)
    assert told.returncode == 2 and "its SHA-256 is" in told.stderr
    told = world.dura("backend", "check", "nowhere.so")
    assert told.returncode in (2, 3) and "nowhere.so" in told.stderr
    told = world.dura("backend", "prove", "x.so")
    assert told.returncode == 2 and "want check" in told.stderr
    told = world.dura("backend", "check", "x.so", "--seconds", "0")
    assert told.returncode == 2 and "--seconds" in told.stderr


def test_the_page_has_every_check_and_its_rule(world):
    _, report, checks = check(world, plugin(world), image(world, 0), "--runs", "10")
    page = (TREE / "docs" / "cmd" / "backend.md").read_text(encoding="utf-8")
    for name in checks:
        assert f"| `{name}` |" in page
    for key in report:
        assert f"`{key}`" in page, key


def test_text_is_for_people(world):
    told = world.dura("backend", "check", str(plugin(world)), "--model", str(image(world, 13)), "--runs", "10")
    assert told.returncode == 1
    assert "FAIL  quiet" in told.stdout and "locks" in told.stdout and "1 broken" in told.stdout
