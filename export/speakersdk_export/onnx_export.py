"""Export: torch encoder -> graph -> manifest -> parity check -> calibration -> model file."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from speakersdk.arrays import Waveform
from speakersdk.encoder.load import load_encoder
from speakersdk.encoder.manifest import ModelManifest
from speakersdk_export.calibrate import CalibrationTrials, calibrate, score_lists
from speakersdk_export.graph.stateful import stateful_graph, windowed_graph
from speakersdk_export.model_file import check_graph, new_model_file, write_model
from speakersdk_export.parity import Difference, check_parity
from speakersdk_training.checkpoint import CheckpointInfo
from speakersdk_training.models.blstm import BlstmEncoder
from speakersdk_training.models.tdnn import TdnnEncoder


@dataclass(frozen=True, slots=True)
class ExportReport:
    """The result of an export.

    Attributes:
        manifest: the written manifest.
        num_nodes: number of operators in the graph.
        num_bytes: size of the file.
        differences: the differences that the parity check measured.
    """

    manifest: ModelManifest
    num_nodes: int
    num_bytes: int
    differences: tuple[Difference, ...]


def export_model(
    encoder: TdnnEncoder | BlstmEncoder,
    info: CheckpointInfo,
    path: Path,
    *,
    speech: Waveform,
    trials: CalibrationTrials | None = None,
    name: str | None = None,
) -> ExportReport:
    """Write an encoder to a model file, if all checks pass.

    Args:
        encoder: the encoder in eval mode on the CPU.
        info: information from the checkpoint.
        path: file to write; an existing file is replaced.
        speech: (n,) float32 of real speech at the sample rate of the encoder, for the parity check.
        trials: calibration trials; None means no calibration.
        name: name of the model; None means the name in the checkpoint.

    Raises:
        ParityError: the outputs of the file differ from the encoder.
        ModelError: the graph is not valid ONNX or does not match the manifest.
        ConfigError: the trials cannot be used.
    """
    manifest = make_manifest(encoder, info, name=name)
    if isinstance(encoder, TdnnEncoder):
        graph = stateful_graph(encoder, has_speech_head=manifest.has_speech_head)
    else:
        graph = windowed_graph(encoder)
    check_graph(graph)
    with new_model_file(path) as partial:
        write_model(partial, graph, manifest)
        differences = check_parity(encoder, partial, speech)
        if trials is not None:
            scored = score_lists(load_encoder(partial), trials)
            manifest = replace(manifest, calibration=calibrate(scored))
            write_model(partial, graph, manifest)
            load_encoder(partial)
    return ExportReport(manifest, len(graph.graph.node), path.stat().st_size, differences)


def make_manifest(
    encoder: TdnnEncoder | BlstmEncoder, info: CheckpointInfo, *, name: str | None = None
) -> ModelManifest:
    """Make the manifest of an encoder, without calibration."""
    manifest = ModelManifest(
        name=name or info.name,
        mode="windowed",
        frontend=encoder.frontend.config,
        embedding_dim=encoder.embedding_dim,
        temperature=encoder.temperature,
        weights_sha256=info.weights_sha256,
        training_corpora=info.training_corpora,
        teachers=tuple(str(teacher) for teacher in info.teachers),
    )
    if isinstance(encoder, TdnnEncoder):
        return replace(
            manifest,
            mode="stateful",
            cache_size=encoder.cache_size,
            statistics_size=encoder.statistics_size,
            has_speech_head=info.has_speech_head,
        )
    window_s = encoder.config.window_s
    return replace(manifest, window_s=window_s, minimum_s=min(manifest.minimum_s, window_s))
