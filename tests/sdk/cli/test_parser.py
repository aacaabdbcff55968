"""Errors on the command line say what to do; help has groups and examples."""

from __future__ import annotations

import argparse
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest

from speakersdk.cli import main
from speakersdk.cli.commands import build_parser
from speakersdk.cli.parser import CommandParser


def all_parsers(parser: CommandParser) -> Iterator[CommandParser]:
    yield parser
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for child in action.choices.values():
                yield from all_parsers(child)


def test_an_output_may_have_the_name_of_a_speaker() -> None:
    arguments = build_parser().parse_args(["profiles", "export", "ann", "-o", "ann"])
    assert arguments.output == Path("ann")


PARSERS = list(all_parsers(build_parser()))


def test_links_to_each_other_are_an_ordinary_error(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "a").symlink_to("b")
    (tmp_path / "b").symlink_to("a")
    assert main(["embed", str(tmp_path / "a"), "-o", str(tmp_path / "e.npz")]) == 2
    assert "found none" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("line", "advice"),
    [
        ("--json verify a b", "--json belongs after the command: speakersdk verify a b --json"),
        ("--far .1 verify a b", "speakersdk verify a b --far .1"),
        ("--model=x score a b", "speakersdk score a b --model=x"),
        ("verifyy a b", "did you mean verify?"),
        ("ann.wav", "expected listen, enroll,"),
        ("", "for example: speakersdk enroll"),
        ("verify a", "required: PROBE; for example: speakersdk verify ann probe.wav"),
        ("verify a -- b --json", "--json stands after --, where only names and files may stand"),
        ("verify a b --jsn", "unknown option --jsn; did you mean --json?"),
        ("verify a -b.wav", "as ./-b.wav"),
        ("verify a b c", "unexpected argument 'c'; quote a name that contains spaces"),
        ("verify a b --frobnicate=3", "unknown option --frobnicate"),
        ("verify a b --far", "argument --far: expected one argument"),
        ("verify a b --far 1%", "argument --far: expected a number such as 0.01, got '1%'"),
        ("verify a b --limit few", "argument --limit: expected a whole number, got 'few'"),
        ("profiles shoow", "invalid choice: 'shoow'"),
        ("profiles list --modle", "unknown option --modle"),
        ("quality a.wav --debgu", "did you mean --debug?"),
        ("identify", "required: PROBE; for example: speakersdk identify probe.wav"),
        ("diarize", "required: RECORDING; for example"),
        ("migrate", "required: --recordings; for example"),
        ("listen --input -x.wav", "expected one argument; write --input=-x.wav if that"),
        ("verify '' b", "the argument after verify is empty; check the variable of your shell"),
        ("verify a b --key ''", "--key is empty; check the variable of your shell"),
        ("verify a b --voiceprints=", "--voiceprints is empty"),
        ("listen --input=--", "expected a value after --input, got --"),
        ("profiles export ann -o ''", "-o is empty"),
        ("calibrate ''", "the argument after calibrate is empty"),
        ("''", "the argument after speakersdk is empty"),
        ("enroll ann a.wav b.wav -o ./b.wav", "--output b.wav would replace an input"),
        ("embed list.npz -o list.npz", "--output list.npz would replace an input"),
    ],
)
def test_a_mistake_is_one_line_that_says_what_to_do(
    line: str, advice: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as caught:
        main(shlex.split(line))
    assert caught.value.code == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.count("\n") == 1
    assert advice in captured.err
    assert "--help)" in captured.err


@pytest.mark.parametrize("line", ["profiles export ann -o ann", "enroll ann a.wav -o ann"])
def test_the_name_of_a_speaker_is_not_taken_for_a_file(line: str) -> None:
    arguments = build_parser().parse_args(shlex.split(line))
    assert (arguments.name, arguments.output) == ("ann", Path("ann"))


def test_an_option_is_not_taken_for_a_file(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["-v"])
    assert capsys.readouterr().err.endswith("unknown option -v (see speakersdk --help)\n")


def test_what_the_advice_says_can_be_run(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--far", "0.1", "verify", "a b", "c"])
    advised = capsys.readouterr().err.split("command: ")[1].split(" (see")[0]
    arguments = build_parser().parse_args(shlex.split(advised)[1:])
    assert (arguments.reference, arguments.probe, arguments.far) == ("a b", "c", 0.1)


@pytest.mark.parametrize("parser", PARSERS, ids=lambda parser: parser.prog)
def test_help_ends_with_two_examples_that_parse(parser: CommandParser) -> None:
    text = parser.format_help()
    lines = [line.strip() for line in text.rstrip().splitlines()[-2:]]
    assert tuple(lines) == parser.examples
    assert "Exit status: 0" in text
    assert "3 internal error" in " ".join(text.split())
    for line in lines:
        assert line.startswith(parser.prog.split()[0])
        assert build_parser().parse_args(shlex.split(line)[1:]).run


@pytest.mark.parametrize("parser", PARSERS, ids=lambda parser: parser.prog)
def test_every_argument_is_in_a_titled_group(parser: CommandParser) -> None:
    text = parser.format_help()
    assert "positional arguments:" not in text
    assert "\noptions:" not in text
