#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Seeds for the JSON and policy fuzz targets, and the packer's test vectors.

The images are packed here, by a second packer written from docs/formats/policy.md and
docs/formats/model-linear.md; tests/test_host_pack.c wants the same bytes from the C one.

    scripts/make_corpus_policy.py            write what differs
    scripts/make_corpus_policy.py --check    write nothing; exit 1 when something differs
"""
import importlib.util
import json
import pathlib
import re
import struct
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
spec = importlib.util.spec_from_file_location("fields", ROOT / "bindings/python/dura/_fields.py")
fields = importlib.util.module_from_spec(spec)
sys.dont_write_bytecode = True
spec.loader.exec_module(fields)

# The visible development key (include/dura/host/keys.h).
DEVELOPMENT_KEY = "10d5e0d896127326e85e2aa2e1d1032f615983fe02d4c96bdf0555c2bea7d4dc"
MOST = struct.unpack("<f", bytes.fromhex("ffff7f7f"))[0]


def crc32c(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


def pad8(data):
    return data + bytes(-len(data) % 8)


def finish(body):
    """Length at offset 8, four zeros, checksum."""
    body = pad8(body)
    body = body[:8] + struct.pack("<I", len(body) + 8) + body[12:] + bytes(4)
    return body + struct.pack("<I", crc32c(body))


def repair(image):
    return image[:-4] + struct.pack("<I", crc32c(image[:-4]))


def pack_zone(tz):
    """A POSIX TZ as docs/formats/policy.md, `updates`, stores it."""
    if not tz:
        return bytes(13)
    minutes = lambda t: (int(t.lstrip("+-").split(":")[0]) * 60 + int((t.split(":") + ["0"])[1])) * (-1 if t[0] == "-" else 1)
    names, *changes = tz.split(",")
    parts = re.findall(r"<[^>]*>|[A-Za-z]+|[-+:0-9]+", names)
    east = -minutes(parts[1])
    if not changes:
        return struct.pack("<h11x", east)
    summer = -minutes(parts[3]) if len(parts) > 3 else east + 60
    rules = []
    for change in changes:
        day, _, time = change.partition("/")
        rules.append(struct.pack("<hBBB", minutes(time or "2"), *(int(part) for part in day[1:].split("."))))
    if summer < east:
        east, summer, rules = summer, east, rules[::-1]
    return struct.pack("<hB", east, summer - east) + b"".join(rules)


def stored_value(kind, value, words):
    if kind == "enum":
        return words[value]
    if kind == "set":
        return sum(words[word] for word in value)
    if kind == "bool":
        return int(value)
    if kind == "text64":
        return value.encode()
    if kind == "days":
        return sum(1 << ["sun", "mon", "tue", "wed", "thu", "fri", "sat"].index(day) for day in value)
    if kind == "zone":
        return pack_zone(value)
    if kind == "key32":
        return bytes.fromhex(value or DEVELOPMENT_KEY)
    if kind == "digest":
        return bytes.fromhex(value) or bytes(32)
    return value + 0.0 if kind == "f32" else value


def record(section, given, derived, places=None):
    out = bytearray(fields.SECTIONS[section][2])
    for name, kind, offset, form, _required, default, _lo, _hi, _unit, words, _doc in fields.FIELDS[section]:
        if offset is None:
            continue
        value = derived.get(name, given.get(name, default))
        if kind in ("channel", "of"):
            value = places.index(value) if value else 0xFFFF
        struct.pack_into("<" + form, out, offset, stored_value(kind, value, words))
    return bytes(out)


RULES = ("rule", "forbid", "transition")


def derive_check(check):
    """What the packer computes for a check: docs/formats/policy.md, `checks`."""
    out = {}
    if check["kind"] in RULES:
        out["level"] = check.get("level", "suspect")
        for low, high in (("lo", "hi"), ("if_lo", "if_hi")) + (
                (("from_lo", "from_hi"),) if check["kind"] == "transition" else ()):
            out[low], out[high] = check.get(low, -MOST), check.get(high, MOST)
    return out


def terms_of(check, names):
    """A check's terms as include/dura/sensor_checks.h lays them out."""
    data = b"".join(struct.pack("<HHf", names.index(t["channel"]), t.get("back", 0), t.get("weight", t.get("mean", 0)))
                    for t in check.get("terms", []))
    return data + b"".join(struct.pack("<f", cell) for cell in check.get("triangle", []))


def pack_checks(checks, names):
    """Records, and the terms they point into; equal neighbours of a kind share theirs."""
    rows, terms, former = [], b"", (None, b"", 0)
    for check in checks:
        mine, first = terms_of(check, names), 0
        if mine and former[:2] == (check["kind"], mine):
            first = former[2]
        elif mine:
            first, terms = len(terms), terms + mine
        derived = {"n_terms": len(check.get("terms", [])), "first": first // 4, **derive_check(check)}
        rows.append(record("checks", check, derived, names))
        former = (check["kind"], mine, first)
    return rows, [terms[i:i + 4] for i in range(0, len(terms), 4)]


def pack_shapes(drift, places):
    """Histograms in the order of what they are of, mspc, and the numbers of both, in words."""
    rows, numbers = [], b""
    for h in sorted(drift.get("histograms", []), key=lambda h: places.index(h["of"])):
        rows.append(record("histograms", h, {"n_bins": len(h["p"]), "first": len(numbers) // 4}, places))
        numbers += struct.pack(f"<{2 * len(h['p']) - 1}f", *h["edges"], *h["p"])
    mspc = []
    if "mspc" in drift:
        m = drift["mspc"]
        mspc = [record("mspc", m, {"n_inputs": len(m["inputs"]), "first": len(numbers) // 4})]
        numbers += struct.pack(f"<{len(m['inputs'])}I", *(places.index(name) for name in m["inputs"]))
        numbers += struct.pack(f"<{len(m['values'])}f", *m["values"])
    return rows, mspc, [numbers[i:i + 4] for i in range(0, len(numbers), 4)]


def derive(channel):
    """What the packer computes for a channel: docs/formats/policy.md, `channels`."""
    out = {"checks": (1 if channel.get("time", True) else 0) | (2 if channel.get("finite", True) else 0)}
    if {"fail_lo", "suspect_lo", "suspect_hi", "fail_hi"} & set(channel):
        out["checks"] |= 4
        out["fail_lo"] = channel.get("fail_lo", -MOST)
        out["fail_hi"] = channel.get("fail_hi", MOST)
        out["suspect_lo"] = channel.get("suspect_lo", out["fail_lo"])
        out["suspect_hi"] = channel.get("suspect_hi", out["fail_hi"])
    if channel.get("rate_suspect", 0) > 0 or channel.get("rate_fail", 0) > 0:
        out["checks"] |= 8
        out["rate_fail"] = channel.get("rate_fail", MOST)
    if channel.get("flat_suspect_ms", 0) or channel.get("flat_fail_ms", 0):
        out["checks"] |= 16
        out["flat_fail_ms"] = channel.get("flat_fail_ms", 0xFFFFFFFF)
    return out


def pack_policy(p):
    channels, outputs = p["channels"], p["outputs"]
    names = [c["name"] for c in channels]
    features, drift = p.get("features", []), p.get("drift")
    inputs = [] if features else p.get("model", {}).get("inputs", names)
    places = names + [o["name"] for o in outputs] + [f["name"] for f in features] + ["mspc.t2", "mspc.spe"]
    content = {s: [record(s, p.get(s, {}), {})] for s in ("device", "sensor", "guard", "logs", "gate")}
    content["channels"] = [record("channels", c, derive(c)) for c in channels]
    content["outputs"] = [record("outputs", o, {}) for o in outputs]
    content["inputs"] = [struct.pack("<H", names.index(name)) for name in inputs]
    content["features"] = [record("features", f, {}, names) for f in features]
    references = (drift or {}).get("references", [])
    content["references"] = [record("references", r, {}, places)
                             for r in sorted(references, key=lambda r: places.index(r["of"]))]
    for name in ("drift", "correlate", "updates"):
        content[name] = [record(name, p[name], {})] if name in p else []
    if drift and "arl0_s" in drift:
        content["drift"] = [record("drift", drift, {"arl0": drift["arl0_s"] * 1000 / drift["period_ms"]})]
    content["histograms"], content["mspc"], content["numbers"] = pack_shapes(drift or {}, places)
    content["release_keys"] = [record("release_keys", k, {}) for k in p.get("release_keys", [])]
    content["checks"], content["terms"] = pack_checks(p.get("checks", []), names)
    texts = [text for one in channels + outputs + features for text in (one["name"], one.get("unit", ""))]
    content["names"] = [text.encode() + b"\0" for text in texts]
    n = len(fields.SECTIONS)
    at = len(pad8(bytes(fields.HEADER_BYTES + n * fields.ENTRY_BYTES)))
    table, body = b"", b""
    for name, (kind, *_rest) in fields.SECTIONS.items():
        data = b"".join(content[name])
        table += struct.pack("<HHII", kind, len(content[name]), at + len(body), len(data))
        body += pad8(data)
    return finish(pad8(fields.MAGIC + struct.pack("<HHII", fields.VERSION, n, 0, 0) + table) + body)


def pack_model(m):
    head = b"DLIN" + struct.pack("<HHIHH", 1, len(m["outputs"]), 0, len(m["inputs"]), 0)
    for o in m["outputs"]:
        head += struct.pack(f"<{1 + len(o['weights'])}f", o["bias"], *o["weights"])
    texts = m["inputs"] + [o["name"] for o in m["outputs"]]
    return finish(head + b"".join(t.encode() + b"\0" for t in texts))


OUTPUT = {"name": "y", "lo": 0, "hi": 1, "safe": 0}
MINIMAL = {"device": {"name": "d"}, "channels": [{"name": "x"}], "outputs": [OUTPUT]}
FULL = {
    "$schema": "../schemas/policy.schema.json", "dura_policy": 1,
    "device": {"name": "press-7 Öl", "zone": 3, "asset": 17, "source": 2, "mode": "enforce"},
    "sensor": {"gap_ms": 2500, "rebase_after": 5},
    "channels": [
        {"name": "pressure", "unit": "bar", "fail_lo": -0.5, "suspect_lo": 0, "suspect_hi": 180.25, "fail_hi": 250,
         "rate_suspect": 40, "rate_fail": 90.5, "flat_tolerance": 0.01, "flat_suspect_ms": 2000,
         "flat_fail_ms": 6000, "max_age_ms": 100, "hold_ms": 300},
        {"name": "temperature", "unit": "°C", "required": False, "suspect_ok": True, "time": False,
         "finite": False, "fail_hi": 90},
        {"name": "valve", "rate_suspect": 0.1, "flat_suspect_ms": 50},
        {"name": "spare", "time": False}],
    "model": {"inputs": ["valve", "pressure"]},
    "outputs": [
        {"name": "pump", "unit": "%", "kind": "actuator", "lo": -1.5, "hi": 100, "rate": 12.5, "safe": 20,
         "on_violation": "fallback"},
        {"name": "lamp", "lo": 0, "hi": 0, "safe": 0}],
    "guard": {"hold_ms": 150, "recover_frames": 10, "checkpoint_ms": 5000, "deadline_us": 800},
    "logs": {"ring_bytes": 8192, "max_record": 1024, "buffer_bytes": 4096, "segment_bytes": 131072,
             "commit_records": 16, "commit_ms": 250, "seal_records": 512, "seal_ms": 60000, "tree_height": 24},
    "gate": {"factory_key": "00112233445566778899aabbccddeeff0123456789ABCDEFfedcba9876543210",
             "risk_register": "a1" * 32},
}
WIDE = {"device": {"name": "w" * 63}, "channels": [{"name": f"c{i:03d}", "fail_lo": i / 7} for i in range(300)],
        "model": {"inputs": [f"c{i:03d}" for i in range(299, -1, -3)]},
        "outputs": [dict(OUTPUT, name=f"y{i}", hi=i) for i in range(16)]}
WATCHED = {
    **MINIMAL, "channels": [{"name": "p1", "unit": "bar"}, {"name": "p2", "unit": "bar"}, {"name": "mode"}],
    "features": [{"name": "p1", "channel": "p1", "offset": 4.5, "scale": 0.5},
                 {"name": "p1_lag2", "channel": "p1", "op": "lag", "n": 2},
                 {"name": "p_ratio", "unit": "1", "channel": "p1", "channel2": "p2", "op": "ratio"},
                 {"name": "p2_std12", "channel": "p2", "op": "std", "n": 12},
                 {"name": "mode_is_3", "channel": "mode", "op": "onehot", "match": 3}],
    "drift": {"arl0": 864000, "references": [
        {"of": "p_ratio", "n": 5000, "mean": 1, "deviation": 0.001, "phi1": 0.5, "phi2": -0.25, "resolution": 0.0001},
        {"of": "p2", "n": 400, "mean": 5.25, "deviation": 0.5, "why": 3, "clip": 4},
        {"of": "y", "mean": 0.5, "phi3": 0.125, "phi4": 1e-3}]},
    "correlate": {"window_ms": 120000, "margin": 12},
    "updates": {"slot_bytes": 8192, "max_disagreement": 0.25, "window_begin": 1320, "window_minutes": 240,
                 "min_clock": "synced", "threshold": 2, "roles": 6, "require": ["SVV-3", "A.7.5"], "shadow_frames": 50,
                 "shadow_disagreement": 0.125, "incident_role": "vendor", "emergency_role": "operator", "must_finish_min": 45,
                 "window_days": ["sat", "mon"], "window_zone": "<-02>2<-01>,M3.5.0/-1,M10.5.0/0",
                 "rollback_role": "operator", "substantial_role": "vendor", "planned": ["model", "rules"],
                 "shadow_latency": 1.5, "shadow_drift": 0.0625, "planned_metric": 9250, "planned_data": True,
                 "label_map": "a1" * 32, "labels": "b2" * 32},
    "release_keys": [{"key": "11" * 32, "role": "vendor"}, {"key": "22" * 32, "role": "operator"}],
}
PARITY = {"kind": "parity", "channel": "a", "mean": 0.5, "scale": 2, "suspect": 3, "terms": [
    {"channel": "b", "weight": 0.25}, {"channel": "a", "back": 1, "weight": -1e-3}]}
CHECKED = {
    **MINIMAL, "channels": [{"name": n, "unit": "m", "why": "drawing 7"} for n in "abcd"],
    "checks": [
        {"kind": "spike", "channel": "a", "suspect": 0.5, "fail": 0.25, "why": "learned"},
        {"kind": "noise", "channel": "b", "window": 32, "hi": 4.5},
        {"kind": "drift", "channel": "c", "window": 200, "mean": -7, "scale": 0.5, "suspect": 1.5},
        {"kind": "vote", "terms": [{"channel": "c"}, {"channel": "a"}, {"channel": "b"}], "suspect": 1, "fail": 2,
         "window": 3, "estimates": True},
        {"kind": "rule", "channel": "a", "other": "d", "if_lo": 1, "if_hi": 1, "lo": 10, "level": "fail", "window": 2},
        {"kind": "forbid", "channel": "b", "other": "d", "if_hi": 0.5, "lo": 2, "hi": 3},
        {"kind": "transition", "channel": "d", "other": "a", "from_lo": 0, "from_hi": 0, "lo": 1, "hi": 1, "if_lo": 5},
        PARITY, {**PARITY, "window": 19, "suspect": 0.75}, {**PARITY, "terms": PARITY["terms"][:1], "fail": 6},
        {"kind": "joint", "terms": [{"channel": "a", "mean": 1}, {"channel": "b", "mean": 2.5}],
         "triangle": [1, -0.5, 2], "window": 4, "window2": 8, "suspect": 20}],
}
SHAPED = {
    **MINIMAL, "channels": [{"name": n, "unit": "K"} for n in "abc"],
    "drift": {"arl0_s": 2592000, "period_ms": 100, "references": [
        {"of": "mspc.spe", "n": 2000, "mean": 0.01, "deviation": 0.98, "phi1": 0.25},
        {"of": "a", "n": 2000, "mean": 300, "deviation": 2}, {"of": "mspc.t2", "n": 2000, "mean": 0, "deviation": 1}],
        "histograms": [{"of": "y", "n": 1000, "edges": [0.25], "p": [0.75, 0.25], "why": 1},
                       {"of": "a", "n": 2000, "whitened": True, "edges": [-0.5, 0, 1.5], "p": [0.3, 0.2, 0.4, 0.1]}],
        "mspc": {"n": 2000, "newest": 0.125, "components": 1, "inputs": ["c", "a", "b"],
                 "values": [1, 300, 20, 0.5, 0.5, 2, 1.75, 0.6, 0.8, 0, 1.25, 0.75, 0.3125, 0.8125, 0.28125]}},
}
LINEAR = {"dura_model": 1, "kind": "linear", "inputs": ["valve", "pressure"], "outputs": [
    {"name": "pump", "bias": 0.1, "weights": [3, -0.25]}, {"name": "lamp", "bias": -1e-3, "weights": [0, 1e10]}]}
POLICIES = {"minimal": MINIMAL, "full": FULL, "wide": WIDE, "watched": WATCHED, "checked": CHECKED, "shaped": SHAPED}
MODELS = {"linear": LINEAR}


def text(value):
    return json.dumps(value, indent=1, ensure_ascii=False).encode() + b"\n"


def vectors():
    for name, policy in POLICIES.items():
        yield f"tests/vectors/policy/{name}.json", text(policy)
        yield f"tests/vectors/policy/{name}.bin", pack_policy(policy)
    for name, model in MODELS.items():
        yield f"tests/vectors/policy/{name}.json", text(model)
        yield f"tests/vectors/policy/{name}.bin", pack_model(model)


def json_seeds():
    rows = {
        "empty_object": b"{}", "scalars": b'[null,true,false,0,-1.5e3,"x"]', "nested": b"[" * 32 + b"]" * 32,
        "too_deep": b"[" * 33 + b"]" * 33, "twice": b'{"a":1,"\\u0061":2}', "trailing": b"{} x",
        "inexact": b"[9007199254740993]", "surrogates": b'"\\uD834\\uDD1E \xf0\x9d\x84\x9e"',
        "lone": b'"\\uD834"', "nul": b'"\\u0000"', "overlong": b'"\xc0\xaf"', "big": b"[1e308,1e309,4.9e-324]",
        "lines": b'{\r\n"a":[\n1,\n{"b":\n2}]}\n', "bom": b"\xef\xbb\xbf{}", "unended": b'{"a":["b'}
    return {f"fuzz/corpus/json/{name}": data for name, data in rows.items()}


def policy_json_seeds():
    out = {f"fuzz/corpus/policy_json/{name}": text(p) for name, p in POLICIES.items() if name != "wide"}
    out["fuzz/corpus/policy_json/linear"] = text(LINEAR)
    for name, change in {
            "unknown": {"extra": 1}, "no_checks": {"channels": [{"name": "x", "time": False, "finite": False}]},
            "disorder": {"channels": [{"name": "x", "fail_lo": 2, "fail_hi": 1}]},
            "same_name": {"outputs": [OUTPUT, OUTPUT]}, "inputs": {"model": {"inputs": ["z"]}},
            "range": {"device": {"name": "d", "zone": 65536}}, "no_channel": {"features": [{"name": "a", "channel": "z"}]},
            "no_other": {"checks": [{"kind": "rule", "channel": "x", "other": "z"}]},
            "twice": {"checks": [{"kind": "spike", "channel": "x", "fail": 1}] * 2},
            "no_references": {"drift": {}}, "keys_only": {"release_keys": [{"key": "33" * 32, "role": "vendor"}]},
            "half_whitened": {"drift": {**SHAPED["drift"], "references": SHAPED["drift"]["references"][::2]}},
            "chart": {"drift": {"detector": "cusum", "shift": 1, "references": [{"of": "x", "mean": 0, "deviation": 1}]}},
            "two_inputs": {"features": [{"name": "a", "channel": "x"}], "model": {"inputs": ["x"]}}}.items():
        out[f"fuzz/corpus/policy_json/{name}"] = text({**MINIMAL, **change})
    return out


def image_seeds():
    minimal, full, linear = pack_policy(MINIMAL), pack_policy(FULL), pack_model(LINEAR)
    rows = {"minimal": minimal, "full": full, "watched": pack_policy(WATCHED), "checked": pack_policy(CHECKED), "shaped": pack_policy(SHAPED), "linear": linear, "short": minimal[:40]}
    for at, name in ((4, "version"), (6, "sections"), (8, "length"), (16, "type"), (18, "count"), (20, "offset"),
                     (24, "bytes"), (42, "channels"), (48, "channel_bytes"), (116, "features_offset"), (200, "terms_offset"), (212, "histograms_offset"),
                     (248, "names_offset")):
        rows[f"bad_{name}"] = repair(minimal[:at] + b"\xff\xff" + minimal[at + 2:])
    watched = rows["watched"]   # a feature without a name, whose unit is its name
    rows["bad_feature_name"] = repair(watched.replace(b"mode_is_3\0\0", b"\0mode_is_3\0"))
    rows["bad_weights"] = repair(linear[:16] + bytes.fromhex("0000c07f") + linear[20:])
    rows["bad_inputs"] = repair(linear[:12] + b"\xff\x03" + linear[14:])
    return {f"fuzz/corpus/policy_image/{name}": data for name, data in rows.items()}


def main():
    check = sys.argv[1:] == ["--check"]
    files = {**dict(vectors()), **json_seeds(), **policy_json_seeds(), **image_seeds()}
    stale = []
    for name, data in files.items():
        path = ROOT / name
        if path.exists() and path.read_bytes() == data:
            continue
        stale.append(name)
        if not check:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
    for name in stale:
        print(f"{name}: {'differs from what this script makes' if check else 'written'}")
    return 1 if check and stale else 0


if __name__ == "__main__":
    sys.exit(main())
