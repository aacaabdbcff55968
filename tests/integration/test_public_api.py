"""The names that ``import speakersdk`` offers."""

from __future__ import annotations

from types import ModuleType

import speakersdk
from speakersdk import _public, errors


def test_all_lists_the_public_names_in_order() -> None:
    public = {
        name
        for name, value in vars(_public).items()
        if not name.startswith("_") and not isinstance(value, ModuleType)
    }
    assert speakersdk.__all__ == sorted(public)


def test_every_error_is_public() -> None:
    defined = {
        name
        for name, value in vars(errors).items()
        if isinstance(value, type) and issubclass(value, errors.SpeakerSdkError)
    }
    assert defined <= set(speakersdk.__all__)


def test_every_public_name_is_documented() -> None:
    undocumented = [name for name in speakersdk.__all__ if not getattr(speakersdk, name).__doc__]
    assert undocumented == []
