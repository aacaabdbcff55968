"""Where the user's data are kept: voiceprints and calibrations."""

from __future__ import annotations

import os
from pathlib import Path


def data_folder(kind: str) -> Path:
    """``$XDG_DATA_HOME/speakersdk/<kind>``, or below ``~/.local/share`` if that is not set.

    Read from the environment at every call; nothing is created.
    """
    # The XDG base directory specification: a relative path is to be ignored.
    configured = Path(os.environ.get("XDG_DATA_HOME", ""))
    data_home = configured if configured.is_absolute() else Path.home() / ".local" / "share"
    return data_home / "speakersdk" / kind
