# SPDX-License-Identifier: Apache-2.0
"""tests/vectors/gate is what scripts/make_vectors_gate.py writes, byte for byte."""
import pathlib
import subprocess
import sys

import pytest

TREE = pathlib.Path(__file__).resolve().parents[2]
pytest.importorskip("cryptography.hazmat.primitives.asymmetric.ed25519")


def test_the_published_vectors_are_those_of_the_script(tmp_path):
    subprocess.run([sys.executable, str(TREE / "scripts" / "make_vectors_gate.py"), str(tmp_path)], check=True, stdout=subprocess.DEVNULL)
    made = {p.name: p.read_bytes() for p in tmp_path.iterdir()}
    kept = {p.name: p.read_bytes() for p in (TREE / "tests" / "vectors" / "gate").glob("*.json")}
    assert made == kept and len(made) == 15
