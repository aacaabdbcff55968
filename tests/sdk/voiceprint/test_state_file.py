from __future__ import annotations

from pathlib import Path

import pytest

from speakersdk.errors import ConfigError
from speakersdk.voiceprint.state_file import StateFile


@pytest.fixture
def state(tmp_path: Path) -> StateFile[int]:
    return StateFile(path=tmp_path / ".counts", key="counts", parse=int, loss="nothing is known")


def test_what_is_written_is_read(state: StateFile[int]) -> None:
    assert state.read() == {}
    state.write({"Zoë": 3, "bob": 4})
    assert state.read() == {"Zoë": 3, "bob": 4}
    assert state.path.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize(
    "content",
    [b"", b"\xff", b"3", b"{}", b'{"version": 1}', b'{"version": 1, "counts": {"a": "b"}}'],
)
def test_a_damaged_file_is_not_an_empty_file(content: bytes, state: StateFile[int]) -> None:
    state.path.write_bytes(content)
    with pytest.raises(ConfigError, match="is damaged, nothing is known; delete it"):
        state.read()
