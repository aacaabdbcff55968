"""Compare all recordings with each other: one embedding each, all pairs with the C++ kernel.

    python examples/compare_recordings.py RECORDING...

Scores are negated divergences: 0 is identical, lower is less similar. They need no calibration, and
are comparable only with scores of the same model.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from speakersdk import SpeakerSdkError, Verifier, symmetric_kl_matrix

CLIPS = Path(__file__).parents[1] / "sdk" / "speakersdk" / "demo_clips"


def main() -> int:
    """Print the matrix of scores."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument(
        "recordings",
        nargs="*",
        type=Path,
        default=sorted(CLIPS.glob("*.flac")),
        help="audio files (default: the demonstration clips)",
    )
    recordings = parser.parse_args().recordings

    verifier = Verifier()
    try:
        embeddings = np.stack([verifier.embed(recording) for recording in recordings])
    except SpeakerSdkError as error:  # such as a file that is missing, or too little speech
        parser.error(str(error))
    scores = 0.0 - symmetric_kl_matrix(embeddings, embeddings)  # 0.0 - x is never -0.0
    width = max(len(recording.stem) for recording in recordings)
    for recording, row in zip(recordings, scores, strict=True):
        print(f"{recording.stem:{width}}", *(f"{score:8.4f}" for score in row))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
