"""Recipes are compared on corpora outside their training, and the page shows the stored result."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from benchmarks.training import recipes

REPOSITORY = Path(__file__).parents[3]
BENCHMARKS = REPOSITORY / "benchmarks"


def left_by_a_run(folder: Path, rates: dict[str, float], **changes: Any) -> Path:
    """A folder as written by `speakersdk-train fit`, with one corpus left out of training."""
    folder.mkdir(parents=True)
    metrics = {name: {"eer": rate, "eer_cosine": rate / 2} for name, rate in rates.items()}
    summary = {
        "finished": True, "step": 10, "seconds": 1.5, "last": {"speaker_loss": 2.345},
        "metrics": metrics, **changes,
    }  # fmt: skip
    config = {"data": {"corpora": [{"leave_out": ["far"]}, {"leave_out": []}]}}
    (folder / "summary.json").write_text(json.dumps(summary))
    (folder / "config.json").write_text(json.dumps(config))
    return folder


def test_means_are_of_corpora_left_out(tmp_path: Path) -> None:
    rates = {"far-3.0s": 0.04, "far-1.5s": 0.09, "near-demo-3s": 0.5}
    run = recipes.summed_up(left_by_a_run(tmp_path / "one", rates))
    assert run["unseen"] == {"eer": 6.0, "eer_cosine": 3.0}  # sqrt(4 x 9) and half of it
    assert run["lists"]["far, 1.5 s"] == {"eer": 9.0, "eer_cosine": 4.5, "is_unseen": True}
    assert run["lists"]["near, 3 s"]["is_unseen"] is False
    heard = recipes.summed_up(left_by_a_run(tmp_path / "two", {"near-3s": 0.01}))
    assert heard["unseen"] == {"eer": None, "eer_cosine": None}


def test_runs_without_an_end_are_none(tmp_path: Path) -> None:
    assert recipes.summed_up(tmp_path) is None
    begun = left_by_a_run(tmp_path / "begun", {}, finished=False, last={})
    assert recipes.summed_up(begun) is None


def test_the_best_comes_first_and_has_a_row(tmp_path: Path) -> None:
    worse, better, heard = (
        recipes.summed_up(left_by_a_run(tmp_path / name, {trials: rate}))
        for name, trials, rate in (
            ("worse", "far-3s", 0.2), ("better", "far-1.5s", 0.1), ("heard", "near-3s", 0.01)
        )
    )  # fmt: skip
    runs = recipes.by_rate([heard, worse, better])
    assert runs == [better, worse, heard]
    assert recipes.rows(runs[:2]) == [
        "| run | steps | loss | far, 1.5 s | far, 3 s | unseen, J | unseen, cosine |",
        "| --- | ---: | ---: | ---: | ---: | ---: | ---: |",
        "| better | 10 | 2.35 | 10.00 | | 10.00 | 5.00 |",
        "| worse | 10 | 2.35 | | 20.00 | 20.00 | 10.00 |",
    ]
    page = "<!-- table: recipes -->\n<!-- end -->\n<!-- table: finals -->\n<!-- end -->\n"
    recipes_table, finals_table = recipes.with_tables(page, {"runs": runs}).split("<!-- end -->")[
        :2
    ]
    assert "better" in recipes_table
    assert "heard" not in recipes_table
    assert "| heard | 10 | 2.35 | 1.00 |" in finals_table


def test_the_page_shows_the_latest_result() -> None:
    path = sorted((BENCHMARKS / "results").glob("*-recipes.json"))[-1]
    facts = json.loads(path.read_text(encoding="utf-8"))["facts"]
    page = recipes.DOCUMENT.read_text(encoding="utf-8")
    assert page.count("<!-- table: ") == 2
    assert recipes.with_tables(page, facts) == page
    assert all(f"\n| {run['name']} | {run['steps']} |" in page for run in facts["runs"])


def test_without_runs_it_says_so_except_in_a_smoke_run(tmp_path: Path) -> None:
    command = [sys.executable, "-m", recipes.__name__, "--results", str(tmp_path / "kept")]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "expected folders of finished runs, got none" in done.stderr
    smoke = subprocess.run(
        [*command, "--smoke"], cwd=REPOSITORY, capture_output=True, text=True, check=False
    )
    assert smoke.returncode == 0, smoke.stderr
    assert json.loads(smoke.stdout.splitlines()[-1])["facts"] == {"runs": []}
    assert not (tmp_path / "kept").exists()
