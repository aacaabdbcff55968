"""A pool of streams: one call of the model encodes a hop of every stream.

A round takes one hop from every stream that has one; a stream with a long backlog does not delay
the others. Streams share weights and buffers but no state.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import Self, TypeVar

from speakersdk.arguments import checked
from speakersdk.arrays import Waveform
from speakersdk.audio.samples import Samples
from speakersdk.decision.rule import DecisionRule
from speakersdk.encoder.hop import HopEncoder
from speakersdk.errors import ConfigError
from speakersdk.lifetime import Lifetime
from speakersdk.streaming.options import StreamOptions
from speakersdk.streaming.stream import SpeakerStream
from speakersdk.streaming.update import StreamUpdate
from speakersdk.voiceprint.voiceprint import Voiceprint

# Keys of one call. A mapping of texts is no mapping of all that can be hashed.
Key = TypeVar("Key", bound=Hashable)


@checked
class StreamPool:
    """Streams that are identified by keys, for use by one thread."""

    def __init__(
        self,
        encoder: HopEncoder,
        rule: DecisionRule,
        options: StreamOptions,
        *,
        check: Callable[[Sequence[Voiceprint]], None],
    ) -> None:
        self._encoder = encoder
        self._rule = rule
        self._options = options
        self._check = check
        self._streams: dict[Hashable, SpeakerStream] = {}
        self._lifetime = Lifetime("stream pool", remedy="make another with Verifier.stream_pool")

    def __len__(self) -> int:
        return len(self._streams)

    def __enter__(self) -> Self:
        self._lifetime.check()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def add(self, key: Hashable, voiceprints: Sequence[Voiceprint]) -> None:
        """Start a stream that listens for these speakers.

        Raises:
            ConfigError: the key is taken, there is no voiceprint, or two have the same name.
            IncompatibleModelError: a voiceprint was made with a different model.
            ClosedError, ConcurrentUseError: as for `push`.
        """
        with self._lifetime:
            if key in self._streams:
                raise ConfigError(
                    f"expected a new key, got {key!r}, which has a stream; remove it first"
                )
            self._check(voiceprints)
            self._streams[key] = SpeakerStream(
                self._encoder, self._rule, voiceprints, self._options
            )

    def remove(self, key: Hashable) -> None:
        """End a stream.

        Raises:
            ConfigError: no stream has that key.
            ClosedError, ConcurrentUseError: as for `push`.
        """
        with self._lifetime:
            self._stream(key)
            del self._streams[key]

    def gap(self, key: Hashable, lost_s: float) -> None:
        """Report that audio is missing before the next samples of a stream: `SpeakerStream.gap`.

        Raises:
            ConfigError: no stream has that key, or `lost_s` is negative or not finite.
            ClosedError, ConcurrentUseError: as for `push`.
        """
        with self._lifetime:
            self._stream(key).gap(lost_s)

    def close(self) -> None:
        """End all streams. Further calls have no effect."""
        self._lifetime.end()

    def push(
        self, chunks: Mapping[Key, Samples], *, sample_rate_hz: float
    ) -> dict[Key, list[StreamUpdate]]:
        """Push the next samples of some or all streams, as in `SpeakerStream.push`.

        All chunks are checked first: if one is not audio, no stream changes. An error while the
        model runs makes a gap in every stream in `chunks`.

        Returns:
            The updates of each stream in `chunks`, in order of time.

        Raises:
            AudioError, ConfigError: as for `SpeakerStream.push`, or a key is unknown.
            ClosedError: the pool is closed.
            ConcurrentUseError: another thread is using the pool.
            ExpiredVoiceprintError: a candidate has expired since its stream began; `remove` it.
            InferenceError: onnxruntime failed.
        """
        with self._lifetime:
            return self._push(self._resampled(chunks, sample_rate_hz))

    def _push(self, waiting: dict[Key, Waveform]) -> dict[Key, list[StreamUpdate]]:
        updates: dict[Key, list[StreamUpdate]] = {key: [] for key in waiting}
        hops = {key: self._streams[key].state.buffer.hops(waiting[key]) for key in waiting}
        with contextlib.ExitStack() as gaps:
            for key, waveform in waiting.items():
                gaps.enter_context(self._streams[key].gap_on_error(waveform))
            while ready := [key for key, hop in hops.items() if next(hop, None) is not None]:
                self._encoder.encode([self._streams[key].state for key in ready])
                for key in ready:
                    updates[key].append(self._streams[key].update())
        return updates

    def _resampled(
        self, chunks: Mapping[Key, Samples], sample_rate_hz: float
    ) -> dict[Key, Waveform]:
        streams = {key: self._stream(key) for key in chunks}
        for key, stream in streams.items():
            stream.check(chunks[key], sample_rate_hz=sample_rate_hz)
        return {
            key: stream.resample(chunks[key], sample_rate_hz=sample_rate_hz)
            for key, stream in streams.items()
        }

    def _stream(self, key: Hashable) -> SpeakerStream:
        if key not in self._streams:
            raise ConfigError(
                f"expected the key of a stream in this pool, got {key!r}; add it first"
            )
        return self._streams[key]
