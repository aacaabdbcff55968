"""The training configuration: frozen dataclasses, filled strictly from one TOML file.

The defaults are in the dataclasses. An unknown key or a wrong type is an error. Precedence:
default < file < ``--set section.key=value``. The resolved configuration is saved in the checkpoint.
"""

from __future__ import annotations

import dataclasses
import tomllib
import types
import typing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, TypeVar

from speakersdk.encoder.frontend import FrontendConfig
from speakersdk.errors import ConfigError
from speakersdk_training.augment.augmenter import AugmentConfig
from speakersdk_training.augment.spec_augment import SpecAugmentConfig
from speakersdk_training.augment.tones import TonesConfig
from speakersdk_training.compute.optim import OptimConfig
from speakersdk_training.data.speaker_draws import SamplerConfig
from speakersdk_training.errors import TrainingError
from speakersdk_training.losses.jensen_shannon import JensenShannonConfig
from speakersdk_training.losses.margin_softmax import MarginSoftmaxConfig
from speakersdk_training.losses.pair_likelihood import PairLikelihoodConfig
from speakersdk_training.losses.pair_softmax import PairSoftmaxConfig
from speakersdk_training.losses.pairwise_kl import PairwiseKlConfig
from speakersdk_training.losses.prototypical import PrototypicalConfig
from speakersdk_training.models.blstm import BlstmConfig
from speakersdk_training.models.tdnn import TdnnConfig
from speakersdk_training.teacher.config import TeacherConfig

T = TypeVar("T")

LossName = Literal[
    "margin_softmax", "pairwise_kl", "pair_likelihood", "jensen_shannon", "prototypical", "ge2e"
]
SHORTEST_CROP_S = 0.1  # a few frames with any front end


@dataclass(frozen=True, slots=True, kw_only=True)
class CorpusConfig:
    """A corpus, and the part of it for training.

    Attributes:
        root: folder of the corpus.
        layout: packs | folders | voxceleb | librispeech | kaldi.
        split: keep only utterances of this split; empty means all.
        held_out: share of speakers left out (by the hash of the name), for corpora without a split.
        held_out_of: corpora in the folder to which `held_out` applies; empty means all.
        leave_out: corpora in the folder that are excluded from the training; an evaluation on
            them measures the encoder on unseen corpora.
    """

    root: str
    layout: str = "folders"
    split: str = ""
    held_out: float = 0.0
    held_out_of: tuple[str, ...] = ()
    leave_out: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class DataConfig:
    """The training data.

    Attributes:
        corpora: one or more corpora.
        speech_labels: file of ``speakersdk-train speech-labels``; empty means no speech head.
        cache: folder for decoded audio, which the next run reuses; empty means none.
        noise, rooms: folders of recorded noise and impulse responses; empty means only simulated
            ones.
        speeds: playing speeds.
        vocal_tracts: factors of the formant frequencies. Every pair of a speed and a factor is a
            voice, and every voice of a speaker is a class.
        speaker_cap_s, speaker_power: a speaker is drawn in proportion to this power of the seconds
            of audio, up to this cap.
        max_speakers: number of speakers to keep (for small runs); 0 means all.
    """

    corpora: tuple[CorpusConfig, ...]
    speech_labels: str = ""
    cache: str = ""
    noise: str = ""
    rooms: str = ""
    speeds: tuple[float, ...] = (0.9, 1.0, 1.1)
    vocal_tracts: tuple[float, ...] = (1.0,)
    speaker_cap_s: float = 60.0
    speaker_power: float = 0.5
    max_speakers: int = 0

    def __post_init__(self) -> None:
        if not self.corpora:
            raise ConfigError("expected at least one entry in data.corpora, got none")
        if self.speaker_cap_s <= 0 or self.speaker_power < 0:
            raise ConfigError(
                "expected data.speaker_cap_s above 0 and speaker_power of 0 or more, got "
                f"{self.speaker_cap_s} and {self.speaker_power}"
            )
        if not self.speeds or min(self.speeds) <= 0:
            raise ConfigError(f"expected data.speeds above 0, got {self.speeds}")
        if not self.vocal_tracts or not all(0.5 <= factor <= 2 for factor in self.vocal_tracts):
            raise ConfigError(f"expected data.vocal_tracts of 0.5 to 2, got {self.vocal_tracts}")


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialsConfig:
    """A list of development trials.

    Attributes:
        name: name of the list in reports.
        trials: VoxCeleb-form trial list.
        segments: segment list that the trials name.
        root: base folder of the segments' paths.
    """

    name: str
    trials: str
    segments: str
    root: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RunConfig:
    """The length, batches, model and hardware of a run.

    Attributes:
        name: name of the model.
        encoder: tdnn | blstm.
        loss: margin_softmax | pairwise_kl | pair_likelihood | jensen_shannon | prototypical | ge2e;
            all but the first compare the crops of a batch, and the last two need `sampler.kind`
            grouped.
        steps: number of optimizer steps.
        budget_s: seconds of training after which a run ends even before its last step; 0 means no
            limit. Schedules follow the steps or the seconds, whichever is further so that the
            learning rate reaches its final value in both cases.
        batch_size: crops per step, over all processes.
        shards: number of parts of the speakers and of every batch; a multiple of the number
            of processes. The same number of shards draws the same batches in any number of
            processes.
        start_from: checkpoint whose weights the encoder starts from, and the map to the teacher
            too if its shape fits; empty means random weights.
        new_blocks: blocks of the TDNN (counted from 1) that the checkpoint of `start_from` lacks;
            they and new blocks of the 2-D front start as identities.
        crop_s: crop lengths in seconds; each step draws one.
        mixed_share: share of rows that get a second, quieter voice, with the loss shared between
            both.
        fine_share: share of the steps, at the end, that fine-tune with long crops and a large
            margin; 0 means none.
        fine_crop_s, fine_margin: crop lengths and margin of the fine-tuning.
        give_up_after: share of the steps after which the loss must have fallen below
            `give_up_above` of the first logged one, or the run ends with an error; 0 means never.
        give_up_above: share of the first logged loss, see `give_up_after`.
        speech_weight: weight of the speech head's cross-entropy.
        precision: bf16 runs the encoder under autocast, fp32 does not.
        compile: fuse the encoder's small operators with torch.compile; worthwhile on a GPU after
            a few minutes.
        cuda_graphs: replay whole steps as CUDA graphs, because launching their many small kernels
            takes longer than running them. Only for a single process; no effect on a CPU.
        device: cpu, cuda, cuda:N, or auto for cuda if there is one.
        seed: seed of all random draws.
        evaluate_every, checkpoint_every, log_every: number of steps between evaluations,
            checkpoints and log lines.
    """

    name: str
    encoder: Literal["tdnn", "blstm"] = "tdnn"
    loss: LossName = "margin_softmax"
    steps: int = 3000
    budget_s: float = 0.0
    batch_size: int = 512
    shards: int = 1
    start_from: str = ""
    new_blocks: tuple[int, ...] = ()
    crop_s: tuple[float, ...] = (2.0,)
    mixed_share: float = 0.0
    fine_share: float = 0.0
    fine_crop_s: float = 4.0
    fine_margin: float = 0.4
    give_up_after: float = 0.0
    give_up_above: float = 0.9
    speech_weight: float = 0.1
    precision: Literal["bf16", "fp32"] = "bf16"
    compile: bool = False
    cuda_graphs: bool = False
    device: str = "auto"
    seed: int = 1
    evaluate_every: int = 1000
    checkpoint_every: int = 1000
    log_every: int = 20

    def __post_init__(self) -> None:
        every = (self.evaluate_every, self.checkpoint_every, self.log_every)
        if min(self.steps, *every) < 1:
            raise ConfigError(
                f"expected run.steps and run.*_every of 1 or more, got {self.steps} and {every}"
            )
        if self.batch_size < 2:
            raise ConfigError(
                f"expected run.batch_size >= 2 (norms need two rows), got {self.batch_size}"
            )
        if not self.crop_s or min(*self.crop_s, self.fine_crop_s) < SHORTEST_CROP_S:
            raise ConfigError(
                f"expected run.crop_s and run.fine_crop_s of {SHORTEST_CROP_S} or more, got "
                f"{self.crop_s} and {self.fine_crop_s}"
            )
        if self.shards < 1 or self.batch_size % self.shards or self.batch_size == self.shards:
            raise ConfigError(
                f"expected run.batch_size in equal shards of 2 or more, got {self.batch_size} "
                f"in {self.shards}"
            )
        shares = (self.mixed_share, self.fine_share, self.give_up_after, self.give_up_above)
        if not all(0 <= share <= 1 for share in shares) or self.budget_s < 0:
            raise ConfigError(
                "expected run.mixed_share, fine_share, give_up_after and give_up_above in [0, 1] "
                f"and budget_s of 0 or more, got {shares} and {self.budget_s}"
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainConfig:
    """The complete configuration of a run."""

    run: RunConfig
    data: DataConfig
    trials: tuple[TrialsConfig, ...] = ()
    frontend: FrontendConfig = field(default_factory=FrontendConfig)
    tdnn: TdnnConfig = field(default_factory=TdnnConfig)
    blstm: BlstmConfig = field(default_factory=BlstmConfig)
    margin_softmax: MarginSoftmaxConfig = field(default_factory=MarginSoftmaxConfig)
    pairwise_kl: PairwiseKlConfig = field(default_factory=PairwiseKlConfig)
    pair_likelihood: PairLikelihoodConfig = field(default_factory=PairLikelihoodConfig)
    jensen_shannon: JensenShannonConfig = field(default_factory=JensenShannonConfig)
    prototypical: PrototypicalConfig = field(default_factory=PrototypicalConfig)
    sampler: SamplerConfig = field(default_factory=SamplerConfig)
    optim: OptimConfig = field(default_factory=OptimConfig)
    augment: AugmentConfig = field(default_factory=AugmentConfig)
    spec_augment: SpecAugmentConfig = field(default_factory=SpecAugmentConfig)
    pair_softmax: PairSoftmaxConfig = field(default_factory=PairSoftmaxConfig)
    teacher: TeacherConfig = field(default_factory=TeacherConfig)
    tones: TonesConfig = field(default_factory=TonesConfig)

    def __post_init__(self) -> None:
        if self.run.encoder == "blstm" and self.spec_augment.rows:
            raise ConfigError("expected spec_augment.rows = 0 with the blstm encoder")
        if self.run.loss != "margin_softmax" and (self.run.mixed_share or self.pair_softmax.weight):
            raise ConfigError(
                "run.mixed_share and pair_softmax.weight go with run.loss = margin_softmax, got "
                f"{self.run.loss}"
            )
        if self.tones.is_used and not self.data.speech_labels:
            raise ConfigError("tones change what is speech: expected data.speech_labels")
        if self.teacher.table and (self.run.mixed_share or self.data.vocal_tracts != (1.0,)):
            raise ConfigError(
                "a teacher's table contains only playing speeds and single voices: expected "
                "data.vocal_tracts = [1.0] and run.mixed_share = 0"
            )
        if self.pair_softmax.weight and self.sampler.kind in {"weighted", "distinct"}:
            raise ConfigError('pair_softmax.weight needs pairs: sampler.kind = "grouped"')


def load_config(path: Path, overrides: tuple[str, ...] = ()) -> TrainConfig:
    """Read a configuration from a TOML file.

    Args:
        path: the file; relative paths inside it are relative to the working directory. A first line
            ``base = "other.toml"``, relative to the file, names a file whose values are the
                defaults of this one; lists are replaced as a whole.
        overrides: ``section.key=value``, value in TOML syntax (or a bare string).

    Raises:
        TrainingError: the file is missing or not TOML, a key is unknown, or a type is wrong.
    """
    values = _read_toml(path)
    for override in overrides:
        _override(values, override)
    return config_from_dict(values)


def _read_toml(path: Path, followed: tuple[Path, ...] = ()) -> dict[str, Any]:
    if not path.is_file():
        raise TrainingError(f"expected a training configuration at {path}, found none")
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    except tomllib.TOMLDecodeError as error:
        raise TrainingError(f"{path} is not valid TOML: {error}") from error
    base = values.pop("base", None)
    if base is None:
        return values
    if not isinstance(base, str) or path.resolve() in followed:
        raise TrainingError(f"{path}: expected base to name another file, got {base!r}")
    return _merged(_read_toml(path.parent / base, (*followed, path.resolve())), values)


def _merged(base: dict[str, Any], values: dict[str, Any]) -> dict[str, Any]:
    """Merge values into those of the base, table by table."""
    merged = dict(base)
    for key, value in values.items():
        below = merged.get(key)
        both = isinstance(below, dict) and isinstance(value, dict)
        merged[key] = _merged(below, value) if both else value  # type: ignore[arg-type]
    return merged


def config_from_dict(values: dict[str, Any]) -> TrainConfig:
    """Build the configuration from nested dicts, the form in TOML files and checkpoints."""
    return _build(TrainConfig, values, where="configuration")


def _override(values: dict[str, Any], override: str) -> None:
    key, separator, text = override.partition("=")
    section, _, name = key.partition(".")
    if not separator or not name:
        raise TrainingError(f"expected --set section.key=value, got {override!r}")
    try:
        value = tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        value = text
    table = values.setdefault(section, {})
    if not isinstance(table, dict):
        raise TrainingError(f"--set {override}: {section} is a list; edit the file instead")
    table[name] = value


def _build(kind: type[T], values: object, where: str) -> T:
    if not isinstance(values, dict):
        raise TrainingError(f"{where}: expected a table, got {values!r}")
    hints = typing.get_type_hints(kind)
    unknown = sorted(set(values) - set(hints))
    if unknown:
        raise TrainingError(
            f"{where}: unknown key {unknown[0]!r}; known: {', '.join(sorted(hints))}"
        )
    arguments = {
        name: _convert(hints[name], value, f"{where}.{name}") for name, value in values.items()
    }
    try:
        return kind(**arguments)
    except TypeError as error:
        raise TrainingError(f"{where}: {error}") from error


def _convert(hint: Any, value: Any, where: str) -> Any:
    origin = typing.get_origin(hint)
    if dataclasses.is_dataclass(hint):
        return _build(typing.cast("type[object]", hint), value, where)
    if origin is tuple:
        if not isinstance(value, list | tuple):
            raise TrainingError(f"{where}: expected a list, got {value!r}")
        element = typing.get_args(hint)[0]
        return tuple(_convert(element, item, f"{where}[{i}]") for i, item in enumerate(value))
    if origin is Literal:
        choices = typing.get_args(hint)
        if value not in choices:
            raise TrainingError(f"{where}: expected {' | '.join(choices)}, got {value!r}")
        return value
    if hint is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if (
        isinstance(hint, types.GenericAlias)
        or not isinstance(value, hint)
        or (hint is int and isinstance(value, bool))
    ):
        raise TrainingError(f"{where}: expected {hint.__name__}, got {value!r}")
    return value
