# SPDX-License-Identifier: Apache-2.0
"""kill -9 at random moments, again and again, until the recording is through.

DURA_KILLS says how often (default 20; CI takes 100). Each time a run gets to its end it
must verify as INTACT, hold every row exactly once and replay equal; then a new one starts
until all kills are spent.
"""
import json
import os
import random
import re
import subprocess
import time

from cliworld import csv

ROWS = 20000


def killed_run(world, delay):
    """One attempt, killed after `delay` seconds. True when it was through before that."""
    child = subprocess.Popen(world.command(*world.run_args("--resume")), cwd=world.folder,
                             stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    try:
        code = child.wait(delay)
        assert code == 0, child.stderr.read()
        return True
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()
        return False
    finally:
        child.stderr.close()


def check_whole(world):
    verdict = world.verify()
    assert verdict.stdout.split()[0] == "INTACT", verdict.stdout
    replayed = world.dura("replay", world.out).stdout
    assert re.match(rf"{ROWS} of {ROWS} decisions equal, bit for bit\n", replayed), replayed


def closed(world):
    """After a kill the run is cut, and --resume must go on; or the kill came behind the end."""
    verdict = world.verify("--json")
    if verdict.returncode == 2:                # killed before there was a log
        return False
    told = json.loads(verdict.stdout)
    if not any(told["records"].values()):      # or before there was a key to vouch for
        return False
    assert told["word"] in ("CUT", "INTACT"), verdict.stdout
    return told["word"] == "INTACT"


def test_kills_lose_nothing_that_was_recorded(world):
    world.write("frames.csv", csv(ROWS))
    world.write_policy(lambda p: p["logs"].update(commit_records=32, seal_records=2000))
    left, runs, rng = int(os.environ.get("DURA_KILLS", "20")), 0, random.Random(7)
    begun = time.monotonic()
    assert world.run("--resume").returncode == 0
    whole = time.monotonic() - begun
    check_whole(world)
    while left:
        runs += 1
        world.out = world.folder / f"run{runs}"
        through = False
        while left and not through:
            through = killed_run(world, rng.uniform(0, min(whole, 0.5)))
            if not through:
                left -= 1
                through = closed(world)
        if not through:
            done = world.run("--resume")
            assert done.returncode == 0, done.stderr
        check_whole(world)
        assert [d["frame"] for d in world.decisions()] == list(range(ROWS))
