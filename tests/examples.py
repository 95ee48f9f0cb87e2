"""The number of Hypothesis examples: `default`, or `deep` with HYPOTHESIS_PROFILE=deep in the environment.

Neither profile has a deadline: the duration of an example depends on the machine.
"""

from __future__ import annotations

import os

from hypothesis import settings

DEEP = os.environ.get("HYPOTHESIS_PROFILE") == "deep"

settings.register_profile("default", deadline=None, max_examples=30)
settings.register_profile("deep", deadline=None, max_examples=100)
settings.load_profile("deep" if DEEP else "default")


def examples(default: int, deep: int) -> int:
    """The settings of a property that needs other numbers of examples."""
    return deep if DEEP else default
