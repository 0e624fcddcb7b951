#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Run a Cortex-M4 test program under QEMU: run_arm.sh program.elf [arguments].
#
# Output, files and the exit code go through semihosting. A program that counts instructions
# or takes timer interrupts (tests/target/dt_icount.h) runs with -icount shift=0: one
# instruction is one nanosecond of virtual time, the same in every run. The others run
# several times faster without it. DURA_QEMU_ICOUNT=yes or no overrules.
set -eu
program=$1
semihosting=enable=on,target=native,arg=$(basename "$program")
shift
for word; do
    semihosting=$semihosting,arg=$word
done
count=${DURA_QEMU_ICOUNT:-}
if [ -z "$count" ]; then
    count=no
    if arm-none-eabi-nm "$program" | grep -qE ' (dt_icount_begin|dt_tick_start)$'; then count=yes; fi
fi
icount=
[ "$count" = no ] || icount='-icount shift=0'
# shellcheck disable=SC2086  # two words on purpose
exec qemu-system-arm -M mps2-an386 -nographic -monitor none -serial none $icount \
    -semihosting-config "$semihosting" -kernel "$program" </dev/null
