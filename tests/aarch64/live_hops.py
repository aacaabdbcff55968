"""Process a number of hops with an enrolled speaker, to count instructions.

python live_hops.py HOPS
"""

import sys

import numpy as np

from speakersdk import Verifier
from speakersdk.audio.samples import SAMPLE_RATE_HZ
from speakersdk.audio.waveform import read_audio
from speakersdk.demo_clips import FOLDER

HOP_SAMPLES = SAMPLE_RATE_HZ // 10

verifier = Verifier()
voiceprint = verifier.enroll([FOLDER / "slt-enroll-1.flac"], name="slt")
stream = verifier.stream([voiceprint])
num_hops = int(sys.argv[1])
samples = np.resize(read_audio(FOLDER / "slt-probe.flac"), num_hops * HOP_SAMPLES)
for first in range(0, len(samples), HOP_SAMPLES):
    stream.push(samples[first : first + HOP_SAMPLES], sample_rate_hz=SAMPLE_RATE_HZ)
