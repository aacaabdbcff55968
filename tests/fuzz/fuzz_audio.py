"""Any bytes as an audio file: it is read, or an error of errors.py says why not; nothing else.

The seeds are valid files of every format that libsndfile writes. libsndfile and its codecs are C
code: without atheris the inputs are read in a process of their own so that a crash is seen.

python tests/fuzz/fuzz_audio.py --mutations 10000 [--first 0]
"""

from __future__ import annotations

import io
import random
import subprocess
import sys
import warnings

import numpy as np
import soundfile as sf
from fuzz_driver import fuzz

from speakersdk.audio.waveform import file_blocks
from speakersdk.errors import SpeakerSdkError

# Longer than any input at the lowest rate. A mutated header must not give hours of silence.
LIMIT_S = 3600.0
# One input takes milliseconds.
HANG_S = 60.0


def target(data: bytes) -> None:
    """Read the bytes as a file."""
    try:
        for block in file_blocks(io.BytesIO(data), limit_s=LIMIT_S):
            if block.dtype != np.float32 or not np.isfinite(block).all():
                raise AssertionError("expected finite float32 samples")
    except SpeakerSdkError:
        pass


def seeds() -> list[bytes]:
    """Return a short file of each format and encoding, and files that users join and cut."""
    chance = np.random.default_rng(0)
    samples = 0.3 * np.sin(np.arange(4000) / 5) + chance.normal(0, 0.01, 4000)
    files = []
    # RAW has no header, and SD2 has its header in a second file.
    for container in sorted(sf.available_formats().keys() - {"RAW", "SD2"}):
        for encoding in sf.available_subtypes(container):
            for rate_hz in (16000, 8000, 44100):
                file = io.BytesIO()
                try:
                    sf.write(file, samples, rate_hz, format=container, subtype=encoding)
                except (sf.LibsndfileError, ValueError, TypeError):
                    continue  # no encoder, or none for this rate
                files.append(file.getvalue())
                break
    stereo = np.stack([samples, -samples], axis=1)
    for container in ("WAV", "FLAC", "OGG", "MP3"):
        file = io.BytesIO()
        sf.write(file, stereo, 44100, format=container)
        files += [file.getvalue(), file.getvalue() * 2, file.getvalue()[200:]]
    return files


def mutated(files: list[bytes], number: int) -> bytes:
    """Change, cut, add and move bytes, often in the header; a number gives the same bytes."""
    chance = random.Random(number)
    data = bytearray(chance.choice(files))
    for _ in range(chance.choice([1, 1, 2, 4, 8, 32])):
        reach = min(len(data), 128) if chance.random() < 0.6 else len(data)
        at = chance.randrange(reach + 1)
        kind = chance.randrange(6)
        if kind == 0:
            data[at : at + 1] = chance.randbytes(1)
        elif kind == 1:
            number_bytes = chance.choice(
                [b"\0" * 4, b"\xff" * 4, b"\x7f\xff\xff\xff", b"\0\0\0\x80"]
            )
            data[at : at + 4] = number_bytes
        elif kind == 2:
            data[at : at + chance.randrange(64)] = b""
        elif kind == 3:
            data[at:at] = chance.randbytes(chance.randrange(64))
        elif kind == 4:
            data = data[: chance.randrange(len(data) + 1)]
        else:
            first = chance.randrange(len(data) + 1)
            data[at:at] = data[first : first + chance.randrange(512)]
        data = data[:200_000]
    return bytes(data)


def run_inputs(first: int, last: int) -> None:
    """Read the inputs of these numbers, and announce each one before."""
    warnings.simplefilter("error")
    files = seeds()
    for number in range(first, last):
        print(number, flush=True)
        target(files[number] if number < len(files) else mutated(files, number))


def run_in_processes(first: int, last: int) -> int:
    """Read all inputs, also after one that kills its process, and return the number of findings."""
    num_findings = 0
    while first < last:
        process = subprocess.Popen(
            [sys.executable, __file__, "--child", str(first), str(last)],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        try:
            out, err = process.communicate(timeout=max(HANG_S, 0.05 * (last - first)))
            what = f"exit {process.returncode}"
        except subprocess.TimeoutExpired:
            process.kill()
            out, err = process.communicate()
            what = "hangs"
        number = int(out.split()[-1])
        if process.returncode == 0 and number == last - 1:
            break
        print(f"input {number}: {what}\n{err[-2000:]}", file=sys.stderr)
        num_findings += 1
        first = number + 1
    return num_findings


if __name__ == "__main__":
    if "--child" in sys.argv:
        run_inputs(int(sys.argv[2]), int(sys.argv[3]))
    elif "--mutations" in sys.argv:
        first = int(sys.argv[sys.argv.index("--first") + 1]) if "--first" in sys.argv else 0
        num = int(sys.argv[sys.argv.index("--mutations") + 1])
        num_findings = run_in_processes(first, first + num)
        print(f"{num} inputs, {num_findings} findings")
        sys.exit(1 if num_findings else 0)
    else:
        fuzz(target, seeds())
