#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The core's binary interface as libabigail sees it, against tests/abi/libdura.abi.
#
#   scripts/check_abi.sh [--update] [--root DIR]
#
# The third of the ABI gates and the one with words: it explains a change of signature or
# struct. It does not see renamed fields or added enumerators; the layout lock does. Opaque
# structs are private (their insides may change), the host library is unstable until 1.0
# and not in the baseline.
set -eu
here=$(cd "$(dirname "$0")/.." && pwd)
root=$here
update=
while [ $# -gt 0 ]; do
    case $1 in
    --update) update=1 ;;
    --root) root=$(cd "$2" && pwd); shift ;;
    *) echo "usage: check_abi.sh [--update] [--root DIR]" >&2; exit 2 ;;
    esac
    shift
done
if ! command -v abidw >/dev/null; then
    echo "abi: no abidw (abigail-tools), nothing checked"
    [ -z "${DURA_ALL_TARGETS:-}" ]
    exit
fi
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
cd "$root"
sources=$(ls src/base/*.c src/sensor/*.c src/backend/*.c src/log/*.c src/guard/*.c 2>/dev/null || :)
# shellcheck disable=SC2086  # a list of files
${CC:-gcc} -std=c99 -g -O0 -fPIC -fvisibility=hidden -Iinclude -ffile-prefix-map="$root"=. -shared \
    -Wl,-soname,libdura_core.so -o "$tmp/libdura_core.so" $sources
abidw --headers-dir include/dura --drop-private-types --no-corpus-path --no-comp-dir-path --no-show-locs \
    --no-architecture --no-elf-needed --exported-interfaces-only --type-id-style hash --out-file "$tmp/now.abi" "$tmp/libdura_core.so"
functions=$(grep -c '<elf-symbol ' "$tmp/now.abi" || :)
[ "$functions" -gt 0 ] || { echo "abi: no function found: this check has lost its subject"; exit 1; }
baseline=tests/abi/libdura.abi
if [ -n "$update" ]; then
    cp "$tmp/now.abi" "$baseline"
fi
if abidiff --no-show-locs "$baseline" "$tmp/now.abi" >"$tmp/diff"; then
    echo "abi: $functions functions of the core as in $baseline; ok"
else
    cat "$tmp/diff"
    echo "abi: another interface than $baseline (if that is meant: scripts/check_abi.sh --update)"
    exit 1
fi
