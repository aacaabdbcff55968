"""Names: valid ones, and those that are too similar to a taken name."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from speakersdk.errors import ConfigError, DuplicateSpeakerError
from speakersdk.text import is_visible
from speakersdk.voiceprint.names import check_name, check_new_name

WORLD = [
    "ann", "Zoë", "O'Brien", "Jean-Luc 2", "Ана", "Δημήτρης", "Արմեն", "דנה", "ليلى", "नेहा",
    "สมชาย", "น้ำ", "김철수", "李小龙", "タロー山田", "Nguyễn Văn", "\u0130pek Y\u0131ld\u0131z",
    "ომარი", "ⴰⵎⵉⵏ", "Łukasz",
    "bob@example.org", "Иван Smith", "Bruce李", "Солов\u02bcян", "ሰላም", "ann+1", "٣ علي",
]  # fmt: skip


@pytest.mark.parametrize("name", WORLD)
def test_the_names_of_the_world_may_be_used_together(name: str) -> None:
    assert check_new_name(name, WORLD) == name
    assert check_new_name(unicodedata.normalize("NFD", name), [name]) == name


@pytest.mark.parametrize(
    "name",
    ["bob\ufe0f", "bob\u3164", "b\u200bob", "b\u00adob", "bob\u2060", "bob\U000e0100", "b\u115fb",
     "bob\uffa0", "red\x1b[31m", "bob\x9b", "b\u00a0b", "bob\u2800", "bob\u0378", "bob\ue000",
     "\u202eboB", "bob\u034f", "b\ud800", "\U000e0062\U000e006f"],
)  # fmt: skip
def test_invisible_characters_are_in_no_name(name: str) -> None:
    with pytest.raises(ConfigError, match="none of them invisible") as caught:
        check_name(name)
    assert str(caught.value).isprintable()


@pytest.mark.parametrize(
    "name",
    ["b\u043eb", "\u0430nn", "ann\u0430", "pay\u0440al", "\u03bfmar", "Ann \u0410nn\u0430b",
     "a\u0661", "\u13aann", "b\u0585b"],
)  # fmt: skip
def test_no_word_mixes_scripts(name: str) -> None:
    assert check_name(name) == name  # a stored voiceprint stays readable
    with pytest.raises(ConfigError, match="letters of one script"):
        check_new_name(name)


@pytest.mark.parametrize(
    ("taken", "name"),
    [
        ("cop", "\u0441\u043e\u0440"),  # Cyrillic
        ("HATE", "\u041d\u0410\u0422\u0415"),
        ("AN 1", "\u0391\u039d 1"),  # Greek
        ("bob", "\uff42\uff4f\uff42"),  # full width
        ("bob", "\U0001d41b\U0001d428\U0001d41b"),  # mathematical bold
        ("\u0441\u043e\u0440", "cop"),
        ("\u0430\u0435", "\u0251e"),  # compared with a name of either script
        ("Ann", "\u0251nn"),  # in the other case
        ("ann", "\u0391\u039d\u039d"),
        ("\u30ab", "\u529b"),  # katakana ka, Chinese strength
        ("\u30edロ", "\u53e3口"),
        ("oo", "\u0585\u0585"),  # Armenian
        ("ll", "\u01c0\u01c0"),
    ],
)
def test_no_new_name_looks_like_a_taken_one(taken: str, name: str) -> None:
    with pytest.raises(ConfigError, match="looks like the stored"):
        check_new_name(name, ["zoe", taken])
    check_new_name(name, ["zoe", name])
    check_new_name(name)


@pytest.mark.parametrize(("taken", "name"), [("Ann", "ann"), ("straße", "STRASSE"), ("É", "é")])
def test_names_that_differ_only_in_case_are_not_new(taken: str, name: str) -> None:
    with pytest.raises(DuplicateSpeakerError, match=taken):
        check_new_name(name, [taken])


@pytest.mark.parametrize(("taken", "name"), [("Bob0", "BobO"), ("l1", "ll"), ("Barn", "Bam")])
def test_ascii_names_differ_as_they_are_written(taken: str, name: str) -> None:
    assert check_new_name(name, [taken]) == name


@given(st.text(max_size=8))
def test_a_name_is_visible_and_stays_a_name(text: str) -> None:
    try:
        name = check_name(text)
    except ConfigError:
        return
    assert is_visible(name)
    assert check_name(name) == name
    assert check_name(unicodedata.normalize("NFD", name)) == name


@pytest.mark.parametrize(
    "name", ["ann", "Zoë O'Brien", "李小龙", "नीति", "ann@example.org", "C-3_PO", "x" * 200, "7"]
)
def test_names_of_people_are_allowed(name: str) -> None:
    assert check_name(name) == name
    assert check_name(unicodedata.normalize("NFD", name)) == name


@pytest.mark.parametrize(
    "name",
    [
        "",
        " ",
        ".",
        "..",
        "../ann",
        "a/b",
        "a\\b",
        ".hidden",
        "-o",
        "@ann",
        "ann.",
        "ann ",
        "ann\n",
        "a\0b",
        "a:b",
        "a*",
        "\u202eann",
        "a\u200bnn",
        "\u0301a",
        "\ud800",
        "é" * 101,
    ],
)
def test_names_that_could_do_harm_are_refused(name: str) -> None:
    with pytest.raises(ConfigError, match="expected a name of letters"):
        check_name(name)


@pytest.mark.parametrize(
    "name", ["con", "NUL", "Aux", "prn", "com1", "LPT9", "com\u00b9", "nul.wav", "con .x", "com0"]
)
def test_no_new_name_is_a_device_of_windows(name: str) -> None:
    with pytest.raises(ConfigError, match="Windows reserves for a device"):
        check_new_name(name)
    assert check_name(name)  # a stored one can still be read and removed
    check_new_name(f"{name.partition('.')[0].strip()} 1")


@pytest.mark.parametrize("name", ["conan", "nuls", "com", "com10", "lpt", "a.con", "auxiliary"])
def test_names_that_only_begin_like_a_device_are_allowed(name: str) -> None:
    assert check_new_name(name) == name


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("ann  lee", "expected one space between the words"),
        ("ann.voiceprint", "leave out its suffix"),
        ("ann.Gallery", "leave out its suffix"),
    ],
)
def test_no_new_name_is_mistaken_for_another_or_a_file(name: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        check_new_name(name)
    assert check_name(name)  # a stored one can still be read and removed
