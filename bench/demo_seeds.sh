#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# `dura demo` for many seeds: how many tell all eight episodes right, and which do not.
#   bench/demo_seeds.sh FIRST LAST [DURA]
set -euo pipefail
first=${1:?first seed} last=${2:?last seed} dura=${3:-$(dirname "$0")/../build/release/dura}
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
right=0
for seed in $(seq "$first" "$last"); do
    "$dura" demo --seed "$seed" --out "$out/$seed" --json > "$out/told" || true
    n=$(grep -o '"right":[0-9]' "$out/told" | cut -d: -f2)
    [ "$n" = 8 ] && right=$((right + 1)) || echo "seed $seed: ${n:-0} of 8 right"
    rm -rf "${out:?}/$seed"
done
echo "seeds $first to $last: $right of $((last - first + 1)) have all eight episodes right"
