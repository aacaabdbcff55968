"""Public reports of this field, tried with the bundled model; docs/cases.md answers them."""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile as sf

from speakersdk import InvalidAudioError, Verdict, Verifier, read_audio
from speakersdk.demo_clips import FOLDER

RATE_HZ = 16000


@dataclass(frozen=True, slots=True)
class Voice:
    """The clips of a bundled voice."""

    enroll: list[Path]
    probe: Path


@pytest.fixture(scope="module")
def verifier() -> Verifier:
    return Verifier()


@pytest.fixture(scope="module")
def voices() -> dict[str, Voice]:
    return {
        name: Voice(
            [FOLDER / f"{name}-enroll-{number}.flac" for number in (1, 2)],
            FOLDER / f"{name}-probe.flac",
        )
        for name in ("slt", "rms")
    }


@pytest.mark.training
def test_tensors_of_torchaudio_give_the_decisions_of_their_files(
    verifier: Verifier, voices: dict[str, Voice]
) -> None:
    """huggingface/transformers#36124: every pair of voices had a similarity of 1.000.

    The tensors had their channel first and a batch in front. These shapes are refused here, with
    what to pass; the tensor itself gives the decision of its file, and voices differ.
    """
    torch = pytest.importorskip("torch")

    def load(path: Path) -> Any:
        """As torchaudio.load: (channels, n)."""
        samples, rate_hz = sf.read(path, dtype="float32", always_2d=True)
        assert rate_hz == RATE_HZ
        return torch.from_numpy(samples.T.copy())

    enrolled = [load(path)[0] for path in voices["slt"].enroll]
    slt = verifier.enroll(enrolled, name="slt", sample_rate_hz=RATE_HZ)
    for voice, verdict in (("slt", Verdict.ACCEPT), ("rms", Verdict.REJECT)):
        tensor = load(voices[voice].probe)
        decision = verifier.verify(slt, tensor.mean(dim=0), sample_rate_hz=RATE_HZ)
        assert decision.verdict is verdict
        assert decision.llr == verifier.verify(slt, voices[voice].probe).llr
        for wrong, message in ((tensor, r"pass samples\.T"), (tensor[None], r"shape \(n,\)")):
            with pytest.raises(InvalidAudioError, match=message):
                verifier.verify(slt, wrong, sample_rate_hz=RATE_HZ)


def test_an_mp3_is_read_from_bytes_as_from_its_path(
    voices: dict[str, Voice], tmp_path: Path
) -> None:
    """earthspecies/alp-data#202: an MP3 that plays everywhere was not recognised in a BytesIO.

    A decoder that knows the suffix searches for the first frame, one without a name does not. The
    frames are found here, whatever the file is called and whatever lies in front of them or next
    to it in the folder.
    """
    samples = read_audio(voices["slt"].probe)
    encoded = io.BytesIO()
    sf.write(encoded, samples, RATE_HZ, format="MP3")
    padded = b"ID3\4\0\0\0\0\0\x40" + bytes(64) + bytes(700) + encoded.getvalue()
    for name in ("probe.mp3", "probe", "probe.wav", "probe.raw"):
        path = tmp_path / name
        path.write_bytes(padded)
        (tmp_path / f"._{name}").write_bytes(b"\0\5\x16\7" + bytes(78))  # from a Mac
        expected = read_audio(path)
        assert abs(len(expected) - len(samples)) < 1152
        np.testing.assert_array_equal(read_audio(io.BytesIO(padded)), expected)
        with path.open("rb") as file:
            np.testing.assert_array_equal(read_audio(file), expected)
