"""A calibration profile: the result of a refit for one device or microphone.

    llr = offset + scale * (llr of the model's own calibration)

docs/calibration.md describes the file. It belongs to one model and its calibration, and contains no
voices, only two weights and the counts and error rates behind them.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from speakersdk.arguments import checked
from speakersdk.calibration.calibration import Calibration
from speakersdk.encoder.manifest import ModelManifest
from speakersdk.errors import (
    CalibrationError,
    ConfigError,
    DuplicateSpeakerError,
    IncompatibleModelError,
)
from speakersdk.files import data_folder, make_private_folder, open_regular, replacement
from speakersdk.locks import folder_lock
from speakersdk.text import decoded_argument, file_name, is_visible, printable
from speakersdk.voiceprint.names import check_name, check_new_name

FORMAT_VERSION: Final = 2  # 1: no checksum
SUFFIX: Final = ".calibration.json"
_MAXIMUM_BYTES: Final = 1 << 16  # a profile has about 400
_MAXIMUM_SCALE: Final = 1e6
_MAXIMUM_OFFSET: Final = 100.0  # LLRs are smaller; a larger offset would accept everybody
# All other fields of a calibration are weights of its formula, in which the LLR is linear.
_NO_WEIGHTS = {
    "minimum_speech_s", "maximum_speech_s", "num_target", "num_nontarget", "operating_points",
    "cohort", "measured_on",
}  # fmt: skip


@checked
@dataclass(frozen=True, slots=True, kw_only=True)
class CalibrationProfile:
    """Two weights that adjust a model's calibration, with their origin.

    Attributes:
        name: name of the device or microphone; see `speakersdk.voiceprint.names.check_name`.
        model_name, model_sha256: name of the model and hash of its weights.
        base_sha256: hash of the model's own calibration.
        offset, scale: weights of the formula above; the scale is positive.
        num_speakers, num_recordings: counts behind the fit.
        created_utc: time of the fit in ISO 8601.
    """

    name: str
    model_name: str
    model_sha256: str
    base_sha256: str
    offset: float
    scale: float
    num_speakers: int
    num_recordings: int
    created_utc: str

    def __post_init__(self) -> None:
        object.__setattr__(self, "name", check_name(self.name))
        texts = (self.model_name, self.model_sha256, self.base_sha256, self.created_utc)
        counts = (self.num_speakers, self.num_recordings)
        if not (all(map(is_visible, texts)) and all(type(count) is int for count in counts)):
            raise ConfigError("expected texts of visible characters and whole numbers of speakers")
        if not (0 < self.scale <= _MAXIMUM_SCALE and abs(self.offset) <= _MAXIMUM_OFFSET):
            raise ConfigError(
                f"expected an offset of at most {_MAXIMUM_OFFSET:g} and a scale above 0, got "
                f"{self.offset!r:.20}, {self.scale!r:.20}"
            )

    @classmethod
    def of(
        cls,
        manifest: ModelManifest,
        *,
        name: str,
        offset: float,
        scale: float,
        num_speakers: int,
        num_recordings: int,
    ) -> CalibrationProfile:
        """Make a profile from two weights that were fitted for a model's calibration."""
        if manifest.calibration is None:
            raise ValueError("expected the manifest of a calibrated model, got one without")
        return cls(
            name=name,
            model_name=manifest.name,
            model_sha256=manifest.weights_sha256,
            base_sha256=calibration_sha256(manifest.calibration),
            offset=offset,
            scale=scale,
            num_speakers=num_speakers,
            num_recordings=num_recordings,
            created_utc=datetime.now(UTC).isoformat(timespec="seconds"),
        )

    def applied_to(self, manifest: ModelManifest) -> Calibration:
        """Return the adjusted calibration of a model.

        Raises:
            IncompatibleModelError: the profile was made with other weights.
            CalibrationError: the model has no calibration, or no longer the same one.
        """
        if manifest.weights_sha256 != self.model_sha256:
            raise IncompatibleModelError(
                expected=f"{manifest.name} ({manifest.weights_sha256[:12]})",
                got=f"{self.model_name} ({self.model_sha256[:12]})",
                what="calibration",
            )
        if manifest.calibration is None or calibration_sha256(manifest.calibration) != (
            self.base_sha256
        ):
            raise CalibrationError(
                f"expected the calibration of {manifest.name} that {self.name!r} was fitted on top "
                "of, got another one; run speakersdk calibrate again"
            )
        return rescaled(manifest.calibration, offset=self.offset, scale=self.scale)

    @staticmethod
    def check_new(name: str, *, replace: bool = False, folder: Path | None = None) -> None:
        """Check whether `save` would accept a profile of that name; arguments as for `save`.

        Raises:
            ConfigError: a profile of that name is already stored, or the name is invalid.
        """
        names = _stored_names(_folder(folder))
        if name not in names:
            try:
                check_new_name(name, names)
            except DuplicateSpeakerError as error:  # its text is about voiceprints
                raise ConfigError(
                    f"a calibration named {error.name!r} already exists, which differs only in "
                    f"case; write {error.name!r} with --replace, or choose another name"
                ) from error
        elif not replace:
            raise ConfigError(
                f"a calibration named {name!r} already exists; replace it with --replace"
            )

    def save(self, *, replace: bool = False, folder: Path | None = None) -> Path:
        """Store the profile under its name and return the file.

        Args:
            replace: replace a stored profile of the same name.
            folder: None means `calibrations` in the user's data folder, created if needed.

        Raises:
            ConfigError: a profile of that name is already stored.
        """
        folder = _folder(folder)
        path = folder / file_name(f"{self.name}{SUFFIX}")
        make_private_folder(folder)
        values = {"version": FORMAT_VERSION, **asdict(self)}
        content = {**values, "sha256": _checksum(values)}
        data = (json.dumps(content, indent=1, ensure_ascii=False) + "\n").encode()
        with folder_lock(folder):
            self.check_new(self.name, replace=replace, folder=folder)
            with replacement(path) as file:
                file.write(data)
        return path

    @classmethod
    def load(cls, name: str, *, folder: Path | None = None) -> CalibrationProfile:
        """Read a profile that is stored under a name, or the file if the name ends in .json.

        Raises:
            ConfigError: there is no such profile; the message lists the stored ones.
            CalibrationError: the file is damaged or of an unknown version.
        """
        folder = _folder(folder)
        is_file = name.endswith(".json")
        path = Path(name) if is_file else folder / file_name(f"{check_name(name)}{SUFFIX}")
        if not path.is_file():
            listing = ", ".join(map(printable, _stored_names(folder))) or "none"
            raise ConfigError(
                f"expected the name of a calibration (stored: {listing}) or a .json file, got "
                f"'{printable(name)}'; make one: speakersdk calibrate FOLDER --name NAME"
            )
        return cls._from_json(path)

    @classmethod
    def _from_json(cls, path: Path) -> CalibrationProfile:
        try:
            with open_regular(path) as file:
                data = file.read(_MAXIMUM_BYTES + 1)
            if len(data) > _MAXIMUM_BYTES:
                raise ValueError(f"expected at most {_MAXIMUM_BYTES} bytes")
            values: dict[str, Any] = json.loads(data)
            checksum = values.pop("sha256", None)
            version = values["version"]
            if type(version) is not int or not 1 <= version <= FORMAT_VERSION:
                raise CalibrationError(
                    f"{printable(path)}: expected calibration version {FORMAT_VERSION} or lower, "
                    f"got {version!r:.20}; install a speakersdk version that knows it"
                )
            expected = None if version == 1 else _checksum(values)
            if checksum != expected:
                raise ValueError("its checksum does not match: it was changed or damaged")
            del values["version"]
            return cls(**values)
        except (AttributeError, KeyError, TypeError, ValueError, RecursionError) as error:
            raise CalibrationError(
                f"{printable(path)}: the calibration is not valid: {error!r}; run speakersdk "
                "calibrate again"
            ) from error


def _folder(given: Path | None) -> Path:
    return data_folder("calibrations") if given is None else given


def _stored_names(folder: Path) -> list[str]:
    return sorted(
        decoded_argument(path.name).removesuffix(SUFFIX) for path in folder.glob(f"*{SUFFIX}")
    )


def _checksum(values: Mapping[str, Any]) -> str:
    """Hash the values, independently of the file's layout. It detects damage, not forgery."""
    canonical = json.dumps(values, sort_keys=True, allow_nan=False)
    return hashlib.sha256(canonical.encode()).hexdigest()


def find_profile(wanted: str | CalibrationProfile | None) -> CalibrationProfile | None:
    """Load a profile by name, as `CalibrationProfile.load` does, or return the given one.

    Raises:
        TypeError: neither a name nor a profile.
    """
    if isinstance(wanted, str):
        return CalibrationProfile.load(wanted)
    if wanted is None or isinstance(wanted, CalibrationProfile):
        return wanted
    raise TypeError(f"expected the name of a calibration as text, got {wanted!r}")


def calibration_sha256(calibration: Calibration) -> str:
    """Return the SHA-256 of all fields of a calibration."""
    return hashlib.sha256(json.dumps(asdict(calibration), sort_keys=True).encode()).hexdigest()


def rescaled(calibration: Calibration, *, offset: float, scale: float) -> Calibration:
    """Return a calibration whose LLR is offset + scale * llr, with unchanged thresholds."""
    weights = {
        field.name: scale * getattr(calibration, field.name)
        for field in fields(Calibration)
        if field.name not in _NO_WEIGHTS
    }
    return replace(calibration, **{**weights, "offset": offset + weights["offset"]})
