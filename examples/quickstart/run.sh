#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# run.sh [DURA] [DIR]: the whole life of a guarded run in five commands. DURA is the command
# line (default: the release build of this tree), DIR where everything goes (default: a new
# folder under build/).
set -eu
here=$(cd "$(dirname "$0")" && pwd)
dura=${1:-$here/../../build/release/dura}
dir=${2:-}
if [ -z "$dir" ]; then
    mkdir -p "$here/../../build"
    dir=$(mktemp -d "$here/../../build/quickstart.XXXXXX")
    rmdir "$dir"
fi
state=${DURA_STATE:-$dir.state}

step() { printf '\n$ %s\n' "$*" | sed "s|$dura|dura|; s|$here/||g"; "$@"; }

step "$dura" run --policy "$here/policy.json" --model "$here/model.json" --frames "$here/frames.csv" \
    --state "$state" --out "$dir"
step "$dura" verify "$dir" --state "$state"
step "$dura" replay "$dir"
step "$dura" show "$dir" --last 3
