"""The examples of the documents work.

Python blocks run, block after block, on real recordings. Parsers understand the commands. Blocks of
JSON and TOML are valid.
"""

import importlib.util
import json
import re
import shlex
import shutil
import tomllib
from pathlib import Path

import pytest

import speakersdk.cli.commands
import speakersdk_export.cli
import speakersdk_training.cli
from tests.integration.test_documents import DOCUMENTS

REPOSITORY = Path(__file__).parents[2]
# A block after this comment is not run; the comment gives the reason.
BLOCK = re.compile(r"(<!-- not run: [^>]+ -->\n)?```python\n(.*?)```", flags=re.DOTALL)
PAGES = sorted(
    path
    for path in (REPOSITORY / "docs").rglob("*.md")
    if any(not skipped for skipped, _ in BLOCK.findall(path.read_text(encoding="utf-8")))
)
# Clip that is used for each file that the examples name.
RECORDINGS = {
    "ann-1.wav": "slt-enroll-1", "ann-2.wav": "slt-enroll-2", "ann-2.flac": "slt-enroll-2",
    "ann-3.wav": "slt-probe", "probe.wav": "slt-probe", "somebody.wav": "slt-probe",
    "noisy.wav": "slt-enroll-1", "stranger.wav": "rms-probe", "meeting.wav": "rms-probe",
    "bob-1.wav": "awb-enroll-1", "bob-2.wav": "awb-enroll-2",
}  # fmt: skip


def put_recordings(folder: Path, demo_clips: Path) -> None:
    """Copy the clips under the names that the examples use, and under their own."""
    for path in demo_clips.glob("*.flac"):
        shutil.copy(path, folder)
    for name, clip in RECORDINGS.items():
        shutil.copy(demo_clips / f"{clip}.flac", folder / name)


@pytest.mark.parametrize("page", PAGES, ids=lambda path: str(path.relative_to(REPOSITORY)))
def test_examples_of_the_page_run(
    page: Path, tmp_path: Path, demo_clips: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_recordings(tmp_path, demo_clips)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    names: dict[str, object] = {}  # a page makes every name that it uses
    for skipped, block in BLOCK.findall(page.read_text(encoding="utf-8")):
        if not skipped:
            exec(compile(block, str(page.relative_to(REPOSITORY)), "exec"), names)


PARSERS = {
    "speakersdk": speakersdk.cli.commands.build_parser(),
    "speakersdk-train": speakersdk_training.cli.build_parser(),
    "speakersdk-export": speakersdk_export.cli.build_parser(),
}


def commands_of(document: Path) -> list[list[str]]:
    """Return the calls of this package's programs in the shell blocks of a page."""
    found = []
    text = document.read_text(encoding="utf-8")
    for block in re.findall(r"```sh\n(.*?)```", text, flags=re.DOTALL):
        for line in block.replace("\\\n", " ").splitlines():
            # A pipe separates commands, and what follows `>` is not an argument.
            words = shlex.shlex(line, posix=True, punctuation_chars="|>;")
            words.whitespace_split = True
            words.commenters = "#"
            call: list[str] = []
            for word in [*words, "|"]:
                if word in {"|", ">", ";"}:
                    if call and call[0] in PARSERS:
                        found.append(call)
                    call = []
                else:
                    call.append(word)
    return found


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(REPOSITORY)))
def test_commands_of_the_page_are_understood(
    document: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for program, *arguments in commands_of(document):
        try:
            PARSERS[program].parse_args(arguments)
        except SystemExit:
            pytest.fail(f"{program} {' '.join(arguments)}\n{capsys.readouterr().err}")


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(REPOSITORY)))
def test_no_command_is_lost_in_a_comment(document: Path) -> None:
    """Wrapping a block like prose moves commands behind the comment of the line above."""
    text = document.read_text(encoding="utf-8")
    for block in re.findall(r"```sh\n(.*?)```", text, flags=re.DOTALL):
        assert not re.search(r"#.*\bspeakersdk(-\w+)? [a-z]", block), block


# What these need is not here: a microphone, a keyring, a service, another model, a corpus.
ELSEWHERE = re.compile(
    r"\b(listen|devices|serve|keyring|migrate|evaluate|calibrate|embed|warmup)\b|onnx|--calibration"
)


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(REPOSITORY)))
def test_commands_of_the_page_run_one_after_the_other(
    document: Path,
    tmp_path: Path,
    demo_clips: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Status 2 means that an instruction cannot be followed, such as to enroll a taken name."""
    commands = [
        arguments
        for program, *arguments in commands_of(document)
        if program == "speakersdk" and not ELSEWHERE.search(" ".join(arguments))
    ]
    put_recordings(tmp_path, demo_clips)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    for arguments in commands:
        status = speakersdk.cli.main(arguments)
        assert status < 2, f"speakersdk {' '.join(arguments)}\n{capsys.readouterr().err}"


def test_the_pages_show_the_programs() -> None:
    shown = [command[0] for document in DOCUMENTS for command in commands_of(document)]
    assert set(shown) == set(PARSERS)
    assert len(shown) > 70


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(REPOSITORY)))
def test_benchmarks_and_data_of_the_page_exist(document: Path) -> None:
    text = document.read_text(encoding="utf-8")
    modules = set(re.findall(r"python -m ((?:benchmarks|tests)[\w.]*)", text))
    assert [name for name in modules if importlib.util.find_spec(name.rstrip(".")) is None] == []
    for block in re.findall(r"```json\n(.*?)```", text, flags=re.DOTALL):
        json.loads(block)
    for block in re.findall(r"```toml\n(.*?)```", text, flags=re.DOTALL):
        tomllib.loads(block)
