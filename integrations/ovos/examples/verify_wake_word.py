"""Pass the audio of a wake word to the verifier, like the listener of OpenVoiceOS.

speakersdk enroll ann ann-1.wav ann-2.wav
python verify_wake_word.py wake-word.wav
"""

from __future__ import annotations

import sys

import soundfile as sf
from ovos_plugin_manager.wakewords import load_wake_word_verifier_plugin


def main() -> None:
    """Print whether the wake word counts, and why."""
    samples, sample_rate_hz = sf.read(sys.argv[1], dtype="int16", always_2d=True)
    config = {"sample_rate": sample_rate_hz, "channels": samples.shape[1]}
    verifier = load_wake_word_verifier_plugin("speakersdk-verifier")(config)
    print("wakes" if verifier.verify(samples.tobytes()) else "does not wake", verifier.last)


if __name__ == "__main__":
    main()
