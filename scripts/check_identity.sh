#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# tests/test_identity.c with both compilers at -O0, -O1, -O2, -O3 and -Os on this machine: the same
# digests of logs and answers each time. Other targets run the same test in their presets.
set -euo pipefail
cd "$(dirname "$0")/.."
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
n=0
for compiler in gcc clang-14; do
    for level in -O0 -O1 -O2 -O3 -Os; do
        $compiler -std=gnu99 $level -ffp-contract=off -DDURA_STATIC -DDT_PLAIN -Wno-format-zero-length \
            -Iinclude -Isrc -Itests src/{base,link,sensor,block,feature,backend,log,drift,mspc,histogram,accuracy,correlate,gate,guard}/*.c src/host/dura_host_sodium.c \
            src/host/dura_host_sha256*.c tests/sim/*.c tests/dt_main.c tests/test_identity.c -lsodium -o "$out/identity"
        "$out/identity" > "$out/log" || { echo "$compiler $level:"; cat "$out/log"; exit 1; }
        n=$((n + 1))
    done
done
echo "identity: $n builds, the same bytes and answers; ok"
