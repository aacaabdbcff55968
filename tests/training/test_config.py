"""The configuration is read strictly and is unchanged after a checkpoint."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from speakersdk.errors import ConfigError, SpeakerSdkError
from speakersdk_training.checkpoint import config_to_dict, make_encoder
from speakersdk_training.config import TrainConfig, config_from_dict, load_config
from speakersdk_training.errors import TrainingError

CONFIGS = Path(__file__).parents[2] / "training" / "experiments"
TEXT = """
[run]
name = "n"
steps = 7
crop_s = [1, 2.5]

[[data.corpora]]
root = "a"

[[data.corpora]]
root = "b"
layout = "packs"
split = "train"

[tdnn]
dilations = [1, 2]
joined_blocks = [2]
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "config.toml"
    path.write_text(TEXT)
    return path


def test_file_fills_the_dataclasses(path: Path) -> None:
    config = load_config(path)
    assert (config.run.name, config.run.steps) == ("n", 7)
    assert config.run.crop_s == (1.0, 2.5)  # an integer is a number
    assert [type(value) for value in config.run.crop_s] == [float, float]
    assert [(c.root, c.layout, c.split) for c in config.data.corpora] == [
        ("a", "folders", ""),
        ("b", "packs", "train"),
    ]
    assert config.tdnn.dilations == (1, 2)
    assert config.tdnn.channels == 128  # the dataclass's default
    assert config.trials == ()


def test_overrides_win_and_take_toml_or_bare_words(path: Path) -> None:
    config = load_config(
        path,
        (
            "run.steps=8",
            "run.name=other name",
            "run.crop_s=[3.0]",
            "optim.learning_rate=1e-4",
            "margin_softmax.similarity=symmetric_kl",
            'run.device="cpu"',
        ),
    )
    assert config.run.steps == 8
    assert config.run.name == "other name"
    assert config.run.crop_s == (3.0,)
    assert config.run.device == "cpu"
    assert config.optim.learning_rate == 1e-4
    assert config.margin_softmax.similarity == "symmetric_kl"


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("run.stps=8", "configuration.run: unknown key 'stps'; known: .*steps"),
        ("rn.steps=8", "configuration: unknown key 'rn'; known: augment, "),
        ("run.steps=many", "configuration.run.steps: expected int, got 'many'"),
        ("run.steps=8.0", "configuration.run.steps: expected int, got 8.0"),
        ("run.steps=true", "configuration.run.steps: expected int, got True"),
        ("run.name=7", "configuration.run.name: expected str, got 7"),
        ("run.compile=1", "configuration.run.compile: expected bool, got 1"),
        ("run.speech_weight=true", "speech_weight: expected float, got True"),
        ("run.crop_s=2.0", "configuration.run.crop_s: expected a list, got 2.0"),
        ("run.crop_s=[2.0, 'x']", r"configuration.run.crop_s\[1\]: expected float, got 'x'"),
        ("run.encoder=cnn", r"configuration.run.encoder: expected tdnn \| blstm, got 'cnn'"),
        ("data.corpora=[3]", r"configuration.data.corpora\[0\]: expected a table, got 3"),
        ("data.corpora=[{}]", r"configuration.data.corpora\[0\]: .*'root'"),
        ("run=3", "expected --set section.key=value, got 'run=3'"),
        ("run.steps", "expected --set section.key=value, got 'run.steps'"),
        ("data.corpora.root=a", r"configuration.data: unknown key 'corpora\.root'"),
        ("trials.name=x", "trials.name=x: trials is a list"),
    ],
)
def test_what_does_not_fit_is_named(path: Path, override: str, message: str) -> None:
    if override.startswith("trials"):
        path.write_text(TEXT + '[[trials]]\nname = "t"\n')
    with pytest.raises(TrainingError, match=message):
        load_config(path, (override,))


@pytest.mark.parametrize(
    "override",
    [
        "run.steps=0",
        "run.log_every=0",
        "run.evaluate_every=0",
        "run.checkpoint_every=-1",
        "run.batch_size=1",
        "run.crop_s=[]",
        "run.crop_s=[2.0, 0.01]",
        "data.speeds=[]",
        "data.speeds=[1.0, 0.0]",
        "data.corpora=[]",
    ],
)
def test_values_that_no_run_can_have(path: Path, override: str) -> None:
    name = override.split("=", maxsplit=1)[0]
    expected = "run.*_every" if "every" in name else name
    with pytest.raises(ConfigError, match=re.escape(expected)):
        load_config(path, (override,))


def test_range_checks_of_the_parts_are_errors_of_ours(path: Path) -> None:
    with pytest.raises(ConfigError, match="joined_blocks"):
        load_config(path, ("tdnn.joined_blocks=[3]",))
    with pytest.raises(ConfigError, match="low_hz"):
        load_config(path, ("frontend.low_hz=9000",))


def test_missing_section_and_file(path: Path, tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match=r"expected a training configuration at .*none\.toml"):
        load_config(tmp_path / "none.toml")
    path.write_text('[run]\nname = "n"\n')
    with pytest.raises(TrainingError, match=r"configuration: .*'data'"):
        load_config(path)
    path.write_text("[run\n")
    with pytest.raises(TrainingError, match=r"config\.toml is not valid TOML"):
        load_config(path)


def test_round_trip_through_plain_values(tiny_values: dict[str, Any]) -> None:
    config = config_from_dict(tiny_values)
    plain = config_to_dict(config)
    assert config_from_dict(plain) == config
    assert config_from_dict(json.loads(json.dumps(plain))) == config


@pytest.mark.parametrize("name", ["default", "tiny"])
def test_shipped_configurations_are_valid(name: str) -> None:
    config = load_config(Path(__file__).parents[2] / "models" / name / "config.toml")
    assert isinstance(config, TrainConfig)
    assert config.run.encoder == "tdnn"


def test_errors_of_configuration_are_caught_as_one() -> None:
    assert issubclass(TrainingError, SpeakerSdkError)
    assert issubclass(ConfigError, SpeakerSdkError)


def test_a_file_stands_on_its_base(tmp_path: Path) -> None:
    (tmp_path / "base.toml").write_text(
        '[run]\nname = "base"\nsteps = 7\n[data]\nspeeds = [0.9, 1.0]\n'
        '[[data.corpora]]\nroot = "here"\n[[data.corpora]]\nroot = "there"\n'
    )
    (tmp_path / "own.toml").write_text(
        'base = "base.toml"\n[run]\nname = "own"\n[[data.corpora]]\nroot = "elsewhere"\n'
    )
    config = load_config(tmp_path / "own.toml", ("run.seed=3",))
    assert (config.run.name, config.run.steps, config.run.seed) == ("own", 7, 3)
    assert config.data.speeds == (0.9, 1.0)
    assert [corpus.root for corpus in config.data.corpora] == ["elsewhere"]


def test_a_base_must_be_another_file(tmp_path: Path) -> None:
    for first, second, message in (
        ("b.toml", "a.toml", "expected base to name another file"),
        ("none.toml", "a.toml", "expected a training configuration at .*none.toml, found none"),
    ):
        (tmp_path / "a.toml").write_text(f'base = "{first}"\n')
        (tmp_path / "b.toml").write_text(f'base = "{second}"\n')
        with pytest.raises(TrainingError, match=message):
            load_config(tmp_path / "a.toml")


@pytest.mark.parametrize("path", sorted(CONFIGS.glob("*.toml")), ids=lambda path: path.stem)
def test_every_experiment_is_valid_and_fits_the_budget(path: Path) -> None:
    config = load_config(path)
    encoder = make_encoder(config)
    assert sum(each.numel() for each in encoder.parameters()) <= (
        4_000_000 if "large" in path.stem else 1_500_000
    )
    if path.stem.startswith("all-"):
        assert config.data.corpora[0].leave_out == ()
    elif config.teacher.table:  # chosen after the run, on lists of the same corpora and more
        assert config.data.corpora[0].leave_out
        assert config.data.corpora[0].held_out_of == ("common-voice",)
    else:  # chosen by corpora outside their training, and by readers outside it
        listed = {trials.name.rsplit("-", 1)[0] for trials in config.trials}
        others = {"librispeech", "speechocean762-heard"}
        assert listed == {*config.data.corpora[0].leave_out, *others}


@pytest.mark.parametrize(
    ("section", "values", "message"),
    [
        ("run", {"shards": 3}, r"expected run.batch_size in equal shards of 2 or more"),
        ("run", {"mixed_share": 1.5}, r"give_up_above in \[0, 1\]"),
        ("run", {"mixed_share": 0.5, "loss": "pairwise_kl"}, "go with run.loss = margin_softmax"),
        ("data", {"vocal_tracts": [0.1]}, r"expected data.vocal_tracts of 0.5 to 2"),
        ("data", {"speaker_power": -1.0}, r"speaker_power of 0 or more, got 60.0 and -1.0"),
        ("pair_softmax", {"weight": 1.0}, "pair_softmax.weight needs pairs"),
        ("margin_softmax", {"sub_centres": 0}, "expected margin_softmax.sub_centres of 1 or more"),
    ],
)
def test_options_that_do_not_go_together(
    tiny_values: dict[str, Any], section: str, values: dict[str, Any], message: str
) -> None:
    tiny_values[section] = {**tiny_values.get(section, {}), **values}
    with pytest.raises(ConfigError, match=message):
        config_from_dict(tiny_values)


def test_masks_need_the_stateful_encoder(tiny_values: dict[str, Any]) -> None:
    tiny_values["run"]["encoder"] = "blstm"
    tiny_values["spec_augment"] = {"rows": 0.5}
    with pytest.raises(ConfigError, match=r"spec_augment.rows = 0 with the blstm"):
        config_from_dict(tiny_values)
