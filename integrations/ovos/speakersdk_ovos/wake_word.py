"""A wake word verifier: the wake word counts if an enrolled speaker said it.

    "listener": {"ww_verifiers": {"speakersdk-verifier": {"names": ["ann"], "far": 0.01}}}

The listener treats an error of a verifier as acceptance. This verifier refuses instead, unless
``fail_open`` is set.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import Any, Final

from ovos_plugin_manager.templates.hotwords import HotWordVerifier
from ovos_utils.log import LOG

from speakersdk import (
    ConfigError,
    Identification,
    LastUses,
    Verdict,
    Verifier,
    Voiceprint,
    VoiceprintStore,
)
from speakersdk_ovos.audio import check_format, sample_rate_of, samples_of

_OPTIONS: Final = frozenset(
    {
        "enabled",  # read by the listener
        "far",
        "model",
        "names",
        "voiceprints",
        "accept_inconclusive",
        "fail_open",
        "sample_rate",
        "sample_width",
        "channels",
    }
)


_SWITCHES: Final = ("accept_inconclusive", "fail_open")


class SpeakerVerifier(HotWordVerifier):  # type: ignore[misc]  # the library has no types
    """A verifier of wake words.

    Args:
        config: the following optional keys:
            far: false-accept rate of one comparison, 0.01;
            model: an ONNX file instead of the bundled one;
            voiceprints: folder of the voiceprints; None means that of the command line;
            names: enrolled speakers who may wake the assistant; None means all;
            accept_inconclusive: let a wake word pass that is too short for an answer, false;
            fail_open: let a wake word pass after an error, false;
            sample_rate, sample_width, channels: format of the audio, 16000, 2 and 1.

    Raises:
        SpeakerSdkError: the model cannot be used, or an option is unknown or outside its range.
    """

    def __init__(self, config: Mapping[str, Any] | None = None) -> None:
        super().__init__(dict(config or {}))
        unknown = sorted(set(self.config) - _OPTIONS)
        if unknown:
            known = ", ".join(sorted(_OPTIONS))
            raise ConfigError(f"expected options of {known}, got {', '.join(unknown)}")
        for option in _SWITCHES:
            value = self.config.get(option, False)
            if not isinstance(value, bool):
                raise ConfigError(f"expected {option} to be true or false, got {value!r}")
        names = self.config.get("names")
        if names is not None and not (
            isinstance(names, list | tuple) and all(isinstance(name, str) for name in names)
        ):
            raise ConfigError(f'expected names to be a list, such as ["ann"], got {names!r}')
        check_format(self.config)
        self._verifier = Verifier(self.config.get("model"), far=self.config.get("far"))
        self._store = VoiceprintStore(self.config.get("voiceprints"))
        self._uses = LastUses(folder=self._store.folder)
        self._lock = threading.Lock()
        self.last: Identification | None = None

    def verify(self, chunk: bytes) -> bool:
        """Return whether an enrolled speaker says the wake word at the end of this audio.

        The answer is also in `last`. Errors are logged.
        """
        self.last = None
        try:
            return self._accepts(chunk)
        except Exception as error:
            # The listener would treat an exception as acceptance.
            is_accepted = self.config.get("fail_open", False) is True
            LOG.error(f"speakersdk-verifier: {'accepted' if is_accepted else 'refused'}: {error}")
            return is_accepted

    def _accepts(self, chunk: bytes) -> bool:
        voiceprints = self._voiceprints()
        if not voiceprints:
            raise ConfigError("nobody is enrolled; first: speakersdk enroll NAME RECORDING...")
        samples = samples_of(chunk, self.config)
        rate_hz = sample_rate_of(self.config)
        with self._lock:
            found = self._verifier.identify(voiceprints, samples, sample_rate_hz=rate_hz)
        self.last = found
        LOG.debug(f"speakersdk-verifier: {found}")
        if found.decision.verdict is Verdict.INCONCLUSIVE:
            return self.config.get("accept_inconclusive", False) is True
        return found.speaker is not None

    def _voiceprints(self) -> list[Voiceprint]:
        names = self.config.get("names")
        if names is not None:
            voiceprints = [self._store.load(name) for name in names]
            self._uses.require_current(voiceprints)
            return voiceprints
        content = self._store.content()
        for file in content.unreadable:
            LOG.warning(f"speakersdk-verifier: skipped {file.path.name}: {file.reason}")
        usable, reasons = self._verifier.usable(content.voiceprints)
        usable, expired = self._uses.current(usable)
        for name, reason in (reasons | expired).items():
            LOG.warning(f"speakersdk-verifier: skipped {name}: {reason}")
        return usable
