#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Memcheck on every test, corpus and example: valgrind.sh, or valgrind.sh --one PROGRAM...
# Each process writes a log of its own, because a runner may survive what its child did;
# one log whose ERROR SUMMARY is not 0 is a failure, and so is a run without logs.
set -euo pipefail
cd "$(dirname "$0")/.."
logs=$(mktemp -d)
trap 'rm -rf "$logs"' EXIT
# Compilers and shells that a test calls are not ours to judge.
options="--trace-children=yes --trace-children-skip=/usr/*,/bin/* --leak-check=full
--errors-for-leak-kinds=definite"
status=0

run() {
    local name
    name=$(basename "$1")
    # shellcheck disable=SC2086
    if valgrind $options --log-file="$logs/vg.%p.log" "$@" > "$logs/out.$name" 2>&1; then
        echo "valgrind: $name $(tail -1 "$logs/out.$name")"
    else
        tail -20 "$logs/out.$name"
        echo "exit code not 0: $*" | tee "$logs/bad.$name"
    fi
}

if [ "${1:-}" = --one ]; then
    shift
    run "$@"
else
    cmake --preset valgrind > /dev/null
    cmake --build --preset valgrind > "$logs/build" || { tail -40 "$logs/build"; exit 1; }
    # Two at a time. ctest's own run of this preset keeps no log per process.
    for program in build/valgrind/test_* build/valgrind/replay_*; do
        [ -x "$program" ] && [ -f "$program" ] || continue
        [ "$(jobs -rp | wc -l)" -lt 2 ] || wait -n || true
        case $program in
        *replay_*) run "$program" "fuzz/corpus/${program#*replay_}" & ;;
        *) run "$program" & ;;
        esac
    done
    wait
fi
for bad in "$logs"/bad.*; do
    [ ! -e "$bad" ] || status=1
done

count=0
for log in "$logs"/vg.*.log; do
    [ -e "$log" ] || continue
    # A child that was killed, or became a compiler, has no summary; what was seen counts.
    if grep -q 'ERROR SUMMARY: 0 errors' "$log"; then
        count=$((count + 1))
    elif grep -qE 'ERROR SUMMARY|^==[0-9]+==    at 0x' "$log"; then
        grep -vE 'Memcheck|Copyright|Using Valgrind|^==[0-9]+== $' "$log" | head -30
        status=1
    fi
done
[ "$count" -gt 0 ] || { echo "no process ran under valgrind"; exit 1; }
echo "$count processes under valgrind; $([ $status = 0 ] && echo ok || echo errors)"
exit $status
