#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Power cuts of the gate, drawn at random: soak_gate_power.sh [RUNS, default 10000000] [SEED, default 1]
# [PROCESSES, default all processors]. Built as released; stops at the first run that leaves a brick, loses a
# floor or takes an approval again. One seed and one count are the same runs again.
set -eu
cd "$(dirname "$0")/.."
runs=${1:-10000000} seed=${2:-1} jobs=${3:-$(nproc)}
cmake --preset release -DDURA_TESTS=ON > /dev/null
cmake --build build/release --target test_gate_cuts > /dev/null
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
pids="" i=0
while [ $i -lt "$jobs" ]; do
    DURA_POWER_RUNS=$(((runs + jobs - 1) / jobs)) DURA_POWER_SEED=$((seed + i * 1000000000)) \
        build/release/test_gate_cuts gate_chains > "$out/$i" 2>&1 &
    pids="$pids $!" i=$((i + 1))
done
status=0
for pid in $pids; do
    wait "$pid" || status=1
done
cat "$out"/*
awk '/ runs from seed /{n += $1} END {print n + 0, "runs in all"}' "$out"/*
exit $status
