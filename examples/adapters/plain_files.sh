#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# plain_files.sh RELEASE SUBJECT DIR NAME: a file is exchanged only when its release says yes, and as
# a whole: a power cut leaves the old one or the new one. DURA_POLICY as in the other adapters.
set -eu
[ $# -eq 4 ] || { echo "usage: plain_files.sh RELEASE SUBJECT DIR NAME" >&2; exit 2; }
new=$3/.$4.new
trap 'rm -f "$new"' EXIT
cp "$2" "$new"                                   # the copy is checked, and the copy is moved
dura gate check "$1" --policy "${DURA_POLICY:-/etc/dura/policy.bin}" --subject "$new" >&2 || exit 1
sync "$new"
mv -f "$new" "$3/$4"
sync "$3"
