"""What export raises on purpose."""

from __future__ import annotations

from speakersdk.errors import SpeakerSdkError


class ParityError(SpeakerSdkError):
    """The ONNX file does not do what the torch encoder does; it was not written.

    Attributes:
        check: which check failed.
    """

    def __init__(self, check: str, *, expected: str, got: str) -> None:
        super().__init__(f"{check}: expected {expected}, got {got}; the model file was not written")
        self.check = check
