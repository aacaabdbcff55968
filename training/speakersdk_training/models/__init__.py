"""The encoders, from waveform to embedding."""

from speakersdk_training.models.blstm import BlstmConfig, BlstmEncoder, paper_blstm, seed_blstm
from speakersdk_training.models.encoder import Encoder
from speakersdk_training.models.frontend import LogMel
from speakersdk_training.models.mel_filters import papers_frontend
from speakersdk_training.models.tdnn import TdnnConfig, TdnnEncoder

__all__ = [
    "BlstmConfig",
    "BlstmEncoder",
    "Encoder",
    "LogMel",
    "TdnnConfig",
    "TdnnEncoder",
    "paper_blstm",
    "papers_frontend",
    "seed_blstm",
]
