"""The rungs run, reproduce the defect, and the page shows the stored result."""

from __future__ import annotations

import json
import multiprocessing
import os
import subprocess
import sys
import time
import tomllib
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

REPOSITORY = Path(__file__).parents[3]
BENCHMARKS = REPOSITORY / "benchmarks"
PAGE = REPOSITORY / "docs" / "experiments" / "why-it-did-not-learn.md"
torch = pytest.importorskip("torch", reason='needs torch: pip install "speakersdk[training]"')

from benchmarks.ablation import seed_ablation, training  # noqa: E402
from benchmarks.ablation.features import (  # noqa: E402
    load_features,
    read_features,
    synthetic_features,
)
from benchmarks.ablation.report import block, by_rung, document, untrained  # noqa: E402
from benchmarks.ablation.rungs import PAPER, ladder, rivals  # noqa: E402
from speakersdk.errors import InferenceError  # noqa: E402
from speakersdk_training.models.blstm import BlstmEncoder, paper_blstm  # noqa: E402
from speakersdk_training.models.mel_filters import papers_frontend  # noqa: E402


def latest_result(name: str = "seed-ablation") -> dict[str, Any]:
    path = sorted((BENCHMARKS / "results").glob(f"*-{name}.json"))[-1]
    content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return content


@pytest.mark.training
def test_broadcast_loss_is_half_the_margin_and_has_no_gradient() -> None:
    labels = torch.tensor([1.0, 0.0] * 32)[:, None]
    distances = torch.rand(64, generator=torch.Generator().manual_seed(1)).requires_grad_()
    loss = training.broadcast_loss(distances, labels, margin=1.0)
    loss.backward()
    # Sums of 4096 terms below 1 in float32.
    assert float(loss.detach()) == pytest.approx(0.5, abs=1e-6)
    assert float(distances.grad.abs().max()) < 1e-7
    assert training.rounding_accuracy(distances, labels) == 0.5
    # With matching shapes, the same distances have a gradient.
    fitting = distances.detach().requires_grad_()
    training.broadcast_loss(fitting, labels[:, 0], margin=1.0).backward()
    assert float(fitting.grad.abs().min()) == pytest.approx(1 / 64)


@pytest.mark.training
def test_all_rungs_run_and_each_is_new() -> None:

    rungs = ladder(7) + rivals(7)
    names = [rung.name for rung in rungs]
    assert len(set(names)) == len(names) == 16
    assert rungs[0].broadcasts
    assert not any(rung.broadcasts for rung in rungs[1:])
    papers = rungs[names.index(PAPER)]
    assert (papers.loss.margin, papers.loss.pairs, papers.loss.output) == (3.0, "all", "softmax")
    assert papers.network.dense == (70, 35, 7)
    assert papers.batch_size == 100


@pytest.mark.training
def test_smoke_run_measures_every_rung_without_what_it_does_not_use(tmp_path: Path) -> None:
    absent, results = tmp_path / "absent", tmp_path / "results"
    absent.mkdir()
    results.mkdir()
    for name in ("onnxruntime", "python_speech_features", "rich", "soxr", "tensorboard"):
        (absent / f"{name}.py").write_text(f"raise ModuleNotFoundError(name={name!r})\n")
    done = subprocess.run(
        [
            sys.executable, "-m", seed_ablation.__name__, "--smoke",
            "--only", "as asked", "our default", "--results", str(results),
        ],
        cwd=REPOSITORY,
        env={**os.environ, "PYTHONPATH": str(absent)},
        capture_output=True,
        text=True,
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "| as asked | " in done.stdout
    assert "| our default | " in done.stdout
    assert "our default, seed 1: done" in done.stderr
    assert list(results.iterdir()) == []


@pytest.mark.training
def test_a_failing_run_ends_all(tmp_path: Path) -> None:
    import numpy as np

    path = tmp_path / "features.npz"
    synthetic_features(speakers=4, rng=np.random.default_rng(1)).save(path)
    # Four speakers are too few for groups of 25.
    rungs = [rung for rung in ladder(4, units=4) if rung.name == "balanced pairs"]
    runs = [training.Run(rung, seed, 4) for rung in rungs for seed in (1, 2, 3)]
    results = seed_ablation.results(
        runs, path, device="cpu", num_processes=1, deadline_s=float("inf")
    )
    with pytest.raises(Exception, match="at least 25 speakers for a batch without repeats, got 4"):
        list(results)


@pytest.mark.training
def test_a_killed_worker_ends_all(tmp_path: Path) -> None:
    import numpy as np

    path = tmp_path / "features.npz"
    synthetic_features(speakers=4, rng=np.random.default_rng(1)).save(path)
    rung = ladder(4, units=4)[0]
    # The second run would take days.
    runs = [training.Run(rung, seed, steps) for seed, steps in ((1, 2), (2, 10**9))]
    results = seed_ablation.results(
        runs, path, device="cpu", num_processes=1, deadline_s=float("inf")
    )
    assert next(results)["outcome"] == "done"
    for worker in multiprocessing.active_children():
        worker.kill()
    with pytest.raises(InferenceError, match="a worker process died"):
        next(results)


@pytest.mark.training
def test_nothing_is_begun_or_kept_after_the_budget(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    import numpy as np

    features = synthetic_features(speakers=4, rng=np.random.default_rng(1))
    run = training.Run(ladder(4, units=4)[0], 1, 3, deadline_s=0.0)
    result = training.train_and_measure(run, features, torch.device("cpu"))
    assert (result["outcome"], result["steps"]) == ("stopped", 1)
    assert "eer" not in result
    # Runs that finished before the interruption are kept.
    last = training.train_and_measure(replace(run, steps=1), features, torch.device("cpu"))
    assert last["outcome"] == "done"
    none = seed_ablation.results([run] * 3, tmp_path, device="cpu", num_processes=2, deadline_s=0.0)
    assert list(none) == []
    assert capsys.readouterr().err == "out of time: 3 runs left out\n"


@pytest.mark.training
def test_a_network_can_be_measured_before_its_first_step() -> None:
    import numpy as np

    features = synthetic_features(speakers=4, rng=np.random.default_rng(1))
    run = training.Run(ladder(4, units=4)[0], 1, 0)
    result = training.train_and_measure(run, features, torch.device("cpu"))
    assert (result["outcome"], result["steps"]) == ("done", 0)
    assert (result["loss_curve"], result["statistics"]) == ([], {})
    torch.manual_seed(1)
    encoder = BlstmEncoder(run.rung.network, papers_frontend()).eval()
    loss = training.make_loss(run.rung, encoder, 4)
    untrained = training._measure(encoder, loss, features, 40, torch.device("cpu"))
    assert {name: result[name] for name in untrained} == untrained
    options = seed_ablation.build_parser().parse_args(["--steps", "0"])
    report = seed_ablation.new_report(options, device="cpu", num_processes=1, features=features)
    assert report["name"] == "seed-untrained"


@pytest.mark.training
def test_nothing_is_begun_that_would_not_end_in_time(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    import numpy as np

    path = tmp_path / "features.npz"
    synthetic_features(speakers=4, rng=np.random.default_rng(1)).save(path)
    # Ten steps take longer than the tenth of a second over which runs are timed.
    run = training.Run(ladder(4, units=4)[0], 1, 10)
    clock = SimpleNamespace(time=lambda: 0.0)
    monkeypatch.setattr(seed_ablation, "time", clock)
    deadline_s = time.time() + 3600  # for the run itself, which uses the real clock
    results = seed_ablation.results(
        [run] * 3, path, device="cpu", num_processes=1, deadline_s=deadline_s
    )
    seconds = [next(results)["seconds"]]
    assert seconds[0] > 0
    last_step_s = deadline_s - seed_ablation._LAST_MINUTE_S
    clock.time = lambda: last_step_s - 1.1 * seconds[0]
    seconds.append(next(results)["seconds"])
    clock.time = lambda: last_step_s - 0.9 * min(seconds)
    assert list(results) == []
    assert capsys.readouterr().err == "out of time: 1 runs left out\n"


@pytest.mark.training
@pytest.mark.parametrize(
    ("value", "missing"),
    [
        (0.0, {"mr", "mr_square_matrix"}),
        (1e-30, {"mr_square_matrix"}),
        (float("nan"), {"eer", "mr", "mr_square_matrix"}),
    ],
)
def test_equal_embeddings_have_the_measures_that_exist(value: float, missing: set[str]) -> None:
    import numpy as np

    features = synthetic_features(speakers=4, rng=np.random.default_rng(1))
    rung = ladder(4, units=4)[1]
    encoder = BlstmEncoder(rung.network, papers_frontend()).eval()
    encoder.embed_frames = lambda frames: torch.full((len(frames), 8), value)
    loss = training.make_loss(rung, encoder, 4)
    measured = training._measure(encoder, loss, features, 40, torch.device("cpu"))
    assert {"eer", "mr", "mr_square_matrix"} - measured.keys() == missing
    if measured:
        assert measured["eer"] == measured["accuracy"] == 0.5
        json.dumps(measured, allow_nan=False)


@pytest.mark.training
def test_only_runs_of_the_same_settings_are_gone_on_with(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:

    result = tmp_path / "result.json"
    stored = {"settings": {"steps": 5, "units": None}, "seconds": 1.0, "runs": [{"seed": 1}]}
    seed_ablation.write(stored, result)
    assert seed_ablation.runs_of(result, {"steps": 5, "units": None}) == [{"seed": 1}]
    with pytest.raises(SystemExit) as exit_info:
        seed_ablation.runs_of(result, {"steps": 6, "units": None})
    assert exit_info.value.code == 2
    assert "made with {'steps': 5, 'units': None}, not with" in capsys.readouterr().err


@pytest.mark.training
@pytest.mark.speech
def test_features_are_those_of_the_speech(speech_data: Any, tmp_path: Path) -> None:
    from speakersdk_training.models.frontend import LogMel

    read = read_features(
        speech_data.root,
        train_speakers=2,
        validation_speakers=1,
        dev_speakers=2,
        device=torch.device("cpu"),
    )
    path = tmp_path / "features.npz"
    read.save(path)
    features = load_features(path)
    assert features.train.speaker.tolist() == [0] * 10 + [1] * 10
    assert set(features.validation.speaker.tolist()) == {0}
    utterance = speech_data.utterances(corpus="speechocean762", split="train")[0]
    padded = torch.nn.functional.pad(torch.from_numpy(speech_data.samples(utterance)), (1, 0))
    expected = LogMel(papers_frontend())(padded[None])[0].T
    got = torch.from_numpy(features.train.frames[: features.train.length[0]]).float()
    # Half precision of values up to 8.
    torch.testing.assert_close(got, expected, rtol=0, atol=2.0**-8)
    assert features.clustered.speaker.tolist() == [0] * 10 + [1] * 10
    assert set(features.segments.length.tolist()) == {294}  # 3 s
    assert len(features.trials) == len(features.apart) > 0


@pytest.mark.training
def test_page_says_which_rungs_have_no_run() -> None:

    report = latest_result()
    run = report["runs"][0]
    rungs = ladder(7) + rivals(7)
    report["runs"] = [{**run, "rung": rung.name} for rung in rungs]
    assert "Without a finished run" not in block(report)
    report["runs"] = report["runs"][2:]
    assert "\n\nWithout a finished run: as asked, shapes fixed.\n" in block(report)


@pytest.mark.training
def test_page_shows_the_latest_result() -> None:

    report = latest_result()
    page = PAGE.read_text(encoding="utf-8")
    assert f"<!-- seed-ablation -->\n{block(report)}<!-- end of" in page
    assert (PAGE.with_suffix(".svg")).is_file()
    text = untrained(latest_result("seed-untrained"))
    assert f"<!-- seed-untrained -->\n{text}<!-- end of" in page


@pytest.mark.training
@pytest.mark.parametrize("name", ["seed-ablation", "seed-untrained"])
def test_a_result_takes_its_place_in_the_page(tmp_path: Path, name: str) -> None:

    page = tmp_path / "page.md"
    page.write_text(PAGE.read_text(encoding="utf-8"), encoding="utf-8")
    report = latest_result(name)
    for run in report["runs"]:
        run["eer"] = 0.123
    document(report, page)
    changed = set(page.read_text(encoding="utf-8").splitlines()) - set(
        PAGE.read_text(encoding="utf-8").splitlines()
    )
    assert len(changed) == len(by_rung(report))
    assert all("12.30" in line for line in changed)


@pytest.mark.training
def test_stored_run_as_asked_sticks_at_half_the_margin_exactly() -> None:
    runs = [run for run in latest_result()["runs"] if run["rung"] == "as asked"]
    assert runs
    for run in runs:
        late = [loss for step, loss in run["loss_curve"] if step > run["steps"] / 2]
        # Sums of 4096 terms below 1 in float32.
        assert late == pytest.approx([0.5] * len(late), abs=1e-5)
        assert run["statistics"]["rounding_accuracy"] == 0.5


@pytest.mark.training
def test_configuration_of_the_page_is_the_papers_system() -> None:
    from speakersdk_training.config import config_from_dict

    (text,) = PAGE.read_text(encoding="utf-8").split("```toml\n")[1:]
    config = config_from_dict(tomllib.loads(text.split("```")[0]))
    assert config.frontend == papers_frontend()
    assert config.blstm == paper_blstm(100)
    assert config.frontend.num_samples(40) == round(config.run.crop_s[0] * 16000)
    assert config.optim.learning_rate_factor(0.7) == 1
