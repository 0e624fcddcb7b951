#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The layout lock: sizes, offsets, types and values of the public headers on every target
# equal tests/abi/layout.txt, and structs without pointers are equal on all of them. The
# frozen copies (tests/abi/frozen_v1.c) are compiled for each target as well.
#
#   scripts/check_layout.sh [--update] [--root DIR]
#
# Nothing is run, so a compiler is all a target needs. A missing one is named and left out;
# with DURA_ALL_TARGETS=1 it is an error. DURA_LAYOUT_TARGETS names the ones to look at.
set -eu
here=$(cd "$(dirname "$0")/.." && pwd)
root=$here
update=
while [ $# -gt 0 ]; do
    case $1 in
    --update) update=--update ;;
    --root) root=$(cd "$2" && pwd); shift ;;
    *) echo "usage: check_layout.sh [--update] [--root DIR]" >&2; exit 2 ;;
    esac
    shift
done
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
python3 "$here/tests/abi/lock.py" emit --root "$root" >"$tmp/lock.c"

dumps=
bad=0
target() {      # name, binutils prefix, compiler and flags
    name=$1 objcopy=${2}objcopy
    shift 2
    case " ${DURA_LAYOUT_TARGETS:-$name} " in *" $name "*) ;; *) return ;; esac
    if ! command -v "$1" >/dev/null || ! command -v "$objcopy" >/dev/null; then
        echo "layout: no $1, so nothing is known about $name"
        [ -z "${DURA_ALL_TARGETS:-}" ] || bad=1
        return
    fi
    "$@" -std=c99 -Wall -Werror -ffreestanding -I"$root/include" -c "$tmp/lock.c" -o "$tmp/$name.o"
    "$objcopy" -O binary -j .lock "$tmp/$name.o" "$tmp/$name.bin"
    if [ -f "$root/tests/abi/frozen_v1.c" ] && [ -z "$update" ]; then
        "$@" -std=c99 -Wall -Wextra -Wpedantic -Werror -ffreestanding -I"$root/include" -fsyntax-only \
            "$root/tests/abi/frozen_v1.c" || bad=1
    fi
    dumps="$dumps $name=$tmp/$name.bin"
}
target x86_64 "" "${CC:-gcc}"
target i386 "" "${CC:-gcc}" -m32 -msse2 -mfpmath=sse
target aarch64 aarch64-linux-gnu- aarch64-linux-gnu-gcc
target armv7em arm-none-eabi- arm-none-eabi-gcc -mcpu=cortex-m4 -mthumb
target rv32 riscv64-linux-gnu- riscv64-linux-gnu-gcc -march=rv32imac -mabi=ilp32
target s390x s390x-linux-gnu- s390x-linux-gnu-gcc -fexcess-precision=fast

# shellcheck disable=SC2086  # a list of words
python3 "$here/tests/abi/lock.py" compare $dumps $update --root "$root" \
    --baseline "$root/tests/abi/layout.txt" || bad=1
exit $bad
