"""The names of the public interface, each imported from where it is defined."""

from speakersdk.audio.devices import InputDevice, list_devices
from speakersdk.audio.levels import AudioProblem
from speakersdk.audio.microphone import AudioBlock, Microphone
from speakersdk.audio.recordings import Recording
from speakersdk.audio.waveform import as_waveform, read_audio
from speakersdk.calibration.calibration import Calibration, OperatingPoint
from speakersdk.decision.outcome import Decision, Identification, Verdict
from speakersdk.diarization.turns import Diarization, DiarizedSpeaker, Turn
from speakersdk.encoder.interface import EncoderStream, Encoding, SpeakerEncoder
from speakersdk.encoder.load import load_encoder
from speakersdk.encoder.manifest import ModelManifest
from speakersdk.enrollment.adaptation import Adaptation
from speakersdk.enrollment.challenge import Challenge
from speakersdk.enrollment.live import Enrollment, EnrollmentProgress
from speakersdk.enrollment.measure import RecordingQuality
from speakersdk.enrollment.remembered_recordings import RememberedRecordings
from speakersdk.errors import (
    AttemptLimitError,
    AudioError,
    AudioTooShortError,
    CalibrationError,
    ClosedError,
    ConcurrentUseError,
    ConfigError,
    DuplicateSpeakerError,
    EnrollmentError,
    ExpiredVoiceprintError,
    GalleryError,
    IncompatibleModelError,
    InferenceError,
    InvalidAudioError,
    ManifestError,
    MicrophoneError,
    MissingDependencyError,
    ModelError,
    SealError,
    SpeakerSdkError,
    StateFileError,
    UnknownSpeakerError,
    UnreadableAudioError,
    VoiceprintError,
    WrongTypeError,
)
from speakersdk.evaluation.embedding_table import EmbeddingTable, read_embeddings
from speakersdk.gallery.gallery import Gallery, Match
from speakersdk.recalibration.profile import CalibrationProfile
from speakersdk.scoring import symmetric_kl, symmetric_kl_matrix, symmetric_kl_to_many
from speakersdk.sealing import SealingKey
from speakersdk.streaming.pool import StreamPool
from speakersdk.streaming.stream import SpeakerStream
from speakersdk.streaming.update import Candidate, StreamUpdate
from speakersdk.verifier import Verifier
from speakersdk.voice_gate import GateUpdate, VoiceGate
from speakersdk.voiceprint.attempts import AttemptLimit
from speakersdk.voiceprint.life import Consent, expiry_after, utc_now
from speakersdk.voiceprint.names import check_new_name
from speakersdk.voiceprint.rotation import Rotation
from speakersdk.voiceprint.store import VoiceprintStore
from speakersdk.voiceprint.uses import LastUses
from speakersdk.voiceprint.voiceprint import Voiceprint

__all__ = [
    "Adaptation",
    "AttemptLimit",
    "AttemptLimitError",
    "AudioBlock",
    "AudioError",
    "AudioProblem",
    "AudioTooShortError",
    "Calibration",
    "CalibrationError",
    "CalibrationProfile",
    "Candidate",
    "Challenge",
    "ClosedError",
    "ConcurrentUseError",
    "ConfigError",
    "Consent",
    "Decision",
    "Diarization",
    "DiarizedSpeaker",
    "DuplicateSpeakerError",
    "EmbeddingTable",
    "EncoderStream",
    "Encoding",
    "Enrollment",
    "EnrollmentError",
    "EnrollmentProgress",
    "ExpiredVoiceprintError",
    "Gallery",
    "GalleryError",
    "GateUpdate",
    "Identification",
    "IncompatibleModelError",
    "InferenceError",
    "InputDevice",
    "InvalidAudioError",
    "LastUses",
    "ManifestError",
    "Match",
    "Microphone",
    "MicrophoneError",
    "MissingDependencyError",
    "ModelError",
    "ModelManifest",
    "OperatingPoint",
    "Recording",
    "RecordingQuality",
    "RememberedRecordings",
    "Rotation",
    "SealError",
    "SealingKey",
    "SpeakerEncoder",
    "SpeakerSdkError",
    "SpeakerStream",
    "StateFileError",
    "StreamPool",
    "StreamUpdate",
    "Turn",
    "UnknownSpeakerError",
    "UnreadableAudioError",
    "Verdict",
    "Verifier",
    "VoiceGate",
    "Voiceprint",
    "VoiceprintError",
    "VoiceprintStore",
    "WrongTypeError",
    "as_waveform",
    "check_new_name",
    "expiry_after",
    "list_devices",
    "load_encoder",
    "read_audio",
    "read_embeddings",
    "symmetric_kl",
    "symmetric_kl_matrix",
    "symmetric_kl_to_many",
    "utc_now",
]
