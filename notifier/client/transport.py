"""Where reports go: the seam between what an application saw and how it leaves.

    capture (any thread, the event loop too)  ->  Transport  ->  the service, a test's memory, or nowhere

`HttpTransport` in `notifier.client.dispatch` is the real one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

Document = dict[str, Any]
"""A JSON object."""


class Dropped(Exception):
    """`Source.prepare` keeps a report back; `reason` is counted."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """Counts of reports: `captured == sent + spooled + sum(dropped.values())`.

    A report is an event or a task run's change. `spooled` are those that wait, in memory or on disk.
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
    """The notifier that opened a transport, as the transport knows it. Called from the transport's own thread.

    `prepare` scrubs an event and gives it to `before_send`; raises `Dropped`. `prepare_run` scrubs a run's change.
    `running` are the ids of runs that have not ended here, `tasks` the names of tasks that may be replayed. `replay`
    runs one again: `{"id", "replay_of", "task", "key", "arguments": {"args", "kwargs"}}`; a repeat of an id is ignored.
    None of them raises anything but `Dropped`. `rough` is called where an event is captured: it scrubs what the disk
    may hold until `prepare` has had its turn; None: nothing may be there before.
    """

    service: str
    prepare: Callable[[Document], Document]
    prepare_run: Callable[[Document], Document]
    running: Callable[[], Sequence[str]]
    tasks: Callable[[], Sequence[str]]
    replay: Callable[[Mapping[str, Any]], None]
    rough: Callable[[Document], Document] | None = None


class Transport(Protocol):
    """Takes reports. `event`, `run` and `drop` are called on the event loop: they neither block, wait nor raise."""

    def open(self, source: Source) -> None:
        """Called once, before anything else. Starts no thread: the first report or `beat` does."""
        ...

    def event(self, event: Document) -> None:
        """Take an event (RULES.md#the-event), not scrubbed yet. It carries its own `id` and `timestamp`."""
        ...

    def run(self, change: Document) -> None:
        """Take a task run as it is now; a later one of the same `id` may replace it before it leaves."""
        ...

    def drop(self, reason: str) -> None:
        """Count a report that was captured and is not wanted: `ignored`, `sampled`."""
        ...

    def beat(self) -> None:
        """From now on, tell the service regularly that this process lives."""
        ...

    def fetch_run(self, id_: str) -> Document | None:
        """The service's word on a run that this process does not know; None: it knows none, or is away. Blocks."""
        ...

    def flush(self, timeout: float) -> bool:
        """Try to send what waits, for at most `timeout` seconds; whether nothing waits any more. Blocks."""
        ...

    def counts(self) -> Counts: ...

    def close(self, timeout: float) -> None:
        """`flush`, keep the rest for a later process, and stop. Blocks."""
        ...


class NullTransport:
    """Reports go nowhere: there is no address or no key."""

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
