"""``import speakersdk`` itself loads nothing; names are loaded on first use."""

from __future__ import annotations

import subprocess
import sys

import pytest

import speakersdk


def test_importing_the_package_loads_no_module_of_it() -> None:
    code = "import speakersdk, sys; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = done.stdout.split()
    assert [name for name in loaded if name.startswith("speakersdk")] == ["speakersdk"]
    assert "numpy" not in loaded


@pytest.mark.parametrize(
    "code",
    [
        "import speakersdk; speakersdk.Verifier",
        "from speakersdk import *; Verifier, read_audio",
        "from speakersdk import Voiceprint, scoring",
        "import speakersdk; speakersdk.scoring.symmetric_kl, speakersdk.errors.ConfigError",
        "import speakersdk.metrics; speakersdk.metrics.eer",
        "import speakersdk; assert {'Verifier', 'errors', '__version__'} <= {*dir(speakersdk)}",
        "import speakersdk; assert not {'TYPE_CHECKING', '_names'} & {*dir(speakersdk)}",
    ],
)
def test_every_way_to_a_name_works(code: str) -> None:
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_name_that_is_none_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'Verifyer'"):
        _ = speakersdk.Verifyer  # type: ignore[attr-defined]
