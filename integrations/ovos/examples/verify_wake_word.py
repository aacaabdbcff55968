"""Pass the audio of a wake word to the verifier, like the listener of OpenVoiceOS.

    speakersdk enroll ann ann-1.wav ann-2.wav
    python verify_wake_word.py wake-word.wav

It prints whether the wake word counts, and why.
"""

from __future__ import annotations

import argparse

import soundfile as sf
from ovos_plugin_manager.wakewords import load_wake_word_verifier_plugin


def main() -> None:
    """Print whether the wake word counts, and why."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("recording")
    path = parser.parse_args().recording
    try:
        samples, sample_rate_hz = sf.read(path, dtype="int16", always_2d=True)
    except RuntimeError as error:
        parser.error(f"expected a recording, got {path}: {error}")
    config = {"sample_rate": sample_rate_hz, "channels": samples.shape[1]}
    verifier = load_wake_word_verifier_plugin("speakersdk-verifier")(config)
    answer = "wakes" if verifier.verify(samples.tobytes()) else "does not wake"
    print(f"{answer} the assistant: {verifier.last or 'no decision, see the log'}")


if __name__ == "__main__":
    main()
