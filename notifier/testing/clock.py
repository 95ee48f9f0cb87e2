"""A manual clock for tests."""

from __future__ import annotations

from notifier.domain.time import Duration, Instant, parse_rfc3339


class ManualClock:
    """A clock in milliseconds since 1970 that moves only by `advance`; it starts at 2026-11-22 05:00 UTC by default."""

    def __init__(self, now: Instant | None = None) -> None:
        self._now = parse_rfc3339("2026-11-22T05:00:00Z") if now is None else now

    def now(self) -> Instant:
        return self._now

    def advance(self, by: Duration) -> Instant:
        """Move the clock forward by `by` milliseconds and return the new time."""
        self._now += by
        return self._now
