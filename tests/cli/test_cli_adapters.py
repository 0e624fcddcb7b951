# SPDX-License-Identifier: Apache-2.0
"""examples/adapters: the hooks in front of RAUC, SWUpdate and plain files, with bundles that the
updaters' own tools made where they are installed."""
import hashlib
import os
import pathlib
import shutil
import subprocess

import pytest
from cliworld import TREE

ADAPTERS = TREE / "examples" / "adapters"


@pytest.fixture
def box(world):
    """A signed firmware release, its policy packed, `dura` on the path."""
    for name in ("vendor", "operator"):
        assert world.dura("key", "make", name).returncode == 0
    pubs = [(world.folder / f"{n}.pub").read_text().strip() for n in ("vendor", "operator")]
    world.write_policy(lambda p: p.update(updates={"threshold": 2, "roles": 6}, release_keys=[
        {"key": pub, "role": role} for pub, role in zip(pubs, ("vendor", "operator"))]))
    assert world.dura("pack", "policy.json", "-o", "policy.bin").returncode == 0
    bundle = world.folder / "bundle"
    bundle.mkdir()
    (bundle / "rootfs.img").write_bytes(b"firmware" * 512)
    ran = world.dura("release", "make", "--component", "box", "--firmware", bundle / "rootfs.img", "--policy", "policy.json",
                     "--version", "7", "-o", "bundle/release.dura")
    assert ran.returncode == 0, ran.stderr
    for key in ("vendor", "operator"):
        assert world.dura("sign", "bundle/release.dura", "--key", key).returncode == 0
    tools = world.folder / "bin"
    tools.mkdir()
    (tools / "dura").symlink_to(pathlib.Path(world.cli).resolve())
    world.bundle = bundle
    world.env = dict(os.environ, PATH=f"{tools}:{os.environ['PATH']}", DURA_POLICY=str(world.folder / "policy.bin"),
                     DURA_FLOOR=str(world.folder / "floor"), HOME=str(world.folder))
    return world


def run(box, *command, **env):
    return subprocess.run(list(map(str, command)), cwd=box.folder, env=dict(box.env, **env), text=True, timeout=60,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def hook(box, where=None):
    return run(box, ADAPTERS / "rauc_pre_install.sh", RAUC_BUNDLE_MOUNT_POINT=str(where or box.bundle))


def test_rauc_handler_takes_what_was_released(box):
    ran = hook(box)
    assert ran.returncode == 0 and "box 7 may be installed" in ran.stderr, ran.stderr


@pytest.mark.parametrize("what, said", [
    ("image", "digest"), ("no release", "release.dura is missing"), ("link", "rootfs.img is missing"), ("floor", "below the floor 8"),
    ("unsigned", "threshold"), ("brain", "it is no release of a box"), ("other device", "device"),
])
def test_rauc_handler_refuses(box, what, said):
    release, image = box.bundle / "release.dura", box.bundle / "rootfs.img"
    make = ["release", "make", "--component", "box", "--firmware", image, "--policy", "policy.json", "--version", "7", "-o", release]
    if what == "image":
        image.write_bytes(image.read_bytes()[:-1] + b"!")
    elif what == "no release":
        release.unlink()
    elif what == "link":
        image.rename(box.folder / "elsewhere")
        image.symlink_to(box.folder / "elsewhere")
    elif what == "floor":
        box.write("floor", "8\n")
    else:
        release.unlink()
        if what == "brain":
            make = ["release", "make", "--component", "brain", "--model", "model.json", "--golden", "frames.csv", *make[6:]]
        if what == "other device":
            make += ["--device", "other"]
        assert box.dura(*make).returncode == 0
        for key in ("vendor", "operator") if what != "unsigned" else ():
            assert box.dura("sign", release, "--key", key).returncode == 0
        if what == "brain":
            image.write_bytes((box.bundle / "release.dura.brain").read_bytes())
    ran = hook(box)
    assert ran.returncode == 1 and said in ran.stderr, ran.stderr


def test_rauc_handler_on_a_bundle_that_rauc_made(box):
    if not (shutil.which("rauc") and shutil.which("unsquashfs") and shutil.which("openssl")):
        pytest.skip("rauc, squashfs-tools or openssl is not installed: the handler alone is tested")
    box.write("bundle/manifest.raucm", "[update]\ncompatible=press\nversion=7\n[bundle]\nformat=plain\n[image.rootfs]\nfilename=rootfs.img\n")
    ran = run(box, "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", "k.pem",
              "-out", "c.pem", "-subj", "/CN=press", "-days", "2")
    assert ran.returncode == 0, ran.stderr
    ran = run(box, "rauc", "bundle", "--cert=c.pem", "--key=k.pem", "bundle", "update.raucb")
    assert ran.returncode == 0, ran.stderr
    ran = run(box, "rauc", "info", "--keyring=c.pem", "update.raucb")
    assert ran.returncode == 0 and "press" in ran.stdout, ran.stderr
    ran = run(box, "rauc", "extract", "--keyring=c.pem", "update.raucb", "out")
    assert ran.returncode == 0, ran.stderr
    ran = hook(box, box.folder / "out")
    assert ran.returncode == 0 and "box 7 may be installed" in ran.stderr, ran.stderr


def archive(box, sign=False):
    """A .swu: cpio (new ASCII with checksums), sw-description first; SWUpdate's signature is CMS."""
    digest = hashlib.sha256((box.bundle / "rootfs.img").read_bytes()).hexdigest()
    box.write("bundle/sw-description", 'software = { version = "7"; hardware-compatibility = ["1.0"];\n'
              ' images: ({ filename = "rootfs.img"; device = "/dev/null"; type = "raw"; sha256 = "%s"; }); };\n' % digest)
    names = ["sw-description", "rootfs.img", "release.dura"]
    if sign:
        ran = run(box, "openssl", "cms", "-sign", "-binary", "-nosmimecap", "-outform", "DER", "-in", "bundle/sw-description", "-out",
                  "bundle/sw-description.sig", "-signer", "c.pem", "-inkey", "k.pem", "-md", "sha256")
        assert ran.returncode == 0, ran.stderr
        names.insert(1, "sw-description.sig")
    ran = subprocess.run(["cpio", "-o", "-H", "crc", "--quiet"], cwd=box.bundle, input="".join(f"{n}\n" for n in names).encode(),
                         stdout=subprocess.PIPE, check=True)
    box.write("update.swu", ran.stdout)


def test_swupdate_is_started_only_for_what_was_released(box):
    if not shutil.which("cpio"):
        pytest.skip("cpio is not installed")
    box.write("installer", "#!/bin/sh\necho \"started $*\" >> \"$STARTED\"\ntest -f \"${3}\"\n").chmod(0o755)
    started = box.folder / "started"
    env = {"SWUPDATE": str(box.folder / "installer"), "STARTED": str(started)}
    archive(box)
    ran = run(box, ADAPTERS / "swupdate_gate.sh", "update.swu", "-v", **env)
    assert ran.returncode == 0 and started.read_text().startswith("started -v -i /"), ran.stderr
    started.unlink()
    (box.bundle / "rootfs.img").write_bytes(b"something else")
    archive(box)
    ran = run(box, ADAPTERS / "swupdate_gate.sh", "update.swu", **env)
    assert ran.returncode == 1 and "digest" in ran.stderr and not started.exists(), ran.stderr


def test_swupdate_itself_takes_the_archive(box):
    if not (shutil.which("cpio") and shutil.which("swupdate") and shutil.which("openssl")):
        pytest.skip("swupdate, cpio or openssl is not installed: the wrapper alone is tested")
    ran = run(box, "openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "k.pem", "-out", "c.pem", "-subj", "/CN=press",
              "-days", "2", "-addext", "extendedKeyUsage=emailProtection")
    assert ran.returncode == 0, ran.stderr
    archive(box, sign=True)
    own = box.folder / "tmp"          # its sockets: another one on this computer is no business of ours
    own.mkdir()
    ran = run(box, ADAPTERS / "swupdate_gate.sh", "update.swu", "-c", "-k", "c.pem", "-H", "press:1.0", TMPDIR=f"{own}/", RUNTIME_DIRECTORY=str(own))
    assert "box 7 may be installed" in ran.stderr and "SWUPDATE successful" in ran.stdout, (ran.stdout, ran.stderr)


def test_a_plain_file_is_exchanged_as_a_whole_or_not(box):
    target = box.folder / "app"
    target.mkdir()
    (target / "firmware").write_bytes(b"old")
    command = [ADAPTERS / "plain_files.sh", box.bundle / "release.dura", box.bundle / "rootfs.img", target, "firmware"]
    good = (box.bundle / "rootfs.img").read_bytes()
    (box.bundle / "rootfs.img").write_bytes(b"bad")
    ran = run(box, *command)
    assert ran.returncode == 1 and (target / "firmware").read_bytes() == b"old" and len(list(target.iterdir())) == 1, ran.stderr
    (box.bundle / "rootfs.img").write_bytes(good)
    ran = run(box, *command)
    assert ran.returncode == 0 and (target / "firmware").read_bytes() == good and len(list(target.iterdir())) == 1, ran.stderr
