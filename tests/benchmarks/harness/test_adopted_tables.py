"""The tables of adopted encoders show what a result contains."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from benchmarks.harness import adopted_tables


def row(system: str, trials: str, ways: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "system": system,
        "trials": trials,
        "eer_percent": 2.5,
        "eer_interval_percent": [2.0, 3.0],
        "target_trials": 100,
        "nontarget_trials": 2000,
        "failures_to_acquire": 3,
        "segments": 40,
        "decisions": ways,
    }


def cost(what: str, system: str, factor: float, times: float) -> dict[str, Any]:
    return {"what": what, "system": system, "real_time_factor": factor, "times_ours": times}


WAY = {"far": 0.01, "interval": [0.005, 0.02], "frr": 0.25}
FACTS = {
    "rows": [
        row("ours", "read, 3 s", [WAY, WAY]),
        row("ours", "words, 1.5 s", [WAY]),
        row("other", "read, 3 s", [WAY, WAY]),
        row("other", "words, 1.5 s", [WAY]),
    ],
    "cost": [
        cost("one pass of 3 s", "ours", 0.00336, 1.0),
        cost("one pass of 3 s", "other", 0.05, 14.88),
        cost("listening", "ours", 0.0095, 1.0),
        cost("listening", "other", 1.0, 105.26),
    ],
}


@pytest.fixture
def latest() -> Callable[[str], dict[str, Any]]:
    reports = {"adopted": {"facts": FACTS}}
    return lambda name: reports[name]


def test_rates_put_the_systems_of_each_set_together(
    latest: Callable[[str], dict[str, Any]],
) -> None:
    _, _, *rows = adopted_tables.rates(latest)
    assert [line.split(" | ")[:2] for line in rows] == [
        ["| read, 3 s (100, 2,000)", "ours"],
        ["| read, 3 s (100, 2,000)", "other"],
        ["| words, 1.5 s (100, 2,000)", "ours"],
        ["| words, 1.5 s (100, 2,000)", "other"],
    ]
    assert rows[2].endswith("| 3 of 40 | 2.50 % (2.00-3.00) | 1.00 % (0.50-2.00) | 25.0 % |")


def test_rates_of_the_same_speaker_need_enough_trials() -> None:
    few = row("ours", "words, 1.5 s", [WAY]) | {"target_trials": 29}
    (line,) = adopted_tables.rates(lambda _: {"facts": {"rows": [few]}})[2:]
    assert line.endswith("| too few trials | 1.00 % (0.50-2.00) | too few trials |")


def test_cost_shows_every_system_in_both_uses(latest: Callable[[str], dict[str, Any]]) -> None:
    assert adopted_tables.cost(latest)[2:] == [
        "| one pass of 3 s | ours | 0.0034 | 1.0 |",
        "| one pass of 3 s | other | 0.0500 | 14.9 |",
        "| listening | ours | 0.0095 | 1.0 |",
        "| listening | other | 1.0000 | 105.3 |",
    ]


def test_cost_says_that_a_run_did_not_measure_it() -> None:
    lines = adopted_tables.cost(lambda _: {"facts": {"rows": []}})
    assert lines[2:] == ["| not measured: the run had `--no-speed` | | | |"]


def test_the_promise_of_both_systems_is_shown_at_the_rates_of_the_adopted_one() -> None:
    def result(model: str, worst: float, rates: tuple[float, ...]) -> dict[str, Any]:
        measured = {"groups": 8, "geometric_mean": 0.5, "above_2": 0.25, "frr": 0.1}
        return {
            "facts": {
                "model": model,
                "summary": [
                    {
                        "way": way,
                        "requested_far": rate,
                        "worst": worst,
                        "exact_frr": 0.05,
                        **measured,
                    }
                    for way in ("home", "robust")
                    for rate in rates
                ],
            }
        }

    results = {
        "promise-campplus": result("other", 2.5, (0.05, 0.01)),
        "promise": result("ours", 2.0, (0.05, 0.01, 0.001)),
    }
    lines = adopted_tables.promise(results.__getitem__)
    assert lines[2:] == [
        "| 5 % | other | 8 | 2.5 | 0.50 | 25 % | 10.0 % | 5.0 % |",
        "| 5 % | ours | 8 | 2.0 | 0.50 | 25 % | 10.0 % | 5.0 % |",
        "| 1 % | other | 8 | 2.5 | 0.50 | 25 % | 10.0 % | 5.0 % |",
        "| 1 % | ours | 8 | 2.0 | 0.50 | 25 % | 10.0 % | 5.0 % |",
    ]
