"""Speech labels from the real detector: speech is speech, silence is not, files keep apart."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile as sf

from speakersdk.audio.waveform import read_audio
from speakersdk_training.data.corpus import Utterance, read_corpus
from speakersdk_training.data.speech_labels import label_corpus, label_file, load_labels
from speakersdk_training.errors import TrainingError

PAUSE_SAMPLES = 16000
PAUSE_LABELS = PAUSE_SAMPLES // 160
# Onsets and the detector's hangover blur an edge by a few of its chunks of 32 ms.
BLUR_LABELS = 16


def utterance(start: int = 0, num_samples: int | None = None) -> Utterance:
    return Utterance(
        corpus="c", speaker="c/1", path=Path("a.wav"), start=start, num_samples=num_samples
    )


@pytest.fixture
def clip(demo_clips: Path) -> Any:
    return read_audio(demo_clips / "slt-probe.flac")


def padded(samples: Any) -> Any:
    pause = np.zeros(PAUSE_SAMPLES, np.float32)
    return np.concatenate([pause, samples, pause])


def test_speech_is_found_between_silences(clip: Any) -> None:
    samples = padded(clip)
    labels = label_file(samples, [utterance()])
    assert labels.dtype == np.uint8
    assert len(labels) == -(-len(samples) // 160)
    inside = labels[PAUSE_LABELS + BLUR_LABELS : -PAUSE_LABELS - BLUR_LABELS] / 255
    assert labels[: PAUSE_LABELS - BLUR_LABELS].max() < 0.2 * 255
    assert labels[-PAUSE_LABELS + BLUR_LABELS :].max() < 0.2 * 255
    assert (inside > 0.5).mean() > 0.8  # a sentence has short pauses of its own


@pytest.mark.speech
def test_real_speech_is_found_between_silences(speech_data: Any) -> None:
    spoken = speech_data.utterances(corpus="librispeech", split="demo", minimum_s=5)[0]
    labels = label_file(padded(speech_data.samples(spoken)[: 5 * 16000]), [utterance()])
    assert labels[: PAUSE_LABELS - BLUR_LABELS].max() < 0.2 * 255
    assert (labels[PAUSE_LABELS:-PAUSE_LABELS] > 128).mean() > 0.6  # the reader's pauses are not


def test_what_lies_outside_the_utterances_is_not_speech(clip: Any) -> None:
    labels = label_file(clip, [utterance(16000, 8000), utterance(40_000, 100_000)])
    assert (labels[100:150] > 128).mean() > 0.8
    assert not labels[:100].any()
    assert not labels[150:250].any()
    assert labels[250:].any()


def test_every_utterance_starts_with_a_reset_detector(clip: Any) -> None:
    """What stands before an utterance in its pack does not change its labels."""
    alone = label_file(clip, [utterance()])
    pack = np.concatenate([clip[:32_000], clip])
    in_pack = label_file(pack, [utterance(0, 32_000), utterance(32_000)])
    assert np.array_equal(in_pack[200:], alone)


def test_a_corpus_is_labelled_by_file_and_read_back(clip: Any, tmp_path: Path) -> None:
    root = tmp_path / "corpus"
    for name in ("ann", "bob"):
        (root / name).mkdir(parents=True)
        sf.write(root / name / "1.wav", clip[:16_000], 16000)
    labels = label_corpus(read_corpus("folders", root), root)
    assert list(labels) == ["ann/1.wav", "bob/1.wav"]
    np.savez_compressed(tmp_path / "labels.npz", **labels)
    stored = load_labels(tmp_path / "labels.npz")
    assert stored.keys() == labels.keys()
    for key, track in labels.items():
        assert len(track) == 100
        assert np.array_equal(stored[key], track)


def test_missing_and_foreign_files(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match=r"expected speech labels at .*none\.npz, found none"):
        load_labels(tmp_path / "none.npz")
    for content in (b"", b"not labels"):
        (tmp_path / "bad.npz").write_bytes(content)
        with pytest.raises(TrainingError, match=r"bad\.npz holds no speech labels"):
            load_labels(tmp_path / "bad.npz")
