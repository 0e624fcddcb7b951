#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Every public header, alone, compiles as C99, C11, C17, C++11 and C++17 without a warning,
# and every DURA_..._INIT macro initialises its struct in all of them. A caller's compiler
# and language are not ours to choose.
set -eu
cd "${1:-$(dirname "$0")/..}"
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
bad=0
n=0
for header in include/dura/*.h include/dura/host/*.h; do
    [ -f "$header" ] || continue
    name=$(basename "$header" .h)
    file=$tmp/$(echo "$header" | tr / _).c
    {
        echo "#include <${header#include/}>"
        echo "void use_$name(void);"
        echo "void use_$name(void) {"
        sed -n 's/^#define \(DURA_[A-Z0-9_]*\)_INIT\([ \\].*\)\{0,1\}$/\1/p' "$header" | while read -r macro; do
            type=$(echo "$macro" | tr '[:upper:]' '[:lower:]')
            echo "{ static const $type x = ${macro}_INIT; (void)x; }"
        done
        echo "}"
    } >"$file"
    for std in c99 c11 c17 c++11 c++17; do
        case $std in c++*) language=c++ ;; *) language=c ;; esac
        for cc in gcc clang-14; do
            command -v $cc >/dev/null || continue
            n=$((n + 1))
            $cc -x $language -std=$std -Wall -Wextra -Wpedantic -Wshadow -Wundef -Werror -Iinclude \
                -fsyntax-only "$file" 2>"$tmp/said" || { echo "$header as $std with $cc:"; head -5 "$tmp/said"; bad=1; }
        done
    done
done
[ $n -gt 0 ] || { echo "languages: no header compiled: this check has lost its subject"; exit 1; }
[ $bad -ne 0 ] || echo "languages: $n compilations; ok"
exit $bad
