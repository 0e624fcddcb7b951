#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Line coverage of src by the tests, at least 90 %: coverage.sh [--least N] [--only FOLDER]
# Builds and runs preset cov, prints a table per file (build/cov/coverage.txt keeps it).
# --only FOLDER judges the .gcda files of another build whose sources lie in FOLDER/src.
set -euo pipefail
cd "$(dirname "$0")/.."
least=90 only=
while [ $# -gt 0 ]; do
    case $1 in
    --least) least=$2; shift 2 ;;
    --only) only=$2; shift 2 ;;
    *) echo "coverage.sh [--least N] [--only FOLDER]"; exit 2 ;;
    esac
done

top=$PWD folder=build/cov
if [ -n "$only" ]; then
    top=$only folder=$only
else
    # Figures of an earlier build would count lines that are no longer run.
    find build/cov -name '*.gcda' -delete 2>/dev/null || true
    cmake --workflow --preset cov > build/cov.log 2>&1 || { tail -40 build/cov.log; exit 1; }
    grep -E 'tests passed|tests failed' build/cov.log
fi
# A line counts as run when any program of the build ran it.
gcovr --root "$top" --object-directory "$folder" "$folder" --filter "$top/src/" \
    --exclude-throw-branches --gcov-ignore-parse-errors --txt "$folder/coverage.txt" > "$folder/gcovr.log" 2>&1 || {
    cat "$folder/gcovr.log"; exit 1; }
cut -c1-110 "$folder/coverage.txt"
rate=$(awk '$1 == "TOTAL" {sub("%", "", $4); print $4}' "$folder/coverage.txt")
echo "line coverage of src: ${rate:-0} %, at least $least %"
awk -v r="${rate:-0}" -v l="$least" 'BEGIN {exit !(r + 0 >= l + 0)}'
