"""Freed memory of the process, which goes back to the system."""

from __future__ import annotations

from speakersdk import _native


def release_free_memory() -> bool:
    """Return freed memory to the system, and whether there was any.

    Loading a model takes several times the memory that the loaded one needs, and glibc keeps what
    is freed in between. Other C libraries return it by themselves; nothing happens there.
    """
    return _native.release_free_memory()
