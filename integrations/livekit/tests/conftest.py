"""The detector of LiveKit imports onnxruntime before speakersdk does: and its telemetry is off."""

import os

os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
