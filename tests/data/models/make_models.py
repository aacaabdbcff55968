"""Make the small model files of the SDK's tests: every mode, random weights, no calibration.

Their front end is not the default one (12.5 ms windows every 5 ms) so that nothing in the runtime
can depend on the default. Run from the repository's root, with the extras cpu and export:

    python tests/data/models/make_models.py
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import torch

from speakersdk.encoder.frontend import FrontendConfig
from speakersdk_export.graph.stateful import stateful_graph, windowed_graph
from speakersdk_export.model_file import write_model
from speakersdk_export.onnx_export import make_manifest
from speakersdk_training.checkpoint import CheckpointInfo, weights_sha256
from speakersdk_training.models.blstm import BlstmConfig, BlstmEncoder
from speakersdk_training.models.tdnn import TdnnConfig, TdnnEncoder

FRONTEND = FrontendConfig(
    window_samples=200, hop_samples=80, fft_size=256, num_mels=8, low_hz=500.0, high_hz=2000.0
)
TDNN = TdnnConfig(
    channels=8,
    expansion=8,
    kernel=3,
    dilations=(1, 2),
    joined_blocks=(1, 2),
    pooled_channels=8,
    attention_channels=4,
    speech_channels=4,
    embedding_dim=16,
)
# Measured: logits are around 9 on digital silence, 7 to 17 on the demonstration clips.
SPEECH_BIAS = -12.0
WINDOW_S = 1.0


def main() -> None:
    folder = Path(__file__).parent
    torch.manual_seed(1)
    tdnn = TdnnEncoder(TDNN, FRONTEND).eval()
    blstm = BlstmEncoder(BlstmConfig(units=8), FRONTEND).eval()
    for encoder in (tdnn, blstm):
        # Log energies of speech are around -8, and the untrained layers after it expect 0.
        encoder.input_norm.running_mean.fill_(-8.0)
        encoder.input_norm.running_var.fill_(9.0)
    # Let the untrained speech head change its mind within a recording.
    tdnn.speech[2].weight.data.mul_(100.0)
    tdnn.speech[2].bias.data.fill_(SPEECH_BIAS)
    graphs = {
        "stateful": (tdnn, stateful_graph(tdnn, has_speech_head=True)),
        "stateful-headless": (tdnn, stateful_graph(tdnn, has_speech_head=False)),
        "windowed": (blstm, windowed_graph(blstm)),
    }
    for name, (encoder, graph) in graphs.items():
        info = CheckpointInfo(
            name=f"test-{name}",
            step=0,
            training_corpora=(),
            weights_sha256=weights_sha256(encoder),
            has_speech_head=name == "stateful",
            metrics={},
        )
        manifest = replace(make_manifest(encoder, info), window_s=WINDOW_S)
        write_model(folder / f"{name}.onnx", graph, manifest)


if __name__ == "__main__":
    main()
