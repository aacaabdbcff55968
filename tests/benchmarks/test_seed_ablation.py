"""The ladder runs, its defect is the one of the question, and its page shows the stored result."""

from __future__ import annotations

import json
import subprocess
import sys
import tomllib
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

REPOSITORY = Path(__file__).parents[2]
BENCHMARKS = REPOSITORY / "benchmarks"
PAGE = REPOSITORY / "docs" / "why-it-did-not-learn.md"
torch = pytest.importorskip("torch", reason='needs torch: pip install "speakersdk[training]"')


@pytest.fixture
def modules(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """`_seed_training`, with its neighbours importable as from the script."""
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    import _seed_training

    return _seed_training


def latest_result() -> dict[str, Any]:
    path = sorted((BENCHMARKS / "results").glob("*-seed-ablation.json"))[-1]
    content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return content


@pytest.mark.training
def test_broadcast_loss_is_half_the_margin_and_has_no_gradient(modules: ModuleType) -> None:
    labels = torch.tensor([1.0, 0.0] * 32)[:, None]
    distances = torch.rand(64, generator=torch.Generator().manual_seed(1)).requires_grad_()
    loss = modules.broadcast_loss(distances, labels, margin=1.0)
    loss.backward()
    # Sums of 4096 terms below 1 in float32.
    assert float(loss.detach()) == pytest.approx(0.5, abs=1e-6)
    assert float(distances.grad.abs().max()) < 1e-7
    assert modules.rounding_accuracy(distances, labels) == 0.5
    # With shapes that fit, the same distances have a gradient.
    fitting = distances.detach().requires_grad_()
    modules.broadcast_loss(fitting, labels[:, 0], margin=1.0).backward()
    assert float(fitting.grad.abs().min()) == pytest.approx(1 / 64)


@pytest.mark.training
def test_all_rungs_run_and_each_is_new(modules: ModuleType) -> None:
    import _seed_rungs

    rungs = _seed_rungs.ladder(7) + _seed_rungs.rivals(7)
    names = [rung.name for rung in rungs]
    assert len(set(names)) == len(names) == 16
    assert rungs[0].broadcasts
    assert not any(rung.broadcasts for rung in rungs[1:])
    papers = rungs[names.index(_seed_rungs.PAPER)]
    assert (papers.loss.margin, papers.loss.pairs, papers.loss.output) == (3.0, "all", "softmax")
    assert papers.network.dense == (70, 35, 7)
    assert papers.batch_size == 100


@pytest.mark.training
def test_smoke_run_measures_every_rung(tmp_path: Path) -> None:
    done = subprocess.run(
        [
            sys.executable, str(BENCHMARKS / "seed_ablation.py"), "--smoke",
            "--only", "as asked", "our default", "--results", str(tmp_path),
        ],
        capture_output=True,
        text=True,
        check=True,
    )  # fmt: skip
    assert "| as asked | " in done.stdout
    assert "| our default | " in done.stdout
    assert "our default, seed 1: done" in done.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.training
def test_a_failing_run_ends_all(modules: ModuleType, tmp_path: Path) -> None:
    import numpy as np

    import _seed_features
    import _seed_rungs
    import seed_ablation

    path = tmp_path / "features.npz"
    _seed_features.synthetic_features(speakers=4, rng=np.random.default_rng(1)).save(path)
    # Four speakers are too few for groups of 25.
    rungs = [rung for rung in _seed_rungs.ladder(4, units=4) if rung.name == "balanced pairs"]
    runs = [modules.Run(rung, seed, 4) for rung in rungs for seed in (1, 2, 3)]
    results = seed_ablation.results(runs, path, device="cpu", workers=1, deadline_s=float("inf"))
    with pytest.raises(Exception, match="at least 25 speakers for a batch without repeats, got 4"):
        list(results)


@pytest.mark.training
@pytest.mark.speech
def test_features_are_those_of_the_speech(
    modules: ModuleType, speech_data: Any, tmp_path: Path
) -> None:
    import _seed_features
    from speakersdk_training.models import LogMel, papers_frontend

    read = _seed_features.read_features(
        speech_data.root,
        train_speakers=2,
        validation_speakers=1,
        dev_speakers=2,
        device=torch.device("cpu"),
    )
    path = tmp_path / "features.npz"
    read.save(path)
    features = _seed_features.load_features(path)
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
def test_page_shows_the_latest_result(modules: ModuleType) -> None:
    import _seed_report

    report = latest_result()
    assert _seed_report.block(report) in PAGE.read_text(encoding="utf-8")
    assert (PAGE.with_suffix(".svg")).is_file()


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
    from speakersdk_training.models import papers_blstm, papers_frontend

    (text,) = PAGE.read_text(encoding="utf-8").split("```toml\n")[1:]
    config = config_from_dict(tomllib.loads(text.split("```")[0]))
    assert config.frontend == papers_frontend()
    assert config.blstm == papers_blstm(100)
    assert config.frontend.num_samples(40) == round(config.run.crop_s[0] * 16000)
    assert config.optim.learning_rate_factor(0.7) == 1
