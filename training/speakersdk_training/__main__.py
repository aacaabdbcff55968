"""``python -m speakersdk_training`` is the ``speakersdk-train`` command."""

import sys

try:
    from speakersdk_training.cli import main

    status = main()
except KeyboardInterrupt:  # before the command could take care of it
    status = 130
sys.exit(status)
