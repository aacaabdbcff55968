"""Make the demonstration clips in `speakersdk/demo_clips`.

    sudo apt-get install flite && python examples/make_demo_clips.py

Debian's flite speaks with voices that were built from recordings of four people. Every voice says
the same three sentences, two for enrollment and another one as the probe. Neither the words nor
their number can therefore identify the speakers. The same flite and libsndfile give the same bytes.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import tempfile
from pathlib import Path

import soundfile as sf

CLIP_FOLDER = Path(__file__).parents[1] / "sdk" / "speakersdk" / "demo_clips"
SAMPLE_RATE_HZ = 16000
VOICES = ("slt", "rms", "awb", "kal16")
# Long enough that the fastest voice takes 3 s: less speech would make decisions unreliable.
SENTENCES = {
    "enroll-1": "Please turn down the lights in the kitchen before you go upstairs.",
    "enroll-2": "My sister is coming over for dinner and bringing a chocolate cake.",
    "probe": "The last bus to the harbour leaves at a quarter past eleven tonight.",
}


def speak(voice: str, sentence: str, wav: Path) -> None:
    """Let flite write a 16 kHz, 16 bit, mono WAV file."""
    subprocess.run(["flite", "-voice", voice, "-t", sentence, "-o", str(wav)], check=True)


def main() -> int:
    """Write one FLAC file for each voice and sentence."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument(
        "-o",
        "--output",
        type=Path,
        default=CLIP_FOLDER,
        metavar="FOLDER",
        help="folder of the clips (default: that of the package)",
    )
    folder = parser.parse_args().output
    if shutil.which("flite") is None:
        parser.error("expected the program flite, found none; sudo apt-get install flite")
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch:
        for voice in VOICES:
            for role, sentence in SENTENCES.items():
                wav = Path(scratch, "speech.wav")
                speak(voice, sentence, wav)
                samples, sample_rate_hz = sf.read(wav, dtype="int16")
                if sample_rate_hz != SAMPLE_RATE_HZ or samples.ndim != 1:
                    raise SystemExit(
                        f"expected {SAMPLE_RATE_HZ} Hz mono from voice {voice}, got "
                        f"{sample_rate_hz} Hz and shape {samples.shape}; use flite 2.2"
                    )
                flac = folder / f"{voice}-{role}.flac"
                sf.write(flac, samples, sample_rate_hz, subtype="PCM_16", compression_level=1.0)
                duration_s = len(samples) / sample_rate_hz
                print(f"{flac.name}: {duration_s:.2f} s, {flac.stat().st_size} bytes")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
