"""The content of a wheel, and the modules that importing the SDK loads."""

import hashlib
import importlib.util
import json
import subprocess
import sys
import tomllib
import zipfile
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import speakersdk
from speakersdk import _native
from tests.integration.imports import imported_names

REPOSITORY = Path(__file__).parents[2]
HEAVY = ("torch", "onnx", "onnxruntime", "scipy", "soundfile", "soxr", "rich", "sounddevice")
MAXIMUM_WHEEL_BYTES = 8_000_000
PACKAGES = {
    "speakersdk": REPOSITORY / "sdk",
    "speakersdk_training": REPOSITORY / "training",
    "speakersdk_export": REPOSITORY / "export",
}
# Every room that is shipped. Code that only a benchmark uses belongs to `benchmarks/`.
ROOMS = {
    "speakersdk": {
        "audio", "calibration", "cli", "decision", "demo_clips", "diarization", "encoder",
        "enrollment", "evaluation", "gallery", "models", "recalibration", "runtime", "streaming",
        "voiceprint",
    },
    "speakersdk_training": {
        "augment", "compute", "data", "evaluation", "fit", "losses", "models", "teacher",
    },
    "speakersdk_export": {"adopt", "graph"},
}  # fmt: skip


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    """Build a wheel from this tree with the tools of this environment; nothing is downloaded."""
    folder = tmp_path_factory.mktemp("wheel")
    command = [
        *(sys.executable, "-m", "pip", "wheel", str(REPOSITORY), "--no-deps", "--no-index"),
        *("--no-build-isolation", "--quiet", "--wheel-dir", str(folder)),
        f"--config-settings=build-dir={folder / 'build'}",
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    (path,) = folder.glob("*.whl")
    assert path.stat().st_size < MAXIMUM_WHEEL_BYTES
    return zipfile.ZipFile(path)


def test_top_level_names_are_the_three_packages(wheel: zipfile.ZipFile) -> None:
    names = {name.split("/")[0] for name in wheel.namelist()}
    packages = {name for name in names if not name.endswith(".dist-info")}
    assert packages == {"speakersdk", "speakersdk_training", "speakersdk_export"}


def test_the_wheel_carries_model_clips_and_types(wheel: zipfile.ZipFile) -> None:
    names = wheel.namelist()
    assert "speakersdk/models/default.onnx" in names
    clips = [name for name in names if name.startswith("speakersdk/demo_clips/")]
    assert sum(name.endswith(".flac") for name in clips) == 12
    assert any(name.startswith("speakersdk/_native.") and name.endswith(".so") for name in names)
    assert "speakersdk/_native.pyi" in names
    for package in ("speakersdk", "speakersdk_training", "speakersdk_export"):
        assert f"{package}/py.typed" in names


def test_the_wheel_contains_only_the_named_rooms(wheel: zipfile.ZipFile) -> None:
    for package, rooms in ROOMS.items():
        inside = [name.split("/") for name in wheel.namelist() if name.startswith(f"{package}/")]
        assert {parts[1] for parts in inside if len(parts) > 2} <= rooms
    training = [name for name in wheel.namelist() if name.startswith("speakersdk_training/")]
    for of_the_ablation in ("clustering", "threshold"):
        assert not any(name.endswith(f"/{of_the_ablation}.py") for name in training)


@pytest.mark.parametrize("package", PACKAGES)
def test_the_wheel_carries_every_module_of_the_sources(
    wheel: zipfile.ZipFile, package: str
) -> None:
    root = PACKAGES[package]
    sources = {path.relative_to(root).as_posix() for path in (root / package).rglob("*.py")}
    shipped = {name for name in wheel.namelist() if name.startswith(f"{package}/")}
    assert {name for name in shipped if name.endswith(".py")} == sources


def test_the_wheel_carries_no_tests_or_caches(wheel: zipfile.ZipFile) -> None:
    strays = [name for name in wheel.namelist() if "test" in name or "__pycache__" in name]
    assert strays == []


def test_the_wheel_carries_its_bill_of_materials(wheel: zipfile.ZipFile) -> None:
    (path,) = [name for name in wheel.namelist() if ".dist-info/sboms/" in name]
    assert path.endswith("/speakersdk.cdx.json")
    bill = json.loads(wheel.read(path))
    assert (bill["bomFormat"], bill["specVersion"]) == ("CycloneDX", "1.6")
    version = metadata.version("speakersdk")
    assert bill["metadata"]["component"]["purl"] == f"pkg:pypi/speakersdk@{version}"
    components = {component["name"]: component for component in bill["components"]}
    assert components["pybind11"]["purl"] == f"pkg:pypi/pybind11@{metadata.version('pybind11')}"
    (model,) = components["speakersdk/models/default.onnx"]["hashes"]
    content = wheel.read("speakersdk/models/default.onnx")
    assert model == {"alg": "SHA-256", "content": hashlib.sha256(content).hexdigest()}
    # Every reference of the graph leads to a component.
    known = {component["bom-ref"] for component in bill["components"]}
    (dependency,) = bill["dependencies"]
    assert set(dependency["dependsOn"]) == known


def test_the_wheel_carries_licence_and_notices(wheel: zipfile.ZipFile) -> None:
    names = {name.partition(".dist-info/licenses/")[2] for name in wheel.namelist()}
    assert {"LICENSE", "THIRD_PARTY_NOTICES.md"} <= names


def test_the_notices_name_every_dependency() -> None:
    notices = (REPOSITORY / "THIRD_PARTY_NOTICES.md").read_text(encoding="utf-8")
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    names = [line.partition(">")[0] for line in project["dependencies"]]
    assert "onnxruntime" in names  # one line installs everything
    assert [name for name in names if f"| {name} |" not in notices] == []


def test_the_version_has_one_home() -> None:
    # CMake reads pyproject.toml; only the citation repeats the version.
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert metadata.version("speakersdk") == _native.__version__ == project["version"]
    assert speakersdk.__version__ == project["version"]
    citation = (REPOSITORY / "CITATION.cff").read_text(encoding="utf-8").splitlines()
    assert f"version: {project['version']}" in citation


def test_importing_the_sdk_loads_nothing_heavy() -> None:
    code = "import json, sys, speakersdk; print(json.dumps(sorted(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert set(json.loads(done.stdout)) & set(HEAVY) == set()


def test_public_names_are_sorted_and_exist() -> None:
    assert list(speakersdk.__all__) == sorted(speakersdk.__all__)
    assert [name for name in speakersdk.__all__ if not hasattr(speakersdk, name)] == []


@pytest.mark.parametrize(
    ("package", "extras"),
    [
        ("speakersdk", ["secure", "plots", "parquet"]),
        ("speakersdk_training", ["training"]),
        ("speakersdk_export", ["training", "export"]),
    ],
)
def test_every_library_that_is_imported_is_declared(package: str, extras: list[str]) -> None:
    """A library that is installed only for another one disappears with it."""
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text("utf-8"))["project"]
    lines = list(project["dependencies"])
    for extra in extras:
        lines += project["optional-dependencies"][extra]
    declared = {canonicalize_name(Requirement(line).name) for line in lines}
    sources = list((PACKAGES[package] / package).rglob("*.py"))
    if "python-speech-features" in declared:  # it does not declare what it needs
        assert not metadata.requires("python_speech_features")
        spec = importlib.util.find_spec("python_speech_features")
        assert spec is not None
        sources += Path(str(spec.origin)).parent.glob("*.py")
    names = {name.split(".")[0] for path in sources for name in imported_names(path)}
    names -= {*sys.stdlib_module_names, *PACKAGES}
    providers = metadata.packages_distributions()
    undeclared = {
        name
        for name in names
        if not declared & set(map(canonicalize_name, providers.get(name, [name])))
    }
    assert undeclared == set()
