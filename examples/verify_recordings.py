"""Enroll a speaker from recordings and verify another recording.

    python examples/verify_recordings.py --enroll ann-1.wav ann-2.wav --probe somebody.wav

Without arguments it uses the demonstration clips.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from speakersdk import SpeakerSdkError, Verifier

CLIPS = Path(__file__).parents[1] / "sdk" / "speakersdk" / "demo_clips"


def main() -> int:
    """Return 0 when the probe is accepted, 1 when it is not."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument(
        "--enroll",
        nargs="+",
        type=Path,
        default=[CLIPS / "slt-enroll-1.flac", CLIPS / "slt-enroll-2.flac"],
        help="recordings of the speaker",
    )
    parser.add_argument(
        "--probe", type=Path, default=CLIPS / "slt-probe.flac", help="recording to verify"
    )
    parser.add_argument("--far", type=float, default=0.01, help="false-accept rate to keep")
    arguments = parser.parse_args()

    try:
        verifier = Verifier(far=arguments.far)
        voiceprint = verifier.enroll(arguments.enroll, name="speaker")
        decision = verifier.verify(voiceprint, arguments.probe)
    except SpeakerSdkError as error:  # such as a file that is missing, or too little speech
        parser.error(str(error))
    print(decision)
    return 0 if decision else 1


if __name__ == "__main__":
    raise SystemExit(main())
