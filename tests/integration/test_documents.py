"""The instructions of the documents work as written."""

import dataclasses
import hashlib
import os
import re
import shlex
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from benchmarks.harness import decision_tables, figure_tables, tables
from benchmarks.harness.measure import RESULTS
from speakersdk.calibration.calibration import Calibration, OperatingPoint
from speakersdk.decision.one_voice import OTHER_VOICE_LLR, SECOND_VOICE_LLR
from speakersdk.encoder.frontend import FrontendConfig
from speakersdk.encoder.manifest import ModelManifest

REPOSITORY = Path(__file__).parents[2]
DOCUMENTS = sorted(
    path
    for pattern in (
        "*.md",
        "docs/**/*.md",
        "benchmarks/*.md",
        "examples/*.md",
        "integrations/*/*.md",
        "models/**/*.md",
        "sdk/**/*.md",
        "tests/data/**/*.md",
    )
    for path in REPOSITORY.glob(pattern)
)
LINK = re.compile(r"\]\(([^)#\s]+)[^)]*\)")


def blocks(page: str, language: str) -> list[str]:
    """Return the code blocks of a page."""
    text = (REPOSITORY / page).read_text(encoding="utf-8")
    return re.findall(rf"```{language}\n(.*?)```", text, flags=re.DOTALL)


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(REPOSITORY)))
def test_links_lead_to_files(document: Path) -> None:
    links = LINK.findall(document.read_text(encoding="utf-8"))
    inner = [link for link in links if "://" not in link]
    assert [link for link in inner if not (document.parent / link).exists()] == []


def anchors(document: Path) -> set[str]:
    """Return the anchors that GitHub makes of the headings of a page."""
    text = re.sub(r"```.*?```", "", document.read_text(encoding="utf-8"), flags=re.DOTALL)
    found: Counter[str] = Counter()
    for heading in re.findall(r"^#+ (.+)$", text, flags=re.MULTILINE):
        shown = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading)
        found[re.sub(r"[^\w\- ]", "", shown.strip().lower()).replace(" ", "-")] += 1
    return {f"{name}-{at}" if at else name for name, count in found.items() for at in range(count)}


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(REPOSITORY)))
def test_links_lead_to_headings(document: Path) -> None:
    links = re.findall(r"\]\(([^)#\s:]*)#([^)\s]+)\)", document.read_text(encoding="utf-8"))
    broken = [
        f"{page}#{anchor}"
        for page, anchor in links
        if (target := document.parent / page if page else document).suffix == ".md"
        and anchor not in anchors(target)
    ]
    assert broken == []


def test_every_test_that_a_page_names_exists() -> None:
    named = {
        match.groups()
        for document in (REPOSITORY / "docs").rglob("*.md")
        for match in re.finditer(r"(tests/[\w/]+\.py)::(\w+)", document.read_text(encoding="utf-8"))
    }
    assert len(named) > 50
    assert [
        f"{path}::{name}"
        for path, name in sorted(named)
        if not (REPOSITORY / path).exists()
        or f"\ndef {name}(" not in (REPOSITORY / path).read_text(encoding="utf-8")
    ] == []


def test_the_format_page_names_every_field_of_the_manifest() -> None:
    page = (REPOSITORY / "docs" / "formats" / "model.md").read_text(encoding="utf-8")
    names = [
        field.name
        for holder in (ModelManifest, FrontendConfig, Calibration, OperatingPoint)
        for field in dataclasses.fields(holder)
    ]
    assert [name for name in names if f"`{name}`" not in page] == []


def test_the_page_of_enrollment_has_the_bounds_of_the_code() -> None:
    page = (REPOSITORY / "docs" / "enrollment.md").read_text(encoding="utf-8")
    bounds = dict(re.findall(r"^\| `([\w-]+)` \| LLR of (-[\d.]+) or less", page, re.MULTILINE))
    assert bounds == {
        "second-voice": f"{SECOND_VOICE_LLR:g}",
        "unlike-others": f"{OTHER_VOICE_LLR:g}",
    }


def test_every_architecture_decision_has_title_date_and_status() -> None:
    head = re.compile(r"# (\d{4}): [^\n]+\n\nDate: \d{4}-\d\d-\d\d\. Status: \w")
    for path in sorted((REPOSITORY / "docs" / "adr").glob("0*.md")):
        found = head.match(path.read_text(encoding="utf-8"))
        assert found, f"{path.name}: expected `# NNNN: title`, then `Date: ... Status: ...`"
        assert path.name.startswith(f"{found[1]}-")


def latest(name: str) -> dict[str, Any]:
    """Read the newest result of a benchmark."""
    return tables.latest(name, RESULTS)


def test_the_readme_is_short() -> None:
    lines = (REPOSITORY / "README.md").read_text(encoding="utf-8").splitlines()
    assert len(lines) <= 130


def test_the_example_of_the_readme_prints_what_it_shows() -> None:
    readme = (REPOSITORY / "README.md").read_text(encoding="utf-8")
    shown = re.search(r"<!-- table: example output -->\n```text\n(.*?)\n```", readme, re.DOTALL)
    assert shown
    # Another processor computes different last digits, and another model different figures.
    figure = re.compile(r"[-+]?\d+(\.\d+)?")
    printed = "\n".join(figure_tables.run_example(readme))
    assert figure.sub("#", printed) == figure.sub("#", shown[1])


@pytest.mark.parametrize("page", ["README.md", "docs/start.md"])
def test_commands_do_what_the_page_says(page: str, tmp_path: Path, demo_clips: Path) -> None:
    lines = [
        line
        for block in blocks(page, "sh")
        for line in block.splitlines()
        if re.match(r"cd sdk|speakersdk (enroll|verify|identify)", line)
    ]
    change_folder, *commands = lines
    assert (REPOSITORY / change_folder.removeprefix("cd ")).samefile(demo_clips)
    assert len(commands) >= 4
    folder = Path(sys.executable).parent
    environment = {**os.environ, "XDG_DATA_HOME": str(tmp_path)}
    for line in commands:
        command, *arguments = shlex.split(line, comments=True)
        done = subprocess.run(
            [str(folder / command), *arguments],
            cwd=demo_clips,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        # Only slt is enrolled. Therefore awb is a stranger.
        is_refused = "rejected" in line or "identify" in line
        assert done.returncode == int(is_refused), f"{line}\n{done.stdout}{done.stderr}"


def test_the_program_of_the_first_page_prints_what_it_shows(demo_clips: Path) -> None:
    (program,) = blocks("docs/start.md", "python")
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=demo_clips,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == blocks("docs/start.md", "text")[-1]


@pytest.mark.parametrize(
    "example",
    [
        "verify_recordings.py",
        "identify_array.py",
        "compare_recordings.py",
        "ask_a_detector.py",
    ],
)
@pytest.mark.parametrize("mode", [[], ["-OO"]], ids=["", "without docstrings"])
def test_example_runs(example: str, mode: list[str]) -> None:
    done = subprocess.run(
        [sys.executable, *mode, str(REPOSITORY / "examples" / example)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout
    assert done.stderr == ""


@pytest.mark.parametrize(
    "arguments",
    [
        ("verify_recordings.py", "--probe", "none.wav"),
        ("compare_recordings.py", "none.wav"),
        ("ask_a_detector.py", "none.wav", "none.wav"),
    ],
)
def test_a_missing_recording_of_an_example_is_one_line(arguments: tuple[str, ...]) -> None:
    program, *rest = arguments
    done = subprocess.run(
        [sys.executable, str(REPOSITORY / "examples" / program), *rest],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert "none.wav: No such file" in done.stderr.splitlines()[-1]
    assert "Traceback" not in done.stderr


def test_galleries_are_searched_elsewhere_with_the_same_ranking() -> None:
    for module in ("faiss", "qdrant_client"):
        pytest.importorskip(module)
    done = subprocess.run(
        [sys.executable, str(REPOSITORY / "examples" / "search_elsewhere.py")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("document", figure_tables.PAGES, ids=lambda path: path.name)
def test_figures_are_those_of_the_results(document: Path) -> None:
    text = document.read_text(encoding="utf-8")
    assert "<!-- table: " in text
    assert figure_tables.filled(text) == text


# Words that read as translated, or as British, with a better choice.
BANNED = {
    r"\bheld against\b": "compared with",
    r"\bbeside\b": "next to",
    r"\bsays of itself\b": "states",
    r"\bof before\b": "older",
    r"\b[Tt]he model before\b": "the previous model",
    r"\bno number\b": "NaN",
    r"\bOther than there\b": "Unlike",
    r"\berrs\b": "has an error rate of",
    r"[,;] so (that )?\w": "a sentence of its own, or therefore",
    r"\bis none\b": "is not one",
    r"\bare no (voiceprints|speakers)\b": "are not voiceprints",
    r"(?<!voice )(?<!python )\b[Aa]lone\b(?! in the process)": "only",
    r"(?<![-.])\b(hears|heard)\b": "detects, was trained on, contains",
    r"\bnobody (measured|fitted|heard|can know)\b": "was not measured",
    r"(?i:\bwhoever\b)": "anybody who",
    r"\b(asked-for|was asked for|were asked for)\b": "requested",
    r"\b[Ww]hat it is asked\b": "the question",
    r"\b([Cc]ounted|[Aa]dded|[Jj]udged) (is|are|were) (the|only)\b": "subject first",
    r"\b(anew|afresh|by heart|for ever)\b": "again, from the start, memorized",
    r"\b\w+ in ten\b": "of ten",
    r"\b(does|do) as well\b": "also works",
    r"\b(forgets?|forgotten|vouch(es)?|prolonged)\b": "deletes, supports, extended",
    r"\bgoes on\b": "continues",
    r"\b(hence|likewise)\b": "therefore, also",
    r"\bper cent\b": "percent",
    r"\b([Ll]icence|[Bb]ehaviour|[Ff]avour|[Nn]eighbour\w*|[Jj]udgement|towards)\b": "American",
    r"\b(centred|centring|[Cc]oloured)\b": "American spelling",
    r"\b\w*(normal|real|recogn|quant|initial|personal)is(e|ed|er|es|ing|ation)\b": "-ize",
    r"\bsummaris(e|ed|es|ing)\b": "-ize",
}


def prose(document: Path) -> str:
    """Return the text of a page without its code and comments."""
    text = document.read_text(encoding="utf-8")
    text = re.sub(r"```.*?```|<!--.*?-->", "", text, flags=re.DOTALL)
    return re.sub(r"`[^`\n]*`", "``", " ".join(text.split()))


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(REPOSITORY)))
def test_words_are_plain(document: Path) -> None:
    text = prose(document)
    found = {
        match[0]: better for words, better in BANNED.items() for match in re.finditer(words, text)
    }
    assert found == {}


def test_tables_of_decisions_are_those_of_the_results() -> None:
    pages = {page: page.read_text(encoding="utf-8") for page in decision_tables.PAGES}
    text = "".join(pages.values())
    assert sorted(re.findall("<!-- table: (.+) -->", text)) == sorted(decision_tables.TABLES)
    assert text.count("<!-- end -->") == len(decision_tables.TABLES)
    for name in decision_tables.BENCHMARKS:
        facts = latest(name)["facts"]
        for page, written in pages.items():
            assert decision_tables.with_tables(written, facts) == written, f"{name}, {page.name}"


def test_hashes_of_the_model_card_are_those_of_its_files() -> None:
    card = REPOSITORY / "models" / "default"
    for line in (card / "SHA256SUMS").read_text(encoding="utf-8").splitlines():
        expected, name = line.split()
        assert hashlib.sha256((card / name).read_bytes()).hexdigest() == expected, name
