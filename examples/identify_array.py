"""Find out which enrolled speaker an array of samples is of, if any.

Your own source of samples may have any sample rate, one channel or several, integers or floats;
the rate is passed with the array.
"""

from __future__ import annotations

from pathlib import Path

import soundfile as sf

from speakersdk import Verifier

CLIPS = Path(__file__).parents[1] / "sdk" / "speakersdk" / "demo_clips"
ENROLLED = ("slt", "awb")
PROBES = ("slt", "awb", "rms")  # rms is a stranger


def main() -> int:
    """Enroll two speakers and identify three probes."""
    verifier = Verifier()
    voiceprints = [
        verifier.enroll(sorted(CLIPS.glob(f"{name}-enroll-*.flac")), name=name) for name in ENROLLED
    ]
    for name in PROBES:
        samples, sample_rate_hz = sf.read(CLIPS / f"{name}-probe.flac", dtype="int16")
        found = verifier.identify(voiceprints, samples, sample_rate_hz=sample_rate_hz)
        print(f"probe of {name} -> {found}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
