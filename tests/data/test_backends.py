# SPDX-License-Identifier: Apache-2.0
"""Plug-ins on real runtimes: ONNX Runtime in two versions, XGBoost's own library.

What the kit says of them, that their answers are right, that a flipped bit reaches none of them, and that
ONNX Runtime with telemetry compiled in makes no file, thread or socket for 30 s. The runtimes come from npm (npm pack,
no scripts run), pinned by the package's SHA-256; XGBoost is the one of this Python. What is not there is skipped, and said.
"""
import ctypes
import hashlib
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tarfile
import time

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "examples" / "backends"))
import make_onnx  # noqa: E402

CLI = pathlib.Path(os.environ.get("DURA_CLI", ROOT / "build" / "release" / "dura"))
BUILT, PLUGINS = CLI.parent, CLI.parent / "plugins"
FLIPS = os.environ.get("DURA_FLIPS", "30")
SECONDS = 30
PACKAGES = {
    "plain": ("sherpa-onnx-linux-x64@1.13.8", "13291bcd825da5858ca27a35443e9a2c229a40616c0910086de2db12c5c9312c",
              "package/libonnxruntime.so"),
    "telemetry": ("onnxruntime-node@1.30.0", "6e3390d6b783e7be946fad629292799da28d0b42f84856e50d2c1b0383291e75",
                  "package/bin/napi-v6/linux/x64/libonnxruntime.so.1"),
}
pytestmark = pytest.mark.skipif(not (PLUGINS / "onnxruntime.so").exists(), reason="plug-ins are not built")


def runtime(name):
    """The package's library; downloaded once, its digest compared before it is unpacked."""
    package, digest, member = PACKAGES[name]
    folder = ROOT / "build" / "runtimes" / digest[:12]
    library = folder / pathlib.Path(member).name
    if not library.exists():
        if not shutil.which("npm"):
            pytest.skip("no npm here: NOTHING IS SAID ABOUT ONNX RUNTIME")
        folder.mkdir(parents=True, exist_ok=True)
        subprocess.run(["npm", "pack", "--silent", package], cwd=folder, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=300)
        archive = next(folder.glob("*.tgz"))
        assert hashlib.sha256(archive.read_bytes()).hexdigest() == digest, "npm gave another package"
        with tarfile.open(archive) as tar:
            library.write_bytes(tar.extractfile(member).read())
        archive.unlink()
    return library


def kit(plugin, model, config, *more):
    told = subprocess.run([CLI, "backend", "check", PLUGINS / plugin, "--model", model, "--config", config, "--json", "--runs", "1000",
                           "--deadline-us", "100000", *more], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, timeout=600)
    report = json.loads(told.stdout)
    return report, {c["check"]: c["verdict"] for c in report["checks"]}


@pytest.fixture
def mlp(tmp_path):
    path = tmp_path / "mlp.onnx"
    path.write_bytes(make_onnx.model([8, 16, 4]))
    return path


@pytest.fixture
def trees(tmp_path):
    xgboost = pytest.importorskip("xgboost", reason="NOTHING IS SAID ABOUT XGBOOST'S LIBRARY")
    np = pytest.importorskip("numpy")
    rng = np.random.default_rng(1)
    x = rng.normal(size=(2000, 8)).astype("f")
    booster = xgboost.train({"max_depth": 4, "nthread": 1, "seed": 1}, xgboost.DMatrix(x, x[:, 0] * x[:, 1] + np.sin(x[:, 2])), 50)
    path = tmp_path / "trees.ubj"
    booster.save_model(path)
    return path, pathlib.Path(xgboost.__file__).parent / "lib" / "libxgboost.so"


@pytest.mark.parametrize("name", sorted(PACKAGES))
def test_onnx_runtime_keeps_what_its_plugin_promises(name, mlp):
    report, checks = kit("onnxruntime.so", mlp, runtime(name))
    assert (report["inputs"], report["outputs"]) == (8, 4)
    for check in ("entry", "memory", "io", "shapes", "outputs", "repeat", "reset", "random", "special", "damaged"):
        assert checks[check] == "pass", report
    assert checks["quiet"] == "lost", "it allocates in run, which the plug-in does not deny"


def test_xgboost_keeps_what_its_plugin_promises(trees):
    report, checks = kit("xgboost.so", *trees)
    assert (report["inputs"], report["outputs"]) == (8, 1)
    for check in ("entry", "memory", "io", "shapes", "outputs", "repeat", "reset", "random", "special"):
        assert checks[check] == "pass", report
    assert checks["quiet"] == "lost"


def flips(plugin, config, model):
    told = subprocess.run([BUILT / "bench_backend", "flips", PLUGINS / plugin, config, model, FLIPS], stdout=subprocess.PIPE,
                          stderr=subprocess.DEVNULL, text=True, timeout=1200)
    print(told.stdout)
    assert told.returncode == 0 and "through dura: 0 accepted, 0 crashes" in told.stdout, told.stdout


def test_no_flipped_model_reaches_onnx_runtime(mlp):
    flips("onnxruntime.so", runtime("plain"), mlp)


def test_no_flipped_model_reaches_xgboost(trees):
    flips("xgboost.so", trees[1], trees[0])


def test_guard_and_interface_beside_the_runtimes_own_call(mlp):
    for name in sorted(PACKAGES):
        told = subprocess.run([BUILT / "bench_backend", "cost", runtime(name), mlp], stdout=subprocess.PIPE, text=True, timeout=300)
        print(name, told.stdout)
        assert told.returncode == 0, told.stdout


# ---- telemetry -------------------------------------------------------------------------------------

LOUD = """
import ctypes, sys, time
class Base(ctypes.Structure):
    _fields_ = [("get", ctypes.CFUNCTYPE(ctypes.POINTER(ctypes.c_void_p), ctypes.c_uint32))]
lib = ctypes.CDLL(sys.argv[1])
lib.OrtGetApiBase.restype = ctypes.POINTER(Base)
env = ctypes.c_void_p()
create = ctypes.CFUNCTYPE(ctypes.c_void_p, ctypes.c_int, ctypes.c_char_p, ctypes.POINTER(ctypes.c_void_p))(
    lib.OrtGetApiBase().contents.get(1)[3])
create(3, b"loud", ctypes.byref(env))
print("open", flush=True)
time.sleep(float(sys.argv[2]))
"""


def watch(command, home, seconds, telemetry):
    """What a process shows in `seconds`: threads at most, sockets ever open, files it left."""
    home.mkdir()
    env = {"HOME": str(home), "TMPDIR": str(home), "PATH": os.environ["PATH"], **telemetry}
    process = subprocess.Popen([str(c) for c in command], cwd=home, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                               stderr=subprocess.DEVNULL)
    threads, sockets = 0, set()
    assert process.stdout.readline() == b"open\n"
    end = time.monotonic() + seconds
    while time.monotonic() < end and process.poll() is None:
        threads = max(threads, len(os.listdir(f"/proc/{process.pid}/task")))
        for fd in os.listdir(f"/proc/{process.pid}/fd"):
            try:
                target = os.readlink(f"/proc/{process.pid}/fd/{fd}")
            except OSError:
                continue
            if target.startswith("socket:"):
                sockets.add(target)
        time.sleep(0.05)
    process.kill()
    process.wait()
    return threads, sockets, sorted(str(p.relative_to(home)) for p in home.rglob("*") if p.is_file())


def test_telemetry_stays_off_for_30_seconds(mlp, tmp_path):
    library = runtime("telemetry")
    threads, sockets, files = watch([BUILT / "bench_backend", "hold", library, mlp, SECONDS + 5], tmp_path / "quiet", SECONDS, {})
    assert (threads, sockets, files) == (1, set(), []), "the plug-in sets ORT_DISABLE_TELEMETRY before it loads the library"


def test_the_watch_would_have_seen_telemetry(tmp_path):
    library = runtime("telemetry")
    script = tmp_path / "loud.py"
    script.write_text(LOUD)
    threads, sockets, files = watch([sys.executable, script, library, 10], tmp_path / "loud", 5, {"ORT_DISABLE_TELEMETRY": "0"})
    assert threads > 1 and files, (threads, sockets, files)
