from __future__ import annotations

import importlib.metadata
import importlib.util
import json
import re
import shlex
import shutil
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from speakersdk import _native

OPERATIONS = [
    name
    for name in dir(_native)
    if name.startswith("symmetric_kl") and name != "symmetric_kl_pairs"  # takes threads too
]


def arguments(name: str) -> list[Any]:
    """Return valid arguments of an operation."""
    rows = np.ones((2, 3), np.float32)
    if name.endswith("_matrix"):
        return [rows, rows]
    return [rows[0], rows if name.endswith("_to_many") else rows[1]]


def test_version_is_that_of_the_distribution() -> None:
    assert _native.__version__ == importlib.metadata.version("speakersdk")


def test_all_operations_are_there() -> None:
    assert len(OPERATIONS) == 6


@pytest.mark.parametrize("name", OPERATIONS)
@pytest.mark.parametrize("position", [0, 1])
def test_nothing_is_converted_silently(name: str, position: int) -> None:
    operation, valid = getattr(_native, name), arguments(name)
    operation(*valid)
    array = valid[position]
    strided = np.repeat(array, 2, axis=-1)[..., ::2]
    for wrong in (array.astype(np.float64), array.astype(">f4"), strided, array.tolist(), None):
        given = list(valid)
        given[position] = wrong
        with pytest.raises(TypeError, match="incompatible function arguments"):
            operation(*given)


@pytest.mark.parametrize("name", OPERATIONS)
def test_unaligned_arrays_are_refused(name: str) -> None:
    a, b = arguments(name)
    unaligned = np.frombuffer(b"\0" + a.tobytes(), np.float32, offset=1).reshape(a.shape)
    with pytest.raises(ValueError, match=r"^a: expected an aligned array"):
        getattr(_native, name)(unaligned, b)


def test_a_cohort_takes_its_arrays_as_they_are() -> None:
    rows = np.ones((4, 3), np.float32)
    cohort = _native.Cohort(rows, 2, 2, 1, 0.0)
    unaligned = np.frombuffer(b"\0" + rows.tobytes(), np.float32, offset=1).reshape(rows.shape)
    with pytest.raises(ValueError, match=r"^members: expected an aligned array"):
        _native.Cohort(unaligned, 2, 2, 1, 0.0)
    with pytest.raises(ValueError, match=r"^embeddings: expected an aligned array"):
        cohort.nearness(unaligned)
    for wrong in (rows.astype(np.float64), rows.astype(">f4"), rows[:, ::2], rows.tolist(), None):
        with pytest.raises(TypeError, match="incompatible constructor arguments"):
            _native.Cohort(wrong, 2, 2, 1, 0.0)  # type: ignore[arg-type]
        with pytest.raises(TypeError, match="incompatible function arguments"):
            cohort.nearness(wrong)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("conditions", "nearest", "telephone", "match"),
    [
        (0, 1, None, r"^members: .* 0 conditions"),
        (3, 1, None, r"^members: .* 3 conditions, .* got 4 in all"),
        (2, 0, None, r"^members: .* the nearest 0"),
        (2, 3, None, r"^members: .* the nearest 3"),
        (2, 2, 2, r"^telephone: .* below 2, got 2"),
    ],
)
def test_a_cohort_of_another_form_is_refused(
    conditions: int, nearest: int, telephone: int | None, match: str
) -> None:
    with pytest.raises(ValueError, match=match):
        _native.Cohort(np.ones((4, 3), np.float32), conditions, nearest, telephone, 0.0)


def test_a_cohort_refuses_what_it_cannot_compare() -> None:
    rows = np.ones((4, 3), np.float32)
    cohort = _native.Cohort(rows, 2, 2, None, 0.0)
    with pytest.raises(ValueError, match=r"^embeddings: expected dim 3 as the cohort has, got 2"):
        cohort.nearness(np.ones((1, 2), np.float32))
    rows[2, 1] = np.nan
    with pytest.raises(ValueError, match=r"^members: .* got nan at \[2, 1\]"):
        _native.Cohort(rows, 2, 2, None, 0.0)
    with pytest.raises(ValueError, match=r"^embeddings: .* got nan at \[2, 1\]"):
        cohort.nearness(rows)


@pytest.fixture
def long_switch_interval() -> Any:
    """No thread has to release the GIL: it changes hands only where it is released."""
    interval_s = sys.getswitchinterval()
    sys.setswitchinterval(1000.0)
    yield
    sys.setswitchinterval(interval_s)


@pytest.mark.usefixtures("long_switch_interval")
def test_the_gil_is_released() -> None:
    # 4 million pairs: half a second in which the main thread has to wake up. If the GIL were held,
    # it would wake up only when `finished` is set.
    rows = np.ones((2000, 128), np.float32)
    entered, finished = threading.Event(), threading.Event()

    def score() -> None:
        entered.set()
        _native.symmetric_kl_matrix(rows, rows)
        finished.set()

    worker = threading.Thread(target=score)
    worker.start()
    entered.wait()
    ran_beside_the_kernel = not finished.is_set()
    worker.join()
    assert ran_beside_the_kernel


@pytest.mark.skipif(importlib.util.find_spec("mypy") is None, reason="mypy is not installed")
def test_the_stub_matches_the_module() -> None:
    command = [sys.executable, "-m", "mypy.stubtest", "speakersdk._native"]
    completed = subprocess.run(command, capture_output=True, text=True, check=False)
    assert completed.returncode == 0, completed.stdout + completed.stderr


@pytest.mark.skipif(sys.platform != "linux", reason="the flags are those of ELF files")
def test_the_module_is_hardened() -> None:
    if shutil.which("readelf") is None:
        pytest.skip("readelf of binutils is not installed")
    listed = subprocess.run(
        ["readelf", "--wide", "--dynamic", "--dyn-syms", "--program-headers", _native.__file__],
        capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    assert "BIND_NOW" in listed
    assert "GNU_RELRO" in listed
    assert re.search(r"GNU_STACK .* RW ", listed)  # no code runs on the stack
    assert "__stack_chk_fail" in listed  # stack protector
    assert "TEXTREL" not in listed


# A copy that FORTIFY can check. The sources of the module have no such copy: their arrays come from
# `operator new`, whose size the compiler does not follow.
CANARY = """
#include <cstddef>
#include <cstring>
char target[8];
void copy(const void* source, std::size_t size) { std::memcpy(target, source, size); }
"""


@pytest.mark.skipif(sys.platform != "linux", reason="the flags are those of ELF files")
@pytest.mark.parametrize("source", ["csrc/gallery.cc", "csrc/bindings/gallery_bindings.cc"])
def test_the_flags_of_the_module_check_copies_into_arrays(source: str, tmp_path: Path) -> None:
    if missing := [name for name in ("cmake", "ninja", "nm", "c++") if shutil.which(name) is None]:
        pytest.skip(f"not installed: {', '.join(missing)}")
    pybind11 = pytest.importorskip("pybind11", reason="pybind11 is not installed")
    repository = Path(__file__).parents[2]
    configure = [
        "cmake", "-G", "Ninja", "-S", str(repository), "-B", str(tmp_path),
        "-DCMAKE_BUILD_TYPE=Release", "-DCMAKE_EXPORT_COMPILE_COMMANDS=ON",
        f"-DPython_EXECUTABLE={sys.executable}", f"-Dpybind11_DIR={pybind11.get_cmake_dir()}",
    ]  # fmt: skip
    subprocess.run(configure, capture_output=True, check=True)
    canary = tmp_path / "canary.cc"
    canary.write_text(CANARY)
    (command,) = (
        shlex.split(each["command"])
        for each in json.loads((tmp_path / "compile_commands.json").read_text())
        if each["file"] == str(repository / source)
    )
    command[command.index("-o") + 1], command[command.index("-c") + 1] = "canary.o", str(canary)

    def symbols(*more: str) -> str:
        subprocess.run([*command, *more], cwd=tmp_path, capture_output=True, check=True)
        return subprocess.run(
            ["nm", "canary.o"], cwd=tmp_path, capture_output=True, text=True, check=True
        ).stdout

    command.append("-fno-lto")  # nm reads machine code
    assert "-fstack-protector-strong" in command
    assert "__memcpy_chk" in symbols()
    assert "__memcpy_chk" not in symbols("-U_FORTIFY_SOURCE")


def test_what_microsofts_compiler_builds_uses_no_extension() -> None:
    # Its build has only the portable kernel: CMakeLists.txt. The other kernels use vector types.
    sources = Path(__file__).parents[2] / "csrc"
    extension = re.compile(r"__attribute__|__builtin_|__int128")
    for path in (*sources.glob("*.cc"), *sources.glob("*.h"), *sources.glob("kernels/[dkp]*")):
        guarded = re.sub(
            r"#if defined\(__GNUC__\)\n.*?#endif", "", path.read_text(), flags=re.DOTALL
        )
        assert not extension.search(guarded), path.name
