"""Synthetic voices for the demonstration; README.md says how they were made."""

from __future__ import annotations

from pathlib import Path
from typing import Final

FOLDER: Final = Path(__file__).parent
