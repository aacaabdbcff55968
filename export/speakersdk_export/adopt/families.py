"""The families of published encoders that can be adopted, and their front ends.

Sources, read and compared by the tests: Kaldi's feature-fbank.cc (kaldi-native-fbank), WeSpeaker's
bin/infer_onnx.py, 3D-Speaker's speakerlab/process/processor.py, NeMo's
collections/asr/parts/preprocessing/features.py, SpeechBrain's processing/features.py, and
redimnet2_onnx/frontend.py.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from speakersdk.errors import ConfigError
from speakersdk_export.adopt.front_end import FrontEnd

# Kaldi's floor of the logarithm, the float32 epsilon.
_KALDI_FLOOR: Final = 1.1920928955078125e-07
_KALDI: Final = FrontEnd(remove_frame_mean=True, energy_floor=_KALDI_FLOOR)


@dataclass(frozen=True, slots=True, kw_only=True)
class Family:
    """The common properties of all encoders of a family.

    Attributes:
        name: name on the command line.
        front_end: front end from the waveform to the features.
        inputs: names of the features in published files; () means the only input.
        length_input: name of an input with the number of valid frames; None if there is none.
        outputs: names of the embedding in published files; () means the only output.
        minimum_s, maximum_s: seconds of audio per call; None means any length.
        takes_batches: whether one call takes several recordings.
        licence: license of the published weights according to their publisher; empty if it varies.
    """

    name: str
    front_end: FrontEnd
    inputs: tuple[str, ...] = ()
    length_input: str | None = None
    outputs: tuple[str, ...] = ()
    minimum_s: float = 0.5
    maximum_s: float | None = None
    takes_batches: bool = True
    licence: str = ""


FAMILIES: Final[Mapping[str, Family]] = {
    family.name: family
    for family in (
        Family(
            name="wespeaker",
            front_end=FrontEnd(
                remove_frame_mean=True,
                energy_floor=_KALDI_FLOOR,
                sample_scale=32768.0,
                window="hamming",
            ),
            inputs=("feats",),
            outputs=("embs",),
        ),
        Family(
            name="3d-speaker",
            front_end=_KALDI,
            inputs=("x", "feature", "feats"),
            outputs=("embedding",),
            licence="Apache-2.0",
        ),
        Family(
            name="nemo",
            front_end=FrontEnd(
                preemphasis_over="signal",
                window="hann",
                padding_samples=200,  # centered windows of 400 in DFTs of 512
                mel="slaney",
                low_hz=0.0,
                log_offset=2.0**-24,
                normalize="mean_deviation",
                drop_frames=1,
                # NeMo adds zeros up to a multiple of 16 frames, which its network then masks.
                layout="BFT",
            ),
            inputs=("audio_signal",),
            length_input="length",
            outputs=("embs",),
            licence="CC-BY-4.0",
        ),
        Family(
            name="speechbrain",
            front_end=FrontEnd(
                preemphasis_over="none",
                window="hamming_periodic",
                fft_size=400,
                padding_samples=200,
                mel="speechbrain",
                low_hz=0.0,
                energy_floor=1e-10,
                decibels=True,
                range_db=80.0,
            ),
            licence="Apache-2.0",
        ),
        Family(
            name="redimnet2",
            front_end=FrontEnd(
                normalize_waveform=True,
                preemphasis_over="reflect",
                window="hamming",
                padding_samples=80,
                mel="htk",
                num_mels=72,
                high_hz=7600.0,
                power_floor=1e-8,
                energy_floor=1e-8,
                log_offset=1e-8,
                multiple_of_frames=4,
                layout="B1FT",
            ),
            inputs=("features",),
            outputs=("embedding",),
            minimum_s=1.0,
            maximum_s=30.0,
            takes_batches=False,
            licence="MIT",
        ),
    )
}
# Families that sherpa-onnx names in the metadata of its files.
_SHERPA: Final = ("wespeaker", "3d-speaker", "nemo")


def family_of(name: str, metadata: Mapping[str, str]) -> Family:
    """Return the family with a name; `sherpa` reads it from the file's metadata.

    Args:
        name: one of `FAMILIES`, or `sherpa`.
        metadata: metadata of the published file.

    Raises:
        ConfigError: the family is unknown, or a sherpa file names none, or another sample rate.
    """
    if name == "sherpa":
        name = metadata.get("framework", "")
        if name not in _SHERPA:
            raise ConfigError(
                f"expected the metadata key 'framework' with {' or '.join(_SHERPA)}, as "
                f"sherpa-onnx writes it, got {name or 'none'!r}; name the family instead: "
                f"--family {'|'.join(FAMILIES)}"
            )
    if name not in FAMILIES:
        raise ConfigError(f"expected a family of {', '.join((*FAMILIES, 'sherpa'))}, got {name!r}")
    family = FAMILIES[name]
    expected = str(family.front_end.sample_rate_hz)
    rate = metadata.get("sample_rate", expected)
    if rate != expected:
        raise ConfigError(
            f"expected an encoder of audio at {expected} Hz, got one whose metadata says "
            f"sample_rate {rate!r}; it cannot be adopted"
        )
    return family
