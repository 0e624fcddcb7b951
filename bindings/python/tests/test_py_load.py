# SPDX-License-Identifier: Apache-2.0
"""The loader refuses what it cannot trust, and says why; the mirrors are the headers'."""
import ctypes
import ctypes.util
import os
import pathlib
import shutil
import subprocess
import sys

import pytest

import dura
from dura import _abi, _load, errors

TREE = pathlib.Path(__file__).resolve().parents[3]
PACKAGE = TREE / "bindings" / "python"


def import_with(library, code="import dura"):
    env = dict(os.environ, PYTHONPATH=str(PACKAGE), PYTHONDONTWRITEBYTECODE="1")
    env.pop("DURA_LIBRARY", None)
    if library is not None:
        env["DURA_LIBRARY"] = library
    return subprocess.run([sys.executable, "-c", code], env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          text=True, timeout=60)


def test_a_named_library_must_be_an_absolute_path():
    done = import_with("libdura.so.0")
    assert done.returncode != 0 and "must be an absolute path" in done.stderr


def test_a_named_library_that_fails_is_not_passed_over(tmp_path):
    done = import_with(str(tmp_path / "nothing.so"))
    assert done.returncode != 0 and "nothing.so" in done.stderr and "Tried:" in done.stderr
    assert done.stderr.count("  /") >= 1


def test_every_path_tried_is_listed():
    with pytest.raises(ImportError) as caught:
        _load.load(["/nowhere/libdura.so.0", "libdura-none.so"])
    assert "/nowhere/libdura.so.0: " in str(caught.value) and "libdura-none.so: " in str(caught.value)


def test_a_library_without_our_functions_is_refused():
    stranger = ctypes.util.find_library("c") or "libc.so.6"
    with pytest.raises(ImportError, match="lacks .*dura_abi"):
        _load.declare(ctypes.CDLL(stranger))


def test_another_abi_number_is_refused(monkeypatch):
    monkeypatch.setattr(_abi, "DURA_ABI", _abi.DURA_ABI + 1)
    with pytest.raises(ImportError, match="has ABI"):
        _load.check_abi(_load.lib)


def test_the_layout_of_this_library_is_ours():
    rows = _load.layout(_load.lib)
    assert len(rows) > 100 and _load.layout_problems(rows, _abi.STRUCTS) == []


@pytest.mark.parametrize("change", ["size", "offset", "gone", "new"])
def test_a_layout_that_differs_is_found(change):
    rows = _load.layout(_load.lib)
    if change == "size":
        rows["dura_decision"] = (0, rows["dura_decision"][1] + 8)
    elif change == "offset":
        rows["dura_frame.values"] = (rows["dura_frame.values"][0] + 8, rows["dura_frame.values"][1])
    elif change == "gone":
        del rows["dura_time.quality"]
    else:
        rows["dura_time.leap"] = (40, 4)
    assert len(_load.layout_problems(rows, _abi.STRUCTS)) == 1


def test_every_mirror_has_the_compilers_sizes_and_offsets(tmp_path):
    """Host structs are not in dura_layout(): the compiler is asked for all of them."""
    compiler = shutil.which("cc") or shutil.which("gcc")
    if not compiler:
        pytest.skip("no compiler")
    headers = ["dura/dura.h"] + [f"dura/host/{h.name}" for h in sorted((TREE / "include/dura/host").glob("*.h"))]
    rows = "".join(f'printf("{s.__name__} %zu %zu\\n", (size_t)0, sizeof({s.__name__}));\n' + "".join(
        f'printf("{s.__name__}.{f[0]} %zu %zu\\n", offsetof({s.__name__}, {f[0]}), sizeof((({s.__name__} *)0)->{f[0]}));\n'
        for f in s._fields_) for s in _abi.STRUCTS)
    source = tmp_path / "layout.c"
    source.write_text("#include <stdio.h>\n" + "".join(f"#include <{h}>\n" for h in headers)
                      + "int main(void)\n{\n" + rows + "return 0;\n}\n")
    subprocess.run([compiler, "-I", str(TREE / "include"), str(source), "-o", str(tmp_path / "layout")], check=True)
    told = subprocess.run([str(tmp_path / "layout")], stdout=subprocess.PIPE, text=True, check=True).stdout
    table = {name: (int(at), int(size)) for name, at, size in (line.split() for line in told.splitlines())}
    assert _load.layout_problems(table, _abi.STRUCTS) == []
    assert len(table) == len(_abi.STRUCTS) + sum(len(s._fields_) for s in _abi.STRUCTS)


def test_the_mirrors_are_what_the_generator_writes():
    script = TREE / "scripts" / "gen_abi_py.py"
    if not (shutil.which("cc") or os.environ.get("CC")):
        pytest.skip("no compiler")
    done = subprocess.run([sys.executable, str(script), "--check"], stdout=subprocess.PIPE, text=True, cwd=TREE)
    assert done.returncode == 0, done.stdout


def test_every_error_code_has_an_exception():
    for name, code, sentence in _abi.ERRORS:
        if not code:
            continue
        cls = getattr(errors, name)
        assert cls.code == code and cls.name == name and issubclass(cls, errors.DuraError)
        with pytest.raises(cls) as caught:
            errors.check(code)
        assert str(caught.value) == sentence and caught.value.code == code
    assert issubclass(errors.EINVAL, ValueError) and issubclass(errors.ETIME, TimeoutError)
    assert issubclass(errors.ECORRUPT, errors.IntegrityError) and errors.check(3) == 3
    with pytest.raises(errors.StorageError) as caught:
        errors.check(-1028)
    assert caught.value.code == -1028


def test_version_and_names():
    assert dura.__version__.count(".") == 2
    for name in dura.__all__:
        assert getattr(dura, name) is not None
