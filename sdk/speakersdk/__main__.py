"""``python -m speakersdk`` is the ``speakersdk`` command."""

import sys

try:
    from speakersdk.cli import main

    status = main()
except KeyboardInterrupt:  # before the command could take care of it
    status = 130
sys.exit(status)
