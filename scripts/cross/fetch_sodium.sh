#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Fetch the source of libsodium from the distribution's own archive.
#
#   scripts/cross/fetch_sodium.sh [DIR]        default DIR: build/_deps/libsodium-src
#
# The cross targets (Cortex-M, s390x, i386) have no libsodium package, so they compile the
# few files they need from the same source the host's package was built from. apt checks
# the archive's signature. The system is not changed: sources list, state and cache are
# private, and the list is this machine's own with "deb" turned into "deb-src". What is
# there already is kept; remove DIR to fetch again.
set -eu

here=$(cd "$(dirname "$0")/../.." && pwd)
dir=${1:-$here/build/_deps/libsodium-src}
version=1.0.18
proof=src/libsodium/crypto_sign/ed25519/ref10/sign.c

if [ -f "$dir/$proof" ]; then
    exit 0
fi
for tool in apt-get dpkg-source; do
    command -v $tool >/dev/null || { echo "fetch_sodium: $tool is missing; unpack libsodium $version into $dir" >&2; exit 1; }
done

tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
mkdir -p "$tmp/etc/parts" "$tmp/state/lists/partial" "$tmp/cache/archives/partial" "$tmp/work"

# Only the distribution's own archive: the stanzas signed by its key, the main component.
for f in /etc/apt/sources.list.d/*.sources; do
    [ -f "$f" ] && grep -q 'debian-archive-keyring' "$f" &&
        sed 's/^Types:.*/Types: deb-src/' "$f" >"$tmp/etc/parts/$(basename "$f")"
done
if [ -f /etc/apt/sources.list ]; then
    sed -n 's/^deb \(.*debian.*\)/deb-src \1/p' /etc/apt/sources.list >"$tmp/etc/sources.list"
fi

apt() {
    apt-get -qq -o Dir::Etc::sourcelist="$tmp/etc/sources.list" -o Dir::Etc::sourceparts="$tmp/etc/parts" \
        -o Dir::State="$tmp/state" -o Dir::State::status=/var/lib/dpkg/status -o Dir::Cache="$tmp/cache" \
        -o APT::Sandbox::User=root -o Acquire::Languages=none "$@"
}
cd "$tmp/work"
apt update
apt source --download-only libsodium
dsc=$(ls libsodium_${version}-*.dsc)
dpkg-source --no-check -x "$dsc" "$tmp/src" >/dev/null
[ -f "$tmp/src/$proof" ] || { echo "fetch_sodium: $dsc has no $proof" >&2; exit 1; }

mkdir -p "$(dirname "$dir")"
rm -rf "$dir.part"
cp -a "$tmp/src" "$dir.part"
rm -rf "$dir"
mv "$dir.part" "$dir"
echo "libsodium $version ($dsc) in $dir"
