"""The parser of every command line: grouped options, examples, and errors that say what to do."""

from __future__ import annotations

import argparse
import difflib
import shlex
import sys
from collections.abc import Callable, Sequence
from os.path import realpath
from pathlib import Path
from typing import Any, Final, NoReturn, TypeAlias

from speakersdk.cli.program import FAILED, one_line

Subparsers: TypeAlias = "argparse._SubParsersAction[CommandParser]"
Group: TypeAlias = "argparse._ArgumentGroup"
_MISSING: Final = "the following arguments are required"  # the start of that error in argparse
_NO_VALUE: Final = "expected one argument"  # the end of another
# What argparse calls the types of numbers, and what users write.
_NUMBERS: Final = {"int": "a whole number", "float": "a number such as 0.01"}
_ERRORS: Final = "2 usage or input error; 3 internal error"


class CommandParser(argparse.ArgumentParser):
    """The parser of one command, or of a program with several commands.

    Args:
        subject: title of the group of inputs.
        examples: complete command lines.
        status: meaning of the exit statuses below 2.
        notes: a paragraph that follows the options.
        settings: as for `argparse.ArgumentParser`.

    Attributes:
        inputs, requests, places, output: the groups of arguments.
        examples: the given command lines.
    """

    def __init__(
        self,
        *,
        subject: str = "input",
        examples: Sequence[str] = (),
        status: str = "0 done",
        notes: str = "",
        **settings: Any,
    ) -> None:
        paragraphs = [notes] if notes else []
        paragraphs.append(f"Exit status: {status}; {_ERRORS}.")
        if examples:
            paragraphs.append("examples:\n" + "\n".join(f"  {line}" for line in examples))
        super().__init__(
            add_help=False,
            formatter_class=_HelpFormatter,
            epilog="\n\n".join(paragraphs),
            **settings,
        )
        self.examples = tuple(examples)
        self.inputs = self.add_argument_group(subject)
        self.requests = self.add_argument_group("settings")
        self.places = self.add_argument_group("files and folders")
        self.output = self.add_argument_group("output")
        self.output.add_argument(
            "-h", "--help", action="help", help="show this help message and exit"
        )
        self.output.add_argument(
            "--debug",
            action="store_true",
            default=argparse.SUPPRESS,
            help="show the traceback of an error",
        )
        self.set_defaults(parser=self)
        self._commands: Subparsers | None = None
        self._speakers: set[str] = set()
        self._given: Sequence[str] = ()
        self._fill: Callable[[CommandParser], None] | None = None

    def add_speakers(self, dest: str, **settings: Any) -> None:
        """Add an input of speaker names, which are not files."""
        self.inputs.add_argument(dest, metavar="NAME", **settings)
        self._speakers.add(dest)

    def add_commands(self) -> Subparsers:
        """Add parsers of commands; one command must be given."""
        self._commands = self.add_subparsers(title="commands", metavar="COMMAND", required=True)
        return self._commands

    def add_command(
        self,
        name: str,
        summary: str,
        run: Callable[[argparse.Namespace], int] | None = None,
        *,
        description: str = "",
        fill: Callable[[CommandParser], None] | None = None,
        **settings: Any,
    ) -> CommandParser:
        """Add a command and return its parser. A program with commands requires one of them.

        Args:
            name: the word that selects the command.
            summary: line in the list of commands, without a period.
            run: function that runs the parsed command and returns the exit status.
            description: first paragraph of the help; the default is the summary as a sentence.
            fill: function that adds the arguments and `run` when the command is chosen.
            settings: as for `CommandParser`.
        """
        commands = self.add_commands() if self._commands is None else self._commands
        sentence = description or f"{summary[0].upper()}{summary[1:]}."
        parser = commands.add_parser(name, help=summary, description=sentence, **settings)
        parser.set_defaults(run=run)
        parser._fill = fill
        return parser

    def fill(self) -> None:
        """Add the arguments that wait for the first use of this parser, if there are any."""
        if self._fill is not None:
            fill, self._fill = self._fill, None
            fill(self)

    def parse_args(self, args: Any = None, namespace: Any = None) -> Any:
        """Parse arguments as argparse does, and explain an unexpected one."""
        given = list(sys.argv[1:] if args is None else args)
        self._check_empty(given)
        if self._commands is not None:
            self._check_command(given, tuple(self._commands.choices))
        arguments, extra = self.parse_known_args(given, namespace)
        if extra:
            chosen: CommandParser = arguments.parser
            chosen.error(chosen._explanation(extra))
        arguments.parser._check_output(arguments)
        return arguments

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """Parse arguments as argparse does, and keep them to explain what is missing."""
        self.fill()
        self._given = sys.argv[1:] if args is None else list(args)
        return super().parse_known_args(args, namespace)

    def error(self, message: str) -> NoReturn:
        """Report a usage error in one line."""
        if message.startswith(_MISSING):
            unknown = [argument for argument in self._given if self._is_unknown(argument)]
            if unknown:
                message += f"; {self._explanation(unknown)}"
            elif self.examples:
                message += f"; for example: {self.examples[0]}"
        elif message.endswith(_NO_VALUE):
            message += self._dashed_value(message)
        for kind, number in _NUMBERS.items():
            message = message.replace(f"invalid {kind} value: ", f"expected {number}, got ")
        text = one_line(f"{message} (see {self.prog} --help)")
        self.exit(FAILED, f"{self.prog}: error: {text}\n")

    def _check_command(self, given: Sequence[str], commands: Sequence[str]) -> None:
        """Refuse options before the command, and unknown commands."""
        place = next((at for at, argument in enumerate(given) if argument in commands), None)
        leading = given[:place]
        option = next((argument for argument in leading if self._is_unknown(argument)), None)
        if option is not None and place is not None:
            line = shlex.join([self.prog, given[place], *given[place + 1 :], *leading])
            self.error(f"{option} belongs after the command: {line}")
        word = next((argument for argument in leading if not argument.startswith("-")), None)
        if word is not None and option is None:
            close = difflib.get_close_matches(word, commands, 1)
            guess = f"did you mean {close[0]}?" if close else f"expected {', '.join(commands)}"
            self.error(f"unknown command {word!r}; {guess}")

    def _check_empty(self, given: Sequence[str]) -> None:
        """Refuse empty arguments, which a shell passes for a variable without a value.

        An empty path would be the current folder, and an empty key no key.
        """
        for argument, before in zip(given, (self.prog, *given), strict=False):
            if argument.startswith("--") and argument.endswith("=--"):  # argparse drops the value
                self.error(f"expected a value after {argument[:-3]}, got --")
            is_option = argument.startswith("--") and argument.endswith("=")
            if argument and not is_option:
                continue
            place = argument.rstrip("=") if is_option else before
            if not place.startswith("-"):
                place = f"the argument after {place}"
            self.error(f"{place} is empty; check the variable of your shell, or leave it out")

    def _check_output(self, arguments: argparse.Namespace) -> None:
        """Refuse to replace an input file by the output."""
        output = getattr(arguments, "output", None)
        if output is None:
            return
        for action in self.inputs._group_actions:
            given = getattr(arguments, action.dest, None)
            if given is None or action.dest in self._speakers:
                continue
            for path in given if isinstance(given, list) else [given]:
                # Path.resolve raises an error for links in a circle.
                if isinstance(path, str | Path) and realpath(path) == realpath(output):
                    self.error(f"--output {output} would replace an input; name another file")

    def _dashed_value(self, message: str) -> str:
        """Say how to write a value that begins with a dash, if there is one."""
        options = message.removeprefix("argument ").partition(":")[0].split("/")
        for option, value in zip(self._given, self._given[1:], strict=False):
            if option in options and value.startswith("-") and not self._has(value):
                return f"; write {option}={value} if that is the value"
        return ""

    def _is_unknown(self, argument: str) -> bool:
        return argument.startswith("-") and not self._has(argument)

    def _has(self, option: str) -> bool:
        name = option.partition("=")[0]
        return any(option_string.startswith(name) for option_string in self._option_string_actions)

    def _explanation(self, extra: Sequence[str]) -> str:
        """Explain why arguments were not understood, and what to write instead."""
        option = next((argument for argument in extra if argument.startswith("-")), None)
        if option is None:
            return f"unexpected argument {extra[0]!r}; quote a name that contains spaces"
        name = option.partition("=")[0]
        if "--" in self._given and self._has(option):
            return f"{name} stands after --, where only names and files may stand; write it before"
        close = difflib.get_close_matches(name, self._option_string_actions, 1)
        if close:
            return f"unknown option {name}; did you mean {close[0]}?"
        if "." in name:
            return f"unknown option {name}; write a file name that begins with - as ./{name}"
        return f"unknown option {name}"


class _HelpFormatter(argparse.HelpFormatter):
    """A formatter that wraps each paragraph and keeps indented lines."""

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        return "\n".join(
            line
            if line.startswith("  ")
            else super(_HelpFormatter, self)._fill_text(line, width, indent)
            for line in text.split("\n")
        )
