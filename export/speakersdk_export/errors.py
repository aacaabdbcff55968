"""The errors of export."""

from __future__ import annotations

from collections.abc import Mapping

from speakersdk.errors import SpeakerSdkError


class ParityError(SpeakerSdkError):
    """The ONNX file differs from the torch encoder and was not written.

    Attributes:
        check: name of the failed check.
    """

    def __init__(self, check: str, *, expected: str, got: str) -> None:
        super().__init__(f"{check}: expected {expected}, got {got}; the model file was not written")
        self.check = check


class AccuracyError(SpeakerSdkError):
    """The converted model is less accurate than the original and was not written.

    Attributes:
        eers: EER of the original and of the converted model, in [0, 1], for each list on which it
            is worse.
    """

    def __init__(self, eers: Mapping[str, tuple[float, float]], *, limit: float) -> None:
        figures = ", ".join(
            f"{name} {100 * before:.2f} -> {100 * after:.2f} %"
            for name, (before, after) in eers.items()
        )
        super().__init__(
            f"expected EERs at most {100 * limit:g} points worse, got {figures}; the model file "
            "was not written; keep the original, or use more varied speech"
        )
        self.eers = dict(eers)
