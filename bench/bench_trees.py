#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Train 50 trees of depth 4 over 8 features, pack them, and let bench_trees race XGBoost's library.

    DURA_CLI=build/release/dura bench/bench_trees.py build/release/bench_trees [require]

Wants xgboost and numpy (the versions .ci/run pins).
"""
import os
import pathlib
import subprocess
import sys
import tempfile

import numpy
import xgboost


def main():
    rng = numpy.random.default_rng(9)
    x = rng.normal(size=(2000, 8)).astype(numpy.float32)
    y = x[:, 0] * x[:, 1] + numpy.sin(2 * x[:, 2]) + 0.3 * x[:, 3:].sum(axis=1) + rng.normal(size=2000) * 0.1
    booster = xgboost.train({"max_depth": 4, "eta": 0.1, "nthread": 1}, xgboost.DMatrix(x, y), 50)
    library = pathlib.Path(xgboost.__file__).parent / "lib" / "libxgboost.so"
    with tempfile.TemporaryDirectory() as folder:
        model, image = f"{folder}/m.json", f"{folder}/m.bin"
        booster.save_model(model)
        subprocess.run([os.environ.get("DURA_CLI", "build/release/dura"), "pack", model, "-o", image], check=True)
        print(f"XGBoost {xgboost.__version__}, {sum(1 for _ in booster.get_dump())} trees", flush=True)
        return subprocess.run([sys.argv[1], str(library), model, image, *sys.argv[2:]],
                              env={**os.environ, "OMP_NUM_THREADS": "1"}).returncode


if __name__ == "__main__":
    sys.exit(main())
