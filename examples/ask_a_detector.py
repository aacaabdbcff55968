"""Verify a recording with your own detector of spoofing, such as an ONNX file.

    python examples/ask_a_detector.py ENROLLED PROBE --detector FILE.onnx --threshold 2.5

The model takes a waveform (1, n) float32 at 16 kHz and returns one number, higher for an attack.
Take the threshold from recordings of your own users and devices: the highest score of 98 % of them
costs 2 % of them a second attempt. Without a file the example asks a toy.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np

from speakersdk import SpeakerSdkError, Verifier

CLIPS = Path(__file__).parents[1] / "sdk" / "speakersdk" / "demo_clips"


def onnx_detector(file: Path, threshold: float) -> Callable[[np.ndarray], str | None]:
    """A hook that asks an ONNX file."""
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")  # as speakersdk does
    import onnxruntime

    session = onnxruntime.InferenceSession(file, providers=["CPUExecutionProvider"])
    [waveform] = session.get_inputs()

    def finding(samples: np.ndarray) -> str | None:
        score = float(np.squeeze(session.run(None, {waveform.name: samples[None]})[0]))
        return f"the detector's score is {score:.1f}" if score > threshold else None

    return finding


def too_narrow(samples: np.ndarray) -> str | None:
    """A toy: a telephone has nothing above 4 kHz. Many headsets do not either."""
    power = np.abs(np.fft.rfft(samples)) ** 2
    return "nothing above 4 kHz" if power[len(power) // 2 :].sum() < 1e-5 * power.sum() else None


def main() -> int:
    """Print the decision."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    clips = CLIPS / "slt-enroll-1.flac", CLIPS / "slt-probe.flac"
    parser.add_argument("enrolled", nargs="?", type=Path, default=clips[0], help="to enroll with")
    parser.add_argument("probe", nargs="?", type=Path, default=clips[1], help="to verify")
    parser.add_argument("--detector", type=Path, metavar="FILE.onnx", help="default: a toy")
    parser.add_argument(
        "--threshold", type=float, default=0.0, help="a higher score is an attack (default: 0)"
    )
    options = parser.parse_args()

    detector = too_narrow
    if options.detector is not None:
        detector = onnx_detector(options.detector, options.threshold)
    verifier = Verifier(spoof_detector=detector)
    try:
        voiceprint = verifier.enroll([options.enrolled], name="speaker")
        decision = verifier.verify(voiceprint, options.probe)
    except SpeakerSdkError as error:  # such as a file that is missing, or too little speech
        parser.error(str(error))
    print(f"{decision.verdict.name}: {decision.reason}")
    return 0 if decision.accepted else 1


if __name__ == "__main__":
    raise SystemExit(main())
