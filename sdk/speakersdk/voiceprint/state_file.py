"""A small JSON file in a store's folder with one value per speaker, such as a count of attempts.

Writers must hold the lock of the folder.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Generic, TypeVar

from speakersdk.errors import StateFileError
from speakersdk.files import open_regular, replacement
from speakersdk.text import printable

_VERSION: Final = 1
_MAXIMUM_BYTES: Final = 1 << 24

Value = TypeVar("Value")


@dataclass(frozen=True, slots=True, kw_only=True)
class StateFile(Generic[Value]):
    """Values by speaker name.

    Attributes:
        path: path of the file.
        key: key of the values in the JSON document.
        parse: function that converts a JSON value; it raises ValueError for invalid ones.
        loss: consequence of a damaged file, for the message.
        default: function that converts a value that JSON cannot represent.
    """

    path: Path
    key: str
    parse: Callable[[Any], Value]
    loss: str
    default: Callable[[Any], Any] | None = None

    def read(self) -> dict[str, Value]:
        """Read all values; empty without a file.

        Raises:
            StateFileError: the file is damaged. It does not count as empty, because damaging it
                must not help an attacker.
        """
        try:
            with open_regular(self.path) as file:
                content: Any = json.loads(file.read(_MAXIMUM_BYTES))
            if content["version"] != _VERSION:
                raise ValueError(f"expected version {_VERSION}")
            values: dict[str, Any] = content[self.key]
            return {name: self.parse(value) for name, value in values.items()}
        except (FileNotFoundError, NotADirectoryError):
            return {}
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise StateFileError(
                f"{printable(self.path)} is damaged, {self.loss}; delete it to start again"
            ) from error

    def write(self, values: dict[str, Value]) -> None:
        """Replace all values."""
        content = {"version": _VERSION, self.key: values}
        text = json.dumps(content, ensure_ascii=False, sort_keys=True, default=self.default)
        with replacement(self.path) as file:
            file.write(text.encode())

    def drop(self, names: Collection[str]) -> None:
        """Remove the values of some speakers, if there are any."""
        values = self.read()
        remaining = {name: value for name, value in values.items() if name not in names}
        if len(remaining) < len(values):
            self.write(remaining)
