#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""dura's own evidence pack, made by dura: make_evidence.py [--dura CLI] [--tests BUILD] -o DIR

Runs the demo, drills docs/evidence/register.json, holds the logs against it, and lets a release of the
shared library carry what was done for it: the last test run of a build folder (ctest's own
log: unit tests, replayed fuzz corpora, gates), a bill of materials, the register. What is not
there is a gap and is printed as one. Ends by running the pack's own verifier.
"""
import argparse
import glob
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile

TOP = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..")
STATEMENT, TEST = "https://in-toto.io/Statement/v1", "https://in-toto.io/attestation/test-result/v0.1"
# Which tests stand for which practice, by the names ctest knows them under.
KINDS = (("test_", "unit.json", "SVV-1,A.6.2.4"), ("replay_", "corpus.json", "SVV-3"), ("gate_", "gates.json", "SI-2"))


def digest(path):
    with open(path, "rb") as file:
        return hashlib.sha256(file.read()).hexdigest()


def tree_digest(folders):
    """One digest over names and bytes of the sources."""
    h = hashlib.sha256()
    for folder in folders:
        for path in sorted(glob.glob(os.path.join(TOP, folder, "**", "*.[ch]"), recursive=True)):
            h.update(f"{os.path.relpath(path, TOP)}\n{digest(path)}\n".encode())
    return h.hexdigest()


def version_of(package):
    told = subprocess.run(["pkg-config", "--modversion", package], stdout=subprocess.PIPE, text=True)
    return told.stdout.strip() if told.returncode == 0 else None


def bill(version):
    parts = [{"type": "library", "bom-ref": "dura", "name": "dura", "version": version, "licenses": [{"license": {"id": "Apache-2.0"}}],
              "hashes": [{"alg": "SHA-256", "content": tree_digest(("src", "include"))}],
              "description": "the digest is over names and SHA-256 of every source and header"}]
    for name, licence in (("libsodium", "ISC"), ("libcjson", "MIT")):
        parts.append({"type": "library", "bom-ref": name, "name": name, "version": version_of(name) or "unknown",
                      "licenses": [{"license": {"id": licence}}], "scope": "required"})
    return {"bomFormat": "CycloneDX", "specVersion": "1.6", "version": 1, "components": parts,
            "dependencies": [{"ref": "dura", "dependsOn": ["libsodium", "libcjson"]}]}


def statement(subject, kind, predicate):
    return {"_type": STATEMENT, "subject": [{"name": "libdura.so", "digest": {"sha256": subject}}], "predicateType": kind, "predicate": predicate}


def results(build):
    """Test name -> passed, out of the log of the last ctest."""
    path = os.path.join(build, "Testing", "Temporary", "LastTest.log")
    if not os.path.exists(path):
        return {}
    with open(path, errors="replace") as file:
        text = file.read()
    blocks = re.split(r"^\d+/\d+ Test(?:ing)?: ", text, flags=re.M)[1:]
    said = {}
    for block in blocks:
        name = block.split("\n", 1)[0].strip()
        end = re.findall(r"^Test (Passed|Failed)\.", block, re.M)
        said[name] = bool(end) and end[-1] == "Passed"
    return said


def attestations(folder, subject, build, version):
    files = []

    def put(name, value, practices):
        with open(os.path.join(folder, name), "w") as file:
            json.dump(value, file, indent=1, sort_keys=True)
        files.append(f"{os.path.join(folder, name)}={practices}")
    said = results(build) if build else {}
    for prefix, name, practices in KINDS:
        mine = sorted(n for n in said if n.startswith(prefix))
        failed = [n for n in mine if not said[n]]
        if not mine or failed:
            print(f"gap: {practices}: " + (f"{', '.join(failed)} failed" if failed else "no such test in the last run"))
            continue
        put(name, statement(subject, TEST, {"result": "PASSED", "configuration": [], "passedTests": mine, "failedTests": []}), practices)
    put("bom.json", bill(version), "SM-9,SUM-3")
    register = os.path.join(TOP, "docs", "evidence", "register.json")
    put("risk.json", statement(subject, "urn:dura:risk:1", {"acceptedBy": "maintainers", "residual": "see the register",
                                                           "register_sha256": digest(register)}), "SR-2")
    return files


def run(*command, **how):
    told = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, **how)
    if told.returncode != 0:
        raise SystemExit(f"{' '.join(map(str, command[:3]))}: {told.stdout}")
    return told.stdout


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--dura", default=os.path.join(TOP, "build", "release", "dura"))
    parser.add_argument("--tests", default=os.path.join(TOP, "build", "check"), help="build folder whose last ctest is attested")
    parser.add_argument("-o", "--out", required=True)
    args = parser.parse_args()
    dura, out = os.path.abspath(args.dura), os.path.abspath(args.out)
    library = sorted(glob.glob(os.path.join(os.path.dirname(dura), "libdura.so*")))[-1]
    version = run(dura, "--version").split()[1]
    shutil.rmtree(out, ignore_errors=True)
    with tempfile.TemporaryDirectory(prefix="dura-evidence-") as work:
        demo = os.path.join(work, "demo")
        run(dura, "demo", "--out", demo)
        with open(os.path.join(demo, "clean.csv")) as clean, open(os.path.join(work, "clean.csv"), "w") as part:
            part.writelines(line for _, line in zip(range(6001), clean))
        register = os.path.join(TOP, "docs", "evidence", "register.json")
        run(dura, "drill", "--register", register, "--policy", os.path.join(demo, "policy.json"), "--model", os.path.join(demo, "model.json"),
            "--frames", os.path.join(work, "clean.csv"), "--out", os.path.join(work, "drill"))
        files = attestations(work, digest(library), args.tests, version)
        rel = os.path.join(work, "dura.rel")
        run(dura, "release", "make", "--component", "box", "--firmware", library, "--policy", os.path.join(demo, "policy.json"),
            "--version", "1", "--name", f"dura {version}", "-o", rel, "--attest", *files)
        print(run(dura, "evidence", os.path.join(demo, "run"), "--register", register, "--drill", os.path.join(work, "drill", "drill.json"),
                  "--state", os.path.join(demo, "state"), "-o", out, "--release", rel + ".evidence.json"), end="")
    print(run(sys.executable, os.path.join(out, "verify.py")), end="")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
