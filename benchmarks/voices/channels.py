"""Two people in two channels: how often are they noticed, and ordinary stereo taken for them?

    python -m benchmarks.voices.channels

Pairs of training speakers of the corpora of sentences, 5 to 6 s each, placed into recordings of
several kinds: of one person, and of two. Rooms are the recorded responses; those of two channels
are of the same room, and of unrelated rooms, which no recording has. Needs the speech corpora.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from benchmarks.harness import corpora
from benchmarks.harness.measure import Benchmark
from speakersdk.arrays import Waveform
from speakersdk.audio.samples import SAMPLE_RATE_HZ
from speakersdk.audio.waveform import as_waveform, read_audio
from speakersdk.errors import InvalidAudioError
from speakersdk_training.data.corpus import Utterance, by_speaker, read_packs

CORPORA = (
    "speechocean762", "librispeech", "common-voice", "malayalam-speech-corpus", "picovoice-intent",
)  # fmt: skip
LEAST_S, MOST_S = 5.0, 6.0
# Speakers of each corpus, and recordings of each pair. Two people cost more, as the detector of
# speech then runs: with these numbers, all takes less than three minutes of one processor.
_SPEAKERS = 4
_DRAWS = {"one person": 2, "two people": 1}
_LEVEL_DBFS = -26.0
_DELAY_SAMPLES = 320  # up to 20 ms
_PIECES = 12  # utterances of a speaker that are joined

Stereo = tuple[Waveform, Waveform]


class Scene:
    """The sounds of one recording: two voices of the same length, rooms and noise."""

    def __init__(self, one: Waveform, other: Waveform, rooms: list[Waveform], seed: int) -> None:
        self.rng = np.random.default_rng(seed)
        length = min(len(one), len(other))
        self.one, self.other = at_level(one[:length]), at_level(other[:length])
        self._rooms = rooms

    def hiss(self, dbfs: float) -> Waveform:
        """White noise of a level."""
        return at_level(self.rng.standard_normal(len(self.one)), dbfs)

    def delayed(self, samples: Waveform) -> Waveform:
        """Up to 20 ms later."""
        return np.roll(samples, self.rng.integers(_DELAY_SAMPLES))

    def room(self) -> Waveform:
        """One of the responses."""
        return self._rooms[self.rng.integers(len(self._rooms))]

    def same_room(self) -> Stereo:
        """Two responses of one room: the same direct sound and another tail of the same decay."""
        response = self.room()
        signs = self.rng.choice([-1.0, 1.0], len(response)).astype(np.float32)
        signs[:80] = 1.0
        return response, response * signs

    def turns(self) -> Stereo:
        """Each of the two is silent while the other speaks."""
        is_first, first = np.zeros(len(self.one), np.bool_), 0
        while first < len(is_first):
            last = first + int(self.rng.uniform(1, 4) * SAMPLE_RATE_HZ)
            is_first[first:last] = True
            first = last + int(self.rng.uniform(1, 4) * SAMPLE_RATE_HZ)
        return self.one * is_first, self.other * ~is_first


def at_level(samples: np.ndarray[Any, Any], dbfs: float = _LEVEL_DBFS) -> Waveform:
    """Scale to a root mean square."""
    rms = np.sqrt(np.square(samples).mean()) + 1e-12
    return (samples / rms * gain(dbfs)).astype(np.float32)


def gain(db: float) -> float:
    """The factor of a change in dB."""
    return float(10 ** (db / 20))


def heard_in(response: Waveform, samples: Waveform) -> Waveform:
    """Convolve with the response of a room."""
    length = 1 << (len(samples) + len(response) - 1).bit_length()  # transforms of others are slow
    spectrum = np.fft.rfft(samples, length) * np.fft.rfft(response, length)
    return np.fft.irfft(spectrum, length)[: len(samples)].astype(np.float32)


def lapels(scene: Scene, leak_db: float) -> Stereo:
    """Two people in turn. The microphone of one records the other through the room."""
    one, other = scene.turns()
    leaks = [np.roll(heard_in(scene.room(), at), 96) * gain(leak_db) for at in (one, other)]
    floor = scene.hiss(-60.0)
    return one + leaks[1] + floor, other + leaks[0] + floor


def call(scene: Scene) -> Stereo:
    """A call: other levels, noise, and an echo in both channels."""
    one, other = scene.turns()
    echo = gain(-25.0)
    left = one + echo * scene.delayed(other) + scene.hiss(-60.0)
    return left, (other + echo * scene.delayed(one)) * gain(-10.0) + scene.hiss(-65.0)


def one_room(scene: Scene) -> Stereo:
    """Two microphones in a room, the second farther away."""
    left, right = (heard_in(response, scene.one) for response in scene.same_room())
    return left, scene.delayed(right) * gain(scene.rng.uniform(-15, 0))


ONE: dict[str, Callable[[Scene], Stereo]] = {
    "levels": lambda at: (at.one, at.one * gain(at.rng.uniform(-25, 0)) + at.hiss(-80.0)),
    "delay": lambda at: (at.one, at.delayed(at.one)),
    "opposite phase": lambda at: (at.one, -0.7 * at.one),
    "silent channel": lambda at: (at.one, 0 * at.one),
    "noise in one": lambda at: (at.one, at.hiss(at.rng.uniform(-70, -20))),
    "noise over one": lambda at: (at.one, at.one + at.hiss(at.rng.uniform(-40, -20))),
    "one room": one_room,
    "unrelated rooms": lambda at: (heard_in(at.room(), at.one), heard_in(at.room(), at.one)),
}
TWO: dict[str, Callable[[Scene], Stereo]] = {
    "at once": lambda at: (at.one, at.other),
    "at once, unrelated rooms": lambda at: (
        heard_in(at.room(), at.one),
        heard_in(at.room(), at.other),
    ),
    "in turn": lambda at: at.turns(),
    "call with echo": call,
    "lapels, leak -20 dB": lambda at: lapels(at, -20.0),
    "lapels, leak -15 dB": lambda at: lapels(at, -15.0),
    "lapels, leak -10 dB": lambda at: lapels(at, -10.0),
    "lapels, leak -6 dB": lambda at: lapels(at, -6.0),
}


def main() -> int:
    """Measure and write the result."""
    benchmark = Benchmark(
        name="channels", question="Are two people in two channels noticed, and only they?"
    )
    corpora.require()
    voices = list(read_voices(1 if benchmark.smoke else _SPEAKERS))
    paths = sorted((corpora.DATA / "rir").glob("*.flac"))
    rooms = [at_level(read_audio(path), 0.0) for path in paths]
    rooms = [room[int(np.abs(room).argmax()) :] for room in rooms]
    rooms = [(room / np.sqrt(np.square(room).sum())).astype(np.float32) for room in rooms]
    order = np.random.default_rng(0).permutation(len(voices)).tolist()
    pairs = list(zip(order, order[1:] + order[:1], strict=True))
    for kinds, what in ((ONE, "one person"), (TWO, "two people")):
        for kind, place in kinds.items():
            found = [
                is_refused(place(Scene(voices[a], voices[b], rooms, seed)))
                for seed, (a, b) in enumerate(pairs * _DRAWS[what])
            ]
            result = {"refused": float(np.mean(found)), "recordings": len(found)}
            benchmark.record(f"{what}: {kind}", result)
    benchmark.finish()
    return 0


def read_voices(most: int) -> Iterator[Waveform]:
    """Yield the speech of up to `most` training speakers of each corpus."""
    for corpus in CORPORA:
        packs = corpora.Packs()  # the decoded packs of one corpus
        listed = [
            at for at in read_packs(corpora.DATA) if (at.corpus, at.split) == (corpus, "train")
        ]
        found = 0
        for _, utterances in sorted(by_speaker(listed).items()):
            if found < most and (samples := _joined(packs, utterances)) is not None:
                found += 1
                yield samples


def _joined(packs: corpora.Packs, utterances: list[Utterance]) -> Waveform | None:
    parts = utterances[:_PIECES]
    if sum(at.num_samples or 0 for at in parts) < LEAST_S * SAMPLE_RATE_HZ:
        return None
    joined = np.concatenate([packs.samples(at) for at in parts])
    return joined[: round(MOST_S * SAMPLE_RATE_HZ)]


def is_refused(stereo: Stereo) -> bool:
    """Return whether the recording is taken for two people."""
    try:
        as_waveform(np.stack(stereo, axis=1), sample_rate_hz=SAMPLE_RATE_HZ)
    except InvalidAudioError:
        return True
    return False


if __name__ == "__main__":
    raise SystemExit(main())
