"""Docstrings, comments and messages are in plain words, as the documents are."""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.test_documents import BANNED

REPOSITORY = Path(__file__).parents[1]
PACKAGES = ("sdk", "export", "training", "integrations")
FOLDERS = (*PACKAGES, "benchmarks", "examples", "tests", "csrc")
SOURCES = sorted(
    path
    for folder in FOLDERS
    for path in (REPOSITORY / folder).rglob("*")
    if path.suffix in {".py", ".cc", ".h", ".ts", ".mjs"}
    and not {"node_modules", "dist", "build"} & set(path.parts)
)
# Some words that are banned on pages have a use in code, such as the forget gate of an LSTM.
EXCEPT_IN_CODE = {r"\bis none\b", r"\b(forgets?|forgotten|vouch(es)?|prolonged)\b"}
BANNED_IN_CODE = {words: better for words, better in BANNED.items() if words not in EXCEPT_IN_CODE}
BANNED_IN_CODE |= {
    r"(?<!there )\bis none\b": "is not one",
    r"\bknows? no\b": "has no",
    r"\b(None|none|0|empty) = (?!None)": "means",
    r"\bhigher = more\b": "higher for more similar",
    r"(?<!look )\balike\b": "similar, equally",
    r"\b[Ll]ikeli(er|est)\b": "more or most likely",
    r"\basked[- ]for\b": "requested",
    r"\bfor want of\b": "for lack of",
    r"\bfull stop\b": "period",
    r"\bsome (0\.)?\d": "about",
    r"\w*(optim|minim|maxim|serial|standard|general|organ|equal)is(e|ed|er|es|ing)\b": "-ize",
    r"\b([Nn]eighbour|[Cc]olour|[Bb]ehaviour|[Hh]onour|[Mm]etre)s?\b": "American spelling",
}
BANNED_IN_NAMES = re.compile(
    r"_(hears?|heard|alone|anew|afresh|alike|forgets|forgotten|goes_on|as_good_as|asked_for)(?=_|$)"
    r"|(?<!_there)_(is|are)_no_"
)
# A comment of C++ or TypeScript up to the end of its line, without the slashes of addresses.
_COMMENT = re.compile(r"(?:(?<!:)//|/\*\*?|^\s*\*(?!/))(.*?)(?:\*/|$)")
# A title is an imperative sentence or a noun with its article.
FRAGMENT = re.compile(
    r"(Also|As|By|From|Of|Whom|Whose)\b.*\.$|(Above|At|Below|In|To|With|Without)\b[^,]*\.$"
)


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: str(path.relative_to(REPOSITORY)))
def test_words_in_code_are_plain(source: Path) -> None:
    found = {
        f"line {line}: {match[0]}": better
        for line, text in texts(source)
        for words, better in BANNED_IN_CODE.items()
        for match in re.finditer(words, without_names(text))
    }
    assert found == {}


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: str(path.relative_to(REPOSITORY)))
def test_titles_of_docstrings_are_not_fragments(source: Path) -> None:
    if source.suffix != ".py":
        return
    titles = [text.splitlines()[0] for _, text in docstrings(ast.parse(source.read_text("utf-8")))]
    assert [title for title in titles if FRAGMENT.match(title)] == []


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: str(path.relative_to(REPOSITORY)))
def test_names_of_tests_are_plain(source: Path) -> None:
    if not source.name.startswith("test_") or source.suffix != ".py":
        return
    names = re.findall(
        r"^(?:async )?def (test_\w+)", source.read_text(encoding="utf-8"), re.MULTILINE
    )
    assert [name for name in names if BANNED_IN_NAMES.search(name)] == []


def texts(source: Path) -> Iterator[tuple[int, str]]:
    """Yield line and text of the comments and docstrings, and of messages in the packages."""
    content = source.read_text(encoding="utf-8")
    if source.suffix != ".py":
        for number, line in enumerate(content.splitlines(), start=1):
            if found := _COMMENT.search(line):
                yield number, found[1]
        return
    yield from comments(content)
    tree = ast.parse(content)
    yield from docstrings(tree)
    if source.relative_to(REPOSITORY).parts[0] in PACKAGES and "tests" not in source.parts:
        yield from messages(tree)


def comments(content: str) -> Iterator[tuple[int, str]]:
    """Yield line and text of every comment; consecutive lines are one comment."""
    start, last, words = 0, -1, ""
    for token in tokenize.generate_tokens(io.StringIO(content).readline):
        if token.type == tokenize.COMMENT:
            if token.start[0] != last + 1:
                yield start, words
                start, words = token.start[0], ""
            last, words = token.start[0], f"{words} {token.string.lstrip('# ')}"
    yield start, words


def docstrings(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Yield line and text of every docstring."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        if (text := ast.get_docstring(node)) is not None:
            yield node.body[0].lineno, text


def messages(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Yield line and text of every string with several words; parts of f-strings count."""
    for node in ast.walk(tree):
        text = node.value if isinstance(node, ast.Constant) else None
        if isinstance(text, str) and len(text.split()) > 2:
            yield node.lineno, text


def without_names(text: str) -> str:
    """Return a text without code, options, and the names of arguments and attributes."""
    text = re.sub(r"``[^`]*``|`[^`\n]*`", "``", text)
    text = re.sub(r"(?m)^\s*[\w, ]+: ", "", text)
    return " ".join(re.sub(r"--[\w-]+|\w*_\w+|\w+_\w*", "", text).split())
