"""Checks of the voiceprints that a caller passes as candidates."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from speakersdk.errors import ConfigError, ExpiredVoiceprintError, IncompatibleModelError
from speakersdk.voiceprint.embedding_model import EmbeddingModel
from speakersdk.voiceprint.voiceprint import Voiceprint


def check_distinct(voiceprints: Sequence[Voiceprint]) -> None:
    """Check that there are voiceprints and that their names differ.

    Raises:
        ConfigError: there is no voiceprint, or two have the same name.
    """
    if not voiceprints:
        raise ConfigError("expected at least one voiceprint, got none")
    names = Counter(voiceprint.name for voiceprint in voiceprints)
    name, count = names.most_common(1)[0]
    if count > 1:
        raise ConfigError(f"expected voiceprints of different names, got {name!r} {count} times")


def divide_usable(
    voiceprints: Iterable[Voiceprint], model: EmbeddingModel
) -> tuple[list[Voiceprint], dict[str, str]]:
    """Return the voiceprints that a model can use, and by name why it cannot use the others."""
    usable, reasons = [], {}
    for voiceprint in voiceprints:
        try:
            voiceprint.check_usable(model)
        except (ExpiredVoiceprintError, IncompatibleModelError) as error:
            reasons[voiceprint.name] = str(error)
        else:
            usable.append(voiceprint)
    return usable, reasons
