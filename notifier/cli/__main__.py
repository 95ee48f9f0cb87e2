"""`python -m notifier.cli`, the same as the script `notifier`."""

import sys

from notifier.cli import main

sys.exit(main())
