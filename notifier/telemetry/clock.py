"""The source of the current time."""

from __future__ import annotations

import time
from typing import Protocol

from notifier.domain.time import Instant


class Clock(Protocol):
    """A clock that returns milliseconds since the epoch."""

    def now(self) -> Instant: ...


class SystemClock:
    """The system clock."""

    def now(self) -> Instant:
        return time.time_ns() // 1_000_000


class AnchoredClock:
    """A clock that was read elsewhere once (PostgreSQL's `now()`) and advances by the monotonic clock."""

    def __init__(self, now: Instant) -> None:
        self.anchor(now)

    def anchor(self, now: Instant) -> None:
        """Set the clock to `now`."""
        self._offset = now - time.monotonic_ns() // 1_000_000

    def now(self) -> Instant:
        return self._offset + time.monotonic_ns() // 1_000_000
