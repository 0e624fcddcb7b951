#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Any core .c file compiles with nothing but -Iinclude, as a vendor who copies files does,
# freestanding, and the core asks for four functions and nothing else.
set -euo pipefail
cd "$(dirname "$0")/.."
cc=${1:-cc}
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT

sources=$(ls src/{base,link,sensor,block,feature,backend,log,drift,mspc,histogram,accuracy,correlate,gate,guard}/*.c 2>/dev/null || true)
[ -n "$sources" ] || { echo "no core source found: this check has lost its subject"; exit 1; }
n=0
for source in $sources; do
    "$cc" -std=c99 -ffreestanding -ffp-contract=off -fno-stack-protector -Wall -Wextra \
        -Wpedantic -Werror -Iinclude -O0 -c "$source" -o "$out/$n.o"
    n=$((n + 1))
done

nm -A --undefined-only "$out"/*.o | awk '{print $NF}' | sort -u > "$out/wanted"
nm --defined-only "$out"/*.o | awk 'NF == 3 {print $3}' | sort -u > "$out/given"
# The four of C, and what a 32-bit compiler brings along for 64-bit division.
others=$(comm -23 "$out/wanted" "$out/given" |
         grep -vxE 'memcpy|memset|memcmp|memmove|_GLOBAL_OFFSET_TABLE_|__u?divdi3|__u?moddi3' || true)
if [ -n "$others" ]; then
    echo "the core asks for more than memcpy, memset, memcmp, memmove:" $others
    exit 1
fi
echo "$n core sources compile alone with -Iinclude; the core asks for $(comm -23 "$out/wanted" "$out/given" | wc -l) functions of C; ok"
