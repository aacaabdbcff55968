"""Checks of the arguments of the public interface, made from its type annotations.

    @checked
    def read(path: str | os.PathLike[str], *, limit_s: float | None = None) -> Waveform: ...

    read("a.wav", limit_s="3")  # WrongTypeError: expected limit_s to be a number or None, got '3'

Python does not check annotations. Without these checks, a wrong argument fails somewhere deep in
the code, or counts as true: a text as a spoof detector, or ``replace="no"``. Libraries for this
take as long to import as numpy (docs/adr/0015-argument-checks.md).
"""

from __future__ import annotations

import functools
import inspect
import io
import numbers
import operator
import os
import types
import typing
from collections.abc import Callable, Collection, Hashable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, Literal, TypeVar

import numpy as np
import numpy.typing as npt

from speakersdk.errors import WrongTypeError
from speakersdk.text import printable

_T = TypeVar("_T")
_MOST_CHARACTERS: Final = 60  # of a value in a message
_MOST_MEMBERS: Final = 3  # types of members in a message
_INT_LIMIT: Final = 2**31  # of the compiled module
_NO: Final = object()  # the value is not of the kind
_POSITIONAL: Final = (
    inspect.Parameter.POSITIONAL_ONLY,
    inspect.Parameter.POSITIONAL_OR_KEYWORD,
)
_LISTS: Final = (Sequence, Collection, Iterable)


class _Kind(typing.NamedTuple):
    """A kind of value: its name, a check that returns the value or `_NO`, and advice on others."""

    what: str
    take: Callable[[Any], Any]
    advice: Callable[[Any], str] = lambda _: ""


def checked(target: _T) -> _T:
    """Make a function, or the public methods of a class, check the types of their arguments.

    Numbers of NumPy are numbers, and become those of Python. A path is never empty. Recordings and
    samples are not checked here, because their types do not tell.

    Raises:
        WrongTypeError: in the calls, for an argument of another type than its annotation.
    """
    if not inspect.isclass(target):
        return typing.cast(_T, _checking(typing.cast(Callable[..., Any], target)))
    for name, member in list(vars(target).items()):
        is_public = name == "__init__" or not name.startswith("_")
        if not is_public:
            continue
        if isinstance(member, classmethod | staticmethod):
            setattr(target, name, type(member)(_checking(member.__func__)))
        elif inspect.isfunction(member):
            setattr(target, name, _checking(member))
    return target


def _checking(function: Callable[..., Any]) -> Callable[..., Any]:
    if not function.__annotations__.keys() - {"return"}:
        return function

    @functools.cache
    def expected() -> tuple[list[str], str, dict[str, _Kind | None]]:
        """Return the names of places, that of the others, and the kinds by name.

        The first call finds them: then all names in annotations are defined, and an import does not
        inspect functions that nobody calls.
        """
        parameters = inspect.signature(function).parameters.values()
        hints = typing.get_type_hints(function)
        return (
            [one.name for one in parameters if one.kind in _POSITIONAL],
            next((one.name for one in parameters if one.kind is one.VAR_POSITIONAL), ""),
            {one.name: _kind(hints.get(one.name, Any)) for one in parameters},
        )

    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        places, rest, known = expected()
        given = []
        for place, value in enumerate(args):  # a loop, because streams push every few milliseconds
            name = places[place] if place < len(places) else rest
            given.append(_taken(name, value, known.get(name)))
        for name, value in kwargs.items():
            kwargs[name] = _taken(name, value, known.get(name))
        return function(*given, **kwargs)

    return call


def _taken(name: str, value: Any, kind: _Kind | None) -> Any:
    """Return the value as its kind takes it."""
    if kind is None:
        return value
    taken = kind.take(value)
    if taken is not _NO:
        return taken
    raise WrongTypeError(
        f"expected {name} to be {kind.what}, got {_shown(value)}{kind.advice(value)}"
    )


def _shown(value: Any) -> str:
    """Describe a value in a few words: texts and numbers by value, others by type."""
    if isinstance(value, list | tuple) and value:
        members = dict.fromkeys(type(one).__name__ for one in value)
        return f"a {type(value).__name__} of {', '.join(list(members)[:_MOST_MEMBERS])}"
    if value is not None and not isinstance(value, str | bytes | numbers.Number):
        return type(value).__name__
    try:
        text = printable(repr(value))
    except ValueError:  # an integer of thousands of digits
        return f"a huge {type(value).__name__}"
    return text if len(text) <= _MOST_CHARACTERS else f"{text[:_MOST_CHARACTERS]}..."


def _kind(hint: Any) -> _Kind | None:
    """Return the kind of an annotation; None if any value may be right."""
    if hint == npt.ArrayLike:
        return _NUMBERS
    if isinstance(hint, types.UnionType) or typing.get_origin(hint) is typing.Union:
        return _either([_kind(one) for one in typing.get_args(hint)])
    origin = typing.get_origin(hint)
    if origin is Literal:  # the call itself names the choices
        return _KINDS[str]
    if origin is np.ndarray:
        is_any = typing.get_args(hint)[1] == np.dtype[Any]
        return None if is_any else _NUMBERS
    if origin in _LISTS or origin is tuple:
        return _list(origin, typing.get_args(hint)[0])
    if origin is Callable or hint is Callable:
        return _Kind("a function", lambda value: value if callable(value) else _NO)
    if origin is Mapping or origin is dict:
        return _Kind("a mapping", lambda value: value if isinstance(value, Mapping) else _NO)
    if origin is os.PathLike:
        return _Kind("a path", _path, _path_advice)
    if hint in _KINDS:
        return _KINDS[hint]
    is_class = inspect.isclass(hint) and origin is None and hint not in (Any, object)
    if not is_class or issubclass(hint, np.ndarray):
        return None
    if getattr(hint, "_is_protocol", False) and not getattr(hint, "_is_runtime_protocol", False):
        return None
    what, source = _CLASSES.get(hint.__name__, (f"a {hint.__name__}", ""))

    def advice(value: Any) -> str:
        is_several = isinstance(value, list | tuple) and any(isinstance(one, hint) for one in value)
        return "; pass a single one" if is_several else source

    return _Kind(what, lambda value: value if isinstance(value, hint) else _NO, advice)


def _either(kinds: list[_Kind | None]) -> _Kind | None:
    """Return the kind of a union; a path takes the place of a text next to it."""
    known = [kind for kind in kinds if kind is not None]
    if len(known) < len(kinds):
        return None
    if any(kind.what == "a path" for kind in known):
        known = [kind for kind in known if kind is not _KINDS[str]]

    def take(value: Any) -> Any:
        return next((found for kind in known if (found := kind.take(value)) is not _NO), _NO)

    def advice(value: Any) -> str:
        return next((said for kind in known if (said := kind.advice(value))), "")

    names = ["True, False" if kind is _KINDS[bool] else kind.what for kind in known]
    *others, last = names
    return _Kind(f"{', '.join(others)} or {last}" if others else last, take, advice)


def _list(origin: Any, hint: Any) -> _Kind:
    member = None if isinstance(hint, TypeVar) else _kind(hint)
    what = "a list" if member is None else f"a list, each item {member.what}"

    def take(value: Any) -> Any:
        if isinstance(value, str | bytes | io.IOBase) or not isinstance(value, origin):
            return _NO
        if member is None:
            return value
        if origin is Iterable and member is _NUMBERS:  # audio is read one block at a time
            return map(_block, value)
        listed = list(value) if origin is Iterable else value
        return _NO if any(member.take(one) is _NO for one in listed) else listed

    def advice(value: Any) -> str:
        # A member without a known kind is a recording or samples, which may be iterable.
        is_single = isinstance(value, str | bytes | os.PathLike | np.ndarray | io.IOBase)
        if is_single if member is None else member.take(value) is not _NO:
            return "; write [...] around a single one"
        if isinstance(value, Mapping):
            return "; write list(....values()) for the values"
        is_iterable = isinstance(value, Iterable) and not isinstance(value, Sequence)
        if is_iterable and not isinstance(value, np.ndarray):
            return "; write list(...)"
        return "" if member is None or isinstance(value, list) else member.advice(value)

    return _Kind(what, take, advice)


def _block(samples: Any) -> Any:
    """Return a block of audio; raise WrongTypeError for anything else."""
    if _array(samples) is _NO or np.ndim(samples) != 1:
        raise WrongTypeError(f"expected blocks of samples, (n,) each, got {_shown(samples)}")
    return samples


def _array_advice(value: Any) -> str:
    if np.ma.is_masked(value):
        return "; fill in the masked values, or cut them out"
    is_path = isinstance(value, str | os.PathLike)
    return "; read a file with read_audio, or embed it with Verifier.embed" if is_path else ""


def _array(value: Any) -> Any:
    try:
        array = np.asarray(value)
    except (TypeError, ValueError, RuntimeError, OverflowError):
        return _NO
    # NumPy would ignore the mask.
    return value if array.dtype.kind in "biuf" and not np.ma.is_masked(value) else _NO


def _number(value: Any) -> Any:
    if isinstance(value, bool) or not isinstance(value, numbers.Real):
        return _NO
    try:
        # The user wrote np.float32(0.01), and not 0.009999999776482582.
        number = float(str(value)) if isinstance(value, np.floating) else float(value)
    except OverflowError:
        return _NO
    return value if isinstance(value, int) else number


def _integer(value: Any) -> Any:
    is_integer = isinstance(value, numbers.Integral) and not isinstance(value, bool)
    return operator.index(value) if is_integer and abs(value) < _INT_LIMIT else _NO


def _bool(value: Any) -> Any:
    return bool(value) if isinstance(value, bool | np.bool_) else _NO


def _path(value: Any) -> Any:
    if not isinstance(value, str | os.PathLike):
        return _NO
    text = os.fspath(value)
    return value if isinstance(text, str) and text and not _path_advice(text) else _NO


def _path_advice(value: Any) -> str:
    if not isinstance(value, str):
        return ""
    try:
        os.fsencode(value)
    except UnicodeEncodeError:  # a surrogate that represents no byte
        return "; no file name contains half a character"
    return "; no file name contains NUL" if "\0" in value else ""


def _bytes(value: Any) -> Any:
    return bytes(value) if isinstance(value, bytes | bytearray | memoryview) else _NO


def _folder(value: Any) -> Any:
    return _NO if _path(value) is _NO else Path(value)


_NUMBERS: Final = _Kind("an array of numbers", _array, _array_advice)
_KINDS: Final[dict[Any, _Kind]] = {
    bool: _Kind("True or False", _bool),
    int: _Kind("a whole number below 2**31", _integer),
    float: _Kind("a number", _number),
    str: _Kind("a string", lambda value: value if isinstance(value, str) else _NO),
    bytes: _Kind("bytes", _bytes),
    Path: _Kind("a path", _folder, _path_advice),
    type(None): _Kind("None", lambda value: value if value is None else _NO),
    Hashable: _Kind("a hashable value", lambda value: value if _has_hash(value) else _NO),
}


# Names of classes for people, and where their objects come from.
_CLASSES: Final[Mapping[str, tuple[str, str]]] = {
    "BinaryReader": ("an open binary file", ""),
    "Voiceprint": (
        "a Voiceprint",
        "; make one with Verifier.enroll, or load one with VoiceprintStore.load",
    ),
    "SealingKey": (
        "a SealingKey",
        "; make one with SealingKey.from_file, from_keyring or from_passphrase",
    ),
}


def _has_hash(value: Any) -> bool:
    try:
        hash(value)
    except TypeError:
        return False
    return True
