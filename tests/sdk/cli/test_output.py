"""Tables for people and for pipes."""

from __future__ import annotations

import io
import json
import sys

import pytest

from speakersdk.cli.output import print_json, print_table

COLUMNS = ("name", "speech_s")
ROWS = [("ann [bold]", "2.5"), ("bob", "12.0")]


class Terminal(io.StringIO):
    """Pretends to be a terminal."""

    def isatty(self) -> bool:
        return True


def test_a_pipe_gets_rows_separated_by_tabs(capsys: pytest.CaptureFixture[str]) -> None:
    print_table(COLUMNS, ROWS)
    assert capsys.readouterr().out == "name\tspeech_s\nann [bold]\t2.5\nbob\t12.0\n"


def test_names_of_columns_cannot_control_the_terminal(
    capsys: pytest.CaptureFixture[str],
) -> None:
    print_table(("metric", "room=\x1b[2J"), [("EER", "\x1b]0;x")])
    assert capsys.readouterr().out == "metric\troom=\\x1b[2J\nEER\t\\x1b]0;x\n"


def test_a_terminal_gets_a_table_without_markup(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal()
    monkeypatch.setattr(sys, "stdout", terminal)
    monkeypatch.setenv("TERM", "dumb")
    print_table(COLUMNS, ROWS)
    text = terminal.getvalue()
    assert "\t" not in text
    # Square brackets, which are markup of rich, are printed unchanged.
    assert "ann [bold]" in text
    assert "12.0" in text


def test_json_has_no_digits_without_meaning(capsys: pytest.CaptureFixture[str]) -> None:
    """A sum of seconds was printed as 88.00000000000001."""
    sum_s = sum([0.08] * 1100)
    assert repr(sum_s) != "88.0"
    scores = {"score": -0.0012286169855222576, "llr": 13.271355553961563, "speech": 0.1 + 0.2}
    print_json(
        {
            "speech_s": sum_s,
            "hops_s": [0.1 + 0.2, 1],
            "turns": [{"from_s": 1 / 16000, "to_s": None}],
            "levels": {"speech_dbfs": -14.21682549457346, "snr_db": 51.0},
            **scores,
        }
    )
    assert json.loads(capsys.readouterr().out) == {
        "speech_s": 88.0,
        "hops_s": [0.3, 1],
        "turns": [{"from_s": 0.0000625, "to_s": None}],  # one sample, exactly
        "levels": {"speech_dbfs": -14.217, "snr_db": 51.0},
        **scores,
    }


def test_json_refuses_what_json_cannot_say(capsys: pytest.CaptureFixture[str]) -> None:
    print_json({"name": "Zoë"})
    assert json.loads(capsys.readouterr().out) == {"name": "Zoë"}
    with pytest.raises(ValueError, match="not JSON compliant"):
        print_json({"llr": float("nan")})
