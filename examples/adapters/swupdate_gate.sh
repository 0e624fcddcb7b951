#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# swupdate_gate.sh FILE.swu [swupdate's own options]: asks the gate before SWUpdate may install.
# The archive carries release.dura and the image beside sw-description. It is copied into a folder
# of our own first: what is checked is what is installed, whatever happens to FILE meanwhile.
#   DURA_POLICY   the device's packed policy (default /etc/dura/policy.bin)
#   DURA_IMAGE    the image's name in the archive (default rootfs.img)
#   DURA_FLOOR    file with the lowest box version still taken (default /var/lib/dura/box.floor)
#   SWUPDATE      what installs (default swupdate)
set -eu
[ $# -ge 1 ] || { echo "usage: swupdate_gate.sh FILE.swu [options]" >&2; exit 2; }
given=$1
shift
umask 077
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cp "$given" "$work/update.swu"
mkdir "$work/in"
(cd "$work/in" && cpio -id --quiet --no-absolute-filenames "${DURA_IMAGE:-rootfs.img}" release.dura < ../update.swu)
RAUC_BUNDLE_MOUNT_POINT=$work/in "$(dirname "$0")/rauc_pre_install.sh"
"${SWUPDATE:-swupdate}" "$@" -i "$work/update.swu"
