"""Keys, limits on size and attempts, and pages of other sites."""

import shutil
import socket
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
from running_server import CLIPS, DEADLINE_S, Server
from speakersdk_http.settings import Settings, read_keys

from speakersdk import ConfigError, Verifier, VoiceprintStore
from speakersdk.cli import main

Clip = Callable[[str], bytes]
Start = Callable[..., Server]
KEY = "correct-horse-battery"


@pytest.fixture(scope="module")
def guarded(start: Start, tmp_path_factory: pytest.TempPathFactory) -> Server:
    """A server with keys, an upload limit of 0.5 MB and two attempts; slt is enrolled."""
    folder = tmp_path_factory.mktemp("guarded")
    slt = Verifier().enroll([CLIPS / "slt-enroll-1.flac"], name="slt")
    VoiceprintStore(folder).save(slt)
    keys = tmp_path_factory.mktemp("keys") / "keys"
    keys.write_text(f"# clients\npanel {KEY}\nrobot {KEY}-of-the-robot\n")
    keys.chmod(0o600)
    options = ("--keys", str(keys), "--max-upload", "0.5", "--limit", "2")
    return start(*options, "--origin", "https://app.example", folder=folder)


def post(server: Server, path: str, *, key: str = KEY, **content: object) -> httpx.Response:
    headers = {"Authorization": f"Bearer {key}"}
    return httpx.post(f"{server.url}{path}", headers=headers, timeout=DEADLINE_S, **content)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "header", [{}, {"Authorization": "Bearer x"}, {"Authorization": f"Basic {KEY}"}]
)
def test_without_a_valid_key_nothing_is_answered(guarded: Server, header: dict[str, str]) -> None:
    for path in ("/v1/voice/voices", "/metrics"):
        answer = httpx.get(f"{guarded.url}{path}", headers=header, timeout=DEADLINE_S)
        assert answer.status_code == 401
        assert answer.headers["www-authenticate"] == "Bearer"
    assert httpx.get(f"{guarded.url}/healthz", timeout=DEADLINE_S).status_code == 200


@pytest.mark.parametrize("is_announced", [True, False])
def test_a_large_body_is_refused(guarded: Server, is_announced: bool) -> None:
    body = b"x" * 600_000
    content = body if is_announced else iter([body[:300_000], body[300_000:]])
    answer = post(guarded, "/v1/voice/identify", content=content)
    assert answer.status_code == 413
    assert "0.5 MB" in answer.json()["error"]["message"]


def test_a_client_that_leaves_within_its_request_is_not_a_failure(
    start: Start, capfd: pytest.CaptureFixture[str]
) -> None:
    server = start()
    address = httpx.URL(server.url)
    with socket.create_connection((address.host, address.port)) as connection:
        connection.sendall(
            b"POST /v1/voice/identify HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\nabc"
        )
    assert server.stop() == 0
    assert "Traceback" not in capfd.readouterr().err


def test_attempts_on_a_speaker_are_limited(guarded: Server, clip: Clip) -> None:
    def attempt(voice: str) -> httpx.Response:
        files = {"audio2": clip(f"{voice}-probe")}
        return post(guarded, "/v1/voice/verify", data={"name": "slt"}, files=files)

    assert [attempt(voice).status_code for voice in ("rms", "slt", "rms", "rms")] == [200] * 4
    refused = attempt("slt")
    assert refused.status_code == 429
    assert int(refused.headers["retry-after"]) > 0


def test_damaged_counts_are_a_failure_that_the_log_explains(
    start: Start, guarded: Server, clip: Clip, capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    shutil.copy(guarded.folder / "slt.voiceprint", tmp_path)
    counts = tmp_path / ".attempts.json"
    counts.write_text("{")
    server = start("--limit", "2", folder=tmp_path)
    files = {"audio2": clip("slt-probe")}
    answer = post(server, "/v1/voice/verify", data={"name": "slt"}, files=files)
    assert server.stop() == 0
    assert answer.status_code == 500
    assert str(tmp_path) not in answer.text
    assert f"{counts} is damaged" in capfd.readouterr().err


def test_attempts_of_a_client_are_limited_for_itself(guarded: Server, clip: Clip) -> None:
    def attempt(key: str) -> int:
        files = {"audio": clip("rms-probe")}
        return post(guarded, "/v1/voice/identify", key=key, files=files).status_code

    assert [attempt(KEY) for _ in range(3)] == [200, 200, 429]
    assert attempt(f"{KEY}-of-the-robot") == 200


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Origin": "https://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Host": "evil.example"}, 403),
        ({"Host": "["}, 403),
        ({"Origin": "https://app.example"}, 200),
        ({"Host": "localhost:8080"}, 200),
    ],
)
def test_pages_of_other_sites_are_refused(
    guarded: Server, headers: dict[str, str], status: int
) -> None:
    headers = headers | {"Authorization": f"Bearer {KEY}"}
    answer = httpx.get(f"{guarded.url}/v1/voice/voices", headers=headers, timeout=DEADLINE_S)
    assert answer.status_code == status


def test_other_machines_need_keys(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["serve", "http", "--host", "0.0.0.0", "--port", "0"]) == 2
    assert "expected keys of the clients" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "at least one line"),
        ("panel short", "line 1"),
        ("# x\npanel", "line 2"),
        (f"a {KEY}\na {KEY}2", "named twice"),
    ],
)
def test_a_wrong_file_of_keys_is_refused(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "keys"
    path.write_text(text)
    path.chmod(0o600)
    with pytest.raises(ConfigError, match=message):
        read_keys(path)


def test_marks_and_foreign_comments_in_a_file_of_keys_do_not_matter(tmp_path: Path) -> None:
    path = tmp_path / "keys"
    path.write_bytes(f"\ufeffpanel {KEY}\r\n".encode() + b"# Schl\xfcssel\r\n\t\r\n")
    path.chmod(0o600)
    assert [key.client for key in read_keys(path)] == ["panel"]


def test_a_file_of_keys_that_others_can_read_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "keys"
    path.write_text(f"panel {KEY}")
    path.chmod(0o644)
    with pytest.raises(ConfigError, match="chmod 600"):
        read_keys(path)


@pytest.mark.parametrize("wrong", [{"threads": 0}, {"idle_s": 0.0}, {"drain_s": -1.0}])
def test_settings_outside_their_range_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ConfigError):
        Settings(open_verifier=Verifier, open_store=VoiceprintStore, **wrong)  # type: ignore[arg-type]
