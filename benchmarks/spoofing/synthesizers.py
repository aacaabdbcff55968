"""Sentences of the speech synthesizers in Debian packages.

flite (unit selection and diphones), espeak-ng (formants), and festival with diphones
(festvox-kallpc16k) and with hidden Markov models (festvox-us-slt-hts). They speak with their own
voices and not with a copy of a person's. Synthesizers that are not installed are left out.
"""

from __future__ import annotations

import itertools
import shutil
import subprocess
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np

from speakersdk.arrays import Waveform
from speakersdk.audio.samples import SAMPLE_RATE_HZ
from speakersdk.audio.waveform import read_audio

_FESTIVAL_VOICES = Path("/usr/share/festival/voices")
_SUBJECTS = ("My neighbour", "The old teacher", "A woman in a green coat", "Nobody in this street")
_VERBS = ("opened the heavy door", "asked about the weather", "found seventeen blue letters")
_ENDS = ("before the train arrived.", "while the children were singing.", "and laughed loudly.")
# Texts, each of which several voices speak.
SENTENCES = tuple(" ".join(parts) for parts in itertools.product(_SUBJECTS, _VERBS, _ENDS))


def commands() -> dict[str, list[list[str]]]:
    """Return the commands of the installed synthesizers, one for each voice.

    A command reads the text from standard input or at {text} and writes a WAV file to {file}.
    """
    found = {}
    if shutil.which("flite"):
        found["flite"] = [
            ["flite", "-voice", voice, "-t", "{text}", "-o", "{file}"]
            for voice in ("slt", "rms", "awb", "kal16", "kal")
        ]
    if shutil.which("espeak-ng"):
        found["espeak-ng"] = [
            ["espeak-ng", "-v", f"{language}+{voice}", "-p", pitch, "-s", "150", "-w", "{file}"]
            for language, voice, pitch in zip(
                ("en-us", "en-gb", "en-gb-scotland", "en-us", "en-gb", "en-us"),
                ("m1", "f2", "m3", "f4", "m7", "f5"),
                ("40", "55", "30", "60", "50", "45"),
                strict=True,
            )
        ]
    for name, folder, voice in (
        ("festival, diphones", "english/kal_diphone", "voice_kal_diphone"),
        ("festival, HTS", "us/cmu_us_slt_arctic_hts", "voice_cmu_us_slt_arctic_hts"),
    ):
        if shutil.which("text2wave") and (_FESTIVAL_VOICES / folder).is_dir():
            found[name] = [["text2wave", "-eval", f"({voice})", "-o", "{file}"]]
    return found


def spoken(voices: list[list[str]], sentences: Iterable[int]) -> Iterator[tuple[str, Waveform]]:
    """Synthesize sentences with alternating voices; yield a name and samples at 16 kHz of each."""
    with tempfile.TemporaryDirectory(prefix="speakersdk-spoofing-") as folder:
        file = Path(folder) / "spoken.wav"
        for number in sentences:
            at, text = number % len(voices), SENTENCES[number]
            filled = [part.format(file=file, text=text) for part in voices[at]]
            subprocess.run(filled, input=text, text=True, check=True, capture_output=True)
            samples = read_audio(file)
            if len(samples) > SAMPLE_RATE_HZ:
                yield (
                    f"{voices[at][0]}, voice {at}, sentence {number}",
                    np.asarray(samples, np.float32),
                )
