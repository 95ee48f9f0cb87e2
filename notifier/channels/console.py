"""Prints messages to standard output: for a first look, and for a container's log."""

from __future__ import annotations

import asyncio
import sys
from typing import TextIO
from zoneinfo import ZoneInfo

from notifier import wording
from notifier.channels.base import ChannelSettings, Kind, Toolbox
from notifier.channels.time_zone import TimeZone
from notifier.domain.delivery import Outcome, Receipt, Thread
from notifier.domain.errors import SendError
from notifier.domain.message import Message
from notifier.telemetry.nonblocking_output import OutputDescriptor, descriptor_of
from notifier.wording import RenderOptions

RETRY_INTERVAL_S = 0.1
WRITE_RETRIES = 50


class ConsoleSettings(ChannelSettings):
    """`time_zone` is used for times in messages."""

    time_zone: TimeZone = "UTC"


def payload(message: Message, options: RenderOptions | None = None) -> str:
    """The lines of a message, each prefixed with a bar, so that none is mistaken for another program's output."""
    rendered = wording.render(message, options)
    body = (f"| {line}".rstrip() for line in [rendered.subject, *wording.lines(rendered)])
    return "\n".join(["", *body, "", ""])


class ConsoleChannel:
    """Writes to `stream`. The default is the current `sys.stdout`, looked up for each message."""

    def __init__(self, settings: ConsoleSettings | None = None, *, stream: TextIO | None = None) -> None:
        self._options = RenderOptions(zone=ZoneInfo((settings or ConsoleSettings()).time_zone))
        self._stream = stream

    async def send(self, message: Message, *, target: str, thread: Thread) -> Receipt:  # noqa: ARG002
        stream = sys.stdout if self._stream is None else self._stream
        encoding = getattr(stream, "encoding", None) or "utf-8"
        data = payload(message, self._options).encode(encoding, "replace")
        descriptor = descriptor_of(stream)
        try:
            if descriptor is None:
                stream.write(data.decode(encoding))
                stream.flush()
            else:
                await _write(descriptor, data)
        except (OSError, ValueError):
            raise SendError(Outcome.TRANSIENT, "standard output cannot be written to") from None
        return Receipt()

    async def check(self, *, target: str) -> str:  # noqa: ARG002 - there is one
        stream = sys.stdout if self._stream is None else self._stream
        if stream is None or stream.closed:
            raise SendError(Outcome.TRANSIENT, "standard output is closed")
        return "standard output is open"

    async def aclose(self) -> None:
        return None


async def _write(descriptor: OutputDescriptor, data: bytes) -> None:
    """Writes all data without blocking: retries while the reader of the output is slow, for a limited time."""
    rest = descriptor.take(data)
    for _ in range(WRITE_RETRIES):
        if not rest:
            return
        await asyncio.sleep(RETRY_INTERVAL_S)
        rest = descriptor.take(rest)
    if rest:
        outcome = Outcome.TRANSIENT if len(rest) == len(data) else Outcome.AMBIGUOUS
        raise SendError(outcome, "nobody reads standard output: it takes no more")


def _open(_name: str, settings: ConsoleSettings, _toolbox: Toolbox) -> ConsoleChannel:
    return ConsoleChannel(settings)


def _preview(_name: str, settings: ConsoleSettings, message: Message, _url: str | None) -> str:
    return payload(message, RenderOptions(zone=ZoneInfo(settings.time_zone)))


KIND = Kind(
    name="console",
    settings=ConsoleSettings,
    open=_open,
    targets=lambda _settings: ("stdout",),
    concurrency=1,
    preview=_preview,
)
