#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Accuracy without labels: `dura accuracy` beside what others estimate, on the same decisions.

  bench_accuracy.py --dura PROGRAM [--seeds N]

The gas sensors of DURA_DATA (default ../shared/data): a model is trained on 70 % of batches 1 and
2, the other 30 % are the reference, its accuracy on batches 3 to 6 is estimated. Models: logistic
regression, random forest, neural network. Second opinions: one model of each other kind, a nearest
neighbour and a support vector machine. The reference's groups: batch 2 seen by all of them trained
on batch 1 alone, and the other way round; nothing of batches 3 to 6 is used to choose or to fit
anything but the estimate itself.

Then digits through worn cameras of kinds no group had, and changes in P(y|x) that no input shows: labels that swap from one day to the next, on generated
streams and on handwritten digits (scikit-learn ships them), where nothing may be worse than "nothing
changed". Exit 1 where a figure of docs/accuracy.md does not hold.

Wants scikit-learn (bench/accuracy_requirements.txt; NannyML is run where it is installed); skips
aloud without it or without the data.
"""
import argparse
import csv
import json
import os
import subprocess
import sys
import tempfile

try:
    import numpy as np
    import sklearn
    from sklearn.datasets import load_digits
    from sklearn.ensemble import RandomForestClassifier
    from sklearn.isotonic import IsotonicRegression
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import train_test_split
    from sklearn.neighbors import KNeighborsClassifier
    from sklearn.neural_network import MLPClassifier
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler
    from sklearn.svm import SVC
except ImportError as why:
    print(f"SKIPPED: accuracy without labels: {why}; pip install -r bench/accuracy_requirements.txt")
    sys.exit(77)

MODELS = ("logistic", "forest", "network")
OPINIONS = MODELS + ("neighbour", "kernel")
METHODS = ("dura", "nothing changed", "mean confidence", "CBPE", "DoC", "ATC")
LABELS = (10, 30, 100)
BATCHES = (3, 4, 5, 6)
DRAWS = 4                         # of labels


def kind(name, seed):
    return {"logistic": lambda: LogisticRegression(max_iter=1000),
            "forest": lambda: RandomForestClassifier(100, random_state=seed),
            "network": lambda: MLPClassifier((64,), max_iter=300, random_state=seed),
            "neighbour": lambda: KNeighborsClassifier(1),
            "kernel": lambda: SVC(C=10)}[name]()


class Committee:
    """Every kind trained on the same rows; what each says of others."""

    def __init__(self, x, y, seed):
        self.models = {n: make_pipeline(StandardScaler(), kind(n, seed)).fit(x, y) for n in OPINIONS}

    def judge(self, x, y):
        said = {n: m.predict(x) for n, m in self.models.items()}
        out = {}
        for name in MODELS:
            p = self.models[name].predict_proba(x)
            out[name] = {"confidence": p.max(1), "p": p, "classes": self.models[name].classes_,
                         "said": said[name], "correct": (said[name] == y).astype(int), "truth": y,
                         "agree": np.array([said[o] == said[name] for o in OPINIONS if o != name]).astype(int).T}
        return out


# ---- dura, through its command -----------------------------------------------------

def write(path, rows, truth=None, group=None):
    k = rows["agree"].shape[1]
    with open(path, "w", newline="", encoding="utf-8") as f:
        w = csv.writer(f)
        w.writerow(["t", "confidence"] + [f"o{i}" for i in range(k)] + ["correct", "group"])
        for i, c in enumerate(rows["confidence"]):
            w.writerow([i, f"{min(1.0, c):.6f}", *rows["agree"][i], "" if truth is None or truth[i] < 0 else truth[i],
                        0 if group is None else group[i]])


def joined(parts, key):
    return np.concatenate([p[key] for p in parts])


class Dura:
    """One reference; groups: judged rows per group, numbered from 1."""

    def __init__(self, program, folder, reference, groups):
        parts = [reference] + groups
        both = {"confidence": joined(parts, "confidence"), "agree": joined(parts, "agree")}
        self.now, known = os.path.join(folder, "now.csv"), os.path.join(folder, "known.csv")
        write(known, both, joined(parts, "correct"), np.concatenate([np.full(len(p["correct"]), i) for i, p in enumerate(parts)]))
        self.words = [program, "accuracy", self.now, "--reference", known, "--group", "group", "--labels", "correct",
                      "--agree", ",".join(f"o{i}" for i in range(reference["agree"].shape[1]))]

    def answer(self, rows, truth=None):
        """Over all rows; truth: -1 where there is no label."""
        write(self.now, rows, truth)
        ran = subprocess.run(self.words, capture_output=True, text=True, check=False)
        if ran.returncode != 0:
            sys.exit(f"dura accuracy: {ran.stderr}")
        return json.loads(ran.stdout.splitlines()[-1])


# ---- the others, from their definitions ---------------------------------------------

def cbpe(reference, rows):
    """Confidence calibrated per class by isotonic regression, renormalised (NannyML's CBPE)."""
    p = np.zeros_like(rows["p"])
    for k, c in enumerate(reference["classes"]):
        fit = IsotonicRegression(out_of_bounds="clip", y_min=0, y_max=1).fit(reference["p"][:, k], reference["truth"] == c)
        p[:, k] = fit.predict(rows["p"][:, k])
    p /= np.maximum(p.sum(1, keepdims=True), 1e-9)
    at = np.searchsorted(rows["classes"], rows["said"])
    return p[np.arange(len(at)), at].mean()


def doc(reference, rows):
    """Difference of confidences (Guillory et al. 2021)."""
    return reference["correct"].mean() + rows["confidence"].mean() - reference["confidence"].mean()


def atc(reference, rows):
    """Average thresholded confidence (Garg et al. 2022), maximum confidence."""
    threshold = np.quantile(reference["confidence"], 1 - reference["correct"].mean())
    return (rows["confidence"] >= threshold).mean()


def others(reference, rows):
    return {"nothing changed": reference["correct"].mean(), "mean confidence": rows["confidence"].mean(),
            "CBPE": cbpe(reference, rows), "DoC": doc(reference, rows), "ATC": atc(reference, rows)}


def nannyml_cbpe(reference, rows):
    """NannyML's own CBPE; None where it is not installed or will not run."""
    os.environ["NML_DISABLE_USAGE_LOGGING"] = "1"       # or it reports its use to a server
    try:
        import nannyml
        import pandas
    except ImportError as why:
        print(f"  NannyML is not compared: {why}")
        return None
    names = {str(c): f"p{c}" for c in reference["classes"]}

    def frame(r):
        d = {f"p{c}": r["p"][:, k] for k, c in enumerate(r["classes"])}
        d.update(said=r["said"].astype(str), truth=r["truth"].astype(str))
        return pandas.DataFrame(d)
    try:
        estimator = nannyml.CBPE(metrics=["accuracy"], y_pred_proba=names, y_pred="said", y_true="truth",
                                 problem_type="classification_multiclass", chunk_number=1)
        estimator.fit(frame(reference))
        found = estimator.estimate(frame(rows)).filter(period="analysis").to_df()
        return float(found[("accuracy", "value")].iloc[0])
    except Exception as why:                # a peer that fails is a line in the table, not an end
        print(f"  NannyML failed: {type(why).__name__}: {why}")
        return None


# ---- gas -----------------------------------------------------------------------------

def batch(folder, number):
    x, y = [], []
    with open(os.path.join(folder, f"batch{number}.dat"), encoding="ascii") as f:
        for line in f:
            head, *values = line.split()
            y.append(int(head.split(";")[0]))
            x.append([float(v.split(":")[1]) for v in values])
    return np.array(x), np.array(y)


def gas_world(data, seed):
    """Reference, groups and batches as every model judges them."""
    x = np.vstack([data[1][0], data[2][0]])
    y = np.concatenate([data[1][1], data[2][1]])
    came = np.repeat([1, 2], [len(data[1][1]), len(data[2][1])])
    x, xr, y, yr, came, _ = train_test_split(x, y, came, test_size=.3, random_state=seed, stratify=y)
    full = Committee(x, y, seed)
    reference = full.judge(xr, yr)
    groups = [Committee(x[came == b], y[came == b], seed).judge(x[came != b], y[came != b]) for b in (1, 2)]
    return reference, groups, {b: full.judge(*data[b]) for b in BATCHES}


def gas(program, folder, seeds, shared):
    data = {b: batch(os.path.join(shared, "gas"), b) for b in range(1, 7)}
    error, covered, labelled, widths, flags = {}, {}, {}, [], {}
    nanny = nannyml_works = None
    for seed in range(seeds):
        reference, groups, batches = gas_world(data, seed)
        random = np.random.default_rng(seed)
        for name in MODELS:
            ours = Dura(program, folder, reference[name], [x[name] for x in groups])
            for b in BATCHES:
                rows = batches[b][name]
                true = rows["correct"].mean()
                answer = ours.answer(rows)
                found = others(reference[name], rows)
                found["dura"] = answer["estimate"]
                if nannyml_works is not False and seed == 0:
                    nanny = nannyml_cbpe(reference[name], rows)
                    nannyml_works = nanny is not None
                    if nanny is not None:
                        found["NannyML"] = nanny
                for method, value in found.items():
                    error.setdefault((method, name, b), []).append(100 * abs(value - true))
                covered.setdefault((name, b), []).append(answer["low"] <= true <= answer["high"])
                widths.append(100 * (answer["high"] - answer["low"]))
                for why in answer["why"]:
                    flags[why] = flags.get(why, 0) + 1
                for n in LABELS * DRAWS:
                    truth = np.full(len(rows["correct"]), -1)
                    chosen = random.choice(len(truth), n, replace=False)
                    truth[chosen] = rows["correct"][chosen]
                    answer = ours.answer(rows, truth)
                    labelled.setdefault(n, []).append((100 * abs(answer["estimate"] - true), answer["low"] <= true <= answer["high"],
                                                       100 * (answer["high"] - answer["low"]),
                                                       100 * abs(rows["correct"][chosen].mean() - true)))
    return report_gas(error, covered, labelled, widths, flags, seeds)


def report_gas(error, covered, labelled, widths, flags, seeds):
    print(f"\nGas sensors, trained on batches 1-2, accuracy of batches 3-6; {seeds} seeds; mean absolute error, points")
    print(f"  {'':16}" + "".join(f"{m:>11}" for m in MODELS) + f"{'batch 3':>10}{'4-6':>7}{'all':>7}{'worst':>7}")
    methods = list(METHODS) + (["NannyML"] if ("NannyML", MODELS[0], 3) in error else [])
    for method in methods:
        e = {k[1:]: np.mean(v) for k, v in error.items() if k[0] == method}
        print(f"  {method:16}" + "".join(f"{np.mean([e[m, b] for b in BATCHES]):11.1f}" for m in MODELS) +
              f"{np.mean([e[m, 3] for m in MODELS]):10.1f}{np.mean([v for k, v in e.items() if k[1] > 3]):7.1f}"
              f"{np.mean(list(e.values())):7.1f}{max(e.values()):7.1f}")
    share = {k: np.mean(v) for k, v in covered.items()}
    print(f"  90 % interval without labels: holds {100 * np.mean(list(share.values())):.1f} % (batches 4-6 "
          f"{100 * np.mean([v for k, v in share.items() if k[1] > 3]):.1f} %), mean width {np.mean(widths):.0f} points; "
          "falls short: " + (", ".join(f"{m} batch {b} {100 * v:.0f} %" for (m, b), v in share.items() if v < 1) or "nowhere"))
    print("  said of it: " + ", ".join(f"{k} {n} of {len(widths)}" for k, n in sorted(flags.items())))
    print(f"  {'labels':>8}{'dura':>8}{'plain':>8}{'holds':>9}{'width':>8}")
    for n, v in sorted(labelled.items()):
        v = np.array(v, dtype=float)
        print(f"  {n:8}{v[:, 0].mean():8.1f}{v[:, 3].mean():8.1f}{100 * v[:, 1].mean():8.1f}%{v[:, 2].mean():8.0f}")
    claims = {"gas without labels, points <= 8": np.mean([np.mean(v) for k, v in error.items() if k[0] == "dura"]) <= 8,
              "its 90 % interval holds >= 90 %": np.mean(list(share.values())) >= .9,
              "with 30 labels, points <= 5": np.mean([v[0] for v in labelled[30]]) <= 5,
              "its 90 % interval holds >= 90 % ": np.mean([v[1] for v in labelled[30]]) >= .9}
    return claims


# ---- inputs that move in ways no group did -------------------------------------------

def worn(x, how, random):
    """Digits as another camera sees them."""
    image = x.reshape(-1, 8, 8)
    if how.startswith("shifted"):
        axis, by = {"l": (2, -1), "r": (2, 1), "u": (1, -1), "d": (1, 1)}[how[-1]]
        return np.roll(image, by, axis).reshape(len(x), -1)
    if how == "blurred":
        return ((image + np.roll(image, 1, 1) + np.roll(image, 1, 2) + np.roll(image, (1, 1), (1, 2))) / 4).reshape(len(x), -1)
    if how == "dead row":
        image = image.copy()
        image[:, 3, :] = 0
        return image.reshape(len(x), -1)
    if how == "dead pixels":
        return np.where(random.random(64) < .2, 0, x)
    strength = float(how.split()[1])
    if how.startswith("noise"):
        return x + random.normal(0, strength, x.shape)
    return np.clip(x * strength, 0, 16) if how.startswith("gain") else x + strength


WEAR = ("shifted l", "shifted r", "shifted u", "shifted d", "blurred", "dead row", "dead pixels", "gain 0.5", "gain 2", "offset 3",
        "noise 3", "noise 6")


def wear(program, folder, seeds):
    """Groups: a dim camera and a noisy one. Then twelve others."""
    error, covered, unknown, answers, width = {}, [], 0, 0, []
    for seed in range(seeds):
        random = np.random.default_rng(100 + seed)
        x, y = load_digits(return_X_y=True)
        order = random.permutation(len(y))
        x, y = x[order], y[order]
        full = Committee(x[:700], y[:700], seed)
        reference = full.judge(x[700:1000], y[700:1000])
        groups = [full.judge(worn(x[1000:1200], "gain 0.7", random), y[1000:1200]),
                  full.judge(worn(x[1200:1400], "noise 4", random), y[1200:1400])]
        for how in WEAR:
            now = full.judge(worn(x[1400:], how, random), y[1400:])
            for model in MODELS:
                true = now[model]["correct"].mean()
                found = Dura(program, folder, reference[model], [g[model] for g in groups]).answer(now[model])
                answers += 1
                covered.append(found["low"] <= true <= found["high"])
                width.append(100 * (found["high"] - found["low"]))
                unknown += "unknowable" in found["why"]
                for method, value in {**others(reference[model], now[model]), "dura": found["estimate"]}.items():
                    error.setdefault(method, []).append(100 * abs(value - true))
    print(f"\nDigits through {len(WEAR)} worn cameras, groups from two others; {seeds} seeds x 3 models; mean absolute error, points")
    print("  " + ", ".join(f"{m} {np.mean(error[m]):.1f}" for m in METHODS))
    print(f"  90 % interval without labels holds {100 * np.mean(covered):.1f} % of {answers}, mean width {np.mean(width):.0f} points; "
          f"unknowable (0 to 100) {unknown}")


# ---- P(y|x) that changes ----------------------------------------------------------------

def streams(seed):
    """name, x, y with the concept of training; then the chunks of use: x, y."""
    random = np.random.default_rng(seed)

    def sea(n, threshold):
        x = random.uniform(0, 10, (n, 3))
        y = (x[:, 0] + x[:, 1] > threshold).astype(int)
        flip = random.random(n) < .1
        return x, np.where(flip, 1 - y, y)

    def plane(n, angle):
        x = random.normal(0, 1, (n, 6))
        return x, (np.cos(angle) * x[:, 0] + np.sin(angle) * x[:, 1] + random.normal(0, .3, n) > 0).astype(int)
    yield "SEA, threshold moves", *sea(3000, 8), [sea(500, 8 + k) for k in range(9)]
    yield "hyperplane turns", *plane(3000, 0), [plane(500, .15 * k) for k in range(9)]
    x, y = load_digits(return_X_y=True)
    order = random.permutation(len(y))
    x, y = x[order] + random.normal(0, 1, x.shape), y[order]
    chunks = []
    for k in range(8):
        part = slice(900 + 100 * k, 1000 + 100 * k)
        swap = random.permutation(10)[:k]
        moved = y[part].copy()
        moved[np.isin(moved, swap)] = (moved[np.isin(moved, swap)] + 1) % 10
        chunks.append((x[part], moved))
    yield "digits, classes renamed", x[:900], y[:900], chunks


def concept(program, folder, seeds):
    print(f"\nP(y|x) changes, inputs do not; {seeds} seeds x 3 models; mean absolute error, points")
    print(f"  {'stream':26}{'dura':>7}{'no change':>11}{'CBPE':>7}{'DoC':>7}{'ATC':>7}{'ratio':>8}  said")
    worst = 0.0
    for at in range(3):
        error, said, answers, name = {}, 0, 0, ""
        for seed in range(seeds):
            name, x, y, chunks = list(streams(seed))[at]
            half = 2 * len(y) // 3
            full = Committee(x[:half], y[:half], seed)
            reference = full.judge(x[half:], y[half:])
            # Groups: thirds of the training data, each judged by the others.
            third = np.arange(half) * 3 // half
            groups = [Committee(x[:half][third != g], y[:half][third != g], seed).judge(x[:half][third == g], y[:half][third == g])
                      for g in range(3)]
            for cx, cy in chunks:
                now = full.judge(cx, cy)
                for model in MODELS:
                    true = now[model]["correct"].mean()
                    answer = Dura(program, folder, reference[model], [g[model] for g in groups]).answer(now[model])
                    answers += 1
                    said += "no_labels" in answer["why"]
                    for method, value in {**others(reference[model], now[model]), "dura": answer["estimate"]}.items():
                        error.setdefault(method, []).append(100 * abs(value - true))
        e = {m: np.mean(v) for m, v in error.items()}
        ratio = e["dura"] / e["nothing changed"]
        worst = max(worst, ratio)
        print(f"  {name:26}{e['dura']:7.2f}{e['nothing changed']:11.2f}{e['CBPE']:7.2f}{e['DoC']:7.2f}{e['ATC']:7.2f}{ratio:8.3f}"
              f"  \"cannot be known without labels\" {said} of {answers}")
    return {"P(y|x) changes: never worse than nothing changed": worst <= 1.0001}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--dura", default="build/release/dura")
    parser.add_argument("--seeds", type=int, default=5)
    options = parser.parse_args()
    here = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    shared = os.environ.get("DURA_DATA", os.path.join(here, "..", "shared", "data"))
    if not os.path.exists(options.dura):
        sys.exit(f"{options.dura} is not there: build it, or give --dura")
    print(f"scikit-learn {sklearn.__version__}, numpy {np.__version__}")
    import warnings
    warnings.filterwarnings("ignore")
    claims = {}
    with tempfile.TemporaryDirectory() as folder:
        if os.path.exists(os.path.join(shared, "gas", "batch6.dat")):
            claims.update(gas(options.dura, folder, options.seeds, shared))
        else:
            print(f"SKIPPED: no {shared}/gas (DURA_DATA): gas sensor array drift, UCI machine learning repository")
        wear(options.dura, folder, max(1, options.seeds // 2))
        claims.update(concept(options.dura, folder, max(1, options.seeds // 2)))
    for claim, holds in claims.items():
        print(f"{'ok    ' if holds else 'FAILED'} {claim}")
    sys.exit(0 if all(claims.values()) else 1)


main()
