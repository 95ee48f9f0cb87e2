"""The former place of what `notifier.channels.api` has now. Deprecated since 0.2, removed in 0.3."""

from __future__ import annotations

from warnings import warn

from notifier.wording import lines
from notifier.wording import render as story

__all__ = ["lines", "story"]

warn(
    "notifier.channels.wording goes in 0.3: import `lines`, and `render` for `story`, from notifier.channels.api",
    DeprecationWarning,
    stacklevel=2,
)
