from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from speakersdk.arrays import Waveform
from speakersdk.audio.waveform import read_audio
from speakersdk.encoder.frontend import FrontendConfig
from speakersdk.encoder.load import load_encoder
from speakersdk_export.errors import ParityError
from speakersdk_export.graph.stateful import stateful_graph
from speakersdk_export.model_file import write_model
from speakersdk_export.parity import (
    BATCHES,
    DURATIONS_S,
    LOG_MEL_LIMIT,
    check_parity,
    log_mel_difference,
    reference_log_mel,
)
from speakersdk_training.models.frontend import LogMel
from speakersdk_training.models.tdnn import TdnnEncoder

pytestmark = pytest.mark.export


def test_a_stateful_model_passes(stateful: Any, speech: Waveform) -> None:
    differences = check_parity(stateful.encoder, stateful.path, speech)
    names = [difference.check for difference in differences]
    assert len(names) == len(set(names)) == len(DURATIONS_S) * len(BATCHES) + 4 + 1
    assert all(0 <= difference.measured <= difference.limit for difference in differences)


def test_a_windowed_model_passes(windowed: Any, speech: Waveform) -> None:
    assert check_parity(windowed.encoder, windowed.path, speech)


@pytest.mark.parametrize(
    "parameter", ["embedding.weight", "blocks.1.depthwise.weight", "speech.2.bias"]
)
def test_other_weights_are_noticed(
    tdnn: TdnnEncoder, stateful: Any, speech: Waveform, parameter: str
) -> None:
    with torch.no_grad():
        tdnn.get_parameter(parameter).mul_(1.01)
    with pytest.raises(ParityError, match="torch against onnxruntime") as caught:
        check_parity(tdnn, stateful.path, speech)
    assert "at most 0.0001" in str(caught.value)


def test_a_look_ahead_is_noticed(
    tdnn: TdnnEncoder,
    stateful: Any,
    speech: Waveform,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A mean over the current block passes the comparison with torch, but not that of streaming."""
    features = tdnn.frame_features

    def looking_ahead(samples: torch.Tensor, cache: torch.Tensor) -> tuple[torch.Tensor, ...]:
        found, next_cache = features(samples, cache)
        return found - found.mean(dim=2, keepdim=True), next_cache

    monkeypatch.setattr(tdnn, "frame_features", looking_ahead)
    path = tmp_path / "model.onnx"
    write_model(
        path, stateful_graph(tdnn, has_speech_head=True), load_encoder(stateful.path).manifest
    )
    with pytest.raises(ParityError, match="streaming against offline"):
        check_parity(tdnn, path, speech)


def test_nan_values_are_noticed(tdnn: TdnnEncoder, stateful: Any, speech: Waveform) -> None:
    torch.nn.init.constant_(tdnn.embedding.weight, float("nan"))
    with pytest.raises(ParityError, match="got nan"):
        check_parity(tdnn, stateful.path, speech)


def test_another_front_end_is_noticed(speech: Waveform) -> None:
    frontend = LogMel(FrontendConfig(preemphasis=0.96))
    frontend.config = FrontendConfig()
    assert log_mel_difference(frontend, speech[:32000]).measured > LOG_MEL_LIMIT


@pytest.mark.parametrize("remove_dc", [False, True])
def test_the_default_front_end_is_that_of_python_speech_features(
    demo_clips: Path, *, remove_dc: bool
) -> None:
    frontend = LogMel(FrontendConfig(remove_dc=remove_dc))
    speech = read_audio(demo_clips / "slt-probe.flac")
    assert log_mel_difference(frontend, speech).measured <= LOG_MEL_LIMIT


@pytest.mark.speech
def test_so_it_is_on_real_speech(speech_data: Any) -> None:
    utterances = speech_data.utterances(corpus="librispeech", split="demo", minimum_s=2.0)[:3]
    speech = np.concatenate([speech_data.samples(utterance) for utterance in utterances])
    difference = log_mel_difference(LogMel(FrontendConfig()), speech)
    assert difference.measured <= difference.limit == 1e-3


def test_the_reference_has_a_frame_wherever_the_graph_has_one(speech: Waveform) -> None:
    config = FrontendConfig()
    for num_samples in (400, 559, 560, 16000):
        reference = reference_log_mel(config, speech[:num_samples])
        assert 0 <= len(reference) - config.num_frames(num_samples) <= 1
        assert reference.shape[1] == config.num_mels
