#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Write everything anew that the ABI and footprint gates compare with:
#   src/base/dura_base_layout.c  src/dura.map  tests/abi/symbols.txt  tests/abi/layout.txt
#   tests/abi/frozen_v1.c  tests/abi/libdura.abi  tests/footprint.txt
# Only after a change that is meant, and `git diff` of these files is what the changelog's
# line "ABI:" says. From 1.0 on frozen_v1.c is never written again, and this script refuses.
set -eu
cd "$(dirname "$0")/.."
python3 scripts/gen_layout.py
python3 scripts/gen_symbols.py
scripts/check_layout.sh --update
if grep -q '^#define DURA_ABI 0 ' include/dura/base.h; then
    python3 tests/abi/lock.py freeze >tests/abi/frozen_v1.c
else
    echo "frozen_v1.c is frozen: ABI is no longer 0"
fi
scripts/check_abi.sh --update
python3 scripts/check_footprint.py --update || echo "a limit is exceeded: see above"
