"""Where the user's files are kept: voiceprints and calibrations, and what can be made again.

Read from the environment at every call; nothing is created.
"""

from __future__ import annotations

import os
from pathlib import Path


def data_folder(kind: str) -> Path:
    """``$XDG_DATA_HOME/speakersdk/<kind>``, or below ``~/.local/share`` if that is not set."""
    return _base("XDG_DATA_HOME", ".local/share") / "speakersdk" / kind


def cache_folder(kind: str) -> Path:
    """``$XDG_CACHE_HOME/speakersdk/<kind>``, or below ``~/.cache`` if that is not set."""
    return _base("XDG_CACHE_HOME", ".cache") / "speakersdk" / kind


def _base(variable: str, below_home: str) -> Path:
    # The XDG base directory specification: a relative path is to be ignored.
    configured = Path(os.environ.get(variable, ""))
    return configured if configured.is_absolute() else Path.home() / below_home
