from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from speakersdk.errors import AttemptLimitError, ConfigError, StateFileError, WrongTypeError
from speakersdk.voiceprint.attempts import FILE_NAME, AttemptLimit


class Clock:
    def __init__(self) -> None:
        self.now_s = 1e9

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def limit(tmp_path: Path, clock: Clock) -> AttemptLimit:
    return AttemptLimit(
        folder=tmp_path / "store", tries=3, window_s=100, wait_s=10, maximum_wait_s=35, clock=clock
    )


def wait_of(limit: AttemptLimit) -> float:
    with pytest.raises(AttemptLimitError) as caught:
        limit.begin("ann")
    return caught.value.wait_s


def test_the_wait_doubles_up_to_its_maximum(limit: AttemptLimit, clock: Clock) -> None:
    for _ in range(3):
        limit.begin("ann")
    for wait_s in (10, 20, 35, 35):
        assert wait_of(limit) == wait_s
        clock.now_s += wait_s - 1
        assert wait_of(limit) == 1
        clock.now_s += 1
        limit.begin("ann")


def test_an_accepted_attempt_clears_the_count(limit: AttemptLimit) -> None:
    for _ in range(4):
        limit.begin("ann")
        limit.begin("ann")
        limit.accepted("ann")


def test_an_answer_that_is_true_clears_the_count(limit: AttemptLimit) -> None:
    def undecided() -> bool:
        raise OSError("no such recording")

    for _ in range(3):
        assert limit.decide("ann", lambda: False) is False
        with pytest.raises(OSError, match="no such"):  # counts as rejected
            limit.decide("ann", undecided)
        assert limit.decide("ann", lambda: True) is True
    for _ in range(3):
        limit.decide("ann", lambda: False)
    with pytest.raises(AttemptLimitError):
        limit.decide("ann", lambda: pytest.fail("was asked"))


def test_an_answer_of_another_type_is_refused(limit: AttemptLimit) -> None:
    for _ in range(3):
        with pytest.raises(WrongTypeError, match="expected answer to return a decision, got str"):
            limit.decide("ann", lambda: "rejected")  # type: ignore[type-var]
    assert wait_of(limit) == 10


def test_without_a_number_of_tries_nothing_is_counted(tmp_path: Path) -> None:
    limit = AttemptLimit(folder=tmp_path / "store", tries=None)
    for _ in range(20):
        assert limit.decide("ann", lambda: False) is False
    limit.accepted("ann")
    assert not limit.folder.exists()


def test_clients_are_counted_apart_from_speakers(limit: AttemptLimit) -> None:
    for _ in range(3):
        limit.begin("ann")
    limit.for_clients().begin("ann")
    assert (limit.folder / ".clients" / FILE_NAME).is_file()
    assert wait_of(limit) == 10


def test_speakers_are_counted_apart(limit: AttemptLimit) -> None:
    for _ in range(3):
        limit.begin("ann")
    limit.begin("bob")
    wait_of(limit)


def test_old_rejections_do_not_count(limit: AttemptLimit, clock: Clock) -> None:
    for _ in range(6):
        limit.begin("ann")
        clock.now_s += 101


def test_a_clock_that_is_set_back_gives_no_new_tries(limit: AttemptLimit, clock: Clock) -> None:
    for _ in range(3):
        limit.begin("ann")
    clock.now_s -= 1e6
    assert wait_of(limit) == 10


def test_a_clock_before_1970_leaves_the_counts_readable(limit: AttemptLimit, clock: Clock) -> None:
    clock.now_s = -86400.0
    for _ in range(3):
        limit.begin("ann")
    with pytest.raises(AttemptLimitError):
        limit.begin("ann")
    clock.now_s = 1e9
    limit.begin("ann")


def test_a_wait_ends_after_a_clock_was_far_ahead(limit: AttemptLimit, clock: Clock) -> None:
    for _ in range(3):
        limit.begin("ann")
    clock.now_s -= 1e6
    wait_of(limit)
    clock.now_s += 9
    assert wait_of(limit) == 1
    clock.now_s += 1
    limit.begin("ann")


@pytest.mark.parametrize(
    "content",
    [
        b"", b"{}", b"[]", b"\xff", b'{"version": 1}', b'{"version": 2, "rejected": {}}',
        b'{"version": 1, "rejected": {"ann": [1]}}',
        b'{"version": 1, "rejected": {"ann": ["1", 0]}}',
        b'{"version": 1, "rejected": {"ann": [0, NaN]}}',
    ],
)  # fmt: skip
def test_a_damaged_file_gives_no_new_tries(content: bytes, limit: AttemptLimit) -> None:
    limit.begin("ann")
    (limit.folder / FILE_NAME).write_bytes(content)
    with pytest.raises(StateFileError, match="is damaged"):
        limit.begin("ann")


def test_processes_share_the_count(tmp_path: Path) -> None:
    source = """
import sys
from pathlib import Path
from speakersdk.voiceprint.attempts import AttemptLimit
for _ in range(5):
    AttemptLimit(folder=Path(sys.argv[1]), tries=100).begin("ann")
"""
    command = [sys.executable, "-c", source, str(tmp_path)]
    processes = [subprocess.Popen(command) for _ in range(4)]
    assert [process.wait() for process in processes] == [0] * 4
    assert json.loads((tmp_path / FILE_NAME).read_text())["rejected"]["ann"][0] == 20
    assert (tmp_path / FILE_NAME).stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    "wrong", [{"tries": 0}, {"wait_s": 0}, {"window_s": -1}, {"maximum_wait_s": 1}]
)
def test_limits_that_limit_nothing_are_refused(wrong: dict[str, float], tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="expected tries"):
        AttemptLimit(folder=tmp_path, **wrong)  # type: ignore[arg-type]
