"""What the documents tell a reader to do works as they say."""

import dataclasses
import hashlib
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks.accuracy import decision_tables
from speakersdk.calibration.calibration import Calibration, OperatingPoint
from speakersdk.encoder.frontend import FrontendConfig
from speakersdk.encoder.manifest import ModelManifest

REPOSITORY = Path(__file__).parents[2]
DOCUMENTS = sorted(
    path
    for pattern in ("*.md", "docs/**/*.md", "benchmarks/*.md", "models/**/*.md", "sdk/**/*.md")
    for path in REPOSITORY.glob(pattern)
)
LINK = re.compile(r"\]\(([^)#\s]+)[^)]*\)")


def blocks(language: str) -> list[str]:
    """Code blocks of the README."""
    text = (REPOSITORY / "README.md").read_text(encoding="utf-8")
    return re.findall(rf"```{language}\n(.*?)```", text, flags=re.DOTALL)


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(REPOSITORY)))
def test_links_lead_to_files(document: Path) -> None:
    links = LINK.findall(document.read_text(encoding="utf-8"))
    inner = [link for link in links if "://" not in link]
    assert [link for link in inner if not (document.parent / link).exists()] == []


def test_the_format_page_names_every_field_of_the_manifest() -> None:
    page = (REPOSITORY / "docs" / "formats" / "model.md").read_text(encoding="utf-8")
    names = [
        field.name
        for holder in (ModelManifest, FrontendConfig, Calibration, OperatingPoint)
        for field in dataclasses.fields(holder)
    ]
    assert [name for name in names if f"`{name}`" not in page] == []


def test_every_architecture_decision_has_title_date_and_status() -> None:
    head = re.compile(r"# (\d{4}): [^\n]+\n\nDate: \d{4}-\d\d-\d\d\. Status: \w")
    for path in sorted((REPOSITORY / "docs" / "adr").glob("*.md")):
        found = head.match(path.read_text(encoding="utf-8"))
        assert found, f"{path.name}: expected `# NNNN: title`, then `Date: ... Status: ...`"
        assert path.name.startswith(f"{found[1]}-")


def latest(name: str) -> dict[str, Any]:
    """The newest result of a benchmark."""
    path = sorted((REPOSITORY / "benchmarks" / "results").glob(f"*-{name}.json"))[-1]
    content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return content


def test_python_example_of_the_readme_runs(
    tmp_path: Path, demo_clips: Path, rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    (example,) = blocks("python")
    for name, clip in {
        "ann-1.wav": "slt-enroll-1", "ann-2.flac": "slt-enroll-2", "somebody.wav": "slt-probe"
    }.items():  # fmt: skip
        shutil.copy(demo_clips / f"{clip}.flac", tmp_path / name)
    monkeypatch.chdir(tmp_path)
    import soundfile as sf

    samples, _ = sf.read(demo_clips / "rms-enroll-1.flac")
    names = {"samples": np.repeat(samples, 3)}  # 48 kHz, however roughly
    exec(compile(example, "README.md", "exec"), names)
    assert names["decision"].accepted
    assert names["found"].speaker == "ann"


def test_commands_of_the_readme_do_what_they_say(tmp_path: Path, demo_clips: Path) -> None:
    (commands,) = [block for block in blocks("sh") if "speakersdk enroll" in block]
    change_folder, *lines = commands.strip().splitlines()
    assert (REPOSITORY / change_folder.removeprefix("cd ")).samefile(
        REPOSITORY / "sdk" / "speakersdk" / "demo_clips"
    )
    folder = Path(sys.executable).parent
    environment = {**os.environ, "XDG_DATA_HOME": str(tmp_path)}
    for line in lines:
        command, *arguments = shlex.split(line, comments=True)
        done = subprocess.run(
            [str(folder / command), *arguments],
            cwd=demo_clips,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        # Only slt is enrolled, so awb is a stranger.
        is_refused = "rejected" in line or "identify" in line
        assert done.returncode == int(is_refused), f"{line}\n{done.stdout}{done.stderr}"


@pytest.mark.parametrize(
    "example", ["verify_recordings.py", "identify_array.py", "compare_recordings.py"]
)
def test_example_runs(example: str) -> None:
    done = subprocess.run(
        [sys.executable, str(REPOSITORY / "examples" / example)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout
    assert done.stderr == ""


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


def test_figures_of_the_readme_are_those_of_the_results() -> None:
    readme = (REPOSITORY / "README.md").read_text(encoding="utf-8")
    accuracy = latest("accuracy")["facts"]
    for title, name in {
        "speechocean762, 3.0 s": "speechocean762-dev-3.0s",
        "speechocean762, 1.5 s": "speechocean762-dev-1.5s",
        "speech-commands, 1.5 s": "speech-commands-dev-1.5s",
    }.items():
        row = next(line for line in readme.splitlines() if line.startswith(f"| {title} |"))
        measured = accuracy[name]
        low, high = measured["eer_interval_percent"]
        assert f"| {measured['eer_percent']:.2f} % | {low:.2f}-{high:.2f} % |" in row
        assert f"| {measured['target_trials']} / {measured['nontarget_trials']} |" in row
    startup = {timing["name"]: timing["median_s"] for timing in latest("startup")["timings"]}
    assert f"{startup['speakersdk verify, two recordings']:.2f} s |" in readme
    assert f"{startup['import speakersdk']:.2f} s, of which numpy" in readme
    rtf = latest("encoder")["facts"]["real-time factor, 3 s"]
    assert f"real-time factor {rtf:.4f} |" in readme


def test_comparisons_of_the_readme_are_those_of_the_results() -> None:
    text = " ".join((REPOSITORY / "README.md").read_text(encoding="utf-8").split())
    for name, value in latest("rtf")["facts"].items():
        peer, _, what = name.partition(": ")
        if what == "times our encoder, median (fastest)":
            times = float(value.split()[0])
            assert f"{peer.partition(' (')[0]} {times:.2g}" in text
    scorer = latest("scorer")["facts"]
    at = "D 128, N 100000: {}, {}"
    assert f"{scorer[at.format('float32', 'times faiss')]:.1f} times as fast as from faiss" in text
    assert f"{scorer[at.format('float16', 'times faiss')]:.1f} times in float16" in text
    assert (
        f"at {scorer[at.format('float32', 'share of the read bandwidth')]:.0%}".replace("%", " %")
        in text
    )
    streaming = latest("streaming")["facts"]
    share = 100 * streaming["stateful pipeline: CPU s per s of audio"]
    assert f"takes {share:.1f} % of a core" in text
    assert f"{streaming['stateful pipeline: ms per hop, p99']:.1f} ms at the 99th" in text
    ratio = streaming["Resemblyzer, 3 s window: times the CPU of the stateful pipeline"]
    assert f"takes {ratio:.0f} times that" in text
    live = latest("streaming-decisions")["facts"]["odd speakers, 0.01 asked"]
    low, high = live["far_interval"]
    interval = (
        f"accepted {100 * live['far']:.1f} % ({100 * low:.1f}-{100 * high:.1f} %) of strangers"
    )
    assert interval in text


def test_tables_of_the_decisions_page_are_those_of_the_results() -> None:
    page = (REPOSITORY / "docs" / "error-rates.md").read_text(encoding="utf-8")
    assert page.count("<!-- table: ") == page.count("<!-- end -->") == len(decision_tables.TABLES)
    for name in ("decisions", "conditions"):
        if not list((REPOSITORY / "benchmarks" / "results").glob(f"*-{name}.json")):
            continue  # without a result its tables are empty
        assert decision_tables.with_tables(page, latest(name)["facts"]) == page


def test_hashes_of_the_model_card_are_those_of_its_files() -> None:
    card = REPOSITORY / "models" / "default"
    for line in (card / "SHA256SUMS").read_text(encoding="utf-8").splitlines():
        expected, name = line.split()
        assert hashlib.sha256((card / name).read_bytes()).hexdigest() == expected, name
