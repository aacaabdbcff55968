"""``python -m speakersdk_training`` is the ``speakersdk-train`` command."""

import sys

try:
    from speakersdk_training.cli import main

    status = main()
except KeyboardInterrupt:  # before the command handles it
    status = 130
sys.exit(status)
