"""The reader of ``--corpus``, whose errors name the layout and the page that describes it."""

from __future__ import annotations

from pathlib import Path

from speakersdk.errors import ConfigError
from speakersdk_training.data.corpus import LAYOUTS, Utterance, read_corpus
from speakersdk_training.errors import TrainingError


def read_corpora(root: Path, *, layout: str) -> list[Utterance]:
    """Read the utterances of ``--corpus``.

    Args:
        root: folder of the corpora.
        layout: as for `read_corpus`.

    Raises:
        ConfigError: the folder does not have the layout.
        TrainingError: the layout is unknown.
    """
    try:
        return read_corpus(layout, root)
    except TrainingError as error:
        if layout not in LAYOUTS:
            raise  # it lists them
        raise ConfigError(
            f"{error}; --corpus is read in the layout {layout}, which docs/training.md describes "
            "(Your corpus)"
        ) from error
