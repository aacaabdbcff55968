"""Every layout becomes the same list of utterances; what is not there is said."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from speakersdk_training.data.corpus import Utterance, by_speaker, read_corpus
from speakersdk_training.errors import TrainingError


def touch(path: Path) -> Path:
    """An empty file: readers list files, they do not decode them."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
    return path


@pytest.mark.parametrize(
    ("layout", "files", "speakers"),
    [
        ("folders", ["ann/1.wav", "ann/deep/er/2.FLAC", "bob/1.mp3"], ["ann", "ann", "bob"]),
        ("voxceleb", ["id10270/5r0dWxy17C8/00001.wav", "id10271/x/00001.m4a"], None),
        ("librispeech", ["19/198/19-198-0000.flac", "26/495/26-495-0000.flac"], None),
    ],
)
def test_folders_name_the_speakers(
    tmp_path: Path, layout: str, files: list[str], speakers: list[str] | None
) -> None:
    root = tmp_path / "corpus"
    paths = [touch(root / file) for file in files]
    touch(root / "README.txt")
    touch(root / "ann" / "transcript.txt")
    touch(root / "stray.wav")  # next to the speakers' folders, and therefore nobody's
    names = speakers or [file.split("/")[0] for file in files]
    assert read_corpus(layout, root) == [
        Utterance(corpus="corpus", speaker=f"corpus/{name}", path=path)
        for name, path in zip(names, paths, strict=True)
    ]


def test_kaldi_tables(tmp_path: Path) -> None:
    root = tmp_path / "sre"
    root.mkdir()
    (root / "wav.scp").write_text("u1 /data/a b.wav\nu2  wav/2.wav\n\n")
    (root / "utt2spk").write_text("u2 bob\nu1 ann\n")
    assert read_corpus("kaldi", root) == [
        Utterance(corpus="sre", speaker="sre/ann", path=Path("/data/a b.wav")),
        Utterance(corpus="sre", speaker="sre/bob", path=root / "wav/2.wav"),
    ]


@pytest.mark.parametrize(
    ("wav_scp", "utt2spk", "message"),
    [
        ("u1 sph2pipe -f wav a.sph |", "u1 ann", "u1 is a shell pipe"),
        ("u1 a.wav", "u2 ann", "has no speaker for u1"),
        (None, "u1 ann", "expected a Kaldi table at .*wav.scp"),
        ("u1 a.wav", None, "expected a Kaldi table at .*utt2spk"),
    ],
)
def test_kaldi_errors(
    tmp_path: Path, wav_scp: str | None, utt2spk: str | None, message: str
) -> None:
    for name, text in (("wav.scp", wav_scp), ("utt2spk", utt2spk)):
        if text is not None:
            (tmp_path / name).write_text(text)
    with pytest.raises(TrainingError, match=message):
        read_corpus("kaldi", tmp_path)


ROW: dict[str, Any] = {
    "corpus": "c",
    "speaker": "c/1",
    "split": "dev",
    "pack": "packs/0.opus",
    "start": 160,
    "num_samples": 320,
}


def test_packs(tmp_path: Path) -> None:
    (tmp_path / "manifest.jsonl").write_text(json.dumps(ROW) + "\n")
    assert read_corpus("packs", tmp_path) == [
        Utterance(
            corpus="c",
            speaker="c/1",
            path=tmp_path / "packs/0.opus",
            start=160,
            num_samples=320,
            split="dev",
        )
    ]


@pytest.mark.parametrize(
    "line", ["not json", "[1]", json.dumps({k: v for k, v in ROW.items() if k != "pack"})]
)
def test_a_bad_line_of_packs_is_named(tmp_path: Path, line: str) -> None:
    (tmp_path / "manifest.jsonl").write_text(json.dumps(ROW) + "\n" + line + "\n")
    with pytest.raises(TrainingError, match=r"manifest\.jsonl:2: expected"):
        read_corpus("packs", tmp_path)


@pytest.mark.parametrize(
    ("layout", "message"),
    [
        ("packs", r"expected a manifest\.jsonl in"),
        ("folders", "expected speaker/recording files below"),
        ("timit", "expected a layout among packs, folders, .* got 'timit'"),
    ],
)
def test_a_folder_without_the_layout(tmp_path: Path, layout: str, message: str) -> None:
    with pytest.raises(TrainingError, match=message):
        read_corpus(layout, tmp_path)


def test_a_missing_folder(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match=r"expected a corpus folder at .*none, found none"):
        read_corpus("folders", tmp_path / "none")


@pytest.mark.speech
def test_the_real_corpora_are_packs(speech_data: Any) -> None:
    utterances = read_corpus("packs", speech_data.root)
    assert len(utterances) == len(speech_data.all_utterances)
    train = {each.speaker for each in utterances if each.split == "train"}
    assert len(train) == 5116  # as the data's README counts them
    assert not train & {each.speaker for each in utterances if each.split != "train"}


def test_speakers_are_sorted_and_their_utterances_stay_in_order() -> None:
    utterances = [
        Utterance(corpus="c", speaker=f"c/{name}", path=Path(f"{index}.wav"))
        for index, name in enumerate("bab")
    ]
    groups = by_speaker(utterances)
    assert list(groups) == ["c/a", "c/b"]
    assert [each.path.stem for each in groups["c/b"]] == ["0", "2"]
