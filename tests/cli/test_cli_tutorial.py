# SPDX-License-Identifier: Apache-2.0
"""docs/tutorial.md, docs/signed-policy.md and docs/update-a-brain.md, typed as they stand: every block of commands runs, in order, in one empty
folder, and prints the lines that the page shows behind it. A line with "..." in it is held to
what is left of the dots; keys, origins and the length of a run's path differ and are not shown.
"""
import os
import re
import subprocess

import pytest
from cliworld import TREE

NO = {   # commands whose answer is no, the first time
    "tutorial.md": ["dura verify copy", "dura gate check rel.dura"],
    "signed-policy.md": ["dura gate check rel.dura"],
    "update-a-brain.md": [],
}


def blocks(page):
    """(commands, shown) in the page's order."""
    found = re.findall(r"^```\n(.*?)^```$", (TREE / "docs" / page).read_text(), re.S | re.M)
    commands = re.compile(r"^(export|dura|sed|cp|printf|cat) ")
    out = []
    for text in found:
        if commands.match(text):
            out.append([text, ""])
        else:
            assert out, "an output before any command"
            out[-1][1] += text
    return out


def squeezed(text):
    return re.sub(r"\s+", " ", text).strip()


@pytest.mark.parametrize("page, least", [("tutorial.md", 13), ("signed-policy.md", 9), ("update-a-brain.md", 11)])
def test_the_page_is_what_happens(world, page, least):
    folder = world.folder / "empty"
    tools = world.folder / "bin"
    folder.mkdir()
    tools.mkdir()
    (tools / "dura").symlink_to(world.cli)
    env = dict(os.environ, PATH=f"{tools}:{os.environ['PATH']}", HOME=str(world.folder), DURA_STATE=str(folder / "state"))
    seen, left = blocks(page), NO[page]
    assert len(seen) >= least
    for commands, shown in seen:
        done = subprocess.run(["bash", "-c", commands], cwd=folder, env=env, text=True, timeout=300,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        no = [c for c in left if c in commands][:1]
        left = [c for c in left if c not in no]
        assert done.returncode == len(no), (commands, done.returncode, done.stdout)
        printed = squeezed(done.stdout)
        for line in shown.splitlines():
            for piece in line.split("..."):
                assert squeezed(piece) in printed, (commands, piece, done.stdout)
    assert not left
