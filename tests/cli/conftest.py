# SPDX-License-Identifier: Apache-2.0
"""Fixtures of the command line's tests: a world to run in, and golden outputs."""
import os
import pathlib
import re
import sys
import tempfile

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from cliworld import World, find_cli  # noqa: E402

GOLDEN = pathlib.Path(__file__).parent / "golden"


@pytest.fixture
def world():
    """In memory where that is possible: the tests wait for a few thousand syncs otherwise.
    What a power cut does to a disk is for the log's own tests; here programs are killed."""
    cli = find_cli()
    if not cli:
        pytest.fail("no dura to test: build it, or set DURA_CLI")
    memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    with tempfile.TemporaryDirectory(prefix="dura-", dir=os.environ.get("DURA_TEST_TMP", memory)) as folder:
        yield World(pathlib.Path(folder), cli)


@pytest.fixture
def golden():
    """golden(name, text): text equals the file, digests and keys apart; DURA_UPDATE_GOLDEN=1
    writes it instead."""
    def check(name, text):
        path = GOLDEN / name
        text = re.sub(r"[0-9a-f]{12,}", "<hex>", text)
        text = re.sub(r"\b0\.\d+\.\d+\b", "<version>", text)
        if os.environ.get("DURA_UPDATE_GOLDEN"):
            path.write_text(text)
        assert text == path.read_text(), f"{path} differs; DURA_UPDATE_GOLDEN=1 rewrites it"
    return check
