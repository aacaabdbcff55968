"""LiveKit's detector imports onnxruntime before speakersdk does. Its telemetry is off."""

import os

os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
