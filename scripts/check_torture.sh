#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The same verdicts from every compiler, optimisation and rounding mode: builds the sensor and
# tests/test_sensor_torture.c with gcc and clang at -O0, -O2 and -O3, again with subnormals
# flushed to zero and with vectors of eight where this machine has AVX2 (a block is wider then),
# and runs each; all must print one digest. With -ffast-math only the suite
# that rests on bit patterns runs. A compiler that is not there is said, and is no failure
# unless CI is set. check_torture.sh [SOURCE_ROOT]
set -euo pipefail
cd "${1:-$(dirname "$0")/..}"
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
sources="src/sensor/*.c src/base/dura_base.c src/base/dura_base_assert.c tests/dt_main.c tests/test_sensor_torture.c"
all="" bits="" failed=0 runs=0

# build NAME SUITE COMPILER FLAGS...: one program in $out; two are compiled at a time.
build() {
    local name=$1 suite=$2
    shift 2
    # shellcheck disable=SC2086
    if ! "$@" -std=c99 -ffp-contract=off -DDT_PLAIN -DDURA_STATIC -DDURA_ASSERTS -D_GNU_SOURCE -Iinclude -Isrc -Itests \
        $sources -o "$out/$name" -lm 2> "$out/$name.log"; then
        echo "$name does not build:"; head -20 "$out/$name.log"
        : > "$out/$name.failed"
    fi
    echo "$suite" > "$out/$name.suite"
}

flush=""
case $(uname -m) in
x86_64 | i?86) flush="-DTORTURE_FLUSH -msse2" ;;
*) echo "no way to flush subnormals here: these builds are left out" ;;
esac
for cc in gcc clang; do
    found=$(command -v $cc || command -v $cc-14 || true)
    if [ -z "$found" ]; then
        echo "SKIPPED: no $cc here"
        [ -z "${CI:-}" ] || failed=1
        continue
    fi
    for o in -O0 -O2 -O3; do
        build "$cc$o" all "$found" $o &
        # shellcheck disable=SC2086
        [ -z "$flush" ] || build "$cc$o-flush" all "$found" $o $flush
        wait
    done
    if grep -qw avx2 /proc/cpuinfo 2>/dev/null; then
        build "$cc-O2-avx2" all "$found" -O2 -mavx2 &
        build "$cc-O3-avx2" all "$found" -O3 -mavx2
        wait
    else
        echo "no AVX2 here: $cc -mavx2 is left out"
    fi
    build "$cc-O2-fast-math" sensor_torture_bits "$found" -O2 -ffast-math &
    build "$cc-O3-fast-math" sensor_torture_bits "$found" -O3 -ffast-math
    wait
done

for suite in "$out"/*.suite; do
    program=${suite%.suite} name=$(basename "${suite%.suite}")
    [ -x "$program" ] || { failed=1; continue; }
    only=$(cat "$suite")
    [ "$only" != all ] || only=""
    # shellcheck disable=SC2086
    if ! "$program" $only > "$program.txt" 2>&1; then
        echo "$name fails:"; tail -5 "$program.txt"; failed=1
    fi
    runs=$((runs + 1))
    grep -E '^[0-9]+ passed' "$program.txt" | sed "s/^/$name: /"
    grep -qE '^[1-9][0-9]* passed' "$program.txt" || { echo "$name ran nothing"; failed=1; }
done
[ $runs -gt 0 ] || { echo "nothing was built"; failed=1; }
digests=$(cat "$out"/*.txt | grep -E '^digest ' | sort -u)
if [ "$(wc -l <<< "$digests")" != 1 ] || [ -z "$digests" ]; then
    echo "builds disagree:"; grep -H '^digest ' "$out"/*.txt | sed "s|$out/||"; failed=1
fi
echo "$runs builds, $digests"
exit $failed
