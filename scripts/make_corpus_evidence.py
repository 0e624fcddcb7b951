#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""make_corpus_evidence.py: write fuzz/corpus/evidence.

A head byte (bit 0: statements must be signed) and one document of every kind, about SHA-256 of
"firmware"; some of them wrong. The same files each time.
"""
import base64
import hashlib
import json
import os

OUT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "fuzz", "corpus", "evidence")
FW = hashlib.sha256(b"firmware").hexdigest()


def statement(kind, predicate, digest=FW):
    return {"_type": "https://in-toto.io/Statement/v1", "subject": [{"name": "fw", "digest": {"sha256": digest}}],
            "predicateType": kind, "predicate": predicate}


TEST = "https://in-toto.io/attestation/test-result/v0.1"
PASSED = statement(TEST, {"result": "PASSED", "passedTests": ["a"]})
FILES = {
    "test": PASSED, "failed": statement(TEST, {"result": "FAILED"}), "other": statement(TEST, {"result": "PASSED"}, "0" * 64),
    "review": statement("urn:dura:review:1", {"result": "APPROVED"}),
    "risk": statement("urn:dura:risk:1", {"acceptedBy": "k", "residual": "low"}),
    "provenance": statement("https://slsa.dev/provenance/v1", {"buildDefinition": {"resolvedDependencies": [
        {"digest": {"gitCommit": "a" * 40}}]}}),
    "summary": statement("https://slsa.dev/verification_summary/v1", {"verificationResult": "PASSED"}),
    "unknown": statement("https://example.com/x", {}),
    "bom": {"bomFormat": "CycloneDX"}, "spdx": {"spdxVersion": "SPDX-2.3"},
    "mlflow": {"info": {"status": "FINISHED"}, "data": {"tags": {}}},
    "training": {"dura_training": 1, "csv": "r.csv", "sha256": "0" * 64, "suspect": 0, "run": {"verify": "INTACT"}},
    "envelope": {"payload": base64.b64encode(json.dumps(PASSED).encode()).decode(), "payloadType": "application/vnd.in-toto+json",
                 "signatures": [{"keyid": "", "sig": base64.b64encode(bytes(64)).decode()}]},
    "index": {"component": "box", "dura_evidence": 1, "items": [{"name": "f.json", "sha256": FW, "practices": ["SVV-1"]}],
              "practices": ["SVV-1"], "subject": FW},
}


def main():
    os.makedirs(OUT, exist_ok=True)
    for name, value in FILES.items():
        for bit, suffix in ((0, ""), (1, "_signed")):
            with open(os.path.join(OUT, name + suffix), "wb") as f:
                f.write(bytes([bit]) + json.dumps(value, separators=(",", ":")).encode())
    for name, raw in (("empty", b""), ("brace", b"\0{"), ("number", b"\0000"), ("twice", b"\0{\"_type\":1,\"_type\":1}")):
        with open(os.path.join(OUT, name), "wb") as f:
            f.write(raw)


if __name__ == "__main__":
    main()
