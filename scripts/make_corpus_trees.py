#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Seeds for fuzz_trees_image and fuzz_model_json.

The images are packed here by a second packer written from docs/formats/model-trees.md, the
models in the shape XGBoost saves; tests/test_trees_pack.c wants the C packer to make the
image `NAME` of fuzz/corpus/trees_image from the model `NAME` of fuzz/corpus/model_json.

    scripts/make_corpus_trees.py            write what differs
    scripts/make_corpus_trees.py --check    write nothing; exit 1 when something differs
"""
import json
import math
import pathlib
import struct
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
NAN = struct.unpack("<f", bytes.fromhex("0000c07f"))[0]


def crc32c(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


def repair(image):
    return image[:-4] + struct.pack("<I", crc32c(image[:-4]))


def f32(x):
    return struct.unpack("<f", struct.pack("<f", x))[0]


def tree(left, right, feature, split, default_left, **more):
    n = len(left)
    return {"base_weights": [0.0] * n, "categories": [], "categories_nodes": [], "categories_segments": [],
            "categories_sizes": [], "default_left": default_left, "id": 0, "left_children": left,
            "loss_changes": [0.0] * n, "parents": [2147483647] * n, "right_children": right,
            "split_conditions": split, "split_indices": feature, "split_type": [0] * n, "sum_hessian": [float(n - i) for i in range(n)],
            "tree_param": {"num_deleted": "0", "num_feature": "2", "num_nodes": str(n), "size_leaf_vector": "1"}, **more}


def model(trees, groups, features=("speed", "load"), n_features=2, objective="reg:squarederror", base="5E-1",
          num_class="0", num_target="1", attributes=None):
    return {"learner": {
        "attributes": attributes or {}, "feature_names": list(features), "feature_types": [],
        "gradient_booster": {"model": {
            "cats": {"enc": [], "feature_segments": [], "sorted_idx": []},
            "gbtree_model_param": {"num_parallel_tree": "1", "num_trees": str(len(trees))},
            "iteration_indptr": list(range(len(trees) + 1)), "tree_info": list(groups), "trees": trees}, "name": "gbtree"},
        "learner_model_param": {"base_score": base, "boost_from_average": "1", "num_class": num_class,
                                "num_feature": str(n_features), "num_target": num_target},
        "objective": {"name": objective, "reg_loss_param": {"scale_pos_weight": "1"}}}, "version": [2, 1, 4]}


# The second tree was pruned: nodes 1 and 2 hang on nothing.
DEEP = tree([1, 3, -1, -1, -1], [2, 4, -1, -1, -1], [0, 1, 0, 0, 0], [1.0, 0.5, 3.0, -2.0, 1.25], [1, 0, 0, 0, 0])
PRUNED = tree([3, -1, -1, -1, -1], [4, -1, -1, -1, -1], [1, 0, 0, 0, 0], [-1.0, 7.0, 7.0, 10.0, 20.0], [0] * 5)
STUMP = tree([1, -1, -1], [2, -1, -1], [1, 0, 0], [0.1, -0.3, 0.7], [1, 0, 0])
LEAF = tree([-1], [-1], [0], [0.125], [0])

MODELS = {
    "regression": model([DEEP, PRUNED], [0, 0]),
    "plain_names": model([STUMP], [0], features=()),
    "binary": model([STUMP, LEAF], [0, 0], objective="binary:logistic", base="2.5E-1"),
    "classes": model([STUMP, LEAF, DEEP], [0, 1, 2], objective="multi:softprob", num_class="3",
                     base="[5E-1,-1E0,2.5E-1]"),
    "targets": model([STUMP, PRUNED], [0, 1], num_target="2", attributes={"dura_outputs": "pump,Lüfter", "best": "1"}),
}


def pack_tree(t):
    order, out, nexts = [0], [], 1           # (threshold or value, word, cover) per node
    for node in order:                       # grows while it is walked: level by level
        if t["left_children"][node] < 0:
            out.append((t["split_conditions"][node], 0, t["sum_hessian"][node]))
            continue
        word = (nexts - len(out)) << 11 | (0x400 if t["default_left"][node] else 0) | t["split_indices"][node]
        out.append((t["split_conditions"][node], word, t["sum_hessian"][node]))
        order += [t["left_children"][node], t["right_children"][node]]
        nexts += 2
    return out


def pack(m):
    learner = m["learner"]
    param, booster = learner["learner_model_param"], learner["gradient_booster"]["model"]
    n_in = int(param["num_feature"])
    n_out = max(int(param["num_class"]), int(param["num_target"]), 1)
    logistic = learner["objective"]["name"].endswith(":logistic")
    base = json.loads(param["base_score"])
    base = base if isinstance(base, list) and len(base) > 1 else [base[0] if isinstance(base, list) else base] * n_out
    if logistic:
        base = [-math.log(f32(f32(1 / f32(b)) - 1)) for b in base]
    trees, nodes = b"", []
    for t, group in zip(booster["trees"], booster["tree_info"]):
        trees += struct.pack("<I", len(nodes) | group << 24)
        nodes += pack_tree(t)
    names = learner["feature_names"] or [f"f{i}" for i in range(n_in)]
    outputs = learner["attributes"].get("dura_outputs")
    names += outputs.split(",") if outputs else [f"class{k}" if int(param["num_class"]) > 1 else "" for k in range(n_out)]
    body = b"DTRE" + struct.pack("<HHIHHII", 1, n_out, 0, n_in, logistic, len(booster["trees"]), len(nodes))
    body += struct.pack(f"<{n_out}f", *base) + trees + b"".join(struct.pack("<fI", *node[:2]) for node in nodes)
    body += b"".join(name.encode() + b"\0" for name in names)
    body += bytes(-len(body) % 8)
    if learner["attributes"].get("dura_covers") != "no":
        body += b"".join(struct.pack("<f", node[2]) for node in nodes)
        body += bytes(-len(body) % 8)
    body = body[:8] + struct.pack("<I", len(body) + 8) + body[12:] + bytes(4)
    return body + struct.pack("<I", crc32c(body))


def text(value):
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"


def change(m, *path_and_value):
    *path, last, value = path_and_value
    copy = json.loads(json.dumps(m))
    at = copy
    for step in path:
        at = at[step]
    at[last] = value
    return copy


def model_seeds():
    out = {name: text(m) for name, m in MODELS.items()}
    r, trees = MODELS["regression"], ("learner", "gradient_booster", "model", "trees")
    rows = {
        "bad_booster": ("learner", "gradient_booster", "name", "dart"), "bad_objective": ("learner", "objective", "name", "x"),
        "bad_version": ("version", [1, 7, 6]), "bad_base": ("learner", "learner_model_param", "base_score", "x"),
        "bad_features": ("learner", "learner_model_param", "num_feature", "3"),
        "bad_group": ("learner", "gradient_booster", "model", "tree_info", [0, 1]), "bad_trees": (*trees, []),
        "bad_cycle": (*trees, 0, "left_children", [1, 0, -1, -1, -1]),
        "bad_shared": (*trees, 0, "right_children", [2, 3, -1, -1, -1]),
        "bad_child": (*trees, 0, "left_children", [1, 5, -1, -1, -1]),
        "bad_half": (*trees, 0, "left_children", [1, -1, -1, -1, -1]),
        "bad_feature": (*trees, 0, "split_indices", [0, 2, 0, 0, 0]),
        "bad_type": (*trees, 0, "split_type", [0, 1, 0, 0, 0]),
        "bad_vector": (*trees, 0, "tree_param", {"size_leaf_vector": "2"})}
    out.update({name: text(change(r, *row)) for name, row in rows.items()})
    out["bad_nan"] = text(r).replace(b"-2.0", b"NaN")
    out["ubjson"] = b"{L\0\0\0\0\0\0\0\7learner{}"
    out["linear"] = text({"dura_model": 1, "kind": "linear", "inputs": ["a"],
                          "outputs": [{"name": "y", "bias": 1, "weights": [2]}]})
    return {f"fuzz/corpus/model_json/{name}": data for name, data in out.items()}


def image_seeds():
    out = {name: pack(m) for name, m in MODELS.items()}
    r = out["regression"]
    trees, nodes = 28, 36
    for name, at, value in (
            ("version", 4, b"\2\0"), ("outputs", 6, b"\x11\0"), ("inputs", 12, b"\1\0"), ("kind", 14, b"\2\0"),
            ("trees", 16, b"\3\0"), ("nodes", 20, b"\xff\xff\xff\xff"), ("base", 24, struct.pack("<f", NAN)),
            ("root", trees + 4, b"\6\0\0"), ("group", trees + 7, b"\1"), ("leaf", nodes + 16, struct.pack("<f", NAN)),
            ("distance", nodes + 4, b"\0\0\0\0"), ("orphan", nodes + 12, b"\0\0\0\0"), ("loop", nodes + 4, b"\1\0\0\0")):
        out[f"bad_{name}"] = repair(r[:at] + value + r[at + len(value):])
    out["short"] = r[:40]
    return {f"fuzz/corpus/trees_image/{name}": data for name, data in out.items()}


def main():
    check = sys.argv[1:] == ["--check"]
    stale = []
    for name, data in {**model_seeds(), **image_seeds()}.items():
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
