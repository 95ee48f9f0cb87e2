"""The transport interface, between capturing reports and sending them.

    capture (any thread, the event loop too)  ->  Transport  ->  the service, a test's memory, or nowhere

`HttpTransport` in `notifier.client.dispatch` sends to the service.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

Document = dict[str, Any]
"""A JSON object."""


class Dropped(Exception):
    """`Source.prepare` discards a report. `reason` is counted."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """Counts of reports: `captured == sent + spooled + sum(dropped.values())`.

    A report is an event or a task run's change. `spooled` ones are waiting, in memory or on disk.
    """

    captured: int = 0
    sent: int = 0
    spooled: int = 0
    dropped: Mapping[str, int] = field(default_factory=dict)

    @property
    def balanced(self) -> bool:
        return self.captured == self.sent + self.spooled + sum(self.dropped.values())


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """The notifier that opened a transport. Its functions are called on the transport's own thread.

    `prepare` scrubs an event and passes it to `before_send`; it raises `Dropped`, and no other function raises.
    `prepare_run` scrubs a run's change. `running` returns the ids of unfinished runs, `tasks` the names of tasks that
    can be replayed. `replay` executes a run: `{"id", "replay_of", "task", "key", "arguments": {"args", "kwargs"}}`; a
    repeated id is ignored. `rough` is called where an event is captured, and scrubs what may be stored before
    `prepare` runs; None if nothing may be.
    """

    service: str
    prepare: Callable[[Document], Document]
    prepare_run: Callable[[Document], Document]
    running: Callable[[], Sequence[str]]
    tasks: Callable[[], Sequence[str]]
    replay: Callable[[Mapping[str, Any]], None]
    rough: Callable[[Document], Document] | None = None


class Transport(Protocol):
    """Takes reports. `event`, `run` and `drop` are called on the event loop, so they neither block nor raise."""

    def open(self, source: Source) -> None:
        """Called once, before anything else. Starts no thread; the first report or `beat` does."""
        ...

    def event(self, event: Document) -> None:
        """Takes an event (RULES.md#the-event) that is not scrubbed yet. It has its `id` and `timestamp`."""
        ...

    def run(self, change: Document) -> None:
        """Takes a task run's current state. A later one of the same `id` may replace it before it is sent."""
        ...

    def drop(self, reason: str) -> None:
        """Counts a captured report that is not sent: `ignored`, `sampled`."""
        ...

    def beat(self) -> None:
        """Starts regular heartbeats to the service."""
        ...

    def fetch_run(self, id_: str) -> Document | None:
        """The service's record of a run that is not in this process. None if it has none, or is unavailable. Blocks."""
        ...

    def flush(self, timeout: float) -> bool:
        """Tries to send what waits, for at most `timeout` seconds. Returns whether nothing waits any more. Blocks."""
        ...

    def counts(self) -> Counts: ...

    def close(self, timeout: float) -> None:
        """Flushes, keeps the rest for a later process, and stops. Blocks."""
        ...


class NullTransport:
    """Discards reports. Used without a URL or a key."""

    def open(self, source: Source) -> None: ...
    def event(self, event: Document) -> None: ...
    def run(self, change: Document) -> None: ...
    def drop(self, reason: str) -> None: ...
    def beat(self) -> None: ...
    def fetch_run(self, id_: str) -> Document | None:  # noqa: ARG002 - the protocol's name
        return None

    def flush(self, timeout: float) -> bool:  # noqa: ARG002
        return True

    def counts(self) -> Counts:
        return Counts()

    def close(self, timeout: float) -> None: ...
