"""A model is trained on real speech, exported with a calibration, and decides.

It runs the commands of a user, with a tiny encoder and minutes of speech.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile as sf

pytest.importorskip("torch", reason='needs torch: pip install "speakersdk[training]"')
pytest.importorskip("onnxscript", reason='needs onnxscript: pip install "speakersdk[export]"')

from speakersdk import cli as sdk_cli
from speakersdk.metrics import eer
from speakersdk.verifier import Verifier
from speakersdk_export import cli as export_cli
from speakersdk_training import cli as training_cli

pytestmark = [pytest.mark.speech, pytest.mark.training, pytest.mark.export]

NUM_TRAINED, NUM_HELD_OUT = 6, 4
# Enough for six speakers to enroll and eight to be compared.
UTTERANCES = 18
CONFIG = """
[run]
name = "smoke"
steps = 60
batch_size = 24
crop_s = [1.0]
precision = "fp32"
device = "cpu"

[tdnn]
channels = 24
expansion = 48
dilations = [1, 2]
joined_blocks = [1, 2]
pooled_channels = 48
attention_channels = 8
embedding_dim = 32

[augment]
num_rooms = 6

[data]
speeds = [1.0]
speech_labels = "{root}/labels.npz"

[[data.corpora]]
root = "{root}"
layout = "packs"
split = "train"
"""


@pytest.fixture
def corpus(speech_data: Any, tmp_path: Path) -> Path:
    """Write a small corpus of real speech as packs: some speakers for training, some not."""
    pack = "packs/so762_000.opus"
    by_speaker: dict[str, list[Any]] = {}
    for utterance in speech_data.all_utterances:
        if utterance.pack == pack:
            by_speaker.setdefault(utterance.speaker, []).append(utterance)
    root = tmp_path / "corpus"
    (root / "packs").mkdir(parents=True)
    rows = []
    for number, utterances in enumerate(list(by_speaker.values())[: NUM_TRAINED + NUM_HELD_OUT]):
        start = 0
        pieces = []
        for utterance in utterances[:UTTERANCES]:
            samples = speech_data.samples(utterance)
            pieces.append(samples)
            rows.append(
                {
                    "corpus": "small",
                    "speaker": f"small/{number}",
                    "split": "train" if number < NUM_TRAINED else "dev",
                    "pack": f"packs/{number}.wav",
                    "start": start,
                    "num_samples": len(samples),
                }
            )
            start += len(samples)
        sf.write(root / "packs" / f"{number}.wav", np.concatenate(pieces), 16000)
    lines = "".join(json.dumps(row) + "\n" for row in rows)
    (root / "manifest.jsonl").write_text(lines, encoding="utf-8")
    return root


def test_a_model_of_ones_own(
    corpus: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model = tmp_path / "own.onnx"
    config = tmp_path / "config.toml"
    config.write_text(CONFIG.format(root=corpus), encoding="utf-8")
    _run(training_cli, "speech-labels", corpus, "-o", corpus / "labels.npz")
    _run(training_cli, "fit", config, "-o", tmp_path / "run")
    _run(
        training_cli,
        *("trials", corpus, "-o", tmp_path / "trials", "--corpus", "small", "--split", "dev"),
        *("--seconds", 3, "--targets", 200, "--nontargets", 400),
    )
    _run(
        export_cli,
        *("model", tmp_path / "run" / "encoder.pt", "-o", model),
        *("--trials", tmp_path / "trials" / "small-3s.txt"),
        *("--segments", tmp_path / "trials" / "segments-small-3s.jsonl", "--audio-root", corpus),
    )
    verifier = Verifier(model=model, far=0.1)
    assert verifier.report()["model_name"] == "smoke"

    first, second = _utterances(corpus, NUM_TRAINED), _utterances(corpus, NUM_TRAINED + 1)
    enrolled = verifier.enroll(first[:6], name="first", sample_rate_hz=16000)
    probes = [*first[6:14], *second[6:14]]
    decisions = [verifier.verify(enrolled, probe, sample_rate_hz=16000) for probe in probes]
    scores = [decision.score for decision in decisions]
    # A second of training has an effect: two unseen voices are distinguished clearly better than by
    # chance (50 %).
    assert None not in scores
    assert eer(scores, [True] * 8 + [False] * 8) < 0.35

    for name, samples in (("a.wav", np.concatenate(first[:4])), ("b.wav", second[6])):
        sf.write(tmp_path / name, samples, 16000)
    capsys.readouterr()
    command = ["verify", str(tmp_path / "a.wav"), str(tmp_path / "b.wav"), "--model", str(model)]
    status = sdk_cli.main([*command, "--far", "0.1", "--json"])
    answer = json.loads(capsys.readouterr().out)
    assert status == (0 if answer["verdict"] == "accept" else 1)


def _run(command: Any, *arguments: object) -> None:
    assert command.main([str(argument) for argument in arguments]) == 0


def _utterances(corpus: Path, speaker: int) -> list[np.ndarray]:
    """Return the samples of a speaker's utterances of 1.5 s or more."""
    rows = [json.loads(line) for line in (corpus / "manifest.jsonl").read_text().splitlines()]
    samples, _ = sf.read(corpus / "packs" / f"{speaker}.wav", dtype="float32")
    return [
        samples[row["start"] : row["start"] + row["num_samples"]]
        for row in rows
        if row["speaker"] == f"small/{speaker}" and row["num_samples"] >= 24000
    ]
