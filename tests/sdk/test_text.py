"""Text from strangers is shown safely."""

from __future__ import annotations

import errno
import os
import unicodedata
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from speakersdk.text import (
    counted,
    decoded_argument,
    file_name,
    is_visible,
    os_error_text,
    printable,
)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Zoë 李小龙 «ок» ❤", "Zoë 李小龙 «ок» ❤"),
        ("red\x1b[31m", "red\\x1b[31m"),
        ("two\nlines\r\t\x07\x7f\x85", "two\\nlines\\r\\t\\x07\\x7f\\x85"),
        ("bob\ufe0f", "bob\\ufe0f"),
        ("bob\u3164", "bob\\u3164"),
        ("\u202egnp.exe", "\\u202egnp.exe"),
        ("a\u200bb\u00adc\u00a0d\u2028e", "a\\u200bb\\xadc\\xa0d\\u2028e"),
        ("\U000e0041\U000e0100", "\\U000e0041\\U000e0100"),
        ("caf\udce9.wav", "caf\\udce9.wav"),  # a file name that is not UTF-8
        (
            "\ue000\uffff\U0001fbff",
            "\\ue000\\uffff\\U0001fbff",
        ),  # private, no character, unassigned
    ],
)
def test_what_is_invisible_is_escaped(text: str, shown: str) -> None:
    assert printable(text) == shown


def test_a_path_is_text() -> None:
    assert printable(Path("folder") / "a\x1b") == "folder/a\\x1b"


@given(st.text())
def test_the_result_is_printable_and_stays_as_it_is(text: str) -> None:
    shown = printable(text)
    assert shown.isprintable()
    assert printable(shown) == shown
    shown.encode("utf-8")  # never a surrogate


def test_no_character_that_unicode_calls_unprintable_is_visible() -> None:
    visible = [chr(code) for code in range(0x110000) if is_visible(chr(code))]
    for character in visible:
        assert character == " " or unicodedata.category(character)[0] not in "CZ"
    assert len(visible) > 100_000  # the letters of the world


@given(st.text())
def test_file_names_are_unicode_text_in_any_locale(text: str) -> None:
    assert decoded_argument(text.encode().decode("ascii", "surrogateescape")) == text
    assert decoded_argument(file_name(text)) == text


def test_a_surrogate_without_a_byte_is_not_an_error() -> None:
    assert not Path(file_name("\ud800.wav")).exists()
    assert printable(decoded_argument("\ud800")) == "\\udced\\udca0\\udc80"


def test_a_number_comes_with_its_noun() -> None:
    assert [counted(number, "recording") for number in (0, 1, 2)] == [
        "0 recordings", "1 recording", "2 recordings",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (FileNotFoundError(errno.ENOENT, "x", "a"), "a: x"),
        (
            PermissionError(errno.EACCES, os.strerror(errno.EACCES), b"a\x1b"),
            "a\\x1b: {}; check the",
        ),
        (OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)), "{}; free some space"),
        (OSError(errno.ELOOP, os.strerror(errno.ELOOP), "a"), "a: {}; name the file itself"),
        (OSError(errno.EISDIR, os.strerror(errno.EISDIR), "a", None, "b"), "b: {}; name a file"),
        (OSError("device lost"), "device lost"),
        (
            OSError(errno.EBUSY, os.strerror(errno.EBUSY), "mounted"),
            "mounted: {}; name a file that no other program and no mount uses",
        ),
    ],
)
def test_an_error_of_the_system_names_the_file_and_what_to_do(error: OSError, text: str) -> None:
    assert os_error_text(error).startswith(text.format(error.strerror))
    assert "Errno" not in os_error_text(error)
