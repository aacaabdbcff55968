import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from speakersdk import _native
from speakersdk.runtime.libraries import (
    Gpu,
    gpus,
    missing_libraries,
    needed_libraries,
    tensorrt_version,
)

Elf = Callable[..., bytes]
LINUX = pytest.mark.skipif(sys.platform != "linux", reason="ELF files and sonames are Linux's")


def test_the_names_that_a_file_asks_for_are_read(tmp_path: Path, elf: Elf) -> None:
    names = ("libfirst.so.13", "libc.so.6", "libsecond.so.1")
    path = tmp_path / "provider.so"
    path.write_bytes(elf(*names))
    assert needed_libraries(path) == names


@LINUX
def test_a_real_library_needs_the_standard_ones() -> None:
    names = needed_libraries(Path(str(_native.__file__)))
    assert "libc.so.6" in names
    assert missing_libraries(names) == ()


def test_another_kind_of_file_needs_nothing(tmp_path: Path) -> None:
    path = tmp_path / "text"
    path.write_text("no library at all")
    assert needed_libraries(path) == ()


@LINUX
def test_what_cannot_be_loaded_is_missing() -> None:
    names = ("libc.so.6", "libspeakersdk-absent.so.9")
    assert missing_libraries(names) == ("libspeakersdk-absent.so.9",)


@LINUX
def test_nvidias_packages_are_found_in_whichever_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "nvidia" / "cu99" / "lib"
    folder.mkdir(parents=True)
    shutil.copy(str(_native.__file__), folder / "libabsent-cublas.so.99")
    (folder / "libabsent-broken.so.99").write_text("no library at all")
    names = ("libabsent-cublas.so.99", "libabsent-broken.so.99", "libabsent.so.99")
    assert missing_libraries(names) == names
    monkeypatch.syspath_prepend(str(tmp_path))
    assert missing_libraries(names) == names[1:]


def test_a_machine_without_nvidia_libraries_has_no_gpus_and_no_tensorrt() -> None:
    if not missing_libraries(["libcuda.so.1"]):
        pytest.skip("this machine has an NVIDIA driver")
    assert gpus() == ()
    if missing_libraries(["libnvinfer.so.10"]):
        assert tensorrt_version() == "unknown"


def test_a_gpu_is_described_by_what_an_engine_depends_on() -> None:
    assert str(Gpu("NVIDIA H200", "9.0")) == "NVIDIA H200, compute capability 9.0"
