#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The power cut at every byte of 1,000 records and at every operation of 10,000, COUNT times in
# every way a medium can treat what was not synced, and the end of 10,000 records cut away at
# every record; then every cut of tests/test_log_power.c with COUNT seeds. About ten minutes of
# one processor for each unit of COUNT. log_cuts.sh [COUNT, default 1]
set -euo pipefail
cd "$(dirname "$0")/.."
export DURA_THOROUGH=${1:-1}
cmake --preset release > /dev/null
cmake --build build/release --target test_host_log_cuts test_log_power > /dev/null
build/release/test_host_log_cuts
build/release/test_log_power
