#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# setup.sh run    build the release, run the quick start, print what it says
# setup.sh test   install what the tests need, run them: cmake --workflow --preset check
# setup.sh ci     install what .ci/run needs, nothing else
# Debian 12. What gets installed is said before it is; started with sudo, the building is
# done as the user who typed it.
set -euo pipefail
cd "$(dirname "$0")"

run_packages="gcc libc6-dev cmake ninja-build pkg-config libsodium-dev libcjson-dev"
test_packages="g++ libcriterion-dev python3 python3-pytest python3-numpy python3-cryptography abigail-tools"
ci_packages="git clang-14 libclang-rt-14-dev llvm-14 valgrind cppcheck gcovr dpkg-dev libsqlite3-dev
gcc-12-multilib gcc-s390x-linux-gnu libc6-dev-s390x-cross gcc-aarch64-linux-gnu libc6-dev-arm64-cross
gcc-riscv64-linux-gnu gcc-arm-none-eabi libnewlib-arm-none-eabi qemu-user
qemu-system-arm chromium python3-venv rauc squashfs-tools swupdate cpio openssl"
# Debian's Go where there is no newer one.
command -v go > /dev/null || ci_packages="$ci_packages golang-go"

# Root's commands, whether we are root or have to ask.
as_root() { if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi; }
# The user's commands, when sudo started us.
as_user() {
    if [ "$(id -u)" = 0 ] && [ -n "${SUDO_USER:-}" ] && [ "$SUDO_USER" != root ]; then
        sudo -u "$SUDO_USER" --preserve-env=CI,DURA_DATA "$@"
    else
        "$@"
    fi
}

# Install what is missing of the packages named; mirrors have bad moments, so three times.
need() {
    local missing=() try
    for package in "$@"; do
        dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q 'install ok installed' ||
            missing+=("$package")
    done
    [ ${#missing[@]} -gt 0 ] || { echo "setup: every package is there"; return; }
    echo "setup: installing ${missing[*]}"
    export DEBIAN_FRONTEND=noninteractive
    for try in 1 2 3; do
        if as_root apt-get -o DPkg::Lock::Timeout=300 -q update &&
           as_root apt-get -o DPkg::Lock::Timeout=300 -q install -y --no-install-recommends "${missing[@]}"; then
            return
        fi
        echo "setup: try $try failed"
        sleep $((try * 10))
    done
    echo "setup: the packages cannot be installed; is a Debian 12 mirror within reach?" >&2
    exit 3
}

# The main job on the example that comes with the tree.
quick_start() {
    as_user cmake --preset release -DDURA_TESTS=OFF
    as_user cmake --build --preset release
    as_user rm -rf build/quickstart build/quickstart.state
    as_user examples/quickstart/run.sh "$PWD/build/release/dura" "$PWD/build/quickstart"
    echo
    echo "the run is in build/quickstart, its keys are in build/quickstart.state"
}

# shellcheck disable=SC2086
case ${1:-} in
run)
    need $run_packages
    quick_start
    ;;
test)
    need $run_packages $test_packages
    as_user cmake --workflow --preset check
    ;;
ci) need $run_packages $test_packages $ci_packages ;;
*)
    sed -n '3,7s/^# //p' "$0"
    exit 2
    ;;
esac
