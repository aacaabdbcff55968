"""The loop learns, stops, continues with identical bits, and does not continue with NaN."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from speakersdk_training.checkpoint import read_checkpoint
from speakersdk_training.config import TrainConfig, config_from_dict, load_config
from speakersdk_training.data.audio_bank import AudioBank
from speakersdk_training.errors import TrainingError
from speakersdk_training.evaluation.evaluate import load_trial_sets
from speakersdk_training.fit.bank import read_bank
from speakersdk_training.fit.trainer import Trainer

CPU = torch.device("cpu")
CONFIGS = Path(__file__).parents[3] / "training" / "experiments"


@pytest.fixture
def bank(tiny_values: dict[str, Any]) -> AudioBank:
    return read_bank(config_from_dict(tiny_values).data, device=CPU)


def trainer(config: TrainConfig, bank: AudioBank, **options: Any) -> Trainer:
    defaults: dict[str, Any] = {"noise": torch.zeros(0), "rooms": [], "trial_sets": []}
    return Trainer(config, bank, **{**defaults, **options})


class Recorder:
    """Record the reports of the loop; can break off a run like a signal."""

    def __init__(self, stop_at: float = math.inf) -> None:
        self.steps: list[tuple[int, dict[str, float]]] = []
        self.stop_at = stop_at

    def __call__(self, step: int, scalars: dict[str, float]) -> None:
        self.steps.append((step, scalars))
        if step >= self.stop_at:
            raise KeyboardInterrupt


def assert_same(one: Any, other: Any, where: str = "checkpoint") -> None:
    """Equal to the last bit, including tensors within containers."""
    if isinstance(one, torch.Tensor):
        assert torch.equal(one, other), where
    elif isinstance(one, dict):
        assert one.keys() == other.keys(), where
        for key in one:
            assert_same(one[key], other[key], f"{where}.{key}")
    elif isinstance(one, list | tuple):
        assert len(one) == len(other), where
        for index, (a, b) in enumerate(zip(one, other, strict=True)):
            assert_same(a, b, f"{where}[{index}]")
    else:
        assert one == other, where


@pytest.mark.parametrize(
    ("encoder", "loss"),
    [
        ("tdnn", "margin_softmax"),
        ("blstm", "margin_softmax"),
        ("tdnn", "pairwise_kl"),
        *(
            ("blstm", loss)
            for loss in ("pairwise_kl", "pair_likelihood", "jensen_shannon", "prototypical", "ge2e")
        ),
    ],
)
def test_some_steps_lower_the_loss(
    tiny_values: dict[str, Any], bank: AudioBank, tmp_path: Path, encoder: str, loss: str
) -> None:
    tiny_values["run"] |= {
        "steps": 40,
        "batch_size": 16,
        "crop_s": [0.3],
        "checkpoint_every": 99,
        "encoder": encoder,
        "loss": loss,
    }
    tiny_values["blstm"] = {"units": 8, "dropout": 0.1, "dense": [16, 8]}
    tiny_values["sampler"] = {"kind": "grouped"}
    tiny_values["augment"] |= {"clean": 1.0}
    tiny_values["optim"] |= {"learning_rate": 0.02, "margin_from_share": 1.0}
    tiny_values["data"]["speeds"] = [1.0]
    recorder = Recorder()
    trainer(config_from_dict(tiny_values), bank).run(tmp_path, report=recorder)
    losses = [scalars["loss"] for _, scalars in recorder.steps]
    assert len(losses) == 40
    # Four clearly different voices: well beyond the scatter from batch to batch, about 5 %.
    assert sum(losses[-5:]) < 0.85 * sum(losses[:5])


@pytest.mark.parametrize("direction", ["symmetric", "pq"])
def test_a_run_that_learns_nothing_says_so(
    tiny_values: dict[str, Any],
    bank: AudioBank,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    direction: str,
) -> None:
    """A temperature so low that all outputs are equal, in place of any other cause."""
    tiny_values["run"] |= {"steps": 8, "loss": "pairwise_kl"}
    tiny_values["pairwise_kl"] = {
        "temperature": 1e-6,
        "pairs": "two_branch",
        "direction": direction,
    }
    tiny_values["sampler"] = {"kind": "alternating"}
    tiny_values["data"]["speeds"] = [1.0]
    recorder = Recorder()
    trainer(config_from_dict(tiny_values), bank).run(tmp_path, report=recorder)
    (record,) = caplog.records
    half = "0.5" if direction == "pq" else "1"
    assert record.getMessage().startswith("step 5: the loss stays at ")
    assert f", {half} times the margin: all outputs are equal" in record.getMessage()
    scalars = recorder.steps[-1][1]
    assert scalars["active_hinges"] == 1
    assert scalars["mean_positive"] == pytest.approx(scalars["mean_negative"], abs=1e-6)


def test_a_resumed_run_ends_with_the_same_bits(
    tiny_values: dict[str, Any], bank: AudioBank, tmp_path: Path, trial_files: dict[str, str]
) -> None:
    tiny_values["run"] |= {"steps": 5, "evaluate_every": 2, "checkpoint_every": 3}
    tiny_values["tdnn"]["dropout"] = 0.3  # draws from torch's own generator
    config = config_from_dict(tiny_values)
    trial_sets = load_trial_sets(config.trials, device=CPU)
    noise = torch.randn(9000, generator=torch.Generator().manual_seed(1))
    options: dict[str, Any] = {"noise": noise, "trial_sets": trial_sets}

    whole = trainer(config, bank, **options)
    whole.run(tmp_path / "whole", report=Recorder())

    broken = trainer(config, bank, **options)
    with pytest.raises(KeyboardInterrupt):
        broken.run(tmp_path / "broken", report=Recorder(stop_at=4))
    torch.rand(3)  # other work in between must have no effect
    resumed = trainer(config, bank, **options)
    resumed.resume(tmp_path / "broken" / "checkpoint.pt")
    assert resumed.step == 3
    recorder = Recorder()
    resumed.run(tmp_path / "broken", report=recorder)
    assert sorted({step for step, _ in recorder.steps}) == [4, 5]
    expected = read_checkpoint(tmp_path / "whole" / "checkpoint.pt")
    assert_same(expected, read_checkpoint(tmp_path / "broken" / "checkpoint.pt"))
    assert expected["step"] == 5
    assert expected["metrics"]["halves"]["target_trials"] == 24


def test_a_seed_repeats_a_run_and_another_does_not(
    tiny_values: dict[str, Any], bank: AudioBank, tmp_path: Path
) -> None:
    def weights(seed: int) -> dict[str, torch.Tensor]:
        tiny_values["run"] |= {"steps": 2, "seed": seed}
        one = trainer(config_from_dict(tiny_values), bank)
        one.run(tmp_path, report=Recorder())
        return one.encoder.state_dict()

    first = weights(1)
    assert_same(first, weights(1))
    assert not torch.equal(first["embedding.weight"], weights(2)["embedding.weight"])


def test_another_configuration_is_not_resumed(
    tiny_values: dict[str, Any], bank: AudioBank, tmp_path: Path
) -> None:
    path = tmp_path / "checkpoint.pt"
    trainer(config_from_dict(tiny_values), bank).save(tmp_path)
    trainer(config_from_dict(tiny_values), bank).resume(path)
    tiny_values["optim"]["learning_rate"] = 1e-4
    with pytest.raises(TrainingError, match="was trained with another configuration"):
        trainer(config_from_dict(tiny_values), bank).resume(path)


@pytest.mark.parametrize("log_every", [1, 3])
def test_a_nan_loss_stops_the_run(
    tiny_values: dict[str, Any], bank: AudioBank, tmp_path: Path, log_every: int
) -> None:
    tiny_values["run"] |= {"steps": 6, "log_every": log_every, "checkpoint_every": 99}
    tiny_values["optim"] |= {"learning_rate": 1e30, "warmup_share": 0.0}
    one = trainer(config_from_dict(tiny_values), bank)
    with pytest.raises(TrainingError, match=r"the loss is (nan|inf) at step \d; lower optim"):
        one.run(tmp_path, report=Recorder())


def test_a_checkpoint_never_contains_nan_weights(
    tiny_values: dict[str, Any], bank: AudioBank, tmp_path: Path
) -> None:
    """A run may fail between two logged steps; the last good checkpoint must survive."""
    tiny_values["run"] |= {"steps": 6, "log_every": 6, "checkpoint_every": 1, "evaluate_every": 2}
    tiny_values["optim"] |= {"learning_rate": 1e30, "warmup_share": 0.0}
    one = trainer(config_from_dict(tiny_values), bank)
    with pytest.raises(TrainingError, match=r"weights are not finite at step \d; lower optim"):
        one.run(tmp_path, report=Recorder())
    stored = read_checkpoint(tmp_path / "checkpoint.pt")["encoder"]
    assert all(bool(torch.isfinite(value).all()) for value in stored.values())


def test_reports_evaluations_and_files(
    tiny_values: dict[str, Any], bank: AudioBank, tmp_path: Path
) -> None:
    tiny_values["run"] |= {"steps": 5, "log_every": 2, "evaluate_every": 3}
    config = config_from_dict(tiny_values)
    recorder = Recorder()
    one = trainer(config, bank, trial_sets=load_trial_sets(config.trials, device=CPU))
    one.run(tmp_path, report=recorder)
    logged = [step for step, scalars in recorder.steps if "loss" in scalars]
    evaluated = [step for step, scalars in recorder.steps if "halves/eer" in scalars]
    assert (logged, evaluated) == ([2, 4, 5], [3, 5])
    scalars = recorder.steps[0][1]
    monitors = {"embedding_spread", "effective_rank"}
    assert set(scalars) == {"loss", "speaker_loss", "grad_norm"} | monitors
    assert scalars["loss"] == scalars["speaker_loss"]
    lines = [json.loads(line) for line in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines] == [3, 5]
    assert lines[-1]["halves"] == one.metrics["halves"]
    stored = read_checkpoint(tmp_path / "checkpoint.pt")
    assert stored["training_corpora"] == ["voices"]
    assert stored["metrics"] == one.metrics


def test_labels_train_the_speech_head(
    tiny_values: dict[str, Any], bank: AudioBank, tmp_path: Path
) -> None:
    labelled = AudioBank(
        samples=bank.samples,
        speech=torch.full((len(bank.samples) // 160,), 255, dtype=torch.uint8),
        first=bank.first,
        length=bank.length,
        begins=bank.begins,
        speakers=bank.speakers,
    )
    tiny_values["run"] |= {"steps": 20, "speech_weight": 0.5, "checkpoint_every": 99}
    tiny_values["optim"] |= {"learning_rate": 0.02}
    recorder = Recorder()
    trainer(config_from_dict(tiny_values), labelled).run(tmp_path, report=recorder)
    first, last = recorder.steps[0][1], recorder.steps[-1][1]
    assert first["loss"] == pytest.approx(first["speaker_loss"] + 0.5 * first["speech_loss"])
    assert last["speech_loss"] < 0.5 * first["speech_loss"]


def test_what_is_exported_is_the_running_mean(
    tiny_values: dict[str, Any], bank: AudioBank, tmp_path: Path
) -> None:
    """mean <- decay mean + (1 - decay) weights after each step.

    The weights of the first step are taken unchanged.
    """
    tiny_values["run"] |= {"steps": 3}
    tiny_values["optim"] |= {"ema_decay": 0.75, "warmup_share": 0.0}
    one = trainer(config_from_dict(tiny_values), bank)
    seen: list[torch.Tensor] = []
    names = ("embedding.weight", "pooled_norm.running_mean")

    def report(step: int, scalars: dict[str, float]) -> None:
        if "loss" in scalars:
            state = one.encoder.state_dict()
            seen.append(torch.cat([state[name].flatten() for name in names]).clone())

    one.run(tmp_path, report=report)
    mean = seen[0]
    for weights in seen[1:]:
        mean = 0.75 * mean + 0.25 * weights
    state = one.averaged.module.state_dict()
    got = torch.cat([state[name].flatten() for name in names])
    torch.testing.assert_close(got, mean, rtol=1e-6, atol=1e-7)
    assert not torch.equal(seen[0], seen[2])
    # Norms learn statistics in training and dropout is on; the exported model has neither.
    assert int(one.encoder.input_norm.num_batches_tracked) == 3
    assert one.encoder.training
    assert not one.averaged.module.training


def test_the_running_mean_may_be_taken_more_seldom(
    tiny_values: dict[str, Any], bank: AudioBank, tmp_path: Path
) -> None:
    """Every second step it moves by as much as in two steps; the last step always counts."""
    tiny_values["run"] |= {"steps": 5}
    tiny_values["optim"] |= {"ema_decay": 0.5, "ema_every": 2, "warmup_share": 0.0}
    one = trainer(config_from_dict(tiny_values), bank)
    seen: list[torch.Tensor] = []

    def report(step: int, scalars: dict[str, float]) -> None:
        if "loss" in scalars:
            seen.append(one.encoder.embedding.weight.detach().clone())

    one.run(tmp_path, report=report)
    mean = 0.25 * (0.25 * seen[1] + 0.75 * seen[3]) + 0.75 * seen[4]
    torch.testing.assert_close(one.averaged.module.embedding.weight, mean, rtol=1e-6, atol=1e-7)


def test_half_precision_runs_on_the_processor(
    tiny_values: dict[str, Any], bank: AudioBank, tmp_path: Path
) -> None:
    tiny_values["run"] |= {"steps": 2, "precision": "bf16"}
    recorder = Recorder()
    one = trainer(config_from_dict(tiny_values), bank)
    one.run(tmp_path, report=recorder)
    assert math.isfinite(recorder.steps[-1][1]["loss"])
    assert {p.dtype for p in one.encoder.parameters()} == {torch.float32}


def test_a_budget_ends_a_run_annealed(
    tiny_values: dict[str, Any], bank: AudioBank, tmp_path: Path
) -> None:
    """Schedules follow the time; how many steps fit into it is not specified."""
    tiny_values["run"] |= {"steps": 100_000, "budget_s": 0.5, "checkpoint_every": 99_999}
    one = trainer(config_from_dict(tiny_values), bank)
    one.run(tmp_path, report=Recorder())
    assert one.is_done
    assert one.progress == 1
    assert 0 < one.step < 100_000
    assert read_checkpoint(tmp_path / "checkpoint.pt")["step"] == one.step


def test_the_first_step_learns_and_the_last_one_is_the_smallest(
    tiny_values: dict[str, Any], bank: AudioBank, tmp_path: Path
) -> None:
    tiny_values["run"] |= {"steps": 8}
    tiny_values["optim"] |= {"learning_rate": 0.01, "warmup_share": 0.25, "final_share": 0.1}
    one = trainer(config_from_dict(tiny_values), bank)
    rates: list[float] = []

    def report(step: int, scalars: dict[str, float]) -> None:
        rates.append(float(one._learning_rate))

    one.run(tmp_path, report=report)
    assert rates[:2] == pytest.approx([0.005, 0.01])
    assert rates[-1] == pytest.approx(0.001)


def test_fine_tuning_has_its_own_length_and_margin(
    tiny_values: dict[str, Any], bank: AudioBank, tmp_path: Path
) -> None:
    tiny_values["run"] |= {"steps": 4, "fine_share": 0.5, "fine_crop_s": 0.8, "fine_margin": 0.45}
    tiny_values["optim"] |= {"margin_from_share": 0.0, "margin_until_share": 0.0}
    one = trainer(config_from_dict(tiny_values), bank)
    seen: list[tuple[int, float]] = []
    objective = one.objective

    def watch(module: Any, arguments: Any, options: dict[str, float]) -> None:
        seen.append((arguments[0].samples.shape[1], float(options["margin"])))

    objective.register_forward_pre_hook(watch, with_kwargs=True)
    one.run(tmp_path, report=Recorder())
    assert [length for length, _ in seen[2:]] == [12800, 12800]
    assert {length for length, _ in seen[:2]} <= {4800, 6400}
    assert [margin for _, margin in seen] == pytest.approx([0.2, 0.2, 0.45, 0.45])


def test_a_run_that_learns_nothing_gives_up(
    tiny_values: dict[str, Any], bank: AudioBank, tmp_path: Path
) -> None:
    tiny_values["run"] |= {"steps": 40, "give_up_after": 0.25, "give_up_above": 0.9}
    tiny_values["optim"] |= {"learning_rate": 1e-9}
    recorder = Recorder()
    with pytest.raises(TrainingError, match=r"above run.give_up_above = 0.9 of the first"):
        trainer(config_from_dict(tiny_values), bank).run(tmp_path, report=recorder)
    assert recorder.steps[-1][0] < 12


@pytest.mark.parametrize("path", sorted(CONFIGS.glob("*.toml")), ids=lambda path: path.stem)
def test_every_experiment_takes_its_steps(path: Path, bank: AudioBank, tmp_path: Path) -> None:
    """Every option is that of the file. The audio is other, and the crops are few and short."""
    config = load_config(path)
    # Two speakers with two crops each in every voice.
    voices = len(config.data.speeds) * len(config.data.vocal_tracts)
    rows = 4 * voices if config.sampler.kind == "grouped" else 30
    small: dict[str, Any] = {
        "steps": 2, "batch_size": rows, "crop_s": (0.3,), "compile": False, "device": "cpu",
        "log_every": 1, "budget_s": 0.0, "give_up_after": 0.0,
    }  # fmt: skip
    if config.run.fine_share:
        small |= {"fine_share": 0.5, "fine_crop_s": 0.5}
    labelled = replace(bank, speech=torch.full((len(bank.samples) // 160,), 200, dtype=torch.uint8))
    config = replace(
        config,
        run=replace(config.run, **small),
        augment=replace(config.augment, num_rooms=6, room_s=0.1),
        tones=replace(config.tones, variants=2),
        trials=(),
    )
    recorder = Recorder()
    one = trainer(config, labelled, noise=torch.randn(9000), rooms=[torch.randn(400)])
    one.run(tmp_path, report=recorder)
    assert [step for step, _ in recorder.steps] == [1, 2]
    assert {"loss", "speech_loss"} <= recorder.steps[0][1].keys()
    # An export's file; a resume needs a larger one, with the prototypes of every speaker.
    assert (tmp_path / "encoder.pt").stat().st_size < (
        10_000_000 if "large" in path.stem else 8_000_000
    )
