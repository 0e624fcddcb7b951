# SPDX-License-Identifier: Apache-2.0
"""The pages of docs/checks: their pictures are what the library draws, their tables what it translates."""
import ctypes
import os
import re
import sys

import pytest

from dura import _abi
from dura._load import lib

TOP = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "..")
PAGES = os.path.join(TOP, "docs", "checks")
sys.path.insert(0, os.path.join(TOP, "scripts"))
import make_check_pictures  # noqa: E402

NE107 = ["normal", "failure", "check function", "out of specification", "maintenance"]
# OPC UA Part 6, table of status codes.
OPCUA = {"BadInvalidTimestamp": 0x80230000, "BadNoCommunication": 0x80310000, "BadOutOfRange": 0x803C0000,
         "BadSensorFailure": 0x808C0000, "UncertainLastUsableValue": 0x40900000,
         "UncertainSubstituteValue": 0x40910000, "UncertainInitialValue": 0x40920000,
         "UncertainSensorNotAccurate": 0x40930000, "UncertainEngineeringUnitsExceeded": 0x40940000,
         "UncertainSubNormal": 0x40950000}
# IEC 61850-7-3: validity in elements 0 and 1, then a bit each.
QUALITY = {"invalid": 2, "questionable": 3, "overflow": 1 << 2, "outOfRange": 1 << 3, "badReference": 1 << 4,
           "failure": 1 << 6, "oldData": 1 << 7, "inconsistent": 1 << 8, "inaccurate": 1 << 9,
           "source substituted": 1 << 10}


@pytest.mark.parametrize("name", make_check_pictures.PICTURES)
def test_a_picture_is_what_the_library_draws(name):
    with open(os.path.join(PAGES, name + ".svg"), encoding="utf-8") as f:
        assert f.read() == make_check_pictures.PICTURES[name]().text()


def rows():
    """(page, names with their bits, the sensor's reason they are passed on as, in other words)."""
    for page in sorted(os.listdir(PAGES)):
        if page.endswith(".md"):
            with open(os.path.join(PAGES, page), encoding="utf-8") as f:
                for line in f:
                    cells = [c.strip() for c in line.strip().strip("|").split("|")]
                    names = re.findall(r"(\w+) \((\d+)\)", cells[0])
                    if len(cells) >= 5 and names:
                        for name, bit in names:
                            yield page, name, int(bit), cells[2] if len(cells) == 6 else name, cells[-3:]


@pytest.mark.parametrize("page, name, bit, reason, said", list(rows()))
def test_a_reason_means_in_other_words_what_the_page_says(page, name, bit, reason, said):
    assert getattr(_abi, ("DURA_B_" if page.startswith("block-") else "DURA_R_") + name) == 1 << bit
    status = _abi.dura_sensor_status()
    status.struct_size = ctypes.sizeof(status)
    assert lib.dura_sensor_translate(getattr(_abi, "DURA_R_" + reason), None, ctypes.byref(status)) == 0
    quality = 0
    for word in said[2].split(", "):
        quality |= QUALITY[word]
    assert (NE107[status.ne107], status.opcua) == (said[0], OPCUA[said[1]])
    assert status.iec61850 & quality == quality


def test_every_reason_is_on_a_page_and_every_picture_too():
    for prefix, of_block in (("DURA_R_", False), ("DURA_B_", True)):
        known = {name[len(prefix):] for name in dir(_abi) if name.startswith(prefix)} - {"TIME", "REPEAT"}
        assert {name for page, name, _, _, _ in rows() if page.startswith("block-") == of_block} == known
    pictures = {f[:-4] for f in os.listdir(PAGES) if f.endswith(".svg")}
    assert pictures == set(make_check_pictures.PICTURES)
    for name in pictures:
        with open(os.path.join(PAGES, name + ".md"), encoding="utf-8") as f:
            assert f"({name}.svg)" in f.read()
