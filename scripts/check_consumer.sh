#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A vendor's project builds with each way the README names: find_package, pkg-config,
# add_subdirectory. Argument: a build folder, whose installation is staged and used.
set -euo pipefail
cd "$(dirname "$0")/.."
build=${1:?build folder}
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
export LD_LIBRARY_PATH=

# Install what is built; nothing else of a test build is needed. The prefix has a space.
stage="$out/some where"
cmake --install "$build" --prefix "$stage" > "$out/log" 2>&1 || { cat "$out/log"; exit 1; }
quiet() { "$@" > "$out/log" 2>&1 || { cat "$out/log"; echo "failed: $*"; exit 1; }; }

quiet cmake -S tests/consumer -B "$out/found" -G Ninja "-DCMAKE_PREFIX_PATH=$stage"
quiet cmake --build "$out/found"
"$out/found/consumer_shared"
"$out/found/consumer_core"
for other in 0.0 0.9 9; do
    if cmake -S tests/consumer -B "$out/$other" -G Ninja "-DCMAKE_PREFIX_PATH=$stage" \
        "-DDURA_WANTED=$other" > "$out/log" 2>&1; then
        echo "find_package took version $(sed -n 's/.*VERSION "//p' include/dura/base.h) for $other"
        exit 1
    fi
done

# pkg-config, without CMake; --define-prefix is not needed: dura.pc knows where it lies.
libdir=$(dirname "$(find "$stage" -name dura.pc)")
flags=$(PKG_CONFIG_PATH=$libdir pkg-config --cflags --libs dura)
eval "cc -std=c99 -Wall -Werror tests/consumer/consumer.c $flags -o '$out/pc'"
LD_LIBRARY_PATH=$(dirname "$libdir") "$out/pc"

# As a subproject: only the core, nothing global set, no test of ours in the vendor's ctest.
quiet cmake -S tests/consumer -B "$out/sub" -G Ninja "-DDURA_SOURCE=$PWD" -DDURA_HOST=OFF \
    -DCMAKE_C_FLAGS=-O0
quiet cmake --build "$out/sub"
"$out/sub/consumer_core"
[ ! -e "$out/sub/CTestTestfile.cmake" ] || ! grep -q add_test "$out/sub/CTestTestfile.cmake"
echo "find_package, pkg-config and add_subdirectory; ok"
