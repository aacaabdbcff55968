"""Code of other projects, imported from their wheels.

Installed, these packages need gigabytes of others. Their modules are imported as they are, but
packages run no code of their own, and what a module needs only for training is left empty.
"""

from __future__ import annotations

import contextlib
import importlib
import logging
import os
import sys
import warnings
import zipfile
from collections.abc import Iterator, Mapping
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
import torch

from speakersdk_export.adopt.filterbank import mel_filters

REPOSITORY = Path(__file__).parents[3]


def published_wheel(package: str) -> Path:
    """The downloaded wheel of another project."""
    wheels = Path(os.environ.get("SPEAKERSDK_PUBLISHED", REPOSITORY / "build" / "published"))
    wheel = next(iter(sorted(wheels.glob(f"{package}-*.whl"))), None)
    if wheel is None:
        reason = f"no wheel of {package} in {wheels}; run .ci/fetch-published"
        if os.environ.get("SPEAKERSDK_REQUIRE_PUBLISHED") == "1":
            pytest.fail(reason)
        pytest.skip(reason)
    return wheel


class EmptyPackages(MetaPathFinder, Loader):
    """Finds the packages of a wheel without the code of their __init__.py."""

    def __init__(self, wheel: Path) -> None:
        self.wheel = wheel
        with zipfile.ZipFile(wheel) as archive:
            self.folders = {
                str(folder) for name in archive.namelist() for folder in Path(name).parents
            }

    def find_spec(self, name: str, *_: Any) -> ModuleSpec | None:
        folder = name.replace(".", "/")
        if folder not in self.folders:
            return None
        spec = ModuleSpec(name, self, is_package=True)
        spec.submodule_search_locations = [str(self.wheel / folder)]
        return spec

    def exec_module(self, module: ModuleType) -> None:
        pass


@contextlib.contextmanager
def published_module(
    wheel: Path, name: str, stubs: Mapping[str, Mapping[str, Any]]
) -> Iterator[Any]:
    """Import a module of a wheel, and forget its package afterwards.

    Args:
        wheel: the downloaded wheel.
        name: full name of the module.
        stubs: contents of modules that are not taken from the wheel, by name.
    """
    roots = {each.partition(".")[0] for each in (name, *stubs)}

    def taken() -> dict[str, ModuleType]:
        return {each: sys.modules[each] for each in sys.modules if each.partition(".")[0] in roots}

    before = taken()
    finder = EmptyPackages(wheel)
    for each in before:
        del sys.modules[each]
    for each, values in stubs.items():
        sys.modules[each] = ModuleType(each)
        vars(sys.modules[each]).update(values)
    sys.meta_path.insert(0, finder)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of torch, about its older interfaces
            module = importlib.import_module(name)
        yield module
    finally:
        sys.meta_path.remove(finder)
        for each in taken():
            del sys.modules[each]
        sys.modules.update(before)


def unchanged(value: Any) -> Any:
    return value


_HOOKS = ("mark_as_loader", "mark_as_saver", "mark_as_transfer", "register_checkpoint_hooks")
SPEECHBRAIN = {
    "torchaudio": {},
    "speechbrain.dataio.audio_io": {},
    "speechbrain.utils.checkpoints": dict.fromkeys(_HOOKS, unchanged),
    "speechbrain.utils.distributed": {"ddp_all_reduce": None},
    "speechbrain.utils.filter_analysis": {"FilterProperties": SimpleNamespace},
    "speechbrain.utils.logger": {"get_logger": logging.getLogger},
    "speechbrain.utils.torch_audio_backend": {
        "check_torchaudio_backend": lambda: None,
        "validate_backend": None,
    },
}


def slaney_filters(*, sr: int, n_fft: int, n_mels: int, fmin: float, fmax: float, norm: str) -> Any:
    """Our filterbank with the arguments of librosa's, which is not installed."""
    if norm != "slaney":
        raise ValueError(f"expected slaney, got {norm}")
    return mel_filters(
        "slaney", num_mels=n_mels, fft_size=n_fft, low_hz=fmin, high_hz=fmax, sample_rate_hz=sr
    )


class Exportable:
    def _prepare_for_export(self, **_: Any) -> None:
        """Nothing else is changed for an export."""


class WithoutAdapters:
    """NeMo's mixins of modules to which no adapter was added."""

    def is_adapter_available(self) -> bool:
        return False

    def is_access_enabled(self, _: Any) -> bool:
        return False


_TYPES = (
    "AcousticEncodedRepresentation", "LengthsType", "LogitsType", "LogprobsType", "NeuralType",
    "SpectrogramType",
)  # fmt: skip
_ADAPTERS = {"AdapterModuleMixin": type("AdapterModuleMixin", (WithoutAdapters,), {})}
NEMO = {
    "librosa": {"filters": SimpleNamespace(mel=slaney_filters)},
    "omegaconf": {"DictConfig": dict, "ListConfig": tuple, "MISSING": None, "OmegaConf": None},
    "nemo.utils": {"logging": logging.getLogger("nemo")},
    "nemo.collections.asr.parts.preprocessing.perturb": {"AudioAugmentor": None},
    "nemo.collections.asr.parts.preprocessing.segment": {"AudioSegment": None},
    "nemo.collections.asr.parts.utils": {"adapter_utils": None},
    "nemo.collections.common.parts.utils": {"activation_registry": {"relu": torch.nn.ReLU}},
    "nemo.core.classes.common": {"typecheck": lambda: unchanged},
    "nemo.core.classes.exportable": {"Exportable": Exportable},
    "nemo.core.classes.mixins": {
        "AccessMixin": type("AccessMixin", (WithoutAdapters,), {}),
        "adapter_mixins": SimpleNamespace(**_ADAPTERS, get_registered_adapter=unchanged),
    },
    "nemo.core.classes.mixins.adapter_mixins": _ADAPTERS,
    "nemo.core.classes.module": {"NeuralModule": torch.nn.Module},
    "nemo.core.neural_types": dict.fromkeys(_TYPES),
}
# Front ends inside ReDimNet2's file, which the network does not use.
_FRONT_ENDS = ("FbankAug", "NormalizeAudio", "PreEmphasis", "TFMelBanks", "TFSpectrogram")
WESPEAKER = {"wespeaker.frontend.tfmel": dict.fromkeys(_FRONT_ENDS)}
