# SPDX-License-Identifier: Apache-2.0
"""What README.md shows is what happens: its program, its output, its summary, its links."""
import glob
import re
import shutil
import subprocess

import pytest
from cliworld import TREE

README = (TREE / "README.md").read_text()


def blocks(language):
    fenced = re.findall(r"^```(\w*)\n(.*?)^```$", README, re.S | re.M)
    return [text for named, text in fenced if named == language]


def test_the_program_compiles_and_prints_what_is_shown(tmp_path):
    compiler = shutil.which("cc") or shutil.which("gcc")
    if not compiler:
        pytest.skip("no compiler")
    source = tmp_path / "main.c"
    source.write_text(blocks("c")[0])
    core = sorted(glob.glob(str(TREE / "src/base/*.c")) + glob.glob(str(TREE / "src/sensor/*.c")))
    subprocess.run([compiler, "-std=c99", "-Wall", "-Wextra", "-Werror", "-I", str(TREE / "include"), str(source),
                    *core, "-o", str(tmp_path / "main")], check=True)
    printed = subprocess.run([str(tmp_path / "main")], stdout=subprocess.PIPE, text=True, check=True).stdout
    assert printed in blocks("")


def test_the_summary_is_that_of_the_quick_start(world):
    example = TREE / "examples" / "quickstart"
    done = world.dura("run", "--policy", example / "policy.json", "--model", example / "model.json",
                      "--frames", example / "frames.csv", "--state", world.state, "--out", world.out)
    assert done.stdout.split("\n\nlogs ")[0] + "\n" in blocks("")


def test_every_link_leads_somewhere():
    for link in re.findall(r"\]\(([^)#:]+)\)", README):
        assert (TREE / link).exists(), link


def test_the_first_screen_is_short():
    """One sentence, guarantees, set-up and a program come before anything else."""
    assert README.index("| module |") < 3800 and README.count("\n## ") <= 3
