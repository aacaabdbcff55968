"""Kinds of loudspeakers for replays, drawn at random, and the rooms of real speakers.

A kind is a range of bands, drives and noise. Every draw has its own resonances and its own room.
Rooms and microphones of people are drawn from wide ranges, including telephones: a narrow band or
an echo is not an attack by itself.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from benchmarks.harness import corpora
from benchmarks.harness.replay_chains import ReplayChain
from speakersdk.arrays import Waveform

_HIGHEST_HZ = 7900.0
_PREFIX = "web-audio-samples-"


@dataclass(frozen=True, slots=True, kw_only=True)
class Loudspeaker:
    """Ranges from which a replay is drawn.

    Attributes:
        low_hz, high_hz: ranges of the edges of the band.
        drive: range of the overdrive.
        snr_db: range of the signal-to-noise ratio of the recording microphone.
        resonances: maximum number of resonances of its case, of 3 to 12 dB.
        is_opus: whether the result is coded in Opus, as by a headset.
    """

    low_hz: tuple[float, float]
    high_hz: tuple[float, float]
    drive: tuple[float, float]
    snr_db: tuple[float, float]
    resonances: int
    is_opus: bool = False

    def replayed(
        self, samples: Waveform, rooms: list[str], chance: np.random.Generator
    ) -> Waveform:
        """Play the recording through a loudspeaker of this kind in one of the rooms."""
        peaks = tuple(
            (chance.uniform(200, 4000), chance.uniform(2, 12), chance.uniform(3, 12))
            for _ in range(chance.integers(self.resonances + 1))
        )
        chain = ReplayChain(
            low_hz=chance.uniform(*self.low_hz),
            high_hz=chance.uniform(*self.high_hz),
            drive=chance.uniform(*self.drive),
            room=str(chance.choice(rooms)),
            snr_db=chance.uniform(*self.snr_db),
            is_opus=self.is_opus,
            resonances=peaks,
            seed=int(chance.integers(2**32)),
        )
        return chain(samples)


LOUDSPEAKERS = {
    "phone": Loudspeaker(
        low_hz=(300, 600), high_hz=(5500, 7500), drive=(1, 4), snr_db=(15, 35), resonances=3
    ),
    "laptop": Loudspeaker(
        low_hz=(150, 300), high_hz=(6500, 7800), drive=(0.5, 2), snr_db=(15, 35), resonances=3
    ),
    "studio loudspeaker": Loudspeaker(
        low_hz=(40, 80), high_hz=(7600, 7900), drive=(0, 0), snr_db=(20, 40), resonances=1
    ),
    "Bluetooth loudspeaker, Opus": Loudspeaker(
        low_hz=(80, 200),
        high_hz=(7000, 7800),
        drive=(0.5, 2),
        snr_db=(15, 35),
        resonances=2,
        is_opus=True,
    ),
    "hands-free telephone": Loudspeaker(
        low_hz=(280, 350), high_hz=(3300, 3500), drive=(1, 3), snr_db=(10, 30), resonances=2
    ),
}


def rooms(*, evaluation: bool) -> list[str]:
    """Return the names of rooms; those of training and of evaluation are disjoint."""
    names = sorted(path.stem.removeprefix(_PREFIX) for path in (corpora.DATA / "rir").glob("*"))
    return names[1::2] if evaluation else names[::2]


def spoken_live(samples: Waveform, names: list[str], chance: np.random.Generator) -> Waveform:
    """Return the recording as if the person had spoken in another room to another microphone."""
    is_telephone = chance.random() < 0.2
    chain = ReplayChain(
        low_hz=300.0 if is_telephone else chance.uniform(20, 300),
        high_hz=3400.0 if is_telephone else chance.uniform(5500, _HIGHEST_HZ),
        drive=0,
        room=str(chance.choice(names)),
        snr_db=chance.uniform(10, 40),
        seed=int(chance.integers(2**32)),
    )
    return chain(samples)
