"""Prints messages to standard output: for a first look, and for a container's log."""

from __future__ import annotations

import sys
from typing import TextIO

from notifier.channels import wording
from notifier.channels.base import ChannelSettings, Kind, Toolbox
from notifier.domain.delivery import Outcome, Receipt, Thread
from notifier.domain.errors import SendError
from notifier.domain.message import Message


class ConsoleSettings(ChannelSettings):
    """A console has nothing to set."""


def payload(message: Message) -> str:
    """A block of lines, each behind a bar: a line can neither be mistaken for a key nor for another program's."""
    told = wording.story(message)
    body = (f"| {line}".rstrip() for line in [told.subject, *wording.lines(told)])
    return "\n".join(["", *body, "", ""])


class ConsoleChannel:
    """Writes to `stream`, by default whatever `sys.stdout` is at that moment."""

    def __init__(self, *, stream: TextIO | None = None) -> None:
        self._stream = stream

    async def send(self, message: Message, *, target: str, thread: Thread) -> Receipt:  # noqa: ARG002
        stream = sys.stdout if self._stream is None else self._stream
        encoding = getattr(stream, "encoding", None) or "utf-8"
        text = payload(message).encode(encoding, "replace").decode(encoding)
        try:
            stream.write(text)
            stream.flush()
        except (OSError, ValueError):
            raise SendError(Outcome.TRANSIENT, "standard output cannot be written to") from None
        return Receipt()

    async def aclose(self) -> None:
        return None


def _open(_name: str, _settings: ConsoleSettings, _toolbox: Toolbox) -> ConsoleChannel:
    return ConsoleChannel()


KIND = Kind(
    name="console",
    settings=ConsoleSettings,
    open=_open,
    targets=lambda _settings: ("stdout",),
    concurrency=1,
)
