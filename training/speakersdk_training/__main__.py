"""``python -m speakersdk_training`` is ``speakersdk-train``."""

import sys

from speakersdk_training.cli import main

sys.exit(main())
