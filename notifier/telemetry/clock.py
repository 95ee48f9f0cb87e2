"""The clock port: where `now` comes from."""

from __future__ import annotations

import time
from typing import Protocol

from notifier.domain.time import Instant


class Clock(Protocol):
    """Tells the time in milliseconds since the epoch."""

    def now(self) -> Instant: ...


class SystemClock:
    """The machine's clock."""

    def now(self) -> Instant:
        return time.time_ns() // 1_000_000


class AnchoredClock:
    """A clock that was read once elsewhere (PostgreSQL's `now()`) and goes on by the monotonic clock."""

    def __init__(self, now: Instant) -> None:
        self.anchor(now)

    def anchor(self, now: Instant) -> None:
        """Set it anew; it never goes backwards by more than what was read."""
        self._offset = now - time.monotonic_ns() // 1_000_000

    def now(self) -> Instant:
        return self._offset + time.monotonic_ns() // 1_000_000
