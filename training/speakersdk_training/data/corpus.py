"""Corpora: their utterances, the speakers, and the positions of the samples in files.

A reader for each layout returns a list of `Utterance`; nothing is decoded here.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from speakersdk_training.errors import TrainingError

AUDIO_SUFFIXES = (".flac", ".m4a", ".mp3", ".ogg", ".opus", ".wav")


@dataclass(frozen=True, slots=True, kw_only=True)
class Utterance:
    """One recording of one speaker.

    Attributes:
        corpus: name of the corpus.
        speaker: name that is unique over all corpora, ``corpus/id``.
        path: audio file with the utterance.
        start: first sample at 16 kHz within the decoded file.
        num_samples: length at 16 kHz; None means to the end of the file.
        split: the corpus's own split (``train``, ``dev``, ...); empty if it has none.
    """

    corpus: str
    speaker: str
    path: Path
    start: int = 0
    num_samples: int | None = None
    split: str = ""


def read_packs(root: Path) -> list[Utterance]:
    """Read packs of joined utterances: ``manifest.jsonl`` next to the pack files that it names."""
    manifest = root / "manifest.jsonl"
    _require(manifest.is_file(), f"expected a manifest.jsonl in {root}, found none")
    utterances = []
    for number, line in enumerate(manifest.read_text(encoding="utf-8").splitlines(), start=1):
        try:
            row = json.loads(line)
            utterance = Utterance(
                corpus=row["corpus"],
                speaker=row["speaker"],
                path=root / row["pack"],
                start=row["start"],
                num_samples=row["num_samples"],
                split=row["split"],
            )
        except (KeyError, TypeError, ValueError) as error:
            raise TrainingError(
                f"{manifest}:{number}: expected a JSON object with corpus, speaker, pack, start, "
                f"num_samples and split, got {line!r}"
            ) from error
        utterances.append(utterance)
    return utterances


def read_folders(root: Path) -> list[Utterance]:
    """Read ``speaker/utterance.wav``: one folder per speaker, with files at any depth below it.

    VoxCeleb (``id10270/video/00001.wav``) and LibriSpeech (``19/198/19-198-0000.flac``) have this
    layout: pass the folder of the speakers.
    """
    utterances = [
        Utterance(
            corpus=root.name,
            speaker=f"{root.name}/{path.relative_to(root).parts[0]}",
            path=path,
        )
        for path in sorted(root.rglob("*"))
        if path.suffix.lower() in AUDIO_SUFFIXES and len(path.relative_to(root).parts) > 1
    ]
    _require(bool(utterances), f"expected speaker/recording files below {root}, found none")
    return utterances


def read_kaldi(root: Path) -> list[Utterance]:
    """Read a Kaldi data folder: ``wav.scp`` (utterance, path), ``utt2spk`` (utterance, speaker)."""
    paths = _read_table(root / "wav.scp")
    speakers = _read_table(root / "utt2spk")
    utterances = []
    for utterance, location in paths.items():
        _require(
            not location.endswith("|"),
            f"{root}/wav.scp: {utterance} is a shell pipe; only plain file paths are read",
        )
        _require(utterance in speakers, f"{root}/utt2spk has no speaker for {utterance}")
        utterances.append(
            Utterance(
                corpus=root.name,
                speaker=f"{root.name}/{speakers[utterance]}",
                path=root / location,  # an absolute location is unchanged
            )
        )
    return utterances


LAYOUTS: dict[str, Callable[[Path], list[Utterance]]] = {
    "packs": read_packs,
    "folders": read_folders,
    "voxceleb": read_folders,
    "librispeech": read_folders,
    "kaldi": read_kaldi,
}


def read_corpus(layout: str, root: Path) -> list[Utterance]:
    """Read the utterances of a corpus.

    Args:
        layout: packs | folders | voxceleb | librispeech | kaldi.
        root: folder of the corpus.

    Raises:
        TrainingError: the layout is unknown, or the folder does not have it.
    """
    if layout not in LAYOUTS:
        raise TrainingError(f"expected a layout among {', '.join(LAYOUTS)}, got {layout!r}")
    _require(root.is_dir(), f"expected a corpus folder at {root}, found none")
    return LAYOUTS[layout](root)


def by_speaker(utterances: Iterable[Utterance]) -> dict[str, list[Utterance]]:
    """Group utterances by speaker, with the speakers in sorted order."""
    groups: dict[str, list[Utterance]] = {}
    for utterance in utterances:
        groups.setdefault(utterance.speaker, []).append(utterance)
    return dict(sorted(groups.items()))


def _read_table(path: Path) -> dict[str, str]:
    _require(path.is_file(), f"expected a Kaldi table at {path}, found none")
    rows = (line.split(maxsplit=1) for line in path.read_text(encoding="utf-8").splitlines())
    return {row[0]: row[1].strip() for row in rows if len(row) == 2}


def _require(condition: bool, message: str) -> None:
    if not condition:
        raise TrainingError(message)
