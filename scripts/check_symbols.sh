#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# What the built libraries show, and what they keep in memory.
#
#   scripts/check_symbols.sh libdura.so libdura_core.a [symbols.txt]
#
#   - libdura.so exports exactly the names in symbols.txt, all of them dura_*
#   - libdura_core.a shows nothing but dura_* and durai_*
#   - the core has no writable data: its objects' .data and .bss are empty, so two guards
#     never share anything and firmware pays no RAM for code
set -eu
here=$(cd "$(dirname "$0")/.." && pwd)
so=$1 archive=$2 list=${3:-$here/tests/abi/symbols.txt}
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
bad=0

problem() {     # text, file with one name per line
    if [ -s "$2" ]; then
        echo "symbols: $1:" $(cat "$2")
        bad=1
    fi
}
# Type A: the names of the version nodes themselves.
nm -D --defined-only "$so" | awk '$2 != "A" { sub(/@.*/, "", $3); print $3 }' | sort -u >"$tmp/so"
awk '!/^#/ && NF { print $1 }' "$list" | sort -u >"$tmp/list"
[ -s "$tmp/so" ] || { echo "symbols: $so exports nothing: this check has lost its subject"; exit 1; }
comm -23 "$tmp/so" "$tmp/list" >"$tmp/more"
comm -13 "$tmp/so" "$tmp/list" >"$tmp/fewer"
grep -v '^dura_' "$tmp/so" >"$tmp/foreign" || :
problem "exported, but not in $(basename "$list") (scripts/gen_symbols.py)" "$tmp/more"
problem "in $(basename "$list"), but no longer exported" "$tmp/fewer"
problem "exported without the prefix dura_" "$tmp/foreign"

nm -g --defined-only "$archive" | awk 'NF == 3 { print $3 }' | sort -u >"$tmp/core"
[ -s "$tmp/core" ] || { echo "symbols: $archive holds nothing: this check has lost its subject"; exit 1; }
grep -vE '^durai?_' "$tmp/core" >"$tmp/foreign" || :
problem "in the core without the prefix dura_ or durai_" "$tmp/foreign"

# Sections that are written at run time. .data.rel.ro is constant after the loader's work.
objdump -h "$archive" | awk '
    /file format/ { object = $1 }
    $2 ~ /^\.(data|bss|tdata|tbss|sdata|sbss)(\.|$)/ && $2 !~ /^\.data\.rel\.ro/ && $3 !~ /^0+$/ { print object $2 }
' >"$tmp/data"
nm "$archive" | awk '$2 == "C" { print $3 }' >>"$tmp/data"
problem "writable data in the core" "$tmp/data"

[ $bad -ne 0 ] || echo "symbols: $(wc -l <"$tmp/so") exported, $(wc -l <"$tmp/core") global in the core, no writable data; ok"
exit $bad
