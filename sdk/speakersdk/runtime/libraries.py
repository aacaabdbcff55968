"""Shared libraries that onnxruntime providers need, and the GPUs that the NVIDIA driver lists.

A library is present if the dynamic loader can load it with its dependencies, or if it can be loaded
from the Python packages of NVIDIA.
"""

from __future__ import annotations

import ctypes
import importlib.util
import mmap
import struct
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

# Tags of the dynamic section and types of segments in an ELF file (System V ABI, chapter 5).
_DT_NEEDED: Final = 1
_DT_STRTAB: Final = 5
_PT_LOAD: Final = 1
_PT_DYNAMIC: Final = 2
# Attributes of a device in the CUDA driver API: CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_*.
_COMPUTE_CAPABILITY_MAJOR: Final = 75
_COMPUTE_CAPABILITY_MINOR: Final = 76
_DRIVER: Final = "libcuda.so.1"


@dataclass(frozen=True, slots=True)
class Gpu:
    """A GPU in the list of the CUDA driver."""

    name: str
    compute_capability: str

    def __str__(self) -> str:
        return f"{self.name}, compute capability {self.compute_capability}"


def needed_libraries(path: Path) -> tuple[str, ...]:
    """List the libraries that a 64-bit little-endian ELF file needs; () for other files."""
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        if data[:6] != b"\x7fELF\x02\x01":
            return ()
        (headers_at,) = struct.unpack_from("<Q", data, 32)
        header_size, num_headers = struct.unpack_from("<HH", data, 54)
        segments = [
            # type, offset in the file, address in memory, size in the file
            (fields[0], fields[2], fields[3], fields[5])
            for number in range(num_headers)
            for fields in [struct.unpack_from("<IIQQQQ", data, headers_at + number * header_size)]
        ]
        entries = [
            struct.unpack_from("<QQ", data, at)
            for kind, offset, _, size in segments
            if kind == _PT_DYNAMIC
            for at in range(offset, offset + size, 16)
        ]
        table_address = next((value for tag, value in entries if tag == _DT_STRTAB), 0)
        table_at = next(
            (
                offset + table_address - address
                for kind, offset, address, size in segments
                if kind == _PT_LOAD and address <= table_address < address + size
            ),
            0,
        )
        starts = [table_at + value for tag, value in entries if tag == _DT_NEEDED]
        return tuple(data[start : data.find(b"\0", start)].decode() for start in starts)


def missing_libraries(names: Iterable[str]) -> tuple[str, ...]:
    """List the libraries of `names` that cannot be loaded."""
    return tuple(name for name in names if not (_loads(name) or _loads_from_packages(name)))


def tensorrt_version() -> str:
    """Return the version of TensorRT, such as 10.15.1; "unknown" if it cannot be loaded."""
    for major in (10, 11):
        try:
            number = int(ctypes.CDLL(f"libnvinfer.so.{major}").getInferLibVersion())
        except (OSError, AttributeError):
            continue
        return f"{number // 10000}.{number % 10000 // 100}.{number % 100}"
    return "unknown"


def gpus() -> tuple[Gpu, ...]:
    """List the GPUs in the order of the driver; () without a driver or a GPU."""
    try:
        driver = ctypes.CDLL(_DRIVER)
    except OSError:
        return ()
    count = ctypes.c_int()
    if driver.cuInit(0) or driver.cuDeviceGetCount(ctypes.byref(count)):
        return ()
    return tuple(_gpu(driver, index) for index in range(count.value))


def _gpu(driver: ctypes.CDLL, index: int) -> Gpu:
    device, value = ctypes.c_int(), ctypes.c_int()
    name = ctypes.create_string_buffer(256)
    driver.cuDeviceGet(ctypes.byref(device), index)
    driver.cuDeviceGetName(name, len(name), device)
    numbers = []
    for attribute in (_COMPUTE_CAPABILITY_MAJOR, _COMPUTE_CAPABILITY_MINOR):
        driver.cuDeviceGetAttribute(ctypes.byref(value), attribute, device)
        numbers.append(str(value.value))
    return Gpu(name.value.decode(errors="replace"), ".".join(numbers))


def _loads_from_packages(name: str) -> bool:
    """Load a library from the Python packages of NVIDIA, wherever Python finds them.

    onnxruntime searches only the folder next to its own, but the packages may be in another folder
    of the Python path. A library that is loaded once is found by its name.
    """
    spec = importlib.util.find_spec("nvidia")
    folders = (spec.submodule_search_locations or ()) if spec else ()
    found = (path for folder in folders for path in Path(folder).glob(f"*/lib/{name}"))
    return any(_loads(str(path)) for path in found)


def _loads(name: str) -> bool:
    try:
        ctypes.CDLL(name)
    except OSError:
        return False
    return True
