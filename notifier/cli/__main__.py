"""`python -m notifier.cli` is the script `notifier`."""

import sys

from notifier.cli import main

sys.exit(main())
