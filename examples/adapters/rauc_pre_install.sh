#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# RAUC pre-install handler: a bundle is installed only when the release it carries says yes to
# exactly the image in it, under the keys of this device's own policy. In system.conf:
#   [handlers]
#   pre-install=/usr/lib/dura/rauc_pre_install.sh
# The bundle carries release.dura beside the image. RAUC has checked its own signature by then
# and mounts the bundle read-only, verified block by block; this is the second opinion: threshold,
# roles, version, dates, device. Exit other than 0: RAUC installs nothing.
#   DURA_POLICY  the device's packed policy (default /etc/dura/policy.bin)
#   DURA_IMAGE   the image's name in the bundle (default rootfs.img)
#   DURA_FLOOR   file with the lowest box version still taken (default /var/lib/dura/box.floor)
set -eu
bundle=${RAUC_BUNDLE_MOUNT_POINT:?is set by RAUC}
policy=${DURA_POLICY:-/etc/dura/policy.bin}
image=$bundle/${DURA_IMAGE:-rootfs.img}
release=$bundle/release.dura
floor=${DURA_FLOOR:-/var/lib/dura/box.floor}

for file in "$policy" "$image" "$release"; do
    [ -f "$file" ] && [ ! -L "$file" ] || { echo "dura: $file is missing" >&2; exit 1; }
done
dura gate check "$release" --policy "$policy" --subject "$image" >&2 || { echo "dura: this release is not for this device" >&2; exit 1; }

# What `gate check` cannot know without the journal: the version that runs, the floor.
version=$(dura release inspect "$release" --json | sed -n 's/.*"component":"box","version":"\([0-9]*\)".*/\1/p')
[ -n "$version" ] || { echo "dura: it is no release of a box" >&2; exit 1; }
least=$(cat "$floor" 2>/dev/null || echo 0)
[ "$version" -ge "$least" ] || { echo "dura: version $version is below the floor $least" >&2; exit 1; }
echo "dura: box $version may be installed" >&2
