"""Error rates of an encoder, compared with single embeddings and the definition of the score."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile as sf
import torch

from speakersdk.errors import ConfigError
from speakersdk.metrics import eer, min_dcf
from speakersdk_training.checkpoint import make_encoder
from speakersdk_training.config import TrialsConfig, config_from_dict
from speakersdk_training.evaluation.evaluate import TrialSet, load_trial_sets
from speakersdk_training.models.blstm import BlstmEncoder
from speakersdk_training.models.tdnn import TdnnEncoder

CPU = torch.device("cpu")


def softmax(logits: Any) -> Any:
    powers = np.exp(logits - logits.max())
    return powers / powers.sum()


@pytest.fixture(params=["tdnn", "blstm"])
def encoder(request: pytest.FixtureRequest, tiny_values: dict[str, Any]) -> Any:
    tiny_values["run"]["encoder"] = request.param
    tiny_values["blstm"] = {"units": 4, "window_s": 0.2}
    torch.manual_seed(2)
    return make_encoder(config_from_dict(tiny_values)).eval()


@torch.no_grad()
def test_rates_are_those_of_embeddings_made_one_by_one(
    encoder: TdnnEncoder | BlstmEncoder,
    trial_files: dict[str, str],
    voices_root: Path,
    tmp_path: Path,
    rng: np.random.Generator,
) -> None:
    # Random labels: the rates depend on every score and not on the difference of the voices.
    pairs = [line.split()[1:] for line in Path(trial_files["trials"]).read_text().splitlines()]
    drawn = (rng.permutation(len(pairs)) < 50).tolist()
    lines = [f"{label:d} {' '.join(pair)}" for label, pair in zip(drawn, pairs, strict=True)]
    (tmp_path / "trials.txt").write_text("\n".join(lines))

    def embed(name: str) -> Any:
        speaker, take, half = name.split("-")
        samples, _ = sf.read(voices_root / speaker / f"{take}.wav", dtype="float32")
        samples = torch.from_numpy(samples[int(half) * 8000 :][:8000])[None]
        # Half a second contains two whole windows of 0.2 s.
        is_windowed = isinstance(encoder, BlstmEncoder)
        parts = [samples[:, :3200], samples[:, 3200:6400]] if is_windowed else [samples]
        embedded = torch.stack([encoder.utterance(part)[0] for part in parts]).mean(dim=0)
        return encoder.scale(embedded)[0].double().numpy()

    kl_scores, cosines, labels = [], [], []
    for label, (enroll, probe) in zip(drawn, pairs, strict=True):
        a, b = embed(enroll), embed(probe)
        kl_scores.append(-((softmax(a) - softmax(b)) * (a - b)).sum())
        cosines.append(a @ b / np.linalg.norm(a) / np.linalg.norm(b))
        labels.append(label)

    config = TrialsConfig(**{**trial_files, "trials": str(tmp_path / "trials.txt")})
    (trial_set,) = load_trial_sets([config], device=CPU)
    assert trial_set.name == "halves"
    got = trial_set.evaluate(encoder)
    # Rates count trials: they are the same in float32, except for scores that tie.
    assert got == pytest.approx(
        {
            "eer": eer(kl_scores, labels),
            "eer_cosine": eer(cosines, labels),
            "min_dcf_0.05": min_dcf(kl_scores, labels, p_target=0.05),
            "target_trials": 50,
            "nontarget_trials": 70,
        },
        abs=1e-9,
    )
    assert got["eer"] > 0


@torch.no_grad()
def test_segments_of_many_lengths_are_not_mixed_up(
    tiny_values: dict[str, Any], tmp_path: Path
) -> None:
    """Each is compared with itself: J = 0 and the cosine is 1, in any batch."""
    rng = np.random.default_rng(1)
    rows, lines = [], []
    for number, length in enumerate([4000, 5000, 4000, 6000, 5000]):
        sf.write(tmp_path / f"{number}.wav", 0.1 * rng.standard_normal(6000), 16000)
        rows.append(
            f'{{"segment": "{number}", "speaker": "s", "pieces": [["{number}.wav", 0, {length}]]}}'
        )
        lines.append(f"1 {number} {number}")
        lines.append(f"0 {number} {(number + 2) % 5}")
    (tmp_path / "segments.jsonl").write_text("\n".join(rows))
    (tmp_path / "trials.txt").write_text("\n".join(lines))
    config = TrialsConfig(
        name="t",
        trials=str(tmp_path / "trials.txt"),
        segments=str(tmp_path / "segments.jsonl"),
        root=str(tmp_path),
    )
    encoder = make_encoder(config_from_dict(tiny_values)).eval()
    assert TrialSet(config, device=CPU).evaluate(encoder)["eer"] == 0


@pytest.mark.parametrize("missing", ["trials", "segments"])
def test_a_missing_list_is_named(trial_files: dict[str, str], missing: str) -> None:
    config = TrialsConfig(**{**trial_files, missing: "none.txt"})
    with pytest.raises(ConfigError, match=r"none\.txt"):
        TrialSet(config, device=CPU)


@torch.no_grad()
def test_a_condition_changes_only_probes(
    encoder: TdnnEncoder | BlstmEncoder, trial_files: dict[str, str]
) -> None:
    trial_set = TrialSet(TrialsConfig(**trial_files), device=CPU)
    plain = trial_set.scores(encoder)
    same = trial_set.scores(encoder, lambda samples, _: samples)
    np.testing.assert_array_equal(plain[0], same[0])

    def silenced(samples: Any, _: np.random.Generator) -> Any:
        return np.zeros_like(samples)

    divergence, cosine = trial_set.scores(encoder, silenced)
    # All probes are now the same. A score depends only on the enrollment: fewer values than
    # enrollments. If those were silenced too, every cosine would be 1.
    assert len(np.unique(cosine.round(5))) <= 16
    assert cosine.min() < 1 - 1e-3
    assert divergence.max() < 0


def test_a_few_trials_are_spread_over_the_list(trial_files: dict[str, str]) -> None:
    every = TrialSet(TrialsConfig(**trial_files), device=CPU)
    few = TrialSet(TrialsConfig(**trial_files), device=CPU, few=20)
    assert len(few.labels) == 20
    assert len(every.labels) == len(every.speakers[0]) > 100
    assert 0 < few.labels.sum() < 20
    for is_target, enroll, probe in zip(few.labels, *few.speakers, strict=True):
        assert is_target == (enroll == probe)
