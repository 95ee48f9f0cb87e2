"""The open connections: a limit on their number, and deadlines for their clients."""

from __future__ import annotations

import asyncio
import resource
from collections.abc import Callable, MutableMapping
from typing import Protocol

from notifier.telemetry.logging import get

HEAD_S = 10.0
"""From the connection, or the first byte of a further request, to the end of the head."""

STALL_S = 60.0
"""The time for which a client may leave an answer unread."""

MOST = 8_192
FEWEST = 16
TICK_S = 0.5
REPORT_EVERY_S = 60.0

log = get("notifier.http")


class Connection(Protocol):
    """A client's connection, as the deadlines and the limit need it."""

    def expire(self) -> None: ...
    def abort(self) -> None: ...


class Connections:
    """The open connections by what they wait for, oldest first. One timer serves all deadlines."""

    def __init__(self, most: int, *, head_s: float = HEAD_S, stall_s: float = STALL_S) -> None:
        self._most = most
        self._head_s = head_s
        self._stall_s = stall_s
        self._open: set[Connection] = set()
        self._awaiting_head: dict[Connection, float] = {}
        self._idle: dict[Connection, None] = {}
        self._stalled: dict[Connection, float] = {}
        self._ticking = False
        self._closed = 0
        self._report_after = 0.0

    def admit(self, connection: Connection) -> bool:
        """Admit a new connection; at the limit, the oldest one without a request is closed. False if all are busy."""
        if len(self._open) >= self._most and not self._make_room():
            return False
        self._open.add(connection)
        self.awaiting_head(connection)
        return True

    def awaiting_head(self, connection: Connection) -> None:
        """Await the head of a request, since now or earlier."""
        self._idle.pop(connection, None)
        self._since(self._awaiting_head, connection)

    def idle(self, connection: Connection) -> None:
        """Await a further request, since the last answer."""
        self._awaiting_head.pop(connection, None)
        self._idle.pop(connection, None)
        self._idle[connection] = None

    def busy(self, connection: Connection) -> None:
        """The request is being answered."""
        self._awaiting_head.pop(connection, None)
        self._idle.pop(connection, None)

    def stalled(self, connection: Connection) -> None:
        """Await that the client reads, since now or earlier."""
        self._since(self._stalled, connection)

    def reading(self, connection: Connection) -> None:
        """The client reads again."""
        self._stalled.pop(connection, None)

    def remove(self, connection: Connection) -> None:
        """The connection is closed."""
        self._open.discard(connection)
        self.busy(connection)
        self.reading(connection)

    def _since(self, waiting: MutableMapping[Connection, float], connection: Connection) -> None:
        loop = asyncio.get_running_loop()
        waiting.setdefault(connection, loop.time())
        if not self._ticking:
            self._ticking = True
            loop.call_later(TICK_S, self._tick)

    def _make_room(self) -> bool:
        self._report()
        oldest = next(iter(self._awaiting_head), None) or next(iter(self._idle), None)
        if oldest is not None:
            self.remove(oldest)
            oldest.abort()
        return oldest is not None

    def _report(self) -> None:
        self._closed += 1
        now = asyncio.get_running_loop().time()
        if now < self._report_after:
            return
        self._report_after = now + REPORT_EVERY_S
        log.warning(
            "connections_at_the_cap",
            most=self._most,
            closed=self._closed,
            problem="the oldest without a request is closed for each new one: look for clients that connect "
            "and send nothing, or raise the limit of open files (ulimit -n, LimitNOFILE)",
        )

    def _tick(self) -> None:
        loop = asyncio.get_running_loop()
        _expire(self._awaiting_head, loop.time() - self._head_s, lambda connection: connection.expire())
        _expire(self._stalled, loop.time() - self._stall_s, lambda connection: connection.abort())
        self._ticking = bool(self._awaiting_head or self._stalled)
        if self._ticking:
            loop.call_later(TICK_S, self._tick)


def _expire(
    waiting: MutableMapping[Connection, float], too_old: float, end: Callable[[Connection], None]
) -> None:
    """End the connections that are too old. They are sorted by age, so the first young one ends the search."""
    expired = []
    for connection, since in waiting.items():
        if since > too_old:
            break
        expired.append(connection)
    for connection in expired:
        del waiting[connection]
        end(connection)


def most_connections() -> int:
    """Raise the soft limit of file descriptors to the hard one, and leave enough for the database and sends."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        soft = hard
    except (OSError, ValueError):  # the kernel's own limit may be lower
        log.info("descriptors_not_raised", soft=soft, hard=hard)
    if soft == resource.RLIM_INFINITY:
        return MOST
    return max(FEWEST, min(MOST, soft - max(64, min(512, soft // 4))))
