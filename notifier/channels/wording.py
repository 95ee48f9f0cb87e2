"""Where the words of messages were in 0.1; they are in `notifier.channels.api`. Goes in 0.3."""

from __future__ import annotations

from typing import Any
from warnings import warn

from notifier import wording

_NOW = {"lines": "lines", "story": "render"}


def __getattr__(name: str) -> Any:
    now = _NOW.get(name)
    if now is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    warn(
        f"notifier.channels.wording.{name} is notifier.channels.api.{now} now, and goes in 0.3: change the import",
        DeprecationWarning,
        stacklevel=2,
    )
    return getattr(wording, now)
