from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from speakersdk.arrays import Waveform
from speakersdk.cli import main
from speakersdk.decision.outcome import Decision, Verdict
from speakersdk.enrollment.fingerprint import fingerprint_of
from speakersdk.enrollment.remembered_recordings import (
    MAXIMUM_RECORDINGS,
    RememberedRecordings,
    read_remembered,
    write_remembered,
)
from speakersdk.errors import SealError, UnknownSpeakerError, VoiceprintError
from speakersdk.sealing import SealingKey
from speakersdk.voiceprint.store import VoiceprintStore
from tests.sdk.example_voiceprints import example_voiceprint

KEY = bytes(range(32))
ACCEPTED = Decision.from_evidence(score=-0.1, llr=5.0, threshold=2.0, speech_s=3.0)
REJECTED = Decision.from_evidence(score=-0.1, llr=1.0, threshold=2.0, speech_s=3.0)


def noise(seed: int, seconds: float = 5.0) -> Waveform:
    """Bursts of noise with a changing spectrum, different for each seed."""
    chance = np.random.default_rng(seed)
    parts = [
        np.convolve(chance.normal(0, 0.1, 1600), chance.normal(0, 1, 30))[:1600]
        for _ in range(int(10 * seconds))
    ]
    return np.concatenate(parts).astype(np.float32)


def made_store(folder: Path, key: SealingKey | None = None) -> VoiceprintStore:
    store = VoiceprintStore(folder, key=key)
    for name in ("ann", "bob"):
        store.save(example_voiceprint(name))
    return store


def test_a_remembered_recording_is_inconclusive_the_next_time(tmp_path: Path) -> None:
    memory = RememberedRecordings(made_store(tmp_path))
    assert memory.checked("ann", [noise(1)], ACCEPTED) == ACCEPTED
    memory.remember("ann", [noise(1)])
    repeated = memory.checked("ann", [noise(1)], ACCEPTED)
    assert repeated.verdict is Verdict.INCONCLUSIVE
    assert "repeats a known recording (a remembered one)" in repeated.reason
    assert repeated.llr == ACCEPTED.llr
    assert memory.checked("ann", [noise(2)], ACCEPTED) == ACCEPTED
    assert memory.checked("bob", [noise(1)], ACCEPTED) == ACCEPTED
    assert memory.checked("ann", [noise(1)], REJECTED) == REJECTED


def test_the_newest_are_kept(tmp_path: Path) -> None:
    memory = RememberedRecordings(made_store(tmp_path))
    for seed in range(MAXIMUM_RECORDINGS + 2):
        memory.remember("ann", [noise(seed, 1.0)])
    known = memory.known("ann")
    assert len(known) == MAXIMUM_RECORDINGS
    assert np.array_equal(known[0], fingerprint_of([noise(2, 1.0)]))


def test_an_error_names_the_file(tmp_path: Path) -> None:
    (tmp_path / "ann.heard").write_bytes(b"damaged")
    with pytest.raises(VoiceprintError, match=r"ann\.heard: not a file of remembered recordings"):
        RememberedRecordings(VoiceprintStore(tmp_path)).known("ann")


def test_unknown_speakers_are_not_remembered(tmp_path: Path) -> None:
    with pytest.raises(UnknownSpeakerError):
        RememberedRecordings(made_store(tmp_path)).remember("cyd", [noise(1)])
    assert not list(tmp_path.glob("*.heard"))


def test_it_is_sealed_with_the_store_and_erased_with_the_speaker(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("cryptography", reason="the extra secure is not installed")
    key_file = tmp_path / "key"
    key_file.write_text(KEY.hex())
    key_file.chmod(0o600)
    folder = tmp_path / "store"
    plain = RememberedRecordings(made_store(folder))
    plain.remember("ann", [noise(1)])
    plain.remember("bob", [noise(2)])
    before = plain.known("ann")
    options = ["--voiceprints", str(folder), "--key", f"file:{key_file}"]
    assert main(["profiles", "seal", *options]) == 0
    with pytest.raises(SealError, match="the file is sealed"):
        plain.known("ann")
    sealed = RememberedRecordings(VoiceprintStore(folder, key=SealingKey.from_bytes(KEY)))
    assert np.array_equal(sealed.known("ann")[0], before[0])
    capsys.readouterr()
    assert main(["profiles", "erase", "ann", *options]) == 0
    assert "erased the remembered recordings of ann (" in capsys.readouterr().out
    assert [path.name for path in folder.glob("*.heard")] == ["bob.heard"]
    VoiceprintStore(folder).remove("bob")
    assert not list(folder.glob("*.heard"))


def test_every_flipped_byte_and_every_truncation_is_noticed() -> None:
    data = write_remembered("ann", [fingerprint_of([noise(1, 1.0)]), fingerprint_of([])])
    assert len(read_remembered(data, "ann")) == 2
    for at in range(len(data)):
        flipped = bytearray(data)
        flipped[at] ^= 1
        for damaged in (bytes(flipped), data[:at]):
            with pytest.raises(VoiceprintError):
                read_remembered(damaged, "ann")
    with pytest.raises(VoiceprintError, match="those of another speaker"):
        read_remembered(data, "bob")
    with pytest.raises(VoiceprintError, match="at most 20 counts"):
        read_remembered(write_remembered("ann", [fingerprint_of([])] * 21), "ann")
    assert read_remembered(write_remembered("ann", []), "ann") == ()


def test_enroll_and_verify_remember(
    voices: dict[str, Any],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    enroll, probe = map(str, voices["slt"].enroll[:2]), str(voices["slt"].probe)
    enrolled = list(enroll)
    assert main(["enroll", "slt", *enrolled, "--remember"]) == 0
    assert main(["verify", "slt", probe, "--remember"]) == 0
    capsys.readouterr()
    for recording in (probe, enrolled[0]):
        assert main(["verify", "slt", recording]) == 1
        out = capsys.readouterr().out
        assert out.startswith("INCONCLUSIVE: ")
        assert "repeats a known recording" in out
    assert main(["verify", probe, probe, "--remember"]) == 2
    assert "expected an enrolled name with --remember" in capsys.readouterr().err
