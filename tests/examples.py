"""How thoroughly properties are tried: `default`, or `deep` with HYPOTHESIS_PROFILE=deep in the environment.

Neither has a deadline: how long an example takes says more about the machine than about the code.
"""

from __future__ import annotations

import os

from hypothesis import settings

DEEP = os.environ.get("HYPOTHESIS_PROFILE") == "deep"

settings.register_profile("default", deadline=None, max_examples=30)
settings.register_profile("deep", deadline=None, max_examples=100)
settings.load_profile("deep" if DEEP else "default")


def examples(default: int, deep: int) -> int:
    """For a property whose examples are dearer, or must be more, than those of others."""
    return deep if DEEP else default
