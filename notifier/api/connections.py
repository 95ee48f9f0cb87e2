"""The open connections: how many there may be, and how long each may wait for its client."""

from __future__ import annotations

import asyncio
import resource
from collections.abc import Callable, MutableMapping
from typing import Protocol

from notifier.telemetry.logging import get

HEAD_S = 10.0
"""From the connection, or from the first byte of a further request, to the end of the head."""

STALL_S = 60.0
"""How long a client may leave an answer unread."""

MOST = 8_192
FEWEST = 16
TICK_S = 0.5
REPORT_EVERY_S = 60.0

log = get("notifier.http")


class Connection(Protocol):
    """A client's connection, as the deadlines and the cap see it."""

    def expire(self) -> None: ...
    def abort(self) -> None: ...


class Connections:
    """Every open connection by what it waits for, the oldest first. One timer serves all deadlines."""

    def __init__(self, most: int, *, head_s: float = HEAD_S, stall_s: float = STALL_S) -> None:
        self._most = most
        self._head_s = head_s
        self._stall_s = stall_s
        self._open: set[Connection] = set()
        self._headless: dict[Connection, float] = {}
        self._idle: dict[Connection, None] = {}
        self._stalled: dict[Connection, float] = {}
        self._ticking = False
        self._closed = 0
        self._report_after = 0.0

    def admit(self, connection: Connection) -> bool:
        """Count a new connection; at the cap another one is closed for it. False: all of them are at work."""
        if len(self._open) >= self._most and not self._make_room():
            return False
        self._open.add(connection)
        self.headless(connection)
        return True

    def headless(self, connection: Connection) -> None:
        """The head of a request is awaited, from now on or for some time already."""
        self._idle.pop(connection, None)
        self._since(self._headless, connection)

    def idle(self, connection: Connection) -> None:
        """The client has sent nothing since the last answer."""
        self._headless.pop(connection, None)
        self._idle.pop(connection, None)
        self._idle[connection] = None

    def busy(self, connection: Connection) -> None:
        """An answer is owed."""
        self._headless.pop(connection, None)
        self._idle.pop(connection, None)

    def stalled(self, connection: Connection) -> None:
        """The client leaves unread what was sent, from now on or for some time already."""
        self._since(self._stalled, connection)

    def flowing(self, connection: Connection) -> None:
        """The client reads again."""
        self._stalled.pop(connection, None)

    def forget(self, connection: Connection) -> None:
        """The connection is no more."""
        self._open.discard(connection)
        self.busy(connection)
        self.flowing(connection)

    def _since(self, waiting: MutableMapping[Connection, float], connection: Connection) -> None:
        loop = asyncio.get_running_loop()
        waiting.setdefault(connection, loop.time())
        if not self._ticking:
            self._ticking = True
            loop.call_later(TICK_S, self._tick)

    def _make_room(self) -> bool:
        self._report()
        oldest = next(iter(self._headless), None) or next(iter(self._idle), None)
        if oldest is not None:
            self.forget(oldest)
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
        _expire(self._headless, loop.time() - self._head_s, lambda connection: connection.expire())
        _expire(self._stalled, loop.time() - self._stall_s, lambda connection: connection.abort())
        self._ticking = bool(self._headless or self._stalled)
        if self._ticking:
            loop.call_later(TICK_S, self._tick)


def _expire(
    waiting: MutableMapping[Connection, float], too_old: float, end: Callable[[Connection], None]
) -> None:
    """The oldest stand first, so that the first of the young ones ends the search."""
    expired = []
    for connection, since in waiting.items():
        if since > too_old:
            break
        expired.append(connection)
    for connection in expired:
        del waiting[connection]
        end(connection)


def most_connections() -> int:
    """Raise the soft limit of descriptors to the hard one, and leave enough of them to the database and the sends."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        soft = hard
    except (OSError, ValueError):  # the kernel's own limit may be below an unlimited one
        log.info("descriptors_not_raised", soft=soft, hard=hard)
    if soft == resource.RLIM_INFINITY:
        return MOST
    return max(FEWEST, min(MOST, soft - max(64, min(512, soft // 4))))
