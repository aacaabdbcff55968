"""Completion of shells and the manual page, as `make share` writes them from the parser."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]
# Call the function that completes, as bash does when the user presses the tabulator.
BASH = r"""
source "$1"
shift
completed=$(complete -p speakersdk)
completed=${completed#*-F }
COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
"${completed%% *}" speakersdk "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD - 1]}"
printf '%s\n' "${COMPREPLY[@]}"
"""


@pytest.fixture(scope="module")
def share(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that `make share` fills with the tools of this environment."""
    for module in ("shtab", "argparse_manpage"):
        pytest.importorskip(module, reason="needs pip install --group share")
    if shutil.which("make") is None:
        pytest.skip("make is not installed")
    folder = tmp_path_factory.mktemp("share")
    virtual = Path(sys.executable).parents[1]
    # `--assume-old` for the content of the environment: nothing is installed.
    old = [f"--assume-old={virtual}/speakersdk-{one}.stamp" for one in ("runtime", "sharing")]
    command = ["make", "share", f"SHARE={folder}", f"VENV={virtual}", *old]
    subprocess.run(command, cwd=REPOSITORY, check=True, capture_output=True, text=True)
    return folder


def output_of(program: str, *arguments: str | Path) -> str:
    """Return the output of a program; skip the test if the program is missing."""
    path = shutil.which(program)
    if path is None:
        pytest.skip(f"{program} is not installed")
    done = subprocess.run(
        [path, *map(str, arguments)], check=True, capture_output=True, text=True, timeout=60
    )
    assert done.stderr == ""
    return done.stdout


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("ver",), "verify"),
        (("verify", "--mo"), "--model"),
        (("profiles", "expo"), "export"),
        (("listen", "--reco"), "--reconnect"),
    ],
)
def test_bash_completes_commands_and_options(
    share: Path, words: tuple[str, ...], expected: str
) -> None:
    script = share / "bash-completion" / "completions" / "speakersdk"
    listed = output_of("bash", "-c", BASH, "bash", script, "speakersdk", *words)
    assert listed.split() == [expected]


def test_bash_completes_recordings_and_folders(
    share: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "talk.wav").touch()
    (tmp_path / "voices").mkdir()
    script = share / "bash-completion" / "completions" / "speakersdk"
    for words, expected in (
        (("enroll", "ann", "ta"), "talk.wav"),
        (("enroll", "ann", "talk.wav", "ta"), "talk.wav"),
        (("verify", "ann", "ta"), "talk.wav"),
        (("listen", "--input", "ta"), "talk.wav"),
        (("verify", "ann", "talk.wav", "--voiceprints", "vo"), "voices"),
    ):
        listed = output_of("bash", "-c", BASH, "bash", script, "speakersdk", *words)
        assert listed.split() == [expected], words


@pytest.mark.parametrize(
    ("line", "expected"), [("speakersdk ver", "verify"), ("speakersdk verify --mo", "--model")]
)
def test_fish_completes_commands_and_options(share: Path, line: str, expected: str) -> None:
    script = share / "fish" / "vendor_completions.d" / "speakersdk.fish"
    listed = output_of("fish", "--no-config", "-c", f"source {script}; complete -C '{line}'")
    assert [one.split("\t")[0] for one in listed.splitlines()] == [expected]


def test_zsh_accepts_the_completion(share: Path) -> None:
    script = share / "zsh" / "site-functions" / "_speakersdk"
    assert output_of("zsh", "--no-rcs", "-n", script) == ""
    assert script.read_text(encoding="utf-8").startswith("#compdef speakersdk\n")


def test_the_manual_names_every_command_and_has_no_stray_macros(share: Path) -> None:
    from speakersdk.cli.commands import build_parser

    page = share / "man" / "man1" / "speakersdk.1"
    rendered = output_of("groff", "-man", "-ww", "-Tascii", "-P-c", page)
    words = rendered.replace("\b", "").split()
    usage = subprocess.run(
        [sys.executable, "-m", "speakersdk", "--help"], capture_output=True, text=True, check=True
    ).stdout
    assert "verify speakers on this device" in rendered
    commands = build_parser()._commands
    assert commands is not None
    for command in commands.choices:
        assert command in words
        assert command in usage
