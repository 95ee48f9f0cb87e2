"""Where the words of messages were in 0.1; they are in `notifier.wording`. Goes in 0.3."""

from __future__ import annotations

from warnings import warn

from notifier.domain.message import Message
from notifier.wording import RenderedMessage, lines, render

__all__ = ["lines", "story"]


def story(message: Message) -> RenderedMessage:
    """`notifier.wording.render`, under the name that the README of 0.1 gave it."""
    warn(
        "notifier.channels.wording.story is notifier.wording.render now: change the import",
        DeprecationWarning,
        stacklevel=2,
    )
    return render(message)
