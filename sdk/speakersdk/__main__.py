"""``python -m speakersdk`` is the ``speakersdk`` command."""

import sys

from speakersdk.cli import main

sys.exit(main())
