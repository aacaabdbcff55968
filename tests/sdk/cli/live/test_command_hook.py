"""``speakersdk listen --exec`` with real commands."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from speakersdk.cli.live.command_hook import CommandHook
from speakersdk.errors import ConfigError
from speakersdk.verifier import Verifier
from speakersdk.voiceprint.store import VoiceprintStore

# Append its standard input and its arguments as one line.
RECORDER = """#!/bin/sh
echo "$SPEAKERSDK_VERDICT|$SPEAKERSDK_NAME|$SPEAKERSDK_TIME_S|$SPEAKERSDK_LLR|$#:$1" >>"$LOG"
"""


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "log"


@pytest.fixture
def recorder(tmp_path: Path) -> Path:
    path = tmp_path / "record it.sh"
    path.write_text(RECORDER)
    path.chmod(0o755)
    return path


def listen(tmp_path: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "speakersdk", "listen", "--fast", *arguments],
        env={**os.environ, "XDG_DATA_HOME": str(tmp_path), "LOG": str(tmp_path / "log")},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def test_a_command_gets_each_change_of_verdict_in_its_environment(
    tmp_path: Path,
    verifier: Verifier,
    voices: dict[str, Any],
    store: VoiceprintStore,
    recorder: Path,
    log: Path,
) -> None:
    name = "slt o'hara"
    store.save(verifier.enroll(voices["slt"].enroll, name=name))
    done = listen(
        tmp_path, "--input", str(voices["slt"].probe), "--exec", f"'{recorder}' 'a b;c' $HOME"
    )
    assert done.returncode == 0, done.stderr
    lines = [line.split("|") for line in log.read_text().splitlines()]
    assert [line[0] for line in lines] == ["inconclusive", "accept", "no_speech"]
    assert [line[1] for line in lines] == ["", name, ""]
    assert float(lines[1][3]) > 0
    assert float(lines[0][2]) < float(lines[1][2]) < float(lines[2][2])
    # There is no shell: two arguments, the second of which is the word $HOME.
    assert {line[4] for line in lines} == {"2:a b;c"}


def test_a_failing_command_is_reported_and_listening_continues(
    tmp_path: Path, verifier: Verifier, voices: dict[str, Any], store: VoiceprintStore
) -> None:
    store.save(verifier.enroll(voices["slt"].enroll, name="slt"))
    done = listen(tmp_path, "--input", str(voices["slt"].probe), "--exec", "sh -c 'exit 7'")
    assert done.returncode == 0
    assert "speakersdk: --exec: sh ended with status 7" in done.stderr
    assert "accepted slt" in done.stderr


def test_output_of_the_command_does_not_mix_with_json(
    tmp_path: Path, verifier: Verifier, voices: dict[str, Any], store: VoiceprintStore
) -> None:
    store.save(verifier.enroll(voices["slt"].enroll, name="slt"))
    done = listen(
        tmp_path, "--json", "--input", str(voices["slt"].probe), "--exec", "echo from the command"
    )
    assert "from the command" in done.stderr
    assert "from the command" not in done.stdout


def test_a_slow_command_delays_no_audio_and_is_ended(
    tmp_path: Path, verifier: Verifier, voices: dict[str, Any], store: VoiceprintStore, log: Path
) -> None:
    store.save(verifier.enroll(voices["slt"].enroll, name="slt"))
    # The child of the shell also has stderr open: `listen` returns only if both have ended.
    script = f"echo started >>{log}; sleep 600; echo over"
    done = listen(
        tmp_path, "--json", "--input", str(voices["slt"].probe), "--exec", f'sh -c "{script}"'
    )
    assert done.returncode == 0
    assert done.stdout.count('"kind": "update"') > 30  # the whole recording was processed
    assert "still running 5 s after the end; terminated" in done.stderr
    assert log.read_text().splitlines()[0] == "started"


def test_a_command_that_ignores_its_termination_is_killed(
    tmp_path: Path, verifier: Verifier, voices: dict[str, Any], store: VoiceprintStore, log: Path
) -> None:
    store.save(verifier.enroll(voices["slt"].enroll, name="slt"))
    script = f"trap : TERM; echo started >>{log}; while :; do sleep 600; done"
    done = listen(tmp_path, "--input", str(voices["slt"].probe), "--exec", f'sh -c "{script}"')
    assert done.returncode == 0
    assert "ended by SIGKILL" in done.stderr


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_second_signal_ends_the_running_command_at_once(
    tmp_path: Path,
    verifier: Verifier,
    voices: dict[str, Any],
    store: VoiceprintStore,
    log: Path,
    number: signal.Signals,
) -> None:
    store.save(verifier.enroll(voices["slt"].enroll, name="slt"))
    # The command sends SIGINT until it is ended itself, or until `listen` has ended without it.
    again = f"while kill -{number.value} $PPID; do sleep 0.3; done"
    command = f"sh -c '{again}; echo survived >>{log}; exec sleep 600'"
    done = listen(tmp_path, "--input", str(voices["slt"].probe), "--exec", command)
    assert done.returncode == (130 if number is signal.SIGINT else -number)
    assert "still running at the second signal; terminated" in done.stderr
    assert not log.exists()


@pytest.mark.parametrize(
    ("first_line", "message"),
    [
        ("echo hello", "begin a script with a line such as #!/bin/sh"),
        ("#!/no/such/shell", "the program that its first line names does not exist"),
    ],
)
def test_a_script_that_the_system_cannot_run_is_reported_with_the_remedy(
    tmp_path: Path,
    verifier: Verifier,
    voices: dict[str, Any],
    store: VoiceprintStore,
    first_line: str,
    message: str,
) -> None:
    store.save(verifier.enroll(voices["slt"].enroll, name="slt"))
    script = tmp_path / "lamp.sh"
    script.write_text(f"{first_line}\n")
    script.chmod(0o755)
    done = listen(tmp_path, "--input", str(voices["slt"].probe), "--exec", str(script))
    assert done.returncode == 0
    assert re.search(f"cannot run {re.escape(str(script))}: .*{message}", done.stderr)


@pytest.mark.parametrize(
    ("command", "message"),
    [
        ("", "got none"),
        ("'unclosed", "No closing quotation"),
        ("no-such-program-anywhere --now", "found none named no-such-program-anywhere"),
    ],
)
def test_commands_that_cannot_run_are_refused_at_the_start(command: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        CommandHook(command)


def test_a_file_that_may_not_be_run_is_named_with_the_remedy(tmp_path: Path) -> None:
    script = tmp_path / "lamp.sh"
    script.write_text("#!/bin/sh\n")
    with pytest.raises(ConfigError, match=rf"chmod \+x {re.escape(str(script))}"):
        CommandHook(str(script))
